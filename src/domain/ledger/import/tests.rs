use proptest::prelude::*;

use super::*;
use crate::domain::ledger::{
    export::{self, Format},
    tests::{any_entry, everything, logged},
};

fn now() -> Timestamp {
    Timestamp::parse("2027-01-01T00:00:00Z").unwrap()
}

fn berlin() -> Zone {
    Zone::parse("Europe/Berlin").unwrap()
}

fn read_text(text: &str, ledger: &[Logged]) -> Import {
    read(text.as_bytes(), berlin(), now(), ledger).unwrap()
}

fn numbered(entries: Vec<Entry>) -> Vec<Logged> {
    let entries = entries.into_iter().zip(1..);
    entries.map(|(entry, id)| logged(id, entry)).collect()
}

#[test]
fn a_table_that_somebody_made_needs_four_columns() {
    let import = read_text(
        "Date;Kind;Asset;Quantity;Value;Currency\n2026-03-01;staking;ETH;0.0042;11.34;usd\n\
         2026-03-02 14:30;Airdrop;NEW;4.2E-06;;\n",
        &[],
    );
    assert_eq!(import.bad, []);
    let [first, second] = import.entries.as_slice() else {
        panic!("{import:?}");
    };
    assert_eq!(first.at, Timestamp::parse("2026-02-28T23:00:00Z").unwrap());
    let unit = first.unit_value.as_ref().unwrap();
    assert_eq!(
        (unit.value.to_string().as_str(), unit.currency),
        ("2700", Currency::Usd)
    );
    assert_eq!(unit.source, Source::Stated);
    assert_eq!(second.at, Timestamp::parse("2026-03-02T13:30:00Z").unwrap());
    assert_eq!(second.quantity.to_string(), "0.0000042");
    assert_eq!(second.unit_value, None, "what is not told is not known");
}

#[test]
fn bad_lines_are_named_and_the_others_are_taken() {
    let head = "received_at,kind,asset,quantity,unit_value,value,currency,value_source,priced_at,\
                fee,fee_currency,withdrawn_at,position,time_zone\n";
    let lines = [
        ("2026-03-01,staking,ETH,1,,,,,,,,,,", None),
        (",staking,ETH,1,,,,,,,,,,", Some("it has no received_at")),
        (
            "soon,staking,ETH,1,,,,,,,,,,",
            Some("its received_at: `soon` is no time; write it like now"),
        ),
        (
            "2027-02-01,staking,ETH,1,,,,,,,,,,",
            Some("its received_at: `2027-02-01` is still to come"),
        ),
        (
            "2026-03-01,salary,ETH,1,,,,,,,,,,",
            Some("`salary` is no kind of income; known are staking"),
        ),
        (
            "2026-03-01,staking,=1+1,1,,,,,,,,,,",
            Some("`=1+1` is no symbol of an asset"),
        ),
        (
            "2026-03-01,staking,ETH,-1,,,,,,,,,,",
            Some("its quantity: `-1` is not an amount"),
        ),
        (
            "2026-03-01,staking,ETH,0,,,,,,,,,,",
            Some("its quantity: `0` is not an amount"),
        ),
        (
            "2026-03-01,staking,ETH,1,2700,,,,,,,,,",
            Some("it has no currency"),
        ),
        (
            "2026-03-01,staking,ETH,1,2700,,DOGE,,,,,,,",
            Some("its currency: `DOGE` is no currency"),
        ),
        (
            "2026-03-01,staking,ETH,2,2700,2700,USD,,,,,,,",
            Some("its value is not its quantity times"),
        ),
        (
            "2026-03-01,staking,ETH,1,2700,,USD,DefiLlama,,,,,,",
            Some("its unit_value comes from `DefiLlama`"),
        ),
        (
            "2026-03-01,staking,ETH,1,,,,,,3,,,,",
            Some("it has no fee_currency"),
        ),
        (
            "2026-03-01,staking,ETH,1,,,,,,,,2026-02-01,,",
            Some("it was withdrawn before it was received"),
        ),
        (
            "2026-03-01,staking,ETH,1,,,,,,,,,first,",
            Some("`first` is no number of a position"),
        ),
        (
            "2026-03-01,staking,ETH,1,,,,,,,,,,Mars",
            Some("`Mars` is no time zone"),
        ),
        (
            "2026-03-01,interest,USDC,3,0.333333,1.00,USD,,,,,,#7,UTC",
            None,
        ),
    ];
    let text: Vec<&str> = lines.iter().map(|(line, _)| *line).collect();
    let import = read_text(&format!("{head}{}", text.join("\n")), &[]);
    let mut bad = import.bad.iter();
    for (number, (line, why)) in (2..).zip(lines) {
        let Some(why) = why else { continue };
        let named = bad.next().unwrap_or_else(|| panic!("{line} is taken"));
        assert_eq!(named.line, number, "{line}");
        assert!(named.why.to_string().starts_with(why), "{}", named.why);
    }
    assert_eq!(bad.next(), None);
    assert_eq!(import.entries.len(), 2);
}

