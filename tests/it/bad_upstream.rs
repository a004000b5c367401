//! What the source sends in error is named and never told as news.

use std::time::Duration;

use discord_twin::Twin;
use serde_json::{Value, json};
use stipend::clock::{Clock as _, SystemClock};

use crate::support::{LONG, Upstream, answer, market, row, server, status, until, watching};

/// Forty more pools, so that a few bad rows leave the batch as a whole standing.
fn crowd(usdc: f64) -> Vec<Value> {
    let others = (0..40).map(|number| {
        let id = format!("00000000-0000-4000-8000-{number:012}");
        row(&id, "DAI", "spark", 3.5)
    });
    market(usdc).into_iter().chain(others).collect()
}

/// Good batches after the bad one are told as ever, once.
async fn goes_on(twin: &Twin, upstream: &Upstream, market: fn(f64) -> Vec<Value>) {
    assert!(twin.channel(server() + 1).is_empty());
    for step in [0.0, 0.1, 0.2] {
        upstream.set(answer(&market(2.0 - step)));
        upstream.taken().await;
    }
    twin.wait_for_messages(server() + 1, 1, LONG).await.unwrap();
    assert_eq!(twin.channel(server() + 1).len(), 1);
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

/// A maintenance page with status 200 is not read as an empty market.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_in_place_of_data_is_no_batch() {
    let page = "<!DOCTYPE html><html><body>maintenance</body></html>".to_owned();
    let status = story(market, "text/html", page).await;
    refused(&status, "the answer makes no sense");
}

/// A body that was cut off is not taken in up to where it was cut.
#[tokio::test(flavor = "multi_thread")]
async fn half_an_answer_is_no_batch() {
    let mut half = answer(&market(1.0));
    half.truncate(half.len() / 2);
    let status = story(market, "application/json", half).await;
    refused(&status, "the answer makes no sense");
}

/// More than one bad row in twenty means that the shape of the answer has changed.
#[tokio::test(flavor = "multi_thread")]
async fn many_rows_without_numbers_are_no_batch() {
    let mut rows = crowd(1.0);
    for row in rows.iter_mut().rev().take(3) {
        row["apy"] = json!(null);
    }
    let status = story(crowd, "application/json", answer(&rows)).await;
    refused(&status, "3 of 43 rows are unusable");
}

/// A single bad row is left out and counted, and the pool that it is about makes no news.
#[tokio::test(flavor = "multi_thread")]
async fn one_row_without_a_number_is_skipped() {
    let mut rows = crowd(1.0);
    rows[0]["apy"] = json!("NaN");
    let status = story(crowd, "application/json", answer(&rows)).await;
    stands(&status, "1 row skipped");
}

/// Of two rows that say different things of one pool neither is believed.
#[tokio::test(flavor = "multi_thread")]
async fn rows_that_contradict_each_other_are_left_out() {
    let mut rows = crowd(1.0);
    rows.push(market(2.0).swap_remove(0));
    let status = story(crowd, "application/json", answer(&rows)).await;
    stands(&status, "2 rows left out as contradicting each other");
}

/// A pool that was last read a week ago says nothing of today.
#[tokio::test(flavor = "multi_thread")]
async fn a_reading_of_last_week_is_no_news() {
    let last_week = Duration::from_hours(7 * 24) + Duration::from_mins(10);
    let mut rows = market(1.0);
    rows[0]["timestamp"] = json!(SystemClock.now().minus(last_week).rfc3339());
    let status = story(market, "application/json", answer(&rows)).await;
    stands(&status, "1 stale");
}

/// A batch that lacks most pools is refused each time within the day, and the market stays as it was.
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
