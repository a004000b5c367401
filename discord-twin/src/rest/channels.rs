//! Channels and the messages that the bot reads and writes in them with its own token.

use std::time::{Duration, Instant};

use axum::http::Method;
use serde_json::{Value, json};

use super::{Call, answer::Answer, no_method, route::Route, webhooks::wants_mentions};
use crate::{
    check::{
        self,
        message::{Around, Kind},
    },
    gateway::payload,
    ledger::{Draft, StoredMessage, Via, flag},
    refuse::{
        EDIT_OF_ANOTHER, MISSING_ACCESS, MISSING_PERMISSIONS, NO_DIRECT_MESSAGES,
        NOT_A_TEXT_CHANNEL, Refusal, THREAD_ARCHIVED, THREAD_LOCKED, UNKNOWN_CHANNEL,
        UNKNOWN_MESSAGE, invalid,
    },
    state::State,
    world::{ChannelKind, permission},
};

pub(crate) fn handle(state: &mut State, call: &Call) -> Result<Answer, Refusal> {
    match (&call.route, &call.method) {
        (Route::Channel { channel }, &Method::GET) => {
            allowed(state, *channel, 0)?;
            let entry = state.channel(*channel).ok_or(UNKNOWN_CHANNEL)?;
            let guild = entry.guild.and_then(|guild| state.guild(guild));
            Ok(Answer::ok(payload::channel(
                &entry.channel,
                guild,
                state.world.bot,
            )))
        }
        (Route::Messages { channel }, &Method::GET) => list(state, call, *channel),
        (Route::Messages { channel }, &Method::POST) => create(state, call, *channel),
        (Route::Message { channel, message }, method) => {
            allowed(state, *channel, 0)?;
            let stored = state
                .ledger
                .alive(*message)
                .filter(|stored| stored.channel == *channel && !stored.ephemeral);
            let stored = stored.ok_or(UNKNOWN_MESSAGE)?;
            let own = stored.author == state.world.bot;
            match *method {
                Method::GET => {
                    allowed(state, *channel, permission::READ_MESSAGE_HISTORY)?;
                    Ok(Answer::ok(as_seen(stored, state.world.bot)))
                }
                Method::PATCH if !own => Err(EDIT_OF_ANOTHER),
                Method::PATCH => edit(state, call, *message),
                Method::DELETE => {
                    if !own {
                        allowed(state, *channel, permission::MANAGE_MESSAGES)?;
                    }
                    let now = state.clock.now_ms();
                    state.ledger.delete(*message, now);
                    Ok(Answer::nothing())
                }
                _ => no_method(),
            }
        }
        _ => no_method(),
    }
}

/// Refuses what the bot may not see or, beyond that, may not do.
fn allowed(state: &State, channel: u64, needed: u64) -> Result<(), Refusal> {
    state.channel(channel).ok_or(UNKNOWN_CHANNEL)?;
    let bits = state.bot_permissions(channel);
    if bits & permission::VIEW_CHANNEL == 0 {
        return Err(MISSING_ACCESS);
    }
    if bits & needed != needed {
        return Err(MISSING_PERMISSIONS);
    }
    Ok(())
}

/// A message as an application without the message-content intent sees it: blank, unless its own user wrote it.
/// That holds for messages of its own webhooks, too.
fn as_seen(message: &StoredMessage, bot: u64) -> Value {
    let mut body = message.body.clone();
    if message.author != bot {
        payload::blank(&mut body);
    }
    body
}

fn list(state: &State, call: &Call, channel: u64) -> Result<Answer, Refusal> {
    allowed(state, channel, 0)?;
    let limit = match call.query("limit") {
        None => 50,
        Some(text) => text
            .parse::<usize>()
            .ok()
            .filter(|limit| (1..=100).contains(limit))
            .ok_or_else(|| {
                invalid(
                    "limit",
                    "NUMBER_TYPE_MAX",
                    "int value should be between 1 and 100.",
                )
            })?,
    };
    let bounds = ["after", "before", "around"]
        .into_iter()
        .filter(|key| call.query(key).is_some())
        .count();
    if bounds > 1 {
        return Err(invalid(
            "after",
            "MESSAGES_BOUNDS",
            "Only one of around, before and after may be given",
        ));
    }
    if state.bot_permissions(channel) & permission::READ_MESSAGE_HISTORY == 0 {
        // Not an error: whoever trusts an empty list is mistaken.
        return Ok(Answer::ok(json!([])));
    }
    let public = |message: &&StoredMessage| message.deleted_ms.is_none() && !message.ephemeral;
    let messages = state.ledger.of_channel(channel).filter(public);
    let mut page: Vec<&StoredMessage> = if let Some(after) = call.id("after") {
        let mut page: Vec<_> = messages
            .filter(|message| message.id > after)
            .take(limit)
            .collect();
        page.reverse();
        page
    } else if let Some(around) = call.id("around") {
        let all: Vec<_> = messages.collect();
        let middle = all.partition_point(|message| message.id < around);
        let first = middle.saturating_sub(limit / 2);
        all.into_iter().skip(first).take(limit).rev().collect()
    } else {
        let before = call.id("before").unwrap_or(u64::MAX);
        messages
            .rev()
            .filter(|message| message.id < before)
            .take(limit)
            .collect()
    };
    page.sort_by_key(|message| std::cmp::Reverse(message.id));
    Ok(Answer::ok(
        page.into_iter()
            .map(|message| as_seen(message, state.world.bot))
            .collect(),
    ))
}

