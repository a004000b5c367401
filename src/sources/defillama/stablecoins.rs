//! Coins that follow a currency, as `/stablecoins?includePrices=true` answers them.

use serde_json::value::RawValue;

use super::{
    kept::{Collector, Rows},
    wire::{Cell, cells, each_row_under, flag_in, name_in, number_in, number_name},
};
use crate::{
    domain::peg::{Peg, Stablecoin},
    sources::SourceError,
};

/// More dollars than a coin that follows a currency can cost.
const ABSURD_PRICE: f64 = 1e9;
/// More units than there can be of a coin.
const ABSURD_NUMBER: f64 = 1e18;
/// What stands before the currency of a peg.
const PEGGED: &str = "pegged";

cells! {
    /// What is used of a coin.
    CoinCells {
        id: "id",
        name: "name",
        symbol: "symbol",
        peg: "pegType",
        price: "price",
        circulating: "circulating",
        yield_bearing: "yieldBearing",
    }
}

/// Reads a whole body. A row is bad when it has no id, name, symbol or peg; every other value that
/// cannot be read is unknown, a price of zero included.
///
/// # Errors
///
/// [`SourceError::Malformed`] when the body is cut off, is no such document or gives no usable row;
/// [`SourceError::TooManyBadRows`] when more than 5 % of its rows are bad.
pub fn parse(body: &[u8]) -> Result<Rows<Stablecoin>, SourceError> {
    let mut collector = Collector::new();
    let rows = each_row_under(body, "peggedAssets", |cells: CoinCells<'_>| {
        collector.take(number_name(cells.id).zip(coin(&cells)));
    })?;
    collector.finish(rows)
}

fn coin(cells: &CoinCells<'_>) -> Option<Stablecoin> {
    let pegged = name_in(cells.peg)?;
    Some(Stablecoin {
        name: name_in(cells.name)?.into(),
        symbol: name_in(cells.symbol)?.into(),
        peg: peg(&pegged),
        price_usd: number_in(cells.price).filter(|usd| *usd > 0.0 && *usd <= ABSURD_PRICE),
        circulating: circulating(cells.circulating, &pegged),
        yield_bearing: flag_in(cells.yield_bearing) == Some(true),
    })
}

/// `peggedUSD` follows the dollar.
fn peg(stated: &str) -> Peg {
    match stated.strip_prefix(PEGGED).unwrap_or(stated) {
        "USD" => Peg::Usd,
        other => Peg::Other(other.into()),
    }
}

/// The number in `{"peggedUSD": …}` that stands under the coin's own peg.
fn circulating(cell: Cell<'_>, pegged: &str) -> Option<f64> {
    let by_peg: std::collections::HashMap<String, &RawValue> =
        serde_json::from_str(cell?.get()).ok()?;
    number_in(by_peg.get(pegged).copied()).filter(|units| (0.0..=ABSURD_NUMBER).contains(units))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    // Of the shape that public clients read; there is no capture of this route.
    const BODY: &str = r#"{"peggedAssets":[
        {"id":"1","name":"Tether","symbol":"USDT","gecko_id":"tether","pegType":"peggedUSD",
         "price":0.9995,"circulating":{"peggedUSD":184096473539.06},"chains":["Ethereum"]},
        {"id":"50","name":"Euro Coin","symbol":"EURC","gecko_id":null,"pegType":"peggedEUR",
         "price":"1.16","circulating":{"peggedEUR":"240000000","peggedUSD":5}},
        {"id":"7","name":"Grown","symbol":"SUSD","pegType":"peggedUSD","price":0,
         "circulating":{"peggedUSD":-1},"yieldBearing":true},
        {"id":"8","name":"Odd","symbol":"ODD","pegType":"peggedVAR","price":1e300,"circulating":7}
    ],"chains":[]}"#;

    #[test]
    fn coins_are_read_with_their_pegs() {
        let parsed = parse(BODY.as_bytes()).unwrap();
        let [tether, euro, grown, odd] = &parsed.rows[..] else {
            panic!("four coins");
        };
        assert_eq!(tether.peg, Peg::Usd);
        assert!((tether.deviation().unwrap() + 0.0005).abs() < 1e-12);
        assert_eq!(euro.peg, Peg::Other("EUR".into()));
        assert_eq!(
            (euro.price_usd, euro.circulating),
            (Some(1.16), Some(240_000_000.0))
        );
        assert_eq!(euro.deviation(), None);
        assert_eq!((grown.price_usd, grown.circulating), (None, None));
        assert!(grown.yield_bearing);
        assert_eq!((odd.price_usd, odd.circulating), (None, None));
    }

    #[test]
    fn a_body_that_is_cut_off_gives_nothing() {
        for end in 0..BODY.len() {
            assert!(parse(&BODY.as_bytes()[..end]).is_err(), "cut at {end}");
        }
        for odd in [r#"{"peggedAssets":[{"symbol":"USDT"}]}"#, "[]", "{}"] {
            assert!(parse(odd.as_bytes()).is_err(), "{odd}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
            drop(parse(&body));
        }
    }
}
