//! What positions brought and will bring over a stretch of days: what was received, what is expected on a
//! pay-out day, and what is estimated because nobody knows when it is paid. The three are never mixed.

use std::collections::BTreeMap;

use chrono::Datelike as _;
use rust_decimal::Decimal;

use super::{
    currency::Exchange,
    ids::PositionId,
    income::{Line, Portfolio},
    ledger::{Kind, Logged},
    method::Method,
    payout,
    position::Payout,
    time::Day,
    zone::Zone,
};

/// Income that was logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Received {
    pub day: Day,
    /// US dollars when it was received; `None` where no price is known.
    pub usd: Option<Decimal>,
    pub position: Option<PositionId>,
    /// It is what the position pays, so that it is no longer expected; an airdrop comes on top.
    pub is_payout: bool,
}

impl Received {
    /// What was logged, by today's exchange and on its owner's own day.
    pub fn of(logged: &Logged, exchange: &Exchange, zone: Zone) -> Self {
        let worth = logged.entry.worth();
        Self {
            day: zone.day(logged.entry.at),
            usd: worth.and_then(|worth| exchange.to_usd(worth.amount, worth.currency)),
            position: logged.entry.position,
            is_payout: logged.entry.kind != Kind::Airdrop,
        }
    }
}

/// A month of a calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Month {
    pub year: i32,
    /// 1 to 12.
    pub month: u32,
}

impl Month {
    pub fn of(day: Day) -> Self {
        let date = day.date();
        Self {
            year: date.year(),
            month: date.month(),
        }
    }

    fn next(self) -> Self {
        if self.month == 12 {
            Self {
                year: self.year + 1,
                month: 1,
            }
        } else {
            Self {
                month: self.month + 1,
                ..self
            }
        }
    }

    /// The last day of it.
    fn end(self) -> Day {
        let next = self.next();
        let first = chrono::NaiveDate::from_ymd_opt(next.year, next.month, 1);
        Day(Day::of(first.unwrap_or_default()).0 - 1)
    }
}

/// The three kinds of income, in US dollars.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Parts {
    /// Logged, at its value then.
    pub received: Decimal,
    /// By the rhythm that its owner told and today's rate, and not logged.
    pub expected: Decimal,
    /// Comes together at today's rate without a day on which it is paid.
    pub estimated: Decimal,
}

impl Parts {
    pub fn total(&self) -> Decimal {
        let logged_and_expected = self.received.saturating_add(self.expected);
        logged_and_expected.saturating_add(self.estimated)
    }

    fn add(&mut self, other: Self) {
        self.received = self.received.saturating_add(other.received);
        self.expected = self.expected.saturating_add(other.expected);
        self.estimated = self.estimated.saturating_add(other.estimated);
    }
}

/// A pay-out day that is over, and nothing was logged for it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Unlogged<'a> {
    pub line: &'a Line,
    pub day: Day,
    /// US dollars at today's rate and price.
    pub usd: Option<Decimal>,
    /// At today's rate, in what the holding is told in: units of its asset, or its currency.
    pub amount: Option<Decimal>,
}

/// Income over a stretch of days.
#[derive(Debug, Clone, PartialEq)]
pub struct Flow<'a> {
    pub from: Day,
    /// The last day that counts.
    pub to: Day,
    pub parts: Parts,
    /// Every month of the stretch, in order.
    pub months: BTreeMap<Month, Parts>,
    /// By what brings most.
    pub methods: Vec<(Method, Parts)>,
    /// The latest first.
    pub unlogged: Vec<Unlogged<'a>>,
    /// Logged income without a price, which no sum holds.
    pub unpriced: usize,
    /// Positions without an income in money.
    pub left_out: usize,
}

/// How far from a pay-out day income may be logged and still be that pay-out.
const GRACE_DAYS: i32 = 3;

impl<'a> Flow<'a> {
    /// Over `from..=to` as seen on `today`. `logged` is all income that was ever logged.
    pub fn of(
        portfolio: &'a Portfolio,
        logged: &[Received],
        (from, to): (Day, Day),
        today: Day,
    ) -> Self {
        let mut flow = Self {
            from,
            to,
            parts: Parts::default(),
            months: BTreeMap::new(),
            methods: Vec::new(),
            unlogged: Vec::new(),
            unpriced: 0,
            left_out: portfolio.left_out().count(),
        };
        let mut month = Month::of(from);
        while month <= Month::of(to) {
            flow.months.insert(month, Parts::default());
            month = month.next();
        }
        for income in logged
            .iter()
            .filter(|income| (from..=to).contains(&income.day))
        {
            flow.receive(portfolio, income);
        }
        for line in &portfolio.lines {
            let logged: Vec<Day> = logged
                .iter()
                .filter(|income| income.is_payout && income.position == Some(line.position.id))
                .map(|income| income.day)
                .collect();
            match line.position.stake.payout {
                Some(rhythm) if rhythm != Payout::AtClaim => {
                    flow.expect(line, rhythm, logged, today);
                }
                _ => flow.estimate(line, &logged),
            }
        }
        flow.methods.retain(|(_, parts)| !parts.total().is_zero());
        flow.methods
            .sort_by_key(|(_, parts)| std::cmp::Reverse(parts.total()));
        flow.unlogged.sort_by_key(|one| std::cmp::Reverse(one.day));
        flow
    }

