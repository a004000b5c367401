//! `stipend key`: the master key is changed for another, or given up.

use std::path::{Path, PathBuf};

use super::{
    KeyCommand,
    keep::{failed, said},
    run::{self, StartError},
    tell,
};
use crate::{
    clock::{Clock as _, SystemClock},
    domain::retention::COPIES,
    ops::{
        config::{self, Config},
        exit::Exit,
        secrets::{MasterKey, SecretError},
    },
    render::count,
    store::{OpenError, Store},
};

/// Why no key took the place of the present one.
#[derive(Debug, thiserror::Error)]
enum NothingToChange {
    #[error(
        "there is no key yet at {}; the first start makes one, or check secrets.master_key_file",
        .0.display()
    )]
    NoKey(PathBuf),
    #[error("{} is the present key itself; name another file with --to", .0.display())]
    Itself(PathBuf),
    #[error(
        "{} holds the same key as {}, so that nothing would change; move it away, and a new one is made",
        new.display(), old.display()
    )]
    SameKey { old: PathBuf, new: PathBuf },
}

pub(super) async fn execute(command: &KeyCommand) -> Exit {
    let done = match command {
        KeyCommand::Rotate { to, config } => rotate(config.config.as_deref(), to.as_deref()).await,
        KeyCommand::Reset { yes, config } => reset(config.config.as_deref(), *yes).await,
    };
    match done {
        Ok(exit) => exit,
        Err(error) => {
            tell(&error);
            error.exit()
        }
    }
}

async fn rotate(config: Option<&Path>, to: Option<&Path>) -> Result<Exit, StartError> {
    let config = Config::load(config, config::environment())?;
    let (database, file) = (config.database.path(), &config.secrets.master_key_file);
    run::database(&config).await?;
    let Some(from) = MasterKey::load_existing(file)? else {
        let none = NothingToChange::NoKey(file.clone());
        return Ok(failed(&none, Exit::Unusable));
    };
    let new = to.map_or_else(|| run::rotated(file), Path::to_owned);
    if new.canonicalize().ok() == file.canonicalize().ok() {
        let itself = NothingToChange::Itself(file.clone());
        return Ok(failed(&itself, Exit::Usage));
    }
    let to = MasterKey::load_or_create(&new).map_err(|error| match error {
        SecretError::Unwritable { path, source } => StartError::NoNewKey { path, source },
        error => error.into(),
    })?;
    if from.bytes() == to.bytes() {
        let same = NothingToChange::SameKey {
            old: file.clone(),
            new,
        };
        return Ok(failed(&same, Exit::Usage));
    }
    let now = SystemClock.now();
    let rotated = Store::rotate_key(database, from.bytes(), (to.bytes(), &new), now).await?;
    Ok(said(format_args!(
        "The keys of {} and {} are wrapped by {new} now.\n\
         Put it in the place of {old} before the next start:\n\
         \x20   {moving}\n\
         Keep a copy of it elsewhere, and the earlier one for as long as you keep backups that were made \
         before now.",
        count(rotated.people, "person", "people"),
        count(rotated.servers, "server", "servers"),
        moving = run::moving(&new, file),
        new = new.display(),
        old = file.display(),
    )))
}

async fn reset(config: Option<&Path>, yes: bool) -> Result<Exit, StartError> {
    let config = Config::load(config, config::environment())?;
    let (database, file) = (config.database.path(), &config.secrets.master_key_file);
    if !database.exists() {
        return Err(OpenError::Absent(database.to_owned()).into());
    }
    match run::database(&config).await {
        Ok(()) => {
            return Ok(said(format_args!(
                "{} opens with {}; nothing has to be given up.",
                database.display(),
                file.display()
            )));
        }
        Err(StartError::KeyGone { .. } | StartError::Open(OpenError::WrongKey(_))) => {}
        Err(error) => return Err(error),
    }
    if !yes {
        said(format_args!(
            "This keeps every alert and what servers chose. It gives up for good what people kept (positions, \
             ledgers, goals, watches), since nobody can read it without the lost key; whoever comes back is \
             told so. Webhooks are looked for or made again at the next start.\n\
             Nothing was done. Run it with --yes to do it; a copy of {} is made before.",
            database.display()
        ));
        return Ok(Exit::Failed);
    }
    let now = SystemClock.now();
    let key = match MasterKey::load_existing(file)? {
        Some(key) => key,
        None => MasterKey::create(file)?,
    };
    let (reset, copy) = Store::reset_key(database, key.bytes(), now).await?;
    Ok(said(format_args!(
        "Goes on: {}. Looked for at the next start: {}. Given up: what {} kept.\n\
         {} holds the database as it was, should the lost key be found. A bot that runs removes it \
         after {}; move it elsewhere to keep it for longer.\n\
         Keep a copy of {} elsewhere this time: it is in no backup.",
        count(reset.alerts, "alert", "alerts"),
        count(reset.channels, "webhook", "webhooks"),
        count(reset.people, "person", "people"),
        copy.display(),
        now.plus(COPIES.0).day(),
        file.display(),
    )))
}
