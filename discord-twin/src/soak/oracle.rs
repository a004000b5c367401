//! What should have been told against what was: read from the ledger, with no word from the bot.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fmt,
};

use crate::StoredMessage;

/// An APY in hundredths of a percent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Rate(pub(super) u32);

/// What tells one notice from all others: its pool and the two figures that it shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Mark {
    pub(super) pool: u32,
    pub(super) from: Rate,
    pub(super) to: Rate,
}

/// Where a message says something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Part {
    /// As a notice.
    Told,
    /// Beside the notice that began it, by an edit. An end may be told so, or by a message, or both.
    Over,
}

/// What stands before the end of an episode in the notice that began it.
const OVER: &str = "Over:";

/// Something that has to be told once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Edge {
    /// The batch that completes it.
    pub(super) batch: u32,
    pub(super) channel: u64,
    pub(super) mark: Mark,
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02}", self.0 / 100, self.0 % 100)
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let symbol = Self::symbol(self.pool);
        write!(f, "{symbol} {} % → {} %", self.from, self.to)
    }
}

const SYMBOL: &str = "SOAK";

impl Mark {
    /// How the pool of this number is called.
    pub(super) fn symbol(pool: u32) -> String {
        format!("{SYMBOL}{pool:03}")
    }

    /// The mark of one notice: `SOAK007 … 4.10 % → **2.60 %**`, whatever stands around it.
    fn read(notice: &str) -> Option<Self> {
        let (_, named) = notice.split_once(SYMBOL)?;
        let (pool, _) = named.split_once(|letter: char| !letter.is_ascii_digit())?;
        let (before, after) = named.split_once('→')?;
        let digits = |letter: char| letter.is_ascii_digit();
        let figure = |letter: char| letter.is_ascii_digit() || letter == '.';
        let from = before
            .trim_end_matches(|letter| !digits(letter))
            .rsplit(|letter| !figure(letter));
        let to = after
            .trim_start_matches(|letter| !digits(letter))
            .split(|letter| !figure(letter));
        Some(Self {
            pool: pool.parse().ok()?,
            from: Rate::read(from)?,
            to: Rate::read(to)?,
        })
    }
}

impl Rate {
    fn read<'a>(mut words: impl Iterator<Item = &'a str>) -> Option<Self> {
        let (whole, part) = words.next()?.split_once('.')?;
        let (whole, part): (u32, u32) = (whole.parse().ok()?, part.parse().ok()?);
        Some(Self(whole * 100 + part))
    }
}

/// The marks of a message: of its text line by line, of its embeds, of its files line by line.
pub(super) fn marks(message: &StoredMessage) -> Vec<(Mark, Part)> {
    let mut marks: Vec<(Mark, Part)> = message.content().lines().filter_map(of_line).collect();
    for embed in message.body["embeds"].as_array().into_iter().flatten() {
        let part = |key: &str| embed[key].as_str().unwrap_or_default().to_owned();
        let (title, description) = (part("title"), part("description"));
        let (told, over) = description
            .split_once(OVER)
            .map_or((&*description, None), |(told, over)| (told, Some(over)));
        let read = |text: &str| Mark::read(&format!("{title}\n{text}"));
        marks.extend(read(told).map(|mark| (mark, Part::Told)));
        marks.extend(over.and_then(read).map(|mark| (mark, Part::Over)));
    }
    for file in &message.files {
        let text = String::from_utf8_lossy(&file.bytes);
        marks.extend(text.lines().filter_map(of_line));
    }
    marks
}

fn of_line(line: &str) -> Option<(Mark, Part)> {
    let part = if line.trim_start_matches([' ', '*']).starts_with(OVER) {
        Part::Over
    } else {
        Part::Told
    };
    Some((Mark::read(line)?, part))
}

/// Everything that has to be told, and how much of it has been seen so far.
#[derive(Debug, Default)]
pub(super) struct Oracle {
    expected: Vec<Edge>,
    seen: HashSet<(u64, Mark)>,
}

