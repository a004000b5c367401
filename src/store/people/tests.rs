use std::{collections::BTreeMap, path::Path};

use futures::StreamExt as _;
use proptest::prelude::*;

use super::*;
use crate::{domain::manner::Manner, store::servers::Deed};
use crate::{
    domain::{
        alert::Rule,
        episode::Timing,
        ids::{ChannelId, GuildId},
        ledger::{self, Entry},
        person::Look,
        position::{Earns, Holding},
        rule::{Condition, Kind, Terms},
        scope::Scope,
        zone::Zone,
    },
    market::fixture::{hour, id},
    store::rules::NewAlert,
};

async fn open(folder: &Path) -> Store {
    Store::open(&folder.join("stipend.db"), &[7; 32], hour(0))
        .await
        .unwrap()
}

fn stake(quantity: &str, note: &str) -> Stake {
    let holding = Holding::Units {
        asset: "SECRETCOIN".to_owned(),
        quantity: quantity.parse().unwrap(),
    };
    let earns = Earns::Pool {
        id: id(1),
        called: String::new(),
    };
    Stake {
        note: Some(note.to_owned()),
        ..Stake::new(holding, earns)
    }
}

async fn add(store: &Store, user: UserId, stake: Stake) -> PositionId {
    let added = store.add_positions(user, &[stake], 1_000, hour(1)).await;
    added.unwrap().unwrap()[0]
}

#[derive(Debug, Clone, Copy)]
enum Act {
    Add(usize),
    Remove(usize, i64),
    Change(usize, i64),
    Erase(usize),
}

fn acts() -> impl Strategy<Value = Act> {
    prop_oneof![
        5 => (0_usize..2).prop_map(Act::Add),
        4 => (0_usize..2, 0_i64..14).prop_map(|(who, id)| Act::Remove(who, id)),
        3 => (0_usize..2, 0_i64..14).prop_map(|(who, id)| Act::Change(who, id)),
        1 => (0_usize..2).prop_map(Act::Erase),
    ]
}

