//! Where an alert stands with each of its pools: what stops it from speaking, or that it has spoken. Pure.

use crate::domain::{
    alert::Rule,
    episode::{Episode, Phase},
    listing::Listing,
    reading::DataState,
    time::Timestamp,
};

/// How far an alert has come with one pool. A later stage is further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// The figures cannot be used, so nothing is decided.
    Data,
    /// The condition is not met.
    Unmet,
    /// It was met when the alert was made, or changed, and is no news until it was not.
    Baseline,
    /// Met since then, and not for long enough.
    Hold { since: Timestamp, until: Timestamp },
    /// Told, and still so; no more than a reminder or something worse is said.
    Open { since: Timestamp },
    /// Told, and cleared since then, but not for long enough.
    Clear { since: Timestamp, until: Timestamp },
}

impl Stage {
    /// Where a rule stands with a pool.
    pub fn of(rule: &Rule, listing: &Listing, episode: &Episode) -> Self {
        let is_unusable =
            listing.state != DataState::Good && !rule.condition.kind().is_beside_figures();
        match episode.phase {
            Phase::Quiet | Phase::Pending { .. } if is_unusable => Self::Data,
            Phase::Open(open) => open.clearing.map_or(
                Self::Open {
                    since: open.opened_at,
                },
                |run| Self::Clear {
                    since: run.since,
                    until: run.since.plus(rule.timing.clear_hold.0),
                },
            ),
            Phase::Pending { run, .. } => Self::Hold {
                since: run.since,
                until: run.since.plus(rule.timing.hold.0),
            },
            Phase::Baseline => Self::Baseline,
            Phase::Quiet => Self::Unmet,
        }
    }
}
