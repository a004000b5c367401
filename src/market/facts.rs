//! What is known beside the pools: of protocols, what they earn, loans, coins and past incidents.
//!
//! [`Facts`] are immutable and swapped whole, so that readers need no lock. Each source is read at its
//! own rhythm by [`rounds`]; what it said last stays until it is too old, and is not known from then
//! on. Nothing here is needed: without a source less is known, and nothing is made up.

use std::{hash::Hash, sync::Arc};

use foldhash::{HashMap, HashMapExt as _};

use crate::domain::{
    ids::PoolId,
    incident::Incident,
    lending::LendingMarket,
    peg::{Meant, Stablecoin, meant},
    protocol::{Fees, FeesOf, ProtocolFacts},
    time::{Dated, Span, Timestamp},
};

mod packed;
pub mod rounds;

use super::health::Health;

/// What a source tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    Protocols,
    Fees,
    Loans,
    Stablecoins,
    Incidents,
}

impl Topic {
    /// Under which the store keeps what was read.
    pub const fn slug(self) -> &'static str {
        match self {
            Self::Protocols => "protocols",
            Self::Fees => "fees",
            Self::Loans => "loans",
            Self::Stablecoins => "stablecoins",
            Self::Incidents => "incidents",
        }
    }

    /// The source as people know it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Protocols => "DefiLlama protocols",
            Self::Fees => "DefiLlama fees",
            Self::Loans => "DefiLlama loans",
            Self::Stablecoins => "DefiLlama stablecoins",
            Self::Incidents => "Incidents file",
        }
    }
}

/// Usable rows of one source.
#[derive(Debug, Clone, PartialEq)]
pub enum Told {
    Protocols(Vec<ProtocolFacts>),
    Fees(Vec<Fees>),
    Loans(Vec<LendingMarket>),
    Stablecoins(Vec<Stablecoin>),
    Incidents(Vec<Incident>),
}

impl Told {
    pub const fn topic(&self) -> Topic {
        match self {
            Self::Protocols(_) => Topic::Protocols,
            Self::Fees(_) => Topic::Fees,
            Self::Loans(_) => Topic::Loans,
            Self::Stablecoins(_) => Topic::Stablecoins,
            Self::Incidents(_) => Topic::Incidents,
        }
    }

    pub const fn rows(&self) -> usize {
        match self {
            Self::Protocols(rows) => rows.len(),
            Self::Fees(rows) => rows.len(),
            Self::Loans(rows) => rows.len(),
            Self::Stablecoins(rows) => rows.len(),
            Self::Incidents(rows) => rows.len(),
        }
    }
}

/// How one source does, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub topic: Topic,
    pub health: Health,
    /// Usable rows of its last answer.
    pub rows: Option<usize>,
    /// What it said is not known any more once it is older than this.
    pub shelf_life: Span,
}

/// What every source said last.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    protocols: Option<Section<Protocols>>,
    fees: Option<Section<HashMap<Box<str>, Fees>>>,
    loans: Option<Section<HashMap<PoolId, LendingMarket>>>,
    stablecoins: Option<Section<Coins>>,
    incidents: Option<Section<Incidents>>,
}

/// What one source said, and for how long that counts.
#[derive(Debug)]
struct Section<T> {
    read_at: Timestamp,
    shelf_life: Span,
    held: Arc<T>,
}

impl<T> Clone for Section<T> {
    fn clone(&self) -> Self {
        Self {
            held: Arc::clone(&self.held),
            ..*self
        }
    }
}

impl<T> Section<T> {
    /// `None` once it is too old.
    fn at(&self, now: Timestamp) -> Option<Dated<&T>> {
        (now.since(self.read_at) <= self.shelf_life.0).then(|| Dated {
            value: &*self.held,
            read_at: self.read_at,
        })
    }
}

/// What a section holds at a moment, where it is known.
fn current<T>(section: Option<&Section<T>>, now: Timestamp) -> Option<Dated<&T>> {
    section?.at(now)
}

/// What was found for a protocol that was asked for by its slug.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FeesFound<'a> {
    pub fees: &'a Fees,
    pub of: FeesOf,
    /// US dollars that earned them: the TVL of the protocol, or of all of its family. `None` where it,
    /// or that of any of them, is unknown.
    pub tvl_usd: Option<f64>,
}

