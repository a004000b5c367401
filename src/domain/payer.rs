//! Who pays a pool's income: the source question, apart from how long it will last.
//!
//! Base is what fees, interest or issuance pay, reward is what is paid in newly given tokens. What base
//! rests on depends on the method: borrowers, traders, the network's own issuance. Where a protocol's fees
//! are known, base is held against them; where a network's inflation is known, issuance is held against
//! that. Nothing that is unknown is taken for good or for bad.
//!
//! Of all this only the share of rewards decides a verdict. Fees and inflation are a whole protocol's or
//! network's, so that a pool that pays more than its protocol's others looks uncovered although it is paid
//! for; and they come from sources that may be silent, by which a verdict must not change.

use super::{
    method::Method, pool::Pool, rate::Percent, reading::Reading, staking::after_inflation,
};

/// Who pays the base part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Payer {
    Borrowers,
    Traders,
    /// The network, by making new coins, and its users by fees.
    Network,
    /// Whatever the vault puts deposits into.
    Strategies,
    /// Somebody gives rewards for being there.
    Sponsors,
    Unknown,
}

impl Payer {
    pub const fn of(method: Method) -> Self {
        match method {
            Method::Lending => Self::Borrowers,
            Method::Liquidity => Self::Traders,
            Method::StakingDirect | Method::StakingDelegated | Method::StakingLiquid => {
                Self::Network
            }
            Method::Aggregator | Method::Index => Self::Strategies,
            Method::Farming => Self::Sponsors,
            Method::Unknown => Self::Unknown,
        }
    }
}

/// What a protocol's depositors were paid by fees, against what its TVL would be paid at this pool's rate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cover {
    /// Fees to depositors a year ÷ (TVL × base APY); 1 is covered just so. May be negative, since the
    /// source books refunds and losses so.
    pub ratio: f64,
    /// They are those of the whole family of protocols.
    pub is_family: bool,
}

impl Cover {
    /// From what depositors got in 30 days and the TVL that earned it, both in US dollars, and the base
    /// APY. `None` where there is no TVL or nothing is paid as base.
    ///
    /// Annual fees to suppliers / (TVL × base APY).
    pub fn of(supply_side_30d: f64, tvl_usd: f64, base: Percent, is_family: bool) -> Option<Self> {
        let paid = tvl_usd * base.as_fraction();
        let ratio = supply_side_30d * 365.0 / 30.0 / paid;
        (paid > 0.0 && ratio.is_finite()).then_some(Self { ratio, is_family })
    }
}

/// How the price of a token did, as changes that are fractions: −0.3 is a fall by 30 %. What its supply did
/// no source says that is asked without a key.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct TokenTrend {
    pub price_30d: Option<f64>,
    pub price_90d: Option<f64>,
}

impl TokenTrend {
    pub const fn is_known(&self) -> bool {
        self.price_30d.is_some() || self.price_90d.is_some()
    }
}

/// What is known of who pays.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Paid {
    pub payer: Payer,
    /// Percent of a year that base and reward pay; `None` is unknown, never zero.
    pub base: Option<Percent>,
    pub reward: Option<Percent>,
    /// The part that is paid in reward tokens, 0–1.
    pub reward_share: Option<f64>,
    pub cover: Option<Cover>,
    /// Percent of a year by which the network makes more of its coin, for staking.
    pub inflation: Option<Percent>,
    /// What is left of the rate after inflation, in percent.
    pub real: Option<Percent>,
    pub reward_token: Option<TokenTrend>,
}

/// What is known of a pool's payers beside its reading.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Around {
    pub cover: Option<Cover>,
    pub inflation: Option<Percent>,
    pub reward_token: Option<TokenTrend>,
}

impl Paid {
    pub fn of(pool: &Pool, reading: &Reading, around: &Around) -> Self {
        let payer = Payer::of(pool.method);
        let reward_share = reading.reward_share();
        // A source that names one part says what the other is, as far as the total reaches.
        let total = reading.apy.get();
        let base = reading
            .base
            .or_else(|| Percent::new(total * (1.0 - reward_share?)));
        let reward = reading
            .reward
            .or_else(|| Percent::new(total * reward_share?));
        let inflation = around.inflation.filter(|_| payer == Payer::Network);
        Self {
            payer,
            base,
            reward,
            reward_share,
            cover: around.cover,
            inflation,
            real: inflation.and_then(|inflation| after_inflation(reading.apy, inflation)),
            reward_token: around.reward_token.filter(|_| reward_share != Some(0.0)),
        }
    }

    /// The part of the income, 0–1, that somebody pays who gets something for it: base as far as fees
    /// cover it, and of what a network issues the part that inflation does not take. `None` where the
    /// source gives no split, or a network's inflation is not known. Reward tokens count for nothing in it,
    /// whatever their price does: that says what they are worth, not that anybody pays for them. Where fees are not known it is the most
    /// that the part can be, see [`Self::is_upper_bound`].
    pub fn score(&self) -> Option<f64> {
        let base = 1.0 - self.reward_share?;
        let covered = self.cover.map_or(1.0, |cover| cover.ratio.clamp(0.0, 1.0));
        Some(base * covered.min(self.kept()?))
    }

