//! What a US dollar is and was in other currencies, and what coins cost in the past. Days and hours that are
//! over do not change, so that each is asked for once.

use rust_decimal::Decimal;

use super::{
    Store, StoreError,
    columns::{self, bad},
};
use crate::domain::{
    currency::{Currency, Exchange},
    time::{Day, Timestamp},
};

/// What a coin cost as an hour began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastPriceRow {
    pub coin: String,
    /// Counted from 1970-01-01 00:00 UTC.
    pub hour: i64,
    /// US dollars for one unit.
    pub usd: Decimal,
    pub symbol: String,
    /// When the source read the price.
    pub at: Timestamp,
}

impl Store {
    /// The rates that were told last.
    pub async fn exchange(&self) -> Result<Option<Exchange>, StoreError> {
        const SQL: &str = "SELECT currency, per_usd, at FROM exchange";
        let rows: Vec<(String, String, i64)> = sqlx::query_as(SQL).fetch_all(&self.readers).await?;
        let Some(at) = rows.first().map(|(.., at)| columns::time(*at)) else {
            return Ok(None);
        };
        let rates = rows.iter().map(|(code, rate, _)| (&**code, &**rate));
        Ok(Some(exchange_of(rates, at)?))
    }

    /// Keeps these in the place of the ones before.
    pub async fn keep_exchange(&self, exchange: &Exchange) -> Result<(), StoreError> {
        const SQL: &str = "INSERT INTO exchange (currency, per_usd, at) VALUES ($1, $2, $3)";
        let mut tx = self.begin().await?;
        sqlx::query("DELETE FROM exchange")
            .execute(&mut *tx)
            .await?;
        for (currency, rate) in exchange.rates() {
            sqlx::query(SQL)
                .bind(currency.code())
                .bind(rate.to_string())
                .bind(exchange.at.millis())
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await
    }

    /// The rates of a past day, where they were asked for.
    pub async fn exchange_on(&self, day: Day) -> Result<Option<Exchange>, StoreError> {
        const SQL: &str = "SELECT currency, per_usd FROM exchange_day WHERE day = $1";
        let rows: Vec<(String, String)> = sqlx::query_as(SQL)
            .bind(day.0)
            .fetch_all(&self.readers)
            .await?;
        if rows.is_empty() {
            return Ok(None);
        }
        let rates = rows.iter().map(|(code, rate)| (&**code, &**rate));
        Ok(Some(exchange_of(rates, day.start())?))
    }

    /// Keeps what was told of a past day. What is known of it already stays as it is.
    pub async fn keep_exchange_on(&self, day: Day, exchange: &Exchange) -> Result<(), StoreError> {
        const SQL: &str = "INSERT INTO exchange_day (day, currency, per_usd) VALUES ($1, $2, $3) \
             ON CONFLICT (day, currency) DO NOTHING";
        let mut tx = self.begin().await?;
        for (currency, rate) in exchange.rates() {
            sqlx::query(SQL)
                .bind(day.0)
                .bind(currency.code())
                .bind(rate.to_string())
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await
    }

    /// What these coins cost as an hour began; of one that was not asked for there is no row.
    pub async fn past_prices(
        &self,
        coins: &[&str],
        hour: i64,
    ) -> Result<Vec<PastPriceRow>, StoreError> {
        const SQL: &str = "SELECT usd, symbol, at FROM past_price WHERE coin = $1 AND hour = $2";
        let mut prices = Vec::new();
        for coin in coins {
            let row: Option<(String, String, i64)> = sqlx::query_as(SQL)
                .bind(coin)
                .bind(hour)
                .fetch_optional(&self.readers)
                .await?;
            if let Some((usd, symbol, at)) = row {
                prices.push(PastPriceRow {
                    coin: (*coin).to_owned(),
                    hour,
                    usd: usd.parse().map_err(|_| bad("usd"))?,
                    symbol,
                    at: columns::time(at),
                });
            }
        }
        Ok(prices)
    }

    /// Keeps what was told of past hours. What is known of one already stays as it is.
    pub async fn keep_past_prices(&self, prices: &[PastPriceRow]) -> Result<(), StoreError> {
        const SQL: &str = "INSERT INTO past_price (coin, hour, usd, symbol, at) \
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT (coin, hour) DO NOTHING";
        let mut tx = self.begin().await?;
        for price in prices {
            sqlx::query(SQL)
                .bind(&price.coin)
                .bind(price.hour)
                .bind(price.usd.to_string())
                .bind(&price.symbol)
                .bind(price.at.millis())
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await
    }
}

/// A currency that this version does not know is left out: another one may have kept it.
fn exchange_of<'a>(
    rates: impl Iterator<Item = (&'a str, &'a str)>,
    at: Timestamp,
) -> Result<Exchange, StoreError> {
    let known = rates.filter_map(|(code, rate)| {
        let currency: Currency = code.parse().ok()?;
        Some((currency, rate))
    });
    let read = known.map(|(currency, rate)| {
        let rate: Decimal = rate.parse().map_err(|_| bad("per_usd"))?;
        Ok((currency, rate))
    });
    let rates = read.collect::<Result<Vec<_>, StoreError>>()?;
    Ok(Exchange::new(rates, at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        market::fixture::{day, hour},
        store::market::tests::fresh,
    };

    fn exchange(euros: &str, at: Timestamp) -> Exchange {
        let rates = [
            (Currency::Eur, euros.parse().unwrap()),
            (Currency::Vnd, Decimal::from(26_000)),
        ];
        Exchange::new(rates, at)
    }

    fn price(coin: &str, hour: i64, usd: &str) -> PastPriceRow {
        PastPriceRow {
            coin: coin.to_owned(),
            hour,
            usd: usd.parse().unwrap(),
            symbol: "₿".to_owned(),
            at: Timestamp::from_millis(hour * 3_600_000 - 5),
        }
    }

    #[tokio::test]
    async fn the_last_rates_come_back_to_the_last_digit_also_in_the_next_run() {
        let (folder, store) = fresh().await;
        assert_eq!(store.exchange().await.unwrap(), None);
        let old = Exchange::new([(Currency::Chf, Decimal::ONE)], hour(0));
        store.keep_exchange(&old).await.unwrap();
        let new = exchange("0.9231129523898219441409582147", hour(1));
        store.keep_exchange(&new).await.unwrap();
        store.close().await;
        drop(store);
        let path = folder.path().join("stipend.db");
        let store = Store::open(&path, &[7; 32], hour(2)).await.unwrap();
        assert_eq!(store.exchange().await.unwrap(), Some(new));
    }

    #[tokio::test]
    async fn a_past_day_stays_as_it_was_told_first() {
        let (_folder, store) = fresh().await;
        let (first, other) = (day(0).day(), day(1).day());
        assert_eq!(store.exchange_on(first).await.unwrap(), None);
        let told = exchange("0.92", first.start());
        store.keep_exchange_on(first, &told).await.unwrap();
        let again = exchange("0.5", first.start());
        store.keep_exchange_on(first, &again).await.unwrap();
        assert_eq!(store.exchange_on(first).await.unwrap(), Some(told));
        assert_eq!(store.exchange_on(other).await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_currency_of_another_version_is_left_out() {
        let (_folder, store) = fresh().await;
        let told = exchange("0.92", hour(0));
        store.keep_exchange(&told).await.unwrap();
        sqlx::query("INSERT INTO exchange (currency, per_usd, at) VALUES ('XXX', '5', 0)")
            .execute(&store.writer)
            .await
            .unwrap();
        let read = store.exchange().await.unwrap().unwrap();
        assert!(read.rates().eq(told.rates()));
        sqlx::query("UPDATE exchange SET per_usd = 'much' WHERE currency = 'EUR'")
            .execute(&store.writer)
            .await
            .unwrap();
        let damaged = store.exchange().await.unwrap_err();
        assert!(matches!(damaged, StoreError::Unexpected(_)), "{damaged}");
    }

    #[tokio::test]
    async fn a_past_price_is_kept_for_its_coin_and_its_hour() {
        let (_folder, store) = fresh().await;
        let rows = [
            price("coingecko:bitcoin", 7, "99999.12345678901234567"),
            price("coingecko:bitcoin", 8, "5"),
            price("ethereum:0xAB", 7, "0.9996"),
        ];
        store.keep_past_prices(&rows).await.unwrap();
        let late = [price("coingecko:bitcoin", 7, "1")];
        store.keep_past_prices(&late).await.unwrap();
        let coins = ["coingecko:bitcoin", "ethereum:0xAB", "coingecko:tether"];
        let told = store.past_prices(&coins, 7).await.unwrap();
        let [bitcoin, _, other] = rows;
        assert_eq!(told, [bitcoin, other]);
        assert!(store.past_prices(&coins, 9).await.unwrap().is_empty());
    }
}
