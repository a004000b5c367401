//! The market's memory: pools with their latest figures, changes, days, and what is usual.

use std::{collections::HashMap, sync::Arc};

use rust_decimal::Decimal;
use sqlx::{FromRow, QueryBuilder, Sqlite, SqliteConnection};

use super::{
    Store, StoreError,
    columns::{self, bad},
    outbox, rules,
    rules::EpisodeRow,
};
use crate::{
    delivery::entry::Entry,
    domain::{
        ids::PoolId,
        listing::{Listing, Missed},
        pool::Pool,
        rate::Percent,
        reading::{DataState, FeedStats, Reading, Stretch},
        time::{Day, Span, Timestamp},
        verdict::{Assessment, Origin, Usual, Verdict},
    },
};

/// All that one batch changes, committed together or not at all.
#[derive(Debug)]
pub struct BatchRecord<'a> {
    pub batch: BatchRow,
    /// Pools whose latest row has to be written.
    pub pools: Vec<&'a Listing>,
    /// Changed figures of those pools.
    pub readings: Vec<ReadingRow<'a>>,
    pub episodes: Vec<EpisodeRow>,
    pub entries: Vec<Entry>,
    /// Numbers of pools that are no longer listed. Their number and their days stay.
    pub gone: Vec<i64>,
}

/// What is kept of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchRow {
    pub source: &'static str,
    pub fetched_at: Timestamp,
    pub digest: [u8; 32],
    pub pools: u32,
    pub skipped: u32,
    pub conflicting: u32,
    pub suspect: bool,
}

/// One change of a pool's figures.
#[derive(Debug, Clone, Copy)]
pub struct ReadingRow<'a> {
    pub no: i64,
    pub reading: &'a Reading,
    pub verdict: Verdict,
    pub previous_until: Option<Timestamp>,
}

/// One day of a pool, in the order of days.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DayRow {
    pub day: Day,
    pub apy: Percent,
    pub base: Option<Percent>,
    pub reward: Option<Percent>,
    pub tvl_usd: f64,
}

/// A price that was asked for before.
#[derive(Debug, Clone, PartialEq)]
pub struct PriceRow {
    pub coin: String,
    pub usd: Decimal,
    pub symbol: String,
    pub at: Timestamp,
    pub fetched_at: Timestamp,
}

/// How long every change is kept; days are kept for ever.
pub const CHANGES_KEPT: Span = Span::days(14);
/// The month that decides what is usual.
const USUAL_DAYS: i32 = 30;
/// The order of the join makes it a seek for each pool instead of a scan of every year.
const USUAL: &str = "SELECT p.no, d.apy FROM pool p CROSS JOIN daily d \
     ON d.pool_no = p.no AND d.day >= $1 AND d.day < $2 ORDER BY p.no";
/// Rows of one multi-row statement.
const CHUNK: usize = 100;
/// Old changes are swept a part of the pools at a time, so that no batch pays for all.
const SWEEP_PARTS: i64 = 24;

impl Store {
    /// The pools as the last batch left them.
    pub async fn listings(&self) -> Result<Vec<Listing>, StoreError> {
        const SQL: &str = "SELECT p.no, p.id, p.chain, p.protocol, p.symbol, p.meta, p.method, \
                 p.stablecoin, p.multi_asset, p.impermanent_loss, p.underlying, p.at, p.own_time, \
                 p.apy, p.base, p.reward, p.tvl_usd, p.feed_mean_30d, p.feed_sigma, p.feed_days, \
                 p.unchanged_since, p.data_state, p.missed, p.missed_since, \
                 u.centre, u.variation, u.days \
             FROM pool p LEFT JOIN usual u ON u.pool_no = p.no WHERE p.gone_at IS NULL";
        let rows: Vec<PoolRow> = sqlx::query_as(SQL).fetch_all(&self.readers).await?;
        let mut names = Names::default();
        rows.into_iter()
            .map(|row| row.into_listing(&mut names))
            .collect()
    }

