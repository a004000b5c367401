//! A capital's years: what stands there at the end of each, with the range that it may lie in, and below it
//! what each year pays out and puts back.

use rust_decimal::{Decimal, prelude::ToPrimitive as _};

use super::{
    BASE, Canvas, Growth, MEDIAN, NotDrawn, REWARD, TOTAL, TVL,
    head::Head,
    legend::{Entry, Swatch},
    panel::{self, AREA, Across, LOWER, Panel, Point, UPPER, area, dashes, line},
    scale::Reach,
};
use crate::{
    domain::plan::projection::Year,
    render::{
        DOT, count,
        numbers::{limit, percent, short, sum},
    },
};

/// How strong the range is, so that the lines in it stand out.
const RANGE: f64 = 0.45;
/// Half of a year's bar, in years.
const HALF_BAR: f64 = 0.36;
/// Words of years that fit beside each other.
const MOST_TICKS: u32 = 8;

pub(super) fn head(growth: &Growth<'_>) -> Head {
    let plan = growth.plan;
    let start = sum(plan.capital, growth.currency);
    let years = usize::try_from(plan.years).unwrap_or_default();
    let mut parts = vec![format!("{} a year", percent(plan.rate))];
    if plan.tax.get() > 0.0 {
        parts.push(format!("{} tax", limit(plan.tax.get())));
    }
    parts.push(count(years, "year", "years"));
    parts.extend(
        growth
            .projection
            .runs_out
            .map(|year| format!("runs out in year {year}")),
    );
    Head {
        title: format!("{start} through the years"),
        subtitle: parts.join(DOT),
        foot: format!("at the rates that were given{DOT}not advice"),
    }
}

pub(super) fn legend(growth: &Growth<'_>) -> Vec<Entry> {
    let mut entries = vec![(Swatch::Line(TOTAL), "capital".to_owned())];
    if has_inflation(growth) {
        entries.push((Swatch::Dashes(MEDIAN), "in today's money".to_owned()));
    }
    if growth.range.is_some() {
        entries.push((Swatch::Area(BASE), "eight of ten paths".to_owned()));
    }
    let some = |figure: fn(&Year) -> Decimal| {
        let mut years = growth.projection.years.iter();
        years.any(|year| !figure(year).is_zero())
    };
    if some(|year| year.paid_out) {
        entries.push((Swatch::Area(REWARD), "paid out".to_owned()));
    }
    if some(|year| year.reinvested) {
        entries.push((Swatch::Area(TVL), "put back, above it".to_owned()));
    }
    entries
}

fn has_inflation(growth: &Growth<'_>) -> bool {
    growth.plan.inflation.get() != 0.0
}

pub(super) fn draw(canvas: &Canvas<'_>, growth: &Growth<'_>) -> Result<(), NotDrawn> {
    let words = |value: f64| format!("{}{}", growth.currency.sign(), short(value));
    capital(canvas, growth, &words)?;
    flows(canvas, growth, &words)
}

fn capital(
    canvas: &Canvas<'_>,
    growth: &Growth<'_>,
    words: &dyn Fn(f64) -> String,
) -> Result<(), NotDrawn> {
    let start = (0.0, money(growth.plan.capital));
    let from_start = |ends: &mut dyn Iterator<Item = Point>| -> Vec<Point> {
        std::iter::once(start).chain(ends).collect()
    };
    let years = &growth.projection.years;
    let main = from_start(&mut years.iter().map(|year| at(year, year.end)));
    let ends = growth.range.map_or(&[][..], |range| &range.ends);
    let numbered = || {
        (1_u32..)
            .zip(ends)
            .map(|(year, ends)| (f64::from(year), ends))
    };
    let low = from_start(&mut numbered().map(|(year, (low, _))| (year, money(*low))));
    let high = from_start(&mut numbered().map(|(year, (_, high))| (year, money(*high))));
    let reach = Reach::whole(main.iter().chain(&high).map(|(_, value)| *value));
    let mut panel = panel::framed(canvas, UPPER, &across(growth), reach, words)?;
    if growth.range.is_some() {
        area(&mut panel, &low, &high, BASE, RANGE)?;
    }
    if has_inflation(growth) {
        let worth = years.iter().map(|year| at(year, year.end_in_todays_money));
        dashes(&mut panel, from_start(&mut worth.into_iter()), MEDIAN)?;
    }
    line(&mut panel, main, TOTAL)
}

