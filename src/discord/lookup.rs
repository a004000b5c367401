//! From what a person typed to what the market knows by that name.

use super::{autocomplete, errors::Trouble, params::Name};
use crate::{domain::listing::Listing, market::snapshot::Snapshot, render::text};

/// How many names an answer suggests.
const SUGGESTED: usize = 5;

/// The one pool that is meant: its key, the line that was offered for it, or words that fit it alone.
pub fn pool<'a>(market: &'a Snapshot, asked: &Name) -> Result<&'a Listing, Trouble> {
    if market.is_empty() {
        return Err(Trouble::NoMarketYet);
    }
    let text = asked.0.as_str();
    let found = market.pools_like(text, SUGGESTED);
    match found.as_slice() {
        [only] => Ok(only),
        [] => by_line(market, text).ok_or_else(|| Trouble::PoolUnknown {
            text: text.to_owned(),
            closest: closest(market, text),
        }),
        several => only_exact(several, text).ok_or_else(|| Trouble::PoolAmbiguous {
            text: text.to_owned(),
            closest: several.iter().map(|listing| line(listing)).collect(),
        }),
    }
}

/// The one whose whole symbol was written, where that is one alone: `usdc aave` means USDC and not
/// USDC-WETH. Whole symbols come first, so what follows the second decides nothing.
fn only_exact<'a>(found: &[&'a Listing], text: &str) -> Option<&'a Listing> {
    let mut exact = found.iter().copied().filter(|listing| {
        text.split_whitespace()
            .any(|word| word.eq_ignore_ascii_case(&listing.pool.symbol))
    });
    exact.next().filter(|_| exact.next().is_none())
}

/// Some clients send the line that was offered in place of the key behind it. Its figures are words
/// that no pool has, so they are left away; what is left may still name one pool.
fn by_line<'a>(market: &'a Snapshot, text: &str) -> Option<&'a Listing> {
    let names: Vec<&str> = text.split(" · ").take(3).collect();
    if names.len() < 3 {
        return None;
    }
    market
        .pools_like(&names.join(" "), usize::MAX)
        .into_iter()
        .find(|listing| autocomplete::pool_name(listing) == text)
}

/// Pools that fit as many of the words as any do.
fn closest(market: &Snapshot, text: &str) -> Vec<String> {
    let words: Vec<&str> = text.split_whitespace().take(8).collect();
    let without_one = (0..words.len()).map(|left_out| {
        let mut some = words.clone();
        some.remove(left_out);
        some.join(" ")
    });
    let single = words.iter().map(|word| (*word).to_owned());
    without_one
        .chain(single)
        .filter(|some| !some.is_empty() && some != text)
        .map(|some| market.pools_like(&some, SUGGESTED))
        .find(|found| !found.is_empty())
        .unwrap_or_default()
        .into_iter()
        .map(line)
        .collect()
}

fn line(listing: &Listing) -> String {
    text::escape_to(&autocomplete::pool_name(listing), 100)
}

/// The asset of that name, as the market writes it.
pub fn asset(market: &Snapshot, asked: Option<&Name>) -> Result<Option<String>, Trouble> {
    let (exact, like) = (Snapshot::asset_named, Snapshot::assets_like);
    named(market, asked, "asset", exact, like)
}

/// The protocol of that name, as the market writes it.
pub fn protocol(market: &Snapshot, asked: Option<&Name>) -> Result<Option<String>, Trouble> {
    let (exact, like) = (Snapshot::protocol_named, Snapshot::protocols_like);
    named(market, asked, "protocol", exact, like)
}

/// The chain of that name, as the market writes it.
pub fn chain(market: &Snapshot, asked: Option<&Name>) -> Result<Option<String>, Trouble> {
    let (exact, like) = (Snapshot::chain_named, Snapshot::chains_like);
    named(market, asked, "chain", exact, like)
}