    /// Numbers of pools that are no longer listed.
    pub async fn gone_pools(&self) -> Result<foldhash::HashMap<PoolId, i64>, StoreError> {
        const SQL: &str = "SELECT id, no FROM pool WHERE gone_at IS NOT NULL";
        let rows: Vec<(Vec<u8>, i64)> = sqlx::query_as(SQL).fetch_all(&self.readers).await?;
        rows.into_iter()
            .map(|(id, no)| Ok((columns::pool_id(&id)?, no)))
            .collect()
    }

    /// The last usable reading of each pool whose latest one is not usable, by the pool's number.
    pub async fn last_usable(&self) -> Result<HashMap<i64, Reading>, StoreError> {
        const SQL: &str = "SELECT p.no, r.apy, r.base, r.reward, r.tvl_usd, MAX(r.at, COALESCE(p.trusted_at, 0)) \
             FROM pool p JOIN reading r ON r.pool_no = p.no \
             WHERE p.data_state <> 'good' \
                 AND r.at = (SELECT MAX(at) FROM reading WHERE pool_no = p.no)";
        type Row = (i64, f64, Option<f64>, Option<f64>, f64, i64);
        let rows: Vec<Row> = sqlx::query_as(SQL).fetch_all(&self.readers).await?;
        rows.into_iter()
            .map(|(no, apy, base, reward, tvl_usd, at)| {
                let reading = Reading {
                    at: columns::time(at),
                    apy: columns::percent(apy, "apy")?,
                    base: base.and_then(Percent::new),
                    reward: reward.and_then(Percent::new),
                    tvl_usd,
                };
                Ok((no, reading))
            })
            .collect()
    }

