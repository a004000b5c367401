//! The life of an alert for one pool: waiting, open, over.
//!
//! A condition has to hold before it opens an episode and has to be cleared for a while before the
//! episode is over, so crossing back and forth is one episode and not many.

use serde::{Deserialize, Serialize};

use super::{
    rule::{Direction, Figure, Judgement, Opened, Reported, Standing, Tier},
    time::{Span, Timestamp},
};

/// How long a condition has to agree before anything is said, and how often it is said again. Two
/// readings at least, whatever the length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timing {
    pub hold: Span,
    pub clear_hold: Span,
    /// After so long without a word an open episode is told again; never where it is `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remind: Option<Span>,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            hold: Span::hours(2),
            clear_hold: Span::hours(4),
            remind: None,
        }
    }
}

impl Timing {
    /// What counts as missing or stale has been so for long enough already.
    pub const AT_ONCE: Self = Self {
        hold: Span::minutes(0),
        clear_hold: Span::minutes(0),
        remind: None,
    };
}

/// Where an alert stands with one pool. The default is the state of every pool that was never met.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Episode {
    /// How many episodes have opened so far; part of a notice's identity.
    pub number: u32,
    pub phase: Phase,
    /// What people were last told.
    pub reported: Option<Reported>,
}

/// The phases of an episode.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "phase")]
pub enum Phase {
    /// The condition is not met.
    #[default]
    Quiet,
    /// The condition was met when the alert was made: silent until it is not.
    Baseline,
    /// Met, but not for long enough.
    Pending {
        run: Run,
        direction: Direction,
        from: Option<Figure>,
    },
    /// Told.
    Open(Open),
}

/// An episode that people know of.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Open {
    pub opened_at: Timestamp,
    pub from: Option<Figure>,
    /// The worst tier that was told.
    #[serde(default)]
    pub tier: Tier,
    /// How often it was told beyond its opening.
    #[serde(default)]
    pub retold: u32,
    /// When it was last told.
    #[serde(default)]
    pub told_at: Timestamp,
    /// Further than what was told since then, but not for long enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub further: Option<Further>,
    /// Cleared since then, but not for long enough.
    pub clearing: Option<Run>,
}

/// Readings in a row that lie further than what was told, in one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Further {
    pub run: Run,
    pub direction: Direction,
}

/// Readings in a row that agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    pub since: Timestamp,
    pub readings: u32,
}

impl Run {
    const fn first(at: Timestamp) -> Self {
        Self {
            since: at,
            readings: 1,
        }
    }

    #[must_use]
    const fn and_one_more(self) -> Self {
        Self {
            readings: self.readings.saturating_add(1),
            ..self
        }
    }

    fn held(self, at: Timestamp, hold: Span, judged: &Judgement) -> bool {
        (self.readings >= 2 || judged.is_sure) && at.since(self.since) >= hold.0
    }
}

/// A moment in the life of an episode: what a notice tells.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Edge {
    pub kind: EdgeKind,
    /// Which episode of this alert and pool, from 1.
    pub episode: u32,
    /// How often this episode was told before, from 0.
    pub ordinal: u32,
    /// Since when the condition is met, goes further, or is cleared.
    pub since: Timestamp,
    /// When the episode opened; the moment itself for an opening.
    pub opened_at: Timestamp,
    pub from: Option<Figure>,
    pub to: Figure,
    pub tier: Tier,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EdgeKind {
    Opened,
    /// It has become worse than what was told.
    Escalated,
    /// It is still so.
    Reminded,
    Closed,
}

impl EdgeKind {
    pub const ALL: [Self; 4] = [Self::Opened, Self::Escalated, Self::Reminded, Self::Closed];

    pub const fn slug(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Escalated => "escalated",
            Self::Reminded => "reminded",
            Self::Closed => "closed",
        }
    }
}

impl Episode {
    /// The state of a pool for an alert that has just been made.
    ///
    /// A condition that is met already is no news; it has to go away first.
    pub fn at_creation(judgement: Option<Judgement>) -> Self {
        let met = judgement.is_some_and(|judged| matches!(judged.standing, Standing::Met(_)));
        Self {
            phase: if met { Phase::Baseline } else { Phase::Quiet },
            ..Self::default()
        }
    }

