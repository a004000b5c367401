//! The one way in for what people do: commands, choices while typing, presses and modals. They come over
//! the gateway or by HTTP, and are the same to everything that lies behind.

use std::{
    sync::{Arc, OnceLock},
    time::Instant,
};

use poise::serenity_prelude as serenity;
use serde::Deserialize as _;
use serde_json::Value;
use serenity::{
    AuthorizingIntegrationOwner, CommandData, CommandDataOptionValue, CommandType, FullEvent,
    Interaction, ShardManager,
};
use tracing::debug;

use super::{
    commands,
    context::Bot,
    errors::{self, CommandError},
};
use crate::domain::ids::GuildId;

fn framework_options() -> poise::FrameworkOptions<Arc<Bot>, CommandError> {
    let mut commands = commands::all();
    poise::set_qualified_names(&mut commands);
    commands.iter_mut().for_each(guard);
    poise::FrameworkOptions {
        commands,
        allowed_mentions: Some(serenity::CreateAllowedMentions::new()),
        on_error: |error| Box::pin(errors::on_error(error)),
        post_command: |ctx| Box::pin(commands::privacy::tell_of_unused(ctx)),
        initialize_owners: false,
        manual_cooldowns: true,
        ..poise::FrameworkOptions::default()
    }
}

/// Has whoever gives a command checked, once. A check of the framework's own would be made for each group around
/// the command as well, and would count it as often.
fn guard(command: &mut poise::Command<Arc<Bot>, CommandError>) {
    if command.subcommands.is_empty() {
        let checks = &mut command.checks;
        checks.push(|ctx| Box::pin(async move { super::checks::allowed(ctx) }));
    } else {
        command.subcommands.iter_mut().for_each(guard);
    }
}

/// Answers what people do.
pub struct Interactions {
    options: poise::FrameworkOptions<Arc<Bot>, CommandError>,
    bot: Arc<Bot>,
    /// What the command framework wants to be given; nothing asks it for anything.
    manager: OnceLock<Arc<ShardManager>>,
}

impl Interactions {
    pub fn new(bot: Arc<Bot>) -> Self {
        Self {
            options: framework_options(),
            bot,
            manager: OnceLock::new(),
        }
    }

    pub fn bot(&self) -> &Arc<Bot> {
        &self.bot
    }

    /// The commands, as Discord is told them.
    pub fn definitions(&self) -> Vec<serenity::CreateCommand> {
        poise::builtins::create_application_commands(&self.options.commands)
    }

    /// Commands are answered once there is a manager.
    pub fn manage(&self, manager: &Arc<ShardManager>) {
        self.manager.get_or_init(|| Arc::clone(manager));
    }

    /// What there is to do for an interaction; `None` for one that was taken up before, is too old to be
    /// answered, or cannot be answered while the address is banned. Discord may send the same event twice, and anybody a request that they have seen.
    pub fn take_up(
        self: &Arc<Self>,
        ctx: serenity::Context,
        interaction: Interaction,
    ) -> Option<impl Future<Output = ()> + Send + use<>> {
        let id = interaction.id().get();
        if !self.bot.first_time(id) {
            self.bot.app.metrics.came_twice();
            debug!(interaction = id, "interaction came twice, or too late");
            return None;
        }
        if self.bot.app.delivery.is_banned() {
            debug!(
                interaction = id,
                "not answered: Discord has banned this address for now"
            );
            return None;
        }
        let began = Instant::now();
        let taken = Arc::clone(self);
        let work = async move {
            let what = named(&interaction);
            let server = installed_in(&interaction);
            taken.answer(&ctx, interaction).await;
            taken.bot.app.metrics.worked(what, began.elapsed());
            if let Some(server) = server {
                taken.bot.is_in(server).await;
            }
        };
        Some(self.bot.running.track_future(work))
    }

    async fn answer(&self, ctx: &serenity::Context, interaction: Interaction) {
        match interaction {
            Interaction::Component(press) => commands::press(&self.bot, ctx, &press).await,
            Interaction::Modal(modal) => {
                commands::notice::submitted(&self.bot, ctx, &modal).await;
            }
            Interaction::Command(ref command) | Interaction::Autocomplete(ref command) => {
                // The framework knows how to look up these, and ends in a panic over others.
                let known = matches!(
                    command.data.kind,
                    CommandType::ChatInput | CommandType::User | CommandType::Message
                );
                if known {
                    self.dispatch(ctx, interaction).await;
                }
            }
            _ => {}
        }
    }

