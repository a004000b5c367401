//! What the channels read, as text on a terminal.

use std::{collections::BTreeMap, io::Write as _};

use anstyle::{AnsiColor, Style};
use discord_twin::Twin;
use serde_json::Value;

use crate::{
    alerting::rules_file::NamedRule,
    domain::{ids::ChannelId, time::Timestamp},
    market::ingest::HalfEmpty,
};

/// Prints messages as they come up, each once.
#[derive(Debug)]
pub(super) struct Screen {
    channels: BTreeMap<u64, Channel>,
    printed: usize,
}

#[derive(Debug)]
struct Channel {
    name: String,
    kind: &'static str,
    messages: u32,
}

/// A channel's name for a rule: `Dollars and euros over 15 %` becomes `dollars-and-euros-over-15`.
pub(super) fn channel_name(rule: &str) -> String {
    let words = rule.split(|c: char| !c.is_ascii_alphanumeric());
    let words: Vec<String> = words
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    words.join("-")
}

impl Screen {
    pub(super) fn new(rules: &[NamedRule], channels: &[ChannelId]) -> Self {
        let channels = channels
            .iter()
            .zip(rules)
            .map(|(channel, named)| {
                let channel_of_rule = Channel {
                    name: channel_name(&named.name),
                    kind: named.rule.condition.kind().slug(),
                    messages: 0,
                };
                (channel.0, channel_of_rule)
            })
            .collect();
        Self {
            channels,
            printed: 0,
        }
    }

    /// Prints the messages that were posted since the last call, in the order of posting.
    pub(super) fn print_new(&mut self, twin: &Twin, now: Timestamp) {
        let mut out = anstream::stdout().lock();
        let ledger = twin.ledger();
        // Channels are posted to side by side, so what came within a day is shown by channel.
        let mut new: Vec<_> = ledger.iter().skip(self.printed).collect();
        new.sort_by_key(|message| message.channel);
        for message in new {
            if let Some(channel) = self.channels.get_mut(&message.channel) {
                channel.messages += 1;
                for embed in message.body["embeds"].as_array().into_iter().flatten() {
                    drop(print_embed(&mut out, &channel.name, embed, now));
                }
            }
        }
        self.printed = ledger.len();
    }

    /// Says how many messages of which kind there were, and whether a rule of Discord's was broken.
    pub(super) fn summarise(&self, days: u32, violations: Vec<String>) {
        let mut kinds: BTreeMap<&str, u32> = BTreeMap::new();
        for channel in self
            .channels
            .values()
            .filter(|channel| channel.messages > 0)
        {
            *kinds.entry(channel.kind).or_default() += channel.messages;
        }
        let total: u32 = kinds.values().sum();
        let each: Vec<String> = kinds
            .iter()
            .map(|(kind, count)| format!("{count} {kind}"))
            .collect();
        let mut out = anstream::stdout().lock();
        let bold = Style::new().bold();
        drop(writeln!(
            out,
            "{bold}{days} days, {total} notices of {} kinds{bold:#}: {}",
            kinds.len(),
            each.join(", ")
        ));
        for violation in violations {
            drop(writeln!(out, "broken rule: {violation}"));
        }
    }
}

/// A batch that is not believed is no event for any alert.
pub(super) fn print_disbelief(now: Timestamp, why: &HalfEmpty) {
    let mut out = anstream::stdout().lock();
    let style = Style::new().fg_color(Some(AnsiColor::Yellow.into()));
    drop(writeln!(
        out,
        "{style}{}: the answer is not believed ({why}); nothing fires and nothing is resolved{style:#}\n",
        now.day()
    ));
}

/// The demonstration goes on with its last day until it is ended.
pub(super) fn say_how_to_go_on(twin: &Twin, guild: u64, channels: &[ChannelId]) {
    let mut out = anstream::stdout().lock();
    let base = twin.base_url();
    let channel = channels.first().map_or(guild, |channel| channel.0);
    drop(writeln!(
        out,
        "The bot still answers. Try a command from another terminal, and end with Ctrl-C:\n  \
         curl -s {base}/twin/run -d '{{\"guild\":\"{guild}\",\"channel\":\"{channel}\",\"permissions\":\"32\",\"command\":\"yield find\",\"options\":{{\"asset\":\"USDC\"}}}}' -H 'Content-Type: application/json'"
    ));
}

fn print_embed(
    out: &mut impl std::io::Write,
    channel: &str,
    embed: &Value,
    now: Timestamp,
) -> std::io::Result<()> {
    let text = |value: &Value| plain(value.as_str().unwrap_or_default(), now);
    let dim = Style::new().dimmed();
    let place = Style::new().fg_color(Some(AnsiColor::Cyan.into()));
    let bold = Style::new().bold();
    writeln!(
        out,
        "{place}#{channel}{place:#} {dim}{}{dim:#}\n  {bold}{}{bold:#}\n  {}",
        now.day(),
        text(&embed["title"]),
        text(&embed["description"]).replace('\n', "\n  "),
    )?;
    for field in embed["fields"].as_array().into_iter().flatten() {
        let value = text(&field["value"]).replace('\n', "\n    ");
        writeln!(out, "    {dim}{}:{dim:#} {value}", text(&field["name"]))?;
    }
    writeln!(out, "  {dim}{}{dim:#}\n", text(&embed["footer"]["text"]))
}

/// Takes Discord's markup away: emphasis, escapes, links, and its marks of time.
fn plain(text: &str, now: Timestamp) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let link = (c == '[').then(|| link(rest)).flatten();
        let (skip, shown) = match c {
            '[' if link.is_some() => link.unwrap_or_default(),
            '\\' => (1, None),
            '*' | '`' => (1, Some(String::new())),
            '<' if rest.starts_with("<t:") => match time_mark(rest, now) {
                Some((length, words)) => (length, Some(words)),
                None => (1, Some("<".to_owned())),
            },
            _ => (0, None),
        };
        rest = rest.get(skip..).unwrap_or_default();
        if let Some(shown) = shown {
            plain.push_str(&shown);
        } else {
            let Some(c) = rest.chars().next() else { break };
            plain.push(c);
            rest = rest.get(c.len_utf8()..).unwrap_or_default();
        }
    }
    plain
}

/// `[words](address)`: a terminal shows the words.
fn link(text: &str) -> Option<(usize, Option<String>)> {
    let (words, after) = text.get(1..)?.split_once("](https://")?;
    let end = after.find(')')?;
    let length = 1 + words.len() + "](https://".len() + end + 1;
    Some((length, Some(words.to_owned())))
}

/// `<t:SECONDS:R>` is told against the recorded day, not against today.
fn time_mark(text: &str, now: Timestamp) -> Option<(usize, String)> {
    let end = text.find('>')?;
    let (seconds, style) = text.get(3..end)?.split_once(':')?;
    let at = Timestamp::from_millis(seconds.parse::<i64>().ok()?.checked_mul(1000)?);
    let words = if style == "R" {
        format!("{} before", crate::render::numbers::age(now.since(at)))
    } else {
        at.rfc3339().replace('T', " ").replace('Z', " UTC")
    };
    Some((end + 1, words))
}
