//! The ledger: income that a person says they received, with when, how much of what, and what it was worth
//! at that moment and by whose word.

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::{
    currency::Currency,
    ids::{LedgerEntryId, PositionId},
    money::{Amount, Money},
    time::Timestamp,
};

pub mod export;
pub mod import;
pub mod summary;
pub mod when;

/// What kind of income it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// For validating or delegating.
    Staking,
    /// For lending.
    Interest,
    /// A share of what a liquidity pool takes for trades.
    LpFee,
    /// Tokens that a protocol hands out for taking part.
    Reward,
    Airdrop,
    Other,
}

impl Kind {
    pub const ALL: [Self; 6] = [
        Self::Staking,
        Self::Interest,
        Self::LpFee,
        Self::Reward,
        Self::Airdrop,
        Self::Other,
    ];

    /// The name that files and command options use. It never changes.
    pub const fn slug(self) -> &'static str {
        match self {
            Self::Staking => "staking",
            Self::Interest => "interest",
            Self::LpFee => "lp-fee",
            Self::Reward => "reward",
            Self::Airdrop => "airdrop",
            Self::Other => "other",
        }
    }

    /// Words for people.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Staking => "staking",
            Self::Interest => "interest",
            Self::LpFee => "LP fee",
            Self::Reward => "reward",
            Self::Airdrop => "airdrop",
            Self::Other => "other income",
        }
    }

    /// By its slug, whatever the case.
    pub fn parse(slug: &str) -> Option<Self> {
        let slug = slug.trim();
        Self::ALL
            .into_iter()
            .find(|kind| kind.slug().eq_ignore_ascii_case(slug))
    }
}

/// By whose word a unit was worth so much.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Its owner said so.
    Stated,
    /// A source of prices said so, of this moment.
    Priced { by: String, at: Timestamp },
}

/// What one unit of an asset was worth when it was received.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitValue {
    pub value: Amount,
    pub currency: Currency,
    pub source: Source,
}

impl UnitValue {
    /// As its owner says.
    pub const fn stated(money: Money) -> Self {
        Self {
            value: money.amount,
            currency: money.currency,
            source: Source::Stated,
        }
    }

    /// What one of a currency is worth in itself, which no source has to tell.
    pub fn of_itself(currency: Currency) -> Option<Self> {
        let amount = Amount::new(Decimal::ONE)?;
        Some(Self::stated(Money { amount, currency }))
    }

    /// As a source of prices says, in US dollars. `None` for a price that is not above zero.
    pub fn priced(usd: Decimal, by: &str, at: Timestamp) -> Option<Self> {
        Some(Self {
            value: Amount::new(usd)?,
            currency: Currency::Usd,
            source: Source::Priced {
                by: by.to_owned(),
                at,
            },
        })
    }
}

/// Income that was received; sealed as one piece in the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// When it was received.
    pub at: Timestamp,
    pub kind: Kind,
    /// The token's symbol, as its owner or the market writes it.
    pub asset: String,
    pub quantity: Amount,
    /// `None` where neither its owner nor a source of prices said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit_value: Option<UnitValue>,
    /// When it was taken out of where it had been earned; `None` while it was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawn_at: Option<Timestamp>,
    /// The position that earned it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<PositionId>,
    /// What getting it has cost, such as the gas of a claim. It is never taken off the value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fee: Option<Money>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// What an entry was worth, to the last digit that a decimal holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Worth {
    pub amount: Decimal,
    pub currency: Currency,
}

/// Why something is no entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    #[error(
        "`{0}` is no symbol of an asset; it has letters, digits, `.` and `-`, and at most {LONGEST_ASSET} of them"
    )]
    Asset(String),
    #[error("it was withdrawn before it was received; look at both times")]
    WithdrawnBefore,
    #[error(
        "its quantity times its unit value is over a thousand billion; look at both for a slip of the thumb"
    )]
    TooMuch,
    #[error("the note is too long; {LONGEST_NOTE} characters are kept")]
    NoteTooLong,
}

/// Characters of a symbol that are kept.
pub const LONGEST_ASSET: usize = 20;
/// Characters of a note that are kept.
pub const LONGEST_NOTE: usize = 200;

