//! Baskets of pools that stand for a kind of index, composed from what the market offers now. They are
//! stipend's own, and no product that anybody sells: what each holds follows from the rules here.

use serde::{Deserialize, Serialize};

use super::reference::{self, Range};
use crate::domain::{
    correlation::family,
    method::Method,
    pool::Pool,
    rate::{Percent, blended},
    staking::Network,
};

/// A kind of index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Index {
    /// The coins of the large networks, staked: for each network its largest pool of liquid staking, weighed
    /// by TVL, with at most [`MOST_WEIGHT`] for one.
    LargeCapStaking,
    /// The [`DEFI_POOLS`] largest pools of lending, liquidity and vaults with at least [`LEAST_TVL_USD`] that
    /// pay at least [`LEAST_APY`], at most [`OF_A_PROTOCOL`] of a family of protocols, all with the same
    /// weight.
    DefiYield,
    /// [`GROWTH`] in the large-cap basket, whose coins can grow, and the rest in the [`LENDING_POOLS`] largest
    /// pools that lend stablecoins, as large and paying as those, of different protocols.
    Balanced,
}

/// The most of a basket that one network has, where there are enough of them.
pub const MOST_WEIGHT: f64 = 0.4;
/// The part of a balanced basket in appreciation assets.
pub const GROWTH: f64 = 0.6;
/// US dollars; a smaller pool is moved by whoever follows a basket.
pub const LEAST_TVL_USD: f64 = 10_000_000.0;
/// Percent a year; what pays less is deposited to be borrowed against, and in no basket of yields.
pub const LEAST_APY: f64 = 1.0;
/// Pools of a basket of [`Index::DefiYield`].
pub const DEFI_POOLS: usize = 10;
/// The most of them that one family of protocols has.
pub const OF_A_PROTOCOL: usize = 2;
/// Pools of the income part of a balanced basket.
pub const LENDING_POOLS: usize = 3;
/// Fewer parts than this make no basket.
const FEWEST: usize = 2;

impl Index {
    pub const ALL: [Self; 3] = [Self::LargeCapStaking, Self::DefiYield, Self::Balanced];

    /// The name that files and command options use. It never changes.
    pub const fn slug(self) -> &'static str {
        match self {
            Self::LargeCapStaking => "staking",
            Self::DefiYield => "defi",
            Self::Balanced => "balanced",
        }
    }

    pub const fn label(self) -> &'static str {
        match self {
            Self::LargeCapStaking => "large-cap staking",
            Self::DefiYield => "DeFi yield",
            Self::Balanced => "balanced income and growth",
        }
    }

    /// What such an index is generally said to pay.
    pub const fn reference(self) -> Range {
        match self {
            Self::LargeCapStaking => reference::LARGE_CAP_STAKING,
            Self::DefiYield => reference::DEFI_YIELD,
            Self::Balanced => reference::BALANCED,
        }
    }
}

/// A pool that a basket may hold: one with a sustainable verdict and usable figures.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Offer<'a> {
    pub pool: &'a Pool,
    pub apy: Percent,
    pub tvl_usd: f64,
    /// The network whose coin it stakes, for liquid staking.
    pub network: Option<Network>,
}

/// A pool of a basket.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Part<'a> {
    pub offer: Offer<'a>,
    /// 0–1, of the whole.
    pub weight: f64,
}

/// A basket with what it pays.
#[derive(Debug, Clone, PartialEq)]
pub struct Basket<'a> {
    /// Their weights make 1.
    pub parts: Vec<Part<'a>>,
    pub rate: Percent,
}

