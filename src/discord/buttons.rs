//! What a button means: one value, one text of at most 100 characters, one way to and fro.
//!
//! A press can come from a message that is years old, or from somebody who made the text up. What
//! cannot be read back exactly is expired, and whoever presses has to be the one whom it names.

use crate::domain::ids::UserId;

/// What a button does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Button {
    /// The owner agrees to what is kept of them, and what waits for that is kept.
    Agree { owner: UserId, held: u32 },
    /// The owner wants what they have seen a preview of to be kept.
    Keep { owner: UserId, held: u32 },
    /// The owner wants the wish behind a plan to be kept; the plan stays as it is.
    Save { owner: UserId, held: u32 },
    /// The owner sets the alert that they have seen the preview of.
    Set { owner: UserId, held: u32 },
    /// The owner wants all that is kept of them erased.
    Erase { owner: UserId },
    /// The owner changed their mind.
    Cancel { owner: UserId },
}

/// The longest `custom_id` that Discord takes, in characters.
pub const LONGEST: usize = 100;

/// Stands first, so that a later form can be told from this one.
const VERSION: &str = "1";

const SEPARATOR: char = '|';

impl Button {
    /// Who may press it.
    pub const fn owner(self) -> UserId {
        match self {
            Self::Agree { owner, .. }
            | Self::Keep { owner, .. }
            | Self::Save { owner, .. }
            | Self::Set { owner, .. }
            | Self::Erase { owner }
            | Self::Cancel { owner } => owner,
        }
    }

    /// The text for Discord.
    pub fn encode(self) -> String {
        let owner = self.owner();
        match self {
            Self::Agree { held, .. } => format!("{VERSION}|h|{owner}|{held}"),
            Self::Keep { held, .. } => format!("{VERSION}|k|{owner}|{held}"),
            Self::Save { held, .. } => format!("{VERSION}|g|{owner}|{held}"),
            Self::Set { held, .. } => format!("{VERSION}|s|{owner}|{held}"),
            Self::Erase { .. } => format!("{VERSION}|e|{owner}"),
            Self::Cancel { .. } => format!("{VERSION}|c|{owner}"),
        }
    }

    /// Reads what [`encode`](Self::encode) wrote; `None` for anything else.
    pub fn decode(text: &str) -> Option<Self> {
        let rest = text.strip_prefix(VERSION)?.strip_prefix(SEPARATOR)?;
        let (kind, rest) = rest.split_once(SEPARATOR)?;
        let (owner, held) = match rest.split_once(SEPARATOR) {
            Some((owner, held)) => (owner, Some(u32::try_from(whole(held)?).ok()?)),
            None => (rest, None),
        };
        let owner = UserId(whole(owner)?);
        match (kind, held) {
            ("h", Some(held)) => Some(Self::Agree { owner, held }),
            ("k", Some(held)) => Some(Self::Keep { owner, held }),
            ("g", Some(held)) => Some(Self::Save { owner, held }),
            ("s", Some(held)) => Some(Self::Set { owner, held }),
            ("e", None) => Some(Self::Erase { owner }),
            ("c", None) => Some(Self::Cancel { owner }),
            _ => None,
        }
    }
}

/// A number as it is printed, and in no other writing.
fn whole(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_button_is_read_back() {
        let (owner, held) = (UserId(u64::MAX), u32::MAX);
        for button in [
            Button::Agree { owner, held },
            Button::Keep { owner, held },
            Button::Save { owner, held },
            Button::Set { owner, held: 7 },
            Button::Erase { owner },
            Button::Cancel { owner },
        ] {
            let text = button.encode();
            assert!(text.chars().count() <= LONGEST, "{text}");
            assert_eq!(Button::decode(&text), Some(button));
        }
    }

    #[test]
    fn what_was_made_up_is_expired() {
        for text in [
            "",
            "1",
            "2|e|5",
            "1|e",
            "1|e|",
            "1|e|05",
            "1|e|-5",
            "1|e|5|",
            "1|e|5|1",
            "1|z|5",
            "1|h|5",
            "1|h|5|4294967296",
            "1|a|5|747c1d2ac6684682b9f9296708a3dd90|u||1||",
            "page:2",
        ] {
            assert_eq!(Button::decode(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,120}") {
            prop_assert!(Button::decode(&text).is_none_or(|button| button.encode() == text));
            let made_up = format!("1|h|5|{text}");
            prop_assert!(Button::decode(&made_up).is_none_or(|button| button.encode() == made_up));
        }
    }
}
