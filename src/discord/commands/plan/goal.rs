//! `/plan goal`: which yield an income takes, and whether such a yield lasts.

use super::{Planned, ToldIn, currency, percent, today};
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
        plan::{Goal, Period, goal::required},
        time::Timestamp,
    },
    market::view::View,
    render,
};

/// Which yield an income takes from a capital, and whether such a yield lasts
#[poise::command(slash_command)]
pub(super) async fn goal(
    ctx: Context<'_>,
    #[description = "Capital, such as 250k or €250k"] capital: Written<Sum>,
    #[description = "Income that you want to have after tax, such as 20k"] income: Written<Sum>,
    #[description = "Whether the income is a month's or a year's; a year's when left out"]
    per: Option<OneOf<Period>>,
    #[description = "What is taken off the income, in percent; your own rate when left out"]
    #[min = 0]
    tax_rate: Option<f64>,
    #[description = "Inflation in percent a year"] inflation: Option<f64>,
    #[description = "Currency, where none is written with the amounts"]
    #[autocomplete = "autocomplete::currency"]
    currency: Option<Written<Currency>>,
) -> Result<(), CommandError> {
    let (app, caller) = parts(ctx)?;
    let bot = ctx.data();
    let now = bot.app.clock.now();
    let asked = Asked {
        capital: capital.0,
        income: income.0,
        per: per.map_or_else(Period::default, |per| per.0),
        tax_rate: super::tax(ctx.data(), &caller, tax_rate).await?,
        inflation,
        currency: super::told_in(ctx.data(), &caller, currency).await?,
        max_apy: bot.app.market.screen().max_apy,
    };
    let planned = answer(&bot.app.market.view(now), &asked, now)?;
    super::tell(app, bot, &caller, planned).await
}

/// What was asked for, as it was written. Rates are in percent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Asked {
    pub capital: Sum,
    pub income: Sum,
    pub per: Period,
    pub tax_rate: Option<f64>,
    pub inflation: Option<f64>,
    pub currency: ToldIn,
    /// Percent above which offers are screened out.
    pub max_apy: f64,
}

/// Reckons and words it.
pub fn answer(market: &View, asked: &Asked, now: Timestamp) -> Result<Planned, Trouble> {
    let capital = asked.capital.amount.get();
    let goal = Goal {
        income_yearly: asked.per.yearly(asked.income.amount.get()),
        currency: currency([asked.capital, asked.income], asked.currency)?,
        tax: asked.tax_rate.map(percent).transpose()?,
        capital: Some(capital),
    };
    let inflation = asked.inflation.map(percent).transpose()?;
    let required = required(&goal, capital, inflation, asked.max_apy).map_err(Trouble::Plan)?;
    let told = render::plan::goal::Told {
        goal: &goal,
        required: &required,
        paying: market.paying(required.before_tax),
        max_apy: asked.max_apy,
    };
    Ok(Planned {
        message: render::plan::goal::goal(&told, &today(market, now)),
        goal: Some(goal),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{plan::PlanError, rate::Percent, verdict::Screen},
        market::{
            fixture::{after, hour, row},
            health::Health,
            snapshot::Snapshot,
        },
    };

    fn told(income: &str, tax_rate: Option<f64>) -> Result<String, Trouble> {
        let rows = vec![row(1, 3.0), row(2, 4.0)];
        let change = after(&Snapshot::default(), hour(0), rows);
        let health = Health::default();
        let market = View::new(change.snapshot.into(), &health, &Screen::default(), hour(1));
        let asked = Asked {
            capital: "€1m".parse().unwrap(),
            income: income.parse().unwrap(),
            per: Period::Month,
            tax_rate,
            inflation: None,
            currency: ToldIn::default(),
            max_apy: 100.0,
        };
        answer(&market, &asked, hour(1)).map(|planned| planned.message.to_discord().to_string())
    }

    #[test]
    fn an_income_a_month_is_twelve_of_them_a_year() {
        let words = told("3k", None).unwrap();
        assert!(
            words.contains("€36,000.00 ÷ €1,000,000.00 = **3.60 %**"),
            "{words}"
        );
        assert!(words.contains("1 of 2 sustainable pools"), "{words}");
    }

    #[test]
    fn what_cannot_be_reckoned_is_said() {
        let all = Percent::new(100.0).unwrap();
        let taxed = told("3k", Some(100.0));
        assert_eq!(taxed, Err(Trouble::Plan(PlanError::Tax(all))));
        let mixed = told("$3k", None);
        let both = Trouble::CurrenciesDiffer(Currency::Eur, Currency::Usd);
        assert_eq!(mixed, Err(both));
    }
}
