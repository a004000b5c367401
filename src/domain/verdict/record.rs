//! What a pool's own days say of it, worked out once a day: all that the durability score looks at
//! beside the present reading. Nothing of the present day is in it.

use crate::domain::{rate, reading::DayReading, time::Day, verdict::Usual};

/// Parts into which the spread of two months is cut.
const PARTS: usize = 12;
/// APYs in percent below this are taken for it where their logarithm is needed.
pub(super) const LEAST_APY: f64 = 0.01;
/// Days of the month and of the two months that end with the present day.
const MONTH: i32 = 30;
const TWO_MONTHS: i32 = 60;
const WEEK: i32 = 7;
/// Days that lie this far apart at most are neighbours.
const NEIGHBOURS: i32 = 2;
/// Fewer days say nothing of a spread.
const FEW: usize = 3;
/// Fewer days say nothing of a trend.
const FEW_FOR_TREND: usize = 5;
/// Fewer days say nothing of an echo.
const FEW_FOR_ECHO: usize = 11;
/// Days between a rate and its echo.
const ECHO: usize = 3;

/// A pool's last two months in figures. Logarithms are natural, of APY in percent; what cannot be
/// said is NaN. Windows end with the present day, whose reading is not in them.
#[derive(Debug, Clone, Copy)]
pub struct Record {
    /// What the last 30 complete days say.
    pub usual: Usual,
    pub(super) figures: Figures,
}

/// The figures in the order in which they are kept.
#[derive(Debug, Clone, Copy)]
pub(super) struct Figures {
    /// Days with a reading in the month, and in the two months.
    pub month_days: f32,
    pub two_months_days: f32,
    /// Sum of the month's APYs, in percent.
    pub month_sum: f32,
    /// Mean logarithm with weights that halve each day back, and each two days back; the sum of the
    /// latter's weights, where the present day would have 1.
    pub log_yesterday: f32,
    pub log_recent: f32,
    pub recent_weight: f32,
    /// Median and largest logarithm of the month, lower quartile of the week.
    pub log_median: f32,
    pub log_peak: f32,
    pub log_low_week: f32,
    /// The logarithms of the two months in order: smallest, eleven between, largest.
    pub spread: [f32; PARTS + 1],
    /// Median logarithm of what the month's days paid: APY in percent × TVL in US dollars.
    pub log_fees: f32,
    /// Sum of the same over the week, and its days.
    pub week_fees: f32,
    pub week_days: f32,
    /// Deviation of the logarithm of TVL over two months.
    pub tvl_unrest: f32,
    /// Mean change of the logarithm from day to day over two months, without its sign.
    pub unrest: f32,
    /// Change of the logarithm a day over the month, by least squares.
    pub slope: f32,
    /// How much a rate is like that of three days before, −1 to 1, over two months.
    pub echo: f32,
}

/// How many numbers a kept record has beside what is usual.
const KEPT: usize = 29;

impl Record {
    /// Reads the days before `today`, which ascend. `None` while there are too few in the month.
    pub fn of(days: &[DayReading], today: Day) -> Option<Self> {
        let days = days
            .get(..days.partition_point(|day| day.day < today))
            .unwrap_or_default();
        let since = |span: i32| {
            let first = days.partition_point(|day| day.day.0 <= today.0 - span);
            days.get(first..).unwrap_or_default()
        };
        let complete = since(MONTH + 1);
        let mut apys: Vec<f64> = complete.iter().map(|day| day.apy.get()).collect();
        let usual = Usual::from_days(&mut apys)?;
        Some(Self {
            usual,
            figures: Figures::of(since(WEEK), since(MONTH), since(TWO_MONTHS), today),
        })
    }

    /// The record as it is kept: 32-bit numbers, little end first.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.figures.numbers().flat_map(f32::to_le_bytes).collect()
    }

    /// Reads back what [`to_bytes`](Self::to_bytes) wrote. `None` for anything of another length,
    /// such as what another version kept.
    pub fn from_bytes(usual: Usual, bytes: &[u8]) -> Option<Self> {
        let (numbers, rest) = bytes.as_chunks::<4>();
        let numbers: &[[u8; 4]; KEPT] = numbers.try_into().ok()?;
        rest.is_empty().then(|| Self {
            usual,
            figures: Figures::from_numbers(numbers.map(f32::from_le_bytes)),
        })
    }
}

impl PartialEq for Record {
    /// By bits, since what is not known is NaN.
    fn eq(&self, other: &Self) -> bool {
        let bits = |record: &Self| record.to_bytes();
        self.usual == other.usual && bits(self) == bits(other)
    }
}

