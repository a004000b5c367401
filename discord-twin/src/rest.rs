//! REST: one story for every request. Read, limit, let faults strike, check who asks, apply, answer, record.

mod answer;
mod auth;
mod body;
mod channels;
mod commands;
mod guilds;
mod interactions;
pub(crate) mod route;
mod strike;
mod webhooks;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    extract::{ConnectInfo, Request, State as Extract},
    http::Method,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use serde_json::Value;

use self::{
    answer::{Answer, Rendered},
    auth::Caller,
    route::Route,
};
use crate::{
    connection::Peer,
    fault::{What, When},
    ids::millis,
    limits::{Call as LimitedCall, Headers, Pool, Scope, Verdict},
    refuse::{METHOD_NOT_ALLOWED, NOT_FOUND, Refusal, UNAUTHORIZED, WRONG_VERSION},
    state::{InFlight, RequestRecord, Shared, State},
};

/// A request that has been read.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) route: Route,
    pub(crate) template: &'static str,
    pub(crate) query: String,
    pub(crate) body: Result<Value, Refusal>,
    pub(crate) files: Vec<(String, Bytes)>,
    pub(crate) caller: Caller,
    pub(crate) base_url: String,
    /// The webhook, channel, guild or interaction in the path.
    pub(crate) major: u64,
    /// Its place in the list of requests.
    record: usize,
}

impl Call {
    /// A parameter of the query.
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        self.query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value)
    }

    pub(crate) fn id(&self, name: &str) -> Option<u64> {
        self.query(name)?.parse().ok()
    }

    pub(crate) fn wants(&self, name: &str) -> bool {
        matches!(self.query(name), Some("true" | "1" | "True"))
    }

    /// The body, or the refusal of one that could not be read.
    pub(crate) fn body(&self) -> Result<&Value, Refusal> {
        self.body.as_ref().map_err(Clone::clone)
    }

    fn name(&self) -> String {
        format!("{} {} ({})", self.method, self.template, self.major)
    }
}

/// What stands before a request is applied.
enum Gate {
    Go(Option<Headers>),
    Stop(Rendered),
    Strike(What, Option<Headers>),
}

/// Serves everything that no other part of the twin serves.
pub(crate) async fn serve(
    Extract(shared): Extract<Arc<Shared>>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    request: Request,
) -> Response {
    let in_flight = InFlight::count(&shared);
    let arrived = Instant::now();
    let call = match read(&shared, request, arrived).await {
        Ok(call) => call,
        Err(rendered) => return rendered.into_response(),
    };
    let gate = gate(&mut shared.state(), &call);
    match gate {
        Gate::Go(headers) => finish(&shared, &peer, call, headers, in_flight).await,
        Gate::Stop(rendered) => {
            close_record(&shared, &call, rendered.status);
            rendered.into_response()
        }
        Gate::Strike(what, headers) => {
            strike::strike(shared, peer, call, what, headers, in_flight).await
        }
    }
}

/// Reads a request and enters it into the list.
async fn read(shared: &Arc<Shared>, request: Request, arrived: Instant) -> Result<Call, Rendered> {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path();
    let application = shared.state().world.application;
    let Some(inside) = path.strip_prefix("/api/v10/") else {
        let mut state = shared.state();
        if path.starts_with("/api/") || path == "/api" {
            state.violation(format!(
                "{}: the path names another API version than 10",
                parts.method
            ));
            return Err(Rendered::refused(&WRONG_VERSION));
        }
        return Err(Rendered::refused(&NOT_FOUND));
    };
    let Some(route) = Route::parse(inside, application) else {
        let first = inside.split('/').next().unwrap_or_default();
        shared.state().violation(format!(
            "{} /{first}/…: the twin has no such route",
            parts.method
        ));
        return Err(Rendered::refused(&NOT_FOUND));
    };
    let (body, files) = body::read(&parts.headers, body).await;
    let mut state = shared.state();
    let caller = Caller::of(&parts.headers, &state);
    let template = route.template();
    let major = route.major(&state);
    let record = state.requests.len();
    let at_ms = millis(arrived.duration_since(state.started));
    state.requests.push(RequestRecord {
        method: parts.method.to_string(),
        template,
        major,
        status: 0,
        at_ms,
    });
    let call = Call {
        method: parts.method,
        template,
        query: parts.uri.query().unwrap_or_default().to_owned(),
        body,
        files,
        caller,
        base_url: shared.base_url.clone(),
        major,
        record,
        route,
    };
    if let Some(complaint) = auth::user_agent(&parts.headers) {
        state.violation(format!("{}: {complaint}", call.name()));
    }
    drop(state);
    #[cfg(feature = "openapi")]
    if let (Some(spec), Ok(body)) = (&shared.spec, &call.body)
        && let Some(complaint) = spec.request(&call.method, call.template, body)
    {
        shared
            .state()
            .violation(format!("{}: {complaint}", call.name()));
    }
    Ok(call)
}

