//! A capital divided over ways of earning, with what the market pays for each.

use std::str::FromStr;

use rust_decimal::{Decimal, prelude::FromPrimitive as _};
use serde::{Deserialize, Serialize};

use super::{
    Earning, PlanError,
    reference::{self, Range},
};
use crate::domain::{
    income::Income,
    method::Method,
    pool::Pool,
    rate::{Percent, Spread, blended},
};

/// A part of a capital that earns in one way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sleeve {
    Staking,
    /// Of stablecoins.
    Lending,
    Liquidity,
    Farming,
}

impl Sleeve {
    pub const ALL: [Self; 4] = [Self::Staking, Self::Lending, Self::Liquidity, Self::Farming];

    pub const fn label(self) -> &'static str {
        match self {
            Self::Staking => "staking",
            Self::Lending => "stablecoin lending",
            Self::Liquidity => "liquidity",
            Self::Farming => "farming",
        }
    }

    /// Whether a pool earns in this way.
    pub fn holds(self, pool: &Pool) -> bool {
        match self {
            Self::Staking => pool.method.is_staking(),
            Self::Lending => pool.method == Method::Lending && pool.stablecoin,
            Self::Liquidity => pool.method == Method::Liquidity,
            Self::Farming => pool.method == Method::Farming,
        }
    }

    /// What it is generally said to pay; nobody says it of farming.
    pub const fn reference(self) -> Option<Range> {
        match self {
            Self::Staking => Some(reference::LARGE_CAP_STAKING),
            Self::Lending => Some(reference::STABLECOIN_LENDING),
            Self::Liquidity => Some(reference::MAJOR_PAIRS),
            Self::Farming => None,
        }
    }

    /// Its share of a typical allocation, in percent from and to.
    pub const fn typical(self) -> Range {
        match self {
            Self::Staking => Range::new(40.0, 50.0),
            Self::Lending => Range::new(30.0, 40.0),
            Self::Liquidity => Range::new(10.0, 20.0),
            Self::Farming => Range::new(0.0, 10.0),
        }
    }
}

/// US dollars that a pool has to hold to count in a sleeve.
pub const LEAST_TVL_USD: f64 = 1_000_000.0;

/// More than this of a capital in farming breaks the rule of a typical allocation, in percent.
pub const MOST_FARMING: f64 = 10.0;

/// How much risk somebody takes: the ends and the middle of a typical allocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Appetite {
    Conservative,
    #[default]
    Balanced,
    Aggressive,
}

impl Appetite {
    pub const ALL: [Self; 3] = [Self::Conservative, Self::Balanced, Self::Aggressive];

    pub const fn slug(self) -> &'static str {
        match self {
            Self::Conservative => "conservative",
            Self::Balanced => "balanced",
            Self::Aggressive => "aggressive",
        }
    }

    /// The shares in the order of [`Sleeve::ALL`], in percent.
    const fn shares(self) -> [i64; 4] {
        match self {
            Self::Conservative => [50, 40, 10, 0],
            Self::Balanced => [45, 35, 15, 5],
            Self::Aggressive => [40, 30, 20, 10],
        }
    }
}

/// The shares of a whole, in the order of [`Sleeve::ALL`]: none below 0, and 100 % together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Shares([Decimal; 4]);

/// The text is no allocation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no allocation; write staking/lending/liquidity/farming in percent, such as 45/35/15/5, which make 100"
)]
pub struct SharesError(String);

impl FromStr for Shares {
    type Err = SharesError;

    fn from_str(text: &str) -> Result<Self, SharesError> {
        let refused = || SharesError(text.chars().filter(|c| *c != '`').take(40).collect());
        let parts = text.split('/').map(|part| {
            let figure = part.trim().trim_end_matches('%').trim_end();
            figure.parse().ok().and_then(Percent::new)
        });
        let parts: Option<Vec<Percent>> = parts.collect();
        let parts: Option<[Percent; 4]> = parts.and_then(|parts| parts.try_into().ok());
        Self::new(parts.ok_or_else(refused)?).map_err(|_| refused())
    }
}

impl Shares {
    /// Shares in percent, in the order of [`Sleeve::ALL`].
    pub fn new(shares: [Percent; 4]) -> Result<Self, PlanError> {
        let mut whole = Decimal::ZERO;
        let mut exact = [Decimal::ZERO; 4];
        for (part, stated) in exact.iter_mut().zip(shares) {
            let stated = super::share(stated)?;
            *part = Decimal::from_f64(stated.get()).ok_or(PlanError::Share(stated))?;
            whole += *part;
        }
        let whole = whole.normalize();
        (whole == Decimal::ONE_HUNDRED)
            .then_some(Self(exact))
            .ok_or(PlanError::Shares(whole))
    }

