//! Commands, typing, modals and buttons.

use std::time::Duration;

use discord_twin::{Invocation, Person, Press, Twin, TwinError, World};
use reqwest::Method;
use serde_json::json;

use crate::{
    PATIENCE, SECOND,
    bot::{Bot, add, broken, channel, guild, register, silent, world},
    gateway::Gateway,
};

#[tokio::test]
async fn a_command_is_deferred_answered_and_followed_up() {
    let twin = Twin::start(world()).await.unwrap();
    let bot = Bot::of(&twin);
    register(&bot).await;
    let mut gateway = Gateway::identify(&twin, 0, 1).await;
    assert_eq!(gateway.event("GUILD_CREATE").await["name"], "Test");

    let id = twin.invoke(&add()).unwrap();
    let interaction = gateway.event("INTERACTION_CREATE").await;
    assert_eq!(interaction["id"], id.to_string());
    assert_eq!(
        interaction["data"]["options"][0]["options"][1]["value"],
        channel().to_string()
    );
    assert_eq!(
        interaction["data"]["resolved"]["channels"][channel().to_string()]["name"],
        "yields"
    );
    let token = interaction["token"].as_str().unwrap();

    let callback = format!("/interactions/{id}/{token}/callback");
    let defer = json!({"type": 5, "data": {"flags": 64}});
    assert_eq!(bot.post(&callback, defer.clone()).await.status, 204);
    assert!(matches!(
        twin.reply(id, SECOND / 20).await,
        Err(TwinError::NoReply { .. })
    ));
    let again = bot.post(&callback, defer).await;
    assert_eq!(
        (again.status.as_u16(), &again.body["code"]),
        (400, &json!(40060))
    );
    broken(&twin, &["answered a second time"]);

    let button = json!([{"type": 1, "components": [{"type": 2, "style": 1, "label": "More", "custom_id": "more"},
        {"type": 2, "style": 2, "label": "Off", "custom_id": "off", "disabled": true}]}]);
    let application = twin.application();
    let original = format!("/webhooks/{application}/{token}/messages/@original");
    let edit = json!({"content": "Added", "components": button, "allowed_mentions": {"parse": []}});
    assert_eq!(bot.patch(&original, edit).await.status, 200);
    assert_eq!(
        bot.post(
            &format!("/webhooks/{application}/{token}"),
            silent("And more")
        )
        .await
        .status,
        200
    );

    let reply = twin.reply(id, PATIENCE).await.unwrap();
    assert_eq!(
        (reply.content(), reply.ephemeral, reply.deferred),
        ("Added", true, true)
    );
    assert_eq!(reply.followups[0]["content"], "And more");
    assert!(reply.first_answer_after < SECOND);

    assert!(twin.press_only(&Press::on_reply(id, "off")).is_err());
    assert!(
        twin.press_only(&Press::on_reply(id, "more").by(Person::new(5, "eve")))
            .is_err()
    );
    let pressed = twin.press_only(&Press::on_reply(id, "more")).unwrap();
    let click = gateway.event("INTERACTION_CREATE").await;
    assert_eq!(click["message"]["content"], "Added");
    let token = click["token"].as_str().unwrap();
    let update = json!({"type": 7, "data": {"content": "Less", "components": [], "allowed_mentions": {"parse": []}}});
    bot.post(&format!("/interactions/{pressed}/{token}/callback"), update)
        .await;
    let reply = twin.reply(pressed, PATIENCE).await.unwrap();
    assert_eq!((reply.content(), reply.updated), ("Less", true));
    broken(&twin, &[]);
    twin.stop().await;
}

