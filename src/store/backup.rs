//! Copies of the database: made while it is in use, looked at before one takes its place, and never half
//! there.
//!
//! A copy holds what the database holds, sealed as it is. The master key is in none of them.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use sqlx::{
    Connection as _, SqliteConnection, SqliteExecutor,
    sqlite::{SqliteConnectOptions, SqliteJournalMode},
};

use super::{
    Kind, OpenError, beside,
    files::{folder_of, give_to_folder, private, private_to_folder},
    lock::InstanceLock,
    opening::{BUSY_TIMEOUT, RESTORED, check_magic, examine, traceless, unopened},
    sealed::Keyring,
};
use crate::domain::{retention::COPIES, time::Timestamp};

/// Why no copy was made.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    #[error("{} is there already; name another file", .0.display())]
    Occupied(PathBuf),
    #[error("there is no database at {}; check database.url", .0.display())]
    NoDatabase(PathBuf),
    /// What is to be copied cannot be read, or is not what it should be.
    #[error(transparent)]
    Database(Box<OpenError>),
    #[error("{} cannot be written; check its folder, the permissions there and the free space", path.display())]
    Unwritable { path: PathBuf, source: io::Error },
    #[error("the database cannot be copied to {}; check its folder and the free space", path.display())]
    Sql {
        path: PathBuf,
        #[source]
        source: sqlx::Error,
    },
    #[error("the copy at {} is not whole, and was taken away again: {reason}", path.display())]
    Unsound { path: PathBuf, reason: String },
}

/// Copies the database that `executor` is connected to. The file appears under its name once it is whole
/// and on disk; one that is there already is replaced then.
pub(super) async fn copy(executor: impl SqliteExecutor<'_>, to: &Path) -> Result<(), CopyError> {
    let unwritable = |source| CopyError::Unwritable {
        path: to.to_owned(),
        source,
    };
    let half = beside(to, ".part");
    remove(&half).map_err(unwritable)?;
    // The file is made first, so that at no moment anybody else may read it.
    private(&half).map_err(unwritable)?;
    let copied = sqlx::query("VACUUM INTO $1")
        .bind(half.to_string_lossy().into_owned())
        .execute(executor)
        .await;
    let there = match copied {
        Ok(_) => put_in_place(&half, to).map_err(unwritable),
        Err(source) => Err(CopyError::Sql {
            path: to.to_owned(),
            source,
        }),
    };
    if there.is_err() {
        remove(&half).map_err(unwritable)?;
    }
    there
}

/// The name beside the database of a copy that nobody asked for. It says when the copy was made, since the
/// file of one that was only given another name is older.
pub(super) fn made_now(database: &Path, kind: &str, now: Timestamp) -> PathBuf {
    let time = now.rfc3339().replace(':', "");
    beside(database, &format!("{kind}{time}"))
}

/// Copies a database to a file that is not there yet, whether or not a bot is running on it, and looks
/// whether the copy is whole.
pub async fn backup(database: &Path, to: &Path, now: Timestamp) -> Result<u64, CopyError> {
    if to.exists() {
        return Err(CopyError::Occupied(to.to_owned()));
    }
    if !database.exists() {
        return Err(CopyError::NoDatabase(database.to_owned()));
    }
    check_magic(database).map_err(|error| CopyError::Database(Box::new(error)))?;
    let sql = |source| match Kind::of(&source) {
        Kind::Corrupt => CopyError::Database(Box::new(unopened(database, source))),
        _ => CopyError::Sql {
            path: to.to_owned(),
            source,
        },
    };
    let options = SqliteConnectOptions::new()
        .filename(database)
        .read_only(true)
        .busy_timeout(BUSY_TIMEOUT);
    let mut connection = SqliteConnection::connect_with(&options)
        .await
        .map_err(sql)?;
    match copy(&mut connection, to).await {
        Err(CopyError::Sql { source, .. }) => return Err(sql(source)),
        copied => copied?,
    }
    connection.close().await.map_err(sql)?;
    if let Err(fault) = look(to).await {
        let unwritable = |source| CopyError::Unwritable {
            path: to.to_owned(),
            source,
        };
        remove(to).map_err(unwritable)?;
        return Err(CopyError::Unsound {
            path: to.to_owned(),
            reason: fault,
        });
    }
    note_backup(database, now);
    Ok(to.metadata().map_or(0, |meta| meta.len()))
}

