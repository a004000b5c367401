//! All SQL. One writer connection and a pool of readers over one `SQLite` file.
//!
//! A method is a unit of work: it takes domain values and returns them. Transactions never leave
//! this module, and rows stay private to it.

use std::{
    collections::HashSet,
    ops::{Deref, DerefMut},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use sqlx::{Sqlite, SqliteConnection, SqlitePool, Transaction};
use tokio::sync::watch;

use crate::{domain::ids::GuildId, failpoint::failpoint};

pub mod backup;
pub mod columns;
pub mod destinations;
pub mod exchange;
pub mod facts;
pub mod files;
pub mod history;
mod holders;
pub mod identifies;
pub mod integrity;
pub mod keys;
pub mod lock;
pub mod market;
mod opening;
pub mod outbox;
pub mod people;
pub mod posts;
pub mod retention;
pub mod rules;
pub mod sealed;
pub mod servers;
pub mod track;
mod veil;
pub mod watches;

use lock::InstanceLock;
pub use opening::OpenError;
use sealed::Keyring;

/// What the caller can do about a failure of the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another connection held the database for longer than the busy time-out; try again.
    #[error("the database is busy")]
    Busy,
    /// The disk is full or not writable; nothing was stored.
    #[error("the database cannot be written")]
    Unwritable(#[source] sqlx::Error),
    /// The file is damaged; stop writing and restore.
    #[error("the database is damaged; keep it, and put a backup in its place")]
    Corrupt(#[source] sqlx::Error),
    #[error("the database holds something unexpected")]
    Unexpected(#[from] columns::BadColumn),
    #[error(transparent)]
    Sealed(#[from] sealed::Unopenable),
    #[error("the database failed")]
    Other(#[source] sqlx::Error),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match Kind::of(&error) {
            Kind::Busy => Self::Busy,
            Kind::Unwritable => Self::Unwritable(error),
            Kind::Corrupt => Self::Corrupt(error),
            Kind::Other => Self::Other(error),
        }
    }
}

/// What an error means, whenever it comes.
enum Kind {
    Busy,
    Unwritable,
    Corrupt,
    Other,
}

impl Kind {
    fn of(error: &sqlx::Error) -> Self {
        // The one writer was taken for too long.
        if matches!(error, sqlx::Error::PoolTimedOut) {
            return Self::Busy;
        }
        // https://www.sqlite.org/rescode.html: the low byte is the primary code.
        let primary = error
            .as_database_error()
            .and_then(sqlx::error::DatabaseError::code)
            .and_then(|code| code.parse::<u32>().ok())
            .map(|code| code & 0xff);
        match primary {
            Some(5 | 6) => Self::Busy,
            Some(8 | 10 | 13 | 14) => Self::Unwritable,
            Some(11 | 26) => Self::Corrupt,
            _ => Self::Other,
        }
    }
}

/// How much of the disk is taken up, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lengths {
    pub database: u64,
    /// What was committed and is not, or not only, in the database's file.
    pub log: u64,
}

/// The database, and the key that opens its sealed columns.
#[derive(Debug)]
pub struct Store {
    writer: SqlitePool,
    readers: SqlitePool,
    keyring: Keyring,
    epoch: i64,
    behind: bool,
    /// The log still holds what was erased. Changed by whoever has the writer alone.
    owes_scrub: AtomicBool,
    path: PathBuf,
    /// Servers that are noted as left, so that nobody has to ask the database whether one is.
    left: Mutex<HashSet<GuildId>>,
    /// How the last transaction ended.
    kept: Arc<watch::Sender<bool>>,
    _lock: InstanceLock,
}

/// A log of so many bytes is worth being brought home: as long as `SQLite` lets one grow by itself.
const LONG_LOG: u64 = 4_000_000;
/// A log of more bytes cannot be brought home: somebody has been reading for too long.
pub const ALARMING_LOG: u64 = 64 << 20;

impl Store {
    /// The number of this run of the process; raised at each start.
    pub const fn epoch(&self) -> i64 {
        self.epoch
    }

    /// Whether a copy was put in the place of the database, and no run before this one has taken in a batch
    /// since, so that nobody knows what was told in between.
    pub const fn is_behind(&self) -> bool {
        self.behind
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The version of the linked `SQLite`.
    pub async fn sqlite_version(&self) -> Result<String, StoreError> {
        Ok(sqlx::query_scalar("SELECT sqlite_version()")
            .fetch_one(&self.readers)
            .await?)
    }

    /// A small value that is kept by name.
    pub async fn setting(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        const SQL: &str = "SELECT value FROM setting WHERE name = $1";
        Ok(sqlx::query_scalar(SQL)
            .bind(name)
            .fetch_optional(&self.readers)
            .await?)
    }

    pub async fn set_setting(&self, name: &str, value: &[u8]) -> Result<(), StoreError> {
        sqlx::query(SET_SETTING)
            .bind(name)
            .bind(value)
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    pub async fn forget_setting(&self, name: &str) -> Result<(), StoreError> {
        sqlx::query(FORGET_SETTING)
            .bind(name)
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    /// Brings the log of what was committed home into the file, as far as no reader needs it, so that no
    /// commit has to. Where its file was never long, that can wait; once long, it keeps its length, up to
    /// 16 MB. One that goes past [`ALARMING_LOG`] because a reader holds it is warned of. A scrub that such a
    /// reader kept from happening is made up for.
    pub async fn checkpoint(&self) -> Result<(), StoreError> {
        let log = log_length(&self.path);
        let owes_scrub = self.owes_scrub.load(Ordering::Relaxed);
        if log < LONG_LOG && !owes_scrub {
            return Ok(());
        }
        // https://www.sqlite.org/pragma.html#pragma_wal_checkpoint: pages of the log, and those that are home.
        let (_, pages, home): (i64, i64, i64) = sqlx::query_as("PRAGMA wal_checkpoint(PASSIVE)")
            .fetch_one(&self.writer)
            .await?;
        // Whoever reads an older state would only be waited for in vain.
        if owes_scrub && home == pages {
            return self.scrub().await;
        }
        if log > ALARMING_LOG && home < pages {
            tracing::warn!(
                bytes = log,
                pages_left = pages - home,
                "the database's log grows and cannot be brought home; end whatever else reads the database"
            );
        }
        Ok(())
    }

    /// Commits what erases something. That the log is to be scrubbed then is kept with it, over restarts too.
    async fn commit_erasure(&self, mut tx: Writing) -> Result<(), StoreError> {
        sqlx::query(SET_SETTING)
            .bind(SCRUB_OWED)
            .bind(&[1_u8][..])
            .execute(&mut *tx)
            .await?;
        self.owes_scrub.store(true, Ordering::Relaxed);
        tx.commit().await
    }

    /// Brings the whole log home and cuts it off, so that what was erased stands in no file any more. It waits
    /// for readers up to the busy time-out of 5 s; where one holds the log for longer, [`Self::checkpoint`]
    /// does it later.
    pub async fn scrub(&self) -> Result<(), StoreError> {
        // Had for all of it, so that nothing is erased in between.
        let mut writer = self.writer.acquire().await?;
        let (busy, _, _): (i64, i64, i64) = sqlx::query_as("PRAGMA wal_checkpoint(TRUNCATE)")
            .fetch_one(&mut *writer)
            .await?;
        if busy != 0 {
            tracing::warn!(
                "what was erased stays in the database's log until whoever else reads the database ends"
            );
            return Ok(());
        }
        sqlx::query(FORGET_SETTING)
            .bind(SCRUB_OWED)
            .execute(&mut *writer)
            .await?;
        self.owes_scrub.store(false, Ordering::Relaxed);
        Ok(())
    }

    /// Whether the connection that writes can be had: `false` when somebody has kept it for half a minute.
    /// What it would say to a write is not asked.
    pub async fn writer_is_free(&self) -> bool {
        !matches!(self.writer.acquire().await, Err(sqlx::Error::PoolTimedOut))
    }

    /// How long the files are.
    pub fn lengths(&self) -> Lengths {
        Lengths {
            database: self.path.metadata().map_or(0, |meta| meta.len()),
            log: log_length(&self.path),
        }
    }

    /// Ends all connections; what was committed is in the file.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    /// Whether the last transaction was kept, and each time that one was not. It says `false` for as
    /// long as the disk is full.
    pub fn kept(&self) -> watch::Receiver<bool> {
        self.kept.subscribe()
    }

    /// Something that was read shows damage: the file is to be looked at as if a write had failed.
    pub fn doubt(&self) {
        self.kept.send_replace(false);
    }

    async fn begin(&self) -> Result<Writing, StoreError> {
        let transaction = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        failpoint!("writer.taken");
        Ok(Writing {
            transaction,
            end: End {
                kept: Some(false),
                told: Arc::clone(&self.kept),
            },
        })
    }
}

/// A transaction of which the store learns how it ended.
struct Writing {
    transaction: Transaction<'static, Sqlite>,
    end: End,
}

impl Writing {
    async fn commit(mut self) -> Result<(), StoreError> {
        self.transaction.commit().await?;
        self.end.kept = Some(true);
        Ok(())
    }

    /// Ends one in which there was nothing to write, which says nothing of whether it could have been kept.
    fn leave(mut self) {
        self.end.kept = None;
    }
}

impl Deref for Writing {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        &self.transaction
    }
}

impl DerefMut for Writing {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        &mut self.transaction
    }
}

/// Tells how a transaction ended, one that was given up on the way included.
struct End {
    /// `None` where there was nothing to keep.
    kept: Option<bool>,
    told: Arc<watch::Sender<bool>>,
}

impl Drop for End {
    fn drop(&mut self) {
        if let Some(now) = self.kept {
            self.told
                .send_if_modified(|kept| std::mem::replace(kept, now) != now);
        }
    }
}

const SET_SETTING: &str = "INSERT INTO setting (name, value) VALUES ($1, $2) \
     ON CONFLICT (name) DO UPDATE SET value = excluded.value";
const FORGET_SETTING: &str = "DELETE FROM setting WHERE name = $1";

/// There as long as the log may hold what was erased.
const SCRUB_OWED: &str = "scrub owed";

/// A file that `SQLite` keeps next to a database.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// In bytes; none where there is no log.
fn log_length(path: &Path) -> u64 {
    let log = beside(path, "-wal").metadata();
    log.map_or(0, |meta| meta.len())
}
