//! What happens on the gateway.

use std::time::Duration;

use serde_json::{Value, json};

use super::Handle;
use crate::{
    Guild, NoIdentify, SessionView, ShardEvent, TwinError,
    gateway::{intent, payload},
    state::{ChannelState, GuildState, Presence},
};

impl Handle {
    /// Makes something happen on a shard's connection; `false` when the shard is not connected.
    pub fn shard(&self, shard: u32, event: ShardEvent) -> bool {
        self.change(|state| state.gateway.happen(shard, event))
    }

    /// Sends a text as it is on a shard's connection, whatever it is; `false` when the shard is not connected.
    pub fn send_raw(&self, shard: u32, text: &str) -> bool {
        self.change(|state| state.gateway.send_raw(shard, text))
    }

    /// Answers the next identifies with a refusal, so many times or until [`Handle::accept_identifies`].
    pub fn refuse_identifies(&self, how: NoIdentify, times: Option<u32>) {
        self.shared.state().gateway.refuse(how, times);
    }

    /// Takes identifies again.
    pub fn accept_identifies(&self) {
        self.shared.state().gateway.accept_identifies();
    }

    /// The bot is removed from a server.
    pub fn remove_guild(&self, guild: u64) -> Result<(), TwinError> {
        self.leave(guild, Presence::Gone, &json!({"id": guild.to_string()}))
    }

    /// A server is out of order; the bot is still in it.
    pub fn guild_outage(&self, guild: u64) -> Result<(), TwinError> {
        self.leave(
            guild,
            Presence::Outage,
            &json!({"id": guild.to_string(), "unavailable": true}),
        )
    }

    fn leave(&self, guild: u64, presence: Presence, data: &Value) -> Result<(), TwinError> {
        self.change(|state| {
            let entry = state
                .guilds
                .get_mut(&guild)
                .ok_or(TwinError::UnknownGuild(guild))?;
            entry.presence = presence;
            if presence == Presence::Gone {
                // With the application its webhooks go.
                let application = Some(state.world.application);
                state.webhooks.retain(|_, webhook| {
                    webhook.guild != guild || webhook.application != application
                });
            }
            state
                .gateway
                .broadcast(Some(guild), intent::GUILDS, "GUILD_DELETE", data);
            Ok(())
        })
    }

    /// The server is back after an outage or a removal.
    pub fn restore_guild(&self, guild: u64) -> Result<(), TwinError> {
        self.change(|state| {
            state
                .guilds
                .get_mut(&guild)
                .ok_or(TwinError::UnknownGuild(guild))?
                .presence = Presence::Here;
            state.announce_guild(guild);
            Ok(())
        })
    }

    /// The bot is added to a new server.
    pub fn add_guild(&self, guild: Guild) {
        self.change(|state| {
            let id = guild.id;
            for channel in &guild.channels {
                state.channels.insert(
                    channel.id,
                    ChannelState {
                        channel: channel.clone(),
                        guild: Some(id),
                    },
                );
            }
            state.guilds.insert(
                id,
                GuildState {
                    guild,
                    presence: Presence::Here,
                },
            );
            state.announce_guild(id);
        });
    }

    /// Sends any event to the sessions that cover a server (or to shard 0), whatever their intents.
    pub fn dispatch(&self, guild: Option<u64>, event: &str, data: &Value) {
        self.change(|state| state.gateway.broadcast(guild, intent::ALWAYS, event, data));
    }

    /// What `GUILD_CREATE` tells of a server, for tests that make more of it.
    pub fn guild_create(&self, guild: u64) -> Option<Value> {
        let state = self.shared.state();
        let guild = state.guild(guild)?;
        Some(payload::guild_create(&state, guild))
    }

    /// How often a shard has identified.
    pub fn identifies(&self, shard: u32) -> u32 {
        self.shared.state().gateway.identifies(shard)
    }

    /// How often all shards have identified.
    pub fn all_identifies(&self) -> u32 {
        self.shared.state().gateway.all_identifies()
    }

    /// How often a shard has resumed.
    pub fn resumes(&self, shard: u32) -> u32 {
        self.shared.state().gateway.resumes(shard)
    }

    /// Resumes that came to the general address instead of `resume_gateway_url`.
    pub fn resumes_elsewhere(&self) -> u32 {
        self.shared.state().gateway.resumes_elsewhere
    }

    /// The sessions, oldest first.
    pub fn sessions(&self) -> Vec<SessionView> {
        self.shared.state().gateway.views()
    }

    /// Sets how many identifies are left today.
    pub fn set_session_starts_left(&self, left: u32) {
        self.shared.state().world.session_starts_left = left;
    }

    /// Sets the number of shards that `GET /gateway/bot` recommends from now on.
    pub fn recommend_shards(&self, shards: u32) {
        self.shared.state().world.shards = shards;
    }

    /// Waits until no shard is ready, as after a kill whose connections have yet to be seen to close; `false` where
    /// one still is at the end of that time.
    pub async fn wait_gone(&self, timeout: Duration) -> bool {
        let gone = self
            .shared
            .until(timeout, |state| (state.gateway.ready() == 0).then_some(()));
        gone.await.is_some()
    }

    /// Waits until so many shards were told READY and are connected.
    pub async fn wait_ready(&self, shards: usize, timeout: Duration) -> Result<(), TwinError> {
        let found = self
            .shared
            .until(timeout, |state| {
                (state.gateway.ready() >= shards).then_some(())
            })
            .await;
        found.ok_or_else(|| {
            let ready = self.shared.state().gateway.ready();
            TwinError::Timeout {
                waited: timeout,
                what: format!("{ready} of {shards} shards are ready"),
            }
        })
    }

    /// Waits until a shard has resumed so many times.
    pub async fn wait_resumed(
        &self,
        shard: u32,
        times: u32,
        timeout: Duration,
    ) -> Result<(), TwinError> {
        let found = self
            .shared
            .until(timeout, |state| {
                (state.gateway.resumes(shard) >= times).then_some(())
            })
            .await;
        found.ok_or_else(|| {
            let resumes = self.resumes(shard);
            TwinError::Timeout {
                waited: timeout,
                what: format!("shard {shard} has resumed {resumes} times"),
            }
        })
    }
}
