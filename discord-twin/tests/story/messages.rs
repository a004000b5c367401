//! Webhooks and messages, their limits and their faults.

use std::time::Duration;

use discord_twin::{Fault, Limits, Twin, What};
use reqwest::Method;
use serde_json::json;

use crate::{
    PATIENCE, SECOND,
    bot::{AGENT, Bot, broken, channel, guild, silent, world},
    gateway::Gateway,
};

#[tokio::test]
async fn webhooks_from_creation_to_death() {
    let twin = Twin::start(world()).await.unwrap();
    let bot = Bot::of(&twin);
    let mut gateway = Gateway::identify(&twin, 0, 1).await;
    let (id, token) = bot.webhook(channel()).await;
    assert_eq!(
        gateway.event("WEBHOOKS_UPDATE").await["channel_id"],
        channel().to_string()
    );

    let path = format!("/webhooks/{id}/{token}");
    let mut body = silent("First");
    body["embeds"] = json!([{"title": "USDC", "fields": [{"name": "APY", "value": "4 %"}], "footer": {"text": "#7F3K"}}]);
    let sent = bot.post(&format!("{path}?wait=true"), body).await;
    assert_eq!(sent.status, 200);
    assert_eq!(bot.post(&path, silent("Second")).await.status, 204);
    let messages = twin
        .wait_for_messages(channel(), 2, PATIENCE)
        .await
        .unwrap();
    assert_eq!(messages[1].content(), "Second");
    assert_eq!(
        gateway.event("MESSAGE_CREATE").await["webhook_id"],
        id.to_string()
    );

    let message = sent.body["id"].as_str().unwrap();
    let listed = bot
        .get(&format!(
            "/channels/{}/messages?after=1&limit=100",
            channel()
        ))
        .await;
    assert_eq!(listed.body.as_array().unwrap().len(), 2);
    assert_eq!(listed.body[1]["id"], message);
    assert_eq!(
        listed.body[1]["content"], "",
        "content is blank for the bot token"
    );
    let own = bot.get(&format!("{path}/messages/{message}")).await;
    assert_eq!(
        (
            &own.body["content"],
            &own.body["embeds"][0]["footer"]["text"]
        ),
        (&json!("First"), &json!("#7F3K"))
    );
    let edited = bot
        .patch(&format!("{path}/messages/{message}"), silent("Edited"))
        .await;
    assert_eq!(edited.body["content"], "Edited");
    broken(&twin, &[]);

    assert_eq!(
        bot.post(&path, json!({"content": "loud"})).await.status,
        204
    );
    broken(&twin, &["allowed_mentions"]);
    let empty = bot
        .post(&path, json!({"allowed_mentions": {"parse": []}}))
        .await;
    assert_eq!(empty.body["code"], 50006);
    broken(&twin, &["empty message"]);

    let wrong = bot
        .post(&format!("/webhooks/{id}/wrong"), silent("x"))
        .await;
    assert_eq!(
        (wrong.status.as_u16(), &wrong.body["code"]),
        (401, &json!(50027))
    );
    twin.delete_webhook(id).unwrap();
    let gone = bot.post(&path, silent("x")).await;
    assert_eq!(
        (gone.status.as_u16(), &gone.body["code"]),
        (404, &json!(10015))
    );
    broken(&twin, &["gone"]);

    let forum = bot.webhook(guild() + 2).await;
    let path = format!("/webhooks/{}/{}?wait=true", forum.0, forum.1);
    assert_eq!(bot.post(&path, silent("x")).await.body["code"], 220_001);
    let mut body = silent("x");
    body["thread_name"] = json!("Topic");
    assert_eq!(bot.post(&path, body).await.status, 200);
    let dark = bot
        .post(
            &format!("/channels/{}/webhooks", guild() + 3),
            json!({"name": "x"}),
        )
        .await;
    assert_eq!(dark.body["code"], 50001);
    broken(&twin, &["forum channels must have"]);
}

#[tokio::test]
async fn the_nonce_counts_on_create_message_only() {
    let world = world();
    let described = world.openapi.is_some();
    let twin = Twin::start(world).await.unwrap();
    let bot = Bot::of(&twin);
    let path = format!("/channels/{}/messages", channel());
    let mut body = silent("once");
    body["nonce"] = json!("abc");
    body["enforce_nonce"] = json!(true);
    let first = bot.post(&path, body.clone()).await;
    let second = bot.post(&path, body.clone()).await;
    assert_eq!(
        (first.status.as_u16(), &first.body["id"]),
        (200, &second.body["id"])
    );
    twin.delete_message(first.body["id"].as_str().unwrap().parse().unwrap())
        .unwrap();
    assert_eq!(bot.post(&path, body).await.body["code"], 10008);
    let (id, token) = bot.webhook(channel()).await;
    let mut body = silent("twice");
    body["nonce"] = json!("abc");
    for _ in 0..2 {
        bot.post(&format!("/webhooks/{id}/{token}"), body.clone())
            .await;
    }
    assert_eq!(twin.channel(channel()).len(), 2);
    // A webhook ignores what only the description says that it does not take.
    let told = if described { 2 } else { 0 };
    broken(&twin, &["'nonce' was unexpected"; 2][..told]);
}

