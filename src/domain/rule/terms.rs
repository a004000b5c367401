//! A condition as it would be asked for, so that it can be changed or written down again.

use super::{Condition, Terms, Unit};

impl Condition {
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
