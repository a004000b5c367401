//! The verdict: whether a yield will last, with the reasons and what is not known.
//!
//! Two questions are asked apart and the worse answer counts: *who pays* (fees and interest, or
//! token emissions) and *how durable is it* (today's rate against the pool's own past). Hard rules
//! come first and are never outvoted. An input that is missing lowers coverage, is named, and never
//! counts as good.

use arrayvec::ArrayVec;
use serde::{Deserialize, Serialize};

pub mod durability;
pub mod input;
pub mod outcome;
pub mod record;

use durability::{Additive, Durability};
use input::{Input, Inputs};
use record::Record;

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

/// Readings of a month, the present one among them, that make our own history worth more than the feed's
/// summary.
pub const ENOUGH_DAYS: u32 = 15;

impl Usual {
    /// What the days of the last month say: their median, and their median distance from it. Days
    /// are APYs in percent, in any order. `None` while there are too few.
    pub fn from_days(days: &mut [f64]) -> Option<Self> {
        let count = u32::try_from(days.len()).unwrap_or(u32::MAX);
        if count + 1 < ENOUGH_DAYS {
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
            variation: feed.variation(),
            days: feed.days.unwrap_or(0),
            origin: Origin::Feed,
        })
    }
}

/// What is known of a pool at one moment.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    pub reading: &'a Reading,
    pub data: DataState,
    /// What our own days say, where there are enough.
    pub record: Option<&'a Record>,
    /// What the feed says of the pool's past.
    pub feed: &'a FeedStats,
}

impl Evidence<'_> {
    /// What the pool usually pays, by our own days or else by the feed's summary.
    pub fn usual(&self) -> Option<Usual> {
        self.record
            .map(|record| record.usual)
            .or_else(|| Usual::from_feed(self.feed))
    }

    /// The inputs of the score, by the same record as what is usual.
    fn inputs(&self) -> Option<Inputs> {
        match self.record {
            Some(record) => Some(Inputs::of_record(self.reading, record)),
            None => Inputs::of_feed(self.reading, self.feed),
        }
    }
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
    /// It usually pays nothing, so that today's rate has no ratio to that.
    UsuallyNothing(Origin),
    /// Typical distance of a day from the centre, as a fraction of it.
    Varies(f64),
    /// An input of the durability score that speaks against the pool, with its value.
    Sign(Input, f64),
    /// The chance that half of the last month's mean is kept, where that decided.
    Bleeds(f64),
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
    /// Chance, 0–1, that it stays at or above half of the last 30 days' mean.
    #[serde(default)]
    pub paid_score: Option<f64>,
    /// Strongest first.
    pub reasons: ArrayVec<Reason, MOST_REASONS>,
    pub coverage: Coverage,
}

/// At or above this chance a yield is called durable.
pub const DURABLE: f64 = 0.80;
/// Below this chance it is called unsustainable.
pub const FRAGILE: f64 = 0.50;
/// From this share in reward tokens on, a yield is not sustainable.
pub const MOSTLY_REWARDS: f64 = 0.75;
/// From this share in reward tokens on, a yield is mixed.
pub const PARTLY_REWARDS: f64 = 0.35;

