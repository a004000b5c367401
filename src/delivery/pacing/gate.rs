//! The pace of everything that goes to Discord, whoever sends it.

use std::{num::NonZeroU32, sync::Mutex, time::Duration};

use tokio::time::Instant;

use super::{
    breaker::{Breaker, Cause, Turn},
    locked,
};
use crate::delivery::post::Effect;

/// Keeps clear of the limit when requests travel at different speeds.
const GUARD: f64 = 1.01;

/// Requests get moments at equal distances: a backlog makes no burst, and no second holds more of
/// them than it may.
#[derive(Debug)]
pub struct Gate(Mutex<GateState>);

#[derive(Debug)]
struct GateState {
    interval: Duration,
    next: Instant,
    paused_until: Instant,
    breaker: Breaker,
    /// Raised each time that moments already given must not be used.
    recalls: u64,
}

/// A pause is on; nothing was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("all requests rest for {} ms", .wait.as_millis())]
pub struct Paused {
    pub wait: Duration,
}

impl Gate {
    pub(super) fn new(max_per_second: NonZeroU32, probe: Duration, now: Instant) -> Self {
        Self(Mutex::new(GateState::new(max_per_second, probe, now)))
    }

    /// Waits for this request's moment. A pause ends the waiting, for the caller to decide.
    pub async fn pass(&self) -> Result<(), Paused> {
        let (moment, recalls) = locked(&self.0).reserve(Instant::now())?;
        tokio::time::sleep_until(moment).await;
        let state = locked(&self.0);
        if state.recalls == recalls {
            Ok(())
        } else {
            let wait = state.rest(Instant::now());
            Err(Paused { wait })
        }
    }

    /// How long everything still rests; while the breaker is open, until the next probe.
    pub fn pause_left(&self) -> Duration {
        locked(&self.0).rest(Instant::now())
    }

    /// How far ahead moments have been given away.
    pub fn backlog(&self) -> Duration {
        locked(&self.0)
            .next
            .saturating_duration_since(Instant::now())
    }

    /// How many requests are worth claiming together: a quarter of a second's, so that commits are
    /// few and claimed entries do not wait long.
    pub fn per_round(&self) -> usize {
        let quarter = Duration::from_millis(250).as_nanos();
        let interval = locked(&self.0).interval.as_nanos().max(1);
        usize::try_from(quarter / interval)
            .unwrap_or(usize::MAX)
            .max(1)
    }

    /// Whether requests go one by one.
    pub fn is_probing(&self) -> bool {
        self.probing().is_some()
    }

    /// Why requests go one by one, if they do.
    pub(super) fn probing(&self) -> Option<Cause> {
        locked(&self.0).breaker.cause()
    }

    /// Whether the address is banned at this moment: whatever is asked then makes it last.
    pub(super) fn is_banned(&self) -> bool {
        let state = locked(&self.0);
        state.breaker.cause() == Some(Cause::Ban) && !state.rest(Instant::now()).is_zero()
    }

    /// Does what an outcome asks of everybody. `failed` tells whether Discord failed to answer;
    /// `None` where the outcome does not show it.
    pub(super) fn obey(&self, effect: Effect, failed: Option<bool>, now: Instant) {
        let turn = locked(&self.0).obey(effect, failed, now);
        match turn {
            Some(Turn::Opened) => tracing::warn!(
                "half of the latest requests to Discord failed; single ones try until one is answered"
            ),
            Some(Turn::Closed) => tracing::info!("Discord answers again"),
            None => {}
        }
    }
}

impl GateState {
    fn new(max_per_second: NonZeroU32, probe: Duration, now: Instant) -> Self {
        Self {
            interval: Duration::from_secs_f64(GUARD / f64::from(max_per_second.get())),
            next: now,
            paused_until: now,
            breaker: Breaker::new(probe),
            recalls: 0,
        }
    }

    fn reserve(&mut self, now: Instant) -> Result<(Instant, u64), Paused> {
        let wait = self.rest(now);
        if !wait.is_zero() {
            return Err(Paused { wait });
        }
        let moment = self.next.max(now);
        self.next = moment + self.interval;
        self.breaker.sent(moment);
        Ok((moment, self.recalls))
    }

    fn rest(&self, now: Instant) -> Duration {
        self.rests_until().saturating_duration_since(now)
    }

