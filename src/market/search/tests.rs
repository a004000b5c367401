use std::sync::Arc;

use super::*;
use crate::{
    domain::{pool::Pool, reading::Observed},
    market::fixture::{after, hour, id, pool, rewarded, row},
};

fn made(number: u8, symbol: &str, protocol: &str, apy: f64, tvl_usd: f64) -> Observed {
    let mut made = row(number, apy);
    made.pool = Pool {
        protocol: Arc::from(protocol),
        ..pool(number, symbol)
    };
    made.reading.tvl_usd = tvl_usd;
    made
}

fn market(rows: Vec<Observed>) -> Snapshot {
    after(&Snapshot::default(), hour(0), rows).snapshot
}

fn ids(found: &[&Listing]) -> Vec<PoolId> {
    found.iter().map(|listing| listing.pool.id).collect()
}

fn small() -> Snapshot {
    market(vec![
        made(1, "USDC-WETH", "uniswap-v3", 4.0, 9e8),
        made(2, "USDC", "aave-v3", 4.0, 5e8),
        made(3, "USDC", "compound-v3", 4.0, 1e8),
        made(4, "USD₮0", "aave-v3", 4.0, 1e9),
    ])
}

/// F-X14: what somebody types costs no more for being long.
#[test]
fn a_flood_of_words_is_looked_up_by_its_first_ones() {
    let market = small();
    let flood = "usdc aave ".repeat(100_000);
    assert_eq!(ids(&market.pools_like(&flood, 9)), [id(2)]);
    let more = format!("{} nowhere", "usdc ".repeat(MOST_WORDS));
    assert_eq!(ids(&market.pools_like(&more, 9)), [id(2), id(3), id(1)]);
    let one = "x".repeat(1_000_000);
    assert!(market.pools_like(&one, 9).is_empty());
    assert!(market.assets_like(&one, 9).is_empty());
}

#[test]
fn exact_symbols_come_before_bigger_pools() {
    let market = small();
    assert_eq!(ids(&market.pools_like("usdc", 9)), [id(2), id(3), id(1)]);
    assert_eq!(ids(&market.pools_like("usdc", 1)), [id(2)]);
}

#[test]
fn words_may_stand_in_any_order_and_all_have_to_occur() {
    let market = small();
    assert_eq!(ids(&market.pools_like("USDC aave", 9)), [id(2)]);
    assert_eq!(
        ids(&market.pools_like("Ethereum · aave-v3 · usdc", 9)),
        [id(2)]
    );
    assert_eq!(ids(&market.pools_like("lending weth", 9)), [id(1)]);
    assert!(market.pools_like("usdc nowhere", 9).is_empty());
}

#[test]
fn an_id_means_its_pool_alone() {
    let market = small();
    assert_eq!(ids(&market.pools_like(&id(3).to_string(), 9)), [id(3)]);
    assert!(market.pools_like(&id(77).to_string(), 9).is_empty());
}

#[test]
fn the_page_of_a_pool_means_it_alone() {
    let market = small();
    let page = |number| {
        format!(
            "<https://www.defillama.com/yields/pool/{}/?x=1>",
            id(number)
        )
    };
    assert_eq!(ids(&market.pools_like(&page(3), 9)), [id(3)]);
    assert!(market.pools_like(&page(77), 9).is_empty());
    let protocol = "https://defillama.com/protocol/compound-v3";
    assert_eq!(pool_key(protocol), None);
    assert_eq!(ids(&market.pools_like(protocol, 9)), [id(3)]);
}

#[test]
fn symbols_beyond_ascii_are_found_in_either_case() {
    let market = small();
    for text in ["USD₮0", "usd₮", "₮0"] {
        assert_eq!(ids(&market.pools_like(text, 9)), [id(4)], "{text}");
    }
    assert_eq!(market.assets_like("usd₮", 9), ["USD₮0"]);
}

#[test]
fn completions_begin_with_what_was_typed_first_and_then_go_by_size() {
    let market = small();
    assert_eq!(market.assets_like("us", 9), ["USDC", "USD₮0"]);
    assert_eq!(market.assets_like("eth", 9), ["WETH"]);
    assert_eq!(
        market.protocols_like("v3", 9),
        ["aave-v3", "uniswap-v3", "compound-v3"]
    );
    assert_eq!(market.protocols_like("comp", 9), ["compound-v3"]);
    assert_eq!(market.protocols_like("", 1), ["aave-v3"]);
}

fn query() -> Query {
    Query {
        scope: Scope::default(),
        min_apy: None,
        max_apy: Some(100.0),
        verdicts: VerdictFilter::default(),
        order: Order::Verdict,
    }
}

