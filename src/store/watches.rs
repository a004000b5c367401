//! What people have watched for them: sealed like all that is theirs, and kept together with what it gave to
//! tell.

use std::convert::Infallible;

use super::{
    Store, StoreError,
    people::drawer::{Full, Kept, WATCHES},
};
use crate::{
    delivery::entry::Entry,
    domain::{
        ids::{UserId, WatchId},
        time::Timestamp,
        watch::{KeptWatch, Watch},
    },
};

/// A watch that was looked at, with what it gave to tell.
#[derive(Debug)]
pub struct Looked {
    pub before: KeptWatch,
    pub after: Watch,
    pub entries: Vec<Entry>,
}

fn kept(kept: Kept<Watch>) -> KeptWatch {
    KeptWatch {
        id: WatchId(kept.id),
        watch: kept.what,
    }
}

impl Store {
    /// Everybody who has anything watched. Who cannot be read is left out, and logged.
    pub async fn watchers(&self) -> Result<Vec<UserId>, StoreError> {
        const SQL: &str = "SELECT blind, name FROM person \
             WHERE EXISTS (SELECT 1 FROM watch WHERE owner = blind) ORDER BY blind";
        let rows: Vec<(i64, Vec<u8>)> = sqlx::query_as(SQL).fetch_all(&self.readers).await?;
        Ok(rows
            .into_iter()
            .filter_map(|(blind, name)| self.keyring.shown_or_told(blind, &name))
            .collect())
    }

    /// The person's watches, oldest first.
    pub async fn watches(&self, user: UserId) -> Result<Vec<KeptWatch>, StoreError> {
        let rows = self.drawn(&WATCHES, user).await?;
        Ok(rows.into_iter().map(kept).collect())
    }

    /// One watch of the person's. Somebody else's is not there.
    pub async fn watch(&self, user: UserId, id: WatchId) -> Result<Option<KeptWatch>, StoreError> {
        let found = self.drawn_one(&WATCHES, user, id.0);
        Ok(found.await?.map(kept))
    }

    /// Keeps a watch: a person has `most` at most. They have to have agreed before.
    pub async fn add_watch(
        &self,
        user: UserId,
        watch: &Watch,
        most: usize,
        now: Timestamp,
    ) -> Result<Result<WatchId, Full>, StoreError> {
        let put = self.put(&WATCHES, user, std::slice::from_ref(watch), most, now);
        let put = put.await?;
        Ok(put.and_then(|ids| ids.first().copied().map(WatchId).ok_or(Full)))
    }

    /// Removes a watch of this person and returns it. Somebody else's is not there. What it gave to tell and
    /// nobody was told yet is not told any more.
    pub async fn remove_watch(
        &self,
        user: UserId,
        id: WatchId,
    ) -> Result<Option<KeptWatch>, StoreError> {
        const SQL: &str = "UPDATE outbox SET state = 'superseded' \
             WHERE watch_id = $1 AND post_id IS NULL AND state = 'pending'";
        let taken = self.taken(&WATCHES, user, id.0).await?;
        if taken.is_some() {
            sqlx::query(SQL).bind(id.0).execute(&self.writer).await?;
        }
        Ok(taken.map(kept))
    }

    /// Which of these notices have reached nobody and never will.
    pub async fn never_told(&self, keys: &[[u8; 32]]) -> Result<Vec<[u8; 32]>, StoreError> {
        const SQL: &str = "SELECT EXISTS (SELECT 1 FROM notice \
             WHERE dedup_key = $1 AND state IN ('expired', 'dead'))";
        let mut found = Vec::new();
        for key in keys {
            let asked = sqlx::query_scalar(SQL).bind(&key[..]);
            if asked.fetch_one(&self.readers).await? {
                found.push(*key);
            }
        }
        Ok(found)
    }

    /// Has a watch of this person rest until then, or look again. Somebody else's is not there.
    pub async fn pause_watch(
        &self,
        user: UserId,
        id: WatchId,
        until: Option<Timestamp>,
    ) -> Result<Option<KeptWatch>, StoreError> {
        let pause = |watch: Watch| Ok::<_, Infallible>(watch.resting(until));
        let changed = self.changed(&WATCHES, user, id.0, pause).await?;
        Ok(changed.map(|changed| match changed {
            Ok(now) => kept(now),
            Err(never) => match never {},
        }))
    }

    /// Keeps where a person's watches stand now and what they gave to tell, all of it or none. A watch that
    /// its owner changed or removed meanwhile is left alone, and looked at again next time.
    pub async fn keep_looks(&self, user: UserId, looked: &[Looked]) -> Result<u64, StoreError> {
        let mut tx = self.begin().await?;
        let Some(holder) = self.holder(&mut *tx, user).await? else {
            tx.leave();
            return Ok(0);
        };
        let mut added = 0;
        for look in looked {
            let id = look.before.id.0;
            let stands: Option<Kept<Watch>> = holder.row(&mut *tx, &WATCHES, id).await?;
            if stands.is_none_or(|stands| stands.what != look.before.watch) {
                continue;
            }
            holder.rewrite(&mut tx, &WATCHES, id, &look.after).await?;
            added += self.insert_entries(&mut tx, &look.entries).await?;
        }
        tx.commit().await?;
        Ok(added)
    }

    /// Forgets a person as a place that is written to, with all that was or is to be told there.
    pub(in crate::store) async fn forget_direct(
        connection: &mut sqlx::SqliteConnection,
        blind: i64,
    ) -> Result<(), StoreError> {
        const TOLD: &str = "DELETE FROM outbox WHERE destination_id IN \
             (SELECT id FROM destination WHERE person = $1)";
        const POSTS: &str = "DELETE FROM post WHERE destination_id IN \
             (SELECT id FROM destination WHERE person = $1)";
        const PLACES: &str = "DELETE FROM destination WHERE person = $1";
        for sql in [TOLD, POSTS, PLACES] {
            sqlx::query(sql)
                .bind(blind)
                .execute(&mut *connection)
                .await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
