//! `/operator`: what whoever runs the bot wants to see. For the people whom the configuration names.

use crate::{
    app::App,
    delivery::pacing::{Brake, Cause},
    discord::{
        commands::fate,
        context::{Context, parts},
        errors::CommandError,
    },
    render::{
        self,
        fate::{Line, Sending},
        message::Message,
    },
};

/// So many of the oldest notices are shown.
const OLDEST: u32 = 20;

/// How the bot itself is doing, for whoever runs it
#[poise::command(
    slash_command,
    subcommand_required,
    default_member_permissions = "ADMINISTRATOR",
    subcommands("queue")
)]
#[expect(
    clippy::unused_async,
    reason = "a command is an async function, and this one only groups others"
)]
pub(super) async fn operator(_: Context<'_>) -> Result<(), CommandError> {
    Ok(())
}

/// What waits to be told over all servers, and what holds it up
#[poise::command(slash_command)]
async fn queue(ctx: Context<'_>) -> Result<(), CommandError> {
    let (app, _) = parts(ctx)?;
    let answer = answer(&ctx.data().app);
    super::answer_alone(app, answer).await
}

async fn answer(app: &App) -> Result<Message, CommandError> {
    let counts = app.store.outbox_counts().await?;
    let counts: Vec<(&str, u64)> = counts
        .into_iter()
        .map(|(state, count)| (state.slug(), count))
        .collect();
    let told = app.store.queue(OLDEST).await?;
    let market = app.market.snapshot();
    let lines: Vec<Line<'_>> = told.iter().map(|one| fate::line(one, &market)).collect();
    let condition = app.delivery.condition();
    let sending = Sending {
        paused: condition.paused,
        probing: condition.probing.map(|cause| match cause {
            Cause::Outage => "Discord failed half of the latest requests",
            Cause::Ban => "Discord had told everybody to stay away",
        }),
        invalid: condition.invalid,
        held: match condition.brake {
            Brake::Off => None,
            Brake::Soft => Some("what can wait is held back"),
            Brake::Hard => Some("only channels that took messages before are written to"),
        },
    };
    Ok(render::fate::queue(&counts, sending, &lines))
}
