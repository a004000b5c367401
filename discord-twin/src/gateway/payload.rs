//! The objects that travel on the gateway and that REST returns for servers and channels.

use serde_json::{Value, json};

use crate::{
    ids::iso,
    state::{GuildState, Presence, State},
    world::{Channel, Guild},
};

/// A channel object.
pub(crate) fn channel(channel: &Channel, guild: Option<&Guild>, bot: u64) -> Value {
    let Some(guild) = guild else {
        return json!({
            "id": channel.id.to_string(),
            "type": channel.kind.number(),
            "last_message_id": null,
            "flags": 0,
            "recipients": [],
        });
    };
    let mut object = json!({
        "id": channel.id.to_string(),
        "type": channel.kind.number(),
        "guild_id": guild.id.to_string(),
        "name": channel.name,
        "position": 0,
        "permission_overwrites": [],
        "parent_id": channel.parent.map(|parent| parent.to_string()),
        "nsfw": false,
        "topic": null,
        "last_message_id": null,
        "rate_limit_per_user": 0,
        "flags": 0,
    });
    if let Some(bits) = channel.permissions {
        object["permission_overwrites"] = json!([{
            "id": bot.to_string(),
            "type": 1,
            "allow": (bits & !guild.permissions).to_string(),
            "deny": (guild.permissions & !bits).to_string(),
        }]);
    }
    if channel.kind.is_thread() {
        object["owner_id"] = json!(bot.to_string());
        object["message_count"] = json!(0);
        object["member_count"] = json!(1);
        object["total_message_sent"] = json!(0);
        // What may be done in a thread is written on its channel.
        for absent in ["permission_overwrites", "position", "nsfw", "topic"] {
            if let Some(fields) = object.as_object_mut() {
                fields.remove(absent);
            }
        }
        object["thread_metadata"] = json!({
            "archived": channel.archived,
            "auto_archive_duration": 1440,
            "archive_timestamp": iso(crate::ids::created_ms(channel.id)),
            "locked": channel.locked,
        });
    }
    object
}

/// A server object as REST returns it.
pub(crate) fn guild(guild: &Guild) -> Value {
    json!({
        "id": guild.id.to_string(),
        "name": guild.name,
        "icon": null,
        "splash": null,
        "discovery_splash": null,
        "owner_id": owner(guild).to_string(),
        "afk_channel_id": null,
        "afk_timeout": 300,
        "region": "deprecated",
        "widget_enabled": false,
        "widget_channel_id": null,
        "verification_level": 1,
        "default_message_notifications": 1,
        "explicit_content_filter": 0,
        "roles": roles(guild),
        "emojis": [],
        "stickers": [],
        "features": [],
        "mfa_level": 0,
        "nsfw": false,
        "nsfw_level": 0,
        "application_id": null,
        "system_channel_id": null,
        "system_channel_flags": 0,
        "rules_channel_id": null,
        "public_updates_channel_id": null,
        "safety_alerts_channel_id": null,
        "max_presences": null,
        "max_members": 500_000,
        "max_video_channel_users": 25,
        "max_stage_video_channel_users": 50,
        "vanity_url_code": null,
        "description": null,
        "banner": null,
        "premium_tier": 0,
        "premium_subscription_count": 0,
        "premium_progress_bar_enabled": false,
        "preferred_locale": guild.locale,
        "hub_type": null,
        "home_header": null,
        "latest_onboarding_question_id": null,
        "incidents_data": null,
        "inventory_settings": null,
    })
}

/// The roles of a server: the one that everybody has, with the bot's bits.
pub(crate) fn roles(guild: &Guild) -> Value {
    let everyone = role(guild.id, "@everyone", guild.permissions, false);
    let others = guild
        .roles
        .iter()
        .map(|one| role(one.id, &one.name, 0, one.mentionable));
    std::iter::once(everyone).chain(others).collect()
}

