//! A person's positions in words. All of it is for that person alone.

use rust_decimal::Decimal;

use super::{
    DOT, count, lines_within,
    message::{Button, ButtonStyle, Colour, Embed, Field, Message},
    name,
    numbers::{age, ago, day, percent, points, share, sum, units},
    page,
    plan::goals,
    pool, text, verdict,
};
use crate::domain::{
    currency::{COINGECKO, Reckoning},
    income::{Changes, Income, Line, Moved, Portfolio, Share},
    listing::Listing,
    person::Chosen,
    plan::Goal,
    position::{Earns, Holding, Position, Stake},
    rate::Percent,
    reading::DataState,
    time::{Day, Timestamp},
};

/// A position's figures with the pools that they belong to.
#[derive(Debug, Clone)]
pub struct NamedLine<'a> {
    pub line: &'a Line,
    /// One for each layer: `None` for one that is no pool, or whose pool the source does not list any
    /// more.
    pub layers: Vec<Option<&'a Listing>>,
}

/// Where the rates come from.
#[derive(Debug, Clone, Copy)]
pub struct Rates<'a> {
    pub source: &'a str,
    pub fetched_at: Timestamp,
    /// The source has been silent since for too long to call them today's.
    pub are_old: bool,
}

/// All that a portfolio shows.
#[derive(Debug, Clone)]
pub struct Shown<'a> {
    pub portfolio: &'a Portfolio,
    /// The portfolio's lines in order, with their pools.
    pub lines: &'a [NamedLine<'a>],
    pub rates: Rates<'a>,
    pub reckoning: Reckoning,
    pub chosen: &'a Chosen,
    /// The goal that its owner kept last, and how much of it the income reaches, 1 being all.
    pub goal: Option<(Goal, Option<f64>)>,
    /// What is otherwise than when its owner last looked; `None` at the first look.
    pub changes: Option<Changes<'a>>,
    /// The position with which its list begins, from 0.
    pub from: usize,
    pub now: Timestamp,
}

/// Dollars in what somebody reckons in.
fn money(usd: Decimal, reckoning: &Reckoning) -> String {
    sum(reckoning.of(usd), reckoning.currency)
}

/// A yearly income by day, month and year.
fn income(income: Income, reckoning: &Reckoning) -> String {
    [
        (income.day(), "a day"),
        (income.month(), "a month"),
        (income.year(), "a year"),
    ]
    .map(|(usd, each)| format!("{} {each}", money(usd, reckoning)))
    .join(DOT)
}

/// A position was added.
pub fn added(
    named: &NamedLine<'_>,
    rates: &Rates<'_>,
    reckoning: &Reckoning,
    now: Timestamp,
) -> Message {
    told("Added", named, rates, reckoning, now)
}

/// A position was changed.
pub fn changed(
    named: &NamedLine<'_>,
    rates: &Rates<'_>,
    reckoning: &Reckoning,
    now: Timestamp,
) -> Message {
    told("Changed; it is now", named, rates, reckoning, now)
}

fn told(
    done: &str,
    named: &NamedLine<'_>,
    rates: &Rates<'_>,
    reckoning: &Reckoning,
    now: Timestamp,
) -> Message {
    let line = named.line;
    let mut words = vec![format!(
        "{done} {} in {}{}.",
        holding(&line.position.stake),
        places(named),
        rate_words(named, rates)
    )];
    let beside = beside(named, reckoning);
    if !beside.is_empty() {
        words.push(sentence(&beside.join(DOT)));
    }
    words.push(match (line.income_usd, line.income_units) {
        (Some(earned), _) => format!("Projected: {}.", income(earned, reckoning)),
        (None, Some(earned)) => format!(
            "Projected: {}. {}",
            unit_income(&line.position, earned),
            left_out_sentence(line)
        ),
        (None, None) => left_out_sentence(line),
    });
    let price = price_words(line, reckoning, now).map(|words| format!("{words}{DOT}"));
    words.push(format!(
        "-# {}{}",
        price.unwrap_or_default(),
        small_print(rates, reckoning, now)
    ));
    Message::text(words.join("\n"))
}

