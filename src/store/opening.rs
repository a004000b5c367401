//! How a database is opened: looked at without a trace, locked, brought to the present schema with a copy
//! made before, and begun as a new run.

use std::{
    cmp::Ordering,
    io::Read as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, atomic::AtomicBool},
    time::Duration,
};

use sqlx::{
    Connection as _, SqliteConnection, SqlitePool,
    migrate::{MigrateError, Migrator},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use tokio::sync::watch;

use super::{
    FORGET_SETTING, Kind, SCRUB_OWED, SET_SETTING, Store, StoreError, backup, beside, files,
    integrity::{self, Damage},
    keys,
    lock::{InstanceLock, LockError},
    log_length, retention,
    sealed::Keyring,
};
use crate::{
    domain::{
        retention::{UNUSED, WARNING},
        time::Timestamp,
    },
    failpoint::failpoint,
};

pub(super) static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");

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
        "the master key does not belong to {}; put the right key file back (nothing was changed), or, if it is lost, run `stipend key reset`",
        .0.display()
    )]
    WrongKey(PathBuf),
    #[error("there is no database at {}; check database.url", .0.display())]
    Absent(PathBuf),
    #[error(
        "{} has schema {found}, and this stipend works with {known}; start the bot of this version once",
        path.display()
    )]
    OlderSchema {
        path: PathBuf,
        found: i64,
        known: i64,
    },
    #[error("{} holds something unexpected", path.display())]
    Unreadable {
        path: PathBuf,
        #[source]
        source: StoreError,
    },
    #[error(
        "the restore of {path} was interrupted; run `stipend restore` again with the same backup, or, to go on \
         with what was there before, give the files of {path}.replaced-… their names back and remove {path}.restoring",
        path = .0.display()
    )]
    HalfRestored(PathBuf),
    #[error("{} is a database of another program; name another file with database.url", .0.display())]
    Foreign(PathBuf),
    #[error(
        "there is {path}-wal, which holds the last commits of a database, and {path} is missing or empty; put the \
         database back beside it, or run `stipend restore` with a backup, which sets it aside",
        path = .0.display()
    )]
    LogAlone(PathBuf),
    #[error("{} was not changed, since no copy of it could be made before", path.display())]
    NoCopy {
        path: PathBuf,
        #[source]
        source: backup::CopyError,
    },
    #[error("{} cannot be given keys of its own for people and servers (nothing was changed)", path.display())]
    Keys {
        path: PathBuf,
        #[source]
        source: StoreError,
    },
    #[error("{} cannot be opened or written; check the folder, its permissions and its free space", path.display())]
    Unwritable {
        path: PathBuf,
        #[source]
        source: sqlx::Error,
    },
    #[error("{} cannot be opened", path.display())]
    Sql {
        path: PathBuf,
        #[source]
        source: sqlx::Error,
    },
}

/// The table of which every database of ours has been the first.
const MIGRATED: &str = "_sqlx_migrations";
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
const READERS: u32 = 4;
/// The log is brought home by whoever commits past so many pages, 16 MB, where [`Store::checkpoint`] did not.
const LOG_PAGES: &str = "4000";
/// One that grew past these bytes is cut back to them once it begins anew.
const LOG_KEPT: &str = "16000000";
const SQLITE_MAGIC: &[u8; 16] = b"SQLite format 3\0";

impl Store {
    /// Opens or creates the database at `path`, takes its lock, brings it to the present schema and begins an
    /// epoch.
    ///
    /// Whatever is refused is refused before the first write.
    pub async fn open(path: &Path, key: &[u8; 32], now: Timestamp) -> Result<Self, OpenError> {
        let keyring = Keyring::new(key);
        let held = Held::take(path, Some(&keyring)).await?;
        let sql = |source| unopened(path, source);
        let own = keys::bring_under_own_keys(&held.writer, &keyring).await;
        let own = own.map_err(|source| match source {
            StoreError::Busy => OpenError::Busy(path.to_owned()),
            source => OpenError::Keys {
                path: path.to_owned(),
                source,
            },
        })?;
        if own > 0 {
            tracing::info!(people = own, "everybody has a key of their own now");
        }
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .connect_with(options(path).read_only(true).pragma("query_only", "ON"))
            .await
            .map_err(sql)?;
        let left = retention::left_servers(&readers).await.map_err(sql)?;
        let run = begin_run(&held, &keyring, now).await.map_err(sql)?;
        let mut lock = held.lock;
        lock.name(Some(run.epoch))?;
        Ok(Self {
            writer: held.writer,
            readers,
            keyring,
            epoch: run.epoch,
            behind: run.behind,
            owes_scrub: AtomicBool::new(run.owes_scrub),
            path: path.to_owned(),
            left: Mutex::new(left),
            kept: Arc::new(watch::Sender::new(true)),
            _lock: lock,
        })
    }

