//! The past of pools that we know too little of: asked for, kept, and not asked for again soon.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::OnceCell;

use super::{
    Market,
    feed::{FeedError, backfill},
    health::{Health, OnDemand},
    snapshot::Snapshot,
};
use crate::{
    domain::{
        ids::PoolId,
        listing::Listing,
        time::{Span, Timestamp},
    },
    sources::{SourceError, defillama::Defillama},
    store::{Store, StoreError},
};

/// A chart is not asked for again within this. Who was away for a while has days to fill in after it.
const AGAIN_AFTER: Span = Span::days(7);
/// A source that failed is left alone about the same pool for so long.
const AFTER_FAILURE: Span = Span::minutes(5);
/// What is usual is worked out for all pools at once, so that charts wait for each other.
const NEWS_WAIT: Span = Span::hours(1);
/// A pool that the source has observed for so many days at most is new.
const NEW_DAYS: u32 = 30;
/// How far reading has come is told of the pools that people look for: those with this much in them.
const LARGE_USD: f64 = 1e6;

/// Who knows the past of pools, and whose was asked for already.
#[derive(Debug, Default)]
pub struct Charts {
    source: Option<Defillama>,
    health: OnDemand,
    asked: Mutex<HashMap<PoolId, Timestamp>>,
    /// Of this run alone.
    failed: Mutex<HashMap<PoolId, Timestamp>>,
    recalled: OnceCell<()>,
    turn: tokio::sync::Mutex<()>,
    /// Since when there are days that what is usual does not rest on yet.
    news_since: Mutex<Option<Timestamp>>,
}

/// How many of the pools with a million dollars or more had their charts read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    pub read: usize,
    pub of: usize,
}

impl Charts {
    /// `None` where nobody can be asked.
    pub fn new(source: Option<Defillama>) -> Self {
        Self {
            source,
            ..Self::default()
        }
    }

    /// Whether there is anybody to ask.
    pub const fn can_ask(&self) -> bool {
        self.source.is_some()
    }

    /// How the source does, where there is one.
    pub fn health(&self) -> Option<(&'static str, Health)> {
        let name = if self.source.as_ref()?.reads_saved_charts() {
            "Folder of charts"
        } else {
            "DefiLlama charts"
        };
        Some((name, self.health.health()))
    }

    /// Takes over whose chart earlier runs have asked for. Only the first call reads the store.
    pub async fn recall(&self, store: &Store) -> Result<(), StoreError> {
        let recall = async || {
            let before = store.charts_asked().await?;
            let mut asked = locked(&self.asked);
            for (pool, at) in before {
                asked.entry(pool).or_insert(at);
            }
            Ok(())
        };
        self.recalled.get_or_try_init(recall).await.copied()
    }

    /// Whether the chart of a pool can be asked for and was not lately.
    pub fn may_ask(&self, pool: PoolId, now: Timestamp) -> bool {
        let lately = |at: &Timestamp| now.since(*at) < AGAIN_AFTER.0;
        self.source.is_some()
            && !locked(&self.asked).get(&pool).is_some_and(lately)
            && !locked(&self.failed)
                .get(&pool)
                .is_some_and(|at| just_failed(*at, now))
    }

    /// Whether somebody is asking, for whom others would wait.
    pub fn is_busy(&self) -> bool {
        self.turn.try_lock().is_err()
    }

