//! Whether a connection lives, judged by what arrives on it and not by whether its task does.
//!
//! The client library gives up on a connection without heartbeat ACKs only when the second heartbeat is
//! due, and then loses the session. Looking earlier is what makes resuming possible. What can be seen
//! from outside are events and ACKs, but not the interval that Discord named; it is learnt from the
//! ACKs.

use std::time::{Duration, Instant};

/// What to do about a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Nothing,
    /// Ask for a sign of life.
    Probe,
    /// Close it, so that its session is resumed.
    Close,
    /// Drop it: not even closing it was answered.
    Drop,
}

/// So often a connection that is not let in yet is asked for a sign of life.
const PROBE: Duration = Duration::from_secs(2);

/// How long a closed connection may take until its session is resumed, or it ends.
const CLOSING: Duration = Duration::from_secs(10);

/// The signs of life of one connection.
#[derive(Debug)]
pub struct Watch {
    /// A connection that shows nothing for so long is taken for dead.
    silence: Duration,
    began: Instant,
    let_in: bool,
    last_sign: Instant,
    /// The latest ACK, or that the session began or was resumed: the next ACK is due one beat later.
    last_beat: Instant,
    last_gap: Option<Duration>,
    /// From one ACK to the next, once two in a row agree on it.
    beat: Option<Duration>,
    probed: Instant,
    closed: Option<Instant>,
}

impl Watch {
    pub const fn new(silence: Duration, now: Instant) -> Self {
        Self {
            silence,
            began: now,
            let_in: false,
            last_sign: now,
            last_beat: now,
            last_gap: None,
            beat: None,
            probed: now,
            closed: None,
        }
    }

    /// Whether the connection was ever let in.
    pub const fn let_in(&self) -> bool {
        self.let_in
    }

    /// READY or RESUMED.
    pub const fn connected(&mut self, now: Instant) {
        self.let_in = true;
        self.closed = None;
        self.last_sign = now;
        self.last_beat = now;
        self.last_gap = None;
    }

    pub const fn event(&mut self, now: Instant) {
        self.last_sign = now;
    }

    pub fn acknowledged(&mut self, now: Instant) {
        let gap = now.duration_since(self.last_beat);
        // An ACK outside of the rhythm, such as one that Discord asked for, must not set it.
        if self.let_in
            && let Some(last) = self.last_gap.replace(gap)
            && gap.abs_diff(last) <= gap / 4
        {
            self.beat = Some(gap.max(last));
        }
        self.last_sign = now;
        self.last_beat = now;
    }

    pub fn step(&mut self, now: Instant) -> Step {
        if let Some(closed) = self.closed {
            return if now.duration_since(closed) > CLOSING {
                Step::Drop
            } else {
                Step::Nothing
            };
        }
        let late = self
            .beat
            .is_some_and(|beat| now.duration_since(self.last_beat) > beat * 3 / 2);
        let never_let_in = !self.let_in && now.duration_since(self.began) > self.silence;
        if late || never_let_in || now.duration_since(self.last_sign) > self.silence {
            self.closed = Some(now);
            return Step::Close;
        }
        if !self.let_in && now.duration_since(self.probed) >= PROBE {
            self.probed = now;
            return Step::Probe;
        }
        Step::Nothing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SILENCE: Duration = Duration::from_mins(2);

    /// Moves a watch through time, a second a step.
    struct Tape {
        watch: Watch,
        start: Instant,
    }

    impl Tape {
        fn new() -> Self {
            let start = Instant::now();
            Self {
                watch: Watch::new(SILENCE, start),
                start,
            }
        }

        fn at(&self, second: u64) -> Instant {
            self.start + Duration::from_secs(second)
        }

        /// The first step of this kind in these seconds.
        fn first(&mut self, step: Step, seconds: std::ops::Range<u64>) -> Option<u64> {
            seconds
                .into_iter()
                .find(|second| self.watch.step(self.at(*second)) == step)
        }
    }

    /// F-G01: a missing ACK is noticed before the library would throw the session away.
    #[test]
    fn a_missing_ack_closes_within_two_intervals() {
        let mut tape = Tape::new();
        tape.watch.connected(tape.at(0));
        for ack in [41, 82, 123] {
            assert_eq!(tape.first(Step::Close, ack - 41..ack), None);
            tape.watch.acknowledged(tape.at(ack));
        }
        // Events do not make up for it.
        tape.watch.event(tape.at(180));
        assert_eq!(tape.first(Step::Close, 123..300), Some(185));
        tape.watch.connected(tape.at(186));
        assert_eq!(tape.first(Step::Drop, 186..227), None);
    }

    #[test]
    fn an_ack_outside_of_the_rhythm_does_not_set_it() {
        let mut tape = Tape::new();
        tape.watch.acknowledged(tape.at(1));
        tape.watch.connected(tape.at(2));
        for ack in [3, 43, 44, 84, 125] {
            tape.watch.acknowledged(tape.at(ack));
            assert_eq!(tape.first(Step::Close, ack..ack + 41), None);
        }
    }

    /// Whatever the library makes of a connection: one that shows nothing is not kept.
    #[test]
    fn silence_closes_and_then_drops() {
        let mut tape = Tape::new();
        tape.watch.connected(tape.at(0));
        tape.watch.event(tape.at(100));
        assert_eq!(tape.first(Step::Close, 100..300), Some(221));
        assert_eq!(tape.first(Step::Drop, 221..300), Some(232));
    }

    #[test]
    fn one_that_waits_to_be_let_in_is_asked_for_a_sign_of_life() {
        let mut tape = Tape::new();
        assert_eq!(tape.first(Step::Probe, 0..10), Some(2));
        assert_eq!(tape.first(Step::Probe, 3..10), Some(4));
        tape.watch.connected(tape.at(5));
        assert_eq!(tape.first(Step::Probe, 5..100), None);
    }

    /// Answered heartbeats are no reason to wait for READY for ever.
    #[test]
    fn one_that_lives_and_is_never_let_in_is_closed() {
        let mut tape = Tape::new();
        tape.watch.acknowledged(tape.at(110));
        assert_eq!(tape.first(Step::Close, 110..300), Some(121));
    }
}
