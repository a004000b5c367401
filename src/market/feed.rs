//! The source of the market, asked again and again: what came, how it went, when it is asked next.

use std::{sync::Arc, time::Duration};

use tracing::warn;

use super::{
    Market,
    health::words_of,
    ingest::{Change, HalfEmpty, Refused, advance, batch_row, check_size, in_force, stands},
    snapshot::Snapshot,
    strains::Strains,
};
use crate::{
    causes::Causes,
    domain::{
        ids::PoolId,
        listing::Listing,
        reading::{DEFILLAMA, DayReading, Reading},
        time::{Day, Timestamp},
    },
    sources::{
        Answer, Batch, Outage, SourceError,
        defillama::Defillama,
        fetch::{Backoff, Outcome, Schedule},
        file::FileSource,
    },
    store::{Store, StoreError, market::BatchRow},
};

/// Where pools come from.
#[derive(Debug)]
pub enum Source {
    Defillama(Box<Defillama>),
    File(FileSource),
}

impl Source {
    /// The name under which batches are kept. A saved answer may hold a part of the pools, so its size
    /// says nothing of the upstream's.
    const fn name(&self) -> &'static str {
        match self {
            Self::Defillama(_) => DEFILLAMA,
            Self::File(_) => "DefiLlama, from a file",
        }
    }

    async fn pools(&mut self, now: Timestamp) -> Result<Answer, SourceError> {
        match self {
            Self::Defillama(source) => source.pools(now).await,
            Self::File(source) => source.pools(now).await,
        }
    }

    fn forget(&mut self) {
        match self {
            Self::Defillama(source) => source.forget(),
            Self::File(source) => source.forget(),
        }
    }
}

/// Why a batch brought nothing.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error("the batch is half empty")]
    HalfEmpty(#[from] HalfEmpty),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// How asking the source ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Came {
    /// A batch with another content than the last one.
    News,
    #[default]
    Unchanged,
    /// A batch that is far smaller than usual, and is refused.
    HalfEmpty,
    /// No answer, none that can be read, or one that could not be kept.
    Nothing,
}

/// The loop's own state: the source, its schedule, and the day for which records are known.
#[derive(Debug)]
pub struct Feed {
    source: Source,
    schedule: Schedule,
    outcome: Outcome,
    came: Came,
    records_for: Option<Day>,
    /// Not kept over a restart, after which two readings are needed again.
    strains: Strains,
    /// They were to be told with a batch that was not taken over.
    strains_untold: bool,
    /// The last batch that came from a run before this one, to know an unchanged answer again.
    last_digest: Option<Vec<u8>>,
    /// Not kept over a restart, which begins the count anew.
    refused: Refused,
}

impl Feed {
    /// Continues after the last batch of the store.
    pub async fn new(source: Source, store: &Store) -> Result<Self, StoreError> {
        Ok(Self {
            source,
            schedule: Schedule::new(Backoff::default()),
            outcome: Outcome::Answered,
            came: Came::default(),
            records_for: None,
            strains: Strains::default(),
            strains_untold: false,
            last_digest: store.last_batch().await?.map(|(_, _, digest)| digest),
            refused: Refused::default(),
        })
    }

    /// Asks the source. `None` when it has nothing new; the market's health is kept up to date.
    pub async fn next(
        &mut self,
        store: &Store,
        market: &Market,
        now: Timestamp,
    ) -> Result<Option<Change>, FeedError> {
        let answered = self.ask(store, market, now).await;
        self.came = match &answered {
            Ok(Some(change)) if change.batch.is_some() => Came::News,
            Ok(_) => Came::Unchanged,
            Err(FeedError::HalfEmpty(_)) => Came::HalfEmpty,
            Err(FeedError::Source(_) | FeedError::Store(_)) => Came::Nothing,
        };
        let mut health = (*market.health()).clone();
        match &answered {
            Ok(change) => {
                health.answered(now);
                if let Some(batch) = change.as_ref().and_then(|change| change.batch) {
                    health.skipped = batch.skipped;
                    health.conflicting = batch.conflicting;
                }
            }
            // What lies below a failure of the database is for the operator alone.
            Err(error @ FeedError::Store(_)) => health.failed(now, error.to_string()),
            Err(error) => health.failed(now, words_of(error)),
        }
        market.health.store(Arc::new(health));
        match answered {
            Err(error @ (FeedError::Source(_) | FeedError::HalfEmpty(_))) => {
                // What is said beside the pools does not wait for them to be readable again.
                let beside = self.beside(market, now).await?;
                match beside {
                    Some(change) => {
                        warn!(error = %Causes(&error), "no batch");
                        Ok(Some(change))
                    }
                    None => Err(error),
                }
            }
            answered => answered,
        }
    }

    /// How the last asking ended.
    pub const fn came(&self) -> Came {
        self.came
    }

    /// How long to wait after the last answer. `random` is from 0 to 1.
    pub fn delay(&mut self, interval: Duration, random: f64) -> Duration {
        self.schedule.next_delay(self.outcome, interval, random)
    }

    /// What came last was not taken over, so the same bytes have to count as news once more.
    pub fn forget_last_answer(&mut self) {
        self.outcome = Outcome::Failed;
        self.came = Came::Nothing;
        self.strains_untold = true;
        self.source.forget();
    }

    /// Days were filled in, so what they say is worked out anew with the next batch.
    pub fn forget_records(&mut self) {
        self.records_for = None;
    }

