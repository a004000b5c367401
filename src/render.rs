//! What people read: values in, messages out.
//!
//! Everything here is pure. The present is passed in, nothing is looked up, and Discord is known
//! only by the limits and the body of a message. Commands, notices, replays and the demo word the
//! same thing with the same function.
//!
//! House style: parts are joined by ` · `, asides by ` – `; a figure and its unit have a space
//! between them; a negative figure has a real minus; what is not known is said and never shown as
//! zero.

pub mod alerts;
pub mod better;
pub mod bundle;
pub mod calendar;
pub mod calmer;
pub mod compare;
pub mod correlation;
pub mod error;
pub mod exposure;
pub mod fate;
pub mod help;
pub mod history;
pub mod impermanent;
pub mod income;
pub mod ledger;
pub mod mention;
pub mod message;
pub mod notice;
pub mod numbers;
pub mod payer;
pub mod performance;
pub mod picture;
pub mod plan;
pub mod pool;
pub mod portfolio;
pub mod press;
pub mod preview;
pub mod privacy;
pub mod report;
pub mod review;
pub mod risk;
pub mod server;
pub mod setup;
pub mod spoken;
pub mod stack;
pub mod staking;
pub mod status;
pub mod text;
pub mod track;
pub mod verdict;
pub mod watch;
pub mod why;

#[cfg(test)]
mod samples;

use crate::domain::{pool::Pool, reading::DEFILLAMA};

/// Joins the parts of a line.
pub(crate) const DOT: &str = " · ";

/// A list that fits `most` code points: whole lines, and how many were left out.
pub(crate) fn lines_within(lines: &[String], most: usize) -> String {
    let length = |text: &str| text.chars().count();
    let all: usize = lines.iter().map(|line| length(line) + 1).sum();
    if all <= most + 1 {
        return lines.join("\n");
    }
    let room = most.saturating_sub(length("+ more") + 20);
    let mut used = 0;
    let kept: Vec<&str> = lines
        .iter()
        .take_while(|line| {
            used += length(line) + 1;
            used <= room
        })
        .map(String::as_str)
        .collect();
    let more = lines.len() - kept.len();
    format!("{}\n+{more} more", kept.join("\n"))
}

/// `1 pool`, `14 pools`.
pub(crate) fn count(number: usize, one: &str, many: &str) -> String {
    let word = if number == 1 { one } else { many };
    format!("{} {word}", numbers::grouped(number))
}

/// A pool's name for Discord: `USDC · aave-v3 · Ethereum`.
pub(crate) fn name(pool: &Pool) -> String {
    [&*pool.symbol, &*pool.protocol, &*pool.chain]
        .map(text::name)
        .join(DOT)
}

/// A pool's name where markdown is not read: a terminal, a footer, a button.
pub(crate) fn plain_name(pool: &Pool) -> String {
    [&*pool.symbol, &*pool.protocol, &*pool.chain]
        .map(text::plain_name)
        .join(DOT)
}

/// What the end of every market reply says of the source.
pub(crate) fn feed_words(source: &str) -> String {
    let source = text::clean(source, text::NAME);
    if source == DEFILLAMA {
        format!("{source} hourly feed")
    } else {
        source
    }
}
