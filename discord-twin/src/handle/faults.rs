//! What goes wrong at Discord, or is changed there by people.

use serde_json::json;

use super::Handle;
use crate::{
    Channel, Fault, Limits, TwinError,
    gateway::{intent, payload},
    state::ChannelState,
};

/// What [`Handle::add_webhook`] made.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct NewWebhook {
    /// The webhook's id.
    #[serde(with = "crate::ids::text")]
    pub id: u64,
    /// Its token.
    pub token: String,
}

impl Handle {
    /// Arms a fault.
    pub fn fault(&self, fault: Fault) {
        self.shared.state().faults.arm(fault);
    }

    /// Disarms all faults.
    pub fn clear_faults(&self) {
        self.shared.state().faults.clear();
    }

    /// Sets the dice of the faults that strike by chance.
    pub fn seed_faults(&self, seed: u64) {
        self.shared.state().faults.seed(seed);
    }

    /// Replaces the rate limits and forgets all counters, pauses and bans.
    pub fn set_limits(&self, limits: Limits) {
        let mut state = self.shared.state();
        state.world.limits = limits;
        state.limiter.set_limits(limits);
    }

    /// Answers 401, 403 and 429 (not shared) of the running 10 minutes.
    pub fn invalid_requests(&self) -> u32 {
        self.shared.state().limiter.invalid_count()
    }

    /// Revokes the bot token: 401 everywhere, and the gateway closes with 4004.
    pub fn revoke_token(&self) {
        self.change(|state| {
            state.token_revoked = true;
            state.gateway.close_all(4004, "Authentication failed.");
        });
    }

    /// Makes the bot token good again.
    pub fn restore_token(&self) {
        self.shared.state().token_revoked = false;
    }

    /// Makes a webhook as a person would; the bot gets to know its token only by being told.
    pub fn add_webhook(&self, channel: u64, name: &str) -> Result<NewWebhook, TwinError> {
        self.change(|state| {
            let entry = state
                .channel(channel)
                .ok_or(TwinError::UnknownChannel(channel))?;
            let guild = entry.guild.ok_or(TwinError::UnknownChannel(channel))?;
            let made = state.add_webhook(channel, guild, name, None);
            let webhook = made.map_err(|refusal| TwinError::Refused(refusal.message))?;
            Ok(NewWebhook {
                id: webhook.id,
                token: webhook.token,
            })
        })
    }

    /// The ids of the webhooks of a channel.
    pub fn webhooks(&self, channel: u64) -> Vec<u64> {
        let state = self.shared.state();
        let mut ids: Vec<u64> = state
            .webhooks
            .values()
            .filter(|webhook| webhook.channel == channel)
            .map(|webhook| webhook.id)
            .collect();
        ids.sort_unstable();
        ids
    }

    /// The token of a webhook, which the bot has to keep secret.
    pub fn webhook_token(&self, id: u64) -> Option<String> {
        let state = self.shared.state();
        state.webhooks.get(&id).map(|webhook| webhook.token.clone())
    }

    /// Deletes a webhook, as an admin would.
    pub fn delete_webhook(&self, id: u64) -> Result<(), TwinError> {
        self.change(|state| state.drop_webhook(id))
            .then_some(())
            .ok_or(TwinError::UnknownWebhook(id))
    }

    /// Gives a webhook another token, so that the bot's gets 401 (50027).
    pub fn reset_webhook_token(&self, id: u64) -> Result<(), TwinError> {
        self.change(|state| {
            let webhook = state
                .webhooks
                .get_mut(&id)
                .ok_or(TwinError::UnknownWebhook(id))?;
            webhook.token = crate::ids::random_text(68);
            Ok(())
        })
    }

    /// The direct channel of the bot and a person, opened when there is none.
    pub fn direct(&self, user: u64) -> u64 {
        self.change(|state| state.direct(user))
    }

    /// A person takes no direct messages from the bot any more: sending one is 403 (50007).
    pub fn close_direct(&self, user: u64) {
        self.change(|state| state.closed.insert(user));
    }

    /// A person takes direct messages from the bot again.
    pub fn reopen_direct(&self, user: u64) {
        self.change(|state| state.closed.remove(&user));
    }

