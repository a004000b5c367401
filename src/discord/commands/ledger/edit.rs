//! `/ledger edit`: changes one entry of the caller's.

use super::told::{self, Known, Part, Told};
use crate::{
    app::App,
    discord::{
        autocomplete,
        context::{Context, parts},
        errors::{CommandError, Trouble},
        params::{Choice, Name, OneOf, Written},
    },
    domain::{
        ids::{LedgerEntryId, PositionId, UserId},
        ledger::{Entry, Kind, Logged},
        money::{Amount, Sum},
    },
    render::{self, message::Message},
};

impl Choice for Part {
    fn offered() -> Vec<(&'static str, &'static str, Self)> {
        vec![
            ("value", "value", Self::Value),
            ("fee", "fee", Self::Fee),
            ("when it was withdrawn", "withdrawn", Self::Withdrawal),
            ("position", "position", Self::Position),
            ("note", "note", Self::Note),
        ]
    }
}

/// Change something that you logged; what you leave out stays
#[poise::command(slash_command)]
#[expect(
    clippy::too_many_arguments,
    reason = "each is an option that Discord shows"
)]
pub(super) async fn edit(
    ctx: Context<'_>,
    #[description = "Which entry"]
    #[autocomplete = "autocomplete::entry"]
    entry: Written<LedgerEntryId>,
    #[description = "What one unit was worth, such as $2,700 or 2500 EUR"] unit_value: Option<
        Written<Sum>,
    >,
    #[description = "Ask a source of prices again what it was worth then"] price_again: Option<
        bool,
    >,
    #[description = "What kind of income"] kind: Option<OneOf<Kind>>,
    #[description = "Which token came in"]
    #[autocomplete = "autocomplete::asset"]
    asset: Option<Name>,
    #[description = "How many units, such as 0.0042 or 1.5k"] quantity: Option<Written<Amount>>,
    #[description = "When it came in: 2026-03-01, or 2026-03-01 14:30 in your time zone"]
    #[max_length = 40]
    when: Option<String>,
    #[description = "Which of your positions earned it"]
    #[autocomplete = "autocomplete::position"]
    position: Option<Written<PositionId>>,
    #[description = "What getting it has cost, such as $1.20"] fee: Option<Written<Sum>>,
    #[description = "When you took it out of where it was earned: now, or a date"]
    #[max_length = 40]
    withdrawn: Option<String>,
    #[description = "A note to yourself"]
    #[max_length = 200]
    note: Option<String>,
    #[description = "Something to take away"] clear: Option<OneOf<Part>>,
) -> Result<(), CommandError> {
    let (app, caller) = parts(ctx)?;
    let asked = Asked {
        entry: entry.0,
        told: Told {
            kind: kind.map(|kind| kind.0),
            asset,
            quantity: quantity.map(|quantity| quantity.0),
            unit_value: unit_value.map(|value| value.0),
            when,
            withdrawn,
            position: position.map(|position| position.0),
            fee: fee.map(|fee| fee.0),
            note,
        },
        clear: clear.map(|part| part.0),
        price_again: price_again.unwrap_or(false),
    };
    let answer = answer(&ctx.data().app, caller.user, &asked);
    super::super::answer_alone(app, answer).await
}

/// What is to be otherwise.
struct Asked {
    entry: LedgerEntryId,
    told: Told,
    clear: Option<Part>,
    price_again: bool,
}

async fn answer(app: &App, owner: UserId, asked: &Asked) -> Result<Message, CommandError> {
    let chosen = app.store.chosen(owner).await?;
    let known = Known {
        market: &app.market.snapshot(),
        chosen: &chosen,
        now: app.clock.now(),
    };
    let found = app.store.entry(owner, asked.entry).await?;
    let before: Logged = found.ok_or(Trouble::EntryUnknown)?;
    let bare = match asked.clear {
        Some(part) => told::without(before.entry.clone(), part),
        None => before.entry.clone(),
    };
    let mut after = told::changed(&bare, &asked.told, &known)?;
    let position = super::own_position(app, owner, after.position).await?;
    // One that is gone by now stays where it was told before.
    if position.is_none() && asked.told.position.is_some() {
        return Err(Trouble::PositionUnknown.into());
    }
    if is_to_be_priced(&before.entry, &after, asked) {
        after = super::priced_alone(app, position.as_ref(), after).await;
    }
    if after == before.entry {
        return Err(if asked.price_again {
            Trouble::NoOtherPrice(after.asset)
        } else {
            Trouble::EntryUnchanged
        }
        .into());
    }
    // Somebody's other edit, made while a price was asked for, is not undone by this one.
    let change = |now: Entry| {
        if now == before.entry {
            Ok(after)
        } else {
            Err(Trouble::EntryMoved)
        }
    };
    let changed = app.store.change_entry(owner, asked.entry, change).await?;
    let logged = changed.ok_or(Trouble::EntryUnknown)??;
    let exchanged = super::exchanged(app, &chosen, &logged.entry).await;
    Ok(render::ledger::changed(&logged, exchanged))
}

/// Whether it is asked for, or the price that there was belongs to what the entry is no more.
fn is_to_be_priced(before: &Entry, after: &Entry, asked: &Asked) -> bool {
    let lost_its_price = before.unit_value.is_some() && after.unit_value.is_none();
    asked.told.unit_value.is_none()
        && (asked.price_again || lost_its_price && asked.clear != Some(Part::Value))
}