/// What ends a text, a statement or a string, and what only looks like it.
fn injections() -> impl Strategy<Value = String> {
    let piece = proptest::sample::select(vec![
        "'",
        "''",
        "\"",
        "`",
        "\0",
        ";",
        "--",
        "/*",
        "*/",
        "\\",
        "%",
        "_",
        "?1",
        "$1",
        ":a",
        "@a",
        "'); DROP TABLE position; --",
        "' OR '1'='1",
        "\u{2019}",
        "\n",
        "NULL",
        "x'00'",
    ]);
    let piece = prop_oneof![
        piece.prop_map(str::to_owned),
        any::<char>().prop_map(String::from)
    ];
    proptest::collection::vec(piece, 1..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, max_shrink_iters: 100, ..ProptestConfig::default() })]

    /// F-X02: what upstreams and people wrote comes back as they wrote it, and nothing else changes.
    #[test]
    fn foreign_text_is_kept_and_never_obeyed(texts in proptest::collection::vec(injections(), 4)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let store = open(folder.path()).await;
            let (user, other) = (UserId(1), UserId(2));
            for who in [user, other] {
                store.agree(who, hour(0)).await.unwrap();
                add(&store, who, stake("1", "theirs")).await;
            }
            let kept = Stake {
                layers: vec![Earns::Pool { id: id(1), called: texts[0].clone() }],
                ..stake("2", &texts[1])
            };
            let position = add(&store, user, kept.clone()).await;
            let of_user = store.positions(user).await.unwrap();
            assert_eq!(of_user.len(), 2);
            let back = of_user.into_iter().find(|it| it.id == position).unwrap();
            assert_eq!(back.stake, kept);
            assert_eq!(store.positions(other).await.unwrap().len(), 1);

            let mut observed = crate::market::fixture::row(1, 4.0);
            observed.pool.symbol = texts[0].as_str().into();
            observed.pool.protocol = texts[1].as_str().into();
            observed.pool.chain = texts[2].as_str().into();
            observed.pool.meta = Some(texts[3].as_str().into());
            let empty = crate::market::snapshot::Snapshot::default();
            let listed = crate::market::fixture::after(&empty, hour(0), vec![observed.clone()]);
            let listings: Vec<_> = listed.snapshot.listings().iter().collect();
            let batch = crate::store::market::tests::record(hour(0), listings, Vec::new());
            store.commit_batch(&batch).await.unwrap();
            let listings = store.listings().await.unwrap();
            assert_eq!(*listings[0].pool, observed.pool);

            store.close().await;
            drop(store);
            let store = open(folder.path()).await;
            assert_eq!(store.positions(user).await.unwrap().len(), 2);
            assert_eq!(*store.listings().await.unwrap()[0].pool, observed.pool);
        });
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, max_shrink_iters: 200, ..ProptestConfig::default() })]

    /// F-X09: whoever keeps what, each sees and removes their own alone.
    #[test]
    fn nobody_sees_or_removes_what_is_somebody_elses(
        ids in (any::<u64>(), any::<u64>()).prop_filter("two people", |(one, other)| one != other),
        acts in proptest::collection::vec(acts(), 1..20),
    ) {
        let users = [UserId(ids.0), UserId(ids.1)];
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let store = open(folder.path()).await;
            let mut wanted: [BTreeMap<i64, Stake>; 2] = Default::default();
            for act in acts {
                match act {
                    Act::Add(who) => {
                        store.agree(users[who], hour(0)).await.unwrap();
                        let stake = stake("1.5", &who.to_string());
                        let id = add(&store, users[who], stake.clone()).await;
                        wanted[who].insert(id.0, stake);
                    }
                    Act::Remove(who, id) => {
                        let removed = store.remove_position(users[who], PositionId(id)).await.unwrap();
                        assert_eq!(removed.map(|removed| removed.stake), wanted[who].remove(&id));
                    }
                    Act::Change(who, id) => {
                        let changed = store.change_position(users[who], PositionId(id), |stake| {
                            Ok::<_, ()>(Stake { opened: crate::domain::time::Day::parse("2026-01-31"), ..stake })
                        });
                        let changed = changed.await.unwrap().map(|changed| changed.unwrap().stake);
                        let kept = wanted[who].get_mut(&id);
                        assert_eq!(changed.is_some(), kept.is_some());
                        if let (Some(kept), Some(changed)) = (kept, changed) {
                            assert_eq!(changed.opened, crate::domain::time::Day::parse("2026-01-31"));
                            *kept = changed;
                        }
                    }
                    Act::Erase(who) => {
                        let count = store.erase_person(users[who]).await.unwrap();
                        assert_eq!(count, wanted[who].len() as u64);
                        wanted[who].clear();
                        assert_eq!(store.person(users[who]).await.unwrap(), None);
                        assert!(!store.agreed(users[who]).await.unwrap());
                    }
                }
                for (user, wanted) in users.iter().zip(&wanted) {
                    let kept = store.positions(*user).await.unwrap();
                    assert!(kept.iter().all(|position| position.owner == *user));
                    let kept: BTreeMap<i64, Stake> =
                        kept.into_iter().map(|position| (position.id.0, position.stake)).collect();
                    assert_eq!(&kept, wanted);
                }
            }
        });
    }
}

fn holds(folder: &Path, text: &str) -> bool {
    std::fs::read_dir(folder).unwrap().any(|file| {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        bytes
            .windows(text.len())
            .any(|window| window == text.as_bytes())
    })
}

fn removing(guild: u64, at: Timestamp) -> Deed {
    Deed {
        guild: GuildId(guild),
        at,
        person: Some(UserId(9)),
        words: "removed it".to_owned(),
    }
}

#[tokio::test]
async fn what_a_person_holds_is_nowhere_in_the_files() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    store.agree(UserId(5), hour(0)).await.unwrap();
    add(&store, UserId(5), stake("73195.25", "for the roof")).await;
    let chosen = Chosen {
        zone: Zone::parse("Pacific/Tongatapu").unwrap(),
        ..Chosen::default()
    };
    store.choose(UserId(5), &chosen).await.unwrap();
    // The files do hold what is not sealed, so the search works.
    store.set_setting("plain", b"PLAINTEXT").await.unwrap();
    for _ in 0..2 {
        assert!(holds(folder.path(), "PLAINTEXT"));
        for secret in ["SECRETCOIN", "73195", "roof", "Tongatapu"] {
            assert!(!holds(folder.path(), secret), "{secret}");
        }
        store.close().await;
    }
}

#[tokio::test]
async fn a_sealed_position_that_is_moved_to_another_owner_does_not_open() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    for user in [5, 6] {
        store.agree(UserId(user), hour(0)).await.unwrap();
    }
    add(&store, UserId(5), stake("1", "")).await;
    sqlx::query("UPDATE position SET owner = $1")
        .bind(store.keyring.blind(UserId(6)))
        .execute(&store.writer)
        .await
        .unwrap();
    assert!(matches!(
        store.positions(UserId(6)).await,
        Err(StoreError::Sealed(_))
    ));
}

