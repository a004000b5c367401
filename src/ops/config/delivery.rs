use std::{fmt, num::NonZero, time::Duration};

use super::{review::Section, value};
use crate::domain::time::Span;

/// `[delivery]`: how notices are sent.
///
/// It prints as the section would be written, key by key, so that a run can show what it ran with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Requests a second over all destinations, 1 to 50, which is all that Discord allows a bot.
    /// Default 40, which leaves room for replies to people.
    pub max_per_second: NonZero<u32>,
    /// How long Discord may take for one answer, 10 ms to 5 min. Default 20 s.
    pub timeout: Span,
    /// How long after an unknown outcome it is looked whether the message arrived, 10 ms to 10 min
    /// and longer than [`timeout`](Self::timeout): what is looked for may still be on its way.
    /// Default 30 s.
    pub settle: Span,
    /// The longest waits after the first, second, … failed try, the last of them for all that follow:
    /// 1 to 12 ascending lengths of 10 ms to 1 d. Default 1 s to 30 min in seven steps.
    pub back_off: Vec<Span>,
    /// How long after a message was not found and sent again it is looked once more whether the first
    /// one came late, 10 ms to 1 h. Default 5 min.
    pub late_double_sweep: Span,
    /// How long Discord is trusted to know a nonce again, 10 ms to 3 min. Default 90 s.
    pub nonce_window: Span,
    /// How long everything rests after a ban at the edge that does not say for how long, 10 ms to
    /// 1 d. Default 1 h.
    pub edge_ban: Span,
    /// From one try to the next, after a ban and while Discord fails, 10 ms to 10 min. Default 15 s.
    pub breaker_probe: Span,
    /// Messages a minute that a channel is trusted to take until it shows otherwise, 0 (for no such
    /// limit) to 1000. Default 30.
    pub channel_per_minute: usize,
    /// Whether many notices for a channel become one message. Default true.
    pub merge: bool,
    /// How long notices for a channel gather from the first of them on, 0 s to 1 h, where they become
    /// one message. Default 1 min.
    pub group_wait: Span,
    /// From one such message to the next for the same channel, 0 s to 1 d. Default 5 min.
    pub group_interval: Span,
    /// How many messages a channel is given in an hour where its server chose no other number, 0 (for no
    /// such limit) to 1000; the rest waits and becomes one message. Default 10.
    pub hourly_cap: usize,
    /// How long a stop waits for what is under way, 10 ms to 5 min. Default 10 s.
    pub drain: Span,
    /// How long a notice is worth sending after it was written, 10 ms to 7 d. Default 24 h.
    pub shelf_life: Span,
    /// Invalid requests in ten minutes from which on what can wait is held back, 1 to 9998.
    /// Default 200.
    pub invalid_soft: usize,
    /// Invalid requests in ten minutes from which on only channels that took messages before are
    /// written to, 2 to 9999 and more than [`invalid_soft`](Self::invalid_soft). Default 500; at
    /// 10,000 Discord bans the address.
    pub invalid_hard: usize,
}

const USUAL_RATE: NonZero<u32> = NonZero::new(40).expect("40 is not zero");
/// Shorter waits serve nobody; tests need short ones.
const SHORTEST: Span = Span(Duration::from_millis(10));
const MOST_STEPS: usize = 12;

impl Default for Delivery {
    fn default() -> Self {
        Self {
            max_per_second: USUAL_RATE,
            timeout: value::seconds(20),
            settle: value::seconds(30),
            back_off: [1, 5, 30, 120, 300, 900, 1800].map(value::seconds).to_vec(),
            late_double_sweep: Span::minutes(5),
            nonce_window: value::seconds(90),
            edge_ban: Span::hours(1),
            breaker_probe: value::seconds(15),
            channel_per_minute: 30,
            merge: true,
            group_wait: Span::minutes(1),
            group_interval: Span::minutes(5),
            hourly_cap: 10,
            drain: value::seconds(10),
            shelf_life: Span::hours(24),
            invalid_soft: 200,
            invalid_hard: 500,
        }
    }
}