/// What came of the comparison.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) found: usize,
    pub(super) lost: Vec<Edge>,
    pub(super) doubled: Vec<(Edge, u32)>,
    /// Told by the bot although the script has no such edge.
    pub(super) unexpected: Vec<(u64, Mark)>,
}

impl Oracle {
    pub(super) fn expect(&mut self, edges: Vec<Edge>) {
        self.expected.extend(edges);
    }

    pub(super) fn expected(&self) -> usize {
        self.expected.len()
    }

    /// How many different notices were seen.
    pub(super) fn found(&self) -> usize {
        self.seen.len()
    }

    /// Takes note of a message that has just come, or was edited.
    pub(super) fn saw(&mut self, message: &StoredMessage) {
        let marks = marks(message).into_iter();
        self.seen
            .extend(marks.map(|(mark, _)| (message.channel, mark)));
    }

    /// Whether anything of this batch was told, so that the bot must have kept it.
    pub(super) fn told_of(&self, batch: u32) -> bool {
        let newest = self.expected.iter().rev();
        newest
            .take_while(|edge| edge.batch == batch)
            .any(|edge| self.seen.contains(&(edge.channel, edge.mark)))
    }

    /// How many of the newest `of` edges were not told yet.
    pub(super) fn outstanding(&self, of: usize) -> usize {
        let newest = self.expected.iter().rev().take(of);
        newest
            .filter(|edge| !self.seen.contains(&(edge.channel, edge.mark)))
            .count()
    }

