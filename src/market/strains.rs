//! What the sources say of protocols and stablecoins, believed once they have said it twice.

use std::{collections::HashMap, sync::Arc};

use super::{
    facts::{Facts, Topic},
    snapshot::Snapshot,
};
use crate::domain::{
    peg::{Meant, Stablecoin},
    pool::Pool,
    strain::{OffPeg, Strain, Trouble},
    time::{Span, Timestamp},
};

/// What was read longer ago than this is no news to act on, although it may still be shown.
const NEWS: Span = Span::hours(3);
/// Two deviations agree where the nearer is at least this part of the further, or both are this small.
const AGREEING: f64 = 0.5;
const SMALL: f64 = 0.005;

/// What was said last, and what of it was said before as well.
#[derive(Debug, Default)]
pub(super) struct Strains {
    protocols: Heard<Trouble>,
    /// Deviations from the peg as fractions, by symbol in upper case.
    coins: Heard<f64>,
}

/// What one source said of many names.
#[derive(Debug)]
struct Heard<T> {
    read_at: Option<Timestamp>,
    last: HashMap<Arc<str>, T>,
    believed: HashMap<Arc<str>, T>,
}

impl<T> Default for Heard<T> {
    fn default() -> Self {
        Self {
            read_at: None,
            last: HashMap::new(),
            believed: HashMap::new(),
        }
    }
}

impl<T: Copy> Heard<T> {
    /// Whether something else was read than what was heard, or that has grown old.
    fn may_hear(&self, read_at: Option<Timestamp>, now: Timestamp) -> bool {
        let is_old = read_at.is_some_and(|at| now.since(at) > NEWS.0);
        read_at != self.read_at || is_old && !self.last.is_empty()
    }

    /// Takes in what was read at a time, unless that was heard already. Whether there is anything new.
    fn hear(
        &mut self,
        read_at: Option<Timestamp>,
        now: Timestamp,
        said: impl FnOnce() -> HashMap<Arc<str>, T>,
        confirm: impl Fn(T, T) -> Option<T>,
    ) -> bool {
        if read_at == self.read_at {
            // A source that has fallen silent says nothing any more, and two readings are needed again.
            let is_old = read_at.is_some_and(|at| now.since(at) > NEWS.0);
            if is_old {
                self.last.clear();
            }
            let had = is_old && !self.believed.is_empty();
            if had {
                self.believed.clear();
            }
            return had;
        }
        self.read_at = read_at;
        let said = if read_at.is_some() {
            said()
        } else {
            HashMap::new()
        };
        self.believed = said
            .iter()
            .filter_map(|(name, now)| {
                let before = self.last.get(name)?;
                Some((Arc::clone(name), confirm(*before, *now)?))
            })
            .collect();
        self.last = said;
        true
    }
}

impl Strains {
    /// Whether [`Self::hear`] has anything to do, which costs a look at every pool.
    pub(super) fn may_hear(&self, facts: &Facts, now: Timestamp) -> bool {
        let (protocols, coins) = (Topic::Protocols, Topic::Stablecoins);
        self.protocols.may_hear(facts.read_at(protocols, now), now)
            || self.coins.may_hear(facts.read_at(coins, now), now)
    }

    /// Takes in what the facts say of the pools' protocols and coins. Whether anything is new.
    pub(super) fn hear(&mut self, facts: &Facts, snapshot: &Snapshot, now: Timestamp) -> bool {
        let protocols = self.protocols.hear(
            facts.read_at(Topic::Protocols, now),
            now,
            || troubles(facts, snapshot, now),
            Trouble::confirmed_by,
        );
        let coins = self.coins.hear(
            facts.read_at(Topic::Stablecoins, now),
            now,
            || deviations(facts, snapshot, now),
            agreed,
        );
        protocols || coins
    }

    /// What troubles a pool, as far as it is believed.
    pub(super) fn of(&self, pool: &Pool) -> Strain {
        let known = pool.assets().filter_map(|asset| {
            let symbol = asset.to_uppercase();
            self.coins.believed.get_key_value(symbol.as_str())
        });
        let furthest = known.max_by(|one, other| one.1.abs().total_cmp(&other.1.abs()));
        Strain {
            peg: furthest.map(|(symbol, deviation)| OffPeg {
                symbol: Arc::clone(symbol),
                deviation: *deviation,
            }),
            protocol: self.protocols.believed.get(&pool.protocol).copied(),
        }
    }
}

/// What troubles a pool by the last reading alone: enough to know what was so before an alert was made.
pub(super) fn said_once(facts: &Facts, pool: &Pool, now: Timestamp) -> Strain {
    let off = |asset: &str| {
        let symbol = asset.to_uppercase();
        let deviation = deviation(facts, &symbol, now)?;
        Some(OffPeg {
            symbol: symbol.into(),
            deviation,
        })
    };
    let coins = pool.assets().filter_map(off);
    let protocol = facts.protocol(&pool.protocol, now);
    Strain {
        peg: coins.max_by(|one, other| one.deviation.abs().total_cmp(&other.deviation.abs())),
        protocol: protocol.and_then(|known| Trouble::of(known.value)),
    }
}

fn deviation(facts: &Facts, symbol: &str, now: Timestamp) -> Option<f64> {
    match facts.stablecoin(symbol, now)?.value {
        Meant::One(coin) => Stablecoin::deviation(coin),
        Meant::Shared(_) => None,
    }
}

