//! A bot that is killed goes on where it was: nothing is lost, nothing is told twice.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
    path::Path,
};

use discord_twin::Twin;
use rustix::process::{Resource, Rlimit, prlimit};
use sqlx::{Connection as _, SqliteConnection, migrate::Migrator, sqlite::SqliteConnectOptions};

use crate::support::{
    LONG, TestBot, USDC, USDT, Upstream, WETH, answer, below_three, call, manage, market,
    one_server, pools_of, row, said, server, until, watching,
};

fn three(usdc: f64, usdt: f64, weth: f64) -> String {
    answer(&[
        row(USDC, "USDC", "aave-v3", usdc),
        row(USDT, "USDT", "aave-v3", usdt),
        row(WETH, "WETH", "compound-v3", weth),
    ])
}

async fn show(upstream: &Upstream, usdc: f64, usdt: f64, weth: f64) {
    for step in [0.0, 0.01, 0.02] {
        upstream.set(three(usdc - step, usdt - step, weth - step));
        upstream.taken().await;
    }
}

/// F-S01: one notice for each pool, before or after the kill, and what was under way is looked for first.
#[tokio::test(flavor = "multi_thread")]
async fn every_notice_is_told_once_across_a_kill() {
    let twin = Twin::start(one_server()).await.unwrap();
    let upstream = Upstream::start(three(5.0, 5.0, 5.0)).await;
    let mut bot = TestBot::new(&twin, &upstream);
    bot.start(&twin, 1).await;
    for pool in [USDC, USDT, WETH] {
        let add = manage("alerts add")
            .option("at_once", true)
            .option("when", "apy_below")
            .option("value", 3);
        let reply = twin
            .run(&add.option("pool", pool).option("hold", "1s"))
            .await
            .unwrap();
        assert!(
            said(&reply).contains("No pool meets it"),
            "{}",
            said(&reply)
        );
    }
    let channel = server() + 1;
    show(&upstream, 2.0, 5.0, 5.0).await;
    twin.wait_for_messages(channel, 1, LONG).await.unwrap();
    until("nothing is under way", || twin.in_flight() == 0).await;
    bot.kill();
    let webhooks = twin.webhooks(channel);
    assert_eq!(webhooks.len(), 1);

    // One post is left as a kill in mid-flight would leave it: of a message that is not there.
    let url = format!("sqlite://{}", bot.path("stipend.db").display());
    let mut open = SqliteConnection::connect(&url).await.unwrap();
    sqlx::query(
        "INSERT INTO post (destination_id, notices, marker, nonce, payload, created_at, not_after, state, attempt,
            epoch, intent_at, series_at, webhook_id, floor)
         SELECT destination_id, 1, '#LEFT-OVER', 'left-over', payload, created_at, not_after, 'sending', 1,
            0, created_at, created_at, webhook_id, message_id
         FROM post LIMIT 1",
    )
    .execute(&mut open)
    .await
    .unwrap();
    open.close().await.unwrap();
    bot.set("DELIVERY__TIMEOUT", "500ms");
    bot.set("DELIVERY__SETTLE", "1s");

    bot.start(&twin, 1).await;
    show(&upstream, 1.9, 2.0, 5.0).await;
    twin.wait_for_messages(channel, 3, LONG).await.unwrap();
    show(&upstream, 1.8, 1.9, 2.0).await;
    twin.wait_for_messages(channel, 4, LONG).await.unwrap();
    show(&upstream, 1.7, 1.8, 1.9).await;
    // What was left over was looked for, not found, and sent again: the first pool once more.
    assert_eq!(pools_of(&twin.channel(channel)), [USDC, USDC, USDT, WETH]);
    assert!(bot.log().contains("looked into the channel"));
    assert_eq!(twin.webhooks(channel), webhooks);
    bot.end(&twin);
}

/// The schema of a database, and its alerts.
async fn kept_in(path: &Path) -> (i64, Vec<i64>) {
    let options = SqliteConnectOptions::new().filename(path).read_only(true);
    let mut open = SqliteConnection::connect_with(&options).await.unwrap();
    let schema = sqlx::query_scalar("SELECT MAX(version) FROM _sqlx_migrations")
        .fetch_one(&mut open)
        .await
        .unwrap();
    let alerts = sqlx::query_scalar("SELECT id FROM alert ORDER BY id")
        .fetch_all(&mut open)
        .await
        .unwrap();
    open.close().await.unwrap();
    (schema, alerts)
}