    /// Listed pools whose charts were never asked for and did not just fail, the largest first.
    pub fn unasked<'a>(&self, snapshot: &'a Snapshot, now: Timestamp) -> Vec<&'a Listing> {
        let (asked, failed) = (locked(&self.asked), locked(&self.failed));
        let is_unasked = |listing: &&Listing| {
            let pool = &listing.pool.id;
            let just_failed = failed.get(pool).is_some_and(|at| just_failed(*at, now));
            listing.missed.is_none() && !just_failed && !asked.contains_key(pool)
        };
        snapshot.listings().iter().filter(is_unasked).collect()
    }

    /// The pool whose chart is worth most: a large one that is new to the source, else the largest that was
    /// never asked for, else the largest of which too little is known although it was.
    pub fn next_unread(&self, snapshot: &Snapshot, now: Timestamp) -> Option<PoolId> {
        let is_new = |listing: &&Listing| {
            listing.feed.days.is_some_and(|days| days <= NEW_DAYS)
                && listing.reading.tvl_usd >= LARGE_USD
        };
        let unasked = self.unasked(snapshot, now);
        let newest = unasked.iter().copied().find(is_new);
        let never = newest.or_else(|| unasked.first().copied());
        let again = || {
            let (asked, failed) = (locked(&self.asked), locked(&self.failed));
            snapshot.listings().iter().find(|listing| {
                let long_ago = |at: &Timestamp| now.since(*at) >= AGAIN_AFTER.0;
                let failed_at = failed.get(&listing.pool.id);
                listing.missed.is_none()
                    && listing.record.is_none()
                    && !failed_at.is_some_and(|at| just_failed(*at, now))
                    && asked.get(&listing.pool.id).is_some_and(long_ago)
            })
        };
        never.or_else(again).map(|listing| listing.pool.id)
    }

    /// How far reading has come.
    pub fn progress(&self, snapshot: &Snapshot) -> Progress {
        let asked = locked(&self.asked);
        // The largest come first.
        let large = snapshot
            .listings()
            .iter()
            .take_while(|listing| listing.reading.tvl_usd >= LARGE_USD);
        large.fold(Progress { read: 0, of: 0 }, |so_far, listing| Progress {
            read: so_far.read + usize::from(asked.contains_key(&listing.pool.id)),
            of: so_far.of + 1,
        })
    }

    /// Reads the chart of a pool and keeps its days; returns how many there are, and none where it was
    /// asked for lately.
    pub async fn learn(
        &self,
        store: &Store,
        market: &Market,
        pool: PoolId,
        now: Timestamp,
    ) -> Result<usize, FeedError> {
        let Some(source) = &self.source else {
            return Ok(0);
        };
        // One at a time over all who ask; one that failed may be asked for again.
        let _turn = self.turn.lock().await;
        // Whoever had the turn before may have asked for the same.
        if !self.may_ask(pool, now) {
            return Ok(0);
        }
        let learnt = backfill(source, store, market, pool, now).await;
        match &learnt {
            Ok(_) => self.health.note::<SourceError>(now, Ok(())),
            Err(FeedError::Source(error)) => self.health.note(now, Err(error)),
            Err(_) => {}
        }
        if matches!(learnt, Ok(days) if days > 0) {
            locked(&self.news_since).get_or_insert(now);
        }
        let is_over = matches!(
            learnt,
            Ok(_)
                | Err(FeedError::Source(
                    // What is wrong with this one chart will not be right in an hour.
                    SourceError::UnknownPool
                        | SourceError::Malformed(_)
                        | SourceError::TooLarge { .. }
                ))
        );
        if is_over && let Some(listing) = market.snapshot().get(pool) {
            store.note_chart(listing.no, now).await?;
            locked(&self.asked).insert(pool, now);
        } else if learnt.is_err() {
            let mut failed = locked(&self.failed);
            failed.retain(|_, at| just_failed(*at, now));
            failed.insert(pool, now);
        }
        learnt
    }

    /// Whether days were filled in that have waited for long enough, or that `somebody_waits` for; they do
    /// not count as news then any more.
    pub fn take_news(&self, now: Timestamp, somebody_waits: bool) -> bool {
        let mut since = locked(&self.news_since);
        let is_due = since.is_some_and(|since| somebody_waits || now.since(since) >= NEWS_WAIT.0);
        if is_due {
            *since = None;
        }
        is_due
    }
}

fn just_failed(at: Timestamp, now: Timestamp) -> bool {
    now.since(at) < AFTER_FAILURE.0
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
