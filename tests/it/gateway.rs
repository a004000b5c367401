//! The connection to Discord breaks in every way that it can, and is never made too often.

use std::time::{Duration, Instant};

use discord_twin::{
    Fault, Guild, Invocation, Limits, NoIdentify, ShardEvent, Twin, What, World, guild_on_shard,
};
use serde_json::json;
use sqlx::{Connection as _, SqliteConnection};

use crate::support::{
    LONG, TestBot, USDC, Upstream, answer, below_three, call, manage, market, one_server, said,
    server, status, until, world,
};

async fn setting(world: World) -> (Twin, Upstream, TestBot) {
    let twin = Twin::start(world).await.unwrap();
    let upstream = Upstream::start(answer(&market(5.0))).await;
    let bot = TestBot::new(&twin, &upstream);
    (twin, upstream, bot)
}

/// Sets an alert that the market does not meet yet.
async fn watch(twin: &Twin) {
    let add = manage("alerts add")
        .option("at_once", true)
        .option("when", "apy_below");
    let add = add
        .option("value", 3)
        .option("pool", USDC)
        .option("hold", "1s");
    twin.run(&add).await.unwrap();
}

/// Lets the market meet the alert, and waits for the notice.
async fn told(twin: &Twin, upstream: &Upstream) {
    for step in [0.0, 0.01, 0.02] {
        upstream.set(answer(&market(2.0 - step)));
        upstream.taken().await;
    }
    twin.wait_for_messages(server() + 1, 1, LONG).await.unwrap();
}

async fn answers(twin: &Twin) {
    let said = status(twin).await;
    assert!(said.contains("1 of 1 shard connected"), "{said}");
}

/// F-G01: heartbeats are no longer answered. The session is not thrown away: the connection is closed
/// within two intervals, in a way that lets it be resumed, and at the address that READY named.
/// Notices go on meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_without_acks_is_resumed_within_two_intervals() {
    let interval = Duration::from_secs(4);
    let (twin, upstream, mut bot) = setting(World {
        heartbeat_interval_ms: 4000,
        ..one_server()
    })
    .await;
    bot.start(&twin, 1).await;
    watch(&twin).await;
    // The interval is learnt from two heartbeats.
    tokio::time::sleep(interval * 3).await;
    assert_eq!((twin.identifies(0), twin.resumes(0)), (1, 0));
    twin.shard(0, ShardEvent::StopAcknowledging);
    let silent = Instant::now();
    let (resumed, ()) = tokio::join!(
        async {
            twin.wait_resumed(0, 1, LONG).await.unwrap();
            twin.shard(0, ShardEvent::Acknowledge);
            silent.elapsed()
        },
        told(&twin, &upstream)
    );
    // The last answered heartbeat lies up to one interval before the silence.
    assert!(resumed <= interval * 2, "{resumed:?}");
    assert_eq!((twin.identifies(0), twin.resumes_elsewhere()), (1, 0));
    answers(&twin).await;
    bot.end(&twin);
}

/// F-G02: whatever ends a session that can be resumed, it is resumed; no start is used up.
#[tokio::test(flavor = "multi_thread")]
async fn what_can_be_resumed_is_resumed() {
    let (twin, upstream, mut bot) = setting(one_server()).await;
    bot.start(&twin, 1).await;
    watch(&twin).await;
    let events = [
        ShardEvent::Reconnect,
        ShardEvent::InvalidSession(true),
        ShardEvent::Cut,
        ShardEvent::Close(4000),
        ShardEvent::Close(4008),
    ];
    for (nth, event) in (1..).zip(events) {
        assert!(twin.shard(0, event), "{event:?}");
        twin.wait_resumed(0, nth, LONG).await.unwrap();
        answers(&twin).await;
    }
    assert_eq!((twin.identifies(0), twin.resumes_elsewhere()), (1, 0));
    told(&twin, &upstream).await;
    bot.end(&twin);
}

/// F-G02: a session that is gone is replaced by a new one, once, and not before a second has passed.
#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_resumed_begins_anew_after_a_moment() {
    let (twin, upstream, mut bot) = setting(one_server()).await;
    bot.start(&twin, 1).await;
    watch(&twin).await;
    let events = [
        ShardEvent::InvalidSession(false),
        ShardEvent::Close(4009),
        ShardEvent::Close(4007),
        ShardEvent::Close(4003),
    ];
    for (nth, event) in (2..).zip(events) {
        let lost = Instant::now();
        assert!(twin.shard(0, event), "{event:?}");
        until("a new session", || twin.identifies(0) == nth).await;
        let after = lost.elapsed();
        let moment = Duration::from_secs(1)..Duration::from_secs(9);
        assert!(moment.contains(&after), "{event:?}: {after:?}");
        twin.wait_ready(1, LONG).await.unwrap();
        until("the shard is let in", || {
            let ready = bot.log().matches("shard is ready").count();
            u32::try_from(ready).unwrap() == nth
        })
        .await;
        answers(&twin).await;
    }
    told(&twin, &upstream).await;
    bot.end(&twin);
}

