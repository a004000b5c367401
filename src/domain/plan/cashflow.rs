//! What comes in divided: kept back for tax, put to work again, paid out.

use rust_decimal::{Decimal, prelude::ToPrimitive as _};

use super::{Goal, MONTHS, PlanError, fraction, share, tax};
use crate::domain::{currency::Currency, rate::Percent};

/// How often something is paid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Every {
    #[default]
    Month,
    Quarter,
}

impl Every {
    const fn months(self) -> u32 {
        match self {
            Self::Month => 1,
            Self::Quarter => 3,
        }
    }

    const fn times_a_year(self) -> u32 {
        12 / self.months()
    }
}

/// What shall happen to an income.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Wish {
    /// What comes in a month, before tax.
    pub monthly: Decimal,
    pub currency: Currency,
    pub every: Every,
    /// The share of the income that is kept back for tax.
    pub tax_reserve: Percent,
    /// The share of what is left after that, which is put to work again.
    pub reinvested: Percent,
}

/// A whole in its parts, each in whole coins of the currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Split {
    pub whole: Decimal,
    pub tax_reserve: Decimal,
    pub reinvested: Decimal,
    pub paid_out: Decimal,
}

/// An income divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cashflow {
    /// At each pay-out.
    pub each: Split,
    /// All pay-outs of a year.
    pub year: Split,
}

impl Wish {
    /// What is left of a year's income after tax, as a goal: what is put to work again has to come in as well as
    /// what is paid out.
    pub fn goal(&self, cashflow: &Cashflow) -> Goal {
        Goal {
            income_yearly: cashflow.year.paid_out + cashflow.year.reinvested,
            currency: self.currency,
            tax: Some(self.tax_reserve),
            capital: None,
        }
    }
}

/// Divides an income. The parts of a pay-out make the whole to the last coin, and a year is its pay-outs.
pub fn divided(wish: &Wish) -> Result<Cashflow, PlanError> {
    let beyond = PlanError::BeyondAllNumbers;
    tax(wish.tax_reserve)?;
    share(wish.reinvested)?;
    let yearly = wish.monthly.checked_mul(MONTHS).ok_or(beyond)?;
    let times = Decimal::from(wish.every.times_a_year());
    let whole = yearly.checked_div(times).ok_or(beyond)?;
    let each = split(whole, wish).ok_or(beyond)?;
    let all = |part: Decimal| part.checked_mul(times).ok_or(beyond);
    Ok(Cashflow {
        each,
        year: Split {
            whole: all(each.whole)?,
            tax_reserve: all(each.tax_reserve)?,
            reinvested: all(each.reinvested)?,
            paid_out: all(each.paid_out)?,
        },
    })
}

fn split(whole: Decimal, wish: &Wish) -> Option<Split> {
    let places = wish.currency.places();
    let whole = whole.round_dp(places);
    let reserved = fraction(wish.tax_reserve)?;
    let left = Decimal::ONE.checked_sub(reserved)?;
    let again = left.checked_mul(fraction(wish.reinvested)?)?;
    let weights = [reserved, again, left.checked_sub(again)?];
    let [tax_reserve, reinvested, paid_out] = in_coins(whole, weights, places)?;
    Some(Split {
        whole,
        tax_reserve,
        reinvested,
        paid_out,
    })
}

/// Divides a whole number of coins by weights that make 1: each part rounded down, and the coins that are
/// left to the parts that lost most by it (the largest remainders).
fn in_coins(whole: Decimal, weights: [Decimal; 3], places: u32) -> Option<[Decimal; 3]> {
    let mut parts = [Decimal::ZERO; 3];
    let mut lost = [(Decimal::ZERO, 0_usize); 3];
    for (at, weight) in weights.into_iter().enumerate() {
        let exact = whole.checked_mul(weight)?;
        let down = exact.trunc_with_scale(places);
        *parts.get_mut(at)? = down;
        *lost.get_mut(at)? = (exact - down, at);
    }
    lost.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
    let coin = Decimal::new(1, places);
    let left = whole - parts.iter().sum::<Decimal>();
    let coins = left.checked_div(coin)?.to_usize()?;
    for (_, at) in lost.into_iter().cycle().take(coins) {
        *parts.get_mut(at)? += coin;
    }
    Some(parts)
}

