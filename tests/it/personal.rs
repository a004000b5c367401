//! What people keep for themselves: the same in a server and in a direct conversation, and nobody else's
//! business, by whatever command, component or number.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use discord_twin::{Invocation, Person, Press, Reply, Twin};
use serde_json::{Map, Value, json};
use stipend::{
    clock::{Clock as _, SystemClock},
    domain::time::Timestamp,
};

use crate::{
    replies::keep,
    stage::{DAY, HOUR, Stage},
    support::{
        Node, TestBot, USDC, USDT, Upstream, WETH, answer, attached, button, call, fourteen,
        market, member, one_server, other, row, said, show, told_alone as told,
    },
};

const USDC_TOKEN: &str = "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48";

/// What tokens cost now.
fn prices() -> String {
    let now = SystemClock.now().seconds();
    let price = |usd: f64, symbol: &str| json!({ "price": usd, "symbol": symbol, "timestamp": now, "confidence": 0.99 });
    json!({ "coins": {
        format!("ethereum:{USDC_TOKEN}"): price(1.0, "USDC"),
        "coingecko:ethereum": price(2_700.0, "ETH"),
        "coingecko:solana": price(180.5, "SOL"),
    }})
    .to_string()
}

/// A dollar is 92 cents and 80 rappen.
fn exchange() -> String {
    let now = SystemClock.now().seconds();
    json!({ "bitcoin": { "usd": 100_000, "eur": 92_000, "chf": 80_000, "last_updated_at": now } })
        .to_string()
}

struct Setting {
    twin: Twin,
    bot: TestBot,
    upstream: Upstream,
    node: Node,
}

async fn setting() -> Setting {
    let twin = Twin::start(one_server()).await.unwrap();
    let upstream = Upstream::start(answer(&market(5.0))).await;
    upstream.set_beside("/prices/", StatusCode::OK, &prices());
    upstream.cost(format!("ethereum:{USDC_TOKEN}"), "USDC", 1.0);
    upstream.set_beside("/coingecko/simple/price", StatusCode::OK, &exchange());
    let node = Node::start().await;
    let mut bot = TestBot::new(&twin, &upstream);
    bot.set("SOURCES__COINGECKO__URL", upstream.below("/coingecko"));
    bot.set("SOURCES__SOLANA__URL", node.url.clone());
    bot.start(&twin, 1).await;
    crate::support::status_says(
        &twin,
        &["**CoinGecko exchange rates** ✅", "**Solana RPC** ✅"],
    )
    .await;
    Setting {
        twin,
        bot,
        upstream,
        node,
    }
}

async fn pressed(twin: &Twin, on: &Reply, label: &str, words: &[&str]) {
    let id = button(&on.message, label);
    let reply = twin
        .press(&Press::on_reply(on.interaction, id).by(member()))
        .await;
    let said = said(&reply.unwrap());
    for word in words {
        assert!(said.contains(word), "{label}: “{word}” is not in: {said}");
    }
}

/// The same in a direct conversation, by somebody's own installation of the bot.
fn direct(asked: &Invocation) -> Invocation {
    Invocation {
        options: asked.options.clone(),
        user_install: true,
        ..Invocation::of(&asked.command)
    }
}

fn add(amount: &str) -> Invocation {
    call("portfolio add").option("amount", amount)
}

/// Asks for something that is kept, for the first time, and agrees.
async fn agreed(twin: &Twin, asked: &Invocation, words: &[&str]) {
    let question = told(twin, asked, &["May I keep what you tell me?"]).await;
    pressed(twin, &question, "I agree", words).await;
}

/// One position of each kind.
async fn hold(twin: &Twin) {
    agreed(twin, &lent(), &LENT).await;
    hold_more(twin).await;
}

fn lent() -> Invocation {
    add("5,000")
        .option("pool", USDC)
        .option("cost", "$4,800")
        .option("opened", "90d")
        .option("payout", "weekly")
        .option("lock_until", "20d")
        .option("note", "zebrafinch")
}

const LENT: [&str; 2] = ["Added 5,000 USDC", "$20.83 a month"];

async fn hold_more(twin: &Twin) {
    let staked = add("120")
        .option("asset", "SOL")
        .option("method", "staking-delegated")
        .option("commission", 5)
        .option("payout", "daily");
    told(
        twin,
        &direct(&staked),
        &["Added 120 SOL", "delegated staking on Solana"],
    )
    .await;
    let saved = add("€1k").option("rate", 3.5).option("place", "my bank");
    told(twin, &saved, &["Added €1,000.00 in my bank at 3.50 %"]).await;
    let layered = add("2")
        .option("asset", "ETH")
        .option("rate", 3)
        .option("layer", "0.4");
    told(twin, &layered, &["3.41 %", "$15.35 a month"]).await;
}

