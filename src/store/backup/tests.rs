use super::*;
use crate::{
    delivery::state::State,
    domain::{
        ids::UserId,
        position::{Earns, Holding, Stake, usd},
    },
    market::fixture::{hour, id},
    store::{
        Store,
        market::{BatchRecord, tests::record},
    },
};

const KEY: [u8; 32] = [7; 32];

async fn made(path: &Path) -> Store {
    let store = Store::open(path, &KEY, hour(0)).await.unwrap();
    store.set_setting("kept", b"before").await.unwrap();
    store
}

/// While the bot writes a copy is whole, holds what was committed before it, and nobody else may read it.
#[tokio::test]
async fn a_copy_is_made_while_the_database_is_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let (path, to) = (folder.path().join("stipend.db"), folder.path().join("copy"));
    let store = made(&path).await;
    assert_eq!(last_backup(&path), None);
    backup(&path, &to, hour(1)).await.unwrap();
    assert_eq!(last_backup(&path), Some(hour(1)));
    store.set_setting("kept", b"after").await.unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(to.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
    assert!(matches!(
        backup(&path, &to, hour(2)).await,
        Err(CopyError::Occupied(_))
    ));
    let copy = Store::open(&to, &KEY, hour(2)).await.unwrap();
    assert_eq!(copy.setting("kept").await.unwrap().unwrap(), b"before");
    let absent = folder.path().join("absent.db");
    assert!(matches!(
        backup(&absent, &folder.path().join("other"), hour(2)).await,
        Err(CopyError::NoDatabase(_))
    ));
}

/// F-S14: a copy takes the place of the database, and the next run knows that it is behind the times: it
/// numbers itself above all runs before, looks for what was on its way, and tells nothing that waited.
#[tokio::test]
async fn a_restored_database_knows_that_time_has_passed() {
    let folder = tempfile::tempdir().unwrap();
    let (path, to) = (folder.path().join("stipend.db"), folder.path().join("copy"));
    let store = made(&path).await;
    on_its_way(&store).await;
    backup(&path, &to, hour(1)).await.unwrap();
    store.set_setting("kept", b"after").await.unwrap();
    assert!(matches!(
        restore(&to, &path, &KEY, hour(2)).await,
        Err(RestoreError::Open(OpenError::Lock(_)))
    ));
    store.close().await;
    drop(store);
    for _ in 0..3 {
        Store::open(&path, &KEY, hour(2))
            .await
            .unwrap()
            .close()
            .await;
    }
    let aside = restore(&to, &path, &KEY, hour(3)).await.unwrap().unwrap();
    let store = Store::open(&path, &KEY, hour(3)).await.unwrap();
    assert!(store.is_behind());
    assert_eq!(store.epoch(), 5);
    assert_eq!(store.setting("kept").await.unwrap().unwrap(), b"before");
    let counts = store.outbox_counts().await.unwrap();
    assert_eq!(counts, [(State::Expired, 1), (State::Sending, 1)]);
    store.close().await;
    drop(store);
    let store = Store::open(&path, &KEY, hour(4)).await.unwrap();
    assert!(store.is_behind(), "nothing was heard of the market yet");
    let beside = BatchRecord {
        batch: None,
        ..record(hour(4), Vec::new(), Vec::new())
    };
    store.commit_batch(&beside).await.unwrap();
    store.close().await;
    drop(store);
    let store = Store::open(&path, &KEY, hour(4)).await.unwrap();
    assert!(store.is_behind(), "what is said beside it is not it");
    let counts = store.outbox_counts().await.unwrap();
    assert_eq!(counts, [(State::Expired, 1), (State::Sending, 1)]);
    let batch = record(hour(4), Vec::new(), Vec::new());
    store.commit_batch(&batch).await.unwrap();
    store.close().await;
    drop(store);
    let store = Store::open(&path, &KEY, hour(4)).await.unwrap();
    assert!(!store.is_behind());
    let before = Store::open(&aside, &KEY, hour(4)).await.unwrap();
    assert_eq!(before.setting("kept").await.unwrap().unwrap(), b"after");
}

