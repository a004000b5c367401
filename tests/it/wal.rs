//! A loss of power: the write-ahead log is cut off or damaged at any place, and the bot starts again.

use std::{
    collections::BTreeMap,
    fs,
    ops::Range,
    path::{Path, PathBuf},
};

use discord_twin::{Fault, What};
use proptest::{
    prelude::RngExt as _,
    test_runner::{RngAlgorithm, TestRng},
};
use rustix::process::Signal;
use sqlx::{Connection as _, SqliteConnection, sqlite::SqliteConnectOptions};
use stipend::{domain::time::Timestamp, store::Store};
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::support::{
    LONG, TestBot, USDC, answer, below_three, market, messages_by_state, pools_of, server, show,
    until, watching,
};

// https://www.sqlite.org/fileformat2.html#the_write_ahead_log
const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;
const FRAME: usize = FRAME_HEADER + 4096;
const SECTOR: usize = 512;

const DATABASE: &str = "stipend.db";
const LOG: &str = "stipend.db-wal";

/// The database with its log, as they lay on the disk at one moment.
#[derive(Debug, Clone)]
struct Disk {
    database: Vec<u8>,
    log: Vec<u8>,
    key: [u8; 32],
}

impl Disk {
    fn of(bot: &TestBot) -> Self {
        let read = |name| fs::read(bot.path(name)).unwrap();
        // The log after the file: what is in both is the same, and nothing is missing.
        let (database, log) = (read(DATABASE), read(LOG));
        Self {
            database,
            log,
            key: read("stipend.key").try_into().unwrap(),
        }
    }

    /// Lays both down as after a loss of power, which leaves no index of the log.
    fn lay(&self, folder: &Path) -> PathBuf {
        fs::write(folder.join(DATABASE), &self.database).unwrap();
        fs::write(folder.join(LOG), &self.log).unwrap();
        drop(fs::remove_file(folder.join("stipend.db-shm")));
        folder.join(DATABASE)
    }

    fn frames(&self) -> usize {
        (self.log.len() - HEADER) / FRAME
    }

    const fn frame(at: usize) -> Range<usize> {
        let start = HEADER + at * FRAME;
        start..start + FRAME
    }

    /// For each commit, how many frames are in the log with it.
    fn commits(&self) -> Vec<usize> {
        let is_commit = |at: &usize| {
            let frame = &self.log[Self::frame(*at)];
            frame[4..8] != [0; 4]
        };
        (0..self.frames())
            .filter(is_commit)
            .map(|at| at + 1)
            .collect()
    }

    fn with_log(&self, log: Vec<u8>) -> Self {
        Self {
            log,
            ..self.clone()
        }
    }
}

/// A folder in memory, where there is one: a thousand databases are made and thrown away.
fn folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() {
        TempDir::new_in(memory).unwrap()
    } else {
        TempDir::new().unwrap()
    }
}

/// What each kind of commit changes, as one text.
const FOUND: &str = "SELECT json_array( \
         (SELECT COUNT(*) FROM batch), (SELECT COUNT(*) FROM reading), \
         (SELECT GROUP_CONCAT(at || ' ' || apy) FROM latest), \
         (SELECT COUNT(*) FROM record), (SELECT COUNT(*) FROM alert), \
         (SELECT GROUP_CONCAT(state) FROM episode), \
         (SELECT GROUP_CONCAT(hex(value)) FROM setting))";

