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

    /// The source's own words about the pool, where they say that money is tied up for a time:
    /// `7 days unstaking`, `Maturity 25DEC2025`.
    pub fn lock_up(&self) -> Option<&str> {
        let meta = self.meta.as_deref()?;
        let mut words = meta.split(|c: char| !c.is_alphabetic());
        let ties = |word: &str| {
            let word = word.to_lowercase();
            TIED.iter().any(|start| word.starts_with(start))
        };
        words.any(ties).then_some(meta)
    }

    /// Whether one of the pool's tokens has this symbol, whatever the case.
    pub fn holds(&self, asset: &str) -> bool {
        let bytes = self.symbol.as_bytes();
        let same = |token: &[u8]| token.eq_ignore_ascii_case(asset.as_bytes());
        same(bytes) || (!asset.is_empty() && bytes.split(|byte| BETWEEN.contains(byte)).any(same))
    }
}

/// How words begin with which sources say that money cannot be had at once.
const TIED: [&str; 9] = [
    "lock", "unlock", "unstak", "unbond", "cooldown", "withdraw", "redem", "matur", "vest",
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

    fn lock_up(meta: Option<&str>) -> Option<String> {
        let pool = Pool {
            id: PoolId::from_bytes([1; 16]),
            chain: "Ethereum".into(),
            protocol: "pendle".into(),
            symbol: "USDC".into(),
            meta: meta.map(Into::into),
            method: Method::Unknown,
            stablecoin: false,
            multi_asset: false,
            impermanent_loss: false,
            underlying: Box::new([]),
        };
        pool.lock_up().map(str::to_owned)
    }

    #[test]
    fn a_lock_up_is_told_where_the_source_states_one() {
        for meta in [
            "7 days unstaking",
            "Maturity 25DEC2025",
            "Locked 30d",
            "3-day cooldown",
        ] {
            assert_eq!(lock_up(Some(meta)).as_deref(), Some(meta));
        }
        for meta in ["0.05%", "CL200 - 0.3%", "Blocknative USDC", "Harvest vault"] {
            assert_eq!(lock_up(Some(meta)), None, "{meta}");
        }
        assert_eq!(lock_up(None), None);
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
