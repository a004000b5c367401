//! The ops endpoint: is the process alive, is it ready, how does it do. Loopback unless configured otherwise.

use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderName, StatusCode, header::CONTENT_TYPE},
    routing::get,
};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{
    app::{App, RunError},
    discord::shards::Shards,
    ops::metrics::Metrics,
    pulse,
};

/// <https://prometheus.io/docs/instrumenting/exposition_formats/>
const PROMETHEUS_TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
/// What was measured is added up so often, whether anybody asks or not.
const ADD_UP: Duration = Duration::from_secs(5);

/// Whether the bot can answer, and what is missing.
#[derive(Debug, Serialize, Deserialize)]
pub struct Readiness {
    ready: bool,
    /// Whether the last transaction was kept; with a full disk it is not.
    writable: bool,
    pools: usize,
    shards_connected: u32,
    shards: u32,
    /// Interactions come by HTTP; then there are no shards.
    listens: bool,
}

impl Readiness {
    /// What is not as it has to be, in words.
    pub fn missing(&self) -> Vec<String> {
        let mut missing = Vec::new();
        if self.pools == 0 {
            missing.push("the market has not been read yet".to_owned());
        }
        if !self.listens && (self.shards == 0 || self.shards_connected < self.shards) {
            missing.push(match self.shards {
                0 => "Discord's gateway is not asked yet".to_owned(),
                shards => format!(
                    "{} of {shards} shards are connected to Discord",
                    self.shards_connected
                ),
            });
        }
        if !self.writable {
            missing.push("the database cannot be written".to_owned());
        }
        missing
    }
}

/// Takes the address; port 0 takes a free one, which is logged.
pub async fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let listener = TcpListener::bind(address).await?;
    tracing::info!(address = %listener.local_addr()?, "ops endpoint is open");
    Ok(listener)
}

/// Serves `/healthz`, `/readyz` and `/metrics` until `stop`.
pub async fn serve(
    listener: TcpListener,
    app: Arc<App>,
    shards: Arc<Shards>,
    stop: CancellationToken,
) -> Result<(), RunError> {
    let router = Router::new()
        .route("/healthz", get(liveness))
        .route("/readyz", get(readiness))
        .route("/metrics", get(metrics))
        .with_state((Arc::clone(&app), shards));
    let served =
        axum::serve(listener, router).with_graceful_shutdown(async move { stop.cancelled().await });
    tokio::select! {
        served = served.into_future() => {
            if let Err(error) = served {
                tracing::warn!(%error, "the ops endpoint ended");
            }
        }
        never = add_up(&app.metrics) => match never {},
    }
    Ok(())
}

/// Whether the process is worth keeping: a loop that is stuck is not mended by waiting.
async fn liveness(State((app, _)): State<(Arc<App>, Arc<Shards>)>) -> (StatusCode, String) {
    match app.pulses.stuck(pulse::GRACE) {
        None => (StatusCode::OK, "ok\n".to_owned()),
        Some(name) => (
            StatusCode::SERVICE_UNAVAILABLE,
            format!("{name} does not move\n"),
        ),
    }
}

async fn add_up(metrics: &Metrics) -> Infallible {
    loop {
        tokio::time::sleep(ADD_UP).await;
        metrics.add_up();
    }
}

async fn metrics(
    State((app, shards)): State<(Arc<App>, Arc<Shards>)>,
) -> ([(HeaderName, &'static str); 1], String) {
    let text = app.metrics.present(&app, &shards).await;
    ([(CONTENT_TYPE, PROMETHEUS_TEXT)], text)
}

async fn readiness(
    State((app, shards)): State<(Arc<App>, Arc<Shards>)>,
) -> (StatusCode, Json<Readiness>) {
    let pools = app.market.snapshot().listings().len();
    let shards = shards.readiness();
    let writable = *app.store.kept().borrow();
    let ready = pools > 0 && shards.is_ready() && writable;
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (
        status,
        Json(Readiness {
            ready,
            writable,
            pools,
            shards_connected: shards.connected,
            shards: shards.total,
            listens: shards.listens,
        }),
    )
}
