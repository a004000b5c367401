//! A capital through the years: what it earns, what is taken off and put back, and when it is gone.
//!
//! Everything on the main path is exact decimal money. A year is reckoned as somebody would by hand: what
//! stood at its beginning earns the yield, and what is added, taken out and gained by the price joins at its
//! end. [`range`] goes the same way many times with yields that differ from year to year, [`shift`] goes it with
//! prices that stand lower or higher.

use rust_decimal::{Decimal, prelude::ToPrimitive as _};

use super::{
    Goal, MONTHS, Period, PlanError, earning, fraction, inflation, share, tax, total_return,
};
use crate::domain::{currency::Currency, rate::Percent};

pub mod range;
pub mod shift;

/// The longest projection, in years.
pub const MOST_YEARS: u32 = 60;
/// So far is looked for the year in which an income covers a wish.
const FURTHEST: u32 = 100;

/// What somebody means to do with a capital. Amounts a month stay what they are through all years.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Plan {
    pub capital: Decimal,
    /// What the capital is paid a year, before tax.
    pub rate: Percent,
    pub years: u32,
    /// The share of the income after tax that is put to work again.
    pub reinvested: Percent,
    /// What is added a month, until withdrawals begin.
    pub contribution: Decimal,
    pub withdrawal: Option<Withdrawal>,
    pub tax: Percent,
    pub inflation: Percent,
    /// What the price of the holding does in a year.
    pub price_growth: Percent,
}

/// What somebody wants to take out, from a year on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Withdrawal {
    pub monthly: Decimal,
    /// 1 is the first year.
    pub from: u32,
}

/// One year of a projection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Year {
    /// 1 is the first.
    pub number: u32,
    pub start: Decimal,
    /// What was paid before tax.
    pub income: Decimal,
    pub tax: Decimal,
    /// What left the plan: the part of the income that is not put back, or what was to be withdrawn.
    pub paid_out: Decimal,
    /// What of the income stayed.
    pub reinvested: Decimal,
    /// What the pay-out took of the capital beyond the income.
    pub drawn: Decimal,
    pub contributed: Decimal,
    /// What the price of the holding gained; below zero where it fell.
    pub price: Decimal,
    pub end: Decimal,
    /// The end in the money of the beginning.
    pub end_in_todays_money: Decimal,
}

/// A capital through the years.
#[derive(Debug, Clone, PartialEq)]
pub struct Projection {
    /// Up to the last one asked for, or to that in which the capital runs out.
    pub years: Vec<Year>,
    /// The year in which nothing is left.
    pub runs_out: Option<u32>,
    pub independence: Option<Independence>,
    pub returned: Returned,
}

/// When income after tax covers what is to be withdrawn, as long as nothing is withdrawn before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Independence {
    /// In this year for the first time; 1 is at once.
    From(u32),
    /// Not within this many years.
    NotWithin(u32),
}

/// What all years brought.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Returned {
    /// The capital and everything that was added to it.
    pub put_in: Decimal,
    /// Income after tax.
    pub income: Decimal,
    pub price: Decimal,
    /// Price return and income return together, in percent of what was put in; `None` where that is out of
    /// all bounds.
    pub total: Option<Percent>,
}

impl Plan {
    /// The income that is wanted from it, where one is.
    pub fn goal(&self, currency: Currency) -> Option<Goal> {
        let withdrawal = self.withdrawal?;
        Some(Goal {
            income_yearly: Period::Month.yearly(withdrawal.monthly),
            currency,
            tax: (self.tax.get() > 0.0).then_some(self.tax),
            capital: Some(self.capital),
        })
    }

