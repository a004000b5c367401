//! How often the bot may present itself (IDENTIFY). More than 1,000 times in 24 hours, over all shards
//! and all processes, and Discord ends every session and resets the token. The client library has no
//! limit of its own and would use that up in 83 minutes.

use std::{sync::Arc, time::Duration};

use chacha20poly1305::aead::{OsRng, rand_core::RngCore as _};
use tokio::{
    sync::{Mutex, MutexGuard},
    time::Instant,
};
use tracing::{error, warn};

use crate::{app::App, domain::time::Span, store::identifies::IdentifyId};

/// Identifies that are never used up, so that a person can still restart the bot.
pub const KEPT: u32 = 50;

/// The time that Discord counts over.
const DAY: Span = Span::days(1);

/// So many starts in an hour are a person at work; more are a crash loop.
const USUAL_STARTS: u32 = 20;

/// How many times the first wait of a crash loop the longest one is: 15 minutes for 60 seconds.
pub const LONGEST_WAIT: u32 = 15;

/// So often a shard may present itself in vain within [`RECENT`] before it is stopped for a while.
const MOST_IN_VAIN: u32 = 5;
const RECENT: Span = Span::minutes(10);

/// The least time between two identifies of one concurrency key.
const PAUSE: Duration = Duration::from_secs(5);

/// A fresh number from 0 to 1.
pub fn random() -> f64 {
    f64::from(OsRng.next_u32()) / f64::from(u32::MAX)
}

/// How long a process waits that was started so often in the last hour.
pub fn crash_loop_wait(starts: u32, first: Duration) -> Duration {
    match starts.saturating_sub(USUAL_STARTS) {
        0 => Duration::ZERO,
        more => first.saturating_mul(2_u32.saturating_pow(more - 1).min(LONGEST_WAIT)),
    }
}

/// How long a shard waits before it tries again. `random` is a fresh number from 0 to 1.
///
/// It is one second to five, as Discord asks for; one that is never let in waits anywhere up to
/// `longest` in addition: with ten minutes that makes some 285 identifies a day.
pub fn retry_wait(in_vain: u32, longest: Duration, random: f64) -> Duration {
    let moment = Duration::from_secs(1) + Duration::from_secs(4).mul_f64(random);
    if is_stopped(in_vain) {
        moment + longest.mul_f64(random)
    } else {
        moment
    }
}

/// Whether a shard that was not let in so often is to be stopped for a while.
pub const fn is_stopped(in_vain: u32) -> bool {
    in_vain >= MOST_IN_VAIN
}

/// Notes this start; returns how long to wait before Discord is told of it.
pub async fn note_start(app: &App) -> Duration {
    let now = app.clock.now();
    let first = app.config.discord.crash_loop_wait.0;
    let hour = now.minus(Span::hours(1).0);
    let starts = match app.store.note_start(hour, now).await {
        Ok(starts) => starts,
        Err(error) => {
            // Nothing would hold a crash loop back.
            warn!(%error, wait = ?first, "this start cannot be noted; it waits before it connects");
            return first;
        }
    };
    let wait = crash_loop_wait(starts, first);
    if !wait.is_zero() {
        error!(
            starts,
            ?wait,
            "started again and again within an hour; it waits before it connects to Discord"
        );
    }
    wait
}

/// Gives leave to identify.
#[derive(Debug)]
pub struct Budget {
    app: Arc<App>,
    /// Identifies of a day that may be used.
    allowed: u32,
    /// When each concurrency key was last used.
    lanes: Vec<Mutex<Option<Instant>>>,
}

/// Leave for one shard; others of the same concurrency key wait until it is over.
#[derive(Debug)]
pub struct Turn<'a>(MutexGuard<'a, Option<Instant>>);

impl Turn<'_> {
    /// The shard has presented itself, or never will.
    pub fn over(mut self) {
        *self.0 = Some(Instant::now());
    }
}

impl Budget {
    /// `total` is what Discord allows a day, `max_concurrency` how many shards may identify at once.
    pub fn new(app: Arc<App>, total: u64, max_concurrency: u64) -> Self {
        let lanes = usize::try_from(max_concurrency.clamp(1, 1024)).unwrap_or(1);
        Self {
            app,
            allowed: u32::try_from(total)
                .unwrap_or(u32::MAX)
                .saturating_sub(KEPT)
                .max(1),
            lanes: (0..lanes).map(|_| Mutex::default()).collect(),
        }
    }

