//! What troubles a pool from outside of its own figures: its protocol, and the coins that it holds.
//!
//! A strain is what the sources said twice in a row, so that one slip of theirs is no event. What they say
//! nothing of is not known, and neither begins nor ends anything.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::protocol::{Flag, ProtocolFacts};

/// What troubles one pool.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Strain {
    /// Of its stablecoins the one furthest from its peg. `None` where none is known, or it has none.
    pub peg: Option<OffPeg>,
    /// How its protocol stands. `None` where nothing is known of it.
    pub protocol: Option<Trouble>,
}

/// A stablecoin against what it follows.
#[derive(Debug, Clone, PartialEq)]
pub struct OffPeg {
    pub symbol: Arc<str>,
    /// A fraction: −0.02 is 2 % below. Finite.
    pub deviation: f64,
}

/// How a protocol stands.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trouble {
    /// Nothing bad is known.
    Calm,
    Flagged(Flag),
    /// So much of its TVL left in 24 hours, as a fraction: −0.3 is 30 %.
    Drained(f64),
}

/// From this fall of a protocol's TVL in 24 hours on, it is an incident.
const DRAINED: f64 = -0.30;
/// Only above this fall is it calm again: in between it is neither.
const CALM: f64 = -0.15;
/// US dollars below which a protocol's TVL is moved by anybody.
const NOTABLE_PROTOCOL: f64 = 1e6;

impl Trouble {
    /// What the facts of a protocol say. `None` where they say too little.
    pub fn of(facts: &ProtocolFacts) -> Option<Self> {
        if let Some(flag) = facts.flags.first() {
            return Some(Self::Flagged(*flag));
        }
        let change = facts.tvl_change_1d?;
        let before = facts.tvl_usd? / (1.0 + change);
        // What is left of a drain may be little; what it was counts.
        if change <= DRAINED && (before >= NOTABLE_PROTOCOL || !before.is_finite()) {
            Some(Self::Drained(change))
        } else if change <= DRAINED || change >= CALM {
            Some(Self::Calm)
        } else {
            None
        }
    }

    /// What a pool of the protocol held before the trouble, in US dollars, by what it holds now: the worst
    /// drains end below any floor.
    pub fn held_before(self, tvl_usd: f64) -> f64 {
        match self {
            Self::Drained(change) if change > -1.0 => tvl_usd / (1.0 + change),
            // Of what is gone altogether, or was run off with, nobody knows what it was.
            Self::Drained(_) | Self::Flagged(Flag::Rugged | Flag::Dead) => f64::INFINITY,
            Self::Calm | Self::Flagged(Flag::Deprecated) => tvl_usd,
        }
    }

    pub const fn is_calm(self) -> bool {
        matches!(self, Self::Calm)
    }

    /// What two readings in a row agree on. The earlier may be missing or of another kind: then there
    /// is nothing yet.
    #[must_use]
    pub fn confirmed_by(self, later: Self) -> Option<Self> {
        let agree = match (self, later) {
            (Self::Flagged(before), Self::Flagged(now)) => before == now,
            (Self::Calm, Self::Calm) | (Self::Drained(_), Self::Drained(_)) => true,
            _ => false,
        };
        agree.then_some(later)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::protocol::fixture::named;

    fn facts(flags: &[Flag], tvl_usd: Option<f64>, change: Option<f64>) -> ProtocolFacts {
        ProtocolFacts {
            tvl_usd,
            tvl_change_1d: change,
            flags: flags.iter().copied().collect(),
            ..named("some")
        }
    }

    #[test]
    fn a_flag_or_a_drain_is_trouble_and_silence_is_nothing() {
        let of = |flags: &[Flag], tvl, change| Trouble::of(&facts(flags, tvl, change));
        assert_eq!(
            of(&[], Some(1e8), Some(-0.29)),
            None,
            "neither calm nor drained"
        );
        assert_eq!(of(&[], Some(1e8), Some(-0.14)), Some(Trouble::Calm));
        assert_eq!(
            of(&[], Some(7e7), Some(-0.30)),
            Some(Trouble::Drained(-0.30))
        );
        // Of what it was nothing is known, and all of it is gone.
        assert_eq!(of(&[], Some(0.0), Some(-1.0)), Some(Trouble::Drained(-1.0)));
        assert_eq!(
            of(&[], Some(1e4), Some(-0.9)),
            Some(Trouble::Calm),
            "of a hundred thousand"
        );
        assert_eq!(of(&[], Some(2e5), Some(-0.9)), Some(Trouble::Drained(-0.9)));
        assert_eq!(
            of(&[Flag::Rugged], None, None),
            Some(Trouble::Flagged(Flag::Rugged))
        );
        assert_eq!(of(&[], None, Some(-0.5)), None);
        assert_eq!(of(&[], Some(1e8), None), None);
    }

    #[test]
    fn one_reading_alone_says_nothing() {
        let drained = Trouble::Drained(-0.4);
        assert_eq!(
            drained.confirmed_by(Trouble::Drained(-0.5)),
            Some(Trouble::Drained(-0.5))
        );
        assert_eq!(Trouble::Calm.confirmed_by(drained), None);
        assert_eq!(drained.confirmed_by(Trouble::Calm), None);
        let rugged = Trouble::Flagged(Flag::Rugged);
        assert_eq!(rugged.confirmed_by(rugged), Some(rugged));
        assert_eq!(rugged.confirmed_by(Trouble::Flagged(Flag::Dead)), None);
    }

    #[test]
    fn a_drained_pool_is_measured_by_what_it_held() {
        assert!((Trouble::Drained(-0.9).held_before(1e5) - 1e6).abs() < 1e-3);
        assert!(Trouble::Drained(-1.0).held_before(0.0).is_infinite());
        assert!(
            Trouble::Flagged(Flag::Rugged)
                .held_before(0.0)
                .is_infinite()
        );
        assert!((Trouble::Calm.held_before(5.0) - 5.0).abs() < 1e-12);
    }
}
