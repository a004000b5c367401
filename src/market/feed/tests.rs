use tempfile::TempDir;

use super::*;
use crate::{
    alerting::tick::Alerting,
    domain::{
        protocol::{Flag, ProtocolFacts, fixture::named},
        strain::{Strain, Trouble},
        time::Span,
        verdict::Screen,
    },
    market::{
        facts::{Facts, Told},
        fixture::{after, batch, day, hour, id, minute, row},
    },
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
        std::fs::write(&file, answer(apy, 1)).unwrap();
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

/// A file as the source, in a folder with a store that has taken in three batches of ten pools.
struct Bench {
    folder: TempDir,
    store: Store,
    market: Market,
    alerting: Alerting,
    feed: Feed,
}

impl Bench {
    async fn after(source: &'static str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("stipend.db"), &[7; 32], hour(0))
            .await
            .unwrap();
        for hours in [-3, -2, -1] {
            let row = BatchRow {
                source,
                pools: 10,
                ..batch_row(&batch(hour(hours), Vec::new()), false)
            };
            store.note_batch(&row).await.unwrap();
        }
        let file = FileSource::new(folder.path().join("pools.json"));
        Self {
            feed: Feed::new(Source::File(file), &store).await.unwrap(),
            folder,
            store,
            market: Market::new(Screen::default(), None),
            alerting: Alerting::default(),
        }
    }

    /// Whether so many pools are believed at this hour.
    async fn believes(&mut self, pools: u8, at: i64) -> bool {
        let apy = f64::from(u32::try_from(at).unwrap());
        let file = self.folder.path().join("pools.json");
        std::fs::write(file, answer(apy, pools)).unwrap();
        match self.feed.next(&self.store, &self.market, hour(at)).await {
            Ok(change) => {
                let (store, market) = (&self.store, &self.market);
                self.alerting
                    .tick(store, market, change.unwrap())
                    .await
                    .unwrap();
                true
            }
            Err(FeedError::HalfEmpty(_)) => false,
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test]
async fn a_drop_that_lasts_for_a_day_of_answers_is_taken_in() {
    let mut bench = Bench::after("DefiLlama, from a file").await;
    for at in 0..24 {
        assert!(!bench.believes(5, at).await, "hour {at}");
    }
    assert!(bench.believes(5, 24).await);
    assert_eq!(bench.market.snapshot().listings().len(), 5);
    // From now on that size is what is usual, though most batches that are kept were larger.
    assert!(bench.believes(5, 25).await);
    assert!(!bench.believes(2, 26).await);
}

/// F-U17: each source is measured by itself.
#[tokio::test]
async fn a_file_is_not_measured_by_the_answers_of_the_upstream() {
    let mut bench = Bench::after(DEFILLAMA).await;
    assert!(bench.believes(5, 0).await);
    assert!(!bench.believes(2, 1).await);
    let upstream = bench.store.batch_sizes(DEFILLAMA).await.unwrap();
    assert_eq!(upstream, [10, 10, 10]);
    assert_eq!(bench.market.snapshot().origin.source, DEFILLAMA);
}

/// An incident is believed with the second list of protocols, whether or not pools have changed since.
#[tokio::test]
async fn what_is_said_beside_the_pools_waits_for_no_change_of_theirs() {
    let mut bench = Bench::after("DefiLlama, from a file").await;
    assert!(bench.believes(10, 0).await);
    let strain = |market: &Market| market.snapshot().get(id(1)).unwrap().strain.clone();
    for minutes in [1, 2] {
        let at = minute(minutes);
        let facts = Facts::default().with(flagged(), at, Span::days(1));
        bench.market.swap_facts(facts);
        assert_eq!(strain(&bench.market), Strain::default());
        let change = bench.feed.next(&bench.store, &bench.market, at).await;
        let Some(change) = change.unwrap() else {
            assert_eq!(minutes, 1, "one reading alone is no event");
            continue;
        };
        assert_eq!((change.strained.len(), change.batch), (10, None));
        let ticked = bench.alerting.tick(&bench.store, &bench.market, change);
        ticked.await.unwrap();
    }
    let rugged = Some(Trouble::Flagged(Flag::Rugged));
    assert_eq!(strain(&bench.market).protocol, rugged);
    let sizes = bench.store.batch_sizes("DefiLlama, from a file").await;
    assert_eq!(sizes.unwrap().len(), 4, "that was no batch");
}

/// Nor for pools that can be read.
#[tokio::test]
async fn an_incident_is_believed_while_the_pools_cannot_be_read() {
    let mut bench = Bench::after("DefiLlama, from a file").await;
    assert!(bench.believes(10, 0).await);
    std::fs::write(bench.folder.path().join("pools.json"), "down").unwrap();
    for (minutes, is_told) in [(1, false), (2, true), (3, false)] {
        let at = minute(minutes);
        if minutes < 3 {
            let facts = Facts::default().with(flagged(), at, Span::days(1));
            bench.market.swap_facts(facts);
        }
        let change = bench.feed.next(&bench.store, &bench.market, at).await;
        assert_eq!(change.is_ok(), is_told, "minute {minutes}");
        let trouble = bench.market.health().trouble.clone().unwrap();
        assert_eq!(i64::from(trouble.in_a_row), minutes);
        if let Ok(change) = change {
            let change = change.unwrap();
            assert_eq!((change.strained.len(), change.batch), (10, None));
            let ticked = bench.alerting.tick(&bench.store, &bench.market, change);
            ticked.await.unwrap();
        }
    }
}

fn flagged() -> Told {
    Told::Protocols(vec![ProtocolFacts {
        flags: [Flag::Rugged].into_iter().collect(),
        ..named("aave-v3")
    }])
}

fn answer(apy: f64, pools: u8) -> String {
    let row = |number| {
        serde_json::json!({
            "pool": id(number).to_string(), "chain": "Ethereum", "project": "aave-v3",
            "symbol": "USDC", "tvlUsd": 1e8, "apy": apy, "apyBase": apy, "stablecoin": true,
            "ilRisk": "no", "exposure": "single",
        })
    };
    let rows: Vec<_> = (1..=pools).map(row).collect();
    serde_json::json!({ "status": "success", "data": rows }).to_string()
}
