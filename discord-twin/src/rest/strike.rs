//! What a fault does to a request: cut, delayed, or answered wrongly.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};

use super::{Call, answer::Rendered, apply, authorize, close_record, finish, limited_call};
use crate::{
    connection::Peer,
    fault::What,
    limits::{Headers, Key, Pool, Scope},
    state::{InFlight, Shared, State},
};

/// A fault strikes before the request is applied.
pub(super) async fn strike(
    shared: Arc<Shared>,
    peer: Peer,
    call: Call,
    what: What,
    headers: Option<Headers>,
    in_flight: InFlight,
) -> Response {
    match what {
        What::Reset => cut(&peer, in_flight).await,
        What::Delay(ms) => {
            // A task of its own: the request is applied even when the caller has lost its patience.
            let late = tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(ms)).await;
                finish_late(&shared, &peer, call, headers, in_flight).await
            });
            late.await
                .unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
        }
        What::ResetThenApply(ms) => {
            let late_peer = peer.clone();
            drop(tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(ms)).await;
                let _late = in_flight;
                if authorize(&mut shared.state(), &call, Instant::now()).is_ok() {
                    apply(&shared, &call, headers);
                }
            }));
            late_peer.0.cut();
            gone().await
        }
        what => {
            let rendered = spoilt(&shared, &call, &what);
            close_record(&shared, &call, rendered.status);
            rendered.into_response()
        }
    }
}

async fn finish_late(
    shared: &Arc<Shared>,
    peer: &Peer,
    call: Call,
    headers: Option<Headers>,
    in_flight: InFlight,
) -> Response {
    let refusal = authorize(&mut shared.state(), &call, Instant::now()).err();
    match refusal {
        Some(refusal) => {
            close_record(shared, &call, refusal.status);
            Rendered::refused(&refusal).into_response()
        }
        None => finish(shared, peer, call, headers, in_flight).await,
    }
}

/// The answer that a fault puts in the place of the right one.
pub(super) fn spoilt(shared: &Arc<Shared>, call: &Call, what: &What) -> Rendered {
    let now = Instant::now();
    let rendered = match what {
        What::Status {
            code,
            body,
            headers,
        } => Rendered::fault(*code, body, headers),
        What::Raw {
            code,
            content_type,
            body,
        } => Rendered::raw(*code, content_type, body),
        What::Html1015 => {
            let mut state = shared.state();
            let length = Duration::from_hours(1).mul_f64(state.limiter.limits().time_scale);
            state.limiter.ban(now, length);
            return Rendered::ban_page(length);
        }
        What::EmptyOk => Rendered::empty(200),
        What::NoWait => Rendered::empty(204),
        What::Reset | What::ResetThenApply(_) | What::Delay(_) => Rendered::empty(500),
    };
    let mut state = shared.state();
    if rendered.status == 429 {
        announce_pause(&mut state, call, &rendered, now);
    }
    if matches!(rendered.status, 401 | 403 | 429)
        && rendered.header("x-ratelimit-scope") != Some("shared")
    {
        state.limiter.count_invalid(now);
    }
    if matches!(rendered.json_code(), Some(10015 | 50027))
        && let Some(webhook) = call.route.webhook()
    {
        state.dead_webhooks.insert(webhook);
    }
    rendered
}

/// The pause that a switched 429 asks for is watched like any other.
fn announce_pause(state: &mut State, call: &Call, rendered: &Rendered, now: Instant) {
    let Some(seconds) = rendered
        .header("retry-after")
        .and_then(|text| text.parse::<f64>().ok())
    else {
        return;
    };
    let Ok(length) = Duration::try_from_secs_f64(seconds) else {
        return;
    };
    let limited = limited_call(state, call);
    let scope = rendered.header("x-ratelimit-scope");
    if scope == Some("global") || rendered.header("x-ratelimit-global").is_some() {
        state
            .limiter
            .pause(now, Key::Global(Pool::Bot), length, Scope::Global);
        state
            .limiter
            .pause(now, Key::Global(Pool::Address), length, Scope::Global);
        return;
    }
    match (scope, limited.hidden_channel) {
        (Some("shared"), Some(channel)) => {
            state
                .limiter
                .pause(now, Key::Channel(channel), length, Scope::Shared);
        }
        (Some("shared"), None) => {
            state.limiter.pause(
                now,
                Key::Route(limited.bucket.name, limited.major),
                length,
                Scope::Shared,
            );
        }
        _ => state.limiter.pause(
            now,
            Key::Route(limited.bucket.name, limited.major),
            length,
            Scope::User,
        ),
    }
}

/// Cuts the connection instead of answering.
pub(super) async fn cut(peer: &Peer, in_flight: InFlight) -> Response {
    drop(in_flight);
    peer.0.cut();
    gone().await
}

/// Waits for the end of a connection that was cut; the task is dropped with it.
async fn gone() -> Response {
    tokio::time::sleep(Duration::from_secs(5)).await;
    StatusCode::INTERNAL_SERVER_ERROR.into_response()
}
