//! The ledger as people keep it: in a server and in a direct conversation, each for themselves alone.

use axum::http::StatusCode;
use discord_twin::{Invocation, Press, Reply, Twin};
use serde_json::{Value, json};
use stipend::{
    clock::{Clock as _, SystemClock},
    domain::time::{Span, Timestamp},
};

use crate::{
    replies::keep,
    support::{
        TestBot, Upstream, answer, attached, button, call, market, member, one_server, other, said,
        says_alone, told_alone as told,
    },
};

async fn setting() -> (Twin, Upstream, TestBot) {
    let twin = Twin::start(one_server()).await.unwrap();
    let upstream = Upstream::start(answer(&market(5.0))).await;
    let mut bot = TestBot::new(&twin, &upstream);
    bot.start(&twin, 1).await;
    (twin, upstream, bot)
}

/// Runs a command, keeps the answer word for word, and checks that it is for its asker alone.
async fn kept(twin: &Twin, asked: &Invocation, words: &[&str]) -> Reply {
    let reply = keep(twin, &asked.command.replace(' ', "_"), asked).await;
    says_alone(&reply, asked, words);
    reply
}

async fn press(twin: &Twin, question: &Reply, label: &str, words: &[&str]) {
    let id = button(&question.message, label);
    let press = Press::on_reply(question.interaction, id).by(member());
    let said = said(&twin.press(&press).await.unwrap());
    for word in words {
        assert!(said.contains(word), "“{word}” is not in: {said}");
    }
}

/// Staking income with a stated value.
fn log(quantity: &str) -> Invocation {
    let log = call("ledger log")
        .option("kind", "staking")
        .option("asset", "ETH");
    log.option("quantity", quantity)
        .option("unit_value", "$2,700")
        .option("when", "2026-03-01 14:30")
}

async fn agreed(twin: &Twin) {
    let question = told(twin, &log("0.0042"), &["May I keep"]).await;
    press(
        twin,
        &question,
        "I agree",
        &["Logged **0.0042 ETH** = **$11.34**"],
    )
    .await;
}

/// The name and the text of the file that a reply brings.
fn file(twin: &Twin, reply: &Reply) -> (String, String) {
    let name = reply.message["attachments"][0]["filename"]
        .as_str()
        .unwrap();
    (name.to_owned(), attached(twin, &reply.message, 0))
}

async fn offered(twin: &Twin, asked: &Invocation) -> Vec<Value> {
    twin.autocomplete(asked, "entry").await.unwrap().choices
}

/// Every command, in a server, in a direct conversation, and from somebody's own installation.
#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_is_kept_wherever_its_owner_is() {
    let (twin, _upstream, bot) = setting().await;
    agreed(&twin).await;
    let place = |place: usize, asked: Invocation| match place {
        0 => asked,
        1 => Invocation {
            guild: None,
            ..asked
        },
        _ => Invocation {
            guild: None,
            user_install: true,
            ..asked
        },
    };
    for (at, entry) in [(0, "2"), (1, "3"), (2, "4")] {
        // The first time word for word.
        let told = async |asked: Invocation, words: &[&str]| {
            let asked = place(at, asked);
            if at == 0 {
                kept(&twin, &asked, words).await
            } else {
                told(&twin, &asked, words).await
            }
        };
        let quantity = format!("0.{}", at + 1);
        told(log(&quantity), &["Logged", "not tax advice"]).await;
        let number = format!("**{entry}**");
        told(call("ledger list"), &["2 entries", &number]).await;
        let edit = call("ledger edit")
            .option("entry", entry)
            .option("note", "zebrafinch");
        told(edit, &["Changed", "zebrafinch"]).await;
        let summary = call("ledger summary")
            .option("year", 2026)
            .option("tax_rate", 25);
        let words = [
            "Income of 2026 by month",
            "March 2026",
            "25 %",
            "not tax advice",
        ];
        told(summary, &words).await;
        let export = told(call("ledger export"), &["2 entries"]).await;
        let (name, text) = file(&twin, &export);
        assert_eq!(name, "ledger-all.csv");
        assert!(
            text.starts_with("entry,received_at,date,time_zone,kind,asset,quantity"),
            "{text}"
        );
        assert!(text.contains(",2700,11.34,USD,stated,"), "{text}");
        let delete = call("ledger delete").option("entry", entry);
        told(delete, &["Removed entry", "zebrafinch"]).await;
        let import = call("ledger import").option("file", twin.upload(&name, text));
        let question = told(import, &["1 new entry", "already", "line 2"]).await;
        press(&twin, &question, "Leave it", &["Nothing was changed."]).await;
    }
    bot.end(&twin);
}

