//! Plans, each in a server and in a direct conversation, word for word: kept beside this file as they are
//! shown. Only the asker sees them, wherever they are asked for.

use axum::http::StatusCode;
use discord_twin::{Invocation, Reply, Twin};
use serde_json::{Value, json};

use crate::{
    replies::keep,
    support::{TestBot, Upstream, answer, attached, call, market, one_server, row, said},
};

/// A market in which every sleeve but farming has pools.
fn wide_market() -> Vec<Value> {
    let id = |number: u32| format!("{number:08x}-4b52-42bf-a116-608b370f9501");
    let mut rows = market(5.0);
    let others = [
        ("USDC", "compound-v3", 4.6),
        ("STETH", "lido", 2.9),
        ("JITOSOL", "jito-liquid-staking", 6.1),
        ("RETH", "rocket-pool", 2.6),
        ("USDC-WETH", "uniswap-v3", 9.0),
        ("WBTC-WETH", "uniswap-v3", 7.0),
        ("DAI-WETH", "curve-dex", 8.0),
    ];
    for (number, (symbol, protocol, apy)) in (1..).zip(others) {
        let mut offered = row(&id(number), symbol, protocol, apy);
        if symbol.contains('-') {
            offered["exposure"] = json!("multi");
            offered["stablecoin"] = json!(false);
        }
        rows.push(offered);
    }
    rows
}

async fn setting() -> (Twin, Upstream, TestBot) {
    let twin = Twin::start(one_server()).await.unwrap();
    let upstream = Upstream::start(answer(&wide_market())).await;
    let mut bot = TestBot::new(&twin, &upstream);
    bot.start(&twin, 1).await;
    (twin, upstream, bot)
}

/// Asks in a server and keeps the answer, and asks in a direct conversation and by somebody's own
/// installation, where the answer is the same.
async fn everywhere(twin: &Twin, name: &str, asked: &Invocation) -> Reply {
    let in_server = keep(twin, name, asked).await;
    let direct = Invocation {
        options: asked.options.clone(),
        ..Invocation::of(&asked.command)
    };
    let installed = Invocation {
        user_install: true,
        ..direct.clone()
    };
    for asked in [direct, installed] {
        let reply = twin.run(&asked).await.unwrap();
        assert!(reply.ephemeral, "{name}");
        for part in ["title", "description", "fields"] {
            let part = |reply: &Reply| reply.message["embeds"][0][part].clone();
            assert_eq!(part(&reply), part(&in_server), "{name}");
        }
    }
    in_server
}

/// What an income takes.
#[tokio::test(flavor = "multi_thread")]
async fn an_income_takes_a_yield_or_a_capital() {
    let (twin, _upstream, bot) = setting().await;
    let goal = call("plan goal")
        .option("capital", "€1m")
        .option("income", "50k");
    let taxed = goal.clone().option("tax_rate", 25).option("inflation", 3);
    everywhere(&twin, "plan_goal", &taxed).await;
    let half = call("plan goal")
        .option("capital", "500k")
        .option("income", "50k");
    everywhere(&twin, "plan_goal_outside_of_what_lasts", &half).await;
    let capital = call("plan capital")
        .option("income", "2k")
        .option("per", "month")
        .option("yield", 6)
        .option("currency", "CHF");
    everywhere(&twin, "plan_capital", &capital).await;
    let offered = twin
        .autocomplete(&capital.option("currency", "swi"), "currency")
        .await;
    assert_eq!(offered.unwrap().choices[0]["value"], "CHF");
    bot.end(&twin);
}

/// A capital and an income divided, and plans that are ready made.
#[tokio::test(flavor = "multi_thread")]
async fn capitals_and_incomes_are_divided() {
    let (twin, _upstream, bot) = setting().await;
    let allocate = call("plan allocate").option("capital", "100k");
    everywhere(&twin, "plan_allocate", &allocate).await;
    let own = allocate
        .option("lending", 70)
        .option("farming", 30)
        .option("min_verdict", "mixed");
    everywhere(&twin, "plan_allocate_untypical", &own).await;
    for kind in ["staking", "defi", "balanced"] {
        let index = call("plan index")
            .option("kind", kind)
            .option("capital", "£20k");
        everywhere(&twin, &format!("plan_index_{kind}"), &index).await;
    }
    for preset in ["supplemental", "early-retirement", "independence"] {
        let scenario = call("plan scenario").option("preset", preset);
        let name = format!("plan_scenario_{}", preset.replace('-', "_"));
        everywhere(&twin, &name, &scenario).await;
    }
    let cashflow = call("plan cashflow")
        .option("income", "1400")
        .option("tax_reserve", 25)
        .option("reinvest", 40)
        .option("withdraw_every", "quarter");
    everywhere(&twin, "plan_cashflow", &cashflow).await;
    bot.end(&twin);
}

/// What an answer of the rating agency looks like.
fn agency(rows: &[Value]) -> String {
    json!({ "success": true, "message": "ok", "length": rows.len(), "data": rows }).to_string()
}

