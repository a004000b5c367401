//! What a person has watched for them, and when there is something to write to them about. Pure: what is seen
//! of their positions goes in, the next state and what is news come out.
//!
//! A condition holds before it is told and is told once more when it is over, by the same [`Episode`] as the
//! alerts of channels. A reminder is told once for its day.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::{
    currency::Exchange,
    episode::{Edge, Episode, Timing},
    ids::{GoalId, PoolId, PositionId, WatchId},
    income::Line,
    money::Money,
    rate::Percent,
    time::{Day, Span, Timestamp},
    verdict::Verdict,
};

mod says;

pub use says::is_enough;
use says::{Says, better_says, goal_says, rate_says};

/// What is watched.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "what")]
pub enum What {
    /// The income of all positions is under the goal that was kept last.
    Goal,
    /// A verdict is worse than it was.
    Verdict { of: Of },
    /// A pool is no longer listed by its source.
    Gone { of: Of },
    /// A rate is under so many percent.
    Rate { of: Of, under: Percent },
    /// A lock ends within so many days.
    Unlock { days: u16 },
    /// A position would earn so much more a year elsewhere, at no more risk; any more where it is `None`.
    Better { least: Option<Money> },
    /// The last review was so many days ago.
    Review { days: u16 },
    /// Income that was expected is not logged; told again after so many days.
    Payouts { days: u16 },
}

impl What {
    /// The pool that it names.
    pub const fn pool(&self) -> Option<PoolId> {
        match self {
            Self::Verdict { of: Of::Pool(id) }
            | Self::Gone { of: Of::Pool(id) }
            | Self::Rate {
                of: Of::Pool(id), ..
            } => Some(*id),
            _ => None,
        }
    }
}

/// Whose verdict or rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Of {
    /// Of everything that is held at the time.
    Mine,
    Pool(PoolId),
}

/// What a person has watched, and where it stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Watch {
    pub what: What,
    pub timing: Timing,
    /// Nothing is looked at before then.
    pub paused_until: Option<Timestamp>,
    /// When it was set, for reminders that count from it.
    pub set_at: Timestamp,
    /// The market's batch that last changed anything about it; the same one does not count twice.
    counted: Option<Timestamp>,
    subjects: Vec<Stands>,
    /// The number of the next subject; none is given twice.
    next_no: u32,
}

/// A watch that somebody keeps, with its number.
#[derive(Debug, Clone, PartialEq)]
pub struct KeptWatch {
    pub id: WatchId,
    pub watch: Watch,
}

/// One thing that a watch is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// All that is held.
    Whole,
    /// All that is held, by this goal.
    Goal(GoalId),
    Position(PositionId),
    Pool(PoolId),
}

/// Where a watch stands with one of its subjects.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Stands {
    /// Its number within the watch, by which what is told of it is known again: a pool's own number would
    /// show what somebody holds.
    no: u32,
    subject: Subject,
    episode: Episode,
    /// The day of which was last reminded, and how often that was done.
    reminded: Option<Day>,
    reminders: u32,
}

/// A pool as it is seen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PoolSeen {
    /// The one that it goes on as, where the source gave it another key.
    pub id: PoolId,
    /// `None` without a reading that can be used: then nothing of the pool is judged.
    pub rate: Option<Percent>,
    pub verdict: Verdict,
    /// Its source lists it.
    pub is_listed: bool,
}

/// A goal as it is seen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GoalSeen {
    pub id: GoalId,
    /// How much of it the income reaches, 1 being all; `None` without an exchange rate.
    pub reached: Option<f64>,
}

/// A place that pays more for a position, at no more risk.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Elsewhere {
    pub pool: PoolId,
    pub rate: Percent,
    /// US dollars a year, before what the move costs.
    pub yearly_usd: Decimal,
}

/// What is seen at one moment.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// When the market's batch was read.
    pub read_at: Timestamp,
    /// The source of the market has been silent for too long: no condition is judged.
    pub is_silent: bool,
    /// The day of its owner, which for reminders begins in the morning.
    pub today: Day,
    pub lines: &'a [Line],
    /// Pools that a watch names or a position lies in, by the key that these have.
    pub pools: &'a BTreeMap<PoolId, PoolSeen>,
    /// The goal that was kept last.
    pub goal: Option<GoalSeen>,
    /// Where each position would gain most, or nothing; positions that cannot be compared are missing.
    /// `None` where it was not looked at.
    pub better: Option<&'a BTreeMap<PositionId, Option<Elsewhere>>>,
    pub exchange: &'a Exchange,
    pub reviewed_at: Option<Timestamp>,
    /// Pay-outs that are over and not logged; `None` where it was not looked at.
    pub unlogged: Option<usize>,
}

/// Something to write about.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct News {
    pub subject: Subject,
    /// The number of the subject within its watch.
    pub no: u32,
    pub told: Told,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Told {
    Edge(Edge),
    /// It is due on this day; the how manieth reminder of the subject it is, from 1.
    Reminder {
        day: Day,
        nth: u32,
    },
}

