//! Other pools in which the same assets earn, with a verdict that one can rely on.

use std::cmp::Reverse;

use super::snapshot::{Snapshot, by_size};
use crate::domain::{
    listing::Listing,
    pool::Pool,
    reading::DataState,
    risk::BAD_DEVIATION,
    strain::{Strain, Trouble},
    verdict::Verdict,
};

/// What a server wants pools to be like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Wish {
    /// US dollars.
    pub min_tvl: Option<f64>,
    /// Percent.
    pub max_apy: f64,
}

impl Snapshot {
    /// Pools with a sustainable verdict, usable figures, no trouble of their protocol and coins at their peg
    /// that take the assets of `pool` or some of
    /// them and no others: at most `most`, those on its own chain first, then the higher APY.
    pub fn calmer(&self, pool: &Pool, wish: &Wish, most: usize) -> Vec<&Listing> {
        let fits = |listing: &&Listing| {
            listing.state == DataState::Good
                && listing.assessment.verdict == Verdict::Sustainable
                && listing.pool.id != pool.id
                && is_calm(&listing.strain)
                && listing.reading.apy.get() <= wish.max_apy
                && wish
                    .min_tvl
                    .is_none_or(|least| listing.reading.tvl_usd >= least)
                && takes_no_other(&listing.pool, pool)
        };
        let mut calmer: Vec<&Listing> = self.listings().iter().filter(fits).collect();
        let is_near = |listing: &Listing| listing.pool.chain == pool.chain;
        calmer.sort_unstable_by(|a, b| {
            Reverse(is_near(a))
                .cmp(&Reverse(is_near(b)))
                .then_with(|| b.reading.apy.get().total_cmp(&a.reading.apy.get()))
                .then_with(|| by_size(a, b))
        });
        calmer.truncate(most);
        calmer
    }
}

/// Whether nothing is said against a pool from outside of its figures.
pub(super) fn is_calm(strain: &Strain) -> bool {
    strain.protocol.is_none_or(Trouble::is_calm)
        && (strain.peg.as_ref()).is_none_or(|peg| peg.deviation.abs() < BAD_DEVIATION)
}

/// Whether whoever is in `pool` needs no further asset for `other`.
pub(super) fn takes_no_other(other: &Pool, pool: &Pool) -> bool {
    let mut assets = other.assets().peekable();
    assets.peek().is_some() && assets.all(|asset| pool.holds(asset))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{protocol::Flag, reading::Observed, strain::OffPeg, verdict::Screen},
        market::fixture::{after, holding, hour, id, pool, rewarded, row},
    };

    const WISH: Wish = Wish {
        min_tvl: None,
        max_apy: 100.0,
    };

    fn on(row: Observed, chain: &str) -> Observed {
        Observed {
            pool: Pool {
                chain: chain.into(),
                ..row.pool
            },
            ..row
        }
    }

    fn of(number: u8, symbol: &str, apy: f64) -> Observed {
        Observed {
            pool: pool(number, symbol),
            ..row(number, apy)
        }
    }

    fn market(rows: Vec<Observed>) -> Snapshot {
        after(&Snapshot::default(), hour(0), rows).snapshot
    }

    /// The last byte of what is found for a pool.
    fn found(market: &Snapshot, pool: &Pool, wish: &Wish, most: usize) -> Vec<u8> {
        let found = market.calmer(pool, wish, most).into_iter();
        found.map(|listing| listing.pool.id.as_bytes()[0]).collect()
    }

    #[test]
    fn the_own_chain_comes_first_and_then_the_better_rate() {
        let market = market(vec![
            rewarded(row(1, 4.0), 0.9),
            row(2, 3.8),
            row(3, 4.2),
            on(row(4, 4.4), "Base"),
            on(row(5, 4.5), "Base"),
        ]);
        let bad = market.get(id(1)).unwrap();
        assert_ne!(bad.assessment.verdict, Verdict::Sustainable);
        assert_eq!(found(&market, &bad.pool, &WISH, 5), [3, 2, 5, 4]);
        assert_eq!(found(&market, &bad.pool, &WISH, 2), [3, 2]);
        let rich = Wish {
            min_tvl: Some(1e8),
            ..WISH
        };
        assert_eq!(found(&market, &bad.pool, &rich, 5), [0; 0]);
        let low = Wish {
            max_apy: 4.0,
            ..WISH
        };
        assert_eq!(found(&market, &bad.pool, &low, 5), [2]);
    }

    #[test]
    fn no_further_asset_is_needed() {
        let market = market(vec![
            of(1, "USDC-WETH", 4.0),
            of(2, "weth", 4.0),
            of(3, "WETH-USDC", 4.1),
            of(4, "USDC-DAI", 4.0),
            of(5, "DAI", 4.0),
        ]);
        assert_eq!(found(&market, &pool(1, "USDC-WETH"), &WISH, 5), [3, 2]);
        assert_eq!(found(&market, &pool(9, "WETH"), &WISH, 5), [2]);
        assert_eq!(found(&market, &pool(9, "--"), &WISH, 5), [0; 0]);
    }

    #[test]
    fn what_is_not_vouched_for_is_not_offered() {
        let first = vec![row(1, 4.0), holding(row(2, 4.0), 1e7), row(3, 4.0)];
        let market = market(first);
        let later = vec![row(1, 4.0), holding(row(2, 4.0), 1e6), row(3, 4.0)];
        let suspect = after(&market, hour(1), later).snapshot;
        assert_eq!(found(&suspect, &pool(1, "USDC"), &WISH, 5), [3]);
        let mut troubled = suspect.clone();
        let off = |deviation| Strain {
            peg: Some(OffPeg {
                symbol: "USDC".into(),
                deviation,
            }),
            protocol: Some(Trouble::Calm),
        };
        troubled.set_strains(|_| off(-0.01));
        assert_eq!(found(&troubled, &pool(1, "USDC"), &WISH, 5), [3]);
        troubled.set_strains(|_| off(-0.02));
        assert_eq!(found(&troubled, &pool(1, "USDC"), &WISH, 5), [0; 0]);
        troubled.set_strains(|_| Strain {
            peg: None,
            protocol: Some(Trouble::Flagged(Flag::Rugged)),
        });
        assert_eq!(found(&troubled, &pool(1, "USDC"), &WISH, 5), [0; 0]);
        let silent = market.silenced(hour(0), &Screen::default());
        assert_eq!(found(&silent, &pool(1, "USDC"), &WISH, 5), [0; 0]);
    }
}
