//! What is on its way, each in a task of its own: one attempt to send, or one look into a channel.

use std::{convert::Infallible, sync::Arc, time::Duration};

use chacha20poly1305::aead::{OsRng, rand_core::RngCore as _};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use twilight_http_ratelimiting::{Method, Permit};

use super::RETRY;
use crate::{
    delivery::{
        Shared,
        bot::{Failed, UPKEEP},
        compose,
        http::{Body, Exchange, TextFile, Webhook},
        outcome::{DeadEnd, Outcome},
        pacing::{Admission, Purpose},
        post::{self, Carrier, Effect, Post},
        read_back::{self, Seen},
        state::State,
        urgency::Urgency,
    },
    domain::ids::{DestinationId, PostId},
    failpoint::failpoint,
    store::{
        StoreError,
        destinations::Destination,
        posts::{Edit, Kept, Receipt, Wire},
    },
};

/// After an edit of which nobody knows whether it arrived.
const EDIT_AGAIN: Duration = Duration::from_secs(30);

/// What a task of the worker ends with.
pub(super) enum Landing {
    Receipt(Box<Receipt>),
    /// A destination was tried again.
    Revived(DestinationId),
    /// A message was edited, or not.
    Edited(DestinationId),
}

/// Leave to send, which has to be told what came of it.
pub(super) enum Leave {
    Webhook(Admission),
    Bot(Permit),
}

/// All that one attempt needs.
pub(super) struct Order {
    pub(super) id: PostId,
    pub(super) claimed: Post,
    pub(super) place: Destination,
    pub(super) webhook: Option<Webhook>,
    pub(super) wire: Wire,
    pub(super) leave: Leave,
}

pub(super) async fn admit(
    shared: &Shared,
    place: &Destination,
    urgency: Urgency,
) -> Result<Leave, Instant> {
    let pacing = &shared.pacing;
    if let Some(webhook) = place.webhook {
        let proven = place.last_message.is_some();
        let admission = pacing.admit(place.channel, webhook, urgency, proven).await;
        return admission.map(Leave::Webhook);
    }
    let path = format!("channels/{}/messages", place.channel);
    let purpose = match urgency {
        Urgency::Digest => Purpose::Upkeep,
        Urgency::Critical | Urgency::Normal => Purpose::Person,
    };
    let permit = pacing.admit_bot(Method::Post, path, purpose).await;
    permit.map(Leave::Bot)
}

impl Shared {
    pub(super) fn receipt(
        &self,
        id: PostId,
        destination: DestinationId,
        claimed: &Post,
        outcome: &Outcome,
        status: Option<u16>,
    ) -> Receipt {
        let at = self.clock.now();
        Receipt {
            id,
            destination,
            before: claimed.clone(),
            after: claimed.clone().settled(outcome, at, random(), &self.waits),
            effect: post::effect(outcome),
            at,
            error: outcome.error(),
            status,
        }
    }

    async fn call(&self, order: &Order) -> Exchange {
        let json = match order.claimed.carrier {
            Carrier::Webhook(_) => order.wire.payload.clone(),
            Carrier::Bot => compose::with_nonce(&order.wire),
        };
        let body = Body {
            json: json.into(),
            file: order.wire.attachment.clone().map(|text| TextFile {
                name: compose::LIST,
                text,
            }),
        };
        match (order.claimed.carrier, &order.webhook) {
            (Carrier::Webhook(_), Some(webhook)) => {
                self.client.execute_webhook(webhook, body).await
            }
            _ => self.client.create_message(order.place.channel, body).await,
        }
    }
}

