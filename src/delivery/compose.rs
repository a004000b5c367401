//! From notices that wait to the one message that tells them.

use super::{entry::Identity, post::Carrier};
use crate::{
    domain::time::Timestamp,
    render::{
        bundle::{Part, bundle, fitting, plain},
        message::Message,
    },
    store::{
        outbox::Waiting,
        posts::{Draft, Wire},
    },
};

/// So many notices at most are told by one message; a list of more would be read by nobody.
pub(super) const MOST: u32 = 500;
/// The file that lists what has no room as a card.
pub(super) const LIST: &str = "notices.txt";

/// A post that is about to be kept.
pub(super) struct Composed {
    pub(super) draft: Draft,
    /// That of the notice which is worth telling longest.
    pub(super) not_after: Timestamp,
}

/// Makes one message of as many of these notices as it can tell, from the first; `None` without any.
pub(super) fn compose(
    mut waiting: Vec<Waiting>,
    carrier: Carrier,
    now: Timestamp,
) -> Option<Composed> {
    let parts: Vec<Part> = waiting.iter().map(part).collect();
    // The bot's own messages need a right of its own for files.
    let may_attach = matches!(carrier, Carrier::Webhook(_));
    let told = fitting(&parts, may_attach);
    waiting.truncate(told);
    let identity = Identity::of(waiting.iter().map(|one| &one.dedup_key[..]));
    let not_after = waiting.iter().map(|one| one.not_after).max()?;
    let parts = &parts[..told];
    let message = bundle(parts, &identity.marker);
    let fallback = plain(parts, &identity.marker);
    let attachment = message
        .files
        .first()
        .map(|file| String::from_utf8_lossy(&file.bytes).into_owned());
    Some(Composed {
        not_after,
        draft: Draft {
            entries: waiting.iter().map(|one| one.id).collect(),
            fallback: body(&fallback),
            wire: Wire {
                payload: body(&message),
                marker: identity.marker,
                nonce: identity.nonce,
                attachment,
            },
            created_at: now,
        },
    })
}

fn part(waiting: &Waiting) -> Part {
    // What is not a message any more is told in its plain words.
    let message = serde_json::from_str(&waiting.payload)
        .unwrap_or_else(|_| Message::text(waiting.summary.as_str()));
    Part {
        message,
        summary: waiting.summary.clone(),
    }
}

/// The JSON body of a call.
fn body(message: &Message) -> String {
    let mut body = message.to_discord();
    if !message.files.is_empty() {
        body["attachments"] = serde_json::json!([{ "id": "0", "filename": LIST }]);
    }
    body.to_string()
}

/// The body as the bot itself sends it: with the nonce, which a webhook has no use for.
pub(super) fn with_nonce(wire: &Wire) -> String {
    let Ok(mut body) = serde_json::from_str::<serde_json::Value>(&wire.payload) else {
        return wire.payload.clone();
    };
    body["nonce"] = wire.nonce.as_str().into();
    body["enforce_nonce"] = true.into();
    body.to_string()
}

#[cfg(test)]
mod tests;
