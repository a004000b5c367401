//! What Discord says no with.

use serde_json::{Map, Value, json};

/// A refused request: HTTP status, Discord's own code, its sentence, and the tree of wrong fields.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) code: u32,
    pub(crate) message: &'static str,
    pub(crate) errors: Option<Value>,
}

impl Refusal {
    const fn new(status: u16, code: u32, message: &'static str) -> Self {
        Self {
            status,
            code,
            message,
            errors: None,
        }
    }

    pub(crate) fn body(&self) -> Value {
        let mut body = json!({"message": self.message, "code": self.code});
        if let Some(errors) = &self.errors {
            body["errors"] = errors.clone();
        }
        body
    }

    /// What is wrong, as plain text for people.
    pub(crate) fn sentences(&self) -> String {
        fn walk(node: &Value, path: &str, found: &mut Vec<String>) {
            for (key, value) in node.as_object().into_iter().flatten() {
                if key == "_errors" {
                    let messages = value
                        .as_array()
                        .into_iter()
                        .flatten()
                        .filter_map(|entry| entry["message"].as_str());
                    found.extend(
                        messages
                            .map(|message| format!("{}: {message}", path.trim_start_matches('.'))),
                    );
                } else {
                    walk(value, &format!("{path}.{key}"), found);
                }
            }
        }
        let mut found = Vec::new();
        if let Some(errors) = &self.errors {
            walk(errors, "", &mut found);
        }
        if found.is_empty() {
            self.message.to_owned()
        } else {
            found.join("; ")
        }
    }
}

pub(crate) const UNAUTHORIZED: Refusal = Refusal::new(401, 0, "401: Unauthorized");
pub(crate) const NOT_FOUND: Refusal = Refusal::new(404, 0, "404: Not Found");
pub(crate) const METHOD_NOT_ALLOWED: Refusal = Refusal::new(405, 0, "405: Method Not Allowed");
pub(crate) const UNKNOWN_APPLICATION: Refusal = Refusal::new(404, 10002, "Unknown Application");
pub(crate) const UNKNOWN_CHANNEL: Refusal = Refusal::new(404, 10003, "Unknown Channel");
pub(crate) const UNKNOWN_GUILD: Refusal = Refusal::new(404, 10004, "Unknown Guild");
pub(crate) const UNKNOWN_MEMBER: Refusal = Refusal::new(404, 10007, "Unknown Member");
pub(crate) const UNKNOWN_MESSAGE: Refusal = Refusal::new(404, 10008, "Unknown Message");
pub(crate) const UNKNOWN_USER: Refusal = Refusal::new(404, 10013, "Unknown User");
pub(crate) const UNKNOWN_WEBHOOK: Refusal = Refusal::new(404, 10015, "Unknown Webhook");
pub(crate) const UNKNOWN_INTERACTION: Refusal = Refusal::new(404, 10062, "Unknown interaction");
pub(crate) const UNKNOWN_COMMAND: Refusal = Refusal::new(404, 10063, "Unknown application command");
pub(crate) const TOO_MANY_WEBHOOKS: Refusal =
    Refusal::new(400, 30007, "Maximum number of webhooks reached (15)");
pub(crate) const TOO_MANY_ATTACHMENTS: Refusal = Refusal::new(
    400,
    30015,
    "Maximum number of attachments in a message reached (10)",
);
pub(crate) const TOO_LARGE: Refusal = Refusal::new(413, 40005, "Request entity too large");
pub(crate) const ALREADY_ACKNOWLEDGED: Refusal =
    Refusal::new(400, 40060, "Interaction has already been acknowledged.");
pub(crate) const TOO_MANY_FOLLOW_UPS: Refusal = Refusal::new(
    400,
    40094,
    "Reached the maximum number of follow-up messages for this interaction",
);
pub(crate) const MISSING_ACCESS: Refusal = Refusal::new(403, 50001, "Missing Access");
pub(crate) const EDIT_OF_ANOTHER: Refusal =
    Refusal::new(403, 50005, "Cannot edit a message authored by another user");
