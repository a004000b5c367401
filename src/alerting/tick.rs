//! One batch from the market to the outbox: evaluated, committed in one transaction, then taken over.

use std::{
    collections::{BTreeSet, HashMap},
    pin::pin,
    sync::Arc,
};

use arc_swap::ArcSwap;
use futures::TryStreamExt as _;
use tokio::sync::Mutex;

use super::{
    evaluator::{Count, Evaluator, Step, Watched},
    track::{self, TrackRecord},
    why::Stage,
};
use crate::{
    delivery::entry::{Entry, SHELF_LIFE},
    domain::{
        alert::{Alert, Rule},
        episode::{EdgeKind, Episode},
        ids::{AlertId, DestinationId, GuildId, PoolId},
        listing::Listing,
        manner::{Manner, ServerSettings},
        reading::{DataState, Reading, Stretch},
        rule::Figure,
        time::{Span, Timestamp},
        verdict::Verdict,
    },
    failpoint::failpoint,
    market::{
        Market,
        ingest::{Change, STALE_AFTER},
        snapshot::Snapshot,
    },
    store::{
        Store, StoreError, history::ReadingRow, market::BatchRecord, rules::EpisodeRow,
        track::TrackRows,
    },
};

mod manage;
mod notices;

pub use notices::urgency;
use notices::{Around, Told, told};

/// The alerts of all servers, and the one way in which they change.
#[derive(Debug)]
pub struct Alerting {
    shelf_life: Span,
    /// Held over a commit, so that a batch and a new alert cannot pass each other.
    state: Arc<Mutex<State>>,
    /// Read by every command, which waits for no batch.
    servers: ArcSwap<Servers>,
    /// Held while one server's choice is kept.
    choosing: Mutex<()>,
    /// How what was told turned out.
    pub track: TrackRecord,
}

#[derive(Debug, Default)]
struct State {
    /// The next batch, and whatever is said beside the market until then, tells nobody anything: the database
    /// was put back to an earlier time, and what it would find out has perhaps been told.
    behind: bool,
    evaluator: Evaluator,
    lanes: HashMap<AlertId, Lane>,
}

/// What servers have chosen.
type Servers = HashMap<GuildId, ServerSettings>;

/// The way of an alert's notices.
#[derive(Debug, Clone, Copy)]
struct Lane {
    guild: GuildId,
    destination: DestinationId,
    manner: Manner,
}

/// What became of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ticked {
    pub changed: usize,
    pub notices: usize,
}

/// A new alert, and what it found.
#[derive(Debug, Clone, PartialEq)]
pub struct Added {
    pub alert: Alert,
    /// Pools that it watches at the moment.
    pub pools: usize,
    /// Pools that meet it already, and are silent until they do not.
    pub baseline: usize,
}

/// Where an alert stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Standing {
    pub pools: usize,
    pub open: usize,
    pub waiting: usize,
}

/// How the alerts of all servers stand together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Census {
    pub alerts: usize,
    /// Those of them that are silent at the moment.
    pub muted: usize,
    /// Pairs of an alert and a pool.
    pub open: usize,
    pub waiting: usize,
}

impl Default for Alerting {
    fn default() -> Self {
        Self {
            shelf_life: SHELF_LIFE,
            state: Arc::default(),
            servers: ArcSwap::default(),
            choosing: Mutex::default(),
            track: TrackRecord::default(),
        }
    }
}

impl Alerting {
    /// How long a notice is worth sending after it was written.
    #[must_use]
    pub fn worth_telling_for(self, shelf_life: Span) -> Self {
        Self { shelf_life, ..self }
    }

    /// Takes over the alerts that the store keeps.
    pub async fn load(store: &Store) -> Result<Self, StoreError> {
        let alerting = Self::default();
        let mut state = alerting.state.lock().await;
        state.behind = store.is_behind();
        let places = store.destination_ids().await?;
        alerting.servers.store(Arc::new(store.servers().await?));
        let mut alerts = pin!(store.alerts());
        while let Some(alert) = alerts.try_next().await? {
            if let Some(destination) = places.get(&alert.channel) {
                state.lanes.insert(alert.id, lane(&alert, *destination));
            }
            state.evaluator.watch(watched(&alert), []);
        }
        let mut episodes = pin!(store.episodes());
        while let Some(row) = episodes.try_next().await? {
            state.evaluator.stand(row.alert, row.pool, row.episode);
        }
        drop(state);
        Ok(alerting)
    }

