//! What a running twin knows, behind one lock that is never held across an await.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::{
    endpoint::{Endpoint, Signer},
    fault::Faults,
    gateway::Gateway,
    ids::{Clock, text},
    interact::Interactions,
    ledger::Ledger,
    limits::Limiter,
    world::{Channel, ChannelKind, Guild, World, permission},
};

/// A REST request that the bot made. Tokens are not kept.
#[derive(Clone, Debug, Serialize)]
pub struct RequestRecord {
    /// The HTTP method.
    pub method: String,
    /// The route's template, such as `/channels/{id}/messages`.
    pub template: &'static str,
    /// The webhook, channel, guild or interaction in the path, 0 when there is none.
    #[serde(with = "text")]
    pub major: u64,
    /// The answer's status; 0 when the connection was cut.
    pub status: u16,
    /// When it arrived, in milliseconds since the twin started.
    pub at_ms: u64,
}

/// Whether the bot is in a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    Here,
    /// An outage: the server still has the bot, but nothing works.
    Outage,
    Gone,
}

#[derive(Debug)]
pub(crate) struct GuildState {
    pub(crate) guild: Guild,
    pub(crate) presence: Presence,
}

#[derive(Debug)]
pub(crate) struct ChannelState {
    pub(crate) channel: Channel,
    pub(crate) guild: Option<u64>,
}

#[derive(Clone, Debug)]
pub(crate) struct Webhook {
    pub(crate) id: u64,
    pub(crate) token: String,
    pub(crate) name: String,
    pub(crate) channel: u64,
    pub(crate) guild: u64,
    /// The application that made it; a person's webhook has none.
    pub(crate) application: Option<u64>,
}

/// The registered commands.
#[derive(Debug, Default)]
pub(crate) struct Commands {
    pub(crate) global: Vec<Value>,
    pub(crate) guild: HashMap<u64, Vec<Value>>,
    /// How often a list was overwritten as a whole.
    pub(crate) overwrites: u32,
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) world: World,
    pub(crate) clock: Clock,
    pub(crate) started: Instant,
    pub(crate) guilds: BTreeMap<u64, GuildState>,
    pub(crate) channels: HashMap<u64, ChannelState>,
    /// Direct channels by the person's id.
    pub(crate) directs: HashMap<u64, u64>,
    /// People who take no direct messages from the bot.
    pub(crate) closed: HashSet<u64>,
    pub(crate) users: HashMap<u64, String>,
    pub(crate) webhooks: HashMap<u64, Webhook>,
    /// Webhooks of which the bot was told that they are gone.
    pub(crate) dead_webhooks: HashSet<u64>,
    pub(crate) ledger: Ledger,
    pub(crate) nonces: HashMap<(u64, String), (u64, Instant)>,
    pub(crate) commands: Commands,
    pub(crate) interactions: Interactions,
    pub(crate) limiter: Limiter,
    pub(crate) faults: Faults,
    pub(crate) gateway: Gateway,
    pub(crate) signer: Signer,
    /// Where interactions are posted to, instead of being sent over the gateway.
    pub(crate) endpoint: Option<Endpoint>,
    pub(crate) token_revoked: bool,
    pub(crate) violations: Vec<String>,
    pub(crate) requests: Vec<RequestRecord>,
    /// Files that people have uploaded for an option, with the objects that stand for them.
    pub(crate) uploads: HashMap<u64, (Value, Bytes)>,
}

impl State {
    pub(crate) fn new(mut world: World) -> Self {
        let mut guilds = BTreeMap::new();
        let mut channels = HashMap::new();
        for guild in std::mem::take(&mut world.guilds) {
            for channel in &guild.channels {
                let state = ChannelState {
                    channel: channel.clone(),
                    guild: Some(guild.id),
                };
                channels.insert(channel.id, state);
            }
            guilds.insert(
                guild.id,
                GuildState {
                    guild,
                    presence: Presence::Here,
                },
            );
        }
        Self {
            clock: Clock::start(),
            started: Instant::now(),
            limiter: Limiter::new(world.limits),
            world,
            guilds,
            channels,
            directs: HashMap::new(),
            closed: HashSet::new(),
            users: HashMap::new(),
            webhooks: HashMap::new(),
            dead_webhooks: HashSet::new(),
            ledger: Ledger::default(),
            nonces: HashMap::new(),
            commands: Commands::default(),
            interactions: Interactions::default(),
            faults: Faults::default(),
            gateway: Gateway::default(),
            signer: Signer::new(),
            endpoint: None,
            token_revoked: false,
            violations: Vec::new(),
            requests: Vec::new(),
            uploads: HashMap::new(),
        }
    }

    /// Notes that the bot broke a rule.
    pub(crate) fn violation(&mut self, sentence: String) {
        if self.violations.len() < 10_000 {
            self.violations.push(sentence);
        }
    }

    /// A server that the bot is in and that is not out of order.
    pub(crate) fn guild(&self, id: u64) -> Option<&Guild> {
        self.guilds
            .get(&id)
            .filter(|state| state.presence == Presence::Here)
            .map(|state| &state.guild)
    }

