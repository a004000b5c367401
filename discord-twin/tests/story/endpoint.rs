//! Interactions that are posted to an address of the bot's.

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::IntoResponse,
};
use discord_twin::Twin;
use ring::signature::{ED25519, UnparsedPublicKey};
use serde_json::{Value, json};

use crate::{
    PATIENCE,
    bot::{Bot, add, broken, register, silent, world},
};

/// A bot's endpoint as a story wants it.
struct Address {
    key: Vec<u8>,
    /// Whether signatures are looked at.
    checks: Mutex<bool>,
    pong: Value,
    /// The bodies that were let in.
    arrived: Mutex<Vec<Value>>,
}

fn bytes(hex: &str) -> Vec<u8> {
    hex.as_bytes()
        .chunks_exact(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

async fn serve(
    State(address): State<Arc<Address>>,
    head: HeaderMap,
    body: String,
) -> impl IntoResponse {
    let header = |name: &str| head[name].to_str().unwrap().to_owned();
    let signed = header("x-signature-timestamp") + &body;
    let key = UnparsedPublicKey::new(&ED25519, &address.key);
    let is_right = key.verify(signed.as_bytes(), &bytes(&header("x-signature-ed25519")));
    let json = [(header::CONTENT_TYPE, "application/json")];
    if *address.checks.lock().unwrap() && is_right.is_err() {
        return (StatusCode::UNAUTHORIZED, json, String::new());
    }
    let body: Value = serde_json::from_str(&body).unwrap();
    if body["type"] == 1 {
        return (StatusCode::OK, json, address.pong.to_string());
    }
    address.arrived.lock().unwrap().push(body);
    (StatusCode::ACCEPTED, json, String::new())
}

async fn address(twin: &Twin, checks: bool, pong: Value) -> (Arc<Address>, String) {
    let address = Arc::new(Address {
        key: bytes(&twin.public_key()),
        checks: Mutex::new(checks),
        pong,
        arrived: Mutex::default(),
    });
    let router = Router::new()
        .fallback(serve)
        .with_state(Arc::clone(&address));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (address, url)
}

/// An address that takes everything, one that says something else to PING, and one where nobody is.
#[tokio::test]
async fn an_address_is_looked_at_before_it_is_used() {
    let twin = Twin::start(world()).await.unwrap();
    let refused = async |url: &str| twin.set_endpoint(url).await.unwrap_err().to_string();
    let (_, trusting) = address(&twin, false, json!({"type": 1})).await;
    assert!(
        refused(&trusting)
            .await
            .contains("a wrong signature with 200")
    );
    let (_, other) = address(&twin, true, json!({"type": 2})).await;
    assert!(refused(&other).await.contains("answers PING with 200"));
    assert!(
        refused("http://127.0.0.1:1/")
            .await
            .contains("does not answer")
    );
    assert!(twin.invoke(&add()).is_err(), "nothing is posted there");
}

/// An interaction is posted, and answered by the callback. Whoever stops checking loses the address.
#[tokio::test]
async fn interactions_are_posted_until_a_wrong_signature_is_let_in() {
    let twin = Twin::start(world()).await.unwrap();
    let bot = Bot::of(&twin);
    register(&bot).await;
    let (address, url) = address(&twin, true, json!({"type": 1})).await;
    twin.set_endpoint(&url).await.unwrap();
    let me = bot.get("/applications/@me").await.body;
    assert_eq!(me["verify_key"], twin.public_key());
    assert_eq!(me["interactions_endpoint_url"], url);

    let id = twin.invoke(&add()).unwrap();
    let arrived = async || loop {
        if let Some(body) = address.arrived.lock().unwrap().pop() {
            return body;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    };
    let body = tokio::time::timeout(PATIENCE, arrived()).await.unwrap();
    assert_eq!(body["id"], id.to_string());
    let token = body["token"].as_str().unwrap();
    let answer = json!({"type": 4, "data": silent("Added")});
    let callback = format!("/interactions/{id}/{token}/callback");
    assert_eq!(bot.post(&callback, answer).await.status, 204);
    assert_eq!(twin.reply(id, PATIENCE).await.unwrap().content(), "Added");
    assert_eq!(twin.violations(), Vec::<String>::new());

    *address.checks.lock().unwrap() = false;
    let mut posted = 0;
    while twin.invoke(&add()).is_ok() {
        posted += 1;
        assert!(posted < 1_000, "it is never tried again");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    broken(&twin, &["a wrong signature was answered with 202"]);
    twin.stop().await;
}
