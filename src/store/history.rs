//! What pools paid: every change of the last days, one row a day for ever, and what is usual.

use std::{collections::HashMap, sync::Arc};

use futures::TryStreamExt as _;
use sqlx::{QueryBuilder, Row as _, Sqlite, SqliteConnection, sqlite::SqliteRow};

use super::{Store, StoreError, columns, market::CHUNK};
use crate::domain::{
    ids::PoolId,
    rate::Percent,
    reading::{DayReading, Reading, Stretch},
    time::{Day, Span, Timestamp},
    verdict::{Verdict, record::Record},
};

/// One change of a pool's figures.
#[derive(Debug, Clone, Copy)]
pub struct ReadingRow<'a> {
    pub no: i64,
    pub reading: &'a Reading,
    pub verdict: Verdict,
    /// When the figures before these were last read.
    pub previous_until: Option<Timestamp>,
}

/// How long every change is kept; days are kept for ever.
pub const CHANGES_KEPT: Span = Span::days(14);
/// The days that a record looks back.
const RECORD_DAYS: i32 = 60;
/// The order of the join makes it a seek for each pool instead of a scan of every year.
const RECENT: &str = "SELECT p.no, d.day, d.apy, d.base, d.reward, d.tvl_usd \
     FROM pool p CROSS JOIN daily d \
     WHERE d.pool_no = p.no AND d.day >= $1 AND d.day < $2 ORDER BY p.no, d.day";
/// Up to so many pools are looked up one by one; for more, all changes are read in one pass.
const FEW_POOLS: usize = 50;
/// Days of so many pools are written at a time. They lie far apart, and others want to write too.
const DAYS_AT_A_TIME: usize = 2_000;

impl Store {
    /// The stretches of pools that reach into the time since `since`, oldest first, by the pool's
    /// number. How long the last one went on is not known here; it ends with its first reading.
    pub async fn stretches(
        &self,
        pools: &[i64],
        since: Timestamp,
    ) -> Result<HashMap<i64, Vec<Stretch>>, StoreError> {
        // Steps from one time of reading to the next and looks there for the one pool.
        const ONE: &str = "WITH RECURSIVE times (at) AS ( \
                 SELECT MIN(at) FROM reading \
                 UNION ALL SELECT (SELECT MIN(r.at) FROM reading r WHERE r.at > times.at) \
                     FROM times WHERE times.at IS NOT NULL) \
             SELECT r.pool_no, r.at, r.apy, r.tvl_usd, r.verdict, r.previous_until \
             FROM times CROSS JOIN reading r WHERE r.at = times.at AND r.pool_no = $1 ORDER BY r.at";
        const ALL: &str = "SELECT pool_no, at, apy, tvl_usd, verdict, previous_until FROM reading \
             ORDER BY at, pool_no";
        let mut found: HashMap<i64, Vec<Stretch>> =
            pools.iter().map(|no| (*no, Vec::new())).collect();
        if pools.len() <= FEW_POOLS {
            for no in pools {
                let mut rows = sqlx::query(ONE).bind(no).fetch(&self.readers);
                while let Some(row) = rows.try_next().await? {
                    lengthen(&mut found, &row, since)?;
                }
            }
        } else {
            let mut rows = sqlx::query(ALL).fetch(&self.readers);
            while let Some(row) = rows.try_next().await? {
                lengthen(&mut found, &row, since)?;
            }
        }
        Ok(found)
    }

