//! Everything that commands and tasks share: built once, run until it is told to stop, ended in order.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use secrecy::SecretString;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::{
    alerting::{
        reports,
        tick::{Alerting, Ticked},
        track,
    },
    causes::Causes,
    clock::Clock,
    delivery::{self, Delivery, http::ApplicationId},
    discord::{self, client::ClientError, shards::Shards, stamp::Stamp},
    domain::time::Timestamp,
    market::{
        Market,
        charts::Charts,
        feed::{Feed, FeedError, Source},
        indices::Indices,
    },
    ops::{
        config::{self, Config},
        endpoint,
        exit::Exit,
        metrics::Metrics,
        secrets::SecretError,
        supervisor::Supervisor,
    },
    pulse::Pulses,
    sources::{KeyError, SetupError, defillama::Defillama, file::FileSource},
    store::{OpenError, Store, StoreError, integrity::Damage, lock::LockError, sealed},
};

mod alarm;
mod asked;
mod follow;
mod upkeep;

use asked::charts;
pub(crate) use asked::{defillama, exchange, followers};
use follow::{
    fill_in_the_past, follow, follow_exchange, follow_networks, look_around, watch_for_people,
};
pub use upkeep::Unreached;

/// What commands and tasks share.
#[derive(Debug)]
pub struct App {
    pub config: Config,
    pub store: Arc<Store>,
    pub market: Market,
    pub charts: Charts,
    pub indices: Indices,
    pub alerting: Alerting,
    pub delivery: Delivery,
    pub metrics: Arc<Metrics>,
    pub clock: Arc<dyn Clock>,
    /// When the master key was lost, and with it what people had kept; `None` where that never was.
    pub key_lost_at: Option<Timestamp>,
    /// Marks what the components of answers mean.
    pub stamp: Stamp,
    /// Who is to be told of what they leave unused when they ask for something.
    pub unreached: Unreached,
    /// The loops that have to move.
    pub pulses: Pulses,
    /// When this was built.
    pub started_at: Timestamp,
    /// Whoever is asked for the market asks by a clone of this.
    pub defillama: Defillama,
}

