//! A database that refuses for a while: what could not be kept is not lost.

use sqlx::{Connection as _, SqliteConnection};

use crate::support::{
    LONG, TestBot, USDC, Upstream, answer, call, market, pools_of, said, server, until, watching,
};

async fn sql(bot: &TestBot, sql: &'static str) {
    let url = format!("sqlite://{}", bot.path("stipend.db").display());
    let mut connection = SqliteConnection::connect(&url).await.unwrap();
    sqlx::query(sql).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
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
    let (twin, upstream, bot) = watching(market).await;
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
    let (twin, upstream, bot) = watching(market).await;
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
