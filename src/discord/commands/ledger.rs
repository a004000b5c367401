//! `/ledger`: what income a person says they received, and what a tax office asks of it. Every answer is for
//! that person alone, and every look-up carries their id.

use crate::{
    app::App,
    discord::{
        context::Context,
        errors::{CommandError, Trouble},
    },
    domain::{
        currency::COINGECKO,
        ids::{PositionId, UserId},
        ledger::{Entry, UnitValue, Worth},
        person::Chosen,
        position::Position,
        time::Timestamp,
    },
    market::{prices::Asset, view::View},
    render::ledger::Exchanged,
    store::StoreError,
};

pub mod delete;
pub mod edit;
pub mod export;
pub mod import;
pub mod list;
pub mod log;
pub mod summary;
mod told;

/// Income that you received, for your tax records; only you see it
#[poise::command(
    slash_command,
    subcommand_required,
    install_context = "Guild|User",
    interaction_context = "Guild|BotDm|PrivateChannel",
    subcommands(
        "log::log",
        "list::list",
        "edit::edit",
        "delete::delete",
        "import::import",
        "summary::summary",
        "export::export"
    )
)]
#[expect(
    clippy::unused_async,
    reason = "a command is an async function, and this one only groups others"
)]
pub(super) async fn ledger(_: Context<'_>) -> Result<(), CommandError> {
    Ok(())
}

/// How many entries the person may have.
fn limit(app: &App) -> usize {
    usize::try_from(app.config.portfolio.ledger_per_user).unwrap_or(usize::MAX)
}

fn full(app: &App) -> Trouble {
    Trouble::TooManyEntries { limit: limit(app) }
}

/// The person's position of this number; `None` without a number, and for one that is gone or somebody else's.
async fn own_position(
    app: &App,
    owner: UserId,
    id: Option<PositionId>,
) -> Result<Option<Position>, StoreError> {
    let Some(id) = id else {
        return Ok(None);
    };
    let positions = app.store.positions(owner).await?;
    Ok(positions.into_iter().find(|position| position.id == id))
}

/// What the price of an entry's asset is asked of: a token of a pool that earned it is priced by its own
/// address, anything else by its symbol where that can mean one coin alone.
fn priced_by<'a>(market: &'a View, position: Option<&Position>, entry: &'a Entry) -> Asset<'a> {
    let pools = position.into_iter().flat_map(|it| it.stake.pools());
    let mut held = pools.filter_map(|pool| {
        let pool = &*market.followed(pool)?.pool;
        let is_meant = |asset: &&str| asset.eq_ignore_ascii_case(&entry.asset);
        Some(Asset::OfPool(pool, pool.assets().find(is_meant)?))
    });
    held.next().unwrap_or(Asset::Coin(&entry.asset))
}

/// The entries with what a unit was worth when they were received, where a source of prices says so; the others
/// as they are. Two seconds are waited for all of them together, and what comes later is known the next time.
async fn priced(app: &App, positions: &[Position], entries: Vec<Entry>) -> Vec<Entry> {
    let now = app.clock.now();
    let market = app.market.view(now);
    let position = |entry: &Entry| positions.iter().find(|it| Some(it.id) == entry.position);
    let wanted: Vec<(Asset<'_>, Timestamp)> = entries
        .iter()
        .map(|entry| (priced_by(&market, position(entry), entry), entry.at))
        .collect();
    let quoted = app.market.prices_at(&app.store, &wanted, now).await;
    entries
        .iter()
        .zip(quoted)
        .map(|(entry, quoted)| {
            let unit = quoted.and_then(|it| UnitValue::priced(it.usd, it.source, it.at));
            let priced = Entry {
                unit_value: unit.or_else(|| entry.unit_value.clone()),
                ..entry.clone()
            };
            // A price at which the entry would be worth more than anything is none.
            priced.checked().unwrap_or_else(|_| entry.clone())
        })
        .collect()
}

/// One entry, likewise.
async fn priced_alone(app: &App, position: Option<&Position>, entry: Entry) -> Entry {
    let positions = position.map_or(&[][..], std::slice::from_ref);
    let mut priced = priced(app, positions, vec![entry.clone()]).await;
    priced.pop().unwrap_or(entry)
}

/// What an entry is worth in its owner's own currency, where it is told in another one and the exchange of its
/// day is known.
async fn exchanged(app: &App, chosen: &Chosen, entry: &Entry) -> Option<Exchanged> {
    let worth = entry.worth()?;
    if worth.currency == chosen.currency {
        return None;
    }
    let day = entry.at.day();
    let exchange = app.market.exchange_on(&app.store, day, app.clock.now());
    let exchange = exchange.await?;
    let usd = exchange.to_usd(worth.amount, worth.currency)?;
    Some(Exchanged {
        worth: Worth {
            amount: exchange.from_usd(usd, chosen.currency)?,
            currency: chosen.currency,
        },
        by: COINGECKO,
    })
}
