//! What happens on Discord, and who takes it up.

use std::{
    collections::HashSet,
    sync::{Arc, OnceLock},
    time::Instant,
};

use poise::serenity_prelude as serenity;
use serenity::{
    CommandData, CommandDataOptionValue, EventHandler, FullEvent, Interaction, ShardManager,
};
use tracing::{debug, info};

use super::{
    commands,
    context::Bot,
    errors::{self, CommandError},
    register,
};
use crate::{
    domain::ids::{ChannelId, GuildId},
    store::StoreError,
};

fn framework_options() -> poise::FrameworkOptions<Arc<Bot>, CommandError> {
    let mut commands = commands::all();
    poise::set_qualified_names(&mut commands);
    poise::FrameworkOptions {
        commands,
        allowed_mentions: Some(serenity::CreateAllowedMentions::new()),
        on_error: |error| Box::pin(errors::on_error(error)),
        command_check: Some(|ctx| Box::pin(async move { super::checks::allowed(ctx) })),
        initialize_owners: false,
        manual_cooldowns: true,
        ..poise::FrameworkOptions::default()
    }
}

/// Takes up what Discord tells. How a connection fares is not its business; `connection.rs` watches that.
pub struct Handler {
    options: poise::FrameworkOptions<Arc<Bot>, CommandError>,
    bot: Arc<Bot>,
    /// What the command framework wants to be given; nothing asks it for anything.
    manager: OnceLock<Arc<ShardManager>>,
}

impl Handler {
    pub fn new(bot: Arc<Bot>) -> Self {
        Self {
            options: framework_options(),
            bot,
            manager: OnceLock::new(),
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

    async fn rights_may_have_changed(&self, guild: serenity::GuildId) {
        let guild = GuildId(guild.get());
        self.bot.app.delivery.rights_may_have_changed(guild).await;
    }

    /// Commands are answered once there is a manager.
    pub fn manage(&self, manager: &Arc<ShardManager>) {
        self.manager.get_or_init(|| Arc::clone(manager));
    }
}

/// What is not noted now is noted at the next start.
fn reported(noted: Result<(), StoreError>) {
    if let Err(error) = noted {
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            "where the bot is cannot be noted"
        );
    }
}

#[serenity::async_trait]
impl EventHandler for Handler {
    async fn ready(&self, ctx: serenity::Context, ready: serenity::Ready) {
        let shard = ctx.shard_id.0;
        info!(shard, guilds = ready.guilds.len(), "shard is ready");
        reported(self.note_absent(&ready).await);
        if shard == 0 {
            let bot = Arc::clone(&self.bot);
            let definitions = poise::builtins::create_application_commands(&self.options.commands);
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
        let present = self.bot.app.store.note_present(GuildId(guild.id.get()));
        reported(present.await);
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
            reported(self.bot.app.store.note_left(guild, now).await);
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
        let began = Instant::now();
        let metrics = &self.bot.app.metrics;
        // Discord may send the same event twice.
        if !self.bot.first_time(interaction.id().get()) {
            metrics.came_twice();
            debug!(
                interaction = interaction.id().get(),
                "interaction came twice"
            );
            return;
        }
        let what = named(&interaction);
        let work = async {
            match interaction {
                Interaction::Component(press) => {
                    super::commands::press(&self.bot, &ctx, &press).await;
                }
                Interaction::Modal(modal) => {
                    super::commands::notice::submitted(&self.bot, &ctx, &modal).await;
                }
                command @ (Interaction::Command(_) | Interaction::Autocomplete(_)) => {
                    let Some(shard_manager) = self.manager.get() else {
                        return;
                    };
                    let framework = poise::FrameworkContext {
                        serenity_context: &ctx,
                        // Only prefix commands ask for it, and there are none.
                        bot_id: serenity::UserId::new(1),
                        options: &self.options,
                        user_data: &self.bot,
                        shard_manager,
                    };
                    let interaction = command;
                    let event = FullEvent::InteractionCreate { interaction };
                    Box::pin(poise::dispatch_event(framework, event)).await;
                }
                _ => {}
            }
        };
        self.bot.running.track_future(work).await;
        metrics.worked(what, began.elapsed());
    }
}

/// What figures name an interaction by.
fn named(interaction: &Interaction) -> &'static str {
    match interaction {
        Interaction::Command(command) => commands::known(&whole_name(&command.data)),
        Interaction::Autocomplete(_) => commands::AUTOCOMPLETE,
        Interaction::Component(_) => commands::BUTTON,
        Interaction::Modal(_) => commands::MODAL,
        _ => commands::known(""),
    }
}

/// The name of a command with those of its groups before it.
fn whole_name(command: &CommandData) -> String {
    let mut name = command.name.clone();
    let mut options = &command.options;
    while let Some(option) = options.first()
        && let CommandDataOptionValue::SubCommand(below)
        | CommandDataOptionValue::SubCommandGroup(below) = &option.value
    {
        name.push(' ');
        name.push_str(&option.name);
        options = below;
    }
    name
}
