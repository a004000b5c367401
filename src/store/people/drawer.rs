//! A table of rows that each belong to one person and are sealed as one piece. Nothing in a row but its
//! number, an index that stands for its owner, and when it was added can be read without the key, and every
//! look-up carries the owner.

use serde::{Serialize, de::DeserializeOwned};
use sqlx::{QueryBuilder, Sqlite, SqliteConnection, SqliteExecutor};

use super::super::{
    Store, StoreError,
    columns::{bad, time},
    holders::Holder,
    keys::Change,
    market::CHUNK,
    sealed::Place,
};
use crate::domain::{ids::UserId, time::Timestamp};

/// A kind of row, with its statements.
#[derive(Debug)]
pub(in crate::store) struct Drawer {
    table: &'static str,
    list: &'static str,
    last_put: &'static str,
    one: &'static str,
    count: &'static str,
    /// The highest number that the table ever gave.
    last: &'static str,
    insert: &'static str,
    change: &'static str,
    remove: &'static str,
    empty: &'static str,
}

/// The drawer over the table of this name, which has the columns `id`, `owner`, `sealed` and `added_at`.
macro_rules! drawer {
    ($table:literal) => {
        Drawer {
            table: $table,
            list: concat!(
                "SELECT id, sealed, added_at FROM ",
                $table,
                " WHERE owner = $1 ORDER BY id"
            ),
            last_put: concat!(
                "SELECT id, sealed, added_at FROM ",
                $table,
                " WHERE owner = $1 ORDER BY id DESC LIMIT $2"
            ),
            one: concat!(
                "SELECT id, sealed, added_at FROM ",
                $table,
                " WHERE owner = $1 AND id = $2"
            ),
            count: concat!("SELECT COUNT(*) FROM ", $table, " WHERE owner = $1"),
            last: concat!(
                "SELECT seq FROM sqlite_sequence WHERE name = '",
                $table,
                "'"
            ),
            insert: concat!("INSERT INTO ", $table, " (id, owner, sealed, added_at) "),
            change: concat!(
                "UPDATE ",
                $table,
                " SET sealed = $3 WHERE owner = $1 AND id = $2"
            ),
            remove: concat!("DELETE FROM ", $table, " WHERE owner = $1 AND id = $2"),
            empty: concat!("DELETE FROM ", $table, " WHERE owner = $1"),
        }
    };
}

pub(in crate::store) const POSITIONS: Drawer = drawer!("position");
pub(super) const ENTRIES: Drawer = drawer!("ledger_entry");
pub(in crate::store) const GOALS: Drawer = drawer!("goal");
pub(in crate::store) const WATCHES: Drawer = drawer!("watch");

/// A row as it was put in.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::store) struct Kept<T> {
    pub id: i64,
    pub what: T,
    pub added_at: Timestamp,
}

/// The drawer is as full as its owner may fill it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

impl Drawer {
    /// Seals a person's rows with another key, inside a transaction.
    pub(super) async fn reseal(
        &self,
        connection: &mut SqliteConnection,
        blind: i64,
        user: UserId,
        change: &Change<'_>,
    ) -> Result<(), StoreError> {
        let rows: Vec<Row> = sqlx::query_as(self.list)
            .bind(blind)
            .fetch_all(&mut *connection)
            .await?;
        for (id, sealed, _) in rows {
            sqlx::query(self.change)
                .bind(blind)
                .bind(id)
                .bind(change.made(&self.place(user, id), &sealed)?)
                .execute(&mut *connection)
                .await?;
        }
        Ok(())
    }

    const fn place(&self, owner: UserId, row: i64) -> Place {
        Place {
            table: self.table,
            column: "sealed",
            row,
            owner: owner.0,
        }
    }
}

type Row = (i64, Vec<u8>, i64);

impl Holder {
    fn opened<T: DeserializeOwned>(
        &self,
        drawer: &Drawer,
        (id, sealed, added_at): Row,
    ) -> Result<Kept<T>, StoreError> {
        let plain = self.key.open(&drawer.place(self.user, id), &sealed)?;
        Ok(Kept {
            id,
            what: serde_json::from_slice(&plain).map_err(|_| bad("sealed"))?,
            added_at: time(added_at),
        })
    }