    /// The plan, once every figure of it makes sense.
    pub fn checked(self) -> Result<Self, PlanError> {
        earning(self.rate)?;
        share(self.reinvested)?;
        tax(self.tax)?;
        inflation(self.inflation)?;
        let growth = self.price_growth;
        if !(growth.get() > -99.0 && growth.get() <= 1_000.0) {
            return Err(PlanError::PriceGrowth(growth));
        }
        if !(1..=MOST_YEARS).contains(&self.years) {
            return Err(PlanError::Years(self.years));
        }
        let Some(Withdrawal { monthly, from }) = self.withdrawal else {
            return Ok(self);
        };
        if !(1..=self.years).contains(&from) {
            let years = self.years;
            return Err(PlanError::WithdrawalAfterTheEnd { from, years });
        }
        if from == 1 && !self.contribution.is_zero() {
            return Err(PlanError::NothingAdded);
        }
        if from == 1 && monthly.saturating_mul(MONTHS) > self.capital {
            return Err(PlanError::WithdrawalTooLarge);
        }
        Ok(self)
    }
}

/// Goes through the years of a plan.
pub fn project(plan: &Plan) -> Result<Projection, PlanError> {
    let plan = plan.checked()?;
    reckoned(&plan).ok_or(PlanError::BeyondAllNumbers)
}

fn reckoned(plan: &Plan) -> Option<Projection> {
    let terms = Terms::of(plan)?;
    let mut years: Vec<Year> = Vec::new();
    let mut start = plan.capital;
    let mut todays_money = Decimal::ONE;
    for number in 1..=plan.years {
        todays_money = todays_money.checked_mul(terms.grown_prices)?;
        let mut year = terms.year(number, start, terms.rate)?;
        year.end_in_todays_money = year.end.checked_div(todays_money)?;
        years.push(year);
        start = year.end;
        if start.is_zero() {
            break;
        }
    }
    let last = years.last()?;
    Some(Projection {
        runs_out: last.end.is_zero().then_some(last.number),
        independence: match plan.withdrawal {
            Some(withdrawal) => Some(terms.independence(plan.capital, withdrawal)?),
            None => None,
        },
        returned: returned(plan, &years)?,
        years,
    })
}

fn returned(plan: &Plan, years: &[Year]) -> Option<Returned> {
    let (mut put_in, mut income, mut price) = (plan.capital, Decimal::ZERO, Decimal::ZERO);
    for year in years {
        put_in = put_in.checked_add(year.contributed)?;
        income = income.checked_add(year.income.checked_sub(year.tax)?)?;
        price = price.checked_add(year.price)?;
    }
    let of_put_in = |part: Decimal| Percent::from_fraction(part.checked_div(put_in)?.to_f64()?);
    let total = of_put_in(price)
        .zip(of_put_in(income))
        .and_then(|(price, income)| total_return(price, income, Percent::ZERO));
    Some(Returned {
        put_in,
        income,
        price,
        total,
    })
}

/// A plan in exact fractions and yearly amounts.
#[derive(Debug, Clone, Copy)]
struct Terms {
    rate: Decimal,
    tax: Decimal,
    paid_out: Decimal,
    price_growth: Decimal,
    /// What prices are after a year of inflation, of 1.
    grown_prices: Decimal,
    contributed: Decimal,
    /// The first year of withdrawals and what is withdrawn in a year.
    withdrawn: Option<(u32, Decimal)>,
}

impl Terms {
    fn of(plan: &Plan) -> Option<Self> {
        let yearly = |monthly: Decimal| monthly.checked_mul(MONTHS);
        Some(Self {
            rate: fraction(plan.rate)?,
            tax: fraction(plan.tax)?,
            paid_out: Decimal::ONE.checked_sub(fraction(plan.reinvested)?)?,
            price_growth: fraction(plan.price_growth)?,
            grown_prices: Decimal::ONE.checked_add(fraction(plan.inflation)?)?,
            contributed: yearly(plan.contribution)?,
            withdrawn: match plan.withdrawal {
                Some(withdrawal) => Some((withdrawal.from, yearly(withdrawal.monthly)?)),
                None => None,
            },
        })
    }

