//! What went wrong, in one line with what to do about it.

use super::{
    count,
    message::Message,
    numbers::grouped,
    text::{self, SENTENCE},
};
use crate::domain::{ids::AlertId, money::AmountError, rule::RuleError, time::SpanError};

/// Why a command was not done.
#[derive(Debug, Clone, PartialEq)]
pub enum Trouble {
    /// No pool is meant by this; `close` are names that are near.
    NoSuchPool {
        asked: String,
        close: Vec<String>,
    },
    /// Several pools are meant by this.
    AmbiguousPool {
        asked: String,
        count: usize,
    },
    BadAmount(AmountError),
    BadRule(RuleError),
    BadSpan(SpanError),
    /// The bot lacks a right; `how` says how to give it.
    MissingRight {
        what: String,
        how: String,
    },
    /// The caller lacks a right.
    CallerLacks {
        what: String,
    },
    /// The channel cannot take notices.
    ChannelRefused {
        reason: String,
    },
    NoSuchAlert {
        id: AlertId,
    },
    NoSuchPosition,
    /// There are as many as there may be.
    TooMany {
        what: String,
        limit: usize,
    },
    /// The command is for servers only.
    NotInServer,
    /// No source has answered yet.
    MarketEmpty,
    /// Too much is going on at the moment.
    Busy,
    /// A fault of ours; the id finds it in the log.
    Internal {
        incident: String,
    },
}

/// The line that tells it.
pub fn line(trouble: &Trouble) -> String {
    match trouble {
        Trouble::NoSuchPool { asked, close } => no_such_pool(asked, close),
        Trouble::AmbiguousPool { asked, count: many } => format!(
            "“{}” fits {}. Choose one from the suggestions while you type, or give the pool's id.",
            text::escape(asked),
            count(*many, "pool", "pools")
        ),
        Trouble::BadAmount(error) => refused(error),
        Trouble::BadSpan(error) => refused(error),
        Trouble::BadRule(error) => refused(error),
        Trouble::MissingRight { what, how } => {
            format!(
                "I lack the right “{}” here. {}",
                foreign(what),
                foreign(how)
            )
        }
        Trouble::CallerLacks { what } => {
            format!(
                "You need the right “{}” for this. Ask somebody who has it.",
                foreign(what)
            )
        }
        Trouble::ChannelRefused { reason } => format!(
            "That channel cannot take notices: {}. Choose another, or mend it and try again.",
            foreign(reason)
        ),
        Trouble::NoSuchAlert { id } => {
            format!("There is no alert #{id} here. `/alerts list` shows those that there are.")
        }
        Trouble::NoSuchPosition => {
            "You have no such position. `/portfolio view` shows those that you have.".to_owned()
        }
        Trouble::TooMany { what, limit } => format!(
            "There are {} {} already, and no more are taken. Remove one first.",
            grouped(*limit),
            foreign(what)
        ),
        Trouble::NotInServer => {
            "This works in a server only, since notices need a channel. Use it there.".to_owned()
        }
        Trouble::MarketEmpty => {
            "There are no readings yet: the source has not answered. Try again in some minutes, or \
             look at `/status`."
                .to_owned()
        }
        Trouble::Busy => "Too much is going on right now. Try again in a minute.".to_owned(),
        Trouble::Internal { incident } => format!(
            "That failed, and the fault is ours. Try again; if it stays, give incident `{}` to \
             whoever runs this bot.",
            incident_id(incident)
        ),
    }
}

/// [`line()`] as a message.
pub fn message(trouble: &Trouble) -> Message {
    Message::text(line(trouble))
}

fn no_such_pool(asked: &str, close: &[String]) -> String {
    let asked = text::escape(asked);
    let close: Vec<String> = close
        .iter()
        .take(3)
        .map(|name| text::escape_to(name, 80))
        .collect();
    if close.is_empty() {
        format!("No pool is called “{asked}”. Choose one from the suggestions while you type.")
    } else {
        format!(
            "No pool is called “{asked}”. Did you mean {}?",
            close.join(" or ")
        )
    }
}

/// A refusal of the domain's; it quotes what was typed between backticks.
fn refused(error: &impl std::fmt::Display) -> String {
    let mut words = error.to_string().replace('`', "'");
    if !words.ends_with('.') {
        words.push('.');
    }
    foreign(&words)
}

fn foreign(text: &str) -> String {
    text::escape_to(text, SENTENCE)
}

/// Inside backticks nothing can be escaped, so only what ids are made of stays.
fn incident_id(incident: &str) -> String {
    incident
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || *c == '-')
        .take(40)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        money::Amount,
        rule::{Condition, Kind, Terms},
        time::Span,
    };

    #[test]
    fn every_trouble_says_what_to_do() {
        let words = |text: &str| text.to_owned();
        let terms = Terms {
            value: Some(5.0),
            clear_at: Some(6.0),
            ..Terms::default()
        };
        let troubles = [
            Trouble::NoSuchPool {
                asked: words("USCD [x](https://evil)"),
                close: Vec::new(),
            },
            Trouble::NoSuchPool {
                asked: words("USCD"),
                close: vec![
                    words("USDC · aave-v3 · Ethereum"),
                    words("USDC · morpho · Base"),
                ],
            },
            Trouble::AmbiguousPool {
                asked: words("USDC"),
                count: 214,
            },
            Trouble::BadAmount("1.5x`@here".parse::<Amount>().unwrap_err()),
            Trouble::BadRule(Condition::new(Kind::ApyAbove, terms).unwrap_err()),
            Trouble::BadRule(Condition::new(Kind::TvlDrop, Terms::default()).unwrap_err()),
            Trouble::BadSpan("soon".parse::<Span>().unwrap_err()),
            Trouble::MissingRight {
                what: words("Manage Webhooks"),
                how: words("Give it to my role in the channel's settings, then try again."),
            },
            Trouble::CallerLacks {
                what: words("Manage Server"),
            },
            Trouble::ChannelRefused {
                reason: words("it is a forum"),
            },
            Trouble::NoSuchAlert { id: AlertId(12) },
            Trouble::NoSuchPosition,
            Trouble::TooMany {
                what: words("alerts in this server"),
                limit: 100,
            },
            Trouble::NotInServer,
            Trouble::MarketEmpty,
            Trouble::Busy,
            Trouble::Internal {
                incident: words("7f3a-91`"),
            },
        ];
        let lines: Vec<String> = troubles.iter().map(line).collect();
        insta::assert_snapshot!(lines.join("\n"));
    }
}
