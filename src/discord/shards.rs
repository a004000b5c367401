//! How we hear of what people do: how the connections to the gateway stand, or that there is none, for `/status`
//! and the readiness of the process.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use crate::domain::alarm::{SESSIONS_LOST, SESSIONS_LOST_WITHIN};

/// The state of every shard. Shared between the client and whoever asks.
#[derive(Debug, Default)]
pub struct Shards(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    total: u32,
    connected: BTreeSet<u32>,
    listens: bool,
    /// When each shard has lost its sessions, in the last hour.
    lost: BTreeMap<u32, Vec<Instant>>,
}

/// How many shards there are and how many of them are connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Readiness {
    pub connected: u32,
    pub total: u32,
    /// Interactions come by HTTP, and no shard is wanted.
    pub listens: bool,
}

impl Readiness {
    /// Every shard is connected, and there is one; or none is wanted.
    pub const fn is_ready(self) -> bool {
        self.listens || self.total > 0 && self.connected >= self.total
    }
}

impl Shards {
    /// Begins anew with so many shards.
    pub fn expect(&self, total: u32) {
        let mut state = self.state();
        state.total = total;
        state.connected.clear();
    }

    pub fn connected(&self, shard: u32) {
        self.state().connected.insert(shard);
    }

    pub fn disconnected(&self, shard: u32) {
        self.state().connected.remove(&shard);
    }

    /// The session of a shard has ended and cannot be resumed. Returns how many of its sessions have in the
    /// last hour.
    pub fn lost(&self, shard: u32, now: Instant) -> usize {
        let mut state = self.state();
        let lost = state.lost.entry(shard).or_default();
        lost.retain(|at| now.duration_since(*at) < SESSIONS_LOST_WITHIN.0);
        lost.push(now);
        lost.len()
    }

    /// Whether a shard loses its sessions so often that another process may be using them up.
    pub fn are_contested(&self, now: Instant) -> bool {
        let recent = |at: &&Instant| now.duration_since(**at) < SESSIONS_LOST_WITHIN.0;
        self.state()
            .lost
            .values()
            .any(|lost| lost.iter().filter(recent).count() >= SESSIONS_LOST)
    }

    /// Whether the interactions endpoint is open, which takes the place of all shards.
    pub fn listens(&self, listens: bool) {
        self.state().listens = listens;
    }

    /// Every shard, and whether it is connected.
    pub fn each(&self) -> Vec<(u32, bool)> {
        let state = self.state();
        (0..state.total)
            .map(|id| (id, state.connected.contains(&id)))
            .collect()
    }

    pub fn readiness(&self) -> Readiness {
        let state = self.state();
        let connected = state.connected.range(..state.total).count();
        Readiness {
            connected: u32::try_from(connected).unwrap_or(u32::MAX),
            total: state.total,
            listens: state.listens,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

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
                total: 2,
                listens: false,
            }
        );
        shards.connected(1);
        assert!(shards.readiness().is_ready());
        shards.disconnected(0);
        assert!(!shards.readiness().is_ready());
        shards.expect(0);
        assert!(!shards.readiness().is_ready());
        shards.listens(true);
        assert!(shards.readiness().is_ready());
    }

    /// F-S12: sessions that are lost now and then are usual; the same shard's again and again are not.
    #[test]
    fn a_shard_that_loses_its_sessions_again_and_again_is_contested() {
        let shards = Shards::default();
        let start = Instant::now();
        let minute = |count| start + Duration::from_mins(count);
        for shard in 0..100 {
            assert_eq!(shards.lost(shard, minute(0)), 1, "an outage of Discord");
        }
        assert_eq!(shards.lost(7, minute(20)), 2);
        assert_eq!(shards.lost(7, minute(30)), 3);
        assert!(!shards.are_contested(minute(30)));
        assert_eq!(shards.lost(7, minute(61)), 3);
        assert!(!shards.are_contested(minute(61)));
        assert_eq!(shards.lost(7, minute(62)), 4);
        assert!(shards.are_contested(minute(62)));
        assert!(!shards.are_contested(minute(81)));
    }
}
