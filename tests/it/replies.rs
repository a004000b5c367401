//! What every command that judges yields replies, word for word, when all that can be known is known: kept
//! beside this file, so that whoever changes a word sees it.
//!
//! The whole way is gone: sources on loopback, the database, the interaction, the reply as Discord shows it.
//! What passes with the clock is masked, and so is what a run counts for itself.

use std::fs;

use axum::http::StatusCode;
use discord_twin::{Invocation, Press, Reply, Twin};
use rustix::process::Signal;
use serde_json::{Value, json};
use stipend::clock::{Clock as _, SystemClock};

use crate::support::{
    LONG, Node, TestBot, USDC, USDT, Upstream, answer, below_three, button, call, market, member,
    one_server, other, row, server, show, status_says,
};

const PAIR: &str = "0a0b0c0d-4b52-42bf-a116-608b370f9501";
const FARM: &str = "1a1b1c1d-4b52-42bf-a116-608b370f9501";
const RECEIPT: &str = "2a2b2c2d-4b52-42bf-a116-608b370f9501";
const USDC_TOKEN: &str = "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48";
const WETH_TOKEN: &str = "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2";
const AAVE_TOKEN: &str = "0x7Fc66500c84A76Ad7e9c93437bFc5Ac33E2DDaE9";

const PROTOCOLS: &str = r#"[
    {"id":"1599","name":"Aave V3","slug":"aave-v3","symbol":"AAVE","category":"Lending","tvl":30000000000,
        "audits":"2","chains":["Ethereum","Base"],"listedAt":1648771200,"change_1d":0.4,"change_7d":-2.0},
    {"id":"114","name":"Compound V3","slug":"compound-v3","symbol":"COMP","tvl":2000000000,"audits":"3",
        "listedAt":1661990400},
    {"id":"2198","name":"Uniswap V3","slug":"uniswap-v3","symbol":"UNI","category":"Dexs","tvl":2400000000,
        "audits":"2","listedAt":1620172800},
    {"id":"9001","name":"Quick Farm","slug":"quick-farm","category":"Farm","tvl":9000000,"audits":"0",
        "deprecated":true},
    {"id":"182","name":"Lido","slug":"lido","symbol":"LDO","category":"Liquid Staking","tvl":25000000000,
        "audits":"2","listedAt":1608249600}
]"#;
const FEES: &str = r#"{"protocols":[
    {"slug":"aave-v3","total7d":21000000,"total30d":90000000},
    {"slug":"uniswap-v3","total7d":14000000,"total30d":60000000}
]}"#;
const REVENUE: &str = r#"{"protocols":[
    {"slug":"aave-v3","total7d":2100000,"total30d":9000000},
    {"slug":"uniswap-v3","total7d":0,"total30d":0}
]}"#;
const COINS: &str = r#"{"peggedAssets":[
    {"id":"2","name":"USD Coin","symbol":"USDC","pegType":"peggedUSD","price":0.9998},
    {"id":"1","name":"Tether","symbol":"USDT","pegType":"peggedUSD","price":0.971}
]}"#;
const INCIDENTS: &str = r#"[{"name":"Quick Farm","date":1735689600,"amount":12000000,
    "classification":"Protocol Logic","technique":"Flashloan Reentrancy Attack","defillamaId":9001}]"#;

/// Pools of every kind that a verdict speaks of differently.
fn pools() -> Vec<Value> {
    let mut rows = market(5.0);
    let mut pair = row(PAIR, "USDC-WETH", "uniswap-v3", 24.0);
    pair["apyBase"] = json!(6.0);
    pair["apyReward"] = json!(18.0);
    pair["rewardTokens"] = json!([AAVE_TOKEN]);
    pair["underlyingTokens"] = json!([USDC_TOKEN, WETH_TOKEN]);
    pair["stablecoin"] = json!(false);
    pair["exposure"] = json!("multi");
    pair["ilRisk"] = json!("yes");
    pair["poolMeta"] = json!("7 days unstaking");
    pair["tvlUsd"] = json!(30_000_000);
    let mut farm = row(FARM, "PEPE", "quick-farm", 355_083.0);
    farm["apyBase"] = Value::Null;
    farm["apyReward"] = json!(355_083.0);
    farm["tvlUsd"] = json!(2_000_000);
    let receipt = row(RECEIPT, "STETH", "lido", 2.9);
    rows.extend([pair, farm, receipt]);
    rows
}

