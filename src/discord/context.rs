//! Who asks, from where, and with what rights.

use std::{
    collections::{HashSet, VecDeque},
    sync::{Arc, Mutex, PoisonError},
};

use poise::serenity_prelude as serenity;
use serenity::{ChannelType, Permissions};
use tokio::time::Instant;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{info, warn};

use super::{
    authorize::{Action, Actor, authorize},
    buttons::Button,
    commands::{alerts::add::Request, consent::Wish},
    errors::{CommandError, Trouble},
    pace::{Effort, Pace},
    pending::Pending,
    recent::Recent,
    shards::Shards,
};
use crate::{
    app::App,
    causes::Causes,
    domain::{
        ids::{ChannelId, GuildId, UserId},
        time::Timestamp,
    },
    store::{StoreError, servers::Deed},
};

/// What commands and buttons share beside the application.
#[derive(Debug)]
pub struct Bot {
    pub app: Arc<App>,
    pub shards: Arc<Shards>,
    pub pending: Pending<Wish>,
    /// Alerts that were previewed and not set yet.
    pub drafts: Pending<Request>,
    /// Commands under way, waited for when the bot stops.
    pub running: TaskTracker,
    /// Ends what waits without a person waiting for it.
    pub stopping: CancellationToken,
    pub started_at: Timestamp,
    pace: Pace,
    interactions: Mutex<Recent>,
    questions: Mutex<Seen>,
    consents: Mutex<Seen>,
}

/// Questions that were answered in the last while.
#[derive(Debug, Default)]
struct Seen {
    ids: HashSet<u64>,
    order: VecDeque<u64>,
}

const REMEMBERED: usize = 4_096;

pub type Context<'a> = poise::Context<'a, Arc<Bot>, CommandError>;

impl Bot {
    pub fn new(app: Arc<App>, shards: Arc<Shards>, stopping: CancellationToken) -> Self {
        let settings = &app.config.discord;
        let pace = Pace::new(settings.commands_per_10s, settings.heavy_wait.0);
        Self {
            started_at: app.clock.now(),
            app,
            shards,
            pending: Pending::default(),
            drafts: Pending::default(),
            running: TaskTracker::new(),
            stopping,
            pace,
            interactions: Mutex::default(),
            questions: Mutex::default(),
            consents: Mutex::default(),
        }
    }

    /// Lets somebody do something, or says why not.
    pub fn authorize(&self, actor: &Actor, action: Action<'_>) -> Result<(), Trouble> {
        let operators = &self.app.config.discord.operators;
        authorize(actor, action, action.object(actor)?, operators)
    }

    /// Counts what somebody asks for, or says how long they should wait.
    pub fn pace(&self, actor: &Actor, effort: Effort) -> Result<(), Trouble> {
        let asked = self
            .pace
            .ask(actor.user, actor.server, effort, Instant::now());
        asked.map_err(|wait| Trouble::TooFast { wait })
    }

    /// The bot is in this server. Where it was noted as left it is back, and what was parked there is tried.
    pub async fn is_in(&self, guild: GuildId) {
        match self.app.store.note_present(guild).await {
            Ok(true) => {
                info!(guild = guild.0, "a server that was left is back");
                self.app.delivery.rights_may_have_changed(guild).await;
            }
            Ok(false) => {}
            Err(error) => self.unnoted(&error),
        }
    }

    /// Where the bot is could not be noted. It is noted at the next start, or the next day.
    pub fn unnoted(&self, error: &StoreError) {
        if matches!(error, StoreError::Corrupt(_)) {
            self.app.store.doubt();
        }
        warn!(
            error = %Causes(error),
            "where the bot is cannot be noted"
        );
    }

    /// `false` for an interaction that was taken up before, or is too old to be answered.
    pub fn first_time(&self, interaction: u64) -> bool {
        self.interactions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(interaction)
    }

    /// `false` for a button on the message of a question that was answered before. Whether somebody agrees may be
    /// asked in the place of the question whose answer made it needful, so that is counted apart.
    pub fn first_answer(&self, question: u64, button: &Button) -> bool {
        let answered = match button {
            Button::Agree { .. } => &self.consents,
            _ => &self.questions,
        };
        insert(answered, question)
    }
}

fn insert(seen: &Mutex<Seen>, id: u64) -> bool {
    seen.lock()
        .unwrap_or_else(PoisonError::into_inner)
        .insert(id)
}

impl Seen {
    fn insert(&mut self, id: u64) -> bool {
        if !self.ids.insert(id) {
            return false;
        }
        self.order.push_back(id);
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.ids.remove(&oldest);
        }
        true
    }
}

/// The person who asks, with what Discord says of their rights and of ours where they ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller {
    pub user: UserId,
    pub guild: Option<GuildId>,
    pub channel: ChannelId,
    /// Notices can go to the channel.
    pub takes_notices: bool,
    /// The person's rights in the channel; none outside of a server.
    pub rights: Permissions,
    /// Ours in the channel.
    pub our_rights: Permissions,
    /// Unique for this one call.
    pub interaction: u64,
}

impl Caller {
    pub fn of(interaction: &serenity::CommandInteraction) -> Self {
        Self {
            user: UserId(interaction.user.id.get()),
            guild: interaction.guild_id.map(|guild| GuildId(guild.get())),
            channel: ChannelId(interaction.channel_id.get()),
            takes_notices: interaction
                .channel
                .as_ref()
                .is_none_or(|channel| takes_notices(channel.kind)),
            rights: interaction
                .member
                .as_ref()
                .and_then(|member| member.permissions)
                .unwrap_or_default(),
            our_rights: interaction.app_permissions.unwrap_or_default(),
            interaction: interaction.id.get(),
        }
    }

    /// The server that a command for servers was given in.
    pub fn server(&self) -> Result<GuildId, Trouble> {
        self.guild.ok_or(Trouble::OnlyInServers)
    }

    /// What the caller has done in the server, for its list of changes.
    pub fn did(&self, at: Timestamp, words: String) -> Result<Deed, Trouble> {
        Ok(Deed {
            guild: self.server()?,
            at,
            person: Some(self.user),
            words,
        })
    }
}

/// Whether notices can go to a channel of this kind. The posts of a forum are threads.
pub const fn takes_notices(kind: ChannelType) -> bool {
    matches!(
        kind,
        ChannelType::Text
            | ChannelType::News
            | ChannelType::PublicThread
            | ChannelType::PrivateThread
            | ChannelType::NewsThread
    )
}

/// The parts of a context that every command starts with.
pub fn parts(
    ctx: Context<'_>,
) -> Result<
    (
        poise::ApplicationContext<'_, Arc<Bot>, CommandError>,
        Caller,
    ),
    CommandError,
> {
    match ctx {
        poise::Context::Application(ctx) => Ok((ctx, Caller::of(ctx.interaction))),
        poise::Context::Prefix(_) => Err(Trouble::Outdated.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_answered_once() {
        let mut seen = Seen::default();
        assert!(seen.insert(1));
        assert!(!seen.insert(1));
        for id in 2..=u64::try_from(REMEMBERED).unwrap() + 1 {
            assert!(seen.insert(id));
        }
        assert_eq!(seen.ids.len(), REMEMBERED);
        assert!(seen.insert(1));
    }
}
