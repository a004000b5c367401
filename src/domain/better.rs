//! Whether it is worth moving what is held to where it earns more: the gain in money a year, less what the
//! move costs. Pure reckoning; which places come into question is decided where the market is known.

use rust_decimal::{Decimal, prelude::ToPrimitive as _};

use super::{
    income::{Income, Line},
    rate::{Percent, Points},
};

/// What a move brings, in US dollars.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gain {
    pub points: Points,
    /// More income a year, before what the move costs.
    pub yearly: Decimal,
    /// What is left of it in the first year once the move is paid.
    pub first_year: Decimal,
    /// Days until the move is paid for.
    pub paid_back: u32,
}

impl Gain {
    /// From what `line` earns now to `rate`, where the move costs so many US dollars. `None` where it does
    /// not earn more, where its income is not known, or where a year does not pay for the move.
    pub fn of(line: &Line, rate: Percent, cost: Decimal) -> Option<Self> {
        let (now, value) = (line.rate?, line.value_usd?);
        let then = Income::of(value, rate)?;
        let yearly = then.year().checked_sub(line.income_usd?.year())?;
        let first_year = yearly.checked_sub(cost)?;
        if yearly <= Decimal::ZERO || first_year <= Decimal::ZERO {
            return None;
        }
        let days = cost.checked_mul(Decimal::from(365))?.checked_div(yearly)?;
        Some(Self {
            points: rate.points_from(now),
            yearly,
            first_year,
            paid_back: days.ceil().to_u32()?,
        })
    }
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

    fn line(rate: f64) -> Line {
        let rate = Percent::new(rate).unwrap();
        let earns = Earns::Stated {
            rate,
            place: String::new(),
        };
        let position = Position {
            id: PositionId(1),
            owner: UserId(1),
            stake: Stake::new(Holding::Worth(usd("5k".parse().unwrap())), earns),
            added_at: Timestamp::default(),
        };
        let quote = Quote {
            layers: vec![LayerQuote {
                rate: Some(rate),
                ..LayerQuote::default()
            }],
            unit_usd: Some(Decimal::ONE),
            paid_usd: None,
            ..Quote::default()
        };
        Portfolio::of([(position, quote)]).lines.remove(0)
    }

    fn gain(now: f64, then: f64, cost: i64) -> Option<Gain> {
        Gain::of(&line(now), Percent::new(then).unwrap(), cost.into())
    }

    #[test]
    fn a_gain_is_told_after_what_the_move_costs() {
        let gain = gain(2.6, 3.8, 12).unwrap();
        assert_eq!(gain.yearly.round_dp(6), Decimal::from(60));
        assert_eq!(gain.first_year.round_dp(6), Decimal::from(48));
        assert_eq!(gain.paid_back, 73);
        assert!((gain.points.get() - 1.2).abs() < 1e-9);
    }

    #[test]
    fn what_does_not_pay_for_itself_is_no_gain() {
        assert_eq!(gain(2.6, 2.6, 0), None);
        assert_eq!(gain(2.6, 1.0, 0), None);
        assert_eq!(gain(2.6, 3.8, 60), None);
        assert_eq!(gain(2.6, 3.8, 0).unwrap().paid_back, 0);
    }
}