/// F-X09, F-X11: another person reads, changes and removes nothing, is offered nothing, and nothing lies in the open.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_else_reaches_a_ledger() {
    let (twin, _upstream, bot) = setting().await;
    agreed(&twin).await;
    told(
        &twin,
        &log("7654321").option("note", "zebrafinch"),
        &["Logged"],
    )
    .await;
    let theirs = |asked: Invocation| asked.by(other());
    for command in ["ledger list", "ledger summary", "ledger export"] {
        told(&twin, &theirs(call(command)), &["Your ledger is empty"]).await;
    }
    let edit = call("ledger edit")
        .option("entry", "1")
        .option("note", "mine");
    told(&twin, &theirs(edit.clone()), &["You have no such entry"]).await;
    let delete = call("ledger delete").option("entry", "1");
    told(&twin, &theirs(delete.clone()), &["You have no such entry"]).await;
    assert_eq!(
        offered(&twin, &theirs(delete.option("entry", ""))).await,
        Vec::<Value>::new()
    );
    let own = offered(&twin, &edit.option("entry", "zebra")).await;
    assert_eq!(own.len(), 1);
    assert_eq!(own[0]["value"], "2");
    told(&twin, &call("ledger list"), &["2 entries", "zebrafinch"]).await;
    for secret in ["zebrafinch", "7654321"] {
        let bytes = bot.database_bytes();
        let is_open = bytes
            .windows(secret.len())
            .any(|window| window == secret.as_bytes());
        assert!(!is_open, "{secret} is in the database in clear");
    }
    bot.end(&twin);
}

/// What was exported is taken back, after it was shown and once more asked for.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_shown_before_it_is_kept() {
    let (twin, _upstream, bot) = setting().await;
    let import =
        |text: &str| call("ledger import").option("file", twin.upload("l.csv", text.to_owned()));
    let two = "received_at,kind,asset,quantity,unit_value,currency\n\
               2026-03-01T13:30:00Z,staking,ETH,0.0042,2700,USD\n\
               2026-04-01,interest,USDC,12.5,,\n\
               soon,interest,USDC,12.5,,\n";
    let words = [
        "2 new entries",
        "Not readable: 1 line",
        "line 4",
        "Nothing is kept yet",
    ];
    let question = told(&twin, &import(two), &words).await;
    told(&twin, &call("ledger list"), &["Your ledger is empty"]).await;
    let id = button(&question.message, "Keep those that are readable");
    let keep = Press::on_reply(question.interaction, id).by(member());
    let consent = twin.press(&keep).await.unwrap();
    assert!(said(&consent).contains("May I keep"), "{}", said(&consent));
    let id = button(&consent.message, "I agree");
    let agree = Press::on_reply(question.interaction, id).by(member());
    let kept = said(&twin.press(&agree).await.unwrap());
    assert!(kept.contains("Kept 2 entries"), "{kept}");
    told(&twin, &import(two), &["0 new entries", "lines 2, 3"]).await;
    let another_tool = "Date,Type,Buy Currency\n2026-01-01,Staking,ETH\n";
    told(
        &twin,
        &import(another_tool),
        &["cannot be used", "it has no column", "/ledger export"],
    )
    .await;
    let huge = "x".repeat(25 * 1024 * 1024);
    told(&twin, &import(&huge), &["The file is too long"]).await;

    for (format, name, words) in [
        ("json", "ledger-2026.json", "\"quantity\": \"0.0042\""),
        (
            "koinly",
            "ledger-2026-koinly.csv",
            "2026-03-01 13:30 UTC,,,0.0042,ETH,,,11.34,USD,Reward",
        ),
    ] {
        let export = call("ledger export")
            .option("year", 2026)
            .option("format", format);
        let export = told(&twin, &export, &["not tax advice"]).await;
        let (named, text) = file(&twin, &export);
        assert_eq!(named, name);
        assert!(text.contains(words), "{text}");
    }
    let none = call("ledger export").option("year", 2020);
    told(&twin, &none, &["Nothing of 2020"]).await;
    bot.end(&twin);
}

