//! `/alerts remove`: an alert goes, and with it where it stood.

use crate::{
    app::App,
    discord::{
        autocomplete,
        context::Context,
        errors::{CommandError, Trouble},
        params::{Number, Written},
        reply::{self, Visibility},
    },
    domain::ids::{AlertId, GuildId},
    render::{self, message::Message},
};

/// Remove an alert of this server
#[poise::command(slash_command, guild_only)]
pub(super) async fn remove(
    ctx: Context<'_>,
    #[description = "Which alert"]
    #[autocomplete = "autocomplete::alert"]
    alert: Written<Number>,
) -> Result<(), CommandError> {
    let (app, caller) = super::super::begin_private(ctx).await?;
    let id = AlertId(alert.0.0);
    let message = answer(&ctx.data().app, caller.server()?, id).await?;
    reply::send(app, message, Visibility::Private).await
}

async fn answer(app: &App, guild: GuildId, id: AlertId) -> Result<Message, CommandError> {
    let now = app.clock.now();
    let removed = app
        .alerting
        .remove(&app.store, guild, id, now)
        .await?
        .ok_or(Trouble::AlertUnknown(id))?;
    Ok(render::alerts::removed(removed.id))
}
