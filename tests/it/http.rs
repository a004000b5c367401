//! Interactions that Discord posts to the bot. The twin signs them with a key of its own, by another
//! implementation than the one that the bot checks them with.

use std::time::Duration;

use discord_twin::{Fault, PATIENCE, Press, Reply, Twin, What, guild_on_shard, permission};
use serde_json::{Map, Value};
use sqlx::{Connection as _, SqliteConnection, sqlite::SqliteConnectOptions};
use stipend::clock::{Clock as _, SystemClock};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::metrics::scraped;
use crate::support::{
    LONG, TestBot, USDC, Upstream, answer, below_three, button, call, manage, market, member,
    one_server, other, pools_of, said, server, show, status, told_alone, until, world,
};

const OPENED: &str = "interactions endpoint is open";

async fn setting() -> (Twin, Upstream, TestBot) {
    let twin = Twin::start(one_server()).await.unwrap();
    let upstream = Upstream::start(answer(&market(5.0))).await;
    let mut bot = TestBot::new(&twin, &upstream);
    bot.set("DISCORD__INTERACTIONS_LISTEN", "127.0.0.1:0");
    (twin, upstream, bot)
}

/// A bot that listens, and a Discord that posts there.
async fn by_http() -> (Twin, Upstream, TestBot) {
    let (twin, upstream, mut bot) = setting().await;
    listens(&twin, &mut bot).await;
    (twin, upstream, bot)
}

async fn listens(twin: &Twin, bot: &mut TestBot) {
    bot.set("DISCORD__INTERACTIONS", "http");
    let opened = |bot: &TestBot| bot.log().matches(OPENED).count();
    let before = opened(bot);
    bot.start(twin, 0).await;
    // Where the commands and the market are known from an earlier run, nothing else is waited for.
    until("it listens", || opened(bot) > before).await;
    let url = format!("http://{}/interactions", host(bot));
    twin.set_endpoint(&url).await.unwrap();
}

fn host(bot: &TestBot) -> String {
    bot.address(OPENED)
}

/// A request as somebody writes it.
struct Request {
    method: &'static str,
    path: &'static str,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

fn now() -> String {
    (SystemClock.now().millis() / 1_000).to_string()
}

impl Request {
    fn post(body: &[u8]) -> Self {
        Self {
            method: "POST",
            path: "/interactions",
            headers: vec![("Content-Length", body.len().to_string())],
            body: body.to_vec(),
        }
    }

    /// Signed by Discord, now.
    fn signed(twin: &Twin, body: &[u8]) -> Self {
        Self::signed_at(twin, &now(), body)
    }

    fn signed_at(twin: &Twin, timestamp: &str, body: &[u8]) -> Self {
        Self::post(body)
            .with("X-Signature-Ed25519", &twin.sign(timestamp, body))
            .with("X-Signature-Timestamp", timestamp)
    }

    fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self.headers.push((name, value.to_owned()));
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self
    }

    fn head(&self) -> String {
        let mut head = format!(
            "{} {} HTTP/1.1\r\nHost: stipend\r\n",
            self.method, self.path
        );
        for (name, value) in &self.headers {
            head.extend([name, ": ", value, "\r\n"]);
        }
        head + "\r\n"
    }

    /// The status and what follows the head.
    async fn send(&self, bot: &TestBot) -> (u16, String) {
        let mut stream = TcpStream::connect(host(bot)).await.unwrap();
        stream.write_all(self.head().as_bytes()).await.unwrap();
        // Who is refused in the middle of a body may not get the rest of it out.
        drop(stream.write_all(&self.body).await);
        read(&mut stream).await
    }

    async fn status(&self, bot: &TestBot) -> u16 {
        self.send(bot).await.0
    }
}

async fn read(stream: &mut TcpStream) -> (u16, String) {
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer).await);
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
    (status.unwrap_or(0), body.to_owned())
}

/// Waits until the one command of a story that was posted by hand has its answer.
async fn answered(twin: &Twin) {
    until("it is answered", || {
        let mut requests = twin.requests().into_iter();
        requests.any(|it| it.method == "PATCH" && it.template.ends_with("/@original"))
    })
    .await;
}

