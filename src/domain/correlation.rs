//! What positions have in common: the chain, the protocol, the tokens and what those stand for.
//!
//! Two pools that look different can fall by the same cause. A dependency is something whose failure
//! reaches a pool; pools that share one are fewer positions than they look. Which oracles a pool relies
//! on, who audits it and who may change it is in no data that we read, so nothing is said of it.

use std::collections::{BTreeMap, BTreeSet};

use super::{method::Method, pool::Pool};

/// What a dependency is about, in the order in which it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum On {
    /// The family of a protocol: `aave` for `aave-v2` and `aave-v3`.
    Protocol,
    /// A token that the pool holds, or one that such a token stands for.
    Token,
    Chain,
    /// That coins which follow a currency keep doing so.
    Stablecoins,
}

/// Something whose failure reaches a pool. Names are compared without their case.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Dependency {
    pub on: On,
    /// A protocol in lower case, a token in upper case, a chain as the source writes it; empty for
    /// [`On::Stablecoins`].
    pub name: String,
}

/// How one token stands for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tie {
    /// Given out for what is staked.
    Staked,
    /// A share of savings that earns.
    Saved,
    /// The same coin in another contract of its own chain.
    Wrapped,
    /// Kept elsewhere, by a bridge or a custodian.
    Bridged,
    /// A share of a vault or lending market that is named after what is paid in.
    Vault,
}

impl Tie {
    /// Whether it is a receipt, which can come to be worth less than what it was given for.
    pub const fn is_receipt(self) -> bool {
        matches!(self, Self::Staked | Self::Saved)
    }
}

/// What a token stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backing {
    /// In upper case.
    pub of: String,
    pub tie: Tie,
    /// The protocol that gives it out, where a single one is known to.
    pub issuer: Option<&'static str>,
}

