//! A look back over a quarter, in words.

use super::{
    DOT, count,
    exposure::{drifted, rule_words},
    lines_within,
    message::{Button, ButtonStyle, Colour, Embed, Field, Message},
    name,
    numbers::{ago, change, dollars, percent, points, sum},
    portfolio::{Rates, date, holding, small_print},
    text, verdict,
};
use crate::domain::{
    currency::Reckoning,
    drift::Drift,
    plan::allocation::Sleeve,
    review::{Check, Happened, Reviewed},
    time::{Day, Timestamp},
};

/// All that a review tells.
#[derive(Debug, Clone)]
pub struct Shown<'a> {
    /// The first day that is looked at.
    pub since: Day,
    /// When the last review was done; `None` for the first one.
    pub last: Option<Timestamp>,
    pub positions: &'a [Reviewed<'a>],
    pub checks: &'a [Check],
    /// How far it is from the allocation that its owner chose; `None` where they chose none.
    pub drift: Option<&'a [Drift]>,
    pub rates: Rates<'a>,
    pub reckoning: Reckoning,
    pub now: Timestamp,
}

/// What changed, and what to look at; `done` is the custom id of the button that notes the review.
pub fn review(shown: &Shown<'_>, done: impl Into<String>) -> Message {
    let changed = shown.positions.iter().filter(|it| it.is_changed());
    let lines: Vec<String> = changed.map(position).collect();
    let stood_still = |it: &&Reviewed<'_>| it.is_compared() && !it.is_changed();
    let calm = shown.positions.iter().filter(stood_still).count();
    let mut fields = Vec::new();
    let checks: Vec<String> = (1..)
        .zip(shown.checks)
        .map(|(at, check)| format!("{at}\\. {}", check_words(check, shown)))
        .collect();
    fields.push(Field::wide("To look at", checks.join("\n")));
    fields.extend(shown.drift.map(|parts| {
        let drift = |part| drifted(part, &shown.reckoning);
        let lines: Vec<String> = parts.iter().map(drift).collect();
        Field::wide("Against what you want", lines.join("\n"))
    }));
    fields.push(Field::wide("Not in it", unknown(shown)));
    let last = shown.last.map_or_else(
        || "the first one; verdicts are compared from the next one on".to_owned(),
        |last| format!("the last one was done {}", ago(last)),
    );
    let head = format!("since {}{DOT}{last}", date(shown.since));
    let rest = match (lines.len(), calm) {
        (0, 0) => vec!["Nothing of it can be compared with what was then.".to_owned()],
        (0, _) => vec!["Nothing moved far enough to be told.".to_owned()],
        (_, 0) => Vec::new(),
        (_, calm) => vec![format!(
            "{} moved less than that.",
            count(calm, "other position", "other positions")
        )],
    };
    let all: Vec<String> = std::iter::once(head).chain(lines).chain(rest).collect();
    Message::from(Embed {
        title: "Review of what you hold".to_owned(),
        description: lines_within(&all, 3_000),
        colour: Colour::Blue,
        fields,
        footer: small_print(&shown.rates, &shown.reckoning, shown.now),
        ..Embed::default()
    })
    .with_buttons([Button::press("Mark as done", ButtonStyle::Primary, done)])
}

/// A review was noted.
pub fn done() -> Message {
    Message::text("Noted as done. The next `/portfolio review` tells what changed since now.")
}

fn position(reviewed: &Reviewed<'_>) -> String {
    let stake = &reviewed.line.position.stake;
    let place = reviewed.pool.map(|pool| format!(" in {}", name(pool)));
    let head = format!("- **{}**{}", holding(stake), place.unwrap_or_default());
    let rate = reviewed.rate().map(|(then, now)| {
        format!(
            "{} → {} ({})",
            percent(then),
            percent(now),
            points(now.points_from(then))
        )
    });
    let tvl = reviewed.tvl().map(|(then, now)| {
        let by = change((now - then) / then * 100.0);
        format!("TVL {} → {} ({by})", dollars(then), dollars(now))
    });
    let judged = reviewed.verdict.zip(reviewed.line.verdict);
    let judged =
        judged.map(|(then, now)| format!("{} → {}", verdict::label(then), verdict::label(now)));
    let incidents = reviewed.incidents.iter().flatten().map(incident);
    let parts = [judged, rate, tvl].into_iter().flatten().chain(incidents);
    std::iter::once(head)
        .chain(parts)
        .collect::<Vec<_>>()
        .join(DOT)
}

fn incident(happened: &Happened<'_>) -> String {
    let how = happened
        .technique
        .map(|how| format!(" ({})", text::escape_to(how, text::NAME)));
    format!(
        "⛔ incident of {} {}{}",
        text::name(happened.name),
        date(happened.at.day()),
        how.unwrap_or_default()
    )
}

