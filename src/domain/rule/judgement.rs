//! What a condition says of one reading.

use serde::{Deserialize, Serialize};

use crate::domain::{
    rate::Percent, reading::DataState, strain::Trouble, time::Timestamp, verdict::Verdict,
};

/// One figure that an alert tells of.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Figure {
    Apy(Percent),
    /// The part of the APY that is paid in reward tokens.
    Reward(Percent),
    /// Percent of the APY that is not paid in reward tokens.
    BaseShare(f64),
    /// US dollars.
    Tvl(f64),
    Verdict(Verdict),
    Data(DataState),
    /// How many percent a stablecoin is from what it follows; negative below.
    Peg(f64),
    Protocol(Trouble),
    /// How many percent of a goal an income reaches.
    OfGoal(f64),
}

impl Figure {
    /// The bare number; a verdict or a state is none.
    pub const fn number(self) -> Option<f64> {
        match self {
            Self::Apy(apy) | Self::Reward(apy) => Some(apy.get()),
            Self::Tvl(number)
            | Self::BaseShare(number)
            | Self::Peg(number)
            | Self::OfGoal(number) => Some(number),
            Self::Verdict(_) | Self::Data(_) | Self::Protocol(_) => None,
        }
    }
}

/// A figure that people were told.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Reported {
    pub at: Timestamp,
    pub figure: Figure,
}

/// How a reading stands to a condition, and the figures that show it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Judgement {
    pub standing: Standing,
    pub from: Option<Figure>,
    pub to: Figure,
    /// How bad it is, where the condition has tiers.
    pub tier: Tier,
    /// It is further away than what the open episode has told, which is told when it holds.
    pub is_further: bool,
    /// The end is no news, so what was told last remains what the next change is measured from.
    pub keeps_anchor: bool,
    /// No second reading is needed to believe it.
    pub is_sure: bool,
}

impl Judgement {
    /// A judgement of a condition without tiers, whose end is told.
    pub const fn of(standing: Standing, from: Option<Figure>, to: Figure) -> Self {
        Self {
            standing,
            from,
            to,
            tier: Tier::Minor,
            is_further: false,
            keeps_anchor: false,
            is_sure: false,
        }
    }
}

/// How bad it is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    #[default]
    Minor,
    Major,
}

impl Tier {
    pub(super) const fn of(is_major: bool) -> Self {
        if is_major { Self::Major } else { Self::Minor }
    }
}

/// Where a reading lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// The condition is true.
    Met(Direction),
    /// Not true, yet not far enough back to be over.
    Between,
    /// Past the clear threshold.
    Cleared,
}

impl Standing {
    pub(super) const fn of(met: bool, cleared: bool) -> Self {
        match (met, cleared) {
            (true, _) => Self::Met(Direction::Up),
            (false, true) => Self::Cleared,
            (false, false) => Self::Between,
        }
    }
}

/// Which way a change went: a rise and a fall are not the same event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    Up,
    Down,
}
