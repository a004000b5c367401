//! No request before Discord wants it: one gate for everything, one lane for each channel, the buckets
//! that the answers tell of, and a budget of invalid requests.
//!
//! All waiting is measured on the monotonic clock, so a wall clock that jumps breaks no limit.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use reqwest::header::HeaderMap;
use tokio::time::Instant;
use twilight_http_ratelimiting::{Endpoint, Method, Permit, RateLimitHeaders, RateLimiter};

use super::{
    Settings,
    http::Exchange,
    outcome::{Outcome, Scope, is_invalid},
    post::{Effect, effect},
    urgency::Urgency,
};
use crate::{
    domain::ids::{ChannelId, WebhookId},
    ops::metrics::Metrics,
};

mod breaker;
mod budget;
mod gate;
mod lane;
#[cfg(test)]
mod tests;

pub use breaker::Cause;
pub use budget::Brake;
pub use gate::{Gate, Paused};

use budget::Budget;
use lane::Lane;

/// A bucket that takes longer to answer is busy with something else.
const BUCKET_PATIENCE: Duration = Duration::from_millis(100);
/// The limiter's own timer may ring so long after the moment that it names.
const BUCKET_LATENESS: Duration = Duration::from_millis(3);
/// A longer rest is obeyed, and is worth a look.
const UNUSUAL_REST: Duration = Duration::from_hours(1);

/// Who may send what, and when.
#[derive(Debug)]
pub struct Pacing {
    pub gate: Gate,
    buckets: RateLimiter,
    lanes: Mutex<HashMap<ChannelId, Lane>>,
    budget: Mutex<Budget>,
    channel_per_minute: usize,
    metrics: Arc<Metrics>,
}

/// The right to send one message, which has to be told what came of it.
///
/// Dropped, it counts as not used.
#[derive(Debug)]
pub struct Admission {
    channel: ChannelId,
    permit: Permit,
}

/// What a call with the bot's token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A person waits for what comes of it.
    Person,
    /// It is as good some minutes later.
    Upkeep,
}

/// How sending stands, for those who watch it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// How long everything still rests.
    pub paused: Duration,
    /// Why requests go one by one; `None` when they do not.
    pub probing: Option<Cause>,
    /// Invalid requests in the last ten minutes.
    pub invalid: usize,
    pub brake: Brake,
    /// How far ahead moments have been given away.
    pub ahead: Duration,
}

impl Pacing {
    /// Has to be called inside a Tokio runtime.
    pub fn new(settings: &Settings, metrics: Arc<Metrics>) -> Self {
        let now = Instant::now();
        Self {
            gate: Gate::new(settings.max_per_second, settings.breaker_probe, now),
            // The gate is the global limit; this limiter does not count webhooks in its own.
            buckets: RateLimiter::new(u16::MAX),
            lanes: Mutex::default(),
            budget: Mutex::new(Budget::new(settings.invalid_soft, settings.invalid_hard)),
            channel_per_minute: settings.channel_per_minute,
            metrics,
        }
    }

    /// Leave to send to a webhook now, or the moment from which asking again is worth it.
    ///
    /// `proven` tells whether the webhook has taken a message before.
    pub async fn admit(
        &self,
        channel: ChannelId,
        webhook: WebhookId,
        urgency: Urgency,
        proven: bool,
    ) -> Result<Admission, Instant> {
        let bears = match urgency {
            Urgency::Digest => Brake::Off,
            Urgency::Critical | Urgency::Normal if proven => Brake::Hard,
            Urgency::Critical | Urgency::Normal => Brake::Soft,
        };
        let now = Instant::now();
        self.brake(bears, now)?;
        let ready_at = locked(&self.lanes)
            .get(&channel)
            .map_or(now, |lane| lane.ready_at(now));
        if ready_at > now {
            return Err(ready_at);
        }
        // The limiter logs paths, so the token is not part of it; buckets are kept by webhook anyhow.
        let endpoint = endpoint(Method::Post, format!("webhooks/{webhook}"));
        match self.bucket(endpoint).await {
            Ok(permit) => Ok(Admission { channel, permit }),
            Err(ready_at) => {
                self.lane(channel, |lane| lane.rest_until(ready_at));
                Err(ready_at)
            }
        }
    }

