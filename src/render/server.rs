//! What a server has chosen, and who changed what.

use super::{
    DOT, lines_within,
    message::{Colour, Embed, Field, Message, limits},
    numbers::{ago, bare, dollars, moment},
};
use crate::domain::{
    ids::{ChannelId, UserId},
    manner::ServerSettings,
    time::Timestamp,
    zone::{Cadence, Zone},
};

/// The quiet hours of a server.
pub fn quiet(settings: &ServerSettings) -> Message {
    Message::text(quiet_words(settings))
}

fn quiet_words(settings: &ServerSettings) -> String {
    let Some(hours) = settings.quiet else {
        return "There are no quiet hours. `/alerts quiet from:22:00 to:07:00` sets some."
            .to_owned();
    };
    let critical = if settings.critical_in_quiet {
        "What may cost people money is said all the same; the rest comes"
    } else {
        "Nothing is said in them; what there was comes"
    };
    format!(
        "Quiet hours: {hours}, {} time. {critical} as one list when they are over.",
        settings.zone
    )
}

/// The report of a channel, and when it comes next.
pub fn report(channel: ChannelId, report: Option<(Cadence, Timestamp)>, zone: Zone) -> Message {
    Message::text(match report {
        Some((cadence, next)) => format!(
            "<#{channel}> is given a report {cadence}, {zone} time, also when nothing has happened. The \
             next one comes {} ({}).",
            moment(next),
            ago(next)
        ),
        None => format!("<#{channel}> is given no report any more."),
    })
}

/// What the operator set for servers that choose nothing else.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Usual {
    /// Messages an hour for a channel; 0 for no limit.
    pub cap: usize,
    /// The highest APY that searches find, in percent.
    pub max_apy: f64,
}

/// All that a server has chosen.
pub fn settings(settings: &ServerSettings, usual: Usual) -> Message {
    let cap = settings.hourly_cap.map_or(usual.cap, |cap| cap as usize);
    let cap = if cap == 0 {
        "no limit".to_owned()
    } else {
        format!("{cap} messages a channel")
    };
    let floor = settings.min_tvl.map_or_else(
        || "any TVL".to_owned(),
        |floor| format!("TVL ≥ {}", dollars(floor)),
    );
    let lookups = if settings.public_lookups {
        "for everybody in the channel"
    } else {
        "for the asker alone"
    };
    let admins = settings.admin_channel.map_or_else(
        || "the channel that was set up first".to_owned(),
        |channel| format!("<#{channel}>"),
    );
    Message::from(Embed {
        title: "What this server has chosen".to_owned(),
        colour: Colour::Blue,
        fields: vec![
            Field::narrow("Time zone", settings.zone.name()),
            Field::narrow("Digests come", format!("at {}", settings.digest_at)),
            Field::narrow("An hour", cap),
            Field::narrow(
                "Searches find",
                format!(
                    "APY ≤ {} %{DOT}{floor}",
                    bare(settings.max_apy.unwrap_or(usual.max_apy))
                ),
            ),
            Field::narrow("Look-ups answer", lookups),
            Field::narrow("Outages are told in", admins),
            Field::wide("Quiet hours", quiet_words(settings)),
        ],
        footer: "/config set changes it, /config audit tells who did".to_owned(),
        ..Embed::default()
    })
}

/// One change.
#[derive(Debug, Clone, Copy)]
pub struct Change<'a> {
    pub at: Timestamp,
    pub person: Option<UserId>,
    /// Our own words, in which nothing stands that anybody typed.
    pub words: &'a str,
}

/// Who changed what, the last one first.
pub fn audit(days: u32, changes: &[Change<'_>]) -> Message {
    if changes.is_empty() {
        return Message::text(format!("Nobody changed anything in the last {days} days."));
    }
    let lines: Vec<String> = changes
        .iter()
        .map(|change| {
            let person = change
                .person
                .map_or_else(|| "somebody".to_owned(), |person| format!("<@{person}>"));
            format!("{} {person} {}", ago(change.at), change.words)
        })
        .collect();
    Message::from(Embed {
        title: format!("Changes of the last {days} days"),
        description: lines_within(&lines, limits::DESCRIPTION - 100),
        colour: Colour::Blue,
        ..Embed::default()
    })
}
