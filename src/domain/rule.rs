//! What an alert watches for, and whether one reading meets it.

use serde::{Deserialize, Serialize};

use super::{
    protocol::Flag,
    reading::DataState,
    strain::{Strain, Trouble},
    time::Span,
    verdict::Verdict,
};

mod judgement;
mod kind;
mod measure;
mod present;
mod terms;
pub use judgement::{Direction, Figure, Judgement, Reported, Standing, Tier};
pub use kind::Kind;
pub use measure::Measure;
pub use present::{Opened, Present, Rewarded, is_notable_reward};
pub use terms::{RuleError, Terms};

/// The longest window: how long every change of a pool is kept.
pub const LONGEST_WINDOW: Span = Span::days(14);
/// From this rate in percent on, an offer is screened out: none has lasted.
const SCREENED: f64 = 100.0;
/// What has to be true of a pool for an alert to speak.
///
/// `major` is the second tier: a figure past it is told once more while the episode is open.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "when")]
pub enum Condition {
    /// APY at or above `value`; over again under `clear_at`.
    ApyAbove {
        value: f64,
        clear_at: f64,
        #[serde(default)]
        major: Option<f64>,
    },
    /// APY at or below `value`; over again above `clear_at`.
    ApyBelow {
        value: f64,
        clear_at: f64,
        #[serde(default)]
        major: Option<f64>,
    },
    /// APY moved by `value` in either direction, or fell by it where `falls_only`, against the last reported value in the window, else
    /// against the oldest usable reading in it; over again when it moved by less than `clear_at`.
    /// While open, each further move of that size is told.
    ApyChange {
        value: f64,
        unit: Unit,
        window: Span,
        clear_at: f64,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        falls_only: bool,
    },
    /// The verdict is worse than the one last reported in the window, else than the oldest in it;
    /// over again when it is as good as before. While open, a still worse one is told.
    VerdictWorsens { window: Span },
    /// The verdict is this one; over again when it is known to be another.
    VerdictBecomes { verdict: Verdict, window: Span },
    /// Less than `value` percent of the APY is paid by fees, interest or issuance; over again above
    /// `clear_at` percent.
    BaseShareBelow {
        value: f64,
        clear_at: f64,
        #[serde(default)]
        major: Option<f64>,
    },
    /// No reward tokens are paid any more, and within the window some were; over again when some are.
    RewardsEnd { window: Span },
    /// TVL fell by `value` percent against the oldest usable reading in the window; over again when
    /// it is less than `clear_at` percent below it.
    TvlDrop {
        value: f64,
        window: Span,
        clear_at: f64,
        #[serde(default)]
        major: Option<f64>,
    },
    /// APY above 100 percent, which no offer lasts at; over again under `clear_at`.
    #[serde(rename = "over_100")]
    Over100 { clear_at: f64, major: Option<f64> },
    /// The source no longer lists the pool.
    PoolGone,
    /// The source lists the pool with figures that are too old to be used.
    Stale,
    /// One of the pool's stablecoins is `value` percent or more from what it follows, above or below;
    /// over again under `clear_at` percent.
    OffPeg {
        value: f64,
        clear_at: f64,
        #[serde(default)]
        major: Option<f64>,
    },
    /// The pool's protocol is flagged as rugged, deprecated or dead, or lost 30 percent of its TVL in 24
    /// hours; over again when it is calm.
    ProtocolIncident,
    /// The verdict is sustainable at `value` percent or more, and it was not in the window before, or
    /// the pool is younger than the window; over again when it is not, or under `clear_at`.
    NewSustainable {
        value: f64,
        window: Span,
        clear_at: f64,
    },
}