fn named(
    market: &Snapshot,
    asked: Option<&Name>,
    what: &'static str,
    exact: for<'a> fn(&'a Snapshot, &str) -> Option<&'a str>,
    like: fn(&Snapshot, &str, usize) -> Vec<String>,
) -> Result<Option<String>, Trouble> {
    let Some(Name(text)) = asked else {
        return Ok(None);
    };
    if market.is_empty() {
        return Err(Trouble::NoMarketYet);
    }
    if let Some(name) = exact(market, text) {
        return Ok(Some(name.to_owned()));
    }
    let mut found = like(market, text, SUGGESTED);
    if found.is_empty() {
        let start: String = text.chars().take(3).collect();
        found = like(market, &start, SUGGESTED);
    }
    Err(Trouble::NameUnknown {
        what,
        text: text.clone(),
        closest: found.iter().map(|name| text::name(name)).collect(),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        domain::{
            method::Method,
            pool::Pool,
            rate::Percent,
            reading::{DataState, FeedStats, Reading},
            time::Timestamp,
            verdict::Assessment,
        },
        market::snapshot::Origin,
    };

    fn listing(last: u8, symbol: &str, protocol: &str, chain: &str) -> Listing {
        Listing {
            no: i64::from(last),
            pool: Arc::new(Pool {
                id: crate::domain::ids::PoolId::from_bytes([last; 16]),
                chain: chain.into(),
                protocol: protocol.into(),
                symbol: symbol.into(),
                meta: None,
                method: Method::Lending,
                stablecoin: false,
                multi_asset: symbol.contains('-'),
                impermanent_loss: false,
                underlying: Box::new([]),
            }),
            reading: Reading {
                at: Timestamp::default(),
                apy: Percent::new(4.1).unwrap(),
                base: None,
                reward: None,
                tvl_usd: 1e6,
            },
            trusted: None,
            feed: FeedStats::default(),
            own_time: false,
            unchanged_since: Timestamp::default(),
            state: DataState::Good,
            doubt: None,
            rewarded: None,
            counted_at: Timestamp::default(),
            record: None,
            assessment: Assessment::default(),
            strain: crate::domain::strain::Strain::default(),
            missed: None,
        }
    }

    fn market() -> Snapshot {
        let origin = Origin::default();
        let listings = vec![
            listing(1, "USDC", "aave-v3", "Ethereum"),
            listing(2, "USDC-WETH", "aave-v3", "Ethereum"),
            listing(3, "USDC", "compound-v3", "Base"),
        ];
        Snapshot::new(origin, listings, Arc::default())
    }

    fn found(text: &str) -> Result<i64, Trouble> {
        pool(&market(), &Name(text.to_owned())).map(|listing| listing.no)
    }

    #[test]
    fn a_pool_is_found_by_key_words_and_the_line_that_was_offered() {
        let market = market();
        let first = market
            .listings()
            .iter()
            .find(|listing| listing.no == 1)
            .unwrap();
        assert_eq!(found(&first.pool.id.to_string()), Ok(1));
        assert_eq!(found("usdc aave"), Ok(1));
        assert_eq!(found("base usdc"), Ok(3));
        assert_eq!(found("usdc-weth"), Ok(2));
        assert_eq!(found(&autocomplete::pool_name(first)), Ok(1));
    }

    #[test]
    fn what_is_unclear_is_answered_with_what_is_near() {
        let Err(Trouble::PoolAmbiguous { closest, .. }) = found("usdc") else {
            panic!("one of several was taken");
        };
        assert_eq!(closest.len(), 3);
        let Err(Trouble::PoolUnknown { closest, .. }) = found("usdc morpho") else {
            panic!("a pool was made up");
        };
        assert!(closest[0].starts_with("USDC"), "{closest:?}");
        let empty = Snapshot::default();
        let nothing = pool(&empty, &Name("usdc".to_owned())).map(|listing| listing.no);
        assert_eq!(nothing, Err(Trouble::NoMarketYet));
    }

    #[test]
    fn names_are_taken_as_the_market_writes_them() {
        let market = market();
        let name = |text: &str| Some(Name(text.to_owned()));
        assert_eq!(
            chain(&market, name("ethereum").as_ref()),
            Ok(Some("Ethereum".to_owned()))
        );
        assert_eq!(chain(&market, None), Ok(None));
        let Err(Trouble::NameUnknown { closest, .. }) = protocol(&market, name("aave").as_ref())
        else {
            panic!("half a name was taken");
        };
        assert_eq!(closest, ["aave-v3"]);
    }
}
