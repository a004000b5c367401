use std::{collections::HashSet, path::Path};

use proptest::{prelude::*, sample::select};
use secrecy::SecretString;
use sqlx::{Connection as _, SqliteConnection, sqlite::SqliteConnectOptions};

use super::*;
use crate::{
    delivery::post::Waits,
    domain::{
        alert::Rule,
        episode::Timing,
        ids::{ChannelId, Home, MessageId, UserId, WebhookId},
        peg::{Peg, Stablecoin},
        reading::{DataState, Observed},
        rule::{Condition, Kind, Terms},
        scope::Scope,
        strain::{OffPeg, Strain, Trouble},
        time::Span,
        verdict::Screen,
    },
    market::{
        facts::{Facts, Told},
        fixture::{after, day, holding, hour, id, minute, rewarded, row},
        ingest::stands,
    },
    store::{destinations::Proven, rules::NewAlert, servers::Deed},
};

const GUILD: GuildId = GuildId(1);
const CHANNEL: ChannelId = ChannelId(10);

/// A database in a folder of its own, with the market and the alerts over it.
struct Bench {
    folder: tempfile::TempDir,
    store: Store,
    market: Market,
    alerting: Alerting,
    destination: DestinationId,
}

fn file(folder: &tempfile::TempDir) -> std::path::PathBuf {
    folder.path().join("stipend.db")
}

async fn open(path: &Path) -> Store {
    Store::open(path, &[7; 32], hour(0)).await.unwrap()
}

impl Bench {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = open(&file(&folder)).await;
        let proven = Proven {
            home: Home::Server(GUILD),
            channel: CHANNEL,
            parent: None,
            webhook: Some((WebhookId(11), SecretString::from("token"))),
            newest: MessageId(0),
            unasked: false,
            remade: false,
        };
        let destination = store
            .save_destination(&proven, hour(0), &Waits::default())
            .await
            .unwrap();
        let alerting = Alerting::load(&store).await.unwrap();
        let market = Market::new(Screen::default(), None);
        Self {
            folder,
            store,
            market,
            alerting,
            destination,
        }
    }

    async fn add(&self, rule: Rule, now: Timestamp) -> Added {
        let new = NewAlert {
            guild: GUILD,
            channel: CHANNEL,
            rule,
            manner: Manner::default(),
            created_by: UserId(5),
        };
        self.alerting
            .add(&self.store, &self.market, new, self.destination, now)
            .await
            .unwrap()
    }

    async fn tick(&self, at: Timestamp, rows: Vec<Observed>) -> Result<Ticked, StoreError> {
        let change = after(&self.market.snapshot(), at, rows);
        self.alerting.tick(&self.store, &self.market, change).await
    }

    /// Ends the process and begins another on the same file.
    async fn restarted(self, now: Timestamp) -> Self {
        self.store.close().await;
        drop(self.store);
        Self::over(self.folder, now).await
    }

    /// A process on what is in the folder.
    async fn over(folder: tempfile::TempDir, now: Timestamp) -> Self {
        let store = open(&file(&folder)).await;
        let market = Market::new(Screen::default(), None);
        market.load(&store).await.unwrap();
        let alerting = Alerting::load(&store).await.unwrap();
        alerting
            .recall(&store, &market.snapshot(), now)
            .await
            .unwrap();
        let destination = store.destination_for(CHANNEL).await.unwrap().unwrap().id;
        Self {
            folder,
            store,
            market,
            alerting,
            destination,
        }
    }

    async fn connection(&self) -> SqliteConnection {
        let options = SqliteConnectOptions::new().filename(file(&self.folder));
        SqliteConnection::connect_with(&options).await.unwrap()
    }

    /// The outbox: key, edge, time and message of each entry.
    async fn said(&self) -> Vec<(Vec<u8>, String, i64, String)> {
        sqlx::query_as("SELECT dedup_key, edge, created_at, payload FROM outbox ORDER BY id")
            .fetch_all(&mut self.connection().await)
            .await
            .unwrap()
    }

    /// Rows of batch, pool, reading, daily and episode.
    async fn rows(&self) -> (i64, i64, i64, i64, String) {
        sqlx::query_as(
            "SELECT (SELECT COUNT(*) FROM batch), (SELECT COUNT(*) FROM pool), \
                 (SELECT COUNT(*) FROM reading), (SELECT COUNT(*) FROM daily), \
                 (SELECT COALESCE(GROUP_CONCAT(state), '') FROM episode)",
        )
        .fetch_one(&mut self.connection().await)
        .await
        .unwrap()
    }
}

fn rule(kind: Kind, value: Option<f64>, window: Option<Span>) -> Rule {
    let terms = Terms {
        value,
        window,
        ..Terms::default()
    };
    Rule {
        scope: Scope::default(),
        condition: Condition::new(kind, terms).unwrap(),
        timing: Timing {
            hold: Span::hours(1),
            clear_hold: Span::hours(1),
            remind: None,
        },
    }
}

fn above() -> Rule {
    rule(Kind::ApyAbove, Some(5.0), None)
}

fn deed(guild: GuildId) -> Deed {
    Deed {
        guild,
        at: hour(1),
        person: None,
        words: "did it".to_owned(),
    }
}

