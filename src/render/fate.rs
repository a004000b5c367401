//! What happened to notices: queued, told with a link, waiting until when, parked why.

use super::{
    DOT, count, lines_within,
    message::{Colour, Embed, Field, Message, limits},
    numbers::{age, ago},
};
use crate::domain::{
    ids::{AlertId, ChannelId},
    time::Timestamp,
};
use std::time::Duration;

/// Where a notice stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate<'a> {
    /// It waits for its turn.
    Queued,
    /// It is held back, to be told in a list.
    Held {
        why: &'a str,
        until: Timestamp,
    },
    Sending,
    /// Tried, and to be tried again.
    Waiting {
        until: Timestamp,
        reason: &'a str,
    },
    /// It may be in the channel. `None`: the channel cannot be looked into.
    Uncertain {
        looked_for: Option<Timestamp>,
    },
    Told {
        link: Option<String>,
        /// From when it was written to when it was told.
        after: Duration,
    },
    Parked {
        reason: &'a str,
        mend: &'a str,
    },
    Refused {
        /// Discord's code, where it gave one.
        code: Option<&'a str>,
    },
    /// A filter of the server does not want the text; Discord's code.
    Filtered {
        code: &'a str,
    },
    Expired,
    Superseded,
}

impl Fate<'_> {
    fn words(&self) -> String {
        match self {
            Self::Queued => "queued".to_owned(),
            Self::Held { why, until } => format!("held back by {why}, told in a list {}", ago(*until)),
            Self::Sending => "being sent".to_owned(),
            Self::Waiting { until, reason } => format!("waits, tried again {}: {reason}", ago(*until)),
            Self::Uncertain {
                looked_for: Some(at),
            } => format!("uncertain, the channel is looked into {}", ago(*at)),
            Self::Uncertain { looked_for: None } => {
                "uncertain: it may be in the channel, and I cannot look; allow me to Read Message History"
                    .to_owned()
            }
            Self::Told {
                link: Some(link),
                after,
            } => format!("[told]({link}) within {}", age(*after)),
            Self::Told { link: None, after } => format!("told within {}", age(*after)),
            Self::Parked { reason, mend } => format!("parked: {reason}; {mend}"),
            Self::Refused { code: Some(code) } => format!("refused by Discord ({code})"),
            Self::Refused { code: None } => "refused by Discord".to_owned(),
            Self::Filtered { code } => format!(
                "refused by a filter of the server ({code}); let its AutoMod pass what I post there"
            ),
            Self::Expired => "too old by the time it could be sent".to_owned(),
            Self::Superseded => "said by a newer notice".to_owned(),
        }
    }

    const fn is_told(&self) -> bool {
        matches!(self, Self::Told { .. })
    }
}

/// One notice, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line<'a> {
    pub written: Timestamp,
    pub alert: AlertId,
    /// `None` for a message to one person, of whom nothing is said.
    pub channel: Option<ChannelId>,
    /// `opened`, `closed` or `test`.
    pub occasion: &'a str,
    /// The pool's name, made harmless, where it is known.
    pub pool: Option<String>,
    /// The episode that it began was over then.
    pub over: Option<Timestamp>,
    pub fate: Fate<'a>,
}

/// How sending stands as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sending<'a> {
    pub paused: Duration,
    /// Why requests go one by one.
    pub probing: Option<&'a str>,
    /// Invalid requests in the last ten minutes.
    pub invalid: usize,
    /// What is held back for them.
    pub held: Option<&'a str>,
}

