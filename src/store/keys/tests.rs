use std::fs;

use secrecy::{ExposeSecret as _, SecretString};
use sqlx::{Connection as _, sqlite::SqliteConnectOptions};

use super::*;
use crate::{
    delivery::{post::Waits, state::DestinationState},
    domain::{
        alert::Rule,
        episode::Timing,
        ids::{ChannelId, DestinationId, MessageId, WebhookId},
        manner::Manner,
        position::{Earns, Holding, Stake, usd},
        rule::{Condition, Kind, Terms},
        scope::Scope,
        watch::{Watch, What},
    },
    market::fixture::{hour, id},
    store::{
        SCRUB_OWED,
        destinations::Proven,
        opening::{self, MIGRATIONS},
        rules::NewAlert,
    },
};

const KEY: [u8; 32] = [7; 32];
const NEW: [u8; 32] = [8; 32];
/// With a pattern of bytes that nothing else has.
const PERSON: UserId = UserId(0x0123_4567_89ab_cdef);
const GUILD: GuildId = GuildId(40);
const NOTE: &str = "under the mattress";
const TOKEN: &str = "a-webhook-token-of-sixty-eight-letters";

fn stake() -> Stake {
    Stake {
        note: Some(NOTE.to_owned()),
        ..Stake::new(
            Holding::Worth(usd("12".parse().unwrap())),
            Earns::Pool {
                id: id(1),
                called: String::new(),
            },
        )
    }
}

fn proven(home: Home, channel: u64) -> Proven {
    Proven {
        home,
        channel: ChannelId(channel),
        parent: None,
        webhook: home
            .server()
            .map(|_| (WebhookId(9), SecretString::from(TOKEN))),
        newest: MessageId(5),
        unasked: false,
        remade: false,
    }
}

/// Somebody with a position and a watch, who is written to, and a server with an alert and a webhook.
async fn full(path: &Path) -> Store {
    let store = Store::open(path, &KEY, hour(0)).await.unwrap();
    store.agree(PERSON, hour(0)).await.unwrap();
    let kept = store.add_positions(PERSON, &[stake()], 10, hour(0)).await;
    assert!(kept.unwrap().is_ok());
    let watch = Watch::new(What::Goal, Timing::default(), hour(0));
    let kept = store.add_watch(PERSON, &watch, 10, hour(0)).await;
    assert!(kept.unwrap().is_ok());
    for (home, channel) in [(Home::Person(PERSON), 71), (Home::Server(GUILD), 72)] {
        let proven = proven(home, channel);
        let waits = Waits::default();
        let saved = store.save_destination(&proven, hour(0), &waits).await;
        saved.unwrap();
    }
    let alert = NewAlert {
        guild: GUILD,
        channel: ChannelId(72),
        rule: Rule {
            scope: Scope::default(),
            condition: Condition::new(
                Kind::ApyAbove,
                Terms {
                    value: Some(5.0),
                    ..Terms::default()
                },
            )
            .unwrap(),
            timing: Timing::default(),
        },
        manner: Manner::default(),
        // Who made an alert is no secret to its server, and stands there.
        created_by: UserId(5),
    };
    store.add_alert(&alert, &[], hour(0)).await.unwrap();
    store
}

/// All of it is there and opens.
async fn is_full(store: &Store) {
    let positions = store.positions(PERSON).await.unwrap();
    assert_eq!(positions.len(), 1);
    assert_eq!(positions[0].stake, stake());
    assert_eq!(store.watchers().await.unwrap(), [PERSON]);
    assert_eq!(store.watches(PERSON).await.unwrap().len(), 1);
    let direct = store.destination_of(PERSON).await.unwrap().unwrap();
    assert_eq!(direct.home, Home::Person(PERSON));
    let place = &store.destinations(GUILD).await.unwrap()[0];
    let token = store.webhook_token(place).await.unwrap().unwrap();
    assert_eq!(token.expose_secret(), TOKEN);
}

fn holds(folder: &Path, wanted: &[u8]) -> Vec<String> {
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap());
    let found = files.filter(|file| {
        let bytes = fs::read(file.path()).unwrap();
        bytes.windows(wanted.len()).any(|window| window == wanted)
    });
    found
        .map(|file| file.file_name().into_string().unwrap())
        .collect()
}

/// F-X22: who has a copy of the database and of a backup reads neither what somebody holds nor a token, and
/// does not learn who they are.
#[tokio::test]
async fn a_stolen_copy_tells_neither_holdings_nor_tokens_nor_who_has_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stipend.db");
    let _store = full(&path).await;
    let copy = folder.path().join("copy.db");
    backup::backup(&path, &copy, hour(1)).await.unwrap();
    for secret in [
        NOTE.as_bytes(),
        TOKEN.as_bytes(),
        &PERSON.0.to_le_bytes(),
        &PERSON.0.to_be_bytes(),
        PERSON.0.to_string().as_bytes(),
        &KEY,
    ] {
        assert_eq!(holds(folder.path(), secret), Vec::<String>::new());
    }
    let moved = tempfile::tempdir().unwrap();
    let stolen = moved.path().join("stipend.db");
    fs::copy(&copy, &stolen).unwrap();
    assert!(matches!(
        Store::open(&stolen, &NEW, hour(1)).await,
        Err(OpenError::WrongKey(_))
    ));
    is_full(&Store::open(&stolen, &KEY, hour(1)).await.unwrap()).await;
}