/// Limits, faults that strike first, and the bot token.
fn gate(state: &mut State, call: &Call) -> Gate {
    let now = Instant::now();
    let headers = match limits(state, call, now) {
        Ok(headers) => headers,
        Err(rendered) => return Gate::Stop(rendered),
    };
    let struck = state.faults.strike(
        When::Before,
        call.method.as_str(),
        call.template,
        call.major,
    );
    if let Some(what) = struck {
        return Gate::Strike(what, headers);
    }
    match authorize(state, call, now) {
        Ok(()) => Gate::Go(headers),
        Err(refusal) => Gate::Stop(Rendered::refused(&refusal).with(
            headers,
            &state.limiter.limits().clone(),
            &state.clock,
        )),
    }
}

fn authorize(state: &mut State, call: &Call, now: Instant) -> Result<(), Refusal> {
    let wrong = match call.caller {
        Caller::Bot => false,
        Caller::Nobody => call.route.needs_token(),
        Caller::Wrong | Caller::Revoked => true,
    };
    if !wrong {
        return Ok(());
    }
    if call.caller != Caller::Revoked {
        state.violation(format!(
            "{}: the Authorization header is missing or wrong",
            call.name()
        ));
    }
    state.limiter.count_invalid(now);
    Err(UNAUTHORIZED)
}

fn limits(state: &mut State, call: &Call, now: Instant) -> Result<Option<Headers>, Rendered> {
    let limited = limited_call(state, call);
    let verdict = state.limiter.check(now, &limited);
    match verdict {
        // Callbacks show no limits.
        Verdict::Pass(_) if matches!(call.route, Route::Callback { .. }) => Ok(None),
        Verdict::Pass(headers) => Ok(Some(headers)),
        Verdict::Banned {
            retry_after,
            inside_pause,
        } => {
            if inside_pause {
                state.violation(format!(
                    "{}: a request while the address is banned",
                    call.name()
                ));
            }
            Err(Rendered::ban_page(retry_after))
        }
        Verdict::Limited {
            scope,
            retry_after,
            headers,
            inside_pause,
        } => {
            if inside_pause {
                let seconds = retry_after.as_secs_f64();
                let scope = scope.name();
                state.violation(format!(
                    "{}: a request inside a Retry-After ({scope}, {seconds:.3} s left)",
                    call.name()
                ));
            }
            if scope != Scope::Shared {
                state.limiter.count_invalid(now);
            }
            let limits = *state.limiter.limits();
            Err(Rendered::too_many(scope, retry_after).with(Some(headers), &limits, &state.clock))
        }
    }
}

fn limited_call(state: &State, call: &Call) -> LimitedCall {
    let limits = state.limiter.limits();
    let hidden_channel = match &call.route {
        Route::WebhookToken { webhook, .. } if call.method == Method::POST => {
            state.webhooks.get(webhook).map(|webhook| webhook.channel)
        }
        _ => None,
    };
    let pool = match call.caller {
        _ if call.route.is_interaction() => None,
        Caller::Nobody => Some(Pool::Address),
        _ => Some(Pool::Bot),
    };
    LimitedCall {
        bucket: call.route.bucket(&call.method, limits),
        major: call.major,
        hidden_channel,
        pool,
    }
}

/// Applies a request and answers it.
async fn finish(
    shared: &Arc<Shared>,
    peer: &Peer,
    call: Call,
    headers: Option<Headers>,
    in_flight: InFlight,
) -> Response {
    let (rendered, struck) = apply(shared, &call, headers);
    match struck {
        None => rendered.into_response(),
        Some(What::Delay(ms) | What::ResetThenApply(ms)) => {
            tokio::time::sleep(Duration::from_millis(ms)).await;
            rendered.into_response()
        }
        Some(What::Reset) => strike::cut(peer, in_flight).await,
        Some(what) => {
            let rendered = strike::spoilt(shared, &call, &what);
            close_record(shared, &call, rendered.status);
            rendered.into_response()
        }
    }
}

