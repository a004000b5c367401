//! What was taken up in the last while, so that nothing is taken up twice. Pure.

use std::collections::BTreeSet;

/// The interactions of the last 15 minutes, which is as long as one can be answered.
///
/// The time is Discord's own, read from the ids, so that a clock which is set changes nothing. An
/// interaction from before the 15 minutes is not taken up either: its token is dead, and whether it
/// came before is no longer known. The same holds for those that had to make room, so that a flood
/// costs the oldest their answer and lets none in twice.
#[derive(Debug, Default)]
pub(super) struct Recent {
    ids: BTreeSet<u64>,
    /// This and all ids below are not taken up.
    floor: u64,
}

/// In milliseconds.
const REMEMBERED: u64 = 15 * 60 * 1_000;

/// About 290 a second for 15 minutes. They take some 4 MB.
const MOST: usize = 1 << 18;

/// An id holds its time in milliseconds above this bit.
const TIME: u32 = 22;

impl Recent {
    /// `false` for an interaction that came before, or is too old to be answered.
    pub(super) fn insert(&mut self, id: u64) -> bool {
        if id <= self.floor || !self.ids.insert(id) {
            return false;
        }
        let newest = self.ids.last().copied().unwrap_or_default();
        let too_old = newest.saturating_sub(REMEMBERED << TIME);
        self.floor = self.floor.max(too_old);
        while self.ids.len() > MOST || self.ids.first().is_some_and(|oldest| *oldest <= self.floor)
        {
            let oldest = self.ids.pop_first().unwrap_or_default();
            self.floor = self.floor.max(oldest);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A moment in 2025.
    const BEGUN: u64 = 1_360_000_000_000_000_000;

    fn id(millis: u64, nth: u64) -> u64 {
        BEGUN + (millis << TIME) + nth
    }

    /// F-G07: an id is known for 15 minutes of Discord's time, however many come, and afterwards it is
    /// too old.
    #[test]
    fn an_interaction_is_taken_up_once_at_two_hundred_a_second() {
        let mut recent = Recent::default();
        for second in 0..=900 {
            for nth in 0..200 {
                assert!(recent.insert(id(second * 1_000, nth)));
            }
        }
        for second in 0..=900 {
            for nth in [0, 199] {
                assert!(!recent.insert(id(second * 1_000, nth)), "{second} {nth}");
            }
        }
        assert!(recent.insert(id(20 * 60_000, 0)));
        // What has not come by then is told apart from what has by nothing.
        assert!(!recent.insert(id(4 * 60_000, 777)));
        assert!(recent.insert(id(6 * 60_000, 777)));
        assert!(recent.ids.len() < 200 * 700, "{}", recent.ids.len());
    }

    /// F-G07: more than are remembered push the oldest out, and those are not let in again.
    #[test]
    fn a_flood_lets_nothing_in_twice() {
        let mut recent = Recent::default();
        let most = u64::try_from(MOST).unwrap();
        for nth in 0..most + 1_000 {
            assert!(recent.insert(id(nth / 1_000, nth)));
        }
        assert_eq!(recent.ids.len(), MOST);
        for nth in 0..most + 1_000 {
            assert!(!recent.insert(id(nth / 1_000, nth)));
        }
    }

    /// Events of several shards come in any order.
    #[test]
    fn an_older_one_is_taken_up_after_a_newer_one() {
        let mut recent = Recent::default();
        assert!(recent.insert(id(899_000, 0)));
        assert!(recent.insert(id(1, 0)));
        assert!(!recent.insert(id(899_000, 0)));
        assert!(!recent.insert(id(1, 0)));
    }
}