    /// Nothing is known that the default would not say, so it need not be kept.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Time alone can change the state: it has to be looked at even when the pool did not change.
    pub const fn is_waiting(&self, timing: Timing) -> bool {
        match self.phase {
            Phase::Pending { .. } => true,
            Phase::Open(open) => {
                open.clearing.is_some() || open.further.is_some() || timing.remind.is_some()
            }
            Phase::Quiet | Phase::Baseline => false,
        }
    }

    pub const fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Open(_))
    }

    /// The condition is met, and has to hold before anything is said.
    pub const fn is_pending(&self) -> bool {
        matches!(self.phase, Phase::Pending { .. })
    }

    /// Nobody looked for a while: what agreed until then does not count towards what has to hold.
    #[must_use]
    pub const fn interrupted(self) -> Self {
        match self.phase {
            Phase::Pending { .. } => self.with(Phase::Quiet),
            Phase::Open(open) => self.with(Phase::Open(Open {
                further: None,
                clearing: None,
                ..open
            })),
            Phase::Quiet | Phase::Baseline => self,
        }
    }

    /// What has just become true may have been true, and told, for long: it is silent until it is not.
    #[must_use]
    pub const fn joined_late(self) -> Self {
        match self.phase {
            Phase::Pending { .. } => self.with(Phase::Baseline),
            Phase::Quiet | Phase::Baseline | Phase::Open(_) => self,
        }
    }

    /// Nobody was told of the open episode, so that the next one is the first that people hear of. What it
    /// was measured from stays.
    #[must_use]
    pub fn unopened(self) -> Self {
        let Phase::Open(open) = self.phase else {
            return self;
        };
        let reported = open.from.map(|figure| Reported {
            at: open.opened_at,
            figure,
        });
        Self {
            reported,
            ..self.with(Phase::Quiet)
        }
    }

    /// What a condition may know of the open episode.
    pub const fn opened(&self) -> Option<Opened> {
        match self.phase {
            Phase::Open(Open { from, .. }) => Some(Opened { from }),
            Phase::Quiet | Phase::Baseline | Phase::Pending { .. } => None,
        }
    }

    /// The state after one usable reading at `at`, and the edge that it completes.
    pub fn step(self, judged: Judgement, at: Timestamp, timing: Timing) -> (Self, Option<Edge>) {
        match (self.phase, judged.standing) {
            (Phase::Quiet | Phase::Pending { .. }, Standing::Met(direction)) => {
                self.met(judged, direction, at, timing)
            }
            (Phase::Pending { .. }, Standing::Between | Standing::Cleared)
            | (Phase::Baseline, Standing::Cleared) => (self.with(Phase::Quiet), None),
            (Phase::Open(open), Standing::Cleared) => self.cleared(open, judged, at, timing),
            (Phase::Open(open), Standing::Met(direction)) => {
                self.still_met(open, judged, direction, at, timing)
            }
            (Phase::Open(open), Standing::Between) => {
                let open = Open {
                    further: None,
                    clearing: None,
                    ..open
                };
                self.remind(open, judged, at, timing)
            }
            (Phase::Quiet, Standing::Between | Standing::Cleared)
            | (Phase::Baseline, Standing::Met(_) | Standing::Between) => (self, None),
        }
    }

    fn met(
        self,
        judged: Judgement,
        direction: Direction,
        at: Timestamp,
        timing: Timing,
    ) -> (Self, Option<Edge>) {
        let (run, from) = match self.phase {
            Phase::Pending {
                run,
                direction: before,
                from,
            } if before == direction => (run.and_one_more(), from),
            _ => (Run::first(at), judged.from),
        };
        if !run.held(at, timing.hold, &judged) {
            let pending = Phase::Pending {
                run,
                direction,
                from,
            };
            return (self.with(pending), None);
        }
        let opened = Self {
            number: self.number.saturating_add(1),
            phase: Phase::Open(Open {
                opened_at: at,
                from,
                tier: judged.tier,
                retold: 0,
                told_at: at,
                further: None,
                clearing: None,
            }),
            reported: Some(Reported {
                at,
                figure: judged.to,
            }),
        };
        let edge = Edge {
            kind: EdgeKind::Opened,
            episode: opened.number,
            ordinal: 0,
            since: run.since,
            opened_at: at,
            from,
            to: judged.to,
            tier: judged.tier,
        };
        (opened, Some(edge))
    }

    /// Open, and met again: perhaps further than what was told.
    fn still_met(
        self,
        open: Open,
        judged: Judgement,
        direction: Direction,
        at: Timestamp,
        timing: Timing,
    ) -> (Self, Option<Edge>) {
        let open = Open {
            clearing: None,
            ..open
        };
        if !judged.is_further && judged.tier <= open.tier {
            let further = None;
            return self.remind(Open { further, ..open }, judged, at, timing);
        }
        let run = match open.further {
            Some(further) if further.direction == direction => further.run.and_one_more(),
            _ => Run::first(at),
        };
        if run.held(at, timing.hold, &judged) {
            let tier = open.tier.max(judged.tier);
            return self.retell(
                EdgeKind::Escalated,
                Open { tier, ..open },
                judged,
                run.since,
                at,
            );
        }
        let further = Some(Further { run, direction });
        self.remind(Open { further, ..open }, judged, at, timing)
    }

    /// Tells an open episode again once it was silent for long enough.
    fn remind(
        self,
        open: Open,
        judged: Judgement,
        at: Timestamp,
        timing: Timing,
    ) -> (Self, Option<Edge>) {
        let told_at = open.told_at.max(open.opened_at);
        match timing.remind {
            Some(remind) if at.since(told_at) >= remind.0 => {
                self.retell(EdgeKind::Reminded, open, judged, open.opened_at, at)
            }
            _ => (self.with(Phase::Open(open)), None),
        }
    }

    fn retell(
        self,
        kind: EdgeKind,
        open: Open,
        judged: Judgement,
        since: Timestamp,
        at: Timestamp,
    ) -> (Self, Option<Edge>) {
        let is_news = kind == EdgeKind::Escalated;
        let retold = open.retold.saturating_add(1);
        let edge = Edge {
            kind,
            episode: self.number,
            ordinal: retold,
            since,
            opened_at: open.opened_at,
            from: self.told_against(kind, open, &judged),
            to: judged.to,
            tier: open.tier,
        };
        let told = Self {
            phase: Phase::Open(Open {
                retold,
                told_at: at,
                further: open.further.filter(|_| !is_news),
                ..open
            }),
            // A reminder shows the present figure too, so a move is measured from it.
            reported: Some(Reported {
                at,
                figure: judged.to,
            }),
            ..self
        };
        (told, Some(edge))
    }

    fn cleared(
        self,
        open: Open,
        judged: Judgement,
        at: Timestamp,
        timing: Timing,
    ) -> (Self, Option<Edge>) {
        let run = open.clearing.map_or(Run::first(at), Run::and_one_more);
        if !run.held(at, timing.clear_hold, &judged) {
            let open = Open {
                further: None,
                clearing: Some(run),
                ..open
            };
            return (self.with(Phase::Open(open)), None);
        }
        let edge = Edge {
            kind: EdgeKind::Closed,
            episode: self.number,
            ordinal: open.retold.saturating_add(1),
            since: run.since,
            opened_at: open.opened_at,
            from: self.told_against(EdgeKind::Closed, open, &judged),
            to: judged.to,
            tier: open.tier,
        };
        let now = Reported {
            at,
            figure: judged.to,
        };
        let closed = Self {
            phase: Phase::Quiet,
            reported: self.reported.filter(|_| judged.keeps_anchor).or(Some(now)),
            ..self
        };
        (closed, Some(edge))
    }

    /// What the figure is told against once an episode is open: what people were told last. But what has left a
    /// pool is told against all that lay in it, as it was judged, or it would seem less each time.
    fn told_against(&self, kind: EdgeKind, open: Open, judged: &Judgement) -> Option<Figure> {
        let lay_in_it = match kind {
            EdgeKind::Opened | EdgeKind::Escalated => judged.from,
            EdgeKind::Reminded | EdgeKind::Closed => open.from,
        };
        let told = self.reported.map(|reported| reported.figure);
        lay_in_it
            .filter(|figure| matches!(figure, Figure::Tvl(_)))
            .or(told)
    }

    const fn with(self, phase: Phase) -> Self {
        Self { phase, ..self }
    }
}

#[cfg(test)]
mod tests;
