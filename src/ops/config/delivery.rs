use std::num::NonZero;

use super::{review::Section, value};
use crate::domain::time::Span;

/// `[delivery]`: how notices are sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Requests a second over all destinations, 1 to 50, which is all that Discord allows a bot.
    /// Default 40, which leaves room for replies to people.
    pub max_per_second: NonZero<u32>,
    /// How long Discord may take for one answer, 1 s to 5 min. Default 20 s.
    pub timeout: Span,
}

const USUAL_RATE: NonZero<u32> = NonZero::new(40).expect("40 is not zero");

impl Default for Delivery {
    fn default() -> Self {
        Self {
            max_per_second: USUAL_RATE,
            timeout: value::seconds(20),
        }
    }
}

impl Delivery {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        let default = Self::default();
        Self {
            max_per_second: section.read("max_per_second", default.max_per_second, |given| {
                value::whole(given, 1..=50, |rate| {
                    u32::try_from(rate).ok().and_then(NonZero::new)
                })
            }),
            timeout: section.read("timeout", default.timeout, |given| {
                value::span(given, value::SECOND, Some(Span::minutes(5)))
            }),
        }
    }
}
