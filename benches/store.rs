//! The store by itself: a year of the whole market on disk, one pool's year read back, what is
//! usual worked out, and the outbox.
#![expect(clippy::print_stdout, reason = "the table is what it is for")]

use std::{
    path::Path,
    time::{Duration, Instant},
};

use discord_twin::soak::whole::{Chance, Row, Upstream};
use secrecy::SecretString;
use stipend::{
    delivery::{
        entry::{Entry, Occasion, SHELF_LIFE, Telling, test_key},
        post::Waits,
        urgency::Urgency,
    },
    domain::{
        ids::{AlertId, ChannelId, DestinationId, GuildId, Home, MessageId, PoolId, WebhookId},
        listing::Listing,
        rate::Percent,
        reading::Reading,
        time::Day,
        verdict::Screen,
    },
    market::{ingest::advance, snapshot::Snapshot},
    sources::defillama::categories::Categories,
    store::{
        Store,
        destinations::Proven,
        market::{BatchRecord, BatchRow},
        track::TrackRows,
    },
};

#[path = "support/figures.rs"]
mod figures;
#[path = "support/pools.rs"]
mod pools;
#[path = "support/start.rs"]
mod start;

use figures::Times;
use pools::batch;
use start::START;

const DAYS: i32 = 365;
const READS: usize = 500;

/// A commit of these pools and entries, and of nothing else.
fn record(pools: Vec<&Listing>, entries: Vec<Entry>) -> BatchRecord<'_> {
    BatchRecord {
        batch: Some(BatchRow {
            source: "bench",
            fetched_at: START,
            digest: 0,
            pools: 0,
            skipped: 0,
            conflicting: 0,
            suspect: false,
        }),
        described: pools.clone(),
        latest: pools,
        readings: Vec::new(),
        episodes: Vec::new(),
        entries,
        track: TrackRows::default(),
        gone: Vec::new(),
    }
}

/// Lists the whole market and returns each pool's number, in the order of the upstream's rows.
async fn list(store: &Store, upstream: &Upstream) -> Vec<i64> {
    let first = batch(&upstream.body(), START, &Categories::bundled());
    let market = advance(&Snapshot::default(), first, &Screen::default()).snapshot;
    store
        .commit_batch(&record(market.listings().iter().collect(), Vec::new()))
        .await
        .expect("the pools");
    let number = |row: &Row| {
        let pool: PoolId = row.id.parse().expect("a pool's id");
        market.get(pool).map_or(0, |listing| listing.no)
    };
    upstream.rows.iter().map(number).collect()
}

/// What a row shows on a day.
fn reading(row: &Row, day: Day) -> Reading {
    Reading {
        at: day.start(),
        apy: Percent::new(row.apy).expect("a finite number"),
        base: row.base.and_then(Percent::new),
        reward: row.reward.and_then(Percent::new),
        tvl_usd: row.tvl,
    }
}

/// Writes [`DAYS`] days of every pool, each figure up to 2 % away from the day before, and returns
/// the day after them.
async fn write_year(store: &Store, path: &Path) -> Day {
    let mut upstream = Upstream::full();
    let numbers = list(store, &upstream).await;
    let before = size(path);
    let mut times = Times::default();
    let begun = Instant::now();
    let first = START.day();
    for day in (first.0..first.0 + DAYS).map(Day) {
        upstream.step(1.0);
        let rows: Vec<(i64, Reading)> = numbers
            .iter()
            .zip(&upstream.rows)
            .filter(|(no, _)| **no > 0)
            .map(|(no, row)| (*no, reading(row, day)))
            .collect();
        let of_day = Instant::now();
        store.end_days(&rows).await.expect("a day");
        times.add(of_day.elapsed());
    }
    println!(
        "| {DAYS} days of {} pools | {:.1} s, a day {} |",
        numbers.iter().filter(|no| **no > 0).count(),
        begun.elapsed().as_secs_f64(),
        times.line()
    );
    println!("| the file before that | {before:.0} MB |");
    println!("| the file with that year | {:.0} MB |", size(path));
    Day(first.0 + DAYS)
}

/// The size of the database with its log, in MB.
fn size(database: &Path) -> f64 {
    let log = database.with_extension("db-wal");
    let bytes: u64 = [database, &log]
        .into_iter()
        .filter_map(|file| file.metadata().ok())
        .map(|file| file.len())
        .sum();
    #[expect(clippy::cast_precision_loss, reason = "some gigabytes at most")]
    let bytes = bytes as f64;
    bytes / 1e6
}

async fn read_years(store: &Store, pools: usize) {
    let mut chance = Chance(5);
    let mut times = Times::default();
    let mut days = 0;
    for _ in 0..READS {
        let no = i64::try_from(chance.below(pools) + 1).expect("a small number");
        let begun = Instant::now();
        days += store.days(no, Day(0)).await.expect("days").len();
        times.add(begun.elapsed());
    }
    println!(
        "| one pool's year, {} days | {}, p99 {:.2} ms |",
        days / READS,
        times.line(),
        times.within(0.99)
    );
}

async fn work_out_usual(store: &Store, today: Day) {
    let begun = Instant::now();
    let usual = store
        .refresh_records(today)
        .await
        .expect("what the days say");
    let took = begun.elapsed();
    assert!(!usual.is_empty(), "the month before {today:?} has no days");
    println!(
        "| what is usual, {} pools by their last month (once a day) | {} ms |",
        usual.len(),
        took.as_millis()
    );
}

fn entry(destination: DestinationId, nth: u64) -> Entry {
    Entry {
        dedup_key: test_key(AlertId(1), nth),
        destination,
        alert: AlertId(1),
        alert_version: 1,
        pool: None,
        occasion: Occasion::Test,
        urgency: Urgency::Normal,
        payload: "x".repeat(900),
        summary: "x".repeat(200),
        created_at: START,
        not_after: START.plus(SHELF_LIFE.0),
        telling: Telling::default(),
    }
}

async fn fill_outbox(store: &Store) {
    let proven = Proven {
        home: Home::Server(GuildId(1)),
        channel: ChannelId(2),
        parent: None,
        webhook: Some((WebhookId(3), SecretString::from("token"))),
        newest: MessageId(0),
        unasked: false,
        remade: false,
    };
    let destination = store
        .save_destination(&proven, START, &Waits::default())
        .await
        .expect("a channel");
    let mut keys = 0..;
    for (at_once, commits) in [(1_u32, 300_u32), (100, 30), (1_000, 10)] {
        let mut busy = Duration::ZERO;
        for _ in 0..commits {
            let entries = (0..at_once)
                .zip(&mut keys)
                .map(|(_, key)| entry(destination, key))
                .collect();
            let record = record(Vec::new(), entries);
            let begun = Instant::now();
            store.commit_batch(&record).await.expect("the entries");
            busy += begun.elapsed();
        }
        let rate = f64::from(at_once * commits) / busy.as_secs_f64();
        println!("| outbox, {at_once} a commit | {rate:.0} entries a second |");
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
        let store = Store::open(&path, &[7; 32], START)
            .await
            .expect("a database");
        println!("| work | measured |\n| --- | ---: |");
        let today = write_year(&store, &path).await;
        let pools = store.listings().await.expect("the pools").len();
        read_years(&store, pools).await;
        work_out_usual(&store, today).await;
        fill_outbox(&store).await;
        store.close().await;
    });
}
