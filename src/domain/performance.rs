//! How positions did: what the price did, what income came on top, and what fees took. Total return = price
//! return + income return − fees; the three are shown side by side and never merged into a rate.

use rust_decimal::{Decimal, prelude::ToPrimitive as _};

use super::{income::Line, plan::total_return, rate::Percent, time::Day};

/// What a return is measured by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// What was paid, as its owner told.
    Paid,
    /// What it was worth at its beginning, by the price of that day.
    Worth,
}

/// What happened to a position since a day, in US dollars.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Past {
    pub since: Day,
    pub basis: Basis,
    /// What was paid for it, or what it was worth then; above zero.
    pub start: Decimal,
    /// Income that was logged since.
    pub received: Decimal,
    /// What has come together at today's rate since the last of it was logged.
    pub accrued: Decimal,
    /// Fees of getting in, and of receiving.
    pub fees: Decimal,
    /// Logged incomes without a price, which `received` leaves out.
    pub unpriced: usize,
    /// Fees whose exchange is not known, which `fees` leaves out.
    pub unknown_fees: usize,
    /// Without a rate nothing is known to have come together.
    pub has_rate: bool,
}

/// A position or all of them, each part in percent of the start.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Returns {
    pub price: Percent,
    pub income: Percent,
    pub fees: Percent,
    pub total: Percent,
}

/// A position with how it did.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Performance<'a> {
    pub line: &'a Line,
    pub past: Past,
    /// US dollars.
    pub value: Decimal,
    pub returns: Returns,
}

impl<'a> Performance<'a> {
    /// `None` without a value now or something to measure it by.
    pub fn of(line: &'a Line, past: Past) -> Option<Self> {
        let value = line.value_usd?;
        let income = past.received.checked_add(past.accrued)?;
        Some(Self {
            line,
            past,
            value,
            returns: returns(past.start, value, income, past.fees)?,
        })
    }
}

/// All of them together: what each is worth counts by what it was worth at its own beginning. `None`
/// without any.
pub fn together(parts: &[Performance<'_>]) -> Option<Returns> {
    let sum = |of: fn(&Performance<'_>) -> Decimal| {
        parts
            .iter()
            .fold(Decimal::ZERO, |sum, part| sum.saturating_add(of(part)))
    };
    returns(
        sum(|part| part.past.start),
        sum(|part| part.value),
        sum(|part| part.past.received.saturating_add(part.past.accrued)),
        sum(|part| part.past.fees),
    )
}

fn returns(start: Decimal, value: Decimal, income: Decimal, fees: Decimal) -> Option<Returns> {
    if start <= Decimal::ZERO {
        return None;
    }
    let share = |part: Decimal| Percent::from_fraction(part.checked_div(start)?.to_f64()?);
    let (price, income, fees) = (
        share(value.checked_sub(start)?)?,
        share(income)?,
        share(fees)?,
    );
    Some(Returns {
        price,
        income,
        fees,
        total: total_return(price, income, fees)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        ids::{PositionId, UserId},
        income::{LayerQuote, Portfolio, Quote},
        position::{Earns, Holding, Position, Stake, usd},
        time::Timestamp,
    };

    fn line(worth: &str) -> Line {
        let earns = Earns::Stated {
            rate: Percent::ZERO,
            place: String::new(),
        };
        let position = Position {
            id: PositionId(1),
            owner: UserId(1),
            stake: Stake::new(Holding::Worth(usd(worth.parse().unwrap())), earns),
            added_at: Timestamp::default(),
        };
        let quote = Quote {
            layers: vec![LayerQuote::default()],
            unit_usd: Some(Decimal::ONE),
            ..Quote::default()
        };
        Portfolio::of([(position, quote)]).lines.remove(0)
    }

    fn past(start: i64, received: i64, accrued: i64, fees: i64) -> Past {
        Past {
            since: Day(20_000),
            basis: Basis::Paid,
            start: start.into(),
            received: received.into(),
            accrued: accrued.into(),
            fees: fees.into(),
            unpriced: 0,
            unknown_fees: 0,
            has_rate: true,
        }
    }

    /// −20 % price and +6 % income are −14 %, and a fee of 1.5 % makes −15.5 %.
    #[test]
    fn income_does_not_hide_a_fall_of_the_price() {
        let line = line("800");
        let did = Performance::of(&line, past(1_000, 40, 20, 15))
            .unwrap()
            .returns;
        let near = |found: Percent, wanted: f64| assert!((found.get() - wanted).abs() < 1e-9);
        near(did.price, -20.0);
        near(did.income, 6.0);
        near(did.fees, 1.5);
        near(did.total, -15.5);
    }

    #[test]
    fn the_whole_weighs_each_by_what_it_began_with() {
        let (small, large) = (line("200"), line("900"));
        let parts = [
            Performance::of(&small, past(100, 0, 0, 0)).unwrap(),
            Performance::of(&large, past(900, 100, 0, 0)).unwrap(),
        ];
        let all = together(&parts).unwrap();
        assert!((all.price.get() - 10.0).abs() < 1e-9);
        assert!((all.total.get() - 20.0).abs() < 1e-9);
        assert_eq!(together(&[]), None);
        assert_eq!(Performance::of(&small, past(0, 1, 1, 1)), None);
    }
}
