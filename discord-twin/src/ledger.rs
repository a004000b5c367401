//! Every message that the twin stored, in order, with what became of it.

use std::{borrow::Cow, collections::HashMap};

use bytes::Bytes;
use serde::Serialize;
use serde_json::{Value, json};

use crate::ids::{iso, text};

/// Discord's message flags that the twin looks at.
pub(crate) mod flag {
    pub(crate) const SUPPRESS_EMBEDS: u64 = 1 << 2;
    pub(crate) const EPHEMERAL: u64 = 1 << 6;
    pub(crate) const LOADING: u64 = 1 << 7;
    pub(crate) const SUPPRESS_NOTIFICATIONS: u64 = 1 << 12;
    pub(crate) const COMPONENTS_V2: u64 = 1 << 15;
}

/// The way on which a message came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Via {
    /// Execute Webhook, with the webhook's id.
    Webhook(#[serde(with = "text")] u64),
    /// Create Message with the bot token.
    Bot,
    /// Answer or follow-up of the interaction with this id.
    Interaction(#[serde(with = "text")] u64),
    /// A person wrote it (see [`Handle::say`](crate::Handle::say)).
    Person,
}

/// A file of a message.
#[derive(Clone, Debug, Serialize)]
pub struct StoredFile {
    /// The attachment's id.
    #[serde(with = "text")]
    pub id: u64,
    /// The file name.
    pub name: String,
    /// How many bytes it has.
    pub size: usize,
    /// The bytes themselves, not part of the control port's answers.
    #[serde(skip)]
    pub bytes: Bytes,
}

/// A message as Discord keeps it.
#[derive(Clone, Debug, Serialize)]
pub struct StoredMessage {
    /// Its id.
    #[serde(with = "text")]
    pub id: u64,
    /// The channel or thread in which it stands.
    #[serde(with = "text")]
    pub channel: u64,
    /// The server, unless the channel is a direct one.
    #[serde(with = "text::maybe")]
    pub guild: Option<u64>,
    /// How it came.
    pub via: Via,
    /// The author: a user, or the webhook.
    #[serde(with = "text")]
    pub author: u64,
    /// The message object in its present state.
    pub body: Value,
    /// When it was stored, in milliseconds since 1970.
    pub created_ms: u64,
    /// When it was last edited.
    pub edited_ms: Option<u64>,
    /// When it was deleted.
    pub deleted_ms: Option<u64>,
    /// How often it was edited.
    pub edits: u32,
    /// Whether only one person sees it.
    pub ephemeral: bool,
    /// The nonce of Create Message.
    pub nonce: Option<String>,
    /// Its files.
    pub files: Vec<StoredFile>,
}

impl StoredMessage {
    /// The text of the message.
    pub fn content(&self) -> &str {
        self.body["content"].as_str().unwrap_or_default()
    }

    /// Whether the people of the channel see it: neither deleted, nor for one person, nor still loading.
    pub fn is_visible(&self) -> bool {
        self.deleted_ms.is_none() && !self.ephemeral && !self.is_loading()
    }

    /// Whether it is only the "thinking" of a deferred answer.
    pub fn is_loading(&self) -> bool {
        self.flags() & flag::LOADING != 0
    }

    pub(crate) fn flags(&self) -> u64 {
        self.body["flags"].as_u64().unwrap_or_default()
    }
}

/// What a new message is made of.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) channel: u64,
    pub(crate) guild: Option<u64>,
    pub(crate) via: Via,
    /// The author object.
    pub(crate) author: Value,
    pub(crate) application: Option<u64>,
    pub(crate) flags: u64,
    pub(crate) files: Vec<(String, Bytes)>,
    pub(crate) base_url: String,
}

#[derive(Debug, Default)]
pub(crate) struct Ledger {
    messages: Vec<StoredMessage>,
    by_id: HashMap<u64, usize>,
    by_channel: HashMap<u64, Vec<usize>>,
}

impl Ledger {
    pub(crate) fn all(&self) -> &[StoredMessage] {
        &self.messages
    }

    pub(crate) fn get(&self, id: u64) -> Option<&StoredMessage> {
        self.messages.get(*self.by_id.get(&id)?)
    }

    /// A message that still exists.
    pub(crate) fn alive(&self, id: u64) -> Option<&StoredMessage> {
        self.get(id).filter(|message| message.deleted_ms.is_none())
    }

