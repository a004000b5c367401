use proptest::{prelude::*, sample::select};

use super::*;
use crate::{
    domain::{
        episode::{EdgeKind, Timing},
        rate::Percent,
        reading::Observed,
        rule::{Figure, Kind, Terms, Tier, Unit},
        scope::Scope,
        time::{Span, Timestamp},
        verdict::{Assessment, Verdict},
    },
    market::{
        fixture::{after, holding, hour, id, rewarded, row},
        snapshot::Snapshot,
    },
};

/// A usable reading as the plain evaluator sees it: nothing is merged and nothing is forgotten.
#[derive(Debug, Clone, Copy)]
struct Seen {
    batch: usize,
    at: Timestamp,
    apy: f64,
    base: Option<f64>,
    reward: Option<f64>,
    tvl: f64,
    verdict: Verdict,
    before: Option<Percent>,
}

/// The state of a pool's data after one batch; `None` while it is neither there nor gone.
#[derive(Debug, Clone, Copy)]
struct Found {
    batch: usize,
    at: Timestamp,
    tvl: f64,
    state: Option<DataState>,
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
    tier: Tier,
}

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

/// One thing that was seen, and all that follows from it.
struct Saying {
    says: Says,
    from: Option<Figure>,
    to: Figure,
    major: bool,
    further: bool,
}

impl Saying {
    fn of(says: Says, from: Option<Figure>, to: Figure) -> Self {
        let (major, further) = (false, false);
        Self {
            says,
            from,
            to,
            major,
            further,
        }
    }
}

fn apy(value: f64) -> Figure {
    Figure::Apy(Percent::new(value).unwrap())
}

fn worse(major: Option<f64>, is: impl Fn(f64) -> bool) -> bool {
    major.is_some_and(is)
}

/// The walk of one alert over one pool.
struct Walk<'a> {
    rule: &'a Rule,
    alert: AlertId,
    pool: PoolId,
    told: Vec<Told>,
    number: u32,
    reported: Option<(Timestamp, Figure)>,
    pending: Option<(Timestamp, u32, Says, Option<Figure>)>,
    open: Option<Opening>,
}

#[derive(Clone, Copy)]
struct Opening {
    at: Timestamp,
    from: Option<Figure>,
    major: bool,
    last_word: Timestamp,
    further: Option<(Timestamp, u32, Says)>,
    clearing: Option<(Timestamp, u32)>,
}

/// One more of a run of what agrees.
fn one_more(run: Option<(Timestamp, u32)>, at: Timestamp) -> (Timestamp, u32) {
    run.map_or((at, 1), |(since, count)| (since, count + 1))
}

impl<'a> Walk<'a> {
    fn new(alert: AlertId, pool: PoolId, rule: &'a Rule) -> Self {
        Self {
            rule,
            alert,
            pool,
            told: Vec::new(),
            number: 0,
            reported: None,
            pending: None,
            open: None,
        }
    }

    fn tell(&mut self, batch: usize, kind: EdgeKind, since: Timestamp, said: &Saying) {
        let began_from = self.open.and_then(|open| open.from);
        let drained = matches!(self.rule.condition, Condition::TvlDrop { .. });
        let from = match kind {
            EdgeKind::Opened => began_from,
            EdgeKind::Escalated if drained => said.from,
            EdgeKind::Reminded | EdgeKind::Closed if drained => began_from,
            _ => self.reported.map(|(_, figure)| figure),
        };
        let is_major = self.open.is_some_and(|open| open.major);
        self.told.push(Told {
            batch,
            pool: self.pool,
            alert: self.alert,
            kind,
            episode: self.number,
            since,
            from,
            to: said.to,
            tier: if is_major { Tier::Major } else { Tier::Minor },
        });
    }

