//! The clock jumps, or the machine sleeps: nothing is told twice, nothing waits for the lost hour.

use std::{collections::BTreeMap, time::Duration};

use discord_twin::{Fault, ShardEvent, What};
use rustix::process::Signal;
use serde_json::Value;
use sqlx::{Connection as _, SqliteConnection};

use crate::{
    stage::{DAY, HOUR, Stage},
    support::{
        LONG, TestBot, USDC, USDT, WETH, answer, below_three, call, market, messages_by_state,
        pools_of, posts, row, said, server, show, until, watching,
    },
};

/// Two pools are watched for under 3 %, and both pay more.
async fn set() -> Stage {
    let stage = Stage::set(answer(&market(5.0))).await;
    for pool in [USDC, USDT] {
        stage.twin.run(&below_three(pool)).await.unwrap();
    }
    stage
}

/// A market in which the USDT pool has fallen with the USDC one.
fn both(usdc: f64) -> Vec<Value> {
    vec![
        row(USDC, "USDC", "aave-v3", usdc),
        row(USDT, "USDT", "aave-v3", usdc),
        row(WETH, "WETH", "compound-v3", 2.1),
    ]
}

/// F-T01: after an hour that was taken back, what was told is not told again, and what is new is told
/// at once.
#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_goes_back_an_hour_repeats_nothing_and_holds_nothing_up() {
    let stage = set().await;
    show(&stage.upstream, market, 2.0).await;
    stage.told(1).await;
    stage.clock.jump(-HOUR);
    show(&stage.upstream, both, 1.9).await;
    stage.told(2).await;
    show(&stage.upstream, both, 1.8).await;
    assert_eq!(pools_of(&stage.twin.channel(server() + 1)), [USDC, USDT]);
    stage.end().await;
}

/// F-T01: a wait that was set before the clock went back ends no later than it would have.
#[tokio::test(flavor = "multi_thread")]
async fn a_wait_is_not_an_hour_longer_when_the_clock_goes_back() {
    let stage = set().await;
    let wait = Duration::from_secs(10);
    let limited = Fault::on_webhooks(What::too_many("user", wait)).times(1);
    stage.twin.fault(limited);
    show(&stage.upstream, market, 2.0).await;
    assert_eq!(posts(&stage.twin).len(), 1);
    stage.clock.jump(-HOUR);
    stage.told(1).await;
    let times: Vec<u64> = posts(&stage.twin).iter().map(|post| post.at_ms).collect();
    assert!(times[1] - times[0] >= 10_000, "{times:?}");
    stage.end().await;
}

/// How many days are written down for each pool.
async fn days(bot: &TestBot) -> BTreeMap<i64, i64> {
    const SQL: &str = "SELECT pool_no, COUNT(*) FROM daily GROUP BY pool_no";
    let url = format!("sqlite://{}?mode=ro", bot.path("stipend.db").display());
    let mut connection = SqliteConnection::connect(&url).await.unwrap();
    let days: Vec<(i64, i64)> = sqlx::query_as(SQL)
        .fetch_all(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    days.into_iter().collect()
}

/// F-T01: a day that passed in no time ends once, is no reason to tell anything again, and what was
/// waiting for its turn is sent once.
#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_goes_forward_a_day_runs_what_is_due_once() {
    let stage = set().await;
    show(&stage.upstream, market, 2.0).await;
    stage.told(1).await;
    let before = posts(&stage.twin).len();
    stage.clock.jump(DAY);
    show(&stage.upstream, both, 1.9).await;
    stage.told(2).await;
    show(&stage.upstream, both, 1.8).await;
    assert_eq!(posts(&stage.twin).len(), before + 1);
    assert_eq!(pools_of(&stage.twin.channel(server() + 1)), [USDC, USDT]);
    let days = days(&stage.bot).await;
    assert_eq!(days, [(1, 1), (2, 1), (3, 1)].into());
    stage.end().await;
}

/// F-T02: the machine sleeps while a post is under way and the gateway is left by Discord. 8 s stand
/// for ten minutes, with 3 s for what a post may take.
#[tokio::test(flavor = "multi_thread")]
async fn a_sleep_loses_and_repeats_nothing_and_the_gateway_resumes() {
    let (twin, upstream, mut bot) = watching(market).await;
    bot.signal(Signal::TERM);
    assert_eq!(bot.ends().await.0, Some(0));
    bot.set("DELIVERY__TIMEOUT", "3s");
    bot.start(&twin, 1).await;
    let channel = server() + 1;
    let identifies = twin.all_identifies();
    twin.fault(Fault::on_webhooks(What::Delay(2_000)).times(1));
    upstream.set(answer(&market(2.0)));
    upstream.taken().await;
    upstream.set(answer(&market(1.9)));
    until("a post is under way", || !posts(&twin).is_empty()).await;
    bot.signal(Signal::STOP);
    assert!(twin.shard(0, ShardEvent::Cut));
    tokio::time::sleep(Duration::from_secs(8)).await;
    assert_eq!(pools_of(&twin.channel(channel)), [USDC]);
    bot.signal(Signal::CONT);
    twin.wait_resumed(0, 1, LONG).await.unwrap();
    let status = said(&twin.run(&call("status")).await.unwrap());
    assert!(status.contains("Notices here"), "{status}");
    show(&upstream, market, 1.8).await;
    assert_eq!(pools_of(&twin.channel(channel)), [USDC]);
    assert_eq!(posts(&twin).len(), 1);
    assert_eq!(twin.all_identifies(), identifies);
    let states = messages_by_state(&bot.path("stipend.db")).await;
    assert!(
        states.contains_key("delivered") || states.contains_key("uncertain"),
        "{states:?}"
    );
    bot.end(&twin);
}
