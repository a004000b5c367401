//! What the rules say of a change of the market.
//!
//! The live tick, a replay and the demonstration use the same evaluator. It answers with what would
//! change and changes nothing itself, so that the answer can be committed first and taken over after.

use std::{borrow::Cow, collections::BTreeSet, time::Duration};

use foldhash::{HashMap, HashSet};

use super::index::{Index, Slot, Watcher, woken};
use crate::{
    domain::{
        alert::Rule,
        episode::{Edge, Episode, Timing},
        ids::{AlertId, PoolId},
        listing::Listing,
        pool::Pool,
        reading::{DataState, Reading, Stretch, oldest_since},
        rule::{Condition, Judgement, Measure, Present},
        time::{Span, Timestamp},
        verdict::Verdict,
    },
    market::ingest::{Change, Fresh, News},
};
use past::{Past, add, before_present, slides};

/// A rule under watch.
#[derive(Debug, Clone)]
pub struct Watched {
    pub id: AlertId,
    pub version: u32,
    pub rule: Rule,
}

/// The rules, where they stand with each pool, and as much of the past as they look into.
#[derive(Debug, Default)]
pub struct Evaluator {
    watched: Vec<Option<Watched>>,
    slot_of: HashMap<AlertId, Slot>,
    index: Index,
    episodes: Episodes,
    /// Episodes that time alone can move.
    restless: BTreeSet<(PoolId, Slot)>,
    /// Of pools that a rule with a window watches.
    past: HashMap<PoolId, Past>,
    /// The lengths of the windows that rules look back over.
    windows: BTreeSet<Span>,
    /// A rule with a window was taken out, so some pool's past may be of no use any more.
    remembers_too_much: bool,
}

/// What decides when a rule has to look at a pool without news.
#[derive(Clone, Copy)]
struct Rhythm {
    timing: Timing,
    is_windowed: bool,
}

impl Rhythm {
    const fn of(rule: &Rule) -> Self {
        Self {
            timing: rule.timing,
            is_windowed: rule.condition.window().is_some(),
        }
    }

    /// Time alone can move the episode.
    const fn is_restless(self, episode: Episode) -> bool {
        episode.is_waiting(self.timing) || (self.is_windowed && episode.is_open())
    }
}

/// A pool with its news, and what is known of it beside them.
#[derive(Clone, Copy)]
struct Look<'a> {
    listing: &'a Listing,
    usable: &'a [Fresh],
    at: Timestamp,
    /// The most that the pool holds by its news, in US dollars.
    holds: f64,
    episodes: &'a [(Slot, Episode)],
    past: &'a [Stretch],
}

impl Look<'_> {
    /// The highest that the pool stands by a measure.
    fn stands(&self, measure: Measure) -> f64 {
        match (measure, self.usable) {
            // What has just been confirmed is the past of what confirmed it.
            (Measure::Other { .. }, _) | (_, [_, _, ..]) => f64::INFINITY,
            (_, [fresh]) => present(self.listing, fresh, self.past).stands(measure),
            (_, []) => f64::NEG_INFINITY,
        }
    }

    /// Whether the pool may be big enough, now or, for its fall, before.
    fn may_reach(&self, watcher: &Watcher) -> bool {
        let falls = matches!(watcher.measure, Measure::TvlFall { .. });
        let past = if falls { self.past } else { &[] };
        watcher.floor <= self.holds || past.iter().any(|stretch| watcher.floor <= stretch.tvl_usd)
    }
}

/// Where alerts stand with pools that they are not simply quiet about: by pool, in the order of slots.
#[derive(Debug, Default)]
struct Episodes {
    of_pool: HashMap<PoolId, Vec<(Slot, Episode)>>,
    count: Count,
}

/// How many episodes are open, and how many wait for their hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Count {
    pub open: usize,
    pub waiting: usize,
}

impl Count {
    fn add(&mut self, episode: Episode) {
        self.open += usize::from(episode.is_open());
        self.waiting += usize::from(episode.is_pending());
    }

