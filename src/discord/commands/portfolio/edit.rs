//! `/portfolio edit`: changes one position of the caller's.

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
        ids::{PositionId, UserId},
        method::Method,
        money::{Held, Sum},
        plan::basket::Index,
        position::{Payout, Stake},
        rate::Percent,
        time::Date,
    },
    render::{self, message::Message},
};

impl Choice for Part {
    fn offered() -> Vec<(&'static str, &'static str, Self)> {
        vec![
            ("what it earns on top", "layers", Self::Layers),
            ("method", "method", Self::Method),
            ("cost", "cost", Self::Cost),
            ("fees", "fees", Self::Fees),
            ("since when it earns", "opened", Self::Opened),
            ("how often it pays out", "payout", Self::Payout),
            ("lock", "lock", Self::Lock),
            ("note", "note", Self::Note),
        ]
    }
}

/// Change one of your positions; what you leave out stays
#[poise::command(slash_command)]
#[expect(
    clippy::too_many_arguments,
    reason = "each is an option that Discord shows"
)]
pub(super) async fn edit(
    ctx: Context<'_>,
    #[description = "Which of your positions"]
    #[autocomplete = "autocomplete::position"]
    position: Written<PositionId>,
    #[description = "How much: units such as 1.5 or 5k, what it is worth, such as $5k, or 40% where you keep shares"]
    amount: Option<Written<Held>>,
    #[description = "Pool that it earns in"]
    #[autocomplete = "autocomplete::pool"]
    pool: Option<Name>,
    #[description = "Which token the amount is in"]
    #[autocomplete = "autocomplete::asset"]
    asset: Option<Name>,
    #[description = "What it earns in percent a year, where that is no pool; 0 for nothing"]
    #[min = 0]
    #[max = 1000]
    rate: Option<f64>,
    #[description = "Where that rate is paid, in your words"]
    #[max_length = 60]
    place: Option<String>,
    #[description = "As a basket of today's market (see /plan index), told in money"] index: Option<
        OneOf<Index>,
    >,
    #[description = "How it earns"] method: Option<OneOf<Method>>,
    #[description = "What the validator keeps, in percent of the rewards"]
    #[min = 0]
    #[max = 100]
    commission: Option<f64>,
    #[description = "What it earns on top, in place of what does now: a pool, or a rate"]
    #[autocomplete = "autocomplete::layer"]
    layer: Option<Name>,
    #[description = "One more layer on top: a pool, or a rate"]
    #[autocomplete = "autocomplete::layer"]
    layer2: Option<Name>,
    #[description = "What you paid for all of it, such as 4,800 or €4,500"] cost: Option<
        Written<Sum>,
    >,
    #[description = "What getting in has cost you in fees"] fees: Option<Written<Sum>>,
    #[description = "Since when it earns: 2026-05-01, today, or 90d for 90 days ago"]
    opened: Option<Written<Date>>,
    #[description = "How often it pays out"] payout: Option<OneOf<Payout>>,
    #[description = "Until when it is locked: 2026-05-01, or 90d for in 90 days"]
    lock_until: Option<Written<Date>>,
    #[description = "A note to yourself"]
    #[max_length = 200]
    note: Option<String>,
    #[description = "Something to take away"] clear: Option<OneOf<Part>>,
) -> Result<(), CommandError> {
    let (app, caller) = parts(ctx)?;
    let told = Told {
        amount: amount.map(|amount| amount.0.0),
        asset,
        pool,
        rate: rate.and_then(Percent::new),
        place,
        index: index.map(|index| index.0),
        method: method.map(|method| method.0),
        commission: commission.and_then(Percent::new),
        layers: [layer, layer2].into_iter().flatten().collect(),
        cost: cost.map(|cost| cost.0),
        fees: fees.map(|fees| fees.0),
        opened: opened.map(|date| date.0),
        payout: payout.map(|payout| payout.0),
        lock_until: lock_until.map(|date| date.0),
        note,
        ..Told::default()
    };
    let clear = clear.map(|part| part.0);
    let answer = answer(&ctx.data().app, caller.user, position.0, &told, clear);
    super::super::answer_alone(app, answer).await
}

async fn answer(
    app: &App,
    owner: UserId,
    id: PositionId,
    told: &Told,
    clear: Option<Part>,
) -> Result<Message, CommandError> {
    let now = app.clock.now();
    let chosen = app.store.chosen(owner).await?;
    let market = app.market.view(now);
    let known = Known {
        market: &market,
        today: chosen.zone.day(now),
        usual: chosen.currency,
    };
    let change = |before: Stake| {
        let bare = match clear {
            Some(part) => told::without(before.clone(), part),
            None => before.clone(),
        };
        let after = told::edited(bare, told, &known)?;
        if after == before {
            return Err(Trouble::PositionUnchanged);
        }
        Ok(after)
    };
    let changed = app.store.change_position(owner, id, change).await?;
    let position = changed.ok_or(Trouble::PositionUnknown)??;
    super::alone(app, position, render::portfolio::changed).await
}