    /// Looks whether there is anything against opening the database, with this key where there is
    /// one; changes nothing on disk.
    pub async fn check(path: &Path, key: Option<&[u8; 32]>) -> Result<(), OpenError> {
        InstanceLock::probe(path)?;
        examine(path, key.map(Keyring::new).as_ref()).await
    }
}

/// A database that nobody else can open meanwhile, in the present schema.
pub(super) struct Held {
    pub(super) writer: SqlitePool,
    lock: InstanceLock,
    /// The last run that the lock knew of.
    last_epoch: Option<i64>,
}

impl Held {
    /// Takes a database; with this key where it matters whether it is the right one.
    pub(super) async fn take(path: &Path, keyring: Option<&Keyring>) -> Result<Self, OpenError> {
        // A lock file is a trace already. So all is looked at before the lock is taken, and once
        // more under it, since another process may have come in between.
        InstanceLock::probe(path)?;
        examine(path, keyring).await?;
        let last_epoch = InstanceLock::last_epoch(path);
        let mut lock = InstanceLock::take(path)?;
        examine(path, keyring).await?;
        lock.name(last_epoch)?;
        make_private(path)?;
        let writer = writer(path)
            .await
            .map_err(|source| unopened(path, source))?;
        migrate(path, &writer).await?;
        Ok(Self {
            writer,
            lock,
            last_epoch,
        })
    }
}

/// A connection that only reads, to a database in the present schema that a bot may be running on.
pub(super) async fn look_into(path: &Path) -> Result<SqliteConnection, OpenError> {
    let sql = |source| unopened(path, source);
    if !path.exists() {
        return Err(OpenError::Absent(path.to_owned()));
    }
    check_magic(path)?;
    let options = SqliteConnectOptions::new()
        .filename(path)
        .read_only(true)
        .busy_timeout(BUSY_TIMEOUT);
    let mut connection = SqliteConnection::connect_with(&options)
        .await
        .map_err(sql)?;
    let found = schema(&mut connection).await.map_err(sql)?.unwrap_or(0);
    let (path, known) = (path.to_owned(), newest_schema());
    match found.cmp(&known) {
        Ordering::Equal => Ok(connection),
        Ordering::Greater => Err(OpenError::NewerSchema { path, found, known }),
        Ordering::Less => Err(OpenError::OlderSchema { path, found, known }),
    }
}

/// `SQLite` would let the umask say who may read a new database. Its log gets the mode of the database.
fn make_private(path: &Path) -> Result<(), OpenError> {
    match files::private_to_folder(path) {
        Err(source) if source.kind() != std::io::ErrorKind::AlreadyExists => {
            Err(OpenError::Unreachable {
                path: path.to_owned(),
                source,
            })
        }
        _ => Ok(()),
    }
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT)
        .pragma("secure_delete", "ON")
        .optimize_on_close(true, None)
}

async fn writer(path: &Path) -> sqlx::Result<SqlitePool> {
    SqlitePoolOptions::new()
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
            options(path)
                .pragma("cache_size", "-16000")
                .pragma("wal_autocheckpoint", LOG_PAGES)
                .pragma("journal_size_limit", LOG_KEPT),
        )
        .await
}

