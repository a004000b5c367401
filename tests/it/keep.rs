//! What an operator does with the database and its key, by the program's own commands.

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown},
};

use axum::http::StatusCode;
use discord_twin::{Press, Twin};
use sqlx::Connection as _;

use crate::support::{
    TestBot, USDC, Upstream, below_three, button, call, manage, market, member, server, show,
    told_alone, until, watching,
};

/// A bot with an alert, and a member who keeps a position.
async fn kept() -> (Twin, Upstream, TestBot) {
    let (twin, upstream, bot) = watching(market).await;
    let keeps = call("portfolio add")
        .option("amount", "5000")
        .option("pool", USDC);
    let asked = twin.run(&keeps.by(member())).await.unwrap();
    let agree = button(&asked.message, "I agree");
    let agree = Press::on_reply(asked.interaction, agree).by(member());
    twin.press(&agree).await.unwrap();
    (twin, upstream, bot)
}

async fn views(twin: &Twin, words: &[&str]) {
    told_alone(twin, &call("portfolio view").by(member()), words).await;
}

/// F-S14: a backup is made while the bot runs, takes the place of what came after, and the alert that was told
/// meanwhile is not told again: not even where the source is down at the first start after it, and the bot is
/// started anew before it has heard anything.
#[tokio::test(flavor = "multi_thread")]
async fn a_backup_brings_back_what_it_holds_and_repeats_nothing() {
    let (twin, upstream, mut bot) = kept().await;
    let (told, code) = bot.says(&["backup", "copy.db"]).await;
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("looked through and whole"), "{told}");
    assert!(told.contains("The master key is not in it"), "{told}");
    let (told, code) = bot.says(&["backup", "copy.db"]).await;
    assert!(
        code == Some(64) && told.contains("is there already"),
        "{told}"
    );
    let (told, code) = bot.says(&["restore", "cpoy.db"]).await;
    assert!(
        code == Some(64) && told.contains("there is no backup at cpoy.db"),
        "{told}"
    );
    let (told, code) = bot.says(&["restore", "copy.db"]).await;
    assert!(
        code == Some(75) && told.contains("already running"),
        "{told}"
    );
    // Nobody but the owner may read what is there, whatever the umask says.
    for name in ["stipend.db", "stipend.db-wal", "stipend.db-shm", "copy.db"] {
        let mode = bot.path(name).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o600, "{name}");
    }
    show(&upstream, market, 2.0).await;
    until("it is told", || twin.channel(server() + 1).len() == 1).await;
    bot.kill();
    let (told, code) = bot.says(&["restore", "copy.db"]).await;
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("what was there before is"), "{told}");
    upstream.fail(StatusCode::BAD_GATEWAY);
    tokio::join!(upstream.asked_again(), bot.start(&twin, 1));
    bot.kill();
    upstream.fail(StatusCode::OK);
    bot.start(&twin, 1).await;
    views(&twin, &["5,000"]).await;
    for usdc in [2.1, 2.2, 2.3] {
        show(&upstream, market, usdc).await;
    }
    assert_eq!(twin.channel(server() + 1).len(), 1, "it is not told twice");
    let (told, code) = bot.says(&["export"]).await;
    assert_eq!(code, Some(0), "{told}");
    assert!(
        told.contains("[[alert]]") && told.contains("# server"),
        "{told}"
    );
    bot.end(&twin);
}

/// What cannot be meant is refused with words for it, and nothing is touched: the database itself in the place of a
/// backup, a file of another program, an empty one, and a backup that was made under another key.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_backup_is_refused_by_its_name() {
    let (twin, _upstream, mut bot) = kept().await;
    let (told, code) = bot.says(&["backup", "copy.db"]).await;
    assert_eq!(code, Some(0), "{told}");
    bot.kill();
    let (empty, other) = (bot.path("empty.db"), bot.path("other.db"));
    fs::write(empty, b"").unwrap();
    let options = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(&other)
        .create_if_missing(true);
    let mut foreign = sqlx::SqliteConnection::connect_with(&options)
        .await
        .unwrap();
    sqlx::query("CREATE TABLE x (a INTEGER)")
        .execute(&mut foreign)
        .await
        .unwrap();
    foreign.close().await.unwrap();
    let before = bot.database_bytes();
    for (file, code, words) in [
        ("stipend.db", 64, "is the database itself"),
        ("empty.db", 78, "is no backup of stipend"),
        ("other.db", 78, "is no backup of stipend"),
        ("log", 78, "is no backup of stipend"),
    ] {
        let (told, ended) = bot.says(&["restore", file]).await;
        assert!(
            ended == Some(code) && told.contains(words),
            "{file}: {told}"
        );
    }
    assert!(bot.database_bytes() == before);
    let foreign = fs::read(&other).unwrap();
    bot.set("DATABASE__URL", format!("sqlite://{}", other.display()));
    bot.fails()
        .await
        .check(78, "is a database of another program");
    assert!(fs::read(&other).unwrap() == foreign);
    bot.unset("DATABASE__URL");
    let (told, code) = bot.says(&["key", "rotate"]).await;
    assert_eq!(code, Some(0), "{told}");
    fs::rename(bot.path("stipend.key.new"), bot.path("stipend.key")).unwrap();
    let (told, code) = bot.says(&["restore", "copy.db"]).await;
    assert!(
        code == Some(78) && told.contains("was made under another master key"),
        "{told}"
    );
    bot.end(&twin);
}

