//! A person's ledger in words. All of it is for that person alone, and none of it is tax advice.

use std::collections::BTreeMap;

use chrono::Month;
use rust_decimal::Decimal;

use super::{
    DOT, count, lines_within,
    message::{Button, ButtonStyle, Colour, Embed, Field, Message},
    numbers::{day, grouped, limit, moment, sum, units},
    text,
};
use crate::domain::{
    currency::{COINGECKO, Currency},
    ids::PositionId,
    ledger::{
        Entry, Kind, Logged, Source, Worth,
        export::Format,
        import::Import,
        summary::{Asked, Basis, By, Key, Summary, Tally},
    },
    zone::Zone,
};

/// What is said of every file and every sum.
const NO_ADVICE: &str = "not tax advice";

/// What an entry is worth in its owner's currency, where it is told in another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exchanged {
    pub worth: Worth,
    /// Who says what the currency was on that day.
    pub by: &'static str,
}

/// An entry was kept.
///
/// `pays_too` is a position of its owner's that may have paid it and that it is not tied to, so that it is counted
/// beside what that position is expected to pay.
pub fn logged(
    logged: &Logged,
    exchanged: Option<Exchanged>,
    pays_too: Option<PositionId>,
) -> Message {
    let mut message = told("Logged", logged, exchanged);
    if let Some(position) = pays_too {
        let hint = format!(
            "\n-# It is tied to no position: if position {position} paid it, say so with `/ledger edit entry:{} \
             position:{position}`, else it counts on top of what that one is expected to pay.",
            logged.id
        );
        message.content.push_str(&hint);
    }
    message
}

/// An entry was changed.
pub fn changed(logged: &Logged, exchanged: Option<Exchanged>) -> Message {
    told("Changed. It is now", logged, exchanged)
}

fn told(what: &str, logged: &Logged, exchanged: Option<Exchanged>) -> Message {
    let entry = &logged.entry;
    let worth = entry.worth().map(|worth| {
        let own = exchanged.map(|own| format!(" ({})", money(own.worth)));
        format!(" = **{}**{}", money(worth), own.unwrap_or_default())
    });
    let worth = worth.unwrap_or_default();
    let mut parts = vec![
        format!("{what} **{}**{worth}", quantity(entry)),
        entry.kind.label().to_owned(),
        format!("received {}", moment(entry.at)),
    ];
    parts.extend(beside(entry));
    let mut lines = vec![format!("{}.", parts.join(DOT))];
    if worth.is_empty() {
        lines.push(format!(
            "It has no value yet: no price of that moment is known. Give one with `/ledger edit entry:{} \
             unit_value:…`, or ask for the price again there.",
            logged.id
        ));
    }
    let by = entry.unit_value.as_ref().map(|unit| match &unit.source {
        Source::Stated => "value as you stated it".to_owned(),
        Source::Priced { by, at } => {
            format!("price by {} of {}", text::name(by), moment(*at))
        }
    });
    let exchange = exchanged.map(|own| format!("exchange of the day by {}", own.by));
    let number = format!("entry {}", logged.id);
    let print = [Some(number), by, exchange, Some(NO_ADVICE.to_owned())];
    let print: Vec<String> = print.into_iter().flatten().collect();
    lines.push(format!("-# {}", print.join(DOT)));
    Message::text(lines.join("\n"))
}

/// An entry was taken out.
pub fn removed(logged: &Logged) -> Message {
    Message::text(format!(
        "Removed entry {}: {}.",
        logged.id,
        described(&logged.entry)
    ))
}

/// Nothing is logged yet.
pub fn empty() -> Message {
    Message::text(
        "Your ledger is empty. `/ledger log` takes the first entry, `/ledger import` those of a file.",
    )
}

/// What a list is narrowed to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Narrowed {
    pub year: Option<i32>,
    pub kind: Option<Kind>,
    pub asset: Option<String>,
}

impl Narrowed {
    /// ` of 2026 · staking · ETH`.
    fn words(&self) -> String {
        let year = self.year.map(|year| year.to_string());
        let kind = self.kind.map(|kind| kind.label().to_owned());
        let asset = self.asset.as_deref().map(text::name);
        let words: Vec<String> = [year, kind, asset].into_iter().flatten().collect();
        if words.is_empty() {
            String::new()
        } else {
            format!(" of {}", words.join(DOT))
        }
    }
}

/// Entries of a list that are shown at once, where they are not too long for that.
pub const SHOWN: usize = 20;
/// Characters of a list.
const ROOM: usize = 3_800;

