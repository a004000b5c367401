//! What an income takes: the yield, the capital or the years behind a wish. Pure reckoning over what a person
//! states; nothing here says whether such a yield lasts.

use rust_decimal::{Decimal, prelude::ToPrimitive as _};

use super::rate::Percent;

/// The yearly yield that brings `income` a year from `capital`: income / capital. `None` without capital, or
/// where the figure is out of all bounds.
pub fn required_yield(income: Decimal, capital: Decimal) -> Option<Percent> {
    (capital > Decimal::ZERO)
        .then(|| income.checked_div(capital)?.to_f64())
        .flatten()
        .and_then(Percent::from_fraction)
}

/// What has to come in before tax for `income` to be left after it: income / (1 − tax). `tax` in percent, 0
/// to under 100; `None` outside of that.
pub fn before_tax(income: Decimal, tax: Percent) -> Option<Decimal> {
    let kept = Decimal::try_from(1.0 - tax.as_fraction()).ok()?;
    (kept > Decimal::ZERO && tax.get() >= 0.0)
        .then(|| income.checked_div(kept))
        .flatten()
}

/// The capital that brings `income` a year at this yield: income / yield. `None` at a yield of zero or below.
pub fn required_capital(income: Decimal, rate: Percent) -> Option<Decimal> {
    let rate = Decimal::try_from(rate.as_fraction()).ok()?;
    (rate > Decimal::ZERO)
        .then(|| income.checked_div(rate))
        .flatten()
}

/// The years of reinvesting until `capital` is `target`: ln(target / capital) / ln(1 + y). Zero where it is
/// that much already; `None` without capital, or where a yield of zero or below never reaches it.
pub fn years_until(capital: Decimal, target: Decimal, rate: Percent) -> Option<f64> {
    if capital <= Decimal::ZERO || target <= Decimal::ZERO {
        return None;
    }
    if target <= capital {
        return Some(0.0);
    }
    let growth = target.checked_div(capital)?.to_f64()?.ln();
    let yearly = (1.0 + rate.as_fraction()).ln();
    let years = growth / yearly;
    (yearly > 0.0 && years.is_finite()).then_some(years)
}

/// What a holding brought in all: price return + income return − fees, each in percent of what was put in.
/// Shown beside the yield, never merged with it.
pub fn total_return(price: Percent, income: Percent, fees: Percent) -> Option<Percent> {
    Percent::new(price.get() + income.get() - fees.get())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::income::Income;

    fn usd(amount: i64) -> Decimal {
        Decimal::from(amount)
    }

    fn percent(value: f64) -> Percent {
        Percent::new(value).unwrap()
    }

    fn near(found: Option<Percent>, wanted: f64) {
        let found = found.unwrap().get();
        assert!((found - wanted).abs() < 5e-3, "{found} for {wanted}");
    }

    #[test]
    fn an_income_takes_a_yield_or_a_capital() {
        near(required_yield(usd(50_000), usd(1_000_000)), 5.00);
        near(required_yield(usd(50_000), usd(500_000)), 10.00);
        let gross = before_tax(usd(50_000), percent(25.0)).unwrap();
        near(required_yield(gross, usd(1_000_000)), 6.67);
        let capital = required_capital(usd(50_000), percent(6.0)).unwrap();
        assert_eq!(capital.round_dp(2).to_string(), "833333.33");
        // The presets: a wish of 2,000 a month from 300,000, and 100,000 a year from 750,000.
        near(required_yield(usd(24_000), usd(300_000)), 8.00);
        near(required_yield(usd(75_000), usd(1_500_000)), 5.00);
        near(required_yield(usd(100_000), usd(750_000)), 13.33);
    }

    #[test]
    fn a_goal_is_years_away() {
        let target = required_capital(usd(100_000), percent(7.0)).unwrap();
        assert_eq!(target.round().to_string(), "1428571");
        let years = years_until(usd(750_000), target, percent(7.0)).unwrap();
        assert!((years - 9.52).abs() < 5e-3, "{years}");
        assert_eq!(years_until(usd(2), usd(1), percent(7.0)), Some(0.0));
    }

    #[test]
    fn income_does_not_hide_a_fall_of_the_price() {
        near(
            total_return(percent(-20.0), percent(6.0), percent(0.0)),
            -14.0,
        );
        near(
            total_return(percent(-20.0), percent(6.0), percent(1.5)),
            -15.5,
        );
    }

    /// The presets' targets, as what a capital brings.
    #[test]
    fn a_capital_brings_what_its_yield_says() {
        let brings = |capital, rate| Income::of(usd(capital), percent(rate)).unwrap();
        let (low, high) = (brings(300_000, 5.0), brings(300_000, 7.0));
        assert_eq!(low.month().round_dp(2), usd(1_250));
        assert_eq!(high.month().round_dp(2), usd(1_750));
        assert_eq!(
            (usd(2_000) - high.month()).round_dp(2),
            usd(250),
            "is short"
        );
        let (low, high) = (brings(1_500_000, 6.0), brings(1_500_000, 8.0));
        assert_eq!(low.year().round_dp(2), usd(90_000));
        assert_eq!(high.year().round_dp(2), usd(120_000));
    }

    #[test]
    fn what_cannot_be_reached_has_no_answer() {
        assert_eq!(required_yield(usd(1), usd(0)), None);
        assert_eq!(before_tax(usd(1), percent(100.0)), None);
        assert_eq!(before_tax(usd(1), percent(-1.0)), None);
        assert_eq!(required_capital(usd(1), percent(0.0)), None);
        assert_eq!(years_until(usd(1), usd(2), percent(0.0)), None);
        assert_eq!(years_until(usd(0), usd(2), percent(5.0)), None);
    }

    proptest! {
        /// The capital that an income takes brings that income again.
        #[test]
        fn yield_and_capital_undo_each_other(income in 1_i64..1_000_000_000, rate in 0.01..1000.0_f64) {
            let capital = required_capital(usd(income), percent(rate)).unwrap();
            let back = required_yield(usd(income), capital).unwrap().get();
            prop_assert!((back - rate).abs() < rate * 1e-9);
        }
    }
}
