//! The way out for log lines: masks what is secret and defuses what a terminal would obey.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style as Colour};
use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

use super::redact;

/// What a line is meant for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Json,
    /// For people, without colours.
    Plain,
    /// For people; warnings and errors stand out.
    Coloured,
}

/// Makes a writer for each event.
pub(super) struct Writers<W> {
    pub(super) style: Style,
    pub(super) output: W,
}

impl<'a, W: MakeWriter<'a>> MakeWriter<'a> for Writers<W> {
    type Writer = Line<W::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        Line {
            style: self.style,
            colour: Colour::new(),
            text: Vec::new(),
            output: self.output.make_writer(),
        }
    }

    fn make_writer_for(&'a self, meta: &Metadata<'_>) -> Self::Writer {
        Line {
            style: self.style,
            colour: match *meta.level() {
                Level::ERROR => AnsiColor::Red.on_default(),
                Level::WARN => AnsiColor::Yellow.on_default(),
                _ => Colour::new(),
            },
            text: Vec::new(),
            output: self.output.make_writer_for(meta),
        }
    }
}

/// One event. It is held back until it is whole, since a secret may come in two pieces.
pub(super) struct Line<W: Write> {
    style: Style,
    colour: Colour,
    text: Vec<u8>,
    output: W,
}

impl<W: Write> Line<W> {
    fn finished(&self) -> String {
        let text = String::from_utf8_lossy(&self.text);
        let text = redact(text.trim_end_matches('\n'));
        match self.style {
            Style::Json => format!("{}\n", defused(&text, in_json)),
            Style::Plain => format!("{}\n", defused(&text, in_words)),
            Style::Coloured => {
                let colour = self.colour;
                format!("{colour}{}{colour:#}\n", defused(&text, in_words))
            }
        }
    }
}

impl<W: Write> Write for Line<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<W: Write> Drop for Line<W> {
    fn drop(&mut self) {
        if !self.text.is_empty() {
            // There is nobody left to tell that the log cannot be written.
            self.output.write_all(self.finished().as_bytes()).ok();
        }
    }
}

/// Shows the characters that begin a line, move the cursor or turn the direction of writing.
fn defused(text: &str, shown: fn(char, &mut String)) -> String {
    let is_harmful = |letter: char| {
        letter.is_control()
            || matches!(letter, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let mut line = String::with_capacity(text.len());
    for letter in text.chars() {
        if is_harmful(letter) {
            shown(letter, &mut line);
        } else {
            line.push(letter);
        }
    }
    line
}

fn in_words(letter: char, line: &mut String) {
    line.extend(letter.escape_default());
}

/// JSON itself asks this of the first thirty-two only, which are escaped already: the others stand inside
/// of strings.
fn in_json(letter: char, line: &mut String) {
    // They are all in the plane that four digits reach.
    let digits = [12, 8, 4, 0].map(|place| (u32::from(letter) >> place) & 15);
    let digits = digits.map(|digit| char::from_digit(digit, 16).unwrap_or('0'));
    line.push_str("\\u");
    line.extend(digits);
}