fn sentence(words: &str) -> String {
    let mut letters = words.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    format!("{}{}.", first.collect::<String>(), letters.as_str())
}

/// The end of what is projected: at whose rates, in what exchange, how old.
pub(super) fn small_print(rates: &Rates<'_>, reckoning: &Reckoning, now: Timestamp) -> String {
    let of = if rates.are_old {
        format!("the rates of {} ago", age(now.since(rates.fetched_at)))
    } else {
        "today's rates".to_owned()
    };
    let footer = pool::footer(rates.source, rates.fetched_at, None, now);
    let exchange = exchange(reckoning, now).map(|words| format!("{DOT}{words}"));
    format!(
        "projected at {of}, not a promise{}{DOT}{footer}",
        exchange.unwrap_or_default()
    )
}

/// By whose word dollars became something else, or why they did not.
fn exchange(reckoning: &Reckoning, now: Timestamp) -> Option<String> {
    if let Some(wanted) = reckoning.in_place_of {
        return Some(format!(
            "in US dollars: no source tells the exchange of {} now",
            wanted.code()
        ));
    }
    let at = reckoning.at?;
    Some(format!(
        "$1 = {}, {COINGECKO}, {} old",
        units_of(reckoning),
        age(now.since(at))
    ))
}

/// `€0.92`: an exchange rate to the digits that tell something.
fn units_of(reckoning: &Reckoning) -> String {
    let rate = reckoning.per_usd.round_sf(5).unwrap_or(reckoning.per_usd);
    format!("{}{}", reckoning.currency.sign(), rate.normalize())
}

fn left_out_sentence(line: &Line) -> String {
    format!("Left out of your total income: {}.", left_out_because(line))
}

/// What is held, as its owner told it.
pub(super) fn holding(stake: &Stake) -> String {
    match &stake.holding {
        Holding::Units { asset, quantity } => {
            format!("{} {}", units(quantity.get()), text::name(asset))
        }
        Holding::Worth(money) => sum(money.amount.get(), money.currency),
    }
}

/// The same, with its pool where it is told in money: sums are alike, and this says which of them is meant. A place
/// that its owner named is always said.
pub(super) fn holding_named(stake: &Stake) -> String {
    let place = match (&stake.holding, stake.base()) {
        (Holding::Worth(_), Some(earns @ Earns::Pool { .. })) => {
            format!(" in {}", called(earns))
        }
        (_, Some(Earns::Stated { place, .. })) if !place.is_empty() => {
            format!(" in {}", text::escape_to(place, text::SENTENCE))
        }
        _ => String::new(),
    };
    format!("{}{place}", holding(stake))
}

/// Where it earns, from the lowest layer up.
fn places(named: &NamedLine<'_>) -> String {
    let layers = named.line.position.stake.layers.iter();
    let places: Vec<String> = layers
        .zip(named.layers.iter().copied().chain(std::iter::repeat(None)))
        .map(|(earns, listing)| place(earns, listing))
        .collect();
    places.join(" + ")
}

fn place(earns: &Earns, listing: Option<&Listing>) -> String {
    match (earns, listing) {
        (_, Some(listing)) if listing.state == DataState::Missing => {
            format!("{} (not listed any more)", name(&listing.pool))
        }
        (_, Some(listing)) => name(&listing.pool),
        (Earns::Pool { called, .. }, None) if called.is_empty() => {
            "a pool that is not listed any more".to_owned()
        }
        (Earns::Pool { called, .. }, None) => format!(
            "{} (not listed any more)",
            text::escape_to(called, text::SENTENCE)
        ),
        (
            Earns::Network {
                network,
                approach,
                commission,
            },
            None,
        ) => {
            let way = format!("{} staking on {}", approach.slug(), network.name());
            let kept = commission.map(|kept| format!(" at {} commission", percent(kept)));
            way + &kept.unwrap_or_default()
        }
        (Earns::Index { index }, None) => format!("stipend's own basket, {}", index.label()),
        (Earns::Stated { rate, place }, None) => {
            let place = text::escape_to(place, text::SENTENCE);
            match (place.is_empty(), rate.get() > 0.0) {
                (true, true) => format!("{} as you stated", percent(*rate)),
                (true, false) => "no place that pays".to_owned(),
                (false, true) => format!("{place} at {} as you stated", percent(*rate)),
                (false, false) => place,
            }
        }
    }
}