    /// Reads the past that rules with windows look into. Done once, before the first batch.
    pub async fn recall(
        &self,
        store: &Store,
        snapshot: &Snapshot,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut state = self.state.lock().await;
        let looked_at: Vec<&Listing> = snapshot
            .listings()
            .iter()
            .filter(|listing| state.evaluator.looks_back_at(&listing.pool))
            .collect();
        // A reading that waits to be confirmed counts from its own time, and its windows begin before that.
        let waiting = looked_at.iter().filter(|one| one.doubt.is_some());
        let earliest = waiting
            .map(|one| one.reading.at)
            .min()
            .unwrap_or(now)
            .min(now);
        let since = earliest.minus(state.evaluator.longest_window());
        recall(&mut state.evaluator, store, &looked_at, false, since).await
    }

    /// Evaluates a change, commits it with all that follows from it, and swaps the market.
    pub async fn tick(
        &self,
        store: &Store,
        market: &Market,
        change: Change,
    ) -> Result<Ticked, StoreError> {
        let state = Arc::clone(&self.state).lock_owned().await;
        let old = market.snapshot();
        let shelf_life = self.shelf_life;
        let (state, change, steps) = aside(move || {
            let mut steps = state.evaluator.evaluate(&change);
            if state.behind {
                steps.iter_mut().for_each(Step::join_late);
            }
            (state, change, steps)
        })
        .await;
        let before = verdicts_before(store, &state.evaluator, &steps, &change.snapshot).await?;
        let shown_before = shown_before(store, &steps, &change.snapshot).await?;
        let servers = self.servers.load_full();
        let (old, mut state, change, steps, told, stood) = aside(move || {
            let around = Around {
                servers: &servers,
                before: &before,
                shown_before: &shown_before,
                shelf_life,
            };
            let mut told = told(&state, &steps, &change, around);
            if state.behind {
                told.hush();
            }
            let stood = track::ended(&old, change.at, &state.evaluator);
            (old, state, change, steps, told, stood)
        })
        .await;
        let Told { entries, announced } = told;
        let ticked = Ticked {
            changed: change.news.len(),
            notices: entries
                .iter()
                .filter(|entry| !entry.telling.is_unsaid)
                .count(),
        };
        failpoint!("eval.commit.before");
        store
            .commit_batch(&record(
                &old,
                &change,
                &steps,
                entries,
                TrackRows { announced, stood },
            ))
            .await?;
        failpoint!("eval.commit.after");
        let (state, snapshot) = aside(move || {
            state.evaluator.apply(&change, steps);
            state.behind &= change.batch.is_none();
            (state, change.snapshot)
        })
        .await;
        market.swap(snapshot);
        drop(state);
        aside(move || drop(old)).await;
        Ok(ticked)
    }

    /// What a server has chosen.
    pub fn server(&self, guild: GuildId) -> ServerSettings {
        self.servers.load().get(&guild).copied().unwrap_or_default()
    }

    /// The servers of all alerts, and where each alert speaks.
    pub async fn lanes(&self) -> Vec<(GuildId, DestinationId)> {
        let state = self.state.lock().await;
        let lanes = state.lanes.values();
        lanes.map(|lane| (lane.guild, lane.destination)).collect()
    }

    /// The pools that the alerts of a channel watch.
    pub async fn pools_of(&self, destination: DestinationId, snapshot: &Snapshot) -> Vec<PoolId> {
        let state = self.state.lock().await;
        let rules: Vec<&Rule> = state
            .lanes
            .iter()
            .filter(|(_, lane)| lane.destination == destination)
            .filter_map(|(id, _)| Some(&state.evaluator.get(*id)?.rule))
            .collect();
        snapshot
            .listings()
            .iter()
            .filter(|listing| {
                rules.iter().any(|rule| {
                    rule.scope.names(&listing.pool) && rule.scope.reaches(listing.reading.tvl_usd)
                })
            })
            .map(|listing| listing.pool.id)
            .collect()
    }

    /// Where an alert stands with the pools of a snapshot.
    pub async fn standing(&self, id: AlertId, snapshot: &Snapshot) -> Standing {
        let state = self.state.lock().await;
        let Some(watched) = state.evaluator.get(id) else {
            return Standing::default();
        };
        let scope = &watched.rule.scope;
        let pools = snapshot
            .listings()
            .iter()
            .filter(|listing| scope.names(&listing.pool) && scope.reaches(listing.reading.tvl_usd))
            .count();
        let Count { open, waiting } = state.evaluator.standing(id);
        Standing {
            pools,
            open,
            waiting,
        }
    }

