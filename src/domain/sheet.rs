//! Tables as files hold them: comma-separated values with a line of column names, read without trust and
//! written so that no program takes a cell for a formula.

use std::{collections::HashMap, fmt::Display};

use csv::{ReaderBuilder, StringRecord, Terminator, WriterBuilder};

/// Rows that are read of one file.
pub const MOST_ROWS: usize = 10_000;
/// What a spreadsheet takes for the beginning of a formula (OWASP, "CSV Injection").
const FORMULA: [char; 11] = [
    '=', '+', '-', '@', '\t', '\r',
    '\n', // The same at their full width, which some take for them.
    '＝', '＋', '－', '＠',
];
/// Stands before a text that would be taken for one, and is taken off again when it is read.
const GUARD: char = '\'';

/// Why a file is no table of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SheetError {
    #[error("the file is no text in UTF-8")]
    NotText,
    #[error("the file has no rows")]
    Empty,
    /// As another tool writes it, say.
    #[error(
        "it has no column {}; its columns are {}",
        listed(missing),
        listed(found)
    )]
    ColumnsMissing {
        missing: Vec<String>,
        found: Vec<String>,
    },
    #[error(
        "nothing is known of its column {}; known are {}",
        listed(unknown),
        listed(known)
    )]
    ColumnsUnknown {
        unknown: Vec<String>,
        known: Vec<String>,
    },
    #[error("it names the column {} twice", quoted(.0))]
    ColumnTwice(String),
    #[error("line {line} has more cells than there are columns")]
    TooWide { line: u64 },
    #[error("line {line} cannot be read; look for a quotation mark that is not closed")]
    Malformed { line: u64 },
    #[error("it has more than {MOST_ROWS} rows; split it")]
    TooLong,
}

fn quoted(name: &str) -> String {
    let shown: String = name.chars().filter(|c| *c != '`').take(30).collect();
    format!("`{shown}`")
}

fn listed(names: &[String]) -> String {
    const MOST: usize = 20;
    let mut shown: Vec<String> = names.iter().take(MOST).map(|name| quoted(name)).collect();
    if names.len() > MOST {
        shown.push("…".to_owned());
    }
    if shown.is_empty() {
        shown.push("none".to_owned());
    }
    shown.join(", ")
}

/// The columns of a table: those that a file must have, and those that it may.
#[derive(Debug, Clone, Copy)]
pub struct Columns {
    pub needed: &'static [&'static str],
    pub others: &'static [&'static str],
}

impl Columns {
    /// All of them, in the order in which they are written.
    pub fn all(&self) -> impl Iterator<Item = &'static str> {
        self.needed.iter().chain(self.others).copied()
    }
}

/// One row of a file, its cells by the names of their columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Where it begins in the file, the first line being 1.
    pub line: u64,
    cells: HashMap<&'static str, String>,
}

impl Row {
    /// What stands in the column; `None` where nothing does.
    pub fn get(&self, column: &str) -> Option<&str> {
        self.cells.get(column).map(String::as_str)
    }
}

/// Reads a file: commas, semicolons or tabs between the cells, with or without a byte order mark. Rows
/// without any text are left out.
pub fn read(bytes: &[u8], columns: Columns) -> Result<Vec<Row>, SheetError> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let text = std::str::from_utf8(bytes).map_err(|_| SheetError::NotText)?;
    // The reader counts a line that ends with both marks as two halves.
    let text = text.replace("\r\n", "\n");
    let mut reader = ReaderBuilder::new()
        .delimiter(delimiter(&text))
        .flexible(true)
        .from_reader(text.as_bytes());
    let header = reader.headers().map_err(|error| malformed(&error))?.clone();
    if header.iter().all(|name| name.trim().is_empty()) {
        return Err(SheetError::Empty);
    }
    let names = named(&header, columns)?;
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| malformed(&error))?;
        let line = record.position().map_or(0, csv::Position::line);
        if record
            .iter()
            .skip(names.len())
            .any(|cell| !cell.trim().is_empty())
        {
            return Err(SheetError::TooWide { line });
        }
        let cells: HashMap<&'static str, String> = names
            .iter()
            .zip(&record)
            .map(|(name, cell)| (*name, unguarded(cell.trim()).to_owned()))
            .filter(|(_, cell)| !cell.is_empty())
            .collect();
        if cells.is_empty() {
            continue;
        }
        if rows.len() == MOST_ROWS {
            return Err(SheetError::TooLong);
        }
        rows.push(Row { line, cells });
    }
    if rows.is_empty() {
        return Err(SheetError::Empty);
    }
    Ok(rows)
}

