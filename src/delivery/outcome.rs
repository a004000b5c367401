//! What an answer of Discord means. The only file that looks at a status or an error code.

use std::{borrow::Cow, time::Duration};

use bytes::Bytes;
use reqwest::{
    StatusCode,
    header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER},
};

use crate::domain::ids::MessageId;

/// No answer is read further than this.
pub const BODY_CAP: usize = 64 * 1024;

/// How long a limit lasts that does not say for how long.
const UNSAID_LIMIT: Duration = Duration::from_secs(5);
/// Longer waits are not believed.
const LONGEST_WAIT: Duration = Duration::from_hours(7 * 24);

/// What a request was allowed by; a 401 says that this is what is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authority {
    WebhookToken,
    BotToken,
}

/// An answer as far as it was read. Not for logs: it may hold tokens.
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    /// At most [`BODY_CAP`] bytes.
    pub body: Bytes,
    /// The answer came to its end.
    pub complete: bool,
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// Discord did it. The message's id, where the answer holds one.
    Accepted { message: Option<MessageId> },
    /// Nothing was sent: no address, no connection, no encryption.
    Unreached,
    /// Nothing was sent, because we held it back ourselves.
    HeldBack { wait: Duration },
    /// Refused for its rate, and not done.
    Limited { scope: Scope, wait: Duration },
    /// Refused at the edge for everything that comes from this address.
    Banned { wait: Duration },
    /// It may have been done or not.
    Unclear(Unclear),
    /// The body is wrong; the same body will be refused again.
    Malformed { code: Option<u64> },
    /// A filter of the server does not want this text.
    Filtered { code: u64 },
    /// The message that was asked for is no longer there; to a nonce: that it was made and deleted.
    MessageGone,
    /// The place does not take messages from us any more.
    DeadEnd(DeadEnd),
    /// The channel or the server has as many webhooks as it may have.
    WebhooksFull,
    /// The bot's own token is not accepted.
    BotTokenRefused,
}

/// Whose limit was hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    User,
    /// Shared with others; does not count as an invalid request.
    Shared,
    Global,
}

/// Why it is not known whether something was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unclear {
    TimedOut,
    Broken,
    /// 502 or 503: probably not done.
    Gateway,
    Server,
    /// This process ended, or its task did, with the request under way.
    Interrupted,
}

impl Unclear {
    pub const fn slug(self) -> &'static str {
        match self {
            Self::TimedOut => "timed_out",
            Self::Broken => "connection_broken",
            Self::Gateway => "gateway_error",
            Self::Server => "server_error",
            Self::Interrupted => "interrupted",
        }
    }
}

/// Why nothing more is sent to a place for now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeadEnd {
    WebhookGone,
    TokenChanged,
    /// The stored token does not open with the master key.
    TokenUnreadable,
    ChannelGone,
    /// The bot does not see the channel.
    NoAccess,
    /// The bot lacks a right in the channel.
    NoPermission,
    Forbidden,
    /// A forum, an announcement follower, or another kind that a plain message does not fit.
    WrongKind,
    ThreadClosed,
    /// Something answered that is not Discord.
    NotDiscord,
    /// A notice became too old in spite of attempts, and nothing got through for a day.
    Failing,
    /// A person takes no direct messages from the bot, or shares no server with it.
    DirectRefused,
}

impl DeadEnd {
    pub const ALL: [Self; 12] = [
        Self::WebhookGone,
        Self::TokenChanged,
        Self::TokenUnreadable,
        Self::ChannelGone,
        Self::NoAccess,
        Self::NoPermission,
        Self::Forbidden,
        Self::WrongKind,
        Self::ThreadClosed,
        Self::NotDiscord,
        Self::Failing,
        Self::DirectRefused,
    ];

    pub const fn slug(self) -> &'static str {
        match self {
            Self::WebhookGone => "webhook_gone",
            Self::TokenChanged => "token_changed",
            Self::TokenUnreadable => "token_unreadable",
            Self::ChannelGone => "channel_gone",
            Self::NoAccess => "no_access",
            Self::NoPermission => "no_permission",
            Self::Forbidden => "forbidden",
            Self::WrongKind => "wrong_kind",
            Self::ThreadClosed => "thread_closed",
            Self::NotDiscord => "not_discord",
            Self::Failing => "failing",
            Self::DirectRefused => "direct_refused",
        }
    }

    pub fn parse(slug: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|end| end.slug() == slug)
    }

    /// Whether it was Discord that answered, so that the answer tells something of the place.
    pub const fn is_from_discord(self) -> bool {
        !matches!(self, Self::NotDiscord)
    }
}