#[tokio::test]
async fn a_command_is_chosen_in_the_menu_of_a_message() {
    let twin = Twin::start(world()).await.unwrap();
    let bot = Bot::of(&twin);
    let menu = json!([{"type": 3, "name": "Explain this"}]);
    let path = format!("/applications/{}/commands", World::default().application);
    let made = bot.call(Method::PUT, &path, Some(menu)).await.unwrap();
    assert_eq!(made.status, 200, "{}", made.body);
    let mut gateway = Gateway::identify(&twin, 0, 1).await;
    gateway.event("GUILD_CREATE").await;

    let said = twin
        .say(channel(), &Person::default(), "40 % APY!")
        .unwrap();
    let call = Invocation::on_message(said, "Explain this");
    let id = twin.invoke(&call).unwrap();
    let interaction = gateway.event("INTERACTION_CREATE").await;
    let data = &interaction["data"];
    assert_eq!(
        (&interaction["type"], &data["type"]),
        (&json!(2), &json!(3))
    );
    assert_eq!(data["target_id"], said.to_string());
    let message = &data["resolved"]["messages"][said.to_string()];
    assert_eq!(message["content"], "40 % APY!");
    assert_eq!(interaction["channel_id"], channel().to_string());

    let token = interaction["token"].as_str().unwrap();
    let answer = json!({"type": 4, "data": {"content": "No", "flags": 64, "allowed_mentions": {"parse": []}}});
    let callback = format!("/interactions/{id}/{token}/callback");
    assert_eq!(bot.post(&callback, answer).await.status, 204);
    let reply = twin.reply(id, PATIENCE).await.unwrap();
    assert_eq!((reply.content(), reply.ephemeral), ("No", true));

    // Nobody else sees that answer, so nobody else has its menu.
    let answer = reply.message_id().unwrap();
    let on_answer = Invocation::on_message(answer, "Explain this");
    let refused = twin.invoke(&on_answer.by(Person::new(5, "eve")));
    assert!(matches!(refused, Err(TwinError::NotOffered(_))));
    for wrong in [
        Invocation::on_message(said + 1, "Explain this"),
        Invocation::on_message(said, "Explain"),
        call.option("pool", "x"),
        Invocation::of("Explain this").in_guild(guild()),
    ] {
        assert!(twin.invoke(&wrong).is_err(), "{wrong:?}");
    }
    broken(&twin, &[]);
    twin.stop().await;
}

#[tokio::test]
async fn autocomplete_and_modals() {
    let twin = Twin::start(world()).await.unwrap();
    let bot = Bot::of(&twin);
    register(&bot).await;
    let mut gateway = Gateway::identify(&twin, 0, 1).await;

    let typing = add().option("pool", "us");
    let (choices, ()) = tokio::join!(twin.autocomplete(&typing, "pool"), async {
        let typed = gateway.event("INTERACTION_CREATE").await;
        assert_eq!(typed["data"]["options"][0]["options"][0]["focused"], true);
        let path = format!(
            "/interactions/{}/{}/callback",
            typed["id"].as_str().unwrap(),
            typed["token"].as_str().unwrap()
        );
        bot.post(
            &path,
            json!({"type": 8, "data": {"choices": [{"name": "USDC", "value": "usdc"}]}}),
        )
        .await;
    });
    assert_eq!(choices.unwrap().choices[0]["value"], "usdc");

    let id = twin.invoke(&add()).unwrap();
    let interaction = gateway.event("INTERACTION_CREATE").await;
    let token = interaction["token"].as_str().unwrap();
    let input =
        json!({"type": 4, "custom_id": "note", "label": "Note", "style": 1, "min_length": 2});
    let modal = json!({"type": 9, "data": {"custom_id": "m", "title": "Note", "components": [
        {"type": 1, "components": [input]}]}});
    assert_eq!(
        bot.post(&format!("/interactions/{id}/{token}/callback"), modal)
            .await
            .status,
        204
    );
    assert!(twin.reply(id, PATIENCE).await.unwrap().modal.is_some());
    let short = json!({"note": "x"});
    assert!(
        twin.submit_modal(id, short.as_object().unwrap())
            .await
            .is_err()
    );
    let values = json!({"note": "hello"});
    let (reply, ()) = tokio::join!(twin.submit_modal(id, values.as_object().unwrap()), async {
        let sent = gateway.event("INTERACTION_CREATE").await;
        assert_eq!(
            sent["data"]["components"][0]["components"][0]["value"],
            "hello"
        );
        let path = format!(
            "/interactions/{}/{}/callback",
            sent["id"].as_str().unwrap(),
            sent["token"].as_str().unwrap()
        );
        bot.post(&path, json!({"type": 4, "data": silent("Noted")}))
            .await;
    });
    assert_eq!(reply.unwrap().content(), "Noted");
    broken(&twin, &[]);
}

#[tokio::test]
async fn an_unanswered_interaction_is_dead_and_noted() {
    let twin = Twin::start(World {
        first_answer_ms: 50,
        ..world()
    })
    .await
    .unwrap();
    let bot = Bot::of(&twin);
    register(&bot).await;
    let mut gateway = Gateway::identify(&twin, 0, 1).await;
    let id = twin.invoke(&add()).unwrap();
    let interaction = gateway.event("INTERACTION_CREATE").await;
    tokio::time::sleep(Duration::from_millis(80)).await;
    broken(&twin, &["no answer within"]);
    let path = format!(
        "/interactions/{id}/{}/callback",
        interaction["token"].as_str().unwrap()
    );
    let late = bot
        .post(&path, json!({"type": 4, "data": silent("x")}))
        .await;
    assert_eq!(
        (late.status.as_u16(), &late.body["code"]),
        (404, &json!(10062))
    );
    broken(&twin, &["first answer after"]);
}