    pub(crate) fn alive_mut(&mut self, id: u64) -> Option<&mut StoredMessage> {
        let index = *self.by_id.get(&id)?;
        self.messages
            .get_mut(index)
            .filter(|message| message.deleted_ms.is_none())
    }

    pub(crate) fn of_channel(
        &self,
        channel: u64,
    ) -> impl DoubleEndedIterator<Item = &StoredMessage> {
        let indexes = self.by_channel.get(&channel).map_or(&[][..], Vec::as_slice);
        indexes.iter().filter_map(|index| self.messages.get(*index))
    }

    /// How many messages were ever stored in a channel.
    pub(crate) fn count_of(&self, channel: u64) -> usize {
        self.by_channel.get(&channel).map_or(0, Vec::len)
    }

    /// Stores a message made of what the bot sent.
    pub(crate) fn store(
        &mut self,
        id: u64,
        now_ms: u64,
        sent: &Value,
        draft: Draft,
    ) -> &StoredMessage {
        let files: Vec<StoredFile> = (1u64..)
            .zip(draft.files)
            .map(|(nth, (name, bytes))| StoredFile {
                id: id + nth,
                name,
                size: bytes.len(),
                bytes,
            })
            .collect();
        let loading = draft.flags & flag::LOADING != 0;
        let kind = match draft.via {
            Via::Interaction(_) if loading => 20,
            _ => 0,
        };
        let mut body = json!({
            "id": id.to_string(),
            "type": kind,
            "channel_id": draft.channel.to_string(),
            "author": draft.author,
            "content": "",
            "embeds": [],
            "components": [],
            "attachments": [],
            "mentions": [],
            "mention_roles": [],
            "mention_everyone": false,
            "pinned": false,
            "tts": false,
            "flags": draft.flags,
            "timestamp": iso(now_ms),
            "edited_timestamp": null,
        });
        let mut author = crate::ids::id_of(&draft.author["id"]).unwrap_or_default();
        if let Via::Webhook(webhook) = draft.via {
            body["webhook_id"] = json!(webhook.to_string());
            author = webhook;
        }
        if let Some(application) = draft.application {
            body["application_id"] = json!(application.to_string());
            if matches!(draft.via, Via::Interaction(_)) {
                body["webhook_id"] = json!(application.to_string());
            }
        }
        fill(&mut body, sent);
        attach(&mut body, sent, &files, &draft.base_url);
        let index = self.messages.len();
        self.by_id.insert(id, index);
        self.by_channel
            .entry(draft.channel)
            .or_default()
            .push(index);
        self.messages.push(StoredMessage {
            id,
            channel: draft.channel,
            guild: draft.guild,
            via: draft.via,
            author,
            body,
            created_ms: now_ms,
            edited_ms: None,
            deleted_ms: None,
            edits: 0,
            ephemeral: draft.flags & flag::EPHEMERAL != 0,
            nonce: None,
            files,
        });
        &self.messages[index]
    }

    pub(crate) fn set_nonce(&mut self, id: u64, nonce: String) {
        if let Some(message) = self.alive_mut(id) {
            message.body["nonce"] = json!(nonce);
            message.nonce = Some(nonce);
        }
    }

    /// Changes a message by an edit; `None` when it does not exist any more.
    pub(crate) fn edit(
        &mut self,
        id: u64,
        now_ms: u64,
        sent: &Value,
        files: Vec<(String, Bytes)>,
        base_url: &str,
    ) -> Option<&StoredMessage> {
        let message = self.alive_mut(id)?;
        let was_loading = message.is_loading();
        // A flag that the edit does not name stays, and so does what the first answer has fixed.
        let kept = message.flags() & (flag::EPHEMERAL | flag::COMPONENTS_V2);
        let flags = sent["flags"].as_u64().unwrap_or_else(|| message.flags());
        message.body["flags"] = json!((flags | kept) & !flag::LOADING);
        fill(&mut message.body, sent);
        if sent.get("attachments").is_some() || !files.is_empty() {
            let kept: Vec<u64> = match sent["attachments"].as_array() {
                Some(list) => list
                    .iter()
                    .filter_map(|file| crate::ids::id_of(&file["id"]))
                    .collect(),
                None => message.files.iter().map(|file| file.id).collect(),
            };
            message.files.retain(|file| kept.contains(&file.id));
            let first = message.files.iter().map(|file| file.id).max().unwrap_or(id) + 1;
            let new = (first..).zip(files).map(|(id, (name, bytes))| StoredFile {
                id,
                name,
                size: bytes.len(),
                bytes,
            });
            message.files.extend(new);
            let all = message.files.clone();
            attach(&mut message.body, sent, &all, base_url);
        }
        if was_loading {
            message.body["type"] = json!(0);
        } else {
            message.body["edited_timestamp"] = json!(iso(now_ms));
            message.edited_ms = Some(now_ms);
            message.edits += 1;
        }
        Some(message)
    }