/// Sends one claimed post when its moment comes.
pub(super) async fn attempt(shared: Arc<Shared>, stop: CancellationToken, order: Order) -> Landing {
    let receipt = |outcome: &Outcome, status| {
        let (id, place) = (order.id, order.place.id);
        shared.receipt(id, place, &order.claimed, outcome, status)
    };
    let held = tokio::select! {
        biased;
        () = stop.cancelled() => Some(Duration::ZERO),
        passed = shared.pacing.gate.pass() => passed.err().map(|paused| paused.wait),
    };
    if let Some(wait) = held {
        let receipt = receipt(&Outcome::HeldBack { wait }, None);
        return Landing::Receipt(Box::new(receipt));
    }
    failpoint!("wire.before");
    let exchange = tokio::select! {
        exchange = shared.call(&order) => exchange,
        never = cut_off_soon() => match never {},
    };
    failpoint!("wire.after");
    let effect = post::effect(&exchange.outcome);
    let receipt = receipt(&exchange.outcome, exchange.status);
    match order.leave {
        Leave::Webhook(admission) => shared.pacing.settle(admission, &exchange),
        Leave::Bot(permit) => shared.pacing.settle_bot(permit, &exchange),
    }
    shared.note_pause(effect).await;
    if receipt.after.state == State::Delivered {
        tracing::debug!(post = %order.id, "delivered");
    } else {
        tracing::info!(
            post = %order.id,
            destination = %order.place.id,
            status = exchange.status,
            outcome = receipt.error.as_deref(),
            next = receipt.after.state.slug(),
            "not delivered"
        );
    }
    if exchange.outcome == Outcome::BotTokenRefused {
        shared.refused.cancel();
    }
    Landing::Receipt(Box::new(receipt))
}

/// Puts into a message how what it tells has ended. Doing it twice does no harm.
pub(super) async fn edit(
    shared: Arc<Shared>,
    edit: Edit,
    place: Destination,
    webhook: Option<Webhook>,
) -> Landing {
    let settled = async {
        let body = match shared.revised(&edit, &place).await {
            Ok(Some(body)) => body,
            // What is sealed and does not open stays as it was told.
            Ok(None) | Err(StoreError::Sealed(_)) => {
                return shared.store.settle_edit(&edit, None, None).await;
            }
            Err(error) => return Err(error),
        };
        let edited = shared.change(&edit, &place, webhook.as_ref(), body).await;
        shared.settle_edit(&edit, edited).await
    };
    if let Err(error) = settled.await {
        shared.report("a message cannot be edited", error);
        tokio::time::sleep(RETRY).await;
    }
    Landing::Edited(place.id)
}

impl Shared {
    /// What the message says now; `None` where nothing is known any more of what it tells.
    async fn revised(&self, edit: &Edit, place: &Destination) -> Result<Option<Body>, StoreError> {
        let marker = self.store.marker(edit.post).await?;
        let told = self.store.told_in(edit.post).await?;
        let revised = compose::revise(&told, place, &marker);
        Ok(revised.map(|revised| Body {
            json: revised.json.into(),
            file: revised.attachment.map(|text| TextFile {
                name: compose::LIST,
                text,
            }),
        }))
    }

    /// Edits have a limit of their own, beside that of new messages.
    async fn change(
        &self,
        edit: &Edit,
        place: &Destination,
        webhook: Option<&Webhook>,
        body: Body,
    ) -> Result<Exchange, Failed> {
        let (client, message) = (&self.client, edit.message);
        if let Some(webhook) = webhook {
            let path = format!("webhooks/{}/messages", webhook.id);
            let edited = self.bot_call((Method::Patch, &path), UPKEEP, || {
                client.edit_webhook_message(webhook, message, body.clone())
            });
            edited.await
        } else {
            let path = format!("channels/{}/messages/", place.channel);
            let edited = self.bot_call((Method::Patch, &path), UPKEEP, || {
                client.edit_message(place.channel, message, body.clone())
            });
            edited.await
        }
    }

