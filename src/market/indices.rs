//! The indices that a rating agency runs itself, asked for when somebody needs them and remembered for hours.

use std::{sync::Arc, time::Duration};

use tokio::sync::Mutex;

use super::health::{Health, OnDemand};
use crate::{
    domain::{
        rating::{IndexPart, RatedIndex},
        time::{Span, Timestamp},
    },
    sources::token_metrics::{Holding, Index, IndexKind, RatingError, TokenMetrics},
};

/// The source as people know it.
const NAME: &str = "Token Metrics indices";
/// What was read is told for so long before it is asked for again.
const FRESH: Span = Span::hours(6);
/// After a failure nobody is kept waiting again for so long.
const REST: Span = Span::minutes(5);
/// Indices that are told, the best grade first: what each holds is a question of its own.
const MOST: usize = 3;
/// Parts of each that are told.
const MOST_PARTS: usize = 4;

/// The remembered indices and the source of new ones.
#[derive(Debug)]
pub struct Indices {
    source: Option<TokenMetrics>,
    asked: OnDemand,
    known: Mutex<Option<Read>>,
}

/// The indices as they were at one time.
#[derive(Debug, Clone)]
pub struct Read {
    pub at: Timestamp,
    pub indices: Arc<[RatedIndex]>,
}

impl Indices {
    /// Asks nothing yet, and never without a source.
    pub fn new(source: Option<TokenMetrics>) -> Self {
        Self {
            source,
            asked: OnDemand::default(),
            known: Mutex::default(),
        }
    }

    /// Whether there is anybody to ask.
    pub const fn can_ask(&self) -> bool {
        self.source.is_some()
    }

    /// How the source does, where there is one.
    pub fn health(&self) -> Option<(&'static str, Health)> {
        self.source.as_ref()?;
        Some((NAME, self.asked.health()))
    }

    /// The indices with the best grades; waits for the source no longer than `patience`. `None` where they
    /// are not known.
    pub async fn best(&self, now: Timestamp, patience: Duration) -> Option<Read> {
        let source = self.source.as_ref()?;
        // Whoever comes while another asks waits for the same answer.
        let mut known = self.known.lock().await;
        if let Some(read) = known.as_ref().filter(|read| now.since(read.at) <= FRESH.0) {
            return Some(read.clone());
        }
        let failed = self.asked.health().trouble;
        if failed.is_some_and(|trouble| now.since(trouble.at) < REST.0) {
            return None;
        }
        let indices = self.asked.wait(NAME, patience, now, read(source)).await?;
        let read = Read {
            at: now,
            indices: indices.into(),
        };
        *known = Some(read.clone());
        Some(read)
    }
}

async fn read(source: &TokenMetrics) -> Result<Vec<RatedIndex>, RatingError> {
    let mut indices = source.indices(IndexKind::Active).await?;
    let grade = |index: &Index| index.grade.unwrap_or(f64::NEG_INFINITY);
    indices.sort_by(|a, b| grade(b).total_cmp(&grade(a)));
    let mut rated = Vec::new();
    for index in indices.into_iter().take(MOST) {
        let holdings = source.holdings(index.id).await?;
        rated.push(RatedIndex {
            name: index.name,
            ticker: index.ticker,
            grade: index.grade,
            change_1m: index.change_1m,
            largest: largest(holdings),
        });
    }
    Ok(rated)
}

fn largest(mut holdings: Vec<Holding>) -> Vec<IndexPart> {
    let weight = |holding: &Holding| holding.weight.unwrap_or(f64::NEG_INFINITY);
    holdings.sort_by(|a, b| weight(b).total_cmp(&weight(a)));
    let parts = holdings.into_iter().take(MOST_PARTS);
    parts
        .map(|holding| IndexPart {
            symbol: holding.token.symbol,
            weight: holding.weight,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        market::fixture::hour,
        sources::{
            fetch::{Fetcher, Policy},
            token_metrics::{Token, TokenId},
        },
    };

    const PATIENCE: Duration = Duration::from_millis(200);

    #[tokio::test]
    async fn without_a_key_nobody_is_asked() {
        let indices = Indices::new(None);
        assert!(!indices.can_ask());
        assert!(indices.best(hour(0), PATIENCE).await.is_none());
        assert!(indices.health().is_none());
    }

    /// A source that cannot be reached keeps people waiting once, and then not for a while.
    #[tokio::test]
    async fn a_failure_is_not_known_and_rests() {
        let fetcher = Fetcher::new(Policy::default()).unwrap();
        let source = TokenMetrics::new(fetcher, "http://127.0.0.1:1/v2", &"tm-1".into()).unwrap();
        let indices = Indices::new(Some(source));
        assert!(indices.best(hour(0), PATIENCE).await.is_none());
        let in_a_row = || indices.health().unwrap().1.trouble.unwrap().in_a_row;
        assert_eq!(in_a_row(), 1);
        assert!(indices.best(hour(0), PATIENCE).await.is_none());
        assert_eq!(in_a_row(), 1, "it was asked again at once");
        assert!(indices.best(hour(1), PATIENCE).await.is_none());
        assert_eq!(in_a_row(), 2);
    }

    #[test]
    fn the_largest_parts_come_first_and_those_without_a_weight_last() {
        let holding = |symbol: &str, weight| Holding {
            token: Token {
                id: TokenId(1),
                name: symbol.into(),
                symbol: symbol.into(),
            },
            coingecko: None,
            weight,
            price_usd: None,
            roi: None,
            trader_grade: None,
        };
        let holdings = vec![
            holding("A", None),
            holding("B", Some(10.0)),
            holding("C", Some(40.0)),
            holding("D", Some(5.0)),
            holding("E", Some(1.0)),
        ];
        let symbols: Vec<_> = largest(holdings).into_iter().map(|it| it.symbol).collect();
        assert_eq!(symbols, ["C", "B", "D", "E"].map(Box::from));
    }
}
