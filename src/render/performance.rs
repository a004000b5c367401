//! How positions did, in words: price, income and fees side by side.

use rust_decimal::Decimal;

use super::{
    DOT, lines_within,
    message::{Colour, Embed, Field, Message},
    numbers::{change, sum},
    portfolio::{Rates, date, holding_named, small_print},
};
use crate::domain::{
    currency::Reckoning,
    income::Line,
    performance::{Basis, Performance, Returns},
    time::Timestamp,
};

/// All that is told of how positions did.
#[derive(Debug, Clone)]
pub struct Shown<'a> {
    /// The stretch in words: "since each was opened".
    pub window: &'a str,
    pub parts: &'a [Performance<'a>],
    pub all: Option<Returns>,
    /// Positions that cannot be measured.
    pub left_out: &'a [&'a Line],
    pub rates: Rates<'a>,
    pub reckoning: Reckoning,
    pub now: Timestamp,
}

/// Each position's returns, and those of the whole.
pub fn performance(shown: &Shown<'_>) -> Message {
    let mut fields = Vec::new();
    if let Some(all) = &shown.all {
        let gained = shown.parts.iter().fold(Decimal::ZERO, |sum, part| {
            let past = &part.past;
            let came = part
                .value
                .saturating_add(past.received)
                .saturating_add(past.accrued);
            let went = past.start.saturating_add(past.fees);
            sum.saturating_add(came.saturating_sub(went))
        });
        fields.push(Field::wide(
            "All of them",
            format!("{}{DOT}{} in all", returns(all), grown(gained, shown)),
        ));
    }
    if !shown.left_out.is_empty() {
        let lines = shown.left_out.iter().map(|line| {
            let held = holding_named(&line.position.stake);
            format!("- {held}: what it cost, or what a price was or is, is not known")
        });
        let lines: Vec<String> = lines.collect();
        fields.push(Field::wide("Not measured", lines_within(&lines, 1_000)));
    }
    fields.push(Field::wide(
        "How to read it",
        "total return = price + income − fees, each in percent of what was paid or of what it was \
         worth at its start. Income is what you logged, and what has come together at today's rate \
         since. A share of a pool that was told in money has no price of its own. All is reckoned in \
         dollars and shown at today's exchange.",
    ));
    let lines: Vec<String> = shown.parts.iter().map(|part| line(part, shown)).collect();
    Message::from(Embed {
        title: format!("How it did {}", shown.window),
        description: if lines.is_empty() {
            "Nothing can be measured yet. `/portfolio edit` takes what you paid (`cost`) and since when a \
             position earns (`opened`)."
                .to_owned()
        } else {
            lines_within(&lines, 3_000)
        },
        colour: Colour::Blue,
        fields,
        footer: small_print(&shown.rates, &shown.reckoning, shown.now),
        ..Embed::default()
    })
}

fn grown(usd: Decimal, shown: &Shown<'_>) -> String {
    let plus = if usd > Decimal::ZERO { "+" } else { "" };
    format!(
        "{plus}{}",
        sum(shown.reckoning.of(usd), shown.reckoning.currency)
    )
}

fn returns(returns: &Returns) -> String {
    format!(
        "**{}** = price {} · income {} · fees {}",
        change(returns.total.get()),
        change(returns.price.get()),
        change(returns.income.get()),
        change(-returns.fees.get())
    )
}

fn line(part: &Performance<'_>, shown: &Shown<'_>) -> String {
    let money = |usd| sum(shown.reckoning.of(usd), shown.reckoning.currency);
    let since = &part.past;
    let start = match since.basis {
        Basis::Paid => "paid",
        Basis::Worth => "worth then",
    };
    let mut words = vec![format!(
        "- **{}** since {}: {}\n  {start} {}, now {}",
        holding_named(&part.line.position.stake),
        date(since.since),
        returns(&part.returns),
        money(since.start),
        money(part.value)
    )];
    words.push(if since.has_rate {
        format!(
            "income {} logged, {} since",
            money(since.received),
            money(since.accrued)
        )
    } else {
        format!(
            "income {} logged; its rate is not known",
            money(since.received)
        )
    });
    if since.unpriced > 0 {
        words.push(format!("{} of it without a price", since.unpriced));
    }
    if since.unknown_fees > 0 {
        words.push("a fee whose exchange is not known".to_owned());
    }
    words.join(DOT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{
            ids::{PositionId, UserId},
            income::{LayerQuote, Portfolio, Quote},
            performance::{Past, together},
            position::{Earns, Holding, Position, Stake},
            time::Day,
        },
        render::samples,
    };

    #[test]
    fn a_fall_a_rise_and_one_that_nobody_can_measure() {
        let held = |id, asset: &str, price: Option<i64>| {
            let holding = Holding::Units {
                asset: asset.to_owned(),
                quantity: "2".parse().unwrap(),
            };
            let position = Position {
                id: PositionId(id),
                owner: UserId(7),
                stake: Stake::new(holding, Earns::in_pool(&samples::pool())),
                added_at: samples::now(),
            };
            let quote = Quote {
                layers: vec![LayerQuote::default()],
                unit_usd: price.map(Decimal::from),
                ..Quote::default()
            };
            (position, quote)
        };
        let portfolio = Portfolio::of([
            held(1, "ETH", Some(2_000)),
            held(2, "SOL", Some(180)),
            held(3, "FOO", None),
        ]);
        let past = |start: i64, basis, fees: i64| Past {
            since: Day::parse("2025-11-30").unwrap(),
            basis,
            start: start.into(),
            received: 30.into(),
            accrued: 10.into(),
            fees: fees.into(),
            unpriced: 2,
            unknown_fees: 1,
            has_rate: fees > 0,
        };
        let parts = [
            Performance::of(&portfolio.lines[0], past(5_000, Basis::Paid, 25)).unwrap(),
            Performance::of(&portfolio.lines[1], past(300, Basis::Worth, 0)).unwrap(),
        ];
        let left_out = [&portfolio.lines[2]];
        let shown = |parts, left_out| Shown {
            window: "since each was opened",
            parts,
            all: together(parts),
            left_out,
            rates: Rates {
                source: "DefiLlama",
                fetched_at: samples::now(),
                are_old: false,
            },
            reckoning: Reckoning::DOLLARS,
            now: samples::now(),
        };
        insta::assert_json_snapshot!([
            performance(&shown(&parts, &left_out)),
            performance(&shown(&[], &[])),
        ]);
    }
}
