//! What an admin does with alerts: tries them before they speak, asks why they do not, moves and mends them.

use discord_twin::{Invocation, Press, Reply, Twin, permission};
use serde_json::Value;

use crate::{
    stage::{DAY, HOUR, Stage},
    support::{
        LONG, USDC, USDT, admin, all_below, answer, below_three, button, call, fourteen, manage,
        market, other, row, said, server, show, until,
    },
};

fn channel() -> u64 {
    server() + 1
}

async fn ask(twin: &Twin, invocation: Invocation) -> String {
    said(&twin.run(&invocation).await.unwrap())
}

async fn why(stage: &Stage) -> String {
    ask(&stage.twin, manage("alerts why").option("alert", "1")).await
}

/// What people see in a channel.
fn seen(twin: &Twin, channel: u64) -> Vec<String> {
    let messages = twin.channel(channel).into_iter();
    let visible = messages.filter(discord_twin::StoredMessage::is_visible);
    visible
        .map(|message| format!("{} {}", message.body["content"], message.body["embeds"]))
        .collect()
}

/// The answer once it no longer says how far it has come.
async fn answered(twin: &Twin, invocation: &Invocation) -> Reply {
    let mut reply = twin.run(invocation).await.unwrap();
    let id = reply.message_id().unwrap();
    until("the charts are read", || {
        !twin
            .message(id)
            .unwrap()
            .content()
            .starts_with("Reading what is known")
    })
    .await;
    reply.message = twin.message(id).unwrap().body;
    reply
}

async fn press(twin: &Twin, reply: &Reply, label: &str) -> String {
    let press = Press::on_reply(reply.interaction, button(&reply.message, label)).by(admin());
    said(&twin.press(&press).await.unwrap())
}

/// A market whose USDC pool cannot be believed: a fifth of what it paid, and less.
fn doubted() -> Vec<Value> {
    market(0.5)
}

/// Each stage that a notice passes is named when it is the one that stops it: data, condition, baseline,
/// hold, told, clear.
#[tokio::test(flavor = "multi_thread")]
async fn why_names_the_stage_of_the_rule_that_stops_an_alert() {
    let stage = Stage::set(answer(&market(5.0))).await;
    let alert = manage("alerts add")
        .option("at_once", true)
        .option("when", "apy_below")
        .option("value", 3)
        .option("pool", USDC);
    ask(&stage.twin, alert).await;
    let told = why(&stage).await;
    assert!(told.contains("Stopped at **condition**"), "{told}");
    assert!(told.contains("−2.00 pp away from 3 %"), "{told}");

    stage.upstream.set(answer(&doubted()));
    stage.upstream.taken().await;
    let told = why(&stage).await;
    assert!(told.contains("Stopped at **data**"), "{told}");

    show(&stage.upstream, market, 2.5).await;
    let told = why(&stage).await;
    assert!(told.contains("Stopped at **hold**"), "{told}");
    assert!(told.contains("needs 2 h and two readings"), "{told}");

    stage.clock.jump(3 * HOUR);
    show(&stage.upstream, market, 2.4).await;
    stage.told(1).await;
    let told = why(&stage).await;
    assert!(told.contains("Stopped at **told**"), "{told}");
    assert!(told.contains("Last notice:"), "{told}");

    show(&stage.upstream, market, 5.0).await;
    let told = why(&stage).await;
    assert!(told.contains("Stopped at **clear**"), "{told}");

    // The end of what was told hours ago is out of sight, so it is said, with the way to its beginning.
    stage.clock.jump(5 * HOUR);
    show(&stage.upstream, market, 5.1).await;
    stage.told(2).await;
    let messages = stage.twin.channel(channel());
    let link = format!("/{}/{}", channel(), messages[0].id);
    let said = seen(&stage.twin, channel());
    assert!(said[0].contains("**Over:**"), "{}", said[0]);
    assert!(said[1].contains(&link), "{}", said[1]);

    // Of what is true when an alert is made nothing is said before it was not.
    let above = manage("alerts add")
        .option("at_once", true)
        .option("when", "apy_above")
        .option("value", 4)
        .option("pool", USDC);
    ask(&stage.twin, above).await;
    let told = ask(&stage.twin, manage("alerts why").option("alert", "2")).await;
    assert!(told.contains("met from the start"), "{told}");
    let floor = manage("alerts edit")
        .option("alert", "2")
        .option("min_tvl", "900m");
    ask(&stage.twin, floor).await;
    let told = ask(&stage.twin, manage("alerts why").option("alert", "2")).await;
    assert!(told.contains("Stopped at **scope**"), "{told}");
    let elsewhere = manage("alerts why")
        .option("alert", "1")
        .option("pool", USDT);
    let told = ask(&stage.twin, elsewhere).await;
    assert!(told.contains("does not watch that pool"), "{told}");
    stage.end().await;
}

