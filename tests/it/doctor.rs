//! `stipend doctor` says of each fault what it is and what mends it, in one line.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use discord_twin::Twin;

use crate::support::{TestBot, Upstream, answer, market, one_server};

async fn setting() -> (Twin, Upstream, TestBot) {
    let twin = Twin::start(one_server()).await.unwrap();
    let upstream = Upstream::start(answer(&market(5.0))).await;
    let bot = TestBot::new(&twin, &upstream);
    (twin, upstream, bot)
}

/// Checks that one thing is wrong, that its line holds these words, and no name of a library.
async fn finds(bot: &TestBot, words: &[&str]) {
    let (wrong, code) = bot.doctor().await;
    assert_eq!(code, Some(1), "{wrong:?}");
    let [line] = &wrong[..] else {
        panic!("not one line: {wrong:?}");
    };
    for word in words {
        assert!(line.contains(word), "“{word}” is not in: {line}");
    }
    for inner in ["reqwest", "hyper", "client error", "error sending request"] {
        assert!(!line.contains(inner), "{line}");
    }
}

/// Nothing is wrong, and nothing is left behind.
#[tokio::test(flavor = "multi_thread")]
async fn a_bot_that_can_start_has_nothing_to_mend() {
    let (twin, _upstream, bot) = setting().await;
    assert_eq!(bot.doctor().await, (Vec::new(), Some(0)));
    assert!(!bot.path("stipend.db").exists() && !bot.path("stipend.key").exists());
    bot.end(&twin);
}

/// An address at which nobody listens, and one that leads to a page for people.
#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_leads_elsewhere_is_named() {
    let (twin, upstream, mut bot) = setting().await;
    upstream.set_raw("text/html", "<html><body>Welcome</body></html>".to_owned());
    let mend = "check that sources.defillama.pools_url leads to the list of pools";
    finds(&bot, &["source", "no JSON", "Welcome", mend]).await;
    upstream.set("{\"message\":\"moved\"}".to_owned());
    finds(&bot, &["source", "makes no sense", mend]).await;
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = closed.local_addr().unwrap().port();
    drop(closed);
    let nobody = format!("http://127.0.0.1:{port}/pools");
    bot.set("SOURCES__DEFILLAMA__POOLS_URL", nobody);
    let mend = "check the network, and that sources.defillama.pools_url names";
    finds(&bot, &["Connection refused", mend]).await;
    bot.set("SOURCES__FILE__PATH", "nowhere.json");
    let mend = "check that sources.file.path names a file";
    finds(&bot, &["No such file", mend]).await;
    upstream.set(answer(&market(5.0)));
    bot.unset("SOURCES__FILE__PATH");
    bot.unset("SOURCES__DEFILLAMA__POOLS_URL");
    bot.set("SOURCES__DEFILLAMA__ENABLED", "false");
    bot.set("SOURCES__FILE__CHARTS", "nowhere");
    let mend = "check sources.file.charts";
    finds(&bot, &["nowhere is no folder", mend]).await;
    bot.unset("SOURCES__FILE__CHARTS");
    bot.set("SOURCES__INCIDENTS__PATH", "nowhere.json");
    let mend = "check sources.incidents.path";
    finds(&bot, &["incidents", "No such file", mend]).await;
    bot.end(&twin);
}

/// What the key is: its file's bytes and mode.
fn put(key: &Path, bytes: &[u8], mode: u32) {
    fs::write(key, bytes).unwrap();
    fs::set_permissions(key, fs::Permissions::from_mode(mode)).unwrap();
}

