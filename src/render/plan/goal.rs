//! What a goal takes, in words.

use super::{FROM_YOUR_FIGURES, Today, divided_by_kept, judged, range};
use crate::{
    domain::{
        plan::{
            Goal,
            goal::{Inflated, LARGE_TVL_USD, Paying, Required},
            reference::{self, Judgement},
        },
        rate::Percent,
    },
    render::{
        message::{Colour, Embed, Field, Message},
        numbers::{bare, dollars, grouped, limit, percent, share, sum},
    },
};

/// A goal with what it takes.
#[derive(Debug, Clone, Copy)]
pub struct Told<'a> {
    pub goal: &'a Goal,
    pub required: &'a Required,
    /// How many of today's pools pay it; `None` where that is not known.
    pub paying: Option<Paying>,
    /// Percent above which offers are screened out.
    pub max_apy: f64,
}

/// The answer in full.
pub fn goal(told: &Told<'_>, today: &Today<'_>) -> Message {
    let required = told.required;
    let income = sum(told.goal.income_yearly, told.goal.currency);
    Message::from(Embed {
        title: format!("{income} a year takes {}", percent(required.before_tax)),
        description: arithmetic(told),
        colour: match required.judgement {
            Judgement::Lasts => Colour::Green,
            Judgement::OutsideOfWhatLasts | Judgement::ScreenedOut => Colour::Red,
        },
        fields: vec![
            Field::wide("Does that last?", lasts(told)),
            Field::wide("The capital that would do", enough(told)),
        ],
        footer: match told.paying {
            Some(_) => today.footer(),
            None => FROM_YOUR_FIGURES.to_owned(),
        },
        ..Embed::default()
    })
}

fn arithmetic(told: &Told<'_>) -> String {
    let (goal, required) = (told.goal, told.required);
    let money = |amount| sum(amount, goal.currency);
    let income = money(goal.income_yearly);
    let of = goal
        .capital
        .map_or_else(String::new, |capital| format!(" ÷ {}", money(capital)));
    let rate = percent(required.after_tax);
    let mut lines = match goal.tax.filter(|tax| tax.get() > 0.0) {
        Some(tax) => vec![
            format!("After tax: {income}{of} = **{rate}** a year"),
            format!(
                "Before tax: {income}{} = {}, and that{of} = **{}** a year",
                divided_by_kept(Some(tax)),
                money(required.earned),
                percent(required.before_tax)
            ),
        ],
        None => vec![format!("{income}{of} = **{rate}** a year, without a tax")],
    };
    lines.extend(
        required
            .inflated
            .map(|inflated| inflation(goal, required.after_tax, inflated)),
    );
    lines.join("\n")
}

fn inflation(goal: &Goal, rate: Percent, inflated: Inflated) -> String {
    let (grown, prices) = (
        bare(1.0 + rate.as_fraction()),
        bare(1.0 + inflated.inflation.as_fraction()),
    );
    let tax = divided_by_kept(goal.tax);
    let (open, close) = if tax.is_empty() { ("", "") } else { ("(", ")") };
    format!(
        "After {} inflation: {grown} ÷ {prices} − 1 = **{}** is what it is worth. To pay the income and keep \
         the worth of both takes {open}{grown} × {prices} − 1{close}{tax} = **{}** before tax.",
        limit(inflated.inflation.get()),
        percent(inflated.real),
        percent(inflated.keeping)
    )
}

fn lasts(told: &Told<'_>) -> String {
    let required = told.required;
    let mut lines = vec![format!("{}.", judged(required.judgement, told.max_apy))];
    let bands: Vec<String> = required
        .bands
        .iter()
        .map(|band| format!("{} ({})", band.what, range(band.range)))
        .collect();
    lines.push(if bands.is_empty() {
        "No reference range holds it.".to_owned()
    } else {
        format!("Generally said to pay it: {}.", bands.join(", "))
    });
    lines.push(told.paying.map_or_else(
        || "How many pools pay that today is not known.".to_owned(),
        |Paying { paying, of }| {
            format!(
                "Today {} of {} sustainable pools over {} pay that or more ({}).",
                grouped(paying),
                grouped(of),
                dollars(LARGE_TVL_USD),
                share(ratio(paying, of))
            )
        },
    ));
    lines.join("\n")
}

fn ratio(part: usize, whole: usize) -> f64 {
    let number = |count: usize| u32::try_from(count).map_or(f64::INFINITY, f64::from);
    number(part) / number(whole)
}

fn enough(told: &Told<'_>) -> String {
    let (goal, required) = (told.goal, told.required);
    let lasting = limit(reference::LASTING);
    format!(
        "{} ÷ {lasting} = **{}**. {lasting} a year is the middle of what large-cap staking is generally said \
         to pay ({}).",
        sum(required.earned, goal.currency),
        sum(required.capital_at_lasting, goal.currency),
        range(reference::LARGE_CAP_STAKING)
    )
}

#[cfg(test)]
mod tests {
    use rust_decimal::Decimal;

    use super::*;
    use crate::{
        domain::{currency::Currency, plan::goal::required},
        render::samples,
    };

    fn told(income: i64, capital: i64, tax: Option<f64>, inflation: Option<f64>) -> Message {
        let goal = Goal {
            income_yearly: Decimal::from(income),
            currency: Currency::Eur,
            tax: tax.map(samples::percent),
            capital: Some(Decimal::from(capital)),
        };
        let inflation = inflation.map(samples::percent);
        let required = required(&goal, Decimal::from(capital), inflation, 100.0).unwrap();
        let today = samples::today();
        let told = Told {
            goal: &goal,
            required: &required,
            paying: tax.map(|_| Paying {
                paying: 14,
                of: 210,
            }),
            max_apy: 100.0,
        };
        super::goal(&told, &today)
    }

    #[test]
    fn goals_that_last_and_that_do_not() {
        insta::assert_json_snapshot!(told(50_000, 1_000_000, Some(25.0), Some(3.0)));
        insta::assert_json_snapshot!(told(50_000, 500_000, None, None));
        insta::assert_json_snapshot!(told(600_000, 500_000, None, None));
    }
}