/// What a share of a share is of the whole, in percent: of 75 % that are left 40 % are 30 % of all.
pub fn of_the_whole(wish: &Wish) -> Option<Decimal> {
    let left = Decimal::ONE.checked_sub(fraction(wish.tax_reserve)?)?;
    let again = left.checked_mul(fraction(wish.reinvested)?)?;
    Some(again.checked_mul(Decimal::ONE_HUNDRED)?.normalize())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn wish(monthly: &str, every: Every, tax: f64, again: f64) -> Wish {
        Wish {
            monthly: monthly.parse().unwrap(),
            currency: Currency::Usd,
            every,
            tax_reserve: Percent::new(tax).unwrap(),
            reinvested: Percent::new(again).unwrap(),
        }
    }

    fn parts(split: Split) -> [String; 3] {
        [split.tax_reserve, split.reinvested, split.paid_out].map(|part| format!("{part:.2}"))
    }

    #[test]
    fn fourteen_hundred_a_month() {
        let wish = wish("1400", Every::Month, 25.0, 40.0);
        let divided = divided(&wish).unwrap();
        assert_eq!(parts(divided.each), ["350.00", "420.00", "630.00"]);
        assert_eq!(parts(divided.year), ["4200.00", "5040.00", "7560.00"]);
        assert_eq!(of_the_whole(&wish), Some(Decimal::from(30)));
        let goal = wish.goal(&divided);
        assert_eq!(goal.income_yearly, Decimal::from(12_600));
        assert_eq!(goal.before_tax(), Some(Decimal::from(16_800)));
    }

    #[test]
    fn a_quarter_is_three_months_and_no_coin_is_lost() {
        let quarter = divided(&wish("1400", Every::Quarter, 25.0, 40.0)).unwrap();
        assert_eq!(parts(quarter.each), ["1050.00", "1260.00", "1890.00"]);
        assert_eq!(quarter.year.whole, Decimal::from(16_800));
        let thirds = divided(&wish("0.10", Every::Month, 33.3, 50.0)).unwrap();
        assert_eq!(parts(thirds.each), ["0.03", "0.04", "0.03"]);
    }

    #[test]
    fn currencies_without_cents_are_divided_in_whole() {
        let yen = Wish {
            currency: Currency::Jpy,
            ..wish("1001", Every::Month, 20.0, 50.0)
        };
        let split = divided(&yen).unwrap().each;
        let parts = [split.tax_reserve, split.reinvested, split.paid_out];
        assert_eq!(parts.map(|part| part.to_string()), ["200", "401", "400"]);
    }

    #[test]
    fn what_leaves_nothing_is_refused() {
        let all = Percent::new(100.0).unwrap();
        let taxed = divided(&wish("1", Every::Month, 100.0, 0.0));
        assert_eq!(taxed, Err(PlanError::Tax(all)));
        let more = divided(&wish("1", Every::Month, 0.0, 101.0));
        assert!(matches!(more, Err(PlanError::Share(_))));
    }

    proptest! {
        #[test]
        fn parts_make_the_whole_to_the_coin(
            cents in 1_i64..1_000_000_000_000, tax in 0.0..99.9_f64, again in 0.0..=100.0_f64,
            quarterly: bool,
        ) {
            let every = if quarterly { Every::Quarter } else { Every::Month };
            let monthly = Decimal::new(cents, 2).to_string();
            let divided = divided(&wish(&monthly, every, tax, again)).unwrap();
            for split in [divided.each, divided.year] {
                let sum = split.tax_reserve + split.reinvested + split.paid_out;
                prop_assert_eq!(sum, split.whole);
                prop_assert_eq!(split.paid_out.round_dp(2), split.paid_out);
                prop_assert!(!split.paid_out.is_sign_negative());
            }
        }
    }
}
