use proptest::{prelude::*, sample::select};

use super::*;
use crate::{
    domain::{
        episode::{EdgeKind, Timing},
        reading::Observed,
        rule::{Figure, Kind, Terms, Unit},
        scope::Scope,
        time::{Span, Timestamp},
        verdict::Verdict,
    },
    market::fixture::{after, holding, hour, id, rewarded, row},
};

/// A usable reading as the plain evaluator sees it: nothing is merged and nothing is forgotten.
#[derive(Debug, Clone, Copy)]
struct Seen {
    batch: usize,
    at: Timestamp,
    apy: f64,
    tvl: f64,
    verdict: Verdict,
    before: Option<Percent>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Told {
    batch: usize,
    pool: PoolId,
    alert: AlertId,
    kind: EdgeKind,
    episode: u32,
    since: Timestamp,
    from: Option<Figure>,
    to: Figure,
}

use crate::domain::rate::Percent;

/// What a reading says in plain words.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Says {
    MetUp,
    MetDown,
    Neither,
    Cleared,
}

fn says(met: bool, cleared: bool, down: bool) -> Says {
    if met {
        if down { Says::MetDown } else { Says::MetUp }
    } else if cleared {
        Says::Cleared
    } else {
        Says::Neither
    }
}

/// Walks all usable readings of one pool from the beginning, and looks at all of them each time.
fn plainly(alert: AlertId, pool: PoolId, rule: &Rule, readings: &[Seen]) -> Vec<Told> {
    let apy = |value: f64| Figure::Apy(Percent::new(value).unwrap());
    let mut told = Vec::new();
    let mut number = 0;
    let mut reported: Option<(Timestamp, Figure)> = None;
    let mut pending: Option<(Timestamp, u32, Says, Option<Figure>)> = None;
    let mut open: Option<Option<Figure>> = None;
    let mut clearing: Option<(Timestamp, u32)> = None;
    for (index, now) in readings.iter().enumerate() {
        let oldest = |window: Span| {
            readings[..=index]
                .iter()
                .find(|seen| now.at.since(seen.at) <= window.0)
                .unwrap()
        };
        let reported_in = |window: Span| {
            reported
                .filter(|(at, _)| now.at.since(*at) <= window.0)
                .map(|(_, figure)| figure)
        };
        let big_as = match rule.condition {
            Condition::TvlDrop { window, .. } => oldest(window).tvl.max(now.tvl),
            _ => now.tvl,
        };
        if open.is_none() && rule.scope.min_tvl.is_some_and(|floor| big_as < floor) {
            continue;
        }
        let (says, from, to) = match rule.condition {
            Condition::ApyAbove { value, clear_at } => (
                says(now.apy >= value, now.apy < clear_at, false),
                now.before.map(Figure::Apy),
                apy(now.apy),
            ),
            Condition::ApyBelow { value, clear_at } => (
                says(now.apy <= value, now.apy > clear_at, false),
                now.before.map(Figure::Apy),
                apy(now.apy),
            ),
            Condition::ApyChange {
                value,
                unit,
                window,
                clear_at,
            } => {
                let from = match reported_in(window) {
                    Some(Figure::Apy(from)) => from.get(),
                    _ => oldest(window).apy,
                };
                let moved = match unit {
                    Unit::Points => now.apy - from,
                    Unit::Percent if from > 0.0 => (now.apy - from) / from * 100.0,
                    Unit::Percent => continue,
                };
                (
                    says(moved.abs() >= value, moved.abs() < clear_at, moved < 0.0),
                    Some(apy(from)),
                    apy(now.apy),
                )
            }
            Condition::VerdictWorsens { window } => {
                let from = match (open, reported_in(window)) {
                    (Some(Some(Figure::Verdict(from))), _)
                    | (None | Some(None), Some(Figure::Verdict(from))) => from,
                    _ => oldest(window).verdict,
                };
                let (Some(was), Some(is)) = (from.rank(), now.verdict.rank()) else {
                    continue;
                };
                (
                    says(is < was, is >= was, false),
                    Some(Figure::Verdict(from)),
                    Figure::Verdict(now.verdict),
                )
            }
            Condition::TvlDrop {
                value,
                window,
                clear_at,
            } => {
                let from = oldest(window).tvl;
                if from <= 0.0 {
                    continue;
                }
                let fall = (from - now.tvl) / from * 100.0;
                (
                    says(fall >= value, fall < clear_at, true),
                    Some(Figure::Tvl(from)),
                    Figure::Tvl(now.tvl),
                )
            }
        };
        let mut tell = |kind, episode, since, from| {
            told.push(Told {
                batch: now.batch,
                pool,
                alert,
                kind,
                episode,
                since,
                from,
                to,
            });
        };
        if open.is_none() {
            pending = match (says, pending) {
                (Says::Neither | Says::Cleared, _) => None,
                (met, Some((since, count, before, from))) if met == before => {
                    Some((since, count + 1, met, from))
                }
                (met, _) => Some((now.at, 1, met, from)),
            };
            if let Some((since, count, _, from)) = pending
                && count >= 2
                && now.at.since(since) >= rule.timing.hold.0
            {
                number += 1;
                tell(EdgeKind::Opened, number, since, from);
                open = Some(from);
                reported = Some((now.at, to));
                pending = None;
                clearing = None;
            }
        } else if says == Says::Cleared {
            let (since, count) = clearing.map_or((now.at, 1), |(since, count)| (since, count + 1));
            clearing = Some((since, count));
            if count >= 2 && now.at.since(since) >= rule.timing.clear_hold.0 {
                tell(
                    EdgeKind::Closed,
                    number,
                    since,
                    reported.map(|(_, figure)| figure),
                );
                open = None;
                clearing = None;
                reported = Some((now.at, to));
            }
        } else {
            clearing = None;
        }
    }
    told
}