impl<'a> Basket<'a> {
    /// Composes an index of what is offered, largest TVL first. `None` where the market has too little for
    /// it.
    pub fn of(index: Index, offers: &[Offer<'a>]) -> Option<Self> {
        let parts = match index {
            Index::LargeCapStaking => staking(offers)?,
            Index::DefiYield => equal(defi(offers))?,
            Index::Balanced => balanced(offers)?,
        };
        let rate = blended(parts.iter().map(|part| (part.weight, part.offer.apy)))?;
        Some(Self { parts, rate })
    }

    /// How it earns, each way once, in the order of its parts.
    pub fn methods(&self) -> Vec<Method> {
        let mut methods: Vec<Method> = Vec::new();
        for part in &self.parts {
            if !methods.contains(&part.offer.pool.method) {
                methods.push(part.offer.pool.method);
            }
        }
        methods
    }
}

fn staking<'a>(offers: &[Offer<'a>]) -> Option<Vec<Part<'a>>> {
    let of = |network: Network| offers.iter().find(|offer| offer.network == Some(network));
    let largest: Vec<Offer<'a>> = Network::ALL.into_iter().filter_map(of).copied().collect();
    if largest.len() < FEWEST {
        return None;
    }
    let sizes: Vec<f64> = largest.iter().map(|offer| offer.tvl_usd).collect();
    let weights = capped(&sizes, MOST_WEIGHT);
    let parts = largest.into_iter().zip(weights);
    Some(
        parts
            .map(|(offer, weight)| Part { offer, weight })
            .collect(),
    )
}

fn defi<'a>(offers: &[Offer<'a>]) -> Vec<Offer<'a>> {
    let earns = |method| {
        matches!(
            method,
            Method::Lending | Method::Liquidity | Method::Aggregator
        )
    };
    largest(offers, OF_A_PROTOCOL, DEFI_POOLS, |pool| earns(pool.method))
}

fn balanced<'a>(offers: &[Offer<'a>]) -> Option<Vec<Part<'a>>> {
    let lends = |pool: &Pool| pool.method == Method::Lending && pool.stablecoin;
    let lending = equal(largest(offers, 1, LENDING_POOLS, lends))?;
    let growth = staking(offers)?.into_iter().map(|part| (part, GROWTH));
    let income = lending.into_iter().map(|part| (part, 1.0 - GROWTH));
    let scaled = growth.chain(income).map(|(part, of)| Part {
        weight: part.weight * of,
        ..part
    });
    Some(scaled.collect())
}

/// The first `most` offers that fit, are large enough and pay something, with at most so many of a family of protocols.
fn largest<'a>(
    offers: &[Offer<'a>],
    of_a_protocol: usize,
    most: usize,
    fits: impl Fn(&Pool) -> bool,
) -> Vec<Offer<'a>> {
    let mut taken: Vec<Offer<'a>> = Vec::new();
    for offer in offers {
        let protocol = family(&offer.pool.protocol);
        let known = taken.iter();
        let of_it = known.filter(|other| family(&other.pool.protocol) == protocol);
        let is_fit =
            fits(offer.pool) && offer.tvl_usd >= LEAST_TVL_USD && offer.apy.get() >= LEAST_APY;
        if is_fit && of_it.count() < of_a_protocol {
            taken.push(*offer);
        }
        if taken.len() == most {
            break;
        }
    }
    taken
}

