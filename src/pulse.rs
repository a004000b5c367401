//! Which loops of the bot still move. A supervisor is told so, and `/healthz` tells whoever asks.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// How late a loop may be where nobody has said otherwise. Waiting for the database takes 5 s at a time
/// while another program holds it, and a loop may wait several times.
pub const GRACE: Duration = Duration::from_mins(1);

/// The loops that have to move. Clones share everything.
#[derive(Debug, Clone, Default)]
pub struct Pulses(Arc<Mutex<Loops>>);

#[derive(Debug, Default)]
struct Loops {
    begun: u64,
    moving: BTreeMap<u64, Expected>,
}

/// When a loop moves again at the latest, if nothing holds it up.
#[derive(Debug)]
struct Expected {
    name: &'static str,
    at: Instant,
}

impl Pulses {
    /// Listens to a loop from now on, until what is returned is dropped: one that ends, or that rests for
    /// longer than it can tell, is not stuck.
    pub fn listen(&self, name: &'static str) -> Pulse {
        let mut loops = self.loops();
        loops.begun += 1;
        let id = loops.begun;
        let at = Instant::now();
        loops.moving.insert(id, Expected { name, at });
        Pulse {
            pulses: self.clone(),
            id,
        }
    }

    /// The name of a loop that is late by more than `grace`; `None` while all move.
    pub fn stuck(&self, grace: Duration) -> Option<&'static str> {
        self.stuck_at(Instant::now(), grace)
    }

    fn stuck_at(&self, now: Instant, grace: Duration) -> Option<&'static str> {
        let loops = self.loops();
        let late = |expected: &&Expected| now.saturating_duration_since(expected.at) > grace;
        Some(loops.moving.values().find(late)?.name)
    }

    fn loops(&self) -> MutexGuard<'_, Loops> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What one loop shows that it moves with.
#[derive(Debug)]
pub struct Pulse {
    pulses: Pulses,
    id: u64,
}

impl Pulse {
    /// Says that the loop moves, and will do so again within this time.
    pub fn beat(&self, within: Duration) {
        if let Some(expected) = self.pulses.loops().moving.get_mut(&self.id) {
            expected.at = Instant::now() + within;
        }
    }
}

impl Drop for Pulse {
    fn drop(&mut self) {
        self.pulses.loops().moving.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// A loop is stuck once it is later than it said, and not before.
    #[test]
    fn a_loop_may_sleep_as_long_as_it_said() {
        let pulses = Pulses::default();
        let after = |seconds| {
            let now = Instant::now() + SECOND * seconds;
            pulses.stuck_at(now, SECOND * 2)
        };
        let sleeper = pulses.listen("sleeper");
        sleeper.beat(SECOND * 100);
        let quick = pulses.listen("quick");
        assert_eq!((after(1), after(50)), (None, Some("quick")));
        quick.beat(SECOND * 60);
        assert_eq!((after(50), after(70)), (None, Some("quick")));
        drop(quick);
        assert_eq!((after(100), after(110)), (None, Some("sleeper")));
        sleeper.beat(SECOND * 120);
        assert_eq!(after(110), None);
    }

    /// A shard that is closed, or a task that was aborted, holds nobody else up.
    #[test]
    fn who_has_ended_is_not_stuck() {
        let pulses = Pulses::default();
        let later = || pulses.stuck_at(Instant::now() + SECOND * 3, SECOND);
        let ended = pulses.listen("ended");
        let lives = pulses.listen("lives");
        assert_eq!(later(), Some("ended"));
        drop(ended);
        assert_eq!(later(), Some("lives"));
        drop(lives);
        assert_eq!(later(), None);
    }
}
