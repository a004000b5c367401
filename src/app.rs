//! Everything that commands and tasks share: built once, run until it is told to stop, ended in order.

use std::{sync::Arc, time::Duration};

use chacha20poly1305::aead::{OsRng, rand_core::RngCore as _};
use secrecy::SecretString;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::{
    alerting::{
        reports,
        tick::{Alerting, Ticked},
        track,
    },
    clock::Clock,
    delivery::{self, Delivery, http::ApplicationId},
    discord::{self, client::ClientError, shards::Shards},
    domain::{ids::PoolId, time::Timestamp},
    market::{
        Market,
        charts::Charts,
        facts::rounds::{self, Rounds},
        feed::{Feed, FeedError, Source},
        networks::{self, Follower, Networks},
    },
    ops::{
        config::{self, Config},
        endpoint,
        exit::Exit,
        secrets::{self, SecretError},
    },
    sources::{
        SourceError,
        cardano::Cardano,
        cosmos::Cosmos,
        defillama::{self, Defillama},
        fetch::{Backoff, Fetcher, Outcome, Policy, Schedule, is_on_this_machine},
        file::FileSource,
        lido::Lido,
        solana::Solana,
        token_metrics::{KeyError, TokenMetrics},
    },
    store::{OpenError, Store, StoreError, integrity::Damage, lock::LockError},
};

/// What commands and tasks share.
#[derive(Debug)]
pub struct App {
    pub config: Config,
    pub store: Arc<Store>,
    pub market: Market,
    pub charts: Charts,
    pub alerting: Alerting,
    pub delivery: Delivery,
    pub clock: Arc<dyn Clock>,
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
    Source(#[from] defillama::SetupError),
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
    #[error("a task of stipend's own broke down")]
    Task(#[from] tokio::task::JoinError),
}

impl RunError {
    /// The code that a supervisor reads.
    pub const fn exit(&self) -> Exit {
        match self {
            Self::Open(error) => open_exit(error),
            Self::Source(_)
            | Self::Secret(_)
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
            | Self::Task(_) => Exit::Internal,
        }
    }
}

/// The code for a database that cannot be opened: one that somebody else holds may be free later.
pub(crate) const fn open_exit(error: &OpenError) -> Exit {
    match error {
        OpenError::Lock(LockError::Held { .. }) | OpenError::Busy(_) => Exit::AlreadyRunning,
        _ => Exit::Unusable,
    }
}

const fn discord_exit(error: &ClientError) -> Exit {
    match error {
        ClientError::TokenRefused => Exit::TokenRefused,
        ClientError::IntentsRefused | ClientError::ShardsRefused { .. } => Exit::Unusable,
        ClientError::VersionRefused | ClientError::Task(_) => Exit::Internal,
        ClientError::NoGateway | ClientError::Unreachable { .. } | ClientError::Broken(_) => {
            Exit::Unavailable
        }
    }
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
        let prices = config
            .sources
            .defillama
            .enabled
            .then(|| defillama(&config))
            .transpose()?;
        let market = Market::new(config.verdict, prices);
        let charts = Charts::new(charts(&config)?);
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
        let delivery = Delivery::new(
            Arc::clone(&store),
            Arc::clone(&clock),
            &settings,
            token,
            application,
        )?;
        tracing::info!(pools, epoch = store.epoch(), "the database is open");
        Ok(Self {
            config,
            store,
            market,
            charts,
            alerting,
            delivery,
            clock,
        })
    }

    /// Asks the source once and takes in what is new: evaluated, committed, swapped, and on its way.
    pub async fn ingest(&self, feed: &mut Feed) -> Result<Ticked, FeedError> {
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
        let ticked = match self.alerting.tick(&self.store, &self.market, change).await {
            Ok(ticked) => ticked,
            Err(error) => {
                feed.forget_last_answer();
                return Err(error.into());
            }
        };
        if ticked.notices > 0 {
            self.delivery.poke();
        }
        match self.tidy(now).await {
            Err(error @ StoreError::Corrupt(_)) => return Err(error.into()),
            // The batch is kept, and the next one brings another chance.
            Err(error) => tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the database cannot be tidied up"
            ),
            Ok(()) => {}
        }
        Ok(ticked)
    }

    async fn tidy(&self, now: Timestamp) -> Result<(), StoreError> {
        let judged = track::judge(&self.store, now).await;
        let swept = self.store.sweep_changes(now).await;
        let written = self.store.checkpoint().await;
        judged.and(swept).and(written)
    }

