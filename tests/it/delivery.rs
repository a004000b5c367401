//! The way of a notice when something goes wrong with it: told once, or named with its reason.

use std::time::Duration;

use discord_twin::{Fault, Invocation, Person, StoredMessage, Twin, Via, What, permission};
use serde_json::json;

use crate::support::{
    LONG, TestBot, USDC, USDT, Upstream, WETH, all_below, answer, attached, below_three, fourteen,
    manage, market, one_server, pools_of, posts, row, said, server, show, until,
};

fn channel() -> u64 {
    server() + 1
}

/// A bot with short waits and one alert; it may do these things in its channel.
async fn watching_with(rights: Option<u64>) -> (Twin, Upstream, TestBot) {
    let twin = Twin::start(one_server()).await.unwrap();
    twin.set_channel_permissions(channel(), rights).unwrap();
    let upstream = Upstream::start(answer(&market(5.0))).await;
    let mut bot = TestBot::new(&twin, &upstream);
    for (key, wait) in [
        ("TIMEOUT", "500ms"),
        ("SETTLE", "1s"),
        ("LATE_DOUBLE_SWEEP", "2s"),
        ("BACK_OFF", "100ms, 200ms"),
        ("BREAKER_PROBE", "200ms"),
    ] {
        bot.set(&format!("DELIVERY__{key}"), wait);
    }
    bot.start(&twin, 1).await;
    let reply = twin.run(&below_three(USDC)).await.unwrap();
    assert!(said(&reply).contains("#1"), "{}", said(&reply));
    (twin, upstream, bot)
}

/// What people see in the channel.
fn seen(twin: &Twin) -> Vec<StoredMessage> {
    let mut messages = twin.channel(channel());
    messages.retain(StoredMessage::is_visible);
    messages
}

/// What the admin is told of the alert's notices.
async fn history(twin: &Twin) -> String {
    let asked = manage("alerts history").option("alert", "1");
    said(&twin.run(&asked).await.unwrap())
}

const BY_ITSELF: u64 =
    permission::VIEW_CHANNEL | permission::SEND_MESSAGES | permission::EMBED_LINKS;

/// F-S02: the message was stored and the answer was lost: it is found in the channel, and not sent again.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_is_read_back() {
    let (twin, upstream, bot) = watching_with(None).await;
    twin.fault(Fault::on_webhooks(What::Reset).after().times(1));
    show(&upstream, market, 2.0).await;
    until("the channel is read", || {
        bot.log().contains("looked into the channel")
    })
    .await;
    upstream.taken().await;
    let messages = seen(&twin);
    assert_eq!(pools_of(&messages), [USDC]);
    assert_eq!(posts(&twin).len(), 1);
    let history = history(&twin).await;
    let link = format!(
        "[told](https://discord.com/channels/{}/{}/{})",
        server(),
        channel(),
        messages[0].id
    );
    assert!(history.contains(&link), "{history}");
    bot.end(&twin);
}

/// F-S02: nothing was stored: it is sent again, once.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_request_is_sent_again() {
    let (twin, upstream, bot) = watching_with(None).await;
    twin.fault(Fault::on_webhooks(What::Reset).times(1));
    show(&upstream, market, 2.0).await;
    twin.wait_for_messages(channel(), 1, LONG).await.unwrap();
    upstream.taken().await;
    assert_eq!(pools_of(&seen(&twin)), [USDC]);
    assert_eq!(posts(&twin).len(), 2);
    bot.end(&twin);
}

/// While something that is not Discord answers for it, nothing is taken for read; what was uncertain is
/// looked for when Discord is back.
#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_s_answer_proves_nothing() {
    let (twin, upstream, bot) = watching_with(None).await;
    twin.fault(Fault::on_webhooks(What::Reset).after().times(1));
    let page = What::Raw {
        code: 401,
        content_type: "text/html".to_owned(),
        body: "<html>sign in to this network first</html>".to_owned(),
    };
    twin.fault(Fault::on("GET", "/channels/{id}/messages", page).times(1));
    show(&upstream, market, 2.0).await;
    until("the channel is read", || {
        bot.log().contains("looked into the channel")
    })
    .await;
    upstream.taken().await;
    assert_eq!(pools_of(&seen(&twin)), [USDC]);
    assert_eq!(posts(&twin).len(), 1);
    bot.end(&twin);
}

