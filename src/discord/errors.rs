//! What can go wrong in a command: something the person can put right, or something of ours.

use poise::{FrameworkError, serenity_prelude as serenity};
use tracing::{debug, warn};

use std::sync::Arc;

use super::{
    context::Bot,
    params::Misread,
    reply::{self, Visibility},
};
use crate::{
    domain::{
        ids::{AlertId, ChannelId},
        rule::RuleError,
        time::Span,
    },
    render::{error, message::Message, text},
    store::StoreError,
};

/// Why a command did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    #[error("{0:?}")]
    User(Trouble),
    #[error(transparent)]
    Internal(#[from] anyhow::Error),
}

impl From<Trouble> for CommandError {
    fn from(trouble: Trouble) -> Self {
        Self::User(trouble)
    }
}

impl From<StoreError> for CommandError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Busy => Self::User(Trouble::Busy),
            error => Self::Internal(error.into()),
        }
    }
}

impl From<serenity::Error> for CommandError {
    fn from(error: serenity::Error) -> Self {
        Self::Internal(error.into())
    }
}

/// Something that the person can put right, with the value that was wrong.
#[derive(Debug, Clone, PartialEq)]
pub enum Trouble {
    OnlyInServers,
    NeedsManageServer,
    /// Discord still shows a form of the command that is no longer ours.
    Outdated,
    /// The button is not ours, too old, or used up.
    Expired,
    NotYours,
    /// The database is in use for longer than we wait for it.
    Busy,
    /// The market has not been read yet.
    NoMarketYet,
    /// No pool answers to the text. The closest, as they are called.
    PoolUnknown {
        text: String,
        closest: Vec<String>,
    },
    /// Several pools answer to the text.
    PoolAmbiguous {
        text: String,
        closest: Vec<String>,
    },
    /// No asset, protocol or chain has the name.
    NameUnknown {
        what: &'static str,
        text: String,
        closest: Vec<String>,
    },
    Rule(RuleError),
    HoldTooLong(Span),
    /// An alert on everything would never be silent.
    ScopeTooWide,
    NothingMatches,
    TooManyAlerts {
        limit: usize,
    },
    AlertUnknown(AlertId),
    PositionUnknown,
    TooManyPositions {
        limit: usize,
    },
    /// Neither an amount nor a value, or both.
    HoldingUnclear,
    /// A share of this pool has no one asset.
    ValueNeeded {
        pool: String,
    },
    /// The pool has several tokens, and none was named.
    AssetNeeded {
        assets: Vec<String>,
    },
    AssetNotInPool {
        asset: String,
        assets: Vec<String>,
    },
    NoteTooLong {
        most: usize,
    },
    /// A thread has no webhooks of its own.
    ThreadChosen,
    /// We lack rights in the channel.
    RightsLacking {
        channel: ChannelId,
        rights: Vec<&'static str>,
    },
    /// The channel cannot be posted to; why, and what mends it.
    ChannelRefused(String),
}

