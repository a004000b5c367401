use super::*;
use crate::domain::{
    rate::Percent,
    reading::{Reading, Stretch},
    time::Timestamp,
};

const HOUR: i64 = 3_600_000;

fn percent(value: f64) -> Percent {
    Percent::new(value).unwrap()
}

fn reading(at_hours: i64, apy: f64, tvl_usd: f64) -> Reading {
    Reading {
        at: Timestamp::from_millis(at_hours * HOUR),
        apy: percent(apy),
        base: None,
        reward: None,
        tvl_usd,
    }
}

fn stretch(until_hours: i64, apy: f64, tvl_usd: f64, verdict: Verdict) -> Stretch {
    Stretch {
        until: Timestamp::from_millis(until_hours * HOUR),
        apy: percent(apy),
        tvl_usd,
        verdict,
    }
}

fn present<'a>(reading: &'a Reading, past: &'a [Stretch]) -> Present<'a> {
    Present {
        reading,
        verdict: Verdict::Mixed,
        before: None,
        past,
        reported: None,
        rewarded: None,
        days_listed: None,
        open: None,
    }
}

/// As people write them: 0.8 × 4.5 is 3.5999999999999996 in binary.
#[test]
fn defaults_have_no_more_digits_than_a_person_would_write() {
    for (kind, value, clear_at) in [
        (Kind::ApyAbove, 4.5, 3.6),
        (Kind::ApyBelow, 4.1, 4.92),
        (Kind::ApyBelow, 1e-10, 1.2e-10),
    ] {
        let value = Some(value);
        let condition = Condition::new(
            kind,
            Terms {
                value,
                ..Terms::default()
            },
        )
        .unwrap();
        assert_eq!(condition.terms().clear_at, Some(clear_at));
    }
}

#[test]
fn defaults_put_the_clear_threshold_a_fifth_inside() {
    let with = |kind, value| {
        Condition::new(
            kind,
            Terms {
                value: Some(value),
                ..Terms::default()
            },
        )
        .unwrap()
    };
    assert_eq!(
        with(Kind::ApyAbove, 10.0),
        Condition::ApyAbove {
            value: 10.0,
            clear_at: 8.0,
            major: Some(20.0)
        }
    );
    assert_eq!(
        with(Kind::ApyBelow, 10.0),
        Condition::ApyBelow {
            value: 10.0,
            clear_at: 12.0,
            major: Some(5.0)
        }
    );
    assert_eq!(
        with(Kind::TvlDrop, 30.0),
        Condition::TvlDrop {
            value: 30.0,
            window: Span::days(7),
            clear_at: 24.0,
            major: Some(60.0)
        }
    );
}

#[test]
fn what_cannot_be_meant_is_refused_with_the_reason() {
    let refused = |kind, terms| Condition::new(kind, terms).unwrap_err().to_string();
    let terms = Terms::default();
    assert_eq!(
        refused(Kind::ApyAbove, terms),
        "`apy_above` needs a value: a number above 0 and up to 1,000,000"
    );
    assert!(
        refused(
            Kind::TvlDrop,
            Terms {
                value: Some(100.0),
                ..terms
            }
        )
        .contains("between 0 and 100")
    );
    assert!(
        refused(
            Kind::ApyAbove,
            Terms {
                value: Some(f64::NAN),
                ..terms
            }
        )
        .contains("takes a number")
    );
    assert!(
        refused(
            Kind::ApyAbove,
            Terms {
                value: Some(5.0),
                clear_at: Some(6.0),
                ..terms
            }
        )
        .contains("at or below")
    );
    assert!(
        refused(
            Kind::VerdictWorsens,
            Terms {
                value: Some(5.0),
                ..terms
            }
        )
        .contains("takes no value")
    );
    assert!(
        refused(
            Kind::ApyChange,
            Terms {
                value: Some(5.0),
                window: Some(Span::days(15)),
                ..terms
            }
        )
        .contains("14 days")
    );
}

#[test]
fn a_change_is_measured_from_the_oldest_reading_in_the_window() {
    let condition = Condition::ApyChange {
        value: 20.0,
        unit: Unit::Percent,
        window: Span::hours(24),
        clear_at: 16.0,
        falls_only: false,
    };
    let past = [
        stretch(10, 100.0, 1e6, Verdict::Mixed),
        stretch(20, 10.0, 1e6, Verdict::Mixed),
    ];
    let now = reading(35, 7.0, 1e6);
    let judged = condition.judge(&present(&now, &past)).unwrap();
    assert_eq!(judged.standing, Standing::Met(Direction::Down));
    assert_eq!(judged.from, Some(Figure::Apy(percent(10.0))));

    let mut told = present(&now, &past);
    told.reported = Some(Reported {
        at: Timestamp::from_millis(30 * HOUR),
        figure: Figure::Apy(percent(7.5)),
    });
    assert_eq!(condition.judge(&told).unwrap().standing, Standing::Cleared);
}

#[test]
fn an_unknown_verdict_decides_nothing() {
    let condition = Condition::VerdictWorsens {
        window: Span::days(7),
    };
    let now = reading(48, 7.0, 1e6);
    let good = [stretch(40, 7.0, 1e6, Verdict::Sustainable)];
    assert_eq!(
        condition.judge(&present(&now, &good)).unwrap().standing,
        Standing::Met(Direction::Up)
    );
    let unknown = [stretch(40, 7.0, 1e6, Verdict::Unknown)];
    assert_eq!(condition.judge(&present(&now, &unknown)), None);
}

#[test]
fn an_open_verdict_episode_is_over_only_when_it_is_as_good_as_before() {
    let condition = Condition::VerdictWorsens {
        window: Span::days(1),
    };
    let now = reading(400, 7.0, 1e6);
    let past = [stretch(399, 7.0, 1e6, Verdict::Mixed)];
    let mut open = present(&now, &past);
    open.open = Some(Opened {
        from: Some(Figure::Verdict(Verdict::Sustainable)),
    });
    assert!(matches!(
        condition.judge(&open).unwrap().standing,
        Standing::Met(_)
    ));
    open.verdict = Verdict::Sustainable;
    assert_eq!(condition.judge(&open).unwrap().standing, Standing::Cleared);
}

#[test]
fn a_tvl_drop_tells_how_far_it_fell() {
    let condition = Condition::TvlDrop {
        value: 30.0,
        window: Span::days(7),
        clear_at: 24.0,
        major: None,
    };
    let past = [stretch(10, 5.0, 710e6, Verdict::Mixed)];
    let now = reading(34, 5.0, 22e6);
    let judged = condition.judge(&present(&now, &past)).unwrap();
    assert_eq!(judged.standing, Standing::Met(Direction::Down));
    assert_eq!(
        (judged.from, judged.to),
        (Some(Figure::Tvl(710e6)), Figure::Tvl(22e6))
    );
}