/// What three tokens cost on the days before today: one stands, one doubles in a month, one falls by half.
fn closes() -> String {
    const DAY: i64 = 86_400;
    let now = SystemClock.now().seconds();
    let midnight = now - now.rem_euclid(DAY);
    let points = |usd: fn(f64) -> f64| {
        let point = |ago: i64| {
            let ago_days = u32::try_from(ago).map_or(0.0, f64::from);
            json!({ "timestamp": midnight - ago * DAY + DAY - 1, "price": usd(ago_days) })
        };
        json!({ "prices": (1..=90).rev().map(point).collect::<Vec<_>>() })
    };
    json!({ "coins": {
        format!("ethereum:{USDC_TOKEN}"): points(|_| 1.0),
        format!("ethereum:{WETH_TOKEN}"): points(|ago| 4_000.0 * 0.5_f64.powf(ago / 30.0)),
        format!("ethereum:{AAVE_TOKEN}"): points(|ago| 90.0 * 2.0_f64.powf(ago / 30.0)),
    }})
    .to_string()
}

/// What Lido says of the last days.
fn rebases() -> String {
    json!({ "data": { "aprs": [rebase()], "smaApr": 3.01 }, "meta": { "symbol": "stETH" } })
        .to_string()
}

fn last_rebase() -> String {
    json!({ "data": rebase(), "meta": {} }).to_string()
}

fn rebase() -> Value {
    json!({ "timeUnix": SystemClock.now().seconds(), "apr": 3.1 })
}

fn loans() -> String {
    json!([{
        "pool": USDC, "totalSupplyUsd": 250_000_000, "totalBorrowUsd": 200_000_000, "ltv": 0.75,
        "apyBaseBorrow": 3.4, "apyRewardBorrow": 0,
    }])
    .to_string()
}

struct Setting {
    twin: Twin,
    bot: TestBot,
    upstream: Upstream,
    _node: Node,
}

/// A bot that has read all of it, and the past of all pools in a run before.
async fn setting() -> Setting {
    let twin = Twin::start(one_server()).await.unwrap();
    let mut before = pools();
    before.pop();
    let upstream = Upstream::start(answer(&before)).await;
    let node = Node::start().await;
    let mut bot = TestBot::new(&twin, &upstream);
    for (route, body) in [
        ("/protocols", PROTOCOLS),
        ("/fees?dataType=dailyFees", FEES),
        ("/fees?dataType=dailyRevenue", REVENUE),
        ("/lend_borrow", &loans()),
        ("/stablecoins", COINS),
        ("/price_chart/", &closes()),
        ("/lido/v1/protocol/steth/apr/sma", &rebases()),
        ("/lido/v1/protocol/steth/apr/last", &last_rebase()),
    ] {
        upstream.set_beside(route, StatusCode::OK, body);
    }

    let wobble = |by: f64| -> Vec<f64> {
        let step = |day: u32| 5.0 + by * f64::from(day % 7);
        (0..120).map(step).collect()
    };
    upstream.remember(USDC, &wobble(0.02));
    upstream.remember(PAIR, &wobble(3.0));
    fs::write(bot.path("incidents.json"), INCIDENTS).unwrap();
    bot.set("SOURCES__INCIDENTS__PATH", "incidents.json");
    bot.set("SOURCES__SOLANA__URL", node.url.clone());
    bot.set("SOURCES__LIDO__URL", upstream.below("/lido"));
    bot.set("SOURCES__FACTS__ENABLED", "true");
    for topic in ["PROTOCOLS", "FEES", "LEND_BORROW", "STABLECOINS"] {
        bot.set(&format!("SOURCES__FACTS__{topic}_EVERY"), "10m");
    }
    bot.set("SOURCES__DEFILLAMA__BACKFILL_PER_HOUR", "3600");
    bot.start(&twin, 1).await;
    status_says(&twin, &["charts: 5 of 5 pools over $1m read"]).await;
    bot.signal(Signal::TERM);
    assert_eq!(bot.exits().await, 0);

    // What was read of the past counts from the next start on, with the first answer that is news.
    upstream.set(answer(&pools()));
    bot.start(&twin, 1).await;
    let fresh = ["protocols", "fees", "loans", "stablecoins"];
    let fresh = fresh.map(|topic| format!("**DefiLlama {topic}** ✅ fresh"));
    let mut wanted: Vec<&str> = fresh.iter().map(String::as_str).collect();
    wanted.extend(["**Incidents file** ✅", "**Solana RPC** ✅", "**Lido** ✅"]);
    status_says(&twin, &wanted).await;
    Setting {
        twin,
        bot,
        upstream,
        _node: node,
    }
}

