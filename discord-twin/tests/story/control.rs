//! The control port.

use discord_twin::Twin;
use serde_json::{Value, json};

use crate::bot::{AGENT, Bot, broken, channel, guild, silent, world};

#[tokio::test]
async fn the_control_port_offers_the_same() {
    let twin = Twin::start(world()).await.unwrap();
    let bot = Bot::of(&twin);
    let control = |path: &str| format!("{}/twin{path}", twin.base_url());
    let hook = bot
        .http
        .post(control(&format!("/channels/{}/webhooks", channel())))
        .json(&json!({"name": "Pasted"}));
    let hook: Value = hook.send().await.unwrap().json().await.unwrap();
    let (id, token) = (
        hook["id"].as_str().unwrap(),
        hook["token"].as_str().unwrap(),
    );
    let form = reqwest::multipart::Form::new()
        .text("payload_json", silent("with a file").to_string())
        .part(
            "files[0]",
            reqwest::multipart::Part::bytes(b"a,b\n".to_vec()).file_name("export.csv"),
        );
    let sent = bot.http.post(format!(
        "{}/api/v10/webhooks/{id}/{token}?wait=true",
        twin.base_url()
    ));
    let sent: Value = sent
        .header("User-Agent", AGENT)
        .multipart(form)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(sent["attachments"][0]["filename"], "export.csv");
    let url = sent["attachments"][0]["url"].as_str().unwrap();
    assert_eq!(
        bot.http
            .get(url)
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap(),
        "a,b\n"
    );

    let wait = bot.http.get(control(&format!(
        "/channels/{}/wait?count=1&timeout_ms=1000",
        channel()
    )));
    let messages: Value = wait.send().await.unwrap().json().await.unwrap();
    assert_eq!(messages[0]["via"], json!({"webhook": id}));
    assert_eq!(messages[0]["files"][0]["size"], 4);
    let fault = json!({"method": "POST", "what": {"status": {"code": 500}}, "times": 1});
    assert_eq!(
        bot.http
            .post(control("/fault"))
            .json(&fault)
            .send()
            .await
            .unwrap()
            .status(),
        204
    );
    assert_eq!(
        bot.post(&format!("/webhooks/{id}/{token}"), silent("x"))
            .await
            .status,
        500
    );
    let invoked = bot
        .http
        .post(control("/invoke"))
        .json(&json!({"command": "nothing", "guild": guild().to_string()}));
    let invoked = invoked.send().await.unwrap();
    assert_eq!(invoked.status(), 422);
    let close = bot
        .http
        .post(control("/gateway/shards/0"))
        .json(&json!({"close": 4000}))
        .send()
        .await
        .unwrap();
    assert_eq!(close.status(), 409);
    let requests: Value = bot
        .http
        .get(control("/requests"))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(
        requests["requests"][0]["template"],
        "/webhooks/{id}/{token}"
    );
    assert!(!requests.to_string().contains(token));
    broken(&twin, &[]);
}
