//! What people look up of several pools at once, of links, and of other people's messages.

use std::{collections::HashMap, fs};

use discord_twin::{Invocation, Reply, Twin};
use serde_json::{Value, json};
use stipend::domain::correlation::{self, BACKINGS};

use crate::support::{
    TestBot, USDC, USDT, Upstream, WETH, answer, call, manage, market, member, one_server, other,
    row, said, server, shared,
};

const SPIKE: &str = "1a1b1c1d-4b52-42bf-a116-608b370f9501";
const PAIR: &str = "0a0b0c0d-4b52-42bf-a116-608b370f9501";

/// The small market with a liquidity pool and a receipt in it.
fn wide_market() -> Vec<Value> {
    let mut pair = row(PAIR, "USDC-WETH", "uniswap-v3", 24.0);
    pair["exposure"] = json!("multi");
    pair["ilRisk"] = json!("yes");
    pair["poolMeta"] = json!("7 days unstaking");
    let mut rows = market(5.0);
    rows.push(row(SPIKE, "PEPE", "uniswap-v3", 355_083.0));
    rows.push(pair);
    rows
}

async fn setting() -> (Twin, Upstream, TestBot) {
    let twin = Twin::start(one_server()).await.unwrap();
    let upstream = Upstream::start(answer(&wide_market())).await;
    let mut bot = TestBot::new(&twin, &upstream);
    bot.start(&twin, 1).await;
    (twin, upstream, bot)
}

async fn told(twin: &Twin, call: &Invocation, private: bool, words: &[&str]) -> Reply {
    let reply = twin.run(call).await.unwrap();
    assert_eq!(reply.ephemeral, private, "{}", call.command);
    let said = said(&reply);
    for word in words {
        assert!(said.contains(word), "“{word}” is not in: {said}");
    }
    reply
}

fn page(pool: &str) -> String {
    format!("https://defillama.com/yields/pool/{pool}")
}

/// Sustainability and risk under one command, with the limits behind them and what nobody knows.
#[tokio::test(flavor = "multi_thread")]
async fn a_pool_is_checked() {
    let (twin, _upstream, bot) = setting().await;
    let checked = told(
        &twin,
        &call("risk check").option("pool", PAIR),
        false,
        &[
            "Sustainability and risk",
            "Will it last?",
            "Who pays?",
            "Coverage",
            "checks that apply",
            "not known: no list of incidents is at hand",
            "7 days unstaking",
            "the source flags it; prices are not known",
        ],
    )
    .await;
    assert!(checked.deferred);
    told(
        &twin,
        &call("risk rules").option("private", true),
        true,
        &[
            "Hard rules, never outvoted",
            "nobody can tune a verdict",
            "Learnt from",
        ],
    )
    .await;
    told(
        &twin,
        &call("risk check").option("pool", "nonsense"),
        true,
        &["No pool answers to"],
    )
    .await;
    // What the screen refuses is listed, with the rule that refused it, for who asks.
    let refused = call("yield find").option("verdict", "unsustainable");
    told(&twin, &refused, false, &["❌ unsustainable ("]).await;
    bot.end(&twin);
}

/// Two pools beside each other, by address and by words, and what cannot be set beside anything.
#[tokio::test(flavor = "multi_thread")]
async fn pools_are_compared() {
    let (twin, _upstream, bot) = setting().await;
    let compare = call("yield compare").option("pool1", page(USDC));
    let both = compare.clone().option("pool2", "usdc-weth");
    told(
        &twin,
        &both,
        false,
        &[
            "2 pools side by side",
            "lock-up: 7 days unstaking",
            "lock-up: not stated",
            "**both** rely on",
        ],
    )
    .await;
    told(&twin, &both.option("private", true), true, &["Highest APY"]).await;
    let twice = compare
        .clone()
        .option("pool2", format!("<{}/>", page(USDC)));
    told(&twin, &twice, true, &["was named twice"]).await;
    let gone = page("99999999-4b52-42bf-a116-608b370f9501?from=somewhere-with-a-long-name");
    told(
        &twin,
        &compare.option("pool2", gone),
        true,
        &["does not list the pool"],
    )
    .await;
    bot.end(&twin);
}

/// Layers of pools and rates, with a loop around them.
#[tokio::test(flavor = "multi_thread")]
async fn yields_are_stacked() {
    let (twin, _upstream, bot) = setting().await;
    let stack = call("yield stack").option("base", USDC);
    told(
        &twin,
        &stack.clone().option("layer", "0.4"),
        false,
        &[
            "**5.42 %** combined = 1.05 × 1.004 − 1",
            "aave-v3",
            "oracles",
        ],
    )
    .await;
    let looped = stack.option("loop_ltv", 80).option("loops", 3);
    told(
        &twin,
        &looped,
        false,
        &["= 2.952", "only while borrowing costs under **5.00 %**"],
    )
    .await;
    told(
        &twin,
        &looped.clone().option("borrow_rate", 3),
        false,
        &["2.952 × 5.00 − 1.952 × 3.00 = **8.90 %**"],
    )
    .await;
    let half = call("yield stack").option("base", "4").option("loops", 3);
    told(&twin, &half, true, &["`loop_ltv`"]).await;
    let comma = call("yield stack").option("base", "0,4");
    told(&twin, &comma, true, &["is no rate"]).await;
    let typing = call("yield stack").option("base", "0.4");
    let offered = twin.autocomplete(&typing, "base").await.unwrap().choices;
    assert_eq!(offered[0]["value"], "0.4", "{offered:?}");
    bot.end(&twin);
}

