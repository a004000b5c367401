use std::fmt::Write as _;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::{
    domain::method::Method,
    sources::{file, shared},
};

/// Five rows of a real answer of 2025-08-31.
const FIXTURE: &[u8] = include_bytes!("../../../../tests/fixtures/pools-2025-08-31.json");

const STETH: &str = "747c1d2a-c668-4682-b9f9-296708a3dd90";
const RETH: &str = "d4b3c522-6127-4b89-bedf-83641cdcd2eb";

fn at() -> Timestamp {
    Timestamp::parse("2025-11-03T01:25:00Z").unwrap()
}

fn parsed(body: &str) -> Result<Parsed, SourceError> {
    parse(body.as_bytes(), at(), &Categories::bundled())
}

fn pool(id: &str) -> Value {
    json!({
        "pool": id, "chain": "Ethereum", "project": "lido", "symbol": "STETH",
        "tvlUsd": 33_596_010_147_u64, "apy": 2.496, "apyBase": 2.496, "apyReward": null,
        "apyMean30d": 2.6, "sigma": 0.02, "count": 1255, "stablecoin": false, "ilRisk": "no",
        "exposure": "single", "poolMeta": null,
        "underlyingTokens": ["0x0000000000000000000000000000000000000000"],
    })
}

fn body(rows: &[Value]) -> String {
    json!({"status": "success", "data": rows}).to_string()
}

/// A body of one row in which the value of `key` is written as `text`.
fn with(key: &str, text: &str) -> String {
    let mut row = pool(STETH);
    row[key] = json!("@@");
    body(&[row]).replace("\"@@\"", text)
}

/// What a body of one row holds; `None` when that row is bad.
fn one(body: &str) -> Option<Observed> {
    match parsed(body) {
        Ok(parsed) => parsed.rows.into_iter().next(),
        Err(SourceError::TooManyBadRows { bad: 1, rows: 1 }) => None,
        Err(other) => panic!("{other} for {body}"),
    }
}

#[test]
fn a_row_becomes_a_pool_and_its_reading() {
    let seen = one(&body(&[pool(STETH)])).unwrap();
    assert_eq!(seen.pool.id.to_string(), STETH);
    assert_eq!(&*seen.pool.chain, "Ethereum");
    assert_eq!(&*seen.pool.protocol, "lido");
    assert_eq!(seen.pool.method, Method::StakingLiquid);
    assert_eq!(seen.pool.meta, None);
    assert!(!seen.pool.multi_asset && !seen.pool.stablecoin && !seen.pool.impermanent_loss);
    assert_eq!(seen.pool.underlying.len(), 1);
    assert_eq!(seen.reading.at, at());
    assert!(!seen.own_time);
    assert_eq!(seen.reading.base.unwrap().to_string(), "2.496 %");
    assert_eq!(seen.reading.reward, None);
    assert_eq!(seen.feed.mean_30d.unwrap().to_string(), "2.6 %");
    assert_eq!((seen.feed.sigma, seen.feed.days), (Some(0.02), Some(1255)));
}

/// F-U07: what is no finite rate within a million percent never becomes one.
#[test]
fn a_rate_is_read_or_its_row_is_bad() {
    for (text, apy) in [
        ("2.5", Some(2.5)),
        ("0", Some(0.0)),
        ("-5", Some(-5.0)),
        ("\"2.5\"", Some(2.5)),
        ("1e6", Some(1e6)),
        ("-1e6", Some(-1e6)),
        ("1000000.1", None),
        ("1e308", None),
        ("-1e308", None),
        ("1e999", None),
        ("\"NaN\"", None),
        ("\"Infinity\"", None),
        ("\"\"", None),
        ("null", None),
        ("true", None),
        ("[2.5]", None),
        ("{}", None),
    ] {
        let seen = one(&with("apy", text)).map(|seen| seen.reading.apy.get());
        assert_eq!(seen, apy, "{text}");
    }
}

