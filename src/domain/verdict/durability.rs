//! The chance that a rate lasts: an additive model, so that what each input adds can be shown.
//!
//! Each input has a curve of steps, from its value to what it adds to the logarithm of the odds that the
//! rate is lost. The sum of all is the logarithm of the odds. The curves are learnt by `study::fit` from
//! recorded charts; `data/durability.toml` keeps them together with what they were learnt from.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::{
    Origin,
    input::{Input, Inputs},
};

/// What one input adds: a step for each stretch of its values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Curve {
    pub input: Input,
    /// Where a step begins, ascending.
    pub edges: Vec<f64>,
    /// What the stretch below the first edge adds, then what each step adds: one more than there are
    /// edges.
    pub adds: Vec<f64>,
    /// What it adds where the input is not known.
    pub missing: f64,
}

impl Curve {
    /// What this value adds.
    pub fn at(&self, value: f64) -> f64 {
        if value.is_nan() {
            return self.missing;
        }
        let step = self.edges.partition_point(|edge| *edge <= value);
        self.adds.get(step).copied().unwrap_or(self.missing)
    }
}

/// The odds of losing a rate, as a sum.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Additive {
    pub offset: f64,
    pub curves: Vec<Curve>,
}

impl Additive {
    /// The logarithm of the odds that the rate is lost.
    pub fn log_odds(&self, inputs: &Inputs) -> f64 {
        self.curves
            .iter()
            .map(|curve| curve.at(inputs.get(curve.input)))
            .fold(self.offset, |sum, adds| sum + adds)
    }

    /// The chance, 0–1, that the rate is kept.
    pub fn chance_to_last(&self, inputs: &Inputs) -> f64 {
        1.0 / (1.0 + self.log_odds(inputs).exp())
    }

    /// What each input adds to the logarithm of the odds of losing it: above zero is bad.
    pub fn contributions<'a>(
        &'a self,
        inputs: &'a Inputs,
    ) -> impl Iterator<Item = (Input, f64)> + 'a {
        self.curves
            .iter()
            .map(|curve| (curve.input, curve.at(inputs.get(curve.input))))
    }
}

/// The two questions, asked of one kind of record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Questions {
    /// Whether the mean of the next 30 days falls below half of today's rate.
    pub collapse: Additive,
    /// Whether it falls below half of the last 30 days' mean.
    pub decay: Additive,
}

impl Questions {
    /// What the score rests on, for one kind of record.
    pub const fn inputs(origin: Origin) -> (&'static [Input], &'static [Input]) {
        match origin {
            Origin::Own => (&OWN_COLLAPSE, &OWN_DECAY),
            Origin::Feed => (&FEED, &FEED),
        }
    }
}

const OWN_COLLAPSE: [Input; 12] = [
    Input::Level,
    Input::RewardShare,
    Input::OverYesterday,
    Input::OverRecent,
    Input::OverMedian,
    Input::OverLow,
    Input::OverFees,
    Input::SeenBelowHalf,
    Input::Unrest,
    Input::TvlUnrest,
    Input::Slope,
    Input::MonthDays,
];

const OWN_DECAY: [Input; 11] = [
    Input::Level,
    Input::RewardShare,
    Input::OverMonth,
    Input::OverPeak,
    Input::RecentOverMonth,
    Input::LowWeekOverMonth,
    Input::MonthOverFees,
    Input::MonthSeenBelowHalf,
    Input::TvlUnrest,
    Input::Echo,
    Input::TwoMonthsDays,
];

const FEED: [Input; 6] = [
    Input::Level,
    Input::RewardShare,
    Input::OverFeedMean,
    Input::FeedVariation,
    Input::FeedDays,
    Input::Tvl,
];

/// All that the score is made of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Durability {
    /// What it was learnt from.
    pub learnt_from: LearntFrom,
    /// For pools with a record of our own.
    pub own: Questions,
    /// For pools of which only the feed's summary is known.
    pub feed: Questions,
}

/// The data behind the curves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LearntFrom {
    /// What the charts are.
    pub data: String,
    pub pools: usize,
    /// Days of pools that the benchmark counts, and all that were learnt from.
    pub days: usize,
    pub all_days: usize,
    /// The first and the last of them, as `2025-10-06`.
    pub first: String,
    pub last: String,
}

/// The curves that this program was built with.
static SHIPPED: LazyLock<Durability> = LazyLock::new(|| {
    toml::from_str(include_str!("../../../data/durability.toml"))
        .expect("a test reads the file that is shipped")
});

impl Durability {
    /// The curves that this program was built with.
    pub fn shipped() -> &'static Self {
        &SHIPPED
    }

    pub const fn for_record(&self, origin: Origin) -> &Questions {
        match origin {
            Origin::Own => &self.own,
            Origin::Feed => &self.feed,
        }
    }
}
