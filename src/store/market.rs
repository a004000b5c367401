//! The market as the last batch left it, and the one commit that a batch is.

use std::{collections::HashSet, sync::Arc};

use futures::TryStreamExt as _;
use rust_decimal::Decimal;
use sqlx::{QueryBuilder, Row as _, Sqlite, SqliteConnection, sqlite::SqliteRow};

use super::{
    FORGET_SETTING, Store, StoreError,
    columns::{self, bad},
    history::{self, ReadingRow},
    opening::BEHIND,
    rules::{self, EpisodeRow},
    track::{self, TrackRows},
};
use crate::{
    delivery::entry::Entry,
    domain::{
        ids::PoolId,
        listing::{Doubted, Listing, Missed},
        pool::Pool,
        rate::Percent,
        reading::{DataState, Doubt, FeedStats, Reading},
        rule::Rewarded,
        strain::Strain,
        time::Timestamp,
        verdict::{Assessment, Origin, Usual, record::Record},
    },
};

/// All that one answer changes, committed together or not at all.
#[derive(Debug)]
pub struct BatchRecord<'a> {
    /// `None` where the source had nothing new.
    pub batch: Option<BatchRow>,
    /// Pools that are new, or described in other words than before.
    pub described: Vec<&'a Listing>,
    /// Pools whose latest figures or state are others than before.
    pub latest: Vec<&'a Listing>,
    /// Usable figures that count from now on.
    pub readings: Vec<ReadingRow<'a>>,
    pub episodes: Vec<EpisodeRow>,
    pub entries: Vec<Entry>,
    pub track: TrackRows,
    /// Numbers of pools that the batch does not list any more. Their number and their days stay.
    pub gone: Vec<i64>,
}

/// What is kept of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchRow {
    pub source: &'static str,
    pub fetched_at: Timestamp,
    pub digest: u64,
    pub pools: u32,
    pub skipped: u32,
    pub conflicting: u32,
    pub suspect: bool,
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

/// Rows of one multi-row statement.
pub(super) const CHUNK: usize = 100;

impl Store {
    /// The pools as the last batch left them.
    pub async fn listings(&self) -> Result<Vec<Listing>, StoreError> {
        const SQL: &str = "SELECT p.no, p.id, p.chain, p.protocol, p.symbol, p.meta, p.method, \
                 p.stablecoin, p.multi_asset, p.impermanent_loss, p.underlying, \
                 l.at, l.apy, l.base, l.reward, l.tvl_usd, \
                 l.trusted_at, l.trusted_apy, l.trusted_base, l.trusted_reward, l.trusted_tvl_usd, \
                 l.feed_mean_30d, l.feed_sigma, l.feed_days, \
                 l.own_time, l.unchanged_since, l.data_state, l.missed, l.missed_since, \
                 l.doubt, l.doubt_since, l.rewarded_at, l.rewarded, l.counted_at, \
                 u.centre, u.variation, u.days, u.figures \
             FROM pool p JOIN latest l ON l.pool_no = p.no \
                 LEFT JOIN record u ON u.pool_no = p.no \
             WHERE p.gone_at IS NULL";
        let mut names = Names::default();
        let mut listings = Vec::new();
        let mut rows = sqlx::query(SQL).fetch(&self.readers);
        while let Some(row) = rows.try_next().await? {
            listings.push(listing_of(&row, &mut names)?);
        }
        Ok(listings)
    }

    /// Numbers of pools that are no longer listed.
    pub async fn gone_pools(&self) -> Result<foldhash::HashMap<PoolId, i64>, StoreError> {
        const SQL: &str = "SELECT id, no FROM pool WHERE gone_at IS NOT NULL";
        let rows: Vec<(Vec<u8>, i64)> = sqlx::query_as(SQL).fetch_all(&self.readers).await?;
        rows.into_iter()
            .map(|(id, no)| Ok((columns::pool_id(&id)?, no)))
            .collect()
    }

