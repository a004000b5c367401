//! A bot without any Discord library, and the world that it lives in.

use std::path::{Path, PathBuf};

use discord_twin::{
    Channel, ChannelKind, Guild, Invocation, Limits, Twin, World, guild_on_shard, permission,
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

pub(crate) const AGENT: &str = "DiscordBot (https://example.org, 1.0)";

/// A bot of a few lines.
pub(crate) struct Bot {
    pub(crate) http: reqwest::Client,
    pub(crate) base: String,
    pub(crate) token: String,
}

pub(crate) struct Got {
    pub(crate) status: StatusCode,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: Value,
}

impl Bot {
    #[expect(
        clippy::disallowed_methods,
        reason = "the rule is for the bot's own clients"
    )]
    pub(crate) fn of(twin: &Twin) -> Self {
        Self {
            http: reqwest::Client::new(),
            base: twin.base_url().to_owned(),
            token: twin.token(),
        }
    }

    pub(crate) async fn call(
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

    pub(crate) async fn get(&self, path: &str) -> Got {
        self.call(Method::GET, path, None).await.unwrap()
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Got {
        self.call(Method::POST, path, Some(body)).await.unwrap()
    }

    pub(crate) async fn patch(&self, path: &str, body: Value) -> Got {
        self.call(Method::PATCH, path, Some(body)).await.unwrap()
    }

    pub(crate) async fn webhook(&self, channel: u64) -> (u64, String) {
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

pub(crate) fn guild() -> u64 {
    guild_on_shard(0, 1, 0)
}

pub(crate) fn channel() -> u64 {
    guild() + 1
}

pub(crate) fn world() -> World {
    let guild = Guild::new(guild(), "Test").channel(channel(), "yields");
    let forum = Channel::new(self::guild() + 2, "forum", ChannelKind::Forum);
    let dark = Channel::new(self::guild() + 3, "dark", ChannelKind::Text)
        .permissions(permission::SEND_MESSAGES);
    plain_world()
        .guild(guild.with(forum).with(dark))
        .limits(Limits::off())
        .free_identifies()
}

/// A world of nothing, checked against Discord's own description where that is at hand.
pub(crate) fn plain_world() -> World {
    World {
        openapi: Some(description()).filter(|path| path.is_file()),
        ..World::default()
    }
}

/// The file that `DISCORD_OPENAPI` names; else the one in the folder that `STIPEND_SHARED` names, or
/// in `shared` beside the workspace.
fn description() -> PathBuf {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    let shared = || std::env::var_os("STIPEND_SHARED").map_or_else(beside, PathBuf::from);
    std::env::var_os("DISCORD_OPENAPI")
        .map_or_else(|| shared().join("discord/openapi.json"), PathBuf::from)
}

pub(crate) fn alerts() -> Value {
    json!([{"name": "alerts", "description": "Alerts", "contexts": [0, 1], "options": [
        {"type": 1, "name": "add", "description": "Add", "options": [
            {"type": 3, "name": "pool", "description": "Pool", "required": true, "autocomplete": true},
            {"type": 7, "name": "channel", "description": "Where"}]}]}])
}

pub(crate) async fn register(bot: &Bot) {
    let path = format!("/applications/{}/commands", World::default().application);
    let made = bot.call(Method::PUT, &path, Some(alerts())).await.unwrap();
    assert_eq!(made.status, 200, "{}", made.body);
    assert_eq!(made.body[0]["name"], "alerts");
}

pub(crate) fn silent(content: &str) -> Value {
    json!({"content": content, "allowed_mentions": {"parse": []}})
}

pub(crate) fn add() -> Invocation {
    Invocation::of("alerts add")
        .in_guild(guild())
        .option("pool", "x")
        .option("channel", channel())
}

/// Checks that just these rules were broken since the last look, each by words of its sentence.
#[track_caller]
pub(crate) fn broken(twin: &Twin, words: &[&str]) {
    let sentences = twin.take_violations();
    let fit = sentences
        .iter()
        .zip(words)
        .all(|(sentence, words)| sentence.contains(words));
    assert!(
        fit && sentences.len() == words.len(),
        "{words:?}: {sentences:#?}"
    );
}
