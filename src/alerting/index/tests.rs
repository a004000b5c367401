use std::sync::Arc;

use proptest::{option, prelude::*, sample::select};

use super::*;
use crate::{
    domain::method::{Method, MethodFilter},
    market::fixture,
};

const SYMBOLS: [&str; 8] = [
    "USDC",
    "usdc",
    "WETH",
    "USDC-WETH",
    "USDC-USDC",
    "USD₮0",
    "usd₮0-WETH",
    "É",
];
const ASSETS: [&str; 8] = [
    "USDC",
    "usdc",
    "weth",
    "USDC-WETH",
    "WETH-USDC",
    "USD₮0",
    "É",
    "é",
];
const PROTOCOLS: [&str; 3] = ["aave-v3", "Aave-V3", "lido"];
const CHAINS: [&str; 3] = ["Ethereum", "ETHEREUM", "Base"];

fn pools() -> impl Strategy<Value = Pool> {
    (
        0_u8..4,
        select(&SYMBOLS[..]),
        select(&PROTOCOLS[..]),
        select(&CHAINS[..]),
        select(&Method::ALL[..]),
        any::<bool>(),
    )
        .prop_map(
            |(number, symbol, protocol, chain, method, stablecoin)| Pool {
                chain: Arc::from(chain),
                protocol: Arc::from(protocol),
                method,
                stablecoin,
                ..fixture::pool(number, symbol)
            },
        )
}

fn scopes() -> impl Strategy<Value = Scope> {
    let name = |names: &'static [&'static str]| option::of(select(names).prop_map(str::to_owned));
    (
        option::weighted(0.2, 0_u8..4),
        name(&ASSETS),
        name(&PROTOCOLS),
        name(&CHAINS),
        option::weighted(0.2, select(&Method::ALL[..])),
        option::of(0.0_f64..1e6),
        any::<bool>(),
    )
        .prop_map(
            |(pool, asset, protocol, chain, method, min_tvl, stable_only)| Scope {
                pool: pool.map(fixture::id),
                asset,
                protocol,
                chain,
                method: method.map(|method| method.slug().parse::<MethodFilter>().unwrap()),
                min_tvl,
                stable_only,
            },
        )
}

fn found(index: &Index, pool: &Pool) -> Vec<Slot> {
    let mut found = Vec::new();
    index.watching(pool, |slot| found.push(slot));
    found.sort_unstable();
    found
}

proptest! {
    #[test]
    fn it_finds_each_alert_that_names_the_pool_once_and_no_other(
        scopes in proptest::collection::vec(scopes(), 0..30),
        pools in proptest::collection::vec(pools(), 1..20),
        removed in proptest::collection::btree_set(0_usize..30, 0..20),
    ) {
        let mut index = Index::default();
        for (slot, scope) in (0..).zip(&scopes) {
            index.add(slot, scope);
        }
        let wanted = |pool: &Pool, without: &dyn Fn(usize) -> bool| -> Vec<Slot> {
            (0..).zip(&scopes).enumerate()
                .filter(|(at, (_, scope))| !without(*at) && scope.names(pool))
                .map(|(_, (slot, _))| slot).collect()
        };
        for pool in &pools {
            prop_assert_eq!(found(&index, pool), wanted(pool, &|_| false), "{:?}", pool);
        }
        for (at, (slot, scope)) in (0..).zip(&scopes).enumerate() {
            if removed.contains(&at) {
                index.remove(slot, scope);
            }
        }
        for pool in &pools {
            prop_assert_eq!(found(&index, pool), wanted(pool, &|at| removed.contains(&at)));
        }
        // What was taken out can come in again.
        for (at, (slot, scope)) in (0..).zip(&scopes).enumerate() {
            if removed.contains(&at) {
                index.add(slot, scope);
            }
        }
        for pool in &pools {
            prop_assert_eq!(found(&index, pool), wanted(pool, &|_| false));
        }
    }
}