/// The alerts of an erased person kept the person's id.
#[tokio::test]
async fn the_alerts_of_an_erased_person_stay_without_a_name() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let new = |user| NewAlert {
        guild: GuildId(1),
        channel: ChannelId(2),
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
        created_by: UserId(user),
    };
    store.agree(UserId(5), hour(0)).await.unwrap();
    store.add_alert(&new(5), &[], hour(0)).await.unwrap();
    store.add_alert(&new(6), &[], hour(0)).await.unwrap();
    let gone = store.add_alert(&new(5), &[], hour(0)).await.unwrap();
    store
        .remove_alert(gone.id, &removing(1, hour(0)))
        .await
        .unwrap();
    store.erase_person(UserId(5)).await.unwrap();
    let makers: Vec<u64> = store
        .alerts()
        .map(|alert| alert.unwrap().created_by.0)
        .collect()
        .await;
    assert_eq!(makers, [0, 6]);
    let named: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM alert WHERE created_by = 5")
        .fetch_one(&store.readers)
        .await
        .unwrap();
    assert_eq!(named, 0, "removed alerts have no name either");
}

#[tokio::test]
async fn a_drawer_takes_as_many_rows_as_it_may_and_all_or_none() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let user = UserId(5);
    store.agree(user, hour(0)).await.unwrap();
    let many = |count: usize| vec![stake("1", "x"); count];
    let added = store.add_positions(user, &many(250), 300, hour(1)).await;
    let ids: Vec<i64> = added.unwrap().unwrap().iter().map(|id| id.0).collect();
    assert_eq!(ids, (1..=250).collect::<Vec<_>>());
    let refused = store.add_positions(user, &many(51), 300, hour(1)).await;
    assert_eq!(refused.unwrap(), Err(Full));
    assert_eq!(store.positions(user).await.unwrap().len(), 250);
    // A number is never given twice: a button or a file may still hold the old one.
    store.remove_position(user, PositionId(250)).await.unwrap();
    assert_eq!(add(&store, user, stake("1", "")).await, PositionId(251));
}

#[tokio::test]
async fn what_a_person_chose_and_saw_is_theirs_and_goes_with_them() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let (one, other) = (UserId(5), UserId(6));
    for user in [one, other] {
        store.agree(user, hour(0)).await.unwrap();
    }
    let chosen = Chosen {
        currency: "EUR".parse().unwrap(),
        ..Chosen::default()
    };
    let look = Look {
        at: hour(3),
        lines: Vec::new(),
    };
    let look = Looks {
        last: look,
        before: None,
    };
    store.choose(one, &chosen).await.unwrap();
    store.note_looks(one, &look).await.unwrap();
    assert_eq!(store.chosen(one).await.unwrap(), chosen);
    assert_eq!(store.looks(one).await.unwrap(), Some(look));
    assert_eq!(store.chosen(other).await.unwrap(), Chosen::default());
    assert_eq!(store.looks(other).await.unwrap(), None);
    store.erase_person(one).await.unwrap();
    assert_eq!(store.chosen(one).await.unwrap(), Chosen::default());
    assert_eq!(store.looks(one).await.unwrap(), None);
}

fn received(day: i32, quantity: &str) -> Entry {
    let at = crate::domain::time::Day(day).start();
    Entry {
        note: Some("for the roof".to_owned()),
        ..Entry::new(
            at,
            ledger::Kind::Staking,
            "SECRETCOIN",
            quantity.parse().unwrap(),
        )
    }
}

