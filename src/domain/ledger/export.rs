//! The ledger as a file: our own table, whose columns never change their meaning, the same as JSON, and a
//! table that a tax tool takes.

use chrono::Datelike as _;
use rust_decimal::Decimal;
use serde::Serialize;

use super::{Kind, Logged, Source};
use crate::domain::{
    currency::Currency,
    ids::{LedgerEntryId, PositionId},
    sheet::{self, Cell},
    zone::Zone,
};

/// What a file is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Format {
    /// Our own table, which is read back.
    #[default]
    Csv,
    /// The same fields as JSON, with decimals as texts, so that no reader rounds them.
    Json,
    /// The universal template of Koinly: <https://support.koinly.io/en/articles/9489976> tells of the
    /// template and that its times are in UTC, <https://support.koinly.io/en/articles/9490023> of the tags
    /// that stand under `Label`.
    Koinly,
}

impl Format {
    pub const ALL: [Self; 3] = [Self::Csv, Self::Json, Self::Koinly];

    /// The name that command options use.
    pub const fn slug(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Json => "json",
            Self::Koinly => "koinly",
        }
    }

    /// What the file is called, such as `ledger-2026.csv`.
    pub fn file_name(self, year: Option<i32>) -> String {
        let year = year.map_or_else(|| "all".to_owned(), |year| year.to_string());
        match self {
            Self::Csv => format!("ledger-{year}.csv"),
            Self::Json => format!("ledger-{year}.json"),
            Self::Koinly => format!("ledger-{year}-koinly.csv"),
        }
    }
}

/// The columns of our own table, in their order. Files of people rest on them: none is ever taken away,
/// renamed or given another meaning, and new ones come behind.
pub const COLUMNS: [&str; 17] = [
    "entry",
    "received_at",
    "date",
    "time_zone",
    "kind",
    "asset",
    "quantity",
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
];

/// What stands under `value_source` for a value that the owner stated; else the source's name stands there.
pub const STATED: &str = "stated";

/// An entry with the fields of [`COLUMNS`].
#[derive(Debug, Serialize)]
struct Row<'a> {
    entry: LedgerEntryId,
    received_at: String,
    date: String,
    time_zone: &'static str,
    kind: &'static str,
    asset: &'a str,
    quantity: Decimal,
    unit_value: Option<Decimal>,
    value: Option<Decimal>,
    currency: Option<Currency>,
    value_source: Option<&'a str>,
    priced_at: Option<String>,
    fee: Option<Decimal>,
    fee_currency: Option<Currency>,
    withdrawn_at: Option<String>,
    position: Option<PositionId>,
    note: Option<&'a str>,
}

impl<'a> Row<'a> {
    fn of(logged: &'a Logged, zone: Zone) -> Self {
        let entry = &logged.entry;
        let unit = entry.unit_value.as_ref();
        let (value_source, priced_at) = match unit.map(|unit| &unit.source) {
            None => (None, None),
            Some(Source::Stated) => (Some(STATED), None),
            Some(Source::Priced { by, at }) => (Some(by.as_str()), Some(zone.rfc3339(*at))),
        };
        Self {
            entry: logged.id,
            received_at: zone.rfc3339(entry.at),
            date: zone.day(entry.at).to_string(),
            time_zone: zone.name(),
            kind: entry.kind.slug(),
            asset: &entry.asset,
            quantity: entry.quantity.get(),
            unit_value: unit.map(|unit| unit.value.get()),
            value: entry.worth().map(|worth| worth.amount.normalize()),
            currency: unit.map(|unit| unit.currency),
            value_source,
            priced_at,
            fee: entry.fee.map(|fee| fee.amount.get()),
            fee_currency: entry.fee.map(|fee| fee.currency),
            withdrawn_at: entry.withdrawn_at.map(|at| zone.rfc3339(at)),
            position: entry.position,
            note: entry.note.as_deref(),
        }
    }

    /// In the order of [`COLUMNS`].
    fn cells(self) -> Vec<Cell> {
        vec![
            Cell::Plain(self.entry.to_string()),
            Cell::Plain(self.received_at),
            Cell::Plain(self.date),
            Cell::Plain(self.time_zone.to_owned()),
            Cell::Plain(self.kind.to_owned()),
            Cell::Text(self.asset.to_owned()),
            Cell::Plain(self.quantity.to_string()),
            Cell::plain(self.unit_value),
            Cell::plain(self.value),
            Cell::plain(self.currency),
            Cell::text(self.value_source),
            Cell::plain(self.priced_at),
            Cell::plain(self.fee),
            Cell::plain(self.fee_currency),
            Cell::plain(self.withdrawn_at),
            Cell::plain(self.position),
            Cell::text(self.note),
        ]
    }
}