fn role(id: u64, name: &str, permissions: u64, mentionable: bool) -> Value {
    json!({
        "id": id.to_string(),
        "name": name,
        "description": null,
        "permissions": permissions.to_string(),
        "position": 0,
        "color": 0,
        "colors": {"primary_color": 0, "secondary_color": null, "tertiary_color": null},
        "hoist": false,
        "managed": false,
        "mentionable": mentionable,
        "icon": null,
        "unicode_emoji": null,
        "flags": 0,
    })
}

/// A member object; with `permissions` in interactions only.
pub(crate) fn member(guild: &Guild, user: &Value) -> Value {
    json!({
        "user": user,
        "nick": null,
        "avatar": null,
        "banner": null,
        "roles": [],
        "joined_at": iso(crate::ids::created_ms(guild.id)),
        "premium_since": null,
        "deaf": false,
        "mute": false,
        "flags": 0,
        "pending": false,
        "communication_disabled_until": null,
    })
}

/// The owner of a server, a person of the twin's.
pub(crate) fn owner(guild: &Guild) -> u64 {
    guild.id + 1_000_000
}

/// What `GUILD_CREATE` tells.
pub(crate) fn guild_create(state: &State, guild: &Guild) -> Value {
    let bot = state.world.bot;
    // A thread that is archived is not part of it.
    let all = guild
        .channels
        .iter()
        .filter(|channel| state.channels.contains_key(&channel.id));
    let (threads, channels): (Vec<&Channel>, Vec<&Channel>) =
        all.partition(|channel| channel.kind.is_thread());
    let objects = |list: &[&Channel]| -> Value {
        list.iter()
            .map(|entry| channel(entry, Some(guild), bot))
            .collect()
    };
    let mut object = self::guild(guild);
    object["joined_at"] = json!(iso(crate::ids::created_ms(guild.id)));
    object["large"] = json!(false);
    object["unavailable"] = json!(false);
    object["member_count"] = json!(2);
    object["members"] = json!([member(guild, &state.bot_user())]);
    object["channels"] = objects(&channels);
    object["threads"] = objects(
        &threads
            .into_iter()
            .filter(|thread| !thread.archived)
            .collect::<Vec<_>>(),
    );
    for key in [
        "voice_states",
        "presences",
        "stage_instances",
        "guild_scheduled_events",
        "soundboard_sounds",
    ] {
        object[key] = json!([]);
    }
    object
}

/// What READY tells.
pub(crate) fn ready(state: &State, session: &str, base_url: &str, shard: u32, of: u32) -> Value {
    let on_shard = |entry: &&GuildState| {
        entry.presence != Presence::Gone
            && (entry.guild.id >> 22) % u64::from(of) == u64::from(shard)
    };
    let guilds: Vec<Value> = state
        .guilds
        .values()
        .filter(on_shard)
        .map(|entry| json!({"id": entry.guild.id.to_string(), "unavailable": true}))
        .collect();
    let mut user = state.bot_user();
    user["verified"] = json!(true);
    user["mfa_enabled"] = json!(true);
    user["email"] = Value::Null;
    json!({
        "v": 10,
        "user": user,
        "guilds": guilds,
        "session_id": session,
        "session_type": "normal",
        "resume_gateway_url": format!("{}/resume", gateway_url(base_url)),
        "shard": [shard, of],
        "application": {"id": state.world.application.to_string(), "flags": 0},
        "user_settings": {},
        "relationships": [],
        "private_channels": [],
        "presences": [],
        "guild_join_requests": [],
        "geo_ordered_rtc_regions": [],
        "auth": {},
        "_trace": [],
    })
}

/// The gateway's address for a base URL.
pub(crate) fn gateway_url(base_url: &str) -> String {
    format!("{}/gateway", base_url.replacen("http", "ws", 1))
}

/// Takes out of a message what an application without the message-content intent does not see.
pub(crate) fn blank(message: &mut Value) {
    message["content"] = json!("");
    for key in ["embeds", "attachments", "components"] {
        message[key] = json!([]);
    }
}