    async fn ask(
        &mut self,
        store: &Store,
        market: &Market,
        now: Timestamp,
    ) -> Result<Option<Change>, FeedError> {
        let answer = self.source.pools(now).await;
        self.outcome = Outcome::of(&answer);
        let Answer::Batch(batch) = answer? else {
            return self.beside(market, now).await;
        };
        if self
            .last_digest
            .take()
            .is_some_and(|digest| digest == batch.digest.to_le_bytes())
        {
            return self.beside(market, now).await;
        }
        let taken = self.take_in(batch, store, market, now).await;
        if taken.is_err() {
            self.forget_last_answer();
        }
        taken.map(Some)
    }

    async fn take_in(
        &mut self,
        batch: Batch,
        store: &Store,
        market: &Market,
        now: Timestamp,
    ) -> Result<Change, FeedError> {
        self.check_size(&batch, store).await?;
        self.begin_day(store, market, now.day()).await?;
        let old = market.snapshot();
        let screen = *market.screen();
        let mut change = tokio::task::spawn_blocking(move || advance(&old, batch, &screen))
            .await
            .map_err(|_| broken_off())?;
        if let Some(batch) = &mut change.batch {
            batch.source = self.source.name();
        }
        let snapshot = change.snapshot;
        (change.snapshot, change.strained) = self.strain(market, now, move || snapshot).await?;
        Ok(change)
    }

    /// What troubles pools from outside of their figures waits for no change of those.
    async fn beside(
        &mut self,
        market: &Market,
        now: Timestamp,
    ) -> Result<Option<Change>, FeedError> {
        let old = market.snapshot();
        let is_due = self.strains_untold || self.strains.may_hear(&market.facts(), now);
        if old.is_empty() || !is_due {
            return Ok(None);
        }
        let (snapshot, strained) = self.strain(market, now, move || (*old).clone()).await?;
        Ok((!strained.is_empty()).then(|| stands(now, snapshot, strained)))
    }

    /// Hears what is said beside the pools, and puts what is believed of it to them: those for which that
    /// is new.
    async fn strain(
        &mut self,
        market: &Market,
        now: Timestamp,
        snapshot: impl FnOnce() -> Snapshot + Send + 'static,
    ) -> Result<(Snapshot, Vec<PoolId>), FeedError> {
        let mut strains = std::mem::take(&mut self.strains);
        let untold = std::mem::take(&mut self.strains_untold);
        let facts = market.facts();
        let heard = tokio::task::spawn_blocking(move || {
            let mut snapshot = snapshot();
            let strained = if strains.hear(&facts, &snapshot, now) || untold {
                snapshot.set_strains(|pool| strains.of(pool))
            } else {
                Vec::new()
            };
            (strains, snapshot, strained)
        });
        let (strains, snapshot, strained) = heard.await.map_err(|_| broken_off())?;
        self.strains = strains;
        Ok((snapshot, strained))
    }

    /// Refuses a batch that is far smaller than usual, unless it has been so for long.
    async fn check_size(&mut self, batch: &Batch, store: &Store) -> Result<(), FeedError> {
        let source = self.source.name();
        let pools = batch.rows.len();
        let sizes = store.batch_sizes(source).await?;
        let Err(half_empty) = check_size(pools, in_force(&sizes)) else {
            self.refused = Refused::default();
            return Ok(());
        };
        if self.refused.add(pools, batch.fetched_at) {
            warn!(
                pools,
                usual = half_empty.usual,
                "the source has shown far fewer pools than usual for a day; they are believed now"
            );
            return Ok(());
        }
        let row = BatchRow {
            source,
            ..batch_row(batch, true)
        };
        store.note_batch(&row).await?;
        Err(half_empty.into())
    }

    /// Writes down the days that have ended, and works out what they say of each pool.
    async fn begin_day(
        &mut self,
        store: &Store,
        market: &Market,
        today: Day,
    ) -> Result<(), StoreError> {
        if self.records_for == Some(today) {
            return Ok(());
        }
        let old = market.snapshot();
        store.end_days(&ended(&old, today)).await?;
        let records = store.refresh_records(today).await?;
        let mut snapshot = (*old).clone();
        snapshot.set_records(|listing| records.get(&listing.no).map(Arc::clone));
        market.swap(snapshot);
        self.records_for = Some(today);
        Ok(())
    }
}

/// Reading an answer was broken off by a defect.
const fn broken_off() -> SourceError {
    SourceError::Unavailable(Outage::BrokenOff)
}

/// The last usable readings of pools, where they are of a day before `today`.
fn ended(snapshot: &Snapshot, today: Day) -> Vec<(i64, Reading)> {
    let of_pool = |listing: &Listing| {
        let reading = listing.usable()?;
        (reading.at.day() < today).then_some((listing.no, *reading))
    };
    snapshot.listings().iter().filter_map(of_pool).collect()
}

/// Fills in the days that we did not see ourselves from the source's own chart, so that a watched
/// pool has a past from the first minute on. Returns how many days the chart held.
pub async fn backfill(
    source: &Defillama,
    store: &Store,
    market: &Market,
    pool: PoolId,
    now: Timestamp,
) -> Result<usize, FeedError> {
    let snapshot = market.snapshot();
    let Some(listing) = snapshot.get(pool) else {
        return Ok(0);
    };
    let today = now.day();
    let days: Vec<DayReading> = source
        .chart(pool)
        .await?
        .into_iter()
        // Today's row is a running value, which our own readings tell better.
        .map(|day| day.day_reading())
        .filter(|day| day.day < today)
        .collect();
    store.add_days(listing.no, &days).await?;
    Ok(days.len())
}

#[cfg(test)]
mod tests;
