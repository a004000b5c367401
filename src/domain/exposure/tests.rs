use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::domain::{
    ids::{PoolId, PositionId, UserId},
    income::{LayerQuote, Portfolio, Quote},
    position::{Holding, Position, Stake, usd},
    rate::Percent,
    staking::{Approach, Network},
    time::Timestamp,
    verdict::Verdict,
};

fn pool(symbol: &str, protocol: &str, chain: &str) -> Pool {
    Pool {
        id: PoolId::from_bytes([1; 16]),
        chain: Arc::from(chain),
        protocol: Arc::from(protocol),
        symbol: symbol.into(),
        meta: None,
        method: if symbol.contains('-') {
            Method::Liquidity
        } else {
            Method::Lending
        },
        stablecoin: symbol.starts_with("USD"),
        multi_asset: symbol.contains('-'),
        impermanent_loss: false,
        underlying: Box::default(),
    }
}

/// So many dollars at 10 %, in a pool or, without one, at a stated rate.
fn line(worth: i64, pool: Option<&Pool>, verdict: Option<Verdict>) -> Line {
    let earns = pool.map_or(
        Earns::Stated {
            rate: Percent::ZERO,
            place: String::new(),
        },
        Earns::in_pool,
    );
    let worth = worth.to_string().parse().unwrap();
    let position = Position {
        id: PositionId(1),
        owner: UserId(1),
        stake: Stake::new(Holding::Worth(usd(worth)), earns),
        added_at: Timestamp::default(),
    };
    let layer = LayerQuote {
        rate: Percent::new(10.0),
        verdict,
        method: pool.map(|pool| pool.method),
        ..LayerQuote::default()
    };
    let quote = Quote {
        layers: vec![layer],
        unit_usd: Some(Decimal::ONE),
        paid_usd: None,
        ..Quote::default()
    };
    Portfolio::of([(position, quote)]).lines.remove(0)
}

/// Its coins are not among those that are known by name.
#[test]
fn a_pool_that_the_source_calls_stable_does_not_fall_with_the_others() {
    let pair = Pool {
        stablecoin: true,
        ..pool("LUSD-EURC", "curve-dex", "Ethereum")
    };
    let line = line(1_000, Some(&pair), Some(Verdict::Sustainable));
    let held = [Held {
        line: &line,
        pools: vec![&pair],
    }];
    let fall = stresses(&held);
    let fall = fall.iter().find(|stress| stress.shock == Shock::Fall);
    assert_eq!(fall.unwrap().after.value, 1_000.into());
}

/// The figures that a person would do by hand.
#[test]
fn shocks_hit_what_depends_on_them_and_nothing_else() {
    let pools = [
        pool("USDC", "aave-v3", "Ethereum"),
        pool("WETH-USDC", "uniswap-v3", "Ethereum"),
        pool("WSTETH", "aave-v3", "Arbitrum"),
    ];
    let worth = [5_000, 2_000, 3_000];
    let lines: Vec<Line> = pools
        .iter()
        .zip(worth)
        .map(|(pool, worth)| line(worth, Some(pool), Some(Verdict::Sustainable)))
        .collect();
    let held: Vec<Held<'_>> = lines
        .iter()
        .zip(&pools)
        .map(|(line, pool)| Held {
            line,
            pools: vec![pool],
        })
        .collect();
    assert_eq!(
        present(&held),
        After {
            value: 10_000.into(),
            income: 1_000.into()
        }
    );
    let after: Vec<(Shock, i64)> = stresses(&held)
        .into_iter()
        .map(|stress| {
            assert_eq!(stress.unknown, Decimal::ZERO);
            assert_eq!(stress.after.income * Decimal::TEN, stress.after.value);
            (stress.shock, stress.after.value.round().to_i64().unwrap())
        })
        .collect();
    assert_eq!(
        after,
        [
            // A tenth of 5,000, and of the half of the pair.
            (
                Shock::Depeg {
                    coin: "USDC".to_owned()
                },
                9_400
            ),
            // Half of 3,000, and of the other half.
            (Shock::Fall, 8_000),
            (
                Shock::Loss {
                    protocol: "aave".to_owned()
                },
                2_000
            ),
        ]
    );
}

#[test]
fn who_shares_what_is_told_with_its_share() {
    let pools = [
        pool("WSTETH", "aave-v3", "Ethereum"),
        pool("WSTETH", "morpho-blue", "Base"),
        pool("WSTETH-WETH", "curve-dex", "Ethereum"),
        pool("USDC", "compound-v3", "Base"),
    ];
    let lines: Vec<Line> = pools
        .iter()
        .map(|pool| line(100, Some(pool), None))
        .collect();
    let held: Vec<Held<'_>> = lines
        .iter()
        .zip(&pools)
        .map(|(line, pool)| Held {
            line,
            pools: vec![pool],
        })
        .collect();
    let shared = common(&held);
    let token = shared
        .iter()
        .find(|it| it.dependency.name == "WSTETH")
        .unwrap();
    assert_eq!(token.positions, 3, "three of four share wstETH");
    assert!((token.share - 0.75).abs() < 1e-9);
    let lido = shared
        .iter()
        .find(|it| it.dependency.name == "lido")
        .unwrap();
    assert_eq!(
        lido.positions, 3,
        "who gives the token out is shared as well"
    );
}

