//! One batch from the market to the outbox: evaluated, committed in one transaction, then taken over.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    pin::pin,
    sync::Arc,
};

use arc_swap::ArcSwap;
use futures::TryStreamExt as _;
use tokio::sync::Mutex;

use super::{
    evaluator::{Evaluator, Step, Watched},
    holds::hold,
    renames::{Successor, successor},
    why::Stage,
};
use crate::{
    delivery::{
        entry::{
            Entry, Held, Hold, Occasion, SHELF_LIFE, Telling, edge_key, opening_key, payload,
            question_key, summary_key, together_key,
        },
        urgency::Urgency,
    },
    domain::{
        alert::{Alert, Rule},
        episode::{Edge, EdgeKind, Episode},
        ids::{AlertId, ChannelId, DestinationId, GuildId, PoolId},
        listing::Listing,
        manner::{Manner, ServerSettings},
        notice::{Notice, Speaker},
        pool::Pool,
        rate::Percent,
        reading::{DataState, Stretch},
        rule::{Figure, Kind},
        time::{Span, Timestamp},
        verdict::Verdict,
    },
    failpoint::failpoint,
    market::{Market, ingest::Change, snapshot::Snapshot},
    render::{self, message::Message},
    store::{
        Store, StoreError,
        history::ReadingRow,
        market::BatchRecord,
        rules::{EpisodeRow, NewAlert},
        servers::Deed,
    },
};

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
}

#[derive(Debug, Default)]
struct State {
    evaluator: Evaluator,
    lanes: HashMap<AlertId, Lane>,
}

impl State {
    /// The alerts of one pool that is among these, with their servers.
    fn alerts_of(&self, pools: &HashMap<PoolId, Successor>) -> Vec<(AlertId, GuildId, PoolId)> {
        let mut found: Vec<_> = self
            .lanes
            .iter()
            .filter_map(|(id, lane)| {
                let pool = self.evaluator.get(*id)?.rule.scope.pool?;
                pools.contains_key(&pool).then_some((*id, lane.guild, pool))
            })
            .collect();
        found.sort_unstable();
        found
    }

    /// Has an alert start as a new one does, with another version.
    async fn begin_anew(
        &mut self,
        store: &Store,
        market: &Market,
        alert: &mut Alert,
        deed: &Deed,
    ) -> Result<(), StoreError> {
        let snapshot = market.snapshot();
        alert.version = alert.version.saturating_add(1);
        let meant = meant(&mut self.evaluator, store, &snapshot, &alert.rule, deed.at).await?;
        let baseline = baseline(&self.evaluator, &alert.rule, &meant);
        store.change_alert(alert, Some(&baseline), deed).await?;
        self.evaluator.forget(alert.id);
        self.evaluator.watch(watched(alert), baseline);
        Ok(())
    }
}

