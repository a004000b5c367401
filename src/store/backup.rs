//! Copies of the database: made while it is in use, looked at before one takes its place, and never half
//! there.
//!
//! A copy holds what the database holds, sealed as it is. The master key is in none of them.

use std::{
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
    OpenError, beside,
    files::{folder_of, private, private_to_folder},
    lock::InstanceLock,
    opening::{BUSY_TIMEOUT, RESTORED, examine, unopened},
    sealed::Keyring,
};
use crate::domain::{retention::COPIES, time::Timestamp};

/// Why no copy was made.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    #[error("{} is there already; name another file", .0.display())]
    Occupied(PathBuf),
    #[error("there is no database at {}", .0.display())]
    NoDatabase(PathBuf),
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
    if let Err(source) = copied {
        remove(&half).map_err(unwritable)?;
        return Err(CopyError::Sql {
            path: to.to_owned(),
            source,
        });
    }
    put_in_place(&half, to).map_err(unwritable)
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
    let sql = |source| CopyError::Sql {
        path: to.to_owned(),
        source,
    };
    let options = SqliteConnectOptions::new()
        .filename(database)
        .read_only(true)
        .busy_timeout(BUSY_TIMEOUT);
    let mut connection = SqliteConnection::connect_with(&options)
        .await
        .map_err(sql)?;
    copy(&mut connection, to).await?;
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

/// The whole file is read; the first fault, if there is one.
async fn look(path: &Path) -> Result<(), String> {
    const SQL: &str = "SELECT integrity_check FROM pragma_integrity_check";
    let options = SqliteConnectOptions::new()
        .filename(path)
        .read_only(true)
        .immutable(true);
    let looked = async {
        let mut connection = SqliteConnection::connect_with(&options).await?;
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

/// Removes copies that were made beside the database before it was changed, once they are old: what was erased
/// since lives on in them. Backups that somebody asked for are theirs.
pub fn forget_copies(database: &Path, now: Timestamp) {
    const MADE_BY_ITSELF: [&str; 3] = [".schema-", ".before-key-reset", ".replaced-"];
    let Some(name) = database.file_name() else {
        return;
    };
    let name = name.to_string_lossy();
    let Ok(files) = fs::read_dir(folder_of(database)) else {
        return;
    };
    for file in files.flatten() {
        let called = file.file_name();
        let called = called.to_string_lossy();
        let is_copy = called
            .strip_prefix(&*name)
            .is_some_and(|ending| MADE_BY_ITSELF.iter().any(|made| ending.starts_with(made)));
        if is_copy && is_older(&file.path(), now) {
            if let Err(error) = fs::remove_file(file.path()) {
                tracing::warn!(copy = %called, %error, "an old copy cannot be removed");
                continue;
            }
            tracing::info!(copy = %called, "an old copy of the database is removed");
        }
    }
}

fn is_older(path: &Path, now: Timestamp) -> bool {
    let modified = path.metadata().and_then(|about| about.modified());
    let Ok(age) = modified.map(|at| at.duration_since(UNIX_EPOCH)) else {
        return false;
    };
    let Ok(millis) = age.map(|age| i64::try_from(age.as_millis()).unwrap_or(i64::MAX)) else {
        return false;
    };
    now.since(Timestamp::from_millis(millis)) >= COPIES.0
}

/// Why a copy was not put in the place of the database. Nothing was changed then.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    #[error("there is no backup at {}", .0.display())]
    NoBackup(PathBuf),
    /// Something speaks against the copy, or against taking the place of the database.
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error("{} is not whole: {reason}; take another backup", path.display())]
    Unsound { path: PathBuf, reason: String },
    #[error("{} cannot be written; check its folder, the permissions there and the free space", path.display())]
    Unwritable { path: PathBuf, source: io::Error },
}

/// Puts a copy in the place of a database, which is kept beside it under another name; answers with that
/// name, where there was a database. The copy itself stays as it is.
pub async fn restore(
    backup: &Path,
    database: &Path,
    key: &[u8; 32],
    now: Timestamp,
) -> Result<Option<PathBuf>, RestoreError> {
    if !backup.exists() {
        return Err(RestoreError::NoBackup(backup.to_owned()));
    }
    examine(backup, Some(&Keyring::new(key))).await?;
    look(backup).await.map_err(|reason| RestoreError::Unsound {
        path: backup.to_owned(),
        reason,
    })?;
    let _lock = InstanceLock::take(database).map_err(OpenError::from)?;
    let unwritable = |source| RestoreError::Unwritable {
        path: database.to_owned(),
        source,
    };
    let half = beside(database, ".part");
    duplicate(backup, &half).map_err(unwritable)?;
    mark_restored(&half)
        .await
        .map_err(|source| unopened(&half, source))?;
    let replaced = set_aside(database, now).map_err(unwritable)?;
    put_in_place(&half, database).map_err(unwritable)?;
    Ok(replaced)
}

/// Whether a copy was about to take the place of the database and did not come to it. What is there may be
/// without its log then.
pub(super) fn half_restored(database: &Path) -> bool {
    beside(database, ".part").exists()
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

/// What `SQLite` keeps next to a database belongs to it, and would be taken for another's.
fn set_aside(database: &Path, now: Timestamp) -> io::Result<Option<PathBuf>> {
    if !database.exists() {
        return Ok(None);
    }
    let time = now.rfc3339().replace(':', "");
    let aside = beside(database, &format!(".replaced-{time}"));
    for ending in ["-wal", "-shm"] {
        let file = beside(database, ending);
        if file.exists() {
            fs::rename(&file, beside(&aside, ending))?;
        }
    }
    fs::rename(database, &aside)?;
    Ok(Some(aside))
}

fn duplicate(from: &Path, to: &Path) -> io::Result<()> {
    remove(to)?;
    let mut written = private_to_folder(to)?;
    io::copy(&mut File::open(from)?, &mut written)?;
    written.sync_all()
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
