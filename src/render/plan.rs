//! Plans in words: the arithmetic so that somebody can redo it, and what the market pays beside it.

use rust_decimal::{Decimal, prelude::ToPrimitive as _};

use super::{
    numbers::{bare, limit, percent},
    pool,
};
use crate::domain::{
    plan::reference::{self, Judgement, Place, Range},
    rate::Percent,
    time::Timestamp,
};

pub mod allocation;
pub mod basket;
pub mod capital;
pub mod cashflow;
pub mod goal;
pub mod goals;
pub mod projection;
pub mod scenario;

/// Where the market's figures of a reply come from.
#[derive(Debug, Clone, Copy)]
pub struct Today<'a> {
    pub source: &'a str,
    pub fetched_at: Timestamp,
    pub now: Timestamp,
}

impl Today<'_> {
    fn footer(&self) -> String {
        pool::footer(self.source, self.fetched_at, None, self.now)
    }
}

/// The end of a reply that rests on nothing but what somebody wrote.
const FROM_YOUR_FIGURES: &str = "from the figures that you gave · not advice";

/// `4–8 %`, or `7 %` where both ends are the same.
fn range(range: Range) -> String {
    let (low, high) = (bare(range.low), limit(range.high));
    if range.low < range.high {
        format!("{low}–{high}")
    } else {
        high
    }
}

/// A share that was written as a decimal: `12.5 %`.
fn decimal_percent(share: Decimal) -> String {
    share.to_f64().map_or_else(|| format!("{share} %"), limit)
}

/// What parts pay together, so that somebody can redo it: `60 % × 3.10 % + 40 % × 5.00 % = 3.86 %`. Shares in
/// percent.
fn weighed(parts: impl IntoIterator<Item = (f64, Percent)>, whole: Percent) -> String {
    let factors = parts.into_iter();
    let factors: Vec<String> = factors
        .map(|(share, rate)| {
            let share = limit((share * 10.0).round() / 10.0);
            format!("{share} × {}", percent(rate))
        })
        .collect();
    format!("{} = {}", factors.join(" + "), percent(whole))
}

/// What a rate is beside what is generally said: `under`, `inside of`, `over`.
const fn beside(place: Place) -> &'static str {
    match place {
        Place::Under => "under",
        Place::Inside => "inside of",
        Place::Over => "over",
    }
}

/// Whether a plan may rest on a rate, with the limit that says so.
fn judged(judgement: Judgement, max_apy: f64) -> String {
    let lasts = limit(reference::LASTS_UP_TO);
    match judgement {
        Judgement::Lasts => {
            format!(
                "✅ **inside of what lasts**: stablecoin lending and large-cap staking pay up to {lasts}"
            )
        }
        Judgement::OutsideOfWhatLasts => format!(
            "❌ **outside of what lasts**: over {lasts} pay only networks that print what they pay with, \
             pools that lose when prices move apart, and baskets of these"
        ),
        Judgement::ScreenedOut => format!(
            "❌ **unsustainable**: offers over {} are screened out",
            limit(max_apy)
        ),
    }
}

/// The same with an upper-case start.
fn upper(name: &str) -> String {
    let mut letters = name.chars();
    let first = letters.next().map(char::to_uppercase);
    first.map_or_else(String::new, |first| format!("{first}{}", letters.as_str()))
}

/// ` ÷ (1 − 25 %)`, or nothing without a tax.
fn divided_by_kept(tax: Option<Percent>) -> String {
    tax.filter(|tax| tax.get() > 0.0)
        .map_or_else(String::new, |tax| format!(" ÷ (1 − {})", limit(tax.get())))
}
