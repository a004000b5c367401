//! The life of a post: one message on its way to a channel, for one notice or for many. Pure.
//!
//! Four rules keep a post from being lost or doubled, and each is needed: the intent is on disk
//! before the first byte leaves; what a dead process left in the middle is uncertain and never
//! simply sent again; a read-back waits until Discord has settled; and a repetition that relies on
//! the nonce stays well inside the time for which Discord remembers it.

use std::time::Duration;

use super::{
    outcome::{DeadEnd, Outcome, Scope},
    state::State,
};
use crate::domain::{
    ids::{MessageId, WebhookId},
    time::Timestamp,
};

/// How long things are waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waits {
    /// How long Discord may still be working on a request whose answer is lost; longer than the
    /// time-out of a request.
    pub settle: Duration,
    /// How long after the first request of a series it may be repeated with the same nonce. A safe
    /// part of the "few minutes" for which Discord remembers one.
    pub nonce_window: Duration,
    /// When a post that was sent anew is looked for once more: its first copy may have turned up.
    pub late_double_sweep: Duration,
    /// The longest wait after each attempt in turn; the last one stands for all further ones.
    pub back_off: Vec<Duration>,
}

impl Default for Waits {
    fn default() -> Self {
        Self {
            settle: Duration::from_secs(30),
            nonce_window: Duration::from_secs(90),
            late_double_sweep: Duration::from_mins(5),
            back_off: [1, 5, 30, 120, 300, 900, 1800]
                .map(Duration::from_secs)
                .to_vec(),
        }
    }
}

impl Waits {
    /// The longest wait after attempt number `attempt`, from 1.
    fn back_off(&self, attempt: u32) -> Duration {
        let step = usize::try_from(attempt.saturating_sub(1)).unwrap_or(usize::MAX);
        let last = self.back_off.len().saturating_sub(1);
        self.back_off
            .get(step.min(last))
            .copied()
            .unwrap_or_default()
    }
}

/// Who carries a post into its channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Carrier {
    /// A webhook of ours. It knows no nonce, so a lost answer is read back.
    Webhook(WebhookId),
    /// The bot itself, with a nonce that makes a repetition harmless for some minutes.
    Bot,
}

/// Where a post stands, and all that decides what becomes of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Post {
    pub state: State,
    /// How many attempts count, from 1; one that was only held back does not.
    pub attempt: u32,
    /// When something is to be done about it; `None` when nothing is until somebody else does.
    pub due_at: Option<Timestamp>,
    /// Past this moment it expires instead of being sent.
    pub not_after: Timestamp,
    /// The run of the process that claimed it last.
    pub epoch: i64,
    pub carrier: Carrier,
    /// The latest moment at which a request for it may have left.
    pub intent_at: Option<Timestamp>,
    /// When the first of the requests was that may have made the same message.
    pub series_at: Option<Timestamp>,
    /// The latest request repeats one of which nobody knows what came of it.
    pub repeats: bool,
    /// A message that is older than any copy of this post.
    pub floor: Option<MessageId>,
    pub message: Option<MessageId>,
    /// It was found to be absent and sent anew, so an older copy may turn up yet.
    pub anew: bool,
    /// There is a plainer form of it, for when Discord refuses this one.
    pub plainer: bool,
}

/// What is to be done about a post.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// A request may leave once its intent is on disk.
    Send,
    /// The channel is to be read for copies of it.
    Look,
    Rest(Timestamp),
    Nothing,
}

/// What follows from an outcome for others than the post.
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

/// A channel's bucket makes nobody wait longer: five messages in five seconds.
const USUAL_PAUSE: Duration = Duration::from_secs(5);

/// Added to what Discord asks for, so that those who were paused together do not come back together.
const LIMIT_JITTER: Duration = Duration::from_millis(250);

impl Post {
    /// A post that nobody has tried to send yet.
    pub const fn new(carrier: Carrier, now: Timestamp, not_after: Timestamp) -> Self {
        Self {
            state: State::Pending,
            attempt: 0,
            due_at: Some(now),
            not_after,
            epoch: 0,
            carrier,
            intent_at: None,
            series_at: None,
            repeats: false,
            floor: None,
            message: None,
            anew: false,
            plainer: true,
        }
    }

