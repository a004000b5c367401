//! Answers: status, JSON, and the headers that tell of limits.

use std::time::Duration;

use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use crate::{
    ids::Clock,
    limits::{Headers, Scope},
    refuse::Refusal,
    world::{Buckets, Limits},
};

/// What a route says when it does what it was asked for.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Option<Value>,
}

impl Answer {
    pub(crate) fn ok(body: Value) -> Self {
        Self {
            status: 200,
            body: Some(body),
        }
    }

    pub(crate) fn created(body: Value) -> Self {
        Self {
            status: 201,
            body: Some(body),
        }
    }

    pub(crate) fn nothing() -> Self {
        Self {
            status: 204,
            body: None,
        }
    }
}

/// An answer as it goes over the wire.
#[derive(Debug)]
pub(crate) struct Rendered {
    pub(crate) status: u16,
    headers: Box<HeaderMap>,
    body: String,
}

const JSON: HeaderValue = HeaderValue::from_static("application/json");

impl Rendered {
    pub(crate) fn of(answer: &Answer) -> Self {
        let mut rendered = Self::empty(answer.status);
        if let Some(body) = &answer.body {
            rendered.headers.insert(CONTENT_TYPE, JSON);
            rendered.body = body.to_string();
        }
        rendered
    }

    pub(crate) fn refused(refusal: &Refusal) -> Self {
        Self::of(&Answer {
            status: refusal.status,
            body: Some(refusal.body()),
        })
    }

    pub(crate) fn empty(status: u16) -> Self {
        Self {
            status,
            headers: Box::default(),
            body: String::new(),
        }
    }

    pub(crate) fn raw(status: u16, content_type: &str, body: &str) -> Self {
        let mut rendered = Self::empty(status);
        rendered.set("content-type", content_type);
        body.clone_into(&mut rendered.body);
        rendered
    }

    pub(crate) fn fault(status: u16, body: &Value, headers: &[(String, String)]) -> Self {
        let body = if body.is_null() {
            None
        } else {
            Some(body.clone())
        };
        let mut rendered = Self::of(&Answer { status, body });
        for (name, value) in headers {
            rendered.set(name, value);
        }
        rendered
    }

    /// The page that a banned address gets, from the edge and without any of Discord's headers.
    pub(crate) fn ban_page(retry_after: Duration) -> Self {
        let page = "<!DOCTYPE html>\n<html><head><title>Access denied | discord.com used Cloudflare to restrict access</title>\
                    </head><body><h1>Error 1015</h1><p>You are being rate limited</p></body></html>\n";
        let mut rendered = Self::raw(429, "text/html; charset=UTF-8", page);
        rendered.set("retry-after", &retry_after.as_secs_f64().ceil().to_string());
        rendered
    }

    /// A 429 with its body.
    pub(crate) fn too_many(scope: Scope, retry_after: Duration) -> Self {
        let seconds = round_up(retry_after);
        let global = scope == Scope::Global;
        let message = if scope == Scope::Shared {
            "The resource is being rate limited."
        } else {
            "You are being rate limited."
        };
        let body = json!({"message": message, "retry_after": seconds, "global": global});
        let mut rendered = Self::of(&Answer {
            status: 429,
            body: Some(body),
        });
        rendered.set("retry-after", &seconds.to_string());
        rendered.set("x-ratelimit-scope", scope.name());
        if global {
            rendered.set("x-ratelimit-global", "true");
        }
        rendered
    }

    /// With the headers of its bucket. The global limit hides them, as Discord's does.
    pub(crate) fn with(mut self, headers: Option<Headers>, limits: &Limits, clock: &Clock) -> Self {
        let hidden =
            self.headers.contains_key("x-ratelimit-global") || limits.buckets == Buckets::Untold;
        let Some(bucket) = headers.filter(|_| !hidden) else {
            return self;
        };
        let reset_after = round_up(bucket.reset_after);
        #[expect(
            clippy::cast_precision_loss,
            reason = "seconds of this century fit a double with room to spare"
        )]
        let now = clock.now_ms() as f64 / 1000.0 + limits.reset_skew_s as f64;
        self.headers
            .insert("x-ratelimit-limit", HeaderValue::from(bucket.limit));
        self.headers
            .insert("x-ratelimit-remaining", HeaderValue::from(bucket.remaining));
        let renamed = if limits.buckets == Buckets::Renamed {
            "-renamed"
        } else {
            ""
        };
        self.set("x-ratelimit-bucket", &format!("{}{renamed}", bucket.bucket));
        self.set("x-ratelimit-reset", &format!("{:.3}", now + reset_after));
        self.set("x-ratelimit-reset-after", &format!("{reset_after:.3}"));
        self
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Discord's own code in the body.
    pub(crate) fn json_code(&self) -> Option<u64> {
        serde_json::from_str::<Value>(&self.body).ok()?["code"].as_u64()
    }

    fn set(&mut self, name: &str, value: &str) {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            self.headers.insert(name, value);
        }
    }
}

/// Seconds with three decimals, never less than the duration: a client that obeys must not come too early.
fn round_up(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1000.0).ceil() / 1000.0
}

impl IntoResponse for Rendered {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        *response.headers_mut() = *self.headers;
        response
    }
}