/// A page of entries. `found` are all that fit, the newest first, of which so many stand before the page;
/// `turn` says what the button to such a page is.
pub fn list(
    found: &[&Logged],
    narrowed: &Narrowed,
    before: usize,
    turn: impl Fn(usize) -> String,
) -> Message {
    if found.is_empty() {
        return Message::text(format!(
            "There are no entries{}. `/ledger list` without options shows all of them.",
            narrowed.words()
        ));
    }
    let (newer, rest) = match found.split_at_checked(before) {
        Some((newer, rest)) if !rest.is_empty() => (newer, rest),
        // Entries may have gone since the button was made: the last page is the one that is left.
        _ => found.split_at(found.len() - that_fit(found.iter().rev()).len()),
    };
    let lines = that_fit(rest.iter());
    let older = rest.len() - lines.len();
    let is_whole = newer.is_empty() && older == 0;
    let last = newer.len() + lines.len();
    let mut of = vec!["the newest first".to_owned()];
    if !is_whole {
        let which = format!("{}–{} of {}", newer.len() + 1, last, found.len());
        of.insert(0, which);
    }
    let message = Message::from(Embed {
        title: format!(
            "{}{}",
            count(found.len(), "entry", "entries"),
            narrowed.words()
        ),
        description: lines.join("\n"),
        colour: Colour::Blue,
        fields: not_shown(newer.len(), older).into_iter().collect(),
        footer: format!("{}{DOT}values as of receipt{DOT}{NO_ADVICE}", of.join(", ")),
        ..Embed::default()
    });
    if is_whole {
        return message;
    }
    // Both are always there, so that neither moves away under somebody's finger.
    let to = |label: &str, before: usize, is_there: bool| Button {
        disabled: !is_there,
        ..Button::press(label, ButtonStyle::Secondary, turn(before))
    };
    let page_before = newer.len() - that_fit(newer.iter().rev()).len();
    message.with_buttons([
        to("Newer", page_before, !newer.is_empty()),
        to("Older", last, older > 0),
    ])
}

/// As many of the entries as a page has room for, one a line; at least one of those that there are.
fn that_fit<'a>(entries: impl Iterator<Item = &'a &'a Logged>) -> Vec<String> {
    let mut used = 0;
    entries
        .take(SHOWN)
        .map(|logged| line(logged))
        .take_while(|line| {
            used += line.chars().count() + 1;
            used <= ROOM
        })
        .collect()
}

fn not_shown(newer: usize, older: usize) -> Option<Field> {
    let newer = (newer > 0).then(|| count(newer, "newer entry", "newer entries"));
    let older = (older > 0).then(|| count(older, "older entry", "older entries"));
    let both: Vec<String> = newer.into_iter().chain(older).collect();
    (!both.is_empty()).then(|| {
        Field::wide(
            "Not shown",
            format!(
                "{}. Narrow the list with `year`, `kind` or `asset`, or take them all along with \
                 `/ledger export`.",
                both.join(" and ")
            ),
        )
    })
}

/// `**12** · 0.0042 ETH = $11.34 · staking · 1 March 2026`.
fn line(logged: &Logged) -> String {
    format!("**{}**{DOT}{}", logged.id, described(&logged.entry))
}

/// An entry on one line where markdown is not read: `12: 0.0042 ETH · $11.34 · staking · 2026-03-01`. The day
/// is that of its owner's zone.
pub fn plain_line(logged: &Logged, zone: Zone) -> String {
    let entry = &logged.entry;
    let asset = text::plain_name(&entry.asset);
    let mut parts = vec![format!(
        "{}: {} {asset}",
        logged.id,
        units(entry.quantity.get())
    )];
    parts.extend(entry.worth().map(money));
    parts.push(entry.kind.label().to_owned());
    parts.push(zone.day(entry.at).to_string());
    parts.extend(
        entry
            .note
            .as_deref()
            .map(|note| text::clean(note, text::NAME)),
    );
    parts.join(DOT)
}

/// An entry on one line.
fn described(entry: &Entry) -> String {
    let mut parts = vec![
        format!("{}{}", quantity(entry), worth_words(entry)),
        entry.kind.label().to_owned(),
        day(entry.at),
    ];
    parts.extend(beside(entry));
    parts.join(DOT)
}

fn worth_words(entry: &Entry) -> String {
    let stated = entry
        .unit_value
        .as_ref()
        .is_some_and(|unit| unit.source == Source::Stated);
    let aside = if stated { " as stated" } else { "" };
    entry.worth().map_or_else(
        || " – value not known".to_owned(),
        |worth| format!(" = {}{aside}", money(worth)),
    )
}