/// What moving prices cost, and what positions have in common.
#[tokio::test(flavor = "multi_thread")]
async fn risks_are_reckoned() {
    let (twin, _upstream, bot) = setting().await;
    let il = call("risk il");
    told(
        &twin,
        &il.clone().option("pool", PAIR),
        false,
        &["×2: −5.72 %", "makes up for"],
    )
    .await;
    told(
        &twin,
        &il.clone().option("pool", USDC),
        false,
        &["no two prices"],
    )
    .await;
    told(
        &twin,
        &il.clone()
            .option("change_a", 100)
            .option("fees_apr", 20)
            .option("days", 90),
        false,
        &["**×2**", "**−5.72 %**", "**6.07 %**", "in 90 days"],
    )
    .await;
    told(&twin, &il, true, &["either a `pool`"]).await;
    let correlation = call("risk correlation")
        .option("pool1", USDC)
        .option("pool2", USDT)
        .option("pool3", PAIR)
        .option("pool4", WETH);
    told(
        &twin,
        &correlation,
        false,
        &["**all** rely on Ethereum", "aave", "oracles", "by chain"],
    )
    .await;
    bot.end(&twin);
}

/// A pool's address is offered and found like its name.
#[tokio::test(flavor = "multi_thread")]
async fn addresses_name_pools() {
    let (twin, _upstream, bot) = setting().await;
    let pool = call("yield pool").option("pool", format!("<{}?utm_source=x>", page(WETH)));
    told(&twin, &pool, false, &["WETH · compound-v3"]).await;
    let offered = twin.autocomplete(&pool, "pool").await.unwrap().choices;
    assert_eq!(offered.len(), 1, "{offered:?}");
    assert_eq!(offered[0]["value"], WETH);
    bot.end(&twin);
}

/// What somebody wrote is looked at from its menu, seen by the asker alone, in a server and in a direct
/// conversation.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_checked() {
    let (twin, _upstream, bot) = setting().await;
    let channel = server() + 1;
    let check = |content: &str| {
        let message = twin.say(channel, &other(), content).unwrap();
        Invocation::on_message(message, "Check this yield").by(member())
    };
    let offer = check("Earn 40% APY on USDC with Aave v3 @everyone");
    let words = [
        "It says **40 %**",
        "pays **5.00 %** now",
        "8 times that",
        "USDC · aave-v3",
    ];
    told(&twin, &offer, true, &words).await;
    let linked = check(&format!("look at {}", page(PAIR)));
    told(&twin, &linked, true, &["by the address in it", "USDC-WETH"]).await;
    let scam = check("2 % daily, guaranteed! Write to me");
    told(&twin, &scam, true, &["730 %", "Over 100 %", "send nothing"]).await;
    let chatter = check("hello there");
    told(&twin, &chatter, true, &["names no protocol", "/yield find"]).await;
    let lookalike = check("USDС at 5 %");
    told(&twin, &lookalike, true, &["mixes letters"]).await;
    // An answer of ours in a direct conversation, which holds the pool's address.
    let pool = Invocation::of("yield pool").option("pool", USDC);
    let answer = twin.run(&pool).await.unwrap().message_id().unwrap();
    let alone = Invocation::on_message(answer, "Check this yield");
    told(
        &twin,
        &alone,
        true,
        &["by the address in it", "USDC · aave-v3"],
    )
    .await;
    bot.end(&twin);
}

/// A notice of ours is an embed by a webhook, and can be asked about like anything else.
#[tokio::test(flavor = "multi_thread")]
async fn what_stands_in_embeds_is_checked() {
    let (twin, _upstream, bot) = setting().await;
    let add = manage("alerts add")
        .option("at_once", true)
        .option("when", "apy_below")
        .option("value", 3)
        .option("pool", USDC);
    told(&twin, &add, true, &["#1"]).await;
    told(
        &twin,
        &manage("alerts test").option("alert", "1"),
        true,
        &["#1"],
    )
    .await;
    let notice = twin.last(server() + 1).unwrap();
    assert_eq!(notice.body["content"].as_str().unwrap_or_default(), "");
    let check = Invocation::on_message(notice.id, "Check this yield").by(member());
    told(
        &twin,
        &check,
        true,
        &["USDC · aave-v3", "pays **5.00 %** now"],
    )
    .await;
    bot.end(&twin);
}

/// The table of receipts says of itself where it comes from.
#[test]
fn receipts_are_those_of_the_recorded_market() {
    let Some(shared) = shared() else { return };
    let table = shared.join("data/full-snapshot/pools-2025-11-03.csv.zst");
    let table = zstd::decode_all(fs::File::open(table).unwrap()).unwrap();
    let table = String::from_utf8(table).unwrap();
    let rows: Vec<Vec<&str>> = table
        .lines()
        .skip(1)
        .map(|line| line.split(',').collect())
        .collect();
    let mut sizes: HashMap<String, f64> = HashMap::new();
    for row in &rows {
        let tvl: f64 = row[7].parse().unwrap_or_default();
        for token in stipend::domain::pool::assets_of(row[1]) {
            *sizes.entry(token.to_uppercase()).or_default() += tvl;
        }
    }
    let mut by_size: Vec<(&String, &f64)> = sizes.iter().collect();
    by_size.sort_by(|a, b| b.1.total_cmp(a.1));
    for (token, _, tie, issuer) in BACKINGS.iter().filter(|(_, _, tie, _)| tie.is_receipt()) {
        let place = by_size.iter().position(|(name, _)| name == token);
        assert!(
            place.is_some_and(|place| place < 200),
            "{token} {tie:?}: {place:?}"
        );
        let Some(issuer) = issuer else { continue };
        let own = rows.iter().any(|row| {
            row[1].eq_ignore_ascii_case(token) && correlation::family(row[2]) == *issuer
        });
        assert!(own, "{issuer} has no pool of {token}");
    }
}
