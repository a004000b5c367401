//! `/ledger log`: keeps income that was received, after its owner has agreed once.

use super::told::{self, Known, Told};
use crate::{
    app::App,
    discord::{
        autocomplete,
        commands::consent::{self, Wish},
        context::{Bot, Context, parts},
        errors::{CommandError, Trouble},
        params::{Name, OneOf, Written},
    },
    domain::{
        ids::{PositionId, UserId},
        ledger::{Entry, Kind, Logged},
        money::{Amount, Sum},
    },
    render::{self, message::Message},
};

/// Keep income that you received, with what it was worth then
#[poise::command(slash_command)]
#[expect(
    clippy::too_many_arguments,
    reason = "each is an option that Discord shows"
)]
pub(super) async fn log(
    ctx: Context<'_>,
    #[description = "What kind of income"] kind: OneOf<Kind>,
    #[description = "Which token came in"]
    #[autocomplete = "autocomplete::asset"]
    asset: Name,
    #[description = "How many units, such as 0.0042 or 1.5k"] quantity: Written<Amount>,
    #[description = "What one unit was worth, such as $2,700 or 2500 EUR; else a source of prices is asked"]
    unit_value: Option<Written<Sum>>,
    #[description = "When it came in: now, 2026-03-01, or 2026-03-01 14:30 in your time zone; now when left out"]
    #[max_length = 40]
    when: Option<String>,
    #[description = "Which of your positions earned it"]
    #[autocomplete = "autocomplete::position"]
    position: Option<Written<PositionId>>,
    #[description = "What getting it has cost, such as $1.20; it is not taken off the value"]
    fee: Option<Written<Sum>>,
    #[description = "When you took it out of where it was earned: now, or a date"]
    #[max_length = 40]
    withdrawn: Option<String>,
    #[description = "A note to yourself"]
    #[max_length = 200]
    note: Option<String>,
) -> Result<(), CommandError> {
    let (app, caller) = parts(ctx)?;
    let told = Told {
        asset: Some(asset),
        unit_value: unit_value.map(|value| value.0),
        when,
        withdrawn,
        position: position.map(|position| position.0),
        fee: fee.map(|fee| fee.0),
        note,
        ..Told::default()
    };
    let answer = answer(ctx.data(), caller.user, kind.0, quantity.0, told);
    super::super::answer_alone(app, answer).await
}

async fn answer(
    bot: &Bot,
    owner: UserId,
    kind: Kind,
    quantity: Amount,
    told: Told,
) -> Result<Message, CommandError> {
    let app = &bot.app;
    let now = app.clock.now();
    let chosen = app.store.chosen(owner).await?;
    let known = Known {
        market: &app.market.snapshot(),
        chosen: &chosen,
        now,
    };
    let nothing_told = Entry::new(now, kind, "", quantity);
    let mut entry = told::changed(&nothing_told, &told, &known)?.worth_itself();
    let position = super::own_position(app, owner, entry.position).await?;
    if position.is_none() && entry.position.is_some() {
        return Err(Trouble::PositionUnknown.into());
    }
    if entry.unit_value.is_none() {
        entry = super::priced_alone(app, position.as_ref(), entry).await;
    }
    consent::keep_or_ask(bot, owner, Wish::Entry(Box::new(entry))).await
}

/// Keeps it, and tells what it was worth.
pub async fn kept(app: &App, owner: UserId, entry: Entry) -> Result<Message, CommandError> {
    let now = app.clock.now();
    let added = app
        .store
        .add_entries(owner, std::slice::from_ref(&entry), super::limit(app), now)
        .await?;
    let ids = added.map_err(|_| super::full(app))?;
    let id = ids.first().copied();
    let id = id.ok_or_else(|| anyhow::anyhow!("an entry was kept without a number"))?;
    let chosen = app.store.chosen(owner).await?;
    let exchanged = super::exchanged(app, &chosen, &entry).await;
    let logged = Logged {
        id,
        entry,
        added_at: now,
    };
    let pays_too = paying_too(app, owner, &logged.entry).await?;
    Ok(render::ledger::logged(&logged, exchanged, pays_too))
}

/// The oldest of the owner's positions that pays what came in, where the entry names none.
async fn paying_too(
    app: &App,
    owner: UserId,
    entry: &Entry,
) -> Result<Option<PositionId>, CommandError> {
    if entry.position.is_some() || entry.kind == Kind::Airdrop {
        return Ok(None);
    }
    let positions = app.store.positions(owner).await?;
    let mut paying = positions.iter().filter(|position| {
        let pays = position.stake.base().is_some();
        let asset = position.stake.asset();
        pays && asset.is_some_and(|asset| asset.eq_ignore_ascii_case(&entry.asset))
    });
    Ok(paying.next().map(|position| position.id))
}
