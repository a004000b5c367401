//! Where the assets of a notice's pool earn with a better verdict.

use crate::{
    app::App,
    discord::{commands::yield_, errors::Trouble},
    domain::ids::{GuildId, PoolId},
    market::calmer::Wish,
    render::{
        calmer::{self, Calmer},
        message::Message,
    },
};

/// How many places one answer names.
const MOST: usize = 5;

/// Within what the server chose to be shown.
pub(super) fn calmer(app: &App, guild: GuildId, pool: PoolId) -> Result<Message, Trouble> {
    let now = app.clock.now();
    let market = app.market.view(now);
    let listing = market.get(pool).ok_or(Trouble::PoolGone)?;
    let server = app.alerting.server(guild);
    let wish = Wish {
        min_tvl: server.min_tvl,
        max_apy: server.max_apy.unwrap_or(app.market.screen().max_apy),
    };
    let found = market.calmer(&listing.pool, &wish, MOST);
    let places: Vec<_> = found
        .into_iter()
        .map(|place| yield_::view(&market, place))
        .collect();
    let told = Calmer {
        than: yield_::view(&market, listing),
        places: &places,
    };
    Ok(calmer::calmer(&told, now))
}