fn flows(
    canvas: &Canvas<'_>,
    growth: &Growth<'_>,
    words: &dyn Fn(f64) -> String,
) -> Result<(), NotDrawn> {
    let years = &growth.projection.years;
    let both = |year: &Year| money(year.paid_out) + money(year.reinvested);
    let reach = Reach::whole(years.iter().map(both));
    let mut panel = panel::framed(canvas, LOWER, &across(growth), reach, words)?;
    for year in years {
        let place = f64::from(year.number);
        let paid_out = money(year.paid_out);
        bar(&mut panel, place, (0.0, paid_out), REWARD)?;
        bar(&mut panel, place, (paid_out, both(year)), TVL)?;
    }
    Ok(())
}

fn bar(
    panel: &mut Panel<'_>,
    place: f64,
    (low, high): (f64, f64),
    colour: super::RGBColor,
) -> Result<(), NotDrawn> {
    let (left, right) = (place - HALF_BAR, place + HALF_BAR);
    let lower = [(left, low), (right, low)];
    let upper = [(left, high), (right, high)];
    area(panel, &lower, &upper, colour, AREA)
}

/// The years that were asked for, also those after the capital ran out.
fn across(growth: &Growth<'_>) -> Across {
    let years = growth.plan.years;
    let step = [1, 2, 5, 10]
        .into_iter()
        .find(|step| years / step <= MOST_TICKS)
        .unwrap_or(10);
    let ticks = (step..=years).step_by(usize::try_from(step).unwrap_or(1));
    Across {
        range: -0.2..f64::from(years) + 0.6,
        ticks: ticks
            .map(|year| (f64::from(year), format!("year {year}")))
            .collect(),
    }
}

fn at(year: &Year, amount: Decimal) -> Point {
    (f64::from(year.number), money(amount))
}

fn money(amount: Decimal) -> f64 {
    amount.to_f64().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{
            currency::Currency,
            plan::projection::{Plan, Withdrawal, project, range::range},
        },
        render::{picture::growth, samples::percent},
    };

    fn plan(monthly: i64, years: u32) -> Plan {
        Plan {
            capital: Decimal::from(300_000),
            rate: percent(6.0),
            years,
            reinvested: percent(100.0),
            contribution: Decimal::from(500),
            withdrawal: Some(Withdrawal {
                monthly: Decimal::from(monthly),
                from: years / 2 + 1,
            }),
            tax: percent(25.0),
            inflation: percent(2.5),
            price_growth: percent(0.0),
        }
    }

    fn drawn(plan: &Plan, points: Option<f64>) -> Vec<u8> {
        let projection = project(plan).unwrap();
        let range = points.map(|points| range(plan, points).unwrap());
        let drawn = growth(&Growth {
            plan,
            currency: Currency::Eur,
            projection: &projection,
            range: range.as_ref(),
        });
        drawn.unwrap()
    }

    #[test]
    fn the_same_plan_makes_the_same_picture_and_a_range_shows() {
        let plan = plan(2_500, 30);
        let with = drawn(&plan, Some(1.5));
        assert!(with == drawn(&plan, Some(1.5)));
        assert!(with != drawn(&plan, None));
        assert!(with.len() < 200_000);
    }

    #[test]
    fn only_what_is_on_the_picture_is_named() {
        let named = |plan: &Plan, points: Option<f64>| -> Vec<String> {
            let projection = project(plan).unwrap();
            let range = points.map(|points| range(plan, points).unwrap());
            let entries = legend(&Growth {
                plan,
                currency: Currency::Usd,
                projection: &projection,
                range: range.as_ref(),
            });
            entries.into_iter().map(|(_, words)| words).collect()
        };
        let all = [
            "capital",
            "in today's money",
            "eight of ten paths",
            "paid out",
            "put back, above it",
        ];
        assert_eq!(named(&plan(2_500, 30), Some(1.5)), all);
        let saving = Plan {
            withdrawal: None,
            inflation: percent(0.0),
            ..plan(1, 30)
        };
        assert_eq!(named(&saving, None), ["capital", "put back, above it"]);
    }

    #[test]
    fn every_length_and_ending_is_drawn() {
        for years in [1, 2, 13, 60] {
            for monthly in [1, 25_000] {
                let plan = Plan {
                    contribution: Decimal::ZERO,
                    ..plan(monthly, years)
                };
                drawn(&plan, Some(1.0));
            }
        }
    }
}
