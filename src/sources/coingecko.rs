//! `CoinGecko`: what a US dollar is in other currencies, now and on past days.
//!
//! The source prices coins in many currencies and states no exchange rates. A bitcoin is traded against all
//! of them, so that its price in one over its price in dollars is the rate between the two. No key is
//! needed; a free one of the demo plan allows more questions. The key is in no error, and neither are the
//! words of a source that was shown one, which may repeat it.

use std::{borrow::Cow, collections::HashMap, fmt};

use reqwest::{
    Url,
    header::{HeaderName, HeaderValue},
};
use rust_decimal::Decimal;
use secrecy::SecretString;
use serde_json::value::RawValue;

use super::{
    KeyError, SourceError, address,
    fetch::{Fetcher, joined},
    shown_key,
    wire::{Cell, cells, moment_in, price_in, root_of, row},
};
use crate::domain::{
    currency::{COINGECKO, Currency, Exchange},
    time::{Day, Span, Timestamp},
};

/// Where it is asked by default.
pub const URL: &str = "https://api.coingecko.com/api/v3";
/// The header for a key of the demo plan (`CoinGecko`'s documentation, "Authentication").
const KEY_HEADER: HeaderName = HeaderName::from_static("x-cg-demo-api-key");
/// A day's answer has some kilobytes.
const CAP: u64 = 1024 * 1024;
/// Prices that were read longer ago than this say nothing of today.
const STALE: Span = Span::hours(24);
/// Without a paid plan, what is longer ago than so many days is not told (`CoinGecko`'s documentation, "Coin
/// Historical Data by ID").
const DAYS_TOLD: i32 = 365;
/// Units of a currency for one dollar, from the least to the most that can be believed: no currency that is
/// known here is worth a hundred dollars, or less than a millionth of one.
const LEAST: Decimal = Decimal::from_parts(1, 0, 0, false, 2);
const MOST: Decimal = Decimal::from_parts(1_000_000, 0, 0, false, 0);

/// The client.
#[derive(Clone)]
pub struct Coingecko {
    fetcher: Fetcher,
    url: Url,
    /// Marked as sensitive, so that nothing prints it.
    key: Option<HeaderValue>,
}

impl fmt::Debug for Coingecko {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Coingecko").finish_non_exhaustive()
    }
}

impl Coingecko {
    /// Asks nothing yet.
    pub fn new(fetcher: Fetcher, url: &str, key: Option<&SecretString>) -> Result<Self, KeyError> {
        Ok(Self {
            fetcher,
            url: address("sources.coingecko.url", url)?,
            key: key.map(|key| shown_key(key, COINGECKO)).transpose()?,
        })
    }

    /// What a dollar is in all currencies that are known here, as of the source's own time. What is missing
    /// or cannot be believed is left out.
    ///
    /// # Errors
    ///
    /// Besides those of [`Fetcher::get_within`], [`SourceError::Malformed`] for an answer without a single
    /// rate, without its time, or of more than 24 hours ago.
    pub async fn rates(&self, now: Timestamp) -> Result<Exchange, SourceError> {
        let codes: Vec<String> = Currency::ALL.map(|it| it.code().to_lowercase()).into();
        let mut url = joined(&self.url, "simple/price");
        url.query_pairs_mut()
            .append_pair("ids", "bitcoin")
            .append_pair("vs_currencies", &codes.join(","))
            .append_pair("include_last_updated_at", "true")
            // Without it, a price of six digits before the point has none behind it.
            .append_pair("precision", "full");
        parse(&self.ask(&url).await?, now)
    }

