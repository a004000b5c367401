//! The control port: the operations of [`Handle`] as JSON over HTTP, for tests in other processes.

use std::{
    collections::HashMap,
    future::{Ready, ready},
    time::Duration,
};

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{delete, get, post},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::{
    Channel, Handle, Invocation, NoIdentify, Person, Press, ShardEvent, TwinError,
    handle::PATIENCE,
    ids::{id_of, text},
};

/// An error on the control port: a sentence, and 404 or 422 or 504.
struct Failed(TwinError);

impl From<TwinError> for Failed {
    fn from(error: TwinError) -> Self {
        Self(error)
    }
}

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        let status = match self.0 {
            TwinError::NoReply { .. } | TwinError::Timeout { .. } => StatusCode::GATEWAY_TIMEOUT,
            TwinError::UnknownChannel(_)
            | TwinError::UnknownGuild(_)
            | TwinError::UnknownInteraction(_)
            | TwinError::UnknownMessage(_)
            | TwinError::UnknownWebhook(_) => StatusCode::NOT_FOUND,
            _ => StatusCode::UNPROCESSABLE_ENTITY,
        };
        (status, Json(json!({"error": self.0.to_string()}))).into_response()
    }
}

type Answer<T> = Result<Json<T>, Failed>;
type Done = Result<StatusCode, Failed>;

const DONE: Done = Ok(StatusCode::NO_CONTENT);

/// The routes below `/twin`.
pub(crate) fn router<S: Clone + Send + Sync + 'static>(handle: Handle) -> Router<S> {
    Router::new()
        .route("/", get(overview))
        .route("/ledger", get(ledger))
        .route(
            "/channels/{id}",
            get(channel).delete(by_id(Handle::delete_channel)),
        )
        .route("/channels/{id}/wait", get(wait_for_messages))
        .route("/channels/{id}/permissions", post(channel_permissions))
        .route("/channels/{id}/webhooks", post(add_webhook))
        .route("/channels/{id}/say", post(say))
        .route(
            "/messages/{id}",
            get(message).delete(by_id(Handle::delete_message)),
        )
        .route("/files/{id}/{name}", get(file))
        .route("/requests", get(requests))
        .route("/violations", get(violations).delete(take_violations))
        .route("/commands", get(commands))
        .route("/invoke", post(invoke))
        .route("/run", post(run))
        .route("/reply/{interaction}", get(reply))
        .route("/autocomplete", post(autocomplete))
        .route("/press", post(press))
        .route("/modal", post(modal))
        .route("/fault", post(with_body(Handle::fault)))
        .route("/faults", delete(plain(Handle::clear_faults)))
        .route("/limits", post(with_body(Handle::set_limits)))
        .route("/webhooks/{id}", delete(by_id(Handle::delete_webhook)))
        .route(
            "/webhooks/{id}/reset",
            post(by_id(Handle::reset_webhook_token)),
        )
        .route(
            "/people/{id}/direct",
            delete(by_id(|twin: &Handle, id| {
                twin.close_direct(id);
                Ok(())
            }))
            .post(by_id(|twin: &Handle, id| {
                twin.reopen_direct(id);
                Ok(())
            })),
        )
        .route("/token/revoke", post(plain(Handle::revoke_token)))
        .route("/token/restore", post(plain(Handle::restore_token)))
        .route("/guilds", post(with_body(Handle::add_guild)))
        .route("/guilds/{id}/{what}", post(guild_event))
        .route("/guilds/{id}/channels", post(add_channel))
        .route("/guilds/{id}/permissions", post(guild_permissions))
        .route(
            "/endpoint",
            post(set_endpoint).delete(plain(Handle::clear_endpoint)),
        )
        .route("/gateway", get(gateway))
        .route("/gateway/wait", get(wait_ready))
        .route(
            "/gateway/refuse",
            post(refuse).delete(plain(Handle::accept_identifies)),
        )
        .route("/gateway/dispatch", post(dispatch))
        .route("/gateway/shards/{shard}", post(shard))
        .with_state(handle)
}

/// A call that needs nothing more to be said.
fn plain(
    act: fn(&Handle),
) -> impl Fn(State<Handle>) -> Ready<Done> + Clone + Send + Sync + 'static {
    move |State(twin)| {
        act(&twin);
        ready(DONE)
    }
}

