//! `/plan list`: the goals that the caller keeps.

use crate::{
    discord::{
        commands::answer_alone,
        context::{Context, parts},
        errors::CommandError,
    },
    render,
};

/// The goals that you keep; your income is measured by the last of them
#[poise::command(slash_command)]
pub(super) async fn list(ctx: Context<'_>) -> Result<(), CommandError> {
    let (app, caller) = parts(ctx)?;
    let store = &ctx.data().app.store;
    answer_alone(app, async {
        let goals = store.goals(caller.user).await?;
        Ok(render::plan::goals::list(&goals))
    })
    .await
}