impl Figures {
    fn of(week: &[DayReading], month: &[DayReading], two: &[DayReading], today: Day) -> Self {
        let logs = |days: &[DayReading]| -> Vec<f64> { days.iter().map(log_apy).collect() };
        let in_order = |days: &[DayReading]| sorted(logs(days));
        let (month_logs, two_logs) = (in_order(month), in_order(two));
        let (log_yesterday, _) = fading(two, today, 1.0);
        let (log_recent, recent_weight) = fading(two, today, 2.0);
        let fees: Vec<f64> = month
            .iter()
            .map(|day| (day.apy.get() * day.tvl_usd).max(1.0).ln())
            .collect();
        let week_fees = week.iter().map(|day| day.apy.get() * day.tvl_usd).sum();
        let mut spread = [f32::NAN; PARTS + 1];
        for (part, edge) in spread.iter_mut().enumerate() {
            *edge = narrow(quantile(&two_logs, number(part) / number(PARTS)));
        }
        let tvl_logs: Vec<f64> = two.iter().map(|day| day.tvl_usd.max(1.0).ln()).collect();
        let two_in_time = logs(two);
        Self {
            month_days: narrow(number(month.len())),
            two_months_days: narrow(number(two.len())),
            month_sum: narrow(month.iter().map(|day| day.apy.get()).sum()),
            log_yesterday: narrow(log_yesterday),
            log_recent: narrow(log_recent),
            recent_weight: narrow(recent_weight),
            log_median: narrow(quantile(&month_logs, 0.5)),
            log_peak: narrow(quantile(&month_logs, 1.0)),
            log_low_week: narrow(quantile(&in_order(week), 0.25)),
            spread,
            log_fees: narrow(quantile(&sorted(fees), 0.5)),
            week_fees: narrow(week_fees),
            week_days: narrow(number(week.len())),
            tvl_unrest: narrow(deviation(&tvl_logs)),
            unrest: narrow(unrest(two)),
            slope: narrow(slope(month)),
            echo: narrow(echo(&two_in_time)),
        }
    }

    /// In the order in which they are kept.
    fn numbers(&self) -> impl Iterator<Item = f32> {
        let before = [
            self.month_days,
            self.two_months_days,
            self.month_sum,
            self.log_yesterday,
            self.log_recent,
            self.recent_weight,
            self.log_median,
            self.log_peak,
            self.log_low_week,
        ];
        let after = [
            self.log_fees,
            self.week_fees,
            self.week_days,
            self.tvl_unrest,
            self.unrest,
            self.slope,
            self.echo,
        ];
        before.into_iter().chain(self.spread).chain(after)
    }
}

impl Figures {
    fn from_numbers(numbers: [f32; KEPT]) -> Self {
        let [
            month_days,
            two_months_days,
            month_sum,
            log_yesterday,
            log_recent,
            recent_weight,
            log_median,
            log_peak,
            log_low_week,
            spread @ ..,
            log_fees,
            week_fees,
            week_days,
            tvl_unrest,
            unrest,
            slope,
            echo,
        ] = numbers;
        Self {
            month_days,
            two_months_days,
            month_sum,
            log_yesterday,
            log_recent,
            recent_weight,
            log_median,
            log_peak,
            log_low_week,
            spread,
            log_fees,
            week_fees,
            week_days,
            tvl_unrest,
            unrest,
            slope,
            echo,
        }
    }

    /// The share of the two months, 0–1, in which the logarithm of APY was below `log`, as far as the
    /// spread tells.
    pub(super) fn share_below(&self, log: f64) -> f64 {
        let edges = self.spread.map(f64::from);
        let [first, .., last] = edges;
        if first.is_nan() {
            return f64::NAN;
        }
        if log <= first {
            return 0.0;
        }
        if log >= last {
            return 1.0;
        }
        let above = edges.partition_point(|edge| *edge < log);
        let (Some(low), Some(high)) = (
            above.checked_sub(1).and_then(|at| edges.get(at)),
            edges.get(above),
        ) else {
            return f64::NAN;
        };
        let within = if high > low {
            (log - low) / (high - low)
        } else {
            0.5
        };
        (number(above) - 1.0 + within) / number(PARTS)
    }
}

/// The logarithm of a day's APY.
fn log_apy(day: &DayReading) -> f64 {
    day.apy.get().max(LEAST_APY).ln()
}

/// The mean logarithm of APY with weights that halve every `half_life` days back, and the sum of the
/// weights.
fn fading(days: &[DayReading], today: Day, half_life: f64) -> (f64, f64) {
    let (mut sum, mut weights) = (0.0, 0.0);
    for day in days {
        let weight = (-f64::from(today.0 - day.day.0) / half_life).exp2();
        sum += weight * log_apy(day);
        weights += weight;
    }
    (sum / weights, weights)
}

