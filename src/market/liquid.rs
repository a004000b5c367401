//! Liquid staking as the market knows it: by the symbols of receipt tokens.

use super::snapshot::Snapshot;
use crate::domain::{listing::Listing, method::Method, pool::Pool, staking::Network};

/// Shorter symbols end too many others.
const SHORTEST_PART: usize = 3;

impl Snapshot {
    /// The pools of liquid staking in which this asset is staked, largest TVL first.
    ///
    /// No source states it, so it is read from the symbol of the receipt: the asset itself, or one that
    /// ends with it (`STETH`, `JITOSOL`), or that has one letter more (`ETHX`).
    pub fn liquid_staking<'a>(&'a self, asset: &'a str) -> impl Iterator<Item = &'a Listing> {
        self.listings()
            .iter()
            .filter(move |listing| is_liquid(&listing.pool) && stakes(&listing.pool.symbol, asset))
    }

    /// What can be asked for by staking: the networks that are known, then receipts of others, by TVL.
    /// Only what holds `typed`, whatever the case.
    pub fn staked_assets(&self, typed: &str, limit: usize) -> Vec<String> {
        let typed = typed.trim().to_ascii_uppercase();
        let known: [&str; 5] = Network::ALL.map(Network::asset);
        let of_others = self
            .listings()
            .iter()
            .filter(|listing| is_liquid(&listing.pool))
            .map(|listing| &*listing.pool.symbol)
            .filter(|symbol| !known.iter().any(|asset| stakes(symbol, asset)));
        let mut offered: Vec<String> = Vec::new();
        for asset in known.into_iter().chain(of_others) {
            let asset = asset.to_ascii_uppercase();
            if asset.contains(&typed) && !offered.contains(&asset) {
                offered.push(asset);
            }
            if offered.len() == limit {
                break;
            }
        }
        offered
    }
}

/// The network whose coin a pool of liquid staking stakes.
pub(super) fn network_of(pool: &Pool) -> Option<Network> {
    let staked = |network: &Network| stakes(&pool.symbol, network.asset());
    is_liquid(pool).then(|| Network::ALL.into_iter().find(staked))?
}

fn is_liquid(pool: &Pool) -> bool {
    pool.method == Method::StakingLiquid && !pool.multi_asset
}

fn stakes(receipt: &str, asset: &str) -> bool {
    let (receipt, asset) = (receipt.as_bytes(), asset.as_bytes());
    let (length, part) = (receipt.len(), asset.len());
    let is_part = part >= SHORTEST_PART && length > part;
    let same = |bytes: Option<&[u8]>| bytes.is_some_and(|bytes| bytes.eq_ignore_ascii_case(asset));
    receipt.eq_ignore_ascii_case(asset)
        || (is_part && same(receipt.get(length - part..)))
        || (is_part && length == part + 1 && same(receipt.get(..part)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::reading::Observed,
        market::fixture::{after, holding, hour, pool, row},
    };

    #[test]
    fn receipts_are_known_by_their_symbols() {
        for (receipt, asset, want) in [
            ("STETH", "ETH", true),
            ("wstETH", "eth", true),
            ("ETHX", "ETH", true),
            ("SOL", "SOL", true),
            ("JITOSOL", "SOL", true),
            ("SOLVBTC", "SOL", false),
            ("SAVAX", "AVAX", true),
            ("SAVAX", "savax", true),
            ("SUPEROETHB", "ETH", false),
            ("OS", "S", false),
            ("S", "S", true),
            ("VDOT", "DOT", true),
            ("ISOL-金", "SOL", false),
            ("金", "金", true),
            ("", "ETH", false),
            ("ETH", "", false),
        ] {
            assert_eq!(stakes(receipt, asset), want, "{receipt} for {asset}");
        }
    }

    fn staked(number: u8, symbol: &str, tvl_usd: f64) -> Observed {
        let mut row = holding(row(number, 3.0), tvl_usd);
        row.pool = Pool {
            method: Method::StakingLiquid,
            ..pool(number, symbol)
        };
        row
    }

    #[test]
    fn the_largest_come_first_and_only_what_is_staked() {
        let mut pair = staked(4, "STETH-WETH", 9e9);
        pair.pool.multi_asset = true;
        let mut lent = staked(5, "WETH", 9e9);
        lent.pool.method = Method::Lending;
        let rows = vec![
            staked(1, "RETH", 5e9),
            staked(2, "STETH", 3e10),
            staked(3, "SAVAX", 4e8),
            pair,
            lent,
        ];
        let market = after(&Snapshot::default(), hour(0), rows).snapshot;
        let found: Vec<_> = market
            .liquid_staking("ETH")
            .map(|listing| &*listing.pool.symbol)
            .collect();
        assert_eq!(found, ["STETH", "RETH"]);
        assert_eq!(
            market.staked_assets("", 25),
            ["ETH", "SOL", "DOT", "ATOM", "ADA", "SAVAX"]
        );
        assert_eq!(market.staked_assets("av", 25), ["SAVAX"]);
        assert_eq!(market.staked_assets("", 2), ["ETH", "SOL"]);
        assert!(market.staked_assets("steth", 25).is_empty());
    }
}
