//! An entry as its owner tells it by options, checked against what is known.

use crate::{
    discord::{errors::Trouble, params::Name},
    domain::{
        ids::PositionId,
        ledger::{self, Entry, Kind, Source, UnitValue, when},
        money::{Amount, Sum},
        person::Chosen,
        time::Timestamp,
    },
    market::snapshot::Snapshot,
};

/// What was told, each part as it was written; what is left out stays as it is.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Told {
    pub kind: Option<Kind>,
    pub asset: Option<Name>,
    pub quantity: Option<Amount>,
    /// In its own currency, or in the one that its owner reckons in.
    pub unit_value: Option<Sum>,
    pub when: Option<String>,
    pub withdrawn: Option<String>,
    pub position: Option<PositionId>,
    pub fee: Option<Sum>,
    pub note: Option<String>,
}

/// What can be taken off an entry again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Value,
    Fee,
    Withdrawal,
    Position,
    Note,
}

/// What an entry is checked against.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known<'a> {
    pub market: &'a Snapshot,
    pub chosen: &'a Chosen,
    pub now: Timestamp,
}

/// An asset as the market writes it, else as it was typed where that can be a symbol.
pub(super) fn asset(name: &Name, known: &Known<'_>) -> Result<String, Trouble> {
    let typed = ledger::asset(&name.0).map_err(Trouble::Entry)?;
    let written = known.market.asset_named(typed);
    let written = written.filter(|written| ledger::asset(written).is_ok());
    Ok(written.unwrap_or(typed).to_owned())
}

/// The entry with what was told. A price that a source gave belongs to its asset and moment, and goes with them;
/// so does the worth of a currency in itself, with its currency.
pub(super) fn changed(before: &Entry, told: &Told, known: &Known<'_>) -> Result<Entry, Trouble> {
    let zone = known.chosen.zone;
    let asset = match &told.asset {
        Some(name) => asset(name, known)?,
        None => before.asset.clone(),
    };
    let at = match &told.when {
        Some(text) => when::moment(text, zone, known.now).map_err(Trouble::When)?,
        None => before.at,
    };
    let withdrawn = told.withdrawn.as_deref();
    let withdrawn = withdrawn.map(|text| when::withdrawal(text, at, zone, known.now));
    let withdrawn_at = withdrawn.transpose().map_err(Trouble::When)?;
    let usual = known.chosen.currency;
    let stated = told
        .unit_value
        .map(|sum| UnitValue::stated(sum.or_in(usual)));
    let is_another = !asset.eq_ignore_ascii_case(&before.asset);
    let kept = before.unit_value.clone();
    let kept = kept.filter(|unit| match unit.source {
        Source::Stated => !(is_another && before.is_in_money()),
        Source::Priced { .. } => !is_another && at == before.at,
    });
    let entry = Entry {
        at,
        kind: told.kind.unwrap_or(before.kind),
        asset,
        quantity: told.quantity.unwrap_or(before.quantity),
        unit_value: stated.or(kept),
        withdrawn_at: withdrawn_at.or(before.withdrawn_at),
        position: told.position.or(before.position),
        fee: told.fee.map(|sum| sum.or_in(usual)).or(before.fee),
        note: told.note.clone().or_else(|| before.note.clone()),
    };
    entry.checked().map_err(Trouble::Entry)
}