/// A request that Discord applies long after it was given up makes a double; the second look takes the
/// younger copy away.
#[tokio::test(flavor = "multi_thread")]
async fn a_late_double_is_swept_away() {
    let (twin, upstream, bot) = watching_with(None).await;
    twin.fault(Fault::on_webhooks(What::ResetThenApply(2_500)).times(1));
    show(&upstream, market, 2.0).await;
    until("the double is removed", || {
        bot.log().contains("a double was removed")
    })
    .await;
    upstream.taken().await;
    let made = twin.ledger();
    let notices = made.iter().filter(|one| matches!(one.via, Via::Webhook(_)));
    assert_eq!(notices.count(), 2, "there was one");
    assert_eq!(pools_of(&seen(&twin)), [USDC]);
    bot.end(&twin);
}

/// Where no webhook may be had the bot posts itself, and a nonce makes a repetition harmless.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_webhook_the_bot_posts_with_a_nonce() {
    let (twin, upstream, bot) = watching_with(Some(BY_ITSELF)).await;
    twin.fault(
        Fault::on("POST", "/channels/{id}/messages", What::Reset)
            .after()
            .times(1),
    );
    show(&upstream, market, 2.0).await;
    let repeated = || {
        let requests = twin.requests();
        let posts = requests
            .iter()
            .filter(|one| one.method == "POST" && one.template == "/channels/{id}/messages");
        posts.count() == 2
    };
    until("it is repeated", repeated).await;
    upstream.taken().await;
    let messages = seen(&twin);
    assert_eq!(pools_of(&messages), [USDC]);
    assert_eq!(messages[0].via, Via::Bot);
    assert!(twin.webhooks(channel()).is_empty());
    // The admin is told, and a right that is granted later is used by the next alert.
    let told = said(&twin.run(&below_three(USDT)).await.unwrap());
    assert!(told.contains("I post there as myself"), "{told}");
    assert!(told.contains("Read Message History"), "{told}");
    twin.set_channel_permissions(channel(), None).unwrap();
    let told = said(&twin.run(&below_three(USDT)).await.unwrap());
    assert!(!told.contains("as myself"), "{told}");
    assert_eq!(twin.webhooks(channel()).len(), 1);
    bot.end(&twin);
}

/// F-L03: many notices for one channel are one message, cards while there is room and the others in a file; and
/// each of them is told, by that message.
#[tokio::test(flavor = "multi_thread")]
async fn many_notices_become_one_message() {
    let twin = Twin::start(one_server()).await.unwrap();
    let upstream = Upstream::start(answer(&fourteen(5.0))).await;
    let mut bot = TestBot::new(&twin, &upstream);
    bot.start(&twin, 1).await;
    let reply = twin.run(&all_below(3)).await.unwrap();
    assert!(said(&reply).contains("#1"), "{}", said(&reply));
    show(&upstream, fourteen, 2.0).await;
    twin.wait_for_messages(channel(), 1, LONG).await.unwrap();
    upstream.taken().await;
    let messages = seen(&twin);
    let [message] = &messages[..] else {
        panic!("{} messages", messages.len());
    };
    // As many as 6,000 characters hold.
    let cards = message.body["embeds"].as_array().unwrap().len();
    assert!((2..=10).contains(&cards), "{cards}");
    let listed = 14 - cards;
    let more = format!("+{listed} more in the attached list");
    assert_eq!(message.content(), more);
    let list = attached(&twin, &message.body, 0);
    assert_eq!(list.matches("USDC").count(), listed, "{list}");
    let told = history(&twin).await;
    assert!(told.contains("14 notices, 14 told"), "{told}");
    assert_eq!(posts(&twin).len(), 1);
    bot.end(&twin);
}