    /// `enough` are the readings that have to agree.
    fn go_on(&mut self, batch: usize, at: Timestamp, said: &Saying, enough: u32) {
        let timing = self.rule.timing;
        let held = |(since, count): (Timestamp, u32), hold: Span| {
            count >= enough && at.since(since) >= hold.0
        };
        let Some(mut open) = self.open else {
            self.pending = match (said.says, self.pending) {
                (Says::Neither | Says::Cleared, _) => None,
                (met, Some((since, count, before, from))) if met == before => {
                    Some((since, count + 1, met, from))
                }
                (met, _) => Some((at, 1, met, said.from)),
            };
            if let Some((since, count, _, from)) = self.pending
                && held((since, count), timing.hold)
            {
                self.number += 1;
                self.open = Some(Opening {
                    at,
                    from,
                    major: said.major,
                    last_word: at,
                    further: None,
                    clearing: None,
                });
                self.tell(batch, EdgeKind::Opened, since, said);
                self.reported = Some((at, said.to));
                self.pending = None;
            }
            return;
        };
        if said.says == Says::Cleared {
            let run = one_more(open.clearing, at);
            open.clearing = Some(run);
            open.further = None;
            self.open = Some(open);
            if held(run, timing.clear_hold) {
                self.tell(batch, EdgeKind::Closed, run.0, said);
                self.open = None;
                // Nobody was told of an end that is no news.
                if self.rule.condition.tells_closing() {
                    self.reported = Some((at, said.to));
                }
            }
            return;
        }
        open.clearing = None;
        let met = said.says != Says::Neither;
        if met && (said.further || (said.major && !open.major)) {
            let before = open.further.filter(|(_, _, says)| *says == said.says);
            let run = one_more(before.map(|(since, count, _)| (since, count)), at);
            open.further = Some((run.0, run.1, said.says));
            if held(run, timing.hold) {
                open.further = None;
                open.major |= said.major;
                open.last_word = at;
                self.open = Some(open);
                self.tell(batch, EdgeKind::Escalated, run.0, said);
                self.reported = Some((at, said.to));
                return;
            }
        } else {
            open.further = None;
        }
        self.open = Some(open);
        if timing
            .remind
            .is_some_and(|remind| at.since(open.last_word) >= remind.0)
        {
            self.tell(batch, EdgeKind::Reminded, open.at, said);
            self.reported = Some((at, said.to));
            self.open = Some(Opening {
                last_word: at,
                ..open
            });
        }
    }

