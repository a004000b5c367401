//! Interactions by HTTP: signed with the application's key and posted to an address of the bot's.
//!
//! As Discord does, the twin looks at the address before it uses it, and now and then posts what is
//! signed wrongly: whoever lets that in loses the address.

use std::{sync::Arc, time::Duration};

use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::{
    Handle, TwinError,
    gateway::Receiver,
    ids::{id_of, random_text},
    state::{Shared, State},
};

/// How long the bot may take for its answer to a request.
const PATIENCE: Duration = Duration::from_secs(3);

/// Before the first interaction, and then before each of so many, one with a wrong signature is posted.
const PROBED: u32 = 10;

/// The application's key pair.
pub(crate) struct Signer(Ed25519KeyPair);

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Signer({})", self.public_key())
    }
}

impl Signer {
    pub(crate) fn new() -> Self {
        let mut seed = [0; 32];
        fastrand::fill(&mut seed);
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed);
        Self(pair.expect("every 32 bytes are a seed"))
    }

    pub(crate) fn public_key(&self) -> String {
        hex(self.0.public_key().as_ref())
    }

    fn sign(&self, timestamp: &str, body: &[u8]) -> String {
        let message = [timestamp.as_bytes(), body].concat();
        hex(self.0.sign(&message).as_ref())
    }
}

fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}

/// An interaction on its way.
#[derive(Debug)]
struct Parcel {
    /// For sentences.
    name: String,
    body: String,
    probe_first: bool,
}

/// Where interactions are posted to.
#[derive(Debug)]
pub(crate) struct Endpoint {
    url: String,
    parcels: UnboundedSender<Parcel>,
    posted: u32,
}

impl Endpoint {
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Posts an interaction, without waiting for what comes of it.
    pub(crate) fn post(&mut self, name: &str, payload: &Value) -> Receiver {
        let parcel = Parcel {
            name: format!(
                "interaction {} ({name})",
                id_of(&payload["id"]).unwrap_or_default()
            ),
            body: payload.to_string(),
            probe_first: self.posted.is_multiple_of(PROBED),
        };
        self.posted += 1;
        match self.parcels.send(parcel) {
            Ok(()) => Receiver::Endpoint,
            Err(_) => Receiver::Nobody,
        }
    }
}

/// What the bot answered to a request.
struct Answer {
    status: u16,
    kind: String,
    body: String,
}

/// Posts to one address.
#[derive(Clone)]
struct Courier {
    http: reqwest::Client,
    url: String,
    shared: Arc<Shared>,
}

impl Courier {
    /// Posts a body with the signature that is right, or with one that is not.
    async fn post(&self, body: &str, rightly: bool) -> Result<Answer, TwinError> {
        let (timestamp, mut signature) = {
            let state = self.shared.state();
            let timestamp = (state.clock.now_ms() / 1000).to_string();
            let signature = state.signer.sign(&timestamp, body.as_bytes());
            (timestamp, signature)
        };
        if !rightly {
            signature = signature.chars().rev().collect();
        }
        let silent =
            |error: reqwest::Error| TwinError::Endpoint(format!("does not answer: {error}"));
        let answer = self
            .http
            .post(&self.url)
            .header("Content-Type", "application/json")
            .header(
                "User-Agent",
                "Discord-Interactions/1.0 (+https://discord.com)",
            )
            .header("X-Signature-Ed25519", signature)
            .header("X-Signature-Timestamp", timestamp)
            .body(body.to_owned())
            .send()
            .await
            .map_err(silent)?;
        let status = answer.status().as_u16();
        let kind = answer.headers().get("content-type").cloned();
        Ok(Answer {
            status,
            kind: kind
                .and_then(|kind| kind.to_str().map(str::to_owned).ok())
                .unwrap_or_default(),
            body: answer.text().await.map_err(silent)?,
        })
    }

    /// What Discord looks at before it takes an address: PING, and a signature that is wrong.
    async fn look(&self) -> Result<(), TwinError> {
        let ping = {
            let mut state = self.shared.state();
            json!({
                "id": state.clock.next_id().to_string(),
                "application_id": state.world.application.to_string(),
                "type": 1,
                "token": random_text(120),
                "version": 1,
            })
            .to_string()
        };
        let wrong = self.post(&ping, false).await?.status;
        if wrong != 401 {
            let why = format!("answers a wrong signature with {wrong}, not with 401");
            return Err(TwinError::Endpoint(why));
        }
        let answer = self.post(&ping, true).await?;
        let told: Value = serde_json::from_str(&answer.body).unwrap_or_default();
        let is_json = answer.kind.starts_with("application/json");
        if answer.status != 200 || told != json!({"type": 1}) || !is_json {
            let why = format!(
                "answers PING with {} “{}” as “{}”",
                answer.status, answer.body, answer.kind
            );
            return Err(TwinError::Endpoint(why));
        }
        Ok(())
    }