fn rate_words(named: &NamedLine<'_>, rates: &Rates<'_>) -> String {
    let when = if rates.are_old { "then" } else { "now" };
    let line = named.line;
    let has_market_rate = |earns: &Earns| !matches!(earns, Earns::Stated { .. });
    let layers = &line.position.stake.layers;
    let stated_alone = layers.len() == 1 && !layers.iter().any(has_market_rate);
    let rate = line.rate.filter(|_| !stated_alone);
    let together = if layers.len() > 1 { " together" } else { "" };
    let rate = rate.map(|rate| format!("{} {when}{together}", percent(rate)));
    let verdict = line.verdict.map(|it| verdict::label(it).to_owned());
    let parts: Vec<String> = [rate, verdict].into_iter().flatten().collect();
    if parts.is_empty() {
        String::new()
    } else {
        format!(" ({})", parts.join(", "))
    }
}

fn unit_income(position: &Position, earned: Income) -> String {
    let asset = position.stake.asset().map(text::name).unwrap_or_default();
    format!(
        "{} {asset} a month{DOT}{} {asset} a year",
        units(earned.month()),
        units(earned.year())
    )
}

/// Why a position has no income in money.
const fn left_out_because(line: &Line) -> &'static str {
    match (line.rate, line.value_usd) {
        (None, Some(_)) => "no usable rate is known for it at the moment",
        (Some(_), None) => "no source has a price for it",
        (None, None) => "it has neither a price nor a usable rate",
        (Some(_), Some(_)) => "the figures are too large to work with",
    }
}

/// All positions with what they earn.
pub fn view(shown: &Shown<'_>, turn: impl Fn(usize) -> String) -> Message {
    let (portfolio, reckoning) = (shown.portfolio, &shown.reckoning);
    let listed: Vec<String> = shown
        .lines
        .iter()
        .map(|named| position_line(named, shown))
        .collect();
    let known = |rate: Option<_>| rate.map_or_else(|| "not known".to_owned(), percent);
    let mut fields = vec![
        Field::narrow("Value", money(portfolio.value_usd, reckoning)),
        Field::narrow("Blended yield", known(portfolio.blended)),
    ];
    let lines = &portfolio.lines;
    if lines.iter().any(|line| line.position.stake.paid.is_some()) {
        fields.push(Field::narrow("Yield on cost", known(portfolio.on_cost)));
    }
    let left_out = portfolio.left_out().count();
    if left_out < lines.len() {
        fields.push(Field::wide(
            "Projected income",
            income_words(portfolio, reckoning, shown.chosen.tax),
        ));
        fields.extend(
            shown
                .goal
                .as_ref()
                .map(|(goal, reached)| Field::wide("Goal", goal_words(goal, *reached))),
        );
        fields.push(Field::wide("Who pays it", who_pays(portfolio)));
    }
    if portfolio.methods.len() > 1 {
        fields.push(Field::wide("By method", methods(portfolio, reckoning)));
    }
    if left_out > 0 {
        let without = shown
            .lines
            .iter()
            .filter(|named| named.line.income_usd.is_none());
        let names: Vec<String> = without.map(left_out_line).collect();
        fields.push(Field::wide(
            "Not in the income",
            lines_within(&names, 1_000),
        ));
    }
    let prices = prices(shown);
    if !prices.is_empty() {
        fields.push(Field::wide("Prices", lines_within(&prices, 1_000)));
    }
    fields.extend(
        shown
            .changes
            .as_ref()
            .map(|changes| Field::wide("Since you last looked", changes_words(changes, reckoning))),
    );
    let page = page(&listed, shown.from, 2_400);
    let mut shown_lines = page.lines.to_vec();
    let is_whole = page.before.is_none() && page.after.is_none();
    if !is_whole {
        let first = page.before.map_or(0, |_| shown.from);
        shown_lines.push(format!(
            "-# {}–{} of {}; the figures are of all",
            first + 1,
            first + page.lines.len(),
            listed.len()
        ));
    }
    let message = Message::from(Embed {
        title: format!("Your {}", count(lines.len(), "position", "positions")),
        description: shown_lines.join("\n"),
        colour: Colour::Blue,
        fields,
        footer: small_print(&shown.rates, &shown.reckoning, shown.now),
        ..Embed::default()
    });
    if is_whole {
        return message;
    }
    // Both are always there, so that neither moves away under somebody's finger.
    let to = |label: &str, from: Option<usize>| Button {
        disabled: from.is_none(),
        ..Button::press(
            label,
            ButtonStyle::Secondary,
            turn(from.unwrap_or(shown.from)),
        )
    };
    message.with_buttons([to("Before", page.before), to("More", page.after)])
}

