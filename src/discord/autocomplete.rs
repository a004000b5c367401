//! What is offered while a person types, from memory and from what the person keeps. Discord takes 25 choices of 100 characters.

use std::future::{Ready, ready};

use poise::serenity_prelude as serenity;
use serenity::{AutocompleteChoice, CreateAutocompleteResponse};
use tracing::warn;

use super::{
    commands::{self, alerts::edit::KEPT},
    context::{Caller, Context, parts},
    lookup,
};
use crate::{
    domain::listing::Listing,
    domain::{
        currency::Currency,
        ids::{LedgerEntryId, UserId},
        ledger::{Logged, export},
        position::{Earns, Holding, Position},
        zone::Zone,
    },
    market::{snapshot::Snapshot, view::View},
    render::{alerts, ledger, numbers, plan, text, watch as watch_words},
    store::{Store, StoreError},
};

/// Discord takes no more.
const MOST: usize = 25;
const LONGEST_NAME: usize = 100;

/// Pools whose symbol, protocol, chain, method or details hold what was typed.
pub fn pool(ctx: Context<'_>, typed: &str) -> Ready<CreateAutocompleteResponse> {
    let market = ctx.data().app.market.snapshot();
    ready(offer(pools_for(&market, typed)))
}

/// Pools, and what was typed itself where it reads as a rate.
pub fn layer(ctx: Context<'_>, typed: &str) -> Ready<CreateAutocompleteResponse> {
    let market = ctx.data().app.market.snapshot();
    let rate = lookup::plain_rate(typed).map(|rate| {
        (
            format!("{} a year, as a plain rate", numbers::percent(rate)),
            typed.trim().to_owned(),
        )
    });
    let pools = pools_for(&market, typed);
    ready(offer(rate.into_iter().chain(pools).collect()))
}

/// Token symbols; the tokens of the pool, where one is picked already.
pub fn asset(ctx: Context<'_>, typed: &str) -> Ready<CreateAutocompleteResponse> {
    let market = ctx.data().app.market.snapshot();
    let picked = option(ctx, "pool").and_then(|picked| picked.parse().ok());
    ready(match picked.and_then(|id| market.get(id)) {
        Some(listing) => offer(tokens_of(listing, typed)),
        None => offer_names(market.assets_like(typed, MOST)),
    })
}

/// What can be staked: the networks that are known, then receipts of others.
pub fn staked_asset(ctx: Context<'_>, typed: &str) -> Ready<CreateAutocompleteResponse> {
    let market = ctx.data().app.market.snapshot();
    ready(offer_names(market.staked_assets(typed, MOST)))
}

/// Protocol slugs.
pub fn protocol(ctx: Context<'_>, typed: &str) -> Ready<CreateAutocompleteResponse> {
    let market = ctx.data().app.market.snapshot();
    ready(offer_names(market.protocols_like(typed, MOST)))
}

/// Chain names.
pub fn chain(ctx: Context<'_>, typed: &str) -> Ready<CreateAutocompleteResponse> {
    let market = ctx.data().app.market.snapshot();
    ready(offer_names(market.chains_like(typed, MOST)))
}

/// The alerts of the server.
pub async fn alert(ctx: Context<'_>, typed: &str) -> CreateAutocompleteResponse {
    let Some(guild) = caller(ctx).and_then(|caller| caller.guild) else {
        return CreateAutocompleteResponse::new();
    };
    let found = match ctx.data().app.store.alerts_of(guild).await {
        Ok(alerts) => alerts,
        Err(error) => {
            warn!(%error, "alerts cannot be offered");
            return CreateAutocompleteResponse::new();
        }
    };
    let offered = found.iter().map(|alert| {
        let words = alerts::rule_words(&alert.rule).replace('\\', "");
        (format!("#{} {words}", alert.id), alert.id.to_string())
    });
    offer(matching(offered, typed))
}