    /// The part of base, 0–1, that inflation leaves; all of it where no network issues it.
    fn kept(&self) -> Option<f64> {
        if self.payer != Payer::Network {
            return Some(1.0);
        }
        let base = self.base?;
        let left = after_inflation(base, self.inflation?)?;
        Some(if base.get() > 0.0 {
            (left.get() / base.get()).clamp(0.0, 1.0)
        } else {
            1.0
        })
    }

    /// Fees are not known, so that less than the score may be paid by somebody.
    pub fn is_upper_bound(&self) -> bool {
        self.payer != Payer::Network && self.cover.is_none()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::domain::{ids::PoolId, time::Timestamp};

    fn percent(value: f64) -> Percent {
        Percent::new(value).unwrap()
    }

    fn pool(method: Method) -> Pool {
        Pool {
            id: PoolId::from_bytes([1; 16]),
            chain: Arc::from("Ethereum"),
            protocol: Arc::from("aave-v3"),
            symbol: "USDC".into(),
            meta: None,
            method,
            stablecoin: true,
            multi_asset: false,
            impermanent_loss: false,
            underlying: Box::default(),
        }
    }

    fn reading(apy: f64, base: Option<f64>, reward: Option<f64>) -> Reading {
        Reading {
            at: Timestamp::default(),
            apy: percent(apy),
            base: base.map(percent),
            reward: reward.map(percent),
            tvl_usd: 1e8,
        }
    }

    #[test]
    fn fees_cover_what_is_paid() {
        // A month of $1m to depositors of $300m at 4 %: 12.167m a year for 12m.
        let cover = Cover::of(1e6, 3e8, percent(4.0), false).unwrap();
        assert!((cover.ratio - 1.0139).abs() < 1e-4, "{cover:?}");
        let negative = Cover::of(-16.0, 3e8, percent(4.0), true).unwrap();
        assert!(negative.ratio < 0.0);
        for (tvl, base) in [(0.0, 4.0), (3e8, 0.0), (3e8, -1.0)] {
            assert_eq!(Cover::of(1e6, tvl, percent(base), false), None);
        }
    }

    #[test]
    fn emissions_are_nobodys_payment_and_unknown_is_neither() {
        let paid = |reading: &Reading, around: &Around| {
            Paid::of(&pool(Method::Lending), reading, around).score()
        };
        let nothing = Around::default();
        assert_eq!(paid(&reading(4.0, Some(4.0), None), &nothing), Some(1.0));
        assert_eq!(
            paid(&reading(4.0, Some(1.0), Some(3.0)), &nothing),
            Some(0.25)
        );
        assert_eq!(paid(&reading(4.0, None, None), &nothing), None);
        let half = Around {
            cover: Cover::of(0.5e6, 3e8, percent(4.0), false),
            ..nothing
        };
        let score = paid(&reading(4.0, Some(4.0), None), &half).unwrap();
        assert!((score - 0.507).abs() < 1e-3, "{score}");
    }

    #[test]
    fn of_what_a_network_issues_only_the_real_part_counts() {
        let around = Around {
            inflation: Some(percent(10.0)),
            ..Around::default()
        };
        let staked = reading(18.0, Some(18.0), None);
        let paid = Paid::of(&pool(Method::StakingLiquid), &staked, &around);
        assert!((paid.score().unwrap() - 7.2727 / 18.0).abs() < 1e-4);
        // Rewards do not make up for what inflation takes of the base.
        let mostly = reading(10.0, Some(4.0), Some(6.0));
        let paid = Paid::of(&pool(Method::StakingLiquid), &mostly, &around);
        assert_eq!(paid.score(), Some(0.0));
        // Inflation says nothing of what borrowers pay.
        let lent = Paid::of(&pool(Method::Lending), &staked, &around);
        assert_eq!((lent.inflation, lent.score()), (None, Some(1.0)));
        assert!(lent.is_upper_bound());
        // Without inflation nobody can say what of it is more than newly made coins.
        let unknown = Paid::of(&pool(Method::StakingLiquid), &staked, &Around::default());
        assert_eq!(unknown.score(), None);
    }

    proptest! {
        #[test]
        fn a_score_is_a_part(
            apy in 0.0..1e6_f64,
            base in proptest::option::of(-10.0..1e6_f64),
            reward in proptest::option::of(0.0..1e6_f64),
            fees in -1e9..1e9_f64,
            inflation in -50.0..200.0_f64,
        ) {
            let reading = reading(apy, base, reward);
            let around = Around {
                cover: Cover::of(fees, 1e8, percent(4.0), true),
                inflation: Percent::new(inflation),
                reward_token: None,
            };
            for method in Method::ALL {
                if let Some(score) = Paid::of(&pool(method), &reading, &around).score() {
                    prop_assert!((0.0..=1.0).contains(&score), "{score}");
                }
            }
        }
    }
}