/// A page is turned to and fro in the one reply, with what it is narrowed to, and by its owner alone.
#[tokio::test(flavor = "multi_thread")]
async fn a_long_ledger_is_read_page_by_page() {
    let (twin, _upstream, bot) = setting().await;
    agreed(&twin).await;
    // 45 of ETH and one of USDC, each a day after the one before.
    let first = Timestamp::parse("2026-04-01T12:00:00Z").unwrap();
    let day = |number: u32| first.plus(Span::days(number.into()).0);
    let rows = (0..45).map(|number| {
        let quantity = format!("1.{number:03}");
        format!("{},interest,ETH,{quantity},2700,USD\n", day(number))
    });
    let header = "received_at,kind,asset,quantity,unit_value,currency\n".to_owned();
    let other = format!("{},staking,USDC,7,1,USD\n", day(50));
    let table: String = std::iter::once(header).chain(rows).chain([other]).collect();
    let import = call("ledger import").option("file", twin.upload("l.csv", table));
    let question = told(&twin, &import, &["46 new entries"]).await;
    press(&twin, &question, "Keep them", &["Kept 46 entries"]).await;

    let list = call("ledger list")
        .option("asset", "eth")
        .option("kind", "interest");
    let words = [
        "45 entries of interest · eth",
        "25 older entries",
        "1–20 of 45, the newest first",
        "1.044 ETH",
        "1.025 ETH",
    ];
    let reply = told(&twin, &list, &words).await;
    assert_eq!(
        reply.message["components"][0]["components"][0]["disabled"],
        true
    );
    let turned = async |on: &Reply, label: &str, words: &[&str]| {
        let id = button(&on.message, label);
        let press = Press::on_reply(reply.interaction, id).by(member());
        let turned = twin.press(&press).await.unwrap();
        assert_eq!(turned.message["id"], reply.message["id"], "another message");
        let said = said(&turned);
        for word in words {
            assert!(said.contains(word), "{label}: “{word}” is not in: {said}");
        }
        assert!(!said.contains("USDC"), "{said}");
        turned
    };
    let second = turned(
        &reply,
        "Older",
        &["20 newer entries and 5 older", "21–40 of 45", "1.024 ETH"],
    )
    .await;
    let last = turned(
        &second,
        "Older",
        &["41–45 of 45", "40 newer", "**2** · 1 ETH"],
    )
    .await;
    let back = turned(&last, "Newer", &["21–40 of 45", "1.005 ETH"]).await;
    let first = turned(&back, "Newer", &["1–20 of 45", "1.044 ETH"]).await;

    let id = button(&first.message, "Older");
    let forged = Press::on_reply(reply.interaction, id)
        .by(crate::support::other())
        .forged();
    let refused = said(&twin.press(&forged).await.unwrap());
    assert!(
        refused.contains("This button is for somebody else."),
        "{refused}"
    );

    // What has gone meanwhile leaves the last page that there is.
    let second = turned(&first, "Older", &["21–40 of 45"]).await;
    for entry in 2..=30 {
        let delete = call("ledger delete").option("entry", entry.to_string());
        told(&twin, &delete, &["Removed entry"]).await;
    }
    turned(
        &second,
        "Older",
        &["16 entries of interest · eth", "1.029 ETH"],
    )
    .await;
    bot.end(&twin);
}

