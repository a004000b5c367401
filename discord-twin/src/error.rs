//! Why the twin did not do what a test asked for.

use std::time::Duration;

use thiserror::Error;

/// What a person could not do, or what did not happen in time.
#[derive(Debug, Error)]
pub enum TwinError {
    /// The socket could not be bound.
    #[error("the twin cannot listen")]
    Listen(#[source] std::io::Error),
    /// No such command is registered, or it cannot be called itself.
    #[error("/{0} is not a registered command")]
    UnknownCommand(String),
    /// The client does not offer the command to this person or at this place.
    #[error("{0}")]
    NotOffered(String),
    /// The client does not send the option with this value.
    #[error("option {name}: {why}")]
    Option {
        /// The option.
        name: String,
        /// What is wrong with it.
        why: String,
    },
    /// The component cannot be used.
    #[error("component {custom_id}: {why}")]
    Component {
        /// The component's id.
        custom_id: String,
        /// Why it cannot be used.
        why: String,
    },
    /// The bot is not in this server.
    #[error("there is no server {0}")]
    UnknownGuild(u64),
    /// There is no such channel.
    #[error("there is no channel {0}")]
    UnknownChannel(u64),
    /// There is no such message, or no more.
    #[error("there is no message {0}")]
    UnknownMessage(u64),
    /// There is no such webhook.
    #[error("there is no webhook {0}")]
    UnknownWebhook(u64),
    /// There is no such interaction.
    #[error("there is no interaction {0}")]
    UnknownInteraction(u64),
    /// No shard of the bot is connected that could get the event.
    #[error("no session for {}", guild.map_or_else(|| "direct messages".to_owned(), |guild| format!("server {guild}")))]
    NoSession {
        /// The server; none for direct messages.
        guild: Option<u64>,
    },
    /// The bot did not answer in time.
    #[error("interaction {interaction} has no answer after {waited:?}; the bot {state}")]
    NoReply {
        /// The interaction.
        interaction: u64,
        /// How long was waited.
        waited: Duration,
        /// How far it came.
        state: &'static str,
    },
    /// An endpoint for interactions did not answer as it has to.
    #[error("the endpoint for interactions {0}")]
    Endpoint(String),
    /// Something did not happen in time.
    #[error("after {waited:?}: {what}")]
    Timeout {
        /// How long was waited.
        waited: Duration,
        /// What there was instead.
        what: String,
    },
    /// Discord would refuse this.
    #[error("{0}")]
    Refused(&'static str),
}
