//! How far a portfolio has drifted from the allocation that its owner chose.

use rust_decimal::{Decimal, prelude::ToPrimitive as _};

use super::{
    correlation::follows_a_currency,
    exposure::Held,
    method::Method,
    plan::allocation::{Shares, Sleeve},
    position::Earns,
};

/// A part of the portfolio beside what it was to be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Drift {
    /// `None` for what is in no sleeve of an allocation, which nobody wanted any of.
    pub sleeve: Option<Sleeve>,
    /// Percent of the value.
    pub now: f64,
    /// Percent of the value.
    pub wanted: Decimal,
    /// US dollars over what was wanted; below zero where some are missing.
    pub over: Decimal,
}

/// Each sleeve in order, then what is in none, where there is any. Nothing without a value.
pub fn drift(held: &[Held<'_>], wanted: Shares) -> Vec<Drift> {
    let value = |one: &Held<'_>| one.line.value_usd.unwrap_or_default();
    let sum = |sleeve: Option<Sleeve>| {
        let of_it = held.iter().filter(|one| sleeve_of(one) == sleeve);
        of_it
            .map(value)
            .fold(Decimal::ZERO, Decimal::saturating_add)
    };
    let whole = held
        .iter()
        .map(value)
        .fold(Decimal::ZERO, Decimal::saturating_add);
    if whole <= Decimal::ZERO {
        return Vec::new();
    }
    let beside = sum(None);
    let rest = (!beside.is_zero()).then_some((None, Decimal::ZERO));
    let sleeves = wanted.all().map(|(sleeve, share)| (Some(sleeve), share));
    sleeves
        .chain(rest)
        .map(|(sleeve, wanted)| {
            let there = sum(sleeve);
            let aim = whole.saturating_mul(wanted / Decimal::ONE_HUNDRED);
            Drift {
                sleeve,
                now: (there / whole).to_f64().unwrap_or_default() * 100.0,
                wanted,
                over: there.saturating_sub(aim),
            }
        })
        .filter(|part| part.now > 0.0 || !part.wanted.is_zero())
        .collect()
}

/// What it is a part of: by the pool of its lowest layer, else by its method and what is held.
fn sleeve_of(one: &Held<'_>) -> Option<Sleeve> {
    let stake = &one.line.position.stake;
    if let (Some(Earns::Pool { .. }), Some(pool)) = (stake.base(), one.pools.first()) {
        return Sleeve::ALL.into_iter().find(|sleeve| sleeve.holds(pool));
    }
    match one.line.method {
        method if method.is_staking() => Some(Sleeve::Staking),
        Method::Lending if one.assets().iter().all(|coin| follows_a_currency(coin)) => {
            Some(Sleeve::Lending)
        }
        Method::Liquidity => Some(Sleeve::Liquidity),
        Method::Farming => Some(Sleeve::Farming),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        ids::{PositionId, UserId},
        income::{LayerQuote, Line, Portfolio, Quote},
        position::{Holding, Position, Stake, usd},
        rate::Percent,
        time::Timestamp,
    };

    fn line(worth: i64, method: Method) -> Line {
        let earns = Earns::Stated {
            rate: Percent::ZERO,
            place: String::new(),
        };
        let worth = worth.to_string().parse().unwrap();
        let position = Position {
            id: PositionId(1),
            owner: UserId(1),
            stake: Stake {
                method: Some(method),
                ..Stake::new(Holding::Worth(usd(worth)), earns)
            },
            added_at: Timestamp::default(),
        };
        let quote = Quote {
            layers: vec![LayerQuote::default()],
            unit_usd: Some(Decimal::ONE),
            ..Quote::default()
        };
        Portfolio::of([(position, quote)]).lines.remove(0)
    }

    #[test]
    fn what_is_over_in_one_part_is_missing_in_others() {
        let lines = [
            line(600, Method::StakingLiquid),
            line(300, Method::Lending),
            line(100, Method::Index),
        ];
        let held: Vec<Held<'_>> = lines
            .iter()
            .map(|line| Held {
                line,
                pools: Vec::new(),
            })
            .collect();
        let drifted = drift(&held, "45/35/15/5".parse().unwrap());
        let found: Vec<(Option<Sleeve>, i64)> = drifted
            .iter()
            .map(|part| (part.sleeve, part.over.to_i64().unwrap()))
            .collect();
        assert_eq!(
            found,
            [
                (Some(Sleeve::Staking), 150),
                (Some(Sleeve::Lending), -50),
                (Some(Sleeve::Liquidity), -150),
                (Some(Sleeve::Farming), -50),
                (None, 100),
            ]
        );
        assert!((drifted[0].now - 60.0).abs() < 1e-9);
        assert_eq!(
            drifted.iter().map(|part| part.over).sum::<Decimal>(),
            Decimal::ZERO
        );
        assert!(drift(&[], "45/35/15/5".parse().unwrap()).is_empty());
    }

    #[test]
    fn an_allocation_is_read_as_people_write_it_and_has_to_be_whole() {
        for text in [
            "45/35/15/5",
            " 45 % / 35 / 15 / 5",
            "100/0/0/0",
            "33.5/33.5/33/0",
        ] {
            assert!(text.parse::<Shares>().is_ok(), "{text}");
        }
        for text in [
            "45/35/15",
            "45/35/15/6",
            "a/b/c/d",
            "110/-10/0/0",
            "",
            "45/35/15/5/0",
        ] {
            assert!(text.parse::<Shares>().is_err(), "{text}");
        }
        let shares: Shares = "45/35/15/5".parse().unwrap();
        let json = serde_json::to_string(&shares).unwrap();
        assert_eq!(serde_json::from_str::<Shares>(&json).unwrap(), shares);
    }
}
