//! What a pool paid day by day: which days can be believed, and what they come to.

use std::ops::RangeInclusive;

use super::{
    rate::{Percent, median},
    reading::DayReading,
    time::Day,
};

/// A day, and whether it can be believed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Judged {
    pub paid: DayReading,
    /// Contradicted by the days beside it.
    pub is_suspect: bool,
}

/// The known days of a pool in a range of days, oldest first.
#[derive(Debug, Clone, PartialEq)]
pub struct Past {
    range: RangeInclusive<Day>,
    days: Vec<Judged>,
}

/// What the believed days of a range come to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Figures {
    pub min: Percent,
    pub median: Percent,
    pub max: Percent,
    /// Days that can be believed.
    pub believed: usize,
    pub suspect: usize,
    /// Believed days for which the source does not say who pays.
    pub unsplit: usize,
    /// US dollars on the first and on the last known day: a rate that is suspect says nothing of them.
    pub tvl_usd: (f64, f64),
}

/// A day further away from both of its neighbours than this factor is not believed.
const JUMP: f64 = 5.0;
/// Below this rate in percent a factor says little: 0.01 to 0.06 is no event.
const NOTABLE_APY: f64 = 1.0;
/// What was paid more days ago than this says nothing of a day.
const NEIGHBOUR_DAYS: i32 = 7;

impl Past {
    /// Takes in what was paid, in any order; of several rows of a day the first one counts. Days
    /// outside of `range` are left out, but those just before and after it say what is plausible in it.
    pub fn new(paid: impl IntoIterator<Item = DayReading>, range: RangeInclusive<Day>) -> Self {
        let mut all: Vec<DayReading> = paid.into_iter().collect();
        all.sort_by_key(|paid| paid.day);
        all.dedup_by_key(|paid| paid.day);
        let judged = (0..all.len()).filter_map(|at| {
            let paid = *all.get(at)?;
            let near = |other: &&DayReading| (other.day.0 - paid.day.0).abs() <= NEIGHBOUR_DAYS;
            let before = at.checked_sub(1).and_then(|at| all.get(at)).filter(near);
            let after = all.get(at + 1).filter(near);
            let is_suspect = is_suspect(before, &paid, after);
            range
                .contains(&paid.day)
                .then_some(Judged { paid, is_suspect })
        });
        let days = judged.collect();
        Self { range, days }
    }

    /// The days that were asked for.
    pub const fn range(&self) -> &RangeInclusive<Day> {
        &self.range
    }

    /// The known days.
    pub fn days(&self) -> &[Judged] {
        &self.days
    }

    pub fn believed(&self) -> impl Iterator<Item = &DayReading> {
        let believed = self.days.iter().filter(|day| !day.is_suspect);
        believed.map(|day| &day.paid)
    }

    pub fn suspect(&self) -> impl Iterator<Item = &DayReading> {
        let suspect = self.days.iter().filter(|day| day.is_suspect);
        suspect.map(|day| &day.paid)
    }

    /// Known days that follow each other without a day that is missing between them.
    pub fn runs(&self) -> impl Iterator<Item = Vec<DayReading>> {
        let follows = |a: &Judged, b: &Judged| b.paid.day.0 - a.paid.day.0 == 1;
        let runs = self.days.chunk_by(follows);
        runs.map(|run| run.iter().map(|day| day.paid).collect())
    }

    /// [`runs`](Self::runs), ended by suspect days as well.
    pub fn believed_runs(&self) -> impl Iterator<Item = Vec<DayReading>> {
        let believed: Vec<&DayReading> = self.believed().collect();
        let follows = |a: &&DayReading, b: &&DayReading| b.day.0 - a.day.0 == 1;
        let runs: Vec<Vec<DayReading>> = believed
            .chunk_by(follows)
            .map(|run| run.iter().map(|paid| **paid).collect())
            .collect();
        runs.into_iter()
    }

    /// `None` when no day can be believed.
    pub fn figures(&self) -> Option<Figures> {
        let mut rates: Vec<f64> = self.believed().map(|paid| paid.apy.get()).collect();
        let (first, last) = (self.days.first()?, self.days.last()?);
        let min = rates.iter().copied().min_by(f64::total_cmp)?;
        let max = rates.iter().copied().max_by(f64::total_cmp)?;
        Some(Figures {
            min: Percent::new(min)?,
            median: Percent::new(median(&mut rates)?)?,
            max: Percent::new(max)?,
            believed: rates.len(),
            suspect: self.days.len() - rates.len(),
            unsplit: self.believed().filter(|paid| !paid.is_split()).count(),
            tvl_usd: (first.paid.tvl_usd, last.paid.tvl_usd),
        })
    }
}

