//! `/plan project`: a capital through the years, drawn.

use std::sync::Arc;

use anyhow::Context as _;
use rust_decimal::Decimal;
use tracing::warn;

use super::{Planned, ToldIn, currency, percent, today};
use crate::{
    app::App,
    discord::{
        autocomplete,
        context::{Context, parts},
        errors::{CommandError, Trouble},
        params::Written,
        reply::{self, Visibility},
    },
    domain::{
        currency::Currency,
        money::Sum,
        plan::{
            Goal, PlanError,
            projection::{
                Plan, Projection, Withdrawal, project as through_the_years,
                range::{Range, range},
                shift::{Shifted, shifts},
            },
        },
        rate::Percent,
    },
    render::{
        self,
        picture::{self, Growth},
    },
};

/// A capital year by year: income, tax, what is put back and taken out, and when it runs out
#[poise::command(slash_command)]
#[expect(
    clippy::too_many_arguments,
    reason = "each is an option that Discord shows"
)]
pub(super) async fn project(
    ctx: Context<'_>,
    #[description = "Capital, such as 250k or €250k"] capital: Written<Sum>,
    #[description = "Yield before tax, in percent a year"]
    #[rename = "yield"]
    rate: f64,
    #[description = "Years, 1 to 60"]
    #[min = 1]
    years: u32,
    #[description = "Percent of the income after tax that is put back; 100 when left out"]
    #[min = 0]
    reinvest: Option<f64>,
    #[description = "What is added a month, such as 500"] contribute: Option<Written<Sum>>,
    #[description = "What is taken out a month, such as 2k"] withdraw: Option<Written<Sum>>,
    #[description = "The year from which on it is taken out; the first when left out"]
    #[min = 1]
    withdraw_from: Option<u32>,
    #[description = "What is taken off the income, in percent; your own rate when left out"]
    #[min = 0]
    tax_rate: Option<f64>,
    #[description = "Inflation in percent a year"] inflation: Option<f64>,
    #[description = "What the price of the holding does, in percent a year"] price_growth: Option<
        f64,
    >,
    #[description = "By how many points a year's yield varies; as measured when left out"]
    #[min = 0]
    variation: Option<f64>,
    #[description = "Currency, where none is written with the amounts"]
    #[autocomplete = "autocomplete::currency"]
    currency: Option<Written<Currency>>,
) -> Result<(), CommandError> {
    let (app, caller) = parts(ctx)?;
    let bot = ctx.data();
    let asked = Asked {
        capital: capital.0,
        rate,
        years,
        reinvest,
        contribute: contribute.map(|sum| sum.0),
        withdraw: withdraw.map(|sum| sum.0),
        withdraw_from,
        tax_rate: super::tax(ctx.data(), &caller, tax_rate).await?,
        inflation,
        price_growth,
        variation,
        currency: super::told_in(ctx.data(), &caller, currency).await?,
    };
    reply::defer(app, Visibility::Private).await?;
    let planned = answer(&bot.app, &asked).await?;
    super::tell(app, bot, &caller, planned).await
}

/// What was asked for, as it was written. Rates are in percent, the variation in points.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Asked {
    pub capital: Sum,
    pub rate: f64,
    pub years: u32,
    pub reinvest: Option<f64>,
    /// A month.
    pub contribute: Option<Sum>,
    /// A month.
    pub withdraw: Option<Sum>,
    pub withdraw_from: Option<u32>,
    pub tax_rate: Option<f64>,
    pub inflation: Option<f64>,
    pub price_growth: Option<f64>,
    pub variation: Option<f64>,
    pub currency: ToldIn,
}

impl Asked {
    fn plan(&self) -> Result<Plan, Trouble> {
        let figure = |figure: Option<f64>| percent(figure.unwrap_or_default());
        let withdrawal = match (self.withdraw, self.withdraw_from) {
            (Some(monthly), from) => Some(Withdrawal {
                monthly: monthly.amount.get(),
                from: from.unwrap_or(1),
            }),
            (None, Some(_)) => return Err(Trouble::NothingWithdrawn),
            (None, None) => None,
        };
        let plan = Plan {
            capital: self.capital.amount.get(),
            rate: percent(self.rate)?,
            years: self.years,
            reinvested: percent(self.reinvest.unwrap_or(100.0))?,
            contribution: self
                .contribute
                .map(|sum| sum.amount.get())
                .unwrap_or_default(),
            withdrawal,
            tax: figure(self.tax_rate)?,
            inflation: figure(self.inflation)?,
            price_growth: figure(self.price_growth)?,
        };
        plan.checked().map_err(Trouble::Plan)
    }

