//! `/alerts export` and `/alerts import`: the alerts of a server as a text file, without any secret.

use poise::serenity_prelude as serenity;

use super::{
    add::{Place, Request, Wanted, check_room, checked, checked_scope},
    templates,
};
use crate::{
    alerting::rules_file::{self, NamedRule},
    app::App,
    discord::{
        attached,
        commands::Application,
        context::{Bot, Caller, Context, parts},
        errors::{CommandError, Trouble},
    },
    domain::{
        alert::Rule,
        ids::{GuildId, Home},
        manner::Manner,
    },
    render::{
        self,
        message::{File, Message},
    },
};

/// A file of fifty alerts has some 20 KiB.
const LONGEST_KIB: u32 = 256;

/// All alerts of this server as a text file
#[poise::command(slash_command, guild_only)]
pub(super) async fn export(ctx: Context<'_>) -> Result<(), CommandError> {
    let (app, caller) = parts(ctx)?;
    let answer = exported(&ctx.data().app, caller.server()?);
    super::answer_with_news(app, answer).await
}

async fn exported(app: &App, guild: GuildId) -> Result<Message, CommandError> {
    let alerts = app.store.alerts_of(guild).await?;
    if alerts.is_empty() {
        return Err(Trouble::NoAlerts.into());
    }
    let text = rules_file::write(&alerts).map_err(anyhow::Error::from)?;
    let mut message = Message::text(render::alerts::exported(alerts.len()));
    message.files.push(File {
        name: "alerts.toml".to_owned(),
        bytes: text.into_bytes(),
        description: String::new(),
    });
    Ok(message)
}

/// Set the alerts of such a file, after a look at what they would have said
#[poise::command(slash_command, guild_only)]
pub(super) async fn import(
    ctx: Context<'_>,
    #[description = "A file of /alerts export, or one with [[alert]] tables"]
    file: serenity::Attachment,
    #[description = "Channel for those whose own is not known here; this one when left out"]
    #[channel_types("Text", "News", "PublicThread", "PrivateThread", "NewsThread")]
    channel: Option<serenity::PartialChannel>,
) -> Result<(), CommandError> {
    let (app, caller) = parts(ctx)?;
    let place = templates::place(&caller, channel.as_ref());
    let answer = Box::pin(imported(ctx.data(), app, caller, place, file));
    super::answer_with_news(app, answer).await
}

async fn imported(
    bot: &Bot,
    ctx: Application<'_>,
    caller: Caller,
    place: Place,
    file: serenity::Attachment,
) -> Result<Message, CommandError> {
    let bytes = attached::bytes(&file, LONGEST_KIB, &bot.app.config.discord.api_url).await?;
    let text = String::from_utf8(bytes).map_err(|_| Trouble::NotText)?;
    let named =
        rules_file::parse(&text).map_err(|error| Trouble::FileUnreadable(error.to_string()))?;
    let guild = caller.server()?;
    check_room(&bot.app, guild, named.len()).await?;
    let market = bot.app.market.snapshot();
    let mut wanted = Vec::with_capacity(named.len());
    for one in named {
        let place = own_place(&bot.app, guild, &one).await?.unwrap_or(place);
        wanted.push(Wanted {
            rule: Rule {
                scope: checked_scope(&market, one.rule.scope)?,
                timing: checked(one.rule.timing)?,
                ..one.rule
            },
            // A file could name any role; `/alerts edit` gives one that may be called.
            manner: Manner {
                role: None,
                ..one.manner
            },
            place,
        });
    }
    let head = "These alerts are in the file. Roles are not taken over; `/alerts edit` gives them.";
    templates::previews(bot, ctx, Request { caller, wanted }, head).await
}

/// The channel that an alert of a file had, where this very server is told something there already: a
/// file could name any channel of any server.
async fn own_place(
    app: &App,
    guild: GuildId,
    named: &NamedRule,
) -> Result<Option<Place>, CommandError> {
    let Some(channel) = named.channel else {
        return Ok(None);
    };
    let known = app.store.destination_for(channel).await?;
    Ok(known
        .filter(|place| place.home == Home::Server(guild))
        .map(|_| Place {
            channel,
            takes_notices: true,
        }))
}