impl Facts {
    /// The same, but for what this source says.
    #[must_use]
    pub fn with(&self, told: Told, read_at: Timestamp, shelf_life: Span) -> Self {
        fn section<T>(held: T, read_at: Timestamp, shelf_life: Span) -> Section<T> {
            Section {
                read_at,
                shelf_life,
                held: Arc::new(held),
            }
        }
        let mut facts = self.clone();
        match told {
            Told::Protocols(rows) => {
                let protocols = Protocols::of(rows);
                facts.protocols = Some(section(protocols, read_at, shelf_life));
            }
            Told::Fees(rows) => {
                let by_slug = keyed(rows, |fees| fees.slug.clone());
                facts.fees = Some(section(by_slug, read_at, shelf_life));
            }
            Told::Loans(rows) => {
                let by_pool = keyed(rows, |market| market.pool);
                facts.loans = Some(section(by_pool, read_at, shelf_life));
            }
            Told::Stablecoins(rows) => {
                let coins = Coins::of(rows);
                facts.stablecoins = Some(section(coins, read_at, shelf_life));
            }
            Told::Incidents(rows) => {
                let incidents = Incidents::of(rows);
                facts.incidents = Some(section(incidents, read_at, shelf_life));
            }
        }
        facts
    }

    /// When what is known of a topic was read. `None` where nothing is, or it is too old: what a
    /// look-up does not find then may be there all the same.
    pub fn read_at(&self, topic: Topic, now: Timestamp) -> Option<Timestamp> {
        match topic {
            Topic::Protocols => current(self.protocols.as_ref(), now).map(|it| it.read_at),
            Topic::Fees => current(self.fees.as_ref(), now).map(|it| it.read_at),
            Topic::Loans => current(self.loans.as_ref(), now).map(|it| it.read_at),
            Topic::Stablecoins => current(self.stablecoins.as_ref(), now).map(|it| it.read_at),
            Topic::Incidents => current(self.incidents.as_ref(), now).map(|it| it.read_at),
        }
    }

    /// What is known of a protocol, by the slug that pools name it by.
    pub fn protocol(&self, slug: &str, now: Timestamp) -> Option<Dated<&ProtocolFacts>> {
        let protocols = current(self.protocols.as_ref(), now)?;
        Some(Dated {
            value: protocols.value.get(slug)?,
            read_at: protocols.read_at,
        })
    }

    /// What a protocol earns; where only its family is listed, what that earns as a whole. Dated by
    /// the oldest of what it was put together from.
    pub fn fees(&self, slug: &str, now: Timestamp) -> Option<Dated<FeesFound<'_>>> {
        let fees = current(self.fees.as_ref(), now)?;
        let protocols = current(self.protocols.as_ref(), now);
        let facts = protocols.and_then(|it| it.value.get(slug));
        let family = facts.and_then(|facts| facts.parent.as_deref());
        let found = if let Some(own) = fees.value.get(slug) {
            FeesFound {
                fees: own,
                of: FeesOf::Protocol,
                tvl_usd: facts.and_then(|facts| facts.tvl_usd),
            }
        } else {
            let family = family?;
            FeesFound {
                fees: fees.value.get(family)?,
                of: FeesOf::Family,
                tvl_usd: protocols.and_then(|it| it.value.tvl_of_family(family)),
            }
        };
        Some(Dated {
            value: found,
            read_at: protocols.map_or(fees.read_at, |it| it.read_at.min(fees.read_at)),
        })
    }

    /// The borrowers' side of a pool.
    pub fn lending(&self, pool: PoolId, now: Timestamp) -> Option<Dated<&LendingMarket>> {
        let loans = current(self.loans.as_ref(), now)?;
        Some(Dated {
            value: loans.value.get(&pool)?,
            read_at: loans.read_at,
        })
    }

    /// The coin that a symbol means, whatever its case, or all of those between which nobody can tell.
    pub fn stablecoin(&self, symbol: &str, now: Timestamp) -> Option<Dated<Meant<'_>>> {
        let coins = current(self.stablecoins.as_ref(), now)?;
        Some(Dated {
            value: coins.value.meant(symbol)?,
            read_at: coins.read_at,
        })
    }

    /// What has gone wrong with a protocol, the newest first; empty where the list has nothing of it.
    /// `None` where there is no list, or the protocol is not known, so that nobody can tell.
    pub fn incidents(&self, slug: &str, now: Timestamp) -> Option<Dated<Vec<&Incident>>> {
        let incidents = current(self.incidents.as_ref(), now)?;
        let protocols = current(self.protocols.as_ref(), now)?;
        let facts = protocols.value.get(slug)?;
        let is_only_one = protocols.value.names.get(&folded(&facts.name)) == Some(&1);
        Some(Dated {
            value: incidents.value.of_protocol(facts, is_only_one),
            read_at: incidents.read_at,
        })
    }

    /// Up to which day the list of incidents tells: the day of its newest. It may be long ago.
    pub fn incidents_until(&self, now: Timestamp) -> Option<Timestamp> {
        let incidents = current(self.incidents.as_ref(), now)?;
        incidents.value.all.first().map(|newest| newest.at)
    }
}

