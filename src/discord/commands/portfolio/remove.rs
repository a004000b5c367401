//! `/portfolio remove`: forgets one position of the caller's.

use crate::{
    app::App,
    discord::{
        autocomplete,
        context::Context,
        errors::{CommandError, Trouble},
        params::{Number, Written},
        reply::{self, Visibility},
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
    position: Written<Number>,
) -> Result<(), CommandError> {
    let (app, caller) = super::super::begin_private(ctx).await?;
    let id = PositionId(position.0.0);
    let message = answer(&ctx.data().app, caller.user, id).await?;
    reply::send(app, message, Visibility::Private).await
}

async fn answer(app: &App, owner: UserId, id: PositionId) -> Result<Message, CommandError> {
    let removed = app
        .store
        .remove_position(owner, id)
        .await?
        .ok_or(Trouble::PositionUnknown)?;
    let market = app.market.snapshot();
    let pool = market.get(removed.stake.pool).map(|listing| &*listing.pool);
    Ok(render::portfolio::removed(&removed, pool))
}
