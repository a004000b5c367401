//! A person's positions in words. All of it is for that person alone.

use super::{
    DOT, count, lines_within,
    message::{Button, ButtonStyle, Colour, Embed, Field, Message},
    name,
    numbers::{age, income, money, percent, units},
    pool, text, verdict,
};
use crate::domain::{
    income::{Income, Line, Portfolio},
    pool::Pool,
    position::{Holding, Position},
    time::Timestamp,
    verdict::Verdict,
};

/// A position's figures with the pool that they belong to.
#[derive(Debug, Clone, Copy)]
pub struct NamedLine<'a> {
    pub line: &'a Line,
    /// `None` when the source does not list the pool any more.
    pub pool: Option<&'a Pool>,
    /// `None` without a reading.
    pub verdict: Option<Verdict>,
    /// The pool's figures are the same since then.
    pub unchanged_since: Option<Timestamp>,
}

/// Where the rates come from.
#[derive(Debug, Clone, Copy)]
pub struct Rates<'a> {
    pub source: &'a str,
    pub fetched_at: Timestamp,
    /// The source has been silent since for too long to call them today's.
    pub are_old: bool,
}

/// Asks before anything is kept. `agree` is the custom id of the button.
pub fn consent(agree: impl Into<String>) -> Message {
    Message::from(Embed {
        title: "May I keep your positions?".to_owned(),
        description:
            "To work out what you earn, I keep what you enter: the pool, the amount, what \
                      you paid and your note, with your Discord id. Nothing else, and no wallet \
                      address.\n\
                      It is encrypted on disk, but **whoever runs this bot holds the key and could \
                      read it**. It is shown to nobody but you.\n\
                      `/privacy show` tells what is kept, `/privacy delete` erases it for good, at \
                      any time."
                .to_owned(),
        colour: Colour::Blue,
        ..Embed::default()
    })
    .with_buttons([Button::press("I agree", ButtonStyle::Primary, agree)])
}

/// A position was added.
pub fn added(named: &NamedLine<'_>, rates: &Rates<'_>, now: Timestamp) -> Message {
    let line = named.line;
    let mut words = vec![format!(
        "Added {} in {}{}.",
        holding(&line.position),
        place(named.pool),
        rate_words(named, rates)
    )];
    words.push(match (line.income_usd, line.income_units) {
        (Some(earned), _) => format!("Projected: {}.", income(earned)),
        (None, Some(earned)) => format!(
            "Projected: {}. {}",
            unit_income(&line.position, earned),
            sentence(left_out_because(line))
        ),
        (None, None) => sentence(left_out_because(line)),
    });
    words.push(format!("-# {}", small_print(rates, now)));
    Message::text(words.join("\n"))
}

fn small_print(rates: &Rates<'_>, now: Timestamp) -> String {
    let of = if rates.are_old {
        format!("the rates of {} ago", age(now.since(rates.fetched_at)))
    } else {
        "today's rates".to_owned()
    };
    let footer = pool::footer(rates.source, rates.fetched_at, None, now);
    format!("projected at {of}, not a promise{DOT}{footer}")
}

fn sentence(clause: &str) -> String {
    format!("Left out of your total income: {clause}.")
}

fn holding(position: &Position) -> String {
    match &position.stake.holding {
        Holding::Units { asset, quantity } => {
            format!("{} {}", units(quantity.get()), text::name(asset))
        }
        Holding::Value { usd } => money(usd.get()),
    }
}

fn place(pool: Option<&Pool>) -> String {
    pool.map_or_else(|| "a pool that is not listed any more".to_owned(), name)
}

fn rate_words(named: &NamedLine<'_>, rates: &Rates<'_>) -> String {
    let when = if rates.are_old { "then" } else { "now" };
    let rate = named.line.rate;
    let rate = rate.map(|rate| format!("{} {when}", percent(rate)));
    let verdict = named.verdict.map(|it| verdict::label(it).to_owned());
    let parts: Vec<String> = [rate, verdict].into_iter().flatten().collect();
    if parts.is_empty() {
        String::new()
    } else {
        format!(" ({})", parts.join(", "))
    }
}

fn unit_income(position: &Position, earned: Income) -> String {
    let asset = match &position.stake.holding {
        Holding::Units { asset, .. } => text::name(asset),
        Holding::Value { .. } => "USD".to_owned(),
    };
    format!(
        "{} {asset} a month{DOT}{} {asset} a year",
        units(earned.month()),
        units(earned.year())
    )
}

/// Why a position has no income in dollars.
const fn left_out_because(line: &Line) -> &'static str {
    match (line.rate, line.value_usd) {
        (None, Some(_)) => "its pool has no usable reading at the moment",
        (Some(_), None) => "no source has a price for it",
        (None, None) => "it has neither a price nor a usable reading",
        (Some(_), Some(_)) => "the figures are too large to work with",
    }
}