/// The entry without one of its parts.
pub(super) fn without(entry: Entry, part: Part) -> Entry {
    match part {
        Part::Value => Entry {
            unit_value: None,
            ..entry
        },
        Part::Fee => Entry { fee: None, ..entry },
        Part::Withdrawal => Entry {
            withdrawn_at: None,
            ..entry
        },
        Part::Position => Entry {
            position: None,
            ..entry
        },
        Part::Note => Entry {
            note: None,
            ..entry
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{currency::Currency, ledger::EntryError, zone::Zone};

    fn now() -> Timestamp {
        Timestamp::parse("2026-06-01T12:00:00Z").unwrap()
    }

    fn change(before: &Entry, told: &Told) -> Result<Entry, Trouble> {
        let known = Known {
            market: &Snapshot::default(),
            chosen: &Chosen {
                currency: Currency::Eur,
                zone: Zone::parse("Europe/Berlin").unwrap(),
                ..Chosen::default()
            },
            now: now(),
        };
        changed(before, told, &known)
    }

    fn priced() -> Entry {
        let at = Timestamp::parse("2026-05-01T10:00:00Z").unwrap();
        let usd = "2700".parse::<Amount>().unwrap().get();
        Entry {
            unit_value: UnitValue::priced(usd, "DefiLlama", at),
            ..Entry::new(at, Kind::Staking, "ETH", "0.5".parse().unwrap())
        }
    }

    fn name(text: &str) -> Name {
        Name(text.to_owned())
    }

    #[test]
    fn what_is_not_told_stays_and_the_rest_is_of_its_owners_zone_and_currency() {
        assert_eq!(change(&priced(), &Told::default()), Ok(priced()));
        let told = Told {
            unit_value: "2500".parse().ok(),
            fee: "$3".parse().ok(),
            withdrawn: Some("2026-05-01".to_owned()),
            ..Told::default()
        };
        let entry = change(&priced(), &told).unwrap();
        let unit = entry.unit_value.unwrap();
        assert_eq!(
            (unit.currency, unit.source),
            (Currency::Eur, Source::Stated)
        );
        assert_eq!(entry.fee.unwrap().currency, Currency::Usd);
        assert_eq!(
            entry.withdrawn_at,
            Some(priced().at),
            "not before it was received"
        );
    }

    #[test]
    fn a_price_goes_with_the_moment_and_the_asset_that_it_was_of() {
        let moved = Told {
            when: Some("2026-05-02".to_owned()),
            ..Told::default()
        };
        let other = Told {
            asset: Some(name("sol")),
            ..Told::default()
        };
        for told in [&moved, &other] {
            assert_eq!(change(&priced(), told).unwrap().unit_value, None);
        }
        let told = Told {
            quantity: "2".parse().ok(),
            note: Some("x".to_owned()),
            ..Told::default()
        };
        assert_eq!(
            change(&priced(), &told).unwrap().unit_value,
            priced().unit_value
        );
    }

    /// A euro is worth a euro, and an ether is not.
    #[test]
    fn what_money_is_worth_in_itself_goes_with_its_currency() {
        let euros = "€5".parse::<Sum>().unwrap().or_in(Currency::Eur);
        let paid = Entry::in_money(priced().at, Kind::Interest, euros);
        let earlier = Told {
            when: Some("2026-04-01".to_owned()),
            ..Told::default()
        };
        let moved = change(&paid, &earlier).unwrap();
        assert_eq!(moved.worth(), paid.worth());
        let token = Told {
            asset: Some(name("ETH")),
            quantity: "0.002".parse().ok(),
            ..Told::default()
        };
        assert_eq!(change(&paid, &token).unwrap().unit_value, None);
        let stated = Told {
            unit_value: "2500".parse().ok(),
            ..token
        };
        let worth = change(&paid, &stated).unwrap().worth().unwrap();
        assert_eq!(worth.amount, rust_decimal::Decimal::from(5));
    }

    #[test]
    fn what_is_no_symbol_and_what_is_to_come_is_refused() {
        let told = Told {
            asset: Some(name("=1+1")),
            ..Told::default()
        };
        let refused = change(&priced(), &told);
        assert!(
            matches!(refused, Err(Trouble::Entry(EntryError::Asset(_)))),
            "{refused:?}"
        );
        let told = Told {
            when: Some("2026-06-02".to_owned()),
            ..Told::default()
        };
        assert!(matches!(change(&priced(), &told), Err(Trouble::When(_))));
    }

    #[test]
    fn each_part_can_be_taken_off_again() {
        let full = Entry {
            withdrawn_at: Some(now()),
            position: Some(PositionId(1)),
            fee: "$3".parse().ok().map(|sum: Sum| sum.or_in(Currency::Usd)),
            note: Some("x".to_owned()),
            ..priced()
        };
        let parts = [
            Part::Value,
            Part::Fee,
            Part::Withdrawal,
            Part::Position,
            Part::Note,
        ];
        let bare = parts.into_iter().fold(full, without);
        let wanted = Entry {
            unit_value: None,
            ..priced()
        };
        assert_eq!(bare, wanted);
    }
}
