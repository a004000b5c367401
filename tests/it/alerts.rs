//! Alerts as a channel lives with them: few messages, each explained, each silenced by who may.

use discord_twin::{Guild, Invocation, Person, Press, Reply, StoredMessage, Twin, guild_on_shard};
use serde_json::Value;

use crate::support::{
    LONG, TestBot, USDC, USDT, Upstream, admin, all_below, answer, below_three, button, call,
    fourteen, manage, market, one_server, other, row, said, server, show, until, watching_by,
};

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

/// What can be pressed on a message that tells one notice.
const ALL: [&str; 5] = ["Why", "My impact", "Mute", "History", "Calmer places"];

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
    assert_eq!(buttons(&seen(&twin)[0]), ALL);
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
    assert_eq!(buttons(&messages[0]), ALL);
    assert_eq!(messages[0].body["allowed_mentions"], Value::Null);
    bot.end(&twin);
}

/// An alert of the USDC pool whose episodes end soon.
fn brief() -> Invocation {
    below_three(USDC).option("clear_hold", "1s")
}

/// Presses something on a message of the channel.
async fn press(twin: &Twin, message: &StoredMessage, id: &str, person: Person) -> Reply {
    let press = Press::on_message(message.id, id).by(person);
    twin.press(&press).await.unwrap()
}

/// Everybody may ask why, and what it means for them; only who manages the server may silence.
#[tokio::test(flavor = "multi_thread")]
async fn a_notice_answers_why_and_what_it_means_for_me() {
    let (twin, upstream, bot) = watching_by(market, &brief()).await;
    show(&upstream, market, 2.0).await;
    twin.wait_for_messages(channel(), 1, LONG).await.unwrap();
    let notice = seen(&twin).remove(0);

    let why = press(&twin, &notice, &button(&notice.body, "Why"), other()).await;
    assert!(why.ephemeral);
    let told = said(&why);
    assert!(told.contains("Why alert #1 spoke"), "{told}");
    assert!(told.contains("APY falls to 3 % or lower"), "{told}");
    assert!(told.contains("APY 5.00 % → **1.99 %**"), "{told}");
    assert!(told.contains("Now"), "{told}");

    // Nothing is held, so it is asked how much; nothing of the answer is kept.
    let id = button(&notice.body, "My impact");
    let asked = press(&twin, &notice, &id, other()).await;
    let mut fields = serde_json::Map::new();
    fields.insert("amount".to_owned(), "10k".into());
    let meant = twin.submit_modal(asked.interaction, &fields).await.unwrap();
    assert!(meant.ephemeral);
    assert!(said(&meant).contains("$10,000.00"), "{}", said(&meant));
    assert!(said(&meant).contains("$500.00 → $19"), "{}", said(&meant));
    fields.insert("amount".to_owned(), "much".into());
    let asked = press(&twin, &notice, &id, other()).await;
    let meant = twin.submit_modal(asked.interaction, &fields).await.unwrap();
    assert!(
        said(&meant).contains("is not an amount"),
        "{}",
        said(&meant)
    );
    let kept = call("privacy show").by(other());
    assert!(said(&twin.run(&kept).await.unwrap()).contains("Nothing is kept"));

    // Who holds something there is told of that.
    let add = call("portfolio add")
        .option("pool", USDC)
        .option("amount", "$5000");
    let reply = twin.run(&add).await.unwrap();
    let agree = button(&reply.message, "I agree");
    twin.press(&Press::on_reply(reply.interaction, agree))
        .await
        .unwrap();
    let mine = press(&twin, &notice, &id, Person::default()).await;
    assert!(
        said(&mine).contains("You hold $5,000.00"),
        "{}",
        said(&mine)
    );

    let elsewhere = button(&notice.body, "Calmer places");
    let none = press(&twin, &notice, &elsewhere, other()).await;
    let told = said(&none);
    assert!(
        none.ephemeral && told.contains("No other pool takes USDC"),
        "{told}"
    );

    let mute = button(&notice.body, "Mute");
    let refused = press(&twin, &notice, &mute, other()).await;
    assert!(
        said(&refused).contains("Manage Server"),
        "{}",
        said(&refused)
    );
    bot.end(&twin);
}

