//! Bodies and answers against Discord's own description of its API.
//!
//! The description is read once a process and each schema is compiled when it is first needed. Bodies that the
//! bot builds itself are checked closed, so that a misspelt key is found; commands and callbacks stay open,
//! because libraries send keys there that the description does not know.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use axum::http::Method;
use jsonschema::Validator;
use serde_json::{Value, json};

static LOADED: Mutex<Option<HashMap<PathBuf, Arc<Spec>>>> = Mutex::new(None);

/// Which schema a body has to fit.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Schema {
    /// A named one, whose objects take no other keys.
    Closed(&'static str),
    /// A named one.
    Open(&'static str),
    /// What the description says of the request of a route.
    Request(String, String),
    /// What it says of the answer 200.
    Answer(String, String),
}

/// Discord's description.
#[derive(Debug)]
pub(crate) struct Spec {
    document: Value,
    closed: Value,
    /// Paths of the description by their shape, in which every parameter is `{}`.
    paths: HashMap<String, String>,
    compiled: Mutex<HashMap<Schema, Option<Arc<Validator>>>>,
}

impl Spec {
    /// Reads a description, or takes the one that was read before. `None`, with a log line, when it cannot be read.
    pub(crate) fn load(path: &Path) -> Option<Arc<Self>> {
        let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
        let loaded = loaded.get_or_insert_default();
        if let Some(spec) = loaded.get(path) {
            return Some(Arc::clone(spec));
        }
        let bytes = std::fs::read(path).inspect_err(|error| {
            tracing::error!(%error, path = %path.display(), "Discord's description cannot be read, bodies are not checked against it");
        });
        let document = serde_json::from_slice(&bytes.ok()?).inspect_err(|error| {
            tracing::error!(%error, path = %path.display(), "Discord's description is not JSON, bodies are not checked against it");
        });
        let spec = Arc::new(Self::new(document.ok()?));
        loaded.insert(path.to_owned(), Arc::clone(&spec));
        Some(spec)
    }

    fn new(document: Value) -> Self {
        let mut closed = document["components"].clone();
        close(&mut closed);
        let paths = document["paths"].as_object().into_iter().flatten();
        let paths = paths.map(|(path, _)| (shape(path), path.clone())).collect();
        Self {
            document,
            closed,
            paths,
            compiled: Mutex::default(),
        }
    }

    /// What is wrong with a request's body.
    pub(crate) fn request(&self, method: &Method, template: &str, body: &Value) -> Option<String> {
        let schema = match (method.as_str(), template) {
            ("POST", "/webhooks/{id}/{token}") => Schema::Closed("IncomingWebhookRequestPartial"),
            ("PATCH", "/webhooks/{id}/{token}/messages/{message}") => {
                Schema::Closed("IncomingWebhookUpdateRequestPartial")
            }
            ("POST", "/webhooks/{application}/{token}") => {
                Schema::Open("IncomingWebhookRequestPartial")
            }
            ("PATCH", template) if template.starts_with("/webhooks/{application}/") => {
                Schema::Open("IncomingWebhookUpdateRequestPartial")
            }
            ("POST", "/channels/{id}/messages") => Schema::Closed("MessageCreateRequest"),
            ("POST" | "PUT" | "PATCH", template) => Schema::Request(
                self.paths.get(&shape(template))?.clone(),
                method.as_str().to_lowercase(),
            ),
            _ => return None,
        };
        let mut body = body.clone();
        if body.is_null() {
            body = json!({});
        }
        normalise(&mut body);
        self.check(schema, &body)
            .map(|errors| format!("the body does not fit Discord's description: {errors}"))
    }

    /// What is wrong with an answer of the twin's.
    pub(crate) fn answer(&self, method: &Method, template: &str, body: &Value) -> Option<String> {
        let path = self.paths.get(&shape(template))?.clone();
        self.check(Schema::Answer(path, method.as_str().to_lowercase()), body)
    }

    fn check(&self, schema: Schema, body: &Value) -> Option<String> {
        let validator = self.validator(schema)?;
        if validator.is_valid(body) {
            return None;
        }
        let short = |text: String| text.chars().take(300).collect::<String>();
        let errors = validator.iter_errors(body).take(3);
        let sentences = errors.map(|error| short(format!("{}: {error}", error.instance_path())));
        Some(sentences.collect::<Vec<_>>().join("; "))
    }

    fn validator(&self, schema: Schema) -> Option<Arc<Validator>> {
        let mut compiled = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        compiled
            .entry(schema)
            .or_insert_with_key(|schema| self.compile(schema))
            .clone()
    }

    fn compile(&self, schema: &Schema) -> Option<Arc<Validator>> {
        let content = "application~1json";
        let named = |name: &str| json!({"$ref": format!("#/components/schemas/{name}")});
        let (root, components) = match schema {
            Schema::Closed(name) => (named(name), &self.closed),
            Schema::Open(name) => (named(name), &self.document["components"]),
            Schema::Request(path, method) => {
                let operation = &self.document["paths"][path][method];
                let found = operation.pointer(&format!("/requestBody/content/{content}/schema"))?;
                (found.clone(), &self.document["components"])
            }
            Schema::Answer(path, method) => {
                let operation = &self.document["paths"][path][method];
                let found =
                    operation.pointer(&format!("/responses/200/content/{content}/schema"))?;
                (found.clone(), &self.document["components"])
            }
        };
        let document = json!({"allOf": [root], "components": components});
        let built = jsonschema::options()
            .should_validate_formats(true)
            .with_format("snowflake", |text: &str| text.parse::<u64>().is_ok())
            .with_format("nonce", |text: &str| text.chars().count() <= 25)
            .build(&document);
        match built {
            Ok(validator) => Some(Arc::new(validator)),
            Err(error) => {
                tracing::error!(%error, ?schema, "a schema of Discord's description cannot be compiled");
                None
            }
        }
    }
}

/// A path in which every parameter is `{}`.
fn shape(path: &str) -> String {
    let parts = path
        .split('/')
        .map(|part| if part.starts_with('{') { "{}" } else { part });
    parts.collect::<Vec<_>>().join("/")
}

/// Forbids unknown keys in every object schema that lists its keys.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            let lists_keys = fields.get("properties").is_some_and(Value::is_object);
            if lists_keys
                && fields.get("type").is_some()
                && !fields.contains_key("additionalProperties")
            {
                fields.insert("unevaluatedProperties".to_owned(), Value::Bool(false));
            }
            fields.values_mut().for_each(close);
        }
        Value::Array(list) => list.iter_mut().for_each(close),
        _ => {}
    }
}

