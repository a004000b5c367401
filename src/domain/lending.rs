//! The borrowers' side of a lending pool: what they pay, and how much of the money is out.

use serde::{Deserialize, Serialize};

use super::{ids::PoolId, rate::Percent};

/// A pool that money can be borrowed from, or against.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LendingMarket {
    pub pool: PoolId,
    /// What borrowers pay a year. `None` is unknown, never zero.
    pub borrow_base: Option<Percent>,
    /// What borrowers are given a year in reward tokens. `None` is unknown, never zero.
    pub borrow_reward: Option<Percent>,
    /// US dollars that were lent to the pool, borrowed ones included; not negative.
    pub supplied_usd: Option<f64>,
    /// US dollars that are borrowed; not negative.
    pub borrowed_usd: Option<f64>,
    /// What may be borrowed against a deposit, as a fraction of it, 0–1.
    pub ltv: Option<f64>,
    /// The coin that is newly made for borrowers. Where there is one, deposits are a security and are
    /// not lent out.
    pub mints: Option<Box<str>>,
}

impl LendingMarket {
    /// What borrowing costs a year: the base less the rewards that are stated. Rewards that are left
    /// out could only make it cheaper, so it is the most that it costs. Below zero borrowers are paid.
    pub fn borrow_apy(&self) -> Option<Percent> {
        let reward = self.borrow_reward.map_or(0.0, Percent::get);
        Percent::new(self.borrow_base?.get() - reward)
    }

    /// The part of the deposits, 0–1, that depositors can take out at once, and US dollars. `None` as for
    /// [`Self::utilisation`].
    pub fn free(&self) -> Option<(f64, f64)> {
        let (supplied, _) = self.lent()?;
        let free = self.available_usd()?;
        (supplied > 0.0).then(|| (free / supplied, free))
    }

    /// The part of the deposits that is borrowed, 0–1; more borrowed than supplied counts as all of it.
    /// `None` where either is unknown, nothing is supplied, or deposits are not lent out.
    pub fn utilisation(&self) -> Option<f64> {
        let (supplied, borrowed) = self.lent()?;
        (supplied > 0.0).then(|| (borrowed / supplied).clamp(0.0, 1.0))
    }

    /// US dollars that depositors can take out at once, not negative. `None` as for
    /// [`Self::utilisation`], but for a pool without deposits, which has nothing.
    pub fn available_usd(&self) -> Option<f64> {
        let (supplied, borrowed) = self.lent()?;
        Some((supplied - borrowed).max(0.0))
    }

    /// What is supplied and what of it is borrowed, where deposits are what borrowers get.
    fn lent(&self) -> Option<(f64, f64)> {
        if self.mints.is_some() {
            return None;
        }
        Some((self.supplied_usd?, self.borrowed_usd?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn market(supplied_usd: Option<f64>, borrowed_usd: Option<f64>) -> LendingMarket {
        LendingMarket {
            pool: PoolId::from_bytes([1; 16]),
            borrow_base: Percent::new(6.0),
            borrow_reward: None,
            supplied_usd,
            borrowed_usd,
            ltv: Some(0.75),
            mints: None,
        }
    }

    #[test]
    fn what_is_out_is_measured_by_what_is_in() {
        for (supplied, borrowed, utilisation, available) in [
            (Some(200.0), Some(150.0), Some(0.75), Some(50.0)),
            (Some(200.0), Some(0.0), Some(0.0), Some(200.0)),
            (Some(200.0), Some(210.0), Some(1.0), Some(0.0)),
            (Some(0.0), Some(0.0), None, Some(0.0)),
            (None, Some(5.0), None, None),
            (Some(5.0), None, None, None),
        ] {
            let market = market(supplied, borrowed);
            assert_eq!(market.utilisation(), utilisation, "{supplied:?}");
            assert_eq!(market.available_usd(), available, "{supplied:?}");
        }
    }

    #[test]
    fn deposits_that_are_a_security_are_not_lent_out() {
        let mints = LendingMarket {
            mints: Some("LUSD".into()),
            ..market(Some(200.0), Some(150.0))
        };
        assert_eq!((mints.utilisation(), mints.available_usd()), (None, None));
    }

    #[test]
    fn rewards_make_borrowing_cheaper() {
        let of = |base: Option<f64>, reward: Option<f64>| {
            let market = LendingMarket {
                borrow_base: base.and_then(Percent::new),
                borrow_reward: reward.and_then(Percent::new),
                ..market(None, None)
            };
            market.borrow_apy().map(Percent::get)
        };
        assert_eq!(of(Some(6.0), Some(2.5)), Some(3.5));
        assert_eq!(of(Some(6.0), Some(8.0)), Some(-2.0));
        assert_eq!(of(Some(6.0), None), Some(6.0));
        assert_eq!(of(None, Some(2.0)), None);
    }
}
