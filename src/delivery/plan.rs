//! Whose turn it is: one thing at a time for a destination, the oldest first; between destinations
//! the urgent ones first, and then one of each server before a second one of any, the server first that has
//! waited longest: one with fifty channels does not keep those with one waiting.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{
    post::{Turn, Waits},
    state::State,
    urgency::Urgency,
};
use crate::{
    domain::{
        ids::{DestinationId, Home},
        time::Timestamp,
    },
    store::{
        outbox::Untold,
        posts::{Edit, Kept},
    },
};

/// Something to do for a destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Job {
    /// Make a post of what waits, and send it.
    Compose,
    Send(Kept),
    Look(Kept),
    Edit(Edit),
}

/// What is to be done now, in this order, and when there will be something more.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) jobs: Vec<(DestinationId, Urgency, Job)>,
    pub(super) next: Option<Timestamp>,
}

/// All about which something is to be done.
pub(super) struct Queue<'a> {
    /// Posts, oldest first for each destination.
    pub(super) open: Vec<Kept>,
    pub(super) edits: &'a [Edit],
    pub(super) untold: &'a [Untold],
    /// What waits for one of these destinations is not told before then.
    pub(super) gathering: &'a HashMap<DestinationId, Timestamp>,
    /// Whose destinations are.
    pub(super) homes: &'a dyn Fn(DestinationId) -> Option<Home>,
}

/// Who was served when.
#[derive(Debug, Default)]
pub(super) struct Turns {
    count: u64,
    places: HashMap<DestinationId, u64>,
    homes: HashMap<Home, u64>,
}

impl Turns {
    /// It was this destination's turn.
    pub(super) fn serve(&mut self, place: DestinationId, home: Option<Home>) {
        self.count += 1;
        self.places.insert(place, self.count);
        if let Some(home) = home {
            self.homes.insert(home, self.count);
        }
    }

    /// The later, the more recently; 0 for never.
    fn of(&self, place: DestinationId, home: Option<Home>) -> (u64, u64) {
        let place = self.places.get(&place).copied().unwrap_or(0);
        // One of whom nothing is known takes turns for itself.
        let home = home.map_or(place, |home| self.homes.get(&home).copied().unwrap_or(0));
        (home, place)
    }
}

/// Plans for destinations that are not `busy`.
pub(super) fn plan(
    queue: Queue<'_>,
    busy: &HashSet<DestinationId>,
    turns: &Turns,
    now: Timestamp,
    waits: &Waits,
) -> Plan {
    let Queue {
        open,
        edits,
        untold,
        gathering,
        homes,
    } = queue;
    let urgencies: HashMap<DestinationId, Urgency> = untold
        .iter()
        .map(|one| (one.destination, one.urgency))
        .collect();
    let mut lines: BTreeMap<DestinationId, Vec<Kept>> = BTreeMap::new();
    for kept in open {
        lines.entry(kept.destination).or_default().push(kept);
    }
    let mut first_edits: HashMap<DestinationId, Edit> = HashMap::new();
    for edit in edits {
        let first = first_edits.entry(edit.destination).or_insert(*edit);
        if edit.at < first.at {
            *first = *edit;
        }
    }
    let others = first_edits.keys().copied();
    for destination in untold.iter().map(|one| one.destination).chain(others) {
        lines.entry(destination).or_default();
    }
    let mut plan = Plan::default();
    for (destination, line) in lines {
        if busy.contains(&destination) {
            continue;
        }
        let waiting = urgencies.get(&destination).copied();
        let gathers = gathering.get(&destination).filter(|until| **until > now);
        let untold = match (waiting, gathers) {
            (None, _) => Wait::Nothing,
            (Some(_), Some(until)) => Wait::Until(*until),
            (Some(_), None) => Wait::Over,
        };
        let edit = first_edits.get(&destination).copied();
        let is_pressing = waiting == Some(Urgency::Critical) && matches!(untold, Wait::Over);
        match first(line, untold, edit.filter(|_| !is_pressing), now, waits) {
            Ok(job) => {
                let urgency = match job {
                    Job::Edit(_) => Urgency::Digest,
                    _ => waiting.unwrap_or(Urgency::Normal),
                };
                plan.jobs.push((destination, urgency, job));
            }
            Err(Some(at)) => plan.next = Some(plan.next.map_or(at, |next| next.min(at))),
            Err(None) => {}
        }
    }
    plan.jobs = in_turn(plan.jobs, turns, homes);
    plan
}

/// In the order in which they are done.
fn in_turn(
    mut jobs: Vec<(DestinationId, Urgency, Job)>,
    turns: &Turns,
    homes: &dyn Fn(DestinationId) -> Option<Home>,
) -> Vec<(DestinationId, Urgency, Job)> {
    // A look takes no place from what is sent.
    let rank = |urgency: Urgency, job: &Job| (!matches!(job, Job::Look(_)), urgency);
    jobs.sort_by_cached_key(|(place, urgency, job)| {
        let (_, last) = turns.of(*place, None);
        (rank(*urgency, job), last, *place)
    });
    let mut before: HashMap<_, u32> = HashMap::new();
    let mut in_turn: Vec<_> = jobs
        .into_iter()
        .map(|(place, urgency, job)| {
            let (home, rank) = (homes(place), rank(urgency, &job));
            let nth = before.entry((home.ok_or(place), rank)).or_default();
            *nth += 1;
            let turn = (rank, *nth, turns.of(place, home), place);
            (turn, (place, urgency, job))
        })
        .collect();
    in_turn.sort_by_key(|(turn, _)| *turn);
    in_turn.into_iter().map(|(_, job)| job).collect()
}

/// What there is to tell that no post tells yet.
#[derive(Debug, Clone, Copy)]
enum Wait {
    Nothing,
    /// It still gathers.
    Until(Timestamp),
    Over,
}

/// The first thing to do for one destination, or when there is one.
fn first(
    line: Vec<Kept>,
    untold: Wait,
    edit: Option<Edit>,
    now: Timestamp,
    waits: &Waits,
) -> Result<Job, Option<Timestamp>> {
    let mut next: Option<Timestamp> = None;
    let mut sweep = None;
    for kept in line {
        match kept.post.turn(now, waits) {
            Turn::Send => return Ok(Job::Send(kept)),
            Turn::Look if kept.post.state == State::Delivered => {
                sweep.get_or_insert(kept);
            }
            Turn::Look => return Ok(Job::Look(kept)),
            Turn::Rest(at) => {
                next = Some(next.map_or(at, |next| next.min(at)));
                // What comes after an open post waits for it; one that was delivered holds up nothing.
                if kept.post.state != State::Delivered {
                    return Err(next);
                }
            }
            Turn::Nothing => {}
        }
    }
    if let Some(kept) = sweep {
        return Ok(Job::Look(kept));
    }
    let mut sooner = |at: Timestamp| next = Some(next.map_or(at, |next| next.min(at)));
    match edit {
        Some(edit) if edit.at <= now => return Ok(Job::Edit(edit)),
        Some(edit) => sooner(edit.at),
        None => {}
    }
    match untold {
        Wait::Over => return Ok(Job::Compose),
        Wait::Until(at) => sooner(at),
        Wait::Nothing => {}
    }
    Err(next)
}

#[cfg(test)]
mod tests;
