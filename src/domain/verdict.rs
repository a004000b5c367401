//! The verdict: whether a yield will last, with the reasons and what is not known.
//!
//! Two questions are asked apart and the worse answer counts: *who pays* (fees and interest, or
//! token emissions) and *how durable is it* (today's rate against the pool's own past). Hard rules
//! come first and are never outvoted. An input that is missing lowers coverage, is named, and never
//! counts as good.

use arrayvec::ArrayVec;
use serde::{Deserialize, Serialize};

use super::{
    rate::{Percent, median},
    reading::{DataState, FeedStats, Reading},
    time::Timestamp,
};

/// What stipend says of a pool's income.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Sustainable,
    Mixed,
    Unsustainable,
    #[default]
    Unknown,
}

impl Verdict {
    pub const ALL: [Self; 4] = [
        Self::Sustainable,
        Self::Mixed,
        Self::Unsustainable,
        Self::Unknown,
    ];

    pub const fn slug(self) -> &'static str {
        match self {
            Self::Sustainable => "sustainable",
            Self::Mixed => "mixed",
            Self::Unsustainable => "unsustainable",
            Self::Unknown => "unknown",
        }
    }

    pub fn parse(slug: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verdict| verdict.slug() == slug)
    }

    /// Higher is better; an unknown verdict has no place in the order.
    pub const fn rank(self) -> Option<u8> {
        match self {
            Self::Sustainable => Some(2),
            Self::Mixed => Some(1),
            Self::Unsustainable => Some(0),
            Self::Unknown => None,
        }
    }

    /// Who pays and how durable it is, taken together. What is not known never counts as good: an
    /// unknown half leaves a bad half bad and everything else unknown.
    fn worse_of(self, other: Self) -> Self {
        match (self.rank(), other.rank()) {
            (Some(0), _) | (_, Some(0)) => Self::Unsustainable,
            (Some(ours), Some(theirs)) => {
                if theirs < ours {
                    other
                } else {
                    self
                }
            }
            _ => Self::Unknown,
        }
    }
}

/// The limits of the hard rules.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Screen {
    /// Total APY in percent above which an offer is refused.
    pub max_apy: f64,
    /// US dollars below which a single deposit sets the rate.
    pub min_tvl_usd: f64,
}

impl Default for Screen {
    fn default() -> Self {
        Self {
            max_apy: 100.0,
            min_tvl_usd: 10_000.0,
        }
    }
}

/// What a pool usually pays.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Usual {
    /// The centre of the last 30 days: our median, or the feed's mean.
    pub centre: Percent,
    /// Typical distance of a day from the centre, as a fraction of it.
    pub variation: Option<f64>,
    /// Days that it rests on.
    pub days: u32,
    pub origin: Origin,
}

/// Whose record of the past was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Our own daily history.
    Own,
    /// The feed's `apyMean30d`, `sigma` and `count`, while our own history is short.
    Feed,
}

/// Days of our own history that make it worth more than the feed's summary.
pub const ENOUGH_DAYS: u32 = 15;

impl Usual {
    /// What the days of the last month say: their median, and their median distance from it. Days
    /// are APYs in percent, in any order. `None` while there are too few.
    pub fn from_days(days: &mut [f64]) -> Option<Self> {
        let count = u32::try_from(days.len()).unwrap_or(u32::MAX);
        if count < ENOUGH_DAYS {
            return None;
        }
        let centre = median(days)?;
        for day in &mut *days {
            *day = (*day - centre).abs();
        }
        let spread = median(days)?;
        Some(Self {
            centre: Percent::new(centre)?,
            variation: (centre > 0.0).then(|| spread / centre),
            days: count,
            origin: Origin::Own,
        })
    }

    /// What the feed says, as far as it says anything.
    pub fn from_feed(feed: &FeedStats) -> Option<Self> {
        let centre = feed.mean_30d?;
        Some(Self {
            centre,
            // The feed's sigma is the annualised deviation of daily returns in percent, so a day's
            // deviation of the *rate* is sigma · √365 percent; as a fraction of the centre it
            // compares with the spread of our own days.
            variation: feed
                .sigma
                .filter(|sigma| sigma.is_finite() && *sigma >= 0.0 && centre.get() > 0.0)
                .map(|sigma| sigma * 365_f64.sqrt() / centre.get()),
            days: feed.days.unwrap_or(0),
            origin: Origin::Feed,
        })
    }
}

