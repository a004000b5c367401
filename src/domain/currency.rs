//! Currencies that people reckon in, and what a US dollar is in them; and shares of the whole, for those who
//! keep no amounts.

use std::{collections::BTreeMap, fmt, str::FromStr};

use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::time::Timestamp;

macro_rules! currencies {
    ($($variant:ident $code:literal $sign:literal $places:literal $name:literal),+ $(,)?) => {
        /// A currency by its ISO 4217 code. US dollars where none was chosen.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
        pub enum Currency {
            #[default]
            $($variant),+,
            /// No currency: a hundredth of all that somebody holds. Whoever reckons in it tells what they hold
            /// by its weight, and no amount of theirs is kept.
            Share,
        }

        impl Currency {
            /// Those that are currencies.
            pub const ALL: [Self; [$($code),+].len()] = [$(Self::$variant),+];

            /// `EUR`; `%` for shares.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => $code),+, Self::Share => "%" }
            }

            /// The currency of this code, in capitals or not.
            pub fn of_code(code: &str) -> Option<Self> {
                let is_meant = |it: &Self| it.code().eq_ignore_ascii_case(code);
                Self::ALL.into_iter().find(is_meant)
            }

            /// What stands before an amount: `€`, or the code with a blank where the sign is shared. Nothing
            /// for shares, which have theirs behind.
            pub const fn sign(self) -> &'static str {
                match self { $(Self::$variant => $sign),+, Self::Share => "" }
            }

            /// Digits behind the point that its smallest coin has.
            pub const fn places(self) -> u32 {
                match self { $(Self::$variant => $places),+, Self::Share => 4 }
            }

            /// `euro`.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+, Self::Share => "shares of all you hold" }
            }
        }
    };
}

// Signs that stand for one of these alone are used; `kr` and most dollars are told by their code.
currencies! {
    Usd "USD" "$" 2 "US dollar",
    Eur "EUR" "€" 2 "euro",
    Gbp "GBP" "£" 2 "pound sterling",
    Chf "CHF" "CHF " 2 "Swiss franc",
    Jpy "JPY" "¥" 0 "Japanese yen",
    Cad "CAD" "CA$" 2 "Canadian dollar",
    Aud "AUD" "A$" 2 "Australian dollar",
    Nzd "NZD" "NZ$" 2 "New Zealand dollar",
    Sgd "SGD" "S$" 2 "Singapore dollar",
    Hkd "HKD" "HK$" 2 "Hong Kong dollar",
    Cny "CNY" "CN¥" 2 "Chinese yuan",
    Twd "TWD" "NT$" 2 "Taiwan dollar",
    Krw "KRW" "₩" 0 "South Korean won",
    Inr "INR" "₹" 2 "Indian rupee",
    Idr "IDR" "Rp" 0 "Indonesian rupiah",
    Php "PHP" "₱" 2 "Philippine peso",
    Thb "THB" "฿" 2 "Thai baht",
    Vnd "VND" "₫" 0 "Vietnamese dong",
    Myr "MYR" "RM" 2 "Malaysian ringgit",
    Aed "AED" "AED " 2 "UAE dirham",
    Sar "SAR" "SAR " 2 "Saudi riyal",
    Ils "ILS" "₪" 2 "Israeli shekel",
    Try "TRY" "₺" 2 "Turkish lira",
    Zar "ZAR" "R " 2 "South African rand",
    Ngn "NGN" "₦" 2 "Nigerian naira",
    Sek "SEK" "SEK " 2 "Swedish krona",
    Nok "NOK" "NOK " 2 "Norwegian krone",
    Dkk "DKK" "DKK " 2 "Danish krone",
    Pln "PLN" "zł " 2 "Polish zloty",
    Czk "CZK" "Kč " 2 "Czech koruna",
    Huf "HUF" "Ft " 0 "Hungarian forint",
    Uah "UAH" "₴" 2 "Ukrainian hryvnia",
    Brl "BRL" "R$" 2 "Brazilian real",
    Mxn "MXN" "MX$" 2 "Mexican peso",
    Ars "ARS" "AR$" 2 "Argentine peso",
}