/// Whether what a copy holds can be read by this key, as far as it says by which it is sealed.
pub async fn opens(copy: &Path, key: &[u8; 32]) -> bool {
    let looked = examine(copy, Some(&Keyring::new(key))).await;
    !matches!(looked, Err(OpenError::WrongKey(_)))
}

/// The whole file is read, with its log where there is one; the first fault, if there is one.
async fn look(path: &Path) -> Result<(), String> {
    const SQL: &str = "SELECT integrity_check FROM pragma_integrity_check";
    let looked = async {
        let mut connection = SqliteConnection::connect_with(&traceless(path)).await?;
        let report: String = sqlx::query_scalar(SQL).fetch_one(&mut connection).await?;
        connection.close().await?;
        Ok::<_, sqlx::Error>(report)
    };
    match looked.await {
        Ok(report) if report == "ok" => Ok(()),
        Ok(report) => Err(report.lines().next().unwrap_or_default().to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// Remembers when a copy was made, beside the database and not in it, so that it needs no writer. One that
/// cannot be remembered is there all the same.
fn note_backup(database: &Path, now: Timestamp) {
    let path = beside(database, ".last-backup");
    let noted = remove(&path)
        .and_then(|()| private_to_folder(&path))
        .and_then(|mut file| file.write_all(now.rfc3339().as_bytes()));
    if let Err(error) = noted {
        tracing::warn!(%error, "that a backup was made cannot be noted beside the database");
    }
}

/// When the last copy was made of a database by [`backup`]; `None` where none is known of.
pub fn last_backup(database: &Path) -> Option<Timestamp> {
    let said = fs::read_to_string(beside(database, ".last-backup")).ok()?;
    Timestamp::parse(said.trim())
}

/// What [`set_aside`] calls a database that another takes the place of.
const REPLACED: &str = ".replaced-";
/// What a database is called as it was before its master key was given up.
pub(super) const BEFORE_KEY_RESET: &str = ".before-key-reset-";
/// The copy from which a restore is made, until it is whole.
const PART: &str = ".part";
/// The same once it is whole, until it has taken the place of the database.
const RESTORING: &str = ".restoring";

/// Removes copies that were made beside the database before it was changed, once they are old: what was erased
/// since lives on in them. Backups that somebody asked for are theirs.
pub fn forget_copies(database: &Path, now: Timestamp) {
    for (copy, files) in copies(database) {
        let Some(made_at) = made_at(&copy, &files) else {
            continue;
        };
        if now.since(made_at) < COPIES.0 {
            continue;
        }
        // In this order the database goes before the log without which it is not whole.
        for file in files {
            let (file, name) = (&file, file.display());
            match remove(file) {
                Ok(()) => tracing::info!(copy = %name, "an old copy of the database is removed"),
                Err(error) => {
                    tracing::warn!(copy = %name, %error, "an old copy cannot be removed");
                    break;
                }
            }
        }
    }
}

/// The copies beside the database that nobody asked for, by what distinguishes their names, each with its files.
fn copies(database: &Path) -> BTreeMap<String, Vec<PathBuf>> {
    const MADE_BY_ITSELF: [&str; 4] = [".schema-", ".before-key-reset", REPLACED, PART];
    let mut copies = BTreeMap::<String, Vec<PathBuf>>::new();
    let Some(name) = database.file_name().map(std::ffi::OsStr::to_string_lossy) else {
        return copies;
    };
    let Ok(files) = fs::read_dir(folder_of(database)) else {
        return copies;
    };
    for file in files.flatten() {
        let called = file.file_name();
        let called = called.to_string_lossy();
        let Some(ending) = called.strip_prefix(&*name) else {
            continue;
        };
        if MADE_BY_ITSELF.iter().any(|made| ending.starts_with(made)) {
            let parts = ["-wal", "-shm", "-journal"];
            let copy = parts.iter().find_map(|part| ending.strip_suffix(part));
            let copy = copies.entry(copy.unwrap_or(ending).to_owned());
            copy.or_default().push(file.path());
        }
    }
    for files in copies.values_mut() {
        files.sort();
    }
    copies
}

/// When a copy was made: by its name, or else by the youngest of its files.
fn made_at(copy: &str, files: &[PathBuf]) -> Option<Timestamp> {
    let named = [REPLACED, BEFORE_KEY_RESET]
        .iter()
        .find_map(|kind| copy.strip_prefix(kind));
    named.and_then(time_in).or_else(|| {
        let written = files.iter().filter_map(|file| written_at(file));
        written.max()
    })
}

/// The time in a name of [`made_now`], which has no colons.
fn time_in(name: &str) -> Option<Timestamp> {
    let (day, time) = name.split_once('T')?;
    let (hour, minute, second) = (time.get(..2)?, time.get(2..4)?, time.get(4..)?);
    Timestamp::parse(&format!("{day}T{hour}:{minute}:{second}"))
}

fn written_at(path: &Path) -> Option<Timestamp> {
    let modified = path.metadata().and_then(|about| about.modified()).ok()?;
    let age = modified.duration_since(UNIX_EPOCH).ok()?;
    let millis = i64::try_from(age.as_millis()).ok()?;
    Some(Timestamp::from_millis(millis))
}

/// Why a copy was not put in the place of the database.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    #[error("there is no backup at {}", .0.display())]
    NoBackup(PathBuf),
    #[error("{} is the database itself; name a backup of it", .0.display())]
    Itself(PathBuf),
    #[error("{} is no backup of stipend; name another file", .0.display())]
    Foreign(PathBuf),
    #[error(
        "{} was made under another master key; put that key in the place of the present one for it (after \
         `stipend key rotate` it lies beside it, as …old)",
        .0.display()
    )]
    OtherKey(PathBuf),
    /// Something speaks against the copy, or against taking the place of the database. Nothing was changed.
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error("{} is not whole: {reason}; take another backup", path.display())]
    Unsound { path: PathBuf, reason: String },
    #[error("{} was not changed, since no copy of the backup could be made beside it", path.display())]
    NoCopy {
        path: PathBuf,
        #[source]
        source: CopyError,
    },
    /// Of the database perhaps not all files have their names any more.
    #[error(
        "{} was not put in the place of what was there; check its folder and the permissions there, and run \
         `stipend restore` again with the same backup",
        path.display()
    )]
    Unfinished { path: PathBuf, source: io::Error },
}

