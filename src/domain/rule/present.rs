//! A pool as it is and as it was, which conditions are judged by.

use serde::{Deserialize, Serialize};

use super::{Direction, Figure, Judgement, Reported, Standing, Tier, Unit};
use crate::domain::{
    rate::Percent,
    reading::{Reading, Stretch, oldest_since},
    time::{Span, Timestamp},
    verdict::Verdict,
};

/// Rewards of less than this many percent are none.
const NOTABLE_REWARD: f64 = 0.1;

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
    pub(super) fn moved(&self, unit: Unit, window: Span) -> Option<Moved> {
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

    pub(super) fn worsening(&self, window: Span) -> Option<Judgement> {
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

    pub(super) fn becoming(&self, wanted: Verdict, window: Span) -> Option<Judgement> {
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

    pub(super) fn end_of_rewards(&self, window: Span) -> Option<Judgement> {
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

    pub(super) fn drop(
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

    pub(super) fn fallen(&self, window: Span) -> Option<Fallen> {
        let tvl = self.reading.tvl_usd;
        let oldest = self.oldest_within(window);
        let from = oldest.map_or(tvl, |oldest| oldest.tvl_usd);
        let by = (from - tvl) / from * 100.0;
        (from > 0.0).then_some(Fallen { from, by })
    }

    pub(super) fn new_offer(&self, value: f64, window: Span, clear_at: f64) -> Option<Judgement> {
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
pub(super) struct Moved {
    from: Percent,
    /// In the rule's unit; falls are negative.
    pub(super) by: f64,
}

/// A fall of the TVL.
#[derive(Clone, Copy)]
pub(super) struct Fallen {
    /// US dollars.
    from: f64,
    /// In percent; a rise is negative.
    pub(super) by: f64,
}

impl Moved {
    pub(super) const fn judged(self, standing: Standing, is_open: bool, to: Percent) -> Judgement {
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