    /// Deletes a message; `false` when it did not exist any more.
    pub(crate) fn delete(&mut self, id: u64, now_ms: u64) -> bool {
        self.alive_mut(id)
            .map(|message| message.deleted_ms = Some(now_ms))
            .is_some()
    }

    /// Deletes all messages of a channel that has gone.
    pub(crate) fn delete_channel(&mut self, channel: u64, now_ms: u64) {
        for index in self.by_channel.get(&channel).map_or(&[][..], Vec::as_slice) {
            if let Some(message) = self.messages.get_mut(*index) {
                message.deleted_ms.get_or_insert(now_ms);
            }
        }
    }
}

/// Takes over what a body says of content, embeds, components and mentions.
fn fill(body: &mut Value, sent: &Value) {
    if let Some(content) = sent.get("content") {
        body["content"] = json!(content.as_str().unwrap_or_default().trim());
    }
    if let Some(embeds) = sent.get("embeds") {
        let mut embeds = embeds.as_array().cloned().unwrap_or_default();
        for embed in &mut embeds {
            if let Some(embed) = embed.as_object_mut() {
                embed.insert("type".to_owned(), json!("rich"));
                let fields = embed.get_mut("fields").and_then(Value::as_array_mut);
                for field in fields
                    .into_iter()
                    .flatten()
                    .filter(|field| field["inline"].is_null())
                {
                    field["inline"] = json!(false);
                }
            }
        }
        body["embeds"] = Value::Array(embeds);
    }
    if let Some(components) = sent.get("components") {
        let mut components = if components.is_array() {
            components.clone()
        } else {
            json!([])
        };
        complete(&mut components, &mut 0);
        body["components"] = components;
    }
    if sent.get("content").is_some() || sent.get("allowed_mentions").is_some() {
        let pinged = mentions(
            body["content"].as_str().unwrap_or_default(),
            &sent["allowed_mentions"],
        );
        body["mentions"] = Value::Array(
            pinged
                .users
                .iter()
                .map(|id| crate::state::user(*id, "somebody"))
                .collect(),
        );
        body["mention_roles"] = json!(pinged.roles.iter().map(u64::to_string).collect::<Vec<_>>());
        body["mention_everyone"] = json!(pinged.everyone);
    }
}

/// Gives components the numbers and defaults that Discord fills in.
fn complete(components: &mut Value, count: &mut u64) {
    for component in components.as_array_mut().into_iter().flatten() {
        complete_one(component, count);
    }
}

fn complete_one(component: &mut Value, count: &mut u64) {
    *count += 1;
    let id = component["id"]
        .as_u64()
        .filter(|id| *id > 0)
        .unwrap_or(*count);
    let defaults = match component["type"].as_u64() {
        Some(3 | 5..=8) => json!({"min_values": 1, "max_values": 1}),
        Some(14) => json!({"spacing": 1, "divider": true}),
        Some(17) => json!({"accent_color": null, "spoiler": false}),
        _ => json!({}),
    };
    let Some(fields) = component.as_object_mut() else {
        return;
    };
    fields.insert("id".to_owned(), json!(id));
    for (key, value) in defaults.as_object().into_iter().flatten() {
        fields.entry(key).or_insert_with(|| value.clone());
    }
    if let Some(inner) = fields.get_mut("components") {
        complete(inner, count);
    }
    if let Some(accessory) = fields.get_mut("accessory") {
        complete_one(accessory, count);
    }
}