/// A key that a start would refuse is named, and neither it nor the database is touched.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_cannot_be_used_is_named_as_at_the_start() {
    let (twin, _upstream, mut bot) = setting().await;
    bot.start(&twin, 1).await;
    bot.kill();
    let key = bot.path("stipend.key");
    let right = fs::read(&key).unwrap();
    let before = bot.database_bytes();
    fs::remove_file(&key).unwrap();
    let words = "put the key file back";
    finds(&bot, &["database", words]).await;
    bot.fails().await.check(78, words);
    assert!(!key.exists());
    let mut other = right.clone();
    other[0] ^= 1;
    for (bytes, mode, words) in [
        (&other[..], 0o600, "the master key does not belong to"),
        (&right[..31], 0o600, "31 bytes where a master key has 32"),
        (&right[..], 0o644, "mode 0644"),
    ] {
        put(&key, bytes, mode);
        finds(&bot, &["database", words]).await;
        bot.fails().await.check(78, words);
        assert_eq!(fs::read(&key).unwrap(), bytes);
    }
    put(&key, &right, 0o600);
    assert_eq!(bot.doctor().await, (Vec::new(), Some(0)));
    assert!(bot.database_bytes() == before, "the database was changed");
    bot.end(&twin);
}

/// What is no fault and has to be known: that the key is in no backup, whoever made it, how old the last backup
/// is, that others may open the database, and what only an encrypted disk guards.
#[tokio::test(flavor = "multi_thread")]
async fn what_an_operator_has_to_know_is_said_each_time() {
    let (twin, _upstream, mut bot) = setting().await;
    let key = bot.path("stipend.key");
    let kept = "is in no backup of the database";
    let says = async |bot: &TestBot, words: &[&str]| {
        let (told, _) = bot.says(&["doctor"]).await;
        for words in words {
            assert!(told.contains(words), "“{words}” is not in:\n{told}");
        }
        told
    };
    let unmade = format!(
        "{} will be made at the first start. It {kept}",
        key.display()
    );
    let told = says(
        &bot,
        &[&unmade, "keep both on an encrypted disk", "read from "],
    )
    .await;
    assert!(!told.contains("stipend backup"), "{told}");
    put(&key, &[7; 32], 0o600);
    says(&bot, &[&format!("{} {kept}", key.display())]).await;
    bot.start(&twin, 1).await;
    assert!(bot.log().contains("the master key, which is in no backup"));
    bot.kill();
    bot.start(&twin, 1).await;
    let said = bot.log().matches("which is in no backup").count();
    assert_eq!(said, 1, "at the first start alone");
    bot.kill();
    let told = says(
        &bot,
        &["none was made yet; make one with `stipend backup FILE`"],
    )
    .await;
    assert!(!told.contains("others may open"), "{told}");
    let (told, code) = bot.says(&["backup", "copy.db"]).await;
    assert_eq!(code, Some(0), "{told}");
    let told = says(&bot, &["the last one was made "]).await;
    assert!(!told.contains("make one with"), "{told}");
    fs::write(bot.path("stipend.db.last-backup"), "2026-01-01T00:00:00Z").unwrap();
    says(&bot, &[" d ago; make one with `stipend backup FILE`"]).await;
    let database = bot.path("stipend.db");
    put(&database, &fs::read(&database).unwrap(), 0o644);
    let mend = format!("run `chmod 600 {}`", database.display());
    says(&bot, &["others may open", &mend]).await;
    bot.end(&twin);
}

/// Faults of the token and of the database.
#[tokio::test(flavor = "multi_thread")]
async fn a_secret_or_a_database_that_cannot_be_used_is_named() {
    let (twin, _upstream, mut bot) = setting().await;
    twin.revoke_token();
    finds(&bot, &["token", "copy a fresh one from the Bot page"]).await;
    twin.restore_token();
    let token = bot.path("token");
    fs::set_permissions(&token, fs::Permissions::from_mode(0o644)).unwrap();
    finds(&bot, &["token", "chmod 600"]).await;
    fs::set_permissions(&token, fs::Permissions::from_mode(0o600)).unwrap();
    let right = fs::read(&token).unwrap();
    fs::write(&token, "").unwrap();
    finds(&bot, &["token", "it is empty; copy the token into it"]).await;
    fs::write(&token, right).unwrap();
    bot.start(&twin, 1).await;
    // Where the bot runs that is as it should be.
    let (told, code) = bot.says(&["doctor"]).await;
    assert!(
        code == Some(0) && told.contains("is in use by a stipend that runs"),
        "{told}"
    );
    bot.end(&twin);
}
