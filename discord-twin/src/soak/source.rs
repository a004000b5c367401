//! A stand-in for the source of the market, which knows whether the bot has kept what it was given.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::json;
use tokio::{net::TcpListener, task::JoinHandle};

/// The source; it ends when it is dropped.
#[derive(Debug)]
pub(super) struct Source {
    /// `http://127.0.0.1:PORT`, with `/pools` and `/prices/{keys}` below it. There are no charts: the bot would
    /// spend its short lives on reading the past.
    pub(super) base: String,
    served: Arc<Mutex<Served>>,
    serving: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Served {
    batch: u32,
    answer: String,
    asked: u32,
    kept: bool,
    /// Decides what goes wrong; nothing does without it.
    dice: Option<fastrand::Rng>,
    failed: u32,
}

/// What a source does instead of answering.
#[derive(Clone, Copy, Debug)]
enum Failure {
    Error,
    TooMany,
    Page,
    Half,
    Late,
}

impl Failure {
    /// In eleven of a hundred cases.
    fn draw(dice: &mut fastrand::Rng) -> Option<Self> {
        match dice.u8(..100) {
            0..3 => Some(Self::Error),
            3..4 => Some(Self::TooMany),
            4..6 => Some(Self::Page),
            6..9 => Some(Self::Half),
            9..11 => Some(Self::Late),
            _ => None,
        }
    }
}

/// How long an answer takes that is late.
const LATE: Duration = Duration::from_secs(3);

impl Served {
    fn tag(&self) -> String {
        format!("\"{}\"", self.batch)
    }
}

impl Source {
    pub(super) async fn start() -> std::io::Result<Self> {
        let served = Arc::new(Mutex::new(Served::default()));
        let prices = || async { Json(json!({"coins": {}})) };
        let router = Router::new()
            .route("/pools", get(pools))
            .route("/prices/{keys}", get(prices))
            .with_state(Arc::clone(&served));
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let base = format!("http://{}", listener.local_addr()?);
        let serving = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!(%error, "the source stopped serving");
            }
        });
        Ok(Self {
            base,
            served,
            serving,
        })
    }

    /// Answers with this batch from now on.
    pub(super) fn offer(&self, batch: u32, answer: String) {
        let mut served = locked(&self.served);
        served.batch = batch;
        served.answer = answer;
        served.kept = false;
    }

    /// Whether the bot has shown that it keeps the present batch: it asked for what is newer. It asks
    /// so only after the batch is committed.
    pub(super) fn is_kept(&self) -> bool {
        locked(&self.served).kept
    }

    /// From now on it fails now and then.
    pub(super) fn let_go_wrong(&self, seed: u64) {
        locked(&self.served).dice = Some(fastrand::Rng::with_seed(seed));
    }

    /// From now on nothing goes wrong.
    pub(super) fn behave(&self) {
        locked(&self.served).dice = None;
    }

    /// How often it has failed.
    pub(super) fn failed(&self) -> u32 {
        locked(&self.served).failed
    }

    /// How often a whole answer was given.
    pub(super) fn asked(&self) -> u32 {
        locked(&self.served).asked
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn locked(served: &Mutex<Served>) -> MutexGuard<'_, Served> {
    served.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn pools(State(served): State<Arc<Mutex<Served>>>, headers: HeaderMap) -> Response {
    let failure = {
        let mut served = locked(&served);
        let failure = served.dice.as_mut().and_then(Failure::draw);
        served.failed += u32::from(failure.is_some());
        failure
    };
    match failure {
        None => answer(&mut locked(&served), &headers),
        Some(Failure::Error) => StatusCode::BAD_GATEWAY.into_response(),
        Some(Failure::TooMany) => {
            let wait = [(header::RETRY_AFTER, "2")];
            (StatusCode::TOO_MANY_REQUESTS, wait).into_response()
        }
        Some(Failure::Page) => "<html><title>Checking your browser</title></html>".into_response(),
        Some(Failure::Half) => {
            let mut half = locked(&served).answer.clone();
            half.truncate(half.len() / 2);
            ([(header::CONTENT_TYPE, "application/json")], half).into_response()
        }
        Some(Failure::Late) => {
            tokio::time::sleep(LATE).await;
            answer(&mut locked(&served), &headers)
        }
    }
}

fn answer(served: &mut Served, headers: &HeaderMap) -> Response {
    let tag = served.tag();
    let has = headers.get(header::IF_NONE_MATCH);
    if has.is_some_and(|has| has.as_bytes() == tag.as_bytes()) {
        served.kept = true;
        return StatusCode::NOT_MODIFIED.into_response();
    }
    served.asked += 1;
    let headers = [
        (header::CONTENT_TYPE, "application/json".to_owned()),
        (header::ETAG, tag),
    ];
    (headers, served.answer.clone()).into_response()
}