impl Currency {
    /// By its code or, where that means one currency alone, by its sign.
    fn of(word: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|it| it.code().eq_ignore_ascii_case(word) || it.sign().trim() == word)
    }

    /// Those whose code or name holds what was typed, at most `limit`.
    pub fn matching(typed: &str, limit: usize) -> Vec<Self> {
        let typed = typed.trim().to_lowercase();
        let holds = |it: &Self| {
            it.code().to_lowercase().contains(&typed) || it.name().to_lowercase().contains(&typed)
        };
        Self::ALL.into_iter().filter(holds).take(limit).collect()
    }

    /// The currency that a text begins or ends with, and the rest of the text.
    pub(super) fn split(text: &str) -> (Option<Self>, &str) {
        let text = text.trim();
        let is_word = |letter: char| !(letter.is_ascii_digit() || "., _-+".contains(letter));
        let number = text.trim_start_matches(is_word);
        let before = text.strip_suffix(number).unwrap_or_default();
        if let Some(currency) = Self::of(before.trim()) {
            return (Some(currency), number.trim_start());
        }
        // Behind the number a multiple may stand, as in `1.5k EUR`.
        let behind = text.trim_start_matches(|letter| !is_word(letter));
        let bare = behind.trim_start_matches(['k', 'K', 'm', 'M', 'b', 'B']);
        let known = [behind, bare.trim_start()].into_iter();
        let found = known.filter_map(|word| Some((Self::of(word)?, text.strip_suffix(word)?)));
        found
            .into_iter()
            .next()
            .map_or((None, text), |(currency, rest)| {
                (Some(currency), rest.trim_end())
            })
    }
}

/// The text is no currency that is known here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no currency that is known here; write its code, such as EUR or USD")]
pub struct CurrencyError(String);

impl FromStr for Currency {
    type Err = CurrencyError;

    fn from_str(text: &str) -> Result<Self, CurrencyError> {
        let shown = || text.chars().filter(|c| *c != '`').take(20).collect();
        Self::of(text.trim()).ok_or_else(|| CurrencyError(shown()))
    }
}

/// What somebody reckons in: a currency, or shares of the whole (`%` or `shares`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unit(pub Currency);

impl FromStr for Unit {
    type Err = CurrencyError;

    fn from_str(text: &str) -> Result<Self, CurrencyError> {
        match text.trim() {
            "%" | "shares" | "Shares" => Ok(Self(Currency::Share)),
            other => other.parse().map(Self),
        }
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let code = String::deserialize(deserializer)?;
        if code == Self::Share.code() {
            return Ok(Self::Share);
        }
        code.parse().map_err(serde::de::Error::custom)
    }
}

/// All that somebody holds who keeps no amounts stands for 10,000 US dollars, so that a share is a hundred of
/// them. The number means nothing: it goes out of all that is shown in shares.
const SHARES_PER_USD: Decimal = Decimal::from_parts(1, 0, 0, false, 2);

/// Who says what a US dollar is in other currencies, as people know it.
pub const COINGECKO: &str = "CoinGecko";

/// What a US dollar is in other currencies.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Exchange {
    /// Units of the currency for one US dollar; above zero.
    per_usd: BTreeMap<Currency, Decimal>,
    /// When the source says that it was so.
    pub at: Timestamp,
}

impl Exchange {
    /// Rates that are not above zero are left out, and so is that of US dollars, which is one.
    pub fn new(rates: impl IntoIterator<Item = (Currency, Decimal)>, at: Timestamp) -> Self {
        let usable = rates
            .into_iter()
            .filter(|(currency, rate)| *currency != Currency::Usd && *rate > Decimal::ZERO);
        Self {
            per_usd: usable.collect(),
            at,
        }
    }

    /// Units of `currency` for one US dollar; `None` where the source did not say.
    pub fn rate(&self, currency: Currency) -> Option<Decimal> {
        match currency {
            Currency::Usd => Some(Decimal::ONE),
            Currency::Share => Some(SHARES_PER_USD),
            _ => self.per_usd.get(&currency).copied(),
        }
    }

    /// The rates that are known, each above zero; US dollars are not among them.
    pub fn rates(&self) -> impl Iterator<Item = (Currency, Decimal)> {
        self.per_usd
            .iter()
            .map(|(currency, rate)| (*currency, *rate))
    }

    /// Whether no rate is known.
    pub fn is_empty(&self) -> bool {
        self.per_usd.is_empty()
    }