/// Whoever wants no amount of theirs to be kept tells weights: all is reckoned in shares of the whole, and the
/// files hold no amount.
#[tokio::test(flavor = "multi_thread")]
async fn a_member_keeps_weights_without_amounts() {
    let Setting {
        twin,
        bot,
        upstream: _upstream,
        node: _node,
    } = setting().await;
    let twin = &twin;
    let by_weight = add("40%").option("pool", USDC);
    told(
        twin,
        &by_weight,
        &["You keep amounts", "settings currency:shares"],
    )
    .await;
    let shares = call("portfolio settings").option("currency", "shares");
    agreed(twin, &shares, &["shares of all you hold"]).await;
    told(
        twin,
        &by_weight,
        &[
            "Added 40 %",
            "Projected: 0.005479 % a day · 0.1667 % a month · 2 % a year",
        ],
    )
    .await;
    let staked = add("60 %")
        .option("asset", "SOL")
        .option("method", "staking-delegated");
    told(
        twin,
        &staked,
        &["Added 60 %", "delegated staking on Solana"],
    )
    .await;
    let refused = "You keep shares of the whole and no amounts";
    for asked in [
        add("5,000").option("pool", USDC),
        add("$5k").option("pool", USDC),
        add("10%").option("pool", USDC).option("cost", "$500"),
        call("portfolio edit")
            .option("position", "1")
            .option("amount", "$4000"),
        call("ledger log")
            .option("kind", "interest")
            .option("asset", "usdc")
            .option("quantity", "4.81"),
    ] {
        told(twin, &asked, &[refused]).await;
    }
    told(twin, &add("101%").option("pool", USDC), &["100 % at most"]).await;
    let euros = call("portfolio settings").option("currency", "EUR");
    told(twin, &euros, &["do not stand side by side"]).await;
    keep(twin, "portfolio_view_by_weight", &call("portfolio view")).await;
    let income = call("portfolio income").option("window", "ahead");
    let income = told(twin, &income, &["%"]).await;
    assert!(!said(&income).contains('$'), "{}", said(&income));
    let export = told(twin, &call("portfolio export"), &[]).await;
    let file = attached(twin, &export.message, 0);
    assert!(file.contains("40,,%,"), "{file}");
    // A file is read back, and brings no amount in.
    let import = |text: &str| {
        let file = twin.upload("positions.csv", text.to_owned());
        call("portfolio import").option("file", file)
    };
    let lighter = file.replacen("40,,%,", "35,,%,", 1);
    let preview = told(
        twin,
        &import(&lighter),
        &["1 position in the file", "you keep that position already"],
    )
    .await;
    pressed(twin, &preview, "Keep the others", &["1 position"]).await;
    told(twin, &call("portfolio view"), &["35 %", "40 %", "60 %"]).await;
    let amounts = file.replacen("40,,%,", "40,,USD,", 1);
    told(twin, &import(&amounts), &[refused]).await;
    bot.end(twin);
}

/// What is asked for in a direct conversation says what it says in a server.
async fn same_elsewhere(twin: &Twin, asked: &Invocation, in_server: &Reply) {
    let elsewhere = told(twin, &direct(asked), &[]).await;
    for part in ["title", "description", "fields"] {
        // What is told to have changed is a look at the same figures, and prices grow older.
        let part = |reply: &Reply| {
            let mut part = reply.message["embeds"][0][part].clone();
            if let Some(fields) = part.as_array_mut() {
                let passes = ["Since you last looked", "Prices"];
                fields.retain(|field| passes.iter().all(|name| field["name"] != *name));
            }
            part
        };
        assert_eq!(part(in_server), part(&elsewhere), "{}", asked.command);
    }
}

/// All that shows what is held says the same wherever it is asked for.
#[tokio::test(flavor = "multi_thread")]
async fn a_member_keeps_positions_wherever_they_are() {
    let Setting {
        twin,
        bot,
        upstream: _upstream,
        node: _node,
    } = setting().await;
    let twin = &twin;
    // First of all, since "90 d ago" is reckoned in days of the zone that is chosen when it is said.
    let zone = call("portfolio settings").option("time_zone", "Europe/Berlin");
    agreed(twin, &zone, &["Europe/Berlin"]).await;
    told(twin, &lent(), &LENT).await;
    hold_more(twin).await;
    let chosen = call("portfolio settings")
        .option("currency", "EUR")
        .option("tax_rate", 25);
    told(
        twin,
        &chosen,
        &["Your figures are in euro", "Europe/Berlin", "25.00 %"],
    )
    .await;
    for (name, asked) in [
        ("portfolio_view", call("portfolio view")),
        (
            "portfolio_view_in_francs",
            call("portfolio view")
                .option("currency", "CHF")
                .option("sort", "rate"),
        ),
        ("portfolio_risk", call("portfolio risk")),
        ("portfolio_performance", call("portfolio performance")),
        ("portfolio_settings", call("portfolio settings")),
        ("portfolio_review", call("portfolio review")),
        ("yield_better", call("yield better").option("min_gain", "1")),
    ] {
        let in_server = keep(twin, name, &asked).await;
        same_elsewhere(twin, &asked, &in_server).await;
    }
    // Not kept whole: how many weeks and days the next month has depends on the day of the test.
    let calendar = call("portfolio calendar")
        .option("months", 1)
        .option("ics", true);
    let in_server = told(
        twin,
        &calendar,
        &[
            "The next 1 month",
            "€4.41 = 4.794521 USDC expected from 5,000 USDC",
            "expected that day and each day after from 120 SOL",
            "5,000 USDC is no longer locked",
            "120 SOL: at the end of an epoch",
        ],
    )
    .await;
    let file = &in_server.message["attachments"][0]["filename"];
    assert_eq!(file, "stipend.ics");
    same_elsewhere(twin, &calendar, &in_server).await;
    let review = told(
        twin,
        &call("portfolio review"),
        &["Review of what you hold", "the first one"],
    )
    .await;
    pressed(twin, &review, "Mark as done", &["Noted as done"]).await;
    told(twin, &call("portfolio review"), &["the last one was done"]).await;
    let income = told(
        twin,
        &call("portfolio income").option("window", "back"),
        &[
            "**Received €0.00**",
            "**Expected €",
            "**Estimated €",
            "5,000 USDC",
            "After 25.00 % laid aside",
        ],
    )
    .await;
    assert_eq!(income.message["attachments"][0]["filename"], "income.png");
    pressed(
        twin,
        &income,
        "Log 12 of these pay-outs",
        &["Logged 12 pay-outs", "not as anybody measured them"],
    )
    .await;
    told(twin, &direct(&call("ledger list")), &["USDC", "interest"]).await;
    told(
        twin,
        &call("portfolio income").option("window", "back"),
        &["**Received €52.93**", "**Expected €0.00**"],
    )
    .await;
    let by_hand = call("ledger log")
        .option("kind", "interest")
        .option("asset", "usdc")
        .option("quantity", "4.81")
        .option("unit_value", "$1");
    let twice = "if position 1 paid it, say so with `/ledger edit entry:13 position:1`";
    told(twin, &by_hand, &["tied to no position", twice]).await;
    let tied = call("ledger edit")
        .option("entry", "13")
        .option("position", "1");
    told(twin, &tied, &["of position 1"]).await;
    // Whether it will be enough, and to be written to when it is not.
    let scenario = call("plan scenario").option("preset", "supplemental");
    let scenario = keep(twin, "first_minutes_scenario", &scenario).await;
    pressed(
        twin,
        &scenario,
        "Save as my goal",
        &["Kept as your goal: €24,000.00 a year"],
    )
    .await;
    keep(twin, "first_minutes_goal", &call("watch goal")).await;
    bot.end(twin);
}

