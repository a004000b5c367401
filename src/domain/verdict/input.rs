//! The inputs of the durability score: each one number, worked out of the present reading and of what
//! is known of the pool's past.

use serde::{Deserialize, Serialize};

use super::record::{LEAST_APY, Record};
use crate::domain::reading::{FeedStats, Reading};

/// One input. Those about rates are differences of natural logarithms, so 0.69 is twice as much.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Input {
    /// The logarithm of today's APY in percent.
    Level,
    /// The part of it that is paid in reward tokens, 0–1.
    RewardShare,
    /// Today over the day before, mostly.
    OverYesterday,
    /// Today over the last days.
    OverRecent,
    /// Today over the month's median.
    OverMedian,
    /// Today over the lower quartile of two months.
    OverLow,
    /// Today over the month's mean.
    OverMonth,
    /// Today over the month's highest.
    OverPeak,
    /// Today over what the pool's usual daily pay makes at today's TVL.
    OverFees,
    /// The share of two months, 0–1, that was below half of today.
    SeenBelowHalf,
    /// The last days, with today, over the month's mean.
    RecentOverMonth,
    /// The week's lower quartile over the month's mean.
    LowWeekOverMonth,
    /// The month's mean over what the week's pay makes at today's TVL.
    MonthOverFees,
    /// The share of two months, 0–1, that was below half of the month's mean.
    MonthSeenBelowHalf,
    /// Mean change from day to day over two months.
    Unrest,
    /// Deviation of TVL over two months.
    TvlUnrest,
    /// Change a day over the month.
    Slope,
    /// How much a rate is like that of three days before, −1 to 1.
    Echo,
    /// Days with a reading in the month.
    MonthDays,
    /// Days with a reading in two months.
    TwoMonthsDays,
    /// Today over the feed's 30-day mean.
    OverFeedMean,
    /// The feed's deviation over the pool's life, as a share of its 30-day mean.
    FeedVariation,
    /// The logarithm of the days that the feed has observed.
    FeedDays,
    /// The logarithm of TVL in US dollars.
    Tvl,
}

impl Input {
    pub const ALL: [Self; 24] = [
        Self::Level,
        Self::RewardShare,
        Self::OverYesterday,
        Self::OverRecent,
        Self::OverMedian,
        Self::OverLow,
        Self::OverMonth,
        Self::OverPeak,
        Self::OverFees,
        Self::SeenBelowHalf,
        Self::RecentOverMonth,
        Self::LowWeekOverMonth,
        Self::MonthOverFees,
        Self::MonthSeenBelowHalf,
        Self::Unrest,
        Self::TvlUnrest,
        Self::Slope,
        Self::Echo,
        Self::MonthDays,
        Self::TwoMonthsDays,
        Self::OverFeedMean,
        Self::FeedVariation,
        Self::FeedDays,
        Self::Tvl,
    ];
}

impl Input {
    /// Worth a sentence of its own. The others say what the ratio to the usual rate or the share of
    /// rewards says.
    pub const fn is_said_alone(self) -> bool {
        matches!(
            self,
            Self::OverFees
                | Self::SeenBelowHalf
                | Self::RecentOverMonth
                | Self::MonthOverFees
                | Self::MonthSeenBelowHalf
                | Self::Unrest
                | Self::TvlUnrest
                | Self::Slope
                | Self::MonthDays
                | Self::TwoMonthsDays
                | Self::FeedDays
        )
    }
}

/// The value of each input at one moment; NaN where it is not known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Inputs([f64; Input::ALL.len()]);

/// The logarithm of two, by which a half lies below.
const HALF: f64 = std::f64::consts::LN_2;

impl Inputs {
    /// What the present reading is against the pool's own record.
    pub fn of_record(reading: &Reading, record: &Record) -> Self {
        let figures = &record.figures;
        let wide = f64::from;
        let mut inputs = Self::of_reading(reading);
        let apy = reading.apy.get().max(LEAST_APY);
        let level = apy.ln();
        let tvl = reading.tvl_usd.max(1.0);
        let log_tvl = tvl.ln();
        let days = wide(figures.month_days) + 1.0;
        let month = ((wide(figures.month_sum) + apy) / days).max(LEAST_APY).ln();
        let week = (wide(figures.week_fees) + apy * tvl) / (wide(figures.week_days) + 1.0);
        let weight = wide(figures.recent_weight);
        let recent = (wide(figures.log_recent) * weight + level) / (weight + 1.0);
        for (input, value) in [
            (Input::OverYesterday, level - wide(figures.log_yesterday)),
            (Input::OverRecent, level - wide(figures.log_recent)),
            (Input::OverMedian, level - wide(figures.log_median)),
            (Input::OverLow, level - wide(figures.spread[3])),
            (Input::OverMonth, level - month),
            (Input::OverPeak, level - wide(figures.log_peak)),
            (Input::OverFees, level + log_tvl - wide(figures.log_fees)),
            (Input::SeenBelowHalf, figures.share_below(level - HALF)),
            (Input::RecentOverMonth, recent - month),
            (Input::LowWeekOverMonth, wide(figures.log_low_week) - month),
            (
                Input::MonthOverFees,
                month - (week / tvl).max(LEAST_APY).ln(),
            ),
            (Input::MonthSeenBelowHalf, figures.share_below(month - HALF)),
            (Input::Unrest, wide(figures.unrest)),
            (Input::TvlUnrest, wide(figures.tvl_unrest)),
            (Input::Slope, wide(figures.slope)),
            (Input::Echo, wide(figures.echo)),
            (Input::MonthDays, wide(figures.month_days)),
            (Input::TwoMonthsDays, wide(figures.two_months_days)),
        ] {
            inputs.set(input, value);
        }
        inputs
    }

    /// What the present reading is against the feed's own summary. Without a 30-day mean there is
    /// nothing to compare with.
    pub fn of_feed(reading: &Reading, feed: &FeedStats) -> Option<Self> {
        let mean = feed.mean_30d.filter(|mean| mean.get() > 0.0)?.get();
        let mut inputs = Self::of_reading(reading);
        let level = reading.apy.get().max(LEAST_APY).ln();
        inputs.set(Input::OverFeedMean, level - mean.max(LEAST_APY).ln());
        if let Some(variation) = feed.variation() {
            inputs.set(Input::FeedVariation, variation);
        }
        if let Some(days) = feed.days {
            inputs.set(Input::FeedDays, f64::from(days.max(1)).ln());
        }
        Some(inputs)
    }

    fn of_reading(reading: &Reading) -> Self {
        let mut inputs = Self([f64::NAN; Input::ALL.len()]);
        inputs.set(Input::Level, reading.apy.get().max(LEAST_APY).ln());
        inputs.set(Input::Tvl, reading.tvl_usd.max(1.0).ln());
        if let Some(share) = reading.reward_share() {
            inputs.set(Input::RewardShare, share);
        }
        inputs
    }

    pub const fn get(&self, input: Input) -> f64 {
        self.0[input as usize]
    }

    const fn set(&mut self, input: Input, value: f64) {
        self.0[input as usize] = value;
    }
}