    /// The feed that the configuration names; `None` when every source is switched off. Before the
    /// first batch the rules are told the past that they look into, which may take a second or two
    /// and keeps nobody from being answered.
    pub async fn feed(&self) -> Result<Option<Feed>, RunError> {
        let sources = &self.config.sources;
        let source = match &sources.file.path {
            Some(path) => Source::File(FileSource::new(path)),
            None if sources.defillama.enabled => {
                Source::Defillama(Box::new(defillama(&self.config)?))
            }
            None => return Ok(None),
        };
        let snapshot = self.market.snapshot();
        let now = self.clock.now();
        self.alerting.recall(&self.store, &snapshot, now).await?;
        Ok(Some(Feed::new(source, &self.store).await?))
    }
}

/// Who is asked for what is known beside the pools, as the configuration says: nobody but a file on
/// this machine where the pools come from one, or `DefiLlama` is switched off.
fn fact_sources(config: &Config) -> Result<Vec<(rounds::Source, Duration)>, defillama::SetupError> {
    /// A file is looked at so often.
    const FILE_EVERY: Duration = Duration::from_hours(1);
    let sources = &config.sources;
    let mut asked = Vec::new();
    let facts = &sources.facts;
    if sources.defillama.enabled && sources.file.path.is_none() && facts.enabled {
        let source = defillama(config)?;
        asked.extend([
            (
                rounds::Source::Protocols(source.clone()),
                facts.protocols_every.0,
            ),
            (rounds::Source::Fees(source.clone()), facts.fees_every.0),
            (
                rounds::Source::Loans(source.clone()),
                facts.lend_borrow_every.0,
            ),
            (
                rounds::Source::Stablecoins(source),
                facts.stablecoins_every.0,
            ),
        ]);
    }
    if let Some(path) = &sources.incidents.path {
        asked.push((rounds::Source::Incidents(path.clone()), FILE_EVERY));
    }
    Ok(asked)
}

/// The upstream as the configuration describes it.
pub(crate) fn defillama(config: &Config) -> Result<Defillama, defillama::SetupError> {
    let settings = &config.sources.defillama;
    Defillama::new(&defillama::Settings {
        pools_url: settings.pools_url.clone(),
        chart_url: settings.chart_url.clone(),
        prices_url: settings.prices_url.clone(),
        price_chart_url: settings.price_chart_url.clone(),
        protocols_url: settings.protocols_url.clone(),
        fees_url: settings.fees_url.clone(),
        lend_borrow_url: settings.lend_borrow_url.clone(),
        stablecoins_url: settings.stablecoins_url.clone(),
        policy: Policy {
            total: settings.timeout.0,
            max_body: settings.max_body_bytes,
            ..Policy::default()
        },
    })
}

/// The sources of networks' figures that may be asked, each with how often.
///
/// Whoever talks to a stand-in for Discord on this machine is a test or a demonstration, and asks nobody
/// in the world: there, only sources on this machine count.
pub(crate) fn followers(config: &Config) -> Result<Vec<Follower>, RunError> {
    const PATIENCE: Duration = Duration::from_secs(30);
    let sources = &config.sources;
    let policy = Policy {
        total: PATIENCE,
        ..Policy::default()
    };
    let fetcher = Fetcher::new(policy).map_err(defillama::SetupError::Client)?;
    let at_home = is_on_this_machine(&config.discord.api_url);
    let may_ask = |url: &str| !at_home || is_on_this_machine(url);
    let is_on = |rates: &config::Rates| rates.enabled && may_ask(&rates.url);
    let fetcher = || fetcher.clone();
    let mut followers = Vec::new();
    let mut follow = |source, interval| followers.push(Follower::new(source, interval));
    if is_on(&sources.lido) {
        let source = Lido::new(fetcher(), &sources.lido.url)?;
        follow(networks::Source::Lido(source), sources.lido.interval);
    }
    if is_on(&sources.solana) {
        let source = Solana::new(fetcher(), &sources.solana.url)?;
        follow(networks::Source::Solana(source), sources.solana.interval);
    }
    if is_on(&sources.cosmos) {
        let source = Cosmos::new(fetcher(), &sources.cosmos.url)?;
        follow(networks::Source::Cosmos(source), sources.cosmos.interval);
    }
    if is_on(&sources.cardano) {
        let source = Cardano::new(fetcher(), &sources.cardano.url)?;
        follow(networks::Source::Cardano(source), sources.cardano.interval);
    }
    let ratings = &sources.token_metrics;
    if may_ask(&ratings.url)
        && let Some(key) = secrets::token_metrics_key(config)?
    {
        let source = TokenMetrics::new(fetcher(), &ratings.url, &key)?;
        follow(networks::Source::TokenMetrics(source), ratings.interval);
    }
    Ok(followers)
}

