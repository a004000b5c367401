//! The recorded markets through the whole bot: every pool there was on one day, and the falls of
//! several days. Without the recordings there is nothing to tell.

use std::{fs, path::Path};

use discord_twin::{Invocation, Person, StoredMessage, Twin};
use serde_json::{Value, json};

use crate::support::{
    LONG, TestBot, Upstream, answer, call, manage, one_server, pool_of, pools_of, said, server,
    shared,
};

async fn setting(pools: String) -> (Twin, Upstream, TestBot) {
    let twin = Twin::start(one_server()).await.unwrap();
    let upstream = Upstream::start(pools).await;
    let mut bot = TestBot::new(&twin, &upstream);
    // Each notice is compared by itself.
    bot.set("DELIVERY__MERGE", "false");
    bot.start(&twin, 1).await;
    (twin, upstream, bot)
}

fn unpacked(path: &Path) -> Vec<u8> {
    zstd::decode_all(fs::File::open(path).unwrap()).unwrap()
}

/// Every pool of 2025-11-03, from a table whose values hold no comma.
fn every_pool(shared: &Path) -> Vec<Value> {
    let table = unpacked(&shared.join("data/full-snapshot/pools-2025-11-03.csv.zst"));
    let table = String::from_utf8(table).unwrap();
    table.lines().skip(1).map(row).collect()
}

fn row(line: &str) -> Value {
    let cells: Vec<&str> = line.split(',').collect();
    let [
        pool,
        symbol,
        project,
        chain,
        apy,
        base,
        reward,
        tvl,
        risk,
        exposure,
        _,
    ] = cells[..]
    else {
        panic!("not eleven cells: {line}");
    };
    let number = |cell: &str| cell.parse::<f64>().ok();
    json!({
        "pool": pool, "symbol": symbol, "project": project, "chain": chain, "apy": number(apy),
        "apyBase": number(base), "apyReward": number(reward), "tvlUsd": number(tvl),
        "ilRisk": risk, "exposure": exposure,
    })
}

fn set_apy(rows: &mut [Value], pools: &[String], apy: f64) {
    for row in rows {
        if pools.iter().any(|pool| row["pool"] == pool.as_str()) {
            row["apy"] = json!(apy);
        }
    }
}

/// The first pools of a protocol that pay a yield worth the name.
fn paying(rows: &[Value], project: &str, count: usize) -> Vec<String> {
    rows.iter()
        .filter(|row| row["project"] == project && row["apy"].as_f64().unwrap() > 2.0)
        .map(|row| row["pool"].as_str().unwrap().to_owned())
        .take(count)
        .collect()
}

/// One filter over the whole market speaks of the pools that moved, of each once, and of no other.
#[tokio::test(flavor = "multi_thread")]
async fn of_all_pools_those_that_moved_are_told() {
    let Some(shared) = shared() else { return };
    let mut rows = every_pool(&shared);
    let (twin, upstream, bot) = setting(answer(&rows)).await;
    let status = said(&twin.run(&call("status")).await.unwrap());
    assert!(status.contains("18,882 pools"), "{status}");
    assert!(status.contains("% of TVL with unknown method"), "{status}");
    let add = manage("alerts add")
        .option("at_once", true)
        .option("when", "apy_below")
        .option("value", 1)
        .option("protocol", "aave-v3")
        .option("hold", "1s");
    let added = said(&twin.run(&add).await.unwrap());
    assert!(added.contains("pools meet it already"), "{added}");

    let mut moved = paying(&rows, "aave-v3", 3);
    let others = paying(&rows, "sparklend", 2);
    for apy in [0.2, 0.19, 0.18] {
        set_apy(&mut rows, &moved, apy);
        set_apy(&mut rows, &others, apy);
        upstream.set(answer(&rows));
        upstream.taken().await;
    }
    let channel = server() + 1;
    twin.wait_for_messages(channel, 3, LONG).await.unwrap();
    upstream.taken().await;
    let mut told = pools_of(&twin.channel(channel));
    told.sort_unstable();
    moved.sort_unstable();
    assert_eq!(told, moved);
    bot.end(&twin);
}

/// What people write is understood among all pools that there are.
#[tokio::test(flavor = "multi_thread")]
async fn messages_are_checked_against_every_pool() {
    let Some(shared) = shared() else { return };
    let (twin, _upstream, bot) = setting(answer(&every_pool(&shared))).await;
    for (content, words) in [
        (
            "Earn 40% APY on USDC with Aave v3 on Base!",
            "1 · USDC · aave-v3 · Base",
        ),
        ("lido steth pays 9 %", "1 · STETH · lido · Ethereum"),
        (
            "anyone tried JitoSOL? they say 15% apr",
            "1 · JITOSOL · jito-liquid-staking · Solana",
        ),
        ("Pendle PT-sUSDe 20 %", "pendle"),
        (
            "USDC/WETH on Uniswap v3, Arbitrum: 80 % APR",
            "USDC · uniswap-v3 · Arbitrum",
        ),
        ("GUARANTEED 3 % DAILY, DEPOSIT NOW", "send nothing"),
        (
            "hey, what do you all think of the one that we talked about?",
            "names no protocol",
        ),
    ] {
        let message = twin.say(server() + 1, &Person::default(), content).unwrap();
        let check = Invocation::on_message(message, "Check this yield");
        let reply = twin.run(&check).await.unwrap();
        let said = said(&reply);
        assert!(
            said.contains(words),
            "{content}: “{words}” is not in: {said}"
        );
    }
    bot.end(&twin);
}