/// What is known of a pool at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Evidence<'a> {
    pub reading: &'a Reading,
    pub data: DataState,
    pub usual: Option<Usual>,
}

/// One reason, with the figures that it rests on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Total APY is above the screen's limit.
    OverScreen { apy: Percent, limit: f64 },
    /// TVL is under the floor.
    UnderFloor { tvl_usd: f64, floor_usd: f64 },
    /// The reading is suspect, stale or missing.
    NoUsableReading(DataState),
    /// The source has given no usable answer since then.
    SourceSilent(Timestamp),
    /// APY is zero.
    EarnsNothing,
    /// The share that is paid in reward tokens, 0–1.
    RewardShare(f64),
    /// The source gives no split into base and reward.
    NoSplit,
    /// APY over what is usual.
    AgainstUsual {
        ratio: f64,
        centre: Percent,
        origin: Origin,
    },
    /// Typical distance of a day from the centre, as a fraction of it.
    Varies(f64),
    /// Too few days to say what is usual.
    ShortHistory { days: u32 },
    /// Nothing is known of the past.
    NoHistory,
}

/// How many inputs were there of those that the verdict looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Coverage {
    pub known: u8,
    pub of: u8,
}

const MOST_REASONS: usize = 4;

/// A verdict with what it rests on. The default is that nothing is known.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Assessment {
    pub verdict: Verdict,
    /// Chance, 0–1, that the mean APY of the next 30 days stays at or above half of today's.
    pub score: Option<f64>,
    /// Strongest first.
    pub reasons: ArrayVec<Reason, MOST_REASONS>,
    pub coverage: Coverage,
}

/// At or above this chance a yield is called durable.
const DURABLE: f64 = 0.80;
/// Below this chance it is called unsustainable.
const FRAGILE: f64 = 0.50;
/// From this share in reward tokens on, a yield is not sustainable.
const MOSTLY_REWARDS: f64 = 0.75;
/// From this share in reward tokens on, a yield is mixed.
const PARTLY_REWARDS: f64 = 0.35;

/// Judges a pool. Pure, and free of allocation, since a market has some 19,000 of them.
pub fn assess(evidence: &Evidence<'_>, screen: &Screen) -> Assessment {
    let reading = evidence.reading;
    let hard = hard_rule(evidence, screen);
    let (source, share) = source(reading);
    let (durability, score, history) = durability(reading, evidence.usual.as_ref());

    let mut reasons = ArrayVec::new();
    let verdict = if let Some((verdict, reason)) = hard {
        reasons.push(reason);
        verdict
    } else {
        source.worse_of(durability)
    };
    // The reason that decided stands first.
    let (first, second) = if durability.rank() <= source.rank() {
        (history, Some(share))
    } else {
        (Some(share), history)
    };
    for reason in [first, second].into_iter().flatten() {
        if reasons.try_push(reason).is_err() {
            break;
        }
    }
    if let Some(variation) = evidence.usual.and_then(|usual| usual.variation)
        && variation >= NOTABLE_VARIATION
        && !reasons.is_full()
    {
        reasons.push(Reason::Varies(variation));
    }
    Assessment {
        verdict,
        score: score.filter(|_| evidence.data == DataState::Good),
        reasons,
        coverage: coverage(evidence),
    }
}

/// From this spread on, the variation is worth a line.
const NOTABLE_VARIATION: f64 = 0.25;

fn hard_rule(evidence: &Evidence<'_>, screen: &Screen) -> Option<(Verdict, Reason)> {
    let reading = evidence.reading;
    let apy = reading.apy;
    if evidence.data != DataState::Good {
        return Some((Verdict::Unknown, Reason::NoUsableReading(evidence.data)));
    }
    if apy.get() > screen.max_apy {
        let limit = screen.max_apy;
        return Some((Verdict::Unsustainable, Reason::OverScreen { apy, limit }));
    }
    if apy.get() <= 0.0 {
        return Some((Verdict::Unknown, Reason::EarnsNothing));
    }
    if reading.tvl_usd < screen.min_tvl_usd {
        let (tvl_usd, floor_usd) = (reading.tvl_usd, screen.min_tvl_usd);
        return Some((
            Verdict::Unsustainable,
            Reason::UnderFloor { tvl_usd, floor_usd },
        ));
    }
    None
}

