use proptest::prelude::*;

use super::*;
use crate::domain::{
    ids::LedgerEntryId,
    ledger::{
        Entry, UnitValue,
        tests::{any_entry, logged},
    },
};

fn entry(at: &str, kind: Kind, asset: &str, quantity: &str) -> Entry {
    let at = Timestamp::parse(at).unwrap();
    Entry::new(at, kind, asset, quantity.parse().unwrap())
}

fn worth(unit: &str, currency: Currency) -> UnitValue {
    UnitValue::stated(Money {
        amount: unit.parse().unwrap(),
        currency,
    })
}

fn asked(by: By) -> Asked {
    Asked {
        year: None,
        by,
        basis: Basis::Receipt,
        currency: Currency::Usd,
        zone: Zone::default(),
        tax: None,
    }
}

/// Money that was received is worth itself, and is brought to the currency of whoever asks.
#[test]
fn income_in_money_is_summed_up_like_any_other() {
    let money = |amount: &str, currency| Money {
        amount: amount.parse().unwrap(),
        currency,
    };
    let at = Timestamp::parse("2026-03-01T12:00:00Z").unwrap();
    let paid = |id, money| logged(id, Entry::in_money(at, Kind::Interest, money));
    let ledger = [
        paid(1, money("4", Currency::Eur)),
        paid(2, money("5.5", Currency::Usd)),
    ];
    let exchange = Exchange::new([(Currency::Eur, Decimal::new(8, 1))], Timestamp::default());
    let known = Summary::of(&ledger, asked(By::Asset), |_| Some(&exchange));
    assert_eq!(known.whole.value, Decimal::new(105, 1));
    let names = known.parts.iter().map(|part| part.key.clone());
    let wanted = ["EUR", "USD"].map(|code| Key::Asset(code.to_owned()));
    assert!(names.eq(wanted));
    let alone = Summary::of(&ledger, asked(By::Asset), |_| None);
    assert_eq!(alone.whole.value, Decimal::new(55, 1));
    assert_eq!(alone.whole.values_apart[&Currency::Eur], Decimal::from(4));
    assert_eq!(alone.whole.without_value, 0);
}

/// A ledger with a bit of everything.
fn ledger() -> Vec<Logged> {
    let entries = [
        Entry {
            unit_value: Some(worth("2,700", Currency::Usd)),
            withdrawn_at: Timestamp::parse("2026-02-01T00:00:00Z"),
            fee: Some(Money {
                amount: "1.5".parse().unwrap(),
                currency: Currency::Usd,
            }),
            ..entry("2025-12-31T23:30:00Z", Kind::Staking, "ETH", "0.0042")
        },
        Entry {
            unit_value: Some(worth("2", Currency::Eur)),
            ..entry("2026-01-15T12:00:00Z", Kind::Interest, "USDC", "10")
        },
        Entry {
            unit_value: Some(worth("3,000", Currency::Usd)),
            ..entry("2026-03-01T12:00:00Z", Kind::Staking, "eth", "0.01")
        },
        entry("2026-03-02T12:00:00Z", Kind::Airdrop, "NEW", "500"),
    ];
    entries
        .into_iter()
        .zip(1..)
        .map(|(entry, id)| logged(id, entry))
        .collect()
}

fn exchange() -> Exchange {
    Exchange::new([(Currency::Eur, Decimal::new(8, 1))], Timestamp::default())
}

fn nothing_known<'e>(_: Day) -> Option<&'e Exchange> {
    None
}

fn parts(summary: &Summary<'_>) -> Vec<(Key, usize, String)> {
    let part = |part: &Part| {
        (
            part.key.clone(),
            part.tally.entries,
            part.tally.value.normalize().to_string(),
        )
    };
    summary.parts.iter().map(part).collect()
}

#[test]
fn income_is_summed_by_what_is_asked_for() {
    let (ledger, exchange) = (ledger(), exchange());
    let sum = |by| parts(&Summary::of(&ledger, asked(by), |_| Some(&exchange)));
    // 0.0042 ETH at $2,700 are $11.34; 10 USDC at 2 EUR are 20 EUR, and 25 dollars at 0.8 EUR a dollar.
    let line = |key, entries, value: &str| (key, entries, value.to_owned());
    assert_eq!(
        sum(By::Year),
        [
            line(Key::Year(2025), 1, "11.34"),
            line(Key::Year(2026), 3, "55")
        ]
    );
    assert_eq!(
        sum(By::Month),
        [
            line(Key::Month(2025, 12), 1, "11.34"),
            line(Key::Month(2026, 1), 1, "25"),
            line(Key::Month(2026, 3), 2, "30"),
        ]
    );
    assert_eq!(
        sum(By::Kind),
        [
            line(Key::Kind(Kind::Staking), 2, "41.34"),
            line(Key::Kind(Kind::Interest), 1, "25"),
            line(Key::Kind(Kind::Airdrop), 1, "0"),
        ]
    );
    assert_eq!(
        sum(By::Asset),
        [
            line(Key::Asset("ETH".to_owned()), 2, "41.34"),
            line(Key::Asset("NEW".to_owned()), 1, "0"),
            line(Key::Asset("USDC".to_owned()), 1, "25"),
        ]
    );
}

