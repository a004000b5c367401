//! The market as replies tell it: its pools, how old what is said of them is, and that nothing is
//! vouched for once the source has been silent for too long.

use std::{ops::Deref, sync::Arc};

use foldhash::HashMap;

use super::{health::Health, ingest::STALE_AFTER, snapshot::Snapshot};
use crate::domain::{
    ids::PoolId, listing::Listing, rate::Percent, reading::DataState, time::Timestamp,
    verdict::Screen,
};

/// A snapshot as it is to be told at one moment.
#[derive(Debug, Clone)]
pub struct View {
    snapshot: Arc<Snapshot>,
    /// When the source last gave a usable answer, with or without news.
    pub answered_at: Timestamp,
    /// That is too long ago: good readings are shown as stale, without a verdict.
    pub is_silent: bool,
    /// Pools that go on under another key.
    became: Arc<HashMap<PoolId, PoolId>>,
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
            became: Arc::default(),
        }
    }

    /// With pools that go on under another key.
    #[must_use]
    pub fn following(self, became: Arc<HashMap<PoolId, PoolId>>) -> Self {
        Self { became, ..self }
    }

    /// The pool of this key or, where the source does not list that any more, the one that it has become.
    pub fn followed(&self, id: PoolId) -> Option<&Listing> {
        /// Renamed more often than this it goes round in circles.
        const MOST_NAMES: usize = 8;
        let is_listed = |listing: &&Listing| listing.missed.is_none();
        let names = std::iter::successors(Some(id), |id| self.became.get(id).copied());
        let mut listings = names.take(MOST_NAMES).filter_map(|id| self.get(id));
        let listed = listings.find(is_listed);
        listed.or_else(|| self.get(id))
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
    fn a_pool_that_goes_on_under_another_key_is_found_by_its_old_one() {
        let became = |pairs: &[(u8, u8)]| {
            let pairs = pairs.iter().map(|(old, new)| (id(*old), id(*new)));
            Arc::new(pairs.collect())
        };
        let followed = |pairs: &[(u8, u8)], of: u8| {
            let view = view(None, hour(0)).following(became(pairs));
            view.followed(id(of)).map(|listing| listing.pool.id)
        };
        assert_eq!(followed(&[(7, 8), (8, 1)], 7), Some(id(1)));
        assert_eq!(
            followed(&[(1, 7)], 1),
            Some(id(1)),
            "it is listed under its own key"
        );
        assert_eq!(followed(&[(7, 8), (8, 7)], 7), None, "round in a circle");
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
