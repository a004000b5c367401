//! Making a channel a destination: one webhook of ours in it, and the token under seal; or the bot
//! itself, where it may have no webhook.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use secrecy::SecretString;
use serde::Deserialize;
use tokio::time::Instant;
use twilight_http_ratelimiting::Method;

use super::{
    Delivery, Shared,
    bot::{Failed, UPKEEP, read},
    http::ApplicationId,
    outcome::{DeadEnd, Outcome},
    pacing::Purpose,
    post::Carrier,
    rights::Rights,
    state::DestinationState,
};
use crate::{
    domain::ids::{ChannelId, DestinationId, GuildId, Home, UserId, WebhookId},
    store::{
        StoreError,
        destinations::{Destination, Proven},
    },
};

/// What our webhooks are called, so that an admin knows whose they are.
pub const WEBHOOK_NAME: &str = "stipend";

/// How long a person is kept waiting by a limit before being told of it.
const FOR_A_PERSON: (Purpose, Duration) = (Purpose::Person, Duration::from_secs(5));

/// After a try whether a parked channel takes messages again could not be made.
const REVIVE_AGAIN: Duration = Duration::from_mins(1);

/// So often in [`REST`] a parked channel is tried that refuses each time, whatever happens in its server: once
/// for each, and whoever changes rights there again and again could have the bot refused for all. One that was
/// put right just after a try is tried once more.
const TRIES: usize = 2;
const REST: Duration = Duration::from_mins(10);

/// When parked channels refused what was tried without anybody having asked for it, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Refusals(Mutex<HashMap<DestinationId, Vec<Instant>>>);

impl Refusals {
    fn note(&self, place: DestinationId, now: Instant) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, times| {
            times.retain(|at| now.duration_since(*at) < REST);
            !times.is_empty()
        });
        all.entry(place).or_default().push(now);
    }

    /// How long it is not to be tried.
    fn rest(&self, place: DestinationId, now: Instant) -> Duration {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let times = all.get(&place).map_or(&[][..], Vec::as_slice);
        let last = times.iter().rev().nth(TRIES - 1);
        last.map_or(Duration::ZERO, |at| {
            REST.saturating_sub(now.duration_since(*at))
        })
    }
}

/// A channel that takes notices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prepared {
    pub destination: DestinationId,
    pub carrier: Carrier,
    /// Whether the bot may look for a message whose answer was lost; `None` where it was not asked.
    pub can_read: Option<bool>,
}

impl Prepared {
    /// What an admin should know of the way that notices take, where it is not the best one.
    pub const fn caution(&self) -> Option<&'static str> {
        match (self.carrier, self.can_read) {
            (Carrier::Webhook(_), Some(false)) => Some(
                "I may not read that channel: when Discord's answer to a notice is lost, I cannot look \
                 whether it arrived, and do not send it again. Give my role “Read Message History” there.",
            ),
            (Carrier::Webhook(_), _) => None,
            (Carrier::Bot, Some(false)) => Some(
                "I post there as myself and may not read that channel: when Discord fails for minutes, I \
                 cannot look whether a notice arrived. Give my role “Manage Webhooks” and “Read Message \
                 History” there; the next /alerts add or /alerts test then takes a webhook.",
            ),
            (Carrier::Bot, _) => Some(
                "I post there as myself, since I could have no webhook. With “Manage Webhooks” for my role \
                 and room for one, the next /alerts add or /alerts test takes a webhook.",
            ),
        }
    }
}

/// A right that the bot needs in a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Right {
    ViewChannel,
    ManageWebhooks,
}

impl Right {
    /// As Discord's own settings call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ViewChannel => "View Channel",
            Self::ManageWebhooks => "Manage Webhooks",
        }
    }
}

