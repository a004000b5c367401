//! What the bot answered.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::Interaction;
use crate::{ids::text, state::State};

/// The answer of an interaction in its present state.
#[derive(Clone, Debug, Serialize)]
pub struct Reply {
    /// The interaction that was answered.
    #[serde(with = "text")]
    pub interaction: u64,
    /// The message after all edits so far; null when there is none (a modal) or it was deleted.
    pub message: Value,
    /// Whether only the person who asked sees it.
    pub ephemeral: bool,
    /// Whether "thinking" came before the answer.
    pub deferred: bool,
    /// Whether the answer changed the message whose component was used, instead of being one of its own.
    pub updated: bool,
    /// The time from sending the interaction to the first answer of any kind.
    #[serde(serialize_with = "seconds")]
    pub first_answer_after: Duration,
    /// The follow-up messages in order.
    pub followups: Vec<Value>,
    /// The modal that was opened.
    pub modal: Option<Value>,
}

fn seconds<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64())
}

impl Reply {
    /// The text of the message.
    pub fn content(&self) -> &str {
        self.message["content"].as_str().unwrap_or_default()
    }

    /// The message's id.
    pub fn message_id(&self) -> Option<u64> {
        crate::ids::id_of(&self.message["id"])
    }
}

/// The choices that an autocomplete offered.
#[derive(Clone, Debug, Serialize)]
pub struct Choices {
    /// Objects with `name` and `value`.
    pub choices: Vec<Value>,
    /// The time from sending the interaction to the answer.
    #[serde(serialize_with = "seconds")]
    pub after: Duration,
}

impl State {
    /// The reply as far as it has come; `None` while the real answer is outstanding.
    pub(crate) fn reply(&self, id: u64) -> Option<Reply> {
        let interaction = self.interactions.get(id)?;
        let answered = interaction.answered?;
        let finished = match answered.kind {
            5 | 6 => interaction.filled || !interaction.follow_ups.is_empty(),
            _ => true,
        };
        finished.then(|| self.reply_of(interaction))?
    }

    /// The reply when nothing more seems to come: a deferred update that changed nothing is an answer, too.
    pub(crate) fn reply_after_all(&self, id: u64) -> Option<Reply> {
        let interaction = self.interactions.get(id)?;
        match interaction.answered?.kind {
            6 => self.reply_of(interaction),
            _ => self.reply(id),
        }
    }

    fn reply_of(&self, interaction: &Interaction) -> Option<Reply> {
        let answered = interaction.answered?;
        let message = interaction.original.and_then(|id| self.ledger.alive(id));
        let body = |id: &u64| self.ledger.alive(*id).map(|message| message.body.clone());
        Some(Reply {
            interaction: interaction.id,
            message: message
                .map(|message| message.body.clone())
                .unwrap_or_default(),
            ephemeral: message.is_some_and(|message| message.ephemeral),
            deferred: matches!(answered.kind, 5 | 6),
            updated: matches!(answered.kind, 6 | 7),
            first_answer_after: answered.after,
            followups: interaction.follow_ups.iter().filter_map(body).collect(),
            modal: interaction.modal.clone(),
        })
    }

    pub(crate) fn choices(&self, id: u64) -> Option<Choices> {
        let interaction = self.interactions.get(id)?;
        Some(Choices {
            choices: interaction.choices.clone()?,
            after: interaction.answered?.after,
        })
    }
}
