//! The life of an alert for one pool: waiting, open, over.
//!
//! A condition has to hold before it opens an episode and has to be cleared for a while before the
//! episode is over, so crossing back and forth is one episode and not many.

use serde::{Deserialize, Serialize};

use super::{
    rule::{Direction, Figure, Judgement, Reported, Standing},
    time::{Span, Timestamp},
};

/// How long a condition has to agree before anything is said. Two readings at least, whatever the length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timing {
    pub hold: Span,
    pub clear_hold: Span,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            hold: Span::hours(2),
            clear_hold: Span::hours(4),
        }
    }
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
    Open {
        opened_at: Timestamp,
        from: Option<Figure>,
        /// Cleared since then, but not for long enough.
        clearing: Option<Run>,
    },
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

    fn held(self, at: Timestamp, hold: Span) -> bool {
        self.readings >= 2 && at.since(self.since) >= hold.0
    }
}

/// The opening or the closing of an episode: what a notice tells.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Edge {
    pub kind: EdgeKind,
    /// Which episode of this alert and pool, from 1.
    pub episode: u32,
    /// Since when the condition is met, or cleared.
    pub since: Timestamp,
    /// When the episode opened; the moment itself for an opening.
    pub opened_at: Timestamp,
    pub from: Option<Figure>,
    pub to: Figure,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EdgeKind {
    Opened,
    Closed,
}

