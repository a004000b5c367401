//! The borrowers' side of lending pools, as `/lendBorrow` answers it: a bare list.

use super::{
    kept::{Collector, Rows},
    wire::{cells, each_row_of_list, fraction_in, name_in, rate_in, text_in, usd_in},
};
use crate::{
    domain::{ids::PoolId, lending::LendingMarket},
    sources::SourceError,
};

cells! {
    /// What is used of a market.
    MarketCells {
        pool: "pool",
        borrow_base: "apyBaseBorrow",
        borrow_reward: "apyRewardBorrow",
        supplied_usd: "totalSupplyUsd",
        borrowed_usd: "totalBorrowUsd",
        ltv: "ltv",
        mints: "mintedCoin",
    }
}

/// Reads a whole body. A row without a pool is bad; every other value that cannot be read is unknown,
/// a loan-to-value above 1 included.
///
/// # Errors
///
/// [`SourceError::Malformed`] when the body is cut off, is no such list or gives no usable row;
/// [`SourceError::TooManyBadRows`] when more than 5 % of its rows are bad.
pub fn parse(body: &[u8]) -> Result<Rows<LendingMarket>, SourceError> {
    let mut collector = Collector::new();
    let rows = each_row_of_list(body, |cells: MarketCells<'_>| {
        collector.take(market(&cells).map(|market| (market.pool, market)));
    })?;
    collector.finish(rows)
}

fn market(cells: &MarketCells<'_>) -> Option<LendingMarket> {
    let pool: PoolId = text_in(cells.pool)?.parse().ok()?;
    Some(LendingMarket {
        pool,
        borrow_base: rate_in(cells.borrow_base),
        borrow_reward: rate_in(cells.borrow_reward),
        supplied_usd: usd_in(cells.supplied_usd),
        borrowed_usd: usd_in(cells.borrowed_usd),
        ltv: fraction_in(cells.ltv),
        mints: name_in(cells.mints).map(Into::into),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::rate::Percent;

    // Of the shape that public clients read; there is no capture of this route.
    const BODY: &str = r#"[
        {"pool":"aa70268e-4b52-42bf-a116-608b370f9501","apyBaseBorrow":6.25,"apyRewardBorrow":null,
         "totalSupplyUsd":2000000,"totalBorrowUsd":1500000,"debtCeilingUsd":null,"ltv":0.75,
         "borrowable":true,"mintedCoin":null,"rewardTokens":null,"borrowFactor":null},
        {"pool":"f981a304-bb6c-45b8-b0c5-fd2f515ad23a","apyBaseBorrow":"NaN","apyRewardBorrow":-3,
         "totalSupplyUsd":-1,"totalBorrowUsd":"7","debtCeilingUsd":1e99,"ltv":75,"mintedCoin":"LUSD"}
    ]"#;

    #[test]
    fn markets_are_read_and_what_is_impossible_is_unknown() {
        let parsed = parse(BODY.as_bytes()).unwrap();
        let [plain, odd] = &parsed.rows[..] else {
            panic!("two markets");
        };
        assert_eq!(plain.borrow_apy().map(Percent::get), Some(6.25));
        assert_eq!(plain.utilisation(), Some(0.75));
        assert_eq!(plain.available_usd(), Some(500_000.0));
        assert_eq!((plain.ltv, &plain.mints), (Some(0.75), &None));
        assert_eq!(
            (odd.borrow_base, odd.supplied_usd, odd.ltv),
            (None, None, None)
        );
        assert_eq!(odd.borrowed_usd, Some(7.0));
        assert_eq!(odd.borrow_reward.map(Percent::get), Some(-3.0));
        assert_eq!(odd.mints.as_deref(), Some("LUSD"));
    }

    #[test]
    fn a_body_that_is_cut_off_gives_nothing() {
        for end in 0..BODY.len() {
            assert!(parse(&BODY.as_bytes()[..end]).is_err(), "cut at {end}");
        }
        for odd in [r#"[{"pool":"no uuid"}]"#, "[]", r#"{"data":[]}"#] {
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
