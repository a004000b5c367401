//! The forms in which positions were ever kept, so that each is still read.

use serde::Deserialize;

use super::{Earns, Method, Money, Payout, usd};
use crate::domain::{ids::PoolId, money::Amount, time::Day};

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Holding {
    Units {
        asset: String,
        quantity: Amount,
    },
    Worth(Money),
    /// Before there was any currency but the dollar.
    Value {
        usd: Amount,
    },
}

impl From<Holding> for super::Holding {
    fn from(kept: Holding) -> Self {
        match kept {
            Holding::Units { asset, quantity } => Self::Units { asset, quantity },
            Holding::Worth(money) => Self::Worth(money),
            Holding::Value { usd: amount } => Self::Worth(usd(amount)),
        }
    }
}

#[derive(Deserialize)]
pub(super) struct Stake {
    holding: super::Holding,
    #[serde(default)]
    layers: Vec<Earns>,
    method: Option<Method>,
    paid: Option<Money>,
    fees: Option<Money>,
    opened: Option<Day>,
    payout: Option<Payout>,
    lock_until: Option<Day>,
    note: Option<String>,
    /// Before there were layers.
    pool: Option<PoolId>,
    /// Before there was any currency but the dollar.
    cost_usd: Option<Amount>,
}

impl From<Stake> for super::Stake {
    fn from(kept: Stake) -> Self {
        let only = kept.pool.map(|id| Earns::Pool {
            id,
            called: String::new(),
        });
        Self {
            holding: kept.holding,
            layers: if kept.layers.is_empty() {
                only.into_iter().collect()
            } else {
                kept.layers
            },
            method: kept.method,
            paid: kept.paid.or(kept.cost_usd.map(usd)),
            fees: kept.fees,
            opened: kept.opened,
            payout: kept.payout,
            lock_until: kept.lock_until,
            note: kept.note,
        }
    }
}
