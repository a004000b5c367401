use super::*;
use crate::{
    delivery::{entry::Held, state::DestinationState},
    domain::ids::{ChannelId, DestinationId, GuildId, Home, MessageId, RoleId, WebhookId},
    render::message::Embed,
    store::outbox::{End, Waiting},
};

const NOW: Timestamp = Timestamp::from_millis(1_000);

fn place(webhook: Option<u64>) -> Destination {
    Destination {
        id: DestinationId(1),
        home: Home::Server(GuildId(5)),
        channel: ChannelId(6),
        parent: None,
        webhook: webhook.map(WebhookId),
        state: DestinationState::Ready,
        reason: None,
        floor: None,
        last_message: None,
        changed_at: NOW,
        remade: false,
    }
}

fn composed(waiting: Vec<Waiting>, webhook: Option<u64>) -> Composed {
    compose(waiting, &place(webhook), usize::MAX, NOW)
}

/// The one post that is made of these, by a webhook.
fn post(waiting: Vec<Waiting>) -> NewPost {
    composed(waiting, Some(7)).post.unwrap()
}

fn waiting(count: i64) -> Vec<Waiting> {
    (1..=count)
        .map(|id| {
            let message = Message::from(Embed {
                title: format!("🔻 pool {id}"),
                description: format!("on a chain\nAPY 4 % → **{id} %**"),
                ..Embed::default()
            });
            Waiting {
                id: EntryId(id),
                dedup_key: vec![u8::try_from(id).unwrap(); 32],
                payload: serde_json::to_string(&message).unwrap(),
                alert: AlertId(12),
                occasion: Occasion::Edge(EdgeKind::Opened),
                summary: format!("pool {id} – fell"),
                created_at: NOW,
                not_after: Timestamp::from_millis(id * 100),
                held: None,
                role: None,
                beginning: None,
                end: None,
            }
        })
        .collect()
}

/// F-L03: what fires at once for a channel is one message within Discord's limits, and each notice is kept as told
/// by it.
#[test]
fn one_post_tells_all_that_wait_and_knows_them() {
    let composed = post(waiting(12));
    let draft = composed.draft;
    assert_eq!(draft.entries.len(), 12);
    assert_eq!(composed.not_after, Timestamp::from_millis(1_200));
    let body: serde_json::Value = serde_json::from_str(&draft.wire.payload).unwrap();
    assert_eq!(body["embeds"].as_array().unwrap().len(), 10);
    assert_eq!(body["attachments"][0]["filename"], LIST);
    assert_eq!(body["allowed_mentions"]["parse"], serde_json::json!([]));
    assert!(body.get("nonce").is_none());
    let list = draft.wire.attachment.unwrap();
    assert_eq!(list, "pool 11 – fell\npool 12 – fell\n");
    assert!(draft.wire.payload.contains(&draft.wire.marker));
    assert!(draft.fallback.contains(&draft.wire.marker));
    assert!(draft.fallback.contains("pool 12 – fell"));
    assert!(
        super::compose(Vec::new(), &place(Some(7)), 1, NOW)
            .post
            .is_none()
    );
}

/// The bot itself may not be allowed to attach files, so what has no room waits for the next message.
#[test]
fn the_bot_tells_what_has_room() {
    let composed = composed(waiting(12), None).post.unwrap();
    assert_eq!(composed.draft.entries.len(), 10);
    assert!(composed.draft.wire.attachment.is_none());
    let body: serde_json::Value = serde_json::from_str(&with_nonce(&composed.draft.wire)).unwrap();
    assert_eq!(body["nonce"].as_str().unwrap(), composed.draft.wire.nonce);
    assert_eq!(body["enforce_nonce"], true);
}

fn ending(id: i64, beginning: Beginning, created_at: Timestamp) -> Waiting {
    let message = Message::from(Embed {
        title: format!("✅ pool {id}"),
        description: "back above 4 %, after 9 h".to_owned(),
        ..Embed::default()
    });
    Waiting {
        occasion: Occasion::Edge(EdgeKind::Closed),
        payload: serde_json::to_string(&message).unwrap(),
        beginning: Some(beginning),
        created_at,
        ..waiting(id).pop().unwrap()
    }
}

fn told(at: Timestamp, is_edited: bool, called: bool) -> Beginning {
    Beginning::Told {
        channel: ChannelId(6),
        message: MessageId(9),
        at,
        is_edited,
        called,
    }
}

