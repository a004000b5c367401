//! What people read: values in, messages out.
//!
//! Everything here is pure. The present is passed in, nothing is looked up, and Discord is known
//! only by the limits and the body of a message. Commands, notices, replays and the demo word the
//! same thing with the same function.
//!
//! House style: parts are joined by ` · `, asides by ` – `; a figure and its unit have a space
//! between them; a negative figure has a real minus; what is not known is said and never shown as
//! zero.

pub mod alarm;
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

/// A page of a list: what of it is shown, and where the pages beside it begin.
pub(crate) struct Page<'a> {
    pub(crate) lines: &'a [String],
    /// `None` for the first page.
    pub(crate) before: Option<usize>,
    /// `None` for the last page.
    pub(crate) after: Option<usize>,
}

/// The page that begins with the line of that number: as many lines as have room, one at least. Pages are
/// the same whichever way somebody turns, but for the first one, which is as full as the others.
pub(crate) fn page(lines: &[String], from: usize, most: usize) -> Page<'_> {
    fn fitting<'a>(lines: impl Iterator<Item = &'a String>, most: usize) -> usize {
        let mut used = 0;
        let fitting = lines.take_while(|line| {
            used += line.chars().count() + 1;
            used <= most + 1
        });
        fitting.count().max(1)
    }
    let from = from.min(lines.len().saturating_sub(1));
    let (earlier, rest) = lines.split_at(from);
    let shown = fitting(rest.iter(), most).min(rest.len());
    let next = from + shown;
    Page {
        lines: &rest[..shown],
        before: (from > 0).then(|| from.saturating_sub(fitting(earlier.iter().rev(), most))),
        after: (next < lines.len()).then_some(next),
    }
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

#[cfg(test)]
mod tests {
    mod hostile;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whoever turns from page to page sees each line once, and comes back the same way.
        #[test]
        fn pages_show_each_line_once(lengths in proptest::collection::vec(0_usize..300, 0..60), most in 1_usize..600) {
            let lines: Vec<String> = lengths.iter().map(|length| "x".repeat(*length)).collect();
            let (mut seen, mut from) = (0, 0);
            loop {
                let shown = page(&lines, from, most);
                prop_assert_eq!(shown.before.is_none(), from == 0);
                seen += shown.lines.len();
                if let Some(before) = shown.before {
                    prop_assert!(before < from);
                    let back = page(&lines, before, most);
                    prop_assert!(before == 0 || back.after == Some(from));
                }
                match shown.after {
                    Some(next) => { prop_assert!(next > from); from = next; }
                    None => break,
                }
            }
            prop_assert_eq!(seen, lines.len());
        }
    }
}
