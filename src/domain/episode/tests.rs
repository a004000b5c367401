use proptest::prelude::*;

use super::*;
use crate::domain::rate::Percent;

const HOUR: i64 = 3_600_000;

fn judged(standing: Standing) -> Judgement {
    Judgement::of(standing, None, Figure::Apy(Percent::ZERO))
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

/// Runs judgements and returns each edge with its hours, its ordinal and what it came from.
fn life(timing: Timing, readings: &[(i64, Judgement)]) -> Vec<(i64, EdgeKind, u32, f64)> {
    let mut episode = Episode::default();
    let mut edges = Vec::new();
    for &(hours, judged) in readings {
        let (next, edge) = episode.step(judged, Timestamp::from_millis(hours * HOUR), timing);
        episode = next;
        edges.extend(edge.map(|edge| {
            let from = edge.from.and_then(Figure::number).unwrap_or(-1.0);
            (hours, edge.kind, edge.ordinal, from)
        }));
    }
    edges
}

fn at_rate(standing: Standing, apy: f64, tier: Tier) -> Judgement {
    Judgement {
        tier,
        ..Judgement::of(standing, None, Figure::Apy(Percent::new(apy).unwrap()))
    }
}

#[test]
fn a_worse_tier_is_told_once_after_it_has_held() {
    let (minor, major) = (Tier::Minor, Tier::Major);
    let readings = [
        (0, at_rate(MET, 12.0, minor)),
        (2, at_rate(MET, 12.0, minor)),
        (3, at_rate(MET, 25.0, major)),
        (4, at_rate(MET, 12.0, minor)),
        (5, at_rate(MET, 25.0, major)),
        (7, at_rate(MET, 26.0, major)),
        (9, at_rate(MET, 27.0, major)),
        (12, at_rate(MET, 28.0, major)),
    ];
    assert_eq!(
        life(Timing::default(), &readings),
        [
            (2, EdgeKind::Opened, 0, -1.0),
            (7, EdgeKind::Escalated, 1, 12.0)
        ]
    );
}

#[test]
fn a_further_move_goes_on_from_what_was_told_and_an_end_without_news_does_not_move_it() {
    let change = |standing, apy| Judgement {
        is_further: true,
        keeps_anchor: true,
        ..at_rate(standing, apy, Tier::Minor)
    };
    let timing = Timing::default();
    let readings = [
        (0, change(MET, 13.0)),
        (2, change(MET, 13.0)),
        (3, change(DOWN, 9.0)),
        (4, change(MET, 18.0)),
        (6, change(MET, 18.0)),
        (7, change(Standing::Cleared, 17.0)),
        (11, change(Standing::Cleared, 16.0)),
    ];
    assert_eq!(
        life(timing, &readings),
        [
            (2, EdgeKind::Opened, 0, -1.0),
            (6, EdgeKind::Escalated, 1, 13.0),
            (11, EdgeKind::Closed, 2, 18.0)
        ]
    );
    let mut episode = Episode::default();
    for (hours, judged) in readings {
        episode = episode
            .step(judged, Timestamp::from_millis(hours * HOUR), timing)
            .0;
    }
    let reported = episode.reported.and_then(|it| it.figure.number());
    assert_eq!(reported, Some(18.0));
}

/// It would seem less each time, if it were told against what was told last.
#[test]
fn what_has_left_a_pool_is_told_against_all_that_lay_in_it() {
    let fallen = |hours, standing, (from, to), tier| {
        let judged = Judgement::of(standing, Some(Figure::Tvl(from)), Figure::Tvl(to));
        (hours, Judgement { tier, ..judged })
    };
    let (minor, major) = (Tier::Minor, Tier::Major);
    let readings = [
        fallen(0, DOWN, (100.0, 65.0), minor),
        fallen(2, DOWN, (100.0, 65.0), minor),
        fallen(3, DOWN, (110.0, 30.0), major),
        fallen(5, DOWN, (110.0, 30.0), major),
        // The window begins later by now.
        fallen(6, Standing::Cleared, (30.0, 29.0), minor),
        fallen(10, Standing::Cleared, (30.0, 29.0), minor),
    ];
    assert_eq!(
        life(Timing::default(), &readings),
        [
            (2, EdgeKind::Opened, 0, 100.0),
            (5, EdgeKind::Escalated, 1, 110.0),
            (10, EdgeKind::Closed, 2, 100.0)
        ]
    );
}

#[test]
fn a_reminder_comes_when_it_was_silent_for_long_enough_and_only_if_asked_for() {
    let readings: Vec<(i64, Judgement)> = (0..60)
        .map(|hours| (hours, at_rate(MET, 12.0, Tier::Minor)))
        .collect();
    let reminded = Timing {
        remind: Some(Span::hours(24)),
        ..Timing::default()
    };
    assert_eq!(
        life(reminded, &readings),
        [
            (2, EdgeKind::Opened, 0, -1.0),
            (26, EdgeKind::Reminded, 1, 12.0),
            (50, EdgeKind::Reminded, 2, 12.0)
        ]
    );
    assert_eq!(life(Timing::default(), &readings).len(), 1);
}

#[test]
fn what_needs_no_second_reading_opens_and_closes_at_once() {
    let sure = |standing| Judgement {
        is_sure: true,
        ..judged(standing)
    };
    let readings = [
        (0, sure(DOWN)),
        (1, sure(DOWN)),
        (2, sure(Standing::Cleared)),
    ];
    let told: Vec<(i64, EdgeKind)> = life(Timing::AT_ONCE, &readings)
        .into_iter()
        .map(|(hours, kind, ..)| (hours, kind))
        .collect();
    assert_eq!(told, [(0, EdgeKind::Opened), (2, EdgeKind::Closed)]);
}

#[test]
fn an_episode_that_an_earlier_release_kept_goes_on() {
    let kept = r#"{"number":3,"phase":{"phase":"open","opened_at":7200000,"from":{"apy":4.0},
        "clearing":{"since":10800000,"readings":1}},"reported":{"at":7200000,"figure":{"apy":2.5}}}"#;
    let episode: Episode = serde_json::from_str(kept).unwrap();
    assert!(episode.is_open() && episode.number == 3);
    let again: Episode = serde_json::from_str(&serde_json::to_string(&episode).unwrap()).unwrap();
    assert_eq!(again, episode);
}
