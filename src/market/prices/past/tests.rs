use axum::http::StatusCode;
use rust_decimal::Decimal;

use super::*;
use crate::{
    market::{
        PATIENCE,
        fixture::{hour, minute, pool, store},
        tests::stand_in::StandIn,
    },
    sources::defillama::{Defillama, Settings},
};

const BITCOIN: Asset<'_> = Asset::Coin("BTC");

fn asking(source: &StandIn) -> Prices {
    let settings = Settings::below(&source.base);
    Prices::new(Some(Defillama::new(&settings).unwrap()))
}

/// An answer with the price of a bitcoin, read at this time.
fn bitcoin(price: &str, at: Timestamp, confidence: &str) -> String {
    format!(
        r#"{{"coins":{{"coingecko:bitcoin":{{"price":{price},"symbol":"BTC","timestamp":{},"confidence":{confidence}}}}}}}"#,
        at.seconds()
    )
}

/// What one of them cost.
async fn one(
    prices: &Prices,
    store: &Store,
    asset: Asset<'_>,
    at: Timestamp,
    now: Timestamp,
) -> Option<Quoted> {
    let told = prices.at(store, &[(asset, at)], now, PATIENCE).await;
    told.into_iter().next().flatten()
}

/// What a bitcoin cost 90 minutes after the beginning, told a day later in these words.
async fn told(body: &str) -> Option<Quoted> {
    let (_folder, store) = store().await;
    let prices = asking(&StandIn::start(body).await);
    one(&prices, &store, BITCOIN, minute(90), hour(24)).await
}

#[tokio::test]
async fn an_hour_is_asked_for_once_and_kept() {
    let (folder, kept) = store().await;
    let source = StandIn::start(&bitcoin("95000.25", minute(58), "0.99")).await;
    let prices = asking(&source);
    let want = Quoted {
        usd: Decimal::new(9_500_025, 2),
        at: minute(58),
        source: "DefiLlama",
    };
    for at in [minute(60), minute(90), minute(119)] {
        let told = one(&prices, &kept, BITCOIN, at, hour(24)).await;
        assert_eq!(told, Some(want), "{at}");
    }
    let question = format!("/historical_prices/{}/coingecko:bitcoin", hour(1).seconds());
    assert_eq!(source.asked(), [question]);
    kept.close().await;
    drop(kept);

    // The next run has nobody to ask.
    let path = folder.path().join("stipend.db");
    let kept = Store::open(&path, &[7; 32], hour(25)).await.unwrap();
    let prices = Prices::new(None);
    let told = async |at| one(&prices, &kept, BITCOIN, at, hour(25)).await;
    assert_eq!(told(minute(75)).await, Some(want));
    assert_eq!(told(minute(120)).await, None);
}

#[tokio::test]
async fn only_a_price_of_about_that_time_that_is_sure_counts() {
    let at_its_hour = |minutes: i64| bitcoin("5", minute(60 + minutes), "0.99");
    assert!(told(&at_its_hour(-360)).await.is_some());
    assert!(told(&at_its_hour(-361)).await.is_none());
    assert!(told(&at_its_hour(360)).await.is_some());
    assert!(told(&at_its_hour(361)).await.is_none());
    assert!(told(&bitcoin("5", hour(1), "0.9")).await.is_some());
    assert!(told(&bitcoin("5", hour(1), "0.89")).await.is_none());
    assert!(told(&bitcoin("5", hour(1), "null")).await.is_some());
}

