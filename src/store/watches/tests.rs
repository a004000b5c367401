use std::path::Path;

use super::*;
use crate::{
    delivery::{
        entry::{Occasion, SHELF_LIFE, Telling},
        post::{Carrier, Post, Waits},
        state::State,
        urgency::Urgency,
    },
    domain::{
        episode::{EdgeKind, Timing},
        ids::{AlertId, ChannelId, DestinationId, EntryId, Home, MessageId},
        watch::What,
    },
    market::fixture::hour,
    store::{
        destinations::Proven,
        posts::{Draft, Intent, Subject, Wire},
    },
};

const ONE: UserId = UserId(71);
const OTHER: UserId = UserId(72);

async fn open(folder: &Path) -> Store {
    let file = folder.join("stipend.db");
    let store = Store::open(&file, &[7; 32], hour(0)).await.unwrap();
    for user in [ONE, OTHER] {
        store.agree(user, hour(0)).await.unwrap();
    }
    store
}

async fn direct(store: &Store, person: UserId) -> DestinationId {
    let proven = Proven {
        home: Home::Person(person),
        channel: ChannelId(1_000 + person.0),
        parent: None,
        webhook: None,
        newest: MessageId(5),
        unasked: false,
        remade: false,
    };
    let waits = Waits::default();
    let saved = store.save_destination(&proven, hour(0), &waits).await;
    saved.unwrap()
}

fn entry(place: DestinationId, key: u8, words: &str) -> Entry {
    Entry {
        dedup_key: [key; 32],
        destination: place,
        alert: AlertId(0),
        alert_version: 0,
        pool: None,
        occasion: Occasion::Edge(EdgeKind::Opened),
        urgency: Urgency::Normal,
        payload: format!(r#"{{"content":"{words}"}}"#),
        summary: words.to_owned(),
        created_at: hour(1),
        not_after: hour(1).plus(SHELF_LIFE.0),
        telling: Telling {
            reader: Some(ONE),
            ..Telling::default()
        },
    }
}

async fn watched(store: &Store) -> KeptWatch {
    let watch = Watch::new(What::Goal, Timing::default(), hour(0));
    let added = store.add_watch(ONE, &watch, 20, hour(0)).await;
    let id = added.unwrap().unwrap();
    KeptWatch { id, watch }
}

#[tokio::test]
async fn nobody_reaches_the_watch_of_somebody_else() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let kept = watched(&store).await;
    assert_eq!(
        store.watches(ONE).await.unwrap(),
        std::slice::from_ref(&kept)
    );
    assert_eq!(store.watches(OTHER).await.unwrap(), []);
    assert_eq!(store.remove_watch(OTHER, kept.id).await.unwrap(), None);
    let paused = store.pause_watch(OTHER, kept.id, Some(hour(9))).await;
    assert_eq!(paused.unwrap(), None);
    let full = store.add_watch(ONE, &kept.watch, 1, hour(0)).await.unwrap();
    assert_eq!(full, Err(Full));
    assert_eq!(store.watchers().await.unwrap(), [ONE]);
    let paused = store.pause_watch(ONE, kept.id, Some(hour(9))).await;
    assert!(paused.unwrap().unwrap().watch.is_paused(hour(8)));
    assert!(store.remove_watch(ONE, kept.id).await.unwrap().is_some());
    assert_eq!(store.watchers().await.unwrap(), []);
}

/// Its owner may change it while it is looked at; what they chose holds.
#[tokio::test]
async fn a_look_at_a_watch_that_was_changed_meanwhile_does_not_count() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let place = direct(&store, ONE).await;
    let before = watched(&store).await;
    let look = |key| {
        vec![Looked {
            before: before.clone(),
            after: before.watch.clone().resting(Some(hour(3))),
            entries: vec![entry(place, key, "USDC")],
        }]
    };
    store
        .pause_watch(ONE, before.id, Some(hour(9)))
        .await
        .unwrap();
    assert_eq!(store.keep_looks(ONE, &look(1)).await.unwrap(), 0);
    assert_eq!(store.untold(hour(2)).await.unwrap(), []);
    store.pause_watch(ONE, before.id, None).await.unwrap();
    assert_eq!(store.keep_looks(ONE, &look(1)).await.unwrap(), 1);
    assert_eq!(
        store.keep_looks(ONE, &look(2)).await.unwrap(),
        0,
        "it moved on"
    );
    assert_eq!(store.waiting(place, 9, hour(2)).await.unwrap().len(), 1);
    store.remove_watch(ONE, before.id).await.unwrap();
    assert_eq!(store.keep_looks(ONE, &look(3)).await.unwrap(), 0);
}

/// What is for one person alone is sealed with their key, or else not kept at all.
#[tokio::test]
async fn what_cannot_be_sealed_for_its_reader_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let place = direct(&store, ONE).await;
    let mut stray = entry(place, 1, "SECRETCOIN");
    stray.telling.reader = Some(UserId(73));
    let refused = store.enqueue(&stray).await.unwrap_err();
    assert!(matches!(refused, StoreError::Unexpected(_)), "{refused}");
    let draft = |reader| Intent {
        destination: place,
        after: Post::new(Carrier::Bot, hour(1), hour(2)),
        subject: Subject::Fresh(Draft {
            entries: Vec::new(),
            wire: Wire {
                marker: "#A".to_owned(),
                nonce: "n".to_owned(),
                payload: "SECRETCOIN".to_owned(),
                attachment: None,
            },
            fallback: String::new(),
            calls: false,
            reader: Some(reader),
            created_at: hour(1),
        }),
    };
    let refused = store.claim(&[draft(UserId(73))]).await.unwrap_err();
    assert!(matches!(refused, StoreError::Unexpected(_)), "{refused}");
    assert!(store.claim(&[draft(ONE)]).await.unwrap()[0].is_some());
    assert_eq!(store.untold(hour(2)).await.unwrap(), []);
}

/// A stolen database tells of nobody what they have watched or were written to.
#[tokio::test]
async fn what_a_person_is_told_lies_under_seal_and_goes_with_them() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let place = direct(&store, ONE).await;
    let before = watched(&store).await;
    let looked = Looked {
        after: before.watch.clone(),
        before,
        entries: vec![entry(place, 1, "SECRETCOIN")],
    };
    store.keep_looks(ONE, &[looked]).await.unwrap();
    let waiting = store.waiting(place, 9, hour(2)).await.unwrap();
    assert_eq!(waiting[0].summary, "SECRETCOIN");
    assert!(waiting[0].payload.contains("SECRETCOIN"));
    store.checkpoint().await.unwrap();
    let files = || {
        let files = std::fs::read_dir(folder.path()).unwrap();
        let bytes = files.map(|file| std::fs::read(file.unwrap().path()).unwrap());
        bytes.collect::<Vec<_>>().concat()
    };
    let holds = |bytes: &[u8]| bytes.windows(10).any(|part| part == b"SECRETCOIN");
    assert!(!holds(&files()));
    let told = store.told(EntryId(1)).await.unwrap().unwrap();
    assert_eq!((told.home, told.state), (Home::Person(ONE), State::Pending));
    store.erase_person(ONE).await.unwrap();
    assert_eq!(store.told(EntryId(1)).await.unwrap(), None);
    assert_eq!(store.destination_of(ONE).await.unwrap(), None);
    assert_eq!(store.watchers().await.unwrap(), []);
}
