//! Nothing that is secret or somebody's own leaves by another way than it should.

use std::{collections::BTreeSet, fs, time::Duration};

use axum::http::StatusCode;
use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use discord_twin::{Fault, Press, RequestRecord, ShardEvent, StoredMessage, Twin, What};
use serde_json::Map;

use crate::support::{
    LONG, TestBot, USDC, Upstream, answer, below_three, button, call, manage, market, member,
    one_server, other, said, server, show, until,
};

/// What nobody may find anywhere, by what it is. They are collected as they come into being.
struct Canaries(Vec<(&'static str, String)>);

const COINGECKO: &str = "CG-canary0of0coingecko";
const TOKEN_METRICS: &str = "tm-canary0of0token0metrics";
const NOTE: &str = "canary under the mattress";
const AMOUNT: &str = "7654321.125";
/// Typed into a form.
const TYPED: &str = "8765432.125";
/// What a command held when it panicked.
const HELD: &str = "canary in a panic";

impl Canaries {
    fn of(twin: &Twin, bot: &TestBot) -> Self {
        let key = fs::read(bot.path("stipend.key")).unwrap();
        let hex = format!("{key:02x?}").replace([',', ' ', '[', ']'], "");
        Self(vec![
            ("the bot's token", twin.token()),
            ("the master key", hex),
            ("the master key", STANDARD_NO_PAD.encode(&key)),
            ("a source's key", COINGECKO.to_owned()),
            ("a source's key", TOKEN_METRICS.to_owned()),
            // Every interaction's token begins so.
            ("an interaction's token", "aW50ZXJhY3Rpb246".to_owned()),
            ("a note", NOTE.to_owned()),
            ("an amount", AMOUNT.to_owned()),
            ("an amount", "7,654,321".to_owned()),
            ("what was typed into a form", TYPED.to_owned()),
            ("what was typed into a form", "8,765,432".to_owned()),
            ("the words of a panic", HELD.to_owned()),
        ])
    }

    /// The tokens of the webhooks that there are now. One that is deleted takes its token along.
    fn collect_tokens(&mut self, twin: &Twin) {
        for channel in [server() + 1, server() + 2] {
            let tokens = twin.webhooks(channel).into_iter();
            let tokens = tokens.filter_map(|webhook| twin.webhook_token(webhook));
            self.0
                .extend(tokens.map(|token| ("a webhook's token", token)));
        }
    }

    /// What the member was written to of what is watched for them.
    fn collect_letter(&mut self, letter: &StoredMessage) {
        let words = letter.body["embeds"][0]["description"].as_str().unwrap();
        let (_, set) = words.split_once("under the ").expect("what was set");
        let (set, _) = set.split_once(" that you set").expect("what was set");
        self.0.push(("a letter", format!("under the {set}")));
    }

    fn how_many(&self, what: &str) -> usize {
        let of: BTreeSet<_> = self.0.iter().filter(|(it, _)| *it == what).collect();
        of.len()
    }

    /// None of them is in there.
    fn are_not_in(&self, place: &str, bytes: &[u8]) {
        for (what, canary) in &self.0 {
            let found = bytes
                .windows(canary.len())
                .position(|window| window == canary.as_bytes());
            if let Some(at) = found {
                let (before, after) = bytes.split_at(at);
                let begins = before.rsplit(|byte| *byte == b'\n').next();
                let ends = after.split(|byte| *byte == b'\n').next();
                let line = [begins, ends].map(Option::unwrap_or_default).concat();
                panic!("{what} is in {place}: {}", String::from_utf8_lossy(&line));
            }
        }
    }
}

/// Discord's flag of a message that its asker alone sees: it may say what they hold.
const EPHEMERAL: u64 = 64;

/// What a person and an admin do who have something to lose.
async fn live(twin: &Twin) {
    twin.run(&below_three(USDC)).await.unwrap();
    let keeps = call("portfolio add")
        .option("amount", AMOUNT)
        .option("pool", USDC)
        .option("note", NOTE)
        .by(member());
    let asked = twin.run(&keeps).await.unwrap();
    if said(&asked).contains("May I keep") {
        let agree = button(&asked.message, "I agree");
        let agree = Press::on_reply(asked.interaction, agree).by(member());
        twin.press(&agree).await.unwrap();
    }
    for command in [
        "portfolio view",
        "portfolio risk",
        "privacy export",
        "status",
    ] {
        twin.run(&call(command).by(member())).await.unwrap();
    }
    // What cannot be read is said back to whoever typed it, and to nobody else.
    let typed = call("portfolio add").option("amount", format!("{AMOUNT}x{NOTE}"));
    twin.run(&typed.by(member())).await.unwrap();
    twin.run(&manage("alerts list")).await.unwrap();
    let watch = call("watch add")
        .option("when", "rate")
        .option("value", 3.17);
    let watch = watch.option("hold", "1s").by(member());
    twin.run(&watch).await.unwrap();
}

/// Waits until the member was written to of what is watched for them.
async fn letter(twin: &Twin) -> StoredMessage {
    let is_news = |message: &StoredMessage| message.body.to_string().contains("that you set");
    let direct = twin.direct(member().id);
    twin.wait_for(direct, LONG, is_news).await.unwrap()
}

/// Somebody is asked by a form what they hold, and what they say is kept nowhere.
async fn fill_in(twin: &Twin) {
    let notice = twin.channel(server() + 1).remove(0);
    let mine = button(&notice.body, "My impact");
    let press = Press::on_message(notice.id, mine).by(other());
    let form = twin.press(&press).await.unwrap();
    let mut fields = Map::new();
    fields.insert("amount".to_owned(), TYPED.into());
    let meant = twin.submit_modal(form.interaction, &fields).await.unwrap();
    assert!(said(&meant).contains("8,765,432"), "{}", said(&meant));
}

const BY_WEBHOOK: &str = "/webhooks/{id}/{token}";
const CALLBACK: &str = "/interactions/{id}/{token}/callback";
const ANSWER: &str = "/webhooks/{application}/{token}/messages/@original";
const BY_OURSELVES: &str = "/channels/{id}/messages";

/// The requests of a route that change something.
fn requests(twin: &Twin, route: &str) -> impl Iterator<Item = RequestRecord> {
    let requests = twin.requests().into_iter();
    requests.filter(move |it| it.template == route && it.method != "GET")
}

fn asked(twin: &Twin, route: &str) -> usize {
    requests(twin, route).count()
}

/// How requests of a route were answered.
fn struck(twin: &Twin, route: &str) -> BTreeSet<u16> {
    requests(twin, route).map(|it| it.status).collect()
}

/// Has a message sent by webhook, and one to the member. Whatever comes of it, somebody asked.
async fn write_to_both(twin: &Twin) {
    const ENOUGH: Duration = Duration::from_secs(3);
    let tests = [
        manage("alerts test").option("alert", "1"),
        call("watch test").by(member()),
    ];
    let before = [BY_WEBHOOK, BY_OURSELVES].map(|route| asked(twin, route));
    let tests = tests.map(|test| twin.invoke(&test).unwrap());
    until("both are sent", || {
        let now = [BY_WEBHOOK, BY_OURSELVES].map(|route| asked(twin, route));
        now[0] > before[0] && now[1] > before[1]
    })
    .await;
    for test in tests {
        drop(twin.reply(test, ENOUGH).await);
    }
}

/// Has this happen to a message by webhook, to one to a person, to the first answer of a command and to its second
/// one, each once.
async fn suffer(twin: &Twin, what: What) {
    twin.fault(Fault::on_webhooks(what.clone()).times(1));
    twin.fault(Fault::on("POST", BY_OURSELVES, what.clone()).times(1));
    write_to_both(twin).await;
    twin.fault(Fault::on("POST", CALLBACK, what.clone()).times(1));
    twin.fault(Fault::on("PATCH", ANSWER, what).times(1));
    let before = asked(twin, ANSWER);
    for _ in 0..2 {
        twin.invoke(&call("portfolio view").by(member())).unwrap();
    }
    until("one of them is answered", || asked(twin, ANSWER) > before).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    twin.clear_faults();
}

/// The bot once more, without a gateway, with its token from the environment, and with a command that panics.
async fn live_by_http(twin: &Twin, bot: &mut TestBot) {
    const OPENED: &str = "interactions endpoint is open";
    bot.unset("DISCORD__TOKEN_FILE");
    bot.set("DISCORD__TOKEN", twin.token());
    bot.set("DISCORD__INTERACTIONS", "http");
    bot.set("DISCORD__INTERACTIONS_LISTEN", "127.0.0.1:0");
    bot.give("FAILPOINTS", format!("command.taken=1*panic({HELD})"));
    bot.spawn();
    until("it listens", || bot.log().contains(OPENED)).await;
    let url = format!("http://{}/interactions", bot.address(OPENED));
    twin.set_endpoint(&url).await.unwrap();
    let panicked = twin
        .run(&call("portfolio view").by(member()))
        .await
        .unwrap();
    assert!(said(&panicked).contains("incident"), "{}", said(&panicked));
    live(twin).await;
    fill_in(twin).await;
}

async fn figures(bot: &TestBot) -> String {
    let url = format!("http://{}/metrics", bot.address("ops endpoint is open"));
    let figures = reqwest::get(url).await.unwrap().text().await.unwrap();
    assert!(figures.contains("stipend_"));
    figures
}

/// F-X01, F-X11: with every secret in its place and all that can be logged switched on, one fault after the
/// other: neither the log, nor what commands print, nor figures, nor channels, nor the database show a secret or
/// what somebody holds.
#[tokio::test(flavor = "multi_thread")]
async fn no_fault_shows_a_secret_or_what_somebody_holds() {
    let twin = Twin::start(one_server()).await.unwrap();
    let upstream = Upstream::start(answer(&market(5.0))).await;
    let mut bot = TestBot::new(&twin, &upstream);
    bot.set("OPS__LOG_LEVEL", "trace");
    bot.set("SOURCES__COINGECKO__KEY", COINGECKO);
    bot.set("SOURCES__TOKEN_METRICS__ENABLED", "true");
    bot.set("SOURCES__TOKEN_METRICS__KEY", TOKEN_METRICS);
    bot.set("ALERTS__HOLD", "0s");
    bot.set("DELIVERY__TIMEOUT", "1s");
    bot.set("DELIVERY__SETTLE", "2s");
    bot.start(&twin, 1).await;
    let limits =
        fs::read_to_string(format!("/proc/{}/limits", bot.pid().as_raw_nonzero())).unwrap();
    let core = limits.lines().find(|line| line.contains("core file"));
    let core: Vec<&str> = core.unwrap().split_whitespace().collect();
    assert_eq!(core[4..6], ["0", "0"], "its memory is written nowhere");
    let mut canaries = Canaries::of(&twin, &bot);
    live(&twin).await;
    show(&upstream, market, 2.0).await;
    canaries.collect_letter(&letter(&twin).await);
    twin.wait_for_messages(server() + 1, 1, LONG).await.unwrap();
    fill_in(&twin).await;
    canaries.collect_tokens(&twin);
    for webhook in twin.webhooks(server() + 1) {
        twin.delete_webhook(webhook).unwrap();
    }
    for what in faults() {
        suffer(&twin, what).await;
    }
    // Of a webhook it says that its token is another one; of the bot's own it would end the process.
    let token_changed = What::error(401, 50027, "Invalid Webhook Token");
    twin.fault(Fault::on_webhooks(token_changed).times(1));
    write_to_both(&twin).await;
    canaries.collect_tokens(&twin);
    assert!(
        canaries.how_many("a webhook's token") >= 2,
        "one was made again"
    );
    assert!(struck(&twin, BY_WEBHOOK).contains(&401));
    for route in [BY_WEBHOOK, BY_OURSELVES, CALLBACK, ANSWER] {
        let struck = struck(&twin, route);
        for status in [400, 403, 404, 429, 500, 502] {
            assert!(
                struck.contains(&status),
                "{route}: {status} is not in {struck:?}"
            );
        }
    }
    for event in [
        ShardEvent::Reconnect,
        ShardEvent::InvalidSession(false),
        ShardEvent::Close(4000),
        ShardEvent::Cut,
    ] {
        twin.shard(0, event);
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    twin.send_raw(
        0,
        &format!(
            "{{\"op\":0,\"s\":1,\"t\":\"INTERACTION_CREATE\",\"d\":{{\"token\":\"{NOTE}\"}}}}"
        ),
    );
    upstream.set_raw(
        "text/html",
        format!("<html>{COINGECKO}</html>").replace("CG-", ""),
    );
    upstream.asked_again().await;
    upstream.fail(StatusCode::INTERNAL_SERVER_ERROR);
    upstream.asked_again().await;
    canaries.are_not_in("the figures", figures(&bot).await.as_bytes());
    // Discord takes the token back, and gives it out again.
    twin.revoke_token();
    assert_eq!(bot.exits().await, 77);
    twin.restore_token();
    upstream.fail(StatusCode::OK);
    upstream.set(answer(&market(5.0)));
    live_by_http(&twin, &mut bot).await;
    canaries.collect_tokens(&twin);
    canaries.are_not_in("the figures", figures(&bot).await.as_bytes());
    bot.kill();
    // The run ends at once, since there is no token.
    bot.unset("DISCORD__TOKEN");
    for arguments in [
        &["doctor"][..],
        &["backup", "copy.db"],
        &["export"],
        &["key", "rotate"],
        &["run"],
        &["key", "reset"],
    ] {
        let (told, _) = bot.says(arguments).await;
        canaries.are_not_in(&format!("what {arguments:?} prints"), told.as_bytes());
    }
    let log = fs::read(bot.path("log")).unwrap();
    assert!(
        log.len() > 20_000,
        "it is logged at TRACE: {} bytes",
        log.len()
    );
    canaries.are_not_in("the log", &log);
    for file in ["stipend.db", "stipend.db-wal", "copy.db"] {
        if let Ok(bytes) = fs::read(bot.path(file)) {
            canaries.are_not_in(file, &bytes);
        }
    }
    let to_the_member = twin.direct(member().id);
    let seen_by_others = |message: &&StoredMessage| {
        let flags = message.body["flags"].as_u64().unwrap_or(0);
        message.channel != to_the_member && flags & EPHEMERAL == 0
    };
    let messages = twin.ledger();
    let seen: Vec<_> = messages.iter().filter(seen_by_others).collect();
    assert!(seen.len() > 2);
    for message in seen {
        canaries.are_not_in("a channel", message.body.to_string().as_bytes());
    }
    // A lock screen may be read by others.
    canaries.0.retain(|(what, _)| *what != "a letter");
    let letters = messages
        .iter()
        .filter(|it| it.channel == to_the_member && !it.ephemeral);
    for letter in letters {
        canaries.are_not_in("a letter", letter.body.to_string().as_bytes());
    }
}

/// What Discord does to requests, one after the other.
fn faults() -> Vec<What> {
    let json = || "application/json".to_owned();
    vec![
        What::Status {
            code: 500,
            body: serde_json::json!({"message": "internal", "code": 0}),
            headers: Vec::new(),
        },
        What::Status {
            code: 400,
            body: serde_json::json!({"message": "Invalid Form Body", "code": 50035}),
            headers: Vec::new(),
        },
        What::too_many("user", Duration::from_secs(1)),
        What::Raw {
            code: 200,
            content_type: json(),
            body: "{\"id\":".to_owned(),
        },
        What::Raw {
            code: 502,
            content_type: "text/html".to_owned(),
            body: "<html>bad gateway</html>".to_owned(),
        },
        What::Reset,
        What::Delay(1_500),
        What::EmptyOk,
        What::error(403, 50013, "Missing Permissions"),
        What::error(404, 10003, "Unknown Channel"),
    ]
}
