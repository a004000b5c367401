use super::*;
use crate::market::fixture::{hour, minute, pool};

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

async fn knowing(rows: &[(&str, &str, Timestamp, Timestamp)]) -> Prices {
    let prices = Prices::new(None);
    prices
        .known
        .lock()
        .await
        .extend(rows.iter().map(|(token, symbol, at, fetched_at)| {
            let key = PriceKey::token("Ethereum", token).unwrap();
            let row = PriceRow {
                coin: key.as_str().to_owned(),
                usd: Decimal::ONE,
                symbol: (*symbol).to_owned(),
                at: *at,
                fetched_at: *fetched_at,
            };
            (row.coin.clone(), row)
        }));
    prices
}

#[tokio::test]
async fn remembered_prices_are_fresh_for_minutes_and_worthless_after_a_day() {
    let prices = knowing(&[(USDC, "USDC", hour(0), hour(0))]).await;
    let keys = keys_of(&pair("USDC", &[USDC]), "USDC");
    assert!(
        prices
            .remembered(&keys, "USDC", minute(5), FRESH)
            .await
            .is_some()
    );
    assert!(
        prices
            .remembered(&keys, "USDC", minute(6), FRESH)
            .await
            .is_none()
    );
    assert!(
        prices
            .remembered(&keys, "USDC", hour(24), OLDEST)
            .await
            .is_some()
    );
    assert!(
        prices
            .remembered(&keys, "USDC", minute(24 * 60 + 1), OLDEST)
            .await
            .is_none()
    );
}

#[tokio::test]
async fn a_price_that_its_source_made_long_ago_is_not_fresh_for_being_fetched_now() {
    let prices = knowing(&[(USDC, "USDC", hour(0), hour(30))]).await;
    let keys = keys_of(&pair("USDC", &[USDC]), "USDC");
    assert!(
        prices
            .remembered(&keys, "USDC", hour(30), FRESH)
            .await
            .is_none()
    );
}

#[tokio::test]
async fn with_several_tokens_the_symbol_decides() {
    let rows = [
        (USDC, "USDC", hour(0), hour(0)),
        (WETH, "WETH", hour(0), hour(0)),
    ];
    let prices = knowing(&rows).await;
    let keys = keys_of(&pair("LP", &[USDC, WETH]), "weth");
    assert_eq!(keys.len(), 2);
    assert!(
        prices
            .remembered(&keys, "weth", hour(0), FRESH)
            .await
            .is_some()
    );
    assert!(
        prices
            .remembered(&keys, "DAI", hour(0), FRESH)
            .await
            .is_none()
    );
}
