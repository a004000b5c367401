//! `/plan delete`: forgets a goal of the caller's.

use crate::{
    app::App,
    discord::{
        autocomplete,
        commands::answer_alone,
        context::{Context, parts},
        errors::{CommandError, Trouble},
        params::Written,
    },
    domain::ids::{GoalId, UserId},
    render::{self, message::Message},
};

/// Forget one of your goals
#[poise::command(slash_command)]
pub(super) async fn delete(
    ctx: Context<'_>,
    #[description = "Which of your goals"]
    #[autocomplete = "autocomplete::goal"]
    goal: Written<GoalId>,
) -> Result<(), CommandError> {
    let (app, caller) = parts(ctx)?;
    answer_alone(app, answer(&ctx.data().app, caller.user, goal.0)).await
}

async fn answer(app: &App, owner: UserId, id: GoalId) -> Result<Message, CommandError> {
    let removed = app.store.remove_goal(owner, id).await?;
    let removed = removed.ok_or(Trouble::GoalUnknown)?;
    Ok(render::plan::goals::removed(&removed.goal))
}