    /// Where an alert stands with each of the pools that it watches.
    pub async fn stages(&self, id: AlertId, snapshot: &Snapshot) -> Vec<(PoolId, Stage)> {
        let state = self.state.lock().await;
        let Some(watched) = state.evaluator.get(id) else {
            return Vec::new();
        };
        let rule = &watched.rule;
        let is_meant = |listing: &&Listing| {
            rule.scope.names(&listing.pool) && rule.scope.reaches(listing.reading.tvl_usd)
        };
        let standing = |listing: &Listing| {
            let episode = state.evaluator.episode(id, listing.pool.id);
            (listing.pool.id, Stage::of(rule, listing, &episode))
        };
        let meant = snapshot.listings().iter().filter(is_meant);
        meant.map(standing).collect()
    }

    /// Where an alert stands with one pool.
    pub async fn episode(&self, id: AlertId, pool: PoolId) -> Episode {
        self.state.lock().await.evaluator.episode(id, pool)
    }

    /// Pools that an alert names one by one.
    pub async fn watched_pools(&self) -> Vec<PoolId> {
        self.state.lock().await.evaluator.named_pools()
    }

    /// Those of these pools that any alert watches, by whatever scope, in the same order. It may take as
    /// long as a batch.
    pub async fn watched_among(&self, market: Arc<Snapshot>, pools: Vec<PoolId>) -> Vec<PoolId> {
        let state = Arc::clone(&self.state).lock_owned().await;
        aside(move || {
            let is_watched = |pool: &PoolId| {
                market.get(*pool).is_some_and(|listing| {
                    state
                        .evaluator
                        .reaches(&listing.pool, listing.reading.tvl_usd)
                })
            };
            pools.into_iter().filter(is_watched).collect()
        })
        .await
    }

    pub async fn count(&self) -> usize {
        self.state.lock().await.evaluator.len()
    }

    /// How all alerts stand together. It waits for a batch that is under way.
    pub async fn census(&self, now: Timestamp) -> Census {
        let state = self.state.lock().await;
        let lanes = state.lanes.values();
        let muted = lanes.filter(|lane| lane.manner.muted(now).is_some());
        let Count { open, waiting } = state.evaluator.count();
        Census {
            alerts: state.evaluator.len(),
            muted: muted.count(),
            open,
            waiting,
        }
    }
}

/// Does what takes long where it keeps nobody waiting who is answered by this thread.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(broken) => std::panic::resume_unwind(broken.into_panic()),
    }
}

fn watched(alert: &Alert) -> Watched {
    Watched {
        id: alert.id,
        version: alert.version,
        rule: alert.rule.clone(),
    }
}

const fn lane(alert: &Alert, destination: DestinationId) -> Lane {
    Lane {
        guild: alert.guild,
        destination,
        manner: alert.manner,
    }
}

/// Loads the past of pools since then where it is not remembered yet, or of all of them anew.
async fn recall(
    evaluator: &mut Evaluator,
    store: &Store,
    listings: &[&Listing],
    anew: bool,
    since: Timestamp,
) -> Result<(), StoreError> {
    let unknown: Vec<&Listing> = listings
        .iter()
        .copied()
        .filter(|listing| anew || !evaluator.remembers(listing.pool.id))
        .collect();
    let numbers: Vec<i64> = unknown.iter().map(|listing| listing.no).collect();
    // A pool's own time of reading may lie so far back, and its windows with it.
    let lag = unknown.iter().any(|listing| listing.own_time);
    let since = if lag {
        since.minus(STALE_AFTER.0)
    } else {
        since
    };
    let mut known = store.stretches(&numbers, since).await?;
    for listing in unknown {
        let mut stretches = known.remove(&listing.no).unwrap_or_default();
        if let Some(reading) = listing.usable() {
            let same_figures = |stretch: &&mut Stretch| {
                stretch.apy == reading.apy && stretch.tvl_usd.to_bits() == reading.tvl_usd.to_bits()
            };
            let last = stretches.last_mut().filter(same_figures);
            // What is not usable now has no verdict; the last usable reading had one.
            let verdict = match (&last, listing.state) {
                (None, _) | (_, DataState::Good) => listing.assessment.verdict,
                (Some(last), _) => last.verdict,
            };
            match last {
                Some(last) if last.verdict == verdict => last.until = last.until.max(reading.at),
                _ => stretches.push(Stretch {
                    until: reading.at,
                    apy: reading.apy,
                    tvl_usd: reading.tvl_usd,
                    verdict,
                }),
            }
        }
        evaluator.remember(listing.pool.id, stretches);
    }
    Ok(())
}