/// Why a channel cannot be a destination now. Each says what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum ChannelRefused {
    #[error(
        "I lack the right “{}” in <#{channel}>. Open the channel's settings, Permissions, and give \
         my role “View Channel” and “Manage Webhooks”; then try again.",
        right.name()
    )]
    MissingRight { channel: ChannelId, right: Right },
    #[error(
        "<#{channel}> or this server has as many webhooks as Discord allows. Remove one in the \
         channel's settings under Integrations; then try again."
    )]
    TooManyWebhooks { channel: ChannelId },
    #[error(
        "The webhook in <#{channel}> was deleted twice, so somebody does not want it. Give /alerts add for that channel again to have it made anew."
    )]
    WebhookGone { channel: ChannelId },
    #[error("That channel does not exist any more. Choose another one.")]
    ChannelGone { channel: ChannelId },
    #[error("<#{channel}> takes no webhooks of its own. Choose a text or announcement channel.")]
    WrongKind { channel: ChannelId },
    #[error("Discord asks me to wait {} s before I set up a channel. Try again after that.", wait.as_secs() + 1)]
    RateLimited { wait: Duration },
    #[error(
        "Discord does not let me write to you. Allow direct messages from a server that we share, in its menu \
         under Privacy Settings, or install me for yourself; then give /watch test."
    )]
    DirectRefused,
    #[error("Discord does not answer properly at present. Try again in a minute.")]
    Unreachable,
    #[error("Discord refuses my token. Whoever runs me has to put in a new one.")]
    BotTokenRefused,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A webhook as Discord lists it. Only the ones of our own application show their token.
#[derive(Debug, Deserialize)]
struct Listed {
    id: String,
    application_id: Option<String>,
    token: Option<SecretString>,
}

impl Listed {
    fn usable(self, ours: ApplicationId) -> Option<(WebhookId, SecretString)> {
        let application: u64 = self.application_id?.parse().ok()?;
        let id = self.id.parse().ok()?;
        (application == ours.0).then_some((WebhookId(id), self.token?))
    }
}

impl Delivery {
    /// Makes sure that a channel can be written to.
    ///
    /// One with a webhook is taken as it is. Else a webhook of ours is looked for in the channel, or
    /// made; where none can be had, the bot itself posts if it may. What was parked is then sent.
    pub async fn prepare(
        &self,
        channel: ChannelId,
        guild: GuildId,
    ) -> Result<Prepared, ChannelRefused> {
        let shared = &*self.shared;
        // Two at a time would make two webhooks.
        let _turn = shared.preparing(channel).lock().await;
        if let Some(known) = shared.store.destination_for(channel).await?
            && known.state == DestinationState::Ready
            && known.home == Home::Server(guild)
            && known.webhook.is_some()
        {
            return Ok(Prepared {
                destination: known.id,
                carrier: known.carrier(),
                can_read: None,
            });
        }
        let proof = shared.prove(channel, guild, true).await?;
        let (proven, carrier) = (proof.proven(guild, channel, None), proof.carrier());
        let destination = shared.keep(&proven).await?;
        tracing::info!(%channel, ?carrier, "channel is ready");
        self.poke();
        Ok(Prepared {
            destination,
            carrier,
            can_read: Some(proof.can_read),
        })
    }

    /// Makes sure that a person can be written to, as far as that shows before a message is sent. What was
    /// parked is then sent.
    pub async fn prepare_direct(&self, person: UserId) -> Result<DestinationId, ChannelRefused> {
        let shared = &*self.shared;
        let _turn = shared.preparing(ChannelId(person.0)).lock().await;
        if let Some(known) = shared.store.destination_of(person).await?
            && known.state == DestinationState::Ready
        {
            return Ok(known.id);
        }
        let proven = shared.prove_direct(person).await?;
        let destination = shared.keep(&proven).await?;
        self.poke();
        Ok(destination)
    }

