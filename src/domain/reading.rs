//! One observation of a pool, and what the source says about its past.

use serde::{Deserialize, Serialize};

use super::{
    pool::Pool,
    rate::Percent,
    time::{Day, Timestamp},
    verdict::Verdict,
};

/// The source of pools, as people know it.
pub const DEFILLAMA: &str = "DefiLlama";

/// What a pool showed at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// The pool's own time where the source states one, else the time of the fetch.
    pub at: Timestamp,
    /// Total APY as the source states it; it need not be the sum of its parts.
    pub apy: Percent,
    /// What fees, interest or issuance pay. `None` is unknown, never zero.
    pub base: Option<Percent>,
    /// What token emissions pay. `None` is unknown, never zero.
    pub reward: Option<Percent>,
    /// US dollars in the pool.
    pub tvl_usd: f64,
}

impl Reading {
    /// The part of the yield that is paid in reward tokens, 0–1. `None` when the source gives no
    /// split or nothing is earned.
    pub fn reward_share(&self) -> Option<f64> {
        let total = self.apy.get();
        if total <= 0.0 {
            return None;
        }
        match (self.base, self.reward) {
            (_, Some(reward)) => Some((reward.get() / total).clamp(0.0, 1.0)),
            // A source that names the base and leaves the reward out says that the base is all,
            // but only as far as the base reaches the total.
            (Some(base), None) => Some((1.0 - base.get() / total).clamp(0.0, 1.0)),
            (None, None) => None,
        }
    }

    /// Whether the two show the same figures, whenever they were taken.
    pub fn same_figures(&self, other: &Self) -> bool {
        self.apy == other.apy
            && self.base == other.base
            && self.reward == other.reward
            && self.tvl_usd.to_bits() == other.tvl_usd.to_bits()
    }
}

/// What a pool showed on one UTC day: its last usable reading of that day.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DayReading {
    pub day: Day,
    pub apy: Percent,
    /// `None` is unknown, never zero.
    pub base: Option<Percent>,
    /// `None` is unknown, never zero.
    pub reward: Option<Percent>,
    /// US dollars in the pool.
    pub tvl_usd: f64,
}

impl DayReading {
    /// Whether the source says who pays.
    pub const fn is_split(&self) -> bool {
        self.base.is_some() || self.reward.is_some()
    }
}

impl From<&Reading> for DayReading {
    fn from(reading: &Reading) -> Self {
        Self {
            day: reading.at.day(),
            apy: reading.apy,
            base: reading.base,
            reward: reading.reward,
            tvl_usd: reading.tvl_usd,
        }
    }
}

/// What the feed itself says of a pool's past. Used, and labelled so, while our own history is short.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct FeedStats {
    /// Mean APY of the last 30 days.
    pub mean_30d: Option<Percent>,
    /// Annualised deviation of daily returns since listing, in percent.
    pub sigma: Option<f64>,
    /// Days observed.
    pub days: Option<u32>,
}

impl FeedStats {
    /// A day's deviation of the rate since listing, as a share of the 30-day mean. The feed's sigma is
    /// the annualised deviation of daily returns in percent, so that of the *rate* is sigma · √365
    /// percent; as a share of the mean it compares with the spread of our own days.
    pub fn variation(&self) -> Option<f64> {
        let mean = self.mean_30d?.get();
        self.sigma
            .filter(|sigma| sigma.is_finite() && *sigma >= 0.0 && mean > 0.0)
            .map(|sigma| sigma * 365_f64.sqrt() / mean)
    }
}

/// One pool as one upstream answer shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Observed {
    pub pool: Pool,
    pub reading: Reading,
    pub feed: FeedStats,
    /// The reading's time is the pool's own, not that of the fetch.
    pub own_time: bool,
    /// Contract addresses of the tokens in which rewards are paid, while some are.
    pub reward_tokens: Box<[Box<str>]>,
}

/// Whether a reading may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DataState {
    /// Fresh and plausible.
    Good,
    /// Contradicts what stood before, see [`Doubt`]. Neither opens nor closes anything until the next
    /// batch confirms it.
    Suspect,
    /// The source's own time of reading is too long ago, or its figures have not moved for too long.
    Stale,
    /// Not in the latest answers of the source.
    Missing,
}

impl DataState {
    pub const ALL: [Self; 4] = [Self::Good, Self::Suspect, Self::Stale, Self::Missing];

    pub const fn slug(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Suspect => "suspect",
            Self::Stale => "stale",
            Self::Missing => "missing",
        }
    }

    pub fn parse(slug: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.slug() == slug)
    }
}

/// What makes a reading suspect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Doubt {
    /// Zero after a positive history.
    Zero,
    /// Five times what stood before, or more.
    Jump,
    /// A fifth of what stood before, or less.
    Fall,
    /// TVL at a fifth of what stood before, or less.
    Drain,
    /// All pools of the protocol moved by about a hundred at once: a change of units, no event.
    UnitChange,
}

impl Doubt {
    pub const ALL: [Self; 5] = [
        Self::Zero,
        Self::Jump,
        Self::Fall,
        Self::Drain,
        Self::UnitChange,
    ];

    pub const fn slug(self) -> &'static str {
        match self {
            Self::Zero => "zero",
            Self::Jump => "jump",
            Self::Fall => "fall",
            Self::Drain => "drain",
            Self::UnitChange => "unit_change",
        }
    }

    pub fn parse(slug: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|doubt| doubt.slug() == slug)
    }
}

/// A stretch of time over which a pool showed the same figures: the memory that windows look into.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stretch {
    /// When the figures were last read.
    pub until: Timestamp,
    pub apy: Percent,
    pub tvl_usd: f64,
    pub verdict: Verdict,
}

/// The oldest of `past` (ascending) that was still read at or after `start`.
pub fn oldest_since(past: &[Stretch], start: Timestamp) -> Option<&Stretch> {
    past.get(past.partition_point(|stretch| stretch.until < start))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(apy: f64, base: Option<f64>, reward: Option<f64>) -> Reading {
        Reading {
            at: Timestamp::default(),
            apy: Percent::new(apy).unwrap(),
            base: base.and_then(Percent::new),
            reward: reward.and_then(Percent::new),
            tvl_usd: 1e6,
        }
    }

    #[test]
    fn the_share_of_rewards_is_unknown_without_a_split() {
        assert_eq!(reading(4.5, None, None).reward_share(), None);
        assert_eq!(reading(0.0, Some(0.0), Some(0.0)).reward_share(), None);
        assert_eq!(
            reading(10.0, Some(2.5), Some(7.5)).reward_share(),
            Some(0.75)
        );
        assert_eq!(reading(10.0, None, Some(7.5)).reward_share(), Some(0.75));
        assert_eq!(reading(10.0, Some(10.0), None).reward_share(), Some(0.0));
    }

    #[test]
    fn a_window_begins_with_the_figures_that_were_still_read_in_it() {
        let stretch = |until| Stretch {
            until: Timestamp::from_millis(until),
            apy: Percent::ZERO,
            tvl_usd: 0.0,
            verdict: Verdict::Unknown,
        };
        let past = [10, 30, 50].map(stretch);
        let oldest = |start| {
            oldest_since(&past, Timestamp::from_millis(start)).map(|found| found.until.millis())
        };
        assert_eq!(oldest(-5), Some(10));
        assert_eq!(oldest(10), Some(10));
        assert_eq!(oldest(11), Some(30));
        assert_eq!(oldest(50), Some(50));
        assert_eq!(oldest(51), None);
    }
}
