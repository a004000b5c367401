//! What a button means: one value, one text that is short enough to be stamped, one way to and fro.
//!
//! A press can come from a message that is years old, or from somebody who made the text up. What
//! cannot be read back exactly is expired, and whoever presses has to be the one whom it names.

use crate::{
    domain::{
        currency::Currency,
        ids::UserId,
        income::Order,
        ledger::{self, Kind},
    },
    render::ledger::Narrowed,
};

use super::commands::portfolio::income::Window;

/// What a button does.
#[derive(Debug, Clone, PartialEq, Eq)]
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
    /// The owner turns to another page of their ledger, as it was narrowed.
    Page {
        owner: UserId,
        /// How many newer entries stand before the page.
        from: u32,
        narrowed: Narrowed,
    },
    /// The owner turns to another page of their positions, in the order and currency of the first one.
    Positions {
        owner: UserId,
        from: u32,
        order: Order,
        currency: Option<Currency>,
    },
    /// The owner has done their review, and how things stand now is noted.
    Reviewed { owner: UserId },
    /// The owner wants what was expected over these days and is not in their ledger to be logged.
    Log { owner: UserId, window: Window },
}

/// Stands first, so that a later form can be told from this one.
const VERSION: &str = "1";

const SEPARATOR: char = '|';

impl Button {
    /// Who may press it.
    pub const fn owner(&self) -> UserId {
        match self {
            Self::Agree { owner, .. }
            | Self::Keep { owner, .. }
            | Self::Save { owner, .. }
            | Self::Set { owner, .. }
            | Self::Erase { owner }
            | Self::Cancel { owner }
            | Self::Page { owner, .. }
            | Self::Positions { owner, .. }
            | Self::Reviewed { owner }
            | Self::Log { owner, .. } => *owner,
        }
    }

    /// The text for Discord.
    pub fn encode(&self) -> String {
        let owner = self.owner();
        match self {
            Self::Agree { held, .. } => format!("{VERSION}|h|{owner}|{held}"),
            Self::Keep { held, .. } => format!("{VERSION}|k|{owner}|{held}"),
            Self::Save { held, .. } => format!("{VERSION}|g|{owner}|{held}"),
            Self::Set { held, .. } => format!("{VERSION}|s|{owner}|{held}"),
            Self::Erase { .. } => format!("{VERSION}|e|{owner}"),
            Self::Cancel { .. } => format!("{VERSION}|c|{owner}"),
            Self::Page { from, narrowed, .. } => {
                let narrowed = narrowed_text(narrowed);
                format!("{VERSION}|l|{owner}|{from}|{narrowed}")
            }
            Self::Positions {
                from,
                order,
                currency,
                ..
            } => {
                let currency = currency.map(Currency::code).unwrap_or_default();
                format!("{VERSION}|v|{owner}|{from}|{}|{currency}", order.slug())
            }
            Self::Reviewed { .. } => format!("{VERSION}|r|{owner}"),
            Self::Log { window, .. } => format!("{VERSION}|p|{owner}|{}", window.slug()),
        }
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
            ("e", None) => Some(Self::Erase { owner }),
            ("c", None) => Some(Self::Cancel { owner }),
            ("r", None) => Some(Self::Reviewed { owner }),
            ("v", Some(rest)) => {
                let (from, rest) = rest.split_once(SEPARATOR)?;
                let (order, currency) = rest.split_once(SEPARATOR)?;
                let currency = match currency {
                    "" => None,
                    code => Some(Currency::of_code(code).filter(|it| it.code() == code)?),
                };
                Some(Self::Positions {
                    owner,
                    from: number(from)?,
                    order: Order::parse(order)?,
                    currency,
                })
            }
            ("p", Some(slug)) => {
                let window = Window::parse(slug)?;
                Some(Self::Log { owner, window })
            }
            ("l", Some(rest)) => {
                let (from, rest) = rest.split_once(SEPARATOR)?;
                Some(Self::Page {
                    owner,
                    from: number(from)?,
                    narrowed: narrowed(rest)?,
                })
            }
            (kind, Some(held)) => {
                let held = number(held)?;
                match kind {
                    "h" => Some(Self::Agree { owner, held }),
                    "k" => Some(Self::Keep { owner, held }),
                    "g" => Some(Self::Save { owner, held }),
                    "s" => Some(Self::Set { owner, held }),
                    _ => None,
                }
            }
            _ => None,
        }
    }
}

