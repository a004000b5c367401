//! A ledger read back from our own table, line by line: what cannot be read is named by its line, and what is
//! there already is not taken twice.

use std::collections::HashMap;

use rust_decimal::Decimal;

use super::{
    Entry, EntryError, Kind, Likeness, Logged, Source, UnitValue, asset,
    export::STATED,
    when::{self, WhenError},
};
use crate::domain::{
    currency::{Currency, CurrencyError},
    ids::PositionId,
    money::{Amount, AmountError, Money},
    sheet::{self, Columns, Row, SheetError},
    time::Timestamp,
    zone::Zone,
};

/// The columns that a file may have, which are those of
/// [`COLUMNS`](super::export::COLUMNS). One of `received_at` and `date` has to be told.
const COLUMNS: Columns = Columns {
    needed: &["kind", "asset", "quantity"],
    others: &[
        "entry",
        "received_at",
        "date",
        "time_zone",
        "unit_value",
        "value",
        "currency",
        "value_source",
        "priced_at",
        "fee",
        "fee_currency",
        "withdrawn_at",
        "position",
        "note",
    ],
};

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    #[error("it has no {0}")]
    Missing(&'static str),
    #[error("its {column}: {error}")]
    When {
        column: &'static str,
        error: WhenError,
    },
    #[error(
        "`{0}` is no kind of income; known are staking, interest, lp-fee, reward, airdrop, other"
    )]
    Kind(String),
    #[error("its {column}: {error}")]
    Amount {
        column: &'static str,
        error: AmountError,
    },
    #[error("its {column}: {error}")]
    Currency {
        column: &'static str,
        error: CurrencyError,
    },
    #[error("`{0}` is no time zone; write it like Europe/Berlin")]
    Zone(String),
    #[error("its value is not its quantity times its unit_value; leave one of the two out")]
    Contradiction,
    #[error(
        "its unit_value comes from `{0}`, so priced_at has to say of when; or write `{STATED}`"
    )]
    PricedWhen(String),
    #[error("`{0}` is no number of a position")]
    Position(String),
    #[error(transparent)]
    Entry(#[from] EntryError),
}

/// A line that is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadLine {
    /// As an editor counts, the first being 1.
    pub line: u64,
    pub why: LineError,
}

/// What a file holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Import {
    /// What is new, in the order of the file.
    pub entries: Vec<Entry>,
    pub bad: Vec<BadLine>,
    /// Lines of income that the ledger has already: the same moment, kind, asset and quantity.
    pub known: Vec<u64>,
    /// Lines that tell of the same as an earlier line of the file. They are taken, since two validators may pay
    /// the same at once.
    pub repeated: Vec<u64>,
}

/// Reads a file. Times without an offset are those of the line's `time_zone`, else of `zone`; `ledger` is what
/// is there already.
pub fn read(
    bytes: &[u8],
    zone: Zone,
    now: Timestamp,
    ledger: &[Logged],
) -> Result<Import, SheetError> {
    let mut held: HashMap<Likeness, usize> = HashMap::new();
    for logged in ledger {
        *held.entry(logged.entry.likeness()).or_default() += 1;
    }
    let mut seen: HashMap<Likeness, usize> = HashMap::new();
    let mut import = Import::default();
    for row in sheet::read(bytes, COLUMNS)? {
        let line = row.line;
        match entry(&row, zone, now) {
            Err(why) => import.bad.push(BadLine { line, why }),
            Ok(entry) => {
                let earlier = seen.entry(entry.likeness()).or_default();
                let there = held.get(&entry.likeness()).copied().unwrap_or_default();
                let is_known = *earlier < there;
                let is_repeated = *earlier > there;
                *earlier += 1;
                if is_known {
                    import.known.push(line);
                    continue;
                }
                if is_repeated {
                    import.repeated.push(line);
                }
                import.entries.push(entry);
            }
        }
    }
    Ok(import)
}

