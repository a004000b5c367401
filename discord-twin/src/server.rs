//! Starting and stopping a twin.

use std::{
    net::{Ipv4Addr, SocketAddr},
    ops::Deref,
    sync::Arc,
    time::Duration,
};

use axum::{
    Router,
    extract::{ConnectInfo, DefaultBodyLimit, Query, State, WebSocketUpgrade},
    response::Response,
    routing::get,
};
use serde::Deserialize;
use tokio::{net::TcpListener, task::JoinHandle};

use crate::{
    Handle, TwinError, World,
    connection::{Loopback, Peer},
    control,
    gateway::session::{self, Address},
    rest,
    state::Shared,
};

/// A running twin. Dropping it stops it at once; [`Twin::stop`] stops it in order.
#[derive(Debug)]
pub struct Twin {
    handle: Handle,
    server: JoinHandle<()>,
}

impl Twin {
    /// Starts a twin on a free port of 127.0.0.1.
    pub async fn start(world: World) -> Result<Self, TwinError> {
        Self::start_on(world, SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await
    }

    /// Starts a twin on this address.
    pub async fn start_on(world: World, address: SocketAddr) -> Result<Self, TwinError> {
        let listener = TcpListener::bind(address)
            .await
            .map_err(TwinError::Listen)?;
        let address = listener.local_addr().map_err(TwinError::Listen)?;
        let shared = Arc::new(Shared::new(world, format!("http://{address}")));
        let handle = Handle {
            shared: Arc::clone(&shared),
        };
        let router = Router::new()
            .route("/gateway", get(gateway))
            .route("/gateway/", get(gateway))
            .route("/gateway/resume", get(gateway_resume))
            .with_state(Arc::clone(&shared))
            .nest("/twin", control::router(handle.clone()))
            .fallback(rest::serve)
            .layer(DefaultBodyLimit::max(32 * 1024 * 1024))
            .with_state(Arc::clone(&shared));
        let service = router.into_make_service_with_connect_info::<Peer>();
        let stopped = shared.stop.clone().cancelled_owned();
        let server = tokio::spawn(async move {
            let served = axum::serve(Loopback(listener), service)
                .with_graceful_shutdown(stopped)
                .await;
            if let Err(error) = served {
                tracing::error!(%error, "the twin stopped serving");
            }
        });
        Ok(Self { handle, server })
    }

    /// A reference that can be cloned and outlives this value.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Stops listening, ends all connections, and waits for that.
    pub async fn stop(mut self) {
        self.handle.shared.stop.cancel();
        // Requests that a fault holds back are not waited for.
        if tokio::time::timeout(Duration::from_secs(2), &mut self.server)
            .await
            .is_err()
        {
            self.server.abort();
        }
    }
}

impl Drop for Twin {
    fn drop(&mut self) {
        self.handle.shared.stop.cancel();
    }
}

impl Deref for Twin {
    type Target = Handle;

    fn deref(&self) -> &Handle {
        &self.handle
    }
}

#[derive(Deserialize)]
struct GatewayQuery {
    v: Option<String>,
    encoding: Option<String>,
}

impl GatewayQuery {
    fn understood(&self) -> bool {
        self.v.as_deref() == Some("10")
            && self
                .encoding
                .as_deref()
                .is_none_or(|encoding| encoding == "json")
    }
}

async fn gateway(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    Query(query): Query<GatewayQuery>,
    upgrade: WebSocketUpgrade,
) -> Response {
    let address = Address {
        resume: false,
        understood: query.understood(),
    };
    upgrade.on_upgrade(move |socket| session::run(socket, shared, peer.0, address))
}

async fn gateway_resume(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    Query(query): Query<GatewayQuery>,
    upgrade: WebSocketUpgrade,
) -> Response {
    let address = Address {
        resume: true,
        understood: query.understood(),
    };
    upgrade.on_upgrade(move |socket| session::run(socket, shared, peer.0, address))
}
