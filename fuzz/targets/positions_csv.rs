//! Positions as a file: what is read of it is written and read again without a difference.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use stipend::{
    discord::commands::portfolio::table::{Known, read, write},
    domain::{
        currency::Currency,
        ids::{PositionId, UserId},
        position::Position,
        sheet::MOST_ROWS,
        time::Timestamp,
        verdict::Screen,
    },
    market::{health::Health, ingest::advance, snapshot::Snapshot, view::View},
    sources::{
        Batch,
        defillama::{categories::Categories, pools::parse},
    },
};

const NOW: Timestamp = Timestamp::from_millis(1_771_200_000_000);

static MARKET: LazyLock<View> = LazyLock::new(|| {
    let body = include_bytes!("../../tests/fixtures/pools-2025-08-31.json");
    let parsed = parse(body, NOW, &Categories::bundled()).expect("a real answer");
    let batch = Batch {
        source: "DefiLlama",
        fetched_at: NOW,
        digest: 0,
        rows: parsed.rows,
        skipped: 0,
        conflicting: 0,
    };
    let screen = Screen::default();
    let change = advance(&Snapshot::default(), batch, &screen);
    View::new(change.snapshot.into(), &Health::default(), &screen, NOW)
});

fuzz_target!(|bytes: &[u8]| {
    let known = Known {
        market: &MARKET,
        today: NOW.day(),
        usual: Currency::Usd,
    };
    let Ok(table) = read(bytes, &known, &[]) else {
        return;
    };
    assert!(table.stakes.len() + table.bad.len() <= MOST_ROWS);
    for bad in &table.bad {
        assert!(
            !bad.why.is_empty() && bad.why.chars().count() < 2_000,
            "{}",
            bad.why
        );
    }
    let positions: Vec<Position> = (1..)
        .zip(&table.stakes)
        .map(|(id, stake)| Position {
            id: PositionId(id),
            owner: UserId(1),
            stake: stake.clone(),
            added_at: NOW,
        })
        .collect();
    if positions.is_empty() {
        return;
    }
    let file = write(&positions);
    let again = read(&file, &known, &[]).expect("what we write is a table");
    assert_eq!(again.bad, []);
    assert_eq!(again.stakes, table.stakes);
    let twice = read(&file, &known, &positions).expect("what we write is a table");
    assert_eq!((twice.stakes.len(), twice.bad.len()), (0, positions.len()));
});
