//! What has gone wrong with protocols in the past.

use super::time::Timestamp;

/// A theft, an exploit or a flight with the money.
#[derive(Debug, Clone, PartialEq)]
pub struct Incident {
    /// The day on which it happened.
    pub at: Timestamp,
    /// Whom it happened to, as the list names them. Hostile text until rendered.
    pub name: Box<str>,
    /// How it was done (`Donation Attack`).
    pub technique: Option<Box<str>>,
    /// US dollars that were taken, not negative.
    pub amount_usd: Option<f64>,
    /// Display names of the chains on which it happened.
    pub chains: Box<[Box<str>]>,
    /// The list says that it was a bridge.
    pub bridge: bool,
    /// The number of the protocol in the source of protocols, where the list names one.
    pub protocol: Option<Box<str>>,
}
