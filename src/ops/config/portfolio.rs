use super::{review::Section, value};

/// `[portfolio]`: what people may keep for themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Portfolio {
    /// How many positions one person may have, 1 to 10,000. Default 200.
    pub per_user: u32,
}

impl Default for Portfolio {
    fn default() -> Self {
        Self { per_user: 200 }
    }
}

impl Portfolio {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        let default = Self::default();
        Self {
            per_user: section.read("per_user", default.per_user, |given| {
                value::whole(given, 1..=10_000, |count| count.try_into().ok())
            }),
        }
    }
}
