//! `/plan index`: a basket of today's market that stands for a kind of index.

use super::{currency, today};
use crate::{
    discord::{
        autocomplete,
        context::{Context, parts},
        errors::{CommandError, Trouble},
        params::{OneOf, Written},
        reply::{self, Visibility},
    },
    domain::{currency::Currency, money::Sum, plan::basket::Index, time::Timestamp},
    market::view::View,
    render::{self, message::Message},
};

/// What an index of a kind would hold and pay today, composed of the market
#[poise::command(slash_command)]
pub(super) async fn index(
    ctx: Context<'_>,
    #[description = "Which kind of index"] kind: OneOf<Index>,
    #[description = "Capital, such as 250k or €250k"] capital: Written<Sum>,
    #[description = "Currency, where none is written with the capital"]
    #[autocomplete = "autocomplete::currency"]
    currency: Option<Written<Currency>>,
) -> Result<(), CommandError> {
    let (app, _) = parts(ctx)?;
    let bot = ctx.data();
    let now = bot.app.clock.now();
    let asked = Asked {
        index: kind.0,
        capital: capital.0,
        currency: currency.map(|currency| currency.0),
    };
    let message = answer(&bot.app.market.view(now), &asked, now)?;
    reply::send(app, message, Visibility::Private).await
}

/// What was asked for, as it was written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Asked {
    pub index: Index,
    pub capital: Sum,
    pub currency: Option<Currency>,
}

/// Composes and words it.
pub fn answer(market: &View, asked: &Asked, now: Timestamp) -> Result<Message, Trouble> {
    let basket = market.basket(asked.index);
    let told = render::plan::basket::Told {
        index: asked.index,
        capital: asked.capital.amount.get(),
        currency: currency([asked.capital], asked.currency)?,
        basket: basket.as_ref(),
    };
    Ok(render::plan::basket::basket(&told, &today(market, now)))
}
