//! Impermanent loss: what a liquidity pool of two tokens is worth against holding the two, after
//! their prices have moved apart.
//!
//! All of it is for a pool that holds both in equal parts over the whole range of prices (constant
//! product). A position in a narrow range loses more, a pool of unequal parts less, and one for tokens
//! of the same price next to nothing as long as that holds.

use super::rate::Percent;

const DAYS_A_YEAR: f64 = 365.0;

/// By how much the price of one token has grown against that of the other; above zero and finite.
/// `2` and `0.5` mean the same to a pool.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct PriceRatio(f64);

/// The largest change of a price that is reckoned, in percent.
const MOST_CHANGE: f64 = 1_000_000.0;
/// The deepest fall: a price that has lost everything has no ratio.
const LEAST_CHANGE: f64 = -99.99;

impl PriceRatio {
    pub fn new(ratio: f64) -> Result<Self, LossError> {
        if ratio.is_finite() && ratio > 0.0 {
            Ok(Self(ratio))
        } else {
            Err(LossError::Ratio)
        }
    }

    /// From what each price has changed by, in percent: −99.99 to 1,000,000.
    pub fn from_changes(a: Percent, b: Percent) -> Result<Self, LossError> {
        for change in [a, b] {
            if !(LEAST_CHANGE..=MOST_CHANGE).contains(&change.get()) {
                return Err(LossError::Change(change));
            }
        }
        Self::new((1.0 + a.as_fraction()) / (1.0 + b.as_fraction()))
    }

    pub const fn get(self) -> f64 {
        self.0
    }

    /// The same ratio from the side on which it is one or more.
    #[must_use]
    pub fn upward(self) -> Self {
        if self.0 < 1.0 {
            Self(1.0 / self.0)
        } else {
            self
        }
    }

    /// Impermanent loss, 2√r / (1 + r) − 1: the pool against holding, at most zero.
    pub fn loss(self) -> Percent {
        let kept = 2.0 * self.0.sqrt() / (1.0 + self.0);
        Percent::from_fraction((kept - 1.0).min(0.0)).unwrap_or(Percent::ZERO)
    }

    /// What has to come in as fees, as a share of the pool's value then, to stand as if the two had
    /// been held: 1 / (1 + loss) − 1. `None` where the ratio is too extreme to be told.
    pub fn fees_needed(self) -> Option<Percent> {
        Percent::from_fraction(-self.loss().as_fraction() / (1.0 + self.loss().as_fraction()))
    }

    /// [`fees_needed`](Self::fees_needed) as a yearly rate without compounding, when they come in
    /// within so many days.
    pub fn apr_needed(self, days: u32) -> Option<Percent> {
        let needed = self.fees_needed()?.get();
        Percent::new(needed * DAYS_A_YEAR / f64::from(days))
    }

    /// The pool with its fees against holding: (1 + loss) · (1 + fees) − 1. `fees` are those of the
    /// whole stretch of time, in percent of the pool's value.
    pub fn with_fees(self, fees: Percent) -> Option<Percent> {
        let kept = 1.0 + self.loss().as_fraction();
        Percent::from_fraction(kept * (1.0 + fees.as_fraction()) - 1.0)
    }

    /// The ratio up to which fees of this much over the whole stretch make up for the loss: the larger
    /// root of (1 + fees) · 2√r = 1 + r. `None` for fees below zero.
    pub fn covered_by(fees: Percent) -> Option<Self> {
        let grown = 1.0 + fees.as_fraction();
        if grown < 1.0 {
            return None;
        }
        let root = grown + (grown * grown - 1.0).sqrt();
        Self::new(root * root).ok()
    }
}

/// What a yearly rate without compounding brings in so many days, in percent.
pub fn simple_over(apr: Percent, days: u32) -> Option<Percent> {
    Percent::new(apr.get() * f64::from(days) / DAYS_A_YEAR)
}

