use super::*;
use crate::domain::{
    episode::EdgeKind,
    ids::{GoalId, UserId},
    income::{LayerQuote, Portfolio, Quote},
    position::{Earns, Holding, Position, Stake, usd},
    time::Span,
};

const POOL: PoolId = PoolId::from_bytes([1; 16]);
const OTHER: PoolId = PoolId::from_bytes([2; 16]);

fn hour(hours: i64) -> Timestamp {
    Timestamp::from_millis(hours * 3_600_000)
}

fn percent(value: f64) -> Percent {
    Percent::new(value).unwrap()
}

/// 1,000 dollars in a pool, or in none.
fn held(id: i64, pool: Option<PoolId>, lock_until: Option<Day>) -> Position {
    let earns = match pool {
        Some(id) => Earns::Pool {
            id,
            called: String::new(),
        },
        None => Earns::Stated {
            rate: percent(2.0),
            place: String::new(),
        },
    };
    Position {
        id: PositionId(id),
        owner: UserId(7),
        stake: Stake {
            lock_until,
            ..Stake::new(Holding::Worth(usd("1000".parse().unwrap())), earns)
        },
        added_at: Timestamp::default(),
    }
}

fn lines(held: impl IntoIterator<Item = (Position, Option<f64>)>) -> Vec<Line> {
    let quoted = held.into_iter().map(|(position, rate)| {
        let layer = LayerQuote {
            rate: rate.and_then(Percent::new),
            ..LayerQuote::default()
        };
        let quote = Quote {
            layers: vec![layer],
            unit_usd: Some(Decimal::ONE),
            ..Quote::default()
        };
        (position, quote)
    });
    Portfolio::of(quoted).lines
}

static EXCHANGE: std::sync::LazyLock<Exchange> = std::sync::LazyLock::new(Exchange::default);

fn seen<'a>(at: Timestamp, lines: &'a [Line], pools: &'a BTreeMap<PoolId, PoolSeen>) -> Seen<'a> {
    Seen {
        read_at: at,
        is_silent: false,
        today: at.day(),
        lines,
        pools,
        goal: None,
        better: None,
        exchange: &EXCHANGE,
        reviewed_at: None,
        unlogged: None,
    }
}

fn pool(rate: Option<f64>, verdict: Verdict) -> BTreeMap<PoolId, PoolSeen> {
    let rate = rate.and_then(Percent::new);
    BTreeMap::from([(
        POOL,
        PoolSeen {
            id: POOL,
            rate,
            verdict,
            is_listed: true,
        },
    )])
}

fn kinds(news: &[News]) -> Vec<EdgeKind> {
    let edges = news.iter().filter_map(|news| match news.told {
        Told::Edge(edge) => Some(edge.kind),
        Told::Reminder { .. } => None,
    });
    edges.collect()
}

fn watch(what: What) -> Watch {
    Watch::new(what, Timing::default(), hour(0))
}

#[test]
fn a_verdict_is_measured_from_what_was_seen_first_or_better() {
    let mut watch = watch(What::Verdict { of: Of::Mine });
    let lines = lines([(held(1, Some(POOL), None), Some(4.0))]);
    let mut look = |at, verdict| {
        let pools = pool(Some(4.0), verdict);
        kinds(&watch.look(&seen(hour(at), &lines, &pools)))
    };
    assert_eq!(look(0, Verdict::Mixed), [], "that is how it was");
    assert_eq!(look(1, Verdict::Sustainable), [], "that is good news");
    assert_eq!(look(2, Verdict::Mixed), []);
    assert_eq!(look(3, Verdict::Unknown), [], "nobody knows");
    assert_eq!(look(4, Verdict::Mixed), [EdgeKind::Opened]);
    assert_eq!(look(5, Verdict::Unsustainable), []);
    assert_eq!(look(7, Verdict::Unsustainable), [EdgeKind::Escalated]);
    assert_eq!(look(8, Verdict::Sustainable), []);
    assert_eq!(look(12, Verdict::Sustainable), [EdgeKind::Closed]);
    assert_eq!(look(13, Verdict::Sustainable), []);
}

