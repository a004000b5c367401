//! The capital that an income takes, in words.

use super::{FROM_YOUR_FIGURES, divided_by_kept, judged};
use crate::{
    domain::plan::{
        Goal,
        capital::{AtRate, Needed},
        reference::{self, Judgement},
    },
    render::{
        message::{Colour, Embed, Field, Message},
        numbers::{percent, sum},
    },
};

/// The answer in full. `max_apy` is the percent above which offers are screened out.
pub fn capital(goal: &Goal, needed: &Needed, max_apy: f64) -> Message {
    let money = |amount| sum(amount, goal.currency);
    let income = money(goal.income_yearly);
    let mut lines = Vec::new();
    if goal.tax.is_some_and(|tax| tax.get() > 0.0) {
        lines.push(format!(
            "Before tax: {income}{} = {} a year",
            divided_by_kept(goal.tax),
            money(needed.earned)
        ));
    }
    let at = |at: AtRate| {
        at.capital.map_or_else(
            || format!("no capital brings it at {}", percent(at.rate)),
            |capital| {
                let (earned, rate) = (money(needed.earned), percent(at.rate));
                format!("{earned} ÷ {rate} = **{}**", money(capital))
            },
        )
    };
    lines.push(at(needed.at));
    let judgement = reference::judge(needed.at.rate, max_apy);
    Message::from(Embed {
        title: format!("The capital for {income} a year"),
        description: lines.join("\n"),
        colour: match judgement {
            Judgement::Lasts => Colour::Green,
            Judgement::OutsideOfWhatLasts | Judgement::ScreenedOut => Colour::Red,
        },
        fields: vec![
            Field::wide("A point less", at(needed.below)),
            Field::wide("A point more", at(needed.above)),
            Field::wide(
                "Does that last?",
                format!("{}.", judged(judgement, max_apy)),
            ),
        ],
        footer: FROM_YOUR_FIGURES.to_owned(),
        ..Embed::default()
    })
}

#[cfg(test)]
mod tests {
    use rust_decimal::Decimal;

    use super::*;
    use crate::{
        domain::{currency::Currency, plan::capital::needed},
        render::samples,
    };

    fn told(income: i64, rate: f64, tax: Option<f64>) -> Message {
        let goal = Goal {
            income_yearly: Decimal::from(income),
            currency: Currency::Usd,
            tax: tax.map(samples::percent),
            capital: None,
        };
        let needed = needed(&goal, samples::percent(rate)).unwrap();
        capital(&goal, &needed, 100.0)
    }

    #[test]
    fn a_capital_with_a_point_less_and_more() {
        insta::assert_json_snapshot!(told(50_000, 6.0, Some(25.0)));
        insta::assert_json_snapshot!(told(50_000, 1.0, None));
    }
}
