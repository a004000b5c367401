//! What a button means: one value, one text of at most 100 characters, one way to and fro.
//!
//! A press can come from a message that is years old, or from somebody who made the text up. What
//! cannot be read back exactly is expired, and whoever presses has to be the one whom it names.

use crate::domain::{
    ids::UserId,
    money::Amount,
    position::{Holding, Stake},
};

/// What a button does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Button {
    /// The owner agrees to what is kept of them, and the stake is stored.
    Agree { owner: UserId, stake: Stake },
    /// Likewise, with a stake that was too long to be written into the button.
    AgreeToHeld { owner: UserId, held: u32 },
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
    pub const fn owner(&self) -> UserId {
        match self {
            Self::Agree { owner, .. }
            | Self::AgreeToHeld { owner, .. }
            | Self::Set { owner, .. }
            | Self::Erase { owner }
            | Self::Cancel { owner } => *owner,
        }
    }

    /// The text for Discord; `None` when it would be too long or could not be read back.
    pub fn encode(&self) -> Option<String> {
        let owner = self.owner();
        let text = match self {
            Self::Agree { stake, .. } => {
                let (kind, asset, amount) = match &stake.holding {
                    Holding::Units { asset, quantity } => ("u", asset.as_str(), *quantity),
                    Holding::Value { usd } => ("v", "", *usd),
                };
                let cost = stake
                    .cost_usd
                    .map(|cost| cost.to_string())
                    .unwrap_or_default();
                let pool: String = stake
                    .pool
                    .to_string()
                    .chars()
                    .filter(|c| *c != '-')
                    .collect();
                // The note stands last, since it alone may hold a separator.
                let note = stake.note.as_deref().unwrap_or_default();
                format!("{VERSION}|a|{owner}|{pool}|{kind}|{asset}|{amount}|{cost}|{note}")
            }
            Self::AgreeToHeld { held, .. } => format!("{VERSION}|h|{owner}|{held}"),
            Self::Set { held, .. } => format!("{VERSION}|s|{owner}|{held}"),
            Self::Erase { .. } => format!("{VERSION}|e|{owner}"),
            Self::Cancel { .. } => format!("{VERSION}|c|{owner}"),
        };
        let fits = text.chars().count() <= LONGEST && text.trim() == text;
        (fits && Self::decode(&text).as_ref() == Some(self)).then_some(text)
    }

    /// Reads what [`encode`](Self::encode) wrote; `None` for anything else.
    pub fn decode(text: &str) -> Option<Self> {
        let rest = text.strip_prefix(VERSION)?.strip_prefix(SEPARATOR)?;
        let (kind, rest) = rest.split_once(SEPARATOR)?;
        let (owner, rest) = match rest.split_once(SEPARATOR) {
            Some((owner, rest)) => (owner, Some(rest)),
            None => (rest, None),
        };
        let owner = UserId(whole(owner)?);
        match (kind, rest) {
            ("a", Some(rest)) => Some(Self::Agree {
                owner,
                stake: stake(rest)?,
            }),
            ("h", Some(held)) => Some(Self::AgreeToHeld {
                owner,
                held: u32::try_from(whole(held)?).ok()?,
            }),
            ("s", Some(held)) => Some(Self::Set {
                owner,
                held: u32::try_from(whole(held)?).ok()?,
            }),
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

fn stake(text: &str) -> Option<Stake> {
    let mut parts = text.splitn(6, SEPARATOR);
    let pool = parts.next().filter(|pool| pool.len() == 32)?.parse().ok()?;
    let kind = parts.next()?;
    let asset = parts.next()?;
    let amount: Amount = parts.next()?.parse().ok()?;
    let cost = parts.next()?;
    let note = parts.next()?;
    let holding = match (kind, asset.is_empty()) {
        ("u", false) => Holding::Units {
            asset: asset.to_owned(),
            quantity: amount,
        },
        ("v", true) => Holding::Value { usd: amount },
        _ => return None,
    };
    let cost_usd = if cost.is_empty() {
        None
    } else {
        Some(cost.parse().ok()?)
    };
    Some(Stake {
        pool,
        holding,
        cost_usd,
        note: (!note.is_empty()).then(|| note.to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rust_decimal::Decimal;

    use super::*;

    const POOL: &str = "747c1d2a-c668-4682-b9f9-296708a3dd90";

    fn units(asset: &str, quantity: &str, note: Option<&str>) -> Stake {
        Stake {
            pool: POOL.parse().unwrap(),
            holding: Holding::Units {
                asset: asset.to_owned(),
                quantity: quantity.parse().unwrap(),
            },
            cost_usd: "1000".parse().ok(),
            note: note.map(str::to_owned),
        }
    }

    #[test]
    fn every_button_is_read_back() {
        let owner = UserId(u64::MAX);
        for button in [
            Button::Agree {
                owner,
                stake: units("wstETH", "1.5", None),
            },
            Button::Agree {
                owner: UserId(1),
                stake: units("USDC", "5000", Some("a|b")),
            },
            Button::AgreeToHeld {
                owner,
                held: u32::MAX,
            },
            Button::Set { owner, held: 7 },
            Button::Erase { owner },
            Button::Cancel { owner },
        ] {
            let text = button.encode().unwrap();
            assert!(text.chars().count() <= LONGEST, "{text}");
            assert_eq!(Button::decode(&text), Some(button));
        }
    }

    #[test]
    fn what_does_not_fit_is_not_cut() {
        let stake = units("USDC", "5000", Some(&"x".repeat(100)));
        let owner = UserId(1);
        assert_eq!(Button::Agree { owner, stake }.encode(), None);
    }

    #[test]
    fn what_would_come_back_changed_is_not_written() {
        let owner = UserId(1);
        for stake in [
            units("A|B", "1", None),
            units("", "1", None),
            units("USDC", "1", Some("blank at the end ")),
        ] {
            assert_eq!(Button::Agree { owner, stake }.encode(), None);
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
            "1|z|5",
            "1|h|5",
            "1|h|5|4294967296",
            "1|a|5|747c1d2ac6684682b9f9296708a3dd90|u||1||",
            "1|a|5|747c1d2ac6684682b9f9296708a3dd90|v|ETH|1||",
            "1|a|5|747c1d2ac6684682b9f9296708a3dd90|v||0||",
            "1|a|5|747c1d2a|v||1||",
            "page:2",
        ] {
            assert_eq!(Button::decode(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,120}") {
            drop(Button::decode(&text));
            drop(Button::decode(&format!("1|a|5|{text}")));
        }

        #[test]
        fn a_stake_that_fits_is_read_back(
            owner in 1_u64..,
            cents in 1_i64..1_000_000_000,
            asset in "[A-Za-z0-9.₮]{1,10}",
            note in proptest::option::of("\\PC{1,20}"),
        ) {
            let stake = Stake {
                pool: POOL.parse().unwrap(),
                holding: Holding::Units {
                    asset,
                    quantity: Amount::new(Decimal::new(cents, 2)).unwrap(),
                },
                cost_usd: None,
                note,
            };
            let button = Button::Agree { owner: UserId(owner), stake };
            if let Some(text) = button.encode() {
                prop_assert!(text.chars().count() <= LONGEST);
                prop_assert_eq!(Button::decode(&text), Some(button));
            }
        }
    }
}
