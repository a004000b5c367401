//! What every story needs: a bot as a child process, a source whose answers can be set, a server.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    fs::{self, File},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::Body,
    extract::State,
    http::{HeaderName, StatusCode},
    response::IntoResponse,
    routing::get,
};
use discord_twin::{
    Channel, ChannelKind, Guild, Invocation, PATIENCE, Person, Reply, RequestRecord, StoredMessage,
    Twin, World, guild_on_shard,
};
use futures::stream;
use rustix::process::{Pid, Signal};
use serde_json::{Value, json};
use sqlx::{Connection as _, SqliteConnection, sqlite::SqliteConnectOptions};
use stipend::ops::config::Config;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// Long enough for a loaded machine, short enough to notice a bot that hangs.
pub(crate) const LONG: Duration = Duration::from_mins(1);
const STEP: Duration = Duration::from_millis(20);

pub(crate) const USDC: &str = "aa70268e-4b52-42bf-a116-608b370f9501";
pub(crate) const USDT: &str = "f981a304-bb6c-45b8-b0c5-fd2f515ad23a";
pub(crate) const WETH: &str = "85fc6934-c94d-4ebe-9c60-66beb363669f";

/// The folder of recorded answers, on machines that have it.
pub(crate) fn shared() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let path = std::env::var_os("STIPEND_SHARED").map_or_else(beside, PathBuf::from);
    path.is_dir().then_some(path)
}

/// A world, checked against Discord's own description where that is at hand.
pub(crate) fn world() -> World {
    World {
        openapi: shared()
            .map(|shared| shared.join("discord/openapi.json"))
            .filter(|path| path.is_file()),
        ..World::default().free_identifies()
    }
}

pub(crate) fn server() -> u64 {
    guild_on_shard(0, 1, 0)
}

/// A world of one server with two channels, `server() + 1` and `server() + 2`, a thread of the second
/// (`+ 3`), a forum with a post (`+ 4`, `+ 5`), a role that everybody may call (`+ 6`) and one that not
/// (`+ 7`).
pub(crate) fn one_server() -> World {
    world().guild(
        Guild::new(server(), "Test")
            .channel(server() + 1, "yields")
            .channel(server() + 2, "more")
            .with(
                Channel::new(server() + 3, "a thread", ChannelKind::PublicThread)
                    .in_channel(server() + 2),
            )
            .with(Channel::new(server() + 4, "forum", ChannelKind::Forum))
            .with(
                Channel::new(server() + 5, "a post", ChannelKind::PublicThread)
                    .in_channel(server() + 4),
            )
            .role(server() + 6, "yield hunters", true)
            .role(server() + 7, "moderators", false),
    )
}

pub(crate) fn member() -> Person {
    Person::default()
}

pub(crate) fn other() -> Person {
    Person::new(900_000_000_000_000_002, "bob")
}

pub(crate) fn admin() -> Person {
    Person::new(900_000_000_000_000_003, "eve").manager()
}

/// The text of a file that a message brings, by its place among them.
pub(crate) fn attached(twin: &Twin, message: &Value, place: usize) -> String {
    let id = message["attachments"][place]["id"].as_str().unwrap();
    let file = twin.file(id.parse().unwrap()).unwrap();
    String::from_utf8(file.to_vec()).unwrap()
}

/// Everything that a reply says, as one text.
pub(crate) fn said(reply: &Reply) -> String {
    format!("{} {}", reply.content(), reply.message["embeds"])
}

/// Checks that a reply is its asker's alone and says all of this.
#[track_caller]
pub(crate) fn says_alone(reply: &Reply, asked: &Invocation, words: &[&str]) {
    assert!(reply.ephemeral, "{}: others see it", asked.command);
    let said = said(reply);
    for word in words {
        let command = &asked.command;
        assert!(said.contains(word), "{command}: “{word}” is not in: {said}");
    }
}

/// Runs a command whose answer nobody else may see, and checks that it says all of this.
pub(crate) async fn told_alone(twin: &Twin, asked: &Invocation, words: &[&str]) -> Reply {
    let reply = twin.run(asked).await.unwrap();
    says_alone(&reply, asked, words);
    reply
}