/// A call that is about what the path names.
fn by_id(
    act: fn(&Handle, u64) -> Result<(), TwinError>,
) -> impl Fn(State<Handle>, Path<u64>) -> Ready<Done> + Clone + Send + Sync + 'static {
    move |State(twin), Path(id)| ready(act(&twin, id).map_err(Failed).and(DONE))
}

/// A call that takes what the body holds.
fn with_body<T: 'static>(
    act: fn(&Handle, T),
) -> impl Fn(State<Handle>, Json<T>) -> Ready<Done> + Clone + Send + Sync + 'static {
    move |State(twin), Json(body)| {
        act(&twin, body);
        ready(DONE)
    }
}

/// Time-outs and counts in the query.
#[derive(Deserialize)]
#[serde(default)]
struct Wait {
    timeout_ms: u64,
    count: usize,
    shards: usize,
}

impl Default for Wait {
    fn default() -> Self {
        let timeout_ms = u64::try_from(PATIENCE.as_millis()).unwrap_or(u64::MAX);
        Self {
            timeout_ms,
            count: 1,
            shards: 1,
        }
    }
}

impl Wait {
    fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }
}

async fn overview(State(twin): State<Handle>) -> Json<Value> {
    Json(json!({
        "base_url": twin.base_url(),
        "token": twin.token(),
        "application": twin.application().to_string(),
        "bot": twin.bot().to_string(),
        "messages": twin.ledger_len(),
        "in_flight": twin.in_flight(),
        "violations": twin.violations().len(),
        "invalid_requests": twin.invalid_requests(),
    }))
}

async fn ledger(State(twin): State<Handle>) -> impl IntoResponse {
    Json(twin.ledger())
}

async fn channel(State(twin): State<Handle>, Path(id): Path<u64>) -> impl IntoResponse {
    Json(twin.channel(id))
}

async fn wait_for_messages(
    State(twin): State<Handle>,
    Path(id): Path<u64>,
    Query(wait): Query<Wait>,
) -> Answer<impl Serialize> {
    Ok(Json(
        twin.wait_for_messages(id, wait.count, wait.timeout())
            .await?,
    ))
}

#[derive(Deserialize)]
struct Permissions {
    #[serde(with = "text::maybe", default)]
    permissions: Option<u64>,
}

async fn channel_permissions(
    State(twin): State<Handle>,
    Path(id): Path<u64>,
    Json(body): Json<Permissions>,
) -> Done {
    twin.set_channel_permissions(id, body.permissions)?;
    DONE
}

async fn guild_permissions(
    State(twin): State<Handle>,
    Path(id): Path<u64>,
    Json(body): Json<Permissions>,
) -> Done {
    twin.set_guild_permissions(id, body.permissions.unwrap_or_default())?;
    DONE
}

#[derive(Deserialize)]
struct Name {
    name: String,
}

async fn add_webhook(
    State(twin): State<Handle>,
    Path(id): Path<u64>,
    Json(body): Json<Name>,
) -> Answer<impl Serialize> {
    Ok(Json(twin.add_webhook(id, &body.name)?))
}

#[derive(Deserialize)]
struct Saying {
    #[serde(flatten)]
    person: Person,
    content: String,
}

async fn say(
    State(twin): State<Handle>,
    Path(id): Path<u64>,
    Json(body): Json<Saying>,
) -> Answer<Value> {
    Ok(Json(
        json!({"id": twin.say(id, &body.person, &body.content)?.to_string()}),
    ))
}

async fn message(State(twin): State<Handle>, Path(id): Path<u64>) -> Answer<impl Serialize> {
    Ok(Json(twin.message(id).ok_or(TwinError::UnknownMessage(id))?))
}

