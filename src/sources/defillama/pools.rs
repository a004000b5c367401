//! The list of all pools, as `/pools` answers it (and `/poolsOld`, which adds each pool's own time).

use std::{collections::HashSet, sync::Arc};

use super::{
    categories::Categories,
    kept::{Kept, check_bad},
    wire::{
        Cell, cells, count_in, each_row, fits, flag_in, list_in, moment_in, name_in, number_in,
        rate_in, text_in, usd_in,
    },
};
use crate::{
    domain::{
        ids::PoolId,
        pool::Pool,
        reading::{DEFILLAMA, FeedStats, Observed, Reading},
        rule::is_notable_reward,
        time::Timestamp,
    },
    sources::{Answer, Batch, SourceError, digest_of},
};

/// What is kept of what tells namesakes apart, in characters.
const LONGEST_META: usize = 200;
/// Tokens of one pool that are kept; the largest pools seen hold eight.
const MOST_TOKENS: usize = 32;

/// What a body holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Parsed {
    /// In the order of the body; no pool is in it twice.
    pub rows: Vec<Observed>,
    /// Rows without a value that is needed, or with an impossible one.
    pub skipped: u32,
    /// Rows that share their pool id with a row that says something else.
    pub conflicting: u32,
}

cells! {
    /// What is used of a pool.
    PoolCells {
        pool: "pool",
        chain: "chain",
        project: "project",
        symbol: "symbol",
        meta: "poolMeta",
        tvl_usd: "tvlUsd",
        apy: "apy",
        base: "apyBase",
        reward: "apyReward",
        mean_30d: "apyMean30d",
        sigma: "sigma",
        count: "count",
        stablecoin: "stablecoin",
        il_risk: "ilRisk",
        exposure: "exposure",
        underlying: "underlyingTokens",
        reward_tokens: "rewardTokens",
        timestamp: "timestamp",
    }
}

cells! {
    /// When a pool was read.
    TimeCell {
        timestamp: "timestamp",
    }
}

/// Reads a whole body that was fetched at `at`.
///
/// A row is bad when its pool id is no UUID; when chain, project or symbol is missing or longer than
/// 200 characters; when the APY is missing, not finite or beyond a million percent either way; or
/// when the TVL is missing, negative, not finite or beyond 10¹⁵ dollars. Every other value that
/// cannot be read is unknown. Rows that say the same of the same pool count once.
///
/// # Errors
///
/// [`SourceError::Malformed`] when the body is cut off, is no such document or gives no usable row;
/// [`SourceError::TooManyBadRows`] when more than 5 % of its rows are bad.
pub fn parse(body: &[u8], at: Timestamp, categories: &Categories) -> Result<Parsed, SourceError> {
    let mut reader = Reader {
        at,
        categories,
        names: HashSet::new(),
    };
    let mut kept = Kept::default();
    let mut skipped = 0_u32;
    let rows = each_row(body, |cells: PoolCells<'_>| match reader.observe(&cells) {
        Some(observed) => kept.add(observed.pool.id, observed),
        None => skipped = skipped.saturating_add(1),
    })?;
    check_bad(skipped, rows)?;
    let (rows, conflicting) = kept.into_rows();
    if rows.is_empty() {
        return Err(SourceError::Malformed("it holds no usable row".to_owned()));
    }
    Ok(Parsed {
        rows,
        skipped,
        conflicting,
    })
}

/// The newest time that a pool in the body states for itself. `None` when there is none.
///
/// # Errors
///
/// [`SourceError::Malformed`] as for [`parse`].
pub fn newest_time(body: &[u8]) -> Result<Option<Timestamp>, SourceError> {
    let mut newest = None;
    each_row(body, |cells: TimeCell<'_>| {
        newest = newest.max(moment_in(cells.timestamp));
    })?;
    Ok(newest)
}

/// What a body means to someone who read the one with the digest `last`.
pub fn answer(
    body: &[u8],
    last: Option<u64>,
    at: Timestamp,
    categories: &Categories,
) -> Result<Answer, SourceError> {
    let digest = digest_of(body);
    if last == Some(digest) {
        return Ok(Answer::Unchanged);
    }
    let Parsed {
        rows,
        skipped,
        conflicting,
    } = parse(body, at, categories)?;
    Ok(Answer::Batch(Batch {
        source: DEFILLAMA,
        fetched_at: at,
        digest,
        rows,
        skipped,
        conflicting,
    }))
}

struct Reader<'a> {
    at: Timestamp,
    categories: &'a Categories,
    /// Chains and projects, each kept once.
    names: HashSet<Arc<str>>,
}

impl Reader<'_> {
    /// `None` for a bad row.
    fn observe(&mut self, cells: &PoolCells<'_>) -> Option<Observed> {
        let id: PoolId = text_in(cells.pool)?.parse().ok()?;
        let apy = rate_in(cells.apy)?;
        let tvl_usd = usd_in(cells.tvl_usd)?;
        let symbol = name_in(cells.symbol)?;
        let protocol = self.shared(cells.project)?;
        let chain = self.shared(cells.chain)?;

        let exposure = text_in(cells.exposure);
        // Where the exposure is left out, the rule by which the source sets it.
        let multi_asset = exposure.map_or_else(|| symbol.contains('-'), |stated| stated == "multi");
        let own = moment_in(cells.timestamp);
        Some(Observed {
            pool: Pool {
                id,
                method: self.categories.method(&protocol, multi_asset),
                chain,
                protocol,
                symbol: symbol.into(),
                meta: text_in(cells.meta)
                    .map(|meta| meta.trim().chars().take(LONGEST_META).collect::<String>())
                    .filter(|meta| !meta.is_empty())
                    .map(Into::into),
                stablecoin: flag_in(cells.stablecoin).unwrap_or(false),
                multi_asset,
                impermanent_loss: flag_in(cells.il_risk).unwrap_or(false),
                underlying: tokens_in(cells.underlying),
            },
            reading: Reading {
                // A clock that runs ahead must not make a reading of the future.
                at: own.map_or(self.at, |own| own.min(self.at)),
                apy,
                base: rate_in(cells.base),
                reward: rate_in(cells.reward),
                tvl_usd,
            },
            feed: FeedStats {
                mean_30d: rate_in(cells.mean_30d),
                sigma: number_in(cells.sigma).filter(|sigma| *sigma >= 0.0),
                days: count_in(cells.count),
            },
            own_time: own.is_some(),
            reward_tokens: if rate_in(cells.reward).is_some_and(is_notable_reward) {
                tokens_in(cells.reward_tokens)
            } else {
                Box::default()
            },
        })
    }

    fn shared(&mut self, cell: Cell<'_>) -> Option<Arc<str>> {
        let name = name_in(cell)?;
        if let Some(known) = self.names.get(name.as_ref()) {
            return Some(Arc::clone(known));
        }
        let new: Arc<str> = name.into();
        self.names.insert(Arc::clone(&new));
        Some(new)
    }
}

/// Addresses of tokens; what cannot be one is left out.
fn tokens_in(cell: Cell<'_>) -> Box<[Box<str>]> {
    list_in(cell)
        .into_iter()
        .filter(|token| !token.is_empty() && fits(token))
        .take(MOST_TOKENS)
        .map(|token| Box::from(token.as_ref()))
        .collect()
}

#[cfg(test)]
mod tests;
