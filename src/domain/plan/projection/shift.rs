//! Where a projection ends if prices stand elsewhere than reckoned: the same plan, in which the price level
//! of the capital steps once.
//!
//! The step is taken when it touches most of what a plan is for: at the beginning of the year in which
//! withdrawals begin, so that every withdrawal comes after it; at the end of the last year where nothing is
//! withdrawn, so that all that was saved is touched by it. It multiplies what stands there at that moment.
//! Yield, growth of the price and amounts a month stay as they were told, before the step and after it.

use rust_decimal::Decimal;

use super::{Plan, PlanError, Terms, fraction};
use crate::domain::{income::Income, rate::Percent};

/// How far prices are moved, in percent: that much down and that much up.
pub const STEP: f64 = 20.0;

/// A plan's end after prices stepped.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shifted {
    /// How far prices stand from those of the plan, in percent of these.
    pub by: Percent,
    /// The capital at the end; zero where it has run out.
    pub end: Decimal,
    /// What that end earns after tax, at the rate of the plan.
    pub income: Income,
    /// The year in which nothing is left.
    pub runs_out: Option<u32>,
}

/// The year with whose beginning prices step; `None` where they do at the end.
pub fn steps_in(plan: &Plan) -> Option<u32> {
    plan.withdrawal.map(|withdrawal| withdrawal.from)
}

/// Ends with prices [`STEP`] lower, as the plan has them, and [`STEP`] higher. The plan has to be one that
/// [`project`](super::project) takes.
pub fn shifts(plan: &Plan) -> Result<[Shifted; 3], PlanError> {
    let shifted = |by: f64| shifted(plan, Percent::new(by).unwrap_or_default());
    Ok([shifted(-STEP)?, shifted(0.0)?, shifted(STEP)?])
}

/// The end with prices that step by so many percent, over −99 and up to 1,000.
pub fn shifted(plan: &Plan, by: Percent) -> Result<Shifted, PlanError> {
    if !(by.get() > -99.0 && by.get() <= 1_000.0) {
        return Err(PlanError::PriceGrowth(by));
    }
    let plan = plan.checked()?;
    walked(&plan, by).ok_or(PlanError::BeyondAllNumbers)
}

fn walked(plan: &Plan, by: Percent) -> Option<Shifted> {
    let terms = Terms::of(plan)?;
    let level = Decimal::ONE.checked_add(fraction(by)?)?;
    let steps_in = steps_in(plan);
    let mut capital = plan.capital;
    let mut runs_out = None;
    for number in 1..=plan.years {
        if steps_in == Some(number) {
            capital = capital.checked_mul(level)?;
        }
        capital = terms.year(number, capital, terms.rate)?.end;
        if capital.is_zero() {
            runs_out = Some(number);
            break;
        }
    }
    if steps_in.is_none() {
        capital = capital.checked_mul(level)?;
    }
    Some(Shifted {
        by,
        end: capital,
        income: Income::of(capital, plan.rate)?.after(plan.tax),
        runs_out,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{
        super::{
            Withdrawal, project,
            tests::{any_plan, percent, plain},
        },
        *,
    };

    fn rounded(amount: Decimal) -> String {
        amount.round_dp(2).normalize().to_string()
    }

    #[test]
    fn what_is_saved_is_touched_at_the_end() {
        let saving = Plan {
            contribution: Decimal::from(10),
            tax: percent(25.0),
            ..plain(1_000, 10.0, 2)
        };
        let ends = shifts(&saving).unwrap().map(|it| rounded(it.end));
        // 1,000 · 1.075 + 120 = 1,195; · 1.075 + 120 = 1,404.625.
        assert_eq!(ends, ["1123.7", "1404.62", "1685.55"]);
        let incomes = shifts(&saving).unwrap().map(|it| rounded(it.income.year()));
        assert_eq!(incomes, ["84.28", "105.35", "126.42"]);
    }

    #[test]
    fn withdrawals_come_after_the_step() {
        let monthly = Decimal::from(20);
        let spending = Plan {
            withdrawal: Some(Withdrawal { monthly, from: 2 }),
            ..plain(1_000, 10.0, 3)
        };
        assert_eq!(steps_in(&spending), Some(2));
        let [lower, same, higher] = shifts(&spending).unwrap();
        // 1,100 · 0.8 = 880, · 1.1 − 240 = 728, · 1.1 − 240 = 560.8.
        assert_eq!(rounded(lower.end), "560.8");
        assert_eq!(rounded(same.end), "827");
        assert_eq!(rounded(higher.end), "1093.2");
    }

    /// 300,000 that bring 6 % and have to give 24,000 a year last 24 years, and much less after a fall.
    #[test]
    fn a_fall_brings_the_last_year_nearer() {
        let monthly = Decimal::from(2_000);
        let spending = Plan {
            withdrawal: Some(Withdrawal { monthly, from: 1 }),
            ..plain(300_000, 6.0, 40)
        };
        let years = shifts(&spending).unwrap().map(|it| it.runs_out);
        assert_eq!(years, [Some(16), Some(24), Some(40)]);
        // What stands there after the fall may be less than the first year takes.
        let more = Plan {
            withdrawal: Some(Withdrawal {
                monthly: Decimal::from(25_000),
                from: 1,
            }),
            ..spending
        };
        let [lower, ..] = shifts(&more).unwrap();
        assert_eq!((lower.runs_out, lower.end), (Some(1), Decimal::ZERO));
    }

    #[test]
    fn absurd_steps_are_refused() {
        for by in [-99.0, -150.0, 1_000.1] {
            let refused = shifted(&plain(1, 5.0, 1), percent(by));
            assert_eq!(refused, Err(PlanError::PriceGrowth(percent(by))));
        }
    }

    proptest! {
        /// Prices that stand where they were reckoned change nothing.
        #[test]
        fn without_a_step_the_plan_is_itself(plan in any_plan()) {
            let Ok(projection) = project(&plan) else { return Ok(()) };
            let Ok(same) = shifted(&plan, Percent::ZERO) else { return Ok(()) };
            prop_assert_eq!(same.end, projection.years.last().unwrap().end);
            prop_assert_eq!(same.runs_out, projection.runs_out);
        }

        /// Higher prices never end with less, nor earlier.
        #[test]
        fn higher_prices_never_end_with_less(plan in any_plan(), by in -90.0..90.0_f64, more in 0.1..90.0_f64) {
            let ends = (shifted(&plan, percent(by)), shifted(&plan, percent(by + more)));
            let (Ok(lower), Ok(higher)) = ends else { return Ok(()) };
            let least = lower.end.max(Decimal::ONE) * Decimal::new(1, 6);
            prop_assert!(higher.end + least >= lower.end, "{lower:?} {higher:?}");
            prop_assert!(higher.income.year() + least >= lower.income.year());
            let last = |it: &Shifted| it.runs_out.unwrap_or(u32::MAX);
            prop_assert!(last(&higher) >= last(&lower), "{lower:?} {higher:?}");
        }

        /// Without withdrawals the end is as much higher as prices are.
        #[test]
        fn without_withdrawals_all_of_it_moves_with_prices(plan in any_plan(), by in -90.0..90.0_f64) {
            let plan = Plan { withdrawal: None, ..plan };
            let ends = (shifted(&plan, Percent::ZERO), shifted(&plan, percent(by)));
            let (Ok(same), Ok(moved)) = ends else { return Ok(()) };
            let level = Decimal::ONE + fraction(percent(by)).unwrap();
            prop_assert_eq!(moved.end, same.end * level);
        }
    }
}
