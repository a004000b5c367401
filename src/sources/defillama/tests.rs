use std::sync::atomic::{AtomicU32, Ordering};

use axum::{
    Router,
    extract::Path,
    http::{HeaderMap, StatusCode},
    response::IntoResponse,
    routing::get,
};
use tokio::net::TcpListener;

use super::*;

const POOLS: &str = include_str!("../../../tests/fixtures/pools-2025-08-31.json");
const JSON: [(&str, &str); 1] = [("content-type", "application/json")];

async fn client(router: Router) -> Defillama {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let settings = Settings {
        // With a slash at its end, as somebody may write it.
        prices_url: format!("{base}/prices/current/"),
        ..Settings::below(&base)
    };
    Defillama::new(&settings).unwrap()
}

fn now() -> Timestamp {
    Timestamp::parse("2025-11-03T01:25:00Z").unwrap()
}

#[tokio::test]
async fn the_same_bytes_are_no_batch() {
    let mut source = client(Router::new().route("/pools", get(|| async { (JSON, POOLS) }))).await;
    let Answer::Batch(batch) = source.pools(now()).await.unwrap() else {
        panic!("the first answer is a change");
    };
    assert_eq!((batch.source, batch.fetched_at), ("DefiLlama", now()));
    assert_eq!(
        (batch.rows.len(), batch.skipped, batch.conflicting),
        (5, 0, 0)
    );
    assert_eq!(batch.digest, crate::sources::digest_of(POOLS.as_bytes()));
    assert_eq!(source.pools(now()).await.unwrap(), Answer::Unchanged);
}

#[tokio::test]
async fn a_broken_answer_is_not_remembered() {
    let asked = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&asked);
    let router = Router::new().fallback(move |headers: HeaderMap| {
        let number = counter.fetch_add(1, Ordering::SeqCst);
        async move {
            let tag = headers.get("if-none-match").cloned();
            match number {
                // Whole, then broken under another tag.
                0 => (JSON, [("etag", "\"whole\"")], POOLS.to_owned()).into_response(),
                1 | 2 => {
                    assert_eq!(tag.unwrap(), "\"whole\"");
                    let half: String = POOLS.chars().take(900).collect();
                    (JSON, [("etag", "\"half\"")], half).into_response()
                }
                _ => {
                    assert_eq!(tag.unwrap(), "\"whole\"");
                    StatusCode::NOT_MODIFIED.into_response()
                }
            }
        }
    });
    let mut source = client(router).await;
    assert!(matches!(source.pools(now()).await, Ok(Answer::Batch(_))));
    for _ in 0..2 {
        assert!(matches!(
            source.pools(now()).await,
            Err(SourceError::Malformed(_))
        ));
    }
    assert_eq!(source.pools(now()).await.unwrap(), Answer::Unchanged);
    assert_eq!(asked.load(Ordering::SeqCst), 4);
}

#[tokio::test]
async fn a_chart_is_asked_for_by_its_pool() {
    const KNOWN: &str = "747c1d2a-c668-4682-b9f9-296708a3dd90";
    let router = Router::new().route(
        "/chart/{pool}",
        get(|Path(pool): Path<String>| async move {
            if pool == KNOWN {
                let body = r#"{"status":"success","data":[
                    {"timestamp":"2025-01-01T00:00:00.000Z","tvlUsd":5,"apy":2.5}]}"#;
                (JSON, body).into_response()
            } else {
                (StatusCode::BAD_REQUEST, JSON, "\"invalid configID!\"").into_response()
            }
        }),
    );
    let source = client(router).await;
    assert_eq!(source.chart(KNOWN.parse().unwrap()).await.unwrap().len(), 1);
    let other = PoolId::from_bytes([0; 16]);
    assert!(matches!(
        source.chart(other).await,
        Err(SourceError::UnknownPool)
    ));
}

#[tokio::test]
async fn prices_are_asked_for_in_portions() {
    let router = Router::new().route(
        "/prices/current/{keys}",
        get(|Path(keys): Path<String>| async move {
            let keys: Vec<_> = keys.split(',').collect();
            assert!(keys.len() <= 80);
            let coins: serde_json::Map<String, serde_json::Value> = keys
                .into_iter()
                .filter(|key| !key.ends_with("unknown"))
                .map(|key| {
                    let coin = serde_json::json!({"price": 1.5, "timestamp": 1_762_133_100});
                    (key.to_ascii_lowercase(), coin)
                })
                .collect();
            axum::Json(serde_json::json!({ "coins": coins }))
        }),
    );
    let source = client(router).await;
    let mut keys: Vec<_> = (0..170)
        .map(|number| PriceKey::token("Ethereum", &format!("0xAB{number:038x}")).unwrap())
        .collect();
    keys.push(PriceKey::token("Sui", "0x2::Coin<0x3::a::A>/b?c#d%2e").unwrap());
    keys.push(PriceKey::coingecko("unknown").unwrap());
    let prices = source.prices(&keys).await.unwrap();
    assert_eq!(prices.len(), 171);
    let (missing, known) = keys.split_last().unwrap();
    assert!(known.iter().all(|key| prices.get(key).is_some()));
    assert_eq!(prices.get(missing), None);
    assert!(source.prices(&[]).await.unwrap().is_empty());
}

#[tokio::test]
async fn prices_at_a_time_are_asked_for_by_that_time() {
    let router = Router::new().route(
        "/historical_prices/{at}/{keys}",
        get(|Path((at, keys)): Path<(i64, String)>| async move {
            let coin = serde_json::json!({"price": 1.5, "timestamp": at - 60});
            axum::Json(serde_json::json!({ "coins": { keys: coin } }))
        }),
    );
    let source = client(router).await;
    let key = PriceKey::coingecko("bitcoin").unwrap();
    let prices = source.prices_at(now(), std::slice::from_ref(&key)).await;
    let read_at = prices.unwrap().get(&key).unwrap().at;
    assert_eq!(read_at, now().minus(std::time::Duration::from_mins(1)));
}