/// A fall that a recording holds: which pool, what a reader is told of it, and in which channel.
struct Fall {
    pool: &'static str,
    words: &'static str,
    channel: u64,
}

/// Shows one recorded day after the other, and the last one twice: a condition holds from its second
/// reading on.
async fn show(upstream: &Upstream, days: &[String]) {
    for day in days {
        upstream.set(day.clone());
        upstream.taken().await;
    }
    upstream.set(format!("{}\n", days.last().unwrap()));
    upstream.taken().await;
}

/// Both channels hold these falls, each once, and nothing else.
async fn told(twin: &Twin, upstream: &Upstream, falls: &[Fall]) {
    for channel in [server() + 1, server() + 2] {
        let expected: Vec<&Fall> = falls.iter().filter(|it| it.channel == channel).collect();
        twin.wait_for_messages(channel, expected.len(), LONG)
            .await
            .unwrap();
        upstream.taken().await;
        let messages = twin.channel(channel);
        for fall in &expected {
            let tells = |message: &&StoredMessage| {
                let words = message.body["embeds"][0]["description"].to_string();
                pool_of(message) == fall.pool && words.contains(fall.words)
            };
            let found = messages.iter().filter(tells).count();
            assert_eq!(found, 1, "{}: {messages:?}", fall.words);
        }
        assert_eq!(messages.len(), expected.len(), "{messages:?}");
    }
}

/// The recorded answers of a folder in their order, as `/pools` gives them: it tells no times of the
/// single pools, and those of a past year would be stale.
fn days(folder: &Path) -> Vec<String> {
    let mut paths: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort_unstable();
    let day = |path| {
        let mut body: Value = serde_json::from_slice(&unpacked(path)).unwrap();
        for row in body["data"].as_array_mut().unwrap() {
            row.as_object_mut().unwrap().remove("timestamp");
        }
        body.to_string()
    };
    paths.iter().map(|path| day(path)).collect()
}

fn under(value: f64, pool: &str) -> Invocation {
    manage("alerts add")
        .option("at_once", true)
        .option("when", "apy_below")
        .option("value", value)
        .option("pool", pool)
        .option("hold", "1s")
}

const EULER: &str = "4059659c-a240-47c3-85a5-69897563d63b";
const SILO: &str = "724b2011-c3f7-4179-b154-e5adb155f84f";

/// What lenders of dollars lost in February 2026 reaches the channels that asked for it.
#[tokio::test(flavor = "multi_thread")]
async fn the_falls_of_lending_are_told_where_they_are_watched() {
    let Some(shared) = shared() else { return };
    let days = days(&shared.join("data/stable-snapshots"));
    let (twin, upstream, bot) = setting(days[0].clone()).await;
    let other = (server() + 2).to_string();
    for alert in [
        under(20.0, EULER),
        under(1.0, SILO).option("channel", other),
    ] {
        let added = said(&twin.run(&alert).await.unwrap());
        assert!(added.contains("No pool meets it"), "{added}");
    }
    show(&upstream, &days[1..]).await;
    let falls = [
        Fall {
            pool: EULER,
            words: "APY 57.02 % → **12.78 %**",
            channel: server() + 1,
        },
        // It went on to less than half of the 20 % that were asked for.
        Fall {
            pool: EULER,
            words: "APY 12.78 % → **7.48 %**",
            channel: server() + 1,
        },
        Fall {
            pool: SILO,
            words: "APY 20.03 % → **0.50 %**",
            channel: server() + 2,
        },
    ];
    told(&twin, &upstream, &falls).await;
    bot.end(&twin);
}

const ETH_TOKE: &str = "fa530ebc-a11a-4e1e-84fb-7084fc42b4b3";
const CRVUSD_USDC: &str = "3c5bb15b-1222-4b22-958e-b45325505f6f";
const SUPER_OETH: &str = "bc33d1ea-f566-40eb-b0a8-8d8dcf425f18";

/// Yields that fade and deposits that leave, on exchanges in August and September 2025.
#[tokio::test(flavor = "multi_thread")]
async fn the_falls_of_exchanges_are_told_where_they_are_watched() {
    let Some(shared) = shared() else { return };
    let days = days(&shared.join("data/dex-snapshots"));
    let (twin, upstream, bot) = setting(days[0].clone()).await;
    let other = (server() + 2).to_string();
    let drain = manage("alerts add")
        .option("at_once", true)
        .option("when", "tvl_drop")
        .option("value", 40)
        .option("window", "7d")
        .option("pool", SUPER_OETH)
        .option("hold", "1s");
    for alert in [
        under(10.0, ETH_TOKE),
        under(20.0, CRVUSD_USDC),
        drain.option("channel", other),
    ] {
        let added = said(&twin.run(&alert).await.unwrap());
        assert!(added.contains("No pool meets it"), "{added}");
    }
    show(&upstream, &days[1..]).await;
    let falls = [
        Fall {
            pool: ETH_TOKE,
            words: "APY 37.23 % → **1.07 %**",
            channel: server() + 1,
        },
        Fall {
            pool: CRVUSD_USDC,
            words: "APY 31.94 % → **6.98 %**",
            channel: server() + 1,
        },
        Fall {
            pool: SUPER_OETH,
            words: "TVL $816M → **$22.1M**",
            channel: server() + 2,
        },
    ];
    told(&twin, &upstream, &falls).await;
    bot.end(&twin);
}
