//! Our own way to Discord's REST API: the few calls that delivery needs.
//!
//! serenity's client lets others run into a global limit and logs webhook tokens, so it is used for
//! the gateway and for commands only.

use std::{fmt, time::Duration};

use bytes::{Bytes, BytesMut};
use reqwest::{
    Method, Url,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue},
    multipart::{Form, Part},
    redirect::Policy,
};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::outcome::{self, Answer, Authority, BODY_CAP, Outcome};
use crate::{
    domain::ids::{ChannelId, GuildId, MessageId, UserId, WebhookId},
    store::destinations::Destination,
};

const USER_AGENT: &str = concat!(
    "DiscordBot (https://github.com/stipend/stipend, ",
    env!("CARGO_PKG_VERSION"),
    ")"
);
/// Shorter than any whole time-out, so that a failed connection is known to have sent nothing.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Shorter than the other side keeps idle connections, which it would close under a request.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// No list is read further than this: a hundred messages, or the roles of a large server.
const LIST_CAP: usize = 2 * 1024 * 1024;

/// The application behind a bot; its webhooks are the ones that it may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApplicationId(pub u64);

/// What Discord says of the application behind a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Application {
    pub id: ApplicationId,
    /// The key that interactions by HTTP are signed for, in hexadecimal digits.
    pub verify_key: String,
    /// Where Discord posts interactions to; then none comes over the gateway.
    pub interactions_endpoint: Option<String>,
}

/// Speaks to Discord's REST API, once for each call: it neither waits nor tries again.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
    /// The header's value, marked as sensitive.
    bot: HeaderValue,
    edge_ban: Duration,
}

/// A webhook as it is used: with its token, and the thread of its channel that is meant.
#[derive(Debug, Clone)]
pub struct Webhook {
    pub id: WebhookId,
    pub token: SecretString,
    pub thread: Option<ChannelId>,
}

impl Webhook {
    /// That of a destination, with its opened token.
    pub fn of(place: &Destination, token: Option<SecretString>) -> Option<Self> {
        Some(Self {
            id: place.webhook?,
            token: token?,
            thread: place.parent.map(|_| place.channel),
        })
    }
}

/// A server that the bot is in, with its permissions over all channels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BotGuild {
    pub name: String,
    pub permissions: u64,
}

/// Why there can be no client.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("discord.api_url has to be an http or https address without a query")]
    Address,
    #[error(
        "the bot token holds characters that no token has; copy a fresh one from the Bot page of the developer portal"
    )]
    Token,
    #[error("the HTTP client cannot be set up")]
    Setup(#[source] reqwest::Error),
}

/// What a call carries. The same bytes go out at each attempt.
#[derive(Debug, Clone)]
pub struct Body {
    pub json: Bytes,
    pub file: Option<TextFile>,
}

/// A text that goes along as a file.
#[derive(Debug, Clone)]
pub struct TextFile {
    pub name: &'static str,
    pub text: String,
}

impl TextFile {
    fn beside(self, json: Bytes) -> Form {
        let json = Part::stream(json).mime_str("application/json");
        let file = Part::text(self.text).file_name(self.name);
        // A media type written here is one.
        let form = json.map_or_else(
            |_| Form::new(),
            |json| Form::new().part("payload_json", json),
        );
        form.part("files[0]", file)
    }
}

impl<T: Into<Bytes>> From<T> for Body {
    fn from(json: T) -> Self {
        Self {
            json: json.into(),
            file: None,
        }
    }
}

/// One call and what came of it.
pub struct Exchange {
    pub outcome: Outcome,
    pub status: Option<u16>,
    /// `None` when no answer came.
    pub headers: Option<HeaderMap>,
    /// Cut at [`BODY_CAP`], or at 2 MiB where something was asked for.
    pub body: Bytes,
}

