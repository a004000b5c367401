//! Answers to interactions: the callback, the original message, and follow-ups.

use std::time::Duration;

use axum::http::Method;
use serde_json::{Value, json};

use super::{
    Call,
    answer::Answer,
    no_method,
    route::{MessageRef, Route},
    webhooks::wants_mentions,
};
use crate::{
    check::{
        self,
        message::{Around, Kind as MessageKind},
    },
    interact::{Answered, Interaction, Kind},
    ledger::{Draft, Via, flag},
    refuse::{
        ALREADY_ACKNOWLEDGED, EMPTY_MESSAGE, Faulty, INVALID_WEBHOOK_TOKEN, Refusal,
        TOO_MANY_FOLLOW_UPS, UNKNOWN_INTERACTION, UNKNOWN_MESSAGE, UNKNOWN_WEBHOOK, invalid,
    },
    state::State,
};

/// Follow-ups that an application installed by a person only may send.
const USER_INSTALL_FOLLOW_UPS: usize = 5;

pub(crate) fn handle(state: &mut State, call: &Call) -> Result<Answer, Refusal> {
    match (&call.route, &call.method) {
        (Route::Callback { interaction, token }, &Method::POST) => {
            callback(state, call, *interaction, token)
        }
        (Route::FollowUps { token }, &Method::POST) => {
            let id = usable(state, token)?;
            follow_up(state, call, id)
        }
        (Route::FollowUp { token, message }, method) => {
            let id = usable(state, token)?;
            with_message(state, call, method, id, *message)
        }
        _ => no_method(),
    }
}

/// The interaction of a token with which messages can be written.
fn usable(state: &State, token: &str) -> Result<u64, Refusal> {
    let interaction = state.interactions.of_token(token).ok_or(UNKNOWN_WEBHOOK)?;
    if interaction.created.elapsed() > Duration::from_millis(state.world.token_lifetime_ms) {
        return Err(INVALID_WEBHOOK_TOKEN);
    }
    // The token comes to life with the first answer, and autocompletion has no messages.
    if interaction.answered.is_none() || interaction.kind == Kind::Autocomplete {
        return Err(UNKNOWN_WEBHOOK);
    }
    Ok(interaction.id)
}

fn callback(state: &mut State, call: &Call, id: u64, token: &str) -> Result<Answer, Refusal> {
    let limit = Duration::from_millis(state.world.first_answer_ms);
    let interaction = state
        .interactions
        .get(id)
        .filter(|known| known.token == token)
        .ok_or(UNKNOWN_INTERACTION)?;
    let name = interaction.name.clone();
    if interaction.answered.is_some() {
        state.violation(format!("interaction {id} ({name}): answered a second time"));
        return Err(ALREADY_ACKNOWLEDGED);
    }
    let after = interaction.created.elapsed();
    if after > limit {
        let late = format!(
            "interaction {id} ({name}): first answer after {:.2} s",
            after.as_secs_f64()
        );
        state.violation(late);
        return Err(UNKNOWN_INTERACTION);
    }
    let body = call.body()?;
    let kind = body["type"].as_u64().unwrap_or_default();
    let from_component = interaction.source.is_some();
    let fits =
        interaction.kind.answers().contains(&kind) && (from_component || !matches!(kind, 6 | 7));
    if !fits {
        return Err(invalid(
            "type",
            "INTERACTION_CALLBACK_INVALID",
            format!("Type {kind} does not answer this interaction"),
        ));
    }
    let source = interaction.source;
    let data = &body["data"];
    let mut original = None;
    match kind {
        4 => {
            if data.is_null() {
                return Err(EMPTY_MESSAGE);
            }
            let around = Around {
                files: call.files.len(),
                ..Around::default()
            };
            check::message::message(MessageKind::Answer, data, around)?;
            wants_mentions(state, call, data);
            original = Some(store(
                state,
                call,
                id,
                data,
                data["flags"].as_u64().unwrap_or_default(),
            ));
        }
        5 => {
            let flags = data["flags"].as_u64().unwrap_or_default();
            if flags & !flag::EPHEMERAL != 0 {
                return Err(invalid(
                    "data.flags",
                    "MESSAGE_FLAGS_INVALID",
                    "Only the flag 64 may stand here",
                ));
            }
            original = Some(store(state, call, id, &Value::Null, flags | flag::LOADING));
        }
        6 => original = source,
        7 => {
            let edited = source.ok_or(UNKNOWN_MESSAGE)?;
            change(state, call, edited, data)?;
            original = Some(edited);
        }
        8 => choices(state, id, data)?,
        9 => modal(state, id, data)?,
        _ => {}
    }
    let Some(interaction) = state.interactions.get_mut(id) else {
        return Err(UNKNOWN_INTERACTION);
    };
    interaction.answered = Some(Answered { kind, after });
    interaction.original = original;
    Ok(if call.wants("with_response") {
        Answer::ok(response(state, id, kind))
    } else {
        Answer::nothing()
    })
}