    fn receive(&mut self, portfolio: &Portfolio, income: &Received) {
        let Some(usd) = income.usd else {
            self.unpriced += 1;
            return;
        };
        let line = portfolio
            .lines
            .iter()
            .find(|line| Some(line.position.id) == income.position);
        let parts = Parts {
            received: usd,
            ..Parts::default()
        };
        let method = line.map_or(Method::Unknown, |line| line.method);
        self.book(income.day, method, parts);
    }

    /// A pay-out for which something was logged is received and no longer expected.
    fn expect(&mut self, line: &'a Line, rhythm: Payout, mut logged: Vec<Day>, today: Day) {
        let since = line.position.since();
        for day in payout::days(since, rhythm, self.from, self.to) {
            let before = payout::before(since, rhythm, day);
            let earliest = Day(day.0 - GRACE_DAYS).max(Day(before.0 + 1));
            let latest = Day(day.0 + GRACE_DAYS.min(day.0 - before.0 - 1));
            if let Some(at) = logged
                .iter()
                .position(|it| (earliest..=latest).contains(it))
            {
                logged.swap_remove(at);
                continue;
            }
            let days = u32::try_from(day.0 - before.0).unwrap_or(0);
            let usd = line.income_usd.map(|income| income.over(days));
            if day <= today {
                let told = line.income_as_told();
                self.unlogged.push(Unlogged {
                    line,
                    day,
                    usd,
                    amount: told.map(|income| income.over(days)),
                });
            }
            let expected = Parts {
                expected: usd.unwrap_or_default(),
                ..Parts::default()
            };
            self.book(day, line.method, expected);
        }
    }

    /// What has come together since it was last taken out, month by month.
    fn estimate(&mut self, line: &Line, logged: &[Day]) {
        let taken = logged.iter().max().copied();
        let begins = taken.map_or(line.position.since(), |day| day.max(line.position.since()));
        let mut begins = begins.max(Day(self.from.0 - 1));
        let Some(income) = line.income_usd else {
            return;
        };
        while begins < self.to {
            let ends = Month::of(Day(begins.0 + 1)).end().min(self.to);
            let days = u32::try_from(ends.0 - begins.0).unwrap_or(0);
            let estimated = Parts {
                estimated: income.over(days),
                ..Parts::default()
            };
            self.book(ends, line.method, estimated);
            begins = ends;
        }
    }

