//! What positions earn at today's rates: projected, never promised.

use rust_decimal::{Decimal, prelude::FromPrimitive};

use super::{
    position::{Holding, Position},
    rate::Percent,
};

/// A yearly amount, shown by day, month and year.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Income {
    yearly: Decimal,
}

impl Income {
    /// What `principal` earns in a year at `rate`, without compounding on top: the rate is an APY.
    pub fn of(principal: Decimal, rate: Percent) -> Option<Self> {
        let fraction = Decimal::from_f64(rate.as_fraction())?;
        Some(Self {
            yearly: principal.checked_mul(fraction)?,
        })
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

    fn plus(self, other: Self) -> Self {
        Self {
            yearly: self.yearly.saturating_add(other.yearly),
        }
    }
}

impl std::iter::Sum for Income {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), Self::plus)
    }
}

/// What the market knows of a position at the moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quote {
    /// The pool's rate; `None` while the pool has no usable reading.
    pub rate: Option<Percent>,
    /// US dollars a unit of the held asset; `None` where no source has a price.
    pub unit_price: Option<Decimal>,
}

/// One position with its figures.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    pub position: Position,
    pub rate: Option<Percent>,
    pub value_usd: Option<Decimal>,
    /// Income in US dollars; `None` without a price or a rate.
    pub income_usd: Option<Income>,
    /// Income in units of the asset, for a holding told in units.
    pub income_units: Option<Income>,
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
}

impl Portfolio {
    /// Puts a price and a rate to each position. What cannot be valued stays out of the sums and
    /// keeps its line, so that the reply can name it.
    pub fn of(positions: impl IntoIterator<Item = (Position, Quote)>) -> Self {
        let lines: Vec<Line> = positions
            .into_iter()
            .map(|(position, quote)| line(position, quote))
            .collect();
        let (mut value_usd, mut earning, mut cost) = (Decimal::ZERO, Decimal::ZERO, Decimal::ZERO);
        let (mut income, mut income_on_cost) = (Income::default(), Income::default());
        for line in &lines {
            value_usd = value_usd.saturating_add(line.value_usd.unwrap_or_default());
            let (Some(value), Some(earned)) = (line.value_usd, line.income_usd) else {
                continue;
            };
            income = income.plus(earned);
            earning = earning.saturating_add(value);
            if let Some(paid) = line.position.stake.cost_usd {
                cost = cost.saturating_add(paid.get());
                income_on_cost = income_on_cost.plus(earned);
            }
        }
        Self {
            blended: ratio(income.yearly, earning),
            on_cost: ratio(income_on_cost.yearly, cost),
            lines,
            value_usd,
            income,
        }
    }

    /// Positions that the sums leave out.
    pub fn left_out(&self) -> impl Iterator<Item = &Line> {
        self.lines.iter().filter(|line| line.income_usd.is_none())
    }
}

fn line(position: Position, quote: Quote) -> Line {
    let (value_usd, income_units) = match &position.stake.holding {
        Holding::Value { usd } => (Some(usd.get()), None),
        Holding::Units { quantity, .. } => (
            quote
                .unit_price
                .and_then(|price| quantity.get().checked_mul(price)),
            quote.rate.and_then(|rate| Income::of(quantity.get(), rate)),
        ),
    };
    let income_usd = value_usd
        .zip(quote.rate)
        .and_then(|(value, rate)| Income::of(value, rate));
    Line {
        position,
        rate: quote.rate,
        value_usd,
        income_usd,
        income_units,
    }
}

fn ratio(part: Decimal, whole: Decimal) -> Option<Percent> {
    use rust_decimal::prelude::ToPrimitive;
    let fraction = part.checked_div(whole)?.to_f64()?;
    Percent::from_fraction(fraction)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        ids::{PoolId, PositionId, UserId},
        position::Stake,
        time::Timestamp,
    };

    fn position(holding: Holding, cost: Option<&str>) -> Position {
        Position {
            id: PositionId(1),
            owner: UserId(7),
            stake: Stake {
                pool: PoolId::from_bytes([1; 16]),
                holding,
                cost_usd: cost.map(|cost| cost.parse().unwrap()),
                note: None,
            },
            added_at: Timestamp::default(),
        }
    }

    fn dollars(usd: &str) -> Holding {
        Holding::Value {
            usd: usd.parse().unwrap(),
        }
    }

    fn quote(rate: f64, price: Option<i64>) -> Quote {
        Quote {
            rate: Percent::new(rate),
            unit_price: price.map(Decimal::from),
        }
    }

    #[test]
    fn five_thousand_at_2_6_percent() {
        let income = Income::of(Decimal::from(5000), Percent::new(2.6).unwrap()).unwrap();
        assert_eq!(income.year().round_dp(2).to_string(), "130.00");
        assert_eq!(income.month().round_dp(2).to_string(), "10.83");
        assert_eq!(income.day().round_dp(3).to_string(), "0.356");
    }

    #[test]
    fn the_blend_of_the_domain_table() {
        let portfolio = Portfolio::of([
            (position(dollars("60"), None), quote(5.0, None)),
            (position(dollars("30"), None), quote(4.0, None)),
            (position(dollars("10"), None), quote(8.0, None)),
        ]);
        assert!((portfolio.blended.unwrap().get() - 5.0).abs() < 1e-9);
        assert_eq!(portfolio.on_cost, None);
    }

    #[test]
    fn a_holding_without_a_price_earns_in_its_own_units_and_stays_out_of_the_sums() {
        let units = Holding::Units {
            asset: "ETH".to_owned(),
            quantity: "10".parse().unwrap(),
        };
        let portfolio = Portfolio::of([
            (position(units, None), quote(3.0, None)),
            (position(dollars("1k"), Some("800")), quote(4.0, None)),
        ]);
        assert_eq!(portfolio.value_usd, Decimal::from(1000));
        assert_eq!(portfolio.left_out().count(), 1);
        let units = portfolio.lines[0].income_units.unwrap();
        assert_eq!(units.year().normalize().to_string(), "0.3");
        assert!((portfolio.on_cost.unwrap().get() - 5.0).abs() < 1e-9);
    }

    #[test]
    fn a_pool_without_a_reading_counts_in_the_value_only() {
        let silent = Quote {
            rate: None,
            unit_price: None,
        };
        let portfolio = Portfolio::of([(position(dollars("100"), None), silent)]);
        assert_eq!(portfolio.value_usd, Decimal::from(100));
        assert_eq!(portfolio.blended, None);
        assert_eq!(portfolio.left_out().count(), 1);
    }
}
