//! Looking into a channel for a post of which nobody knows whether it arrived.
//!
//! The list of a channel's messages shows ids and authors alone; what stands in a webhook's message
//! is shown to the webhook's own token. Doubles that are found are removed: the oldest copy stays.

use std::time::Duration;

use serde::Deserialize;
use twilight_http_ratelimiting::Method;

use super::{
    Shared,
    bot::{Failed, UPKEEP, read},
    http::Webhook,
    outcome::{DeadEnd, Outcome},
    post::{Carrier, Post},
    rights::Rights,
};
use crate::{
    domain::ids::{ChannelId, Home, MessageId, UserId},
    store::{StoreError, destinations::Destination, posts::Kept},
};

/// What a look brought.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Seen {
    /// The copy that stands in the channel, now that it is alone; or none.
    Read(Option<MessageId>),
    /// It is not in the channel, and the webhook that should carry it is gone.
    NoWebhook,
    /// The bot may not read there, or there is too much to read.
    Unreadable,
    /// The channel or the server is gone.
    Gone(DeadEnd),
    /// Not now; to be tried again after a while.
    Later(Duration),
}

/// After Discord could not be reached.
const AGAIN: Duration = Duration::from_secs(15);
/// So many messages at most are looked through for one post: reading a route over and over brings a
/// ban of its own.
const MOST_PAGES: usize = 20;
const PAGE: usize = 100;

/// Looks for copies of a post, and leaves one at most.
pub(super) async fn look(
    shared: &Shared,
    kept: &Kept,
    marker: &str,
    place: &Destination,
) -> Result<Seen, StoreError> {
    let token = shared.store.webhook_token(place).await?;
    let look = Look {
        shared,
        post: &kept.post,
        marker,
        channel: place.channel,
        webhooks_in: place.parent.unwrap_or(place.channel),
        // The token of a newer webhook opens nothing of an older one.
        webhook: Webhook::of(place, token).filter(|_| place.carrier() == kept.post.carrier),
    };
    let candidates = match look.candidates(place).await {
        Ok(Some(candidates)) => candidates,
        Ok(None) => return Ok(Seen::Unreadable),
        Err(failed) => return Ok(after(&failed)),
    };
    let ids: Vec<MessageId> = candidates.iter().map(|one| one.id).collect();
    let known = shared.store.known_messages(&ids, kept.id).await?;
    let unknown = candidates
        .into_iter()
        .filter(|one| !known.contains(&one.id));
    Ok(match look.copies(unknown.collect()).await {
        Ok(copies) if copies.is_empty() => match look.carrier_stands().await {
            Ok(true) => Seen::Read(None),
            Ok(false) => Seen::NoWebhook,
            Err(failed) => after(&failed),
        },
        Ok(mut copies) => {
            let stays = Post::heal(&mut copies);
            match look.remove(&copies).await {
                Ok(()) => Seen::Read(stays),
                Err(failed) => after(&failed),
            }
        }
        Err(failed) => after(&failed),
    })
}

fn after(failed: &Failed) -> Seen {
    match failed {
        Failed::Limited(wait) => Seen::Later(*wait),
        Failed::Refused(Outcome::DeadEnd(end)) if end.is_from_discord() => match end {
            DeadEnd::ChannelGone => Seen::Gone(*end),
            _ => Seen::Unreadable,
        },
        Failed::Refused(Outcome::Banned { wait } | Outcome::HeldBack { wait }) => {
            Seen::Later(*wait)
        }
        Failed::Refused(_) => Seen::Later(AGAIN),
    }
}

struct Look<'a> {
    shared: &'a Shared,
    post: &'a Post,
    marker: &'a str,
    channel: ChannelId,
    /// The channel that holds the webhook.
    webhooks_in: ChannelId,
    webhook: Option<Webhook>,
}

/// A message as a list shows it.
#[derive(Debug, Deserialize)]
struct Listed {
    id: String,
    webhook_id: Option<String>,
    author: Author,
    #[serde(flatten)]
    text: Text,
}

#[derive(Debug, Deserialize)]
struct Author {
    id: String,
}

/// The parts of a message that may hold a marker.
#[derive(Debug, Deserialize, Default)]
#[serde(default)]
struct Text {
    content: String,
    embeds: Vec<Embed>,
}

#[derive(Debug, Deserialize, Default)]
#[serde(default)]
struct Embed {
    footer: Footer,
}

#[derive(Debug, Deserialize, Default)]
#[serde(default)]
struct Footer {
    text: String,
}

impl Text {
    fn holds(&self, marker: &str) -> bool {
        self.content.contains(marker)
            || self
                .embeds
                .iter()
                .any(|embed| embed.footer.text.contains(marker))
    }
}

/// A message by the carrier of the post, with what the list showed of it.
struct Candidate {
    id: MessageId,
    text: Text,
}

