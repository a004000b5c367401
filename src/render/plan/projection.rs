//! A capital through the years, in words and as a file of all of them; `picture/growth.rs` draws it.

use rust_decimal::{Decimal, RoundingStrategy, prelude::ToPrimitive as _};

use super::{FROM_YOUR_FIGURES, Today};
use crate::{
    domain::{
        currency::Currency,
        plan::projection::{
            Independence, Plan, Projection, Year, after_tax,
            range::{PATHS, Range},
            shift::{self, STEP, Shifted},
        },
        sheet::{self, Cell},
    },
    render::{
        message::{Colour, Embed, Field, File, Message},
        numbers::{change, grouped, limit, percent, short, sum},
    },
};

/// A projection with everything that was worked out of it.
#[derive(Debug, Clone, Copy)]
pub struct Told<'a> {
    pub plan: &'a Plan,
    pub currency: Currency,
    pub projection: &'a Projection,
    /// `None` where nobody knows how yields vary.
    pub range: Option<&'a Range>,
    /// How many pools the variation was measured by; `None` where it was stated.
    pub measured_by: Option<usize>,
    /// Where it ends with other prices, from the lowest to the highest.
    pub shifts: &'a [Shifted],
}

/// The first years are told one by one, and then each fifth.
const ONE_BY_ONE: u32 = 10;
const THEN_EACH: u32 = 5;

/// The file of all years, for where the reply has no room for them.
const FILE: &str = "plan.csv";
/// Its columns, whatever the plan: files of people rest on them, so none is taken away, renamed or given
/// another meaning, and new ones come behind. All but the first and the last hold amounts in `currency`,
/// rounded to its smallest coin.
const COLUMNS: [&str; 12] = [
    "year",
    "start",
    "income",
    "tax",
    "paid_out",
    "put_back",
    "drawn",
    "added",
    "price",
    "end",
    "end_in_todays_money",
    "currency",
];

/// The projection in words, with its picture where there is one, and with a file of all years where some are
/// left out.
pub fn projection(told: &Told<'_>, picture: Option<Vec<u8>>, today: &Today<'_>) -> Message {
    let fields = vec![
        Field::wide("Phases", phases(told)),
        Field::wide("What comes of it", outcome(told)),
        Field::wide("How far it may be off", spread(told)),
        Field::wide(
            format!("With prices {} lower or higher", limit(STEP)),
            other_prices(told),
        ),
        Field::wide("How it is reckoned", RECKONED),
    ];
    let file = whole_table(told);
    let mut description = vec![first_year(told), table(told)];
    description.extend(file.as_ref().map(|file| {
        format!(
            "Some years are left out here. All {} are in `{}`, to the smallest coin.",
            told.projection.years.len(),
            file.name
        )
    }));
    let mut message = Message::from(Embed {
        title: title(told),
        description: description.join("\n"),
        colour: match told.projection.runs_out {
            Some(_) => Colour::Red,
            None => Colour::Blue,
        },
        fields,
        footer: match told.measured_by {
            Some(_) => today.footer(),
            None => FROM_YOUR_FIGURES.to_owned(),
        },
        ..Embed::default()
    });
    message.files.extend(picture.map(|bytes| File {
        name: "projection.png".to_owned(),
        bytes,
        description: described(told),
    }));
    message.files.extend(file);
    message.fitted()
}

const RECKONED: &str = "What stands there at the beginning of a year earns the yield. What is added, taken out and \
     gained by the price joins at its end. Amounts a month stay as they are and do not rise with \
     prices. *Today's money* is the end ÷ (1 + inflation) for each year.";

fn title(told: &Told<'_>) -> String {
    let start = sum(told.plan.capital, told.currency);
    match (told.projection.runs_out, told.projection.years.last()) {
        (Some(year), _) => format!("{start} runs out in year {year}"),
        (None, Some(last)) => format!(
            "{start} in {}: {}",
            years(last.number),
            sum(last.end, told.currency)
        ),
        (None, None) => start,
    }
}

fn years(count: u32) -> String {
    if count == 1 {
        "1 year".to_owned()
    } else {
        format!("{count} years")
    }
}

/// The first year so that somebody can redo it.
fn first_year(told: &Told<'_>) -> String {
    let Some(first) = told.projection.years.first() else {
        return String::new();
    };
    let money = |amount| sum(amount, told.currency);
    let plan = told.plan;
    let income = format!(
        "Year 1: {} × {} = {}",
        money(first.start),
        percent(plan.rate),
        money(first.income)
    );
    if first.tax.is_zero() {
        return income;
    }
    let kept = after_tax(plan).map_or_else(String::new, |rate| {
        format!(", which is {} a year", percent(rate))
    });
    format!(
        "{income}; × (1 − {} tax) = {}{kept}",
        limit(plan.tax.get()),
        money(first.income - first.tax)
    )
}

