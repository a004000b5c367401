//! What is wrong with a configuration, said so that it can be mended without a manual.

use std::{fmt, path::PathBuf};

/// Where something was written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// In the file, at a line counted from 1; none when it is about the file as a whole.
    File { path: PathBuf, line: Option<usize> },
    /// In a variable of the environment.
    Environment { variable: String },
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File {
                path,
                line: Some(line),
            } => write!(f, "{}:{line}", path.display()),
            Self::File { path, line: None } => write!(f, "{}", path.display()),
            Self::Environment { variable } => f.write_str(variable),
        }
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    pub place: Place,
    /// `section.key`; none when it is about the file as a whole.
    pub key: Option<String>,
    /// The value as written, shortened; none when it is not the value that is wrong. A value that
    /// may be secret is only alluded to.
    pub value: Option<String>,
    /// What is wrong, and what is allowed instead.
    pub expected: String,
}

impl fmt::Display for Fault {
    /// One line: `stipend.toml:12: delivery.timeout: "5" is not a length of time; …`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.place)?;
        // The name of a variable already says which key it is.
        if let (Place::File { .. }, Some(key)) = (&self.place, &self.key) {
            write!(f, "{key}: ")?;
        }
        if let Some(value) = &self.value {
            write!(f, "{value} ")?;
        }
        f.write_str(&self.expected)
    }
}

/// Everything that is wrong with a configuration; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faults(Vec<Fault>);

impl From<Vec<Fault>> for Faults {
    fn from(faults: Vec<Fault>) -> Self {
        Self(faults)
    }
}

impl Faults {
    pub fn iter(&self) -> impl Iterator<Item = &Fault> {
        self.0.iter()
    }
}

impl fmt::Display for Faults {
    /// A line for each, without a newline at the end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}
