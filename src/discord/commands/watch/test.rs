//! `/watch test`: a message to the caller by the same way as any other, and what became of it.

use crate::{
    discord::{
        commands::answer_alone,
        context::{Context, parts},
        errors::{CommandError, Trouble},
    },
    render,
};

/// Be written to now, to see whether messages reach you
#[poise::command(slash_command)]
pub(super) async fn test(ctx: Context<'_>) -> Result<(), CommandError> {
    let (app, caller) = parts(ctx)?;
    let data = &ctx.data().app;
    answer_alone(app, async {
        if data.store.watches(caller.user).await?.is_empty() {
            return Err(Trouble::NoWatches.into());
        }
        let (direct, link) = super::greet(data, caller.user, caller.interaction).await?;
        Ok(render::watch::tested(direct, link))
    })
    .await
}
