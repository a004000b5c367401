//! A position: an amount that a person says they hold, with the pool that it earns in.

use serde::{Deserialize, Serialize};

use super::{
    ids::{PoolId, PositionId, UserId},
    money::Amount,
    time::Timestamp,
};

/// How much is held. Shares of liquidity pools and vaults have no one asset, so they are told in money.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Holding {
    /// A quantity of one of the pool's tokens.
    Units { asset: String, quantity: Amount },
    /// A value in US dollars, as of when it was told.
    Value { usd: Amount },
}

/// What the owner told of a position; sealed as one piece in the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stake {
    pub pool: PoolId,
    pub holding: Holding,
    /// US dollars paid for it, for the yield on cost.
    pub cost_usd: Option<Amount>,
    pub note: Option<String>,
}

/// A stake with its number and owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    pub id: PositionId,
    pub owner: UserId,
    pub stake: Stake,
    pub added_at: Timestamp,
}