#[tokio::test]
async fn an_edge_is_in_the_outbox_with_the_reading_and_the_episode_that_made_it() {
    let bench = Bench::new().await;
    let added = bench.add(above(), hour(0)).await;
    bench.tick(hour(0), vec![row(1, 4.0)]).await.unwrap();
    bench.tick(hour(1), vec![row(1, 6.0)]).await.unwrap();
    assert_eq!(bench.said().await, []);
    let ticked = bench.tick(hour(2), vec![row(1, 6.5)]).await.unwrap();
    assert_eq!(
        ticked,
        Ticked {
            changed: 1,
            notices: 1
        }
    );
    let said = bench.said().await;
    assert_eq!(said.len(), 1);
    assert_eq!(
        (said[0].1.as_str(), said[0].2),
        ("opened", hour(2).millis())
    );
    assert!(said[0].3.contains("6.50"), "{}", said[0].3);
    assert_eq!(bench.rows().await.2, 3);
    assert!(
        bench
            .alerting
            .episode(added.alert.id, id(1))
            .await
            .is_open()
    );
}

#[tokio::test]
async fn a_commit_that_fails_moves_nothing_and_the_same_tick_says_it_once_later() {
    let bench = Bench::new().await;
    let added = bench.add(above(), hour(0)).await;
    bench.tick(hour(0), vec![row(1, 4.0)]).await.unwrap();
    bench.tick(hour(1), vec![row(1, 6.0)]).await.unwrap();
    let rows = bench.rows().await;
    let episode = bench.alerting.episode(added.alert.id, id(1)).await;
    let rename = async |from: &str, to: &str| {
        let sql = format!("ALTER TABLE {from} RENAME TO {to}");
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql))
            .execute(&mut bench.connection().await)
            .await
            .unwrap();
    };
    rename("outbox", "aside").await;
    for _ in 0..2 {
        assert!(bench.tick(hour(2), vec![row(1, 6.5)]).await.is_err());
        assert_eq!(bench.rows().await, rows);
        assert_eq!(bench.alerting.episode(added.alert.id, id(1)).await, episode);
        assert_eq!(bench.market.snapshot().origin.fetched_at, hour(1));
    }
    rename("aside", "outbox").await;
    bench.tick(hour(2), vec![row(1, 6.5)]).await.unwrap();
    let said = bench.said().await;
    assert_eq!(said.len(), 1);
    bench.tick(hour(3), vec![row(1, 6.5)]).await.unwrap();
    bench.tick(hour(9), vec![row(1, 6.6)]).await.unwrap();
    assert_eq!(bench.said().await, said);
}

/// F-S14: a database that was put back has not seen what was told since. What is true then is silent until
/// it was not, however often the process ends before the market was heard, and what became true later is told
/// as ever.
#[tokio::test]
async fn a_database_that_was_put_back_tells_nothing_twice() {
    let bench = Bench::new().await;
    let rows = |one, two, three| vec![row(1, one), row(2, two), row(3, three)];
    bench.tick(hour(0), rows(4.0, 4.0, 4.0)).await.unwrap();
    bench.add(above(), hour(0)).await;
    bench.tick(hour(1), rows(6.0, 4.0, 4.0)).await.unwrap();
    let copy = bench.folder.path().join("copy");
    let path = file(&bench.folder);
    crate::store::backup::backup(&path, &copy, hour(1))
        .await
        .unwrap();
    for hours in 2..5 {
        bench.tick(hour(hours), rows(6.0, 6.1, 4.0)).await.unwrap();
    }
    let told = bench.said().await.len();
    assert_eq!(told, 2);
    bench.store.close().await;
    let Bench { folder, store, .. } = bench;
    drop(store);
    let put_back = crate::store::backup::restore(&copy, &path, &[7; 32], hour(5));
    put_back.await.unwrap();
    let bench = Bench::over(folder, hour(5)).await;
    let bench = bench.restarted(hour(5)).await;
    // What is said beside the market is not the market.
    let beside = stands(hour(5), (*bench.market.snapshot()).clone(), Vec::new());
    let beside = bench.alerting.tick(&bench.store, &bench.market, beside);
    beside.await.unwrap();
    let bench = bench.restarted(hour(5)).await;
    for hours in 5..9 {
        bench.tick(hour(hours), rows(6.0, 6.1, 4.0)).await.unwrap();
    }
    assert_eq!(bench.said().await, []);
    for hours in 9..13 {
        bench.tick(hour(hours), rows(6.0, 6.1, 6.2)).await.unwrap();
    }
    assert_eq!(bench.said().await.len(), 1);
}