/// Alerts of the server that were removed and can be brought back.
pub async fn removed_alert(ctx: Context<'_>, typed: &str) -> CreateAutocompleteResponse {
    let Some(guild) = caller(ctx).and_then(|caller| caller.guild) else {
        return CreateAutocompleteResponse::new();
    };
    let app = &ctx.data().app;
    let since = app.clock.now().minus(KEPT.0);
    let found = match app.store.removed_alerts(guild, since).await {
        Ok(alerts) => alerts,
        Err(error) => {
            warn!(%error, "removed alerts cannot be offered");
            return CreateAutocompleteResponse::new();
        }
    };
    let offered = found.iter().map(|alert| {
        let words = alerts::rule_words(&alert.rule).replace('\\', "");
        (format!("#{} {words}", alert.id), alert.id.to_string())
    });
    offer(matching(offered, typed))
}

/// Time zones by their names.
pub fn zone(_: Context<'_>, typed: &str) -> Ready<CreateAutocompleteResponse> {
    let names = Zone::matching(typed, MOST).into_iter();
    ready(offer(
        names
            .map(|name| (name.to_owned(), name.to_owned()))
            .collect(),
    ))
}

/// Currencies by their codes and names.
pub fn currency(_: Context<'_>, typed: &str) -> Ready<CreateAutocompleteResponse> {
    let found = Currency::matching(typed, MOST);
    ready(offer(found.into_iter().map(named).collect()))
}

/// What somebody may reckon in: a currency, or shares of the whole.
pub fn unit(_: Context<'_>, typed: &str) -> Ready<CreateAutocompleteResponse> {
    let share = Currency::Share;
    let is_meant = format!("{} {}", share.code(), share.name()).contains(&typed.to_lowercase());
    let found = is_meant.then_some(share).into_iter();
    let found = found.chain(Currency::matching(typed, MOST - 1));
    ready(offer(found.map(named).collect()))
}

fn named(unit: Currency) -> (String, String) {
    let label = format!("{} – {}", unit.code(), unit.name());
    (label, unit.code().to_owned())
}

/// The caller's own goals.
pub async fn goal(ctx: Context<'_>, typed: &str) -> CreateAutocompleteResponse {
    let Some(caller) = caller(ctx) else {
        return CreateAutocompleteResponse::new();
    };
    let goals = match ctx.data().app.store.goals(caller.user).await {
        Ok(goals) => goals,
        Err(error) => {
            warn!(%error, "goals cannot be offered");
            return CreateAutocompleteResponse::new();
        }
    };
    let offered = goals.iter().map(|kept| {
        let words = plan::goals::words(&kept.goal);
        (format!("{}: {words}", kept.id), kept.id.to_string())
    });
    offer(matching(offered, typed))
}

/// The caller's own watches.
pub async fn watch(ctx: Context<'_>, typed: &str) -> CreateAutocompleteResponse {
    let Some(caller) = caller(ctx) else {
        return CreateAutocompleteResponse::new();
    };
    let app = &ctx.data().app;
    let watches = match app.store.watches(caller.user).await {
        Ok(watches) => watches,
        Err(error) => {
            warn!(%error, "watches cannot be offered");
            return CreateAutocompleteResponse::new();
        }
    };
    let market = app.market.view(app.clock.now());
    let offered = watches.iter().map(|kept| {
        let pool = commands::watch::named(&market, &kept.watch.what);
        let words = watch_words::choice(kept, pool);
        (words, kept.id.to_string())
    });
    offer(matching(offered, typed))
}

/// The caller's own positions.
pub async fn position(ctx: Context<'_>, typed: &str) -> CreateAutocompleteResponse {
    let Some(caller) = caller(ctx) else {
        return CreateAutocompleteResponse::new();
    };
    let app = &ctx.data().app;
    let held = match app.store.positions(caller.user).await {
        Ok(held) => held,
        Err(error) => {
            warn!(%error, "positions cannot be offered");
            return CreateAutocompleteResponse::new();
        }
    };
    let market = app.market.view(app.clock.now());
    let offered = held
        .iter()
        .map(|position| (position_name(&market, position), position.id.to_string()));
    offer(matching(offered, typed))
}

