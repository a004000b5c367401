//! What an alert watches for, and whether one reading meets it.

use serde::{Deserialize, Serialize};

use super::{
    rate::Percent,
    reading::{Reading, Stretch, oldest_since},
    time::{Span, Timestamp},
    verdict::Verdict,
};

/// What has to be true of a pool for an alert to speak.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "when")]
pub enum Condition {
    /// APY at or above `value`; over again under `clear_at`.
    ApyAbove { value: f64, clear_at: f64 },
    /// APY at or below `value`; over again above `clear_at`.
    ApyBelow { value: f64, clear_at: f64 },
    /// APY moved by `value` in either direction against the last reported value in the window, else
    /// against the oldest usable reading in it; over again when it moved by less than `clear_at`.
    ApyChange {
        value: f64,
        unit: Unit,
        window: Span,
        clear_at: f64,
    },
    /// The verdict is worse than the one last reported in the window, else than the oldest in it;
    /// over again when it is as good as before.
    VerdictWorsens { window: Span },
    /// TVL fell by `value` percent against the oldest usable reading in the window; over again when
    /// it is less than `clear_at` percent below it.
    TvlDrop {
        value: f64,
        window: Span,
        clear_at: f64,
    },
}

/// How the size of a change is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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
    TvlDrop,
}

impl Kind {
    pub const ALL: [Self; 5] = [
        Self::ApyAbove,
        Self::ApyBelow,
        Self::ApyChange,
        Self::VerdictWorsens,
        Self::TvlDrop,
    ];

    pub const fn slug(self) -> &'static str {
        match self {
            Self::ApyAbove => "apy_above",
            Self::ApyBelow => "apy_below",
            Self::ApyChange => "apy_change",
            Self::VerdictWorsens => "verdict_worsens",
            Self::TvlDrop => "tvl_drop",
        }
    }

    pub fn parse(slug: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.slug() == slug)
    }

    /// The window that a condition looks back over when none is given.
    pub const fn default_window(self) -> Span {
        match self {
            Self::TvlDrop | Self::VerdictWorsens => Span::days(7),
            Self::ApyAbove | Self::ApyBelow | Self::ApyChange => Span::days(1),
        }
    }
}

/// What a rule says beside its kind, as people write it; what is left out takes its default.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Terms {
    pub value: Option<f64>,
    pub unit: Option<Unit>,
    pub window: Option<Span>,
    pub clear_at: Option<f64>,
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
    #[error("a window of {0} is too long; history of every change is kept for 14 days")]
    WindowTooLong(Span),
    #[error("a window of {0} is too short; it takes 1m or more")]
    WindowTooShort(Span),
}

/// The longest window: how long every change of a pool is kept.
pub const LONGEST_WINDOW: Span = Span::days(14);

