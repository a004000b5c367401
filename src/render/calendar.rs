//! What comes on which day, in words and as a file that calendars read (RFC 5545).

use icalendar::{Calendar, Component as _, Event as Entry, EventLike as _, Property};
use rust_decimal::Decimal;

use super::{
    DOT, count, lines_within,
    message::{Colour, Embed, Field, File, Message},
    numbers::{sum, units},
    portfolio::{Rates, called, date, holding, holding_named, small_print},
    text,
};
use crate::domain::{
    calendar::{Event, What},
    currency::Reckoning,
    income::Line,
    staking::Unlock,
    time::Timestamp,
};

/// All that a calendar shows.
#[derive(Debug, Clone)]
pub struct Shown<'a> {
    pub events: &'a [Event<'a>],
    /// Positions that cannot be taken out at once, with how long that takes as it is known.
    pub bound: &'a [(&'a Line, Bound<'a>)],
    pub months: u32,
    pub rates: Rates<'a>,
    pub reckoning: Reckoning,
    pub now: Timestamp,
}

/// How long it takes to get something out, by whose word.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bound<'a> {
    /// The network's own rule.
    Network(Unlock),
    /// In the source's words for the pool.
    Pool(&'a str),
}

/// What comes in the next months; `as_file` sends it as a file too.
pub fn calendar(shown: &Shown<'_>, as_file: bool) -> Message {
    let mut fields = Vec::new();
    let expected: Decimal = shown.events.iter().filter_map(expected_usd).sum();
    if !expected.is_zero() {
        let words = money(expected, shown);
        fields.push(Field::wide("Expected in all", words));
    }
    // Pay-outs are many; where a lock ends must not be lost among them.
    let locks = shown.events.iter();
    let locks = locks.filter(|event| matches!(event.what, What::LockEnds));
    let locks: Vec<String> = locks.map(|event| line(event, shown)).collect();
    if !locks.is_empty() && locks.len() < shown.events.len() {
        fields.push(Field::wide("Locks that end", lines_within(&locks, 1_000)));
    }
    if !shown.bound.is_empty() {
        let lines: Vec<String> = shown.bound.iter().map(bound_line).collect();
        fields.push(Field::wide(
            "If you took it out today",
            lines_within(&lines, 1_000),
        ));
    }
    let lines: Vec<String> = shown
        .events
        .iter()
        .map(|event| line(event, shown))
        .collect();
    let mut message = Message::from(Embed {
        title: format!(
            "The next {}",
            count(
                usize::try_from(shown.months).unwrap_or(0),
                "month",
                "months"
            )
        ),
        description: if lines.is_empty() {
            NOTHING.to_owned()
        } else {
            lines_within(&lines, 3_000)
        },
        colour: Colour::Blue,
        fields,
        footer: small_print(&shown.rates, &shown.reckoning, shown.now),
        ..Embed::default()
    });
    if as_file && !shown.events.is_empty() {
        message.files.push(File {
            name: "stipend.ics".to_owned(),
            bytes: ics(shown),
            description: "The same days as a file for a calendar".to_owned(),
        });
    }
    message
}

const NOTHING: &str = "Nothing comes on a known day. `/portfolio edit` takes how often a position pays out \
     (`payout`) and until when it is locked (`lock_until`).";

fn money(usd: Decimal, shown: &Shown<'_>) -> String {
    sum(shown.reckoning.of(usd), shown.reckoning.currency)
}

fn expected_usd(event: &Event<'_>) -> Option<Decimal> {
    match event.what {
        What::Payout { usd, times, .. } => usd.map(|usd| usd.saturating_mul(Decimal::from(times))),
        What::LockEnds => None,
    }
}

fn line(event: &Event<'_>, shown: &Shown<'_>) -> String {
    let (day, held) = (date(event.day), holding_named(&event.line.position.stake));
    format!("- {day}{DOT}{}", words(event, &held, shown))
}

fn words(event: &Event<'_>, held: &str, shown: &Shown<'_>) -> String {
    match event.what {
        What::LockEnds => format!("{held} is no longer locked"),
        What::Payout {
            usd,
            units: paid,
            times,
        } => {
            let asset = event.line.position.stake.asset().map(text::name);
            let in_units = paid
                .zip(asset)
                .map(|(paid, asset)| format!("{} {asset}", units(paid)));
            let worth = usd.map(|usd| money(usd, shown));
            let amount: Vec<String> = [worth, in_units].into_iter().flatten().collect();
            let amount = if amount.is_empty() {
                "an amount that is not known".to_owned()
            } else {
                amount.join(" = ")
            };
            let each = if times > 1 {
                " that day and each day after"
            } else {
                ""
            };
            format!("{amount} expected{each} from {held}")
        }
    }
}

