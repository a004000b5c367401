//! What is asked again and again while the bot runs: the market, what is known beside it, networks, exchange
//! rates, and the past of pools.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use chacha20poly1305::aead::{OsRng, rand_core::RngCore as _};

use super::{App, RunError, asked::fact_sources};
use crate::{
    alerting::watching,
    causes::Causes,
    domain::{
        ids::{PoolId, UserId},
        time::{Span, Timestamp},
    },
    market::{
        facts::rounds::Rounds,
        feed::FeedError,
        networks::{Follower, Networks},
        snapshot::Snapshot,
    },
    sources::{
        SourceError,
        fetch::{Backoff, Outcome, Schedule},
    },
    store::StoreError,
};

/// A slow source may take 10 minutes for the pools, and as long for the charts that are read after them.
const LONGEST_ROUND: Duration = Duration::from_hours(1);

/// Follows the market: asks, takes in, waits as long as the source and its health suggest.
pub(super) async fn follow(app: &App) -> Result<(), RunError> {
    let Some(mut feed) = app.feed().await? else {
        tracing::warn!("no source is switched on; the market stays as it was");
        return std::future::pending().await;
    };
    let recalled = app.charts.recall(&app.store).await;
    unless_damaged(recalled, "whose charts were read is not known")?;
    let pulse = app.pulses.listen("the market feed");
    loop {
        pulse.beat(LONGEST_ROUND);
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
            Err(error) => {
                let path = app.config.sources.file.path.as_deref();
                let path = path.map(|path| tracing::field::display(path.display()));
                tracing::warn!(path, error = %Causes(&error), "no batch");
            }
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
        pulse.beat(wait);
        tokio::time::sleep(wait).await;
    }
}

/// From 0 to 1.
fn random() -> f64 {
    f64::from(OsRng.next_u32()) / f64::from(u32::MAX)
}

/// Looks at what people have watched for them after each answer of the market, and once in a while for what
/// is due by its day. Nobody waits for it.
pub(super) async fn watch_for_people(app: &App) -> Result<(), RunError> {
    /// A day begins so late at most.
    const AT_LEAST: Duration = Duration::from_mins(1);
    /// Without a batch, days still go by.
    const ANYWAY: Span = Span::minutes(15);
    let mut swaps = app.market.swaps();
    let mut last: Option<(Timestamp, Timestamp)> = None;
    let mut is_behind = app.store.is_behind();
    loop {
        swaps.mark_unchanged();
        let now = app.clock.now();
        let read_at = app.market.snapshot().origin.fetched_at;
        let is_news =
            last.is_none_or(|(looked_at, of)| of != read_at || now.since(looked_at) >= ANYWAY.0);
        if is_news {
            last = Some((now, read_at));
            let manner = watching::Manner {
                shelf_life: app.config.delivery.shelf_life,
                is_behind,
            };
            let round = watching::look(&app.store, &app.market, manner, now).await;
            if let Ok(round) = &round {
                // Until this run has heard of the market.
                is_behind &= read_at < app.started_at;
                open_directs(app, &round.unopened).await;
                if round.notices > 0 {
                    app.delivery.poke();
                }
            }
            let round = round.map(|round| tracing::debug!(people = round.people, "watches"));
            unless_damaged(round, "what people have watched is looked at later")?;
        }
        let _either = tokio::time::timeout(AT_LEAST, swaps.changed()).await;
    }
}

/// Sees that people can be written to who could not when they asked for it, a few at a time.
async fn open_directs(app: &App, people: &[UserId]) {
    const AT_A_TIME: usize = 5;
    for person in people.iter().take(AT_A_TIME) {
        if let Err(refused) = app.delivery.prepare_direct(*person).await {
            tracing::info!(why = %refused, "a person cannot be written to yet");
            return;
        }
    }
}

