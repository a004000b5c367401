//! What the source sends in error is named and never told as news.

use std::time::Duration;

use axum::http::StatusCode;
use discord_twin::{PATIENCE, StoredMessage, Twin, Via};
use serde_json::{Value, json};
use stipend::clock::{Clock as _, SystemClock};

use crate::{
    stage::{HOUR, Stage},
    support::{
        LONG, Node, TestBot, USDC, Upstream, answer, below_three, call, market, one_server, row,
        said, server, status, status_says, until, watching,
    },
};

/// Forty more pools, so that a few bad rows leave the batch as a whole standing.
fn crowd(usdc: f64) -> Vec<Value> {
    let others = (0..40).map(|number| {
        let id = format!("00000000-0000-4000-8000-{number:012}");
        row(&id, "DAI", "spark", 3.5)
    });
    market(usdc).into_iter().chain(others).collect()
}

/// What the alert has said; answers to commands stand in the same channel.
fn told(twin: &Twin) -> usize {
    let is_told = |message: &StoredMessage| matches!(message.via, Via::Webhook(_));
    let channel = twin.channel(server() + 1);
    channel.into_iter().filter(is_told).count()
}

/// Good batches after the bad one are told as ever, once.
async fn goes_on(twin: &Twin, upstream: &Upstream, market: fn(f64) -> Vec<Value>) {
    assert_eq!(told(twin), 0);
    for step in [0.0, 0.1, 0.2] {
        upstream.set(answer(&market(2.0 - step)));
        upstream.taken().await;
    }
    until("it is told", || told(twin) > 0).await;
    assert_eq!(told(twin), 1);
    let status = status(twin).await;
    for old in [
        "last error",
        "in a row",
        "trouble",
        "skipped",
        "contradicting",
    ] {
        assert!(!status.contains(old), "{status}");
    }
}

/// Shows something bad in the place of a market. Returns what `/status` then says.
async fn story(market: fn(f64) -> Vec<Value>, kind: &str, body: String) -> String {
    let (twin, upstream, bot) = watching(market).await;
    upstream.set_raw(kind, body);
    upstream.taken().await;
    let said = status(&twin).await;
    goes_on(&twin, &upstream, market).await;
    bot.end(&twin);
    said
}

#[track_caller]
fn refused(status: &str, words: &str) {
    assert!(
        status.contains(&format!("last error: {words}")),
        "{words}: {status}"
    );
}

#[track_caller]
fn stands(status: &str, words: &str) {
    assert!(
        status.contains(words) && !status.contains("last error"),
        "{words}: {status}"
    );
}

/// F-U04: a maintenance page with status 200 is not read as an empty market.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_in_place_of_data_is_no_batch() {
    let page = "<!DOCTYPE html><html><body>maintenance</body></html>".to_owned();
    let status = story(market, "text/html", page).await;
    refused(&status, "the answer makes no sense");
}

/// F-U03: a body that was cut off is not taken in up to where it was cut.
#[tokio::test(flavor = "multi_thread")]
async fn half_an_answer_is_no_batch() {
    let mut half = answer(&market(1.0));
    half.truncate(half.len() / 2);
    let status = story(market, "application/json", half).await;
    refused(&status, "the answer makes no sense");
}

/// F-U07: more than one bad row in twenty means that the shape of the answer has changed.
#[tokio::test(flavor = "multi_thread")]
async fn many_rows_without_numbers_are_no_batch() {
    let mut rows = crowd(1.0);
    for row in rows.iter_mut().rev().take(3) {
        row["apy"] = json!(null);
    }
    let status = story(crowd, "application/json", answer(&rows)).await;
    refused(&status, "3 of 43 rows are unusable");
}

/// F-U07: a single bad row is left out and counted, and the pool that it is about makes no news.
#[tokio::test(flavor = "multi_thread")]
async fn one_row_without_a_number_is_skipped() {
    let mut rows = crowd(1.0);
    rows[0]["apy"] = json!("NaN");
    let status = story(crowd, "application/json", answer(&rows)).await;
    stands(&status, "1 row skipped");
}

/// F-U08: of two rows that say different things of one pool neither is believed.
#[tokio::test(flavor = "multi_thread")]
async fn rows_that_contradict_each_other_are_left_out() {
    let mut rows = crowd(1.0);
    rows.push(market(2.0).swap_remove(0));
    let status = story(crowd, "application/json", answer(&rows)).await;
    stands(&status, "2 rows left out as contradicting each other");
}

/// F-U09: a pool that was last read a week ago says nothing of today.
#[tokio::test(flavor = "multi_thread")]
async fn a_reading_of_last_week_is_no_news() {
    let last_week = Duration::from_hours(7 * 24) + Duration::from_mins(10);
    let mut rows = market(1.0);
    rows[0]["timestamp"] = json!(SystemClock.now().minus(last_week).rfc3339());
    let status = story(market, "application/json", answer(&rows)).await;
    stands(&status, "1 stale");
}