/// F-D06, F-D07: a channel that is hidden from the bot is parked at the first answer, and comes back by
/// itself when it may be used again.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_right_parks_and_its_return_brings_back() {
    let (twin, upstream, bot) = watching_with(Some(BY_ITSELF)).await;
    twin.set_channel_permissions(channel(), Some(permission::VIEW_CHANNEL))
        .unwrap();
    show(&upstream, market, 2.0).await;
    until("it is parked", || {
        bot.log().contains("destinations were parked")
    })
    .await;
    upstream.taken().await;
    assert!(seen(&twin).is_empty());
    let told = history(&twin).await;
    assert!(told.contains("parked: I lack a right in it"), "{told}");
    assert!(told.contains("takes no notices since"), "{told}");
    let told = history(&twin).await;
    assert!(
        !told.contains("takes no notices since"),
        "told once: {told}"
    );
    twin.set_channel_permissions(channel(), Some(BY_ITSELF))
        .unwrap();
    twin.wait_for_messages(channel(), 1, LONG).await.unwrap();
    assert_eq!(pools_of(&seen(&twin)), [USDC]);
    let told = history(&twin).await;
    assert!(told.contains("takes notices again since"), "{told}");
    bot.end(&twin);
}

/// F-D07: an outage of a server changes nothing, and being removed from one deletes nothing.
#[tokio::test(flavor = "multi_thread")]
async fn an_outage_changes_nothing_and_a_removal_parks() {
    let (twin, upstream, bot) = watching_with(None).await;
    twin.guild_outage(server()).unwrap();
    show(&upstream, market, 2.0).await;
    // Discord says what it likes meanwhile; when the server is back, so is its channel.
    twin.restore_guild(server()).unwrap();
    twin.wait_for_messages(channel(), 1, LONG).await.unwrap();
    twin.take_violations();
    twin.remove_guild(server()).unwrap();
    until("the removal is noticed", || {
        bot.log().contains("removed from server")
    })
    .await;
    let before = posts(&twin).len();
    show(&upstream, market, 5.0).await;
    show(&upstream, market, 2.0).await;
    assert_eq!(posts(&twin).len(), before, "nothing is sent there");
    twin.restore_guild(server()).unwrap();
    let again = || bot.log().matches("takes messages again").count() == 2;
    until("it takes messages again", again).await;
    let list = twin.run(&manage("alerts list")).await.unwrap();
    assert!(said(&list).contains("#1"), "{}", said(&list));
    bot.end(&twin);
}

/// F-D09: one refusal of the bot's token ends the process with its exit code, and what waits is kept.
#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_token_ends_the_process() {
    let (twin, upstream, mut bot) = watching_with(Some(BY_ITSELF)).await;
    let refused = What::error(401, 0, "401: Unauthorized");
    twin.fault(Fault::on("POST", "/channels/{id}/messages", refused).times(1));
    upstream.set(answer(&market(2.0)));
    upstream.taken().await;
    upstream.set(answer(&market(1.99)));
    assert_eq!(bot.exits().await, 77);
    bot.start(&twin, 1).await;
    for step in [1.9, 1.8, 1.7] {
        show(&upstream, market, step).await;
    }
    twin.wait_for_messages(channel(), 1, LONG).await.unwrap();
    assert_eq!(pools_of(&seen(&twin)), [USDC]);
}

/// F-D10: an answer that is no message still says that it was taken.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_without_a_message_counts_as_delivered() {
    let (twin, upstream, bot) = watching_with(None).await;
    twin.fault(Fault::on_webhooks(What::EmptyOk).after().times(1));
    show(&upstream, market, 2.0).await;
    twin.wait_for_messages(channel(), 1, LONG).await.unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(posts(&twin).len(), 1);
    let test = manage("alerts test").option("alert", "1");
    let reply = said(&twin.run(&test).await.unwrap());
    assert!(reply.contains("arrived"), "{reply}");
    bot.end(&twin);
}