/// Of a long ledger the last entries are offered at once, and any other by its number or its words.
#[tokio::test(flavor = "multi_thread")]
async fn an_old_entry_of_a_long_ledger_is_found() {
    let (twin, _upstream, bot) = setting().await;
    agreed(&twin).await;
    told(&twin, &log("7").option("note", "zebrafinch"), &["Logged"]).await;
    let first = Timestamp::parse("2026-04-01T12:00:00Z").unwrap();
    let rows = (0..600).map(|number: u32| {
        let at = first.plus(Span::minutes(number.into()).0);
        format!("{at},interest,USDC,1.5,1,USD\n")
    });
    let header = "received_at,kind,asset,quantity,unit_value,currency\n".to_owned();
    let table: String = std::iter::once(header).chain(rows).collect();
    let import = call("ledger import").option("file", twin.upload("l.csv", table));
    let question = told(&twin, &import, &["600 new entries"]).await;
    press(&twin, &question, "Keep them", &["Kept 600 entries"]).await;

    let typed = async |text: &str| {
        let asked = call("ledger edit").option("entry", text);
        let choices = offered(&twin, &asked).await;
        let value = |choice: &Value| choice["value"].as_str().unwrap().to_owned();
        choices.iter().map(value).collect::<Vec<_>>()
    };
    let newest: Vec<String> = (578..=602).rev().map(|id: u32| id.to_string()).collect();
    assert_eq!(typed("").await, newest);
    assert_eq!(typed("1").await[0], "1", "what has that number comes first");
    assert_eq!(typed("#2").await, ["2"]);
    assert_eq!(typed("zebrafinch").await, ["2"]);
    assert_eq!(
        typed("ze").await,
        Vec::<String>::new(),
        "too little to search for"
    );
    assert_eq!(typed("603").await, Vec::<String>::new());
    let by_number = typed("599").await;
    assert_eq!(by_number, ["599"]);
    let edit = call("ledger edit")
        .option("entry", "2")
        .option("note", "goldfinch");
    told(&twin, &edit, &["Changed", "goldfinch"]).await;
    bot.end(&twin);
}

/// What cannot be is refused in words that say what to do, and nothing is kept of it.
#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_is_refused() {
    let (twin, _upstream, bot) = setting().await;
    agreed(&twin).await;
    for (option, value, words) in [
        ("when", "2126-01-01", "still to come"),
        ("when", "yesterday", "is no time"),
        ("when", "1999-01-01", "before there was any chain"),
        (
            "withdrawn",
            "2026-02-01",
            "It was withdrawn before it was received",
        ),
        ("quantity", "0", "is not an amount"),
        ("quantity", "-5", "is not an amount"),
        ("quantity", "2000b", "is not an amount"),
        ("unit_value", "$900b", "over a thousand billion"),
        ("asset", "=1+1", "is no symbol of an asset"),
        ("position", "99", "You have no such position"),
    ] {
        told(&twin, &log("5").option(option, value), &[words]).await;
    }
    let bare = call("ledger log")
        .option("kind", "airdrop")
        .option("quantity", "500");
    let bare = bare.option("asset", "newcoin").option("when", "2026-03-01");
    told(
        &twin,
        &bare,
        &[
            "Logged **500 newcoin**",
            "It has no value yet",
            "/ledger edit",
        ],
    )
    .await;
    let edit = call("ledger edit").option("entry", "2");
    told(&twin, &edit, &["Nothing of that is new"]).await;
    let valued = edit.clone().option("unit_value", "0.02 EUR");
    told(
        &twin,
        &valued,
        &["**500 newcoin** = **€10.00**", "as you stated"],
    )
    .await;
    told(&twin, &call("ledger summary"), &["$11.34 and €10.00"]).await;
    told(
        &twin,
        &edit.option("clear", "value"),
        &["It has no value yet"],
    )
    .await;
    let year = call("ledger summary").option("by", "year");
    told(&twin, &year, &["Without a value: 1 entry", "500 newcoin"]).await;
    let withdrawn = call("ledger summary").option("basis", "withdrawal");
    told(
        &twin,
        &withdrawn,
        &["Not withdrawn, so not counted", "2 entries"],
    )
    .await;
    let narrowed = call("ledger list")
        .option("kind", "airdrop")
        .option("year", 2026);
    told(&twin, &narrowed, &["1 entry of 2026 · airdrop"]).await;
    bot.end(&twin);
}

/// All of it is told, taken along and erased with everything else that is kept of a person.
#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_is_told_taken_along_and_erased() {
    let (twin, _upstream, bot) = setting().await;
    agreed(&twin).await;
    told(
        &twin,
        &call("privacy show"),
        &["Ledger", "1 entry: all that you told"],
    )
    .await;
    let export = told(&twin, &call("privacy export"), &["everything"]).await;
    assert!(file(&twin, &export).1.contains("\"quantity\": \"0.0042\""));
    let words = ["Delete 1 entry of your ledger, what you chose and your consent"];
    let question = told(&twin, &call("privacy delete"), &words).await;
    press(
        &twin,
        &question,
        "Delete for good",
        &["Deleted: 1 entry of your ledger"],
    )
    .await;
    told(&twin, &call("ledger list"), &["Your ledger is empty"]).await;
    told(&twin, &call("privacy show"), &["Nothing is kept of you."]).await;
    bot.end(&twin);
}

