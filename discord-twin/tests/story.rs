//! The twin as a bot sees it: over raw HTTP and a raw socket, without any Discord library.

#![expect(
    clippy::unwrap_used,
    reason = "the helpers of these tests are tests, too"
)]

use std::time::Duration;

use discord_twin::{
    Channel, ChannelKind, Fault, Guild, Invocation, Limits, NoIdentify, Person, Press, ShardEvent,
    Twin, TwinError, What, World, guild_on_shard, permission,
};
use futures::{SinkExt, StreamExt};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite::Message};

const SECOND: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(5);
const AGENT: &str = "DiscordBot (https://example.org, 1.0)";

/// A bot of a few lines.
struct Bot {
    http: reqwest::Client,
    base: String,
    token: String,
}

struct Got {
    status: StatusCode,
    headers: reqwest::header::HeaderMap,
    body: Value,
}

impl Bot {
    #[expect(
        clippy::disallowed_methods,
        reason = "the rule is for the bot's own clients"
    )]
    fn of(twin: &Twin) -> Self {
        Self {
            http: reqwest::Client::new(),
            base: twin.base_url().to_owned(),
            token: twin.token(),
        }
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<Got, reqwest::Error> {
        let mut request = self
            .http
            .request(method, format!("{}/api/v10{path}", self.base))
            .header("User-Agent", AGENT);
        let has_own_token = path.starts_with("/webhooks/") || path.starts_with("/interactions/");
        if !has_own_token {
            request = request.header("Authorization", format!("Bot {}", self.token));
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let text = answer.text().await?;
        Ok(Got {
            status,
            headers,
            body: serde_json::from_str(&text).unwrap_or(Value::String(text)),
        })
    }

    async fn get(&self, path: &str) -> Got {
        self.call(Method::GET, path, None).await.unwrap()
    }

    async fn post(&self, path: &str, body: Value) -> Got {
        self.call(Method::POST, path, Some(body)).await.unwrap()
    }

    async fn patch(&self, path: &str, body: Value) -> Got {
        self.call(Method::PATCH, path, Some(body)).await.unwrap()
    }

    async fn webhook(&self, channel: u64) -> (u64, String) {
        let made = self
            .post(
                &format!("/channels/{channel}/webhooks"),
                json!({"name": "Yields"}),
            )
            .await;
        assert_eq!(made.status, 200, "{}", made.body);
        (
            made.body["id"].as_str().unwrap().parse().unwrap(),
            made.body["token"].as_str().unwrap().to_owned(),
        )
    }
}

/// A gateway connection.
struct Gateway {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    session: String,
    seq: u64,
}

impl Gateway {
    async fn open(url: &str) -> Self {
        let (socket, _) = connect_async(format!("{url}?v=10&encoding=json"))
            .await
            .unwrap();
        let mut gateway = Self {
            socket,
            session: String::new(),
            seq: 0,
        };
        let hello = gateway.next().await.unwrap();
        assert_eq!(hello["op"], 10);
        gateway
    }

    async fn identify(twin: &Twin, shard: u32, of: u32) -> Self {
        let mut gateway = Self::open(&format!(
            "{}/gateway",
            twin.base_url().replace("http", "ws")
        ))
        .await;
        gateway.send_identify(&twin.token(), shard, of).await;
        let ready = gateway.event("READY").await;
        ready["session_id"]
            .as_str()
            .unwrap()
            .clone_into(&mut gateway.session);
        gateway
    }

    async fn send_identify(&mut self, token: &str, shard: u32, of: u32) {
        let data = json!({"token": token, "intents": 1 | 32 | 512, "shard": [shard, of], "properties": {"os": "x"}});
        self.send(json!({"op": 2, "d": data})).await;
    }

    async fn send(&mut self, message: Value) {
        self.socket
            .send(Message::text(message.to_string()))
            .await
            .unwrap();
    }

    /// The next payload; the close code as the error, 0 when there is none.
    async fn next(&mut self) -> Result<Value, u16> {
        loop {
            match tokio::time::timeout(PATIENCE, self.socket.next())
                .await
                .expect("nothing came")
            {
                Some(Ok(Message::Text(text))) => {
                    let value: Value = serde_json::from_str(&text).unwrap();
                    if let Some(seq) = value["s"].as_u64() {
                        self.seq = seq;
                    }
                    return Ok(value);
                }
                Some(Ok(Message::Close(frame))) => {
                    return Err(frame.map_or(0, |frame| frame.code.into()));
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(0),
            }
        }
    }

    /// The data of the next event with this name.
    async fn event(&mut self, name: &str) -> Value {
        loop {
            let payload = self.next().await.unwrap();
            if payload["t"] == name {
                return payload["d"].clone();
            }
        }
    }
}

fn guild() -> u64 {
    guild_on_shard(0, 1, 0)
}

fn channel() -> u64 {
    guild() + 1
}

fn world() -> World {
    let guild = Guild::new(guild(), "Test").channel(channel(), "yields");
    let forum = Channel::new(self::guild() + 2, "forum", ChannelKind::Forum);
    let dark = Channel::new(self::guild() + 3, "dark", ChannelKind::Text)
        .permissions(permission::SEND_MESSAGES);
    World::default()
        .guild(guild.with(forum).with(dark))
        .limits(Limits::off())
        .free_identifies()
}

fn alerts() -> Value {
    json!([{"name": "alerts", "description": "Alerts", "contexts": [0, 1], "options": [
        {"type": 1, "name": "add", "description": "Add", "options": [
            {"type": 3, "name": "pool", "description": "Pool", "required": true, "autocomplete": true},
            {"type": 7, "name": "channel", "description": "Where"}]}]}])
}

async fn register(bot: &Bot) {
    let path = format!("/applications/{}/commands", World::default().application);
    let made = bot.call(Method::PUT, &path, Some(alerts())).await.unwrap();
    assert_eq!(made.status, 200, "{}", made.body);
    assert_eq!(made.body[0]["name"], "alerts");
}

fn silent(content: &str) -> Value {
    json!({"content": content, "allowed_mentions": {"parse": []}})
}

fn add() -> Invocation {
    Invocation::of("alerts add")
        .in_guild(guild())
        .option("pool", "x")
        .option("channel", channel())
}

#[tokio::test]
async fn a_command_is_deferred_answered_and_followed_up() {
    let twin = Twin::start(world()).await.unwrap();
    let bot = Bot::of(&twin);
    register(&bot).await;
    let mut gateway = Gateway::identify(&twin, 0, 1).await;
    assert_eq!(gateway.event("GUILD_CREATE").await["name"], "Test");

    let id = twin.invoke(&add()).unwrap();
    let interaction = gateway.event("INTERACTION_CREATE").await;
    assert_eq!(interaction["id"], id.to_string());
    assert_eq!(
        interaction["data"]["options"][0]["options"][1]["value"],
        channel().to_string()
    );
    assert_eq!(
        interaction["data"]["resolved"]["channels"][channel().to_string()]["name"],
        "yields"
    );
    let token = interaction["token"].as_str().unwrap();

    let callback = format!("/interactions/{id}/{token}/callback");
    let defer = json!({"type": 5, "data": {"flags": 64}});
    assert_eq!(bot.post(&callback, defer.clone()).await.status, 204);
    assert!(matches!(
        twin.reply(id, SECOND / 20).await,
        Err(TwinError::NoReply { .. })
    ));
    let again = bot.post(&callback, defer).await;
    assert_eq!(
        (again.status.as_u16(), &again.body["code"]),
        (400, &json!(40060))
    );
    assert_eq!(twin.take_violations().len(), 1);

    let button = json!([{"type": 1, "components": [{"type": 2, "style": 1, "label": "More", "custom_id": "more"},
        {"type": 2, "style": 2, "label": "Off", "custom_id": "off", "disabled": true}]}]);
    let application = twin.application();
    let original = format!("/webhooks/{application}/{token}/messages/@original");
    let edit = json!({"content": "Added", "components": button, "allowed_mentions": {"parse": []}});
    assert_eq!(bot.patch(&original, edit).await.status, 200);
    assert_eq!(
        bot.post(
            &format!("/webhooks/{application}/{token}"),
            silent("And more")
        )
        .await
        .status,
        200
    );

    let reply = twin.reply(id, PATIENCE).await.unwrap();
    assert_eq!(
        (reply.content(), reply.ephemeral, reply.deferred),
        ("Added", true, true)
    );
    assert_eq!(reply.followups[0]["content"], "And more");
    assert!(reply.first_answer_after < SECOND);

    assert!(twin.press_only(&Press::on_reply(id, "off")).is_err());
    assert!(
        twin.press_only(&Press::on_reply(id, "more").by(Person::new(5, "eve")))
            .is_err()
    );
    let pressed = twin.press_only(&Press::on_reply(id, "more")).unwrap();
    let click = gateway.event("INTERACTION_CREATE").await;
    assert_eq!(click["message"]["content"], "Added");
    let token = click["token"].as_str().unwrap();
    let update = json!({"type": 7, "data": {"content": "Less", "components": [], "allowed_mentions": {"parse": []}}});
    bot.post(&format!("/interactions/{pressed}/{token}/callback"), update)
        .await;
    let reply = twin.reply(pressed, PATIENCE).await.unwrap();
    assert_eq!((reply.content(), reply.updated), ("Less", true));
    assert_eq!(twin.violations(), Vec::<String>::new());
    twin.stop().await;
}

#[tokio::test]
async fn autocomplete_and_modals() {
    let twin = Twin::start(world()).await.unwrap();
    let bot = Bot::of(&twin);
    register(&bot).await;
    let mut gateway = Gateway::identify(&twin, 0, 1).await;

    let typing = add().option("pool", "us");
    let (choices, ()) = tokio::join!(twin.autocomplete(&typing, "pool"), async {
        let typed = gateway.event("INTERACTION_CREATE").await;
        assert_eq!(typed["data"]["options"][0]["options"][0]["focused"], true);
        let path = format!(
            "/interactions/{}/{}/callback",
            typed["id"].as_str().unwrap(),
            typed["token"].as_str().unwrap()
        );
        bot.post(
            &path,
            json!({"type": 8, "data": {"choices": [{"name": "USDC", "value": "usdc"}]}}),
        )
        .await;
    });
    assert_eq!(choices.unwrap().choices[0]["value"], "usdc");

    let id = twin.invoke(&add()).unwrap();
    let interaction = gateway.event("INTERACTION_CREATE").await;
    let token = interaction["token"].as_str().unwrap();
    let input =
        json!({"type": 4, "custom_id": "note", "label": "Note", "style": 1, "min_length": 2});
    let modal = json!({"type": 9, "data": {"custom_id": "m", "title": "Note", "components": [
        {"type": 1, "components": [input]}]}});
    assert_eq!(
        bot.post(&format!("/interactions/{id}/{token}/callback"), modal)
            .await
            .status,
        204
    );
    assert!(twin.reply(id, PATIENCE).await.unwrap().modal.is_some());
    let short = json!({"note": "x"});
    assert!(
        twin.submit_modal(id, short.as_object().unwrap())
            .await
            .is_err()
    );
    let values = json!({"note": "hello"});
    let (reply, ()) = tokio::join!(twin.submit_modal(id, values.as_object().unwrap()), async {
        let sent = gateway.event("INTERACTION_CREATE").await;
        assert_eq!(
            sent["data"]["components"][0]["components"][0]["value"],
            "hello"
        );
        let path = format!(
            "/interactions/{}/{}/callback",
            sent["id"].as_str().unwrap(),
            sent["token"].as_str().unwrap()
        );
        bot.post(&path, json!({"type": 4, "data": silent("Noted")}))
            .await;
    });
    assert_eq!(reply.unwrap().content(), "Noted");
    assert_eq!(twin.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn an_unanswered_interaction_is_dead_and_noted() {
    let twin = Twin::start(World {
        first_answer_ms: 50,
        ..world()
    })
    .await
    .unwrap();
    let bot = Bot::of(&twin);
    register(&bot).await;
    let mut gateway = Gateway::identify(&twin, 0, 1).await;
    let id = twin.invoke(&add()).unwrap();
    let interaction = gateway.event("INTERACTION_CREATE").await;
    tokio::time::sleep(Duration::from_millis(80)).await;
    let violations = twin.take_violations();
    assert_eq!(violations.len(), 1, "{violations:?}");
    let path = format!(
        "/interactions/{id}/{}/callback",
        interaction["token"].as_str().unwrap()
    );
    let late = bot
        .post(&path, json!({"type": 4, "data": silent("x")}))
        .await;
    assert_eq!(
        (late.status.as_u16(), &late.body["code"]),
        (404, &json!(10062))
    );
}

#[tokio::test]
async fn webhooks_from_creation_to_death() {
    let twin = Twin::start(world()).await.unwrap();
    let bot = Bot::of(&twin);
    let mut gateway = Gateway::identify(&twin, 0, 1).await;
    let (id, token) = bot.webhook(channel()).await;
    assert_eq!(
        gateway.event("WEBHOOKS_UPDATE").await["channel_id"],
        channel().to_string()
    );

    let path = format!("/webhooks/{id}/{token}");
    let mut body = silent("First");
    body["embeds"] = json!([{"title": "USDC", "fields": [{"name": "APY", "value": "4 %"}], "footer": {"text": "#7F3K"}}]);
    let sent = bot.post(&format!("{path}?wait=true"), body).await;
    assert_eq!(sent.status, 200);
    assert_eq!(bot.post(&path, silent("Second")).await.status, 204);
    let messages = twin
        .wait_for_messages(channel(), 2, PATIENCE)
        .await
        .unwrap();
    assert_eq!(messages[1].content(), "Second");
    assert_eq!(
        gateway.event("MESSAGE_CREATE").await["webhook_id"],
        id.to_string()
    );

    let message = sent.body["id"].as_str().unwrap();
    let listed = bot
        .get(&format!(
            "/channels/{}/messages?after=1&limit=100",
            channel()
        ))
        .await;
    assert_eq!(listed.body.as_array().unwrap().len(), 2);
    assert_eq!(listed.body[1]["id"], message);
    assert_eq!(
        listed.body[1]["content"], "",
        "content is blank for the bot token"
    );
    let own = bot.get(&format!("{path}/messages/{message}")).await;
    assert_eq!(
        (
            &own.body["content"],
            &own.body["embeds"][0]["footer"]["text"]
        ),
        (&json!("First"), &json!("#7F3K"))
    );
    let edited = bot
        .patch(&format!("{path}/messages/{message}"), silent("Edited"))
        .await;
    assert_eq!(edited.body["content"], "Edited");
    assert_eq!(twin.violations(), Vec::<String>::new());

    assert_eq!(
        bot.post(&path, json!({"content": "loud"})).await.status,
        204
    );
    assert!(twin.take_violations()[0].contains("allowed_mentions"));
    let empty = bot
        .post(&path, json!({"allowed_mentions": {"parse": []}}))
        .await;
    assert_eq!(empty.body["code"], 50006);
    assert_eq!(twin.take_violations().len(), 1);

    let wrong = bot
        .post(&format!("/webhooks/{id}/wrong"), silent("x"))
        .await;
    assert_eq!(
        (wrong.status.as_u16(), &wrong.body["code"]),
        (401, &json!(50027))
    );
    twin.delete_webhook(id).unwrap();
    let gone = bot.post(&path, silent("x")).await;
    assert_eq!(
        (gone.status.as_u16(), &gone.body["code"]),
        (404, &json!(10015))
    );
    assert!(twin.take_violations()[0].contains("gone"));

    let forum = bot.webhook(guild() + 2).await;
    let path = format!("/webhooks/{}/{}?wait=true", forum.0, forum.1);
    assert_eq!(bot.post(&path, silent("x")).await.body["code"], 220_001);
    let mut body = silent("x");
    body["thread_name"] = json!("Topic");
    assert_eq!(bot.post(&path, body).await.status, 200);
    let dark = bot
        .post(
            &format!("/channels/{}/webhooks", guild() + 3),
            json!({"name": "x"}),
        )
        .await;
    assert_eq!(dark.body["code"], 50001);
}

#[tokio::test]
async fn limits_strike_and_pauses_are_watched() {
    let limits = Limits {
        time_scale: 0.5,
        ..Limits::default()
    };
    let twin = Twin::start(world().limits(limits)).await.unwrap();
    let bot = Bot::of(&twin);
    let (id, token) = bot.webhook(channel()).await;
    let path = format!("/webhooks/{id}/{token}?wait=true");
    for left in (0..5).rev() {
        let sent = bot.post(&path, silent("x")).await;
        assert_eq!(sent.headers["x-ratelimit-remaining"], left.to_string());
    }
    let limited = bot.post(&path, silent("x")).await;
    assert_eq!(limited.status, 429);
    assert_eq!(limited.headers["x-ratelimit-scope"], "user");
    let wait = limited.body["retry_after"].as_f64().unwrap();
    assert!(wait <= 1.0 && limited.headers["retry-after"] == wait.to_string());
    assert_eq!(twin.violations(), Vec::<String>::new());
    tokio::time::sleep(Duration::from_millis(150)).await;
    assert_eq!(bot.post(&path, silent("x")).await.status, 429);
    assert!(twin.take_violations()[0].contains("Retry-After"));
    tokio::time::sleep(Duration::from_secs_f64(wait)).await;
    assert_eq!(bot.post(&path, silent("x")).await.status, 200);
    assert_eq!(twin.ledger_len(), 6);
    assert_eq!(twin.invalid_requests(), 2);
}

#[tokio::test]
async fn the_nonce_counts_on_create_message_only() {
    let twin = Twin::start(world()).await.unwrap();
    let bot = Bot::of(&twin);
    let path = format!("/channels/{}/messages", channel());
    let mut body = silent("once");
    body["nonce"] = json!("abc");
    body["enforce_nonce"] = json!(true);
    let first = bot.post(&path, body.clone()).await;
    let second = bot.post(&path, body.clone()).await;
    assert_eq!(
        (first.status.as_u16(), &first.body["id"]),
        (200, &second.body["id"])
    );
    twin.delete_message(first.body["id"].as_str().unwrap().parse().unwrap())
        .unwrap();
    assert_eq!(bot.post(&path, body).await.body["code"], 10008);
    let (id, token) = bot.webhook(channel()).await;
    let mut body = silent("twice");
    body["nonce"] = json!("abc");
    for _ in 0..2 {
        bot.post(&format!("/webhooks/{id}/{token}"), body.clone())
            .await;
    }
    assert_eq!(twin.channel(channel()).len(), 2);
}

#[tokio::test]
async fn faults_before_and_after() {
    let twin = Twin::start(world()).await.unwrap();
    let bot = Bot::of(&twin);
    let (id, token) = bot.webhook(channel()).await;
    let path = format!("/webhooks/{id}/{token}?wait=true");

    twin.fault(Fault::on_webhooks(What::error(503, 0, "")).of(id).times(1));
    assert_eq!(bot.post(&path, silent("a")).await.status, 503);
    assert_eq!(twin.ledger_len(), 0);
    twin.fault(Fault::on_webhooks(What::Reset).of(id).times(1));
    assert!(
        bot.call(Method::POST, &path, Some(silent("b")))
            .await
            .is_err()
    );
    assert_eq!(twin.ledger_len(), 0);
    twin.fault(Fault::on_webhooks(What::Reset).after().times(1));
    assert!(
        bot.call(Method::POST, &path, Some(silent("c")))
            .await
            .is_err()
    );
    assert_eq!(twin.last(channel()).unwrap().content(), "c");
    twin.fault(Fault::on_webhooks(What::ResetThenApply(100)).times(1));
    assert!(
        bot.call(Method::POST, &path, Some(silent("d")))
            .await
            .is_err()
    );
    assert_eq!((twin.ledger_len(), twin.in_flight()), (1, 1));
    twin.wait_for_messages(channel(), 2, PATIENCE)
        .await
        .unwrap();
    twin.fault(Fault::on_webhooks(What::NoWait).after().times(1));
    assert_eq!(bot.post(&path, silent("e")).await.status, 204);
    assert_eq!(twin.ledger_len(), 3);

    twin.fault(Fault::on_webhooks(What::too_many("user", SECOND / 2)).times(1));
    assert_eq!(bot.post(&path, silent("f")).await.status, 429);
    tokio::time::sleep(Duration::from_millis(150)).await;
    assert_eq!(bot.post(&path, silent("g")).await.status, 429);
    assert!(twin.take_violations()[0].contains("Retry-After"));

    twin.fault(Fault::everywhere(What::Html1015).times(1));
    let banned = bot.get("/users/@me").await;
    assert_eq!(
        (
            banned.status.as_u16(),
            banned.headers["content-type"]
                .to_str()
                .unwrap()
                .starts_with("text/html")
        ),
        (429, true)
    );
    assert!(banned.body.as_str().unwrap().contains("1015"));
    assert_eq!(twin.in_flight(), 0);
}

#[tokio::test]
async fn sessions_resume_and_end() {
    let twin = Twin::start(world()).await.unwrap();
    let bot = Bot::of(&twin);
    register(&bot).await;
    let mut gateway = Gateway::identify(&twin, 0, 1).await;
    twin.wait_ready(1, PATIENCE).await.unwrap();
    gateway.send(json!({"op": 1, "d": gateway.seq})).await;
    while gateway.next().await.unwrap()["op"] != 11 {}

    assert!(twin.shard(0, ShardEvent::Cut));
    while gateway.next().await.is_ok() {}
    let id = twin.invoke(&add()).unwrap();
    let resume = format!("{}/gateway/resume", twin.base_url().replace("http", "ws"));
    let mut resumed = Gateway::open(&resume).await;
    let data = json!({"token": twin.token(), "session_id": gateway.session, "seq": gateway.seq});
    resumed.send(json!({"op": 6, "d": data})).await;
    assert_eq!(
        resumed.event("INTERACTION_CREATE").await["id"],
        id.to_string(),
        "missed events are replayed"
    );
    resumed.event("RESUMED").await;
    assert_eq!(
        (
            twin.identifies(0),
            twin.resumes(0),
            twin.resumes_elsewhere()
        ),
        (1, 1, 0)
    );

    assert!(twin.shard(0, ShardEvent::Repeat));
    resumed.event("RESUMED").await;
    assert!(twin.shard(0, ShardEvent::Reconnect));
    assert_eq!(resumed.next().await.unwrap()["op"], 7);
    twin.guild_outage(guild()).unwrap();
    assert_eq!(resumed.event("GUILD_DELETE").await["unavailable"], true);
    assert_eq!(
        bot.get(&format!("/guilds/{}", guild())).await.body["code"],
        10004
    );
    twin.restore_guild(guild()).unwrap();
    resumed.event("GUILD_CREATE").await;
    twin.remove_guild(guild()).unwrap();
    assert!(
        resumed
            .event("GUILD_DELETE")
            .await
            .get("unavailable")
            .is_none()
    );

    twin.refuse_identifies(NoIdentify::Close(4014), Some(1));
    let mut refused = Gateway::open(&format!(
        "{}/gateway",
        twin.base_url().replace("http", "ws")
    ))
    .await;
    refused.send_identify(&twin.token(), 0, 1).await;
    assert_eq!(refused.next().await, Err(4014));

    twin.revoke_token();
    assert_eq!(resumed.next().await, Err(4004));
    assert_eq!(bot.get("/users/@me").await.status, 401);
    assert_eq!(twin.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn a_thousand_servers_on_four_shards() {
    let twin = Twin::start(World::default().shards(4).guilds(1000))
        .await
        .unwrap();
    let bot = Bot::of(&twin);
    assert_eq!(bot.get("/gateway/bot").await.body["shards"], 4);
    let page = bot.get("/users/@me/guilds").await;
    assert_eq!(page.body.as_array().unwrap().len(), 200);
    for shard in 0..4 {
        let mut gateway = Gateway::identify(&twin, shard, 4).await;
        for _ in 0..250 {
            gateway.event("GUILD_CREATE").await;
        }
    }
    let mut early = Gateway::open(&format!(
        "{}/gateway",
        twin.base_url().replace("http", "ws")
    ))
    .await;
    early.send_identify(&twin.token(), 1, 4).await;
    assert_eq!(early.next().await.unwrap()["op"], 9);
    assert_eq!(twin.violations().len(), 1);
}

#[tokio::test]
async fn headers_and_versions_are_judged() {
    let twin = Twin::start(world()).await.unwrap();
    let bot = Bot::of(&twin);
    let plain = bot
        .http
        .get(format!("{}/api/v10/gateway", twin.base_url()))
        .send()
        .await
        .unwrap();
    assert_eq!(plain.status(), 200);
    assert!(twin.take_violations()[0].contains("User-Agent"));
    let nobody = bot
        .http
        .get(format!("{}/api/v10/users/@me", twin.base_url()))
        .header("User-Agent", AGENT);
    assert_eq!(nobody.send().await.unwrap().status(), 401);
    assert!(twin.take_violations()[0].contains("Authorization"));
    let old = bot
        .http
        .get(format!("{}/api/webhooks/1/x", twin.base_url()))
        .header("User-Agent", AGENT);
    assert_eq!(old.send().await.unwrap().status(), 400);
    assert!(twin.take_violations()[0].contains("version"));
}

#[tokio::test]
async fn the_control_port_offers_the_same() {
    let twin = Twin::start(world()).await.unwrap();
    let bot = Bot::of(&twin);
    let control = |path: &str| format!("{}/twin{path}", twin.base_url());
    let hook = bot
        .http
        .post(control(&format!("/channels/{}/webhooks", channel())))
        .json(&json!({"name": "Pasted"}));
    let hook: Value = hook.send().await.unwrap().json().await.unwrap();
    let (id, token) = (
        hook["id"].as_str().unwrap(),
        hook["token"].as_str().unwrap(),
    );
    let form = reqwest::multipart::Form::new()
        .text("payload_json", silent("with a file").to_string())
        .part(
            "files[0]",
            reqwest::multipart::Part::bytes(b"a,b\n".to_vec()).file_name("export.csv"),
        );
    let sent = bot.http.post(format!(
        "{}/api/v10/webhooks/{id}/{token}?wait=true",
        twin.base_url()
    ));
    let sent: Value = sent
        .header("User-Agent", AGENT)
        .multipart(form)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(sent["attachments"][0]["filename"], "export.csv");
    let url = sent["attachments"][0]["url"].as_str().unwrap();
    assert_eq!(
        bot.http
            .get(url)
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap(),
        "a,b\n"
    );

    let wait = bot.http.get(control(&format!(
        "/channels/{}/wait?count=1&timeout_ms=1000",
        channel()
    )));
    let messages: Value = wait.send().await.unwrap().json().await.unwrap();
    assert_eq!(messages[0]["via"], json!({"webhook": id}));
    assert_eq!(messages[0]["files"][0]["size"], 4);
    let fault = json!({"method": "POST", "what": {"status": {"code": 500}}, "times": 1});
    assert_eq!(
        bot.http
            .post(control("/fault"))
            .json(&fault)
            .send()
            .await
            .unwrap()
            .status(),
        204
    );
    assert_eq!(
        bot.post(&format!("/webhooks/{id}/{token}"), silent("x"))
            .await
            .status,
        500
    );
    let invoked = bot
        .http
        .post(control("/invoke"))
        .json(&json!({"command": "nothing", "guild": guild().to_string()}));
    let invoked = invoked.send().await.unwrap();
    assert_eq!(invoked.status(), 422);
    let close = bot
        .http
        .post(control("/gateway/shards/0"))
        .json(&json!({"close": 4000}))
        .send()
        .await
        .unwrap();
    assert_eq!(close.status(), 409);
    let requests: Value = bot
        .http
        .get(control("/requests"))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(
        requests["requests"][0]["template"],
        "/webhooks/{id}/{token}"
    );
    assert!(!requests.to_string().contains(token));
    assert_eq!(twin.violations(), Vec::<String>::new());
}
