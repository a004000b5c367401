//! `/alerts show`: one alert in full, with how far its pool is from it.

use crate::{
    app::App,
    discord::{
        autocomplete,
        context::{Context, parts},
        errors::CommandError,
        params::Written,
    },
    domain::ids::{AlertId, GuildId},
    render::{self, alerts::Current, message::Message},
};

/// One alert in full, and how far its pool is from it
#[poise::command(slash_command, guild_only)]
pub(super) async fn show(
    ctx: Context<'_>,
    #[description = "Which alert"]
    #[autocomplete = "autocomplete::alert"]
    alert: Written<AlertId>,
) -> Result<(), CommandError> {
    let (app, caller) = parts(ctx)?;
    let answer = answer(&ctx.data().app, caller.server()?, alert.0);
    super::answer_with_news(app, answer).await
}

async fn answer(app: &App, guild: GuildId, id: AlertId) -> Result<Message, CommandError> {
    let alert = super::owned(app, guild, id).await?;
    let now = app.clock.now();
    let market = app.market.view(now);
    let destination = app.store.destination_for(alert.channel).await?;
    let view = super::view(app, &market, &alert, destination.as_ref()).await;
    let listing = alert.rule.scope.pool.and_then(|id| market.get(id));
    let current = listing.map(|listing| Current {
        pool: &listing.pool,
        reading: &listing.reading,
        verdict: listing.assessment.verdict,
        state: listing.state,
        source: market.origin.source,
        fetched_at: market.answered_at,
        unchanged_since: listing.unchanged_since,
    });
    Ok(render::alerts::show(&view, current.as_ref(), now))
}
