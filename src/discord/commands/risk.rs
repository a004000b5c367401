//! `/risk`: what can go wrong with a pool, and with several at once.

use crate::discord::{context::Context, errors::CommandError};

pub mod correlation;
pub mod il;

/// What can go wrong with a pool, and with several at once
#[poise::command(
    slash_command,
    subcommand_required,
    subcommands("il::il", "correlation::correlation")
)]
#[expect(
    clippy::unused_async,
    reason = "a command is an async function, and this one only groups others"
)]
pub(super) async fn risk(_: Context<'_>) -> Result<(), CommandError> {
    Ok(())
}
