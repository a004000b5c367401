//! `/ledger summary`: what came in, summed up.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures::{StreamExt as _, stream};

use crate::{
    app::App,
    discord::{
        context::{Context, parts},
        errors::CommandError,
        params::OneOf,
    },
    domain::{
        currency::Exchange,
        ids::UserId,
        ledger::summary::{Asked, Basis, By, Summary, days_to_exchange},
        rate::Percent,
        time::Day,
    },
    render::{self, message::Message},
};

/// How long exchange rates of past days are waited for altogether.
const PATIENCE: Duration = Duration::from_secs(2);
/// Days that are asked for at once. What a source is not asked for now is asked for by the next summary.
const AT_ONCE: usize = 4;

/// What came in by year, month, kind or asset, and what to lay aside for tax
#[poise::command(slash_command)]
pub(super) async fn summary(
    ctx: Context<'_>,
    #[description = "Only of this year, by the calendar of your time zone"]
    #[min = 2009]
    #[max = 2100]
    year: Option<i32>,
    #[description = "What it is summed up by; by month when left out"] by: Option<OneOf<By>>,
    #[description = "When income counts; when it was received, when left out"] basis: Option<
        OneOf<Basis>,
    >,
    #[description = "What to lay aside for tax, in percent; else the rate of /portfolio settings"]
    #[min = 0]
    #[max = 99]
    tax_rate: Option<f64>,
) -> Result<(), CommandError> {
    let (app, caller) = parts(ctx)?;
    let wanted = Wanted {
        year,
        by: by.map(|by| by.0).unwrap_or_default(),
        basis: basis.map(|basis| basis.0).unwrap_or_default(),
        tax: tax_rate.and_then(Percent::new),
    };
    let answer = answer(&ctx.data().app, caller.user, wanted);
    super::super::answer_alone(app, answer).await
}

/// What is asked for, beside what the person has chosen.
struct Wanted {
    year: Option<i32>,
    by: By,
    basis: Basis,
    tax: Option<Percent>,
}

async fn answer(app: &App, owner: UserId, wanted: Wanted) -> Result<Message, CommandError> {
    let entries = app.store.entries(owner).await?;
    if entries.is_empty() {
        return Ok(render::ledger::empty());
    }
    let chosen = app.store.chosen(owner).await?;
    let tax = wanted.tax.or(chosen.tax);
    let asked = Asked {
        year: wanted.year,
        by: wanted.by,
        basis: wanted.basis,
        currency: chosen.currency,
        zone: chosen.zone,
        tax: tax.filter(|tax| tax.get() > 0.0),
    };
    let known = exchanges(app, days_to_exchange(&entries, &asked)).await;
    let exchange = |day| known.get(&day).map(|exchange: &Arc<Exchange>| &**exchange);
    Ok(render::ledger::summary(&Summary::of(
        &entries, asked, exchange,
    )))
}

/// What a dollar was on these days, as far as it can be had while somebody waits.
async fn exchanges(app: &App, days: Vec<Day>) -> BTreeMap<Day, Arc<Exchange>> {
    let now = app.clock.now();
    let mut known = BTreeMap::new();
    let ask = async |day: Day| (day, app.market.exchange_on(&app.store, day, now).await);
    let mut told = std::pin::pin!(stream::iter(days).map(ask).buffer_unordered(AT_ONCE));
    let gather = async {
        while let Some((day, exchange)) = told.next().await {
            known.extend(exchange.map(|exchange| (day, exchange)));
        }
    };
    // What comes later than this is kept all the same, for the next summary.
    drop(tokio::time::timeout(PATIENCE, gather).await);
    known
}