    /// Each sleeve with its share in percent, also where that is nothing.
    pub fn all(self) -> impl Iterator<Item = (Sleeve, Decimal)> {
        Sleeve::ALL.into_iter().zip(self.0)
    }

    /// Each sleeve that has a share, with it in percent.
    fn held(self) -> impl Iterator<Item = (Sleeve, Decimal)> {
        let all = Sleeve::ALL.into_iter().zip(self.0);
        all.filter(|(_, share)| !share.is_zero())
    }
}

impl From<Appetite> for Shares {
    fn from(appetite: Appetite) -> Self {
        Self(appetite.shares().map(Decimal::from))
    }
}

/// A sleeve with what it holds and what it pays.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Part {
    pub sleeve: Sleeve,
    /// Percent of the whole.
    pub share: Decimal,
    pub amount: Decimal,
    /// What the market pays for it now; `None` where too few pools do.
    pub pays: Option<Spread>,
}

impl Part {
    /// Whether its share is one of a typical allocation.
    pub fn is_typical(&self) -> bool {
        let typical = self.sleeve.typical();
        let share = self.weight();
        (typical.low..=typical.high).contains(&share)
    }

    fn weight(&self) -> f64 {
        use rust_decimal::prelude::ToPrimitive as _;
        self.share.to_f64().unwrap_or_default()
    }
}

/// A capital over its sleeves.
#[derive(Debug, Clone, PartialEq)]
pub struct Allocation {
    pub parts: Vec<Part>,
    /// Over the parts whose rates are known; `None` where none is.
    pub pays: Option<Paid>,
}

/// What several parts pay together: each at the end of its lowest quarter, at its middle, and at the
/// beginning of its highest. The income is that of the parts whose rates are known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Paid {
    pub low: Earning,
    pub median: Earning,
    pub high: Earning,
    /// Percent of the whole whose rates are known.
    pub known: Decimal,
}

impl Allocation {
    /// Divides a capital; `pays` is what the market pays for a sleeve.
    pub fn of(
        capital: Decimal,
        shares: Shares,
        pays: impl Fn(Sleeve) -> Option<Spread>,
    ) -> Result<Self, PlanError> {
        let part = |(sleeve, share): (Sleeve, Decimal)| {
            let amount = capital
                .checked_mul(share)?
                .checked_div(Decimal::ONE_HUNDRED)?;
            Some(Part {
                sleeve,
                share,
                amount,
                pays: pays(sleeve),
            })
        };
        let parts: Option<Vec<Part>> = shares.held().map(part).collect();
        let parts = parts.ok_or(PlanError::BeyondAllNumbers)?;
        Ok(Self {
            pays: paid(&parts),
            parts,
        })
    }

    /// The share of farming in percent, where it is over [`MOST_FARMING`].
    pub fn too_much_farming(&self) -> Option<Decimal> {
        let farming = self.parts.iter().find(|it| it.sleeve == Sleeve::Farming)?;
        (farming.weight() > MOST_FARMING).then_some(farming.share)
    }

    /// Sleeves outside of a typical allocation, with their share in percent; those without a share as well,
    /// where a typical allocation has some.
    pub fn untypical(&self) -> Vec<(Sleeve, Decimal)> {
        let share_of = |sleeve| {
            let part = self.parts.iter().find(|part| part.sleeve == sleeve);
            part.map_or((Decimal::ZERO, sleeve.typical().low <= 0.0), |part| {
                (part.share, part.is_typical())
            })
        };
        Sleeve::ALL
            .into_iter()
            .map(|sleeve| (sleeve, share_of(sleeve)))
            .filter(|(_, (_, is_typical))| !is_typical)
            .map(|(sleeve, (share, _))| (sleeve, share))
            .collect()
    }
}