/// A euro that a bank pays is a euro, in the ledger, in its sums and in its files.
#[tokio::test(flavor = "multi_thread")]
async fn pay_outs_of_what_is_told_in_money_are_logged_as_money() {
    let Setting {
        twin,
        bot,
        upstream: _upstream,
        node: _node,
    } = setting().await;
    let twin = &twin;
    // Ten cents a day.
    let saved = add("€1k")
        .option("rate", 3.65)
        .option("place", "my bank")
        .option("opened", "15d")
        .option("payout", "weekly");
    let question = told(twin, &saved, &["May I keep"]).await;
    pressed(twin, &question, "I agree", &["Added €1,000.00"]).await;
    let income = call("portfolio income").option("window", "back");
    // In dollars by default, so both are told.
    let words = ["€0.70 = $0.76 from €1,000.00", "**Received $0.00**"];
    let unlogged = told(twin, &income, &words).await;
    let words = ["Logged 2 pay-outs", "2 are in money"];
    pressed(twin, &unlogged, "Log 2 of these pay-outs", &words).await;
    let words = ["**Received $1.52**", "**Expected $0.00**"];
    let seen = said(&told(twin, &income, &words).await);
    assert!(!seen.contains("Expected and not logged"), "{seen}");

    let chosen = call("portfolio settings").option("currency", "EUR");
    told(twin, &chosen, &["Your figures are in euro"]).await;
    told(twin, &income, &["**Received €1.40**"]).await;
    let list = call("ledger list");
    told(twin, &list, &["2 entries", "0.7 EUR = €0.70 as stated"]).await;
    let summary = call("ledger summary").option("by", "asset");
    told(twin, &summary, &["**EUR** – €1.40", "2 entries · 1.4 EUR"]).await;
    let csv = told(twin, &call("ledger export"), &["2 entries"]).await;
    let csv = attached(twin, &csv.message, 0);
    assert!(csv.contains(",other,EUR,0.7,1,0.7,EUR,stated,"), "{csv}");
    let koinly = call("ledger export").option("format", "koinly");
    let koinly = told(twin, &koinly, &["2 entries"]).await;
    let koinly = attached(twin, &koinly.message, 0);
    assert!(koinly.contains(",0.7,EUR,,,0.7,EUR,Income,"), "{koinly}");
    let import = call("ledger import").option("file", twin.upload("l.csv", csv));
    told(twin, &import, &["0 new entries", "lines 2, 3"]).await;
    // It was a token after all, whose price of then nobody here tells.
    let edit = call("ledger edit")
        .option("entry", "1")
        .option("asset", "ETH")
        .option("quantity", "0.0003");
    told(twin, &edit, &["0.0003 ETH", "It has no value yet"]).await;
    bot.end(twin);
}

/// What is wrong with a position is said in one line, and nothing of it is kept.
#[tokio::test(flavor = "multi_thread")]
async fn a_position_that_makes_no_sense_is_refused_with_the_mend() {
    let Setting {
        twin,
        bot,
        upstream: _upstream,
        node: _node,
    } = setting().await;
    let twin = &twin;
    hold(twin).await;
    let of = |amount: &str, options: &[(&str, &str)]| {
        let mut asked = add(amount);
        for (name, value) in options {
            asked = asked.option(*name, *value);
        }
        asked
    };
    for (asked, words) in [
        (of("-5", &[("pool", USDC)]), "'-5' is not an amount"),
        (of("1,5", &[("pool", USDC)]), "is not an amount"),
        (of("99999999999999", &[("pool", USDC)]), "is not an amount"),
        (of("5", &[]), "Where does it earn?"),
        (
            of("5", &[("pool", USDC), ("asset", "WETH")]),
            "The pool does not hold",
        ),
        (
            of("$5", &[("pool", USDC), ("asset", "USDC")]),
            "either units of a token",
        ),
        (of("5", &[("pool", "nosuchpool")]), "No pool answers to"),
        (
            of("5", &[("pool", "00000000-0000-4000-8000-000000000000")]),
            "does not list the pool",
        ),
        (
            of("5", &[("pool", USDC), ("opened", "2999-01-01")]),
            "has not come yet",
        ),
        (
            of("5", &[("pool", USDC), ("opened", "yesterday-ish")]),
            "is no date",
        ),
        (
            of("5", &[("pool", USDC), ("lock_until", "2001-01-01")]),
            "over already",
        ),
        (
            of("5", &[("pool", USDC), ("place", "bank")]),
            "belongs to a rate",
        ),
    ] {
        told(twin, &asked, &[words]).await;
    }
    let free = add("5").option("asset", "NOSUCHCOIN").option("rate", 3);
    told(twin, &free, &["NOSUCHCOIN"]).await;
    told(twin, &call("portfolio view"), &["Your 4 positions"]).await;
    let basket = add("$2k").option("index", "staking");
    told(twin, &basket, &["own basket, large-cap staking"]).await;
    let lent = of(
        "250",
        &[
            ("pool", USDC),
            ("cost", "$240"),
            ("opened", "2026-01-05"),
            ("payout", "monthly"),
            ("note", "for the roof"),
        ],
    );
    keep(twin, "portfolio_add", &lent).await;
    let units = add("2").option("index", "staking");
    told(twin, &units, &["is no single token"]).await;
    let edit = |id: &str| call("portfolio edit").option("position", id);
    told(twin, &edit("1"), &["Nothing of that is new"]).await;
    keep(twin, "portfolio_edit", &edit("1").option("amount", "6k")).await;
    told(twin, &edit("1").option("clear", "note"), &["Changed"]).await;
    told(
        twin,
        &edit("9").option("amount", "1"),
        &["no such position"],
    )
    .await;
    told(
        twin,
        &edit("1").option("pool", USDT).option("asset", "USDT"),
        &["USDT"],
    )
    .await;
    bot.end(twin);
}

