//! What tokens cost, and which coin is meant by a symbol alone.

use rust_decimal::Decimal;

use super::time::Timestamp;

/// A price with what a reply has to say beside it: when it was so, and who says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quoted {
    /// US dollars for one unit, above zero.
    pub usd: Decimal,
    /// When the source read the price.
    pub at: Timestamp,
    /// The source as people know it.
    pub source: &'static str,
}

/// One row: a symbol in upper case, and what `CoinGecko` calls the coin.
type Row = (&'static str, &'static str);

/// Coins whose symbol means them wherever it is written: what networks stake, the largest coins, those that
/// follow a currency, and what stands for one of these in [`correlation`](super::correlation).
const COINS: [Row; 73] = [
    ("BTC", "bitcoin"),
    ("ETH", "ethereum"),
    ("SOL", "solana"),
    ("DOT", "polkadot"),
    ("ATOM", "cosmos"),
    ("ADA", "cardano"),
    ("BNB", "binancecoin"),
    ("AVAX", "avalanche-2"),
    ("TRX", "tron"),
    ("HYPE", "hyperliquid"),
    ("POL", "polygon-ecosystem-token"),
    ("XRP", "ripple"),
    ("DOGE", "dogecoin"),
    ("LTC", "litecoin"),
    ("BCH", "bitcoin-cash"),
    ("XLM", "stellar"),
    ("XMR", "monero"),
    ("SUI", "sui"),
    ("APT", "aptos"),
    ("NEAR", "near"),
    ("ICP", "internet-computer"),
    ("XTZ", "tezos"),
    ("ALGO", "algorand"),
    ("ARB", "arbitrum"),
    ("OP", "optimism"),
    ("LINK", "chainlink"),
    ("AAVE", "aave"),
    ("UNI", "uniswap"),
    ("CRV", "curve-dao-token"),
    ("CVX", "convex-finance"),
    ("LDO", "lido-dao"),
    ("PENDLE", "pendle"),
    ("ENA", "ethena"),
    ("USDC", "usd-coin"),
    ("USDT", "tether"),
    ("USDE", "ethena-usde"),
    ("USDS", "usds"),
    ("DAI", "dai"),
    ("USD1", "usd1-wlfi"),
    ("PYUSD", "paypal-usd"),
    ("CRVUSD", "crvusd"),
    ("GHO", "gho"),
    ("FDUSD", "first-digital-usd"),
    ("RLUSD", "ripple-usd"),
    ("EURC", "euro-coin"),
    ("WETH", "weth"),
    ("WBTC", "wrapped-bitcoin"),
    ("CBBTC", "coinbase-wrapped-btc"),
    ("TBTC", "tbtc"),
    ("LBTC", "lombard-staked-btc"),
    ("WSOL", "wrapped-solana"),
    ("WBNB", "wbnb"),
    ("WAVAX", "wrapped-avax"),
    ("STETH", "staked-ether"),
    ("WSTETH", "wrapped-steth"),
    ("WBETH", "wrapped-beacon-eth"),
    ("WEETH", "wrapped-eeth"),
    ("RETH", "rocket-pool-eth"),
    ("CBETH", "coinbase-wrapped-staked-eth"),
    ("ETHX", "stader-ethx"),
    ("METH", "mantle-staked-ether"),
    ("RSETH", "kelp-dao-restaked-eth"),
    ("EZETH", "renzo-restaked-eth"),
    ("SFRXETH", "staked-frax-ether"),
    ("OETH", "origin-ether"),
    ("SWETH", "sweth"),
    ("JITOSOL", "jito-staked-sol"),
    ("BNSOL", "binance-staked-sol"),
    ("JUPSOL", "jupiter-staked-sol"),
    ("MSOL", "msol"),
    ("SUSDE", "ethena-staked-usde"),
    ("SUSDS", "susds"),
    ("SDAI", "savings-dai"),
];

/// What `CoinGecko` calls the coin of this symbol, whatever its case. `None` for any other than a few
/// well-known ones.
///
/// Symbols repeat: of a thousand coins, dozens share theirs with another. So nothing is guessed beyond the
/// table, and the market is not asked either: its largest pool of a symbol may hold a namesake of what
/// somebody keeps elsewhere, and a price of another coin is worse than none.
pub fn coin_id(symbol: &str) -> Option<&'static str> {
    let symbol = symbol.trim();
    COINS
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(symbol))
        .map(|(_, id)| *id)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::domain::staking::Network;

    #[test]
    fn what_networks_stake_is_known_whatever_the_case() {
        for network in Network::ALL {
            assert!(coin_id(network.asset()).is_some(), "{network:?}");
        }
        assert_eq!(coin_id(" eth "), Some("ethereum"));
        assert_eq!(coin_id("jitoSOL"), Some("jito-staked-sol"));
    }

    #[test]
    fn a_symbol_beyond_the_table_is_not_guessed() {
        for symbol in ["", " ", "PEPE2", "ETHEREUM", "USDC.E", "US", "₿"] {
            assert_eq!(coin_id(symbol), None, "{symbol}");
        }
    }

    #[test]
    fn no_symbol_and_no_coin_is_there_twice() {
        let symbols: BTreeSet<&str> = COINS.iter().map(|(symbol, _)| *symbol).collect();
        let ids: BTreeSet<&str> = COINS.iter().map(|(_, id)| *id).collect();
        assert_eq!((symbols.len(), ids.len()), (COINS.len(), COINS.len()));
        assert!(
            COINS
                .iter()
                .all(|(symbol, _)| *symbol == symbol.to_uppercase())
        );
    }
}
