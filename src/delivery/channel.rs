//! Making a channel a destination: one webhook of ours in it, and the token under seal.

use std::time::Duration;

use secrecy::SecretString;
use serde::Deserialize;
use tokio::time::Instant;
use twilight_http_ratelimiting::Method;

use super::{
    Delivery,
    http::{ApplicationId, Exchange},
    outcome::{DeadEnd, Outcome},
    pacing::Purpose,
    state::DestinationState,
};
use crate::{
    domain::ids::{ChannelId, DestinationId, GuildId, WebhookId},
    store::{StoreError, outbox::Proven},
};

/// What our webhooks are called, so that an admin knows whose they are.
pub const WEBHOOK_NAME: &str = "stipend";

/// How long a person is kept waiting by a limit before being told of it.
const PATIENCE: Duration = Duration::from_secs(5);

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
    #[error("That channel does not exist any more. Choose another one.")]
    ChannelGone { channel: ChannelId },
    #[error("<#{channel}> takes no webhooks of its own. Choose a text or announcement channel.")]
    WrongKind { channel: ChannelId },
    #[error("Discord asks me to wait {} s before I set up a channel. Try again after that.", wait.as_secs() + 1)]
    RateLimited { wait: Duration },
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
    /// Makes sure that a channel can be written to, and returns it as a destination.
    ///
    /// A ready one is taken as it is. Else a webhook of ours is looked for in the channel, or made;
    /// what was parked with the destination is then sent.
    pub async fn prepare(
        &self,
        channel: ChannelId,
        guild: GuildId,
    ) -> Result<DestinationId, ChannelRefused> {
        let shared = &*self.shared;
        // Two at a time would make two webhooks.
        let _turn = shared.preparing(channel).lock().await;
        if let Some(known) = shared.store.destination_for(channel).await?
            && known.state == DestinationState::Ready
            && known.guild == guild
        {
            return Ok(known.id);
        }
        let (webhook, token) = match self.find_webhook(channel).await? {
            Some(found) => found,
            None => self.create_webhook(channel).await?,
        };
        let proven = Proven {
            guild,
            channel,
            webhook,
            token,
        };
        let destination = shared
            .store
            .save_destination(&proven, shared.clock.now())
            .await?;
        tracing::info!(%channel, %webhook, "channel is ready");
        self.poke();
        Ok(destination)
    }

    async fn find_webhook(
        &self,
        channel: ChannelId,
    ) -> Result<Option<(WebhookId, SecretString)>, ChannelRefused> {
        let client = &self.shared.client;
        let exchange = self
            .bot_call(Method::Get, channel, || client.channel_webhooks(channel))
            .await?;
        let listed: Vec<Listed> =
            serde_json::from_slice(&exchange.body).map_err(|_| ChannelRefused::Unreachable)?;
        Ok(listed
            .into_iter()
            .filter_map(|webhook| webhook.usable(self.shared.application_id))
            .min_by_key(|(id, _)| *id))
    }

    async fn create_webhook(
        &self,
        channel: ChannelId,
    ) -> Result<(WebhookId, SecretString), ChannelRefused> {
        let client = &self.shared.client;
        let exchange = self
            .bot_call(Method::Post, channel, || {
                client.create_webhook(channel, WEBHOOK_NAME)
            })
            .await?;
        // A webhook whose answer is lost is found by the next try.
        let made: Listed =
            serde_json::from_slice(&exchange.body).map_err(|_| ChannelRefused::Unreachable)?;
        match (made.id.parse(), made.token) {
            (Ok(id), Some(token)) => Ok((WebhookId(id), token)),
            _ => Err(ChannelRefused::Unreachable),
        }
    }

    /// Makes a call with the bot's token, and waits out a short limit.
    async fn bot_call<F: Future<Output = Exchange>>(
        &self,
        method: Method,
        channel: ChannelId,
        call: impl Fn() -> F,
    ) -> Result<Exchange, ChannelRefused> {
        let pacing = &self.shared.pacing;
        let give_up = Instant::now() + PATIENCE;
        loop {
            let path = format!("channels/{channel}/webhooks");
            let permit = match pacing.admit_bot(method, path, Purpose::Person).await {
                Ok(permit) => permit,
                Err(ready_at) => {
                    wait_until(ready_at, give_up).await?;
                    continue;
                }
            };
            if let Err(paused) = pacing.gate.pass().await {
                drop(permit);
                wait_until(Instant::now() + paused.wait, give_up).await?;
                continue;
            }
            let exchange = call().await;
            pacing.settle_bot(permit, &exchange);
            match &exchange.outcome {
                Outcome::Accepted { .. } => return Ok(exchange),
                Outcome::Limited { wait, .. } => {
                    wait_until(Instant::now() + *wait, give_up).await?;
                }
                outcome => return Err(refused(channel, outcome)),
            }
        }
    }
}

async fn wait_until(moment: Instant, give_up: Instant) -> Result<(), ChannelRefused> {
    if moment > give_up {
        let wait = moment.saturating_duration_since(Instant::now());
        return Err(ChannelRefused::RateLimited { wait });
    }
    tokio::time::sleep_until(moment).await;
    Ok(())
}

fn refused(channel: ChannelId, outcome: &Outcome) -> ChannelRefused {
    let lacks = |right| ChannelRefused::MissingRight { channel, right };
    match outcome {
        Outcome::Banned { wait } | Outcome::Limited { wait, .. } | Outcome::HeldBack { wait } => {
            ChannelRefused::RateLimited { wait: *wait }
        }
        Outcome::WebhooksFull => ChannelRefused::TooManyWebhooks { channel },
        Outcome::BotTokenRefused => ChannelRefused::BotTokenRefused,
        Outcome::DeadEnd(end) => match end {
            DeadEnd::NoAccess => lacks(Right::ViewChannel),
            DeadEnd::NoPermission | DeadEnd::Forbidden => lacks(Right::ManageWebhooks),
            DeadEnd::ChannelGone => ChannelRefused::ChannelGone { channel },
            DeadEnd::WrongKind | DeadEnd::ThreadClosed => ChannelRefused::WrongKind { channel },
            DeadEnd::WebhookGone
            | DeadEnd::TokenChanged
            | DeadEnd::TokenUnreadable
            | DeadEnd::Redirected => ChannelRefused::Unreachable,
        },
        Outcome::Accepted { .. }
        | Outcome::Unreached
        | Outcome::Unclear(_)
        | Outcome::Malformed { .. }
        | Outcome::Filtered { .. } => ChannelRefused::Unreachable,
    }
}
