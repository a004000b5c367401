use std::collections::BTreeSet;

use super::*;
use crate::{
    domain::{
        peg::Peg,
        protocol::{Flag, fixture::named},
        rate::Percent,
    },
    market::fixture::{day, hour, id},
};

const SHELF_LIFE: Span = Span::days(1);

fn protocol(id: &str, slug: &str, name: &str) -> ProtocolFacts {
    ProtocolFacts {
        id: id.into(),
        name: name.into(),
        tvl_usd: Some(1e6),
        tvl_change_1d: Some(-0.25),
        listed_at: Some(hour(-1000)),
        flags: BTreeSet::from([Flag::Deprecated]),
        ..named(slug)
    }
}

fn child(id: &str, slug: &str, family: &str, tvl_usd: Option<f64>) -> ProtocolFacts {
    ProtocolFacts {
        parent: Some(family.into()),
        tvl_usd,
        ..protocol(id, slug, slug)
    }
}

fn fees(slug: &str, fees_30d: f64) -> Fees {
    Fees {
        slug: slug.into(),
        parent: None,
        fees_7d: None,
        fees_30d: Some(fees_30d),
        revenue_7d: None,
        revenue_30d: Some(0.0),
    }
}

fn coin(name: &str, symbol: &str, circulating: f64) -> Stablecoin {
    Stablecoin {
        name: name.into(),
        symbol: symbol.into(),
        peg: Peg::Usd,
        price_usd: Some(1.0),
        circulating: Some(circulating),
        yield_bearing: false,
    }
}

fn incident(days: i64, name: &str, protocol: Option<&str>) -> Incident {
    Incident {
        at: day(days),
        name: name.into(),
        technique: None,
        amount_usd: None,
        chains: Box::new([]),
        bridge: false,
        protocol: protocol.map(Into::into),
    }
}

pub(super) fn loan(number: u8) -> LendingMarket {
    LendingMarket {
        pool: id(number),
        borrow_base: Percent::new(6.5),
        borrow_reward: None,
        supplied_usd: Some(200.0),
        borrowed_usd: Some(150.0),
        ltv: Some(0.75),
        mints: None,
    }
}

fn knowing(told: impl IntoIterator<Item = Told>) -> Facts {
    told.into_iter().fold(Facts::default(), |facts, told| {
        facts.with(told, hour(0), SHELF_LIFE)
    })
}

#[test]
fn what_is_too_old_is_not_known() {
    let facts = knowing([
        Told::Protocols(vec![protocol("1", "aave-v3", "Aave V3")]),
        Told::Fees(vec![fees("aave-v3", 1.0)]),
        Told::Loans(vec![loan(1)]),
        Told::Stablecoins(vec![coin("tether", "USDT", 1.0)]),
        Told::Incidents(vec![incident(-9, "Aave V3", None)]),
    ]);
    let known = |now| {
        [
            facts.protocol("aave-v3", now).is_some(),
            facts.fees("aave-v3", now).is_some(),
            facts.lending(id(1), now).is_some(),
            facts.stablecoin("USDT", now).is_some(),
            facts.incidents("aave-v3", now).is_some(),
            facts.incidents_until(now).is_some(),
            facts.read_at(Topic::Fees, now) == Some(hour(0)),
        ]
    };
    assert_eq!(known(hour(24)), [true; 7]);
    assert_eq!(known(hour(25)), [false; 7]);
    let nothing = Facts::default();
    assert_eq!(nothing.protocol("aave-v3", hour(0)), None);
    assert_eq!(nothing.incidents("aave-v3", hour(0)), None);
}

#[test]
fn what_is_not_listed_is_not_known() {
    let facts = knowing([
        Told::Protocols(vec![protocol("1", "aave-v3", "Aave V3")]),
        Told::Fees(vec![fees("aave-v3", 1.0)]),
        Told::Incidents(Vec::new()),
    ]);
    assert_eq!(facts.protocol("aave", hour(1)), None);
    assert_eq!(facts.fees("aave", hour(1)), None);
    assert_eq!(facts.incidents("aave", hour(1)), None);
    let known = facts.protocol("aave-v3", hour(1)).unwrap();
    assert_eq!((&*known.value.name, known.read_at), ("Aave V3", hour(0)));
    // The protocol is known, and the list has nothing of it.
    let none = facts.incidents("aave-v3", hour(1)).unwrap();
    assert!(none.value.is_empty());
}

