use std::{sync::Arc, time::Instant};

use proptest::prelude::*;

use super::*;
use crate::{
    domain::{pool::Pool, reading::Observed},
    market::fixture::{after, hour, id, pool, row},
};

fn made(number: u8, symbol: &str, protocol: &str, chain: &str, tvl_usd: f64) -> Observed {
    let mut made = row(number, 4.0);
    made.pool = Pool {
        protocol: Arc::from(protocol),
        chain: Arc::from(chain),
        ..pool(number, symbol)
    };
    made.reading.tvl_usd = tvl_usd;
    made
}

fn market() -> Snapshot {
    let rows = vec![
        made(1, "USDC", "aave-v3", "Ethereum", 9e8),
        made(2, "USDC", "aave-v3", "Base", 3e8),
        made(3, "USDC-WETH", "uniswap-v3", "Base", 2e8),
        made(4, "WETH", "aave-v3", "Ethereum", 8e8),
        made(5, "STETH", "lido", "Ethereum", 3e10),
        made(6, "USDC", "compound-v3", "Hyperliquid L1", 1e8),
        made(7, "USDC", "aave-v2", "Ethereum", 1e7),
        made(8, "THE", "thena-v1", "BSC", 1e6),
        made(9, "USDC", "save", "Solana", 5e6),
        made(10, "USDC.E", "ether.fi-stake", "Polygon", 4e6),
        made(12, "AAVE", "aave-v3", "Base", 2e8),
        made(11, "USD₮0", "crypto.com-liquid-staking", "Plasma", 4e6),
    ];
    after(&Snapshot::default(), hour(0), rows).snapshot
}

/// Which pools a text means, how, and how many more.
fn meant(text: &str) -> (Vec<u8>, By, usize) {
    let market = market();
    let mention = market.mentioned(text);
    let numbers = mention
        .fits
        .iter()
        .map(|listing| listing.pool.id.as_bytes()[0]);
    (numbers.collect(), mention.by, mention.more)
}

#[test]
fn pools_are_found_by_what_a_text_names() {
    use By::{Nothing, Protocol, ProtocolAndToken, Token};
    for (text, pools, by) in [
        (
            "Earn 40% on USDC with Aave v3 on Base!",
            &[2][..],
            ProtocolAndToken,
        ),
        ("earn on usdc with aave-v3, base", &[2], ProtocolAndToken),
        ("aave usdc", &[1, 2, 7], ProtocolAndToken),
        ("AAVE v2: USDC", &[7], ProtocolAndToken),
        ("Uniswap USDC/ETH", &[3], ProtocolAndToken),
        ("our USDC-WETH pool pays", &[3], Token),
        ("Lido stETH", &[5], ProtocolAndToken),
        ("Aave, Base: USDC", &[2], ProtocolAndToken),
        ("$AAVE", &[12], ProtocolAndToken),
        ("Lido pays well", &[5], Protocol),
        (
            "USDC with Aave v3 on Base, or Crypto.com Liquid Staking",
            &[2, 11],
            ProtocolAndToken,
        ),
        ("i like lido a lot", &[], Nothing),
        ("$USDC on Hyperliquid L1", &[6], Token),
        ("usdc, hyperliquid l1", &[6], Token),
        ("USDC.e at ether.fi stake", &[10], ProtocolAndToken),
        (
            "USD₮0 with crypto.com liquid staking",
            &[11],
            ProtocolAndToken,
        ),
        ("Is the one that you meant there? 40 % APY", &[], Nothing),
        (
            "EARN THE BEST YIELD THAT THERE IS, ALL DAY LONG",
            &[],
            Nothing,
        ),
        ("buy THE token", &[8], Token),
        ("base", &[], Nothing),
        ("", &[], Nothing),
        ("usdcx aavex", &[], Nothing),
    ] {
        let (found, how, _) = meant(text);
        assert_eq!((found.as_slice(), how), (pools, by), "{text}");
    }
}

#[test]
fn the_largest_are_named_and_the_rest_counted() {
    let (found, by, more) = meant("USDC");
    assert_eq!(
        (found.as_slice(), by, more),
        (&[1, 2, 6, 7, 9][..], By::Token, 0)
    );
    let rows = (1..=9).map(|number| made(number, "DAI", "x", "Base", f64::from(number) * 1e6));
    let market = after(&Snapshot::default(), hour(0), rows.collect()).snapshot;
    let mention = market.mentioned("DAI");
    assert_eq!((mention.fits.len(), mention.more), (5, 4));
    assert_eq!(mention.fits[0].pool.id, id(9));
}

#[test]
fn addresses_come_before_words() {
    let page = format!("https://defillama.com/yields/pool/{}", id(5));
    let text = format!("USDC on Aave: {page} and {page}?x=1");
    assert_eq!(meant(&text), (vec![5], By::Address, 0));
    let (found, by, _) = meant("see https://defillama.com/protocol/compound-v3");
    assert_eq!((found.as_slice(), by), (&[6][..], By::Protocol));
    let family = meant("<https://defillama.com/protocol/aave> USDC");
    assert_eq!(family.0, [1, 2, 7]);
    let market = market();
    let gone = format!("USDC https://defillama.com/yields/pool/{}", id(77));
    let mention = market.mentioned(&gone);
    assert_eq!(mention.unlisted, Some(id(77)));
    assert_eq!(mention.by, By::Token);
}