/// The caller's own ledger: see [`entries_for`].
pub async fn entry(ctx: Context<'_>, typed: &str) -> CreateAutocompleteResponse {
    let Some(caller) = caller(ctx) else {
        return CreateAutocompleteResponse::new();
    };
    match entries_for(&ctx.data().app.store, caller.user, typed).await {
        Ok(entries) => offer(entries),
        Err(error) => {
            warn!(%error, "entries cannot be offered");
            CreateAutocompleteResponse::new()
        }
    }
}

/// Entries among which a letter that is typed looks first. Discord asks with each letter, and to open a
/// ledger of 10,000 entries takes tens of milliseconds of a core, mostly for such as nobody means: what is to
/// be edited is nearly always among the last that were told.
const LOOKED_THROUGH: u32 = 500;
/// So many letters say enough to look for them in a whole ledger.
const WORTH_A_SEARCH: usize = 3;

/// Entries of a ledger that hold every word that was typed: the one of that number first, then of those that
/// were told last, and only where these have none of all; what was received last first.
pub async fn entries_for(
    store: &Store,
    owner: UserId,
    typed: &str,
) -> Result<Vec<(String, String)>, StoreError> {
    let numbered = match typed.parse::<LedgerEntryId>() {
        Ok(id) => store.entry(owner, id).await?,
        Err(_) => None,
    };
    let zone = store.chosen(owner).await?.zone;
    let last = store.entries_told_last(owner, LOOKED_THROUGH).await?;
    let mut found = entries_like(&last, typed, zone);
    if let Some(numbered) = numbered.as_ref().map(|logged| entry_choice(logged, zone)) {
        found.retain(|other| *other != numbered);
        found.insert(0, numbered);
    }
    if found.is_empty() && typed.trim().chars().count() >= WORTH_A_SEARCH {
        found = entries_like(&store.entries(owner).await?, typed, zone);
    }
    Ok(found)
}

/// What was received last first.
fn entries_like(entries: &[Logged], typed: &str, zone: Zone) -> Vec<(String, String)> {
    let newest_first = export::of_year(entries, None, zone).into_iter().rev();
    matching(newest_first.map(|logged| entry_choice(logged, zone)), typed)
}

fn entry_choice(logged: &Logged, zone: Zone) -> (String, String) {
    (ledger::plain_line(logged, zone), logged.id.to_string())
}

fn caller(ctx: Context<'_>) -> Option<Caller> {
    parts(ctx).ok().map(|(_, caller)| caller)
}

/// What another option of the command holds so far.
fn option<'a>(ctx: Context<'a>, name: &str) -> Option<&'a str> {
    let poise::Context::Application(ctx) = ctx else {
        return None;
    };
    ctx.args
        .iter()
        .find(|option| option.name == name)
        .and_then(|option| match option.value {
            serenity::ResolvedValue::String(text) => Some(text),
            _ => None,
        })
}

fn pools_for(market: &Snapshot, typed: &str) -> Vec<(String, String)> {
    market
        .pools_like(typed, MOST)
        .into_iter()
        .map(|listing| (pool_name(listing), listing.pool.id.to_string()))
        .collect()
}

/// A pool on one line: `USDC · aave-v3 · Ethereum · 4.10 % · $1.2B`. The figures stand behind what
/// names it, and namesakes are told apart by their details.
pub fn pool_name(listing: &Listing) -> String {
    let pool = &listing.pool;
    let mut parts = vec![
        text::plain_name(&pool.symbol),
        text::plain_name(&pool.protocol),
        text::plain_name(&pool.chain),
    ];
    if let Some(meta) = pool.meta.as_deref() {
        parts.push(text::clean(meta, 20));
    }
    parts.retain(|part| !part.is_empty());
    parts.push(numbers::percent(listing.reading.apy));
    parts.push(numbers::dollars(listing.reading.tvl_usd));
    parts.join(" · ")
}

fn tokens_of(listing: &Listing, typed: &str) -> Vec<(String, String)> {
    let offered = listing
        .pool
        .assets()
        .map(|asset| (text::clean(asset, text::NAME), asset.to_owned()));
    matching(offered, typed)
}

