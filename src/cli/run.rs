//! `stipend run`: from the configuration to a running bot, and from its end to an exit code.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use secrecy::SecretString;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::{ConfigArgs, tell};
use crate::{
    app::{self, App, RunError},
    clock::SystemClock,
    delivery::{
        http::{Application, Client},
        outcome::Outcome,
    },
    ops::{
        config::{self, Config, Way},
        exit::Exit,
        logging,
        secrets::{self, MasterKey, SecretError},
    },
    store::{OpenError, Store},
};

/// What has to be right before anything is started, in the order in which it is looked at: first
/// what this machine can tell, then what Discord says, and only then the first write.
#[derive(Debug, thiserror::Error)]
pub(super) enum StartError {
    #[error(transparent)]
    Config(#[from] config::Faults),
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(
        "the master key {} is gone, and {} is sealed with it; put the key file back, or, if it is lost, run `stipend key reset`",
        key.display(), database.display()
    )]
    KeyGone { key: PathBuf, database: PathBuf },
    #[error(
        "{} opens with {}, which `stipend key rotate` made and nobody has put in its place yet; run `{mend}` (nothing was changed)",
        database.display(), new.display()
    )]
    KeyNotMoved {
        new: PathBuf,
        database: PathBuf,
        mend: String,
    },
    #[error("the new key cannot be written to {}; name a file elsewhere with --to", path.display())]
    NoNewKey {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error(
        "Discord refuses the bot token; copy a fresh one from the Bot page of the developer portal"
    )]
    TokenRefused,
    #[error("Discord cannot be reached at {0}; check the network and discord.api_url")]
    Unreachable(String),
    #[error(transparent)]
    Run(#[from] RunError),
}

impl StartError {
    pub(super) const fn exit(&self) -> Exit {
        match self {
            Self::Config(_)
            | Self::KeyGone { .. }
            | Self::KeyNotMoved { .. }
            | Self::NoNewKey { .. } => Exit::Unusable,
            Self::Secret(error) => app::secret_exit(error),
            Self::Open(error) => app::open_exit(error),
            Self::TokenRefused => Exit::TokenRefused,
            Self::Unreachable(_) => Exit::Unavailable,
            Self::Run(error) => error.exit(),
        }
    }
}

/// Runs the bot until SIGTERM or Ctrl-C.
pub(super) async fn run(args: &ConfigArgs) -> Exit {
    match start(args).await {
        Ok(()) => Exit::Fine,
        Err(error) => {
            tell(&error);
            error.exit()
        }
    }
}

async fn start(args: &ConfigArgs) -> Result<(), StartError> {
    let config = Config::load(args.config.as_deref(), config::environment())?;
    if logging::init(&config.ops).is_err() {
        tracing::warn!("logging was set up already");
    }
    let token = secrets::token(&config)?;
    database(&config).await?;
    let application = application(&config, &token).await?;
    if config.discord.interactions == Way::Gateway && application.interactions_endpoint.is_some() {
        tracing::error!(
            "Discord posts interactions to an endpoint, so that no command comes over the gateway; \
             `stipend doctor` says what to do"
        );
    }
    let key_file = &config.secrets.master_key_file;
    let key = MasterKey::load_or_create(key_file)?;
    if !config.database.path().exists() {
        tracing::warn!(
            key = %key_file.display(),
            "what people keep is sealed with the master key, which is in no backup; keep a copy of it apart from those"
        );
    }
    let clock = Arc::new(SystemClock);
    let app = App::open(config, key.bytes(), &token, application.id, clock).await?;
    let stop = CancellationToken::new();
    tokio::spawn(stop_on_signal(stop.clone()));
    Ok(app::run(Arc::new(app), &token, stop).await?)
}

/// Looks at the database and at the key that it is sealed with; changes nothing on disk.
pub(super) async fn database(config: &Config) -> Result<(), StartError> {
    let (database, file) = (config.database.path(), &config.secrets.master_key_file);
    let key = MasterKey::load_existing(file)?;
    let refused = match Store::check(database, key.as_ref().map(MasterKey::bytes)).await {
        Ok(()) if key.is_some() || !database.exists() => return Ok(()),
        Ok(()) => StartError::KeyGone {
            key: file.clone(),
            database: database.to_owned(),
        },
        Err(wrong @ OpenError::WrongKey(_)) => wrong.into(),
        Err(error) => return Err(error.into()),
    };
    Err(key_not_moved(database, file).await.unwrap_or(refused))
}

/// Where `stipend key rotate` puts the new key, if no other file is named.
pub(super) fn rotated(key: &Path) -> PathBuf {
    key.with_added_extension("new")
}

/// Whether the master key was changed for another that lies beside it, or where it was put then.
async fn key_not_moved(database: &Path, key: &Path) -> Option<StartError> {
    let named = Store::key_rotated_to(database).await;
    for new in [rotated(key)].into_iter().chain(named) {
        let Ok(Some(found)) = MasterKey::load_existing(&new) else {
            continue;
        };
        if Store::check(database, Some(found.bytes())).await.is_ok() {
            return Some(StartError::KeyNotMoved {
                database: database.to_owned(),
                mend: moving(&new, key),
                new,
            });
        }
    }
    None
}

/// How to put a new key in the place of the present one, which is kept for older backups: under a name that none
/// of the earlier ones has.
pub(super) fn moving(new: &Path, key: &Path) -> String {
    let (found, place) = (new.display(), key.display());
    if !key.exists() {
        return format!("mv {found} {place}");
    }
    let mut aside = key.with_added_extension("old");
    while aside.exists() {
        aside.add_extension("1");
    }
    format!("mv {place} {} && mv {found} {place}", aside.display())
}

/// Asks Discord who the token belongs to.
pub(super) async fn application(
    config: &Config,
    token: &SecretString,
) -> Result<Application, StartError> {
    let api_url = &config.discord.api_url;
    let (timeout, edge_ban) = (config.delivery.timeout.0, config.delivery.edge_ban.0);
    let client = Client::new(api_url, timeout, edge_ban, token).map_err(RunError::from)?;
    client.application().await.map_err(|outcome| match outcome {
        Outcome::BotTokenRefused => StartError::TokenRefused,
        _ => StartError::Unreachable(api_url.clone()),
    })
}

/// The first signal ends what runs in order, the second one at once: what was under way is uncertain then.
#[expect(clippy::exit, reason = "a second signal asks for just that")]
pub(super) async fn stop_on_signal(stop: CancellationToken) {
    let (Ok(mut terminate), Ok(mut interrupt)) = (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    ) else {
        tracing::error!("signals cannot be received; the bot ends only with its process");
        return;
    };
    for again in [false, true] {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        if again {
            std::process::exit(i32::from(Exit::Internal.code()));
        }
        tracing::info!("stopping; a second signal stops at once");
        stop.cancel();
    }
}