/// An edit marks nothing unread, so an end is said where its beginning is out of sight or called a role,
/// or could not be edited; and never where nobody read of a beginning.
#[test]
fn an_end_is_said_where_its_beginning_is_out_of_sight() {
    let soon = NOW.plus(Duration::from_mins(50));
    let later = NOW.plus(Duration::from_mins(70));
    for (beginning, at, is_said) in [
        (told(NOW, true, false), soon, false),
        (told(NOW, true, false), later, true),
        (told(NOW, true, true), soon, true),
        (told(NOW, false, false), soon, true),
        (Beginning::Perhaps, soon, true),
        (Beginning::Untold, later, false),
        (Beginning::Never, later, false),
    ] {
        let composed = composed(vec![ending(3, beginning, at)], Some(7));
        assert_eq!(composed.post.is_some(), is_said, "{beginning:?}");
        assert_eq!(composed.superseded.is_empty(), is_said, "{beginning:?}");
    }
    let said = post(vec![ending(3, told(NOW, true, false), later)]);
    let payload = said.draft.wire.payload;
    assert!(
        payload.contains("[what was told](https://discord.com/channels/5/6/9)"),
        "{payload}"
    );
    assert!(!payload.contains("components"), "{payload}");
}

#[test]
fn what_is_over_says_so_in_its_own_message() {
    let mut opened = waiting(2);
    let end = ending(2, Beginning::Untold, NOW);
    opened[1].end = Some(End {
        payload: end.payload,
        summary: "✅ pool 2 – back above 4 %".to_owned(),
    });
    let revised = revise(&opened, &place(Some(7)), "#A").unwrap();
    let body: serde_json::Value = serde_json::from_str(&revised.json).unwrap();
    assert_eq!(body["embeds"][0]["title"], "🔻 pool 1");
    assert_eq!(body["embeds"][1]["title"], "✅ pool 2");
    assert_eq!(
        body["embeds"][1]["description"],
        "on a chain\nAPY 4 % → **2 %**\n**Over:** back above 4 %, after 9 h"
    );
    assert!(revised.json.contains("#A"));
}

/// Those that have no room as cards stand in a file, which is revised as well.
#[test]
fn what_is_over_says_so_in_the_list_too() {
    let mut opened = waiting(12);
    opened[11].end = Some(End {
        payload: ending(12, Beginning::Untold, NOW).payload,
        summary: "✅ pool 12 – back above 4 %".to_owned(),
    });
    let revised = revise(&opened, &place(Some(7)), "#A").unwrap();
    assert_eq!(
        revised.attachment.unwrap(),
        "pool 11 – fell\npool 12 – fell\n   Over: ✅ pool 12 – back above 4 %\n"
    );
    assert!(revised.json.contains(LIST));
}

/// A message whose words were let go here still has them in its channel, and keeps them.
#[test]
fn a_message_whose_words_are_gone_is_not_edited() {
    let mut opened = waiting(2);
    opened[1].end = Some(End {
        payload: ending(2, Beginning::Untold, NOW).payload,
        summary: "✅ pool 2 – back above 4 %".to_owned(),
    });
    assert!(revise(&opened, &place(Some(7)), "#A").is_some());
    opened[1].payload.clear();
    opened[1].summary.clear();
    assert!(revise(&opened, &place(Some(7)), "#A").is_none());
    assert!(revise(&[], &place(Some(7)), "#A").is_none());
}

/// F-L03: with the ends of all that it tells a message of the bot's own has no room for all of its cards, and may
/// attach no file. What has no card is told in short, and none is dropped.
#[test]
fn an_edit_without_a_file_still_tells_all() {
    let card = |number: usize, length: usize| {
        let message = Message::from(Embed {
            title: format!("🔻 pool {number}"),
            description: "x".repeat(length),
            ..Embed::default()
        });
        serde_json::to_string(&message).unwrap()
    };
    let mut opened = waiting(10);
    for (one, number) in opened.iter_mut().zip(1..) {
        one.payload = card(number, 900);
    }
    let told = composed(opened.clone(), None)
        .post
        .unwrap()
        .draft
        .entries
        .len();
    assert!(told >= 5, "{told}");
    let mut opened = opened[..told].to_vec();
    for (one, number) in opened.iter_mut().zip(1..) {
        one.end = Some(End {
            payload: card(number, 300),
            summary: format!("✅ pool {number} – back above 4 %"),
        });
    }
    let revised = revise(&opened, &place(None), "#A").unwrap();
    assert!(revised.attachment.is_none());
    let body: serde_json::Value = serde_json::from_str(&revised.json).unwrap();
    let cards = body["embeds"].as_array().unwrap().len();
    assert!(cards < told, "{cards} of {told}");
    let text = format!("{} {}", body["content"], body["embeds"]);
    for number in 1..=told {
        assert!(text.contains(&format!("pool {number}")), "{number}");
    }
    assert!(text.contains("**Over:** ✅ pool"), "{}", body["content"]);
    // Where even that is too long, the message stays as it is.
    for (one, number) in opened.iter_mut().zip(1..) {
        one.payload = card(number, 4_000);
        one.summary = "x".repeat(390);
    }
    assert!(revise(&opened, &place(None), "#A").is_none());
}

