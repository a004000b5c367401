//! The goals that somebody keeps, in words.

use crate::{
    domain::plan::{Goal, KeptGoal},
    render::{
        message::{Colour, Embed, Message},
        numbers::{limit, moment, share, sum},
    },
};

/// `€36,000.00 a year after 25 % tax`.
pub fn words(goal: &Goal) -> String {
    let tax = goal.tax.filter(|tax| tax.get() > 0.0);
    let after = tax.map(|tax| format!(" after {} tax", limit(tax.get())));
    let income = sum(goal.income_yearly, goal.currency);
    format!("{income} a year{}", after.unwrap_or_default())
}

/// A goal was kept.
pub fn kept(goal: &Goal) -> Message {
    Message::text(format!(
        "Kept as your goal: {}. `/portfolio view` measures your income by it; `/plan list` shows your \
         goals, `/plan delete` forgets one.",
        words(goal)
    ))
}

/// A goal was forgotten.
pub fn removed(goal: &Goal) -> Message {
    Message::text(format!("Forgotten: {}.", words(goal)))
}

/// All of them, the one that counts first.
pub fn list(goals: &[KeptGoal]) -> Message {
    if goals.is_empty() {
        return Message::text(
            "You keep no goal. `/plan goal`, `capital`, `scenario`, `project` and `cashflow` offer to keep \
             theirs.",
        );
    }
    let lines = goals.iter().rev().map(|kept| {
        let capital = kept.goal.capital;
        let from = capital.map(|capital| format!(", from {}", sum(capital, kept.goal.currency)));
        format!(
            "- **{}** {}{} – kept {}",
            kept.id,
            words(&kept.goal),
            from.unwrap_or_default(),
            moment(kept.kept_at)
        )
    });
    Message::from(Embed {
        title: "Your goals".to_owned(),
        description: lines.collect::<Vec<_>>().join("\n"),
        colour: Colour::Blue,
        footer: "your income is measured by the one that was kept last".to_owned(),
        ..Embed::default()
    })
}

/// Cells of a bar.
const CELLS: usize = 10;

/// How much of a goal is reached, as a bar and in percent: `▰▰▰▰▱▱▱▱▱▱ 42 %`.
pub fn bar(reached: f64) -> String {
    let is_full = |cell: &usize| {
        // A cell is full once its middle is reached.
        let middle = u32::try_from(*cell).map_or(0.0, f64::from) - 0.5;
        reached * 10.0 >= middle
    };
    let full = (1..=CELLS).filter(is_full).count();
    let percent = if reached > 1.0 {
        format!("{:.0} %", reached * 100.0)
    } else {
        share(reached)
    };
    format!("{}{} {percent}", "▰".repeat(full), "▱".repeat(CELLS - full))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{currency::Currency, ids::GoalId},
        render::samples,
    };

    #[test]
    fn goals_are_told_and_measured() {
        let goal = Goal {
            income_yearly: 36_000.into(),
            currency: Currency::Eur,
            tax: Some(samples::percent(25.0)),
            capital: Some(600_000.into()),
        };
        let plain = Goal {
            tax: None,
            capital: None,
            ..goal
        };
        let numbered = |id, goal| KeptGoal {
            id: GoalId(id),
            goal,
            kept_at: samples::now(),
        };
        insta::assert_json_snapshot!([
            kept(&goal),
            removed(&plain),
            list(&[]),
            list(&[numbered(1, plain), numbered(2, goal)]),
        ]);
        assert_eq!(goal.reached_by(24_000.into()), Some(0.5));
        assert_eq!(plain.reached_by(36_000.into()), Some(1.0));
        for (reached, shown) in [
            (0.0, "▱▱▱▱▱▱▱▱▱▱ 0 %"),
            (0.42, "▰▰▰▰▱▱▱▱▱▱ 42 %"),
            (0.999, "▰▰▰▰▰▰▰▰▰▰ over 99 %"),
            (2.5, "▰▰▰▰▰▰▰▰▰▰ 250 %"),
        ] {
            assert_eq!(bar(reached), shown);
        }
    }
}
