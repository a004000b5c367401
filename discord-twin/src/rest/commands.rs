//! The registered commands, global and of one server.

use axum::http::Method;
use serde_json::{Value, json};

use super::{Call, answer::Answer, no_method, route::Route};
use crate::{
    check::commands::{bulk, one, type_of},
    refuse::{Faulty, Refusal, UNKNOWN_APPLICATION, UNKNOWN_COMMAND, UNKNOWN_GUILD, invalid},
    state::State,
};

pub(crate) fn handle(state: &mut State, call: &Call) -> Result<Answer, Refusal> {
    let (application, guild, command) = match &call.route {
        Route::Commands { application, guild } => (*application, *guild, None),
        Route::Command {
            application,
            guild,
            command,
        } => (*application, *guild, Some(command.to_string())),
        _ => return no_method(),
    };
    if application != state.world.application {
        return Err(UNKNOWN_APPLICATION);
    }
    if guild.is_some_and(|guild| state.guild(guild).is_none()) {
        return Err(UNKNOWN_GUILD);
    }
    let at = |list: &[Value]| {
        list.iter()
            .position(|entry| entry["id"].as_str() == command.as_deref())
    };
    match (&call.method, command.is_some()) {
        (&Method::GET, false) => Ok(Answer::ok(json!(list(state, guild)))),
        (&Method::PUT, false) => overwrite(state, call, guild),
        (&Method::POST, false) => create(state, call, guild),
        (&Method::GET, true) => {
            let list = list(state, guild);
            at(list)
                .map(|index| Answer::ok(list[index].clone()))
                .ok_or(UNKNOWN_COMMAND)
        }
        (&Method::DELETE, true) => {
            let list = list(state, guild);
            let index = at(list).ok_or(UNKNOWN_COMMAND)?;
            list.remove(index);
            Ok(Answer::nothing())
        }
        (&Method::PATCH, true) => {
            let index = at(list(state, guild)).ok_or(UNKNOWN_COMMAND)?;
            let mut merged = list(state, guild)[index].clone();
            if let (Some(merged), Some(change)) = (merged.as_object_mut(), call.body()?.as_object())
            {
                merged.extend(change.clone());
            }
            let mut faulty = Faulty::default();
            one(&mut faulty, "", &merged, guild.is_some());
            faulty.into_result()?;
            merged["version"] = json!(state.clock.next_id().to_string());
            list(state, guild)[index].clone_from(&merged);
            Ok(Answer::ok(merged))
        }
        _ => no_method(),
    }
}

fn list(state: &mut State, guild: Option<u64>) -> &mut Vec<Value> {
    match guild {
        Some(guild) => state.commands.guild.entry(guild).or_default(),
        None => &mut state.commands.global,
    }
}

fn overwrite(state: &mut State, call: &Call, guild: Option<u64>) -> Result<Answer, Refusal> {
    let body = call.body()?;
    let commands = match body {
        Value::Null => &[][..],
        Value::Array(commands) => commands.as_slice(),
        _ => {
            return Err(invalid(
                "",
                "LIST_TYPE_CONVERT",
                "Only iterables may be used in a ListType",
            ));
        }
    };
    bulk(commands, guild.is_some()).into_result()?;
    let made: Vec<Value> = commands
        .iter()
        .map(|command| stored(state, command, guild))
        .collect();
    list(state, guild).clone_from(&made);
    state.commands.overwrites += 1;
    Ok(Answer::ok(json!(made)))
}

fn create(state: &mut State, call: &Call, guild: Option<u64>) -> Result<Answer, Refusal> {
    let body = call.body()?;
    let mut faulty = Faulty::default();
    one(&mut faulty, "", body, guild.is_some());
    faulty.into_result()?;
    let made = stored(state, body, guild);
    let list = list(state, guild);
    if let Some(old) = list.iter_mut().find(|entry| entry["id"] == made["id"]) {
        old.clone_from(&made);
        return Ok(Answer::ok(made));
    }
    list.push(made.clone());
    Ok(Answer::created(made))
}

/// A command as Discord keeps it; one with a known name and type keeps its id.
fn stored(state: &mut State, command: &Value, guild: Option<u64>) -> Value {
    let same = |old: &&Value| old["name"] == command["name"] && type_of(old) == type_of(command);
    let known = list(state, guild)
        .iter()
        .find(same)
        .map(|old| old["id"].clone());
    let id = known.unwrap_or_else(|| json!(state.clock.next_id().to_string()));
    let mut made = json!({
        "name": command["name"],
        "type": type_of(command),
        "description": command["description"].as_str().unwrap_or_default(),
        "name_localizations": null,
        "description_localizations": null,
        "default_member_permissions": null,
        "nsfw": false,
    });
    if guild.is_none() {
        made["integration_types"] = json!([0]);
        made["contexts"] = Value::Null;
        made["dm_permission"] = json!(true);
    }
    for (key, value) in command.as_object().into_iter().flatten() {
        if !value.is_null() {
            made[key.as_str()] = value.clone();
        }
    }
    tidy(&mut made["options"]);
    if made["options"].is_null()
        && let Some(fields) = made.as_object_mut()
    {
        fields.remove("options");
    }
    if let Some(bits) = made["default_member_permissions"].as_u64() {
        made["default_member_permissions"] = json!(bits.to_string());
    }
    made["id"] = id;
    made["application_id"] = json!(state.world.application.to_string());
    made["version"] = json!(state.clock.next_id().to_string());
    if let Some(guild) = guild {
        made["guild_id"] = json!(guild.to_string());
    }
    made
}

/// Drops the empty keys that libraries send and Discord does not give back.
fn tidy(options: &mut Value) {
    for option in options.as_array_mut().into_iter().flatten() {
        let Some(fields) = option.as_object_mut() else {
            continue;
        };
        fields.retain(|_, value| {
            !value.is_null() && value.as_array().is_none_or(|list| !list.is_empty())
        });
        if let Some(inner) = fields.get_mut("options") {
            tidy(inner);
        }
    }
}
