//! The binary as an operator runs it: a thousand servers, the full market, 100,000 alerts. How soon
//! it is ready, and what it holds in memory.
#![expect(clippy::print_stdout, reason = "the table is what it is for")]

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{Router, extract::State, routing::get};
use bytes::Bytes;
use discord_twin::soak::whole::Upstream;
use discord_twin::{Limits, Twin, World};
use secrecy::SecretString;
use stipend::{
    alerting::{evaluator::Evaluator, tick::Alerting},
    clock::{Clock as _, SystemClock},
    delivery::post::Waits,
    domain::{
        episode::Timing,
        ids::{ChannelId, GuildId, Home, MessageId, WebhookId},
        time::{Span, Timestamp},
        verdict::Screen,
    },
    market::{Market, ingest::advance, snapshot::Snapshot},
    ops::{config::Config, secrets::MasterKey},
    sources::defillama::categories::Categories,
    store::{Store, destinations::Proven},
};

#[path = "support/alerts.rs"]
mod alerts;
#[path = "support/figures.rs"]
mod figures;
#[path = "support/past.rs"]
mod past;
#[path = "support/pools.rs"]
mod pools;

use figures::Times;
use pools::batch;

const SERVERS: u32 = 1_000;
const ALERTS: usize = 100_000;
const STARTS: usize = 5;
const BATCHES: usize = 4;
const PATIENCE: Duration = Duration::from_mins(1);

/// Every address of a source leads to the stand-in: none may lead to the real one.
fn addresses(upstream: SocketAddr) -> impl Iterator<Item = (String, String)> {
    Config::keys().into_iter().filter_map(move |key| {
        let (_, name) = key.strip_prefix("sources.")?.rsplit_once('.')?;
        let route = name.strip_suffix("_url")?;
        let variable = format!("STIPEND_{}", key.replace('.', "__").to_uppercase());
        Some((variable, format!("http://{upstream}/{route}")))
    })
}

/// Fills the database with `alerts` alerts and as many batches as there are bodies, an hour apart.
async fn fill(folder: &Path, twin: &Twin, bodies: &[Bytes], count: usize, now: Timestamp) {
    let key = MasterKey::load_or_create(&folder.join("bench.key")).expect("a key");
    let path = folder.join("bench.db");
    let store = Store::open(&path, key.bytes(), now)
        .await
        .expect("a database");
    let market = Market::new(Screen::default(), None);
    let categories = Categories::bundled();
    let alerting = Alerting::default();
    for (ago, body) in (1..=bodies.len() as u64).rev().zip(bodies) {
        let at = now.minus(Span::hours(ago).0);
        let change = advance(
            &market.snapshot(),
            batch(body, at, &categories),
            market.screen(),
        );
        alerting
            .tick(&store, &market, change)
            .await
            .expect("a batch");
    }
    past::write(&path, now.minus(Span::hours(bodies.len() as u64).0))
        .await
        .expect("the past");
    let mut channels = Vec::new();
    for guild in &World::default().guilds(SERVERS).guilds {
        let channel = guild.id + 1;
        let webhook = twin.add_webhook(channel, "stipend").expect("a webhook");
        let proven = Proven {
            home: Home::Server(GuildId(guild.id)),
            channel: ChannelId(channel),
            parent: None,
            webhook: Some((WebhookId(webhook.id), SecretString::from(webhook.token))),
            newest: MessageId(0),
            unasked: false,
            remade: false,
        };
        store
            .save_destination(&proven, now, &Waits::default())
            .await
            .expect("a channel");
        let signed = |id: u64| i64::try_from(id).expect("an id of 63 bits");
        channels.push((signed(guild.id), signed(channel)));
    }
    let snapshot: Arc<Snapshot> = market.snapshot();
    let rules = alerts::rules(&snapshot, count, Timing::default());
    let evaluator = Evaluator::default();
    let baselines: Vec<_> = rules
        .iter()
        .map(|rule| alerts::baseline(&evaluator, &snapshot, rule))
        .collect();
    alerts::write(&path, &rules, &baselines, &channels, now)
        .await
        .expect("the alerts");
    store.close().await;
}