impl Delivery {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        let default = Self::default();
        let read = Self {
            max_per_second: section.read("max_per_second", default.max_per_second, |given| {
                value::whole(given, 1..=50, |rate| {
                    u32::try_from(rate).ok().and_then(NonZero::new)
                })
            }),
            timeout: wait(section, "timeout", default.timeout, Span::minutes(5)),
            settle: wait(section, "settle", default.settle, Span::minutes(10)),
            back_off: section.read("back_off", default.back_off, |given| {
                value::ascending_spans(given, SHORTEST, Span::days(1), MOST_STEPS)
            }),
            late_double_sweep: wait(
                section,
                "late_double_sweep",
                default.late_double_sweep,
                Span::hours(1),
            ),
            nonce_window: wait(
                section,
                "nonce_window",
                default.nonce_window,
                Span::minutes(3),
            ),
            edge_ban: wait(section, "edge_ban", default.edge_ban, Span::days(1)),
            breaker_probe: wait(
                section,
                "breaker_probe",
                default.breaker_probe,
                Span::minutes(10),
            ),
            channel_per_minute: count(
                section,
                "channel_per_minute",
                default.channel_per_minute,
                0..=1000,
            ),
            merge: section.read("merge", default.merge, value::flag),
            group_wait: section.read("group_wait", default.group_wait, |given| {
                value::span(given, Span::minutes(0), Some(Span::hours(1)))
            }),
            group_interval: section.read("group_interval", default.group_interval, |given| {
                value::span(given, Span::minutes(0), Some(Span::days(1)))
            }),
            hourly_cap: count(section, "hourly_cap", default.hourly_cap, 0..=1000),
            drain: wait(section, "drain", default.drain, Span::minutes(5)),
            shelf_life: wait(section, "shelf_life", default.shelf_life, Span::days(7)),
            invalid_soft: count(section, "invalid_soft", default.invalid_soft, 1..=9998),
            invalid_hard: count(section, "invalid_hard", default.invalid_hard, 2..=9999),
        };
        read.check(section);
        read
    }

    /// What each key allows by itself and both together do not.
    fn check(&self, section: &mut Section<'_>) {
        if self.settle <= self.timeout {
            section.contradiction(["settle", "timeout"], |[settle, timeout]| {
                format!(
                    "{settle} ({}) has to be longer than {timeout} ({})",
                    self.settle, self.timeout
                )
            });
        }
        if self.invalid_hard <= self.invalid_soft {
            section.contradiction(["invalid_hard", "invalid_soft"], |[hard, soft]| {
                format!(
                    "{hard} ({}) has to be more than {soft} ({})",
                    self.invalid_hard, self.invalid_soft
                )
            });
        }
    }
}

fn wait(section: &mut Section<'_>, key: &str, default: Span, longest: Span) -> Span {
    section.read(key, default, |given| {
        value::span(given, SHORTEST, Some(longest))
    })
}

fn count(
    section: &mut Section<'_>,
    key: &str,
    default: usize,
    allowed: std::ops::RangeInclusive<u64>,
) -> usize {
    section.read(key, default, |given| {
        value::whole(given, allowed, |count| usize::try_from(count).ok())
    })
}

impl fmt::Display for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let back_off: Vec<String> = self.back_off.iter().map(ToString::to_string).collect();
        writeln!(f, "max_per_second = {}", self.max_per_second)?;
        writeln!(f, "timeout = \"{}\"", self.timeout)?;
        writeln!(f, "settle = \"{}\"", self.settle)?;
        writeln!(f, "back_off = \"{}\"", back_off.join(", "))?;
        writeln!(f, "late_double_sweep = \"{}\"", self.late_double_sweep)?;
        writeln!(f, "nonce_window = \"{}\"", self.nonce_window)?;
        writeln!(f, "edge_ban = \"{}\"", self.edge_ban)?;
        writeln!(f, "breaker_probe = \"{}\"", self.breaker_probe)?;
        writeln!(f, "channel_per_minute = {}", self.channel_per_minute)?;
        writeln!(f, "merge = {}", self.merge)?;
        writeln!(f, "group_wait = \"{}\"", self.group_wait)?;
        writeln!(f, "group_interval = \"{}\"", self.group_interval)?;
        writeln!(f, "hourly_cap = {}", self.hourly_cap)?;
        writeln!(f, "drain = \"{}\"", self.drain)?;
        writeln!(f, "shelf_life = \"{}\"", self.shelf_life)?;
        writeln!(f, "invalid_soft = {}", self.invalid_soft)?;
        write!(f, "invalid_hard = {}", self.invalid_hard)
    }
}