fn income_words(portfolio: &Portfolio, reckoning: &Reckoning, tax: Option<Percent>) -> String {
    let mut lines = vec![income(portfolio.income, reckoning)];
    lines.extend(tax.map(|tax| {
        let after = portfolio.income.after(tax);
        format!(
            "after {} laid aside for tax: {}",
            percent(tax),
            income(after, reckoning)
        )
    }));
    lines.join("\n")
}

/// How far it is to the goal.
fn goal_words(goal: &Goal, reached: Option<f64>) -> String {
    let wanted = goals::words(goal);
    match reached {
        Some(reached) => format!("{} of {wanted}", goals::bar(reached)),
        None => format!(
            "{wanted}: no source tells the exchange of {} now",
            goal.currency
        ),
    }
}

/// A share, and of how much of the income it is one.
fn shared(part: Option<Share>, nobody: &str) -> String {
    let Some(part) = part else {
        return nobody.to_owned();
    };
    if part.known > 0.995 {
        share(part.share)
    } else {
        format!(
            "{} of the {} of it for which that is known",
            share(part.share),
            share(part.known)
        )
    }
}

fn who_pays(portfolio: &Portfolio) -> String {
    format!(
        "in reward tokens: {}\nfrom unsustainable positions: {}",
        shared(portfolio.in_rewards, "no source says"),
        shared(portfolio.unsustainable, "none of it is judged")
    )
}

/// Each price that the value rests on, with its source and its age.
fn prices(shown: &Shown<'_>) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in &shown.portfolio.lines {
        let words = price_words(line, &shown.reckoning, shown.now);
        let words = words.map(|words| format!("- {words}"));
        lines.extend(words.filter(|words| !lines.contains(words)));
    }
    lines
}

/// `1 SOL = €166.06 (DefiLlama, 3 s old)`; `None` for what is told in money, or has no price.
fn price_words(line: &Line, reckoning: &Reckoning, now: Timestamp) -> Option<String> {
    let (asset, price) = line.position.stake.asset().zip(line.price)?;
    Some(format!(
        "1 {} = {} ({}, {} old)",
        text::name(asset),
        money(price.usd, reckoning),
        price.source,
        age(now.since(price.at))
    ))
}

fn methods(portfolio: &Portfolio, reckoning: &Reckoning) -> String {
    let lines = portfolio.methods.iter().map(|part| {
        let (method, value) = (part.method.label(), money(part.value_usd, reckoning));
        if part.income == Income::ZERO {
            return format!("- {method}: nothing known from {value}");
        }
        let month = money(part.income.month(), reckoning);
        format!("- {method}: {month} a month from {value}")
    });
    lines_within(&lines.collect::<Vec<_>>(), 1_000)
}