    /// Pools that go on under another key, each with that key.
    pub async fn renamed_pools(&self) -> Result<foldhash::HashMap<PoolId, PoolId>, StoreError> {
        const SQL: &str = "SELECT id, became FROM pool WHERE became IS NOT NULL";
        let rows: Vec<(Vec<u8>, Vec<u8>)> = sqlx::query_as(SQL).fetch_all(&self.readers).await?;
        rows.into_iter()
            .map(|(id, became)| Ok((columns::pool_id(&id)?, columns::pool_id(&became)?)))
            .collect()
    }

    /// Notes that a pool goes on under another key.
    pub async fn note_renamed(&self, pool: PoolId, became: PoolId) -> Result<(), StoreError> {
        const SQL: &str = "UPDATE pool SET became = $2 WHERE id = $1";
        sqlx::query(SQL)
            .bind(&pool.as_bytes()[..])
            .bind(&became.as_bytes()[..])
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    /// Commits a batch with all that the rules made of it.
    pub async fn commit_batch(&self, record: &BatchRecord<'_>) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        if let Some(batch) = &record.batch {
            save_batch(&mut tx, batch).await?;
            for no in &record.gone {
                take_off(&mut tx, *no, batch.fetched_at).await?;
            }
            if self.behind {
                sqlx::query(FORGET_SETTING)
                    .bind(BEHIND)
                    .execute(&mut *tx)
                    .await?;
            }
        }
        for chunk in record.described.chunks(CHUNK) {
            save_pools(&mut tx, chunk).await?;
        }
        // Most are sound, and of those much need not be said: their statements are alike.
        let (sound, others): (Vec<&Listing>, _) = record.latest.iter().partition(|it| is_sound(it));
        for chunk in sound.chunks(CHUNK).chain(others.chunks(CHUNK)) {
            save_figures(&mut tx, chunk).await?;
        }
        for chunk in record.readings.chunks(CHUNK) {
            history::save_readings(&mut tx, chunk).await?;
        }
        rules::save_episodes(&mut tx, &record.episodes).await?;
        self.insert_entries(&mut tx, &record.entries).await?;
        track::save(&mut tx, &record.track).await?;
        tx.commit().await?;
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
        .bind(&batch.digest.to_le_bytes()[..])
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
    // Its changes go with the others when they are old enough.
    const TABLES: [&str; 2] = [
        "DELETE FROM latest WHERE pool_no = $1",
        "DELETE FROM record WHERE pool_no = $1",
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
         impermanent_loss, underlying) ",
    );
    query.push_values(chunk, |mut values, listing| {
        let pool = &listing.pool;
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
            .push_bind(pool.underlying.join(" "));
    });
    query.push(
        " ON CONFLICT (no) DO UPDATE SET chain = excluded.chain, protocol = excluded.protocol, \
         symbol = excluded.symbol, meta = excluded.meta, method = excluded.method, \
         stablecoin = excluded.stablecoin, multi_asset = excluded.multi_asset, \
         impermanent_loss = excluded.impermanent_loss, underlying = excluded.underlying, \
         gone_at = NULL",
    );
    query.build().execute(connection).await?;
    Ok(())
}

/// Nothing speaks against the latest reading.
fn is_sound(listing: &Listing) -> bool {
    listing.state == DataState::Good
        && listing.trusted.is_none()
        && listing.missed.is_none()
        && listing.doubt.is_none()
}

