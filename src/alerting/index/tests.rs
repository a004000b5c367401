use std::sync::Arc;

use proptest::{option, prelude::*, sample::select};

use super::*;
use crate::{
    domain::{
        episode::Timing,
        method::{Method, MethodFilter},
        rule::{Condition, Kind, Terms},
        time::Span,
    },
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

fn rules() -> impl Strategy<Value = Rule> {
    let windows = select(&[None, Some(1), Some(24)][..]);
    (scopes(), windows, 1.0_f64..50.0).prop_map(|(scope, window, value)| {
        let kind = match window {
            Some(_) => Kind::TvlDrop,
            None => Kind::ApyAbove,
        };
        let terms = Terms {
            value: Some(value),
            window: window.map(Span::hours),
            ..Terms::default()
        };
        Rule {
            scope,
            condition: Condition::new(kind, terms).unwrap(),
            timing: Timing::default(),
        }
    })
}

fn found(index: &Index, pool: &Pool) -> Vec<Slot> {
    let mut found = Vec::new();
    index.watching(pool, |_, alike| {
        found.extend(alike.iter().map(|watcher| watcher.slot));
    });
    found.sort_unstable();
    found
}

proptest! {
    #[test]
    fn it_finds_each_alert_that_names_the_pool_once_and_no_other(
        rules in proptest::collection::vec(rules(), 0..30),
        pools in proptest::collection::vec(pools(), 1..20),
        removed in proptest::collection::btree_set(0_usize..30, 0..20),
    ) {
        let mut index = Index::default();
        for (slot, rule) in (0..).zip(&rules) {
            index.add(slot, rule);
        }
        let wanted = |pool: &Pool, without: &dyn Fn(usize) -> bool| -> Vec<Slot> {
            (0..).zip(&rules).enumerate()
                .filter(|(at, (_, rule))| !without(*at) && rule.scope.names(pool))
                .map(|(_, (slot, _))| slot).collect()
        };
        for pool in &pools {
            prop_assert_eq!(found(&index, pool), wanted(pool, &|_| false), "{:?}", pool);
        }
        for (at, (slot, rule)) in (0..).zip(&rules).enumerate() {
            if removed.contains(&at) {
                index.remove(slot, &rule.scope);
            }
        }
        for pool in &pools {
            prop_assert_eq!(found(&index, pool), wanted(pool, &|at| removed.contains(&at)));
        }
        // What was taken out can come in again.
        for (at, (slot, rule)) in (0..).zip(&rules).enumerate() {
            if removed.contains(&at) {
                index.add(slot, rule);
            }
        }
        for pool in &pools {
            prop_assert_eq!(found(&index, pool), wanted(pool, &|_| false));
        }
    }

    #[test]
    fn it_gives_alerts_alike_together_and_cuts_off_those_whose_bar_is_not_reached(
        rules in proptest::collection::vec(rules(), 0..30),
        pool in pools(),
        stands in 0.0_f64..50.0,
    ) {
        let mut index = Index::default();
        for (slot, rule) in (0..).zip(&rules) {
            index.add(slot, rule);
        }
        let bar = |slot: Slot| rules[slot as usize].condition.bar();
        let mut reached = Vec::new();
        let mut faults = Vec::new();
        index.watching(&pool, |measure, alike| {
            if alike.is_empty() || !alike.iter().all(|one| bar(one.slot).0 == measure) {
                faults.push(alike.to_vec());
            }
            reached.extend(woken(alike, stands).iter().map(|watcher| watcher.slot));
        });
        prop_assert!(faults.is_empty(), "{:?}", faults);
        reached.sort_unstable();
        let wanted: Vec<Slot> = (0..).zip(&rules)
            .filter(|(slot, rule)| rule.scope.names(&pool) && bar(*slot).1 <= stands)
            .map(|(slot, _)| slot).collect();
        prop_assert_eq!(reached, wanted);
    }
}

/// F-L01: what a pool costs is what watches it, however many alerts watch other pools, protocols or assets: all of
/// them being looked through would take a hundred times as long with a hundred times as many.
#[test]
fn alerts_on_other_pools_cost_nothing() {
    fn look_up(others: u32) -> std::time::Duration {
        let mut index = Index::default();
        let rule = |scope| Rule {
            scope,
            condition: Condition::new(
                Kind::ApyAbove,
                Terms {
                    value: Some(5.0),
                    ..Terms::default()
                },
            )
            .unwrap(),
            timing: Timing::default(),
        };
        let elsewhere = |number: u32| match number % 3 {
            0 => Scope {
                pool: Some(PoolId::from_bytes((u128::from(number) << 32).to_be_bytes())),
                ..Scope::default()
            },
            1 => Scope {
                protocol: Some(format!("elsewhere-{number}")),
                ..Scope::default()
            },
            _ => Scope {
                asset: Some(format!("OTHER{number}")),
                ..Scope::default()
            },
        };
        for slot in 0..others {
            index.add(slot, &rule(elsewhere(slot)));
        }
        let own = Scope {
            pool: Some(fixture::id(1)),
            ..Scope::default()
        };
        index.add(others, &rule(own));
        let pool = fixture::pool(1, "USDC");
        assert_eq!(found(&index, &pool), [others]);
        let mut best = std::time::Duration::MAX;
        for _ in 0..20 {
            let begun = std::time::Instant::now();
            for _ in 0..100 {
                index.watching(std::hint::black_box(&pool), |_, alike| {
                    std::hint::black_box(alike);
                });
            }
            best = best.min(begun.elapsed());
        }
        best
    }
    let (few, many) = (look_up(300), look_up(30_000));
    assert!(many < few * 10, "{few:?} with 300 and {many:?} with 30,000");
}