/// 50, 25 and 25 are worth 2.667 positions.
#[test]
fn parts_that_are_not_equal_are_worth_fewer() {
    let pools = ["a", "b", "c"].map(|protocol| pool("USDC", protocol, "Ethereum"));
    let lines: Vec<Line> = pools
        .iter()
        .zip([50, 25, 25])
        .map(|(pool, worth)| line(worth, Some(pool), None))
        .collect();
    let held: Vec<Held<'_>> = lines
        .iter()
        .zip(&pools)
        .map(|(line, pool)| Held {
            line,
            pools: vec![pool],
        })
        .collect();
    let spreads = spreads(&held);
    let by = |side| spreads.iter().find(|spread| spread.side == side).unwrap();
    assert!((by(Side::Protocol).effective.unwrap() - 2.667).abs() < 5e-4);
    assert_eq!(by(Side::Chain).effective, Some(1.0));
    assert_eq!(by(Side::Protocol).shares[0], ("a".to_owned(), 0.5));
}

#[test]
fn a_rule_that_the_unknown_could_break_is_not_passed() {
    let farm = pool("USDC", "aave-v3", "Ethereum");
    let known = line(20, Some(&farm), Some(Verdict::Sustainable));
    let other = pool("WETH", "lido", "Base");
    let other_line = line(50, Some(&other), Some(Verdict::Sustainable));
    let stated = line(30, None, None);
    let held = [
        Held {
            line: &known,
            pools: vec![&farm],
        },
        Held {
            line: &other_line,
            pools: vec![&other],
        },
        Held {
            line: &stated,
            pools: Vec::new(),
        },
    ];
    let checks = checks(&held);
    let stands = |rule| checks.iter().find(|it| it.rule == rule).unwrap().stands;
    assert_eq!(stands(Rule::OneProtocol), Stands::Fail);
    assert_eq!(stands(Rule::OneStablecoin), Stands::NotKnown);
    assert_eq!(stands(Rule::OneChain), Stands::NotKnown);
    assert_eq!(stands(Rule::Unsustainable), Stands::NotKnown);
    let stresses = stresses(&held);
    assert!(
        stresses
            .iter()
            .all(|stress| stress.unknown == Decimal::from(30))
    );
}

/// Staking on a network has no protocol, which is known and not unknown.
#[test]
fn staking_without_a_protocol_depends_on_its_chain() {
    let mut staked = line(100, None, None);
    staked.position.stake = Stake::new(
        Holding::Units {
            asset: "SOL".to_owned(),
            quantity: "1".parse().unwrap(),
        },
        Earns::Network {
            network: Network::Solana,
            approach: Approach::Delegated,
            commission: None,
        },
    );
    let held = [Held {
        line: &staked,
        pools: Vec::new(),
    }];
    let spreads = spreads(&held);
    let by = |side| spreads.iter().find(|spread| spread.side == side).unwrap();
    assert_eq!(by(Side::Chain).shares, [("Solana".to_owned(), 1.0)]);
    assert_eq!(by(Side::Asset).shares, [("SOL".to_owned(), 1.0)]);
    assert!(by(Side::Protocol).unknown.abs() < 1e-9);
    assert!(by(Side::Stablecoin).unknown.abs() < 1e-9);
}

proptest! {
    /// No shock makes anything worth more, and shares lie between nothing and all.
    #[test]
    fn no_shock_makes_anybody_richer(
        held in proptest::collection::vec((1_i64..1_000_000, 0_usize..5), 0..12)
    ) {
        let pools = [
            pool("USDC", "aave-v3", "Ethereum"),
            pool("WETH-USDT", "uniswap-v3", "Base"),
            pool("STETH", "lido", "Ethereum"),
            pool("PEPE", "farm", "Base"),
        ];
        let lines: Vec<(Line, Option<&Pool>)> = held
            .iter()
            .map(|(worth, at)| (line(*worth, pools.get(*at), None), pools.get(*at)))
            .collect();
        let held: Vec<Held<'_>> = lines
            .iter()
            .map(|(line, pool)| Held { line, pools: pool.iter().copied().collect() })
            .collect();
        let before = present(&held);
        for stress in stresses(&held) {
            prop_assert!(stress.after.value <= before.value);
            prop_assert!(stress.after.income <= before.income);
            prop_assert!(stress.after.value >= Decimal::ZERO && stress.unknown >= Decimal::ZERO);
        }
        for spread in spreads(&held) {
            prop_assert!((0.0..=1.0 + 1e-9).contains(&spread.unknown));
            for (_, share) in &spread.shares {
                prop_assert!((0.0..=1.0 + 1e-9).contains(share));
            }
        }
    }
}
