//! `/config`: what a server has chosen for itself, and who changed what.

use poise::serenity_prelude as serenity;
use rust_decimal::prelude::ToPrimitive as _;

use super::alerts::add::{check_place, refused};
use crate::{
    app::App,
    discord::{
        autocomplete,
        commands::alerts::templates::place,
        context::{Caller, Context, parts},
        errors::{CommandError, Trouble},
        params::{Name, Written},
    },
    domain::{
        manner::ServerSettings,
        money::Amount,
        time::Span,
        zone::{TimeOfDay, Zone},
    },
    render::{self, message::Message},
    store::servers::Deed,
};

const USUAL_DAYS: u32 = 30;
/// More than a message shows is not read.
const MOST: u32 = 100;

/// What this server has chosen, and who changed what
#[poise::command(
    slash_command,
    guild_only,
    subcommand_required,
    default_member_permissions = "MANAGE_GUILD",
    subcommands("view", "set", "audit")
)]
#[expect(
    clippy::unused_async,
    reason = "a command is an async function, and this one only groups others"
)]
pub(super) async fn config(_: Context<'_>) -> Result<(), CommandError> {
    Ok(())
}

/// What this server has chosen
#[poise::command(slash_command, guild_only)]
async fn view(ctx: Context<'_>) -> Result<(), CommandError> {
    let (app, caller) = parts(ctx)?;
    let bot = &ctx.data().app;
    let guild = caller.server()?;
    super::answer_alone(app, async { Ok(shown(bot, &bot.alerting.server(guild))) }).await
}

fn shown(app: &App, settings: &ServerSettings) -> Message {
    let usual = render::server::Usual {
        cap: app.config.delivery.hourly_cap,
        max_apy: app.market.screen().max_apy,
    };
    render::server::settings(settings, usual)
}

/// Choose: what is left out stays as it is
#[poise::command(slash_command, guild_only)]
#[expect(
    clippy::too_many_arguments,
    reason = "each is an option that Discord shows"
)]
async fn set(
    ctx: Context<'_>,
    #[description = "For digests and quiet hours, such as Europe/Berlin"]
    #[autocomplete = "autocomplete::zone"]
    time_zone: Option<Name>,
    #[description = "When the digests of alerts come, by that clock, such as 09:00"]
    digest_at: Option<Written<TimeOfDay>>,
    #[description = "Messages that a channel is given in an hour; 0 for no limit"]
    #[min = 0]
    #[max = 1000]
    hourly_cap: Option<u32>,
    #[description = "Searches find no higher APY, in percent, unless they are asked to"]
    #[min = 0]
    #[max = 1_000_000]
    max_apy: Option<f64>,
    #[description = "Searches find no smaller TVL in US dollars, such as 1m; 0 for any"]
    min_tvl: Option<Written<Amount>>,
    #[description = "Whether look-ups answer for everybody in the channel"] public_lookups: Option<
        bool,
    >,
    #[description = "Where admins read of an outage of the source"]
    #[channel_types("Text", "News", "PublicThread", "PrivateThread", "NewsThread")]
    admin_channel: Option<serenity::PartialChannel>,
) -> Result<(), CommandError> {
    let (app, caller) = parts(ctx)?;
    let wishes = Wishes {
        zone: time_zone.map(|name| zone(&name)).transpose()?,
        digest_at: digest_at.map(|at| at.0),
        hourly_cap,
        max_apy,
        min_tvl: min_tvl.and_then(|amount| amount.0.get().to_f64()),
        public_lookups,
    };
    let answer = Box::pin(chosen(
        &ctx.data().app,
        &caller,
        wishes,
        admin_channel.as_ref(),
    ));
    super::answer_alone(app, answer).await
}

/// The zone of that name.
pub(super) fn zone(name: &Name) -> Result<Zone, Trouble> {
    Zone::parse(&name.0).ok_or_else(|| Trouble::ZoneUnknown(name.0.clone()))
}

