//! Interactions: what a person does in the client, how the bot gets to know of it, and what it answered.

pub(crate) mod components;
pub(crate) mod options;
pub(crate) mod reply;

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::{
    StoredMessage, TwinError, Via,
    gateway::{Receiver, intent, payload},
    ids::{id_of, random_text, text},
    state::{State, user},
    world::{ChannelKind, permission},
};

/// A person who uses the bot.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Person {
    /// The user's id.
    #[serde(rename = "user", with = "text")]
    pub id: u64,
    /// The user's name.
    #[serde(rename = "user_name")]
    pub name: String,
    /// What the user may do in the server.
    #[serde(with = "text")]
    pub permissions: u64,
    /// The language of the user's client.
    pub locale: String,
}

impl Default for Person {
    fn default() -> Self {
        Self {
            id: 900_000_000_000_000_001,
            name: "ada".to_owned(),
            permissions: permission::VIEW_CHANNEL
                | permission::SEND_MESSAGES
                | permission::READ_MESSAGE_HISTORY,
            locale: "en-US".to_owned(),
        }
    }
}

impl Person {
    /// Somebody without special permissions.
    pub fn new(id: u64, name: impl Into<String>) -> Self {
        Self {
            id,
            name: name.into(),
            ..Self::default()
        }
    }

    /// The same person with more permission bits.
    #[must_use]
    pub fn with(mut self, bits: u64) -> Self {
        self.permissions |= bits;
        self
    }

    /// The same person as a manager of the server.
    #[must_use]
    pub fn manager(self) -> Self {
        self.with(permission::MANAGE_GUILD)
    }
}

/// A command that a person calls: one that is typed, or one in the menu of a message.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Invocation {
    /// The server; missing in a direct conversation.
    #[serde(with = "text::maybe")]
    pub guild: Option<u64>,
    /// The channel; when missing, the first text channel of the server or the person's direct one.
    #[serde(with = "text::maybe")]
    pub channel: Option<u64>,
    /// Who calls it.
    #[serde(flatten)]
    pub person: Person,
    /// The command with its group and sub-command, such as `alerts add`; the whole name of one in the menu
    /// of a message.
    pub command: String,
    /// The message in whose menu the command is chosen. It says where, too.
    #[serde(with = "text::maybe")]
    pub message: Option<u64>,
    /// The options by name.
    pub options: Map<String, Value>,
    /// The server's managers let everybody use it, whatever `default_member_permissions` says.
    pub permitted: bool,
    /// The command comes from the person's own installation of the application, not the server's.
    pub user_install: bool,
}

impl Invocation {
    /// A command in a direct conversation by the default person.
    pub fn of(command: impl Into<String>) -> Self {
        Self {
            command: command.into(),
            ..Self::default()
        }
    }

    /// A command in the menu of this message by the default person.
    pub fn on_message(message: u64, command: impl Into<String>) -> Self {
        Self {
            message: Some(message),
            ..Self::of(command)
        }
    }

    /// In this server, in its first text channel.
    #[must_use]
    pub fn in_guild(mut self, guild: u64) -> Self {
        self.guild = Some(guild);
        self
    }

    /// In this channel.
    #[must_use]
    pub fn in_channel(mut self, channel: u64) -> Self {
        self.channel = Some(channel);
        self
    }

    /// By this person.
    #[must_use]
    pub fn by(mut self, person: Person) -> Self {
        self.person = person;
        self
    }

    /// With an option.
    #[must_use]
    pub fn option(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.options.insert(name.into(), value.into());
        self
    }
}

/// What kind of interaction it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Command,
    Component,
    Autocomplete,
    Modal,
}

impl Kind {
    pub(crate) fn number(self) -> u8 {
        match self {
            Self::Command => 2,
            Self::Component => 3,
            Self::Autocomplete => 4,
            Self::Modal => 5,
        }
    }

    /// The callback types that may answer it.
    pub(crate) fn answers(self) -> &'static [u64] {
        match self {
            Self::Command => &[4, 5, 9, 12],
            Self::Component => &[4, 5, 6, 7, 9, 12],
            Self::Autocomplete => &[8],
            // Types 6 and 7 only for a modal that a component opened; that is checked where it is answered.
            Self::Modal => &[4, 5, 6, 7],
        }
    }
}

/// The first answer of an interaction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answered {
    /// The callback type.
    pub(crate) kind: u64,
    pub(crate) after: Duration,
}

#[derive(Debug)]
pub(crate) struct Interaction {
    pub(crate) id: u64,
    pub(crate) token: String,
    pub(crate) kind: Kind,
    /// The command or custom id, for sentences.
    pub(crate) name: String,
    pub(crate) guild: Option<u64>,
    pub(crate) channel: u64,
    pub(crate) person: Person,
    pub(crate) user_install: bool,
    pub(crate) created: Instant,
    pub(crate) receiver: Receiver,
    /// The message whose component was used.
    pub(crate) source: Option<u64>,
    pub(crate) answered: Option<Answered>,
    /// The message that `@original` means.
    pub(crate) original: Option<u64>,
    /// After a deferral: the real answer has come.
    pub(crate) filled: bool,
    pub(crate) follow_ups: Vec<u64>,
    pub(crate) choices: Option<Vec<Value>>,
    pub(crate) modal: Option<Value>,
    overdue: bool,
}