    /// Leave for a call with the bot's token, or the moment from which asking again is worth it.
    pub async fn admit_bot(
        &self,
        method: Method,
        path: String,
        purpose: Purpose,
    ) -> Result<Permit, Instant> {
        let bears = match purpose {
            Purpose::Person => Brake::Soft,
            Purpose::Upkeep => Brake::Off,
        };
        self.brake(bears, Instant::now())?;
        self.bucket(endpoint(method, path)).await
    }

    /// Takes note of what came of an admitted message.
    pub fn settle(&self, admission: Admission, exchange: &Exchange) {
        let now = Instant::now();
        let learned = settle_permit(admission.permit, exchange, now);
        self.lane(admission.channel, |lane| {
            if exchange.outcome.was_taken() {
                lane.took(now);
            }
            if exchange.headers.is_some() {
                lane.told(learned.is_some());
            }
            if let Some(learned) = learned.filter(|learned| learned.remaining == 0) {
                lane.rest_until(Instant::from_std(learned.reset_at) + BUCKET_LATENESS);
            }
            if let Outcome::Limited { scope, wait } = exchange.outcome {
                if scope == Scope::Shared {
                    lane.struck(now);
                }
                lane.rest_until(now + wait);
            }
        });
        self.note(exchange, now);
    }

    /// Takes note of what came of a call with the bot's token.
    pub fn settle_bot(&self, permit: Permit, exchange: &Exchange) {
        let now = Instant::now();
        settle_permit(permit, exchange, now);
        self.note(exchange, now);
    }

    /// Takes over from before a restart what a channel took in the last minute: how long ago each
    /// call was answered. Without it the first minute could hold twice what the channel takes.
    pub fn seed(&self, channel: ChannelId, ages: &[Duration]) {
        let now = Instant::now();
        let mut ages = ages.to_vec();
        ages.sort_unstable_by(|one, other| other.cmp(one));
        self.lane(channel, |lane| {
            for age in ages {
                lane.took(now.checked_sub(age).unwrap_or(now));
            }
        });
    }

    /// How long everything still rests, to be written down before a restart.
    pub fn pause_left(&self) -> Duration {
        self.gate.pause_left()
    }

    /// Whether the address is banned at this moment.
    pub fn is_banned(&self) -> bool {
        self.gate.is_banned()
    }

    /// Takes note of a refused request that went another way, and of the effect that it has on all.
    pub fn refused_elsewhere(&self, effect: Effect) {
        let now = Instant::now();
        locked(&self.budget).invalid(now);
        drop(self.budget(now));
        self.gate.obey(effect, None, now);
    }

    /// Goes on with a pause from before a restart. One request then tries whether it is over, since
    /// nobody knows any more what it was for.
    pub fn resume_pause(&self, left: Duration) {
        if !left.is_zero() {
            let pause = Effect::PauseAllThenProbe(left);
            self.gate.obey(pause, None, Instant::now());
        }
    }

    pub fn condition(&self) -> Condition {
        let (invalid, brake) = {
            let budget = self.budget(Instant::now());
            (budget.count(), budget.brake())
        };
        Condition {
            paused: self.gate.pause_left(),
            probing: self.gate.probing(),
            invalid,
            brake,
            ahead: self.gate.backlog(),
        }
    }

    /// Forgets channels that have been silent for long, and invalid requests that no longer count.
    pub fn forget_silent(&self) {
        let now = Instant::now();
        locked(&self.lanes).retain(|_, lane| !lane.is_silent(now));
        drop(self.budget(now));
    }

    fn lane(&self, channel: ChannelId, change: impl FnOnce(&mut Lane)) {
        let mut lanes = locked(&self.lanes);
        let lane = lanes
            .entry(channel)
            .or_insert_with(|| Lane::new(self.channel_per_minute, Instant::now()));
        change(lane);
    }