fn equal(offers: Vec<Offer<'_>>) -> Option<Vec<Part<'_>>> {
    if offers.len() < FEWEST {
        return None;
    }
    let weight = 1.0 / u32::try_from(offers.len()).map_or(f64::INFINITY, f64::from);
    let parts = offers.into_iter().map(|offer| Part { offer, weight });
    Some(parts.collect())
}

/// Weights by size that make 1, none over `most`: what is cut off goes to the others by their size. All the
/// same where there are too few for the cap.
fn capped(sizes: &[f64], most: f64) -> Vec<f64> {
    let count = u32::try_from(sizes.len()).map_or(f64::INFINITY, f64::from);
    if count * most <= 1.0 {
        return sizes.iter().map(|_| 1.0 / count).collect();
    }
    let mut is_held = vec![false; sizes.len()];
    loop {
        let held = is_held.iter().filter(|held| **held);
        let free = held.fold(1.0, |left, _| left - most);
        let loose = sizes.iter().zip(&is_held).filter(|(_, held)| !**held);
        let all: f64 = loose.map(|(size, _)| size).sum();
        let weight = |size: f64| free * size / all;
        let mut grew = false;
        for (size, held) in sizes.iter().zip(&mut is_held) {
            if !*held && weight(*size) > most {
                *held = true;
                grew = true;
            }
        }
        if !grew {
            let weights = sizes.iter().zip(&is_held);
            return weights
                .map(|(size, held)| if *held { most } else { weight(*size) })
                .collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::ids::PoolId;

    fn pool(number: u8, method: Method, protocol: &str) -> Pool {
        Pool {
            id: PoolId::from_bytes([number; 16]),
            chain: "Ethereum".into(),
            protocol: protocol.into(),
            symbol: "USDC".into(),
            meta: None,
            method,
            stablecoin: method == Method::Lending,
            multi_asset: false,
            impermanent_loss: false,
            underlying: Box::default(),
        }
    }

    fn offer(pool: &Pool, apy: f64, tvl_usd: f64, network: Option<Network>) -> Offer<'_> {
        Offer {
            pool,
            apy: Percent::new(apy).unwrap(),
            tvl_usd,
            network,
        }
    }

    fn weights(basket: &Basket<'_>) -> Vec<String> {
        let weights = basket.parts.iter().map(|part| part.weight);
        weights.map(|weight| format!("{weight:.3}")).collect()
    }

    #[test]
    fn a_staking_basket_has_the_largest_pool_of_each_network_and_no_giant() {
        let staked = pool(1, Method::StakingLiquid, "lido");
        let offers = [
            offer(&staked, 3.0, 25e9, Some(Network::Ethereum)),
            offer(&staked, 9.0, 8e9, Some(Network::Ethereum)),
            offer(&staked, 6.0, 3e9, Some(Network::Solana)),
            offer(&staked, 12.0, 1e9, Some(Network::Polkadot)),
        ];
        let basket = Basket::of(Index::LargeCapStaking, &offers).unwrap();
        assert_eq!(weights(&basket), ["0.400", "0.400", "0.200"]);
        assert!((basket.rate.get() - 6.0).abs() < 1e-9);
        let two = Basket::of(Index::LargeCapStaking, &offers[..3]).unwrap();
        assert_eq!(weights(&two), ["0.500", "0.500"]);
        assert_eq!(Basket::of(Index::LargeCapStaking, &offers[..2]), None);
    }

    #[test]
    fn a_basket_of_defi_spreads_over_protocols() {
        let (aave, other) = (
            pool(1, Method::Lending, "aave-v3"),
            pool(2, Method::Liquidity, "uniswap-v3"),
        );
        let farm = pool(3, Method::Farming, "quick-farm");
        let offers = [
            offer(&farm, 50.0, 1e9, None),
            offer(&aave, 0.0004, 9.5e8, None),
            offer(&aave, 4.0, 9e8, None),
            offer(&aave, 5.0, 8e8, None),
            offer(&aave, 6.0, 7e8, None),
            offer(&other, 12.0, 2e7, None),
            offer(&other, 20.0, 9e6, None),
        ];
        let basket = Basket::of(Index::DefiYield, &offers).unwrap();
        assert_eq!(weights(&basket), ["0.333", "0.333", "0.333"]);
        assert!((basket.rate.get() - 7.0).abs() < 1e-9);
        assert_eq!(basket.methods(), [Method::Lending, Method::Liquidity]);
    }

    #[test]
    fn a_balanced_basket_grows_with_sixty_percent_and_lends_forty() {
        let (staked, aave, compound) = (
            pool(1, Method::StakingLiquid, "lido"),
            pool(2, Method::Lending, "aave-v3"),
            pool(3, Method::Lending, "compound-v3"),
        );
        let offers = [
            offer(&staked, 3.0, 25e9, Some(Network::Ethereum)),
            offer(&staked, 7.0, 3e9, Some(Network::Solana)),
            offer(&aave, 4.0, 1e9, None),
            offer(&aave, 40.0, 9e8, None),
            offer(&compound, 6.0, 8e8, None),
        ];
        let basket = Basket::of(Index::Balanced, &offers).unwrap();
        assert_eq!(weights(&basket), ["0.300", "0.300", "0.200", "0.200"]);
        assert!((basket.rate.get() - 5.0).abs() < 1e-9);
        assert_eq!(Basket::of(Index::Balanced, &offers[..3]), None);
    }

    proptest! {
        #[test]
        fn weights_make_a_whole_and_stay_under_the_cap(
            sizes in proptest::collection::vec(1.0..1e12_f64, 1..8),
        ) {
            let weights = capped(&sizes, MOST_WEIGHT);
            prop_assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-9);
            if sizes.len() > 2 {
                prop_assert!(weights.iter().all(|weight| *weight <= MOST_WEIGHT + 1e-9));
            }
        }
    }
}