    /// What these pools showed since then, oldest first, by the pool's number: each change, and when the
    /// figures before it were last read.
    pub async fn changes(
        &self,
        pools: &[i64],
        since: Timestamp,
    ) -> Result<HashMap<i64, Vec<Reading>>, StoreError> {
        // Steps from one time of reading to the next and looks there for the one pool.
        const SQL: &str = "WITH RECURSIVE times (at) AS ( \
                 SELECT MIN(at) FROM reading WHERE at >= $1 \
                 UNION ALL SELECT (SELECT MIN(r.at) FROM reading r WHERE r.at > times.at) \
                     FROM times WHERE times.at IS NOT NULL) \
             SELECT r.at, r.apy, r.base, r.reward, r.tvl_usd, r.previous_until \
             FROM times CROSS JOIN reading r WHERE r.at = times.at AND r.pool_no = $2 ORDER BY r.at";
        type Row = (i64, f64, Option<f64>, Option<f64>, f64, Option<i64>);
        let mut found = HashMap::with_capacity(pools.len());
        for no in pools {
            let rows: Vec<Row> = sqlx::query_as(SQL)
                .bind(since.millis())
                .bind(no)
                .fetch_all(&self.readers)
                .await?;
            let mut readings: Vec<Reading> = Vec::with_capacity(2 * rows.len());
            for (at, apy, base, reward, tvl_usd, previous_until) in rows {
                let last_seen = previous_until.map(columns::time);
                if let Some((at, before)) = last_seen.zip(readings.last().copied())
                    && at > before.at
                {
                    readings.push(Reading { at, ..before });
                }
                readings.push(Reading {
                    at: columns::time(at),
                    apy: columns::percent(apy, "apy")?,
                    base: base.and_then(Percent::new),
                    reward: reward.and_then(Percent::new),
                    tvl_usd,
                });
            }
            found.insert(*no, readings);
        }
        Ok(found)
    }

    /// What these pools paid on a day, where that is kept.
    pub async fn rates_of_day(
        &self,
        numbers: &[i64],
        day: Day,
    ) -> Result<HashMap<i64, Percent>, StoreError> {
        let mut rates = HashMap::new();
        for chunk in numbers.chunks(CHUNK) {
            let mut query =
                QueryBuilder::<Sqlite>::new("SELECT pool_no, apy FROM daily WHERE day = ");
            query.push_bind(day.0).push(" AND pool_no IN (");
            let mut list = query.separated(", ");
            for number in chunk {
                list.push_bind(*number);
            }
            query.push(")");
            let rows: Vec<(i64, f64)> = query.build_query_as().fetch_all(&self.readers).await?;
            for (number, apy) in rows {
                rates.insert(number, columns::percent(apy, "apy")?);
            }
        }
        Ok(rates)
    }

    /// The verdict on each of these pools just before a moment, where a reading of then is kept.
    pub async fn verdicts_before(
        &self,
        asked: &[(i64, Timestamp)],
    ) -> Result<HashMap<(i64, Timestamp), Verdict>, StoreError> {
        const ASKED: &str = "WITH asked (no, since) AS (";
        // Readings lie in the order of time: steps back from one time to the one before, and looks there.
        const FOUND: &str = ") SELECT a.no, a.since, (WITH RECURSIVE times (at) AS ( \
                 SELECT MAX(at) FROM reading WHERE at < a.since \
                 UNION ALL SELECT (SELECT MAX(r.at) FROM reading r WHERE r.at < times.at) \
                     FROM times WHERE times.at IS NOT NULL) \
             SELECT r.verdict FROM times CROSS JOIN reading r \
             WHERE r.at = times.at AND r.pool_no = a.no LIMIT 1) FROM asked a";
        let mut found = HashMap::new();
        for chunk in asked.chunks(CHUNK) {
            let mut query = QueryBuilder::<Sqlite>::new(ASKED);
            query.push_values(chunk, |mut row, (no, at)| {
                row.push_bind(no).push_bind(at.millis());
            });
            query.push(FOUND);
            let rows: Vec<(i64, i64, Option<String>)> =
                query.build_query_as().fetch_all(&self.readers).await?;
            for (no, at, verdict) in rows {
                let Some(verdict) = verdict else { continue };
                let verdict = Verdict::parse(&verdict).ok_or(columns::bad("verdict"))?;
                found.insert((no, columns::time(at)), verdict);
            }
        }
        Ok(found)
    }