impl Client {
    /// `api_url` is what stands before `/api/v10`, and `edge_ban` how long a ban lasts that does not
    /// say so.
    pub fn new(
        api_url: &str,
        timeout: Duration,
        edge_ban: Duration,
        token: &SecretString,
    ) -> Result<Self, ClientError> {
        let mut base = Url::parse(api_url).map_err(|_| ClientError::Address)?;
        if !matches!(base.scheme(), "http" | "https") || base.query().is_some() {
            return Err(ClientError::Address);
        }
        base.path_segments_mut()
            .map_err(|()| ClientError::Address)?
            .pop_if_empty()
            .extend(["api", "v10"]);
        let mut bot = HeaderValue::from_str(&format!("Bot {}", token.expose_secret()))
            .map_err(|_| ClientError::Token)?;
        bot.set_sensitive(true);
        let http = reqwest::Client::builder()
            .user_agent(USER_AGENT)
            .redirect(Policy::none())
            .no_proxy()
            .referer(false)
            .tcp_nodelay(true)
            .connect_timeout(CONNECT_TIMEOUT.min(timeout))
            .timeout(timeout)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .build()
            .map_err(|error| ClientError::Setup(error.without_url()))?;
        Ok(Self {
            http,
            base,
            bot,
            edge_ban,
        })
    }

    /// How long a ban is taken to last that does not say so.
    pub const fn edge_ban(&self) -> Duration {
        self.edge_ban
    }

    /// Posts a message; the answer holds its id.
    pub async fn execute_webhook(&self, webhook: &Webhook, body: Body) -> Exchange {
        let mut url = self.webhook_url(webhook, None);
        // Without it a message that is not stored brings no error.
        url.query_pairs_mut().append_pair("wait", "true");
        self.call(Method::POST, url, Authority::WebhookToken, Some(body))
            .await
    }

    /// Posts a message as the bot itself. Discord makes no second one for a nonce in the body that
    /// it remembers, and answers with the first.
    pub async fn create_message(&self, channel: ChannelId, body: Body) -> Exchange {
        let url = self.url(&["channels", &channel.to_string(), "messages"]);
        self.call(Method::POST, url, Authority::BotToken, Some(body))
            .await
    }

    /// Up to a hundred messages of a channel that are younger than `after`. What others wrote is
    /// blank in it, and so is what our webhooks wrote.
    pub async fn messages(&self, channel: ChannelId, after: MessageId) -> Exchange {
        let mut url = self.url(&["channels", &channel.to_string(), "messages"]);
        url.set_query(Some(&format!("limit=100&after={after}")));
        self.call(Method::GET, url, Authority::BotToken, None).await
    }

    /// A message of a webhook, with what stands in it.
    pub async fn webhook_message(&self, webhook: &Webhook, message: MessageId) -> Exchange {
        let url = self.webhook_url(webhook, Some(message));
        self.call(Method::GET, url, Authority::WebhookToken, None)
            .await
    }

    /// Puts other words in the place of a webhook's message.
    pub async fn edit_webhook_message(
        &self,
        webhook: &Webhook,
        message: MessageId,
        body: Body,
    ) -> Exchange {
        let url = self.webhook_url(webhook, Some(message));
        self.call(Method::PATCH, url, Authority::WebhookToken, Some(body))
            .await
    }

    pub async fn delete_webhook_message(&self, webhook: &Webhook, message: MessageId) -> Exchange {
        let url = self.webhook_url(webhook, Some(message));
        self.call(Method::DELETE, url, Authority::WebhookToken, None)
            .await
    }

    /// Puts other words in the place of a message that the bot itself wrote.
    pub async fn edit_message(
        &self,
        channel: ChannelId,
        message: MessageId,
        body: Body,
    ) -> Exchange {
        let (channel, message) = (channel.to_string(), message.to_string());
        let url = self.url(&["channels", &channel, "messages", &message]);
        self.call(Method::PATCH, url, Authority::BotToken, Some(body))
            .await
    }

    /// Deletes a message that the bot itself wrote, which needs no right.
    pub async fn delete_message(&self, channel: ChannelId, message: MessageId) -> Exchange {
        let (channel, message) = (channel.to_string(), message.to_string());
        let url = self.url(&["channels", &channel, "messages", &message]);
        self.call(Method::DELETE, url, Authority::BotToken, None)
            .await
    }

    /// A channel, with who may do what in it.
    pub async fn channel(&self, channel: ChannelId) -> Exchange {
        let url = self.url(&["channels", &channel.to_string()]);
        self.call(Method::GET, url, Authority::BotToken, None).await
    }