/// The pool that a notice is about, by the key that it carries.
pub(crate) fn pool_of(notice: &StoredMessage) -> String {
    let words = notice.body["embeds"].to_string();
    let (_, after) = words.split_once("/yields/pool/").expect("a pool's page");
    after.split(')').next().unwrap().to_owned()
}

pub(crate) fn pools_of(notices: &[StoredMessage]) -> Vec<String> {
    notices.iter().map(pool_of).collect()
}

/// One row of `/pools`.
pub(crate) fn row(id: &str, symbol: &str, project: &str, apy: f64) -> Value {
    json!({
        "pool": id, "chain": "Ethereum", "project": project, "symbol": symbol, "poolMeta": null,
        "tvlUsd": 250_000_000, "apy": apy, "apyBase": apy, "apyReward": null, "apyMean30d": apy,
        "stablecoin": symbol.starts_with("USD"), "ilRisk": "no", "exposure": "single",
        "underlyingTokens": ["0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"], "rewardTokens": null,
        "sigma": 0.1, "count": 400,
    })
}

pub(crate) fn answer(rows: &[Value]) -> String {
    json!({ "status": "success", "data": rows }).to_string()
}

/// A small market in which the USDC pool pays this much.
pub(crate) fn market(usdc: f64) -> Vec<Value> {
    vec![
        row(USDC, "USDC", "aave-v3", usdc),
        row(USDT, "USDT", "aave-v3", 4.5),
        row(WETH, "WETH", "compound-v3", 2.1),
    ]
}

/// A market in which fourteen pools of one protocol pay this much.
pub(crate) fn fourteen(apy: f64) -> Vec<Value> {
    (0..14_u32)
        .map(|number| {
            let id = format!("{number:08x}-4b52-42bf-a116-608b370f9501");
            row(&id, &format!("USDC{number}"), "aave-v3", apy)
        })
        .chain([row(USDT, "USDT", "aave-v3", 4.5)])
        .collect()
}