    fn take(&mut self, episode: Episode) {
        self.open -= usize::from(episode.is_open());
        self.waiting -= usize::from(episode.is_pending());
    }
}

impl Episodes {
    fn of_pool(&self, pool: PoolId) -> &[(Slot, Episode)] {
        self.of_pool.get(&pool).map_or(&[], Vec::as_slice)
    }

    fn of_alert(&self, slot: Slot) -> impl Iterator<Item = &Episode> {
        self.of_pool.values().filter_map(move |of_pool| {
            let at = of_pool.binary_search_by_key(&slot, |(of, _)| *of).ok()?;
            of_pool.get(at).map(|(_, episode)| episode)
        })
    }

    fn put(&mut self, slot: Slot, pool: PoolId, episode: Episode) {
        let of_pool = self.of_pool.entry(pool).or_default();
        if let Some(before) = find(of_pool, slot) {
            self.count.take(before);
        }
        self.count.add(episode);
        match of_pool.binary_search_by_key(&slot, |(of, _)| *of) {
            Ok(at) if episode.is_default() => {
                of_pool.remove(at);
            }
            Ok(at) => of_pool[at].1 = episode,
            Err(_) if episode.is_default() => {}
            Err(at) => of_pool.insert(at, (slot, episode)),
        }
        if of_pool.is_empty() {
            self.of_pool.remove(&pool);
        }
    }

    fn forget(&mut self, slot: Slot) {
        let count = &mut self.count;
        self.of_pool.retain(|_, of_pool| {
            of_pool.retain(|(of, episode)| {
                let stays = *of != slot;
                if !stays {
                    count.take(*episode);
                }
                stays
            });
            !of_pool.is_empty()
        });
    }
}

fn find(of_pool: &[(Slot, Episode)], slot: Slot) -> Option<Episode> {
    let found = of_pool.binary_search_by_key(&slot, |(of, _)| *of);
    Some(of_pool.get(found.ok()?)?.1)
}

/// Edges reached, each with the reading that completed it.
type Edges = Vec<(Edge, Fresh)>;

/// What one batch does to one alert and pool.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    slot: Slot,
    pub alert: AlertId,
    pub version: u32,
    pub pool: PoolId,
    pub episode: Episode,
    pub edges: Edges,
}

impl Step {
    /// What has just become true may have been true, and told, for long.
    pub const fn join_late(&mut self) {
        self.episode = self.episode.joined_late();
    }
}

impl Evaluator {
    /// Begins to watch. `episodes` is the alert's baseline.
    pub fn watch(
        &mut self,
        watched: Watched,
        episodes: impl IntoIterator<Item = (PoolId, Episode)>,
    ) {
        let slot = Slot::try_from(self.watched.len()).expect("there are fewer than 2³² alerts");
        self.index.add(slot, &watched.rule);
        if let Some(window) = watched.rule.condition.window()
            && self.windows.insert(window)
        {
            for past in self.past.values_mut() {
                past.settle(&self.windows);
            }
        }
        self.slot_of.insert(watched.id, slot);
        let rhythm = Rhythm::of(&watched.rule);
        self.watched.push(Some(watched));
        for (pool, episode) in episodes {
            self.put(slot, pool, episode, rhythm);
        }
    }

    /// Takes over where an alert stood with a pool when the process ended.
    pub fn stand(&mut self, id: AlertId, pool: PoolId, episode: Episode) {
        if let Some(slot) = self.slot_of.get(&id).copied()
            && let Some(rhythm) = self.of_slot(slot).map(|watched| Rhythm::of(&watched.rule))
        {
            self.put(slot, pool, episode, rhythm);
        }
    }

    /// Stops watching; what was known of the alert is dropped.
    pub fn forget(&mut self, id: AlertId) -> Option<Watched> {
        let slot = self.slot_of.remove(&id)?;
        let watched = self.watched.get_mut(slot as usize)?.take()?;
        self.index.remove(slot, &watched.rule.scope);
        self.episodes.forget(slot);
        self.restless.retain(|(_, of)| *of != slot);
        self.remembers_too_much |= watched.rule.condition.window().is_some();
        Some(watched)
    }

