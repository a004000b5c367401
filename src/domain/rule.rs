//! What an alert watches for, and whether one reading meets it.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use super::{
    episode::Timing,
    protocol::Flag,
    rate::Percent,
    reading::{DataState, Reading, Stretch, oldest_since},
    strain::{Strain, Trouble},
    time::{Span, Timestamp},
    verdict::Verdict,
};

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

/// The kinds of condition, by the name that rules files, options and the store use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    ApyAbove,
    ApyBelow,
    ApyChange,
    VerdictWorsens,
    VerdictBecomes,
    BaseShareBelow,
    RewardsEnd,
    TvlDrop,
    #[serde(rename = "over_100")]
    Over100,
    PoolGone,
    Stale,
    OffPeg,
    ProtocolIncident,
    NewSustainable,
}

impl Kind {
    pub const ALL: [Self; 14] = [
        Self::ApyAbove,
        Self::ApyBelow,
        Self::ApyChange,
        Self::VerdictWorsens,
        Self::VerdictBecomes,
        Self::BaseShareBelow,
        Self::RewardsEnd,
        Self::TvlDrop,
        Self::Over100,
        Self::PoolGone,
        Self::Stale,
        Self::OffPeg,
        Self::ProtocolIncident,
        Self::NewSustainable,
    ];

    pub const fn slug(self) -> &'static str {
        match self {
            Self::ApyAbove => "apy_above",
            Self::ApyBelow => "apy_below",
            Self::ApyChange => "apy_change",
            Self::VerdictWorsens => "verdict_worsens",
            Self::VerdictBecomes => "verdict_becomes",
            Self::BaseShareBelow => "base_share_below",
            Self::RewardsEnd => "rewards_end",
            Self::TvlDrop => "tvl_drop",
            Self::Over100 => "over_100",
            Self::PoolGone => "pool_gone",
            Self::Stale => "stale",
            Self::OffPeg => "off_peg",
            Self::ProtocolIncident => "protocol_incident",
            Self::NewSustainable => "new_sustainable",
        }
    }

    pub fn parse(slug: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.slug() == slug)
    }

    /// The window that a condition looks back over when none is given; `None` where it looks at the
    /// present alone.
    pub const fn default_window(self) -> Option<Span> {
        match self {
            Self::ApyChange => Some(Span::days(1)),
            Self::TvlDrop | Self::VerdictWorsens | Self::VerdictBecomes | Self::RewardsEnd => {
                Some(Span::days(7))
            }
            Self::NewSustainable => Some(LONGEST_WINDOW),
            Self::ApyAbove
            | Self::ApyBelow
            | Self::BaseShareBelow
            | Self::Over100
            | Self::PoolGone
            | Self::Stale
            | Self::OffPeg
            | Self::ProtocolIncident => None,
        }
    }

    /// It watches whether there are figures, and not the figures.
    pub const fn is_about_data(self) -> bool {
        matches!(self, Self::PoolGone | Self::Stale)
    }

    /// It watches what troubles a pool from outside, and not the pool's own figures.
    pub const fn is_about_strain(self) -> bool {
        matches!(self, Self::OffPeg | Self::ProtocolIncident)
    }

    /// It watches something else than the pool's figures, which can happen to many pools at once and is
    /// one event then.
    pub const fn is_beside_figures(self) -> bool {
        self.is_about_data() || self.is_about_strain()
    }

    /// The timing of an alert of this kind that asks for none, where others take `usual`. A state of
    /// the data rests on several answers already, and an incident on two.
    pub const fn timing(self, usual: Timing) -> Timing {
        if self.is_about_data() || matches!(self, Self::ProtocolIncident) {
            Timing::AT_ONCE
        } else {
            usual
        }
    }

    /// Past a smaller figure it is worse, and not past a larger one.
    const fn falls(self) -> bool {
        matches!(self, Self::ApyBelow | Self::BaseShareBelow)
    }

    /// What its value may be, with how that is said; `None` for a kind that takes none.
    const fn values(self) -> Option<(RangeInclusive<f64>, &'static str)> {
        // The smallest number above 0: a threshold at 0 itself would be met by everything.
        const ABOVE_0: f64 = f64::MIN_POSITIVE;
        match self {
            Self::ApyAbove | Self::ApyChange => {
                Some((ABOVE_0..=1e6, "a number above 0 and up to 1,000,000"))
            }
            Self::ApyBelow => Some((0.0..=1e6, "percent from 0 to 1,000,000")),
            Self::NewSustainable => Some((0.0..=100.0, "percent from 0 to 100")),
            Self::TvlDrop | Self::BaseShareBelow => {
                Some((ABOVE_0..=99.999, "percent between 0 and 100"))
            }
            Self::OffPeg => Some((0.1..=99.999, "percent from 0.1 to under 100")),
            Self::VerdictWorsens
            | Self::VerdictBecomes
            | Self::RewardsEnd
            | Self::Over100
            | Self::PoolGone
            | Self::Stale
            | Self::ProtocolIncident => None,
        }
    }

    /// Whether it has a second tier that can be set.
    const fn has_tiers(self) -> bool {
        matches!(
            self,
            Self::ApyAbove
                | Self::ApyBelow
                | Self::BaseShareBelow
                | Self::TvlDrop
                | Self::Over100
                | Self::OffPeg
        )
    }

    /// Whether it has a threshold to come back over.
    const fn clears_at(self) -> bool {
        self.has_tiers() || matches!(self, Self::ApyChange | Self::NewSustainable)
    }
}

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
    #[error("`{}` needs a value", .0.slug())]
    ValueMissing(Kind),
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