    /// What each of these pools showed just before a moment, where a reading of then is kept.
    pub async fn readings_before(
        &self,
        asked: &[(i64, Timestamp)],
    ) -> Result<HashMap<(i64, Timestamp), Reading>, StoreError> {
        // Readings lie in the order of time: steps back from one time to the one before, and looks there.
        const SQL: &str = "WITH RECURSIVE times (at) AS ( \
                 SELECT MAX(at) FROM reading WHERE at < $1 \
                 UNION ALL SELECT (SELECT MAX(r.at) FROM reading r WHERE r.at < times.at) \
                     FROM times WHERE times.at IS NOT NULL) \
             SELECT r.at, r.apy, r.base, r.reward, r.tvl_usd \
             FROM times CROSS JOIN reading r WHERE r.at = times.at AND r.pool_no = $2 LIMIT 1";
        type Row = (i64, f64, Option<f64>, Option<f64>, f64);
        let mut found = HashMap::with_capacity(asked.len());
        for (no, moment) in asked {
            let row: Option<Row> = sqlx::query_as(SQL)
                .bind(moment.millis())
                .bind(no)
                .fetch_optional(&self.readers)
                .await?;
            let Some((at, apy, base, reward, tvl_usd)) = row else {
                continue;
            };
            let reading = Reading {
                at: columns::time(at),
                apy: columns::percent(apy, "apy")?,
                base: base.and_then(Percent::new),
                reward: reward.and_then(Percent::new),
                tvl_usd,
            };
            found.insert((*no, *moment), reading);
        }
        Ok(found)
    }

