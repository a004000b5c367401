//! `/alerts`: what channels are told. For people who manage the server, in servers alone; every
//! look-up carries the server.

use super::Application;
use crate::{
    alerting::renames::{Successor, successor},
    app::App,
    delivery::{outcome::DeadEnd, state::DestinationState},
    discord::{
        context::Context,
        errors::{CommandError, Trouble},
    },
    domain::{
        alert::Alert,
        ids::{AlertId, GuildId, Home},
        pool::Pool,
        reading::DataState,
    },
    market::snapshot::Snapshot,
    render::{
        alerts::{AlertView, DestinationWords},
        message::Message,
        numbers,
    },
    store::destinations::{Destination, News},
};

pub mod add;
pub mod channels;
pub mod edit;
pub mod file;
pub mod history;
pub mod list;
pub mod mute;
pub mod preview;
pub mod remove;
pub mod show;
pub mod templates;
pub mod test;
pub mod why;

/// Tell a channel when what pools pay changes
#[poise::command(
    slash_command,
    guild_only,
    subcommand_required,
    default_member_permissions = "MANAGE_GUILD",
    subcommands(
        "add::add",
        "list::list",
        "show::show",
        "history::history",
        "remove::remove",
        "mute::mute",
        "mute::unmute",
        "test::test",
        "why::why",
        "preview::preview",
        "edit::edit",
        "edit::undo",
        "channels::move_",
        "channels::quiet",
        "channels::digest",
        "templates::templates",
        "file::export",
        "file::import"
    )
)]
#[expect(
    clippy::unused_async,
    reason = "a command is an async function, and this one only groups others"
)]
pub(super) async fn alerts(_: Context<'_>) -> Result<(), CommandError> {
    Ok(())
}

/// Answers somebody who manages the server, with what has become of its channels since anybody was
/// told.
pub(super) async fn answer_with_news(
    ctx: Application<'_>,
    answer: impl Future<Output = Result<Message, CommandError>>,
) -> Result<(), CommandError> {
    let app = &ctx.data().app;
    let guild = ctx.interaction.guild_id;
    let answer = async {
        let mut message = answer.await?;
        if let Some(guild) = guild {
            let news = app
                .store
                .take_news(Home::Server(GuildId(guild.get())))
                .await?;
            for (channel, news) in &news {
                message.content.push('\n');
                message.content.push_str(&news_words(channel, *news));
            }
        }
        Ok(message.fitted())
    };
    super::answer_alone(ctx, answer).await
}

fn news_words(place: &Destination, news: News) -> String {
    let (channel, since) = (place.channel, numbers::ago(place.changed_at));
    match news {
        News::Back => format!("✅ <#{channel}> takes notices again since {since}."),
        News::Parked => {
            let (reason, mend) = why_parked(place.reason);
            format!("⚠️ <#{channel}> takes no notices since {since}: {reason}; {mend}.")
        }
    }
}

/// The alert of that number, if it is this server's.
pub(super) async fn owned(app: &App, guild: GuildId, id: AlertId) -> Result<Alert, CommandError> {
    Ok(app
        .store
        .alert(guild, id)
        .await?
        .ok_or(Trouble::AlertUnknown(id))?)
}

async fn view<'a>(
    app: &App,
    market: &'a Snapshot,
    alert: &'a Alert,
    destination: Option<&Destination>,
) -> AlertView<'a> {
    let standing = app.alerting.standing(alert.id, market).await;
    let pool = alert.rule.scope.pool.and_then(|id| market.get(id));
    AlertView {
        alert,
        pool: pool.map(|listing| &*listing.pool),
        pools: standing.pools,
        open: standing.open,
        waiting: standing.waiting,
        perhaps: perhaps(market, alert),
        destination: destination.map_or(DestinationWords::Untried, words_of),
    }
}

/// What the one pool of an alert may have become, where it is gone.
fn perhaps<'a>(market: &'a Snapshot, alert: &Alert) -> Vec<&'a Pool> {
    let gone = alert.rule.scope.pool.and_then(|id| market.get(id));
    let Some(gone) = gone.filter(|listing| listing.state == DataState::Missing) else {
        return Vec::new();
    };
    match successor(gone, market) {
        Successor::Certain(id) => market
            .get(id)
            .map(|other| &*other.pool)
            .into_iter()
            .collect(),
        Successor::Perhaps(several) => several
            .iter()
            .filter_map(|id| Some(&*market.get(*id)?.pool))
            .collect(),
        Successor::None => Vec::new(),
    }
}

/// How a channel stands, in words.
fn words_of(destination: &Destination) -> DestinationWords<'static> {
    match (destination.state, destination.reason) {
        (DestinationState::Parked, reason) => {
            let (reason, mend) = why_parked(reason);
            DestinationWords::Parked { reason, mend }
        }
        (DestinationState::New | DestinationState::Ready, _) => {
            destination
                .last_message
                .map_or(DestinationWords::Untried, |message| {
                    DestinationWords::Working {
                        last: message.created_at(),
                    }
                })
        }
    }
}

/// Why nothing is sent to a channel, and what makes it work again.
pub const fn why_parked(reason: Option<DeadEnd>) -> (&'static str, &'static str) {
    const ADD_AGAIN: &str = "give /alerts add for that channel again, and I set a new one up";
    const RIGHTS: &str = "allow my role to View Channel and Manage Webhooks in the channel's \
         settings, then give /alerts test";
    const OTHER_CHANNEL: &str =
        "give /alerts move to another channel, or remove the alert and add it there";
    match reason {
        Some(DeadEnd::WebhookGone) => ("its webhook was deleted", ADD_AGAIN),
        Some(DeadEnd::TokenChanged) => ("its webhook was replaced", ADD_AGAIN),
        Some(DeadEnd::TokenUnreadable) => ("the key that opens its webhook has changed", ADD_AGAIN),
        Some(DeadEnd::ChannelGone) => ("the channel is gone", OTHER_CHANNEL),
        Some(DeadEnd::NoAccess) => ("I cannot see the channel", RIGHTS),
        Some(DeadEnd::NoPermission | DeadEnd::Forbidden) => ("I lack a right in it", RIGHTS),
        Some(DeadEnd::WrongKind) => ("a plain message does not fit there", OTHER_CHANNEL),
        Some(DeadEnd::ThreadClosed) => ("the thread is closed", OTHER_CHANNEL),
        Some(DeadEnd::NotDiscord) => (
            "something that is not Discord answers in its place",
            "the operator has to look at the network",
        ),
        Some(DeadEnd::Failing) => (
            "nothing got through to it for a day",
            "I try again every hour",
        ),
        Some(DeadEnd::DirectRefused) => (
            "Discord does not let me write to its reader",
            "they have to allow direct messages, then give /watch test",
        ),
        None => ("it does not take messages", "give /alerts test"),
    }
}
