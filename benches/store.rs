//! The store by itself: a year of the whole market, one pool's year, and the outbox.
#![expect(clippy::print_stdout, reason = "the table is what it is for")]

use std::time::{Duration, Instant};

use secrecy::SecretString;
use stipend::{
    delivery::entry::{Entry, Occasion, SHELF_LIFE, test_key},
    domain::{
        ids::{AlertId, ChannelId, DestinationId, GuildId, WebhookId},
        listing::Listing,
        time::{Day, Span, Timestamp},
        verdict::Screen,
    },
    market::{ingest::advance, snapshot::Snapshot},
    sources::defillama::categories::Categories,
    store::{
        Store,
        market::{BatchRecord, BatchRow},
        outbox::Proven,
    },
};

#[path = "support/figures.rs"]
mod figures;
#[path = "support/pools.rs"]
mod pools;

use figures::Times;
use pools::{Chance, START, Upstream, batch};

const DAYS: u32 = 365;
/// When writing days is given up and the size is that of the days so far.
const PATIENCE: Duration = Duration::from_secs(75);

fn record<'a>(at: Timestamp, days: Vec<&'a Listing>, entries: Vec<Entry>) -> BatchRecord<'a> {
    BatchRecord {
        batch: BatchRow {
            source: "bench",
            fetched_at: at,
            digest: [0; 32],
            pools: 0,
            skipped: 0,
            conflicting: 0,
            suspect: false,
        },
        pools: Vec::new(),
        readings: Vec::new(),
        days,
        episodes: Vec::new(),
        entries,
    }
}

async fn history(store: &Store, listings: &mut [Listing]) {
    let begun = Instant::now();
    let mut chance = Chance(3);
    let mut written = Times::default();
    let mut count = 0;
    while count < DAYS && begun.elapsed() < PATIENCE {
        for listing in listings.iter_mut() {
            listing.reading.at = listing.reading.at.plus(Span::days(1).0);
            listing.reading.tvl_usd *= 0.98 + 0.04 * chance.fraction();
        }
        let at = listings.first().map_or(START, |listing| listing.reading.at);
        let of_day = Instant::now();
        store
            .commit_batch(&record(at, listings.iter().collect(), Vec::new()))
            .await
            .expect("a day");
        written.add(of_day.elapsed());
        count += 1;
    }
    let took = begun.elapsed();
    let pools = listings.len();
    println!(
        "| {count} days of {pools} pools, a day a commit | {:.1} s, a day {} |",
        took.as_secs_f64(),
        written.line()
    );
}

async fn reading(store: &Store, pools: usize) {
    let mut chance = Chance(5);
    let mut times = Times::default();
    let mut rows = 0;
    for _ in 0..500 {
        let no = i64::try_from(chance.below(pools) + 1).expect("a small number");
        let begun = Instant::now();
        rows += store.days(no, Day(0)).await.expect("days").len();
        times.add(begun.elapsed());
    }
    println!("| one pool's year, {} rows | {}, p99 {:.2} ms |", rows / 500, times.line(), times.within(0.99));
    let today = Day(START.day().0 + i32::try_from(DAYS).expect("a year"));
    let begun = Instant::now();
    let usual = store.refresh_usual(today).await.expect("what is usual").len();
    println!("| what is usual, {usual} pools by their last month (once a day) | {:.0} ms |", begun.elapsed().as_secs_f64() * 1e3);
}

fn entry(destination: DestinationId, nth: u64) -> Entry {
    Entry {
        dedup_key: test_key(AlertId(1), nth),
        destination,
        alert: AlertId(1),
        alert_version: 1,
        pool: None,
        occasion: Occasion::Test,
        payload: "x".repeat(900),
        created_at: START,
        not_after: START.plus(SHELF_LIFE.0),
    }
}

async fn outbox(store: &Store) {
    let proven = Proven {
        guild: GuildId(1),
        channel: ChannelId(2),
        webhook: WebhookId(3),
        token: SecretString::from("token"),
    };
    let destination = store.save_destination(&proven, START).await.expect("a channel");
    let mut nth = 0_u64;
    for (size, rounds) in [(1_usize, 300_usize), (100, 30), (1000, 10)] {
        let begun = Instant::now();
        for _ in 0..rounds {
            let entries = (0..size)
                .map(|_| {
                    nth += 1;
                    entry(destination, nth)
                })
                .collect();
            store
                .commit_batch(&record(START, Vec::new(), entries))
                .await
                .expect("entries");
        }
        #[expect(clippy::cast_precision_loss, reason = "some thousands")]
        let rate = (size * rounds) as f64 / begun.elapsed().as_secs_f64();
        println!("| outbox, {size} a commit | {rate:.0} entries a second |");
    }
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("store.db");
        let store = Store::open(&path, &[7; 32], START).await.expect("a database");
        let body = Upstream::full().body();
        let first = batch(&body, START, &Categories::bundled());
        let change = advance(&Snapshot::default(), first, &Screen::default());
        let mut listings = change.snapshot.listings().to_vec();
        let pools = BatchRecord {
            pools: change.snapshot.listings().iter().collect(),
            ..record(START, Vec::new(), Vec::new())
        };
        store.commit_batch(&pools).await.expect("the pools");
        println!("| work | measured |\n| --- | --- |");
        history(&store, &mut listings).await;
        reading(&store, listings.len()).await;
        outbox(&store).await;
        store.close().await;
        let size = path.metadata().expect("a file").len();
        println!("| the file after all that | {:.0} MB |", size as f64 / 1e6);
    });
}
