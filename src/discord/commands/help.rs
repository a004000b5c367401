//! `/help`: what there is, what the words mean, and what to expect.

use crate::{
    discord::{
        context::{Context, parts},
        errors::CommandError,
        reply::{self, Visibility},
    },
    render,
};

/// What I can do, what my words mean, and what I cannot do
#[poise::command(
    slash_command,
    install_context = "Guild|User",
    interaction_context = "Guild|BotDm|PrivateChannel"
)]
pub(super) async fn help(ctx: Context<'_>) -> Result<(), CommandError> {
    let (app, _) = parts(ctx)?;
    let contact = ctx.data().app.config.discord.contact.trim();
    let contact = (!contact.is_empty()).then_some(contact);
    reply::send(app, render::help::help(contact), Visibility::Private).await
}