/// An alert's notices of so many days, newest first.
pub fn history(alert: AlertId, days: u32, lines: &[Line<'_>]) -> Message {
    let told = lines.iter().filter(|line| line.fate.is_told()).count();
    let opened = lines.iter().filter(|line| line.occasion == "opened");
    let over = opened.clone().filter(|line| line.over.is_some()).count();
    let opened = opened.count();
    let title = format!("Alert #{alert}, the last {days} days");
    if lines.is_empty() {
        return Message::text(format!("{title}: it had nothing to tell."));
    }
    let words: Vec<String> = lines.iter().map(words).collect();
    Message::from(Embed {
        title,
        description: format!(
            "{}, {over} over{DOT}{}, {told} told\n{}",
            count(opened, "episode", "episodes"),
            count(lines.len(), "notice", "notices"),
            lines_within(&words, limits::DESCRIPTION - 100)
        ),
        colour: if told == lines.len() {
            Colour::Green
        } else {
            Colour::Amber
        },
        ..Embed::default()
    })
}

/// What waits over all servers, for whoever runs the bot; `lines` are the oldest.
pub fn queue(counts: &[(&str, u64)], sending: Sending<'_>, lines: &[Line<'_>]) -> Message {
    let counts: Vec<String> = counts
        .iter()
        .map(|(state, count)| format!("{count} {state}"))
        .collect();
    let words: Vec<String> = lines
        .iter()
        .map(|line| {
            let place = line.channel.map_or_else(
                || "to a member".to_owned(),
                |channel| format!("#{} in <#{channel}>", line.alert),
            );
            format!("{place}{DOT}{}{DOT}{}", what(line), line.fate.words())
        })
        .collect();
    let or_none = |words: String| {
        if words.is_empty() {
            "none".to_owned()
        } else {
            words
        }
    };
    Message::from(Embed {
        title: "Notices of all servers".to_owned(),
        colour: Colour::Blue,
        fields: vec![
            Field::wide("By state", or_none(counts.join(DOT))),
            Field::wide("Sending", sending_words(sending)),
            Field::wide(
                "Oldest that are not told",
                or_none(lines_within(&words, limits::FIELD_VALUE)),
            ),
        ],
        ..Embed::default()
    })
}

/// One notice and what became of it.
pub fn words(line: &Line<'_>) -> String {
    format!("{}{DOT}{}", what(line), line.fate.words())
}

fn what(line: &Line<'_>) -> String {
    let pool = line
        .pool
        .as_ref()
        .map_or(String::new(), |pool| format!(" {pool}"));
    let over = line.over.map_or(String::new(), |over| {
        format!(", over after {}", age(over.since(line.written)))
    });
    format!("{} {}{pool}{over}", ago(line.written), line.occasion)
}

fn sending_words(sending: Sending<'_>) -> String {
    let mut parts = Vec::new();
    if !sending.paused.is_zero() {
        parts.push(format!("everything rests for {}", age(sending.paused)));
    }
    if let Some(why) = sending.probing {
        parts.push(format!("one request at a time, since {why}"));
    }
    if let Some(held) = sending.held {
        parts.push(held.to_owned());
    }
    let requests = if sending.invalid == 1 {
        "request"
    } else {
        "requests"
    };
    parts.push(format!(
        "{} invalid {requests} in 10 minutes",
        sending.invalid
    ));
    parts.join(DOT)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    fn line(fate: Fate<'static>) -> Line<'static> {
        Line {
            written: NOW,
            alert: AlertId(7),
            channel: Some(ChannelId(5)),
            occasion: "opened",
            pool: Some("USDC · aave-v3 · Ethereum".to_owned()),
            over: None,
            fate,
        }
    }

    fn all() -> Vec<Line<'static>> {
        [
            Fate::Queued,
            Fate::Sending,
            Fate::Held {
                why: "quiet hours",
                until: NOW,
            },
            Fate::Waiting {
                until: NOW,
                reason: "Discord asks us to slow down",
            },
            Fate::Uncertain {
                looked_for: Some(NOW),
            },
            Fate::Uncertain { looked_for: None },
            Fate::Told {
                link: Some("https://discord.com/channels/1/2/3".to_owned()),
                after: Duration::from_secs(2),
            },
            Fate::Told {
                link: None,
                after: Duration::from_secs(2),
            },
            Fate::Parked {
                reason: "its webhook was deleted",
                mend: "give /alerts add for that channel again",
            },
            Fate::Refused {
                code: Some("malformed 50035"),
            },
            Fate::Refused { code: None },
            Fate::Filtered { code: "200000" },
            Fate::Expired,
            Fate::Superseded,
        ]
        .map(line)
        .to_vec()
    }

    /// F-D13: also what a filter has refused.
    #[test]
    fn a_history_tells_every_fate() {
        insta::assert_snapshot!(history(AlertId(7), 30, &all()).embeds[0].description);
        let empty = history(AlertId(7), 30, &[]);
        assert!(
            empty.content.contains("nothing to tell"),
            "{}",
            empty.content
        );
    }

    #[test]
    fn a_queue_tells_what_holds_it_up() {
        let sending = Sending {
            paused: Duration::from_secs(61),
            probing: Some("Discord failed half of the latest requests"),
            invalid: 210,
            held: Some("what can wait is held back"),
        };
        let message = queue(&[("pending", 3), ("parked", 1)], sending, &all()[..3]);
        insta::assert_json_snapshot!(message.embeds[0].fields);
    }
}