/// The verdicts on pools just before something began that is to be told: from memory where a rule with a
/// window keeps the past of the pool, else from the store.
async fn verdicts_before(
    store: &Store,
    evaluator: &Evaluator,
    steps: &[Step],
    snapshot: &Snapshot,
) -> Result<HashMap<(i64, Timestamp), Verdict>, StoreError> {
    let mut found = HashMap::new();
    let mut unknown = BTreeSet::new();
    for step in steps {
        let Some(listing) = snapshot.get(step.pool) else {
            continue;
        };
        for (edge, _) in &step.edges {
            match evaluator.verdict_before(step.pool, edge.since) {
                Some(verdict) => {
                    found.insert((listing.no, edge.since), verdict);
                }
                None => {
                    unknown.insert((listing.no, edge.since));
                }
            }
        }
    }
    let unknown: Vec<(i64, Timestamp)> = unknown.into_iter().collect();
    found.extend(store.verdicts_before(&unknown).await?);
    Ok(found)
}

/// What pools showed just before their verdicts changed, for notices that tell of just that.
async fn shown_before(
    store: &Store,
    steps: &[Step],
    snapshot: &Snapshot,
) -> Result<HashMap<(i64, Timestamp), Reading>, StoreError> {
    /// A market that turns as a whole is told without these details, rather than late.
    const MOST: usize = 200;
    let mut asked = BTreeSet::new();
    for step in steps {
        let verdicts = step.edges.iter().filter(|(edge, _)| {
            edge.kind != EdgeKind::Closed && matches!(edge.to, Figure::Verdict(_))
        });
        if let Some(listing) = snapshot.get(step.pool) {
            asked.extend(verdicts.map(|(edge, _)| (listing.no, edge.since)));
        }
    }
    let asked: Vec<(i64, Timestamp)> = asked.into_iter().take(MOST).collect();
    store.readings_before(&asked).await
}

fn record<'a>(
    old: &Arc<Snapshot>,
    change: &'a Change,
    steps: &[Step],
    entries: Vec<Entry>,
    track: TrackRows,
) -> BatchRecord<'a> {
    let now = &change.snapshot;
    let mut readings = Vec::with_capacity(change.news.len());
    for news in &change.news {
        let Some(listing) = now.get(news.pool) else {
            continue;
        };
        let mut previous_until = news.previous_until;
        for fresh in &news.usable {
            readings.push(ReadingRow {
                no: listing.no,
                reading: &fresh.reading,
                verdict: fresh.assessment.verdict,
                previous_until: previous_until.replace(fresh.reading.at),
            });
        }
    }
    let told = change.news.iter().map(|news| news.pool);
    let mut latest: Vec<&Listing> = told
        .chain(change.restated.iter().copied())
        .filter_map(|pool| now.get(pool))
        .collect();
    // In the order in which the rows lie, so that neighbours on a page are written together.
    latest.sort_unstable_by_key(|listing| listing.no);
    latest.dedup_by_key(|listing| listing.no);
    readings.sort_by_key(|row| (row.reading.at, row.no));
    let mut episodes: Vec<EpisodeRow> = steps
        .iter()
        .map(|step| EpisodeRow {
            alert: step.alert,
            pool: step.pool,
            episode: step.episode,
        })
        .collect();
    episodes.sort_unstable_by_key(|row| (row.alert, row.pool));
    let same_words = |listing: &&Listing| {
        old.get(listing.pool.id)
            .is_some_and(|before| Arc::ptr_eq(&before.pool, &listing.pool))
    };
    BatchRecord {
        batch: change.batch,
        described: now
            .listings()
            .iter()
            .filter(|listing| !same_words(listing))
            .collect(),
        latest,
        readings,
        episodes,
        entries,
        track,
        gone: old
            .listings()
            .iter()
            .filter(|listing| now.get(listing.pool.id).is_none())
            .map(|listing| listing.no)
            .collect(),
    }
}

#[cfg(test)]
mod tests;
