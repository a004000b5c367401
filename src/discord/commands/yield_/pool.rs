//! `/yield pool`: one pool in full.

use crate::{
    discord::{
        autocomplete,
        context::{Context, parts},
        errors::{CommandError, Trouble},
        lookup,
        params::Name,
        reply,
    },
    domain::time::Timestamp,
    market::view::View,
    render::{self, message::Message},
};

/// What a pool pays, who pays it, and whether it will last
#[poise::command(slash_command)]
pub(super) async fn pool(
    ctx: Context<'_>,
    #[description = "Pool: pick one, or write its asset, protocol and chain"]
    #[autocomplete = "autocomplete::pool"]
    pool: Name,
    #[description = "Show the answer to you alone"] private: Option<bool>,
) -> Result<(), CommandError> {
    let (app, _) = parts(ctx)?;
    let bot = ctx.data();
    let market = bot.app.market.view();
    let message = answer(&market, &pool, bot.app.clock.now())?;
    reply::send(app, message, super::super::shown_to(private)).await
}

/// Looks the pool up and words it.
pub fn answer(market: &View, asked: &Name, now: Timestamp) -> Result<Message, Trouble> {
    let listing = lookup::pool(market, asked)?;
    Ok(render::pool::pool(&super::view(market, listing), now))
}