    fn currency(&self) -> Result<Currency, Trouble> {
        let written = [self.contribute, self.withdraw].into_iter().flatten();
        currency(std::iter::once(self.capital).chain(written), self.currency)
    }
}

async fn answer(app: &Arc<App>, asked: &Asked) -> Result<Planned, CommandError> {
    let now = app.clock.now();
    let market = app.market.view(now);
    let (plan, currency) = (asked.plan()?, asked.currency()?);
    let measured = match asked.variation {
        Some(_) => None,
        None => market.variation_near(plan.rate),
    };
    let points = asked.variation.or(measured.map(|measured| measured.points));
    // Hundreds of paths and a picture keep nobody else waiting.
    let walked = tokio::task::spawn_blocking(move || walk(&plan, points, currency));
    let walked = walked.await.context("going through the years of a plan")?;
    let walked = walked.map_err(Trouble::Plan)?;
    let told = render::plan::projection::Told {
        plan: &plan,
        currency,
        projection: &walked.projection,
        range: walked.range.as_ref(),
        measured_by: measured.map(|measured| measured.pools),
        shifts: &walked.shifts,
    };
    let today = today(&market, now);
    // Where nothing is withdrawn, what it comes to bring is what it is for.
    let goal = plan.goal(currency);
    let goal = goal.or_else(|| walked.goal(&plan, currency));
    Ok(Planned {
        message: render::plan::projection::projection(&told, walked.picture, &today),
        goal,
    })
}

/// A plan gone through.
struct Walked {
    projection: Projection,
    /// `None` where nobody knows how yields vary.
    range: Option<Range>,
    shifts: [Shifted; 3],
    /// `None` where it could not be drawn: the words still stand.
    picture: Option<Vec<u8>>,
}

impl Walked {
    /// What the end brings after tax, at the prices of the plan.
    fn goal(&self, plan: &Plan, currency: Currency) -> Option<Goal> {
        let as_planned = self.shifts.iter().find(|end| end.by == Percent::ZERO)?;
        let goal = Goal::of(as_planned.income, currency, as_planned.end);
        let tax = (plan.tax.get() > 0.0).then_some(plan.tax);
        (as_planned.end > Decimal::ZERO).then_some(Goal { tax, ..goal })
    }
}

fn walk(plan: &Plan, points: Option<f64>, currency: Currency) -> Result<Walked, PlanError> {
    let projection = through_the_years(plan)?;
    let range = points.map(|points| range(plan, points)).transpose()?;
    let drawn = picture::growth(&Growth {
        plan,
        currency,
        projection: &projection,
        range: range.as_ref(),
    });
    let picture = drawn.inspect_err(|error| warn!(%error, "a projection is told in words alone"));
    Ok(Walked {
        picture: picture.ok(),
        range,
        shifts: shifts(plan)?,
        projection,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::rate::Percent;

    fn asked() -> Asked {
        Asked {
            capital: "€300k".parse().unwrap(),
            rate: 6.0,
            years: 10,
            reinvest: None,
            contribute: None,
            withdraw: None,
            withdraw_from: None,
            tax_rate: None,
            inflation: None,
            price_growth: None,
            variation: None,
            currency: ToldIn::default(),
        }
    }

    #[test]
    fn all_is_put_back_where_nobody_says_otherwise() {
        let plan = asked().plan().unwrap();
        assert_eq!(Some(plan.reinvested), Percent::new(100.0));
        assert_eq!(plan.withdrawal, None);
        assert_eq!(asked().currency(), Ok(Currency::Eur));
    }

    #[test]
    fn a_withdrawal_has_an_amount_and_a_year() {
        let at_once = Asked {
            withdraw: Some("2k".parse().unwrap()),
            ..asked()
        };
        let from = at_once.plan().unwrap().withdrawal.map(|it| it.from);
        assert_eq!(from, Some(1));
        let nothing = Asked {
            withdraw_from: Some(5),
            ..asked()
        };
        assert_eq!(nothing.plan(), Err(Trouble::NothingWithdrawn));
        let long = Asked {
            years: 61,
            ..asked()
        };
        assert_eq!(long.plan(), Err(Trouble::Plan(PlanError::Years(61))));
    }

    #[test]
    fn a_plan_is_walked_and_drawn() {
        let plan = asked().plan().unwrap();
        let walked = walk(&plan, Some(1.0), Currency::Eur).unwrap();
        assert_eq!(walked.projection.years.len(), 10);
        assert!(walked.range.is_some() && walked.picture.is_some());
        let unknown = walk(&plan, None, Currency::Eur).unwrap();
        assert_eq!(unknown.range, None);
    }
}
