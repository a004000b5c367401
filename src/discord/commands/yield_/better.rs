//! `/yield better`: where what the caller holds would earn more at no more risk. For the caller alone.

use crate::{
    app::App,
    discord::{
        commands::{answer_alone, portfolio},
        context::{Context, parts},
        errors::{CommandError, Trouble},
        params::{OneOf, Written},
    },
    domain::{ids::UserId, money::Sum, verdict::Verdict},
    market::{
        around::Around,
        better::{Limits, USUAL_COST, movable},
    },
    render::{
        self,
        better::{Offer, Place, Shown},
        message::Message,
    },
};

/// Where what you hold would earn more at no more risk; only you see it
#[poise::command(slash_command)]
pub(super) async fn better(
    ctx: Context<'_>,
    #[description = "The worst verdict that you would take; no worse than now when left out"]
    risk_ceiling: Option<OneOf<Verdict>>,
    #[description = "The least gain in a year that is worth it, such as 50"] min_gain: Option<
        Written<Sum>,
    >,
    #[description = "What a move costs you, fees and all; $10 when left out"] switch_cost: Option<
        Written<Sum>,
    >,
) -> Result<(), CommandError> {
    let (app, caller) = parts(ctx)?;
    let asked = Asked {
        ceiling: risk_ceiling.map(|verdict| verdict.0),
        min_gain: min_gain.map(|sum| sum.0),
        cost: switch_cost.map(|sum| sum.0),
    };
    let answer = answer(&ctx.data().app, caller.user, &asked);
    answer_alone(app, answer).await
}

/// What was asked for, as it was written.
#[derive(Debug, Default)]
pub struct Asked {
    ceiling: Option<Verdict>,
    min_gain: Option<Sum>,
    cost: Option<Sum>,
}

/// Where what its owner holds would earn more.
pub async fn answer(app: &App, owner: UserId, asked: &Asked) -> Result<Message, CommandError> {
    let now = app.clock.now();
    let chosen = app.store.chosen(owner).await?;
    let positions = app.store.positions(owner).await?;
    if positions.is_empty() {
        return Ok(render::portfolio::empty());
    }
    let market = app.market.view(now);
    let portfolio = app.market.valued(&app.store, &market, positions, now).await;
    let reckoning = portfolio::reckoning(app, &chosen);
    let exchange = app.market.exchange(now).unwrap_or_default();
    let dollars = |sum: Sum| {
        let money = sum.or_in(chosen.currency);
        let usd = exchange.to_usd(money.amount.get(), money.currency);
        usd.ok_or(Trouble::ExchangeUnknown(money.currency))
    };
    let limits = Limits {
        ceiling: asked.ceiling,
        min_gain: asked.min_gain.map(dollars).transpose()?.unwrap_or_default(),
        cost: asked.cost.map(dollars).transpose()?.unwrap_or(USUAL_COST),
    };
    let (facts, networks) = (app.market.facts(), app.market.networks());
    let around = Around {
        market: &market,
        facts: &facts,
        networks: &networks,
        now,
    };
    let comparable = |line| Some((line, movable(&market, line)?));
    let compared: Vec<_> = portfolio.lines.iter().filter_map(comparable).collect();
    let mut offers: Vec<Offer<'_>> = compared
        .iter()
        .map(|(line, from)| Offer {
            line,
            places: app
                .market
                .offers(&market, &around, (line, from), &limits)
                .iter()
                .map(|offered| Place {
                    view: super::view(&market, offered.listing),
                    gain: offered.gain,
                    is_elsewhere: offered.is_elsewhere,
                })
                .collect(),
        })
        .filter(|offer| !offer.places.is_empty())
        .collect();
    let best = |offer: &Offer<'_>| offer.places.first().map(|place| place.gain.first_year);
    offers.sort_by_key(|offer| std::cmp::Reverse(best(offer)));
    Ok(render::better::better(&Shown {
        offers: &offers,
        compared: compared.len(),
        not_compared: portfolio.lines.len() - compared.len(),
        cost: limits.cost,
        cost_is_told: asked.cost.is_some(),
        ceiling: asked.ceiling,
        rates: portfolio::rates(&market),
        reckoning,
        now,
    }))
}
