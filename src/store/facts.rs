//! What is known beside the pools: of each source the rows of its last usable answer, as one packed
//! piece. They are always read and written as a whole, so that columns would only cost time.

use super::{Store, StoreError, columns};
use crate::domain::time::Timestamp;

impl Store {
    /// What was kept of a source last, and when that was fetched.
    pub async fn kept_facts(
        &self,
        source: &str,
    ) -> Result<Option<(Timestamp, Vec<u8>)>, StoreError> {
        const SQL: &str = "SELECT fetched_at, packed FROM fact WHERE source = $1";
        let row: Option<(i64, Vec<u8>)> = sqlx::query_as(SQL)
            .bind(source)
            .fetch_optional(&self.readers)
            .await?;
        Ok(row.map(|(at, packed)| (columns::time(at), packed)))
    }

    /// Keeps this in the place of what was kept of the source before.
    pub async fn keep_facts(
        &self,
        source: &str,
        fetched_at: Timestamp,
        packed: &[u8],
    ) -> Result<(), StoreError> {
        const SQL: &str = "INSERT INTO fact (source, fetched_at, packed) VALUES ($1, $2, $3) \
             ON CONFLICT (source) DO UPDATE SET fetched_at = excluded.fetched_at, \
             packed = excluded.packed";
        let mut tx = self.begin().await?;
        sqlx::query(SQL)
            .bind(source)
            .bind(fetched_at.millis())
            .bind(packed)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market::fixture::hour;

    #[tokio::test]
    async fn the_last_answer_of_each_source_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stipend.db");
        let store = Store::open(&path, &[7; 32], hour(0)).await.unwrap();
        assert_eq!(store.kept_facts("fees").await.unwrap(), None);
        store.keep_facts("fees", hour(1), b"old").await.unwrap();
        store.keep_facts("loans", hour(2), b"other").await.unwrap();
        store.keep_facts("fees", hour(3), b"\0new").await.unwrap();
        store.close().await;
        drop(store);
        let store = Store::open(&path, &[7; 32], hour(4)).await.unwrap();
        assert_eq!(
            store.kept_facts("fees").await.unwrap(),
            Some((hour(3), b"\0new".to_vec()))
        );
        assert_eq!(
            store.kept_facts("loans").await.unwrap(),
            Some((hour(2), b"other".to_vec()))
        );
    }
}