/// A file is shown before any of it is kept, its bad lines by their numbers, and what was exported is the same.
#[tokio::test(flavor = "multi_thread")]
async fn positions_are_taken_out_and_put_in_again() {
    let Setting {
        twin,
        bot,
        upstream: _upstream,
        node: _node,
    } = setting().await;
    let twin = &twin;
    hold(twin).await;
    keep(twin, "portfolio_export", &call("portfolio export")).await;
    let export = told(
        twin,
        &direct(&call("portfolio export")),
        &["Here are your 4 positions"],
    )
    .await;
    let text = attached(twin, &export.message, 0);
    assert!(text.starts_with("amount,asset,currency,pool,"), "{text}");
    assert_eq!(text.lines().count(), 5);
    let import = |text: &str| {
        let file = twin.upload("positions.csv", text.to_owned());
        call("portfolio import").option("file", file)
    };
    // One that is new, three that are there already, and two that make no sense.
    let news = text.replacen("5000,USDC", "5001,USDC", 1);
    let broken =
        format!("{news}5,NOSUCHCOIN,,,,3,,,,,,,,,,,,,,,,\r\n-1,ETH,,,,3,,,,,,,,,,,,,,,,\r\n");
    let preview = keep(twin, "portfolio_import", &import(&broken)).await;
    pressed(twin, &preview, "Leave it", &["Nothing was changed."]).await;
    told(twin, &call("portfolio view"), &["Your 4 positions"]).await;
    told(twin, &call("privacy delete"), &["Delete 4 positions"]).await;
    let remove = call("portfolio remove").option("position", "1");
    keep(twin, "portfolio_remove", &remove).await;
    for id in 2..=4 {
        let remove = call("portfolio remove").option("position", id.to_string());
        told(twin, &remove, &["Removed"]).await;
    }
    let preview = told(
        twin,
        &import(&text),
        &["4 positions in the file", "Nothing is kept yet"],
    )
    .await;
    pressed(twin, &preview, "Keep them", &["Kept 4 positions"]).await;
    let again = told(twin, &call("portfolio export"), &["4 positions"]).await;
    assert_eq!(attached(twin, &again.message, 0), text);

    let koinly = "Date,Sent Amount,Received Amount\n2026-01-01,1,2\n";
    told(
        twin,
        &import(koinly),
        &["no column 'amount'", "'Sent Amount'"],
    )
    .await;
    told(twin, &import(""), &["no rows"]).await;
    let large = twin.upload("large.csv", vec![b'x'; 25 * 1024 * 1024]);
    let large = call("portfolio import").option("file", large);
    told(twin, &large, &["too long"]).await;
    bot.end(twin);
}

/// Two hundred may be kept, and each of them is seen on one page.
#[tokio::test(flavor = "multi_thread")]
async fn a_long_portfolio_is_read_page_by_page() {
    let Setting {
        twin,
        bot,
        upstream: _upstream,
        node: _node,
    } = setting().await;
    let twin = &twin;
    let template = told(
        twin,
        &call("portfolio export"),
        &["only `amount` is needed"],
    )
    .await;
    assert_eq!(
        template.message["attachments"][0]["filename"],
        "positions.csv"
    );
    told(twin, &call("ledger export"), &["`kind`, `asset`"]).await;
    let rows = (1..=60).map(|number| format!("${number},,USD,{USDC}\r\n"));
    let file = format!("amount,asset,currency,pool\r\n{}", rows.collect::<String>());
    let file = twin.upload("positions.csv", file);
    let import = call("portfolio import").option("file", file);
    let preview = told(twin, &import, &["60 positions in the file"]).await;
    let question = Press::on_reply(preview.interaction, button(&preview.message, "Keep them"));
    let question = twin.press(&question.by(member())).await.unwrap();
    let agree = Press::on_reply(preview.interaction, button(&question.message, "I agree"));
    let kept = twin.press(&agree.by(member())).await.unwrap();
    assert!(said(&kept).contains("Kept 60 positions"), "{}", said(&kept));
    let sort = call("portfolio view").option("sort", "added");
    let first = told(
        twin,
        &sort,
        &["`1` **$1.00**", "of 60; the figures are of all"],
    )
    .await;
    let labels = refused_to_another(twin, &first).await;
    assert_eq!(labels, ["More"], "a page is its owner's alone");
    let (mut page, mut seen) = (first.clone(), String::new());
    loop {
        seen += &said(&page);
        let more = page.message["components"][0]["components"][1].clone();
        if more["disabled"] == true {
            break;
        }
        let press = Press::on_reply(first.interaction, more["custom_id"].as_str().unwrap());
        page = twin.press(&press.by(member())).await.unwrap();
        assert!(said(&page).contains("Your 60 positions"));
    }
    for number in 1..=60 {
        let line = format!("`{number}` **${number}.00**");
        assert_eq!(seen.matches(&line).count(), 1, "{line}");
    }
    bot.end(twin);
}

/// The groups whose answers are for the asker alone, wherever they are.
fn is_private(name: &str) -> bool {
    let groups = ["portfolio ", "ledger ", "plan ", "watch ", "privacy "];
    name == "yield better" || groups.iter().any(|group| name.starts_with(group))
}