/// A place that pays more comes and goes with its readings; it is news again after so long without any.
const BETTER_AGAIN: Span = Span::days(7);
/// A lock that ended so many days ago and was not told, since nobody ran, is told late.
const LATE_DAYS: i32 = 7;

impl Watch {
    pub fn new(what: What, timing: Timing, now: Timestamp) -> Self {
        let timing = match what {
            What::Better { .. } => Timing {
                clear_hold: timing.clear_hold.max(BETTER_AGAIN),
                ..timing
            },
            _ => timing,
        };
        Self {
            what,
            timing,
            paused_until: None,
            set_at: now,
            counted: None,
            subjects: Vec::new(),
            next_no: 0,
        }
    }

    /// It rests until then, or looks again where that is `None`. What has not held for long enough has to
    /// hold anew.
    #[must_use]
    pub fn resting(mut self, until: Option<Timestamp>) -> Self {
        self.paused_until = until;
        self.interrupted()
    }

    /// Nobody looked for a while: what has not held for long enough has to hold anew.
    #[must_use]
    pub fn interrupted(mut self) -> Self {
        for stands in &mut self.subjects {
            stands.episode = stands.episode.interrupted();
        }
        self
    }

    /// Whether it rests at that moment.
    pub fn is_paused(&self, now: Timestamp) -> bool {
        self.paused_until.is_some_and(|until| now < until)
    }

    /// Subjects of which something was told that is not over.
    pub fn open(&self) -> usize {
        self.opened().count()
    }

    /// The number of each such subject, and of its episode.
    pub fn opened(&self) -> impl Iterator<Item = (u32, u32)> {
        let open = self.subjects.iter().filter(|it| it.episode.is_open());
        open.map(|it| (it.no, it.episode.number))
    }

    /// What was to be told of a subject has reached nobody, so that it is news once more.
    pub fn untold(&mut self, no: u32) {
        for stands in self.subjects.iter_mut().filter(|it| it.no == no) {
            stands.episode = stands.episode.unopened();
        }
    }

    /// Subjects of which something will be told if it stays so.
    pub fn pending(&self) -> usize {
        let pending = self.subjects.iter().filter(|it| it.episode.is_pending());
        pending.count()
    }

    /// Takes what is seen for how it was when the watch was set. Nothing of it is told.
    pub fn begin(&mut self, seen: &Seen<'_>) {
        self.judge(seen);
    }

    /// What is news since the last look. What cannot be decided for want of data changes nothing, and what
    /// is no longer held is forgotten.
    pub fn look(&mut self, seen: &Seen<'_>) -> Vec<News> {
        self.forget_gone(seen);
        let mut news = self.reminders(seen);
        news.extend(self.judge(seen));
        news
    }

    /// The same where time has passed that this state does not know of, as after a restore: all of it may have
    /// been told, so nothing is, and what is true now is silent until it is not.
    pub fn catch_up(&mut self, seen: &Seen<'_>) {
        self.look(seen);
        for stands in &mut self.subjects {
            stands.episode = stands.episode.joined_late();
        }
    }

    fn judge(&mut self, seen: &Seen<'_>) -> Vec<News> {
        let mut news = Vec::new();
        if seen.is_silent || self.counted == Some(seen.read_at) {
            return news;
        }
        let before = self.subjects.clone();
        for (subject, says) in self.conditions(seen) {
            let timing = self.timing;
            let stands = self.stands(subject);
            let Some(judgement) = says.judgement(&stands.episode) else {
                continue;
            };
            if let Says::Verdict(verdict) = says {
                stands.episode = stands.episode.measured_from(verdict, seen.read_at);
            }
            let (episode, edge) = stands.episode.step(judgement, seen.read_at, timing);
            stands.episode = episode;
            let no = stands.no;
            news.extend(edge.map(|edge| News {
                subject,
                no,
                told: Told::Edge(edge),
            }));
        }
        if self.subjects != before {
            self.counted = Some(seen.read_at);
        }
        news
    }

    fn stands(&mut self, subject: Subject) -> &mut Stands {
        let known = self.subjects.iter().position(|it| it.subject == subject);
        let at = known.unwrap_or_else(|| {
            self.subjects.push(Stands {
                no: self.next_no,
                subject,
                episode: Episode::default(),
                reminded: None,
                reminders: 0,
            });
            self.next_no = self.next_no.saturating_add(1);
            self.subjects.len() - 1
        });
        &mut self.subjects[at]
    }