/// What a person sees of a reply, without what differs from one asking to the next: ids, times and ages.
fn seen(reply: &Reply) -> Value {
    fn numbers_out(value: &mut Value) {
        match value {
            Value::String(text) => {
                // A time or an id has more digits in a row than any figure.
                let runs = text.split_inclusive(|c: char| !c.is_ascii_digit());
                let digits = |run: &str| run.bytes().filter(u8::is_ascii_digit).count();
                *text = runs.filter(|run| digits(run) < 9).collect();
            }
            Value::Array(list) => list.iter_mut().for_each(numbers_out),
            Value::Object(fields) => {
                fields.retain(|name, _| {
                    !matches!(name.as_str(), "timestamp" | "custom_id" | "footer")
                });
                fields.values_mut().for_each(numbers_out);
            }
            _ => {}
        }
    }
    let mut shown = Value::Object(
        ["content", "embeds", "components", "flags", "attachments"]
            .iter()
            .map(|part| ((*part).to_owned(), reply.message[*part].clone()))
            .collect(),
    );
    shown["deferred"] = reply.deferred.into();
    shown["ephemeral"] = reply.ephemeral.into();
    numbers_out(&mut shown);
    shown
}

/// What one and the same person asks in both ways.
async fn asked(twin: &Twin) -> Vec<Value> {
    let mut told = Vec::new();
    for question in [
        call("help"),
        call("yield pool").option("pool", USDC),
        call("yield pool").option("pool", "nonsense"),
        call("portfolio add")
            .option("pool", USDC)
            .option("amount", "$5000"),
        call("alerts list"),
        manage("alerts list"),
    ] {
        // A member is not offered what only managers may do, unless the server has changed that.
        let question = discord_twin::Invocation {
            permitted: true,
            ..question
        };
        told.push(seen(&twin.run(&question).await.unwrap()));
    }
    let typed = call("yield pool").option("pool", "usd");
    let choices = twin.autocomplete(&typed, "pool").await.unwrap();
    assert!(!choices.choices.is_empty());
    told.push(choices.choices.into());
    told
}

/// The same command code answers, whichever way a command comes: word for word the same, with the same eyes
/// on it. Without a gateway nothing identifies.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_answered_is_the_same_in_both_ways() {
    let (twin, _upstream, mut bot) = setting().await;
    bot.start(&twin, 1).await;
    let over_the_gateway = asked(&twin).await;
    assert_eq!(twin.all_identifies(), 1);
    bot.kill();
    listens(&twin, &mut bot).await;
    for (by_http, by_gateway) in asked(&twin).await.into_iter().zip(over_the_gateway) {
        assert_eq!(by_http, by_gateway);
    }
    assert_eq!(twin.all_identifies(), 1, "nothing has identified since");
    bot.end(&twin);
}