    /// Deletes a message, as a moderator would.
    pub fn delete_message(&self, id: u64) -> Result<(), TwinError> {
        self.change(|state| {
            let now = state.clock.now_ms();
            state
                .ledger
                .delete(id, now)
                .then_some(())
                .ok_or(TwinError::UnknownMessage(id))
        })
    }

    /// Adds a channel to a server.
    pub fn add_channel(&self, guild: u64, channel: Channel) -> Result<(), TwinError> {
        self.change(|state| {
            let entry = state
                .guilds
                .get_mut(&guild)
                .ok_or(TwinError::UnknownGuild(guild))?;
            entry.guild.channels.push(channel.clone());
            let object = payload::channel(&channel, Some(&entry.guild), state.world.bot);
            state.channels.insert(
                channel.id,
                ChannelState {
                    channel,
                    guild: Some(guild),
                },
            );
            state
                .gateway
                .broadcast(Some(guild), intent::GUILDS, "CHANNEL_CREATE", &object);
            Ok(())
        })
    }

    /// Deletes a channel with its webhooks, threads and messages, and tells the bot.
    pub fn delete_channel(&self, id: u64) -> Result<(), TwinError> {
        self.change(|state| {
            let entry = state
                .channels
                .remove(&id)
                .ok_or(TwinError::UnknownChannel(id))?;
            let now = state.clock.now_ms();
            state.ledger.delete_channel(id, now);
            let threads: Vec<u64> = state
                .channels
                .values()
                .filter(|other| other.channel.parent == Some(id))
                .map(|thread| thread.channel.id)
                .collect();
            for thread in threads {
                state.channels.remove(&thread);
                state.ledger.delete_channel(thread, now);
            }
            state.webhooks.retain(|_, webhook| webhook.channel != id);
            let Some(guild) = entry.guild else {
                return Ok(());
            };
            if let Some(entry) = state.guilds.get_mut(&guild) {
                entry
                    .guild
                    .channels
                    .retain(|channel| channel.id != id && channel.parent != Some(id));
            }
            let owner = state.guilds.get(&guild).map(|entry| &entry.guild);
            let object = payload::channel(&entry.channel, owner, state.world.bot);
            state
                .gateway
                .broadcast(Some(guild), intent::GUILDS, "CHANNEL_DELETE", &object);
            state.announce_webhooks(guild, id);
            Ok(())
        })
    }

    /// Sets what the bot may do in a server.
    pub fn set_guild_permissions(&self, guild: u64, bits: u64) -> Result<(), TwinError> {
        self.change(|state| {
            let entry = state
                .guilds
                .get_mut(&guild)
                .ok_or(TwinError::UnknownGuild(guild))?;
            entry.guild.permissions = bits;
            let mut role = payload::roles(&entry.guild)[0].take();
            role["guild_id"] = json!(guild.to_string());
            let update = json!({"guild_id": guild.to_string(), "role": role});
            state
                .gateway
                .broadcast(Some(guild), intent::GUILDS, "GUILD_ROLE_UPDATE", &update);
            Ok(())
        })
    }

    /// Sets what the bot may do in a channel; `None` means what it may do in the server.
    pub fn set_channel_permissions(
        &self,
        channel: u64,
        bits: Option<u64>,
    ) -> Result<(), TwinError> {
        self.change(|state| {
            let entry = state
                .channels
                .get_mut(&channel)
                .ok_or(TwinError::UnknownChannel(channel))?;
            entry.channel.permissions = bits;
            let (changed, guild) = (entry.channel.clone(), entry.guild);
            let Some(guild) = guild else { return Ok(()) };
            if let Some(entry) = state.guilds.get_mut(&guild) {
                for known in entry
                    .guild
                    .channels
                    .iter_mut()
                    .filter(|known| known.id == channel)
                {
                    known.permissions = bits;
                }
                let object = payload::channel(&changed, Some(&entry.guild), state.world.bot);
                state
                    .gateway
                    .broadcast(Some(guild), intent::GUILDS, "CHANNEL_UPDATE", &object);
            }
            Ok(())
        })
    }
}
