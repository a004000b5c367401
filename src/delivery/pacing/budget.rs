//! The invalid requests. Discord bans an address that sends 10,000 of them in ten minutes, so long
//! before that less is sent. Pure.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

/// How long Discord remembers an invalid request.
const WINDOW: Duration = Duration::from_mins(10);

/// How far sending is held back; the later ones hold more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Brake {
    #[default]
    Off,
    /// What can wait, waits.
    Soft,
    /// Only what goes to places that have taken messages before is sent.
    Hard,
}

#[derive(Debug)]
pub(super) struct Budget {
    /// When the remembered ones were answered, oldest first.
    invalid: VecDeque<Instant>,
    soft: Limit,
    hard: Limit,
}

/// Begins at a count and ends at three quarters of it, so that it does not flutter.
#[derive(Debug)]
struct Limit {
    begins_at: usize,
    on: bool,
}

impl Limit {
    const fn ends_at(&self) -> usize {
        self.begins_at - self.begins_at.div_ceil(4)
    }

    const fn update(&mut self, count: usize) {
        self.on = if self.on {
            count > self.ends_at()
        } else {
            count >= self.begins_at
        };
    }
}

impl Budget {
    /// The brakes begin at so many invalid requests, at least one.
    pub(super) const fn new(soft: usize, hard: usize) -> Self {
        Self {
            invalid: VecDeque::new(),
            soft: Limit {
                begins_at: soft,
                on: false,
            },
            hard: Limit {
                begins_at: hard,
                on: false,
            },
        }
    }

    pub(super) fn count(&self) -> usize {
        self.invalid.len()
    }

    pub(super) const fn brake(&self) -> Brake {
        match (self.soft.on, self.hard.on) {
            (_, true) => Brake::Hard,
            (true, false) => Brake::Soft,
            (false, false) => Brake::Off,
        }
    }

    /// Takes note of an invalid request.
    pub(super) fn invalid(&mut self, now: Instant) {
        self.invalid.push_back(now);
    }

    /// Forgets what is past, and tells the brake if it has changed.
    pub(super) fn update(&mut self, now: Instant) -> Option<Brake> {
        let before = self.brake();
        while self.invalid.front().is_some_and(|at| *at + WINDOW <= now) {
            self.invalid.pop_front();
        }
        self.soft.update(self.invalid.len());
        self.hard.update(self.invalid.len());
        let brake = self.brake();
        (brake != before).then_some(brake)
    }

    /// When a call that goes on up to the brake `bears` may go; `None` when it may go now.
    pub(super) fn held_until(&self, bears: Brake) -> Option<Instant> {
        if self.brake() <= bears {
            return None;
        }
        let limit = match bears {
            Brake::Off => &self.soft,
            Brake::Soft | Brake::Hard => &self.hard,
        };
        let last_to_forget = self.invalid.len().checked_sub(limit.ends_at() + 1)?;
        Some(self.invalid[last_to_forget] + WINDOW)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// F-D05: what waits, for how long, and that each brake is told of once.
    #[test]
    fn brakes_begin_at_their_count_and_end_when_enough_is_forgotten() {
        let start = Instant::now();
        let second = Duration::from_secs(1);
        let mut budget = Budget::new(4, 8);
        let mut told = Vec::new();
        for number in 0..9 {
            let now = start + second * number;
            budget.invalid(now);
            told.extend(budget.update(now).map(|brake| (number + 1, brake)));
        }
        assert_eq!(told, [(4, Brake::Soft), (8, Brake::Hard)]);
        assert_eq!(budget.held_until(Brake::Hard), None);
        // Nine are remembered; the hard brake ends with six left, the soft one with three.
        assert_eq!(
            budget.held_until(Brake::Soft),
            Some(start + second * 2 + WINDOW)
        );
        assert_eq!(
            budget.held_until(Brake::Off),
            Some(start + second * 5 + WINDOW)
        );
        told.clear();
        for number in 0..10 {
            let now = start + WINDOW + second * number;
            told.extend(budget.update(now).map(|brake| (number, brake)));
        }
        assert_eq!(told, [(2, Brake::Soft), (5, Brake::Off)]);
        assert_eq!(budget.count(), 0);
    }

    proptest! {
        /// Who is told to wait may go at that moment if nothing else happens, and not before.
        #[test]
        fn a_wait_is_exact(gaps in proptest::collection::vec(0u64..120, 1..60), soft in 1usize..10, more in 1usize..10) {
            let mut now = Instant::now();
            let mut budget = Budget::new(soft, soft + more);
            for gap in gaps {
                now += Duration::from_secs(gap);
                budget.invalid(now);
                budget.update(now);
                prop_assert_eq!(budget.brake() == Brake::Off, budget.held_until(Brake::Off).is_none());
            }
            for bears in [Brake::Soft, Brake::Off] {
                if let Some(until) = budget.held_until(bears) {
                    budget.update(until.checked_sub(Duration::from_millis(1)).unwrap());
                    prop_assert_eq!(budget.held_until(bears), Some(until));
                    budget.update(until);
                    prop_assert_eq!(budget.held_until(bears), None);
                }
            }
        }
    }
}