/// Every command of theirs by somebody's own installation of the bot, each beside what it answers and the
/// button of that which they press.
#[tokio::test(flavor = "multi_thread")]
async fn all_that_is_ones_own_is_reached_in_a_direct_conversation() {
    let Setting {
        twin,
        bot,
        upstream: _upstream,
        node: _node,
    } = setting().await;
    let twin = &twin;
    let position = |asked: Invocation| asked.option("position", "1");
    let log = call("ledger log").option("kind", "interest");
    let goal = call("plan goal").option("capital", "100k");
    let project = call("plan project").option("capital", "300k");
    let file = |text: &str| twin.upload("table.csv", text.to_owned());
    let positions = file(&format!("amount,currency,pool\n700,USD,{USDT}\n"));
    let entries = file("date,kind,asset,quantity\n2026-04-01,interest,USDC,7\n");
    let lent = add("5,000")
        .option("pool", USDC)
        .option("cost", "$4,800")
        .option("opened", "90d")
        .option("payout", "weekly")
        .option("lock_until", "20d");
    let story = [
        (lent, "May I keep", Some("I agree")),
        (
            call("portfolio settings").option("tax_rate", 25),
            "25.00 % of income is laid aside",
            None,
        ),
        (call("portfolio view"), "Your 1 position", None),
        (
            position(call("portfolio edit")).option("amount", "6k"),
            "Changed; it is now 6,000 USDC",
            None,
        ),
        (
            call("portfolio income").option("window", "back"),
            "Expected and not logged",
            Some("Log 12 of these pay-outs"),
        ),
        (call("portfolio performance"), "How it did since", None),
        (call("portfolio calendar"), "6,000 USDC", None),
        (call("portfolio risk"), "The risk of the whole", None),
        (
            call("portfolio review"),
            "Review of what you hold",
            Some("Mark as done"),
        ),
        (
            call("portfolio import").option("file", positions),
            "1 position in the file",
            Some("Keep them"),
        ),
        (call("portfolio export"), "Here are your 2 positions", None),
        (call("yield better"), "How this was chosen", None),
        (
            log.option("asset", "USDC").option("quantity", "7"),
            "Logged **7 USDC**",
            None,
        ),
        (call("ledger list"), "13 entries", None),
        (
            call("ledger edit")
                .option("entry", "13")
                .option("note", "by hand"),
            "Changed. It is now **7 USDC**",
            None,
        ),
        (call("ledger summary"), "by month, when received", None),
        (
            call("ledger import").option("file", entries),
            "1 new entry",
            Some("Keep them"),
        ),
        (call("ledger export"), "Here are 14 entries", None),
        (
            call("ledger delete").option("entry", "13"),
            "Removed entry 13",
            None,
        ),
        (
            goal.option("income", "1k"),
            "a year takes",
            Some("Save as my goal"),
        ),
        (call("plan list"), "Your goals", None),
        (
            call("plan capital")
                .option("income", "2k")
                .option("yield", 6),
            "The capital for",
            None,
        ),
        (
            call("plan allocate").option("capital", "100k"),
            "ways of earning",
            None,
        ),
        (
            call("plan index")
                .option("kind", "staking")
                .option("capital", "20k"),
            "Large-cap staking index",
            None,
        ),
        (
            call("plan scenario").option("preset", "supplemental"),
            "Supplemental income from",
            None,
        ),
        (
            project.option("yield", 5).option("years", 3),
            "in 3 years",
            None,
        ),
        (
            call("plan cashflow").option("income", "1400"),
            "$1,400.00 a month, divided",
            None,
        ),
        (
            call("watch add").option("when", "verdict"),
            "gets worse for 2 h",
            None,
        ),
        (
            call("watch better"),
            "would earn more elsewhere at no more risk",
            None,
        ),
        (
            call("watch remind").option("of", "payouts"),
            "pay-outs",
            None,
        ),
        (call("watch goal"), "of your goal", None),
        (call("watch list"), "**4**", None),
        (call("watch pause"), "4 watches of yours at rest", None),
        (
            call("watch resume"),
            "4 watches of yours looking again",
            None,
        ),
        (call("watch test"), "message to you", None),
        (
            call("watch remove").option("watch", "4"),
            "No longer watched",
            None,
        ),
        (call("plan delete").option("goal", "1"), "Forgotten", None),
        (
            position(call("portfolio remove")),
            "Removed 6,000 USDC",
            None,
        ),
        (call("privacy show"), "1 position", None),
        (call("privacy export"), "everything", None),
        (
            call("privacy delete"),
            "Delete 1 position",
            Some("Delete for good"),
        ),
    ];
    for (asked, words, then) in &story {
        let reply = told(twin, &direct(asked), &[words]).await;
        if let Some(label) = then {
            pressed(twin, &reply, label, &[]).await;
        }
    }
    told(twin, &direct(&call("privacy show")), &["Nothing is kept"]).await;
    let told: BTreeSet<String> = story.into_iter().map(|(asked, ..)| asked.command).collect();
    let all = commands(twin).into_iter().map(|(name, _)| name);
    assert_eq!(told, all.filter(|name| is_private(name)).collect());
    bot.end(twin);
}

/// A bot that keeps so many of what people hold, and of their ledgers.
async fn keeping(positions: u32, entries: u32) -> (Twin, Upstream, TestBot) {
    let twin = Twin::start(one_server()).await.unwrap();
    let upstream = Upstream::start(answer(&market(5.0))).await;
    let mut bot = TestBot::new(&twin, &upstream);
    bot.set("PORTFOLIO__PER_USER", positions.to_string());
    bot.set("PORTFOLIO__LEDGER_PER_USER", entries.to_string());
    bot.start(&twin, 1).await;
    (twin, upstream, bot)
}