pub(crate) const EMPTY_MESSAGE: Refusal = Refusal::new(400, 50006, "Cannot send an empty message");
pub(crate) const NO_DIRECT_MESSAGES: Refusal =
    Refusal::new(403, 50007, "Cannot send messages to this user");
pub(crate) const NOT_A_TEXT_CHANNEL: Refusal =
    Refusal::new(400, 50008, "Cannot send messages in a non-text channel");
pub(crate) const MISSING_PERMISSIONS: Refusal = Refusal::new(403, 50013, "Missing Permissions");
pub(crate) const INVALID_WEBHOOK_TOKEN: Refusal = Refusal::new(401, 50027, "Invalid Webhook Token");
pub(crate) const WRONG_VERSION: Refusal = Refusal::new(400, 50041, "Invalid API version provided");
pub(crate) const THREAD_ARCHIVED: Refusal = Refusal::new(400, 50083, "Thread is archived");
pub(crate) const NOT_JSON: Refusal =
    Refusal::new(400, 50109, "The request body contains invalid JSON.");
pub(crate) const THREAD_LOCKED: Refusal = Refusal::new(400, 160_005, "Thread is locked");
pub(crate) const FORUM_WANTS_THREAD: Refusal = Refusal::new(
    400,
    220_001,
    "Webhooks posted to forum channels must have a thread_name or thread_id",
);
pub(crate) const FORUM_WANTS_ONE: Refusal = Refusal::new(
    400,
    220_002,
    "Webhooks posted to forum channels cannot have both a thread_name and thread_id",
);
pub(crate) const THREAD_ELSEWHERE: Refusal = Refusal::new(
    400,
    220_003,
    "Webhooks can only create threads in forum channels",
);

/// Collects wrong fields, each with the path at which it stands.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faulty {
    root: Map<String, Value>,
}

impl Faulty {
    /// Notes that what stands at `path` (keys joined by dots) is wrong.
    pub(crate) fn add(&mut self, path: &str, code: &str, message: impl Into<String>) {
        let message = message.into();
        let mut node = &mut self.root;
        for key in path.split('.').filter(|key| !key.is_empty()) {
            let entry = node.entry(key).or_insert_with(|| Value::Object(Map::new()));
            let Value::Object(next) = entry else { return };
            node = next;
        }
        let list = node
            .entry("_errors")
            .or_insert_with(|| Value::Array(Vec::new()));
        if let Value::Array(list) = list {
            list.push(json!({"code": code, "message": message}));
        }
    }

    /// Notes a text or list outside of its bounds.
    pub(crate) fn length(&mut self, path: &str, least: usize, most: usize, is: usize) {
        if is < least || is > most {
            let message = if least == 0 {
                format!("Must be {most} or fewer in length.")
            } else {
                format!("Must be between {least} and {most} in length.")
            };
            self.add(path, "BASE_TYPE_BAD_LENGTH", message);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.root.is_empty()
    }

    /// What is wrong, as plain text for tests.
    #[cfg(test)]
    pub(crate) fn sentences(&self) -> String {
        self.clone()
            .into_result()
            .err()
            .map(|refusal| refusal.sentences())
            .unwrap_or_default()
    }

    /// The refusal for everything noted, or success when nothing was.
    pub(crate) fn into_result(self) -> Result<(), Refusal> {
        if self.is_empty() {
            return Ok(());
        }
        Err(Refusal {
            errors: Some(Value::Object(self.root)),
            ..Refusal::new(400, 50035, "Invalid Form Body")
        })
    }
}

/// The refusal for one wrong field.
pub(crate) fn invalid(path: &str, code: &str, message: impl Into<String>) -> Refusal {
    let mut faulty = Faulty::default();
    faulty.add(path, code, message);
    Refusal {
        errors: Some(Value::Object(faulty.root)),
        ..Refusal::new(400, 50035, "Invalid Form Body")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_form_a_tree() {
        let refusal = invalid("embeds.0.title", "BASE_TYPE_MAX_LENGTH", "too long");
        let body = refusal.body();
        assert_eq!(body["code"], 50035);
        assert_eq!(
            body["errors"]["embeds"]["0"]["title"]["_errors"][0]["code"],
            "BASE_TYPE_MAX_LENGTH"
        );
    }
}