/// Who pays. Without a split nobody can say, so it is mixed at best.
fn source(reading: &Reading) -> (Verdict, Reason) {
    match reading.reward_share() {
        None => (Verdict::Mixed, Reason::NoSplit),
        Some(share) => {
            let verdict = if share >= MOSTLY_REWARDS {
                Verdict::Unsustainable
            } else if share >= PARTLY_REWARDS {
                Verdict::Mixed
            } else {
                Verdict::Sustainable
            };
            (verdict, Reason::RewardShare(share))
        }
    }
}

fn durability(reading: &Reading, usual: Option<&Usual>) -> (Verdict, Option<f64>, Option<Reason>) {
    let Some(usual) = usual else {
        return (Verdict::Unknown, None, Some(Reason::NoHistory));
    };
    let days = usual.days;
    if days < ENOUGH_DAYS {
        return (Verdict::Mixed, None, Some(Reason::ShortHistory { days }));
    }
    let centre = usual.centre;
    if centre.get() <= 0.0 || reading.apy.get() <= 0.0 {
        return (Verdict::Unknown, None, None);
    }
    let ratio = reading.apy.get() / centre.get();
    let score = chance_to_last(ratio, usual);
    let verdict = if score < FRAGILE {
        Verdict::Unsustainable
    } else if score < DURABLE || ratio < HALF {
        // What has lost half of its usual rate may well stay there; that is no sign of a steady one.
        Verdict::Mixed
    } else {
        Verdict::Sustainable
    };
    let origin = usual.origin;
    (
        verdict,
        Some(score),
        Some(Reason::AgainstUsual {
            ratio,
            centre,
            origin,
        }),
    )
}

/// Under this share of its usual rate a pool has collapsed already.
const HALF: f64 = 0.5;

/// The chance that a rate lasts, from its ratio to what is usual and from how much it varies.
///
/// Two logistic curves fitted to the 22,089 days of 314 recorded charts (2022–2025, mostly pools of
/// decentralised exchanges), seven pools in ten for fitting and the others unseen: one for our own
/// median and the typical distance from it, one for the feed's 30-day mean and its deviation over the
/// pool's whole life. `README.md` says what they reach.
fn chance_to_last(ratio: f64, usual: &Usual) -> f64 {
    let curve = match usual.origin {
        Origin::Own => &OWN_CURVE,
        Origin::Feed => &FEED_CURVE,
    };
    let excess = ratio.ln().max(-3.0);
    let variation = usual.variation.unwrap_or(curve.typical_variation).min(3.0);
    let log_odds_of_collapse =
        curve.offset + curve.per_log_ratio * excess + curve.per_variation * variation;
    1.0 / (1.0 + log_odds_of_collapse.exp())
}

struct Curve {
    offset: f64,
    per_log_ratio: f64,
    per_variation: f64,
    /// Stands in where the variation is not known.
    typical_variation: f64,
}

const OWN_CURVE: Curve = Curve {
    offset: -3.09,
    per_log_ratio: 1.49,
    per_variation: 1.50,
    typical_variation: 0.2,
};

const FEED_CURVE: Curve = Curve {
    offset: -2.86,
    per_log_ratio: 2.12,
    per_variation: 0.46,
    typical_variation: 0.77,
};

