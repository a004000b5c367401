//! `/plan index`: a basket of today's market that stands for a kind of index.

use std::time::Duration;

use super::{ToldIn, currency, today};
use crate::{
    app::App,
    discord::{
        autocomplete,
        context::{Context, parts},
        errors::{CommandError, Trouble},
        params::{OneOf, Written},
    },
    domain::{currency::Currency, money::Sum, plan::basket::Index, time::Timestamp},
    market::view::View,
    render::{self, message::Message, plan::basket::Rated},
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
    let answer = with_rated(&ctx.data().app, &asked);
    super::super::answer_alone(app, answer).await
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

async fn with_rated(app: &App, asked: &Asked) -> Result<Message, CommandError> {
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
) -> Result<Message, Trouble> {
    let basket = market.basket(asked.index);
    let told = render::plan::basket::Told {
        index: asked.index,
        capital: asked.capital.amount.get(),
        currency: currency([asked.capital], asked.currency)?,
        basket: basket.as_ref(),
        rated,
    };
    Ok(render::plan::basket::basket(&told, &today(market, now)))
}