#[test]
fn one_notice_carries_buttons_and_many_a_select() {
    let alone: serde_json::Value =
        serde_json::from_str(&post(waiting(1)).draft.wire.payload).unwrap();
    let labels: Vec<&str> = alone["components"][0]["components"]
        .as_array()
        .unwrap()
        .iter()
        .map(|button| button["label"].as_str().unwrap())
        .collect();
    assert_eq!(
        labels,
        ["Why", "My impact", "Mute", "History", "Calmer places"]
    );
    let many: serde_json::Value =
        serde_json::from_str(&post(waiting(30)).draft.wire.payload).unwrap();
    let select = &many["components"][0]["components"][0];
    assert_eq!(select["type"], 3);
    assert_eq!(select["options"].as_array().unwrap().len(), 25);
    assert_eq!(select["options"][1]["label"], "pool 2");
    assert_eq!(select["options"][1]["value"], "2");
}

/// F-X03: by a webhook, by the bot itself, and in the place of either: each body says whom it may call.
#[test]
fn every_body_says_whom_it_may_call() {
    let mut opened = waiting(3);
    opened[0].end = Some(End {
        payload: ending(1, Beginning::Untold, NOW).payload,
        summary: "✅ pool 1 – back above 4 %".to_owned(),
    });
    let by_webhook = post(opened.clone()).draft.wire.payload;
    let alone = composed(opened.clone(), None).post.unwrap();
    let bodies = [
        by_webhook,
        with_nonce(&alone.draft.wire),
        revise(&opened, &place(Some(7)), "#A").unwrap().json,
        revise(&opened, &place(None), "#A").unwrap().json,
        revise(&opened[..1], &place(None), "#A").unwrap().json,
    ];
    for body in bodies {
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        let nobody = serde_json::json!({"parse": []});
        assert_eq!(body["allowed_mentions"], nobody, "{body}");
    }
}

/// Only the role that an alert was given is called, once, and only by news.
#[test]
fn a_role_is_called_by_news_alone() {
    let mut two = waiting(2);
    for one in &mut two {
        one.role = Some(RoleId(77));
    }
    let draft = post(two.clone()).draft;
    let body: serde_json::Value = serde_json::from_str(&draft.wire.payload).unwrap();
    assert_eq!(body["content"], "<@&77>");
    assert_eq!(
        body["allowed_mentions"],
        serde_json::json!({"parse": [], "roles": ["77"]})
    );
    assert!(draft.calls);
    let mut end = ending(1, Beginning::Perhaps, NOW);
    end.role = Some(RoleId(77));
    assert!(!post(vec![end]).draft.calls);
    for one in &mut two {
        one.held = Some(Held::Quiet);
    }
    assert!(!post(two).draft.calls);
}

/// What was held back comes as a list below its head, and what was not goes into a message of its own.
#[test]
fn what_was_held_back_is_told_as_a_list() {
    let mut mixed = waiting(4);
    for one in &mut mixed[..3] {
        one.held = Some(Held::Mute);
    }
    mixed[0].occasion = Occasion::Summary;
    mixed[0].payload = serde_json::to_string(&Message::text("Alert #12 speaks again.")).unwrap();
    let draft = post(mixed).draft;
    assert_eq!(draft.entries.len(), 3);
    let body: serde_json::Value = serde_json::from_str(&draft.wire.payload).unwrap();
    assert_eq!(body["content"], "🔔 Alert #12 speaks again.");
    assert_eq!(
        body["embeds"][0]["description"],
        "🔻 pool 2 – APY 4 % → **2 %**\n🔻 pool 3 – APY 4 % → **3 %**"
    );
}