/// F-G03: after a code that no further attempt can mend there is none, whichever the code.
#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_for_good_ends_the_process_after_one_identify() {
    let refusals = [
        (4004, 77, "refuses the token; copy a fresh one"),
        (4010, 78, "it recommends 2; set discord.shards"),
        (4011, 78, "it recommends 2; set discord.shards"),
        (4012, 70, "update stipend"),
        (4013, 70, "update stipend"),
        (4014, 78, "open the Bot page of the developer portal"),
    ];
    for (code, exit, words) in refusals {
        let (twin, _upstream, mut bot) = setting(one_server().shards(2)).await;
        bot.set("DISCORD__SHARDS", "1");
        twin.refuse_identifies(NoIdentify::Close(code), None);
        let ended = bot.fails().await;
        ended.check(exit, words);
        assert!(ended.after < Duration::from_secs(10), "{:?}", ended.after);
        assert_eq!(twin.all_identifies(), 1, "{code}");
    }
}

/// F-G03: a token that is reset, or a bot that outgrows its shards, while all is well.
#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_in_the_middle_of_a_session_ends_the_process_too() {
    for (code, exit) in [(4004, 77), (4011, 78)] {
        let (twin, _upstream, mut bot) = setting(one_server()).await;
        bot.start(&twin, 1).await;
        twin.shard(0, ShardEvent::Close(code));
        assert_eq!(bot.exits().await, exit, "{}", bot.log());
        assert_eq!(twin.all_identifies(), 1, "{code}");
    }
}

/// F-G04: a supervisor that starts a crashing bot again and again. From the 21st start in an hour on
/// it waits, longer each time, and meanwhile says that it is not ready and sends notices.
#[tokio::test(flavor = "multi_thread")]
async fn a_crash_loop_waits_longer_and_longer_before_it_identifies() {
    let (twin, upstream, mut bot) = setting(World {
        identify_budget: 22,
        // Twenty starts in a second are more than other limits allow.
        limits: Limits::off(),
        ..one_server()
    })
    .await;
    bot.set("DISCORD__CRASH_LOOP_WAIT", "6s");
    bot.start(&twin, 1).await;
    watch(&twin).await;
    for start in 2..=20 {
        bot.kill();
        bot.spawn();
        until("it is let in", || {
            bot.log().matches("shard is ready").count() == start
        })
        .await;
    }
    assert!(!bot.log().contains("started again and again"));
    for (start, wait) in [(21, 6), (22, 12)] {
        bot.kill();
        bot.spawn();
        until("it waits", || {
            bot.log().contains(&format!("\"starts\":{start}"))
        })
        .await;
        let waits = Instant::now();
        if start == 22 {
            let ready = bot.readyz().await;
            assert!(ready.contains("503"), "{ready}");
            told(&twin, &upstream).await;
            assert_eq!(
                twin.identifies(0),
                21,
                "notices do not wait for the gateway"
            );
        }
        until("it connects", || twin.identifies(0) == start).await;
        let waited = waits.elapsed().as_secs_f64().round();
        assert!((waited - f64::from(wait)).abs() < 2.0, "{waited}");
    }
    bot.end(&twin);
}

/// F-G04: what earlier processes used up of the day counts, whatever this one is told.
#[tokio::test(flavor = "multi_thread")]
async fn the_identifies_of_a_day_are_counted_over_all_processes() {
    let (twin, _upstream, mut bot) = setting(World {
        session_starts_left: 1000,
        ..one_server()
    })
    .await;
    bot.start(&twin, 1).await;
    bot.kill();
    let url = format!("sqlite://{}", bot.path("stipend.db").display());
    let mut open = SqliteConnection::connect(&url).await.unwrap();
    sqlx::query(
        "INSERT INTO identify (shard, at, ready_at)
         WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 949)
         SELECT 0, at, at FROM n, (SELECT MAX(at) - 3600000 AS at FROM identify)",
    )
    .execute(&mut open)
    .await
    .unwrap();
    open.close().await.unwrap();
    bot.spawn();
    until("it waits", || {
        bot.log().contains("the day's identifies are used up")
    })
    .await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(twin.identifies(0), 1);
    let ready = bot.readyz().await;
    assert!(ready.contains("\"shards_connected\":0"), "{ready}");
    bot.end(&twin);
}