fn position_name(market: &View, position: &Position) -> String {
    let stake = &position.stake;
    let held = match &stake.holding {
        Holding::Units { asset, quantity } => {
            let asset = text::plain_name(asset);
            format!("{} {asset}", numbers::units(quantity.get()))
        }
        Holding::Worth(money) => numbers::sum(money.amount.get(), money.currency),
    };
    let places: Vec<String> = stake
        .layers
        .iter()
        .map(|it| place_name(market, it))
        .collect();
    format!("{}: {held} in {}", position.id, places.join(" + "))
}

fn place_name(market: &View, earns: &Earns) -> String {
    match earns {
        Earns::Pool { id, called } => market.followed(*id).map_or_else(
            || text::clean(called, text::SENTENCE),
            |listing| {
                let pool = &listing.pool;
                [&*pool.symbol, &*pool.protocol, &*pool.chain]
                    .map(text::plain_name)
                    .join(" · ")
            },
        ),
        Earns::Network { network, .. } => network.name().to_owned(),
        Earns::Index { index } => index.label().to_owned(),
        Earns::Stated { rate, place } if place.is_empty() => numbers::percent(*rate),
        Earns::Stated { place, .. } => text::clean(place, text::NAME),
    }
}

/// Those of few whose name holds every word that was typed.
fn matching(offered: impl Iterator<Item = (String, String)>, typed: &str) -> Vec<(String, String)> {
    let words: Vec<String> = typed.split_whitespace().map(str::to_lowercase).collect();
    offered
        .filter(|(name, _)| {
            let name = name.to_lowercase();
            words.iter().all(|word| name.contains(word))
        })
        .take(MOST)
        .collect()
}

fn offer_names(names: Vec<String>) -> CreateAutocompleteResponse {
    offer(
        names
            .into_iter()
            .map(|name| (text::clean(&name, 60), name))
            .collect(),
    )
}

/// Leaves out what Discord would refuse: one bad choice would cost the person all of them.
fn offer(choices: Vec<(String, String)>) -> CreateAutocompleteResponse {
    CreateAutocompleteResponse::new().set_choices(
        choices
            .into_iter()
            .filter(|(name, value)| {
                !name.trim().is_empty() && (1..=LONGEST_NAME).contains(&value.chars().count())
            })
            .take(MOST)
            .map(|(name, value)| AutocompleteChoice::new(shortened(&name), value))
            .collect(),
    )
}

fn shortened(name: &str) -> String {
    if name.chars().count() <= LONGEST_NAME {
        return name.to_owned();
    }
    let kept: String = name.chars().take(LONGEST_NAME - 1).collect();
    format!("{}…", kept.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choices(response: &CreateAutocompleteResponse) -> Vec<serde_json::Value> {
        let json = serde_json::to_value(response).unwrap();
        json["choices"].as_array().unwrap().clone()
    }

    /// F-X05: at most 25 choices of 1 to 100 characters.
    #[test]
    fn what_is_offered_fits_discord() {
        let many = (0..60)
            .map(|at| ("ü".repeat(at * 3 + 1), at.to_string()))
            .chain([(" ".to_owned(), "blank".to_owned())])
            .collect();
        let offered = choices(&offer(many));
        assert_eq!(offered.len(), MOST);
        for choice in offered {
            let name = choice["name"].as_str().unwrap().chars().count();
            assert!((1..=LONGEST_NAME).contains(&name));
        }
        let useless = vec![
            (String::new(), "x".to_owned()),
            ("x".to_owned(), String::new()),
            ("x".to_owned(), "y".repeat(101)),
        ];
        assert!(choices(&offer(useless)).is_empty());
    }

    #[test]
    fn few_are_narrowed_by_every_word() {
        let few = || {
            [("#1 APY USDC", "1"), ("#12 TVL USDC", "12")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into_iter()
        };
        assert_eq!(matching(few(), "").len(), 2);
        assert_eq!(matching(few(), "usdc tvl").len(), 1);
        assert_eq!(matching(few(), "weth").len(), 0);
    }
}