#[test]
fn an_address_is_checked_and_never_shown() {
    let settings = Settings {
        chart_url: "file:///secret-key".to_owned(),
        ..Settings::default()
    };
    let error = Defillama::new(&settings).unwrap_err().to_string();
    assert_eq!(error, "chart_url is no http or https address");
    let settings = Settings {
        pools_url: "https://pro-api.llama.fi/secret-key/yields/pools".to_owned(),
        ..Settings::default()
    };
    let source = Defillama::new(&settings).unwrap();
    assert!(!format!("{settings:?} {source:?}").contains("secret-key"));
}

/// A list that is longer than the cap of other answers is read all the same.
#[tokio::test]
async fn the_list_of_protocols_may_be_long() {
    let router = Router::new().route(
        "/protocols",
        get(|| async {
            let row = |number: u32| {
                let url = "x".repeat(1_000);
                format!(r#"{{"id":"{number}","name":"p","slug":"p{number}","url":"{url}"}}"#)
            };
            let rows: Vec<String> = (0..9_000).map(row).collect();
            (JSON, format!("[{}]", rows.join(",")))
        }),
    );
    let protocols = client(router).await.protocols().await.unwrap();
    assert_eq!(protocols.rows.len(), 9_000);
}

#[tokio::test]
async fn fees_and_revenue_are_two_questions_without_their_days() {
    use axum::extract::Query;
    use std::collections::HashMap;

    let router = Router::new().route(
        "/fees",
        get(|Query(query): Query<HashMap<String, String>>| async move {
            assert_eq!(query["excludeTotalDataChart"], "true");
            assert_eq!(query["excludeTotalDataChartBreakdown"], "true");
            let total = match query["dataType"].as_str() {
                "dailyFees" => 300,
                "dailyRevenue" => 45,
                other => panic!("{other}"),
            };
            axum::Json(serde_json::json!({"protocols": [{"slug": "a", "total30d": total}]}))
        }),
    );
    let fees = client(router).await.fees().await.unwrap();
    assert_eq!(fees.rows[0].supply_side_30d(), Some(255.0));
    assert_eq!(fees.rows[0].supply_side_7d(), None);
}

#[tokio::test]
async fn fees_without_the_revenue_are_no_answer() {
    let asked = Arc::new(AtomicU32::new(0));
    let router = Router::new().route(
        "/fees",
        get(move || {
            let first = asked.fetch_add(1, Ordering::SeqCst) == 0;
            async move {
                if first {
                    (JSON, r#"{"protocols":[{"slug":"a","total30d":1}]}"#).into_response()
                } else {
                    (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "77")]).into_response()
                }
            }
        }),
    );
    let failed = client(router).await.fees().await;
    assert!(matches!(
        failed,
        Err(SourceError::RateLimited { retry_after }) if retry_after.as_secs() == 77
    ));
}

#[tokio::test]
async fn loans_and_coins_are_read_from_their_routes() {
    let router = Router::new()
        .route(
            "/lend_borrow",
            get(|| async {
                let row = r#"[{"pool":"747c1d2a-c668-4682-b9f9-296708a3dd90","ltv":0.8}]"#;
                (JSON, row)
            }),
        )
        .route(
            "/stablecoins",
            get(|uri: axum::http::Uri| async move {
                assert_eq!(uri.query(), Some("includePrices=true"));
                let row = r#"{"peggedAssets":[{"id":"1","name":"Tether","symbol":"USDT",
                    "pegType":"peggedUSD","price":0.99}]}"#;
                (JSON, row)
            }),
        );
    let source = client(router).await;
    assert_eq!(source.lend_borrow().await.unwrap().rows[0].ltv, Some(0.8));
    assert_eq!(&*source.stablecoins().await.unwrap().rows[0].symbol, "USDT");
}

#[tokio::test]
async fn past_prices_are_asked_for_few_tokens_at_a_time() {
    let router = Router::new().route(
        "/price_chart/{keys}",
        get(
            |Path(keys): Path<String>, uri: axum::http::Uri| async move {
                // The ends of the ninety days before 2025-11-03.
                assert_eq!(uri.query(), Some("start=1754438399&span=90&period=1d"));
                let keys: Vec<_> = keys.split(',').collect();
                assert!(keys.len() <= 10);
                let coins: serde_json::Map<String, serde_json::Value> = keys
                    .into_iter()
                    .filter(|key| !key.ends_with("unknown"))
                    .map(|key| {
                        let point = serde_json::json!({"price": 1.5, "timestamp": 1_754_438_390});
                        let prices = serde_json::json!({"prices": [point]});
                        (key.to_owned(), prices)
                    })
                    .collect();
                axum::Json(serde_json::json!({ "coins": coins }))
            },
        ),
    );
    let source = client(router).await;
    let mut keys: Vec<_> = (0..25)
        .map(|number| PriceKey::token("Ethereum", &format!("0xAB{number:038x}")).unwrap())
        .collect();
    keys.push(PriceKey::coingecko("unknown").unwrap());
    let prices = source.past_prices(&keys, 90, now()).await.unwrap();
    assert_eq!(prices.len(), 25);
    let closes = prices.get(&keys[3]).unwrap().as_slice();
    assert_eq!(closes[0].day.to_string(), "2025-08-05");
    assert_eq!(prices.get(&keys[25]), None);
}