impl Outcome {
    /// What is kept as an entry's last error; `None` when nothing went wrong.
    pub fn error(&self) -> Option<Cow<'static, str>> {
        Some(match self {
            Self::Accepted { .. } | Self::HeldBack { .. } => return None,
            Self::Unreached => "unreached".into(),
            Self::Limited { .. } => "rate_limited".into(),
            Self::Banned { .. } => "banned".into(),
            Self::Unclear(why) => why.slug().into(),
            Self::Malformed { code: Some(code) } => format!("malformed {code}").into(),
            Self::Malformed { code: None } => "malformed".into(),
            Self::Filtered { code } => format!("filtered {code}").into(),
            Self::DeadEnd(end) => end.slug().into(),
            Self::MessageGone => "message_gone".into(),
            Self::WebhooksFull => "webhooks_full".into(),
            Self::BotTokenRefused => "bot_token_refused".into(),
        })
    }

    /// Whether Discord took the call, or may have, so that it counts in the limits of its channel.
    pub const fn was_taken(&self) -> bool {
        !matches!(
            self,
            Self::Unreached | Self::HeldBack { .. } | Self::Limited { .. } | Self::Banned { .. }
        )
    }

    /// Whether it shows that Discord fails; `None` when it shows nothing about that.
    pub const fn shows_failure(&self) -> Option<bool> {
        match self {
            Self::HeldBack { .. }
            | Self::Banned { .. }
            | Self::DeadEnd(DeadEnd::NotDiscord)
            | Self::Unclear(Unclear::Interrupted) => None,
            Self::Unreached | Self::Unclear(_) => Some(true),
            Self::Accepted { .. }
            | Self::Limited { .. }
            | Self::Malformed { .. }
            | Self::Filtered { .. }
            | Self::MessageGone
            | Self::DeadEnd(_)
            | Self::WebhooksFull
            | Self::BotTokenRefused => Some(false),
        }
    }
}

/// Whether Discord counts an answer among the invalid requests, of which too many ban the address.
pub const fn is_invalid(status: Option<u16>, outcome: &Outcome) -> bool {
    let shared = matches!(
        outcome,
        Outcome::Limited {
            scope: Scope::Shared,
            ..
        }
    );
    matches!(status, Some(401 | 403 | 429)) && !shared
}

/// What a failed call means for whether something was sent.
pub fn of_failure(error: &reqwest::Error) -> Outcome {
    if error.is_connect() || error.is_builder() {
        Outcome::Unreached
    } else if error.is_timeout() {
        Outcome::Unclear(Unclear::TimedOut)
    } else {
        Outcome::Unclear(Unclear::Broken)
    }
}

/// What an answer means. A ban that does not say for how long lasts for `unsaid_ban`.
pub fn of_answer(authority: Authority, answer: &Answer, unsaid_ban: Duration) -> Outcome {
    let body = Body::read(answer);
    let status = answer.status.as_u16();
    let banned = || Outcome::Banned {
        wait: longest_wait(answer, &body).unwrap_or(unsaid_ban),
    };
    if body.code == Some(40333) {
        return banned();
    }
    match status {
        // Without wait=true, or from something between us and Discord, there may be no message in it.
        200..=299 if answer.complete => Outcome::Accepted {
            message: body.message,
        },
        200..=299 => Outcome::Unclear(Unclear::Broken),
        300..=399 => Outcome::DeadEnd(DeadEnd::NotDiscord),
        429 if body.from_discord => Outcome::Limited {
            scope: scope(answer, &body),
            wait: longest_wait(answer, &body).unwrap_or(UNSAID_LIMIT),
        },
        429 => banned(),
        403 if body.from_edge => banned(),
        // Discord refuses in JSON; this is a page of something in between.
        401 | 404 if body.from_edge => Outcome::DeadEnd(DeadEnd::NotDiscord),
        401 if authority == Authority::BotToken => Outcome::BotTokenRefused,
        400..=499 => refusal(authority, status, body.code),
        502 | 503 => Outcome::Unclear(Unclear::Gateway),
        _ => Outcome::Unclear(Unclear::Server),
    }
}

