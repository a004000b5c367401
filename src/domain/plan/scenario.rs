//! Three plans ready made: an income beside work, an early retirement, and independence.

use rust_decimal::Decimal;

use super::{
    Earning, Goal, PlanError,
    basket::Index,
    reference::{self, Judgement, Range},
    required_capital, required_yield, years_until,
};
use crate::domain::{
    currency::Currency,
    income::Income,
    plan::allocation::Sleeve,
    rate::{Percent, blended},
};

/// A plan that is ready made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preset {
    Supplemental,
    EarlyRetirement,
    Independence,
}

/// What a part of a scenario's capital is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Holding {
    /// What the market pays for it is the median of its pools.
    Of(Sleeve),
    /// What the market pays for it is what the basket does.
    In(Index),
    /// Coins that may grow; reckoned with as they pay where they are staked.
    Growth,
}

impl Holding {
    pub const fn label(self) -> &'static str {
        match self {
            Self::Of(sleeve) => sleeve.label(),
            Self::In(Index::DefiYield) => "DeFi",
            Self::In(index) => index.label(),
            Self::Growth => "growth coins, staked",
        }
    }
}

impl Preset {
    pub const ALL: [Self; 3] = [
        Self::Supplemental,
        Self::EarlyRetirement,
        Self::Independence,
    ];

    pub const fn slug(self) -> &'static str {
        match self {
            Self::Supplemental => "supplemental",
            Self::EarlyRetirement => "early-retirement",
            Self::Independence => "independence",
        }
    }

    pub const fn label(self) -> &'static str {
        match self {
            Self::Supplemental => "supplemental income",
            Self::EarlyRetirement => "early retirement",
            Self::Independence => "independence",
        }
    }

    /// The capital where nobody states another.
    pub fn capital(self) -> Decimal {
        Decimal::from(match self {
            Self::Supplemental => 300_000,
            Self::EarlyRetirement => 1_500_000,
            Self::Independence => 750_000,
        })
    }

    /// The income a year where nobody states another.
    pub fn income(self) -> Decimal {
        Decimal::from(match self {
            Self::Supplemental => 24_000,
            Self::EarlyRetirement => 75_000,
            Self::Independence => 100_000,
        })
    }

    /// The yield a year that its mix is to bring, in percent. The one of independence is a single rate, at
    /// which its years of reinvesting are reckoned.
    pub const fn target(self) -> Range {
        match self {
            Self::Supplemental => Range::new(5.0, 7.0),
            Self::EarlyRetirement => Range::new(6.0, 8.0),
            Self::Independence => Range::new(7.0, 7.0),
        }
    }

    /// Percent of the capital, and what it is in.
    pub const fn mix(self) -> &'static [(u32, Holding)] {
        const DEFI: Holding = Holding::In(Index::DefiYield);
        match self {
            Self::Supplemental => &[
                (60, Holding::Of(Sleeve::Staking)),
                (30, Holding::Of(Sleeve::Lending)),
                (10, DEFI),
            ],
            Self::EarlyRetirement => &[
                (50, Holding::In(Index::Balanced)),
                (30, DEFI),
                (20, Holding::In(Index::LargeCapStaking)),
            ],
            Self::Independence => &[(70, Holding::Growth), (30, DEFI)],
        }
    }
}

/// A preset with what somebody stated in place of its own figures.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scenario {
    pub preset: Preset,
    pub capital: Decimal,
    /// A year.
    pub income: Decimal,
    pub currency: Currency,
}

/// What a scenario comes to.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    pub needs: Percent,
    pub judgement: Judgement,
    /// What the capital brings at the ends of the target.
    pub low: Earning,
    pub high: Earning,
    /// What is short a year at the upper end of the target.
    pub gap: Option<Gap>,
    pub parts: Vec<Part>,
    /// What the market pays for the whole mix; `None` where it is not known for one of its parts.
    pub today: Option<Earning>,
}

/// A wish that the target does not reach.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gap {
    /// Short a year.
    pub yearly: Decimal,
    /// The capital that would bring the income at the upper end of the target.
    pub capital: Decimal,
    /// The years of reinvesting until it is that much: ln(target / capital) / ln(1 + y).
    pub years: f64,
}

/// A part of the mix.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Part {
    pub percent: u32,
    pub holding: Holding,
    pub amount: Decimal,
    /// What the market pays for it now.
    pub pays: Option<Percent>,
}

impl Scenario {
    /// The wish behind it.
    pub const fn goal(&self) -> Goal {
        Goal {
            income_yearly: self.income,
            currency: self.currency,
            tax: None,
            capital: Some(self.capital),
        }
    }

