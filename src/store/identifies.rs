//! How often the bot has presented itself to Discord, and how often its process was started: kept
//! here, so that a process which is started again and again knows of those before it.

use super::{Store, StoreError, columns};
use crate::domain::time::{Span, Timestamp};

/// Rows are kept for so long: the day that Discord counts over, and an hour for clocks that differ.
const KEPT: Span = Span::hours(25);

/// A time further ahead than this was noted by a clock that has been set back since.
const AHEAD: Span = Span::hours(1);

/// One time that a shard presented itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdentifyId(i64);

impl Store {
    /// Notes that the process was started, and returns how often it was since `since`, this time included.
    pub async fn note_start(&self, since: Timestamp, now: Timestamp) -> Result<u32, StoreError> {
        const SWEEP: &str = "DELETE FROM process_start WHERE at NOT BETWEEN $1 AND $2";
        const NOTE: &str = "INSERT INTO process_start (at) VALUES ($1)";
        const COUNT: &str = "SELECT COUNT(*) FROM process_start WHERE at >= $1";
        let mut tx = self.begin().await?;
        sqlx::query(SWEEP)
            .bind(now.minus(KEPT.0).millis())
            .bind(now.plus(AHEAD.0).millis())
            .execute(&mut *tx)
            .await?;
        sqlx::query(NOTE)
            .bind(now.millis())
            .execute(&mut *tx)
            .await?;
        let starts: i64 = sqlx::query_scalar(COUNT)
            .bind(since.millis())
            .fetch_one(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(u32::try_from(starts).unwrap_or(u32::MAX))
    }

    /// Notes that a shard presents itself, before it does.
    pub async fn note_identify(
        &self,
        shard: u32,
        now: Timestamp,
    ) -> Result<IdentifyId, StoreError> {
        const SWEEP: &str = "DELETE FROM identify WHERE at NOT BETWEEN $1 AND $2";
        const NOTE: &str = "INSERT INTO identify (shard, at) VALUES ($1, $2) RETURNING id";
        let mut tx = self.begin().await?;
        sqlx::query(SWEEP)
            .bind(now.minus(KEPT.0).millis())
            .bind(now.plus(AHEAD.0).millis())
            .execute(&mut *tx)
            .await?;
        let id = sqlx::query_scalar(NOTE)
            .bind(shard)
            .bind(now.millis())
            .fetch_one(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(IdentifyId(id))
    }

    /// Notes that a shard was let in.
    pub async fn note_ready(&self, identify: IdentifyId, now: Timestamp) -> Result<(), StoreError> {
        const SQL: &str = "UPDATE identify SET ready_at = $2 WHERE id = $1";
        sqlx::query(SQL)
            .bind(identify.0)
            .bind(now.millis())
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    /// How often a shard has presented itself since `since` and since it was last let in.
    pub async fn identifies_in_vain(
        &self,
        shard: u32,
        since: Timestamp,
    ) -> Result<u32, StoreError> {
        const SQL: &str = "SELECT COUNT(*) FROM identify WHERE shard = $1 AND at >= $2 AND id > \
             COALESCE((SELECT MAX(id) FROM identify WHERE shard = $1 AND ready_at IS NOT NULL), 0)";
        let count: i64 = sqlx::query_scalar(SQL)
            .bind(shard)
            .bind(since.millis())
            .fetch_one(&self.readers)
            .await?;
        Ok(u32::try_from(count).unwrap_or(u32::MAX))
    }

    /// When the bot presented itself for the `nth` last time, over all shards; 1 is the last time.
    pub async fn nth_last_identify(&self, nth: u32) -> Result<Option<Timestamp>, StoreError> {
        const SQL: &str = "SELECT at FROM identify ORDER BY at DESC LIMIT 1 OFFSET $1";
        let at: Option<i64> = sqlx::query_scalar(SQL)
            .bind(nth.saturating_sub(1))
            .fetch_optional(&self.readers)
            .await?;
        Ok(at.map(columns::time))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market::fixture::hour;

    async fn store(folder: &std::path::Path) -> Store {
        Store::open(&folder.join("stipend.db"), &[7; 32], hour(0))
            .await
            .unwrap()
    }

    /// A process that was started anew has to know what the one before it has used up.
    #[tokio::test]
    async fn the_next_process_knows_what_the_last_one_did() {
        let folder = tempfile::tempdir().unwrap();
        let first = store(folder.path()).await;
        assert_eq!(first.note_start(hour(0), hour(0)).await.unwrap(), 1);
        first.note_identify(0, hour(0)).await.unwrap();
        first.note_identify(1, hour(1)).await.unwrap();
        first.close().await;
        drop(first);

        let next = store(folder.path()).await;
        assert_eq!(next.note_start(hour(0), hour(2)).await.unwrap(), 2);
        assert_eq!(next.note_start(hour(1), hour(2)).await.unwrap(), 2);
        let last = |nth| next.nth_last_identify(nth);
        assert_eq!(last(1).await.unwrap(), Some(hour(1)));
        assert_eq!(last(2).await.unwrap(), Some(hour(0)));
        assert_eq!(last(3).await.unwrap(), None);
    }

    #[tokio::test]
    async fn only_what_came_after_the_last_ready_of_the_shard_was_in_vain() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path()).await;
        let in_vain = |shard, since| store.identifies_in_vain(shard, since);
        store.note_identify(0, hour(0)).await.unwrap();
        let let_in = store.note_identify(0, hour(1)).await.unwrap();
        assert_eq!(in_vain(0, hour(0)).await.unwrap(), 2);
        store.note_ready(let_in, hour(1)).await.unwrap();
        assert_eq!(in_vain(0, hour(0)).await.unwrap(), 0);
        store.note_identify(0, hour(2)).await.unwrap();
        store.note_identify(1, hour(2)).await.unwrap();
        store.note_identify(0, hour(3)).await.unwrap();
        assert_eq!(in_vain(0, hour(0)).await.unwrap(), 2);
        assert_eq!(in_vain(0, hour(3)).await.unwrap(), 1);
        assert_eq!(in_vain(1, hour(0)).await.unwrap(), 1);
    }

    /// Neither rows without end, nor a future that would hold the bot back until it comes.
    #[tokio::test]
    async fn rows_of_yesterday_and_of_a_wrong_future_are_swept() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path()).await;
        for at in [hour(0), hour(500)] {
            store.note_start(at, at).await.unwrap();
            store.note_identify(0, at).await.unwrap();
        }
        assert_eq!(store.nth_last_identify(2).await.unwrap(), None);
        assert_eq!(store.note_start(hour(0), hour(30)).await.unwrap(), 1);
        store.note_identify(0, hour(30)).await.unwrap();
        assert_eq!(store.nth_last_identify(1).await.unwrap(), Some(hour(30)));
        assert_eq!(store.nth_last_identify(2).await.unwrap(), None);
    }
}
