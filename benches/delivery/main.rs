//! A backlog of notices against Discord's limits: the rate that was reached, against the one that the
//! limits allow. Everything is handed over at once and channel by channel, which is the worst order.
//! Beside it the same backlog by serenity's own webhook execution; it merges nothing.
//!
//! `cargo bench --bench delivery` takes some four minutes, since no window is shortened; the row of one
//! webhook takes fourteen and is `cargo bench --bench delivery -- one`.
#![expect(clippy::print_stdout, reason = "the table is what it is for")]

use std::{
    collections::HashSet,
    num::NonZeroU32,
    sync::Arc,
    time::{Duration, Instant},
};

use discord_twin::{Guild, Limits, NewWebhook, Twin, World, guild_on_shard};
use secrecy::SecretString;
use sha2::{Digest as _, Sha256};
use stipend::{
    clock::{Clock as _, SystemClock},
    delivery::{
        Delivery, Settings,
        entry::{Entry, Occasion, SHELF_LIFE, Telling, payload},
        http::ApplicationId,
        post::Waits,
        state::State,
        urgency::Urgency,
    },
    domain::ids::{AlertId, ChannelId, DestinationId, GuildId, Home, MessageId, WebhookId},
    pulse::Pulses,
    render::message::{Embed, Message},
    store::{
        Store,
        destinations::Proven,
        market::{BatchRecord, BatchRow},
        track::TrackRows,
    },
};
use tokio_util::sync::CancellationToken;

mod serenity;

/// One row of the table.
struct Case {
    name: &'static str,
    webhooks: u64,
    notices: u64,
    per_second: u32,
    merge: bool,
    channel_limit: bool,
}

const CASES: [Case; 3] = [
    Case {
        name: "1,000 over 20 webhooks",
        webhooks: 20,
        notices: 1_000,
        per_second: 50,
        merge: false,
        channel_limit: true,
    },
    Case {
        name: "1,000 over 200 webhooks",
        webhooks: 200,
        notices: 1_000,
        per_second: 50,
        merge: false,
        channel_limit: true,
    },
    Case {
        name: "100,000 over 1,000 webhooks, merged",
        webhooks: 1_000,
        notices: 100_000,
        per_second: 40,
        merge: true,
        channel_limit: true,
    },
];

/// 30 a minute would make it 33 minutes.
const ONE: Case = Case {
    name: "1,000 over 1 webhook, without the channel's limit",
    webhooks: 1,
    notices: 1_000,
    per_second: 50,
    merge: false,
    channel_limit: false,
};

impl Case {
    fn each(&self) -> u64 {
        self.notices / self.webhooks
    }

    /// The shortest time in which the limits let so many messages through, the limit of all webhooks
    /// taken as a steady rate: whenever one may leave, it does.
    fn allowed(&self, messages: u64) -> Duration {
        let between = Duration::from_secs(1) / self.per_second;
        let windows = [(5, 2), (30, 60)];
        let windows = &windows[..if self.channel_limit { 2 } else { 1 }];
        let ready = |sent: &Vec<Duration>| {
            let opens = windows.iter().filter_map(|(calls, seconds)| {
                let first = sent.len().checked_sub(*calls)?;
                Some(sent[first] + Duration::from_secs(*seconds))
            });
            opens.max().unwrap_or_default()
        };
        let mut lanes = vec![Vec::new(); usize::try_from(self.webhooks).expect("few")];
        let most = usize::try_from(messages.div_ceil(self.webhooks)).expect("few");
        let mut gate = Duration::ZERO;
        let mut last = Duration::ZERO;
        for _ in 0..messages {
            let open = lanes.iter_mut().filter(|sent| sent.len() < most);
            let lane = open.min_by_key(|sent| ready(sent)).expect("one is left");
            last = gate.max(ready(lane));
            lane.push(last);
            gate = last + between;
        }
        last
    }
}

fn title(number: u64) -> String {
    format!("notice {number}")
}

/// As long as a notice is.
fn text() -> String {
    "x".repeat(400)
}

fn entry(destination: DestinationId, number: u64) -> Entry {
    let now = SystemClock.now();
    let message = Message::from(Embed {
        title: title(number),
        description: text(),
        footer: "not advice".to_owned(),
        ..Embed::default()
    });
    Entry {
        dedup_key: Sha256::digest(number.to_le_bytes()).into(),
        destination,
        alert: AlertId(1),
        alert_version: 1,
        pool: None,
        occasion: Occasion::Test,
        urgency: Urgency::Normal,
        payload: payload(&message),
        summary: format!("notice {number} "),
        created_at: now,
        not_after: now.plus(SHELF_LIFE.0),
        telling: Telling::default(),
    }
}

async fn hand_over(store: &Store, webhooks: Vec<(u64, NewWebhook)>, guild: u64, each: u64) {
    let mut number = 0;
    for (channel, webhook) in webhooks {
        let proven = Proven {
            home: Home::Server(GuildId(guild)),
            channel: ChannelId(channel),
            parent: None,
            webhook: Some((WebhookId(webhook.id), SecretString::from(webhook.token))),
            newest: MessageId(0),
            unasked: false,
            remade: false,
        };
        let (now, waits) = (SystemClock.now(), Waits::default());
        let saved = store.save_destination(&proven, now, &waits);
        let destination = saved.await.expect("a destination");
        let entries = (number..number + each)
            .map(|number| entry(destination, number))
            .collect();
        number += each;
        let record = BatchRecord {
            batch: Some(BatchRow {
                source: "bench",
                fetched_at: now,
                digest: 0,
                pools: 0,
                skipped: 0,
                conflicting: 0,
                suspect: false,
            }),
            described: Vec::new(),
            latest: Vec::new(),
            readings: Vec::new(),
            episodes: Vec::new(),
            entries,
            track: TrackRows::default(),
            gone: Vec::new(),
        };
        store.commit_batch(&record).await.expect("the entries");
    }
}

