use std::path::PathBuf;

use super::{review::Section, value};

/// `[secrets]`: what personal data is sealed with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secrets {
    /// The file with the master key, made at the first start. Default `stipend.key`.
    pub master_key_file: PathBuf,
}

impl Default for Secrets {
    fn default() -> Self {
        Self {
            master_key_file: PathBuf::from("stipend.key"),
        }
    }
}

impl Secrets {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        let default = Self::default();
        Self {
            master_key_file: section.read("master_key_file", default.master_key_file, value::path),
        }
    }
}
