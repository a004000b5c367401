//! What cannot work ends at once with its code and one line, and leaves everything as it was.

use std::{collections::BTreeMap, fs, time::Duration};

use discord_twin::{NoIdentify, Twin};

use crate::support::{TestBot, Upstream, answer, market, one_server};

async fn setting() -> (Twin, Upstream, TestBot) {
    let twin = Twin::start(one_server()).await.unwrap();
    let upstream = Upstream::start(answer(&market(5.0))).await;
    let bot = TestBot::new(&twin, &upstream);
    (twin, upstream, bot)
}

/// The bytes of every file of the bot's folder.
fn disk(bot: &TestBot) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(bot.folder.path()).unwrap().map(Result::unwrap);
    entries
        .map(|entry| {
            (
                entry.file_name().to_string_lossy().into_owned(),
                fs::read(entry.path()).unwrap(),
            )
        })
        .collect()
}

/// Checks code and line, and that nothing was changed on disk.
async fn refused(bot: &TestBot, code: i32, words: &str) {
    let before = disk(bot);
    bot.fails().await.check(code, words);
    let after = disk(bot);
    let names = before.keys().chain(after.keys());
    let changed: Vec<_> = names
        .filter(|name| before.get(*name) != after.get(*name))
        .collect();
    assert!(changed.is_empty(), "changed on disk: {changed:?}");
}

/// A wrong key or value is named, before anybody is asked for anything.
#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_that_makes_no_sense_names_its_keys() {
    let (twin, _upstream, mut bot) = setting().await;
    bot.set("DELIVERY__TIMEOUTS", "5s");
    refused(&bot, 78, "STIPEND_DELIVERY__TIMEOUTS").await;
    bot.unset("DELIVERY__TIMEOUTS");
    bot.set("DELIVERY__MAX_PER_SECOND", "many");
    refused(&bot, 78, "STIPEND_DELIVERY__MAX_PER_SECOND").await;
    assert!(twin.requests().is_empty());
    bot.end(&twin);
}

/// Two faults of the token have two codes, and neither leaves a database or a key behind.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_missing_or_refused_is_told_apart() {
    let (twin, _upstream, mut bot) = setting().await;
    twin.revoke_token();
    refused(&bot, 77, "refuses the bot token").await;
    twin.restore_token();
    bot.unset("DISCORD__TOKEN_FILE");
    refused(&bot, 78, "there is no bot token").await;
    assert_eq!(twin.all_identifies(), 0);
}

/// Identifies are counted by Discord, so a refused one is the last.
#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_refuses_the_token_is_not_asked_again() {
    let (twin, _upstream, bot) = setting().await;
    twin.refuse_identifies(NoIdentify::Close(4004), None);
    bot.fails().await.check(77, "refuses the token");
    assert_eq!(twin.all_identifies(), 1);
}

/// F-S08: a path that was mistyped must not cost the file that lies there.
#[tokio::test(flavor = "multi_thread")]
async fn garbage_in_place_of_the_database_is_left_alone() {
    let (twin, _upstream, bot) = setting().await;
    fs::write(
        bot.path("stipend.db"),
        "these are my holiday notes, all of them",
    )
    .unwrap();
    refused(&bot, 78, "is no SQLite database").await;
    assert!(twin.requests().is_empty());
    bot.end(&twin);
}

/// F-S11: two bots on one database would tell everything twice. The second names the first within a second.
#[tokio::test(flavor = "multi_thread")]
async fn a_second_instance_is_turned_away_before_it_says_a_word() {
    let (twin, _upstream, mut bot) = setting().await;
    bot.start(&twin, 1).await;
    let calls = twin.requests().len();
    let holder = fs::read(bot.path("stipend.db.lock")).unwrap();
    let second = bot.fails().await;
    second.check(75, "already running");
    let first = bot.pid().as_raw_nonzero();
    second.check(75, &format!("process {first}, epoch 1"));
    assert!(second.after < Duration::from_secs(1), "{:?}", second.after);
    assert_eq!(twin.all_identifies(), 1);
    assert_eq!(twin.requests().len(), calls);
    assert_eq!(fs::read(bot.path("stipend.db.lock")).unwrap(), holder);
    bot.end(&twin);
}

/// F-S09: what a kill left is only looked at when the key or the version does not fit; both versions are named.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_another_key_or_a_newer_version_is_left_alone() {
    let (twin, _upstream, mut bot) = setting().await;
    bot.start(&twin, 1).await;
    bot.kill();
    let (database, key) = (bot.path("stipend.db"), bot.path("stipend.key"));
    let right = fs::read(&key).unwrap();
    fs::remove_file(&key).unwrap();
    refused(&bot, 78, "put the key file back").await;
    fs::write(&key, [7; 32]).unwrap();
    fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    refused(&bot, 78, "does not belong to").await;
    fs::write(&key, right).unwrap();
    let url = format!("sqlite://{}", database.display());
    let mut open = <sqlx::SqliteConnection as sqlx::Connection>::connect(&url)
        .await
        .unwrap();
    sqlx::query("INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (9999, 'later', 1, x'00', 0)")
        .execute(&mut open)
        .await
        .unwrap();
    sqlx::Connection::close(open).await.unwrap();
    let migrations = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/sqlite");
    let number = |name: &str| name.split('_').next().unwrap().parse::<i64>().unwrap();
    let known = fs::read_dir(migrations)
        .unwrap()
        .map(|file| number(&file.unwrap().file_name().to_string_lossy()))
        .max()
        .unwrap();
    let versions = format!("schema 9999, this one knows {known}");
    refused(&bot, 78, &versions).await;
    assert_eq!(twin.all_identifies(), 1);
    bot.end(&twin);
}