/// Whoever reads the database keeps a server that is forgotten in its log for a while. Nobody who asks about
/// alerts waits for that.
#[tokio::test]
async fn a_server_is_forgotten_without_keeping_others_waiting_for_a_reader() {
    let bench = Bench::new().await;
    bench.add(above(), hour(0)).await;
    let mut reader = bench.connection().await;
    let mut reading = reader.begin().await.unwrap();
    let alerts: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM alert")
        .fetch_one(&mut *reading)
        .await
        .unwrap();
    assert_eq!(alerts, 1);
    let forgotten = bench.alerting.forget_server(&bench.store, GUILD);
    let asked = async {
        let asked_at = std::time::Instant::now();
        while bench.alerting.count().await > 0 {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        reading.rollback().await.unwrap();
        asked_at.elapsed()
    };
    let (forgotten, waited) = tokio::join!(forgotten, asked);
    forgotten.unwrap();
    assert!(waited.as_secs() < 4, "{waited:?}");
}

#[tokio::test]
async fn what_is_true_already_is_the_baseline_and_silent_until_it_was_not() {
    let bench = Bench::new().await;
    bench
        .tick(hour(0), vec![row(1, 6.0), row(2, 4.0)])
        .await
        .unwrap();
    let added = bench.add(above(), hour(0)).await;
    assert_eq!((added.pools, added.baseline), (2, 1));
    for hours in 1..5 {
        bench
            .tick(hour(hours), vec![row(1, 6.0), row(2, 4.0)])
            .await
            .unwrap();
    }
    let bench = bench.restarted(hour(5)).await;
    bench
        .tick(hour(5), vec![row(1, 6.1), row(2, 4.0)])
        .await
        .unwrap();
    bench
        .tick(hour(6), vec![row(1, 3.0), row(2, 4.0)])
        .await
        .unwrap();
    assert_eq!(bench.said().await, []);
    bench
        .tick(hour(7), vec![row(1, 6.0), row(2, 4.0)])
        .await
        .unwrap();
    bench
        .tick(hour(8), vec![row(1, 6.0), row(2, 4.0)])
        .await
        .unwrap();
    assert_eq!(bench.said().await.len(), 1);
}

#[tokio::test]
async fn nothing_is_said_for_an_alert_that_was_removed() {
    let bench = Bench::new().await;
    let added = bench.add(above(), hour(0)).await;
    bench.tick(hour(0), vec![row(1, 4.0)]).await.unwrap();
    bench.tick(hour(1), vec![row(1, 6.0)]).await.unwrap();
    let id_of = added.alert.id;
    let elsewhere = bench
        .alerting
        .remove(&bench.store, id_of, &deed(GuildId(2)))
        .await
        .unwrap();
    assert_eq!((elsewhere, bench.alerting.count().await), (None, 1));
    let removed = bench
        .alerting
        .remove(&bench.store, id_of, &deed(GUILD))
        .await
        .unwrap();
    assert_eq!(removed, Some(added.alert));
    bench.tick(hour(2), vec![row(1, 6.5)]).await.unwrap();
    let bench = bench.restarted(hour(3)).await;
    bench.tick(hour(3), vec![row(1, 7.0)]).await.unwrap();
    assert_eq!(
        (bench.said().await.len(), bench.alerting.count().await),
        (0, 0)
    );
}

/// A pool that came back had a new number under an id that was still there, so no batch could be
/// committed from then on.
#[tokio::test]
async fn a_pool_that_was_forgotten_can_come_back() {
    for restart in [false, true] {
        let mut bench = Bench::new().await;
        bench
            .tick(day(0), vec![row(1, 4.0), row(2, 4.0)])
            .await
            .unwrap();
        let no = bench.market.snapshot().get(id(2)).unwrap().no;
        bench.tick(day(1), vec![row(1, 4.0)]).await.unwrap();
        bench.tick(day(15), vec![row(1, 4.0)]).await.unwrap();
        assert!(bench.market.snapshot().get(id(2)).is_none());
        if restart {
            bench = bench.restarted(day(15)).await;
        }
        bench
            .tick(day(16), vec![row(1, 4.0), row(3, 4.0)])
            .await
            .unwrap();
        bench
            .tick(day(17), vec![row(1, 4.0), row(2, 9.0), row(3, 4.0)])
            .await
            .unwrap();
        let bench = bench.restarted(day(17)).await;
        let snapshot = bench.market.snapshot();
        for (pool, apy) in [(1, 4.0), (2, 9.0), (3, 4.0)] {
            assert_eq!(
                snapshot
                    .get(id(pool))
                    .map(|listing| listing.reading.apy.get()),
                Some(apy)
            );
        }
        let back = snapshot.get(id(2)).unwrap();
        assert_eq!(back.no, no, "its days are its own again");
        let numbers: HashSet<i64> = snapshot.listings().iter().map(|one| one.no).collect();
        assert_eq!(numbers.len(), 3, "a number belongs to one pool");
    }
}

/// The same, when the process was down while the pool's time ran out.
#[tokio::test]
async fn a_pool_that_was_gone_over_a_long_stop_can_come_back() {
    let bench = Bench::new().await;
    bench
        .tick(day(0), vec![row(1, 4.0), row(2, 4.0)])
        .await
        .unwrap();
    bench.tick(day(1), vec![row(1, 4.0)]).await.unwrap();
    let bench = bench.restarted(day(40)).await;
    bench
        .tick(day(40), vec![row(1, 4.0), row(2, 5.0)])
        .await
        .unwrap();
    assert!(bench.market.snapshot().get(id(2)).is_some());
}

/// A zero that was confirmed changed neither figures nor verdict, so it was left out of the memory.
#[tokio::test]
async fn a_zero_that_is_confirmed_is_kept_with_both_of_its_readings() {
    let bench = Bench::new().await;
    for (hours, apy) in [(0, 4.0), (1, 4.0), (2, 0.0), (3, 0.0), (4, 5.0)] {
        bench.tick(hour(hours), vec![row(1, apy)]).await.unwrap();
    }
    let stretches = bench.store.stretches(&[1], hour(0)).await.unwrap();
    let stretches = &stretches[&1];
    let kept: Vec<_> = stretches
        .iter()
        .map(|kept| (kept.until, kept.apy.get()))
        .collect();
    assert_eq!(
        kept,
        [
            (hour(1), 4.0),
            (hour(2), 0.0),
            (hour(3), 0.0),
            (hour(4), 5.0),
        ]
    );
}

/// What was remembered reached back only as far as the windows of the rules before it.
#[tokio::test]
async fn a_new_alert_with_a_longer_window_looks_back_over_all_of_it() {
    let drop = |days| rule(Kind::TvlDrop, Some(30.0), Some(Span::days(days)));
    let bench = Bench::new().await;
    bench.add(drop(1), hour(0)).await;
    bench
        .tick(day(0), vec![holding(row(1, 4.0), 1e7)])
        .await
        .unwrap();
    bench
        .tick(day(1), vec![holding(row(1, 4.0), 6e6)])
        .await
        .unwrap();
    bench
        .tick(day(3), vec![holding(row(1, 4.0), 6.1e6)])
        .await
        .unwrap();
    bench
        .tick(day(4), vec![holding(row(1, 4.0), 6.0e6)])
        .await
        .unwrap();
    assert_eq!(bench.add(drop(1), day(4)).await.baseline, 0);
    assert_eq!(bench.add(drop(7), day(4)).await.baseline, 1);
}

fn market_rows(seed: &[(f64, f64, f64, bool)]) -> Vec<Observed> {
    let mut rows = vec![row(9, 3.0)];
    for (number, (apy, tvl, share, there)) in (1..).zip(seed) {
        if *there {
            rows.push(holding(rewarded(row(number, *apy), *share), *tvl));
        }
    }
    rows
}

fn figures() -> impl Strategy<Value = (f64, f64, f64, bool)> {
    (
        select(&[0.0, 2.0, 4.0, 4.5, 6.0, 40.0][..]),
        select(&[1e6, 1e6, 6e5, 2e6][..]),
        select(&[0.0, 0.0, 0.5, 0.9][..]),
        proptest::bool::weighted(0.8),
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, max_shrink_iters: 60, ..ProptestConfig::default() })]

    #[test]
    fn a_process_that_is_restarted_after_each_batch_says_the_same(
        batches in proptest::collection::vec(proptest::collection::vec(figures(), 2), 8..14)
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let run = |restart: bool| {
            runtime.block_on(async {
                let mut bench = Bench::new().await;
                for rule in [
                    above(),
                    rule(Kind::ApyBelow, Some(3.0), None),
                    rule(Kind::ApyChange, Some(20.0), Some(Span::hours(3))),
                    rule(Kind::VerdictWorsens, None, Some(Span::hours(6))),
                    rule(Kind::TvlDrop, Some(30.0), Some(Span::hours(4))),
                ] {
                    bench.add(rule, hour(0)).await;
                }
                for (hours, rows) in (0..).zip(&batches) {
                    bench.tick(hour(hours), market_rows(rows)).await.unwrap();
                    if restart {
                        bench = bench.restarted(hour(hours)).await;
                    }
                }
                bench.said().await
            })
        };
        let (restarted, steady) = (run(true), run(false));
        let briefly = |said: &[(Vec<u8>, String, i64, String)]| -> Vec<String> {
            said.iter().map(|entry| format!("{} {} {}", entry.2, entry.1, entry.3)).collect()
        };
        for (one, other) in briefly(&restarted).iter().zip(briefly(&steady)) {
            prop_assert_eq!(one, &other);
        }
        prop_assert_eq!(restarted.len(), steady.len());
    }
}

