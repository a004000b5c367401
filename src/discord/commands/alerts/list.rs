//! `/alerts list`: every alert of the server and how it stands.

use crate::{
    app::App,
    discord::{
        context::Context,
        errors::CommandError,
        reply::{self, Visibility},
    },
    domain::ids::GuildId,
    render::{self, message::Message},
};

/// Every alert of this server, and how it stands
#[poise::command(slash_command, guild_only)]
pub(super) async fn list(ctx: Context<'_>) -> Result<(), CommandError> {
    let (app, caller) = super::super::begin_private(ctx).await?;
    let message = answer(&ctx.data().app, caller.server()?).await?;
    reply::send(app, message, Visibility::Private).await
}

async fn answer(app: &App, guild: GuildId) -> Result<Message, CommandError> {
    let market = app.market.snapshot();
    let alerts = app.store.alerts_of(guild).await?;
    let destinations = app.store.destinations(guild).await?;
    let mut views = Vec::with_capacity(alerts.len());
    for alert in &alerts {
        let destination = destinations
            .iter()
            .find(|destination| destination.channel == alert.channel);
        views.push(super::view(app, &market, alert, destination).await);
    }
    Ok(render::alerts::list(&views))
}
