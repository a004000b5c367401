use std::path::{Path, PathBuf};

use super::{
    raw::{Given, Written},
    review::Section,
    value::Expectation,
};

const SCHEME: &str = "sqlite://";

/// `[database]`: where everything is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Database {
    path: PathBuf,
}

impl Default for Database {
    fn default() -> Self {
        Self {
            path: PathBuf::from("stipend.db"),
        }
    }
}

impl Database {
    /// The `SQLite` file that `database.url` names. Default `stipend.db`, from `sqlite://stipend.db`;
    /// `sqlite:///data/stipend.db` names one from the root.
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn read(section: &mut Section<'_>) -> Self {
        section.read("url", Self::default(), parse)
    }
}

fn parse(given: &Given) -> Result<Database, Expectation> {
    let allowed = "write it like sqlite://stipend.db or sqlite:///data/stipend.db";
    let Written::Text(url) = &given.written else {
        return Err(format!("is not text; {allowed}").into());
    };
    if url.starts_with("postgres:") || url.starts_with("postgresql:") {
        return Err(format!("names PostgreSQL, which is a later piece of work; {allowed}").into());
    }
    url.strip_prefix(SCHEME)
        // Each of these would mean something else to one or the other reader of such an address.
        .filter(|path| !path.is_empty() && !path.contains([':', '?', '#', '%', '\0']))
        .map(|path| Database {
            path: PathBuf::from(path),
        })
        .ok_or_else(|| format!("names no SQLite file; {allowed}").into())
}