    /// A channel is gone: what is for it is kept, and nothing is sent there.
    pub async fn channel_gone(&self, channel: ChannelId) {
        let shared = &*self.shared;
        let now = shared.clock.now();
        let parked = shared
            .store
            .park_channel(channel, DeadEnd::ChannelGone, now);
        match parked.await {
            Ok(true) => self.poke(),
            Ok(false) => {}
            Err(error) => shared.report("a deleted channel cannot be parked", error),
        }
    }

    /// Whether the bot is in a server, as Discord says now; `None` where it does not say.
    pub async fn is_in(&self, guild: GuildId) -> Option<bool> {
        let shared = &*self.shared;
        let path = format!("guilds/{guild}");
        let asked = shared
            .bot_call((Method::Get, &path), UPKEEP, || shared.client.guild(guild))
            .await;
        match asked {
            Ok(_) => Some(true),
            Err(Failed::Refused(Outcome::DeadEnd(DeadEnd::ChannelGone | DeadEnd::NoAccess))) => {
                Some(false)
            }
            Err(_) => None,
        }
    }

    /// The bot was removed from a server: nothing is sent there until it is back.
    pub async fn guild_left(&self, guild: GuildId) {
        let shared = &*self.shared;
        let parked = async {
            for place in shared.store.destinations(guild).await? {
                let now = shared.clock.now();
                let park = shared
                    .store
                    .park_destination(place.id, DeadEnd::NoAccess, now);
                park.await?;
            }
            Ok(())
        };
        match parked.await {
            Ok(()) => self.poke(),
            Err(error) => shared.report("the channels of a server that was left", error),
        }
    }

    /// What the bot may do in a server may have changed, so what was parked for want of a right is
    /// tried once more.
    pub async fn rights_may_have_changed(&self, guild: GuildId) {
        let shared = &*self.shared;
        match shared.store.rights_changed(guild, shared.clock.now()).await {
            Ok(true) => self.poke(),
            Ok(false) => {}
            Err(error) => shared.report("parked channels cannot be tried", error),
        }
    }
}

/// What was found out about a channel.
struct Proof {
    webhook: Option<(WebhookId, SecretString)>,
    made: bool,
    can_read: bool,
    parent: Option<ChannelId>,
    newest: crate::domain::ids::MessageId,
}

impl Proof {
    fn carrier(&self) -> Carrier {
        self.webhook
            .as_ref()
            .map_or(Carrier::Bot, |(id, _)| Carrier::Webhook(*id))
    }

    /// `parked` is the destination as it was, when nobody asked for this.
    fn proven(&self, guild: GuildId, channel: ChannelId, parked: Option<&Destination>) -> Proven {
        let without_webhook =
            |reason| matches!(reason, Some(DeadEnd::WebhookGone | DeadEnd::TokenChanged));
        Proven {
            home: Home::Server(guild),
            channel,
            parent: self.parent,
            webhook: self.webhook.clone(),
            newest: self.newest,
            unasked: parked.is_some(),
            remade: parked
                .is_some_and(|was| was.remade || self.made && without_webhook(was.reason)),
        }
    }
}

impl Shared {
    /// Tries whether a parked destination takes messages again, without anybody having asked.
    pub(super) async fn revive(&self, parked: &Destination) -> Result<bool, StoreError> {
        let rest = self.refusals.rest(parked.id, Instant::now());
        if !rest.is_zero() {
            let again = self.clock.now().plus(rest);
            self.store.revive_later(parked.id, Some(again)).await?;
            return Ok(false);
        }
        let channel = parked.channel;
        let _turn = self.preparing(channel).lock().await;
        let now = self.clock.now();
        let proven = match parked.home {
            Home::Server(guild) => {
                let proof = self.prove(channel, guild, !parked.remade).await;
                proof.map(|proof| proof.proven(guild, channel, Some(parked)))
            }
            Home::Person(person) => {
                let proven = self.prove_direct(person).await;
                proven.map(|proven| Proven {
                    unasked: true,
                    ..proven
                })
            }
        };
        match proven {
            Ok(proven) => {
                self.keep(&proven).await?;
                tracing::info!(%channel, "channel takes messages again");
                Ok(true)
            }
            Err(ChannelRefused::Store(error)) => Err(error),
            Err(refused) => {
                let again = match refused {
                    ChannelRefused::RateLimited { wait } => Some(now.plus(wait)),
                    ChannelRefused::Unreachable => Some(now.plus(REVIVE_AGAIN)),
                    _ => {
                        self.refusals.note(parked.id, Instant::now());
                        None
                    }
                };
                tracing::info!(%channel, why = %refused, "channel stays parked");
                self.store.revive_later(parked.id, again).await?;
                Ok(false)
            }
        }
    }