/// What stands most often between the words of the first line.
fn delimiter(text: &str) -> u8 {
    let first = text.lines().next().unwrap_or_default();
    let count = |mark: u8| first.bytes().filter(|byte| *byte == mark).count();
    let marks = [b',', b';', b'\t'];
    let most = marks.into_iter().rev().max_by_key(|mark| count(*mark));
    most.unwrap_or(b',')
}

fn named(header: &StringRecord, columns: Columns) -> Result<Vec<&'static str>, SheetError> {
    let given: Vec<String> = header
        .iter()
        .map(|name| name.trim().to_lowercase().replace([' ', '-'], "_"))
        .collect();
    let is_missing = |name: &&&str| !given.iter().any(|given| given == **name);
    let missing: Vec<&&str> = columns.needed.iter().filter(is_missing).collect();
    if !missing.is_empty() {
        return Err(SheetError::ColumnsMissing {
            missing: missing.into_iter().map(|name| (*name).to_owned()).collect(),
            found: header.iter().map(str::to_owned).collect(),
        });
    }
    let mut names: Vec<&'static str> = Vec::with_capacity(given.len());
    let mut unknown = Vec::new();
    for (name, written) in given.iter().zip(header) {
        match columns.all().find(|known| known == name) {
            Some(known) if names.contains(&known) => {
                return Err(SheetError::ColumnTwice(written.to_owned()));
            }
            Some(known) => names.push(known),
            None => unknown.push(written.to_owned()),
        }
    }
    if unknown.is_empty() {
        return Ok(names);
    }
    Err(SheetError::ColumnsUnknown {
        unknown,
        known: columns.all().map(str::to_owned).collect(),
    })
}

fn malformed(error: &csv::Error) -> SheetError {
    SheetError::Malformed {
        line: error.position().map_or(0, csv::Position::line),
    }
}

/// What goes into a cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    /// A number, a date, a code of ours: written as it is.
    Plain(String),
    /// Words of people or sources, which a spreadsheet must not take for a formula.
    Text(String),
    Empty,
}

impl Cell {
    /// What is printed as it is, where there is anything.
    pub fn plain(value: Option<impl Display>) -> Self {
        value.map_or(Self::Empty, |value| Self::Plain(value.to_string()))
    }

    /// Foreign words, where there are any.
    pub fn text(words: Option<&str>) -> Self {
        words.map_or(Self::Empty, |words| Self::Text(words.to_owned()))
    }
}

/// Writes a table: UTF-8, commas, lines that end as RFC 4180 has them.
pub fn write(header: &[&str], rows: impl IntoIterator<Item = Vec<Cell>>) -> Vec<u8> {
    let mut writer = WriterBuilder::new()
        .terminator(Terminator::CRLF)
        .from_writer(Vec::new());
    let written = writer.write_record(header);
    let written = written.and_then(|()| {
        rows.into_iter().try_for_each(|row| {
            writer.write_record(row.into_iter().map(|cell| match cell {
                Cell::Plain(value) => value,
                Cell::Text(words) => guarded(&words),
                Cell::Empty => String::new(),
            }))
        })
    });
    written.expect("memory takes whatever is written, and all rows are as wide as the header");
    writer
        .into_inner()
        .expect("memory takes whatever is written")
}

fn guarded(words: &str) -> String {
    let words = words.trim();
    // A guard of the writer's own is guarded too, so that it is not lost.
    if words.starts_with(FORMULA) || words.starts_with(GUARD) {
        format!("{GUARD}{words}")
    } else {
        words.to_owned()
    }
}