/// All that a person does, from the first start without a gateway on: a question with its button, a notice
/// that arrives, a press on it, a modal. The bot says truthfully how it listens.
#[tokio::test(flavor = "multi_thread")]
async fn a_bot_without_a_gateway_does_all_its_work() {
    let (twin, upstream, bot) = by_http().await;
    let add = call("portfolio add").option("pool", USDC);
    let add = add.option("amount", "$5000");
    let question = told_alone(&twin, &add, &["May I keep"]).await;
    let agree = button(&question.message, "I agree");
    let agree = Press::on_reply(question.interaction, agree).by(member());
    let added = twin.press(&agree).await.unwrap();
    assert!(
        added.updated && said(&added).contains("Added"),
        "{}",
        said(&added)
    );
    told_alone(&twin, &call("portfolio view"), &["USDC", "5,000"]).await;
    // Somebody would be woken for connections that are not wanted.
    let figures = scraped(&bot).await;
    assert!(figures.contains("\nstipend_alerts{"), "{figures}");
    assert!(!figures.contains("\nstipend_shards{"), "{figures}");

    let alert = twin.run(&below_three(USDC)).await.unwrap();
    assert!(said(&alert).contains("#1"), "{}", said(&alert));
    show(&upstream, market, 2.0).await;
    let notices = twin.wait_for_messages(server() + 1, 1, LONG).await.unwrap();
    assert_eq!(pools_of(&notices), [USDC]);
    let notice = &notices[0];
    let why = Press::on_message(notice.id, button(&notice.body, "Why")).by(other());
    let why = twin.press(&why).await.unwrap();
    assert!(why.ephemeral && said(&why).contains("Why alert #1 spoke"));
    let mine = Press::on_message(notice.id, button(&notice.body, "My impact")).by(other());
    let form = twin.press(&mine).await.unwrap();
    let mut fields = Map::new();
    fields.insert("amount".to_owned(), "10k".into());
    let meant = twin.submit_modal(form.interaction, &fields).await.unwrap();
    assert!(said(&meant).contains("$10,000.00"), "{}", said(&meant));

    let told = status(&twin).await;
    assert!(told.contains("by HTTP, without a gateway"), "{told}");
    assert!(
        told.contains("all well") && !told.contains("shard"),
        "{told}"
    );
    let ready = bot.readyz().await;
    assert!(
        ready.contains("200 OK") && ready.contains("\"listens\":true"),
        "{ready}"
    );
    assert!(ready.contains("\"shards\":0"), "{ready}");
    assert_eq!(twin.all_identifies(), 0);
    assert!(twin.sessions().is_empty());
    bot.end(&twin);
}

/// F-G08: whatever is not signed for this application, lately, over these bytes, gets a 401 and comes to
/// nothing; what is signed and makes no sense a 400. Nothing of it is logged, not even by a bot that tells
/// everything.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_from_discord_is_turned_away() {
    let (twin, _upstream, mut bot) = setting().await;
    bot.set("OPS__LOG_LEVEL", "trace");
    listens(&twin, &mut bot).await;
    let stranger = Twin::start(one_server()).await.unwrap();
    let body = twin.drafted(&below_three(USDC)).unwrap();
    let body = body.as_bytes();
    let right = || Request::signed(&twin, body);
    let seconds: i64 = now().parse().unwrap();
    let at = |off: i64| Request::signed_at(&twin, &(seconds + off).to_string(), body);
    let swapped = String::from_utf8(body.to_vec())
        .unwrap()
        .replace("apy_below", "apy_above");
    let refused = [
        ("no headers", Request::post(body)),
        ("no signature", right().without("X-Signature-Ed25519")),
        ("no time", right().without("X-Signature-Timestamp")),
        (
            "no hex",
            right().with("X-Signature-Ed25519", &"x".repeat(128)),
        ),
        ("too short", right().with("X-Signature-Ed25519", "00ff")),
        (
            "zeros",
            right().with("X-Signature-Ed25519", &"0".repeat(128)),
        ),
        ("another's key", Request::signed(&stranger, body)),
        (
            "another time",
            right().with("X-Signature-Timestamp", &(seconds + 1).to_string()),
        ),
        ("an old time", at(-310)),
        ("a time to come", at(310)),
        (
            "no time at all",
            right().with("X-Signature-Timestamp", "tomorrowish"),
        ),
        (
            "another body",
            Request {
                body: swapped.clone().into_bytes(),
                ..right()
            },
        ),
        (
            "a byte more",
            Request {
                body: [body, b" "].concat(),
                ..right().with("Content-Length", &(body.len() + 1).to_string())
            },
        ),
    ];
    for (what, request) in refused {
        assert_eq!(request.send(&bot).await, (401, String::new()), "{what}");
    }
    for rubbish in [
        "",
        "{}",
        "null",
        "no JSON",
        r#"{"type":99}"#,
        r#"{"type":2,"id":"1"}"#,
    ] {
        let request = Request::signed(&twin, rubbish.as_bytes());
        assert_eq!(request.status(&bot).await, 400, "{rubbish}");
    }
    for (method, path, status) in [
        ("GET", "/interactions", 405),
        ("PUT", "/interactions", 405),
        ("GET", "/", 404),
        ("POST", "/", 404),
        ("POST", "/interactions/", 404),
        ("GET", "/healthz", 404),
    ] {
        let request = Request {
            method,
            path,
            ..right()
        };
        assert_eq!(request.status(&bot).await, status, "{method} {path}");
    }
    assert!(
        !twin
            .requests()
            .iter()
            .any(|it| it.template.ends_with("/callback"))
    );

    // The same request as it should be, once and no more.
    let request = right();
    assert_eq!(request.send(&bot).await, (202, String::new()));
    answered(&twin).await;
    assert_eq!(request.status(&bot).await, 401, "the same again");
    assert_eq!(
        right().status(&bot).await,
        401,
        "the same with another time"
    );
    let list = said(&twin.run(&manage("alerts list")).await.unwrap());
    assert!(list.contains("#1") && !list.contains("#2"), "{list}");

    let log = bot.log();
    let value: Value = serde_json::from_slice(body).unwrap();
    for secret in [
        value["token"].as_str().unwrap(),
        &twin.sign(&now(), body),
        "apy_below",
        "tomorrowish",
    ] {
        assert!(!log.contains(secret), "“{secret}” is logged");
    }
    stranger.stop().await;
    bot.end(&twin);
}

