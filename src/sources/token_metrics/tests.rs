use std::collections::HashSet;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::sources::{
    shared,
    tests::served::{Answers, fetcher},
};

const KEY: &str = "tm-00000000-made-up";

async fn client(answers: &Answers) -> TokenMetrics {
    let url = answers.clone().behind("x-api-key", KEY).start().await;
    TokenMetrics::new(fetcher(), &url, &KEY.into()).unwrap()
}

/// The documented envelope around made-up rows.
fn envelope(rows: &[Value]) -> String {
    json!({ "success": true, "message": "Data fetched successfully", "length": rows.len(), "data": rows })
        .to_string()
}

fn trader(token: u32, date: &str, grade: &Value) -> Value {
    json!({ "TOKEN_ID": token, "TOKEN_NAME": "Ethereum", "TOKEN_SYMBOL": "ETH",
        "DATE": format!("{date}T00:00:00.000Z"), "TA_GRADE": 18, "QUANT_GRADE": 40.5,
        "TM_TRADER_GRADE": grade, "TM_TRADER_GRADE_24H_PCT_CHANGE": null })
}

fn day(text: &str) -> Day {
    Day::parse(text).unwrap()
}

fn now() -> Timestamp {
    Timestamp::parse("2026-02-16T12:00:00Z").unwrap()
}

fn captured(name: &str) -> Option<Vec<u8>> {
    let packed = std::fs::read(shared::data("token-metrics")?.join(name)).unwrap();
    Some(zstd::decode_all(packed.as_slice()).unwrap())
}

#[test]
fn the_captured_grades_are_read_whole() {
    let Some(body) = captured("trader-grades-2025-04-16.json.zst") else {
        return;
    };
    let (rows, count): (Vec<TraderGrade>, _) = read(&body).unwrap();
    assert_eq!((rows.len(), count), (1_000, 1_000));
    assert!(
        rows.iter()
            .all(|row| row.grade.is_some() && row.technical.is_some())
    );
    let unchanged = rows.iter().filter(|row| row.change_24h.is_none());
    assert_eq!(unchanged.count(), 2);
    let by_id: HashSet<_> = rows.iter().map(|row| row.token.id).collect();
    assert_eq!(by_id.len(), 1_000);
    let by_symbol: HashSet<_> = rows.iter().map(|row| &row.token.symbol).collect();
    assert!(by_symbol.len() < 980, "symbols repeat");
    assert_eq!(newest(rows).len(), 1_000);
}

#[test]
fn the_captured_signals_are_read_whole() {
    let Some(body) = captured("trading-signals-2025-04-08.json.zst") else {
        return;
    };
    let (rows, _): (Vec<TradingSignal>, _) = read(&body).unwrap();
    assert_eq!(rows.len(), 100);
    assert!(
        rows.iter()
            .all(|row| row.signal.is_some() && row.rising.is_some())
    );
    let unrated = rows.iter().filter(|row| row.investor_grade.is_none());
    assert_eq!(unrated.count(), 4);
    let ether = &newest(rows)[&TokenId(3306)];
    assert_eq!(&*ether.token.symbol, "ETH");
    assert_eq!(ether.signal, Some(Signal::Hold));
    assert_eq!(ether.trader_grade, Some(18.87));
    assert_eq!(ether.held, Some(1080.0));
}

