//! What is known of a protocol beside its pools: what it is, how it does, and what it earns.
//!
//! Whatever a source leaves out is unknown. An empty set of flags says that nothing bad was stated,
//! and not that the protocol is sound.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::time::Timestamp;

/// A protocol as the source of protocols describes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProtocolFacts {
    /// The source's number for it, by which incidents name it.
    pub id: Box<str>,
    /// By which pools name it (`aave-v3`).
    pub slug: Box<str>,
    /// Its name for people. Hostile text until rendered.
    pub name: Box<str>,
    /// The source's own word (`Lending`, `Dexs`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<Box<str>>,
    /// The symbol of its token. `None` where there is no token or none is stated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub symbol: Option<Box<str>>,
    /// The slug of the family that it belongs to: `aave` for `aave-v3`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<Box<str>>,
    /// Display names of the chains that it is on.
    pub chains: Box<[Box<str>]>,
    /// US dollars in it, not negative.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tvl_usd: Option<f64>,
    /// Change of the TVL in 24 hours as a fraction of what it was: −0.3 is a fall by 30 %; not below −1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tvl_change_1d: Option<f64>,
    /// The same over 7 days.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tvl_change_7d: Option<f64>,
    /// Since when the source lists it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listed_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audits: Option<Audits>,
    pub flags: BTreeSet<Flag>,
}

/// What the source warns of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Flag {
    /// Its makers ran off with what was in it.
    Rugged,
    /// It is being wound down in favour of something else.
    Deprecated,
    /// It is not run any more, or will not be from a day on.
    Dead,
}

/// What the source says of a protocol's audits; it says nothing of how good they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Audits {
    None,
    /// A part may be unaudited.
    Partly,
    Audited,
    /// It is made after another protocol that is audited.
    ForkOfAudited,
}

impl Audits {
    /// Reads the source's code: 0 none, 1 in part, 2 audited, 3 a fork of what is audited.
    pub const fn from_code(code: u32) -> Option<Self> {
        match code {
            0 => Some(Self::None),
            1 => Some(Self::Partly),
            2 => Some(Self::Audited),
            3 => Some(Self::ForkOfAudited),
            _ => None,
        }
    }
}

/// What people paid to use a protocol, and what of it the protocol kept. US dollars, which may be
/// negative: the source books refunds and losses so. A day's figure is revised for days, so only
/// weeks and months are kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fees {
    pub slug: Box<str>,
    /// The slug of the family that the protocol belongs to.
    pub parent: Option<Box<str>>,
    pub fees_7d: Option<f64>,
    pub fees_30d: Option<f64>,
    /// The protocol's own part of the fees, which depositors do not get.
    pub revenue_7d: Option<f64>,
    pub revenue_30d: Option<f64>,
}

impl Fees {
    /// What depositors got in 7 days: fees less revenue. `None` where either is unknown.
    pub fn supply_side_7d(&self) -> Option<f64> {
        Some(self.fees_7d? - self.revenue_7d?)
    }

    /// What depositors got in 30 days: fees less revenue. `None` where either is unknown.
    pub fn supply_side_30d(&self) -> Option<f64> {
        Some(self.fees_30d? - self.revenue_30d?)
    }
}

/// Of whom the fees were found that were asked for by a protocol's slug.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FeesOf {
    /// Of the protocol itself.
    Protocol,
    /// Of the whole family: more than the protocol's own, and to be held against the family's TVL.
    Family,
}

#[cfg(test)]
pub(crate) mod fixture {
    use super::ProtocolFacts;

    /// A protocol of which nothing is known but what it is called.
    pub(crate) fn named(slug: &str) -> ProtocolFacts {
        ProtocolFacts {
            id: "1".into(),
            slug: slug.into(),
            name: slug.into(),
            category: None,
            symbol: None,
            parent: None,
            chains: Box::default(),
            tvl_usd: None,
            tvl_change_1d: None,
            tvl_change_7d: None,
            listed_at: None,
            audits: None,
            flags: std::collections::BTreeSet::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fees(fees_30d: Option<f64>, revenue_30d: Option<f64>) -> Fees {
        Fees {
            slug: "aave-v3".into(),
            parent: None,
            fees_7d: None,
            fees_30d,
            revenue_7d: Some(1.0),
            revenue_30d,
        }
    }

    #[test]
    fn depositors_get_what_the_protocol_does_not_keep() {
        assert_eq!(fees(Some(100.0), Some(15.0)).supply_side_30d(), Some(85.0));
        assert_eq!(fees(Some(-16.0), Some(0.0)).supply_side_30d(), Some(-16.0));
        assert_eq!(fees(None, Some(15.0)).supply_side_30d(), None);
        // Revenue that is not stated is not zero.
        assert_eq!(fees(Some(100.0), None).supply_side_30d(), None);
        assert_eq!(fees(Some(100.0), None).supply_side_7d(), None);
    }

    #[test]
    fn audits_have_four_codes() {
        assert_eq!(Audits::from_code(0), Some(Audits::None));
        assert_eq!(Audits::from_code(3), Some(Audits::ForkOfAudited));
        assert_eq!(Audits::from_code(4), None);
    }
}
