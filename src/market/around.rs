//! All that is known around one pool, put together from its listing, the market, what sources say beside
//! the pools, and networks: for the questions who pays, and what can go wrong.

use super::{
    closes::PoolPast, facts::Facts, liquid::network_of, networks::Networks, snapshot::Snapshot,
};
use crate::domain::{
    listing::Listing,
    payer::{self, Cover, Paid},
    peg::{Meant, Stablecoin},
    protocol::FeesOf,
    rate::Percent,
    risk::{self, Finding},
    time::Timestamp,
};

/// Which stablecoin an asset is.
#[derive(Clone, Copy, PartialEq)]
enum Coin<'a> {
    One(&'a Stablecoin),
    /// Several have its symbol, and nobody can tell.
    Unclear,
    /// None that the source knows.
    None,
}

/// What is known around pools at a moment.
#[derive(Debug, Clone, Copy)]
pub struct Around<'a> {
    pub market: &'a Snapshot,
    pub facts: &'a Facts,
    pub networks: &'a Networks,
    pub now: Timestamp,
}

impl Around<'_> {
    /// Who pays a pool's income.
    pub fn paid(&self, listing: &Listing, past: &PoolPast) -> Paid {
        let around = payer::Around {
            cover: self.cover(listing),
            inflation: self.inflation(listing),
            reward_token: past.reward_token,
        };
        Paid::of(&listing.pool, &listing.reading, &around)
    }

    /// What can go wrong with it.
    pub fn risks(&self, listing: &Listing, past: &PoolPast) -> Vec<Finding> {
        let pool = &listing.pool;
        let coins = pool.assets().map(|asset| (asset, self.stablecoin(asset)));
        let stablecoins = coins
            .filter(|(_, coin)| *coin != Coin::None || pool.stablecoin)
            .map(|(asset, coin)| match coin {
                Coin::One(coin) => (asset, Some(coin)),
                Coin::Unclear | Coin::None => (asset, None),
            })
            .collect();
        let incidents = self.facts.incidents(&pool.protocol, self.now);
        risk::check(&risk::Known {
            pool,
            reading: listing.usable(),
            protocol: self
                .facts
                .protocol(&pool.protocol, self.now)
                .map(|found| found.value),
            incidents: incidents.map(|found| found.value),
            incidents_until: self.facts.incidents_until(self.now),
            lending: self
                .facts
                .lending(pool.id, self.now)
                .map(|found| found.value),
            stablecoins,
            impermanent_loss: past.impermanent_loss,
            reward_token_change: past.reward_token.and_then(|token| token.price_90d),
            chain_usd: self.market.usd_on(&pool.chain),
            now: self.now,
        })
    }

    /// The stablecoin that an asset is.
    fn stablecoin(&self, asset: &str) -> Coin<'_> {
        let found = self.facts.stablecoin(asset, self.now);
        match found.map(|found| found.value) {
            Some(Meant::One(coin)) => Coin::One(coin),
            Some(Meant::Shared(_)) => Coin::Unclear,
            None => Coin::None,
        }
    }

    fn cover(&self, listing: &Listing) -> Option<Cover> {
        let found = self.facts.fees(&listing.pool.protocol, self.now)?.value;
        let supply_side = found.fees.supply_side_30d()?;
        let base = listing.reading.base?;
        let is_family = found.of == FeesOf::Family;
        Cover::of(supply_side, found.tvl_usd?, base, is_family)
    }

    /// The inflation of the network whose coin a pool stakes.
    fn inflation(&self, listing: &Listing) -> Option<Percent> {
        let network = network_of(&listing.pool)?;
        self.networks.rate(network, self.now).ok()?.inflation
    }
}
