//! How far a projection may end from its main path: the same plan gone through many times, with yields that
//! differ from year to year.
//!
//! Each year of each path draws its yield from a normal distribution around the plan's, never below zero.
//! The draws come from a seed that is made of the plan itself, so the same question has the same answer on
//! every machine.

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{RngCore as _, SeedableRng as _},
};
use rust_decimal::{Decimal, prelude::FromPrimitive as _};
use sha2::{Digest as _, Sha256};

use super::{Plan, PlanError, Terms};
use crate::domain::rate::Percent;

/// How often the years are gone through.
pub const PATHS: usize = 400;
/// Of a hundred paths so many lie below the range, and as many above it.
const OUTSIDE: usize = 10;
/// A yield never differs by more, in points.
const MOST_POINTS: f64 = 100.0;

/// How the rates of pools vary.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Variation {
    /// The deviation of a day from its pool's middle, in percentage points: the median of the pools.
    pub points: f64,
    /// The pools that it was taken from.
    pub pools: usize,
}

/// From where to where eight of ten paths go.
#[derive(Debug, Clone, PartialEq)]
pub struct Range {
    /// The deviation of a year's yield, in percentage points.
    pub points: f64,
    /// The capital at the end of each year, at the tenth and the ninetieth of a hundred paths.
    pub ends: Vec<(Decimal, Decimal)>,
    /// Paths, of [`PATHS`], on which nothing is left at the end.
    pub run_out: usize,
}

/// Goes through the years with yields that differ by `points`. The plan has to be one that
/// [`project`](super::project) takes.
pub fn range(plan: &Plan, points: f64) -> Result<Range, PlanError> {
    if !(0.0..=MOST_POINTS).contains(&points) {
        return Err(PlanError::Variation(points));
    }
    let plan = plan.checked()?;
    walked(&plan, points).ok_or(PlanError::BeyondAllNumbers)
}

fn walked(plan: &Plan, points: f64) -> Option<Range> {
    let terms = Terms::of(plan)?;
    let mut draws = Draws::of(plan, points);
    let years = usize::try_from(plan.years).ok()?;
    let mut by_year = vec![Vec::with_capacity(PATHS); years];
    for _ in 0..PATHS {
        let mut capital = plan.capital;
        for (number, ends) in (1..).zip(&mut by_year) {
            let rate = draws.rate(plan.rate.get(), points)?;
            if !capital.is_zero() {
                capital = terms.year(number, capital, rate)?.end;
            }
            ends.push(capital);
        }
    }
    let last = by_year.last()?;
    Some(Range {
        points,
        run_out: last.iter().filter(|end| end.is_zero()).count(),
        ends: by_year.into_iter().map(ends).collect::<Option<_>>()?,
    })
}

fn ends(mut capitals: Vec<Decimal>) -> Option<(Decimal, Decimal)> {
    capitals.sort_unstable();
    let below = capitals.len() * OUTSIDE / 100;
    let above = capitals.len().checked_sub(below + 1)?;
    Some((*capitals.get(below)?, *capitals.get(above)?))
}

/// Yields, one after another, the same for the same plan.
struct Draws(ChaCha8Rng);

impl Draws {
    fn of(plan: &Plan, points: f64) -> Self {
        let mut seed = Sha256::new();
        let rates = [
            plan.rate,
            plan.reinvested,
            plan.tax,
            plan.inflation,
            plan.price_growth,
        ];
        for figure in rates.into_iter().map(Percent::get).chain([points]) {
            seed.update(figure.to_le_bytes());
        }
        let withdrawal = plan.withdrawal.map(|it| (it.monthly, it.from));
        let (withdrawn, from) = withdrawal.unwrap_or_default();
        for amount in [plan.capital, plan.contribution, withdrawn] {
            seed.update(amount.normalize().serialize());
        }
        seed.update(from.to_le_bytes());
        seed.update(plan.years.to_le_bytes());
        Self(ChaCha8Rng::from_seed(seed.finalize().into()))
    }

    /// A yield around `middle`, as a fraction; never below zero.
    fn rate(&mut self, middle: f64, points: f64) -> Option<Decimal> {
        let drawn = middle + points * self.normal();
        Decimal::from_f64(drawn.max(0.0))?.checked_div(Decimal::ONE_HUNDRED)
    }

    /// A number of the standard normal distribution (Box and Muller, 1958).
    fn normal(&mut self) -> f64 {
        let (radius, turn) = (self.uniform(), self.uniform());
        (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * turn).cos()
    }

    /// A number between 0 and 1, and neither.
    fn uniform(&mut self) -> f64 {
        (f64::from(self.0.next_u32()) + 0.5) / (f64::from(u32::MAX) + 1.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{
        super::{
            project,
            tests::{any_plan, percent, plain},
        },
        *,
    };

    #[test]
    fn the_same_question_has_the_same_answer() {
        let plan = plain(300_000, 6.0, 10);
        let once = range(&plan, 2.0).unwrap();
        assert_eq!(once, range(&plan, 2.0).unwrap());
        let another = Plan {
            tax: percent(1.0),
            ..plan
        };
        assert_ne!(once.ends, range(&another, 2.0).unwrap().ends);
    }

    #[test]
    fn more_variation_makes_a_wider_range_around_the_main_path() {
        let plan = plain(300_000, 6.0, 10);
        let main = project(&plan).unwrap();
        let width = |points| {
            let range = range(&plan, points).unwrap();
            for (year, (low, high)) in main.years.iter().zip(&range.ends) {
                assert!(*low < year.end && year.end < *high, "{points}");
            }
            let (low, high) = range.ends.last().unwrap();
            *high - *low
        };
        assert!(width(0.5) < width(1.0) && width(1.0) < width(3.0));
    }

    #[test]
    fn draws_have_the_deviation_that_was_asked_for() {
        let mut draws = Draws::of(&plain(1, 5.0, 1), 1.0);
        let numbers: Vec<f64> = (0..20_000).map(|_| draws.normal()).collect();
        let mean = numbers.iter().sum::<f64>() / 20_000.0;
        let variance = numbers.iter().map(|it| (it - mean).powi(2)).sum::<f64>() / 20_000.0;
        assert!(mean.abs() < 0.03, "{mean}");
        assert!((variance - 1.0).abs() < 0.05, "{variance}");
    }

    #[test]
    fn absurd_variations_are_refused() {
        for points in [-0.1, 100.1, f64::NAN] {
            let refused = range(&plain(1, 5.0, 1), points);
            assert!(matches!(refused, Err(PlanError::Variation(_))));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        /// Without variation the range is the main path itself.
        #[test]
        fn without_variation_nothing_differs(plan in any_plan()) {
            let (Ok(main), Ok(range)) = (project(&plan), range(&plan, 0.0)) else { return Ok(()) };
            for (year, (low, high)) in main.years.iter().zip(&range.ends) {
                prop_assert_eq!(year.end, *low);
                prop_assert_eq!(year.end, *high);
            }
            let runs_out = main.runs_out.map_or(0, |_| PATHS);
            prop_assert_eq!(range.run_out, runs_out);
        }
    }
}
