//! What tokens cost at times in the past. An hour that is over has one price: it is asked for once and kept.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use tokio::time::Instant;

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

/// An asset at the hour of which its price is wanted.
struct Moment<'a> {
    sought: Sought<'a>,
    /// Counted from 1970-01-01 00:00 UTC.
    hour: i64,
}

impl<'a> Moment<'a> {
    /// `None` for a time that is still to come, and for one before 1970.
    fn of(asset: Asset<'a>, at: Timestamp, now: Timestamp) -> Option<Self> {
        (Timestamp::default()..=now).contains(&at).then(|| Self {
            sought: Sought::of(asset),
            hour: at.millis().div_euclid(HOUR_MS),
        })
    }

    fn quoted(&self, known: &BTreeMap<i64, Vec<PastPriceRow>>) -> Option<Quoted> {
        let is_meant = |row: &&PastPriceRow| {
            let mut keys = self.sought.keys.iter();
            keys.any(|key| key.as_str() == row.coin) && self.sought.means(&row.symbol)
        };
        let row = known.get(&self.hour)?.iter().find(is_meant)?;
        Some(Quoted {
            usd: row.usd,
            at: row.at,
            source: DEFILLAMA,
        })
    }
}

impl Prices {
    /// What one unit of each of these cost as the hour began in which its time lies, in their order. `None`
    /// for a time that is still to come.
    ///
    /// Each hour is a question of its own. The source is waited for no longer than `patience` altogether, and
    /// no more once it has failed; what it told by then is kept, so that asking again goes on from there.
    pub async fn at(
        &self,
        store: &Store,
        wanted: &[(Asset<'_>, Timestamp)],
        now: Timestamp,
        patience: Duration,
    ) -> Vec<Option<Quoted>> {
        let moments = wanted
            .iter()
            .map(|(asset, at)| Moment::of(*asset, *at, now));
        let moments: Vec<Option<Moment<'_>>> = moments.collect();
        let mut hours: BTreeMap<i64, BTreeSet<PriceKey>> = BTreeMap::new();
        for moment in moments.iter().flatten() {
            let keys = hours.entry(moment.hour).or_default();
            keys.extend(moment.sought.keys.iter().cloned());
        }
        let until = Instant::now() + patience;
        let mut answers = true;
        let mut known = BTreeMap::new();
        for (hour, keys) in hours {
            let mut rows = kept(store, &keys, hour).await;
            let open = self.open(keys, &rows, hour, now);
            if answers && !open.is_empty() {
                let left = until.saturating_duration_since(Instant::now());
                let told = self.ask(store, open, hour, now, left).await;
                answers = told.is_some();
                rows.extend(told.unwrap_or_default());
            }
            known.insert(hour, rows);
        }
        moments
            .iter()
            .map(|moment| moment.as_ref()?.quoted(&known))
            .collect()
    }

    /// Those whose price is neither known nor was asked for in vain.
    fn open(
        &self,
        keys: BTreeSet<PriceKey>,
        rows: &[PastPriceRow],
        hour: i64,
        now: Timestamp,
    ) -> Vec<PriceKey> {
        let is_kept = |key: &PriceKey| rows.iter().any(|row| row.coin == key.as_str());
        let is_open =
            |key: &PriceKey| !is_kept(key) && !self.untold.holds(&(key.clone(), hour), now);
        keys.into_iter().filter(is_open).collect()
    }

    /// Asks for these, keeps what is told, and remembers what is not known. `None` where there is nobody to
    /// ask, no time is left, or no answer came.
    async fn ask(
        &self,
        store: &Store,
        keys: Vec<PriceKey>,
        hour: i64,
        now: Timestamp,
        patience: Duration,
    ) -> Option<Vec<PastPriceRow>> {
        let source = self.source.as_ref().filter(|_| !patience.is_zero())?;
        let began = Timestamp::from_millis(hour.saturating_mul(HOUR_MS));
        let answer = source.prices_at(began, &keys);
        let prices = self.asked.wait(NAME, patience, now, answer).await?;
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
        Some(rows)
    }
}

/// What is known of the hour already.
async fn kept(store: &Store, keys: &BTreeSet<PriceKey>, hour: i64) -> Vec<PastPriceRow> {
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
