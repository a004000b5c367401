//! The life of an entry in the outbox, and what an outcome makes of it. Pure.

use std::{borrow::Cow, time::Duration};

use super::outcome::{DeadEnd, Outcome, Scope};
use crate::domain::{
    ids::{DestinationId, EntryId, MessageId, WebhookId},
    time::Timestamp,
};

/// Where an entry stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// To be sent.
    Pending,
    /// Claimed: a request may be under way.
    Sending,
    /// To be sent again at a set time.
    Waiting,
    /// It may be in the channel or not; never sent again on a guess.
    Uncertain,
    Delivered,
    /// Its destination takes nothing at present.
    Parked,
    /// Refused for good.
    Dead,
    /// Too old to be worth sending.
    Expired,
    /// A newer notice says it all.
    Superseded,
}

impl State {
    pub const ALL: [Self; 9] = [
        Self::Pending,
        Self::Sending,
        Self::Waiting,
        Self::Uncertain,
        Self::Delivered,
        Self::Parked,
        Self::Dead,
        Self::Expired,
        Self::Superseded,
    ];

    pub const fn slug(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Sending => "sending",
            Self::Waiting => "waiting",
            Self::Uncertain => "uncertain",
            Self::Delivered => "delivered",
            Self::Parked => "parked",
            Self::Dead => "dead",
            Self::Expired => "expired",
            Self::Superseded => "superseded",
        }
    }

    pub fn parse(slug: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.slug() == slug)
    }

    /// Nothing leads out of this state.
    pub const fn is_final(self) -> bool {
        matches!(
            self,
            Self::Delivered | Self::Dead | Self::Expired | Self::Superseded
        )
    }

    /// The worker has still something to do about it by itself.
    pub const fn is_moving(self) -> bool {
        matches!(self, Self::Pending | Self::Sending | Self::Waiting)
    }
}

/// Where a destination stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DestinationState {
    /// Known, without a webhook yet.
    New,
    Ready,
    /// Nothing is sent there until a person has put it right.
    Parked,
}

impl DestinationState {
    pub const ALL: [Self; 3] = [Self::New, Self::Ready, Self::Parked];

    pub const fn slug(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Ready => "ready",
            Self::Parked => "parked",
        }
    }

    pub fn parse(slug: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.slug() == slug)
    }
}

/// What follows from an outcome for an entry that was being sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Next {
    pub state: State,
    pub next_attempt_at: Timestamp,
    /// How many attempts count; one that was only held back does not.
    pub attempt: u32,
    pub message: Option<MessageId>,
    pub effect: Effect,
}

/// What follows from an outcome for others than the entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    None,
    /// The destination takes nothing any more.
    Park(DeadEnd),
    /// The destination rests.
    Pause(Duration),
    /// Everything rests.
    PauseAll(Duration),
    /// Everything rests, and then one request tries whether the ban is over.
    PauseAllThenProbe(Duration),
}

/// The end of one attempt, as it is written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    pub entry: EntryId,
    pub destination: DestinationId,
    /// The webhook that was called; a newer one of the same destination is not parked for it.
    pub webhook: WebhookId,
    pub at: Timestamp,
    pub next: Next,
    pub error: Option<Cow<'static, str>>,
    pub status: Option<u16>,
}

const BACK_OFF_S: [u64; 7] = [1, 5, 30, 120, 300, 900, 1800];
/// Added to what Discord asks for, so that those who were paused together do not come back together.
const LIMIT_JITTER: Duration = Duration::from_millis(250);

/// Decides what becomes of an entry after its attempt number `attempt` (from 1).
///
/// `jitter` is a fresh random number from 0 to 1.
pub fn next(
    attempt: u32,
    outcome: &Outcome,
    now: Timestamp,
    not_after: Timestamp,
    jitter: f64,
) -> Next {
    let jitter = jitter.clamp(0.0, 1.0);
    let stay = |state| Next {
        state,
        next_attempt_at: now,
        attempt,
        message: None,
        effect: effect(outcome),
    };
    let again = |delay: Duration| {
        let at = now.plus(delay);
        if at < not_after {
            Next {
                next_attempt_at: at,
                ..stay(State::Waiting)
            }
        } else {
            stay(State::Expired)
        }
    };
    // A limit says nothing about this entry: the try neither counts nor lengthens the back-off.
    let uncounted = |next: Next| Next {
        attempt: attempt.saturating_sub(1),
        ..next
    };
    match outcome {
        Outcome::Accepted { message } => Next {
            message: *message,
            ..stay(State::Delivered)
        },
        Outcome::Unreached => again(back_off(attempt).mul_f64(jitter)),
        Outcome::HeldBack { wait } if wait.is_zero() => uncounted(stay(State::Pending)),
        Outcome::HeldBack { wait } => uncounted(again(*wait)),
        Outcome::Limited { wait, .. } | Outcome::Banned { wait } => {
            uncounted(again(*wait + LIMIT_JITTER.mul_f64(jitter)))
        }
        Outcome::Unclear(_) => stay(State::Uncertain),
        Outcome::DeadEnd(_) => stay(State::Parked),
        Outcome::Malformed { .. }
        | Outcome::Filtered { .. }
        | Outcome::WebhooksFull
        | Outcome::BotTokenRefused => stay(State::Dead),
    }
}

