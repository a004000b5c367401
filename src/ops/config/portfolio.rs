use super::{review::Section, value};

/// `[portfolio]`: what people may keep for themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Portfolio {
    /// How many positions one person may have, 1 to 10,000. Default 200.
    pub per_user: u32,
    /// How many entries one person's ledger may have, 1 to 100,000. Default 20,000.
    pub ledger_per_user: u32,
}

impl Default for Portfolio {
    fn default() -> Self {
        Self {
            per_user: 200,
            ledger_per_user: 20_000,
        }
    }
}

impl Portfolio {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        let default = Self::default();
        Self {
            per_user: section.read("per_user", default.per_user, |given| {
                value::whole(given, 1..=10_000, |count| count.try_into().ok())
            }),
            ledger_per_user: section.read("ledger_per_user", default.ledger_per_user, |given| {
                value::whole(given, 1..=100_000, |count| count.try_into().ok())
            }),
        }
    }
}