    fn book(&mut self, day: Day, method: Method, parts: Parts) {
        self.parts.add(parts);
        self.months.entry(Month::of(day)).or_default().add(parts);
        match self.methods.iter_mut().find(|(known, _)| *known == method) {
            Some((_, known)) => known.add(parts),
            None => self.methods.push((method, parts)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::{
        ids::UserId,
        income::{LayerQuote, Quote},
        money::Amount,
        position::{Earns, Holding, Position, Stake, usd},
        rate::Percent,
    };

    fn day(text: &str) -> Day {
        Day::parse(text).unwrap()
    }

    /// So many dollars at so much a year since a day.
    fn position(id: i64, worth: i64, since: Day, payout: Option<Payout>) -> (Position, f64) {
        let worth = Amount::new(Decimal::from(worth)).unwrap();
        let rate = Percent::new(3.65).unwrap();
        let stake = Stake {
            opened: Some(since),
            payout,
            method: Some(if id % 2 == 0 {
                Method::Lending
            } else {
                Method::StakingLiquid
            }),
            ..Stake::new(
                Holding::Worth(usd(worth)),
                Earns::Stated {
                    rate,
                    place: String::new(),
                },
            )
        };
        let position = Position {
            id: PositionId(id),
            owner: UserId(1),
            stake,
            added_at: since.start(),
        };
        (position, rate.get())
    }

    fn portfolio(positions: Vec<(Position, f64)>) -> Portfolio {
        Portfolio::of(positions.into_iter().map(|(position, rate)| {
            let layer = LayerQuote {
                rate: Percent::new(rate),
                ..LayerQuote::default()
            };
            let quote = Quote {
                layers: vec![layer],
                unit_usd: Some(Decimal::ONE),
                paid_usd: None,
                ..Quote::default()
            };
            (position, quote)
        }))
    }

    fn received(on: &str, usd: i64, position: i64) -> Received {
        Received {
            day: day(on),
            usd: Some(Decimal::from(usd)),
            position: Some(PositionId(position)),
            is_payout: true,
        }
    }

    /// 10,000 at 3.65 % are 1 a day.
    #[test]
    fn what_was_logged_is_no_longer_expected() {
        let held = portfolio(vec![position(
            1,
            10_000,
            day("2026-01-01"),
            Some(Payout::Monthly),
        )]);
        let (from, to) = (day("2026-01-01"), day("2026-12-31"));
        let logged = [received("2026-02-02", 30, 1), received("2026-03-01", 29, 1)];
        let flow = Flow::of(&held, &logged, (from, to), day("2026-04-15"));
        assert_eq!(flow.parts.received, Decimal::from(59));
        // Eleven pay-outs from February on; two are there.
        let expected = 365 - 31 - 31 - 28;
        assert_eq!(flow.parts.expected.round_dp(6), Decimal::from(expected));
        assert_eq!(flow.parts.estimated, Decimal::ZERO);
        let unlogged: Vec<String> = flow
            .unlogged
            .iter()
            .map(|one| one.day.to_string())
            .collect();
        assert_eq!(unlogged, ["2026-04-01"]);
        let amount = flow.unlogged[0].amount.unwrap();
        assert_eq!(amount.round_dp(6), Decimal::from(31), "in its own currency");
        assert_eq!(flow.months.len(), 12);
    }

    #[test]
    fn what_is_claimed_is_estimated_from_the_last_claim_on() {
        let held = portfolio(vec![position(2, 10_000, day("2026-01-10"), None)]);
        let year = (day("2026-01-01"), day("2026-12-31"));
        let flow = Flow::of(&held, &[], year, day("2026-06-01"));
        assert_eq!(flow.parts.estimated.round_dp(6), Decimal::from(355));
        let logged = [received("2026-12-21", 345, 2)];
        let flow = Flow::of(&held, &logged, year, day("2026-12-31"));
        assert_eq!(flow.parts.received, Decimal::from(345));
        assert_eq!(flow.parts.estimated.round_dp(6), Decimal::from(10));
        assert_eq!(flow.methods[0].0, Method::Lending);
    }

    /// It comes on top of what a position pays, and is no pay-out of it.
    #[test]
    fn an_airdrop_takes_no_pay_out_away() {
        let held = portfolio(vec![position(2, 10_000, day("2026-01-01"), None)]);
        let airdrop = Received {
            is_payout: false,
            ..received("2026-12-31", 5, 2)
        };
        let year = (day("2026-01-01"), day("2026-12-31"));
        let flow = Flow::of(&held, &[airdrop], year, day("2026-12-31"));
        assert_eq!(flow.parts.received, Decimal::from(5));
        assert_eq!(flow.parts.estimated.round_dp(6), Decimal::from(364));
    }

    #[test]
    fn a_weekly_payout_is_not_taken_for_its_neighbour() {
        let held = portfolio(vec![position(
            1,
            10_000,
            day("2026-01-01"),
            Some(Payout::Weekly),
        )]);
        let weeks = (day("2026-01-01"), day("2026-01-31"));
        let logged = [received("2026-01-08", 7, 1), received("2026-01-09", 7, 1)];
        let flow = Flow::of(&held, &logged, weeks, day("2026-01-31"));
        let unlogged: Vec<String> = flow
            .unlogged
            .iter()
            .map(|one| one.day.to_string())
            .collect();
        assert_eq!(unlogged, ["2026-01-29", "2026-01-22", "2026-01-15"]);
    }

    #[test]
    fn income_without_a_price_is_counted_and_not_added() {
        let held = portfolio(Vec::new());
        let lost = Received {
            usd: None,
            ..received("2026-01-02", 1, 9)
        };
        let flow = Flow::of(
            &held,
            &[lost],
            (day("2026-01-01"), day("2026-01-31")),
            day("2026-02-01"),
        );
        assert_eq!((flow.unpriced, flow.parts.total()), (1, Decimal::ZERO));
    }

    proptest! {
        #[test]
        fn months_and_methods_sum_to_the_whole(
            held in proptest::collection::vec((1_i64..1_000_000, 20_000_i32..20_600, 0_usize..6), 0..8),
            logged in proptest::collection::vec((20_000_i32..21_000, 1_i64..1_000, 0_i64..9), 0..30),
            from in 20_000_i32..20_600, long in 0_i32..500,
        ) {
            let positions = held.iter().enumerate().map(|(at, (worth, since, payout))| {
                let payout = Payout::ALL.get(*payout).copied();
                position(i64::try_from(at).unwrap(), *worth, Day(*since), payout)
            });
            let held = portfolio(positions.collect());
            let logged: Vec<Received> = logged.iter().map(|(day, usd, position)| Received {
                day: Day(*day),
                usd: Some(Decimal::from(*usd)),
                position: Some(PositionId(*position)),
                is_payout: *position % 2 == 0,
            }).collect();
            let flow = Flow::of(&held, &logged, (Day(from), Day(from + long)), Day(20_500));
            let sum = |parts: Vec<Parts>| parts.iter().fold(Parts::default(), |mut sum, part| {
                sum.add(*part);
                sum
            });
            let near = |a: Parts, b: Parts| (a.total() - b.total()).abs() < Decimal::new(1, 12);
            prop_assert!(near(sum(flow.months.values().copied().collect()), flow.parts));
            prop_assert!(near(sum(flow.methods.iter().map(|(_, parts)| *parts).collect()), flow.parts));
            let within = logged.iter().filter(|it| (from..=from + long).contains(&it.day.0));
            let received: Decimal = within.filter_map(|it| it.usd).sum();
            prop_assert_eq!(received, flow.parts.received);
        }
    }
}
