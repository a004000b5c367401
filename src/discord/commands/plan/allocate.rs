//! `/plan allocate`: a capital over ways of earning, at what the market pays for each.

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
        plan::{
            Goal,
            allocation::{Allocation, Appetite, Shares},
        },
        time::Timestamp,
        verdict::Verdict,
    },
    market::view::View,
    render,
};

/// Divide a capital over staking, lending, liquidity and farming, at what the market pays
#[poise::command(slash_command)]
#[expect(
    clippy::too_many_arguments,
    reason = "each is an option that Discord shows"
)]
pub(super) async fn allocate(
    ctx: Context<'_>,
    #[description = "Capital, such as 250k or €250k"] capital: Written<Sum>,
    #[description = "How much risk; balanced when neither this nor shares are given"] risk: Option<
        OneOf<Appetite>,
    >,
    #[description = "Percent in staking"]
    #[min = 0]
    #[max = 100]
    staking: Option<f64>,
    #[description = "Percent in lending of stablecoins"]
    #[min = 0]
    #[max = 100]
    lending: Option<f64>,
    #[description = "Percent in liquidity pools"]
    #[min = 0]
    #[max = 100]
    lp: Option<f64>,
    #[description = "Percent in farming"]
    #[min = 0]
    #[max = 100]
    farming: Option<f64>,
    #[description = "The verdict that pools have at least; sustainable when left out"]
    min_verdict: Option<OneOf<Verdict>>,
    #[description = "Currency, where none is written with the capital"]
    #[autocomplete = "autocomplete::currency"]
    currency: Option<Written<Currency>>,
) -> Result<(), CommandError> {
    let (app, caller) = parts(ctx)?;
    let bot = ctx.data();
    let now = bot.app.clock.now();
    let asked = Asked {
        capital: capital.0,
        risk: risk.map(|risk| risk.0),
        shares: [staking, lending, lp, farming],
        least: min_verdict.map_or(Verdict::Sustainable, |verdict| verdict.0),
        currency: super::told_in(ctx.data(), &caller, currency).await?,
    };
    let planned = answer(&bot.app.market.view(now), &asked, now)?;
    super::tell(app, bot, &caller, planned).await
}

/// What was asked for, as it was written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Asked {
    pub capital: Sum,
    pub risk: Option<Appetite>,
    /// Percent in staking, lending, liquidity and farming.
    pub shares: [Option<f64>; 4],
    /// The verdict that pools have at least.
    pub least: Verdict,
    pub currency: ToldIn,
}

/// Reckons and words it.
pub fn answer(market: &View, asked: &Asked, now: Timestamp) -> Result<Planned, Trouble> {
    let capital = asked.capital.amount.get();
    let pays = |sleeve| market.sleeve(sleeve, asked.least);
    let allocation = Allocation::of(capital, shares(asked)?, pays).map_err(Trouble::Plan)?;
    let currency = currency([asked.capital], asked.currency)?;
    let told = render::plan::allocation::Told {
        allocation: &allocation,
        capital,
        currency,
        least: asked.least,
    };
    let pays = allocation.pays;
    Ok(Planned {
        message: render::plan::allocation::allocation(&told, &today(market, now)),
        goal: pays.map(|pays| Goal::of(pays.median.income, currency, capital)),
    })
}

fn shares(asked: &Asked) -> Result<Shares, Trouble> {
    let are_stated = asked.shares.iter().any(Option::is_some);
    match asked.risk {
        Some(_) if are_stated => Err(Trouble::RiskOrShares),
        None if are_stated => {
            let [staking, lending, liquidity, farming] =
                asked.shares.map(|share| percent(share.unwrap_or_default()));
            Shares::new([staking?, lending?, liquidity?, farming?]).map_err(Trouble::Plan)
        }
        risk => Ok(risk.unwrap_or_default().into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{plan::PlanError, verdict::Screen},
        market::{
            fixture::{after, hour, row},
            health::Health,
            snapshot::Snapshot,
        },
    };

    fn told(risk: Option<Appetite>, shares: [Option<f64>; 4]) -> Result<String, Trouble> {
        let rows = vec![row(1, 3.0), row(2, 4.0), row(3, 5.0)];
        let change = after(&Snapshot::default(), hour(0), rows);
        let health = Health::default();
        let market = View::new(change.snapshot.into(), &health, &Screen::default(), hour(1));
        let asked = Asked {
            capital: "100k".parse().unwrap(),
            risk,
            shares,
            least: Verdict::Sustainable,
            currency: ToldIn::default(),
        };
        answer(&market, &asked, hour(1)).map(|planned| planned.message.to_discord().to_string())
    }

    #[test]
    fn the_usual_shares_are_those_of_a_balanced_allocation() {
        let words = told(None, [None; 4]).unwrap();
        assert!(
            words.contains("35 % stablecoin lending · $35,000.00"),
            "{words}"
        );
        assert!(
            words.contains("pays now **4.00 %** (3.50–4.50 %)"),
            "{words}"
        );
        assert!(
            words.contains("of the 35 % whose rates are known"),
            "{words}"
        );
        let careful = told(Some(Appetite::Conservative), [None; 4]).unwrap();
        assert!(careful.contains("50 % staking"), "{careful}");
    }

    #[test]
    fn shares_of_ones_own_have_to_make_a_whole() {
        let shares = [Some(50.0), Some(45.0), None, None];
        let short = told(None, shares).unwrap_err();
        assert_eq!(short, Trouble::Plan(PlanError::Shares(95.into())));
        let both = told(Some(Appetite::Balanced), shares).unwrap_err();
        assert_eq!(both, Trouble::RiskOrShares);
        assert!(told(None, [None, Some(100.0), None, None]).is_ok());
    }
}