/// A market with a second pool of the same asset, which pays well and ties money up.
fn two_places(usdc: f64) -> Vec<Value> {
    const OTHER: &str = "747c1d2a-c668-4682-b9f9-296708a3dd90";
    let mut other = row(OTHER, "USDC", "staked-usdc", 4.1);
    other["poolMeta"] = "7 days unstaking".into();
    let mut rows = market(usdc);
    rows.push(other);
    rows
}

/// Everybody may look at the past of what a notice is about, and where else to go; they alone see it.
#[tokio::test(flavor = "multi_thread")]
async fn a_notice_answers_with_its_past_and_with_calmer_places() {
    let (twin, upstream, bot) = watching_by(two_places, &brief()).await;
    upstream.remember(USDC, &[5.0; 30]);
    show(&upstream, two_places, 2.0).await;
    twin.wait_for_messages(channel(), 1, LONG).await.unwrap();
    let notice = seen(&twin).remove(0);

    let past = press(&twin, &notice, &button(&notice.body, "History"), other()).await;
    assert!(past.ephemeral && past.deferred && !past.updated);
    let told = said(&past);
    assert!(told.contains("APY of the last 90 days"), "{told}");
    assert!(told.contains("median **5.00 %**"), "{told}");
    assert_eq!(past.message["attachments"][0]["filename"], "history.png");

    let calmer = button(&notice.body, "Calmer places");
    let calmer = press(&twin, &notice, &calmer, other()).await;
    assert!(calmer.ephemeral && !calmer.updated);
    let told = said(&calmer);
    for words in [
        "Calmer places for USDC",
        "USDC · staked-usdc · Ethereum",
        "✅ sustainable",
        "TVL $250M",
        "🔒 7 days unstaking",
        "Here: **USDC · aave-v3 · Ethereum**",
    ] {
        assert!(told.contains(words), "{words}: {told}");
    }
    // Only the asset of the notice is of use to who holds it.
    assert!(!told.contains("USDT") && !told.contains("WETH"), "{told}");

    assert_eq!(seen(&twin).len(), 1, "others see nothing of it");
    bot.end(&twin);
}

/// Silence from the message: nothing is said while it lasts, and one list when it ends.
#[tokio::test(flavor = "multi_thread")]
async fn a_mute_ends_with_one_list() {
    let alert = all_below(3).option("clear_hold", "1s");
    let (twin, upstream, bot) = watching_by(fourteen, &alert).await;
    show(&upstream, fourteen, 2.0).await;
    twin.wait_for_messages(channel(), 1, LONG).await.unwrap();
    let notice = seen(&twin).remove(0);
    // Fourteen are told by one message, so one of them is chosen first.
    let select = &notice.body["components"][0]["components"][0];
    assert_eq!(
        select["placeholder"],
        "Which alert? Why, my impact, mute, history"
    );
    assert_eq!(select["options"].as_array().unwrap().len(), 14);
    let value = select["options"][3]["value"].as_str().unwrap();
    let chosen = Press::on_message(notice.id, select["custom_id"].as_str().unwrap())
        .by(admin())
        .choosing([value]);
    let one = twin.press(&chosen).await.unwrap();
    assert!(one.ephemeral);
    let mute = button(&one.message, "Mute");
    let how_long = twin
        .press(&Press::on_reply(one.interaction, mute).by(admin()))
        .await
        .unwrap();
    let an_hour = button(&how_long.message, "1 h");
    let done = twin
        .press(&Press::on_reply(how_long.interaction, an_hour).by(admin()))
        .await
        .unwrap();
    assert!(
        said(&done).contains("Alert **#1** is silent until"),
        "{}",
        said(&done)
    );

    show(&upstream, fourteen, 5.0).await;
    show(&upstream, fourteen, 2.0).await;
    until("the message says that it is over", || {
        text(&seen(&twin)[0]).contains("**Over:**")
    })
    .await;
    upstream.taken().await;
    assert_eq!(seen(&twin).len(), 1, "nothing new is said");
    let list = manage("alerts list");
    assert!(said(&twin.run(&list).await.unwrap()).contains("muted until"));

    let unmute = manage("alerts unmute");
    assert!(said(&twin.run(&unmute).await.unwrap()).contains("#1 speaks again"));
    twin.wait_for_messages(channel(), 2, LONG).await.unwrap();
    let list = text(&seen(&twin)[1]);
    assert!(list.contains("#1 speaks again"), "{list}");
    assert!(list.contains("🔻 USDC5"), "{list}");
    assert!(!list.contains("<@&"), "{list}");
    let again = twin.run(&unmute).await.unwrap();
    assert!(
        said(&again).contains("No alert here is muted"),
        "{}",
        said(&again)
    );
    bot.end(&twin);
}

