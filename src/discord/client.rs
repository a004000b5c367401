//! How we hear of what people do: checked before it begins, watched while it goes on, ended in order.

use std::{net::SocketAddr, num::NonZero, sync::Arc, time::Duration};

use poise::serenity_prelude as serenity;
use secrecy::{ExposeSecret as _, SecretString};
use serenity::{GatewayError, GatewayIntents, Http, HttpBuilder, HttpError, SessionStartLimit};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::{
    budget,
    context::Bot,
    detached::Detached,
    endpoint::Endpoint,
    fleet::{Fleet, Over},
    handler::Handler,
    interactions::Interactions,
    register, roll_call,
    shards::Shards,
    signature::PublicKey,
};
use crate::{app::App, ops::config::Way};

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
    /// Presenting the same shards again would only draw more refusals.
    #[error("Discord refuses {shards} as the number of shards; {}", shards_advice(*.advised))]
    ShardsRefused {
        shards: u32,
        /// What Discord recommends, where it could be asked.
        advised: Option<u32>,
    },
    #[error("Discord names no gateway to connect to")]
    NoGateway,
    #[error("discord.interactions_listen: {address} cannot be listened on; choose another address")]
    Listen {
        address: SocketAddr,
        #[source]
        source: std::io::Error,
    },
    /// Every request would be taken for forged.
    #[error(
        "discord.public_key is not the key of this application, which is {told}; write that or leave it out"
    )]
    OtherKey { told: Box<PublicKey> },
    #[error(
        "Discord names no public key for this application, without which nothing can be checked"
    )]
    NoKey,
    #[error("Discord cannot be reached at {api_url}")]
    Unreachable {
        api_url: String,
        #[source]
        source: Box<serenity::Error>,
    },
    #[error("the connection to Discord broke down")]
    Broken(#[source] Box<serenity::Error>),
    /// Without its cause: the words of a panic may quote any value, and its place is logged where it happens.
    #[error("what keeps a shard connected broke down; the log says where")]
    Task,
}

fn shards_advice(advised: Option<u32>) -> String {
    advised.map_or_else(
        || "set discord.shards to 0, which takes Discord's advice".to_owned(),
        |advised| {
            format!(
                "it recommends {advised}; set discord.shards to that, or to 0 to follow its advice"
            )
        },
    )
}

impl ClientError {
    /// Trying again cannot help before a person has done something.
    pub const fn is_final(&self) -> bool {
        matches!(
            self,
            Self::TokenRefused
                | Self::IntentsRefused
                | Self::VersionRefused
                | Self::ShardsRefused { .. }
                | Self::OtherKey { .. }
                | Self::Listen { .. }
        )
    }
}

/// The API of Discord itself; everywhere else stands something that keeps the limits for us.
const DISCORD: &str = "https://discord.com";

pub(super) const INTENTS: GatewayIntents = GatewayIntents::GUILDS;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// Discord is not asked more often than this whether there are session starts again.
const LEAST_WAIT: Duration = Duration::from_secs(10);

/// How long commands that are under way may still take. Their interaction would live for longer,
/// but whoever stops the process does not.
const FINISHING: Duration = Duration::from_secs(10);

/// Serves commands until `stop`, or until there is no use in going on.
pub async fn run(
    app: Arc<App>,
    token: &SecretString,
    shards: Arc<Shards>,
    stop: CancellationToken,
) -> Result<(), ClientError> {
    let api_url = app.config.discord.api_url.trim_end_matches('/').to_owned();
    let http = Arc::new(http(token.expose_secret(), &api_url)?);
    let bot = Arc::new(Bot::new(
        Arc::clone(&app),
        Arc::clone(&shards),
        stop.clone(),
    ));
    let interactions = Arc::new(Interactions::new(Arc::clone(&bot)));
    let ended = match app.config.discord.interactions {
        Way::Gateway => over_gateway(&app, &http, interactions, &shards, &stop).await,
        Way::Http => by_http(&app, &http, interactions, &shards, &stop).await,
    };
    // Closing the shards waits for no command; those under way get a moment to answer.
    bot.running.close();
    if tokio::time::timeout(FINISHING, bot.running.wait())
        .await
        .is_err()
    {
        warn!(
            running = bot.running.len(),
            "commands were cut off by the stop"
        );
    }
    ended
}

/// Connects, and connects anew as long as there is use in it.
async fn over_gateway(
    app: &Arc<App>,
    http: &Arc<Http>,
    interactions: Arc<Interactions>,
    shards: &Arc<Shards>,
    stop: &CancellationToken,
) -> Result<(), ClientError> {
    let handler = Arc::new(Handler::new(interactions));
    let wait = budget::note_start(app).await;
    pause(wait, stop).await;
    loop {
        let Some(gateway) = admitted(app, http, stop).await? else {
            return Ok(());
        };
        let fleet = Fleet {
            app: Arc::clone(app),
            http: Arc::clone(http),
            handler: Arc::clone(&handler),
            shards: Arc::clone(shards),
            stop: stop.clone(),
        };
        match fleet.run(gateway).await? {
            Over::Stopped => return Ok(()),
            Over::Outgrown => warn!("Discord wants another number of shards"),
        }
    }
}

