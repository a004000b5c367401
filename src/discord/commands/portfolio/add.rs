//! `/portfolio add`: keeps a position, after its owner has agreed once.

use super::told::{self, Known, Told};
use crate::{
    app::App,
    discord::{
        autocomplete,
        commands::consent::{self, Wish},
        context::{Bot, Context, parts},
        errors::CommandError,
        params::{Name, OneOf, Written},
    },
    domain::{
        ids::UserId,
        method::Method,
        money::{Held, Sum},
        plan::basket::Index,
        position::{Payout, Position, Stake},
        rate::Percent,
        time::Date,
    },
    render::{self, message::Message},
};

/// Keep a position of yours; only you see it
#[poise::command(slash_command)]
#[expect(
    clippy::too_many_arguments,
    reason = "each is an option that Discord shows"
)]
pub(super) async fn add(
    ctx: Context<'_>,
    #[description = "How much: units such as 1.5 or 5k, what it is worth, such as $5k, or 40% where you keep shares"]
    amount: Written<Held>,
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
    #[description = "How it earns; direct or delegated staking needs no pool"] method: Option<
        OneOf<Method>,
    >,
    #[description = "What the validator keeps, in percent of the rewards"]
    #[min = 0]
    #[max = 100]
    commission: Option<f64>,
    #[description = "What it earns on top: a pool, or a rate such as 0.4"]
    #[autocomplete = "autocomplete::layer"]
    layer: Option<Name>,
    #[description = "One more layer on top: a pool, or a rate"]
    #[autocomplete = "autocomplete::layer"]
    layer2: Option<Name>,
    #[description = "What you paid for all of it, such as 4,800 or €4,500"] cost: Option<
        Written<Sum>,
    >,
    #[description = "What getting in has cost you in fees"] fees: Option<Written<Sum>>,
    #[description = "Since when it earns: 2026-05-01, or 90d for 90 days ago; today when left out"]
    opened: Option<Written<Date>>,
    #[description = "How often it pays out"] payout: Option<OneOf<Payout>>,
    #[description = "Until when it is locked: 2026-05-01, or 90d for in 90 days"]
    lock_until: Option<Written<Date>>,
    #[description = "A note to yourself"]
    #[max_length = 200]
    note: Option<String>,
) -> Result<(), CommandError> {
    let (app, caller) = parts(ctx)?;
    let told = Told {
        amount: Some(amount.0.0),
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
    let answer = answer(ctx.data(), caller.user, told);
    super::super::answer_alone(app, answer).await
}

async fn answer(bot: &Bot, owner: UserId, told: Told) -> Result<Message, CommandError> {
    let app = &bot.app;
    let now = app.clock.now();
    let chosen = app.store.chosen(owner).await?;
    let known = Known {
        market: &app.market.view(now),
        today: chosen.zone.day(now),
        usual: chosen.currency,
    };
    let stake = told::added(&told, &known)?;
    consent::keep_or_ask(bot, owner, Wish::Position(Box::new(stake))).await
}

/// Keeps it, and tells what it earns.
pub async fn kept(app: &App, owner: UserId, stake: Stake) -> Result<Message, CommandError> {
    let now = app.clock.now();
    let added = app
        .store
        .add_positions(owner, std::slice::from_ref(&stake), super::limit(app), now)
        .await?;
    let id = added.map_err(|_| super::full(app))?;
    let id = *id
        .first()
        .ok_or_else(|| anyhow::anyhow!("a position was kept without a number"))?;
    let position = Position {
        id,
        owner,
        stake,
        added_at: now,
    };
    super::alone(app, position, render::portfolio::added).await
}
