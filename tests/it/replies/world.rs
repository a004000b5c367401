//! A market in which all that can be known is known, and a bot that has read it.

use std::fs;

use axum::http::StatusCode;
use discord_twin::Twin;
use rustix::process::Signal;
use serde_json::{Value, json};
use stipend::clock::{Clock as _, SystemClock};

use crate::support::{Node, TestBot, USDC, Upstream, answer, market, one_server, row, status_says};

pub(super) const PAIR: &str = "0a0b0c0d-4b52-42bf-a116-608b370f9501";
pub(super) const FARM: &str = "1a1b1c1d-4b52-42bf-a116-608b370f9501";
pub(super) const LOCKED: &str = "3a3b3c3d-4b52-42bf-a116-608b370f9501";
pub(super) const RECEIPT: &str = "2a2b2c2d-4b52-42bf-a116-608b370f9501";
const USDC_TOKEN: &str = "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48";
const WETH_TOKEN: &str = "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2";
const AAVE_TOKEN: &str = "0x7Fc66500c84A76Ad7e9c93437bFc5Ac33E2DDaE9";

pub(super) const PROTOCOLS: &str = r#"[
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
pub(super) const COINS: &str = r#"{"peggedAssets":[
    {"id":"2","name":"USD Coin","symbol":"USDC","pegType":"peggedUSD","price":0.9998},
    {"id":"1","name":"Tether","symbol":"USDT","pegType":"peggedUSD","price":0.971}
]}"#;