    /// What is to be done now.
    pub fn turn(&self, now: Timestamp, waits: &Waits) -> Turn {
        let Some(due_at) = self.due_at else {
            return Turn::Nothing;
        };
        if due_at > now {
            return Turn::Rest(due_at);
        }
        match self.state {
            State::Pending | State::Waiting => Turn::Send,
            State::Uncertain if self.nonce_holds(now, waits) => Turn::Send,
            State::Uncertain => match self.intent_at.map(|intent| intent.plus(waits.settle)) {
                Some(settled) if settled > now => Turn::Rest(settled),
                _ => Turn::Look,
            },
            State::Delivered => Turn::Look,
            _ => Turn::Nothing,
        }
    }

    /// The intent: what has to be on disk before the first byte leaves. `floor` is the newest
    /// message that is known to be older than this moment.
    #[must_use]
    pub fn claimed(
        self,
        carrier: Carrier,
        epoch: i64,
        floor: Option<MessageId>,
        now: Timestamp,
    ) -> Self {
        let repeats = self.state == State::Uncertain;
        Self {
            state: State::Sending,
            attempt: self.attempt.saturating_add(1),
            due_at: None,
            epoch,
            carrier: if repeats { self.carrier } else { carrier },
            intent_at: Some(now),
            series_at: self.series_at.filter(|_| repeats).or(Some(now)),
            repeats,
            floor: self.floor.or(floor),
            ..self
        }
    }

    /// What becomes of it after its request. `jitter` is a fresh random number from 0 to 1.
    #[must_use]
    pub fn settled(self, outcome: &Outcome, now: Timestamp, jitter: f64, waits: &Waits) -> Self {
        let jitter = jitter.clamp(0.0, 1.0);
        // A limit says nothing about this post: the try neither counts nor lengthens the back-off.
        let uncounted = self.attempt.saturating_sub(1);
        match outcome {
            Outcome::Accepted { message } => self.delivered(*message, now, waits),
            // Made by an earlier request of the series, and deleted since.
            Outcome::MessageGone if self.repeats => self.delivered(None, now, waits),
            Outcome::Unclear(_) => self.uncertain(now, jitter, waits),
            // What was refused now may have been done before.
            _ if self.repeats => {
                let wait = match outcome {
                    Outcome::Limited { wait, .. }
                    | Outcome::Banned { wait }
                    | Outcome::HeldBack { wait } => *wait,
                    _ => waits.settle,
                };
                Self {
                    state: State::Uncertain,
                    due_at: Some(now.plus(wait)),
                    ..self
                }
            }
            Outcome::Unreached => {
                let wait = waits.back_off(self.attempt).mul_f64(jitter);
                self.again(now, wait)
            }
            Outcome::HeldBack { wait } => Self {
                attempt: uncounted,
                ..self.again(now, *wait)
            },
            Outcome::Limited { wait, .. } | Outcome::Banned { wait } => Self {
                attempt: uncounted,
                ..self.again(now, *wait + LIMIT_JITTER.mul_f64(jitter))
            },
            // It is the bot that is refused as a whole, and whoever runs it has to act.
            Outcome::BotTokenRefused => Self {
                attempt: uncounted,
                ..self.again(now, Duration::ZERO)
            },
            Outcome::DeadEnd(_) => self.ended(State::Parked),
            Outcome::Malformed { .. } if self.plainer => Self {
                plainer: false,
                ..self.again(now, Duration::ZERO)
            },
            Outcome::Malformed { .. }
            | Outcome::Filtered { .. }
            | Outcome::WebhooksFull
            | Outcome::MessageGone => self.ended(State::Dead),
        }
    }