/// A refused card is told in plain text.
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_card_is_told_in_plain_text() {
    let (twin, upstream, bot) = watching_with(None).await;
    let refusal = What::error(400, 50035, "Invalid Form Body");
    twin.fault(Fault::on_webhooks(refusal).times(1));
    show(&upstream, market, 2.0).await;
    twin.wait_for_messages(channel(), 1, LONG).await.unwrap();
    let messages = seen(&twin);
    assert_eq!(messages[0].body["embeds"], json!([]));
    assert!(
        messages[0].content().contains("USDC"),
        "{}",
        messages[0].content()
    );
    drop(bot);
}

/// The queue of all servers is for those whom the configuration names.
#[tokio::test(flavor = "multi_thread")]
async fn the_queue_is_for_the_operator() {
    let twin = Twin::start(one_server()).await.unwrap();
    let upstream = Upstream::start(answer(&market(5.0))).await;
    let mut bot = TestBot::new(&twin, &upstream);
    let boss = Person::new(900_000_000_000_000_009, "dan").with(permission::ADMINISTRATOR);
    bot.set("DISCORD__OPERATORS", boss.id.to_string());
    bot.start(&twin, 1).await;
    twin.run(&below_three(USDC)).await.unwrap();
    twin.delete_webhook(twin.webhooks(channel())[0]).unwrap();
    twin.fault(Fault::on_webhooks(What::error(404, 10015, "Unknown Webhook")).skip(1));
    show(&upstream, market, 2.0).await;
    until("it is parked twice", || {
        bot.log().matches("destinations were parked").count() == 2
    })
    .await;
    let queue = Invocation::of("operator queue").in_guild(server());
    let queue_of = |person: Person| queue.clone().by(person);
    let told = said(&twin.run(&queue_of(boss)).await.unwrap());
    for words in ["1 parked", "its webhook was deleted", "invalid requests"] {
        assert!(told.contains(words), "“{words}” is not in: {told}");
    }
    let other = Person::new(900_000_000_000_000_010, "eve").with(permission::ADMINISTRATOR);
    let refused = said(&twin.run(&queue_of(other)).await.unwrap());
    assert!(refused.contains("for whoever runs me"), "{refused}");
    drop(bot);
}

/// What comes to a channel within a while is one message, and the next one keeps its distance; a test that
/// somebody waits for does neither.
#[tokio::test(flavor = "multi_thread")]
async fn notices_of_a_channel_gather_into_one_message() {
    let twin = Twin::start(one_server()).await.unwrap();
    let pays = |usdc: f64, usdt: f64, weth: f64| {
        vec![
            row(USDC, "USDC", "aave-v3", usdc),
            row(USDT, "USDT", "aave-v3", usdt),
            row(WETH, "WETH", "compound-v3", weth),
        ]
    };
    let upstream = Upstream::start(answer(&pays(5.0, 5.0, 2.1))).await;
    let mut bot = TestBot::new(&twin, &upstream);
    bot.set("DELIVERY__GROUP_WAIT", "8s");
    bot.set("DELIVERY__GROUP_INTERVAL", "12s");
    bot.start(&twin, 1).await;
    let above = manage("alerts add")
        .option("at_once", true)
        .option("when", "apy_above")
        .option("value", 3)
        .option("pool", WETH)
        .option("hold", "1s");
    for alert in [below_three(USDC), below_three(USDT), above] {
        twin.run(&alert).await.unwrap();
    }
    show(&upstream, |apy| pays(apy, 5.0, 2.1), 2.0).await;
    assert!(seen(&twin).is_empty(), "the first one gathers");
    show(&upstream, |apy| pays(2.0, apy, 2.1), 2.0).await;
    twin.wait_for_messages(channel(), 1, LONG).await.unwrap();
    let first = seen(&twin).remove(0);
    assert_eq!(first.body["embeds"].as_array().unwrap().len(), 2);
    show(&upstream, |apy| pays(2.0, 2.0, apy + 2.0), 2.0).await;
    let test = manage("alerts test").option("alert", "1");
    let told = said(&twin.run(&test).await.unwrap());
    assert!(told.contains("arrived"), "{told}");
    until("the third is told", || {
        seen(&twin)
            .iter()
            .any(|message| pools_of(std::slice::from_ref(message)).contains(&WETH.to_owned()))
    })
    .await;
    bot.end(&twin);
}

