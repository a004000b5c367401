//! The worker against a small webhook endpoint on loopback.

use std::{
    collections::{HashMap, VecDeque},
    net::SocketAddr,
    num::NonZeroU32,
    sync::Mutex,
};

use axum::{
    Router,
    body::Bytes,
    extract::{Path, State as Extract},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use secrecy::SecretString;
use sqlx::Connection as _;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    task::JoinHandle,
};

use super::*;
use crate::{
    clock::{Clock, SystemClock},
    delivery::{
        Delivery, Settings,
        channel::{ChannelRefused, Right},
        entry::{Entry, Occasion},
        http::ApplicationId,
        outcome::DeadEnd,
        state::DestinationState,
    },
    domain::ids::{AlertId, ChannelId, GuildId},
    store::{
        Store,
        outbox::{EntryOutcome, Proven},
    },
};

const GUILD: GuildId = GuildId(5);
const OURS: ApplicationId = ApplicationId(900);
const PATIENCE: Duration = Duration::from_secs(20);

/// What the endpoint answers next, for one webhook.
#[derive(Debug, Clone, Copy)]
enum Reply {
    Limited { seconds: f64, global: bool },
    Status(u16, &'static str),
    Edge,
    Slow(Duration),
}

#[derive(Debug)]
struct Hit {
    webhook: u64,
    content: String,
    at: Instant,
    authorised: bool,
}

/// The endpoint: it keeps what it was sent, and answers from a script or with 200.
#[derive(Default)]
struct Twin {
    hits: Mutex<Vec<Hit>>,
    script: Mutex<HashMap<u64, VecDeque<Reply>>>,
    listed: Mutex<Vec<(u16, String)>>,
    created: Mutex<u32>,
    messages: std::sync::atomic::AtomicU64,
    /// Five messages in two seconds for each webhook, when held to it: when the window began, and
    /// how many it has taken.
    windows: Mutex<Option<HashMap<u64, (Instant, u32)>>>,
}

impl Twin {
    fn script(&self, webhook: u64, replies: &[Reply]) {
        let replies = replies.iter().copied().collect();
        self.script.lock().unwrap().insert(webhook, replies);
    }

    fn contents(&self, webhook: u64) -> Vec<String> {
        let hits = self.hits.lock().unwrap();
        hits.iter()
            .filter(|hit| hit.webhook == webhook)
            .map(|hit| hit.content.clone())
            .collect()
    }

