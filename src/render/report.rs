//! What a channel is told at set times, and what concerns its admins: reports and outages.

use super::{
    DOT, count, lines_within,
    message::{Message, limits},
    name,
    numbers::{age, ago, change, percent},
    track,
};
use crate::domain::{
    ids::AlertId, pool::Pool, rate::Percent, strain::Trouble, time::Timestamp, track::Tally,
    zone::Cadence,
};
use std::time::Duration;

/// How many pools a list of a report names.
const NAMED: usize = 5;

/// What has become of the pools of a channel since the last report.
#[derive(Debug, Clone)]
pub struct Report<'a> {
    pub cadence: Cadence,
    /// Pools that its alerts watch.
    pub pools: usize,
    /// Episodes that opened since the last report.
    pub opened: u64,
    /// Rates then and now, the largest moves first.
    pub movers: Vec<Mover<'a>>,
    /// Pools whose verdict has become unsustainable.
    pub unsustainable: Vec<&'a Pool>,
    /// How the verdicts of the last twelve months turned out, of all servers together.
    pub track: Tally,
    /// How long ago the source last answered, and whether that is too long.
    pub answered: Duration,
    pub is_silent: bool,
}

/// A pool whose rate moved.
#[derive(Debug, Clone, Copy)]
pub struct Mover<'a> {
    pub pool: &'a Pool,
    pub from: Percent,
    pub to: Percent,
}

/// A report, as text: `📬 This week: 93 pools watched · 0 alerts · data fresh`.
pub fn report(report: &Report<'_>) -> String {
    let period = match report.cadence {
        Cadence::Day { .. } => "Today",
        Cadence::Week { .. } => "This week",
    };
    let data = if report.is_silent {
        format!("⚠ no data for {}", age(report.answered))
    } else {
        format!("data fresh, read {} ago", age(report.answered))
    };
    let head = [
        format!(
            "📬 **{period}:** {} watched",
            count(report.pools, "pool", "pools")
        ),
        count(
            usize::try_from(report.opened).unwrap_or(usize::MAX),
            "alert",
            "alerts",
        ),
        data,
    ];
    let mut lines = vec![head.join(DOT)];
    if !report.movers.is_empty() {
        lines.push("**Moved most**".to_owned());
        lines.extend(report.movers.iter().take(NAMED).map(mover));
    }
    if !report.unsustainable.is_empty() {
        let named = report.unsustainable.iter().take(NAMED);
        let more = report.unsustainable.len().saturating_sub(NAMED);
        lines.push("**Unsustainable now, and not before**".to_owned());
        lines.extend(named.map(|pool| format!("⚠️ {}", name(pool))));
        if more > 0 {
            lines.push(format!("+{more} more"));
        }
    }
    lines.extend(track::line(&report.track));
    lines_within(&lines, limits::CONTENT - 200)
}

fn mover(mover: &Mover<'_>) -> String {
    let mark = if mover.to >= mover.from {
        "🔺"
    } else {
        "🔻"
    };
    let by = mover.to.change_from(mover.from).map(change);
    let by = by.map_or_else(String::new, |by| format!(" ({by})"));
    format!(
        "{mark} {}: {} → {}{by}",
        name(mover.pool),
        percent(mover.from),
        percent(mover.to)
    )
}

/// The source has been silent since then, and with it every alert.
pub fn silent(source: &str, since: Timestamp) -> Message {
    Message::text(format!(
        "📡 {source} gave its last usable answer {}. Until it does, no alert can open or close here; \
         nothing is taken for over. I go on asking, and say when it is back.",
        ago(since)
    ))
}

/// The source answers again.
pub fn back(source: &str, silence: Duration) -> Message {
    Message::text(format!(
        "📡 {source} answers again, after {}. Alerts go on from where they stood.",
        age(silence)
    ))
}

/// An alert's pool is gone, and it is for a person to say what it has become.
pub fn question(alert: AlertId, gone: &Pool, perhaps: &[&Pool]) -> Message {
    let names: Vec<String> = perhaps.iter().take(NAMED).map(|pool| name(pool)).collect();
    Message::text(format!(
        "🔎 The pool of alert #{alert}, {}, is no longer listed. Has it become {}? `/alerts edit \
         alert:{alert} pool:…` makes it so; else the alert waits for the old one.",
        name(gone),
        names.join(" or ")
    ))
}

/// What is said of a protocol, as it is said of its pools.
pub fn trouble(trouble: Option<Trouble>) -> String {
    match trouble {
        Some(Trouble::Calm) => "are of a protocol of which nothing bad is said any more".to_owned(),
        Some(trouble) => format!(
            "are of a protocol in trouble ({}; the source said so twice)",
            super::notice::trouble_words(trouble)
        ),
        None => "are of a protocol in trouble".to_owned(),
    }
}

/// A stablecoin against what it follows, as it is said of the pools that hold it.
pub fn off_peg(deviation: Option<f64>, is_over: bool) -> String {
    let off = deviation.map_or_else(String::new, |deviation| {
        format!(" ({})", super::numbers::change(deviation * 100.0))
    });
    if is_over {
        format!("hold it, and it is back at what it follows{off}")
    } else {
        format!("hold it, and it is off its peg{off}")
    }
}

/// [`at_once`] for a terminal.
pub fn at_once_text(name: &str, pools: usize, what: &str) -> String {
    format!(
        "📡 {} – at once, {pools} of its pools {what}",
        super::text::plain_name(name)
    )
}

/// What happened to several pools of a protocol, or of a coin, at once.
pub fn at_once(name: &str, pools: &[&Pool], what: &str, alerts: &[AlertId]) -> Message {
    let shown: Vec<&str> = pools.iter().take(NAMED).map(|pool| &*pool.symbol).collect();
    let more = pools.len().saturating_sub(shown.len());
    let more = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    let names: Vec<String> = shown.into_iter().map(super::text::name).collect();
    let numbers: Vec<String> = alerts
        .iter()
        .take(NAMED)
        .map(|id| format!("#{id}"))
        .collect();
    let speaker = format!("alert {}", numbers.join(", "));
    Message::from(super::message::Embed {
        title: format!("📡 {}", super::text::name(name)),
        description: format!(
            "**At once, {} of its pools {what}**: {}{more}. That is one event and is told once.",
            pools.len(),
            names.join(", ")
        ),
        colour: super::message::Colour::Amber,
        footer: [speaker.as_str(), "not advice"].join(DOT),
        ..super::message::Embed::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::manner::{Digest, MORNING},
        render::samples,
    };

    #[test]
    fn a_report_comes_also_when_nothing_happened() {
        let quiet = Report {
            cadence: Digest::Weekly.cadence(MORNING),
            pools: 93,
            opened: 0,
            movers: Vec::new(),
            unsustainable: Vec::new(),
            track: Tally::default(),
            answered: Duration::from_mins(12),
            is_silent: false,
        };
        assert_eq!(
            report(&quiet),
            "📬 **This week:** 93 pools watched · 0 alerts · data fresh, read 12 min ago"
        );
        let pool = samples::pool();
        let busy = Report {
            cadence: Digest::Daily.cadence(MORNING),
            opened: 1,
            movers: vec![Mover {
                pool: &pool,
                from: samples::percent(4.1),
                to: samples::percent(2.6),
            }],
            unsustainable: vec![&pool; 7],
            track: samples::track(),
            is_silent: true,
            ..quiet
        };
        insta::assert_snapshot!(report(&busy));
    }
}
