//! Axes: how far they reach, and where they are labelled.

use std::ops::RangeInclusive;

use chrono::{Datelike as _, NaiveDate};

use crate::domain::{past::Past, time::Day};

/// Values further up than so many times the nineteenth of twenty are left out of the scale.
const FAR: f64 = 3.0;
/// The latest value is on the axis, since it is what stands, unless it is so many times the usual ones.
const FAR_NOW: f64 = 20.0;
/// With fewer values than this nobody can say which of them is far away.
const FEW: usize = 5;
/// Room above the highest value, as a part of it.
const HEADROOM: f64 = 1.08;
/// No axis reaches further than this, up or down: its labels would have no room.
const FURTHEST: f64 = 1e12;

/// How far an axis reaches that starts at zero, or below where values do.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Reach {
    pub low: f64,
    pub high: f64,
}

impl Reach {
    /// An axis for these values, in the order of their days, on which the usual ones can be told apart, whatever
    /// a few of them are.
    pub(super) fn of(values: impl Iterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.collect();
        let latest = values.last().copied().unwrap_or(0.0);
        values.sort_unstable_by(f64::total_cmp);
        let low = values.first().copied().unwrap_or(0.0).min(0.0);
        let most = values.last().copied().unwrap_or(0.0);
        let usual = values.get(values.len().saturating_sub(1) * 19 / 20);
        let usual = usual.copied().unwrap_or(most);
        let high = if values.len() >= FEW && usual > 0.0 && most > FAR * usual {
            let latest = Some(latest).filter(|latest| *latest <= FAR_NOW * usual);
            latest.unwrap_or(0.0).max(usual * 1.5)
        } else {
            most
        };
        let (low, high) = (low.max(-FURTHEST), high.min(FURTHEST));
        Self {
            low: low * HEADROOM,
            // Where nothing is paid at all there is still an axis.
            high: if high > 0.0 { high * HEADROOM } else { 1.0 },
        }
    }

    /// An axis that leaves nothing out.
    pub(super) fn whole(values: impl Iterator<Item = f64>) -> Self {
        let (low, high) = values.fold((0.0_f64, 0.0_f64), |(low, high), value| {
            (low.min(value), high.max(value))
        });
        Self {
            low: low * HEADROOM,
            high: if high > 0.0 { high * HEADROOM } else { 1.0 },
        }
    }

    /// A value, held on the axis.
    pub(super) fn hold(self, value: f64) -> f64 {
        value.clamp(self.low, self.high)
    }

    pub(super) fn leaves_out(self, value: f64) -> bool {
        value > self.high
    }

    /// Round values to be labelled, about `most` of them.
    pub(super) fn ticks(self, most: u32) -> Vec<f64> {
        let step = round_step((self.high - self.low) / f64::from(most));
        let mut at = (self.low / step).ceil();
        let mut ticks = Vec::new();
        while at * step <= self.high && ticks.len() <= 2 * most as usize {
            ticks.push(at * step);
            at += 1.0;
        }
        ticks
    }
}

/// The next of 1, 2, 5, 10, … and their tenths that is not below `step`.
fn round_step(step: f64) -> f64 {
    let unit = 10_f64.powf(step.log10().floor());
    let times = [1.0, 2.0, 5.0, 10.0];
    let round = times.into_iter().find(|times| times * unit >= step * 0.999);
    round.unwrap_or(10.0) * unit
}

/// Fewer days than this make no axis.
const FEWEST_DAYS: i32 = 7;

/// The days to be shown: those that were asked for, without what lies before the first known one.
pub(super) fn shown(past: &Past) -> RangeInclusive<Day> {
    let (asked, last) = (*past.range().start(), *past.range().end());
    let known = past.days().first().map_or(asked, |first| first.paid.day);
    let latest = Day(last.0 - FEWEST_DAYS + 1);
    known.min(latest).max(asked)..=last
}

/// The days of a range that are labelled, with their words: single days, then firsts and middles of
/// months, then firsts of months.
pub(super) fn day_ticks(range: &RangeInclusive<Day>) -> Vec<(Day, String)> {
    let (first, last) = (range.start().0, range.end().0);
    let length = last - first + 1;
    // Words at the very left would stand on those of the other axis.
    let free = if length > 8 { (length + 29) / 30 } else { 0 };
    let is_tick = |day: &Day| {
        let (date, to_the_end) = (day.date(), last - day.0);
        match length {
            ..=8 => true,
            9..=16 => to_the_end % 2 == 0,
            17..=49 => to_the_end % 7 == 0,
            50..=110 => matches!(date.day(), 1 | 15),
            111..=230 => date.day() == 1,
            _ => date.day() == 1 && date.month0() % 2 == 0,
        }
    };
    (first + free..=last)
        .map(Day)
        .filter(is_tick)
        .map(|day| (day, tick_words(day.date(), length > 110)))
        .collect()
}

