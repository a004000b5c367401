//! Webhooks: made and listed with the bot token, used with their own.

use axum::http::Method;
use serde_json::{Value, json};

use super::{
    Call,
    answer::Answer,
    no_method,
    route::{MessageRef, Route},
};
use crate::{
    check::{
        self,
        message::{Around, Kind},
    },
    ids::{id_of, random_text},
    ledger::{Draft, Via, flag},
    refuse::{
        FORUM_WANTS_ONE, FORUM_WANTS_THREAD, Faulty, INVALID_WEBHOOK_TOKEN, MISSING_ACCESS,
        MISSING_PERMISSIONS, Refusal, THREAD_ELSEWHERE, THREAD_LOCKED, TOO_MANY_WEBHOOKS,
        UNKNOWN_CHANNEL, UNKNOWN_GUILD, UNKNOWN_MESSAGE, UNKNOWN_WEBHOOK, invalid,
    },
    state::{ChannelState, State, Webhook},
    world::{Channel, ChannelKind, permission},
};

pub(crate) fn handle(state: &mut State, call: &Call) -> Result<Answer, Refusal> {
    match (&call.route, &call.method) {
        (Route::ChannelWebhooks { channel }, &Method::GET) => {
            manages(state, *channel)?;
            let channel = *channel;
            Ok(Answer::ok(list(state, |webhook| {
                webhook.channel == channel
            })))
        }
        (Route::ChannelWebhooks { channel }, &Method::POST) => create(state, call, *channel),
        (Route::GuildWebhooks { guild }, &Method::GET) => {
            let bits = state.guild(*guild).ok_or(UNKNOWN_GUILD)?.permissions;
            if bits & (permission::MANAGE_WEBHOOKS | permission::ADMINISTRATOR) == 0 {
                return Err(MISSING_PERMISSIONS);
            }
            let guild = *guild;
            Ok(Answer::ok(list(state, |webhook| webhook.guild == guild)))
        }
        (Route::Webhook { webhook }, method) => {
            let webhook = state.webhooks.get(webhook).ok_or(UNKNOWN_WEBHOOK)?.clone();
            // One's own webhook may be looked at and deleted without any permission.
            if webhook.application != Some(state.world.application) {
                manages(state, webhook.channel)?;
            }
            with_webhook(state, call, method, &webhook)
        }
        (Route::WebhookToken { webhook, token }, &Method::POST) => {
            let webhook = authentic(state, *webhook, token)?;
            execute(state, call, &webhook)
        }
        (Route::WebhookToken { webhook, token }, method) => {
            let webhook = authentic(state, *webhook, token)?;
            with_webhook(state, call, method, &webhook)
        }
        (
            Route::WebhookMessage {
                webhook,
                token,
                message,
            },
            method,
        ) => {
            let webhook = authentic(state, *webhook, token)?;
            let MessageRef::Id(id) = message else {
                return Err(UNKNOWN_MESSAGE);
            };
            with_message(state, call, method, &webhook, *id)
        }
        _ => no_method(),
    }
}

/// A webhook by its id and token.
fn authentic(state: &State, id: u64, token: &str) -> Result<Webhook, Refusal> {
    let webhook = state.webhooks.get(&id).ok_or(UNKNOWN_WEBHOOK)?;
    if webhook.token != token {
        return Err(INVALID_WEBHOOK_TOKEN);
    }
    Ok(webhook.clone())
}

/// Refuses when the bot may not manage the webhooks of a channel.
fn manages(state: &State, channel: u64) -> Result<(), Refusal> {
    state.channel(channel).ok_or(UNKNOWN_CHANNEL)?;
    let bits = state.bot_permissions(channel);
    if bits & permission::VIEW_CHANNEL == 0 {
        return Err(MISSING_ACCESS);
    }
    if bits & permission::MANAGE_WEBHOOKS == 0 {
        return Err(MISSING_PERMISSIONS);
    }
    Ok(())
}

fn list(state: &State, wanted: impl Fn(&Webhook) -> bool) -> Value {
    let mut found: Vec<&Webhook> = state
        .webhooks
        .values()
        .filter(|webhook| wanted(webhook))
        .collect();
    found.sort_by_key(|webhook| webhook.id);
    found
        .into_iter()
        .map(|webhook| object(state, webhook))
        .collect()
}

