//! What may wait for what.

/// How pressing a notice is; the more pressing comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Urgency {
    /// Somebody may lose money while it waits.
    Critical,
    Normal,
    /// A summary, which is as good an hour later.
    Digest,
}

impl Urgency {
    pub const ALL: [Self; 3] = [Self::Critical, Self::Normal, Self::Digest];

    pub const fn slug(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Normal => "normal",
            Self::Digest => "digest",
        }
    }

    pub fn parse(slug: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|urgency| urgency.slug() == slug)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names stand in the database, and the order decides what goes out first.
    #[test]
    fn urgencies_keep_their_names_and_their_order() {
        let slugs = Urgency::ALL.map(Urgency::slug);
        assert_eq!(slugs, ["critical", "normal", "digest"]);
        for urgency in Urgency::ALL {
            assert_eq!(Urgency::parse(urgency.slug()), Some(urgency));
        }
        assert!(Urgency::ALL.is_sorted());
    }
}
