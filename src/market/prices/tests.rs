use rust_decimal::Decimal;

use super::*;
use crate::{
    market::{
        PATIENCE,
        fixture::{hour, minute, pool, store},
        tests::stand_in::StandIn,
    },
    sources::defillama::Settings,
};

const USDC: &str = "0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48";
const WETH: &str = "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2";

fn pair(symbol: &str, tokens: &[&str]) -> Pool {
    Pool {
        underlying: tokens.iter().map(|token| Box::from(*token)).collect(),
        ..pool(1, symbol)
    }
}

fn keys(pool: &Pool, asset: &str) -> Vec<String> {
    keys_of(pool, asset)
        .iter()
        .map(|key| key.as_str().to_lowercase())
        .collect()
}

#[test]
fn the_token_at_the_symbols_place_is_asked_for() {
    let pool = pair("USDC-WETH", &[USDC, WETH]);
    assert_eq!(keys(&pool, "usdc"), [format!("ethereum:{USDC}")]);
    assert_eq!(keys(&pool, "WETH"), [format!("ethereum:{WETH}")]);
}

#[test]
fn every_token_is_asked_for_where_places_do_not_agree() {
    let both = [format!("ethereum:{USDC}"), format!("ethereum:{WETH}")];
    assert_eq!(keys(&pair("USDC", &[USDC, WETH]), "USDC"), both);
    assert_eq!(keys(&pair("USDC-WETH", &[USDC, WETH]), "DAI"), both);
    assert!(keys(&pair("USDC", &[]), "USDC").is_empty());
}

fn row(key: &PriceKey, symbol: &str, at: Timestamp, fetched_at: Timestamp) -> PriceRow {
    PriceRow {
        coin: key.as_str().to_owned(),
        usd: Decimal::ONE,
        symbol: symbol.to_owned(),
        at,
        fetched_at,
    }
}

/// What is remembered once these were read at this time and fetched at that.
fn knowing(rows: &[(&str, &str, Timestamp, Timestamp)]) -> HashMap<String, PriceRow> {
    let row = |(token, symbol, at, fetched_at): &(&str, &str, Timestamp, Timestamp)| {
        let key = PriceKey::token("Ethereum", token).unwrap();
        (key.to_string(), row(&key, symbol, *at, *fetched_at))
    };
    rows.iter().map(row).collect()
}

#[test]
fn remembered_prices_are_fresh_for_minutes_and_worthless_after_a_day() {
    let known = knowing(&[(USDC, "USDC", hour(0), hour(0))]);
    let pool = pair("USDC", &[USDC]);
    let sought = Sought::of(Asset::OfPool(&pool, "USDC"));
    let at = |now, oldest| sought.remembered(&known, now, oldest).map(|it| it.at);
    assert_eq!(at(minute(5), FRESH), Some(hour(0)));
    assert_eq!(at(minute(6), FRESH), None);
    assert_eq!(at(hour(24), OLDEST), Some(hour(0)));
    assert_eq!(at(minute(24 * 60 + 1), OLDEST), None);
}

#[test]
fn a_price_that_its_source_made_long_ago_is_not_fresh_for_being_fetched_now() {
    let known = knowing(&[(USDC, "USDC", hour(0), hour(30))]);
    let pool = pair("USDC", &[USDC]);
    let sought = Sought::of(Asset::OfPool(&pool, "USDC"));
    assert_eq!(sought.remembered(&known, hour(30), FRESH), None);
}

#[test]
fn with_several_tokens_the_symbol_decides() {
    let known = knowing(&[
        (USDC, "USDC", hour(0), hour(0)),
        (WETH, "WETH", hour(0), hour(0)),
    ]);
    let pool = pair("LP", &[USDC, WETH]);
    let of = |symbol| {
        let sought = Sought::of(Asset::OfPool(&pool, symbol));
        assert_eq!(sought.keys.len(), 2);
        sought.remembered(&known, hour(0), FRESH)
    };
    assert!(of("weth").is_some());
    assert!(of("DAI").is_none());
}