    /// One year at a rate. `None` where a figure is beyond what a decimal holds.
    fn year(&self, number: u32, start: Decimal, rate: Decimal) -> Option<Year> {
        let income = start.checked_mul(rate)?;
        let tax = income.checked_mul(self.tax)?;
        let net = income.checked_sub(tax)?;
        let price = start.checked_mul(self.price_growth)?;
        let (contributed, wanted) = match self.withdrawn {
            Some((from, yearly)) if number >= from => (Decimal::ZERO, yearly),
            _ => (self.contributed, Decimal::ZERO),
        };
        let there = start
            .checked_add(price)?
            .checked_add(net)?
            .checked_add(contributed)?;
        let paid_out = net.checked_mul(self.paid_out)?.max(wanted).min(there);
        let end = there.checked_sub(paid_out)?;
        Some(Year {
            number,
            start,
            income,
            tax,
            paid_out,
            reinvested: net.checked_sub(paid_out)?.max(Decimal::ZERO),
            drawn: paid_out.checked_sub(net)?.max(Decimal::ZERO),
            contributed,
            price,
            end,
            end_in_todays_money: end,
        })
    }

    fn independence(&self, capital: Decimal, withdrawal: Withdrawal) -> Option<Independence> {
        let wanted = withdrawal.monthly.checked_mul(MONTHS)?;
        let saving = Self {
            withdrawn: None,
            ..*self
        };
        let mut start = capital;
        for number in 1..=FURTHEST {
            // What cannot be counted any more has covered every wish long before.
            let year = saving.year(number, start, self.rate)?;
            if year.income.checked_sub(year.tax)? >= wanted {
                return Some(Independence::From(number));
            }
            start = year.end;
        }
        Some(Independence::NotWithin(FURTHEST))
    }
}

