//! What happens on Discord, and who takes it up.

use std::{collections::HashSet, sync::Arc};

use poise::serenity_prelude as serenity;
use serenity::{EventHandler, Interaction, ShardManager};
use tracing::{debug, info};

use super::{context::Bot, interactions::Interactions, register};
use crate::{
    domain::ids::{ChannelId, GuildId},
    store::StoreError,
};

/// Takes up what Discord tells. How a connection fares is not its business; `connection.rs` watches that.
pub struct Handler {
    interactions: Arc<Interactions>,
    bot: Arc<Bot>,
}

impl Handler {
    pub fn new(interactions: Arc<Interactions>) -> Self {
        Self {
            bot: Arc::clone(interactions.bot()),
            interactions,
        }
    }

    /// Servers of this shard that removed the bot while it was not looking. One that is unavailable is still
    /// named.
    async fn note_absent(&self, ready: &serenity::Ready) -> Result<(), StoreError> {
        let app = &self.bot.app;
        let there: HashSet<u64> = ready.guilds.iter().map(|guild| guild.id.get()).collect();
        let shards = ready.shard.map_or(1, |shard| u64::from(shard.total.max(1)));
        let shard = ready.shard.map_or(0, |shard| u64::from(shard.id.0));
        for guild in app.store.known_servers().await? {
            // https://discord.com/developers/docs/events/gateway#sharding
            if (guild.0 >> 22) % shards == shard && !there.contains(&guild.0) {
                app.store.note_left(guild, app.clock.now()).await?;
            }
        }
        Ok(())
    }

    fn reported(&self, noted: Result<(), StoreError>) {
        if let Err(error) = noted {
            self.bot.unnoted(&error);
        }
    }

    async fn rights_may_have_changed(&self, guild: serenity::GuildId) {
        let guild = GuildId(guild.get());
        self.bot.app.delivery.rights_may_have_changed(guild).await;
    }

    /// Commands are answered once there is a manager.
    pub fn manage(&self, manager: &Arc<ShardManager>) {
        self.interactions.manage(manager);
    }
}

#[serenity::async_trait]
impl EventHandler for Handler {
    async fn ready(&self, ctx: serenity::Context, ready: serenity::Ready) {
        let shard = ctx.shard_id.0;
        info!(shard, guilds = ready.guilds.len(), "shard is ready");
        self.reported(self.note_absent(&ready).await);
        if shard == 0 {
            let bot = Arc::clone(&self.bot);
            let definitions = self.interactions.definitions();
            self.bot.running.spawn(async move {
                register::register(&bot, &ctx.http, ready.application.id, definitions).await;
            });
        }
    }

    async fn resume(&self, ctx: serenity::Context, _: serenity::ResumedEvent) {
        info!(shard = ctx.shard_id.0, "shard has resumed");
    }

    /// At each start, after an outage, and when the bot is let in again.
    async fn guild_create(&self, _: serenity::Context, guild: serenity::Guild, _: Option<bool>) {
        debug!(guild = guild.id.get(), "server is there");
        self.bot.is_in(GuildId(guild.id.get())).await;
        self.rights_may_have_changed(guild.id).await;
    }

    async fn channel_update(
        &self,
        _: serenity::Context,
        _: Option<serenity::GuildChannel>,
        channel: serenity::GuildChannel,
    ) {
        self.rights_may_have_changed(channel.guild_id).await;
    }

    async fn guild_role_create(&self, _: serenity::Context, role: serenity::Role) {
        self.rights_may_have_changed(role.guild_id).await;
    }

    async fn guild_role_update(
        &self,
        _: serenity::Context,
        _: Option<serenity::Role>,
        role: serenity::Role,
    ) {
        self.rights_may_have_changed(role.guild_id).await;
    }

    /// Without the members intent it is told of the bot itself alone.
    async fn guild_member_update(
        &self,
        _: serenity::Context,
        _: Option<serenity::Member>,
        _: Option<serenity::Member>,
        event: serenity::GuildMemberUpdateEvent,
    ) {
        self.rights_may_have_changed(event.guild_id).await;
    }

    async fn guild_delete(
        &self,
        _: serenity::Context,
        guild: serenity::UnavailableGuild,
        _: Option<serenity::Guild>,
    ) {
        if guild.unavailable {
            debug!(
                guild = guild.id.get(),
                "server is unavailable for the moment"
            );
        } else {
            info!(
                guild = guild.id.get(),
                "removed from server; what is its own is kept for 30 days"
            );
            let guild = GuildId(guild.id.get());
            let now = self.bot.app.clock.now();
            self.reported(self.bot.app.store.note_left(guild, now).await);
            self.bot.app.delivery.guild_left(guild).await;
        }
    }

    async fn channel_delete(
        &self,
        _: serenity::Context,
        channel: serenity::GuildChannel,
        _: Option<Vec<serenity::Message>>,
    ) {
        info!(
            guild = channel.guild_id.get(),
            channel = channel.id.get(),
            "channel is deleted"
        );
        let channel = ChannelId(channel.id.get());
        self.bot.app.delivery.channel_gone(channel).await;
    }

    async fn interaction_create(&self, ctx: serenity::Context, interaction: Interaction) {
        if let Some(work) = self.interactions.take_up(ctx, interaction) {
            work.await;
        }
    }
}
