//! Money and quantities as people write them. Decimal throughout: what a person owns is never binary floating point.

use std::{fmt, str::FromStr};

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::currency::Currency;

/// A positive amount as a person typed it: `1500`, `1,250.50`, `1.5k`, `2m`, `$300k`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Amount(Decimal);

impl Amount {
    /// The largest amount taken: a thousand billion, above which somebody's thumb slipped.
    pub const LARGEST: Decimal = Decimal::from_parts(0xD4A5_1000, 0xE8, 0, false, 0);

    /// `None` unless `value` is above zero and at most a thousand billion.
    pub fn new(value: Decimal) -> Option<Self> {
        (value > Decimal::ZERO && value <= Self::LARGEST).then(|| Self(value.normalize()))
    }

    pub const fn get(self) -> Decimal {
        self.0
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Why a text is no amount.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not an amount; write it like 1500, 1,250.50, 1.5k or 2m, with a point before decimals"
)]
pub struct AmountError(String);

impl FromStr for Amount {
    type Err = AmountError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).ok_or_else(|| AmountError(text.chars().take(40).collect()))
    }
}

/// An amount with the currency that was written with it: `€250k`, `1,250.50 CHF`, `2m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sum {
    pub amount: Amount,
    /// `None` where none was written.
    pub currency: Option<Currency>,
}

impl Sum {
    /// In its own currency, or in `usual` where it names none.
    pub fn or_in(self, usual: Currency) -> Money {
        Money {
            amount: self.amount,
            currency: self.currency.unwrap_or(usual),
        }
    }
}

impl FromStr for Sum {
    type Err = AmountError;

    fn from_str(text: &str) -> Result<Self, AmountError> {
        let (currency, number) = Currency::split(text);
        let amount = parse(number).ok_or_else(|| AmountError(text.chars().take(40).collect()))?;
        Ok(Self { amount, currency })
    }
}

/// How much somebody holds, as they write it: a [`Sum`], or a share of the whole, such as `40%`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held(pub Sum);

impl FromStr for Held {
    type Err = AmountError;

    fn from_str(text: &str) -> Result<Self, AmountError> {
        let Some(share) = text.trim().strip_suffix('%') else {
            return text.parse().map(Self);
        };
        Ok(Self(Sum {
            amount: share.parse()?,
            currency: Some(Currency::Share),
        }))
    }
}

/// An amount of a currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Money {
    pub amount: Amount,
    pub currency: Currency,
}

fn parse(text: &str) -> Option<Amount> {
    let text = text.trim();
    let text = text.strip_prefix('$').unwrap_or(text).trim_start();
    let (digits, scale) = match text.char_indices().next_back()? {
        (at, 'k' | 'K') => (text.get(..at)?, 1_000),
        (at, 'm' | 'M') => (text.get(..at)?, 1_000_000),
        (at, 'b' | 'B') => (text.get(..at)?, 1_000_000_000),
        _ => (text, 1),
    };
    let digits = digits.trim_end();
    let plain = without_grouping(digits)?;
    let value = Decimal::from_str_exact(&plain).ok()?;
    Amount::new(value.checked_mul(Decimal::from(scale))?)
}

/// Takes the thousands separators away. `1,250.50` is grouped right, `1,5` is not: it could mean
/// one and a half as well as fifteen, so it is refused.
fn without_grouping(digits: &str) -> Option<String> {
    if !digits
        .bytes()
        .all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b',' | b'_'))
    {
        return None;
    }
    let whole = digits.split('.').next()?;
    let mut groups = whole.split(',');
    let first = groups.next()?;
    let mut grouped = false;
    for group in groups {
        grouped = true;
        if group.len() != 3 {
            return None;
        }
    }
    if grouped && !(1..=3).contains(&first.len()) {
        return None;
    }
    let fraction_is_grouped = digits
        .split_once('.')
        .is_some_and(|(_, rest)| rest.contains(','));
    if fraction_is_grouped {
        return None;
    }
    Some(digits.replace([',', '_'], ""))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Option<String> {
        text.parse::<Amount>().ok().map(|amount| amount.to_string())
    }

    #[test]
    fn amounts_as_people_write_them() {
        for (text, value) in [
            ("1500", "1500"),
            ("1,250.50", "1250.5"),
            ("1.5k", "1500"),
            ("2m", "2000000"),
            ("$300k", "300000"),
            ("0.004", "0.004"),
            (" 1_000 ", "1000"),
            ("1,000,000", "1000000"),
        ] {
            assert_eq!(read(text).as_deref(), Some(value), "{text}");
        }
    }

    #[test]
    fn a_currency_may_stand_before_or_behind_an_amount() {
        for (text, value, currency) in [
            ("€250k", "250000", Some(Currency::Eur)),
            ("250k€", "250000", Some(Currency::Eur)),
            ("1.5k EUR", "1500", Some(Currency::Eur)),
            ("chf 1,250.50", "1250.5", Some(Currency::Chf)),
            ("CA$20", "20", Some(Currency::Cad)),
            ("20 mxn", "20", Some(Currency::Mxn)),
            ("R 500", "500", Some(Currency::Zar)),
            ("R$500", "500", Some(Currency::Brl)),
            ("$2m", "2000000", Some(Currency::Usd)),
            ("2m", "2000000", None),
            ("0.004", "0.004", None),
        ] {
            let sum: Sum = text.parse().unwrap_or_else(|_| panic!("{text}"));
            assert_eq!(sum.amount.to_string(), value, "{text}");
            assert_eq!(sum.currency, currency, "{text}");
        }
        for text in ["5 apples", "€", "€-5", "1,5 €", "€5€", "", "5 DOGE"] {
            assert!(text.parse::<Sum>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for text in [
            "",
            "0",
            "-5",
            "1,5",
            "1.5x",
            "1e9",
            "nan",
            "1.2.3",
            "12,34,567",
            "1.000,5",
            "k",
            "99999999999999",
            "€",
            "١٢",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,40}") {
            drop(text.parse::<Amount>());
            drop(text.parse::<Sum>());
        }

        #[test]
        fn what_is_printed_is_read_back(whole in 1_u64..1_000_000_000, thousandths in 0_u32..1000) {
            let value = Decimal::from(whole) + Decimal::new(i64::from(thousandths), 3);
            let amount = Amount::new(value).unwrap();
            prop_assert_eq!(amount.to_string().parse::<Amount>().unwrap(), amount);
        }
    }
}
