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

    /// As the database keeps it; what comes first is smaller.
    pub const fn rank(self) -> u8 {
        match self {
            Self::Critical => 0,
            Self::Normal => 1,
            Self::Digest => 2,
        }
    }

    pub fn from_rank(rank: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|urgency| urgency.rank() == rank)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The ranks stand in the database, and the order decides what goes out first.
    #[test]
    fn urgencies_keep_their_ranks_and_their_order() {
        assert_eq!(Urgency::ALL.map(Urgency::rank), [0, 1, 2]);
        for urgency in Urgency::ALL {
            assert_eq!(Urgency::from_rank(urgency.rank()), Some(urgency));
        }
        assert!(Urgency::ALL.is_sorted());
    }
}
