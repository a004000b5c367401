//! From what a person typed to what the market knows by that name.

use super::{autocomplete, errors::Trouble, params::Name};
use crate::{
    domain::{listing::Listing, rate::Percent},
    market::{search::pool_key, snapshot::Snapshot, view::View},
    render::{self, text},
};

/// How many names an answer suggests.
const SUGGESTED: usize = 5;

/// The one pool that is meant: its key, its page's address, the line that was offered for it, or words
/// that fit it alone.
pub fn pool<'a>(market: &'a Snapshot, asked: &Name) -> Result<&'a Listing, Trouble> {
    if market.is_empty() {
        return Err(Trouble::NoMarketYet);
    }
    let text = asked.0.as_str();
    let found = market.pools_like(text, SUGGESTED);
    match found.as_slice() {
        [only] => Ok(only),
        [] => match pool_key(text) {
            Some(id) => Err(Trouble::PoolNotListed(id)),
            None => by_line(market, text).ok_or_else(|| Trouble::PoolUnknown {
                text: text.to_owned(),
                closest: closest(market, text),
            }),
        },
        several => only_exact(several, text).ok_or_else(|| Trouble::PoolAmbiguous {
            text: text.to_owned(),
            closest: several.iter().map(|listing| line(listing)).collect(),
        }),
    }
}

/// Several pools, each of which is another one.
pub fn pools<'a>(market: &'a Snapshot, asked: &[Name]) -> Result<Vec<&'a Listing>, Trouble> {
    let mut found: Vec<&Listing> = Vec::new();
    for name in asked {
        let listing = pool(market, name)?;
        if found.iter().any(|known| known.pool.id == listing.pool.id) {
            return Err(Trouble::PoolTwice {
                pool: render::name(&listing.pool),
            });
        }
        found.push(listing);
    }
    Ok(found)
}

/// The rate with which a pool may be reckoned.
pub fn rate(market: &View, listing: &Listing) -> Result<Percent, Trouble> {
    market.rate(listing).ok_or_else(|| Trouble::NoUsableRate {
        pool: render::name(&listing.pool),
    })
}

/// One layer of a stack.
#[derive(Debug, Clone, Copy)]
pub enum Layer<'a> {
    Pool(&'a Listing),
    /// Somebody wrote a rate.
    Rate(Percent),
}

/// The highest rate that is taken as one, in percent.
const MOST_RATE: f64 = 1_000_000.0;

/// A pool, or a rate such as `0.4` or `12.5 %`.
pub fn layer<'a>(market: &'a Snapshot, asked: &Name) -> Result<Layer<'a>, Trouble> {
    let text = asked.0.trim();
    match plain_rate(text) {
        Some(rate) => Ok(Layer::Rate(rate)),
        None if is_number_like(text) && pool_key(text).is_none() => {
            Err(Trouble::RateUnreadable(text.to_owned()))
        }
        None => pool(market, asked).map(Layer::Pool),
    }
}

/// What reads as a rate and as nothing else.
pub fn plain_rate(text: &str) -> Option<Percent> {
    let digits = text.trim().trim_end_matches('%').trim_end();
    let plain = digits
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    let rate = plain.then(|| digits.parse().ok().and_then(Percent::new))??;
    (rate.get() <= MOST_RATE).then_some(rate)
}

fn is_number_like(text: &str) -> bool {
    let in_number = |c: char| c.is_ascii_digit() || matches!(c, '.' | ',' | '%' | '-' | '+' | ' ');
    text.chars().all(in_number)
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
            ids::PoolId,
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
                id: PoolId::from_bytes([last; 16]),
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
            reward_tokens: Box::default(),
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
    fn the_address_of_a_pool_is_as_good_as_its_key() {
        let id = PoolId::from_bytes([1; 16]);
        for address in [
            format!("https://defillama.com/yields/pool/{id}"),
            format!("<http://www.defillama.com/yields/pool/{id}/?utm=x>"),
        ] {
            assert_eq!(found(&address), Ok(1), "{address}");
        }
        let gone = PoolId::from_bytes([9; 16]);
        for text in [
            gone.to_string(),
            format!("defillama.com/yields/pool/{gone}"),
        ] {
            assert_eq!(found(&text), Err(Trouble::PoolNotListed(gone)), "{text}");
        }
    }

    #[test]
    fn a_layer_is_a_pool_or_a_rate() {
        let market = market();
        let read = |text: &str| layer(&market, &Name(text.to_owned()));
        for (text, rate) in [("0.4", 0.4), ("12.5 %", 12.5), ("3%", 3.0), (" 0 ", 0.0)] {
            let Ok(Layer::Rate(read)) = read(text) else {
                panic!("{text} is no rate");
            };
            assert!((read.get() - rate).abs() < 1e-12, "{text}");
        }
        assert!(matches!(read("usdc aave"), Ok(Layer::Pool(listing)) if listing.no == 1));
        for text in ["0,4", "-3", "1.2.3", "%", "2000000"] {
            let refused = read(text).map(|_| ());
            assert_eq!(refused, Err(Trouble::RateUnreadable(text.to_owned())));
        }
        assert!(matches!(read("1inch"), Err(Trouble::PoolUnknown { .. })));
    }

    #[test]
    fn a_pool_is_compared_with_others_only() {
        let market = market();
        let named = |names: &[&str]| {
            let names: Vec<Name> = names.iter().map(|name| Name((*name).to_owned())).collect();
            pools(&market, &names).map(|found| found.len())
        };
        assert_eq!(named(&["usdc aave", "base usdc"]), Ok(2));
        let twice = named(&["usdc aave", "base usdc", "USDC aave-v3 Ethereum"]);
        assert!(matches!(twice, Err(Trouble::PoolTwice { .. })), "{twice:?}");
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
