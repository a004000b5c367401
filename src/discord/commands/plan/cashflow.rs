//! `/plan cashflow`: an income divided into tax, what is put back, and what is paid out.

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
        plan::cashflow::{Every, Wish, divided},
    },
    render,
};

/// Divide an income into tax reserve, what is reinvested, and what is paid out
#[poise::command(slash_command)]
pub(super) async fn cashflow(
    ctx: Context<'_>,
    #[description = "Income a month before tax, such as 1400 or €1,400"] income: Written<Sum>,
    #[description = "How often it is paid out; every month when left out"] withdraw_every: Option<
        OneOf<Every>,
    >,
    #[description = "Percent of the income that is kept back for tax; 0 when left out"]
    #[min = 0]
    tax_reserve: Option<f64>,
    #[description = "Percent of the rest that is put to work again; 0 when left out"]
    #[min = 0]
    reinvest: Option<f64>,
    #[description = "Currency, where none is written with the income"]
    #[autocomplete = "autocomplete::currency"]
    currency: Option<Written<Currency>>,
) -> Result<(), CommandError> {
    let (app, caller) = parts(ctx)?;
    let asked = Asked {
        income: income.0,
        every: withdraw_every.map_or_else(Every::default, |every| every.0),
        tax_reserve,
        reinvest,
        currency: super::told_in(ctx.data(), &caller, currency).await?,
    };
    super::tell(app, ctx.data(), &caller, answer(&asked)?).await
}

/// What was asked for, as it was written. Shares are in percent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Asked {
    /// A month, before tax.
    pub income: Sum,
    pub every: Every,
    pub tax_reserve: Option<f64>,
    pub reinvest: Option<f64>,
    pub currency: ToldIn,
}

/// Reckons and words it.
pub fn answer(asked: &Asked) -> Result<Planned, Trouble> {
    let wish = Wish {
        monthly: asked.income.amount.get(),
        currency: currency([asked.income], asked.currency)?,
        every: asked.every,
        tax_reserve: percent(asked.tax_reserve.unwrap_or_default())?,
        reinvested: percent(asked.reinvest.unwrap_or_default())?,
    };
    let cashflow = divided(&wish).map_err(Trouble::Plan)?;
    Ok(Planned {
        message: render::plan::cashflow::cashflow(&wish, &cashflow),
        goal: Some(wish.goal(&cashflow)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::plan::PlanError;

    #[test]
    fn an_income_is_divided_and_more_than_all_of_it_is_not() {
        let asked = Asked {
            income: "1400".parse().unwrap(),
            every: Every::Month,
            tax_reserve: Some(25.0),
            reinvest: Some(40.0),
            currency: ToldIn::default(),
        };
        let words = answer(&asked).unwrap().message.to_discord().to_string();
        let split =
            "of $1,400.00: **$350.00** tax reserve, **$420.00** reinvested, **$630.00** pay-out";
        assert!(words.contains(split), "{words}");
        let more = Asked {
            reinvest: Some(101.0),
            ..asked
        };
        let refused = answer(&more).unwrap_err();
        assert!(matches!(refused, Trouble::Plan(PlanError::Share(_))));
    }
}