fn attach(body: &mut Value, sent: &Value, files: &[StoredFile], base_url: &str) {
    let described = sent["attachments"]
        .as_array()
        .map_or(&[][..], Vec::as_slice);
    let list = files.iter().enumerate().map(|(nth, file)| {
        let url = format!("{base_url}/twin/files/{}/{}", file.id, file.name);
        let description = described
            .iter()
            .find(|entry| crate::ids::id_of(&entry["id"]) == Some(nth as u64))
            .and_then(|entry| entry["description"].as_str().map(Cow::from));
        let mut object = json!({
            "id": file.id.to_string(),
            "filename": file.name,
            "size": file.size,
            "url": url,
            "proxy_url": url,
        });
        if let Some(description) = description {
            object["description"] = json!(description);
        }
        object
    });
    body["attachments"] = list.collect();
}

/// Who a message pings.
#[derive(Debug, Default, PartialEq)]
struct Pinged {
    users: Vec<u64>,
    roles: Vec<u64>,
    everyone: bool,
}

fn mentions(content: &str, allowed: &Value) -> Pinged {
    let parse = |kind: &str| match allowed.get("parse") {
        Some(list) => list
            .as_array()
            .is_some_and(|list| list.iter().any(|entry| entry == kind)),
        None => allowed.is_null(),
    };
    let listed = |kind: &str, id: u64| {
        allowed[kind].as_array().is_some_and(|list| {
            list.iter()
                .any(|entry| crate::ids::id_of(entry) == Some(id))
        })
    };
    let mut pinged = Pinged {
        everyone: parse("everyone") && (content.contains("@everyone") || content.contains("@here")),
        ..Pinged::default()
    };
    for piece in content.split("<@").skip(1) {
        let Some((inside, _)) = piece.split_once('>') else {
            continue;
        };
        if let Some(role) = inside.strip_prefix('&').and_then(|id| id.parse().ok()) {
            if (parse("roles") || listed("roles", role)) && !pinged.roles.contains(&role) {
                pinged.roles.push(role);
            }
        } else if let Ok(user) = inside.trim_start_matches('!').parse()
            && (parse("users") || listed("users", user))
            && !pinged.users.contains(&user)
        {
            pinged.users.push(user);
        }
    }
    pinged
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft() -> Draft {
        Draft {
            channel: 5,
            guild: Some(4),
            via: Via::Webhook(9),
            author: json!({"id": "9", "username": "hook"}),
            application: None,
            flags: 0,
            files: vec![("a.txt".to_owned(), Bytes::from_static(b"abc"))],
            base_url: String::new(),
        }
    }

    #[test]
    fn an_edit_keeps_what_it_does_not_name() {
        let mut ledger = Ledger::default();
        let sent = json!({"content": " hello ", "embeds": [{"title": "t"}]});
        ledger.store(1 << 22, 1000, &sent, draft());
        let edited = ledger
            .edit(1 << 22, 2000, &json!({"content": "bye"}), Vec::new(), "")
            .unwrap();
        assert_eq!(edited.content(), "bye");
        assert_eq!(edited.body["embeds"][0]["title"], "t");
        assert_eq!(edited.body["attachments"][0]["filename"], "a.txt");
        assert_eq!((edited.edits, edited.edited_ms), (1, Some(2000)));
        let edited = ledger
            .edit(1 << 22, 2000, &json!({"attachments": []}), Vec::new(), "")
            .unwrap();
        assert!(edited.files.is_empty());
    }

    #[test]
    fn a_deleted_message_cannot_be_edited() {
        let mut ledger = Ledger::default();
        ledger.store(7, 1000, &json!({}), draft());
        assert!(ledger.delete(7, 1500));
        assert!(!ledger.delete(7, 1500));
        assert!(ledger.edit(7, 2000, &json!({}), Vec::new(), "").is_none());
        assert!(!ledger.all()[0].is_visible());
    }

    #[test]
    fn pings_follow_allowed_mentions() {
        let content = "@everyone <@12> <@!13> <@&14>";
        assert_eq!(mentions(content, &json!({"parse": []})), Pinged::default());
        let all = mentions(content, &Value::Null);
        assert_eq!(
            all,
            Pinged {
                users: vec![12, 13],
                roles: vec![14],
                everyone: true
            }
        );
        let one = mentions(content, &json!({"parse": [], "roles": ["14"]}));
        assert_eq!(one.roles, [14]);
        assert!(!one.everyone);
    }
}