    pub fn get(&self, id: AlertId) -> Option<&Watched> {
        self.watched.get(*self.slot_of.get(&id)? as usize)?.as_ref()
    }

    pub fn len(&self) -> usize {
        self.slot_of.len()
    }

    pub fn is_empty(&self) -> bool {
        self.slot_of.is_empty()
    }

    /// How an alert stands with its pools.
    pub fn standing(&self, id: AlertId) -> Count {
        let mut count = Count::default();
        if let Some(slot) = self.slot_of.get(&id) {
            for episode in self.episodes.of_alert(*slot) {
                count.add(*episode);
            }
        }
        count
    }

    /// How all alerts stand with their pools. It is kept up to date and costs nothing.
    pub const fn count(&self) -> Count {
        self.episodes.count
    }

    /// Where an alert stands with a pool.
    pub fn episode(&self, id: AlertId, pool: PoolId) -> Episode {
        let slot = self.slot_of.get(&id);
        slot.and_then(|slot| find(self.episodes.of_pool(pool), *slot))
            .unwrap_or_default()
    }

    /// Whether a rule with a window watches the pool, so that its past has to be remembered.
    pub fn looks_back_at(&self, pool: &Pool) -> bool {
        let mut looks_back = false;
        self.index
            .watching(pool, |measure, _| looks_back |= measure.window().is_some());
        looks_back
    }

    /// Whether any rule watches the pool.
    pub fn watches(&self, pool: &Pool) -> bool {
        let mut watches = false;
        self.index.watching(pool, |_, _| watches = true);
        watches
    }

    /// Whether any rule watches the pool while it holds so many US dollars.
    pub fn reaches(&self, pool: &Pool, tvl_usd: f64) -> bool {
        let mut reaches = false;
        self.index.watching(pool, |_, alike| {
            reaches |= alike.iter().any(|watcher| watcher.floor <= tvl_usd);
        });
        reaches
    }

    /// Pools that an alert names, in order.
    pub fn named_pools(&self) -> Vec<PoolId> {
        let named = self
            .watched
            .iter()
            .flatten()
            .filter_map(|watched| watched.rule.scope.pool);
        named.collect::<BTreeSet<_>>().into_iter().collect()
    }

    pub fn remembers(&self, pool: PoolId) -> bool {
        self.past.contains_key(&pool)
    }

    /// Takes over a pool's past; the last stretch is the present one.
    pub fn remember(&mut self, pool: PoolId, mut stretches: Vec<Stretch>) {
        stretches.shrink_to_fit();
        let mut past = Past {
            stretches,
            ..Past::default()
        };
        past.settle(&self.windows);
        self.past.insert(pool, past);
    }

    /// The verdict on a pool just before a moment, where its past is remembered and leaves no doubt.
    pub fn verdict_before(&self, pool: PoolId, moment: Timestamp) -> Option<Verdict> {
        let past = self.past_of(pool);
        let then = past.partition_point(|stretch| stretch.until < moment);
        let before = past.get(then.checked_sub(1)?)?.verdict;
        // The stretch that reaches into the moment may have begun with it or long before.
        let then = past.get(then).map_or(before, |stretch| stretch.verdict);
        (then == before).then_some(before)
    }

    pub fn longest_window(&self) -> Duration {
        self.windows
            .last()
            .map_or(Duration::ZERO, |window| window.0)
    }

    /// What a rule says of a pool as it stands, for a new alert's baseline.
    pub fn judge_now(&self, rule: &Rule, listing: &Listing) -> Option<Judgement> {
        let kind = rule.condition.kind();
        if kind.is_beside_figures() {
            return judge_state(rule, listing);
        }
        let reading = listing.usable()?;
        if !in_reach(rule, reading, &[]) {
            return None;
        }
        rule.condition.judge(&Present {
            reading,
            verdict: listing.assessment.verdict,
            before: None,
            past: before_present(self.past_of(listing.pool.id), reading, &listing.assessment),
            rewarded: listing.rewarded,
            days_listed: listing.feed.days,
            reported: None,
            open: None,
        })
    }

