//! A look back over a quarter at what somebody holds: what changed about the pools that it lies in, and what
//! is worth being looked at now.

use super::{
    drift::Drift,
    exposure::{Checked, Stands},
    income::Line,
    pool::Pool,
    rate::Percent,
    time::{Day, Timestamp},
    verdict::Verdict,
};

/// How a position's pool stood at the beginning of the time that is looked back over.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Then {
    /// The day of which these figures are: the last one before that time, or else the first one in it.
    pub day: Day,
    pub rate: Percent,
    /// US dollars.
    pub tvl_usd: f64,
}

/// What happened to a protocol.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Happened<'a> {
    pub at: Timestamp,
    /// Hostile text until rendered.
    pub name: &'a str,
    pub technique: Option<&'a str>,
}

/// A position with what has changed about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Reviewed<'a> {
    pub line: &'a Line,
    /// The pool of its lowest layer, where it is listed.
    pub pool: Option<&'a Pool>,
    /// The pool's rate and deposits now.
    pub now: Option<(Percent, f64)>,
    pub then: Option<Then>,
    /// What the verdict was when its owner last did a review, where it is another one now.
    pub verdict: Option<Verdict>,
    /// Incidents of the protocol since then, the newest first; `None` where no list of them is at hand.
    pub incidents: Option<Vec<Happened<'a>>>,
}

/// A rate that moved by less than this share of itself is told as unchanged.
const RATE_MOVES: f64 = 0.2;
/// So are deposits that moved by less than this share.
const TVL_MOVES: f64 = 0.3;

impl Reviewed<'_> {
    /// The rate then and now, where it moved by a fifth or more.
    pub fn rate(&self) -> Option<(Percent, Percent)> {
        let (then, now) = (self.then?.rate, self.now?.0);
        moved(then.get(), now.get(), RATE_MOVES).then_some((then, now))
    }

    /// The deposits then and now, in US dollars, where they moved by three tenths or more.
    pub fn tvl(&self) -> Option<(f64, f64)> {
        let (then, now) = (self.then?.tvl_usd, self.now?.1);
        moved(then, now, TVL_MOVES).then_some((then, now))
    }

    /// Whether its figures are known then and now, so that no change means that it stood still.
    pub const fn is_compared(&self) -> bool {
        self.then.is_some() && self.now.is_some()
    }

    /// Whether there is anything to tell of it.
    pub fn is_changed(&self) -> bool {
        self.rate().is_some()
            || self.tvl().is_some()
            || self.verdict.is_some()
            || self.incidents.as_ref().is_some_and(|all| !all.is_empty())
    }
}

fn moved(then: f64, now: f64, by: f64) -> bool {
    (now - then).abs() >= then.abs() * by && (now - then).abs() > f64::EPSILON
}

/// Something that is worth being looked at.
#[derive(Debug, Clone, PartialEq)]
pub enum Check {
    /// So many positions have an unsustainable verdict.
    Unsustainable(usize),
    /// A rule for the whole is broken.
    Broken(Checked),
    /// A part of the portfolio is so far from what was wanted.
    Drifted(Drift),
    /// So many pay-outs are over and not logged.
    Unlogged(usize),
    /// A lock ends on this day.
    LockEnds(Day),
    /// So many positions have no price or no rate.
    Unvalued(usize),
    /// So many positions name no cost, so that nobody can tell how they did.
    WithoutCost(usize),
    /// What to lay aside for tax is not chosen.
    NoTax,
    /// Whether amounts are still right.
    Amounts,
}

/// What the checks are chosen from.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    pub lines: &'a [Line],
    pub rules: &'a [Checked],
    pub drift: &'a [Drift],
    pub unlogged: usize,
    pub has_tax: bool,
    pub today: Day,
}

/// Checks that are named.
const MOST_CHECKS: usize = 3;
/// A part is worth a look from so many percent of the whole on.
const DRIFTS: f64 = 5.0;
/// A lock that ends within so many days is worth a look.
const SOON_DAYS: i32 = 30;

