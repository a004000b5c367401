//! `/portfolio view`: what all positions are worth and earn at today's rates.

use crate::{
    app::App,
    discord::{
        autocomplete,
        buttons::Button,
        context::{Context, parts},
        errors::CommandError,
        params::{Choice, OneOf, Written},
        reply::{self, Visibility},
    },
    domain::{
        currency::Currency,
        ids::UserId,
        income::Order,
        person::{Chosen, Looks},
    },
    render::{self, message::Message, portfolio::Shown},
};

impl Choice for Order {
    fn offered() -> Vec<(&'static str, &'static str, Self)> {
        let label = |order| match order {
            Self::Income => "what earns most",
            Self::Value => "what is worth most",
            Self::Rate => "the highest rate",
            Self::Verdict => "the worst verdict",
            Self::Added => "as they were added",
        };
        Self::ALL
            .map(|order| (label(order), order.slug(), order))
            .into()
    }
}

/// What your positions are worth and earn at today's rates
#[poise::command(slash_command)]
pub(super) async fn view(
    ctx: Context<'_>,
    #[description = "Currency of the figures; the one you chose when left out"]
    #[autocomplete = "autocomplete::currency"]
    currency: Option<Written<Currency>>,
    #[description = "What comes first; what earns most when left out"] sort: Option<OneOf<Order>>,
) -> Result<(), CommandError> {
    let (app, caller) = parts(ctx)?;
    let currency = currency.map(|currency| currency.0);
    let order = sort.map_or(Order::Income, |order| order.0);
    let bot = ctx.data();
    let looked = looked(&bot.app, caller.user, (currency, order), 0);
    reply::defer(app, Visibility::Private).await?;
    let (message, looks) = looked.await?;
    super::super::send_alone(app, message).await?;
    if let Some(looks) = looks {
        // The answer stands; the next look is compared with an earlier one.
        if let Err(error) = bot.app.store.note_looks(caller.user, &looks).await {
            tracing::warn!(%error, "how a portfolio stood is not kept");
        }
    }
    Ok(())
}

/// Values and words it, and answers with what is to be kept of how it stood, once that was told.
pub async fn looked(
    app: &App,
    owner: UserId,
    (currency, order): (Option<Currency>, Order),
    from: usize,
) -> Result<(Message, Option<Looks>), CommandError> {
    let now = app.clock.now();
    let asked = currency;
    let chosen = app.store.chosen(owner).await?;
    let chosen = Chosen {
        currency: currency.unwrap_or(chosen.currency),
        ..chosen
    };
    let positions = app.store.positions(owner).await?;
    if positions.is_empty() {
        return Ok((render::portfolio::empty(), None));
    }
    let market = app.market.view(now);
    let mut portfolio = app.market.valued(&app.store, &market, positions, now).await;
    let looks = app.store.looks(owner).await?;
    let goal = app.store.goals(owner).await?.pop().map(|kept| {
        let exchange = app.market.exchange(now).unwrap_or_default();
        let income = exchange.from_usd(portfolio.income.year(), kept.goal.currency);
        (
            kept.goal,
            income.and_then(|income| kept.goal.reached_by(income)),
        )
    });
    portfolio.sort(order);
    let lines: Vec<_> = portfolio
        .lines
        .iter()
        .map(|line| super::named(&market, line))
        .collect();
    let earlier = looks.as_ref().and_then(|looks| looks.earlier(now));
    let shown = Shown {
        portfolio: &portfolio,
        lines: &lines,
        rates: super::rates(&market),
        reckoning: super::reckoning(app, &chosen),
        chosen: &chosen,
        goal,
        changes: earlier.map(|earlier| portfolio.since(earlier)),
        from,
        now,
    };
    let turn = |from: usize| {
        let from = u32::try_from(from).unwrap_or(u32::MAX);
        Button::Positions {
            owner,
            from,
            order,
            currency: asked,
        }
        .encode()
    };
    let message = render::portfolio::view(&shown, turn);
    let look = portfolio.look(now);
    Ok((message, Looks::after(looks, look)))
}