    fn times(&self) -> Vec<Instant> {
        self.hits.lock().unwrap().iter().map(|hit| hit.at).collect()
    }
}

async fn execute(
    Extract(twin): Extract<Arc<Twin>>,
    Path((webhook, token)): Path<(u64, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    assert_eq!(token, format!("token-of-{webhook}"));
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
    twin.hits.lock().unwrap().push(Hit {
        webhook,
        content: body["content"].as_str().unwrap().to_owned(),
        at: Instant::now(),
        authorised: headers.contains_key("authorization"),
    });
    if let Some(windows) = twin.windows.lock().unwrap().as_mut() {
        return windowed(&twin, windows.entry(webhook).or_insert((Instant::now(), 0)));
    }
    let reply = twin
        .script
        .lock()
        .unwrap()
        .get_mut(&webhook)
        .and_then(VecDeque::pop_front);
    match reply {
        Some(Reply::Limited { seconds, global }) => (
            StatusCode::TOO_MANY_REQUESTS,
            [("retry-after", seconds.ceil().to_string())],
            axum::Json(serde_json::json!({ "retry_after": seconds, "global": global })),
        )
            .into_response(),
        Some(Reply::Status(status, body)) => (
            StatusCode::from_u16(status).unwrap(),
            [("content-type", "application/json")],
            body,
        )
            .into_response(),
        Some(Reply::Edge) => (
            StatusCode::TOO_MANY_REQUESTS,
            [("content-type", "text/html"), ("retry-after", "1")],
            "error code: 1015",
        )
            .into_response(),
        Some(Reply::Slow(length)) => {
            tokio::time::sleep(length).await;
            stored(&twin)
        }
        None => stored(&twin),
    }
}

fn windowed(twin: &Twin, window: &mut (Instant, u32)) -> Response {
    let length = Duration::from_secs(2);
    if window.0.elapsed() >= length {
        *window = (Instant::now(), 0);
    }
    window.1 += 1;
    let left = length.saturating_sub(window.0.elapsed()).as_secs_f64();
    if window.1 > 5 {
        let body = serde_json::json!({ "retry_after": left, "global": false });
        return (StatusCode::TOO_MANY_REQUESTS, axum::Json(body)).into_response();
    }
    let id = twin
        .messages
        .fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    (
        [
            ("x-ratelimit-bucket", "b".to_owned()),
            ("x-ratelimit-limit", "5".to_owned()),
            ("x-ratelimit-remaining", (5 - window.1).to_string()),
            ("x-ratelimit-reset-after", format!("{left:.3}")),
        ],
        axum::Json(serde_json::json!({ "id": (id + 1).to_string() })),
    )
        .into_response()
}

fn stored(twin: &Twin) -> Response {
    let id = twin
        .messages
        .fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    (
        [
            ("x-ratelimit-bucket", "b"),
            ("x-ratelimit-limit", "1000"),
            ("x-ratelimit-remaining", "999"),
            ("x-ratelimit-reset-after", "1"),
        ],
        axum::Json(serde_json::json!({ "id": (id + 1).to_string() })),
    )
        .into_response()
}

async fn list(Extract(twin): Extract<Arc<Twin>>, headers: HeaderMap) -> Response {
    assert_eq!(headers["authorization"], "Bot canary");
    let (status, body) = twin.listed.lock().unwrap().remove(0);
    (
        StatusCode::from_u16(status).unwrap(),
        [("content-type", "application/json")],
        body,
    )
        .into_response()
}

async fn create(Extract(twin): Extract<Arc<Twin>>, Path(channel): Path<u64>) -> Response {
    *twin.created.lock().unwrap() += 1;
    let id = channel + 1000;
    axum::Json(serde_json::json!({
        "id": id.to_string(), "application_id": "900", "token": format!("token-of-{id}"),
    }))
    .into_response()
}

struct Bench {
    twin: Arc<Twin>,
    store: Arc<Store>,
    delivery: Delivery,
    stop: CancellationToken,
    worker: Option<JoinHandle<()>>,
    folder: TempDir,
}

fn settings(address: SocketAddr) -> Settings {
    Settings {
        api_url: format!("http://{address}"),
        max_per_second: NonZeroU32::new(10_000).unwrap(),
        timeout: Duration::from_secs(2),
        channel_limit: false,
    }
}

impl Bench {
    async fn start() -> Self {
        Self::start_with(|settings| settings).await
    }

    async fn start_with(change: impl FnOnce(Settings) -> Settings) -> Self {
        let twin = Arc::new(Twin::default());
        let app = Router::new()
            .route("/api/v10/webhooks/{id}/{token}", post(execute))
            .route("/api/v10/channels/{id}/webhooks", get(list).post(create))
            .with_state(Arc::clone(&twin));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self::at(twin, change(settings(address))).await
    }

    async fn at(twin: Arc<Twin>, settings: Settings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stipend.db");
        let store = Store::open(&path, &[1; 32], SystemClock.now());
        let store = Arc::new(store.await.unwrap());
        let token = SecretString::from("canary");
        let clock = Arc::new(SystemClock);
        let delivery = Delivery::new(Arc::clone(&store), clock, &settings, &token, OURS).unwrap();
        let mut bench = Self {
            twin,
            store,
            delivery,
            stop: CancellationToken::new(),
            worker: None,
            folder,
        };
        bench.run();
        bench
    }

    fn run(&mut self) {
        self.stop = CancellationToken::new();
        let (delivery, stop) = (self.delivery.clone(), self.stop.clone());
        self.worker = Some(tokio::spawn(async move {
            delivery.run(stop).await.unwrap();
        }));
    }

    async fn end(&mut self) {
        self.stop.cancel();
        self.worker.take().unwrap().await.unwrap();
    }

    async fn place(&self, channel: u64) -> DestinationId {
        let proven = Proven {
            guild: GUILD,
            channel: ChannelId(channel),
            webhook: WebhookId(channel + 1000),
            token: SecretString::from(format!("token-of-{}", channel + 1000)),
        };
        let now = SystemClock.now();
        self.store.save_destination(&proven, now).await.unwrap()
    }

    async fn say(&self, place: DestinationId, text: &str) -> EntryId {
        let entry = self.store.enqueue(&entry(place, text)).await.unwrap();
        self.delivery.poke();
        entry
    }

    async fn outcome(&self, entry: EntryId) -> EntryOutcome {
        let outcome = self.delivery.wait_outcome(entry, PATIENCE).await.unwrap();
        let outcome = outcome.unwrap();
        assert!(!outcome.state.is_moving(), "{outcome:?}");
        outcome
    }
}

fn entry(place: DestinationId, text: &str) -> Entry {
    use sha2::Digest as _;
    let now = SystemClock.now();
    Entry {
        dedup_key: sha2::Sha256::digest(format!("{place} {text}")).into(),
        destination: place,
        alert: AlertId(1),
        alert_version: 1,
        pool: None,
        occasion: Occasion::Test,
        payload: serde_json::json!({ "content": text }).to_string(),
        created_at: now,
        not_after: now.plus(Duration::from_hours(1)),
    }
}

#[tokio::test]
async fn notices_arrive_once_and_in_order() {
    let mut bench = Bench::start().await;
    let mut last = None;
    let places = [bench.place(1).await, bench.place(2).await];
    for number in 0..6 {
        for place in places {
            last = Some(bench.say(place, &number.to_string()).await);
        }
    }
    let outcome = bench.outcome(last.unwrap()).await;
    assert_eq!(outcome.state, State::Delivered);
    assert!(outcome.message.is_some());
    bench.end().await;
    for webhook in [1001, 1002] {
        assert_eq!(bench.twin.contents(webhook), ["0", "1", "2", "3", "4", "5"]);
    }
    let hits = bench.twin.hits.lock().unwrap();
    assert!(
        hits.iter().all(|hit| !hit.authorised),
        "the bot's token is not for webhooks"
    );
}

#[tokio::test]
async fn nothing_is_sent_inside_a_limit() {
    let mut bench = Bench::start().await;
    let (place, other) = (bench.place(1).await, bench.place(2).await);
    let limited = Reply::Limited {
        seconds: 1.2,
        global: false,
    };
    bench.twin.script(1001, &[limited]);
    let first = bench.say(place, "a").await;
    let second = bench.say(place, "b").await;
    let elsewhere = bench.say(other, "c").await;
    let free = bench.outcome(elsewhere).await;
    assert_eq!(free.state, State::Delivered);
    assert_eq!(bench.outcome(first).await.state, State::Delivered);
    let outcome = bench.outcome(second).await;
    assert_eq!(outcome.attempt, 1);
    bench.end().await;
    assert_eq!(bench.twin.contents(1001), ["a", "a", "b"]);
    let times: Vec<Instant> = {
        let hits = bench.twin.hits.lock().unwrap();
        let of_place = hits.iter().filter(|hit| hit.webhook == 1001);
        of_place.map(|hit| hit.at).collect()
    };
    let rest = times[1] - times[0];
    assert!(rest >= Duration::from_secs(2), "{rest:?}");
    assert!(rest < Duration::from_secs(10), "{rest:?}");
}

#[tokio::test]
async fn a_global_limit_and_a_ban_stop_everybody() {
    for (reply, wait) in [
        (
            Reply::Limited {
                seconds: 1.0,
                global: true,
            },
            Duration::from_secs(1),
        ),
        (Reply::Edge, Duration::from_secs(1)),
    ] {
        let mut bench = Bench::start_with(|settings| Settings {
            max_per_second: NonZeroU32::new(20).unwrap(),
            ..settings
        })
        .await;
        let mut entries = Vec::new();
        bench.twin.script(1001, &[reply]);
        for channel in 1..=20 {
            let place = bench.place(channel).await;
            entries.push(bench.store.enqueue(&entry(place, "x")).await.unwrap());
        }
        bench.delivery.poke();
        for entry in entries {
            assert_eq!(bench.outcome(entry).await.state, State::Delivered);
        }
        bench.end().await;
        let times = bench.twin.times();
        assert_eq!(times.len(), 21);
        let inside = times[1..]
            .iter()
            .filter(|time| **time - times[0] < wait)
            .count();
        assert!(inside <= 1, "{reply:?}: {inside} inside the pause");
    }
}

#[tokio::test]
async fn a_webhook_that_is_gone_is_called_once() {
    let mut bench = Bench::start().await;
    let place = bench.place(1).await;
    bench
        .twin
        .script(1001, &[Reply::Status(404, r#"{"code":10015}"#)]);
    let first = bench.store.enqueue(&entry(place, "a")).await.unwrap();
    let second = bench.store.enqueue(&entry(place, "b")).await.unwrap();
    bench.delivery.poke();
    let outcome = bench.outcome(first).await;
    assert_eq!(outcome.state, State::Parked);
    assert_eq!(outcome.status, Some(404));
    assert_eq!(bench.outcome(second).await.state, State::Parked);
    let third = bench.say(place, "c").await;
    assert_eq!(bench.outcome(third).await.state, State::Parked);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(bench.twin.contents(1001), ["a"]);
    let known = bench.store.destination_for(ChannelId(1)).await.unwrap();
    assert_eq!(known.unwrap().reason, Some(DeadEnd::WebhookGone));

    let none = (200, "[]".to_owned());
    *bench.twin.listed.lock().unwrap() = vec![none];
    let again = bench.delivery.prepare(ChannelId(1), GUILD).await.unwrap();
    assert_eq!(again, place);
    assert_eq!(bench.outcome(third).await.state, State::Delivered);
    assert_eq!(bench.twin.contents(1001), ["a", "a", "b", "c"]);
    bench.end().await;
}

#[tokio::test]
async fn a_broken_connection_is_uncertain_and_never_sent_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let requests = Arc::new(std::sync::atomic::AtomicU32::new(0));
    let seen = Arc::clone(&requests);
    tokio::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 4096];
            if socket.read(&mut request).await.unwrap() > 0 {
                seen.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            }
            // Half an answer, and then nothing.
            socket
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{\"id\"")
                .await
                .unwrap();
        }
    });
    let mut bench = Bench::at(Arc::new(Twin::default()), settings(address)).await;
    let place = bench.place(1).await;
    let first = bench.say(place, "a").await;
    assert_eq!(bench.outcome(first).await.state, State::Uncertain);
    let second = bench.say(place, "b").await;
    bench.end().await;
    bench.run();
    tokio::time::sleep(Duration::from_millis(300)).await;
    bench.end().await;
    assert_eq!(requests.load(std::sync::atomic::Ordering::SeqCst), 1);
    let unsettled = bench.store.unsettled(GUILD).await.unwrap();
    assert_eq!(unsettled.len(), 1);
    assert_eq!(unsettled[0].entry, first);
    let waiting = bench.store.entry_outcome(second).await.unwrap().unwrap();
    assert_eq!(waiting.state, State::Pending);
}

