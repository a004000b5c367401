use super::*;
use crate::{
    market::{
        fixture::{after, day, hour, id, row},
        snapshot::Snapshot,
    },
    store::market::tests::{fresh, record},
};

/// Keeps changes of pool 1: first read, rate, and when the figures before were last read.
async fn keep(store: &Store, changes: &[(Timestamp, f64, Option<Timestamp>)]) {
    let snapshot = after(&Snapshot::default(), hour(0), vec![row(1, 4.0)]).snapshot;
    let listing = snapshot.get(id(1)).unwrap();
    let readings: Vec<Reading> = changes
        .iter()
        .map(|(at, apy, _)| Reading {
            at: *at,
            apy: Percent::new(*apy).unwrap(),
            ..listing.reading
        })
        .collect();
    let rows = readings
        .iter()
        .zip(changes)
        .map(|(reading, (_, _, previous_until))| ReadingRow {
            no: listing.no,
            reading,
            verdict: Verdict::Mixed,
            previous_until: *previous_until,
        })
        .collect();
    store
        .commit_batch(&record(hour(0), vec![listing], rows))
        .await
        .unwrap();
}

async fn stretches(store: &Store, since: Timestamp) -> Vec<(i64, f64)> {
    let hours = |at: Timestamp| (at.millis() - hour(0).millis()) / 3_600_000;
    let alone = store.stretches(&[1], since).await.unwrap();
    let numbers: Vec<i64> = (1..=100).collect();
    let among_many = store.stretches(&numbers, since).await.unwrap();
    assert_eq!(alone[&1], among_many[&1], "both ways find the same");
    alone[&1]
        .iter()
        .map(|stretch| (hours(stretch.until), stretch.apy.get()))
        .collect()
}

#[tokio::test]
async fn a_stretch_ends_where_the_next_one_says_and_the_one_that_reaches_into_the_window_is_there()
{
    let (_folder, store) = fresh().await;
    keep(
        &store,
        &[
            (hour(0), 1.0, None),
            (hour(10), 2.0, Some(hour(9))),
            (hour(20), 3.0, None),
        ],
    )
    .await;
    // What came before the last one is not known to have gone on.
    let all = [(9, 1.0), (10, 2.0), (20, 3.0)];
    assert_eq!(stretches(&store, hour(-5)).await, all);
    assert_eq!(stretches(&store, hour(9)).await, all);
    assert_eq!(stretches(&store, hour(10)).await, all[1..]);
    assert_eq!(stretches(&store, hour(99)).await, all[2..]);
    assert!(store.stretches(&[2], hour(0)).await.unwrap()[&2].is_empty());
}

/// A change that was swept for its age took the figures with it that were read for long after.
#[tokio::test]
async fn a_sweep_leaves_what_reaches_into_the_days_that_are_kept() {
    let (_folder, store) = fresh().await;
    keep(
        &store,
        &[
            (day(-9), 0.5, None),
            (day(0), 1.0, None),
            (day(19), 2.0, Some(day(18))),
        ],
    )
    .await;
    let before = stretches(&store, day(13)).await;
    assert_eq!(before, [(18 * 24, 1.0), (19 * 24, 2.0)]);
    store.sweep_changes(day(20)).await.unwrap();
    assert_eq!(stretches(&store, day(13)).await, before);
    assert_eq!(
        stretches(&store, day(-99)).await,
        before,
        "what is older is gone"
    );
}

fn days_from(first: i32, rates: &[f64]) -> Vec<DayReading> {
    (first..)
        .zip(rates)
        .map(|(day, apy)| DayReading {
            day: Day(day),
            apy: Percent::new(*apy).unwrap(),
            base: None,
            reward: None,
            tvl_usd: 1e6,
        })
        .collect()
}

#[tokio::test]
async fn days_that_are_filled_in_do_not_replace_what_we_saw() {
    let (_folder, store) = fresh().await;
    keep(&store, &[]).await;
    let today = hour(0).day();
    let seen = Reading {
        at: hour(0),
        ..row(1, 4.0).reading
    };
    store.end_days(&[(1, seen)]).await.unwrap();
    store
        .add_days(1, &days_from(today.0 - 1, &[9.0, 9.0]))
        .await
        .unwrap();
    let rates: Vec<f64> = store
        .days(1, Day(0))
        .await
        .unwrap()
        .iter()
        .map(|day| day.apy.get())
        .collect();
    assert_eq!(rates, [9.0, 4.0]);
}

#[tokio::test]
async fn what_is_usual_comes_from_the_month_before_and_is_let_go_when_days_run_out() {
    let (_folder, store) = fresh().await;
    keep(&store, &[]).await;
    store
        .add_days(1, &days_from(100, &[4.0; 20]))
        .await
        .unwrap();
    let records = store.refresh_records(Day(120)).await.unwrap();
    let usual = records.get(&1).map(|record| record.usual);
    assert_eq!(
        usual.map(|usual| (usual.centre.get(), usual.days)),
        Some((4.0, 20))
    );
    assert_eq!(
        store.listings().await.unwrap()[0].record.as_ref(),
        records.get(&1)
    );
    // Today is not part of it, and fourteen days with today's reading are enough.
    assert_eq!(store.refresh_records(Day(114)).await.unwrap().len(), 1);
    assert!(store.refresh_records(Day(113)).await.unwrap().is_empty());
    store.refresh_records(Day(120)).await.unwrap();
    assert!(store.refresh_records(Day(140)).await.unwrap().is_empty());
    assert_eq!(store.listings().await.unwrap()[0].record, None);
}

#[tokio::test]
async fn what_is_usual_is_sought_for_each_pool_and_not_scanned_for() {
    let (_folder, store) = fresh().await;
    let plan: Vec<String> =
        sqlx::query(sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {RECENT}")))
            .bind(0)
            .bind(30)
            .fetch_all(&store.readers)
            .await
            .unwrap()
            .iter()
            .map(|row| row.get::<String, _>("detail"))
            .collect();
    let plan = plan.join("\n");
    assert!(
        plan.contains("SEARCH d USING PRIMARY KEY (pool_no=? AND day>? AND day<?)"),
        "{plan}"
    );
    assert!(!plan.contains("SCAN d"), "{plan}");
    assert!(!plan.contains("TEMP B-TREE"), "{plan}");
}
