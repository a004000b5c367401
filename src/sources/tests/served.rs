//! Answers on loopback for the tests of sources.

use std::{collections::HashMap, time::Duration};

use axum::{
    Router,
    body::Bytes,
    http::{HeaderMap, HeaderValue, StatusCode, Uri},
    response::IntoResponse,
};
use tokio::net::TcpListener;

use crate::sources::fetch::{Fetcher, Policy};

/// A client that does not wait for long.
pub(in crate::sources) fn fetcher() -> Fetcher {
    Fetcher::new(Policy {
        total: Duration::from_secs(5),
        ..Policy::default()
    })
    .unwrap()
}

/// What a stand-in answers, by path with the query or without, or by the method of a JSON-RPC
/// question. Whatever it does not know it answers with 404.
#[derive(Debug, Clone, Default)]
pub(in crate::sources) struct Answers {
    by_name: HashMap<String, (u16, String)>,
    /// Who does not show this key in this header is answered with 401, and told what was shown.
    key: Option<(&'static str, String)>,
}

impl Answers {
    pub(in crate::sources) fn with(mut self, name: &str, status: u16, body: &str) -> Self {
        self.by_name
            .insert(name.to_owned(), (status, body.to_owned()));
        self
    }

    pub(in crate::sources) fn behind(mut self, header: &'static str, key: &str) -> Self {
        self.key = Some((header, key.to_owned()));
        self
    }

    /// Serves until the test ends; gives the address.
    pub(in crate::sources) async fn start(&self) -> String {
        let answers = self.clone();
        let router = Router::new().fallback(move |uri: Uri, headers: HeaderMap, body: Bytes| {
            let answer = answers.to(&uri, &headers, &body);
            async move {
                (
                    StatusCode::from_u16(answer.0).unwrap(),
                    [("content-type", "application/json")],
                    answer.1,
                )
                    .into_response()
            }
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        format!("http://{address}")
    }

    fn to(&self, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> (u16, String) {
        if let Some((header, key)) = &self.key {
            let shown = headers.get(*header).map(HeaderValue::as_bytes);
            if shown != Some(key.as_bytes()) {
                let shown = String::from_utf8_lossy(shown.unwrap_or_default());
                return (401, format!(r#"{{"message":"{shown} is no key"}}"#));
            }
        }
        let asked: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
        let names = [
            asked["method"].as_str().unwrap_or_default().to_owned(),
            uri.to_string(),
            uri.path().to_owned(),
        ];
        names
            .iter()
            .find_map(|name| self.by_name.get(name))
            .cloned()
            .unwrap_or_else(|| (404, "{}".to_owned()))
    }
}
