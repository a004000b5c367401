use std::{collections::BTreeSet, sync::Arc};

use super::*;
use crate::domain::{ids::PoolId, peg::Peg, protocol::fixture::named, rate::Percent};

fn pool() -> Pool {
    Pool {
        id: PoolId::from_bytes([1; 16]),
        chain: Arc::from("Ethereum"),
        protocol: Arc::from("aave-v3"),
        symbol: "USDC".into(),
        meta: None,
        method: Method::Lending,
        stablecoin: true,
        multi_asset: false,
        impermanent_loss: false,
        underlying: Box::default(),
    }
}

fn reading() -> Reading {
    Reading {
        at: now(),
        apy: Percent::new(4.0).unwrap(),
        base: Percent::new(4.0),
        reward: Some(Percent::ZERO),
        tvl_usd: 2e8,
    }
}

fn now() -> Timestamp {
    Timestamp::parse("2026-11-01T00:00:00Z").unwrap()
}

fn protocol() -> ProtocolFacts {
    ProtocolFacts {
        tvl_usd: Some(1e10),
        tvl_change_1d: Some(0.0),
        tvl_change_7d: Some(-0.02),
        listed_at: Some(now().minus(Span::days(1_500).0)),
        audits: Some(Audits::Audited),
        ..named("aave-v3")
    }
}

fn coin(price_usd: f64) -> Stablecoin {
    Stablecoin {
        name: "USD Coin".into(),
        symbol: "USDC".into(),
        peg: Peg::Usd,
        price_usd: Some(price_usd),
        circulating: Some(1e9),
        yield_bearing: false,
    }
}

fn nothing<'a>(pool: &'a Pool, reading: &'a Reading) -> Known<'a> {
    Known {
        pool,
        reading: Some(reading),
        protocol: None,
        incidents: None,
        incidents_until: None,
        lending: None,
        stablecoins: vec![("USDC", None)],
        impermanent_loss: None,
        reward_token_change: None,
        chain_usd: Some(5e10),
        now: now(),
    }
}

fn state(known: &Known<'_>, wanted: Check) -> State {
    let findings = check(known);
    findings
        .iter()
        .find(|finding| finding.check == wanted)
        .unwrap()
        .state
}

#[test]
fn every_check_is_asked_once_and_has_a_group() {
    let (pool, reading) = (pool(), reading());
    let findings = check(&nothing(&pool, &reading));
    let asked: Vec<Check> = findings.iter().map(|finding| finding.check).collect();
    assert_eq!(asked, Check::ALL);
    for group in Group::ALL {
        assert!(
            findings
                .iter()
                .any(|finding| finding.check.group() == group)
        );
    }
}

#[test]
fn without_sources_little_is_known_and_nothing_is_good_for_it() {
    let (pool, reading) = (pool(), reading());
    let findings = check(&nothing(&pool, &reading));
    // Loss and rewards do not apply; chain and size the pool itself tells.
    let all = coverage(&findings);
    assert_eq!((all.known, all.of), (2, 12));
    let of = |group| standing(&findings, group);
    assert_eq!(of(Group::Contract).state, State::NotKnown);
    assert_eq!(of(Group::Counterparty).state, State::NotKnown);
    assert_eq!(
        of(Group::Market).state,
        State::NotKnown,
        "its coin has no price"
    );
    let concentration = of(Group::Concentration);
    assert_eq!(concentration.state, State::Ok);
    assert!(concentration.is_partly_known() && !of(Group::Chain).is_partly_known());
}

#[test]
fn a_reading_that_cannot_be_used_says_nothing_of_sizes() {
    let (pool, reading, facts) = (pool(), reading(), protocol());
    let known = Known {
        reading: None,
        protocol: Some(&facts),
        ..nothing(&pool, &reading)
    };
    for check in [Check::PoolSize, Check::ShareOfProtocol, Check::RewardToken] {
        assert_eq!(state(&known, check), State::NotKnown, "{check:?}");
    }
}

#[test]
fn a_protocol_is_judged_by_age_audits_flags_and_size() {
    let (pool, reading, mut facts) = (pool(), reading(), protocol());
    let with = |facts: &ProtocolFacts, check: Check| {
        let known = Known {
            protocol: Some(facts),
            ..nothing(&pool, &reading)
        };
        state(&known, check)
    };
    for check in [
        Check::Age,
        Check::Audits,
        Check::Flags,
        Check::ProtocolSize,
        Check::Outflow,
    ] {
        assert_eq!(with(&facts, check), State::Ok, "{check:?}");
    }
    facts.listed_at = Some(now().minus(Span::days(40).0));
    facts.audits = Some(Audits::None);
    facts.flags = BTreeSet::from([Flag::Rugged]);
    facts.tvl_usd = Some(5e6);
    facts.tvl_change_7d = Some(-0.5);
    for check in [
        Check::Age,
        Check::Audits,
        Check::Flags,
        Check::ProtocolSize,
        Check::Outflow,
    ] {
        assert_eq!(with(&facts, check), State::Bad, "{check:?}");
    }
    facts.audits = None;
    facts.listed_at = None;
    for check in [Check::Age, Check::Audits] {
        assert_eq!(with(&facts, check), State::NotKnown, "{check:?}");
    }
}