#[derive(Debug, Clone)]
struct Answers {
    status: StatusCode,
    content_type: String,
    pools: String,
    asked: u64,
    /// What the pools' answer goes on with for ever, once in so long.
    endless: Option<(&'static str, Duration)>,
    /// The days of pools, as `/chart` tells them.
    charts: BTreeMap<String, Value>,
    /// What other routes answer.
    others: BTreeMap<&'static str, (StatusCode, String)>,
    /// The routes that were asked for, but for the pools.
    asked_beside: Vec<String>,
    /// What a coin cost at any time in the past: its key, its symbol, US dollars.
    past_prices: Vec<(String, &'static str, f64)>,
}

/// A stand-in for the source.
pub(crate) struct Upstream {
    base: String,
    answers: Arc<Mutex<Answers>>,
    server: tokio::task::JoinHandle<()>,
}

impl Upstream {
    pub(crate) async fn start(pools: String) -> Self {
        let answers = Arc::new(Mutex::new(Answers {
            status: StatusCode::OK,
            content_type: "application/json".to_owned(),
            pools,
            asked: 0,
            endless: None,
            charts: BTreeMap::new(),
            // Prices are not known until a story tells some.
            others: ["/prices/", "/historical_prices/"]
                .map(|route| (route, (StatusCode::OK, r#"{"coins":{}}"#.to_owned())))
                .into(),
            asked_beside: Vec::new(),
            past_prices: Vec::new(),
        }));
        let router = Router::new()
            .route("/pools", get(pools_answer))
            .route("/chart/{pool}", get(chart_answer))
            .fallback(other_answer)
            .with_state(Arc::clone(&answers));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            base,
            answers,
            server,
        }
    }

    /// Answers with this from now on.
    pub(crate) fn set(&self, pools: String) {
        self.set_raw("application/json", pools);
    }

    pub(crate) fn set_raw(&self, content_type: &str, pools: String) {
        let mut answers = self.answers.lock().unwrap();
        content_type.clone_into(&mut answers.content_type);
        answers.pools = pools;
    }

    /// Answers for the pools with this status from now on.
    pub(crate) fn fail(&self, status: StatusCode) {
        self.answers.lock().unwrap().status = status;
    }

    /// Whoever asks for the pools from now on is answered without an end: this again and again, once in so
    /// long; `None` for what was set.
    pub(crate) fn go_on(&self, endless: Option<(&'static str, Duration)>) {
        self.answers.lock().unwrap().endless = endless;
    }

    /// Tells of a pool what it paid on the last days, the oldest first and yesterday last; before that it
    /// paid as on the first of them.
    pub(crate) fn remember(&self, pool: &str, apys: &[f64]) {
        const DAY: i64 = 86_400_000;
        let now = stipend::clock::Clock::now(&stipend::clock::SystemClock).millis();
        let first = apys.first().copied().unwrap_or_default();
        let before = std::iter::repeat_n(first, 150);
        let days: Vec<f64> = before.chain(apys.iter().copied()).collect();
        let rows: Vec<Value> = days
            .iter()
            .rev()
            .zip(1..)
            .map(|(apy, ago)| {
                let at = stipend::domain::time::Timestamp::from_millis(now - ago * DAY);
                json!({
                    "timestamp": at.rfc3339(), "tvlUsd": 250_000_000, "apy": apy, "apyBase": apy,
                    "apyReward": null,
                })
            })
            .collect();
        let mut answers = self.answers.lock().unwrap();
        answers.charts.insert(pool.to_owned(), Value::from(rows));
    }

    /// What a route beside the pools answers from now on: with `/` at its end all below it, with a question
    /// only that one. Without it there is no such route.
    pub(crate) fn set_beside(&self, route: &'static str, status: StatusCode, body: &str) {
        let mut answers = self.answers.lock().unwrap();
        answers.others.insert(route, (status, body.to_owned()));
    }

    /// Tells from now on what a coin cost at any time in the past.
    pub(crate) fn cost(&self, coin: String, symbol: &'static str, usd: f64) {
        let mut answers = self.answers.lock().unwrap();
        answers.past_prices.push((coin, symbol, usd));
    }

    /// The address of a route.
    pub(crate) fn below(&self, route: &str) -> String {
        format!("{}{route}", self.base)
    }

    /// How often a route whose path begins so was asked for.
    pub(crate) fn asked_beside(&self, path: &str) -> usize {
        let answers = self.answers.lock().unwrap();
        let asked = answers.asked_beside.iter();
        asked.filter(|route| route.starts_with(path)).count()
    }

    /// Waits until the source was asked once more.
    pub(crate) async fn asked_again(&self) {
        let before = self.asked();
        until("the source is asked", || self.asked() > before).await;
    }

    fn asked(&self) -> u64 {
        self.answers.lock().unwrap().asked
    }

    /// Waits until the present answer was handed out and another one was asked for after it, so
    /// that what the bot does with it is done.
    pub(crate) async fn taken(&self) {
        let before = self.asked();
        until("the source is asked twice", || self.asked() >= before + 2).await;
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn pools_answer(State(answers): State<Arc<Mutex<Answers>>>) -> impl IntoResponse {
    let mut answers = answers.lock().unwrap();
    answers.asked += 1;
    let kind = [(
        HeaderName::from_static("content-type"),
        answers.content_type.clone(),
    )];
    let body = match answers.endless {
        None => Body::from(answers.pools.clone()),
        Some((part, pause)) => Body::from_stream(stream::unfold((), move |()| async move {
            tokio::time::sleep(pause).await;
            Some((Ok::<_, Infallible>(part), ()))
        })),
    };
    (answers.status, kind, body)
}

async fn chart_answer(
    State(answers): State<Arc<Mutex<Answers>>>,
    axum::extract::Path(pool): axum::extract::Path<String>,
) -> impl IntoResponse {
    let mut answers = answers.lock().unwrap();
    answers.asked_beside.push(format!("/chart/{pool}"));
    let days = answers.charts.get(&pool).cloned();
    axum::Json(json!({ "status": "success", "data": days.unwrap_or_else(|| json!([])) }))
}

async fn other_answer(
    State(answers): State<Arc<Mutex<Answers>>>,
    uri: axum::http::Uri,
) -> impl IntoResponse {
    let mut answers = answers.lock().unwrap();
    answers.asked_beside.push(uri.path().to_owned());
    let path = uri.path();
    let query = uri.query().unwrap_or_default();
    let is_meant = |route: &str| match route.split_once('?') {
        Some((of, asked)) => path == of && query.contains(asked),
        None => path == route || route.ends_with('/') && path.starts_with(route),
    };
    if let Some(told) = past_prices(path, &answers.past_prices) {
        return (StatusCode::OK, [("content-type", "application/json")], told);
    }
    let said = answers.others.iter().find(|(route, _)| is_meant(route));
    let (status, body) = said.map_or_else(
        || (StatusCode::NOT_FOUND, String::new()),
        |(_, said)| said.clone(),
    );
    (status, [("content-type", "application/json")], body)
}

/// What `/historical_prices/{time}/{coins}` says, once a story has told what a coin cost.
fn past_prices(path: &str, known: &[(String, &str, f64)]) -> Option<String> {
    let rest = path.strip_prefix("/historical_prices/")?;
    let at: i64 = rest.split('/').next()?.parse().ok()?;
    let told = known.iter().map(|(coin, symbol, usd)| {
        let price = json!({ "price": usd, "symbol": symbol, "timestamp": at, "confidence": 0.99 });
        (coin.clone(), price)
    });
    let coins: serde_json::Map<String, Value> = told.collect();
    (!coins.is_empty()).then(|| json!({ "coins": coins }).to_string())
}

/// A stand-in for a node of Solana: 65 % of the supply is staked, which makes 7 % of an inflation of 4.55 %.
pub(crate) struct Node {
    pub(crate) url: String,
    server: tokio::task::JoinHandle<()>,
}

impl Node {
    pub(crate) async fn start() -> Self {
        let router = Router::new().fallback(async |question: axum::Json<Value>| {
            let result = match question["method"].as_str() {
                Some("getInflationRate") => json!({ "total": 0.0455, "validator": 0.0455 }),
                Some("getSupply") => json!({ "value": { "total": 600_000_000_000_000_000_u64 } }),
                Some("getVoteAccounts") => json!({ "current": [
                    { "activatedStake": 390_000_000_000_000_000_u64, "commission": 8 },
                ], "delinquent": [] }),
                other => panic!("{other:?} is not asked for"),
            };
            axum::Json(json!({ "jsonrpc": "2.0", "id": 1, "result": result }))
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, server }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Waits for something that only asking again can tell.
pub(crate) async fn until(what: &str, done: impl Fn() -> bool) {
    let started = Instant::now();
    while !done() {
        assert!(started.elapsed() < LONG, "{what}: not within {LONG:?}");
        tokio::time::sleep(STEP).await;
    }
}

/// What a process says until it ends by itself. One that hangs is killed, and the story fails.
pub(crate) async fn ended(mut command: Command) -> Output {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = tokio::process::Command::from(command)
        .kill_on_drop(true)
        .output();
    tokio::time::timeout(LONG, child)
        .await
        .expect("ends by itself")
        .unwrap()
}

/// Every address of a source, as a setting that leads to the stand-in: `prices_url` is its `/prices`. A
/// story must never ask the real one.
fn addresses(base: &str) -> Vec<(String, String)> {
    let addresses: Vec<(String, String)> = Config::keys()
        .into_iter()
        .filter_map(|key| {
            let (_, name) = key.strip_prefix("sources.")?.rsplit_once('.')?;
            let route = name.strip_suffix("_url")?;
            let variable = format!("STIPEND_{}", key.replace('.', "__").to_uppercase());
            Some((variable, format!("{base}/{route}")))
        })
        .collect();
    assert!(addresses.len() >= 8, "{addresses:?}");
    addresses
}

/// The folder of one bot and how it is started; the running process, when there is one.
pub(crate) struct TestBot {
    pub(crate) folder: TempDir,
    settings: Vec<(String, String)>,
    /// The binary, or what starts it, with the arguments that come first.
    pub(crate) starter: Vec<&'static str>,
    child: Option<Child>,
}

impl TestBot {
    /// Not started yet.
    pub(crate) fn new(twin: &Twin, upstream: &Upstream) -> Self {
        let folder = TempDir::new().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        let token = folder.path().join("token");
        fs::write(&token, twin.token()).unwrap();
        fs::set_permissions(&token, fs::Permissions::from_mode(0o600)).unwrap();
        let settings = [
            ("DISCORD__API_URL", twin.base_url().to_owned()),
            ("DISCORD__TOKEN_FILE", path("token")),
            ("DATABASE__URL", format!("sqlite://{}", path("stipend.db"))),
            ("SECRETS__MASTER_KEY_FILE", path("stipend.key")),
            ("SOURCES__DEFILLAMA__INTERVAL", "1s".to_owned()),
            // Stories are of pools that somebody watches but for those of what is read beside them.
            ("SOURCES__DEFILLAMA__BACKFILL_PER_HOUR", "0".to_owned()),
            ("SOURCES__FACTS__ENABLED", "false".to_owned()),
            // Stories are told at once but for those about gathering.
            ("DELIVERY__GROUP_WAIT", "0s".to_owned()),
            ("DELIVERY__GROUP_INTERVAL", "0s".to_owned()),
            ("DELIVERY__HOURLY_CAP", "0".to_owned()),
            // A story asks faster than a person.
            ("DISCORD__COMMANDS_PER_10S", "0".to_owned()),
            ("OPS__LISTEN", "127.0.0.1:0".to_owned()),
            ("OPS__LOG_FORMAT", "json".to_owned()),
        ];
        let settings = settings
            .map(|(name, value)| (format!("STIPEND_{name}"), value))
            .into_iter()
            .chain(addresses(&upstream.base))
            .collect();
        Self {
            folder,
            settings,
            starter: vec![env!("CARGO_BIN_EXE_stipend")],
            child: None,
        }
    }

    /// Replaces or adds a setting, by its name after `STIPEND_`.
    pub(crate) fn set(&mut self, name: &str, value: impl Into<String>) {
        let name = format!("STIPEND_{name}");
        self.settings.retain(|(known, _)| *known != name);
        self.settings.push((name, value.into()));
    }

    pub(crate) fn unset(&mut self, name: &str) {
        let name = format!("STIPEND_{name}");
        self.settings.retain(|(known, _)| *known != name);
    }

    /// Adds a variable of the environment that is no setting.
    pub(crate) fn give(&mut self, name: &str, value: impl Into<String>) {
        self.settings.push((name.to_owned(), value.into()));
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(self.starter[0]);
        command
            .args(&self.starter[1..])
            .arg(name)
            .current_dir(self.folder.path())
            .env_clear()
            .envs(self.settings.iter().cloned())
            .stdin(Stdio::null());
        command
    }

    /// Starts the process and waits until it is connected and has read the market.
    pub(crate) async fn start(&mut self, twin: &Twin, shards: usize) {
        // The log of an earlier run lies before this.
        let before = self.log().len();
        // What a run that was killed has open closes a moment later, and would be taken for this one's. Another
        // bot may be connected all the time.
        let _all = twin.wait_gone(Duration::from_secs(2)).await;
        self.spawn();
        let ready = twin.wait_ready(shards, LONG).await;
        assert!(ready.is_ok(), "{ready:?}\n{}", self.log());
        twin.wait_for_commands(PATIENCE).await.unwrap();
        until("the market is read", || {
            let log = self.log();
            let own = log.get(before..).unwrap_or_default();
            own.contains("batch taken in") || own.contains("\"pools\":3")
        })
        .await;
    }

    pub(crate) fn spawn(&mut self) {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.path("log"))
            .unwrap();
        let mut command = self.command("run");
        command.stdout(log.try_clone().unwrap()).stderr(log);
        self.child = Some(command.spawn().unwrap());
    }

    /// Waits until the running process has ended by itself; its code.
    pub(crate) async fn exits(&mut self) -> i32 {
        let mut child = self.child.take().expect("it runs");
        let started = Instant::now();
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                return status.code().expect("it was not killed");
            }
            assert!(started.elapsed() < LONG, "still running:\n{}", self.log());
            tokio::time::sleep(STEP).await;
        }
    }

    /// Runs a process that is expected to end by itself.
    pub(crate) async fn fails(&self) -> Failed {
        let started = Instant::now();
        let output = ended(self.command("run")).await;
        Failed {
            output,
            after: started.elapsed(),
        }
    }

    /// What the program prints when it is called so, on the bot's configuration, and its exit code.
    pub(crate) async fn says(&self, arguments: &[&str]) -> (String, Option<i32>) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stipend"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env_clear()
            .envs(self.environment());
        let output = ended(command).await;
        let told = [output.stdout, output.stderr].concat();
        (String::from_utf8(told).unwrap(), output.status.code())
    }

    /// What `stipend health` says in its line, and its exit code.
    pub(crate) async fn health(&self, live: bool) -> (String, Option<i32>) {
        let mut command = self.command("health");
        command.args(live.then_some("--live"));
        let output = ended(command).await;
        let told = [output.stdout, output.stderr].concat();
        (String::from_utf8(told).unwrap(), output.status.code())
    }

    /// The lines of `stipend doctor` that say that something is wrong, and its exit code.
    pub(crate) async fn doctor(&self) -> (Vec<String>, Option<i32>) {
        let output = ended(self.command("doctor")).await;
        let told = String::from_utf8(output.stdout).unwrap();
        let wrong = told.lines().filter(|line| !line.starts_with("ok "));
        let wrong = wrong.filter(|line| !line.starts_with("note "));
        (wrong.map(str::to_owned).collect(), output.status.code())
    }

    /// Where it listens, by the line of its log that says so.
    pub(crate) fn address(&self, opened: &str) -> String {
        let log = self.log();
        let line = log.lines().rfind(|line| line.contains(opened));
        let line: Value = serde_json::from_str(line.expect("it listens")).unwrap();
        let address = line["fields"]["address"].as_str();
        address.or(line["address"].as_str()).unwrap().to_owned()
    }

    /// What `/readyz` says, with its head.
    pub(crate) async fn readyz(&self) -> String {
        let address = self.address("ops endpoint is open");
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = "GET /readyz HTTP/1.1\r\nHost: stipend\r\nConnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// What its configuration says, as the environment of a process.
    pub(crate) fn environment(&self) -> impl Iterator<Item = (String, String)> {
        self.settings.clone().into_iter()
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(self.child.as_ref().expect("the bot runs"))
    }

    pub(crate) fn signal(&self, signal: Signal) {
        rustix::process::kill_process(self.pid(), signal).unwrap();
    }

    /// The code with which the running process ends by itself, and after how long.
    pub(crate) async fn ends(&mut self) -> (Option<i32>, Duration) {
        let mut child = self.child.take().expect("the bot runs");
        let started = Instant::now();
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                return (status.code(), started.elapsed());
            }
            if started.elapsed() > LONG {
                self.child = Some(child);
                panic!("the bot does not end");
            }
            tokio::time::sleep(STEP).await;
        }
    }

    /// As `kill -9` or a loss of power would.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// What `/proc/PID/status` says of the running process under this name, in bytes.
    pub(crate) fn memory(&self, name: &str) -> u64 {
        let child = self.child.as_ref().expect("it runs");
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let kib = line.and_then(|line| line.trim_start_matches(':').trim().strip_suffix(" kB"));
        kib.unwrap().parse::<u64>().unwrap() * 1024
    }

    /// The bytes of the database and of what lies beside it.
    pub(crate) fn database_bytes(&self) -> Vec<u8> {
        ["stipend.db", "stipend.db-wal"]
            .iter()
            .flat_map(|name| fs::read(self.path(name)).unwrap_or_default())
            .collect()
    }

    /// Every story ends with this.
    pub(crate) fn end(mut self, twin: &Twin) {
        assert!(!self.log().contains("panicked"), "a panic:\n{}", self.log());
        self.kill();
        assert_eq!(broken_rules(twin), Vec::<String>::new(), "\n{}", self.log());
    }
}

/// Rules that the bot broke. Not counted: the numbers of new files, which the client library writes as
/// numbers, as Discord's manual shows them, and Discord's description wants as texts.
fn broken_rules(twin: &Twin) -> Vec<String> {
    let mut broken = twin.violations();
    let is_number_of_a_file = |fault: &str| {
        let number = fault.strip_prefix("/attachments/");
        let number = number.and_then(|fault| fault.split_once("/id: "));
        number.is_some_and(|(at, told)| told == format!("{at} is not of type \"string\""))
    };
    broken.retain(|sentence| {
        let faults = sentence.split_once("Discord's description: ");
        !faults.is_some_and(|(_, faults)| faults.split("; ").all(is_number_of_a_file))
    });
    broken
}

impl Drop for TestBot {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            drop(child.kill());
            drop(child.wait());
        }
        if std::thread::panicking() {
            eprintln!("the bot's log:\n{}", self.log());
        }
    }
}

/// A process that ended by itself.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) output: Output,
    pub(crate) after: Duration,
}

impl Failed {
    /// Checks the code, and that the person reads one line which says this.
    pub(crate) fn check(&self, code: i32, words: &str) {
        let told = String::from_utf8_lossy(&self.output.stderr);
        assert_eq!(self.output.status.code(), Some(code), "{told}");
        let lines: Vec<&str> = told
            .lines()
            .filter(|line| line.starts_with("stipend: "))
            .collect();
        assert_eq!(lines.len(), 1, "{told}");
        assert!(lines[0].contains(words), "{told}");
    }
}

pub(crate) fn call(command: &str) -> Invocation {
    Invocation::of(command).in_guild(server()).by(member())
}

pub(crate) fn manage(command: &str) -> Invocation {
    Invocation::of(command).in_guild(server()).by(admin())
}

/// A bot that watches the USDC pool for under 3 %, and has read that it pays 5 %.
pub(crate) async fn watching(market: fn(f64) -> Vec<Value>) -> (Twin, Upstream, TestBot) {
    watching_by(market, &below_three(USDC)).await
}

/// A bot with this alert, which has read that the USDC pool pays 5 %.
pub(crate) async fn watching_by(
    market: fn(f64) -> Vec<Value>,
    alert: &Invocation,
) -> (Twin, Upstream, TestBot) {
    let twin = Twin::start(one_server()).await.unwrap();
    let upstream = Upstream::start(answer(&market(5.0))).await;
    let mut bot = TestBot::new(&twin, &upstream);
    bot.start(&twin, 1).await;
    let reply = twin.run(alert).await.unwrap();
    assert!(said(&reply).contains("#1"), "{}", said(&reply));
    (twin, upstream, bot)
}

/// What `/status` says in the server.
pub(crate) async fn status(twin: &Twin) -> String {
    said(&twin.run(&call("status")).await.unwrap())
}

/// Waits until `/status` says all of this.
pub(crate) async fn status_says(twin: &Twin, wanted: &[&str]) -> String {
    let begun = Instant::now();
    loop {
        let told = status(twin).await;
        if wanted.iter().all(|words| told.contains(words)) {
            return told;
        }
        assert!(begun.elapsed() < LONG, "{wanted:?} in {told}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// The custom id of the button with this label.
pub(crate) fn button(message: &Value, label: &str) -> String {
    let rows = message["components"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    rows.iter()
        .flat_map(|row| row["components"].as_array().cloned().unwrap_or_default())
        .find(|button| button["label"] == label)
        .and_then(|button| button["custom_id"].as_str().map(str::to_owned))
        .unwrap_or_else(|| panic!("no button {label} on {message}"))
}

/// How many messages of a database stand in each state. It is only looked at: its log stays as it is.
pub(crate) async fn messages_by_state(database: &Path) -> BTreeMap<String, i64> {
    const SQL: &str = "SELECT state, COUNT(*) FROM notice GROUP BY state";
    let options = SqliteConnectOptions::new()
        .filename(database)
        .read_only(true);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    let rows: Vec<(String, i64)> = sqlx::query_as(SQL)
        .fetch_all(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    rows.into_iter().collect()
}

/// The posts by webhooks; one that is under way has no status yet.
pub(crate) fn posts(twin: &Twin) -> Vec<RequestRecord> {
    let mut requests = twin.requests();
    requests.retain(|it| it.method == "POST" && it.template == "/webhooks/{id}/{token}");
    requests
}

/// An alert for a pool that pays less than 3 %.
pub(crate) fn below_three(pool: &str) -> Invocation {
    let add = manage("alerts add")
        .option("at_once", true)
        .option("when", "apy_below");
    add.option("value", 3)
        .option("pool", pool)
        .option("hold", "1s")
}

/// An alert for each of the [`fourteen`] that pays less than this.
pub(crate) fn all_below(apy: i32) -> Invocation {
    let add = manage("alerts add")
        .option("at_once", true)
        .option("when", "apy_below");
    add.option("value", apy)
        .option("protocol", "aave-v3")
        .option("hold", "1s")
}

/// Lets the market fall to this for as long as an alert has to hold.
pub(crate) async fn show(upstream: &Upstream, market: impl Fn(f64) -> Vec<Value>, usdc: f64) {
    for step in [0.0, 0.01, 0.02] {
        upstream.set(answer(&market(usdc - step)));
        upstream.taken().await;
    }
}