#[test]
fn a_pool_without_a_reading_is_not_judged() {
    let mut watch = watch(What::Rate {
        of: Of::Mine,
        under: percent(3.0),
    });
    let lines = lines([(held(1, Some(POOL), None), None)]);
    for at in 0..9 {
        let pools = pool(None, Verdict::Unsustainable);
        assert_eq!(watch.look(&seen(hour(at), &lines, &pools)), []);
    }
    assert_eq!((watch.open(), watch.pending()), (0, 0));
}

#[test]
fn one_answer_of_the_market_counts_once() {
    let timing = Timing {
        hold: Span::minutes(0),
        ..Timing::default()
    };
    let what = What::Rate {
        of: Of::Pool(POOL),
        under: percent(3.0),
    };
    let mut watch = Watch::new(what, timing, hour(0));
    let pools = pool(Some(2.9), Verdict::Mixed);
    assert_eq!(watch.look(&seen(hour(1), &[], &pools)), []);
    assert_eq!(watch.look(&seen(hour(1), &[], &pools)), []);
    assert_eq!(watch.pending(), 1);
    let told = watch.look(&seen(hour(2), &[], &pools));
    assert_eq!(kinds(&told), [EdgeKind::Opened]);
    assert_eq!(told[0].subject, Subject::Pool(POOL));
}

#[test]
fn a_rate_that_crosses_back_and_forth_is_told_once() {
    let mut watch = watch(What::Rate {
        of: Of::Mine,
        under: percent(3.0),
    });
    let position = held(1, Some(POOL), None);
    let told: Vec<EdgeKind> = (0..48)
        .flat_map(|at| {
            let rate = if at % 3 == 2 { 3.1 } else { 2.9 };
            let lines = lines([(position.clone(), Some(rate))]);
            let pools = pool(Some(rate), Verdict::Sustainable);
            kinds(&watch.look(&seen(hour(at), &lines, &pools)))
        })
        .collect();
    assert_eq!(told, [], "never for two hours");
    let mut told = Vec::new();
    for at in 48..96 {
        let rate = if at > 55 && at % 3 == 2 { 3.1 } else { 2.9 };
        let lines = lines([(position.clone(), Some(rate))]);
        let pools = pool(Some(rate), Verdict::Sustainable);
        told.extend(kinds(&watch.look(&seen(hour(at), &lines, &pools))));
    }
    assert_eq!(told, [EdgeKind::Opened]);
}

#[test]
fn an_income_that_is_not_wholly_known_misses_no_goal() {
    let mut watch = watch(What::Goal);
    let pools = BTreeMap::new();
    let whole = lines([(held(1, None, None), Some(2.0))]);
    let part = lines([
        (held(1, None, None), Some(2.0)),
        (held(2, None, None), None),
    ]);
    let mut look = |at, lines: &[Line], reached| {
        let goal = GoalSeen {
            id: GoalId(1),
            reached,
        };
        let seen = Seen {
            goal: Some(goal),
            ..seen(hour(at), lines, &pools)
        };
        kinds(&watch.look(&seen))
    };
    for at in 0..5 {
        assert_eq!(look(at, &part, Some(0.4)), []);
        assert_eq!(look(at, &whole, None), [], "no exchange rate");
    }
    assert_eq!(look(5, &whole, Some(0.99)), []);
    assert_eq!(look(6, &part, Some(0.99)), []);
    assert_eq!(look(7, &whole, Some(0.99)), [EdgeKind::Opened]);
    assert_eq!(look(8, &whole, Some(1.01)), [], "not far enough back");
    assert_eq!(look(12, &whole, Some(1.01)), []);
    assert_eq!(look(13, &part, Some(1.05)), [], "the rest only adds to it");
    assert_eq!(look(17, &part, Some(1.05)), [EdgeKind::Closed]);
}