    pub fn from_usd(&self, usd: Decimal, to: Currency) -> Option<Decimal> {
        usd.checked_mul(self.rate(to)?)
    }

    pub fn to_usd(&self, amount: Decimal, from: Currency) -> Option<Decimal> {
        amount.checked_div(self.rate(from)?)
    }
}

/// What somebody's figures are shown in, and what makes dollars into that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reckoning {
    pub currency: Currency,
    /// Units of the currency for one US dollar.
    pub per_usd: Decimal,
    /// When that was so; `None` for dollars, which need no exchange.
    pub at: Option<Timestamp>,
    /// The currency that was wanted and whose exchange is not known, so that it is dollars.
    pub in_place_of: Option<Currency>,
}

impl Reckoning {
    pub const DOLLARS: Self = Self {
        currency: Currency::Usd,
        per_usd: Decimal::ONE,
        at: None,
        in_place_of: None,
    };

    /// In this currency; in dollars where its exchange is not known.
    pub fn new(currency: Currency, exchange: Option<&Exchange>) -> Self {
        match currency {
            Currency::Usd => return Self::DOLLARS,
            Currency::Share => {
                return Self {
                    currency,
                    per_usd: SHARES_PER_USD,
                    ..Self::DOLLARS
                };
            }
            _ => {}
        }
        let known = exchange.and_then(|exchange| Some((exchange.rate(currency)?, exchange.at)));
        match known {
            Some((per_usd, at)) => Self {
                currency,
                per_usd,
                at: Some(at),
                in_place_of: None,
            },
            None => Self {
                in_place_of: Some(currency),
                ..Self::DOLLARS
            },
        }
    }

    /// What these US dollars are in it.
    pub fn of(&self, usd: Decimal) -> Decimal {
        usd.saturating_mul(self.per_usd)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_currency_is_read_back_by_its_code_and_by_its_sign() {
        for currency in Currency::ALL {
            assert_eq!(currency.code().parse(), Ok(currency));
            assert_eq!(currency.sign().parse(), Ok(currency), "{currency}");
            assert_eq!(currency.code().len(), 3);
            let json = serde_json::to_string(&currency).unwrap();
            assert_eq!(serde_json::from_str::<Currency>(&json).unwrap(), currency);
        }
        assert!("doge".parse::<Currency>().is_err());
    }

    #[test]
    fn currencies_are_found_by_code_and_name() {
        assert_eq!(Currency::matching("eur", 25), [Currency::Eur]);
        assert_eq!(Currency::matching("swiss", 25), [Currency::Chf]);
        assert_eq!(Currency::matching("", 25).len(), 25);
    }

    proptest! {
        #[test]
        fn there_and_back_is_the_same_sum(cents in 1_i64..1_000_000_000_000, rate in 1_i64..100_000_000) {
            let exchange = Exchange::new([(Currency::Eur, Decimal::new(rate, 4))], Timestamp::default());
            let usd = Decimal::new(cents, 2);
            let there = exchange.from_usd(usd, Currency::Eur).unwrap();
            let back = exchange.to_usd(there, Currency::Eur).unwrap();
            prop_assert_eq!(back.round_dp(10), usd.round_dp(10));
        }
    }

    /// Whoever keeps shares keeps them: they are read as they were written, and no sum of money is one.
    #[test]
    fn shares_are_no_currency() {
        let kept = serde_json::to_string(&Currency::Share).unwrap();
        assert_eq!(
            serde_json::from_str::<Currency>(&kept).unwrap(),
            Currency::Share
        );
        assert!("%".parse::<Currency>().is_err() && Currency::of_code("%").is_none());
        assert!(!Currency::ALL.contains(&Currency::Share));
        for typed in ["%", "shares"] {
            assert_eq!(typed.parse(), Ok(Unit(Currency::Share)));
        }
        assert_eq!("eur".parse(), Ok(Unit(Currency::Eur)));
        let none = Exchange::default();
        let forty = none.to_usd(Decimal::from(40), Currency::Share).unwrap();
        let reckoning = Reckoning::new(Currency::Share, None);
        assert_eq!(reckoning.of(forty), Decimal::from(40));
        assert_eq!((reckoning.at, reckoning.in_place_of), (None, None));
    }
}