/// Judges a pool. Pure, and free of allocation, since a market has some 19,000 of them.
pub fn assess(evidence: &Evidence<'_>, screen: &Screen) -> Assessment {
    let reading = evidence.reading;
    let usual = evidence.usual();
    let hard = hard_rule(evidence, screen);
    let (source, share) = source(reading);
    let lasting = Lasting::of(evidence, usual.as_ref());

    let mut reasons = ArrayVec::new();
    let verdict = if let Some((verdict, reason)) = hard {
        reasons.push(reason);
        verdict
    } else {
        source.worse_of(lasting.verdict)
    };
    // The reason that decided stands first.
    let source_decides = match lasting.verdict.rank() {
        // What nobody knows of the past excuses nothing.
        None => source == Verdict::Unsustainable,
        rank => source.rank() < rank,
    };
    let (first, second) = if source_decides {
        (Some(share), lasting.reason)
    } else {
        (lasting.reason, Some(share))
    };
    let varies = usual
        .and_then(|usual| usual.variation)
        .filter(|variation| *variation >= NOTABLE_VARIATION)
        .map(Reason::Varies);
    let reasons_in_order = [first, second, lasting.beside, lasting.sign, varies];
    for reason in reasons_in_order.into_iter().flatten() {
        if reasons.try_push(reason).is_err() {
            break;
        }
    }
    let usable = evidence.data == DataState::Good;
    Assessment {
        verdict,
        score: lasting.score.filter(|_| usable),
        paid_score: lasting.paid_score.filter(|_| usable),
        reasons,
        coverage: coverage(evidence, usual.as_ref()),
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

/// Whether a rate will last, and by what.
#[derive(Debug, Clone, Copy)]
struct Lasting {
    verdict: Verdict,
    score: Option<f64>,
    paid_score: Option<f64>,
    reason: Option<Reason>,
    /// How the rate stands to the usual one, where that is not the reason.
    beside: Option<Reason>,
    /// What else speaks most against it.
    sign: Option<Reason>,
}

impl Lasting {
    const UNKNOWN: Self = Self {
        verdict: Verdict::Unknown,
        score: None,
        paid_score: None,
        reason: None,
        beside: None,
        sign: None,
    };

    fn of(evidence: &Evidence<'_>, usual: Option<&Usual>) -> Self {
        let Some(usual) = usual else {
            return Self {
                reason: Some(Reason::NoHistory),
                ..Self::UNKNOWN
            };
        };
        let days = usual.days;
        if evidence.record.is_none() && days < ENOUGH_DAYS {
            return Self {
                verdict: Verdict::Mixed,
                reason: Some(Reason::ShortHistory { days }),
                ..Self::UNKNOWN
            };
        }
        let apy = evidence.reading.apy.get();
        match evidence.inputs() {
            Some(inputs) if apy > 0.0 => Self::by_chances(&inputs, apy, usual),
            // There is a past, and nothing is paid that could be compared with it.
            _ if apy <= 0.0 => Self::UNKNOWN,
            _ => Self {
                reason: Some(Reason::NoHistory),
                ..Self::UNKNOWN
            },
        }
    }

    /// `apy` is today's, in percent.
    fn by_chances(inputs: &Inputs, apy: f64, usual: &Usual) -> Self {
        let centre = usual.centre.get();
        // A pool that usually pays nothing has no ratio to it.
        let ratio = (centre > 0.0).then(|| apy / centre);
        let questions = Durability::shipped().for_record(usual.origin);
        let score = questions.collapse.chance_to_last(inputs);
        let paid_score = questions.decay.chance_to_last(inputs);
        let least = score.min(paid_score);
        let verdict = if least < FRAGILE {
            Verdict::Unsustainable
        } else if least < DURABLE || ratio.is_some_and(|ratio| ratio < HALF) {
            // What has lost half of its usual rate may well stay there; that is no sign of a steady one.
            Verdict::Mixed
        } else {
            Verdict::Sustainable
        };
        let weaker = if score <= paid_score {
            &questions.collapse
        } else {
            &questions.decay
        };
        // Of two chances the lower decides, and the ratio to the usual rate explains only one of them.
        let bleeds = verdict != Verdict::Sustainable && paid_score < score && least < DURABLE;
        let against_usual = ratio.map(|ratio| Reason::AgainstUsual {
            ratio,
            centre: usual.centre,
            origin: usual.origin,
        });
        Self {
            verdict,
            score: Some(score),
            paid_score: Some(paid_score),
            reason: if bleeds {
                Some(Reason::Bleeds(paid_score))
            } else {
                against_usual.or(Some(Reason::UsuallyNothing(usual.origin)))
            },
            beside: against_usual.filter(|_| bleeds),
            sign: strongest_sign(weaker, inputs),
        }
    }
}

/// The input that speaks most against the pool, where one does so clearly. What the ratio to the usual
/// rate and the share of rewards say already is not said twice.
fn strongest_sign(model: &Additive, inputs: &Inputs) -> Option<Reason> {
    /// As much as makes 12 % out of 8 %.
    const CLEAR: f64 = 0.45;
    model
        .contributions(inputs)
        .filter(|(input, adds)| *adds >= CLEAR && input.is_said_alone())
        .max_by(|one, other| one.1.total_cmp(&other.1))
        .map(|(input, _)| Reason::Sign(input, inputs.get(input)))
}

/// Under this share of its usual rate a pool has collapsed already.
pub const HALF: f64 = 0.5;

fn coverage(evidence: &Evidence<'_>, usual: Option<&Usual>) -> Coverage {
    let known = [
        evidence.data == DataState::Good,
        evidence.reading.reward_share().is_some(),
        usual.is_some_and(|usual| usual.days >= ENOUGH_DAYS),
        usual.is_some_and(|usual| usual.variation.is_some()),
    ];
    Coverage {
        known: known.iter().map(|known| u8::from(*known)).sum(),
        of: 4,
    }
}

#[cfg(test)]
mod tests;