/// F-X24: the key of an erased person is nowhere any more, neither in the file nor in its log.
#[tokio::test]
async fn erasing_destroys_the_key_in_all_files() {
    let folder = tempfile::tempdir().unwrap();
    let store = full(&folder.path().join("stipend.db")).await;
    let wrapped: Vec<u8> = sqlx::query_scalar("SELECT key FROM person")
        .fetch_one(&store.readers)
        .await
        .unwrap();
    let sealed: Vec<u8> = sqlx::query_scalar("SELECT sealed FROM position")
        .fetch_one(&store.readers)
        .await
        .unwrap();
    for bytes in [&wrapped, &sealed] {
        assert!(!holds(folder.path(), bytes).is_empty());
    }
    assert_eq!(store.erase_person(PERSON).await.unwrap(), 1);
    for bytes in [&wrapped, &sealed] {
        assert_eq!(holds(folder.path(), bytes), Vec::<String>::new());
    }
    assert_eq!(store.watchers().await.unwrap(), []);
    assert_eq!(store.destination_of(PERSON).await.unwrap(), None);
    assert!(!store.agreed(PERSON).await.unwrap());
}

/// F-X24: whoever reads the database meanwhile keeps its log as it is. That it is to be scrubbed is not
/// forgotten, not even over a restart, and done once they have ended.
#[tokio::test]
async fn what_a_reader_kept_in_the_log_goes_once_it_ends() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stipend.db");
    let store = full(&path).await;
    let sealed: Vec<u8> = sqlx::query_scalar("SELECT sealed FROM position")
        .fetch_one(&store.readers)
        .await
        .unwrap();
    let options = SqliteConnectOptions::new().filename(&path).read_only(true);
    let mut reader = sqlx::SqliteConnection::connect_with(&options)
        .await
        .unwrap();
    let mut reading = reader.begin().await.unwrap();
    let people: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM person")
        .fetch_one(&mut *reading)
        .await
        .unwrap();
    assert_eq!(people, 1);
    assert_eq!(store.erase_person(PERSON).await.unwrap(), 1);
    let asked_at = std::time::Instant::now();
    store.checkpoint().await.unwrap();
    assert!(
        asked_at.elapsed() < opening::BUSY_TIMEOUT / 2,
        "nobody waits for a reader again and again"
    );
    assert!(!holds(folder.path(), &sealed).is_empty());
    store.close().await;
    drop(store);
    let store = Store::open(&path, &KEY, hour(2)).await.unwrap();
    store.checkpoint().await.unwrap();
    assert!(!holds(folder.path(), &sealed).is_empty());
    reading.rollback().await.unwrap();
    store.checkpoint().await.unwrap();
    assert_eq!(holds(folder.path(), &sealed), Vec::<String>::new());
    assert_eq!(store.setting(SCRUB_OWED).await.unwrap(), None);
}

#[tokio::test]
async fn another_master_key_opens_all_and_the_earlier_one_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stipend.db");
    full(&path).await.close().await;
    let rotated = Store::rotate_key(&path, &KEY, (&NEW, Path::new("/elsewhere/key")), hour(1))
        .await
        .unwrap();
    let named = Store::key_rotated_to(&path).await;
    assert_eq!(named.as_deref(), Some(Path::new("/elsewhere/key")));
    assert_eq!((rotated.people, rotated.servers), (1, 1));
    assert!(matches!(
        Store::open(&path, &KEY, hour(2)).await,
        Err(OpenError::WrongKey(_))
    ));
    let store = Store::open(&path, &NEW, hour(2)).await.unwrap();
    is_full(&store).await;
    assert_eq!(store.erase_person(PERSON).await.unwrap(), 1);
}

/// F-X23: with the key lost nothing is overwritten by a start; the way on keeps the alerts, has the webhooks
/// found again and gives up what nobody can open.
#[tokio::test]
async fn a_lost_key_costs_what_it_sealed_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stipend.db");
    full(&path).await.close().await;
    assert!(matches!(
        Store::open(&path, &NEW, hour(1)).await,
        Err(OpenError::WrongKey(_))
    ));
    let (reset, copy) = Store::reset_key(&path, &NEW, hour(2)).await.unwrap();
    assert_eq!((reset.people, reset.channels, reset.alerts), (1, 1, 1));
    let store = Store::open(&path, &NEW, hour(3)).await.unwrap();
    assert_eq!(store.key_lost_at().await.unwrap(), Some(hour(2)));
    assert!(!store.agreed(PERSON).await.unwrap());
    assert_eq!(store.positions(PERSON).await.unwrap(), []);
    assert_eq!(store.watchers().await.unwrap(), []);
    assert_eq!(store.alerts_of(GUILD).await.unwrap().len(), 1);
    let place = &store.destinations(GUILD).await.unwrap()[0];
    assert_eq!(place.state, DestinationState::Parked);
    assert!(store.webhook_token(place).await.unwrap().is_none());
    let again = store.to_revive(hour(3)).await.unwrap();
    assert_eq!(again.len(), 1, "its webhook is looked for at once");
    // They can begin anew.
    store.agree(PERSON, hour(4)).await.unwrap();
    let kept = store.add_positions(PERSON, &[stake()], 10, hour(4)).await;
    assert!(kept.unwrap().is_ok());
    store.close().await;
    // Should the key be found, the copy has all of it.
    let found = folder.path().join("found.db");
    fs::copy(copy, &found).unwrap();
    is_full(&Store::open(&found, &KEY, hour(5)).await.unwrap()).await;
}

