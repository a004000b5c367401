//! Which pools a rule or a search is about.

use serde::{Deserialize, Serialize};

use super::{ids::PoolId, method::MethodFilter, pool::Pool};

/// A filter over pools: every condition that is given has to match.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Scope {
    /// One pool by its key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pool: Option<PoolId>,
    /// A token symbol that the pool holds, whatever the case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asset: Option<String>,
    /// A protocol slug, whatever the case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
    /// A chain name, whatever the case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chain: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<MethodFilter>,
    /// US dollars; a pool below it is out of scope.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_tvl: Option<f64>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub stable_only: bool,
}

impl Scope {
    pub fn of_pool(pool: PoolId) -> Self {
        Self {
            pool: Some(pool),
            ..Self::default()
        }
    }

    /// Whether the pool is meant, whatever it holds at the moment.
    pub fn names(&self, pool: &Pool) -> bool {
        let same = |asked: &Option<String>, has: &str| {
            asked
                .as_deref()
                .is_none_or(|asked| asked.eq_ignore_ascii_case(has))
        };
        self.pool.is_none_or(|id| id == pool.id)
            && same(&self.protocol, &pool.protocol)
            && same(&self.chain, &pool.chain)
            && self.method.is_none_or(|filter| filter.matches(pool.method))
            && (!self.stable_only || pool.stablecoin)
            && self.asset.as_deref().is_none_or(|asset| pool.holds(asset))
    }

    /// Whether the pool is big enough.
    pub fn reaches(&self, tvl_usd: f64) -> bool {
        self.min_tvl.is_none_or(|floor| tvl_usd >= floor)
    }

    /// Nothing was asked for: every pool is meant.
    pub fn is_everything(&self) -> bool {
        *self == Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{domain::method::Method, market::fixture};

    fn pool() -> Pool {
        Pool {
            method: Method::StakingLiquid,
            stablecoin: false,
            ..fixture::pool(1, "WSTETH-WETH")
        }
    }

    fn names(scope: &str) -> bool {
        toml::from_str::<Scope>(scope).unwrap().names(&pool())
    }

    #[test]
    fn each_condition_that_is_given_has_to_match_whatever_the_case() {
        assert!(names(""));
        assert!(names("asset = 'weth'"));
        assert!(names("asset = 'wstETH-weth'"));
        assert!(!names("asset = 'ETH'"));
        assert!(names("protocol = 'AAVE-v3'\nchain = 'ethereum'"));
        assert!(!names("protocol = 'aave-v3'\nchain = 'Base'"));
        assert!(!names("protocol = 'aave'"));
        assert!(names("method = 'staking-liquid'"));
        assert!(!names("method = 'lending'"));
        assert!(!names("stable_only = true"));
        assert!(names(&format!("pool = '{}'", fixture::id(1))));
        assert!(!names(&format!("pool = '{}'", fixture::id(2))));
        assert!(!names(&format!(
            "pool = '{}'\nasset = 'DAI'",
            fixture::id(1)
        )));
    }

    #[test]
    fn the_floor_belongs_to_the_pools_size_and_not_to_its_name() {
        let scope = Scope {
            min_tvl: Some(1e6),
            ..Scope::default()
        };
        assert!(scope.names(&pool()));
        assert!(scope.reaches(1e6) && !scope.reaches(999_999.9) && !scope.reaches(f64::NAN));
        assert!(Scope::default().reaches(0.0));
        assert!(Scope::default().is_everything() && !scope.is_everything());
    }

    #[test]
    fn a_condition_that_nobody_knows_is_refused() {
        assert!(toml::from_str::<Scope>("tokens = 'USDC'").is_err());
    }
}
