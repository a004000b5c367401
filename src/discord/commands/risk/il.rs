//! `/risk il`: what a liquidity pool loses against holding when prices move apart.

use crate::{
    discord::{
        autocomplete,
        commands::{shown_to, yield_},
        context::{Context, parts},
        errors::{CommandError, Trouble},
        lookup,
        params::Name,
        reply,
    },
    domain::{
        impermanent::{LossError, PriceRatio},
        rate::Percent,
        time::Timestamp,
    },
    market::view::View,
    render::{
        self,
        impermanent::{Fees, Moved},
        message::Message,
    },
};

/// Days over which fees come in when nothing else is asked for.
const DAYS: u32 = 30;

/// Impermanent loss: of a pool as prices move apart, or of two prices that have moved
#[poise::command(slash_command)]
pub(super) async fn il(
    ctx: Context<'_>,
    #[description = "Pool: its rate against what moving prices would cost"]
    #[autocomplete = "autocomplete::pool"]
    pool: Option<Name>,
    #[description = "What one price has changed by in percent, such as 100 or -50"]
    #[min = -99.99]
    #[max = 1_000_000]
    change_a: Option<f64>,
    #[description = "What the other price has changed by in percent; 0 when left out"]
    #[min = -99.99]
    #[max = 1_000_000]
    change_b: Option<f64>,
    #[description = "What the fees pay in percent a year; for a pool its APY when left out"]
    #[min = 0]
    #[max = 1_000_000]
    fees_apr: Option<f64>,
    #[description = "Days over which fees come in; 30 when left out"]
    #[min = 1]
    #[max = 3650]
    days: Option<u32>,
    #[description = "Show the answer to you alone"] private: Option<bool>,
) -> Result<(), CommandError> {
    let (app, caller) = parts(ctx)?;
    let bot = ctx.data();
    let now = bot.app.clock.now();
    let market = bot.app.market.view(now);
    let asked = Asked {
        pool,
        change_a,
        change_b,
        fees_apr,
        days: days.unwrap_or(DAYS),
    };
    let message = answer(&market, &asked, now)?;
    reply::send(app, message, shown_to(bot, &caller, private)).await
}

/// What was asked for, as it was written. Changes and rates are in percent.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    pub pool: Option<Name>,
    pub change_a: Option<f64>,
    pub change_b: Option<f64>,
    pub fees_apr: Option<f64>,
    pub days: u32,
}

/// Reckons and words it.
pub fn answer(market: &View, asked: &Asked, now: Timestamp) -> Result<Message, Trouble> {
    let moves = asked.change_a.is_some() || asked.change_b.is_some();
    match &asked.pool {
        Some(pool) if !moves => of_pool(market, pool, asked, now),
        None if moves => of_prices(asked),
        _ => Err(Trouble::LossUnclear),
    }
}

fn of_pool(market: &View, pool: &Name, asked: &Asked, now: Timestamp) -> Result<Message, Trouble> {
    let listing = lookup::pool(market, pool)?;
    let fees = match asked.fees_apr.and_then(Percent::new) {
        Some(apr) => Fees::Apr(apr),
        None => Fees::Apy(lookup::rate(market, listing)?),
    };
    let view = yield_::view(market, listing);
    Ok(render::impermanent::pool(&view, fees, asked.days, now))
}

fn of_prices(asked: &Asked) -> Result<Message, Trouble> {
    let change = |change: Option<f64>| {
        let change = Percent::new(change.unwrap_or_default());
        change.ok_or(Trouble::Loss(LossError::Ratio))
    };
    let (change_a, change_b) = (change(asked.change_a)?, change(asked.change_b)?);
    let ratio = PriceRatio::from_changes(change_a, change_b).map_err(Trouble::Loss)?;
    Ok(render::impermanent::moved(&Moved {
        change_a,
        change_b,
        ratio,
        fees_apr: asked.fees_apr.and_then(Percent::new),
        days: asked.days,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::verdict::Screen,
        market::{
            fixture::{after, hour, row},
            health::Health,
            snapshot::Snapshot,
        },
    };

    fn nothing() -> Asked {
        Asked {
            pool: None,
            change_a: None,
            change_b: None,
            fees_apr: None,
            days: 30,
        }
    }

    fn told(asked: &Asked) -> Result<String, Trouble> {
        let mut pair = row(1, 24.0);
        pair.pool.symbol = "USDC-WETH".into();
        pair.pool.multi_asset = true;
        let change = after(&Snapshot::default(), hour(0), vec![pair]);
        let health = Health::default();
        let market = View::new(change.snapshot.into(), &health, &Screen::default(), hour(1));
        answer(&market, asked, hour(1)).map(|message| message.to_discord().to_string())
    }

    #[test]
    fn a_pool_or_prices_are_asked_about_and_not_both() {
        let pool = Some(Name("usdc-weth".to_owned()));
        let of_pool = Asked { pool, ..nothing() };
        let words = told(&of_pool).unwrap();
        assert!(words.contains("×2: −5.72 %"), "{words}");
        let by_fees = Asked {
            fees_apr: Some(36.5),
            ..of_pool.clone()
        };
        let words = told(&by_fees).unwrap();
        assert!(words.contains("Fees of **36.50 %** a year"), "{words}");
        let doubled = Asked {
            change_a: Some(100.0),
            ..nothing()
        };
        let words = told(&doubled).unwrap();
        assert!(words.contains("ratio **×2** → **−5.72 %**"), "{words}");
        assert!(words.contains("**6.07 %**"), "{words}");
        for unclear in [
            nothing(),
            Asked {
                fees_apr: Some(5.0),
                ..nothing()
            },
            Asked {
                change_a: Some(1.0),
                ..of_pool
            },
        ] {
            assert_eq!(told(&unclear), Err(Trouble::LossUnclear));
        }
        let lost = Asked {
            change_b: Some(-100.0),
            ..nothing()
        };
        assert!(matches!(
            told(&lost),
            Err(Trouble::Loss(LossError::Change(_)))
        ));
    }
}