/// Why the bot cannot start or has to end. Each is one line for the operator.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Found while running; going on to write would make it worse.
    #[error(transparent)]
    Damaged(#[from] Damage),
    #[error(transparent)]
    Source(#[from] SetupError),
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Http(#[from] delivery::http::ClientError),
    #[error(transparent)]
    Delivery(#[from] delivery::Ended),
    #[error(transparent)]
    Discord(#[from] ClientError),
    #[error("ops.listen: {address} cannot be listened on; choose another address or port 0")]
    Listen {
        address: std::net::SocketAddr,
        source: std::io::Error,
    },
    /// Without its cause: the words of a panic may quote any value, and its place is logged where it happens.
    #[error("a task of stipend's own broke down; the log says where")]
    Task,
}

impl RunError {
    /// The code that a supervisor reads.
    pub const fn exit(&self) -> Exit {
        match self {
            Self::Open(error) => open_exit(error),
            Self::Secret(error) => secret_exit(error),
            Self::Source(_)
            | Self::Key(_)
            | Self::Listen { .. }
            | Self::Damaged(_)
            | Self::Store(StoreError::Corrupt(_))
            | Self::Delivery(delivery::Ended::Store(StoreError::Corrupt(_))) => Exit::Unusable,
            Self::Discord(error) => discord_exit(error),
            Self::Delivery(delivery::Ended::TokenRefused) => Exit::TokenRefused,
            Self::Http(_)
            | Self::Store(_)
            | Self::Delivery(delivery::Ended::Store(_))
            | Self::Task => Exit::Internal,
        }
    }
}

/// The code for a database that cannot be opened. What another program holds may be free with the next try,
/// and a disk that is full or not writable may be so no more. Another stipend is there to stay.
pub(crate) const fn open_exit(error: &OpenError) -> Exit {
    match error {
        OpenError::Lock(LockError::Held { .. }) => Exit::AlreadyRunning,
        OpenError::Lock(LockError::Io { .. })
        | OpenError::Busy(_)
        | OpenError::Unreachable { .. }
        | OpenError::Unwritable { .. }
        | OpenError::NoCopy { .. }
        | OpenError::Keys {
            source: StoreError::Busy | StoreError::Unwritable(_),
            ..
        } => Exit::Unavailable,
        _ => Exit::Unusable,
    }
}

/// The code for a secret that cannot be used; a new key may find room on the disk with the next try.
pub(crate) const fn secret_exit(error: &SecretError) -> Exit {
    match error {
        SecretError::Unwritable { .. } => Exit::Unavailable,
        _ => Exit::Unusable,
    }
}

const fn discord_exit(error: &ClientError) -> Exit {
    match error {
        ClientError::TokenRefused => Exit::TokenRefused,
        ClientError::IntentsRefused
        | ClientError::ShardsRefused { .. }
        | ClientError::OtherKey { .. }
        | ClientError::NoKey
        | ClientError::Listen { .. } => Exit::Unusable,
        ClientError::VersionRefused | ClientError::Task => Exit::Internal,
        ClientError::NoGateway | ClientError::Unreachable { .. } | ClientError::Broken(_) => {
            Exit::Unavailable
        }
    }
}

/// An empty market with those whom it asks by itself.
fn market(config: &Config, defillama: &Defillama) -> Result<Market, RunError> {
    let prices = config.sources.defillama.enabled.then(|| defillama.clone());
    let market = Market::new(config.verdict, prices);
    Ok(match exchange(config)? {
        Some(source) => market.with_exchange(source),
        None => market,
    })
}

impl App {
    /// Opens the database and takes over what it holds.
    pub async fn open(
        config: Config,
        key: &[u8; 32],
        token: &SecretString,
        application: ApplicationId,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, RunError> {
        let now = clock.now();
        let store = Arc::new(Store::open(config.database.path(), key, now).await?);
        let defillama = defillama(&config)?;
        let market = market(&config, &defillama)?;
        let charts = Charts::new(charts(&config, &defillama));
        let indices = asked::indices(&config)?;
        let key_lost_at = store.key_lost_at().await?;
        let pools = market.load(&store).await?;
        let alerting = Alerting::load(&store)
            .await?
            .worth_telling_for(config.delivery.shelf_life);
        let settings = delivery::Settings {
            api_url: config.discord.api_url.clone(),
            max_per_second: config.delivery.max_per_second,
            timeout: config.delivery.timeout.0,
            waits: delivery::post::Waits {
                settle: config.delivery.settle.0,
                nonce_window: config.delivery.nonce_window.0,
                late_double_sweep: config.delivery.late_double_sweep.0,
                back_off: config.delivery.back_off.iter().map(|step| step.0).collect(),
            },
            merge: config.delivery.merge,
            window: delivery::window::Window {
                wait: config.delivery.group_wait.0,
                interval: config.delivery.group_interval.0,
                cap: config.delivery.hourly_cap,
            },
            drain: config.delivery.drain.0,
            edge_ban: config.delivery.edge_ban.0,
            breaker_probe: config.delivery.breaker_probe.0,
            channel_per_minute: config.delivery.channel_per_minute,
            invalid_soft: config.delivery.invalid_soft,
            invalid_hard: config.delivery.invalid_hard,
        };
        let metrics = Arc::new(Metrics::default());
        let delivery = Delivery::new(
            Arc::clone(&store),
            Arc::clone(&clock),
            &settings,
            token,
            application,
            Arc::clone(&metrics),
        )?;
        tracing::info!(pools, epoch = store.epoch(), "the database is open");
        Ok(Self {
            config,
            store,
            market,
            charts,
            indices,
            alerting,
            delivery,
            metrics,
            clock,
            key_lost_at,
            stamp: Stamp::new(sealed::derived(key, "stipend component ids 1")),
            unreached: Unreached::default(),
            pulses: Pulses::default(),
            started_at: now,
            defillama,
        })
    }

    /// Asks the source once and takes in what is new: evaluated, committed, swapped, and on its way.
    pub async fn ingest(&self, feed: &mut Feed) -> Result<Ticked, FeedError> {
        let taken_in = self.take_in(feed).await;
        self.metrics.asked(feed.came());
        taken_in
    }

    async fn take_in(&self, feed: &mut Feed) -> Result<Ticked, FeedError> {
        let now = self.clock.now();
        let Some(change) = feed.next(&self.store, &self.market, now).await? else {
            return Ok(Ticked::default());
        };
        let followed = self
            .alerting
            .follow_renamed(&self.store, &self.market, &change);
        if let Err(error) = followed.await {
            feed.forget_last_answer();
            return Err(error.into());
        }
        let began = Instant::now();
        let ticked = match self.alerting.tick(&self.store, &self.market, change).await {
            Ok(ticked) => ticked,
            Err(error) => {
                feed.forget_last_answer();
                return Err(error.into());
            }
        };
        self.metrics.ticked(began.elapsed(), ticked);
        if ticked.notices > 0 {
            self.delivery.poke();
        }
        match self.tidy(now).await {
            Err(error @ StoreError::Corrupt(_)) => return Err(error.into()),
            // The batch is kept, and the next one brings another chance.
            Err(error) => tracing::warn!(
                error = %Causes(&error),
                "the database cannot be tidied up"
            ),
            Ok(()) => {}
        }
        Ok(ticked)
    }

    async fn tidy(&self, now: Timestamp) -> Result<(), StoreError> {
        let judged = track::judge(&self.store, now).await;
        let counted = self.alerting.track.count(&self.store, now.day()).await;
        let swept = self.store.sweep_changes(now).await;
        let written = self.store.checkpoint().await;
        judged.and(counted.map(drop)).and(swept).and(written)
    }

    /// The feed that the configuration names; `None` when every source is switched off. Before the
    /// first batch the rules are told the past that they look into, which may take a second or two
    /// and keeps nobody from being answered.
    pub async fn feed(&self) -> Result<Option<Feed>, RunError> {
        let sources = &self.config.sources;
        let source = match &sources.file.path {
            Some(path) => Source::File(FileSource::new(path)),
            None if sources.defillama.enabled => {
                Source::Defillama(Box::new(self.defillama.clone()))
            }
            None => return Ok(None),
        };
        let snapshot = self.market.snapshot();
        let now = self.clock.now();
        self.alerting.recall(&self.store, &snapshot, now).await?;
        Ok(Some(Feed::new(source, &self.store).await?))
    }
}

/// A look at a database of a year takes about a second; it should not take up a core.
const BETWEEN_LOOKS: Duration = Duration::from_secs(5);

/// Runs the bot until `stop`, or until something ends it that no restart of a task can mend.
pub async fn run(
    app: Arc<App>,
    token: &SecretString,
    stop: CancellationToken,
) -> Result<(), RunError> {
    let shards = Arc::new(Shards::default());
    let followers = followers(&app.config)?;
    let listener = endpoint::listen(app.config.ops.listen)
        .await
        .map_err(|source| {
            let address = app.config.ops.listen;
            RunError::Listen { address, source }
        })?;
    let mut tasks: JoinSet<Result<(), RunError>> = JoinSet::new();
    tasks.spawn(endpoint::serve(
        listener,
        Arc::clone(&app),
        Arc::clone(&shards),
        stop.clone(),
    ));
    tasks.spawn(guard(Arc::clone(&app), stop.clone()));
    tasks.spawn({
        let (app, stop) = (Arc::clone(&app), stop.clone());
        async move {
            tokio::select! {
                ended = follow(&app) => ended,
                // What a batch has not committed by now is read again after the next start.
                () = stop.cancelled() => Ok(()),
            }
        }
    });
    tasks.spawn({
        let (app, stop) = (Arc::clone(&app), stop.clone());
        async move {
            tokio::select! {
                ended = look_around(&app) => ended,
                ended = fill_in_the_past(&app) => ended,
                ended = watch_for_people(&app) => ended,
                () = stop.cancelled() => Ok(()),
            }
        }
    });
    tasks.spawn({
        let (app, shards, stop) = (Arc::clone(&app), Arc::clone(&shards), stop.clone());
        async move {
            tokio::select! {
                ended = upkeep::keep_up(&app) => ended,
                ended = alarm::look_out(&app, &shards) => ended,
                () = stop.cancelled() => Ok(()),
            }
        }
    });
    tasks.spawn(herald(Arc::clone(&app), stop.clone()));
    tasks.spawn({
        let (app, stop) = (Arc::clone(&app), stop.clone());
        async move {
            // What was not read by now is asked for again after the next start.
            let networks = follow_networks(&app, followers);
            let exchange = follow_exchange(&app);
            stop.run_until_cancelled(futures::future::join(networks, exchange))
                .await;
            Ok(())
        }
    });
    tasks.spawn({
        let (delivery, stop) = (app.delivery.clone(), stop.clone());
        let pulse = app.pulses.listen("the delivery");
        async move { Ok(delivery.run(pulse, stop).await?) }
    });
    tasks.spawn({
        let (app, token, stop) = (Arc::clone(&app), token.clone(), stop.clone());
        async move { Ok(discord::client::run(app, &token, shards, stop).await?) }
    });
    tasks.spawn(ask_the_writer(Arc::clone(&app), stop.clone()));
    tasks.spawn({
        let (pulses, stop) = (app.pulses.clone(), stop.clone());
        let supervisor = Supervisor::of(config::environment());
        async move {
            supervisor.attend(&pulses, &stop).await;
            Ok(())
        }
    });
    let mut ended = Ok(());
    while let Some(task) = tasks.join_next().await {
        // The first task that fails ends the others, and its reason is the one to tell.
        if let Err(error) = task.unwrap_or(Err(RunError::Task))
            && ended.is_ok()
        {
            ended = Err(error);
        }
        stop.cancel();
    }
    app.store.close().await;
    ended
}

/// Has the database looked at after the start, and again when something was not kept in it.
async fn guard(app: Arc<App>, stop: CancellationToken) -> Result<(), RunError> {
    let mut kept = app.store.kept();
    loop {
        match app.store.inspect(&stop).await {
            Ok(None) => {}
            Ok(Some(damage)) => return Err(damage.into()),
            Err(error) => tracing::warn!(
                error = %Causes(&error),
                "the database cannot be looked at"
            ),
        }
        let again = async {
            tokio::time::sleep(BETWEEN_LOOKS).await;
            kept.changed().await
        };
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            _ = again => {}
        }
    }
}

/// Shows that the one connection that writes can be had. A lock of another program keeps it for some
/// seconds at a time; what keeps it for good is a disk that does not answer, or a fault of ours.
async fn ask_the_writer(app: Arc<App>, stop: CancellationToken) -> Result<(), RunError> {
    const EVERY: Duration = Duration::from_secs(10);
    let pulse = app.pulses.listen("the writer of the database");
    let asked = async {
        loop {
            if app.store.writer_is_free().await {
                pulse.beat(EVERY);
            }
            tokio::time::sleep(EVERY).await;
        }
    };
    stop.run_until_cancelled(asked).await;
    Ok(())
}

/// Says what is due at a set time, and that a source is silent.
async fn herald(app: Arc<App>, stop: CancellationToken) -> Result<(), RunError> {
    let started = app.clock.now();
    let pulse = app.pulses.listen("the reports");
    loop {
        pulse.beat(reports::LOOK_EVERY);
        let times = (started, app.clock.now());
        match reports::speak(&app.alerting, &app.store, &app.market, times).await {
            Ok(true) => app.delivery.poke(),
            Ok(false) => {}
            Err(error @ StoreError::Corrupt(_)) => return Err(error.into()),
            Err(error) => tracing::warn!(
                error = %Causes(&error),
                "reports cannot be made"
            ),
        }
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(reports::LOOK_EVERY) => {}
        }
    }
}
