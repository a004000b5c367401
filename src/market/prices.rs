//! Prices of tokens, asked few at a time and remembered, so that holdings can be valued.

use std::{collections::HashMap, time::Duration};

use rust_decimal::Decimal;
use tokio::sync::Mutex;

use super::health::{Health, OnDemand};
use crate::{
    domain::{
        pool::Pool,
        time::{Span, Timestamp},
    },
    sources::defillama::{
        Defillama,
        prices::{Price, PriceKey},
    },
    store::{Store, StoreError, market::PriceRow},
};

/// The source as people know it.
const NAME: &str = "DefiLlama prices";
/// A price younger than this is not asked for again.
const FRESH: Span = Span::minutes(5);
/// A price older than this is worth less than none.
const OLDEST: Span = Span::hours(24);
/// A price that its source is less sure of than this is not used.
const SURE: f64 = 0.9;

/// The remembered prices and the source of new ones.
#[derive(Debug)]
pub struct Prices {
    source: Option<Defillama>,
    asked: OnDemand,
    known: Mutex<HashMap<String, PriceRow>>,
}

impl Prices {
    pub fn new(source: Option<Defillama>) -> Self {
        Self {
            source,
            asked: OnDemand::default(),
            known: Mutex::default(),
        }
    }

    /// How the source does, where there is one.
    pub(super) fn health(&self) -> Option<(&'static str, Health)> {
        self.source.as_ref()?;
        Some((NAME, self.asked.health()))
    }

    /// Takes over what was remembered.
    pub async fn load(&self, store: &Store) -> Result<(), StoreError> {
        let rows = store.prices().await?;
        let mut known = self.known.lock().await;
        known.extend(rows.into_iter().map(|row| (row.coin.clone(), row)));
        Ok(())
    }

    /// US dollars for one unit of a token of the pool; waits for the source no longer than `patience`.
    pub async fn of(
        &self,
        store: &Store,
        pool: &Pool,
        asset: &str,
        now: Timestamp,
        patience: Duration,
    ) -> Option<Decimal> {
        let keys = keys_of(pool, asset);
        if let Some(usd) = self.remembered(&keys, asset, now, FRESH).await {
            return Some(usd);
        }
        if let Some(source) = &self.source {
            let answer = source.prices(&keys);
            if let Some(prices) = self.asked.wait(NAME, patience, now, answer).await {
                let row = |key: &PriceKey| usable_row(key, prices.get(key)?, now);
                self.remember(store, keys.iter().filter_map(row).collect())
                    .await;
            }
        }
        self.remembered(&keys, asset, now, OLDEST).await
    }

    async fn remembered(
        &self,
        keys: &[PriceKey],
        asset: &str,
        now: Timestamp,
        oldest: Span,
    ) -> Option<Decimal> {
        let known = self.known.lock().await;
        keys.iter()
            .filter_map(|key| known.get(key.as_str()))
            .filter(|row| now.since(row.fetched_at) <= oldest.0 && now.since(row.at) <= OLDEST.0)
            // With several tokens in the pool the symbol tells which of them is meant.
            .find(|row| keys.len() == 1 || row.symbol.eq_ignore_ascii_case(asset))
            .map(|row| row.usd)
    }

    async fn remember(&self, store: &Store, rows: Vec<PriceRow>) {
        if let Err(error) = store.save_prices(&rows).await {
            tracing::warn!(%error, "prices cannot be kept");
        }
        let mut known = self.known.lock().await;
        known.extend(rows.into_iter().map(|row| (row.coin.clone(), row)));
    }
}

fn usable_row(key: &PriceKey, price: &Price, now: Timestamp) -> Option<PriceRow> {
    let is_sure = price.confidence.is_none_or(|sure| sure >= SURE);
    is_sure.then(|| PriceRow {
        coin: key.as_str().to_owned(),
        usd: price.usd,
        symbol: price.symbol.as_deref().unwrap_or_default().to_owned(),
        at: price.at,
        fetched_at: now,
    })
}

/// The coins that `asset` of this pool can be: the token at the same place as the symbol, where
/// places agree in number, else all of the pool's tokens.
fn keys_of(pool: &Pool, asset: &str) -> Vec<PriceKey> {
    let assets: Vec<&str> = pool.assets().collect();
    let tokens = pool.underlying.iter();
    let place = assets
        .iter()
        .position(|token| token.eq_ignore_ascii_case(asset));
    let chosen: Vec<&str> = match place {
        Some(at) if assets.len() == pool.underlying.len() => {
            tokens.skip(at).take(1).map(|token| &**token).collect()
        }
        _ => tokens.map(|token| &**token).collect(),
    };
    chosen
        .into_iter()
        .filter_map(|token| PriceKey::token(&pool.chain, token))
        .collect()
}

#[cfg(test)]
mod tests;
