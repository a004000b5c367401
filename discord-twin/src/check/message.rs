//! Message bodies: lengths, totals, flags, mentions, embeds. Components have their own file.

use serde_json::Value;

use super::{components, length};
use crate::{
    ledger::flag,
    refuse::{EMPTY_MESSAGE, Faulty, Refusal},
};

/// The routes that take a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    ExecuteWebhook,
    EditWebhookMessage,
    CreateMessage,
    EditMessage,
    /// Type 4 and 7 of a callback.
    Answer,
    /// A later message of an interaction.
    FollowUp,
    EditAnswer,
}

impl Kind {
    fn is_edit(self) -> bool {
        matches!(
            self,
            Self::EditWebhookMessage | Self::EditMessage | Self::EditAnswer
        )
    }

    fn flags(self) -> u64 {
        let common = flag::SUPPRESS_EMBEDS | flag::COMPONENTS_V2;
        match self {
            Self::EditWebhookMessage | Self::EditMessage | Self::EditAnswer => common,
            Self::ExecuteWebhook | Self::CreateMessage => common | flag::SUPPRESS_NOTIFICATIONS,
            Self::Answer | Self::FollowUp => {
                common | flag::SUPPRESS_NOTIFICATIONS | flag::EPHEMERAL
            }
        }
    }
}

/// What a message body may lean on besides itself.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Around {
    /// Files sent with it.
    pub(crate) files: usize,
    /// The message that is edited has the V2 flag already.
    pub(crate) was_v2: bool,
    /// A webhook of another application may not send buttons that call back.
    pub(crate) foreign_webhook: bool,
}

/// Refuses a body that Discord refuses.
pub(crate) fn message(kind: Kind, body: &Value, around: Around) -> Result<(), Refusal> {
    let mut faulty = Faulty::default();
    let Some(fields) = body.as_object() else {
        faulty.add(
            "",
            "DICT_TYPE_CONVERT",
            "Only dictionaries may be used in a DictType",
        );
        return faulty.into_result();
    };
    let flags = body["flags"].as_u64().unwrap_or_default();
    let v2 = flags & flag::COMPONENTS_V2 != 0 || around.was_v2;
    if let Some(content) = fields.get("content").filter(|content| !content.is_null()) {
        match content.as_str() {
            Some(text) => faulty.length("content", 0, 2000, length(text)),
            None => faulty.add(
                "content",
                "STRING_TYPE_CONVERT",
                "Could not interpret value as string.",
            ),
        }
    }
    if flags & !kind.flags() != 0 {
        faulty.add(
            "flags",
            "MESSAGE_FLAGS_INVALID",
            format!("Flags {flags} are not allowed here"),
        );
    }
    embeds(&mut faulty, &body["embeds"]);
    attachments(&mut faulty, &body["attachments"], kind, around.files);
    mentions(&mut faulty, &body["allowed_mentions"]);
    if let Some(name) = body["username"].as_str() {
        faulty.length("username", 1, 80, length(name));
        webhook_name(&mut faulty, "username", name);
    }
    if let Some(name) = body["thread_name"].as_str() {
        faulty.length("thread_name", 1, 100, length(name));
    }
    if let Some(tags) = body["applied_tags"].as_array() {
        faulty.length("applied_tags", 0, 5, tags.len());
    }
    if kind == Kind::CreateMessage {
        nonce(&mut faulty, body);
    }
    if around.files > 10 {
        return Err(crate::refuse::TOO_MANY_ATTACHMENTS);
    }
    if v2 {
        for key in ["content", "embeds", "poll", "sticker_ids"] {
            let set = fields.get(key).is_some_and(|value| !is_blank(value));
            if set {
                let message = format!(
                    "The '{key}' field cannot be used when using MessageFlags.IS_COMPONENTS_V2"
                );
                faulty.add(
                    key,
                    "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2",
                    message,
                );
            }
        }
    }
    components::message(&mut faulty, &body["components"], v2);
    if around.foreign_webhook && components::has_interactive(&body["components"]) {
        faulty.add(
            "components",
            "COMPONENTS_NOT_ALLOWED",
            "Only an application's own webhook may send these",
        );
    }
    faulty.into_result()?;

    let says_something = ["content", "embeds", "components", "sticker_ids", "poll"]
        .iter()
        .any(|key| fields.get(*key).is_some_and(|value| !is_blank(value)));
    if !kind.is_edit() && !says_something && around.files == 0 {
        return Err(EMPTY_MESSAGE);
    }
    Ok(())
}

/// Whether the body says who may be pinged. Without that Discord falls back to its defaults.
pub(crate) fn names_mentions(body: &Value) -> bool {
    body["allowed_mentions"].is_object()
}

fn is_blank(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        Value::Array(list) => list.is_empty(),
        _ => false,
    }
}