/// F-G04: when Discord has too few starts left, the process stays, waits, and connects by itself.
#[tokio::test(flavor = "multi_thread")]
async fn too_few_session_starts_are_waited_for() {
    let (twin, _upstream, mut bot) = setting(World {
        session_starts_left: 50,
        ..one_server()
    })
    .await;
    bot.set("DISCORD__CRASH_LOOP_WAIT", "1s");
    bot.spawn();
    until("it waits", || {
        bot.log().contains("too few of Discord's session starts")
    })
    .await;
    assert_eq!(twin.all_identifies(), 0);
    twin.set_session_starts_left(51);
    twin.wait_ready(1, LONG).await.unwrap();
    assert_eq!(twin.all_identifies(), 1);
    bot.end(&twin);
}

/// F-G05: groups of `max_concurrency` shards start in order and never too fast.
#[tokio::test(flavor = "multi_thread")]
async fn shards_start_in_order_and_as_fast_as_discord_allows() {
    let (twin, _upstream, mut bot) = setting(World {
        max_concurrency: 2,
        identify_pause_ms: 5000,
        ..one_server().shards(4)
    })
    .await;
    let started = Instant::now();
    bot.start(&twin, 4).await;
    let took = started.elapsed();
    assert!(took < Duration::from_secs(10), "{took:?}");
    let shards: Vec<u32> = twin.sessions().iter().map(|it| it.shard / 2).collect();
    assert_eq!(shards, [0, 0, 1, 1], "groups by time");
    bot.end(&twin);
}

/// F-G05: a bot that follows Discord's advice on its shards follows it when it grows, by itself.
#[tokio::test(flavor = "multi_thread")]
async fn a_bot_that_outgrows_its_shards_comes_back_with_more() {
    let (twin, upstream, mut bot) = setting(one_server()).await;
    bot.start(&twin, 1).await;
    watch(&twin).await;
    twin.recommend_shards(2);
    twin.shard(0, ShardEvent::Close(4011));
    twin.wait_ready(2, LONG).await.unwrap();
    assert_eq!((twin.identifies(0), twin.identifies(1)), (2, 1));
    until("both are let in", || {
        bot.log().matches("shard is ready").count() == 3
    })
    .await;
    let status = status(&twin).await;
    assert!(status.contains("2 of 2 shards connected"), "{status}");
    told(&twin, &upstream).await;
    bot.end(&twin);
}

/// F-G05: a shard that is never let in is stopped for a while. The other one goes on, and `/status`
/// and `/readyz` say which one is missing.
#[tokio::test(flavor = "multi_thread")]
async fn one_dead_shard_leaves_the_others_alone() {
    let guilds = [guild_on_shard(0, 2, 0), guild_on_shard(1, 2, 0)];
    let mut world = world().shards(2);
    for guild in guilds {
        world = world.guild(Guild::new(guild, "Test").channel(guild + 1, "yields"));
    }
    let (twin, _upstream, mut bot) = setting(world).await;
    bot.set("DISCORD__RETRY_WAIT", "10s");
    bot.start(&twin, 2).await;
    twin.refuse_identifies(NoIdentify::InvalidSession, None);
    twin.shard(1, ShardEvent::InvalidSession(false));
    until("it is stopped", || bot.log().contains("is never let in")).await;
    assert_eq!((twin.identifies(0), twin.identifies(1)), (1, 6));

    let ask = |guild| Invocation::of("status").in_guild(guild);
    let status = said(&twin.run(&ask(guilds[0])).await.unwrap());
    assert!(status.contains("1 of 2 shards connected"), "{status}");
    assert!(status.contains("shard 1 is not"), "{status}");
    let ready = bot.readyz().await;
    assert!(
        ready.contains("503") && ready.contains("\"shards_connected\":1"),
        "{ready}"
    );

    twin.accept_identifies();
    twin.wait_ready(2, LONG).await.unwrap();
    let status = said(&twin.run(&ask(guilds[1])).await.unwrap());
    assert!(status.contains("2 of 2 shards connected"), "{status}");
    assert!(bot.readyz().await.contains("\"shards_connected\":2"));
    bot.end(&twin);
}

