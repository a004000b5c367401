//! What came in, by year, month, kind or asset: a sum of what is known, with what is not known beside it.

use std::collections::{BTreeMap, BTreeSet};

use chrono::Datelike as _;
use rust_decimal::{Decimal, prelude::FromPrimitive as _};

use super::{Kind, Logged, Source};
use crate::domain::{
    currency::{Currency, Exchange},
    money::Money,
    rate::Percent,
    time::{Day, Timestamp},
    zone::Zone,
};

/// What a summary is told by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum By {
    Year,
    #[default]
    Month,
    Kind,
    Asset,
}

/// When income counts: tax laws differ in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Basis {
    /// When it was received.
    #[default]
    Receipt,
    /// When it was taken out of where it had been earned, and not before. Its value stays that of when it was
    /// received, since that is the only one that is known.
    Withdrawal,
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Asked {
    /// A year of the calendar in `zone`; all of them when left out.
    pub year: Option<i32>,
    pub by: By,
    pub basis: Basis,
    /// The currency of the sums.
    pub currency: Currency,
    /// In whose calendar years and months begin.
    pub zone: Zone,
    /// The share of the income to be laid aside for tax, in percent.
    pub tax: Option<Percent>,
}

/// What a part of a summary is of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    Year(i32),
    /// A year and its month, 1 to 12.
    Month(i32, u32),
    Kind(Kind),
    /// By its symbol; writings that differ in case alone are one asset, in the writing that came first.
    Asset(String),
}

/// Entries counted together.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tally {
    pub entries: usize,
    /// Of the entries with a value that is known in the currency of the summary.
    pub value: Decimal,
    /// What the entries had cost, as far as it is known in that currency. It is not taken off the value.
    pub fees: Decimal,
    /// Values in currencies for which the exchange of their day is not known.
    pub values_apart: BTreeMap<Currency, Decimal>,
    /// Fees likewise.
    pub fees_apart: BTreeMap<Currency, Decimal>,
    /// How many have no value at all.
    pub without_value: usize,
    /// How much came in of each asset.
    pub quantities: BTreeMap<String, Decimal>,
}

/// One part of a summary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    pub key: Key,
    pub tally: Tally,
}

/// A summary of a ledger.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary<'a> {
    pub asked: Asked,
    /// Years and months in their order, kinds in theirs, assets by their names.
    pub parts: Vec<Part>,
    pub whole: Tally,
    /// Entries without a value, the oldest first.
    pub without_value: Vec<&'a Logged>,
    /// The sources of the prices that values rest on.
    pub priced_by: BTreeSet<&'a str>,
    /// How many values rest on their owner's word.
    pub stated: usize,
    /// How many values were brought from another currency.
    pub exchanged: usize,
    /// Entries that count on no day yet, since they are not withdrawn and withdrawal is what counts.
    pub not_withdrawn: usize,
}

/// Digits behind the point to which each value is brought before it is added. So few that any sum of a whole
/// ledger is exact, and its parts add up to it however they are cut.
const PLACES: u32 = 10;

impl<'a> Summary<'a> {
    /// Sums entries up. `exchange` says what a dollar was in other currencies on a day.
    pub fn of<'e>(
        entries: &'a [Logged],
        asked: Asked,
        exchange: impl Fn(Day) -> Option<&'e Exchange>,
    ) -> Self {
        let mut summary = Self {
            asked,
            parts: Vec::new(),
            whole: Tally::default(),
            without_value: Vec::new(),
            priced_by: BTreeSet::new(),
            stated: 0,
            exchanged: 0,
            not_withdrawn: 0,
        };
        let names = names(entries);
        let mut parts: BTreeMap<Key, Tally> = BTreeMap::new();
        for logged in entries {
            let Some(counts_at) = asked.basis.counts_at(logged) else {
                summary.not_withdrawn += 1;
                continue;
            };
            let date = asked.zone.day(counts_at).date();
            if asked.year.is_some_and(|year| year != date.year()) {
                continue;
            }
            let asset = logged.entry.asset.to_uppercase();
            let name = names.get(&asset).copied().unwrap_or_default();
            let key = match asked.by {
                By::Year => Key::Year(date.year()),
                By::Month => Key::Month(date.year(), date.month()),
                By::Kind => Key::Kind(logged.entry.kind),
                By::Asset => Key::Asset(name.to_owned()),
            };
            let one = Counted::of(logged, asked.currency, &exchange);
            one.add_to(parts.entry(key).or_default(), name);
            one.add_to(&mut summary.whole, name);
            summary.note_source(logged, &one);
        }
        summary.without_value.sort_by_key(|logged| logged.entry.at);
        let parts = parts.into_iter();
        summary.parts = parts.map(|(key, tally)| Part { key, tally }).collect();
        summary
    }

    /// Notes whose word the value of an entry is.
    fn note_source(&mut self, logged: &'a Logged, counted: &Counted) {
        let unit = logged.entry.unit_value.as_ref();
        match unit.map(|unit| (&unit.source, unit.currency)) {
            None => self.without_value.push(logged),
            Some((source, currency)) => {
                match source {
                    Source::Stated => self.stated += 1,
                    Source::Priced { by, .. } => {
                        self.priced_by.insert(by);
                    }
                }
                let is_known = matches!(counted.value, Some(Sum::Known(_)));
                self.exchanged += usize::from(is_known && currency != self.asked.currency);
            }
        }
    }

    /// What to lay aside for tax, of what is known in the currency of the summary; `None` where no rate was
    /// chosen. Fees are not taken off first: whether they may be is for a tax office to say.
    pub fn reserve(&self) -> Option<Decimal> {
        let rate = Decimal::from_f64(self.asked.tax?.get())?;
        let share = rate.checked_div(Decimal::ONE_HUNDRED)?;
        self.whole.value.checked_mul(share)
    }
}