/// Mean change of the logarithm between neighbouring days, without its sign.
fn unrest(days: &[DayReading]) -> f64 {
    let changes: Vec<f64> = days
        .array_windows()
        .filter(|[before, after]| after.day.0 - before.day.0 <= NEIGHBOURS)
        .map(|[before, after]| (log_apy(after) - log_apy(before)).abs())
        .collect();
    mean(&changes)
}

/// Change of the logarithm a day, by least squares.
fn slope(days: &[DayReading]) -> f64 {
    if days.len() < FEW_FOR_TREND {
        return f64::NAN;
    }
    let times: Vec<f64> = days.iter().map(|day| f64::from(day.day.0)).collect();
    let logs: Vec<f64> = days.iter().map(log_apy).collect();
    let (time, log) = (mean(&times), mean(&logs));
    let (mut together, mut alone) = (0.0, 0.0);
    for (at, value) in times.iter().zip(&logs) {
        together += (at - time) * (value - log);
        alone += (at - time) * (at - time);
    }
    together / alone
}

/// How much the logarithms are like those of [`ECHO`] readings before.
fn echo(logs: &[f64]) -> f64 {
    /// Keeps a pool that never moves from a division by nothing.
    const STILL: f64 = 1e-9;
    if logs.len() < FEW_FOR_ECHO {
        return f64::NAN;
    }
    let middle = mean(logs);
    let alone: f64 = logs.iter().map(|log| (log - middle).powi(2)).sum();
    let together: f64 = logs
        .iter()
        .zip(logs.iter().skip(ECHO))
        .map(|(before, after)| (before - middle) * (after - middle))
        .sum();
    together / (alone + STILL)
}

fn sorted(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_unstable_by(f64::total_cmp);
    values
}

/// The value at this share, 0–1, of values in order; NaN without any.
fn quantile(values: &[f64], share: f64) -> f64 {
    rate::quantile(values, share).unwrap_or(f64::NAN)
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / number(values.len())
}

/// The deviation of a sample.
fn deviation(values: &[f64]) -> f64 {
    if values.len() < FEW {
        return f64::NAN;
    }
    let middle = mean(values);
    let squares: f64 = values.iter().map(|value| (value - middle).powi(2)).sum();
    (squares / (number(values.len()) - 1.0)).sqrt()
}

#[expect(clippy::cast_precision_loss, reason = "counts of days")]
fn number(count: usize) -> f64 {
    count as f64
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "six digits are enough, and half the memory"
)]
fn narrow(value: f64) -> f32 {
    value as f32
}

#[cfg(test)]
pub(crate) mod fixture {
    use super::*;
    use crate::domain::rate::Percent;

    /// A pool of $10m that pays these rates in percent, one a day, up to the day before `today`.
    pub(crate) fn days(rates: &[f64], today: Day) -> Vec<DayReading> {
        (0_i32..)
            .zip(rates.iter().rev())
            .map(|(back, apy)| DayReading {
                day: Day(today.0 - 1 - back),
                apy: Percent::new(*apy).unwrap(),
                base: Percent::new(*apy),
                reward: None,
                tvl_usd: 1e7,
            })
            .collect::<Vec<_>>()
            .into_iter()
            .rev()
            .collect()
    }