/// Five readings within two hours, each further than the last, are one event: with the defaults, which
/// hold for two hours, it is told once or not yet.
#[tokio::test]
async fn five_reads_within_two_hours_do_not_speak_twice() {
    for (kind, value) in [(Kind::ApyBelow, 3.0), (Kind::ApyChange, 20.0)] {
        let bench = Bench::new().await;
        let rule = Rule {
            timing: Timing::default(),
            ..rule(kind, Some(value), None)
        };
        bench.tick(minute(0), vec![row(1, 5.0)]).await.unwrap();
        bench.add(rule, minute(1)).await;
        for (at, apy) in [(5, 2.9), (30, 2.5), (60, 2.2), (90, 2.4), (120, 2.8)] {
            bench.tick(minute(at), vec![row(1, apy)]).await.unwrap();
        }
        assert!(bench.said().await.len() <= 1, "{kind:?}");
        bench.tick(minute(240), vec![row(1, 2.8)]).await.unwrap();
        bench.tick(minute(250), vec![row(1, 2.81)]).await.unwrap();
        assert_eq!(bench.said().await.len(), 1, "{kind:?}");
    }
}

/// A pool that goes on under another key keeps its alert, with the episode that is open; that it is gone
/// is not told.
#[tokio::test]
async fn an_alert_follows_its_pool_to_another_key() {
    let bench = Bench::new().await;
    let with_tokens = |number: u8, apy: f64| {
        let mut observed = row(number, apy);
        observed.pool.symbol = row(1, 1.0).pool.symbol;
        observed.pool.underlying = Box::new(["0xaa".into()]);
        if number > 1 {
            observed.feed.days = Some(1);
        }
        observed
    };
    let first = with_tokens(1, 4.0);
    bench.tick(hour(0), vec![first]).await.unwrap();
    let on_pool = |kind, value| Rule {
        scope: Scope::of_pool(id(1)),
        ..rule(kind, value, None)
    };
    bench.add(on_pool(Kind::ApyAbove, Some(5.0)), hour(0)).await;
    bench.add(on_pool(Kind::PoolGone, None), hour(0)).await;
    for (at, apy) in [(1, 6.0), (2, 6.1)] {
        let rows = vec![with_tokens(1, apy)];
        bench.tick(hour(at), rows).await.unwrap();
    }
    assert_eq!(bench.said().await.len(), 1);
    for at in 3..8 {
        let rows = vec![with_tokens(2, 6.1)];
        let change = after(&bench.market.snapshot(), hour(at), rows);
        let followed = bench
            .alerting
            .follow_renamed(&bench.store, &bench.market, &change);
        followed.await.unwrap();
        let ticked = bench.alerting.tick(&bench.store, &bench.market, change);
        ticked.await.unwrap();
    }
    for alert in [AlertId(1), AlertId(2)] {
        let kept = bench.store.alert(GUILD, alert).await.unwrap().unwrap();
        assert_eq!(kept.rule.scope.pool, Some(id(2)), "{alert}");
    }
    assert!(bench.alerting.episode(AlertId(1), id(2)).await.is_open());
    assert_eq!(bench.said().await.len(), 1, "nothing is told of it");
    // What was open goes on under the new key, and its end is that of the same episode.
    for (at, apy) in [(9, 3.0), (10, 3.1), (11, 3.2)] {
        let rows = vec![with_tokens(2, apy)];
        bench.tick(hour(at), rows).await.unwrap();
    }
    let said = bench.said().await;
    assert_eq!(said[1].1, "closed");
    let opening: Vec<u8> = sqlx::query_scalar("SELECT opening FROM outbox WHERE edge = 'closed'")
        .fetch_one(&mut bench.connection().await)
        .await
        .unwrap();
    assert_eq!(opening, said[0].0);
}