/// What happens to a pool between two batches.
#[derive(Debug, Clone, Copy)]
enum Happening {
    Nothing,
    Rate(f64),
    Deposits(f64),
    Rewards(f64),
    Odd(f64),
    Away,
}

fn happenings() -> impl Strategy<Value = Happening> {
    prop_oneof![
        6 => Just(Happening::Nothing),
        4 => (0.4_f64..2.5).prop_map(Happening::Rate),
        2 => (0.2_f64..2.0).prop_map(Happening::Deposits),
        2 => select(&[0.0, 0.5, 0.9][..]).prop_map(Happening::Rewards),
        1 => select(&[0.0, 40.0][..]).prop_map(Happening::Odd),
        1 => Just(Happening::Away),
    ]
}

fn spans(hours: &'static [u64]) -> impl Strategy<Value = Span> {
    select(hours).prop_map(Span::hours)
}

fn rules() -> impl Strategy<Value = Rule> {
    let condition = (
        select(&Kind::ALL[..]),
        prop_oneof![1.0_f64..10.0, 10.0_f64..80.0],
        any::<bool>(),
        spans(&[1, 3, 6, 24, 72, 168, 336]),
        proptest::option::of(0.3_f64..1.0),
    )
        .prop_map(|(kind, value, points, window, clear)| {
            let windowed = !matches!(kind, Kind::ApyAbove | Kind::ApyBelow);
            let valued = kind != Kind::VerdictWorsens;
            let clear_at = clear.map(|part| {
                if kind == Kind::ApyBelow {
                    value / part
                } else {
                    value * part
                }
            });
            Condition::new(
                kind,
                Terms {
                    value: valued.then_some(value),
                    unit: (kind == Kind::ApyChange).then_some(if points {
                        Unit::Points
                    } else {
                        Unit::Percent
                    }),
                    window: windowed.then_some(window),
                    clear_at: clear_at.filter(|_| valued),
                },
            )
            .unwrap()
        });
    let scope = (
        proptest::option::weighted(0.3, 1_u8..4),
        proptest::option::weighted(0.3, 1e5_f64..1e7),
    );
    (
        condition,
        scope,
        spans(&[0, 1, 2, 5, 30]),
        spans(&[0, 1, 4, 30]),
    )
        .prop_map(|(condition, (pool, min_tvl), hold, clear_hold)| Rule {
            scope: Scope {
                pool: pool.map(id),
                min_tvl,
                ..Scope::default()
            },
            condition,
            timing: Timing { hold, clear_hold },
        })
}

/// A history: hours between batches, and what happens to each of the pools before each.
type History = (i64, Vec<Vec<Happening>>);

fn histories() -> impl Strategy<Value = History> {
    let batches = (1_usize..4).prop_flat_map(|pools| {
        proptest::collection::vec(proptest::collection::vec(happenings(), pools), 30..60)
    });
    (select(&[1_i64, 24][..]), batches)
}

/// The rows of each batch of a history. What is odd lasts for as long as nothing else happens.
fn rows_of(history: &[Vec<Happening>]) -> Vec<Vec<Observed>> {
    let mut figures = vec![(4.0, 1e6, 0.0); history[0].len()];
    history
        .iter()
        .map(|happened| {
            let mut rows = Vec::new();
            for ((number, figure), happening) in (1..).zip(&mut figures).zip(happened) {
                match happening {
                    Happening::Nothing | Happening::Away => {}
                    Happening::Rate(factor) => figure.0 = (figure.0 * factor).clamp(0.1, 90.0),
                    Happening::Deposits(factor) => figure.1 *= factor,
                    Happening::Rewards(share) => figure.2 = *share,
                    Happening::Odd(apy) => figure.0 = *apy,
                }
                if !matches!(happening, Happening::Away) {
                    rows.push(holding(rewarded(row(number, figure.0), figure.2), figure.1));
                }
            }
            rows
        })
        .collect()
}

