//! The track record: verdicts that were told, those that stood, and falls that no verdict warned of.

use futures::TryStreamExt as _;
use sqlx::{QueryBuilder, Row as _, Sqlite, SqliteConnection, sqlite::SqliteRow};

use super::{
    Store, StoreError,
    columns::{self, bad},
    market::CHUNK,
};
use crate::domain::{
    rate::Percent,
    time::{Day, Timestamp},
    track::{Announcement, HardLimit, Kept, Outcome, TOLD_DAYS, Tally},
    verdict::{
        Verdict,
        outcome::{Fate, HORIZON},
    },
};

/// What a batch adds to the track record, in its transaction.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TrackRows {
    /// Verdicts that its notices tell.
    pub announced: Vec<AnnouncedRow>,
    /// Verdicts with which a day ended, of watched pools.
    pub stood: Vec<StoodRow>,
}

/// A verdict on a pool that a notice tells.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AnnouncedRow {
    /// The number of the pool.
    pub no: i64,
    pub announcement: Announcement,
}

/// The verdict on a pool with which a day ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoodRow {
    /// The number of the pool.
    pub no: i64,
    pub day: Day,
    pub verdict: Verdict,
}

impl Store {
    /// Verdicts that were told on this day or before and are not judged yet, the oldest first.
    pub async fn unjudged(&self, until: Day, limit: u32) -> Result<Vec<AnnouncedRow>, StoreError> {
        const SQL: &str = "SELECT verdict, at, apy, score, paid_score, hard_limit, pool_no \
             FROM announced_verdict WHERE judged_at IS NULL AND day <= $1 \
             ORDER BY day, pool_no, verdict LIMIT $2";
        let rows = sqlx::query(SQL)
            .bind(i64::from(until.0))
            .bind(limit)
            .fetch_all(&self.readers)
            .await?;
        let row_of = |row: &SqliteRow| {
            Ok(AnnouncedRow {
                no: row.try_get(6)?,
                announcement: announcement_of(row)?,
            })
        };
        rows.iter().map(row_of).collect()
    }

