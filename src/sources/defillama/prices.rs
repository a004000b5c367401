//! Prices of tokens, as `coins.llama.fi/prices/current/{coins}` answers them.

use std::{collections::HashMap, fmt};

use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::wire::{cells, malformed, moment_in, number_in, price_in, row, text_in, text_of};
use crate::{domain::time::Timestamp, sources::SourceError};

/// The longest key in bytes.
const LONGEST_KEY: usize = 200;
/// The longest symbol in characters.
const LONGEST_SYMBOL: usize = 200;
/// Keys in one request for present prices.
pub(super) const MOST_KEYS: usize = 80;
/// Bytes of keys in one request as they stand in the address, where some are written as `%xx`.
/// Servers take addresses of about 8 kB.
const MOST_BYTES: usize = 6_000;

/// What a price is asked for: a token on a chain, or a coin by its `CoinGecko` id.
///
/// Keeps the case in which it was written, which matters on some chains; answers are matched
/// whatever the case.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PriceKey(Box<str>);

impl PriceKey {
    /// The token at `address` on the chain of this display name (`Hyperliquid L1`). `None` for an
    /// address that cannot be one.
    pub fn token(chain: &str, address: &str) -> Option<Self> {
        Self::checked(&chain_slug(chain), address)
    }

    /// The coin of this `CoinGecko` id (`bitcoin`). `None` for what cannot be an id.
    pub fn coingecko(id: &str) -> Option<Self> {
        Self::checked("coingecko", id)
    }

    fn checked(space: &str, name: &str) -> Option<Self> {
        let name = name.trim();
        let plain = |text: &str| {
            !text.is_empty()
                && text
                    .bytes()
                    .all(|byte| byte.is_ascii_graphic() && byte != b',')
        };
        (plain(space) && plain(name) && space.len() + name.len() < LONGEST_KEY)
            .then(|| Self(format!("{space}:{name}").into()))
    }

    /// The key as the source wants it: `ethereum:0x…`, `coingecko:bitcoin`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PriceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What the price source calls the chain of a display name: lower case, but for the chains whose
/// display name is another word.
pub fn chain_slug(chain: &str) -> String {
    let lower = chain.trim().to_lowercase();
    let known = match lower.as_str() {
        "avalanche" => "avax",
        "binance" => "bsc",
        "bifrost network" => "bfc",
        "bitlayer" => "btr",
        "chiliz" => "chz",
        "cosmoshub" => "cosmos",
        "cronos zkevm" => "cronos_zkevm",
        "edu chain" => "occ",
        "etherlink" => "etlk",
        "fuel ignition" | "fuel-ignition" => "fuel",
        "gnosis" => "xdai",
        "hashkey chain" => "hsk",
        "hyperevm" | "hyper_evm" | "hyperliquid l1" => "hyperliquid",
        "immutable zkevm" => "imx",
        "iota evm" => "iotaevm",
        "kaia" => "klaytn",
        "kucoin" => "kcc",
        "movement" => "move",
        "multiversx" => "elrond",
        "oasis sapphire" => "sapphire",
        "oktchain" => "okexchain",
        "op mainnet" => "optimism",
        "opbnb" => "op_bnb",
        "plume mainnet" => "plume_mainnet",
        "polygon zkevm" => "polygon_zkevm",
        "pulsechain" => "pulse",
        "rootstock" => "rsk",
        "story" => "sty",
        "viction" => "tomochain",
        "world chain" => "wc",
        "x layer" => "xlayer",
        "xrpl" => "ripple",
        "zetachain" => "zeta",
        "zksync" | "zksync era" => "era",
        "zksync lite" => "zksync",
        _ => return lower.replace(' ', "_"),
    };
    known.to_owned()
}

/// What one unit of a token costs.
#[derive(Debug, Clone, PartialEq)]
pub struct Price {
    /// US dollars for one unit, above zero.
    pub usd: Decimal,
    pub symbol: Option<Box<str>>,
    /// When the source read the price.
    pub at: Timestamp,
    /// How sure the source is, 0 to 1; below 0.9 is doubtful. `None` when it does not say.
    pub confidence: Option<f64>,
}

/// What an answer says of each coin. One that the source does not know is not in it.
#[derive(Debug, Clone, PartialEq)]
pub struct ByCoin<T>(HashMap<Box<str>, T>);

impl<T> Default for ByCoin<T> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

#[derive(Deserialize)]
struct Coins<'a> {
    #[serde(borrow)]
    coins: HashMap<String, &'a RawValue>,
}

