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
