//! Nothing that is secret or somebody's own leaves by another way than it should.

use std::{fs, time::Duration};

use axum::http::StatusCode;
use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use discord_twin::{Fault, Press, ShardEvent, Twin, What};

use crate::support::{
    TestBot, USDC, Upstream, answer, below_three, button, call, manage, market, member, one_server,
    server, show,
};

/// What nobody may find anywhere, by what it is.
struct Canaries(Vec<(&'static str, String)>);

const COINGECKO: &str = "CG-canary0of0coingecko";
const TOKEN_METRICS: &str = "tm-canary0of0token0metrics";
const NOTE: &str = "canary under the mattress";
const AMOUNT: &str = "7654321.125";

impl Canaries {
    fn of(twin: &Twin, bot: &TestBot) -> Self {
        let key = fs::read(bot.path("stipend.key")).unwrap();
        let hex = format!("{key:02x?}").replace([',', ' ', '[', ']'], "");
        let mut all = vec![
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
        ];
        for channel in [server() + 1, server() + 2] {
            let tokens = twin.webhooks(channel).into_iter();
            let tokens = tokens.filter_map(|webhook| twin.webhook_token(webhook));
            all.extend(tokens.map(|token| ("a webhook's token", token)));
        }
        assert!(all.iter().any(|(what, _)| *what == "a webhook's token"));
        Self(all)
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
    let agree = button(&asked.message, "I agree");
    let agree = Press::on_reply(asked.interaction, agree).by(member());
    twin.press(&agree).await.unwrap();
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
    live(&twin).await;
    for what in faults() {
        twin.fault(Fault::everywhere(what).times(3));
        show(&upstream, market, 2.0).await;
        // Whatever came of it, somebody asked.
        drop(twin.invoke(&call("portfolio view").by(member())));
        show(&upstream, market, 5.0).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        twin.clear_faults();
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
    let canaries = Canaries::of(&twin, &bot);
    let figures = reqwest::get(format!(
        "http://{}/metrics",
        bot.address("ops endpoint is open")
    ));
    let figures = figures.await.unwrap().text().await.unwrap();
    assert!(figures.contains("stipend_"));
    canaries.are_not_in("the figures", figures.as_bytes());
    bot.kill();
    // The run ends at once, since there is no token.
    bot.unset("DISCORD__TOKEN_FILE");
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
    let seen_by_others = |flags: Option<u64>| flags.unwrap_or(0) & EPHEMERAL == 0;
    let messages = twin.ledger();
    assert!(messages.len() > 2);
    for message in messages
        .iter()
        .filter(|it| seen_by_others(it.body["flags"].as_u64()))
    {
        canaries.are_not_in("a channel", message.body.to_string().as_bytes());
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
    ]
}
