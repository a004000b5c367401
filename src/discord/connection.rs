//! One connection of one shard: at most one IDENTIFY, and as many resumes as it lives through.
//!
//! The client library's own start-up queue is left out. It presents a shard anew as soon as the last
//! session is lost, asks nobody, and tells of it only afterwards. Here its runner serves one
//! connection, and what comes after it is decided by whoever opened that.

use std::{
    sync::{Arc, Mutex as StdMutex, PoisonError},
    time::{Duration, Instant},
};

use poise::serenity_prelude as serenity;
use serenity::{
    EventHandler, Http, RawEventHandler, ShardId, ShardInfo, ShardManager, ShardManagerOptions,
    ShardMessenger, ShardRunner, ShardRunnerInfo, ShardRunnerMessage, ShardRunnerOptions,
};
use tokio::sync::{Mutex, Notify, oneshot};
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::{debug, info};

use super::{
    client::INTENTS,
    overheard::{Ear, Listener, Overheard},
    shards::Shards,
    watchdog::{Step, Watch},
};

/// How long opening a connection may take.
const OPENING: Duration = Duration::from_secs(10);

/// How long the other side may take to answer an orderly end.
const CLOSING: Duration = Duration::from_secs(5);

/// Keeps the session, so that it can be resumed; 1000 and 1001 would end it.
const TO_RESUME: u16 = 4000;

/// Ends the session.
const FOR_GOOD: u16 = 1000;

/// What all connections of a shard share.
#[derive(Clone)]
pub struct Socket {
    pub info: ShardInfo,
    pub url: String,
    pub http: Arc<Http>,
    pub handler: Arc<dyn EventHandler>,
    pub shards: Arc<Shards>,
    pub manager: Arc<ShardManager>,
    /// The longest time without a sign of life.
    pub silence: Duration,
}

/// A manager for one shard. The library's runner insists on one; only the notes that it keeps of its
/// runner are made use of.
pub async fn manager(
    info: ShardInfo,
    http: &Arc<Http>,
    handler: &Arc<dyn EventHandler>,
) -> Arc<ShardManager> {
    // A runner that has lost its session tells the manager to start another one. That waits here for
    // an address until the process ends.
    let nowhere = Arc::new(Mutex::new(String::new()));
    std::mem::forget(Arc::clone(&nowhere).lock_owned().await);
    let (manager, _) = ShardManager::new(ShardManagerOptions {
        data: Arc::default(),
        event_handlers: vec![Arc::clone(handler)],
        raw_event_handlers: Vec::new(),
        framework: Arc::default(),
        shard_index: info.id.0,
        shard_init: 1,
        shard_total: info.total,
        ws_url: nowhere,
        http: Arc::clone(http),
        intents: INTENTS,
        presence: None,
    });
    // The runner also waits five seconds for its own end to be confirmed, unless that lies there.
    manager.shutdown_finished(info.id);
    manager
}

/// A connection, open or ended.
pub struct Connection {
    shard: ShardId,
    manager: Arc<ShardManager>,
    messenger: ShardMessenger,
    signs: Arc<Signs>,
    ear: Ear,
    latency: Option<Duration>,
    ended: oneshot::Receiver<serenity::Result<()>>,
    /// Ends the thread, too, as soon as it waits for anything.
    _thread: DropGuard,
}

/// How a connection ended.
#[derive(Debug)]
pub enum End {
    /// The session is lost.
    Lost,
    /// Discord says that another one would be refused as well.
    Refused(serenity::Error),
    WrongShards,
    VersionRefused,
}

impl Connection {
    /// Connects. Nothing is sent yet: the shard presents itself with [`Self::run`].
    pub async fn open(socket: &Socket) -> Result<Opened, serenity::Error> {
        let url = Arc::new(Mutex::new(socket.url.clone()));
        let opening = serenity::Shard::new(
            Arc::clone(&url),
            socket.http.token(),
            socket.info,
            INTENTS,
            None,
        );
        let mut shard = tokio::time::timeout(OPENING, Box::pin(opening))
            .await
            .map_err(|_| std::io::Error::from(std::io::ErrorKind::TimedOut))??;
        let http = Arc::clone(&socket.http);
        shard.set_application_id_callback(move |id| http.set_application_id(id));
        Ok(Opened { shard, url })
    }