fn entry(row: &Row, zone: Zone, now: Timestamp) -> Result<Entry, LineError> {
    let zone = match row.get("time_zone") {
        None => zone,
        Some(name) => Zone::parse(name).ok_or_else(|| LineError::Zone(shown(name)))?,
    };
    let time = |column: &'static str| {
        let text = row.get(column);
        let read = text.map(|text| when::moment(text, zone, now));
        read.transpose()
            .map_err(|error| LineError::When { column, error })
    };
    let received = match time("received_at")? {
        Some(at) => Some(at),
        None => time("date")?,
    };
    let received = received.ok_or(LineError::Missing("received_at"))?;
    let withdrawn = row.get("withdrawn_at");
    let withdrawn = withdrawn.map(|text| when::withdrawal(text, received, zone, now));
    let kind = needed(row, "kind")?;
    let asset = asset(needed(row, "asset")?)?;
    let quantity = amount(row, "quantity")?.ok_or(LineError::Missing("quantity"))?;
    let entry = Entry {
        unit_value: unit_value(row, quantity, time("priced_at")?)?,
        withdrawn_at: withdrawn.transpose().map_err(|error| LineError::When {
            column: "withdrawn_at",
            error,
        })?,
        position: row.get("position").map(position).transpose()?,
        fee: fee(row)?,
        note: row.get("note").map(str::to_owned),
        ..Entry::new(
            received,
            Kind::parse(kind).ok_or_else(|| LineError::Kind(shown(kind)))?,
            asset,
            quantity,
        )
    };
    Ok(entry.checked()?)
}

fn needed<'a>(row: &'a Row, column: &'static str) -> Result<&'a str, LineError> {
    row.get(column).ok_or(LineError::Missing(column))
}

/// An amount as people write it, or as spreadsheets write small ones: `4.2E-06`.
fn amount(row: &Row, column: &'static str) -> Result<Option<Amount>, LineError> {
    let read = |text: &str| {
        text.parse().or_else(|error| {
            let scientific = Decimal::from_scientific(text).ok();
            scientific.and_then(Amount::new).ok_or(error)
        })
    };
    let amount = row.get(column).map(read).transpose();
    amount.map_err(|error| LineError::Amount { column, error })
}

fn currency(row: &Row, column: &'static str) -> Result<Option<Currency>, LineError> {
    let currency = row.get(column).map(str::parse).transpose();
    currency.map_err(|error| LineError::Currency { column, error })
}

fn unit_value(
    row: &Row,
    quantity: Amount,
    priced_at: Option<Timestamp>,
) -> Result<Option<UnitValue>, LineError> {
    let (unit, value) = (amount(row, "unit_value")?, amount(row, "value")?);
    let currency = currency(row, "currency")?;
    if unit.is_none() && value.is_none() {
        return Ok(None);
    }
    let currency = currency.ok_or(LineError::Missing("currency"))?;
    let unit = match (unit, value) {
        (Some(unit), Some(value)) if !agree(unit, value, quantity, currency) => {
            return Err(LineError::Contradiction);
        }
        (Some(unit), _) => unit,
        (None, value) => value
            .and_then(|value| value.get().checked_div(quantity.get()))
            .and_then(Amount::new)
            .ok_or(LineError::Missing("unit_value"))?,
    };
    let source = match (row.get("value_source"), priced_at) {
        (None, _) => Source::Stated,
        (Some(by), _) if by.eq_ignore_ascii_case(STATED) => Source::Stated,
        (Some(by), Some(at)) => Source::Priced {
            by: by.to_owned(),
            at,
        },
        (Some(by), None) => return Err(LineError::PricedWhen(shown(by))),
    };
    Ok(Some(UnitValue {
        value: unit,
        currency,
        source,
    }))
}

/// Whether a value is the quantity times the unit value, when it was rounded to the currency's smallest coin.
fn agree(unit: Amount, value: Amount, quantity: Amount, currency: Currency) -> bool {
    let Some(product) = quantity.get().checked_mul(unit.get()) else {
        return false;
    };
    let coin = Decimal::new(1, currency.places());
    let digits = value
        .get()
        .checked_mul(Decimal::new(1, 6))
        .unwrap_or_default();
    (product - value.get()).abs() <= coin.max(digits)
}

fn fee(row: &Row) -> Result<Option<Money>, LineError> {
    let Some(amount) = amount(row, "fee")? else {
        return Ok(None);
    };
    let currency = match currency(row, "fee_currency")? {
        Some(currency) => Some(currency),
        None => currency(row, "currency")?,
    };
    Ok(Some(Money {
        amount,
        currency: currency.ok_or(LineError::Missing("fee_currency"))?,
    }))
}

fn position(text: &str) -> Result<PositionId, LineError> {
    let number = text.strip_prefix('#').unwrap_or(text).parse().ok();
    let number = number.filter(|number| *number > 0).map(PositionId);
    number.ok_or_else(|| LineError::Position(shown(text)))
}

fn shown(text: &str) -> String {
    text.chars().filter(|c| *c != '`').take(40).collect()
}

#[cfg(test)]
mod tests;