    /// Opens the direct channel of a person.
    async fn prove_direct(&self, person: UserId) -> Result<Proven, ChannelRefused> {
        let opened = self.direct(person, FOR_A_PERSON).await;
        // What would be named of a channel or a right is that of no server.
        let refused = |failed| match refused(ChannelId(0), &failed, Right::ViewChannel) {
            known @ (ChannelRefused::DirectRefused
            | ChannelRefused::RateLimited { .. }
            | ChannelRefused::BotTokenRefused) => known,
            _ => ChannelRefused::Unreachable,
        };
        let (channel, newest) = opened.map_err(refused)?;
        Ok(Proven {
            home: Home::Person(person),
            channel,
            parent: None,
            webhook: None,
            newest,
            unasked: false,
            remade: false,
        })
    }

    async fn keep(&self, proven: &Proven) -> Result<DestinationId, StoreError> {
        let now = self.clock.now();
        self.store.save_destination(proven, now, &self.waits).await
    }

    /// Finds out who may post in a channel, and makes a webhook where that is needed and allowed.
    async fn prove(
        &self,
        channel: ChannelId,
        guild: GuildId,
        may_make: bool,
    ) -> Result<Proof, ChannelRefused> {
        let there = self
            .channel(guild, channel, FOR_A_PERSON)
            .await
            .map_err(|failed| refused(channel, &failed, Right::ViewChannel))?;
        let lacks = |right| ChannelRefused::MissingRight { channel, right };
        let has = |right| there.rights.has(right);
        if !has(Rights::VIEW_CHANNEL) {
            return Err(lacks(Right::ViewChannel));
        }
        let can_read = has(Rights::READ_MESSAGE_HISTORY);
        let send = match there.parent {
            Some(_) => Rights::SEND_MESSAGES_IN_THREADS,
            None => Rights::SEND_MESSAGES,
        };
        let bot_may = has(send) && has(Rights::EMBED_LINKS);
        let proof = |webhook, made| Proof {
            webhook,
            made,
            can_read,
            parent: there.parent,
            newest: there.newest,
        };
        // Without the history a lost answer can be made good by the bot's nonce alone.
        if bot_may && !(can_read && has(Rights::MANAGE_WEBHOOKS)) {
            return Ok(proof(None, false));
        }
        if !has(Rights::MANAGE_WEBHOOKS) {
            return Err(lacks(Right::ManageWebhooks));
        }
        let holder = there.parent.unwrap_or(channel);
        if let Some(found) = self.find_webhook(holder).await? {
            return Ok(proof(Some(found), false));
        }
        if !may_make {
            return Err(ChannelRefused::WebhookGone { channel });
        }
        match self.create_webhook(holder).await {
            Ok(made) => Ok(proof(Some(made), true)),
            Err(ChannelRefused::TooManyWebhooks { .. }) if bot_may => Ok(proof(None, false)),
            Err(refused) => Err(refused),
        }
    }