/// Names that Discord keeps for itself.
pub(crate) fn webhook_name(faulty: &mut Faulty, path: &str, name: &str) {
    let lower = name.to_lowercase();
    for word in ["discord", "clyde"] {
        if lower.contains(word) {
            faulty.add(
                path,
                "USERNAME_INVALID_CONTAINS",
                format!("Username cannot contain \"{word}\""),
            );
        }
    }
}

/// What is said of files: each by the number under which it is sent along, or, on an edit, by the id of
/// one that stays.
fn attachments(faulty: &mut Faulty, listed: &Value, kind: Kind, files: usize) {
    let Some(listed) = listed.as_array() else {
        return;
    };
    for (nth, entry) in listed.iter().enumerate() {
        let path = format!("attachments.{nth}");
        match crate::ids::id_of(&entry["id"]) {
            None => faulty.add(
                &format!("{path}.id"),
                "BASE_TYPE_REQUIRED",
                "This field is required",
            ),
            Some(id) if id >= files as u64 && !kind.is_edit() => faulty.add(
                &format!("{path}.id"),
                "ATTACHMENT_NOT_FOUND",
                format!("There is no files[{id}]"),
            ),
            Some(_) => {}
        }
        if let Some(text) = entry["description"].as_str() {
            faulty.length(&format!("{path}.description"), 0, 1024, length(text));
        }
    }
}

fn nonce(faulty: &mut Faulty, body: &Value) {
    match &body["nonce"] {
        Value::Null => {
            if body["enforce_nonce"] == true {
                faulty.add("nonce", "BASE_TYPE_REQUIRED", "enforce_nonce needs a nonce");
            }
        }
        Value::String(text) => faulty.length("nonce", 0, 25, text.chars().count()),
        Value::Number(number) if number.is_i64() || number.is_u64() => {}
        _ => faulty.add(
            "nonce",
            "NONCE_TYPE_INVALID",
            "Must be an integer or a string.",
        ),
    }
}

