//! The past of pools that we know too little of, asked for once a run and kept.

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
};

use super::{
    Market,
    feed::{FeedError, backfill},
};
use crate::{
    domain::{ids::PoolId, time::Timestamp},
    sources::{SourceError, defillama::Defillama},
    store::Store,
};

/// Who knows the past of pools, and whose was asked for already.
#[derive(Debug, Default)]
pub struct Charts {
    source: Option<Defillama>,
    asked: Mutex<HashSet<PoolId>>,
    turn: tokio::sync::Mutex<()>,
}

impl Charts {
    /// `None` where nobody can be asked.
    pub fn new(source: Option<Defillama>) -> Self {
        Self {
            source,
            asked: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
        }
    }

    /// Whether the chart of a pool can be asked for and was not yet.
    pub fn may_ask(&self, pool: PoolId) -> bool {
        self.source.is_some() && !self.asked().contains(&pool)
    }

    /// Reads the chart of a pool and keeps its days; returns how many there are.
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
        let learnt = backfill(source, store, market, pool, now).await;
        let is_over = matches!(
            learnt,
            Ok(_) | Err(FeedError::Source(SourceError::UnknownPool))
        );
        if is_over {
            self.asked().insert(pool);
        }
        learnt
    }

    fn asked(&self) -> std::sync::MutexGuard<'_, HashSet<PoolId>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
