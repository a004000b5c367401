//! From the outbox to Discord: nothing lost, nothing doubled, no limit broken.
//!
//! Notices that wait for a channel become one post; its intent is committed before the first byte
//! leaves and its receipt after the answer. One request is under way for a destination. Where it is
//! not known whether a message arrived, the channel is looked into before anything is sent again.

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use secrecy::SecretString;
use tokio::sync::{Mutex, Notify, OnceCell, watch};
use tokio_util::sync::CancellationToken;

use crate::{
    clock::Clock,
    domain::ids::{ChannelId, EntryId, UserId},
    ops::metrics::Metrics,
    pulse::Pulse,
    store::{Store, StoreError, outbox::Told},
};

mod bot;
pub mod channel;
mod compose;
pub mod entry;
pub mod http;
pub mod outcome;
pub mod pacing;
mod plan;
pub mod post;
mod read_back;
mod rights;
pub mod state;
pub mod urgency;
pub mod window;
mod worker;

use http::{ApplicationId, Client, ClientError};
use pacing::{Condition, Pacing};
use post::{Effect, Waits};
use window::Window;

/// How messages are sent.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What stands before `/api/v10`.
    pub api_url: String,
    /// The most requests in a second, over everything. Discord allows 50.
    pub max_per_second: NonZeroU32,
    /// How long an answer is waited for.
    pub timeout: Duration,
    /// How long things are waited for.
    pub waits: Waits,
    /// Whether many notices for a channel become one message.
    pub merge: bool,
    /// How long they gather before, where they do.
    pub window: Window,
    /// How long what is under way may still take after a stop.
    pub drain: Duration,
    /// How long everything rests after a ban that does not say for how long.
    pub edge_ban: Duration,
    /// From one try to the next, after a ban and while Discord fails.
    pub breaker_probe: Duration,
    /// What a channel is trusted to take in a minute until it shows otherwise; 0 for no such limit.
    pub channel_per_minute: usize,
    /// From so many invalid requests in ten minutes on, what can wait is held back.
    pub invalid_soft: usize,
    /// From so many on, only channels that took messages before are written to.
    pub invalid_hard: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            api_url: "https://discord.com".to_owned(),
            max_per_second: const { NonZeroU32::new(40).expect("40 is not zero") },
            timeout: Duration::from_secs(20),
            waits: Waits::default(),
            merge: true,
            window: Window::default(),
            drain: Duration::from_secs(10),
            edge_ban: Duration::from_hours(1),
            breaker_probe: Duration::from_secs(15),
            channel_per_minute: 30,
            invalid_soft: 200,
            invalid_hard: 500,
        }
    }
}

/// Why nothing more is sent.
#[derive(Debug, thiserror::Error)]
pub enum Ended {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(
        "Discord refuses the bot token; copy a fresh one from the Bot page of the developer portal"
    )]
    TokenRefused,
}

/// The way to Discord's channels. Clones share everything.
#[derive(Debug, Clone)]
pub struct Delivery {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    store: Arc<Store>,
    clock: Arc<dyn Clock>,
    client: Client,
    pacing: Pacing,
    waits: Waits,
    merge: bool,
    window: Window,
    drain: Duration,
    application_id: ApplicationId,
    metrics: Arc<Metrics>,
    /// The bot's own user.
    me: OnceCell<UserId>,
    /// The bot's token was refused, and every call with it would be.
    refused: CancellationToken,
    poke: Notify,
    /// Told of each batch of receipts.
    recorded: watch::Sender<()>,
    refusals: channel::Refusals,
    /// Held by the one worker.
    running: Mutex<()>,
    preparing: [Mutex<()>; 16],
}

impl Shared {
    /// Tells the operator of a failure of the store that nobody waits for. One that shows damage has the
    /// whole file looked at.
    fn report(&self, what: &'static str, error: StoreError) {
        if matches!(error, StoreError::Corrupt(_)) {
            self.store.doubt();
        }
        let error = anyhow::Error::from(error);
        tracing::error!(error = format!("{error:#}"), "{what}");
    }

