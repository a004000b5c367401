//! `/alerts list`: every alert of the server and how it stands.

use crate::{
    app::App,
    discord::{
        context::{Context, parts},
        errors::CommandError,
    },
    domain::ids::GuildId,
    render::{self, message::Message},
};

/// Every alert of this server, and how it stands
#[poise::command(slash_command, guild_only)]
pub(super) async fn list(ctx: Context<'_>) -> Result<(), CommandError> {
    let (app, caller) = parts(ctx)?;
    let answer = answer(&ctx.data().app, caller.server()?);
    super::answer_with_news(app, answer).await
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