impl Basis {
    /// The moment at which an entry counts; `None` while it does not.
    pub const fn counts_at(self, logged: &Logged) -> Option<Timestamp> {
        match self {
            Self::Receipt => Some(logged.entry.at),
            Self::Withdrawal => logged.entry.withdrawn_at,
        }
    }
}

/// The days whose exchange a summary needs, the latest first.
pub fn days_to_exchange(entries: &[Logged], asked: &Asked) -> Vec<Day> {
    let in_year = |logged: &&Logged| {
        let date = asked
            .basis
            .counts_at(logged)
            .map(|at| asked.zone.day(at).date());
        date.is_some_and(|date| asked.year.is_none_or(|year| year == date.year()))
    };
    let other = |currency: Currency| currency != asked.currency;
    let needs = |logged: &&Logged| {
        let entry = &logged.entry;
        let value = entry.worth().is_some_and(|worth| other(worth.currency));
        value || entry.fee.is_some_and(|fee| other(fee.currency))
    };
    let days: BTreeSet<Day> = entries
        .iter()
        .filter(in_year)
        .filter(needs)
        .map(|logged| logged.entry.at.day())
        .collect();
    days.into_iter().rev().collect()
}

/// How each asset was written first, by its name in capitals.
fn names(entries: &[Logged]) -> BTreeMap<String, &str> {
    let mut names = BTreeMap::new();
    for logged in entries {
        let asset = logged.entry.asset.as_str();
        names.entry(asset.to_uppercase()).or_insert(asset);
    }
    names
}

/// An entry as it is counted.
struct Counted {
    value: Option<Sum>,
    fee: Option<Sum>,
    quantity: Decimal,
}

/// An amount in the currency of the summary, or in its own where the exchange is not known.
enum Sum {
    Known(Decimal),
    Apart(Currency, Decimal),
}

impl Counted {
    fn of<'e>(
        logged: &Logged,
        currency: Currency,
        exchange: &impl Fn(Day) -> Option<&'e Exchange>,
    ) -> Self {
        let entry = &logged.entry;
        let sum = |amount: Decimal, own: Currency| {
            let known = if own == currency {
                Some(amount)
            } else {
                let exchange = exchange(entry.at.day());
                exchange.and_then(|exchange| {
                    let usd = exchange.to_usd(amount, own)?;
                    exchange.from_usd(usd, currency)
                })
            };
            known.map_or(Sum::Apart(own, amount.round_dp(PLACES)), |known| {
                Sum::Known(known.round_dp(PLACES))
            })
        };
        Self {
            value: entry.worth().map(|worth| sum(worth.amount, worth.currency)),
            fee: entry
                .fee
                .map(|Money { amount, currency }| sum(amount.get(), currency)),
            quantity: entry.quantity.get(),
        }
    }

    fn add_to(&self, tally: &mut Tally, asset: &str) {
        tally.entries += 1;
        match &self.value {
            Some(sum) => sum.add_to(&mut tally.value, &mut tally.values_apart),
            None => tally.without_value += 1,
        }
        if let Some(fee) = &self.fee {
            fee.add_to(&mut tally.fees, &mut tally.fees_apart);
        }
        let quantity = tally.quantities.entry(asset.to_owned()).or_default();
        *quantity = quantity.saturating_add(self.quantity);
    }
}

impl Sum {
    fn add_to(&self, known: &mut Decimal, apart: &mut BTreeMap<Currency, Decimal>) {
        let (sum, amount) = match self {
            Self::Known(amount) => (known, amount),
            Self::Apart(currency, amount) => (apart.entry(*currency).or_default(), amount),
        };
        *sum = sum.saturating_add(*amount);
    }
}

#[cfg(test)]
mod tests;
