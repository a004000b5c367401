//! `/ledger delete`: forgets one entry of the caller's.

use crate::{
    app::App,
    discord::{
        autocomplete,
        context::{Context, parts},
        errors::{CommandError, Trouble},
        params::Written,
    },
    domain::ids::{LedgerEntryId, UserId},
    render::{self, message::Message},
};

/// Forget something that you logged
#[poise::command(slash_command)]
pub(super) async fn delete(
    ctx: Context<'_>,
    #[description = "Which entry"]
    #[autocomplete = "autocomplete::entry"]
    entry: Written<LedgerEntryId>,
) -> Result<(), CommandError> {
    let (app, caller) = parts(ctx)?;
    let answer = answer(&ctx.data().app, caller.user, entry.0);
    super::super::answer_alone(app, answer).await
}

async fn answer(app: &App, owner: UserId, id: LedgerEntryId) -> Result<Message, CommandError> {
    let removed = app.store.remove_entry(owner, id).await?;
    let removed = removed.ok_or(Trouble::EntryUnknown)?;
    Ok(render::ledger::removed(&removed))
}