impl EdgeKind {
    pub const fn slug(self) -> &'static str {
        match self {
            Self::Opened => "opened",
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
    pub const fn is_waiting(&self) -> bool {
        matches!(
            self.phase,
            Phase::Pending { .. }
                | Phase::Open {
                    clearing: Some(_),
                    ..
                }
        )
    }

    pub const fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Open { .. })
    }

    /// What the open episode started from.
    pub const fn opened_from(&self) -> Option<Figure> {
        match self.phase {
            Phase::Open { from, .. } => from,
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
            (
                Phase::Open {
                    opened_at,
                    from,
                    clearing,
                },
                Standing::Cleared,
            ) => {
                let run = clearing.map_or(Run::first(at), Run::and_one_more);
                if run.held(at, timing.clear_hold) {
                    self.close(judged, at, run.since, opened_at)
                } else {
                    let clearing = Some(run);
                    (
                        self.with(Phase::Open {
                            opened_at,
                            from,
                            clearing,
                        }),
                        None,
                    )
                }
            }
            (
                Phase::Open {
                    opened_at, from, ..
                },
                Standing::Met(_) | Standing::Between,
            ) => {
                let clearing = None;
                (
                    self.with(Phase::Open {
                        opened_at,
                        from,
                        clearing,
                    }),
                    None,
                )
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
        if !run.held(at, timing.hold) {
            return (
                self.with(Phase::Pending {
                    run,
                    direction,
                    from,
                }),
                None,
            );
        }
        let opened = Self {
            number: self.number.saturating_add(1),
            phase: Phase::Open {
                opened_at: at,
                from,
                clearing: None,
            },
            reported: Some(Reported {
                at,
                figure: judged.to,
            }),
        };
        let edge = Edge {
            kind: EdgeKind::Opened,
            episode: opened.number,
            since: run.since,
            opened_at: at,
            from,
            to: judged.to,
        };
        (opened, Some(edge))
    }

    fn close(
        self,
        judged: Judgement,
        at: Timestamp,
        since: Timestamp,
        opened_at: Timestamp,
    ) -> (Self, Option<Edge>) {
        let edge = Edge {
            kind: EdgeKind::Closed,
            episode: self.number,
            since,
            opened_at,
            from: self.reported.map(|reported| reported.figure),
            to: judged.to,
        };
        let closed = Self {
            phase: Phase::Quiet,
            reported: Some(Reported {
                at,
                figure: judged.to,
            }),
            ..self
        };
        (closed, Some(edge))
    }

    const fn with(self, phase: Phase) -> Self {
        Self { phase, ..self }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::rate::Percent;

    const HOUR: i64 = 3_600_000;

    fn judged(standing: Standing) -> Judgement {
        Judgement {
            standing,
            from: None,
            to: Figure::Apy(Percent::ZERO),
        }
    }

    /// Runs readings `(hours, standing)` and returns the edges with their hours.
    fn edges(episode: Episode, readings: &[(i64, Standing)]) -> Vec<(i64, EdgeKind)> {
        let mut episode = episode;
        let mut edges = Vec::new();
        for &(hours, standing) in readings {
            let at = Timestamp::from_millis(hours * HOUR);
            let (next, edge) = episode.step(judged(standing), at, Timing::default());
            episode = next;
            edges.extend(edge.map(|edge| (hours, edge.kind)));
        }
        edges
    }

    const MET: Standing = Standing::Met(Direction::Up);
    const DOWN: Standing = Standing::Met(Direction::Down);

    #[test]
    fn a_condition_has_to_hold_for_its_time_and_two_readings() {
        let quiet = Episode::default();
        assert_eq!(edges(quiet, &[(0, MET), (1, MET)]), []);
        assert_eq!(
            edges(quiet, &[(0, MET), (1, MET), (2, MET)]),
            [(2, EdgeKind::Opened)]
        );
        assert_eq!(
            edges(quiet, &[(0, MET), (24, MET)]),
            [(24, EdgeKind::Opened)]
        );
        assert_eq!(
            edges(
                quiet,
                &[(0, MET), (1, Standing::Between), (2, MET), (3, MET)]
            ),
            []
        );
    }

    #[test]
    fn crossing_back_and_forth_is_one_episode() {
        let crossing = [
            (0, MET),
            (2, MET),
            (3, Standing::Cleared),
            (5, MET),
            (6, Standing::Cleared),
            (8, Standing::Between),
            (9, Standing::Cleared),
            (12, Standing::Cleared),
            (13, Standing::Cleared),
        ];
        assert_eq!(
            edges(Episode::default(), &crossing),
            [(2, EdgeKind::Opened), (13, EdgeKind::Closed)]
        );
    }

    #[test]
    fn what_was_true_at_creation_is_no_news() {
        let created = Episode::at_creation(Some(judged(MET)));
        assert_eq!(
            edges(
                created,
                &[
                    (0, MET),
                    (5, MET),
                    (9, Standing::Between),
                    (12, MET),
                    (15, MET)
                ]
            ),
            []
        );
        assert_eq!(
            edges(
                created,
                &[(0, MET), (1, Standing::Cleared), (2, MET), (4, MET)]
            ),
            [(4, EdgeKind::Opened)]
        );
    }

    #[test]
    fn a_rise_does_not_complete_a_fall() {
        assert_eq!(
            edges(Episode::default(), &[(0, MET), (2, DOWN), (3, DOWN)]),
            []
        );
    }

    proptest! {
        /// Openings and closings alternate, and none comes before its time, for any readings.
        #[test]
        fn edges_alternate_and_never_come_early(
            steps in proptest::collection::vec((0_i64..4, 0_u8..4), 1..200)
        ) {
            let mut episode = Episode::default();
            let mut at = 0;
            let mut open = false;
            for (gap, standing) in steps {
                at += gap;
                let standing = match standing {
                    0 => MET,
                    1 => DOWN,
                    2 => Standing::Between,
                    _ => Standing::Cleared,
                };
                let now = Timestamp::from_millis(at * HOUR);
                let (next, edge) = episode.step(judged(standing), now, Timing::default());
                if let Some(edge) = edge {
                    prop_assert_eq!(edge.kind == EdgeKind::Opened, !open);
                    open = !open;
                    let wait = if open { Span::hours(2) } else { Span::hours(4) };
                    prop_assert!(now.since(edge.since) >= wait.0);
                    prop_assert_eq!(edge.episode, next.number);
                }
                prop_assert_eq!(next.is_open(), open);
                episode = next;
            }
        }
    }
}