/// What a yearly rate with compounding brings in so many days, in percent: (1 + y)^(days / 365) − 1.
/// `None` for a rate that loses everything.
pub fn compounded_over(apy: Percent, days: u32) -> Option<Percent> {
    let grown = 1.0 + apy.as_fraction();
    (grown > 0.0)
        .then(|| Percent::from_fraction(grown.powf(f64::from(days) / DAYS_A_YEAR) - 1.0))
        .flatten()
}

/// Why there is no ratio.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum LossError {
    #[error("a price changes by −99.99 % to 1,000,000 %; {0} is outside of that")]
    Change(Percent),
    #[error("a ratio of prices is a number above zero")]
    Ratio,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rate(value: f64) -> Percent {
        Percent::new(value).unwrap()
    }

    fn ratio(value: f64) -> PriceRatio {
        PriceRatio::new(value).unwrap()
    }

    #[test]
    fn losses_by_ratio() {
        for (moved, loss, needed) in [
            (1.0, 0.0, 0.0),
            (1.25, -0.6192, 0.6231),
            (2.0, -5.7191, 6.0660),
            (4.0, -20.0, 25.0),
            (0.25, -20.0, 25.0),
        ] {
            let moved = ratio(moved);
            assert!((moved.loss().get() - loss).abs() < 1e-4, "{moved:?}");
            let told = moved.fees_needed().unwrap().get();
            assert!((told - needed).abs() < 1e-4, "{moved:?}: {told}");
        }
    }

    #[test]
    fn two_changes_make_a_ratio() {
        for (a, b, moved) in [
            (100.0, 0.0, 2.0),
            (-50.0, 0.0, 0.5),
            (50.0, 50.0, 1.0),
            (20.0, -40.0, 2.0),
        ] {
            let made = PriceRatio::from_changes(rate(a), rate(b)).unwrap();
            assert!((made.get() - moved).abs() < 1e-12, "{a} {b}");
        }
        for bad in [-100.0, -150.0, 1_000_001.0] {
            let refused = PriceRatio::from_changes(rate(0.0), rate(bad));
            assert_eq!(refused, Err(LossError::Change(rate(bad))));
        }
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(PriceRatio::new(bad), Err(LossError::Ratio));
        }
    }

    #[test]
    fn fees_over_time() {
        assert!((simple_over(rate(36.5), 10).unwrap().get() - 1.0).abs() < 1e-12);
        assert!((compounded_over(rate(20.0), 365).unwrap().get() - 20.0).abs() < 1e-9);
        assert!((compounded_over(rate(21.0), 730).unwrap().get() - 46.41).abs() < 1e-9);
        assert_eq!(compounded_over(rate(-100.0), 30), None);
        let a_year = ratio(4.0).apr_needed(365).unwrap();
        assert!((a_year.get() - 25.0).abs() < 1e-9);
        let a_month = ratio(4.0).apr_needed(73).unwrap();
        assert!((a_month.get() - 125.0).abs() < 1e-9);
        assert_eq!(PriceRatio::covered_by(rate(-1.0)), None);
    }

    proptest! {
        #[test]
        fn it_does_not_matter_which_token_moved(moved in 0.0001..10_000.0) {
            let moved = ratio(moved);
            let back = ratio(1.0 / moved.get());
            prop_assert!((moved.loss().get() - back.loss().get()).abs() < 1e-9);
            prop_assert!(moved.upward().get() >= 1.0);
        }

        #[test]
        fn a_loss_is_a_loss_and_grows(moved in 1.0..10_000.0, further in 1.001..10.0) {
            let (near, far) = (ratio(moved).loss(), ratio(moved * further).loss());
            prop_assert!((-100.0..=0.0).contains(&near.get()));
            prop_assert!(far < near);
        }

        #[test]
        fn the_fees_that_are_needed_make_up_for_it(moved in 1.0..10_000.0) {
            let moved = ratio(moved);
            let needed = moved.fees_needed().unwrap();
            prop_assert!(moved.with_fees(needed).unwrap().get().abs() < 1e-6);
            let covered = PriceRatio::covered_by(needed).unwrap().get();
            prop_assert!((covered / moved.get() - 1.0).abs() < 1e-6);
        }
    }
}