/// What has become of pools that are gone: looked for when a pool has just become missing, or when a pool
/// has appeared that an earlier one may have become.
fn renamed(old: &Snapshot, new: &Snapshot) -> HashMap<PoolId, Successor> {
    let newest = |snapshot: &Snapshot| {
        let numbers = snapshot.listings().iter().map(|listing| listing.no);
        numbers.max().unwrap_or_default()
    };
    let appeared = newest(new) > newest(old);
    let was_missing = |listing: &&Listing| {
        let before = old.get(listing.pool.id);
        before.is_some_and(|before| before.state == DataState::Missing)
    };
    let missing = new.listings().iter().filter(|listing| {
        listing.state == DataState::Missing && (appeared || !was_missing(listing))
    });
    missing
        .map(|gone| (gone.pool.id, successor(gone, new)))
        .filter(|(_, successor)| *successor != Successor::None)
        .collect()
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

impl Default for Alerting {
    fn default() -> Self {
        Self {
            shelf_life: SHELF_LIFE,
            state: Arc::default(),
            servers: ArcSwap::default(),
            choosing: Mutex::default(),
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
        let since = now.minus(state.evaluator.longest_window());
        recall(&mut state.evaluator, store, &looked_at, false, since).await
    }

    /// Has alerts of a pool that goes on under another key watch that one, from where they stand. Done
    /// before the change is evaluated, so that none of them says that its pool is gone.
    pub async fn follow_renamed(
        &self,
        store: &Store,
        market: &Market,
        change: &Change,
    ) -> Result<usize, StoreError> {
        let renamed = renamed(&market.snapshot(), &change.snapshot);
        if renamed.is_empty() {
            return Ok(0);
        }
        let mut state = self.state.lock().await;
        let mut followed = 0;
        for (id, guild, pool) in state.alerts_of(&renamed) {
            let new = match renamed.get(&pool) {
                Some(Successor::Certain(new)) => *new,
                Some(Successor::Perhaps(several)) => {
                    let asked = self.question(store, &state, (id, guild, pool), several, change);
                    if let Some(entry) = asked.await? {
                        store.enqueue(&entry).await?;
                    }
                    continue;
                }
                Some(Successor::None) | None => continue,
            };
            let Some(mut alert) = store.alert(guild, id).await? else {
                continue;
            };
            let episode = state.evaluator.episode(id, pool);
            alert.rule.scope.pool = Some(new);
            let deed = Deed {
                guild,
                at: change.at,
                person: None,
                words: format!(
                    "The source lists the pool of alert #{id} anew: it is watched under `{new}`"
                ),
            };
            // What began under the old key ends under the new one. It comes first: after a crash in
            // between the alert is followed again.
            let opening = |pool| opening_key(id, alert.version, pool, episode.number);
            store.rekey(opening(pool), opening(new)).await?;
            let stands = [(new, episode)];
            store.change_alert(&alert, Some(&stands), &deed).await?;
            state.evaluator.forget(id);
            state.evaluator.watch(watched(&alert), stands);
            tracing::info!(alert = %id, %pool, %new, "a pool goes on under another key");
            followed += 1;
        }
        Ok(followed)
    }

    /// Asks a server's admins what an alert's pool has become, once.
    async fn question(
        &self,
        store: &Store,
        state: &State,
        (id, guild, gone): (AlertId, GuildId, PoolId),
        several: &[PoolId],
        change: &Change,
    ) -> Result<Option<Entry>, StoreError> {
        let pool_of = |pool: &PoolId| change.snapshot.get(*pool).map(|listing| &*listing.pool);
        let (Some(pool), Some(lane)) = (pool_of(&gone), state.lanes.get(&id)) else {
            return Ok(None);
        };
        let perhaps: Vec<&Pool> = several.iter().filter_map(pool_of).collect();
        let admins = match self.server(guild).admin_channel {
            Some(channel) => store.destination_for(channel).await?,
            None => None,
        };
        let message = render::report::question(id, pool, &perhaps);
        Ok(Some(Entry {
            dedup_key: question_key(id, gone),
            destination: admins.map_or(lane.destination, |place| place.id),
            alert: id,
            alert_version: 0,
            pool: None,
            occasion: Occasion::Outage,
            urgency: Urgency::Normal,
            summary: message.content.clone(),
            payload: payload(&message),
            created_at: change.at,
            not_after: change.at.plus(self.shelf_life.0),
            telling: Telling::default(),
        }))
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
        let before = verdicts_before(store, &state.evaluator, &steps, &change.snapshot).await?;
        let servers = self.servers.load_full();
        let (mut state, change, steps, entries) = aside(move || {
            let around = Around {
                servers: &servers,
                before: &before,
                shelf_life,
            };
            let entries = entries(&state, &steps, &change, around);
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
        let meant = meant(&mut state.evaluator, store, &snapshot, &new.rule, now).await?;
        let baseline = baseline(&state.evaluator, &new.rule, &meant);
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
        state.lanes.insert(alert.id, lane(&alert, destination));
        state.evaluator.watch(watched(&alert), baseline);
        Ok(added)
    }

    /// Takes an alert of this server out of use.
    pub async fn remove(
        &self,
        store: &Store,
        id: AlertId,
        deed: &Deed,
    ) -> Result<Option<Alert>, StoreError> {
        let mut state = self.state.lock().await;
        let Some(alert) = store.alert(deed.guild, id).await? else {
            return Ok(None);
        };
        store.remove_alert(id, deed).await?;
        state.evaluator.forget(id);
        state.lanes.remove(&id);
        Ok(Some(alert))
    }

    /// Changes an alert of this server; `None` where there is none of that number. A changed rule starts as
    /// a new one does: what is true of a pool already is no news. Its version tells what it says from now
    /// on from what it said before. The alert is read here, so that no other change is lost.
    pub async fn change<E: From<StoreError>>(
        &self,
        store: &Store,
        market: &Market,
        id: AlertId,
        deed: &Deed,
        change: impl FnOnce(&mut Alert) -> Result<(), E>,
    ) -> Result<Option<(Alert, bool)>, E> {
        let mut state = self.state.lock().await;
        let found = store.alert(deed.guild, id).await?;
        let (Some(mut alert), Some(lane)) = (found, state.lanes.get(&id).copied()) else {
            return Ok(None);
        };
        let before = alert.rule.clone();
        change(&mut alert)?;
        let anew = alert.rule != before;
        if anew {
            state.begin_anew(store, market, &mut alert, deed).await?;
        } else {
            store.change_alert(&alert, None, deed).await?;
        }
        let manner = alert.manner;
        state.lanes.insert(id, Lane { manner, ..lane });
        Ok(Some((alert, anew)))
    }

    /// Brings back an alert that was removed in this server since then, as a new one; `None` where there
    /// is none of that number any more.
    pub async fn restore(
        &self,
        store: &Store,
        market: &Market,
        (id, since): (AlertId, Timestamp),
        destination: DestinationId,
        deed: &Deed,
    ) -> Result<Option<Alert>, StoreError> {
        let mut state = self.state.lock().await;
        let removed = store.removed_alerts(deed.guild, since).await?;
        let Some(mut alert) = removed.into_iter().find(|alert| alert.id == id) else {
            return Ok(None);
        };
        alert.created_by = deed.person.unwrap_or(alert.created_by);
        alert.manner.muted_until = None;
        store.bring_back(&alert).await?;
        state.begin_anew(store, market, &mut alert, deed).await?;
        state.lanes.insert(id, lane(&alert, destination));
        Ok(Some(alert))
    }

    /// Mutes alerts until then; a moment that has come lets them speak again. What they would have said
    /// comes as one list when it is over. Answers with those that there were.
    pub async fn mute(
        &self,
        store: &Store,
        ids: &[AlertId],
        until: Timestamp,
        deed: &Deed,
    ) -> Result<Vec<AlertId>, StoreError> {
        let mut state = self.state.lock().await;
        let is_muted = until > deed.at;
        let mut alerts = Vec::with_capacity(ids.len());
        for id in ids {
            if let Some(mut alert) = store.alert(deed.guild, *id).await? {
                alert.manner.muted_until = is_muted.then_some(until);
                alerts.push(alert);
            }
        }
        let heads = if is_muted {
            summaries(&state, &alerts, until, self.shelf_life, deed)
        } else {
            Vec::new()
        };
        store.mute(&alerts, until, &heads, deed).await?;
        for alert in &alerts {
            if let Some(lane) = state.lanes.get_mut(&alert.id) {
                lane.manner = alert.manner;
            }
        }
        Ok(alerts.into_iter().map(|alert| alert.id).collect())
    }

    /// Has the alerts of one channel speak in another, from where they stand.
    pub async fn move_to(
        &self,
        store: &Store,
        from: DestinationId,
        alerts: &[AlertId],
        to: (ChannelId, DestinationId),
        deed: &Deed,
    ) -> Result<(), StoreError> {
        let mut state = self.state.lock().await;
        store.move_alerts(from, alerts, to, deed).await?;
        for alert in alerts {
            if let Some(lane) = state.lanes.get_mut(alert) {
                lane.destination = to.1;
            }
        }
        Ok(())
    }

    /// What a server has chosen.
    pub fn server(&self, guild: GuildId) -> ServerSettings {
        self.servers.load().get(&guild).copied().unwrap_or_default()
    }

    /// Keeps what a server has chosen. What is held back already keeps its time.
    pub async fn choose(
        &self,
        store: &Store,
        deed: &Deed,
        change: impl FnOnce(&mut ServerSettings),
    ) -> Result<ServerSettings, StoreError> {
        let _one_at_a_time = self.choosing.lock().await;
        let mut settings = self.server(deed.guild);
        change(&mut settings);
        store.save_server(&settings, deed).await?;
        let mut servers = Servers::clone(&self.servers.load());
        servers.insert(deed.guild, settings);
        self.servers.store(Arc::new(servers));
        Ok(settings)
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
        let (open, waiting) = state.evaluator.standing(id);
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

const fn lane(alert: &Alert, destination: DestinationId) -> Lane {
    Lane {
        guild: alert.guild,
        destination,
        manner: alert.manner,
    }
}

/// The pools that a rule names, with as much of their past as it looks into.
async fn meant<'a>(
    evaluator: &mut Evaluator,
    store: &Store,
    snapshot: &'a Snapshot,
    rule: &Rule,
    now: Timestamp,
) -> Result<Vec<&'a Listing>, StoreError> {
    let meant: Vec<&Listing> = snapshot
        .listings()
        .iter()
        .filter(|listing| rule.scope.names(&listing.pool))
        .collect();
    if let Some(window) = rule.condition.window() {
        // What is remembered reaches back only as far as the rules so far look.
        let anew = window.0 > evaluator.longest_window();
        let window = window.0.max(evaluator.longest_window());
        recall(evaluator, store, &meant, anew, now.minus(window)).await?;
    }
    Ok(meant)
}

/// The pools of which the condition is true already.
fn baseline(evaluator: &Evaluator, rule: &Rule, meant: &[&Listing]) -> Vec<(PoolId, Episode)> {
    let at_creation = |listing: &&Listing| {
        let judged = evaluator.judge_now(rule, listing);
        (listing.pool.id, Episode::at_creation(judged))
    };
    let all = meant.iter().map(at_creation);
    all.filter(|(_, episode)| !episode.is_default()).collect()
}

/// What heads the lists that come when a mute is over: one for each alert.
fn summaries(
    state: &State,
    alerts: &[Alert],
    until: Timestamp,
    shelf_life: Span,
    deed: &Deed,
) -> Vec<Entry> {
    let entry = |alert: &Alert| {
        let words = render::alerts::speak_again(&[alert.id]);
        Some(Entry {
            dedup_key: summary_key(alert.id, deed.at, until),
            destination: state.lanes.get(&alert.id)?.destination,
            alert: alert.id,
            alert_version: alert.version,
            pool: None,
            occasion: Occasion::Summary,
            urgency: Urgency::Digest,
            payload: payload(&Message::text(words.as_str())),
            summary: words,
            created_at: deed.at,
            not_after: until.plus(shelf_life.0),
            telling: Telling {
                hold: Some(Hold {
                    until,
                    why: Held::Mute,
                }),
                ..Telling::default()
            },
        })
    };
    alerts.iter().filter_map(entry).collect()
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

/// What the notices of a change depend on beside it.
#[derive(Clone, Copy)]
struct Around<'a> {
    servers: &'a Servers,
    /// The verdicts on pools just before something began.
    before: &'a HashMap<(i64, Timestamp), Verdict>,
    shelf_life: Span,
}

/// The notices of a change, as they will go out.
fn entries(state: &State, steps: &[Step], change: &Change, around: Around<'_>) -> Vec<Entry> {
    let Around {
        servers,
        before,
        shelf_life,
    } = around;
    let mut entries = Vec::new();
    for step in steps {
        let (Some(watched), Some(lane)) = (
            state.evaluator.get(step.alert),
            state.lanes.get(&step.alert),
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
            let urgency = urgency(watched.rule.condition.kind());
            let hold = if is_unsaid {
                None
            } else {
                let server = servers.get(&lane.guild).copied().unwrap_or_default();
                hold(&lane.manner, &server, urgency, change.at)
            };
            entries.push(Entry {
                dedup_key: edge_key(step.alert, step.version, step.pool, edge),
                destination: lane.destination,
                alert: step.alert,
                alert_version: step.version,
                pool: Some(step.pool),
                occasion: Occasion::Edge(edge.kind),
                urgency,
                payload: if is_unsaid {
                    String::new()
                } else {
                    payload(&render::notice::notice(&notice, change.at))
                },
                summary: if is_unsaid {
                    String::new()
                } else {
                    render::notice::notice_text(&notice, change.at)
                },
                created_at: change.at,
                not_after: hold.map_or(change.at, |hold| hold.until).plus(shelf_life.0),
                telling: Telling {
                    opening: is_end
                        .then(|| opening_key(step.alert, step.version, step.pool, edge.episode)),
                    hold,
                    role: lane.manner.role,
                    apy: apy(edge),
                    is_unsaid,
                },
            });
        }
    }
    told_together(entries, state, change)
}

/// From so many pools of a protocol on, what happens to their data at once is one event.
const AT_ONCE: usize = 3;

/// Where the data of several pools of a protocol goes or comes back at once, one notice says it for all;
/// theirs are kept to be looked up.
fn told_together(mut entries: Vec<Entry>, state: &State, change: &Change) -> Vec<Entry> {
    let is_about_data = |alert| {
        let watched = state.evaluator.get(alert);
        watched.is_some_and(|watched| watched.rule.condition.kind().is_about_data())
    };
    let mut groups: BTreeMap<_, BTreeMap<PoolId, Vec<usize>>> = BTreeMap::new();
    for (at, entry) in entries.iter().enumerate() {
        let listing = entry.pool.and_then(|pool| change.snapshot.get(pool));
        if let (true, Some(listing)) = (is_about_data(entry.alert), listing) {
            let held = entry.telling.hold.map(|hold| (hold.until, hold.why.slug()));
            let (place, edge) = (entry.destination, entry.occasion.slug());
            let group = groups
                .entry((place, &*listing.pool.protocol, edge, held))
                .or_default();
            group.entry(listing.pool.id).or_default().push(at);
        }
    }
    let mut together = Vec::new();
    for ((_, protocol, edge, _), of_group) in groups {
        let members: Vec<usize> = of_group.values().flatten().copied().collect();
        let Some(first) = members
            .first()
            .copied()
            .filter(|_| of_group.len() >= AT_ONCE)
        else {
            continue;
        };
        let pools: Vec<&Pool> = of_group
            .keys()
            .filter_map(|pool| Some(&*change.snapshot.get(*pool)?.pool))
            .collect();
        let keys: Vec<[u8; 32]> = members.iter().map(|at| entries[*at].dedup_key).collect();
        let alerts: BTreeSet<AlertId> = members.iter().map(|at| entries[*at].alert).collect();
        let what = if edge == EdgeKind::Closed.slug() {
            "have usable figures again"
        } else {
            "are gone or too old to be used"
        };
        let alerts: Vec<AlertId> = alerts.into_iter().collect();
        let message = render::report::protocol(protocol, &pools, what, &alerts);
        let summary = format!(
            "📡 {protocol} – at once, {} of its pools {what}",
            pools.len()
        );
        together.push(Entry {
            dedup_key: together_key(&keys),
            pool: None,
            occasion: Occasion::Outage,
            payload: payload(&message),
            summary,
            telling: Telling {
                opening: None,
                ..entries[first].telling
            },
            ..entries[first].clone()
        });
        for at in members {
            if let Some(entry) = entries.get_mut(at) {
                entry.telling.is_unsaid = true;
            }
        }
    }
    entries.extend(together);
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
pub const fn urgency(kind: Kind) -> Urgency {
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