impl<T> ByCoin<T> {
    /// Reads a whole body; a coin of which nothing usable is said is left out.
    ///
    /// # Errors
    ///
    /// [`SourceError::Malformed`] when the body is cut off or is no such document.
    pub(super) fn parse(
        body: &[u8],
        usable: impl Fn(&RawValue) -> Option<T>,
    ) -> Result<Self, SourceError> {
        let answer: Coins<'_> =
            serde_json::from_str(text_of(body)?).map_err(|error| malformed(&error, body))?;
        let coin = |(key, said): (String, &RawValue)| {
            Some((key.to_ascii_lowercase().into(), usable(said)?))
        };
        Ok(Self(answer.coins.into_iter().filter_map(coin).collect()))
    }

    pub fn get(&self, key: &PriceKey) -> Option<&T> {
        self.0.get(key.as_str().to_ascii_lowercase().as_str())
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn extend(&mut self, more: Self) {
        self.0.extend(more.0);
    }
}

cells! {
    /// What is used of a coin.
    CoinCells {
        price: "price",
        symbol: "symbol",
        timestamp: "timestamp",
        confidence: "confidence",
    }
}

/// Reads a whole body. A coin without a time, or whose price is missing, not above zero or beyond
/// 10¹² dollars, is left out.
///
/// # Errors
///
/// [`SourceError::Malformed`] when the body is cut off or is no such document.
pub fn parse(body: &[u8]) -> Result<ByCoin<Price>, SourceError> {
    ByCoin::parse(body, |coin| price(&row(coin)))
}

fn price(cells: &CoinCells<'_>) -> Option<Price> {
    Some(Price {
        usd: price_in(cells.price)?,
        symbol: text_in(cells.symbol)
            .map(|symbol| {
                symbol
                    .trim()
                    .chars()
                    .take(LONGEST_SYMBOL)
                    .collect::<String>()
            })
            .filter(|symbol| !symbol.is_empty())
            .map(Into::into),
        at: moment_in(cells.timestamp)?,
        confidence: number_in(cells.confidence).filter(|stated| (0.0..=1.0).contains(stated)),
    })
}

/// The keys in portions of at most `most` that fit into one request each, every key once.
pub(super) fn portions(keys: &[PriceKey], most: usize) -> Vec<Vec<&str>> {
    let mut unique: Vec<_> = keys.iter().map(PriceKey::as_str).collect();
    unique.sort_unstable();
    unique.dedup();
    let mut portions: Vec<Vec<&str>> = Vec::new();
    let mut bytes = 0;
    for key in unique {
        // A byte that is neither a letter nor a digit may take three in an address.
        let size: usize = key
            .bytes()
            .map(|byte| if byte.is_ascii_alphanumeric() { 1 } else { 3 })
            .sum::<usize>()
            + 3;
        match portions.last_mut() {
            Some(last) if last.len() < most && bytes + size <= MOST_BYTES => {
                last.push(key);
                bytes += size;
            }
            _ => {
                portions.push(vec![key]);
                bytes = size;
            }
        }
    }
    portions
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WETH: &str = "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2";

    fn usd(json: &str) -> Option<String> {
        let body =
            format!(r#"{{"coins":{{"coingecko:x":{{"price":{json},"timestamp":1758982048}}}}}}"#);
        parse(body.as_bytes())
            .unwrap()
            .get(&PriceKey::coingecko("x").unwrap())
            .map(|price| price.usd.normalize().to_string())
    }

    #[test]
    fn an_answer_is_read_whatever_the_case_of_its_keys() {
        let prices = parse(
            br#"{"coins":{
                "ethereum:0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2":
                    {"decimals":18,"symbol":"WETH","price":4010.51,"timestamp":1758982048,"confidence":0.99},
                "coingecko:Bitcoin": {"price":"109500.25","symbol":"BTC","timestamp":1758982048},
                "coingecko:dead": {"price":null,"symbol":"DEAD","timestamp":1758982048},
                "coingecko:undated": {"price":1},
                "coingecko:odd": 5
            },"more":[]}"#,
        )
        .unwrap();
        assert_eq!(prices.len(), 2);
        let weth = prices
            .get(&PriceKey::token("Ethereum", WETH).unwrap())
            .unwrap();
        assert_eq!(weth.usd.to_string(), "4010.51");
        assert_eq!(weth.symbol.as_deref(), Some("WETH"));
        assert_eq!(weth.at.seconds(), 1_758_982_048);
        assert_eq!(weth.confidence, Some(0.99));
        let bitcoin = prices
            .get(&PriceKey::coingecko("bitcoin").unwrap())
            .unwrap();
        assert_eq!(bitcoin.usd.to_string(), "109500.25");
        assert_eq!(bitcoin.confidence, None);
        assert!(parse(br#"{"coins":{}}"#).unwrap().is_empty());
    }

    #[test]
    fn prices_are_exact_and_sane() {
        for (json, want) in [
            ("1.0000000000000002", Some("1.0000000000000002")),
            (
                "0.99998731234567890123456789012345678",
                Some("0.9999873123456789012345678901"),
            ),
            ("1.2345e-7", Some("0.00000012345")),
            ("1.5e+3", Some("1500")),
            ("1E3", Some("1000")),
            ("\"2.50\"", Some("2.5")),
            ("1000000000000", Some("1000000000000")),
            ("1000000000001", None),
            ("1e300", None),
            ("1e-40", None),
            ("0", None),
            ("-1", None),
            ("\"NaN\"", None),
            ("\"\"", None),
            ("\"e\"", None),
            ("{}", None),
        ] {
            assert_eq!(usd(json).as_deref(), want, "{json}");
        }
    }

    #[test]
    fn chains_have_the_names_of_the_price_source() {
        for (chain, slug) in [
            ("Ethereum", "ethereum"),
            ("BSC", "bsc"),
            ("Avalanche", "avax"),
            ("Gnosis", "xdai"),
            ("Optimism", "optimism"),
            ("OP Mainnet", "optimism"),
            ("Hyperliquid L1", "hyperliquid"),
            ("Op_bnb", "op_bnb"),
            ("Cronos_zkevm", "cronos_zkevm"),
            ("Polygon zkEVM", "polygon_zkevm"),
            ("zkSync Era", "era"),
            ("World Chain", "wc"),
            ("Plume Mainnet", "plume_mainnet"),
            ("APTOS", "aptos"),
            ("A Chain Of Tomorrow", "a_chain_of_tomorrow"),
        ] {
            assert_eq!(chain_slug(chain), slug, "{chain}");
        }
    }

    #[test]
    fn what_cannot_be_a_key_is_none() {
        assert_eq!(
            PriceKey::token("Sui", "0x2::sui::SUI").unwrap().to_string(),
            "sui:0x2::sui::SUI"
        );
        for address in ["", " ", "a,b", "a b", "a\nb", "₮", &"a".repeat(300)] {
            assert_eq!(PriceKey::token("Ethereum", address), None, "{address}");
        }
        assert_eq!(PriceKey::token("", WETH), None);
        assert_eq!(PriceKey::token("a,b", WETH), None);
    }

    #[test]
    fn many_keys_are_asked_for_in_portions() {
        let keys: Vec<_> = (0..200)
            .map(|number| PriceKey::token("Ethereum", &format!("0x{number:040x}")).unwrap())
            .chain([PriceKey::token("Ethereum", &format!("0x{:040x}", 7)).unwrap()])
            .collect();
        let portions = portions(&keys, MOST_KEYS);
        let sizes: Vec<_> = portions.iter().map(Vec::len).collect();
        assert_eq!(sizes, [80, 80, 40]);
        let long: Vec<_> = (0..80)
            .map(|number| PriceKey::token("Sui", &format!("0x{number:0150x}::a::A")).unwrap())
            .collect();
        for portion in super::portions(&long, MOST_KEYS) {
            assert!(portion.join(",").len() <= MOST_BYTES);
        }
        assert!(super::portions(&[], MOST_KEYS).is_empty());
    }

    proptest! {
        #[test]
        fn no_bytes_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
            drop(parse(&body));
        }

        #[test]
        fn no_price_panics(digits in "[-+0-9.eE]{1,40}") {
            let body = format!(r#"{{"coins":{{"a:b":{{"price":"{digits}","timestamp":1}}}}}}"#);
            let prices = parse(body.as_bytes()).unwrap();
            for price in prices.0.values() {
                prop_assert!(price.usd > Decimal::ZERO && price.usd <= Decimal::from(10_u64.pow(12)));
            }
        }
    }
}