    fn conditions(&self, seen: &Seen<'_>) -> Vec<(Subject, Says)> {
        match self.what {
            What::Goal => {
                let goal = seen.goal.into_iter();
                goal.map(|it| (Subject::Goal(it.id), goal_says(&it, seen.lines)))
                    .collect()
            }
            What::Verdict { of } => {
                let pools = pools(of, seen.lines, seen).into_iter();
                let says = pools.map(|pool| (Subject::Pool(pool.id), Says::verdict(pool)));
                says.collect()
            }
            What::Gone { of } => {
                let pools = pools(of, seen.lines, seen).into_iter();
                let says = pools.map(|pool| (Subject::Pool(pool.id), Says::Listed(pool.is_listed)));
                says.collect()
            }
            What::Rate { of, under } => {
                let lies_in_one = |line: &&Line| is_in_one_pool(line);
                let (alone, others): (Vec<&Line>, Vec<&Line>) =
                    seen.lines.iter().partition(lies_in_one);
                let pools = pools(of, alone.iter().copied(), seen).into_iter();
                let says = pools.map(|pool| (Subject::Pool(pool.id), rate_says(pool.rate, under)));
                // What lies in no pool, or in layers, pays a rate of its own.
                let others = others.into_iter().filter(|_| of == Of::Mine);
                let others = others.map(|line| {
                    let subject = Subject::Position(line.position.id);
                    (subject, rate_says(line.rate, under))
                });
                says.chain(others).collect()
            }
            What::Better { least } => {
                let found = seen.better.into_iter().flatten();
                let says = found.map(|(id, found)| {
                    (
                        Subject::Position(*id),
                        better_says(*found, least, seen.exchange),
                    )
                });
                says.collect()
            }
            What::Unlock { .. } | What::Review { .. } | What::Payouts { .. } => Vec::new(),
        }
    }

    fn reminders(&mut self, seen: &Seen<'_>) -> Vec<News> {
        let due = self.due(seen).into_iter();
        let fresh = due.filter_map(|(subject, day)| {
            let stands = self.stands(subject);
            if stands.reminded == Some(day) {
                return None;
            }
            stands.reminded = Some(day);
            stands.reminders = stands.reminders.saturating_add(1);
            let nth = stands.reminders;
            Some(News {
                subject,
                no: stands.no,
                told: Told::Reminder { day, nth },
            })
        });
        fresh.collect()
    }

    /// What is due, each with its day.
    fn due(&self, seen: &Seen<'_>) -> Vec<(Subject, Day)> {
        let today = seen.today;
        match self.what {
            What::Unlock { days } => {
                // What was over when it was set is no news.
                let first = Day(today.0 - LATE_DAYS).max(self.set_at.day());
                let soon = first..=Day(today.0 + i32::from(days));
                let locks = seen.lines.iter().filter_map(|line| {
                    let until = line.position.stake.lock_until?;
                    let subject = Subject::Position(line.position.id);
                    soon.contains(&until).then_some((subject, until))
                });
                locks.collect()
            }
            What::Review { days } => {
                let last = seen.reviewed_at.unwrap_or(self.set_at).day();
                let due = Day(last.0 + i32::from(days));
                let is_due = due <= today && !seen.lines.is_empty();
                is_due
                    .then_some((Subject::Whole, due))
                    .into_iter()
                    .collect()
            }
            What::Payouts { .. } => {
                let are_some = seen.unlogged.is_some_and(|unlogged| unlogged > 0);
                let is_due = self.asks_for_ledger(today) && are_some;
                is_due
                    .then_some((Subject::Whole, today))
                    .into_iter()
                    .collect()
            }
            What::Goal
            | What::Verdict { .. }
            | What::Gone { .. }
            | What::Rate { .. }
            | What::Better { .. } => Vec::new(),
        }
    }

    /// Whether it wants to know on that day what of the income is not logged.
    pub fn asks_for_ledger(&self, today: Day) -> bool {
        let What::Payouts { days } = self.what else {
            return false;
        };
        let last = self.subjects.iter().find_map(|it| it.reminded);
        last.is_none_or(|last| last.0 + i32::from(days) <= today.0)
    }

    /// Forgets what is held no longer, so that it is new when it comes again.
    fn forget_gone(&mut self, seen: &Seen<'_>) {
        let named = self.what.pool();
        let held = seen.lines.iter();
        let held = held.flat_map(|line| line.position.stake.pools());
        let meant: Vec<PoolId> = held.chain(named).collect();
        let goes_on = |id: PoolId| seen.pools.get(&id).map(|pool| pool.id);
        self.subjects.retain(|it| match it.subject {
            Subject::Whole => true,
            Subject::Goal(id) => seen.goal.is_some_and(|goal| goal.id == id),
            Subject::Position(id) => seen.lines.iter().any(|line| line.position.id == id),
            Subject::Pool(id) => meant
                .iter()
                .any(|meant| *meant == id || goes_on(*meant) == Some(id)),
        });
    }
}

/// What earns in one pool and nowhere else pays what the pool pays.
fn is_in_one_pool(line: &Line) -> bool {
    matches!(&line.position.stake.layers[..], [only] if only.pool().is_some())
}

/// The pools that are meant, each once.
fn pools<'a>(of: Of, lines: impl IntoIterator<Item = &'a Line>, seen: &Seen<'_>) -> Vec<PoolSeen> {
    let meant: Vec<PoolId> = match of {
        Of::Pool(pool) => vec![pool],
        Of::Mine => {
            let held = lines.into_iter();
            held.flat_map(|line| line.position.stake.pools()).collect()
        }
    };
    let seen = meant.into_iter().filter_map(|id| seen.pools.get(&id));
    let once: BTreeMap<PoolId, PoolSeen> = seen.map(|pool| (pool.id, *pool)).collect();
    once.into_values().collect()
}

#[cfg(test)]
mod tests;
