//! What is known beside the pools is read in the background, kept, and never needed.

use axum::http::StatusCode;
use discord_twin::Twin;
use rustix::process::Signal;

use crate::support::{
    LONG, TestBot, USDC, Upstream, answer, manage, market, one_server, server, status_says, until,
};

const PROTOCOLS: &str = r#"[
    {"id":"1599","name":"Aave V3","slug":"aave-v3","symbol":"AAVE","tvl":37647739954},
    {"id":"114","name":"Compound V3","slug":"compound-v3","symbol":"COMP","tvl":2000000000}
]"#;
const FEES: &str = r#"{"protocols":[{"slug":"aave-v3","total7d":70,"total30d":300}]}"#;
const LOANS: &str = r#"[{"pool":"aa70268e-4b52-42bf-a116-608b370f9501","totalSupplyUsd":200,"totalBorrowUsd":150}]"#;
const COINS: &str = r#"{"peggedAssets":[{"id":"1","name":"Tether","symbol":"USDT","pegType":"peggedUSD","price":1}]}"#;

async fn setting() -> (Twin, Upstream, TestBot) {
    let twin = Twin::start(one_server()).await.unwrap();
    let upstream = Upstream::start(answer(&market(5.0))).await;
    let mut bot = TestBot::new(&twin, &upstream);
    bot.set("SOURCES__FACTS__ENABLED", "true");
    // Asked within a second of the start, and not a second time in a story.
    for topic in ["PROTOCOLS", "FEES", "LEND_BORROW", "STABLECOINS"] {
        bot.set(&format!("SOURCES__FACTS__{topic}_EVERY"), "10m");
    }
    (twin, upstream, bot)
}

/// A source that fails is told, the others are read, and what was read is there after a restart without
/// being asked for again.
#[tokio::test(flavor = "multi_thread")]
async fn each_source_is_read_by_itself_and_kept() {
    let (twin, upstream, mut bot) = setting().await;
    upstream.set_beside("/protocols", StatusCode::OK, PROTOCOLS);
    upstream.set_beside("/fees", StatusCode::OK, FEES);
    upstream.set_beside("/lend_borrow", StatusCode::OK, LOANS);
    upstream.set_beside("/stablecoins", StatusCode::SERVICE_UNAVAILABLE, "");
    bot.start(&twin, 1).await;
    let most = [
        "**DefiLlama protocols** ✅ fresh",
        "2 rows",
        "**DefiLlama fees** ✅ fresh",
        "**DefiLlama loans** ✅ fresh",
        "status 503",
    ];
    let told = status_says(&twin, &most).await;
    assert!(!told.contains("**DefiLlama stablecoins** ✅"), "{told}");
    assert_eq!(upstream.asked_beside("/fees"), 2, "fees and revenue");
    bot.signal(Signal::TERM);
    assert_eq!(bot.exits().await, 0);

    upstream.set_beside("/stablecoins", StatusCode::OK, COINS);
    bot.start(&twin, 1).await;
    let fresh = [
        "**DefiLlama protocols** ✅ fresh",
        "**DefiLlama fees** ✅ fresh",
        "**DefiLlama loans** ✅ fresh",
        "**DefiLlama stablecoins** ✅ fresh",
        "all well",
    ];
    status_says(&twin, &fresh).await;
    for (route, times) in [("/protocols", 1), ("/fees", 2), ("/lend_borrow", 1)] {
        assert_eq!(upstream.asked_beside(route), times, "{route}");
    }
    bot.end(&twin);
}

