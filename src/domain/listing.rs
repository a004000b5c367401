//! A pool with its latest figures and what they are worth.

use std::sync::Arc;

use super::{
    pool::Pool,
    reading::{DataState, Doubt, FeedStats, Reading},
    rule::Rewarded,
    strain::Strain,
    time::Timestamp,
    verdict::{Assessment, Evidence, Reason, Screen, Usual, assess, record::Record},
};

/// One pool with its latest figures.
#[derive(Debug, Clone)]
pub struct Listing {
    /// The number under which the store keeps the pool.
    pub no: i64,
    pub pool: Arc<Pool>,
    /// The latest reading, usable or not.
    pub reading: Reading,
    /// The last usable reading, where the latest is not one.
    pub trusted: Option<Reading>,
    pub feed: FeedStats,
    /// The reading's time is the pool's own, not that of the fetch.
    pub own_time: bool,
    /// Contract addresses of the tokens in which rewards are paid; none before the first batch of a run.
    pub reward_tokens: Box<[Box<str>]>,
    /// Since when the figures are the same.
    pub unchanged_since: Timestamp,
    pub state: DataState,
    /// From our own daily history, once it is long enough.
    pub record: Option<Arc<Record>>,
    /// Why the latest reading is not believed, while it is suspect.
    pub doubt: Option<Doubted>,
    /// When reward tokens were last paid, as far as we saw.
    pub rewarded: Option<Rewarded>,
    /// When the source's count of days observed last changed.
    pub counted_at: Timestamp,
    pub assessment: Assessment,
    /// What troubles it from outside of its own figures.
    pub strain: Strain,
    /// Good batches in a row that lacked the pool, and since when.
    pub missed: Option<Missed>,
}

/// Why a reading is not believed, and since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Doubted {
    pub doubt: Doubt,
    pub since: Timestamp,
}

/// Since when a pool is no longer in the source's answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missed {
    pub batches: u32,
    pub since: Timestamp,
}

impl Listing {
    /// What the pool usually pays, by our own history or else by the feed's summary.
    pub fn usual(&self) -> Option<Usual> {
        self.evidence(&self.reading, self.state).usual()
    }

    /// What the listing's figures are worth.
    pub fn assess(&self, screen: &Screen) -> Assessment {
        assess(&self.evidence(&self.reading, self.state), screen)
    }

    /// What a reading of this pool is judged by.
    pub fn evidence<'a>(&'a self, reading: &'a Reading, data: DataState) -> Evidence<'a> {
        Evidence {
            reading,
            data,
            record: self.record.as_deref(),
            feed: &self.feed,
        }
    }

    /// Takes in that the source has given no usable answer since then: what was good is stale now,
    /// and no verdict stands on it.
    pub fn silence(&mut self, since: Timestamp, screen: &Screen) {
        if self.state != DataState::Good {
            return;
        }
        self.state = DataState::Stale;
        self.trusted = Some(self.reading);
        self.assessment = self.assess(screen);
        if let Some(first) = self.assessment.reasons.first_mut() {
            *first = Reason::SourceSilent(since);
        }
    }

    /// The reading that rules may rely on.
    pub fn usable(&self) -> Option<&Reading> {
        match self.state {
            DataState::Good => Some(&self.reading),
            DataState::Suspect | DataState::Stale | DataState::Missing => self.trusted.as_ref(),
        }
    }
}