    /// Commits a batch with all that the rules made of it.
    pub async fn commit_batch(&self, record: &BatchRecord<'_>) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        save_batch(&mut tx, &record.batch).await?;
        for no in &record.gone {
            take_off(&mut tx, *no, record.batch.fetched_at).await?;
        }
        for chunk in record.pools.chunks(CHUNK) {
            save_pools(&mut tx, chunk).await?;
        }
        for chunk in record.readings.chunks(CHUNK) {
            save_readings(&mut tx, chunk).await?;
        }
        rules::save_episodes(&mut tx, &record.episodes).await?;
        outbox::insert_entries(&mut tx, &record.entries).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Takes away changes that are older than [`CHANGES_KEPT`], for one part of the pools. The last
    /// one before that stays: its figures may have been read for long after.
    pub async fn sweep_changes(&self, part: i64, now: Timestamp) -> Result<(), StoreError> {
        const SQL: &str = "DELETE FROM reading \
             WHERE pool_no IN (SELECT no FROM pool WHERE no % $1 = $2) AND at < \
                 (SELECT MAX(last.at) FROM reading last \
                  WHERE last.pool_no = reading.pool_no AND last.at <= $3)";
        sqlx::query(SQL)
            .bind(SWEEP_PARTS)
            .bind(part.rem_euclid(SWEEP_PARTS))
            .bind(now.minus(CHANGES_KEPT.0).millis())
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    /// Sizes of the last good batches of a source, newest first.
    pub async fn batch_sizes(&self, source: &str) -> Result<Vec<u32>, StoreError> {
        const SQL: &str = "SELECT pools FROM batch WHERE source = $1 AND state = 'good' \
             ORDER BY id DESC LIMIT 10";
        let sizes: Vec<i64> = sqlx::query_scalar(SQL)
            .bind(source)
            .fetch_all(&self.readers)
            .await?;
        Ok(sizes
            .into_iter()
            .filter_map(|size| u32::try_from(size).ok())
            .collect())
    }

    /// When the last good batch was fetched, from which source, and its digest.
    pub async fn last_batch(&self) -> Result<Option<(String, Timestamp, Vec<u8>)>, StoreError> {
        const SQL: &str = "SELECT source, fetched_at, digest FROM batch WHERE state = 'good' \
             ORDER BY id DESC LIMIT 1";
        let row: Option<(String, i64, Vec<u8>)> =
            sqlx::query_as(SQL).fetch_optional(&self.readers).await?;
        Ok(row.map(|(source, at, digest)| (source, columns::time(at), digest)))
    }

    /// The stretches of a pool that reach into the time since `since`, oldest first. How long the
    /// last one went on is not known here; it ends with its first reading.
    pub async fn stretches(&self, no: i64, since: Timestamp) -> Result<Vec<Stretch>, StoreError> {
        const SQL: &str = "SELECT at, apy, tvl_usd, verdict, previous_until FROM reading \
             WHERE pool_no = $1 AND at >= COALESCE( \
                 (SELECT MAX(at) FROM reading WHERE pool_no = $1 AND at <= $2), $2) \
             ORDER BY at";
        let rows: Vec<(i64, f64, f64, String, Option<i64>)> = sqlx::query_as(SQL)
            .bind(no)
            .bind(since.millis())
            .fetch_all(&self.readers)
            .await?;
        let ends: Vec<i64> = rows
            .iter()
            .skip(1)
            .map(|row| row.4.unwrap_or(row.0))
            .chain(rows.last().map(|row| row.0))
            .collect();
        rows.iter()
            .zip(ends)
            .map(|((from, apy, tvl_usd, verdict, _), until)| {
                Ok(Stretch {
                    from: columns::time(*from),
                    until: columns::time(until),
                    apy: columns::percent(*apy, "apy")?,
                    tvl_usd: *tvl_usd,
                    verdict: columns::verdict(verdict)?,
                })
            })
            .collect()
    }

    /// The days of a pool from `first` on.
    pub async fn days(&self, no: i64, first: Day) -> Result<Vec<DayRow>, StoreError> {
        const SQL: &str = "SELECT day, apy, base, reward, tvl_usd FROM daily \
             WHERE pool_no = $1 AND day >= $2 ORDER BY day";
        type Row = (i64, f64, Option<f64>, Option<f64>, f64);
        let rows: Vec<Row> = sqlx::query_as(SQL)
            .bind(no)
            .bind(i64::from(first.0))
            .fetch_all(&self.readers)
            .await?;
        rows.into_iter()
            .map(|(day, apy, base, reward, tvl_usd)| {
                Ok(DayRow {
                    day: columns::day(day)?,
                    apy: columns::percent(apy, "apy")?,
                    base: base.and_then(Percent::new),
                    reward: reward.and_then(Percent::new),
                    tvl_usd,
                })
            })
            .collect()
    }

    /// Writes the row of the day for pools whose day has ended, by its last usable reading.
    pub async fn end_days(&self, pools: &[(i64, Reading)]) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        for chunk in pools.chunks(CHUNK) {
            save_days(&mut tx, chunk).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// Fills in days that we did not see ourselves; what we saw stays.
    pub async fn add_days(&self, no: i64, days: &[DayRow]) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        for chunk in days.chunks(CHUNK) {
            let mut query = QueryBuilder::<Sqlite>::new(
                "INSERT INTO daily (pool_no, day, apy, base, reward, tvl_usd) ",
            );
            query.push_values(chunk, |mut values, day| {
                values
                    .push_bind(no)
                    .push_bind(i64::from(day.day.0))
                    .push_bind(day.apy.get())
                    .push_bind(day.base.map(Percent::get))
                    .push_bind(day.reward.map(Percent::get))
                    .push_bind(day.tvl_usd);
            });
            query.push(" ON CONFLICT (pool_no, day) DO NOTHING");
            query.build().execute(&mut *tx).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// Works out what each pool usually paid in the month before `today`, keeps it, and returns it
    /// by the pool's number. Pools with too few days are left out.
    pub async fn refresh_usual(&self, today: Day) -> Result<HashMap<i64, Usual>, StoreError> {
        let rows: Vec<(i64, f64)> = sqlx::query_as(USUAL)
            .bind(i64::from(today.0 - USUAL_DAYS))
            .bind(i64::from(today.0))
            .fetch_all(&self.readers)
            .await?;
        let mut usual = HashMap::new();
        let mut days = Vec::with_capacity(32);
        for of_pool in rows.chunk_by(|a, b| a.0 == b.0) {
            days.clear();
            days.extend(of_pool.iter().map(|(_, apy)| *apy));
            if let (Some((no, _)), Some(found)) = (of_pool.first(), Usual::from_days(&mut days)) {
                usual.insert(*no, found);
            }
        }
        let mut tx = self.begin().await?;
        let all: Vec<(&i64, &Usual)> = usual.iter().collect();
        for chunk in all.chunks(CHUNK) {
            let mut query = QueryBuilder::<Sqlite>::new(
                "INSERT INTO usual (pool_no, day, centre, variation, days) ",
            );
            query.push_values(chunk, |mut values, (no, usual)| {
                values
                    .push_bind(**no)
                    .push_bind(i64::from(today.0))
                    .push_bind(usual.centre.get())
                    .push_bind(usual.variation)
                    .push_bind(i64::from(usual.days));
            });
            query.push(
                " ON CONFLICT (pool_no) DO UPDATE SET day = excluded.day, centre = excluded.centre, \
                 variation = excluded.variation, days = excluded.days",
            );
            query.build().execute(&mut *tx).await?;
        }
        // A pool that has too few days by now has nothing usual any more.
        sqlx::query("DELETE FROM usual WHERE day <> $1")
            .bind(i64::from(today.0))
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(usual)
    }

    /// The prices that were asked for last.
    pub async fn prices(&self) -> Result<Vec<PriceRow>, StoreError> {
        const SQL: &str = "SELECT coin, usd, symbol, at, fetched_at FROM price";
        let rows: Vec<(String, String, String, i64, i64)> =
            sqlx::query_as(SQL).fetch_all(&self.readers).await?;
        rows.into_iter()
            .map(|(coin, usd, symbol, at, fetched_at)| {
                Ok(PriceRow {
                    coin,
                    usd: usd.parse().map_err(|_| bad("usd"))?,
                    symbol,
                    at: columns::time(at),
                    fetched_at: columns::time(fetched_at),
                })
            })
            .collect()
    }

    pub async fn save_prices(&self, prices: &[PriceRow]) -> Result<(), StoreError> {
        const SQL: &str = "INSERT INTO price (coin, usd, symbol, at, fetched_at) \
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT (coin) DO UPDATE SET usd = excluded.usd, \
             symbol = excluded.symbol, at = excluded.at, fetched_at = excluded.fetched_at";
        let mut tx = self.begin().await?;
        for price in prices {
            sqlx::query(SQL)
                .bind(&price.coin)
                .bind(price.usd.to_string())
                .bind(&price.symbol)
                .bind(price.at.millis())
                .bind(price.fetched_at.millis())
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await?;
        Ok(())
    }
}

/// A batch that was not believed is kept by its facts alone.
impl Store {
    pub async fn note_batch(&self, batch: &BatchRow) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        save_batch(&mut tx, batch).await?;
        tx.commit().await?;
        Ok(())
    }
}

async fn save_batch(connection: &mut SqliteConnection, batch: &BatchRow) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO batch (source, fetched_at, digest, pools, skipped, conflicting, state) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)";
    sqlx::query(SQL)
        .bind(batch.source)
        .bind(batch.fetched_at.millis())
        .bind(batch.digest.as_slice())
        .bind(i64::from(batch.pools))
        .bind(i64::from(batch.skipped))
        .bind(i64::from(batch.conflicting))
        .bind(if batch.suspect { "suspect" } else { "good" })
        .execute(connection)
        .await?;
    Ok(())
}

async fn take_off(
    connection: &mut SqliteConnection,
    no: i64,
    now: Timestamp,
) -> Result<(), StoreError> {
    const TABLES: [&str; 2] = [
        "DELETE FROM reading WHERE pool_no = $1",
        "DELETE FROM usual WHERE pool_no = $1",
    ];
    for sql in TABLES {
        sqlx::query(sql).bind(no).execute(&mut *connection).await?;
    }
    sqlx::query("UPDATE pool SET gone_at = $2 WHERE no = $1")
        .bind(no)
        .bind(now.millis())
        .execute(connection)
        .await?;
    Ok(())
}

async fn save_pools(
    connection: &mut SqliteConnection,
    chunk: &[&Listing],
) -> Result<(), StoreError> {
    let mut query = QueryBuilder::<Sqlite>::new(
        "INSERT INTO pool (no, id, chain, protocol, symbol, meta, method, stablecoin, multi_asset, \
         impermanent_loss, underlying, at, own_time, apy, base, reward, tvl_usd, feed_mean_30d, \
         feed_sigma, feed_days, unchanged_since, data_state, missed, missed_since, trusted_at) ",
    );
    query.push_values(chunk, |mut values, listing| {
        let Listing {
            pool,
            reading,
            feed,
            ..
        } = listing;
        values
            .push_bind(listing.no)
            .push_bind(pool.id.as_bytes().as_slice())
            .push_bind(&*pool.chain)
            .push_bind(&*pool.protocol)
            .push_bind(&*pool.symbol)
            .push_bind(pool.meta.as_deref())
            .push_bind(pool.method.slug())
            .push_bind(pool.stablecoin)
            .push_bind(pool.multi_asset)
            .push_bind(pool.impermanent_loss)
            // No contract address holds a blank.
            .push_bind(pool.underlying.join(" "))
            .push_bind(reading.at.millis())
            .push_bind(listing.own_time)
            .push_bind(reading.apy.get())
            .push_bind(reading.base.map(Percent::get))
            .push_bind(reading.reward.map(Percent::get))
            .push_bind(reading.tvl_usd)
            .push_bind(feed.mean_30d.map(Percent::get))
            .push_bind(feed.sigma)
            .push_bind(feed.days.map(i64::from))
            .push_bind(listing.unchanged_since.millis())
            .push_bind(listing.state.slug())
            .push_bind(listing.missed.map_or(0, |missed| i64::from(missed.batches)))
            .push_bind(listing.missed.map(|missed| missed.since.millis()))
            .push_bind(listing.trusted.map(|trusted| trusted.at.millis()));
    });
    query.push(
        " ON CONFLICT (no) DO UPDATE SET chain = excluded.chain, protocol = excluded.protocol, \
         symbol = excluded.symbol, meta = excluded.meta, method = excluded.method, \
         stablecoin = excluded.stablecoin, multi_asset = excluded.multi_asset, \
         impermanent_loss = excluded.impermanent_loss, underlying = excluded.underlying, \
         at = excluded.at, own_time = excluded.own_time, apy = excluded.apy, base = excluded.base, \
         reward = excluded.reward, tvl_usd = excluded.tvl_usd, \
         feed_mean_30d = excluded.feed_mean_30d, feed_sigma = excluded.feed_sigma, \
         feed_days = excluded.feed_days, unchanged_since = excluded.unchanged_since, \
         data_state = excluded.data_state, missed = excluded.missed, \
         missed_since = excluded.missed_since, trusted_at = excluded.trusted_at, \
         gone_at = NULL",
    );
    query.build().execute(connection).await?;
    Ok(())
}

async fn save_readings(
    connection: &mut SqliteConnection,
    chunk: &[ReadingRow<'_>],
) -> Result<(), StoreError> {
    let mut query = QueryBuilder::<Sqlite>::new(
        "INSERT INTO reading (pool_no, at, apy, base, reward, tvl_usd, verdict, previous_until) ",
    );
    query.push_values(chunk, |mut values, row| {
        values
            .push_bind(row.no)
            .push_bind(row.reading.at.millis())
            .push_bind(row.reading.apy.get())
            .push_bind(row.reading.base.map(Percent::get))
            .push_bind(row.reading.reward.map(Percent::get))
            .push_bind(row.reading.tvl_usd)
            .push_bind(row.verdict.slug())
            .push_bind(row.previous_until.map(Timestamp::millis));
    });
    query.push(" ON CONFLICT (pool_no, at) DO NOTHING");
    query.build().execute(connection).await?;
    Ok(())
}

async fn save_days(
    connection: &mut SqliteConnection,
    chunk: &[(i64, Reading)],
) -> Result<(), StoreError> {
    let mut query = QueryBuilder::<Sqlite>::new(
        "INSERT INTO daily (pool_no, day, apy, base, reward, tvl_usd) ",
    );
    query.push_values(chunk, |mut values, (no, reading)| {
        values
            .push_bind(*no)
            .push_bind(i64::from(reading.at.day().0))
            .push_bind(reading.apy.get())
            .push_bind(reading.base.map(Percent::get))
            .push_bind(reading.reward.map(Percent::get))
            .push_bind(reading.tvl_usd);
    });
    query.push(
        " ON CONFLICT (pool_no, day) DO UPDATE SET apy = excluded.apy, base = excluded.base, \
         reward = excluded.reward, tvl_usd = excluded.tvl_usd",
    );
    query.build().execute(connection).await?;
    Ok(())
}

/// Chain and protocol names are shared by many pools.
#[derive(Default)]
struct Names(HashMap<String, Arc<str>>);

impl Names {
    fn share(&mut self, name: String) -> Arc<str> {
        Arc::clone(
            self.0
                .entry(name)
                .or_insert_with_key(|name| Arc::from(name.as_str())),
        )
    }
}

#[derive(FromRow)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "a row has the columns that it has"
)]
struct PoolRow {
    no: i64,
    id: Vec<u8>,
    chain: String,
    protocol: String,
    symbol: String,
    meta: Option<String>,
    method: String,
    stablecoin: bool,
    multi_asset: bool,
    impermanent_loss: bool,
    underlying: String,
    at: i64,
    own_time: bool,
    apy: f64,
    base: Option<f64>,
    reward: Option<f64>,
    tvl_usd: f64,
    feed_mean_30d: Option<f64>,
    feed_sigma: Option<f64>,
    feed_days: Option<i64>,
    unchanged_since: i64,
    data_state: String,
    missed: i64,
    missed_since: Option<i64>,
    centre: Option<f64>,
    variation: Option<f64>,
    days: Option<i64>,
}

impl PoolRow {
    fn into_listing(self, names: &mut Names) -> Result<Listing, StoreError> {
        let own_usual = match (self.centre.and_then(Percent::new), self.days) {
            (Some(centre), Some(days)) => Some(Usual {
                centre,
                variation: self.variation,
                days: u32::try_from(days).map_err(|_| bad("days"))?,
                origin: Origin::Own,
            }),
            _ => None,
        };
        Ok(Listing {
            no: self.no,
            pool: Arc::new(Pool {
                id: columns::pool_id(&self.id)?,
                chain: names.share(self.chain),
                protocol: names.share(self.protocol),
                symbol: self.symbol.into(),
                meta: self.meta.map(Into::into),
                method: self.method.parse().map_err(|_| bad("method"))?,
                stablecoin: self.stablecoin,
                multi_asset: self.multi_asset,
                impermanent_loss: self.impermanent_loss,
                underlying: self.underlying.split_whitespace().map(Into::into).collect(),
            }),
            reading: Reading {
                at: columns::time(self.at),
                apy: columns::percent(self.apy, "apy")?,
                base: self.base.and_then(Percent::new),
                reward: self.reward.and_then(Percent::new),
                tvl_usd: self.tvl_usd,
            },
            trusted: None,
            feed: FeedStats {
                mean_30d: self.feed_mean_30d.and_then(Percent::new),
                sigma: self.feed_sigma,
                days: self.feed_days.and_then(|days| u32::try_from(days).ok()),
            },
            own_time: self.own_time,
            unchanged_since: columns::time(self.unchanged_since),
            state: DataState::parse(&self.data_state).ok_or(bad("data_state"))?,
            own_usual,
            assessment: Assessment::default(),
            missed: match self.missed_since {
                Some(since) => Some(Missed {
                    batches: u32::try_from(self.missed).map_err(|_| bad("missed"))?,
                    since: columns::time(since),
                }),
                None => None,
            },
        })
    }
}

#[cfg(test)]
mod tests;
