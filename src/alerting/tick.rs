//! One batch from the market to the outbox: evaluated, committed in one transaction, then taken over.

use std::{collections::HashMap, pin::pin, sync::Arc};

use futures::TryStreamExt as _;
use tokio::sync::Mutex;

use super::evaluator::{Evaluator, Step, Watched};
use crate::{
    delivery::{
        entry::{Entry, Occasion, SHELF_LIFE, Telling, edge_key, opening_key, payload},
        urgency::Urgency,
    },
    domain::{
        alert::Alert,
        episode::{Edge, EdgeKind, Episode},
        ids::{AlertId, DestinationId, GuildId, PoolId},
        listing::Listing,
        notice::{Notice, Speaker},
        rate::Percent,
        reading::{DataState, Stretch},
        rule::{Figure, Kind},
        time::{Span, Timestamp},
        verdict::Verdict,
    },
    failpoint::failpoint,
    market::{Market, ingest::Change, snapshot::Snapshot},
    render,
    store::{
        Store, StoreError,
        history::ReadingRow,
        market::BatchRecord,
        rules::{EpisodeRow, NewAlert},
    },
};

/// The alerts of all servers, and the one way in which they change.
#[derive(Debug)]
pub struct Alerting {
    shelf_life: Span,
    /// Held over a commit, so that a batch and a new alert cannot pass each other.
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    evaluator: Evaluator,
    places: HashMap<AlertId, DestinationId>,
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

impl Default for Alerting {
    fn default() -> Self {
        Self {
            shelf_life: SHELF_LIFE,
            state: Arc::default(),
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
        let places = store.destination_ids().await?;
        let mut alerts = pin!(store.alerts());
        while let Some(alert) = alerts.try_next().await? {
            if let Some(destination) = places.get(&alert.channel) {
                state.places.insert(alert.id, *destination);
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
        let since = now.minus(state.evaluator.longest_window());
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
            let steps = state.evaluator.evaluate(&change);
            (state, change, steps)
        })
        .await;
        let before = store.verdicts_before(&beginnings(&steps, &change)).await?;
        let (mut state, change, steps, entries) = aside(move || {
            let entries = entries(&state, &steps, &change, &before, shelf_life);
            (state, change, steps, entries)
        })
        .await;
        let ticked = Ticked {
            changed: change.news.len(),
            notices: entries
                .iter()
                .filter(|entry| !entry.telling.is_unsaid)
                .count(),
        };
        failpoint!("eval.commit.before");
        store
            .commit_batch(&record(&old, &change, &steps, entries))
            .await?;
        failpoint!("eval.commit.after");
        let (state, snapshot) = aside(move || {
            state.evaluator.apply(&change, steps);
            (state, change.snapshot)
        })
        .await;
        market.swap(snapshot);
        drop(state);
        aside(move || drop(old)).await;
        Ok(ticked)
    }

    /// Keeps a new alert. What is true of a pool already is its baseline and no news.
    pub async fn add(
        &self,
        store: &Store,
        market: &Market,
        new: NewAlert,
        destination: DestinationId,
        now: Timestamp,
    ) -> Result<Added, StoreError> {
        let mut state = self.state.lock().await;
        // Taken under the lock: the batch before is in it, and the next one finds the alert.
        let snapshot = market.snapshot();
        let meant: Vec<&Listing> = snapshot
            .listings()
            .iter()
            .filter(|listing| new.rule.scope.names(&listing.pool))
            .collect();
        if let Some(window) = new.rule.condition.window() {
            // What is remembered reaches back only as far as the rules so far look.
            let anew = window.0 > state.evaluator.longest_window();
            let window = window.0.max(state.evaluator.longest_window());
            recall(&mut state.evaluator, store, &meant, anew, now.minus(window)).await?;
        }
        let mut baseline = Vec::new();
        for listing in &meant {
            let judged = state.evaluator.judge_now(&new.rule, listing);
            let episode = Episode::at_creation(judged);
            if !episode.is_default() {
                baseline.push((listing.pool.id, episode));
            }
        }
        let alert = store.add_alert(&new, &baseline, now).await?;
        let pools = meant
            .iter()
            .filter(|listing| new.rule.scope.reaches(listing.reading.tvl_usd))
            .count();
        let added = Added {
            pools,
            baseline: baseline.len(),
            alert: alert.clone(),
        };
        state.places.insert(alert.id, destination);
        state.evaluator.watch(watched(&alert), baseline);
        Ok(added)
    }

    /// Takes an alert of this server out of use.
    pub async fn remove(
        &self,
        store: &Store,
        guild: GuildId,
        id: AlertId,
        now: Timestamp,
    ) -> Result<Option<Alert>, StoreError> {
        let mut state = self.state.lock().await;
        let Some(alert) = store.alert(guild, id).await? else {
            return Ok(None);
        };
        store.remove_alert(guild, id, now).await?;
        state.evaluator.forget(id);
        state.places.remove(&id);
        Ok(Some(alert))
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
        let (open, waiting) = state.evaluator.standing(id);
        Standing {
            pools,
            open,
            waiting,
        }
    }

    /// Where an alert stands with one pool.
    pub async fn episode(&self, id: AlertId, pool: PoolId) -> Episode {
        self.state.lock().await.evaluator.episode(id, pool)
    }

    /// Pools that an alert names one by one.
    pub async fn watched_pools(&self) -> Vec<PoolId> {
        self.state.lock().await.evaluator.named_pools()
    }

    pub async fn count(&self) -> usize {
        self.state.lock().await.evaluator.len()
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

/// The pools with something to tell, by their numbers in the store, and since when it is so.
fn beginnings(steps: &[Step], change: &Change) -> Vec<(i64, Timestamp)> {
    let of_step = |step: &Step| {
        let no = change.snapshot.get(step.pool).map(|listing| listing.no);
        let since = step.edges.iter().map(|(edge, _)| edge.since);
        no.into_iter()
            .flat_map(|no| since.clone().map(move |since| (no, since)))
            .collect::<Vec<_>>()
    };
    steps.iter().flat_map(of_step).collect()
}

/// The notices of a change, as they will go out.
fn entries(
    state: &State,
    steps: &[Step],
    change: &Change,
    before: &HashMap<(i64, Timestamp), Verdict>,
    shelf_life: Span,
) -> Vec<Entry> {
    let mut entries = Vec::new();
    for step in steps {
        let (Some(watched), Some(destination)) = (
            state.evaluator.get(step.alert),
            state.places.get(&step.alert),
        ) else {
            continue;
        };
        let Some(listing) = change.snapshot.get(step.pool) else {
            continue;
        };
        for (edge, fresh) in &step.edges {
            let is_end = edge.kind == EdgeKind::Closed;
            let is_unsaid = is_end && !watched.rule.condition.tells_closing();
            let notice = Notice {
                speaker: Speaker::Alert(step.alert),
                rule: &watched.rule,
                pool: &listing.pool,
                edge: *edge,
                at: fresh.reading.at,
                reading: &fresh.reading,
                assessment: &fresh.assessment,
                verdict_before: before.get(&(listing.no, edge.since)).copied(),
                source: change.snapshot.origin.source,
                own_time: listing.own_time,
                unchanged_since: listing.unchanged_since,
            };
            entries.push(Entry {
                dedup_key: edge_key(step.alert, step.version, step.pool, edge),
                destination: *destination,
                alert: step.alert,
                alert_version: step.version,
                pool: Some(step.pool),
                occasion: Occasion::Edge(edge.kind),
                urgency: urgency(watched.rule.condition.kind()),
                payload: if is_unsaid {
                    String::new()
                } else {
                    payload(&render::notice::notice(&notice, change.at))
                },
                summary: render::notice::notice_text(&notice, change.at),
                created_at: change.at,
                not_after: change.at.plus(shelf_life.0),
                telling: Telling {
                    opening: is_end.then(|| opening_key(step.alert, step.version, step.pool, edge)),
                    hold: None,
                    role: None,
                    apy: apy(edge),
                    is_unsaid,
                },
            });
        }
    }
    entries
}

/// The rate before and after, where an edge is about one.
fn apy(edge: &Edge) -> Option<(Percent, Percent)> {
    match (edge.from, edge.to) {
        (Some(Figure::Apy(from)), Figure::Apy(to)) => Some((from, to)),
        _ => None,
    }
}

/// What may cost people their money comes before what tells them of more of it.
const fn urgency(kind: Kind) -> Urgency {
    match kind {
        Kind::VerdictWorsens | Kind::VerdictBecomes | Kind::TvlDrop | Kind::PoolGone => {
            Urgency::Critical
        }
        Kind::ApyAbove
        | Kind::ApyBelow
        | Kind::ApyChange
        | Kind::BaseShareBelow
        | Kind::RewardsEnd
        | Kind::Over100
        | Kind::Stale => Urgency::Normal,
        Kind::NewSustainable => Urgency::Digest,
    }
}

fn record<'a>(
    old: &Arc<Snapshot>,
    change: &'a Change,
    steps: &[Step],
    entries: Vec<Entry>,
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
    // In the order in which the rows lie, so that each page is visited once.
    latest.sort_unstable_by_key(|listing| listing.no);
    latest.dedup_by_key(|listing| listing.no);
    readings.sort_by_key(|row| (row.reading.at, row.no));
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
        episodes: steps
            .iter()
            .map(|step| EpisodeRow {
                alert: step.alert,
                pool: step.pool,
                episode: step.episode,
            })
            .collect(),
        entries,
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
