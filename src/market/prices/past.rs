//! What tokens cost at a time in the past. An hour that is over has one price: it is asked for once and kept.

use std::time::Duration;

use super::{Asset, NAME, Prices, Sought, is_sure};
use crate::{
    domain::{
        price::Quoted,
        reading::DEFILLAMA,
        time::{Span, Timestamp},
    },
    sources::defillama::prices::{Price, PriceKey},
    store::{Store, exchange::PastPriceRow},
};

const HOUR_MS: i64 = 3_600_000;
/// The price is read at some time near the one that was asked for; further away than this it is another's.
const NEAR: Span = Span::hours(6);

impl Prices {
    /// What one unit cost as the hour began in which this time lies; waits for the source no longer than
    /// `patience`. `None` for a time that is still to come.
    pub async fn at(
        &self,
        store: &Store,
        asset: Asset<'_>,
        at: Timestamp,
        now: Timestamp,
        patience: Duration,
    ) -> Option<Quoted> {
        if !(Timestamp::default()..=now).contains(&at) {
            return None;
        }
        let hour = at.millis().div_euclid(HOUR_MS);
        let sought = Sought::of(asset);
        let mut rows = kept(store, &sought.keys, hour).await;
        let is_open = |key: &&PriceKey| {
            let is_kept = rows.iter().any(|row| row.coin == key.as_str());
            !is_kept && !self.untold.holds(&((*key).clone(), hour), now)
        };
        let open: Vec<PriceKey> = sought.keys.iter().filter(is_open).cloned().collect();
        if !open.is_empty() {
            rows.extend(self.ask(store, open, hour, now, patience).await);
        }
        rows.iter()
            .find(|row| sought.means(&row.symbol))
            .map(|row| Quoted {
                usd: row.usd,
                at: row.at,
                source: DEFILLAMA,
            })
    }

    /// Asks for these, keeps what is told, and remembers what is not known.
    async fn ask(
        &self,
        store: &Store,
        keys: Vec<PriceKey>,
        hour: i64,
        now: Timestamp,
        patience: Duration,
    ) -> Vec<PastPriceRow> {
        let Some(source) = &self.source else {
            return Vec::new();
        };
        let began = Timestamp::from_millis(hour.saturating_mul(HOUR_MS));
        let answer = source.prices_at(began, &keys);
        let Some(prices) = self.asked.wait(NAME, patience, now, answer).await else {
            return Vec::new();
        };
        let mut rows = Vec::new();
        for key in keys {
            match prices.get(&key).filter(|price| is_of(began, price)) {
                Some(price) => rows.push(PastPriceRow {
                    coin: key.as_str().to_owned(),
                    hour,
                    usd: price.usd,
                    symbol: price.symbol.as_deref().unwrap_or_default().to_owned(),
                    at: price.at,
                }),
                None => self.untold.note((key, hour), now),
            }
        }
        if let Err(error) = store.keep_past_prices(&rows).await {
            tracing::warn!(%error, "past prices cannot be kept");
        }
        rows
    }
}

/// What is known of the hour already.
async fn kept(store: &Store, keys: &[PriceKey], hour: i64) -> Vec<PastPriceRow> {
    let coins: Vec<&str> = keys.iter().map(PriceKey::as_str).collect();
    let kept = store.past_prices(&coins, hour).await;
    kept.unwrap_or_else(|error| {
        tracing::warn!(%error, "kept prices cannot be read");
        Vec::new()
    })
}

/// Whether a price can be taken for that of the time that was asked for.
fn is_of(asked: Timestamp, price: &Price) -> bool {
    let apart = asked.since(price.at).max(price.at.since(asked));
    is_sure(price) && apart <= NEAR.0
}

#[cfg(test)]
mod tests;