/// Where it is not certain what a pool has become, a person is asked, once, and the alert stays.
#[tokio::test]
async fn what_a_pool_may_have_become_is_asked_once() {
    let bench = Bench::new().await;
    let like = |number: u8| {
        let mut observed = row(number, 4.0);
        observed.pool.symbol = row(1, 1.0).pool.symbol;
        observed.feed.days = (number > 1).then_some(1);
        observed
    };
    bench.tick(hour(0), vec![like(1)]).await.unwrap();
    let rule = Rule {
        scope: Scope::of_pool(id(1)),
        ..above()
    };
    bench.add(rule, hour(0)).await;
    for at in 1..9 {
        let rows = vec![like(2), like(3)];
        let change = after(&bench.market.snapshot(), hour(at), rows);
        let followed = bench
            .alerting
            .follow_renamed(&bench.store, &bench.market, &change);
        assert_eq!(followed.await.unwrap(), 0);
        let ticked = bench.alerting.tick(&bench.store, &bench.market, change);
        ticked.await.unwrap();
    }
    let said = bench.said().await;
    assert_eq!(said.len(), 1);
    assert!(said[0].3.contains("Has it become"), "{}", said[0].3);
    let kept = bench.store.alert(GUILD, AlertId(1)).await.unwrap().unwrap();
    assert_eq!(kept.rule.scope.pool, Some(id(1)));
}

/// A pool that is troubled so, by what is believed of its protocol and its coin.
fn strained(peg: Option<f64>, protocol: Option<Trouble>) -> Strain {
    Strain {
        peg: peg.map(|deviation| OffPeg {
            symbol: "USDC".into(),
            deviation,
        }),
        protocol,
    }
}

impl Bench {
    /// A batch in which nothing moves, with what troubles every pool.
    async fn tick_strained(&self, at: Timestamp, pools: u8, strain: &Strain) -> Ticked {
        let rows = (1..=pools).map(|number| row(number, 4.0)).collect();
        let mut change = after(&self.market.snapshot(), at, rows);
        change.strained = change.snapshot.set_strains(|_| strain.clone());
        self.alerting
            .tick(&self.store, &self.market, change)
            .await
            .unwrap()
    }

    /// What goes out: its edge and the beginning of its summary.
    async fn told(&self) -> Vec<(String, String)> {
        sqlx::query_as("SELECT edge, summary FROM outbox WHERE payload <> '' AND state <> 'unsaid' ORDER BY id")
            .fetch_all(&mut self.connection().await)
            .await
            .unwrap()
    }
}

