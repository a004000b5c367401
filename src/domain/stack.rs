//! Yields put on top of each other: layers, each of which takes in what the one below gives, and
//! loops that borrow against a deposit and deposit again.

use super::rate::Percent;

/// The combined yield of layers: Π(1 + yᵢ) − 1. Each layer earns on what the one below pays, so the
/// rates multiply; so do the ways in which the whole can break, which no rate shows.
pub fn stacked(layers: &[Percent]) -> Result<Percent, StackError> {
    if layers.is_empty() {
        return Err(StackError::NoLayer);
    }
    let mut factor = 1.0;
    for layer in layers {
        if layer.get() <= -100.0 {
            return Err(StackError::LosesAll(*layer));
        }
        factor *= 1.0 + layer.as_fraction();
    }
    Percent::from_fraction(factor - 1.0).ok_or(StackError::OutOfRange)
}

/// The most loops that are reckoned: from there on another one hardly adds anything.
pub const MOST_LOOPS: u32 = 20;

/// A deposit that is borrowed against, where the loan is deposited and borrowed against again.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Loop {
    ltv: f64,
    loops: u32,
}

impl Loop {
    /// `ltv` is the loan as a fraction of its collateral, 0 ≤ `ltv` < 1; `loops` says how often a loan
    /// is taken and deposited, up to [`MOST_LOOPS`].
    pub fn new(ltv: f64, loops: u32) -> Result<Self, StackError> {
        if !(0.0..1.0).contains(&ltv) {
            return Err(StackError::Ltv(ltv));
        }
        if loops > MOST_LOOPS {
            return Err(StackError::Loops(loops));
        }
        Ok(Self { ltv, loops })
    }

    pub const fn ltv(self) -> f64 {
        self.ltv
    }

    pub const fn loops(self) -> u32 {
        self.loops
    }

    /// What stands deposited for each 1 of one's own: k = (1 − Lⁿ⁺¹) / (1 − L). What is owed is k − 1.
    pub fn multiple(self) -> f64 {
        let power = i32::try_from(self.loops).unwrap_or(i32::MAX);
        (1.0 - self.ltv.powi(power.saturating_add(1))) / (1.0 - self.ltv)
    }

    /// The yearly yield on one's own money: k · supply − (k − 1) · borrow.
    pub fn net(self, supply: Percent, borrow: Percent) -> Result<Percent, StackError> {
        let multiple = self.multiple();
        let net = multiple * supply.get() - (multiple - 1.0) * borrow.get();
        Percent::new(net).ok_or(StackError::OutOfRange)
    }

    /// The borrow rate at which looping adds nothing. `net − supply = (k − 1) · (supply − borrow)`, so
    /// it is the supply rate itself, whatever the loan and however often. `None` where nothing is
    /// borrowed.
    pub fn adds_until(self, supply: Percent) -> Option<Percent> {
        (self.multiple() > 1.0).then_some(supply)
    }

    /// The borrow rate at which the whole earns nothing: k / (k − 1) · supply. `None` where nothing is
    /// borrowed.
    pub fn earns_until(self, supply: Percent) -> Option<Percent> {
        let multiple = self.multiple();
        (multiple > 1.0)
            .then(|| Percent::new(multiple / (multiple - 1.0) * supply.get()))
            .flatten()
    }
}