fn changes_words(changes: &Changes<'_>, reckoning: &Reckoning) -> String {
    let mut lines = vec![ago(changes.since)];
    let gone = [(changes.added, "added"), (changes.gone, "no longer there")];
    lines.extend(
        gone.into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(number, what)| format!("- {} {what}", count(number, "position", "positions"))),
    );
    let grown = |usd: Decimal| {
        let plus = if usd > Decimal::ZERO { "+" } else { "" };
        format!("{plus}{}", money(usd, reckoning))
    };
    if !changes.value_usd.is_zero() {
        lines.push(format!("- value {}", grown(changes.value_usd)));
    }
    if !changes.income.is_zero() {
        let month = Decimal::from(12);
        lines.push(format!(
            "- income {} a month",
            grown(changes.income / month)
        ));
    }
    lines.extend(changes.moved.iter().map(moved));
    if lines.len() == 1 {
        lines.push("- nothing to speak of".to_owned());
    }
    lines_within(&lines, 1_000)
}

fn moved(moved: &Moved<'_>) -> String {
    let line = moved.line;
    let rate = moved.rate.zip(line.rate).map(|(then, now)| {
        format!(
            "{} → {} ({})",
            percent(then),
            percent(now),
            points(now.points_from(then))
        )
    });
    let verdict = moved
        .verdict
        .zip(line.verdict)
        .map(|(then, now)| format!("{} → {}", verdict::label(then), verdict::label(now)));
    let parts: Vec<String> = [rate, verdict].into_iter().flatten().collect();
    format!(
        "- {}: {}",
        holding_named(&line.position.stake),
        match (parts.is_empty(), line.verdict) {
            (false, _) => parts.join(DOT),
            (true, Some(_)) => "judged for the first time".to_owned(),
            (true, None) => "no longer judged".to_owned(),
        }
    )
}

fn position_line(named: &NamedLine<'_>, shown: &Shown<'_>) -> String {
    let line = named.line;
    let (position, reckoning) = (&line.position, &shown.reckoning);
    let mut parts = vec![format!(
        "`{}` **{}** in {}{}",
        position.id,
        holding(&position.stake),
        places(named),
        rate_words(named, &shown.rates)
    )];
    let is_told_so = matches!(
        &position.stake.holding,
        Holding::Worth(money) if money.currency == reckoning.currency
    );
    if !is_told_so {
        parts.extend(line.value_usd.map(|usd| money(usd, reckoning)));
    }
    parts.extend(match (line.income_usd, line.income_units) {
        (Some(earned), _) => Some(format!("{} a month", money(earned.month(), reckoning))),
        (None, Some(earned)) => Some(unit_income(position, earned)),
        (None, None) => None,
    });
    let listed = named.layers.iter().flatten();
    let listed = listed.filter(|listing| listing.state != DataState::Missing);
    let stood = listed.filter_map(|listing| {
        pool::stood(listing.unchanged_since, shown.now).filter(|_| !shown.rates.are_old)
    });
    parts.extend(stood.map(|stood| format!("rate {stood}")));
    parts.extend(beside(named, reckoning));
    format!("- {}", parts.join(DOT))
}

