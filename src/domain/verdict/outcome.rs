//! What became of a rate, by which a durability score is judged.

use crate::domain::{reading::DayReading, time::Day};

/// Days that are looked at on either side.
pub const HORIZON: i32 = 30;
/// Fewer readings before, with the day itself, or after it say too little.
const ENOUGH_BEFORE: usize = 15;
const ENOUGH_AFTER: usize = 20;
/// Below this share of what it was, a rate is lost.
const HALF: f64 = 0.5;
/// Days below this APY in percent or this TVL in US dollars are not counted.
const NOTABLE_APY: f64 = 2.0;
const NOTABLE_TVL: f64 = 100_000.0;

/// What became of the rate of one day.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fate {
    /// The mean of the next 30 days over that day's rate.
    pub of_today: f64,
    /// The mean of the next 30 days over the mean of the last 30, that day among them.
    pub of_month: f64,
}

impl Fate {
    /// What became of the day at `at`, of days that ascend. `None` where too little is known on one of
    /// the two sides, or it earned nothing.
    pub fn of(days: &[DayReading], at: usize) -> Option<Self> {
        let (before, after) = around(days, at)?;
        let (today, month, next) = (days.get(at)?.apy.get(), mean(before), mean(after));
        (today > 0.0 && month > 0.0).then(|| Self {
            of_today: next / today,
            of_month: next / month,
        })
    }

    /// The rate was a spike: the next 30 days paid under half of it.
    pub fn is_collapse(self) -> bool {
        self.of_today < HALF
    }

    /// The pool bled: the next 30 days paid under half of the last 30.
    pub fn is_decay(self) -> bool {
        self.of_month < HALF
    }

    /// The rate was lost, in one way or the other.
    pub fn fell(self) -> bool {
        self.is_collapse() || self.is_decay()
    }
}

/// The days up to the one at `at`, with it, and those after it, as far as the horizon; `None` where they
/// are too few on one of the two sides.
fn around(days: &[DayReading], at: usize) -> Option<(&[DayReading], &[DayReading])> {
    let day = days.get(at)?.day;
    let first = days.partition_point(|other| other.day.0 <= day.0 - HORIZON);
    let end = days.partition_point(|other| other.day.0 <= day.0 + HORIZON);
    let (before, after) = (days.get(first..=at)?, days.get(at + 1..end)?);
    (before.len() >= ENOUGH_BEFORE && after.len() >= ENOUGH_AFTER).then_some((before, after))
}

/// When the rate of the day at `at` fell: the first of the next 30 days under half of what was lost by the
/// label, the day's own rate or the month's. `None` where it lasted, where that is not known, and for a day
/// that is under half of its month: what is lost there fell before.
pub fn fell_on(days: &[DayReading], at: usize) -> Option<Day> {
    let fate = Fate::of(days, at)?;
    let (before, after) = around(days, at)?;
    let (today, month) = (days.get(at)?.apy.get(), mean(before));
    if !fate.fell() || today < HALF * month {
        return None;
    }
    let lost = if fate.is_collapse() { today } else { month };
    let first = after.iter().find(|day| day.apy.get() < HALF * lost);
    first.map(|day| day.day)
}

/// The benchmark counts this day: at least 2 % and $100k.
pub fn counts(day: &DayReading) -> bool {
    day.apy.get() >= NOTABLE_APY && day.tvl_usd >= NOTABLE_TVL
}

/// When what became of a day is known.
pub fn known_on(day: Day) -> Day {
    Day(day.0 + HORIZON + 1)
}

/// The newest day of which it is known on this one what became of it.
pub fn known_by(today: Day) -> Day {
    Day(today.0 - HORIZON - 1)
}

fn mean(days: &[DayReading]) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "some thirty days")]
    let count = days.len() as f64;
    days.iter().map(|day| day.apy.get()).sum::<f64>() / count
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::rate::Percent;

    fn day(day: i32, apy: f64) -> DayReading {
        DayReading {
            day: Day(day),
            apy: Percent::new(apy).unwrap(),
            base: None,
            reward: None,
            tvl_usd: 1e6,
        }
    }

    /// Days −60 to 60 that pay `before` up to day 0 and `after` from day 1 on; the place of day 0.
    fn broken(before: f64, after: f64) -> (Vec<DayReading>, usize) {
        let days = (-60..=60).map(|at| day(at, if at > 0 { after } else { before }));
        (days.collect(), 60)
    }

    #[test]
    fn half_of_a_rate_is_not_lost_and_less_is() {
        let fate = |after: f64| {
            let (days, at) = broken(10.0, after);
            Fate::of(&days, at).unwrap()
        };
        assert!(!fate(5.0).fell());
        assert!(fate(4.99).is_collapse() && fate(4.99).is_decay());
    }

    #[test]
    fn thirty_days_count_on_either_side_and_no_other() {
        let (days, at) = broken(10.0, 10.0);
        let with = |changed: i32| {
            let mut days = days.clone();
            let place = days.iter().position(|it| it.day.0 == changed).unwrap();
            days[place] = day(changed, 40.0);
            let fate = Fate::of(&days, at).unwrap();
            (fate.of_today > 1.0, fate.of_month < 1.0)
        };
        // Of the 30 days up to a day, the day itself is one.
        assert_eq!(with(-30), (false, false));
        assert_eq!(with(-29), (false, true));
        assert!(with(1).0 && with(30).0);
        assert_eq!(with(31), (false, false));
    }

    #[test]
    fn days_count_from_two_percent_and_a_hundred_thousand_dollars_on() {
        let of = |apy, tvl_usd| {
            counts(&DayReading {
                tvl_usd,
                ..day(0, apy)
            })
        };
        assert!(of(2.0, 100_000.0));
        assert!(!of(1.999, 100_000.0) && !of(2.0, 99_999.0));
    }
}