/// Permission bits are strings on the wire and integers in the description.
fn normalise(body: &mut Value) {
    match body {
        Value::Object(fields) => {
            if let Some(bits) = fields.get_mut("default_member_permissions")
                && let Some(number) = bits.as_str().and_then(|text| text.parse::<u64>().ok())
            {
                *bits = json!(number);
            }
        }
        Value::Array(list) => list.iter_mut().for_each(normalise),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec() -> Spec {
        let hook = json!({"type": "object", "properties": {
            "content": {"type": ["string", "null"], "maxLength": 2000},
            "id": {"type": "string", "format": "snowflake"}}});
        Spec::new(json!({
            "components": {"schemas": {"IncomingWebhookRequestPartial": hook, "Bits": {"type": "object",
                "properties": {"default_member_permissions": {"type": "integer"}}}}},
            "paths": {"/applications/{application_id}/commands": {"put": {"requestBody": {"content": {
                "application/json": {"schema": {"type": "array", "items": {"$ref": "#/components/schemas/Bits"}}}}}}}},
        }))
    }

    #[test]
    fn own_bodies_are_closed() {
        let spec = spec();
        let check = |body: Value| spec.request(&Method::POST, "/webhooks/{id}/{token}", &body);
        assert_eq!(check(json!({"content": "x"})), None);
        assert!(check(json!({"content": "x", "nonce": "1"})).is_some());
        assert!(check(json!({"content": "x".repeat(2001)})).is_some());
        assert!(check(json!({"id": "12a"})).is_some());
    }

    #[test]
    fn bits_may_be_strings() {
        let spec = spec();
        let check = |body: Value| spec.request(&Method::PUT, "/applications/{id}/commands", &body);
        assert_eq!(
            check(json!([{"default_member_permissions": "32", "more": 1}])),
            None
        );
        assert!(check(json!([{"default_member_permissions": "x"}])).is_some());
        assert_eq!(
            spec.request(&Method::PUT, "/channels/{id}", &json!(1)),
            None
        );
    }
}