#[test]
fn a_place_elsewhere_has_to_bring_enough_and_to_stay() {
    let mut watch = watch(What::Better {
        least: Some(usd("50".parse().unwrap())),
    });
    let pools = BTreeMap::new();
    let lines = lines([(held(1, Some(POOL), None), Some(2.0))]);
    let mut look = |at, yearly: Option<i64>| {
        let found = yearly.map(|yearly| Elsewhere {
            pool: OTHER,
            rate: percent(9.0),
            yearly_usd: yearly.into(),
        });
        let better = BTreeMap::from([(PositionId(1), found)]);
        let seen = Seen {
            better: Some(&better),
            ..seen(hour(at), &lines, &pools)
        };
        watch.look(&seen)
    };
    assert_eq!(look(0, Some(49)), []);
    assert_eq!(look(1, Some(50)), []);
    let told = look(3, Some(60));
    assert_eq!(kinds(&told), [EdgeKind::Opened]);
    assert_eq!(told[0].subject, Subject::Position(PositionId(1)));
    // It comes and goes with its readings, and is not news each time.
    for at in 4..200 {
        assert_eq!(look(at, (at % 9 > 4).then_some(70)), []);
    }
}

#[test]
fn a_reminder_comes_once_for_its_day() {
    let mut locks = watch(What::Unlock { days: 7 });
    let pools = BTreeMap::new();
    let lock = Day(30);
    let lines = lines([(held(1, None, Some(lock)), Some(2.0))]);
    let mut told = Vec::new();
    for day in 0..60 {
        let news = locks.look(&seen(Day(day).start(), &lines, &pools));
        told.extend(news.into_iter().map(|news| (day, news.told)));
    }
    assert_eq!(told, [(23, Told::Reminder { day: lock, nth: 1 })]);
    let mut late = watch(What::Unlock { days: 7 });
    assert_eq!(late.look(&seen(Day(33).start(), &lines, &pools)).len(), 1);
    let now = Day(33).start();
    let mut over = Watch::new(What::Unlock { days: 7 }, Timing::default(), now);
    assert_eq!(
        over.look(&seen(now, &lines, &pools)),
        [],
        "it was over then"
    );
    let mut review = watch(What::Review { days: 91 });
    let mut reminded = |day, reviewed: Option<i32>| {
        let seen = Seen {
            reviewed_at: reviewed.map(|day| Day(day).start()),
            ..seen(Day(day).start(), &lines, &pools)
        };
        review.look(&seen).len()
    };
    assert_eq!(
        (reminded(90, None), reminded(91, None), reminded(92, None)),
        (0, 1, 0)
    );
    assert_eq!((reminded(95, Some(93)), reminded(184, Some(93))), (0, 1));
    let mut payouts = watch(What::Payouts { days: 30 });
    let mut told_of = |day, unlogged| {
        let seen = Seen {
            unlogged,
            ..seen(Day(day).start(), &lines, &pools)
        };
        payouts.look(&seen).len()
    };
    assert_eq!(
        (told_of(1, None), told_of(1, Some(0)), told_of(1, Some(3))),
        (0, 0, 1)
    );
    assert_eq!((told_of(30, Some(4)), told_of(31, Some(4))), (0, 1));
}

#[test]
fn what_is_gone_and_comes_again_is_new() {
    let timing = Timing {
        hold: Span::minutes(0),
        ..Timing::default()
    };
    let what = What::Rate {
        of: Of::Mine,
        under: percent(3.0),
    };
    let mut watch = Watch::new(what, timing, hour(0));
    let pools = pool(Some(2.0), Verdict::Mixed);
    let here = lines([(held(1, Some(POOL), None), Some(2.0))]);
    watch.look(&seen(hour(1), &here, &pools));
    let first = watch.look(&seen(hour(2), &here, &pools));
    watch.look(&seen(hour(3), &[], &pools));
    assert_eq!(watch.open(), 0);
    watch.look(&seen(hour(4), &here, &pools));
    let second = watch.look(&seen(hour(5), &here, &pools));
    assert_eq!((first.len(), second.len()), (1, 1));
    assert_ne!(
        first[0].no, second[0].no,
        "or the second would be taken for the first"
    );
}

