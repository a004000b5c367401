use std::{collections::BTreeMap, fs};

use super::*;
use crate::store::ALARMING_LOG;
use crate::{
    domain::{
        ids::UserId,
        position::{Earns, Holding, Stake, usd},
        rate::Percent,
    },
    market::fixture::{hour, id},
};

const KEY: [u8; 32] = [7; 32];

fn stake() -> Stake {
    let earns = Earns::Pool {
        id: id(1),
        called: String::new(),
    };
    Stake::new(Holding::Worth(usd("12".parse().unwrap())), earns)
}

async fn add(store: &Store, stake: &Stake) -> Result<(), StoreError> {
    let stakes = std::slice::from_ref(stake);
    let added = store
        .add_positions(UserId(5), stakes, 10_000, hour(0))
        .await?;
    assert!(added.is_ok());
    Ok(())
}

/// A database with a person and a position, closed, so that all of it is in the one file.
async fn made(folder: &Path) -> PathBuf {
    let path = folder.join("stipend.db");
    let store = Store::open(&path, &KEY, hour(0)).await.unwrap();
    assert_eq!(store.epoch(), 1);
    store.agree(UserId(5), hour(0)).await.unwrap();
    add(&store, &stake()).await.unwrap();
    store.close().await;
    path
}

/// The folder with the bytes of all that is in it.
fn disk(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries = fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect()
}

async fn refused(path: &Path, key: &[u8; 32]) -> OpenError {
    let folder = path.parent().unwrap();
    let before = disk(folder);
    let error = Store::open(path, key, hour(1)).await.unwrap_err();
    assert!(disk(folder) == before, "what is refused changes nothing");
    error
}

/// As after a kill: the newest pages are in the log beside the database, in a folder whose name is
/// full of what has a meaning in a URI.
#[tokio::test]
async fn looking_at_what_a_kill_left_changes_nothing_and_sees_the_newest() {
    let folder = tempfile::tempdir().unwrap();
    let (live, killed) = (folder.path().join("live"), folder.path().join("ä b#c?d%20"));
    fs::create_dir(&live).unwrap();
    fs::create_dir(&killed).unwrap();
    let store = Store::open(&live.join("stipend.db"), &KEY, hour(0))
        .await
        .unwrap();
    for (path, bytes) in disk(&live) {
        fs::write(killed.join(path.file_name().unwrap()), bytes).unwrap();
    }
    drop(store);
    let path = killed.join("stipend.db");
    let before = disk(&killed);
    assert_eq!(before.len(), 4, "{:?}", before.keys());
    Store::check(&path, None).await.unwrap();
    assert!(disk(&killed) == before);
    assert!(matches!(
        refused(&path, &[8; 32]).await,
        OpenError::WrongKey(_)
    ));
    // Without its index the log is still read, and not taken for none.
    fs::remove_file(killed.join("stipend.db-shm")).unwrap();
    assert!(matches!(
        Store::open(&path, &[8; 32], hour(1)).await,
        Err(OpenError::WrongKey(_))
    ));
    let store = Store::open(&path, &KEY, hour(1)).await.unwrap();
    assert_eq!(store.epoch(), 2);
}

#[tokio::test]
async fn each_run_begins_an_epoch_and_finds_what_was_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = made(folder.path()).await;
    let store = Store::open(&path, &KEY, hour(1)).await.unwrap();
    assert_eq!(store.epoch(), 2);
    assert_eq!(store.positions(UserId(5)).await.unwrap().len(), 1);
}

#[tokio::test]
async fn another_key_is_refused_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = made(folder.path()).await;
    assert!(matches!(
        refused(&path, &[8; 32]).await,
        OpenError::WrongKey(_)
    ));
    let store = Store::open(&path, &KEY, hour(1)).await.unwrap();
    assert_eq!(store.epoch(), 2, "the refused run was none");
}

#[tokio::test]
async fn a_schema_from_a_later_version_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = made(folder.path()).await;
    let options = SqliteConnectOptions::new().filename(&path);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::query("UPDATE _sqlx_migrations SET version = 99999999999999 WHERE version = 1")
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    let error = refused(&path, &KEY).await;
    assert!(
        matches!(
            error,
            OpenError::NewerSchema {
                found: 99_999_999_999_999,
                ..
            }
        ),
        "{error}"
    );
}

#[tokio::test]
async fn what_is_no_database_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stipend.db");
    for bytes in [b"not a database at all".as_slice(), b"SQLite", b"\0"] {
        fs::write(&path, bytes).unwrap();
        let error = refused(&path, &KEY).await;
        assert!(matches!(error, OpenError::NotADatabase(_)), "{error}");
    }
}

#[tokio::test]
async fn a_database_that_was_cut_off_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = made(folder.path()).await;
    let whole = fs::read(&path).unwrap();
    for length in [16, 90, 100, 4096, whole.len() / 2] {
        fs::write(&path, &whole[..length]).unwrap();
        let error = refused(&path, &KEY).await;
        assert!(
            matches!(error, OpenError::Damaged { .. }),
            "{length}: {error}"
        );
    }
}

