//! The ops endpoint: is the process alive, is it ready. Loopback unless configured otherwise.

use std::{net::SocketAddr, sync::Arc};

use axum::{Json, Router, extract::State, http::StatusCode, routing::get};
use serde::Serialize;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{
    app::{App, RunError},
    discord::shards::Shards,
};

/// Whether the bot can answer, and what is missing.
#[derive(Debug, Serialize)]
struct Readiness {
    ready: bool,
    /// Whether the last transaction was kept; with a full disk it is not.
    writable: bool,
    pools: usize,
    shards_connected: u32,
    shards: u32,
    /// Interactions come by HTTP; then there are no shards.
    listens: bool,
}

/// Takes the address; port 0 takes a free one, which is logged.
pub async fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let listener = TcpListener::bind(address).await?;
    tracing::info!(address = %listener.local_addr()?, "ops endpoint is open");
    Ok(listener)
}

/// Serves `/healthz` and `/readyz` until `stop`.
pub async fn serve(
    listener: TcpListener,
    app: Arc<App>,
    shards: Arc<Shards>,
    stop: CancellationToken,
) -> Result<(), RunError> {
    let router = Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(readiness))
        .with_state((app, shards));
    let served = axum::serve(listener, router)
        .with_graceful_shutdown(async move { stop.cancelled().await })
        .await;
    if let Err(error) = served {
        tracing::warn!(%error, "the ops endpoint ended");
    }
    Ok(())
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
