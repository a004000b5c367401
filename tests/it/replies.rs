//! What every command that judges yields replies, word for word, when all that can be known is known: kept
//! beside this file, so that whoever changes a word sees it.
//!
//! The whole way is gone: sources on loopback, the database, the interaction, the reply as Discord shows it.
//! What passes with the clock is masked, and so is what a run counts for itself.

use axum::http::StatusCode;
use discord_twin::{Invocation, Press, Reply, Twin};
use serde_json::{Value, json};

use crate::support::{
    LONG, USDC, USDT, WETH, answer, below_three, button, call, manage, member, other, row, server,
    show, status_says,
};

mod world;

use world::{COINS, FARM, LOCKED, PAIR, PROTOCOLS, RECEIPT, pools, setting};

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
        (r"\d+ s (ago|old)", "‹a moment› $1"),
        (r"file:\d{17,20}", "file:‹a file›"),
        (r"#[0-9A-Z]{4}-[0-9A-Z]{4}", "#‹marker›"),
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

pub(crate) async fn keep(twin: &Twin, name: &str, asked: &Invocation) -> Reply {
    let reply = twin.run(asked).await.unwrap();
    keep_reply(name, &typed(asked), &reply);
    reply
}

fn keep_reply(name: &str, asked: &str, reply: &Reply) {
    masked().bind(|| insta::assert_snapshot!(name, shown(asked, &reply.message, reply.ephemeral)));
}

/// What stands in a channel, as its readers see it.
pub(crate) fn keep_message(name: &str, message: &Value) {
    let mut settings = masked();
    settings.add_filter(r"#[0-9A-Z]{4}-[0-9A-Z]{4}", "#‹marker›");
    settings.bind(|| insta::assert_snapshot!(name, shown("a message", message, false)));
}

/// Pools: one, several, those that are found and those that are refused, and their past.
#[tokio::test(flavor = "multi_thread")]
async fn replies_about_pools() {
    let setting = setting("10m").await;
    let twin = &setting.twin;
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
    // Asked for after the reply that wants them.
    status_says(twin, &["**DefiLlama past prices** ✅ answers"]).await;
    keep(twin, "status", &call("status")).await;
    setting.bot.end(twin);
}

/// What is staked, stacked and looped.
#[tokio::test(flavor = "multi_thread")]
async fn replies_about_layers() {
    let setting = setting("10m").await;
    let twin = &setting.twin;
    let staking = call("yield staking");
    let sol = staking
        .clone()
        .option("asset", "SOL")
        .option("amount", "100");
    keep(twin, "yield_staking_sol", &sol.option("commission", 5)).await;
    for asset in ["ETH", "DOT", "ATOM", "ADA"] {
        let name = format!("yield_staking_{}", asset.to_lowercase());
        keep(twin, &name, &staking.clone().option("asset", asset)).await;
    }
    let stack = call("yield stack")
        .option("base", RECEIPT)
        .option("layer", USDC);
    keep(twin, "yield_stack", &stack).await;
    let looped = call("yield stack").option("base", USDC).option("loops", 3);
    keep(twin, "yield_stack_looped", &looped).await;
    let further = looped.option("loop_ltv", 80);
    keep(twin, "yield_stack_looped_too_far", &further).await;
    setting.bot.end(twin);
}

/// What can go wrong.
#[tokio::test(flavor = "multi_thread")]
async fn replies_about_risks() {
    let setting = setting("10m").await;
    let twin = &setting.twin;
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
    setting.bot.end(twin);
}