/// Each migration is a transaction, so one that is interrupted is completed by the next start. What holds
/// anything is copied before.
async fn migrate(path: &Path, writer: &SqlitePool) -> Result<(), OpenError> {
    let sql = |source| unopened(path, source);
    let mut connection = writer.acquire().await.map_err(sql)?;
    let found = schema(&mut connection).await.map_err(sql)?;
    drop(connection);
    if let Some(found) = found
        && found < newest_schema()
    {
        let copy = beside(path, &format!(".schema-{found}"));
        backup::copy(writer, &copy)
            .await
            .map_err(|source| OpenError::NoCopy {
                path: path.to_owned(),
                source,
            })?;
        tracing::info!(copy = %copy.display(), "made a copy before the database's schema changes");
    }
    for migration in MIGRATIONS.iter() {
        let run = MIGRATIONS.run_to(migration.version, writer);
        run.await.map_err(|error| match error {
            MigrateError::Execute(source) | MigrateError::ExecuteMigration(source, _) => {
                sql(source)
            }
            other => sql(other.into()),
        })?;
        failpoint!("migrate.mid");
    }
    Ok(())
}

/// The number of the schema; `None` where there is none yet.
async fn schema(connection: &mut SqliteConnection) -> sqlx::Result<Option<i64>> {
    const ANY: &str = "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = '_sqlx_migrations')";
    const NEWEST: &str = "SELECT MAX(version) FROM _sqlx_migrations";
    if sqlx::query_scalar(ANY).fetch_one(&mut *connection).await? {
        sqlx::query_scalar(NEWEST).fetch_one(connection).await
    } else {
        Ok(None)
    }
}

/// The schema that this program works with.
fn newest_schema() -> i64 {
    let versions = MIGRATIONS.iter().map(|migration| migration.version);
    versions.max().unwrap_or(0)
}

