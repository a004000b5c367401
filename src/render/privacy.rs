//! What is kept of a person, and how it goes.

use super::{
    count,
    message::{Button, ButtonStyle, Colour, Embed, Field, Message},
    numbers::{grouped, moment},
};
use crate::{
    domain::{
        retention::{DELIVERED, UNUSED, WARNING},
        time::{Day, Span, Timestamp},
    },
    render::portfolio::date,
};

/// What is kept of one person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Kept {
    pub positions: usize,
    /// Entries of the ledger.
    pub entries: usize,
    pub goals: usize,
    /// What they want to be written to about.
    pub watches: usize,
    /// When the person agreed that positions are kept.
    pub consented_at: Option<Timestamp>,
    /// Alerts of servers that name the person as their maker.
    pub alerts: usize,
    /// Changes in servers that are noted under the person's name.
    pub changes: usize,
}

impl Kept {
    const fn is_nothing(&self) -> bool {
        let told = self.positions + self.entries + self.goals + self.watches;
        told == 0 && self.alerts == 0 && self.changes == 0 && self.consented_at.is_none()
    }
}

/// Asks before anything is kept for the first time. `agree` is the custom id of the button.
pub fn consent(agree: impl Into<String>) -> Message {
    Message::from(Embed {
        title: "May I keep what you tell me?".to_owned(),
        description:
            "To work out what you earn, I keep what you enter: positions, income that you log, goals, \
             what you have watched, notes and what you choose, and how your portfolio stood when you last looked, with your \
             Discord id. Nothing else, and no wallet address.\n\
             It is encrypted on disk, but **whoever runs this bot holds the key and could read \
             it**. It is shown to nobody but you. Which coins' prices were asked for, and for which hours, \
             is kept in the open, without whose question it was.\n\
             `/privacy show` tells what is kept, `/privacy delete` erases it for good, at any time."
                .to_owned(),
        colour: Colour::Blue,
        ..Embed::default()
    })
    .with_buttons([Button::press("I agree", ButtonStyle::Primary, agree)])
}

/// What is kept, why and for how long.
pub fn show(kept: &Kept) -> Message {
    if kept.is_nothing() {
        return nothing();
    }
    let consent = kept.consented_at.map_or_else(
        || "you have not agreed to anything being kept".to_owned(),
        |at| format!("you agreed on {}", moment(at)),
    );
    Message::from(Embed {
        title: "What is kept of you".to_owned(),
        colour: Colour::Blue,
        fields: vec![
            Field::wide(
                "Positions",
                format!(
                    "{}: all that you told of them, encrypted, until you delete them – {consent}. \
                     Whoever runs this bot holds the key.",
                    count(kept.positions, "position", "positions")
                ),
            ),
            Field::wide(
                "Ledger",
                format!(
                    "{}: all that you told of the income that you received, and what it was worth then, \
                     encrypted, until you delete them.",
                    count(kept.entries, "entry", "entries")
                ),
            ),
            Field::wide(
                "Goals",
                format!(
                    "{}: the income that you want, encrypted, until you delete them.",
                    count(kept.goals, "goal", "goals")
                ),
            ),
            Field::wide(
                "Watches",
                format!(
                    "{}: what you want to be written to about, and the messages to you, encrypted, until \
                     you delete them or your data. That I write to you is kept in the open: the channel of \
                     our direct messages, and a number that cannot be turned back into your Discord id \
                     without the key.",
                    count(kept.watches, "watch", "watches")
                ),
            ),
            Field::wide(
                "Choices",
                "Your currency, time zone and tax rate where you chose any, and how your portfolio stood \
                 when you last looked, encrypted, until you delete your data.",
            ),
            Field::wide(
                "How long",
                format!(
                    "As said above. What you do not use for {} days goes by itself, after a warning that has \
                     reached you; your ledger stays, and so does all of it while you have something watched. \
                     Messages to you go after {} days.",
                    days(UNUSED),
                    days(DELIVERED)
                ),
            ),
            Field::wide(
                "Alerts",
                format!(
                    "{} in servers, with your Discord id as the maker, until the alert is \
                     removed or you delete your data.",
                    count(kept.alerts, "alert", "alerts")
                ),
            ),
            Field::wide(
                "Changes",
                format!(
                    "{} to what servers are told, with your Discord id, so that their managers see \
                     who changed what, for a year or until you delete your data.",
                    count(kept.changes, "change", "changes")
                ),
            ),
            Field::wide(
                "Not kept",
                "What you look up, what you write, and who you are elsewhere.",
            ),
        ],
        footer: "/privacy delete erases it".to_owned(),
        ..Embed::default()
    })
}