    /// Lets the library serve the connection, on a thread of its own: it can fall into a loop that never
    /// waits, and would take one of the few threads that everything else runs on.
    pub async fn run(socket: &Socket, opened: Opened) -> Result<Self, serenity::Error> {
        let signs = Arc::new(Signs {
            shard: socket.info.id.0,
            watch: StdMutex::new(Watch::new(socket.silence, Instant::now())),
            url: opened.url,
            shards: Arc::clone(&socket.shards),
            news: Notify::new(),
        });
        let mut runner = ShardRunner::new(ShardRunnerOptions {
            data: Arc::default(),
            event_handlers: vec![Arc::clone(&socket.handler)],
            raw_event_handlers: vec![Arc::clone(&signs) as Arc<dyn RawEventHandler>],
            framework: None,
            manager: Arc::clone(&socket.manager),
            shard: opened.shard,
            http: Arc::clone(&socket.http),
        });
        let messenger = ShardMessenger::new(&runner);
        let notes = ShardRunnerInfo {
            latency: None,
            runner_tx: messenger.clone(),
            stage: serenity::ConnectionStage::Handshake,
        };
        socket
            .manager
            .runners
            .lock()
            .await
            .insert(socket.info.id, notes);

        let (tell, ended) = oneshot::channel();
        let abandoned = CancellationToken::new();
        let ear = Ear::default();
        let (main, heard, over) = (
            tokio::runtime::Handle::current(),
            Arc::clone(&ear),
            abandoned.clone(),
        );
        std::thread::Builder::new()
            .name(format!("shard {}", socket.info.id))
            .spawn(move || {
                let work = over.run_until_cancelled(runner.run());
                let end = Listener::around(heard, || main.block_on(work));
                if let Some(end) = end {
                    // Nobody waits for the end of what was dropped.
                    drop(tell.send(end));
                }
            })?;
        Ok(Self {
            shard: socket.info.id,
            manager: Arc::clone(&socket.manager),
            messenger,
            signs,
            ear,
            latency: None,
            ended,
            _thread: abandoned.drop_guard(),
        })
    }

    /// Waits until the connection has ended by itself.
    pub async fn ended(&mut self) -> End {
        let end = (&mut self.ended).await;
        match (self.ear.get(), end) {
            (Some(Overheard::WrongShards), _) => End::WrongShards,
            (Some(Overheard::VersionRefused), _) => End::VersionRefused,
            (_, Ok(Err(error))) => End::Refused(error),
            (_, Ok(Ok(())) | Err(_)) => End::Lost,
        }
    }

    /// Looks for signs of life and acts on it. Returns `false` when the connection is to be dropped.
    pub async fn look(&mut self) -> bool {
        let notes = self.manager.runners.lock().await;
        let latency = notes.get(&self.shard).and_then(|notes| notes.latency);
        drop(notes);
        let now = Instant::now();
        // The library notes its latency with each ACK, and no two take the same number of nanoseconds.
        if latency.is_some() && latency != self.latency {
            self.signs.watch(|watch| watch.acknowledged(now));
        }
        self.latency = latency;
        if self.ear.get().is_some() {
            self.probe();
        }
        match self.signs.watch(|watch| watch.step(now)) {
            Step::Nothing => {}
            Step::Probe => self.probe(),
            Step::Close => {
                info!(
                    shard = self.shard.0,
                    "shard shows no sign of life; it is connected anew"
                );
                self.signs.shards.disconnected(self.shard.0);
                let close = ShardRunnerMessage::Close(TO_RESUME, None);
                self.messenger.send_to_shard(close);
            }
            Step::Drop => return false,
        }
        true
    }

    /// Sends a heartbeat: an answer is a sign of life, and on a connection that has ended without the
    /// library's noticing it ends the library's loop.
    fn probe(&self) {
        self.messenger
            .websocket_message(r#"{"op":1,"d":null}"#.into());
    }

    pub fn signs(&self) -> Arc<Signs> {
        Arc::clone(&self.signs)
    }

    pub fn let_in(&self) -> bool {
        self.signs.watch(|watch| watch.let_in())
    }

    /// Ends the session and the connection.
    pub async fn close(mut self) {
        // On a connection that has ended already the library would wait for its close for ever.
        self.probe();
        let close = ShardRunnerMessage::Shutdown(self.shard, FOR_GOOD);
        self.messenger.send_to_shard(close);
        let ended = tokio::time::timeout(CLOSING, self.ended()).await;
        debug!(
            shard = self.shard.0,
            in_order = ended.is_ok(),
            "shard is closed"
        );
    }
}

/// A connection that nothing was sent on yet.
pub struct Opened {
    shard: serenity::Shard,
    url: Arc<Mutex<String>>,
}

/// What is seen of a connection.
pub struct Signs {
    shard: u32,
    watch: StdMutex<Watch>,
    /// Where the library goes to resume.
    url: Arc<Mutex<String>>,
    shards: Arc<Shards>,
    /// READY or RESUMED has come.
    news: Notify,
}

impl Signs {
    /// Waits until the shard is let in, or its session is resumed.
    pub async fn news(&self) {
        self.news.notified().await;
    }

    fn watch<T>(&self, look: impl FnOnce(&mut Watch) -> T) -> T {
        look(&mut self.watch.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn connected(&self) {
        self.watch(|watch| watch.connected(Instant::now()));
        self.shards.connected(self.shard);
        self.news.notify_one();
    }
}

#[serenity::async_trait]
impl RawEventHandler for Signs {
    async fn raw_event(&self, _: serenity::Context, event: serenity::Event) {
        match event {
            serenity::Event::Ready(ready) => {
                let url = ready.ready.resume_gateway_url;
                // The library reads it and resumes at the general address all the same.
                if url.starts_with("wss://") || url.starts_with("ws://") {
                    *self.url.lock().await = url;
                }
                self.connected();
            }
            serenity::Event::Resumed(_) => self.connected(),
            _ => self.watch(|watch| watch.event(Instant::now())),
        }
    }
}
