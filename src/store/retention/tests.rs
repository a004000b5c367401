use std::path::Path;

use super::*;
use crate::{
    domain::{
        ids::Home,
        position::{Earns, Holding, Stake, usd},
        time::Day,
    },
    market::fixture::{hour, id},
};

const GUILD: GuildId = GuildId(40);

async fn open(folder: &Path) -> Store {
    let path = folder.join("stipend.db");
    Store::open(&path, &[7; 32], hour(0)).await.unwrap()
}

fn day(count: u64) -> Timestamp {
    hour(0).plus(Span::days(count).0)
}

async fn run(store: &Store, statements: &[&'static str]) {
    for sql in statements {
        sqlx::query(*sql).execute(&store.writer).await.unwrap();
    }
}

async fn count(store: &Store, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql)
        .fetch_one(&store.readers)
        .await
        .unwrap()
}

/// A server with two alerts, of which the second one's episode is open, and a post of each: delivered at the
/// fixture's first hour. A third post was never delivered, and a notice was superseded.
async fn told(store: &Store) {
    let at = hour(0).millis();
    run(
        store,
        &[
            "INSERT INTO destination (guild_id, channel_id, state, changed_at) VALUES (40, 72, 'ready', 0)",
            "INSERT INTO alert (id, guild_id, channel_id, rule, version, created_by, created_at) \
             VALUES (1, 40, 72, '{}', 1, 0, 0), (2, 40, 72, '{}', 1, 0, 0)",
            "INSERT INTO server (guild_id, settings) VALUES (40, '{}')",
            "INSERT INTO audit (guild_id, at, person, deed) VALUES (40, 0, 0, 'x')",
        ],
    )
    .await;
    sqlx::query(
        "INSERT INTO episode (alert_id, pool, state) VALUES \
         (1, x'01', '{\"number\":1,\"phase\":{\"phase\":\"quiet\"}}'), \
         (2, x'01', json_object('number', 1, 'phase', json_object('phase', 'open', 'opened_at', $1)))",
    )
    .bind(at)
    .execute(&store.writer)
    .await
    .unwrap();
    for (post, state) in [(1, "delivered"), (2, "delivered"), (3, "dead")] {
        sqlx::query(
            "INSERT INTO post (id, destination_id, notices, marker, nonce, payload, created_at, not_after, state, \
                 delivered_at) VALUES ($1, 1, 1, 'm', 'n', '{}', $2, 0, $3, $2)",
        )
        .bind(post)
        .bind(at)
        .bind(state)
        .execute(&store.writer)
        .await
        .unwrap();
    }
    for (entry, alert, post, state) in [
        (1, 1, Some(1), "pending"),
        (2, 2, Some(2), "pending"),
        (3, 1, Some(3), "pending"),
        (4, 1, None, "superseded"),
        (5, 1, None, "pending"),
    ] {
        sqlx::query(
            "INSERT INTO outbox (dedup_key, destination_id, alert_id, alert_version, pool, edge, urgency, payload, \
                 summary, created_at, not_before, not_after, state, post_id) \
             VALUES (CAST($1 AS BLOB), 1, $2, 1, x'01', 'opened', 1, '{}', 's', $3, 0, 0, $4, $5)",
        )
        .bind(entry)
        .bind(alert)
        .bind(at)
        .bind(state)
        .bind(post)
        .execute(&store.writer)
        .await
        .unwrap();
    }
}

/// F-L07: words go after a week, the message after a month, what was never told after three, and nothing of an
/// episode that is open or of what is still to be told.
#[tokio::test]
async fn messages_go_in_their_time_and_those_of_open_episodes_stay() {
    const WITH_WORDS: &str = "SELECT COUNT(*) FROM post WHERE payload <> ''";
    const POSTS: &str = "SELECT COUNT(*) FROM post";
    const NOTICES: &str = "SELECT COUNT(*) FROM outbox";
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    told(&store).await;
    let swept = async |days| {
        let swept = store.sweep_messages(day(days)).await.unwrap();
        (swept.texts, swept.messages)
    };
    assert_eq!(swept(6).await, (0, 0));
    assert_eq!(swept(8).await, (1, 0));
    assert_eq!(count(&store, WITH_WORDS).await, 2);
    assert_eq!(swept(8).await, (0, 0), "doing it again changes nothing");
    assert_eq!(swept(31).await, (0, 1));
    assert_eq!(
        (count(&store, POSTS).await, count(&store, NOTICES).await),
        (2, 4)
    );
    assert_eq!(swept(91).await, (0, 2));
    assert_eq!(
        (count(&store, POSTS).await, count(&store, NOTICES).await),
        (1, 2)
    );
    run(&store, &["UPDATE alert SET removed_at = 1 WHERE id = 2"]).await;
    assert_eq!(
        swept(91).await,
        (1, 1),
        "a removed alert keeps nothing open"
    );
    assert_eq!(
        (count(&store, POSTS).await, count(&store, NOTICES).await),
        (0, 1)
    );
}

