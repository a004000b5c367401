//! The application, its user and its servers.

use axum::http::Method;
use serde_json::{Value, json};

use super::{Call, answer::Answer, no_method, route::Route};
use crate::{
    endpoint::Endpoint,
    gateway::payload,
    ids::id_of,
    refuse::{Refusal, UNKNOWN_GUILD, UNKNOWN_MEMBER, UNKNOWN_USER, invalid},
    state::{State, user},
    world::Guild,
};

pub(crate) fn handle(state: &mut State, call: &Call) -> Result<Answer, Refusal> {
    if call.route == Route::OpenDirect && call.method == Method::POST {
        return open_direct(state, call);
    }
    if call.method != Method::GET {
        return no_method();
    }
    match &call.route {
        Route::Gateway => Ok(Answer::ok(
            json!({"url": payload::gateway_url(&call.base_url)}),
        )),
        Route::GatewayBot => Ok(Answer::ok(gateway_bot(state, call))),
        Route::Me => Ok(Answer::ok(me(state))),
        Route::User { user } => known_user(state, *user).map(Answer::ok).ok_or(UNKNOWN_USER),
        Route::MyGuilds => Ok(Answer::ok(my_guilds(state, call))),
        Route::MyApplication | Route::OauthApplication => Ok(Answer::ok(application(state))),
        Route::Guild { guild } => Ok(Answer::ok(payload::guild(known(state, *guild)?))),
        Route::GuildRoles { guild } => Ok(Answer::ok(payload::roles(known(state, *guild)?))),
        Route::GuildChannels { guild } => {
            let guild = known(state, *guild)?;
            let channels = guild
                .channels
                .iter()
                .filter(|channel| !channel.kind.is_thread());
            let objects =
                channels.map(|channel| payload::channel(channel, Some(guild), state.world.bot));
            Ok(Answer::ok(objects.collect()))
        }
        Route::Member { guild, user } => {
            let guild = known(state, *guild)?;
            let user = known_user(state, *user).ok_or(UNKNOWN_MEMBER)?;
            Ok(Answer::ok(payload::member(guild, &user)))
        }
        _ => no_method(),
    }
}

fn known(state: &State, guild: u64) -> Result<&Guild, Refusal> {
    state.guild(guild).ok_or(UNKNOWN_GUILD)
}

fn known_user(state: &State, id: u64) -> Option<Value> {
    if id == state.world.bot {
        return Some(state.bot_user());
    }
    state.users.get(&id).map(|name| user(id, name))
}

fn me(state: &State) -> Value {
    let mut me = state.bot_user();
    me["verified"] = json!(true);
    me["mfa_enabled"] = json!(true);
    me["locale"] = json!("en-US");
    me["email"] = Value::Null;
    me["banner"] = Value::Null;
    me["accent_color"] = Value::Null;
    me["premium_type"] = json!(0);
    me
}

fn gateway_bot(state: &State, call: &Call) -> Value {
    json!({
        "url": payload::gateway_url(&call.base_url),
        "shards": state.world.shards,
        "session_start_limit": {
            "total": state.world.session_starts_left.max(1000),
            "remaining": state.world.session_starts_left,
            "reset_after": 86_400_000,
            "max_concurrency": state.world.max_concurrency,
        },
    })
}

fn my_guilds(state: &State, call: &Call) -> Value {
    let limit = call
        .query("limit")
        .and_then(|limit| limit.parse().ok())
        .unwrap_or(200)
        .min(200);
    let (after, before) = (
        call.id("after").unwrap_or(0),
        call.id("before").unwrap_or(u64::MAX),
    );
    let here = state.guilds.keys().filter_map(|id| state.guild(*id));
    let mut guilds: Vec<&Guild> = here
        .filter(|guild| guild.id > after && guild.id < before)
        .collect();
    if call.id("before").is_some() && guilds.len() > limit {
        guilds.drain(..guilds.len() - limit);
    }
    let object = |guild: &Guild| {
        json!({
            "id": guild.id.to_string(),
            "name": guild.name,
            "icon": null,
            "banner": null,
            "owner": false,
            "permissions": guild.permissions.to_string(),
            "features": [],
        })
    };
    guilds.into_iter().take(limit).map(object).collect()
}

fn application(state: &State) -> Value {
    json!({
        "id": state.world.application.to_string(),
        "name": state.world.bot_name,
        "icon": null,
        "description": "",
        "summary": "",
        "type": null,
        "bot": state.bot_user(),
        "bot_public": true,
        "bot_require_code_grant": false,
        "flags": 0,
        "flags_new": "0",
        "verify_key": state.signer.public_key(),
        "owner": user(state.world.bot + 1, "operator"),
        "team": null,
        "hook": true,
        "integration_types_config": {"0": {}, "1": {}},
        "approximate_guild_count": state.guilds.len(),
        "approximate_user_install_count": 0,
        "approximate_user_authorization_count": 0,
        "eligible_oauth2_scopes": ["bot", "applications.commands"],
        "redirect_uris": [],
        "interactions_endpoint_url": state.endpoint.as_ref().map(Endpoint::url),
        "role_connections_verification_url": null,
        "explicit_content_filter": 0,
    })
}

fn open_direct(state: &mut State, call: &Call) -> Result<Answer, Refusal> {
    let recipient = id_of(&call.body()?["recipient_id"]).ok_or_else(|| {
        invalid(
            "recipient_id",
            "BASE_TYPE_REQUIRED",
            "This field is required",
        )
    })?;
    let channel = state.direct(recipient);
    let name = state.user_name(recipient);
    let newest = state.ledger.of_channel(channel).next_back();
    let newest = newest.map(|message| message.id.to_string());
    let mut object =
        json!({"id": channel.to_string(), "type": 1, "last_message_id": newest, "flags": 0});
    object["recipients"] = json!([user(recipient, &name)]);
    Ok(Answer::ok(object))
}
