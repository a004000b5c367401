//! `/portfolio risk`: what the whole depends on, and what is left of it when that fails.

use crate::{
    app::App,
    discord::{
        context::{Context, parts},
        errors::CommandError,
    },
    domain::{
        drift::drift,
        exposure::{checks, common, present, spreads, stresses},
        ids::UserId,
    },
    render::{self, exposure::Shown, message::Message},
};

/// What all of it depends on, and what would be left if that failed
#[poise::command(slash_command)]
pub(super) async fn risk(ctx: Context<'_>) -> Result<(), CommandError> {
    let (app, caller) = parts(ctx)?;
    let answer = answer(&ctx.data().app, caller.user);
    super::super::answer_alone(app, answer).await
}

async fn answer(app: &App, owner: UserId) -> Result<Message, CommandError> {
    let now = app.clock.now();
    let chosen = app.store.chosen(owner).await?;
    let positions = app.store.positions(owner).await?;
    if positions.is_empty() {
        return Ok(render::portfolio::empty());
    }
    let market = app.market.view(now);
    let portfolio = app.market.valued(&app.store, &market, positions, now).await;
    let held = super::held(&market, &portfolio);
    let unvalued = portfolio
        .lines
        .iter()
        .filter(|line| line.value_usd.is_none());
    Ok(render::exposure::risk(&Shown {
        positions: held.len(),
        unvalued: unvalued.count(),
        present: present(&held),
        checks: &checks(&held),
        stresses: &stresses(&held),
        spreads: &spreads(&held),
        common: &common(&held),
        drift: &chosen
            .target
            .map(|target| drift(&held, target))
            .unwrap_or_default(),
        rates: super::rates(&market),
        reckoning: super::reckoning(app, &chosen),
        now,
    }))
}