    async fn dispatch(&self, ctx: &serenity::Context, interaction: Interaction) {
        let Some(shard_manager) = self.manager.get() else {
            return;
        };
        let framework = poise::FrameworkContext {
            serenity_context: ctx,
            // Only prefix commands ask for it, and there are none.
            bot_id: serenity::UserId::new(1),
            options: &self.options,
            user_data: &self.bot,
            shard_manager,
        };
        let event = FullEvent::InteractionCreate { interaction };
        Box::pin(poise::dispatch_event(framework, event)).await;
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

/// The server that has the bot and in which somebody did this. Who has the bot as an app of their own may use
/// it in a server that has removed it.
fn installed_in(interaction: &Interaction) -> Option<GuildId> {
    let owners = match interaction {
        Interaction::Command(it) | Interaction::Autocomplete(it) => {
            &it.authorizing_integration_owners
        }
        Interaction::Component(it) => &it.authorizing_integration_owners,
        _ => return None,
    };
    owners.0.iter().find_map(|owner| match owner {
        AuthorizingIntegrationOwner::GuildInstall(Some(server)) => Some(GuildId(server.get())),
        _ => None,
    })
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

/// What a request says.
#[derive(Debug)]
pub enum Arrived {
    /// Discord looks whether somebody is there.
    Ping,
    Interaction(Box<Interaction>),
}

/// A body that is no interaction, or none of a kind that is known. What is wrong with it is not told: that
/// would repeat parts of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is no interaction that this version knows")]
pub struct Unreadable;

/// Reads the body of a request. Pure; whatever the bytes are, it comes to one of the two.
pub fn read(body: &[u8]) -> Result<Arrived, Unreadable> {
    const PING: u8 = 1;
    let value: Value = serde_json::from_slice(body).map_err(|_| Unreadable)?;
    if value["type"] == PING {
        return Ok(Arrived::Ping);
    }
    let interaction = Interaction::deserialize(value).map_err(|_| Unreadable)?;
    Ok(Arrived::Interaction(Box::new(interaction)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// F-L04: every command is checked, and none twice, which would count it twice.
    #[test]
    fn each_command_is_checked_once() {
        fn walk(command: &poise::Command<Arc<Bot>, CommandError>, around: usize) -> usize {
            let checks = around + command.checks.len();
            if command.subcommands.is_empty() {
                assert_eq!(checks, 1, "{}", command.qualified_name);
                return 1;
            }
            let below = command.subcommands.iter();
            below.map(|command| walk(command, checks)).sum()
        }
        let options = framework_options();
        assert!(options.command_check.is_none());
        let commands = options.commands.iter().map(|command| walk(command, 0));
        assert_eq!(commands.sum::<usize>(), commands::TABLE.len());
    }

    #[test]
    fn a_ping_needs_nothing_but_its_type() {
        assert!(matches!(read(br#"{"type":1}"#), Ok(Arrived::Ping)));
        let whole = br#"{"type":1,"id":"1","token":"t","application_id":"2","version":1,"new":[]}"#;
        assert!(matches!(read(whole), Ok(Arrived::Ping)));
    }

    #[test]
    fn what_is_no_interaction_is_unreadable() {
        let deep = "[".repeat(100_000);
        for body in [
            "",
            "null",
            "[]",
            "[1]",
            "{}",
            "\u{0}",
            r#"{"type":"1"}"#,
            r#"{"type":2}"#,
            r#"{"type":99,"id":"1","token":"t"}"#,
            r#"{"type":2,"id":"0","token":"t","application_id":"0","data":{}}"#,
            &deep,
        ] {
            assert_eq!(read(body.as_bytes()).unwrap_err(), Unreadable, "{body:.60}");
        }
        assert_eq!(read(b"{\"type\":1").unwrap_err(), Unreadable);
        assert_eq!(read(b"\xff\xfe").unwrap_err(), Unreadable);
    }

    #[test]
    fn an_interaction_is_read_with_fields_that_nobody_knows_yet() {
        let body = serde_json::json!({
            "type": 3, "id": "1360000000000000001", "application_id": "7", "token": "t", "version": 1,
            "channel_id": "8", "user": {"id": "9", "username": "ada", "discriminator": "0", "new": {}},
            "message": {
                "id": "10", "channel_id": "8", "author": {"id": "7", "username": "s", "discriminator": "0"},
                "content": "", "timestamp": "2025-01-01T00:00:00Z", "edited_timestamp": null, "tts": false,
                "mention_everyone": false, "mentions": [], "mention_roles": [], "attachments": [],
                "embeds": [], "pinned": false, "type": 0,
            },
            "data": {"custom_id": "1|n|why", "component_type": 2, "new": 1},
            "locale": "en-US", "entitlements": [], "app_permissions": "0", "context": 77, "new": [1],
            "authorizing_integration_owners": {}, "attachment_size_limit": 1,
        });
        let Ok(Arrived::Interaction(interaction)) = read(body.to_string().as_bytes()) else {
            panic!("it is not read");
        };
        assert_eq!(interaction.id().get(), 1_360_000_000_000_000_001);
    }
}
