use std::path::PathBuf;

use sqlx::Row as _;

use super::*;
use crate::market::{
    fixture::{after, day, holding, hour, id, row},
    snapshot::Snapshot,
};

async fn fresh() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let file: PathBuf = folder.path().join("stipend.db");
    let store = Store::open(&file, &[7; 32], hour(0)).await.unwrap();
    (folder, store)
}

fn batch_of(at: Timestamp) -> BatchRow {
    BatchRow {
        source: "DefiLlama",
        fetched_at: at,
        digest: [3; 32],
        pools: 2,
        skipped: 0,
        conflicting: 0,
        suspect: false,
    }
}

fn record<'a>(
    at: Timestamp,
    pools: Vec<&'a Listing>,
    readings: Vec<ReadingRow<'a>>,
) -> BatchRecord<'a> {
    BatchRecord {
        batch: batch_of(at),
        pools,
        readings,
        episodes: Vec::new(),
        entries: Vec::new(),
        gone: Vec::new(),
    }
}

/// Two pools, one of them with all that can be said of a pool.
fn listings() -> Vec<Listing> {
    let mut full = row(1, 4.5);
    full.pool.meta = Some("fee 0.05 % · 非".into());
    full.pool.underlying = Box::new(["0xaa".into(), "0xbb".into()]);
    full.pool.multi_asset = true;
    full.pool.impermanent_loss = true;
    full.reading.reward = Percent::new(0.5);
    full.own_time = true;
    full.reading.at = hour(-2);
    let snapshot = after(&Snapshot::default(), hour(0), vec![full, row(2, 0.1)]).snapshot;
    let mut listings = snapshot.listings().to_vec();
    let bare = listings
        .iter_mut()
        .find(|listing| listing.pool.id == id(2))
        .unwrap();
    bare.reading.base = None;
    bare.feed = FeedStats::default();
    bare.state = DataState::Missing;
    bare.missed = Some(Missed {
        batches: 7,
        since: hour(-9),
    });
    listings
}

fn shown(mut listings: Vec<Listing>) -> String {
    listings.sort_by_key(|listing| listing.no);
    for listing in &mut listings {
        // What follows from the rest is worked out after loading.
        listing.assessment = Assessment::default();
        listing.trusted = None;
    }
    format!("{listings:#?}")
}

#[tokio::test]
async fn listings_come_back_as_they_were_committed_also_in_the_next_run() {
    let (folder, store) = fresh().await;
    let listings = listings();
    store
        .commit_batch(&record(hour(0), listings.iter().collect(), Vec::new()))
        .await
        .unwrap();
    assert_eq!(
        shown(store.listings().await.unwrap()),
        shown(listings.clone())
    );
    store.close().await;
    drop(store);
    let store = Store::open(&folder.path().join("stipend.db"), &[7; 32], hour(1))
        .await
        .unwrap();
    assert_eq!(shown(store.listings().await.unwrap()), shown(listings));
    assert_eq!(
        store.last_batch().await.unwrap(),
        Some(("DefiLlama".to_owned(), hour(0), vec![3; 32]))
    );
}

#[tokio::test]
async fn batches_that_were_not_believed_do_not_count_for_what_size_is_usual() {
    let (_folder, store) = fresh().await;
    for hours in 0..12 {
        store
            .note_batch(&BatchRow {
                pools: 100 + hours,
                ..batch_of(hour(hours.into()))
            })
            .await
            .unwrap();
    }
    store
        .note_batch(&BatchRow {
            pools: 1,
            suspect: true,
            ..batch_of(hour(12))
        })
        .await
        .unwrap();
    assert_eq!(
        store.batch_sizes("DefiLlama").await.unwrap(),
        (102..=111).rev().collect::<Vec<u32>>()
    );
    assert!(store.batch_sizes("elsewhere").await.unwrap().is_empty());
    assert_eq!(
        store.last_batch().await.unwrap().map(|batch| batch.1),
        Some(hour(11))
    );
}

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

