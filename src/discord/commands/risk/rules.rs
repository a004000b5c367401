//! `/risk rules`: what decides a verdict and each check.

use crate::{
    discord::{
        commands::shown_to,
        context::{Context, parts},
        errors::CommandError,
        reply,
    },
    domain::verdict::durability::Durability,
    render,
};

/// What decides a verdict and each check of risk
#[poise::command(slash_command)]
pub(super) async fn rules(
    ctx: Context<'_>,
    #[description = "Show the answer to you alone"] private: Option<bool>,
) -> Result<(), CommandError> {
    let (app, caller) = parts(ctx)?;
    let bot = ctx.data();
    let learnt_from = &Durability::shipped().learnt_from;
    let message = render::risk::rules(bot.app.market.screen(), learnt_from);
    reply::send(app, message, shown_to(bot, &caller, private)).await
}