fn create(state: &mut State, call: &Call, channel: u64) -> Result<Answer, Refusal> {
    let entry = state.channel(channel).ok_or(UNKNOWN_CHANNEL)?;
    let (kind, guild) = (entry.channel.kind, entry.guild);
    let (archived, locked) = (entry.channel.archived, entry.channel.locked);
    if kind.holds_threads_only() || kind == ChannelKind::Category {
        return Err(NOT_A_TEXT_CHANNEL);
    }
    let mut needed = if kind.is_thread() {
        permission::SEND_MESSAGES_IN_THREADS
    } else {
        permission::SEND_MESSAGES
    };
    if !call.files.is_empty() {
        needed |= permission::ATTACH_FILES;
    }
    allowed(state, channel, needed)?;
    if state.is_closed(channel) {
        return Err(NO_DIRECT_MESSAGES);
    }
    if locked {
        return Err(THREAD_LOCKED);
    }
    if archived {
        return Err(THREAD_ARCHIVED);
    }
    let body = call.body()?;
    let around = Around {
        files: call.files.len(),
        ..Around::default()
    };
    check::message::message(Kind::CreateMessage, body, around)?;
    wants_mentions(state, call, body);
    let nonce = match &body["nonce"] {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    };
    let enforced = nonce.clone().filter(|_| body["enforce_nonce"] == true);
    if let Some(nonce) = &enforced
        && let Some(earlier) = remembered(state, channel, nonce)?
    {
        return Ok(Answer::ok(earlier));
    }
    let mut body = body.clone();
    if state.bot_permissions(channel) & permission::EMBED_LINKS == 0 && !body["embeds"].is_null() {
        // Discord drops embeds silently here.
        body["embeds"] = json!([]);
    }
    let draft = Draft {
        channel,
        guild,
        via: Via::Bot,
        author: state.bot_user(),
        application: None,
        flags: body["flags"].as_u64().unwrap_or_default(),
        files: call.files.clone(),
        base_url: call.base_url.clone(),
    };
    let (id, now) = (state.clock.next_id(), state.clock.now_ms());
    state.ledger.store(id, now, &body, draft);
    if let Some(nonce) = nonce {
        state.ledger.set_nonce(id, nonce);
    }
    if let Some(nonce) = enforced {
        state.nonces.insert((channel, nonce), (id, Instant::now()));
    }
    state.announce_message(id, "MESSAGE_CREATE");
    let message = state.ledger.get(id).map(|message| message.body.clone());
    Ok(Answer::ok(message.unwrap_or_default()))
}

/// The message that was made with this nonce a short time ago; a deleted one is an error.
fn remembered(state: &State, channel: u64, nonce: &str) -> Result<Option<Value>, Refusal> {
    let window = Duration::from_millis(state.world.nonce_window_ms);
    let Some((id, since)) = state.nonces.get(&(channel, nonce.to_owned())) else {
        return Ok(None);
    };
    if since.elapsed() > window {
        return Ok(None);
    }
    state
        .ledger
        .alive(*id)
        .map(|message| Some(message.body.clone()))
        .ok_or(UNKNOWN_MESSAGE)
}

fn edit(state: &mut State, call: &Call, message: u64) -> Result<Answer, Refusal> {
    let body = call.body()?;
    let was_v2 = state
        .ledger
        .get(message)
        .is_some_and(|message| message.flags() & flag::COMPONENTS_V2 != 0);
    let around = Around {
        files: call.files.len(),
        was_v2,
        foreign_webhook: false,
    };
    check::message::message(Kind::EditMessage, body, around)?;
    wants_mentions(state, call, body);
    let now = state.clock.now_ms();
    let edited = state
        .ledger
        .edit(message, now, body, call.files.clone(), &call.base_url)
        .ok_or(UNKNOWN_MESSAGE)?;
    let edited = edited.body.clone();
    state.announce_message(message, "MESSAGE_UPDATE");
    Ok(Answer::ok(edited))
}
