//! `/risk check`: whether a pool's yield will last, who pays it, and what can go wrong.

use crate::{
    app::App,
    discord::{
        autocomplete,
        commands::{shown_to, yield_},
        context::{Context, parts},
        errors::{CommandError, Trouble},
        lookup,
        params::Name,
        reply,
    },
    domain::ids::PoolId,
    market::around::Around,
    render::{self, message::Message},
};

/// Whether a pool's yield will last, who pays it, and what can go wrong
#[poise::command(slash_command)]
pub(super) async fn check(
    ctx: Context<'_>,
    #[description = "Pool: pick one, or write its asset, protocol and chain"]
    #[autocomplete = "autocomplete::pool"]
    pool: Name,
    #[description = "Show the answer to you alone"] private: Option<bool>,
) -> Result<(), CommandError> {
    let (app, caller) = parts(ctx)?;
    let bot = ctx.data();
    let market = bot.app.market.view(bot.app.clock.now());
    let pool = lookup::pool(&market, &pool)?.pool.id;
    let visibility = shown_to(bot, &caller, private);
    // Past prices may have to be asked for.
    reply::defer(app, visibility).await?;
    let message = answer(&bot.app, pool).await?;
    reply::send(app, message, visibility).await
}

/// Looks up all that is known around a pool, and words it.
pub async fn answer(app: &App, pool: PoolId) -> Result<Message, Trouble> {
    let now = app.clock.now();
    let market = app.market.view(now);
    let listing = market.get(pool).ok_or(Trouble::PoolGone)?;
    let past = app.market.past_of(listing, now).await;
    let (facts, networks) = (app.market.facts(), app.market.networks());
    let around = Around {
        market: &market,
        facts: &facts,
        networks: &networks,
        now,
    };
    Ok(render::risk::checked(
        &yield_::view(&market, listing),
        &around.paid(listing, &past),
        &around.risks(listing, &past),
        now,
    ))
}
