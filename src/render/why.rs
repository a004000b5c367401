//! Why an alert says nothing: the stages that a notice passes, and the first one that stops it.

use super::{
    DOT, alerts, count, lines_within,
    message::{Colour, Embed, Message, limits},
    name,
    numbers::{ago, moment, span},
    verdict,
};
use crate::domain::{alert::Alert, listing::Listing, reading::DataState, time::Timestamp};

/// Everything that decides whether an alert speaks.
#[derive(Debug)]
pub struct Why<'a> {
    pub alert: &'a Alert,
    /// Pools that it watches.
    pub pools: usize,
    /// How many of them cannot be used, do not meet the condition, or met it from the start.
    pub unusable: usize,
    pub unmet: usize,
    pub baseline: usize,
    /// One whose figures cannot be used.
    pub doubted: Option<&'a Listing>,
    /// One that does not meet the condition.
    pub nearest: Option<&'a Listing>,
    /// Those that meet it, and until when they have to: the first to speak first.
    pub holding: Vec<(&'a Listing, Timestamp, Timestamp)>,
    /// Those that were told, and since when.
    pub open: Vec<(&'a Listing, Timestamp)>,
    /// Those that were told and are cleared, since when and until when they have to be.
    pub clearing: Vec<(&'a Listing, Timestamp, Timestamp)>,
    pub muted_until: Option<Timestamp>,
    /// Until when it is quiet, and whether this alert passes.
    pub quiet: Option<(Timestamp, bool)>,
    pub digest_at: Option<Timestamp>,
    /// Messages of the last hour in the channel, how many there may be, and when there is room again.
    pub cap: Cap,
    /// Why nothing is sent to the channel, and what mends it.
    pub parked: Option<(&'a str, &'a str)>,
    /// What became of its last notice.
    pub last: Option<String>,
}

/// How many messages a channel has had in the last hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cap {
    pub used: usize,
    /// 0 for no limit.
    pub most: usize,
    pub free_at: Option<Timestamp>,
}

/// A stage and whether it stops what would be said.
struct Line {
    name: &'static str,
    stops: bool,
    words: String,
}

/// The stages in the order in which a notice passes them.
pub fn why(why: &Why<'_>) -> Message {
    let mut lines = vec![scope(why), data(why), condition(why), hold(why)];
    lines.extend(told(why));
    lines.extend([mute(why), quiet(why), digest(why), cap(why), channel(why)]);
    let first = lines.iter().find(|line| line.stops);
    let head = match first {
        Some(line) => format!("Stopped at **{}**: {}", line.name, line.words),
        None => "Nothing stops it.".to_owned(),
    };
    let rows = lines.iter().map(|line| {
        let mark = if line.stops { "⏸" } else { "✅" };
        format!("{mark} **{}** {}", capitalised(line.name), line.words)
    });
    let mut all = vec![
        head,
        alerts::words_for(&why.alert.rule, None),
        String::new(),
    ];
    all.extend(rows);
    if let Some(last) = &why.last {
        all.push(format!("Last notice: {last}"));
    }
    Message::from(Embed {
        title: format!("Alert #{}: why it is silent", why.alert.id),
        description: lines_within(&all, limits::DESCRIPTION - 100),
        colour: if first.is_some() {
            Colour::Amber
        } else {
            Colour::Green
        },
        footer: "not advice".to_owned(),
        ..Embed::default()
    })
}

fn capitalised(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| {
        format!("{}{}", first.to_uppercase(), letters.as_str())
    })
}

fn scope(why: &Why<'_>) -> Line {
    Line {
        name: "scope",
        stops: why.pools == 0,
        words: if why.pools == 0 {
            "no pool fits it at the moment".to_owned()
        } else {
            format!("{} it", count(why.pools, "pool fits", "pools fit"))
        },
    }
}

fn data(why: &Why<'_>) -> Line {
    let words = match why.doubted {
        None => "all can be used".to_owned(),
        Some(listing) => {
            let state = listing
                .doubt
                .filter(|_| listing.state == DataState::Suspect);
            let doubt = state.map_or_else(
                || verdict::no_reading(listing.state).to_owned(),
                |doubted| verdict::doubt(doubted.doubt).to_owned(),
            );
            format!(
                "{} of {} cannot be used, such as {}: {doubt}; nothing opens or closes on that",
                why.unusable,
                why.pools,
                name(&listing.pool)
            )
        }
    };
    Line {
        name: "data",
        stops: why.pools > 0 && why.unusable == why.pools,
        words,
    }
}

