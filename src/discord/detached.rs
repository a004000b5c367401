//! What commands are given where there is no gateway.
//!
//! The libraries hand a command a context, and make one only for a shard that has opened a connection.
//! So one shard opens a connection to this very process, which says nothing and is closed at once. It
//! never presents itself to anybody, and nothing that is sent by way of the context goes anywhere but
//! to Discord's REST interface.

use std::{net::Ipv4Addr, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::ws::{WebSocket, WebSocketUpgrade},
};
use poise::serenity_prelude as serenity;
use serenity::{
    EventHandler, Http, Shard, ShardId, ShardInfo, ShardManager, ShardMessenger, ShardRunner,
    ShardRunnerOptions,
};
use tokio::{net::TcpListener, sync::Mutex};

use super::{client::INTENTS, connection};

/// A connection to ourselves takes less than a millisecond.
const OPENING: Duration = Duration::from_secs(10);

/// Hears of nothing.
struct Deaf;

impl EventHandler for Deaf {}

/// What the command framework wants of a shard.
pub struct Detached {
    pub context: serenity::Context,
    pub manager: Arc<ShardManager>,
}

impl Detached {
    /// Makes it, with a connection that lives for a moment.
    pub async fn new(http: &Arc<Http>) -> Result<Self, serenity::Error> {
        let info = ShardInfo {
            id: ShardId(0),
            total: 1,
        };
        let handler: Arc<dyn EventHandler> = Arc::new(Deaf);
        let manager = connection::manager(info, http, &handler).await;
        let runner = ShardRunner::new(ShardRunnerOptions {
            data: Arc::default(),
            event_handlers: Vec::new(),
            raw_event_handlers: Vec::new(),
            framework: None,
            manager: Arc::clone(&manager),
            shard: opened(info).await?,
            http: Arc::clone(http),
        });
        let context = serenity::Context {
            data: Arc::default(),
            shard: ShardMessenger::new(&runner),
            shard_id: info.id,
            http: Arc::clone(http),
        };
        Ok(Self { context, manager })
    }
}

/// A shard whose connection leads to ourselves.
async fn opened(info: ShardInfo) -> Result<Shard, serenity::Error> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let url = Arc::new(Mutex::new(format!("ws://{}", listener.local_addr()?)));
    let silent = |upgrade: WebSocketUpgrade| async { upgrade.on_upgrade(async |_: WebSocket| ()) };
    let router = Router::new().fallback(silent);
    // The bot's token is given to a shard for presenting itself, which this one never does.
    let opening = Box::pin(Shard::new(url, "", info, INTENTS, None));
    tokio::select! {
        opened = tokio::time::timeout(OPENING, opening) => {
            opened.map_err(|_| std::io::Error::from(std::io::ErrorKind::TimedOut))?
        }
        served = axum::serve(listener, router).into_future() => {
            served?;
            Err(std::io::Error::from(std::io::ErrorKind::ConnectionAborted).into())
        }
    }
}
