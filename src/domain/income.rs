//! What positions earn at today's rates: projected, never promised.

use std::cmp::Reverse;

use rust_decimal::{Decimal, prelude::FromPrimitive as _, prelude::ToPrimitive as _};

use super::{
    method::Method,
    money::Money,
    person::{Look, Seen},
    position::{Holding, Position},
    price::Quoted,
    rate::Percent,
    stack::stacked,
    time::Timestamp,
    verdict::Verdict,
};

/// Digits behind the point of what is reckoned: enough for the smallest coins, and few enough that sums of
/// thousands of billions are exact, whatever is added first.
const PLACES: u32 = 10;

/// A yearly amount, shown by day, month and year.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Income {
    yearly: Decimal,
}

impl Income {
    pub const ZERO: Self = Self {
        yearly: Decimal::ZERO,
    };

    /// What `principal` earns in a year at `rate`, without compounding on top: the rate is an APY.
    pub fn of(principal: Decimal, rate: Percent) -> Option<Self> {
        let fraction = Decimal::from_f64(rate.as_fraction())?;
        let yearly = principal.checked_mul(fraction)?.round_dp(PLACES);
        Some(Self { yearly })
    }

    pub const fn year(self) -> Decimal {
        self.yearly
    }

    pub fn month(self) -> Decimal {
        self.yearly / Decimal::from(12)
    }

    pub fn day(self) -> Decimal {
        self.yearly / Decimal::from(365)
    }

    /// What comes together in so many days.
    pub fn over(self, days: u32) -> Decimal {
        (self.yearly / Decimal::from(365)).saturating_mul(Decimal::from(days))
    }

    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            yearly: self.yearly.saturating_add(other.yearly),
        }
    }

    /// What is left once `tax` percent of it is laid aside.
    #[must_use]
    pub fn after(self, tax: Percent) -> Self {
        Self {
            yearly: after_tax(self.yearly, tax),
        }
    }
}

impl std::iter::Sum for Income {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), Self::plus)
    }
}

/// What is left of a sum once `tax` percent of it is laid aside; all of it where that is no share.
pub fn after_tax(sum: Decimal, tax: Percent) -> Decimal {
    let kept = Decimal::from_f64(1.0 - tax.as_fraction());
    let is_share = |kept: &Decimal| (Decimal::ZERO..=Decimal::ONE).contains(kept);
    kept.filter(is_share)
        .map_or(sum, |kept| sum.saturating_mul(kept))
}

/// What is known of one layer at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct LayerQuote {
    /// The pool's rate, or the one that its owner stated; `None` while the pool has no usable reading.
    pub rate: Option<Percent>,
    /// The share of it that is paid in reward tokens, 0–1; `None` where nobody says.
    pub reward_share: Option<f64>,
    /// `None` for a rate that its owner stated: nobody judges it.
    pub verdict: Option<Verdict>,
    /// How the pool earns; `None` for a stated rate.
    pub method: Option<Method>,
}

/// What is known of a position at the moment.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Quote {
    /// One for each layer of the stake.
    pub layers: Vec<LayerQuote>,
    /// US dollars for one unit of what is held: of the token, or of the currency that its worth was told
    /// in. `None` where no source says.
    pub unit_usd: Option<Decimal>,
    /// The price of the token that is held, where it is told in units and a source says.
    pub price: Option<Quoted>,
    /// US dollars for one unit of the currency in which its cost was told.
    pub paid_usd: Option<Decimal>,
    /// Likewise, for its fees.
    pub fees_usd: Option<Decimal>,
}

/// One position with its figures.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    pub position: Position,
    /// Of all layers together; `None` where one of them has none.
    pub rate: Option<Percent>,
    pub value_usd: Option<Decimal>,
    /// Income in US dollars; `None` without a price or a rate.
    pub income_usd: Option<Income>,
    /// Income in units of the asset, for a holding told in units.
    pub income_units: Option<Income>,
    /// The share of the income that is paid in reward tokens, 0–1; `None` where a layer does not say.
    pub reward_share: Option<f64>,
    /// The worst of its layers; `None` where nothing about it is judged.
    pub verdict: Option<Verdict>,
    pub method: Method,
    /// The price of the token that is held, where it is told in units and a source says.
    pub price: Option<Quoted>,
    /// What was paid for it, in US dollars of today's exchange.
    pub paid_usd: Option<Decimal>,
    /// What getting in has cost, likewise.
    pub fees_usd: Option<Decimal>,
    pub layers: Vec<LayerQuote>,
}