/// What root restores for a service that has a user of its own belongs to that user, the lock and the note of
/// the backup included. Only root can show it, so that this looks at nothing where the tests run as somebody
/// else, and says so.
#[tokio::test(flavor = "multi_thread")]
async fn what_root_restores_can_be_opened_by_the_service() {
    if !rustix::process::geteuid().is_root() {
        println!("not looked at: a folder of another user takes root");
        return;
    }
    let (twin, _upstream, mut bot) = kept().await;
    let (told, code) = bot.says(&["backup", "copy.db"]).await;
    assert_eq!(code, Some(0), "{told}");
    bot.kill();
    let service = bot.path("service");
    fs::create_dir(&service).unwrap();
    chown(&service, Some(65_532), Some(65_532)).unwrap();
    let database = format!("sqlite://{}/stipend.db", service.display());
    bot.set("DATABASE__URL", database);
    for command in [["restore", "copy.db"], ["backup", "again.db"]] {
        let (told, code) = bot.says(&command).await;
        assert_eq!(code, Some(0), "{told}");
    }
    let made = ["stipend.db", "stipend.db.lock", "stipend.db.last-backup"];
    for name in made {
        let about = service.join(name).metadata().unwrap();
        assert_eq!((about.uid(), about.gid()), (65_532, 65_532), "{name}");
    }
    assert_eq!(fs::read_dir(&service).unwrap().count(), made.len());
    // A backup is for whoever asked for it, wherever it lies.
    assert_eq!(bot.path("again.db").metadata().unwrap().uid(), 0);
    bot.end(&twin);
}

/// A copy is worth what its key is worth, and nothing is copied of what is no database.
#[tokio::test(flavor = "multi_thread")]
async fn a_backup_says_whether_its_key_is_at_hand() {
    let (twin, _upstream, mut bot) = kept().await;
    bot.kill();
    let (told, code) = bot.says(&["key", "rotate"]).await;
    assert_eq!(code, Some(0), "{told}");
    let (key, database) = (bot.path("stipend.key"), bot.path("stipend.db"));
    let backs_up = async |to: &str, expected: i32, words: &str| {
        let (told, code) = bot.says(&["backup", to]).await;
        assert!(
            code == Some(expected) && told.contains(words),
            "{code:?} {told}"
        );
    };
    backs_up(
        "wrong.db",
        0,
        "is not the master key that it is sealed with",
    )
    .await;
    fs::rename(&key, bot.path("stipend.key.old")).unwrap();
    backs_up("none.db", 0, "there is none at").await;
    fs::rename(bot.path("stipend.key.new"), &key).unwrap();
    backs_up("right.db", 0, "Keep a copy of that elsewhere").await;
    fs::write(&database, [7; 8192]).unwrap();
    backs_up("garbage.db", 78, "is no SQLite database").await;
    fs::remove_file(&database).unwrap();
    backs_up("nothing.db", 78, "there is no database at").await;
    assert!(!bot.path("garbage.db").exists() && !bot.path("nothing.db").exists());
    bot.end(&twin);
}

/// Another master key opens everything once it lies where the first one did.
#[tokio::test(flavor = "multi_thread")]
async fn the_master_key_is_changed_for_another() {
    let (twin, upstream, mut bot) = kept().await;
    bot.kill();
    let (told, code) = bot.says(&["key", "rotate"]).await;
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("1 person and 1 server are"), "{told}");
    let (key, new) = (bot.path("stipend.key"), bot.path("stipend.key.new"));
    // Who forgets the last step is told it, and not that the key is lost.
    let (old, fresh) = (key.display(), new.display());
    let mend = format!("run `mv {old} {old}.old && mv {fresh} {old}`");
    bot.fails().await.check(78, &mend);
    let database = fs::read(bot.path("stipend.db")).unwrap();
    for command in [
        &["key", "reset", "--yes"][..],
        &["key", "rotate"],
        &["key", "reset"],
    ] {
        let (told, code) = bot.says(command).await;
        assert!(code == Some(78) && told.contains(&mend), "{told}");
    }
    let (wrong, code) = bot.doctor().await;
    assert!(code == Some(1) && wrong[0].contains(&mend), "{wrong:?}");
    let away = bot.path("stipend.key.away");
    fs::rename(&key, &away).unwrap();
    let (told, code) = bot.says(&["key", "reset", "--yes"]).await;
    let mend = format!("run `mv {fresh} {old}`");
    assert!(code == Some(78) && told.contains(&mend), "{told}");
    fs::rename(&away, &key).unwrap();
    assert!(fs::read(bot.path("stipend.db")).unwrap() == database);
    assert_eq!(new.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    // The key before last opens backups as well, and is not written over.
    let resting = bot.path("stipend.key.old");
    fs::write(&resting, b"an earlier key").unwrap();
    let mend = format!("run `mv {old} {old}.old.1 && mv {fresh} {old}`");
    bot.fails().await.check(78, &mend);
    fs::remove_file(&resting).unwrap();
    // Who copied it instead of moving it would change the key for itself the next time.
    fs::copy(&new, &key).unwrap();
    let (told, code) = bot.says(&["key", "rotate"]).await;
    assert!(
        code == Some(64) && told.contains("holds the same key"),
        "{code:?} {told}"
    );
    fs::rename(&new, &key).unwrap();
    bot.start(&twin, 1).await;
    views(&twin, &["5,000"]).await;
    show(&upstream, market, 2.0).await;
    until("its webhook's token opens", || {
        twin.channel(server() + 1).len() == 1
    })
    .await;
    bot.end(&twin);
}

