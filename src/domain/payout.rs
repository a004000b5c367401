//! When a position pays out, by the rhythm that its owner told.

use chrono::{Datelike as _, Months};

use super::{position::Payout, time::Day};

/// More steps than this are not walked: 30 years of days.
const MOST_STEPS: u32 = 11_000;

/// The days in `from..=to` on which something pays that has earned since `since`. A monthly or quarterly
/// pay-out falls on the day of the month on which it began, or on the month's last where that has fewer
/// days. None where its owner takes it out.
pub fn days(since: Day, rhythm: Payout, from: Day, to: Day) -> impl Iterator<Item = Day> {
    let first = first_step(since, rhythm, from);
    (first..first.saturating_add(MOST_STEPS))
        .map_while(move |step| nth(since, rhythm, step))
        .take_while(move |day| *day <= to)
        .filter(move |day| *day >= from)
}

/// The day on which the one that pays on `day` paid before; the day that it began where that is the first.
pub fn before(since: Day, rhythm: Payout, day: Day) -> Day {
    let first = first_step(since, rhythm, day);
    let step = (first..first.saturating_add(3))
        .find(|step| nth(since, rhythm, *step) == Some(day))
        .unwrap_or(1);
    nth(since, rhythm, step.saturating_sub(1)).unwrap_or(since)
}

/// The pay-out of this number; the day that it began is number 0 and pays nothing yet.
fn nth(since: Day, rhythm: Payout, step: u32) -> Option<Day> {
    let days = |each: i32| {
        Some(Day(since
            .0
            .checked_add(i32::try_from(step).ok()?.checked_mul(each)?)?))
    };
    let months = |each: u32| {
        let date = since
            .date()
            .checked_add_months(Months::new(step.checked_mul(each)?))?;
        Some(Day::of(date))
    };
    match rhythm {
        Payout::Daily => days(1),
        Payout::Weekly => days(7),
        Payout::Monthly => months(1),
        Payout::Quarterly => months(3),
        Payout::AtClaim => None,
    }
}

/// The number of a pay-out at or shortly before `from`, so that nobody walks there from the beginning; 1 at
/// least.
fn first_step(since: Day, rhythm: Payout, from: Day) -> u32 {
    let away = from.0.saturating_sub(since.0);
    let (start, end) = (since.date(), from.date());
    let months = (end.year() - start.year()) * 12 + i32::try_from(end.month0()).unwrap_or(0)
        - i32::try_from(start.month0()).unwrap_or(0);
    let steps = match rhythm {
        Payout::Daily => away,
        Payout::Weekly => away / 7,
        Payout::Monthly => months - 1,
        Payout::Quarterly => months / 3 - 1,
        Payout::AtClaim => 1,
    };
    u32::try_from(steps).unwrap_or(0).max(1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn day(text: &str) -> Day {
        Day::parse(text).unwrap()
    }

    fn shown(since: &str, rhythm: Payout, from: &str, to: &str) -> Vec<String> {
        days(day(since), rhythm, day(from), day(to))
            .map(|day| day.to_string())
            .collect()
    }

    #[test]
    fn a_month_that_is_too_short_pays_on_its_last_day() {
        assert_eq!(
            shown("2026-01-31", Payout::Monthly, "2026-02-01", "2026-05-30"),
            ["2026-02-28", "2026-03-31", "2026-04-30"]
        );
        assert_eq!(
            shown("2025-11-30", Payout::Quarterly, "2025-11-30", "2026-09-01"),
            ["2026-02-28", "2026-05-30", "2026-08-30"]
        );
    }

    #[test]
    fn nothing_is_paid_on_the_day_that_it_begins() {
        assert_eq!(
            shown("2026-03-01", Payout::Weekly, "2026-02-01", "2026-03-20"),
            ["2026-03-08", "2026-03-15"]
        );
        assert_eq!(
            shown("2026-03-01", Payout::Daily, "2026-03-01", "2026-03-03").len(),
            2
        );
        assert!(shown("2026-03-01", Payout::AtClaim, "2026-03-01", "2030-03-03").is_empty());
    }

    proptest! {
        /// Walking from the beginning and looking into the middle find the same days, and each knows the one
        /// before it.
        #[test]
        fn a_part_is_a_part_of_the_whole(
            since in 18_000_i32..22_000, rhythm in 0_usize..5, from in 0_i32..2_000, long in 0_i32..800
        ) {
            let rhythm = Payout::ALL[rhythm];
            let since = Day(since);
            let (from, to) = (Day(since.0 + from), Day(since.0 + from + long));
            let all: Vec<Day> = days(since, rhythm, since, to).collect();
            let part: Vec<Day> = days(since, rhythm, from, to).collect();
            let wanted: Vec<Day> = all.iter().copied().filter(|day| *day >= from).collect();
            prop_assert_eq!(part, wanted);
            for (earlier, later) in std::iter::once(&since).chain(&all).zip(&all) {
                prop_assert_eq!(before(since, rhythm, *later), *earlier);
            }
        }
    }
}