async fn save_figures(
    connection: &mut SqliteConnection,
    chunk: &[&Listing],
) -> Result<(), StoreError> {
    let mut query = QueryBuilder::<Sqlite>::new(
        "INSERT INTO latest (pool_no, at, apy, base, reward, tvl_usd, feed_mean_30d, feed_sigma, \
         feed_days, own_time, unchanged_since, rewarded_at, rewarded, counted_at, data_state, \
         trusted_at, trusted_apy, trusted_base, trusted_reward, trusted_tvl_usd, \
         missed, missed_since, doubt, doubt_since) ",
    );
    query.push_values(chunk, |mut values, listing| {
        let Listing {
            reading,
            trusted,
            feed,
            missed,
            ..
        } = listing;
        values
            .push_bind(listing.no)
            .push_bind(reading.at.millis())
            .push_bind(reading.apy.get())
            .push_bind(reading.base.map(Percent::get))
            .push_bind(reading.reward.map(Percent::get))
            .push_bind(reading.tvl_usd)
            .push_bind(feed.mean_30d.map(Percent::get))
            .push_bind(feed.sigma)
            .push_bind(feed.days.map(i64::from))
            .push_bind(listing.own_time)
            .push_bind(listing.unchanged_since.millis())
            .push_bind(listing.rewarded.map(|rewarded| rewarded.at.millis()))
            .push_bind(listing.rewarded.map(|rewarded| rewarded.reward.get()))
            .push_bind(listing.counted_at.millis());
        if is_sound(listing) {
            values.push("'good', NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL");
            return;
        }
        values
            .push_bind(listing.state.slug())
            .push_bind(trusted.map(|trusted| trusted.at.millis()))
            .push_bind(trusted.map(|trusted| trusted.apy.get()))
            .push_bind(trusted.and_then(|trusted| trusted.base).map(Percent::get))
            .push_bind(trusted.and_then(|trusted| trusted.reward).map(Percent::get))
            .push_bind(trusted.map(|trusted| trusted.tvl_usd))
            .push_bind(missed.map_or(0, |missed| i64::from(missed.batches)))
            .push_bind(missed.map(|missed| missed.since.millis()))
            .push_bind(listing.doubt.map(|doubted| doubted.doubt.slug()))
            .push_bind(listing.doubt.map(|doubted| doubted.since.millis()));
    });
    query.push(
        " ON CONFLICT (pool_no) DO UPDATE SET at = excluded.at, apy = excluded.apy, \
         base = excluded.base, reward = excluded.reward, tvl_usd = excluded.tvl_usd, \
         trusted_at = excluded.trusted_at, trusted_apy = excluded.trusted_apy, \
         trusted_base = excluded.trusted_base, trusted_reward = excluded.trusted_reward, \
         trusted_tvl_usd = excluded.trusted_tvl_usd, feed_mean_30d = excluded.feed_mean_30d, \
         feed_sigma = excluded.feed_sigma, feed_days = excluded.feed_days, \
         own_time = excluded.own_time, unchanged_since = excluded.unchanged_since, \
         data_state = excluded.data_state, missed = excluded.missed, \
         missed_since = excluded.missed_since, doubt = excluded.doubt, \
         doubt_since = excluded.doubt_since, rewarded_at = excluded.rewarded_at, \
         rewarded = excluded.rewarded, counted_at = excluded.counted_at",
    );
    query.build().execute(connection).await?;
    Ok(())
}

/// Chain and protocol names are shared by many pools.
#[derive(Default)]
struct Names(HashSet<Arc<str>>);

impl Names {
    fn share(&mut self, name: &str) -> Arc<str> {
        if let Some(known) = self.0.get(name) {
            return Arc::clone(known);
        }
        let shared: Arc<str> = Arc::from(name);
        self.0.insert(Arc::clone(&shared));
        shared
    }
}

/// The cells of a row, from left to right.
struct Cells<'r> {
    row: &'r SqliteRow,
    next: usize,
}

impl<'r> Cells<'r> {
    fn take<T: sqlx::Decode<'r, Sqlite> + sqlx::Type<Sqlite>>(&mut self) -> Result<T, StoreError> {
        let cell = self.row.try_get(self.next)?;
        self.next += 1;
        Ok(cell)
    }

    fn percent(&mut self) -> Result<Option<Percent>, StoreError> {
        Ok(self.take::<Option<f64>>()?.and_then(Percent::new))
    }

    /// A reading, where there is one.
    fn reading(&mut self) -> Result<Option<Reading>, StoreError> {
        let at: Option<i64> = self.take()?;
        let (apy, base, reward) = (self.percent()?, self.percent()?, self.percent()?);
        let tvl_usd: Option<f64> = self.take()?;
        let (Some(at), Some(tvl_usd)) = (at, tvl_usd) else {
            return Ok(None);
        };
        Ok(Some(Reading {
            at: columns::time(at),
            apy: apy.ok_or(bad("apy"))?,
            base,
            reward,
            tvl_usd,
        }))
    }
}