fn unguarded(cell: &str) -> &str {
    let bare = cell.strip_prefix(GUARD);
    bare.filter(|bare| bare.starts_with(FORMULA) || bare.starts_with(GUARD))
        .unwrap_or(cell)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const COLUMNS: Columns = Columns {
        needed: &["asset", "amount"],
        others: &["note"],
    };

    fn rows(text: &str) -> Result<Vec<(u64, Vec<String>)>, SheetError> {
        let read = read(text.as_bytes(), COLUMNS)?;
        let cells = |row: &Row| {
            let all = COLUMNS
                .all()
                .map(|name| row.get(name).unwrap_or("-").to_owned());
            all.collect()
        };
        Ok(read.iter().map(|row| (row.line, cells(row))).collect())
    }

    #[test]
    fn a_table_is_read_however_a_spreadsheet_writes_it() {
        let wanted = vec![
            (
                2,
                vec!["ETH".to_owned(), "1,250.5".to_owned(), "-".to_owned()],
            ),
            (
                4,
                vec!["USDC".to_owned(), "5".to_owned(), "a, b".to_owned()],
            ),
        ];
        for text in [
            "asset,amount,note\nETH,\"1,250.5\",\n,,\nUSDC,5,\"a, b\"\n",
            "\u{feff}Asset;Amount;Note\r\nETH;1,250.5;\r\n;;\r\nUSDC;5;a, b\r\n",
            "Asset\tAmount\tNote\nETH\t1,250.5\n\t\t\nUSDC\t5\ta, b",
        ] {
            assert_eq!(rows(text).as_ref(), Ok(&wanted), "{text}");
        }
        let across = rows("asset,amount,note\nETH,1,\"two\nlines\"\nUSDC,2,x\n").unwrap();
        assert_eq!(across[1].0, 4, "a line is counted as an editor counts it");
    }

    #[test]
    fn a_table_of_another_tool_is_refused_by_what_is_missing() {
        let other = rows("Date,Type,Buy Currency\n2026-01-01,Staking,ETH\n").unwrap_err();
        assert_eq!(
            other.to_string(),
            "it has no column `asset`, `amount`; its columns are `Date`, `Type`, `Buy Currency`"
        );
        let typo = rows("asset,amount,nota\nETH,1,x\n").unwrap_err();
        assert!(
            typo.to_string()
                .starts_with("nothing is known of its column `nota`; known are")
        );
        assert_eq!(
            rows("asset,amount,Asset\nA,1,B\n"),
            Err(SheetError::ColumnTwice("Asset".to_owned()))
        );
        assert_eq!(
            rows("asset,amount\nA,1,B\n"),
            Err(SheetError::TooWide { line: 2 })
        );
        for empty in ["", "\n", "asset,amount\n", "asset,amount\n,\n"] {
            assert_eq!(rows(empty), Err(SheetError::Empty), "{empty:?}");
        }
        assert_eq!(
            read(b"asset,amount\n\xff,1\n", COLUMNS),
            Err(SheetError::NotText)
        );
        let long = format!("asset,amount\n{}", "A,1\n".repeat(MOST_ROWS + 1));
        assert_eq!(rows(&long), Err(SheetError::TooLong));
    }

    /// F-X16: foreign words that a spreadsheet would run.
    #[test]
    fn no_cell_begins_like_a_formula() {
        let text = |words: &str| Cell::Text(words.to_owned());
        let bytes = write(
            &["note"],
            [
                vec![text("=HYPERLINK(\"http://evil\")")],
                vec![text("@SUM(A1)")],
                vec![text("-2+3")],
                vec![text("plain")],
                vec![Cell::plain(Some(-5))],
                vec![Cell::Empty],
            ],
        );
        let written = String::from_utf8(bytes).unwrap();
        let lines: Vec<&str> = written.split("\r\n").collect();
        assert_eq!(lines[1], "\"'=HYPERLINK(\"\"http://evil\"\")\"");
        assert_eq!(&lines[2..6], ["'@SUM(A1)", "'-2+3", "plain", "-5"]);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            written in proptest::collection::vec(("[^\\p{C} ][^\\p{C}]{0,20}", "\\PC{0,20}"), 1..20)
        ) {
            let cells = written.iter().map(|(asset, note)| {
                vec![Cell::Text(asset.clone()), Cell::Plain("1".to_owned()), Cell::Text(note.clone())]
            });
            let bytes = write(&["asset", "amount", "note"], cells);
            let read = read(&bytes, COLUMNS).unwrap();
            prop_assert_eq!(read.len(), written.len());
            for (row, (asset, note)) in read.iter().zip(&written) {
                prop_assert_eq!(row.get("asset").unwrap_or_default(), asset.trim());
                prop_assert_eq!(row.get("note").unwrap_or_default(), note.trim());
            }
        }

        /// F-X16: whatever somebody wrote, and whatever a spreadsheet leaves out before it.
        #[test]
        fn no_text_begins_like_a_formula(
            blank in "[ \t\r\n\u{a0}\u{2003}]{0,3}",
            begins in proptest::sample::select(FORMULA.to_vec()),
            text in any::<String>(),
        ) {
            for words in [format!("{blank}{begins}{text}"), text] {
                let bytes = write(&["note"], [vec![Cell::Text(words.clone())]]);
                let mut reader = ReaderBuilder::new().from_reader(bytes.as_slice());
                for record in reader.records() {
                    let record = record.unwrap();
                    prop_assert_eq!(record.len(), 1);
                    prop_assert!(!record[0].trim_start().starts_with(FORMULA), "{:?}", &record[0]);
                }
            }
        }

        #[test]
        fn no_file_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            drop(read(&bytes, COLUMNS));
            let text = String::from_utf8_lossy(&bytes);
            drop(read(format!("asset,amount,note\n{text}").as_bytes(), COLUMNS));
        }
    }
}
