//! `/yield history`: what a pool paid over the last days, drawn.

use std::{sync::Arc, time::Duration};

use tracing::warn;

use crate::{
    app::App,
    causes::Causes,
    discord::{
        autocomplete,
        commands::shown_to,
        context::{Context, parts},
        errors::{CommandError, Trouble},
        lookup,
        params::Name,
        reply,
    },
    domain::{ids::PoolId, past::Past, reading::DayReading, time::Day},
    market::feed::FeedError,
    render::{
        history::{self, History},
        message::Message,
        picture::{self, Chart},
    },
};

/// Days that are shown when nothing else is asked for.
pub const USUAL_DAYS: u16 = 90;
/// Days before the first one that is shown; they tell whether that one is plausible.
const BEFORE: i32 = 7;

/// A chart of what a pool paid over the last days
#[poise::command(slash_command)]
pub(super) async fn history(
    ctx: Context<'_>,
    #[description = "Pool: pick one, or write its asset, protocol and chain"]
    #[autocomplete = "autocomplete::pool"]
    pool: Name,
    #[description = "Days, 7 to 365; 90 when left out"]
    #[min = 7]
    #[max = 365]
    days: Option<u16>,
    #[description = "Show the answer to you alone"] private: Option<bool>,
) -> Result<(), CommandError> {
    let (app, caller) = parts(ctx)?;
    let bot = ctx.data();
    let market = bot.app.market.view(bot.app.clock.now());
    let pool = lookup::pool(&market, &pool)?.pool.id;
    let visibility = shown_to(bot, &caller, private);
    // The source may be asked for its chart, which takes seconds.
    reply::defer(app, visibility).await?;
    let days = days.unwrap_or(USUAL_DAYS).clamp(7, 365);
    let message = told(&bot.app, pool, days).await?;
    reply::send(app, message, visibility).await
}

/// How long whoever asks waits for the source's own chart.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a pool paid over the last `days` days that have ended, in words and drawn. The source's own
/// chart is asked for, at most once a week, where we have not seen each of them ourselves.
pub async fn told(app: &Arc<App>, pool: PoolId, days: u16) -> Result<Message, CommandError> {
    let now = app.clock.now();
    let market = app.market.view(now);
    let listing = market.get(pool).ok_or(Trouble::PoolGone)?;
    let today = now.day();
    let (first, last) = (Day(today.0 - i32::from(days)), Day(today.0 - 1));
    let mut known = known(app, listing.no, first).await?;
    let mut is_chart_missing = false;
    if known.iter().filter(|paid| paid.day >= first).count() < usize::from(days)
        && app.charts.may_ask(pool, now)
    {
        // Read to its end also where nobody waits for it any more.
        let learnt = tokio::spawn({
            let app = Arc::clone(app);
            async move { app.charts.learn(&app.store, &app.market, pool, now).await }
        });
        match tokio::time::timeout(PATIENCE, learnt).await.map(Result::ok) {
            Ok(Some(Ok(_))) => known = self::known(app, listing.no, first).await?,
            Ok(Some(Err(FeedError::Store(error)))) => return Err(error.into()),
            Ok(Some(Err(error))) => {
                warn!(%pool, error = %Causes(&error), "no chart");
                is_chart_missing = true;
            }
            // Others are asking, or the source is slow: the words are worth more than the wait.
            Ok(None) | Err(_) => is_chart_missing = true,
        }
    }
    // Today is not over, but confirms or contradicts what yesterday seemed to be.
    known.extend(listing.usable().map(DayReading::from));
    let past = Arc::new(Past::new(known, first..=last));
    let source = market.origin.source;
    let picture = drawn(&past, Arc::clone(&listing.pool), source).await;
    let told = History {
        pool: &listing.pool,
        past: &past,
        latest: listing.usable().copied(),
        source,
        fetched_at: market.answered_at,
        is_chart_missing,
    };
    Ok(history::history(&told, picture, now))
}

/// The days of a pool that we know from shortly before `first` on.
async fn known(app: &App, no: i64, first: Day) -> Result<Vec<DayReading>, CommandError> {
    Ok(app.store.days(no, Day(first.0 - BEFORE)).await?)
}

/// Draws where it keeps nobody waiting. Without a picture the words still stand.
async fn drawn(
    past: &Arc<Past>,
    pool: Arc<crate::domain::pool::Pool>,
    source: &'static str,
) -> Option<Vec<u8>> {
    if !history::is_drawn(past) {
        return None;
    }
    let past = Arc::clone(past);
    let draw = move || {
        picture::chart(&Chart {
            pool: &pool,
            past: &past,
            source,
        })
    };
    match tokio::task::spawn_blocking(draw).await {
        Ok(Ok(picture)) => Some(picture),
        Ok(Err(error)) => {
            warn!(%error, "a chart is told in words alone");
            None
        }
        Err(error) => {
            warn!(%error, "drawing a chart broke off");
            None
        }
    }
}