/// F-G08: who has seen a request cannot have it done again by a bot that was started anew and remembers
/// nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_restart_makes_no_old_request_new() {
    let (twin, _upstream, mut bot) = by_http().await;
    let body = twin.drafted(&below_three(USDC)).unwrap();
    let request = Request::signed(&twin, body.as_bytes());
    assert_eq!(request.status(&bot).await, 202);
    answered(&twin).await;
    bot.kill();
    listens(&twin, &mut bot).await;
    assert_eq!(request.status(&bot).await, 401);
    let list = said(&twin.run(&manage("alerts list")).await.unwrap());
    assert!(list.contains("#1") && !list.contains("#2"), "{list}");
    bot.end(&twin);
}

/// F-G08: everybody may knock, so that nobody may take what others need: a body without end, one that drips,
/// a head that never ends, and hundreds at a time.
#[tokio::test(flavor = "multi_thread")]
async fn a_flood_keeps_nobody_from_being_answered() {
    let (twin, _upstream, bot) = by_http().await;
    let large = vec![b'x'; 1024 * 1024 + 1];
    assert_eq!(Request::signed(&twin, &large).status(&bot).await, 413);
    let chunked = Request {
        body: format!("{:x}\r\n{}", large.len(), "x".repeat(large.len())).into_bytes(),
        ..Request::post(b"")
            .without("Content-Length")
            .with("Transfer-Encoding", "chunked")
    };
    assert_eq!(chunked.status(&bot).await, 413);
    let largest = vec![b'x'; 1024 * 1024];
    assert_eq!(Request::signed(&twin, &largest).status(&bot).await, 400);

    // Two hundred that never get on: most hold a place, and the rest wait for one.
    let mut slow = Vec::new();
    for nth in 0..200 {
        let mut stream = TcpStream::connect(host(&bot)).await.unwrap();
        let request = Request::post(&[b'x'; 1000]);
        let begun = if nth % 2 == 0 {
            request.head() + "x"
        } else {
            "POST /interactions HTTP/1.1\r\nHost: st".to_owned()
        };
        stream.write_all(begun.as_bytes()).await.unwrap();
        slow.push(stream);
    }
    let begun = std::time::Instant::now();
    let mut first = slow.swap_remove(0);
    assert_eq!(read(&mut first).await.0, 408);
    let waited = begun.elapsed();
    let expected = Duration::from_secs(3)..Duration::from_secs(9);
    assert!(expected.contains(&waited), "{waited:?}");
    for mut stream in slow {
        let (status, _) = tokio::time::timeout(LONG, read(&mut stream)).await.unwrap();
        assert!([0, 408].contains(&status), "{status}");
    }
    let reply = twin.run(&call("help")).await.unwrap();
    assert!(said(&reply).contains("/yield find"));
    bot.end(&twin);
}