impl Line {
    /// Income in what the holding is told in: units of its asset, or its currency. No price and no exchange is
    /// needed for it; `None` without a rate.
    pub fn income_as_told(&self) -> Option<Income> {
        match &self.position.stake.holding {
            Holding::Units { .. } => self.income_units,
            Holding::Worth(money) => Income::of(money.amount.get(), self.rate?),
        }
    }
}

/// A share of the income, and how much of the income it is a share of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Share {
    /// 0–1, of the income of which it is known.
    pub share: f64,
    /// 0–1: how much of the whole income that is.
    pub known: f64,
}

/// What one method brings.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MethodPart {
    pub method: Method,
    pub value_usd: Decimal,
    pub income: Income,
}

/// What of a portfolio comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    Income,
    Value,
    Rate,
    Verdict,
    Added,
}

impl Order {
    pub const ALL: [Self; 5] = [
        Self::Income,
        Self::Value,
        Self::Rate,
        Self::Verdict,
        Self::Added,
    ];

    /// The name that command options and buttons use. It never changes.
    pub const fn slug(self) -> &'static str {
        match self {
            Self::Income => "income",
            Self::Value => "value",
            Self::Rate => "rate",
            Self::Verdict => "verdict",
            Self::Added => "added",
        }
    }

    pub fn parse(slug: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.slug() == slug)
    }
}

/// What is otherwise than when its owner last looked.
#[derive(Debug, Clone, PartialEq)]
pub struct Changes<'a> {
    pub since: Timestamp,
    /// Positions that were not there then, and such as are no longer there.
    pub added: usize,
    pub gone: usize,
    /// US dollars, over positions that were valued both times.
    pub value_usd: Decimal,
    /// US dollars a year, over positions that had an income both times.
    pub income: Decimal,
    pub moved: Vec<Moved<'a>>,
}

/// A position whose rate or verdict is another one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moved<'a> {
    pub line: &'a Line,
    /// What the rate was, where it changed by a tenth of itself or more.
    pub rate: Option<Percent>,
    /// What the verdict was, where it changed and there was one.
    pub verdict: Option<Verdict>,
}

/// A tenth of the rate and a tenth of a point: less goes up and down all the time.
fn is_worth_telling(now: Percent, then: Percent) -> bool {
    let by = (now.get() - then.get()).abs();
    by >= 0.1 && by >= then.get().abs() / 10.0
}

/// All positions of a person.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Portfolio {
    pub lines: Vec<Line>,
    /// Over the lines that have a value.
    pub value_usd: Decimal,
    pub income: Income,
    /// Value-weighted rate over the lines that have a value and a rate.
    pub blended: Option<Percent>,
    /// Yearly income over cost, over the lines that name a cost and have an income.
    pub on_cost: Option<Percent>,
    /// What is paid in reward tokens; `None` without an income whose payers are known.
    pub in_rewards: Option<Share>,
    /// What comes from positions with an unsustainable verdict; `None` without an income that is judged.
    pub unsustainable: Option<Share>,
    /// By what brings most.
    pub methods: Vec<MethodPart>,
}

impl Portfolio {
    /// Puts prices and rates to each position. What cannot be valued stays out of the sums and
    /// keeps its line, so that the reply can name it.
    pub fn of(positions: impl IntoIterator<Item = (Position, Quote)>) -> Self {
        let lines: Vec<Line> = positions
            .into_iter()
            .map(|(position, quote)| line(position, quote))
            .collect();
        let (mut value_usd, mut earning, mut cost) = (Decimal::ZERO, Decimal::ZERO, Decimal::ZERO);
        let (mut income, mut income_on_cost) = (Income::ZERO, Income::ZERO);
        for line in &lines {
            value_usd = value_usd.saturating_add(line.value_usd.unwrap_or_default());
            let (Some(value), Some(earned)) = (line.value_usd, line.income_usd) else {
                continue;
            };
            income = income.plus(earned);
            earning = earning.saturating_add(value);
            if let Some(paid) = line.paid_usd {
                cost = cost.saturating_add(paid);
                income_on_cost = income_on_cost.plus(earned);
            }
        }
        let is_unsustainable =
            |verdict: Verdict| f64::from(u8::from(verdict == Verdict::Unsustainable));
        Self {
            blended: ratio(income.yearly, earning),
            on_cost: ratio(income_on_cost.yearly, cost),
            in_rewards: share(&lines, income, |line| line.reward_share),
            unsustainable: share(&lines, income, |line| line.verdict.map(is_unsustainable)),
            methods: methods(&lines),
            lines,
            value_usd,
            income,
        }
    }

