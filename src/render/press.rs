//! What can be pressed on a notice: the same for every message, so that a message says nothing of who
//! may press it. Which notice is meant is found by the message.

use super::message::{Button, ButtonStyle, Choice, Select, limits};
use crate::domain::ids::EntryId;

/// What a reader asks of a notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// Why it was told.
    Why,
    /// What it means for what the reader holds.
    Impact,
    /// Silence for its alert.
    Mute,
    /// What the pool paid over the last months.
    History,
    /// Where the same assets earn with a better verdict.
    Calmer,
}

impl Ask {
    /// In the order of the buttons: as many as one row holds.
    pub const ALL: [Self; limits::BUTTONS_PER_ROW] = [
        Self::Why,
        Self::Impact,
        Self::Mute,
        Self::History,
        Self::Calmer,
    ];

    pub const fn slug(self) -> &'static str {
        match self {
            Self::Why => "why",
            Self::Impact => "impact",
            Self::Mute => "mute",
            Self::History => "history",
            Self::Calmer => "calmer",
        }
    }

    const fn label(self) -> &'static str {
        match self {
            Self::Why => "Why",
            Self::Impact => "My impact",
            Self::Mute => "Mute",
            Self::History => "History",
            Self::Calmer => "Calmer places",
        }
    }
}

/// What somebody opens of their own, from a message that was written to them. It names nobody: whoever presses
/// it sees what is theirs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mine {
    Income,
    Positions,
    Locks,
    Better,
    Review,
    Payouts,
}

impl Mine {
    pub const ALL: [Self; 6] = [
        Self::Income,
        Self::Positions,
        Self::Locks,
        Self::Better,
        Self::Review,
        Self::Payouts,
    ];

    pub const fn slug(self) -> &'static str {
        match self {
            Self::Income => "income",
            Self::Positions => "positions",
            Self::Locks => "locks",
            Self::Better => "better",
            Self::Review => "review",
            Self::Payouts => "payouts",
        }
    }

    const fn label(self) -> &'static str {
        match self {
            Self::Income => "Show mine: income",
            Self::Positions => "Show mine: positions",
            Self::Locks => "Show mine: calendar",
            Self::Better => "Show mine: better places",
            Self::Review => "Show mine: review",
            Self::Payouts => "Show mine: pay-outs",
        }
    }
}

/// What stands before what somebody opens of their own.
pub const MINE: &str = "1|w|";

/// The button that opens it.
pub fn mine(mine: Mine) -> Button {
    let custom_id = format!("{MINE}{}", mine.slug());
    Button::press(mine.label(), ButtonStyle::Secondary, custom_id)
}

/// What stands before everything that asks about a notice.
pub const PREFIX: &str = "1|n|";
/// The select that opens one notice of many.
pub const WHICH: &str = "1|n|which";

/// The buttons of a message that tells one notice, or with `entry` of that one among many.
pub fn buttons(entry: Option<EntryId>) -> Vec<Button> {
    let of = entry.map_or_else(String::new, |entry| format!("|{entry}"));
    Ask::ALL
        .into_iter()
        .map(|ask| {
            let custom_id = format!("{PREFIX}{}{of}", ask.slug());
            Button::press(ask.label(), ButtonStyle::Secondary, custom_id)
        })
        .collect()
}

/// The select of a message that tells many.
pub fn which(choices: Vec<Choice>) -> Select {
    let invitation = if choices.len() > limits::CHOICES {
        format!(
            "Which alert? The first {} of {}",
            limits::CHOICES,
            choices.len()
        )
    } else {
        "Which alert? Why, my impact, mute, history".to_owned()
    };
    Select {
        custom_id: WHICH.to_owned(),
        invitation,
        choices,
    }
}
