//! `/watch pause` and `/watch resume`: rest for a while.

use crate::{
    app::App,
    discord::{
        autocomplete,
        commands::answer_alone,
        context::{Context, parts},
        errors::{CommandError, Trouble},
        params::Written,
    },
    domain::{
        ids::{UserId, WatchId},
        time::{Span, Timestamp},
    },
    render::{self, message::Message},
};

/// Who rests for longer is better removed.
const LONGEST: Span = Span::days(366);
const USUAL: Span = Span::hours(24);

/// Not be written to for a while; what is still so then is told then
#[poise::command(slash_command)]
pub(super) async fn pause(
    ctx: Context<'_>,
    #[description = "Which of your watches; all when left out"]
    #[autocomplete = "autocomplete::watch"]
    watch: Option<Written<WatchId>>,
    #[description = "For how long, such as 8h or 7d; 24h when left out"]
    #[rename = "for"]
    length: Option<Written<Span>>,
) -> Result<(), CommandError> {
    let (app, caller) = parts(ctx)?;
    let data = &ctx.data().app;
    let length = length.map_or(USUAL, |length| length.0);
    answer_alone(app, async {
        if length.0.is_zero() || length > LONGEST {
            return Err(Trouble::RestTooLong(length).into());
        }
        let until = data.clock.now().plus(length.0);
        rest(data, caller.user, watch.map(|watch| watch.0), Some(until)).await
    })
    .await
}

/// Be written to again before the rest is over
#[poise::command(slash_command)]
pub(super) async fn resume(
    ctx: Context<'_>,
    #[description = "Which of your watches; all when left out"]
    #[autocomplete = "autocomplete::watch"]
    watch: Option<Written<WatchId>>,
) -> Result<(), CommandError> {
    let (app, caller) = parts(ctx)?;
    let data = &ctx.data().app;
    answer_alone(
        app,
        rest(data, caller.user, watch.map(|watch| watch.0), None),
    )
    .await
}

async fn rest(
    app: &App,
    owner: UserId,
    one: Option<WatchId>,
    until: Option<Timestamp>,
) -> Result<Message, CommandError> {
    let ids = if let Some(id) = one {
        let known = app.store.watch(owner, id).await?;
        vec![known.ok_or(Trouble::WatchUnknown)?.id]
    } else {
        let all = app.store.watches(owner).await?;
        all.iter().map(|kept| kept.id).collect()
    };
    if ids.is_empty() {
        return Err(Trouble::NoWatches.into());
    }
    for id in &ids {
        app.store.pause_watch(owner, *id, until).await?;
    }
    Ok(render::watch::paused(ids.len(), until))
}