/// The request was refused and not done; the code says more than the status, where there is one.
fn refusal(authority: Authority, status: u16, code: Option<u64>) -> Outcome {
    match (code, status) {
        // https://docs.discord.com/developers/topics/opcodes-and-status-codes
        (Some(130_000), _) | (_, 408) => Outcome::Unclear(Unclear::Server),
        (Some(code @ (200_000 | 200_001 | 240_000)), _) => Outcome::Filtered { code },
        (Some(220_001..=220_004 | 50024 | 50073), _) => Outcome::DeadEnd(DeadEnd::WrongKind),
        (Some(30007 | 30058), _) => Outcome::WebhooksFull,
        (Some(10008), _) => Outcome::MessageGone,
        (Some(10003 | 10004), _) => Outcome::DeadEnd(DeadEnd::ChannelGone),
        (Some(10015), _) => Outcome::DeadEnd(DeadEnd::WebhookGone),
        (Some(50027), _) | (_, 401) => Outcome::DeadEnd(DeadEnd::TokenChanged),
        (Some(50007 | 50278), _) => Outcome::DeadEnd(DeadEnd::DirectRefused),
        (Some(50001), _) => Outcome::DeadEnd(DeadEnd::NoAccess),
        (Some(50013), _) => Outcome::DeadEnd(DeadEnd::NoPermission),
        (Some(50083 | 160_005), _) => Outcome::DeadEnd(DeadEnd::ThreadClosed),
        (_, 403) => Outcome::DeadEnd(DeadEnd::Forbidden),
        (_, 404) => Outcome::DeadEnd(match authority {
            Authority::WebhookToken => DeadEnd::WebhookGone,
            Authority::BotToken => DeadEnd::ChannelGone,
        }),
        (code, _) => Outcome::Malformed { code },
    }
}

/// The parts of a body that decide something.
#[derive(Debug, Default)]
struct Body {
    code: Option<u64>,
    message: Option<MessageId>,
    retry_after: Option<f64>,
    global: bool,
    /// An answer of the API and not of something in front of it.
    from_discord: bool,
    /// A page of the edge, which refuses us as a whole.
    from_edge: bool,
}

impl Body {
    fn read(answer: &Answer) -> Self {
        let kind = answer
            .headers
            .get(CONTENT_TYPE)
            .and_then(|kind| kind.to_str().ok())
            .unwrap_or_default();
        let html = kind.starts_with("text/html");
        let json: Option<serde_json::Value> = serde_json::from_slice(&answer.body).ok();
        let object = json.as_ref().and_then(serde_json::Value::as_object);
        let field = |name| object.and_then(|object| object.get(name));
        let banned = answer
            .body
            .windows(BANNED.len())
            .any(|part| part == BANNED.as_bytes());
        Self {
            code: field("code").and_then(serde_json::Value::as_u64),
            message: field("id")
                .and_then(serde_json::Value::as_str)
                .and_then(|id| id.parse().ok())
                .map(MessageId),
            retry_after: field("retry_after").and_then(serde_json::Value::as_f64),
            global: field("global").and_then(serde_json::Value::as_bool) == Some(true),
            from_discord: !html
                && !banned
                && (object.is_some()
                    || kind.starts_with("application/json")
                    || answer.headers.contains_key("x-ratelimit-scope")),
            from_edge: html || banned,
        }
    }
}

const BANNED: &str = "error code: 1015";

fn scope(answer: &Answer, body: &Body) -> Scope {
    let header = |name| {
        answer
            .headers
            .get(name)
            .and_then(|value| value.to_str().ok())
    };
    let flagged =
        header("x-ratelimit-global").is_some_and(|flag| flag.eq_ignore_ascii_case("true"));
    match header("x-ratelimit-scope") {
        Some("global") => Scope::Global,
        _ if flagged || body.global => Scope::Global,
        Some("shared") => Scope::Shared,
        _ => Scope::User,
    }
}

/// The header is in whole seconds and the body in fractions; the longer of them holds.
fn longest_wait(answer: &Answer, body: &Body) -> Option<Duration> {
    let header = answer
        .headers
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.trim().parse().ok());
    [header, body.retry_after]
        .into_iter()
        .flatten()
        .filter_map(|seconds: f64| {
            let seconds = seconds.min(LONGEST_WAIT.as_secs_f64());
            Duration::try_from_secs_f64(seconds).ok()
        })
        .max()
}

#[cfg(test)]
mod tests;
