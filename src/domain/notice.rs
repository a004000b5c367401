//! A notice: one message that tells the edge of an episode.

use serde::{Deserialize, Serialize};

use super::{
    alert::Rule,
    episode::Edge,
    ids::AlertId,
    pool::Pool,
    reading::Reading,
    time::Timestamp,
    verdict::{Assessment, Verdict},
};

/// Who speaks: an alert of a server by its number, or a rule of a file by its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Speaker {
    Alert(AlertId),
    Named(String),
}

/// All that a notice tells, before it is worded.
#[derive(Debug, Clone, PartialEq)]
pub struct Notice<'a> {
    pub speaker: Speaker,
    pub rule: &'a Rule,
    pub pool: &'a Pool,
    pub edge: Edge,
    /// When the edge was reached.
    pub at: Timestamp,
    pub reading: &'a Reading,
    pub assessment: &'a Assessment,
    /// The verdict before the change began, where it is known.
    pub verdict_before: Option<Verdict>,
    /// What the pool showed before its verdict changed, where that is what the notice tells and it is known.
    pub before: Option<Reading>,
    /// The stablecoin that the notice is about, where it is about one.
    pub coin: Option<&'a str>,
    /// Source of the reading, as people know it.
    pub source: &'a str,
    /// The reading's time is the pool's own, not that of the fetch.
    pub own_time: bool,
    /// The figures are unchanged since then.
    pub unchanged_since: Timestamp,
}
