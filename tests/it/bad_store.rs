//! A database that refuses for a while: what could not be kept is not lost.

use discord_twin::Twin;
use sqlx::{Connection as _, SqliteConnection};

use crate::support::{
    LONG, TestBot, USDC, Upstream, answer, call, manage, market, one_server, pools_of, said,
    server, until,
};

async fn sql(bot: &TestBot, sql: &'static str) {
    let url = format!("sqlite://{}", bot.path("stipend.db").display());
    let mut connection = SqliteConnection::connect(&url).await.unwrap();
    sqlx::query(sql).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

/// A bot that watches the USDC pool for under 3 %, and has read that it pays 5 %.
async fn watching() -> (Twin, Upstream, TestBot) {
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
    (twin, upstream, bot)
}

/// Shows these bytes while the database is broken, and goes on to show them after it was mended.
async fn refused_then_taken(
    bot: &TestBot,
    upstream: &Upstream,
    usdc: f64,
    [breaks, mends]: [&'static str; 2],
) {
    let taken = || bot.log().matches("batch taken in").count();
    let before = taken();
    sql(bot, breaks).await;
    upstream.set(answer(&market(usdc)));
    until("a batch cannot be kept", || bot.log().contains("no batch")).await;
    assert_eq!(taken(), before);
    sql(bot, mends).await;
    until("the same bytes are taken in", || taken() == before + 1).await;
}

async fn story(fault: [&'static str; 2]) {
    let (twin, upstream, bot) = watching().await;
    refused_then_taken(&bot, &upstream, 2.0, fault).await;
    let pool = call("yield pool").option("pool", USDC);
    let after = said(&twin.run(&pool).await.unwrap());
    assert!(after.contains("2.00 %"), "{after}");
    upstream.set(answer(&market(1.9)));
    twin.wait_for_messages(server() + 1, 1, LONG).await.unwrap();
    bot.end(&twin);
}

/// What was evaluated and not committed is news again.
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_whose_commit_failed_comes_again() {
    story([
        "CREATE TRIGGER refuse BEFORE INSERT ON reading BEGIN SELECT RAISE(ABORT, 'no'); END",
        "DROP TRIGGER refuse",
    ])
    .await;
}

/// So is what failed before it was evaluated.
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_could_not_be_compared_comes_again() {
    story([
        "ALTER TABLE batch RENAME TO away",
        "ALTER TABLE away RENAME TO batch",
    ])
    .await;
}

/// Readings, episodes and notices are committed together: with an episode that was kept without its
/// notice, nobody would ever be told.
#[tokio::test(flavor = "multi_thread")]
async fn a_notice_that_could_not_be_written_down_is_told_later_and_once() {
    let (twin, upstream, bot) = watching().await;
    upstream.set(answer(&market(2.0)));
    upstream.taken().await;
    let fault = [
        "CREATE TRIGGER refuse BEFORE INSERT ON outbox BEGIN SELECT RAISE(ABORT, 'no'); END",
        "DROP TRIGGER refuse",
    ];
    refused_then_taken(&bot, &upstream, 1.9, fault).await;
    twin.wait_for_messages(server() + 1, 1, LONG).await.unwrap();
    upstream.set(answer(&market(1.8)));
    upstream.taken().await;
    assert_eq!(pools_of(&twin.channel(server() + 1)), [USDC]);
    bot.end(&twin);
}