/// F-U07: nor what cannot be dollars.
#[test]
fn the_dollars_in_a_pool_are_read_or_its_row_is_bad() {
    for (text, tvl) in [
        ("10000", Some(10_000.0)),
        ("\"10000.5\"", Some(10_000.5)),
        ("0", Some(0.0)),
        ("-1", None),
        ("1e308", None),
        ("\"NaN\"", None),
        ("null", None),
    ] {
        let seen = one(&with("tvlUsd", text)).map(|seen| seen.reading.tvl_usd);
        assert_eq!(seen, tvl, "{text}");
    }
}

/// F-U07: a row without its names is skipped.
#[test]
fn names_and_ids_are_there_or_the_row_is_bad() {
    let long = format!("\"{}\"", "₮".repeat(200));
    let too_long = format!("\"{}\"", "₮".repeat(201));
    for key in ["chain", "project", "symbol"] {
        for (text, good) in [
            ("\"USD₮0-BVT|BERABTC\"", true),
            ("\"a\\u0020\\\"b\"", true),
            (long.as_str(), true),
            (too_long.as_str(), false),
            ("\"\"", false),
            ("\"  \"", false),
            ("null", false),
            ("5", false),
            ("[\"USDC\"]", false),
            ("\"\\ud800\"", false),
        ] {
            assert_eq!(one(&with(key, text)).is_some(), good, "{key}: {text}");
        }
    }
    for text in ["null", "7", "\"\"", "\"747c1d2a\"", "\"invalid configID!\""] {
        assert_eq!(one(&with("pool", text)), None, "{text}");
    }
    let absent = body(&[json!({"pool": STETH, "apy": 1, "tvlUsd": 1})]);
    assert_eq!(one(&absent), None);
}

/// F-U07: what is not needed is unknown, and never a zero.
#[test]
fn what_cannot_be_read_and_is_not_needed_is_unknown() {
    for text in [
        "null", "\"NaN\"", "1e999", "1e308", "{}", "[]", "false", "\"x\"",
    ] {
        let seen = one(&with("apyBase", text)).unwrap();
        assert_eq!(seen.reading.base, None, "{text}");
        let seen = one(&with("apyReward", text)).unwrap();
        assert_eq!(seen.reading.reward, None, "{text}");
        let seen = one(&with("apyMean30d", text)).unwrap();
        assert_eq!(seen.feed.mean_30d, None, "{text}");
        let seen = one(&with("count", text)).unwrap();
        assert_eq!(seen.feed.days, None, "{text}");
        let seen = one(&with("underlyingTokens", text)).unwrap();
        assert!(seen.pool.underlying.is_empty(), "{text}");
        assert!(one(&with("stablecoin", text)).is_some(), "{text}");
        assert!(one(&with("exposure", text)).is_some(), "{text}");
        assert!(one(&with("aFieldOfTomorrow", text)).is_some(), "{text}");
    }
    let seen = one(&with("underlyingTokens", "[null,5,\"0xa\",{}]")).unwrap();
    assert_eq!(seen.pool.underlying.as_ref(), [Box::from("0xa")]);
    let long = format!("\"{}\"", "m".repeat(5_000));
    let meta = one(&with("poolMeta", &long)).unwrap().pool.meta.unwrap();
    assert_eq!(meta.len(), 200);
}

#[test]
fn exposure_follows_the_symbol_where_it_is_left_out() {
    let exposed = |exposure: Value, symbol: &str| {
        let mut row = pool(STETH);
        row["exposure"] = exposure;
        row["symbol"] = json!(symbol);
        one(&body(&[row])).unwrap().pool.multi_asset
    };
    assert!(exposed(Value::Null, "USDC-WETH"));
    assert!(!exposed(Value::Null, "USDC"));
    assert!(!exposed(json!("single"), "PT-USDE"));
    assert!(exposed(json!("multi"), "3CRV"));
}

#[test]
fn a_pool_may_state_its_own_time_but_none_to_come() {
    for (text, own, want) in [
        (
            "\"2025-11-02T10:00:00.500Z\"",
            true,
            "2025-11-02T10:00:00.500Z",
        ),
        ("1762077600", true, "2025-11-02T10:00:00Z"),
        ("\"2026-11-02T10:00:00.000Z\"", true, "2025-11-03T01:25:00Z"),
        ("\"yesterday\"", false, "2025-11-03T01:25:00Z"),
        ("null", false, "2025-11-03T01:25:00Z"),
    ] {
        let seen = one(&with("timestamp", text)).unwrap();
        assert_eq!(seen.own_time, own, "{text}");
        assert_eq!(seen.reading.at, Timestamp::parse(want).unwrap(), "{text}");
    }
}