fn bound_line((line, bound): &(&Line, Bound<'_>)) -> String {
    let held = holding_named(&line.position.stake);
    let words = match bound {
        Bound::Network(unlock) => super::staking::unlock_words(*unlock),
        Bound::Pool(words) => format!("“{}”, by the source", text::escape_to(words, text::NAME)),
    };
    format!("- {held}: {words}")
}

/// A calendar file. The same events have the same marks in each file, so that a calendar that reads it again
/// changes its entries and doubles none. Amounts stand in the details alone: the heads of entries are shown on
/// locked screens and in shared calendars.
fn ics(shown: &Shown<'_>) -> Vec<u8> {
    let stamp = chrono::DateTime::from_timestamp_millis(shown.now.millis()).unwrap_or_default();
    let mut calendar = Calendar::empty();
    for (name, value) in [
        ("VERSION", "2.0"),
        ("PRODID", "-//stipend//stipend//EN"),
        ("CALSCALE", "GREGORIAN"),
    ] {
        calendar.append_property(Property::new(name, value));
    }
    for event in shown.events {
        let stake = &event.line.position.stake;
        let (held, place) = (holding(stake), stake.base().map(called).unwrap_or_default());
        let title = match event.what {
            What::LockEnds => format!("No longer locked: {place}"),
            What::Payout { .. } => format!("Pay-out expected: {place}"),
        };
        let kind = match event.what {
            What::LockEnds => "lock",
            What::Payout { .. } => "payout",
        };
        let times = match event.what {
            What::Payout { times, .. } => times,
            What::LockEnds => 1,
        };
        // A series of days is the same series whenever it is written.
        let on = if times > 1 {
            "daily".to_owned()
        } else {
            event.day.to_string()
        };
        let mut entry = Entry::new();
        entry
            .uid(&format!("{kind}-{}-{on}@stipend", event.line.position.id))
            .timestamp(stamp)
            // Without an end it is that one day: one that ended on it would have no length.
            .starts(event.day.date())
            .summary(&plain(&title))
            .description(&plain(&format!(
                "{}. Projected at today's rates, not a promise. Not advice.",
                words(event, &held, shown)
            )));
        if times > 1 {
            entry.add_property("RRULE", format!("FREQ=DAILY;COUNT={times}"));
        }
        calendar.push(entry.done());
    }
    calendar.to_string().into_bytes()
}

/// Words without the marks that Discord reads.
fn plain(words: &str) -> String {
    text::clean(&words.replace(['\\', '*'], ""), text::SENTENCE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{
            calendar::events,
            ids::{PositionId, UserId},
            income::{LayerQuote, Portfolio, Quote},
            position::{Earns, Holding, Payout, Position, Stake},
            staking::{Approach, Network},
        },
        render::samples,
    };

    fn held(id: i64, asset: &str, stake: impl Fn(Stake) -> Stake) -> (Position, Quote) {
        let holding = Holding::Units {
            asset: asset.to_owned(),
            quantity: "1200".parse().unwrap(),
        };
        let position = Position {
            id: PositionId(id),
            owner: UserId(7),
            stake: stake(Stake::new(holding, Earns::in_pool(&samples::pool()))),
            added_at: samples::now(),
        };
        let layer = LayerQuote {
            rate: Some(samples::percent(6.0)),
            ..LayerQuote::default()
        };
        let quote = Quote {
            layers: vec![layer],
            unit_usd: (asset != "ETH").then(|| "1.5".parse().unwrap()),
            paid_usd: None,
            ..Quote::default()
        };
        (position, quote)
    }

    #[test]
    fn what_comes_in_words_and_as_a_file() {
        let network = Earns::Network {
            network: Network::Solana,
            approach: Approach::Delegated,
            commission: None,
        };
        let portfolio = Portfolio::of([
            held(1, "USDC", |stake| Stake {
                payout: Some(Payout::Monthly),
                lock_until: crate::domain::time::Day::parse("2026-03-15"),
                ..stake
            }),
            held(2, "SOL", |stake| Stake {
                layers: vec![network.clone()],
                payout: Some(Payout::Daily),
                ..stake
            }),
            held(3, "ETH", |stake| Stake {
                payout: Some(Payout::Weekly),
                ..stake
            }),
        ]);
        let today = samples::now().day();
        let events = events(&portfolio, today, crate::domain::time::Day(today.0 + 40));
        let bound = [
            (
                &portfolio.lines[1],
                Bound::Network(Network::Solana.unlock()),
            ),
            (&portfolio.lines[0], Bound::Pool("7 days **unstaking**")),
        ];
        let shown = |events, bound| Shown {
            events,
            bound,
            months: 1,
            rates: Rates {
                source: "DefiLlama",
                fetched_at: samples::now(),
                are_old: false,
            },
            reckoning: Reckoning::DOLLARS,
            now: samples::now(),
        };
        let full = calendar(&shown(&events, &bound), true);
        let file = String::from_utf8(full.files[0].bytes.clone()).unwrap();
        assert!(file.lines().all(|line| line.len() <= 75), "RFC 5545, 3.1");
        assert!(file.split("\r\n").count() > 20);
        insta::assert_snapshot!(file.replace("\r\n ", "").replace("\r\n", "\n"));
        let words = [full, calendar(&shown(&[], &[]), true)].map(|message| Message {
            files: Vec::new(),
            ..message
        });
        insta::assert_json_snapshot!(words);
    }
}
