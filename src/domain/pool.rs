//! A pool: one place where an asset earns.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{ids::PoolId, method::Method};

/// What a pool is. Its figures are in [`Reading`](super::reading::Reading).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pool {
    pub id: PoolId,
    /// Display name of the chain, as the source writes it (`Hyperliquid L1`). Shared between pools.
    pub chain: Arc<str>,
    /// The protocol's slug (`aave-v3`). Shared between pools.
    pub protocol: Arc<str>,
    /// Token symbols, joined by `-` where there are several. Hostile text until rendered.
    pub symbol: Box<str>,
    /// What tells namesakes apart: fee tier, maturity, vault name, lock-up.
    pub meta: Option<Box<str>>,
    pub method: Method,
    /// Every token of the pool follows a currency, by the source's own list.
    pub stablecoin: bool,
    /// More than one token is paid in.
    pub multi_asset: bool,
    /// The source's rule on symbols says that the pool carries impermanent loss.
    pub impermanent_loss: bool,
    /// Contract addresses of the tokens paid in, as the price source wants them after `chain:`.
    pub underlying: Box<[Box<str>]>,
}

impl Pool {
    /// The token symbols that make the pool: `USDC-WETH` gives `USDC` and `WETH`.
    pub fn assets(&self) -> impl Iterator<Item = &str> {
        assets_of(&self.symbol)
    }

    /// Whether one of the pool's tokens has this symbol, whatever the case.
    pub fn holds(&self, asset: &str) -> bool {
        let bytes = self.symbol.as_bytes();
        let same = |token: &[u8]| token.eq_ignore_ascii_case(asset.as_bytes());
        same(bytes) || (!asset.is_empty() && bytes.split(|byte| BETWEEN.contains(byte)).any(same))
    }

    /// What the source says of how long money is bound, in its own words: `7 days unstaking`. `None`
    /// says nothing either way.
    pub fn lock_up(&self) -> Option<&str> {
        let meta = self.meta.as_deref()?;
        let mut words = meta.split(|c: char| !c.is_alphanumeric());
        let begins = |word: &str, start: &str| {
            let first = word.get(..start.len());
            first.is_some_and(|first| first.eq_ignore_ascii_case(start))
        };
        let states = words.any(|word| BINDING.iter().any(|start| begins(word, start)));
        states.then_some(meta)
    }
}

/// How words begin by which the source tells that money is bound.
const BINDING: [&str; 9] = [
    "unstak", "unbond", "lock", "unlock", "cooldown", "withdraw", "vest", "matur", "redeem",
];

/// What stands between the tokens of a symbol.
const BETWEEN: [u8; 5] = *b"-/+| ";

/// The token symbols in a pool's symbol.
pub fn assets_of(symbol: &str) -> impl Iterator<Item = &str> {
    symbol
        .split(BETWEEN.map(char::from))
        .filter(|token| !token.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_source_says_of_a_lock_up_is_found() {
        let pool = |meta: Option<&str>| Pool {
            id: PoolId::from_bytes([1; 16]),
            chain: Arc::from("Ethereum"),
            protocol: Arc::from("lido"),
            symbol: "STETH".into(),
            meta: meta.map(Into::into),
            method: Method::StakingLiquid,
            stablecoin: false,
            multi_asset: false,
            impermanent_loss: false,
            underlying: Box::default(),
        };
        for (meta, states) in [
            ("7 days unstaking", true),
            ("Unstaking Cooldown: 7 days", true),
            ("28d withdrawal", true),
            ("Locked 4 years", true),
            ("CL1 - 0.05%", false),
            ("blocks of 5", false),
            ("", false),
        ] {
            let pool = pool(Some(meta));
            assert_eq!(pool.lock_up(), states.then_some(meta), "{meta}");
        }
        assert_eq!(pool(None).lock_up(), None);
    }

    #[test]
    fn symbols_fall_into_their_tokens() {
        assert_eq!(assets_of("USDC-WETH").collect::<Vec<_>>(), ["USDC", "WETH"]);
        assert_eq!(
            assets_of("USD₮0-BVT|BERABTC").collect::<Vec<_>>(),
            ["USD₮0", "BVT", "BERABTC"]
        );
        assert_eq!(assets_of("--").count(), 0);
    }
}
