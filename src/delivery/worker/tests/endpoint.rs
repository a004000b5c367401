//! A small webhook endpoint on loopback.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::{Path, State as Extract},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use tokio::time::Instant;

/// What the endpoint answers next, for one webhook.
#[derive(Debug, Clone, Copy)]
pub(super) enum Reply {
    Limited { seconds: f64, global: bool },
    Status(u16, &'static str),
    Edge,
    Slow(Duration),
}

#[derive(Debug)]
pub(super) struct Hit {
    pub(super) webhook: u64,
    pub(super) content: String,
    pub(super) at: Instant,
    pub(super) authorised: bool,
}

/// The endpoint: it keeps what it was sent, and answers from a script or with 200.
#[derive(Default)]
pub(super) struct Twin {
    pub(super) hits: Mutex<Vec<Hit>>,
    script: Mutex<HashMap<u64, VecDeque<Reply>>>,
    pub(super) listed: Mutex<Vec<(u16, String)>>,
    pub(super) created: Mutex<u32>,
    messages: std::sync::atomic::AtomicU64,
    /// Five messages in two seconds for each webhook, when held to it: when the window began, and
    /// how many it has taken.
    pub(super) windows: Mutex<Option<HashMap<u64, (Instant, u32)>>>,
    /// The status of every answer while the endpoint fails.
    pub(super) down: Mutex<Option<u16>>,
}

impl Twin {
    pub(super) fn router(self: Arc<Self>) -> Router {
        Router::new()
            .route("/api/v10/webhooks/{id}/{token}", post(execute))
            .route("/api/v10/channels/{id}/webhooks", get(list).post(create))
            .route("/api/v10/channels/{id}", get(channel))
            .route("/api/v10/guilds/{id}/roles", get(roles))
            .route("/api/v10/guilds/{id}/members/{user}", get(member))
            .route("/api/v10/users/@me", get(me))
            .with_state(self)
    }

    pub(super) fn script(&self, webhook: u64, replies: &[Reply]) {
        let replies = replies.iter().copied().collect();
        self.script.lock().unwrap().insert(webhook, replies);
    }

    pub(super) fn contents(&self, webhook: u64) -> Vec<String> {
        let hits = self.hits.lock().unwrap();
        hits.iter()
            .filter(|hit| hit.webhook == webhook)
            .map(|hit| hit.content.clone())
            .collect()
    }

    pub(super) fn times(&self) -> Vec<Instant> {
        self.hits.lock().unwrap().iter().map(|hit| hit.at).collect()
    }
}

async fn execute(
    Extract(twin): Extract<Arc<Twin>>,
    Path((webhook, token)): Path<(u64, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    assert_eq!(token, format!("token-of-{webhook}"));
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
    twin.hits.lock().unwrap().push(Hit {
        webhook,
        content: without_marker(body["content"].as_str().unwrap()),
        at: Instant::now(),
        authorised: headers.contains_key("authorization"),
    });
    if let Some(status) = *twin.down.lock().unwrap() {
        return StatusCode::from_u16(status).unwrap().into_response();
    }
    if let Some(windows) = twin.windows.lock().unwrap().as_mut() {
        return windowed(&twin, windows.entry(webhook).or_insert((Instant::now(), 0)));
    }
    let reply = twin
        .script
        .lock()
        .unwrap()
        .get_mut(&webhook)
        .and_then(VecDeque::pop_front);
    match reply {
        Some(Reply::Limited { seconds, global }) => (
            StatusCode::TOO_MANY_REQUESTS,
            [("retry-after", seconds.ceil().to_string())],
            axum::Json(serde_json::json!({ "retry_after": seconds, "global": global })),
        )
            .into_response(),
        Some(Reply::Status(status, body)) => (
            StatusCode::from_u16(status).unwrap(),
            [("content-type", "application/json")],
            body,
        )
            .into_response(),
        Some(Reply::Edge) => (
            StatusCode::TOO_MANY_REQUESTS,
            [("content-type", "text/html"), ("retry-after", "1")],
            "error code: 1015",
        )
            .into_response(),
        Some(Reply::Slow(length)) => {
            tokio::time::sleep(length).await;
            stored(&twin)
        }
        None => stored(&twin),
    }
}

fn windowed(twin: &Twin, window: &mut (Instant, u32)) -> Response {
    let length = Duration::from_secs(2);
    if window.0.elapsed() >= length {
        *window = (Instant::now(), 0);
    }
    window.1 += 1;
    let left = length.saturating_sub(window.0.elapsed()).as_secs_f64();
    if window.1 > 5 {
        let body = serde_json::json!({ "retry_after": left, "global": false });
        return (StatusCode::TOO_MANY_REQUESTS, axum::Json(body)).into_response();
    }
    let id = twin
        .messages
        .fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    (
        [
            ("x-ratelimit-bucket", "b".to_owned()),
            ("x-ratelimit-limit", "5".to_owned()),
            ("x-ratelimit-remaining", (5 - window.1).to_string()),
            ("x-ratelimit-reset-after", format!("{left:.3}")),
        ],
        axum::Json(serde_json::json!({ "id": (id + 1).to_string() })),
    )
        .into_response()
}

fn stored(twin: &Twin) -> Response {
    let id = twin
        .messages
        .fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    (
        [
            ("x-ratelimit-bucket", "b"),
            ("x-ratelimit-limit", "1000"),
            ("x-ratelimit-remaining", "999"),
            ("x-ratelimit-reset-after", "1"),
        ],
        axum::Json(serde_json::json!({ "id": (id + 1).to_string() })),
    )
        .into_response()
}

async fn list(Extract(twin): Extract<Arc<Twin>>, headers: HeaderMap) -> Response {
    assert_eq!(headers["authorization"], "Bot canary");
    let next = {
        let mut listed = twin.listed.lock().unwrap();
        (!listed.is_empty()).then(|| listed.remove(0))
    };
    let (status, body) = next.unwrap_or_else(|| (200, "[]".to_owned()));
    (
        StatusCode::from_u16(status).unwrap(),
        [("content-type", "application/json")],
        body,
    )
        .into_response()
}

/// The text as it was before the worker made it known again.
fn without_marker(content: &str) -> String {
    let (text, marker) = content.rsplit_once(" · #").expect("a marker");
    assert_eq!(marker.len(), 9, "{marker}");
    text.to_owned()
}

async fn me() -> Response {
    axum::Json(serde_json::json!({ "id": "901" })).into_response()
}

async fn channel(Path(channel): Path<u64>) -> Response {
    axum::Json(serde_json::json!({ "id": channel.to_string(), "permission_overwrites": [] }))
        .into_response()
}

/// Everybody may do everything.
async fn roles(Path(guild): Path<u64>) -> Response {
    axum::Json(serde_json::json!([{ "id": guild.to_string(), "permissions": "8" }])).into_response()
}

async fn member() -> Response {
    axum::Json(serde_json::json!({ "roles": [] })).into_response()
}

async fn create(Extract(twin): Extract<Arc<Twin>>, Path(channel): Path<u64>) -> Response {
    *twin.created.lock().unwrap() += 1;
    let id = channel + 1000;
    axum::Json(serde_json::json!({
        "id": id.to_string(), "application_id": "900", "token": format!("token-of-{id}"),
    }))
    .into_response()
}