/// What else was told of an entry.
fn beside(entry: &Entry) -> impl Iterator<Item = String> {
    let fee = entry
        .fee
        .map(|fee| format!("fee {}", sum(fee.amount.get(), fee.currency)));
    let withdrawn = entry
        .withdrawn_at
        .map(|at| format!("withdrawn {}", day(at)));
    let position = entry.position.map(|id| format!("of position {id}"));
    let note = entry.note.as_deref().map(|note| text::escape_to(note, 80));
    let note = note
        .filter(|note| !note.is_empty())
        .map(|note| format!("*{note}*"));
    [position, fee, withdrawn, note].into_iter().flatten()
}

fn quantity(entry: &Entry) -> String {
    format!(
        "{} {}",
        units(entry.quantity.get()),
        text::name(&entry.asset)
    )
}

fn money(worth: Worth) -> String {
    sum(worth.amount, worth.currency)
}

/// Lines of a summary that are shown, of what they name more of.
const NAMED: usize = 10;

/// What came in.
pub fn summary(summary: &Summary<'_>) -> Message {
    let asked = &summary.asked;
    if summary.parts.is_empty() && summary.not_withdrawn == 0 {
        return Message::text(format!(
            "Nothing is logged{}. `/ledger log` takes what came in.",
            asked
                .year
                .map(|year| format!(" of {year}"))
                .unwrap_or_default()
        ));
    }
    let parts: Vec<String> = summary
        .parts
        .iter()
        .map(|part| part_line(&part.key, &part.tally, asked))
        .collect();
    let whole = &summary.whole;
    let mut fields = vec![Field::narrow("Total", known(whole, asked.currency))];
    if let (Some(reserve), Some(tax)) = (summary.reserve(), asked.tax) {
        fields.push(Field::narrow(
            "To lay aside for tax",
            format!(
                "{} – {} of {}",
                sum(reserve, asked.currency),
                limit(tax.get()),
                sum(whole.value, asked.currency)
            ),
        ));
    }
    if whole.fees > Decimal::ZERO || !whole.fees_apart.is_empty() {
        fields.push(Field::narrow(
            "Fees, not taken off",
            sums(whole.fees, asked.currency, &whole.fees_apart),
        ));
    }
    fields.extend(apart(whole, asked.currency));
    fields.extend(without_value(summary));
    if summary.not_withdrawn > 0 {
        fields.push(Field::wide(
            "Not withdrawn, so not counted",
            format!(
                "{}. `/ledger edit` takes when they were `withdrawn`.",
                count(summary.not_withdrawn, "entry", "entries")
            ),
        ));
    }
    let is_whole = whole.without_value == 0 && whole.values_apart.is_empty();
    Message::from(Embed {
        title: title(asked),
        description: lines_within(&parts, 3_000),
        colour: if is_whole {
            Colour::Blue
        } else {
            Colour::Amber
        },
        fields,
        footer: footer(summary),
        ..Embed::default()
    })
}

fn title(asked: &Asked) -> String {
    let of = asked.year.map_or_else(
        || "All income".to_owned(),
        |year| format!("Income of {year}"),
    );
    let by = match asked.by {
        By::Year => "year",
        By::Month => "month",
        By::Kind => "kind",
        By::Asset => "asset",
    };
    let basis = match asked.basis {
        Basis::Receipt => "received",
        Basis::Withdrawal => "withdrawn",
    };
    format!("{of} by {by}, when {basis}")
}

fn part_line(key: &Key, tally: &Tally, asked: &Asked) -> String {
    let name = match key {
        Key::Year(year) => year.to_string(),
        Key::Month(year, month) => {
            let month = u8::try_from(*month)
                .ok()
                .and_then(|it| Month::try_from(it).ok());
            format!("{} {year}", month.map_or("", |month| month.name()))
        }
        Key::Kind(kind) => kind.label().to_owned(),
        Key::Asset(asset) => text::name(asset),
    };
    let quantities: Vec<String> = tally
        .quantities
        .iter()
        .take(4)
        .map(|(asset, quantity)| format!("{} {}", units(*quantity), text::name(asset)))
        .collect();
    let more = tally.quantities.len() - quantities.len();
    let more = if more > 0 {
        format!(", +{more} more")
    } else {
        String::new()
    };
    format!(
        "**{name}** – {}{DOT}{}{DOT}{}{more}",
        known(tally, asked.currency),
        count(tally.entries, "entry", "entries"),
        quantities.join(", ")
    )
}