/// F-U11: a batch that lacks most pools is refused each time within the day, and the market stays as it was.
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_is_half_empty_is_not_believed() {
    let (twin, upstream, bot) = watching(market).await;
    upstream.set(answer(&market(1.0)[..1]));
    let refusals = || bot.log().matches("the batch is half empty").count();
    for times in [1, 2] {
        until("the batch is refused", || refusals() >= times).await;
        let status = status(&twin).await;
        refused(&status, "the batch is half empty");
        assert!(status.contains("3 pools"), "{status}");
    }
    let status = status(&twin).await;
    for words in ["trouble with the data", "⚠ failing", "times in a row"] {
        assert!(status.contains(words), "{words}: {status}");
    }
    goes_on(&twin, &upstream, market).await;
    bot.end(&twin);
}

/// F-U01: while the source fails, what it said last stands with its age, and nothing is told of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_fails_leaves_what_it_said() {
    let (twin, upstream, bot) = watching(market).await;
    upstream.fail(StatusCode::SERVICE_UNAVAILABLE);
    upstream.set(answer(&market(1.0)));
    let shown = status_says(&twin, &["status 503", "⚠ failing", "times in a row"]).await;
    assert!(shown.contains("3 pools"), "{shown}");
    let pool = call("yield pool").option("pool", USDC);
    let shown = said(&twin.run(&pool).await.unwrap());
    assert!(
        shown.contains("5.00 %") && shown.contains(" ago"),
        "{shown}"
    );
    upstream.fail(StatusCode::OK);
    goes_on(&twin, &upstream, market).await;
    bot.end(&twin);
}

/// F-U02: a source that drips holds up neither the other sources nor those who ask.
#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_drips_holds_up_nobody() {
    let twin = Twin::start(one_server()).await.unwrap();
    let upstream = Upstream::start(answer(&market(5.0))).await;
    upstream.go_on(Some((" ", Duration::from_secs(1))));
    let node = Node::start().await;
    let mut bot = TestBot::new(&twin, &upstream);
    bot.set("SOURCES__SOLANA__URL", node.url.clone());
    tokio::join!(upstream.asked_again(), async { bot.spawn() });
    twin.wait_ready(1, LONG).await.unwrap();
    twin.wait_for_commands(PATIENCE).await.unwrap();
    status_says(&twin, &["**Solana RPC** ✅"]).await;
    let sol = call("yield staking").option("asset", "SOL");
    let shown = said(&twin.run(&sol).await.unwrap());
    assert!(shown.contains("Solana RPC"), "{shown}");
    bot.end(&twin);
}

/// F-U05: an answer without end is broken off at the cap, and memory grows by less than twice of it.
#[tokio::test(flavor = "multi_thread")]
async fn an_endless_answer_costs_no_more_than_the_cap() {
    const CAP: u64 = 64 * 1024 * 1024;
    const MIB: &str = match str::from_utf8(&[b' '; 1024 * 1024]) {
        Ok(blanks) => blanks,
        Err(_) => "",
    };
    let (twin, upstream, bot) = watching(market).await;
    let before = bot.memory("VmRSS");
    upstream.go_on(Some((MIB, Duration::ZERO)));
    status_says(&twin, &["67108864"]).await;
    let most = bot.memory("VmHWM");
    println!("{} MiB before, {} MiB at most", before >> 20, most >> 20);
    assert!(most < before + 2 * CAP, "{before} → {most}");
    upstream.go_on(None);
    goes_on(&twin, &upstream, market).await;
    bot.end(&twin);
}

/// F-U09: the same bytes for hours are no second reading: they confirm nothing, and their age is shown.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_stands_still_confirms_nothing() {
    let stage = Stage::set(answer(&market(5.0))).await;
    let twin = &stage.twin;
    twin.run(&below_three(USDC).option("hold", "1h"))
        .await
        .unwrap();
    stage.upstream.set(answer(&market(2.0)));
    stage.upstream.taken().await;
    let pool = call("yield pool").option("pool", USDC);
    for _ in 0..4 {
        stage.clock.jump(HOUR);
        stage.upstream.taken().await;
        let shown = said(&twin.run(&pool).await.unwrap());
        assert!(shown.contains("2.00 %"), "{shown}");
        assert_eq!(told(twin), 0);
    }
    let shown = status(twin).await;
    for words in ["⚠ stale", "unchanged for"] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    // Fresh data that say the same confirm it, once.
    for usdc in [2.01, 2.02] {
        stage.upstream.set(answer(&market(usdc)));
        stage.upstream.taken().await;
    }
    until("it is told", || told(twin) > 0).await;
    for _ in 0..4 {
        stage.clock.jump(HOUR);
        stage.upstream.taken().await;
    }
    assert_eq!(told(twin), 1);
    stage.end().await;
}