    /// When a shard first asks for its turn: groups start one after the other.
    pub fn head_start(&self, shard: u32) -> Duration {
        let group = shard / u32::try_from(self.lanes.len()).unwrap_or(1);
        PAUSE * group
    }

    /// Waits until the shard may present itself.
    pub async fn turn(&self, shard: u32) -> Turn<'_> {
        let lane = usize::try_from(shard).unwrap_or_default() % self.lanes.len();
        #[expect(clippy::indexing_slicing, reason = "a remainder is below the length")]
        let last = self.lanes[lane].lock().await;
        if let Some(last) = *last {
            tokio::time::sleep_until(last + PAUSE).await;
        }
        while let Some(wait) = self.used_up().await {
            error!(
                shard,
                allowed = self.allowed,
                ?wait,
                "the day's identifies are used up; the shard waits before the token is reset"
            );
            tokio::time::sleep(wait.min(Span::hours(1).0)).await;
        }
        Turn(last)
    }

    /// How long until there is one more, when the last day's are used up.
    async fn used_up(&self) -> Option<Duration> {
        let now = self.app.clock.now();
        match self.app.store.nth_last_identify(self.allowed).await {
            Ok(at) => at.and_then(|at| {
                let wait = at.plus(DAY.0).since(now);
                (!wait.is_zero()).then_some(wait)
            }),
            Err(error) => {
                warn!(%error, "the identifies of the last day cannot be counted");
                None
            }
        }
    }

    /// Notes that a shard presents itself. A database that cannot be written keeps nobody from being
    /// answered: the waits between attempts hold without it.
    pub async fn note_identify(&self, shard: u32) -> Option<IdentifyId> {
        let now = self.app.clock.now();
        self.app
            .store
            .note_identify(shard, now)
            .await
            .inspect_err(|error| warn!(shard, %error, "an identify cannot be noted"))
            .ok()
    }

    /// Notes that a shard was let in.
    pub async fn note_ready(&self, identify: IdentifyId) {
        let now = self.app.clock.now();
        if let Err(error) = self.app.store.note_ready(identify, now).await {
            warn!(%error, "that a shard was let in cannot be noted");
        }
    }

    /// How often this shard presented itself in vain a short while ago, by this process or by others.
    pub async fn in_vain(&self, shard: u32) -> u32 {
        let since = self.app.clock.now().minus(RECENT.0);
        let counted = self.app.store.identifies_in_vain(shard, since).await;
        counted
            .inspect_err(|error| warn!(shard, %error, "earlier identifies cannot be counted"))
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// F-G04: the waits of a crash loop, from 60 seconds to 15 minutes.
    #[test]
    fn the_twenty_first_start_in_an_hour_waits_and_each_further_one_longer() {
        let wait = |starts| crash_loop_wait(starts, Duration::from_mins(1)).as_secs() / 60;
        let waits: Vec<_> = [1, 20, 21, 22, 23, 24, 25, 26, 1000].map(wait).into();
        assert_eq!(waits, [0, 0, 1, 2, 4, 8, 15, 15, 15]);
    }

    /// A day of never being let in stays far below the 1,000 that reset the token.
    #[test]
    fn a_day_of_refusals_stays_within_the_budget() {
        let longest = Duration::from_mins(10);
        let (mut passed, mut identifies) = (Duration::ZERO, 0);
        while passed < DAY.0 {
            let random = f64::from(identifies % 11) / 10.0;
            passed += retry_wait(identifies, longest, random);
            identifies += 1;
        }
        assert!((200..400).contains(&identifies), "{identifies}");
    }

    #[test]
    fn the_first_attempts_come_after_one_to_five_seconds() {
        let wait = |random| retry_wait(0, Duration::from_mins(10), random).as_secs();
        assert_eq!((wait(0.0), wait(1.0)), (1, 5));
        assert!(!is_stopped(4) && is_stopped(5));
    }
}
