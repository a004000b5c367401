//! From notices that wait to the one message that tells them.

use std::time::Duration;

use super::{
    entry::{Held, Identity, Occasion},
    post::Carrier,
};
use crate::{
    domain::{
        episode::EdgeKind,
        ids::{AlertId, EntryId, Home},
        time::Timestamp,
    },
    render::{
        alerts::speak_again,
        bundle::{
            OVER, Part, bundle, fitting, line, linked, listable, over, plain, roll_up, without_file,
        },
        message::{self, Message},
    },
    store::{
        destinations::Destination,
        outbox::{Beginning, Waiting},
        posts::{Draft, Wire},
    },
};

/// So many notices at most are told by one message; a list of more would be read by nobody.
pub(super) const MOST: u32 = 500;
/// The file that lists what has no room as a card.
pub(super) const LIST: &str = "notices.txt";
/// An edit marks nothing unread: the end of what was told longer ago than this is said once more.
const OUT_OF_SIGHT: Duration = Duration::from_hours(1);

/// What is made of the notices that wait for a channel.
#[derive(Debug, Default)]
pub(super) struct Composed {
    pub(super) post: Option<NewPost>,
    /// Notices of which other ones say all.
    pub(super) superseded: Vec<EntryId>,
}

/// A post that is about to be kept.
#[derive(Debug)]
pub(super) struct NewPost {
    pub(super) draft: Draft,
    /// That of the notice which is worth telling longest.
    pub(super) not_after: Timestamp,
}

/// A post as it is to read now that some of what it tells is over.
pub(super) struct Revised {
    pub(super) json: String,
    pub(super) attachment: Option<String>,
}

/// Makes one message of as many of these notices as it can tell, from the first. What was held back is
/// told as a list of its own.
pub(super) fn compose(
    waiting: Vec<Waiting>,
    place: &Destination,
    most: usize,
    now: Timestamp,
) -> Composed {
    let (needed, unneeded): (Vec<Waiting>, Vec<Waiting>) = waiting.into_iter().partition(is_needed);
    let superseded = unneeded.iter().map(|one| one.id).collect();
    // What was held back for one reason is one list.
    let held = needed.first().and_then(|one| one.held);
    let mut told: Vec<Waiting> = needed.into_iter().filter(|one| one.held == held).collect();
    if held.is_some() && !may_attach(place) {
        let lines = lines(&told, place);
        told.truncate(listable(&lines).max(1));
    } else if held.is_none() {
        let parts: Vec<Part> = told.iter().map(|one| part(one, place)).collect();
        told.truncate(fitting(&parts, may_attach(place)).min(most));
    }
    Composed {
        post: new_post(&told, place, now),
        superseded,
    }
}

fn new_post(told: &[Waiting], place: &Destination, now: Timestamp) -> Option<NewPost> {
    let identity = Identity::of(told.iter().map(|one| &one.dedup_key[..]), now);
    let not_after = told.iter().map(|one| one.not_after).max()?;
    let message = to_read(told, place, &identity.marker);
    let parts: Vec<Part> = told.iter().map(|one| part(one, place)).collect();
    let fallback = plain(&parts, &identity.marker);
    Some(NewPost {
        not_after,
        draft: Draft {
            entries: told.iter().map(|one| one.id).collect(),
            fallback: body(&fallback),
            calls: !message.roles.is_empty(),
            reader: place.home.person(),
            wire: Wire {
                payload: body(&message),
                attachment: attachment(&message),
                marker: identity.marker,
                nonce: identity.nonce,
            },
            created_at: now,
        },
    })
}

/// What a post says now of the notices that it tells; `None` where the words of any are gone, or where with their
/// ends they have no room without a file that may not be attached: the message in the channel still has them.
pub(super) fn revise(told: &[Waiting], place: &Destination, marker: &str) -> Option<Revised> {
    if told.is_empty() || told.iter().any(|one| one.payload.is_empty()) {
        return None;
    }
    let mut message = to_read(told, place, marker);
    if !message.files.is_empty() && !may_attach(place) {
        let parts: Vec<Part> = told.iter().map(|one| part(one, place)).collect();
        message = without_file(&parts, marker)?;
    }
    Some(Revised {
        json: body(&message),
        attachment: attachment(&message),
    })
}

