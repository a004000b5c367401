//! What a token cost at the end of each day.

use super::time::{Day, Span, Timestamp};

/// What one unit of a token cost at the end of a UTC day.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Close {
    pub day: Day,
    /// US dollars for one unit, above zero and finite.
    pub usd: f64,
}

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
}
