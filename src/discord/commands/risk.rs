//! `/risk`: what can go wrong with a pool, and with several at once.

use crate::discord::{context::Context, errors::CommandError};

pub mod check;
pub mod correlation;
pub mod il;
pub mod rules;

/// What can go wrong with a pool, and with several at once
#[poise::command(
    slash_command,
    subcommand_required,
    install_context = "Guild|User",
    interaction_context = "Guild|BotDm|PrivateChannel",
    subcommands("check::check", "rules::rules", "il::il", "correlation::correlation")
)]
#[expect(
    clippy::unused_async,
    reason = "a command is an async function, and this one only groups others"
)]
pub(super) async fn risk(_: Context<'_>) -> Result<(), CommandError> {
    Ok(())
}
