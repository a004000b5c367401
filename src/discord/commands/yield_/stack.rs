//! `/yield stack`: layers of yield on top of each other, and loops around them.

use crate::{
    discord::{
        autocomplete,
        commands::shown_to,
        context::{Context, parts},
        errors::{CommandError, Trouble},
        lookup::{self, Layer},
        params::Name,
        reply,
    },
    domain::{
        rate::Percent,
        stack::{Loop, StackError, stacked},
        time::Timestamp,
    },
    market::{facts::Facts, view::View},
    render::{self, message::Message, stack::Looped},
};

/// Put yields on top of each other: what they come to, and what breaks them
#[poise::command(slash_command)]
#[expect(
    clippy::too_many_arguments,
    reason = "each is an option that Discord shows"
)]
pub(super) async fn stack(
    ctx: Context<'_>,
    #[description = "The lowest layer: a pool, or a rate in percent such as 3"]
    #[autocomplete = "autocomplete::layer"]
    base: Name,
    #[description = "What its receipt earns on top: a pool, or a rate such as 0.4"]
    #[autocomplete = "autocomplete::layer"]
    layer: Option<Name>,
    #[description = "One more layer: a pool, or a rate"]
    #[autocomplete = "autocomplete::layer"]
    layer2: Option<Name>,
    #[description = "Loan to value of each loop in percent; what the lending market lends when left out"]
    #[min = 1]
    #[max = 99]
    loop_ltv: Option<f64>,
    #[description = "How often the loan is deposited again"]
    #[min = 1]
    #[max = 20]
    loops: Option<u32>,
    #[description = "What borrowing costs, in percent a year"]
    #[min = 0]
    #[max = 1000]
    borrow_rate: Option<f64>,
    #[description = "Show the answer to you alone"] private: Option<bool>,
) -> Result<(), CommandError> {
    let (app, caller) = parts(ctx)?;
    let bot = ctx.data();
    let now = bot.app.clock.now();
    let market = bot.app.market.view(now);
    let asked = Asked {
        layers: [Some(base), layer, layer2].into_iter().flatten().collect(),
        loop_ltv,
        loops,
        borrow_rate,
        max_apy: bot.app.market.screen().max_apy,
    };
    let message = answer(&market, &bot.app.market.facts(), &asked, now)?;
    reply::send(app, message, shown_to(bot, &caller, private)).await
}

/// What was asked for, as it was written.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// From the bottom up.
    pub layers: Vec<Name>,
    /// Percent.
    pub loop_ltv: Option<f64>,
    pub loops: Option<u32>,
    /// Percent a year.
    pub borrow_rate: Option<f64>,
    /// Percent above which offers are screened out.
    pub max_apy: f64,
}

/// Reckons and words it. Where nobody says how much is lent, the lending market of the topmost layer does,
/// and for a single layer what borrowing costs as well: then what is owed is what is deposited. Above other
/// layers it would be a token that earns itself, and what is really borrowed nobody has said.
pub fn answer(
    market: &View,
    facts: &Facts,
    asked: &Asked,
    now: Timestamp,
) -> Result<Message, Trouble> {
    let layers = asked
        .layers
        .iter()
        .map(|name| layer(market, name))
        .collect::<Result<Vec<_>, _>>()?;
    let rates: Vec<Percent> = layers.iter().map(|layer| layer.rate).collect();
    let combined = stacked(&rates).map_err(Trouble::Stack)?;
    let top = layers.last().and_then(|layer| layer.pool);
    let lending = top.and_then(|top| facts.lending(top.pool.id, now));
    let lent = Lent {
        ltv: lending
            .and_then(|lending| lending.value.ltv)
            .filter(|ltv| (0.0..1.0).contains(ltv) && *ltv > 0.0),
        borrow: lending
            // What a market mints is another coin than what is deposited.
            .filter(|lending| layers.len() == 1 && lending.value.mints.is_none())
            .and_then(|lending| lending.value.borrow_apy()),
    };
    Ok(render::stack::stack(
        &render::stack::Stack {
            layers: &layers,
            combined,
            looped: looped(asked, combined, lent)?,
            max_apy: asked.max_apy,
            source: market.origin.source,
            fetched_at: market.answered_at,
        },
        now,
    ))
}

fn layer<'a>(market: &'a View, asked: &Name) -> Result<render::stack::Layer<'a>, Trouble> {
    Ok(match lookup::layer(market, asked)? {
        Layer::Rate(rate) => render::stack::Layer { rate, pool: None },
        Layer::Pool(listing) => render::stack::Layer {
            rate: lookup::rate(market, listing)?,
            pool: Some(super::view(market, listing)),
        },
    })
}

/// What a lending market says of a loop: a fraction of the deposit, and percent a year.
#[derive(Clone, Copy)]
struct Lent {
    ltv: Option<f64>,
    borrow: Option<Percent>,
}