#[tokio::test]
async fn an_incident_is_told_at_once_and_once_for_all_pools_of_the_protocol() {
    let bench = Bench::new().await;
    let rule = Rule {
        timing: Kind::ProtocolIncident.timing(Timing::default()),
        ..rule(Kind::ProtocolIncident, None, None)
    };
    bench.add(rule, hour(0)).await;
    let calm = strained(None, Some(Trouble::Calm));
    let drained = strained(None, Some(Trouble::Drained(-0.42)));
    let unknown = strained(None, None);
    bench.tick_strained(hour(0), 3, &calm).await;
    assert_eq!(bench.tick_strained(hour(1), 3, &unknown).await.notices, 0);
    assert!(bench.tick_strained(hour(2), 3, &drained).await.notices > 0);
    // It is still so, and nothing more is known of it: no word.
    assert_eq!(bench.tick_strained(hour(3), 3, &drained).await.notices, 0);
    assert_eq!(bench.tick_strained(hour(4), 3, &unknown).await.notices, 0);
    let bench = bench.restarted(hour(5)).await;
    bench.tick_strained(hour(5), 3, &calm).await;
    let told = bench.told().await;
    let together: Vec<&str> = told
        .iter()
        .map(|(_, summary)| summary.as_str())
        .filter(|summary| summary.contains("that alerts here watch"))
        .collect();
    assert_eq!(
        together,
        [
            "⚠️ aave-v3 – in trouble (TVL −42 % in 24 h, as the source has said twice); 3 pools that alerts here watch are of it",
            "⏹️ aave-v3 – no flag, and no further fall within 24 h; what left need not have come back; 3 pools that alerts here watch are of it",
        ]
    );
}

/// A coin that was off its peg before is no news for an alert that is made before a second reading.
#[tokio::test]
async fn what_a_source_has_said_once_is_a_baseline() {
    let bench = Bench::new().await;
    let calm = strained(None, None);
    bench.tick_strained(hour(0), 3, &calm).await;
    let coins = Told::Stablecoins(vec![Stablecoin {
        name: "USD Coin".into(),
        symbol: "USDC".into(),
        peg: Peg::Usd,
        price_usd: Some(0.8),
        circulating: Some(1e9),
        yield_bearing: false,
    }]);
    let facts = Facts::default().with(coins, hour(0), Span::days(1));
    bench.market.swap_facts(facts);
    let added = bench.add(rule(Kind::OffPeg, None, None), hour(0)).await;
    assert_eq!(added.baseline, 3);
    let off = strained(Some(-0.2), None);
    for hours in 1..5 {
        assert_eq!(bench.tick_strained(hour(hours), 3, &off).await.notices, 0);
    }
}

#[tokio::test]
async fn a_coin_that_stays_off_its_peg_is_told_after_the_hold_and_one_that_slips_is_not() {
    let bench = Bench::new().await;
    bench.add(rule(Kind::OffPeg, None, None), hour(0)).await;
    let off = |deviation| strained(Some(deviation), None);
    for (hours, deviation) in [(0, 0.0), (1, -0.03), (2, -0.001), (4, -0.03)] {
        let ticked = bench.tick_strained(hour(hours), 1, &off(deviation)).await;
        assert_eq!(ticked.notices, 0, "at {hours} h");
    }
    assert_eq!(
        bench.tick_strained(hour(5), 1, &off(-0.03)).await.notices,
        1
    );
    let told = bench.told().await;
    assert!(
        told[0]
            .1
            .contains("USDC −3 %, 2 % or more from what it follows"),
        "{told:?}"
    );
}

/// A pool that pays most of its rate in rewards, which is not sustainable whatever its past.
fn unsustainable(number: u8) -> Observed {
    rewarded(row(number, 4.0), 0.9)
}

impl Bench {
    /// The pool's number, verdict and whether it repeats, of each verdict that was told.
    async fn announced(&self) -> Vec<(i64, String, bool)> {
        sqlx::query_as(
            "SELECT pool_no, verdict, repeats FROM announced_verdict ORDER BY at, pool_no",
        )
        .fetch_all(&mut self.connection().await)
        .await
        .unwrap()
    }

    async fn rename(&self, from: &str, to: &str) {
        let sql = format!("ALTER TABLE {from} RENAME TO {to}");
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql))
            .execute(&mut self.connection().await)
            .await
            .unwrap();
    }
}