/// How the size of a change is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Relative to where it came from.
    Percent,
    /// Difference of two rates.
    Points,
}
impl Condition {
    /// What one usable reading says about the condition.
    ///
    /// `None` when the reading cannot decide it: no verdict, no split into base and rewards, or a
    /// relative change from nothing. What cannot be decided neither opens nor closes an episode.
    pub fn judge(&self, now: &Present<'_>) -> Option<Judgement> {
        let apy = now.reading.apy;
        let level = |standing, tier| Judgement {
            tier,
            ..Judgement::of(standing, now.before.map(Figure::Apy), Figure::Apy(apy))
        };
        Some(match *self {
            Self::ApyAbove {
                value,
                clear_at,
                major,
            } => level(
                Standing::of(apy.get() >= value, apy.get() < clear_at),
                Tier::of(major.is_some_and(|major| apy.get() >= major)),
            ),
            Self::Over100 { clear_at, major } => level(
                Standing::of(apy.get() > SCREENED, apy.get() < clear_at),
                Tier::of(major.is_some_and(|major| apy.get() >= major)),
            ),
            Self::ApyBelow {
                value,
                clear_at,
                major,
            } => level(
                Standing::of(apy.get() <= value, apy.get() > clear_at),
                Tier::of(major.is_some_and(|major| apy.get() <= major)),
            ),
            Self::ApyChange {
                value,
                unit,
                window,
                clear_at,
                falls_only,
            } => {
                let moved = now.moved(unit, window)?;
                let counted = if falls_only {
                    moved.by.min(0.0)
                } else {
                    moved.by
                };
                let standing = Standing::of(counted.abs() >= value, counted.abs() < clear_at);
                moved.judged(standing, now.open.is_some(), apy)
            }
            Self::VerdictWorsens { window } => now.worsening(window)?,
            Self::VerdictBecomes { verdict, window } => now.becoming(verdict, window)?,
            Self::BaseShareBelow {
                value,
                clear_at,
                major,
            } => {
                let share = (1.0 - now.reading.reward_share()?) * 100.0;
                Judgement {
                    tier: Tier::of(major.is_some_and(|major| share <= major)),
                    ..Judgement::of(
                        Standing::of(share < value, share > clear_at),
                        None,
                        Figure::BaseShare(share),
                    )
                }
            }
            Self::RewardsEnd { window } => now.end_of_rewards(window)?,
            Self::TvlDrop {
                value,
                window,
                clear_at,
                major,
            } => now.drop(value, window, clear_at, major)?,
            Self::NewSustainable {
                value,
                window,
                clear_at,
            } => now.new_offer(value, window, clear_at)?,
            Self::PoolGone | Self::Stale | Self::OffPeg { .. } | Self::ProtocolIncident => {
                return None;
            }
        })
    }

    /// What troubles a pool from outside says about a condition that is about just that. `None` where
    /// nothing is known of it, which neither opens nor closes anything.
    pub fn judge_strain(&self, strain: &Strain) -> Option<Judgement> {
        let judged = match *self {
            Self::OffPeg {
                value,
                clear_at,
                major,
            } => {
                let deviation = strain.peg.as_ref()?.deviation * 100.0;
                let off = deviation.abs();
                let standing = match Standing::of(off >= value, off < clear_at) {
                    Standing::Met(_) if deviation < 0.0 => Standing::Met(Direction::Down),
                    other => other,
                };
                Judgement {
                    tier: Tier::of(major.is_some_and(|major| off >= major)),
                    ..Judgement::of(standing, None, Figure::Peg(deviation))
                }
            }
            Self::ProtocolIncident => {
                let trouble = strain.protocol?;
                let standing = if trouble.is_calm() {
                    Standing::Cleared
                } else {
                    Standing::Met(Direction::Down)
                };
                let is_worst = matches!(trouble, Trouble::Flagged(Flag::Rugged | Flag::Dead));
                Judgement {
                    // What was a drain may turn out to be a flight with the money.
                    tier: Tier::of(is_worst),
                    ..Judgement::of(standing, None, Figure::Protocol(trouble))
                }
            }
            _ => return None,
        };
        Some(Judgement {
            // A strain is what the source said twice.
            is_sure: true,
            ..judged
        })
    }

    /// What the state of a pool's data says about a condition that is about just that.
    pub fn judge_data(&self, state: DataState) -> Option<Judgement> {
        let watched = match self {
            Self::PoolGone => DataState::Missing,
            Self::Stale => DataState::Stale,
            _ => return None,
        };
        let standing = match state {
            _ if state == watched => Standing::Met(Direction::Down),
            DataState::Good => Standing::Cleared,
            // Whoever is missing is not fresh again, and what is suspect is there.
            DataState::Suspect | DataState::Stale | DataState::Missing => return None,
        };
        Some(Judgement {
            // The state itself rests on several answers of the source.
            is_sure: true,
            ..Judgement::of(standing, None, Figure::Data(state))
        })
    }
}

#[cfg(test)]
mod tests;
