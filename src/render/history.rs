//! What a pool paid over the last days, in words; `picture.rs` draws it.

use super::{
    DOT, count,
    message::{File, Message},
    name,
    numbers::{change, dollars, percent},
    plain_name, pool,
};
use crate::domain::{
    past::{Figures, Past},
    pool::Pool,
    reading::Reading,
    time::Timestamp,
};

/// A pool's past to be told.
#[derive(Debug, Clone, Copy)]
pub struct History<'a> {
    pub pool: &'a Pool,
    pub past: &'a Past,
    /// What it shows now; the days of the past have ended.
    pub latest: Option<Reading>,
    /// The source as people know it.
    pub source: &'a str,
    /// When the source last gave a usable answer.
    pub fetched_at: Timestamp,
    /// The source's own chart was asked for, and did not come.
    pub is_chart_missing: bool,
}

/// Fewer believed days than this make no picture.
const DRAWN_FROM: usize = 3;

/// Whether there is enough to be drawn.
pub fn is_drawn(past: &Past) -> bool {
    past.believed().count() >= DRAWN_FROM
}

/// The past in words, with its picture where there is one.
pub fn history(history: &History<'_>, picture: Option<Vec<u8>>, now: Timestamp) -> Message {
    let asked = asked(history.past);
    let mut lines = vec![format!("**{}**", name(history.pool))];
    lines.extend(pool::meta(history.pool));
    match history.past.figures().filter(|_| is_drawn(history.past)) {
        Some(figures) => {
            lines.push(format!("APY of the last {asked}: {}.", rates(&figures)));
            lines.push(format!("TVL {}.", held(figures.tvl_usd)));
            lines.extend(gaps(history.past, &figures));
        }
        None => lines.push(few(history.past, &asked)),
    }
    lines.extend(history.latest.map(|latest| {
        let (apy, tvl) = (percent(latest.apy), dollars(latest.tvl_usd));
        format!("Today so far: APY **{apy}**{DOT}TVL {tvl}.")
    }));
    if history.is_chart_missing {
        lines.push(
            "⚠ The source's own chart could not be read; this is what was seen here.".to_owned(),
        );
    }
    let footer = pool::footer(history.source, history.fetched_at, None, now);
    lines.push(format!("-# {footer}"));
    let mut message = Message::text(lines.join("\n"));
    message.files.extend(picture.map(|bytes| File {
        name: "history.png".to_owned(),
        bytes,
        description: described(history),
    }));
    message.fitted()
}

/// The picture in words, for those who do not see it.
fn described(history: &History<'_>) -> String {
    let asked = asked(history.past);
    let chart = format!("Chart of the last {asked} of {}", plain_name(history.pool));
    match history.past.figures() {
        Some(figures) => {
            let (rates, held) = (rates(&figures), held(figures.tvl_usd));
            format!("{chart}. APY: {rates}. TVL {held}.").replace("**", "")
        }
        None => chart,
    }
}

fn asked(past: &Past) -> String {
    let (first, last) = (past.range().start().0, past.range().end().0);
    let days = usize::try_from(last - first + 1).unwrap_or(0);
    count(days, "day", "days")
}

fn rates(figures: &Figures) -> String {
    let Figures {
        min, median, max, ..
    } = figures;
    let [min, median, max] = [min, median, max].map(|rate| percent(*rate));
    let words = format!("min {min}, median **{median}**, max {max}");
    match figures.suspect {
        0 => words,
        suspect => {
            let suspect = count(suspect, "suspect reading", "suspect readings");
            format!("{words}; {suspect} left out")
        }
    }
}

fn held((first, last): (f64, f64)) -> String {
    let words = format!("{} → {}", dollars(first), dollars(last));
    if first > 0.0 {
        format!("{words} ({})", change((last / first - 1.0) * 100.0))
    } else {
        words
    }
}

/// What is not known of the range.
fn gaps(past: &Past, figures: &Figures) -> Option<String> {
    let mut words = Vec::new();
    let (first, last) = (past.range().start().0, past.range().end().0);
    let asked = usize::try_from(last - first + 1).unwrap_or(0);
    let known = past.days().len();
    if known < asked {
        words.push(format!(
            "{} of {} known",
            known,
            count(asked, "day", "days")
        ));
    }
    if figures.unsplit == figures.believed {
        words.push("who pays is not stated".to_owned());
    } else if figures.unsplit > 0 {
        let days = count(figures.unsplit, "day", "days");
        words.push(format!("who pays is not stated for {days}"));
    }
    (!words.is_empty()).then(|| format!("*{}*", words.join(DOT)))
}

/// What is said where a picture would be empty.
fn few(past: &Past, asked: &str) -> String {
    let known: Vec<String> = past
        .days()
        .iter()
        .map(|day| {
            let doubt = if day.is_suspect { " (suspect)" } else { "" };
            format!("{} **{}**{doubt}", day.paid.day, percent(day.paid.apy))
        })
        .take(DRAWN_FROM * 2)
        .collect();
    let wait = "A chart takes three days that can be believed; each day that ends adds one.";
    if known.is_empty() {
        format!("Nothing is known yet of the last {asked}. {wait}")
    } else {
        format!(
            "Of the last {asked} little is known: {}. {wait}",
            known.join(", ")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{
            reading::DayReading,
            time::{Day, Span},
        },
        render::samples,
    };

    const FIRST: i32 = 20_416;

    fn past(days: &[(i32, f64)], split: bool) -> Past {
        let paid = days.iter().map(|(day, apy)| DayReading {
            day: Day(FIRST + day),
            apy: samples::percent(*apy),
            base: split.then(|| samples::percent(*apy)),
            reward: None,
            tvl_usd: 1.2e6 - f64::from(*day) * 5e3,
        });
        Past::new(paid, Day(FIRST)..=Day(FIRST + 89))
    }

    /// What is told of such days, with a picture of a few bytes where there is one.
    fn told(past: &Past, is_chart_missing: bool) -> Message {
        let pool = samples::pool();
        let told = History {
            pool: &pool,
            past,
            latest: (!past.days().is_empty()).then(|| samples::reading(4.2, Some(4.2), None)),
            source: "DefiLlama",
            fetched_at: samples::now().minus(Span::minutes(4).0),
            is_chart_missing,
        };
        history(&told, is_drawn(past).then(|| vec![1, 2, 3]), samples::now())
    }

    #[test]
    fn a_past_in_words_and_drawn() {
        let mut days: Vec<(i32, f64)> =
            (0..90).map(|day| (day, 4.0 + f64::from(day % 5))).collect();
        days[20].1 = 0.0;
        days[70].1 = 355_083.0;
        insta::assert_json_snapshot!(told(&past(&days, true), false));
    }

    #[test]
    fn what_is_not_known_is_said() {
        let days = [(3, 4.0), (4, 4.0), (50, 5.0)];
        let words = [false, true].map(|missing| told(&past(&days, false), missing).content);
        insta::assert_snapshot!(words.join("\n\n"));
    }

    #[test]
    fn few_days_are_told_one_by_one_without_a_picture() {
        let some: [&[(i32, f64)]; 3] = [&[], &[(89, 4.1)], &[(88, 4.1), (89, 90.0)]];
        let words = some.map(|days| {
            let message = told(&past(days, true), false);
            assert!(message.files.is_empty());
            message.content
        });
        insta::assert_snapshot!(words.join("\n\n"));
    }
}