/// Without a gateway nobody tells of a right that came back. A command of whoever manages the server is
/// taken for a sign of it, and what was parked is tried.
#[tokio::test(flavor = "multi_thread")]
async fn a_managers_command_brings_a_parked_channel_back() {
    let (twin, upstream, bot) = by_http().await;
    let alert = twin.run(&below_three(USDC)).await.unwrap();
    assert!(said(&alert).contains("#1"), "{}", said(&alert));
    let webhook = twin.webhooks(server() + 1).remove(0);
    twin.set_channel_permissions(server() + 1, Some(permission::VIEW_CHANNEL))
        .unwrap();
    twin.delete_webhook(webhook).unwrap();
    show(&upstream, market, 2.0).await;
    until("it is parked", || {
        bot.log().contains("destinations were parked")
    })
    .await;
    twin.set_channel_permissions(server() + 1, None).unwrap();
    twin.run(&call("help")).await.unwrap();
    upstream.taken().await;
    assert!(
        twin.channel(server() + 1).is_empty(),
        "a member's word is no sign"
    );
    twin.run(&manage("alerts list")).await.unwrap();
    let notices = twin.wait_for_messages(server() + 1, 1, LONG).await.unwrap();
    assert_eq!(pools_of(&notices), [USDC]);
    bot.end(&twin);
}

/// F-G08: nothing listens unless it is asked for, and with another application's key nothing is even begun.
/// `doctor` says how it stands in one line, with what to do.
#[tokio::test(flavor = "multi_thread")]
async fn the_key_and_the_way_are_looked_at_before_the_start() {
    let (twin, _upstream, mut bot) = setting().await;
    bot.start(&twin, 1).await;
    assert!(!bot.log().contains("interactions endpoint"));
    bot.kill();
    let stranger = Twin::start(one_server()).await.unwrap();
    bot.set("DISCORD__INTERACTIONS", "http");
    bot.set("DISCORD__PUBLIC_KEY", stranger.public_key());
    let key = twin.public_key();
    bot.fails().await.check(
        78,
        &format!("not the key of this application, which is {key}"),
    );
    let (wrong, code) = bot.doctor().await;
    assert_eq!((wrong.len(), code), (1, Some(1)), "{wrong:?}");
    assert!(
        wrong[0].contains("discord.public_key") && wrong[0].contains(&key),
        "{wrong:?}"
    );
    bot.set("DISCORD__PUBLIC_KEY", "12");
    bot.fails().await.check(78, "64 hexadecimal digits");
    bot.set("DISCORD__PUBLIC_KEY", key.to_uppercase());
    assert_eq!(bot.doctor().await, (Vec::new(), Some(0)));
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    bot.set(
        "DISCORD__INTERACTIONS_LISTEN",
        taken.local_addr().unwrap().to_string(),
    );
    bot.fails().await.check(78, "discord.interactions_listen");
    bot.set("DISCORD__INTERACTIONS_LISTEN", "127.0.0.1:0");
    listens(&twin, &mut bot).await;
    told_alone(&twin, &call("help"), &["/yield find"]).await;
    bot.kill();
    // Discord posts there still, and a bot that waits at the gateway would wait for ever.
    bot.set("DISCORD__INTERACTIONS", "gateway");
    let (wrong, code) = bot.doctor().await;
    assert_eq!((wrong.len(), code), (1, Some(1)), "{wrong:?}");
    assert!(
        wrong[0].contains("/interactions and sends none over the gateway"),
        "{wrong:?}"
    );
    bot.spawn();
    until("it is said at the start", || {
        bot.log().contains("no command comes over the gateway")
    })
    .await;
    stranger.stop().await;
    bot.end(&twin);
}

/// A command that is under way when the bot is told to stop is answered, and no other is let in.
#[tokio::test(flavor = "multi_thread")]
async fn a_stop_lets_what_is_under_way_be_answered() {
    let (twin, _upstream, mut bot) = by_http().await;
    let callback = "/interactions/{id}/{token}/callback";
    twin.fault(Fault::on("POST", callback, What::Delay(1_500)).times(1));
    let asked = twin.invoke(&call("help")).unwrap();
    until("the command is taken up", || twin.in_flight() > 0).await;
    bot.signal(rustix::process::Signal::TERM);
    let (code, _) = bot.ends().await;
    assert_eq!(code, Some(0));
    let reply = twin.reply(asked, PATIENCE).await.unwrap();
    assert!(said(&reply).contains("/yield find"));
    bot.end(&twin);
}