#[tokio::test]
async fn limits_strike_and_pauses_are_watched() {
    let limits = Limits {
        time_scale: 0.5,
        ..Limits::default()
    };
    let twin = Twin::start(world().limits(limits)).await.unwrap();
    let bot = Bot::of(&twin);
    let (id, token) = bot.webhook(channel()).await;
    let path = format!("/webhooks/{id}/{token}?wait=true");
    for left in (0..5).rev() {
        let sent = bot.post(&path, silent("x")).await;
        assert_eq!(sent.headers["x-ratelimit-remaining"], left.to_string());
    }
    let limited = bot.post(&path, silent("x")).await;
    assert_eq!(limited.status, 429);
    assert_eq!(limited.headers["x-ratelimit-scope"], "user");
    let wait = limited.body["retry_after"].as_f64().unwrap();
    assert!(wait <= 1.0 && limited.headers["retry-after"] == wait.to_string());
    broken(&twin, &[]);
    tokio::time::sleep(Duration::from_millis(150)).await;
    assert_eq!(bot.post(&path, silent("x")).await.status, 429);
    broken(&twin, &["Retry-After"]);
    tokio::time::sleep(Duration::from_secs_f64(wait)).await;
    assert_eq!(bot.post(&path, silent("x")).await.status, 200);
    assert_eq!(twin.ledger_len(), 6);
    assert_eq!(twin.invalid_requests(), 2);
    broken(&twin, &[]);
}

/// Every message is stored, and about as many acknowledgements are lost as the chance says.
#[tokio::test]
async fn acknowledgements_are_lost_by_chance() {
    let twin = Twin::start(world().limits(Limits::off())).await.unwrap();
    let bot = Bot::of(&twin);
    let (id, token) = bot.webhook(channel()).await;
    let path = format!("/webhooks/{id}/{token}?wait=true");
    twin.seed_faults(7);
    twin.fault(Fault::on_webhooks(What::Reset).after().chance(20));
    let mut lost = 0;
    for _ in 0..200 {
        lost += u32::from(
            bot.call(Method::POST, &path, Some(silent("x")))
                .await
                .is_err(),
        );
    }
    assert!((20..60).contains(&lost), "{lost} of 200");
    assert_eq!(twin.ledger_len(), 200);
    broken(&twin, &[]);
}

#[tokio::test]
async fn faults_before_and_after() {
    let twin = Twin::start(world()).await.unwrap();
    let bot = Bot::of(&twin);
    let (id, token) = bot.webhook(channel()).await;
    let path = format!("/webhooks/{id}/{token}?wait=true");

    twin.fault(Fault::on_webhooks(What::error(503, 0, "")).of(id).times(1));
    assert_eq!(bot.post(&path, silent("a")).await.status, 503);
    assert_eq!(twin.ledger_len(), 0);
    twin.fault(Fault::on_webhooks(What::Reset).of(id).times(1));
    assert!(
        bot.call(Method::POST, &path, Some(silent("b")))
            .await
            .is_err()
    );
    assert_eq!(twin.ledger_len(), 0);
    twin.fault(Fault::on_webhooks(What::Reset).after().times(1));
    assert!(
        bot.call(Method::POST, &path, Some(silent("c")))
            .await
            .is_err()
    );
    assert_eq!(twin.last(channel()).unwrap().content(), "c");
    twin.fault(Fault::on_webhooks(What::ResetThenApply(100)).times(1));
    assert!(
        bot.call(Method::POST, &path, Some(silent("d")))
            .await
            .is_err()
    );
    assert_eq!((twin.ledger_len(), twin.in_flight()), (1, 1));
    twin.wait_for_messages(channel(), 2, PATIENCE)
        .await
        .unwrap();
    twin.fault(Fault::on_webhooks(What::NoWait).after().times(1));
    assert_eq!(bot.post(&path, silent("e")).await.status, 204);
    assert_eq!(twin.ledger_len(), 3);

    twin.fault(Fault::on_webhooks(What::too_many("user", SECOND / 2)).times(1));
    assert_eq!(bot.post(&path, silent("f")).await.status, 429);
    tokio::time::sleep(Duration::from_millis(150)).await;
    assert_eq!(bot.post(&path, silent("g")).await.status, 429);
    broken(&twin, &["Retry-After"]);

    twin.fault(Fault::everywhere(What::Html1015).times(1));
    let banned = bot.get("/users/@me").await;
    assert_eq!(
        (
            banned.status.as_u16(),
            banned.headers["content-type"]
                .to_str()
                .unwrap()
                .starts_with("text/html")
        ),
        (429, true)
    );
    assert!(banned.body.as_str().unwrap().contains("1015"));
    assert_eq!(twin.in_flight(), 0);
    broken(&twin, &[]);
}

#[tokio::test]
async fn headers_and_versions_are_judged() {
    let twin = Twin::start(world()).await.unwrap();
    let bot = Bot::of(&twin);
    let plain = bot
        .http
        .get(format!("{}/api/v10/gateway", twin.base_url()))
        .send()
        .await
        .unwrap();
    assert_eq!(plain.status(), 200);
    broken(&twin, &["User-Agent"]);
    let nobody = bot
        .http
        .get(format!("{}/api/v10/users/@me", twin.base_url()))
        .header("User-Agent", AGENT);
    assert_eq!(nobody.send().await.unwrap().status(), 401);
    broken(&twin, &["Authorization"]);
    let old = bot
        .http
        .get(format!("{}/api/webhooks/1/x", twin.base_url()))
        .header("User-Agent", AGENT);
    assert_eq!(old.send().await.unwrap().status(), 400);
    broken(&twin, &["version"]);
}

/// What no rule of the twin's own names is found by Discord's description, where that is at hand.
#[tokio::test]
async fn bodies_are_held_against_the_description() {
    let world = world();
    if world.openapi.is_none() {
        return;
    }
    let twin = Twin::start(world).await.unwrap();
    let bot = Bot::of(&twin);
    let (id, token) = bot.webhook(channel()).await;
    let mut body = silent("x");
    body["embed"] = json!([]);
    bot.post(&format!("/webhooks/{id}/{token}"), body).await;
    broken(&twin, &["does not fit Discord's description"]);
}