    /// Puts the lines in this order.
    pub fn sort(&mut self, order: Order) {
        match order {
            Order::Income => {
                self.lines
                    .sort_by_key(|line| Reverse(line.income_usd.map(Income::year)));
            }
            Order::Value => self.lines.sort_by_key(|line| Reverse(line.value_usd)),
            Order::Rate => self.lines.sort_by(|a, b| {
                let rate = |line: &Line| line.rate.map_or(f64::NEG_INFINITY, Percent::get);
                rate(b).total_cmp(&rate(a))
            }),
            Order::Verdict => self.lines.sort_by_key(|line| {
                let at = WORST_FIRST.iter().position(|it| Some(*it) == line.verdict);
                at.unwrap_or(WORST_FIRST.len())
            }),
            Order::Added => self.lines.sort_by_key(|line| line.position.id),
        }
    }

    /// How it stands, to be compared with later.
    pub fn look(&self, at: Timestamp) -> Look {
        let seen = |line: &Line| Seen {
            position: line.position.id,
            rate: line.rate,
            verdict: line.verdict,
            value_usd: line.value_usd,
            income_usd: line.income_usd.map(Income::year),
        };
        Look {
            at,
            lines: self.lines.iter().map(seen).collect(),
        }
    }

    /// What is otherwise than it was.
    pub fn since(&self, before: &Look) -> Changes<'_> {
        let earlier = |line: &Line| {
            let id = line.position.id;
            before.lines.iter().find(|seen| seen.position == id)
        };
        let mut changes = Changes {
            since: before.at,
            added: 0,
            gone: before.lines.len(),
            value_usd: Decimal::ZERO,
            income: Decimal::ZERO,
            moved: Vec::new(),
        };
        for line in &self.lines {
            let Some(seen) = earlier(line) else {
                changes.added += 1;
                continue;
            };
            changes.gone -= 1;
            let income = line.income_usd.map(Income::year);
            let grown = |now: Option<Decimal>, then: Option<Decimal>| {
                now.zip(then)
                    .map_or(Decimal::ZERO, |(now, then)| now - then)
            };
            changes.value_usd += grown(line.value_usd, seen.value_usd);
            changes.income += grown(income, seen.income_usd);
            let rate = line
                .rate
                .zip(seen.rate)
                .filter(|(now, then)| is_worth_telling(*now, *then));
            let is_judged_anew = line.verdict != seen.verdict;
            if rate.is_some() || is_judged_anew {
                changes.moved.push(Moved {
                    line,
                    rate: rate.map(|(_, then)| then),
                    verdict: seen.verdict.filter(|_| is_judged_anew),
                });
            }
        }
        changes
    }

    /// Positions that the sums leave out.
    pub fn left_out(&self) -> impl Iterator<Item = &Line> {
        self.lines.iter().filter(|line| line.income_usd.is_none())
    }
}

fn line(position: Position, quote: Quote) -> Line {
    let Quote {
        layers,
        unit_usd,
        price,
        paid_usd,
        fees_usd,
    } = quote;
    let rate = together(&layers);
    let stake = &position.stake;
    let (held, is_units) = match &stake.holding {
        Holding::Worth(money) => (money.amount.get(), false),
        Holding::Units { quantity, .. } => (quantity.get(), true),
    };
    let value_usd = unit_usd.and_then(|unit| Some(held.checked_mul(unit)?.round_dp(PLACES)));
    let in_usd = |money: Option<Money>, unit: Option<Decimal>| {
        let (money, unit) = money.zip(unit)?;
        money.amount.get().checked_mul(unit)
    };
    let of_pool = layers.first().and_then(|base| base.method);
    Line {
        rate,
        value_usd,
        income_usd: value_usd
            .zip(rate)
            .and_then(|(value, rate)| Income::of(value, rate)),
        income_units: rate
            .filter(|_| is_units)
            .and_then(|rate| Income::of(held, rate)),
        reward_share: reward_share(&layers),
        verdict: worst(&layers),
        method: stake.method.or(of_pool).unwrap_or(Method::Unknown),
        price,
        paid_usd: in_usd(stake.paid, paid_usd),
        fees_usd: in_usd(stake.fees, fees_usd),
        layers,
        position,
    }
}

