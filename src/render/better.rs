//! Where what somebody holds would earn more, in words.

use super::{
    DOT, lines_within,
    message::{Colour, Embed, Field, Message},
    name,
    numbers::{dollars, percent, points, sum},
    pool::{self, PoolView},
    portfolio::{Rates, date, holding_named},
    text, verdict,
};
use crate::domain::{
    better::Gain, currency::Reckoning, income::Line, time::Timestamp, verdict::Verdict,
};

/// A place with what moving there brings.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    pub view: PoolView<'a>,
    pub gain: Gain,
    /// On another chain than what is held: bridging costs more.
    pub is_elsewhere: bool,
}

/// A position with places that pay more.
#[derive(Debug, Clone)]
pub struct Offer<'a> {
    pub line: &'a Line,
    pub places: Vec<Place<'a>>,
}

/// All that is offered.
#[derive(Debug, Clone)]
pub struct Shown<'a> {
    pub offers: &'a [Offer<'a>],
    /// Positions that were compared, and such as cannot be.
    pub compared: usize,
    pub not_compared: usize,
    /// What a move is reckoned to cost, US dollars, and whether the asker said so.
    pub cost: rust_decimal::Decimal,
    pub cost_is_told: bool,
    /// The worst verdict that the asker would take; no worse than now where it is `None`.
    pub ceiling: Option<Verdict>,
    pub rates: Rates<'a>,
    pub reckoning: Reckoning,
    pub now: Timestamp,
}

/// Where positions would earn more at no more risk.
pub fn better(shown: &Shown<'_>) -> Message {
    let blocks: Vec<String> = shown.offers.iter().map(|it| offer(it, shown)).collect();
    let description = if blocks.is_empty() {
        "Nothing that is known pays more at no more risk, once the move is paid for.".to_owned()
    } else {
        lines_within(&blocks, 3_000)
    };
    let footer = pool::footer(shown.rates.source, shown.rates.fetched_at, None, shown.now);
    Message::from(Embed {
        title: "Better elsewhere".to_owned(),
        description,
        colour: Colour::Blue,
        fields: vec![Field::wide("How this was chosen", chosen(shown))],
        footer,
        ..Embed::default()
    })
}

fn chosen(shown: &Shown<'_>) -> String {
    let cost = sum(shown.reckoning.of(shown.cost), shown.reckoning.currency);
    let cost = if shown.cost_is_told {
        format!("as you said, a move costs {cost}")
    } else {
        format!("a move is taken to cost {cost}; say yours with `switch_cost`")
    };
    let mut lines = vec![
        format!(
            "same assets, {}, no risk of its method that yours has not, as large or over $10M, no check \
             of `/risk check` worse",
            match shown.ceiling {
                None => "a verdict no worse",
                Some(Verdict::Sustainable) => "a sustainable verdict",
                Some(_) => "a sustainable or mixed verdict, as you said",
            }
        ),
        cost,
        "a rate is what it pays now; nobody promises that it stays".to_owned(),
    ];
    if shown.not_compared > 0 {
        let places =
            "they lie at a stated rate, at a network, in layers, or have no usable figures";
        lines.push(format!(
            "{} of {} not compared: {places}",
            shown.not_compared,
            shown.compared + shown.not_compared
        ));
    }
    let lines: Vec<String> = lines.into_iter().map(|line| format!("- {line}")).collect();
    lines.join("\n")
}

fn offer(offer: &Offer<'_>, shown: &Shown<'_>) -> String {
    let line = offer.line;
    let stake = &line.position.stake;
    let rate = line.rate.map(|rate| format!(" at {}", percent(rate)));
    let mut head = vec![format!(
        "**{}**{}",
        holding_named(stake),
        rate.unwrap_or_default()
    )];
    let locked = stake.lock_until.filter(|until| *until > shown.now.day());
    head.extend(locked.map(|until| format!("locked until {}", date(until))));
    let places = offer.places.iter().map(|it| place(it, shown));
    std::iter::once(head.join(" – "))
        .chain(places)
        .collect::<Vec<_>>()
        .join("\n")
}

fn place(place: &Place<'_>, shown: &Shown<'_>) -> String {
    let money = |usd| sum(shown.reckoning.of(usd), shown.reckoning.currency);
    let (view, gain) = (&place.view, &place.gain);
    let days = match gain.paid_back {
        0 => String::new(),
        1 => ", paid for in 1 day".to_owned(),
        days => format!(", paid for in {days} days"),
    };
    let mut parts = vec![
        format!(
            "- {} **{}** ({}) {}",
            name(view.pool),
            percent(view.reading.apy),
            points(gain.points),
            verdict::label(view.assessment.verdict)
        ),
        format!(
            "+{} a year, {} in the first after the move{days}",
            money(gain.yearly),
            money(gain.first_year)
        ),
        format!("TVL {}", dollars(view.reading.tvl_usd)),
    ];
    parts.extend(
        view.pool
            .lock_up()
            .map(|words| format!("“{}”, by the source", text::escape_to(words, text::NAME))),
    );
    if place.is_elsewhere {
        parts.push("another chain: bridging comes on top".to_owned());
    }
    parts.join(DOT)
}

#[cfg(test)]
mod tests {
    use rust_decimal::Decimal;

    use super::*;
    use crate::{
        domain::{
            ids::{PositionId, UserId},
            income::{LayerQuote, Portfolio, Quote},
            pool::Pool,
            position::{Earns, Holding, Position, Stake},
            time::{Day, Span},
        },
        render::samples,
    };

    #[test]
    fn gains_are_told_with_what_they_cost() {
        let holding = Holding::Units {
            asset: "USDC".to_owned(),
            quantity: "5000".parse().unwrap(),
        };
        let position = Position {
            id: PositionId(1),
            owner: UserId(7),
            stake: Stake {
                lock_until: Day::parse("2026-03-15"),
                ..Stake::new(holding, Earns::in_pool(&samples::pool()))
            },
            added_at: samples::now(),
        };
        let quote = Quote {
            layers: vec![LayerQuote {
                rate: Some(samples::percent(2.6)),
                ..LayerQuote::default()
            }],
            unit_usd: Some(Decimal::ONE),
            paid_usd: None,
            ..Quote::default()
        };
        let portfolio = Portfolio::of([(position, quote)]);
        let line = &portfolio.lines[0];
        let pool = Pool {
            meta: Some("7 days unstaking".into()),
            ..samples::pool()
        };
        let (reading, assessment) = (samples::reading(4.1, Some(4.1), None), samples::calm());
        let feed = samples::feed();
        let place = |is_elsewhere, cost: i64| Place {
            view: samples::view(&pool, &reading, &assessment, &feed),
            gain: Gain::of(line, samples::percent(4.1), cost.into()).unwrap(),
            is_elsewhere,
        };
        let offers = [Offer {
            line,
            places: vec![place(false, 10), place(true, 0)],
        }];
        let shown = |offers, cost_is_told, not_compared| Shown {
            offers,
            compared: 1,
            not_compared,
            cost: 10.into(),
            cost_is_told,
            ceiling: None,
            rates: Rates {
                source: "DefiLlama",
                fetched_at: samples::now().minus(Span::minutes(4).0),
                are_old: false,
            },
            reckoning: Reckoning::DOLLARS,
            now: samples::now(),
        };
        insta::assert_json_snapshot!([
            better(&shown(&offers, false, 2)),
            better(&shown(&[], true, 0)),
        ]);
    }
}
