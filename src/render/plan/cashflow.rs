//! A divided income, in words.

use super::{FROM_YOUR_FIGURES, decimal_percent};
use crate::{
    domain::plan::cashflow::{Cashflow, Every, Split, Wish, of_the_whole},
    render::{
        message::{Colour, Embed, Field, Message},
        numbers::{limit, sum},
    },
};

/// The answer in full.
pub fn cashflow(wish: &Wish, cashflow: &Cashflow) -> Message {
    let money = |amount| sum(amount, wish.currency);
    let divided = |split: &Split| {
        format!(
            "of {}: **{}** tax reserve, **{}** reinvested, **{}** pay-out",
            money(split.whole),
            money(split.tax_reserve),
            money(split.reinvested),
            money(split.paid_out)
        )
    };
    let (each, months) = match wish.every {
        Every::Month => ("Each month", String::new()),
        Every::Quarter => (
            "Each quarter",
            format!("Three months of {} come in first.\n", money(wish.monthly)),
        ),
    };
    Message::from(Embed {
        title: format!("{} a month, divided", money(wish.monthly)),
        description: format!("{months}{}", parts(wish)),
        colour: Colour::Blue,
        fields: vec![
            Field::wide(each, divided(&cashflow.each)),
            Field::wide("A year", divided(&cashflow.year)),
        ],
        footer: FROM_YOUR_FIGURES.to_owned(),
        ..Embed::default()
    })
}

fn parts(wish: &Wish) -> String {
    let (tax, again) = (wish.tax_reserve.get(), wish.reinvested.get());
    let of_all = of_the_whole(wish).map_or_else(String::new, |share| {
        format!(", which is {} of all", decimal_percent(share))
    });
    let rounding = match wish.currency.places() {
        0 => "coin",
        _ => "cent",
    };
    format!(
        "{} of the income is kept back for tax; of the {} that are left {} are reinvested{of_all}. The parts \
         make the whole to the {rounding}.",
        limit(tax),
        limit(100.0 - tax),
        limit(again)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{currency::Currency, plan::cashflow::divided},
        render::samples::percent,
    };

    #[test]
    fn an_income_each_month_and_each_quarter() {
        let told = |every, currency| {
            let wish = Wish {
                monthly: "1400".parse().unwrap(),
                currency,
                every,
                tax_reserve: percent(25.0),
                reinvested: percent(40.0),
            };
            cashflow(&wish, &divided(&wish).unwrap())
        };
        insta::assert_json_snapshot!(told(Every::Month, Currency::Usd));
        insta::assert_json_snapshot!(told(Every::Quarter, Currency::Jpy));
    }
}