/// A new key that was put elsewhere than beside the old one is found by each refusal, and one that cannot be
/// written says how to name another place.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_was_put_elsewhere_is_named() {
    let (twin, _upstream, mut bot) = kept().await;
    bot.kill();
    let nowhere = bot.path("nowhere/new.key").display().to_string();
    let (told, code) = bot.says(&["key", "rotate", "--to", &nowhere]).await;
    assert!(
        code == Some(78) && told.contains("name a file elsewhere with --to"),
        "{told}"
    );
    let (told, code) = bot.says(&["key", "rotate", "--to", "stipend.key"]).await;
    assert!(
        code == Some(64) && told.contains("is the present key itself"),
        "{told}"
    );
    let (told, code) = bot.says(&["key", "rotate", "--to", "other.key"]).await;
    assert_eq!(code, Some(0), "{told}");
    let (key, other) = (bot.path("stipend.key"), bot.path("other.key"));
    let mend = format!(
        "mv {old} {old}.old && mv {new} {old}",
        old = key.display(),
        new = other.display()
    );
    bot.fails().await.check(78, &mend);
    let (told, code) = bot.says(&["key", "reset", "--yes"]).await;
    assert!(code == Some(78) && told.contains(&mend), "{told}");
    fs::rename(&other, &key).unwrap();
    bot.start(&twin, 1).await;
    views(&twin, &["5,000"]).await;
    bot.end(&twin);
}

/// F-X23: the key is lost. No start touches anything and each names the way on, which keeps the alert and its
/// webhook, and tells the member what became of theirs.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_key_costs_no_alert_and_is_told_to_members() {
    let (twin, upstream, mut bot) = kept().await;
    bot.kill();
    fs::remove_file(bot.path("stipend.key")).unwrap();
    let before = fs::read(bot.path("stipend.db")).unwrap();
    bot.fails().await.check(78, "stipend key reset");
    let (told, code) = bot.says(&["key", "reset"]).await;
    assert!(
        code == Some(1) && told.contains("Nothing was done"),
        "{told}"
    );
    assert!(fs::read(bot.path("stipend.db")).unwrap() == before);
    let (told, code) = bot.says(&["key", "reset", "--yes"]).await;
    assert_eq!(code, Some(0), "{told}");
    assert!(
        told.contains("Goes on: 1 alert. Looked for at the next start: 1 webhook. "),
        "{told}"
    );
    let copy = fs::read_dir(bot.path("stipend.db").parent().unwrap()).unwrap();
    let copy = copy.map(|file| file.unwrap().file_name().into_string().unwrap());
    let copy = copy.filter(|name| name.starts_with("stipend.db.before-key-reset-2"));
    assert!(told.contains(&copy.last().unwrap()), "{told}");
    assert!(told.contains("A bot that runs removes it after"), "{told}");
    bot.start(&twin, 1).await;
    let lost = "the key of this bot was lost";
    views(&twin, &[lost]).await;
    told_alone(&twin, &manage("alerts list"), &["USDC"]).await;
    show(&upstream, market, 2.0).await;
    until("the alert is told", || {
        twin.channel(server() + 1).len() == 1
    })
    .await;
    assert_eq!(
        twin.webhooks(server() + 1).len(),
        1,
        "its own webhook is found again"
    );
    let again = twin.run(&below_three(USDC)).await.unwrap();
    assert!(!again.content().is_empty() || again.message["embeds"][0].is_object());
    let (told, code) = bot.says(&["key", "reset", "--yes"]).await;
    assert!(
        code == Some(75) && told.contains("already running"),
        "{told}"
    );
    bot.end(&twin);
}
