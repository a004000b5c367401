//! What a rating agency thinks of a token: a remark beside other figures, and no input of any rule.

use super::time::Timestamp;

/// The ratings of one token. Each may be missing by itself.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Rating {
    /// For the short term, 0–100.
    pub trader: Option<f64>,
    /// For the long term, 0–100.
    pub investor: Option<f64>,
    /// The agency's single grade, 0–100.
    pub overall: Option<f64>,
    pub signal: Option<Signal>,
    /// The newest day that one of them is of.
    pub dated: Option<Timestamp>,
    pub read_at: Timestamp,
}

/// An index that the agency runs itself.
#[derive(Debug, Clone, PartialEq)]
pub struct RatedIndex {
    /// Hostile text until rendered, like the symbols of what it holds.
    pub name: Box<str>,
    pub ticker: Box<str>,
    /// 0–100.
    pub grade: Option<f64>,
    /// By how many percent its price has changed in a month.
    pub change_1m: Option<f64>,
    /// The largest of what it holds, largest first.
    pub largest: Vec<IndexPart>,
}

/// A token of an index.
#[derive(Debug, Clone, PartialEq)]
pub struct IndexPart {
    pub symbol: Box<str>,
    /// Percent of the index.
    pub weight: Option<f64>,
}

/// What the agency would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    Buy,
    Hold,
    Sell,
}