/// All interactions of a run.
#[derive(Debug, Default)]
pub(crate) struct Interactions {
    by_id: HashMap<u64, Interaction>,
    by_token: HashMap<String, u64>,
}

impl Interactions {
    pub(crate) fn get(&self, id: u64) -> Option<&Interaction> {
        self.by_id.get(&id)
    }

    pub(crate) fn get_mut(&mut self, id: u64) -> Option<&mut Interaction> {
        self.by_id.get_mut(&id)
    }

    pub(crate) fn of_token(&self, token: &str) -> Option<&Interaction> {
        self.by_id.get(self.by_token.get(token)?)
    }

    fn insert(&mut self, interaction: Interaction) {
        self.by_token
            .insert(interaction.token.clone(), interaction.id);
        self.by_id.insert(interaction.id, interaction);
    }

    /// Sentences for the interactions that nobody has answered in time since this was last asked, leaving out
    /// those whose connection has ended meanwhile: nobody was there to answer.
    pub(crate) fn overdue(
        &mut self,
        limit: Duration,
        is_connected: impl Fn(u64) -> bool,
    ) -> Vec<String> {
        let late = self.by_id.values_mut().filter(|interaction| {
            interaction.answered.is_none()
                && !interaction.overdue
                && interaction.created.elapsed() > limit
        });
        let mut sentences = Vec::new();
        for interaction in late {
            interaction.overdue = true;
            let was_there = match interaction.receiver {
                Receiver::Connected(connection) => is_connected(connection),
                Receiver::Endpoint => true,
                Receiver::Waiting | Receiver::Nobody => false,
            };
            if was_there {
                sentences.push(format!(
                    "interaction {} ({}): no answer within {limit:?}",
                    interaction.id, interaction.name
                ));
            }
        }
        sentences
    }
}

/// What a new interaction is made of.
pub(crate) struct Start {
    pub(crate) kind: Kind,
    pub(crate) name: String,
    pub(crate) guild: Option<u64>,
    pub(crate) channel: u64,
    pub(crate) person: Person,
    pub(crate) user_install: bool,
    pub(crate) data: Value,
    /// The message that carries the component.
    pub(crate) message: Option<Value>,
}

impl State {
    /// Calls a command as the client does, with `focused` as the option that is being typed.
    pub(crate) fn invoke(
        &mut self,
        call: &Invocation,
        focused: Option<&str>,
    ) -> Result<u64, TwinError> {
        if let Some(message) = call.message {
            return self.invoke_on(message, call);
        }
        let (guild, channel) = self.place(call.guild, call.channel, call.person.id)?;
        let definition = options::find(&self.commands, guild, &call.command)?;
        if focused.is_none() {
            options::permits(&definition.command, guild, call)?;
        }
        let mut resolver = options::Resolver {
            state: self,
            guild,
            resolved: Map::new(),
        };
        let options = resolver.fill(&definition.options, &call.options, focused)?;
        let data = definition.data(options, &Value::Object(resolver.resolved), guild);
        let kind = if focused.is_some() {
            Kind::Autocomplete
        } else {
            Kind::Command
        };
        self.start(Start {
            kind,
            name: format!("/{}", call.command),
            guild,
            channel,
            person: call.person.clone(),
            user_install: call.user_install,
            data,
            message: None,
        })
    }

    /// Chooses a command in the menu of a message.
    fn invoke_on(&mut self, message: u64, call: &Invocation) -> Result<u64, TwinError> {
        let target = self.ledger.alive(message);
        let target = target.ok_or(TwinError::UnknownMessage(message))?;
        if target.is_loading() || self.is_hidden(target, call.person.id) {
            let why = format!("{} is not offered on this message", call.command);
            return Err(TwinError::NotOffered(why));
        }
        let (guild, channel) = (target.guild, target.channel);
        let definition = options::find_for_messages(&self.commands, guild, &call.command)?;
        options::permits(&definition.command, guild, call)?;
        if let Some(name) = call.options.keys().next() {
            return Err(TwinError::Option {
                name: name.clone(),
                why: "a command on a message has no options".to_owned(),
            });
        }
        let data = definition.data_on(message, &target.body, guild);
        self.start(Start {
            kind: Kind::Command,
            name: call.command.clone(),
            guild,
            channel,
            person: call.person.clone(),
            user_install: call.user_install,
            data,
            message: None,
        })
    }

    /// Whether a message is an answer that only somebody else sees.
    fn is_hidden(&self, message: &StoredMessage, person: u64) -> bool {
        let mut directs = self.directs.iter();
        if directs.any(|(of, channel)| *channel == message.channel && *of != person) {
            return true;
        }
        let Via::Interaction(from) = message.via else {
            return false;
        };
        let asker = self.interactions.get(from).map(|from| from.person.id);
        message.ephemeral && asker.is_some_and(|asker| asker != person)
    }

