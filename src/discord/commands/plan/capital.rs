//! `/plan capital`: the capital that an income takes at a yield.

use super::{Planned, ToldIn, currency, percent};
use crate::{
    discord::{
        autocomplete,
        context::{Context, parts},
        errors::{CommandError, Trouble},
        params::{OneOf, Written},
    },
    domain::{
        currency::Currency,
        money::Sum,
        plan::{Goal, Period, capital::needed},
    },
    render,
};

/// Which capital an income takes at a yield, and at a point less and more
#[poise::command(slash_command)]
pub(super) async fn capital(
    ctx: Context<'_>,
    #[description = "Income that you want to have after tax, such as 20k or €20k"] income: Written<
        Sum,
    >,
    #[description = "Yield before tax, in percent a year"]
    #[rename = "yield"]
    rate: f64,
    #[description = "Whether the income is a month's or a year's; a year's when left out"]
    per: Option<OneOf<Period>>,
    #[description = "What is taken off the income, in percent; your own rate when left out"]
    #[min = 0]
    tax_rate: Option<f64>,
    #[description = "Currency, where none is written with the income"]
    #[autocomplete = "autocomplete::currency"]
    currency: Option<Written<Currency>>,
) -> Result<(), CommandError> {
    let (app, caller) = parts(ctx)?;
    let asked = Asked {
        income: income.0,
        rate,
        per: per.map_or_else(Period::default, |per| per.0),
        tax_rate: super::tax(ctx.data(), &caller, tax_rate).await?,
        currency: super::told_in(ctx.data(), &caller, currency).await?,
        max_apy: ctx.data().app.market.screen().max_apy,
    };
    super::tell(app, ctx.data(), &caller, answer(&asked)?).await
}

/// What was asked for, as it was written. Rates are in percent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Asked {
    pub income: Sum,
    pub rate: f64,
    pub per: Period,
    pub tax_rate: Option<f64>,
    pub currency: ToldIn,
    /// Percent above which offers are screened out.
    pub max_apy: f64,
}

/// Reckons and words it.
pub fn answer(asked: &Asked) -> Result<Planned, Trouble> {
    let goal = Goal {
        income_yearly: asked.per.yearly(asked.income.amount.get()),
        currency: currency([asked.income], asked.currency)?,
        tax: asked.tax_rate.map(percent).transpose()?,
        capital: None,
    };
    let needed = needed(&goal, percent(asked.rate)?).map_err(Trouble::Plan)?;
    Ok(Planned {
        message: render::plan::capital::capital(&goal, &needed, asked.max_apy),
        goal: Some(goal),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{plan::PlanError, rate::Percent};

    #[test]
    fn an_income_takes_a_capital_and_no_yield_brings_none() {
        let asked = Asked {
            income: "CHF 50k".parse().unwrap(),
            rate: 6.0,
            per: Period::Year,
            tax_rate: None,
            currency: ToldIn::default(),
            max_apy: 100.0,
        };
        let words = answer(&asked).unwrap().message.to_discord().to_string();
        assert!(words.contains("**CHF 833,333.33**"), "{words}");
        let none = Asked { rate: 0.0, ..asked };
        let refused = answer(&none).unwrap_err();
        assert_eq!(refused, Trouble::Plan(PlanError::Yield(Percent::ZERO)));
    }
}
