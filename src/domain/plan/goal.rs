//! Which yield an income takes from a capital, and whether such a yield lasts.

use rust_decimal::Decimal;

use super::{
    Goal, PlanError,
    reference::{self, Band, Judgement},
    required_capital, required_yield,
};
use crate::domain::{rate::Percent, staking::after_inflation};

/// What a goal takes.
#[derive(Debug, Clone, PartialEq)]
pub struct Required {
    /// The yield that the income itself is of the capital.
    pub after_tax: Percent,
    /// What has to come in a year for the income to be left after tax.
    pub earned: Decimal,
    /// The yield that has to be paid before tax: the one that is judged.
    pub before_tax: Percent,
    /// What inflation makes of it, where one was stated.
    pub inflated: Option<Inflated>,
    pub judgement: Judgement,
    /// The ways of earning that are generally said to pay it.
    pub bands: Vec<Band>,
    /// The capital that brings the income at [`reference::LASTING`].
    pub capital_at_lasting: Decimal,
}

/// A yield that money loses worth against.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Inflated {
    pub inflation: Percent,
    /// What the yield after tax is worth once the money has lost: (1 + n)/(1 + i) − 1.
    pub real: Percent,
    /// The yield before tax that would pay the income *and* keep the worth of income and capital:
    /// ((1 + n)·(1 + i) − 1)/(1 − tax).
    pub keeping: Percent,
}

/// US dollars that a pool has to hold to be counted among those that pay a rate.
pub const LARGE_TVL_USD: f64 = 10_000_000.0;

/// How many pools of the market pay a rate or more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paying {
    pub paying: usize,
    /// Those that were looked at; above zero.
    pub of: usize,
}

/// What it takes for `capital` to bring the goal's income. `max_apy` is the percent above which offers are
/// screened out.
pub fn required(
    goal: &Goal,
    capital: Decimal,
    inflation: Option<Percent>,
    max_apy: f64,
) -> Result<Required, PlanError> {
    let beyond = PlanError::BeyondAllNumbers;
    goal.tax.map(super::tax).transpose()?;
    let after_tax = required_yield(goal.income_yearly, capital).ok_or(beyond)?;
    let earned = goal.before_tax().ok_or(beyond)?;
    let before_tax = required_yield(earned, capital).ok_or(beyond)?;
    let lasting = Percent::new(reference::LASTING).ok_or(beyond)?;
    Ok(Required {
        after_tax,
        earned,
        before_tax,
        inflated: inflation
            .map(|rate| inflated(goal, after_tax, super::inflation(rate)?))
            .transpose()?,
        judgement: reference::judge(before_tax, max_apy),
        bands: reference::holding(before_tax),
        capital_at_lasting: required_capital(earned, lasting).ok_or(beyond)?,
    })
}

fn inflated(goal: &Goal, after_tax: Percent, inflation: Percent) -> Result<Inflated, PlanError> {
    let real = after_inflation(after_tax, inflation);
    let grown = (1.0 + after_tax.as_fraction()) * (1.0 + inflation.as_fraction()) - 1.0;
    let kept = 1.0 - goal.tax.unwrap_or(Percent::ZERO).as_fraction();
    let keeping = Percent::from_fraction(grown / kept);
    let both = real.zip(keeping);
    let (real, keeping) = both.ok_or(PlanError::BeyondAllNumbers)?;
    Ok(Inflated {
        inflation,
        real,
        keeping,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::currency::Currency;

    fn percent(value: f64) -> Percent {
        Percent::new(value).unwrap()
    }

    fn asked(
        income: i64,
        capital: i64,
        tax: Option<f64>,
        inflation: Option<f64>,
    ) -> Result<Required, PlanError> {
        let goal = Goal {
            income_yearly: Decimal::from(income),
            currency: Currency::Usd,
            tax: tax.map(percent),
            capital: Some(Decimal::from(capital)),
        };
        let inflation = inflation.map(percent);
        required(&goal, Decimal::from(capital), inflation, 100.0)
    }

    #[test]
    fn fifty_thousand_of_a_million_and_of_half_of_it() {
        let million = asked(50_000, 1_000_000, None, None).unwrap();
        assert_eq!(million.after_tax, percent(5.0));
        assert_eq!(million.before_tax, percent(5.0));
        assert_eq!(million.judgement, Judgement::Lasts);
        let taxed = asked(50_000, 1_000_000, Some(25.0), None).unwrap();
        assert_eq!(format!("{:.2}", taxed.before_tax.get()), "6.67");
        let half = asked(50_000, 500_000, None, None).unwrap();
        assert_eq!(half.before_tax, percent(10.0));
        assert_eq!(half.judgement, Judgement::OutsideOfWhatLasts);
        let enough = half.capital_at_lasting.round_dp(2);
        assert_eq!(enough.to_string(), "833333.33");
    }

    #[test]
    fn inflation_takes_from_the_yield_and_adds_to_what_keeps_worth() {
        let wanted = asked(18, 100, None, Some(10.0)).unwrap();
        let inflated = wanted.inflated.unwrap();
        assert_eq!(format!("{:.3}", inflated.real.get()), "7.273");
        // Of 100, 118 × 1.1 has to stand there before 18 × 1.1 is taken, so that 110 stay.
        assert!((inflated.keeping.get() - 29.8).abs() < 1e-9);
        let taxed = asked(18, 100, Some(20.0), Some(10.0)).unwrap();
        assert!((taxed.inflated.unwrap().keeping.get() - 37.25).abs() < 1e-9);
    }

    #[test]
    fn what_cannot_be_reckoned_is_refused() {
        let no_capital = asked(1, 0, None, None);
        assert_eq!(no_capital, Err(PlanError::BeyondAllNumbers));
        let all = asked(1, 1, Some(100.0), None);
        assert_eq!(all, Err(PlanError::Tax(percent(100.0))));
        let none = asked(1, 1, None, Some(-99.0));
        assert_eq!(none, Err(PlanError::Inflation(percent(-99.0))));
    }

    proptest! {
        /// More tax never takes less, and what is asked of the capital brings the income again.
        #[test]
        fn tax_raises_what_has_to_be_earned(
            income in 1_i64..10_000_000, capital in 1_i64..1_000_000_000, tax in 0.0..99.0_f64,
        ) {
            let plain = asked(income, capital, None, None).unwrap();
            let taxed = asked(income, capital, Some(tax), None).unwrap();
            prop_assert!(taxed.before_tax >= plain.before_tax);
            let left = taxed.before_tax.get() * (1.0 - tax / 100.0);
            prop_assert!((left - plain.after_tax.get()).abs() <= 1e-9 * left.max(1.0));
        }
    }
}
