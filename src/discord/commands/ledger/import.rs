//! `/ledger import`: entries of a file, shown before any of them is kept.

use std::collections::HashSet;

use poise::serenity_prelude as serenity;

use crate::{
    app::App,
    discord::{
        attached,
        buttons::Button,
        commands::consent::{self, Wish},
        context::{Bot, Context, parts},
        errors::{CommandError, Trouble},
    },
    domain::{
        ids::{PositionId, UserId},
        ledger::{self, Entry, Logged},
        time::{Span, Timestamp},
    },
    render::{self, ledger::Payouts, message::Message},
};

/// Ten thousand entries with long notes have some 4 MiB.
const LONGEST_KIB: u32 = 4096;

/// Take entries over from a file; you see what is in it before anything is kept
#[poise::command(slash_command)]
pub(super) async fn import(
    ctx: Context<'_>,
    #[description = "A table as /ledger export writes it: comma-separated, with a line of column names"]
    file: serenity::Attachment,
) -> Result<(), CommandError> {
    let (app, caller) = parts(ctx)?;
    let answer = answer(ctx.data(), caller.user, file);
    super::super::answer_alone(app, answer).await
}

async fn answer(
    bot: &Bot,
    owner: UserId,
    file: serenity::Attachment,
) -> Result<Message, CommandError> {
    let bytes = attached::bytes(&file, LONGEST_KIB, &bot.app.config.discord.api_url).await?;
    previewed(bot, owner, &bytes).await
}

async fn previewed(bot: &Bot, owner: UserId, bytes: &[u8]) -> Result<Message, CommandError> {
    let app = &bot.app;
    let zone = app.store.chosen(owner).await?.zone;
    let held = app.store.entries(owner).await?;
    let mut import = ledger::import::read(bytes, zone, app.clock.now(), &held)
        .map_err(|error| Trouble::LedgerUnreadable(error.to_string()))?;
    if held.len() + import.entries.len() > super::limit(app) {
        return Err(too_many(app, held.len(), import.entries.len()).into());
    }
    // A number that is no position of theirs says nothing here, such as one of another bot's file.
    let own: HashSet<PositionId> = app
        .store
        .positions(owner)
        .await?
        .iter()
        .map(|it| it.id)
        .collect();
    for entry in &mut import.entries {
        entry.position = entry.position.filter(|id| own.contains(id));
    }
    price(app, owner, &mut import.entries).await?;
    let buttons = (!import.entries.is_empty()).then(|| {
        let keep = consent::held(bot, owner, Wish::Entries(import.entries.clone()));
        [keep, Button::Cancel { owner }.encode()]
    });
    Ok(render::ledger::preview(&import, buttons))
}

/// Asks what those without a value were worth.
async fn price(app: &App, owner: UserId, entries: &mut [Entry]) -> Result<(), CommandError> {
    for entry in &mut *entries {
        *entry = entry.clone().worth_itself();
    }
    let is_open = |entry: &Entry| entry.unit_value.is_none();
    let open: Vec<Entry> = entries.iter().filter(|it| is_open(it)).cloned().collect();
    if open.is_empty() {
        return Ok(());
    }
    let positions = app.store.positions(owner).await?;
    let priced = super::priced(app, &positions, open).await;
    let open = entries.iter_mut().filter(|entry| is_open(entry));
    for (entry, priced) in open.zip(priced) {
        *entry = priced;
    }
    Ok(())
}

/// Keeps pay-outs that were expected, at what they were worth on their days.
pub async fn payouts(
    app: &App,
    owner: UserId,
    mut entries: Vec<Entry>,
) -> Result<Message, CommandError> {
    price(app, owner, &mut entries).await?;
    let expected = entries.len();
    let logged = app.store.entries(owner).await?;
    // Without a price it would be missing from every sum, and no longer expected either. What was logged
    // meanwhile is not logged twice.
    entries.retain(|entry| {
        let is_there = |known: &Logged| {
            known.entry.position == entry.position && is_near(known.entry.at, entry.at)
        };
        entry.unit_value.is_some() && !logged.iter().any(is_there)
    });
    let now = app.clock.now();
    let limit = super::limit(app);
    let added = app.store.add_entries(owner, &entries, limit, now).await?;
    let added = added.map_err(|_| super::full(app))?.len();
    Ok(render::ledger::payouts(&Payouts {
        logged: added,
        in_money: entries.iter().filter(|entry| entry.is_in_money()).count(),
        left: expected - added,
    }))
}

/// Whether two moments lie within half a day of each other, so that they are one pay-out.
fn is_near(one: Timestamp, other: Timestamp) -> bool {
    const HALF_A_DAY: Span = Span::hours(12);
    one.since(other) < HALF_A_DAY.0 && other.since(one) < HALF_A_DAY.0
}

/// Keeps all of them, or none where there is no room.
pub async fn kept(app: &App, owner: UserId, entries: &[Entry]) -> Result<Message, CommandError> {
    let now = app.clock.now();
    let added = app
        .store
        .add_entries(owner, entries, super::limit(app), now)
        .await?;
    let Ok(added) = added else {
        let held = app.store.entries(owner).await?;
        return Err(too_many(app, held.len(), entries.len()).into());
    };
    Ok(render::ledger::imported(added.len()))
}

fn too_many(app: &App, kept: usize, added: usize) -> Trouble {
    let limit = super::limit(app);
    Trouble::EntriesDoNotFit { kept, added, limit }
}