    /// What the rules say of a change, in the order of pools and alerts.
    pub fn evaluate(&self, change: &Change) -> Vec<Step> {
        let mut steps = Vec::new();
        let mut fresh: HashSet<PoolId> = HashSet::default();
        for news in &change.news {
            fresh.insert(news.pool);
            if let Some(listing) = change.snapshot.get(news.pool) {
                let look = self.look(listing, &news.usable, change.at);
                self.step_all(look, &mut steps);
            }
        }
        for pool in &change.restated {
            if let Some(listing) = change.snapshot.get(*pool)
                && listing.state != DataState::Good
                && fresh.insert(*pool)
            {
                self.step_all(self.look(listing, &[], change.at), &mut steps);
            }
        }
        for pool in &change.strained {
            if let Some(listing) = change.snapshot.get(*pool)
                && fresh.insert(*pool)
            {
                self.step_all(self.look(listing, &[], change.at), &mut steps);
            }
        }
        for pool in self.quiet_but_restless(change.at, &fresh) {
            if let Some(listing) = change.snapshot.get(pool) {
                self.unchanged(listing, change.at, &mut steps);
            }
        }
        steps.sort_unstable_by_key(|step| (step.pool, step.alert));
        steps
    }

    /// Takes over what was committed, and remembers the readings of the change.
    pub fn apply(&mut self, change: &Change, steps: Vec<Step>) {
        for step in steps {
            if let Some(rhythm) = self
                .of_slot(step.slot)
                .map(|watched| Rhythm::of(&watched.rule))
            {
                self.put(step.slot, step.pool, step.episode, rhythm);
            }
        }
        self.extend_past(change);
    }

    fn of_slot(&self, slot: Slot) -> Option<&Watched> {
        self.watched.get(slot as usize)?.as_ref()
    }

    fn put(&mut self, slot: Slot, pool: PoolId, episode: Episode, rhythm: Rhythm) {
        if rhythm.is_restless(episode) {
            self.restless.insert((pool, slot));
        } else {
            self.restless.remove(&(pool, slot));
        }
        self.episodes.put(slot, pool, episode);
    }

    /// Pools without news for which time may decide something: an episode waits, or a window slides
    /// past a change.
    fn quiet_but_restless(&self, now: Timestamp, fresh: &HashSet<PoolId>) -> HashSet<PoolId> {
        let waiting = self.restless.iter().map(|(pool, _)| *pool);
        let sliding = self
            .past
            .iter()
            .filter(|(_, past)| past.settled_until < now)
            .map(|(pool, _)| *pool);
        waiting
            .chain(sliding)
            .filter(|pool| !fresh.contains(pool))
            .collect()
    }

    fn unchanged(&self, listing: &Listing, at: Timestamp, steps: &mut Vec<Step>) {
        let pool = &listing.pool;
        let is_usable = listing.state == DataState::Good && listing.missed.is_none();
        let same = is_usable.then(|| Fresh {
            reading: listing.reading,
            assessment: listing.assessment.clone(),
            before: None,
            rewarded: listing.rewarded,
        });
        let look = self.look(listing, same.as_slice(), at);
        let slides = |window| slides(look.past, listing.reading.at, window);
        for (slot, before) in look.episodes.iter().copied() {
            let moves = |watched: &Watched| {
                let window = watched.rule.condition.window();
                Rhythm::of(&watched.rule).is_restless(before) || window.is_some_and(slides)
            };
            if self.of_slot(slot).is_some_and(moves) {
                steps.extend(self.step_if_named(slot, before, look));
            }
        }
        self.index.watching(pool, |measure, alike| {
            if measure.window().is_some_and(slides) {
                self.wake(measure, alike, look, steps);
            }
        });
    }