/// A reply as its reader sees it, line by line.
fn shown(asked: &str, message: &Value, is_private: bool) -> String {
    let seen_by = if is_private {
        "the asker alone"
    } else {
        "everybody"
    };
    let mut lines = vec![format!("{asked} – seen by {seen_by}"), String::new()];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let rows = |value: &Value| value.as_array().cloned().unwrap_or_default();
    lines.push(text(&message["content"]));
    for embed in rows(&message["embeds"]) {
        lines.push(format!("# {}", text(&embed["title"])));
        lines.push(text(&embed["description"]));
        for field in rows(&embed["fields"]) {
            lines.push(format!("## {}", text(&field["name"])));
            lines.push(text(&field["value"]));
        }
        lines.push(format!("-- {}", text(&embed["footer"]["text"])));
        if let Some(picture) = embed["image"]["url"].as_str() {
            let name = picture.rsplit('/').next().unwrap_or_default();
            let name = name.split('?').next().unwrap_or_default();
            lines.push(format!("picture {name}"));
        }
    }
    for attached in rows(&message["attachments"]) {
        lines.push(format!(
            "file {}: {}",
            attached["filename"],
            text(&attached["description"])
        ));
    }
    for line in rows(&message["components"]) {
        for component in rows(&line["components"]) {
            let label = component["label"]
                .as_str()
                .or(component["placeholder"].as_str());
            lines.push(format!("[{}]", label.unwrap_or("a menu")));
            for option in rows(&component["options"]) {
                lines.push(format!("  - {}", text(&option["label"])));
            }
        }
    }
    lines.retain(|line| !line.is_empty());
    lines.join("\n")
}

/// Masks what is otherwise in every run.
fn masked() -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    for (found, put) in [
        (r"<t:\d+(:\w)?>", "<t:…$1>"),
        (r"\d{4}-\d{2}-\d{2}", "‹day›"),
        (
            r"(fetched|unchanged for|up|read|reading) (under )?\d+ (s|min)",
            "$1 ‹a moment›",
        ),
        (r"\d+ s ago", "‹a moment› ago"),
        (r"http://127\.0\.0\.1:\d+", "http://‹here›"),
    ] {
        settings.add_filter(found, put);
    }
    settings
}

/// A command as it is typed, or chosen in the menu of a message.
fn typed(asked: &Invocation) -> String {
    let options = asked.options.iter().map(|(name, value)| {
        let value = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        format!(" {name}:{value}")
    });
    let slash = if asked.message.is_some() { "" } else { "/" };
    format!("{slash}{}{}", asked.command, options.collect::<String>())
}

async fn keep(twin: &Twin, name: &str, asked: &Invocation) -> Reply {
    let reply = twin.run(asked).await.unwrap();
    keep_reply(name, &typed(asked), &reply);
    reply
}

fn keep_reply(name: &str, asked: &str, reply: &Reply) {
    masked().bind(|| insta::assert_snapshot!(name, shown(asked, &reply.message, reply.ephemeral)));
}

/// Pools: one, several, those that are found and those that are refused, and their past.
#[tokio::test(flavor = "multi_thread")]
async fn replies_about_pools() {
    let Setting {
        twin,
        bot,
        _node,
        upstream: _upstream,
    } = setting().await;
    let twin = &twin;
    let pool = |id: &str| call("yield pool").option("pool", id);
    keep(twin, "yield_pool", &pool(USDC)).await;
    keep(twin, "yield_pool_paid_in_tokens", &pool(PAIR)).await;
    keep(twin, "yield_pool_over_100", &pool(FARM)).await;
    keep(twin, "yield_find", &call("yield find")).await;
    let refused = call("yield find").option("verdict", "unsustainable");
    keep(twin, "yield_find_unsustainable", &refused).await;
    let history = call("yield history")
        .option("pool", PAIR)
        .option("days", 30);
    keep(twin, "yield_history", &history).await;
    let compare = call("yield compare").option("pool1", USDC);
    let compare = compare.option("pool2", PAIR).option("pool3", USDT);
    keep(twin, "yield_compare", &compare).await;
    keep(twin, "status", &call("status")).await;
    bot.end(twin);
}