fn condition(why: &Why<'_>) -> Line {
    let others = why.unmet + why.unusable + why.baseline;
    let stops = why.pools > 0 && others == why.pools && why.unusable < why.pools;
    let mut parts = Vec::new();
    if why.unmet > 0 {
        parts.push(format!("not met by {}", count(why.unmet, "pool", "pools")));
    }
    if let Some(nearest) = why.nearest {
        let distance = alerts::distance(&why.alert.rule.condition, &nearest.reading);
        parts.extend(distance.map(|distance| format!("{}: {distance}", name(&nearest.pool))));
    }
    if why.baseline > 0 {
        parts.push(format!(
            "met from the start by {}, which is no news until it was not",
            count(why.baseline, "pool", "pools")
        ));
    }
    Line {
        name: "condition",
        stops,
        words: if parts.is_empty() {
            "met".to_owned()
        } else {
            parts.join(DOT)
        },
    }
}

fn hold(why: &Why<'_>) -> Line {
    let needed = span(why.alert.rule.timing.hold);
    let words = match why.holding.first() {
        None => format!("nothing waits for its {needed}"),
        Some((listing, since, until)) => format!(
            "{}: first met {}, needs {needed} and two readings: {} at the earliest{}",
            name(&listing.pool),
            ago(*since),
            ago(*until),
            more(why.holding.len())
        ),
    };
    Line {
        name: "hold",
        stops: !why.holding.is_empty(),
        words,
    }
}

fn more(number: usize) -> String {
    match number {
        0 | 1 => String::new(),
        many => format!("{DOT}+{} more", many - 1),
    }
}

/// What was told already is not told again.
fn told(why: &Why<'_>) -> Vec<Line> {
    let mut lines = Vec::new();
    if let Some((listing, since)) = why.open.first() {
        lines.push(Line {
            name: "told",
            stops: true,
            words: format!(
                "{}: told {}, and still so; it is not repeated{}",
                name(&listing.pool),
                ago(*since),
                more(why.open.len())
            ),
        });
    }
    if let Some((listing, since, until)) = why.clearing.first() {
        lines.push(Line {
            name: "clear",
            stops: true,
            words: format!(
                "{}: first cleared {}, needs {}: over {} at the earliest{}",
                name(&listing.pool),
                ago(*since),
                span(why.alert.rule.timing.clear_hold),
                ago(*until),
                more(why.clearing.len())
            ),
        });
    }
    lines
}

fn mute(why: &Why<'_>) -> Line {
    Line {
        name: "mute",
        stops: why.muted_until.is_some(),
        words: why.muted_until.map_or_else(
            || "not muted".to_owned(),
            |until| format!("muted until {}; one list comes then", moment(until)),
        ),
    }
}

fn quiet(why: &Why<'_>) -> Line {
    let (stops, words) = match why.quiet {
        None => (false, "none now".to_owned()),
        Some((until, true)) => (
            false,
            format!("until {}, and this alert may speak in them", moment(until)),
        ),
        Some((until, false)) => (
            true,
            format!("until {}; one list comes then", moment(until)),
        ),
    };
    Line {
        name: "quiet hours",
        stops,
        words,
    }
}

fn digest(why: &Why<'_>) -> Line {
    Line {
        name: "digest",
        stops: why.digest_at.is_some(),
        words: why.digest_at.map_or_else(
            || "it speaks at once".to_owned(),
            |at| format!("it speaks in the digest of {}", moment(at)),
        ),
    }
}

fn cap(why: &Why<'_>) -> Line {
    let Cap {
        used,
        most,
        free_at,
    } = why.cap;
    let words = match (most, free_at) {
        (0, _) => "the channel has none".to_owned(),
        (_, Some(at)) => format!(
            "{used} of {most} messages in the last hour; the rest is one message {}",
            ago(at)
        ),
        _ => format!("{used} of {most} messages in the last hour"),
    };
    Line {
        name: "hourly cap",
        stops: free_at.is_some(),
        words,
    }
}

fn channel(why: &Why<'_>) -> Line {
    let channel = why.alert.channel;
    Line {
        name: "channel",
        stops: why.parked.is_some(),
        words: why.parked.map_or_else(
            || format!("<#{channel}> takes notices"),
            |(reason, mend)| format!("<#{channel}> is parked: {reason}; {mend}"),
        ),
    }
}
