//! Positions that wait for their owner's consent and were too long for a button. In memory only:
//! nothing of a person is written down before they agree.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use crate::domain::{
    ids::UserId,
    position::Stake,
    time::{Span, Timestamp},
};

/// How long a stake is held: as long as an interaction may be answered.
const HELD_FOR: Span = Span::minutes(15);
const MOST: usize = 1_000;

/// The waiting stakes, oldest first. Past a thousand the oldest is let go.
#[derive(Debug, Default)]
pub struct PendingStakes(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    last: u32,
    stakes: VecDeque<Held>,
}

#[derive(Debug)]
struct Held {
    number: u32,
    owner: UserId,
    stake: Stake,
    at: Timestamp,
}

impl PendingStakes {
    /// Holds the stake and returns the number to ask for it with. One per owner: a newer one takes
    /// the place of the older.
    pub fn hold(&self, owner: UserId, stake: Stake, now: Timestamp) -> u32 {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.forget_old(now);
        waiting.stakes.retain(|held| held.owner != owner);
        if waiting.stakes.len() >= MOST {
            waiting.stakes.pop_front();
        }
        waiting.last = waiting.last.wrapping_add(1);
        let number = waiting.last;
        waiting.stakes.push_back(Held {
            number,
            owner,
            stake,
            at: now,
        });
        number
    }

    /// Hands the stake out, once, and to its owner alone.
    pub fn take(&self, owner: UserId, number: u32, now: Timestamp) -> Option<Stake> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.forget_old(now);
        let at = waiting
            .stakes
            .iter()
            .position(|held| held.number == number && held.owner == owner)?;
        waiting.stakes.remove(at).map(|held| held.stake)
    }

    /// Lets go of what waits for this person.
    pub fn forget(&self, owner: UserId) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.stakes.retain(|held| held.owner != owner);
    }
}

impl Waiting {
    fn forget_old(&mut self, now: Timestamp) {
        self.stakes.retain(|held| now.since(held.at) <= HELD_FOR.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::position::Holding;

    fn stake(note: &str) -> Stake {
        Stake {
            pool: "747c1d2a-c668-4682-b9f9-296708a3dd90".parse().unwrap(),
            holding: Holding::Value {
                usd: "100".parse().unwrap(),
            },
            cost_usd: None,
            note: Some(note.to_owned()),
        }
    }

    const START: Timestamp = Timestamp::from_millis(0);

    #[test]
    fn a_stake_is_handed_out_once_and_to_its_owner() {
        let pending = PendingStakes::default();
        let held = pending.hold(UserId(1), stake("mine"), START);
        assert_eq!(pending.take(UserId(2), held, START), None);
        assert_eq!(pending.take(UserId(1), held, START), Some(stake("mine")));
        assert_eq!(pending.take(UserId(1), held, START), None);
    }

    #[test]
    fn a_stake_is_let_go_after_its_time_or_when_asked() {
        let pending = PendingStakes::default();
        let held = pending.hold(UserId(1), stake("old"), START);
        let later = START.plus(Span::minutes(16).0);
        assert_eq!(pending.take(UserId(1), held, later), None);
        let held = pending.hold(UserId(1), stake("erased"), later);
        pending.forget(UserId(1));
        assert_eq!(pending.take(UserId(1), held, later), None);
    }

    #[test]
    fn the_room_is_bounded() {
        let pending = PendingStakes::default();
        let first = pending.hold(UserId(1), stake("first"), START);
        for owner in 2..=u64::try_from(MOST).unwrap() + 1 {
            pending.hold(UserId(owner), stake("more"), START);
        }
        assert_eq!(pending.take(UserId(1), first, START), None);
        assert_eq!(pending.0.lock().unwrap().stakes.len(), MOST);
    }
}