/// What somebody holds, once its rate and its size are otherwise than a quarter ago.
#[tokio::test(flavor = "multi_thread")]
async fn replies_about_what_is_held() {
    let setting = setting("10m").await;
    let (twin, upstream) = (&setting.twin, &setting.upstream);
    let add = |amount: &str, pool: &str| {
        let add = call("portfolio add").option("amount", amount);
        add.option("pool", pool)
    };
    let question = twin.run(&add("$10k", PAIR)).await.unwrap();
    let agree = Press::on_reply(question.interaction, button(&question.message, "I agree"));
    twin.press(&agree.by(member())).await.unwrap();
    for asked in [
        add("$6k", USDC),
        add("$5k", USDT),
        add("$20k", LOCKED),
        call("portfolio settings").option("target", "20/50/25/5"),
    ] {
        twin.run(&asked).await.unwrap();
    }
    let mut moved = pools();
    for row in &mut moved {
        if row["pool"] == PAIR {
            row["tvlUsd"] = json!(120_000_000);
        }
    }
    upstream.set(answer(&moved));
    upstream.taken().await;
    let review = call("portfolio review");
    let first = keep(twin, "portfolio_review_of_what_moved", &review).await;
    let risk = call("portfolio risk");
    keep(twin, "portfolio_risk_beside_a_target", &risk).await;
    keep(twin, "yield_better_elsewhere", &call("yield better")).await;

    let done = Press::on_reply(first.interaction, button(&first.message, "Mark as done"));
    twin.press(&done.by(member())).await.unwrap();
    for row in &mut moved {
        if row["pool"] == USDC {
            row["apyBase"] = json!(0.3);
            row["apyReward"] = json!(4.7);
        }
    }
    upstream.set(answer(&moved));
    upstream.taken().await;
    keep(twin, "portfolio_review_after_another", &review).await;
    setting.bot.end(twin);
}

/// A notice, and what its buttons answer.
#[tokio::test(flavor = "multi_thread")]
async fn replies_about_a_notice() {
    let setting = setting("10m").await;
    let (twin, upstream) = (&setting.twin, &setting.upstream);
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
    setting.bot.end(twin);
}

/// What is told of pools whose figures stand: their protocol is flagged, their coin leaves its peg, and
/// who pays changes.
#[tokio::test(flavor = "multi_thread")]
async fn notices_of_what_happens_around_pools() {
    let setting = setting("1s").await;
    let (twin, upstream) = (&setting.twin, &setting.upstream);
    let alert = |when: &str| {
        manage("alerts add")
            .option("at_once", true)
            .option("when", when)
    };
    for alert in [
        alert("protocol_incident").option("protocol", "aave-v3"),
        alert("off_peg")
            .option("asset", "USDC")
            .option("value", 2)
            .option("hold", "1s"),
        alert("verdict_worsens")
            .option("pool", WETH)
            .option("hold", "1s"),
    ] {
        twin.run(&alert).await.unwrap();
    }
    // One after another, since what is told at once is told in one message.
    let last = async |told: usize, name: &str| {
        let channel = server() + 1;
        let messages = twin.wait_for_messages(channel, told, LONG).await.unwrap();
        let kept = shown("A notice", &messages.last().unwrap().body, false);
        masked().bind(|| insta::assert_snapshot!(name, kept));
    };
    let rugged = PROTOCOLS.replacen(r#""symbol":"AAVE""#, r#""symbol":"AAVE","rugged":true"#, 1);
    upstream.set_beside("/protocols", StatusCode::OK, &rugged);
    last(1, "notice_of_an_incident").await;
    let lost = COINS.replace("0.9998", "0.914");
    upstream.set_beside("/stablecoins", StatusCode::OK, &lost);
    // It has to hold, which is looked at whenever the market moves.
    for tvl in (250_000_001..).take(20) {
        let mut moved = pools();
        moved[0]["tvlUsd"] = json!(tvl);
        upstream.set(answer(&moved));
        upstream.taken().await;
        if twin.channel(server() + 1).len() > 1 {
            break;
        }
    }
    last(2, "notice_of_a_lost_peg").await;
    let bought = |apy: f64| {
        let mut rows = pools();
        rows[2] = row(WETH, "WETH", "compound-v3", apy);
        rows[2]["apyBase"] = json!(0.3);
        rows[2]["apyReward"] = json!(apy - 0.3);
        rows
    };
    show(upstream, bought, 2.1).await;
    last(3, "notice_of_a_worse_verdict").await;
    setting.bot.end(twin);
}
