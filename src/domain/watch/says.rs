//! What a condition of a watch says of one subject, and how that is judged beside what was told of it.

use rust_decimal::Decimal;

use super::{Elsewhere, GoalSeen, PoolSeen};
use crate::domain::{
    currency::Exchange,
    episode::Episode,
    income::Line,
    money::Money,
    rate::Percent,
    reading::DataState,
    rule::{Direction, Figure, Judgement, Reported, Standing},
    time::Timestamp,
    verdict::Verdict,
};

/// An income that reaches a goal again is told once it lies so far over it, so that it does not cross it
/// every day.
const REACHED_AGAIN: f64 = 1.02;
/// Likewise for a rate, over what was set.
const PAYS_AGAIN: f64 = 1.05;

/// What is seen of one subject.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Says {
    /// Nothing that could be decided by.
    Unknown,
    Verdict(Verdict),
    /// A figure under, between, or over two bounds.
    Level(Standing, Figure),
    /// Whether the source lists it.
    Listed(bool),
    /// What the best place elsewhere pays, or that there is none.
    Better(Option<Percent>),
}

impl Says {
    pub(super) fn verdict(pool: PoolSeen) -> Self {
        let known = pool.rate.and(pool.verdict.rank());
        known.map_or(Self::Unknown, |_| Self::Verdict(pool.verdict))
    }

    pub(super) fn judgement(self, episode: &Episode) -> Option<Judgement> {
        match self {
            Self::Unknown => None,
            Self::Verdict(verdict) => Some(worsening(verdict, episode)),
            Self::Level(standing, figure) => Some(Judgement::of(standing, None, figure)),
            Self::Listed(true) => {
                let good = Figure::Data(DataState::Good);
                Some(Judgement::of(Standing::Cleared, None, good))
            }
            Self::Listed(false) => {
                let met = Standing::Met(Direction::Down);
                let missing = Figure::Data(DataState::Missing);
                Some(Judgement::of(met, None, missing))
            }
            Self::Better(Some(rate)) => {
                let met = Standing::Met(Direction::Up);
                Some(Judgement::of(met, None, Figure::Apy(rate)))
            }
            Self::Better(None) => {
                let none = Figure::Apy(Percent::ZERO);
                Some(Judgement::of(Standing::Cleared, None, none))
            }
        }
    }
}

/// Judged against what an open episode started from, else against the best since the last one.
fn worsening(verdict: Verdict, episode: &Episode) -> Judgement {
    let told = episode.reported.map(|reported| reported.figure);
    let from = match (episode.opened(), told) {
        (Some(opened), _) => opened.from,
        (None, told) => told,
    };
    let rank = |figure: Option<Figure>| match figure {
        Some(Figure::Verdict(verdict)) => verdict.rank(),
        _ => None,
    };
    let is = verdict.rank();
    let is_worse_than = |figure| rank(figure).is_some_and(|was| is.is_some_and(|is| is < was));
    let standing = if is_worse_than(from) {
        Standing::Met(Direction::Down)
    } else {
        Standing::Cleared
    };
    Judgement {
        is_further: episode.is_open() && is_worse_than(told),
        ..Judgement::of(standing, from, Figure::Verdict(verdict))
    }
}

impl Episode {
    /// What a change of the verdict is measured from while nothing is open: what was seen first, or better
    /// than that.
    pub(super) fn measured_from(self, verdict: Verdict, at: Timestamp) -> Self {
        let known = match self.reported.map(|reported| reported.figure) {
            Some(Figure::Verdict(known)) => known.rank(),
            _ => None,
        };
        if self.is_open() || known.is_some_and(|known| verdict.rank() <= Some(known)) {
            return self;
        }
        Self {
            reported: Some(Reported {
                at,
                figure: Figure::Verdict(verdict),
            }),
            ..self
        }
    }
}

pub(super) fn goal_says(goal: &GoalSeen, lines: &[Line]) -> Says {
    let Some(reached) = goal.reached else {
        return Says::Unknown;
    };
    // What cannot be valued would add to the income; without it nobody knows whether the goal is missed.
    let is_whole = lines.iter().all(|line| line.income_usd.is_some());
    let figure = Figure::OfGoal(reached * 100.0);
    if reached >= REACHED_AGAIN {
        Says::Level(Standing::Cleared, figure)
    } else if reached >= 1.0 {
        Says::Level(Standing::Between, figure)
    } else if is_whole {
        Says::Level(Standing::Met(Direction::Down), figure)
    } else {
        Says::Unknown
    }
}

pub(super) fn rate_says(rate: Option<Percent>, under: Percent) -> Says {
    let Some(rate) = rate else {
        return Says::Unknown;
    };
    let standing = if rate.get() < under.get() {
        Standing::Met(Direction::Down)
    } else if rate.get() >= under.get() * PAYS_AGAIN {
        Standing::Cleared
    } else {
        Standing::Between
    };
    Says::Level(standing, Figure::Apy(rate))
}

pub(super) fn better_says(
    found: Option<Elsewhere>,
    least: Option<Money>,
    exchange: &Exchange,
) -> Says {
    match is_enough(found, least, exchange) {
        None => Says::Unknown,
        Some(is_enough) => Says::Better(found.filter(|_| is_enough).map(|it| it.rate)),
    }
}

/// Whether a place brings as much as is wanted; `None` where no exchange rate tells.
pub fn is_enough(
    found: Option<Elsewhere>,
    least: Option<Money>,
    exchange: &Exchange,
) -> Option<bool> {
    let Some(found) = found else {
        return Some(false);
    };
    let least = match least {
        None => Decimal::ZERO,
        Some(money) => exchange.to_usd(money.amount.get(), money.currency)?,
    };
    Some(found.yearly_usd >= least)
}
