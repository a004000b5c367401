//! Rules over recorded batches, without Discord and without a database.
//!
//! The same `market::ingest` and the same evaluator as the live tick, so what a replay prints is
//! what a channel would have read. There is no silent baseline: everything is news to a replay.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    sync::Arc,
};

use serde::Serialize;

use super::{
    evaluator::{Evaluator, Watched},
    rules_file::NamedRule,
};
use crate::{
    domain::{
        episode::EdgeKind,
        ids::{AlertId, PoolId},
        listing::Listing,
        notice::{Notice, Speaker},
        reading::{DataState, DayReading},
        rule::Figure,
        time::{Day, Timestamp},
        verdict::{Screen, record::Record},
    },
    market::{
        ingest::{Change, HalfEmpty, advance, check_size},
        snapshot::Snapshot,
    },
    render,
    sources::Batch,
};

/// How many days a record looks back, and how many batches say what size is usual.
const RECORD_DAYS: i32 = 60;
const SIZES: usize = 10;

/// A replay in progress.
#[derive(Debug)]
pub struct Replay {
    names: Vec<String>,
    evaluator: Evaluator,
    snapshot: Snapshot,
    screen: Screen,
    days: HashMap<PoolId, BTreeMap<Day, DayReading>>,
    sizes: Vec<u32>,
}

/// One line of a replay's output.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Line {
    Edge(EdgeLine),
    Data(DataLine),
}

/// An edge of an episode. The field order is the order on the line.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EdgeLine {
    pub at: String,
    pub alert: String,
    pub pool: PoolId,
    pub edge: &'static str,
    pub kind: &'static str,
    pub from: Option<f64>,
    pub to: Option<f64>,
    pub since: String,
    pub reason: String,
    /// The time of the reading that completed it.
    #[serde(skip)]
    pub reached_at: Timestamp,
    /// A channel would be told of it.
    #[serde(skip)]
    pub is_told: bool,
    /// The same for a reader.
    #[serde(skip)]
    pub text: String,
}

/// A watched pool whose data cannot be used, or can be used again.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DataLine {
    pub at: String,
    pub pool: PoolId,
    pub edge: &'static str,
    pub state: DataState,
    /// The pool's name for a reader.
    #[serde(skip)]
    pub name: String,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Edge(line) => write!(f, "{}  {}", line.at, line.text),
            Self::Data(line) => {
                write!(
                    f,
                    "{}  data {}: {} ({})",
                    line.at,
                    line.state.slug(),
                    line.name,
                    line.pool
                )
            }
        }
    }
}

impl Replay {
    pub fn new(rules: Vec<NamedRule>, screen: Screen) -> Self {
        let mut evaluator = Evaluator::default();
        let mut names = Vec::with_capacity(rules.len());
        for (id, named) in (0..).zip(rules) {
            names.push(named.name);
            let watched = Watched {
                id: AlertId(id),
                version: 1,
                rule: named.rule,
            };
            evaluator.watch(watched, []);
        }
        Self {
            names,
            evaluator,
            snapshot: Snapshot::default(),
            screen,
            days: HashMap::new(),
            sizes: Vec::new(),
        }
    }

    /// Takes the next batch in, unless it is half empty, and answers with what is said about it.
    pub fn feed(&mut self, batch: Batch) -> Result<Vec<Line>, HalfEmpty> {
        check_size(batch.rows.len(), &self.sizes)?;
        self.sizes
            .push(u32::try_from(batch.rows.len()).unwrap_or(u32::MAX));
        if self.sizes.len() > SIZES {
            self.sizes.remove(0);
        }
        Ok(self.take_in(batch))
    }

    /// Takes a batch in, of whatever size, and answers with what is said about it.
    pub fn take_in(&mut self, batch: Batch) -> Vec<Line> {
        self.work_out_records(batch.fetched_at.day());
        let change = advance(&self.snapshot, batch, &self.screen);
        let steps = self.evaluator.evaluate(&change);
        let mut lines = self.data_lines(&change);
        for step in &steps {
            let (Some(watched), Some(listing)) = (
                self.evaluator.get(step.alert),
                change.snapshot.get(step.pool),
            ) else {
                continue;
            };
            for (edge, fresh) in &step.edges {
                let name = self.name(step.alert);
                let notice = Notice {
                    verdict_before: None,
                    before: None,
                    coin: None,
                    speaker: Speaker::Named(name.to_owned()),
                    rule: &watched.rule,
                    pool: &listing.pool,
                    edge: *edge,
                    at: change.at,
                    reading: &fresh.reading,
                    assessment: &fresh.assessment,
                    source: change.snapshot.origin.source,
                    own_time: listing.own_time,
                    unchanged_since: listing.unchanged_since,
                };
                lines.push(Line::Edge(EdgeLine {
                    at: change.at.rfc3339(),
                    alert: name.to_owned(),
                    pool: step.pool,
                    edge: edge.kind.slug(),
                    kind: watched.rule.condition.kind().slug(),
                    from: edge.from.and_then(Figure::number),
                    to: edge.to.number(),
                    since: edge.since.rfc3339(),
                    reason: render::notice::reason(&notice),
                    reached_at: fresh.reading.at,
                    is_told: edge.kind != EdgeKind::Closed
                        || watched.rule.condition.tells_closing(),
                    text: render::notice::notice_text(&notice, change.at),
                }));
            }
        }
        self.evaluator.apply(&change, steps);
        self.snapshot = change.snapshot;
        self.note_days();
        lines
    }

    fn name(&self, id: AlertId) -> &str {
        usize::try_from(id.0)
            .ok()
            .and_then(|at| self.names.get(at))
            .map_or("", String::as_str)
    }

    /// States of watched pools that are new with this change.
    fn data_lines(&self, change: &Change) -> Vec<Line> {
        let mut changed: Vec<&Listing> = change
            .news
            .iter()
            .map(|news| news.pool)
            .chain(change.restated.iter().copied())
            .filter_map(|pool| change.snapshot.get(pool))
            .filter(|listing| {
                let before = self
                    .snapshot
                    .get(listing.pool.id)
                    .map(|before| before.state);
                listing.state != before.unwrap_or(DataState::Good)
                    && self.evaluator.watches(&listing.pool)
            })
            .collect();
        changed.sort_by_key(|listing| listing.pool.id);
        changed
            .into_iter()
            .map(|listing| {
                Line::Data(DataLine {
                    at: change.at.rfc3339(),
                    pool: listing.pool.id,
                    edge: "data",
                    state: listing.state,
                    name: render::plain_name(&listing.pool),
                })
            })
            .collect()
    }

    fn note_days(&mut self) {
        for listing in self.snapshot.listings() {
            if listing.state == DataState::Good && listing.missed.is_none() {
                let day = DayReading::from(&listing.reading);
                let days = self.days.entry(listing.pool.id).or_default();
                days.insert(day.day, day);
            }
        }
    }

    fn work_out_records(&mut self, today: Day) {
        if self.snapshot.origin.fetched_at.day() == today {
            return;
        }
        let first = Day(today.0 - RECORD_DAYS);
        let mut records = HashMap::with_capacity(self.days.len());
        for (pool, days) in &mut self.days {
            *days = days.split_off(&first);
            let past: Vec<DayReading> = days.range(..today).map(|(_, day)| *day).collect();
            if let Some(found) = Record::of(&past, today) {
                records.insert(*pool, Arc::new(found));
            }
        }
        self.snapshot
            .set_records(|listing| records.get(&listing.pool.id).map(Arc::clone));
    }
}

#[cfg(test)]
mod tests;
