//! What an alert would have said: the same replay as on the command line, over the past that the store
//! keeps.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use super::{
    replay::{Line, Replay},
    rules_file::NamedRule,
};
use crate::{
    domain::{
        alert::Rule,
        ids::PoolId,
        listing::Listing,
        manner::Manner,
        pool::Pool,
        preview::Preview,
        reading::{DEFILLAMA, DataState, DayReading, FeedStats, Observed, Reading},
        time::{Day, Span, Timestamp},
        verdict::Screen,
    },
    market::snapshot::Snapshot,
    sources::Batch,
    store::{Store, StoreError, history::CHANGES_KEPT},
};

/// Of more pools than this the largest are looked at.
pub const MOST_POOLS: usize = 200;
/// Days before the first one that is told of, so that verdicts and windows have a past.
const WARM_UP: Span = Span::days(30);
/// Holds that are tried where a rule's own is shorter.
const LONGER: [Span; 4] = [Span::hours(6), Span::days(1), Span::days(2), Span::days(3)];
/// A pool with fewer days than this of the time that is looked at is not covered.
const FEW_DAYS: usize = 7;

/// The pools of a rule with too little past, the largest first; a chart of each would make up for it.
pub async fn without_past(
    store: &Store,
    snapshot: &Snapshot,
    rule: &Rule,
    days: u32,
    now: Timestamp,
) -> Result<Vec<PoolId>, StoreError> {
    let first = Day(now.day().0 - i32::try_from(days).unwrap_or(i32::MAX));
    let mut without = Vec::new();
    for listing in meant(snapshot, rule) {
        let known = store.days(listing.no, first).await?.len();
        if known < usize::try_from(days / 2).unwrap_or(usize::MAX) {
            without.push(listing.pool.id);
        }
    }
    Ok(without)
}

/// Looks at the last `days` of what the store keeps.
pub async fn preview(
    store: &Store,
    snapshot: Arc<Snapshot>,
    screen: Screen,
    rule: Rule,
    days: u32,
    now: Timestamp,
) -> Result<Preview, StoreError> {
    let pools = fitting(&snapshot, &rule);
    let from = now.minus(Span::days(u64::from(days)).0);
    let past = Past::read(store, &meant(&snapshot, &rule), from, now).await?;
    let covered = past.covered(from.day());
    let is_blind = rule.condition.kind().is_beside_figures();
    let replayed = tokio::task::spawn_blocking(move || {
        let spoken = past.replay(&rule, screen, from);
        let longer = LONGER
            .into_iter()
            .filter(|hold| *hold > rule.timing.hold && !is_blind)
            .map(|hold| {
                let mut slower = rule.clone();
                slower.timing.hold = hold;
                (hold, past.replay(&slower, screen, from).spoken.len())
            })
            .find(|(_, fewer)| *fewer < spoken.spoken.len());
        (spoken, longer)
    });
    let (said, longer) = match replayed.await {
        Ok(replayed) => replayed,
        Err(broken) => std::panic::resume_unwind(broken.into_panic()),
    };
    Ok(Preview {
        days,
        pools,
        looked_at: pools.min(MOST_POOLS),
        covered,
        of_pools: said.pools.len(),
        spoken: said.spoken,
        ends: said.ends,
        doubted: said.doubted,
        longer,
        exact_since: now.minus(CHANGES_KEPT.0),
        is_blind,
    })
}

fn fitting(snapshot: &Snapshot, rule: &Rule) -> usize {
    let fits = |listing: &&Listing| rule.scope.names(&listing.pool);
    snapshot.listings().iter().filter(fits).count()
}

/// The pools of a rule, the largest first.
fn meant<'a>(snapshot: &'a Snapshot, rule: &Rule) -> Vec<&'a Listing> {
    let fits = |listing: &&Listing| rule.scope.names(&listing.pool);
    let mut meant: Vec<&Listing> = snapshot.listings().iter().filter(fits).collect();
    meant.sort_by(|one, other| other.reading.tvl_usd.total_cmp(&one.reading.tvl_usd));
    meant.truncate(MOST_POOLS);
    meant
}

/// What is known of pools: a reading a day, and each change of the last days.
struct Past {
    pools: Vec<(Pool, Vec<Reading>)>,
}

/// What a replay brought.
#[derive(Default)]
struct Said {
    spoken: Vec<Timestamp>,
    ends: usize,
    doubted: usize,
    pools: BTreeSet<PoolId>,
}