/// One too many is refused, and of a file that does not fit nothing is kept, be it told before its preview or
/// behind it.
#[tokio::test(flavor = "multi_thread")]
async fn no_more_is_kept_than_one_person_may_keep() {
    let (twin, _upstream, bot) = keeping(3, 2).await;
    let twin = &twin;
    let hold = |amount: &str| add(amount).option("pool", USDC);
    let question = told(twin, &hold("$1"), &["May I keep"]).await;
    pressed(twin, &question, "I agree", &["Added"]).await;
    let table = |command: &str, text: &str| {
        let file = twin.upload("table.csv", text.to_owned());
        call(command).option("file", file)
    };
    let positions = |amounts: &[u32]| {
        let rows = amounts
            .iter()
            .map(|amount| format!("{amount},USD,{USDC}\n"));
        let text = "amount,currency,pool\n".to_owned() + &rows.collect::<String>();
        table("portfolio import", &text)
    };
    let held = async |words: &[&str]| told(twin, &call("portfolio view"), words).await;
    let words = [
        "You keep 1 position and the file would add 3",
        "3 is the most that one person may keep",
        "Nothing of the file was kept",
    ];
    let refused = told(twin, &positions(&[2, 3, 4]), &words).await;
    assert_eq!(refused.message["components"], json!([]));
    held(&["Your 1 position"]).await;
    // What is there already does not count twice, and what fits no more once it is wanted is not kept.
    let words = ["2 positions in the file", "line 2"];
    let fits = told(twin, &positions(&[1, 2, 3]), &words).await;
    told(twin, &hold("$4"), &["Added"]).await;
    let words = ["You keep 2 positions and the file would add 2"];
    pressed(twin, &fits, "Keep the others", &words).await;
    held(&["Your 2 positions"]).await;
    told(twin, &hold("$5"), &["Added"]).await;
    let words = ["There are 3 positions of yours already"];
    told(twin, &hold("$6"), &words).await;
    held(&["Your 3 positions"]).await;

    let entries = |days: &[u32]| {
        let rows = days
            .iter()
            .map(|day| format!("2026-04-{day:02},staking,ETH,1,2700,USD\n"));
        let header = "date,kind,asset,quantity,unit_value,currency\n".to_owned();
        table("ledger import", &(header + &rows.collect::<String>()))
    };
    let words = [
        "You keep 0 entries and the file would add 3",
        "2 is the most that one person may keep",
        "Nothing of the file was kept",
    ];
    told(twin, &entries(&[1, 2, 3]), &words).await;
    told(twin, &call("ledger list"), &["Your ledger is empty"]).await;
    let fits = told(twin, &entries(&[1, 2]), &["2 new entries"]).await;
    let log = call("ledger log")
        .option("kind", "staking")
        .option("asset", "ETH")
        .option("quantity", "1")
        .option("unit_value", "$2,700");
    told(twin, &log, &["Logged"]).await;
    let words = ["You keep 1 entry and the file would add 2"];
    pressed(twin, &fits, "Keep them", &words).await;
    told(twin, &call("ledger list"), &["1 entry"]).await;
    told(twin, &log, &["Logged"]).await;
    let words = ["There are 2 entries in your ledger already"];
    told(twin, &log, &words).await;
    bot.end(twin);
}

/// The member's own figures move with the market, and a look at them says since when and how far.
#[tokio::test(flavor = "multi_thread")]
async fn a_second_look_tells_what_has_moved_since() {
    let stage = Stage::set(answer(&market(5.0))).await;
    let twin = &stage.twin;
    let held = add("$10k").option("pool", USDC);
    let question = told(twin, &held, &["May I keep"]).await;
    pressed(twin, &question, "I agree", &["Added"]).await;
    let goal = call("plan goal")
        .option("income", "$1k")
        .option("capital", "$10k");
    let plan = told(twin, &goal, &["10.00 %"]).await;
    pressed(twin, &plan, "Save as my goal", &["Kept as your goal"]).await;
    let view = call("portfolio view");
    let first = keep(twin, "portfolio_view_with_a_goal", &view).await;
    assert!(!said(&first).contains("Since you last looked"));
    stage.clock.jump(HOUR / 2);
    show(&stage.upstream, market, 4.0).await;
    let soon = told(twin, &view, &["3.98 %"]).await;
    assert!(!said(&soon).contains("Since you last looked"));
    stage.clock.jump(HOUR);
    show(&stage.upstream, market, 4.0).await;
    keep(twin, "portfolio_view_since_the_last_look", &view).await;
    stage.end().await;
}

/// A pool that its source lists under another key is the same pool to whoever holds it; of one that is gone,
/// and of a token without a price, no figure is made up.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_follows_its_pool_and_is_left_out_where_it_cannot() {
    const ANEW: &str = "cc70268e-4b52-42bf-a116-608b370f9501";
    const VANISHING: &str = "00000003-4b52-42bf-a116-608b370f9501";
    // So many that two which go are no sign of half an answer.
    let around = |rows: &[Value], nth: u32, has_vanished: bool| {
        let mut rows = [rows, &fourteen(3.0)].concat();
        rows.retain(|row| !has_vanished || row["pool"] != VANISHING);
        rows.push(row(
            WETH,
            "WETH",
            "compound-v3",
            2.1 + f64::from(nth) * 0.001,
        ));
        answer(&rows)
    };
    let before = market(5.0);
    let stage = Stage::set(around(&before[..1], 0, false)).await;
    let twin = &stage.twin;
    let question = told(twin, &add("$10k").option("pool", USDC), &["May I keep"]).await;
    pressed(twin, &question, "I agree", &["Added"]).await;
    told(twin, &add("$1k").option("pool", VANISHING), &["3.00 %"]).await;
    let unpriced = add("2").option("asset", "WETH").option("rate", 3);
    told(
        twin,
        &unpriced,
        &["Left out of your total income: no source has a price for it"],
    )
    .await;
    let words = ["$10,000.00", "3 positions", "$44.17 a month"];
    let view = call("portfolio view");
    told(twin, &view, &words).await;

    let later = async |apy: f64, nth: u32| {
        let mut renamed = row(ANEW, "USDC", "aave-v3", apy);
        renamed["count"] = json!(1);
        stage.upstream.set(around(&[renamed], nth, true));
        stage.upstream.taken().await;
    };
    for nth in 1..=4 {
        later(6.0, nth).await;
        stage.clock.jump(2 * HOUR);
    }
    stage.upstream.taken().await;
    keep(twin, "portfolio_view_of_what_moved_away", &view).await;
    // So it is when the source has not listed either for long.
    stage.clock.jump(15 * DAY);
    later(6.6, 5).await;
    later(6.6, 6).await;
    let words = [
        "$55.00 a month",
        "USDC3 · aave-v3 · Ethereum (not listed any more)",
    ];
    told(twin, &view, &words).await;
    stage.end().await;
}