/// Puts a copy in the place of a database, which is kept beside it under another name; answers with that
/// name, where there was a database. The copy itself stays as it is. What lies in its log is part of it, so that
/// the files of a bot that was killed can be put back as they are.
pub async fn restore(
    backup: &Path,
    database: &Path,
    key: &[u8; 32],
    now: Timestamp,
) -> Result<Option<PathBuf>, RestoreError> {
    if !backup.exists() {
        return Err(RestoreError::NoBackup(backup.to_owned()));
    }
    if is_same(backup, database) {
        return Err(RestoreError::Itself(backup.to_owned()));
    }
    let unsound = |reason| RestoreError::Unsound {
        path: backup.to_owned(),
        reason,
    };
    if backup.metadata().is_ok_and(|about| about.len() == 0) {
        return Err(RestoreError::Foreign(backup.to_owned()));
    }
    examine(backup, Some(&Keyring::new(key)))
        .await
        .map_err(|error| match error {
            OpenError::NotADatabase(path) | OpenError::Foreign(path) => RestoreError::Foreign(path),
            OpenError::WrongKey(path) => RestoreError::OtherKey(path),
            OpenError::Damaged(damage) => unsound(damage.detail),
            error => error.into(),
        })?;
    look(backup).await.map_err(unsound)?;
    let _lock = InstanceLock::take(database).map_err(OpenError::from)?;
    let (half, whole) = (beside(database, PART), beside(database, RESTORING));
    prepare(backup, &half, &whole).await.map_err(|source| {
        // A start would not mind it, but it takes up the room that may have been lacking.
        for ending in ["", "-journal"] {
            if let Err(error) = remove(&beside(&half, ending)) {
                tracing::warn!(path = %half.display(), %error, "half a copy cannot be removed");
            }
        }
        RestoreError::NoCopy {
            path: database.to_owned(),
            source,
        }
    })?;
    let unfinished = |source| RestoreError::Unfinished {
        path: database.to_owned(),
        source,
    };
    let replaced = set_aside(database, now).map_err(unfinished)?;
    put_in_place(&whole, database).map_err(unfinished)?;
    Ok(replaced)
}