#[test]
fn fees_are_the_protocols_own_or_those_of_its_family() {
    let facts = knowing([
        Told::Protocols(vec![
            child("1", "aave-v2", "aave", Some(10.0)),
            child("2", "aave-v3", "aave", Some(90.0)),
            child("3", "curve-dex", "curve", Some(5.0)),
            child("4", "curve-new", "curve", None),
        ]),
        Told::Fees(vec![
            fees("aave", 7.0),
            fees("aave-v2", 3.0),
            fees("curve", 2.0),
        ]),
    ]);
    let found = |slug| {
        let found = facts.fees(slug, hour(1)).unwrap().value;
        (found.fees.fees_30d.unwrap(), found.of, found.tvl_usd)
    };
    assert_eq!(found("aave-v2"), (3.0, FeesOf::Protocol, Some(10.0)));
    assert_eq!(found("aave-v3"), (7.0, FeesOf::Family, Some(100.0)));
    // What is in one of the family is unknown, so what earned the fees is.
    assert_eq!(found("curve-dex"), (2.0, FeesOf::Family, None));
    // Without the list of protocols nobody knows of families.
    let alone = knowing([Told::Fees(vec![fees("aave", 7.0), fees("aave-v2", 3.0)])]);
    assert_eq!(alone.fees("aave-v3", hour(1)), None);
    let own = alone.fees("aave-v2", hour(1)).unwrap();
    assert_eq!((own.value.tvl_usd, own.read_at), (None, hour(0)));
}

#[test]
fn fees_are_as_old_as_the_oldest_of_their_parts() {
    let told = Told::Protocols(vec![child("1", "aave-v3", "aave", Some(1.0))]);
    let facts = Facts::default().with(told, hour(-3), SHELF_LIFE).with(
        Told::Fees(vec![fees("aave", 7.0)]),
        hour(0),
        SHELF_LIFE,
    );
    let read_at = |slug| facts.fees(slug, hour(1)).unwrap().read_at;
    assert_eq!(read_at("aave-v3"), hour(-3));
}

#[test]
fn a_shared_symbol_is_said_to_be_shared() {
    let facts = knowing([Told::Stablecoins(vec![
        coin("tether", "USDT", 1_000.0),
        coin("copy", "usdt", 50.0),
        coin("one", "USDX", 10.0),
        coin("other", "USDX", 9.0),
    ])]);
    let meant = |symbol| facts.stablecoin(symbol, hour(1)).map(|found| found.value);
    assert!(matches!(meant("usdt"), Some(Meant::One(coin)) if &*coin.name == "tether"));
    assert!(matches!(meant("USDX"), Some(Meant::Shared(coins)) if coins.len() == 2));
    assert_eq!(meant("DAI"), None);
}

#[test]
fn incidents_join_by_number_or_by_the_exact_name_of_a_single_protocol() {
    let facts = knowing([
        Told::Protocols(vec![
            protocol("7", "venus", "Venus"),
            protocol("8", "curve-dex", "Curve DEX"),
            protocol("9", "twin-a", "Twin"),
            protocol("10", "twin-b", "twin"),
        ]),
        Told::Incidents(vec![
            incident(5, "venus", None),
            incident(4, "Renamed since", Some("7")),
            incident(3, "Curve", None),
            incident(2, "Twin", None),
            incident(1, "Venus", Some("99")),
        ]),
    ]);
    let days = |slug| {
        let found = facts.incidents(slug, hour(1)).unwrap().value;
        found.iter().map(|it| it.at).collect::<Vec<_>>()
    };
    assert_eq!(days("venus"), [day(5), day(4)]);
    assert!(days("curve-dex").is_empty(), "a part of a name is a guess");
    assert!(days("twin-a").is_empty() && days("twin-b").is_empty());
    assert_eq!(facts.incidents_until(hour(1)), Some(day(5)));
}

#[test]
fn rows_come_back_as_they_were_packed() {
    for told in [
        Told::Protocols(vec![
            child("1", "aave-v3", "aave", None),
            protocol("2", "ether.fi-stake", "Ether.fi \"Stake\" ₮"),
        ]),
        Told::Fees(vec![fees("justbet", -16.0)]),
        Told::Loans(vec![loan(1), loan(2)]),
        Told::Stablecoins(vec![Stablecoin {
            peg: Peg::Other("EUR".into()),
            ..coin("euro", "EURC", 0.5)
        }]),
    ] {
        let packed = packed::pack(&told).unwrap().unwrap();
        let back = packed::unpack(told.topic(), &packed).unwrap();
        assert_eq!(back, Some(told));
    }
}

#[test]
fn what_is_damaged_or_of_another_shape_cannot_be_read() {
    let packed = packed::pack(&Told::Loans(vec![loan(1)])).unwrap().unwrap();
    assert!(packed::unpack(Topic::Protocols, &packed).is_err());
    for end in 0..packed.len() {
        assert!(
            packed::unpack(Topic::Loans, &packed[..end]).is_err(),
            "{end}"
        );
    }
    let incidents = Told::Incidents(vec![incident(1, "a", None)]);
    assert_eq!(packed::pack(&incidents).unwrap(), None);
}
