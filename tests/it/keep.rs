//! What an operator does with the database and its key, by the program's own commands.

use std::{fs, os::unix::fs::PermissionsExt as _};

use axum::http::StatusCode;
use discord_twin::{Press, Twin};

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

/// Another master key opens everything once it lies where the first one did.
#[tokio::test(flavor = "multi_thread")]
async fn the_master_key_is_changed_for_another() {
    let (twin, upstream, mut bot) = kept().await;
    bot.kill();
    let (told, code) = bot.says(&["key", "rotate"]).await;
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("1 person and 1 server are"), "{told}");
    bot.fails().await.check(78, "does not belong to");
    let (key, new) = (bot.path("stipend.key"), bot.path("stipend.key.new"));
    assert_eq!(new.metadata().unwrap().permissions().mode() & 0o777, 0o600);
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
