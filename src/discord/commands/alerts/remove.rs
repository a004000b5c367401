//! `/alerts remove`: an alert goes, and with it where it stood.

use crate::{
    app::App,
    discord::{
        autocomplete,
        context::{Caller, Context, parts},
        errors::{CommandError, Trouble},
        params::Written,
    },
    domain::ids::AlertId,
    render::{self, message::Message},
};

/// Remove an alert of this server
#[poise::command(slash_command, guild_only)]
pub(super) async fn remove(
    ctx: Context<'_>,
    #[description = "Which alert"]
    #[autocomplete = "autocomplete::alert"]
    alert: Written<AlertId>,
) -> Result<(), CommandError> {
    let (app, caller) = parts(ctx)?;
    let answer = answer(&ctx.data().app, &caller, alert.0);
    super::answer_with_news(app, answer).await
}

async fn answer(app: &App, caller: &Caller, id: AlertId) -> Result<Message, CommandError> {
    let deed = caller.did(app.clock.now(), format!("removed alert #{id}"))?;
    let removed = app
        .alerting
        .remove(&app.store, id, &deed)
        .await?
        .ok_or(Trouble::AlertUnknown(id))?;
    Ok(render::alerts::removed(removed.id))
}
