//! `/portfolio export`: the caller's positions as a table.

use super::table;
use crate::{
    app::App,
    discord::{
        context::{Context, parts},
        errors::CommandError,
    },
    domain::ids::UserId,
    render::{
        self,
        message::{File, Message},
    },
};

/// Your positions as a file that a spreadsheet opens and /portfolio import takes
#[poise::command(slash_command)]
pub(super) async fn export(ctx: Context<'_>) -> Result<(), CommandError> {
    let (app, caller) = parts(ctx)?;
    let answer = answer(&ctx.data().app, caller.user);
    super::super::answer_alone(app, answer).await
}

async fn answer(app: &App, owner: UserId) -> Result<Message, CommandError> {
    let positions = app.store.positions(owner).await?;
    let mut message = Message::text(render::portfolio::exported(positions.len()));
    message.files.push(File {
        name: "positions.csv".to_owned(),
        bytes: table::write(&positions),
        description: String::new(),
    });
    Ok(message)
}