/// Serves a body after the other and the last one for ever; counts the requests.
async fn serve(bodies: Vec<Bytes>) -> (SocketAddr, Arc<AtomicUsize>) {
    type Served = (Arc<Vec<Bytes>>, Arc<AtomicUsize>);
    async fn pools(State((bodies, asked)): State<Served>) -> Bytes {
        let nth = asked.fetch_add(1, Ordering::SeqCst);
        bodies[nth.min(bodies.len() - 1)].clone()
    }
    let asked = Arc::new(AtomicUsize::new(0));
    let router = Router::new()
        .route("/pools", get(pools))
        .route(
            "/chart/{pool}",
            get(|| async { r#"{"status":"success","data":[]}"# }),
        )
        .route("/prices/{coins}", get(|| async { r#"{"coins":{}}"# }))
        .with_state((Arc::new(bodies), Arc::clone(&asked)));
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, router).await });
    (address, asked)
}

struct Bot {
    child: Child,
    ops: SocketAddr,
    begun: Instant,
    log: PathBuf,
}

impl Bot {
    fn start(folder: &Path, twin: &Twin, upstream: SocketAddr) -> Self {
        let free = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let ops = free.local_addr().expect("an address");
        drop(free);
        let path = |name: &str| folder.join(name).display().to_string();
        let log = folder.join("log");
        let stderr = fs::File::create(&log).expect("a log");
        let begun = Instant::now();
        let child = Command::new(env!("CARGO_BIN_EXE_stipend"))
            .arg("run")
            .current_dir(folder)
            .env("STIPEND_DISCORD__API_URL", twin.base_url())
            .env("STIPEND_DISCORD__TOKEN", twin.token())
            .env(
                "STIPEND_DATABASE__URL",
                format!("sqlite://{}", path("bench.db")),
            )
            .env("STIPEND_SECRETS__MASTER_KEY_FILE", path("bench.key"))
            .envs(addresses(upstream))
            .env("STIPEND_SOURCES__FACTS__ENABLED", "false")
            .env("STIPEND_SOURCES__DEFILLAMA__BACKFILL_PER_HOUR", "0")
            .env("STIPEND_SOURCES__DEFILLAMA__INTERVAL", "3s")
            .env("STIPEND_OPS__LISTEN", ops.to_string())
            .stdout(Stdio::null())
            .stderr(stderr)
            .spawn()
            .expect("the bot starts");
        Self {
            child,
            ops,
            begun,
            log,
        }
    }

    fn is_ready(&self) -> bool {
        let Ok(mut stream) = TcpStream::connect(self.ops) else {
            return false;
        };
        let asked =
            stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let mut answer = String::new();
        asked.is_ok()
            && stream.read_to_string(&mut answer).is_ok()
            && answer.starts_with("HTTP/1.1 200")
    }

    async fn until_ready(&mut self) -> Duration {
        while !self.is_ready() {
            assert!(self.begun.elapsed() < PATIENCE, "the bot is never ready");
            assert!(
                self.child.try_wait().expect("a child").is_none(),
                "the bot has ended:\n{}",
                fs::read_to_string(&self.log).unwrap_or_default()
            );
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        self.begun.elapsed()
    }

    /// A figure of `/proc/PID/status` in megabytes of a million bytes.
    fn megabytes(&self, name: &str) -> f64 {
        let status =
            fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("a status");
        let line = status
            .lines()
            .find(|line| line.starts_with(name))
            .unwrap_or_default();
        let kibibytes = line
            .split_whitespace()
            .nth(1)
            .and_then(|number| number.parse::<f64>().ok());
        kibibytes.unwrap_or_default() * 1024.0 / 1e6
    }

    async fn stop(mut self) {
        let pid = self.child.id().to_string();
        Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .expect("a signal");
        tokio::task::spawn_blocking(move || self.child.wait())
            .await
            .expect("a thread")
            .expect("an end");
    }
}

#[tokio::main]
async fn main() {
    let mut upstream = Upstream::full();
    let mut bodies = Vec::new();
    for _ in 0..BATCHES + 2 {
        bodies.push(Bytes::from(upstream.body()));
        upstream.step(0.5);
    }
    let (past, coming) = bodies.split_at(2);
    println!(
        "| alerts | start to ready, median (range) | resident when ready | after {BATCHES} batches | at most |"
    );
    println!("| ---: | ---: | ---: | ---: | ---: |");
    for count in [0, ALERTS] {
        let world = World::default()
            .guilds(SERVERS)
            .limits(Limits::off())
            .free_identifies();
        let twin = Twin::start(world).await.expect("the twin starts");
        let folder = tempfile::tempdir().expect("a folder");
        fill(folder.path(), &twin, past, count, SystemClock.now()).await;
        let mut times = Times::default();
        for nth in 1..=STARTS {
            let (address, asked) = serve(coming.to_vec()).await;
            let mut bot = Bot::start(folder.path(), &twin, address);
            times.add(bot.until_ready().await);
            if nth == STARTS {
                let ready = bot.megabytes("VmRSS");
                let begun = Instant::now();
                while asked.load(Ordering::SeqCst) <= BATCHES && begun.elapsed() < PATIENCE {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                tokio::time::sleep(Duration::from_secs(2)).await;
                println!(
                    "| {count} | {} | {ready:.0} MB | {:.0} MB | {:.0} MB |",
                    times.line(),
                    bot.megabytes("VmRSS"),
                    bot.megabytes("VmHWM"),
                );
            }
            bot.stop().await;
            if let Some(kept) = std::env::var_os("BENCH_LOG") {
                fs::copy(folder.path().join("log"), kept).expect("a copy");
            }
        }
        twin.stop().await;
    }
}