    /// The server and channel of an interaction.
    fn place(
        &mut self,
        guild: Option<u64>,
        channel: Option<u64>,
        person: u64,
    ) -> Result<(Option<u64>, u64), TwinError> {
        if let Some(channel) = channel {
            let state = self
                .channel(channel)
                .ok_or(TwinError::UnknownChannel(channel))?;
            if guild.is_some() && state.guild != guild {
                return Err(TwinError::UnknownChannel(channel));
            }
            return Ok((state.guild, channel));
        }
        let Some(id) = guild else {
            return Ok((None, self.direct(person)));
        };
        let guild = self.guild(id).ok_or(TwinError::UnknownGuild(id))?;
        let first = guild
            .channels
            .iter()
            .find(|channel| channel.kind == ChannelKind::Text);
        let channel = first.ok_or(TwinError::UnknownGuild(id))?.id;
        Ok((Some(id), channel))
    }

    /// Sends an interaction to the bot.
    pub(crate) fn start(&mut self, start: Start) -> Result<u64, TwinError> {
        let id = self.clock.next_id();
        let token = format!("aW50ZXJhY3Rpb246{id}{}", random_text(120));
        self.users
            .insert(start.person.id, start.person.name.clone());
        let payload = self.interaction_payload(id, &token, &start);
        let shard_guild = start.guild;
        let receiver = match &mut self.endpoint {
            Some(endpoint) => endpoint.post(&start.name, &payload),
            None => self
                .gateway
                .send_to_newest(shard_guild, "INTERACTION_CREATE", &payload),
        };
        if receiver == Receiver::Nobody {
            return Err(TwinError::NoSession { guild: shard_guild });
        }
        let source = start
            .message
            .as_ref()
            .and_then(|message| id_of(&message["id"]));
        self.interactions.insert(Interaction {
            id,
            token,
            kind: start.kind,
            name: start.name,
            guild: start.guild,
            channel: start.channel,
            person: start.person,
            user_install: start.user_install,
            created: Instant::now(),
            receiver,
            source,
            answered: None,
            original: None,
            filled: false,
            follow_ups: Vec::new(),
            choices: None,
            modal: None,
            overdue: false,
        });
        Ok(id)
    }

    fn interaction_payload(&self, id: u64, token: &str, start: &Start) -> Value {
        let bot = self.world.bot;
        let person = user(start.person.id, &start.person.name);
        let guild = start.guild.and_then(|guild| self.guild(guild));
        let owners = match start.guild {
            _ if start.user_install => json!({"1": start.person.id.to_string()}),
            Some(guild) => json!({"0": guild.to_string()}),
            None => json!({"0": "0"}),
        };
        let channel = self.channels.get(&start.channel).map(|entry| {
            let mut object = payload::channel(&entry.channel, guild, bot);
            object["permissions"] = json!(start.person.permissions.to_string());
            object
        });
        let mut payload = json!({
            "id": id.to_string(),
            "application_id": self.world.application.to_string(),
            "type": start.kind.number(),
            "token": token,
            "version": 1,
            "data": start.data,
            "channel": channel,
            "channel_id": start.channel.to_string(),
            "app_permissions": self.bot_permissions(start.channel).to_string(),
            "locale": start.person.locale,
            "entitlements": [],
            "entitlement_sku_ids": [],
            "authorizing_integration_owners": owners,
            "context": u8::from(guild.is_none()),
            "attachment_size_limit": 10_485_760,
        });
        match guild {
            Some(guild) => {
                let mut member = payload::member(guild, &person);
                member["permissions"] = json!(start.person.permissions.to_string());
                payload["member"] = member;
                payload["guild_id"] = json!(guild.id.to_string());
                payload["guild_locale"] = json!(guild.locale);
                payload["guild"] =
                    json!({"id": guild.id.to_string(), "locale": guild.locale, "features": []});
            }
            None => payload["user"] = person,
        }
        if let Some(message) = &start.message {
            payload["message"] = message.clone();
        }
        payload
    }

    /// Lets a person write in a channel, and tells the bot as far as it listens.
    pub(crate) fn say(
        &mut self,
        channel: u64,
        person: &Person,
        content: &str,
    ) -> Result<u64, TwinError> {
        let guild = self
            .channel(channel)
            .ok_or(TwinError::UnknownChannel(channel))?
            .guild;
        self.users.insert(person.id, person.name.clone());
        let draft = crate::ledger::Draft {
            channel,
            guild,
            via: Via::Person,
            author: user(person.id, &person.name),
            application: None,
            flags: 0,
            files: Vec::new(),
            base_url: String::new(),
        };
        let (id, now) = (self.clock.next_id(), self.clock.now_ms());
        self.ledger
            .store(id, now, &json!({"content": content}), draft);
        self.announce_message(id, "MESSAGE_CREATE");
        Ok(id)
    }

    /// Tells the bot of a server in the way that `GUILD_CREATE` does.
    pub(crate) fn announce_guild(&mut self, guild: u64) {
        let Some(entry) = self.guild(guild) else {
            return;
        };
        let data = payload::guild_create(self, &entry.clone());
        self.gateway
            .broadcast(Some(guild), intent::GUILDS, "GUILD_CREATE", &data);
    }
}
