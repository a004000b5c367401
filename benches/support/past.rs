//! A past of full size: a year of days, and a fortnight in which half of the pools changed each hour.

use std::path::Path;

use sqlx::{Connection as _, SqliteConnection};
use stipend::domain::time::Timestamp;

const DAYS: i64 = 365;
const HOURS: i64 = 14 * 24;

/// Writes the past of the pools that are in the database, past the store: by batches it would take
/// an hour. Rates and sizes wander around the present ones.
pub(crate) async fn write(database: &Path, now: Timestamp) -> sqlx::Result<()> {
    const OF_DAYS: &str = "INSERT OR IGNORE INTO daily (pool_no, day, apy, base, reward, tvl_usd) \
         WITH RECURSIVE days (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM days WHERE n < $2) \
         SELECT pool_no, $1 - n, apy * (0.9 + (pool_no * 31 + n * 17) % 200 / 1000.0), base, reward, \
             tvl_usd * (0.9 + (pool_no * 13 + n * 7) % 200 / 1000.0) \
         FROM latest CROSS JOIN days ORDER BY pool_no, $1 - n";
    const OF_HOURS: &str = "INSERT INTO reading (at, pool_no, apy, base, reward, tvl_usd, verdict, previous_until) \
         WITH RECURSIVE hours (n) AS (SELECT $2 UNION ALL SELECT n - 1 FROM hours WHERE n > 1) \
         SELECT $1 - n * 3600000, pool_no, apy * (0.9 + (pool_no * 31 + n * 17) % 200 / 1000.0), base, reward, \
             tvl_usd * (0.9 + (pool_no * 13 + n * 7) % 200 / 1000.0), 'mixed', $1 - n * 3600000 - 3600000 \
         FROM hours CROSS JOIN latest WHERE (pool_no * 7 + n * 5) % 8 < 4";
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(database);
    let mut connection = SqliteConnection::connect_with(&options).await?;
    let mut tx = connection.begin().await?;
    sqlx::query(OF_DAYS)
        .bind(i64::from(now.day().0))
        .bind(DAYS)
        .execute(&mut *tx)
        .await?;
    sqlx::query(OF_HOURS)
        .bind(now.millis())
        .bind(HOURS)
        .execute(&mut *tx)
        .await?;
    tx.commit().await?;
    connection.close().await
}
