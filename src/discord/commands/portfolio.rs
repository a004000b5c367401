//! `/portfolio`: what a person's own positions earn. Every answer is for that person alone, and
//! every look-up carries their id.

use futures::future::join_all;
use rust_decimal::Decimal;

use crate::{
    app::App,
    discord::{context::Context, errors::CommandError},
    domain::{
        income::{Line, Portfolio, Quote},
        position::{Holding, Position},
    },
    market::{snapshot::Snapshot, view::View},
    render::portfolio::{NamedLine, Rates},
};

pub mod add;
pub mod remove;
pub mod view;

/// What your own positions earn; only you see it
#[poise::command(
    slash_command,
    subcommand_required,
    subcommands("add::add", "view::view", "remove::remove")
)]
#[expect(
    clippy::unused_async,
    reason = "a command is an async function, and this one only groups others"
)]
pub(super) async fn portfolio(_: Context<'_>) -> Result<(), CommandError> {
    Ok(())
}

/// Puts rates and prices to positions. Prices are asked for all at once, so that one slow source
/// costs two seconds and not two seconds a position.
pub(super) async fn valued(app: &App, market: &View, positions: Vec<Position>) -> Portfolio {
    let quotes = join_all(
        positions
            .iter()
            .map(|position| quote(app, market, position)),
    )
    .await;
    Portfolio::of(positions.into_iter().zip(quotes))
}

async fn quote(app: &App, market: &View, position: &Position) -> Quote {
    let Some(listing) = market.get(position.stake.pool) else {
        return Quote {
            rate: None,
            unit_price: None,
        };
    };
    let unit_price: Option<Decimal> = match &position.stake.holding {
        Holding::Units { asset, .. } => {
            let now = app.clock.now();
            app.market
                .unit_price(&app.store, &listing.pool, asset, now)
                .await
                .map(|quoted| quoted.usd)
        }
        Holding::Value { .. } => None,
    };
    Quote {
        rate: market.rate(listing),
        unit_price,
    }
}

fn named<'a>(market: &'a Snapshot, line: &'a Line) -> NamedLine<'a> {
    let listing = market.get(line.position.stake.pool);
    NamedLine {
        line,
        pool: listing.map(|listing| &*listing.pool),
        verdict: listing.map(|listing| listing.assessment.verdict),
        unchanged_since: listing.map(|listing| listing.unchanged_since),
    }
}

fn rates(market: &View) -> Rates<'_> {
    Rates {
        source: market.origin.source,
        fetched_at: market.answered_at,
        are_old: market.is_silent,
    }
}
