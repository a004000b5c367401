//! `/alerts history`: what became of each notice of an alert.

use crate::{
    app::App,
    discord::{
        autocomplete,
        commands::fate,
        context::{Context, parts},
        errors::CommandError,
        params::Written,
    },
    domain::{
        ids::{AlertId, GuildId},
        time::Span,
    },
    render::{self, fate::Line, message::Message},
};

const USUAL_DAYS: u32 = 30;
/// More than a message shows is not read.
const MOST: u32 = 200;

/// What became of each notice of an alert
#[poise::command(slash_command, guild_only)]
pub(super) async fn history(
    ctx: Context<'_>,
    #[description = "Which alert"]
    #[autocomplete = "autocomplete::alert"]
    alert: Written<AlertId>,
    #[description = "How many days back; 30 if left out"]
    #[min = 1]
    #[max = 365]
    days: Option<u32>,
) -> Result<(), CommandError> {
    let (app, caller) = parts(ctx)?;
    let days = days.unwrap_or(USUAL_DAYS).clamp(1, 365);
    let answer = answer(&ctx.data().app, caller.server()?, alert.0, days);
    super::answer_with_news(app, answer).await
}

async fn answer(
    app: &App,
    guild: GuildId,
    id: AlertId,
    days: u32,
) -> Result<Message, CommandError> {
    let alert = super::owned(app, guild, id).await?;
    let since = app.clock.now().minus(Span::days(u64::from(days)).0);
    let told = app.store.told_by(alert.id, since, MOST).await?;
    let market = app.market.snapshot();
    let lines: Vec<Line<'_>> = told.iter().map(|one| fate::line(one, &market)).collect();
    Ok(render::fate::history(alert.id, days, &lines))
}
