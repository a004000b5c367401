//! The bot: its folder, its settings, and the process while it lives.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::{fs::OpenOptionsExt as _, process::ExitStatusExt as _},
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
};

use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::Twin;

/// What `abort` ends a process with.
const SIGABRT: i32 = 6;

#[derive(Debug)]
pub(super) struct Bot {
    folder: TempDir,
    binary: PathBuf,
    settings: Vec<(String, String)>,
    child: Option<Child>,
}

impl Bot {
    /// A bot that was never started, in a folder of its own, with these settings by their names after
    /// `STIPEND_`.
    pub(super) fn new(
        binary: &Path,
        discord: &Twin,
        source: &str,
        settings: &[(&str, &str)],
    ) -> io::Result<Self> {
        let folder = tempfile::Builder::new().prefix("stipend-soak-").tempdir()?;
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(folder.path().join("token"))?
            .write_all(discord.token().as_bytes())?;
        // Of what the stand-in for the source does not serve.
        let nowhere = format!("{source}/nowhere");
        let own = [
            ("DISCORD__API_URL", discord.base_url().to_owned()),
            ("DISCORD__TOKEN_FILE", "token".to_owned()),
            ("DATABASE__URL", "sqlite://stipend.db".to_owned()),
            ("SECRETS__MASTER_KEY_FILE", "stipend.key".to_owned()),
            ("SOURCES__DEFILLAMA__POOLS_URL", format!("{source}/pools")),
            ("SOURCES__DEFILLAMA__CHART_URL", format!("{source}/chart")),
            ("SOURCES__DEFILLAMA__PRICES_URL", format!("{source}/prices")),
            ("SOURCES__DEFILLAMA__HISTORICAL_PRICES_URL", nowhere.clone()),
            ("SOURCES__DEFILLAMA__PRICE_CHART_URL", nowhere.clone()),
            ("SOURCES__DEFILLAMA__PROTOCOLS_URL", nowhere.clone()),
            ("SOURCES__DEFILLAMA__FEES_URL", nowhere.clone()),
            ("SOURCES__DEFILLAMA__LEND_BORROW_URL", nowhere.clone()),
            ("SOURCES__DEFILLAMA__STABLECOINS_URL", nowhere),
            // What is followed here are the pools.
            ("SOURCES__DEFILLAMA__BACKFILL_PER_HOUR", "0".to_owned()),
            ("SOURCES__FACTS__ENABLED", "false".to_owned()),
            ("OPS__LISTEN", "127.0.0.1:0".to_owned()),
            ("OPS__LOG_FORMAT", "json".to_owned()),
        ];
        let given = settings
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()));
        let settings = own.into_iter().chain(given);
        Ok(Self {
            settings: settings
                .map(|(name, value)| (format!("STIPEND_{name}"), value))
                .collect(),
            folder,
            binary: binary.to_owned(),
            child: None,
        })
    }

    /// Starts the process, with failpoints as the `fail` crate reads them.
    pub(super) fn spawn(&mut self, failpoints: Option<&str>) -> io::Result<()> {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.log_path())?;
        let child = Command::new(&self.binary)
            .arg("run")
            .current_dir(self.folder.path())
            .env_clear()
            .envs(self.settings.iter().cloned())
            .envs(failpoints.map(|points| ("FAILPOINTS", points)))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true)
            .spawn()?;
        self.child = Some(child);
        Ok(())
    }

    /// The process's number while it runs.
    pub(super) fn process(&self) -> Option<u32> {
        self.child.as_ref().and_then(Child::id)
    }

    pub(super) fn is_running(&self) -> bool {
        self.child.is_some()
    }

    /// As `kill -9` or a loss of power would.
    pub(super) async fn kill(&mut self) -> io::Result<()> {
        match self.child.take() {
            Some(mut child) => child.kill().await,
            None => Ok(()),
        }
    }

    /// How the process ended by itself; `None` while it runs.
    pub(super) fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        let status = match &mut self.child {
            Some(child) => child.try_wait()?,
            None => None,
        };
        if status.is_some() {
            self.child = None;
        }
        Ok(status)
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Leaves the folder where it is, for whoever has to find out what went wrong.
    pub(super) fn keep_folder(&mut self) {
        self.folder.disable_cleanup(true);
    }

    pub(super) fn has_panicked(&self) -> bool {
        let log = fs::read(self.log_path()).unwrap_or_default();
        String::from_utf8_lossy(&log).contains("panicked")
    }

    fn log_path(&self) -> PathBuf {
        self.folder.path().join("log")
    }
}

/// Whether the process ended itself at a failpoint.
pub(super) fn aborted(status: ExitStatus) -> bool {
    status.signal() == Some(SIGABRT)
}