#[tokio::test]
async fn a_damaged_page_of_a_small_table_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = made(folder.path()).await;
    let options = SqliteConnectOptions::new().filename(&path).read_only(true);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    let root: u32 =
        sqlx::query_scalar("SELECT rootpage FROM sqlite_schema WHERE name = 'position'")
            .fetch_one(&mut connection)
            .await
            .unwrap();
    connection.close().await.unwrap();
    let mut bytes = fs::read(&path).unwrap();
    let start = (root as usize - 1) * 4096;
    bytes[start..start + 64].fill(0xa5);
    fs::write(&path, &bytes).unwrap();
    let error = refused(&path, &KEY).await;
    assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
    assert!(matches!(
        Store::check(&path, None).await,
        Err(OpenError::Damaged { .. })
    ));
    assert_eq!(fs::read(&path).unwrap(), bytes);
}

#[tokio::test]
async fn an_empty_file_becomes_a_database() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stipend.db");
    fs::write(&path, b"").unwrap();
    assert_eq!(Store::open(&path, &KEY, hour(0)).await.unwrap().epoch(), 1);
}

#[tokio::test]
async fn settings_are_kept_by_name_and_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("stipend.db"), &KEY, hour(0))
        .await
        .unwrap();
    assert_eq!(store.setting("a").await.unwrap(), None);
    store.set_setting("a", b"1").await.unwrap();
    store.set_setting("a", b"2").await.unwrap();
    assert_eq!(
        store.setting("a").await.unwrap().as_deref(),
        Some(b"2".as_slice())
    );
}

/// Earlier ones lose committed pages when a write-ahead log is reset (3.7.0 to 3.51.2; F-S18).
#[tokio::test]
async fn the_linked_sqlite_has_the_fix_for_the_reset_of_its_log() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("stipend.db"), &KEY, hour(0))
        .await
        .unwrap();
    let version = store.sqlite_version().await.unwrap();
    let parts: Vec<u32> = version
        .split('.')
        .map(|part| part.parse().unwrap())
        .collect();
    assert!(parts >= vec![3, 51, 3], "{version}");
}

/// A message is only sent once its claim outlives a loss of power (F-S04), and only the writer moves
/// pages from the log into the file (F-S18).
#[tokio::test]
async fn commits_outlive_a_loss_of_power_and_only_the_writer_checkpoints() {
    const FULL: i64 = 2;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stipend.db");
    let store = Store::open(&path, &KEY, hour(0)).await.unwrap();
    let synchronous: i64 = sqlx::query_scalar("PRAGMA synchronous")
        .fetch_one(&store.writer)
        .await
        .unwrap();
    assert_eq!(synchronous, FULL);
    let journal: String = sqlx::query_scalar("PRAGMA journal_mode")
        .fetch_one(&store.writer)
        .await
        .unwrap();
    assert_eq!(journal, "wal");
    let before = fs::read(&path).unwrap();
    let by_reader = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
        .fetch_all(&store.readers)
        .await;
    assert!(by_reader.is_err(), "a reader may not checkpoint");
    assert!(fs::read(&path).unwrap() == before);
    store.checkpoint().await.unwrap();
    assert!(fs::read(&path).unwrap() == before, "the log is short");
    let long = vec![7; usize::try_from(crate::store::LONG_LOG).unwrap()];
    store.set_setting("long", &long).await.unwrap();
    assert!(
        fs::read(&path).unwrap() == before,
        "a commit is not held up"
    );
    store.checkpoint().await.unwrap();
    assert!(fs::read(&path).unwrap() != before);
}

