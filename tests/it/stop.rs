//! A bot that is asked to stop ends what it has begun, begins nothing new, and leaves nothing open.

use std::time::Duration;

use discord_twin::{Fault, PATIENCE, Twin, What};
use rustix::process::Signal;
use serde_json::Value;

use crate::support::{
    LONG, TestBot, USDC, USDT, Upstream, WETH, answer, below_three, call, market,
    messages_by_state, one_server, pools_of, row, said, server, show, until, watching,
};

/// Less than the 20 s that the bot gives to a request, more than a further notice takes to come.
const SLOW: Duration = Duration::from_secs(12);

fn slow_once(twin: &Twin) {
    let delay = What::Delay(SLOW.as_millis().try_into().unwrap());
    twin.fault(Fault::on_webhooks(delay).times(1));
}

fn usdt_fell_too(usdc: f64) -> Vec<Value> {
    vec![
        row(USDC, "USDC", "aave-v3", usdc),
        row(USDT, "USDT", "aave-v3", usdc),
        row(WETH, "WETH", "compound-v3", 2.1),
    ]
}

/// F-S03: a post that is under way gets its answer and its receipt; what waits behind it stays where
/// it is and comes after the next start.
#[tokio::test(flavor = "multi_thread")]
async fn a_stop_ends_what_is_under_way_and_begins_nothing() {
    let (twin, upstream, mut bot) = watching(market).await;
    twin.run(&below_three(USDT)).await.unwrap();
    let channel = server() + 1;
    slow_once(&twin);
    show(&upstream, market, 2.0).await;
    until("a post is under way", || twin.in_flight() > 0).await;
    show(&upstream, usdt_fell_too, 1.9).await;
    assert!(twin.channel(channel).is_empty(), "slower than thought");
    bot.signal(Signal::TERM);
    let (code, after) = bot.ends().await;
    assert_eq!(code, Some(0));
    assert!(after < SLOW, "{after:?}");
    assert_eq!(pools_of(&twin.channel(channel)), [USDC]);
    let states = messages_by_state(&bot.path("stipend.db")).await;
    let expected = [("delivered".to_owned(), 1), ("pending".to_owned(), 1)];
    assert_eq!(states, expected.into());
    bot.start(&twin, 1).await;
    twin.wait_for_messages(channel, 2, LONG).await.unwrap();
    upstream.taken().await;
    assert_eq!(pools_of(&twin.channel(channel)), [USDC, USDT]);
    bot.end(&twin);
}

/// F-S03: whoever asks twice does not want to wait. Nobody knows then whether the post arrived, so it
/// is not sent again.
#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_at_once_and_repeats_nothing() {
    let (twin, upstream, mut bot) = watching(market).await;
    let channel = server() + 1;
    slow_once(&twin);
    show(&upstream, market, 2.0).await;
    until("a post is under way", || twin.in_flight() > 0).await;
    bot.signal(Signal::TERM);
    until("the first is heard", || bot.log().contains("stops at once")).await;
    bot.signal(Signal::TERM);
    let (code, after) = bot.ends().await;
    assert_eq!(code, Some(70));
    assert!(after < Duration::from_secs(2), "{after:?}");
    let states = messages_by_state(&bot.path("stipend.db")).await;
    assert_eq!(states, [("sending".to_owned(), 1)].into());
    bot.start(&twin, 1).await;
    // Discord works on what it got, whether somebody waits for the answer or not.
    twin.wait_for_messages(channel, 1, LONG).await.unwrap();
    show(&upstream, market, 1.9).await;
    assert_eq!(pools_of(&twin.channel(channel)), [USDC]);
    bot.end(&twin);
}

/// F-S03: a person who has asked something gets the answer.
#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_is_under_way_is_answered() {
    let (twin, _upstream, mut bot) = watching(market).await;
    let callback = "/interactions/{id}/{token}/callback";
    twin.fault(Fault::on("POST", callback, What::Delay(1_500)).times(1));
    let asked = twin.invoke(&call("help")).unwrap();
    until("the command is taken up", || twin.in_flight() > 0).await;
    bot.signal(Signal::TERM);
    let (code, _) = bot.ends().await;
    assert_eq!(code, Some(0));
    let reply = twin.reply(asked, PATIENCE).await.unwrap();
    assert!(said(&reply).contains("/yield find"));
    bot.end(&twin);
}

/// F-S03: a source that takes its time does not take that of whoever stops the bot.
#[tokio::test(flavor = "multi_thread")]
async fn a_stop_does_not_wait_for_the_source() {
    let twin = Twin::start(one_server()).await.unwrap();
    let upstream = Upstream::start(answer(&market(5.0))).await;
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut bot = TestBot::new(&twin, &upstream);
    let url = format!("http://{}/pools", silent.local_addr().unwrap());
    bot.set("SOURCES__DEFILLAMA__POOLS_URL", url);
    bot.spawn();
    let asked = tokio::time::timeout(LONG, silent.accept()).await;
    let _held = asked.expect("the source is asked").unwrap();
    twin.wait_ready(1, LONG).await.unwrap();
    bot.signal(Signal::TERM);
    let (code, after) = bot.ends().await;
    assert_eq!(code, Some(0));
    assert!(after < Duration::from_secs(5), "{after:?}");
    bot.end(&twin);
}
