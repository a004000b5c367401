//! `/watch better`: to be written to when something that the caller holds would earn more elsewhere.

use super::super::consent::{Wish, keep_or_ask};
use crate::{
    discord::{
        commands::answer_alone,
        context::{Bot, Caller, Context, parts},
        errors::{CommandError, Trouble},
        params::Written,
    },
    domain::{
        money::Sum,
        time::Span,
        watch::{Watch, What},
    },
    render::message::Message,
};

/// Be written to when what you hold would earn more elsewhere, at no more risk
#[poise::command(slash_command)]
pub(super) async fn better(
    ctx: Context<'_>,
    #[description = "The least gain in a year that is worth a message, such as 50; any when left out"]
    min_gain: Option<Written<Sum>>,
    #[description = "How long it has to stay so first; 2h when left out, or what the operator set"]
    hold: Option<Written<Span>>,
) -> Result<(), CommandError> {
    let (app, caller) = parts(ctx)?;
    let (gain, hold) = (min_gain.map(|sum| sum.0), hold.map(|hold| hold.0));
    answer_alone(app, answer(ctx.data(), &caller, gain, hold)).await
}

async fn answer(
    bot: &Bot,
    caller: &Caller,
    min_gain: Option<Sum>,
    hold: Option<Span>,
) -> Result<Message, CommandError> {
    let app = &bot.app;
    let now = app.clock.now();
    let least = match min_gain {
        None => None,
        Some(sum) => {
            let chosen = app.store.chosen(caller.user).await?;
            let money = sum.or_in(chosen.currency);
            let exchange = app.market.exchange(now).unwrap_or_default();
            let usd = exchange.to_usd(money.amount.get(), money.currency);
            usd.ok_or(Trouble::ExchangeUnknown(money.currency))?;
            Some(money)
        }
    };
    let timing = super::add::timing(app, hold)?;
    let watch = Watch::new(What::Better { least }, timing, now);
    keep_or_ask(bot, caller.user, Wish::Watch(Box::new(watch))).await
}
