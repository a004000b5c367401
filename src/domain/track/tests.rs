use proptest::{prelude::*, sample::select};

use super::*;
use crate::domain::{
    alert::Rule,
    episode::{Edge, Timing},
    ids::AlertId,
    notice::Speaker,
    reading::{DataState, FeedStats, Reading},
    rule::{Condition, Kind, Terms, Tier},
    scope::Scope,
    time::Span,
    verdict::{
        Evidence, Screen, assess,
        outcome::{HORIZON, known_by},
    },
};

fn percent(value: f64) -> Percent {
    Percent::new(value).unwrap()
}

fn days(first: i32, rates: &[f64]) -> Vec<DayReading> {
    (first..)
        .zip(rates)
        .map(|(day, apy)| DayReading {
            day: Day(day),
            apy: percent(*apy),
            base: None,
            reward: None,
            tvl_usd: 1e6,
        })
        .collect()
}

fn told(verdict: Verdict, day: i32, apy: f64) -> Announcement {
    Announcement {
        verdict,
        at: Day(day).start().plus(Span::hours(10).0),
        apy: percent(apy),
        score: None,
        paid_score: None,
        limit: None,
    }
}

/// What a notice announces that tells this edge of a pool at 12 % over a usual 10 %, with these changes.
fn announced(kind: EdgeKind, to: Figure, change: impl Fn(&mut Reading)) -> Option<Announcement> {
    let mut reading = Reading {
        at: Timestamp::from_millis(1_000),
        apy: percent(12.0),
        base: Some(percent(12.0)),
        reward: None,
        tvl_usd: 1e6,
    };
    change(&mut reading);
    let feed = FeedStats {
        mean_30d: Some(percent(10.0)),
        sigma: Some(0.01),
        days: Some(300),
    };
    let evidence = Evidence {
        reading: &reading,
        data: DataState::Good,
        record: None,
        feed: &feed,
    };
    let at = reading.at;
    Announcement::of(&Notice {
        speaker: Speaker::Alert(AlertId(1)),
        rule: &Rule {
            scope: Scope::default(),
            condition: Condition::new(Kind::PoolGone, Terms::default()).unwrap(),
            timing: Timing::default(),
        },
        pool: &crate::market::fixture::pool(1, "USDC"),
        edge: Edge {
            kind,
            episode: 1,
            ordinal: 0,
            since: at,
            opened_at: at,
            from: None,
            to,
            tier: Tier::Minor,
        },
        at,
        reading: &reading,
        assessment: &assess(&evidence, &Screen::default()),
        verdict_before: None,
        before: None,
        coin: None,
        source: "DefiLlama",
        own_time: false,
        unchanged_since: at,
    })
}

#[test]
fn a_notice_about_a_verdict_tells_it_and_any_other_warns_where_it_shows_an_unsustainable_one() {
    let spike = |reading: &mut Reading| {
        reading.apy = percent(90.0);
        reading.base = Some(percent(90.0));
    };
    let calm = |_: &mut Reading| {};
    let apy = Figure::Apy(percent(1.0));
    let verdict = |kind, to, change: &dyn Fn(&mut Reading)| {
        announced(kind, to, change).map(|told| told.verdict)
    };
    let all_clear = Figure::Verdict(Verdict::Sustainable);
    for kind in [EdgeKind::Opened, EdgeKind::Closed] {
        let of = verdict(kind, all_clear, &calm);
        assert_eq!(of, Some(Verdict::Sustainable), "{kind:?}");
    }
    assert_eq!(verdict(EdgeKind::Opened, apy, &calm), None);
    let warned = announced(EdgeKind::Opened, apy, spike).unwrap();
    assert_eq!(warned.verdict, Verdict::Unsustainable);
    assert_eq!((warned.apy.get(), warned.limit), (90.0, None));
    assert!(warned.score.unwrap() < 0.5 && warned.paid_score.is_some());
    assert_eq!(verdict(EdgeKind::Closed, apy, &spike), None);
    let not_known = Figure::Verdict(Verdict::Unknown);
    assert_eq!(verdict(EdgeKind::Opened, not_known, &calm), None);
}

#[test]
fn a_verdict_that_a_limit_decided_is_marked_by_it() {
    let apy = Figure::Apy(percent(1.0));
    let limit = |change: &dyn Fn(&mut Reading)| {
        announced(EdgeKind::Opened, apy, change).and_then(|told| told.limit)
    };
    let over = limit(&|reading| reading.apy = percent(140.0));
    assert_eq!(over, Some(HardLimit::Apy));
    let small = limit(&|reading| reading.tvl_usd = 9_000.0);
    assert_eq!(small, Some(HardLimit::Tvl));
    for limit in HardLimit::ALL {
        assert_eq!(HardLimit::parse(limit.slug()), Some(limit));
    }
}

#[test]
fn a_spike_that_was_told_is_judged_by_what_was_told_of_it() {
    let steady = days(0, &[10.0; 61]);
    let fate = |apy, days: &[DayReading]| told(Verdict::Unsustainable, 30, apy).fate(days);
    assert!(!fate(10.0, &steady).unwrap().fell());
    // By the evening it paid what it always does, and its row says so.
    assert!(fate(25.0, &steady).unwrap().is_collapse());
    let mut bled = days(0, &[10.0; 31]);
    bled.extend(days(31, &[4.0; 30]));
    assert!(fate(10.0, &bled).unwrap().is_decay());
}

