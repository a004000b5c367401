//! `/ledger`: what income a person says they received, and what a tax office asks of it. Every answer is for
//! that person alone, and every look-up carries their id.

use crate::{
    app::App,
    discord::{
        context::Context,
        errors::{CommandError, Trouble},
    },
    domain::{
        ids::{PositionId, UserId},
        ledger::{Entry, UnitValue},
        position::Position,
        time::Span,
    },
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

/// The position of this person that an entry is said to come from. Somebody else's is not there.
async fn own_position(
    app: &App,
    owner: UserId,
    id: Option<PositionId>,
) -> Result<Option<Position>, CommandError> {
    let Some(id) = id else {
        return Ok(None);
    };
    let positions = app.store.positions(owner).await?;
    let found = positions.into_iter().find(|position| position.id == id);
    Ok(Some(found.ok_or(Trouble::PositionUnknown)?))
}

/// What a unit of the entry's asset was worth when it was received, by a source of prices; `None` where none
/// has a price of that moment. A token of a pool that earned it is priced by its own address, anything else by
/// its symbol where that can mean one coin alone.
async fn unit_value(app: &App, position: Option<&Position>, entry: &Entry) -> Option<UnitValue> {
    let now = app.clock.now();
    let market = app.market.view(now);
    let pools = position.into_iter().flat_map(|it| it.stake.pools());
    let mut held = pools.filter_map(|pool| {
        let pool = &*market.followed(pool)?.pool;
        let is_meant = |asset: &&str| asset.eq_ignore_ascii_case(&entry.asset);
        Some((pool, pool.assets().find(is_meant)?))
    });
    let (pool, asset) = held.next()?;
    if now.since(entry.at) > Span::hours(1).0 {
        return None;
    }
    let quoted = app.market.unit_price(&app.store, pool, asset, now).await?;
    UnitValue::priced(quoted.usd, quoted.source, quoted.at)
}

/// The entry with what a source of prices says that it was worth, where one says so.
async fn priced(app: &App, position: Option<&Position>, entry: Entry) -> Result<Entry, Trouble> {
    let unit_value = unit_value(app, position, &entry).await;
    let priced = Entry {
        unit_value,
        ..entry
    };
    priced.checked().map_err(Trouble::Entry)
}