/// One row: token, what it stands for, how, and who gives it out.
type Row = (&'static str, &'static str, Tie, Option<&'static str>);

/// Tokens that stand for others. A receipt is here when it is among the 200 symbols with the largest
/// TVL in the source's list of 2025-11-03; its issuer is the protocol under which that list has the
/// receipt's own staking or savings pool. Everything else is said to stand for itself alone.
pub const BACKINGS: [Row; 52] = {
    use Tie::{Bridged, Saved, Staked, Wrapped};
    [
        ("WSTETH", "STETH", Wrapped, None),
        ("STETH", "ETH", Staked, Some("lido")),
        ("WBETH", "ETH", Staked, Some("binance-staked-eth")),
        ("WEETH", "ETH", Staked, Some("ether.fi-stake")),
        ("RETH", "ETH", Staked, Some("rocket-pool")),
        ("CBETH", "ETH", Staked, Some("coinbase-wrapped-staked-eth")),
        ("OSETH", "ETH", Staked, Some("stakewise")),
        ("ETHX", "ETH", Staked, Some("stader")),
        ("METH", "ETH", Staked, Some("meth-protocol")),
        ("LSETH", "ETH", Staked, Some("liquid-collective")),
        ("RSETH", "ETH", Staked, Some("kelp")),
        ("WRSETH", "RSETH", Bridged, None),
        ("EZETH", "ETH", Staked, Some("renzo")),
        ("SFRXETH", "ETH", Staked, Some("frax-ether")),
        ("OETH", "ETH", Staked, Some("origin-ether")),
        ("SUPEROETHB", "ETH", Staked, Some("origin-ether")),
        ("SWETH", "ETH", Staked, Some("swell-liquid-staking")),
        ("RSWETH", "ETH", Staked, Some("swell-liquid-restaking")),
        ("CDCETH", "ETH", Staked, Some("crypto.com-liquid-staking")),
        ("TETH", "WSTETH", Saved, Some("treehouse-protocol")),
        ("JITOSOL", "SOL", Staked, Some("jito-liquid-staking")),
        ("BNSOL", "SOL", Staked, Some("binance-staked-sol")),
        ("JUPSOL", "SOL", Staked, Some("jupiter-staked-sol")),
        ("MSOL", "SOL", Staked, Some("marinade-liquid-staking")),
        ("DSOL", "SOL", Staked, Some("drift-staked-sol")),
        ("BBSOL", "SOL", Staked, Some("bybit-staked-sol")),
        ("SLISBNB", "BNB", Staked, Some("lista-liquid-staking")),
        ("SAVAX", "AVAX", Staked, Some("benqi-staked-avax")),
        ("STRX", "TRX", Staked, Some("justlend")),
        ("KHYPE", "HYPE", Staked, None),
        ("SUSDE", "USDE", Saved, Some("ethena-usde")),
        ("SUSDS", "USDS", Saved, Some("sky-lending")),
        ("SDAI", "DAI", Saved, None),
        ("SCRVUSD", "CRVUSD", Saved, Some("crvusd")),
        ("WETH", "ETH", Wrapped, None),
        ("WSOL", "SOL", Wrapped, None),
        ("WBNB", "BNB", Wrapped, None),
        ("WAVAX", "AVAX", Wrapped, None),
        ("WHYPE", "HYPE", Wrapped, None),
        ("WPOL", "POL", Wrapped, None),
        ("WBTC", "BTC", Bridged, None),
        ("CBBTC", "BTC", Bridged, None),
        ("TBTC", "BTC", Bridged, None),
        ("BTCB", "BTC", Bridged, None),
        ("BTC.B", "BTC", Bridged, None),
        ("LBTC", "BTC", Bridged, None),
        ("FBTC", "BTC", Bridged, None),
        ("SOLVBTC", "BTC", Bridged, None),
        ("USDBC", "USDC", Bridged, None),
        ("USDT0", "USDT", Bridged, None),
        ("USD₮0", "USDT", Bridged, None),
        ("USD₮", "USDT", Wrapped, None),
    ]
};

/// The coins of the largest TVL that follow the dollar. The source marks a pool only where all of its tokens
/// follow a currency; one such coin is enough to lose by.
const FOLLOWING: [&str; 12] = [
    "USDC", "USDT", "USDE", "USDS", "DAI", "USD1", "PYUSD", "CRVUSD", "GHO", "FRAX", "FDUSD",
    "RLUSD",
];

/// Whether a coin, in upper case, is one of those.
pub fn follows_a_currency(coin: &str) -> bool {
    FOLLOWING.contains(&coin)
}

/// Shares of vaults and lending markets are named after the coin that is paid in: `STEAKUSDC`,
/// `GTWETH`. That is a habit of names and no promise, so only these few coins are read so.
const NAMED_AFTER: [&str; 4] = ["USDC", "USDT", "WETH", "WBTC"];

/// What a token stands for, by the table of this module or, where that is silent, by how it is named:
/// `USDC.E` and `AXLUSDC` are bridged, `STEAKUSDC` is a share that is paid for in USDC.
pub fn backing(token: &str) -> Option<Backing> {
    let token = token.to_uppercase();
    if let Some((_, of, tie, issuer)) = BACKINGS.iter().find(|(known, ..)| *known == token) {
        return Some(Backing {
            of: (*of).to_owned(),
            tie: *tie,
            issuer: *issuer,
        });
    }
    let named = |of: &str, tie| Backing {
        of: of.to_owned(),
        tie,
        issuer: None,
    };
    let bridged = token
        .strip_suffix(".E")
        .or_else(|| token.strip_prefix("AXL"));
    if let Some(of) = bridged.filter(|of| of.chars().count() >= 2) {
        return Some(named(of, Tie::Bridged));
    }
    NAMED_AFTER
        .into_iter()
        .find(|coin| token.len() > coin.len() && token.ends_with(coin))
        .map(|coin| named(coin, Tie::Vault))
}

/// More steps than any token of the table has.
const MOST_STEPS: usize = 6;

/// A token in upper case, then what it stands for, and so on to the coin at the bottom.
pub fn steps(token: &str) -> Vec<(String, Option<Backing>)> {
    let mut steps = Vec::new();
    let mut at = token.to_uppercase();
    while steps.len() < MOST_STEPS {
        let backing = backing(&at);
        let next = backing.as_ref().map(|backing| backing.of.clone());
        steps.push((at, backing));
        let Some(next) = next else { break };
        at = next;
    }
    steps
}

/// The coin at the bottom of a token, in upper case: `ETH` for `WSTETH`.
pub fn root(token: &str) -> String {
    steps(token).pop().map(|(root, _)| root).unwrap_or_default()
}

/// The tokens of a pool's symbol, in upper case: without marks of the trade (`PT`, `YT`, `LP`) and
/// without dates of maturity.
pub fn tokens(pool: &Pool) -> Vec<String> {
    let is_mark = |token: &str| matches!(token, "PT" | "YT" | "LP");
    let is_date = |token: &str| {
        token.starts_with(|c: char| c.is_ascii_digit())
            && token.ends_with(|c: char| c.is_ascii_digit())
            && token.len() >= 8
    };
    let mut tokens: Vec<String> = Vec::new();
    for token in pool.assets().map(str::to_uppercase) {
        if !is_mark(&token) && !is_date(&token) && !tokens.contains(&token) {
            tokens.push(token);
        }
    }
    tokens
}

/// The protocol without its version: `aave-v3` is of the family `aave`, whose versions share code,
/// people and a treasury.
pub fn family(protocol: &str) -> &str {
    let Some((family, last)) = protocol.rsplit_once('-') else {
        return protocol;
    };
    let version = last.strip_prefix(['v', 'V']).unwrap_or(last);
    let is_version = version.starts_with(|c: char| c.is_ascii_digit())
        && version.bytes().all(|c| c.is_ascii_digit() || c == b'.');
    if is_version && !family.is_empty() {
        family
    } else {
        protocol
    }
}

/// Everything known whose failure reaches the pool, each once, in order.
pub fn dependencies(pool: &Pool) -> Vec<Dependency> {
    let protocol = |name: &str| Dependency {
        on: On::Protocol,
        name: family(name).to_lowercase(),
    };
    let mut found = BTreeSet::from([
        protocol(&pool.protocol),
        Dependency {
            on: On::Chain,
            name: pool.chain.to_string(),
        },
    ]);
    let follows = |token: &String| follows_a_currency(&root(token));
    if pool.stablecoin || tokens(pool).iter().any(follows) {
        found.insert(Dependency {
            on: On::Stablecoins,
            name: String::new(),
        });
    }
    for (token, backing) in tokens(pool).iter().flat_map(|token| steps(token)) {
        found.extend(backing.and_then(|backing| backing.issuer).map(protocol));
        found.insert(Dependency {
            on: On::Token,
            name: token,
        });
    }
    found.into_iter().collect()
}

/// A dependency and the pools that share it, by their places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shared {
    pub dependency: Dependency,
    /// Ascending, two or more.
    pub by: Vec<usize>,
}

