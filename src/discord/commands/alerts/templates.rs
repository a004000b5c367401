//! `/alerts templates`: sets of alerts to begin with, previewed before they are set.

use poise::serenity_prelude as serenity;

use super::{
    add::{Place, Request, Wanted, check_place, check_room, offer},
    preview,
};
use crate::{
    alerting::templates::Template,
    discord::{
        commands::Application,
        context::{Bot, Caller, Context, parts, takes_notices},
        errors::CommandError,
        params::OneOf,
    },
    domain::ids::ChannelId,
    render::{self, message::Message},
};

/// Take over a set of alerts, after a look at what they would have said
#[poise::command(slash_command, guild_only)]
pub(super) async fn templates(
    ctx: Context<'_>,
    #[description = "Which set"] name: OneOf<Template>,
    #[description = "Channel to tell; this one when left out"]
    #[channel_types("Text", "News", "PublicThread", "PrivateThread", "NewsThread")]
    channel: Option<serenity::PartialChannel>,
) -> Result<(), CommandError> {
    let (app, caller) = parts(ctx)?;
    let place = place(&caller, channel.as_ref());
    let answer = Box::pin(answer(ctx.data(), app, caller, place, name.0));
    super::answer_with_news(app, answer).await
}

/// The channel that was named, or the one of the call.
pub(in crate::discord::commands) fn place(
    caller: &Caller,
    channel: Option<&serenity::PartialChannel>,
) -> Place {
    match channel {
        Some(channel) => Place {
            channel: ChannelId(channel.id.get()),
            takes_notices: takes_notices(channel.kind),
        },
        None => Place {
            channel: caller.channel,
            takes_notices: caller.takes_notices,
        },
    }
}

async fn answer(
    bot: &Bot,
    ctx: Application<'_>,
    caller: Caller,
    place: Place,
    template: Template,
) -> Result<Message, CommandError> {
    let wanted = wanted(template, place);
    let head = format!("**{}**", template.words());
    previews(bot, ctx, Request { caller, wanted }, &head).await
}

/// The alerts of a template for a channel.
pub(in crate::discord::commands) fn wanted(template: Template, place: Place) -> Vec<Wanted> {
    let alerts = template.alerts().into_iter();
    alerts
        .map(|named| Wanted {
            rule: named.rule,
            manner: named.manner,
            place,
        })
        .collect()
}

/// Shows what several alerts would have said, and keeps them until their maker sets them.
pub(in crate::discord::commands) async fn previews(
    bot: &Bot,
    ctx: Application<'_>,
    request: Request,
    head: &str,
) -> Result<Message, CommandError> {
    check_room(&bot.app, request.caller.server()?, request.wanted.len()).await?;
    let mut budget = preview::Budget::default();
    let mut previews = Vec::with_capacity(request.wanted.len());
    for wanted in &request.wanted {
        check_place(&request.caller, wanted.place)?;
        let preview = preview::of(
            &bot.app,
            ctx,
            &wanted.rule,
            preview::USUAL_DAYS,
            &mut budget,
        )
        .await?;
        previews.push((wanted.rule.clone(), wanted.place.channel, preview));
    }
    let buttons = offer(bot, request);
    Ok(render::preview::drafts(head, &previews, buttons))
}