    /// What a reading says, found by looking at all readings up to it; `None` when it decides nothing.
    fn hear(&self, readings: &[Seen]) -> Option<Saying> {
        let (now, earlier) = readings.split_last().unwrap();
        let within = |at: Timestamp, window: Span| now.at.since(at) <= window.0;
        let oldest_at = |window: Span| {
            readings
                .iter()
                .position(|seen| within(seen.at, window))
                .unwrap()
        };
        let oldest = |window: Span| readings[oldest_at(window)];
        let reported_in = |window: Span| {
            self.reported
                .filter(|(at, _)| within(*at, window))
                .map(|(_, figure)| figure)
        };
        let big_as = match self.rule.condition {
            Condition::TvlDrop { window, .. } => oldest(window).tvl.max(now.tvl),
            _ => now.tvl,
        };
        let floor = self.rule.scope.min_tvl;
        if self.open.is_none() && floor.is_some_and(|floor| big_as < floor) {
            return None;
        }
        let level = |says, major| Saying {
            major,
            ..Saying::of(says, now.before.map(Figure::Apy), apy(now.apy))
        };
        let rewards = |seen: &Seen| seen.reward.unwrap_or(0.0);
        Some(match self.rule.condition {
            Condition::ApyAbove {
                value,
                clear_at,
                major,
            } => level(
                says(now.apy >= value, now.apy < clear_at, false),
                worse(major, |major| now.apy >= major),
            ),
            Condition::Over100 { clear_at, major } => level(
                says(now.apy > 100.0, now.apy < clear_at, false),
                worse(major, |major| now.apy >= major),
            ),
            Condition::ApyBelow {
                value,
                clear_at,
                major,
            } => level(
                says(now.apy <= value, now.apy > clear_at, false),
                worse(major, |major| now.apy <= major),
            ),
            Condition::ApyChange {
                value,
                unit,
                window,
                clear_at,
                falls_only,
            } => {
                let told = match (self.open, self.reported, reported_in(window)) {
                    (Some(_), Some((_, told)), _) | (None, _, Some(told)) => Some(told),
                    _ => None,
                };
                let from = match told {
                    Some(Figure::Apy(from)) => from.get(),
                    _ => oldest(window).apy,
                };
                let moved = match unit {
                    Unit::Points => now.apy - from,
                    Unit::Percent if from > 0.0 => (now.apy - from) / from * 100.0,
                    Unit::Percent => return None,
                };
                let size = if falls_only && moved > 0.0 {
                    0.0
                } else {
                    moved.abs()
                };
                let says = says(size >= value, size < clear_at, moved < 0.0);
                Saying {
                    further: true,
                    ..Saying::of(says, Some(apy(from)), apy(now.apy))
                }
            }
            Condition::VerdictWorsens { window } => {
                let from = match (self.open, reported_in(window)) {
                    (
                        Some(Opening {
                            from: Some(Figure::Verdict(from)),
                            ..
                        }),
                        _,
                    )
                    | (None, Some(Figure::Verdict(from))) => from,
                    _ => oldest(window).verdict,
                };
                let (was, is) = (from.rank()?, now.verdict.rank()?);
                let told = match self.reported {
                    Some((_, Figure::Verdict(told))) => told.rank(),
                    _ => None,
                };
                Saying {
                    further: told.is_some_and(|told| is < told),
                    ..Saying::of(
                        says(is < was, is >= was, false),
                        Some(Figure::Verdict(from)),
                        Figure::Verdict(now.verdict),
                    )
                }
            }
            Condition::VerdictBecomes { verdict, window } => {
                if now.verdict == Verdict::Unknown {
                    return None;
                }
                let other = earlier
                    .iter()
                    .rev()
                    .find(|seen| seen.verdict != now.verdict)
                    .filter(|seen| within(seen.at, window));
                let is = now.verdict == verdict;
                Saying::of(
                    says(is, !is, false),
                    other.map(|seen| Figure::Verdict(seen.verdict)),
                    Figure::Verdict(now.verdict),
                )
            }
            Condition::BaseShareBelow {
                value,
                clear_at,
                major,
            } => {
                if now.apy <= 0.0 {
                    return None;
                }
                let share = match (now.base, now.reward) {
                    (_, Some(reward)) => 1.0 - (reward / now.apy).clamp(0.0, 1.0),
                    (Some(base), None) => 1.0 - (1.0 - base / now.apy).clamp(0.0, 1.0),
                    (None, None) => return None,
                };
                let share = share * 100.0;
                Saying {
                    major: worse(major, |major| share <= major),
                    ..Saying::of(
                        says(share < value, share > clear_at, false),
                        None,
                        Figure::BaseShare(share),
                    )
                }
            }
            Condition::RewardsEnd { window } => {
                if now.base.is_none() && now.reward.is_none() {
                    return None;
                }
                let last = readings.iter().rev().find(|seen| rewards(seen) >= 0.1);
                let recent = last.is_some_and(|last| within(last.at, window));
                let paid = rewards(now) >= 0.1;
                let figure = |reward| Figure::Reward(Percent::new(reward).unwrap());
                Saying::of(
                    says(!paid && (recent || self.open.is_some()), paid, true),
                    last.map(|last| figure(rewards(last))),
                    figure(rewards(now)),
                )
            }
            Condition::TvlDrop {
                value,
                window,
                clear_at,
                major,
            } => {
                let from = oldest(window).tvl;
                if from <= 0.0 {
                    return None;
                }
                let fall = (from - now.tvl) / from * 100.0;
                Saying {
                    major: worse(major, |major| fall >= major),
                    ..Saying::of(
                        says(fall >= value, fall < clear_at, true),
                        Some(Figure::Tvl(from)),
                        Figure::Tvl(now.tvl),
                    )
                }
            }
            Condition::NewSustainable {
                value,
                window,
                clear_at,
            } => {
                now.verdict.rank()?;
                let offers =
                    |seen: &Seen| seen.verdict == Verdict::Sustainable && seen.apy >= value;
                let over = now.verdict != Verdict::Sustainable || now.apy < clear_at;
                let is_new = !offers(&oldest(window)) && reported_in(window).is_none();
                // What has stood unchanged for the whole window came from nowhere.
                let same = |seen: &Seen| {
                    (seen.apy, seen.tvl, seen.verdict) == (now.apy, now.tvl, now.verdict)
                };
                let unchanged_from = readings.iter().rposition(|seen| !same(seen));
                let from = unchanged_from
                    .filter(|last_other| oldest_at(window) <= *last_other)
                    .map(|_| Figure::Verdict(oldest(window).verdict));
                Saying::of(
                    says(offers(now) && (self.open.is_some() || is_new), over, false),
                    from,
                    Figure::Verdict(now.verdict),
                )
            }
            Condition::PoolGone
            | Condition::Stale
            | Condition::OffPeg { .. }
            | Condition::ProtocolIncident => return None,
        })
    }
}

