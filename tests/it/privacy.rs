//! What operators publish says what the program keeps.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::{Connection as _, SqliteConnection, sqlite::SqliteConnectOptions};
use stipend::{
    clock::{Clock as _, SystemClock},
    store::Store,
};

use crate::packaging::file;

type Columns = BTreeMap<String, BTreeSet<String>>;

/// Each table of the newest schema with its columns.
async fn schema() -> Columns {
    const SQL: &str = "SELECT t.name, c.name FROM sqlite_schema t JOIN pragma_table_info(t.name) c \
         WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%' AND t.name NOT LIKE '_sqlx_%'";
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stipend.db");
    let store = Store::open(&path, &[7; 32], SystemClock.now())
        .await
        .unwrap();
    store.close().await;
    let options = SqliteConnectOptions::new().filename(&path);
    let mut open = SqliteConnection::connect_with(&options).await.unwrap();
    let rows: Vec<(String, String)> = sqlx::query_as(SQL).fetch_all(&mut open).await.unwrap();
    let mut columns = Columns::new();
    for (table, column) in rows {
        columns.entry(table).or_default().insert(column);
    }
    columns
}

/// What stands between backticks.
fn quoted(cell: &str) -> impl Iterator<Item = String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned)
}

/// The rows of the data table: columns by table. Each has its reason, its term and how it is kept.
fn told(text: &str) -> Columns {
    let (_, tables) = text.split_once("\n## Everything that is kept\n").unwrap();
    let mut columns = Columns::new();
    for row in tables.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let [table, named, why, how_long, kept] = cells[..] else {
            panic!("not five cells: {row}");
        };
        assert!(!why.is_empty() && !how_long.is_empty(), "{row}");
        assert!(
            kept.starts_with("open") || kept.starts_with("sealed"),
            "{row}"
        );
        let of = columns.entry(quoted(table).next().unwrap()).or_default();
        for column in quoted(named) {
            assert!(of.insert(column.clone()), "{column} is told twice: {row}");
        }
    }
    columns
}

/// A column that is added without a word about why it is there and for how long is one that nobody agreed to.
/// Whoever adds one says so in PRIVACY.md.
#[tokio::test]
async fn each_column_is_in_the_privacy_policy_and_no_other() {
    let (kept, told) = (schema().await, told(&file("PRIVACY.md")));
    let lacking = |these: &Columns, those: &Columns| -> Vec<String> {
        let none = BTreeSet::new();
        these
            .iter()
            .flat_map(|(table, columns)| {
                let known = those.get(table).unwrap_or(&none);
                columns
                    .difference(known)
                    .map(move |column| format!("{table}.{column}"))
            })
            .collect()
    };
    let untold = lacking(&kept, &told);
    assert!(untold.is_empty(), "kept, and not in PRIVACY.md: {untold:?}");
    let gone = lacking(&told, &kept);
    assert!(gone.is_empty(), "in PRIVACY.md, and not kept: {gone:?}");
}

/// What is sealed in the database is said to be, and what is not is not.
#[tokio::test]
async fn what_is_called_sealed_is_what_has_a_sealed_column() {
    let text = file("PRIVACY.md");
    for (table, columns) in schema().await {
        if columns.contains("sealed") {
            let row = text
                .lines()
                .find(|line| line.starts_with(&format!("| `{table}` | `sealed` |")));
            assert!(
                row.is_some_and(|row| row.ends_with("| sealed |")),
                "{table}"
            );
        }
    }
}

/// An operator who publishes the texts as they are would be nobody.
#[test]
fn the_texts_say_at_the_top_what_to_fill_in() {
    for (path, places) in [
        ("PRIVACY.md", &["[OPERATOR]", "[CONTACT]", "[DATE]"][..]),
        (
            "TERMS.md",
            &["[OPERATOR]", "[CONTACT]", "[COUNTRY]", "[DATE]"][..],
        ),
    ] {
        let text = file(path);
        let top: Vec<&str> = text
            .lines()
            .take(10)
            .filter(|line| line.starts_with("> "))
            .collect();
        let top = top.join(" ");
        for place in places {
            assert!(top.contains(&format!("**{place}**")), "{path}: {place}");
            assert_eq!(text.matches(place).count(), 1, "{path}: {place}");
        }
    }
}
