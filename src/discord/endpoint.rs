//! Interactions that Discord posts to us, for those who run without a gateway.
//!
//! Whatever is not signed by Discord for our application, lately and for the first time, gets a 401 and
//! reaches nothing. What is gets a 202, and is answered by way of Discord's REST interface, as one that
//! came over the gateway is. Nothing of a body or a signature is logged.
//!
//! Everybody on the Internet may knock here, so that everything has its limit: how many at a time, how
//! long, how much.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header},
};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use poise::serenity_prelude as serenity;
use serenity::{Interaction, Permissions};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{debug, info, warn};

use super::{
    interactions::{self, Arrived, Interactions},
    signature::{PublicKey, Unsigned},
};
use crate::domain::{ids::GuildId, time::Timestamp};

/// Where Discord posts to, below the address that a reverse proxy has.
pub const PATH: &str = "/interactions";

/// The largest body that is read. A command with every option at its longest takes less.
const LARGEST: usize = 1024 * 1024;

/// How long a body may take to arrive. Discord waits for three seconds altogether.
const READING: Duration = Duration::from_secs(5);

/// How long a connection may last from its first byte to the end of our answer. Each serves one request.
const LIFETIME: Duration = Duration::from_secs(10);

/// Connections at a time; others wait to be accepted.
const CONNECTIONS: usize = 128;

/// How long a stop waits for requests that are being read.
const CLOSING: Duration = Duration::from_secs(1);

/// After an error of the machine, such as too many open files.
const BREATHER: Duration = Duration::from_millis(100);

const PONG: &str = r#"{"type":1}"#;

/// What it takes to judge a request and to have it answered.
pub struct Endpoint {
    key: PublicKey,
    /// What was signed before may have been taken up by an earlier process.
    opened_at: Timestamp,
    interactions: Arc<Interactions>,
    context: serenity::Context,
}

impl Endpoint {
    pub fn new(
        key: PublicKey,
        interactions: Arc<Interactions>,
        context: serenity::Context,
    ) -> Self {
        Self {
            key,
            opened_at: interactions.bot().app.clock.now(),
            interactions,
            context,
        }
    }

    /// Serves until `stop`, and for a moment longer those that are being read.
    pub async fn serve(self, listener: TcpListener, stop: &CancellationToken) {
        let endpoint = Arc::new(self);
        let places = Arc::new(Semaphore::new(CONNECTIONS));
        let connections = TaskTracker::new();
        while !stop.is_cancelled() {
            let next = async {
                let place = Arc::clone(&places).acquire_owned().await;
                (place, listener.accept().await)
            };
            match stop.run_until_cancelled(next).await {
                Some((place, Ok((stream, _)))) => {
                    let endpoint = Arc::clone(&endpoint);
                    connections.spawn(async move {
                        let ended = tokio::time::timeout(LIFETIME, endpoint.connected(stream));
                        if ended.await.is_err() {
                            debug!("a connection took too long and was cut");
                        }
                        drop(place);
                    });
                }
                Some((_, Err(error))) => {
                    warn!(%error, "the interactions endpoint cannot accept a connection");
                    tokio::time::sleep(BREATHER).await;
                }
                None => break,
            }
        }
        drop(listener);
        connections.close();
        if tokio::time::timeout(CLOSING, connections.wait())
            .await
            .is_err()
        {
            debug!(open = connections.len(), "connections were cut by the stop");
        }
    }

    /// Reads and answers one request.
    async fn connected(self: Arc<Self>, stream: TcpStream) {
        let service = service_fn(move |request| {
            let endpoint = Arc::clone(&self);
            async move { Ok::<_, Infallible>(endpoint.answered(request).await) }
        });
        let served = http1::Builder::new()
            .keep_alive(false)
            .serve_connection(TokioIo::new(stream), service)
            .await;
        if let Err(error) = served {
            debug!(%error, "a connection ended without an answer");
        }
    }