/// What was received in a year by the calendar of `zone`, or all of it: the oldest first.
pub fn of_year(entries: &[Logged], year: Option<i32>, zone: Zone) -> Vec<&Logged> {
    let wanted = |logged: &&Logged| {
        let date = zone.day(logged.entry.at).date();
        year.is_none_or(|year| year == date.year())
    };
    let mut wanted: Vec<&Logged> = entries.iter().filter(wanted).collect();
    wanted.sort_by_key(|logged| (logged.entry.at, logged.id));
    wanted
}

/// Entries as a file. Times are told by the clock of `zone`, but for those of Koinly, which are in UTC.
pub fn write(format: Format, entries: &[&Logged], zone: Zone) -> Vec<u8> {
    let rows = || entries.iter().map(|logged| Row::of(logged, zone));
    match format {
        Format::Csv => sheet::write(&COLUMNS, rows().map(Row::cells)),
        Format::Json => {
            let rows: Vec<Row<'_>> = rows().collect();
            serde_json::to_vec_pretty(&rows).expect("the fields of a row all have a form in JSON")
        }
        Format::Koinly => sheet::write(&KOINLY, entries.iter().map(|logged| koinly(logged))),
    }
}

/// The columns of Koinly's universal template.
const KOINLY: [&str; 12] = [
    "Date",
    "Sent Amount",
    "Sent Currency",
    "Received Amount",
    "Received Currency",
    "Fee Amount",
    "Fee Currency",
    "Net Worth Amount",
    "Net Worth Currency",
    "Label",
    "Description",
    "TxHash",
];

/// An entry as something that was received. Without a value of ours Koinly looks for one.
fn koinly(logged: &Logged) -> Vec<Cell> {
    let entry = &logged.entry;
    let worth = entry.worth();
    let utc = Zone::default().format(entry.at, "%Y-%m-%d %H:%M UTC");
    let note = entry.note.as_deref().unwrap_or_default();
    let described = format!("{} {note}", entry.kind.label());
    vec![
        Cell::Plain(utc),
        Cell::Empty,
        Cell::Empty,
        Cell::Plain(entry.quantity.get().to_string()),
        Cell::Text(entry.asset.clone()),
        Cell::plain(entry.fee.map(|fee| fee.amount)),
        Cell::plain(entry.fee.map(|fee| fee.currency)),
        Cell::plain(worth.map(|worth| worth.amount.normalize())),
        Cell::plain(worth.map(|worth| worth.currency)),
        Cell::Plain(tag(entry.kind).to_owned()),
        Cell::Text(described.trim().to_owned()),
        Cell::Empty,
    ]
}

/// The tag of Koinly for a kind of income. It has none for what a pool takes for trades, which is income all
/// the same.
const fn tag(kind: Kind) -> &'static str {
    match kind {
        Kind::Staking | Kind::Reward => "Reward",
        Kind::Interest => "Lending interest",
        Kind::Airdrop => "Airdrop",
        Kind::LpFee | Kind::Other => "Income",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        ledger::{
            Entry, UnitValue,
            tests::{everything, logged},
        },
        money::Money,
        time::Timestamp,
    };

    fn ledger() -> Vec<Logged> {
        let at = Timestamp::parse("2026-07-01T22:30:00Z").unwrap();
        let bare = Entry::new(at, Kind::LpFee, "USDC", "5000.5".parse().unwrap());
        let stated = Entry {
            unit_value: Some(UnitValue::stated(Money {
                amount: "0.93".parse().unwrap(),
                currency: Currency::Eur,
            })),
            note: Some("=HYPERLINK(\"http://evil\")".to_owned()),
            ..bare.clone()
        };
        vec![logged(3, everything()), logged(1, bare), logged(2, stated)]
    }

    fn written(format: Format) -> String {
        let (ledger, zone) = (ledger(), Zone::parse("Europe/Berlin").unwrap());
        let entries = of_year(&ledger, Some(2026), zone);
        String::from_utf8(write(format, &entries, zone)).unwrap()
    }

    #[test]
    fn the_table_has_the_columns_that_are_documented() {
        insta::assert_snapshot!(written(Format::Csv));
    }

    #[test]
    fn json_has_the_same_fields_and_rounds_nothing() {
        let json = written(Format::Json);
        let rows: serde_json::Value = serde_json::from_str(&json).unwrap();
        let mut columns: Vec<&str> = rows[0]
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        let mut documented = COLUMNS.to_vec();
        columns.sort_unstable();
        documented.sort_unstable();
        assert_eq!(columns, documented);
        insta::assert_snapshot!(json);
    }

    #[test]
    fn koinly_gets_its_own_columns_with_times_in_utc() {
        insta::assert_snapshot!(written(Format::Koinly));
    }

    #[test]
    fn a_year_is_that_of_its_owner() {
        let ledger = ledger();
        let count =
            |year, zone: &str| of_year(&ledger, Some(year), Zone::parse(zone).unwrap()).len();
        assert_eq!(count(2026, "UTC"), 3);
        assert_eq!(count(2025, "UTC"), 0);
        assert_eq!(
            of_year(&ledger, None, Zone::default())[0].id,
            LedgerEntryId(3)
        );
    }
}
