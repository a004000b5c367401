//! A ledger as a file: what is read of it is written and read again without a difference, and taken twice by
//! nobody.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stipend::domain::{
    ids::LedgerEntryId,
    ledger::{
        Logged,
        export::{Format, write},
        import::read,
    },
    sheet::MOST_ROWS,
    time::Timestamp,
    zone::Zone,
};

fuzz_target!(|bytes: &[u8]| {
    let now = Timestamp::from_millis(1_771_200_000_000);
    let zone = Zone::default();
    let Ok(import) = read(bytes, zone, now, &[]) else {
        return;
    };
    assert!(import.known.is_empty());
    assert!(import.entries.len() + import.bad.len() <= MOST_ROWS);
    let logged: Vec<Logged> = (1..)
        .zip(&import.entries)
        .map(|(id, entry)| Logged {
            id: LedgerEntryId(id),
            entry: entry.clone(),
            added_at: now,
        })
        .collect();
    let all: Vec<&Logged> = logged.iter().collect();
    for format in Format::ALL {
        assert!(!write(format, &all, zone).is_empty());
    }
    if all.is_empty() {
        return;
    }
    let file = write(Format::Csv, &all, zone);
    let again = read(&file, zone, now, &[]).expect("what we write is a table");
    assert_eq!(again.bad, []);
    assert_eq!(again.entries, import.entries);
    let twice = read(&file, zone, now, &logged).expect("what we write is a table");
    assert_eq!((twice.entries.len(), twice.known.len()), (0, logged.len()));
});
