//! All SQL. One writer connection and a pool of readers over one `SQLite` file.
//!
//! A method is a unit of work: it takes domain values and returns them. Transactions never leave
//! this module, and rows stay private to it.

use std::{
    io::Read as _,
    ops::{Deref, DerefMut},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use sqlx::{
    Connection as _, Sqlite, SqliteConnection, SqlitePool, Transaction,
    migrate::{MigrateError, Migrator},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use tokio::sync::watch;

use crate::{domain::time::Timestamp, failpoint::failpoint};

pub mod columns;
pub mod destinations;
pub mod exchange;
pub mod facts;
pub mod history;
pub mod identifies;
pub mod integrity;
pub mod lock;
pub mod market;
pub mod outbox;
pub mod people;
pub mod posts;
pub mod rules;
pub mod sealed;
pub mod servers;
pub mod track;
mod veil;
pub mod watches;

use integrity::Damage;
use lock::{InstanceLock, LockError};
use sealed::{Place, Sealer};

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");

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

/// Why a database cannot be opened. Each is one line for the operator, with the way out.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(transparent)]
    Lock(#[from] LockError),
    #[error(
        "{} is no SQLite database; move it away, or put a backup in its place",
        .0.display()
    )]
    NotADatabase(PathBuf),
    #[error("{} cannot be read or written; check the folder and its permissions", path.display())]
    Unreachable {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error(
        "{} was written by a newer stipend (schema {found}, this one knows {known}); run that version",
        path.display()
    )]
    NewerSchema {
        path: PathBuf,
        found: i64,
        known: i64,
    },
    #[error(transparent)]
    Damaged(#[from] Damage),
    #[error("{} is held by another program; end that one and start again", .0.display())]
    Busy(PathBuf),
    #[error(
        "the master key does not belong to {}; put the right key file back (nothing was changed)",
        .0.display()
    )]
    WrongKey(PathBuf),
    #[error("{} cannot be opened; check the folder, its permissions and its free space", path.display())]
    Sql {
        path: PathBuf,
        #[source]
        source: sqlx::Error,
    },
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
    sealer: Sealer,
    epoch: i64,
    path: PathBuf,
    /// How the last transaction ended.
    kept: Arc<watch::Sender<bool>>,
    _lock: InstanceLock,
}

const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
const READERS: u32 = 4;
/// A log of so many bytes is worth being brought home: as long as `SQLite` lets one grow by itself.
const LONG_LOG: u64 = 4_000_000;
/// The log is brought home by whoever commits past so many pages, 16 MB, where [`Store::checkpoint`] did not.
const LOG_PAGES: &str = "4000";
/// One that grew past these bytes is cut back to them once it begins anew.
const LOG_KEPT: &str = "16000000";
/// A log of more bytes cannot be brought home: somebody has been reading for too long.
pub const ALARMING_LOG: u64 = 64 << 20;
const SQLITE_MAGIC: &[u8; 16] = b"SQLite format 3\0";