/// What two or more of the pools depend on, those that most share first.
pub fn shared(pools: &[&Pool]) -> Vec<Shared> {
    let mut by: BTreeMap<(On, String), (Dependency, Vec<usize>)> = BTreeMap::new();
    for (at, pool) in pools.iter().enumerate() {
        for dependency in dependencies(pool) {
            let key = (dependency.on, dependency.name.to_lowercase());
            let entry = by.entry(key).or_insert_with(|| (dependency, Vec::new()));
            entry.1.push(at);
        }
    }
    let mut shared: Vec<Shared> = by
        .into_values()
        .filter(|(_, by)| by.len() > 1)
        .map(|(dependency, by)| Shared { dependency, by })
        .collect();
    shared.sort_by(|a, b| {
        let more = b.by.len().cmp(&a.by.len());
        more.then_with(|| a.by.cmp(&b.by))
    });
    shared
}

/// How many equal and independent positions these weights are worth: 1 / Σ wᵢ², where the weights are
/// shares of the whole. `None` without weight.
pub fn effective(weights: impl IntoIterator<Item = f64>) -> Option<f64> {
    let (sum, squares) = weights
        .into_iter()
        .fold((0.0, 0.0), |(sum, squares), weight| {
            (sum + weight, squares + weight * weight)
        });
    (sum > 0.0)
        .then(|| sum * sum / squares)
        .filter(|it| it.is_finite())
}

/// How many independent positions some pools are worth, seen from four sides.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Effective {
    pub chain: f64,
    /// By the family of the pool's own protocol.
    pub protocol: f64,
    /// By the coins at the bottom of the tokens; a pool of several is split evenly.
    pub asset: f64,
    pub method: f64,
}