impl Entry {
    /// Income with nothing told but when, what kind and how much.
    pub fn new(at: Timestamp, kind: Kind, asset: &str, quantity: Amount) -> Self {
        Self {
            at,
            kind,
            asset: asset.to_owned(),
            quantity,
            unit_value: None,
            withdrawn_at: None,
            position: None,
            fee: None,
            note: None,
        }
    }

    /// The entry as it is kept: blanks at the ends of its words taken away, an empty note left out.
    pub fn checked(mut self) -> Result<Self, EntryError> {
        self.asset = asset(&self.asset)?.to_owned();
        let note = self.note.take();
        let words = |note: String| note.split_whitespace().collect::<Vec<_>>().join(" ");
        self.note = note.map(words).filter(|note| !note.is_empty());
        let length = |note: &String| note.chars().count();
        if self
            .note
            .as_ref()
            .is_some_and(|note| length(note) > LONGEST_NOTE)
        {
            return Err(EntryError::NoteTooLong);
        }
        if self
            .withdrawn_at
            .is_some_and(|withdrawn| withdrawn < self.at)
        {
            return Err(EntryError::WithdrawnBefore);
        }
        let worth = self.unit_value.as_ref().map(|unit| {
            let product = self.quantity.get().checked_mul(unit.value.get());
            product.is_some_and(|product| product <= Amount::LARGEST)
        });
        if worth == Some(false) {
            return Err(EntryError::TooMuch);
        }
        Ok(self)
    }

    /// Its quantity times what a unit was worth; `None` where that is not known.
    pub fn worth(&self) -> Option<Worth> {
        let unit = self.unit_value.as_ref()?;
        Some(Worth {
            amount: self.quantity.get().checked_mul(unit.value.get())?,
            currency: unit.currency,
        })
    }

    /// Income that is told as money and not in units of a token: its asset is a currency by its code, and one
    /// of it is worth one.
    pub fn in_money(at: Timestamp, kind: Kind, money: Money) -> Self {
        Self {
            unit_value: UnitValue::of_itself(money.currency),
            ..Self::new(at, kind, money.currency.code(), money.amount)
        }
    }

    /// With what one of it is worth, where it is money and nobody said: one of itself.
    #[must_use]
    pub fn worth_itself(self) -> Self {
        let of_itself = |asset: &str| UnitValue::of_itself(Currency::of_code(asset)?);
        let unit_value = self.unit_value.clone();
        Self {
            unit_value: unit_value.or_else(|| of_itself(&self.asset)),
            ..self
        }
    }

    /// Whether it is told as money.
    pub fn is_in_money(&self) -> bool {
        let unit = self.unit_value.as_ref();
        unit.is_some_and(|unit| unit.currency.code().eq_ignore_ascii_case(&self.asset))
    }

    /// Whether both tell of the same income: the same moment, kind, asset and quantity.
    pub fn is_like(&self, other: &Self) -> bool {
        self.likeness() == other.likeness()
    }

    /// What two entries of the same income have in common.
    pub fn likeness(&self) -> Likeness {
        Likeness {
            at: self.at,
            kind: self.kind,
            asset: self.asset.to_uppercase(),
            quantity: self.quantity.get().normalize(),
        }
    }
}

/// What two entries of the same income have in common.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Likeness {
    at: Timestamp,
    kind: Kind,
    asset: String,
    quantity: Decimal,
}

/// A text that can be the symbol of an asset, without the blanks around it.
pub fn asset(text: &str) -> Result<&str, EntryError> {
    let symbol = text.trim();
    let fits = (1..=LONGEST_ASSET).contains(&symbol.chars().count());
    let is_letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '₮');
    let begins = symbol.starts_with(|c: char| c.is_ascii_alphanumeric());
    if fits && begins && symbol.chars().all(is_letter) {
        return Ok(symbol);
    }
    let shown = symbol.chars().filter(|c| *c != '`').take(40).collect();
    Err(EntryError::Asset(shown))
}

/// An entry with its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logged {
    pub id: LedgerEntryId,
    pub entry: Entry,
    /// When its owner told of it.
    pub added_at: Timestamp,
}

/// The first day on which there was anything to receive: that of the first block of the first chain.
pub const FIRST_DAY: NaiveDate =
    NaiveDate::from_ymd_opt(2009, 1, 3).expect("it is in the calendar");

#[cfg(test)]
mod tests;