    /// What it comes to; `pays` is what the market pays for a holding, and `max_apy` the percent above which
    /// offers are screened out.
    pub fn outcome(
        &self,
        pays: impl Fn(Holding) -> Option<Percent>,
        max_apy: f64,
    ) -> Result<Outcome, PlanError> {
        self.reckoned(pays, max_apy)
            .ok_or(PlanError::BeyondAllNumbers)
    }

    fn reckoned(&self, pays: impl Fn(Holding) -> Option<Percent>, max_apy: f64) -> Option<Outcome> {
        let needs = required_yield(self.income, self.capital)?;
        let at = |rate: Percent| {
            let income = Income::of(self.capital, rate)?;
            Some(Earning { rate, income })
        };
        let target = self.preset.target();
        let high = at(Percent::new(target.high)?)?;
        let mix = self.preset.mix().iter();
        let part = |(percent, holding): &(u32, Holding)| {
            let amount = self.capital.checked_mul(Decimal::from(*percent))?;
            Some(Part {
                percent: *percent,
                holding: *holding,
                amount: amount.checked_div(Decimal::ONE_HUNDRED)?,
                pays: pays(*holding),
            })
        };
        let parts: Vec<Part> = mix.map(part).collect::<Option<_>>()?;
        let rates = parts
            .iter()
            .map(|part| Some((f64::from(part.percent), part.pays?)));
        let rates: Option<Vec<(f64, Percent)>> = rates.collect();
        Some(Outcome {
            needs,
            judgement: reference::judge(needs, max_apy),
            low: at(Percent::new(target.low)?)?,
            gap: self.gap(high),
            high,
            today: rates.and_then(blended).and_then(at),
            parts,
        })
    }

    fn gap(&self, high: Earning) -> Option<Gap> {
        let yearly = self.income.checked_sub(high.income.year())?;
        let capital = required_capital(self.income, high.rate)?;
        let years = years_until(self.capital, capital, high.rate)?;
        (yearly > Decimal::ZERO).then_some(Gap {
            yearly,
            capital,
            years,
        })
    }
}

impl From<Preset> for Scenario {
    fn from(preset: Preset) -> Self {
        Self {
            preset,
            capital: preset.capital(),
            income: preset.income(),
            currency: Currency::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::plan::MONTHS;

    fn outcome(preset: Preset) -> Outcome {
        let scenario = Scenario::from(preset);
        scenario.outcome(|_| Percent::new(5.0), 100.0).unwrap()
    }

    fn two(rate: Percent) -> String {
        format!("{:.2}", rate.get())
    }

    #[test]
    fn two_thousand_a_month_of_300_000_are_250_short() {
        let outcome = outcome(Preset::Supplemental);
        assert_eq!(two(outcome.needs), "8.00");
        assert_eq!(outcome.low.income.month().round_dp(2), Decimal::from(1_250));
        assert_eq!(
            outcome.high.income.month().round_dp(2),
            Decimal::from(1_750)
        );
        let gap = outcome.gap.unwrap();
        assert_eq!((gap.yearly / MONTHS).round_dp(2), Decimal::from(250));
        let amounts: Vec<Decimal> = outcome.parts.iter().map(|part| part.amount).collect();
        assert_eq!(amounts, [180_000, 90_000, 30_000].map(Decimal::from));
    }

    #[test]
    fn an_early_retirement_on_five_percent() {
        let outcome = outcome(Preset::EarlyRetirement);
        assert_eq!(two(outcome.needs), "5.00");
        assert_eq!(outcome.judgement, Judgement::Lasts);
        assert_eq!(outcome.low.income.year().round_dp(2), Decimal::from(90_000));
        assert_eq!(
            outcome.high.income.year().round_dp(2),
            Decimal::from(120_000)
        );
        assert_eq!(outcome.gap, None);
        assert_eq!(
            outcome.today.map(|at| two(at.rate)).as_deref(),
            Some("5.00")
        );
    }

    #[test]
    fn independence_is_nine_and_a_half_years_away() {
        let outcome = outcome(Preset::Independence);
        assert_eq!(two(outcome.needs), "13.33");
        assert_eq!(outcome.judgement, Judgement::OutsideOfWhatLasts);
        let gap = outcome.gap.unwrap();
        assert_eq!(gap.capital.round(), Decimal::from(1_428_571));
        assert_eq!(format!("{:.2}", gap.years), "9.52");
    }

    #[test]
    fn each_mix_is_a_whole_and_one_unknown_rate_leaves_it_unknown() {
        for preset in Preset::ALL {
            let whole: u32 = preset.mix().iter().map(|(percent, _)| percent).sum();
            assert_eq!(whole, 100, "{preset:?}");
            let pays =
                |holding| (holding != Holding::In(Index::DefiYield)).then_some(Percent::ZERO);
            let outcome = Scenario::from(preset).outcome(pays, 100.0).unwrap();
            assert_eq!(outcome.today, None);
        }
    }
}
