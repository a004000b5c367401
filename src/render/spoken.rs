//! Answers to what readers ask of a notice: why, what it means for them, and silence.

use rust_decimal::Decimal;

use super::{
    DOT, alerts,
    message::{Button, ButtonStyle, Choice, Colour, Embed, Field, Message, Select},
    name,
    numbers::{ago, dollars, moment, money, percent, span},
    plain_name, press, verdict,
};
use crate::domain::{
    alert::Rule,
    ids::{AlertId, EntryId},
    income::Income,
    pool::Pool,
    rate::Percent,
    reading::{DataState, Reading},
    time::{Span, Timestamp},
    verdict::Assessment,
};

/// All that explains a notice.
#[derive(Debug, Clone, Copy)]
pub struct Why<'a> {
    pub alert: AlertId,
    /// `None` once the alert was removed.
    pub rule: Option<&'a Rule>,
    /// What the notice said, in one line.
    pub said: &'a str,
    pub told_at: Timestamp,
    /// What was said of its end, in one line.
    pub over: Option<&'a str>,
    /// The pool as it stands; `None` when it is no longer listed.
    pub now: Option<Now<'a>>,
}

/// A pool as it stands.
#[derive(Debug, Clone, Copy)]
pub struct Now<'a> {
    pub pool: &'a Pool,
    pub reading: &'a Reading,
    pub assessment: &'a Assessment,
    pub state: DataState,
}

/// Why a notice was told.
pub fn why(why: &Why<'_>) -> Message {
    let pool = why.now.map(|now| now.pool);
    let mut fields = Vec::new();
    fields.push(Field::wide(
        "The rule",
        why.rule.map_or_else(
            || "The alert was removed since.".to_owned(),
            |rule| alerts::words_for(rule, pool),
        ),
    ));
    if let Some(now) = &why.now {
        fields.push(Field::wide("Now", now_words(now)));
        fields.push(Field::wide(
            "The verdict now",
            verdict::paragraph(now.assessment),
        ));
    } else {
        fields.push(Field::wide("Now", "The source no longer lists the pool."));
    }
    let mut lines = vec![
        why.said.to_owned(),
        format!("Told {} ({}).", moment(why.told_at), ago(why.told_at)),
    ];
    if let Some(over) = why.over {
        lines.push(format!("**Over:** {over}"));
    }
    Message::from(Embed {
        title: format!("Why alert #{} spoke", why.alert),
        description: lines.join("\n"),
        colour: Colour::Blue,
        fields,
        footer: "not advice".to_owned(),
        ..Embed::default()
    })
}

fn now_words(now: &Now<'_>) -> String {
    let mut words = format!(
        "APY {}{DOT}TVL {}{DOT}read {}",
        percent(now.reading.apy),
        dollars(now.reading.tvl_usd),
        ago(now.reading.at)
    );
    if now.state != DataState::Good {
        words.push_str("\n⚠ not used: ");
        words.push_str(verdict::no_reading(now.state));
    }
    words
}

fn first_line(summary: &str) -> &str {
    summary.lines().next().unwrap_or_default()
}

/// What a notice means for an amount in US dollars.
#[derive(Debug, Clone, Copy)]
pub struct Impact<'a> {
    pub pool: &'a Pool,
    pub usd: Decimal,
    /// It is what the reader holds there, and not an amount that was told just now.
    pub is_held: bool,
    /// The rate before and after, where the notice was about one.
    pub told: Option<(Percent, Percent)>,
    /// The rate at present, where it can be used.
    pub now: Option<Percent>,
}

/// What a notice means in money.
pub fn impact(impact: &Impact<'_>) -> Message {
    let a_year = |rate: Percent| Income::of(impact.usd, rate).map(Income::year);
    let usd = money(impact.usd);
    let mut lines = vec![if impact.is_held {
        format!("You hold {usd} in {}.", name(impact.pool))
    } else {
        format!("For {usd} in {}:", name(impact.pool))
    }];
    if let Some((from, to)) = impact.told
        && let (Some(before), Some(after)) = (a_year(from), a_year(to))
    {
        let difference = after - before;
        let sign = if difference.is_sign_negative() {
            "−"
        } else {
            "+"
        };
        lines.push(format!(
            "The change of the notice, {} → {}: **{} → {} a year** ({sign}{} a year, {sign}{} a month).",
            percent(from),
            percent(to),
            money(before),
            money(after),
            money(difference.abs()),
            money((difference / Decimal::from(12)).abs())
        ));
    }
    match impact.now.and_then(|rate| Some((rate, a_year(rate)?))) {
        Some((rate, income)) => lines.push(format!(
            "At the present rate of {}: {} a year.",
            percent(rate),
            money(income)
        )),
        None => lines.push("Its present rate cannot be used.".to_owned()),
    }
    lines.push(if impact.is_held {
        "Only you see this.".to_owned()
    } else {
        "Only you see this, and nothing of it is kept. `/portfolio add` keeps a position."
            .to_owned()
    });
    Message::text(lines.join("\n"))
}

/// Asks for how long an alert is to be silent. `ids` are the buttons' custom ids.
pub fn how_long(alert: AlertId, ids: impl IntoIterator<Item = (Span, String)>) -> Message {
    let buttons = ids
        .into_iter()
        .map(|(length, id)| Button::press(span(length), ButtonStyle::Secondary, id));
    Message::text(format!(
        "For how long shall alert **#{alert}** be silent? What it would have said comes as one list \
         when it is over. `/alerts unmute` ends it sooner."
    ))
    .with_buttons(buttons)
}

/// Alerts are silent until then.
pub fn muted(alerts: &[AlertId], until: Timestamp) -> Message {
    let who = match alerts {
        [one] => format!("Alert **#{one}** is silent"),
        many => format!("{} alerts are silent", many.len()),
    };
    Message::text(format!(
        "{who} until {} ({}). What was not said comes as one list then; `/alerts unmute` ends it sooner.",
        moment(until),
        ago(until)
    ))
}

/// Alerts speak again.
pub fn unmuted(alerts: &[AlertId]) -> Message {
    Message::text(format!(
        "{} What was held back comes as one list.",
        alerts::speak_again(alerts)
    ))
}

/// One notice of several, with its own buttons.
pub fn one(entry: EntryId, said: &str) -> Message {
    Message::text(said).with_buttons(press::buttons(Some(entry)))
}

/// Which notice of several is meant.
pub fn which(select: Select) -> Message {
    let mut message = Message::text("This message tells several. Which one?");
    message.select = Some(select);
    message.fitted()
}

/// A notice as a choice.
pub fn choice(entry: EntryId, alert: AlertId, summary: &str, pool: Option<&Pool>) -> Choice {
    let (title, rest) = first_line(summary)
        .split_once(" – ")
        .unwrap_or((first_line(summary), ""));
    Choice {
        value: entry.to_string(),
        label: pool.map_or_else(|| title.to_owned(), plain_name),
        description: format!("alert #{alert}{DOT}{rest}"),
    }
}
