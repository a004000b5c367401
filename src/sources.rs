//! What comes in from outside: readings of pools, their past, prices of tokens, what is known of
//! protocols, loans and coins, what a dollar is in other currencies, what networks pay for staking, and
//! ratings.
//!
//! One upstream is one module. [`fetch`] holds the only policy by which anything is asked of the
//! network: time-outs, size caps, no redirects, and how long to wait after a failure. An upstream's
//! module knows its addresses and its wire shapes and turns answers into values of
//! [`domain`](crate::domain); [`mod@file`] does the same for answers that were saved to disk.
//!
//! An answer is taken whole or not at all: a body that is cut off, too big or no JSON gives an error
//! and no rows. Within a whole answer single rows may be bad; they are left out and counted, and too
//! many of them make the answer unusable. Nothing here reads a clock: the time comes in as an
//! argument.

use std::{fmt, hash::BuildHasher as _, io, time::Duration};

use foldhash::quality::FixedState;
use reqwest::{Url, header::HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};

use crate::domain::{reading::Observed, time::Timestamp};

pub mod cardano;
pub mod coingecko;
pub mod cosmos;
pub mod defillama;
pub mod fetch;
pub mod file;
pub mod incidents;
pub mod kept;
pub mod lido;
pub mod solana;
pub mod token_metrics;
mod wire;

/// What one upstream answer held.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// The name of the upstream as people know it (`DefiLlama`).
    pub source: &'static str,
    /// When the answer was asked for.
    pub fetched_at: Timestamp,
    /// By this an answer is known again that says what the last one said.
    pub digest: u64,
    /// The usable rows in the order of the answer; no pool is in it twice.
    pub rows: Vec<Observed>,
    /// Rows that were left out because a value that is needed is missing or impossible.
    pub skipped: u32,
    /// Rows that were left out because another row with the same pool id says something else.
    pub conflicting: u32,
}

/// What asking a source for its pools gave.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// The source says so, or its bytes are those of the last usable answer.
    Unchanged,
    Batch(Batch),
}

/// Why a source gave nothing, told apart by what the caller can do.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// Ask again after this time and not before.
    #[error("the source asks to wait {} s", retry_after.as_secs())]
    RateLimited { retry_after: Duration },
    /// Ask again later; nothing has to be mended here.
    #[error("the source cannot be reached")]
    Unavailable(#[source] Outage),
    /// The source answers and declines: the address, a key or a plan is wrong, or it has moved.
    #[error("the source refuses with status {status}: \"{said}\"")]
    Refused {
        status: u16,
        /// The beginning of its answer, escaped.
        said: String,
    },
    /// The decoded body was about to pass this many bytes.
    #[error("the answer is larger than {cap} bytes")]
    TooLarge { cap: u64 },
    /// The body is not what the source is known to send. The text is short and escaped.
    #[error("the answer makes no sense: {0}")]
    Malformed(String),
    /// So many rows are bad that the shape of the answer must have changed.
    #[error("{bad} of {rows} rows are unusable")]
    TooManyBadRows { bad: u32, rows: u32 },
    /// The source knows no pool of this id.
    #[error("the source knows no such pool")]
    UnknownPool,
}

/// Why a source cannot be reached.
#[derive(Debug, thiserror::Error)]
pub enum Outage {
    /// No connection, or one that broke. Without the address, which may hold a key.
    #[error("the connection failed")]
    Transport(#[source] reqwest::Error),
    #[error("no {0} in time")]
    TimedOut(Awaited),
    #[error("status {status}")]
    Status {
        status: u16,
        /// How long the source asks to be left alone, where it says so.
        retry_after: Option<Duration>,
    },
    #[error("the file cannot be read")]
    File(#[source] io::Error),
    /// The program is being stopped, or reading the answer was broken off by a defect.
    #[error("the reading was broken off")]
    BrokenOff,
}

/// What a time-out waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Awaited {
    /// The head of the answer.
    FirstByte,
    /// The next part of the body.
    NextPart,
    /// The end of the body.
    WholeAnswer,
}

impl fmt::Display for Awaited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::FirstByte => "first byte",
            Self::NextPart => "further byte",
            Self::WholeAnswer => "whole answer",
        })
    }
}

/// Why a client cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// Names the setting and not its value, which may hold a key.
    #[error("{0} is no http or https address")]
    Address(&'static str),
    #[error("the HTTP client cannot be set up")]
    Client(#[source] reqwest::Error),
}

/// Why a client that shows a key cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// Names the source, and not the key.
    #[error("the key of {0} is not one line of printable text")]
    NotPrintable(&'static str),
}

/// A key as a header holds it, marked as sensitive, so that nothing prints it.
fn shown_key(key: &SecretString, source: &'static str) -> Result<HeaderValue, KeyError> {
    let mut key =
        HeaderValue::from_str(key.expose_secret()).map_err(|_| KeyError::NotPrintable(source))?;
    key.set_sensitive(true);
    Ok(key)
}

/// An address that can be asked.
fn address(setting: &'static str, text: &str) -> Result<Url, SetupError> {
    Url::parse(text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        .ok_or(SetupError::Address(setting))
}

/// The cap on decoded bytes of what has none of its own.
const SMALL_BODY: u64 = 8 * 1024 * 1024;

/// Runs work that takes milliseconds where it does not keep other tasks waiting.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, SourceError> + Send + 'static,
) -> Result<T, SourceError> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|_| Err(SourceError::Unavailable(Outage::BrokenOff)))
}

/// The same for the same bytes, and by chance for one pair of others in 2⁶⁴. A source that sought one out
/// could as well repeat itself, so nothing slower is needed; a body has some 13 MB.
fn digest_of(body: &[u8]) -> u64 {
    FixedState::with_seed(0).hash_one(body)
}

/// The first 80 characters of what a source said, fit for a log line: one line, no control
/// characters, what is no UTF-8 replaced.
fn excerpt(body: &[u8]) -> String {
    const CHARS: usize = 80;
    // A character has at most four bytes.
    let start = body.get(..CHARS * 4).unwrap_or(body);
    String::from_utf8_lossy(start)
        .chars()
        .take(CHARS)
        .flat_map(char::escape_debug)
        .collect()
}

/// The captured answers that lie beside the repository, where they do.
#[cfg(test)]
mod shared {
    use std::path::PathBuf;

    /// `STIPEND_SHARED`, or the folder `shared` beside the repository. `None` in a bare clone.
    pub(super) fn data(folder: &str) -> Option<PathBuf> {
        let root = std::env::var_os("STIPEND_SHARED").map_or_else(
            || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared")),
            PathBuf::from,
        );
        Some(root.join("data").join(folder)).filter(|path| path.is_dir())
    }
}

#[cfg(test)]
mod tests;