#[test]
fn what_was_read_is_told() {
    let market = market();
    let mention = market.mentioned("USDC on Aave, Base");
    assert_eq!(mention.names, ["aave-v3", "USDC", "Base"]);
    let mention = market.mentioned("aave USDC");
    assert_eq!(mention.names, ["aave-v3", "aave-v2", "USDC"]);
}

#[test]
fn what_hides_in_a_text_does_not_tear_it_apart() {
    assert_eq!(meant("US\u{200B}DC on Aa\u{2060}ve v3, Ba\u{AD}se").0, [2]);
    // A letter of another alphabet is another letter.
    assert_eq!(meant("USDС").1, By::Nothing);
    assert_eq!(meant("**USDC** on __Aave v3__ ||Base||").0, [2]);
}

#[test]
fn rates_that_a_text_states() {
    for (text, stated, per) in [
        ("pays 40% APY", 40.0, Period::Year),
        ("4.1 % now", 4.1, Period::Year),
        ("up to 1,200% APR", 1_200.0, Period::Year),
        ("12,5 % a year", 12.5, Period::Year),
        ("2% daily, guaranteed", 2.0, Period::Day),
        ("earn 1.5 % per day", 1.5, Period::Day),
        ("5-10 % monthly", 10.0, Period::Month),
        ("weekly: 3%", 3.0, Period::Week),
        ("TVL up 90 %, APY 8 %", 8.0, Period::Year),
        ("8 % APY, 90 % of it real", 8.0, Period::Year),
        ("APY 8 % or APY 12 %", 12.0, Period::Year),
        ("3 % APY or 1 % a day", 1.0, Period::Day),
        ("40％ yield", 40.0, Period::Year),
        ("50 % off", 50.0, Period::Year),
        (
            "40% APY with Aave, or 300% with Quick Farm",
            300.0,
            Period::Year,
        ),
        ("1.200,50 % APR", 1_200.5, Period::Year),
        ("1,200.50 % APR", 1_200.5, Period::Year),
        ("0,125 % a day", 0.125, Period::Day),
        ("yields .5 %", 0.5, Period::Year),
        ("1.200.000 % APY", 1_200_000.0, Period::Year),
        ("1234,567 % APY", 1_234.567, Period::Year),
        ("20 % with code X, 90 % on fees, 8 % APY", 8.0, Period::Year),
        ("only ,5 % APY", 5.0, Period::Year),
    ] {
        let claim = claim(text).unwrap_or_else(|| panic!("{text}"));
        assert_eq!((claim.stated.get(), claim.per), (stated, per), "{text}");
    }
    for text in ["", "40 APY", "%", "a % b", ".,%", "9999999999999999999 %"] {
        assert_eq!(claim(text), None, "{text}");
    }
    let daily = claim("2 % a day").unwrap();
    assert!((daily.yearly().get() - 730.0).abs() < 1e-9);
}

/// A market as large as the real one, with names as they are there.
fn large() -> Snapshot {
    let rows = (0..19_000_u32).map(|number| {
        let mut made = row(1, 4.0);
        let mut bytes = [7_u8; 16];
        bytes[..4].copy_from_slice(&number.to_le_bytes());
        made.pool.id = PoolId::from_bytes(bytes);
        made.pool.protocol = Arc::from(format!("protocol{}-v{}", number % 500, number % 3));
        made.pool.chain = Arc::from(format!("Chain{}", number % 110));
        made.pool.symbol = format!("TOK{}-T{}", number % 4_000, number % 1_500).into();
        made
    });
    after(&Snapshot::default(), hour(0), rows.collect()).snapshot
}

/// Work that grew with words times pools would take minutes here, unoptimised or not.
#[test]
fn hostile_texts_cost_little_in_a_full_market() {
    let market = large();
    let id = market.listings()[0].pool.id;
    let names = |separator: &str| {
        let each = |n: u32| format!("$TOK{n}{separator}T{n}{separator}protocol{n}-v1 ");
        (0..5_000).map(each).collect::<String>()
    };
    let texts = [
        names(" "),
        names("-"),
        "$TOK1 ".repeat(50_000),
        format!("https://defillama.com/yields/pool/{id} ").repeat(5_000),
        "https://defillama.com/protocol/protocol1 ".repeat(5_000),
        "9%".repeat(50_000),
        "1,".repeat(50_000) + "%",
        "a-".repeat(50_000),
        "defillama.com/".repeat(50_000),
        "\u{200B}".repeat(1_000_000),
        "@everyone **[x](https://evil)** ".repeat(10_000),
    ];
    for text in &texts {
        let started = Instant::now();
        let mention = market.mentioned(text);
        let took = started.elapsed();
        assert!(mention.fits.len() <= MOST_POOLS);
        let start: String = text.chars().take(30).collect();
        assert!(took.as_millis() < 1_000, "{start}: {took:?}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "(USDC|aave|Base|%|[0-9]|,|\\.| |defillama.com/|yields/pool/|\\PC){0,60}") {
        let market = market();
        let mention = market.mentioned(&text);
        prop_assert!(mention.fits.len() <= MOST_POOLS);
        prop_assert_eq!(mention.fits.is_empty(), mention.by == By::Nothing);
    }
}