    /// Compares with what people see in the channels now.
    pub(super) fn compare<'a>(&self, visible: impl Iterator<Item = &'a StoredMessage>) -> Tally {
        let mut told: BTreeMap<(u64, Mark), BTreeMap<Part, u32>> = BTreeMap::new();
        for message in visible {
            for (mark, part) in marks(message) {
                let parts = told.entry((message.channel, mark)).or_default();
                *parts.entry(part).or_default() += 1;
            }
        }
        let expected: HashMap<(u64, Mark), Edge> = self
            .expected
            .iter()
            .map(|edge| ((edge.channel, edge.mark), *edge))
            .collect();
        let mut tally = Tally::default();
        for (told, parts) in &told {
            let times = parts.values().copied().max().unwrap_or_default();
            match expected.get(told) {
                None => tally.unexpected.push(*told),
                Some(_) if times == 1 => {}
                Some(edge) => tally.doubled.push((*edge, times)),
            }
        }
        tally.found = told.len() - tally.unexpected.len();
        let lost = self
            .expected
            .iter()
            .filter(|edge| !told.contains_key(&(edge.channel, edge.mark)));
        tally.lost.extend(lost);
        tally
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use serde_json::{Value, json};

    use super::*;
    use crate::{StoredFile, Via};

    fn mark(pool: u32, from: u32, to: u32) -> Mark {
        Mark {
            pool,
            from: Rate(from),
            to: Rate(to),
        }
    }

    fn edge(pool: u32, from: u32, to: u32) -> Edge {
        Edge {
            batch: 1,
            channel: 5,
            mark: mark(pool, from, to),
        }
    }

    fn embed(pool: u32, from: &str, to: &str) -> Value {
        json!({
            "title": format!("🔻 SOAK{pool:03} · soak-1 · Ethereum"),
            "description": format!("single\nAPY {from} % → **{to} %** (−1.50 pp, −37 %), at or under 3 % since <t:1:f>"),
            "fields": [{"name": "Rule", "value": "SOAK999 9.00 % → 8.00 %"}],
        })
    }

    fn message(embeds: &[Value], file: &str) -> StoredMessage {
        StoredMessage {
            id: 1,
            channel: 5,
            guild: None,
            via: Via::Webhook(9),
            author: 9,
            body: json!({"content": "", "embeds": embeds}),
            created_ms: 0,
            edited_ms: None,
            deleted_ms: None,
            edits: 0,
            ephemeral: false,
            nonce: None,
            files: vec![StoredFile {
                id: 2,
                name: "more.txt".to_owned(),
                size: file.len(),
                bytes: Bytes::copy_from_slice(file.as_bytes()),
            }],
        }
    }

    fn compare(expected: Vec<Edge>, messages: &[StoredMessage]) -> Tally {
        let mut oracle = Oracle::default();
        oracle.expect(expected);
        oracle.compare(messages.iter())
    }

    #[test]
    fn marks_are_read_from_embeds_and_from_lines_of_files() {
        let file = "2 more\n🔻 SOAK002 · soak-1 – APY 4.01 % → 2.03 % (−1.98 pp)\nbase 2.03 %\n✅ SOAK003: 2.00 % → 4.00 %\n";
        let read = marks(&message(&[embed(1, "4.00", "2.00")], file));
        let all = [mark(1, 400, 200), mark(2, 401, 203), mark(3, 200, 400)];
        assert_eq!(read, all.map(|mark| (mark, Part::Told)));
        let mut over = embed(1, "4.00", "2.00");
        let told = over["description"].as_str().unwrap().to_owned();
        over["description"] = json!(format!("{told}\n**Over:** APY 2.00 % → **4.00 %**, back"));
        let list = "SOAK002 4.01 % → 2.03 %\n   Over: ✅ SOAK002 – APY 2.03 % → 4.00 %\n";
        assert_eq!(
            marks(&message(&[over], list)),
            [
                (mark(1, 400, 200), Part::Told),
                (mark(1, 200, 400), Part::Over),
                (mark(2, 401, 203), Part::Told),
                (mark(2, 203, 400), Part::Over),
            ]
        );
        assert_eq!(
            Mark::read(&mark(7, 1205, 204).to_string()),
            Some(mark(7, 1205, 204))
        );
        assert_eq!(Mark::read("SOAK001 pays 4.00 %"), None);
    }

    /// An oracle that cannot find what is wrong would pass anything.
    #[test]
    fn lost_doubled_and_unexpected_are_found_in_embeds_and_in_files() {
        let expected = vec![edge(1, 400, 200), edge(2, 401, 203), edge(3, 200, 400)];
        let told = message(
            &[embed(1, "4.00", "2.00"), embed(8, "4.00", "2.00")],
            "SOAK002 4.01 % → 2.03 %\n",
        );
        let once = compare(expected.clone(), std::slice::from_ref(&told));
        assert_eq!(once.lost, [edge(3, 200, 400)]);
        assert_eq!(once.doubled, []);
        assert_eq!(once.unexpected, [(5, mark(8, 400, 200))]);
        assert_eq!(once.found, 2);

        let twice = compare(expected, &[told.clone(), told]);
        assert_eq!(
            twice.doubled,
            [(edge(1, 400, 200), 2), (edge(2, 401, 203), 2)]
        );
        let in_one = message(&[embed(1, "4.00", "2.00")], "SOAK001 4.00 % → 2.00 %");
        assert_eq!(
            compare(vec![edge(1, 400, 200)], &[in_one]).doubled,
            [(edge(1, 400, 200), 2)]
        );
    }

    /// A notice in the wrong channel is lost where it belongs.
    #[test]
    fn a_channel_counts_for_itself() {
        let elsewhere = Edge {
            channel: 6,
            ..edge(1, 400, 200)
        };
        let told = message(&[embed(1, "4.00", "2.00")], "");
        let tally = compare(vec![elsewhere], std::slice::from_ref(&told));
        assert_eq!((tally.lost.len(), tally.unexpected.len()), (1, 1));
    }

    #[test]
    fn what_was_seen_says_which_batch_is_kept_and_what_is_outstanding() {
        let mut oracle = Oracle::default();
        oracle.expect(vec![edge(1, 400, 200), edge(2, 400, 200)]);
        assert!(!oracle.told_of(1));
        oracle.saw(&message(&[embed(2, "4.00", "2.00")], ""));
        assert!(oracle.told_of(1) && !oracle.told_of(2));
        assert_eq!((oracle.found(), oracle.outstanding(10)), (1, 1));
        assert_eq!(oracle.outstanding(1), 0);
    }
}