/// A protocol that is flagged, in two lists in a row, is told to whoever asked for it: once for all its pools.
#[tokio::test(flavor = "multi_thread")]
async fn an_incident_of_a_protocol_is_told_once_for_all_its_pools() {
    let (twin, upstream, mut bot) = setting().await;
    let listed = |rugged: bool| {
        format!(
            r#"[{{"id":"1599","name":"Aave V3","slug":"aave-v3","tvl":3e10,"change_1d":0,"rugged":{rugged}}}]"#
        )
    };
    upstream.set_beside("/protocols", StatusCode::OK, &listed(false));
    bot.set("SOURCES__FACTS__PROTOCOLS_EVERY", "1s");
    bot.start(&twin, 1).await;
    status_says(&twin, &["**DefiLlama protocols** ✅ fresh"]).await;
    let add = manage("alerts add")
        .option("at_once", true)
        .option("when", "protocol_incident")
        .option("protocol", "aave-v3");
    twin.run(&add).await.unwrap();
    upstream.set_beside("/protocols", StatusCode::OK, &listed(true));
    // No pool changes meanwhile.
    let messages = twin.wait_for_messages(server() + 1, 1, LONG).await.unwrap();
    assert_eq!(messages.len(), 1);
    let words = messages[0].body.to_string();
    for word in [
        "in trouble (flagged as rugged",
        "2 pools that alerts here watch are of it",
    ] {
        assert!(words.contains(word), "{word}: {words}");
    }
    bot.end(&twin);
}

/// Where all of it is missing or nonsense, nobody is kept from anything.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_needs_what_is_beside_the_pools() {
    let (twin, upstream, mut bot) = setting().await;
    upstream.set_beside("/protocols", StatusCode::OK, "[{\"slug\":7}]");
    upstream.set_beside("/fees", StatusCode::OK, FEES.get(..40).unwrap());
    bot.set("SOURCES__INCIDENTS__PATH", "nowhere.json");
    bot.start(&twin, 1).await;
    let told = status_says(
        &twin,
        &[
            "1 of 1 rows are unusable",
            "the answer makes no sense",
            "the source refuses with status 404",
            "**Incidents file**",
            "the file cannot be read",
        ],
    )
    .await;
    assert!(told.contains("**DefiLlama** ✅ fresh"), "{told}");
    bot.end(&twin);
}

/// The charts of pools that nobody watches are read one after another, the largest first, and not again
/// in the next run.
#[tokio::test(flavor = "multi_thread")]
async fn the_past_of_all_pools_is_read_little_by_little_and_once() {
    let twin = Twin::start(one_server()).await.unwrap();
    let upstream = Upstream::start(answer(&market(5.0))).await;
    upstream.remember(USDC, &[5.0]);
    let mut bot = TestBot::new(&twin, &upstream);
    bot.set("SOURCES__DEFILLAMA__BACKFILL_PER_HOUR", "3600");
    bot.start(&twin, 1).await;
    status_says(&twin, &["charts: 3 of 3 pools over $1m read"]).await;
    assert_eq!(upstream.asked_beside("/chart/"), 3);
    assert_eq!(upstream.asked_beside(&format!("/chart/{USDC}")), 1);
    bot.signal(Signal::TERM);
    assert_eq!(bot.exits().await, 0);

    let asked = upstream.asked_beside("/chart/");
    bot.start(&twin, 1).await;
    status_says(&twin, &["charts: 3 of 3 pools over $1m read"]).await;
    let before = std::time::Instant::now();
    until("a chart would have been asked for", || {
        before.elapsed() > std::time::Duration::from_secs(3)
    })
    .await;
    assert_eq!(upstream.asked_beside("/chart/"), asked);
    bot.end(&twin);
}

/// Exchange rates are read in the background, and `/status` tells how that goes.
#[tokio::test(flavor = "multi_thread")]
async fn exchange_rates_are_followed_without_anybody_asking() {
    let (twin, upstream, mut bot) = setting().await;
    bot.set("SOURCES__COINGECKO__URL", upstream.below("/coingecko"));
    let now = stipend::clock::Clock::now(&stipend::clock::SystemClock);
    let rates = format!(
        r#"{{"bitcoin":{{"usd":100000,"eur":92500,"last_updated_at":{}}}}}"#,
        now.seconds()
    );
    upstream.set_beside("/coingecko/simple/price", StatusCode::OK, &rates);
    bot.start(&twin, 1).await;
    status_says(&twin, &["**CoinGecko exchange rates** ✅ answers"]).await;
    assert_eq!(upstream.asked_beside("/coingecko/"), 1);
    bot.end(&twin);
}
