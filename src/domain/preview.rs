//! What an alert would have said, had it been there.

use super::time::{Span, Timestamp};

/// What an alert would have said.
#[derive(Debug, Clone, PartialEq)]
pub struct Preview {
    /// How many days are looked at.
    pub days: u32,
    /// Pools that the rule fits, and of how many of them the past is known.
    pub pools: usize,
    pub covered: usize,
    /// Of so many, the largest, the past is looked at.
    pub looked_at: usize,
    /// When it would have spoken, oldest first; ends are not among them.
    pub spoken: Vec<Timestamp>,
    /// How many ends it would have told.
    pub ends: usize,
    /// For how many pools.
    pub of_pools: usize,
    /// A longer hold with which it would have spoken less often, and how often.
    pub longer: Option<(Span, usize)>,
    /// From then on every reading is known, and one a day before.
    pub exact_since: Timestamp,
    /// Doubtful readings that it would not have acted on.
    pub doubted: usize,
    /// The rule is about the data itself, of which the past keeps nothing.
    pub is_blind: bool,
}