/// Asks for what networks pay, each source by itself and for ever.
pub(super) async fn follow_networks(app: &App, followers: Vec<Follower>) {
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

/// Asks for exchange rates, for ever.
pub(super) async fn follow_exchange(app: &App) {
    const BACKOFF: Backoff = Backoff {
        first: Duration::from_mins(1),
        longest: Duration::from_hours(1),
    };
    let interval = app.config.sources.coingecko.interval.0;
    let mut schedule = Schedule::new(BACKOFF);
    loop {
        let now = app.clock.now();
        let Some(told) = app.market.refresh_exchange(&app.store, now).await else {
            // A task that ends ends the bot, and nobody may be asked.
            return std::future::pending().await;
        };
        match &told {
            Ok(()) => tracing::info!("exchange rates are read"),
            Err(error) => {
                tracing::warn!(error = %Causes(error), "no exchange rates");
            }
        }
        let wait = schedule.next_delay(Outcome::of(&told), interval, random());
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
        // The market waits for nobody's look-up.
        if app.charts.is_busy() {
            return learnt;
        }
        let now = app.clock.now();
        match app.charts.learn(&app.store, &app.market, pool, now).await {
            Ok(days) => learnt |= days > 0,
            Err(FeedError::Source(SourceError::UnknownPool)) => {}
            Err(error) => {
                tracing::warn!(%pool, error = %Causes(&error), "no chart");
                return learnt;
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
    learnt
}

/// A failure of the store that costs no more than `cost` is logged; a damaged file ends the run.
pub(super) fn unless_damaged(done: Result<(), StoreError>, cost: &str) -> Result<(), StoreError> {
    match done {
        Err(error @ StoreError::Corrupt(_)) => return Err(error),
        Err(error) => tracing::warn!(error = %Causes(&error), "{cost}"),
        Ok(()) => {}
    }
    Ok(())
}

/// Keeps what is known beside the pools up to date. Nobody waits for it, and nothing needs it.
pub(super) async fn look_around(app: &App) -> Result<(), RunError> {
    let mut rounds = Rounds::new(fact_sources(&app.config, &app.defillama));
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
/// over each hour. What was read is kept, so that the next run goes on where this one ends.
pub(super) async fn fill_in_the_past(app: &App) -> Result<(), RunError> {
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
    let mut watched = Watched::default();
    for nth in 1_u64.. {
        tokio::time::sleep(wait).await;
        let outcome = fill_in_one(app, &mut watched).await?;
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

/// Pools that alerts watch and whose charts were never asked for, looked up once an hour: that is a look at
/// every pool.
#[derive(Default)]
struct Watched {
    pools: VecDeque<PoolId>,
    looked_at: Option<Timestamp>,
}

impl Watched {
    const EVERY: Span = Span::hours(1);

    async fn next(&mut self, app: &App, market: &Arc<Snapshot>, now: Timestamp) -> Option<PoolId> {
        let is_old = self
            .looked_at
            .is_none_or(|at| now.since(at) >= Self::EVERY.0);
        if is_old && !market.is_empty() {
            let unasked = app.charts.unasked(market, now).into_iter();
            let unasked = unasked.map(|listing| listing.pool.id).collect();
            let watched = app.alerting.watched_among(Arc::clone(market), unasked);
            self.pools = watched.await.into();
            self.looked_at = Some(now);
        }
        std::iter::from_fn(|| self.pools.pop_front()).find(|pool| app.charts.may_ask(*pool, now))
    }
}

async fn fill_in_one(app: &App, watched: &mut Watched) -> Result<Outcome, StoreError> {
    let now = app.clock.now();
    let market = app.market.snapshot();
    let watched = watched.next(app, &market, now).await;
    let Some(pool) = watched.or_else(|| app.charts.next_unread(&market, now)) else {
        return Ok(Outcome::Answered);
    };
    let error = match app.charts.learn(&app.store, &app.market, pool, now).await {
        Ok(_) | Err(FeedError::Source(SourceError::UnknownPool)) => return Ok(Outcome::Answered),
        Err(FeedError::Store(error @ StoreError::Corrupt(_))) => return Err(error),
        Err(error) => error,
    };
    tracing::warn!(%pool, error = %Causes(&error), "no chart");
    Ok(match error {
        FeedError::Source(error) => Outcome::of(&Err::<(), _>(error)),
        FeedError::HalfEmpty(_) | FeedError::Store(_) => Outcome::Failed,
    })
}