/// An episode ends while its channel takes nothing: the message that told it keeps its words, since it is yet to
/// say that, but not for ever.
#[tokio::test]
async fn a_message_that_waits_to_be_edited_keeps_its_words() {
    const WITH_WORDS: &str = "SELECT COUNT(*) FROM post p JOIN outbox o ON o.post_id = p.id WHERE p.id = 2 AND p.payload <> '' \
         AND o.payload <> ''";
    const TO_EDIT: &str = "SELECT COUNT(*) FROM post WHERE edit_at IS NOT NULL";
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    told(&store).await;
    run(
        &store,
        &["UPDATE episode SET state = '{\"number\":1,\"phase\":{\"phase\":\"quiet\"}}' WHERE alert_id = 2"],
    )
    .await;
    sqlx::query("UPDATE post SET edit_at = $1 WHERE id = 2")
        .bind(day(40).millis())
        .execute(&store.writer)
        .await
        .unwrap();
    for days in [41, 100, 129] {
        store.sweep_messages(day(days)).await.unwrap();
        assert_eq!(count(&store, WITH_WORDS).await, 1, "{days}");
    }
    assert_eq!(count(&store, TO_EDIT).await, 1);
    store.sweep_messages(day(130)).await.unwrap();
    assert_eq!(count(&store, WITH_WORDS).await, 0);
    assert_eq!(count(&store, TO_EDIT).await, 0);
}

/// F-D07: who removes the bot finds everything as it was for a month, however often that is told, and nothing
/// after it. Who is back is back.
#[tokio::test]
async fn a_server_that_was_left_is_forgotten_after_a_month() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    told(&store).await;
    assert_eq!(store.known_servers().await.unwrap(), [GUILD]);
    store.note_left(GUILD, day(0)).await.unwrap();
    store.note_left(GUILD, day(20)).await.unwrap();
    assert_eq!(store.servers_to_forget(day(29)).await.unwrap(), []);
    store.close().await;
    drop(store);
    // Who was left is known to the next run as well.
    let store = open(folder.path()).await;
    assert!(store.note_present(GUILD).await.unwrap());
    assert!(!store.note_present(GUILD).await.unwrap());
    assert_eq!(store.servers_to_forget(day(300)).await.unwrap(), []);
    store.note_left(GUILD, day(100)).await.unwrap();
    assert_eq!(store.servers_to_forget(day(130)).await.unwrap(), [GUILD]);
    store.erase_server(GUILD).await.unwrap();
    assert_eq!(store.known_servers().await.unwrap(), []);
    assert_eq!(store.servers_to_forget(day(300)).await.unwrap(), []);
    for table in [
        "SELECT COUNT(*) FROM outbox",
        "SELECT COUNT(*) FROM post",
        "SELECT COUNT(*) FROM episode",
        "SELECT COUNT(*) FROM audit",
    ] {
        assert_eq!(count(&store, table).await, 0, "{table}");
    }
}

async fn person(store: &Store, user: u64, entries: usize, watches: usize) -> UserId {
    use crate::domain::{
        episode::Timing,
        ledger::{Entry, Kind},
        watch::{Watch, What},
    };
    let user = UserId(user);
    store.agree(user, day(0)).await.unwrap();
    let earns = Earns::Pool {
        id: id(1),
        called: String::new(),
    };
    let stake = Stake::new(Holding::Worth(usd("12".parse().unwrap())), earns);
    let kept = store.add_positions(user, &[stake], 9, day(0)).await;
    kept.unwrap().unwrap();
    let entry = Entry::new(day(0), Kind::Staking, "ETH", "1".parse().unwrap());
    let kept = store
        .add_entries(user, &vec![entry; entries], 9, day(0))
        .await;
    kept.unwrap().unwrap();
    for _ in 0..watches {
        let watch = Watch::new(What::Goal, Timing::default(), day(0));
        let kept = store.add_watch(user, &watch, 9, day(0)).await;
        kept.unwrap().unwrap();
    }
    user
}