fn check_words(check: &Check, shown: &Shown<'_>) -> String {
    match check {
        Check::Unsustainable(positions) => format!(
            "{} with an unsustainable verdict: `/risk check` tells why, `/yield better` where else",
            count(*positions, "position", "positions")
        ),
        Check::Broken(rule) => format!("this rule is broken: {}", rule_words(rule)),
        Check::LockEnds(day) => format!("a lock ends {}: decide what comes after it", date(*day)),
        Check::Drifted(part) => format!(
            "{} is {} away from what you want: move it, or want something else",
            part.sleeve
                .map_or("what is in no part of your target", Sleeve::label),
            sum(
                shown.reckoning.of(part.over.abs()),
                shown.reckoning.currency
            )
        ),
        Check::Unlogged(payouts) => format!(
            "{} over and not logged: `/portfolio income` logs them with one press",
            count(*payouts, "pay-out is", "pay-outs are")
        ),
        Check::Unvalued(positions) => format!(
            "{} without a price or a rate: `/portfolio view` names them",
            count(*positions, "position", "positions")
        ),
        Check::WithoutCost(positions) => format!(
            "{} without a cost: with one (`/portfolio edit`) you can see how it did",
            count(*positions, "position", "positions")
        ),
        Check::NoTax => {
            "nothing is laid aside for tax: `/portfolio settings` takes a rate".to_owned()
        }
        Check::Amounts => "whether the amounts are still what you hold".to_owned(),
    }
}

/// What the look back cannot tell.
fn unknown(shown: &Shown<'_>) -> String {
    let without_past = shown
        .positions
        .iter()
        .filter(|it| it.then.is_none())
        .count();
    let without_now = shown
        .positions
        .iter()
        .filter(|it| it.then.is_some() && it.now.is_none())
        .count();
    let later = shown
        .positions
        .iter()
        .filter_map(|it| it.then)
        .filter(|then| then.day > shown.since)
        .count();
    let unlisted = shown
        .positions
        .iter()
        .filter(|it| it.incidents.is_none())
        .count();
    let lines = [
        (without_past, "without a past that is known here"),
        (without_now, "without a usable rate now"),
        (later, "of which the first days are not known"),
        (unlisted, "without a list of incidents at hand"),
    ];
    let lines: Vec<String> = lines
        .into_iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, what)| format!("- {} {what}", count(number, "position", "positions")))
        .collect();
    if lines.is_empty() {
        "nothing: all of it is known".to_owned()
    } else {
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use rust_decimal::Decimal;

    use super::*;
    use crate::{
        domain::{
            drift::Drift,
            exposure::{Checked, Rule, Stands},
            ids::{PositionId, UserId},
            income::{LayerQuote, Line, Portfolio, Quote},
            position::{Earns, Holding, Position, Stake},
            review::Then,
            time::Span,
            verdict::Verdict,
        },
        render::samples,
    };

    fn line(asset: &str, verdict: Verdict) -> Line {
        let holding = Holding::Units {
            asset: asset.to_owned(),
            quantity: "5000".parse().unwrap(),
        };
        let position = Position {
            id: PositionId(1),
            owner: UserId(7),
            stake: Stake::new(holding, Earns::in_pool(&samples::pool())),
            added_at: samples::now(),
        };
        let quote = Quote {
            layers: vec![LayerQuote {
                verdict: Some(verdict),
                rate: Some(samples::percent(2.6)),
                ..LayerQuote::default()
            }],
            unit_usd: Some(Decimal::ONE),
            ..Quote::default()
        };
        Portfolio::of([(position, quote)]).lines.remove(0)
    }

    #[test]
    fn a_quarter_with_everything_and_one_with_nothing() {
        let (fallen, calm) = (
            line("USDC", Verdict::Mixed),
            line("**x**", Verdict::Sustainable),
        );
        let pool = samples::pool();
        let since = Day(samples::now().day().0 - 90);
        let then = |rate, tvl_usd, later: i32| Then {
            day: Day(since.0 + later),
            rate: samples::percent(rate),
            tvl_usd,
        };
        let happened = Happened {
            at: samples::now().minus(Span::days(12).0),
            name: "Aave **V3**",
            technique: Some("Flashloan"),
        };
        let now = Some((samples::percent(2.6), 6e8));
        let positions = [
            Reviewed {
                line: &fallen,
                pool: Some(&pool),
                now,
                then: Some(then(4.1, 1.2e9, 0)),
                verdict: Some(Verdict::Sustainable),
                incidents: Some(vec![happened]),
            },
            Reviewed {
                line: &calm,
                pool: None,
                now,
                then: Some(then(2.5, 6.1e8, 30)),
                verdict: None,
                incidents: None,
            },
        ];
        let checks = [
            Check::Unsustainable(2),
            Check::Broken(Checked {
                rule: Rule::OneProtocol,
                stands: Stands::Fail,
                what: Some("aave".to_owned()),
                share: 0.8,
                unknown: 0.0,
            }),
            Check::Drifted(Drift {
                sleeve: None,
                now: 20.0,
                wanted: 0.into(),
                over: 1_000.into(),
            }),
            Check::LockEnds(since),
            Check::Unlogged(1),
            Check::Unvalued(3),
            Check::WithoutCost(1),
            Check::NoTax,
            Check::Amounts,
        ];
        let drift = [Drift {
            sleeve: Some(Sleeve::Staking),
            now: 61.0,
            wanted: 50.into(),
            over: 550.into(),
        }];
        let shown = |positions, last| Shown {
            since,
            last,
            positions,
            checks: &checks,
            drift: Some(&drift),
            rates: Rates {
                source: "DefiLlama",
                fetched_at: samples::now(),
                are_old: false,
            },
            reckoning: Reckoning::DOLLARS,
            now: samples::now(),
        };
        insta::assert_json_snapshot!([
            review(&shown(&positions, Some(since.start())), "done"),
            review(&shown(&positions[1..], None), "done"),
            done(),
        ]);
    }
}
