//! The market at one moment: immutable, shared, and swapped whole, so readers need no lock.

use std::{cmp::Ordering, sync::Arc};

use foldhash::HashMap;

use super::names::Names;
use crate::domain::{
    ids::PoolId,
    listing::Listing,
    method::Method,
    pool::Pool,
    reading::{DEFILLAMA, DataState},
    strain::Strain,
    time::Timestamp,
    verdict::{Screen, record::Record},
};

/// Where the present snapshot came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The source's name for people.
    pub source: &'static str,
    /// When the last answer that held data was fetched.
    pub fetched_at: Timestamp,
}

impl Default for Origin {
    /// Before the first answer.
    fn default() -> Self {
        Self {
            source: DEFILLAMA,
            fetched_at: Timestamp::default(),
        }
    }
}

/// All pools, in the order of their TVL.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    pub origin: Origin,
    listings: Vec<Listing>,
    by_id: HashMap<PoolId, u32>,
    names: Arc<Names>,
    /// US dollars in the pools of each chain, as far as their readings can be used.
    chains: Arc<HashMap<Arc<str>, f64>>,
    /// Numbers of pools that are no longer listed: their days are theirs again when they come back.
    gone: Arc<HashMap<PoolId, i64>>,
}

/// The order of a snapshot: largest TVL first.
pub(super) fn by_size(a: &Listing, b: &Listing) -> Ordering {
    Size::of(a).cmp(&Size::of(b))
}

/// What [`by_size`] compares, small enough to be moved while listings are sorted, which are not.
struct Size {
    tvl_usd: f64,
    pool: PoolId,
}

impl Size {
    fn of(listing: &Listing) -> Self {
        Self {
            tvl_usd: listing.reading.tvl_usd,
            pool: listing.pool.id,
        }
    }
}

impl Ord for Size {
    fn cmp(&self, other: &Self) -> Ordering {
        let larger_first = other.tvl_usd.total_cmp(&self.tvl_usd);
        larger_first.then_with(|| self.pool.cmp(&other.pool))
    }
}

impl PartialOrd for Size {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Size {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Size {}

fn by_chain(listings: &[Listing]) -> HashMap<Arc<str>, f64> {
    let mut chains: HashMap<Arc<str>, f64> = HashMap::default();
    for listing in listings {
        let Some(reading) = listing.usable() else {
            continue;
        };
        if let Some(usd) = chains.get_mut(&*listing.pool.chain) {
            *usd += reading.tvl_usd;
        } else {
            chains.insert(Arc::clone(&listing.pool.chain), reading.tvl_usd);
        }
    }
    chains
}

impl Snapshot {
    /// Takes the listings in, largest TVL first, and the numbers of pools that were listed once.
    pub fn new(
        origin: Origin,
        mut listings: Vec<Listing>,
        gone: Arc<HashMap<PoolId, i64>>,
    ) -> Self {
        listings.sort_by_cached_key(Size::of);
        let by_id = (0_u32..)
            .zip(&listings)
            .map(|(at, listing)| (listing.pool.id, at))
            .collect();
        Self {
            origin,
            names: Arc::new(Names::of(&listings)),
            chains: Arc::new(by_chain(&listings)),
            listings,
            by_id,
            gone,
        }
    }

    pub fn get(&self, id: PoolId) -> Option<&Listing> {
        self.by_id
            .get(&id)
            .and_then(|at| self.listings.get(*at as usize))
    }

    pub(super) const fn gone(&self) -> &Arc<HashMap<PoolId, i64>> {
        &self.gone
    }

    pub(super) fn names(&self) -> &Names {
        &self.names
    }

    /// US dollars in a chain's pools, as far as their readings can be used; `None` where no one's can.
    pub(super) fn usd_on(&self, chain: &str) -> Option<f64> {
        self.chains.get(chain).copied()
    }

    pub fn listings(&self) -> &[Listing] {
        &self.listings
    }

    /// Takes over what the days of each pool say, as known from a new day on. The verdicts follow with
    /// the next batch, so that a change of them is seen as news.
    pub fn set_records(&mut self, record: impl Fn(&Listing) -> Option<Arc<Record>>) {
        for listing in &mut self.listings {
            listing.record = record(listing);
        }
    }

    /// Takes over what troubles each pool, and answers with those for which that is another than before.
    pub fn set_strains(&mut self, strain: impl Fn(&Pool) -> Strain) -> Vec<PoolId> {
        let mut changed = Vec::new();
        for listing in &mut self.listings {
            let now = strain(&listing.pool);
            if listing.strain != now {
                listing.strain = now;
                changed.push(listing.pool.id);
            }
        }
        changed
    }

    /// The market once its source has given no usable answer since then.
    #[must_use]
    pub fn silenced(&self, since: Timestamp, screen: &Screen) -> Self {
        let mut silenced = self.clone();
        for listing in &mut silenced.listings {
            listing.silence(since, screen);
        }
        silenced.chains = Arc::new(by_chain(&silenced.listings));
        silenced
    }

    pub fn is_empty(&self) -> bool {
        self.listings.is_empty()
    }

    /// How many pools are in this state.
    pub fn in_state(&self, state: DataState) -> usize {
        self.listings
            .iter()
            .filter(|listing| listing.state == state)
            .count()
    }

    /// The share of TVL, 0–1, whose method of income is not known.
    pub fn unknown_method_share(&self) -> f64 {
        let sum = |wanted: fn(&Listing) -> bool| -> f64 {
            self.listings
                .iter()
                .filter(|listing| wanted(listing))
                .map(|listing| listing.reading.tvl_usd)
                .sum()
        };
        let all = sum(|_| true);
        if all > 0.0 {
            sum(|listing| listing.pool.method == Method::Unknown) / all
        } else {
            0.0
        }
    }
}