    fn closed<T: Serialize>(
        &self,
        drawer: &Drawer,
        id: i64,
        what: &T,
    ) -> Result<Vec<u8>, StoreError> {
        let plain = serde_json::to_vec(what).map_err(|_| bad("sealed"))?;
        Ok(self.key.seal(&drawer.place(self.user, id), &plain))
    }
}

impl Store {
    /// All rows of a person, the oldest first.
    pub(in crate::store) async fn drawn<T: DeserializeOwned>(
        &self,
        drawer: &Drawer,
        owner: UserId,
    ) -> Result<Vec<Kept<T>>, StoreError> {
        let Some(holder) = self.holder(&self.readers, owner).await? else {
            return Ok(Vec::new());
        };
        let rows: Vec<Row> = sqlx::query_as(drawer.list)
            .bind(holder.blind)
            .fetch_all(&self.readers)
            .await?;
        let opened = rows.into_iter().map(|row| holder.opened(drawer, row));
        opened.collect()
    }

    /// Of a person's rows those that were put in last, the latest first. Each row that is opened costs some
    /// microseconds, so whoever waits at a keyboard is not kept waiting for all of them.
    pub(super) async fn drawn_last<T: DeserializeOwned>(
        &self,
        drawer: &Drawer,
        owner: UserId,
        most: u32,
    ) -> Result<Vec<Kept<T>>, StoreError> {
        let Some(holder) = self.holder(&self.readers, owner).await? else {
            return Ok(Vec::new());
        };
        let rows: Vec<Row> = sqlx::query_as(drawer.last_put)
            .bind(holder.blind)
            .bind(most)
            .fetch_all(&self.readers)
            .await?;
        let opened = rows.into_iter().map(|row| holder.opened(drawer, row));
        opened.collect()
    }

    /// One row of this person's. Somebody else's is not there.
    pub(in crate::store) async fn drawn_one<T: DeserializeOwned>(
        &self,
        drawer: &Drawer,
        owner: UserId,
        id: i64,
    ) -> Result<Option<Kept<T>>, StoreError> {
        match self.holder(&self.readers, owner).await? {
            Some(holder) => holder.row(&self.readers, drawer, id).await,
            None => Ok(None),
        }
    }

    /// Puts rows in, all of them or none, and answers with their numbers. The person has to have agreed
    /// before, and has at most `most` rows after.
    pub(in crate::store) async fn put<T: Serialize>(
        &self,
        drawer: &Drawer,
        owner: UserId,
        rows: &[T],
        most: usize,
        now: Timestamp,
    ) -> Result<Result<Vec<i64>, Full>, StoreError> {
        let mut tx = self.begin().await?;
        let holder = self.holder(&mut *tx, owner).await?.ok_or(bad("owner"))?;
        let held: i64 = sqlx::query_scalar(drawer.count)
            .bind(holder.blind)
            .fetch_one(&mut *tx)
            .await?;
        let held = usize::try_from(held).map_err(|_| bad("count"))?;
        if held.saturating_add(rows.len()) > most {
            tx.leave();
            return Ok(Err(Full));
        }
        // A row's number is part of what its seal is bound to, so it has to be known first. The table
        // gives no number twice, not even that of a row that is gone.
        let last: Option<i64> = sqlx::query_scalar(drawer.last)
            .fetch_optional(&mut *tx)
            .await?;
        let numbered: Vec<(i64, &T)> = (last.unwrap_or(0) + 1..).zip(rows).collect();
        for chunk in numbered.chunks(CHUNK) {
            let sealed = chunk.iter().map(|(id, what)| {
                let sealed = holder.closed(drawer, *id, *what)?;
                Ok((*id, sealed))
            });
            let sealed: Vec<(i64, Vec<u8>)> = sealed.collect::<Result<_, StoreError>>()?;
            insert(&mut tx, drawer, &holder, &sealed, now).await?;
        }
        tx.commit().await?;
        Ok(Ok(numbered.into_iter().map(|(id, _)| id).collect()))
    }

