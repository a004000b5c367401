//! Finding pools and completing what a person types, from memory alone.

use std::{cmp::Reverse, collections::HashMap};

use super::snapshot::Snapshot;
use crate::domain::{ids::PoolId, listing::Listing, scope::Scope, verdict::Verdict};

/// What `/yield find` asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    pub scope: Scope,
    /// Percent.
    pub min_apy: Option<f64>,
    /// Percent; offers above it are counted as hidden.
    pub max_apy: f64,
    pub verdicts: VerdictFilter,
    pub order: Order,
}

/// Which verdicts are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum VerdictFilter {
    /// All but the unsustainable.
    #[default]
    NotUnsustainable,
    Only(Verdict),
    Any,
}

impl VerdictFilter {
    fn shows(self, verdict: Verdict) -> bool {
        match self {
            Self::NotUnsustainable => verdict != Verdict::Unsustainable,
            Self::Only(wanted) => verdict == wanted,
            Self::Any => true,
        }
    }
}

/// How results are ranked; within one rank by TVL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// Best verdict first, then the higher APY.
    #[default]
    Verdict,
    Apy,
    Tvl,
}

/// The answer to a query.
#[derive(Debug)]
pub struct Found<'a> {
    /// The first `limit` in order.
    pub shown: Vec<&'a Listing>,
    /// How many match.
    pub total: usize,
    /// How many more would match, were it not for the screen on APY and verdict.
    pub hidden: usize,
}

impl Snapshot {
    /// Pools that match, best first.
    pub fn find(&self, query: &Query, limit: usize) -> Found<'_> {
        let mut matching = Vec::new();
        let mut hidden = 0;
        for listing in self.listings() {
            let apy = listing.reading.apy.get();
            let meant = query.scope.names(&listing.pool)
                && query.scope.reaches(listing.reading.tvl_usd)
                && query.min_apy.is_none_or(|floor| apy >= floor);
            if !meant {
                continue;
            }
            if apy <= query.max_apy && query.verdicts.shows(listing.assessment.verdict) {
                matching.push(listing);
            } else {
                hidden += 1;
            }
        }
        let total = matching.len();
        match query.order {
            Order::Tvl => {}
            Order::Apy => {
                matching.sort_by(|a, b| b.reading.apy.get().total_cmp(&a.reading.apy.get()));
            }
            Order::Verdict => matching.sort_by(|a, b| {
                let rank = |listing: &Listing| Reverse(listing.assessment.verdict.rank());
                rank(a)
                    .cmp(&rank(b))
                    .then_with(|| b.reading.apy.get().total_cmp(&a.reading.apy.get()))
            }),
        }
        matching.truncate(limit);
        Found {
            shown: matching,
            total,
            hidden,
        }
    }

    /// The pools that a person can mean by `text`: an id, or words that all occur in symbol,
    /// protocol, chain, method or meta. Exact symbols first, then by TVL.
    pub fn pools_like(&self, text: &str, limit: usize) -> Vec<&Listing> {
        if let Ok(id) = text.parse::<PoolId>() {
            return self.get(id).into_iter().collect();
        }
        let words: Vec<String> = text
            .split(|c: char| c.is_whitespace() || c == '·')
            .filter(|word| !word.is_empty())
            .map(str::to_lowercase)
            .collect();
        let mut exact = Vec::new();
        let mut others = Vec::new();
        for listing in self.listings() {
            if exact.len() >= limit {
                break;
            }
            let pool = &listing.pool;
            if !words.iter().all(|word| mentions(listing, word)) {
                continue;
            }
            let hit = words
                .iter()
                .any(|word| pool.symbol.eq_ignore_ascii_case(word));
            if hit {
                exact.push(listing);
            } else if others.len() < limit {
                others.push(listing);
            }
        }
        exact.extend(others);
        exact.truncate(limit);
        exact
    }

    /// Token symbols that begin with `text`, by the TVL of their pools.
    pub fn assets_like(&self, text: &str, limit: usize) -> Vec<String> {
        self.names_like(text, limit, |listing, add| {
            for asset in listing.pool.assets() {
                add(asset);
            }
        })
    }

    /// Protocol slugs that begin with or hold `text`, by TVL.
    pub fn protocols_like(&self, text: &str, limit: usize) -> Vec<String> {
        self.names_like(text, limit, |listing, add| add(&listing.pool.protocol))
    }

    /// Chain names that begin with or hold `text`, by TVL.
    pub fn chains_like(&self, text: &str, limit: usize) -> Vec<String> {
        self.names_like(text, limit, |listing, add| add(&listing.pool.chain))
    }

    fn names_like<'a>(
        &'a self,
        text: &str,
        limit: usize,
        names: impl Fn(&'a Listing, &mut dyn FnMut(&'a str)),
    ) -> Vec<String> {
        let text = text.trim().to_lowercase();
        let mut weights: HashMap<&str, f64> = HashMap::new();
        for listing in self.listings() {
            names(listing, &mut |name| {
                if contains_ignoring_case(name, &text) {
                    *weights.entry(name).or_default() += listing.reading.tvl_usd;
                }
            });
        }
        let mut ranked: Vec<(bool, f64, &str)> = weights
            .into_iter()
            .map(|(name, weight)| (starts_ignoring_case(name, &text), weight, name))
            .collect();
        ranked.sort_by(|a, b| {
            b.0.cmp(&a.0)
                .then_with(|| b.1.total_cmp(&a.1))
                .then_with(|| a.2.cmp(b.2))
        });
        ranked
            .into_iter()
            .take(limit)
            .map(|(_, _, name)| name.to_owned())
            .collect()
    }
}

fn mentions(listing: &Listing, word: &str) -> bool {
    let pool = &listing.pool;
    contains_ignoring_case(&pool.symbol, word)
        || contains_ignoring_case(&pool.protocol, word)
        || contains_ignoring_case(&pool.chain, word)
        || contains_ignoring_case(pool.method.slug(), word)
        || pool
            .meta
            .as_deref()
            .is_some_and(|meta| contains_ignoring_case(meta, word))
}

/// `needle` is in lower case. ASCII names, which nearly all are, are compared without allocating.
fn contains_ignoring_case(name: &str, needle: &str) -> bool {
    if needle.is_empty() {
        return true;
    }
    if !name.is_ascii() {
        return name.to_lowercase().contains(needle);
    }
    name.as_bytes()
        .windows(needle.len())
        .any(|window| window.eq_ignore_ascii_case(needle.as_bytes()))
}

fn starts_ignoring_case(name: &str, needle: &str) -> bool {
    name.as_bytes()
        .get(..needle.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(needle.as_bytes()))
}

#[cfg(test)]
mod tests;