/// F-G05: liveness is what arrives. A connection on which nothing does is made anew, whether the shard
/// waits to be let in or was let in long ago.
#[tokio::test(flavor = "multi_thread")]
async fn the_watchdog_makes_a_silent_connection_anew() {
    let (twin, _upstream, mut bot) = setting(one_server()).await;
    bot.set("DISCORD__WATCHDOG", "5s");
    twin.refuse_identifies(NoIdentify::Silence, Some(1));
    bot.start(&twin, 1).await;
    assert_eq!(twin.identifies(0), 2);
    twin.wait_resumed(0, 1, LONG).await.unwrap();
    assert_eq!(twin.identifies(0), 2);
    until("the shard has resumed", || {
        bot.log().contains("shard has resumed")
    })
    .await;
    said(&twin.run(&call("status")).await.unwrap());
    bot.end(&twin);
}

const CALLBACK: &str = "/interactions/{id}/{token}/callback";
const ORIGINAL: &str = "/webhooks/{application}/{token}/messages/@original";

/// How often the bot has called a route for an interaction.
fn calls(twin: &Twin, template: &str, interaction: u64) -> usize {
    let requests = twin.requests().into_iter();
    let of_it = requests.filter(|it| it.template == template);
    // What is asked by the token alone does not name the interaction.
    of_it
        .filter(|it| [0, interaction].contains(&it.major))
        .count()
}

/// F-G06: an answer that comes after more than three seconds. Its interaction is over, which is noted once,
/// and nothing is tried again; the next command is answered.
#[tokio::test(flavor = "multi_thread")]
async fn an_interaction_that_was_answered_too_late_is_let_go() {
    let (twin, _upstream, mut bot) = setting(World {
        first_answer_ms: 500,
        ..one_server()
    })
    .await;
    bot.start(&twin, 1).await;
    for command in ["help", "privacy show"] {
        twin.fault(Fault::on("POST", CALLBACK, What::Delay(800)).times(1));
        let before = bot.log().matches("over before it was answered").count();
        let late = twin.invoke(&call(command)).unwrap();
        until("it is noted", || {
            bot.log().matches("over before it was answered").count() > before
        })
        .await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(calls(&twin, CALLBACK, late), 1, "{command}");
        let broken = twin.take_violations();
        let late = |sentence: &String| sentence.contains("answer");
        assert!(!broken.is_empty() && broken.iter().all(late), "{broken:?}");
    }
    assert!(!bot.log().contains("command failed"), "{}", bot.log());
    answers(&twin).await;
    bot.end(&twin);
}

/// F-G06: the 15 minutes of a token are over before the answer comes. It is said first that one will come,
/// and when it cannot be told any more that is noted, and that is all.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_after_the_token_has_died_is_dropped() {
    let (twin, _upstream, mut bot) = setting(World {
        token_lifetime_ms: 2_000,
        ..one_server()
    })
    .await;
    bot.start(&twin, 1).await;
    twin.fault(Fault::on("PATCH", ORIGINAL, What::Delay(3_000)).times(1));
    let late = twin.invoke(&call("status")).unwrap();
    until("it is noted", || {
        bot.log().contains("over before it was answered")
    })
    .await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(calls(&twin, CALLBACK, late), 1, "deferred first");
    assert_eq!(calls(&twin, ORIGINAL, late), 1, "and tried once");
    assert!(!bot.log().contains("command failed"), "{}", bot.log());
    assert!(!bot.log().contains("could not be told"), "{}", bot.log());
    answers(&twin).await;
    bot.end(&twin);
}

/// F-G07: a resume brings an event that was taken up before. What it asked for is done once, and answered
/// once.
#[tokio::test(flavor = "multi_thread")]
async fn an_interaction_that_comes_twice_is_taken_up_once() {
    let (twin, _upstream, mut bot) = setting(one_server()).await;
    bot.set("OPS__LOG_LEVEL", "debug");
    bot.start(&twin, 1).await;
    let added = twin.run(&below_three(USDC)).await.unwrap();
    assert!(said(&added).contains("#1"), "{}", said(&added));
    for nth in 1..=2 {
        assert!(twin.shard(0, ShardEvent::Repeat));
        until("it is known again", || {
            bot.log().matches("interaction came twice").count() == nth
        })
        .await;
    }
    assert_eq!(calls(&twin, CALLBACK, added.interaction), 1);
    let list = said(&twin.run(&manage("alerts list")).await.unwrap());
    assert!(list.contains("#1") && !list.contains("#2"), "{list}");
    bot.end(&twin);
}