/// F-S10: an older database is brought up to date and the process is killed between any two steps of that. Each
/// step is there in whole or not at all, the next start goes on from it, and a copy from before lies beside.
#[tokio::test(flavor = "multi_thread")]
async fn a_migration_that_is_cut_off_is_completed_by_the_next_start() {
    const OLD: i64 = 5;
    const ALERTS: &str = "INSERT INTO alert (id, guild_id, channel_id, rule, version, created_by, created_at, removed_at) \
         VALUES (1, 1, 2, '', 1, 5, 1000, 2000), (2, 1, 2, '', 1, 5, 1000, 3000)";
    let steps = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations/sqlite");
    let steps = Migrator::new(steps).await.unwrap();
    assert!(
        steps.iter().all(|step| !step.no_tx),
        "each is a transaction"
    );
    let newest = steps.iter().map(|step| step.version).max().unwrap();
    let twin = Twin::start(one_server()).await.unwrap();
    let upstream = Upstream::start(answer(&market(5.0))).await;
    let mut bot = TestBot::new(&twin, &upstream);
    let (path, key) = (bot.path("stipend.db"), bot.path("stipend.key"));
    fs::write(&key, [7; 32]).unwrap();
    fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
    let options = SqliteConnectOptions::new()
        .filename(&path)
        .create_if_missing(true);
    let mut old = SqliteConnection::connect_with(&options).await.unwrap();
    steps.run_to(OLD, &mut old).await.unwrap();
    sqlx::query(ALERTS).execute(&mut old).await.unwrap();
    old.close().await.unwrap();

    for step in OLD + 1..newest {
        // The steps that are done already come to the point as well.
        bot.give(
            "FAILPOINTS",
            format!("migrate.mid={}*off->return", step - 1),
        );
        bot.spawn();
        let (code, _) = bot.ends().await;
        assert_eq!(code, None, "it was not killed");
        assert_eq!(kept_in(&path).await, (step, vec![1, 2]));
        let copy = bot.path(&format!("stipend.db.schema-{}", step - 1));
        assert_eq!(kept_in(&copy).await, (step - 1, vec![1, 2]));
    }
    bot.give("FAILPOINTS", "");
    bot.start(&twin, 1).await;
    assert_eq!(kept_in(&path).await, (newest, vec![1, 2]));
    let first = bot.path(&format!("stipend.db.schema-{OLD}"));
    assert_eq!(kept_in(&first).await, (OLD, vec![1, 2]));
    bot.end(&twin);
}

/// An answer's bytes, under the cap of 64 MiB.
const LARGE: usize = 60_000_000;

/// F-S15: the system gives no more memory while a large answer is read. The process ends as by a kill; the next one
/// goes on with what is kept, and tells once.
#[tokio::test(flavor = "multi_thread")]
async fn a_process_without_memory_ends_and_the_next_one_goes_on() {
    let (twin, upstream, mut bot) = watching(market).await;
    let limit = Rlimit {
        current: Some(bot.memory("VmSize")),
        maximum: None,
    };
    prlimit(Some(bot.pid()), Resource::As, limit).unwrap();
    upstream.set(three(5.0, 5.0, 5.0) + &" ".repeat(LARGE));
    let (code, _) = bot.ends().await;
    assert_eq!(code, None, "it ended by a signal");
    assert!(bot.log().contains("memory allocation of"), "{}", bot.log());
    upstream.set(three(5.0, 5.0, 5.0));
    bot.start(&twin, 1).await;
    let told = said(&twin.run(&manage("alerts list")).await.unwrap());
    assert!(told.contains("#1"), "{told}");
    show(&upstream, 2.0, 5.0, 5.0).await;
    twin.wait_for_messages(server() + 1, 1, LONG).await.unwrap();
    show(&upstream, 1.9, 5.0, 5.0).await;
    assert_eq!(pools_of(&twin.channel(server() + 1)), [USDC]);
    // What it said at its end may be a panic.
    bot.kill();
}

/// What `fail` says with the panics that it makes, in the place of a value that may be a secret.
const WORDS: &str = "failpoint ";

