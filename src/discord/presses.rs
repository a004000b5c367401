//! What is pressed on a notice, or on what a press of it opened. Nobody owns a notice: who may do what
//! is looked at when it is pressed.

use crate::{
    domain::{
        ids::{AlertId, EntryId},
        time::Span,
    },
    render::press::{Ask, MINE, Mine, PREFIX, WHICH},
};

/// What a press, a choice or a modal of a notice means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Press {
    /// On the message itself, or about one notice of several.
    Ask { ask: Ask, entry: Option<EntryId> },
    /// One notice of several is to be chosen.
    Which,
    /// An alert is to be silent for so long.
    Mute { alert: AlertId, length: Span },
    /// What an amount means that is told now and kept nowhere.
    Amount { entry: EntryId },
    /// The presser's own figures.
    Mine(Mine),
}

/// How long a press can mute for: an hour, a day, a week.
pub const MUTES: [Span; 3] = [Span::hours(1), Span::hours(24), Span::days(7)];

const MUTE: &str = "1|m|";
const AMOUNT: &str = "1|i|";

impl Press {
    /// Reads a custom id; `None` for one that is not about a notice.
    pub fn decode(text: &str) -> Option<Self> {
        if text == WHICH {
            return Some(Self::Which);
        }
        if let Some(slug) = text.strip_prefix(MINE) {
            let mine = Mine::ALL.into_iter().find(|known| known.slug() == slug)?;
            return Some(Self::Mine(mine));
        }
        if let Some(entry) = text.strip_prefix(AMOUNT) {
            let entry = EntryId(number(entry)?);
            return Some(Self::Amount { entry });
        }
        if let Some(rest) = text.strip_prefix(MUTE) {
            let (alert, hours) = rest.split_once('|')?;
            let length = MUTES
                .into_iter()
                .find(|length| hours_of(*length).to_string() == hours)?;
            let alert = AlertId(number(alert)?);
            return Some(Self::Mute { alert, length });
        }
        let rest = text.strip_prefix(PREFIX)?;
        let (ask, entry) = match rest.split_once('|') {
            Some((ask, entry)) => (ask, Some(EntryId(number(entry)?))),
            None => (rest, None),
        };
        let ask = Ask::ALL.into_iter().find(|known| known.slug() == ask)?;
        Some(Self::Ask { ask, entry })
    }

    /// Whether it can come from under a notice, where it has no mark.
    pub const fn stands_on_notices(self) -> bool {
        matches!(
            self,
            Self::Ask { entry: None, .. } | Self::Which | Self::Mine(_)
        )
    }

    /// Whether what the presser keeps is looked at for it.
    pub const fn shows_what_is_kept(self) -> bool {
        matches!(
            self,
            Self::Ask {
                ask: Ask::Impact,
                ..
            } | Self::Mine(_)
        )
    }

    /// The custom id of a button that mutes, or of the modal that asks for an amount.
    pub fn encode(self) -> Option<String> {
        match self {
            Self::Mute { alert, length } => Some(format!("{MUTE}{alert}|{}", hours_of(length))),
            Self::Amount { entry } => Some(format!("{AMOUNT}{entry}")),
            Self::Ask { .. } | Self::Which | Self::Mine(_) => None,
        }
    }
}

const fn hours_of(length: Span) -> u64 {
    length.0.as_secs() / 3600
}

/// A number as it is printed, and in no other writing.
fn number(text: &str) -> Option<i64> {
    let number: i64 = text.parse().ok()?;
    (number > 0 && number.to_string() == text).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::{message::Action, press};

    #[test]
    fn every_button_of_a_notice_is_read_back() {
        for entry in [None, Some(EntryId(7))] {
            for (button, ask) in press::buttons(entry).into_iter().zip(Ask::ALL) {
                let Action::Press(id) = button.action else {
                    panic!("{button:?}");
                };
                assert_eq!(Press::decode(&id), Some(Press::Ask { ask, entry }));
            }
        }
        for mine in Mine::ALL {
            let Action::Press(id) = press::mine(mine).action else {
                panic!("{mine:?}");
            };
            assert_eq!(Press::decode(&id), Some(Press::Mine(mine)));
        }
        assert_eq!(Press::decode(WHICH), Some(Press::Which));
        let entry = EntryId(3);
        for length in MUTES {
            let alert = AlertId(12);
            for press in [Press::Mute { alert, length }, Press::Amount { entry }] {
                assert_eq!(Press::decode(&press.encode().unwrap()), Some(press));
            }
        }
    }

    #[test]
    fn what_was_made_up_is_not_read() {
        for text in [
            "",
            "1|n|",
            "1|n|what",
            "1|n|why|",
            "1|n|why|-1",
            "1|n|why|01",
            "1|m|12",
            "1|m|12|2",
            "1|m|x|24",
            "1|i|",
            "1|i|0",
            "1|w|",
            "1|w|all",
            "1|e|5",
        ] {
            assert_eq!(Press::decode(text), None, "{text}");
        }
    }
}