/// F-G09: what nobody has heard of yet, what makes no sense, and a server of some megabytes. The session
/// goes on, and nothing of it stands in the log.
#[tokio::test(flavor = "multi_thread")]
async fn unknown_events_and_a_huge_server_are_passed_over() {
    const SECRET: &str = "what somebody typed";
    let (twin, upstream, mut bot) = setting(one_server()).await;
    bot.start(&twin, 1).await;
    watch(&twin).await;
    for text in [
        "",
        "null",
        "[]",
        "{}",
        "no JSON",
        r#"{"op":99,"d":{"words":"what somebody typed"},"s":null,"t":null}"#,
        r#"{"op":"eleven"}"#,
        r#"{"op":0,"s":null,"t":null,"d":null}"#,
        r#"{"op":0,"s":1,"t":"INTERACTION_CREATE","d":{"type":77,"words":"what somebody typed"}}"#,
        r#"{"op":11,"d":null,"new":[{}]}"#,
    ] {
        assert!(twin.send_raw(0, text), "{text}");
    }
    let here = Some(server());
    let id = server().to_string();
    for (event, data) in [
        ("NEVER_HEARD_OF", json!({"guild_id": id, "words": SECRET})),
        ("GUILD_CREATE", json!({"id": "x", "words": SECRET})),
        ("GUILD_CREATE", json!(SECRET)),
        (
            "CHANNEL_UPDATE",
            json!({"guild_id": id, "type": 250, "words": SECRET}),
        ),
        ("CHANNEL_DELETE", json!({})),
        ("GUILD_DELETE", json!(null)),
        (
            "INTERACTION_CREATE",
            json!({"type": 2, "id": "1", "token": SECRET}),
        ),
    ] {
        twin.dispatch(here, event, &data);
    }
    answers(&twin).await;

    let channels: Vec<_> = (10..510)
        .map(|nth| {
            let id = (server() + nth).to_string();
            json!({
                "id": id, "type": 0, "name": format!("channel-{nth}"), "position": nth, "flags": 0,
                "permission_overwrites": [], "topic": "x".repeat(1024), "new": {"a": [1]},
            })
        })
        .collect();
    let members: Vec<_> = (0..20_000_u64)
        .map(|nth| {
            let id = (950_000_000_000_000_000 + nth).to_string();
            let user =
                json!({"id": id, "username": "somebody", "discriminator": "0", "avatar": null});
            json!({
                "user": user, "roles": [], "joined_at": "2021-01-01T00:00:00Z", "deaf": false,
                "mute": false, "flags": 0,
            })
        })
        .collect();
    let mut huge = twin.guild_create(server()).expect("it is there");
    huge["channels"] = channels.into();
    huge["members"] = members.into();
    huge["member_count"] = 20_000.into();
    huge["words"] = "y".repeat(6 * 1024 * 1024).into();
    assert!(huge.to_string().len() > 8 * 1024 * 1024);
    twin.dispatch(here, "GUILD_CREATE", &huge);
    answers(&twin).await;

    told(&twin, &upstream).await;
    assert_eq!((twin.identifies(0), twin.resumes(0)), (1, 0));
    let log = bot.log();
    assert!(!log.contains(SECRET), "{log}");
    assert!(log.len() < 64 * 1024, "{} bytes of log", log.len());
    bot.end(&twin);
}

/// F-S12: another process with the same token has Discord end our sessions again and again. That is warned of and
/// counted, and not before it is no chance any more.
#[tokio::test(flavor = "multi_thread")]
async fn sessions_that_end_again_and_again_are_warned_of() {
    const WORDS: &str = "is another process running with this token?";
    let (twin, _upstream, mut bot) = setting(one_server()).await;
    bot.start(&twin, 1).await;
    for lost in 1..=4 {
        assert!(!bot.log().contains(WORDS), "after {} sessions", lost - 1);
        assert!(twin.shard(0, ShardEvent::InvalidSession(false)));
        until("it presents itself anew", || twin.identifies(0) == lost + 1).await;
        twin.wait_ready(1, LONG).await.unwrap();
    }
    until("it is warned of", || bot.log().contains(WORDS)).await;
    answers(&twin).await;
    let figures = format!("http://{}/metrics", bot.address("ops endpoint is open"));
    let figures = reqwest::get(figures).await.unwrap().text().await.unwrap();
    assert!(
        figures.contains("stipend_sessions_lost_total 4"),
        "{figures}"
    );
    bot.end(&twin);
}