/// One role may be called, by news alone, and what ends is then said once more with the way to it.
#[tokio::test(flavor = "multi_thread")]
async fn a_role_is_called_and_its_recovery_is_a_message() {
    let role = server() + 6;
    let (twin, upstream, bot) =
        watching_by(market, &brief().option("role", role.to_string())).await;
    for (uncallable, why) in [
        (server() + 7, "cannot be called"),
        (server(), "cannot be called"),
    ] {
        let refused = twin
            .run(&brief().option("role", uncallable.to_string()))
            .await
            .unwrap();
        assert!(said(&refused).contains(why), "{}", said(&refused));
    }
    show(&upstream, market, 2.0).await;
    twin.wait_for_messages(channel(), 1, LONG).await.unwrap();
    let notice = seen(&twin).remove(0);
    assert_eq!(
        notice.body["mention_roles"],
        serde_json::json!([role.to_string()])
    );
    show(&upstream, market, 5.0).await;
    twin.wait_for_messages(channel(), 2, LONG).await.unwrap();
    let messages = seen(&twin);
    let over = text(&messages[1]);
    let link = format!(
        "https://discord.com/channels/{}/{}/{}",
        server(),
        channel(),
        notice.id
    );
    assert!(over.contains(&link), "{over}");
    assert_eq!(messages[1].body["mention_roles"], serde_json::json!([]));
    assert!(text(&messages[0]).contains("**Over:**"));
    bot.end(&twin);
}

/// F-D14: threads and the posts of a forum are told by the webhook of their channel; a voice channel is not.
#[tokio::test(flavor = "multi_thread")]
async fn a_thread_and_a_forum_post_are_destinations() {
    let thread = server() + 3;
    let post = server() + 5;
    let alert = brief().option("channel", thread.to_string());
    let (twin, upstream, bot) = watching_by(market, &alert).await;
    let in_forum = brief().option("channel", post.to_string());
    let reply = twin.run(&in_forum).await.unwrap();
    assert!(said(&reply).contains("#2"), "{}", said(&reply));
    show(&upstream, market, 2.0).await;
    for place in [thread, post] {
        twin.wait_for_messages(place, 1, LONG).await.unwrap();
    }
    show(&upstream, market, 5.0).await;
    until("both say that it is over", || {
        [thread, post]
            .iter()
            .all(|place| text(&twin.channel(*place)[0]).contains("**Over:**"))
    })
    .await;
    bot.end(&twin);
}

