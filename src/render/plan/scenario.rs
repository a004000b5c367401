//! A ready-made plan, in words.

use super::{FROM_YOUR_FIGURES, Today, beside, judged, range, upper, weighed};
use crate::{
    domain::plan::{
        Earning, MONTHS,
        reference::Judgement,
        scenario::{Gap, Outcome, Part, Scenario},
    },
    render::{
        message::{Colour, Embed, Field, Message},
        numbers::{bare, percent, sum},
    },
};

/// The answer in full. `max_apy` is the percent above which offers are screened out.
pub fn scenario(
    scenario: &Scenario,
    outcome: &Outcome,
    max_apy: f64,
    today: &Today<'_>,
) -> Message {
    let money = |amount| sum(amount, scenario.currency);
    let mut fields = vec![
        Field::wide(
            format!(
                "The mix at its target of {}",
                range(scenario.preset.target())
            ),
            target(scenario, outcome),
        ),
        Field::wide(
            "The wish",
            format!(
                "{} a year ({} a month) ÷ {} = **{}** a year\n{}.",
                money(scenario.income),
                money(scenario.income / MONTHS),
                money(scenario.capital),
                percent(outcome.needs),
                judged(outcome.judgement, max_apy)
            ),
        ),
    ];
    fields.push(match outcome.gap {
        Some(gap) => Field::wide("What is short", short(scenario, outcome.high, gap)),
        None => Field::wide("What is short", "Nothing, as long as the target is paid."),
    });
    fields.push(Field::wide(
        "What the market pays today",
        market(scenario, outcome),
    ));
    let knows_market = outcome.parts.iter().any(|part| part.pays.is_some());
    let name = scenario.preset.label();
    Message::from(Embed {
        title: format!("{} from {}", upper(name), money(scenario.capital)),
        colour: colour(outcome),
        fields,
        footer: if knows_market {
            today.footer()
        } else {
            FROM_YOUR_FIGURES.to_owned()
        },
        ..Embed::default()
    })
}

fn colour(outcome: &Outcome) -> Colour {
    match (outcome.judgement, outcome.gap) {
        (Judgement::Lasts, None) => Colour::Green,
        (Judgement::Lasts, Some(_)) => Colour::Amber,
        (Judgement::OutsideOfWhatLasts | Judgement::ScreenedOut, _) => Colour::Red,
    }
}

fn target(scenario: &Scenario, outcome: &Outcome) -> String {
    let money = |amount| sum(amount, scenario.currency);
    let brings = |at: Earning| {
        format!(
            "{} × {} = {} a year, **{}** a month",
            money(scenario.capital),
            percent(at.rate),
            money(at.income.year()),
            money(at.income.month())
        )
    };
    if outcome.low == outcome.high {
        brings(outcome.high)
    } else {
        format!("{}\n{}", brings(outcome.low), brings(outcome.high))
    }
}

fn short(scenario: &Scenario, high: Earning, gap: Gap) -> String {
    let money = |amount| sum(amount, scenario.currency);
    let rate = percent(high.rate);
    format!(
        "At {rate}: {} − {} = **{} a month** ({} a year)\n\
         The capital that brings it: {} ÷ {rate} = {}\n\
         With everything reinvested at {rate} it is that much in **{} years**: ln({} ÷ {}) ÷ ln({})",
        money(scenario.income / MONTHS),
        money(high.income.month()),
        money(gap.yearly / MONTHS),
        money(gap.yearly),
        money(scenario.income),
        money(gap.capital),
        bare((gap.years * 100.0).round() / 100.0),
        money(gap.capital),
        money(scenario.capital),
        bare(1.0 + high.rate.as_fraction())
    )
}

fn market(scenario: &Scenario, outcome: &Outcome) -> String {
    let part = |part: &Part| {
        let pays = part.pays.map_or_else(|| "not known".to_owned(), percent);
        format!(
            "{} % {} ({}): {pays}",
            part.percent,
            part.holding.label(),
            sum(part.amount, scenario.currency)
        )
    };
    let mut lines: Vec<String> = outcome.parts.iter().map(part).collect();
    lines.push(outcome.today.map_or_else(
        || "Together: not known, since one of its parts is not.".to_owned(),
        |at| {
            let target = scenario.preset.target();
            let parts = outcome.parts.iter();
            let parts = parts.filter_map(|part| Some((f64::from(part.percent), part.pays?)));
            format!(
                "{}\nTogether **{}**, {} the target of {}: {} a month",
                weighed(parts, at.rate),
                percent(at.rate),
                beside(target.place(at.rate)),
                range(target),
                sum(at.income.month(), scenario.currency)
            )
        },
    ));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::plan::scenario::{Holding, Preset},
        render::samples,
    };

    #[test]
    fn each_preset_prints_its_arithmetic() {
        for preset in Preset::ALL {
            let of = Scenario::from(preset);
            let pays = |holding| {
                let rate = match holding {
                    Holding::Of(_) => 4.0,
                    Holding::In(_) => 6.1,
                    Holding::Growth => 3.3,
                };
                (preset != Preset::EarlyRetirement).then(|| samples::percent(rate))
            };
            let outcome = of.outcome(pays, 100.0).unwrap();
            let name = preset.slug();
            insta::assert_json_snapshot!(name, scenario(&of, &outcome, 100.0, &samples::today()));
        }
    }
}