    async fn settle_edit(
        &self,
        edit: &Edit,
        edited: Result<Exchange, Failed>,
    ) -> Result<(), StoreError> {
        let outcome = match edited {
            Ok(_) => {
                let now = self.clock.now();
                return self.store.settle_edit(edit, Some(now), None).await;
            }
            Err(Failed::Limited(wait)) => return self.edit_later(edit, wait).await,
            Err(Failed::Refused(outcome)) => outcome,
        };
        match outcome {
            Outcome::Limited { wait, .. }
            | Outcome::Banned { wait }
            | Outcome::HeldBack { wait } => self.edit_later(edit, wait).await,
            Outcome::Accepted { .. }
            | Outcome::Unreached
            | Outcome::Unclear(_)
            | Outcome::BotTokenRefused => self.edit_later(edit, EDIT_AGAIN).await,
            // What was there is gone, or is no longer ours to change.
            Outcome::MessageGone
            | Outcome::DeadEnd(_)
            | Outcome::Malformed { .. }
            | Outcome::Filtered { .. }
            | Outcome::WebhooksFull => {
                // Nobody asks a second time by a webhook that is gone: Discord bans who goes on.
                let gone = match outcome {
                    Outcome::DeadEnd(reason @ (DeadEnd::WebhookGone | DeadEnd::TokenChanged)) => {
                        Some(reason)
                    }
                    _ => None,
                };
                let outcome = outcome.error();
                tracing::info!(post = %edit.post, outcome = outcome.as_deref(), "a message stays as it was");
                self.store.settle_edit(edit, None, None).await?;
                match gone {
                    Some(reason) => {
                        self.store
                            .park_carrier(edit, reason, self.clock.now())
                            .await
                    }
                    None => Ok(()),
                }
            }
        }
    }

    async fn edit_later(&self, edit: &Edit, wait: Duration) -> Result<(), StoreError> {
        let later = self.clock.now().plus(wait);
        self.store.settle_edit(edit, None, Some(later)).await
    }
}

/// A test may end the process while a request is under way; nothing else ever comes of it.
async fn cut_off_soon() -> Infallible {
    if fail::has_failpoints() {
        tokio::task::yield_now().await;
        failpoint!("wire.mid");
    }
    std::future::pending().await
}

/// Looks into the channel for copies of a post.
pub(super) async fn look(shared: Arc<Shared>, kept: Kept, place: Destination) -> Landing {
    failpoint!("read_back.before");
    let seen = async {
        let marker = shared.store.marker(kept.id).await?;
        read_back::look(&shared, &kept, &marker, &place).await
    };
    let (now, post) = (shared.clock.now(), kept.post.clone());
    let (after, effect, error) = match seen.await {
        Ok(Seen::Read(found)) => {
            tracing::info!(post = %kept.id, ?found, "looked into the channel");
            (post.looked(found, now, &shared.waits), Effect::None, None)
        }
        Ok(Seen::NoWebhook) => {
            let gone = DeadEnd::WebhookGone;
            let absent = post.looked(None, now, &shared.waits);
            (absent, Effect::Park(gone), Some(gone.slug()))
        }
        Ok(Seen::Unreadable) => {
            tracing::warn!(post = %kept.id, channel = %place.channel, "the channel cannot be read");
            (post.unreadable(), Effect::None, Some("unreadable"))
        }
        Ok(Seen::Gone(end)) => (post.unreadable(), Effect::Park(end), Some(end.slug())),
        Ok(Seen::Later(wait)) => {
            tracing::info!(post = %kept.id, ?wait, "the channel cannot be read now");
            (post.not_looked(wait, now), Effect::None, Some("unread"))
        }
        Err(error) => {
            shared.report("a message cannot be looked for", error);
            (post.not_looked(RETRY, now), Effect::None, Some("unread"))
        }
    };
    failpoint!("read_back.after");
    Landing::Receipt(Box::new(Receipt {
        id: kept.id,
        destination: kept.destination,
        before: kept.post,
        after,
        effect,
        at: now,
        error: error.map(Into::into),
        status: None,
    }))
}

/// A fresh number from 0 to 1.
fn random() -> f64 {
    f64::from(OsRng.next_u32()) / f64::from(u32::MAX)
}
