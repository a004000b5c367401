//! Rows as one packed piece, for the store.
//!
//! What is kept are the rows and not the answer that they were read from: an answer of 8.6 MB takes
//! longer to read than its rows, of which a third is left. A later version may know rows of another
//! shape; it cannot read these then, and asks the source again.

use std::io::{self, Read as _};

use serde::{Serialize, de::DeserializeOwned};

use super::{Told, Topic};

/// More than any source's rows take, unpacked.
const MOST_BYTES: u64 = 64 * 1024 * 1024;
/// Quick, and about as small as the slower ones.
const LEVEL: i32 = 3;

/// What was packed cannot be read any more.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unreadable {
    #[error("it cannot be unpacked")]
    Packing(#[from] io::Error),
    #[error("its rows have another shape")]
    Shape(#[from] serde_json::Error),
}

/// `None` for what lies in a file of its own anyway.
pub(super) fn pack(told: &Told) -> io::Result<Option<Vec<u8>>> {
    fn rows<T: Serialize>(rows: &[T]) -> io::Result<Option<Vec<u8>>> {
        let mut encoder = zstd::Encoder::new(Vec::new(), LEVEL)?;
        serde_json::to_writer(&mut encoder, rows)?;
        encoder.finish().map(Some)
    }
    match told {
        Told::Protocols(all) => rows(all),
        Told::Fees(all) => rows(all),
        Told::Loans(all) => rows(all),
        Told::Stablecoins(all) => rows(all),
        Told::Incidents(_) => Ok(None),
    }
}

pub(super) fn unpack(topic: Topic, packed: &[u8]) -> Result<Option<Told>, Unreadable> {
    fn rows<T: DeserializeOwned>(json: &[u8]) -> Result<Vec<T>, Unreadable> {
        Ok(serde_json::from_slice(json)?)
    }
    let mut json = Vec::new();
    zstd::Decoder::new(packed)?
        .take(MOST_BYTES)
        .read_to_end(&mut json)?;
    Ok(Some(match topic {
        Topic::Protocols => Told::Protocols(rows(&json)?),
        Topic::Fees => Told::Fees(rows(&json)?),
        Topic::Loans => Told::Loans(rows(&json)?),
        Topic::Stablecoins => Told::Stablecoins(rows(&json)?),
        Topic::Incidents => return Ok(None),
    }))
}
