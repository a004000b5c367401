//! A bot on a machine without a network reads the market and its past from files.

use std::{
    fs,
    time::{Duration, Instant},
};

use discord_twin::Twin;
use serde_json::{Value, json};
use stipend::clock::{Clock as _, SystemClock};

use crate::support::{
    LONG, TestBot, USDC, Upstream, answer, call, manage, market, one_server, said,
};

/// The past of a pool that paid 5 % on each of the last sixty days.
fn chart() -> String {
    let day = |back: u32| {
        let at = SystemClock.now().minus(Duration::from_hours(24) * back);
        json!({ "timestamp": at.rfc3339(), "tvlUsd": 250_000_000, "apy": 5.0, "apyBase": 5.0, "apyReward": null })
    };
    let days: Vec<Value> = (1..=60).rev().map(day).collect();
    answer(&days)
}

/// The verdict on a watched pool rests on its saved chart, although the saved market never changes.
#[tokio::test(flavor = "multi_thread")]
async fn the_past_of_a_watched_pool_is_read_from_its_file() {
    let twin = Twin::start(one_server()).await.unwrap();
    let upstream = Upstream::start(answer(&[])).await;
    let mut bot = TestBot::new(&twin, &upstream);
    fs::write(bot.path("pools.json"), answer(&market(5.0))).unwrap();
    fs::create_dir(bot.path("charts")).unwrap();
    fs::write(bot.path("charts").join(format!("{USDC}.json")), chart()).unwrap();
    bot.set("SOURCES__FILE__PATH", "pools.json");
    bot.set("SOURCES__FILE__CHARTS", "charts");
    bot.start(&twin, 1).await;
    let pool = call("yield pool").option("pool", USDC);
    let own = "this pool's own last two months";
    let before = said(&twin.run(&pool).await.unwrap());
    assert!(!before.contains(own), "{before}");
    let add = manage("alerts add")
        .option("at_once", true)
        .option("when", "apy_below");
    twin.run(&add.option("value", 3).option("pool", USDC))
        .await
        .unwrap();
    let begun = Instant::now();
    while !said(&twin.run(&pool).await.unwrap()).contains(own) {
        let now = said(&twin.run(&pool).await.unwrap());
        assert!(begun.elapsed() < LONG, "the chart is not read: {now}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    bot.end(&twin);
}