impl Trouble {
    /// What was wrong, and what to do.
    pub fn words(&self) -> String {
        let quoted = |text: &str| format!("“{}”", text::escape(text));
        match self {
            Self::OnlyInServers => error::line(&error::Trouble::NotInServer),
            Self::NeedsManageServer => error::line(&error::Trouble::CallerLacks {
                what: "Manage Server".to_owned(),
            }),
            Self::Busy => error::line(&error::Trouble::Busy),
            Self::Outdated => {
                "Discord shows an older form of this command. Reload Discord (Ctrl+R) and try again."
                    .to_owned()
            }
            Self::Expired => "This button has expired. Give the command again.".to_owned(),
            Self::NotYours => "This button is for somebody else.".to_owned(),
            Self::NoMarketYet => error::line(&error::Trouble::MarketEmpty),
            Self::PoolUnknown { text, closest } => with_closest(
                &format!("No pool answers to {}.", quoted(text)),
                "Closest",
                closest,
                "Pick one of those that are offered while you type, or search with `/yield find`.",
            ),
            Self::PoolAmbiguous { text, closest } => with_closest(
                &format!("Several pools answer to {}.", quoted(text)),
                "The largest",
                closest,
                "Pick one of those that are offered while you type, or add words such as the \
                 protocol and the chain.",
            ),
            Self::NameUnknown {
                what,
                text,
                closest,
            } => with_closest(
                &format!("No pool has the {what} {}.", quoted(text)),
                "Closest",
                closest,
                "Pick one of those that are offered while you type.",
            ),
            Self::Rule(rule) => error::line(&error::Trouble::BadRule(rule.clone())),
            Self::HoldTooLong(span) => format!(
                "{span} is too long to wait; `hold` and `clear_hold` may be up to 7d."
            ),
            Self::ScopeTooWide => "This would watch every pool there is. Narrow it with `pool`, \
                 `asset`, `protocol`, `chain`, `method` or `min_tvl`."
                .to_owned(),
            Self::NothingMatches => "No pool fits all of these together. Leave one out, or look \
                 with `/yield find` first."
                .to_owned(),
            Self::TooManyAlerts { limit } => error::line(&error::Trouble::TooMany {
                what: "alerts in this server".to_owned(),
                limit: *limit,
            }),
            Self::AlertUnknown(id) => error::line(&error::Trouble::NoSuchAlert { id: *id }),
            Self::PositionUnknown => error::line(&error::Trouble::NoSuchPosition),
            Self::TooManyPositions { limit } => error::line(&error::Trouble::TooMany {
                what: "positions of yours".to_owned(),
                limit: *limit,
            }),
            Self::HoldingUnclear => "Tell either `amount`, in units of a token, or `value`, in US \
                 dollars; one of the two."
                .to_owned(),
            Self::ValueNeeded { pool } => format!(
                "A share of {pool} is no single token, so its units say nothing about its worth. \
                 Tell its `value` in US dollars instead of an `amount`."
            ),
            Self::AssetNeeded { assets } => format!(
                "Which token is the amount in? Name it with `asset`: {}.",
                names(assets)
            ),
            Self::AssetNotInPool { asset, assets } => format!(
                "The pool does not hold {}. It holds {}.",
                quoted(asset),
                names(assets)
            ),
            Self::NoteTooLong { most } => {
                format!("The note is too long; {most} characters are kept.")
            }
            Self::ThreadChosen => "Notices go to a text or announcement channel, not to a thread \
                 or a voice channel. Name one with `channel`."
                .to_owned(),
            Self::RightsLacking { channel, rights } => {
                let rights: Vec<String> =
                    rights.iter().map(|right| format!("**{right}**")).collect();
                format!(
                    "I cannot post in <#{channel}>: I lack {}. Open the channel's settings, \
                     *Permissions*, add my role and allow it there; then try again.",
                    rights.join(" and ")
                )
            }
            Self::ChannelRefused(words) => sentence(words),
        }
    }
}

fn with_closest(what: &str, heading: &str, closest: &[String], hint: &str) -> String {
    if closest.is_empty() {
        return format!("{what} {hint}");
    }
    let lines: Vec<String> = closest.iter().map(|name| format!("- {name}")).collect();
    format!("{what} {heading}:\n{}\n{hint}", lines.join("\n"))
}

fn names(assets: &[String]) -> String {
    let names: Vec<String> = assets
        .iter()
        .take(10)
        .map(|asset| text::name(asset))
        .collect();
    names.join(", ")
}

/// The domain quotes what was typed between backticks, where nothing can be escaped.
fn misread_words(words: &str) -> String {
    sentence(&text::escape_to(&words.replace('`', "'"), text::SENTENCE))
}

/// A sentence of somebody else's words: an upper-case start and a stop at the end.
fn sentence(words: &str) -> String {
    let mut letters = words.chars();
    let Some(first) = letters.next() else {
        return String::new();
    };
    let stop = if words.ends_with(['.', '!', '?']) {
        ""
    } else {
        "."
    };
    format!("{}{}{stop}", first.to_uppercase(), letters.as_str())
}

/// Names one failure for the person and for the log. An interaction has one answer, so its own id
/// names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Incident(pub u64);

impl std::fmt::Display for Incident {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:x}", self.0)
    }
}

impl Incident {
    fn words(self) -> String {
        error::line(&error::Trouble::Internal {
            incident: self.to_string(),
        })
    }
}

/// Discord's word for an interaction that is over, or was answered before. Nobody sees an answer.
pub fn is_over(error: &serenity::Error) -> bool {
    const UNKNOWN_INTERACTION: isize = 10062;
    const ALREADY_ACKNOWLEDGED: isize = 40060;
    matches!(
        error,
        serenity::Error::Http(serenity::HttpError::UnsuccessfulRequest(response))
            if matches!(response.error.code, UNKNOWN_INTERACTION | ALREADY_ACKNOWLEDGED)
    )
}