fn listing_of(row: &SqliteRow, names: &mut Names) -> Result<Listing, StoreError> {
    let mut cells = Cells { row, next: 0 };
    Ok(Listing {
        no: cells.take()?,
        pool: Arc::new(pool_of(&mut cells, names)?),
        reading: cells.reading()?.ok_or(bad("at"))?,
        trusted: cells.reading()?,
        feed: FeedStats {
            mean_30d: cells.percent()?,
            sigma: cells.take()?,
            days: cells
                .take::<Option<i64>>()?
                .and_then(|days| u32::try_from(days).ok()),
        },
        own_time: cells.take()?,
        reward_tokens: Box::default(),
        unchanged_since: columns::time(cells.take()?),
        state: DataState::parse(cells.take()?).ok_or(bad("data_state"))?,
        missed: missed_of(&mut cells)?,
        doubt: doubted_of(&mut cells)?,
        rewarded: rewarded_of(&mut cells)?,
        counted_at: columns::time(cells.take()?),
        record: record_of(&mut cells)?.map(Arc::new),
        assessment: Assessment::default(),
        strain: Strain::default(),
    })
}

fn pool_of(cells: &mut Cells<'_>, names: &mut Names) -> Result<Pool, StoreError> {
    Ok(Pool {
        id: columns::pool_id(cells.take()?)?,
        chain: names.share(cells.take()?),
        protocol: names.share(cells.take()?),
        symbol: cells.take::<&str>()?.into(),
        meta: cells.take::<Option<&str>>()?.map(Into::into),
        method: cells.take::<&str>()?.parse().map_err(|_| bad("method"))?,
        stablecoin: cells.take()?,
        multi_asset: cells.take()?,
        impermanent_loss: cells.take()?,
        underlying: cells
            .take::<&str>()?
            .split_whitespace()
            .map(Into::into)
            .collect(),
    })
}

fn missed_of(cells: &mut Cells<'_>) -> Result<Option<Missed>, StoreError> {
    let batches: i64 = cells.take()?;
    let since: Option<i64> = cells.take()?;
    since
        .map(|since| {
            Ok(Missed {
                batches: u32::try_from(batches).map_err(|_| bad("missed"))?,
                since: columns::time(since),
            })
        })
        .transpose()
}

fn doubted_of(cells: &mut Cells<'_>) -> Result<Option<Doubted>, StoreError> {
    let doubt: Option<&str> = cells.take()?;
    let since: Option<i64> = cells.take()?;
    doubt
        .zip(since)
        .map(|(doubt, since)| {
            Ok(Doubted {
                doubt: Doubt::parse(doubt).ok_or(bad("doubt"))?,
                since: columns::time(since),
            })
        })
        .transpose()
}

fn rewarded_of(cells: &mut Cells<'_>) -> Result<Option<Rewarded>, StoreError> {
    let at: Option<i64> = cells.take()?;
    let reward = cells.percent()?;
    Ok(at.zip(reward).map(|(at, reward)| Rewarded {
        at: columns::time(at),
        reward,
    }))
}

/// What another version kept otherwise is worked out anew with the next batch.
fn record_of(cells: &mut Cells<'_>) -> Result<Option<Record>, StoreError> {
    let centre = cells.percent()?;
    let variation = cells.take()?;
    let days: Option<i64> = cells.take()?;
    let figures: Option<&[u8]> = cells.take()?;
    let (Some(centre), Some(days), Some(figures)) = (centre, days, figures) else {
        return Ok(None);
    };
    let usual = Usual {
        centre,
        variation,
        days: u32::try_from(days).map_err(|_| bad("days"))?,
        origin: Origin::Own,
    };
    Ok(Record::from_bytes(usual, figures))
}

#[cfg(test)]
pub(super) mod tests;
