//! Whose turn it is: one thing at a time for a destination, the oldest first; between destinations
//! the urgent ones first and then in a circle.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{
    post::{Turn, Waits},
    state::State,
    urgency::Urgency,
};
use crate::{
    domain::{ids::DestinationId, time::Timestamp},
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
}

/// Plans for destinations that are not `busy`; the circle begins after `cursor`.
pub(super) fn plan(
    queue: Queue<'_>,
    busy: &HashSet<DestinationId>,
    cursor: DestinationId,
    now: Timestamp,
    waits: &Waits,
) -> Plan {
    let Queue {
        open,
        edits,
        untold,
        gathering,
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
    plan.jobs.sort_by_key(|(destination, urgency, job)| {
        // A look takes no place from what is sent.
        let sends = !matches!(job, Job::Look(_));
        (sends, *urgency, *destination <= cursor, *destination)
    });
    plan
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
