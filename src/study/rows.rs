//! Recorded charts as rows to learn from: what was known on a day, and what became of its rate.

use crate::domain::{
    ids::PoolId,
    rate::Percent,
    reading::{DayReading, FeedStats, Reading},
    time::Day,
    verdict::{
        Origin,
        input::Inputs,
        outcome::{Fate, counts},
        record::Record,
    },
};

/// The recorded days of a pool, ascending, one a day.
#[derive(Debug, Clone, PartialEq)]
pub struct Chart {
    pub pool: PoolId,
    pub days: Vec<DayReading>,
}

/// One day of a pool, as far as it was known then, and what became of it.
#[derive(Debug, Clone)]
pub struct Row {
    /// The chart's place in the list.
    pub chart: usize,
    pub day: Day,
    /// From the pool's own days, and from what the feed would have said.
    pub own: Inputs,
    pub feed: Inputs,
    pub fate: Fate,
    /// The benchmark counts it.
    pub counts: bool,
    /// What the benchmark's baselines look at.
    pub plain: Plain,
}

/// The figures of a day without a model, in the words of the benchmark's baselines.
#[derive(Debug, Clone, Copy)]
pub struct Plain {
    /// Percent.
    pub apy: f64,
    /// Today over the month's median, with today.
    pub over_median: f64,
    /// Today over the month's mean, with today.
    pub over_mean: f64,
    /// Deviation over mean of the month, with today.
    pub variation: f64,
    /// Logarithm of today over seven days before.
    pub week_trend: Option<f64>,
    /// Share that is paid in reward tokens.
    pub reward_share: Option<f64>,
    pub tvl_usd: f64,
    /// Logarithm of TVL over that of 7 and 30 days before.
    pub tvl_week: Option<f64>,
    pub tvl_month: Option<f64>,
}

/// Smaller days than the benchmark counts teach as well: from this APY in percent and this TVL in US
/// dollars on.
const TEACHING_APY: f64 = 0.7;
const TEACHING_TVL: f64 = 20_000.0;

/// The rows of all charts, in their order and in that of days.
pub fn rows(charts: &[Chart]) -> Vec<Row> {
    charts
        .iter()
        .enumerate()
        .flat_map(|(at, chart)| (0..chart.days.len()).filter_map(move |day| row(at, chart, day)))
        .collect()
}

fn row(chart_at: usize, chart: &Chart, at: usize) -> Option<Row> {
    let today = chart.days.get(at)?;
    if today.apy.get() < TEACHING_APY || today.tvl_usd < TEACHING_TVL {
        return None;
    }
    let fate = Fate::of(&chart.days, at)?;
    let known = known(chart, at)?;
    Some(Row {
        chart: chart_at,
        day: today.day,
        own: known.own,
        feed: known.feed,
        fate,
        counts: counts(today),
        plain: Plain::of(&chart.days, at)?,
    })
}

/// What is known on a day, from nothing after it.
#[derive(Debug, Clone)]
pub struct Known {
    pub own: Inputs,
    pub feed: Inputs,
}

impl Known {
    pub const fn inputs(&self, origin: Origin) -> &Inputs {
        match origin {
            Origin::Own => &self.own,
            Origin::Feed => &self.feed,
        }
    }
}

/// What is known of the day at `at`; `None` while the pool has too short a past.
pub fn known(chart: &Chart, at: usize) -> Option<Known> {
    let past = chart.days.get(..at)?;
    let today = chart.days.get(at)?;
    let reading = reading_of(today);
    Some(Known {
        own: Inputs::of_record(&reading, &Record::of(past, today.day)?),
        feed: Inputs::of_feed(&reading, &feed_of(past, today))?,
    })
}

/// A day's row as a reading.
pub fn reading_of(day: &DayReading) -> Reading {
    Reading {
        at: day.day.start(),
        apy: day.apy,
        base: day.base,
        reward: day.reward,
        tvl_usd: day.tvl_usd,
    }
}

/// What the feed's own summary would have been: the mean of 30 days, the deviation of daily returns
/// since listing, and the days observed.
pub fn feed_of(past: &[DayReading], today: &DayReading) -> FeedStats {
    let days = || past.iter().chain([today]);
    let apys: Vec<f64> = days().map(|day| day.apy.get()).collect();
    let month: Vec<f64> = days()
        .filter(|day| day.day.0 > today.day.0 - 30)
        .map(|day| day.apy.get())
        .collect();
    FeedStats {
        mean_30d: Percent::new(mean(&month)),
        sigma: Some(deviation(&apys) / 365_f64.sqrt()),
        days: u32::try_from(apys.len()).ok(),
    }
}

impl Plain {
    fn of(days: &[DayReading], at: usize) -> Option<Self> {
        let today = days.get(at)?;
        let past = days.get(..=at)?;
        let first = past.partition_point(|day| day.day.0 <= today.day.0 - 30);
        let mut month: Vec<f64> = past.get(first..)?.iter().map(|day| day.apy.get()).collect();
        let (mean, deviation) = (mean(&month), deviation(&month));
        let median = crate::domain::rate::median(&mut month)?;
        let before = |span: i32| {
            let end = past.partition_point(|day| day.day.0 <= today.day.0 - span);
            let found = end.checked_sub(1).and_then(|last| past.get(last))?;
            (today.day.0 - found.day.0 <= span + 3).then_some(found)
        };
        let apy = today.apy.get();
        let tvl_over = |day: &DayReading| (today.tvl_usd / day.tvl_usd.max(1.0)).ln();
        Some(Self {
            apy,
            over_median: apy / median.max(LEAST),
            over_mean: apy / mean.max(LEAST),
            variation: deviation / mean.max(LEAST),
            week_trend: before(7).map(|day| (apy / day.apy.get().max(LEAST)).ln()),
            reward_share: reading_of(today).reward_share(),
            tvl_usd: today.tvl_usd,
            tvl_week: before(7).map(tvl_over),
            tvl_month: before(30).map(tvl_over),
        })
    }
}

/// Keeps a ratio finite.
const LEAST: f64 = 0.01;

#[expect(clippy::cast_precision_loss, reason = "counts of days")]
fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

#[expect(clippy::cast_precision_loss, reason = "counts of days")]
fn deviation(values: &[f64]) -> f64 {
    let middle = mean(values);
    let squares: f64 = values.iter().map(|value| (value - middle).powi(2)).sum();
    (squares / (values.len() as f64 - 1.0).max(1.0)).sqrt()
}
