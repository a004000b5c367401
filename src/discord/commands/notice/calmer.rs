//! Where the assets of a notice's pool earn with a better verdict.

use crate::{
    app::App,
    discord::{commands::yield_, errors::Trouble},
    domain::{
        ids::{GuildId, PoolId},
        risk::{Check, Finding, State},
    },
    market::{around::Around, calmer::Wish},
    render::{
        calmer::{self, Calmer, Place},
        message::Message,
    },
};

/// Whether the source warns of the protocol, or a coin is off its peg.
fn is_in_trouble(findings: &[Finding]) -> bool {
    let is_bad =
        |it: &Finding| it.state == State::Bad && matches!(it.check, Check::Flags | Check::Peg);
    findings.iter().any(is_bad)
}

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
    // More than are named, since some may be in trouble by what was heard once.
    let found = market.calmer(&listing.pool, &wish, 3 * MOST);
    let (facts, networks) = (app.market.facts(), app.market.networks());
    let around = Around {
        market: &market,
        facts: &facts,
        networks: &networks,
        now,
    };
    let places: Vec<_> = found
        .into_iter()
        .map(|place| Place {
            view: yield_::view(&market, place),
            findings: around.risks(place, &app.market.remembered_past_of(place, now)),
        })
        .filter(|place| !is_in_trouble(&place.findings))
        .take(MOST)
        .collect();
    let told = Calmer {
        than: yield_::view(&market, listing),
        places: &places,
    };
    Ok(calmer::calmer(&told, now))
}
