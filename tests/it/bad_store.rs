//! A database that refuses for a while: what could not be kept is not lost.

use discord_twin::Twin;
use sqlx::{Connection as _, SqliteConnection};

use crate::support::{
    LONG, TestBot, USDC, Upstream, answer, call, manage, market, one_server, said, server, until,
};

async fn sql(bot: &TestBot, sql: &'static str) {
    let url = format!("sqlite://{}", bot.path("stipend.db").display());
    let mut connection = SqliteConnection::connect(&url).await.unwrap();
    sqlx::query(sql).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

/// Breaks the database, shows news, and mends it while the source goes on to give the same bytes.
async fn story(breaks: &'static str, mends: &'static str) {
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
    let pool = call("yield pool").option("pool", USDC);

    sql(&bot, breaks).await;
    upstream.set(answer(&market(2.0)));
    until("a batch cannot be kept", || bot.log().contains("no batch")).await;
    let before = said(&twin.run(&pool).await.unwrap());
    assert!(before.contains("5.00 %"), "{before}");

    sql(&bot, mends).await;
    let taken = || bot.log().matches("batch taken in").count();
    until("the same bytes are taken in", || taken() == 2).await;
    let after = said(&twin.run(&pool).await.unwrap());
    assert!(after.contains("2.00 %"), "{after}");
    upstream.set(answer(&market(1.9)));
    twin.wait_for_messages(server() + 1, 1, LONG).await.unwrap();
    bot.end(&twin);
}

/// What was evaluated and not committed is news again.
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_whose_commit_failed_comes_again() {
    story(
        "CREATE TRIGGER refuse BEFORE INSERT ON reading BEGIN SELECT RAISE(ABORT, 'no'); END",
        "DROP TRIGGER refuse",
    )
    .await;
}

/// So is what failed before it was evaluated.
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_could_not_be_compared_comes_again() {
    story(
        "ALTER TABLE batch RENAME TO away",
        "ALTER TABLE away RENAME TO batch",
    )
    .await;
}