/// Listens for what Discord posts. No shard is started, and nothing presents itself to the gateway.
async fn by_http(
    app: &App,
    http: &Arc<Http>,
    interactions: Arc<Interactions>,
    shards: &Shards,
    stop: &CancellationToken,
) -> Result<(), ClientError> {
    let settings = &app.config.discord;
    let address = settings.interactions_listen;
    let listen = async {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    };
    let (listener, open) = listen
        .await
        .map_err(|source| ClientError::Listen { address, source })?;
    let application = http
        .get_current_application_info()
        .await
        .map_err(|error| unanswered(error, &settings.api_url))?;
    let told: PublicKey = application
        .verify_key
        .parse()
        .map_err(|_| ClientError::NoKey)?;
    if settings.public_key.is_some_and(|own| own != told) {
        let told = Box::new(told);
        return Err(ClientError::OtherKey { told });
    }
    http.set_application_id(application.id);
    let detached = Detached::new(http)
        .await
        .map_err(|error| ClientError::Broken(Box::new(error)))?;
    interactions.manage(&detached.manager);
    let (bot, definitions) = (Arc::clone(interactions.bot()), interactions.definitions());
    let (running, registering) = (bot.running.clone(), Arc::clone(http));
    let known = Arc::clone(&bot);
    running.spawn(async move {
        register::register(&known, &registering, application.id, definitions).await;
    });
    let endpoint = Endpoint::new(told, interactions, detached.context);
    info!(address = %open, "interactions endpoint is open");
    shards.listens(true);
    tokio::select! {
        () = endpoint.serve(listener, stop) => {}
        // It goes on for ever.
        () = roll_call::call(&bot, http) => {}
    }
    shards.listens(false);
    Ok(())
}

async fn pause(wait: Duration, stop: &CancellationToken) {
    stop.run_until_cancelled(tokio::time::sleep(wait)).await;
}

/// Asks until there are enough session starts left, or until `stop`.
///
/// It waits here and does not end the process: a supervisor would start it again at once, and meanwhile
/// the market is followed and notices are sent.
async fn admitted(
    app: &App,
    http: &Http,
    stop: &CancellationToken,
) -> Result<Option<Gateway>, ClientError> {
    let settings = &app.config.discord;
    let ask_again = settings.crash_loop_wait.0 * budget::LONGEST_WAIT;
    let ask_again = ask_again.max(LEAST_WAIT);
    while !stop.is_cancelled() {
        let (gateway, starts) = gateway(http, &settings.api_url, settings.shards).await?;
        let needed = u64::from(gateway.shards) + u64::from(budget::KEPT);
        if starts.remaining >= needed {
            return Ok(Some(gateway));
        }
        let wait = Duration::from_millis(starts.reset_after).min(ask_again);
        error!(
            remaining = starts.remaining,
            needed,
            back_in = ?Duration::from_millis(starts.reset_after),
            asked_again_in = ?wait,
            "too few of Discord's session starts are left; it waits before it connects"
        );
        pause(wait, stop).await;
    }
    Ok(None)
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
    // The library's own limiter keeps an entry for each interaction for ever, and holds up everybody's answers by
    // the limit of one: answers to interactions are limited each by itself, and a command gives a few. What else
    // goes this way is asked so rarely that it waits out a refusal by its own pauses.
    let builder = HttpBuilder::new(token)
        .client(client)
        .ratelimiter_disabled(true);
    let builder = if api_url == DISCORD {
        builder
    } else {
        builder.proxy(api_url)
    };
    Ok(builder.build())
}

/// Where to connect, and how.
#[derive(Debug)]
pub struct Gateway {
    pub url: String,
    pub shards: u32,
    /// How many shards may present themselves at once.
    pub max_concurrency: u64,
    /// How often the bot may present itself in 24 hours.
    pub starts_a_day: u64,
}

/// Asks where to connect and how often we still may.
async fn gateway(
    http: &Http,
    api_url: &str,
    configured: Option<NonZero<u32>>,
) -> Result<(Gateway, SessionStartLimit), ClientError> {
    let allowed = http
        .get_bot_gateway()
        .await
        .map_err(|error| unanswered(error, api_url))?;
    if !(allowed.url.starts_with("wss://") || allowed.url.starts_with("ws://")) {
        return Err(ClientError::NoGateway);
    }
    let gateway = Gateway {
        url: allowed.url,
        shards: configured.map_or(allowed.shards, NonZero::get).max(1),
        max_concurrency: allowed.session_start_limit.max_concurrency,
        starts_a_day: allowed.session_start_limit.total,
    };
    Ok((gateway, allowed.session_start_limit))
}

/// Why a question at the start has no answer.
fn unanswered(error: serenity::Error, api_url: &str) -> ClientError {
    match refusal(error) {
        ClientError::Broken(source) => ClientError::Unreachable {
            api_url: api_url.to_owned(),
            source,
        },
        refused => refused,
    }
}

/// What an error of the library means for the connection.
pub(super) fn refusal(error: serenity::Error) -> ClientError {
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
}
