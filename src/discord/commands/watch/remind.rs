//! `/watch remind`: to be reminded of a review, or of pay-outs that are not logged.

use super::super::consent::{Wish, keep_or_ask};
use crate::{
    discord::{
        commands::answer_alone,
        context::{Bot, Caller, Context, parts},
        errors::CommandError,
        params::{Choice, OneOf},
    },
    domain::{
        episode::Timing,
        watch::{Watch, What},
    },
    render::message::Message,
};

/// What is reminded of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Duty {
    Review,
    Payouts,
}

impl Choice for Duty {
    fn offered() -> Vec<(&'static str, &'static str, Self)> {
        vec![
            ("a review of what I hold", "review", Self::Review),
            ("pay-outs that I have not logged", "payouts", Self::Payouts),
        ]
    }
}

/// A quarter, and a month.
const REVIEW_DAYS: u16 = 91;
const PAYOUT_DAYS: u16 = 30;

/// Be reminded of a review of what you hold, or of pay-outs that are not in your ledger
#[poise::command(slash_command)]
pub(super) async fn remind(
    ctx: Context<'_>,
    #[description = "Of what"] of: OneOf<Duty>,
    #[description = "Days after the last review, or between reminders; 91, or 30 for pay-outs"]
    #[min = 7]
    #[max = 366]
    every: Option<u16>,
) -> Result<(), CommandError> {
    let (app, caller) = parts(ctx)?;
    answer_alone(app, answer(ctx.data(), &caller, of.0, every)).await
}

async fn answer(
    bot: &Bot,
    caller: &Caller,
    of: Duty,
    every: Option<u16>,
) -> Result<Message, CommandError> {
    let what = match of {
        Duty::Review => What::Review {
            days: every.unwrap_or(REVIEW_DAYS),
        },
        Duty::Payouts => What::Payouts {
            days: every.unwrap_or(PAYOUT_DAYS),
        },
    };
    let watch = Watch::new(what, Timing::AT_ONCE, bot.app.clock.now());
    keep_or_ask(bot, caller.user, Wish::Watch(Box::new(watch))).await
}
