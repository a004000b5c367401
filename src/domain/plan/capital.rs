//! The capital that an income takes, and how much that hangs on the yield.

use rust_decimal::Decimal;

use super::{Goal, PlanError, earning, required_capital};
use crate::domain::rate::Percent;

/// A point up and down.
const STEP: f64 = 1.0;

/// What an income takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Needed {
    /// What has to come in a year for the income to be left after tax.
    pub earned: Decimal,
    pub at: AtRate,
    /// At a yield of a point less; without a capital where nothing is left of the yield.
    pub below: AtRate,
    /// At a yield of a point more.
    pub above: AtRate,
}

/// The capital at one yield before tax.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AtRate {
    pub rate: Percent,
    /// `None` where no capital brings the income.
    pub capital: Option<Decimal>,
}

/// The capital behind a goal at a yield before tax, and at a point less and more.
pub fn needed(goal: &Goal, rate: Percent) -> Result<Needed, PlanError> {
    let beyond = PlanError::BeyondAllNumbers;
    goal.tax.map(super::tax).transpose()?;
    let rate = earning(rate)?;
    let earned = goal.before_tax().ok_or(beyond)?;
    let at = |rate| AtRate {
        rate,
        capital: required_capital(earned, rate),
    };
    let by = |points: f64| Percent::new(rate.get() + points).map(at).ok_or(beyond);
    let asked = at(rate);
    asked.capital.ok_or(beyond)?;
    Ok(Needed {
        earned,
        at: asked,
        below: by(-STEP)?,
        above: by(STEP)?,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::currency::Currency;

    fn asked(income: i64, rate: f64, tax: Option<f64>) -> Result<Needed, PlanError> {
        let goal = Goal {
            income_yearly: Decimal::from(income),
            currency: Currency::Usd,
            tax: tax.and_then(Percent::new),
            capital: None,
        };
        needed(&goal, Percent::new(rate).unwrap())
    }

    fn told(at: AtRate) -> String {
        let capital = at.capital.map(|capital| format!("{capital:.2}"));
        capital.unwrap_or_default()
    }

    #[test]
    fn a_point_of_yield_is_worth_much_capital() {
        let needed = asked(50_000, 6.0, None).unwrap();
        assert_eq!(told(needed.at), "833333.33");
        assert_eq!(told(needed.below), "1000000.00");
        assert_eq!(told(needed.above), "714285.71");
        let taxed = asked(50_000, 6.0, Some(25.0)).unwrap();
        assert_eq!(told(taxed.at), "1111111.11");
    }

    #[test]
    fn no_capital_brings_an_income_at_nothing() {
        assert_eq!(asked(1, 1.0, None).unwrap().below.capital, None);
        assert_eq!(asked(1, 0.0, None), Err(PlanError::Yield(Percent::ZERO)),);
    }

    proptest! {
        #[test]
        fn more_yield_takes_less_capital(income in 1_i64..1_000_000_000, rate in 1.01..900.0_f64) {
            let needed = asked(income, rate, None).unwrap();
            let [above, at, below] = [needed.above, needed.at, needed.below].map(|it| it.capital);
            prop_assert!(above < at && at < below);
        }
    }
}
