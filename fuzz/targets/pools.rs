//! An answer of pools: whatever it says, what is taken out of it can be believed as far as a single answer can.
#![no_main]

use std::{collections::HashSet, sync::LazyLock};

use libfuzzer_sys::fuzz_target;
use stipend::{
    domain::time::Timestamp,
    sources::defillama::{categories::Categories, pools::parse},
};

static CATEGORIES: LazyLock<Categories> = LazyLock::new(Categories::bundled);

fuzz_target!(|body: &[u8]| {
    let at = Timestamp::from_millis(1_771_200_000_000);
    let Ok(parsed) = parse(body, at, &CATEGORIES) else {
        return;
    };
    assert!(!parsed.rows.is_empty());
    let mut ids = HashSet::new();
    for row in &parsed.rows {
        assert!(ids.insert(row.pool.id), "a pool is listed twice");
        let reading = &row.reading;
        assert!(reading.apy.get().abs() <= 1e6);
        for part in [reading.base, reading.reward, row.feed.mean_30d] {
            assert!(part.is_none_or(|part| part.get().is_finite()));
        }
        assert!(reading.tvl_usd.is_finite() && reading.tvl_usd >= 0.0);
        assert!(reading.at <= at, "it is of a time to come");
        for name in [&*row.pool.symbol, &*row.pool.protocol, &*row.pool.chain] {
            assert!(!name.trim().is_empty() && name.chars().count() <= 200);
        }
    }
});