#[tokio::test]
async fn a_ledger_is_its_owners_alone_and_goes_with_them() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let (one, other) = (UserId(5), UserId(6));
    for user in [one, other] {
        store.agree(user, hour(0)).await.unwrap();
    }
    let entries = [received(20_000, "73195.25"), received(20_001, "2")];
    let ids = store
        .add_entries(one, &entries, 10, hour(1))
        .await
        .unwrap()
        .unwrap();
    let kept = store.entries(one).await.unwrap();
    let told: Vec<&Entry> = kept.iter().map(|logged| &logged.entry).collect();
    assert_eq!(told, entries.iter().collect::<Vec<_>>());
    assert_eq!(kept[0].added_at, hour(1));

    let last = store.entries_told_last(one, 1).await.unwrap();
    assert_eq!(last, kept[1..]);
    let both = store.entries_told_last(one, 500).await.unwrap();
    assert_eq!(both, kept.iter().rev().cloned().collect::<Vec<_>>());
    let first = store.entry(one, ids[0]).await.unwrap();
    assert_eq!(first.as_ref(), kept.first());

    assert_eq!(store.entries(other).await.unwrap(), []);
    assert_eq!(store.entries_told_last(other, 9).await.unwrap(), []);
    assert_eq!(store.entry(other, ids[0]).await.unwrap(), None);
    assert_eq!(store.remove_entry(other, ids[0]).await.unwrap(), None);
    let wish = |_| Ok::<_, ()>(received(20_002, "9"));
    assert_eq!(store.change_entry(other, ids[0], wish).await.unwrap(), None);
    assert_eq!(store.entries(one).await.unwrap(), kept);

    let changed = store.change_entry(one, ids[0], wish).await.unwrap();
    assert_eq!(changed.unwrap().unwrap().entry, received(20_002, "9"));
    let refused = store
        .change_entry(one, ids[0], |_| Err("no"))
        .await
        .unwrap();
    assert_eq!(refused, Some(Err("no")));
    let removed = store.remove_entry(one, ids[0]).await.unwrap();
    assert_eq!(removed.unwrap().entry, received(20_002, "9"));

    assert_eq!(store.person(one).await.unwrap().unwrap().entries.len(), 1);
    store.erase_person(one).await.unwrap();
    assert_eq!(store.entries(one).await.unwrap(), []);
}

#[tokio::test]
async fn what_came_in_is_nowhere_in_the_files() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    store.agree(UserId(5), hour(0)).await.unwrap();
    let entries = [received(20_000, "73195.25")];
    store
        .add_entries(UserId(5), &entries, 10, hour(1))
        .await
        .unwrap()
        .unwrap();
    store.set_setting("plain", b"PLAINTEXT").await.unwrap();
    for _ in 0..2 {
        assert!(holds(folder.path(), "PLAINTEXT"));
        for secret in ["SECRETCOIN", "73195", "roof", "staking"] {
            assert!(!holds(folder.path(), secret), "{secret}");
        }
        store.close().await;
    }
}

/// A ledger as full as it may be, with a file as long as one may be put in at once.
#[tokio::test]
async fn a_full_ledger_is_read_while_somebody_waits() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let user = UserId(5);
    store.agree(user, hour(0)).await.unwrap();
    let file: Vec<Entry> = (0..10_000)
        .map(|day| received(14_246 + day % 5_000, "1.5"))
        .collect();
    let started = std::time::Instant::now();
    store
        .add_entries(user, &file, 20_000, hour(1))
        .await
        .unwrap()
        .unwrap();
    let put = started.elapsed();
    store
        .add_entries(user, &file, 20_000, hour(1))
        .await
        .unwrap()
        .unwrap();
    let started = std::time::Instant::now();
    assert_eq!(store.entries(user).await.unwrap().len(), 20_000);
    println!(
        "10,000 entries are put in {put:?}, 20,000 opened in {:?}",
        started.elapsed()
    );
    let one_more = store
        .add_entries(user, &file[..1], 20_000, hour(1))
        .await
        .unwrap();
    assert_eq!(one_more, Err(Full));
}

/// What comes to nothing because there is nothing to change says nothing of the disk: else anybody could have the
/// bot say that its database cannot be written, and have the whole of it looked through.
#[tokio::test]
async fn what_changes_nothing_says_nothing_of_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let (user, stranger) = (UserId(5), UserId(6));
    store.agree(user, hour(0)).await.unwrap();
    let held = add(&store, user, stake("1", "")).await;
    let mut said = store.kept();
    said.mark_unchanged();
    for (who, which) in [(user, PositionId(99)), (stranger, held)] {
        assert_eq!(store.remove_position(who, which).await.unwrap(), None);
    }
    let refused = store
        .changed::<Stake, ()>(&drawer::POSITIONS, user, held.0, |_| Err(()))
        .await;
    assert!(matches!(refused, Ok(Some(Err(())))));
    let full = store
        .add_positions(user, &[stake("1", "")], 1, hour(1))
        .await;
    assert_eq!(full.unwrap(), Err(Full));
    assert_eq!(store.keep_looks(stranger, &[]).await.unwrap(), 0);
    assert!(*said.borrow() && !said.has_changed().unwrap());
}
