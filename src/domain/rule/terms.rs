//! What is said of a condition, and the way back: a condition as it would be asked for, so that it can be
//! changed or written down again.

use super::{Condition, Kind, LONGEST_WINDOW, SCREENED, Unit};
use crate::domain::{time::Span, verdict::Verdict};

/// A stablecoin this many percent from what it follows is off its peg, where nothing else is asked for.
const OFF_PEG: f64 = 2.0;

/// What a rule says beside its kind, as people write it; what is left out takes its default.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Terms {
    pub value: Option<f64>,
    pub verdict: Option<Verdict>,
    pub unit: Option<Unit>,
    pub window: Option<Span>,
    pub clear_at: Option<f64>,
    pub major: Option<f64>,
}

/// A condition that cannot be meant.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RuleError {
    #[error("`{}` needs a value: {allowed}", kind.slug())]
    ValueMissing { kind: Kind, allowed: &'static str },
    #[error("{value} is not a value for `{}`; it takes {allowed}", kind.slug())]
    ValueOutOfRange {
        kind: Kind,
        value: f64,
        allowed: &'static str,
    },
    #[error("`{}` takes no {what}", kind.slug())]
    NotTaken { kind: Kind, what: &'static str },
    #[error(
        "clear_at {clear_at} has to lie {side} the value {value}, or the alert could never rest"
    )]
    ClearOnWrongSide {
        clear_at: f64,
        value: f64,
        side: &'static str,
    },
    #[error("major {major} has to lie {side} the value {value}, since it is the worse tier")]
    MajorOnWrongSide {
        major: f64,
        value: f64,
        side: &'static str,
    },
    #[error("a window of {0} is too long; history of every change is kept for 14 days")]
    WindowTooLong(Span),
    #[error("a window of {0} is too short; it takes 1m or more")]
    WindowTooShort(Span),
}

/// A product as people would write it: 0.8 × 4.5 is 3.5999999999999996 in binary.
fn plain(value: f64) -> f64 {
    format!("{value:.12e}").parse().unwrap_or(value)
}

impl Terms {
    /// Refuses what the kind has no use for.
    fn check_taken(&self, kind: Kind) -> Result<(), RuleError> {
        let takes_value = kind.values().is_some();
        let unit = self
            .unit
            .is_some_and(|unit| unit != Unit::Percent || !takes_value);
        let refused = [
            (unit && kind != Kind::ApyChange, "unit but percent"),
            (self.value.is_some() && !takes_value, "value"),
            (
                self.verdict.is_some() && kind != Kind::VerdictBecomes,
                "verdict",
            ),
            (
                self.window.is_some() && kind.default_window().is_none(),
                "window",
            ),
            (self.clear_at.is_some() && !kind.clears_at(), "clear_at"),
            (self.major.is_some() && !kind.has_tiers(), "major"),
        ];
        match refused.into_iter().find(|(refused, _)| *refused) {
            Some((_, what)) => Err(RuleError::NotTaken { kind, what }),
            None => Ok(()),
        }
    }

    fn window(&self, kind: Kind) -> Result<Span, RuleError> {
        let window = self
            .window
            .or(kind.default_window())
            .unwrap_or(LONGEST_WINDOW);
        if window > LONGEST_WINDOW {
            return Err(RuleError::WindowTooLong(window));
        }
        if window < Span::minutes(1) {
            return Err(RuleError::WindowTooShort(window));
        }
        Ok(window)
    }

    fn value(&self, kind: Kind) -> Result<f64, RuleError> {
        let Some((range, allowed)) = kind.values() else {
            return Ok(SCREENED);
        };
        let usual = match kind {
            // Any sustainable offer is one.
            Kind::NewSustainable => Some(0.0),
            Kind::OffPeg => Some(OFF_PEG),
            _ => None,
        };
        let value = (self.value.or(usual)).ok_or(RuleError::ValueMissing { kind, allowed })?;
        // A change with a sign is a fall.
        if kind == Kind::ApyChange && range.contains(&-value) {
            return Ok(-value);
        }
        if range.contains(&value) {
            Ok(value)
        } else {
            Err(RuleError::ValueOutOfRange {
                kind,
                value,
                allowed,
            })
        }
    }

