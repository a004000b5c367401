//! Whether a request is Discord's: who signed it, over which bytes, and when. Pure.

use std::{fmt, str::FromStr};

use ed25519_dalek::{Signature, VerifyingKey};

use crate::domain::time::{Span, Timestamp};

/// How far the time of a request may lie from ours, either way.
pub const WINDOW: Span = Span::minutes(5);

/// The public key of an application, with which Discord's signatures are checked. It is no secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

/// A text that is no such key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is no public key; it has 64 hexadecimal digits")]
pub struct NoKey;

impl FromStr for PublicKey {
    type Err = NoKey;

    fn from_str(text: &str) -> Result<Self, NoKey> {
        let key = VerifyingKey::from_bytes(&unhex(text).ok_or(NoKey)?).map_err(|_| NoKey)?;
        // Anybody can sign for a key of low order.
        (!key.is_weak()).then_some(Self(key)).ok_or(NoKey)
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .as_bytes()
            .iter()
            .try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Why a request is not taken for one of Discord's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unsigned {
    #[error("a header of the signature is missing or cannot be read")]
    Header,
    #[error("its time is more than five minutes from ours")]
    Time,
    #[error("the signature is of another key, or over other bytes")]
    Signature,
}

impl PublicKey {
    /// When a request was signed, to the second, if it was signed for this key and close enough to
    /// `now`. `signature` and `timestamp` are the headers `X-Signature-Ed25519` and
    /// `X-Signature-Timestamp`, `body` the bytes as they arrived.
    pub fn signed_at(
        &self,
        signature: &str,
        timestamp: &str,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Timestamp, Unsigned> {
        let signature = unhex(signature).ok_or(Unsigned::Header)?;
        let at = seconds(timestamp).ok_or(Unsigned::Header)?;
        let apart = at.millis().abs_diff(now.millis());
        if u128::from(apart) > WINDOW.0.as_millis() {
            return Err(Unsigned::Time);
        }
        let message = [timestamp.as_bytes(), body].concat();
        self.0
            .verify_strict(&message, &Signature::from_bytes(&signature))
            .map_err(|_| Unsigned::Signature)?;
        Ok(at)
    }
}

/// A time as Discord writes it, and in no other writing: seconds since 1970.
fn seconds(text: &str) -> Option<Timestamp> {
    let written = (1..=12).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    let seconds: i64 = written.then(|| text.parse().ok())??;
    Some(Timestamp::from_millis(seconds * 1_000))
}

fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let digit = |at: usize| char::from(pair[at]).to_digit(16);
        *byte = u8::try_from(digit(0)? * 16 + digit(1)?).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests;
