//! Questions to which a source had no answer, so that they are not asked again and again.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::domain::time::{Span, Timestamp};

/// What a source did not know may be known half a day later.
const FRESH: Span = Span::hours(12);
/// Questions that are remembered.
const MOST: usize = 2_000;

/// What was asked lately and is not known to the source.
#[derive(Debug)]
pub(super) struct Untold<K>(Mutex<HashMap<K, Timestamp>>);

impl<K> Default for Untold<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash> Untold<K> {
    pub(super) fn note(&self, question: K, now: Timestamp) {
        let mut asked = self.lock();
        if asked.len() >= MOST {
            asked.retain(|_, at| now.since(*at) < FRESH.0);
        }
        // More of them within half a day are asked again: better than to grow without end.
        if asked.len() < MOST {
            asked.insert(question, now);
        }
    }

    /// Whether it would be asked in vain.
    pub(super) fn holds(&self, question: &K, now: Timestamp) -> bool {
        let asked = self.lock().get(question).copied();
        asked.is_some_and(|at| now.since(at) < FRESH.0)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, Timestamp>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market::fixture::hour;

    #[test]
    fn a_question_is_left_alone_for_half_a_day() {
        let untold = Untold::default();
        untold.note("a", hour(0));
        assert!(untold.holds(&"a", hour(11)));
        assert!(!untold.holds(&"a", hour(12)));
        assert!(!untold.holds(&"b", hour(0)));
    }

    #[test]
    fn many_questions_do_not_grow_without_end() {
        let untold = Untold::default();
        for question in 0..3 * MOST {
            untold.note(question, hour(0));
        }
        assert_eq!(untold.lock().len(), MOST);
        untold.note(usize::MAX, hour(13));
        assert!(untold.holds(&usize::MAX, hour(13)));
        assert_eq!(untold.lock().len(), 1);
    }
}
