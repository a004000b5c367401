//! The connection to Discord: checked before it is made, watched while it stands, ended in order.

use std::{
    num::NonZero,
    sync::{Arc, OnceLock},
    time::Duration,
};

use poise::serenity_prelude as serenity;
use secrecy::{ExposeSecret as _, SecretString};
use serenity::{
    ConnectionStage, EventHandler, FullEvent, GatewayError, GatewayIntents, Http, HttpBuilder,
    HttpError, Interaction, ShardManager, ShardStageUpdateEvent,
};
use sha2::{Digest as _, Sha256};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use super::{
    commands,
    context::Bot,
    errors::{self, CommandError},
    shards::Shards,
};
use crate::{app::App, domain::time::Span};

/// Why there is no connection. Each says what the operator can do.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Going on would only draw more refusals.
    #[error(
        "Discord refuses the token; copy a fresh one from the Bot page of the developer portal"
    )]
    TokenRefused,
    #[error(
        "Discord refuses the intents; open the Bot page of the developer portal and allow them there"
    )]
    IntentsRefused,
    #[error("Discord refuses what this version sends; update stipend")]
    VersionRefused,
    /// 1,000 starts a day are allowed, and using them up resets the token.
    #[error(
        "only {remaining} of Discord's session starts are left and {needed} are kept free; \
         they come back in {} minutes", .reset_after.as_secs().div_ceil(60)
    )]
    StartsUsedUp {
        remaining: u64,
        needed: u64,
        reset_after: Duration,
    },
    /// Wrong shard count, a broken session that never mends, or a gateway that lets nobody in.
    #[error("shard {0} presents itself again and again and is never let in")]
    NeverLetIn(u32),
    /// The answer is no gateway address, or the library would go to another one.
    #[error("Discord names no gateway to connect to")]
    NoGateway,
    #[error("Discord cannot be reached at {api_url}")]
    Unreachable {
        api_url: String,
        #[source]
        source: Box<serenity::Error>,
    },
    #[error("the connection to Discord broke down")]
    Broken(#[source] Box<serenity::Error>),
}

impl ClientError {
    /// Trying again cannot help before a person has done something.
    pub const fn is_final(&self) -> bool {
        matches!(
            self,
            Self::TokenRefused | Self::IntentsRefused | Self::VersionRefused
        )
    }
}

/// The API of Discord itself; everywhere else stands something that keeps the limits for us.
const DISCORD: &str = "https://discord.com";

/// Session starts that are never used up, so that a person can still restart the bot.
const STARTS_KEPT: u64 = 50;

const INTENTS: GatewayIntents = GatewayIntents::GUILDS;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// How long the shards may take to close before the connection is dropped.
const CLOSING: Duration = Duration::from_secs(6);

/// How long commands that are under way may still take. Their interaction would live for longer,
/// but whoever stops the process does not.
const FINISHING: Duration = Duration::from_secs(10);

/// Connects and serves commands until `stop`, or until there is no use in going on.
pub async fn run(
    app: Arc<App>,
    token: &SecretString,
    shards: Arc<Shards>,
    stop: CancellationToken,
) -> Result<(), ClientError> {
    let settings = &app.config.discord;
    let api_url = settings.api_url.trim_end_matches('/').to_owned();
    let configured = settings.shards.map(NonZero::get);

    let http = http(token.expose_secret(), &api_url)?;
    let gateway = checked_gateway(&http, &api_url, configured).await?;
    let total = gateway.shards;

    let handler = Arc::new(Handler {
        options: framework_options(),
        bot: Arc::new(Bot::new(
            Arc::clone(&app),
            Arc::clone(&shards),
            stop.clone(),
        )),
        manager: OnceLock::new(),
        failed: OnceLock::new(),
        broken: CancellationToken::new(),
    });
    let mut client = serenity::ClientBuilder::new_with_http(http, INTENTS)
        .event_handler_arc(Arc::clone(&handler))
        .await
        .map_err(|source| ClientError::Broken(Box::new(source)))?;
    // The library asks once more and takes the real gateway when it gets no answer.
    if *client.ws_url.lock().await != gateway.url {
        return Err(ClientError::NoGateway);
    }
    let manager = Arc::clone(&client.shard_manager);
    handler.manager.get_or_init(|| Arc::clone(&manager));
    shards.expect(total);
    info!(shards = total, "connecting to Discord");

    let ended = tokio::select! {
        ended = client.start_shards(total) => match ended {
            Ok(()) => Ok(()),
            Err(error) => Err(refusal(error)),
        },
        () = handler.broken.cancelled() => {
            Err(ClientError::NeverLetIn(handler.failed.get().copied().unwrap_or(0)))
        }
        () = stop.cancelled() => Ok(()),
    };
    if tokio::time::timeout(CLOSING, manager.shutdown_all())
        .await
        .is_err()
    {
        warn!("the shards did not close in time");
    }
    shards.expect(0);
    // Closing the shards waits for no command; those under way get a moment to answer.
    handler.bot.running.close();
    if tokio::time::timeout(FINISHING, handler.bot.running.wait())
        .await
        .is_err()
    {
        warn!(
            running = handler.bot.running.len(),
            "commands were cut off by the stop"
        );
    }
    ended
}

