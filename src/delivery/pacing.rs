//! No request before Discord wants it: one gate for everything, one lane for each channel, and the
//! buckets that the answers tell of.
//!
//! All waiting is measured on the monotonic clock, so a wall clock that jumps breaks no limit.

use std::{
    collections::{HashMap, VecDeque},
    num::NonZeroU32,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use reqwest::header::HeaderMap;
use tokio::time::Instant;
use twilight_http_ratelimiting::{Endpoint, Method, Permit, RateLimitHeaders, RateLimiter};

use super::state::Effect;
use crate::domain::ids::{ChannelId, WebhookId};

/// A webhook's start value, until the answers' headers tell the true one.
const WEBHOOK_START: Window = Window {
    calls: 5,
    length: Duration::from_secs(2),
};
/// What a channel takes over all its webhooks. No header tells of it before it strikes.
const CHANNEL: Window = Window {
    calls: 30,
    length: Duration::from_mins(1),
};
/// Keeps clear of the limit when requests travel at different speeds.
const GUARD: f64 = 1.01;
/// A bucket that takes longer to answer is busy with something else.
const BUCKET_PATIENCE: Duration = Duration::from_millis(100);
/// The limiter's own timer may ring so long after the moment that it names.
const BUCKET_LATENESS: Duration = Duration::from_millis(3);
/// Lanes that nobody used for this long are forgotten.
const LANE_MEMORY: Duration = Duration::from_mins(10);
/// How far apart the first requests after a ban are.
const PROBE_INTERVAL: Duration = Duration::from_secs(5);

#[derive(Debug, Clone, Copy)]
struct Window {
    calls: usize,
    length: Duration,
}

/// Who may send what, and when.
#[derive(Debug)]
pub struct Pacing {
    pub gate: Gate,
    buckets: RateLimiter,
    lanes: Mutex<HashMap<ChannelId, Lane>>,
    /// Whether channels are held to their own limit, which no header tells.
    channel_limit: bool,
}

/// The right to send one message, which has to be told what came of it.
///
/// Dropped, it counts as not used.
#[derive(Debug)]
pub struct Admission {
    channel: ChannelId,
    permit: Permit,
}

impl Pacing {
    /// Has to be called inside a Tokio runtime.
    pub fn new(max_per_second: NonZeroU32, channel_limit: bool) -> Self {
        Self {
            gate: Gate::new(max_per_second, Instant::now()),
            // The gate is the global limit; this limiter does not count webhooks in its own.
            buckets: RateLimiter::new(u16::MAX),
            lanes: Mutex::default(),
            channel_limit,
        }
    }

    /// Leave to send to a webhook now, or the moment from which asking again is worth it.
    pub async fn admit(
        &self,
        channel: ChannelId,
        webhook: WebhookId,
    ) -> Result<Admission, Instant> {
        let now = Instant::now();
        let ready_at = locked(&self.lanes)
            .get(&channel)
            .map_or(now, |lane| lane.ready_at(self.channel_limit));
        if ready_at > now {
            return Err(ready_at);
        }
        // The limiter logs paths, so the token is not part of it; buckets are kept by webhook anyhow.
        let endpoint = endpoint(Method::Post, format!("webhooks/{webhook}"));
        match self.bucket(endpoint).await {
            Ok(permit) => Ok(Admission { channel, permit }),
            Err(ready_at) => {
                self.rest(channel, ready_at);
                Err(ready_at)
            }
        }
    }

    /// Leave for a call with the bot's token, or the moment from which asking again is worth it.
    pub async fn admit_bot(&self, method: Method, path: String) -> Result<Permit, Instant> {
        self.bucket(endpoint(method, path)).await
    }

    /// Takes note of what came of an admitted message.
    pub fn settle(&self, admission: Admission, headers: Option<&HeaderMap>, effect: Effect) {
        let now = Instant::now();
        let learned = settle_permit(admission.permit, headers, effect, now);
        {
            let mut lanes = locked(&self.lanes);
            let lane = lanes
                .entry(admission.channel)
                .or_insert_with(|| Lane::new(now));
            lane.answered(now);
            if let Some(learned) = learned {
                lane.told = true;
                if learned.remaining == 0 {
                    lane.rest_until(Instant::from_std(learned.reset_at) + BUCKET_LATENESS);
                }
            }
            if let Effect::Pause(wait) = effect {
                lane.rest_until(now + wait);
            }
        }
        self.gate.obey(effect, headers.is_some(), now);
    }

    /// Takes note of what came of a call with the bot's token.
    pub fn settle_bot(&self, permit: Permit, headers: Option<&HeaderMap>, effect: Effect) {
        let now = Instant::now();
        settle_permit(permit, headers, effect, now);
        self.gate.obey(effect, headers.is_some(), now);
    }

    /// Forgets channels that have been silent for long.
    pub fn forget_silent(&self) {
        let now = Instant::now();
        locked(&self.lanes).retain(|_, lane| !lane.is_silent(now));
    }

    fn rest(&self, channel: ChannelId, until: Instant) {
        locked(&self.lanes)
            .entry(channel)
            .or_insert_with(|| Lane::new(until))
            .rest_until(until);
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
fn settle_permit(
    permit: Permit,
    headers: Option<&HeaderMap>,
    effect: Effect,
    now: Instant,
) -> Option<RateLimitHeaders> {
    let learned = headers.and_then(|headers| learn(headers, now));
    let told = match effect {
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

/// What is remembered of one channel.
#[derive(Debug)]
struct Lane {
    not_before: Instant,
    /// When the latest answers came. Counted from the answer, a call is always inside of the window
    /// in which Discord counted it.
    answers: VecDeque<Instant>,
    /// The headers tell of the webhook's own limit, so the start value is not needed.
    told: bool,
}

impl Lane {
    const fn new(now: Instant) -> Self {
        Self {
            not_before: now,
            answers: VecDeque::new(),
            told: false,
        }
    }

    fn answered(&mut self, now: Instant) {
        if self.answers.len() == CHANNEL.calls {
            self.answers.pop_front();
        }
        self.answers.push_back(now);
    }

    fn rest_until(&mut self, until: Instant) {
        self.not_before = self.not_before.max(until);
    }

    fn ready_at(&self, channel_limit: bool) -> Instant {
        let windows = [
            (!self.told).then_some(WEBHOOK_START),
            channel_limit.then_some(CHANNEL),
        ];
        windows
            .into_iter()
            .flatten()
            .filter_map(|window| {
                let first = self.answers.len().checked_sub(window.calls)?;
                Some(self.answers[first] + window.length)
            })
            .fold(self.not_before, Instant::max)
    }

    fn is_silent(&self, now: Instant) -> bool {
        let last = self.answers.back().copied().unwrap_or(self.not_before);
        self.not_before <= now && now.saturating_duration_since(last) > LANE_MEMORY
    }
}

/// The pace of everything that goes to Discord, whoever sends it.
///
/// Requests get moments at equal distances: a backlog makes no burst, and no second holds more of
/// them than it may.
#[derive(Debug)]
pub struct Gate(Mutex<GateState>);

#[derive(Debug)]
struct GateState {
    interval: Duration,
    next: Instant,
    paused_until: Instant,
    /// A ban has just ended; until one request has shown so, they go one by one.
    probing: bool,
    /// Raised by each pause, so that moments given before it are not used.
    pauses: u64,
}

/// A pause is on; nothing was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("all requests rest for {} ms", .wait.as_millis())]
pub struct Paused {
    pub wait: Duration,
}

impl Gate {
    fn new(max_per_second: NonZeroU32, now: Instant) -> Self {
        Self(Mutex::new(GateState {
            interval: Duration::from_secs_f64(GUARD / f64::from(max_per_second.get())),
            next: now,
            paused_until: now,
            probing: false,
            pauses: 0,
        }))
    }

    /// Waits for this request's moment. A pause ends the waiting, for the caller to decide.
    pub async fn pass(&self) -> Result<(), Paused> {
        let (moment, pauses) = locked(&self.0).reserve(Instant::now())?;
        tokio::time::sleep_until(moment).await;
        let state = locked(&self.0);
        if state.pauses == pauses {
            Ok(())
        } else {
            let wait = state.paused_until.saturating_duration_since(Instant::now());
            Err(Paused { wait })
        }
    }

    /// How long everything still rests.
    pub fn pause_left(&self) -> Duration {
        locked(&self.0)
            .paused_until
            .saturating_duration_since(Instant::now())
    }

    /// How far ahead moments have been given away.
    pub fn backlog(&self) -> Duration {
        locked(&self.0)
            .next
            .saturating_duration_since(Instant::now())
    }

    /// How many requests are worth claiming together: a quarter of a second's, so that commits are
    /// few and claimed entries do not wait long.
    pub fn per_round(&self) -> usize {
        let quarter = Duration::from_millis(250).as_nanos();
        let interval = locked(&self.0).interval.as_nanos().max(1);
        usize::try_from(quarter / interval)
            .unwrap_or(usize::MAX)
            .max(1)
    }

    /// Whether requests go one by one, because a ban has just ended.
    pub fn is_probing(&self) -> bool {
        locked(&self.0).probing
    }

    fn obey(&self, effect: Effect, answered: bool, now: Instant) {
        let mut state = locked(&self.0);
        match effect {
            Effect::PauseAll(wait) => state.pause(now + wait),
            Effect::PauseAllThenProbe(wait) => {
                state.pause(now + wait);
                state.probing = true;
            }
            Effect::None | Effect::Park(_) | Effect::Pause(_) => {
                // Any answer of Discord itself, other than during the pause, shows that we are let in.
                if state.probing && answered && now >= state.paused_until {
                    state.probing = false;
                    state.next = now;
                }
            }
        }
    }
}

impl GateState {
    fn reserve(&mut self, now: Instant) -> Result<(Instant, u64), Paused> {
        let wait = self.paused_until.saturating_duration_since(now);
        if !wait.is_zero() {
            return Err(Paused { wait });
        }
        let moment = self.next.max(now);
        self.next = moment
            + if self.probing {
                PROBE_INTERVAL
            } else {
                self.interval
            };
        Ok((moment, self.pauses))
    }

    fn pause(&mut self, until: Instant) {
        self.paused_until = self.paused_until.max(until);
        self.next = self.paused_until;
        self.pauses += 1;
    }
}

/// A holder that panicked left a number behind at worst.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHANNEL_ID: ChannelId = ChannelId(1);
    const WEBHOOK: WebhookId = WebhookId(2);

    fn per_second(count: u32) -> NonZeroU32 {
        NonZeroU32::new(count).unwrap()
    }

    fn headers(rows: &[(&'static str, &str)]) -> HeaderMap {
        rows.iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect()
    }

    #[test]
    fn no_second_holds_more_than_it_may() {
        let start = Instant::now();
        let gate = Gate::new(per_second(40), start);
        let moments: Vec<Instant> = (0..200)
            .map(|_| gate.0.lock().unwrap().reserve(start).unwrap().0)
            .collect();
        for (first, later) in moments.iter().zip(&moments[40..]) {
            assert!(*later - *first >= Duration::from_secs(1));
        }
        let all = moments[199] - moments[0];
        assert!(all <= Duration::from_secs_f64(199.0 / 39.5), "{all:?}");
    }

    #[test]
    fn a_pause_takes_back_moments_and_a_ban_ends_with_one_probe() {
        let start = Instant::now();
        let gate = Gate::new(per_second(40), start);
        let before = gate.0.lock().unwrap().reserve(start).unwrap().1;
        let hour = Duration::from_hours(1);
        gate.obey(Effect::PauseAllThenProbe(hour), true, start);
        assert_ne!(gate.0.lock().unwrap().pauses, before);
        assert_eq!(
            gate.0.lock().unwrap().reserve(start),
            Err(Paused { wait: hour })
        );
        // An answer to what was under way when the ban came does not end it.
        gate.obey(Effect::None, true, start);
        let after = start + hour;
        let (probe, _) = gate.0.lock().unwrap().reserve(after).unwrap();
        let (second, _) = gate.0.lock().unwrap().reserve(after).unwrap();
        assert_eq!(probe, after);
        assert_eq!(second - probe, PROBE_INTERVAL);
        gate.obey(Effect::None, false, after);
        assert!(gate.is_probing());
        gate.obey(Effect::None, true, after + Duration::from_millis(80));
        assert!(!gate.is_probing());
    }

    #[test]
    fn a_channel_takes_five_in_two_seconds_and_thirty_in_a_minute() {
        let start = Instant::now();
        let mut lane = Lane::new(start);
        let mut now = start;
        let mut sent = Vec::new();
        for _ in 0..90 {
            now = now.max(lane.ready_at(true));
            sent.push(now);
            lane.answered(now);
        }
        for window in [WEBHOOK_START, CHANNEL] {
            for (first, later) in sent.iter().zip(&sent[window.calls..]) {
                assert!(*later - *first >= window.length);
            }
        }
        assert_eq!(sent[4], start);
        assert!(sent[89] - start < Duration::from_secs(135));
        lane.told = true;
        assert_eq!(lane.ready_at(false), start);
    }

    async fn admitted(pacing: &Pacing) -> Admission {
        loop {
            match pacing.admit(CHANNEL_ID, WEBHOOK).await {
                Ok(admission) => return admission,
                Err(ready_at) => tokio::time::sleep_until(ready_at).await,
            }
        }
    }

    #[tokio::test]
    async fn a_limited_webhook_rests_as_long_as_it_was_told() {
        let pacing = Pacing::new(per_second(40), true);
        let admission = pacing.admit(CHANNEL_ID, WEBHOOK).await.unwrap();
        let told = Instant::now();
        let wait = Duration::from_millis(300);
        pacing.settle(admission, None, Effect::Pause(wait));
        let ready_at = pacing.admit(CHANNEL_ID, WEBHOOK).await.unwrap_err();
        assert!(ready_at >= told + wait);
        assert!(pacing.admit(ChannelId(9), WebhookId(9)).await.is_ok());
        let admission = admitted(&pacing).await;
        assert!(Instant::now() >= ready_at);
        let empty = headers(&[
            ("x-ratelimit-bucket", "abc"),
            ("x-ratelimit-limit", "5"),
            ("x-ratelimit-remaining", "0"),
            ("x-ratelimit-reset-after", "0.2"),
        ]);
        let told = Instant::now();
        pacing.settle(admission, Some(&empty), Effect::None);
        let ready_at = pacing.admit(CHANNEL_ID, WEBHOOK).await.unwrap_err();
        assert!(ready_at >= told + Duration::from_millis(200));
    }

    #[tokio::test]
    async fn an_admission_that_is_not_used_blocks_nobody() {
        let pacing = Pacing::new(per_second(40), true);
        drop(pacing.admit(CHANNEL_ID, WEBHOOK).await.unwrap());
        assert!(pacing.admit(CHANNEL_ID, WEBHOOK).await.is_ok());
    }
}