    async fn answered(&self, request: Request<Incoming>) -> Response<Body> {
        if request.uri().path() != PATH {
            return empty(StatusCode::NOT_FOUND);
        }
        if request.method() != Method::POST {
            let mut answer = empty(StatusCode::METHOD_NOT_ALLOWED);
            let allowed = HeaderValue::from_static("POST");
            answer.headers_mut().insert(header::ALLOW, allowed);
            return answer;
        }
        let (head, body) = request.into_parts();
        // Also of a request that is refused by its headers: closed under unread bytes, a connection may
        // lose the answer.
        let body = axum::body::to_bytes(Body::new(body), LARGEST);
        match tokio::time::timeout(READING, body).await {
            Ok(Ok(body)) => self.judged(&head.headers, &body),
            Ok(Err(_)) => empty(StatusCode::PAYLOAD_TOO_LARGE),
            Err(_) => empty(StatusCode::REQUEST_TIMEOUT),
        }
    }

    /// Whether another process may have taken it up. A signature tells its time in whole seconds, and the
    /// interaction's own number in thousandths.
    fn is_from_before(&self, interaction: &serenity::Interaction, signed_at: Timestamp) -> bool {
        let made_at = interaction.id().created_at().timestamp_millis();
        signed_at.seconds() < self.opened_at.seconds() || made_at < self.opened_at.millis()
    }

    fn judged(&self, headers: &HeaderMap, body: &Bytes) -> Response<Body> {
        let signed_at = match self.signed_at(headers, body) {
            Ok(at) => at,
            Err(why) => {
                debug!(%why, "a request is not Discord's");
                return empty(StatusCode::UNAUTHORIZED);
            }
        };
        match interactions::read(body) {
            Ok(Arrived::Ping) => {
                info!("Discord has looked whether the interactions endpoint answers");
                pong()
            }
            // Nobody can tell any more whether it was taken up.
            Ok(Arrived::Interaction(it)) if self.is_from_before(&it, signed_at) => {
                debug!("a request was signed before this process listened");
                empty(StatusCode::UNAUTHORIZED)
            }
            Ok(Arrived::Interaction(interaction)) => self.taken_up(*interaction),
            Err(unreadable) => {
                warn!(error = %unreadable, "Discord has sent what cannot be read");
                empty(StatusCode::BAD_REQUEST)
            }
        }
    }

    fn signed_at(&self, headers: &HeaderMap, body: &[u8]) -> Result<Timestamp, Unsigned> {
        let header = |name: &str| {
            let text = headers.get(name).and_then(|value| value.to_str().ok());
            text.ok_or(Unsigned::Header)
        };
        let (signature, timestamp) = (
            header("x-signature-ed25519")?,
            header("x-signature-timestamp")?,
        );
        let now = self.interactions.bot().app.clock.now();
        self.key.signed_at(signature, timestamp, body, now)
    }

    fn taken_up(&self, interaction: Interaction) -> Response<Body> {
        let managed = managed_server(&interaction);
        let Some(work) = self.interactions.take_up(self.context.clone(), interaction) else {
            return empty(StatusCode::UNAUTHORIZED);
        };
        let delivery = self.interactions.bot().app.delivery.clone();
        tokio::spawn(async move {
            work.await;
            // Nobody tells of rights that have changed. Whoever manages a server and gives a command there
            // is the best sign that something may have been mended.
            if let Some(guild) = managed {
                delivery.rights_may_have_changed(guild).await;
            }
        });
        empty(StatusCode::ACCEPTED)
    }
}

/// The server of a command that was given by one of its managers.
fn managed_server(interaction: &Interaction) -> Option<GuildId> {
    let Interaction::Command(command) = interaction else {
        return None;
    };
    let rights = command.member.as_ref()?.permissions?;
    let manages = rights.intersects(Permissions::MANAGE_GUILD | Permissions::ADMINISTRATOR);
    let guild = command.guild_id.filter(|_| manages)?;
    Some(GuildId(guild.get()))
}

fn empty(status: StatusCode) -> Response<Body> {
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = status;
    answer
}

fn pong() -> Response<Body> {
    let mut answer = Response::new(Body::from(PONG));
    let json = HeaderValue::from_static("application/json");
    answer.headers_mut().insert(header::CONTENT_TYPE, json);
    answer
}