/// Applies a request under the lock, together with everything that has to be told and counted.
fn apply(shared: &Arc<Shared>, call: &Call, headers: Option<Headers>) -> (Rendered, Option<What>) {
    let now = Instant::now();
    let mut state = shared.state();
    let dead = call
        .route
        .webhook()
        .is_some_and(|webhook| state.dead_webhooks.contains(&webhook));
    if dead {
        state.violation(format!(
            "{}: a call of a webhook that was said to be gone",
            call.name()
        ));
        state.limiter.count_dead_call(now);
    }
    let outcome = dispatch(&mut state, call);
    if let Err(refusal) = &outcome {
        note_refusal(&mut state, call, refusal, now);
    }
    let limits = *state.limiter.limits();
    let rendered = match &outcome {
        Ok(answer) => Rendered::of(answer),
        Err(refusal) => Rendered::refused(refusal),
    };
    let rendered = rendered.with(headers, &limits, &state.clock);
    let struck = state
        .faults
        .strike(When::After, call.method.as_str(), call.template, call.major);
    if let Some(record) = state.requests.get_mut(call.record) {
        record.status = if struck == Some(What::Reset) {
            0
        } else {
            rendered.status
        };
    }
    drop(state);
    #[cfg(feature = "openapi")]
    if let (
        Some(spec),
        Ok(Answer {
            body: Some(body), ..
        }),
    ) = (&shared.spec, &outcome)
        && let Some(complaint) = spec.answer(&call.method, call.template, body)
    {
        shared.state().violation(format!(
            "the twin's own answer to {}: {complaint}",
            call.name()
        ));
    }
    shared.changed();
    (rendered, struck)
}

fn note_refusal(state: &mut State, call: &Call, refusal: &Refusal, now: Instant) {
    if matches!(refusal.status, 401 | 403) {
        state.limiter.count_invalid(now);
    }
    if matches!(refusal.code, 10015 | 50027)
        && let Some(webhook) = call.route.webhook()
    {
        state.dead_webhooks.insert(webhook);
    }
    if matches!(
        refusal.code,
        50035 | 50006 | 50109 | 40005 | 30015 | 220_001..=220_004
    ) {
        state.violation(format!(
            "{}: the body is refused: {}",
            call.name(),
            refusal.sentences()
        ));
    }
    if refusal.status == 405 {
        state.violation(format!(
            "{}: the route does not have this method",
            call.name()
        ));
    }
}

/// Hands a request to the part that knows its route.
fn dispatch(state: &mut State, call: &Call) -> Result<Answer, Refusal> {
    match &call.route {
        Route::Gateway
        | Route::GatewayBot
        | Route::Me
        | Route::User { .. }
        | Route::MyGuilds
        | Route::MyApplication
        | Route::OauthApplication
        | Route::OpenDirect
        | Route::Guild { .. }
        | Route::GuildChannels { .. }
        | Route::GuildRoles { .. }
        | Route::Member { .. } => guilds::handle(state, call),
        Route::Commands { .. } | Route::Command { .. } => commands::handle(state, call),
        Route::Callback { .. } | Route::FollowUps { .. } | Route::FollowUp { .. } => {
            interactions::handle(state, call)
        }
        Route::ChannelWebhooks { .. }
        | Route::GuildWebhooks { .. }
        | Route::Webhook { .. }
        | Route::WebhookToken { .. }
        | Route::WebhookMessage { .. } => webhooks::handle(state, call),
        Route::Channel { .. } | Route::Messages { .. } | Route::Message { .. } => {
            channels::handle(state, call)
        }
    }
}

/// The answer for a method that a route does not have.
pub(crate) fn no_method() -> Result<Answer, Refusal> {
    Err(METHOD_NOT_ALLOWED)
}

fn close_record(shared: &Shared, call: &Call, status: u16) {
    let mut state = shared.state();
    if let Some(record) = state.requests.get_mut(call.record) {
        record.status = status;
    }
    drop(state);
    shared.changed();
}