fn looped(asked: &Asked, supply: Percent, lent: Lent) -> Result<Option<Looped>, Trouble> {
    let stated = asked.loop_ltv.map(|percent| percent / 100.0);
    let (ltv, loops) = match (stated.or(lent.ltv), asked.loops) {
        (Some(ltv), Some(loops)) => (ltv, loops),
        (_, None) if stated.is_none() && asked.borrow_rate.is_none() => return Ok(None),
        (_, None) if stated.is_none() => return Err(Trouble::NothingBorrowed),
        _ => return Err(Trouble::LoopHalf),
    };
    let looped = Loop::new(ltv, loops).map_err(Trouble::Stack)?;
    let stated = asked
        .borrow_rate
        .map(|rate| Percent::new(rate).ok_or(StackError::OutOfRange))
        .transpose()
        .map_err(Trouble::Stack)?;
    let borrowed = stated
        .or(lent.borrow)
        .map(|borrow| Ok((borrow, looped.net(supply, borrow)?)))
        .transpose()
        .map_err(Trouble::Stack)?;
    Ok(Some(Looped {
        looped,
        market_ltv: lent.ltv,
        borrowed,
        is_market_rate: stated.is_none() && lent.borrow.is_some(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{lending::LendingMarket, time::Span, verdict::Screen},
        market::{
            facts::Told,
            fixture::{after, hour, id, row},
            health::Health,
            snapshot::Snapshot,
        },
    };

    fn asked(layers: &[&str]) -> Asked {
        Asked {
            layers: layers.iter().map(|name| Name((*name).to_owned())).collect(),
            loop_ltv: None,
            loops: None,
            borrow_rate: None,
            max_apy: 100.0,
        }
    }

    fn told(asked: &Asked) -> Result<String, Trouble> {
        told_with(&Facts::default(), asked)
    }

    fn told_with(facts: &Facts, asked: &Asked) -> Result<String, Trouble> {
        let change = after(&Snapshot::default(), hour(0), vec![row(1, 3.0)]);
        let health = Health::default();
        let market = View::new(change.snapshot.into(), &health, &Screen::default(), hour(1));
        answer(&market, facts, asked, hour(1)).map(|message| message.to_discord().to_string())
    }

    #[test]
    fn a_pool_and_a_rate_are_reckoned_together() {
        let words = told(&asked(&["usdc aave", "0.4"])).unwrap();
        assert!(
            words.contains("**3.41 %** combined = 1.03 × 1.004 − 1"),
            "{words}"
        );
        let looped = Asked {
            loop_ltv: Some(80.0),
            loops: Some(3),
            borrow_rate: Some(3.0),
            ..asked(&["4"])
        };
        let words = told(&looped).unwrap();
        assert!(
            words.contains("2.952 × 4.00 − 1.952 × 3.00 = **5.95 %**"),
            "{words}"
        );
    }

    #[test]
    fn what_borrowing_costs_comes_from_the_lending_market_where_nobody_says() {
        let market = LendingMarket {
            pool: id(1),
            borrow_base: Percent::new(2.0),
            borrow_reward: None,
            supplied_usd: None,
            borrowed_usd: None,
            ltv: Some(0.75),
            mints: None,
        };
        let facts =
            Facts::default().with(Told::Loans(vec![market.clone()]), hour(0), Span::days(1));
        let looped = Asked {
            loop_ltv: Some(80.0),
            loops: Some(3),
            ..asked(&["usdc aave"])
        };
        let words = told_with(&facts, &looped).unwrap();
        let market_rate =
            "Borrowing at 2.00 % (what its lending market asks for its own token now):";
        assert!(words.contains(market_rate), "{words}");
        let stated = Asked {
            borrow_rate: Some(3.0),
            ..looped.clone()
        };
        let words = told_with(&facts, &stated).unwrap();
        assert!(words.contains("Borrowing at 3.00 %:"), "{words}");
        assert!(told(&looped).unwrap().contains("is not known here"));
        let by_market = Asked {
            loop_ltv: None,
            ..looped
        };
        let words = told_with(&facts, &by_market).unwrap();
        let lends = "Loan to value 75 %, the most that its lending market lends, 3 loops";
        assert!(words.contains(lends), "{words}");
        assert_eq!(told(&by_market), Err(Trouble::LoopHalf));
        let minting = LendingMarket {
            mints: Some("DAI".into()),
            ..market
        };
        let minting = Facts::default().with(Told::Loans(vec![minting]), hour(0), Span::days(1));
        let words = told_with(&minting, &by_market).unwrap();
        assert!(words.contains("is not known here"), "{words}");
        // What is owed above other layers nobody knows.
        let layered = Asked {
            layers: ["3", "usdc aave"]
                .map(|name| Name(name.to_owned()))
                .to_vec(),
            ..by_market
        };
        let words = told_with(&facts, &layered).unwrap();
        assert!(words.contains("Loan to value 75 %"), "{words}");
        assert!(words.contains("is not known here"), "{words}");
    }

    #[test]
    fn half_a_loop_is_asked_about() {
        let ltv = Asked {
            loop_ltv: Some(80.0),
            ..asked(&["4"])
        };
        assert_eq!(told(&ltv), Err(Trouble::LoopHalf));
        let loops = Asked {
            loops: Some(3),
            ..asked(&["4"])
        };
        assert_eq!(told(&loops), Err(Trouble::LoopHalf));
        let borrow = Asked {
            borrow_rate: Some(3.0),
            ..asked(&["4"])
        };
        assert_eq!(told(&borrow), Err(Trouble::NothingBorrowed));
        let deep = Asked {
            loop_ltv: Some(80.0),
            loops: Some(21),
            ..asked(&["4"])
        };
        assert_eq!(told(&deep), Err(Trouble::Stack(StackError::Loops(21))));
    }
}
