//! How often alerts speak, beside two plain ways of watching, and what each of them catches.
//!
//! The plain ways are what a bot without memory does: say each move of a fifth against the reading
//! before (*bare*), or do so at most once a day for a pool (*cooled*). All see the same batches and the
//! same pools.

use std::collections::{BTreeSet, HashMap};

use super::{
    replay::{Line, Replay},
    rules_file::NamedRule,
};
use crate::{
    domain::{
        ids::PoolId,
        time::{Day, Span, Timestamp},
        verdict::Screen,
    },
    sources::Batch,
};

/// Only pools of at least this TVL in US dollars are watched by the plain ways: below it the source
/// lists none.
pub const FLOOR: f64 = 10_000.0;
/// The move in percent that the plain ways tell.
const MOVE: f64 = 20.0;
/// For so long a cooled pool says nothing more.
const COOLDOWN: Span = Span::hours(24);
/// What is said later than this is not about a collapse any more.
const ABOUT: Span = Span::days(14);

/// A fall that really happened.
#[derive(Debug, Clone, PartialEq)]
pub struct Collapse {
    pub pool: PoolId,
    /// When a reading showed it for the first time.
    pub at: Timestamp,
    /// In words, for the table.
    pub what: String,
}

/// A way of watching.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Way {
    Bare,
    Cooled,
    /// The rules under test.
    Rules,
}

impl Way {
    pub const ALL: [Self; 3] = [Self::Bare, Self::Cooled, Self::Rules];
}

/// What a way has said.
#[derive(Debug, Default)]
pub struct Spoken {
    /// When it told a fall of each pool.
    falls: HashMap<PoolId, Vec<Timestamp>>,
    notices: usize,
}

impl Spoken {
    fn say(&mut self, pool: PoolId, at: Timestamp, is_fall: bool) {
        self.notices += 1;
        if is_fall {
            self.falls.entry(pool).or_default().push(at);
        }
    }

    /// How many notices there were.
    pub const fn notices(&self) -> usize {
        self.notices
    }

    /// When a collapse was told; `None` when it was not.
    fn caught(&self, collapse: &Collapse) -> Option<Timestamp> {
        let falls = self.falls.get(&collapse.pool)?;
        let about = collapse.at..=collapse.at.plus(ABOUT.0);
        falls.iter().copied().filter(|at| about.contains(at)).min()
    }
}

/// What a way said of one collapse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caught {
    /// After the collapse could be known.
    pub after: Span,
    /// Readings of the pool from the one that showed the collapse to the one that told it.
    pub readings: usize,
}

/// A comparison in progress.
#[derive(Debug, Default)]
pub struct Score {
    bare: Spoken,
    cooled: Spoken,
    rules: Spoken,
    days: BTreeSet<Day>,
    collapses: Vec<Collapse>,
    /// When each collapsed pool was read.
    read: HashMap<PoolId, Vec<Timestamp>>,
}

impl Score {
    pub fn new(collapses: Vec<Collapse>) -> Self {
        Self {
            collapses,
            ..Self::default()
        }
    }

    /// Walks one recorded market from its first batch to its last.
    pub fn walk(&mut self, rules: &[NamedRule], batches: impl IntoIterator<Item = Batch>) {
        let mut replay = Replay::new(rules.to_vec(), Screen::default());
        let mut before: HashMap<PoolId, f64> = HashMap::new();
        let mut cooling: HashMap<PoolId, Timestamp> = HashMap::new();
        for batch in batches {
            self.days.insert(batch.fetched_at.day());
            for row in &batch.rows {
                let (pool, at) = (row.pool.id, row.reading.at);
                if self.collapses.iter().any(|collapse| collapse.pool == pool) {
                    self.read.entry(pool).or_default().push(at);
                }
                let now = row.reading.apy.get();
                let was = before.insert(pool, now);
                if row.reading.tvl_usd < FLOOR || !was.is_some_and(|was| has_moved(was, now)) {
                    continue;
                }
                let is_fall = was.is_some_and(|was| now < was);
                self.bare.say(pool, at, is_fall);
                if cooling.get(&pool).is_none_or(|until| at >= *until) {
                    self.cooled.say(pool, at, is_fall);
                    cooling.insert(pool, at.plus(COOLDOWN.0));
                }
            }
            for line in replay.take_in(batch) {
                if let Line::Edge(edge) = line
                    && edge.is_told
                {
                    let is_fall = edge.to < edge.from || edge.to.is_none();
                    self.rules.say(edge.pool, edge.reached_at, is_fall);
                }
            }
        }
    }

    /// How many days had a batch.
    pub fn days(&self) -> usize {
        self.days.len()
    }

    pub const fn spoken(&self, way: Way) -> &Spoken {
        match way {
            Way::Bare => &self.bare,
            Way::Cooled => &self.cooled,
            Way::Rules => &self.rules,
        }
    }

    pub fn collapses(&self) -> &[Collapse] {
        &self.collapses
    }

    /// What a way said of a collapse; `None` when it did not tell it.
    pub fn caught(&self, way: Way, collapse: &Collapse) -> Option<Caught> {
        let told = self.spoken(way).caught(collapse)?;
        let read = self.read.get(&collapse.pool).map_or(&[][..], Vec::as_slice);
        Some(Caught {
            after: Span(told.since(collapse.at)),
            readings: read
                .iter()
                .filter(|at| (collapse.at..=told).contains(at))
                .count(),
        })
    }
}

/// A move by a fifth or more. From nothing, any rate is one.
fn has_moved(was: f64, now: f64) -> bool {
    if was > 0.0 {
        ((now - was) / was * 100.0).abs() >= MOVE
    } else {
        now > 0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        alerting::rules_file,
        market::fixture::{batch, day, id, row},
    };

    /// A rate that doubles and halves each day, and a collapse at its end.
    #[test]
    fn noise_is_counted_and_a_collapse_has_its_delay() {
        let rules = rules_file::parse(
            "[[alert]]\nname = 'low'\nwhen = 'apy_below'\nvalue = 2\nscope = { min_tvl = 1 }",
        )
        .unwrap();
        let rates = [4.0, 8.0, 4.0, 8.0, 1.9, 1.8, 1.8];
        let batches = (0..)
            .zip(rates)
            .map(|(at, apy)| batch(day(at), vec![row(1, apy)]));
        let collapse = Collapse {
            pool: id(1),
            at: day(4),
            what: String::new(),
        };
        let mut score = Score::new(vec![collapse.clone()]);
        score.walk(&rules, batches);
        let notices = Way::ALL.map(|way| score.spoken(way).notices());
        assert_eq!((notices, score.days()), ([4, 4, 1], 7));
        let caught = |way| score.caught(way, &collapse).unwrap();
        assert_eq!(caught(Way::Bare).readings, 1);
        let by_rules = caught(Way::Rules);
        assert_eq!((by_rules.after, by_rules.readings), (Span::days(1), 2));
    }

    #[test]
    fn a_rise_does_not_tell_a_collapse() {
        let rates = [4.0, 2.0, 4.0];
        let batches = (0..)
            .zip(rates)
            .map(|(at, apy)| batch(day(at), vec![row(1, apy)]));
        let collapse = Collapse {
            pool: id(1),
            at: day(2),
            what: String::new(),
        };
        let mut score = Score::new(vec![collapse.clone()]);
        score.walk(&[], batches);
        assert_eq!(score.spoken(Way::Bare).notices(), 2);
        assert_eq!(score.caught(Way::Bare, &collapse), None);
    }
}
