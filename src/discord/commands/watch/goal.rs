//! `/watch goal`: to be written to when the income is under the goal.

use super::super::consent::{Wish, keep_or_ask};
use crate::{
    discord::{
        commands::answer_alone,
        context::{Bot, Caller, Context, parts},
        errors::{CommandError, Trouble},
        params::Written,
    },
    domain::{
        time::Span,
        watch::{Watch, What},
    },
    render::message::Message,
};

/// Be written to when your income is under the goal that you keep, and when it reaches it again
#[poise::command(slash_command)]
pub(super) async fn goal(
    ctx: Context<'_>,
    #[description = "How long it has to stay under it first; 2h when left out, or what the operator set"]
    hold: Option<Written<Span>>,
) -> Result<(), CommandError> {
    let (app, caller) = parts(ctx)?;
    let answer = answer(ctx.data(), &caller, hold.map(|hold| hold.0));
    answer_alone(app, answer).await
}

async fn answer(bot: &Bot, caller: &Caller, hold: Option<Span>) -> Result<Message, CommandError> {
    if bot.app.store.goals(caller.user).await?.is_empty() {
        return Err(Trouble::NoGoal.into());
    }
    let timing = super::add::timing(&bot.app, hold)?;
    let watch = Watch::new(What::Goal, timing, bot.app.clock.now());
    keep_or_ask(bot, caller.user, Wish::Watch(Box::new(watch))).await
}
