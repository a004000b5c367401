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

/// One event that many pools share.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum AtOnce {
    /// The data of a protocol's pools is gone or too old, or is back.
    Data { is_back: bool },
    /// How the protocol of the pools stands.
    Protocol(Option<Trouble>),
    /// How far the stablecoin that the pools hold is from what it follows, as a fraction.
    Coin {
        deviation: Option<f64>,
        is_back: bool,
    },
}

impl AtOnce {
    /// What has happened, and how the pools come into it.
    fn words(self, pools: usize) -> (String, String) {
        let pools = count(pools, "pool", "pools");
        match self {
            Self::Data { is_back: true } => (
                "its data is back".to_owned(),
                format!("{pools} of it that alerts here watch have usable figures again"),
            ),
            Self::Data { is_back: false } => (
                "its data is missing".to_owned(),
                format!(
                    "{pools} of it that alerts here watch are gone or too old to be used, all at once"
                ),
            ),
            Self::Protocol(trouble) => {
                let what = match trouble {
                    Some(Trouble::Calm) => {
                        "no flag, and no further fall within 24 h; what left need not have come back"
                            .to_owned()
                    }
                    Some(trouble) => format!(
                        "in trouble ({}, as the source has said twice)",
                        super::notice::trouble_words(trouble)
                    ),
                    None => "in trouble".to_owned(),
                };
                (what, format!("{pools} that alerts here watch are of it"))
            }
            Self::Coin { deviation, is_back } => {
                let off = deviation.map_or_else(String::new, |deviation| {
                    format!(" ({})", super::numbers::change(deviation * 100.0))
                });
                let what = if is_back {
                    format!("back at what it follows{off}")
                } else {
                    format!("off its peg{off}")
                };
                (what, format!("{pools} that alerts here watch hold it"))
            }
        }
    }

    /// A pool by what tells it from the others: `USDC on Base`, `USDC at aave-v3`.
    fn name_of(self, pool: &Pool) -> String {
        let symbol = super::text::name(&pool.symbol);
        match self {
            Self::Data { .. } | Self::Protocol(_) => {
                format!("{symbol} on {}", super::text::name(&pool.chain))
            }
            Self::Coin { .. } => format!("{symbol} at {}", super::text::name(&pool.protocol)),
        }
    }

    const fn tone(self) -> (&'static str, super::message::Colour) {
        use super::message::Colour;
        match self {
            Self::Data { .. } => ("📡", Colour::Amber),
            Self::Protocol(Some(Trouble::Calm)) => ("⏹️", Colour::Grey),
            Self::Coin { is_back: true, .. } => ("✅", Colour::Green),
            Self::Protocol(_) | Self::Coin { is_back: false, .. } => ("⚠️", Colour::Red),
        }
    }
}

/// [`at_once`] for a terminal.
pub fn at_once_text(name: &str, event: AtOnce, pools: usize) -> String {
    let (what, of_pools) = event.words(pools);
    let name = super::text::plain_name(name);
    format!("{} {name} – {what}; {of_pools}", event.tone().0)
}

/// What happened to several pools of a protocol, or of a coin, at once.
pub fn at_once(name: &str, event: AtOnce, pools: &[&Pool], alerts: &[AlertId]) -> Message {
    let names: Vec<String> = pools
        .iter()
        .take(NAMED)
        .map(|pool| event.name_of(pool))
        .collect();
    let more = pools.len().saturating_sub(names.len());
    let more = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    let numbers: Vec<String> = alerts
        .iter()
        .take(NAMED)
        .map(|id| format!("#{id}"))
        .collect();
    let speaker = format!("alert {}", numbers.join(", "));
    let (what, of_pools) = event.words(pools.len());
    let (mark, colour) = event.tone();
    let name = super::text::name(name);
    Message::from(super::message::Embed {
        title: format!("{mark} {name}"),
        description: format!(
            "**{name}: {what}.** {of_pools}: {}{more}. That is one event and is told once.",
            names.join(", ")
        ),
        colour,
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
