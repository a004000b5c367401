use super::*;
use crate::market::{
    fixture::{after, holding, hour, id, row},
    snapshot::Snapshot,
};

pub(in crate::store) async fn fresh() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("stipend.db"), &[7; 32], hour(0))
        .await
        .unwrap();
    (folder, store)
}

fn batch_of(at: Timestamp) -> BatchRow {
    BatchRow {
        source: "DefiLlama",
        fetched_at: at,
        digest: 3,
        pools: 2,
        skipped: 0,
        conflicting: 0,
        suspect: false,
    }
}

/// A batch of these pools, all of which are new.
pub(in crate::store) fn record<'a>(
    at: Timestamp,
    pools: Vec<&'a Listing>,
    readings: Vec<ReadingRow<'a>>,
) -> BatchRecord<'a> {
    BatchRecord {
        batch: Some(batch_of(at)),
        described: pools.clone(),
        latest: pools,
        readings,
        episodes: Vec::new(),
        entries: Vec::new(),
        track: TrackRows::default(),
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
        Some((
            "DefiLlama".to_owned(),
            hour(0),
            3_u64.to_le_bytes().to_vec()
        ))
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
        store
            .commit_batch(&record(hour(hours), vec![listing], Vec::new()))
            .await
            .unwrap();
        old = change.snapshot;
    }
    let trusted = old.get(id(1)).unwrap().trusted.unwrap();
    assert_eq!((trusted.apy.get(), trusted.at), (4.0, hour(1)));
    assert_eq!(store.listings().await.unwrap()[0].trusted, Some(trusted));
}
