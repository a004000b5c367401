//! The configuration: `stipend.toml`, then the environment, then the defaults.
//!
//! Every key can also be set as `STIPEND_SECTION__KEY`, which wins over the file. Reading happens in
//! two steps: [`Raw`] is what was written, believing nothing; [`Config::check`] makes typed values
//! of it or tells *all* that is wrong, each with its place and what is allowed. An unknown key is
//! wrong, because a misspelt one would otherwise be a default that nobody chose.
//!
//! Relative paths start at the working directory. Values that may be secret are never repeated in a
//! complaint.

mod alerts;
mod database;
mod delivery;
mod discord;
mod fault;
mod nearest;
mod ops;
mod portfolio;
mod raw;
mod review;
mod secrets;
mod sources;
#[cfg(test)]
mod tests;
mod value;
mod verdict;

use std::{
    fmt,
    path::{Path, PathBuf},
};

pub use alerts::Alerts;
pub use database::Database;
pub use delivery::Delivery;
pub use discord::{Discord, Way};
pub use fault::{Fault, Faults, Place};
pub use ops::{LogFormat, NotifyChannel, Ops};
pub use portfolio::Portfolio;
pub use raw::Raw;
pub use secrets::Secrets;
pub use sources::{DefiLlama, Keyed, Rates, Sources};

use crate::domain::verdict::Screen;
use review::Review;

/// What variables of ours begin with.
const PREFIX: &str = "STIPEND_";

/// Names the configuration file; the only variable that is no key.
const FILE_VARIABLE: &str = "STIPEND_CONFIG";

/// The file that is read when none is named and it exists.
const USUAL_FILE: &str = "stipend.toml";

/// The whole configuration, checked.
#[derive(Debug, Clone, Default)]
pub struct Config {
    pub discord: Discord,
    pub sources: Sources,
    pub database: Database,
    pub secrets: Secrets,
    /// `[verdict]`: the limits of the hard rules.
    pub verdict: Screen,
    pub alerts: Alerts,
    pub portfolio: Portfolio,
    pub delivery: Delivery,
    pub ops: Ops,
}

impl Config {
    /// Reads the file and the environment.
    ///
    /// The file is `path`, else the one that `STIPEND_CONFIG` names, else `stipend.toml` in the
    /// working directory. Only the last may be absent. `environment` is [`environment()`], or what a
    /// test makes up; variables that do not begin with `STIPEND_` are not looked at.
    pub fn load(
        path: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, Faults> {
        let Origin { file, variables } = Origin::find(path, environment);
        Self::check(Raw::read(file.as_deref(), variables)).map_err(Faults::from)
    }

    /// Makes typed values of what was written, or tells everything that is wrong with it, in the
    /// order of the file with the environment last.
    pub fn check(raw: Raw) -> Result<Self, Vec<Fault>> {
        let mut review = Review::of(raw);
        let config = Self::read(&mut review);
        let faults = review.finish();
        if faults.is_empty() {
            Ok(config)
        } else {
            Err(faults)
        }
    }

    /// Every key that there is, as `section.key`, in the order of the sections.
    pub fn keys() -> Vec<String> {
        let mut review = Review::of(Raw::default());
        Self::read(&mut review);
        review.into_keys()
    }

    fn read(review: &mut Review) -> Self {
        Self {
            discord: Discord::read(&mut review.section("discord")),
            sources: Sources::read(review),
            database: Database::read(&mut review.section("database")),
            secrets: Secrets::read(&mut review.section("secrets")),
            verdict: verdict::read(&mut review.section("verdict")),
            alerts: Alerts::read(&mut review.section("alerts")),
            portfolio: Portfolio::read(&mut review.section("portfolio")),
            delivery: Delivery::read(&mut review.section("delivery")),
            ops: Ops::read(&mut review.section("ops")),
        }
    }
}

/// Where a configuration is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// `None` where none was named and there is none of the usual name.
    pub file: Option<PathBuf>,
    /// Variables that set a key, with what they say.
    variables: Vec<(String, String)>,
}

impl Origin {
    /// What [`Config::load`] reads.
    pub fn find(path: Option<&Path>, environment: impl Iterator<Item = (String, String)>) -> Self {
        let mut named = path.map(Path::to_owned);
        let mut variables = Vec::new();
        for (variable, text) in environment.filter(|(name, _)| name.starts_with(PREFIX)) {
            if variable == FILE_VARIABLE {
                named = named.or_else(|| (!text.is_empty()).then(|| PathBuf::from(text)));
            } else {
                variables.push((variable, text));
            }
        }
        let usual = Path::new(USUAL_FILE);
        let file = named.or_else(|| usual.exists().then(|| usual.to_owned()));
        Self { file, variables }
    }
}

impl fmt::Display for Origin {
    /// `stipend.toml and 2 variables`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.file {
            Some(file) => write!(f, "{}", file.display())?,
            None => write!(f, "no file ({USUAL_FILE} is not in this folder)")?,
        }
        match self.variables.len() {
            0 => Ok(()),
            1 => f.write_str(" and 1 variable"),
            variables => write!(f, " and {variables} variables"),
        }
    }
}

/// The process's environment, for [`Config::load`]. What is no Unicode is read with replacement
/// characters, where `std::env::vars` would panic over a variable that is not even ours.
pub fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().map(|(name, text)| {
        (
            name.to_string_lossy().into_owned(),
            text.to_string_lossy().into_owned(),
        )
    })
}

/// The variable that sets a key: `delivery.timeout` → `STIPEND_DELIVERY__TIMEOUT`.
fn variable_of(key: &str) -> String {
    format!("{PREFIX}{}", key.replace('.', "__").to_uppercase())
}
