//! `/portfolio view`: what all positions are worth and earn at today's rates.

use crate::{
    app::App,
    discord::{
        context::{Context, parts},
        errors::CommandError,
    },
    domain::ids::UserId,
    render::{self, message::Message},
};

/// What your positions are worth and earn at today's rates
#[poise::command(slash_command)]
pub(super) async fn view(ctx: Context<'_>) -> Result<(), CommandError> {
    let (app, caller) = parts(ctx)?;
    let answer = answer(&ctx.data().app, caller.user);
    super::super::answer_alone(app, answer).await
}

async fn answer(app: &App, owner: UserId) -> Result<Message, CommandError> {
    let positions = app.store.positions(owner).await?;
    let market = app.market.view(app.clock.now());
    let portfolio = super::valued(app, &market, positions).await;
    let lines: Vec<_> = portfolio
        .lines
        .iter()
        .map(|line| super::named(&market, line))
        .collect();
    let rates = super::rates(&market);
    Ok(render::portfolio::view(
        &portfolio,
        &lines,
        &rates,
        app.clock.now(),
    ))
}
