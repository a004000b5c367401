//! `stipend backup`, `restore` and `export`: what an operator takes out of the database and puts back.

use std::{
    io::{self, Write as _},
    path::Path,
};

use super::{ConfigArgs, run::StartError, tell};
use crate::{
    alerting::rules_file,
    app::open_exit,
    clock::{Clock as _, SystemClock},
    ops::{
        config::{self, Config},
        exit::Exit,
        secrets::MasterKey,
    },
    store::{
        Store,
        backup::{self, CopyError, RestoreError},
    },
};

/// Copies the database to a file.
pub(super) async fn backup(args: &ConfigArgs, file: &Path) -> Exit {
    let config = match Config::load(args.config.as_deref(), config::environment()) {
        Ok(config) => config,
        Err(faults) => return failed(&faults, Exit::Unusable),
    };
    match backup::backup(config.database.path(), file, SystemClock.now()).await {
        Ok(bytes) => said(format_args!(
            "{} holds a copy of {} ({} kB), looked through and whole.\n{}",
            file.display(),
            config.database.path().display(),
            bytes / 1000,
            words_of_key(&config.secrets.master_key_file, file).await,
        )),
        Err(error) => {
            let exit = match &error {
                CopyError::Occupied(_) => Exit::Usage,
                CopyError::Database(error) => open_exit(error),
                CopyError::Unwritable { .. } | CopyError::Sql { .. } => Exit::Unavailable,
                CopyError::NoDatabase(_) | CopyError::Unsound { .. } => Exit::Unusable,
            };
            failed(&error, exit)
        }
    }
}

/// What is to be said of the key without which a copy is of little use.
async fn words_of_key(key: &Path, copy: &Path) -> String {
    let file = key.display();
    match MasterKey::load_existing(key) {
        Ok(Some(found)) if backup::opens(copy, found.bytes()).await => format!(
            "The master key is not in it: without {file} nobody can read what people kept. Keep a copy of \
             that elsewhere."
        ),
        Ok(Some(_)) => format!(
            "{file} is not the master key that it is sealed with. Look for the right one and keep a copy of \
             that elsewhere: without it nobody can read what people kept."
        ),
        Ok(None) => format!(
            "The master key is not in it, and there is none at {file}. Look for it and keep a copy elsewhere: \
             without it nobody can read what people kept."
        ),
        Err(error) => format!(
            "The master key is not in it, and whether {file} is the right one cannot be seen: {error}."
        ),
    }
}

/// Puts a copy in the place of the database.
pub(super) async fn restore(args: &ConfigArgs, file: &Path) -> Exit {
    match restored(args, file).await {
        Ok(exit) => exit,
        Err(error) => failed(&error, error.exit()),
    }
}

async fn restored(args: &ConfigArgs, file: &Path) -> Result<Exit, StartError> {
    let config = Config::load(args.config.as_deref(), config::environment())?;
    // A name that was mistyped says nothing of the key.
    if !file.exists() {
        return Ok(failed(
            &RestoreError::NoBackup(file.to_owned()),
            Exit::Usage,
        ));
    }
    let key_file = &config.secrets.master_key_file;
    let key = MasterKey::load_existing(key_file)?.ok_or_else(|| StartError::KeyGone {
        key: key_file.clone(),
        database: file.to_owned(),
    })?;
    let database = config.database.path();
    let restored = backup::restore(file, database, key.bytes(), SystemClock.now()).await;
    Ok(match restored {
        Ok(Some(aside)) => said(format_args!(
            "{} holds the backup now; what was there before is {}.\n\
             At the next start what was on its way is looked for before it is sent again, and the first \
             answer of the market tells nobody anything.",
            database.display(),
            aside.display()
        )),
        Ok(None) => said(format_args!("{} holds the backup now.", database.display())),
        Err(RestoreError::Open(error)) => return Err(error.into()),
        Err(error @ (RestoreError::NoBackup(_) | RestoreError::Itself(_))) => {
            failed(&error, Exit::Usage)
        }
        Err(error) => failed(&error, Exit::Unusable),
    })
}

/// Prints the alerts of all servers.
pub(super) async fn export(args: &ConfigArgs) -> Exit {
    let config = match Config::load(args.config.as_deref(), config::environment()) {
        Ok(config) => config,
        Err(faults) => return failed(&faults, Exit::Unusable),
    };
    let alerts = match Store::alerts_in(config.database.path()).await {
        Ok(alerts) => alerts,
        Err(error) => return failed(&error, open_exit(&error)),
    };
    if alerts.is_empty() {
        return said(format_args!("# no server has an alert"));
    }
    let mut text = String::new();
    for of_server in alerts.chunk_by(|one, next| one.guild == next.guild) {
        let Some(first) = of_server.first() else {
            continue;
        };
        match rules_file::write(of_server) {
            Ok(written) => {
                text.push_str("# server ");
                text.push_str(&first.guild.to_string());
                text.push('\n');
                text.push_str(&written);
                text.push('\n');
            }
            Err(error) => return failed(&error, Exit::Internal),
        }
    }
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => failed(&error, Exit::Internal),
        _ => Exit::Fine,
    }
}

/// Says how it went, for a person at the terminal.
pub(super) fn said(words: std::fmt::Arguments<'_>) -> Exit {
    match writeln!(io::stdout(), "{words}") {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => failed(&error, Exit::Internal),
        _ => Exit::Fine,
    }
}

/// Says why it did not go.
pub(super) fn failed(error: &(dyn std::error::Error + 'static), exit: Exit) -> Exit {
    tell(error);
    exit
}