    /// Opens the direct channel of a person; the same one for each call.
    pub async fn open_direct(&self, person: UserId) -> Exchange {
        let url = self.url(&["users", "@me", "channels"]);
        let body = serde_json::json!({ "recipient_id": person.to_string() }).to_string();
        self.call(Method::POST, url, Authority::BotToken, Some(body.into()))
            .await
    }

    /// A server that the bot is in.
    pub async fn guild(&self, guild: GuildId) -> Exchange {
        let url = self.url(&["guilds", &guild.to_string()]);
        self.call(Method::GET, url, Authority::BotToken, None).await
    }

    /// The roles of a server.
    pub async fn roles(&self, guild: GuildId) -> Exchange {
        let url = self.url(&["guilds", &guild.to_string(), "roles"]);
        self.call(Method::GET, url, Authority::BotToken, None).await
    }

    /// A member of a server.
    pub async fn member(&self, guild: GuildId, user: UserId) -> Exchange {
        let url = self.url(&["guilds", &guild.to_string(), "members", &user.to_string()]);
        self.call(Method::GET, url, Authority::BotToken, None).await
    }

    /// The bot's own user.
    pub async fn me(&self) -> Exchange {
        let url = self.url(&["users", "@me"]);
        self.call(Method::GET, url, Authority::BotToken, None).await
    }

    /// What a webhook's own token shows of it.
    pub async fn webhook(&self, webhook: WebhookId, token: &SecretString) -> Exchange {
        let url = self.url(&["webhooks", &webhook.to_string(), token.expose_secret()]);
        self.call(Method::GET, url, Authority::WebhookToken, None)
            .await
    }

    /// The webhooks of a channel, with the tokens of those that are ours.
    pub async fn channel_webhooks(&self, channel: ChannelId) -> Exchange {
        let url = self.url(&["channels", &channel.to_string(), "webhooks"]);
        self.call(Method::GET, url, Authority::BotToken, None).await
    }

    pub async fn create_webhook(&self, channel: ChannelId, name: &str) -> Exchange {
        let url = self.url(&["channels", &channel.to_string(), "webhooks"]);
        let body = serde_json::json!({ "name": name }).to_string();
        self.call(Method::POST, url, Authority::BotToken, Some(body.into()))
            .await
    }

    /// The application that the bot's token belongs to, or what came instead of it.
    pub async fn application(&self) -> Result<Application, Outcome> {
        #[derive(Deserialize)]
        struct Told {
            id: String,
            #[serde(default)]
            verify_key: String,
            interactions_endpoint_url: Option<String>,
        }
        let url = self.url(&["applications", "@me"]);
        let exchange = self.call(Method::GET, url, Authority::BotToken, None).await;
        if !matches!(exchange.outcome, Outcome::Accepted { .. }) {
            return Err(exchange.outcome);
        }
        serde_json::from_slice(&exchange.body)
            .ok()
            .and_then(|told: Told| {
                Some(Application {
                    id: ApplicationId(told.id.parse().ok()?),
                    verify_key: told.verify_key,
                    interactions_endpoint: told.interactions_endpoint_url,
                })
            })
            .ok_or(exchange.outcome)
    }

    /// The servers that the bot is in, with its permissions there; the first 200.
    pub async fn guilds(&self) -> Result<Vec<BotGuild>, Outcome> {
        #[derive(Deserialize)]
        struct Listed {
            name: String,
            permissions: String,
        }
        let url = self.url(&["users", "@me", "guilds"]);
        let exchange = self.call(Method::GET, url, Authority::BotToken, None).await;
        if !matches!(exchange.outcome, Outcome::Accepted { .. }) {
            return Err(exchange.outcome);
        }
        let listed: Vec<Listed> =
            serde_json::from_slice(&exchange.body).map_err(|_| exchange.outcome)?;
        Ok(listed
            .into_iter()
            .map(|guild| BotGuild {
                name: guild.name,
                permissions: guild.permissions.parse().unwrap_or(0),
            })
            .collect())
    }