/// What is staked, stacked and looped.
#[tokio::test(flavor = "multi_thread")]
async fn replies_about_layers() {
    let Setting {
        twin,
        bot,
        _node,
        upstream: _upstream,
    } = setting().await;
    let twin = &twin;
    let staking = call("yield staking");
    let sol = staking
        .clone()
        .option("asset", "SOL")
        .option("amount", "100");
    keep(twin, "yield_staking_sol", &sol.option("commission", 5)).await;
    keep(twin, "yield_staking_eth", &staking.option("asset", "ETH")).await;
    let stack = call("yield stack")
        .option("base", RECEIPT)
        .option("layer", USDC);
    keep(twin, "yield_stack", &stack).await;
    let looped = call("yield stack").option("base", USDC).option("loops", 3);
    keep(twin, "yield_stack_looped", &looped).await;
    let further = looped.option("loop_ltv", 80);
    keep(twin, "yield_stack_looped_too_far", &further).await;
    bot.end(twin);
}

/// What can go wrong.
#[tokio::test(flavor = "multi_thread")]
async fn replies_about_risks() {
    let Setting {
        twin,
        bot,
        _node,
        upstream: _upstream,
    } = setting().await;
    let twin = &twin;
    let check = |pool: &str| call("risk check").option("pool", pool);
    keep(twin, "risk_check", &check(USDC)).await;
    keep(twin, "risk_check_paid_in_tokens", &check(PAIR)).await;
    keep(twin, "risk_check_deprecated", &check(FARM)).await;
    keep(twin, "risk_check_off_its_peg", &check(USDT)).await;
    keep(twin, "risk_rules", &call("risk rules")).await;
    keep(
        twin,
        "risk_il_of_a_pool",
        &call("risk il").option("pool", PAIR),
    )
    .await;
    let moved = call("risk il")
        .option("change_a", 100)
        .option("fees_apr", 20);
    keep(twin, "risk_il_of_two_prices", &moved.option("days", 90)).await;
    let correlation = call("risk correlation")
        .option("pool1", USDC)
        .option("pool2", USDT);
    keep(twin, "risk_correlation", &correlation.option("pool3", PAIR)).await;
    let offer = "Earn 40% APY on USDC with Aave v3, or 300% with Quick Farm!";
    let message = twin.say(server() + 1, &other(), offer).unwrap();
    let check = Invocation::on_message(message, "Check this yield").by(member());
    keep(twin, "check_this_yield", &check).await;
    bot.end(twin);
}

/// A notice, and what its buttons answer.
#[tokio::test(flavor = "multi_thread")]
async fn replies_about_a_notice() {
    let Setting {
        twin,
        bot,
        upstream,
        _node,
    } = setting().await;
    let (twin, upstream) = (&twin, &upstream);
    twin.run(&below_three(USDC).option("clear_hold", "1s"))
        .await
        .unwrap();
    let fallen = |apy| {
        let mut rows = pools();
        rows[0] = row(USDC, "USDC", "aave-v3", apy);
        rows
    };
    show(upstream, fallen, 2.0).await;
    let told = twin.wait_for_messages(server() + 1, 1, LONG).await.unwrap();
    let notice = told.first().unwrap();
    let kept = shown("A notice", &notice.body, false);
    masked().bind(|| insta::assert_snapshot!("notice", kept));
    for label in ["Why", "History", "Calmer places"] {
        let press = Press::on_message(notice.id, button(&notice.body, label)).by(other());
        let reply = twin.press(&press).await.unwrap();
        let name = format!("notice_{}", label.to_lowercase().replace(' ', "_"));
        keep_reply(&name, label, &reply);
    }
    bot.end(twin);
}