async fn found(database: &Path) -> (String, BTreeMap<String, i64>) {
    let options = SqliteConnectOptions::new().filename(database);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    let sound: String = sqlx::query_scalar("PRAGMA integrity_check")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(sound, "ok");
    let found = sqlx::query_scalar(FOUND)
        .fetch_one(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    (found, messages_by_state(database).await)
}

/// Opens what a loss of power left, as the bot does, and tells what is in it.
async fn reopened(disk: Disk) -> (String, BTreeMap<String, i64>) {
    let folder = folder();
    let path = disk.lay(folder.path());
    let store = Store::open(&path, &disk.key, Timestamp::default())
        .await
        .unwrap_or_else(|error| {
            panic!(
                "{error:?} with {} bytes of the log, head {:02x?}",
                disk.log.len(),
                &disk.log[..disk.log.len().min(32)]
            )
        });
    let found = found(&path).await;
    store.close().await;
    found
}

/// A log of real work: batches, an alert, a notice claimed, sent and settled.
async fn worked() -> Disk {
    let (twin, upstream, mut bot) = watching(market).await;
    bot.signal(Signal::TERM);
    assert_eq!(bot.ends().await.0, Some(0));
    bot.start(&twin, 1).await;
    twin.run(&below_three(USDC)).await.unwrap();
    show(&upstream, market, 2.0).await;
    twin.wait_for_messages(server() + 1, 1, LONG).await.unwrap();
    for step in 0..8 {
        upstream.set(answer(&market(1.5 - f64::from(step) / 10.0)));
        upstream.taken().await;
    }
    let disk = Disk::of(&bot);
    bot.end(&twin);
    disk
}

/// The logs that are left when one is cut off or changed at many places.
fn damaged(disk: &Disk) -> Vec<Vec<u8>> {
    let whole = &disk.log;
    let mut rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut logs = Vec::new();
    for at in 0..disk.frames() {
        let end = Disk::frame(at).end;
        for cut in [end - SECTOR, end, (end + SECTOR).min(whole.len())] {
            logs.push(whole[..cut].to_vec());
        }
    }
    for _ in 0..250 {
        logs.push(whole[..rng.random_range(0..whole.len())].to_vec());
    }
    for _ in 0..250 {
        let mut log = whole.clone();
        let sector = rng.random_range(0..log.len() / SECTOR) * SECTOR;
        log[sector..sector + SECTOR].fill(0);
        logs.push(log);
    }
    while logs.len() < 1_000 || logs.len() % 100 > 0 {
        let mut log = whole.clone();
        let at = rng.random_range(0..log.len());
        log[at] ^= 1 << rng.random_range(0..8);
        logs.push(log);
    }
    logs
}

/// How many frames stand before the first byte that is not as it was written.
fn intact_frames(whole: &[u8], log: &[u8]) -> usize {
    let same = whole
        .iter()
        .zip(log)
        .take_while(|(one, other)| one == other);
    same.count().saturating_sub(HEADER) / FRAME
}

/// F-S04, F-S05: whatever becomes of the log, the database opens, is sound, and holds each commit
/// before the damage and none after it.
#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_log_leaves_the_commits_before_the_damage() {
    const AT_A_TIME: usize = 4;
    let disk = worked().await;
    let commits = disk.commits();
    assert!(commits.len() > 12, "{commits:?}");
    let mut expected = BTreeMap::new();
    for frames in std::iter::once(0).chain(commits) {
        let log = disk.log[..HEADER + frames * FRAME].to_vec();
        expected.insert(frames, reopened(disk.with_log(log)).await);
    }
    let states: Vec<_> = expected.values().collect();
    let kinds = states.windows(2).filter(|pair| pair[0] != pair[1]).count();
    assert!(
        kinds > 10,
        "the commits can hardly be told apart: {states:?}"
    );
    let mut cases = JoinSet::new();
    for log in damaged(&disk) {
        if cases.len() == AT_A_TIME {
            cases.join_next().await.unwrap().unwrap();
        }
        let intact = intact_frames(&disk.log, &log);
        let (_, expected) = expected.range(..=intact).next_back().unwrap();
        let (disk, expected) = (disk.with_log(log), expected.clone());
        cases.spawn(async move { assert_eq!(reopened(disk).await, expected, "{intact} frames") });
    }
    while let Some(case) = cases.join_next().await {
        case.unwrap();
    }
}

/// F-S04: when a message is in the channel, its claim is on the disk, so that a bot that starts from
/// this very moment does not send it again.
#[tokio::test(flavor = "multi_thread")]
async fn a_loss_of_power_after_a_message_finds_its_claim() {
    let (twin, upstream, mut bot) = watching(market).await;
    let channel = server() + 1;
    let unanswered = Fault::on_webhooks(What::Delay(10_000)).after().times(1);
    twin.fault(unanswered);
    let falls = show(&upstream, market, 2.0);
    let (arrived, ()) = tokio::join!(twin.wait_for_messages(channel, 1, LONG), falls);
    arrived.unwrap();
    let disk = Disk::of(&bot);
    bot.kill();
    let database = disk.lay(bot.folder.path());
    let states = messages_by_state(&database).await;
    assert_eq!(states, [("sending".to_owned(), 1)].into());
    bot.start(&twin, 1).await;
    show(&upstream, market, 1.9).await;
    assert_eq!(pools_of(&twin.channel(channel)), [USDC]);
    bot.end(&twin);
}

/// F-S05: a receipt that is lost with a damaged log leaves its message uncertain, and it is not sent
/// again.
#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_that_is_lost_repeats_nothing() {
    let (twin, upstream, mut bot) = watching(market).await;
    let channel = server() + 1;
    show(&upstream, market, 2.0).await;
    twin.wait_for_messages(channel, 1, LONG).await.unwrap();
    until("it is settled", || twin.in_flight() == 0).await;
    upstream.taken().await;
    bot.kill();
    let mut disk = Disk::of(&bot);
    let delivered = [("delivered".to_owned(), 1)].into();
    assert_eq!(messages_by_state(&bot.path(DATABASE)).await, delivered);
    // From the end on, one commit after the other gets a wrong bit, until the receipt is gone.
    for last in disk.commits().into_iter().rev() {
        disk.log[Disk::frame(last - 1).start + FRAME_HEADER] ^= 1;
        let database = disk.lay(bot.folder.path());
        if messages_by_state(&database).await != delivered {
            break;
        }
    }
    let database = disk.lay(bot.folder.path());
    let states = messages_by_state(&database).await;
    assert_eq!(states, [("sending".to_owned(), 1)].into());
    bot.start(&twin, 1).await;
    show(&upstream, market, 1.9).await;
    assert_eq!(pools_of(&twin.channel(channel)), [USDC]);
    let states = messages_by_state(&database).await;
    assert!(!states.contains_key("sending"), "{states:?}");
    bot.end(&twin);
}