    fn rests_until(&self) -> Instant {
        self.breaker
            .next_probe()
            .map_or(self.paused_until, |probe| probe.max(self.paused_until))
    }

    fn obey(&mut self, effect: Effect, failed: Option<bool>, now: Instant) -> Option<Turn> {
        match effect {
            Effect::PauseAll(wait) => self.pause(wait, now),
            Effect::PauseAllThenProbe(wait) => {
                self.breaker.open(Cause::Ban, now + wait);
                self.pause(wait, now);
            }
            Effect::None | Effect::Park(_) | Effect::Pause(_) => {}
        }
        let turn = self.breaker.outcome(failed?, now);
        if turn == Some(Turn::Opened) {
            self.recall(now);
        }
        turn
    }

    fn pause(&mut self, wait: Duration, now: Instant) {
        self.paused_until = self.paused_until.max(now + wait);
        self.recall(now);
    }

    /// Takes back all moments that were given and not used; the latest may have been used just now.
    fn recall(&mut self, now: Instant) {
        self.next = self.rests_until().max(now + self.interval);
        self.recalls += 1;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;

    const PROBE: Duration = Duration::from_secs(15);
    const SECOND: Duration = Duration::from_secs(1);

    fn state(per_second: u32, now: Instant) -> GateState {
        GateState::new(NonZeroU32::new(per_second).unwrap(), PROBE, now)
    }

    fn most_in_a_second(moments: &[Instant]) -> usize {
        let within = |first: &Instant| {
            let end = *first + SECOND;
            moments
                .iter()
                .filter(|at| *at >= first && **at < end)
                .count()
        };
        moments.iter().map(within).max().unwrap_or(0)
    }

    #[test]
    fn no_second_holds_more_than_it_may() {
        let start = Instant::now();
        let mut gate = state(40, start);
        let moments: Vec<Instant> = (0..200).map(|_| gate.reserve(start).unwrap().0).collect();
        assert!(most_in_a_second(&moments) <= 40);
        let all = moments[199] - moments[0];
        assert!(all <= Duration::from_secs_f64(199.0 / 39.5), "{all:?}");
    }

    /// F-D04: after a ban nothing goes out for its time, and then one request tries.
    #[test]
    fn a_pause_takes_back_moments_and_a_ban_ends_with_one_probe() {
        let start = Instant::now();
        let mut gate = state(40, start);
        let before = gate.reserve(start).unwrap().1;
        let hour = Duration::from_hours(1);
        gate.obey(Effect::PauseAllThenProbe(hour), None, start);
        assert_ne!(gate.recalls, before);
        assert_eq!(gate.reserve(start), Err(Paused { wait: hour }));
        // An answer to what was under way when the ban came does not end it.
        assert_eq!(gate.obey(Effect::None, Some(false), start), None);
        let after = start + hour;
        assert_eq!(gate.reserve(after).unwrap().0, after);
        assert_eq!(gate.reserve(after), Err(Paused { wait: PROBE }));
        assert_eq!(gate.obey(Effect::None, Some(true), after), None);
        let again = after + PROBE;
        assert!(gate.reserve(again).is_ok(), "the second probe");
        let closed = gate.obey(Effect::None, Some(false), again);
        assert_eq!(closed, Some(Turn::Closed));
        assert!(gate.reserve(again).is_ok());
    }

    /// F-D04: a probe that meets the ban again makes everything wait again.
    #[test]
    fn a_probe_into_a_ban_begins_it_anew() {
        let start = Instant::now();
        let mut gate = state(40, start);
        gate.obey(Effect::PauseAllThenProbe(SECOND), None, start);
        let probe = start + SECOND;
        gate.reserve(probe).unwrap();
        gate.obey(Effect::PauseAllThenProbe(SECOND * 60), None, probe);
        assert_eq!(gate.reserve(probe + PROBE).unwrap_err().wait, SECOND * 45);
    }

    /// F-D08: after an outage the backlog leaves at the pace, from the first moment on.
    #[test]
    fn a_backlog_drains_at_the_pace_after_an_outage() {
        let start = Instant::now();
        let mut gate = state(40, start);
        for _ in 0..10 {
            gate.reserve(start).unwrap();
            gate.obey(Effect::None, Some(true), start);
        }
        assert_eq!(gate.breaker.cause(), Some(Cause::Outage));
        let mut sent = Vec::new();
        let mut now = start;
        while now < start + Duration::from_hours(1) {
            if let Ok((moment, _)) = gate.reserve(now) {
                sent.push(moment);
                gate.obey(Effect::None, Some(true), moment);
            }
            now += Duration::from_millis(100);
        }
        assert_eq!(sent.len(), 239, "one probe each fifteen seconds");
        assert!(
            sent.iter()
                .zip(&sent[1..])
                .all(|(one, next)| *next - *one >= PROBE)
        );
        let last = loop {
            if let Ok((moment, _)) = gate.reserve(now) {
                break moment;
            }
            now += Duration::from_millis(100);
        };
        assert_eq!(
            gate.obey(Effect::None, Some(false), now),
            Some(Turn::Closed)
        );
        let mut drained = vec![last];
        drained.extend((0..200).map(|_| gate.reserve(now).unwrap().0));
        assert!(most_in_a_second(&drained) <= 40);
        let took = drained[200] - last;
        assert!(took < Duration::from_secs_f64(200.0 / 39.5), "{took:?}");
    }

    /// F-D01: twenty tasks wait at the gate when a global limit comes; not one of them sends. What
    /// comes afterwards does not either, until the limit is over.
    #[tokio::test]
    async fn a_global_limit_stops_all_who_wait_at_the_gate() {
        let per_second = NonZeroU32::new(50).unwrap();
        let gate = Arc::new(Gate::new(per_second, PROBE, Instant::now()));
        gate.pass().await.unwrap();
        let waiting: Vec<_> = (0..20)
            .map(|_| {
                let gate = Arc::clone(&gate);
                tokio::spawn(async move { gate.pass().await })
            })
            .collect();
        tokio::task::yield_now().await;
        assert!(gate.backlog() > Duration::from_millis(300), "all wait");
        let limit = Duration::from_millis(800);
        let struck = Instant::now();
        gate.obey(Effect::PauseAll(limit), Some(false), struck);
        for task in waiting {
            task.await.unwrap().unwrap_err();
        }
        let Paused { wait } = gate.pass().await.unwrap_err();
        tokio::time::sleep(wait).await;
        gate.pass().await.unwrap();
        assert!(struck.elapsed() >= limit);
    }

    #[derive(Debug, Clone, Copy)]
    enum Step {
        Send,
        Outcome(Effect, Option<bool>),
        Wait(u64),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let wait = (0u64..5000).prop_map(Duration::from_millis);
        let effect = prop_oneof![
            8 => Just(Effect::None),
            1 => wait.clone().prop_map(Effect::PauseAll),
            1 => wait.prop_map(Effect::PauseAllThenProbe),
        ];
        let step = prop_oneof![
            6 => Just(Step::Send),
            2 => (effect, proptest::option::of(any::<bool>())).prop_map(|(effect, failed)| Step::Outcome(effect, failed)),
            3 => (0u64..2000).prop_map(Step::Wait),
        ];
        proptest::collection::vec(step, 0..300)
    }

    proptest! {
        /// However pauses, bans and outages come: what is sent keeps the pace and no pause is broken.
        #[test]
        fn no_pause_is_broken_and_the_pace_is_kept(steps in steps()) {
            let mut now = Instant::now();
            let mut gate = state(20, now);
            let mut given: Vec<(Instant, u64)> = Vec::new();
            let mut sent: Vec<Instant> = Vec::new();
            let mut paused_until = now;
            for step in steps {
                match step {
                    Step::Send => given.extend(gate.reserve(now)),
                    Step::Outcome(effect, failed) => {
                        gate.obey(effect, failed, now);
                        if let Effect::PauseAll(wait) | Effect::PauseAllThenProbe(wait) = effect {
                            paused_until = paused_until.max(now + wait);
                        }
                    }
                    Step::Wait(millis) => {
                        now += Duration::from_millis(millis);
                        for (moment, recalls) in given.extract_if(.., |(moment, _)| *moment <= now) {
                            if recalls == gate.recalls {
                                prop_assert!(moment >= paused_until);
                                sent.push(moment);
                            }
                        }
                    }
                }
            }
            prop_assert!(most_in_a_second(&sent) <= 20);
        }
    }
}
