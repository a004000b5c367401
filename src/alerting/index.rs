//! Which alerts watch a pool, found by what they watch instead of by asking each of them.

use foldhash::HashMap;

use crate::domain::{alert::Rule, ids::PoolId, pool::Pool, rule::Measure, scope::Scope};

/// Alerts by pool and by filter. Those with the same filter share one comparison.
#[derive(Debug, Default)]
pub struct Index {
    /// Alerts on one pool and nothing else, which are most.
    by_pool: HashMap<PoolId, Watchers>,
    /// Alerts on one pool as long as it is of a method, a chain or the like.
    groups_of_pool: HashMap<PoolId, Vec<usize>>,
    groups: Vec<Group>,
    group_of: HashMap<String, usize>,
    by_asset: HashMap<String, Vec<usize>>,
    by_protocol: HashMap<String, Vec<usize>>,
    by_chain: HashMap<String, Vec<usize>>,
    /// Filters that name neither asset, protocol nor chain.
    broad: Vec<usize>,
}

/// The place of an alert in the evaluator.
pub type Slot = u32;

/// An alert, and what tells without a look at its rule whether a pool can wake it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Watcher {
    pub slot: Slot,
    pub measure: Measure,
    /// Where a pool stands by the measure at least when it meets the condition.
    pub bar: f64,
    /// US dollars; a pool below it is out of scope. −∞ where the filter has no floor.
    pub floor: f64,
}

/// In the order of measures, then of bars, then as they came.
#[derive(Debug, Default)]
struct Watchers(Vec<Watcher>);

#[derive(Debug)]
struct Group {
    /// Without its floor on TVL, which each alert has for itself.
    scope: Scope,
    watchers: Watchers,
}

impl Watcher {
    fn of(slot: Slot, rule: &Rule) -> Self {
        let (measure, bar) = rule.condition.bar();
        Self {
            slot,
            measure,
            bar,
            floor: rule.scope.min_tvl.unwrap_or(f64::NEG_INFINITY),
        }
    }
}

impl Watchers {
    fn add(&mut self, new: Watcher) {
        let at = self.0.partition_point(|other| {
            let measures = other.measure.cmp(&new.measure);
            measures.then(other.bar.total_cmp(&new.bar)).is_le()
        });
        self.0.insert(at, new);
    }

    fn remove(&mut self, slot: Slot) {
        self.0.retain(|watcher| watcher.slot != slot);
    }

    fn by_measure(&self, mut each: impl FnMut(Measure, &[Watcher])) {
        let mut rest = &*self.0;
        while let [Watcher { measure, .. }, ..] = *rest {
            let alike = rest.partition_point(|watcher| watcher.measure == measure);
            let (alike, others) = rest.split_at(alike);
            each(measure, alike);
            rest = others;
        }
    }
}

/// Of alerts with one measure, those that a pool can wake that stands there by it.
pub fn woken(alike: &[Watcher], stands: f64) -> &[Watcher] {
    let end = alike.partition_point(|watcher| watcher.bar <= stands);
    &alike[..end]
}

impl Index {
    pub fn add(&mut self, slot: Slot, rule: &Rule) {
        let watcher = Watcher::of(slot, rule);
        let scope = without_floor(&rule.scope);
        if let Some(pool) = sole_pool(&scope) {
            self.by_pool.entry(pool).or_default().add(watcher);
            return;
        }
        let key = key_of(&scope);
        if let Some(group) = self
            .group_of
            .get(&key)
            .and_then(|at| self.groups.get_mut(*at))
        {
            group.watchers.add(watcher);
            return;
        }
        let at = self.groups.len();
        let lower = |name: &String| name.to_ascii_lowercase();
        match (scope.pool, &scope.asset, &scope.protocol, &scope.chain) {
            (Some(pool), ..) => self.groups_of_pool.entry(pool).or_default().push(at),
            // A symbol of several tokens has no entry of its own, so it is looked for everywhere.
            (_, Some(asset), ..) if !asset.contains(['-', '/', '+', '|', ' ']) => {
                self.by_asset.entry(lower(asset)).or_default().push(at);
            }
            (_, _, Some(protocol), _) => self
                .by_protocol
                .entry(lower(protocol))
                .or_default()
                .push(at),
            (_, _, _, Some(chain)) => self.by_chain.entry(lower(chain)).or_default().push(at),
            _ => self.broad.push(at),
        }
        self.group_of.insert(key, at);
        self.groups.push(Group {
            scope,
            watchers: Watchers(vec![watcher]),
        });
    }

    pub fn remove(&mut self, slot: Slot, scope: &Scope) {
        let scope = without_floor(scope);
        let watchers = match sole_pool(&scope) {
            Some(pool) => self.by_pool.get_mut(&pool),
            None => self
                .group_of
                .get(&key_of(&scope))
                .and_then(|at| self.groups.get_mut(*at))
                .map(|group| &mut group.watchers),
        };
        if let Some(watchers) = watchers {
            watchers.remove(slot);
        }
    }

    /// Calls `each` with the alerts whose filter names the pool, whatever it holds: those of one filter
    /// and measure at a time, the lowest bar first.
    pub fn watching(&self, pool: &Pool, mut each: impl FnMut(Measure, &[Watcher])) {
        if let Some(on_pool) = self.by_pool.get(&pool.id) {
            on_pool.by_measure(&mut each);
        }
        let mut group = |at: usize| {
            if let Some(group) = self.groups.get(at)
                && !group.watchers.0.is_empty()
                && group.scope.names(pool)
            {
                group.watchers.by_measure(&mut each);
            }
        };
        let narrower = self.groups_of_pool.get(&pool.id);
        narrower.into_iter().flatten().copied().for_each(&mut group);
        let mut name = String::new();
        let mut lower =
            |text: &str, into: &HashMap<String, Vec<usize>>, group: &mut dyn FnMut(usize)| {
                if into.is_empty() {
                    return;
                }
                name.clear();
                name.extend(text.chars().map(|c| c.to_ascii_lowercase()));
                into.get(&name)
                    .into_iter()
                    .flatten()
                    .copied()
                    .for_each(group);
            };
        for (at, asset) in pool.assets().enumerate() {
            // `ETH-ETH` holds one asset, and an alert on it speaks once.
            if !pool
                .assets()
                .take(at)
                .any(|earlier| earlier.eq_ignore_ascii_case(asset))
            {
                lower(asset, &self.by_asset, &mut group);
            }
        }
        lower(&pool.protocol, &self.by_protocol, &mut group);
        lower(&pool.chain, &self.by_chain, &mut group);
        self.broad.iter().copied().for_each(group);
    }
}

fn without_floor(scope: &Scope) -> Scope {
    Scope {
        min_tvl: None,
        ..scope.clone()
    }
}

/// The pool of a filter that names one and asks for nothing else.
fn sole_pool(scope: &Scope) -> Option<PoolId> {
    scope.pool.filter(|pool| *scope == Scope::of_pool(*pool))
}

/// The same filter gives the same key, whatever the case of its names.
fn key_of(scope: &Scope) -> String {
    format!(
        "{:?}|{:?}|{:?}|{:?}|{:?}|{}",
        scope.pool,
        scope.asset.as_deref().map(str::to_ascii_lowercase),
        scope.protocol.as_deref().map(str::to_ascii_lowercase),
        scope.chain.as_deref().map(str::to_ascii_lowercase),
        scope.method,
        scope.stable_only
    )
}

#[cfg(test)]
mod tests;