/// The client for Discord's REST interface, which commands answer through.
fn http(token: &str, api_url: &str) -> Result<Http, ClientError> {
    let client = reqwest::Client::builder()
        .use_rustls_tls()
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(REQUEST_TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .tcp_nodelay(true)
        .build()
        .map_err(|source| ClientError::Broken(Box::new(source.into())))?;
    let builder = HttpBuilder::new(token).client(client);
    let builder = if api_url == DISCORD {
        builder
    } else {
        // With its limiter on, the library goes to Discord itself whatever the proxy says.
        builder.proxy(api_url).ratelimiter_disabled(true)
    };
    Ok(builder.build())
}

struct Gateway {
    url: String,
    shards: u32,
}

/// Asks where to connect and whether we may, before anything is spent on it.
async fn checked_gateway(
    http: &Http,
    api_url: &str,
    configured: Option<u32>,
) -> Result<Gateway, ClientError> {
    let failed = |error| match refusal(error) {
        ClientError::Broken(source) => ClientError::Unreachable {
            api_url: api_url.to_owned(),
            source,
        },
        refused => refused,
    };
    let allowed = http.get_bot_gateway().await.map_err(failed)?;
    let shards = configured.unwrap_or(allowed.shards).max(1);
    let limit = allowed.session_start_limit;
    let needed = u64::from(shards) + STARTS_KEPT;
    if limit.remaining < needed {
        return Err(ClientError::StartsUsedUp {
            remaining: limit.remaining,
            needed,
            reset_after: Duration::from_millis(limit.reset_after),
        });
    }
    let url = http.get_gateway().await.map_err(failed)?.url;
    if !(url.starts_with("wss://") || url.starts_with("ws://")) {
        return Err(ClientError::NoGateway);
    }
    Ok(Gateway { url, shards })
}

/// What an error of the library means for the connection.
fn refusal(error: serenity::Error) -> ClientError {
    match &error {
        serenity::Error::Gateway(
            GatewayError::InvalidAuthentication | GatewayError::NoAuthentication,
        ) => ClientError::TokenRefused,
        serenity::Error::Gateway(GatewayError::DisallowedGatewayIntents) => {
            ClientError::IntentsRefused
        }
        serenity::Error::Gateway(GatewayError::InvalidGatewayIntents) => {
            ClientError::VersionRefused
        }
        serenity::Error::Http(HttpError::UnsuccessfulRequest(response))
            if response.status_code.as_u16() == 401 =>
        {
            ClientError::TokenRefused
        }
        _ => ClientError::Broken(Box::new(error)),
    }
}

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

struct Handler {
    options: poise::FrameworkOptions<Arc<Bot>, CommandError>,
    bot: Arc<Bot>,
    manager: OnceLock<Arc<ShardManager>>,
    /// The shard that was never let in.
    failed: OnceLock<u32>,
    broken: CancellationToken,
}

#[serenity::async_trait]
impl EventHandler for Handler {
    async fn ready(&self, ctx: serenity::Context, ready: serenity::Ready) {
        let shard = ctx.shard_id.0;
        self.bot.shards.connected(shard);
        info!(shard, guilds = ready.guilds.len(), "shard is ready");
        if shard == 0 {
            let bot = Arc::clone(&self.bot);
            let definitions = poise::builtins::create_application_commands(&self.options.commands);
            self.bot.running.spawn(async move {
                register(&bot, &ctx.http, ready.application.id, definitions).await;
            });
        }
    }

    async fn resume(&self, ctx: serenity::Context, _: serenity::ResumedEvent) {
        self.bot.shards.connected(ctx.shard_id.0);
        info!(shard = ctx.shard_id.0, "shard has resumed");
    }

    async fn shard_stage_update(&self, _: serenity::Context, event: ShardStageUpdateEvent) {
        let shard = event.shard_id.0;
        debug!(shard, from = %event.old, to = %event.new, "shard changes its stage");
        match event.new {
            // Told by READY and RESUMED, which cannot be overtaken by an older change.
            ConnectionStage::Connected => {}
            ConnectionStage::Identifying => {
                if !self.bot.shards.identifies(shard, self.bot.app.clock.now()) {
                    error!(
                        shard,
                        "shard is never let in; it stops before the token is reset"
                    );
                    self.failed.get_or_init(|| shard);
                    self.broken.cancel();
                }
            }
            _ => self.bot.shards.disconnected(shard),
        }
    }

    async fn guild_create(&self, _: serenity::Context, guild: serenity::Guild, _: Option<bool>) {
        debug!(guild = guild.id.get(), "server is there");
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
                "removed from server; its alerts are kept"
            );
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
    }

    async fn interaction_create(&self, ctx: serenity::Context, interaction: Interaction) {
        // Discord may send the same event twice.
        if !self.bot.first_time(interaction.id().get()) {
            debug!(
                interaction = interaction.id().get(),
                "interaction came twice"
            );
            return;
        }
        let work = async {
            match interaction {
                Interaction::Component(press) => {
                    super::commands::press(&self.bot, &ctx, &press).await;
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
    }
}

/// The store's name for what was last registered.
const REGISTERED: &str = "commands";

/// Waits between attempts to register.
const RETRIES: [Span; 4] = [
    Span(Duration::from_secs(5)),
    Span(Duration::from_secs(30)),
    Span::minutes(2),
    Span::minutes(10),
];

/// Tells Discord the commands, when they are others than those it knows: a day has 200 creations.
async fn register(
    bot: &Bot,
    http: &Http,
    application: serenity::ApplicationId,
    definitions: Vec<serenity::CreateCommand>,
) {
    let Some(hash) = hash_of(application, &definitions) else {
        error!("the command definitions cannot be written as JSON");
        return;
    };
    match bot.app.store.setting(REGISTERED).await {
        Ok(Some(known)) if known == hash => {
            debug!("the commands are registered already");
            return;
        }
        Ok(_) => {}
        // Registering the same once more does no harm.
        Err(error) => warn!(%error, "what was registered last cannot be read"),
    }
    for wait in RETRIES.map(Some).into_iter().chain([None]) {
        match serenity::Command::set_global_commands(http, definitions.clone()).await {
            Ok(registered) => {
                info!(commands = registered.len(), "commands are registered");
                if let Err(error) = bot.app.store.set_setting(REGISTERED, &hash).await {
                    warn!(%error, "what was registered cannot be noted");
                }
                return;
            }
            Err(error) => {
                let Some(wait) = wait else {
                    error!(%error, "the commands were not registered; restart to try again");
                    return;
                };
                warn!(%error, again_in = ?wait.0, "the commands cannot be registered");
                tokio::select! {
                    () = tokio::time::sleep(wait.0) => {}
                    () = bot.stopping.cancelled() => return,
                }
            }
        }
    }
}

fn hash_of(
    application: serenity::ApplicationId,
    definitions: &[serenity::CreateCommand],
) -> Option<[u8; 32]> {
    let mut hash = Sha256::new();
    hash.update(application.get().to_le_bytes());
    hash.update(serde_json::to_vec(definitions).ok()?);
    Some(hash.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_final_and_an_outage_is_not() {
        let of = |error| refusal(serenity::Error::Gateway(error));
        assert!(matches!(
            of(GatewayError::InvalidAuthentication),
            ClientError::TokenRefused
        ));
        assert!(of(GatewayError::DisallowedGatewayIntents).is_final());
        assert!(of(GatewayError::InvalidGatewayIntents).is_final());
        assert!(!of(GatewayError::HeartbeatFailed).is_final());
    }

    #[test]
    fn the_hash_is_that_of_the_definitions_and_the_application() {
        let definitions = || poise::builtins::create_application_commands(&commands::all());
        let one = serenity::ApplicationId::new(1);
        let two = serenity::ApplicationId::new(2);
        assert_eq!(hash_of(one, &definitions()), hash_of(one, &definitions()));
        assert_ne!(hash_of(one, &definitions()), hash_of(two, &definitions()));
        assert_ne!(
            hash_of(one, &definitions()),
            hash_of(one, definitions().get(1..).unwrap())
        );
    }
}