/// What a plan earns in its first year after tax, of the capital: the yield that compounds.
pub fn after_tax(plan: &Plan) -> Option<Percent> {
    let kept = Decimal::ONE.checked_sub(fraction(plan.tax)?)?;
    let net = fraction(plan.rate)?.checked_mul(kept)?;
    Percent::new(net.checked_mul(Decimal::ONE_HUNDRED)?.to_f64()?)
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(super) fn percent(value: f64) -> Percent {
        Percent::new(value).unwrap()
    }

    /// Everything is put back, and nothing is added or taken.
    pub(super) fn plain(capital: i64, rate: f64, years: u32) -> Plan {
        Plan {
            capital: Decimal::from(capital),
            rate: percent(rate),
            years,
            reinvested: percent(100.0),
            contribution: Decimal::ZERO,
            withdrawal: None,
            tax: Percent::ZERO,
            inflation: Percent::ZERO,
            price_growth: Percent::ZERO,
        }
    }

    fn withdrawing(monthly: i64, from: u32, plan: Plan) -> Plan {
        let monthly = Decimal::from(monthly);
        Plan {
            withdrawal: Some(Withdrawal { monthly, from }),
            ..plan
        }
    }

    fn ends(plan: &Plan) -> Vec<String> {
        let projection = project(plan).unwrap();
        let ends = projection.years.iter().map(|year| year.end.round_dp(2));
        ends.map(|end| end.normalize().to_string()).collect()
    }

    #[test]
    fn income_that_stays_earns_again() {
        assert_eq!(ends(&plain(1_000, 10.0, 3)), ["1100", "1210", "1331"]);
        let taxed = Plan {
            tax: percent(20.0),
            ..plain(1_000, 10.0, 2)
        };
        assert_eq!(ends(&taxed), ["1080", "1166.4"]);
        assert_eq!(after_tax(&taxed), Some(percent(8.0)));
        let half = Plan {
            reinvested: percent(50.0),
            ..plain(1_000, 10.0, 2)
        };
        let projection = project(&half).unwrap();
        assert_eq!(projection.years[1].paid_out, Decimal::new(525, 1));
        assert_eq!(ends(&half), ["1050", "1102.5"]);
    }

    #[test]
    fn what_is_added_joins_at_the_end_of_the_year_until_something_is_taken() {
        let adding = Plan {
            contribution: Decimal::from(10),
            ..plain(1_000, 10.0, 2)
        };
        assert_eq!(ends(&adding), ["1220", "1462"]);
        let both = withdrawing(20, 2, adding);
        assert_eq!(ends(&both), ["1220", "1102"]);
        let later = withdrawing(20, 2, plain(1_000, 10.0, 3));
        let projection = project(&later).unwrap();
        assert_eq!(ends(&later), ["1100", "970", "827"]);
        let taken: Vec<String> = projection
            .years
            .iter()
            .map(|year| year.drawn.normalize().to_string())
            .collect();
        assert_eq!(taken, ["0", "130", "143"]);
        assert_eq!(projection.runs_out, None);
    }

    #[test]
    fn a_capital_runs_out_and_pays_what_is_there() {
        let plan = withdrawing(50, 1, plain(1_000, 10.0, 10));
        let projection = project(&plan).unwrap();
        assert_eq!(projection.runs_out, Some(2));
        assert_eq!(projection.years.len(), 2);
        let last = projection.years[1];
        assert_eq!(last.paid_out, Decimal::from(550));
        assert_eq!(last.end, Decimal::ZERO);
        assert_eq!(projection.independence, Some(Independence::From(20)));
    }

    /// 750,000 at 7 % brings 100,000 a year once it is 1,428,571: after 9.52 years, so in the eleventh.
    #[test]
    fn independence_comes_when_the_income_covers_the_wish() {
        let wish = Withdrawal {
            monthly: Decimal::new(833_333, 2),
            from: 12,
        };
        let plan = Plan {
            withdrawal: Some(wish),
            ..plain(750_000, 7.0, 20)
        };
        let found = project(&plan).unwrap().independence;
        assert_eq!(found, Some(Independence::From(11)));
        let spent = Plan {
            reinvested: Percent::ZERO,
            ..plan
        };
        let found = project(&spent).unwrap().independence;
        assert_eq!(found, Some(Independence::NotWithin(FURTHEST)));
    }

    /// −20 % price and +6 % income are −14 %.
    #[test]
    fn total_return_stands_beside_the_income() {
        let falling = Plan {
            price_growth: percent(-20.0),
            ..plain(1_000, 6.0, 1)
        };
        let returned = project(&falling).unwrap().returned;
        assert_eq!(returned.income, Decimal::from(60));
        assert_eq!(returned.price, Decimal::from(-200));
        assert!((returned.total.unwrap().get() + 14.0).abs() < 1e-9);
        let worth = Plan {
            inflation: percent(10.0),
            ..plain(1_000, 10.0, 3)
        };
        let last = *project(&worth).unwrap().years.last().unwrap();
        assert_eq!(last.end_in_todays_money.round_dp(9), Decimal::from(1_000));
    }

    #[test]
    fn what_is_withdrawn_is_the_goal() {
        assert_eq!(plain(1, 5.0, 1).goal(Currency::Eur), None);
        let goal = withdrawing(50, 1, plain(1_000, 5.0, 1)).goal(Currency::Eur);
        let goal = goal.unwrap();
        assert_eq!(goal.income_yearly, Decimal::from(600));
        assert_eq!((goal.tax, goal.capital), (None, Some(Decimal::from(1_000))));
    }

    #[test]
    fn absurd_plans_are_refused() {
        let refused = |plan: &Plan| project(plan).unwrap_err();
        let years = refused(&plain(1, 5.0, 61));
        assert_eq!(years, PlanError::Years(61));
        let large = refused(&withdrawing(84, 1, plain(1_000, 5.0, 5)));
        assert_eq!(large, PlanError::WithdrawalTooLarge);
        let late = refused(&withdrawing(1, 6, plain(1_000, 5.0, 5)));
        let expected = PlanError::WithdrawalAfterTheEnd { from: 6, years: 5 };
        assert_eq!(late, expected);
        let both = Plan {
            contribution: Decimal::ONE,
            ..withdrawing(1, 1, plain(1_000, 5.0, 5))
        };
        assert_eq!(refused(&both), PlanError::NothingAdded);
        let beyond = refused(&plain(1_000_000_000_000, 1_000.0, 60));
        assert_eq!(beyond, PlanError::BeyondAllNumbers);
        let fallen = Plan {
            price_growth: percent(-99.0),
            ..plain(1, 5.0, 1)
        };
        assert!(matches!(refused(&fallen), PlanError::PriceGrowth(_)));
    }

    pub(super) fn any_plan() -> impl Strategy<Value = Plan> {
        let amounts = (1_i64..1_000_000_000_000, 0_i64..1_000_000);
        let rates = (
            0.01..120.0_f64,
            0.0..=100.0_f64,
            0.0..99.0_f64,
            -50.0..200.0_f64,
        );
        let withdrawal = proptest::option::of((1_i64..1_000_000, 1_u32..60));
        (amounts, rates, withdrawal, -90.0..90.0_f64, 1_u32..=60).prop_map(
            |((capital, added), (rate, again, tax, inflation), withdrawal, price, years)| Plan {
                capital: Decimal::new(capital, 2),
                contribution: Decimal::new(added, 2),
                reinvested: percent(again),
                tax: percent(tax),
                inflation: percent(inflation),
                price_growth: percent(price),
                withdrawal: withdrawal.map(|(monthly, from)| Withdrawal {
                    monthly: Decimal::new(monthly, 2),
                    from,
                }),
                ..plain(1, rate, years)
            },
        )
    }

    proptest! {
        /// No plan panics, no year loses a coin, and no capital is below zero.
        #[test]
        fn each_year_adds_up(plan in any_plan()) {
            let Ok(projection) = project(&plan) else { return Ok(()) };
            for year in &projection.years {
                let parts = year.start + year.price + year.contributed + year.reinvested - year.drawn;
                prop_assert!((parts - year.end).abs() <= year.end.abs() * Decimal::new(1, 20) + Decimal::new(1, 12));
                prop_assert!(year.end >= Decimal::ZERO);
                prop_assert!(year.paid_out >= Decimal::ZERO);
            }
            prop_assert_eq!(projection.runs_out.is_some(), projection.years.last().unwrap().end.is_zero());
        }

        /// A higher yield or more capital never ends with less.
        #[test]
        fn more_never_ends_with_less(plan in any_plan(), more in 0.0..20.0_f64) {
            let end = |plan: &Plan| project(plan).ok().and_then(|it| {
                let whole = it.years.len() == usize::try_from(plan.years).unwrap();
                Some(if whole { it.years.last()?.end } else { Decimal::ZERO })
            });
            let higher = Plan { rate: percent(plan.rate.get() + more), ..plan };
            let larger = Plan { capital: plan.capital + Decimal::from(1_000), ..plan };
            let least = Decimal::new(1, 6);
            for better in [higher, larger] {
                if let (Some(plain), Some(better)) = (end(&plan), end(&better)) {
                    prop_assert!(better + plain.max(Decimal::ONE) * least >= plain);
                }
            }
        }

        #[test]
        fn what_is_all_put_back_is_compound_interest(
            capital in 1_i64..1_000_000_000, rate in 0.01..60.0_f64, years in 1_u32..=60,
        ) {
            let projection = project(&plain(capital, rate, years)).unwrap();
            let end = projection.years.last().unwrap().end.to_f64().unwrap();
            let expected = Decimal::from(capital).to_f64().unwrap()
                * (1.0 + rate / 100.0).powi(i32::try_from(years).unwrap());
            prop_assert!((end / expected - 1.0).abs() < 1e-9, "{} for {}", end, expected);
        }
    }
}