/// While nobody looks nothing holds: what was so before a rest and is so after it may not have been so between.
#[test]
fn a_rest_begins_every_hold_anew() {
    let mut watch = watch(What::Rate {
        of: Of::Pool(POOL),
        under: percent(3.0),
    });
    let low = pool(Some(2.0), Verdict::Mixed);
    assert_eq!(watch.look(&seen(hour(0), &[], &low)), []);
    let mut watch = watch.resting(Some(hour(100))).resting(None);
    assert_eq!(watch.look(&seen(hour(101), &[], &low)), []);
    assert_eq!(watch.look(&seen(hour(102), &[], &low)), []);
    let told = watch.look(&seen(hour(103), &[], &low));
    assert_eq!(kinds(&told), [EdgeKind::Opened]);
    // What nobody has read is told once more, under another number.
    let opened: Vec<(u32, u32)> = watch.opened().collect();
    assert_eq!(opened, [(0, 1)]);
    watch.untold(0);
    assert_eq!(watch.look(&seen(hour(104), &[], &low)), []);
    let told = watch.look(&seen(hour(106), &[], &low));
    assert_eq!(kinds(&told), [EdgeKind::Opened]);
    assert_eq!(watch.opened().collect::<Vec<_>>(), [(0, 2)]);
}

#[test]
fn what_nobody_has_read_of_a_verdict_is_measured_from_where_it_began() {
    let mut watch = watch(What::Verdict { of: Of::Pool(POOL) });
    let look = |watch: &mut Watch, at, verdict| {
        kinds(&watch.look(&seen(hour(at), &[], &pool(Some(4.0), verdict))))
    };
    look(&mut watch, 0, Verdict::Sustainable);
    look(&mut watch, 1, Verdict::Mixed);
    assert_eq!(look(&mut watch, 3, Verdict::Mixed), [EdgeKind::Opened]);
    watch.untold(0);
    look(&mut watch, 4, Verdict::Mixed);
    assert_eq!(look(&mut watch, 6, Verdict::Mixed), [EdgeKind::Opened]);
}

/// A stack pays what its layers pay together, and a pool that goes on under another key is one pool.
#[test]
fn what_is_held_is_judged_and_not_its_parts() {
    let under = What::Rate {
        of: Of::Mine,
        under: percent(1.0),
    };
    let timing = Timing {
        hold: Span::minutes(0),
        ..Timing::default()
    };
    let mut watch = Watch::new(under, timing, hour(0));
    let mut stack = held(1, Some(POOL), None);
    stack.stake.layers.push(Earns::Pool {
        id: OTHER,
        called: String::new(),
    });
    let layer = |rate| LayerQuote {
        rate: Percent::new(rate),
        ..LayerQuote::default()
    };
    let quote = Quote {
        layers: vec![layer(3.0), layer(0.4)],
        unit_usd: Some(Decimal::ONE),
        ..Quote::default()
    };
    let lines = Portfolio::of([(stack, quote)]).lines;
    let mut pools = pool(Some(3.0), Verdict::Mixed);
    pools.insert(
        OTHER,
        PoolSeen {
            id: OTHER,
            rate: Percent::new(0.4),
            verdict: Verdict::Mixed,
            is_listed: true,
        },
    );
    for at in 0..5 {
        assert_eq!(watch.look(&seen(hour(at), &lines, &pools)), []);
    }
    assert_eq!(watch.pending(), 0);
    let renamed = BTreeMap::from([POOL, OTHER].map(|key| {
        let seen = PoolSeen {
            id: OTHER,
            rate: Percent::new(0.4),
            verdict: Verdict::Mixed,
            is_listed: true,
        };
        (key, seen)
    }));
    let twice = [held(2, Some(POOL), None), held(3, Some(OTHER), None)];
    let twice = twice.map(|position| (position, Some(0.4)));
    let lines = self::lines(twice);
    let mut told = Vec::new();
    for at in 5..9 {
        told.extend(watch.look(&seen(hour(at), &lines, &renamed)));
    }
    assert_eq!(kinds(&told), [EdgeKind::Opened]);
    assert_eq!(told[0].subject, Subject::Pool(OTHER));
}

