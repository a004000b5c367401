//! What Discord limits, forbids or fails at: nothing is asked for inside a pause, and all is told
//! once.
//!
//! The stand-in notes each request that breaks a pause, and the end of each story asks for it.

use std::time::Duration;

use discord_twin::{
    Buckets, Fault, Guild, Invocation, Limits, Person, RequestRecord, Twin, What, World, permission,
};
use serde_json::Value;

use crate::support::{
    LONG, TestBot, USDC, Upstream, all_below, answer, below_three, call, fourteen, market,
    messages_by_state, one_server, pools_of, posts, said, server, show, until, world,
};

/// A bot with these alerts that tells each notice by itself.
async fn watching(
    world: World,
    pools: fn(f64) -> Vec<Value>,
    alerts: &[Invocation],
    settings: &[(&str, &str)],
) -> (Twin, Upstream, TestBot) {
    let twin = Twin::start(world).await.unwrap();
    let upstream = Upstream::start(answer(&pools(5.0))).await;
    let mut bot = TestBot::new(&twin, &upstream);
    bot.set("DELIVERY__MERGE", "false");
    bot.set("DISCORD__OPERATORS", operator().id.to_string());
    for (key, value) in settings {
        bot.set(&format!("DELIVERY__{key}"), *value);
    }
    bot.start(&twin, 1).await;
    for (number, alert) in (1..).zip(alerts) {
        let told = said(&twin.run(alert).await.unwrap());
        assert!(told.contains(&format!("#{number}")), "{told}");
    }
    (twin, upstream, bot)
}

/// A server of so many channels, and an alert in each.
fn channels(count: u64) -> (World, Vec<Invocation>) {
    let guild = (1..=count).fold(Guild::new(server(), "Test"), |guild, number| {
        guild.channel(server() + number, format!("yields-{number}"))
    });
    let alert = |number: u64| below_three(USDC).option("channel", (server() + number).to_string());
    (world().guild(guild), (1..=count).map(alert).collect())
}

/// The requests by webhooks, by the number of their channel.
fn posts_in(twin: &Twin, channel: u64) -> Vec<RequestRecord> {
    let webhooks = twin.webhooks(server() + channel);
    let mut found = posts(twin);
    found.retain(|post| webhooks.contains(&post.major));
    found
}

fn operator() -> Person {
    Person::new(900_000_000_000_000_009, "dan").with(permission::ADMINISTRATOR)
}

async fn queue(twin: &Twin) -> String {
    let asked = Invocation::of("operator queue").in_guild(server());
    said(&twin.run(&asked.by(operator())).await.unwrap())
}

/// F-D01: a webhook or a channel that is limited rests for exactly as long as it is told to, and others
/// go on. What is shared with others is nobody's fault and is not counted.
#[tokio::test(flavor = "multi_thread")]
async fn a_limited_channel_rests_and_others_go_on() {
    for (scope, counted) in [("user", 1), ("shared", 0)] {
        let wait = Duration::from_secs(3);
        let (world, alerts) = channels(3);
        let (twin, upstream, bot) = watching(world, market, &alerts, &[]).await;
        let limited = twin.webhooks(server() + 1)[0];
        twin.fault(
            Fault::on_webhooks(What::too_many(scope, wait))
                .of(limited)
                .times(1),
        );
        show(&upstream, market, 2.0).await;
        twin.wait_for_messages(server() + 1, 1, LONG).await.unwrap();
        let [refused, taken] = &posts_in(&twin, 1)[..] else {
            panic!("{scope}: {:?}", posts_in(&twin, 1));
        };
        let rest = Duration::from_millis(taken.at_ms - refused.at_ms);
        assert!(rest >= wait && rest < wait * 2, "{scope}: {rest:?}");
        for other in [2, 3] {
            let [post] = &posts_in(&twin, other)[..] else {
                panic!("{scope}: {:?}", posts_in(&twin, other));
            };
            assert!(post.at_ms < taken.at_ms, "{scope}: {other} has waited");
        }
        assert_eq!(twin.invalid_requests(), counted, "{scope}");
        let told = queue(&twin).await;
        assert!(
            told.contains(&format!("{counted} invalid request")),
            "{told}"
        );
        bot.end(&twin);
    }
}

/// F-D01: a global limit stops everything.
#[tokio::test(flavor = "multi_thread")]
async fn a_global_limit_stops_all_channels() {
    let wait = Duration::from_secs(3);
    let (world, alerts) = channels(6);
    let (twin, upstream, bot) = watching(world, market, &alerts, &[]).await;
    twin.fault(Fault::on_webhooks(What::too_many("global", wait)).times(1));
    show(&upstream, market, 2.0).await;
    until("all channels are told", || {
        (1..=6).all(|number| twin.channel(server() + number).len() == 1)
    })
    .await;
    let posts = posts(&twin);
    let limited = posts.iter().find(|post| post.status == 429).unwrap();
    // One more may have been on its way; the stand-in grants it a tenth of a second.
    let after = |post: &&RequestRecord| post.at_ms > limited.at_ms + 100;
    let first = posts.iter().filter(after).map(|post| post.at_ms).min();
    let rest = Duration::from_millis(first.unwrap() - limited.at_ms);
    assert!(rest >= wait, "{rest:?}");
    bot.end(&twin);
}