/// A warning of which only the notice, or only the record, was kept would make the track record a lie.
#[tokio::test]
async fn a_verdict_that_is_told_is_kept_with_its_notice_or_neither_is() {
    for missing in ["announced_verdict", "outbox"] {
        let bench = Bench::new().await;
        // Two alerts tell the same verdict, of which there is one.
        bench
            .add(rule(Kind::VerdictBecomes, None, None), hour(0))
            .await;
        let below = bench
            .add(rule(Kind::ApyBelow, Some(4.5), None), hour(0))
            .await;
        bench.tick(hour(0), vec![row(1, 5.0)]).await.unwrap();
        bench.tick(hour(1), vec![unsustainable(1)]).await.unwrap();
        bench.rename(missing, "aside").await;
        assert!(bench.tick(hour(2), vec![unsustainable(1)]).await.is_err());
        bench.rename("aside", missing).await;
        assert_eq!(
            (bench.said().await.len(), bench.announced().await.len()),
            (0, 0)
        );
        bench.tick(hour(2), vec![unsustainable(1)]).await.unwrap();
        let told = [(1, "unsustainable".to_owned(), false)];
        assert_eq!(bench.said().await.len(), 2);
        assert_eq!(bench.announced().await, told);
        // Who is gone had been told, and it stays so.
        let by_admin = deed(GUILD);
        let removed = bench
            .alerting
            .remove(&bench.store, below.alert.id, &by_admin);
        removed.await.unwrap();
        let bench = bench.restarted(hour(3)).await;
        assert_eq!(bench.announced().await, told);
    }
}

#[tokio::test]
async fn the_end_of_a_warning_tells_the_verdict_that_came_and_what_goes_unsaid_tells_none() {
    let bench = Bench::new().await;
    let rows = vec![row(1, 4.0), unsustainable(3)];
    bench.tick(hour(0), rows).await.unwrap();
    for (pool, kind) in [(1, Kind::VerdictBecomes), (3, Kind::NewSustainable)] {
        let rule = Rule {
            scope: Scope::of_pool(id(pool)),
            ..rule(kind, None, None)
        };
        bench.add(rule, hour(0)).await;
    }
    for at in 1..3 {
        let rows = vec![unsustainable(1), row(3, 4.0)];
        bench.tick(hour(at), rows).await.unwrap();
    }
    for at in 3..6 {
        let rows = vec![row(1, 4.0), unsustainable(3)];
        bench.tick(hour(at), rows).await.unwrap();
    }
    let said = bench.said().await;
    let edges: Vec<&str> = said.iter().map(|(_, edge, _, _)| &**edge).collect();
    assert_eq!(edges, ["opened", "opened", "closed", "closed"]);
    // That an offer is no longer a new one goes unsaid, and so does the verdict that came with it.
    let told = |no: i64, verdict: &str| (no, verdict.to_owned(), false);
    assert_eq!(
        bench.announced().await,
        [
            told(1, "unsustainable"),
            told(2, "sustainable"),
            told(1, "sustainable")
        ]
    );
}

/// Only what is watched can be missed, and a day counts with the verdict that it ended with.
#[tokio::test]
async fn the_verdicts_that_a_day_ends_with_are_kept_of_watched_pools() {
    let bench = Bench::new().await;
    let rows = |last: Observed| {
        let small = holding(row(3, 4.0), 90_000.0);
        let low = row(4, 1.9);
        vec![row(1, 4.0), last, small, low, row(5, 4.0)]
    };
    for number in 1..5 {
        let rule = Rule {
            scope: Scope::of_pool(id(number)),
            ..above()
        };
        bench.add(rule, hour(0)).await;
    }
    let floor = Rule {
        scope: Scope {
            min_tvl: Some(1e9),
            ..Scope::of_pool(id(5))
        },
        ..above()
    };
    bench.add(floor, hour(0)).await;
    bench.tick(hour(0), rows(row(2, 4.0))).await.unwrap();
    bench.tick(hour(23), rows(unsustainable(2))).await.unwrap();
    let stood = async |bench: &Bench| -> Vec<(Vec<u8>, i64, String)> {
        sqlx::query_as(
            "SELECT p.id, s.day, s.verdict FROM standing_verdict s JOIN pool p ON p.no = s.pool_no \
             ORDER BY p.id, s.day",
        )
        .fetch_all(&mut bench.connection().await)
        .await
        .unwrap()
    };
    assert_eq!(stood(&bench).await, []);
    let bench = bench.restarted(hour(23)).await;
    bench.tick(hour(25), rows(row(2, 4.0))).await.unwrap();
    bench.tick(hour(26), rows(row(2, 4.1))).await.unwrap();
    let first = i64::from(hour(0).day().0);
    let ended = |number: u8, verdict: &str| (vec![number; 16], first, verdict.to_owned());
    assert_eq!(
        stood(&bench).await,
        [ended(1, "sustainable"), ended(2, "unsustainable")]
    );
}