impl Store {
    /// Opens or creates the database at `path`, takes its lock, migrates it and begins an epoch.
    ///
    /// Whatever is refused is refused before the first write.
    pub async fn open(path: &Path, key: &[u8; 32], now: Timestamp) -> Result<Self, OpenError> {
        let sealer = Sealer::new(key);
        // A lock file is a trace already. So all is looked at before the lock is taken, and once
        // more under it, since another process may have come in between.
        InstanceLock::probe(path)?;
        examine(path, Some(&sealer)).await?;
        let mut lock = InstanceLock::take(path)?;
        examine(path, Some(&sealer)).await?;
        let sql = |source| unopened(path, source);
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT)
            .pragma("secure_delete", "ON")
            .optimize_on_close(true, None);
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            // When the disk is full, SQLite rolls back by itself. sqlx then takes the transaction for
            // open for ever, and the connection could not begin another one.
            .after_release(|connection, _| {
                Box::pin(async move {
                    connection.ping().await?;
                    Ok(!connection.is_in_transaction())
                })
            })
            // A batch touches more pages than the default 2 MB hold, and spilling them costs twice. It
            // also writes more than the 4 MB of log after which its commit would bring the log home.
            .connect_with(
                options
                    .clone()
                    .pragma("cache_size", "-16000")
                    .pragma("wal_autocheckpoint", LOG_PAGES)
                    .pragma("journal_size_limit", LOG_KEPT),
            )
            .await
            .map_err(sql)?;
        for migration in MIGRATIONS.iter() {
            let run = MIGRATIONS.run_to(migration.version, &writer);
            run.await.map_err(|error| match error {
                MigrateError::Execute(source) | MigrateError::ExecuteMigration(source, _) => {
                    sql(source)
                }
                other => sql(other.into()),
            })?;
            failpoint!("migrate.mid");
        }
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .connect_with(options.read_only(true).pragma("query_only", "ON"))
            .await
            .map_err(sql)?;
        let epoch = begin_epoch(&writer, &sealer, now).await.map_err(sql)?;
        lock.name_epoch(epoch)?;
        Ok(Self {
            writer,
            readers,
            sealer,
            epoch,
            path: path.to_owned(),
            kept: Arc::new(watch::Sender::new(true)),
            _lock: lock,
        })
    }

    /// Looks whether there is anything against opening the database, with this key where there is
    /// one; changes nothing on disk.
    pub async fn check(path: &Path, key: Option<&[u8; 32]>) -> Result<(), OpenError> {
        InstanceLock::probe(path)?;
        examine(path, key.map(Sealer::new).as_ref()).await
    }

    /// The number of this run of the process; raised at each start.
    pub const fn epoch(&self) -> i64 {
        self.epoch
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
        const SQL: &str = "DELETE FROM setting WHERE name = $1";
        sqlx::query(SQL).bind(name).execute(&self.writer).await?;
        Ok(())
    }

    /// Brings the log of what was committed home into the file, as far as no reader needs it, so that no
    /// commit has to. Where its file was never long, that can wait; once long, it keeps its length, up to
    /// 16 MB. One that goes past [`ALARMING_LOG`] because a reader holds it is warned of.
    pub async fn checkpoint(&self) -> Result<(), StoreError> {
        let log = log_length(&self.path);
        if log < LONG_LOG {
            return Ok(());
        }
        // https://www.sqlite.org/pragma.html#pragma_wal_checkpoint: pages of the log, and those that are home.
        let (_, pages, home): (i64, i64, i64) = sqlx::query_as("PRAGMA wal_checkpoint(PASSIVE)")
            .fetch_one(&self.writer)
            .await?;
        if log > ALARMING_LOG && home < pages {
            tracing::warn!(
                bytes = log,
                pages_left = pages - home,
                "the database's log grows and cannot be brought home; end whatever else reads the database"
            );
        }
        Ok(())
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
        Ok(Writing {
            transaction: self.writer.begin_with("BEGIN IMMEDIATE").await?,
            end: End {
                kept: false,
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
        self.end.kept = true;
        Ok(())
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
    kept: bool,
    told: Arc<watch::Sender<bool>>,
}

impl Drop for End {
    fn drop(&mut self) {
        self.told
            .send_if_modified(|kept| std::mem::replace(kept, self.kept) != self.kept);
    }
}

const SET_SETTING: &str = "INSERT INTO setting (name, value) VALUES ($1, $2) \
     ON CONFLICT (name) DO UPDATE SET value = excluded.value";

/// A file that is there has to begin like a database; an empty one will become one.
fn check_magic(path: &Path) -> Result<(), OpenError> {
    let unreachable = |source| OpenError::Unreachable {
        path: path.to_owned(),
        source,
    };
    let mut file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(unreachable(error)),
    };
    let mut head = Vec::with_capacity(16);
    file.by_ref()
        .take(16)
        .read_to_end(&mut head)
        .map_err(unreachable)?;
    if head.is_empty() || head == SQLITE_MAGIC {
        Ok(())
    } else {
        Err(OpenError::NotADatabase(path.to_owned()))
    }
}

/// Looks at all that could speak against opening the database, without a trace on disk. The key is
/// looked at where it is known.
async fn examine(path: &Path, sealer: Option<&Sealer>) -> Result<(), OpenError> {
    check_magic(path)?;
    if path.metadata().map_or(0, |meta| meta.len()) == 0 {
        return Ok(());
    }
    match examine_by(&traceless(path), path, sealer).await {
        // A log whose head is damaged holds nothing, which only somebody who may write the index of
        // the log can find out; that file is there already.
        Err(OpenError::Sql { source, .. }) if is_protocol(&source) => {
            let options = SqliteConnectOptions::new().read_only(true).filename(path);
            examine_by(&options, path, sealer).await
        }
        looked => looked,
    }
}

/// `SQLITE_PROTOCOL`: <https://www.sqlite.org/rescode.html#protocol>.
fn is_protocol(error: &sqlx::Error) -> bool {
    let code = error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| code == "15")
}

async fn examine_by(
    options: &SqliteConnectOptions,
    path: &Path,
    sealer: Option<&Sealer>,
) -> Result<(), OpenError> {
    let sql = |source| unopened(path, source);
    let mut connection = SqliteConnection::connect_with(options).await.map_err(sql)?;
    let tables: Vec<String> =
        sqlx::query_scalar("SELECT name FROM sqlite_schema WHERE type = 'table'")
            .fetch_all(&mut connection)
            .await
            .map_err(sql)?;
    check_schema(path, &tables, &mut connection).await?;
    let fault = integrity::check_small(&tables, &mut connection).await;
    if let Some(fault) = fault.map_err(sql)? {
        return Err(Damage::new(path, &fault).into());
    }
    if let Some(sealer) = sealer {
        check_key(path, &tables, &mut connection, sealer).await?;
    }
    connection.close().await.map_err(sql)
}

/// What an error on the way to an open database means for whoever started us.
fn unopened(path: &Path, source: sqlx::Error) -> OpenError {
    match Kind::of(&source) {
        Kind::Busy => OpenError::Busy(path.to_owned()),
        Kind::Corrupt => Damage::new(path, &source.to_string()).into(),
        Kind::Unwritable | Kind::Other => OpenError::Sql {
            path: path.to_owned(),
            source,
        },
    }
}

/// How to read a database that no other stipend has open, and leave its folder as it is.
///
/// A plain read-only connection makes a `-wal` and a `-shm`. Where all is in the one file, reading it
/// as immutable does without them. After a kill the newest pages are in the `-wal`, and `immutable`
/// would not see them; there the `-shm` that lies beside it is only read, and the index that it
/// should hold is built in memory. (Should that `-shm` have been lost, `SQLite` has to make one.)
fn traceless(path: &Path) -> SqliteConnectOptions {
    let options = SqliteConnectOptions::new().read_only(true);
    if log_length(path) == 0 {
        options.filename(path).immutable(true)
    } else if beside(path, "-shm").exists() {
        options.filename(format!("file:{}?readonly_shm=1", uri_path(path)))
    } else {
        options.filename(path)
    }
}

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

/// The path as a part of a URI.
fn uri_path(path: &Path) -> String {
    path.as_os_str()
        .as_encoded_bytes()
        .iter()
        .map(|byte| match byte {
            b'/' | b'.' | b'-' | b'_' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => {
                char::from(*byte).to_string()
            }
            other => format!("%{other:02X}"),
        })
        .collect()
}

async fn check_schema(
    path: &Path,
    tables: &[String],
    connection: &mut SqliteConnection,
) -> Result<(), OpenError> {
    if !tables.iter().any(|table| table == "_sqlx_migrations") {
        return Ok(());
    }
    let found: Option<i64> = sqlx::query_scalar("SELECT MAX(version) FROM _sqlx_migrations")
        .fetch_one(connection)
        .await
        .map_err(|source| unopened(path, source))?;
    let known = MIGRATIONS
        .iter()
        .map(|migration| migration.version)
        .max()
        .unwrap_or(0);
    match found {
        Some(found) if found > known => Err(OpenError::NewerSchema {
            path: path.to_owned(),
            found,
            known,
        }),
        _ => Ok(()),
    }
}

const KEY_CHECK: &str = "key check";
const KEY_CHECK_PLACE: Place = Place {
    table: "setting",
    column: "value",
    row: 0,
    owner: 0,
};

async fn check_key(
    path: &Path,
    tables: &[String],
    connection: &mut SqliteConnection,
    sealer: &Sealer,
) -> Result<(), OpenError> {
    if !tables.iter().any(|table| table == "setting") {
        return Ok(());
    }
    let check: Option<Vec<u8>> = sqlx::query_scalar("SELECT value FROM setting WHERE name = $1")
        .bind(KEY_CHECK)
        .fetch_optional(connection)
        .await
        .map_err(|source| unopened(path, source))?;
    match check {
        Some(check) if sealer.open(&KEY_CHECK_PLACE, &check).is_err() => {
            Err(OpenError::WrongKey(path.to_owned()))
        }
        _ => Ok(()),
    }
}

async fn begin_epoch(writer: &SqlitePool, sealer: &Sealer, now: Timestamp) -> sqlx::Result<i64> {
    const SQL: &str = "INSERT INTO instance (one, epoch, started_at) VALUES (1, 1, $1) \
         ON CONFLICT (one) DO UPDATE SET epoch = instance.epoch + 1, started_at = excluded.started_at \
         RETURNING epoch";
    const ADD_CHECK: &str =
        "INSERT INTO setting (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING";
    let mut tx = writer.begin_with("BEGIN IMMEDIATE").await?;
    sqlx::query(ADD_CHECK)
        .bind(KEY_CHECK)
        .bind(sealer.seal(&KEY_CHECK_PLACE, KEY_CHECK.as_bytes()))
        .execute(&mut *tx)
        .await?;
    let epoch = sqlx::query_scalar(SQL)
        .bind(now.millis())
        .fetch_one(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(epoch)
}

#[cfg(test)]
mod tests;