#[tokio::test]
async fn no_answer_in_time_is_uncertain() {
    let mut bench = Bench::start_with(|settings| Settings {
        timeout: Duration::from_millis(200),
        ..settings
    })
    .await;
    let place = bench.place(1).await;
    bench
        .twin
        .script(1001, &[Reply::Slow(Duration::from_secs(1))]);
    let slow = bench.say(place, "a").await;
    let outcome = bench.outcome(slow).await;
    assert_eq!(outcome.state, State::Uncertain);
    assert_eq!(outcome.error.as_deref(), Some("timed_out"));
    bench.end().await;
    assert_eq!(bench.twin.contents(1001), ["a"]);
}

#[tokio::test]
async fn what_is_under_way_at_the_end_is_finished_and_written_down() {
    let mut bench = Bench::start().await;
    let place = bench.place(1).await;
    bench
        .twin
        .script(1001, &[Reply::Slow(Duration::from_millis(400))]);
    let slow = bench.say(place, "a").await;
    let next = bench.say(place, "b").await;
    while bench.twin.contents(1001).is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    bench.end().await;
    let outcome = bench.store.entry_outcome(slow).await.unwrap().unwrap();
    assert_eq!(outcome.state, State::Delivered);
    let outcome = bench.store.entry_outcome(next).await.unwrap().unwrap();
    assert_eq!(outcome.state, State::Pending);
}

