use std::sync::Arc;

use super::*;
use crate::{
    alerting::tick::Alerting,
    domain::verdict::{Screen, record::fixture::record},
    market::fixture::{after, day, holding, hour, id, row},
    sources::defillama::Settings,
};

fn source() -> Defillama {
    Defillama::new(&Settings::below("http://127.0.0.1:9")).unwrap()
}

fn charts() -> Charts {
    Charts::new(Some(source()))
}

/// Four pools: three of them large, the smallest one under a million.
fn snapshot() -> Snapshot {
    let rows = [(1, 4e6), (2, 9e5), (3, 2e6), (4, 8e6)];
    let rows = rows.map(|(number, tvl)| holding(row(number, 4.0), tvl));
    after(&Snapshot::default(), hour(0), rows.to_vec()).snapshot
}

fn ask(charts: &Charts, number: u8, at: Timestamp) {
    locked(&charts.asked).insert(id(number), at);
}

#[test]
fn the_largest_that_was_never_asked_for_comes_first() {
    let charts = charts();
    let mut snapshot = snapshot();
    let mut order = Vec::new();
    while let Some(next) = charts.next_unread(&snapshot, hour(1)) {
        order.push(next);
        locked(&charts.asked).insert(next, hour(1));
    }
    assert_eq!(order, [id(4), id(1), id(3), id(2)]);
    // A week later those of which too little is known are asked for again, and no others.
    assert_eq!(charts.next_unread(&snapshot, day(7)), None);
    assert_eq!(charts.next_unread(&snapshot, day(8)), Some(id(4)));
    snapshot.set_records(|listing| {
        (listing.pool.id != id(3)).then(|| Arc::new(record(listing.reading.apy.get(), 0.0)))
    });
    assert_eq!(charts.next_unread(&snapshot, day(8)), Some(id(3)));
}

#[test]
fn progress_is_told_of_large_pools() {
    let charts = charts();
    let snapshot = snapshot();
    let told = |read| Progress { read, of: 3 };
    assert_eq!(charts.progress(&snapshot), told(0));
    ask(&charts, 2, hour(0));
    assert_eq!(charts.progress(&snapshot), told(0));
    ask(&charts, 4, hour(0));
    assert_eq!(charts.progress(&snapshot), told(1));
}

#[test]
fn a_chart_is_not_asked_for_again_soon() {
    let charts = charts();
    assert!(charts.may_ask(id(1), hour(0)));
    ask(&charts, 1, hour(0));
    assert!(!charts.may_ask(id(1), day(6)));
    assert!(charts.may_ask(id(1), day(7)));
    assert!(!Charts::new(None).may_ask(id(2), hour(0)));
}

#[test]
fn news_wait_for_an_hour() {
    let charts = charts();
    assert!(!charts.take_news(hour(9), true));
    *locked(&charts.news_since) = Some(hour(0));
    assert!(!charts.take_news(crate::market::fixture::minute(59), false));
    assert!(charts.take_news(hour(1), false));
    assert!(!charts.take_news(hour(9), true));
    *locked(&charts.news_since) = Some(hour(9));
    assert!(charts.take_news(hour(9), true));
}

/// While a source fails, each try is about another pool and is a failure, so that tries become rarer.
#[test]
fn a_pool_that_just_failed_stands_in_nobodys_way() {
    let charts = charts();
    let rows = vec![row(1, 4.0), row(2, 5.0)];
    let snapshot = after(&Snapshot::default(), hour(0), rows).snapshot;
    let next = |now| charts.next_unread(&snapshot, now);
    let first = next(hour(0)).unwrap();
    locked(&charts.failed).insert(first, hour(0));
    let second = next(hour(0)).unwrap();
    assert_ne!(first, second);
    locked(&charts.failed).insert(second, hour(0));
    assert_eq!(next(hour(0)), None);
    assert_eq!(next(hour(1)), Some(first));
}

/// A pool that the source cannot tell of does not stand in the way of the others, also in the next run;
/// a source that cannot be reached is asked again.
#[tokio::test]
async fn what_was_asked_for_is_known_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("stipend.db"), &[7; 32], hour(0))
        .await
        .unwrap();
    let market = Market::new(Screen::default(), None);
    let rows = vec![row(1, 4.0), row(2, 5.0), row(3, 6.0)];
    let change = after(&Snapshot::default(), hour(0), rows);
    Alerting::default()
        .tick(&store, &market, change)
        .await
        .unwrap();
    let saved = folder.path().join("charts");
    std::fs::create_dir(&saved).unwrap();
    let day = r#"{"timestamp":"2026-02-15T23:00:00Z","tvlUsd":1,"apy":4}"#;
    let whole = format!(r#"{{"status":"success","data":[{day}]}}"#);
    std::fs::write(saved.join(format!("{}.json", id(1))), whole).unwrap();
    std::fs::write(saved.join(format!("{}.json", id(2))), "cut").unwrap();
    let from_files = Charts::new(Some(source().with_saved_charts(&saved)));
    let learn = async |charts: &Charts, number| {
        let learnt = charts.learn(&store, &market, id(number), hour(1)).await;
        learnt.map_err(drop)
    };
    assert_eq!(learn(&from_files, 1).await, Ok(1));
    assert!(from_files.take_news(hour(2), false), "its days are news");
    assert_eq!(learn(&from_files, 1).await, Ok(0), "not again so soon");
    assert_eq!(learn(&from_files, 2).await, Err(()));
    // Nobody listens there.
    let unreachable = charts();
    assert_eq!(learn(&unreachable, 3).await, Err(()));
    assert!(
        !unreachable.may_ask(id(3), hour(1)),
        "left alone for a while"
    );
    assert!(unreachable.may_ask(id(3), hour(2)));

    let next_run = charts();
    next_run.recall(&store).await.unwrap();
    let may_ask = [1, 2, 3].map(|number| next_run.may_ask(id(number), hour(2)));
    assert_eq!(may_ask, [false, false, true]);
}