    /// What every rule that watches a pool says of it.
    fn step_all(&self, look: Look<'_>, steps: &mut Vec<Step>) {
        for (slot, before) in look.episodes.iter().copied() {
            steps.extend(self.step_if_named(slot, before, look));
        }
        self.index.watching(&look.listing.pool, |measure, alike| {
            self.wake(measure, alike, look, steps);
        });
    }

    /// What rules with one measure say of a pool about which they are simply quiet: nothing, unless it
    /// reaches their bar.
    fn wake(&self, measure: Measure, alike: &[Watcher], look: Look<'_>, steps: &mut Vec<Step>) {
        for watcher in woken(alike, look.stands(measure)) {
            if look.may_reach(watcher) && find(look.episodes, watcher.slot).is_none() {
                steps.extend(self.step(watcher.slot, Episode::default(), look));
            }
        }
    }

    fn step_if_named(&self, slot: Slot, before: Episode, look: Look<'_>) -> Option<Step> {
        let scope = &self.of_slot(slot)?.rule.scope;
        scope
            .names(&look.listing.pool)
            .then(|| self.step(slot, before, look))?
    }

    fn look<'a>(&'a self, listing: &'a Listing, usable: &'a [Fresh], at: Timestamp) -> Look<'a> {
        let shown = std::iter::once(&listing.reading).chain(usable.iter().map(|one| &one.reading));
        Look {
            listing,
            usable,
            at,
            holds: shown.fold(held_before(listing), |most, one| most.max(one.tvl_usd)),
            episodes: self.episodes.of_pool(listing.pool.id),
            past: self.past_of(listing.pool.id),
        }
    }

    fn step(&self, slot: Slot, before: Episode, look: Look<'_>) -> Option<Step> {
        let watched = self.of_slot(slot)?;
        let kind = watched.rule.condition.kind();
        let (episode, edges) = if kind.is_beside_figures() {
            step_by_state(&watched.rule, before, look.listing, look.at)
        } else {
            step_by_readings(&watched.rule, before, look.listing, look.usable, look.past)
        };
        (episode != before).then_some(Step {
            slot,
            alert: watched.id,
            version: watched.version,
            pool: look.listing.pool.id,
            episode,
            edges,
        })
    }

    fn past_of(&self, pool: PoolId) -> &[Stretch] {
        self.past.get(&pool).map_or(&[], |past| &past.stretches)
    }

    fn extend_past(&mut self, change: &Change) {
        if std::mem::take(&mut self.remembers_too_much) {
            let watched = self.watched.iter().flatten();
            self.windows = watched
                .filter_map(|of| of.rule.condition.window())
                .collect();
            let mut past = std::mem::take(&mut self.past);
            past.retain(|pool, _| {
                let listing = change.snapshot.get(*pool);
                listing.is_some_and(|listing| self.looks_back_at(&listing.pool))
            });
            self.past = past;
        }
        let longest = self.longest_window();
        let news: HashMap<PoolId, &News> =
            change.news.iter().map(|news| (news.pool, news)).collect();
        for (pool, past) in &mut self.past {
            let Some(listing) = change.snapshot.get(*pool) else {
                continue;
            };
            let usable = listing.state == DataState::Good && listing.missed.is_none();
            if !usable {
                continue;
            }
            match news.get(pool) {
                Some(news) => {
                    for fresh in &news.usable {
                        past.add(&fresh.reading, &fresh.assessment, longest);
                    }
                }
                None => past.add(&listing.reading, &listing.assessment, longest),
            }
            past.look(&self.windows);
        }
        // Pools that came up for the first time under a rule with a window.
        for news in &change.news {
            let Some(listing) = change.snapshot.get(news.pool) else {
                continue;
            };
            if !news.usable.is_empty()
                && !self.past.contains_key(&news.pool)
                && self.looks_back_at(&listing.pool)
            {
                let mut past = Past::default();
                for fresh in &news.usable {
                    past.add(&fresh.reading, &fresh.assessment, longest);
                }
                past.look(&self.windows);
                self.past.insert(news.pool, past);
            }
        }
    }
}

