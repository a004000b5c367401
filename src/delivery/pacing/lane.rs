//! What one channel takes, over all its webhooks. Pure.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

/// A webhook's start value, until the answers' headers tell the true one.
const WEBHOOK_START: Window = Window {
    calls: 5,
    length: Duration::from_secs(2),
};
/// What a channel takes is counted over so long.
const MINUTE: Duration = Duration::from_mins(1);
/// After a channel has shown that it takes less, one call a minute more is tried each time that this
/// is over.
const RECOVERY: Duration = Duration::from_mins(2);
/// Lanes that nobody used for this long are forgotten.
const MEMORY: Duration = Duration::from_mins(10);

#[derive(Debug, Clone, Copy)]
struct Window {
    calls: usize,
    length: Duration,
}

#[derive(Debug)]
pub(super) struct Lane {
    /// Calls a minute that a channel is trusted to take; 0 when it is not held to any.
    start: usize,
    not_before: Instant,
    /// When the latest calls that Discord took were answered. Counted from the answer, a call is
    /// always inside of the window in which Discord counted it.
    answers: VecDeque<Instant>,
    /// The latest headers tell of the webhook's own limit, so the start value is not needed.
    told: bool,
    /// The channel takes less than the start value; no header says so before it strikes.
    learnt: Option<Learnt>,
}

#[derive(Debug, Clone, Copy)]
struct Learnt {
    calls: usize,
    at: Instant,
}

impl Lane {
    pub(super) const fn new(start: usize, now: Instant) -> Self {
        Self {
            start,
            not_before: now,
            answers: VecDeque::new(),
            told: false,
            learnt: None,
        }
    }

    /// Discord took a call, whatever it made of it.
    pub(super) fn took(&mut self, now: Instant) {
        if self.answers.len() == self.start.max(WEBHOOK_START.calls) {
            self.answers.pop_front();
        }
        self.answers.push_back(now);
    }

    /// An answer's headers told of the webhook's limit, or did not.
    pub(super) const fn told(&mut self, told: bool) {
        self.told = told;
    }

    /// The channel's own limit has struck: it takes what it has taken in the last minute. Where it
    /// strikes again, others post there as well and how much they leave is not known, so half is tried.
    pub(super) fn struck(&mut self, now: Instant) {
        let taken = self.answers.iter().filter(|at| **at + MINUTE > now).count();
        let half = self.learnt.map_or(0, |_| self.allowance(now) / 2);
        let calls = taken.max(half).max(1);
        self.learnt = Some(Learnt { calls, at: now });
    }

    pub(super) fn rest_until(&mut self, until: Instant) {
        self.not_before = self.not_before.max(until);
    }

    /// The moment from which asking again is worth it.
    pub(super) fn ready_at(&self, now: Instant) -> Instant {
        let allowance = self.allowance(now);
        let channel = (allowance > 0).then_some(Window {
            calls: allowance,
            length: MINUTE,
        });
        [(!self.told).then_some(WEBHOOK_START), channel]
            .into_iter()
            .flatten()
            .filter_map(|window| {
                let first = self.answers.len().checked_sub(window.calls)?;
                Some(self.answers[first] + window.length)
            })
            .fold(self.not_before, Instant::max)
    }

    pub(super) fn is_silent(&self, now: Instant) -> bool {
        let last = self.answers.back().copied().unwrap_or(self.not_before);
        self.not_before <= now
            && now.saturating_duration_since(last) > MEMORY
            && self.allowance(now) == self.start
    }