/// The longest window: how long every change of a pool is kept.
pub const LONGEST_WINDOW: Span = Span::days(14);
/// From this rate in percent on, an offer is screened out: none has lasted.
const SCREENED: f64 = 100.0;
/// A stablecoin this many percent from what it follows is off its peg, where nothing else is asked for.
const OFF_PEG: f64 = 2.0;
/// Rewards of less than this many percent are none.
const NOTABLE_REWARD: f64 = 0.1;

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
        let value = self.value.or(usual).ok_or(RuleError::ValueMissing(kind))?;
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
        let clear_at = self.clear_at.unwrap_or(usual);
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
        let major = self.major.unwrap_or(usual);
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

/// A pool at the moment of a reading, with as much of its past as a condition may look into.
#[derive(Debug, Clone, Copy)]
pub struct Present<'a> {
    pub reading: &'a Reading,
    pub verdict: Verdict,
    /// The APY of the last usable reading that showed other figures.
    pub before: Option<Percent>,
    /// Usable readings before the present figures, in ascending order.
    pub past: &'a [Stretch],
    /// When rewards were last paid, and how much.
    pub rewarded: Option<Rewarded>,
    /// Days since the source began to list the pool, where it says so.
    pub days_listed: Option<u32>,
    /// What the alert last told of this pool, and when.
    pub reported: Option<Reported>,
    /// The open episode, while one is.
    pub open: Option<Opened>,
}

/// What is known of an open episode.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Opened {
    /// What it started from.
    pub from: Option<Figure>,
}