    /// What a dead process left in the middle of sending: nobody knows, so it is not sent again.
    ///
    /// A nonce would let it be repeated at once; but the answer that was lost may have asked for a pause.
    #[must_use]
    pub fn orphaned(self, now: Timestamp, waits: &Waits) -> Self {
        let pause = now.plus(USUAL_PAUSE);
        let settled = now.plus(waits.settle);
        let due_at = if self.nonce_holds(pause, waits) {
            pause.min(settled)
        } else {
            settled
        };
        Self {
            state: State::Uncertain,
            due_at: Some(due_at),
            // Counted from now: the clock may have been set while nobody ran.
            intent_at: Some(now),
            ..self
        }
    }

    /// The copies that a read-back finds, which are kept and which are removed: the oldest stays.
    pub fn heal(copies: &mut Vec<MessageId>) -> Option<MessageId> {
        copies.sort_unstable();
        copies.dedup();
        (!copies.is_empty()).then(|| copies.remove(0))
    }

    /// What becomes of it after the channel was read and doubles were removed. `kept` is the copy
    /// that stands in the channel.
    #[must_use]
    pub fn looked(self, kept: Option<MessageId>, now: Timestamp, waits: &Waits) -> Self {
        match (self.state, kept) {
            (State::Uncertain, Some(message)) => self.delivered(Some(message), now, waits),
            (State::Uncertain, None) => Self {
                anew: true,
                series_at: None,
                repeats: false,
                ..self.again(now, Duration::ZERO)
            },
            // The second look is the last one. What is gone now was removed by somebody.
            (_, kept) => Self {
                message: kept.or(self.message),
                due_at: None,
                ..self
            },
        }
    }

    /// The channel could not be read just now.
    #[must_use]
    pub fn not_looked(self, wait: Duration, now: Timestamp) -> Self {
        Self {
            due_at: Some(now.plus(wait)),
            ..self
        }
    }

    /// The channel may not be read: what stands in it is for people to see.
    #[must_use]
    pub fn unreadable(self) -> Self {
        Self {
            due_at: None,
            ..self
        }
    }

    /// Its destination takes messages again.
    #[must_use]
    pub fn let_go(self, now: Timestamp, waits: &Waits) -> Self {
        match self.state {
            State::Parked => self.again(now, Duration::ZERO),
            State::Uncertain => Self {
                due_at: Some(now.plus(waits.settle)),
                ..self
            },
            _ => self,
        }
    }

    /// A repetition with the same nonce makes no second message.
    fn nonce_holds(&self, now: Timestamp, waits: &Waits) -> bool {
        self.carrier == Carrier::Bot
            && self.series_at.is_some_and(|first| {
                // Before its own beginning only a clock that was set back can be.
                now >= first && now < first.plus(waits.nonce_window)
            })
    }

    fn delivered(self, message: Option<MessageId>, now: Timestamp, waits: &Waits) -> Self {
        Self {
            state: State::Delivered,
            due_at: self.anew.then(|| now.plus(waits.late_double_sweep)),
            message,
            ..self
        }
    }

    fn uncertain(self, now: Timestamp, jitter: f64, waits: &Waits) -> Self {
        let soon = now.plus(waits.back_off(self.attempt).mul_f64(jitter));
        let due_at = if self.nonce_holds(soon, waits) {
            soon
        } else {
            now.plus(waits.settle)
        };
        Self {
            state: State::Uncertain,
            due_at: Some(due_at),
            // Counted from the end of the wait, which no setting of the clock can shorten.
            intent_at: Some(now),
            ..self
        }
    }

    /// Nothing of it is in the channel, and it is to be sent after a while.
    fn again(self, now: Timestamp, wait: Duration) -> Self {
        let due_at = now.plus(wait);
        if due_at >= self.not_after {
            return self.ended(State::Expired);
        }
        let state = if wait.is_zero() {
            State::Pending
        } else {
            State::Waiting
        };
        Self {
            state,
            due_at: Some(due_at),
            series_at: None,
            ..self
        }
    }

    fn ended(self, state: State) -> Self {
        Self {
            state,
            due_at: None,
            series_at: None,
            ..self
        }
    }
}

/// What an outcome asks of everything beside the post or call that it answers.
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
        | Outcome::MessageGone
        | Outcome::BotTokenRefused => Effect::None,
    }
}

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;
