//! `/setup`: from nothing to a first previewed alert.

use poise::serenity_prelude as serenity;

use super::{
    alerts::{
        add::{Place, Request, check_place, refused},
        channels, templates,
    },
    config,
};
use crate::{
    alerting::templates::Template,
    discord::{
        autocomplete,
        commands::Application,
        context::{Bot, Caller, Context, parts},
        errors::CommandError,
        params::{Name, OneOf},
    },
    domain::{manner::Digest, zone::Zone},
    render::{self, message::Message},
};

/// From nothing to a first alert: rights, channel, time zone, a weekly report, and a set of alerts
#[poise::command(slash_command, guild_only, default_member_permissions = "MANAGE_GUILD")]
pub(super) async fn setup(
    ctx: Context<'_>,
    #[description = "Channel to tell; this one when left out"]
    #[channel_types("Text", "News", "PublicThread", "PrivateThread", "NewsThread")]
    channel: Option<serenity::PartialChannel>,
    #[description = "Your time zone, such as Europe/Berlin; UTC when left out"]
    #[autocomplete = "autocomplete::zone"]
    time_zone: Option<Name>,
    #[description = "What to begin with; stablecoins that are lent out when left out"]
    template: Option<OneOf<Template>>,
    #[description = "A weekly report, also when nothing happened; yes when left out"]
    weekly_report: Option<bool>,
) -> Result<(), CommandError> {
    let (app, caller) = parts(ctx)?;
    let place = templates::place(&caller, channel.as_ref());
    let wishes = Wishes {
        place,
        zone: time_zone.as_ref().map(config::zone).transpose()?,
        template: template.map_or(Template::StablecoinLending, |template| template.0),
        weekly_report: weekly_report.unwrap_or(true),
    };
    let answer = Box::pin(answer(ctx.data(), app, caller, wishes));
    super::alerts::answer_with_news(app, answer).await
}

/// What a server begins with.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Wishes {
    place: Place,
    zone: Option<Zone>,
    template: Template,
    weekly_report: bool,
}

/// The rights come first: without them nothing of the rest would be of any use.
async fn answer(
    bot: &Bot,
    ctx: Application<'_>,
    caller: Caller,
    wishes: Wishes,
) -> Result<Message, CommandError> {
    let app = &bot.app;
    let guild = caller.server()?;
    check_place(&caller, wishes.place)?;
    let channel = wishes.place.channel;
    let prepared = app
        .delivery
        .prepare(channel, guild)
        .await
        .map_err(refused)?;
    let mut steps = vec![render::setup::channel_ready(channel)];
    steps.extend(prepared.caution().map(str::to_owned));
    if let Some(zone) = wishes.zone {
        let deed = caller.did(app.clock.now(), format!("chose: time zone {zone}"))?;
        config::choose(app, &deed, |settings| settings.zone = zone).await?;
    }
    steps.push(render::setup::zone(app.alerting.server(guild).zone));
    if wishes.weekly_report {
        let at = app.alerting.server(guild).digest_at;
        let cadence = Some(Digest::Weekly.cadence(at));
        let told = channels::digested(app, &caller, wishes.place, cadence).await?;
        steps.push(format!("✅ {}", told.content));
    }
    steps.push(render::setup::last_step(wishes.template.words()));
    let wanted = templates::wanted(wishes.template, wishes.place);
    let head = steps.join("\n");
    templates::previews(bot, ctx, Request { caller, wanted }, &head).await
}
