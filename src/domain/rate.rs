//! Yearly rates and the differences between them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A rate in percent per year (`4.5` is 4.5 %). Always finite.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default, Serialize)]
#[serde(transparent)]
pub struct Percent(f64);

impl Percent {
    pub const ZERO: Self = Self(0.0);

    /// `None` for NaN and the infinities.
    pub fn new(value: f64) -> Option<Self> {
        value.is_finite().then_some(Self(value))
    }

    pub const fn get(self) -> f64 {
        self.0
    }

    /// What a fraction such as `0.045` is in percent.
    pub fn from_fraction(fraction: f64) -> Option<Self> {
        Self::new(fraction * 100.0)
    }

    pub const fn as_fraction(self) -> f64 {
        self.0 / 100.0
    }

    /// The difference to an earlier rate, in percentage points.
    pub fn points_from(self, earlier: Self) -> Points {
        Points(self.0 - earlier.0)
    }

    /// The relative difference to an earlier rate in percent; `None` when that was not above zero.
    pub fn change_from(self, earlier: Self) -> Option<f64> {
        (earlier.0 > 0.0).then(|| (self.0 - earlier.0) / earlier.0 * 100.0)
    }
}

impl<'de> Deserialize<'de> for Percent {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = f64::deserialize(deserializer)?;
        Self::new(value).ok_or_else(|| serde::de::Error::custom("a rate has to be a finite number"))
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} %", self.0)
    }
}

/// A difference between two rates, in percentage points.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Points(f64);

impl Points {
    pub const fn get(self) -> f64 {
        self.0
    }
}

/// The yield of several holdings together: Σ wᵢ·yᵢ ÷ Σ wᵢ. `None` without weight.
pub fn blended(parts: impl IntoIterator<Item = (f64, Percent)>) -> Option<Percent> {
    let (sum, weight) = parts
        .into_iter()
        .fold((0.0, 0.0), |(sum, weight), (part, rate)| {
            (sum + part * rate.0, weight + part)
        });
    (weight > 0.0).then(|| Percent::new(sum / weight)).flatten()
}

/// The mean of the two middle values, or the middle one. Reorders `values`; `None` when there are none.
pub fn median(values: &mut [f64]) -> Option<f64> {
    if values.is_empty() {
        return None;
    }
    let middle = values.len() / 2;
    let odd = values.len() % 2 == 1;
    let (below, upper, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    let upper = *upper;
    if odd {
        return Some(upper);
    }
    below
        .iter()
        .copied()
        .max_by(f64::total_cmp)
        .map(|lower| f64::midpoint(lower, upper))
}

/// The value at this share, 0–1, of values in ascending order, between two of them by their distance.
/// `None` when there are none.
pub fn quantile(values: &[f64], share: f64) -> Option<f64> {
    let last = values.len().checked_sub(1)?;
    let place = share.clamp(0.0, 1.0) * u32::try_from(last).map_or(f64::INFINITY, f64::from);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a place between 0 and the last"
    )]
    let below = place.floor() as usize;
    let at = |place: usize| values.get(place.min(last)).copied();
    let (low, high) = (at(below)?, at(below + 1)?);
    Some(low + (place - place.floor()) * (high - low))
}

/// What several pay: the quarter that pays least ends at `low`, the one that pays most begins at `high`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    pub low: Percent,
    pub median: Percent,
    pub high: Percent,
    /// How many it was worked out from.
    pub of: usize,
}

/// Fewer rates than this have no spread.
const FEWEST: usize = 3;

impl Spread {
    /// `None` for fewer than three rates.
    pub fn of(rates: impl IntoIterator<Item = Percent>) -> Option<Self> {
        let mut rates: Vec<f64> = rates.into_iter().map(Percent::get).collect();
        if rates.len() < FEWEST {
            return None;
        }
        rates.sort_unstable_by(f64::total_cmp);
        let at = |share| quantile(&rates, share).and_then(Percent::new);
        Some(Self {
            low: at(0.25)?,
            median: at(0.5)?,
            high: at(0.75)?,
            of: rates.len(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_finite_rates_exist() {
        assert!(Percent::new(f64::NAN).is_none());
        assert!(Percent::new(f64::INFINITY).is_none());
        assert!(serde_json::from_str::<Percent>("1e999").is_err());
    }

    #[test]
    fn a_blend_weighs_its_parts() {
        let rate = |value| Percent::new(value).unwrap();
        let blend = blended([(60.0, rate(5.0)), (30.0, rate(4.0)), (10.0, rate(8.0))]).unwrap();
        assert!((blend.get() - 5.0).abs() < 1e-12);
        assert_eq!(blended([]), None);
        assert_eq!(blended([(0.0, rate(5.0))]), None);
    }

    #[test]
    fn medians() {
        assert_eq!(median(&mut []), None);
        assert_eq!(median(&mut [3.0]), Some(3.0));
        assert_eq!(median(&mut [4.0, 1.0, 3.0, 2.0]), Some(2.5));
        assert_eq!(median(&mut [9.0, 1.0, 5.0]), Some(5.0));
    }

    #[test]
    fn a_change_from_nothing_has_no_percentage() {
        let rate = |value| Percent::new(value).unwrap();
        assert_eq!(rate(2.0).change_from(Percent::ZERO), None);
        assert_eq!(rate(2.0).change_from(rate(4.0)), Some(-50.0));
        assert!((rate(2.6).points_from(rate(4.1)).get() + 1.5).abs() < 1e-12);
    }

    #[test]
    fn a_spread_has_its_quarters_and_three_rates_at_least() {
        let spread =
            |rates: &[f64]| Spread::of(rates.iter().filter_map(|rate| Percent::new(*rate)));
        assert_eq!(spread(&[4.0, 2.0]), None);
        let found = spread(&[5.0, 1.0, 3.0, 2.0, 4.0]).unwrap();
        let figures = [found.low, found.median, found.high].map(Some);
        assert_eq!(figures, [2.0, 3.0, 4.0].map(Percent::new));
        assert_eq!(found.of, 5);
        assert_eq!(quantile(&[1.0, 2.0], 0.25), Some(1.25));
        assert_eq!(quantile(&[], 0.5), None);
    }
}