fn tick_words(date: NaiveDate, months_alone: bool) -> String {
    let form = match (months_alone, date.month()) {
        (true, 1) => "%b %Y",
        (true, _) => "%b",
        (false, _) => "%-d %b",
    };
    date.format(form).to_string()
}

/// `30 Aug – 27 Nov 2026`, with the first year where it is another.
pub(super) fn range_words(range: &RangeInclusive<Day>) -> String {
    let (first, last) = (range.start().date(), range.end().date());
    let form = if first.year() == last.year() {
        "%-d %b"
    } else {
        "%-d %b %Y"
    };
    format!("{} – {}", first.format(form), last.format("%-d %b %Y"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reach(values: &[f64]) -> Reach {
        Reach::of(values.iter().copied())
    }

    fn up_to(high: f64) -> Reach {
        let high = high * HEADROOM;
        Reach { low: 0.0, high }
    }

    fn days(first: &str, last: &str) -> RangeInclusive<Day> {
        Day::parse(first).unwrap()..=Day::parse(last).unwrap()
    }

    #[test]
    fn a_few_far_values_do_not_flatten_the_rest() {
        let mut values = vec![4.0; 50];
        assert_eq!(reach(&values), up_to(4.0));
        values.extend([9_000.0, 355_083.0]);
        let reach = reach(&values);
        assert_eq!(reach, up_to(6.0));
        assert!(reach.leaves_out(9_000.0) && !reach.leaves_out(4.0));
        assert!(reach.hold(9_000.0) <= reach.high);
    }

    #[test]
    fn what_stands_now_is_on_the_axis() {
        let mut values = vec![4.0; 50];
        values.extend([9_000.0, 40.0]);
        assert_eq!(reach(&values), up_to(40.0));
        values.push(9_000.0);
        assert_eq!(reach(&values), up_to(6.0));
    }

    #[test]
    fn what_is_high_for_long_is_on_the_axis() {
        let values: Vec<f64> = (0..50).map(|at| if at < 5 { 300.0 } else { 4.0 }).collect();
        assert_eq!(reach(&values), up_to(300.0));
        assert_eq!(reach(&[1.0, 2.0, 50.0]), up_to(50.0));
    }

    #[test]
    fn there_is_an_axis_for_nothing_and_for_less_than_nothing() {
        let empty = Reach {
            low: 0.0,
            high: 1.0,
        };
        assert_eq!(reach(&[]), empty);
        assert_eq!(reach(&[0.0; 9]), empty);
        let below = Reach {
            low: -HEADROOM,
            ..up_to(2.0)
        };
        assert_eq!(reach(&[-1.0, 2.0]), below);
        assert_eq!(reach(&[-1.0, 2.0]).ticks(4), [-1.0, 0.0, 1.0, 2.0]);
    }

    #[test]
    fn ticks_are_round_and_few() {
        let ticks = |high| Reach { low: 0.0, high }.ticks(4);
        assert_eq!(ticks(4.3), [0.0, 2.0, 4.0]);
        assert_eq!(ticks(10.0), [0.0, 5.0, 10.0]);
        assert_eq!(ticks(383_490.0), [0.0, 100_000.0, 200_000.0, 300_000.0]);
        for exponent in -9..15 {
            for high in [1.0, 1.3, 2.7, 4.9, 7.7] {
                let count = ticks(high * 10_f64.powi(exponent)).len();
                assert!((2..=5).contains(&count), "{high}e{exponent}: {count}");
            }
        }
    }

    #[test]
    fn labels_of_days_fit_beside_each_other() {
        let last = Day::parse("2026-11-27").unwrap();
        for length in 1..=365 {
            let ticks = day_ticks(&(Day(last.0 - length + 1)..=last));
            let count = ticks.len();
            assert!((1..=8).contains(&count), "{length}: {count}");
        }
        let words: Vec<String> = day_ticks(&days("2026-08-30", "2026-11-27"))
            .into_iter()
            .map(|(_, words)| words)
            .collect();
        assert_eq!(words, ["15 Sep", "1 Oct", "15 Oct", "1 Nov", "15 Nov"]);
        let year = day_ticks(&days("2025-11-28", "2026-11-27"));
        assert_eq!(year.first().unwrap().1, "Jan 2026");
    }

    #[test]
    fn a_range_names_each_year_once() {
        let words = |first, last| range_words(&days(first, last));
        assert_eq!(words("2026-08-30", "2026-11-27"), "30 Aug – 27 Nov 2026");
        assert_eq!(words("2025-12-01", "2026-01-05"), "1 Dec 2025 – 5 Jan 2026");
    }
}