/// F-S14: who copies a file by hand tells nobody, but the lock beside it remembers the last run.
#[tokio::test]
async fn a_file_that_was_copied_by_hand_is_known_by_the_lock() {
    let folder = tempfile::tempdir().unwrap();
    let (path, to) = (folder.path().join("stipend.db"), folder.path().join("copy"));
    made(&path).await.close().await;
    fs::copy(&path, &to).unwrap();
    for _ in 0..2 {
        let store = Store::open(&path, &KEY, hour(1)).await.unwrap();
        assert!(!store.is_behind());
        store.close().await;
    }
    // Who copies by hand takes away what belongs to the file that was there.
    for ending in ["-wal", "-shm"] {
        remove(&beside(&path, ending)).unwrap();
    }
    fs::copy(&to, &path).unwrap();
    let store = Store::open(&path, &KEY, hour(2)).await.unwrap();
    assert!(store.is_behind());
    assert_eq!(store.epoch(), 4);
}

#[tokio::test]
async fn what_speaks_against_a_copy_is_said_and_nothing_is_changed() {
    let folder = tempfile::tempdir().unwrap();
    let (path, to) = (folder.path().join("stipend.db"), folder.path().join("copy"));
    let store = made(&path).await;
    for key in 0_u8..60 {
        let name = format!("long {key}");
        store.set_setting(&name, &[key; 4000]).await.unwrap();
    }
    backup(&path, &to, hour(1)).await.unwrap();
    store.close().await;
    drop(store);
    let before = fs::read(&path).unwrap();
    assert!(matches!(
        restore(&to, &path, &[8; 32], hour(2)).await,
        Err(RestoreError::OtherKey(_))
    ));
    let mut bytes = fs::read(&to).unwrap();
    let last = bytes.len() - 4096;
    bytes[last..].fill(0x55);
    fs::write(&to, bytes).unwrap();
    assert!(matches!(
        restore(&to, &path, &KEY, hour(2)).await,
        Err(RestoreError::Unsound { .. })
    ));
    fs::write(&to, b"no database at all").unwrap();
    assert!(matches!(
        restore(&to, &path, &KEY, hour(2)).await,
        Err(RestoreError::Foreign(_))
    ));
    assert!(fs::read(&path).unwrap() == before);
}

/// What was erased lives on in copies that nobody asked for, so they go after a month; others stay.
#[tokio::test]
async fn copies_that_were_made_by_themselves_are_removed_after_a_month() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stipend.db");
    made(&path).await.close().await;
    let endings = [
        ".schema-17",
        ".replaced-x",
        ".before-key-reset-2026-02-30T990000Z",
        ".backup",
        ".lock",
    ];
    for ending in &endings[..4] {
        fs::write(beside(&path, ending), b"copy").unwrap();
    }
    let now = fs::metadata(&path).unwrap().modified().unwrap();
    let now = now.duration_since(UNIX_EPOCH).unwrap().as_millis();
    let now = Timestamp::from_millis(i64::try_from(now).unwrap());
    let there = || {
        let there = endings
            .iter()
            .filter(|ending| beside(&path, ending).exists());
        there.copied().collect::<Vec<_>>()
    };
    forget_copies(&path, now);
    assert_eq!(there(), endings);
    forget_copies(&path, now.plus(COPIES.0).plus(COPIES.0));
    assert_eq!(there(), [".backup", ".lock"]);
    assert!(path.exists());
}

/// As when the machine lost power in the middle: what is there may lack its log, so nobody starts on it.
#[tokio::test]
async fn a_restore_that_was_interrupted_is_completed_before_any_start() {
    let folder = tempfile::tempdir().unwrap();
    let (path, to) = (folder.path().join("stipend.db"), folder.path().join("copy"));
    made(&path).await.close().await;
    backup(&path, &to, hour(1)).await.unwrap();
    fs::write(beside(&path, RESTORING), b"whole").unwrap();
    fs::remove_file(&path).unwrap();
    assert!(matches!(
        Store::open(&path, &KEY, hour(2)).await,
        Err(OpenError::HalfRestored(_))
    ));
    assert!(!path.exists());
    assert_eq!(restore(&to, &path, &KEY, hour(2)).await.unwrap(), None);
    assert!(Store::open(&path, &KEY, hour(3)).await.unwrap().is_behind());
}