/// Whether two names lead to one file.
fn is_same(one: &Path, other: &Path) -> bool {
    let whole = |path: &Path| path.canonicalize().ok();
    whole(one).is_some_and(|path| whole(other) == Some(path))
}

/// Makes a copy of a backup that can take the place of a database. Up to the last step, a start takes no notice
/// of it.
async fn prepare(backup: &Path, half: &Path, whole: &Path) -> Result<(), CopyError> {
    let sql = |source| CopyError::Sql {
        path: half.to_owned(),
        source,
    };
    let mut connection = SqliteConnection::connect_with(&traceless(backup))
        .await
        .map_err(sql)?;
    copy(&mut connection, half).await?;
    connection.close().await.map_err(sql)?;
    mark_restored(half).await.map_err(sql)?;
    let given = File::open(half).and_then(|made| give_to_folder(&made, half));
    let placed = given.and_then(|()| put_in_place(half, whole));
    placed.map_err(|source| CopyError::Unwritable {
        path: whole.to_owned(),
        source,
    })
}

/// Whether a copy was about to take the place of the database and did not come to it. What is there may be
/// without its log then.
pub(super) fn half_restored(database: &Path) -> bool {
    beside(database, RESTORING).exists()
}

/// So that the next run knows that time has passed which the file does not know of.
async fn mark_restored(path: &Path) -> sqlx::Result<()> {
    const SQL: &str =
        "INSERT INTO setting (name, value) VALUES ($1, x'01') ON CONFLICT (name) DO NOTHING";
    let options = SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Delete);
    let mut connection = SqliteConnection::connect_with(&options).await?;
    sqlx::query(SQL)
        .bind(RESTORED)
        .execute(&mut connection)
        .await?;
    connection.close().await
}

/// What `SQLite` keeps next to a database belongs to it, and would be taken for another's: also where the
/// database itself was moved away before.
fn set_aside(database: &Path, now: Timestamp) -> io::Result<Option<PathBuf>> {
    let aside = made_now(database, REPLACED, now);
    for ending in ["-wal", "-shm", "-journal"] {
        let file = beside(database, ending);
        if file.exists() {
            fs::rename(&file, beside(&aside, ending))?;
        }
    }
    if !database.exists() {
        return Ok(None);
    }
    fs::rename(database, &aside)?;
    Ok(Some(aside))
}

/// The bytes and then the name are on disk.
fn put_in_place(half: &Path, to: &Path) -> io::Result<()> {
    File::open(half)?.sync_all()?;
    fs::rename(half, to)?;
    File::open(folder_of(to))?.sync_all()
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