/// Rows by a key that each has for itself.
fn keyed<K: Hash + Eq, T>(rows: Vec<T>, key: impl Fn(&T) -> K) -> HashMap<K, T> {
    rows.into_iter().map(|row| (key(&row), row)).collect()
}

/// A name or symbol as it is compared, whatever its case.
fn folded(name: &str) -> Box<str> {
    name.trim().to_lowercase().into()
}

#[derive(Debug)]
struct Protocols {
    all: Vec<ProtocolFacts>,
    /// Where they are, by their slugs.
    places: HashMap<Box<str>, usize>,
    /// How many protocols have a name.
    names: HashMap<Box<str>, u32>,
}

impl Protocols {
    fn of(all: Vec<ProtocolFacts>) -> Self {
        let mut places = HashMap::with_capacity(all.len());
        let mut names = HashMap::with_capacity(all.len());
        for (place, facts) in all.iter().enumerate() {
            places.insert(facts.slug.clone(), place);
            *names.entry(folded(&facts.name)).or_insert(0) += 1;
        }
        Self { all, places, names }
    }

    fn get(&self, slug: &str) -> Option<&ProtocolFacts> {
        self.all.get(*self.places.get(slug)?)
    }

    /// US dollars in all protocols of a family. `None` where that of any of them is unknown.
    fn tvl_of_family(&self, family: &str) -> Option<f64> {
        self.all
            .iter()
            .filter(|facts| facts.parent.as_deref() == Some(family))
            .map(|facts| facts.tvl_usd)
            .sum()
    }
}

#[derive(Debug)]
struct Coins {
    all: Vec<Stablecoin>,
    by_symbol: HashMap<Box<str>, Vec<usize>>,
}

impl Coins {
    fn of(all: Vec<Stablecoin>) -> Self {
        let mut by_symbol: HashMap<Box<str>, Vec<usize>> = HashMap::with_capacity(all.len());
        for (place, coin) in all.iter().enumerate() {
            by_symbol
                .entry(folded(&coin.symbol))
                .or_default()
                .push(place);
        }
        Self { all, by_symbol }
    }

    fn meant(&self, symbol: &str) -> Option<Meant<'_>> {
        let places = self.by_symbol.get(&folded(symbol))?;
        let coins: Vec<&Stablecoin> = places
            .iter()
            .filter_map(|place| self.all.get(*place))
            .collect();
        meant(&coins)
    }
}

/// Incidents, the newest first.
#[derive(Debug)]
struct Incidents {
    all: Vec<Incident>,
    by_protocol: HashMap<Box<str>, Vec<usize>>,
    /// Of those that name no protocol by its number.
    by_name: HashMap<Box<str>, Vec<usize>>,
}

impl Incidents {
    fn of(all: Vec<Incident>) -> Self {
        let mut by_protocol: HashMap<Box<str>, Vec<usize>> = HashMap::new();
        let mut by_name: HashMap<Box<str>, Vec<usize>> = HashMap::new();
        for (place, incident) in all.iter().enumerate() {
            match &incident.protocol {
                Some(id) => by_protocol.entry(id.clone()).or_default().push(place),
                None => by_name
                    .entry(folded(&incident.name))
                    .or_default()
                    .push(place),
            }
        }
        Self {
            all,
            by_protocol,
            by_name,
        }
    }

    /// Those of a protocol by its number, and by its name where no other protocol has the same.
    fn of_protocol(&self, facts: &ProtocolFacts, is_only_one: bool) -> Vec<&Incident> {
        let named = is_only_one
            .then(|| self.by_name.get(&folded(&facts.name)))
            .flatten();
        let numbered = self.by_protocol.get(&facts.id);
        let mut places: Vec<usize> = numbered
            .into_iter()
            .chain(named)
            .flatten()
            .copied()
            .collect();
        places.sort_unstable();
        places
            .into_iter()
            .filter_map(|place| self.all.get(place))
            .collect()
    }
}

#[cfg(test)]
mod tests;
