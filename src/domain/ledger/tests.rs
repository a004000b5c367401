use proptest::prelude::*;

use super::*;

pub(in crate::domain::ledger) fn logged(id: i64, entry: Entry) -> Logged {
    Logged {
        id: LedgerEntryId(id),
        added_at: entry.at,
        entry,
    }
}

/// An entry of which everything is told.
pub(in crate::domain::ledger) fn everything() -> Entry {
    let at = Timestamp::parse("2026-03-01T14:00:00.250Z").unwrap();
    let usd = "2700".parse::<Amount>().unwrap().get();
    Entry {
        unit_value: UnitValue::priced(
            usd,
            "DefiLlama",
            Timestamp::parse("2026-03-01T14:00:00Z").unwrap(),
        ),
        withdrawn_at: Timestamp::parse("2026-07-02T08:00:00Z"),
        position: Some(PositionId(7)),
        fee: Some(Money {
            amount: "1.20".parse().unwrap(),
            currency: Currency::Eur,
        }),
        note: Some("from the validator".to_owned()),
        ..Entry::new(at, Kind::Staking, "ETH", "0.0042".parse().unwrap())
    }
}

fn any_time() -> impl Strategy<Value = Timestamp> {
    // From 2024 into 2026, to the millisecond.
    (1_704_067_200_000_i64..1_780_000_000_000).prop_map(Timestamp::from_millis)
}

fn any_amount() -> impl Strategy<Value = Amount> {
    (1_i64..1_000_000_000_000, 0_u32..=18)
        .prop_map(|(digits, places)| Amount::new(Decimal::new(digits, places)).unwrap())
        .prop_filter("what makes a value that is taken", |amount| {
            amount.get() <= Decimal::from(1_000_000)
        })
}

fn any_money() -> impl Strategy<Value = Money> {
    let currency = proptest::sample::select(vec![Currency::Usd, Currency::Eur, Currency::Jpy]);
    (any_amount(), currency).prop_map(|(amount, currency)| Money { amount, currency })
}

fn any_source() -> impl Strategy<Value = Source> {
    let priced = ("[A-Za-z]{1,12}", any_time()).prop_map(|(by, at)| Source::Priced { by, at });
    prop_oneof![Just(Source::Stated), priced]
}

/// Any entry that can be kept.
pub(in crate::domain::ledger) fn any_entry() -> impl Strategy<Value = Entry> {
    use proptest::option::of;
    let unit = (any_money(), any_source()).prop_map(|(money, source)| UnitValue {
        source,
        ..UnitValue::stated(money)
    });
    let what = (
        any_time(),
        proptest::sample::select(Kind::ALL.to_vec()),
        "[A-Za-z0-9][A-Za-z0-9.₮-]{0,12}",
        any_amount(),
    );
    let more = (
        of(unit),
        of(0_i64..10_000_000_000),
        of((1_i64..1_000_000).prop_map(PositionId)),
        of(any_money()),
        of("\\PC{0,60}"),
    );
    (what, more).prop_map(
        |((at, kind, asset, quantity), (unit_value, later, position, fee, note))| {
            let entry = Entry {
                unit_value,
                withdrawn_at: later.map(|later| Timestamp::from_millis(at.millis() + later)),
                position,
                fee,
                note,
                ..Entry::new(at, kind, &asset, quantity)
            };
            entry.checked().unwrap()
        },
    )
}

fn eth() -> Entry {
    let at = Timestamp::parse("2026-03-01T14:00:00Z").unwrap();
    Entry::new(at, Kind::Staking, "ETH", "0.0042".parse().unwrap())
}

#[test]
fn an_entry_is_worth_its_quantity_times_its_unit_value() {
    let usd = "2700".parse::<Amount>().unwrap().get();
    let entry = Entry {
        unit_value: UnitValue::priced(usd, "DefiLlama", eth().at),
        ..eth()
    };
    let worth = entry.worth().unwrap();
    assert_eq!(worth.amount.normalize().to_string(), "11.34");
    assert_eq!(worth.currency, Currency::Usd);
    assert_eq!(eth().worth(), None, "what is not known is no zero");
    assert_eq!(
        UnitValue::priced(Decimal::ZERO, "DefiLlama", eth().at),
        None
    );
}

#[test]
fn what_cannot_be_is_refused_by_its_reason() {
    let entry = |change: fn(&mut Entry)| {
        let mut entry = eth();
        change(&mut entry);
        entry.checked().unwrap_err()
    };
    for symbol in [
        "",
        "A B",
        "=SUM(A1)",
        "-ETH",
        "<@1>",
        "x".repeat(21).as_str(),
        "USDС",
    ] {
        assert!(
            matches!(asset(symbol), Err(EntryError::Asset(_))),
            "{symbol}"
        );
    }
    for symbol in ["ETH", "USD₮0", "stETH", "PT-sUSDE-25.SEP", "1INCH"] {
        assert_eq!(asset(symbol), Ok(symbol));
    }
    assert_eq!(
        entry(|entry| entry.withdrawn_at = Some(Timestamp::default())),
        EntryError::WithdrawnBefore
    );
    assert_eq!(
        entry(|entry| {
            entry.quantity = "1000b".parse().unwrap();
            let amount = "2".parse().unwrap();
            entry.unit_value = Some(UnitValue::stated(Money {
                amount,
                currency: Currency::Usd,
            }));
        }),
        EntryError::TooMuch
    );
    assert_eq!(
        entry(|entry| entry.note = Some("x".repeat(LONGEST_NOTE + 1))),
        EntryError::NoteTooLong
    );
}

#[test]
fn words_are_kept_without_blanks_around_them() {
    let told = Entry {
        asset: " ETH ".to_owned(),
        note: Some("  from\n the  validator ".to_owned()),
        ..eth()
    };
    let kept = told.checked().unwrap();
    assert_eq!(kept.asset, "ETH");
    assert_eq!(kept.note.as_deref(), Some("from the validator"));
    let blank = Entry {
        note: Some(" \n ".to_owned()),
        ..eth()
    };
    assert_eq!(blank.checked().unwrap().note, None);
}

#[test]
fn the_same_income_is_known_again_however_it_is_written() {
    let other = Entry {
        asset: "eth".to_owned(),
        quantity: "0.00420".parse().unwrap(),
        note: Some("again".to_owned()),
        ..eth()
    };
    assert!(eth().is_like(&other));
    let later = Entry {
        at: Timestamp::from_millis(eth().at.millis() + 1),
        ..eth()
    };
    assert!(!eth().is_like(&later));
}

#[test]
fn every_kind_is_read_back_by_its_name() {
    for kind in Kind::ALL {
        assert_eq!(Kind::parse(kind.slug()), Some(kind));
        assert_eq!(Kind::parse(&kind.slug().to_uppercase()), Some(kind));
    }
    assert_eq!(Kind::parse("salary"), None);
}

/// Entries that were kept before they could say more are still read.
#[test]
fn what_is_not_in_what_was_kept_is_not_told() {
    let old = r#"{"at":1772373600000,"kind":"staking","asset":"ETH","quantity":"0.0042"}"#;
    assert_eq!(serde_json::from_str::<Entry>(old).unwrap(), eth());
}

proptest! {
    #[test]
    fn what_is_kept_is_read_back_to_the_last_digit(entry in any_entry()) {
        let json = serde_json::to_string(&entry).unwrap();
        prop_assert_eq!(serde_json::from_str::<Entry>(&json).unwrap(), entry);
    }

    #[test]
    fn no_symbol_makes_it_panic(text in "\\PC{0,40}") {
        drop(asset(&text));
    }
}
