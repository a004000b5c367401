//! The market as replies tell it: its pools, how old what is said of them is, and that nothing is
//! vouched for once the source has been silent for too long.

use std::{ops::Deref, sync::Arc};

use super::{health::Health, ingest::STALE_AFTER, snapshot::Snapshot};
use crate::domain::{
    listing::Listing, rate::Percent, reading::DataState, time::Timestamp, verdict::Screen,
};

/// A snapshot as it is to be told at one moment.
#[derive(Debug, Clone)]
pub struct View {
    snapshot: Arc<Snapshot>,
    /// When the source last gave a usable answer, with or without news.
    pub answered_at: Timestamp,
    /// That is too long ago: good readings are shown as stale, without a verdict.
    pub is_silent: bool,
}

impl View {
    /// A source that was not asked since we started has last answered with the snapshot itself.
    pub fn new(snapshot: Arc<Snapshot>, health: &Health, screen: &Screen, now: Timestamp) -> Self {
        let answered_at = health.answered_at.unwrap_or(snapshot.origin.fetched_at);
        let is_silent = now.since(answered_at) > STALE_AFTER.0;
        Self {
            snapshot: if is_silent {
                Arc::new(snapshot.silenced(answered_at, screen))
            } else {
                snapshot
            },
            answered_at,
            is_silent,
        }
    }

    /// The rate at which income may be projected: the present one, or the last good one of a source
    /// that has fallen silent.
    pub fn rate(&self, listing: &Listing) -> Option<Percent> {
        match listing.state {
            DataState::Good => Some(listing.reading.apy),
            DataState::Stale if self.is_silent => listing.trusted.map(|reading| reading.apy),
            DataState::Suspect | DataState::Stale | DataState::Missing => None,
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
    use crate::{
        domain::verdict::{Reason, Verdict},
        market::fixture::{after, hour, id, row},
    };

    /// A market of hour 0, whose source last answered at one time, as told at another.
    fn view(answered_at: Option<Timestamp>, now: Timestamp) -> View {
        let change = after(&Snapshot::default(), hour(0), vec![row(1, 4.0)]);
        let health = Health {
            answered_at,
            ..Health::default()
        };
        View::new(Arc::new(change.snapshot), &health, &Screen::default(), now)
    }

    #[test]
    fn an_answer_without_news_makes_the_market_younger() {
        assert_eq!(view(None, hour(8)).answered_at, hour(0));
        assert_eq!(view(Some(hour(7)), hour(8)).answered_at, hour(7));
    }

    #[test]
    fn nothing_is_vouched_for_once_the_source_is_silent_for_a_day() {
        let fresh = view(Some(hour(30)), hour(54));
        let silent = view(Some(hour(30)), hour(55));
        let listing = |view: &View| view.get(id(1)).unwrap().clone();
        let (before, after) = (listing(&fresh), listing(&silent));
        assert_eq!(before.state, DataState::Good);
        assert_eq!(before.assessment.verdict, Verdict::Sustainable);
        assert_eq!(after.state, DataState::Stale);
        assert_eq!(after.assessment.verdict, Verdict::Unknown);
        assert_eq!(after.assessment.score, None);
        assert_eq!(
            after.assessment.reasons.first(),
            Some(&Reason::SourceSilent(hour(30)))
        );
        // Income is still projected, at the rates of then.
        assert_eq!(silent.rate(&after), Percent::new(4.0));
        assert_eq!(fresh.rate(&after), None);
    }
}