/// Ten days ago, half an hour into the hour.
fn ten_days_ago() -> Timestamp {
    const HOUR_MS: i64 = 3_600_000;
    let then = SystemClock.now().minus(Span::days(10).0).millis();
    Timestamp::from_millis(then - then.rem_euclid(HOUR_MS) + HOUR_MS / 2)
}

/// What a token was worth when it came in is asked of a source, said with its name and time, and brought to
/// the currency of whoever asks by the exchange of that day.
#[tokio::test(flavor = "multi_thread")]
async fn income_is_priced_at_the_moment_at_which_it_came() {
    let twin = Twin::start(one_server()).await.unwrap();
    let upstream = Upstream::start(answer(&market(5.0))).await;
    let mut bot = TestBot::new(&twin, &upstream);
    bot.set("SOURCES__COINGECKO__URL", upstream.below("/coingecko"));
    let then = ten_days_ago();
    let price = json!({ "coins": { "coingecko:ethereum": {
        "price": 2700.0, "symbol": "ETH", "timestamp": then.seconds() - 1_800, "confidence": 0.99,
    } } });
    upstream.set_beside("/historical_prices/", StatusCode::OK, &price.to_string());
    let rates = json!({ "market_data": { "current_price": { "usd": 100_000, "eur": 80_000 } } });
    let present = json!({ "bitcoin": {
        "usd": 100_000, "eur": 90_000, "last_updated_at": SystemClock.now().seconds(),
    } });
    upstream.set_beside(
        "/coingecko/simple/price",
        StatusCode::OK,
        &present.to_string(),
    );
    let history = "/coingecko/coins/bitcoin/history";
    upstream.set_beside(history, StatusCode::OK, &rates.to_string());
    bot.start(&twin, 1).await;

    let log = |asset: &str| {
        let log = call("ledger log")
            .option("kind", "staking")
            .option("asset", asset);
        log.option("quantity", "0.0042")
            .option("when", then.rfc3339())
    };
    let priced = format!("price by DefiLlama of <t:{}:f>", then.seconds() - 1_800);
    let question = told(&twin, &log("ETH"), &["May I keep"]).await;
    press(
        &twin,
        &question,
        "I agree",
        &["**0.0042 ETH** = **$11.34**", &priced],
    )
    .await;
    let settings = call("portfolio settings")
        .option("currency", "EUR")
        .option("tax_rate", 25);
    twin.run(&settings).await.unwrap();
    let again = log("ETH").option("note", "again");
    told(
        &twin,
        &again,
        &["= **$11.34** (€9.07)", "exchange of the day by CoinGecko"],
    )
    .await;
    assert_eq!(
        upstream.asked_beside("/historical_prices/"),
        1,
        "what is known is not asked again"
    );
    let words = [
        "€18.14",
        "€4.54 – 25 % of €18.14",
        "2 brought to EUR",
        "by CoinGecko",
    ];
    told(&twin, &call("ledger summary"), &words).await;

    let same = call("ledger edit")
        .option("entry", "2")
        .option("price_again", true);
    told(&twin, &same, &["No source has another price of ETH"]).await;

    // A symbol that can mean many coins is no coin that has a price.
    told(
        &twin,
        &log("PEPE2"),
        &["Logged **0.0042 PEPE2**", "It has no value yet"],
    )
    .await;
    let file = format!(
        "received_at,kind,asset,quantity\n{},reward,ETH,2\n{},reward,PEPE2,2\n",
        then.rfc3339(),
        then.rfc3339()
    );
    let import = call("ledger import").option("file", twin.upload("l.csv", file));
    told(
        &twin,
        &import,
        &["2 ETH = $5,400.00", "2 PEPE2 – value not known"],
    )
    .await;

    // Another moment has another price; nobody tells it, so there is none.
    upstream.set_beside("/historical_prices/", StatusCode::OK, r#"{"coins":{}}"#);
    let moved = call("ledger edit")
        .option("entry", "1")
        .option("when", "2026-01-01 10:00");
    told(&twin, &moved, &["Changed", "It has no value yet"]).await;
    let back = call("ledger edit")
        .option("entry", "1")
        .option("when", then.rfc3339());
    let back = back.option("price_again", true);
    told(&twin, &back, &["= **$11.34**", &priced]).await;
    bot.end(&twin);
}