/// What `with_response` returns.
fn response(state: &State, id: u64, kind: u64) -> Value {
    let Some(interaction) = state.interactions.get(id) else {
        return Value::Null;
    };
    let mut response = json!({
        "interaction": {"id": id.to_string(), "type": interaction.kind.number()},
    });
    if let Some(message) = interaction.original.and_then(|id| state.ledger.alive(id)) {
        response["interaction"]["response_message_id"] = json!(message.id.to_string());
        response["interaction"]["response_message_loading"] = json!(message.is_loading());
        response["interaction"]["response_message_ephemeral"] = json!(message.ephemeral);
        response["resource"] = json!({"type": kind, "message": message.body});
    }
    response
}

fn store(state: &mut State, call: &Call, interaction: u64, sent: &Value, flags: u64) -> u64 {
    let Some(known) = state.interactions.get(interaction) else {
        return 0;
    };
    let (channel, guild, metadata) = (known.channel, known.guild, metadata(known));
    let draft = Draft {
        channel,
        guild,
        via: Via::Interaction(interaction),
        author: state.bot_user(),
        application: Some(state.world.application),
        flags,
        files: call.files.clone(),
        base_url: call.base_url.clone(),
    };
    let (id, now) = (state.clock.next_id(), state.clock.now_ms());
    state.ledger.store(id, now, sent, draft);
    if let Some(message) = state.ledger.alive_mut(id) {
        message.body["interaction_metadata"] = metadata;
    }
    if flags & flag::LOADING == 0 {
        state.announce_message(id, "MESSAGE_CREATE");
    }
    id
}

/// What a message tells of the interaction that it answers.
fn metadata(interaction: &Interaction) -> Value {
    let person = crate::state::user(interaction.person.id, &interaction.person.name);
    let mut metadata = json!({
        "id": interaction.id.to_string(),
        "type": interaction.kind.number(),
        "user": person,
        "authorizing_integration_owners": {},
    });
    match interaction.kind {
        Kind::Component => {
            metadata["interacted_message_id"] =
                json!(interaction.source.unwrap_or_default().to_string());
        }
        Kind::Modal => {
            let mut opened = metadata.clone();
            opened["type"] = json!(Kind::Command.number());
            metadata["triggering_interaction_metadata"] = opened;
        }
        Kind::Command | Kind::Autocomplete => {}
    }
    metadata
}

/// Edits a message by the body of a callback, a follow-up or an edit.
fn change(state: &mut State, call: &Call, id: u64, sent: &Value) -> Result<Value, Refusal> {
    let message = state.ledger.alive(id).ok_or(UNKNOWN_MESSAGE)?;
    let around = Around {
        files: call.files.len(),
        was_v2: message.flags() & flag::COMPONENTS_V2 != 0,
        foreign_webhook: false,
    };
    check::message::message(MessageKind::EditAnswer, sent, around)?;
    wants_mentions(state, call, sent);
    let was_loading = state
        .ledger
        .get(id)
        .is_some_and(crate::StoredMessage::is_loading);
    let now = state.clock.now_ms();
    let edited = state
        .ledger
        .edit(id, now, sent, call.files.clone(), &call.base_url)
        .ok_or(UNKNOWN_MESSAGE)?;
    let edited = edited.body.clone();
    state.announce_message(
        id,
        if was_loading {
            "MESSAGE_CREATE"
        } else {
            "MESSAGE_UPDATE"
        },
    );
    Ok(edited)
}