async fn file(State(twin): State<Handle>, Path((id, _name)): Path<(u64, String)>) -> Response {
    match twin.file(id) {
        Some(bytes) => bytes.into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn requests(State(twin): State<Handle>) -> impl IntoResponse {
    Json(json!({"in_flight": twin.in_flight(), "requests": twin.requests()}))
}

async fn violations(State(twin): State<Handle>) -> impl IntoResponse {
    Json(twin.violations())
}

async fn take_violations(State(twin): State<Handle>) -> impl IntoResponse {
    Json(twin.take_violations())
}

async fn commands(
    State(twin): State<Handle>,
    Query(query): Query<HashMap<String, u64>>,
) -> impl IntoResponse {
    Json(twin.commands(query.get("guild").copied()))
}

async fn invoke(State(twin): State<Handle>, Json(body): Json<Invocation>) -> Answer<Value> {
    Ok(Json(
        json!({"interaction": twin.invoke(&body)?.to_string()}),
    ))
}

async fn run(State(twin): State<Handle>, Json(body): Json<Invocation>) -> Answer<impl Serialize> {
    Ok(Json(twin.run(&body).await?))
}

async fn reply(
    State(twin): State<Handle>,
    Path(id): Path<u64>,
    Query(wait): Query<Wait>,
) -> Answer<impl Serialize> {
    Ok(Json(twin.reply(id, wait.timeout()).await?))
}

#[derive(Deserialize)]
struct Typing {
    #[serde(flatten)]
    invocation: Invocation,
    focused: String,
}

async fn autocomplete(
    State(twin): State<Handle>,
    Json(body): Json<Typing>,
) -> Answer<impl Serialize> {
    Ok(Json(
        twin.autocomplete(&body.invocation, &body.focused).await?,
    ))
}

async fn press(State(twin): State<Handle>, Json(body): Json<Press>) -> Answer<impl Serialize> {
    Ok(Json(twin.press(&body).await?))
}

#[derive(Deserialize)]
struct Modal {
    #[serde(with = "text")]
    interaction: u64,
    #[serde(default)]
    values: Map<String, Value>,
}

async fn modal(State(twin): State<Handle>, Json(body): Json<Modal>) -> Answer<impl Serialize> {
    Ok(Json(
        twin.submit_modal(body.interaction, &body.values).await?,
    ))
}

async fn add_channel(
    State(twin): State<Handle>,
    Path(id): Path<u64>,
    Json(body): Json<Channel>,
) -> Done {
    twin.add_channel(id, body)?;
    DONE
}

async fn guild_event(State(twin): State<Handle>, Path((id, what)): Path<(u64, String)>) -> Done {
    match what.as_str() {
        "remove" => twin.remove_guild(id)?,
        "outage" => twin.guild_outage(id)?,
        "restore" => twin.restore_guild(id)?,
        _ => return Ok(StatusCode::NOT_FOUND),
    }
    DONE
}

#[derive(Deserialize)]
struct Address {
    url: String,
}

async fn set_endpoint(State(twin): State<Handle>, Json(body): Json<Address>) -> Done {
    twin.set_endpoint(&body.url).await?;
    DONE
}

async fn gateway(State(twin): State<Handle>) -> impl IntoResponse {
    let sessions = twin.sessions();
    let shards = sessions.iter().map(|session| session.of).max().unwrap_or(1);
    let counters: Vec<Value> = (0..shards)
        .map(|shard| json!({"shard": shard, "identifies": twin.identifies(shard), "resumes": twin.resumes(shard)}))
        .collect();
    Json(json!({
        "sessions": sessions,
        "shards": counters,
        "identifies": twin.all_identifies(),
        "resumes_elsewhere": twin.resumes_elsewhere(),
    }))
}

async fn wait_ready(State(twin): State<Handle>, Query(wait): Query<Wait>) -> Done {
    twin.wait_ready(wait.shards, wait.timeout()).await?;
    DONE
}

#[derive(Deserialize)]
struct Refusing {
    how: NoIdentify,
    #[serde(default)]
    times: Option<u32>,
}

async fn refuse(State(twin): State<Handle>, Json(body): Json<Refusing>) -> Done {
    twin.refuse_identifies(body.how, body.times);
    DONE
}

#[derive(Deserialize)]
struct Dispatch {
    #[serde(default)]
    guild: Value,
    event: String,
    data: Value,
}

async fn dispatch(State(twin): State<Handle>, Json(body): Json<Dispatch>) -> Done {
    twin.dispatch(id_of(&body.guild), &body.event, &body.data);
    DONE
}

async fn shard(
    State(twin): State<Handle>,
    Path(shard): Path<u32>,
    Json(event): Json<ShardEvent>,
) -> StatusCode {
    if twin.shard(shard, event) {
        StatusCode::NO_CONTENT
    } else {
        StatusCode::CONFLICT
    }
}