fn object(state: &State, webhook: &Webhook) -> Value {
    json!({
        "id": webhook.id.to_string(),
        "type": 1,
        "channel_id": webhook.channel.to_string(),
        "guild_id": webhook.guild.to_string(),
        "name": webhook.name,
        "avatar": null,
        "application_id": webhook.application.map(|application| application.to_string()),
        "token": webhook.token,
        "url": format!("https://discord.com/api/webhooks/{}/{}", webhook.id, webhook.token),
        "user": state.bot_user(),
    })
}

fn create(state: &mut State, call: &Call, channel: u64) -> Result<Answer, Refusal> {
    manages(state, channel)?;
    let body = call.body()?;
    let name = body["name"].as_str().unwrap_or_default();
    let mut faulty = Faulty::default();
    faulty.length("name", 1, 80, check::length(name));
    check::message::webhook_name(&mut faulty, "name", name);
    let avatar = &body["avatar"];
    if !avatar.is_null()
        && !avatar
            .as_str()
            .is_some_and(|data| data.starts_with("data:image/"))
    {
        faulty.add("avatar", "IMAGE_INVALID", "An avatar is a data URI");
    }
    faulty.into_result()?;
    let entry = state.channel(channel).ok_or(UNKNOWN_CHANNEL)?;
    let kind = entry.channel.kind;
    let Some(guild) = entry
        .guild
        .filter(|_| !kind.is_thread() && kind != ChannelKind::Category)
    else {
        return Err(UNKNOWN_CHANNEL);
    };
    let webhook = state.add_webhook(channel, guild, name, Some(state.world.application))?;
    Ok(Answer::ok(object(state, &webhook)))
}

impl State {
    /// Makes a webhook, by the bot or by a person.
    pub(crate) fn add_webhook(
        &mut self,
        channel: u64,
        guild: u64,
        name: &str,
        application: Option<u64>,
    ) -> Result<Webhook, Refusal> {
        if self
            .webhooks
            .values()
            .filter(|webhook| webhook.channel == channel)
            .count()
            >= 15
        {
            return Err(TOO_MANY_WEBHOOKS);
        }
        let id = self.clock.next_id();
        let webhook = Webhook {
            id,
            token: random_text(68),
            name: name.trim().to_owned(),
            channel,
            guild,
            application,
        };
        self.webhooks.insert(id, webhook.clone());
        self.announce_webhooks(guild, channel);
        Ok(webhook)
    }

    /// Deletes a webhook and tells the bot; `false` when there is none.
    pub(crate) fn drop_webhook(&mut self, id: u64) -> bool {
        let Some(webhook) = self.webhooks.remove(&id) else {
            return false;
        };
        self.announce_webhooks(webhook.guild, webhook.channel);
        true
    }
}

fn with_webhook(
    state: &mut State,
    call: &Call,
    method: &Method,
    webhook: &Webhook,
) -> Result<Answer, Refusal> {
    let by_token = call.route.webhook().is_some();
    let shown = |state: &State, webhook: &Webhook| {
        let mut object = object(state, webhook);
        if let (true, Some(fields)) = (by_token, object.as_object_mut()) {
            // Whoever comes with the token is not told who made it.
            fields.remove("user");
        }
        object
    };
    match *method {
        Method::GET => Ok(Answer::ok(shown(state, webhook))),
        Method::DELETE => {
            state.drop_webhook(webhook.id);
            Ok(Answer::nothing())
        }
        Method::PATCH => {
            let body = call.body()?;
            let mut faulty = Faulty::default();
            if let Some(name) = body["name"].as_str() {
                faulty.length("name", 1, 80, check::length(name));
                check::message::webhook_name(&mut faulty, "name", name);
            }
            faulty.into_result()?;
            let mut changed = webhook.clone();
            if let Some(name) = body["name"].as_str() {
                name.trim().clone_into(&mut changed.name);
            }
            if let Some(channel) = id_of(&body["channel_id"]).filter(|_| !by_token) {
                manages(state, channel)?;
                changed.channel = channel;
            }
            state.webhooks.insert(changed.id, changed.clone());
            Ok(Answer::ok(shown(state, &changed)))
        }
        _ => no_method(),
    }
}