#[test]
fn a_coin_by_its_symbol_is_the_well_known_one_or_none() {
    let bitcoin = PriceKey::coingecko("bitcoin").unwrap();
    let known = |symbol: &str| {
        let row = row(&bitcoin, symbol, hour(0), hour(0));
        HashMap::from([(bitcoin.to_string(), row)])
    };
    let sought = Sought::of(Asset::Coin(" btc "));
    assert_eq!(sought.keys, std::slice::from_ref(&bitcoin));
    assert!(sought.remembered(&known("BTC"), hour(0), FRESH).is_some());
    // The id has come to name another coin.
    assert!(sought.remembered(&known("BTC2"), hour(0), FRESH).is_none());
    assert!(Sought::of(Asset::Coin("NOBODYS")).keys.is_empty());
}

fn asking(source: &StandIn) -> Prices {
    let settings = Settings::below(&source.base);
    Prices::new(Some(Defillama::new(&settings).unwrap()))
}

const BOTH: &str = r#"{"coins":{
    "coingecko:bitcoin":{"price":95000.25,"symbol":"BTC","timestamp":1771200000,"confidence":0.99},
    "ethereum:0xA0B86991c6218b36c1d19d4a2e9eb0ce3606eb48":
        {"price":0.9996,"symbol":"USDC","timestamp":1771199940,"confidence":0.95},
    "coingecko:ethereum":{"price":4000,"symbol":"ETH","timestamp":1771200000,"confidence":0.5}}}"#;

#[tokio::test]
async fn many_are_asked_for_in_one_question_and_once() {
    let (_folder, store) = store().await;
    let source = StandIn::start(BOTH).await;
    let prices = asking(&source);
    let pool = pair("USDC", &[USDC]);
    let assets = [
        Asset::Coin("BTC"),
        Asset::OfPool(&pool, "USDC"),
        Asset::Coin("NOBODYS"),
        Asset::Coin("btc"),
    ];
    for _ in 0..2 {
        let told = prices.of(&store, &assets, hour(0), PATIENCE).await;
        let usd: Vec<_> = told
            .iter()
            .map(|quoted| quoted.map(|it| it.usd.to_string()))
            .collect();
        let bitcoin = Some("95000.25".to_owned());
        assert_eq!(usd, [bitcoin.clone(), Some("0.9996".into()), None, bitcoin]);
        let [bitcoin, usdc, ..] = &told[..] else {
            panic!("one for each");
        };
        assert_eq!(bitcoin.unwrap().at, hour(0));
        assert_eq!(usdc.unwrap().at, minute(-1));
        assert_eq!(usdc.unwrap().source, "DefiLlama");
    }
    let question = format!("/prices/coingecko:bitcoin,ethereum:{USDC}");
    assert_eq!(source.asked(), [question]);
}

#[tokio::test]
async fn a_price_that_its_source_is_not_sure_of_is_none() {
    let (_folder, store) = store().await;
    let prices = asking(&StandIn::start(BOTH).await);
    let told = prices
        .of(&store, &[Asset::Coin("ETH")], hour(0), PATIENCE)
        .await;
    assert_eq!(told, [None]);
}

#[tokio::test]
async fn what_is_remembered_answers_for_a_source_that_fails() {
    let (_folder, store) = store().await;
    let prices = asking(&StandIn::start("{").await);
    let key = PriceKey::coingecko("bitcoin").unwrap();
    prices.take_over(vec![row(&key, "BTC", hour(0), hour(0))]);
    let asset = [Asset::Coin("BTC")];
    let told = prices.of(&store, &asset, hour(3), PATIENCE).await;
    assert_eq!(told[0].map(|it| it.at), Some(hour(0)));
    let told = prices.of(&store, &asset, hour(25), PATIENCE).await;
    assert_eq!(told, [None]);
    let (_, health) = prices.health().unwrap();
    assert_eq!(health.trouble.map(|trouble| trouble.in_a_row), Some(2));
}
