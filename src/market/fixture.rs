//! Small markets for tests, and a database for them.

use std::sync::Arc;

use tempfile::TempDir;

use crate::{
    domain::{
        ids::PoolId,
        method::Method,
        pool::Pool,
        rate::Percent,
        reading::{FeedStats, Observed, Reading},
        time::Timestamp,
        verdict::Screen,
    },
    market::{
        ingest::{Change, advance},
        snapshot::Snapshot,
    },
    sources::Batch,
    store::Store,
};

/// 2026-02-16 00:00 UTC, where the tests' time begins.
const START: i64 = 1_771_200_000_000;

/// So many minutes after the beginning.
pub(crate) const fn minute(count: i64) -> Timestamp {
    Timestamp::from_millis(START + count * 60_000)
}

pub(crate) const fn hour(count: i64) -> Timestamp {
    minute(count * 60)
}

pub(crate) const fn day(count: i64) -> Timestamp {
    hour(count * 24)
}

pub(crate) const fn id(number: u8) -> PoolId {
    PoolId::from_bytes([number; 16])
}

pub(crate) fn pool(number: u8, symbol: &str) -> Pool {
    Pool {
        id: id(number),
        chain: Arc::from("Ethereum"),
        protocol: Arc::from("aave-v3"),
        symbol: symbol.into(),
        meta: None,
        method: Method::Lending,
        stablecoin: true,
        multi_asset: false,
        impermanent_loss: false,
        underlying: Box::new([]),
    }
}

/// A pool that earns all of its rate itself, at about what the feed says is usual.
pub(crate) fn row(number: u8, apy: f64) -> Observed {
    let rate = Percent::new(apy).expect("a test's rates are finite");
    Observed {
        pool: pool(number, "USDC"),
        reading: Reading {
            at: Timestamp::default(),
            apy: rate,
            base: Some(rate),
            reward: None,
            tvl_usd: 1e7,
        },
        feed: FeedStats {
            mean_30d: Percent::new(4.0),
            sigma: Some(0.01),
            days: Some(200),
        },
        own_time: false,
        reward_tokens: Box::default(),
    }
}

/// The same pool with another TVL.
pub(crate) fn holding(mut row: Observed, tvl_usd: f64) -> Observed {
    row.reading.tvl_usd = tvl_usd;
    row
}

/// The same pool with this share of its rate paid in rewards.
pub(crate) fn rewarded(mut row: Observed, share: f64) -> Observed {
    let apy = row.reading.apy.get();
    row.reading.base = Percent::new(apy * (1.0 - share));
    row.reading.reward = Percent::new(apy * share);
    row
}

/// Rows fetched at this time. Pools that state no time of their own are read then.
pub(crate) fn batch(at: Timestamp, mut rows: Vec<Observed>) -> Batch {
    for row in rows.iter_mut().filter(|row| !row.own_time) {
        row.reading.at = at;
    }
    Batch {
        source: "DefiLlama",
        fetched_at: at,
        digest: at.millis().cast_unsigned(),
        rows,
        skipped: 0,
        conflicting: 0,
    }
}

pub(crate) fn after(old: &Snapshot, at: Timestamp, rows: Vec<Observed>) -> Change {
    advance(old, batch(at, rows), &Screen::default())
}

/// A database that holds nothing. It goes with its folder.
pub(crate) async fn store() -> (TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stipend.db");
    let store = Store::open(&path, &[7; 32], hour(0)).await.unwrap();
    (folder, store)
}