impl Past {
    async fn read(
        store: &Store,
        listings: &[&Listing],
        from: Timestamp,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let exact_since = now.minus(CHANGES_KEPT.0);
        let first = from.minus(WARM_UP.0).day();
        let numbers: Vec<i64> = listings.iter().map(|listing| listing.no).collect();
        let mut changes = store.changes(&numbers, exact_since).await?;
        let mut pools = Vec::with_capacity(listings.len());
        for listing in listings {
            let recent = changes.remove(&listing.no).unwrap_or_default();
            let begins = recent.first().map_or(now, |reading| reading.at);
            let mut readings: Vec<Reading> = store
                .days(listing.no, first)
                .await?
                .iter()
                .map(of_day)
                .filter(|reading| reading.at < begins)
                .collect();
            readings.extend(recent);
            // The present figures, which may have stood for long.
            if let (Some(last), Some(present)) = (readings.last().copied(), listing.usable())
                && present.at > last.at
            {
                readings.push(*present);
            }
            let readings = each_day(readings);
            pools.push(((*listing.pool).clone(), readings));
        }
        Ok(Self { pools })
    }

    /// How many pools are known for a part of the time that is looked at.
    fn covered(&self, from: Day) -> usize {
        let days_of = |readings: &[Reading]| {
            let days = readings.iter().map(|reading| reading.at.day());
            days.filter(|day| *day >= from)
                .collect::<BTreeSet<_>>()
                .len()
        };
        let known = |(_, readings): &&(Pool, Vec<Reading>)| days_of(readings) >= FEW_DAYS;
        self.pools.iter().filter(known).count()
    }

    /// Feeds the past to the rule, a batch for each moment at which anything was read. A pool that was
    /// not read just then stands as it was, for a day.
    fn replay(&self, rule: &Rule, screen: Screen, from: Timestamp) -> Said {
        let named = NamedRule {
            name: String::new(),
            rule: rule.clone(),
            manner: Manner::default(),
            channel: None,
        };
        let mut replay = Replay::new(vec![named], screen);
        let mut said = Said::default();
        let mut known: HashMap<usize, (Reading, u32)> = HashMap::new();
        for (at, news) in self.moments() {
            for (nth, reading) in news {
                let days = known.get(&nth).map_or(0, |(_, days)| *days);
                known.insert(nth, (reading, days.saturating_add(1)));
            }
            known.retain(|_, (reading, _)| at.since(reading.at) <= Span::hours(36).0);
            for line in replay.take_in(self.batch(at, &known)) {
                said.hear(line, (at, from));
            }
        }
        said
    }

    fn moments(&self) -> BTreeMap<Timestamp, Vec<(usize, Reading)>> {
        let mut moments: BTreeMap<Timestamp, Vec<(usize, Reading)>> = BTreeMap::new();
        for (nth, (_, readings)) in self.pools.iter().enumerate() {
            for reading in readings {
                moments.entry(reading.at).or_default().push((nth, *reading));
            }
        }
        moments
    }

    fn batch(&self, at: Timestamp, known: &HashMap<usize, (Reading, u32)>) -> Batch {
        let row = |(nth, (pool, _)): (usize, &(Pool, Vec<Reading>))| {
            let (reading, days) = known.get(&nth)?;
            Some(Observed {
                pool: pool.clone(),
                reading: Reading { at, ..*reading },
                feed: FeedStats {
                    days: Some(*days),
                    ..FeedStats::default()
                },
                own_time: false,
                reward_tokens: Box::default(),
            })
        };
        Batch {
            source: DEFILLAMA,
            fetched_at: at,
            digest: 0,
            rows: self.pools.iter().enumerate().filter_map(row).collect(),
            skipped: 0,
            conflicting: 0,
        }
    }
}

impl Said {
    /// What is said `at` a moment, of which that before `from` does not count.
    fn hear(&mut self, line: Line, (at, from): (Timestamp, Timestamp)) {
        let line = match line {
            Line::Edge(line) => line,
            Line::Data(line) => {
                self.doubted += usize::from(line.state == DataState::Suspect && at >= from);
                return;
            }
        };
        if !line.is_told || line.reached_at < from {
            return;
        }
        if line.edge == "closed" {
            self.ends += 1;
            return;
        }
        self.spoken.push(line.reached_at);
        self.pools.insert(line.pool);
    }
}

/// Figures that stood for days were read on each of them.
fn each_day(readings: Vec<Reading>) -> Vec<Reading> {
    const DAY: Span = Span::days(1);
    let mut filled: Vec<Reading> = Vec::with_capacity(readings.len());
    for reading in readings {
        while let Some(last) = filled.last().copied() {
            let stands =
                last.apy == reading.apy && last.tvl_usd.to_bits() == reading.tvl_usd.to_bits();
            let at = last.at.plus(DAY.0);
            if !stands || at >= reading.at {
                break;
            }
            filled.push(Reading { at, ..last });
        }
        filled.push(reading);
    }
    filled
}

/// A day's row as a reading of its noon.
fn of_day(row: &DayReading) -> Reading {
    Reading {
        at: row.day.start().plus(Span::hours(12).0),
        apy: row.apy,
        base: row.base,
        reward: row.reward,
        tvl_usd: row.tvl_usd,
    }
}