    /// A fifth inside the trigger where none is given: 0.8 × value, or 1.2 × value for what falls.
    fn clear_at(&self, kind: Kind, value: f64) -> Result<f64, RuleError> {
        let usual = match kind {
            // A share cannot rise above 100.
            Kind::BaseShareBelow => (1.2 * value).min(f64::midpoint(value, 100.0)),
            _ if kind.falls() => 1.2 * value,
            _ => 0.8 * value,
        };
        let clear_at = self.clear_at.unwrap_or(plain(usual));
        let (fits, side) = if kind.falls() {
            (clear_at >= value, "at or above")
        } else {
            ((0.0..=value).contains(&clear_at), "at or below")
        };
        if fits && clear_at.is_finite() {
            Ok(clear_at)
        } else {
            Err(RuleError::ClearOnWrongSide {
                clear_at,
                value,
                side,
            })
        }
    }

    /// Twice as bad where none is given; a drop can only go on towards 100 percent.
    fn major(&self, kind: Kind, value: f64) -> Result<Option<f64>, RuleError> {
        let usual = match kind {
            Kind::TvlDrop | Kind::OffPeg => (2.0 * value).min(f64::midpoint(value, 100.0)),
            _ if kind.falls() => value / 2.0,
            _ => 2.0 * value,
        };
        let major = self.major.unwrap_or(plain(usual));
        let (fits, side) = if kind.falls() {
            (major <= value, "at or below")
        } else {
            (major >= value, "at or above")
        };
        if fits && major.is_finite() {
            Ok(Some(major))
        } else {
            Err(RuleError::MajorOnWrongSide { major, value, side })
        }
    }
}

impl Condition {
    /// Completes what a person asked for with the defaults, and refuses what cannot be meant.
    pub fn new(kind: Kind, terms: Terms) -> Result<Self, RuleError> {
        terms.check_taken(kind)?;
        let window = terms.window(kind)?;
        let value = terms.value(kind)?;
        let clear_at = terms.clear_at(kind, value)?;
        let major = if kind.has_tiers() {
            terms.major(kind, value)?
        } else {
            None
        };
        Ok(match kind {
            Kind::ApyAbove => Self::ApyAbove {
                value,
                clear_at,
                major,
            },
            Kind::ApyBelow => Self::ApyBelow {
                value,
                clear_at,
                major,
            },
            Kind::ApyChange => Self::ApyChange {
                value,
                unit: terms.unit.unwrap_or(Unit::Percent),
                window,
                clear_at,
                falls_only: terms.value.is_some_and(|value| value < 0.0),
            },
            Kind::VerdictWorsens => Self::VerdictWorsens { window },
            Kind::VerdictBecomes => Self::VerdictBecomes {
                verdict: terms.verdict.unwrap_or(Verdict::Unsustainable),
                window,
            },
            Kind::BaseShareBelow => Self::BaseShareBelow {
                value,
                clear_at,
                major,
            },
            Kind::RewardsEnd => Self::RewardsEnd { window },
            Kind::TvlDrop => Self::TvlDrop {
                value,
                window,
                clear_at,
                major,
            },
            Kind::Over100 => Self::Over100 { clear_at, major },
            Kind::PoolGone => Self::PoolGone,
            Kind::Stale => Self::Stale,
            Kind::OffPeg => Self::OffPeg {
                value,
                clear_at,
                major,
            },
            Kind::ProtocolIncident => Self::ProtocolIncident,
            Kind::NewSustainable => Self::NewSustainable {
                value,
                window,
                clear_at,
            },
        })
    }

