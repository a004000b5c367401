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
}

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
    fn symbols_fall_into_their_tokens() {
        assert_eq!(assets_of("USDC-WETH").collect::<Vec<_>>(), ["USDC", "WETH"]);
        assert_eq!(
            assets_of("USD₮0-BVT|BERABTC").collect::<Vec<_>>(),
            ["USD₮0", "BVT", "BERABTC"]
        );
        assert_eq!(assets_of("--").count(), 0);
    }
}
