//! `/watch remove`: no longer to be written to about something.

use crate::{
    app::App,
    discord::{
        autocomplete,
        commands::answer_alone,
        context::{Context, parts},
        errors::{CommandError, Trouble},
        params::Written,
    },
    domain::ids::{UserId, WatchId},
    render::{self, message::Message},
};

/// No longer be written to about something
#[poise::command(slash_command)]
pub(super) async fn remove(
    ctx: Context<'_>,
    #[description = "Which of your watches"]
    #[autocomplete = "autocomplete::watch"]
    watch: Written<WatchId>,
) -> Result<(), CommandError> {
    let (app, caller) = parts(ctx)?;
    answer_alone(app, answer(&ctx.data().app, caller.user, watch.0)).await
}

async fn answer(app: &App, owner: UserId, id: WatchId) -> Result<Message, CommandError> {
    let removed = app.store.remove_watch(owner, id).await?;
    let removed = removed.ok_or(Trouble::WatchUnknown)?;
    let view = app.market.view(app.clock.now());
    let pool = super::named(&view, &removed.watch.what);
    Ok(render::watch::removed(&removed, pool))
}
