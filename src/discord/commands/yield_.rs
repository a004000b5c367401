//! `/yield`: what pools pay.

use crate::{
    discord::{context::Context, errors::CommandError},
    domain::listing::Listing,
    market::view::View,
    render,
};

pub mod better;
pub mod compare;
pub mod find;
pub mod history;
pub mod pool;
pub mod stack;
pub mod staking;

/// Look up what pools pay
#[poise::command(
    slash_command,
    rename = "yield",
    subcommand_required,
    install_context = "Guild|User",
    interaction_context = "Guild|BotDm|PrivateChannel",
    subcommands(
        "find::find",
        "pool::pool",
        "history::history",
        "compare::compare",
        "staking::staking",
        "stack::stack",
        "better::better"
    )
)]
#[expect(
    clippy::unused_async,
    reason = "a command is an async function, and this one only groups others"
)]
pub(super) async fn yield_(_: Context<'_>) -> Result<(), CommandError> {
    Ok(())
}

pub(super) fn view<'a>(market: &'a View, listing: &'a Listing) -> render::pool::PoolView<'a> {
    render::pool::PoolView {
        pool: &listing.pool,
        reading: &listing.reading,
        assessment: &listing.assessment,
        state: listing.state,
        source: market.origin.source,
        fetched_at: market.answered_at,
        unchanged_since: listing.unchanged_since,
        feed: &listing.feed,
        usual: listing.usual(),
        own_time: listing.own_time,
        doubt: listing.doubt.map(|doubted| doubted.doubt),
    }
}
