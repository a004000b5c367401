//! `/yield better`: where what the caller holds would earn more at no more risk. For the caller alone.

use rust_decimal::Decimal;

use crate::{
    app::App,
    discord::{
        commands::{answer_alone, portfolio},
        context::{Context, parts},
        errors::{CommandError, Trouble},
        params::{OneOf, Written},
    },
    domain::{
        better::Gain,
        ids::UserId,
        income::Line,
        listing::Listing,
        money::Sum,
        risk::{Finding, State},
        verdict::Verdict,
    },
    market::{around::Around, better::Terms, view::View},
    render::{
        self,
        better::{Offer, Place, Shown},
        message::Message,
    },
};

/// What a move costs where nobody says, in US dollars.
const USUAL_COST: i64 = 10;
/// Places that are named for a position.
const MOST_PLACES: usize = 2;
/// Places whose checks are looked at for a position.
const LOOKED_AT: usize = 12;

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
struct Asked {
    ceiling: Option<Verdict>,
    min_gain: Option<Sum>,
    cost: Option<Sum>,
}

async fn answer(app: &App, owner: UserId, asked: &Asked) -> Result<Message, CommandError> {
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
        cost: asked
            .cost
            .map(dollars)
            .transpose()?
            .unwrap_or(USUAL_COST.into()),
    };
    let (facts, networks) = (app.market.facts(), app.market.networks());
    let around = Around {
        market: &market,
        facts: &facts,
        networks: &networks,
        now,
    };
    let comparable = |line| Some((line, from(&market, line)?));
    let compared: Vec<_> = portfolio.lines.iter().filter_map(comparable).collect();
    let mut offers: Vec<Offer<'_>> = compared
        .iter()
        .map(|(line, from)| Offer {
            line,
            places: places(app, &market, &around, line, from, &limits),
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
        rates: portfolio::rates(&market),
        reckoning,
        now,
    }))
}

/// In US dollars.
struct Limits {
    ceiling: Option<Verdict>,
    min_gain: Decimal,
    cost: Decimal,
}

/// The pool that a position could be moved from: it lies in one alone, and what it earns there is known.
fn from<'a>(market: &'a View, line: &Line) -> Option<&'a Listing> {
    line.income_usd?;
    match &line.position.stake.layers[..] {
        [only] => market.followed(only.pool()?),
        _ => None,
    }
}

fn places<'a>(
    app: &App,
    market: &'a View,
    around: &Around<'a>,
    line: &Line,
    from: &Listing,
    limits: &Limits,
) -> Vec<Place<'a>> {
    let Some(rate) = line.rate else {
        return Vec::new();
    };
    let terms = Terms {
        above: rate,
        max_apy: app.market.screen().max_apy,
        verdict: limits.ceiling.unwrap_or(from.assessment.verdict),
    };
    let checks = |listing: &Listing| {
        let past = app.market.remembered_past_of(listing, around.now);
        worries(&around.risks(listing, &past))
    };
    let now = checks(from);
    let better = market.better(from, &terms).into_iter();
    better
        .filter_map(|listing| {
            let gain = Gain::of(line, listing.reading.apy, limits.cost)?;
            (gain.yearly >= limits.min_gain).then_some((listing, gain))
        })
        .take(LOOKED_AT)
        .filter(|(listing, _)| {
            let there = checks(listing);
            there.iter().zip(&now).all(|(there, now)| there <= now)
        })
        .take(MOST_PLACES)
        .map(|(listing, gain)| Place {
            view: super::view(market, listing),
            gain,
            is_elsewhere: listing.pool.chain != from.pool.chain,
        })
        .collect()
}

/// How many checks are bad, how many are bad or to be watched, and how many of all are not known to be good.
fn worries(findings: &[Finding]) -> [usize; 3] {
    let count = |states: &[State]| {
        let found = findings.iter().filter(|it| states.contains(&it.state));
        found.count()
    };
    [
        count(&[State::Bad]),
        count(&[State::Bad, State::Watch]),
        count(&[State::Bad, State::Watch, State::NotKnown]),
    ]
}