/// On a day that is the same in every run, since its months are named.
#[tokio::test(flavor = "multi_thread")]
async fn an_income_is_told_by_its_months() {
    let stage = Stage::set(answer(&market(5.0))).await;
    let twin = &stage.twin;
    let day = Timestamp::parse("2040-03-15T12:00:00Z").unwrap();
    stage.clock.jump(day.millis() - stage.clock.now().millis());
    show(&stage.upstream, market, 5.0).await;
    let held = |amount: &str, payout: &str| {
        let held = add(amount).option("pool", USDC).option("payout", payout);
        held.option("opened", "2040-01-01")
    };
    let question = told(twin, &held("$10k", "monthly"), &["May I keep"]).await;
    pressed(twin, &question, "I agree", &["Added"]).await;
    told(twin, &held("$1k", "quarterly"), &["Added"]).await;
    keep(twin, "portfolio_income", &call("portfolio income")).await;
    stage.end().await;
}

/// What only the member's own answers may hold.
const SECRETS: [&str; 5] = [
    "zebrafinch",
    "7,654,321",
    "7654321",
    "aardvark",
    "Kiritimati",
];

/// A value for an option of this name, such that a stranger aims at what is the member's.
fn aimed(twin: &Twin, name: &str, kind: u64) -> Option<Value> {
    let text = |value: &str| Some(Value::from(value));
    match (name, kind) {
        ("position" | "entry" | "goal" | "watch" | "alert", _) => text("1"),
        ("amount" | "quantity" | "capital" | "income" | "withdraw" | "contribute", _) => text("5"),
        ("pool" | "pool1" | "base", _) => text(USDC),
        ("pool2" | "layer", _) => text(USDT),
        ("asset", _) => text("USDC"),
        ("kind", _) => text("staking"),
        ("preset", _) => text("supplemental"),
        ("name" | "time" | "at", _) => text("x"),
        ("from", 3) => text("22:00"),
        ("to", 3) => text("07:00"),
        ("file", _) => Some(twin.upload("x.csv", "amount,pool\n5,\n".to_owned()).into()),
        (_, 7) => Some(Value::from((crate::support::server() + 1).to_string())),
        (_, 10) => Some(Value::from(5)),
        (_, 4) => Some(Value::from(2)),
        _ => None,
    }
}

/// Every command that there is, as one who is not the member would use it: all that has to be told, and each
/// number under which the member's things are kept.
fn commands(twin: &Twin) -> Vec<(String, Map<String, Value>)> {
    fn leaves(of: &Value, path: &str, into: &mut Vec<(String, Value)>) {
        let path = format!("{path}{}", of["name"].as_str().unwrap());
        let options = of["options"].as_array().cloned().unwrap_or_default();
        let (below, own): (Vec<Value>, Vec<Value>) = options
            .into_iter()
            .partition(|option| matches!(option["type"].as_u64(), Some(1 | 2)));
        if below.is_empty() {
            into.push((path, Value::from(own)));
        } else {
            for child in &below {
                leaves(child, &format!("{path} "), into);
            }
        }
    }
    let mut all = Vec::new();
    for command in twin.commands(None) {
        // What stands in the menu of a message is about that message alone.
        if command["type"].as_u64() == Some(1) {
            leaves(&command, "", &mut all);
        }
    }
    let filled = all.into_iter().map(|(name, options)| {
        let mut values = Map::new();
        for option in options.as_array().unwrap() {
            let (key, kind) = (
                option["name"].as_str().unwrap(),
                option["type"].as_u64().unwrap(),
            );
            let needed = option["required"].as_bool().unwrap_or(false);
            let is_number_of_a_thing = matches!(key, "position" | "entry" | "goal" | "watch");
            if needed || is_number_of_a_thing {
                let first = option["choices"][0]["value"].clone();
                let value = if first.is_null() {
                    aimed(twin, key, kind)
                } else {
                    Some(first)
                };
                let value = value.unwrap_or_else(|| panic!("{name}: what is {key}?"));
                values.insert(key.to_owned(), value);
            }
        }
        (name, values)
    });
    filled.collect()
}

fn shows(message: &Value) -> Option<&'static str> {
    let text = message.to_string();
    SECRETS.into_iter().find(|secret| text.contains(secret))
}