/// As when the disk is full, or the machine loses power, before the database was touched: the next start is
/// as if nobody had tried. Here the backup lacks a table, which is noticed once it was copied.
#[tokio::test]
async fn a_restore_that_fails_before_the_database_is_touched_leaves_nothing_in_its_way() {
    let folder = tempfile::tempdir().unwrap();
    let (path, to) = (folder.path().join("stipend.db"), folder.path().join("copy"));
    made(&path).await.close().await;
    let options = SqliteConnectOptions::new()
        .filename(&to)
        .create_if_missing(true);
    let mut foreign = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::query("CREATE TABLE _sqlx_migrations (version INTEGER)")
        .execute(&mut foreign)
        .await
        .unwrap();
    foreign.close().await.unwrap();
    let before = fs::read(&path).unwrap();
    assert!(matches!(
        restore(&to, &path, &KEY, hour(2)).await,
        Err(RestoreError::NoCopy { .. })
    ));
    assert!(fs::read(&path).unwrap() == before);
    let left = fs::read_dir(folder.path()).unwrap();
    let mut left: Vec<_> = left.map(|file| file.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["copy", "stipend.db", "stipend.db.lock"]);
    fs::write(beside(&path, PART), b"half").unwrap();
    let store = Store::open(&path, &KEY, hour(3)).await.unwrap();
    assert_eq!(store.setting("kept").await.unwrap().unwrap(), b"before");
    assert!(!store.is_behind());
}

/// What a bot that was killed had committed may lie in the log alone, and is part of what is put back, with or
/// without the index of that log.
#[tokio::test]
async fn what_lies_in_the_log_of_a_backup_is_restored_with_it() {
    for endings in [&["", "-wal", "-shm"][..], &["", "-wal"]] {
        let folder = tempfile::tempdir().unwrap();
        let (path, to) = (folder.path().join("stipend.db"), folder.path().join("copy"));
        let store = made(&path).await;
        for ending in endings {
            fs::copy(beside(&path, ending), beside(&to, ending)).unwrap();
        }
        let file = fs::read(&to).unwrap();
        assert!(!file.windows(6).any(|window| window == b"before"));
        store.set_setting("kept", b"after").await.unwrap();
        store.close().await;
        drop(store);
        restore(&to, &path, &KEY, hour(2)).await.unwrap().unwrap();
        assert!(fs::read(&to).unwrap() == file, "the backup stays as it is");
        let store = Store::open(&path, &KEY, hour(3)).await.unwrap();
        assert_eq!(store.setting("kept").await.unwrap().unwrap(), b"before");
    }
}

/// A bot that was off for months has old files. What was set aside of it goes a month after that, and its log
/// not before it.
#[tokio::test]
async fn what_was_set_aside_is_as_old_as_its_name_says() {
    let folder = tempfile::tempdir().unwrap();
    let (path, to) = (folder.path().join("stipend.db"), folder.path().join("copy"));
    let store = made(&path).await;
    backup(&path, &to, hour(1)).await.unwrap();
    store.close().await;
    drop(store);
    fs::write(beside(&path, "-wal"), b"").unwrap();
    let aside = restore(&to, &path, &KEY, hour(2)).await.unwrap().unwrap();
    let files = [aside.clone(), beside(&aside, "-wal")];
    for (file, age) in files.iter().zip([90, 60]) {
        let then = UNIX_EPOCH + crate::domain::time::Span::days(age).0;
        let file = File::options().write(true).open(file).unwrap();
        file.set_modified(then).unwrap();
    }
    let there = || files.iter().filter(|file| file.exists()).count();
    forget_copies(
        &path,
        hour(2)
            .plus(COPIES.0)
            .minus(std::time::Duration::from_secs(1)),
    );
    assert_eq!(there(), 2);
    forget_copies(&path, hour(2).plus(COPIES.0));
    assert_eq!(there(), 0);
    assert!(path.exists() && to.exists());
}

