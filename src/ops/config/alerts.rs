use super::{review::Section, value};
use crate::domain::{episode::Timing, time::Span};

const LONGEST_HOLD: Span = Span::days(14);

/// `[alerts]`: what applies to an alert that does not say otherwise, and how many there may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alerts {
    /// `hold` and `clear_hold`: how long a condition has to be met before it is told, and to be
    /// cleared before it is over; 0 s to 14 d each. Default 2 h and 4 h.
    pub timing: Timing,
    /// How many alerts a server may have, 1 to 10,000. Default 50.
    pub per_guild: u32,
}

impl Default for Alerts {
    fn default() -> Self {
        Self {
            timing: Timing::default(),
            per_guild: 50,
        }
    }
}

impl Alerts {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        let Self { timing, per_guild } = Self::default();
        let hold = |given: &_| value::span(given, Span::minutes(0), Some(LONGEST_HOLD));
        Self {
            timing: Timing {
                hold: section.read("hold", timing.hold, hold),
                clear_hold: section.read("clear_hold", timing.clear_hold, hold),
                remind: timing.remind,
            },
            per_guild: section.read("per_guild", per_guild, |given| {
                value::whole(given, 1..=10_000, |count| count.try_into().ok())
            }),
        }
    }
}