#[tokio::test]
async fn what_a_lost_worker_was_sending_is_uncertain() {
    let mut bench = Bench::start().await;
    let place = bench.place(1).await;
    let slow = Reply::Slow(Duration::from_millis(500));
    bench.twin.script(1001, &[slow]);
    let entry = bench.say(place, "a").await;
    while bench.twin.contents(1001).is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    bench.worker.take().unwrap().abort();
    bench.run();
    assert_eq!(bench.outcome(entry).await.state, State::Uncertain);
    tokio::time::sleep(Duration::from_millis(700)).await;
    bench.end().await;
    assert_eq!(bench.twin.contents(1001), ["a"]);
}

#[tokio::test]
async fn refused_bodies_end_and_do_not_stop_the_next() {
    let mut bench = Bench::start().await;
    let place = bench.place(1).await;
    bench.twin.script(
        1001,
        &[
            Reply::Status(400, r#"{"code":50035}"#),
            Reply::Status(400, r#"{"code":200000}"#),
        ],
    );
    let bad = bench.say(place, "a").await;
    let filtered = bench.say(place, "b").await;
    let good = bench.say(place, "c").await;
    assert_eq!(bench.outcome(bad).await.state, State::Dead);
    assert_eq!(bench.outcome(filtered).await.state, State::Dead);
    assert_eq!(bench.outcome(good).await.state, State::Delivered);
    bench.end().await;
}

#[tokio::test]
async fn receipts_that_cannot_be_written_stop_new_sends_until_they_can() {
    let mut bench = Bench::start().await;
    let place = bench.place(1).await;
    let other = bench.place(2).await;
    bench
        .twin
        .script(1001, &[Reply::Slow(Duration::from_millis(300))]);
    let first = bench.say(place, "a").await;
    while bench.twin.contents(1001).is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(bench.store.path());
    let mut disk = sqlx::SqliteConnection::connect_with(&options)
        .await
        .unwrap();
    sqlx::query(
        "CREATE TRIGGER full BEFORE UPDATE ON outbox BEGIN SELECT RAISE(ABORT, 'full'); END",
    )
    .execute(&mut disk)
    .await
    .unwrap();
    let kept_back = bench.say(other, "b").await;
    tokio::time::sleep(Duration::from_millis(600)).await;
    let moving = bench.store.entry_outcome(first).await.unwrap().unwrap();
    assert_eq!(moving.state, State::Sending);
    assert!(bench.twin.contents(1002).is_empty());
    sqlx::query("DROP TRIGGER full")
        .execute(&mut disk)
        .await
        .unwrap();
    assert_eq!(bench.outcome(first).await.state, State::Delivered);
    assert_eq!(bench.outcome(kept_back).await.state, State::Delivered);
    bench.end().await;
    assert_eq!(bench.twin.contents(1001), ["a"]);
    assert_eq!(bench.twin.contents(1002), ["b"]);
}

#[tokio::test]
async fn our_webhook_is_found_or_made_and_refusals_say_what_to_do() {
    let mut bench = Bench::start().await;
    let own = r#"[
        {"id":"1","application_id":null,"token":null},
        {"id":"2","application_id":"901","token":"x"},
        {"id":"1007","application_id":"900","token":"token-of-1007"},
        {"id":"4","application_id":"900"}
    ]"#;
    *bench.twin.listed.lock().unwrap() = vec![
        (200, own.to_owned()),
        (200, "[]".to_owned()),
        (403, r#"{"code":50013}"#.to_owned()),
        (403, r#"{"code":50001}"#.to_owned()),
        (404, r#"{"code":10003}"#.to_owned()),
        (401, r#"{"code":0}"#.to_owned()),
        (429, r#"{"retry_after":60}"#.to_owned()),
    ];
    let prepare = |channel| bench.delivery.prepare(ChannelId(channel), GUILD);
    let found = prepare(7).await.unwrap();
    assert_eq!(*bench.twin.created.lock().unwrap(), 0);
    assert_eq!(prepare(7).await.unwrap(), found, "without asking again");
    prepare(8).await.unwrap();
    assert_eq!(*bench.twin.created.lock().unwrap(), 1);
    assert!(matches!(
        prepare(9).await,
        Err(ChannelRefused::MissingRight {
            right: Right::ManageWebhooks,
            ..
        })
    ));
    assert!(matches!(
        prepare(9).await,
        Err(ChannelRefused::MissingRight {
            right: Right::ViewChannel,
            ..
        })
    ));
    assert!(matches!(
        prepare(9).await,
        Err(ChannelRefused::ChannelGone { .. })
    ));
    assert!(matches!(
        prepare(9).await,
        Err(ChannelRefused::BotTokenRefused)
    ));
    // The second refusal comes from us: the endpoint has nothing left to answer.
    for _ in 0..2 {
        let limited = prepare(9).await;
        let Err(ChannelRefused::RateLimited { wait }) = limited else {
            panic!("{limited:?}");
        };
        assert!(wait > Duration::from_secs(58), "{wait:?}");
    }
    assert!(
        bench
            .store
            .destination_for(ChannelId(9))
            .await
            .unwrap()
            .is_none()
    );
    let known = bench.store.destination_for(ChannelId(7)).await.unwrap();
    assert_eq!(known.unwrap().state, DestinationState::Ready);
    let entry = bench.say(found, "hello").await;
    assert_eq!(bench.outcome(entry).await.state, State::Delivered);
    assert_eq!(bench.twin.contents(1007), ["hello"]);
    bench.end().await;
}

#[tokio::test]
async fn a_backlog_goes_out_at_the_full_pace_and_no_faster() {
    let mut bench = Bench::start_with(|settings| Settings {
        max_per_second: NonZeroU32::new(50).unwrap(),
        ..settings
    })
    .await;
    let mut entries = Vec::new();
    for channel in 1..=20 {
        let place = bench.place(channel).await;
        for number in 0..8 {
            let entry = entry(place, &number.to_string());
            entries.push(bench.store.enqueue(&entry).await.unwrap());
        }
    }
    bench.delivery.poke();
    for entry in entries {
        assert_eq!(bench.outcome(entry).await.state, State::Delivered);
    }
    bench.end().await;
    let times = bench.twin.times();
    assert_eq!(times.len(), 160);
    for (first, later) in times.iter().zip(&times[50..]) {
        let second = *later - *first;
        assert!(second >= Duration::from_millis(950), "50 in {second:?}");
    }
    // From the moment at which all places are known; a busy machine gets some grace.
    let took = times[159] - times[60];
    println!("99 messages in {took:?}; the pace allows {:?}", 99.0 / 50.0);
    assert!(took < Duration::from_millis(2600), "{took:?}");
}

#[tokio::test]
async fn buckets_are_used_up_and_never_overdrawn() {
    let mut bench = Bench::start().await;
    *bench.twin.windows.lock().unwrap() = Some(HashMap::new());
    let mut entries = Vec::new();
    for channel in 1..=10 {
        let place = bench.place(channel).await;
        for number in 0..15 {
            let entry = entry(place, &number.to_string());
            entries.push(bench.store.enqueue(&entry).await.unwrap());
        }
    }
    bench.delivery.poke();
    for entry in entries {
        assert_eq!(bench.outcome(entry).await.state, State::Delivered);
    }
    bench.end().await;
    let times = bench.twin.times();
    assert_eq!(times.len(), 150, "no call was refused");
    let took = times[149] - times[0];
    println!("15 messages to each of 10 webhooks in {took:?}; the buckets allow 4 s and a burst");
    assert!(took < Duration::from_secs(6), "{took:?}");
}

/// Keeps what is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_token_is_logged_at_any_level() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_span_events(tracing_subscriber::fmt::format::FmtSpan::FULL)
        .with_writer(move || writer.clone())
        .finish();
    let _logging = tracing::subscriber::set_default(subscriber);
    let mut bench = Bench::start_with(|settings| Settings {
        timeout: Duration::from_millis(300),
        ..settings
    })
    .await;
    bench.twin.script(
        1001,
        &[
            Reply::Status(400, r#"{"code":50035}"#),
            Reply::Slow(Duration::from_secs(1)),
        ],
    );
    *bench.twin.listed.lock().unwrap() = vec![(200, "[]".to_owned())];
    let place = bench.delivery.prepare(ChannelId(1), GUILD).await.unwrap();
    let bad = bench.say(place, "a").await;
    assert_eq!(bench.outcome(bad).await.state, State::Dead);
    let slow = bench.say(place, "b").await;
    assert_eq!(bench.outcome(slow).await.state, State::Uncertain);
    bench.end().await;
    let logged = String::from_utf8_lossy(&log.0.lock().unwrap()).into_owned();
    assert!(logged.contains("not delivered"));
    for line in logged.lines() {
        // The endpoint's own server side is not ours.
        let ours = !line.contains("axum") && !line.contains("hyper::proto::h1::role: Server");
        assert!(!(ours && line.contains("token-of-")), "{line}");
        assert!(!line.contains("canary"), "{line}");
    }
}

/// Prints the rate when asked to: `STIPEND_MEASURE=1 cargo test --lib worker -- --nocapture`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_places_are_served_in_turn() {
    let measure = std::env::var_os("STIPEND_MEASURE").is_some();
    let (places, each) = if measure { (1000, 20) } else { (20, 3) };
    let mut bench = Bench::start_with(|settings| Settings {
        max_per_second: NonZeroU32::new(1_000_000).unwrap(),
        ..settings
    })
    .await;
    bench.end().await;
    let mut last = Vec::new();
    for channel in 1..=places {
        let place = bench.place(channel).await;
        for number in 0..each {
            let entry = entry(place, &number.to_string());
            last.push(bench.store.enqueue(&entry).await.unwrap());
        }
    }
    let start = std::time::Instant::now();
    bench.run();
    for entry in &last {
        assert_eq!(bench.outcome(*entry).await.state, State::Delivered);
    }
    let took = start.elapsed();
    bench.end().await;
    let total = places * each;
    assert_eq!(bench.twin.times().len() as u64, total);
    let order: Vec<String> = (0..each).map(|number| number.to_string()).collect();
    for channel in 1..=places {
        assert_eq!(bench.twin.contents(channel + 1000), order);
    }
    if measure {
        println!(
            "{total} messages to {places} webhooks in {took:?}: {:.0}/s",
            f64::from(u32::try_from(total).unwrap()) / took.as_secs_f64()
        );
    }
    assert!(bench.folder.path().exists());
}