fn follow_up(state: &mut State, call: &Call, id: u64) -> Result<Answer, Refusal> {
    let body = call.body()?;
    let Some(interaction) = state.interactions.get(id) else {
        return Err(UNKNOWN_WEBHOOK);
    };
    let waiting = interaction.original.filter(|_| {
        interaction
            .answered
            .is_some_and(|answered| answered.kind == 5)
    });
    let waiting = waiting.filter(|id| {
        state
            .ledger
            .alive(*id)
            .is_some_and(crate::StoredMessage::is_loading)
    });
    let around = Around {
        files: call.files.len(),
        ..Around::default()
    };
    check::message::message(MessageKind::FollowUp, body, around)?;
    if let Some(original) = waiting {
        // The first follow-up after a deferral becomes the deferred answer, and its own flag counts for nothing.
        let mut sent = body.clone();
        if let Some(fields) = sent.as_object_mut() {
            fields.remove("flags");
        }
        let edited = change(state, call, original, &sent)?;
        mark_filled(state, id);
        return Ok(Answer::ok(edited));
    }
    if interaction.user_install && interaction.follow_ups.len() >= USER_INSTALL_FOLLOW_UPS {
        return Err(TOO_MANY_FOLLOW_UPS);
    }
    wants_mentions(state, call, body);
    let message = store(
        state,
        call,
        id,
        body,
        body["flags"].as_u64().unwrap_or_default(),
    );
    if let Some(interaction) = state.interactions.get_mut(id) {
        interaction.follow_ups.push(message);
    }
    let body = state
        .ledger
        .get(message)
        .map(|message| message.body.clone());
    Ok(Answer::ok(body.unwrap_or_default()))
}

fn mark_filled(state: &mut State, id: u64) {
    if let Some(interaction) = state.interactions.get_mut(id) {
        interaction.filled = true;
    }
}

fn with_message(
    state: &mut State,
    call: &Call,
    method: &Method,
    id: u64,
    at: MessageRef,
) -> Result<Answer, Refusal> {
    let Some(interaction) = state.interactions.get(id) else {
        return Err(UNKNOWN_WEBHOOK);
    };
    let original = interaction.original;
    let message = match at {
        MessageRef::Original => original,
        MessageRef::Id(message) => Some(message).filter(|message| {
            original == Some(*message) || interaction.follow_ups.contains(message)
        }),
    };
    let message = message
        .filter(|message| state.ledger.alive(*message).is_some())
        .ok_or(UNKNOWN_MESSAGE)?;
    match *method {
        Method::GET => Ok(Answer::ok(
            state
                .ledger
                .alive(message)
                .ok_or(UNKNOWN_MESSAGE)?
                .body
                .clone(),
        )),
        Method::PATCH => {
            let edited = change(state, call, message, call.body()?)?;
            if original == Some(message) {
                mark_filled(state, id);
            }
            Ok(Answer::ok(edited))
        }
        Method::DELETE => {
            let now = state.clock.now_ms();
            state.ledger.delete(message, now);
            if original == Some(message) {
                mark_filled(state, id);
            }
            Ok(Answer::nothing())
        }
        _ => no_method(),
    }
}

fn choices(state: &mut State, id: u64, data: &Value) -> Result<(), Refusal> {
    let Some(list) = data["choices"].as_array() else {
        return Err(invalid(
            "data.choices",
            "BASE_TYPE_REQUIRED",
            "This field is required",
        ));
    };
    let mut faulty = Faulty::default();
    faulty.length("data.choices", 0, 25, list.len());
    for (nth, choice) in list.iter().enumerate() {
        let path = format!("data.choices.{nth}");
        faulty.length(
            &format!("{path}.name"),
            1,
            100,
            choice["name"].as_str().map_or(0, check::length),
        );
        match &choice["value"] {
            Value::String(text) => {
                faulty.length(&format!("{path}.value"), 1, 100, text.chars().count());
            }
            Value::Number(_) => {}
            _ => faulty.add(
                &format!("{path}.value"),
                "BASE_TYPE_REQUIRED",
                "This field is required",
            ),
        }
    }
    faulty.into_result()?;
    if let Some(interaction) = state.interactions.get_mut(id) {
        interaction.choices = Some(list.clone());
    }
    Ok(())
}

fn modal(state: &mut State, id: u64, data: &Value) -> Result<(), Refusal> {
    let mut faulty = Faulty::default();
    check::components::modal(&mut faulty, data);
    faulty.into_result()?;
    if let Some(interaction) = state.interactions.get_mut(id) {
        interaction.modal = Some(data.clone());
    }
    Ok(())
}
