use super::*;
use crate::{domain::manner::Manner, store::servers::Deed};
use crate::{
    domain::{
        episode::{Phase, Timing},
        rule::{Condition, Kind, Terms},
        scope::Scope,
    },
    market::fixture::{hour, id},
};

async fn all_of<T>(stream: impl Stream<Item = Result<T, StoreError>>) -> Vec<T> {
    stream.map(Result::unwrap).collect().await
}

async fn fresh() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("stipend.db"), &[7; 32], hour(0))
        .await
        .unwrap();
    (folder, store)
}

fn new(guild: u64) -> NewAlert {
    NewAlert {
        guild: GuildId(guild),
        channel: ChannelId(u64::MAX / 2),
        rule: Rule {
            scope: Scope {
                asset: Some("USD₮0".to_owned()),
                min_tvl: Some(0.1),
                ..Scope::default()
            },
            condition: Condition::new(
                Kind::TvlDrop,
                Terms {
                    value: Some(33.3),
                    ..Terms::default()
                },
            )
            .unwrap(),
            timing: Timing::default(),
        },
        manner: Manner::default(),
        created_by: UserId(5),
    }
}

fn baseline() -> Episode {
    Episode {
        phase: Phase::Baseline,
        ..Episode::default()
    }
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
async fn an_alert_comes_back_as_it_was_made_with_its_baseline() {
    let (_folder, store) = fresh().await;
    let alert = store
        .add_alert(&new(1), &[(id(1), baseline())], hour(3))
        .await
        .unwrap();
    assert_eq!(all_of(store.alerts()).await, std::slice::from_ref(&alert));
    assert_eq!(alert.rule, new(1).rule);
    let row = EpisodeRow {
        alert: alert.id,
        pool: id(1),
        episode: baseline(),
    };
    assert_eq!(all_of(store.episodes()).await, [row]);
}

#[tokio::test]
async fn an_alert_of_another_server_is_not_there() {
    let (_folder, store) = fresh().await;
    let ours = store.add_alert(&new(1), &[], hour(0)).await.unwrap();
    let theirs = store.add_alert(&new(2), &[], hour(0)).await.unwrap();
    assert_eq!(store.alert(GuildId(1), theirs.id).await.unwrap(), None);
    assert!(
        !store
            .remove_alert(theirs.id, &removing(1, hour(1)))
            .await
            .unwrap()
    );
    assert_eq!(store.alerts_of(GuildId(1)).await.unwrap(), [ours]);
    assert_eq!(
        store.alert(GuildId(2), theirs.id).await.unwrap(),
        Some(theirs)
    );
}

#[tokio::test]
async fn an_alert_that_was_removed_is_gone_with_its_episodes_and_its_number_is_not_given_again() {
    let (_folder, store) = fresh().await;
    let alert = store
        .add_alert(&new(1), &[(id(1), baseline())], hour(0))
        .await
        .unwrap();
    assert!(
        store
            .remove_alert(alert.id, &removing(1, hour(1)))
            .await
            .unwrap()
    );
    assert!(
        !store
            .remove_alert(alert.id, &removing(1, hour(2)))
            .await
            .unwrap()
    );
    assert!(all_of(store.alerts()).await.is_empty());
    assert!(all_of(store.episodes()).await.is_empty());
    assert_eq!(store.alert(GuildId(1), alert.id).await.unwrap(), None);
    assert!(store.add_alert(&new(1), &[], hour(3)).await.unwrap().id > alert.id);
}

#[tokio::test]
async fn an_alert_that_was_removed_names_nobody() {
    let (_folder, store) = fresh().await;
    let alert = store.add_alert(&new(1), &[], hour(0)).await.unwrap();
    let kept = store.add_alert(&new(1), &[], hour(0)).await.unwrap();
    store
        .remove_alert(alert.id, &removing(1, hour(1)))
        .await
        .unwrap();
    let makers: Vec<(i64, i64)> = sqlx::query_as("SELECT id, created_by FROM alert ORDER BY id")
        .fetch_all(&store.readers)
        .await
        .unwrap();
    assert_eq!(makers, [(alert.id.0, 0), (kept.id.0, 5)]);
}

#[tokio::test]
async fn a_pool_that_is_quiet_again_needs_no_row() {
    let (_folder, store) = fresh().await;
    let alert = store
        .add_alert(
            &new(1),
            &[(id(1), baseline()), (id(2), baseline())],
            hour(0),
        )
        .await
        .unwrap();
    let mut tx = store.begin().await.unwrap();
    let quiet = EpisodeRow {
        alert: alert.id,
        pool: id(1),
        episode: Episode::default(),
    };
    let counted = EpisodeRow {
        alert: alert.id,
        pool: id(2),
        episode: Episode {
            number: 4,
            ..Episode::default()
        },
    };
    save_episodes(&mut tx, &[quiet, counted]).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(all_of(store.episodes()).await, [counted]);
}