/// The three that matter most, in order.
pub fn checks(known: &Known<'_>) -> Vec<Check> {
    let count = |is_so: &dyn Fn(&Line) -> bool| known.lines.iter().filter(|it| is_so(it)).count();
    let some = |count: usize| (count > 0).then_some(count);
    let unsustainable = count(&|line| line.verdict == Some(Verdict::Unsustainable));
    let unvalued = count(&|line| line.income_usd.is_none());
    let costless = count(&|line| line.position.stake.paid.is_none());
    let broken = known.rules.iter().filter(|it| it.stands == Stands::Fail);
    let worst = broken.max_by(|a, b| a.share.total_cmp(&b.share));
    let away = |part: &&Drift| {
        let wanted: f64 = part.wanted.try_into().unwrap_or_default();
        (part.now - wanted).abs() >= DRIFTS
    };
    let drifted = known.drift.iter().filter(away);
    let furthest = drifted.max_by_key(|part| part.over.abs());
    let soon = Day(known.today.0 + SOON_DAYS);
    let locks = known
        .lines
        .iter()
        .filter_map(|line| line.position.stake.lock_until);
    let next = locks.filter(|day| (known.today..=soon).contains(day)).min();
    let all = [
        some(unsustainable).map(Check::Unsustainable),
        worst.cloned().map(Check::Broken),
        next.map(Check::LockEnds),
        furthest.copied().map(Check::Drifted),
        some(known.unlogged).map(Check::Unlogged),
        some(unvalued).map(Check::Unvalued),
        (!known.has_tax).then_some(Check::NoTax),
        some(costless).map(Check::WithoutCost),
        Some(Check::Amounts),
    ];
    all.into_iter().flatten().take(MOST_CHECKS).collect()
}

#[cfg(test)]
mod tests {
    use rust_decimal::Decimal;

    use super::*;
    use crate::domain::{
        exposure::Rule,
        ids::{PositionId, UserId},
        income::{LayerQuote, Portfolio, Quote},
        position::{Earns, Holding, Position, Stake, usd},
    };

    fn line(verdict: Option<Verdict>, lock: Option<i32>) -> Line {
        let earns = Earns::Stated {
            rate: Percent::ZERO,
            place: String::new(),
        };
        let position = Position {
            id: PositionId(1),
            owner: UserId(1),
            stake: Stake {
                lock_until: lock.map(Day),
                ..Stake::new(Holding::Worth(usd("100".parse().unwrap())), earns)
            },
            added_at: Timestamp::default(),
        };
        let quote = Quote {
            layers: vec![LayerQuote {
                rate: Percent::new(3.0),
                verdict,
                ..LayerQuote::default()
            }],
            unit_usd: Some(Decimal::ONE),
            ..Quote::default()
        };
        Portfolio::of([(position, quote)]).lines.remove(0)
    }

    fn reviewed(line: &Line, then: (f64, f64), now: (f64, f64)) -> Reviewed<'_> {
        let percent = |value| Percent::new(value).unwrap();
        Reviewed {
            line,
            pool: None,
            now: Some((percent(now.0), now.1)),
            then: Some(Then {
                day: Day(20_000),
                rate: percent(then.0),
                tvl_usd: then.1,
            }),
            verdict: None,
            incidents: None,
        }
    }

    #[test]
    fn only_what_moved_far_is_told() {
        let line = line(None, None);
        let calm = reviewed(&line, (4.0, 1e6), (4.7, 1.2e6));
        assert!(!calm.is_changed());
        assert!(reviewed(&line, (4.0, 1e6), (4.9, 1e6)).rate().is_some());
        assert!(reviewed(&line, (4.0, 1e6), (4.0, 0.6e6)).tvl().is_some());
        assert!(!reviewed(&line, (0.0, 0.0), (0.0, 0.0)).is_changed());
        let unknown = Reviewed { then: None, ..calm };
        assert_eq!((unknown.rate(), unknown.tvl()), (None, None));
    }

    #[test]
    fn the_worst_comes_first() {
        let today = Day(20_000);
        let lines = [
            line(Some(Verdict::Unsustainable), None),
            line(None, Some(20_010)),
        ];
        let broken = Checked {
            rule: Rule::OneChain,
            stands: Stands::Fail,
            what: None,
            share: 0.9,
            unknown: 0.0,
        };
        let known = Known {
            lines: &lines,
            rules: std::slice::from_ref(&broken),
            drift: &[],
            unlogged: 4,
            has_tax: true,
            today,
        };
        assert_eq!(
            checks(&known),
            [
                Check::Unsustainable(1),
                Check::Broken(broken.clone()),
                Check::LockEnds(Day(20_010)),
            ]
        );
        let calm = Known {
            lines: &lines[1..],
            rules: &[],
            unlogged: 0,
            today: Day(20_011),
            ..known
        };
        assert_eq!(checks(&calm), [Check::WithoutCost(1), Check::Amounts]);
    }
}