/// What is known of a sum, and that it is not all where it is not.
fn known(tally: &Tally, currency: Currency) -> String {
    if tally.entries == tally.without_value {
        return "not known".to_owned();
    }
    let words = sums(tally.value, currency, &tally.values_apart);
    match tally.without_value {
        0 => words,
        some => format!("{words} + {} without a value", grouped(some)),
    }
}

/// Sums beside each other, each in its own currency: `$41.34 and €20.00`.
fn sums(known: Decimal, currency: Currency, apart: &BTreeMap<Currency, Decimal>) -> String {
    let own = (!known.is_zero()).then(|| sum(known, currency));
    let others = apart
        .iter()
        .map(|(currency, amount)| sum(*amount, *currency));
    let all: Vec<String> = own.into_iter().chain(others).collect();
    if all.is_empty() {
        return sum(Decimal::ZERO, currency);
    }
    all.join(" and ")
}

fn apart(whole: &Tally, currency: Currency) -> Option<Field> {
    if whole.values_apart.is_empty() && whole.fees_apart.is_empty() {
        return None;
    }
    Some(Field::wide(
        format!("Not brought to {}", currency.code()),
        "The exchange rate of some days is not known. Days of the last year are asked for little by little, \
         so ask again in a minute; those before are told by no source here. These sums stand beside the \
         total and are in no share of it.",
    ))
}

fn without_value(summary: &Summary<'_>) -> Option<Field> {
    let entries = &summary.without_value;
    let first = entries.first()?;
    let named: Vec<String> = entries
        .iter()
        .take(NAMED)
        .map(|logged| {
            format!(
                "**{}** {} {}",
                logged.id,
                quantity(&logged.entry),
                day(logged.entry.at)
            )
        })
        .collect();
    let more = entries.len() - named.len();
    let more = if more > 0 {
        format!(", +{} more", grouped(more))
    } else {
        String::new()
    };
    Some(Field::wide(
        format!(
            "Without a value: {}",
            count(entries.len(), "entry", "entries")
        ),
        format!(
            "{}{more}. Give one with `/ledger edit entry:{} unit_value:…`.",
            named.join(", "),
            first.id
        ),
    ))
}

fn footer(summary: &Summary<'_>) -> String {
    let mut parts = vec!["values as of receipt".to_owned()];
    let sources: Vec<String> = summary
        .priced_by
        .iter()
        .map(|by| text::plain_name(by))
        .collect();
    if !sources.is_empty() {
        parts.push(format!("prices of their moments by {}", sources.join(", ")));
    }
    if summary.stated > 0 {
        parts.push(format!("{} as you stated", grouped(summary.stated)));
    }
    if summary.exchanged > 0 {
        parts.push(format!(
            "{} brought to {} by the exchange of their days by {COINGECKO}",
            grouped(summary.exchanged),
            summary.asked.currency.code()
        ));
    }
    parts.push(format!("calendar of {}", summary.asked.zone.name()));
    parts.push(NO_ADVICE.to_owned());
    parts.join(DOT)
}

/// The entries are in the file that comes with this.
pub fn exported(entries: usize, format: Format) -> String {
    if entries == 0 && format == Format::Csv {
        return "Your ledger is empty. This file has the columns that `/ledger import` takes; `kind`, `asset`, \
                `quantity` and one of `received_at` and `date` are needed, the others may be left out."
            .to_owned();
    }
    let is = match format {
        Format::Csv => "The README names its columns, and `/ledger import` takes such a file.",
        Format::Json => {
            "It has the fields of the table, with figures as texts so that none is rounded."
        }
        Format::Koinly => {
            "It is Koinly's universal template, with times in UTC; Koinly looks for prices itself where there \
             are none."
        }
    };
    format!(
        "Here {}. {is}\n-# {NO_ADVICE}",
        if entries == 1 {
            "is 1 entry".to_owned()
        } else {
            format!("are {} entries", grouped(entries))
        }
    )
}

/// There is nothing to export.
pub fn nothing_of(year: i32) -> Message {
    Message::text(format!(
        "Nothing of {year} is in your ledger. `/ledger summary by:year` shows the years that are."
    ))
}