    /// A channel that the bot could know: of one of its servers, or a direct one.
    pub(crate) fn channel(&self, id: u64) -> Option<&ChannelState> {
        let state = self.channels.get(&id)?;
        match state.guild {
            Some(guild) => self.guild(guild).map(|_| state),
            None => Some(state),
        }
    }

    /// What the bot may do in a channel; a thread has the permissions of its channel.
    pub(crate) fn bot_permissions(&self, channel: u64) -> u64 {
        const EVERYTHING: u64 = u64::MAX >> 1;
        let Some(state) = self.channel(channel) else {
            return 0;
        };
        let Some(guild) = state.guild.and_then(|guild| self.guild(guild)) else {
            return EVERYTHING;
        };
        let parent = state
            .channel
            .parent
            .and_then(|parent| self.channels.get(&parent));
        let own = state
            .channel
            .permissions
            .or_else(|| parent.and_then(|parent| parent.channel.permissions));
        let bits = own.unwrap_or(guild.permissions);
        if bits & permission::ADMINISTRATOR != 0 {
            EVERYTHING
        } else {
            bits
        }
    }

    /// The direct channel with a person, opened when there is none.
    pub(crate) fn direct(&mut self, user: u64) -> u64 {
        if let Some(channel) = self.directs.get(&user) {
            return *channel;
        }
        let id = self.clock.next_id();
        let channel = Channel::new(id, String::new(), ChannelKind::Direct);
        self.channels.insert(
            id,
            ChannelState {
                channel,
                guild: None,
            },
        );
        self.directs.insert(user, id);
        id
    }

    /// Whether a channel is the direct one of a person who takes no messages from the bot.
    pub(crate) fn is_closed(&self, channel: u64) -> bool {
        let people = self.directs.iter();
        people
            .filter(|(_, direct)| **direct == channel)
            .any(|(user, _)| self.closed.contains(user))
    }

    /// The name of a person, as far as it is known.
    pub(crate) fn user_name(&self, user: u64) -> String {
        if user == self.world.bot {
            return self.world.bot_name.clone();
        }
        self.users
            .get(&user)
            .cloned()
            .unwrap_or_else(|| format!("person{}", user % 10_000))
    }

    /// The bot's user object.
    pub(crate) fn bot_user(&self) -> Value {
        let mut bot = user(self.world.bot, &self.world.bot_name);
        bot["bot"] = json!(true);
        bot
    }
}

/// A user object.
pub(crate) fn user(id: u64, name: &str) -> Value {
    json!({
        "id": id.to_string(),
        "username": name,
        "discriminator": "0",
        "global_name": null,
        "avatar": null,
        "public_flags": 0,
        "flags": 0,
        "primary_guild": null,
    })
}

/// What all tasks of a twin share.
#[derive(Debug)]
pub(crate) struct Shared {
    state: Mutex<State>,
    changed: Notify,
    in_flight: AtomicUsize,
    pub(crate) base_url: String,
    pub(crate) stop: CancellationToken,
    #[cfg(feature = "openapi")]
    pub(crate) spec: Option<Arc<crate::check::openapi::Spec>>,
}

impl Shared {
    pub(crate) fn new(world: World, base_url: String) -> Self {
        let path = world
            .openapi
            .clone()
            .or_else(|| std::env::var_os("DISCORD_OPENAPI").map(PathBuf::from));
        #[cfg(not(feature = "openapi"))]
        if path.is_some() {
            tracing::debug!(
                "bodies are not checked against Discord's description: built without the feature openapi"
            );
        }
        Self {
            state: Mutex::new(State::new(world)),
            changed: Notify::new(),
            in_flight: AtomicUsize::new(0),
            base_url,
            stop: CancellationToken::new(),
            #[cfg(feature = "openapi")]
            spec: path.as_deref().and_then(crate::check::openapi::Spec::load),
        }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes whoever waits for something to happen.
    pub(crate) fn changed(&self) {
        self.changed.notify_waiters();
    }

    /// Waits until `look` finds something; `None` when the time is over.
    pub(crate) async fn until<T>(
        &self,
        timeout: Duration,
        mut look: impl FnMut(&mut State) -> Option<T> + Send,
    ) -> Option<T> {
        let deadline = tokio::time::Instant::now() + timeout;
        loop {
            let notified = self.changed.notified();
            tokio::pin!(notified);
            notified.as_mut().enable();
            if let Some(found) = look(&mut self.state()) {
                return Some(found);
            }
            if tokio::time::timeout_at(deadline, notified).await.is_err() {
                return look(&mut self.state());
            }
        }
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }
}

/// Counts a request for as long as it lives, also when its caller goes away.
#[derive(Debug)]
pub(crate) struct InFlight(Arc<Shared>);

impl InFlight {
    pub(crate) fn count(shared: &Arc<Shared>) -> Self {
        shared.in_flight.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(shared))
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}