/// Pools of every kind that a verdict speaks of differently.
pub(super) fn pools() -> Vec<Value> {
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
    pair["apyMean30d"] = json!(14.0);
    let mut farm = row(FARM, "PEPE", "quick-farm", 355_083.0);
    farm["apyBase"] = Value::Null;
    farm["apyReward"] = json!(355_083.0);
    farm["tvlUsd"] = json!(2_000_000);
    let receipt = row(RECEIPT, "STETH", "lido", 2.9);
    let mut locked = row(LOCKED, "USDC", "compound-v3", 4.6);
    locked["poolMeta"] = json!("3 days unstaking");
    locked["tvlUsd"] = json!(40_000_000);
    rows.extend([pair, farm, locked, receipt]);
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

fn incidents() -> String {
    const DAYS: i64 = 300;
    json!([{
        "name": "Quick Farm", "date": SystemClock.now().seconds() - DAYS * 86_400, "amount": 12_000_000,
        "technique": "Flashloan Reentrancy Attack", "defillamaId": 9001,
    }])
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

/// Of 400 million ATOM 60 % are bonded.
const ATOM_PARAMS: &str = r#"{"params":{"unbonding_time":"1814400s","bond_denom":"uatom"}}"#;
const ATOM_POOL: &str =
    r#"{"pool":{"not_bonded_tokens":"15000000000000","bonded_tokens":"240000000000000"}}"#;
const ATOM_MINT: &str = r#"{"inflation":"0.100000000000000000"}"#;
const ATOM_TAX: &str = r#"{"params":{"community_tax":"0.020000000000000000"}}"#;
const ATOM_SUPPLY: &str = r#"{"amount":{"denom":"uatom","amount":"400000000000000"}}"#;

/// Each epoch of Cardano pays a 1,460th of what is staked, and the two newest nothing yet.
fn epochs() -> String {
    let now = SystemClock.now().seconds();
    let of = |epoch: i64| {
        let rewards = (epoch < 609).then_some("15000000000000");
        json!({ "epoch_no": epoch, "active_stake": "21900000000000000", "total_rewards": rewards,
            "end_time": now + 86_400 - (610 - epoch) * 432_000, "era": "Conway" })
    };
    Value::from((600..=610).map(of).collect::<Vec<_>>()).to_string()
}

/// The supply grows by a 3,650th at each epoch.
fn supplies() -> String {
    let of = |epoch: u64| {
        let supply = 36_500_000_000_000_000 + (epoch - 600) * 10_000_000_000_000;
        json!({ "epoch_no": epoch, "supply": supply.to_string() })
    };
    Value::from((600..=610).map(of).collect::<Vec<_>>()).to_string()
}

/// What Token Metrics thinks of SOL.
fn graded(cell: &str, value: f64) -> String {
    let now = SystemClock.now().rfc3339();
    let row = json!({ "TOKEN_ID": 3988, "TOKEN_NAME": "Solana", "TOKEN_SYMBOL": "SOL", "DATE": now, cell: value });
    json!({ "success": true, "message": "ok", "length": 1, "data": [row] }).to_string()
}

fn loans() -> String {
    json!([{
        "pool": USDC, "totalSupplyUsd": 250_000_000, "totalBorrowUsd": 200_000_000, "ltv": 0.75,
        "apyBaseBorrow": 3.4, "apyRewardBorrow": 0,
    }])
    .to_string()
}

pub(super) struct Setting {
    pub(super) twin: Twin,
    pub(super) bot: TestBot,
    pub(super) upstream: Upstream,
    pub(super) _node: Node,
}

/// A bot that has read all of it, and the past of all pools in a run before. Lists are asked for so often.
pub(super) async fn setting(lists_every: &str) -> Setting {
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
        ("/atom/cosmos/staking/v1beta1/params", ATOM_PARAMS),
        ("/atom/cosmos/staking/v1beta1/pool", ATOM_POOL),
        ("/atom/cosmos/mint/v1beta1/inflation", ATOM_MINT),
        ("/atom/cosmos/distribution/v1beta1/params", ATOM_TAX),
        ("/atom/cosmos/bank/v1beta1/supply/by_denom", ATOM_SUPPLY),
        ("/ada/epoch_info", &epochs()),
        ("/ada/totals", &supplies()),
        ("/tm/trader-grades", &graded("TM_TRADER_GRADE", 62.5)),
        ("/tm/investor-grades", &graded("TM_INVESTOR_GRADE", 71.0)),
        ("/tm/tm-grade", &graded("TM_GRADE", 74.99)),
        ("/tm/trading-signals", &graded("TRADING_SIGNAL", 1.0)),
    ] {
        upstream.set_beside(route, StatusCode::OK, body);
    }

    let wobble = |by: f64| -> Vec<f64> {
        let step = |day: u32| 5.0 + by * f64::from(day % 7);
        (0..120).map(step).collect()
    };
    upstream.remember(USDC, &wobble(0.02));
    upstream.remember(PAIR, &wobble(3.0));
    fs::write(bot.path("incidents.json"), incidents()).unwrap();
    bot.set("SOURCES__INCIDENTS__PATH", "incidents.json");
    bot.set("SOURCES__SOLANA__URL", node.url.clone());
    bot.set("SOURCES__LIDO__URL", upstream.below("/lido"));
    bot.set("SOURCES__COSMOS__URL", upstream.below("/atom"));
    bot.set("SOURCES__CARDANO__URL", upstream.below("/ada"));
    bot.set("SOURCES__TOKEN_METRICS__URL", upstream.below("/tm"));
    bot.set("SOURCES__TOKEN_METRICS__KEY", "tm-00000000-made-up");
    bot.set("SOURCES__FACTS__ENABLED", "true");
    for topic in ["PROTOCOLS", "FEES", "LEND_BORROW", "STABLECOINS"] {
        bot.set(&format!("SOURCES__FACTS__{topic}_EVERY"), lists_every);
    }
    bot.set("SOURCES__DEFILLAMA__BACKFILL_PER_HOUR", "3600");
    bot.start(&twin, 1).await;
    status_says(&twin, &["charts: 6 of 6 pools over $1m read"]).await;
    bot.signal(Signal::TERM);
    assert_eq!(bot.exits().await, 0);

    // What was read of the past counts from the next start on, with the first answer that is news.
    upstream.set(answer(&pools()));
    bot.start(&twin, 1).await;
    let fresh = ["protocols", "fees", "loans", "stablecoins"];
    let fresh = fresh.map(|topic| format!("**DefiLlama {topic}** ✅ fresh"));
    let mut wanted: Vec<&str> = fresh.iter().map(String::as_str).collect();
    wanted.extend([
        "charts: 7 of 7",
        "**Incidents file** ✅",
        "**Solana RPC** ✅",
        "**Lido** ✅",
    ]);
    wanted.extend(["**Cosmos Hub node** ✅", "**Koios", "**Token Metrics** ✅"]);
    status_says(&twin, &wanted).await;
    Setting {
        twin,
        bot,
        upstream,
        _node: node,
    }
}