impl Condition {
    /// Completes what a person asked for with the defaults, and refuses what cannot be meant.
    ///
    /// Default `clear_at`: a fifth inside the trigger (0.8 × value for above, changes and drops,
    /// 1.2 × value for below).
    pub fn new(kind: Kind, terms: Terms) -> Result<Self, RuleError> {
        let refuse = |given: bool, what| {
            if given {
                Err(RuleError::NotTaken { kind, what })
            } else {
                Ok(())
            }
        };
        let window = terms.window.unwrap_or(kind.default_window());
        if window > LONGEST_WINDOW {
            return Err(RuleError::WindowTooLong(window));
        }
        if window < Span::minutes(1) {
            return Err(RuleError::WindowTooShort(window));
        }
        if kind != Kind::ApyChange {
            refuse(
                terms
                    .unit
                    .is_some_and(|unit| unit != Unit::Percent || kind == Kind::VerdictWorsens),
                "unit but percent",
            )?;
        }
        match kind {
            Kind::ApyAbove | Kind::ApyBelow => refuse(terms.window.is_some(), "window")?,
            Kind::VerdictWorsens => {
                refuse(terms.value.is_some(), "value")?;
                refuse(terms.clear_at.is_some(), "clear_at")?;
                return Ok(Self::VerdictWorsens { window });
            }
            Kind::ApyChange | Kind::TvlDrop => {}
        }
        let value = terms.value.ok_or(RuleError::ValueMissing(kind))?;
        let (fits, allowed) = match kind {
            Kind::TvlDrop => (value > 0.0 && value < 100.0, "percent between 0 and 100"),
            Kind::ApyBelow => ((0.0..=1e6).contains(&value), "percent from 0 to 1,000,000"),
            _ => (
                value > 0.0 && value <= 1e6,
                "a number above 0 and up to 1,000,000",
            ),
        };
        if !fits {
            return Err(RuleError::ValueOutOfRange {
                kind,
                value,
                allowed,
            });
        }
        let above = kind == Kind::ApyBelow;
        let clear_at = terms
            .clear_at
            .unwrap_or(if above { 1.2 * value } else { 0.8 * value });
        let clears = clear_at.is_finite()
            && if above {
                clear_at >= value
            } else {
                clear_at >= 0.0 && clear_at <= value
            };
        if !clears {
            return Err(RuleError::ClearOnWrongSide {
                clear_at,
                value,
                side: if above { "at or above" } else { "at or below" },
            });
        }
        Ok(match kind {
            Kind::ApyAbove => Self::ApyAbove { value, clear_at },
            Kind::ApyBelow => Self::ApyBelow { value, clear_at },
            Kind::TvlDrop => Self::TvlDrop {
                value,
                window,
                clear_at,
            },
            Kind::ApyChange | Kind::VerdictWorsens => Self::ApyChange {
                value,
                unit: terms.unit.unwrap_or(Unit::Percent),
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
            Self::TvlDrop { .. } => Kind::TvlDrop,
        }
    }

    /// How far back the condition looks, where it does.
    pub const fn window(&self) -> Option<Span> {
        match self {
            Self::ApyAbove { .. } | Self::ApyBelow { .. } => None,
            Self::ApyChange { window, .. }
            | Self::VerdictWorsens { window }
            | Self::TvlDrop { window, .. } => Some(*window),
        }
    }

    /// The end of a change is no news for a channel; that a level or a verdict is back is.
    pub const fn tells_closing(&self) -> bool {
        !matches!(self, Self::ApyChange { .. })
    }

    /// What one reading says about the condition.
    ///
    /// `None` when the reading cannot decide it: no verdict, or a relative change from nothing.
    /// What cannot be decided neither opens nor closes an episode.
    pub fn judge(&self, now: &Present<'_>) -> Option<Judgement> {
        let apy = now.reading.apy;
        let (standing, from, to) = match *self {
            Self::ApyAbove { value, clear_at } => (
                Standing::of(apy.get() >= value, apy.get() < clear_at),
                now.before.map(Figure::Apy),
                Figure::Apy(apy),
            ),
            Self::ApyBelow { value, clear_at } => (
                Standing::of(apy.get() <= value, apy.get() > clear_at),
                now.before.map(Figure::Apy),
                Figure::Apy(apy),
            ),
            Self::ApyChange {
                value,
                unit,
                window,
                clear_at,
            } => {
                let from = match now.reported_within(window) {
                    Some(Figure::Apy(reported)) => reported,
                    _ => now.oldest_within(window).map_or(apy, |oldest| oldest.apy),
                };
                let moved = match unit {
                    Unit::Points => apy.points_from(from).get(),
                    Unit::Percent => apy.change_from(from)?,
                };
                let standing = match Standing::of(moved.abs() >= value, moved.abs() < clear_at) {
                    Standing::Met(_) if moved < 0.0 => Standing::Met(Direction::Down),
                    other => other,
                };
                (standing, Some(Figure::Apy(from)), Figure::Apy(apy))
            }
            Self::VerdictWorsens { window } => {
                let from = match (now.opened_from, now.reported_within(window)) {
                    (Some(Figure::Verdict(verdict)), _)
                    | (None, Some(Figure::Verdict(verdict))) => verdict,
                    _ => now
                        .oldest_within(window)
                        .map_or(now.verdict, |oldest| oldest.verdict),
                };
                let (was, is) = (from.rank()?, now.verdict.rank()?);
                let standing = Standing::of(is < was, is >= was);
                (
                    standing,
                    Some(Figure::Verdict(from)),
                    Figure::Verdict(now.verdict),
                )
            }
            Self::TvlDrop {
                value,
                window,
                clear_at,
            } => {
                let tvl = now.reading.tvl_usd;
                let from = now
                    .oldest_within(window)
                    .map_or(tvl, |oldest| oldest.tvl_usd);
                if from <= 0.0 {
                    return None;
                }
                let fall = (from - tvl) / from * 100.0;
                let standing = match Standing::of(fall >= value, fall < clear_at) {
                    Standing::Met(_) => Standing::Met(Direction::Down),
                    other => other,
                };
                (standing, Some(Figure::Tvl(from)), Figure::Tvl(tvl))
            }
        };
        Some(Judgement { standing, from, to })
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
    /// What the alert last told of this pool, and when.
    pub reported: Option<Reported>,
    /// What the open episode started from, while one is open.
    pub opened_from: Option<Figure>,
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
}

/// One figure that an alert tells of.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Figure {
    Apy(Percent),
    /// US dollars.
    Tvl(f64),
    Verdict(Verdict),
}

impl Figure {
    /// The bare number; a verdict is none.
    pub const fn number(self) -> Option<f64> {
        match self {
            Self::Apy(apy) => Some(apy.get()),
            Self::Tvl(usd) => Some(usd),
            Self::Verdict(_) => None,
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

#[cfg(test)]
mod tests;