/// What goes unused is erased after half a year, and only once a warning has reached its owner a month before:
/// never a ledger, and nothing of whoever has something watched.
#[tokio::test]
async fn nothing_unused_goes_without_a_warning_that_arrived() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let silent = person(&store, 1, 0, 0).await;
    let ledger = person(&store, 2, 3, 0).await;
    let watcher = person(&store, 3, 0, 1).await;
    let unreached = person(&store, 4, 0, 0).await;
    let active = person(&store, 5, 0, 0).await;
    assert_eq!(store.people_to_warn(day(149)).await.unwrap(), []);
    store.note_use(active, day(140)).await.unwrap();
    let mut warned: Vec<UserId> = store
        .people_to_warn(day(150))
        .await
        .unwrap()
        .into_iter()
        .map(|unused| unused.person)
        .collect();
    warned.sort();
    assert_eq!(warned, [silent, ledger, unreached]);
    for person in [silent, ledger] {
        store.note_warned(person, day(160)).await.unwrap();
    }
    assert_eq!(store.people_to_warn(day(170)).await.unwrap().len(), 1);
    assert_eq!(
        store.erase_unused(day(189)).await.unwrap(),
        0,
        "a month after the warning"
    );
    assert_eq!(store.erase_unused(day(190)).await.unwrap(), 2);
    assert_eq!(store.erase_unused(day(190)).await.unwrap(), 0);
    assert!(!store.agreed(silent).await.unwrap());
    assert!(store.agreed(ledger).await.unwrap());
    assert_eq!(store.positions(ledger).await.unwrap(), []);
    assert_eq!(store.entries(ledger).await.unwrap().len(), 3);
    for person in [watcher, unreached, active] {
        assert_eq!(store.positions(person).await.unwrap().len(), 1);
    }
    assert_eq!(store.erase_unused(day(2_000)).await.unwrap(), 0);
}

/// That somebody has agreed, and the direct messages that were opened for it, go with half a year in which they
/// kept nothing. There is nothing of which a warning could tell.
#[tokio::test]
async fn who_agreed_and_keeps_nothing_is_forgotten_without_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let (empty, active) = (UserId(1), UserId(2));
    let full = [
        person(&store, 3, 0, 0).await,
        person(&store, 4, 1, 0).await,
        person(&store, 5, 0, 1).await,
    ];
    for person in [empty, active] {
        store.agree(person, day(0)).await.unwrap();
    }
    for person in full {
        let held = store.positions(person).await.unwrap();
        store.remove_position(person, held[0].id).await.unwrap();
    }
    sqlx::query(
        "INSERT INTO destination (guild_id, person, channel_id, state, changed_at) VALUES (0, $1, 9, 'ready', 0)",
    )
    .bind(store.keyring.blind(empty))
    .execute(&store.writer)
    .await
    .unwrap();
    store.note_use(active, day(100)).await.unwrap();
    assert_eq!(store.people_to_warn(day(179)).await.unwrap(), []);
    assert_eq!(store.erase_unused(day(179)).await.unwrap(), 0);
    assert_eq!(store.erase_unused(day(180)).await.unwrap(), 2);
    assert_eq!(store.destination_of(empty).await.unwrap(), None);
    let mut left = Vec::new();
    for person in [empty, active].into_iter().chain(full) {
        left.push(store.agreed(person).await.unwrap());
    }
    assert_eq!(left, [false, true, false, true, true]);
}

/// Whoever comes back in time begins a new half year, and is warned anew at its end.
#[tokio::test]
async fn a_use_takes_the_warning_back() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let person = person(&store, 1, 0, 0).await;
    store.note_warned(person, day(151)).await.unwrap();
    store.note_use(person, day(170)).await.unwrap();
    assert_eq!(store.erase_unused(day(300)).await.unwrap(), 0);
    let again = store.people_to_warn(day(320)).await.unwrap();
    assert_eq!(again.len(), 1);
    assert_eq!(again[0].used_at, day(170));
    assert_eq!(day(170).day(), Day(day(0).day().0 + 170));
}