/// F-S16: a command that panics is answered with a number to name, says nothing of what it held, and nobody else
/// notices.
#[tokio::test(flavor = "multi_thread")]
async fn a_panic_in_a_command_ends_that_command_alone() {
    let twin = Twin::start(one_server()).await.unwrap();
    let upstream = Upstream::start(three(5.0, 5.0, 5.0)).await;
    let mut bot = TestBot::new(&twin, &upstream);
    bot.give("FAILPOINTS", "command.taken=1*panic");
    bot.start(&twin, 1).await;
    let told = said(&twin.run(&call("status")).await.unwrap());
    assert!(told.contains("incident"), "{told}");
    let log = bot.log();
    assert!(
        log.contains("panicked") && log.contains("command panicked"),
        "{log}"
    );
    assert!(!log.contains(&format!("{WORDS}command.taken")), "{log}");
    let told = said(&twin.run(&below_three(USDC)).await.unwrap());
    assert!(told.contains("#1"), "{told}");
    show(&upstream, 2.0, 5.0, 5.0).await;
    twin.wait_for_messages(server() + 1, 1, LONG).await.unwrap();
    bot.kill();
}

/// An operator's command keeps no log, and prints the place of a panic without its words all the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_panic_of_an_operators_command_says_nothing_of_what_it_held() {
    let twin = Twin::start(one_server()).await.unwrap();
    let upstream = Upstream::start(three(5.0, 5.0, 5.0)).await;
    let mut bot = TestBot::new(&twin, &upstream);
    bot.start(&twin, 1).await;
    bot.kill();
    bot.give("FAILPOINTS", "migrate.mid=1*panic");
    let (told, code) = bot.says(&["key", "rotate"]).await;
    assert!(code != Some(0), "{told}");
    assert!(
        told.starts_with("stipend: a fault of its own, at "),
        "{told}"
    );
    assert!(!told.contains(WORDS), "{told}");
    assert_eq!(told.lines().count(), 1, "{told}");
    bot.end(&twin);
}

/// F-S16: a panic on the way of one notice leaves that notice uncertain, to be looked for; the others go on.
#[tokio::test(flavor = "multi_thread")]
async fn a_panic_on_the_way_of_a_notice_loses_and_doubles_nothing() {
    let twin = Twin::start(one_server()).await.unwrap();
    let upstream = Upstream::start(three(5.0, 5.0, 5.0)).await;
    let mut bot = TestBot::new(&twin, &upstream);
    bot.give("FAILPOINTS", "wire.after=1*panic");
    for (key, wait) in [("TIMEOUT", "500ms"), ("SETTLE", "1s")] {
        bot.set(&format!("DELIVERY__{key}"), wait);
    }
    bot.start(&twin, 1).await;
    for pool in [USDC, USDT] {
        twin.run(&below_three(pool)).await.unwrap();
    }
    show(&upstream, 2.0, 5.0, 5.0).await;
    until("it is looked for", || {
        bot.log().contains("looked into the channel")
    })
    .await;
    show(&upstream, 1.9, 2.0, 5.0).await;
    twin.wait_for_messages(server() + 1, 2, LONG).await.unwrap();
    show(&upstream, 1.8, 1.9, 5.0).await;
    assert_eq!(pools_of(&twin.channel(server() + 1)), [USDC, USDT]);
    let log = bot.log();
    assert!(log.contains("an attempt was lost"), "{log}");
    assert!(!log.contains(&format!("{WORDS}wire.after")), "{log}");
    bot.kill();
}

/// F-S16: a panic in one of the tasks that the bot is made of ends it in order, with a code for which a supervisor
/// starts it again; what it was about to do is done then, once.
#[tokio::test(flavor = "multi_thread")]
async fn a_panic_in_a_task_ends_the_process_for_a_new_start() {
    let twin = Twin::start(one_server()).await.unwrap();
    let upstream = Upstream::start(three(5.0, 5.0, 5.0)).await;
    let mut bot = TestBot::new(&twin, &upstream);
    bot.give("FAILPOINTS", "t1.commit.before=1*panic");
    bot.start(&twin, 1).await;
    twin.run(&below_three(USDC)).await.unwrap();
    for step in [0.0, 0.01, 0.02] {
        upstream.set(three(2.0 - step, 5.0, 5.0));
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    }
    assert_eq!(bot.exits().await, 70);
    let log = bot.log();
    assert!(log.contains("panicked"), "{log}");
    assert!(!log.contains(&format!("{WORDS}t1.commit.before")), "{log}");
    bot.give("FAILPOINTS", "");
    bot.start(&twin, 1).await;
    show(&upstream, 1.9, 5.0, 5.0).await;
    twin.wait_for_messages(server() + 1, 1, LONG).await.unwrap();
    show(&upstream, 1.8, 5.0, 5.0).await;
    assert_eq!(pools_of(&twin.channel(server() + 1)), [USDC]);
    bot.kill();
}
