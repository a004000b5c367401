//! Whether the file is whole. A damaged one is never written to, made anew or taken away.

use std::path::{Path, PathBuf};

use sqlx::{Connection as _, SqliteConnection, sqlite::SqliteConnectOptions};
use tokio_util::sync::CancellationToken;

use super::{Store, StoreError};

/// The file is not what was written to it.
#[derive(Debug, thiserror::Error)]
#[error("{} is damaged ({detail}); keep it, and put a backup in its place", path.display())]
pub struct Damage {
    pub path: PathBuf,
    pub detail: String,
}

impl Damage {
    pub(super) fn new(path: &Path, detail: &str) -> Self {
        Self {
            path: path.to_owned(),
            // A report may run over many lines, and the first one tells it.
            detail: detail
                .lines()
                .next()
                .unwrap_or("")
                .chars()
                .take(120)
                .collect(),
        }
    }
}

/// What grows with the market and its age, and takes too long to look at before the start.
const HISTORY: [&str; 2] = ["reading", "daily"];

/// How many steps `SQLite` takes before it asks whether to go on.
const STEPS: i32 = 10_000;

/// Looks at each of these tables and its indexes, the market's history left out, and returns the
/// first fault.
pub(super) async fn check_small(
    tables: &[String],
    connection: &mut SqliteConnection,
) -> sqlx::Result<Option<String>> {
    // A table-valued pragma takes its argument as a bound value.
    const SQL: &str = "SELECT quick_check FROM pragma_quick_check($1)";
    for table in tables
        .iter()
        .filter(|table| !HISTORY.contains(&table.as_str()))
    {
        let report: String = sqlx::query_scalar(SQL)
            .bind(table)
            .fetch_one(&mut *connection)
            .await?;
        if report != "ok" {
            return Ok(Some(report));
        }
    }
    Ok(None)
}

impl Store {
    /// Looks at the whole file, the market's history included, on a connection of its own, so that
    /// nobody waits for it. It may take some seconds; `stop` ends it early, and nothing was found then.
    pub async fn inspect(&self, stop: &CancellationToken) -> Result<Option<Damage>, StoreError> {
        let options = SqliteConnectOptions::new()
            .filename(&self.path)
            .read_only(true);
        let looked = look(options, stop.clone()).await;
        if stop.is_cancelled() {
            return Ok(None);
        }
        match looked.map_err(StoreError::from) {
            Ok(report) if report == "ok" => Ok(None),
            Ok(report) => Ok(Some(Damage::new(&self.path, &report))),
            Err(StoreError::Corrupt(error)) => {
                Ok(Some(Damage::new(&self.path, &error.to_string())))
            }
            Err(error) => Err(error),
        }
    }
}

async fn look(options: SqliteConnectOptions, stop: CancellationToken) -> sqlx::Result<String> {
    const SQL: &str = "SELECT integrity_check FROM pragma_integrity_check";
    let mut connection = SqliteConnection::connect_with(&options).await?;
    connection
        .lock_handle()
        .await?
        .set_progress_handler(STEPS, move || !stop.is_cancelled());
    let report = sqlx::query_scalar(SQL).fetch_one(&mut connection).await?;
    connection.close().await?;
    Ok(report)
}
