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
        listing::Listing,
        notice::{Notice, Speaker},
        pool::Pool,
        rate::Percent,
        reading::Reading,
        rule::{Figure, Kind},
        time::{Span, Timestamp},
        track::Announcement,
        verdict::Verdict,
    },
    market::ingest::Change,
    render::{
        self,
        report::{AtOnce, at_once, at_once_text},
    },
    store::track::AnnouncedRow,
};

/// What the notices of a change depend on beside it.
#[derive(Clone, Copy)]
pub(super) struct Around<'a> {
    pub(super) servers: &'a Servers,
    /// The verdicts on pools just before something began.
    pub(super) before: &'a HashMap<(i64, Timestamp), Verdict>,
    /// What pools showed just before their verdicts changed.
    pub(super) shown_before: &'a HashMap<(i64, Timestamp), Reading>,
    pub(super) shelf_life: Span,
}

/// What a change has to say.
pub(super) struct Told {
    /// The notices, as they will go out.
    pub(super) entries: Vec<Entry>,
    /// The verdicts that they tell.
    pub(super) announced: Vec<AnnouncedRow>,
}

impl Told {
    /// None of it is said to anybody; it is only noted that it was not.
    pub(super) fn hush(&mut self) {
        for entry in &mut self.entries {
            entry.telling.is_unsaid = true;
        }
        self.announced.clear();
    }
}

/// The notices of a change, and the verdicts that they tell.
pub(super) fn told(state: &State, steps: &[Step], change: &Change, around: Around<'_>) -> Told {
    let Around {
        servers,
        before,
        shown_before,
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
                before: shown_before.get(&(listing.no, edge.since)).copied(),
                coin: listing.strain.peg.as_ref().map(|peg| &*peg.symbol),
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
                    reader: None,
                    watch: None,
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

/// What happens to many pools at once and is one event then.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Event<'a> {
    /// The data of a protocol's pools goes or comes back.
    Data(&'a str),
    /// Something is said of a protocol.
    Protocol(&'a str),
    /// A stablecoin leaves what it follows, or is back.
    Coin(&'a str),
}

impl<'a> Event<'a> {
    /// What an alert of this kind tells of a pool; `None` where that is the pool's alone.
    fn of(kind: Kind, listing: &'a Listing) -> Option<Self> {
        match kind {
            Kind::ProtocolIncident => Some(Self::Protocol(&listing.pool.protocol)),
            Kind::OffPeg => {
                let peg = listing.strain.peg.as_ref()?;
                Some(Self::Coin(&peg.symbol))
            }
            _ if kind.is_about_data() => Some(Self::Data(&listing.pool.protocol)),
            _ => None,
        }
    }

    const fn least_pools(&self) -> usize {
        match self {
            Self::Data(_) => AT_ONCE,
            Self::Protocol(_) | Self::Coin(_) => 2,
        }
    }

    const fn name(&self) -> &'a str {
        match self {
            Self::Data(name) | Self::Protocol(name) | Self::Coin(name) => name,
        }
    }

    /// What is told of its pools, such as of `listing`.
    fn told(&self, is_back: bool, listing: &Listing) -> AtOnce {
        match self {
            Self::Data(_) => AtOnce::Data { is_back },
            Self::Protocol(_) => AtOnce::Protocol(listing.strain.protocol),
            Self::Coin(_) => AtOnce::Coin {
                deviation: listing.strain.peg.as_ref().map(|peg| peg.deviation),
                is_back,
            },
        }
    }
}

/// Where several pools share one event, one notice says it for all; theirs are kept to be looked up.
fn told_together(mut entries: Vec<Entry>, state: &State, change: &Change) -> Vec<Entry> {
    let kind_of = |alert| {
        let watched = state.evaluator.get(alert)?;
        Some(watched.rule.condition.kind())
    };
    let mut groups: BTreeMap<_, BTreeMap<PoolId, Vec<usize>>> = BTreeMap::new();
    for (at, entry) in entries.iter().enumerate() {
        let listing = entry.pool.and_then(|pool| change.snapshot.get(pool));
        let Some((kind, listing)) = kind_of(entry.alert).zip(listing) else {
            continue;
        };
        let Some(event) = Event::of(kind, listing) else {
            continue;
        };
        let held = entry.telling.hold.map(|hold| (hold.until, hold.why.slug()));
        let (place, edge) = (entry.destination, entry.occasion.slug());
        let group = groups.entry((place, event, edge, held)).or_default();
        group.entry(listing.pool.id).or_default().push(at);
    }
    let mut together = Vec::new();
    for ((_, event, edge, _), of_group) in groups {
        let members: Vec<usize> = of_group.values().flatten().copied().collect();
        let mut listings: Vec<&Listing> = of_group
            .keys()
            .filter_map(|pool| change.snapshot.get(*pool))
            .collect();
        // The largest first, since not all are named.
        listings.sort_by(|one, other| other.reading.tvl_usd.total_cmp(&one.reading.tvl_usd));
        let (Some(first), Some(one)) = (members.first().copied(), listings.first()) else {
            continue;
        };
        if of_group.len() < event.least_pools() {
            continue;
        }
        let pools: Vec<&Pool> = listings.iter().map(|listing| &*listing.pool).collect();
        let keys: Vec<[u8; 32]> = members.iter().map(|at| entries[*at].dedup_key).collect();
        let alerts: BTreeSet<AlertId> = members.iter().map(|at| entries[*at].alert).collect();
        let alerts: Vec<AlertId> = alerts.into_iter().collect();
        let told = event.told(edge == EdgeKind::Closed.slug(), one);
        together.push(Entry {
            dedup_key: together_key(&keys),
            pool: None,
            occasion: Occasion::Outage,
            payload: payload(&at_once(event.name(), told, &pools, &alerts)),
            summary: at_once_text(event.name(), told, pools.len()),
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
        Kind::VerdictWorsens
        | Kind::VerdictBecomes
        | Kind::TvlDrop
        | Kind::PoolGone
        | Kind::OffPeg
        | Kind::ProtocolIncident => Urgency::Critical,
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