/// The words for an error; an internal one is logged here and nowhere else.
pub fn answer(failed: &CommandError, command: &str, interaction: u64) -> Option<Message> {
    match failed {
        CommandError::User(trouble) => {
            debug!(command, ?trouble, "command was refused");
            Some(Message::text(trouble.words()))
        }
        CommandError::Internal(cause) => {
            if cause.downcast_ref().is_some_and(is_over) {
                warn!(command, "the interaction was over before it was answered");
                return None;
            }
            let incident = Incident(interaction);
            tracing::error!(command, %incident, error = format!("{cause:#}"), "command failed");
            Some(Message::text(incident.words()))
        }
    }
}

/// Every way in which poise lets a call fail. Nobody is shown an error that was not worded for them.
pub async fn on_error(error: FrameworkError<'_, Arc<Bot>, CommandError>) {
    let Some(poise::Context::Application(ctx)) = error.ctx() else {
        without_context(&error);
        return;
    };
    let command = ctx.command().qualified_name.clone();
    let interaction = ctx.interaction.id.get();
    let message = match &error {
        FrameworkError::Command { error, .. }
        | FrameworkError::CommandCheckFailed {
            error: Some(error), ..
        } => answer(error, &command, interaction),
        FrameworkError::ArgumentParse { error, .. } => {
            let words = error.downcast_ref::<Misread>().map_or_else(
                || Trouble::Outdated.words(),
                |misread| misread_words(&misread.to_string()),
            );
            Some(Message::text(words))
        }
        FrameworkError::CommandPanic { payload, .. } => {
            let incident = Incident(interaction);
            tracing::error!(%command, %incident, panic = payload.as_deref().unwrap_or("?"), "command panicked");
            Some(Message::text(incident.words()))
        }
        FrameworkError::GuildOnly { .. } => Some(Message::text(Trouble::OnlyInServers.words())),
        FrameworkError::MissingUserPermissions { .. } => {
            Some(Message::text(Trouble::NeedsManageServer.words()))
        }
        _ => {
            warn!(%command, %error, "command cannot be taken up");
            Some(Message::text(Trouble::Outdated.words()))
        }
    };
    if let Some(message) = message
        && let Err(error) = reply::send(ctx, message, Visibility::Private).await
    {
        warn!(%command, %error, "an error could not be told");
    }
}

fn without_context(error: &FrameworkError<'_, Arc<Bot>, CommandError>) {
    match error {
        FrameworkError::UnknownInteraction { interaction, .. } => {
            warn!(command = %interaction.data.name, "a command that is not ours");
        }
        other => warn!(error = %other, "an event could not be handled"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_wrote_does_not_become_markup() {
        let words = Trouble::PoolUnknown {
            text: "**@everyone** `x`".to_owned(),
            closest: Vec::new(),
        }
        .words();
        assert!(!words.contains("@everyone"), "{words}");
        assert!(words.contains(r"\*\*"), "{words}");
    }

    #[test]
    fn a_trouble_says_what_to_do() {
        let closest = vec!["USDC · aave-v3 · Ethereum".to_owned()];
        let words = Trouble::PoolAmbiguous {
            text: "usdc".to_owned(),
            closest,
        }
        .words();
        assert!(words.contains("- USDC · aave-v3 · Ethereum\n"), "{words}");
        let words = Trouble::RightsLacking {
            channel: ChannelId(7),
            rights: vec!["View Channel", "Manage Webhooks"],
        }
        .words();
        assert!(words.contains("<#7>"), "{words}");
        assert!(words.contains("**View Channel** and **Manage Webhooks**"));
    }

    #[test]
    fn an_internal_error_shows_its_number_and_nothing_else() {
        let failed = CommandError::Internal(anyhow::anyhow!("secret path /var/lib"));
        let message = answer(&failed, "status", 0x2a).unwrap();
        assert!(message.content.contains("`2a`"));
        assert!(!message.content.contains("secret"));
    }

    #[test]
    fn words_become_sentences() {
        assert_eq!(sentence("a window is too long"), "A window is too long.");
        assert_eq!(sentence("Try again."), "Try again.");
        assert_eq!(sentence(""), "");
    }
}