/// `2026|staking|ETH`; nothing stands for what a list is not narrowed by.
fn narrowed_text(narrowed: &Narrowed) -> String {
    let year = narrowed.year.map(|year| year.to_string());
    let kind = narrowed.kind.map(Kind::slug);
    let asset = narrowed.asset.as_deref();
    format!(
        "{}|{}|{}",
        year.unwrap_or_default(),
        kind.unwrap_or_default(),
        asset.unwrap_or_default()
    )
}

/// Reads what [`narrowed_text`] wrote.
fn narrowed(text: &str) -> Option<Narrowed> {
    let mut parts = text.splitn(3, SEPARATOR).map(|part| match part {
        "" => None,
        part => Some(part),
    });
    let (year, kind, asset) = (parts.next()?, parts.next()?, parts.next()?);
    let kind = match kind {
        Some(slug) => Some(Kind::parse(slug)?),
        None => None,
    };
    let read = Narrowed {
        year: year.map(str::parse).transpose().ok()?,
        kind,
        asset: asset.map(str::to_owned),
    };
    // What is in the ledger is a symbol: anything else was made up.
    let is_symbol = asset.is_none_or(|asset| ledger::asset(asset) == Ok(asset));
    (is_symbol && narrowed_text(&read) == text).then_some(read)
}

/// A number as it is printed, and in no other writing.
fn whole(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

/// Likewise, of the size that most of ours have.
fn number(text: &str) -> Option<u32> {
    u32::try_from(whole(text)?).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::discord::stamp;

    /// F-X05: within the 100 characters of a custom id.
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
            Button::Reviewed { owner },
            Button::Positions {
                owner,
                from: 40,
                order: Order::Verdict,
                currency: Some(Currency::Eur),
            },
            Button::Positions {
                owner,
                from: 0,
                order: Order::Income,
                currency: None,
            },
            Button::Log {
                owner,
                window: Window::LastYear,
            },
            Button::Page {
                owner,
                from: 20,
                narrowed: Narrowed::default(),
            },
            Button::Page {
                owner,
                from: u32::MAX,
                narrowed: Narrowed {
                    year: Some(i32::MIN),
                    kind: Some(Kind::Interest),
                    asset: Some("USD₮0-USD₮0-USD₮0-US".to_owned()),
                },
            },
        ] {
            let text = button.encode();
            assert!(text.chars().count() <= stamp::LONGEST, "{text}");
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
            "1|l|5",
            "1|l|5|20",
            "1|l|5|20|2026|staking",
            "1|l|5|020|||",
            "1|l|5|20|02026||",
            "1|l|5|20||Staking|",
            "1|l|5|20|||ETH|",
            "1|l|5|20|||=1+1",
            "1|l|5|20||||",
            "1|l|5|20|||ETH ",
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
            let made_up = format!("1|l|5|20|{text}");
            prop_assert!(Button::decode(&made_up).is_none_or(|button| button.encode() == made_up));
        }

        #[test]
        fn a_page_keeps_what_it_is_narrowed_to(
            from: u32, year in proptest::option::of(2009..2101_i32), kind in proptest::option::of(0_usize..6),
            asset in proptest::option::of("[A-Za-z0-9][A-Za-z0-9.-]{0,19}"),
        ) {
            let narrowed = Narrowed { year, kind: kind.map(|at| Kind::ALL[at]), asset };
            let page = Button::Page { owner: UserId(5), from, narrowed };
            prop_assert!(page.encode().len() <= stamp::LONGEST);
            prop_assert_eq!(Button::decode(&page.encode()), Some(page));
        }
    }
}