/// Execute Webhook.
fn execute(state: &mut State, call: &Call, webhook: &Webhook) -> Result<Answer, Refusal> {
    let body = call.body()?;
    let foreign_webhook =
        webhook.application != Some(state.world.application) && !call.wants("with_components");
    let around = Around {
        files: call.files.len(),
        was_v2: false,
        foreign_webhook,
    };
    check::message::message(Kind::ExecuteWebhook, body, around)?;
    wants_mentions(state, call, body);
    let channel = destination(state, call, webhook, body)?;
    let mut author = crate::state::user(
        webhook.id,
        body["username"].as_str().unwrap_or(&webhook.name),
    );
    author["bot"] = json!(true);
    let draft = Draft {
        channel,
        guild: Some(webhook.guild),
        via: Via::Webhook(webhook.id),
        author,
        application: webhook.application,
        flags: body["flags"].as_u64().unwrap_or_default(),
        files: call.files.clone(),
        base_url: call.base_url.clone(),
    };
    let (id, now) = (state.clock.next_id(), state.clock.now_ms());
    let message = state.ledger.store(id, now, body, draft).body.clone();
    state.announce_message(id, "MESSAGE_CREATE");
    // Without `wait` nobody hears of the message, nor of its loss.
    Ok(if call.wants("wait") {
        Answer::ok(message)
    } else {
        Answer::nothing()
    })
}

/// The channel or thread that a webhook message goes to.
fn destination(
    state: &mut State,
    call: &Call,
    webhook: &Webhook,
    body: &Value,
) -> Result<u64, Refusal> {
    let kind = state
        .channel(webhook.channel)
        .ok_or(UNKNOWN_WEBHOOK)?
        .channel
        .kind;
    let name = body["thread_name"].as_str();
    let thread = match call.query("thread_id") {
        Some(text) => Some(
            text.parse()
                .map_err(|_| invalid("thread_id", "NUMBER_TYPE_COERCE", "is not a snowflake."))?,
        ),
        None => None,
    };
    match (kind.holds_threads_only(), name, thread) {
        (true, None, None) => Err(FORUM_WANTS_THREAD),
        (_, Some(_), Some(_)) => Err(FORUM_WANTS_ONE),
        (false, Some(_), None) => Err(THREAD_ELSEWHERE),
        (true, Some(name), None) => {
            let id = state.clock.next_id();
            let channel =
                Channel::new(id, name, ChannelKind::PublicThread).in_channel(webhook.channel);
            if let Some(entry) = state.guilds.get_mut(&webhook.guild) {
                entry.guild.channels.push(channel.clone());
            }
            state.channels.insert(
                id,
                ChannelState {
                    channel,
                    guild: Some(webhook.guild),
                },
            );
            Ok(id)
        }
        (_, None, Some(thread)) => {
            let entry = state
                .channels
                .get_mut(&thread)
                .filter(|entry| entry.channel.parent == Some(webhook.channel));
            let thread = &mut entry.ok_or(UNKNOWN_CHANNEL)?.channel;
            if thread.locked {
                return Err(THREAD_LOCKED);
            }
            thread.archived = false;
            Ok(thread.id)
        }
        (false, None, None) => Ok(webhook.channel),
    }
}

fn with_message(
    state: &mut State,
    call: &Call,
    method: &Method,
    webhook: &Webhook,
    id: u64,
) -> Result<Answer, Refusal> {
    let message = state
        .ledger
        .alive(id)
        .filter(|message| message.via == Via::Webhook(webhook.id))
        .ok_or(UNKNOWN_MESSAGE)?;
    // A message in a thread is found only by who names the thread.
    if message.channel != webhook.channel && call.id("thread_id") != Some(message.channel) {
        return Err(UNKNOWN_MESSAGE);
    }
    match *method {
        Method::GET => Ok(Answer::ok(message.body.clone())),
        Method::DELETE => {
            let now = state.clock.now_ms();
            state.ledger.delete(id, now);
            Ok(Answer::nothing())
        }
        Method::PATCH => {
            let body = call.body()?;
            let was_v2 = message.flags() & flag::COMPONENTS_V2 != 0;
            let around = Around {
                files: call.files.len(),
                was_v2,
                foreign_webhook: false,
            };
            check::message::message(Kind::EditWebhookMessage, body, around)?;
            wants_mentions(state, call, body);
            let now = state.clock.now_ms();
            let edited = state
                .ledger
                .edit(id, now, body, call.files.clone(), &call.base_url)
                .ok_or(UNKNOWN_MESSAGE)?;
            let edited = edited.body.clone();
            state.announce_message(id, "MESSAGE_UPDATE");
            Ok(Answer::ok(edited))
        }
        _ => no_method(),
    }
}

/// Notes a message that leaves to Discord's defaults who is pinged.
pub(crate) fn wants_mentions(state: &mut State, call: &Call, body: &Value) {
    if !check::message::names_mentions(body) {
        state.violation(format!(
            "{} {}: a message without allowed_mentions",
            call.method, call.template
        ));
    }
}