impl Present<'_> {
    fn reported_within(&self, window: Span) -> Option<Figure> {
        self.reported
            .filter(|reported| reported.at >= self.reading.at.minus(window.0))
            .map(|reported| reported.figure)
    }

    fn oldest_within(&self, window: Span) -> Option<&Stretch> {
        oldest_since(self.past, self.reading.at.minus(window.0))
    }

    /// How far the APY is from what was told last in the window, else from the oldest in it.
    fn moved(&self, unit: Unit, window: Span) -> Option<Moved> {
        let apy = self.reading.apy;
        let told = match self.reported {
            // What an open episode has told is what it goes on from, however long ago.
            Some(Reported {
                figure: Figure::Apy(told),
                ..
            }) if self.open.is_some() => Some(told),
            _ => match self.reported_within(window) {
                Some(Figure::Apy(told)) => Some(told),
                _ => None,
            },
        };
        let from =
            told.unwrap_or_else(|| self.oldest_within(window).map_or(apy, |oldest| oldest.apy));
        let by = match unit {
            Unit::Points => apy.points_from(from).get(),
            Unit::Percent => apy.change_from(from)?,
        };
        Some(Moved { from, by })
    }

    fn worsening(&self, window: Span) -> Option<Judgement> {
        let from = match (self.open, self.reported_within(window)) {
            (
                Some(Opened {
                    from: Some(Figure::Verdict(verdict)),
                }),
                _,
            )
            | (None, Some(Figure::Verdict(verdict))) => verdict,
            _ => self
                .oldest_within(window)
                .map_or(self.verdict, |oldest| oldest.verdict),
        };
        let (was, is) = (from.rank()?, self.verdict.rank()?);
        let told = match self.reported {
            Some(Reported {
                figure: Figure::Verdict(told),
                ..
            }) => told.rank(),
            _ => None,
        };
        Some(Judgement {
            is_further: self.open.is_some() && told.is_some_and(|told| is < told),
            ..Judgement::of(
                Standing::of(is < was, is >= was),
                Some(Figure::Verdict(from)),
                Figure::Verdict(self.verdict),
            )
        })
    }

    fn becoming(&self, wanted: Verdict, window: Span) -> Option<Judgement> {
        // Not knowing is a verdict only where just that is asked for.
        if self.verdict == Verdict::Unknown && wanted != Verdict::Unknown {
            return None;
        }
        let start = self.reading.at.minus(window.0);
        let before = self
            .past
            .iter()
            .rev()
            .take_while(|stretch| stretch.until >= start)
            .map(|stretch| stretch.verdict)
            .find(|verdict| *verdict != self.verdict);
        let is = self.verdict == wanted;
        Some(Judgement::of(
            Standing::of(is, !is),
            before.map(Figure::Verdict),
            Figure::Verdict(self.verdict),
        ))
    }

    fn end_of_rewards(&self, window: Span) -> Option<Judgement> {
        // A source that names neither part says nothing of rewards.
        if self.reading.base.is_none() && self.reading.reward.is_none() {
            return None;
        }
        let reward = self.reading.reward.unwrap_or(Percent::ZERO);
        let recent = self
            .rewarded
            .filter(|last| last.at >= self.reading.at.minus(window.0));
        let standing = if is_notable_reward(reward) {
            Standing::Cleared
        } else if recent.is_some() || self.open.is_some() {
            Standing::Met(Direction::Down)
        } else {
            Standing::Between
        };
        Some(Judgement::of(
            standing,
            self.rewarded.map(|last| Figure::Reward(last.reward)),
            Figure::Reward(reward),
        ))
    }

    fn drop(
        &self,
        value: f64,
        window: Span,
        clear_at: f64,
        major: Option<f64>,
    ) -> Option<Judgement> {
        let Fallen { from, by: fall } = self.fallen(window)?;
        let standing = match Standing::of(fall >= value, fall < clear_at) {
            Standing::Met(_) => Standing::Met(Direction::Down),
            other => other,
        };
        Some(Judgement {
            tier: Tier::of(major.is_some_and(|major| fall >= major)),
            ..Judgement::of(
                standing,
                Some(Figure::Tvl(from)),
                Figure::Tvl(self.reading.tvl_usd),
            )
        })
    }

    fn fallen(&self, window: Span) -> Option<Fallen> {
        let tvl = self.reading.tvl_usd;
        let oldest = self.oldest_within(window);
        let from = oldest.map_or(tvl, |oldest| oldest.tvl_usd);
        let by = (from - tvl) / from * 100.0;
        (from > 0.0).then_some(Fallen { from, by })
    }

    fn new_offer(&self, value: f64, window: Span, clear_at: f64) -> Option<Judgement> {
        self.verdict.rank()?;
        let apy = self.reading.apy.get();
        let is_offer = self.verdict == Verdict::Sustainable && apy >= value;
        let is_over = self.verdict != Verdict::Sustainable || apy < clear_at;
        let oldest = self.oldest_within(window);
        let is_new = match oldest {
            Some(oldest) => oldest.verdict != Verdict::Sustainable || oldest.apy.get() < value,
            // Nothing is known of before: new is what the source has just begun to list.
            None => self
                .days_listed
                .is_some_and(|days| Span::days(u64::from(days)) < window),
        };
        let was_told = self.reported_within(window).is_some();
        let met = is_offer && (self.open.is_some() || (is_new && !was_told));
        Some(Judgement {
            keeps_anchor: true,
            ..Judgement::of(
                Standing::of(met, is_over),
                oldest.map(|oldest| Figure::Verdict(oldest.verdict)),
                Figure::Verdict(self.verdict),
            )
        })
    }
}