    fn webhook_url(&self, webhook: &Webhook, message: Option<MessageId>) -> Url {
        let (id, token) = (webhook.id.to_string(), webhook.token.expose_secret());
        let mut url = match message {
            None => self.url(&["webhooks", &id, token]),
            Some(message) => self.url(&["webhooks", &id, token, "messages", &message.to_string()]),
        };
        if let Some(thread) = webhook.thread {
            url.query_pairs_mut()
                .append_pair("thread_id", &thread.to_string());
        }
        url
    }

    fn url(&self, segments: &[&str]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.extend(segments);
        }
        url
    }

    async fn call(
        &self,
        method: Method,
        url: Url,
        authority: Authority,
        body: Option<Body>,
    ) -> Exchange {
        // Lists are longer than answers to a post, and asked for seldom.
        let cap = if method == Method::GET {
            LIST_CAP
        } else {
            BODY_CAP
        };
        let mut request = self.http.request(method, url);
        if authority == Authority::BotToken {
            request = request.header(AUTHORIZATION, self.bot.clone());
        }
        request = match body {
            None => request,
            Some(Body { json, file: None }) => {
                request.header(CONTENT_TYPE, "application/json").body(json)
            }
            Some(Body {
                json,
                file: Some(file),
            }) => request.multipart(file.beside(json)),
        };
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) => {
                let outcome = outcome::of_failure(&error);
                // The address holds the webhook's token.
                let error = anyhow::Error::from(error.without_url());
                tracing::debug!(
                    error = format!("{error:#}"),
                    ?outcome,
                    "no answer from Discord"
                );
                return Exchange {
                    outcome,
                    status: None,
                    headers: None,
                    body: Bytes::new(),
                };
            }
        };
        let answer = read(response, cap).await;
        Exchange {
            outcome: outcome::of_answer(authority, &answer, self.edge_ban),
            status: Some(answer.status.as_u16()),
            headers: Some(answer.headers),
            body: answer.body,
        }
    }
}

async fn read(mut response: reqwest::Response, cap: usize) -> Answer {
    let status = response.status();
    let headers = std::mem::take(response.headers_mut());
    let mut body = BytesMut::new();
    let complete = loop {
        match response.chunk().await {
            Ok(Some(chunk)) => {
                let room = cap - body.len();
                body.extend_from_slice(&chunk[..chunk.len().min(room)]);
                if chunk.len() > room {
                    break true;
                }
            }
            Ok(None) => break true,
            Err(_) => break false,
        }
    };
    Answer {
        status,
        headers,
        body: body.freeze(),
        complete,
    }
}

impl fmt::Debug for Exchange {
    /// Without the body, which may hold tokens.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange")
            .field("outcome", &self.outcome)
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("base", &self.base.as_str())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(api_url: &str) -> Result<Client, ClientError> {
        let token = SecretString::from("canary-token");
        let second = Duration::from_secs(1);
        Client::new(api_url, second, second, &token)
    }

    #[test]
    fn addresses_are_checked_and_completed() {
        for good in ["http://127.0.0.1:9", "http://127.0.0.1:9/"] {
            let url = client(good).unwrap().url(&["webhooks", "1", "a/../b?c"]);
            assert_eq!(
                url.as_str(),
                "http://127.0.0.1:9/api/v10/webhooks/1/a%2F..%2Fb%3Fc"
            );
        }
        for bad in [
            "discord.com",
            "ftp://discord.com",
            "http://h/?x=1",
            "data:x",
        ] {
            assert!(matches!(client(bad), Err(ClientError::Address)), "{bad}");
        }
    }

    #[test]
    fn no_token_is_shown() {
        let shown = format!("{:?}", client("http://127.0.0.1:9").unwrap());
        assert!(!shown.contains("canary"), "{shown}");
    }

    #[tokio::test]
    async fn a_refused_connection_has_sent_nothing() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let client = client(&format!("http://{address}")).unwrap();
        let webhook = Webhook {
            id: WebhookId(1),
            token: SecretString::from("t"),
            thread: None,
        };
        let exchange = client.execute_webhook(&webhook, "{}".into()).await;
        assert_eq!(exchange.outcome, Outcome::Unreached);
    }
}
