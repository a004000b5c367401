//! `/portfolio calendar`: when positions pay out and their locks end.

use chrono::Months;

use crate::{
    app::App,
    discord::{
        context::{Context, parts},
        errors::CommandError,
    },
    domain::{calendar::events, ids::UserId, income::Line, position::Earns, time::Day},
    market::view::View,
    render::{
        self,
        calendar::{Bound, Shown},
        message::Message,
    },
};

pub(in crate::discord::commands) const USUAL_MONTHS: u32 = 3;

/// When your positions pay out and their locks end
#[poise::command(slash_command)]
pub(super) async fn calendar(
    ctx: Context<'_>,
    #[description = "Months ahead, 1 to 24; 3 when left out"]
    #[min = 1]
    #[max = 24]
    months: Option<u32>,
    #[description = "Also as a file for your calendar (.ics)"] ics: Option<bool>,
) -> Result<(), CommandError> {
    let (app, caller) = parts(ctx)?;
    let months = months.unwrap_or(USUAL_MONTHS).clamp(1, 24);
    let as_file = ics.unwrap_or(false);
    let answer = answer(&ctx.data().app, caller.user, months, as_file);
    super::super::answer_alone(app, answer).await
}

pub(in crate::discord::commands) async fn answer(
    app: &App,
    owner: UserId,
    months: u32,
    as_file: bool,
) -> Result<Message, CommandError> {
    let now = app.clock.now();
    let chosen = app.store.chosen(owner).await?;
    let positions = app.store.positions(owner).await?;
    if positions.is_empty() {
        return Ok(render::portfolio::empty());
    }
    let market = app.market.view(now);
    let portfolio = app.market.valued(&app.store, &market, positions, now).await;
    let today = chosen.zone.day(now);
    let last = today.date().checked_add_months(Months::new(months));
    let bound: Vec<_> = portfolio
        .lines
        .iter()
        .filter_map(|line| Some((line, bound(line, &market)?)))
        .collect();
    let shown = Shown {
        events: &events(&portfolio, today, last.map_or(today, Day::of)),
        bound: &bound,
        months,
        rates: super::rates(&market),
        reckoning: super::reckoning(app, &chosen),
        now,
    };
    Ok(render::calendar::calendar(&shown, as_file))
}

/// How long it takes to get a position out, where somebody says so.
fn bound<'a>(line: &Line, market: &'a View) -> Option<Bound<'a>> {
    match line.position.stake.base()? {
        Earns::Network { network, .. } => Some(Bound::Network(network.unlock())),
        Earns::Pool { id, .. } => market.followed(*id)?.pool.lock_up().map(Bound::Pool),
        Earns::Index { .. } | Earns::Stated { .. } => None,
    }
}