#[tokio::test]
async fn what_is_no_price_of_this_coin_is_none() {
    for price in ["0", "-5", "null", "\"five\"", "1e300", "1e-300", "[5]"] {
        let body = bitcoin(price, hour(1), "0.99");
        assert!(told(&body).await.is_none(), "{price}");
    }
    let body = bitcoin("5", hour(1), "0.99");
    assert!(
        told(&body.replace("coingecko:bitcoin", "coingecko:ether"))
            .await
            .is_none()
    );
    assert!(told(&body.replace("BTC", "BTC2")).await.is_none());
    assert!(told(r#"{"coins":{}}"#).await.is_none());
}

#[tokio::test]
async fn what_the_source_does_not_know_is_left_alone_for_half_a_day() {
    let (_folder, store) = store().await;
    let source = StandIn::start(r#"{"coins":{}}"#).await;
    let prices = asking(&source);
    for (now, questions) in [(hour(24), 1), (hour(35), 1), (hour(36), 2)] {
        let told = one(&prices, &store, BITCOIN, hour(1), now).await;
        assert_eq!((told, source.asked().len()), (None, questions), "{now}");
    }
    let (_, health) = prices.health().unwrap();
    assert_eq!(health.trouble, None, "not to know it is an answer");
}

#[tokio::test]
async fn a_failure_is_noted_and_asked_again() {
    let (_folder, store) = store().await;
    let source = StandIn::start("").await;
    source.set(StatusCode::INTERNAL_SERVER_ERROR, "{}");
    let prices = asking(&source);
    let ask = async || one(&prices, &store, BITCOIN, hour(1), hour(24)).await;
    assert_eq!(ask().await, None);
    let (_, health) = prices.health().unwrap();
    assert_eq!(health.trouble.map(|trouble| trouble.in_a_row), Some(1));
    source.set(StatusCode::OK, &bitcoin("5", hour(1), "0.99"));
    assert!(ask().await.is_some());
}

#[tokio::test]
async fn the_future_and_times_before_all_coins_are_not_asked_for() {
    let (_folder, store) = store().await;
    let source = StandIn::start("{}").await;
    let prices = asking(&source);
    for at in [minute(1), Timestamp::from_millis(-1)] {
        let told = one(&prices, &store, BITCOIN, at, hour(0)).await;
        assert_eq!(told, None);
    }
    assert!(source.asked().is_empty());
}

#[tokio::test]
async fn among_the_tokens_of_a_pool_the_symbol_decides_in_the_past_too() {
    let (_folder, store) = store().await;
    let body = format!(
        r#"{{"coins":{{"ethereum:0xaa":{{"price":1,"symbol":"USDC","timestamp":{at}}},
            "ethereum:0xbb":{{"price":4000,"symbol":"WETH","timestamp":{at}}}}}}}"#,
        at = hour(1).seconds()
    );
    let prices = asking(&StandIn::start(&body).await);
    let mut pool = pool(1, "LP");
    pool.underlying = Box::new(["0xaa".into(), "0xbb".into()]);
    let cost = async |symbol| {
        let asset = Asset::OfPool(&pool, symbol);
        let told = one(&prices, &store, asset, hour(1), hour(24)).await;
        told.map(|quoted| quoted.usd)
    };
    assert_eq!(cost("weth").await, Some(Decimal::from(4000)));
    assert_eq!(cost("USDC").await, Some(Decimal::ONE));
    assert_eq!(cost("DAI").await, None);
}

#[tokio::test]
async fn many_are_one_question_an_hour() {
    let (_folder, store) = store().await;
    let body = format!(
        r#"{{"coins":{{"coingecko:bitcoin":{{"price":95000,"symbol":"BTC","timestamp":{at}}},
            "coingecko:ethereum":{{"price":4000,"symbol":"ETH","timestamp":{at}}}}}}}"#,
        at = hour(2).seconds()
    );
    let source = StandIn::start(&body).await;
    let prices = asking(&source);
    let ether = Asset::Coin("ETH");
    let wanted = [
        (BITCOIN, minute(130)),
        (ether, minute(90)),
        (ether, minute(125)),
        (Asset::Coin("NOBODYS"), minute(125)),
        (BITCOIN, hour(25)),
    ];
    let usd = |told: Vec<Option<Quoted>>| {
        let usd = told.into_iter().map(|quoted| quoted.map(|it| it.usd));
        usd.collect::<Vec<_>>()
    };
    let (bitcoin, ether) = (Some(Decimal::from(95_000)), Some(Decimal::from(4_000)));
    let want = [bitcoin, ether, ether, None, None];
    for _ in 0..2 {
        let told = prices.at(&store, &wanted, hour(24), PATIENCE).await;
        assert_eq!(usd(told), want);
    }
    let question =
        |at: Timestamp, keys: &str| format!("/historical_prices/{}/{keys}", at.seconds());
    let both = "coingecko:bitcoin,coingecko:ethereum";
    let questions = [
        question(hour(1), "coingecko:ethereum"),
        question(hour(2), both),
    ];
    assert_eq!(source.asked(), questions);
}

#[tokio::test]
async fn once_the_source_has_failed_only_what_is_kept_is_told() {
    let (_folder, store) = store().await;
    let source = StandIn::start(&bitcoin("5", hour(3), "0.99")).await;
    let prices = asking(&source);
    assert!(
        one(&prices, &store, BITCOIN, hour(3), hour(24))
            .await
            .is_some()
    );
    source.set(StatusCode::INTERNAL_SERVER_ERROR, "{}");
    let wanted = [1, 2, 3, 4].map(|number| (BITCOIN, hour(number)));
    let told = prices.at(&store, &wanted, hour(24), PATIENCE).await;
    let is_told: Vec<bool> = told.iter().map(Option::is_some).collect();
    assert_eq!(is_told, [false, false, true, false]);
    assert_eq!(
        source.asked().len(),
        2,
        "one that answered, one that failed"
    );
}