    /// Channels that meet here wait for each other, which is rare and harmless.
    fn preparing(&self, channel: ChannelId) -> &Mutex<()> {
        // The low bits of an id are a counter that is mostly zero; the time stands above them.
        let slot = (channel.0 >> 22) % 16;
        &self.preparing[usize::try_from(slot).unwrap_or(0)]
    }
}

impl Delivery {
    /// Sets everything up and sends nothing. Has to be called inside a Tokio runtime.
    pub fn new(
        store: Arc<Store>,
        clock: Arc<dyn Clock>,
        settings: &Settings,
        token: &SecretString,
        application_id: ApplicationId,
        metrics: Arc<Metrics>,
    ) -> Result<Self, ClientError> {
        Ok(Self {
            shared: Arc::new(Shared {
                store,
                clock,
                client: Client::new(
                    &settings.api_url,
                    settings.timeout,
                    settings.edge_ban,
                    token,
                )?,
                pacing: Pacing::new(settings, Arc::clone(&metrics)),
                waits: settings.waits.clone(),
                merge: settings.merge,
                // What is not merged does not gather.
                window: if settings.merge {
                    settings.window
                } else {
                    Window::NONE
                },
                drain: settings.drain,
                application_id,
                metrics,
                me: OnceCell::new(),
                refused: CancellationToken::new(),
                poke: Notify::new(),
                recorded: watch::Sender::new(()),
                refusals: channel::Refusals::default(),
                running: Mutex::new(()),
                preparing: std::array::from_fn(|_| Mutex::new(())),
            }),
        })
    }

    /// How sending stands at present.
    pub fn condition(&self) -> Condition {
        self.shared.pacing.condition()
    }

    /// Whether Discord's edge refuses everything from this address for now. An answer to a command is refused
    /// as well, and makes it last.
    pub fn is_banned(&self) -> bool {
        self.shared.pacing.is_banned()
    }

    /// Discord refused an answer to an interaction with 401, 403 or 429, which counts like any other request;
    /// `by_edge` where what refused it bans the address.
    pub async fn answer_refused(&self, by_edge: bool) {
        let shared = &*self.shared;
        let effect = if by_edge {
            let ban = shared.client.edge_ban();
            tracing::error!(
                ?ban,
                "Discord's edge has refused an answer to a command; nothing is sent for as long"
            );
            Effect::PauseAllThenProbe(ban)
        } else {
            Effect::None
        };
        shared.pacing.refused_elsewhere(effect);
        shared.note_pause(effect).await;
    }

    /// Says that the outbox has something new, so that it is looked at now.
    pub fn poke(&self) {
        self.shared.poke.notify_one();
    }

    /// Sends what the outbox holds until `stop`; then lets what is under way finish, for ten seconds
    /// at most. One run at a time: a second one waits for the first to end.
    pub async fn run(&self, pulse: Pulse, stop: CancellationToken) -> Result<(), Ended> {
        let shared = &self.shared;
        let _only = shared.running.lock().await;
        let stop = stop.child_token();
        let refused = async {
            shared.refused.cancelled().await;
            stop.cancel();
            std::future::pending::<()>().await;
        };
        tokio::select! {
            ended = worker::run(Arc::clone(shared), pulse, stop.clone()) => ended?,
            () = refused => {}
        }
        if shared.refused.is_cancelled() {
            return Err(Ended::TokenRefused);
        }
        Ok(())
    }

    /// Waits until the worker has nothing more to do about an entry by itself, or `timeout` is over,
    /// and tells where the entry stands. `None` when there is no such entry.
    pub async fn wait_outcome(
        &self,
        entry: EntryId,
        timeout: Duration,
    ) -> Result<Option<Told>, StoreError> {
        const LOOK_AGAIN: Duration = Duration::from_secs(1);
        let deadline = tokio::time::Instant::now() + timeout;
        let mut recorded = self.shared.recorded.subscribe();
        loop {
            recorded.mark_unchanged();
            let told = self.shared.store.told(entry).await?;
            let now = tokio::time::Instant::now();
            if now >= deadline || !told.as_ref().is_some_and(|at| at.state.is_moving()) {
                return Ok(told);
            }
            // Not every change comes from a receipt.
            let wake = deadline.min(now + LOOK_AGAIN);
            let _woken = tokio::time::timeout_at(wake, recorded.changed()).await;
        }
    }
}