/// Three alerts on the fourteen pools, each on a level of its own, so that each of three falls tells
/// fourteen notices.
async fn falling(limits: Limits) -> (Twin, Upstream, TestBot) {
    let limits = Limits {
        per_channel: u32::MAX,
        ..limits
    };
    let levels = [4, 3, 2].map(all_below);
    // What the channel takes beside its webhook is another story.
    let unheld = [("CHANNEL_PER_MINUTE", "0")];
    watching(one_server().limits(limits), fourteen, &levels, &unheld).await
}

/// The posts of the next fall, which all have to be taken.
async fn fall(twin: &Twin, upstream: &Upstream, apy: f64) -> Vec<RequestRecord> {
    let before = posts(twin).len();
    show(upstream, fourteen, apy).await;
    until("fourteen are told", || {
        posts(twin).iter().filter(|post| post.status != 0).count() >= before + 14
    })
    .await;
    let fallen = posts(twin).split_off(before);
    let statuses: Vec<u16> = fallen.iter().map(|post| post.status).collect();
    assert_eq!(statuses, [200; 14]);
    fallen
}

/// F-D02: a webhook gets what it takes and is not overdrawn, also when the answers name other buckets
/// than before or none at all.
#[tokio::test(flavor = "multi_thread")]
async fn headers_that_change_or_are_missing_overdraw_nothing() {
    let (twin, upstream, bot) = falling(Limits::default()).await;
    for (buckets, apy) in [
        (Buckets::Named, 3.5),
        (Buckets::Renamed, 2.5),
        (Buckets::Untold, 1.5),
    ] {
        twin.set_limits(Limits {
            buckets,
            per_channel: u32::MAX,
            ..Limits::default()
        });
        fall(&twin, &upstream, apy).await;
    }
    bot.end(&twin);
}

/// F-D03: the time of day in the headers is an hour off, either way; only lengths are used.
#[tokio::test(flavor = "multi_thread")]
async fn a_time_of_day_that_is_wrong_delays_nothing() {
    for hours in [1, -1] {
        let (twin, upstream, bot) = falling(Limits {
            reset_skew_s: hours * 3_600,
            ..Limits::default()
        })
        .await;
        let posts = fall(&twin, &upstream, 3.5).await;
        let took = Duration::from_millis(posts[13].at_ms - posts[0].at_ms);
        // Three windows of 2 s.
        assert!(took < Duration::from_secs(15), "{took:?}");
        bot.end(&twin);
    }
}

/// F-D04: the page of a banned address stops everything for as long as it says, is not told to anybody,
/// and costs no notice.
#[tokio::test(flavor = "multi_thread")]
async fn a_banned_address_is_silent_and_then_goes_on() {
    let (world, alerts) = channels(4);
    // An hour's ban is over after 7.2 s.
    let limits = Limits::scaled(0.002);
    let (twin, upstream, bot) = watching(world.limits(limits), market, &alerts, &[]).await;
    twin.fault(Fault::on_webhooks(What::Html1015).times(1));
    show(&upstream, market, 2.0).await;
    until("all channels are told", || {
        (1..=4).all(|number| twin.channel(server() + number).len() == 1)
    })
    .await;
    let requests = twin.requests();
    let banned = requests.iter().find(|one| one.status == 429).unwrap().at_ms;
    let first = requests
        .iter()
        .map(|one| one.at_ms)
        .find(|at| *at > banned + 100);
    let rest = Duration::from_millis(first.unwrap() - banned);
    assert!(rest >= Duration::from_millis(7_200), "{rest:?}");
    assert!(!bot.log().contains("Access denied"), "the page is logged");
    bot.end(&twin);
}

