use super::*;
use crate::{
    alerting::tick::Alerting,
    domain::verdict::Screen,
    market::fixture::{after, day, hour, id, row},
};

/// A pool that drained away in the evening has a row for its last day like every other.
#[test]
fn a_day_ends_with_the_last_reading_of_it_also_for_a_pool_that_was_missed_since() {
    let both = vec![row(1, 4.0), row(2, 5.0)];
    let evening = after(&Snapshot::default(), hour(22), both).snapshot;
    let night = after(&evening, hour(23), vec![row(1, 4.5)]).snapshot;
    assert!(night.get(id(2)).unwrap().missed.is_some());
    let mut rows: Vec<(i64, f64)> = ended(&night, day(1).day())
        .iter()
        .map(|(no, reading)| (*no, reading.apy.get()))
        .collect();
    rows.sort_by_key(|row| row.0);
    assert_eq!(rows, [(1, 4.5), (2, 5.0)]);
    assert!(
        ended(&night, day(0).day()).is_empty(),
        "the day is not over"
    );
}

/// The first batch of a day writes down the day before, and no other batch writes days.
#[tokio::test]
async fn the_first_batch_of_a_day_ends_the_day_before() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("stipend.db"), &[7; 32], hour(0))
        .await
        .unwrap();
    let market = Market::new(Screen::default(), None);
    let alerting = Alerting::default();
    let file = folder.path().join("pools.json");
    let mut feed = Feed::new(Source::File(FileSource::new(&file)), &store)
        .await
        .unwrap();
    let mut days = Vec::new();
    for (hours, apy) in [(1, 4.0), (23, 5.0), (25, 6.0), (26, 7.0), (49, 8.0)] {
        std::fs::write(&file, answer(apy)).unwrap();
        let change = feed.next(&store, &market, hour(hours)).await.unwrap();
        alerting
            .tick(&store, &market, change.unwrap())
            .await
            .unwrap();
        let rows = store.days(1, Day(0)).await.unwrap();
        days.push(rows.iter().map(|row| row.apy.get()).collect::<Vec<_>>());
    }
    assert_eq!(days, [vec![], vec![], vec![5.0], vec![5.0], vec![5.0, 7.0]]);
}

fn answer(apy: f64) -> String {
    serde_json::json!({ "status": "success", "data": [{
        "pool": id(1).to_string(), "chain": "Ethereum", "project": "aave-v3", "symbol": "USDC",
        "tvlUsd": 1e8, "apy": apy, "apyBase": apy, "stablecoin": true, "ilRisk": "no",
        "exposure": "single",
    }] })
    .to_string()
}
