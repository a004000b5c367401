//! The recorded market that the demonstration replays; `data/README.md` says where it is from.

use anyhow::Context as _;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::domain::time::{Day, Timestamp};

const BUNDLE: &[u8] = include_bytes!("../../data/demo-market.ndjson.zst");
/// Far more than the bundle unpacks to.
const LARGEST: usize = 8 << 20;
/// The records are the last ones of their day.
const HOUR_OF_RECORD_MS: i64 = 23 * 3_600_000;

/// Pools with their days.
#[derive(Debug)]
pub(super) struct Recording {
    first: Day,
    days: u32,
    pools: Vec<RecordedPool>,
}

#[derive(Debug, Deserialize)]
struct Head {
    from: String,
    days: u32,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RecordedPool {
    pool: String,
    chain: String,
    project: String,
    symbol: String,
    pool_meta: Option<String>,
    stablecoin: bool,
    il_risk: String,
    exposure: String,
    underlying_tokens: Option<Vec<String>>,
    reward_tokens: Option<Vec<String>>,
    days: Vec<RecordedDay>,
}

/// Date, TVL in US dollars, and APY, base APY and reward APY in percent.
#[derive(Debug, Deserialize)]
struct RecordedDay(String, f64, f64, Option<f64>, Option<f64>);

impl Recording {
    pub(super) fn bundled() -> anyhow::Result<Self> {
        let plain =
            zstd::bulk::decompress(BUNDLE, LARGEST).context("unpacking the recorded market")?;
        let text = String::from_utf8(plain).context("reading the recorded market")?;
        let mut lines = text.lines();
        let head: Head =
            serde_json::from_str(lines.next().context("the recorded market is empty")?)?;
        Ok(Self {
            first: Day::parse(&head.from).context("the recorded market has no first day")?,
            days: head.days,
            pools: lines.map(serde_json::from_str).collect::<Result<_, _>>()?,
        })
    }

    /// How many days there are.
    pub(super) const fn days(&self) -> u32 {
        self.days
    }

    fn day(&self, at: u32) -> Day {
        Day(self
            .first
            .0
            .saturating_add(i32::try_from(at).unwrap_or(i32::MAX)))
    }

    /// The moment at which a day's record is read.
    pub(super) fn time_of(&self, at: u32) -> Timestamp {
        Timestamp::from_millis(self.day(at).start().millis() + HOUR_OF_RECORD_MS)
    }

    /// The `/pools` answer of a day: the pools that have a record for it.
    pub(super) fn pools_on(&self, at: u32) -> Value {
        let date = self.day(at).to_string();
        let rows: Vec<Value> = self
            .pools
            .iter()
            .filter_map(|pool| {
                let known = pool.days.partition_point(|day| day.0 <= date);
                let past = pool.days.get(..known)?;
                let today = past.last().filter(|day| day.0 == date)?;
                Some(row(pool, today, past))
            })
            .collect();
        json!({ "status": "success", "data": rows })
    }

    /// The `/chart/{pool}` answer as it stood on a day.
    pub(super) fn chart(&self, pool: &str, at: u32) -> Value {
        let date = self.day(at).to_string();
        let rows: Vec<Value> = self
            .pools
            .iter()
            .find(|recorded| recorded.pool == pool)
            .into_iter()
            .flat_map(|recorded| &recorded.days)
            .filter(|day| day.0 <= date)
            .map(|RecordedDay(date, tvl, apy, base, reward)| {
                json!({
                    "timestamp": format!("{date}T23:00:00.000Z"),
                    "tvlUsd": tvl, "apy": apy, "apyBase": base, "apyReward": reward,
                })
            })
            .collect();
        json!({ "status": "success", "data": rows })
    }
}

/// A row as the upstream would send it, with the month's mean worked out from the same records.
fn row(pool: &RecordedPool, today: &RecordedDay, past: &[RecordedDay]) -> Value {
    let RecordedDay(_, tvl, apy, base, reward) = today;
    let month = past.get(past.len().saturating_sub(30)..).unwrap_or(past);
    let sum: f64 = month.iter().map(|day| day.2).sum();
    #[expect(clippy::cast_precision_loss, reason = "a month has thirty days")]
    let mean = sum / month.len() as f64;
    json!({
        "pool": pool.pool, "chain": pool.chain, "project": pool.project, "symbol": pool.symbol,
        "poolMeta": pool.pool_meta, "stablecoin": pool.stablecoin, "ilRisk": pool.il_risk,
        "exposure": pool.exposure, "underlyingTokens": pool.underlying_tokens,
        "rewardTokens": pool.reward_tokens, "tvlUsd": tvl, "apy": apy, "apyBase": base,
        "apyReward": reward, "apyMean30d": mean, "count": past.len(),
    })
}