    async fn carry(self, mut parcels: UnboundedReceiver<Parcel>) {
        while let Some(parcel) = parcels.recv().await {
            let courier = self.clone();
            tokio::spawn(async move {
                if let Err(sentence) = courier.hand_over(&parcel).await {
                    courier.shared.state().violation(sentence);
                    courier.shared.changed();
                }
            });
        }
    }

    /// Posts an interaction. The answer to it comes by the callback, so that there is none here.
    async fn hand_over(&self, parcel: &Parcel) -> Result<(), String> {
        let name = &parcel.name;
        let failed = |error: TwinError| format!("{name}: {error}");
        if parcel.probe_first {
            let wrong = self.post(&parcel.body, false).await.map_err(failed)?.status;
            if wrong != 401 {
                self.shared.state().endpoint = None;
                return Err(format!(
                    "{name}: a wrong signature was answered with {wrong}; Discord would remove the address"
                ));
            }
        }
        let answer = self.post(&parcel.body, true).await.map_err(failed)?;
        if answer.status != 202 || !answer.body.is_empty() {
            return Err(format!(
                "{name}: the request was answered with {} and {} bytes, not with 202 and none",
                answer.status,
                answer.body.len()
            ));
        }
        Ok(())
    }
}

impl Handle {
    /// Posts interactions to this address from now on, and sends none over the gateway any more. Refuses an
    /// address that does not answer PING, or takes a wrong signature for right.
    pub async fn set_endpoint(&self, url: &str) -> Result<(), TwinError> {
        let http = reqwest::Client::builder()
            .timeout(PATIENCE)
            .no_proxy()
            .build()
            .map_err(|error| TwinError::Endpoint(format!("cannot be posted to: {error}")))?;
        let courier = Courier {
            http,
            url: url.to_owned(),
            shared: Arc::clone(&self.shared),
        };
        courier.look().await?;
        let (parcels, arriving) = unbounded_channel();
        tokio::spawn(courier.carry(arriving));
        self.change(|state| {
            state.endpoint = Some(Endpoint {
                url: url.to_owned(),
                parcels,
                posted: 0,
            });
        });
        Ok(())
    }

    /// Sends interactions over the gateway again.
    pub fn clear_endpoint(&self) {
        self.change(|state: &mut State| state.endpoint = None);
    }

    /// The application's public key, in hexadecimal digits.
    pub fn public_key(&self) -> String {
        self.shared.state().signer.public_key()
    }

    /// The application's signature over a time and a body, for requests that a test makes up: the value of
    /// `X-Signature-Ed25519`, where `timestamp` is that of `X-Signature-Timestamp`.
    pub fn sign(&self, timestamp: &str, body: &[u8]) -> String {
        self.shared.state().signer.sign(timestamp, body)
    }

    /// An interaction as Discord would post it, which is sent nowhere.
    pub fn drafted(&self, invocation: &crate::Invocation) -> Result<String, TwinError> {
        let (parcels, mut drafts) = unbounded_channel();
        self.change(|state| {
            let draft = Endpoint {
                url: String::new(),
                parcels,
                posted: 0,
            };
            let used = state.endpoint.replace(draft);
            let invoked = state.invoke(invocation, None);
            state.endpoint = used;
            invoked
        })?;
        let draft = drafts.try_recv();
        Ok(draft.expect("it was posted at once").body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_and_a_signature_are_written_as_discord_writes_them() {
        let signer = Signer::new();
        assert_eq!(signer.public_key().len(), 64);
        let signature = signer.sign("1762129800", b"{}");
        assert_eq!(signature.len(), 128);
        assert!(
            signature
                .chars()
                .all(|c| matches!(c, '0'..='9' | 'a'..='f'))
        );
        assert_ne!(signature, signer.sign("1762129801", b"{}"));
        assert_eq!(hex(&[0, 15, 160]), "000fa0");
    }
}
