//! Prices of tokens, asked few at a time and remembered, so that holdings can be valued. What they cost in the
//! past is in `prices/past.rs`.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{
    health::{Health, OnDemand},
    untold::Untold,
};
use crate::{
    domain::{
        pool::Pool,
        price::{Quoted, coin_id},
        reading::DEFILLAMA,
        time::{Span, Timestamp},
    },
    sources::defillama::{
        Defillama,
        prices::{Price, PriceKey},
    },
    store::{Store, StoreError, market::PriceRow},
};

mod past;

/// The source as people know it.
const NAME: &str = "DefiLlama prices";
/// A price younger than this is not asked for again.
const FRESH: Span = Span::minutes(5);
/// A price older than this is worth less than none.
const OLDEST: Span = Span::hours(24);
/// A price that its source is less sure of than this is not used.
const SURE: f64 = 0.9;

/// What a price is wanted of.
#[derive(Debug, Clone, Copy)]
pub enum Asset<'a> {
    /// One of the tokens of a pool, by its symbol.
    OfPool(&'a Pool, &'a str),
    /// A well-known coin by its symbol alone, wherever it is kept: see [`coin_id`].
    Coin(&'a str),
}

/// The coins that an asset can be, and how the right one is told among them.
struct Sought<'a> {
    keys: Vec<PriceKey>,
    symbol: &'a str,
    /// The key alone says which token it is.
    is_certain: bool,
}

impl<'a> Sought<'a> {
    fn of(asset: Asset<'a>) -> Self {
        match asset {
            Asset::OfPool(pool, symbol) => {
                let keys = keys_of(pool, symbol);
                Self {
                    // With several tokens in the pool the symbol tells which of them is meant.
                    is_certain: keys.len() == 1,
                    keys,
                    symbol,
                }
            }
            Asset::Coin(symbol) => Self {
                keys: coin_id(symbol)
                    .and_then(PriceKey::coingecko)
                    .into_iter()
                    .collect(),
                symbol: symbol.trim(),
                // An id that came to name another coin gives no price.
                is_certain: false,
            },
        }
    }

    /// Whether a price of one of the keys is meant, by the symbol that the source gives the coin.
    fn means(&self, symbol: &str) -> bool {
        self.is_certain || symbol.eq_ignore_ascii_case(self.symbol)
    }

    /// What is remembered of it and not older than this.
    fn remembered(
        &self,
        known: &HashMap<String, PriceRow>,
        now: Timestamp,
        oldest: Span,
    ) -> Option<Quoted> {
        self.keys
            .iter()
            .filter_map(|key| known.get(key.as_str()))
            .filter(|row| now.since(row.fetched_at) <= oldest.0 && now.since(row.at) <= OLDEST.0)
            .find(|row| self.means(&row.symbol))
            .map(|row| Quoted {
                usd: row.usd,
                at: row.at,
                source: DEFILLAMA,
            })
    }
}

/// The remembered prices and the source of new ones.
#[derive(Debug)]
pub struct Prices {
    source: Option<Defillama>,
    asked: OnDemand,
    known: Mutex<HashMap<String, PriceRow>>,
    /// Hours of which the source knows no price of a coin.
    untold: Untold<(PriceKey, i64)>,
}

impl Prices {
    pub fn new(source: Option<Defillama>) -> Self {
        Self {
            source,
            asked: OnDemand::default(),
            known: Mutex::default(),
            untold: Untold::default(),
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
        self.take_over(rows);
        Ok(())
    }

    /// What one unit of each of these costs, in their order. Those that are not remembered from the last
    /// minutes are asked for together; the source is waited for no longer than `patience`.
    pub async fn of(
        &self,
        store: &Store,
        assets: &[Asset<'_>],
        now: Timestamp,
        patience: Duration,
    ) -> Vec<Option<Quoted>> {
        let all: Vec<Sought<'_>> = assets.iter().copied().map(Sought::of).collect();
        let missing = self.missing(&all, now);
        if let (Some(source), false) = (&self.source, missing.is_empty()) {
            let answer = source.prices(&missing);
            if let Some(prices) = self.asked.wait(NAME, patience, now, answer).await {
                let row = |key: &PriceKey| usable_row(key, prices.get(key)?, now);
                self.remember(store, missing.iter().filter_map(row).collect())
                    .await;
            }
        }
        self.all_remembered(&all, now)
    }

    /// What is remembered of each of these, in their order.
    pub fn remembered(&self, assets: &[Asset<'_>], now: Timestamp) -> Vec<Option<Quoted>> {
        let all: Vec<Sought<'_>> = assets.iter().copied().map(Sought::of).collect();
        self.all_remembered(&all, now)
    }

    fn all_remembered(&self, all: &[Sought<'_>], now: Timestamp) -> Vec<Option<Quoted>> {
        let known = self.known();
        all.iter()
            .map(|sought| sought.remembered(&known, now, OLDEST))
            .collect()
    }

    /// The keys of what is not remembered from the last minutes.
    fn missing(&self, all: &[Sought<'_>], now: Timestamp) -> Vec<PriceKey> {
        let known = self.known();
        all.iter()
            .filter(|sought| sought.remembered(&known, now, FRESH).is_none())
            .flat_map(|sought| sought.keys.iter().cloned())
            .collect()
    }

    async fn remember(&self, store: &Store, rows: Vec<PriceRow>) {
        if let Err(error) = store.save_prices(&rows).await {
            tracing::warn!(%error, "prices cannot be kept");
        }
        self.take_over(rows);
    }

    fn take_over(&self, rows: Vec<PriceRow>) {
        let rows = rows.into_iter().map(|row| (row.coin.clone(), row));
        self.known().extend(rows);
    }

    fn known(&self) -> MutexGuard<'_, HashMap<String, PriceRow>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_sure(price: &Price) -> bool {
    price.confidence.is_none_or(|sure| sure >= SURE)
}

fn usable_row(key: &PriceKey, price: &Price, now: Timestamp) -> Option<PriceRow> {
    is_sure(price).then(|| PriceRow {
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