/// A file that is there has to begin like a database; an empty one will become one.
pub(super) fn check_magic(path: &Path) -> Result<(), OpenError> {
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
pub(super) async fn examine(path: &Path, keyring: Option<&Keyring>) -> Result<(), OpenError> {
    if backup::half_restored(path) {
        return Err(OpenError::HalfRestored(path.to_owned()));
    }
    check_magic(path)?;
    if path.metadata().map_or(0, |meta| meta.len()) == 0 {
        // An empty database would take the log of another for its own, or throw it away.
        return if log_length(path) == 0 {
            Ok(())
        } else {
            Err(OpenError::LogAlone(path.to_owned()))
        };
    }
    match examine_by(&traceless(path), path, keyring).await {
        // A log whose head is damaged holds nothing, which only somebody who may write the index of
        // the log can find out; that file is there already.
        Err(OpenError::Sql { source, .. }) if is_protocol(&source) => {
            let options = SqliteConnectOptions::new().read_only(true).filename(path);
            examine_by(&options, path, keyring).await
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
    keyring: Option<&Keyring>,
) -> Result<(), OpenError> {
    let sql = |source| unopened(path, source);
    let mut connection = SqliteConnection::connect_with(options).await.map_err(sql)?;
    let tables: Vec<String> =
        sqlx::query_scalar("SELECT name FROM sqlite_schema WHERE type = 'table'")
            .fetch_all(&mut connection)
            .await
            .map_err(sql)?;
    if !tables.is_empty() && !tables.iter().any(|table| table == MIGRATED) {
        return Err(OpenError::Foreign(path.to_owned()));
    }
    check_schema(path, &tables, &mut connection).await?;
    let fault = integrity::check_small(&tables, &mut connection).await;
    if let Some(fault) = fault.map_err(sql)? {
        return Err(Damage::new(path, &fault).into());
    }
    if let Some(keyring) = keyring {
        keys::check(path, &tables, &mut connection, keyring).await?;
    }
    connection.close().await.map_err(sql)
}

/// What an error on the way to an open database means for whoever started us.
pub(super) fn unopened(path: &Path, source: sqlx::Error) -> OpenError {
    match Kind::of(&source) {
        Kind::Busy => OpenError::Busy(path.to_owned()),
        Kind::Corrupt => Damage::new(path, &source.to_string()).into(),
        Kind::Unwritable => OpenError::Unwritable {
            path: path.to_owned(),
            source,
        },
        Kind::Other => OpenError::Sql {
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
pub(super) fn traceless(path: &Path) -> SqliteConnectOptions {
    let options = SqliteConnectOptions::new().read_only(true);
    if log_length(path) == 0 {
        options.filename(path).immutable(true)
    } else if beside(path, "-shm").exists() {
        options.filename(format!("file:{}?readonly_shm=1", uri_path(path)))
    } else {
        options.filename(path)
    }
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
    if !tables.iter().any(|table| table == MIGRATED) {
        return Ok(());
    }
    let found: Option<i64> = sqlx::query_scalar("SELECT MAX(version) FROM _sqlx_migrations")
        .fetch_one(connection)
        .await
        .map_err(|source| unopened(path, source))?;
    let known = newest_schema();
    match found {
        Some(found) if found > known => Err(OpenError::NewerSchema {
            path: path.to_owned(),
            found,
            known,
        }),
        _ => Ok(()),
    }
}

/// A run of the process that has just begun.
struct Run {
    epoch: i64,
    behind: bool,
    owes_scrub: bool,
}

/// Set by whoever puts a copy in the place of a database.
pub(super) const RESTORED: &str = "restored";
/// Set by the first run on such a copy, until a batch is taken in.
pub(super) const BEHIND: &str = "behind";

/// Begins a run, with a number above all before it. Where the database is older than the last run that the
/// lock beside it knew of, or a copy was put in its place, nobody knows what was told meanwhile: what was on
/// its way is looked for before it is sent again, and what was not is not told any more. That the market has yet
/// to be heard stays noted however many runs end before it is.
async fn begin_run(held: &Held, keyring: &Keyring, now: Timestamp) -> sqlx::Result<Run> {
    const LAST: &str = "SELECT epoch FROM instance";
    const BEGIN: &str = "INSERT INTO instance (one, epoch, started_at) VALUES (1, $1, $2) \
         ON CONFLICT (one) DO UPDATE SET epoch = excluded.epoch, started_at = excluded.started_at";
    const IS_SET: &str = "SELECT EXISTS (SELECT 1 FROM setting WHERE name = $1)";
    // As if each were just being sent: the next one to deliver looks for it in its channel first.
    const ON_THEIR_WAY: &str = "UPDATE post SET state = 'sending', due_at = NULL, epoch = 0 \
         WHERE state IN ('pending', 'waiting', 'parked')";
    const UNSENT: &str =
        "UPDATE outbox SET state = 'expired' WHERE post_id IS NULL AND state = 'pending'";
    // What was about to be told has perhaps been told, so it is silent until it is no longer true.
    const ABOUT_TO: &str = "UPDATE episode SET state = json_set(state, '$.phase', json('{\"phase\":\"baseline\"}')) \
         WHERE json_extract(state, '$.phase.phase') = 'pending'";
    // Who came back since that copy was made is not known to have, so whoever would go is warned anew.
    const USED: &str = "UPDATE person SET used_at = MAX(used_at, $1), warned_at = NULL";
    let mut tx = held.writer.begin_with("BEGIN IMMEDIATE").await?;
    keys::leave_check(&mut tx, keyring).await?;
    let last: Option<i64> = sqlx::query_scalar(LAST).fetch_optional(&mut *tx).await?;
    let last = last.unwrap_or(0);
    let told = sqlx::query(FORGET_SETTING)
        .bind(RESTORED)
        .execute(&mut *tx)
        .await?;
    let restored = told.rows_affected() > 0 || held.last_epoch.is_some_and(|known| known > last);
    if restored {
        for sql in [ON_THEIR_WAY, UNSENT, ABOUT_TO] {
            sqlx::query(sql).execute(&mut *tx).await?;
        }
        sqlx::query(USED)
            .bind(now.minus(UNUSED.0.saturating_sub(WARNING.0)).millis())
            .execute(&mut *tx)
            .await?;
        sqlx::query(SET_SETTING)
            .bind(BEHIND)
            .bind(&[1_u8][..])
            .execute(&mut *tx)
            .await?;
    }
    let mut is_set = [false; 2];
    for (is_set, name) in is_set.iter_mut().zip([BEHIND, SCRUB_OWED]) {
        *is_set = sqlx::query_scalar(IS_SET)
            .bind(name)
            .fetch_one(&mut *tx)
            .await?;
    }
    let [behind, owes_scrub] = is_set;
    let epoch = last.max(held.last_epoch.unwrap_or(0)) + 1;
    sqlx::query(BEGIN)
        .bind(epoch)
        .bind(now.millis())
        .execute(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(Run {
        epoch,
        behind,
        owes_scrub,
    })
}

#[cfg(test)]
mod tests;
