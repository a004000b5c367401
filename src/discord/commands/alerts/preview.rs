//! `/alerts preview`: what an alert would have said.

use std::time::{Duration, Instant};

use crate::{
    alerting::preview,
    app::App,
    discord::{
        autocomplete,
        commands::Application,
        context::{Context, parts},
        errors::CommandError,
        params::Written,
        reply::{self, Visibility},
    },
    domain::{
        alert::Rule,
        ids::{AlertId, GuildId, PoolId},
        preview::Preview,
    },
    render::{self, message::Message},
};

pub(super) const USUAL_DAYS: u32 = 90;
/// Charts that one preview asks the source for at most; the next one asks for the next ones.
const MOST_CHARTS: usize = 20;
/// Nobody waits longer for charts; what is there by then is looked at.
const PATIENCE: Duration = Duration::from_secs(20);
/// Between two charts, out of politeness.
const PAUSE: Duration = Duration::from_millis(250);

/// What an alert would have said in the last weeks
#[poise::command(slash_command, guild_only)]
pub(super) async fn preview(
    ctx: Context<'_>,
    #[description = "Which alert"]
    #[autocomplete = "autocomplete::alert"]
    alert: Written<AlertId>,
    #[description = "How many days back; 90 when left out"]
    #[min = 7]
    #[max = 365]
    days: Option<u32>,
) -> Result<(), CommandError> {
    let (app, caller) = parts(ctx)?;
    let days = days.unwrap_or(USUAL_DAYS).clamp(7, 365);
    let answer = Box::pin(answer(
        &ctx.data().app,
        app,
        caller.server()?,
        (alert.0, days),
    ));
    super::answer_with_news(app, answer).await
}

async fn answer(
    app: &App,
    ctx: Application<'_>,
    guild: GuildId,
    (id, days): (AlertId, u32),
) -> Result<Message, CommandError> {
    let alert = super::owned(app, guild, id).await?;
    let preview = of(app, ctx, &alert.rule, days).await?;
    Ok(render::preview::alert(id, &alert.rule, &preview))
}

/// What a rule would have said. Pools without a past get theirs first, as far as there is time for it,
/// and the person is told how far that has come.
pub(super) async fn of(
    app: &App,
    ctx: Application<'_>,
    rule: &Rule,
    days: u32,
) -> Result<Preview, CommandError> {
    let now = app.clock.now();
    let snapshot = app.market.snapshot();
    let mut without = preview::without_past(&app.store, &snapshot, rule, days, now).await?;
    without.retain(|pool| app.charts.may_ask(*pool));
    without.truncate(MOST_CHARTS);
    learn(app, ctx, &without).await?;
    let screen = *app.market.screen();
    let seen = preview::preview(&app.store, snapshot, screen, rule.clone(), days, now);
    Ok(seen.await?)
}

/// Reads the charts of these pools, each once a run, and says how far that has come.
async fn learn(app: &App, ctx: Application<'_>, pools: &[PoolId]) -> Result<(), CommandError> {
    let begun = Instant::now();
    for (nth, pool) in pools.iter().enumerate() {
        if begun.elapsed() > PATIENCE {
            break;
        }
        if nth % 5 == 0 {
            let words = render::preview::progress(nth, pools.len());
            reply::send(ctx, words, Visibility::Private).await?;
        }
        let now = app.clock.now();
        let learnt = app.charts.learn(&app.store, &app.market, *pool, now);
        if let Err(error) = learnt.await {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(%pool, error, "no chart for a preview");
            break;
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}