    /// Takes away changes that are older than [`CHANGES_KEPT`]. The last one of a pool before that
    /// stays: its figures may have been read for long after.
    pub async fn sweep_changes(&self, now: Timestamp) -> Result<(), StoreError> {
        const SQL: &str = "DELETE FROM reading WHERE (at, pool_no) IN ( \
             SELECT at, pool_no FROM ( \
                 SELECT at, pool_no, LEAD(at) OVER (PARTITION BY pool_no ORDER BY at) AS next \
                 FROM reading WHERE at <= $1) AS old \
             WHERE next IS NOT NULL OR pool_no NOT IN (SELECT pool_no FROM latest))";
        sqlx::query(SQL)
            .bind(now.minus(CHANGES_KEPT.0).millis())
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    /// The days of a pool from `first` on.
    pub async fn days(&self, no: i64, first: Day) -> Result<Vec<DayReading>, StoreError> {
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
                Ok(DayReading {
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
        for part in pools.chunks(DAYS_AT_A_TIME) {
            let mut tx = self.begin().await?;
            for chunk in part.chunks(CHUNK) {
                save_days(&mut tx, chunk).await?;
            }
            tx.commit().await?;
        }
        Ok(())
    }

    /// Fills in days that we did not see ourselves; what we saw stays.
    pub async fn add_days(&self, no: i64, days: &[DayReading]) -> Result<(), StoreError> {
        if days.is_empty() {
            return Ok(());
        }
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

    /// Notes that the source was asked for the past of a pool.
    pub async fn note_chart(&self, no: i64, at: Timestamp) -> Result<(), StoreError> {
        const SQL: &str = "UPDATE pool SET charted_at = $2 WHERE no = $1";
        sqlx::query(SQL)
            .bind(no)
            .bind(at.millis())
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    /// Whose past the source was asked for, and when it was last.
    pub async fn charts_asked(&self) -> Result<HashMap<PoolId, Timestamp>, StoreError> {
        const SQL: &str = "SELECT id, charted_at FROM pool WHERE charted_at IS NOT NULL";
        let rows: Vec<(Vec<u8>, i64)> = sqlx::query_as(SQL).fetch_all(&self.readers).await?;
        rows.into_iter()
            .map(|(id, at)| Ok((columns::pool_id(&id)?, columns::time(at))))
            .collect()
    }

    /// Works out what the days before `today` say of each pool, keeps it, and returns it by the pool's
    /// number. Pools with too few days are left out.
    pub async fn refresh_records(
        &self,
        today: Day,
    ) -> Result<HashMap<i64, Arc<Record>>, StoreError> {
        let mut rows = sqlx::query(RECENT)
            .bind(i64::from(today.0 - RECORD_DAYS))
            .bind(i64::from(today.0))
            .fetch(&self.readers);
        let mut records = HashMap::new();
        let mut of_pool = (0, Vec::with_capacity(64));
        let mut close = |(no, days): &mut (i64, Vec<DayReading>)| {
            if let Some(record) = Record::of(days, today) {
                records.insert(*no, Arc::new(record));
            }
            days.clear();
        };
        while let Some(row) = rows.try_next().await? {
            let no: i64 = row.try_get(0)?;
            if no != of_pool.0 {
                close(&mut of_pool);
                of_pool.0 = no;
            }
            of_pool.1.push(day_of(&row)?);
        }
        close(&mut of_pool);
        drop(rows);
        self.save_records(today, &records).await?;
        Ok(records)
    }

    async fn save_records(
        &self,
        today: Day,
        records: &HashMap<i64, Arc<Record>>,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        let all: Vec<(&i64, &Arc<Record>)> = records.iter().collect();
        for chunk in all.chunks(CHUNK) {
            let mut query = QueryBuilder::<Sqlite>::new(
                "INSERT INTO record (pool_no, day, centre, variation, days, figures) ",
            );
            query.push_values(chunk, |mut values, (no, record)| {
                let usual = &record.usual;
                values
                    .push_bind(**no)
                    .push_bind(i64::from(today.0))
                    .push_bind(usual.centre.get())
                    .push_bind(usual.variation)
                    .push_bind(i64::from(usual.days))
                    .push_bind(record.to_bytes());
            });
            query.push(
                " ON CONFLICT (pool_no) DO UPDATE SET day = excluded.day, centre = excluded.centre, \
                 variation = excluded.variation, days = excluded.days, figures = excluded.figures",
            );
            query.build().execute(&mut *tx).await?;
        }
        // A pool that has too few days by now has no record any more.
        sqlx::query("DELETE FROM record WHERE day <> $1")
            .bind(i64::from(today.0))
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }
}

/// A row of [`RECENT`] without the pool's number.
fn day_of(row: &SqliteRow) -> Result<DayReading, StoreError> {
    let part = |at| -> Result<Option<Percent>, StoreError> {
        let part: Option<f64> = row.try_get(at)?;
        Ok(part.and_then(Percent::new))
    };
    Ok(DayReading {
        day: columns::day(row.try_get(1)?)?,
        apy: columns::percent(row.try_get(2)?, "apy")?,
        base: part(3)?,
        reward: part(4)?,
        tvl_usd: row.try_get(5)?,
    })
}

/// One more row of a pool, in the order of time: the stretch before it ends where the row says.
fn lengthen(
    found: &mut HashMap<i64, Vec<Stretch>>,
    row: &SqliteRow,
    since: Timestamp,
) -> Result<(), StoreError> {
    let Some(stretches) = found.get_mut(&row.try_get(0)?) else {
        return Ok(());
    };
    let from: i64 = row.try_get(1)?;
    let previous_until: Option<i64> = row.try_get(5)?;
    let from = columns::time(from);
    if from <= since {
        // What began earlier still does not reach into the time that is asked for.
        stretches.clear();
    }
    // Without it nobody knows how long the figures went on: the pool was away.
    if let (Some(before), Some(until)) = (stretches.last_mut(), previous_until) {
        before.until = columns::time(until);
    }
    stretches.push(Stretch {
        until: from,
        apy: columns::percent(row.try_get(2)?, "apy")?,
        tvl_usd: row.try_get(3)?,
        verdict: columns::verdict(row.try_get(4)?)?,
    });
    Ok(())
}

/// Writes changes inside the transaction of their batch.
pub(in crate::store) async fn save_readings(
    connection: &mut SqliteConnection,
    chunk: &[ReadingRow<'_>],
) -> Result<(), StoreError> {
    let mut query = QueryBuilder::<Sqlite>::new(
        "INSERT INTO reading (at, pool_no, apy, base, reward, tvl_usd, verdict, previous_until) ",
    );
    query.push_values(chunk, |mut values, row| {
        values
            .push_bind(row.reading.at.millis())
            .push_bind(row.no)
            .push_bind(row.reading.apy.get())
            .push_bind(row.reading.base.map(Percent::get))
            .push_bind(row.reading.reward.map(Percent::get))
            .push_bind(row.reading.tvl_usd)
            .push_bind(row.verdict.slug())
            .push_bind(row.previous_until.map(Timestamp::millis));
    });
    // A source that tells its own time may tell other figures for the same moment; the later hold.
    query.push(
        " ON CONFLICT (at, pool_no) DO UPDATE SET apy = excluded.apy, base = excluded.base, \
         reward = excluded.reward, tvl_usd = excluded.tvl_usd, verdict = excluded.verdict",
    );
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

#[cfg(test)]
mod tests;