/// The episode after what the state of a pool's data, or what troubles it from outside, says.
fn step_by_state(
    rule: &Rule,
    before: Episode,
    listing: &Listing,
    at: Timestamp,
) -> (Episode, Edges) {
    let in_scope = before.is_open() || rule.scope.reaches(held_before(listing));
    let Some(judged) = judge_state(rule, listing).filter(|_| in_scope) else {
        return (before, Vec::new());
    };
    let (episode, edge) = before.step(judged, at, rule.timing);
    let shown = Fresh {
        reading: *listing.usable().unwrap_or(&listing.reading),
        assessment: listing.assessment.clone(),
        before: None,
        rewarded: listing.rewarded,
    };
    let edges = edge.map(|edge| (edge, shown)).into_iter().collect();
    (episode, edges)
}

/// A pool that an answer or two lack is neither there nor gone.
fn judge_state(rule: &Rule, listing: &Listing) -> Option<Judgement> {
    if rule.condition.kind().is_about_strain() {
        return rule.condition.judge_strain(&listing.strain);
    }
    if listing.missed.is_some() && listing.state != DataState::Missing {
        return None;
    }
    rule.condition.judge_data(listing.state)
}

/// The episode after usable readings, in their order.
fn step_by_readings(
    rule: &Rule,
    before: Episode,
    listing: &Listing,
    usable: &[Fresh],
    past: &[Stretch],
) -> (Episode, Edges) {
    let mut episode = before;
    let mut edges = Vec::new();
    let mut remembered = Cow::Borrowed(past);
    let mut earlier: Option<&Fresh> = None;
    for fresh in usable {
        let reading = &fresh.reading;
        // What has just been confirmed is the past of what confirmed it.
        if let Some(earlier) = earlier.replace(fresh) {
            add(remembered.to_mut(), &earlier.reading, &earlier.assessment);
        }
        let now = present(listing, fresh, &remembered);
        // An episode that is open is seen to its end, also when the pool shrinks out of scope.
        if !episode.is_open() && !in_reach(rule, reading, now.past) {
            continue;
        }
        let judged = rule.condition.judge(&Present {
            reported: episode.reported,
            open: episode.opened(),
            ..now
        });
        let Some(judged) = judged else { continue };
        let (next, edge) = episode.step(judged, reading.at, rule.timing);
        episode = next;
        edges.extend(edge.map(|edge| (edge, fresh.clone())));
    }
    (episode, edges)
}

/// A pool at one of its readings, for an alert that has told nothing of it.
fn present<'a>(listing: &Listing, fresh: &'a Fresh, past: &'a [Stretch]) -> Present<'a> {
    Present {
        reading: &fresh.reading,
        verdict: fresh.assessment.verdict,
        before: fresh.before,
        past: before_present(past, &fresh.reading, &fresh.assessment),
        rewarded: fresh.rewarded,
        days_listed: listing.feed.days,
        reported: None,
        open: None,
    }
}

/// What a pool held before its protocol came into trouble, else what it holds.
fn held_before(listing: &Listing) -> f64 {
    let tvl = listing.reading.tvl_usd;
    let trouble = listing.strain.protocol;
    trouble.map_or(tvl, |trouble| trouble.held_before(tvl).max(tvl))
}

/// A drop is measured against the floor by what it fell from: the worst drains end below any floor.
fn in_reach(rule: &Rule, reading: &Reading, past: &[Stretch]) -> bool {
    let tvl = match rule.condition {
        Condition::TvlDrop { window, .. } => oldest_since(past, reading.at.minus(window.0))
            .map_or(reading.tvl_usd, |oldest| {
                oldest.tvl_usd.max(reading.tvl_usd)
            }),
        _ => reading.tvl_usd,
    };
    rule.scope.reaches(tvl)
}

mod past;
#[cfg(test)]
mod tests;