/// F-X12: who made an alert loses the right to, or leaves. The alert is the server's: it goes on, and whoever
/// manages the server now may change it, and the other one may not.
#[tokio::test(flavor = "multi_thread")]
async fn an_alert_stays_when_its_maker_goes() {
    let (twin, upstream, bot) = watching_by(market, &brief()).await;
    // Discord may let everybody use the command; we look ourselves.
    let removal = |person: Person| {
        let remove = Invocation::of("alerts remove").in_guild(server());
        Invocation {
            permitted: true,
            ..remove.by(person).option("alert", "1")
        }
    };
    let demoted = Person::new(admin().id, "eve");
    let refused = said(&twin.run(&removal(demoted)).await.unwrap());
    assert!(refused.contains("Manage Server"), "{refused}");
    show(&upstream, market, 2.0).await;
    twin.wait_for_messages(channel(), 1, LONG).await.unwrap();
    let next = Person::new(900_000_000_000_000_011, "fay").manager();
    let asked = Invocation::of("alerts show").in_guild(server());
    let asked = asked.by(next.clone()).option("alert", "1");
    let told = said(&twin.run(&asked).await.unwrap());
    assert!(told.contains("falls to 3 %"), "{told}");
    let removed = said(&twin.run(&removal(next)).await.unwrap());
    assert!(removed.contains("#1"), "{removed}");
    bot.end(&twin);
}

/// F-X10: whoever manages one server gets at no alert of another one by its number: not to see, change, try,
/// silence or remove it, nor is it offered.
#[tokio::test(flavor = "multi_thread")]
async fn an_alert_of_another_server_is_none() {
    let theirs = guild_on_shard(0, 1, 1);
    let world = one_server().guild(Guild::new(theirs, "Theirs").channel(theirs + 1, "yields"));
    let twin = Twin::start(world).await.unwrap();
    let upstream = Upstream::start(answer(&market(5.0))).await;
    let mut bot = TestBot::new(&twin, &upstream);
    bot.start(&twin, 1).await;
    let ours = said(&twin.run(&below_three(USDC)).await.unwrap());
    assert!(ours.contains("#1"), "{ours}");
    let shown = manage("alerts show").option("alert", "1");
    let before = said(&twin.run(&shown).await.unwrap());
    assert!(before.contains("falls to 3 %"), "{before}");

    let stranger = || Person::new(900_000_000_000_000_012, "gus").manager();
    let there = |asked: Invocation| asked.in_guild(theirs).by(stranger());
    let own = said(&twin.run(&there(below_three(USDT))).await.unwrap());
    assert!(own.contains("#2"), "{own}");
    for asked in [
        Invocation::of("alerts show"),
        Invocation::of("alerts why"),
        Invocation::of("alerts test"),
        Invocation::of("alerts edit").option("value", 4),
        Invocation::of("alerts mute").option("for", "1h"),
        Invocation::of("alerts remove"),
    ] {
        let asked = there(asked.option("alert", "1"));
        let told = said(&twin.run(&asked).await.unwrap());
        assert!(
            told.contains("no alert #1 here"),
            "{}: {told}",
            asked.command
        );
        assert!(!told.contains("USDC"), "{}: {told}", asked.command);
    }
    let typed = there(Invocation::of("alerts remove").option("alert", ""));
    let offered = twin.autocomplete(&typed, "alert").await.unwrap().choices;
    let offered: Vec<_> = offered.iter().map(|choice| &choice["value"]).collect();
    assert_eq!(offered, ["2"]);
    let list = said(
        &twin
            .run(&there(Invocation::of("alerts list")))
            .await
            .unwrap(),
    );
    assert!(list.contains("#2") && !list.contains("#1"), "{list}");

    // It stands as it stood, and speaks.
    let list = said(&twin.run(&manage("alerts list")).await.unwrap());
    assert!(list.contains("#1") && !list.contains("muted"), "{list}");
    let after = said(&twin.run(&shown).await.unwrap());
    assert!(after.contains("falls to 3 %"), "{after}");
    show(&upstream, market, 2.0).await;
    twin.wait_for_messages(channel(), 1, LONG).await.unwrap();
    assert!(twin.channel(theirs + 1).is_empty());
    bot.end(&twin);
}