/// The local time of UTC so many hours from now, as `/alerts quiet` takes it.
fn clock(hours: i64) -> String {
    let now = stipend::clock::Clock::now(&stipend::clock::SystemClock);
    let minutes = now.seconds() / 60 + hours * 60;
    format!("{:02}:{:02}", minutes / 60 % 24, minutes % 60)
}

/// So do mute, quiet hours, digest and a parked channel; and each ends with what it held back.
#[tokio::test(flavor = "multi_thread")]
async fn why_names_what_a_server_has_chosen() {
    let stage = Stage::set(answer(&fourteen(5.0))).await;
    let twin = &stage.twin;
    ask(twin, all_below(3)).await;
    let told = ask(
        twin,
        manage("alerts mute")
            .option("alert", "1")
            .option("for", "24h"),
    )
    .await;
    assert!(told.contains("is silent until"), "{told}");
    show(&stage.upstream, fourteen, 2.0).await;
    let told = ask(twin, manage("alerts why").option("alert", "1")).await;
    assert!(told.contains("⏸ **Mute** muted until"), "{told}");
    assert!(seen(twin, channel()).is_empty());
    ask(twin, manage("alerts unmute").option("alert", "1")).await;
    stage.told(1).await;
    assert!(seen(twin, channel())[0].contains("#1 speaks again"));

    let quiet = manage("alerts quiet")
        .option("from", clock(-1))
        .option("to", clock(2));
    let told = ask(twin, quiet).await;
    assert!(told.contains("Quiet hours:"), "{told}");
    let usdt = below_three(USDT);
    ask(twin, usdt).await;
    let fallen = |apy: f64| {
        let mut rows = fourteen(2.0);
        rows.pop();
        rows.push(row(USDT, "USDT", "aave-v3", apy));
        rows
    };
    show(&stage.upstream, fallen, 2.5).await;
    let told = ask(twin, manage("alerts why").option("alert", "2")).await;
    assert!(told.contains("⏸ **Quiet hours** until"), "{told}");
    assert_eq!(seen(twin, channel()).len(), 1);
    stage.clock.jump(3 * HOUR);
    stage.told(2).await;
    let list = seen(twin, channel()).remove(1);
    assert!(list.contains("What happened in the quiet hours"), "{list}");
    assert!(list.contains("🔻 USDT"), "{list}");
    ask(twin, manage("alerts quiet").option("off", true)).await;

    let digest = manage("alerts edit")
        .option("alert", "2")
        .option("mode", "weekly");
    ask(twin, digest).await;
    let told = ask(twin, manage("alerts why").option("alert", "2")).await;
    assert!(
        told.contains("⏸ **Digest** it speaks in the digest of"),
        "{told}"
    );

    for webhook in twin.webhooks(channel()) {
        twin.delete_webhook(webhook).unwrap();
    }
    twin.set_channel_permissions(channel(), Some(0)).unwrap();
    let test = manage("alerts test").option("alert", "1");
    ask(twin, test).await;
    let told = ask(twin, manage("alerts why").option("alert", "1")).await;
    assert!(told.contains("is parked"), "{told}");
    stage.end().await;
}

/// A channel is given so many messages an hour. What comes then is one message when there is room, and a
/// server can choose.
#[tokio::test(flavor = "multi_thread")]
async fn the_hourly_cap_holds_back_and_says_so() {
    let settings = [("DELIVERY__HOURLY_CAP", "1")];
    let stage = Stage::set_with(answer(&market(5.0)), &settings).await;
    let twin = &stage.twin;
    for pool in [USDC, USDT] {
        ask(twin, below_three(pool)).await;
    }
    show(&stage.upstream, market, 2.0).await;
    stage.told(1).await;
    let both = |usdt: f64| {
        let mut rows = market(2.0);
        rows[1] = row(USDT, "USDT", "aave-v3", usdt);
        rows
    };
    show(&stage.upstream, both, 2.5).await;
    let told = ask(twin, manage("alerts why").option("alert", "2")).await;
    assert!(told.contains("⏸ **Hourly cap** 1 of 1 messages"), "{told}");
    assert_eq!(seen(twin, channel()).len(), 1);
    let chosen = ask(twin, manage("config set").option("hourly_cap", 5)).await;
    assert!(chosen.contains("5 messages a channel"), "{chosen}");
    stage.told(2).await;
    stage.end().await;
}

