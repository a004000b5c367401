//! Alerts as a channel lives with them: few messages, each explained, each silenced by who may.

use discord_twin::{Invocation, StoredMessage, Twin};
use serde_json::Value;

use crate::support::{LONG, USDC, below_three, market, server, show, until, watching_by};

fn channel() -> u64 {
    server() + 1
}

/// What people see in the channel.
fn seen(twin: &Twin) -> Vec<StoredMessage> {
    let mut messages = twin.channel(channel());
    messages.retain(StoredMessage::is_visible);
    messages
}

/// All that a message says.
fn text(message: &StoredMessage) -> String {
    format!("{} {}", message.body["content"], message.body["embeds"])
}

/// The labels of a message's buttons.
fn buttons(message: &StoredMessage) -> Vec<String> {
    let rows = message.body["components"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    rows.iter()
        .flat_map(|row| row["components"].as_array().cloned().unwrap_or_default())
        .filter_map(|button| button["label"].as_str().map(str::to_owned))
        .collect()
}

/// What is over is told in the message that told it, which rings no bell; what is young enough to be seen
/// needs no second one.
#[tokio::test(flavor = "multi_thread")]
async fn a_recovery_edits_the_message_that_told_the_fall() {
    let (twin, upstream, bot) = watching_by(market, &brief()).await;
    show(&upstream, market, 2.0).await;
    twin.wait_for_messages(channel(), 1, LONG).await.unwrap();
    assert_eq!(buttons(&seen(&twin)[0]), ["Why", "My impact", "Mute"]);
    show(&upstream, market, 5.0).await;
    until("the message says that it is over", || {
        text(&seen(&twin)[0]).contains("**Over:**")
    })
    .await;
    let messages = seen(&twin);
    assert_eq!(messages.len(), 1);
    let told = text(&messages[0]);
    assert!(told.contains("✅ USDC"), "{told}");
    assert!(told.contains("back above 3.6 %"), "{told}");
    assert!(
        told.contains("at or under 3 %"),
        "what was told stays: {told}"
    );
    assert_eq!(buttons(&messages[0]), ["Why", "My impact", "Mute"]);
    assert_eq!(messages[0].body["allowed_mentions"], Value::Null);
    bot.end(&twin);
}

/// An alert of the USDC pool whose episodes end soon.
fn brief() -> Invocation {
    below_three(USDC).option("clear_hold", "1s")
}