/// Who knows the past of pools: the folder of saved charts, or the upstream where it is asked for the
/// pools as well.
fn charts(config: &Config) -> Result<Option<Defillama>, defillama::SetupError> {
    let saved = &config.sources.file;
    let source = defillama(config)?;
    Ok(match &saved.charts {
        Some(folder) => Some(source.with_saved_charts(folder)),
        None => (saved.path.is_none() && config.sources.defillama.enabled).then_some(source),
    })
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
                () = stop.cancelled() => Ok(()),
            }
        }
    });
    tasks.spawn(herald(Arc::clone(&app), stop.clone()));
    tasks.spawn({
        let (app, stop) = (Arc::clone(&app), stop.clone());
        async move {
            // What was not read by now is asked for again after the next start.
            stop.run_until_cancelled(follow_networks(&app, followers))
                .await;
            Ok(())
        }
    });
    tasks.spawn({
        let (delivery, stop) = (app.delivery.clone(), stop.clone());
        async move { Ok(delivery.run(stop).await?) }
    });
    tasks.spawn({
        let (app, token, stop) = (Arc::clone(&app), token.clone(), stop.clone());
        async move { Ok(discord::client::run(app, &token, shards, stop).await?) }
    });
    let mut ended = Ok(());
    while let Some(task) = tasks.join_next().await {
        // The first task that fails ends the others, and its reason is the one to tell.
        if let Err(error) = task.map_err(RunError::from).and_then(|result| result)
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
                error = &error as &dyn std::error::Error,
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

/// Says what is due at a set time, and that a source is silent.
async fn herald(app: Arc<App>, stop: CancellationToken) -> Result<(), RunError> {
    let started = app.clock.now();
    loop {
        let times = (started, app.clock.now());
        match reports::speak(&app.alerting, &app.store, &app.market, times).await {
            Ok(true) => app.delivery.poke(),
            Ok(false) => {}
            Err(error @ StoreError::Corrupt(_)) => return Err(error.into()),
            Err(error) => tracing::warn!(
                error = &error as &dyn std::error::Error,
                "reports cannot be made"
            ),
        }
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(reports::LOOK_EVERY) => {}
        }
    }
}

/// Follows the market: asks, takes in, waits as long as the source and its health suggest.
async fn follow(app: &App) -> Result<(), RunError> {
    let Some(mut feed) = app.feed().await? else {
        tracing::warn!("no source is switched on; the market stays as it was");
        return std::future::pending().await;
    };
    let recalled = app.charts.recall(&app.store).await;
    unless_damaged(recalled, "whose charts were read is not known")?;
    loop {
        match app.ingest(&mut feed).await {
            Ok(ticked) if ticked.changed > 0 || ticked.notices > 0 => {
                tracing::info!(
                    changed = ticked.changed,
                    notices = ticked.notices,
                    "batch taken in"
                );
            }
            Ok(_) => tracing::debug!("the source has nothing new"),
            Err(FeedError::Store(error @ StoreError::Corrupt(_))) => return Err(error.into()),
            Err(error) => tracing::warn!(error = &error as &dyn std::error::Error, "no batch"),
        }
        let learnt = learn_the_past(app).await;
        if app.charts.take_news(app.clock.now(), learnt) {
            feed.forget_records();
            // Records are worked out with a batch, and a saved one may never change.
            if app.config.sources.file.path.is_some() {
                feed.forget_last_answer();
            }
        }
        let wait = feed.delay(app.config.sources.defillama.interval.0, random());
        tokio::time::sleep(wait).await;
    }
}

/// From 0 to 1.
fn random() -> f64 {
    f64::from(OsRng.next_u32()) / f64::from(u32::MAX)
}

