//! `/risk correlation`: what several positions have in common.

use crate::{
    discord::{
        autocomplete,
        commands::shown_to,
        context::{Context, parts},
        errors::{CommandError, Trouble},
        lookup,
        params::Name,
        reply,
    },
    domain::{pool::Pool, time::Timestamp},
    market::view::View,
    render::{self, message::Message},
};

/// What two to five positions share: chain, protocol and tokens
#[poise::command(slash_command)]
pub(super) async fn correlation(
    ctx: Context<'_>,
    #[description = "A pool, or its DefiLlama address"]
    #[autocomplete = "autocomplete::pool"]
    pool1: Name,
    #[description = "Another pool"]
    #[autocomplete = "autocomplete::pool"]
    pool2: Name,
    #[description = "A third pool"]
    #[autocomplete = "autocomplete::pool"]
    pool3: Option<Name>,
    #[description = "A fourth pool"]
    #[autocomplete = "autocomplete::pool"]
    pool4: Option<Name>,
    #[description = "A fifth pool"]
    #[autocomplete = "autocomplete::pool"]
    pool5: Option<Name>,
    #[description = "Show the answer to you alone"] private: Option<bool>,
) -> Result<(), CommandError> {
    let (app, caller) = parts(ctx)?;
    let bot = ctx.data();
    let now = bot.app.clock.now();
    let market = bot.app.market.view(now);
    let asked: Vec<Name> = [Some(pool1), Some(pool2), pool3, pool4, pool5]
        .into_iter()
        .flatten()
        .collect();
    let message = answer(&market, &asked, now)?;
    reply::send(app, message, shown_to(bot, &caller, private)).await
}

/// Looks the pools up and words what they share.
pub fn answer(market: &View, asked: &[Name], now: Timestamp) -> Result<Message, Trouble> {
    let listings = lookup::pools(market, asked)?;
    let pools: Vec<&Pool> = listings.iter().map(|listing| &*listing.pool).collect();
    let (source, fetched_at) = (market.origin.source, market.answered_at);
    Ok(render::correlation::correlation(
        &pools, source, fetched_at, now,
    ))
}