/// What is to be otherwise.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Wishes {
    pub zone: Option<Zone>,
    pub digest_at: Option<TimeOfDay>,
    pub hourly_cap: Option<u32>,
    pub max_apy: Option<f64>,
    pub min_tvl: Option<f64>,
    pub public_lookups: Option<bool>,
}

impl Wishes {
    /// Makes these changes, and tells them in words.
    fn apply(&self, settings: &mut ServerSettings) -> Vec<String> {
        let mut words = Vec::new();
        if let Some(zone) = self.zone {
            settings.zone = zone;
            words.push(format!("time zone {zone}"));
        }
        if let Some(at) = self.digest_at {
            settings.digest_at = at;
            words.push(format!("digests at {at}"));
        }
        if let Some(cap) = self.hourly_cap {
            settings.hourly_cap = Some(cap);
            words.push(format!("{cap} messages an hour"));
        }
        if let Some(most) = self.max_apy {
            settings.max_apy = Some(most);
            words.push(format!("searches up to {most} %"));
        }
        if let Some(floor) = self.min_tvl {
            settings.min_tvl = (floor > 0.0).then_some(floor);
            words.push(format!("searches from a TVL of {floor}"));
        }
        if let Some(public) = self.public_lookups {
            settings.public_lookups = public;
            let whom = if public { "everybody" } else { "the asker" };
            words.push(format!("look-ups for {whom}"));
        }
        words
    }
}

async fn chosen(
    app: &App,
    caller: &Caller,
    wishes: Wishes,
    admins: Option<&serenity::PartialChannel>,
) -> Result<Message, CommandError> {
    let guild = caller.server()?;
    let mut words = wishes.apply(&mut app.alerting.server(guild));
    let mut told_in = None;
    if let Some(channel) = admins {
        let place = place(caller, Some(channel));
        check_place(caller, place)?;
        let prepared = app.delivery.prepare(place.channel, guild).await;
        prepared.map_err(refused)?;
        told_in = Some(place.channel);
        words.push(format!("outages are told in <#{}>", place.channel));
    }
    if words.is_empty() {
        return Err(Trouble::NothingChanged.into());
    }
    let deed = caller.did(app.clock.now(), format!("chose: {}", words.join(", ")))?;
    let settings = choose(app, &deed, |settings| {
        wishes.apply(settings);
        settings.admin_channel = told_in.or(settings.admin_channel);
    });
    Ok(shown(app, &settings.await?))
}

/// Keeps a choice. Reports go by the clock of the server, whatever it was before.
pub(super) async fn choose(
    app: &App,
    deed: &Deed,
    change: impl FnOnce(&mut ServerSettings),
) -> Result<ServerSettings, CommandError> {
    let before = app.alerting.server(deed.guild).zone;
    let settings = app.alerting.choose(&app.store, deed, change).await?;
    if settings.zone != before {
        for report in app.store.reports_of(deed.guild).await? {
            let next = report.cadence.next_after(settings.zone, deed.at);
            let set = Some((report.cadence, next));
            app.store.set_report(report.destination, set).await?;
        }
    }
    app.delivery.poke();
    Ok(settings)
}

/// Who changed what
#[poise::command(slash_command, guild_only)]
async fn audit(
    ctx: Context<'_>,
    #[description = "How many days back; 30 when left out"]
    #[min = 1]
    #[max = 365]
    days: Option<u32>,
) -> Result<(), CommandError> {
    let (app, caller) = parts(ctx)?;
    let days = days.unwrap_or(USUAL_DAYS).clamp(1, 365);
    let answer = audited(&ctx.data().app, &caller, days);
    super::answer_alone(app, answer).await
}

async fn audited(app: &App, caller: &Caller, days: u32) -> Result<Message, CommandError> {
    let since = app.clock.now().minus(Span::days(u64::from(days)).0);
    let deeds = app.store.deeds(caller.server()?, since, MOST).await?;
    let changes: Vec<_> = deeds
        .iter()
        .map(|deed| render::server::Change {
            at: deed.at,
            person: deed.person,
            words: &deed.words,
        })
        .collect();
    Ok(render::server::audit(days, &changes))
}