/// F-X09: made from the list of commands that Discord was told, so that a new one is in it by itself.
#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_reaches_nothing_of_a_members_by_any_command() {
    let Setting {
        twin,
        bot,
        upstream: _upstream,
        node: _node,
    } = setting().await;
    let twin = &twin;
    let secret = add("$7654321")
        .option("pool", USDC)
        .option("note", "zebrafinch");
    let question = told(twin, &secret, &["May I keep"]).await;
    let labels = refused_to_another(twin, &question).await;
    assert_eq!(labels, ["I agree"]);
    pressed(twin, &question, "I agree", &["Added"]).await;
    let paid = add("7,654,321")
        .option("pool", USDC)
        .option("opened", "90d")
        .option("payout", "weekly");
    told(twin, &paid, &["Added 7,654,321 USDC"]).await;
    let chosen = call("portfolio settings").option("time_zone", "Pacific/Kiritimati");
    told(twin, &chosen, &["Kiritimati"]).await;
    let goal = call("plan goal").option("income", "$7654321");
    let plan = told(twin, &goal.option("capital", "$90m"), &[]).await;
    let labels = refused_to_another(twin, &plan).await;
    assert_eq!(labels, ["Save as my goal"]);
    pressed(twin, &plan, "Save as my goal", &["Kept as your goal"]).await;
    let review = told(twin, &call("portfolio review"), &["the first one"]).await;
    let labels = refused_to_another(twin, &review).await;
    assert_eq!(labels, ["Mark as done"]);
    pressed(twin, &review, "Mark as done", &["Noted as done"]).await;
    let log = call("ledger log")
        .option("kind", "staking")
        .option("asset", "ETH")
        .option("quantity", "7654321")
        .option("position", "1")
        .option("note", "aardvark");
    told(twin, &log, &["Logged"]).await;
    let watch = call("watch better").option("min_gain", "$7654321");
    told(twin, &watch, &["$7,654,321"]).await;
    // The member does see them, so that looking for them is worth something.
    told(twin, &call("portfolio view"), &["7,654,321", "zebrafinch"]).await;
    told(twin, &call("ledger list"), &["aardvark"]).await;

    let manager = Person::new(other().id, "bob").manager();
    let all = commands(twin);
    assert!(all.len() >= 60, "{}", all.len());
    for (name, options) in &all {
        let asked = Invocation {
            options: options.clone(),
            ..call(name)
        }
        .by(manager.clone());
        if name.starts_with("operator") {
            continue;
        }
        let mut places = vec![asked.clone()];
        if !asked_in_servers_alone(name) {
            places.push(direct(&asked).by(manager.clone()));
        }
        for place in places {
            let reply = twin
                .run(&place)
                .await
                .unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(
                shows(&reply.message),
                None,
                "{name} shows {}",
                reply.message
            );
            assert!(
                reply.ephemeral || !is_private(name),
                "{name}: others see it"
            );
            for file in reply.message["attachments"]
                .as_array()
                .into_iter()
                .flatten()
            {
                let id = file["id"].as_str().unwrap().parse().unwrap();
                let text = String::from_utf8_lossy(&twin.file(id).unwrap()).into_owned();
                assert_eq!(shows(&Value::from(text)), None, "{name}");
            }
        }
        for key in ["position", "entry", "goal", "watch"] {
            if options.contains_key(key) {
                let typed = asked.clone().option(key, "");
                let offered = twin.autocomplete(&typed, key).await.unwrap();
                assert_eq!(
                    shows(&Value::from(offered.choices)),
                    None,
                    "{name} offers it"
                );
            }
        }
    }
    // Nothing that the stranger did has changed anything of the member's.
    let unchanged = async |entries: &str| {
        let words = ["Your 2 positions", "7,654,321", "zebrafinch"];
        told(twin, &call("portfolio view"), &words).await;
        told(twin, &call("ledger list"), &[entries, "aardvark"]).await;
        told(twin, &call("watch list"), &["**1**", "7,654,321"]).await;
        told(twin, &call("plan list"), &["**1**", "7,654,321"]).await;
        told(twin, &call("portfolio settings"), &["Kiritimati"]).await;
        told(twin, &call("portfolio review"), &["the last one was done"]).await;
    };
    unchanged("1 entry").await;

    // A button of the member's is the member's alone, and so is each page of a long ledger.
    let rows = (1..=30).map(|day| format!("2024-04-{day:02},staking,ETH,1,2700,USD\n"));
    let header = "date,kind,asset,quantity,unit_value,currency\n".to_owned();
    let table: String = std::iter::once(header).chain(rows).collect();
    let import = call("ledger import").option("file", twin.upload("l.csv", table));
    let question = told(twin, &import, &["30 new entries"]).await;
    let labels = refused_to_another(twin, &question).await;
    assert_eq!(labels, ["Keep them", "Leave it"]);
    pressed(twin, &question, "Keep them", &["Kept 30 entries"]).await;
    let table = twin.upload("p.csv", format!("amount,currency,pool\n9,USD,{USDT}\n"));
    let positions = call("portfolio import").option("file", table);
    for (asked, wanted) in [
        (call("privacy delete"), &["Delete for good", "Keep"][..]),
        (
            call("portfolio income").option("window", "back"),
            &["Log 1"],
        ),
        (call("portfolio review"), &["Mark as done"]),
        (call("ledger list"), &["Older"]),
        (positions, &["Keep them", "Leave it"]),
    ] {
        let reply = told(twin, &asked, &[]).await;
        let labels = refused_to_another(twin, &reply).await;
        let are_meant = labels.len() == wanted.len();
        let mut pairs = labels.iter().zip(wanted);
        let are_meant = are_meant && pairs.all(|(label, begins)| label.starts_with(begins));
        assert!(are_meant, "{}: {labels:?}", asked.command);
        if asked.command == "ledger list" {
            let press = Press::on_reply(reply.interaction, button(&reply.message, "Older"));
            let older = twin.press(&press.by(member())).await.unwrap();
            let labels = refused_to_another(twin, &older).await;
            assert_eq!(labels, ["Newer"]);
        }
    }
    unchanged("31 entries").await;
    // And so is whatever stands under any other answer.
    for (name, options) in all.iter().filter(|(name, _)| is_private(name)) {
        let asked = Invocation {
            options: options.clone(),
            ..call(name)
        };
        let reply = told(twin, &asked, &[]).await;
        refused_to_another(twin, &reply).await;
    }
    bot.end(twin);
}

/// Presses, as somebody else, every button of a reply of the member's that can be pressed; what stands on them.
async fn refused_to_another(twin: &Twin, reply: &Reply) -> Vec<String> {
    let mut labels = Vec::new();
    for line in reply.message["components"].as_array().into_iter().flatten() {
        for component in line["components"].as_array().into_iter().flatten() {
            let Some(id) = component["custom_id"].as_str() else {
                continue;
            };
            if component["disabled"] == true {
                continue;
            }
            let press = Press::on_reply(reply.interaction, id).by(other()).forged();
            let refused = said(&twin.press(&press).await.unwrap());
            let words = "This button is for somebody else.";
            assert!(refused.contains(words), "{component}: {refused}");
            labels.push(component["label"].as_str().unwrap_or_default().to_owned());
        }
    }
    labels
}

fn asked_in_servers_alone(name: &str) -> bool {
    ["alerts ", "config ", "setup"]
        .iter()
        .any(|group| name.starts_with(group))
}
