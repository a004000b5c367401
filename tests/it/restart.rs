//! A bot that is killed goes on where it was: nothing is lost, nothing is told twice.

use discord_twin::Twin;
use sqlx::{Connection as _, SqliteConnection};

use crate::support::{
    LONG, TestBot, USDC, USDT, Upstream, WETH, answer, manage, one_server, pools_of, row, said,
    server, until,
};

fn three(usdc: f64, usdt: f64, weth: f64) -> String {
    answer(&[
        row(USDC, "USDC", "aave-v3", usdc),
        row(USDT, "USDT", "aave-v3", usdt),
        row(WETH, "WETH", "compound-v3", weth),
    ])
}

async fn show(upstream: &Upstream, usdc: f64, usdt: f64, weth: f64) {
    for step in [0.0, 0.01, 0.02] {
        upstream.set(three(usdc - step, usdt - step, weth - step));
        upstream.taken().await;
    }
}

/// F-S01: one notice for each pool, before or after the kill, and what was under way is looked for first.
#[tokio::test(flavor = "multi_thread")]
async fn every_notice_is_told_once_across_a_kill() {
    let twin = Twin::start(one_server()).await.unwrap();
    let upstream = Upstream::start(three(5.0, 5.0, 5.0)).await;
    let mut bot = TestBot::new(&twin, &upstream);
    bot.start(&twin, 1).await;
    for pool in [USDC, USDT, WETH] {
        let add = manage("alerts add")
            .option("at_once", true)
            .option("when", "apy_below")
            .option("value", 3);
        let reply = twin
            .run(&add.option("pool", pool).option("hold", "1s"))
            .await
            .unwrap();
        assert!(
            said(&reply).contains("No pool meets it"),
            "{}",
            said(&reply)
        );
    }
    let channel = server() + 1;
    show(&upstream, 2.0, 5.0, 5.0).await;
    twin.wait_for_messages(channel, 1, LONG).await.unwrap();
    until("nothing is under way", || twin.in_flight() == 0).await;
    bot.kill();
    let webhooks = twin.webhooks(channel);
    assert_eq!(webhooks.len(), 1);

    // One post is left as a kill in mid-flight would leave it: of a message that is not there.
    let url = format!("sqlite://{}", bot.path("stipend.db").display());
    let mut open = SqliteConnection::connect(&url).await.unwrap();
    sqlx::query(
        "INSERT INTO post (destination_id, notices, marker, nonce, payload, created_at, not_after, state, attempt,
            epoch, intent_at, series_at, webhook_id, floor)
         SELECT destination_id, 1, '#LEFT-OVER', 'left-over', payload, created_at, not_after, 'sending', 1,
            0, created_at, created_at, webhook_id, message_id
         FROM post LIMIT 1",
    )
    .execute(&mut open)
    .await
    .unwrap();
    open.close().await.unwrap();
    bot.set("DELIVERY__TIMEOUT", "500ms");
    bot.set("DELIVERY__SETTLE", "1s");

    bot.start(&twin, 1).await;
    show(&upstream, 1.9, 2.0, 5.0).await;
    twin.wait_for_messages(channel, 3, LONG).await.unwrap();
    show(&upstream, 1.8, 1.9, 2.0).await;
    twin.wait_for_messages(channel, 4, LONG).await.unwrap();
    show(&upstream, 1.7, 1.8, 1.9).await;
    // What was left over was looked for, not found, and sent again: the first pool once more.
    assert_eq!(pools_of(&twin.channel(channel)), [USDC, USDC, USDT, WETH]);
    assert!(bot.log().contains("looked into the channel"));
    assert_eq!(twin.webhooks(channel), webhooks);
    bot.end(&twin);
}