/// The servers that the bot has noted as left.
async fn left(bot: &TestBot) -> Vec<u64> {
    let options = SqliteConnectOptions::new()
        .filename(bot.path("stipend.db"))
        .read_only(true);
    let mut open = SqliteConnection::connect_with(&options).await.unwrap();
    let sql = "SELECT guild_id FROM left_server ORDER BY guild_id";
    let ids: Vec<i64> = sqlx::query_scalar(sql).fetch_all(&mut open).await.unwrap();
    open.close().await.unwrap();
    ids.into_iter().map(i64::cast_unsigned).collect()
}

/// Waits until these are noted.
async fn are_left(bot: &TestBot, servers: &[u64]) {
    let begun = std::time::Instant::now();
    loop {
        let noted = left(bot).await;
        if noted == servers {
            return;
        }
        assert!(begun.elapsed() < LONG, "{noted:?}\n{}", bot.log());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

const MY_GUILDS: &str = "/users/@me/guilds";
const UNTOLD: &str = "Discord does not tell which servers the bot is in";

/// F-D07: a server that left and came back is noted as back where no gateway tells: by what its people do, and
/// not by somebody who brings the bot along as an app of their own.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_came_back_is_not_forgotten() {
    let (twin, _upstream, mut bot) = setting().await;
    bot.start(&twin, 1).await;
    twin.run(&below_three(USDC)).await.unwrap();
    twin.remove_guild(server()).unwrap();
    are_left(&bot, &[server()]).await;
    bot.kill();
    twin.restore_guild(server()).unwrap();
    let refused = What::error(500, 0, "internal");
    twin.fault(Fault::on("GET", MY_GUILDS, refused));
    listens(&twin, &mut bot).await;
    until("Discord tells nothing", || bot.log().contains(UNTOLD)).await;
    let brought = discord_twin::Invocation {
        user_install: true,
        ..call("help")
    };
    twin.run(&brought).await.unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(
        left(&bot).await,
        [server()],
        "it says nothing of the server"
    );
    twin.run(&call("help")).await.unwrap();
    are_left(&bot, &[]).await;
    let list = said(&twin.run(&manage("alerts list")).await.unwrap());
    assert!(list.contains("#1"), "{list}");
    bot.end(&twin);
}

/// F-D07: without a gateway Discord is asked which servers the bot is in, page by page. Who is not among them has
/// left, and is back when they are; an answer that fails on its second page says nothing of anybody.
#[tokio::test(flavor = "multi_thread")]
async fn who_removes_the_bot_is_found_out_without_a_gateway() {
    let twin = Twin::start(world().guilds(250)).await.unwrap();
    let upstream = Upstream::start(answer(&market(5.0))).await;
    let mut bot = TestBot::new(&twin, &upstream);
    bot.set("DISCORD__INTERACTIONS_LISTEN", "127.0.0.1:0");
    listens(&twin, &mut bot).await;
    let (first, last) = (server(), guild_on_shard(0, 1, 240));
    for guild in [first, last] {
        let alert = twin.run(&below_three(USDC).in_guild(guild)).await.unwrap();
        assert!(said(&alert).contains("is set"), "{}", said(&alert));
    }
    let asked = || {
        let mut requests = twin.requests();
        requests.retain(|it| it.template == MY_GUILDS && it.status == 200);
        requests.len()
    };
    until("all pages are asked for", || asked() == 3).await;

    bot.kill();
    twin.remove_guild(first).unwrap();
    let refused = What::error(500, 0, "internal");
    twin.fault(Fault::on("GET", MY_GUILDS, refused).skip(1).times(1));
    listens(&twin, &mut bot).await;
    until("half of it is told", || bot.log().contains(UNTOLD)).await;
    assert_eq!(left(&bot).await, [0_u64; 0]);

    bot.kill();
    listens(&twin, &mut bot).await;
    are_left(&bot, &[first]).await;

    bot.kill();
    twin.restore_guild(first).unwrap();
    listens(&twin, &mut bot).await;
    are_left(&bot, &[]).await;
    bot.end(&twin);
}

/// F-D07: of two servers that were left a month ago, the one that let the bot in again while nobody listened keeps
/// everything, though it has not said a word since, and the other is forgotten. While Discord says nothing of
/// them, both stay.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_came_back_unheard_is_asked_for_before_it_is_forgotten() {
    let twin = Twin::start(world().guilds(2)).await.unwrap();
    let upstream = Upstream::start(answer(&market(5.0))).await;
    let mut bot = TestBot::new(&twin, &upstream);
    bot.start(&twin, 1).await;
    let mut servers = [server(), guild_on_shard(0, 1, 1)];
    servers.sort_unstable();
    let [gone, back] = servers;
    for guild in servers {
        let alert = twin.run(&below_three(USDC).in_guild(guild)).await.unwrap();
        assert!(said(&alert).contains("is set"), "{}", said(&alert));
    }
    // After each answer it is noted that the bot is there.
    tokio::time::sleep(Duration::from_millis(500)).await;
    for guild in servers {
        twin.remove_guild(guild).unwrap();
    }
    are_left(&bot, &servers).await;
    bot.kill();
    long_ago(&bot).await;
    twin.restore_guild(back).unwrap();
    twin.fault(Fault::on("GET", MY_GUILDS, What::error(500, 0, "internal")));
    let silent = What::error(503, 0, "unavailable");
    twin.fault(Fault::on("GET", "/guilds/{id}", silent).times(2));
    bot.set("DISCORD__INTERACTIONS_LISTEN", "127.0.0.1:0");
    listens(&twin, &mut bot).await;
    until("nobody is forgotten on a guess", || {
        bot.log().matches("what is kept of it stays").count() == 2
    })
    .await;
    assert_eq!(left(&bot).await, servers);
    bot.kill();
    listens(&twin, &mut bot).await;
    are_left(&bot, &[]).await;
    assert_eq!(
        bot.log().matches("a month ago is forgotten").count(),
        1,
        "{gone}"
    );
    let list = manage("alerts list").in_guild(back);
    let list = said(&twin.run(&list).await.unwrap());
    assert!(list.contains("#2"), "{list}");
    bot.end(&twin);
}