fn nothing() -> Message {
    Message::text("Nothing is kept of you.")
}

const fn days(length: Span) -> u64 {
    length.0.as_secs() / 86_400
}

/// Asks before everything goes. `delete` and `keep` are the custom ids of the buttons.
pub fn question(kept: &Kept, delete: impl Into<String>, keep: impl Into<String>) -> Message {
    if kept.is_nothing() {
        return nothing();
    }
    Message::text(format!(
        "Delete {} for good? {}This cannot be undone.",
        told(kept),
        alerts_stay(kept.alerts)
    ))
    .with_buttons([
        Button::press("Delete for good", ButtonStyle::Danger, delete),
        Button::press("Keep", ButtonStyle::Secondary, keep),
    ])
}

/// What goes: `3 positions, 1 entry of your ledger and your consent`.
fn told(kept: &Kept) -> String {
    let positions = (kept.positions > 0).then(|| count(kept.positions, "position", "positions"));
    let entries = (kept.entries > 0).then(|| {
        count(
            kept.entries,
            "entry of your ledger",
            "entries of your ledger",
        )
    });
    let goals = (kept.goals > 0).then(|| count(kept.goals, "goal", "goals"));
    let watches = (kept.watches > 0).then(|| count(kept.watches, "watch", "watches"));
    let told = [positions, entries, goals, watches].into_iter().flatten();
    let told: Vec<String> = told.chain(["what you chose".to_owned()]).collect();
    format!("{} and your consent", told.join(", "))
}

/// Alerts belong to the server; only the mark of who made them is the person's.
fn alerts_stay(alerts: usize) -> String {
    match alerts {
        0 => String::new(),
        1 => "The alert that you made stays with its server, without your name. ".to_owned(),
        many => format!(
            "The {} alerts that you made stay with their servers, without your name. ",
            grouped(many)
        ),
    }
}

/// What was deleted.
pub fn deleted(gone: &Kept) -> Message {
    Message::text(format!(
        "Deleted: {}. {}Backups lose it when they are replaced.",
        told(gone),
        alerts_stay(gone.alerts)
    ))
}

/// Written to a person who has not used for long what is kept of them. `on` is the day from which on it may go.
pub fn unused(now: Timestamp) -> Message {
    let on = now.plus(WARNING.0).day();
    Message::text(format!(
        "You have not used for months what you keep with me. From {} on I erase it, so that nothing lies \
         around that nobody needs: positions, goals and what you chose. Your ledger stays. To keep all of it, \
         use it once, such as by `/portfolio view`. `/privacy export` hands it out to you.",
        date(on)
    ))
}

/// Below an answer to somebody of whom nothing is kept: that it may have been lost on that day.
pub fn key_lost(on: Day) -> String {
    format!(
        "On {} the key of this bot was lost. What anybody had kept here before that cannot be read any more, by \
         nobody. If you had told me of positions, income or goals, please tell me again.",
        date(on)
    )
}

/// The question was answered with no.
pub fn unchanged() -> Message {
    Message::text("Nothing was changed.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::samples;

    #[test]
    fn what_is_kept_and_how_it_goes() {
        let kept = Kept {
            positions: 3,
            goals: 1,
            watches: 2,
            entries: 1_204,
            consented_at: Some(samples::now()),
            alerts: 1,
            changes: 4,
        };
        insta::assert_json_snapshot!([
            consent("agree:1"),
            show(&Kept::default()),
            show(&kept),
            question(&kept, "del:1", "keep:1"),
            deleted(&kept),
            unchanged(),
            unused(samples::now()),
            Message::text(key_lost(samples::now().day())),
        ]);
    }
}