async fn drained(store: &Store, notices: u64) -> Duration {
    let begun = Instant::now();
    loop {
        let counts = store.outbox_counts().await.expect("the counts");
        let told = counts.iter().find(|(state, _)| *state == State::Delivered);
        if told.is_some_and(|(_, told)| *told == notices) {
            return begun.elapsed();
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The notices that stand in the stand-in's ledger.
fn told(twin: &Twin) -> usize {
    let mut told = HashSet::new();
    for message in twin.ledger() {
        for embed in message.body["embeds"].as_array().into_iter().flatten() {
            told.insert(embed["title"].as_str().unwrap_or_default().to_owned());
        }
        for file in message.body["attachments"].as_array().into_iter().flatten() {
            let id = file["id"].as_str().and_then(|id| id.parse().ok());
            let list = id.and_then(|id| twin.file(id)).unwrap_or_default();
            let lines = String::from_utf8_lossy(&list).into_owned();
            told.extend(lines.lines().map(|line| line.trim().to_owned()));
        }
    }
    told.len()
}

/// A stand-in with a webhook in each channel.
async fn world(case: &Case) -> (Twin, u64, Vec<(u64, NewWebhook)>) {
    let guild = guild_on_shard(0, 1, 0);
    let channels: Vec<u64> = (guild + 1..=guild + case.webhooks).collect();
    let server = channels
        .iter()
        .fold(Guild::new(guild, "bench"), |server, channel| {
            server.channel(*channel, "bench")
        });
    let limits = Limits {
        per_channel: if case.channel_limit { 30 } else { u32::MAX },
        ..Limits::default()
    };
    let world = World {
        limits,
        ..World::default().guild(server)
    };
    let twin = Twin::start(world).await.expect("the stand-in");
    let webhook = |channel| twin.add_webhook(channel, "bench").expect("a webhook");
    let webhooks = channels
        .into_iter()
        .map(|channel| (channel, webhook(channel)));
    let webhooks = webhooks.collect();
    (twin, guild, webhooks)
}

async fn by_stipend(case: &Case) {
    let (twin, guild, webhooks) = world(case).await;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("stipend.db");
    let opened = Store::open(&path, &[1; 32], SystemClock.now()).await;
    let store = Arc::new(opened.expect("a database"));
    hand_over(&store, webhooks, guild, case.each()).await;
    let settings = Settings {
        api_url: twin.base_url().to_owned(),
        max_per_second: NonZeroU32::new(case.per_second).expect("not zero"),
        channel_per_minute: if case.channel_limit { 30 } else { 0 },
        merge: case.merge,
        window: stipend::delivery::window::Window::NONE,
        ..Settings::default()
    };
    let token = SecretString::from(twin.token());
    let application = ApplicationId(twin.application());
    let clock = Arc::new(SystemClock);
    let delivery = Delivery::new(
        Arc::clone(&store),
        clock,
        &settings,
        &token,
        application,
        Arc::default(),
    );
    let delivery = delivery.expect("a delivery");
    let stop = CancellationToken::new();
    let worker = tokio::spawn({
        let stop = stop.clone();
        let pulse = Pulses::default().listen("the delivery");
        async move { delivery.run(pulse, stop).await }
    });
    let took = drained(&store, case.notices).await;
    stop.cancel();
    worker.await.expect("the worker").expect("its end");
    print_row("stipend", case, &twin, took);
    twin.stop().await;
}

async fn by_serenity(case: &Case) {
    let (twin, _, webhooks) = world(case).await;
    let each = case.each();
    let notices = (0..)
        .zip(webhooks)
        .map(|(nth, (_, webhook))| (webhook, nth * each..(nth + 1) * each))
        .collect();
    let begun = Instant::now();
    serenity::tell(&twin, notices).await;
    print_row("serenity 0.12", case, &twin, begun.elapsed());
    twin.stop().await;
}

fn print_row(by: &str, case: &Case, twin: &Twin, took: Duration) {
    let requests = twin.requests();
    let refused = requests.iter().filter(|one| one.status == 429).count();
    let messages = twin.ledger_len() as u64;
    let broken = twin.take_violations();
    let early = broken
        .iter()
        .filter(|one| one.contains("inside a Retry-After"));
    let allowed = case.allowed(messages);
    println!(
        "| {} | {by} | {messages} | {:.1} s | {:.1} s | {:.1} % | {refused} | {} | {} | {} MB |",
        case.name,
        took.as_secs_f64(),
        allowed.as_secs_f64(),
        100.0 * allowed.as_secs_f64() / took.as_secs_f64(),
        early.count(),
        case.notices - told(twin) as u64,
        peak_memory() / 1024,
    );
}

/// The most that this process has held so far, in KiB, the stand-in and its ledger included.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .and_then(|line| line.trim().trim_end_matches(" kB").parse().ok())
        .unwrap_or(0)
}

/// Lets the peak begin anew, where the system can.
fn forget_peak() {
    drop(std::fs::write("/proc/self/clear_refs", "5"));
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    println!(
        "| backlog | by | messages | took | allowed | of the allowed rate | refused | inside a pause | lost | peak memory |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    let one = std::env::args().any(|argument| argument == "one");
    let cases = if one { &[ONE][..] } else { &CASES };
    for case in cases {
        forget_peak();
        runtime.block_on(by_stipend(case));
        if !case.merge {
            forget_peak();
            runtime.block_on(by_serenity(case));
        }
    }
}
