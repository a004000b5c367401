//! What whoever runs the bot has to know and act on, where no monitoring tells them.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::time::Span;

/// A source is down once it has not answered for so long.
pub const SOURCE_DOWN: Span = Span::hours(3);

/// The part of the disk that has to be free, in percent.
pub const DISK_FREE: u8 = 10;

/// So many sessions of one shard that end within an hour are no chance.
pub const SESSIONS_LOST: usize = 4;

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
    /// Discord ended [`SESSIONS_LOST`] sessions of a shard within an hour.
    SessionsLost,
}

/// What has changed between what was told and what is wrong now: what began, and what is over.
pub fn news<'a>(
    told: &'a BTreeSet<Alarm>,
    now: &'a BTreeSet<Alarm>,
) -> (Vec<&'a Alarm>, Vec<&'a Alarm>) {
    let began = now.difference(told).collect();
    let over = told.difference(now).collect();
    (began, over)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_told_when_it_begins_and_when_it_is_over() {
        let source = |name: &str| Alarm::SourceDown(name.to_owned());
        let told = BTreeSet::from([source("Lido"), Alarm::DiskFull]);
        let now = BTreeSet::from([Alarm::DiskFull, Alarm::BackupOld]);
        let (began, over) = news(&told, &now);
        assert_eq!(began, [&Alarm::BackupOld]);
        assert_eq!(over, [&source("Lido")]);
        assert_eq!(news(&now, &now), (Vec::new(), Vec::new()));
    }
}