#[test]
fn the_file_of_another_tool_is_refused_by_its_columns() {
    let koinly = export::write(Format::Koinly, &[&logged(1, everything())], berlin());
    let refused = read(&koinly, berlin(), now(), &[]).unwrap_err();
    assert!(
        matches!(refused, SheetError::ColumnsMissing { .. }),
        "{refused}"
    );
}

#[test]
fn what_is_there_already_is_skipped_as_often_as_it_is_there() {
    let twice =
        "received_at,kind,asset,quantity\n2026-03-01,staking,ETH,1\n2026-03-01,staking,eth,1.0\n";
    let once = read_text(twice, &[]);
    assert_eq!((once.entries.len(), once.known.len()), (2, 0));
    assert_eq!(once.repeated, [3]);
    let first = numbered(once.entries[..1].to_vec());
    let again = read_text(twice, &first);
    assert_eq!((again.entries.len(), again.known), (1, vec![2]));
    let all = read_text(twice, &numbered(once.entries));
    assert_eq!((all.entries.len(), all.known), (0, vec![2, 3]));
}

#[test]
fn every_column_that_is_written_is_read() {
    let known: Vec<&str> = COLUMNS
        .needed
        .iter()
        .chain(COLUMNS.others)
        .copied()
        .collect();
    for column in export::COLUMNS {
        assert!(known.contains(&column), "{column}");
    }
    assert_eq!(known.len(), export::COLUMNS.len());
}

/// Ten thousand lines, as long as a file may be.
#[test]
fn a_full_file_is_read_while_somebody_waits() {
    let entry = everything();
    let entries: Vec<Entry> = (0..10_000)
        .map(|at| Entry {
            at: Timestamp::from_millis(entry.at.millis() - at),
            ..entry.clone()
        })
        .collect();
    let ledger = numbered(entries);
    let written = export::write(Format::Csv, &ledger.iter().collect::<Vec<_>>(), berlin());
    let started = std::time::Instant::now();
    let import = read(&written, berlin(), now(), &ledger).unwrap();
    let took = started.elapsed();
    assert_eq!(import.known.len(), 10_000);
    println!("10,000 lines in {took:?}");
    // Half a second when unoptimised; the rest is for a loaded machine.
    assert!(took < std::time::Duration::from_secs(5), "{took:?}");
}

proptest! {
    /// What is exported and imported is the same ledger, to the last digit.
    #[test]
    fn a_file_of_ours_is_read_back_as_it_was(
        entries in proptest::collection::vec(any_entry(), 1..12),
        zone in proptest::sample::select(vec!["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"]),
    ) {
        let zone = Zone::parse(zone).unwrap();
        let ledger = numbered(entries);
        let rows = export::of_year(&ledger, None, zone);
        let written = export::write(Format::Csv, &rows, zone);
        let import = read(&written, berlin(), now(), &[]).unwrap();
        prop_assert_eq!(import.bad, []);
        let wanted: Vec<&Entry> = rows.iter().map(|logged| &logged.entry).collect();
        let read_back: Vec<&Entry> = import.entries.iter().collect();
        prop_assert_eq!(read_back, wanted);
        let again = read(&written, berlin(), now(), &ledger).unwrap();
        prop_assert_eq!(again.known.len(), ledger.len());
        prop_assert_eq!(again.entries, []);
    }

    #[test]
    fn no_file_makes_it_panic(cells in proptest::collection::vec("[^\"]{0,12}", 0..40)) {
        let text = format!("{}\n{}", export::COLUMNS.join(","), cells.join(","));
        drop(read(text.as_bytes(), berlin(), now(), &[]));
    }
}