/// Nothing is judged by a source that has fallen silent, and what is due by its day is told all the same.
#[test]
fn a_silent_source_stops_no_reminder() {
    let lock = Day(30);
    let lines = lines([(held(1, Some(POOL), Some(lock)), Some(2.0))]);
    let low = pool(Some(2.0), Verdict::Mixed);
    let silent = |at: i64| Seen {
        is_silent: true,
        ..seen(hour(at), &lines, &low)
    };
    let mut rate = watch(What::Rate {
        of: Of::Mine,
        under: percent(3.0),
    });
    for at in 29 * 24..30 * 24 {
        assert_eq!(rate.look(&silent(at)), []);
    }
    assert_eq!(rate.pending(), 0);
    let mut locks = watch(What::Unlock { days: 7 });
    assert_eq!(locks.look(&silent(25 * 24)).len(), 1);
}

/// The reply shows how it is, and that is what a change is measured from.
#[test]
fn a_watch_begins_with_what_its_owner_was_shown() {
    let mut watch = watch(What::Verdict { of: Of::Pool(POOL) });
    watch.begin(&seen(hour(0), &[], &pool(Some(4.0), Verdict::Sustainable)));
    let mixed = pool(Some(4.0), Verdict::Mixed);
    assert_eq!(watch.look(&seen(hour(1), &[], &mixed)), []);
    let told = watch.look(&seen(hour(3), &[], &mixed));
    assert_eq!(kinds(&told), [EdgeKind::Opened]);
}

/// That a pool is gone is told to whoever asked for just that, and nothing else is made of it.
#[test]
fn a_pool_that_is_gone_is_told_once_it_stays_away() {
    let mut gone = watch(What::Gone { of: Of::Pool(POOL) });
    let mut look = |at, is_listed| {
        let seen_now = PoolSeen {
            id: POOL,
            rate: None,
            verdict: Verdict::Unknown,
            is_listed,
        };
        let pools = BTreeMap::from([(POOL, seen_now)]);
        kinds(&gone.look(&seen(hour(at), &[], &pools)))
    };
    assert_eq!(look(0, true), []);
    assert_eq!(look(1, false), []);
    assert_eq!(look(2, true), [], "it was left out of one answer");
    assert_eq!(look(3, false), []);
    assert_eq!(look(5, false), [EdgeKind::Opened]);
    assert_eq!(look(6, true), []);
    assert_eq!(look(10, true), [EdgeKind::Closed]);
}

/// F-S14: after a restore, what is true by then may have been told, and so may what is due: none of it is told, and
/// the next time is.
#[test]
fn what_is_true_after_a_restore_is_silent_until_it_is_not() {
    let under = percent(3.0);
    let what = What::Rate {
        of: Of::Mine,
        under,
    };
    let mut watch = Watch::new(what, Timing::default(), hour(0));
    let lines = lines([(held(1, Some(POOL), None), Some(2.0))]);
    let (low, high) = (
        pool(Some(2.0), Verdict::Sustainable),
        pool(Some(5.0), Verdict::Sustainable),
    );
    watch.begin(&seen(hour(0), &lines, &high));
    watch.catch_up(&seen(hour(5), &lines, &low));
    for later in 6..20 {
        assert_eq!(watch.look(&seen(hour(later), &lines, &low)), []);
    }
    assert_eq!(watch.look(&seen(hour(20), &lines, &high)), []);
    let told: usize = (21..30)
        .map(|later| watch.look(&seen(hour(later), &lines, &low)).len())
        .sum();
    assert_eq!(told, 1);
}