    /// Calls a minute at present; 0 when the channel is not held to any.
    fn allowance(&self, now: Instant) -> usize {
        self.learnt.map_or(self.start, |learnt| {
            let steps = now.saturating_duration_since(learnt.at).as_secs() / RECOVERY.as_secs();
            let steps = usize::try_from(steps).unwrap_or(usize::MAX);
            learnt.calls.saturating_add(steps).min(self.start)
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const START: usize = 30;

    /// Sends as soon as the lane allows, and returns when.
    fn sent(lane: &mut Lane, mut now: Instant, count: usize) -> Vec<Instant> {
        (0..count)
            .map(|_| {
                while lane.ready_at(now) > now {
                    now = lane.ready_at(now);
                }
                lane.took(now);
                now
            })
            .collect()
    }

    fn most_in(window: Duration, sent: &[Instant]) -> usize {
        let within = |first: &Instant| {
            let end = *first + window;
            sent.iter().filter(|at| *at >= first && **at < end).count()
        };
        sent.iter().map(within).max().unwrap_or(0)
    }

    /// F-D02: without headers a webhook gets five in two seconds, and a channel thirty in a minute.
    #[test]
    fn the_start_values_hold_until_headers_speak_and_again_when_they_are_silent() {
        let start = Instant::now();
        let mut lane = Lane::new(START, start);
        let all = sent(&mut lane, start, 90);
        assert_eq!(most_in(WEBHOOK_START.length, &all), WEBHOOK_START.calls);
        assert_eq!(most_in(MINUTE, &all), START);
        assert!(all[89] - start < Duration::from_secs(135));

        let mut lane = Lane::new(0, start);
        lane.told(true);
        let all = sent(&mut lane, start, 90);
        assert_eq!(all[89], start, "headers speak, and no channel limit is set");
        lane.told(false);
        assert_eq!(lane.ready_at(start), start + WEBHOOK_START.length);
    }

    /// F-D01: a limit that no header tells of is learnt when it strikes, and unlearnt slowly.
    #[test]
    fn a_channel_that_takes_less_is_believed_and_tried_again_slowly() {
        let start = Instant::now();
        let mut lane = Lane::new(START, start);
        lane.told(true);
        let before = sent(&mut lane, start, 12);
        let struck = before[11] + Duration::from_millis(10);
        lane.struck(struck);
        lane.rest_until(struck + Duration::from_secs(45));
        let after = sent(&mut lane, struck, 13);
        // What the channel took counts on; so the minute is what makes the first of them wait.
        assert_eq!(after[0], before[0] + MINUTE);
        assert_eq!(most_in(MINUTE, &after), 12);
        let later = struck + RECOVERY * 3;
        assert_eq!(lane.allowance(later), 15);
        assert_eq!(lane.allowance(struck + RECOVERY * 100), START);
        assert!(!lane.is_silent(struck + RECOVERY * 10), "still remembered");
        assert!(lane.is_silent(struck + RECOVERY * 40));
    }

    /// F-D01: who posts there beside us may use up any minute, which says little of the next one.
    #[test]
    fn a_channel_that_strikes_again_and_again_is_given_half_each_time() {
        let start = Instant::now();
        let mut lane = Lane::new(START, start);
        sent(&mut lane, start, 12);
        let mut now = start + Duration::from_secs(10);
        let mut allowed = Vec::new();
        for _ in 0..5 {
            lane.struck(now);
            allowed.push(lane.allowance(now));
            now += MINUTE;
        }
        assert_eq!(allowed, [12, 6, 3, 1, 1]);
    }

    #[test]
    fn a_channel_that_takes_nothing_is_tried_once_a_minute() {
        let start = Instant::now();
        let mut lane = Lane::new(START, start);
        lane.struck(start);
        assert_eq!(lane.allowance(start), 1);
        let mut free = Lane::new(0, start);
        free.struck(start);
        assert_eq!(free.allowance(start), 0, "not held to any limit");
    }

    proptest! {
        /// However calls, strikes and rests come, no minute holds more than the start value, no two
        /// seconds more than a webhook takes, and nothing goes out during a rest.
        #[test]
        fn no_window_is_overdrawn(
            start in 1usize..40,
            steps in proptest::collection::vec((0u64..30_000, 0u8..20), 1..120),
        ) {
            let mut now = Instant::now();
            let mut lane = Lane::new(start, now);
            let mut all = Vec::new();
            let mut rest = now;
            for (gap, kind) in steps {
                now += Duration::from_millis(gap / 10);
                match kind {
                    0 => lane.struck(now),
                    1 => {
                        rest = rest.max(now + Duration::from_millis(gap));
                        lane.rest_until(rest);
                    }
                    _ => {
                        let sent = sent(&mut lane, now, 1);
                        now = sent[0];
                        prop_assert!(now >= rest);
                        all.extend(sent);
                    }
                }
            }
            prop_assert!(most_in(MINUTE, &all) <= start);
            prop_assert!(most_in(WEBHOOK_START.length, &all) <= WEBHOOK_START.calls);
        }
    }
}
