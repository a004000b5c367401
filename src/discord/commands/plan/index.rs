//! `/plan index`: a basket of today's market that stands for a kind of index.

use std::time::Duration;

use super::{Planned, ToldIn, currency, today};
use crate::{
    app::App,
    discord::{
        autocomplete,
        context::{Context, parts},
        errors::{CommandError, Trouble},
        params::{OneOf, Written},
        reply::{self, Visibility},
    },
    domain::{
        currency::Currency,
        income::Income,
        money::Sum,
        plan::{Goal, basket::Index},
        time::Timestamp,
    },
    market::view::View,
    render::{self, plan::basket::Rated},
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
    let (app, caller) = parts(ctx)?;
    let asked = Asked {
        index: kind.0,
        capital: capital.0,
        currency: super::told_in(ctx.data(), &caller, currency).await?,
    };
    let bot = ctx.data();
    reply::defer(app, Visibility::Private).await?;
    let planned = with_rated(&bot.app, &asked).await?;
    super::tell(app, bot, &caller, planned).await
}

/// What was asked for, as it was written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Asked {
    pub index: Index,
    pub capital: Sum,
    pub currency: ToldIn,
}

/// How long whoever asks waits for the rating agency.
const PATIENCE: Duration = Duration::from_secs(4);

async fn with_rated(app: &App, asked: &Asked) -> Result<Planned, CommandError> {
    let now = app.clock.now();
    let read = app.indices.best(now, PATIENCE).await;
    let rated = match &read {
        Some(read) => Rated::Known {
            indices: &read.indices,
            read_at: read.at,
        },
        None if app.indices.can_ask() => Rated::NotKnown,
        None => Rated::NotAsked,
    };
    Ok(answer(&app.market.view(now), asked, rated, now)?)
}

/// Composes and words it.
pub fn answer(
    market: &View,
    asked: &Asked,
    rated: Rated<'_>,
    now: Timestamp,
) -> Result<Planned, Trouble> {
    let basket = market.basket(asked.index);
    let capital = asked.capital.amount.get();
    let currency = currency([asked.capital], asked.currency)?;
    let told = render::plan::basket::Told {
        index: asked.index,
        capital,
        currency,
        basket: basket.as_ref(),
        rated,
    };
    let income = basket
        .as_ref()
        .and_then(|basket| Income::of(capital, basket.rate));
    Ok(Planned {
        message: render::plan::basket::basket(&told, &today(market, now)),
        goal: income.map(|income| Goal::of(income, currency, capital)),
    })
}