async fn stretches(store: &Store, since: Timestamp) -> Vec<(i64, i64, f64)> {
    let hours = |at: Timestamp| (at.millis() - hour(0).millis()) / 3_600_000;
    store
        .stretches(1, since)
        .await
        .unwrap()
        .iter()
        .map(|stretch| (hours(stretch.from), hours(stretch.until), stretch.apy.get()))
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
    let all = [(0, 9, 1.0), (10, 20, 2.0), (20, 20, 3.0)];
    assert_eq!(stretches(&store, hour(-5)).await, all);
    assert_eq!(stretches(&store, hour(9)).await, all);
    assert_eq!(stretches(&store, hour(10)).await, all[1..]);
    assert_eq!(stretches(&store, hour(99)).await, all[2..]);
    assert!(store.stretches(2, hour(0)).await.unwrap().is_empty());
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
    assert_eq!(before, [(0, 18 * 24, 1.0), (19 * 24, 19 * 24, 2.0)]);
    for part in 0..SWEEP_PARTS {
        store.sweep_changes(part, day(20)).await.unwrap();
    }
    assert_eq!(stretches(&store, day(13)).await, before);
    assert_eq!(
        stretches(&store, day(-99)).await,
        before,
        "what is older is gone"
    );
}

fn days_from(first: i32, rates: &[f64]) -> Vec<DayRow> {
    (first..)
        .zip(rates)
        .map(|(day, apy)| DayRow {
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
    let usual = store.refresh_usual(Day(120)).await.unwrap();
    assert_eq!(
        usual.get(&1).map(|usual| (usual.centre.get(), usual.days)),
        Some((4.0, 20))
    );
    assert_eq!(
        store.listings().await.unwrap()[0].own_usual,
        usual.get(&1).copied()
    );
    // Today is not part of it, and fifteen days are enough.
    assert_eq!(store.refresh_usual(Day(115)).await.unwrap().len(), 1);
    assert!(store.refresh_usual(Day(114)).await.unwrap().is_empty());
    store.refresh_usual(Day(120)).await.unwrap();
    assert!(store.refresh_usual(Day(140)).await.unwrap().is_empty());
    assert_eq!(store.listings().await.unwrap()[0].own_usual, None);
}

#[tokio::test]
async fn what_is_usual_is_sought_for_each_pool_and_not_scanned_for() {
    let (_folder, store) = fresh().await;
    let plan: Vec<String> = sqlx::query(sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {USUAL}")))
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

#[tokio::test]
async fn prices_come_back_to_the_last_digit() {
    let (_folder, store) = fresh().await;
    let price = |usd: &str| PriceRow {
        coin: "ethereum:0xaa".to_owned(),
        usd: usd.parse().unwrap(),
        symbol: "USDC".to_owned(),
        at: hour(1),
        fetched_at: hour(2),
    };
    store.save_prices(&[price("0.5")]).await.unwrap();
    store
        .save_prices(&[price("0.99960000000000004")])
        .await
        .unwrap();
    assert_eq!(
        store.prices().await.unwrap(),
        [price("0.99960000000000004")]
    );
}

/// After a restart the next reading was not compared with anything, so a doubtful one was believed.
#[tokio::test]
async fn the_reading_that_is_trusted_in_place_of_a_suspect_one_is_known_after_a_restart() {
    let (_folder, store) = fresh().await;
    let mut old = Snapshot::default();
    for (hours, apy) in [(0, 4.0), (1, 4.0), (2, 50.0)] {
        let change = after(&old, hour(hours), vec![holding(row(1, apy), 1e6)]);
        let listing = change.snapshot.get(id(1)).unwrap();
        let readings = change
            .news
            .iter()
            .flat_map(|news| &news.usable)
            .map(|fresh| ReadingRow {
                no: listing.no,
                reading: &fresh.reading,
                verdict: fresh.assessment.verdict,
                previous_until: None,
            });
        store
            .commit_batch(&record(hour(hours), vec![listing], readings.collect()))
            .await
            .unwrap();
        old = change.snapshot;
    }
    let trusted = old.get(id(1)).unwrap().trusted.unwrap();
    assert_eq!((trusted.apy.get(), trusted.at), (4.0, hour(1)));
    assert_eq!(
        store.last_usable().await.unwrap(),
        HashMap::from([(1, trusted)])
    );
}
