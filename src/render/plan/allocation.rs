//! A capital over its sleeves, in words.

use super::{FROM_YOUR_FIGURES, Today, decimal_percent, range};
use crate::{
    domain::{
        currency::Currency,
        plan::{
            Earning,
            allocation::{Allocation, LEAST_TVL_USD, MOST_FARMING, Paid, Part},
        },
        rate::Spread,
        verdict::Verdict,
    },
    render::{
        DOT, count,
        message::{Colour, Embed, Field, Message},
        numbers::{dollars, limit, percent, rate_number, sum},
    },
};

/// An allocation as it was asked for.
#[derive(Debug, Clone, Copy)]
pub struct Told<'a> {
    pub allocation: &'a Allocation,
    pub capital: rust_decimal::Decimal,
    pub currency: Currency,
    /// The verdict that a pool has to have at least.
    pub least: Verdict,
}

/// The answer in full.
pub fn allocation(told: &Told<'_>, today: &Today<'_>) -> Message {
    let whole = told.allocation;
    let mut fields: Vec<Field> = whole.parts.iter().map(|part| sleeve(told, part)).collect();
    fields.push(Field::wide("Together", together(told)));
    let (rules, are_kept) = rules(whole);
    fields.push(Field::wide("Rules", rules));
    Message::from(Embed {
        title: format!(
            "{} over {}",
            sum(told.capital, told.currency),
            count(whole.parts.len(), "way of earning", "ways of earning")
        ),
        description: format!(
            "What pools of at least {} pay now whose verdict is {}: the median, between the end of the \
             lowest quarter and the beginning of the highest.",
            dollars(LEAST_TVL_USD),
            at_least(told.least)
        ),
        colour: if are_kept {
            Colour::Blue
        } else {
            Colour::Amber
        },
        fields,
        footer: match whole.pays {
            Some(_) => today.footer(),
            None => FROM_YOUR_FIGURES.to_owned(),
        },
        ..Embed::default()
    })
}

const fn at_least(least: Verdict) -> &'static str {
    match least {
        Verdict::Sustainable => "sustainable",
        Verdict::Mixed => "sustainable or mixed",
        Verdict::Unsustainable | Verdict::Unknown => "anything but unknown",
    }
}

fn sleeve(told: &Told<'_>, part: &Part) -> Field {
    let pays = part.pays.map_or_else(
        || "pays now: not known, since fewer than three pools are like that".to_owned(),
        |Spread {
             low,
             median,
             high,
             of,
         }| {
            format!(
                "pays now **{}** ({}–{}), median of {}",
                percent(median),
                rate_number(low),
                percent(high),
                count(of, "pool", "pools")
            )
        },
    );
    let reference = part.sleeve.reference().map_or_else(
        || "no reference range".to_owned(),
        |reference| format!("reference {}", range(reference)),
    );
    Field::wide(
        format!(
            "{} {}{DOT}{}",
            decimal_percent(part.share),
            part.sleeve.label(),
            sum(part.amount, told.currency)
        ),
        format!("{pays}{DOT}{reference}"),
    )
}

fn together(told: &Told<'_>) -> String {
    let Some(Paid {
        low,
        median,
        high,
        known,
    }) = told.allocation.pays
    else {
        return "Not known: no part has a rate.".to_owned();
    };
    let line = |name: &str, at: Earning| {
        format!(
            "{name} {}: {} a month{DOT}{} a year",
            percent(at.rate),
            sum(at.income.month(), told.currency),
            sum(at.income.year(), told.currency)
        )
    };
    let mut lines = vec![
        line("low", low),
        format!("**{}**", line("middle", median)),
        line("high", high),
    ];
    let factors = told.allocation.parts.iter().filter_map(|part| {
        let pays = part.pays?;
        Some(format!(
            "{} × {}",
            decimal_percent(part.share),
            percent(pays.median)
        ))
    });
    let factors: Vec<String> = factors.collect();
    let is_whole = known == rust_decimal::Decimal::ONE_HUNDRED;
    let over = if is_whole {
        String::new()
    } else {
        format!(", ÷ {}", decimal_percent(known))
    };
    lines.push(format!("The middle is {}{over}.", factors.join(" + ")));
    if !is_whole {
        lines.push(format!(
            "⚠ That is of the {} whose rates are known; the rest is reckoned to bring nothing.",
            decimal_percent(known)
        ));
    }
    lines.join("\n")
}

fn rules(whole: &Allocation) -> (String, bool) {
    let mut lines: Vec<String> = Vec::new();
    lines.push(whole.too_much_farming().map_or_else(
        || format!("✅ farming is at most {}", limit(MOST_FARMING)),
        |share| {
            format!(
                "❌ farming is at most {}, and here it is {}",
                limit(MOST_FARMING),
                decimal_percent(share)
            )
        },
    ));
    let untypical = whole.untypical();
    lines.extend(untypical.iter().map(|(sleeve, share)| {
        format!(
            "⚠ {} {} is outside of a typical {}",
            sleeve.label(),
            decimal_percent(*share),
            range(sleeve.typical())
        )
    }));
    if untypical.is_empty() {
        lines.push("✅ every share is one of a typical allocation".to_owned());
    }
    let are_kept = untypical.is_empty() && whole.too_much_farming().is_none();
    (lines.join("\n"), are_kept)
}

#[cfg(test)]
mod tests {
    use rust_decimal::Decimal;

    use super::*;
    use crate::{
        domain::plan::allocation::{Appetite, Shares, Sleeve},
        render::samples,
    };

    fn told(shares: Shares, pays: impl Fn(Sleeve) -> Option<Spread>) -> Message {
        let capital = Decimal::from(300_000);
        let whole = Allocation::of(capital, shares, pays).unwrap();
        let told = Told {
            allocation: &whole,
            capital,
            currency: Currency::Usd,
            least: Verdict::Sustainable,
        };
        allocation(&told, &samples::today())
    }

    fn spread(middle: f64) -> Option<Spread> {
        Spread::of([middle - 1.0, middle, middle + 2.0].map(samples::percent))
    }

    #[test]
    fn allocations_with_rates_known_in_part_and_in_none() {
        let all = told(Appetite::Balanced.into(), |sleeve| match sleeve {
            Sleeve::Staking => spread(3.5),
            Sleeve::Lending => spread(4.2),
            Sleeve::Liquidity => spread(9.0),
            Sleeve::Farming => None,
        });
        insta::assert_json_snapshot!(all);
        let shares = [0.0, 45.5, 30.0, 24.5].map(samples::percent);
        insta::assert_json_snapshot!(told(Shares::new(shares).unwrap(), |_| None));
    }
}