/// Whether a day is contradicted by its neighbours: five times both, or nothing between days that
/// paid. The newest day has nothing after it that confirms a jump, so the day before decides alone, as
/// with a new reading (`market/quarantine.rs`); the oldest has nothing that it contradicts.
fn is_suspect(before: Option<&DayReading>, day: &DayReading, after: Option<&DayReading>) -> bool {
    let Some(before) = before else { return false };
    let (was, is) = (before.apy.get(), day.apy.get());
    if let Some(next) = after.map(|after| after.apy.get()) {
        let jumps = is >= NOTABLE_APY && is > JUMP * was.max(next);
        jumps || (is <= 0.0 && was > 0.0 && next > 0.0)
    } else {
        let jumps = is >= NOTABLE_APY && was > 0.0 && is > JUMP * was;
        jumps || (is <= 0.0 && was >= NOTABLE_APY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RANGE: RangeInclusive<Day> = Day(100)..=Day(109);

    fn paid(day: i32, apy: f64) -> DayReading {
        DayReading {
            day: Day(day),
            apy: Percent::new(apy).unwrap(),
            base: None,
            reward: None,
            tvl_usd: f64::from(day) * 1e4,
        }
    }

    /// The suspect days among such rates, one a day from the first of the range on.
    fn suspects(rates: &[f64]) -> Vec<i32> {
        let days = (100..).zip(rates).map(|(day, apy)| paid(day, *apy));
        let past = Past::new(days, RANGE);
        past.suspect().map(|paid| paid.day.0 - 100).collect()
    }

    #[test]
    fn a_day_apart_from_both_neighbours_is_suspect() {
        assert_eq!(suspects(&[4.0, 4.0, 355_083.0, 5.0]), [2]);
        assert_eq!(suspects(&[4.0, 0.0, 4.0, 4.0]), [1]);
        assert_eq!(suspects(&[4.0, 4.0, 20.0, 4.0]), [0; 0]);
        // It stays there: an event.
        assert_eq!(suspects(&[4.0, 4.0, 30.0, 30.0]), [0; 0]);
        assert_eq!(suspects(&[4.0, 0.0, 0.0, 4.0]), [0; 0]);
        assert_eq!(suspects(&[0.01, 0.06, 0.01]), [0; 0]);
        assert_eq!(suspects(&[0.0, 0.0, 0.0]), [0; 0]);
    }

    #[test]
    fn the_newest_day_waits_for_the_next_and_the_oldest_contradicts_nothing() {
        assert_eq!(suspects(&[4.0, 4.0, 40.0]), [2]);
        assert_eq!(suspects(&[4.0, 4.0, 0.0]), [2]);
        assert_eq!(suspects(&[0.0, 0.0, 40.0]), [0; 0]);
        assert_eq!(suspects(&[400.0, 4.0, 4.0]), [0; 0]);
        assert_eq!(suspects(&[40.0]), [0; 0]);
    }

    #[test]
    fn days_around_the_range_judge_and_are_not_in_it() {
        let before = Past::new([paid(99, 4.0), paid(100, 90.0), paid(101, 4.0)], RANGE);
        assert_eq!(before.suspect().count(), 1);
        assert_eq!(before.days().len(), 2);
        // What was months ago contradicts nothing.
        let far = Past::new([paid(20, 4.0), paid(100, 90.0), paid(101, 4.0)], RANGE);
        assert_eq!(far.suspect().count(), 0);
    }

    #[test]
    fn runs_end_at_what_is_missing_or_suspect() {
        let days = [
            (100, 4.0),
            (101, 4.0),
            (102, 90.0),
            (103, 4.0),
            (106, 5.0),
            (107, 5.0),
        ];
        let past = Past::new(days.map(|(day, apy)| paid(day, apy)), RANGE);
        let days = |run: Vec<DayReading>| run.iter().map(|paid| paid.day.0).collect::<Vec<_>>();
        let runs: Vec<Vec<i32>> = past.runs().map(days).collect();
        assert_eq!(runs, [vec![100, 101, 102, 103], vec![106, 107]]);
        let runs: Vec<Vec<i32>> = past.believed_runs().map(days).collect();
        assert_eq!(runs, [vec![100, 101], vec![103], vec![106, 107]]);
    }

    #[test]
    fn figures_leave_out_what_is_suspect() {
        let mut days =
            [(103, 3.0), (100, 4.0), (101, 90.0), (102, 5.0)].map(|(day, apy)| paid(day, apy));
        days[0].base = Percent::new(3.0);
        let figures = Past::new(days, RANGE).figures().unwrap();
        let rates = [figures.min, figures.median, figures.max].map(Some);
        assert_eq!(rates, [3.0, 4.0, 5.0].map(Percent::new));
        let counts = (figures.believed, figures.suspect, figures.unsplit);
        assert_eq!(counts, (3, 1, 2));
        assert_eq!(figures.tvl_usd, (1e6, 1.03e6));
        assert_eq!(Past::new([], RANGE).figures(), None);
    }
}
