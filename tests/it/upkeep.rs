//! What the bot does by itself over months: it tells whoever runs it what is wrong around it, and whoever leaves
//! unused what they keep.

use std::{fs, time::Duration};

use axum::http::StatusCode;
use discord_twin::{Press, Twin};
use stipend::clock::Clock as _;

use crate::{
    stage::{DAY, HOUR, Stage},
    support::{
        LONG, USDC, answer, button, call, market, member, said, server, told_alone as told, until,
    },
};

/// What stands in the channel of whoever runs the bot, once there are so many messages.
async fn read(twin: &Twin, messages: usize) -> Vec<String> {
    let channel = server() + 2;
    let _ = twin
        .wait_for_messages(channel, messages, LONG)
        .await
        .unwrap();
    // One too many would come with the next looks.
    tokio::time::sleep(Duration::from_secs(16)).await;
    let said = twin.channel(channel);
    let said: Vec<String> = said.iter().map(|it| it.content().to_owned()).collect();
    assert_eq!(said.len(), messages, "{said:?}");
    said
}

/// F-U11: a source that is down for hours and a backup that is old are told once in `ops.notify_channel`, and so
/// is their end.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_runs_the_bot_reads_what_is_wrong_around_it() {
    let channel = format!("https://discord.com/channels/{}/{}", server(), server() + 2);
    let stage = Stage::set_with(answer(&market(5.0)), &[("OPS__NOTIFY_CHANNEL", &channel)]).await;
    let twin = &stage.twin;
    // The first look notes since when backups are missed.
    tokio::time::sleep(Duration::from_secs(16)).await;
    stage.clock.jump(49 * HOUR);
    let told = read(twin, 1).await;
    assert!(
        told[0].contains("⚠️ The last backup is older than 48 h"),
        "{told:?}"
    );
    stage.upstream.fail(StatusCode::BAD_GATEWAY);
    stage.upstream.asked_again().await;
    stage.clock.jump(4 * HOUR);
    // It is asked later and later, so it is back as soon as that was told.
    twin.wait_for_messages(server() + 2, 2, LONG).await.unwrap();
    stage.upstream.fail(StatusCode::OK);
    stage.upstream.taken().await;
    let told = read(twin, 3).await;
    assert!(
        told[1].contains("⚠️ DefiLlama has not answered for 3 h"),
        "{told:?}"
    );
    assert!(
        told[2].starts_with("✅ DefiLlama answers again."),
        "{told:?}"
    );
    let now = stage.clock.now().rfc3339();
    fs::write(stage.bot.path("stipend.db.last-backup"), now).unwrap();
    let told = read(twin, 4).await;
    assert!(
        told[3].starts_with("✅ There is a fresh backup."),
        "{told:?}"
    );
    stage.end().await;
}

/// What a member is told beside the answer to `/help`.
async fn beside_help(twin: &Twin) -> Option<String> {
    let help = twin.run(&call("help")).await.unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let reply = twin.reply(help.interaction, LONG).await.unwrap();
    let words = reply.followups.first()?["content"].as_str()?;
    Some(words.to_owned())
}

/// F-X12: who takes no messages is written to once, and told below the next answer that what they keep goes
/// unused. Nothing goes before that, and a month later it does.
#[tokio::test(flavor = "multi_thread")]
async fn who_cannot_be_written_to_is_told_with_the_next_answer() {
    let stage = Stage::set(answer(&market(5.0))).await;
    let twin = &stage.twin;
    let held = call("portfolio add")
        .option("amount", "$7654321")
        .option("pool", USDC);
    let question = told(twin, &held, &["May I keep"]).await;
    let agree = button(&question.message, "I agree");
    let agree = Press::on_reply(question.interaction, agree).by(member());
    assert!(said(&twin.press(&agree).await.unwrap()).contains("Added"));
    twin.close_direct(member().id);
    let tries = || {
        let requests = twin.requests();
        requests.iter().filter(|it| it.status == 403).count()
    };
    stage.clock.jump(151 * DAY);
    until("the letter is refused", || tries() == 1).await;
    assert_eq!(beside_help(twin).await, None);
    // Nothing goes unheard, however long nobody asks, and nobody knocks again.
    for _ in 0..2 {
        stage.clock.jump(40 * DAY);
        tokio::time::sleep(Duration::from_secs(12)).await;
    }
    assert_eq!(tries(), 1);
    let words = beside_help(twin).await.unwrap();
    assert!(words.contains("You have not used for months"), "{words}");
    assert_eq!(beside_help(twin).await, None);
    stage.clock.jump(29 * DAY);
    // Who keeps anything by a button has used it.
    let plan = call("plan goal").option("income", "$200k");
    let plan = told(twin, &plan.option("capital", "$7654321"), &["2.61 %"]).await;
    let save = button(&plan.message, "Save as my goal");
    let save = Press::on_reply(plan.interaction, save).by(member());
    assert!(said(&twin.press(&save).await.unwrap()).contains("Kept as your goal"));
    stage.clock.jump(2 * DAY);
    tokio::time::sleep(Duration::from_secs(12)).await;
    told(twin, &call("privacy show"), &["1 position", "1 goal"]).await;
    // By asking for it the member has used it.
    stage.clock.jump(151 * DAY);
    tokio::time::sleep(Duration::from_secs(12)).await;
    assert!(beside_help(twin).await.is_some());
    assert_eq!(tries(), 1);
    stage.clock.jump(31 * DAY);
    tokio::time::sleep(Duration::from_secs(12)).await;
    told(twin, &call("privacy show"), &["Nothing is kept of you"]).await;
    stage.end().await;
}