/// Why nothing can be reckoned.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum StackError {
    #[error("a stack needs a layer")]
    NoLayer,
    #[error("a layer of {0} loses everything within a year")]
    LosesAll(Percent),
    #[error("a loan-to-value of {0} is not from 0 up to, but not including, 1")]
    Ltv(f64),
    #[error("{0} loops are more than the {MOST_LOOPS} that are reckoned")]
    Loops(u32),
    #[error("the yield is too large to be told")]
    OutOfRange,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rate(value: f64) -> Percent {
        Percent::new(value).unwrap()
    }

    fn close(left: f64, right: f64) -> bool {
        (left - right).abs() <= 1e-9 * left.abs().max(right.abs()).max(1.0)
    }

    #[test]
    fn layers_multiply() {
        for (layers, combined) in [
            (&[3.0, 0.4][..], 3.412),
            (&[5.0], 5.0),
            (&[100.0, 100.0], 300.0),
            (&[10.0, -10.0], -1.0),
            (&[0.0, 0.0, 0.0], 0.0),
        ] {
            let layers: Vec<Percent> = layers.iter().copied().map(rate).collect();
            let stacked = stacked(&layers).unwrap();
            assert!(close(stacked.get(), combined), "{layers:?}: {stacked}");
        }
    }

    #[test]
    fn what_cannot_be_stacked_is_named() {
        assert_eq!(stacked(&[]), Err(StackError::NoLayer));
        let all = rate(-100.0);
        assert_eq!(stacked(&[all]), Err(StackError::LosesAll(all)));
        let huge = rate(1e300);
        assert_eq!(stacked(&[huge, huge]), Err(StackError::OutOfRange));
    }

    #[test]
    fn a_loop_earns_on_more_and_owes_more() {
        let looped = Loop::new(0.8, 3).unwrap();
        assert!(close(looped.multiple(), 2.952));
        let net = looped.net(rate(4.0), rate(3.0)).unwrap();
        assert!(close(net.get(), 5.952));
        assert_eq!(looped.adds_until(rate(4.0)), Some(rate(4.0)));
        let nothing = looped.earns_until(rate(4.0)).unwrap();
        assert!(close(nothing.get(), 2.952 / 1.952 * 4.0));
    }

    #[test]
    fn without_a_loan_there_is_no_rate_that_ends_it() {
        for idle in [Loop::new(0.8, 0).unwrap(), Loop::new(0.0, 5).unwrap()] {
            assert!(close(idle.multiple(), 1.0));
            assert_eq!(idle.net(rate(4.0), rate(30.0)), Ok(rate(4.0)));
            assert_eq!(idle.adds_until(rate(4.0)), None);
            assert_eq!(idle.earns_until(rate(4.0)), None);
        }
    }

    #[test]
    fn loans_outside_of_reason_are_refused() {
        for ltv in [-0.1, 1.0, 1.5] {
            assert_eq!(Loop::new(ltv, 3), Err(StackError::Ltv(ltv)));
        }
        assert!(matches!(Loop::new(f64::NAN, 3), Err(StackError::Ltv(_))));
        assert!(Loop::new(0.99, MOST_LOOPS).is_ok());
        assert_eq!(Loop::new(0.5, 21), Err(StackError::Loops(21)));
    }

    proptest! {
        #[test]
        fn the_order_of_layers_does_not_matter(a in -50.0..500.0, b in -50.0..500.0, c in -50.0..500.0) {
            let one = stacked(&[rate(a), rate(b), rate(c)]).unwrap().get();
            let other = stacked(&[rate(c), rate(a), rate(b)]).unwrap().get();
            prop_assert!(close(one, other));
        }

        #[test]
        fn stacks_can_be_stacked(a in -50.0..500.0, b in -50.0..500.0, c in -50.0..500.0) {
            let lower = stacked(&[rate(a), rate(b)]).unwrap();
            let whole = stacked(&[rate(a), rate(b), rate(c)]).unwrap().get();
            prop_assert!(close(stacked(&[lower, rate(c)]).unwrap().get(), whole));
        }

        #[test]
        fn a_loop_adds_below_the_supply_rate_and_takes_above_it(
            ltv in 0.05..0.99, loops in 1_u32..=MOST_LOOPS, supply in 0.1..100.0, step in 0.01..50.0,
        ) {
            let (looped, supply) = (Loop::new(ltv, loops).unwrap(), rate(supply));
            let even = looped.adds_until(supply).unwrap();
            let net = |borrow: f64| looped.net(supply, rate(borrow)).unwrap().get();
            prop_assert!(close(net(even.get()), supply.get()));
            prop_assert!(net(even.get() - step) > supply.get());
            prop_assert!(net(even.get() + step) < supply.get());
            let nothing = looped.earns_until(supply).unwrap().get();
            prop_assert!(net(nothing).abs() < 1e-6 * supply.get());
        }

        #[test]
        fn each_loop_deposits_the_last_loan(ltv in 0.0..0.99, loops in 0_u32..MOST_LOOPS) {
            let (before, after) = (Loop::new(ltv, loops).unwrap(), Loop::new(ltv, loops + 1).unwrap());
            prop_assert!(close(after.multiple(), 1.0 + ltv * before.multiple()));
            prop_assert!(after.multiple() <= 1.0 / (1.0 - ltv) + 1e-9);
        }
    }
}