fn phases(told: &Told<'_>) -> String {
    let plan = told.plan;
    let money = |amount| sum(amount, told.currency);
    let mut adds = vec![format!(
        "{} of the income after tax is put back",
        limit(plan.reinvested.get())
    )];
    if !plan.contribution.is_zero() {
        adds.push(format!("{} a month is added", money(plan.contribution)));
    }
    let adds = adds.join(", ");
    let last = plan.years;
    let Some(withdrawal) = plan.withdrawal else {
        return format!("{}: {adds}.", span(1, last));
    };
    let rest = 100.0 - plan.reinvested.get();
    let and_of_income = if rest > 0.0 {
        format!(", and at least {} of the income after tax,", limit(rest))
    } else {
        String::new()
    };
    let taken = format!(
        "{}: at least {} a month{and_of_income} is paid out, first of the income and then of the capital. What \
         is over is put back.",
        span(withdrawal.from, last),
        money(withdrawal.monthly)
    );
    match withdrawal.from {
        1 => taken,
        from => format!("{}: {adds}.\n{taken}", span(1, from - 1)),
    }
}

fn span(first: u32, last: u32) -> String {
    if first == last {
        format!("Year {first}")
    } else {
        format!("Years {first}–{last}")
    }
}

/// A column with what it shows of a year.
type Column = (&'static str, fn(&Year) -> Decimal);

/// The years that are told, in columns; what is nothing in all of them has none.
fn table(told: &Told<'_>) -> String {
    let all = &told.projection.years;
    let mut columns: Vec<Column> =
        vec![("start", |year| year.start), ("income", |year| year.income)];
    let some = |figure: fn(&Year) -> Decimal| all.iter().any(|year| !figure(year).is_zero());
    let maybe: [Column; 6] = [
        ("tax", |year| year.tax),
        ("paid out", |year| year.paid_out),
        ("put back", |year| year.reinvested),
        ("drawn", |year| year.drawn),
        ("added", |year| year.contributed),
        ("price", |year| year.price),
    ];
    columns.extend(maybe.into_iter().filter(|(_, figure)| some(*figure)));
    columns.push(("end", |year| year.end));
    if told.plan.inflation.get() != 0.0 {
        columns.push(("today's money", |year| year.end_in_todays_money));
    }
    let mut rows: Vec<Vec<String>> = Vec::new();
    let head = columns.iter().map(|(name, _)| (*name).to_owned());
    rows.push(std::iter::once("year".to_owned()).chain(head).collect());
    for year in all.iter().filter(|year| is_told(told, year.number)) {
        let figures = columns.iter().map(|(_, figure)| figure_words(figure(year)));
        rows.push(
            std::iter::once(year.number.to_string())
                .chain(figures)
                .collect(),
        );
    }
    format!("```\n{}\n```", aligned(&rows))
}

fn figure_words(amount: Decimal) -> String {
    amount.to_f64().map_or_else(|| "?".to_owned(), short)
}

fn is_told(told: &Told<'_>, year: u32) -> bool {
    let last = told.projection.years.last().map(|last| last.number);
    let begins = told.plan.withdrawal.map(|withdrawal| withdrawal.from);
    year <= ONE_BY_ONE
        || year.is_multiple_of(THEN_EACH)
        || Some(year) == last
        || Some(year) == begins
}

/// All years as a table, one a row; `None` where all of them are told.
fn whole_table(told: &Told<'_>) -> Option<File> {
    let years = &told.projection.years;
    if years.iter().all(|year| is_told(told, year.number)) {
        return None;
    }
    let rows = years.iter().map(|year| cells(year, told.currency));
    Some(File {
        name: FILE.to_owned(),
        bytes: sheet::write(&COLUMNS, rows),
        description: String::new(),
    })
}

/// A year in the order of [`COLUMNS`].
fn cells(year: &Year, currency: Currency) -> Vec<Cell> {
    let amounts = [
        year.start,
        year.income,
        year.tax,
        year.paid_out,
        year.reinvested,
        year.drawn,
        year.contributed,
        year.price,
        year.end,
        year.end_in_todays_money,
    ];
    let coins = |amount: Decimal| {
        let half_up = RoundingStrategy::MidpointAwayFromZero;
        Cell::Plain(
            amount
                .round_dp_with_strategy(currency.places(), half_up)
                .normalize()
                .to_string(),
        )
    };
    std::iter::once(Cell::Plain(year.number.to_string()))
        .chain(amounts.map(coins))
        .chain([Cell::Plain(currency.code().to_owned())])
        .collect()
}

/// Columns as wide as their widest cell, flush right.
fn aligned(rows: &[Vec<String>]) -> String {
    let length = |cell: &String| cell.chars().count();
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(length).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths);
        let cells: Vec<String> = cells
            .map(|(cell, width)| format!("{cell:>width$}"))
            .collect();
        cells.join(" ")
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn outcome(told: &Told<'_>) -> String {
    let money = |amount| sum(amount, told.currency);
    let Projection {
        runs_out,
        independence,
        returned,
        ref years,
    } = *told.projection;
    let mut lines = vec![match runs_out {
        Some(year) => format!("❌ At these rates nothing is left at the end of **year {year}**."),
        None => format!(
            "At these rates it does not run out within {}.",
            self::years(told.plan.years)
        ),
    }];
    let goal = told.plan.goal(told.currency);
    lines.extend(independence.zip(goal).map(|(found, goal)| {
        let wish = money(goal.income_yearly);
        match found {
            Independence::From(1) => format!("Income after tax covers {wish} a year at once."),
            Independence::From(year) => format!(
                "With nothing taken out before, income after tax covers {wish} a year from **year {year}** \
                 on: after {}.",
                self::years(year - 1)
            ),
            Independence::NotWithin(most) => format!(
                "Income after tax does not cover {wish} a year within {} at these rates.",
                self::years(most)
            ),
        }
    }));
    let total = returned
        .total
        .map_or_else(|| "not known".to_owned(), |total| change(total.get()));
    lines.push(format!(
        "Income after tax **{}**, price {}: total return {total} of the {} put in.",
        money(returned.income),
        money(returned.price),
        money(returned.put_in)
    ));
    if told.plan.inflation.get() != 0.0 {
        lines.extend(years.last().map(|last| {
            format!(
                "The end in today's money, at {} inflation: **{}**.",
                limit(told.plan.inflation.get()),
                money(last.end_in_todays_money)
            )
        }));
    }
    lines.join("\n")
}

fn spread(told: &Told<'_>) -> String {
    let Some(range) = told.range else {
        return "Not known: too few sustainable pools pay about that rate to tell how it varies. Give \
                `variation` in points to see a range."
            .to_owned();
    };
    let Some((low, high)) = range.ends.last() else {
        return String::new();
    };
    if range.run_out == PATHS {
        return format!("On none of {PATHS} paths with yields that vary anything is left.");
    }
    let points = limit((range.points * 100.0).round() / 100.0).replace(" %", "");
    let origin = told.measured_by.map_or_else(
        || "as you gave it".to_owned(),
        |pools| {
            format!(
                "as the days of {} sustainable pools near that rate do; years may differ more",
                grouped(pools)
            )
        },
    );
    let run_out = match range.run_out {
        0 => String::new(),
        some => format!(" On {} of them nothing is left.", grouped(some)),
    };
    format!(
        "Where each year's yield varies by {points} points around yours ({origin}), eight of ten of {PATHS} \
         paths end between **{}** and **{}**.{run_out}",
        sum(*low, told.currency),
        sum(*high, told.currency)
    )
}

/// Where it ends if prices step once, when that touches most.
fn other_prices(told: &Told<'_>) -> String {
    let when = match shift::steps_in(told.plan) {
        Some(1) => "at the beginning".to_owned(),
        Some(year) => format!("as withdrawals begin, in year {year},"),
        None => "at the end".to_owned(),
    };
    let once = format!("If prices step once {when} and all else stays as it is:");
    let ends = told.shifts.iter().map(|shifted| {
        let by = shifted.by.get();
        let prices = if by == 0.0 {
            "no step".to_owned()
        } else {
            change(by)
        };
        format!("- {prices}: {}", shifted_end(shifted, told))
    });
    std::iter::once(once)
        .chain(ends)
        .collect::<Vec<_>>()
        .join("\n")
}

fn shifted_end(shifted: &Shifted, told: &Told<'_>) -> String {
    if let Some(year) = shifted.runs_out {
        return format!("nothing is left at the end of **year {year}**");
    }
    let money = |amount| sum(amount, told.currency);
    let taxed = if told.plan.tax.get() > 0.0 {
        " after tax"
    } else {
        ""
    };
    format!(
        "**{}** after {}, which then brings {} a month{taxed}",
        money(shifted.end),
        years(told.plan.years),
        money(shifted.income.month())
    )
}

/// The picture in words, for those who do not see it.
fn described(told: &Told<'_>) -> String {
    let begin = sum(told.plan.capital, told.currency);
    let end = told
        .projection
        .years
        .last()
        .map_or_else(String::new, |last| {
            format!(
                " and {} at the end of year {}",
                sum(last.end, told.currency),
                last.number
            )
        });
    format!(
        "Chart of a capital year by year: {begin} at the beginning{end}; below it what is paid out and what is \
         put back each year."
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::plan::projection::{Withdrawal, project, range::range},
        render::samples::{percent, today},
    };

    fn told(plan: &Plan, points: Option<f64>, measured_by: Option<usize>) -> Message {
        let found = project(plan).unwrap();
        let range = points.map(|points| range(plan, points).unwrap());
        let told = Told {
            plan,
            currency: Currency::Usd,
            projection: &found,
            range: range.as_ref(),
            measured_by,
            shifts: &shift::shifts(plan).unwrap(),
        };
        let message = projection(&told, None, &today());
        assert_eq!(message.clone().fitted(), message);
        message
    }

    fn plan() -> Plan {
        Plan {
            capital: Decimal::from(300_000),
            rate: percent(6.0),
            years: 30,
            reinvested: percent(100.0),
            contribution: Decimal::from(500),
            withdrawal: Some(Withdrawal {
                monthly: Decimal::from(2_500),
                from: 13,
            }),
            tax: percent(25.0),
            inflation: percent(2.5),
            price_growth: percent(1.0),
        }
    }

    /// The text of the file that a reply brings, and the reply without it.
    fn without_file(mut message: Message) -> (Message, Option<String>) {
        let file = message.files.pop();
        let text = file.map(|file| {
            assert_eq!(file.name, FILE);
            String::from_utf8(file.bytes).unwrap()
        });
        (message, text)
    }

    #[test]
    fn a_plan_of_two_phases() {
        let (message, file) = without_file(told(&plan(), Some(1.2), Some(34)));
        insta::assert_json_snapshot!(message);
        insta::assert_snapshot!(file.unwrap());
    }

    #[test]
    fn years_that_are_left_out_are_in_the_file() {
        let lasting = |years| Plan {
            years,
            withdrawal: None,
            ..plan()
        };
        let (message, none) = without_file(told(&lasting(10), None, None));
        assert_eq!(none, None);
        assert!(message.embeds[0].description.ends_with("```"));
        let (message, file) = without_file(told(&lasting(12), None, None));
        assert!(
            message.embeds[0]
                .description
                .ends_with("All 12 are in `plan.csv`, to the smallest coin.")
        );
        let file = file.unwrap();
        assert!(file.starts_with("year,start,income,tax,"), "{file}");
        let numbers: Vec<&str> = file.lines().filter_map(|it| it.split(',').next()).collect();
        assert_eq!(numbers.len(), 13);
        assert_eq!(numbers.last(), Some(&"12"));
        let widths = file.lines().map(|line| line.split(',').count());
        assert!(widths.into_iter().all(|width| width == COLUMNS.len()));
    }

    #[test]
    fn a_plan_that_runs_out_and_one_of_which_little_is_known() {
        let spending = Plan {
            contribution: Decimal::ZERO,
            withdrawal: Some(Withdrawal {
                monthly: Decimal::from(20_000),
                from: 1,
            }),
            ..plan()
        };
        insta::assert_json_snapshot!(told(&spending, Some(1.2), None));
        let bare = Plan {
            withdrawal: None,
            contribution: Decimal::ZERO,
            tax: percent(0.0),
            inflation: percent(0.0),
            price_growth: percent(0.0),
            years: 1,
            ..plan()
        };
        insta::assert_json_snapshot!(told(&bare, None, None));
    }

    #[test]
    fn the_longest_plan_fits() {
        let longest = Plan {
            years: 60,
            capital: Decimal::from(1_000_000_000_000_i64),
            withdrawal: Some(Withdrawal {
                monthly: Decimal::from(1_000),
                from: 58,
            }),
            ..plan()
        };
        let message = told(&longest, Some(1.0), None);
        assert_eq!(message.embeds[0].fields.len(), 5);
        let rows = &message.embeds[0].description;
        assert!(rows.contains("\n```\nSome years are left out"), "{rows}");
    }
}