    /// Changes a row of this person, and answers with what it is now; `None` where there is no such row
    /// of theirs. What `change` refuses is not changed.
    pub(in crate::store) async fn changed<T: Serialize + DeserializeOwned, E>(
        &self,
        drawer: &Drawer,
        owner: UserId,
        id: i64,
        change: impl FnOnce(T) -> Result<T, E>,
    ) -> Result<Option<Result<Kept<T>, E>>, StoreError> {
        let mut tx = self.begin().await?;
        let Some(holder) = self.holder(&mut *tx, owner).await? else {
            tx.leave();
            return Ok(None);
        };
        let Some(before) = holder.row::<T>(&mut *tx, drawer, id).await? else {
            tx.leave();
            return Ok(None);
        };
        let what = match change(before.what) {
            Ok(what) => what,
            Err(refused) => {
                tx.leave();
                return Ok(Some(Err(refused)));
            }
        };
        holder.rewrite(&mut tx, drawer, id, &what).await?;
        tx.commit().await?;
        Ok(Some(Ok(Kept { what, ..before })))
    }

    /// Takes a row of this person out. Somebody else's is not there.
    pub(in crate::store) async fn taken<T: DeserializeOwned>(
        &self,
        drawer: &Drawer,
        owner: UserId,
        id: i64,
    ) -> Result<Option<Kept<T>>, StoreError> {
        let mut tx = self.begin().await?;
        let Some(holder) = self.holder(&mut *tx, owner).await? else {
            tx.leave();
            return Ok(None);
        };
        let row: Option<Row> = sqlx::query_as(drawer.one)
            .bind(holder.blind)
            .bind(id)
            .fetch_optional(&mut *tx)
            .await?;
        let Some(row) = row else {
            tx.leave();
            return Ok(None);
        };
        sqlx::query(drawer.remove)
            .bind(holder.blind)
            .bind(id)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        // What does not open is gone all the same.
        holder.opened(drawer, row).map(Some)
    }
}

impl Holder {
    /// One row of theirs, as `executor` sees it.
    pub(in crate::store) async fn row<T: DeserializeOwned>(
        &self,
        executor: impl SqliteExecutor<'_>,
        drawer: &Drawer,
        id: i64,
    ) -> Result<Option<Kept<T>>, StoreError> {
        let row: Option<Row> = sqlx::query_as(drawer.one)
            .bind(self.blind)
            .bind(id)
            .fetch_optional(executor)
            .await?;
        row.map(|row| self.opened(drawer, row)).transpose()
    }

    /// Puts something else into a row of theirs, inside a transaction.
    pub(in crate::store) async fn rewrite<T: Serialize>(
        &self,
        connection: &mut SqliteConnection,
        drawer: &Drawer,
        id: i64,
        what: &T,
    ) -> Result<(), StoreError> {
        sqlx::query(drawer.change)
            .bind(self.blind)
            .bind(id)
            .bind(self.closed(drawer, id, what)?)
            .execute(connection)
            .await?;
        Ok(())
    }
}

/// Empties the drawer of the person behind this index, and answers with how many rows that were.
pub(in crate::store) async fn emptied(
    connection: &mut SqliteConnection,
    drawer: &Drawer,
    blind: i64,
) -> Result<u64, StoreError> {
    let done = sqlx::query(drawer.empty).bind(blind).execute(connection);
    Ok(done.await?.rows_affected())
}

async fn insert(
    connection: &mut SqliteConnection,
    drawer: &Drawer,
    holder: &Holder,
    rows: &[(i64, Vec<u8>)],
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut query = QueryBuilder::<Sqlite>::new(drawer.insert);
    query.push_values(rows, |mut row, (id, sealed)| {
        row.push_bind(id)
            .push_bind(holder.blind)
            .push_bind(sealed)
            .push_bind(now.millis());
    });
    query.build().execute(connection).await?;
    Ok(())
}