/// Who comes back while others are erased keeps what they have, though they were found to be gone.
#[tokio::test]
async fn who_comes_back_in_the_last_moment_keeps_everything() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let back = person(&store, 1, 0, 0).await;
    store.note_warned(back, day(160)).await.unwrap();
    let blind = store.keyring.blind(back);
    store.note_use(back, day(190)).await.unwrap();
    assert!(!store.erase_if_unused(blind, day(190)).await.unwrap());
    assert_eq!(store.positions(back).await.unwrap().len(), 1);
    assert!(*store.kept().borrow());
    assert!(!store.erase_if_unused(77, day(190)).await.unwrap());
    store.note_warned(back, day(340)).await.unwrap();
    assert!(store.erase_if_unused(blind, day(370)).await.unwrap());
    assert!(!store.agreed(back).await.unwrap());
}

/// A name that does not open, as after a fault of the disk, keeps nobody else from being written to, warned or
/// erased.
#[tokio::test]
async fn a_name_that_does_not_open_holds_up_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let (broken, whole) = (person(&store, 1, 0, 1).await, person(&store, 2, 0, 1).await);
    for who in [broken, whole] {
        sqlx::query(
            "INSERT INTO destination (guild_id, person, channel_id, state, changed_at) VALUES (0, $1, $2, 'ready', 0)",
        )
        .bind(store.keyring.blind(who))
        .bind(i64::try_from(who.0).unwrap())
        .execute(&store.writer)
        .await
        .unwrap();
    }
    sqlx::query("UPDATE person SET name = zeroblob(48) WHERE blind = $1")
        .bind(store.keyring.blind(broken))
        .execute(&store.writer)
        .await
        .unwrap();
    assert_eq!(store.watchers().await.unwrap(), [whole]);
    let ready = async || store.ready_destinations(day(1)).await.unwrap();
    let there: Vec<Home> = ready().await.into_iter().map(|it| it.home).collect();
    assert_eq!(there, [Home::Person(whole)]);
    let parked = "SELECT COUNT(*) FROM destination WHERE state = 'parked' AND channel_id = 1";
    assert_eq!(count(&store, parked).await, 1);
    run(&store, &["DELETE FROM watch"]).await;
    let warned = store.people_to_warn(day(150)).await.unwrap();
    assert_eq!(warned.len(), 1);
    run(&store, &["UPDATE person SET warned_at = used_at + 1"]).await;
    assert_eq!(store.erase_unused(day(200)).await.unwrap(), 1);
    assert!(!store.agreed(whole).await.unwrap());
}

/// F-L07: what was done in a server goes after a year, and all but the last thousand deeds before; an alert that
/// was removed goes once nothing tells of it.
#[tokio::test]
async fn deeds_and_removed_alerts_do_not_pile_up() {
    const DEEDS: &str = "SELECT COUNT(*) FROM audit";
    const ALERTS: &str = "SELECT COUNT(*) FROM alert";
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    told(&store).await;
    for _ in 0..1_200 {
        sqlx::query("INSERT INTO audit (guild_id, at, person, deed) VALUES (41, $1, 0, 'x')")
            .bind(day(300).millis())
            .execute(&store.writer)
            .await
            .unwrap();
    }
    sqlx::query("UPDATE audit SET at = $1 WHERE guild_id = 40")
        .bind(day(0).millis())
        .execute(&store.writer)
        .await
        .unwrap();
    sqlx::query("UPDATE alert SET removed_at = $1 WHERE id = 1")
        .bind(day(0).millis())
        .execute(&store.writer)
        .await
        .unwrap();
    store.sweep_deeds(day(364)).await.unwrap();
    assert_eq!(count(&store, DEEDS).await, 1 + 1_000);
    assert_eq!(count(&store, ALERTS).await, 2, "notices tell of it");
    run(&store, &["DELETE FROM outbox WHERE alert_id = 1"]).await;
    store.sweep_deeds(day(89)).await.unwrap();
    assert_eq!(count(&store, ALERTS).await, 2, "it may be brought back");
    store.sweep_deeds(day(366)).await.unwrap();
    assert_eq!(count(&store, DEEDS).await, 1_000);
    assert_eq!(count(&store, ALERTS).await, 1);
}