    async fn find_webhook(
        &self,
        channel: ChannelId,
    ) -> Result<Option<(WebhookId, SecretString)>, ChannelRefused> {
        let path = format!("channels/{channel}/webhooks");
        let listed: Vec<Listed> = self
            .bot_call((Method::Get, &path), FOR_A_PERSON, || {
                self.client.channel_webhooks(channel)
            })
            .await
            .and_then(|exchange| read(&exchange))
            .map_err(|failed| refused(channel, &failed, Right::ManageWebhooks))?;
        Ok(listed
            .into_iter()
            .filter_map(|webhook| webhook.usable(self.application_id))
            .min_by_key(|(id, _)| *id))
    }

    async fn create_webhook(
        &self,
        channel: ChannelId,
    ) -> Result<(WebhookId, SecretString), ChannelRefused> {
        let path = format!("channels/{channel}/webhooks");
        // A webhook whose answer is lost is found by the next try.
        let made: Listed = self
            .bot_call((Method::Post, &path), FOR_A_PERSON, || {
                self.client.create_webhook(channel, WEBHOOK_NAME)
            })
            .await
            .and_then(|exchange| read(&exchange))
            .map_err(|failed| refused(channel, &failed, Right::ManageWebhooks))?;
        match (made.id.parse(), made.token) {
            (Ok(id), Some(token)) => Ok((WebhookId(id), token)),
            _ => Err(ChannelRefused::Unreachable),
        }
    }
}

/// What a failed call means for a channel. `right` is the one that the call needs.
fn refused(channel: ChannelId, failed: &Failed, right: Right) -> ChannelRefused {
    let lacks = |right| ChannelRefused::MissingRight { channel, right };
    let outcome = match failed {
        Failed::Limited(wait) => return ChannelRefused::RateLimited { wait: *wait },
        Failed::Refused(outcome) => outcome,
    };
    match outcome {
        Outcome::Banned { wait } | Outcome::Limited { wait, .. } | Outcome::HeldBack { wait } => {
            ChannelRefused::RateLimited { wait: *wait }
        }
        Outcome::WebhooksFull => ChannelRefused::TooManyWebhooks { channel },
        Outcome::BotTokenRefused => ChannelRefused::BotTokenRefused,
        Outcome::DeadEnd(end) => match end {
            DeadEnd::NoAccess => lacks(Right::ViewChannel),
            DeadEnd::NoPermission | DeadEnd::Forbidden => lacks(right),
            DeadEnd::ChannelGone => ChannelRefused::ChannelGone { channel },
            DeadEnd::WrongKind | DeadEnd::ThreadClosed => ChannelRefused::WrongKind { channel },
            DeadEnd::WebhookGone
            | DeadEnd::TokenChanged
            | DeadEnd::TokenUnreadable
            | DeadEnd::NotDiscord
            | DeadEnd::Failing => ChannelRefused::Unreachable,
            DeadEnd::DirectRefused => ChannelRefused::DirectRefused,
        },
        Outcome::Accepted { .. }
        | Outcome::Unreached
        | Outcome::Unclear(_)
        | Outcome::MessageGone
        | Outcome::Malformed { .. }
        | Outcome::Filtered { .. } => ChannelRefused::Unreachable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// F-D05: whatever is changed in a server, a channel of it draws two refusals in ten minutes.
    #[test]
    fn a_channel_that_refuses_is_tried_twice_in_ten_minutes() {
        let refusals = Refusals::default();
        let (start, place) = (Instant::now(), DestinationId(1));
        let minute = |count| start + Duration::from_mins(count);
        let mut tried = Vec::new();
        for at in 0..30 {
            if refusals.rest(place, minute(at)).is_zero() {
                refusals.note(place, minute(at));
                tried.push(at);
            }
            assert_eq!(refusals.rest(DestinationId(2), minute(at)), Duration::ZERO);
        }
        assert_eq!(tried, [0, 1, 10, 11, 20, 21]);
        refusals.note(DestinationId(2), minute(60));
        assert_eq!(refusals.0.lock().unwrap().len(), 1, "others are forgotten");
    }
}