impl Effective {
    /// Of pools with what is held in each, in any unit. `None` when nothing is held.
    pub fn of(held: &[(f64, &Pool)]) -> Option<Self> {
        let grouped = |groups: &dyn Fn(&Pool) -> Vec<String>| {
            let mut weights: BTreeMap<String, f64> = BTreeMap::new();
            for (weight, pool) in held {
                let groups = groups(pool);
                let part = weight / f64::from(u32::try_from(groups.len()).unwrap_or(1).max(1));
                for group in groups {
                    *weights.entry(group).or_default() += part;
                }
            }
            effective(weights.into_values())
        };
        Some(Self {
            chain: grouped(&|pool| vec![pool.chain.to_lowercase()])?,
            protocol: grouped(&|pool| vec![family(&pool.protocol).to_lowercase()])?,
            asset: grouped(&|pool| {
                let roots = tokens(pool).iter().map(|token| root(token)).collect();
                or_symbol(roots, pool)
            })?,
            method: grouped(&|pool| vec![side(pool.method).to_owned()])?,
        })
    }
}

/// A symbol that names no token still is one thing.
fn or_symbol(roots: BTreeSet<String>, pool: &Pool) -> Vec<String> {
    if roots.is_empty() {
        vec![pool.symbol.to_uppercase()]
    } else {
        roots.into_iter().collect()
    }
}

