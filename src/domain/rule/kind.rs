//! The kinds of condition, and what each of them takes.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use super::LONGEST_WINDOW;
use crate::domain::{episode::Timing, time::Span};

/// The kinds of condition, by the name that rules files, options and the store use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    ApyAbove,
    ApyBelow,
    ApyChange,
    VerdictWorsens,
    VerdictBecomes,
    BaseShareBelow,
    RewardsEnd,
    TvlDrop,
    #[serde(rename = "over_100")]
    Over100,
    PoolGone,
    Stale,
    OffPeg,
    ProtocolIncident,
    NewSustainable,
}

impl Kind {
    pub const ALL: [Self; 14] = [
        Self::ApyAbove,
        Self::ApyBelow,
        Self::ApyChange,
        Self::VerdictWorsens,
        Self::VerdictBecomes,
        Self::BaseShareBelow,
        Self::RewardsEnd,
        Self::TvlDrop,
        Self::Over100,
        Self::PoolGone,
        Self::Stale,
        Self::OffPeg,
        Self::ProtocolIncident,
        Self::NewSustainable,
    ];

    pub const fn slug(self) -> &'static str {
        match self {
            Self::ApyAbove => "apy_above",
            Self::ApyBelow => "apy_below",
            Self::ApyChange => "apy_change",
            Self::VerdictWorsens => "verdict_worsens",
            Self::VerdictBecomes => "verdict_becomes",
            Self::BaseShareBelow => "base_share_below",
            Self::RewardsEnd => "rewards_end",
            Self::TvlDrop => "tvl_drop",
            Self::Over100 => "over_100",
            Self::PoolGone => "pool_gone",
            Self::Stale => "stale",
            Self::OffPeg => "off_peg",
            Self::ProtocolIncident => "protocol_incident",
            Self::NewSustainable => "new_sustainable",
        }
    }

    pub fn parse(slug: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.slug() == slug)
    }

    /// The window that a condition looks back over when none is given; `None` where it looks at the
    /// present alone.
    pub const fn default_window(self) -> Option<Span> {
        match self {
            Self::ApyChange => Some(Span::days(1)),
            Self::TvlDrop | Self::VerdictWorsens | Self::VerdictBecomes | Self::RewardsEnd => {
                Some(Span::days(7))
            }
            Self::NewSustainable => Some(LONGEST_WINDOW),
            Self::ApyAbove
            | Self::ApyBelow
            | Self::BaseShareBelow
            | Self::Over100
            | Self::PoolGone
            | Self::Stale
            | Self::OffPeg
            | Self::ProtocolIncident => None,
        }
    }

    /// It watches whether there are figures, and not the figures.
    pub const fn is_about_data(self) -> bool {
        matches!(self, Self::PoolGone | Self::Stale)
    }

    /// It watches what troubles a pool from outside, and not the pool's own figures.
    pub const fn is_about_strain(self) -> bool {
        matches!(self, Self::OffPeg | Self::ProtocolIncident)
    }

    /// It watches something else than the pool's figures, which can happen to many pools at once and is
    /// one event then.
    pub const fn is_beside_figures(self) -> bool {
        self.is_about_data() || self.is_about_strain()
    }

    /// The timing of an alert of this kind that asks for none, where others take `usual`. A state of
    /// the data rests on several answers already, and an incident on two.
    pub const fn timing(self, usual: Timing) -> Timing {
        if self.is_about_data() || matches!(self, Self::ProtocolIncident) {
            Timing::AT_ONCE
        } else {
            usual
        }
    }

    /// Past a smaller figure it is worse, and not past a larger one.
    pub(super) const fn falls(self) -> bool {
        matches!(self, Self::ApyBelow | Self::BaseShareBelow)
    }

    /// What its value may be, with how that is said; `None` for a kind that takes none.
    pub(super) const fn values(self) -> Option<(RangeInclusive<f64>, &'static str)> {
        // The smallest number above 0: a threshold at 0 itself would be met by everything.
        const ABOVE_0: f64 = f64::MIN_POSITIVE;
        match self {
            Self::ApyAbove | Self::ApyChange => {
                Some((ABOVE_0..=1e6, "a number above 0 and up to 1,000,000"))
            }
            Self::ApyBelow => Some((0.0..=1e6, "percent from 0 to 1,000,000")),
            Self::NewSustainable => Some((0.0..=100.0, "percent from 0 to 100")),
            Self::TvlDrop | Self::BaseShareBelow => {
                Some((ABOVE_0..=99.999, "percent between 0 and 100"))
            }
            Self::OffPeg => Some((0.1..=99.999, "percent from 0.1 to under 100")),
            Self::VerdictWorsens
            | Self::VerdictBecomes
            | Self::RewardsEnd
            | Self::Over100
            | Self::PoolGone
            | Self::Stale
            | Self::ProtocolIncident => None,
        }
    }

    /// Whether it has a second tier that can be set.
    pub(super) const fn has_tiers(self) -> bool {
        matches!(
            self,
            Self::ApyAbove
                | Self::ApyBelow
                | Self::BaseShareBelow
                | Self::TvlDrop
                | Self::Over100
                | Self::OffPeg
        )
    }

    /// Whether it has a threshold to come back over.
    pub(super) const fn clears_at(self) -> bool {
        self.has_tiers() || matches!(self, Self::ApyChange | Self::NewSustainable)
    }
}