fn to_read(told: &[Waiting], place: &Destination, marker: &str) -> Message {
    if told.iter().any(|one| one.held.is_some()) {
        return listed(told, place, marker);
    }
    let parts: Vec<Part> = told.iter().map(|one| part(one, place)).collect();
    bundle(&parts, marker)
}

/// The bot's own messages need a right of its own for files, though not where it writes to one person.
const fn may_attach(place: &Destination) -> bool {
    matches!(
        (place.carrier(), place.home),
        (Carrier::Webhook(_), _) | (_, Home::Person(_))
    )
}

fn attachment(message: &Message) -> Option<String> {
    let file = message.files.first()?;
    Some(String::from_utf8_lossy(&file.bytes).into_owned())
}

/// The end of an episode is said where people know of its beginning and an edit of it may be overlooked.
fn is_needed(one: &Waiting) -> bool {
    match one.beginning {
        None | Some(Beginning::Perhaps) => true,
        Some(Beginning::Untold | Beginning::Never) => false,
        Some(Beginning::Told {
            at,
            is_edited,
            called,
            ..
        }) => called || !is_edited || one.created_at.since(at) > OUT_OF_SIGHT,
    }
}

/// What was held back, a line for each, below what heads it.
fn listed(told: &[Waiting], place: &Destination, marker: &str) -> Message {
    let muted: Vec<AlertId> = told
        .iter()
        .filter(|one| one.occasion == Occasion::Summary)
        .map(|one| one.alert)
        .collect();
    let reports = told
        .iter()
        .filter(|one| one.occasion == Occasion::Digest)
        .map(|one| parse(one).content);
    let mut heads: Vec<String> = reports.collect();
    if !muted.is_empty() {
        heads.push(speak_again(&muted));
    }
    let notices: Vec<Part> = told
        .iter()
        .filter(|one| is_listed(one))
        .map(|one| part(one, place))
        .collect();
    if heads.is_empty() {
        heads.extend(told.first().and_then(|one| one.held).map(head));
    }
    if notices.is_empty() && !muted.is_empty() {
        heads.push("Nothing happened meanwhile.".to_owned());
    }
    roll_up(&heads, &notices, marker)
}

fn is_listed(one: &Waiting) -> bool {
    !matches!(one.occasion, Occasion::Summary | Occasion::Digest)
}

/// The lines of a list; what heads it takes none.
fn lines(told: &[Waiting], place: &Destination) -> Vec<String> {
    let line_of = |one: &Waiting| {
        if is_listed(one) {
            line(&part(one, place).message, &one.summary)
        } else {
            String::new()
        }
    };
    told.iter().map(line_of).collect()
}

/// What heads a list that nothing else heads.
fn head(held: Held) -> String {
    match held {
        Held::Mute => "🔔 What was not said while it was muted:",
        Held::Quiet => "🌅 What happened in the quiet hours:",
        Held::Digest => "📬 What happened since the last digest:",
    }
    .to_owned()
}

fn part(one: &Waiting, place: &Destination) -> Part {
    let mut message = parse(one);
    let mut summary = one.summary.clone();
    if let Some(end) = &one.end {
        message = over(message, &parsed(&end.payload).unwrap_or_default());
        let words = end.summary.lines().next().unwrap_or_default();
        summary = format!("{summary}\n   {OVER} {words}");
    }
    if let Some(Beginning::Told {
        channel,
        message: id,
        ..
    }) = one.beginning
    {
        let link = message::link(place.home, channel, id);
        message = linked(message, &link);
    }
    let is_news = matches!(one.occasion, Occasion::Edge(kind) if kind != EdgeKind::Closed);
    // What is written to one person is asked about by what they can open of their own.
    let (asked, own) = match place.home {
        Home::Server(_) => (is_news.then_some(one.id), Vec::new()),
        Home::Person(_) => (None, message.buttons.drain(..).flatten().collect()),
    };
    Part {
        message,
        summary,
        asked,
        role: one.role.filter(|_| is_news),
        own,
    }
}

/// What is not a message any more is told in its plain words.
fn parse(one: &Waiting) -> Message {
    parsed(&one.payload).unwrap_or_else(|| Message::text(one.summary.as_str()))
}

fn parsed(payload: &str) -> Option<Message> {
    serde_json::from_str(payload).ok()
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