/// A bot with a key for the agency, which answers with this status.
async fn beside_the_agency(status: StatusCode) -> (Twin, Upstream, TestBot) {
    let twin = Twin::start(one_server()).await.unwrap();
    let upstream = Upstream::start(answer(&wide_market())).await;
    let index = |id: u32, name: &str, grade: f64| json!({ "ID": id, "NAME": name, "TICKER": "TMA", "1M": -4.3, "INDEX_GRADE": grade });
    let indices = agency(&[index(7, "Lesser", 40.0), index(9, "Active Large Cap", 61.0)]);
    let held = agency(&[
        json!({ "TOKEN_ID": 1, "TOKEN_NAME": "Bitcoin", "TOKEN_SYMBOL": "BTC", "WEIGHT": 40 }),
    ]);
    upstream.set_beside("/tm/indices", status, &indices);
    upstream.set_beside("/tm/indices-holdings", status, &held);
    let mut bot = TestBot::new(&twin, &upstream);
    bot.set("SOURCES__TOKEN_METRICS__URL", upstream.below("/tm"));
    bot.set("SOURCES__TOKEN_METRICS__KEY", "tm-00000000-made-up");
    bot.start(&twin, 1).await;
    (twin, upstream, bot)
}

fn index() -> Invocation {
    call("plan index")
        .option("kind", "staking")
        .option("capital", "20k")
}

/// With a key, the agency's own indices stand beside the basket, and are asked for once.
#[tokio::test(flavor = "multi_thread")]
async fn indices_of_the_rating_agency_stand_beside_the_basket() {
    let (twin, upstream, bot) = beside_the_agency(StatusCode::OK).await;
    everywhere(&twin, "plan_index_beside_rated_ones", &index()).await;
    assert_eq!(upstream.asked_beside("/tm/indices-holdings"), 2);
    bot.end(&twin);
}

/// An agency that refuses the key costs its own lines and no more.
#[tokio::test(flavor = "multi_thread")]
async fn a_failing_rating_agency_is_told_as_not_known() {
    let (twin, _upstream, bot) = beside_the_agency(StatusCode::UNAUTHORIZED).await;
    let said = said(&twin.run(&index()).await.unwrap());
    assert!(said.contains("Not known at the moment."), "{said}");
    assert!(said.contains("What it holds today"), "{said}");
    bot.end(&twin);
}

/// The years of a capital come with a picture.
#[tokio::test(flavor = "multi_thread")]
async fn a_capital_goes_through_the_years() {
    let (twin, _upstream, bot) = setting().await;
    let project = call("plan project")
        .option("capital", "300k")
        .option("yield", 5)
        .option("years", 30);
    let phases = project
        .clone()
        .option("contribute", "500")
        .option("withdraw", "2k")
        .option("withdraw_from", 13)
        .option("tax_rate", 25)
        .option("inflation", 2.5);
    let reply = everywhere(&twin, "plan_project", &phases).await;
    assert!(reply.deferred);
    let picture = &reply.message["attachments"][0];
    assert_eq!(picture["filename"], "projection.png");
    let table = attached(&twin, &reply.message, 1);
    assert_eq!(table.lines().count(), 31);
    assert!(
        table.contains(
            "\r\n30,482017.76,24100.89,6025.22,24000,0,5924.33,0,0,476093.42,226974.06,USD"
        ),
        "{table}"
    );
    let short = project.option("withdraw", "20k").option("variation", 1.5);
    everywhere(&twin, "plan_project_runs_out", &short).await;
    bot.end(&twin);
}

/// What cannot be reckoned is said in clear words.
#[tokio::test(flavor = "multi_thread")]
async fn absurd_plans_are_refused_in_words() {
    let (twin, _upstream, bot) = setting().await;
    let goal = call("plan goal")
        .option("capital", "1m")
        .option("income", "50k");
    let project = call("plan project")
        .option("capital", "300k")
        .option("yield", 5);
    for (asked, words) in [
        (
            goal.clone().option("tax_rate", 100),
            "leaves nothing to plan with",
        ),
        (
            goal.clone().option("inflation", -99),
            "An inflation of −99 %",
        ),
        (goal.clone().option("income", "0"), "is not an amount"),
        (goal.option("currency", "doge"), "is no currency"),
        (
            call("plan allocate")
                .option("capital", "€1k")
                .option("lending", 95),
            "The shares add up to 95 %",
        ),
        (project.clone().option("years", 61), "Tell 1 to 60"),
        (
            project.clone().option("years", 5).option("withdraw", "30k"),
            "more than the whole capital",
        ),
        (
            project
                .option("capital", "$300k")
                .option("years", 5)
                .option("withdraw", "€1k"),
            "in USD and in EUR",
        ),
        (
            call("plan capital")
                .option("income", "1k")
                .option("yield", 0),
            "A yield of 0 %",
        ),
    ] {
        let reply = twin.run(&asked).await.unwrap();
        assert!(reply.ephemeral);
        let said = said(&reply);
        assert!(said.contains(words), "“{words}” is not in: {said}");
    }
    bot.end(&twin);
}