fn watching(rules: &[Rule]) -> Evaluator {
    let mut evaluator = Evaluator::default();
    for (number, rule) in (1..).zip(rules) {
        evaluator.watch(
            Watched {
                id: AlertId(number),
                version: 1,
                rule: rule.clone(),
            },
            [],
        );
    }
    evaluator
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn it_says_what_a_walk_over_all_readings_says(
        rules in proptest::collection::vec(rules(), 1..8),
        (gap, history) in histories(),
    ) {
        let mut evaluator = watching(&rules);
        let mut snapshot = Snapshot::default();
        let mut seen: BTreeSet<PoolId> = BTreeSet::new();
        let mut readings: HashMap<PoolId, Vec<Seen>> = HashMap::default();
        let mut said = Vec::new();
        for (batch, rows) in rows_of(&history).into_iter().enumerate() {
            let at = hour(i64::try_from(batch).unwrap() * gap);
            let change = after(&snapshot, at, rows);
            let news: HashMap<PoolId, &News> = change.news.iter().map(|news| (news.pool, news)).collect();
            for listing in change.snapshot.listings() {
                let pool = listing.pool.id;
                seen.insert(pool);
                let one = |reading: &Reading, assessment: &Assessment, before| Seen {
                    batch,
                    at: reading.at,
                    apy: reading.apy.get(),
                    tvl: reading.tvl_usd,
                    verdict: assessment.verdict,
                    before,
                };
                let of_pool = readings.entry(pool).or_default();
                match news.get(&pool) {
                    Some(news) => of_pool.extend(
                        news.usable.iter().map(|fresh| one(&fresh.reading, &fresh.assessment, fresh.before)),
                    ),
                    None if listing.state == DataState::Good && listing.missed.is_none() => {
                        of_pool.push(one(&listing.reading, &listing.assessment, None));
                    }
                    None => {}
                }
            }
            let steps = evaluator.evaluate(&change);
            // Asking again gives the same: nothing moves before it is taken over.
            prop_assert_eq!(&evaluator.evaluate(&change), &steps);
            for step in &steps {
                said.extend(step.edges.iter().map(|(edge, _)| Told {
                    batch,
                    pool: step.pool,
                    alert: step.alert,
                    kind: edge.kind,
                    episode: edge.episode,
                    since: edge.since,
                    from: edge.from,
                    to: edge.to,
                }));
            }
            evaluator.apply(&change, steps);
            snapshot = change.snapshot;
        }
        let mut wanted = Vec::new();
        for pool in seen {
            for (number, rule) in (1..).zip(&rules) {
                if rule.scope.pool.is_none_or(|named| named == pool) {
                    wanted.extend(plainly(AlertId(number), pool, rule, &readings[&pool]));
                }
            }
        }
        wanted.sort_by_key(|told| (told.batch, told.pool, told.alert));
        prop_assert_eq!(said, wanted);
    }
}

fn above(value: f64) -> Rule {
    Rule {
        scope: Scope::default(),
        condition: Condition::new(
            Kind::ApyAbove,
            Terms {
                value: Some(value),
                ..Terms::default()
            },
        )
        .unwrap(),
        timing: Timing::default(),
    }
}

#[test]
fn nothing_moves_before_it_is_taken_over() {
    let mut evaluator = watching(&[above(5.0)]);
    let change = after(&Snapshot::default(), hour(0), vec![row(1, 6.0)]);
    let steps = evaluator.evaluate(&change);
    assert_eq!(steps.len(), 1);
    assert_eq!(evaluator.episode(AlertId(1), id(1)), Episode::default());
    assert_eq!(evaluator.standing(AlertId(1)), (0, 0));
    evaluator.apply(&change, steps);
    assert_eq!(evaluator.standing(AlertId(1)), (0, 1));
}

#[test]
fn an_alert_that_is_forgotten_leaves_nothing_and_its_neighbours_stay() {
    let mut evaluator = watching(&[above(5.0), above(5.0)]);
    let first = after(&Snapshot::default(), hour(0), vec![row(1, 6.0)]);
    let steps = evaluator.evaluate(&first);
    evaluator.apply(&first, steps);
    assert!(evaluator.forget(AlertId(1)).is_some());
    assert!(evaluator.forget(AlertId(1)).is_none());
    assert_eq!(
        (evaluator.len(), evaluator.standing(AlertId(1))),
        (1, (0, 0))
    );
    let second = after(&first.snapshot, hour(2), vec![row(1, 6.0)]);
    let steps = evaluator.evaluate(&second);
    let told: Vec<(AlertId, usize)> = steps
        .iter()
        .map(|step| (step.alert, step.edges.len()))
        .collect();
    assert_eq!(told, [(AlertId(2), 1)]);
}