/// F-D04: an answer to a command that the edge refuses tells of a ban as well. Until it is over no other command is
/// answered, which would make it last, and then they are.
#[tokio::test(flavor = "multi_thread")]
async fn a_ban_that_a_command_meets_silences_commands_too() {
    const ANSWERS: &str = "/interactions/{id}/{token}/callback";
    let (world, alerts) = channels(1);
    // The stand-in's ban is over after 7.2 s. The library does not hand out for how long it was said to last.
    let world = world.limits(Limits::scaled(0.002));
    let ban = [("EDGE_BAN", "9s")];
    let (twin, upstream, mut bot) = watching(world, market, &alerts, &ban).await;
    let answers = || {
        let mut requests = twin.requests();
        requests.retain(|one| one.template == ANSWERS);
        requests.len()
    };
    twin.fault(Fault::on("POST", ANSWERS, What::Html1015).times(1));
    let before = answers();
    twin.invoke(&call("help")).unwrap();
    until("the refusal is understood", || {
        bot.log().contains("edge has refused an answer")
    })
    .await;
    for _ in 0..5 {
        twin.invoke(&call("help")).unwrap();
    }
    show(&upstream, market, 2.0).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(answers(), before + 1, "it is silent");
    assert!(twin.channel(server() + 1).is_empty(), "so is the delivery");
    until("the ban is over", || twin.channel(server() + 1).len() == 1).await;
    let help = said(&twin.run(&call("help")).await.unwrap());
    assert!(help.contains("/yield find"), "{help}");
    bot.kill();
    // Nobody was answered meanwhile, and no other rule was broken.
    let broken = twin.violations();
    let is_silence = |rule: &String| rule.contains("no answer within");
    assert!(broken.iter().all(is_silence), "{broken:?}");
}

/// F-D05: half of the webhooks are forbidden. Each is asked once, the others are served, and when too much was refused
/// no new channel is tried.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_forbidden_is_asked_once_and_brakes_what_is_new() {
    let (world, mut alerts) = channels(9);
    let ninth = alerts.pop().unwrap();
    let brakes = [("INVALID_SOFT", "2"), ("INVALID_HARD", "4")];
    let (twin, upstream, bot) = watching(world, market, &alerts, &brakes).await;
    for number in [1, 3, 5, 7] {
        let webhook = twin.webhooks(server() + number)[0];
        let forbidden = What::error(403, 50013, "Missing Permissions");
        twin.fault(Fault::on_webhooks(forbidden).of(webhook));
    }
    show(&upstream, market, 2.0).await;
    until("all are tried", || posts(&twin).len() >= 8).await;
    upstream.taken().await;
    for number in 1..=8 {
        let statuses: Vec<u16> = posts_in(&twin, number)
            .iter()
            .map(|one| one.status)
            .collect();
        assert_eq!(
            statuses,
            [if number % 2 == 1 { 403 } else { 200 }],
            "{number}"
        );
    }
    let told = queue(&twin).await;
    assert!(told.contains("4 invalid requests"), "{told}");
    let refused = said(&twin.run(&ninth).await.unwrap());
    assert!(!refused.contains("#9"), "{refused}");
    assert!(twin.webhooks(server() + 9).is_empty(), "{refused}");
    bot.end(&twin);
}

/// F-D08: Discord fails for a while, at times after it has stored the message. Single requests try; then all
/// is told once, and no second holds more than it may.
#[tokio::test(flavor = "multi_thread")]
async fn an_outage_is_probed_and_everything_told_once_afterwards() {
    const STORM: Duration = Duration::from_secs(20);
    let (world, alerts) = channels(40);
    let waits = [
        ("BREAKER_PROBE", "1s"),
        ("TIMEOUT", "500ms"),
        ("SETTLE", "1s"),
        ("LATE_DOUBLE_SWEEP", "2s"),
        ("BACK_OFF", "100ms, 200ms"),
    ];
    let (twin, upstream, bot) = watching(world, market, &alerts, &waits).await;
    let storm = |status| What::error(status, 0, "");
    twin.fault(Fault::on_webhooks(storm(503)).chance(50));
    twin.fault(Fault::on_webhooks(storm(500)).after());
    for status in [502, 504] {
        let looks = Fault::on("GET", "/channels/{id}/messages", storm(status));
        twin.fault(looks.chance(40));
    }
    show(&upstream, market, 2.0).await;
    tokio::time::sleep(STORM).await;
    let during = posts(&twin).len();
    let is_stored = |number: &u64| !twin.channel(server() + number).is_empty();
    let stored = (1..=40).filter(is_stored).count();
    assert!(stored > 0 && stored < 40, "{stored}");
    twin.clear_faults();
    until("all channels are told", || {
        (1..=40).all(|number| !twin.channel(server() + number).is_empty())
    })
    .await;
    let all_known = async {
        while messages_by_state(&bot.path("stipend.db"))
            .await
            .get("delivered")
            != Some(&40)
        {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(LONG, all_known).await.unwrap();
    // Longer than the sweep for doubles that come late.
    tokio::time::sleep(Duration::from_secs(3)).await;
    // Half of ten are enough to notice; then it is one a second.
    assert!(during < 60, "{during} requests in the outage");
    for number in 1..=40 {
        let told = twin.channel(server() + number);
        assert_eq!(pools_of(&told), [USDC], "{number}");
    }
    let posts = posts(&twin);
    for (first, later) in posts.iter().zip(&posts[40..]) {
        assert!(later.at_ms - first.at_ms >= 900, "a burst");
    }
    bot.end(&twin);
}