/// F-U07: doubled keys.
#[test]
fn the_last_of_a_doubled_key_counts() {
    let seen = one(&with("apy", "1, \"apy\": \"x\", \"apy\": 3")).unwrap();
    assert_eq!(seen.reading.apy.to_string(), "3 %");
    let seen = one(&with("apy", "3, \"ap\\u0079\": 4")).unwrap();
    assert_eq!(seen.reading.apy.to_string(), "4 %");
}

/// F-U07: deep nesting.
#[test]
fn depth_neither_hurts_nor_helps() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(one(&with("predictions", &deep)).is_some());
    assert!(one(&with("underlyingTokens", &deep)).is_some());
    assert!(one(&with("apy", &deep)).is_none());
    assert!(matches!(parsed(&deep), Err(SourceError::Malformed(_))));
    let rows = format!(r#"{{"status":"success","data":[{deep}]}}"#);
    assert!(matches!(
        parsed(&rows),
        Err(SourceError::TooManyBadRows { bad: 1, rows: 1 })
    ));
    let open = format!(r#"{{"status":"success","data":{}"#, "[".repeat(100_000));
    assert!(matches!(parsed(&open), Err(SourceError::Malformed(_))));
}

/// F-U04: what is no list of pools is no batch, whatever its heading says.
#[test]
fn a_document_of_another_kind_is_malformed() {
    let good = pool(STETH).to_string();
    for text in [
        String::new(),
        "null".to_owned(),
        "[]".to_owned(),
        "\"success\"".to_owned(),
        "<!DOCTYPE html><html>".to_owned(),
        "{}".to_owned(),
        r#"{"status":"success"}"#.to_owned(),
        r#"{"status":"success","data":[]}"#.to_owned(),
        r#"{"status":"success","data":null}"#.to_owned(),
        r#"{"status":"success","data":{}}"#.to_owned(),
        format!(r#"{{"status":"error","data":[{good}]}}"#),
        format!(r#"{{"status":5,"data":[{good}]}}"#),
        format!(r#"{{"data":[{good}]}}"#),
        format!(r#"{{"status":"success","data":[{good}],"data":[{good}]}}"#),
        format!(r#"{{"status":"success","data":[{good}]}} and more"#),
        format!(r#"{{"status":"success","data":[{good},]}}"#),
        format!(
            r#"{{"status":"success","data":[{}]}}"#,
            good.replace("2.496", "NaN")
        ),
    ] {
        match parsed(&text) {
            Err(SourceError::Malformed(said)) => assert!(said.len() < 600, "{said}"),
            other => panic!("{other:?} for {text}"),
        }
    }
    assert!(matches!(
        parse(b"{\"status\":\"\xff\"}", at(), &Categories::bundled()),
        Err(SourceError::Malformed(_))
    ));
    // The order of the two keys is the source's business.
    assert!(parsed(&format!(r#"{{"data":[{good}],"status":"success"}}"#)).is_ok());
}

/// F-U07: bad rows are counted, and from more than 5 % on nothing is believed.
#[test]
fn one_row_in_twenty_may_be_bad() {
    let rows = |good: usize, bad: usize| {
        let good = (0..good).map(|number| pool(&format!("{number:032x}")));
        let bad = (0..bad).map(|_| json!(5));
        body(&good.chain(bad).collect::<Vec<_>>())
    };
    let seen = parsed(&rows(95, 5)).unwrap();
    assert_eq!((seen.rows.len(), seen.skipped), (95, 5));
    assert!(matches!(
        parsed(&rows(94, 6)),
        Err(SourceError::TooManyBadRows { bad: 6, rows: 100 })
    ));
}

/// F-U08: the same twice counts once, and two that differ not at all.
#[test]
fn doubled_pools_count_once_or_not_at_all() {
    let other = {
        let mut row = pool(STETH);
        row["apy"] = json!(9);
        row
    };
    let seen = parsed(&body(&[pool(STETH), pool(RETH), pool(STETH)])).unwrap();
    assert_eq!((seen.rows.len(), seen.conflicting), (2, 0));
    assert_eq!(seen.rows[0].pool.id.to_string(), STETH);

    let seen = parsed(&body(&[pool(STETH), pool(RETH), other.clone()])).unwrap();
    assert_eq!((seen.rows.len(), seen.conflicting), (1, 2));
    assert_eq!(seen.rows[0].pool.id.to_string(), RETH);

    // Once in doubt, a pool stays out, whatever comes after.
    let rows = [
        pool(STETH),
        other.clone(),
        pool(STETH),
        other.clone(),
        pool(RETH),
    ];
    let seen = parsed(&body(&rows)).unwrap();
    assert_eq!((seen.rows.len(), seen.conflicting, seen.skipped), (1, 4, 0));

    assert!(matches!(
        parsed(&body(&[pool(STETH), other])),
        Err(SourceError::Malformed(_))
    ));
}

#[test]
fn names_are_shared_between_pools() {
    let seen = parsed(&body(&[pool(STETH), pool(RETH)])).unwrap();
    assert!(Arc::ptr_eq(
        &seen.rows[0].pool.chain,
        &seen.rows[1].pool.chain
    ));
    assert!(Arc::ptr_eq(
        &seen.rows[0].pool.protocol,
        &seen.rows[1].pool.protocol
    ));
}

#[test]
fn a_real_answer_is_read() {
    let seen = parse(FIXTURE, at(), &Categories::bundled()).unwrap();
    assert_eq!((seen.rows.len(), seen.skipped, seen.conflicting), (5, 0, 0));
    let first = &seen.rows[0];
    assert_eq!(&*first.pool.symbol, "WETH-OETHB");
    assert_eq!(first.pool.meta.as_deref(), Some("CL1 - 0.04%"));
    assert_eq!(first.pool.method, Method::Liquidity);
    assert!(first.own_time && first.pool.multi_asset);
    assert_eq!(
        first.reading.at,
        Timestamp::parse("2025-08-31T14:07:28.874Z").unwrap()
    );
    assert_eq!(first.reading.apy.to_string(), "0.07324 %");
    assert_eq!(first.reading.base.unwrap().to_string(), "0.00008 %");
    assert_eq!(first.feed.days, Some(47));
    assert_eq!(seen.rows[1].reading.reward, None);
    assert!(newest_time(FIXTURE).unwrap() >= Some(first.reading.at));
}

/// F-U03: cut at every place of a real answer.
#[test]
fn a_real_answer_that_is_cut_off_gives_nothing() {
    let body = FIXTURE.trim_ascii_end();
    let categories = Categories::bundled();
    for end in 0..body.len() {
        assert!(
            matches!(
                parse(&body[..end], at(), &categories),
                Err(SourceError::Malformed(_))
            ),
            "cut at {end}"
        );
    }
}

#[test]
fn the_captured_snapshots_are_read_whole() {
    let categories = Categories::bundled();
    for (folder, expected) in [
        (
            "dex-snapshots",
            [
                ("pools-2025-08-31.json.zst", 1_134..=1_134),
                ("pools-2025-09-12.json.zst", 1_416..=1_416),
                ("pools-2025-09-17.json.zst", 1_286..=1_286),
                ("pools-2025-09-24.json.zst", 5_887..=5_887),
                ("pools-2025-09-25.json.zst", 5_950..=5_950),
                ("pools-2025-09-26.json.zst", 5_932..=5_932),
                ("pools-2025-09-27.json.zst", 5_918..=5_918),
            ]
            .as_slice(),
        ),
        ("stable-snapshots", &[]),
    ] {
        let Some(folder) = shared::data(folder) else {
            continue;
        };
        let files = file::snapshots(&folder).unwrap();
        for (place, found) in files.iter().enumerate() {
            let body = file::read_pools(&found.path).unwrap();
            let taken = found.stated.unwrap();
            let seen = parse(&body, taken, &categories).unwrap();
            let name = found.path.file_name().unwrap().to_str().unwrap();
            let (want, rows) = expected
                .get(place)
                .map_or((name, 150..=154), |(name, rows)| (*name, rows.clone()));
            assert_eq!(name, want);
            assert!(
                rows.contains(&seen.rows.len()),
                "{name}: {}",
                seen.rows.len()
            );
            assert_eq!((seen.skipped, seen.conflicting), (0, 0), "{name}");
            let own = !expected.is_empty();
            assert!(seen.rows.iter().all(|row| row.own_time == own), "{name}");
            assert!(
                seen.rows.iter().all(|row| row.reading.at <= taken),
                "{name}"
            );
        }
    }
}

/// A body of the real size. Its speed is measured with `STIPEND_MEASURE=1` in an optimised build.
#[test]
fn nineteen_thousand_rows_are_read() {
    let mut row = pool("@@");
    for unused in [
        "apyPct1D",
        "apyPct7D",
        "apyPct30D",
        "mu",
        "il7d",
        "apyBase7d",
        "volumeUsd1d",
    ] {
        row[unused] = json!(0.12345);
    }
    row["predictions"] = json!({"predictedClass": "Stable/Up", "predictedProbability": 84});
    row["rewardTokens"] = json!(["0xdAC17F958D2ee523a2206206994597C13D831ec7"]);
    let row = row.to_string();
    let mut text = String::from(r#"{"status":"success","data":["#);
    for number in 0..19_000 {
        let comma = if number == 0 { "" } else { "," };
        let id = format!("{number:032x}");
        write!(text, "{comma}{}", row.replace("@@", &id)).unwrap();
    }
    text.push_str("]}");
    let categories = Categories::bundled();
    let rounds = if std::env::var_os("STIPEND_MEASURE").is_some() {
        20
    } else {
        1
    };
    for _ in 0..rounds {
        let start = std::time::Instant::now();
        let seen = parse(text.as_bytes(), at(), &categories).unwrap();
        let parsing = start.elapsed();
        let start = std::time::Instant::now();
        let digest = digest_of(text.as_bytes());
        println!(
            "{} bytes: {parsing:?}, digest {:?} {}",
            text.len(),
            start.elapsed(),
            digest
        );
        assert_eq!(seen.rows.len(), 19_000);
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(body in prop::collection::vec(any::<u8>(), 0..300)) {
        drop(parse(&body, at(), &Categories::bundled()));
    }

    /// F-U07: whatever becomes of a real answer.
    #[test]
    fn no_mutation_of_a_real_answer_panics_or_lets_nonsense_through(
        changes in prop::collection::vec((0..FIXTURE.len(), any::<u8>()), 1..20)
    ) {
        let mut body = FIXTURE.to_vec();
        for (place, byte) in changes {
            body[place] = byte;
        }
        if let Ok(parsed) = parse(&body, at(), &Categories::bundled()) {
            for row in parsed.rows {
                prop_assert!(row.reading.apy.get().abs() <= 1e6);
                prop_assert!(row.reading.tvl_usd >= 0.0 && row.reading.tvl_usd.is_finite());
                prop_assert!(row.reading.at <= at());
                prop_assert!(!row.pool.symbol.is_empty());
            }
        }
    }

    /// F-U08: in whatever order.
    #[test]
    fn no_pool_is_there_twice_and_every_row_is_accounted_for(
        rows in prop::collection::vec((0_u8..8, 0_u8..2), 1..40)
    ) {
        let text = body(&rows.iter().map(|(id, apy)| {
            let mut row = pool(&format!("{id:032x}"));
            row["apy"] = json!(apy);
            row
        }).collect::<Vec<_>>());
        let mut ids: Vec<_> = rows.iter().map(|(id, _)| *id).collect();
        ids.sort_unstable();
        ids.dedup();
        let torn: Vec<_> = ids.iter().filter(|id| {
            rows.contains(&(**id, 0)) && rows.contains(&(**id, 1))
        }).collect();
        match parsed(&text) {
            Ok(seen) => prop_assert_eq!(seen.rows.len(), ids.len() - torn.len()),
            Err(error) => {
                prop_assert!(matches!(error, SourceError::Malformed(_)));
                prop_assert_eq!(torn.len(), ids.len());
            }
        }
    }
}