/// From nothing to a first alert: what is missing is named, and then the alerts are previewed and set.
#[tokio::test(flavor = "multi_thread")]
async fn setup_leads_from_nothing_to_a_first_alert() {
    let stage = Stage::set(answer(&fourteen(5.0))).await;
    let twin = &stage.twin;
    let setup = manage("setup").option("time_zone", "Europe/Berlin");
    twin.set_channel_permissions(channel(), Some(permission::VIEW_CHANNEL))
        .unwrap();
    let told = ask(twin, setup.clone()).await;
    assert!(told.contains("Manage Webhooks"), "{told}");
    twin.set_channel_permissions(channel(), None).unwrap();

    let reply = answered(twin, &setup).await;
    let told = said(&reply);
    assert!(reply.ephemeral);
    assert!(told.contains("I can speak in"), "{told}");
    assert!(told.contains("Europe/Berlin time"), "{told}");
    assert!(told.contains("each Monday at 09:00"), "{told}");
    assert!(told.contains("3 alerts to be set"), "{told}");
    assert!(
        ask(twin, manage("alerts list"))
            .await
            .contains("No alerts here yet")
    );
    let set = press(twin, &reply, "Set them").await;
    assert!(set.contains("**#1**, **#2**, **#3**"), "{set}");

    // The report comes at its time, also when nothing happened.
    stage.clock.jump(8 * DAY);
    stage.told(1).await;
    let report = seen(twin, channel()).remove(0);
    assert!(
        report.contains("**This week:** 15 pools watched · 0 alerts"),
        "{report}"
    );

    let audit = ask(twin, manage("config audit")).await;
    assert!(audit.contains("chose: time zone Europe/Berlin"), "{audit}");
    assert!(audit.contains("added alert #3"), "{audit}");
    let refused = ask(twin, manage("config set").option("time_zone", "Berlin")).await;
    assert!(refused.contains("is no time zone"), "{refused}");
    stage.end().await;
}

/// Nothing is set before its maker has seen what it would have said, and only they can set it.
#[tokio::test(flavor = "multi_thread")]
async fn an_alert_is_previewed_before_it_is_set() {
    let stage = Stage::set(answer(&market(5.0))).await;
    let twin = &stage.twin;
    stage
        .upstream
        .remember(USDC, &[5.0, 5.1, 2.0, 2.1, 5.0, 5.0, 5.2, 2.2, 2.1, 5.0]);
    let add = manage("alerts add")
        .option("when", "apy_below")
        .option("value", 3)
        .option("pool", USDC);
    let reply = answered(twin, &add).await;
    let told = said(&reply);
    assert!(told.contains("Shall I watch this"), "{told}");
    assert!(told.contains("**2 times**"), "{told}");
    assert!(told.contains("1 of 1 pool covered"), "{told}");
    let theirs = Press::on_reply(reply.interaction, button(&reply.message, "Set it"))
        .by(other())
        .forged();
    assert!(said(&twin.press(&theirs).await.unwrap()).contains("somebody else"));
    let set = press(twin, &reply, "Set it").await;
    assert!(set.contains("Alert **#1** is set"), "{set}");

    let preview = manage("alerts preview")
        .option("alert", "1")
        .option("days", 30);
    let told = ask(twin, preview).await;
    assert!(told.contains("Alert #1: the last 30 days"), "{told}");
    assert!(told.contains("**2 times**"), "{told}");
    let blind = manage("alerts add")
        .option("when", "stale")
        .option("pool", USDC);
    let told = ask(twin, blind).await;
    assert!(told.contains("there is no preview"), "{told}");
    stage.end().await;
}