/// Walks all usable readings of one pool from the beginning, and looks at all of them each time.
fn plainly(alert: AlertId, pool: PoolId, rule: &Rule, readings: &[Seen]) -> Vec<Told> {
    let mut walk = Walk::new(alert, pool, rule);
    for (index, now) in readings.iter().enumerate() {
        if let Some(said) = walk.hear(&readings[..=index]) {
            walk.go_on(now.batch, now.at, &said, 2);
        }
    }
    walk.told
}

/// Walks the states of one pool's data.
fn plainly_by_data(alert: AlertId, pool: PoolId, rule: &Rule, found: &[Found]) -> Vec<Told> {
    let mut walk = Walk::new(alert, pool, rule);
    let wanted = match rule.condition {
        Condition::PoolGone => DataState::Missing,
        _ => DataState::Stale,
    };
    for now in found {
        let Some(state) = now.state else { continue };
        let floor = rule.scope.min_tvl;
        if walk.open.is_none() && floor.is_some_and(|floor| now.tvl < floor) {
            continue;
        }
        let says = if state == wanted {
            Says::MetDown
        } else if state == DataState::Good {
            Says::Cleared
        } else {
            continue;
        };
        walk.go_on(
            now.batch,
            now.at,
            &Saying::of(says, None, Figure::Data(state)),
            1,
        );
    }
    walk.told
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
            let valued = !matches!(
                kind,
                Kind::VerdictWorsens
                    | Kind::VerdictBecomes
                    | Kind::RewardsEnd
                    | Kind::Over100
                    | Kind::PoolGone
                    | Kind::Stale
                    | Kind::ProtocolIncident
            );
            let is_signed = kind == Kind::ApyChange && clear.is_none();
            let falls = matches!(kind, Kind::ApyBelow | Kind::BaseShareBelow);
            let clear_at = clear.map(|part| if falls { value / part } else { value * part });
            let verdicts = [Verdict::Sustainable, Verdict::Mixed, Verdict::Unsustainable];
            Condition::new(
                kind,
                Terms {
                    value: valued.then_some(if is_signed { -value } else { value }),
                    verdict: (kind == Kind::VerdictBecomes)
                        .then(|| verdicts[usize::from(points) + usize::from(clear.is_some())]),
                    unit: (kind == Kind::ApyChange).then_some(if points {
                        Unit::Points
                    } else {
                        Unit::Percent
                    }),
                    window: kind.default_window().map(|_| window),
                    clear_at: clear_at.filter(|_| valued),
                    major: None,
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
        proptest::option::weighted(0.3, spans(&[3, 24, 100])),
    )
        .prop_map(
            |(condition, (pool, min_tvl), hold, clear_hold, remind)| Rule {
                scope: Scope {
                    pool: pool.map(id),
                    min_tvl,
                    ..Scope::default()
                },
                condition,
                timing: Timing {
                    hold,
                    clear_hold,
                    remind,
                },
            },
        )
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
        let mut found: HashMap<PoolId, Vec<Found>> = HashMap::default();
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
                    base: reading.base.map(Percent::get),
                    reward: reading.reward.map(Percent::get),
                    tvl: reading.tvl_usd,
                    verdict: assessment.verdict,
                    before,
                };
                let is_in_limbo = listing.missed.is_some() && listing.state != DataState::Missing;
                found.entry(pool).or_default().push(Found {
                    batch,
                    at,
                    tvl: listing.reading.tvl_usd,
                    state: (!is_in_limbo).then_some(listing.state),
                });
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
                    tier: edge.tier,
                }));
            }
            evaluator.apply(&change, steps);
            // What is kept up to date is what counting would say.
            let mut count = Count::default();
            for number in 1..=rules.len() {
                let of_alert = evaluator.standing(AlertId(i64::try_from(number).unwrap()));
                count.open += of_alert.open;
                count.waiting += of_alert.waiting;
            }
            prop_assert_eq!(evaluator.count(), count);
            snapshot = change.snapshot;
        }
        let mut wanted = Vec::new();
        for pool in seen {
            for (number, rule) in (1..).zip(&rules) {
                if rule.scope.pool.is_none_or(|named| named == pool) {
                    let alert = AlertId(number);
                    wanted.extend(if rule.condition.kind().is_about_data() {
                        plainly_by_data(alert, pool, rule, &found[&pool])
                    } else {
                        plainly(alert, pool, rule, &readings[&pool])
                    });
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
    assert_eq!(evaluator.standing(AlertId(1)), Count::default());
    evaluator.apply(&change, steps);
    let waits = Count {
        open: 0,
        waiting: 1,
    };
    assert_eq!(evaluator.standing(AlertId(1)), waits);
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
        (1, Count::default())
    );
    assert_eq!(evaluator.count(), evaluator.standing(AlertId(2)));
    assert_eq!(evaluator.count().waiting, 1);
    let second = after(&first.snapshot, hour(2), vec![row(1, 6.0)]);
    let steps = evaluator.evaluate(&second);
    let told: Vec<(AlertId, usize)> = steps
        .iter()
        .map(|step| (step.alert, step.edges.len()))
        .collect();
    assert_eq!(told, [(AlertId(2), 1)]);
}

/// The past that is remembered was settled for the windows of those that were there first.
#[test]
fn a_window_that_comes_later_slides_by_time_alone_too() {
    let moved_by = |percent, hours| Rule {
        condition: Condition::new(
            Kind::ApyChange,
            Terms {
                value: Some(percent),
                window: Some(Span::hours(hours)),
                ..Terms::default()
            },
        )
        .unwrap(),
        ..above(5.0)
    };
    let mut evaluator = watching(&[moved_by(900.0, 336)]);
    let mut snapshot = Snapshot::default();
    for (at, apy) in [(0, 4.0), (1, 7.0), (2, 7.0)] {
        let change = after(&snapshot, hour(at), vec![row(1, apy)]);
        let steps = evaluator.evaluate(&change);
        evaluator.apply(&change, steps);
        snapshot = change.snapshot;
    }
    let rule = moved_by(50.0, 3);
    let judged = evaluator.judge_now(&rule, snapshot.get(id(1)).unwrap());
    let baseline = Episode::at_creation(judged);
    assert!(!baseline.is_default());
    let later = Watched {
        id: AlertId(2),
        version: 1,
        rule,
    };
    evaluator.watch(later, [(id(1), baseline)]);
    let change = after(&snapshot, hour(4), vec![row(1, 7.0)]);
    assert!(change.news.is_empty());
    let steps = evaluator.evaluate(&change);
    let moved: Vec<(AlertId, Episode)> = steps.iter().map(|of| (of.alert, of.episode)).collect();
    assert_eq!(moved, [(AlertId(2), Episode::default())]);
}