impl Look<'_> {
    /// The messages by the post's carrier since its floor; `None` when they cannot all be read.
    async fn candidates(&self, place: &Destination) -> Result<Option<Vec<Candidate>>, Failed> {
        let Some(mut after) = self.post.floor else {
            return Ok(None);
        };
        let shared = self.shared;
        let me = shared.me(UPKEEP).await?;
        let readable = match place.home {
            // Both sides of a conversation may read it.
            Home::Person(_) => true,
            Home::Server(guild) => {
                let channel = shared.channel(guild, self.channel, UPKEEP).await?;
                channel.rights.has(Rights::VIEW_CHANNEL)
                    && channel.rights.has(Rights::READ_MESSAGE_HISTORY)
            }
        };
        if !readable {
            // The list would be empty, and no proof of anything.
            return Ok(None);
        }
        let mut found = Vec::new();
        for _ in 0..MOST_PAGES {
            let exchange = shared
                .bot_call(
                    (Method::Get, &format!("channels/{}/messages", self.channel)),
                    UPKEEP,
                    || shared.client.messages(self.channel, after),
                )
                .await?;
            let page: Vec<Listed> = read(&exchange)?;
            let full = page.len() >= PAGE;
            for listed in page {
                let Ok(id) = listed.id.parse().map(MessageId) else {
                    continue;
                };
                after = after.max(id);
                if self.is_ours(&listed, me) {
                    let text = listed.text;
                    found.push(Candidate { id, text });
                }
            }
            if !full {
                return Ok(Some(found));
            }
        }
        tracing::warn!(channel = %self.channel, "too many messages to look through");
        Ok(None)
    }

    fn is_ours(&self, listed: &Listed, me: UserId) -> bool {
        let webhook = listed.webhook_id.as_deref();
        match self.post.carrier {
            Carrier::Webhook(ours) => webhook == Some(&*ours.to_string()),
            Carrier::Bot => webhook.is_none() && listed.author.id == me.to_string(),
        }
    }

    /// Which of these messages are copies of the post.
    async fn copies(&self, candidates: Vec<Candidate>) -> Result<Vec<MessageId>, Failed> {
        let mut copies = Vec::new();
        for candidate in candidates {
            let is_copy = match (self.post.carrier, &self.webhook) {
                (Carrier::Bot, _) => candidate.text.holds(self.marker),
                (Carrier::Webhook(_), Some(webhook)) if !self.marker.is_empty() => {
                    self.shows_marker(webhook, candidate.id).await?
                }
                // What stands in it is not to be seen any more. One request at a time was under way,
                // so what nobody else has sent is this one.
                _ => self.post.message.is_none_or(|own| own == candidate.id),
            };
            if is_copy {
                copies.push(candidate.id);
            }
        }
        Ok(copies)
    }

    async fn shows_marker(&self, webhook: &Webhook, message: MessageId) -> Result<bool, Failed> {
        let shared = self.shared;
        let path = format!("webhooks/{}/messages", webhook.id);
        let asked = shared.bot_call((Method::Get, &path), UPKEEP, || {
            shared.client.webhook_message(webhook, message)
        });
        match asked.await {
            Ok(exchange) => Ok(read::<Text>(&exchange)?.holds(self.marker)),
            Err(Failed::Refused(Outcome::MessageGone)) => Ok(false),
            // The webhook is gone, and with it the way to see more.
            Err(Failed::Refused(Outcome::DeadEnd(end))) if end.is_from_discord() => Ok(true),
            Err(failed) => Err(failed),
        }
    }

    /// Whether the post's webhook is still there, asked in a way that does not call it: one that is
    /// gone may not be called again. Where that cannot be asked it is taken to stand.
    async fn carrier_stands(&self) -> Result<bool, Failed> {
        #[derive(Deserialize)]
        struct Listed {
            id: String,
        }
        let Carrier::Webhook(ours) = self.post.carrier else {
            return Ok(true);
        };
        let path = format!("channels/{}/webhooks", self.webhooks_in);
        let listed = self.shared.bot_call((Method::Get, &path), UPKEEP, || {
            self.shared.client.channel_webhooks(self.webhooks_in)
        });
        match listed.await {
            Ok(exchange) => {
                let listed: Vec<Listed> = read(&exchange)?;
                Ok(listed.iter().any(|one| one.id == ours.to_string()))
            }
            Err(Failed::Refused(Outcome::DeadEnd(end))) if end.is_from_discord() => Ok(true),
            Err(failed) => Err(failed),
        }
    }

    /// Removes doubles; removing one twice does no harm.
    async fn remove(&self, doubles: &[MessageId]) -> Result<(), Failed> {
        let shared = self.shared;
        for double in doubles {
            let removed = match (self.post.carrier, &self.webhook) {
                (Carrier::Bot, _) => {
                    let path = format!("channels/{}/messages/", self.channel);
                    shared
                        .bot_call((Method::Delete, &path), UPKEEP, || {
                            shared.client.delete_message(self.channel, *double)
                        })
                        .await
                }
                (Carrier::Webhook(_), Some(webhook)) => {
                    let path = format!("webhooks/{}/messages", webhook.id);
                    shared
                        .bot_call((Method::Delete, &path), UPKEEP, || {
                            shared.client.delete_webhook_message(webhook, *double)
                        })
                        .await
                }
                (Carrier::Webhook(_), None) => continue,
            };
            match removed {
                Ok(_) => tracing::warn!(message = %double, "a double was removed"),
                Err(Failed::Refused(Outcome::MessageGone)) => {}
                Err(Failed::Refused(Outcome::DeadEnd(end))) if end.is_from_discord() => {}
                Err(failed) => return Err(failed),
            }
        }
        Ok(())
    }
}
