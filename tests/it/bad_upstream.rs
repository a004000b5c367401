//! What the source sends in error is named and never told as news.

use discord_twin::Twin;
use serde_json::json;

use crate::support::{
    LONG, TestBot, USDC, Upstream, answer, call, manage, market, one_server, said, server, until,
};

async fn story(bad: (&str, String), words: &str) {
    let twin = Twin::start(one_server()).await.unwrap();
    let upstream = Upstream::start(answer(&market(5.0))).await;
    let mut bot = TestBot::new(&twin, &upstream);
    bot.start(&twin, 1).await;
    let add = manage("alerts add")
        .option("when", "apy_below")
        .option("value", 3);
    twin.run(&add.option("pool", USDC).option("hold", "1s"))
        .await
        .unwrap();
    upstream.set_raw(bad.0, bad.1);
    upstream.taken().await;
    let status = said(&twin.run(&call("status")).await.unwrap());
    assert!(status.contains(words), "{status}");
    assert!(twin.channel(server() + 1).is_empty());
    for step in [0.0, 0.1, 0.2] {
        upstream.set(answer(&market(2.0 - step)));
        upstream.taken().await;
    }
    twin.wait_for_messages(server() + 1, 1, LONG).await.unwrap();
    bot.end(&twin);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_in_place_of_data_is_no_batch() {
    let page = "<!DOCTYPE html><html><body>maintenance</body></html>".to_owned();
    story(("text/html", page), "makes no sense").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn half_an_answer_is_no_batch() {
    let mut half = answer(&market(1.0));
    half.truncate(half.len() / 2);
    story(("application/json", half), "makes no sense").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_without_numbers_are_no_news() {
    let mut rows = market(1.0);
    rows[0]["apy"] = json!("NaN");
    rows[1]["apy"] = json!(null);
    story(("application/json", answer(&rows)), "unusable").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_contradict_each_other_are_no_news() {
    let mut rows = market(1.0);
    rows.extend(market(2.0).into_iter().take(1));
    // Enough others, so that the batch as a whole stands.
    story(("application/json", answer(&rows)), "").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reading_of_last_week_is_no_news() {
    let mut rows = market(1.0);
    rows[0]["timestamp"] = json!("2020-01-01T00:00:00.000Z");
    story(("application/json", answer(&rows)), "1 stale").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_is_half_empty_is_not_believed() {
    let twin = Twin::start(one_server()).await.unwrap();
    let upstream = Upstream::start(answer(&market(5.0))).await;
    let mut bot = TestBot::new(&twin, &upstream);
    bot.start(&twin, 1).await;
    upstream.set(answer(&market(1.0)[..1]));
    until("the batch is refused", || bot.log().contains("half empty")).await;
    let status = said(&twin.run(&call("status")).await.unwrap());
    assert!(
        status.contains("half empty") && status.contains("3 pools"),
        "{status}"
    );
    bot.end(&twin);
}