    pub const fn kind(&self) -> Kind {
        match self {
            Self::ApyAbove { .. } => Kind::ApyAbove,
            Self::ApyBelow { .. } => Kind::ApyBelow,
            Self::ApyChange { .. } => Kind::ApyChange,
            Self::VerdictWorsens { .. } => Kind::VerdictWorsens,
            Self::VerdictBecomes { .. } => Kind::VerdictBecomes,
            Self::BaseShareBelow { .. } => Kind::BaseShareBelow,
            Self::RewardsEnd { .. } => Kind::RewardsEnd,
            Self::TvlDrop { .. } => Kind::TvlDrop,
            Self::Over100 { .. } => Kind::Over100,
            Self::PoolGone => Kind::PoolGone,
            Self::Stale => Kind::Stale,
            Self::OffPeg { .. } => Kind::OffPeg,
            Self::ProtocolIncident => Kind::ProtocolIncident,
            Self::NewSustainable { .. } => Kind::NewSustainable,
        }
    }

    /// How far back the condition looks, where it does.
    pub const fn window(&self) -> Option<Span> {
        match self {
            Self::ApyChange { window, .. }
            | Self::VerdictWorsens { window }
            | Self::VerdictBecomes { window, .. }
            | Self::RewardsEnd { window }
            | Self::TvlDrop { window, .. }
            | Self::NewSustainable { window, .. } => Some(*window),
            Self::ApyAbove { .. }
            | Self::ApyBelow { .. }
            | Self::BaseShareBelow { .. }
            | Self::Over100 { .. }
            | Self::PoolGone
            | Self::Stale
            | Self::OffPeg { .. }
            | Self::ProtocolIncident => None,
        }
    }

    /// The end of a change or of an offer's being new is no news for a channel; that a level, a
    /// verdict or the figures are back is.
    pub const fn tells_closing(&self) -> bool {
        !matches!(self, Self::ApyChange { .. } | Self::NewSustainable { .. })
    }

    /// The terms that make this very condition.
    pub fn terms(&self) -> Terms {
        let none = Terms::default();
        match *self {
            Self::ApyAbove {
                value,
                clear_at,
                major,
            }
            | Self::ApyBelow {
                value,
                clear_at,
                major,
            }
            | Self::BaseShareBelow {
                value,
                clear_at,
                major,
            }
            | Self::OffPeg {
                value,
                clear_at,
                major,
            } => Terms {
                value: Some(value),
                clear_at: Some(clear_at),
                major,
                ..none
            },
            Self::ApyChange {
                value,
                unit,
                window,
                clear_at,
                falls_only,
            } => Terms {
                value: Some(if falls_only { -value } else { value }),
                unit: (unit != Unit::Percent).then_some(unit),
                window: Some(window),
                clear_at: Some(clear_at),
                ..none
            },
            Self::VerdictWorsens { window } | Self::RewardsEnd { window } => Terms {
                window: Some(window),
                ..none
            },
            Self::VerdictBecomes { verdict, window } => Terms {
                verdict: Some(verdict),
                window: Some(window),
                ..none
            },
            Self::TvlDrop {
                value,
                window,
                clear_at,
                major,
            } => Terms {
                value: Some(value),
                window: Some(window),
                clear_at: Some(clear_at),
                major,
                ..none
            },
            Self::Over100 { clear_at, major } => Terms {
                clear_at: Some(clear_at),
                major,
                ..none
            },
            Self::NewSustainable {
                value,
                window,
                clear_at,
            } => Terms {
                value: Some(value),
                window: Some(window),
                clear_at: Some(clear_at),
                ..none
            },
            Self::PoolGone | Self::Stale | Self::ProtocolIncident => none,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::rule::Kind;

    #[test]
    fn the_terms_of_a_condition_make_it_again() {
        for kind in Kind::ALL {
            for value in [Some(30.0), Some(-30.0), None] {
                let terms = Terms {
                    value,
                    ..Terms::default()
                };
                let Ok(condition) = Condition::new(kind, terms) else {
                    continue;
                };
                assert_eq!(
                    Condition::new(kind, condition.terms()),
                    Ok(condition),
                    "{kind:?}"
                );
            }
        }
    }
}