#[tokio::test]
async fn ratings_are_the_newest_of_each_token_by_its_number() {
    let days = "token_id=3306%2C3988&startDate=2026-02-09&endDate=2026-02-16&limit=100&page=1";
    let grades = [
        trader(3306, "2026-02-15", &json!(61)),
        trader(3306, "2026-02-16", &json!(62.5)),
        trader(3306, "2026-02-14", &json!(60)),
        trader(3988, "2026-02-16", &json!(130)),
    ];
    let single = json!({ "TOKEN_ID": 3306, "TOKEN_NAME": "Ethereum", "TOKEN_SYMBOL": "ETH",
        "FUNDAMENTAL_GRADE": "81.2", "TM_GRADE": "74.99", "TM_GRADE_24h_PCT_CHANGE": "-1.5",
        "FUNDAMENTAL_GRADE_CLASS": "Strong", "TM_GRADE_SIGNAL": "Buy", "MOMENTUM": "Up" });
    let signal = json!({ "TOKEN_ID": "3988", "DATE": "2026-02-16T00:00:00.000Z", "TRADING_SIGNAL": -1,
        "TOKEN_TREND": 1, "tm_link": "solana", "TM_LINK": "https://app.tokenmetrics.com/undefined" });
    let answers = Answers::default()
        .with(&format!("/trader-grades?{days}"), 200, &envelope(&grades))
        .with("/investor-grades", 403, r#"{"message":"upgrade"}"#)
        .with("/tm-grade", 200, &envelope(&[single]))
        .with(
            &format!("/trading-signals?{days}"),
            200,
            &envelope(&[signal]),
        );
    let tokens = [TokenId(3306), TokenId(3988)];
    let ratings = client(&answers)
        .await
        .ratings(&tokens, now())
        .await
        .unwrap();
    let ether = ratings[&TokenId(3306)];
    assert_eq!((ether.trader, ether.overall), (Some(62.5), Some(74.99)));
    assert_eq!((ether.investor, ether.signal), (None, None));
    assert_eq!(ether.dated.unwrap().day(), day("2026-02-16"));
    let sol = ratings[&TokenId(3988)];
    assert_eq!((sol.trader, sol.signal), (None, Some(Signal::Sell)));
}

#[tokio::test]
async fn a_wrong_key_is_told_without_it_and_a_plan_apart() {
    let url = Answers::default()
        .behind("x-api-key", "another")
        .start()
        .await;
    let wrong = TokenMetrics::new(fetcher(), &url, &KEY.into()).unwrap();
    let error = wrong.ratings(&[TokenId(1)], now()).await.unwrap_err();
    assert!(matches!(error, RatingError::KeyRefused));
    let told = format!("{error} {error:?} {wrong:?}");
    assert!(!told.contains(KEY), "{told}");
    let nothing = client(&Answers::default()).await;
    let error = nothing.ratings(&[TokenId(1)], now()).await.unwrap_err();
    assert!(matches!(error, RatingError::NotInPlan));
    assert_eq!(error.outcome(), Outcome::Failed);
    // Whatever it says, it may repeat the key.
    let odd = Answers::default().with("/indices", 400, &format!("{KEY} is odd"));
    let error = client(&odd)
        .await
        .indices(IndexKind::Active)
        .await
        .unwrap_err();
    assert!(!format!("{error} {error:?}").contains(KEY));
    let broken = Answers::default().with("/indices", 200, &format!("{KEY} is odd"));
    let error = client(&broken)
        .await
        .indices(IndexKind::Active)
        .await
        .unwrap_err();
    assert!(!format!("{error} {error:?}").contains(KEY));
    for key in ["two\nlines", "\u{e9}\0"] {
        let error = TokenMetrics::new(fetcher(), &url, &key.into()).unwrap_err();
        assert!(matches!(error, KeyError::NotPrintable(_)), "{error}");
    }
}

#[tokio::test]
async fn a_limit_is_kept_to() {
    let busy = Answers::default().with("/indices-holdings", 429, "");
    let error = client(&busy).await.holdings(IndexId(1)).await.unwrap_err();
    assert!(matches!(error.outcome(), Outcome::ToldToWait(_)));
}

#[tokio::test]
async fn pages_are_read_until_one_is_not_full() {
    let index = |id: usize| {
        json!({ "ID": id, "NAME": "Active Large Cap", "TICKER": "TMA", "PRICE": 1.5,
        "COINS": 10, "24H": -1.25, "7D": "2.5", "1M": null, "24H_VOLUME": 1e6, "INDEX_GRADE": 61,
        "ALL_TIME": 120.5, "MARKET_CAP": 2e9, "TOP_GAINERS_ICONS": { "a": {} } })
    };
    let page = |from: usize, to: usize| envelope(&(from..to).map(index).collect::<Vec<_>>());
    let asked = "/indices?indicesType=passive&limit=100&page=";
    let answers = Answers::default()
        .with(&format!("{asked}1"), 200, &page(0, 100))
        .with(&format!("{asked}2"), 200, &page(100, 103));
    let indices = client(&answers)
        .await
        .indices(IndexKind::Passive)
        .await
        .unwrap();
    assert_eq!(indices.len(), 103);
    let first = &indices[0];
    assert_eq!(first.change_24h, Some(-1.25));
    assert_eq!((first.change_7d, first.change_1m), (Some(2.5), None));
    assert_eq!(first.volume_24h_usd, Some(1e6));
    // A source that takes no notice of the page is not asked for ever.
    let stuck = Answers::default().with("/indices", 200, &page(0, 100));
    let indices = client(&stuck)
        .await
        .indices(IndexKind::Active)
        .await
        .unwrap();
    assert_eq!(indices.len(), 100);
}

#[tokio::test]
async fn a_long_stretch_is_asked_for_in_portions() {
    let row = |date: &str| {
        json!({ "ID": 7, "DATE": date, "INDEX_CUMULATIVE_ROI": 0.38, "MARKET_CAP": 5,
        "VOLUME": null, "FDV": "6" })
    };
    let asked = |from: &str, to: &str| {
        format!("/indices-performance?id=7&startDate={from}&endDate={to}&limit=100&page=1")
    };
    let answers = Answers::default()
        .with(
            &asked("2026-01-01", "2026-01-29"),
            200,
            &envelope(&[row("2026-01-02")]),
        )
        .with(
            &asked("2026-01-30", "2026-02-03"),
            200,
            &envelope(&[row("2026-02-01")]),
        );
    let days = (day("2026-01-01"), day("2026-02-03"));
    let read = client(&answers)
        .await
        .performance(IndexId(7), days)
        .await
        .unwrap();
    assert_eq!(read.len(), 2);
    assert_eq!(read[1].fully_diluted_usd, Some(6.0));
    let whole: Vec<_> = portions((Day(0), Day(28))).collect();
    assert_eq!(whole, [(Day(0), Day(28))]);
    assert_eq!(portions((Day(5), Day(4))).count(), 0);
}

#[test]
fn rows_without_a_number_are_left_out_until_they_are_many() {
    let holding =
        |id: Value| json!({ "TOKEN_ID": id, "WEIGHT": 12.5, "CG_ID": "", "TRADER_GRADE": "x" });
    let rows = |bad: usize, good: usize| {
        let bad = std::iter::repeat_n(holding(Value::Null), bad);
        let all: Vec<_> = bad.chain((0..good).map(|id| holding(json!(id)))).collect();
        envelope(&all)
    };
    let (few, count): (Vec<Holding>, _) = read(rows(1, 9).as_bytes()).unwrap();
    assert_eq!((few.len(), count), (9, 10));
    assert_eq!(
        (few[0].weight, few[0].coingecko.as_deref()),
        (Some(12.5), None)
    );
    assert_eq!(few[0].trader_grade, None);
    let many = read::<Holding>(rows(2, 9).as_bytes());
    assert!(matches!(
        many,
        Err(RatingError::Source(SourceError::TooManyBadRows { .. }))
    ));
}

#[test]
fn what_is_no_answer_is_refused() {
    let body = envelope(&[trader(1, "2026-02-16", &json!(5))]);
    for end in 0..body.len() {
        assert!(
            read::<TraderGrade>(&body.as_bytes()[..end]).is_err(),
            "cut at {end}"
        );
    }
    for odd in [
        r#"{"success":false,"data":[]}"#,
        r#"{"data":[]}"#,
        r#"{"success":true}"#,
        r#"{"success":true,"data":{}}"#,
        "[]",
    ] {
        assert!(read::<TraderGrade>(odd.as_bytes()).is_err(), "{odd}");
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
        drop(read::<TraderGrade>(&body));
    }

    #[test]
    fn portions_cover_every_day_once(first in -1_000_i32..1_000, length in 0_i32..200) {
        let last = first + length;
        let days: Vec<i32> = portions((Day(first), Day(last)))
            .flat_map(|(from, to)| {
                assert!(to.0 - from.0 < MOST_DAYS);
                from.0..=to.0
            })
            .collect();
        prop_assert_eq!(days, (first..=last).collect::<Vec<_>>());
    }
}
