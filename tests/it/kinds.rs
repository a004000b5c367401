//! What each kind of alert says in a channel, from the market that brings it about.

use discord_twin::Invocation;
use serde_json::{Value, json};

use crate::{
    stage::{HOUR, Stage},
    support::{LONG, USDC, USDT, answer, manage, pool_of, row, said, server},
};

/// The USDC pool as it pays and holds at one moment.
#[derive(Clone, Copy)]
struct Pool {
    base: f64,
    reward: f64,
    tvl: f64,
}

const CALM: Pool = Pool {
    base: 5.0,
    reward: 0.0,
    tvl: 250e6,
};

impl Pool {
    const fn paying(base: f64) -> Self {
        Self { base, ..CALM }
    }

    fn row(self) -> Value {
        let mut row = row(USDC, "USDC", "aave-v3", self.base + self.reward);
        row["apyBase"] = json!(self.base);
        row["apyReward"] = json!(self.reward);
        row["tvlUsd"] = json!(self.tvl);
        row
    }
}

/// A market with the USDC pool like this, or without it. No two of them are the same answer.
fn market(usdc: Option<Pool>, nth: u32) -> String {
    let moving = row(USDT, "USDT", "aave-v3", 4.5 + f64::from(nth) * 0.001);
    // Enough of them, so that one that is missing does not make an answer a doubtful one.
    let others = (0..12_u32).map(|number| {
        let id = format!("{number:08x}-4b52-42bf-a116-608b370f9501");
        row(&id, "WETH", "compound-v3", 2.1)
    });
    let rows: Vec<Value> = usdc
        .into_iter()
        .map(Pool::row)
        .chain([moving])
        .chain(others)
        .collect();
    answer(&rows)
}

/// An alert of the USDC pool.
fn alert(when: &str) -> Invocation {
    manage("alerts add")
        .option("at_once", true)
        .option("when", when)
        .option("pool", USDC)
}

/// Shows these markets, each twice and so many hours after the one before, to a bot with this alert, and
/// reads the one message that comes of it.
async fn told(alert: Invocation, before: Pool, after: &[(i64, Option<Pool>)]) -> String {
    let stage = Stage::set(market(Some(before), 0)).await;
    let reply = said(&stage.twin.run(&alert).await.unwrap());
    assert!(reply.contains("#1"), "{reply}");
    let mut nth = 0;
    for (hours, usdc) in after {
        stage.clock.jump(hours * HOUR);
        for _ in 0..3 {
            nth += 1;
            stage.upstream.set(market(*usdc, nth));
            stage.upstream.taken().await;
        }
    }
    let messages = stage
        .twin
        .wait_for_messages(server() + 1, 1, LONG)
        .await
        .unwrap();
    assert_eq!(messages.len(), 1);
    assert_eq!(pool_of(&messages[0]), USDC);
    let text = messages[0].body["embeds"].to_string();
    stage.end().await;
    text
}

fn at_once(alert: Invocation) -> Invocation {
    alert.option("hold", "1s").option("clear_hold", "1s")
}

#[tokio::test(flavor = "multi_thread")]
async fn apy_above() {
    let alert = at_once(alert("apy_above").option("value", 8));
    let text = told(alert, CALM, &[(0, Some(Pool::paying(9.0)))]).await;
    assert!(text.contains("APY 5.00 % → **9.00 %**"), "{text}");
    assert!(text.contains("at or over 8 %"), "{text}");
    assert!(text.contains("🔺"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn apy_below() {
    let alert = at_once(alert("apy_below").option("value", 3));
    let text = told(alert, CALM, &[(0, Some(Pool::paying(2.0)))]).await;
    assert!(text.contains("at or under 3 %"), "{text}");
}

/// A value below zero tells falls alone: the rise before is silent, and anchors nothing.
#[tokio::test(flavor = "multi_thread")]
async fn apy_change() {
    let alert = at_once(
        alert("apy_change")
            .option("value", -30)
            .option("window", "1d"),
    );
    let after = [(0, Some(Pool::paying(8.0))), (0, Some(Pool::paying(3.0)))];
    let text = told(alert, CALM, &after).await;
    assert!(text.contains("**3.00 %**"), "{text}");
    assert!(text.contains("a fall of 30 % or more within 1 d"), "{text}");
}

/// In two steps, since a five-fold jump is doubted first.
fn climbing() -> [(i64, Option<Pool>); 2] {
    [
        (0, Some(Pool::paying(24.0))),
        (0, Some(Pool::paying(101.0))),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn verdict_worsens() {
    let text = told(at_once(alert("verdict_worsens")), CALM, &climbing()).await;
    assert!(text.contains("**unsustainable**"), "{text}");
    assert!(text.contains("worse than in the 7 d before"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn verdict_becomes() {
    let alert = at_once(alert("verdict_becomes").option("verdict", "unsustainable"));
    let text = told(alert, CALM, &climbing()).await;
    assert!(text.contains("→ **unsustainable**"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn over_100() {
    let text = told(at_once(alert("over_100")), CALM, &climbing()).await;
    assert!(text.contains("above 100 %"), "{text}");
    assert!(
        text.contains("before the change"),
        "the verdict changed: {text}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn base_share_below() {
    let alert = at_once(alert("base_share_below").option("value", 50));
    let rewarded = Pool {
        base: 1.0,
        reward: 4.0,
        ..CALM
    };
    let text = told(alert, CALM, &[(0, Some(rewarded))]).await;
    assert!(text.contains("share paid without reward tokens"), "{text}");
    assert!(text.contains("**20 %**"), "{text}");
    assert!(text.contains("base 1.00 + rewards 4.00 %"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rewards_end() {
    let rewarded = Pool {
        base: 3.0,
        reward: 2.0,
        ..CALM
    };
    let alert = at_once(alert("rewards_end"));
    let text = told(alert, rewarded, &[(0, Some(Pool::paying(3.0)))]).await;
    assert!(text.contains("reward tokens have ended"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tvl_drop() {
    let alert = at_once(alert("tvl_drop").option("value", 50));
    let drained = Pool { tvl: 100e6, ..CALM };
    let text = told(alert, CALM, &[(0, Some(drained))]).await;
    assert!(text.contains("TVL $250M → **$100M**"), "{text}");
}

/// F-U10: absence closes nothing and opens nothing before three good answers and three hours.
#[tokio::test(flavor = "multi_thread")]
async fn pool_gone() {
    let text = told(alert("pool_gone"), CALM, &[(0, None), (2, None), (2, None)]).await;
    assert!(
        text.contains("the source has not listed it since"),
        "{text}"
    );
}

/// F-U09: the source goes on answering, and the figures of this pool stand still for two days.
#[tokio::test(flavor = "multi_thread")]
async fn stale() {
    let after = [(20, Some(CALM)), (20, Some(CALM)), (20, Some(CALM))];
    let text = told(alert("stale"), CALM, &after).await;
    assert!(text.contains("too old to be used since"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn new_sustainable() {
    let rewarded = Pool {
        base: 1.0,
        reward: 9.0,
        ..CALM
    };
    let alert = at_once(alert("new_sustainable"));
    let text = told(alert, rewarded, &[(0, Some(CALM))]).await;
    assert!(text.contains("a new offer"), "{text}");
    assert!(text.contains("🌱"), "{text}");
}