fn paid(parts: &[Part]) -> Option<Paid> {
    let known = parts.iter().filter(|part| part.pays.is_some());
    let at = |rate: fn(&Spread) -> Percent| {
        let rated = parts
            .iter()
            .filter_map(|part| Some((part, rate(part.pays.as_ref()?))));
        let blend = blended(rated.clone().map(|(part, rate)| (part.weight(), rate)))?;
        let each = rated.map(|(part, rate)| Income::of(part.amount, rate));
        let income = each.sum::<Option<Income>>()?;
        Some(Earning {
            rate: blend,
            income,
        })
    };
    Some(Paid {
        low: at(|spread| spread.low)?,
        median: at(|spread| spread.median)?,
        high: at(|spread| spread.high)?,
        known: known.map(|part| part.share).sum(),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn percent(value: f64) -> Percent {
        Percent::new(value).unwrap()
    }

    fn shares(stated: [f64; 4]) -> Result<Shares, PlanError> {
        Shares::new(stated.map(percent))
    }

    fn flat(rate: f64) -> Option<Spread> {
        Spread::of([rate - 1.0, rate, rate + 1.0].map(percent))
    }

    #[test]
    fn sixty_thirty_ten_at_five_four_and_eight_is_five() {
        let shares = shares([60.0, 30.0, 10.0, 0.0]).unwrap();
        let pays = |sleeve| match sleeve {
            Sleeve::Staking => flat(5.0),
            Sleeve::Lending => flat(4.0),
            Sleeve::Liquidity => flat(8.0),
            Sleeve::Farming => None,
        };
        let allocation = Allocation::of(Decimal::from(300_000), shares, pays).unwrap();
        let paid = allocation.pays.unwrap();
        assert_eq!(format!("{:.2}", paid.median.rate.get()), "5.00");
        assert_eq!(
            paid.median.income.year().round_dp(2).to_string(),
            "15000.00"
        );
        assert_eq!(paid.known, Decimal::ONE_HUNDRED);
        assert!(paid.low.rate < paid.median.rate && paid.median.rate < paid.high.rate);
        let amounts: Vec<String> = allocation
            .parts
            .iter()
            .map(|part| part.amount.normalize().to_string())
            .collect();
        assert_eq!(amounts, ["180000", "90000", "30000"]);
    }

    #[test]
    fn shares_have_to_make_a_whole() {
        let short = shares([45.0, 35.0, 15.0, 0.0]);
        assert_eq!(short, Err(PlanError::Shares(Decimal::from(95))));
        let below = shares([110.0, -10.0, 0.0, 0.0]);
        assert_eq!(below, Err(PlanError::Share(percent(110.0))));
        assert!(shares([33.3, 33.3, 33.3, 0.1]).is_ok());
    }

    #[test]
    fn each_appetite_is_a_typical_allocation() {
        for appetite in Appetite::ALL {
            let whole = Allocation::of(Decimal::ONE_HUNDRED, appetite.into(), |_| None).unwrap();
            assert_eq!(whole.untypical(), [], "{appetite:?}");
            assert_eq!(whole.too_much_farming(), None, "{appetite:?}");
            assert_eq!(whole.pays, None);
        }
    }

    #[test]
    fn what_is_not_typical_is_named() {
        let risky = shares([0.0, 40.0, 40.0, 20.0]).unwrap();
        let whole = Allocation::of(Decimal::ONE_HUNDRED, risky, |_| None).unwrap();
        let named = whole.untypical().into_iter().map(|(sleeve, _)| sleeve);
        let named: Vec<Sleeve> = named.collect();
        assert_eq!(named, [Sleeve::Staking, Sleeve::Liquidity, Sleeve::Farming]);
        assert_eq!(whole.too_much_farming(), Some(Decimal::from(20)));
    }

    #[test]
    fn an_unknown_rate_is_left_out_of_the_blend() {
        let pays = |sleeve| (sleeve == Sleeve::Lending).then(|| flat(4.0))?;
        let whole = Allocation::of(Decimal::ONE_HUNDRED, Appetite::Balanced.into(), pays).unwrap();
        let paid = whole.pays.unwrap();
        assert_eq!(paid.known, Decimal::from(35));
        assert_eq!(paid.median.rate, percent(4.0));
        assert_eq!(paid.median.income.year().normalize().to_string(), "1.4");
    }

    proptest! {
        #[test]
        fn the_amounts_make_the_capital(
            cents in 1_i64..1_000_000_000_000, staking in 0_u8..=100, lending in 0_u8..=100,
        ) {
            let lending = lending.min(100 - staking);
            let rest = 100 - staking - lending;
            let shares = shares([staking, lending, rest, 0].map(f64::from)).unwrap();
            let capital = Decimal::new(cents, 2);
            let whole = Allocation::of(capital, shares, |_| None).unwrap();
            let sum: Decimal = whole.parts.iter().map(|part| part.amount).sum();
            prop_assert_eq!(sum.normalize(), capital.normalize());
        }
    }
}
