use super::*;
use crate::domain::ids::{EntryId, WebhookId};
use crate::render::message::Embed;

const NOW: Timestamp = Timestamp::from_millis(1_000);
const WEBHOOK: Carrier = Carrier::Webhook(WebhookId(7));

fn waiting(count: i64) -> Vec<Waiting> {
    (1..=count)
        .map(|id| {
            let message = Message::from(Embed {
                title: format!("pool {id}"),
                ..Embed::default()
            });
            Waiting {
                id: EntryId(id),
                dedup_key: vec![u8::try_from(id).unwrap(); 32],
                payload: serde_json::to_string(&message).unwrap(),
                summary: format!("pool {id} fell"),
                not_after: Timestamp::from_millis(id * 100),
            }
        })
        .collect()
}

#[test]
fn one_post_tells_all_that_wait_and_knows_them() {
    let composed = compose(waiting(12), WEBHOOK, NOW).unwrap();
    let draft = composed.draft;
    assert_eq!(draft.entries.len(), 12);
    assert_eq!(composed.not_after, Timestamp::from_millis(1_200));
    let body: serde_json::Value = serde_json::from_str(&draft.wire.payload).unwrap();
    assert_eq!(body["embeds"].as_array().unwrap().len(), 10);
    assert_eq!(body["attachments"][0]["filename"], LIST);
    assert_eq!(body["allowed_mentions"]["parse"], serde_json::json!([]));
    assert!(body.get("nonce").is_none());
    let list = draft.wire.attachment.unwrap();
    assert_eq!(list, "pool 11 fell\npool 12 fell\n");
    assert!(draft.wire.payload.contains(&draft.wire.marker));
    assert!(draft.fallback.contains(&draft.wire.marker));
    assert!(draft.fallback.contains("pool 12 fell"));
    assert!(compose(Vec::new(), WEBHOOK, NOW).is_none());
}

/// The bot itself may not be allowed to attach files, so what has no room waits for the next message.
#[test]
fn the_bot_tells_what_has_room() {
    let composed = compose(waiting(12), Carrier::Bot, NOW).unwrap();
    assert_eq!(composed.draft.entries.len(), 10);
    assert!(composed.draft.wire.attachment.is_none());
    let body: serde_json::Value = serde_json::from_str(&with_nonce(&composed.draft.wire)).unwrap();
    assert_eq!(body["nonce"].as_str().unwrap(), composed.draft.wire.nonce);
    assert_eq!(body["enforce_nonce"], true);
}
