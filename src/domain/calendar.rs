//! What comes on a day: pay-outs, and locks that end.

use rust_decimal::Decimal;

use super::{
    income::{Line, Portfolio},
    payout,
    position::Payout,
    time::Day,
};

/// Something that comes on a day.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Event<'a> {
    pub day: Day,
    pub line: &'a Line,
    pub what: What,
}

/// What comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// By the rhythm that its owner told, at today's rate: US dollars, and units of the asset for a
    /// holding told in units.
    Payout {
        usd: Option<Decimal>,
        units: Option<Decimal>,
        /// How often it comes from that day on: once, or where it comes daily every day, which is told once.
        times: u32,
    },
    /// What was locked can be taken out.
    LockEnds,
}

/// What comes after `today` up to `to`, the earliest first.
pub fn events(portfolio: &Portfolio, today: Day, to: Day) -> Vec<Event<'_>> {
    let tomorrow = Day(today.0 + 1);
    let mut events = Vec::new();
    for line in &portfolio.lines {
        let stake = &line.position.stake;
        let ends = stake.lock_until.filter(|day| (tomorrow..=to).contains(day));
        events.extend(ends.map(|day| Event {
            day,
            line,
            what: What::LockEnds,
        }));
        let Some(rhythm) = stake.payout else { continue };
        let since = line.position.since();
        let daily = rhythm == Payout::Daily;
        let days = payout::days(since, rhythm, tomorrow, to);
        let told = days.take(if daily { 1 } else { usize::MAX });
        let left = |day: Day| u32::try_from(to.0 - day.0 + 1).unwrap_or(1);
        events.extend(told.map(|day| {
            let before = payout::before(since, rhythm, day);
            let length = u32::try_from(day.0 - before.0).unwrap_or(0);
            Event {
                day,
                line,
                what: What::Payout {
                    usd: line.income_usd.map(|income| income.over(length)),
                    units: line.income_units.map(|income| income.over(length)),
                    times: if daily { left(day) } else { 1 },
                },
            }
        }));
    }
    events.sort_by_key(|event| (event.day, event.line.position.id));
    events
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        ids::{PositionId, UserId},
        income::{LayerQuote, Quote},
        position::{Earns, Holding, Position, Stake, usd},
        rate::Percent,
    };

    fn day(text: &str) -> Day {
        Day::parse(text).unwrap()
    }

    #[test]
    fn payouts_and_ends_of_locks_come_in_order() {
        let position = |id, payout, lock: Option<&str>| {
            let rate = Percent::new(3.65).unwrap();
            let earns = Earns::Stated {
                rate,
                place: String::new(),
            };
            let stake = Stake {
                opened: Some(day("2026-01-31")),
                payout,
                lock_until: lock.map(day),
                ..Stake::new(Holding::Worth(usd("10,000".parse().unwrap())), earns)
            };
            let position = Position {
                id: PositionId(id),
                owner: UserId(1),
                stake,
                added_at: day("2026-01-31").start(),
            };
            let layer = LayerQuote {
                rate: Some(rate),
                ..LayerQuote::default()
            };
            let quote = Quote {
                layers: vec![layer],
                unit_usd: Some(Decimal::ONE),
                paid_usd: None,
                ..Quote::default()
            };
            (position, quote)
        };
        let portfolio = Portfolio::of([
            position(1, Some(Payout::Monthly), Some("2026-03-15")),
            position(2, Some(Payout::Daily), Some("2026-02-10")),
            position(3, Some(Payout::AtClaim), None),
        ]);
        let events = events(&portfolio, day("2026-02-10"), day("2026-03-31"));
        let told: Vec<(String, i64, Option<String>)> = events
            .iter()
            .map(|event| {
                let paid = match event.what {
                    What::Payout { usd, .. } => usd.map(|usd| usd.round_dp(2).to_string()),
                    What::LockEnds => None,
                };
                (event.day.to_string(), event.line.position.id.0, paid)
            })
            .collect();
        let paid = |usd: &str| Some(usd.to_owned());
        assert_eq!(
            told,
            [
                ("2026-02-11".to_owned(), 2, paid("1.00")),
                ("2026-02-28".to_owned(), 1, paid("28.00")),
                ("2026-03-15".to_owned(), 1, None),
                ("2026-03-31".to_owned(), 1, paid("31.00")),
            ]
        );
    }
}
