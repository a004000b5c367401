//! Telling Discord the commands.

use std::time::Duration;

use poise::serenity_prelude as serenity;
use serenity::Http;
use sha2::{Digest as _, Sha256};
use tracing::{debug, error, info, warn};

use super::context::Bot;
use crate::domain::time::Span;

/// The store's name for what was last registered.
const REGISTERED: &str = "commands";

/// Waits between attempts to register.
const RETRIES: [Span; 4] = [
    Span(Duration::from_secs(5)),
    Span(Duration::from_secs(30)),
    Span::minutes(2),
    Span::minutes(10),
];

/// Tells Discord the commands, when they are others than those it knows: a day has 200 creations.
pub async fn register(
    bot: &Bot,
    http: &Http,
    application: serenity::ApplicationId,
    definitions: Vec<serenity::CreateCommand>,
) {
    let Some(hash) = hash_of(application, &definitions) else {
        error!("the command definitions cannot be written as JSON");
        return;
    };
    match bot.app.store.setting(REGISTERED).await {
        Ok(Some(known)) if known == hash => {
            debug!("the commands are registered already");
            return;
        }
        Ok(_) => {}
        // Registering the same once more does no harm.
        Err(error) => warn!(%error, "what was registered last cannot be read"),
    }
    for wait in RETRIES.map(Some).into_iter().chain([None]) {
        match serenity::Command::set_global_commands(http, definitions.clone()).await {
            Ok(registered) => {
                info!(commands = registered.len(), "commands are registered");
                if let Err(error) = bot.app.store.set_setting(REGISTERED, &hash).await {
                    warn!(%error, "what was registered cannot be noted");
                }
                return;
            }
            Err(error) => {
                let Some(wait) = wait else {
                    error!(%error, "the commands were not registered; restart to try again");
                    return;
                };
                warn!(%error, again_in = ?wait.0, "the commands cannot be registered");
                tokio::select! {
                    () = tokio::time::sleep(wait.0) => {}
                    () = bot.stopping.cancelled() => return,
                }
            }
        }
    }
}

fn hash_of(
    application: serenity::ApplicationId,
    definitions: &[serenity::CreateCommand],
) -> Option<[u8; 32]> {
    let mut hash = Sha256::new();
    hash.update(application.get().to_le_bytes());
    hash.update(serde_json::to_vec(definitions).ok()?);
    Some(hash.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discord::commands;

    #[test]
    fn the_hash_is_that_of_the_definitions_and_the_application() {
        let definitions = || poise::builtins::create_application_commands(&commands::all());
        let one = serenity::ApplicationId::new(1);
        let two = serenity::ApplicationId::new(2);
        assert_eq!(hash_of(one, &definitions()), hash_of(one, &definitions()));
        assert_ne!(hash_of(one, &definitions()), hash_of(two, &definitions()));
        assert_ne!(
            hash_of(one, &definitions()),
            hash_of(one, definitions().get(1..).unwrap())
        );
    }
}