/// The rate of all layers together; `None` where one of them has none.
fn together(layers: &[LayerQuote]) -> Option<Percent> {
    match layers {
        // Not by way of a product, which would leave the last digit in doubt.
        [only] => only.rate,
        layers => {
            let rates: Option<Vec<Percent>> = layers.iter().map(|layer| layer.rate).collect();
            stacked(&rates?).ok()
        }
    }
}

/// What all layers together pay in rewards, each by its own rate.
fn reward_share(layers: &[LayerQuote]) -> Option<f64> {
    let mut sums = (0.0, 0.0);
    for layer in layers {
        let rate = layer.rate?.get();
        if rate > 0.0 {
            sums.0 += rate * layer.reward_share?;
            sums.1 += rate;
        }
    }
    (sums.1 > 0.0).then(|| (sums.0 / sums.1).clamp(0.0, 1.0))
}

const WORST_FIRST: [Verdict; 4] = [
    Verdict::Unsustainable,
    Verdict::Unknown,
    Verdict::Mixed,
    Verdict::Sustainable,
];

/// The worst verdict counts; a layer that earns and that nobody judges makes the rest uncertain.
fn worst(layers: &[LayerQuote]) -> Option<Verdict> {
    let judged = layers.iter().any(|layer| layer.verdict.is_some());
    let earns = |layer: &&LayerQuote| layer.rate.is_none_or(|rate| rate.get() > 0.0);
    let counted = layers.iter().filter(earns);
    let verdicts: Vec<Verdict> = counted
        .map(|layer| layer.verdict.unwrap_or(Verdict::Unknown))
        .collect();
    let found = WORST_FIRST
        .into_iter()
        .find(|verdict| verdicts.contains(verdict));
    found.filter(|_| judged)
}

/// The share of the income that `part` of each line makes, over the lines where that is known.
fn share(lines: &[Line], income: Income, part: impl Fn(&Line) -> Option<f64>) -> Option<Share> {
    let (mut of, mut known) = (0.0, 0.0);
    for line in lines {
        let earned = line.income_usd.and_then(|earned| earned.yearly.to_f64());
        if let (Some(earned), Some(part)) = (earned, part(line)) {
            of += earned * part;
            known += earned;
        }
    }
    let whole = income.yearly.to_f64()?;
    (known > 0.0 && whole > 0.0).then(|| Share {
        share: (of / known).clamp(0.0, 1.0),
        known: (known / whole).clamp(0.0, 1.0),
    })
}

fn methods(lines: &[Line]) -> Vec<MethodPart> {
    let mut parts: Vec<MethodPart> = Vec::new();
    for line in lines {
        let (value, earned) = (line.value_usd, line.income_usd);
        if value.is_none() && earned.is_none() {
            continue;
        }
        let at = parts.iter().position(|part| part.method == line.method);
        let at = at.unwrap_or_else(|| {
            parts.push(MethodPart {
                method: line.method,
                value_usd: Decimal::ZERO,
                income: Income::ZERO,
            });
            parts.len() - 1
        });
        let Some(part) = parts.get_mut(at) else {
            continue;
        };
        part.value_usd = part.value_usd.saturating_add(value.unwrap_or_default());
        part.income = part.income.plus(earned.unwrap_or_default());
    }
    parts.sort_by(|a, b| {
        let by_income = b.income.yearly.cmp(&a.income.yearly);
        by_income.then_with(|| b.value_usd.cmp(&a.value_usd))
    });
    parts
}

fn ratio(part: Decimal, whole: Decimal) -> Option<Percent> {
    let fraction = part.checked_div(whole)?.to_f64()?;
    Percent::from_fraction(fraction)
}

#[cfg(test)]
mod tests;