#[test]
fn a_year_begins_where_its_owner_lives() {
    let ledger = ledger();
    let in_zone = |zone: &str| Asked {
        year: Some(2025),
        zone: Zone::parse(zone).unwrap(),
        ..asked(By::Month)
    };
    let count = |zone| {
        Summary::of(&ledger, in_zone(zone), nothing_known)
            .whole
            .entries
    };
    assert_eq!(count("UTC"), 1);
    assert_eq!(count("Europe/Berlin"), 0, "half past midnight there");
}

#[test]
fn what_is_not_withdrawn_counts_on_no_day_when_withdrawal_counts() {
    let ledger = ledger();
    let asked = Asked {
        basis: Basis::Withdrawal,
        ..asked(By::Month)
    };
    let summary = Summary::of(&ledger, asked, nothing_known);
    assert_eq!(
        parts(&summary),
        [(Key::Month(2026, 2), 1, "11.34".to_owned())]
    );
    assert_eq!(summary.not_withdrawn, 3);
}

#[test]
fn a_currency_without_an_exchange_stands_apart_and_is_not_added() {
    let ledger = ledger();
    let summary = Summary::of(&ledger, asked(By::Year), nothing_known);
    assert_eq!(summary.whole.value.normalize().to_string(), "41.34");
    let apart: Vec<_> = summary.whole.values_apart.iter().collect();
    assert_eq!(apart, [(&Currency::Eur, &Decimal::from(20))]);
    let days = days_to_exchange(&ledger, &asked(By::Year));
    assert_eq!(days, [Day::parse("2026-01-15").unwrap()]);
}

#[test]
fn what_has_no_value_is_named_and_is_no_zero() {
    let ledger = ledger();
    let summary = Summary::of(&ledger, asked(By::Kind), nothing_known);
    let named: Vec<LedgerEntryId> = summary.without_value.iter().map(|it| it.id).collect();
    assert_eq!(named, [LedgerEntryId(4)]);
    assert_eq!(summary.whole.without_value, 1);
}

#[test]
fn the_reserve_is_the_chosen_share_of_what_came_in() {
    let (ledger, exchange) = (ledger(), exchange());
    let asked = Asked {
        tax: Percent::new(25.0),
        ..asked(By::Year)
    };
    let summary = Summary::of(&ledger, asked, |_| Some(&exchange));
    assert_eq!(summary.reserve().unwrap().normalize().to_string(), "16.585");
    assert_eq!(summary.whole.fees.to_string(), "1.5");
    let none = Asked { tax: None, ..asked };
    assert_eq!(Summary::of(&ledger, none, nothing_known).reserve(), None);
}

proptest! {
    /// However a ledger is cut, its parts are the whole, to the last digit.
    #[test]
    fn the_parts_are_the_whole(
        entries in proptest::collection::vec(any_entry(), 0..40),
        year in proptest::option::of(2024_i32..2027),
        withdrawal in any::<bool>(),
        known in any::<bool>(),
    ) {
        let ledger: Vec<Logged> = entries.into_iter().zip(1..).map(|(entry, id)| logged(id, entry)).collect();
        let exchange = exchange();
        let basis = if withdrawal { Basis::Withdrawal } else { Basis::Receipt };
        let mut wholes = Vec::new();
        for by in [By::Year, By::Month, By::Kind, By::Asset] {
            let asked = Asked { year, basis, ..asked(by) };
            let summary = Summary::of(&ledger, asked, |_| known.then_some(&exchange));
            let mut sum = Tally::default();
            for Part { tally, .. } in &summary.parts {
                sum.entries += tally.entries;
                sum.value += tally.value;
                sum.fees += tally.fees;
                sum.without_value += tally.without_value;
                for (into, from) in [
                    (&mut sum.values_apart, &tally.values_apart),
                    (&mut sum.fees_apart, &tally.fees_apart),
                ] {
                    for (currency, amount) in from {
                        *into.entry(*currency).or_default() += amount;
                    }
                }
                for (asset, quantity) in &tally.quantities {
                    *sum.quantities.entry(asset.clone()).or_default() += quantity;
                }
            }
            prop_assert_eq!(&sum, &summary.whole);
            prop_assert_eq!(summary.without_value.len(), summary.whole.without_value);
            wholes.push(summary.whole);
        }
        prop_assert!(wholes.windows(2).all(|pair| pair[0] == pair[1]));
    }
}