/// Changed, removed and brought back, moved with where it stands, written down and read again.
#[tokio::test(flavor = "multi_thread")]
async fn alerts_can_be_kept() {
    let stage = Stage::set(answer(&market(5.0))).await;
    let twin = &stage.twin;
    ask(twin, below_three(USDC).option("clear_hold", "1s")).await;
    let edit = manage("alerts edit")
        .option("alert", "1")
        .option("value", 2);
    let told = ask(twin, edit.clone()).await;
    assert!(told.contains("APY falls to 2 % or lower"), "{told}");
    assert!(ask(twin, edit).await.contains("Nothing of that is new"));

    ask(twin, manage("alerts remove").option("alert", "1")).await;
    assert!(
        ask(twin, manage("alerts list"))
            .await
            .contains("No alerts here yet")
    );
    let told = ask(twin, manage("alerts undo")).await;
    assert!(told.contains("Alert **#1** is back"), "{told}");
    assert!(
        ask(twin, manage("alerts undo"))
            .await
            .contains("No alert was removed")
    );

    show(&stage.upstream, market, 1.5).await;
    stage.told(1).await;
    let elsewhere = server() + 2;
    let moving = manage("alerts move")
        .option("from", channel().to_string())
        .option("to", elsewhere.to_string());
    let told = ask(twin, moving).await;
    assert!(told.contains("1 alert is moved"), "{told}");
    show(&stage.upstream, market, 5.0).await;
    until("the old message says that it is over", || {
        seen(twin, channel())[0].contains("**Over:**")
    })
    .await;
    assert_eq!(seen(twin, channel()).len(), 1);

    let exported = twin.run(&manage("alerts export")).await.unwrap();
    let file = &exported.message["attachments"][0];
    assert_eq!(file["filename"], "alerts.toml");
    let bytes = twin
        .file(file["id"].as_str().unwrap().parse().unwrap())
        .unwrap();
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    assert!(text.contains("when = \"apy_below\""), "{text}");
    let import = manage("alerts import").option("file", twin.upload("alerts.toml", text));
    let reply = answered(twin, &import).await;
    assert!(
        said(&reply).contains("1 alert to be set"),
        "{}",
        said(&reply)
    );
    assert!(
        press(twin, &reply, "Set them")
            .await
            .contains("Alert **#2** is set")
    );
    let file = twin.upload("a.toml", "[[alert]]\nname = 1");
    let broken = manage("alerts import").option("file", file);
    assert!(ask(twin, broken).await.contains("cannot be used"));
    stage.end().await;
}

/// Look-ups answer whom the server wants, unless the asker says otherwise.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_chooses_who_sees_look_ups() {
    let stage = Stage::set(answer(&market(5.0))).await;
    let twin = &stage.twin;
    let pool = call("yield pool").option("pool", USDC);
    assert!(!twin.run(&pool).await.unwrap().ephemeral);
    let chosen = manage("config set")
        .option("public_lookups", false)
        .option("max_apy", 4);
    assert!(ask(twin, chosen).await.contains("for the asker alone"));
    assert!(twin.run(&pool).await.unwrap().ephemeral);
    let shown = pool.option("private", false);
    assert!(!twin.run(&shown).await.unwrap().ephemeral);
    let found = ask(twin, call("yield find").option("asset", "USDC")).await;
    assert!(!found.contains("5.00 %"), "{found}");
    let view = ask(twin, manage("config view")).await;
    assert!(view.contains("APY ≤ 4 %"), "{view}");
    stage.end().await;
}

/// F-U01: a source that is silent for half a day is told of once, and once that it is back; no alert opens or
/// closes meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn an_outage_of_the_source_is_told_once() {
    let stage = Stage::set(answer(&market(5.0))).await;
    let twin = &stage.twin;
    for pool in [USDC, USDT] {
        ask(twin, below_three(pool)).await;
    }
    stage
        .upstream
        .set_raw("text/html", "<html>down</html>".to_owned());
    stage.upstream.asked_again().await;
    stage.clock.jump(13 * HOUR);
    stage.told(1).await;
    let told = seen(twin, channel()).remove(0);
    assert!(told.contains("gave its last usable answer"), "{told}");
    stage.clock.jump(HOUR);
    stage.upstream.set(answer(&market(5.1)));
    stage.told(2).await;
    let told = seen(twin, channel()).remove(1);
    assert!(told.contains("answers again"), "{told}");
    stage.end().await;
}

