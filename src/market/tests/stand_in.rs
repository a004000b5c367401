//! A source on loopback.

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    http::{StatusCode, Uri},
};
use tokio::net::TcpListener;

/// A stand-in for a source, which answers whatever it is asked as was set last.
pub(in crate::market) struct StandIn {
    pub(in crate::market) base: String,
    answer: Arc<Mutex<(StatusCode, String)>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl StandIn {
    pub(in crate::market) async fn start(body: &str) -> Self {
        let answer = Arc::new(Mutex::new((StatusCode::OK, body.to_owned())));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (told, noted) = (Arc::clone(&answer), Arc::clone(&asked));
        let router = Router::new().fallback(move |uri: Uri| {
            noted.lock().unwrap().push(uri.to_string());
            let (status, body) = told.lock().unwrap().clone();
            async move { (status, [("content-type", "application/json")], body) }
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self {
            base,
            answer,
            asked,
        }
    }

    pub(in crate::market) fn set(&self, status: StatusCode, body: &str) {
        *self.answer.lock().unwrap() = (status, body.to_owned());
    }

    /// What it was asked, with the questions in the addresses.
    pub(in crate::market) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}
