//! Sessions on the gateway.

use discord_twin::{NoIdentify, ShardEvent, Twin};
use serde_json::json;

use crate::{
    PATIENCE,
    bot::{Bot, add, broken, guild, plain_world, register, world},
    gateway::Gateway,
};

#[tokio::test]
async fn sessions_resume_and_end() {
    let twin = Twin::start(world()).await.unwrap();
    let bot = Bot::of(&twin);
    register(&bot).await;
    let mut gateway = Gateway::identify(&twin, 0, 1).await;
    twin.wait_ready(1, PATIENCE).await.unwrap();
    gateway.send(json!({"op": 1, "d": gateway.seq})).await;
    while gateway.next().await.unwrap()["op"] != 11 {}

    assert!(twin.shard(0, ShardEvent::Cut));
    while gateway.next().await.is_ok() {}
    let id = twin.invoke(&add()).unwrap();
    let resume = format!("{}/gateway/resume", twin.base_url().replace("http", "ws"));
    let mut resumed = Gateway::open(&resume).await;
    let data = json!({"token": twin.token(), "session_id": gateway.session, "seq": gateway.seq});
    resumed.send(json!({"op": 6, "d": data})).await;
    assert_eq!(
        resumed.event("INTERACTION_CREATE").await["id"],
        id.to_string(),
        "missed events are replayed"
    );
    resumed.event("RESUMED").await;
    assert_eq!(
        (
            twin.identifies(0),
            twin.resumes(0),
            twin.resumes_elsewhere()
        ),
        (1, 1, 0)
    );

    assert!(twin.shard(0, ShardEvent::Repeat));
    resumed.event("RESUMED").await;
    assert!(twin.shard(0, ShardEvent::Reconnect));
    assert_eq!(resumed.next().await.unwrap()["op"], 7);
    twin.guild_outage(guild()).unwrap();
    assert_eq!(resumed.event("GUILD_DELETE").await["unavailable"], true);
    assert_eq!(
        bot.get(&format!("/guilds/{}", guild())).await.body["code"],
        10004
    );
    twin.restore_guild(guild()).unwrap();
    resumed.event("GUILD_CREATE").await;
    twin.remove_guild(guild()).unwrap();
    assert!(
        resumed
            .event("GUILD_DELETE")
            .await
            .get("unavailable")
            .is_none()
    );

    twin.refuse_identifies(NoIdentify::Close(4014), Some(1));
    let mut refused = Gateway::open(&format!(
        "{}/gateway",
        twin.base_url().replace("http", "ws")
    ))
    .await;
    refused.send_identify(&twin.token(), 0, 1).await;
    assert_eq!(refused.next().await, Err(4014));

    twin.revoke_token();
    assert_eq!(resumed.next().await, Err(4004));
    assert_eq!(bot.get("/users/@me").await.status, 401);
    broken(&twin, &[]);
}

#[tokio::test]
async fn a_thousand_servers_on_four_shards() {
    let twin = Twin::start(plain_world().shards(4).guilds(1000))
        .await
        .unwrap();
    let bot = Bot::of(&twin);
    assert_eq!(bot.get("/gateway/bot").await.body["shards"], 4);
    let page = bot.get("/users/@me/guilds").await;
    assert_eq!(page.body.as_array().unwrap().len(), 200);
    for shard in 0..4 {
        let mut gateway = Gateway::identify(&twin, shard, 4).await;
        for _ in 0..250 {
            gateway.event("GUILD_CREATE").await;
        }
    }
    let mut early = Gateway::open(&format!(
        "{}/gateway",
        twin.base_url().replace("http", "ws")
    ))
    .await;
    early.send_identify(&twin.token(), 1, 4).await;
    assert_eq!(early.next().await.unwrap()["op"], 9);
    broken(&twin, &["dentif"]);
}
