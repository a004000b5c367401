//! What waits for a person's word and is too long for a button: a position for its owner's consent, an
//! alert to be set. In memory only: nothing is written down before they agree.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use chacha20poly1305::aead::{OsRng, rand_core::RngCore as _};

use crate::domain::{
    ids::UserId,
    time::{Span, Timestamp},
};

/// How long anything is held: as long as an interaction may be answered.
const HELD_FOR: Span = Span::minutes(15);
const MOST: usize = 1_000;
/// What one person may have waiting: somebody who looks something up in between can still answer.
const MOST_EACH: usize = 4;

/// What waits, oldest first. Past a thousand the oldest is let go.
#[derive(Debug)]
pub struct Pending<T>(Mutex<Waiting<T>>);

#[derive(Debug)]
struct Waiting<T> {
    last: u32,
    held: VecDeque<Held<T>>,
}

#[derive(Debug)]
struct Held<T> {
    number: u32,
    owner: UserId,
    what: T,
    at: Timestamp,
}

impl<T> Default for Pending<T> {
    fn default() -> Self {
        Self(Mutex::new(Waiting {
            // A button of an earlier run must not mean what waits in this one.
            last: OsRng.next_u32(),
            held: VecDeque::new(),
        }))
    }
}

impl<T> Pending<T> {
    /// Holds it and returns the number to ask for it with. A few for each owner: past that a newer one
    /// takes the place of the oldest.
    pub fn hold(&self, owner: UserId, what: T, now: Timestamp) -> u32 {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.forget_old(now);
        let theirs = waiting.held.iter().filter(|held| held.owner == owner);
        if theirs.count() >= MOST_EACH {
            let oldest = waiting.held.iter().position(|held| held.owner == owner);
            oldest.and_then(|at| waiting.held.remove(at));
        }
        if waiting.held.len() >= MOST {
            waiting.held.pop_front();
        }
        waiting.last = waiting.last.wrapping_add(1);
        let number = waiting.last;
        waiting.held.push_back(Held {
            number,
            owner,
            what,
            at: now,
        });
        number
    }

    /// Hands it out, once, and to its owner alone.
    pub fn take(&self, owner: UserId, number: u32, now: Timestamp) -> Option<T> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.forget_old(now);
        let at = waiting
            .held
            .iter()
            .position(|held| held.number == number && held.owner == owner)?;
        waiting.held.remove(at).map(|held| held.what)
    }

    /// Lets go of what waits for this person.
    pub fn forget(&self, owner: UserId) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.held.retain(|held| held.owner != owner);
    }
}

impl<T> Waiting<T> {
    fn forget_old(&mut self, now: Timestamp) {
        self.held.retain(|held| now.since(held.at) <= HELD_FOR.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    fn stake(note: &str) -> String {
        note.to_owned()
    }

    const START: Timestamp = Timestamp::from_millis(0);

    #[test]
    fn a_stake_is_handed_out_once_and_to_its_owner() {
        let pending = Pending::default();
        let held = pending.hold(UserId(1), stake("mine"), START);
        assert_eq!(pending.take(UserId(2), held, START), None);
        assert_eq!(pending.take(UserId(1), held, START), Some(stake("mine")));
        assert_eq!(pending.take(UserId(1), held, START), None);
    }

    #[test]
    fn a_stake_is_let_go_after_its_time_or_when_asked() {
        let pending = Pending::default();
        let held = pending.hold(UserId(1), stake("old"), START);
        let later = START.plus(Span::minutes(16).0);
        assert_eq!(pending.take(UserId(1), held, later), None);
        let held = pending.hold(UserId(1), stake("erased"), later);
        pending.forget(UserId(1));
        assert_eq!(pending.take(UserId(1), held, later), None);
    }

    #[test]
    fn the_room_is_bounded() {
        let pending = Pending::default();
        let first = pending.hold(UserId(1), stake("first"), START);
        for owner in 2..=u64::try_from(MOST).unwrap() + 1 {
            pending.hold(UserId(owner), stake("more"), START);
        }
        assert_eq!(pending.take(UserId(1), first, START), None);
        assert_eq!(pending.0.lock().unwrap().held.len(), MOST);
    }
}
