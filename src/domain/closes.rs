//! What a token cost at the end of each day.

use super::{
    impermanent::PriceRatio,
    time::{Day, Span, Timestamp},
};

/// What one unit of a token cost at the end of a UTC day.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Close {
    pub day: Day,
    /// US dollars for one unit, above zero and finite.
    pub usd: f64,
}

/// A close so many days off will do.
const NEAR: i32 = 3;

/// Closes of one token in the order of days, each day once. Days may be missing.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Closes(Vec<Close>);

impl Closes {
    /// Puts prices and when they were read in order. A price of the first half of a day closes the day
    /// before it, since a source looks for the reading that is nearest to midnight; of several that
    /// close the same day the latest counts. What is no price is left out.
    pub fn of(mut prices: Vec<(Timestamp, f64)>) -> Self {
        const HALF_A_DAY: Span = Span::hours(12);
        prices.retain(|(_, usd)| usd.is_finite() && *usd > 0.0);
        prices.sort_by_key(|(at, _)| *at);
        let mut closes: Vec<Close> = Vec::with_capacity(prices.len());
        for (at, usd) in prices {
            let close = Close {
                day: at.minus(HALF_A_DAY.0).day(),
                usd,
            };
            match closes.last_mut() {
                Some(last) if last.day == close.day => *last = close,
                _ => closes.push(close),
            }
        }
        Self(closes)
    }

    pub fn as_slice(&self) -> &[Close] {
        &self.0
    }

    /// Whether they tell of these days: a token that nobody prices any more has a past alone.
    pub fn reach(&self, today: Day) -> bool {
        let last = self.0.last();
        last.is_some_and(|last| today.0 - last.day.0 <= NEAR + 1)
    }

    /// By how much the last close differs from that of so many days before, as a fraction: −0.3 is a fall
    /// by 30 %. `None` where no close lies near that day.
    pub fn change_over(&self, days: i32) -> Option<f64> {
        let last = self.0.last()?;
        let wanted = last.day.0 - days;
        let before = self
            .0
            .iter()
            .min_by_key(|close| (close.day.0 - wanted).abs())?;
        ((before.day.0 - wanted).abs() <= NEAR).then(|| last.usd / before.usd - 1.0)
    }
}

/// The largest loss against holding, as a negative fraction, of a pool of two tokens in equal parts that
/// was entered on the first day on which both have a close: 2√r/(1 + r) − 1 at its worst since then.
/// `None` where they share fewer than `least` days, or two.
pub fn worst_impermanent_loss(one: &Closes, other: &Closes, least: usize) -> Option<f64> {
    let ratios: Vec<f64> = one
        .0
        .iter()
        .filter_map(|close| {
            let at = other
                .0
                .binary_search_by_key(&close.day, |other| other.day)
                .ok()?;
            Some(close.usd / other.0.get(at)?.usd)
        })
        .collect();
    let (entered, after) = ratios.split_first().filter(|_| ratios.len() >= least)?;
    after
        .iter()
        .filter_map(|ratio| PriceRatio::new(ratio / entered).ok())
        .map(|ratio| ratio.loss().as_fraction())
        .reduce(f64::min)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_day_is_closed_once_by_the_reading_nearest_to_its_end() {
        let at = |text| Timestamp::parse(text).unwrap();
        let closes = Closes::of(vec![
            (at("2026-02-17T00:02:00"), 2.0),
            (at("2026-02-15T23:58:00"), 1.0),
            (at("2026-02-16T23:40:00"), 1.9),
            (at("2026-02-18T23:59:59"), f64::NAN),
            (at("2026-02-19T23:59:59"), 0.0),
            (at("2026-02-20T23:59:59"), 3.0),
        ]);
        let told: Vec<_> = closes
            .as_slice()
            .iter()
            .map(|close| (close.day.to_string(), close.usd))
            .collect();
        let day = |day: &str| format!("2026-02-{day}");
        assert_eq!(told, [(day("15"), 1.0), (day("16"), 2.0), (day("20"), 3.0)]);
        assert!(Closes::of(Vec::new()).as_slice().is_empty());
    }

    fn closes(prices: &[(i32, f64)]) -> Closes {
        let close = |(day, usd): &(i32, f64)| Close {
            day: Day(*day),
            usd: *usd,
        };
        Closes(prices.iter().map(close).collect())
    }

    #[test]
    fn a_change_needs_a_close_near_its_beginning() {
        let token = closes(&[(0, 2.0), (58, 4.0), (90, 1.0)]);
        assert_eq!(token.change_over(90), Some(-0.5));
        assert_eq!(token.change_over(30), Some(-0.75));
        assert_eq!(token.change_over(60), None);
        assert_eq!(closes(&[]).change_over(30), None);
        // Yesterday's close is the last that there can be.
        assert!(token.reach(Day(91)) && token.reach(Day(94)));
        assert!(!token.reach(Day(95)) && !closes(&[]).reach(Day(1)));
    }

    #[test]
    fn a_loss_is_the_worst_since_both_have_a_price() {
        let steady = closes(&[(1, 1.0), (2, 1.0), (3, 1.0), (4, 1.0)]);
        let volatile = closes(&[(0, 7.0), (1, 1.0), (2, 4.0), (4, 1.0)]);
        let loss = worst_impermanent_loss(&volatile, &steady, 3).unwrap();
        assert!((loss + 0.2).abs() < 1e-12, "r 4 → −20 %: {loss}");
        assert_eq!(worst_impermanent_loss(&volatile, &steady, 4), None);
        assert_eq!(
            worst_impermanent_loss(&steady, &closes(&[(9, 1.0)]), 0),
            None
        );
        assert_eq!(worst_impermanent_loss(&steady, &steady, 4), Some(0.0));
    }
}
