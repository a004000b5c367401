//! `/plan scenario`: a ready-made plan with its arithmetic, beside what the market pays.

use super::{Planned, ToldIn, currency, today};
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
        plan::{
            Period,
            scenario::{Preset, Scenario},
        },
        time::Timestamp,
    },
    market::view::View,
    render,
};

/// A ready-made plan with its arithmetic: an income beside work, early retirement, independence
#[poise::command(slash_command)]
pub(super) async fn scenario(
    ctx: Context<'_>,
    #[description = "Which plan"] preset: OneOf<Preset>,
    #[description = "Capital, in place of the plan's own, such as 250k or €250k"] capital: Option<
        Written<Sum>,
    >,
    #[description = "Income that you want, in place of the plan's own"] income: Option<
        Written<Sum>,
    >,
    #[description = "Whether the income is a month's or a year's; a year's when left out"]
    per: Option<OneOf<Period>>,
    #[description = "Currency, where none is written with the amounts"]
    #[autocomplete = "autocomplete::currency"]
    currency: Option<Written<Currency>>,
) -> Result<(), CommandError> {
    let (app, caller) = parts(ctx)?;
    let bot = ctx.data();
    let now = bot.app.clock.now();
    let asked = Asked {
        preset: preset.0,
        capital: capital.map(|capital| capital.0),
        income: income.map(|income| income.0),
        per: per.map_or_else(Period::default, |per| per.0),
        currency: super::told_in(ctx.data(), &caller, currency).await?,
        max_apy: bot.app.market.screen().max_apy,
    };
    let planned = answer(&bot.app.market.view(now), &asked, now)?;
    super::tell(app, bot, &caller, planned).await
}

/// What was asked for, as it was written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Asked {
    pub preset: Preset,
    pub capital: Option<Sum>,
    pub income: Option<Sum>,
    /// Of the income.
    pub per: Period,
    pub currency: ToldIn,
    /// Percent above which offers are screened out.
    pub max_apy: f64,
}

/// Reckons and words it.
pub fn answer(market: &View, asked: &Asked, now: Timestamp) -> Result<Planned, Trouble> {
    let of_preset = Scenario::from(asked.preset);
    let yearly = |income: Sum| asked.per.yearly(income.amount.get());
    let written = asked.capital.into_iter().chain(asked.income);
    let scenario = Scenario {
        capital: asked
            .capital
            .map_or(of_preset.capital, |capital| capital.amount.get()),
        income: asked.income.map_or(of_preset.income, yearly),
        currency: currency(written, asked.currency)?,
        ..of_preset
    };
    let outcome = scenario
        .outcome(|holding| market.holding(holding), asked.max_apy)
        .map_err(Trouble::Plan)?;
    let today = today(market, now);
    Ok(Planned {
        message: render::plan::scenario::scenario(&scenario, &outcome, asked.max_apy, &today),
        goal: Some(scenario.goal()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::verdict::Screen,
        market::{fixture::hour, health::Health, snapshot::Snapshot},
    };

    #[test]
    fn what_is_stated_stands_in_place_of_the_preset() {
        let health = Health::default();
        let empty = Snapshot::default();
        let market = View::new(empty.into(), &health, &Screen::default(), hour(1));
        let asked = Asked {
            preset: Preset::Supplemental,
            capital: None,
            income: None,
            per: Period::Month,
            currency: ToldIn::default(),
            max_apy: 100.0,
        };
        let told = |asked: &Asked| {
            let planned = answer(&market, asked, hour(1)).unwrap();
            planned.message.to_discord().to_string()
        };
        let words = told(&asked);
        assert!(words.contains("**$250.00 a month**"), "{words}");
        let stated = Asked {
            capital: Some("€600k".parse().unwrap()),
            income: Some("2k".parse().unwrap()),
            ..asked
        };
        let words = told(&stated);
        assert!(words.contains("÷ €600,000.00 = **4.00 %**"), "{words}");
        assert!(words.contains("Together: not known"), "{words}");
    }
}
