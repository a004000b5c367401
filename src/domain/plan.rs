//! What an income takes: the yield, the capital or the years behind a wish, and what a capital becomes.
//!
//! The formulas that all plans share stand here. [`goal`] and [`capital`] ask what an income takes,
//! [`allocation`] and [`basket`] spread a capital over the market, [`scenario`] has three plans ready made,
//! [`projection`] goes through the years, [`cashflow`] divides what comes in. [`reference`](mod@reference) has
//! the ranges that are generally stated, and what is taken to last.

use rust_decimal::{
    Decimal,
    prelude::{FromPrimitive as _, ToPrimitive as _},
};

use serde::{Deserialize, Serialize};

use super::{currency::Currency, ids::GoalId, income::Income, rate::Percent, time::Timestamp};

pub mod allocation;
pub mod basket;
pub mod capital;
pub mod cashflow;
pub mod goal;
pub mod projection;
pub mod reference;
pub mod scenario;

/// Months of a year.
pub const MONTHS: Decimal = Decimal::from_parts(12, 0, 0, false, 0);

/// An income that somebody wants to have from what they own.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Goal {
    /// A year, as it is to be left after tax.
    pub income_yearly: Decimal,
    pub currency: Currency,
    /// What is taken off the income, 0 to under 100 %; `None` where nobody said.
    pub tax: Option<Percent>,
    /// What it is to come from; `None` where that is the question.
    pub capital: Option<Decimal>,
}

impl Goal {
    /// What a capital is reckoned to bring, as an income that is wanted from it.
    pub fn of(income: Income, currency: Currency, capital: Decimal) -> Self {
        Self {
            income_yearly: income.year(),
            currency,
            tax: None,
            capital: Some(capital),
        }
    }

    /// What has to come in a year before tax.
    pub fn before_tax(&self) -> Option<Decimal> {
        before_tax(self.income_yearly, self.tax.unwrap_or(Percent::ZERO))
    }

    /// How much of it an income reaches, 1 being all, where that is so much a year before tax, in its
    /// currency. `None` where nothing is wanted.
    pub fn reached_by(&self, yearly: Decimal) -> Option<f64> {
        yearly.checked_div(self.before_tax()?)?.to_f64()
    }
}

/// A goal that somebody keeps, with its number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KeptGoal {
    pub id: GoalId,
    pub goal: Goal,
    pub kept_at: Timestamp,
}

/// A yield with the income that it brings.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Earning {
    pub rate: Percent,
    pub income: Income,
}

/// The time that an amount is stated for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Period {
    Month,
    #[default]
    Year,
}

impl Period {
    /// What an amount for this time is in a year; held at the largest number there is.
    pub fn yearly(self, amount: Decimal) -> Decimal {
        match self {
            Self::Month => amount.saturating_mul(MONTHS),
            Self::Year => amount,
        }
    }
}

/// Why a plan cannot be reckoned.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum PlanError {
    /// Not from 0 to under 100 %.
    Tax(Percent),
    /// Not over −99 % and up to 1,000 %.
    Inflation(Percent),
    /// Not over 0 and up to 1,000 %.
    Yield(Percent),
    /// Not over −99 % and up to 1,000 %.
    PriceGrowth(Percent),
    /// Not from 0 to 100 %.
    Share(Percent),
    /// Shares that make so many percent and not 100.
    Shares(Decimal),
    /// Not 1 to [`projection::MOST_YEARS`].
    Years(u32),
    WithdrawalAfterTheEnd {
        from: u32,
        years: u32,
    },
    /// The first year takes more than the whole capital.
    WithdrawalTooLarge,
    /// What is added is added until withdrawals begin, and they begin at once.
    NothingAdded,
    /// Points that are not from 0 to 100.
    Variation(f64),
    BeyondAllNumbers,
}

/// A tax on income that leaves something: 0 to under 100 %.
pub fn tax(rate: Percent) -> Result<Percent, PlanError> {
    let leaves = (0.0..100.0).contains(&rate.get());
    leaves.then_some(rate).ok_or(PlanError::Tax(rate))
}

/// An inflation that leaves money some worth: over −99 % and up to 1,000 % a year.
pub fn inflation(rate: Percent) -> Result<Percent, PlanError> {
    let is_money = rate.get() > -99.0 && rate.get() <= 1_000.0;
    is_money.then_some(rate).ok_or(PlanError::Inflation(rate))
}

/// A yield that brings something: over 0 and up to 1,000 % a year.
pub fn earning(rate: Percent) -> Result<Percent, PlanError> {
    let brings = rate.get() > 0.0 && rate.get() <= 1_000.0;
    brings.then_some(rate).ok_or(PlanError::Yield(rate))
}

/// A share of a whole: 0 to 100 %.
pub fn share(rate: Percent) -> Result<Percent, PlanError> {
    let is_share = (0.0..=100.0).contains(&rate.get());
    is_share.then_some(rate).ok_or(PlanError::Share(rate))
}

/// A rate as an exact fraction: 4.5 % is 0.045. `None` beyond what a decimal holds.
pub fn fraction(rate: Percent) -> Option<Decimal> {
    Decimal::from_f64(rate.get())?.checked_div(Decimal::ONE_HUNDRED)
}

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
    let kept = Decimal::ONE.checked_sub(fraction(tax)?)?;
    (kept > Decimal::ZERO && tax.get() >= 0.0)
        .then(|| income.checked_div(kept))
        .flatten()
}

/// The capital that brings `income` a year at this yield: income / yield. `None` at a yield of zero or below.
pub fn required_capital(income: Decimal, rate: Percent) -> Option<Decimal> {
    let rate = fraction(rate)?;
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
