//! `/portfolio`: what a person's own positions earn. Every answer is for that person alone, and
//! every look-up carries their id.

use crate::{
    app::App,
    discord::{
        context::Context,
        errors::{CommandError, Trouble},
    },
    domain::{
        currency::Reckoning,
        exposure::Held,
        income::{Line, Portfolio},
        person::Chosen,
        position::Position,
        time::Timestamp,
    },
    market::view::View,
    render::{
        message::Message,
        portfolio::{NamedLine, Rates},
    },
};

pub mod add;
pub mod calendar;
pub mod edit;
pub mod export;
pub mod import;
pub mod income;
mod logged;
pub mod performance;
pub mod remove;
pub mod review;
pub mod risk;
pub mod settings;
pub mod table;
mod told;
pub mod view;

pub(super) use told::fits;

/// What your own positions earn; only you see it
#[poise::command(
    slash_command,
    subcommand_required,
    install_context = "Guild|User",
    interaction_context = "Guild|BotDm|PrivateChannel",
    subcommands(
        "view::view",
        "add::add",
        "edit::edit",
        "remove::remove",
        "income::income",
        "performance::performance",
        "calendar::calendar",
        "risk::risk",
        "review::review",
        "import::import",
        "export::export",
        "settings::settings"
    )
)]
#[expect(
    clippy::unused_async,
    reason = "a command is an async function, and this one only groups others"
)]
pub(super) async fn portfolio(_: Context<'_>) -> Result<(), CommandError> {
    Ok(())
}

/// What the person's figures are shown in; dollars where the exchange is not known.
pub(super) fn reckoning(app: &App, chosen: &Chosen) -> Reckoning {
    let exchange = app.market.exchange(app.clock.now()).ok();
    Reckoning::new(chosen.currency, exchange.as_deref())
}

fn named<'a>(market: &'a View, line: &'a Line) -> NamedLine<'a> {
    let pools = line.position.stake.layers.iter();
    NamedLine {
        line,
        layers: pools
            .map(|layer| layer.pool().and_then(|id| market.followed(id)))
            .collect(),
    }
}

pub(super) fn rates(market: &View) -> Rates<'_> {
    Rates {
        source: market.origin.source,
        fetched_at: market.answered_at,
        are_old: market.is_silent,
    }
}

/// Each position with the pools of its layers.
fn held<'a>(view: &'a View, portfolio: &'a Portfolio) -> Vec<Held<'a>> {
    let held = portfolio.lines.iter().map(|line| {
        let pools = line.position.stake.pools();
        let listings = pools.filter_map(|id| view.followed(id));
        Held {
            line,
            pools: listings.map(|listing| &*listing.pool).collect(),
        }
    });
    held.collect()
}

/// One position with its figures, in the words of `render`.
async fn alone(
    app: &App,
    position: Position,
    words: impl FnOnce(&NamedLine<'_>, &Rates<'_>, &Reckoning, Timestamp) -> Message,
) -> Result<Message, CommandError> {
    let now = app.clock.now();
    let chosen = app.store.chosen(position.owner).await?;
    let market = app.market.view(now);
    let valued = app.market.valued(&app.store, &market, vec![position], now);
    let portfolio = valued.await;
    let line = portfolio.lines.first();
    let line = line.ok_or_else(|| anyhow::anyhow!("a portfolio of one position has no line"))?;
    let named = named(&market, line);
    Ok(words(
        &named,
        &rates(&market),
        &reckoning(app, &chosen),
        now,
    ))
}

/// How many positions the person may have.
fn limit(app: &App) -> usize {
    usize::try_from(app.config.portfolio.per_user).unwrap_or(usize::MAX)
}

fn full(app: &App) -> Trouble {
    Trouble::TooManyPositions { limit: limit(app) }
}
