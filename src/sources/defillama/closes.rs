//! What tokens cost at the end of each of the last days, as `coins.llama.fi/chart/{coins}` answers it.

use serde_json::value::RawValue;

use super::{
    prices::ByCoin,
    wire::{Cell, cells, moment_in, number_in, row},
};
use crate::{
    domain::{
        closes::Closes,
        time::{Day, Timestamp},
    },
    sources::SourceError,
};

/// Dollars for one unit of anything, as for present prices.
const ABSURD_PRICE: f64 = 1e12;
/// Tokens in one request: each brings a reading for each day.
pub(super) const MOST_KEYS: usize = 10;
/// Days that are asked for at most.
pub const MOST_DAYS: u16 = 365;

/// What is asked for: one reading a day, at the end of each of so many days before today, of which
/// there are 1 to [`MOST_DAYS`].
pub(super) fn query(days: u16, today: Day) -> [(&'static str, String); 3] {
    let days = days.clamp(1, MOST_DAYS);
    let first = Day(today.0.saturating_sub(i32::from(days)));
    let end_of_first = Day(first.0.saturating_add(1)).start().seconds() - 1;
    [
        ("start", end_of_first.to_string()),
        ("span", days.to_string()),
        ("period", "1d".to_owned()),
    ]
}

cells! {
    /// What is used of a token.
    TokenCells {
        prices: "prices",
    }
}

cells! {
    /// What is used of a reading.
    PointCells {
        timestamp: "timestamp",
        price: "price",
    }
}

/// Reads a whole body. A reading without a time, or whose price is missing, not above zero or beyond
/// 10¹² dollars, is left out; so is a token without a reading.
///
/// # Errors
///
/// [`SourceError::Malformed`] when the body is cut off or is no such document.
pub fn parse(body: &[u8]) -> Result<ByCoin<Closes>, SourceError> {
    ByCoin::parse(body, |token| {
        let cells: TokenCells<'_> = row(token);
        let closes = Closes::of(points(cells.prices));
        (!closes.as_slice().is_empty()).then_some(closes)
    })
}

fn points(cell: Cell<'_>) -> Vec<(Timestamp, f64)> {
    let rows: Vec<&RawValue> = cell
        .and_then(|list| serde_json::from_str(list.get()).ok())
        .unwrap_or_default();
    let point = |raw| {
        let cells: PointCells<'_> = row(raw);
        let usd = number_in(cells.price).filter(|usd| *usd > 0.0 && *usd <= ABSURD_PRICE)?;
        Some((moment_in(cells.timestamp)?, usd))
    };
    rows.into_iter().filter_map(point).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sources::defillama::prices::PriceKey;

    const BODY: &str = r#"{"coins":{
        "coingecko:Ethereum":{"symbol":"ETH","confidence":0.99,"prices":[
            {"timestamp":1771286398,"price":2600.5},{"timestamp":1771200001,"price":"2500"},
            {"timestamp":1771372799,"price":null},{"timestamp":1771459199,"price":-1},
            {"price":5},7,{"timestamp":1771545599,"price":1e300}]},
        "coingecko:dead":{"prices":[]},"coingecko:odd":5,"coingecko:none":{"prices":{}}
    }}"#;

    #[test]
    fn closes_are_read_and_what_is_no_price_is_left_out() {
        let prices = parse(BODY.as_bytes()).unwrap();
        assert_eq!(prices.len(), 1);
        let closes = prices.get(&PriceKey::coingecko("ethereum").unwrap());
        let told: Vec<_> = closes
            .unwrap()
            .as_slice()
            .iter()
            .map(|close| (close.day.to_string(), close.usd))
            .collect();
        assert_eq!(
            told,
            [
                ("2026-02-15".to_owned(), 2500.0),
                ("2026-02-16".to_owned(), 2600.5)
            ]
        );
        assert!(parse(br#"{"coins":{}}"#).unwrap().is_empty());
    }

    #[test]
    fn the_ends_of_the_days_before_today_are_asked_for() {
        let today = Day::parse("2026-02-16").unwrap();
        let of = |days| query(days, today).map(|(_, value)| value);
        // 2026-02-14 and 2026-02-15, each at 23:59:59.
        assert_eq!(of(2), ["1771113599", "2", "1d"]);
        assert_eq!(of(0)[1], "1");
        assert_eq!(of(9_999)[1], "365");
    }

    #[test]
    fn a_body_that_is_cut_off_gives_nothing() {
        for end in 0..BODY.len() {
            assert!(parse(&BODY.as_bytes()[..end]).is_err(), "cut at {end}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
            drop(parse(&body));
        }
    }
}