    /// What an outcome means for everybody.
    fn note(&self, exchange: &Exchange, now: Instant) {
        let outcome = &exchange.outcome;
        self.metrics.answered(exchange.status);
        if is_invalid(exchange.status, outcome) {
            locked(&self.budget).invalid(now);
            drop(self.budget(now));
        }
        if let Outcome::Limited { wait, .. } | Outcome::Banned { wait } = outcome
            && *wait > UNUSUAL_REST
        {
            tracing::warn!(
                status = exchange.status,
                seconds = wait.as_secs(),
                outcome = outcome.error().as_deref(),
                "Discord wants us to rest for unusually long"
            );
        }
        self.gate
            .obey(effect(outcome), outcome.shows_failure(), now);
    }

    /// Holds back what does not go on under the present brake.
    fn brake(&self, bears: Brake, now: Instant) -> Result<(), Instant> {
        self.budget(now).held_until(bears).map_or(Ok(()), Err)
    }

    /// The budget as it stands now. A brake that begins or ends is told of once.
    fn budget(&self, now: Instant) -> MutexGuard<'_, Budget> {
        let mut budget = locked(&self.budget);
        let before = budget.brake();
        let changed = budget.update(now);
        let invalid = budget.count();
        match changed {
            Some(brake) if brake < before => tracing::info!(
                invalid,
                ?brake,
                "fewer requests are refused; less is held back"
            ),
            Some(Brake::Hard) => tracing::error!(
                invalid,
                "very many requests are refused; only channels that took messages before are written to"
            ),
            Some(_) => tracing::warn!(
                invalid,
                "many requests are refused; what can wait is held back"
            ),
            None => {}
        }
        budget
    }

    async fn bucket(&self, endpoint: Endpoint) -> Result<Permit, Instant> {
        let (tell, told) = tokio::sync::oneshot::channel();
        let asked = self.buckets.acquire_if(endpoint, move |bucket| {
            match bucket.filter(|bucket| bucket.remaining == 0) {
                // Nobody listening means that the answer has come too late.
                Some(empty) => tell.send(empty.reset_at).is_err(),
                None => true,
            }
        });
        let soon = Instant::now() + BUCKET_PATIENCE;
        match tokio::time::timeout_at(soon, asked).await {
            Ok(Some(permit)) => Ok(permit),
            Ok(None) => {
                let reset_at = told.await.map_or(soon, Instant::from_std);
                Err(reset_at.max(Instant::now() + BUCKET_LATENESS))
            }
            Err(_) => Err(soon),
        }
    }
}

const fn endpoint(method: Method, path: String) -> Endpoint {
    Endpoint { method, path }
}

/// Tells the limiter what the answer said; returns what was learned of the bucket.
fn settle_permit(permit: Permit, exchange: &Exchange, now: Instant) -> Option<RateLimitHeaders> {
    let headers = exchange.headers.as_ref();
    let learned = headers.and_then(|headers| learn(headers, now));
    let told = match effect(&exchange.outcome) {
        // Without anything told the limiter would let the next one go at once.
        Effect::Pause(wait) => Some(RateLimitHeaders {
            bucket: learned
                .as_ref()
                .map_or_else(|| b"unnamed".to_vec(), |learned| learned.bucket.clone()),
            limit: learned.as_ref().map_or(1, |learned| learned.limit),
            remaining: 0,
            reset_at: (now + wait).into_std(),
        }),
        _ => learned.clone(),
    };
    permit.complete(told);
    learned
}

/// Reads what an answer tells of its bucket.
fn learn(headers: &HeaderMap, now: Instant) -> Option<RateLimitHeaders> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let reset_after: f64 = text(RateLimitHeaders::RESET_AFTER)?.parse().ok()?;
    let reset_after = Duration::try_from_secs_f64(reset_after.min(604_800.0)).ok()?;
    Some(RateLimitHeaders {
        bucket: headers.get(RateLimitHeaders::BUCKET)?.as_bytes().to_vec(),
        limit: text(RateLimitHeaders::LIMIT)?.parse().ok()?,
        remaining: text(RateLimitHeaders::REMAINING)?.parse().ok()?,
        reset_at: (now + reset_after).into_std(),
    })
}

/// A holder that panicked left a number behind at worst.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
