//! Finding pools and completing what a person types, from memory alone.

use std::cmp::{Ordering, Reverse};

use super::snapshot::{Snapshot, by_size};
use crate::domain::{
    ids::PoolId,
    link::{self, Link},
    listing::Listing,
    scope::Scope,
    verdict::Verdict,
};

/// What `/yield find` asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    pub scope: Scope,
    /// Percent.
    pub min_apy: Option<f64>,
    /// Percent; offers above it are counted as hidden. `None` shows them however high.
    pub max_apy: Option<f64>,
    pub verdicts: VerdictFilter,
    pub order: Order,
}

impl Query {
    /// Whether a listing is shown, or hidden by the screen on APY and verdict; `None` when it is
    /// not meant at all.
    fn admits(&self, listing: &Listing) -> Option<bool> {
        let apy = listing.reading.apy.get();
        let meant = self.scope.reaches(listing.reading.tvl_usd)
            && self.min_apy.is_none_or(|floor| apy >= floor)
            && self.scope.names(&listing.pool);
        let verdict = listing.assessment.verdict;
        let shows = || self.max_apy.is_none_or(|most| apy <= most) && self.verdicts.shows(verdict);
        // Who asks for one verdict means no other, so the others are not hidden from them.
        let is_meant = match self.verdicts {
            VerdictFilter::Only(wanted) => verdict == wanted,
            VerdictFilter::NotUnsustainable | VerdictFilter::Any => true,
        };
        (meant && is_meant).then(shows)
    }
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

impl Order {
    fn compare(self, a: &Listing, b: &Listing) -> Ordering {
        let by_apy = || b.reading.apy.get().total_cmp(&a.reading.apy.get());
        let rank = |listing: &Listing| Reverse(listing.assessment.verdict.rank());
        let asked = match self {
            Self::Tvl => Ordering::Equal,
            Self::Apy => by_apy(),
            Self::Verdict => rank(a).cmp(&rank(b)).then_with(by_apy),
        };
        asked.then_with(|| by_size(a, b))
    }
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

/// The key of a pool, written as such or as the address of its page.
pub fn pool_key(text: &str) -> Option<PoolId> {
    match link::parse(text) {
        Some(Link::Pool(id)) => Some(id),
        Some(Link::Protocol(_)) => None,
        None => text.parse().ok(),
    }
}

/// Each word is looked for in every pool, and nobody names one by more.
const MOST_WORDS: usize = 16;

impl Snapshot {
    /// Pools that match, best first.
    pub fn find(&self, query: &Query, limit: usize) -> Found<'_> {
        let mut matching = Vec::new();
        let mut hidden = 0;
        let mut consider = |query: &Query, listing| match query.admits(listing) {
            Some(true) => matching.push(listing),
            Some(false) => hidden += 1,
            None => {}
        };
        if let Some((candidates, scope)) = self.names().candidates(&query.scope) {
            let rest = Query {
                scope,
                ..query.clone()
            };
            candidates
                .iter()
                .filter_map(|at| self.listings().get(*at as usize))
                .for_each(|listing| consider(&rest, listing));
        } else {
            self.listings()
                .iter()
                .for_each(|listing| consider(query, listing));
        }
        let total = matching.len();
        let order = |a: &&Listing, b: &&Listing| query.order.compare(a, b);
        if total > limit {
            // Nobody reads the rest, so it need not be in order.
            matching.select_nth_unstable_by(limit, order);
            matching.truncate(limit);
        }
        matching.sort_unstable_by(order);
        Found {
            shown: matching,
            total,
            hidden,
        }
    }

    /// The pools that a person can mean by `text`: an id, the source's page of a pool or of a
    /// protocol, or words that all occur in symbol, protocol, chain, method or meta; of very many words
    /// the first ones. Exact symbols first, then by TVL.
    pub fn pools_like(&self, text: &str, limit: usize) -> Vec<&Listing> {
        if let Some(id) = pool_key(text) {
            return self.get(id).into_iter().collect();
        }
        let text = match link::parse(text) {
            Some(Link::Protocol(slug)) => slug,
            _ => text,
        };
        let words: Vec<String> = text
            .split(|c: char| c.is_whitespace() || c == '·')
            .filter(|word| !word.is_empty())
            .take(MOST_WORDS)
            .map(str::to_lowercase)
            .collect();
        if words.is_empty() {
            return self.listings().iter().take(limit).collect();
        }
        let mut exact = Vec::new();
        let mut others = Vec::new();
        for at in self.names().mentioning(&words) {
            if exact.len() >= limit {
                break;
            }
            let Some(listing) = self.listings().get(at) else {
                break;
            };
            if words.iter().any(|word| word == self.names().symbol(at)) {
                exact.push(listing);
            } else if others.len() < limit {
                others.push(listing);
            }
        }
        exact.extend(others);
        exact.truncate(limit);
        exact
    }

    /// A token symbol as the market writes it.
    pub fn asset_named(&self, name: &str) -> Option<&str> {
        self.names().assets.written(name)
    }

    /// A protocol slug as the market writes it.
    pub fn protocol_named(&self, name: &str) -> Option<&str> {
        self.names().protocols.written(name)
    }

    /// A chain name as the market writes it.
    pub fn chain_named(&self, name: &str) -> Option<&str> {
        self.names().chains.written(name)
    }

    /// Token symbols that begin with `text`, then those that hold it, by the TVL of their pools.
    pub fn assets_like(&self, text: &str, limit: usize) -> Vec<String> {
        self.names().assets.like(text, limit)
    }

    /// Protocol slugs that begin with `text`, then those that hold it, by TVL.
    pub fn protocols_like(&self, text: &str, limit: usize) -> Vec<String> {
        self.names().protocols.like(text, limit)
    }

    /// Chain names that begin with `text`, then those that hold it, by TVL.
    pub fn chains_like(&self, text: &str, limit: usize) -> Vec<String> {
        self.names().chains.like(text, limit)
    }
}

#[cfg(test)]
mod tests;
