//! The track record: the verdicts that days of watched pools end with, and what became of those that were
//! told.
//!
//! A fall was missed where an alert watched the pool, its day ended with a verdict that was not unsustainable,
//! the rate then fell by the labels of [`Fate`](crate::domain::verdict::outcome::Fate), and in the 30 days
//! before the fall no verdict warned: none was told and none stood at the end of a day. As in the benchmark,
//! days under 2 % or $100k do not count. A pool that goes on under another key is another pool here: that it
//! is the same is a guess, and no success should rest on one.

use std::sync::Arc;

use arc_swap::ArcSwapOption;

use super::evaluator::Evaluator;
use crate::{
    domain::{
        listing::Listing,
        reading::{DataState, DayReading},
        time::{Day, Timestamp},
        track::Tally,
        verdict::outcome::{HORIZON, counts, fell_on, known_by},
    },
    market::snapshot::Snapshot,
    store::{Store, StoreError, track::StoodRow},
};

/// What is looked at after one batch. A day's worth is done long before the next.
const AT_A_TIME: u32 = 500;

/// The track record as it was counted last. A year of it is many rows, and only a batch changes it.
#[derive(Debug, Default)]
pub struct TrackRecord(ArcSwapOption<Tally>);

impl TrackRecord {
    /// Counts it anew, after a batch.
    pub async fn count(&self, store: &Store, today: Day) -> Result<Tally, StoreError> {
        let tally = store.tally(today).await?;
        self.0.store(Some(Arc::new(tally)));
        Ok(tally)
    }

    /// As of the last batch. Who asks before the first one since the start has it counted.
    pub async fn tally(&self, store: &Store, today: Day) -> Result<Tally, StoreError> {
        match self.0.load_full() {
            Some(tally) => Ok(*tally),
            None => self.count(store, today).await,
        }
    }
}

/// The verdicts with which the last day of `old` ended, where the next batch is of another day.
pub(super) fn ended(old: &Snapshot, next: Timestamp, evaluator: &Evaluator) -> Vec<StoodRow> {
    if old.origin.fetched_at.day() >= next.day() {
        return Vec::new();
    }
    let stood = |listing: &Listing| {
        let reading = &listing.reading;
        let verdict = listing.assessment.verdict;
        let is_meant = listing.state == DataState::Good
            && listing.missed.is_none()
            && verdict.rank().is_some()
            && counts(&DayReading::from(reading))
            && evaluator.reaches(&listing.pool, reading.tvl_usd);
        is_meant.then(|| StoodRow {
            no: listing.no,
            day: reading.at.day(),
            verdict,
        })
    };
    old.listings().iter().filter_map(stood).collect()
}

/// Judges verdicts of which it is known by now what became of the rates, as many as one look may take.
/// Done after a batch of today, so that the days before are written down. What was judged stays so, and
/// what is broken off goes on with the next look.
pub async fn judge(store: &Store, now: Timestamp) -> Result<(), StoreError> {
    let until = known_by(now.day());
    let mut judged = Vec::new();
    for row in store.unjudged(until, AT_A_TIME).await? {
        let days = around(store, row.no, row.announcement.day()).await?;
        judged.push((row, row.announcement.fate(&days)));
    }
    if !judged.is_empty() {
        store.judge(&judged, now).await?;
    }
    let mut looked_at = Vec::new();
    for row in store.unwarned(until, AT_A_TIME).await? {
        let days = around(store, row.no, row.day).await?;
        let at = days.binary_search_by_key(&row.day, |day| day.day).ok();
        looked_at.push((row, at.and_then(|at| fell_on(&days, at))));
    }
    if !looked_at.is_empty() {
        store.settle(&looked_at).await?;
    }
    store.sweep_standing(until).await?;
    store.sweep_told(now.day()).await
}

/// The days of a pool from 30 days before this one on.
async fn around(store: &Store, no: i64, day: Day) -> Result<Vec<DayReading>, StoreError> {
    store.days(no, Day(day.0 - HORIZON)).await
}