/// A database of an older schema in which this was written, opened by this version.
async fn migrated(folder: &Path, schema: i64, written: &[&'static str]) -> Store {
    let path = folder.join("stipend.db");
    let options = SqliteConnectOptions::new()
        .filename(&path)
        .create_if_missing(true);
    let mut old = SqliteConnection::connect_with(&options).await.unwrap();
    MIGRATIONS.run_to(schema, &mut old).await.unwrap();
    for sql in written {
        sqlx::query(*sql).execute(&mut old).await.unwrap();
    }
    old.close().await.unwrap();
    Store::open(&path, &KEY, hour(0)).await.unwrap()
}

/// What was written before readings lay by time is all there after it.
#[tokio::test]
async fn an_older_database_keeps_its_market() {
    const BEFORE: [&str; 3] = [
        "INSERT INTO batch (source, fetched_at, digest, pools, skipped, conflicting, state) \
         VALUES ('DefiLlama', 9000, x'00', 1, 0, 0, 'good')",
        "INSERT INTO pool (no, id, chain, protocol, symbol, method, stablecoin, multi_asset, impermanent_loss, \
             underlying, at, own_time, apy, tvl_usd, unchanged_since, data_state, trusted_at) \
         VALUES (1, x'00000000000000000000000000000001', 'Base', 'aave-v3', 'USDC', 'lending', 1, 0, 0, \
             '', 9000, 0, 90.0, 5e6, 9000, 'suspect', 8000)",
        "INSERT INTO reading (pool_no, at, apy, tvl_usd, verdict, previous_until) \
         VALUES (1, 1000, 4.0, 6e6, 'mixed', NULL), (1, 5000, 5.0, 6e6, 'mixed', 4000)",
    ];
    let folder = tempfile::tempdir().unwrap();
    let store = migrated(folder.path(), 2, &BEFORE).await;
    let listing = store.listings().await.unwrap().remove(0);
    let trusted = listing.trusted.unwrap();
    assert_eq!((listing.no, &*listing.pool.symbol), (1, "USDC"));
    assert_eq!(Some(listing.reading.apy), Percent::new(90.0));
    assert_eq!((trusted.apy.get(), trusted.at.millis()), (5.0, 8000));
    let stretches = store
        .stretches(&[1], Timestamp::default())
        .await
        .unwrap()
        .remove(&1)
        .unwrap();
    let told: Vec<_> = stretches
        .iter()
        .map(|stretch| (stretch.until.millis(), stretch.apy.get()))
        .collect();
    assert_eq!(told, [(4000, 4.0), (5000, 5.0)]);
}

/// Alerts that were removed before kept the name of who made them; those in use keep it still.
#[tokio::test]
async fn removed_alerts_of_an_older_database_name_nobody() {
    const BEFORE: &str = "INSERT INTO alert (id, guild_id, channel_id, rule, version, created_by, created_at, removed_at) \
         VALUES (1, 1, 2, '', 1, 5, 1000, 2000), (2, 1, 2, '', 1, 5, 1000, NULL)";
    let folder = tempfile::tempdir().unwrap();
    let store = migrated(folder.path(), 4, &[BEFORE]).await;
    let makers: Vec<(i64, i64)> = sqlx::query_as("SELECT id, created_by FROM alert ORDER BY id")
        .fetch_all(&store.readers)
        .await
        .unwrap();
    assert_eq!(makers, [(1, 0), (2, 5)]);
}

/// F-S06: with a full disk each transaction is refused as a whole, the store says so, and it writes
/// again as soon as there is room.
#[tokio::test]
async fn a_full_disk_refuses_whole_transactions_until_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("stipend.db"), &KEY, hour(0))
        .await
        .unwrap();
    store.agree(UserId(5), hour(0)).await.unwrap();
    let stake = Stake {
        note: Some("n".repeat(200)),
        ..stake()
    };
    // A limit below the present size is that size. It holds for this connection alone, and the one that
    // takes its place finds room.
    sqlx::query("PRAGMA max_page_count = 1")
        .execute(&store.writer)
        .await
        .unwrap();
    let mut stored = 0;
    let refused = loop {
        match add(&store, &stake).await {
            Ok(()) => stored += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, StoreError::Unwritable(_)), "{refused}");
    assert!(!*store.kept().borrow());
    assert_eq!(store.positions(UserId(5)).await.unwrap().len(), stored);
    add(&store, &stake).await.unwrap();
    assert!(*store.kept().borrow());
    assert_eq!(store.positions(UserId(5)).await.unwrap().len(), stored + 1);
}

/// F-S13: while somebody reads, the log cannot be brought home; that is told once it is long. When they have
/// done, it is used anew and cut back.
#[tokio::test]
async fn a_long_reader_is_told_of_and_the_log_is_cut_back_after_it() {
    let log = tempfile::NamedTempFile::new().unwrap();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(std::sync::Arc::new(log.reopen().unwrap()))
        .finish();
    let _logging = tracing::subscriber::set_default(subscriber);
    let warned = || {
        let said = fs::read_to_string(log.path()).unwrap();
        said.matches("cannot be brought home").count()
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stipend.db");
    let store = Store::open(&path, &KEY, hour(0)).await.unwrap();
    let options = SqliteConnectOptions::new().filename(&path).read_only(true);
    let mut reader = SqliteConnection::connect_with(&options).await.unwrap();
    let mut reading = reader.begin().await.unwrap();
    let there: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM instance")
        .fetch_one(&mut *reading)
        .await
        .unwrap();
    assert_eq!(there, 1);

    for round in 0..12 {
        assert_eq!(warned(), 0, "it is not long yet");
        // The same bytes once more would not be written.
        let page = vec![round; 8 << 20];
        store.set_setting("page", &page).await.unwrap();
        if store.lengths().log > ALARMING_LOG {
            break;
        }
        store.checkpoint().await.unwrap();
    }
    assert!(store.lengths().log > ALARMING_LOG, "{:?}", store.lengths());
    store.checkpoint().await.unwrap();
    store.checkpoint().await.unwrap();
    assert_eq!(warned(), 2, "as long as it lasts");

    reading.rollback().await.unwrap();
    store.checkpoint().await.unwrap();
    // The first commit after it begins the log anew.
    store.set_setting("page", b"short").await.unwrap();
    let kept: u64 = LOG_KEPT.parse().unwrap();
    assert!(store.lengths().log <= kept, "{:?}", store.lengths());
    store.checkpoint().await.unwrap();
    assert_eq!(warned(), 2, "all is well again");
}
