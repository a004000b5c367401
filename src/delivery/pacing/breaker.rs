//! Whether Discord is worth asking. A ban or a run of failures opens the breaker; from then on single
//! requests try, and the first that is answered closes it. Pure.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

/// So many of the latest outcomes are looked at.
const REMEMBERED: usize = 20;
/// Fewer say too little.
const ENOUGH: usize = 10;

/// Why requests go one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// At least half of the latest requests failed: no proper answer, or none at all.
    Outage,
    /// Everything was told to stay away, by a ban or before a restart.
    Ban,
}

/// What an outcome has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    Opened,
    Closed,
}

#[derive(Debug)]
pub(super) struct Breaker {
    /// From one probe to the next.
    interval: Duration,
    /// The latest outcomes, each whether it was a failure; empty while open.
    failures: VecDeque<bool>,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    cause: Cause,
    next_probe: Instant,
    /// A probe has gone out. Before that, answers are to what was under way when it opened.
    probed: bool,
}

impl Breaker {
    pub(super) const fn new(interval: Duration) -> Self {
        Self {
            interval,
            failures: VecDeque::new(),
            open: None,
        }
    }

    pub(super) fn cause(&self) -> Option<Cause> {
        self.open.as_ref().map(|open| open.cause)
    }

    /// When the next probe may go out; `None` when everything may.
    pub(super) fn next_probe(&self) -> Option<Instant> {
        self.open.as_ref().map(|open| open.next_probe)
    }

    pub(super) fn open(&mut self, cause: Cause, first_probe: Instant) {
        self.failures.clear();
        self.open = Some(Open {
            cause,
            next_probe: first_probe,
            probed: false,
        });
    }

    /// A request goes out now; while open it is the probe, and the next one has to wait.
    pub(super) fn sent(&mut self, now: Instant) {
        if let Some(open) = &mut self.open {
            open.next_probe = now + self.interval;
            open.probed = true;
        }
    }

    /// Takes note of a request that Discord answered, or failed to.
    pub(super) fn outcome(&mut self, failed: bool, now: Instant) -> Option<Turn> {
        if let Some(open) = &self.open {
            if failed || !open.probed {
                return None;
            }
            self.open = None;
            return Some(Turn::Closed);
        }
        if self.failures.len() == REMEMBERED {
            self.failures.pop_front();
        }
        self.failures.push_back(failed);
        let seen = self.failures.len();
        let failures = self.failures.iter().filter(|failed| **failed).count();
        if seen < ENOUGH || failures * 2 < seen {
            return None;
        }
        self.open(Cause::Outage, now + self.interval);
        Some(Turn::Opened)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const INTERVAL: Duration = Duration::from_secs(15);

    fn fed(breaker: &mut Breaker, outcomes: &str, now: Instant) -> Option<usize> {
        outcomes
            .chars()
            .position(|outcome| breaker.outcome(outcome == 'x', now) == Some(Turn::Opened))
    }

    /// F-D08: a partial outage is seen, and a few failures are not taken for one.
    #[test]
    fn half_of_the_latest_requests_have_to_fail() {
        for (outcomes, opens_at) in [
            ("xxxxxxxxx", None),
            ("xxxxxxxxxx", Some(9)),
            ("x.x.x.x.x.", Some(9)),
            (".x.x.x.x..", None),
            ("....................xxxxxxxxx", None),
            ("....................xxxxxxxxxx", Some(29)),
            ("...x..x...x..x...x..x...x..x", None),
        ] {
            let mut breaker = Breaker::new(INTERVAL);
            let now = Instant::now();
            assert_eq!(fed(&mut breaker, outcomes, now), opens_at, "{outcomes}");
            assert_eq!(breaker.cause().is_some(), opens_at.is_some());
        }
    }

    /// F-D08: one request tries at a time, and only its answer lets the others go.
    #[test]
    fn only_an_answered_probe_closes_it() {
        let start = Instant::now();
        let mut breaker = Breaker::new(INTERVAL);
        fed(&mut breaker, "xxxxxxxxxx", start);
        assert_eq!(breaker.next_probe(), Some(start + INTERVAL));
        assert_eq!(breaker.outcome(false, start), None, "sent before it opened");
        let probe = start + INTERVAL;
        breaker.sent(probe);
        assert_eq!(breaker.next_probe(), Some(probe + INTERVAL));
        assert_eq!(breaker.outcome(true, probe), None);
        assert_eq!(breaker.cause(), Some(Cause::Outage));
        breaker.sent(probe + INTERVAL);
        assert_eq!(breaker.outcome(false, probe + INTERVAL), Some(Turn::Closed));
        assert_eq!(breaker.next_probe(), None);
        assert_eq!(fed(&mut breaker, "xxxxxxxxx", probe), None, "counts anew");
    }

    proptest! {
        /// It opens exactly when the plain rule says so, whatever came before.
        #[test]
        fn it_follows_the_rule(outcomes in proptest::collection::vec(any::<bool>(), 0..80)) {
            let now = Instant::now();
            let mut breaker = Breaker::new(INTERVAL);
            for end in 1..=outcomes.len() {
                let window = &outcomes[end.saturating_sub(REMEMBERED)..end];
                let failures = window.iter().filter(|failed| **failed).count();
                let opens = window.len() >= ENOUGH && failures * 2 >= window.len();
                let turn = breaker.outcome(outcomes[end - 1], now);
                prop_assert_eq!(turn, opens.then_some(Turn::Opened));
                if opens {
                    break;
                }
            }
        }
    }
}