#[test]
fn no_list_of_incidents_is_not_a_clean_record() {
    let (pool, reading) = (pool(), reading());
    let incident = |days: u64| Incident {
        at: now().minus(Span::days(days).0),
        name: "Aave V3".into(),
        technique: None,
        amount_usd: Some(1e6),
        chains: Box::default(),
        bridge: false,
        protocol: None,
    };
    let (recent, old) = (incident(100), incident(1_000));
    let with = |incidents: Option<Vec<&Incident>>| {
        let mut known = nothing(&pool, &reading);
        known.incidents = incidents.map(|list| list.into_iter().collect());
        state(&known, Check::Incidents)
    };
    assert_eq!(with(None), State::NotKnown);
    assert_eq!(with(Some(vec![])), State::Ok);
    assert_eq!(with(Some(vec![&old])), State::Watch);
    assert_eq!(with(Some(vec![&old, &recent])), State::Bad);
}

#[test]
fn what_cannot_be_withdrawn_is_a_risk_of_lending_alone() {
    let (mut pool, reading) = (pool(), reading());
    let market = |borrowed: f64| LendingMarket {
        pool: pool.id,
        borrow_base: None,
        borrow_reward: None,
        supplied_usd: Some(100.0),
        borrowed_usd: Some(borrowed),
        ltv: None,
        mints: None,
    };
    // A limit is no part of what lies under it.
    let markets = [50.0, 80.0, 80.1, 95.0, 95.1].map(market);
    let wanted = [State::Ok, State::Ok, State::Watch, State::Watch, State::Bad];
    for (market, wanted) in markets.iter().zip(wanted) {
        let known = Known {
            lending: Some(market),
            ..nothing(&pool, &reading)
        };
        assert_eq!(state(&known, Check::Withdrawable), wanted);
    }
    assert_eq!(
        state(&nothing(&pool, &reading), Check::Withdrawable),
        State::NotKnown
    );
    for (method, wanted) in [
        (Method::Liquidity, State::DoesNotApply),
        (Method::Aggregator, State::NotKnown),
        (Method::Unknown, State::NotKnown),
    ] {
        pool.method = method;
        let known = nothing(&pool, &reading);
        assert_eq!(state(&known, Check::Withdrawable), wanted, "{method:?}");
    }
}

#[test]
fn a_peg_is_as_good_as_the_worst_coin_that_is_known() {
    let (pool, reading) = (pool(), reading());
    let (holds, slips, breaks) = (coin(0.9995), coin(0.992), coin(0.9));
    let with = |coins: Vec<Option<&Stablecoin>>| {
        let mut known = nothing(&pool, &reading);
        known.stablecoins = Vec::new();
        let coins: Vec<Option<Stablecoin>> = coins
            .into_iter()
            .map(Option::<&Stablecoin>::cloned)
            .collect();
        known.stablecoins = coins.iter().map(|coin| ("USDC", coin.as_ref())).collect();
        state(&known, Check::Peg)
    };
    assert_eq!(with(vec![Some(&holds)]), State::Ok);
    assert_eq!(with(vec![Some(&holds), Some(&slips)]), State::Watch);
    assert_eq!(with(vec![Some(&holds), Some(&breaks)]), State::Bad);
    assert_eq!(with(vec![None, Some(&breaks)]), State::Bad);
    assert_eq!(with(vec![None, Some(&holds)]), State::NotKnown);
    assert_eq!(with(vec![]), State::DoesNotApply);
}

#[test]
fn loss_is_told_by_prices_and_else_by_the_flag() {
    let (mut pool, reading) = (pool(), reading());
    pool.multi_asset = true;
    let with = |pool: &Pool, loss: Option<f64>| {
        let known = Known {
            impermanent_loss: loss,
            ..nothing(pool, &reading)
        };
        state(&known, Check::ImpermanentLoss)
    };
    assert_eq!(with(&pool, None), State::NotKnown);
    assert_eq!(with(&pool, Some(-0.001)), State::Ok);
    assert_eq!(with(&pool, Some(-0.05)), State::Watch);
    assert_eq!(with(&pool, Some(-0.2)), State::Bad);
    pool.impermanent_loss = true;
    assert_eq!(with(&pool, None), State::Watch);
}