/// One notice that waits, and one whose post is about to be sent.
async fn on_its_way(store: &Store) {
    const PLACE: &str = "INSERT INTO destination (guild_id, channel_id, state, changed_at) VALUES (1, 2, 'ready', 0)";
    const POST: &str = "INSERT INTO post (destination_id, notices, marker, nonce, payload, created_at, not_after, \
         state, due_at) VALUES (1, 1, 'm', 'n', '{}', 0, 9999999999999, 'pending', 0)";
    const NOTICES: &str = "INSERT INTO outbox (dedup_key, destination_id, alert_id, alert_version, edge, urgency, \
         payload, summary, created_at, not_before, not_after, state, post_id) \
         VALUES (x'01', 1, 0, 0, 'opened', 1, '{}', '', 0, 0, 9999999999999, 'pending', NULL), \
                (x'02', 1, 0, 0, 'opened', 1, '{}', '', 0, 0, 9999999999999, 'pending', 1)";
    for sql in [PLACE, POST, NOTICES] {
        sqlx::query(sql).execute(&store.writer).await.unwrap();
    }
}

/// F-S14: who used what they keep since the copy was made is not known to have: nobody goes before they are warned
/// once more.
#[tokio::test]
async fn a_restore_erases_nobody_by_what_it_does_not_know() {
    let folder = tempfile::tempdir().unwrap();
    let (path, to) = (folder.path().join("stipend.db"), folder.path().join("copy"));
    let store = made(&path).await;
    let person = UserId(5);
    store.agree(person, hour(0)).await.unwrap();
    let earns = Earns::Pool {
        id: id(1),
        called: String::new(),
    };
    let held = Stake::new(Holding::Worth(usd("12".parse().unwrap())), earns);
    store
        .add_positions(person, &[held], 9, hour(0))
        .await
        .unwrap()
        .unwrap();
    let day = |count: i64| hour(24 * count);
    store.note_warned(person, day(150)).await.unwrap();
    backup(&path, &to, day(170)).await.unwrap();
    store.close().await;
    drop(store);
    restore(&to, &path, &KEY, day(181)).await.unwrap();
    let store = Store::open(&path, &KEY, day(181)).await.unwrap();
    assert_eq!(store.erase_unused(day(181)).await.unwrap(), 0);
    assert_eq!(store.people_to_warn(day(181)).await.unwrap().len(), 1);
    assert_eq!(store.erase_unused(day(300)).await.unwrap(), 0);
    store.note_warned(person, day(182)).await.unwrap();
    assert_eq!(store.erase_unused(day(211)).await.unwrap(), 0);
    assert_eq!(store.erase_unused(day(212)).await.unwrap(), 1);
}

/// F-S14: whoever moved a damaged database away and left its log finds that log set aside by a restore. `SQLite`
/// would take it for the backup's, and undo the restore with it. No start touches such a log either.
#[tokio::test]
async fn a_log_without_its_database_is_kept_from_any_other() {
    let folder = tempfile::tempdir().unwrap();
    let (path, to) = (folder.path().join("stipend.db"), folder.path().join("copy"));
    let store = made(&path).await;
    backup(&path, &to, hour(1)).await.unwrap();
    store.set_setting("kept", b"after").await.unwrap();
    let log = beside(&path, "-wal");
    let left = fs::read(&log).unwrap();
    assert!(left.windows(5).any(|window| window == b"after"));
    store.close().await;
    drop(store);
    fs::remove_file(&path).unwrap();
    fs::write(&log, &left).unwrap();
    for empty in [false, true] {
        if empty {
            fs::write(&path, b"").unwrap();
        }
        assert!(matches!(
            Store::open(&path, &KEY, hour(2)).await,
            Err(OpenError::LogAlone(_))
        ));
        assert!(fs::read(&log).unwrap() == left, "it is as it was");
    }
    fs::remove_file(&path).unwrap();
    assert_eq!(restore(&to, &path, &KEY, hour(2)).await.unwrap(), None);
    let aside = beside(&made_now(&path, REPLACED, hour(2)), "-wal");
    assert!(fs::read(aside).unwrap() == left, "it is set aside");
    let store = Store::open(&path, &KEY, hour(3)).await.unwrap();
    assert!(store.is_behind());
    assert_eq!(store.setting("kept").await.unwrap().unwrap(), b"before");
}
