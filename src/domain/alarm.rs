//! What whoever runs the bot has to know and act on, where no monitoring tells them.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::time::Span;

/// A source is down once it has not answered for so long.
pub const SOURCE_DOWN: Span = Span::hours(3);

/// The part of the disk that has to be free, in percent.
pub const DISK_FREE: u8 = 10;

/// So many sessions of one shard that end within [`SESSIONS_LOST_WITHIN`] are no chance.
pub const SESSIONS_LOST: usize = 4;
pub const SESSIONS_LOST_WITHIN: Span = Span::hours(1);

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Alarm {
    /// A source, by its name, has not answered for [`SOURCE_DOWN`].
    SourceDown(String),
    /// Less than [`DISK_FREE`] of the disk is free.
    DiskFull,
    /// The last backup is older than it may be, or there is none.
    BackupOld,
    /// Discord ended [`SESSIONS_LOST`] sessions of a shard within [`SESSIONS_LOST_WITHIN`].
    SessionsLost,
}

/// What a look at the surroundings has shown. What is in neither set could not be seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// What is wrong.
    pub wrong: BTreeSet<Alarm>,
    /// What is known to be well.
    pub well: BTreeSet<Alarm>,
}

/// What has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct News {
    pub began: BTreeSet<Alarm>,
    pub over: BTreeSet<Alarm>,
}

impl News {
    /// What is new against what was told. Missing knowledge ends nothing: only what is seen to be well is over.
    pub fn between(told: &BTreeSet<Alarm>, seen: &Seen) -> Self {
        Self {
            began: seen.wrong.difference(told).cloned().collect(),
            over: told.intersection(&seen.well).cloned().collect(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.began.is_empty() && self.over.is_empty()
    }

    /// What was told and is not over, once this is told as well.
    pub fn added_to(&self, told: &BTreeSet<Alarm>) -> BTreeSet<Alarm> {
        let open = told.difference(&self.over);
        open.chain(&self.began).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(name: &str) -> Alarm {
        Alarm::SourceDown(name.to_owned())
    }

    #[test]
    fn each_is_told_when_it_begins_and_when_it_is_over() {
        let told = BTreeSet::from([source("Lido"), Alarm::DiskFull]);
        let seen = Seen {
            wrong: BTreeSet::from([Alarm::DiskFull, Alarm::BackupOld]),
            well: BTreeSet::from([source("Lido"), source("DefiLlama")]),
        };
        let news = News::between(&told, &seen);
        assert_eq!(news.began, BTreeSet::from([Alarm::BackupOld]));
        assert_eq!(news.over, BTreeSet::from([source("Lido")]));
        assert_eq!(news.added_to(&told), seen.wrong);
        assert!(News::between(&seen.wrong, &seen).is_empty());
    }

    /// A process that was just started has asked nobody yet.
    #[test]
    fn what_cannot_be_seen_is_not_over() {
        let told = BTreeSet::from([source("DefiLlama"), Alarm::BackupOld]);
        let news = News::between(&told, &Seen::default());
        assert!(news.is_empty());
        assert_eq!(news.added_to(&told), told);
    }
}