#[test]
fn too_few_readings_are_no_outcome() {
    let fate = |days: &[DayReading]| told(Verdict::Unsustainable, 30, 10.0).fate(days);
    // Gone after 19 days; one more is enough.
    assert_eq!(fate(&days(0, &[10.0; 50])), None);
    assert!(fate(&days(0, &[10.0; 51])).is_some());
    // Listed for 14 days with the one of the verdict.
    assert_eq!(fate(&days(17, &[10.0; 50])), None);
    assert!(fate(&days(16, &[10.0; 50])).is_some());
    // The day itself is not there.
    let mut hole = days(0, &[10.0; 61]);
    hole.remove(30);
    assert_eq!(fate(&hole), None);
    assert_eq!(fate(&[]), None);
}

#[test]
fn what_was_told_can_be_judged_once_its_thirty_days_are_over() {
    let told = Day(100);
    assert_eq!(known_on(told), Day(131));
    assert_eq!(known_by(known_on(told)), told);
}

fn kept() -> impl Strategy<Value = Kept> {
    let verdict = select(&[Verdict::Sustainable, Verdict::Mixed, Verdict::Unsustainable][..]);
    let limit = select(&[None, None, Some(HardLimit::Apy), Some(HardLimit::Tvl)][..]);
    let ratio = select(&[0.0, 0.49, 0.5, 1.0, 3.0][..]);
    let outcome =
        (0..3, ratio.clone(), ratio).prop_map(|(which, of_today, of_month)| match which {
            0 => Outcome::Open,
            1 => Outcome::NotKnown,
            _ => Outcome::Known(Fate { of_today, of_month }),
        });
    let day = 0..400_i32;
    (verdict, limit, outcome, any::<bool>(), day).prop_map(
        |(verdict, limit, outcome, is_repeat, day)| {
            let limit = limit.filter(|_| verdict == Verdict::Unsustainable);
            Kept {
                announcement: Announcement {
                    limit,
                    ..told(verdict, day, 10.0)
                },
                is_repeat,
                outcome,
            }
        },
    )
}

proptest! {
    #[test]
    fn the_parts_make_the_whole_in_any_order(
        kept in proptest::collection::vec(kept(), 0..40),
        missed in 0..9_usize,
    ) {
        let tally = Tally::of(kept.iter().copied(), missed);
        prop_assert_eq!(tally.told() + tally.repeats, kept.len());
        let warned = kept.iter().filter(|it| it.announcement.verdict == Verdict::Unsustainable);
        let counted = warned.filter(|it| !it.is_repeat).count();
        prop_assert_eq!(tally.warnings.all() + tally.by_limit.all(), counted);
        let open = |it: &&Kept| it.outcome == Outcome::Open && !it.is_repeat;
        let first = kept.iter().filter(open).map(|it| known_on(it.announcement.day())).min();
        prop_assert_eq!(tally.next, first);
        let mut turned = kept.clone();
        turned.reverse();
        turned.rotate_left(kept.len() / 3);
        prop_assert_eq!(Tally::of(turned, missed), tally);
    }

    /// What is open or not known is never a success: once it is known, it moves to one of the two.
    #[test]
    fn an_outcome_moves_one_verdict_and_nothing_else(
        others in proptest::collection::vec(kept(), 0..9),
        one in kept(),
        fell in any::<bool>(),
    ) {
        let with = |outcome| {
            let last = Kept { outcome, is_repeat: false, ..one };
            Tally::of(others.iter().copied().chain([last]), 0)
        };
        let ratio = if fell { 0.1 } else { 1.0 };
        let (before, gone) = (with(Outcome::Open), with(Outcome::NotKnown));
        let after = with(Outcome::Known(Fate { of_today: ratio, of_month: 1.0 }));
        prop_assert_eq!(before.known(), gone.known());
        prop_assert_eq!(after.known(), before.known() + 1);
        prop_assert_eq!(after.told(), before.told());
    }

    /// A fall is after its day and within the horizon, and there is one only where the label says so.
    #[test]
    fn a_fall_is_within_the_thirty_days_that_lost_the_rate(
        rates in proptest::collection::vec(select(&[0.0, 1.0, 3.0, 10.0, 25.0][..]), 61),
    ) {
        use crate::domain::verdict::outcome::fell_on;
        let days = days(0, &rates);
        for at in 0..days.len() {
            let fell = Fate::of(&days, at).is_some_and(Fate::fell);
            match fell_on(&days, at) {
                Some(day) => {
                    prop_assert!(fell);
                    prop_assert!(day > days[at].day && day.0 <= days[at].day.0 + HORIZON);
                    prop_assert!(days[usize::try_from(day.0).unwrap()].apy < percent(25.0));
                }
                None if fell => {
                    // What is lost there was lost before.
                    let first = at.saturating_sub(29);
                    let month: f64 = rates[first..=at].iter().sum::<f64>() / f64::from(u32::try_from(at + 1 - first).unwrap());
                    prop_assert!(rates[at] < 0.5 * month);
                }
                None => {}
            }
        }
    }
}

#[test]
fn a_slow_fall_has_a_day_and_what_lies_past_it_has_none() {
    use crate::domain::verdict::outcome::fell_on;
    let mut rates = vec![10.0; 40];
    rates.extend([4.0; 40]);
    let days = days(0, &rates);
    assert_eq!(fell_on(&days, 35), Some(Day(40)));
    assert_eq!(fell_on(&days, 39), Some(Day(40)));
    // A month at 10 % is still in sight, and lost already.
    assert!(Fate::of(&days, 45).unwrap().is_decay());
    assert_eq!(fell_on(&days, 45), None);
    // Its next 30 days pay well for longer than not.
    assert_eq!(fell_on(&days, 20), None);
    assert_eq!(
        fell_on(&days, 79),
        None,
        "nothing is known of what comes after"
    );
}
