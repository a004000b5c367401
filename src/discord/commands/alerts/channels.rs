//! `/alerts move`, `/alerts quiet` and `/alerts digest`: where and when a server is spoken to.

use poise::serenity_prelude as serenity;

use super::{add::refused, templates::place};
use crate::{
    app::App,
    discord::{
        commands::config,
        context::{Caller, Context, parts},
        errors::{CommandError, Trouble},
        params::{Every, OneOf, Written},
    },
    domain::{
        ids::{AlertId, ChannelId, Home},
        manner::{MORNING, ServerSettings},
        zone::{Cadence, Days, QuietHours, TimeOfDay, Weekday},
    },
    render::{self, message::Message},
};

use super::add::{Place, check_place};

/// Let the alerts of one channel speak in another, from where they stand
#[poise::command(slash_command, guild_only, rename = "move")]
pub(super) async fn move_(
    ctx: Context<'_>,
    #[description = "The channel that they speak in"]
    #[channel_types("Text", "News", "PublicThread", "PrivateThread", "NewsThread")]
    from: serenity::PartialChannel,
    #[description = "The channel that they shall speak in"]
    #[channel_types("Text", "News", "PublicThread", "PrivateThread", "NewsThread")]
    to: serenity::PartialChannel,
) -> Result<(), CommandError> {
    let (app, caller) = parts(ctx)?;
    let from = ChannelId(from.id.get());
    let to = place(&caller, Some(&to));
    let answer = Box::pin(moved(&ctx.data().app, &caller, from, to));
    super::answer_with_news(app, answer).await
}

async fn moved(
    app: &App,
    caller: &Caller,
    from: ChannelId,
    to: Place,
) -> Result<Message, CommandError> {
    let guild = caller.server()?;
    check_place(caller, to)?;
    let alerts: Vec<AlertId> = app
        .store
        .alerts_of(guild)
        .await?
        .iter()
        .filter(|alert| alert.channel == from)
        .map(|alert| alert.id)
        .collect();
    let old = app.store.destination_for(from).await?;
    let Some(old) = old.filter(|old| old.home == Home::Server(guild) && !alerts.is_empty()) else {
        return Err(Trouble::NoAlertsIn(from).into());
    };
    let prepared = app
        .delivery
        .prepare(to.channel, guild)
        .await
        .map_err(refused)?;
    let words = format!(
        "moved {} alerts from <#{from}> to <#{}>",
        alerts.len(),
        to.channel
    );
    let deed = caller.did(app.clock.now(), words)?;
    let to_place = (to.channel, prepared.destination);
    app.alerting
        .move_to(&app.store, old.id, &alerts, to_place, &deed)
        .await?;
    app.delivery.poke();
    Ok(render::alerts::moved(alerts.len(), from, to.channel))
}

/// Hours of the night in which nothing is said that can wait; one list comes after them
#[poise::command(slash_command, guild_only)]
pub(super) async fn quiet(
    ctx: Context<'_>,
    #[description = "From when, by the server's clock, such as 22:00"] from: Option<
        Written<TimeOfDay>,
    >,
    #[description = "Until when, such as 07:00"] to: Option<Written<TimeOfDay>>,
    #[description = "On which days they begin; all when left out"] days: Option<OneOf<Days>>,
    #[description = "Say what may cost money all the same; yes when left out"] critical: Option<
        bool,
    >,
    #[description = "No quiet hours any more"] off: Option<bool>,
) -> Result<(), CommandError> {
    let (app, caller) = parts(ctx)?;
    let days = days.map_or(Days::All, |days| days.0);
    let asked = match (from, to, off.unwrap_or(false)) {
        (_, _, true) => Asked::Off,
        (Some(from), Some(to), false) => {
            Asked::Hours(QuietHours::new(from.0, to.0, days).map_err(|_| Trouble::QuietHoursEmpty)?)
        }
        (None, None, false) => Asked::Nothing,
        _ => return Err(Trouble::QuietHoursHalf.into()),
    };
    let answer = quieted(&ctx.data().app, &caller, asked, critical);
    super::answer_with_news(app, answer).await
}

/// What is asked of the quiet hours.
#[derive(Clone, Copy)]
enum Asked {
    Nothing,
    Off,
    Hours(QuietHours),
}

async fn quieted(
    app: &App,
    caller: &Caller,
    asked: Asked,
    critical: Option<bool>,
) -> Result<Message, CommandError> {
    let guild = caller.server()?;
    let change = |settings: &mut ServerSettings| {
        match asked {
            Asked::Nothing => {}
            Asked::Off => settings.quiet = None,
            Asked::Hours(hours) => settings.quiet = Some(hours),
        }
        settings.critical_in_quiet = critical.unwrap_or(settings.critical_in_quiet);
    };
    let before = app.alerting.server(guild);
    let mut settings = before;
    change(&mut settings);
    if settings != before {
        let hours = match settings.quiet {
            Some(hours) => format!("chose: quiet hours from {hours}"),
            None => "chose: no quiet hours".to_owned(),
        };
        let passes = if settings.critical_in_quiet {
            "but for what may cost money"
        } else {
            "for everything"
        };
        let deed = caller.did(app.clock.now(), format!("{hours}, {passes}"))?;
        settings = config::choose(app, &deed, change).await?;
    }
    Ok(render::server::quiet(&settings))
}

/// A report of a channel's pools at set times, also when nothing has happened
#[poise::command(slash_command, guild_only)]
pub(super) async fn digest(
    ctx: Context<'_>,
    #[description = "How often"] every: OneOf<Every>,
    #[description = "When, by the server's clock; 09:00 when left out"] at: Option<
        Written<TimeOfDay>,
    >,
    #[description = "On which day a weekly one comes; Monday when left out"] on: Option<
        OneOf<Weekday>,
    >,
    #[description = "Channel to tell; this one when left out"]
    #[channel_types("Text", "News", "PublicThread", "PrivateThread", "NewsThread")]
    channel: Option<serenity::PartialChannel>,
) -> Result<(), CommandError> {
    let (app, caller) = parts(ctx)?;
    let at = at.map_or(MORNING, |at| at.0);
    let on = on.map_or(Weekday::Monday, |on| on.0);
    let cadence = match every.0 {
        Every::Never => None,
        Every::Day => Some(Cadence::Day { at }),
        Every::Week => Some(Cadence::Week { on, at }),
    };
    let place = place(&caller, channel.as_ref());
    let answer = Box::pin(digested(&ctx.data().app, &caller, place, cadence));
    super::answer_with_news(app, answer).await
}

/// Gives a channel a report, or none.
pub(in crate::discord::commands) async fn digested(
    app: &App,
    caller: &Caller,
    place: Place,
    cadence: Option<Cadence>,
) -> Result<Message, CommandError> {
    let guild = caller.server()?;
    let (now, channel) = (app.clock.now(), place.channel);
    check_place(caller, place)?;
    let prepared = app
        .delivery
        .prepare(channel, guild)
        .await
        .map_err(refused)?;
    let zone = app.alerting.server(guild).zone;
    let report = cadence.map(|cadence| (cadence, cadence.next_after(zone, now)));
    let words = match cadence {
        Some(cadence) => format!("set a report for <#{channel}>, {cadence}"),
        None => format!("took the report of <#{channel}> away"),
    };
    app.store.set_report(prepared.destination, report).await?;
    app.store.note_deed(&caller.did(now, words)?).await?;
    Ok(render::server::report(channel, report, zone))
}
