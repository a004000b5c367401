//! Calls with the bot's own token: admitted, paced, and waited for as long as it is worth it.

use std::time::Duration;

use serde::de::DeserializeOwned;
use tokio::time::Instant;
use twilight_http_ratelimiting::Method;

use super::{
    Shared,
    http::Exchange,
    outcome::Outcome,
    pacing::Purpose,
    post::{Effect, effect},
    rights::{self, Overwrite, Rights, Role},
};
use crate::domain::ids::{ChannelId, GuildId, MessageId, UserId};

/// Why a call brought nothing.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Failed {
    /// Not made, because a limit would have had to be waited for longer than asked.
    Limited(Duration),
    /// Made, and this came of it.
    Refused(Outcome),
}

/// Discord's numbers of threads: of announcements, public ones with those of forums, private ones.
const THREADS: [u8; 3] = [10, 11, 12];

/// What nobody waits for, such as a look or an edit, may be kept waiting by limits for so long.
pub(super) const UPKEEP: (Purpose, Duration) = (Purpose::Upkeep, Duration::from_mins(1));

/// A channel as far as we care for it.
#[derive(Debug, Clone)]
pub(super) struct Channel {
    pub(super) rights: Rights,
    /// The channel that it is a thread of.
    pub(super) parent: Option<ChannelId>,
    /// The newest message in it, or its own id where there is none.
    pub(super) newest: MessageId,
}

impl Shared {
    /// Makes a call with the bot's token, and waits out limits for `patience` at most. `path` is
    /// what the limit is kept by.
    pub(super) async fn bot_call<F: Future<Output = Exchange>>(
        &self,
        (method, path): (Method, &str),
        (purpose, patience): (Purpose, Duration),
        call: impl Fn() -> F,
    ) -> Result<Exchange, Failed> {
        let give_up = Instant::now() + patience;
        loop {
            if self.refused.is_cancelled() {
                return Err(Failed::Refused(Outcome::BotTokenRefused));
            }
            let permit = match self
                .pacing
                .admit_bot(method, path.to_owned(), purpose)
                .await
            {
                Ok(permit) => permit,
                Err(ready_at) => {
                    wait_until(ready_at, give_up).await?;
                    continue;
                }
            };
            if let Err(paused) = self.pacing.gate.pass().await {
                drop(permit);
                wait_until(Instant::now() + paused.wait, give_up).await?;
                continue;
            }
            let exchange = call().await;
            self.pacing.settle_bot(permit, &exchange);
            self.note_pause(effect(&exchange.outcome)).await;
            match exchange.outcome {
                Outcome::Accepted { .. } => return Ok(exchange),
                Outcome::Limited { wait, .. } => wait_until(Instant::now() + wait, give_up).await?,
                outcome => {
                    if outcome == Outcome::BotTokenRefused {
                        self.refused.cancel();
                    }
                    return Err(Failed::Refused(outcome));
                }
            }
        }
    }

    /// Notes a pause of everything, which a restart has to keep as well.
    pub(super) async fn note_pause(&self, effect: Effect) {
        let (Effect::PauseAll(_) | Effect::PauseAllThenProbe(_)) = effect else {
            return;
        };
        let until = self.clock.now().plus(self.pacing.pause_left());
        if let Err(error) = self.store.pause_until(until).await {
            self.report(
                "a pause cannot be noted; a restart would not know of it",
                error,
            );
        }
    }

    /// The direct channel of a person, opened where there is none. Whether they take messages there is
    /// not known before one is sent.
    pub(super) async fn direct(
        &self,
        person: UserId,
        why: (Purpose, Duration),
    ) -> Result<(ChannelId, MessageId), Failed> {
        #[derive(serde::Deserialize)]
        struct Opened {
            id: String,
            last_message_id: Option<String>,
        }
        let exchange = self
            .bot_call((Method::Post, "users/@me/channels"), why, || {
                self.client.open_direct(person)
            })
            .await?;
        let opened: Opened = read(&exchange)?;
        let channel = opened.id.parse();
        let channel = channel.map_err(|_| Failed::Refused(exchange.outcome))?;
        let newest = opened.last_message_id.and_then(|id| id.parse().ok());
        Ok((ChannelId(channel), MessageId(newest.unwrap_or(channel))))
    }

    /// A channel of a server, with what the bot may do in it.
    pub(super) async fn channel(
        &self,
        guild: GuildId,
        channel: ChannelId,
        why: (Purpose, Duration),
    ) -> Result<Channel, Failed> {
        #[derive(serde::Deserialize)]
        struct Listed {
            #[serde(rename = "type", default)]
            kind: u8,
            #[serde(default)]
            permission_overwrites: Vec<Overwrite>,
            parent_id: Option<String>,
            last_message_id: Option<String>,
        }
        #[derive(serde::Deserialize)]
        struct Member {
            roles: Vec<String>,
        }
        let client = &self.client;
        let me = self.me(why).await?;
        let listed = async |channel: ChannelId| {
            let path = format!("channels/{channel}");
            let asked = self.bot_call((Method::Get, &path), why, || client.channel(channel));
            read::<Listed>(&asked.await?)
        };
        let mut there = listed(channel).await?;
        // A thread has the rights and the webhooks of its channel.
        let parent = there.parent_id.as_deref().and_then(|id| id.parse().ok());
        let parent = parent
            .map(ChannelId)
            .filter(|_| THREADS.contains(&there.kind));
        if let Some(parent) = parent {
            there.permission_overwrites = listed(parent).await?.permission_overwrites;
        }
        let roles: Vec<Role> = read(
            &self
                .bot_call((Method::Get, &format!("guilds/{guild}/roles")), why, || {
                    client.roles(guild)
                })
                .await?,
        )?;
        let member: Member = read(
            &self
                .bot_call(
                    (Method::Get, &format!("guilds/{guild}/members/{me}")),
                    why,
                    || client.member(guild, me),
                )
                .await?,
        )?;
        let (guild, me) = (guild.to_string(), me.to_string());
        let newest = there
            .last_message_id
            .and_then(|id| id.parse().ok())
            .unwrap_or(channel.0);
        Ok(Channel {
            rights: rights::of(
                &guild,
                &me,
                &member.roles,
                &roles,
                &there.permission_overwrites,
            ),
            parent,
            newest: MessageId(newest),
        })
    }

    /// The bot's own user, asked for once.
    pub(super) async fn me(&self, why: (Purpose, Duration)) -> Result<UserId, Failed> {
        #[derive(serde::Deserialize)]
        struct Me {
            id: String,
        }
        let known = self.me.get_or_try_init(|| async {
            let client = &self.client;
            let exchange = self
                .bot_call((Method::Get, "users/@me"), why, || client.me())
                .await?;
            let me: Me = read(&exchange)?;
            me.id
                .parse()
                .map(UserId)
                .map_err(|_| Failed::Refused(exchange.outcome))
        });
        known.await.copied()
    }
}

/// An answer that is not what was asked for is none.
pub(super) fn read<T: DeserializeOwned>(exchange: &Exchange) -> Result<T, Failed> {
    serde_json::from_slice(&exchange.body).map_err(|error| {
        tracing::warn!(%error, "Discord's answer is not understood");
        Failed::Refused(exchange.outcome.clone())
    })
}

async fn wait_until(moment: Instant, give_up: Instant) -> Result<(), Failed> {
    if moment > give_up {
        return Err(Failed::Limited(
            moment.saturating_duration_since(Instant::now()),
        ));
    }
    tokio::time::sleep_until(moment).await;
    Ok(())
}