/// A move of the APY.
#[derive(Clone, Copy)]
struct Moved {
    from: Percent,
    /// In the rule's unit; falls are negative.
    by: f64,
}

/// A fall of the TVL.
#[derive(Clone, Copy)]
struct Fallen {
    /// US dollars.
    from: f64,
    /// In percent; a rise is negative.
    by: f64,
}

impl Moved {
    const fn judged(self, standing: Standing, is_open: bool, to: Percent) -> Judgement {
        let standing = match standing {
            Standing::Met(_) if self.by < 0.0 => Standing::Met(Direction::Down),
            other => other,
        };
        Judgement {
            is_further: is_open,
            keeps_anchor: true,
            ..Judgement::of(standing, Some(Figure::Apy(self.from)), Figure::Apy(to))
        }
    }
}

/// Rewards so small are none.
pub fn is_notable_reward(reward: Percent) -> bool {
    reward.get() >= NOTABLE_REWARD
}

/// When reward tokens were last paid.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Rewarded {
    pub at: Timestamp,
    /// The reward APY of that reading.
    pub reward: Percent,
}

/// One figure that an alert tells of.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Figure {
    Apy(Percent),
    /// The part of the APY that is paid in reward tokens.
    Reward(Percent),
    /// Percent of the APY that is not paid in reward tokens.
    BaseShare(f64),
    /// US dollars.
    Tvl(f64),
    Verdict(Verdict),
    Data(DataState),
    /// How many percent a stablecoin is from what it follows; negative below.
    Peg(f64),
    Protocol(Trouble),
    /// How many percent of a goal an income reaches.
    OfGoal(f64),
}

impl Figure {
    /// The bare number; a verdict or a state is none.
    pub const fn number(self) -> Option<f64> {
        match self {
            Self::Apy(apy) | Self::Reward(apy) => Some(apy.get()),
            Self::Tvl(number)
            | Self::BaseShare(number)
            | Self::Peg(number)
            | Self::OfGoal(number) => Some(number),
            Self::Verdict(_) | Self::Data(_) | Self::Protocol(_) => None,
        }
    }
}

/// A figure that people were told.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Reported {
    pub at: Timestamp,
    pub figure: Figure,
}

/// How a reading stands to a condition, and the figures that show it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Judgement {
    pub standing: Standing,
    pub from: Option<Figure>,
    pub to: Figure,
    /// How bad it is, where the condition has tiers.
    pub tier: Tier,
    /// It is further away than what the open episode has told, which is told when it holds.
    pub is_further: bool,
    /// The end is no news, so what was told last remains what the next change is measured from.
    pub keeps_anchor: bool,
    /// No second reading is needed to believe it.
    pub is_sure: bool,
}

impl Judgement {
    /// A judgement of a condition without tiers, whose end is told.
    pub const fn of(standing: Standing, from: Option<Figure>, to: Figure) -> Self {
        Self {
            standing,
            from,
            to,
            tier: Tier::Minor,
            is_further: false,
            keeps_anchor: false,
            is_sure: false,
        }
    }
}

/// How bad it is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    #[default]
    Minor,
    Major,
}

impl Tier {
    const fn of(is_major: bool) -> Self {
        if is_major { Self::Major } else { Self::Minor }
    }
}

/// Where a reading lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// The condition is true.
    Met(Direction),
    /// Not true, yet not far enough back to be over.
    Between,
    /// Past the clear threshold.
    Cleared,
}

impl Standing {
    const fn of(met: bool, cleared: bool) -> Self {
        match (met, cleared) {
            (true, _) => Self::Met(Direction::Up),
            (false, true) => Self::Cleared,
            (false, false) => Self::Between,
        }
    }
}

/// Which way a change went: a rise and a fall are not the same event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    Up,
    Down,
}

mod measure;
mod terms;
pub use measure::Measure;
#[cfg(test)]
mod tests;