/// What was noted as left was left a month earlier.
async fn long_ago(bot: &TestBot) {
    let options = SqliteConnectOptions::new().filename(bot.path("stipend.db"));
    let mut open = SqliteConnection::connect_with(&options).await.unwrap();
    let month = 31 * 24 * 3_600_000_i64;
    sqlx::query("UPDATE left_server SET left_at = left_at - $1")
        .bind(month)
        .execute(&mut open)
        .await
        .unwrap();
    open.close().await.unwrap();
}

/// F-D05: a parked channel is not tried with each command of whoever manages its server: each refusal would count
/// against the bot as a whole.
#[tokio::test(flavor = "multi_thread")]
async fn many_commands_of_a_manager_draw_few_refusals() {
    let (twin, upstream, bot) = by_http().await;
    twin.run(&below_three(USDC)).await.unwrap();
    let webhook = twin.webhooks(server() + 1).remove(0);
    twin.set_channel_permissions(server() + 1, Some(permission::VIEW_CHANNEL))
        .unwrap();
    twin.delete_webhook(webhook).unwrap();
    show(&upstream, market, 2.0).await;
    let tried = || bot.log().matches("channel stays parked").count();
    // A webhook that is gone is made anew at once, if that may be.
    until("it is parked and tried", || tried() == 1).await;
    for _ in 0..5 {
        twin.run(&manage("alerts list")).await.unwrap();
    }
    until("it is tried once more", || tried() == 2).await;
    for _ in 0..10 {
        twin.run(&manage("alerts list")).await.unwrap();
    }
    upstream.taken().await;
    assert_eq!(tried(), 2);
    bot.end(&twin);
}
