//! Bodies: JSON, or a form whose `payload_json` is JSON and whose `files[n]` are files.

use axum::{
    body::Body,
    extract::{FromRequest, Multipart},
    http::{HeaderMap, Request, header::CONTENT_TYPE},
};
use bytes::Bytes;
use serde_json::Value;

use crate::refuse::{NOT_JSON, Refusal, TOO_LARGE};

/// The largest request that Discord takes.
pub(crate) const LARGEST: usize = 25 * 1024 * 1024;
/// The largest file.
const LARGEST_FILE: usize = 10 * 1024 * 1024;

type Files = Vec<(String, Bytes)>;

/// Reads a body; an empty one is null.
pub(crate) async fn read(headers: &HeaderMap, body: Body) -> (Result<Value, Refusal>, Files) {
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .unwrap_or_default();
    if kind.starts_with("multipart/form-data") {
        return match form(kind, body).await {
            Ok((value, files)) => (Ok(value), files),
            Err(refusal) => (Err(refusal), Vec::new()),
        };
    }
    let Ok(bytes) = axum::body::to_bytes(body, LARGEST).await else {
        return (Err(TOO_LARGE), Vec::new());
    };
    (json(&bytes), Vec::new())
}

fn json(bytes: &[u8]) -> Result<Value, Refusal> {
    if bytes.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(bytes).map_err(|_| NOT_JSON)
}

async fn form(kind: &str, body: Body) -> Result<(Value, Files), Refusal> {
    let request = Request::builder()
        .header(CONTENT_TYPE, kind)
        .body(body)
        .map_err(|_| NOT_JSON)?;
    let mut form = Multipart::from_request(request, &())
        .await
        .map_err(|_| NOT_JSON)?;
    let mut value = Value::Null;
    let mut files = Vec::new();
    while let Some(field) = form.next_field().await.map_err(|_| NOT_JSON)? {
        let name = field.name().unwrap_or_default().to_owned();
        let file_name = kept_name(field.file_name().unwrap_or_default());
        let bytes = field.bytes().await.map_err(|_| TOO_LARGE)?;
        if name == "payload_json" {
            value = json(&bytes)?;
        } else if name.starts_with("file") {
            if bytes.len() > LARGEST_FILE {
                return Err(TOO_LARGE);
            }
            files.push((file_name, bytes));
        }
    }
    if value.is_null() {
        value = serde_json::json!({});
    }
    Ok((value, files))
}

/// A file's name as Discord keeps it: without what has a meaning in an address.
fn kept_name(name: &str) -> String {
    let kept: String = name
        .chars()
        .map(|letter| if letter.is_whitespace() { '_' } else { letter })
        .filter(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '-'))
        .collect();
    if kept.is_empty() {
        "unknown".to_owned()
    } else {
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_are_plain() {
        for (name, kept) in [
            ("history.png", "history.png"),
            ("my list (1).txt", "my_list_1.txt"),
            ("../a/b", "..ab"),
            ("蜜", "unknown"),
        ] {
            assert_eq!(kept_name(name), kept);
        }
    }
}