/// A second reset does not cost the copy that the first one made, which alone has what the lost key opens.
#[tokio::test]
async fn each_reset_makes_a_copy_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stipend.db");
    full(&path).await.close().await;
    let (_, first) = Store::reset_key(&path, &NEW, hour(2)).await.unwrap();
    let again = Store::reset_key(&path, &[9; 32], hour(2)).await;
    assert!(matches!(
        again,
        Err(OpenError::NoCopy {
            source: CopyError::Occupied(_),
            ..
        })
    ));
    let (_, second) = Store::reset_key(&path, &[9; 32], hour(3)).await.unwrap();
    assert_ne!(first, second);
    let found = folder.path().join("found.db");
    fs::copy(first, &found).unwrap();
    is_full(&Store::open(&found, &KEY, hour(5)).await.unwrap()).await;
}

/// What the master key itself had sealed opens as before, and not with the master key any more.
#[tokio::test]
async fn an_older_database_comes_to_keys_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stipend.db");
    older(&path).await;
    for run in 1..=2 {
        let store = Store::open(&path, &KEY, hour(run)).await.unwrap();
        is_full(&store).await;
        let told = store.waiting(DestinationId(1), 5, hour(1)).await.unwrap();
        assert_eq!((&*told[0].payload, &*told[0].summary), ("{}", "mine"));
        store.close().await;
    }
    assert_eq!(
        holds(folder.path(), &PERSON.0.to_be_bytes()),
        ["stipend.db.schema-17"],
        "only the copy that was made before still has the Discord id"
    );
}

/// A database as the version before this one wrote it.
async fn older(path: &Path) {
    let master = Sealer::new(&KEY);
    let user = snowflake(PERSON.0);
    let place = |table, column, row| Place {
        table,
        column,
        row,
        owner: PERSON.0,
    };
    let stake = serde_json::to_vec(&stake()).unwrap();
    let stake = master.seal(&place("position", "sealed", 1), &stake);
    let watch = Watch::new(What::Goal, Timing::default(), hour(0));
    let watch = serde_json::to_vec(&watch).unwrap();
    let watch = master.seal(&place("watch", "sealed", 1), &watch);
    let token_at = token_place(2, GUILD);
    let token = master.seal(&token_at, TOKEN.as_bytes());
    let text = |words: &str| {
        let place = veil::text_place("outbox", &[3; 32], PERSON);
        veil::written(&master.seal(&place, words.as_bytes()))
    };
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true);
    let mut old = sqlx::SqliteConnection::connect_with(&options)
        .await
        .unwrap();
    MIGRATIONS.run_to(17, &mut old).await.unwrap();
    sqlx::query("INSERT INTO person (user_id, agreed_at) VALUES ($1, 5)")
        .bind(user)
        .execute(&mut old)
        .await
        .unwrap();
    for (sql, sealed) in [
        (
            "INSERT INTO position (user_id, sealed, added_at) VALUES ($1, $2, 5)",
            stake,
        ),
        (
            "INSERT INTO watch (user_id, sealed, added_at) VALUES ($1, $2, 5)",
            watch,
        ),
    ] {
        sqlx::query(sql)
            .bind(user)
            .bind(sealed)
            .execute(&mut old)
            .await
            .unwrap();
    }
    sqlx::query(
        "INSERT INTO destination (guild_id, user_id, channel_id, webhook_id, token, state, changed_at) \
         VALUES (0, $1, 71, NULL, NULL, 'ready', 5), (40, NULL, 72, 9, $2, 'ready', 5)",
    )
    .bind(user)
    .bind(token)
    .execute(&mut old)
    .await
    .unwrap();
    sqlx::query(
        "INSERT INTO outbox (dedup_key, destination_id, alert_id, alert_version, edge, urgency, payload, \
             summary, created_at, not_before, not_after, state) \
         VALUES ($1, 1, 0, 0, 'opened', 1, $2, $3, 5, 0, 9999999999999, 'pending')",
    )
    .bind(&[3; 32][..])
    .bind(text("{}"))
    .bind(text("mine"))
    .execute(&mut old)
    .await
    .unwrap();
    old.close().await.unwrap();
}
