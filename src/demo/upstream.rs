//! A stand-in for the upstream on loopback, which serves the recorded market of one day.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use axum::{
    Json, Router,
    extract::{Path, State},
    routing::get,
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle};

use super::market::Recording;
use crate::{
    ops::config::Config,
    sources::{
        SetupError,
        defillama::{Defillama, Settings},
    },
};

/// The running server. It ends when it is dropped.
#[derive(Debug)]
pub(super) struct Upstream {
    address: SocketAddr,
    day: Arc<AtomicU32>,
    server: JoinHandle<()>,
}

type Shown = (Arc<Recording>, Arc<AtomicU32>);

impl Upstream {
    pub(super) async fn start(recording: Arc<Recording>) -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let day = Arc::new(AtomicU32::new(0));
        let router = Router::new()
            .route("/pools", get(pools))
            .route("/chart/{pool}", get(chart))
            .route("/prices/{coins}", get(prices))
            .route("/historical_prices/{time}/{coins}", get(prices))
            .with_state((recording, Arc::clone(&day)));
        let server = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!(%error, "the recorded upstream ended");
            }
        });
        Ok(Self {
            address,
            day,
            server,
        })
    }

    /// From now on this day is today.
    pub(super) fn show(&self, day: u32) {
        self.day.store(day, Ordering::SeqCst);
    }

    /// Every address of a source, as a setting that leads here: none may lead to the real one.
    pub(super) fn addresses(&self) -> impl Iterator<Item = (String, String)> {
        let base = self.base();
        Config::keys().into_iter().filter_map(move |key| {
            let (_, name) = key.strip_prefix("sources.")?.rsplit_once('.')?;
            let route = name.strip_suffix("_url")?;
            let variable = format!("STIPEND_{}", key.replace('.', "__").to_uppercase());
            Some((variable, format!("{base}/{route}")))
        })
    }

    fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A client that asks this server.
    pub(super) fn client(&self) -> Result<Defillama, SetupError> {
        Defillama::new(&Settings::below(&self.base()))
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn pools(State((recording, day)): State<Shown>) -> Json<Value> {
    Json(recording.pools_on(day.load(Ordering::SeqCst)))
}

async fn chart(State((recording, day)): State<Shown>, Path(pool): Path<String>) -> Json<Value> {
    Json(recording.chart(&pool, day.load(Ordering::SeqCst)))
}

/// The recording holds no prices, and an upstream that knows a coin not leaves it out.
async fn prices() -> Json<Value> {
    Json(json!({ "coins": {} }))
}
