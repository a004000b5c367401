//! What can go wrong in a command: something the person can put right, or something of ours.

use poise::{FrameworkError, serenity_prelude as serenity};
use tracing::{debug, warn};

use std::sync::Arc;

use super::{
    commands,
    context::Bot,
    params::Misread,
    reply::{self, Visibility},
};
use crate::{
    app::App,
    ops::metrics::{Fault, Metrics},
    render::{error, message::Message},
    store::StoreError,
};

pub use crate::render::error::Trouble;

/// Why a command did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    #[error("{0:?}")]
    User(Trouble),
    #[error(transparent)]
    Internal(#[from] anyhow::Error),
}

impl CommandError {
    /// What Discord refused of ours: whether its edge did, which bans the address, or Discord itself. `None` for
    /// what does not count as an invalid request.
    fn refused_by_edge(&self) -> Option<bool> {
        // What the library makes of a page. Of Discord's own answers some lack a code, and it cannot read those
        // either; the body itself is not handed out.
        const A_PAGE: &str = "expected value at line 1 column 1";
        let Self::Internal(cause) = self else {
            return None;
        };
        let Some(serenity::Error::Http(serenity::HttpError::UnsuccessfulRequest(refused))) =
            cause.downcast_ref()
        else {
            return None;
        };
        let status = refused.status_code.as_u16();
        matches!(status, 401 | 403 | 429)
            .then_some(status != 401 && refused.error.message.contains(A_PAGE))
    }

    /// The database was found to be damaged.
    fn shows_damage(&self) -> bool {
        matches!(self, Self::Internal(cause) if matches!(cause.downcast_ref(), Some(StoreError::Corrupt(_))))
    }
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

/// Names one failure for the person and for the log. An interaction has one answer, so its own id
/// names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Incident(pub u64);

impl std::fmt::Display for Incident {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:x}", self.0)
    }
}

/// Discord's word for an interaction that is over, or was answered before. Nobody sees an answer.
pub fn is_over(error: &serenity::Error) -> bool {
    const UNKNOWN_INTERACTION: isize = 10062;
    const ALREADY_ACKNOWLEDGED: isize = 40060;
    // Of an interaction's own token, 15 minutes after it came; it says nothing of the bot's.
    const INVALID_WEBHOOK_TOKEN: isize = 50027;
    matches!(
        error,
        serenity::Error::Http(serenity::HttpError::UnsuccessfulRequest(response))
            if matches!(response.error.code, UNKNOWN_INTERACTION | ALREADY_ACKNOWLEDGED | INVALID_WEBHOOK_TOKEN)
    )
}

/// The words for an error, after what it means for everything else was seen to. `None` where nobody can be told.
pub async fn told(
    app: &App,
    failed: &CommandError,
    command: &'static str,
    interaction: u64,
) -> Option<Message> {
    if failed.shows_damage() {
        app.store.doubt();
    }
    let refused = failed.refused_by_edge();
    if let Some(by_edge) = refused {
        app.delivery.answer_refused(by_edge).await;
    }
    let words = answer(&app.metrics, failed, command, interaction);
    words.filter(|_| refused != Some(true))
}

/// The words for an error, which is counted here; an internal one is logged here and nowhere else. `command`
/// is a name of the table of commands, or what else it was.
fn answer(
    metrics: &Metrics,
    failed: &CommandError,
    command: &'static str,
    interaction: u64,
) -> Option<Message> {
    match failed {
        CommandError::User(trouble) => {
            metrics.erred(command, Fault::User);
            // Not why in full: that may repeat what a person typed.
            debug!(command, "command was refused");
            Some(Message::text(error::line(trouble)))
        }
        CommandError::Internal(cause) => {
            metrics.erred(command, Fault::Internal);
            if cause.downcast_ref().is_some_and(is_over) {
                warn!(command, "the interaction was over before it was answered");
                return None;
            }
            let incident = Incident(interaction);
            tracing::error!(command, %incident, error = format!("{cause:#}"), "command failed");
            Some(Message::text(error::internal(&incident)))
        }
    }
}

/// Every way in which poise lets a call fail. Nobody is shown an error that was not worded for them.
pub async fn on_error(error: FrameworkError<'_, Arc<Bot>, CommandError>) {
    let Some(poise::Context::Application(ctx)) = error.ctx() else {
        without_context(&error);
        return;
    };
    let command = match ctx.interaction_type {
        poise::CommandInteractionType::Command => commands::known(&ctx.command().qualified_name),
        poise::CommandInteractionType::Autocomplete => commands::AUTOCOMPLETE,
    };
    let interaction = ctx.interaction.id.get();
    let metrics = &ctx.data().app.metrics;
    let refused = |words: String| {
        metrics.erred(command, Fault::User);
        Some(Message::text(words))
    };
    let message = match &error {
        FrameworkError::Command { error, .. }
        | FrameworkError::CommandCheckFailed {
            error: Some(error), ..
        } => told(&ctx.data().app, error, command, interaction).await,
        FrameworkError::ArgumentParse { error, .. } => {
            refused(error.downcast_ref::<Misread>().map_or_else(
                || error::line(&Trouble::Outdated),
                |misread| error::misread(&misread.to_string()),
            ))
        }
        // Its words may quote any value; the place is logged where it happens.
        FrameworkError::CommandPanic { .. } => {
            metrics.erred(command, Fault::Internal);
            let incident = Incident(interaction);
            tracing::error!(%command, %incident, "command panicked");
            Some(Message::text(error::internal(&incident)))
        }
        FrameworkError::GuildOnly { .. } => refused(error::line(&Trouble::OnlyInServers)),
        FrameworkError::MissingUserPermissions { .. } => {
            refused(error::line(&Trouble::NeedsManageServer))
        }
        _ => {
            warn!(%command, %error, "command cannot be taken up");
            refused(error::line(&Trouble::Outdated))
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
    fn an_internal_error_shows_its_number_and_nothing_else() {
        let failed = CommandError::Internal(anyhow::anyhow!("secret path /var/lib"));
        let message = answer(&Metrics::default(), &failed, "status", 0x2a).unwrap();
        assert!(message.content.contains("`2a`"));
        assert!(!message.content.contains("secret"));
    }
}