/// What two deviations agree on: the nearer to the peg. Nothing where one is far and the other is not.
fn agreed(before: f64, now: f64) -> Option<f64> {
    let (near, far) = if before.abs() < now.abs() {
        (before, now)
    } else {
        (now, before)
    };
    let agree = far.abs() <= SMALL || (near * far > 0.0 && near.abs() >= AGREEING * far.abs());
    agree.then_some(near)
}

fn troubles(facts: &Facts, snapshot: &Snapshot, now: Timestamp) -> HashMap<Arc<str>, Trouble> {
    let mut troubles = HashMap::new();
    for listing in snapshot.listings() {
        let protocol = &listing.pool.protocol;
        if !troubles.contains_key(protocol)
            && let Some(known) = facts.protocol(protocol, now)
            && let Some(trouble) = Trouble::of(known.value)
        {
            troubles.insert(Arc::clone(protocol), trouble);
        }
    }
    troubles
}

fn deviations(facts: &Facts, snapshot: &Snapshot, now: Timestamp) -> HashMap<Arc<str>, f64> {
    let mut deviations: HashMap<Arc<str>, Option<f64>> = HashMap::new();
    for listing in snapshot.listings() {
        for asset in listing.pool.assets() {
            let symbol = asset.to_uppercase();
            if deviations.contains_key(symbol.as_str()) {
                continue;
            }
            let deviation = deviation(facts, &symbol, now);
            deviations.insert(symbol.into(), deviation);
        }
    }
    let known = deviations.into_iter();
    known
        .filter_map(|(symbol, off)| Some((symbol, off?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{
            peg::Peg,
            protocol::{Flag, ProtocolFacts, fixture::named},
            time::Span,
        },
        market::{
            facts::Told,
            fixture::{after, hour, row},
        },
    };

    fn protocols(flags: &[Flag], change: f64) -> Told {
        Told::Protocols(vec![ProtocolFacts {
            tvl_usd: Some(1e9),
            tvl_change_1d: Some(change),
            flags: flags.iter().copied().collect(),
            ..named("aave-v3")
        }])
    }

    fn coins(price_usd: f64) -> Told {
        Told::Stablecoins(vec![Stablecoin {
            name: "USD Coin".into(),
            symbol: "USDC".into(),
            peg: Peg::Usd,
            price_usd: Some(price_usd),
            circulating: Some(1e9),
            yield_bearing: false,
        }])
    }

    fn market() -> Snapshot {
        after(&Snapshot::default(), hour(0), vec![row(1, 4.0)]).snapshot
    }

    /// What is believed after each of these was read, an hour apart.
    fn believed(told: Vec<Told>) -> Vec<Strain> {
        let snapshot = market();
        let pool = &snapshot.listings().first().unwrap().pool;
        let mut strains = Strains::default();
        let mut facts = Facts::default();
        (0..)
            .zip(told)
            .map(|(hours, told)| {
                facts = facts.with(told, hour(hours), Span::days(1));
                strains.hear(&facts, &snapshot, hour(hours));
                strains.of(pool)
            })
            .collect()
    }

    #[test]
    fn an_incident_is_believed_once_it_is_said_twice() {
        let told = believed(vec![
            protocols(&[], 0.0),
            protocols(&[], 0.0),
            protocols(&[], -0.4),
            protocols(&[], -0.45),
            protocols(&[Flag::Rugged], -0.9),
            protocols(&[Flag::Rugged], 0.0),
        ]);
        let troubles: Vec<_> = told.iter().map(|strain| strain.protocol).collect();
        assert_eq!(
            troubles,
            [
                None,
                Some(Trouble::Calm),
                None,
                Some(Trouble::Drained(-0.45)),
                None,
                Some(Trouble::Flagged(Flag::Rugged)),
            ]
        );
    }

    #[test]
    fn one_wrong_price_is_no_event() {
        let told = believed(vec![
            coins(1.0),
            coins(0.5),
            coins(1.0),
            coins(0.9),
            coins(0.88),
        ]);
        let off: Vec<_> = told
            .iter()
            .map(|strain| {
                strain
                    .peg
                    .as_ref()
                    .map(|peg| (peg.deviation * 100.0).round())
            })
            .collect();
        assert_eq!(off, [None, None, None, None, Some(-10.0)]);
    }

    #[test]
    fn what_was_heard_already_is_no_second_voice() {
        let snapshot = market();
        let mut strains = Strains::default();
        let facts = Facts::default().with(protocols(&[Flag::Dead], 0.0), hour(0), Span::days(1));
        assert!(strains.hear(&facts, &snapshot, hour(0)));
        assert!(!strains.hear(&facts, &snapshot, hour(1)));
        let pool = &snapshot.listings().first().unwrap().pool;
        assert_eq!(strains.of(pool), Strain::default());
        // What is said again counts, until nothing more is heard for hours.
        let again = facts.with(protocols(&[Flag::Dead], 0.0), hour(1), Span::days(1));
        assert!(strains.hear(&again, &snapshot, hour(1)));
        assert!(strains.of(pool).protocol.is_some());
        assert!(!strains.hear(&again, &snapshot, hour(4)));
        assert!(strains.hear(&again, &snapshot, hour(5)));
        assert_eq!(strains.of(pool), Strain::default());
        // Too old to be known, it is nothing any more.
        assert!(strains.hear(&facts, &snapshot, hour(40)));
        assert_eq!(strains.of(pool), Strain::default());
    }
}