/// Ways to stake are one way to earn.
const fn side(method: Method) -> &'static str {
    if method.is_staking() {
        "staking"
    } else {
        method.slug()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::domain::ids::PoolId;

    fn pool(symbol: &str, protocol: &str, chain: &str) -> Pool {
        Pool {
            id: PoolId::from_bytes([1; 16]),
            chain: Arc::from(chain),
            protocol: Arc::from(protocol),
            symbol: symbol.into(),
            meta: None,
            method: Method::Lending,
            stablecoin: symbol.starts_with("USD"),
            multi_asset: symbol.contains('-'),
            impermanent_loss: false,
            underlying: Box::default(),
        }
    }

    fn names(pool: &Pool) -> Vec<String> {
        dependencies(pool).into_iter().map(|it| it.name).collect()
    }

    #[test]
    fn a_token_stands_for_others_down_to_its_coin() {
        for (token, down) in [
            ("wstETH", &["WSTETH", "STETH", "ETH"][..]),
            ("tETH", &["TETH", "WSTETH", "STETH", "ETH"]),
            ("JitoSOL", &["JITOSOL", "SOL"]),
            ("weETH", &["WEETH", "ETH"]),
            ("USDC.e", &["USDC.E", "USDC"]),
            ("axlUSDC", &["AXLUSDC", "USDC"]),
            ("WETH.e", &["WETH.E", "WETH", "ETH"]),
            ("steakUSDC", &["STEAKUSDC", "USDC"]),
            ("gtWETH", &["GTWETH", "WETH", "ETH"]),
            ("USD₮0", &["USD₮0", "USDT"]),
            ("USDC", &["USDC"]),
            ("DAI", &["DAI"]),
            (".E", &[".E"]),
        ] {
            let steps: Vec<String> = steps(token).into_iter().map(|(token, _)| token).collect();
            assert_eq!(steps, down, "{token}");
            assert_eq!(root(token), *down.last().unwrap());
        }
    }

    #[test]
    fn every_row_leads_to_a_coin_and_stands_once() {
        for (at, (token, of, ..)) in BACKINGS.iter().enumerate() {
            assert_eq!(token.to_uppercase(), *token);
            assert!(steps(token).len() < MOST_STEPS, "{token} goes in circles");
            assert_ne!(token, of);
            let again = BACKINGS
                .iter()
                .skip(at + 1)
                .any(|(other, ..)| other == token);
            assert!(!again, "{token} stands twice");
        }
    }

    #[test]
    fn versions_of_a_protocol_are_one_family() {
        for (protocol, of) in [
            ("aave-v2", "aave"),
            ("aave-v3", "aave"),
            ("joe-v2.1", "joe"),
            ("alpaca-finance-2.0", "alpaca-finance"),
            ("pancakeswap-amm", "pancakeswap-amm"),
            ("pancakeswap-amm-v3", "pancakeswap-amm"),
            ("gmx-v2-perps", "gmx-v2-perps"),
            ("lido", "lido"),
            ("-v3", "-v3"),
            ("solidly-v", "solidly-v"),
            ("", ""),
        ] {
            assert_eq!(family(protocol), of, "{protocol}");
        }
    }

    #[test]
    fn a_pool_depends_on_all_that_its_tokens_stand_for() {
        assert_eq!(
            names(&pool("wstETH-USDC", "aave-v3", "Ethereum")),
            [
                "aave", "lido", "ETH", "STETH", "USDC", "WSTETH", "Ethereum", ""
            ]
        );
        assert_eq!(
            names(&pool("USDC", "compound-v3", "Base")),
            ["compound", "USDC", "Base", ""]
        );
        assert_eq!(
            names(&pool("PT-SUSDE-27NOV2025", "pendle", "Ethereum")),
            ["ethena-usde", "pendle", "SUSDE", "USDE", "Ethereum", ""]
        );
    }

    #[test]
    fn what_is_shared_is_told_with_who_shares_it() {
        let pools = [
            pool("WSTETH", "aave-v3", "Ethereum"),
            pool("WSTETH-WETH", "balancer-v2", "ethereum"),
            pool("STETH", "lido", "Ethereum"),
            pool("USDC", "aave-v2", "Base"),
        ];
        let shared = shared(&pools.each_ref());
        let of = |name: &str| {
            let found = shared.iter().find(|it| it.dependency.name == name);
            found.map(|it| it.by.clone()).unwrap_or_default()
        };
        assert_eq!(of("lido"), [0, 1, 2]);
        assert_eq!(of("STETH"), [0, 1, 2]);
        assert_eq!(of("WSTETH"), [0, 1]);
        assert_eq!(of("aave"), [0, 3]);
        assert_eq!(of("Ethereum"), [0, 1, 2]);
        assert!(of("USDC").is_empty());
        assert!(shared.is_sorted_by_key(|it| std::cmp::Reverse(it.by.len())));
    }

    #[test]
    fn effective_positions() {
        let check = |weights: &[f64], expected: f64| {
            let told = effective(weights.iter().copied()).unwrap();
            assert!((told - expected).abs() < 1e-3, "{weights:?}: {told}");
        };
        check(&[50.0, 25.0, 25.0], 2.667);
        check(&[1.0], 1.0);
        check(&[1.0, 1.0, 1.0, 1.0], 4.0);
        check(&[3.0, 1.0], 1.6);
        assert_eq!(effective([]), None);
        assert_eq!(effective([0.0]), None);
    }

    #[test]
    fn pools_are_fewer_positions_than_they_look() {
        let pools = [
            pool("WSTETH", "aave-v3", "Ethereum"),
            pool("WEETH", "aave-v2", "Ethereum"),
            pool("RETH", "compound-v3", "Base"),
            pool("USDC-WETH", "uniswap-v3", "Base"),
        ];
        let held: Vec<(f64, &Pool)> = pools.iter().map(|pool| (25.0, pool)).collect();
        let told = Effective::of(&held).unwrap();
        let close = |left: f64, right: f64| (left - right).abs() < 1e-9;
        assert!(close(told.chain, 2.0), "{told:?}");
        assert!(
            close(told.protocol, 1.0 / (0.25 + 0.0625 + 0.0625)),
            "{told:?}"
        );
        // Three and a half of four are ETH.
        assert!(
            close(told.asset, 1.0 / (0.875 * 0.875 + 0.125 * 0.125)),
            "{told:?}"
        );
        assert!(close(told.method, 1.0), "{told:?}");
        assert_eq!(Effective::of(&[]), None);
    }

    proptest! {
        #[test]
        fn never_more_positions_than_there_are(weights in prop::collection::vec(0.001..1e6, 1..20)) {
            let count = f64::from(u32::try_from(weights.len()).unwrap());
            let told = effective(weights.iter().copied()).unwrap();
            prop_assert!(told >= 1.0 - 1e-9 && told <= count + 1e-9);
            let scaled = effective(weights.iter().map(|weight| weight * 7.0)).unwrap();
            prop_assert!((told - scaled).abs() < 1e-6);
        }

        #[test]
        fn no_symbol_makes_it_panic(symbol in "\\PC{0,40}", protocol in "\\PC{0,20}") {
            let hostile = pool(&symbol, &protocol, "Base");
            prop_assert!(dependencies(&hostile).len() >= 2);
            prop_assert!(Effective::of(&[(1.0, &hostile)]).is_some());
        }
    }
}
