//! `/alerts preview`: what an alert would have said.

use std::time::{Duration, Instant};

use crate::{
    alerting::preview,
    app::App,
    causes::Causes,
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
/// Between two charts, out of politeness.
const PAUSE: Duration = Duration::from_millis(250);

/// How many charts one command asks the source for at most, and how long its caller waits for them; what
/// is there by then is looked at, and the next command asks for the next ones.
#[derive(Debug)]
pub(super) struct Budget {
    charts: usize,
    until: Instant,
}

impl Default for Budget {
    /// 20 charts and 20 seconds.
    fn default() -> Self {
        Self {
            charts: 20,
            until: Instant::now() + Duration::from_secs(20),
        }
    }
}

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
    let preview = of(app, ctx, &alert.rule, days, &mut Budget::default()).await?;
    Ok(render::preview::alert(id, &alert.rule, &preview))
}

/// What a rule would have said. Pools without a past get theirs first, as far as there is time for it,
/// and the person is told how far that has come.
pub(super) async fn of(
    app: &App,
    ctx: Application<'_>,
    rule: &Rule,
    days: u32,
    budget: &mut Budget,
) -> Result<Preview, CommandError> {
    let now = app.clock.now();
    let snapshot = app.market.snapshot();
    let mut without = preview::without_past(&app.store, &snapshot, rule, days, now).await?;
    without.retain(|pool| app.charts.may_ask(*pool, now));
    without.truncate(budget.charts);
    budget.charts -= without.len();
    learn(app, ctx, &without, budget.until).await?;
    let screen = *app.market.screen();
    let seen = preview::preview(&app.store, snapshot, screen, rule.clone(), days, now);
    Ok(seen.await?)
}

/// Reads the charts of these pools one after another, and says how far that has come.
async fn learn(
    app: &App,
    ctx: Application<'_>,
    pools: &[PoolId],
    until: Instant,
) -> Result<(), CommandError> {
    for (nth, pool) in pools.iter().enumerate() {
        if Instant::now() > until {
            break;
        }
        if nth % 5 == 0 {
            let words = render::preview::progress(nth, pools.len());
            reply::send(ctx, words, Visibility::Private).await?;
        }
        let now = app.clock.now();
        let learnt = app.charts.learn(&app.store, &app.market, *pool, now);
        if let Err(error) = learnt.await {
            tracing::warn!(%pool, error = %Causes(&error), "no chart for a preview");
            break;
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}
