//! What whoever runs the bot is told in a channel, with what to do.

use super::{message::Message, text};
use crate::domain::{
    alarm::{Alarm, DISK_FREE, News, SESSIONS_LOST, SOURCE_DOWN},
    time::Span,
};

/// What began, and what is over. `backup_age` is how old a backup may be.
pub fn alarms(news: &News, backup_age: Span) -> Message {
    let new = news
        .began
        .iter()
        .map(|alarm| format!("⚠️ {}", begin(alarm, backup_age)));
    let old = news.over.iter().map(|alarm| format!("✅ {}", end(alarm)));
    let lines: Vec<String> = new.chain(old).collect();
    Message::text(lines.join("\n"))
}

fn begin(alarm: &Alarm, backup_age: Span) -> String {
    match alarm {
        Alarm::SourceDown(name) => format!(
            "{} has not answered for {} h. Alerts that rest on it are silent; `/status` says what is wrong, \
             and `stipend doctor` what to do.",
            text::name(name),
            SOURCE_DOWN.0.as_secs() / 3_600
        ),
        Alarm::DiskFull => format!(
            "Less than {DISK_FREE} % of the disk with the database is free. Once it is full, nothing is told any \
             more: make room now."
        ),
        Alarm::BackupOld => format!(
            "The last backup is older than {} h. `stipend backup FILE` makes one while the bot runs; the master \
             key is not in it.",
            backup_age.0.as_secs() / 3_600
        ),
        Alarm::SessionsLost => format!(
            "Discord has ended the same connection {SESSIONS_LOST} times within an hour. Is another process \
             running with this token? Only one may: end the other, or reset the token on the Bot page of the \
             developer portal."
        ),
    }
}

fn end(alarm: &Alarm) -> String {
    match alarm {
        Alarm::SourceDown(name) => format!("{} answers again.", text::name(name)),
        Alarm::DiskFull => "The disk with the database has room again.".to_owned(),
        Alarm::BackupOld => "There is a fresh backup.".to_owned(),
        Alarm::SessionsLost => "Connections to Discord last again.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn what_is_wrong_says_what_to_do() {
        let all = BTreeSet::from([
            Alarm::SourceDown("DefiLlama".to_owned()),
            Alarm::DiskFull,
            Alarm::BackupOld,
            Alarm::SessionsLost,
        ]);
        let said = |began: &BTreeSet<Alarm>, over: &BTreeSet<Alarm>| {
            let (began, over) = (began.clone(), over.clone());
            alarms(&News { began, over }, Span::hours(48)).content
        };
        let none = BTreeSet::new();
        insta::assert_snapshot!([said(&all, &none), said(&none, &all)].join("\n\n"));
    }
}
