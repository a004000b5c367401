//! `/portfolio remove`: forgets one position of the caller's.

use crate::{
    app::App,
    discord::{
        autocomplete,
        context::{Context, parts},
        errors::{CommandError, Trouble},
        params::Written,
    },
    domain::ids::{PositionId, UserId},
    render::{self, message::Message},
};

/// Forget one of your positions
#[poise::command(slash_command)]
pub(super) async fn remove(
    ctx: Context<'_>,
    #[description = "Which of your positions"]
    #[autocomplete = "autocomplete::position"]
    position: Written<PositionId>,
) -> Result<(), CommandError> {
    let (app, caller) = parts(ctx)?;
    let answer = answer(&ctx.data().app, caller.user, position.0);
    super::super::answer_alone(app, answer).await
}

async fn answer(app: &App, owner: UserId, id: PositionId) -> Result<Message, CommandError> {
    let removed = app
        .store
        .remove_position(owner, id)
        .await?
        .ok_or(Trouble::PositionUnknown)?;
    Ok(render::portfolio::removed(&removed))
}