/// What was told of a pool stays with its key: that another one is the same pool is a guess, and what
/// became of it then cannot be known.
#[tokio::test]
async fn a_pool_under_another_key_takes_no_record_with_it() {
    let bench = Bench::new().await;
    let with_tokens = |mut observed: Observed, is_new: bool| {
        observed.pool.symbol = row(1, 1.0).pool.symbol;
        observed.pool.underlying = Box::new(["0xaa".into()]);
        observed.feed.days = Some(if is_new { 1 } else { 200 });
        observed
    };
    let rule = Rule {
        scope: Scope::of_pool(id(1)),
        ..rule(Kind::VerdictBecomes, None, None)
    };
    bench
        .tick(hour(0), vec![with_tokens(row(1, 4.0), false)])
        .await
        .unwrap();
    bench.add(rule, hour(0)).await;
    for at in 1..3 {
        let rows = vec![with_tokens(unsustainable(1), false)];
        bench.tick(hour(at), rows).await.unwrap();
    }
    let told = [(1, "unsustainable".to_owned(), false)];
    assert_eq!(bench.announced().await, told);
    for at in 3..8 {
        let rows = vec![with_tokens(unsustainable(2), true)];
        let change = after(&bench.market.snapshot(), hour(at), rows);
        let followed = bench
            .alerting
            .follow_renamed(&bench.store, &bench.market, &change);
        followed.await.unwrap();
        let ticked = bench.alerting.tick(&bench.store, &bench.market, change);
        ticked.await.unwrap();
    }
    let alert = bench.store.alert(GUILD, AlertId(1)).await.unwrap().unwrap();
    assert_eq!(alert.rule.scope.pool, Some(id(2)));
    assert_eq!(bench.announced().await, told);
    super::track::judge(&bench.store, day(31)).await.unwrap();
    let warnings = bench.store.tally(day(31).day()).await.unwrap().warnings;
    assert_eq!((warnings.all(), warnings.not_known), (1, 1));
}

/// A filter watches pools as much as an alert that names one: their charts are worth most.
#[tokio::test]
async fn pools_that_an_alert_watches_are_found_by_any_scope() {
    let bench = Bench::new().await;
    let mut dai = row(1, 4.0);
    dai.pool.symbol = "DAI".into();
    let rows = vec![dai, row(2, 4.0), row(3, 4.0)];
    bench.tick(hour(0), rows).await.unwrap();
    let watched = async || {
        let pools = [3, 2, 1].map(id).to_vec();
        let market = bench.market.snapshot();
        bench.alerting.watched_among(market, pools).await
    };
    assert_eq!(watched().await, []);
    let mut usdc = above();
    usdc.scope.asset = Some("usdc".to_owned());
    bench.add(usdc, hour(1)).await;
    assert_eq!(watched().await, [id(3), id(2)]);
}

/// F-U10: a pool that the source forgets for a day is no pool that pays nothing, and when it is back its
/// episode goes on as it was.
#[tokio::test]
async fn a_pool_that_vanishes_keeps_its_episode() {
    let bench = Bench::new().await;
    let added = bench.add(above(), hour(0)).await;
    let below = bench
        .add(rule(Kind::ApyBelow, Some(3.0), None), hour(0))
        .await;
    let others = |apy| vec![row(1, apy), row(2, 4.0), row(3, 4.0), row(4, 4.0)];
    for (at, apy) in [(0, 4.0), (1, 6.0), (2, 6.5)] {
        bench.tick(hour(at), others(apy)).await.unwrap();
    }
    let opened = bench.said().await;
    assert_eq!(opened.len(), 1);
    for at in 3..20 {
        let rest = vec![
            row(2, 4.0),
            row(3, 4.0 + f64::from(u8::try_from(at).unwrap()) / 100.0),
        ];
        bench.tick(hour(at), rest).await.unwrap();
    }
    let missing = bench.market.snapshot().get(id(1)).unwrap().state;
    assert_eq!(missing, DataState::Missing);
    for at in 20..24 {
        bench.tick(hour(at), others(6.6)).await.unwrap();
    }
    assert_eq!(
        bench.said().await,
        opened,
        "nothing opened and nothing ended"
    );
    let open = |alert| bench.alerting.episode(alert, id(1));
    assert!(open(added.alert.id).await.is_open());
    assert!(!open(below.alert.id).await.is_open());
}

/// F-U12: percent told as a fraction, and back, is news to nobody.
#[tokio::test]
async fn a_change_of_units_tells_nobody() {
    let bench = Bench::new().await;
    for kind in [
        rule(Kind::ApyBelow, Some(3.0), None),
        rule(Kind::ApyChange, Some(20.0), Some(Span::days(1))),
    ] {
        bench.add(kind, hour(0)).await;
    }
    let paying = |unit: f64| (1..=5).map(move |pool| row(pool, f64::from(pool + 4) * unit));
    for at in 0..40 {
        let unit = if (6..24).contains(&at) { 0.01 } else { 1.0 };
        bench.tick(hour(at), paying(unit).collect()).await.unwrap();
    }
    assert_eq!(bench.said().await, []);
}

/// F-U13: a spike that is real is told with the answer that confirms it, from when it began.
#[tokio::test]
async fn a_spike_is_told_with_the_answer_that_confirms_it() {
    let bench = Bench::new().await;
    bench.add(above(), hour(0)).await;
    for (at, apy, told) in [(0, 4.0, 0), (1, 40.0, 0), (2, 41.0, 1), (3, 41.0, 1)] {
        bench.tick(hour(at), vec![row(1, apy)]).await.unwrap();
        assert_eq!(bench.said().await.len(), told, "hour {at}");
    }
    // One that was not meant is told to nobody.
    for (at, apy) in [(4, 400.0), (5, 41.0), (6, 0.0), (7, 41.0)] {
        bench.tick(hour(at), vec![row(1, apy)]).await.unwrap();
    }
    assert_eq!(bench.said().await.len(), 1);
}