/// F-D11: somebody deletes what was told. It was told, and is not told again, whether a repetition learns that the
/// message is gone or nobody does.
#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_deletes_is_not_told_again() {
    let (twin, upstream, bot) = watching_with(Some(BY_ITSELF)).await;
    let posts = |twin: &Twin| {
        let mut requests = twin.requests();
        requests.retain(|one| one.method == "POST" && one.template == "/channels/{id}/messages");
        requests.len()
    };
    let create = |what| Fault::on("POST", "/channels/{id}/messages", what).times(1);
    twin.fault(create(What::Reset).after());
    twin.fault(create(What::error(404, 10008, "Unknown Message")).skip(1));
    show(&upstream, market, 2.0).await;
    until("it is repeated", || posts(&twin) == 2).await;
    upstream.taken().await;
    let told = history(&twin).await;
    assert!(told.contains("1 notice, 1 told"), "{told}");
    twin.delete_message(seen(&twin)[0].id).unwrap();
    for step in [1.9, 1.8] {
        show(&upstream, market, step).await;
    }
    assert!(seen(&twin).is_empty());
    assert_eq!(posts(&twin), 2);
    let told = history(&twin).await;
    assert!(told.contains("1 notice, 1 told"), "{told}");
    bot.end(&twin);
}

/// F-D12: Discord takes ten seconds for each message. Commands are answered meanwhile, and what was given up is
/// looked for and told once.
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_discord_slows_no_command() {
    let (twin, upstream, bot) = watching_with(None).await;
    twin.fault(Fault::on_webhooks(What::Delay(10_000)).after().times(1));
    show(&upstream, market, 2.0).await;
    until("it is under way", || !posts(&twin).is_empty()).await;
    let begun = std::time::Instant::now();
    for _ in 0..5 {
        let told = said(&twin.run(&manage("alerts list")).await.unwrap());
        assert!(told.contains("#1"), "{told}");
    }
    assert!(
        begun.elapsed() < Duration::from_secs(3),
        "{:?}",
        begun.elapsed()
    );
    until("the channel is read", || {
        bot.log().contains("looked into the channel")
    })
    .await;
    upstream.taken().await;
    assert_eq!(pools_of(&seen(&twin)), [USDC]);
    assert_eq!(posts(&twin).len(), 1);
    bot.end(&twin);
}

/// F-D13: a text that a filter of the server refuses is not sent again, and the admin reads why; the next notice
/// goes out.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_filter_refuses_is_told_to_the_admin() {
    let (twin, upstream, bot) = watching_with(None).await;
    twin.run(&below_three(USDT)).await.unwrap();
    let blocked = What::error(400, 200_000, "Message was blocked by automatic moderation");
    twin.fault(Fault::on_webhooks(blocked).times(1));
    show(&upstream, market, 2.0).await;
    until("it is refused", || posts(&twin).len() == 1).await;
    upstream.taken().await;
    let told = history(&twin).await;
    assert!(
        told.contains("refused by a filter of the server (200000)"),
        "{told}"
    );
    let pays = |usdt: f64| {
        vec![
            row(USDC, "USDC", "aave-v3", 2.0),
            row(USDT, "USDT", "aave-v3", usdt),
            row(WETH, "WETH", "compound-v3", 2.1),
        ]
    };
    show(&upstream, pays, 2.0).await;
    twin.wait_for_messages(channel(), 1, LONG).await.unwrap();
    assert_eq!(pools_of(&seen(&twin)), [USDT]);
    assert_eq!(posts(&twin).len(), 2);
    bot.end(&twin);
}