fn coverage(evidence: &Evidence<'_>) -> Coverage {
    let known = [
        evidence.data == DataState::Good,
        evidence.reading.reward_share().is_some(),
        evidence
            .usual
            .is_some_and(|usual| usual.days >= ENOUGH_DAYS),
        evidence
            .usual
            .is_some_and(|usual| usual.variation.is_some()),
    ];
    Coverage {
        known: known.iter().map(|known| u8::from(*known)).sum(),
        of: 4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::Timestamp;

    fn reading(apy: f64, base: Option<f64>, reward: Option<f64>, tvl_usd: f64) -> Reading {
        Reading {
            at: Timestamp::default(),
            apy: Percent::new(apy).unwrap(),
            base: base.and_then(Percent::new),
            reward: reward.and_then(Percent::new),
            tvl_usd,
        }
    }

    fn usual(centre: f64, variation: f64, days: u32) -> Usual {
        Usual {
            centre: Percent::new(centre).unwrap(),
            variation: Some(variation),
            days,
            origin: Origin::Own,
        }
    }

    fn judged(reading: &Reading, usual: impl Into<Option<Usual>>) -> Assessment {
        let data = DataState::Good;
        assess(
            &Evidence {
                reading,
                data,
                usual: usual.into(),
            },
            &Screen::default(),
        )
    }

    #[test]
    fn a_calm_lending_pool_is_sustainable() {
        let assessment = judged(
            &reading(4.1, Some(4.1), Some(0.0), 1e9),
            usual(4.0, 0.05, 30),
        );
        assert_eq!(assessment.verdict, Verdict::Sustainable);
        assert!(assessment.score.unwrap() > 0.9);
        assert_eq!(assessment.coverage, Coverage { known: 4, of: 4 });
    }

    #[test]
    fn hard_rules_are_never_outvoted() {
        let over = judged(
            &reading(100.1, Some(100.1), None, 1e9),
            usual(100.0, 0.01, 300),
        );
        assert_eq!(over.verdict, Verdict::Unsustainable);
        assert!(matches!(over.reasons[0], Reason::OverScreen { .. }));
        let small = judged(
            &reading(4.0, Some(4.0), None, 9_999.0),
            usual(4.0, 0.01, 300),
        );
        assert_eq!(small.verdict, Verdict::Unsustainable);
        let suspect = assess(
            &Evidence {
                reading: &reading(4.0, Some(4.0), None, 1e9),
                data: DataState::Suspect,
                usual: Some(usual(4.0, 0.01, 300)),
            },
            &Screen::default(),
        );
        assert_eq!((suspect.verdict, suspect.score), (Verdict::Unknown, None));
    }

    #[test]
    fn a_spike_and_emissions_are_told_apart() {
        let spike = judged(&reading(60.0, Some(60.0), None, 1e7), usual(5.0, 0.5, 30));
        assert_eq!(spike.verdict, Verdict::Unsustainable);
        assert!(matches!(spike.reasons[0], Reason::AgainstUsual { ratio, .. } if ratio > 11.0));
        let emissions = judged(
            &reading(20.0, Some(2.0), Some(18.0), 1e7),
            usual(20.0, 0.05, 30),
        );
        assert_eq!(emissions.verdict, Verdict::Unsustainable);
        assert_eq!(emissions.reasons[0], Reason::RewardShare(0.9));
    }

    #[test]
    fn what_is_missing_never_counts_as_good() {
        let no_split = judged(&reading(4.0, None, None, 1e9), usual(4.0, 0.02, 30));
        assert_eq!(no_split.verdict, Verdict::Mixed);
        assert!(no_split.reasons.contains(&Reason::NoSplit));
        let no_past = judged(&reading(4.0, Some(4.0), None, 1e9), None);
        assert_eq!(no_past.verdict, Verdict::Unknown);
        let short = judged(&reading(4.0, Some(4.0), None, 1e9), usual(4.0, 0.02, 3));
        assert_eq!(short.verdict, Verdict::Mixed);
        assert!(short.coverage.known < short.coverage.of);
        let nothing = judged(
            &reading(0.0, Some(0.0), Some(0.0), 1e9),
            usual(4.0, 0.02, 30),
        );
        assert_eq!(nothing.verdict, Verdict::Unknown);
    }

    #[test]
    fn the_chance_falls_with_excess_and_with_variation() {
        for origin in [Origin::Own, Origin::Feed] {
            let chance = |ratio, variation| {
                let usual = Usual {
                    origin,
                    ..usual(4.0, variation, 30)
                };
                chance_to_last(ratio, &usual)
            };
            assert!(chance(1.0, 0.1) > chance(2.0, 0.1));
            assert!(chance(1.0, 0.1) > chance(1.0, 0.8));
        }
    }

    #[test]
    fn a_rate_that_fell_to_nothing_is_not_called_sustainable() {
        let fallen = judged(&reading(0.5, Some(0.5), None, 1e7), usual(14.0, 0.05, 30));
        assert_eq!(fallen.verdict, Verdict::Mixed);
    }
}
