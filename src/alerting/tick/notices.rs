//! From the edges of a change to the notices that go out.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{Servers, State};
use crate::{
    alerting::{evaluator::Step, holds::hold},
    delivery::{
        entry::{Entry, Occasion, Telling, edge_key, opening_key, payload, together_key},
        urgency::Urgency,
    },
    domain::{
        episode::{Edge, EdgeKind},
        ids::{AlertId, PoolId},
        notice::{Notice, Speaker},
        pool::Pool,
        rate::Percent,
        rule::{Figure, Kind},
        time::{Span, Timestamp},
        track::Announcement,
        verdict::Verdict,
    },
    market::ingest::Change,
    render,
    store::track::AnnouncedRow,
};

/// What the notices of a change depend on beside it.
#[derive(Clone, Copy)]
pub(super) struct Around<'a> {
    pub(super) servers: &'a Servers,
    /// The verdicts on pools just before something began.
    pub(super) before: &'a HashMap<(i64, Timestamp), Verdict>,
    pub(super) shelf_life: Span,
}

/// What a change has to say.
pub(super) struct Told {
    /// The notices, as they will go out.
    pub(super) entries: Vec<Entry>,
    /// The verdicts that they tell.
    pub(super) announced: Vec<AnnouncedRow>,
}

/// The notices of a change, and the verdicts that they tell.
pub(super) fn told(state: &State, steps: &[Step], change: &Change, around: Around<'_>) -> Told {
    let Around {
        servers,
        before,
        shelf_life,
    } = around;
    let mut entries = Vec::new();
    let mut announced = Vec::new();
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
            if !is_unsaid {
                announced.extend(Announcement::of(&notice).map(|announcement| AnnouncedRow {
                    no: listing.no,
                    announcement,
                }));
            }
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
    Told {
        entries: told_together(entries, state, change),
        announced,
    }
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