    /// Keeps how verdicts turned out; `None` where that cannot be known.
    pub async fn judge(
        &self,
        judged: &[(AnnouncedRow, Option<Fate>)],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        const SQL: &str = "UPDATE announced_verdict SET judged_at = $4, of_today = $5, of_month = $6 \
             WHERE pool_no = $1 AND day = $2 AND verdict = $3";
        let mut tx = self.begin().await?;
        for (row, fate) in judged {
            sqlx::query(SQL)
                .bind(row.no)
                .bind(i64::from(row.announcement.day().0))
                .bind(row.announcement.verdict.slug())
                .bind(now.millis())
                .bind(fate.map(|fate| fate.of_today))
                .bind(fate.map(|fate| fate.of_month))
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await
    }

    /// Verdicts without a warning with which days up to this one ended, the oldest first.
    pub async fn unwarned(&self, until: Day, limit: u32) -> Result<Vec<StoodRow>, StoreError> {
        const SQL: &str = "SELECT pool_no, day, verdict FROM standing_verdict \
             WHERE day <= $1 AND verdict <> 'unsustainable' ORDER BY day, pool_no LIMIT $2";
        let rows: Vec<(i64, i64, String)> = sqlx::query_as(SQL)
            .bind(i64::from(until.0))
            .bind(limit)
            .fetch_all(&self.readers)
            .await?;
        rows.into_iter()
            .map(|(no, day, verdict)| {
                Ok(StoodRow {
                    no,
                    day: columns::day(day)?,
                    verdict: columns::verdict(&verdict)?,
                })
            })
            .collect()
    }

    /// Lets standing verdicts go that were looked at, and keeps the falls that came after them where no
    /// verdict had warned. A pool has one fall in 30 days.
    pub async fn settle(&self, looked_at: &[(StoodRow, Option<Day>)]) -> Result<(), StoreError> {
        const LET_GO: &str = "DELETE FROM standing_verdict WHERE pool_no = $1 AND day = $2";
        let mut tx = self.begin().await?;
        for (stood, fell_on) in looked_at {
            if let Some(day) = fell_on {
                note_fall(&mut tx, stood.no, *day).await?;
            }
            sqlx::query(LET_GO)
                .bind(stood.no)
                .bind(i64::from(stood.day.0))
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await
    }

    /// Takes standing warnings away after which no fall can come that is still to be looked at: `until` is
    /// the newest day of which it is known what became of it.
    pub async fn sweep_standing(&self, until: Day) -> Result<(), StoreError> {
        const SQL: &str = "DELETE FROM standing_verdict WHERE day < $1 \
             AND NOT EXISTS (SELECT 1 FROM standing_verdict WHERE day <= $2 \
                 AND verdict <> 'unsustainable')";
        sqlx::query(SQL)
            .bind(i64::from(until.0 - HORIZON))
            .bind(i64::from(until.0))
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    /// Takes away what is told no more and of which no fall can come that is still to be looked at.
    pub async fn sweep_told(&self, today: Day) -> Result<(), StoreError> {
        let before = i64::from(today.0 - TOLD_DAYS - 2 * HORIZON);
        let mut tx = self.begin().await?;
        for sql in [
            "DELETE FROM announced_verdict WHERE day < $1 AND judged_at IS NOT NULL",
            "DELETE FROM missed_fall WHERE day < $1",
        ] {
            sqlx::query(sql).bind(before).execute(&mut *tx).await?;
        }
        tx.commit().await
    }

    /// The track record of the last twelve months, counted row by row: there may be a hundred thousand.
    pub async fn tally(&self, today: Day) -> Result<Tally, StoreError> {
        const KEPT: &str = "SELECT verdict, at, apy, score, paid_score, hard_limit, repeats, judged_at, \
                 of_today, of_month FROM announced_verdict WHERE day > $1";
        const MISSED: &str = "SELECT COUNT(*) FROM missed_fall WHERE day > $1";
        let since = i64::from(today.0 - TOLD_DAYS);
        let mut tally = Tally::default();
        let mut rows = sqlx::query(KEPT).bind(since).fetch(&self.readers);
        while let Some(row) = rows.try_next().await? {
            tally.add(&kept_of(&row)?);
        }
        let missed: i64 = sqlx::query_scalar(MISSED)
            .bind(since)
            .fetch_one(&self.readers)
            .await?;
        tally.missed = usize::try_from(missed).map_err(|_| bad("missed"))?;
        Ok(tally)
    }
}

/// Keeps a fall, unless a verdict warned of it in the 30 days before or it is one that is kept already.
async fn note_fall(connection: &mut SqliteConnection, no: i64, day: Day) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO missed_fall (pool_no, day) SELECT $1, $2 \
         WHERE NOT EXISTS (SELECT 1 FROM announced_verdict WHERE pool_no = $1 \
             AND day >= $2 - $3 AND day < $2 AND verdict = 'unsustainable') \
         AND NOT EXISTS (SELECT 1 FROM standing_verdict WHERE pool_no = $1 \
             AND day >= $2 - $3 AND day < $2 AND verdict = 'unsustainable') \
         AND NOT EXISTS (SELECT 1 FROM missed_fall WHERE pool_no = $1 \
             AND day > $2 - $3 AND day < $2 + $3)";
    sqlx::query(SQL)
        .bind(no)
        .bind(i64::from(day.0))
        .bind(i64::from(HORIZON))
        .execute(connection)
        .await?;
    Ok(())
}

/// Writes inside the transaction of a batch. What is there already stays: the first reading of a day that
/// a verdict was told with is the one that counts.
pub(in crate::store) async fn save(
    connection: &mut SqliteConnection,
    rows: &TrackRows,
) -> Result<(), StoreError> {
    for row in &rows.announced {
        save_announced(connection, row).await?;
    }
    for chunk in rows.stood.chunks(CHUNK) {
        let mut query =
            QueryBuilder::<Sqlite>::new("INSERT INTO standing_verdict (pool_no, day, verdict) ");
        query.push_values(chunk, |mut values, row| {
            values
                .push_bind(row.no)
                .push_bind(i64::from(row.day.0))
                .push_bind(row.verdict.slug());
        });
        query.push(" ON CONFLICT (pool_no, day) DO UPDATE SET verdict = excluded.verdict");
        query.build().execute(&mut *connection).await?;
    }
    Ok(())
}

async fn save_announced(
    connection: &mut SqliteConnection,
    row: &AnnouncedRow,
) -> Result<(), StoreError> {
    // The condition tells SQLite that what follows is no part of a join.
    const SQL: &str = "INSERT INTO announced_verdict \
             (pool_no, day, verdict, at, apy, score, paid_score, hard_limit, repeats) \
         SELECT $1, $2, $3, $4, $5, $6, $7, $8, EXISTS (SELECT 1 FROM announced_verdict \
             WHERE pool_no = $1 AND day > $2 - $9 AND day < $2 AND verdict = $3 AND repeats = 0) \
         WHERE TRUE ON CONFLICT (pool_no, day, verdict) DO NOTHING";
    let told = &row.announcement;
    sqlx::query(SQL)
        .bind(row.no)
        .bind(i64::from(told.day().0))
        .bind(told.verdict.slug())
        .bind(told.at.millis())
        .bind(told.apy.get())
        .bind(told.score)
        .bind(told.paid_score)
        .bind(told.limit.map(HardLimit::slug))
        .bind(i64::from(HORIZON))
        .execute(connection)
        .await?;
    Ok(())
}

fn announcement_of(row: &SqliteRow) -> Result<Announcement, StoreError> {
    let limit: Option<&str> = row.try_get(5)?;
    Ok(Announcement {
        verdict: columns::verdict(row.try_get(0)?)?,
        at: columns::time(row.try_get(1)?),
        apy: Percent::new(row.try_get(2)?).ok_or(bad("apy"))?,
        score: row.try_get(3)?,
        paid_score: row.try_get(4)?,
        limit: limit
            .map(|limit| HardLimit::parse(limit).ok_or(bad("hard_limit")))
            .transpose()?,
    })
}

fn kept_of(row: &SqliteRow) -> Result<Kept, StoreError> {
    let judged_at: Option<i64> = row.try_get(7)?;
    let of_today: Option<f64> = row.try_get(8)?;
    let of_month: Option<f64> = row.try_get(9)?;
    let outcome = match (judged_at, of_today.zip(of_month)) {
        (None, _) => Outcome::Open,
        (Some(_), None) => Outcome::NotKnown,
        (Some(_), Some((of_today, of_month))) => Outcome::Known(Fate { of_today, of_month }),
    };
    Ok(Kept {
        announcement: announcement_of(row)?,
        is_repeat: row.try_get(6)?,
        outcome,
    })
}

#[cfg(test)]
mod tests;