/// Where many pools of a protocol go at once, that is one event.
#[tokio::test(flavor = "multi_thread")]
async fn an_outage_of_a_protocol_is_told_once() {
    let rows = |with: bool| {
        let others = (0..40_u32).map(|number| {
            let id = format!("{number:08x}-0000-42bf-a116-608b370f9501");
            row(&id, "WETH", "compound-v3", 2.1)
        });
        let protocol = fourteen(5.0).into_iter().filter(|_| with);
        answer(&protocol.chain(others).collect::<Vec<_>>())
    };
    let stage = Stage::set(rows(true)).await;
    let twin = &stage.twin;
    let gone = manage("alerts add")
        .option("at_once", true)
        .option("when", "pool_gone")
        .option("protocol", "aave-v3");
    ask(twin, gone).await;
    for nth in 0..4 {
        stage.clock.jump(2 * HOUR);
        stage
            .upstream
            .set(format!("{}{}", rows(false), " ".repeat(nth)));
        stage.upstream.taken().await;
    }
    stage.told(1).await;
    let told = seen(twin, channel()).remove(0);
    assert!(
        told.contains("its data is missing.** 15 pools of it that alerts here watch are gone"),
        "{told}"
    );
    assert_eq!(
        twin.wait_for_messages(channel(), 1, LONG)
            .await
            .unwrap()
            .len(),
        1
    );
    stage.end().await;
}

/// What an admin does first, as README tells it; `--nocapture` prints all that is answered.
#[tokio::test(flavor = "multi_thread")]
async fn an_admin_s_first_five_minutes() {
    let stage = Stage::set(answer(&lending(&[]))).await;
    let twin = &stage.twin;
    let steady: Vec<f64> = (0..90).map(|day| 4.0 + f64::from(day % 5) * 0.1).collect();
    let fallen: Vec<f64> = (0..90)
        .map(|day| if day < 30 { 6.0 } else { 3.1 })
        .collect();
    for (nth, (id, ..)) in POOLS.iter().enumerate() {
        stage
            .upstream
            .remember(id, if nth == 1 { &fallen } else { &steady });
    }
    let show = |what: &str, said: &str| println!("--- {what}\n{said}\n");

    let setup = manage("setup").option("time_zone", "Europe/Berlin");
    let reply = answered(twin, &setup).await;
    show("/setup time_zone: Europe/Berlin", &said(&reply));
    assert!(
        said(&reply).contains("3 alerts to be set"),
        "{}",
        said(&reply)
    );
    assert!(
        said(&reply).contains("**1 time**, about 1 pool"),
        "{}",
        said(&reply)
    );
    let set = press(twin, &reply, "Set them").await;
    show("Set them", &set);
    let test = ask(twin, manage("alerts test").option("alert", "1")).await;
    show("/alerts test alert: #1", &test);
    assert!(test.contains("arrived in"), "{test}");
    let why = ask(twin, manage("alerts why").option("alert", "1")).await;
    show("/alerts why alert: #1", &why);
    assert!(why.contains("Stopped at **condition**"), "{why}");

    // A day later one of the pools has lost half of its rate, for long enough.
    stage.clock.jump(DAY);
    for apy in [4.0, 1.9, 1.89] {
        stage.upstream.set(answer(&lending(&[(0, apy)])));
        stage.upstream.taken().await;
    }
    stage.clock.jump(3 * HOUR);
    for apy in [1.9, 1.89] {
        stage.upstream.set(answer(&lending(&[(0, apy)])));
        stage.upstream.taken().await;
    }
    stage.told(2).await;
    let notice = seen(twin, channel()).remove(1);
    show("in the channel", &notice);
    assert!(
        notice.contains("a fall of 40 % or more within 7 d"),
        "{notice}"
    );
    let history = ask(twin, manage("alerts history").option("alert", "1")).await;
    show("/alerts history alert: #1", &history);
    assert!(history.contains("1 episode, 0 over"), "{history}");
    stage.end().await;
}

/// Lending pools of stablecoins: key, symbol, protocol, rate.
const POOLS: [(&str, &str, &str, f64); 4] = [
    (USDC, "USDC", "aave-v3", 4.1),
    (USDT, "USDT", "aave-v3", 3.1),
    (
        "00000001-4b52-42bf-a116-608b370f9501",
        "USDC",
        "compound-v3",
        4.3,
    ),
    (
        "00000002-4b52-42bf-a116-608b370f9501",
        "USDS",
        "sparklend",
        4.5,
    ),
];

/// The market of these pools, with some rates changed.
fn lending(changed: &[(usize, f64)]) -> Vec<Value> {
    let pools = POOLS.iter().enumerate();
    pools
        .map(|(nth, (id, symbol, protocol, apy))| {
            let other = changed.iter().find(|(of, _)| *of == nth);
            row(id, symbol, protocol, other.map_or(*apy, |(_, apy)| *apy))
        })
        .collect()
}