/// All positions with what they earn. `lines` are the portfolio's lines in order, with their pools.
pub fn view(
    portfolio: &Portfolio,
    lines: &[NamedLine<'_>],
    rates: &Rates<'_>,
    now: Timestamp,
) -> Message {
    if portfolio.lines.is_empty() {
        return empty();
    }
    let listed: Vec<String> = lines
        .iter()
        .map(|named| position_line(named, rates, now))
        .collect();
    let left_out = portfolio.left_out().count();
    let mut fields = vec![Field::narrow("Value", money(portfolio.value_usd))];
    let known = |rate: Option<_>| rate.map_or_else(|| "not known".to_owned(), percent);
    fields.push(Field::narrow("Blended yield", known(portfolio.blended)));
    if lines
        .iter()
        .any(|named| named.line.position.stake.cost_usd.is_some())
    {
        fields.push(Field::narrow("Yield on cost", known(portfolio.on_cost)));
    }
    if left_out < portfolio.lines.len() {
        fields.push(Field::wide("Projected income", income(portfolio.income)));
    }
    if left_out > 0 {
        let names: Vec<String> = lines
            .iter()
            .filter(|named| named.line.income_usd.is_none())
            .map(left_out_line)
            .collect();
        fields.push(Field::wide(
            "Not in the income",
            lines_within(&names, 1_000),
        ));
    }
    Message::from(Embed {
        title: format!(
            "Your {}",
            count(portfolio.lines.len(), "position", "positions")
        ),
        description: lines_within(&listed, 3_800),
        colour: Colour::Blue,
        fields,
        footer: small_print(rates, now),
        ..Embed::default()
    })
}

fn position_line(named: &NamedLine<'_>, rates: &Rates<'_>, now: Timestamp) -> String {
    let line = named.line;
    let position = &line.position;
    let mut parts = vec![format!(
        "**{}** in {}{}",
        holding(position),
        place(named.pool),
        rate_words(named, rates)
    )];
    if matches!(position.stake.holding, Holding::Units { .. }) {
        parts.extend(line.value_usd.map(money));
    }
    parts.extend(match (line.income_usd, line.income_units) {
        (Some(earned), _) => Some(format!("{} a month", money(earned.month()))),
        (None, Some(earned)) => Some(unit_income(position, earned)),
        (None, None) => None,
    });
    parts.extend(
        named
            .unchanged_since
            .filter(|_| !rates.are_old)
            .and_then(|since| pool::stood(since, now))
            .map(|stood| format!("rate {stood}")),
    );
    parts.extend(
        position
            .stake
            .cost_usd
            .map(|cost| format!("cost {}", money(cost.get()))),
    );
    let note = position
        .stake
        .note
        .as_deref()
        .map(|note| text::escape_to(note, 80));
    parts.extend(
        note.filter(|note| !note.is_empty())
            .map(|note| format!("*{note}*")),
    );
    format!("- {}", parts.join(DOT))
}

fn left_out_line(named: &NamedLine<'_>) -> String {
    format!(
        "- {}: {}",
        holding(&named.line.position),
        left_out_because(named.line)
    )
}

/// A position was taken out.
pub fn removed(position: &Position, pool: Option<&Pool>) -> Message {
    Message::text(format!("Removed {} in {}.", holding(position), place(pool)))
}

/// Nothing is kept yet.
pub fn empty() -> Message {
    Message::text("You have no positions here. `/portfolio add` takes the first one.")
}

#[cfg(test)]
mod tests {
    use rust_decimal::Decimal;

    use super::*;
    use crate::{
        domain::{
            ids::{PositionId, UserId},
            income::Quote,
            position::Stake,
            time::Span,
        },
        render::samples,
    };

    fn position(holding: Holding, cost: Option<&str>, note: Option<&str>) -> Position {
        Position {
            id: PositionId(1),
            owner: UserId(7),
            stake: Stake {
                pool: samples::pool().id,
                holding,
                cost_usd: cost.map(|cost| cost.parse().unwrap()),
                note: note.map(str::to_owned),
            },
            added_at: samples::now(),
        }
    }

    fn held(asset: &str, quantity: &str) -> Holding {
        Holding::Units {
            asset: asset.to_owned(),
            quantity: quantity.parse().unwrap(),
        }
    }

    #[test]
    fn a_portfolio_with_everything() {
        let rate = |value, price: Option<i64>| Quote {
            rate: Some(samples::percent(value)),
            unit_price: price.map(Decimal::from),
        };
        let silent = Quote {
            rate: None,
            unit_price: None,
        };
        let usd = Holding::Value {
            usd: "2.5k".parse().unwrap(),
        };
        let portfolio = Portfolio::of([
            (
                position(held("USDC", "5000"), Some("4,800"), None),
                rate(2.6, Some(1)),
            ),
            (
                position(held("ETH", "10.5"), None, Some("**cold** @everyone")),
                rate(3.0, None),
            ),
            (position(usd, None, None), silent),
        ]);
        let pool = samples::pool();
        let lines: Vec<NamedLine<'_>> = portfolio
            .lines
            .iter()
            .zip([
                (Some(&pool), Some(Verdict::Sustainable)),
                (Some(&pool), None),
                (None, None),
            ])
            .map(|(line, (pool, verdict))| NamedLine {
                line,
                pool,
                verdict,
                unchanged_since: verdict.map(|_| samples::now().minus(Span::hours(26).0)),
            })
            .collect();
        let rates = Rates {
            source: "DefiLlama",
            fetched_at: samples::now().minus(Span::minutes(4).0),
            are_old: false,
        };
        let mut messages = vec![consent("consent:1"), empty()];
        messages.extend(lines.iter().map(|line| added(line, &rates, samples::now())));
        messages.push(view(&portfolio, &lines, &rates, samples::now()));
        let old = Rates {
            fetched_at: samples::now().minus(Span::days(3).0),
            are_old: true,
            ..rates
        };
        let unjudged: Vec<NamedLine<'_>> = lines
            .iter()
            .map(|named| NamedLine {
                verdict: named.verdict.and(Some(Verdict::Unknown)),
                ..*named
            })
            .collect();
        messages.push(view(&portfolio, &unjudged, &old, samples::now()));
        messages.push(removed(&portfolio.lines[0].position, Some(&pool)));
        insta::assert_json_snapshot!(messages);
    }
}
