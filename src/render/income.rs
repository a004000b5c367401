//! Income over a stretch of days, in words: received, expected and estimated, never mixed.

use rust_decimal::Decimal;

use super::{
    DOT, count, lines_within,
    message::{Button, ButtonStyle, Colour, Embed, Field, File, Message},
    numbers::{percent, sum, units},
    portfolio::{Rates, date, holding_named, small_print},
    text,
};
use crate::domain::{
    currency::Reckoning,
    flow::{Flow, Month, Parts, Unlogged},
    income::after_tax,
    money::Money,
    person::Chosen,
    position::Holding,
    time::Timestamp,
};

/// All that is told of an income.
#[derive(Debug, Clone)]
pub struct Shown<'a> {
    /// The stretch in words: "this year".
    pub window: &'a str,
    pub flow: &'a Flow<'a>,
    pub chosen: &'a Chosen,
    pub rates: Rates<'a>,
    pub reckoning: Reckoning,
    /// The custom id of the button that logs what can be logged, and how many pay-outs that are.
    pub log: Option<(String, usize)>,
    pub now: Timestamp,
}

/// Income with its picture, where there is one.
pub fn income(shown: &Shown<'_>, picture: Option<Vec<u8>>) -> Message {
    let flow = shown.flow;
    let mut fields = Vec::new();
    let months: Vec<String> = flow
        .months
        .iter()
        .filter(|(_, parts)| !parts.total().is_zero())
        .map(|(month, parts)| format!("- {}: {}", month_words(*month), parts_words(parts, shown)))
        .collect();
    if months.len() > 1 {
        fields.push(Field::wide("By month", lines_within(&months, 1_000)));
    }
    let methods = flow
        .methods
        .iter()
        .map(|(method, parts)| format!("- {}: {}", method.label(), parts_words(parts, shown)));
    let methods: Vec<String> = methods.collect();
    if methods.len() > 1 {
        fields.push(Field::wide("By method", lines_within(&methods, 1_000)));
    }
    if !flow.unlogged.is_empty() {
        let lines: Vec<String> = flow
            .unlogged
            .iter()
            .map(|one| unlogged(one, shown))
            .collect();
        fields.push(Field::wide(
            "Expected and not logged",
            lines_within(&lines, 1_000),
        ));
    }
    let left_out = left_out(flow);
    if !left_out.is_empty() {
        fields.push(Field::wide("Not in it", left_out.join("\n")));
    }
    let mut message = Message::from(Embed {
        title: format!("Your income {}", shown.window),
        description: three(shown),
        colour: Colour::Blue,
        fields,
        footer: small_print(&shown.rates, &shown.reckoning, shown.now),
        ..Embed::default()
    });
    message.files.extend(picture.map(|bytes| File {
        name: "income.png".to_owned(),
        bytes,
        description: format!(
            "Chart of your income {} by month and by method",
            shown.window
        ),
    }));
    match &shown.log {
        Some((id, number)) => {
            let words = format!(
                "Log {}",
                count(*number, "of these pay-outs", "of these pay-outs")
            );
            message.with_buttons([Button::press(words, ButtonStyle::Primary, id.clone())])
        }
        None => message,
    }
}

fn money(usd: Decimal, shown: &Shown<'_>) -> String {
    sum(shown.reckoning.of(usd), shown.reckoning.currency)
}

/// Sums are reckoned in dollars.
const fn exchanged(shown: &Shown<'_>) -> &'static str {
    match shown.reckoning.at {
        Some(_) => " in dollars, at today's exchange",
        None => "",
    }
}

fn three(shown: &Shown<'_>) -> String {
    let parts = &shown.flow.parts;
    let mut lines = vec![
        format!(
            "**Received {}** – what you logged, at its value then{}",
            money(parts.received, shown),
            exchanged(shown)
        ),
        format!(
            "**Expected {}** – by how often positions pay out, at today's rates",
            money(parts.expected, shown)
        ),
        format!(
            "**Estimated {}** – comes together at today's rates, without a day on which it is paid",
            money(parts.estimated, shown)
        ),
        format!("Together {}", money(parts.total(), shown)),
    ];
    lines.extend(shown.chosen.tax.map(|tax| {
        let kept = money(after_tax(parts.total(), tax), shown);
        format!("After {} laid aside for tax: {kept}", percent(tax))
    }));
    lines.join("\n")
}

/// Those of the three that there are: `€59.00 received · €10.00 estimated`.
fn parts_words(parts: &Parts, shown: &Shown<'_>) -> String {
    let words: Vec<String> = [
        (parts.received, "received"),
        (parts.expected, "expected"),
        (parts.estimated, "estimated"),
    ]
    .into_iter()
    .filter(|(usd, _)| !usd.is_zero())
    .map(|(usd, what)| format!("{} {what}", money(usd, shown)))
    .collect();
    words.join(DOT)
}

/// `Mar 2026`.
pub(super) fn month_words(month: Month) -> String {
    let date = chrono::NaiveDate::from_ymd_opt(month.year, month.month, 1);
    date.map_or_else(String::new, |date| date.format("%b %Y").to_string())
}

/// `- 2 March 2026 · 0.01 ETH = €25.00 from 2 ETH`.
fn unlogged(one: &Unlogged<'_>, shown: &Shown<'_>) -> String {
    let stake = &one.line.position.stake;
    let (told, is_own_currency) = match &stake.holding {
        Holding::Units { asset, .. } => {
            let asset = text::name(asset);
            let told = one.amount.map(|paid| format!("{} {asset}", units(paid)));
            (told, false)
        }
        Holding::Worth(Money { currency, .. }) => (
            one.amount.map(|paid| sum(paid, *currency)),
            *currency == shown.reckoning.currency,
        ),
    };
    let worth = one.usd.map(|usd| money(usd, shown));
    let worth = worth.filter(|_| told.is_none() || !is_own_currency);
    let amount: Vec<String> = [told, worth].into_iter().flatten().collect();
    let amount = if amount.is_empty() {
        "an amount that is not known".to_owned()
    } else {
        amount.join(" = ")
    };
    format!(
        "- {}{DOT}{amount} from {}",
        date(one.day),
        holding_named(stake)
    )
}

fn left_out(flow: &Flow<'_>) -> Vec<String> {
    let mut lines = Vec::new();
    if flow.unpriced > 0 {
        lines.push(format!(
            "- {} without a price or an exchange rate; `/ledger list` shows them",
            count(flow.unpriced, "logged income", "logged incomes")
        ));
    }
    if flow.left_out > 0 {
        lines.push(format!(
            "- {} without a price or a usable rate; `/portfolio view` names them",
            count(flow.left_out, "position", "positions")
        ));
    }
    lines
}
