//! The market as replies tell it: its pools, and how old what is said of them is.

use std::{ops::Deref, sync::Arc};

use super::{feed::Health, snapshot::Snapshot};
use crate::domain::time::Timestamp;

/// A snapshot with the age of what it says.
#[derive(Debug, Clone)]
pub struct View {
    snapshot: Arc<Snapshot>,
    /// When the source last answered, with or without news.
    pub answered_at: Timestamp,
}

impl View {
    /// A source that was not asked since we started has last answered with the snapshot itself.
    pub fn new(snapshot: Arc<Snapshot>, health: &Health) -> Self {
        let answered_at = health.answered_at.unwrap_or(snapshot.origin.fetched_at);
        Self {
            snapshot,
            answered_at,
        }
    }
}

impl Deref for View {
    type Target = Snapshot;

    fn deref(&self) -> &Snapshot {
        &self.snapshot
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market::fixture::{after, hour, row};

    #[test]
    fn an_answer_without_news_makes_the_market_younger() {
        let change = after(&Snapshot::default(), hour(0), vec![row(1, 4.0)]);
        let snapshot = Arc::new(change.snapshot);
        let answered_at = |at| {
            let health = Health {
                answered_at: at,
                ..Health::default()
            };
            View::new(Arc::clone(&snapshot), &health).answered_at
        };
        assert_eq!(answered_at(None), hour(0));
        assert_eq!(answered_at(Some(hour(7))), hour(7));
    }
}