/// What a file holds, before any of it is kept. `buttons` are the custom ids of keeping and leaving it.
pub fn preview(import: &Import, buttons: Option<[String; 2]>) -> Message {
    let read: Vec<String> = import
        .entries
        .iter()
        .take(SHOWN)
        .map(|entry| format!("- {}", described(entry)))
        .collect();
    let more = import.entries.len().saturating_sub(SHOWN);
    let more = if more > 0 {
        format!("\n+{} more", grouped(more))
    } else {
        String::new()
    };
    let is_clean = import.bad.is_empty() && import.repeated.is_empty();
    let message = Message::from(Embed {
        title: format!(
            "{} in the file",
            count(import.entries.len(), "new entry", "new entries")
        ),
        description: format!("{}{more}", lines_within(&read, 2_400)),
        colour: if is_clean {
            Colour::Blue
        } else {
            Colour::Amber
        },
        fields: preview_fields(import),
        footer: "Nothing is kept yet".to_owned(),
        ..Embed::default()
    });
    let Some([keep, leave]) = buttons else {
        return message;
    };
    let these = if import.bad.is_empty() {
        "Keep them"
    } else {
        "Keep those that are readable"
    };
    message.with_buttons([
        Button::press(these, ButtonStyle::Primary, keep),
        Button::press("Leave it", ButtonStyle::Secondary, leave),
    ])
}

fn preview_fields(import: &Import) -> Vec<Field> {
    let mut fields = Vec::new();
    if !import.bad.is_empty() {
        let bad: Vec<String> = import
            .bad
            .iter()
            .map(|bad| {
                let why = bad.why.to_string().replace('`', "'");
                format!(
                    "- line {}: {}",
                    bad.line,
                    text::escape_to(&why, text::SENTENCE)
                )
            })
            .collect();
        fields.push(Field::wide(
            format!("Not readable: {}", count(bad.len(), "line", "lines")),
            lines_within(&bad, 1_000),
        ));
    }
    if !import.known.is_empty() {
        fields.push(Field::wide(
            "In your ledger already, so left out",
            format!(
                "{} – the same moment, kind, asset and quantity.",
                lines_named(&import.known)
            ),
        ));
    }
    if !import.repeated.is_empty() {
        fields.push(Field::wide(
            "Told twice in the file, and taken twice",
            format!(
                "{}. Take them out of the file if it was one payment.",
                lines_named(&import.repeated)
            ),
        ));
    }
    let without = import
        .entries
        .iter()
        .filter(|entry| entry.unit_value.is_none());
    let without = without.count();
    if without > 0 {
        fields.push(Field::wide(
            "Without a value",
            format!(
                "{}. Prices that are not known yet are asked for little by little: give the file again in a \
                 minute before you keep them, or give each one later with `/ledger edit`.",
                count(without, "entry", "entries")
            ),
        ));
    }
    fields
}

/// `lines 2, 3, 5`, and how many more.
fn lines_named(lines: &[u64]) -> String {
    const MOST: usize = 30;
    let named: Vec<String> = lines.iter().take(MOST).map(u64::to_string).collect();
    let more = lines.len() - named.len();
    let more = if more > 0 {
        format!(" and {} more", grouped(more))
    } else {
        String::new()
    };
    let word = if lines.len() == 1 { "line" } else { "lines" };
    format!("{word} {}{more}", named.join(", "))
}

/// What became of pay-outs that were expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Payouts {
    pub logged: usize,
    /// How many of these are told as money.
    pub in_money: usize,
    pub left: usize,
}

/// So many pay-outs that were expected were logged, and so many were not.
pub fn payouts(of: &Payouts) -> Message {
    let mut words = vec![match of.logged {
        0 => "None of them was logged.".to_owned(),
        logged => format!(
            "Logged {}, as they were expected and not as anybody measured them: `/ledger edit` sets one right.",
            count(logged, "pay-out", "pay-outs")
        ),
    }];
    if of.in_money > 0 {
        words.push(format!(
            "{} in money, as their position is told: where a token came in, `/ledger edit` takes its `asset` and \
             `quantity`, and asks for its price.",
            count(of.in_money, "is", "are")
        ));
    }
    if of.left > 0 {
        words.push(format!(
            "{} left: no source told what a unit was worth then, or it is logged already. Look at \
             `/portfolio income` again in a while, or state it with `/ledger log`.",
            count(of.left, "is", "are")
        ));
    }
    Message::text(words.join(" "))
}

/// So many entries of a file were kept.
pub fn imported(entries: usize) -> Message {
    Message::text(format!(
        "Kept {}. `/ledger summary` sums them up.",
        count(entries, "entry", "entries")
    ))
}

#[cfg(test)]
mod tests;