    /// A pool that has paid `centre` percent for two months, every other day off it by this share of it.
    pub(crate) fn record(centre: f64, variation: f64) -> Record {
        let rates: Vec<f64> = (0..60)
            .map(|day| match day % 4 {
                1 => centre * (1.0 + variation),
                3 => centre * (1.0 - variation),
                _ => centre,
            })
            .collect();
        let today = Day(20_000);
        Record::of(&days(&rates, today), today).unwrap()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{fixture::days, *};
    use crate::domain::reading::{DataState, FeedStats};
    use crate::domain::{
        rate::Percent,
        reading::Reading,
        verdict::{
            Evidence, Screen, assess,
            input::{Input, Inputs},
        },
    };

    const TODAY: Day = Day(20_000);

    fn reading(apy: f64) -> Reading {
        Reading {
            at: TODAY.start(),
            apy: Percent::new(apy).unwrap(),
            base: Percent::new(apy),
            reward: None,
            tvl_usd: 1e7,
        }
    }

    fn input(rates: &[f64], now: f64, input: Input) -> f64 {
        let record = Record::of(&days(rates, TODAY), TODAY).unwrap();
        Inputs::of_record(&reading(now), &record).get(input)
    }

    #[test]
    fn fifteen_readings_of_a_month_with_the_present_one_make_a_record() {
        assert_eq!(Record::of(&days(&[4.0; 13], TODAY), TODAY), None);
        assert!(Record::of(&days(&[4.0; 14], TODAY), TODAY).is_some());
        let long_ago = days(&[4.0; 60], Day(TODAY.0 - 20));
        assert_eq!(Record::of(&long_ago, TODAY), None);
        assert_eq!(Record::of(&[], TODAY), None);
    }

    #[test]
    fn inputs_say_what_they_are_named_after() {
        let near = |value: f64, wanted: f64| (value - wanted).abs() < 1e-5;
        let flat = [4.0; 60];
        assert!(near(input(&flat, 8.0, Input::OverMedian), 2_f64.ln()));
        assert!(near(input(&flat, 8.0, Input::OverPeak), 2_f64.ln()));
        assert!(near(input(&flat, 8.0, Input::OverFees), 2_f64.ln()));
        // 29 days of 4 and one of 8.
        let month = (29.0 * 4.0 + 8.0) / 30.0;
        assert!(near(
            input(&flat, 8.0, Input::OverMonth),
            (8.0_f64 / month).ln()
        ));
        assert!(near(input(&flat, 4.0, Input::Unrest), 0.0));
        assert!(near(input(&flat, 4.0, Input::Slope), 0.0));
        assert!(near(input(&flat, 4.0, Input::MonthDays), 29.0));
        let mut fallen = [10.0; 60];
        fallen[30..].fill(1.0);
        // The spread has twelve parts, so a share is exact to half of one.
        let seen = input(&fallen, 10.0, Input::SeenBelowHalf);
        assert!((seen - 30.0 / 59.0).abs() < 0.05, "{seen}");
        let growing: Vec<f64> = (0..60).map(|day| (f64::from(day) / 100.0).exp()).collect();
        assert!(near(input(&growing, 2.0, Input::Slope), 0.01));
        assert!(near(input(&growing, 2.0, Input::Unrest), 0.01));
    }

    #[test]
    fn a_day_twice_over_and_a_gap_of_a_year_do_no_harm() {
        let mut old = days(&[4.0; 30], Day(TODAY.0 - 400));
        old.extend(days(&[5.0; 20], TODAY));
        let record = Record::of(&old, TODAY).unwrap();
        assert_eq!(record.usual.days, 20);
        let mut twice = days(&[5.0; 20], TODAY);
        twice.extend(twice.last().copied());
        assert!(Record::of(&twice, TODAY).is_some());
    }

    #[test]
    fn a_record_is_read_back_as_it_was_kept() {
        let record = fixture::record(4.0, 0.1);
        let kept = record.to_bytes();
        assert_eq!(Record::from_bytes(record.usual, &kept), Some(record));
        assert_eq!(Record::from_bytes(record.usual, &kept[1..]), None);
        assert_eq!(Record::from_bytes(record.usual, &[]), None);
    }

    proptest! {
        /// Whatever rates and gaps: every score is a chance, and nothing panics.
        #[test]
        fn every_past_gives_a_chance(
            rates in prop::collection::vec(prop_oneof![0.0..400_000.0_f64, Just(0.0)], 14..90),
            gaps in prop::collection::vec(1_i32..40, 90),
            now in 0.0..400_000.0_f64,
        ) {
            let mut past = days(&rates, TODAY);
            let mut day = TODAY.0;
            for (row, gap) in past.iter_mut().rev().zip(gaps) {
                day -= if gap > 36 { 300 } else { 1 };
                row.day = Day(day);
            }
            let record = Record::of(&past, TODAY);
            let feed = FeedStats::default();
            let reading = reading(now);
            let judged = assess(
                &Evidence { reading: &reading, data: DataState::Good, record: record.as_ref(), feed: &feed },
                &Screen::default(),
            );
            for score in [judged.score, judged.paid_score].into_iter().flatten() {
                prop_assert!((0.0..=1.0).contains(&score), "{score}");
            }
            prop_assert_eq!(judged.score.is_some(), record.is_some() && now > 0.0);
        }

        /// No look into the future: what comes after a day, however it is shuffled, changes nothing.
        #[test]
        fn the_future_moves_no_score(
            rates in prop::collection::vec(0.1..100.0_f64, 30..120),
            future in prop::collection::vec((0.0..400_000.0_f64, 0.0..1e12_f64), 0..60).prop_shuffle(),
        ) {
            let mut chart = days(&rates, TODAY);
            let without = Record::of(&chart, TODAY);
            let later = (0_i32..).zip(future).map(|(ahead, (apy, tvl_usd))| DayReading {
                day: Day(TODAY.0 + ahead),
                apy: Percent::new(apy).unwrap(),
                base: None,
                reward: None,
                tvl_usd,
            });
            chart.extend(later);
            prop_assert_eq!(Record::of(&chart, TODAY), without);
        }
    }
}