/// What else its owner told of it.
fn beside(named: &NamedLine<'_>, reckoning: &Reckoning) -> Vec<String> {
    let stake = &named.line.position.stake;
    let of_pool = named.layers.first().copied().flatten();
    let method = stake.method.filter(|method| {
        let staked = matches!(stake.base(), Some(Earns::Network { .. }));
        !staked && of_pool.is_none_or(|listing| listing.pool.method != *method)
    });
    let cost = stake.paid.map(|paid| {
        let paid_in = sum(paid.amount.get(), paid.currency);
        let now = named
            .line
            .paid_usd
            .filter(|_| paid.currency != reckoning.currency);
        let now = now.map(|usd| format!(" ({} now)", money(usd, reckoning)));
        format!("cost {paid_in}{}", now.unwrap_or_default())
    });
    let note = stake.note.as_deref().map(|note| text::escape_to(note, 80));
    [
        method.map(|method| method.label().to_owned()),
        cost,
        stake
            .fees
            .map(|fees| format!("fees {}", sum(fees.amount.get(), fees.currency))),
        stake.opened.map(|opened| format!("since {}", date(opened))),
        stake
            .payout
            .map(|payout| format!("paid {}", payout.label())),
        stake
            .lock_until
            .map(|until| format!("locked until {}", date(until))),
        note.filter(|note| !note.is_empty())
            .map(|note| format!("*{note}*")),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A date as each reader writes dates; noon is the same date nearly everywhere.
pub(super) fn date(on: Day) -> String {
    const NOON: std::time::Duration = std::time::Duration::from_hours(12);
    day(on.start().plus(NOON))
}

fn left_out_line(named: &NamedLine<'_>) -> String {
    format!(
        "- {}: {}",
        holding_named(&named.line.position.stake),
        left_out_because(named.line)
    )
}

/// A position was taken out.
pub fn removed(position: &Position) -> Message {
    let stake = &position.stake;
    let places: Vec<String> = stake.layers.iter().map(called).collect();
    Message::text(format!(
        "Removed {} in {}.",
        holding(stake),
        places.join(" + ")
    ))
}

/// A place by the name that it was picked by.
pub(super) fn called(earns: &Earns) -> String {
    match earns {
        Earns::Pool { called, .. } if !called.is_empty() => text::escape_to(called, text::SENTENCE),
        earns => place(earns, None),
    }
}

/// Nothing is kept yet.
pub fn empty() -> Message {
    Message::text("You have no positions here. `/portfolio add` takes the first one.")
}

/// What the person has chosen.
pub fn settings(chosen: &Chosen) -> Message {
    let tax = chosen.tax.map_or_else(
        || "nothing is laid aside for tax".to_owned(),
        |tax| format!("{} of income is laid aside for tax", percent(tax)),
    );
    let target = chosen.target.map(|target| {
        let parts = target
            .all()
            .map(|(sleeve, share)| format!("{} % {}", share.normalize(), sleeve.label()));
        format!(
            "{DOT}to be divided into {}",
            parts.collect::<Vec<_>>().join(", ")
        )
    });
    Message::text(format!(
        "Your figures are in {} ({}){DOT}dates in files are of {}{DOT}{tax}{}.",
        chosen.currency.name(),
        chosen.currency.code(),
        chosen.zone.name(),
        target.unwrap_or_default()
    ))
}

/// One line of a file that is no position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadLine {
    pub line: u64,
    /// Why, in words for the person.
    pub why: String,
}

/// What a file holds, before any of it is kept. `keep` and `leave` are the custom ids of the buttons.
pub fn preview(
    lines: &[NamedLine<'_>],
    bad: &[BadLine],
    rates: &Rates<'_>,
    buttons: Option<[String; 2]>,
) -> Message {
    let read: Vec<String> = lines
        .iter()
        .map(|named| {
            format!(
                "- **{}** in {}{}",
                holding(&named.line.position.stake),
                places(named),
                rate_words(named, rates)
            )
        })
        .collect();
    let rejected: Vec<String> = bad
        .iter()
        .map(|bad| format!("- line {}: {}", bad.line, bad.why))
        .collect();
    let mut fields = Vec::new();
    if !rejected.is_empty() {
        fields.push(Field::wide(
            format!("Left out: {}", count(bad.len(), "line", "lines")),
            lines_within(&rejected, 1_000),
        ));
    }
    let message = Message::from(Embed {
        title: format!(
            "{} in the file",
            count(lines.len(), "position", "positions")
        ),
        description: lines_within(&read, 2_800),
        colour: if bad.is_empty() {
            Colour::Blue
        } else {
            Colour::Amber
        },
        fields,
        footer: "Nothing is kept yet".to_owned(),
        ..Embed::default()
    });
    match buttons {
        Some([keep, leave]) => {
            let these = if bad.is_empty() {
                "Keep them"
            } else {
                "Keep the others"
            };
            message.with_buttons([
                Button::press(these, ButtonStyle::Primary, keep),
                Button::press("Leave it", ButtonStyle::Secondary, leave),
            ])
        }
        None => message,
    }
}

/// So many positions of a file were kept.
pub fn imported(positions: usize) -> Message {
    Message::text(format!(
        "Kept {}. `/portfolio view` shows what they earn.",
        count(positions, "position", "positions")
    ))
}

/// The positions are in the file that comes with this.
pub fn exported(positions: usize) -> String {
    if positions == 0 {
        return "You keep no positions yet. This file has the columns that `/portfolio import` takes; only \
                `amount` is needed, the others may be left out."
            .to_owned();
    }
    format!(
        "Here are your {}. `/portfolio import` takes such a file; the README names its columns.",
        count(positions, "position", "positions")
    )
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        domain::{
            ids::{PositionId, UserId},
            income::{LayerQuote, Quote},
            method::Method,
            person::{Look, Seen},
            position::{Payout, usd},
            price::Quoted,
            staking::{Approach, Network},
            time::Span,
            verdict::Verdict,
        },
        render::samples,
    };

    fn position(id: i64, stake: Stake) -> Position {
        Position {
            id: PositionId(id),
            owner: UserId(7),
            stake,
            added_at: samples::now(),
        }
    }

    fn held(asset: &str, quantity: &str) -> Holding {
        Holding::Units {
            asset: asset.to_owned(),
            quantity: quantity.parse().unwrap(),
        }
    }

    fn in_pool() -> Earns {
        Earns::in_pool(&samples::pool())
    }

    fn stated(rate: f64, place: &str) -> Earns {
        Earns::Stated {
            rate: samples::percent(rate),
            place: place.to_owned(),
        }
    }

    fn layer(rate: f64, verdict: Option<Verdict>, method: Option<Method>) -> LayerQuote {
        LayerQuote {
            rate: Some(samples::percent(rate)),
            reward_share: verdict.map(|_| 0.25),
            verdict,
            method,
        }
    }

    fn quote(layers: &[LayerQuote], unit: Option<&str>) -> Quote {
        Quote {
            layers: layers.to_vec(),
            unit_usd: unit.map(|unit| unit.parse().unwrap()),
            price: unit.map(|unit| Quoted {
                usd: unit.parse().unwrap(),
                at: samples::now().minus(Span::minutes(3).0),
                source: "DefiLlama",
            }),
            paid_usd: Some(Decimal::ONE),
            ..Quote::default()
        }
    }

    /// One of each kind that a line tells differently.
    fn positions() -> Vec<(Position, Quote)> {
        let sustainable = layer(2.6, Some(Verdict::Sustainable), Some(Method::Lending));
        let lent = Stake {
            paid: Some(usd("4,800".parse().unwrap())),
            opened: Day::parse("2026-01-31"),
            payout: Some(Payout::Monthly),
            ..Stake::new(held("USDC", "5000"), in_pool())
        };
        let layered = Stake {
            layers: vec![in_pool(), stated(0.4, "")],
            note: Some("**cold** @everyone".to_owned()),
            ..Stake::new(held("ETH", "10.5"), in_pool())
        };
        let network = Earns::Network {
            network: Network::Solana,
            approach: Approach::Delegated,
            commission: Some(samples::percent(5.0)),
        };
        let staked = Stake {
            lock_until: Day::parse("2027-03-01"),
            ..Stake::new(held("SOL", "120"), network)
        };
        let gone = Earns::Pool {
            id: samples::pool().id,
            called: "USDC · old-farm · Base".to_owned(),
        };
        let gone = Stake::new(Holding::Worth(usd("2.5k".parse().unwrap())), gone);
        let saved = Stake {
            method: Some(Method::Lending),
            ..Stake::new(
                Holding::Worth(usd("1k".parse().unwrap())),
                stated(3.5, "my exchange"),
            )
        };
        let unsustainable = layer(30.0, Some(Verdict::Unsustainable), Some(Method::Farming));
        vec![
            (position(1, lent), quote(&[sustainable], Some("1"))),
            (
                position(2, layered),
                quote(&[sustainable, layer(0.4, None, None)], None),
            ),
            (
                position(3, staked),
                quote(
                    &[layer(6.2, None, Some(Method::StakingDelegated))],
                    Some("180.5"),
                ),
            ),
            (
                position(4, gone),
                quote(&[LayerQuote::default()], Some("1")),
            ),
            (
                position(5, saved),
                quote(&[layer(3.5, None, None)], Some("1")),
            ),
            (
                position(6, Stake::new(held("FARM", "100"), in_pool())),
                quote(&[unsustainable], Some("2")),
            ),
        ]
    }

    fn rates(are_old: bool) -> Rates<'static> {
        let ago = if are_old {
            Span::days(3)
        } else {
            Span::minutes(4)
        };
        Rates {
            source: "DefiLlama",
            fetched_at: samples::now().minus(ago.0),
            are_old,
        }
    }

    fn look() -> Look {
        let seen = |id, rate: f64, verdict, value: i64| Seen {
            position: PositionId(id),
            rate: Some(samples::percent(rate)),
            verdict,
            value_usd: Some(Decimal::from(value)),
            income_usd: Some(Decimal::from(120)),
        };
        Look {
            at: samples::now().minus(Span::days(9).0),
            lines: vec![
                seen(1, 3.9, Some(Verdict::Mixed), 5_000),
                seen(3, 6.2, None, 20_000),
                seen(9, 1.0, None, 5),
            ],
        }
    }

    #[test]
    fn a_portfolio_with_everything() {
        let portfolio = Portfolio::of(positions());
        let listing = Arc::new(samples::listing());
        let lines: Vec<NamedLine<'_>> = portfolio
            .lines
            .iter()
            .map(|line| NamedLine {
                line,
                layers: line
                    .position
                    .stake
                    .layers
                    .iter()
                    .map(|earns| {
                        let is_listed = matches!(earns, Earns::Pool { called, .. } if !called.contains("old-farm"));
                        is_listed.then_some(&*listing)
                    })
                    .collect(),
            })
            .collect();
        let euro = Reckoning {
            currency: "EUR".parse().unwrap(),
            per_usd: "0.92".parse().unwrap(),
            at: Some(samples::now()),
            in_place_of: None,
        };
        let chosen = Chosen {
            currency: euro.currency,
            tax: Some(samples::percent(25.0)),
            target: "45/35/15/5".parse().ok(),
            ..Chosen::default()
        };
        let usual = Chosen::default();
        let look = look();
        let shown = |are_old, reckoning: Reckoning, chosen, changes| {
            let shown = Shown {
                portfolio: &portfolio,
                lines: &lines,
                rates: rates(are_old),
                reckoning,
                chosen,
                goal: chosen.tax.map(|tax| {
                    let goal = Goal {
                        income_yearly: 1_800.into(),
                        currency: chosen.currency,
                        tax: Some(tax),
                        capital: None,
                    };
                    (goal, goal.reached_by(reckoning.of(portfolio.income.year())))
                }),
                changes,
                from: 0,
                now: samples::now(),
            };
            view(&shown, |from| format!("turn:{from}"))
        };
        let mut messages = vec![empty(), settings(&chosen), settings(&Chosen::default())];
        messages.extend(
            lines
                .iter()
                .map(|line| added(line, &rates(false), &Reckoning::DOLLARS, samples::now())),
        );
        messages.push(shown(false, Reckoning::DOLLARS, &usual, None));
        messages.push(shown(true, euro, &chosen, Some(portfolio.since(&look))));
        messages.push(shown(
            false,
            euro,
            &chosen,
            Some(portfolio.since(&portfolio.look(look.at))),
        ));
        messages.extend(portfolio.lines.iter().map(|line| removed(&line.position)));
        let bad = [BadLine {
            line: 9,
            why: "no asset answers to `FOO`".to_owned(),
        }];
        let buttons = || Some(["keep".to_owned(), "leave".to_owned()]);
        messages.push(preview(&lines, &bad, &rates(false), buttons()));
        messages.push(preview(&lines[..1], &[], &rates(false), buttons()));
        messages.push(imported(3));
        insta::assert_json_snapshot!(messages);
    }
}