#[test]
fn what_the_screen_hides_is_counted() {
    let market = market(vec![
        made(1, "USDC", "aave-v3", 4.0, 1e8),
        made(2, "USDC", "aave-v3", 150.0, 1e8),
        rewarded(made(3, "USDC", "aave-v3", 4.0, 1e8), 0.9),
        made(4, "WETH", "aave-v3", 150.0, 1e8),
    ]);
    let usdc = Scope {
        asset: Some("usdc".to_owned()),
        ..Scope::default()
    };
    let found = market.find(
        &Query {
            scope: usdc.clone(),
            ..query()
        },
        9,
    );
    assert_eq!(
        (ids(&found.shown), found.total, found.hidden),
        (vec![id(1)], 1, 2)
    );
    let any = Query {
        scope: usdc,
        verdicts: VerdictFilter::Any,
        max_apy: Some(1e6),
        ..query()
    };
    let found = market.find(&any, 2);
    assert_eq!((found.shown.len(), found.total, found.hidden), (2, 3, 0));
    // What is under the floor on APY was not asked for, so it is not hidden either.
    let found = market.find(
        &Query {
            min_apy: Some(200.0),
            ..any
        },
        9,
    );
    assert_eq!((found.total, found.hidden), (0, 0));
}

#[test]
fn a_verdict_can_be_asked_for() {
    let market = market(vec![
        made(1, "A", "x", 4.0, 1e8),
        rewarded(made(2, "B", "x", 4.0, 1e8), 0.9),
    ]);
    let only = |verdict| Query {
        verdicts: VerdictFilter::Only(verdict),
        ..query()
    };
    assert_eq!(
        ids(&market.find(&only(Verdict::Unsustainable), 9).shown),
        [id(2)]
    );
    assert_eq!(
        ids(&market.find(&only(Verdict::Sustainable), 9).shown),
        [id(1)]
    );
    // Who asks for one verdict is not told that others are hidden.
    assert_eq!(market.find(&only(Verdict::Mixed), 9).hidden, 0);
}

/// The screen on APY hid just what `verdict: unsustainable` is to list.
#[test]
fn what_the_screen_refuses_is_listed_for_who_asks() {
    let market = market(vec![
        made(1, "A", "x", 4.0, 1e8),
        made(2, "B", "x", 355_083.0, 1e8),
    ]);
    let asked = |verdicts| Query {
        verdicts,
        max_apy: None,
        ..query()
    };
    let refused = asked(VerdictFilter::Only(Verdict::Unsustainable));
    assert_eq!(ids(&market.find(&refused, 9).shown), [id(2)]);
    assert_eq!(market.find(&asked(VerdictFilter::Any), 9).total, 2);
    assert_eq!(market.find(&query(), 9).hidden, 1);
}

#[test]
fn orders_put_the_best_verdict_the_highest_rate_or_the_biggest_pool_first() {
    let market = market(vec![
        rewarded(made(1, "A", "x", 4.4, 3e8), 0.5),
        made(2, "B", "x", 4.0, 2e8),
        made(3, "C", "x", 4.2, 1e8),
    ]);
    let first = |order| ids(&market.find(&Query { order, ..query() }, 9).shown);
    assert_eq!(first(Order::Verdict), [id(3), id(2), id(1)]);
    assert_eq!(first(Order::Apy), [id(1), id(3), id(2)]);
    assert_eq!(first(Order::Tvl), [id(1), id(2), id(3)]);
}

/// The directory of names only narrows what is looked at.
#[test]
fn a_filter_finds_what_a_look_at_every_pool_finds() {
    let market = market(
        (1..60)
            .map(|number| {
                let symbols = ["USDC", "usdc-WETH", "WETH/ETH", "ETH-ETH", "USD₮0|DAI"];
                let protocols = ["aave-v3", "Aave-V3", "curve-dex"];
                let pick = usize::from(number);
                let apy = f64::from(number % 7) * 20.0;
                made(
                    number,
                    symbols[pick % symbols.len()],
                    protocols[pick % protocols.len()],
                    apy,
                    f64::from(number % 11) * 1e5,
                )
            })
            .collect(),
    );
    let filters = [
        "",
        "asset = 'usdc'",
        "asset = 'Usdc-weth'",
        "asset = 'usd₮0'",
        "asset = 'nothing'",
        "protocol = 'AAVE-V3'",
        "protocol = 'aave-v3'\nasset = 'eth'",
        "chain = 'ethereum'\nmin_tvl = 300000",
        "chain = 'nowhere'",
    ];
    for filter in filters {
        for order in [Order::Verdict, Order::Apy, Order::Tvl] {
            let query = Query {
                scope: toml::from_str(filter).unwrap(),
                order,
                verdicts: VerdictFilter::NotUnsustainable,
                ..query()
            };
            let mut plainly: Vec<&Listing> = market
                .listings()
                .iter()
                .filter(|listing| query.admits(listing) == Some(true))
                .collect();
            plainly.sort_by(|a, b| order.compare(a, b));
            for limit in [1, 3, 100] {
                let found = market.find(&query, limit);
                let first = &plainly[..plainly.len().min(limit)];
                assert_eq!(ids(&found.shown), ids(first), "{filter:?} {order:?}");
                assert_eq!(found.total, plainly.len());
            }
        }
    }
}
