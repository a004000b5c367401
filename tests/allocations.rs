//! Judging a pool asks for no memory, so that a whole market is judged at the cost of its arithmetic.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::hint::black_box;

use allocation_counter::measure;
use stipend::domain::{
    rate::Percent,
    reading::{DataState, DayReading, FeedStats, Reading},
    time::{Day, Timestamp},
    verdict::{Evidence, Screen, assess, record::Record},
};

const TODAY: Day = Day(20_000);

fn percent(value: f64) -> Percent {
    Percent::new(value).unwrap()
}

fn day(ago: i32) -> DayReading {
    DayReading {
        day: Day(TODAY.0 - ago),
        apy: percent(4.0 + f64::from(ago % 5)),
        base: Some(percent(3.0)),
        reward: None,
        tvl_usd: 1e7 + 1e5 * f64::from(ago),
    }
}

#[test]
fn judging_allocates_nothing() {
    let days: Vec<DayReading> = (1..=60).rev().map(day).collect();
    let record = Record::of(&days, TODAY).unwrap();
    let feed = FeedStats {
        mean_30d: Some(percent(5.0)),
        sigma: Some(0.3),
        days: Some(400),
    };
    let screen = Screen::default();
    let reading = |apy: f64, reward: Option<f64>, tvl_usd| Reading {
        at: Timestamp::from_millis(0),
        apy: percent(apy),
        base: reward.map(|reward| percent(apy - reward)),
        reward: reward.map(percent),
        tvl_usd,
    };
    let readings = [
        reading(5.0, Some(0.0), 1e7),
        reading(40.0, Some(36.0), 2e5),
        reading(12.0, None, 1e7),
        reading(355_083.0, None, 1e7),
        reading(0.0, None, 5e3),
    ];
    let evidence = |reading, data, record| Evidence {
        reading,
        data,
        record,
        feed: &feed,
    };
    // The coefficients are read once, with the first verdict.
    let first = evidence(&readings[0], DataState::Good, None);
    black_box(assess(&first, &screen));
    for reading in &readings {
        for data in [DataState::Good, DataState::Suspect, DataState::Missing] {
            for record in [None, Some(&record)] {
                let evidence = evidence(reading, data, record);
                let asked = measure(|| {
                    black_box(assess(black_box(&evidence), &screen));
                });
                assert_eq!(asked.count_total, 0, "{evidence:?}");
            }
        }
    }
    // A count that cannot rise would say nothing.
    assert_eq!(measure(|| drop(black_box(Box::new(1)))).count_total, 1);
}