    /// What a dollar was in other currencies as a past day began, 00:00 UTC. `None` where the source cannot
    /// say: for days a year ago and more, which are not asked for, for today and later, and where its
    /// answer holds no rates.
    pub async fn rates_on(
        &self,
        day: Day,
        now: Timestamp,
    ) -> Result<Option<Exchange>, SourceError> {
        let age = now.day().0.saturating_sub(day.0);
        // The beginning of a day so many days ago lies further back already.
        if !(1..DAYS_TOLD).contains(&age) {
            return Ok(None);
        }
        let mut url = joined(&self.url, "coins/bitcoin/history");
        url.query_pairs_mut()
            .append_pair("date", &day.date().format("%d-%m-%Y").to_string())
            .append_pair("localization", "false");
        parse_day(&self.ask(&url).await?, day)
    }

    async fn ask(&self, url: &Url) -> Result<Vec<u8>, SourceError> {
        let cap = self.fetcher.policy().max_body.min(CAP);
        match &self.key {
            None => self.fetcher.get_anew(url, cap).await,
            Some(key) => {
                let key = (KEY_HEADER, key.clone());
                let answer = self.fetcher.get_with_key(url, key, cap).await;
                let body = answer.map_err(without_words)?;
                // Of what is no JSON, the error quotes the beginning.
                root_of(&body).map_err(without_words)?;
                Ok(body)
            }
        }
    }
}

/// The error without what the source said, which may repeat the key.
fn without_words(error: SourceError) -> SourceError {
    match error {
        SourceError::Refused { status, .. } => SourceError::Refused {
            status,
            said: "…".to_owned(),
        },
        SourceError::Malformed(_) => SourceError::Malformed("it cannot be read".to_owned()),
        other => other,
    }
}

cells! {
    CoinsCells {
        bitcoin: "bitcoin",
    }
}

cells! {
    AgeCells {
        at: "last_updated_at",
    }
}

cells! {
    HistoryCells {
        market: "market_data",
    }
}

cells! {
    MarketCells {
        prices: "current_price",
    }
}

/// Reads a whole body of present prices. A rate that cannot be is left out.
///
/// # Errors
///
/// [`SourceError::Malformed`] when it is no such document, holds no rates, or is too old at `now`.
pub fn parse(body: &[u8], now: Timestamp) -> Result<Exchange, SourceError> {
    let coins: CoinsCells<'_> = row(root_of(body)?);
    let age: AgeCells<'_> = coins.bitcoin.map(row).unwrap_or_default();
    let at = moment_in(age.at)
        .ok_or_else(|| SourceError::Malformed("its prices have no time".to_owned()))?
        .min(now);
    if now.since(at) > STALE.0 {
        return Err(SourceError::Malformed(format!("its prices are of {at}")));
    }
    let exchange = Exchange::new(crossed(coins.bitcoin), at);
    if exchange.is_empty() {
        return Err(SourceError::Malformed("it holds no rates".to_owned()));
    }
    Ok(exchange)
}

fn parse_day(body: &[u8], day: Day) -> Result<Option<Exchange>, SourceError> {
    let history: HistoryCells<'_> = row(root_of(body)?);
    let market: MarketCells<'_> = history.market.map(row).unwrap_or_default();
    let exchange = Exchange::new(crossed(market.prices), day.start());
    Ok((!exchange.is_empty()).then_some(exchange))
}

/// The rates that follow from what one coin costs in each currency, by the codes in lower case. None where
/// its price in dollars is not known.
fn crossed(prices: Cell<'_>) -> Vec<(Currency, Decimal)> {
    let text = prices.map_or("", RawValue::get);
    let prices: HashMap<Cow<'_, str>, &RawValue> = serde_json::from_str(text).unwrap_or_default();
    let price = |currency: Currency| {
        let code = currency.code().to_lowercase();
        price_in(prices.get(code.as_str()).copied())
    };
    let Some(usd) = price(Currency::Usd) else {
        return Vec::new();
    };
    let rate = |currency| {
        let rate = price(currency)?.checked_div(usd)?;
        (LEAST..=MOST).contains(&rate).then_some((currency, rate))
    };
    Currency::ALL.into_iter().filter_map(rate).collect()
}

#[cfg(test)]
mod tests;
