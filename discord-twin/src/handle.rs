//! What a test can ask of a running twin, and do to it.

pub(crate) mod faults;
mod gateway;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use serde_json::{Map, Value};

use crate::{
    RequestRecord, StoredMessage, TwinError,
    interact::{
        Invocation, Person,
        components::Press,
        reply::{Choices, Reply},
    },
    state::{Shared, State},
};

/// How long [`Handle::run`] and its kin wait for an answer.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A reference to a running twin; clones mean the same twin.
#[derive(Clone, Debug)]
pub struct Handle {
    pub(crate) shared: Arc<Shared>,
}

impl Handle {
    /// The address, `http://127.0.0.1:PORT`: REST below `/api/v10`, the gateway at `/gateway`, the control port below `/twin`.
    pub fn base_url(&self) -> &str {
        &self.shared.base_url
    }

    /// The bot token that the twin accepts.
    pub fn token(&self) -> String {
        self.shared.state().world.token.clone()
    }

    /// The application's id.
    pub fn application(&self) -> u64 {
        self.shared.state().world.application
    }

    /// The bot user's id.
    pub fn bot(&self) -> u64 {
        self.shared.state().world.bot
    }

    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = change(&mut self.shared.state());
        self.shared.changed();
        result
    }

    /// Calls a command as the client does and returns the interaction's id; refuses what the client would not send.
    pub fn invoke(&self, invocation: &Invocation) -> Result<u64, TwinError> {
        self.change(|state| state.invoke(invocation, None))
    }

    /// Waits for the real answer of an interaction; "thinking" is none.
    pub async fn reply(&self, interaction: u64, timeout: Duration) -> Result<Reply, TwinError> {
        let reply = self
            .shared
            .until(timeout, |state| state.reply(interaction))
            .await;
        if let Some(reply) = reply {
            return Ok(reply);
        }
        let state = self.shared.state();
        if let Some(reply) = state.reply_after_all(interaction) {
            return Ok(reply);
        }
        let known = state
            .interactions
            .get(interaction)
            .ok_or(TwinError::UnknownInteraction(interaction))?;
        let state = if known.answered.is_some() {
            "has only deferred it"
        } else {
            "has said nothing"
        };
        Err(TwinError::NoReply {
            interaction,
            waited: timeout,
            state,
        })
    }

    /// Calls a command and waits for its answer.
    pub async fn run(&self, invocation: &Invocation) -> Result<Reply, TwinError> {
        let interaction = self.invoke(invocation)?;
        self.reply(interaction, PATIENCE).await
    }

    /// Types into the option `focused` and waits for the choices; the text so far is the option's value.
    pub async fn autocomplete(
        &self,
        invocation: &Invocation,
        focused: &str,
    ) -> Result<Choices, TwinError> {
        let interaction = self.change(|state| state.invoke(invocation, Some(focused)))?;
        let waited = Duration::from_secs(4);
        let choices = self
            .shared
            .until(waited, |state| state.choices(interaction))
            .await;
        choices.ok_or(TwinError::NoReply {
            interaction,
            waited,
            state: "has said nothing",
        })
    }

    /// Uses a button or a select and waits for the answer.
    pub async fn press(&self, press: &Press) -> Result<Reply, TwinError> {
        let interaction = self.change(|state| state.press(press))?;
        self.reply(interaction, PATIENCE).await
    }

    /// Uses a button or a select without waiting, and returns the interaction's id.
    pub fn press_only(&self, press: &Press) -> Result<u64, TwinError> {
        self.change(|state| state.press(press))
    }

    /// Sends in the modal with which an interaction was answered, and waits for the answer.
    pub async fn submit_modal(
        &self,
        interaction: u64,
        values: &Map<String, Value>,
    ) -> Result<Reply, TwinError> {
        let interaction = self.change(|state| state.submit(interaction, values))?;
        self.reply(interaction, PATIENCE).await
    }

    /// Lets a person write a message in a channel.
    pub fn say(&self, channel: u64, person: &Person, content: &str) -> Result<u64, TwinError> {
        self.change(|state| state.say(channel, person, content))
    }

    /// Every message ever stored, in order.
    pub fn ledger(&self) -> Vec<StoredMessage> {
        self.shared.state().ledger.all().to_vec()
    }

    /// How many messages were ever stored, without copying them.
    pub fn ledger_len(&self) -> usize {
        self.shared.state().ledger.all().len()
    }

    /// One message, deleted or not.
    pub fn message(&self, id: u64) -> Option<StoredMessage> {
        self.shared.state().ledger.get(id).cloned()
    }

    /// The messages that the people of a channel see, in order.
    pub fn channel(&self, channel: u64) -> Vec<StoredMessage> {
        self.shared
            .state()
            .ledger
            .of_channel(channel)
            .filter(|message| message.is_visible())
            .cloned()
            .collect()
    }

    /// The newest message that the people of a channel see.
    pub fn last(&self, channel: u64) -> Option<StoredMessage> {
        self.shared
            .state()
            .ledger
            .of_channel(channel)
            .rev()
            .find(|message| message.is_visible())
            .cloned()
    }

    /// Waits until a channel shows at least `count` messages, and returns them.
    pub async fn wait_for_messages(
        &self,
        channel: u64,
        count: usize,
        timeout: Duration,
    ) -> Result<Vec<StoredMessage>, TwinError> {
        let enough = |state: &mut State| {
            if state.ledger.count_of(channel) < count {
                return None;
            }
            let visible = state
                .ledger
                .of_channel(channel)
                .filter(|message| message.is_visible());
            (visible.count() >= count).then_some(())
        };
        let found = self.shared.until(timeout, enough).await;
        let messages = self.channel(channel);
        if found.is_some() {
            return Ok(messages);
        }
        let what = format!(
            "channel {channel} shows {} messages instead of {count}",
            messages.len()
        );
        Err(TwinError::Timeout {
            waited: timeout,
            what,
        })
    }

    /// Waits until a message of the channel fits, and returns it.
    pub async fn wait_for(
        &self,
        channel: u64,
        timeout: Duration,
        fits: impl Fn(&StoredMessage) -> bool + Send + Sync,
    ) -> Result<StoredMessage, TwinError> {
        let look = |state: &mut State| {
            state
                .ledger
                .of_channel(channel)
                .filter(|message| message.is_visible())
                .find(|message| fits(message))
                .cloned()
        };
        let found = self.shared.until(timeout, look).await;
        found.ok_or_else(|| TwinError::Timeout {
            waited: timeout,
            what: format!("no such message in channel {channel}"),
        })
    }

    /// Uploads a file for an option of a command; what it returns is the option's value.
    pub fn upload(&self, name: &str, bytes: impl Into<Bytes>) -> String {
        let bytes = bytes.into();
        let mut state = self.shared.state();
        let id = state.clock.next_id();
        let url = format!("{}/twin/files/{id}/{name}", self.shared.base_url);
        let object = serde_json::json!({
            "id": id.to_string(),
            "filename": name,
            "size": bytes.len(),
            "url": url,
            "proxy_url": url,
            "content_type": "text/plain; charset=utf-8",
        });
        state.uploads.insert(id, (object, bytes));
        id.to_string()
    }

    /// The bytes of a file by its attachment id.
    pub fn file(&self, attachment: u64) -> Option<Bytes> {
        let state = self.shared.state();
        if let Some((_, bytes)) = state.uploads.get(&attachment) {
            return Some(bytes.clone());
        }
        let files = state
            .ledger
            .all()
            .iter()
            .rev()
            .flat_map(|message| &message.files);
        files
            .into_iter()
            .find(|file| file.id == attachment)
            .map(|file| file.bytes.clone())
    }

    /// Every REST request, in order.
    pub fn requests(&self) -> Vec<RequestRecord> {
        self.shared.state().requests.clone()
    }

    /// How many REST requests are being served at this moment.
    pub fn in_flight(&self) -> usize {
        self.shared.in_flight()
    }

    /// Every way in which the bot broke Discord's rules so far. The right number is 0.
    pub fn violations(&self) -> Vec<String> {
        let mut state = self.shared.state();
        let limit = Duration::from_millis(state.world.first_answer_ms);
        let State {
            interactions,
            gateway,
            ..
        } = &mut *state;
        let late = interactions.overdue(limit, |connection| gateway.is_connected(connection));
        for sentence in late {
            state.violation(sentence);
        }
        state.violations.clone()
    }

    /// Forgets the violations so far and returns them, for tests that break a rule on purpose.
    pub fn take_violations(&self) -> Vec<String> {
        let violations = self.violations();
        self.shared.state().violations.clear();
        violations
    }

    /// The registered commands, global ones or those of a server.
    pub fn commands(&self, guild: Option<u64>) -> Vec<Value> {
        let state = self.shared.state();
        match guild {
            Some(guild) => state
                .commands
                .guild
                .get(&guild)
                .cloned()
                .unwrap_or_default(),
            None => state.commands.global.clone(),
        }
    }

    /// How often the bot has overwritten a list of commands.
    pub fn command_overwrites(&self) -> u32 {
        self.shared.state().commands.overwrites
    }

    /// Waits until the bot has registered commands.
    pub async fn wait_for_commands(&self, timeout: Duration) -> Result<(), TwinError> {
        let found = self
            .shared
            .until(timeout, |state| {
                (state.commands.overwrites > 0).then_some(())
            })
            .await;
        found.ok_or_else(|| TwinError::Timeout {
            waited: timeout,
            what: "no commands are registered".to_owned(),
        })
    }
}