/// Asks for what networks pay, each source by itself and for ever.
async fn follow_networks(app: &App, followers: Vec<Follower>) {
    let watched = followers.iter().map(|it| (it.origin(), it.interval()));
    let networks = Networks::watching(watched);
    app.market.update_networks(|_| networks.clone());
    let each = followers.into_iter().map(|it| follow_network(app, it));
    futures::future::join_all(each).await;
    // A task that ends ends the bot, and nobody may be asked.
    std::future::pending::<()>().await;
}

async fn follow_network(app: &App, mut follower: Follower) {
    let origin = follower.origin();
    loop {
        let now = app.clock.now();
        let (said, wait) = follower.ask(now, random()).await;
        match &said {
            Ok(_) => tracing::info!(source = origin.name(), "a network's figures are read"),
            Err(error) => tracing::warn!(source = origin.name(), %error, "no figures of a network"),
        }
        app.market
            .update_networks(|known| known.with(origin, said.clone(), now));
        tokio::time::sleep(wait).await;
    }
}

/// Reads the charts of watched pools that we know too little of, a few at a time and none again soon.
/// Returns whether there are new days.
async fn learn_the_past(app: &App) -> bool {
    const AT_A_TIME: usize = 20;
    const PAUSE: Duration = Duration::from_millis(250);
    let snapshot = app.market.snapshot();
    let now = app.clock.now();
    let unknown: Vec<PoolId> = app
        .alerting
        .watched_pools()
        .await
        .into_iter()
        .filter(|pool| app.charts.may_ask(*pool, now))
        .filter(|pool| {
            snapshot
                .get(*pool)
                .is_some_and(|listing| listing.record.is_none())
        })
        .take(AT_A_TIME)
        .collect();
    let mut learnt = false;
    for pool in unknown {
        let now = app.clock.now();
        match app.charts.learn(&app.store, &app.market, pool, now).await {
            Ok(days) => learnt |= days > 0,
            Err(FeedError::Source(SourceError::UnknownPool)) => {}
            Err(error) => {
                tracing::warn!(%pool, error = &error as &dyn std::error::Error, "no chart");
                return learnt;
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
    learnt
}

/// A failure of the store that costs no more than `cost` is logged; a damaged file ends the run.
fn unless_damaged(done: Result<(), StoreError>, cost: &str) -> Result<(), StoreError> {
    match done {
        Err(error @ StoreError::Corrupt(_)) => return Err(error),
        Err(error) => tracing::warn!(error = &error as &dyn std::error::Error, "{cost}"),
        Ok(()) => {}
    }
    Ok(())
}

/// Keeps what is known beside the pools up to date. Nobody waits for it, and nothing needs it.
async fn look_around(app: &App) -> Result<(), RunError> {
    let mut rounds = Rounds::new(fact_sources(&app.config)?);
    let (store, market) = (&app.store, &app.market);
    let loaded = rounds.load(store, market, app.clock.now(), random());
    unless_damaged(loaded.await, "what was known beside the pools is lost")?;
    while let Some(due) = rounds.next_due() {
        tokio::time::sleep_until(due).await;
        let taken = rounds.take_turn(store, market, app.clock.now(), random());
        unless_damaged(taken.await, "an answer is known and cannot be kept")?;
    }
    std::future::pending().await
}

/// Reads the charts of pools, first of those that alerts watch by whatever scope, then the largest, evenly
/// over each hour. What was
/// read is kept, so that the next run goes on where this one ends.
async fn fill_in_the_past(app: &App) -> Result<(), RunError> {
    const BACKOFF: Backoff = Backoff {
        first: Duration::from_mins(1),
        longest: Duration::from_hours(1),
    };
    let per_hour = app.config.sources.defillama.backfill_per_hour;
    if per_hour == 0 || !app.charts.can_ask() {
        return std::future::pending().await;
    }
    let recalled = app.charts.recall(&app.store).await;
    unless_damaged(recalled, "whose charts were read is not known")?;
    let pace = Duration::from_hours(1) / per_hour;
    let mut schedule = Schedule::new(BACKOFF);
    let mut wait = pace;
    for nth in 1_u64.. {
        tokio::time::sleep(wait).await;
        let outcome = fill_in_one(app).await?;
        let interval = pace.mul_f64(0.5 + random());
        wait = schedule.next_delay(outcome, interval, random());
        if nth % u64::from(per_hour) == 0 {
            let progress = app.charts.progress(&app.market.snapshot());
            tracing::info!(
                read = progress.read,
                of = progress.of,
                "charts of pools over $1m"
            );
        }
    }
    Ok(())
}

async fn fill_in_one(app: &App) -> Result<Outcome, StoreError> {
    let now = app.clock.now();
    let snapshot = app.market.snapshot();
    let unasked = app.charts.unasked(&snapshot);
    let watched = app.alerting.first_watched(&unasked).await;
    let Some(pool) = watched.or_else(|| app.charts.next_unread(&snapshot, now)) else {
        return Ok(Outcome::Answered);
    };
    let error = match app.charts.learn(&app.store, &app.market, pool, now).await {
        Ok(_) | Err(FeedError::Source(SourceError::UnknownPool)) => return Ok(Outcome::Answered),
        Err(FeedError::Store(error @ StoreError::Corrupt(_))) => return Err(error),
        Err(error) => error,
    };
    tracing::warn!(%pool, error = &error as &dyn std::error::Error, "no chart");
    Ok(match error {
        FeedError::Source(error) => Outcome::of(&Err::<(), _>(error)),
        FeedError::HalfEmpty(_) | FeedError::Store(_) => Outcome::Failed,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{market::networks::Origin, ops::config::Raw};

    fn followed(settings: &[(&str, &str)]) -> Vec<Origin> {
        let settings = settings
            .iter()
            .map(|(name, value)| (format!("STIPEND_{name}"), (*value).to_owned()));
        let config = Config::check(Raw::read(None, settings.collect())).unwrap();
        let followers = followers(&config).unwrap();
        followers.iter().map(Follower::origin).collect()
    }

    #[test]
    fn what_needs_no_key_is_asked_and_each_can_be_switched_off() {
        let keyless = [
            Origin::Lido,
            Origin::Solana,
            Origin::Cosmos,
            Origin::Cardano,
        ];
        assert_eq!(followed(&[]), keyless);
        let key = ("SOURCES__TOKEN_METRICS__KEY", "tm-1");
        assert!(followed(&[key]).contains(&Origin::TokenMetrics));
        let off = [
            key,
            ("SOURCES__LIDO__ENABLED", "false"),
            ("SOURCES__SOLANA__ENABLED", "false"),
            ("SOURCES__COSMOS__ENABLED", "false"),
            ("SOURCES__CARDANO__ENABLED", "false"),
            ("SOURCES__TOKEN_METRICS__ENABLED", "false"),
        ];
        assert_eq!(followed(&off), []);
    }

    /// Every test and the demonstration talk to a stand-in for Discord.
    #[test]
    fn whoever_talks_to_a_stand_in_asks_nobody_in_the_world() {
        for discord in [
            "http://127.0.0.1:4000",
            "http://[::1]:4000",
            "http://localhost:4000",
        ] {
            let mut settings = vec![
                ("DISCORD__API_URL", discord),
                ("SOURCES__TOKEN_METRICS__KEY", "tm-1"),
            ];
            assert_eq!(followed(&settings), [], "{discord}");
            settings.push(("SOURCES__SOLANA__URL", "http://127.0.0.1:1/rpc"));
            assert_eq!(followed(&settings), [Origin::Solana], "{discord}");
        }
    }

    /// Who is asked with these settings: whether for charts, and for how many lists.
    fn asked(settings: &[(&str, &str)]) -> (bool, usize) {
        let settings = settings
            .iter()
            .map(|(name, value)| (format!("STIPEND_SOURCES__{name}"), (*value).to_owned()))
            .collect();
        let config = Config::check(Raw::read(None, settings)).unwrap();
        let charts = charts(&config).unwrap().is_some();
        (charts, fact_sources(&config).unwrap().len())
    }

    #[test]
    fn nobody_is_asked_who_is_switched_off_or_replaced_by_a_file() {
        let off = ("DEFILLAMA__ENABLED", "false");
        let file = ("FILE__PATH", "pools.json");
        let incidents = ("INCIDENTS__PATH", "incidents.json");
        assert_eq!(asked(&[]), (true, 4));
        assert_eq!(asked(&[("FACTS__ENABLED", "false")]), (true, 0));
        assert_eq!(asked(&[off]), (false, 0));
        assert_eq!(asked(&[file]), (false, 0));
        // Files on this machine are read all the same.
        assert_eq!(asked(&[off, incidents]), (false, 1));
        assert_eq!(
            asked(&[file, incidents, ("FILE__CHARTS", "charts")]),
            (true, 1)
        );
    }
}