fn mentions(faulty: &mut Faulty, allowed: &Value) {
    let Some(allowed) = allowed.as_object() else {
        return;
    };
    let parse: Vec<&str> = match allowed.get("parse") {
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    for kind in &parse {
        if !["users", "roles", "everyone"].contains(kind) {
            let message = format!("Value '{kind}' must be one of ('users', 'roles', 'everyone').");
            faulty.add("allowed_mentions.parse", "BASE_TYPE_CHOICES", message);
        }
    }
    for kind in ["users", "roles"] {
        let listed = allowed
            .get(kind)
            .and_then(Value::as_array)
            .map_or(0, Vec::len);
        faulty.length(&format!("allowed_mentions.{kind}"), 0, 100, listed);
        if listed > 0 && parse.contains(&kind) {
            let message =
                format!("parse:[\"{kind}\"] and {kind}: [ids...] are mutually exclusive.");
            faulty.add(
                "allowed_mentions",
                "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE",
                message,
            );
        }
    }
}

fn embeds(faulty: &mut Faulty, embeds: &Value) {
    let Some(embeds) = embeds.as_array() else {
        if !embeds.is_null() {
            faulty.add(
                "embeds",
                "LIST_TYPE_CONVERT",
                "Only iterables may be used in a ListType",
            );
        }
        return;
    };
    faulty.length("embeds", 0, 10, embeds.len());
    let mut total = 0;
    for (nth, embed) in embeds.iter().enumerate() {
        let path = format!("embeds.{nth}");
        let mut text = |faulty: &mut Faulty, pointer: &str, most: usize, counts: bool| {
            let Some(text) = embed.pointer(pointer).and_then(Value::as_str) else {
                return;
            };
            let count = length(text);
            faulty.length(
                &format!("{path}{}", pointer.replace('/', ".")),
                0,
                most,
                count,
            );
            total += if counts { count } else { 0 };
        };
        text(faulty, "/title", 256, true);
        text(faulty, "/description", 4096, true);
        text(faulty, "/author/name", 256, true);
        text(faulty, "/footer/text", 2048, true);
        for pointer in [
            "/url",
            "/author/url",
            "/author/icon_url",
            "/footer/icon_url",
            "/image/url",
            "/thumbnail/url",
        ] {
            let Some(url) = embed.pointer(pointer).and_then(Value::as_str) else {
                continue;
            };
            if !is_link(url) {
                let message = format!("Scheme of \"{url}\" must be one of ('http', 'https').");
                faulty.add(
                    &format!("{path}{}", pointer.replace('/', ".")),
                    "URL_TYPE_INVALID_SCHEME",
                    message,
                );
            }
        }
        if let Some(color) = embed.get("color").filter(|color| !color.is_null())
            && color.as_u64().is_none_or(|color| color > 0x00FF_FFFF)
        {
            faulty.add(
                &format!("{path}.color"),
                "NUMBER_TYPE_MAX",
                "int value should be less than or equal to 16777215.",
            );
        }
        total += fields(faulty, &path, &embed["fields"]);
        let says_something = [
            "title",
            "description",
            "author",
            "footer",
            "image",
            "thumbnail",
            "video",
        ]
        .iter()
        .any(|key| embed.get(*key).is_some_and(|value| !is_blank(value)))
            || embed["fields"]
                .as_array()
                .is_some_and(|fields| !fields.is_empty());
        if !says_something {
            faulty.add(
                &format!("{path}.description"),
                "BASE_TYPE_REQUIRED",
                "This field is required",
            );
        }
    }
    if total > 6000 {
        faulty.add(
            "embeds",
            "MAX_EMBED_SIZE_EXCEEDED",
            "Embed size exceeds maximum size of 6000",
        );
    }
}

/// Checks the fields of one embed and returns their characters.
fn fields(faulty: &mut Faulty, path: &str, fields: &Value) -> usize {
    let fields = fields.as_array().map_or(&[][..], Vec::as_slice);
    faulty.length(&format!("{path}.fields"), 0, 25, fields.len());
    let mut total = 0;
    for (nth, field) in fields.iter().enumerate() {
        for (key, most) in [("name", 256), ("value", 1024)] {
            let count = field[key].as_str().map_or(0, length);
            let path = format!("{path}.fields.{nth}.{key}");
            if count == 0 {
                faulty.add(&path, "BASE_TYPE_REQUIRED", "This field is required");
            } else {
                faulty.length(&path, 1, most, count);
            }
            total += count;
        }
    }
    total
}

/// Whether a text can stand where Discord wants a link.
pub(crate) fn is_link(url: &str) -> bool {
    let rest = ["http://", "https://", "attachment://"]
        .iter()
        .find_map(|scheme| url.strip_prefix(scheme));
    rest.is_some_and(|rest| !rest.is_empty())
        && !url.chars().any(char::is_whitespace)
        && url.len() <= 2048
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refused(kind: Kind, body: &Value) -> bool {
        message(kind, body, Around::default()).is_err()
    }

    #[test]
    fn lets_a_full_webhook_message_pass() {
        let body = json!({
            "content": "x".repeat(2000),
            "username": "Yields",
            "allowed_mentions": {"parse": []},
            "embeds": [{"title": "t", "url": "https://example.org/a", "color": 255,
                "fields": [{"name": "n", "value": "v"}], "footer": {"text": "#1"}}],
        });
        assert_eq!(
            message(Kind::ExecuteWebhook, &body, Around::default()),
            Ok(())
        );
    }

    #[test]
    fn refuses_what_the_description_lets_pass() {
        let long = "x".repeat(3001);
        let cases = [
            json!({}),
            json!({"content": "  "}),
            json!({"content": "x".repeat(2001)}),
            json!({"content": "x", "flags": 64}),
            json!({"content": "x", "username": "my Discord feed"}),
            json!({"content": "x", "allowed_mentions": {"parse": ["users"], "users": ["1"]}}),
            json!({"content": "x", "allowed_mentions": {"parse": ["all"]}}),
            json!({"embeds": [{"description": long}, {"description": long}]}),
            json!({"embeds": [{"title": "t", "fields": [{"name": " ", "value": "v"}]}]}),
            json!({"embeds": [{"title": "t", "url": "javascript:alert(1)"}]}),
            json!({"embeds": [{}]}),
            json!({"embeds": [{"title": "x".repeat(257)}]}),
            json!({"content": "x", "flags": 32768}),
        ];
        for body in cases {
            assert!(refused(Kind::ExecuteWebhook, &body), "{body}");
        }
    }

    #[test]
    fn what_is_said_of_a_file_belongs_to_one() {
        let listed = |entry: Value| json!({"content": "x", "attachments": [entry]});
        let around = Around {
            files: 1,
            ..Around::default()
        };
        let passes = |kind, entry| message(kind, &listed(entry), around).is_ok();
        let answer = Kind::Answer;
        assert!(passes(
            answer,
            json!({"id": 0, "filename": "a.png", "description": "A chart"})
        ));
        assert!(passes(
            answer,
            json!({"id": "0", "description": "x".repeat(1024)})
        ));
        assert!(!passes(
            answer,
            json!({"id": 0, "description": "x".repeat(1025)})
        ));
        assert!(!passes(answer, json!({"id": 1})));
        assert!(!passes(answer, json!({"filename": "a.png"})));
        assert!(passes(
            Kind::EditAnswer,
            json!({"id": "1234567890123456789"})
        ));
    }

    #[test]
    fn an_edit_may_be_empty_and_a_follow_up_private() {
        assert!(!refused(Kind::EditWebhookMessage, &json!({})));
        assert!(!refused(
            Kind::FollowUp,
            &json!({"content": "x", "flags": 64})
        ));
        assert!(refused(
            Kind::CreateMessage,
            &json!({"content": "x", "nonce": "x".repeat(26)})
        ));
        assert!(refused(
            Kind::CreateMessage,
            &json!({"content": "x", "enforce_nonce": true})
        ));
    }
}
