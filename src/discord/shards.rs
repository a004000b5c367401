//! How the connections to the gateway stand, for `/status`, the readiness of the process, and the
//! watch over how often we present ourselves.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use crate::domain::time::{Span, Timestamp};

/// The state of every shard. Shared between the client and whoever asks.
#[derive(Debug, Default)]
pub struct Shards(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    total: u32,
    by_id: BTreeMap<u32, Shard>,
}

#[derive(Debug, Default)]
struct Shard {
    connected: bool,
    /// When it presented itself since it was last connected.
    identified: Vec<Timestamp>,
}

/// How many shards there are and how many of them are connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Readiness {
    pub connected: u32,
    pub total: u32,
}

impl Readiness {
    /// Every shard is connected, and there is one.
    pub const fn is_ready(self) -> bool {
        self.total > 0 && self.connected >= self.total
    }
}

/// So many times a shard may present itself in vain within [`WATCH`]. Discord resets the token
/// after 1,000 a day over all shards, and the library by itself goes on for ever.
const MOST_IDENTIFIES: usize = 5;
const WATCH: Span = Span::minutes(10);

impl Shards {
    /// Begins anew with so many shards.
    pub fn expect(&self, total: u32) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.total = total;
        for shard in state.by_id.values_mut() {
            shard.connected = false;
        }
    }

    pub fn connected(&self, shard: u32) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let shard = state.by_id.entry(shard).or_default();
        shard.connected = true;
        shard.identified.clear();
    }

    pub fn disconnected(&self, shard: u32) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.by_id.entry(shard).or_default().connected = false;
    }

    /// Notes that a shard presents itself; `false` when it did so too often without being let in.
    #[must_use]
    pub fn identifies(&self, shard: u32, now: Timestamp) -> bool {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let shard = state.by_id.entry(shard).or_default();
        shard.connected = false;
        shard.identified.retain(|at| now.since(*at) <= WATCH.0);
        shard.identified.push(now);
        shard.identified.len() <= MOST_IDENTIFIES
    }

    /// Every shard, and whether it is connected.
    pub fn each(&self) -> Vec<(u32, bool)> {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (0..state.total)
            .map(|id| {
                (
                    id,
                    state.by_id.get(&id).is_some_and(|shard| shard.connected),
                )
            })
            .collect()
    }

    pub fn readiness(&self) -> Readiness {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let connected = state
            .by_id
            .iter()
            .filter(|(id, shard)| **id < state.total && shard.connected)
            .count();
        Readiness {
            connected: u32::try_from(connected).unwrap_or(u32::MAX),
            total: state.total,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_is_when_every_shard_is_connected() {
        let shards = Shards::default();
        assert!(!shards.readiness().is_ready());
        shards.expect(2);
        shards.connected(0);
        assert_eq!(
            shards.readiness(),
            Readiness {
                connected: 1,
                total: 2
            }
        );
        shards.connected(1);
        assert!(shards.readiness().is_ready());
        shards.disconnected(0);
        assert!(!shards.readiness().is_ready());
    }

    #[test]
    fn a_shard_that_is_never_let_in_is_stopped() {
        let shards = Shards::default();
        let at = |seconds: i64| Timestamp::from_millis(seconds * 1000);
        for tries in 0..5 {
            assert!(shards.identifies(0, at(tries * 5)));
        }
        assert!(!shards.identifies(0, at(25)));
        shards.connected(0);
        assert!(shards.identifies(0, at(30)));
        assert!(shards.identifies(1, at(30)));
    }

    #[test]
    fn old_attempts_are_forgotten() {
        let shards = Shards::default();
        for hours in 0..20 {
            assert!(shards.identifies(0, Timestamp::from_millis(hours * 3_600_000)));
        }
    }
}