/// What an outcome asks of everything beside the entry or call that it answers.
pub const fn effect(outcome: &Outcome) -> Effect {
    match outcome {
        Outcome::Limited {
            scope: Scope::Global,
            wait,
        } => Effect::PauseAll(*wait),
        Outcome::Limited { wait, .. } => Effect::Pause(*wait),
        Outcome::Banned { wait } => Effect::PauseAllThenProbe(*wait),
        Outcome::DeadEnd(end) => Effect::Park(*end),
        Outcome::Accepted { .. }
        | Outcome::Unreached
        | Outcome::HeldBack { .. }
        | Outcome::Unclear(_)
        | Outcome::Malformed { .. }
        | Outcome::Filtered { .. }
        | Outcome::WebhooksFull
        | Outcome::BotTokenRefused => Effect::None,
    }
}

/// The longest wait after attempt number `attempt`.
fn back_off(attempt: u32) -> Duration {
    let step = usize::try_from(attempt.saturating_sub(1)).unwrap_or(usize::MAX);
    Duration::from_secs(BACK_OFF_S[step.min(BACK_OFF_S.len() - 1)])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::delivery::outcome::Unclear;

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);
    const LATER: Timestamp = Timestamp::from_millis(1_000_000 + 86_400_000);

    fn after(attempt: u32, outcome: &Outcome) -> Next {
        next(attempt, outcome, NOW, LATER, 1.0)
    }

    #[test]
    fn each_class_leads_where_it_should() {
        let limited = |scope| Outcome::Limited {
            scope,
            wait: Duration::from_secs(2),
        };
        let two = Duration::from_secs(2);
        let rows = [
            (Outcome::Unreached, State::Waiting, 1_000, Effect::None),
            (
                Outcome::Accepted {
                    message: Some(MessageId(7)),
                },
                State::Delivered,
                0,
                Effect::None,
            ),
            (
                Outcome::Accepted { message: None },
                State::Delivered,
                0,
                Effect::None,
            ),
            (
                limited(Scope::User),
                State::Waiting,
                2_250,
                Effect::Pause(two),
            ),
            (
                limited(Scope::Shared),
                State::Waiting,
                2_250,
                Effect::Pause(two),
            ),
            (
                limited(Scope::Global),
                State::Waiting,
                2_250,
                Effect::PauseAll(two),
            ),
            (
                Outcome::Banned { wait: two },
                State::Waiting,
                2_250,
                Effect::PauseAllThenProbe(two),
            ),
            (
                Outcome::Unclear(Unclear::Gateway),
                State::Uncertain,
                0,
                Effect::None,
            ),
            (
                Outcome::Unclear(Unclear::Server),
                State::Uncertain,
                0,
                Effect::None,
            ),
            (
                Outcome::Unclear(Unclear::TimedOut),
                State::Uncertain,
                0,
                Effect::None,
            ),
            (
                Outcome::Malformed { code: Some(50035) },
                State::Dead,
                0,
                Effect::None,
            ),
            (
                Outcome::Filtered { code: 200_000 },
                State::Dead,
                0,
                Effect::None,
            ),
            (
                Outcome::DeadEnd(DeadEnd::WebhookGone),
                State::Parked,
                0,
                Effect::Park(DeadEnd::WebhookGone),
            ),
            (
                Outcome::DeadEnd(DeadEnd::WrongKind),
                State::Parked,
                0,
                Effect::Park(DeadEnd::WrongKind),
            ),
            (
                Outcome::DeadEnd(DeadEnd::Redirected),
                State::Parked,
                0,
                Effect::Park(DeadEnd::Redirected),
            ),
            (
                Outcome::HeldBack { wait: two },
                State::Waiting,
                2_000,
                Effect::None,
            ),
            (
                Outcome::HeldBack {
                    wait: Duration::ZERO,
                },
                State::Pending,
                0,
                Effect::None,
            ),
        ];
        for (outcome, state, delay_ms, effect) in rows {
            let next = after(1, &outcome);
            assert_eq!(next.state, state, "{outcome:?}");
            assert_eq!(
                next.next_attempt_at,
                NOW.plus(Duration::from_millis(delay_ms)),
                "{outcome:?}"
            );
            assert_eq!(next.effect, effect, "{outcome:?}");
        }
    }

    #[test]
    fn the_back_off_grows_to_half_an_hour() {
        let delays: Vec<u64> = (1..=9)
            .map(|attempt| {
                let next = after(attempt, &Outcome::Unreached);
                next.next_attempt_at.since(NOW).as_secs()
            })
            .collect();
        assert_eq!(delays, [1, 5, 30, 120, 300, 900, 1800, 1800, 1800]);
    }

    #[test]
    fn a_limit_does_not_count_as_an_attempt() {
        let limited = Outcome::Limited {
            scope: Scope::User,
            wait: Duration::from_secs(1),
        };
        assert_eq!(after(3, &limited).attempt, 2);
        assert_eq!(after(3, &Outcome::Unreached).attempt, 3);
    }

    #[test]
    fn what_would_come_too_late_expires() {
        let soon = NOW.plus(Duration::from_secs(10));
        let limited = |seconds| Outcome::Limited {
            scope: Scope::User,
            wait: Duration::from_secs(seconds),
        };
        assert_eq!(next(1, &limited(9), NOW, soon, 0.0).state, State::Waiting);
        assert_eq!(next(1, &limited(10), NOW, soon, 0.0).state, State::Expired);
    }

    #[test]
    fn states_keep_their_names() {
        for state in State::ALL {
            assert_eq!(State::parse(state.slug()), Some(state));
        }
        for state in DestinationState::ALL {
            assert_eq!(DestinationState::parse(state.slug()), Some(state));
        }
    }

    pub(crate) fn outcomes() -> impl Strategy<Value = Outcome> {
        let wait = (0u64..10_000_000).prop_map(Duration::from_millis);
        let unclear = proptest::sample::select(vec![
            Unclear::TimedOut,
            Unclear::Broken,
            Unclear::Gateway,
            Unclear::Server,
            Unclear::Interrupted,
        ]);
        let scope = proptest::sample::select(vec![Scope::User, Scope::Shared, Scope::Global]);
        prop_oneof![
            proptest::option::of(1u64..1 << 62).prop_map(|id| Outcome::Accepted {
                message: id.map(MessageId)
            }),
            Just(Outcome::Unreached),
            wait.clone().prop_map(|wait| Outcome::HeldBack { wait }),
            (scope, wait.clone()).prop_map(|(scope, wait)| Outcome::Limited { scope, wait }),
            wait.prop_map(|wait| Outcome::Banned { wait }),
            unclear.prop_map(Outcome::Unclear),
            proptest::option::of(0u64..300_000).prop_map(|code| Outcome::Malformed { code }),
            Just(Outcome::Filtered { code: 200_000 }),
            proptest::sample::select(DeadEnd::ALL.to_vec()).prop_map(Outcome::DeadEnd),
            Just(Outcome::WebhooksFull),
            Just(Outcome::BotTokenRefused),
        ]
    }

    proptest! {
        #[test]
        fn an_attempt_ends_somewhere_and_delivered_needs_a_receipt(
            attempt in 1u32..1000,
            outcome in outcomes(),
            shelf_ms in 0u64..100_000_000,
            jitter in 0.0f64..=1.0,
        ) {
            let not_after = NOW.plus(Duration::from_millis(shelf_ms));
            let next = next(attempt, &outcome, NOW, not_after, jitter);
            prop_assert_ne!(next.state, State::Sending);
            prop_assert_ne!(next.state, State::Superseded);
            prop_assert_eq!(
                next.state == State::Delivered,
                matches!(outcome, Outcome::Accepted { .. })
            );
            prop_assert_eq!(
                next.state == State::Uncertain,
                matches!(outcome, Outcome::Unclear(_))
            );
            prop_assert_eq!(
                next.state == State::Parked,
                matches!(next.effect, Effect::Park(_))
            );
            if next.state == State::Waiting {
                prop_assert!(next.next_attempt_at < not_after);
            }
            if let Outcome::Limited { wait, .. } | Outcome::Banned { wait } = outcome
                && next.state == State::Waiting
            {
                prop_assert!(next.next_attempt_at >= NOW.plus(wait));
                prop_assert!(next.next_attempt_at <= NOW.plus(wait + LIMIT_JITTER));
            }
        }
    }
}
