//! `/watch list`: what is watched for the caller, and how it stands.

use crate::{
    alerting::watching::Needs,
    app::App,
    discord::{
        commands::{answer_alone, portfolio},
        context::{Context, parts},
        errors::CommandError,
    },
    domain::ids::UserId,
    render::{self, message::Message},
};

/// What is watched for you, how it stands, and whether you can be written to
#[poise::command(slash_command)]
pub(super) async fn list(ctx: Context<'_>) -> Result<(), CommandError> {
    let (app, caller) = parts(ctx)?;
    answer_alone(app, answer(&ctx.data().app, caller.user)).await
}

async fn answer(app: &App, owner: UserId) -> Result<Message, CommandError> {
    let now = app.clock.now();
    let watches = app.store.watches(owner).await?;
    let view = app.market.view(now);
    let needs = Needs::of(watches.iter().map(|kept| &kept.watch));
    let sight = super::sight(app, &view, owner, needs, now).await?;
    let shown: Vec<_> = watches
        .iter()
        .map(|kept| super::shown(&view, &sight, kept))
        .collect();
    let direct = super::direct(app, owner).await?;
    let rates = portfolio::rates(&view);
    Ok(render::watch::list(&shown, direct, &rates, now))
}
