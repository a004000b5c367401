//! Foreign text made harmless: what an upstream or a person wrote shows as what it is, and as
//! nothing else.

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};
use unicode_security::confusable_detection::skeleton;
use unicode_segmentation::UnicodeSegmentation;

/// Graphemes that a symbol, protocol, chain or note may take in a reply.
pub const NAME: usize = 32;
/// Graphemes for a sentence: a question quoted back, an error of somebody else.
pub const SENTENCE: usize = 200;

const MOST_MARKS: usize = 2;

/// Escapes `text` for a Discord message: it shows as it was written, and is no markdown, no mention,
/// no link, no emoji and no time mark. At most [`NAME`] graphemes.
pub fn escape(text: &str) -> String {
    escape_to(text, NAME)
}

/// [`escape`] with another length.
pub fn escape_to(text: &str, most_graphemes: usize) -> String {
    let clean = clean(text, most_graphemes);
    let list_dot = list_marker(&clean);
    let mut escaped = String::with_capacity(clean.len() + 8);
    for (at, character) in clean.char_indices() {
        let starts_list = (at == 0 && matches!(character, '-' | '+')) || list_dot == Some(at);
        if is_markdown(character) || starts_list {
            escaped.push('\\');
        }
        escaped.push(character);
        if character == '@' {
            // Discord reads mentions before markdown, so a backslash alone does not break one.
            escaped.push(BREAK);
        }
    }
    escaped
}

/// Zero-width space, as Discord's own libraries put it behind an `@`.
const BREAK: char = '\u{200B}';

/// `/` and `:` keep links, invites, emoji codes and time marks from being read as such.
const fn is_markdown(character: char) -> bool {
    matches!(
        character,
        '\\' | '*'
            | '_'
            | '~'
            | '|'
            | '`'
            | '>'
            | '<'
            | '#'
            | '['
            | ']'
            | '('
            | ')'
            | '@'
            | ':'
            | '/'
    )
}

/// Where the dot of a numbered list stands, when the text begins like one: `12. `.
fn list_marker(text: &str) -> Option<usize> {
    let at = text.find(|character: char| !character.is_ascii_digit())?;
    let rest = text.get(at..)?;
    (at > 0 && (rest == "." || rest.starts_with(". "))).then_some(at)
}

/// Cleans `text` for where markdown is not read. NFC, one line, no control, direction, zero-width or
/// unassigned characters, at most two combining marks in a row and `most_graphemes` graphemes.
pub fn clean(text: &str, most_graphemes: usize) -> String {
    if text.is_ascii() && text.len() <= most_graphemes {
        // Nearly every name: nothing in it is hidden or composed.
        let blank = |c: char| c == ' ' || c.is_ascii_control();
        return text
            .split(blank)
            .filter(|word| !word.is_empty())
            .collect::<Vec<_>>()
            .join(" ");
    }
    let mut marks = 0;
    let visible: String = text
        .chars()
        // Nobody reads further, and a hostile text may be megabytes long.
        .take(most_graphemes.saturating_mul(32))
        .map(|c| {
            if c.is_whitespace() || c.is_control() {
                ' '
            } else {
                c
            }
        })
        .filter(|c| is_visible(*c))
        .nfc()
        .filter(|c| {
            marks = if is_combining_mark(*c) { marks + 1 } else { 0 };
            marks <= MOST_MARKS
        })
        .collect();
    let line = visible.split_whitespace().collect::<Vec<_>>().join(" ");
    shortened(&line, most_graphemes)
}

fn is_visible(character: char) -> bool {
    let blank = matches!(
        character,
        // Variation selectors, the grapheme joiner, and letters and patterns that show as nothing.
        '\u{FE00}'..='\u{FE0F}'
            | '\u{E0100}'..='\u{E01EF}'
            | '\u{034F}'
            | '\u{115F}'
            | '\u{1160}'
            | '\u{17B4}'
            | '\u{17B5}'
            | '\u{180B}'..='\u{180F}'
            | '\u{2800}'
            | '\u{3164}'
            | '\u{FFA0}'
            | '\u{FFFC}'
            | '\u{FFFD}'
    );
    !blank && is_assigned(character)
}

/// The standard library escapes what is unassigned, private, a format or a control character, and
/// combining marks, which are wanted here.
fn is_assigned(character: char) -> bool {
    character.is_ascii_graphic()
        || character == ' '
        || is_combining_mark(character)
        || character.escape_debug().len() == 1
}

/// Cuts after whole graphemes, with an ellipsis in place of the rest.
pub(crate) fn shortened(text: &str, most_graphemes: usize) -> String {
    // A grapheme can be any number of letters of some scripts, so code points are bounded as well.
    let most_characters = most_graphemes.saturating_mul(4);
    if text.len() <= most_graphemes {
        return text.to_owned();
    }
    let whole = text.graphemes(true).count() <= most_graphemes;
    if whole && text.chars().count() <= most_characters {
        return text.to_owned();
    }
    let mut characters = 1;
    let mut kept: String = text
        .graphemes(true)
        .take(most_graphemes.saturating_sub(1))
        .take_while(|grapheme| {
            characters += grapheme.chars().count();
            characters <= most_characters
        })
        .collect();
    kept.truncate(kept.trim_end().len());
    kept.push('…');
    kept
}

/// A word in it mixes Latin letters with letters of another script that look like them – `USDС` with a
/// Cyrillic `С` –, or is written throughout in such that pass for Latin ones, as `ЕТН` in Cyrillic does
/// (Unicode Technical Standard 39, "Confusable Detection").
pub fn is_mixed_script(text: &str) -> bool {
    if text.is_ascii() {
        return false;
    }
    text.split(|character: char| !character.is_alphanumeric())
        .any(|word| {
            let mixes = word.contains(|letter: char| letter.is_ascii_alphabetic())
                && word.contains(is_lookalike);
            mixes || passes_for_latin(word)
        })
}

fn passes_for_latin(word: &str) -> bool {
    !word.is_ascii() && skeleton(word).all(|letter| letter.is_ascii())
}

const fn is_lookalike(character: char) -> bool {
    matches!(
        character,
        // Greek, Cyrillic, Armenian, Cherokee, full-width Latin, Latin letters for formulas.
        '\u{0370}'..='\u{03FF}'
            | '\u{0400}'..='\u{052F}'
            | '\u{0530}'..='\u{058F}'
            | '\u{13A0}'..='\u{13FF}'
            | '\u{1C80}'..='\u{1C8F}'
            | '\u{AB70}'..='\u{ABBF}'
            | '\u{1D400}'..='\u{1D7FF}'
            | '\u{FF21}'..='\u{FF5A}'
    )
}

/// A symbol, protocol or chain for a message: [`escape`]d, with `⚠` behind it where it mixes scripts.
pub fn name(text: &str) -> String {
    warned(escape(text), text)
}

/// [`name`] for where markdown is not read.
pub fn plain_name(text: &str) -> String {
    warned(clean(text, NAME), text)
}

fn warned(shown: String, text: &str) -> String {
    if shown.is_empty() {
        return "(no name)".to_owned();
    }
    if is_mixed_script(text) {
        format!("{shown} ⚠")
    } else {
        shown
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// F-X04, F-X06: mentions, markdown, links, marks of time, hidden and stacked characters.
    #[test]
    fn what_people_and_upstreams_try() {
        for (text, shown) in [
            ("USDC-WETH", "USDC-WETH"),
            ("USD₮0", "USD₮0"),
            ("**bold**", r"\*\*bold\*\*"),
            ("[x](https://evil)", r"\[x\]\(https\:\/\/evil\)"),
            ("discord.gg/abc", r"discord.gg\/abc"),
            ("@everyone", "\\@\u{200B}everyone"),
            ("<@&123>", "\\<\\@\u{200B}&123\\>"),
            ("<t:0:R>", r"\<t\:0\:R\>"),
            (":skull:", r"\:skull\:"),
            ("# big", r"\# big"),
            ("- item", r"\- item"),
            ("1. item", r"1\. item"),
            ("1.5x", "1.5x"),
            ("a\nb\t\u{202E}c", "a b c"),
            ("zero\u{200B}\u{200D}width\u{FEFF}", "zerowidth"),
            ("e\u{301}", "é"),
            ("a\u{300}\u{301}\u{302}\u{303}", "à\u{301}\u{302}"),
            ("\u{E000}\u{378}\u{3164}", ""),
            ("\u{1B}[31mred", r"\[31mred"),
            ("back\\slash", r"back\\slash"),
        ] {
            assert_eq!(escape(text), shown, "{text:?}");
        }
    }

    #[test]
    fn long_text_is_cut_between_graphemes() {
        assert_eq!(clean("12345", 5), "12345");
        assert_eq!(clean("123456", 5), "1234…");
        assert_eq!(clean("123 456", 5), "123…");
        assert_eq!(escape(&"x".repeat(10_000)).chars().count(), NAME);
    }

    /// F-X06: letters of another script that pass for Latin ones.
    #[test]
    fn mixed_scripts_get_a_warning_sign() {
        for (text, mixed) in [
            ("USDС", true),
            ("USDC", false),
            ("Αave", true),
            ("ΑΒΓ", false),
            ("рубль USDC", false),
            ("ＵSDC", true),
            ("ＵＳＤＣ", true),
            ("ЕТН", true),
            ("𝐔𝐒𝐃𝐂", true),
            ("ꓴꓢꓓꓚ", true),
            ("USD₮0", false),
            ("Crédit", false),
            ("比特币", false),
        ] {
            assert_eq!(is_mixed_script(text), mixed, "{text}");
        }
        assert_eq!(name("USDС"), "USDС ⚠");
        assert_eq!(name("\u{200B}"), "(no name)");
    }

    /// Every character that Discord could read as markdown has a backslash before it.
    fn bare_control(escaped: &str) -> Option<char> {
        let mut characters = escaped.chars();
        while let Some(character) = characters.next() {
            if character == '\\' {
                characters.next()?;
            } else if is_markdown(character) {
                return Some(character);
            }
        }
        None
    }

    fn hostile() -> impl Strategy<Value = String> {
        let pieces = proptest::sample::select(vec![
            "@everyone",
            "@here",
            "<@1>",
            "<@!1>",
            "<@&1>",
            "<#1>",
            "</a:1>",
            "<t:1:R>",
            "<:a:1>",
            "https://",
            "](",
            "```",
            "||",
            "~~",
            "- ",
            "> ",
            "\\",
            "\u{202E}",
            "\u{301}",
            "\n",
            "1. ",
        ]);
        proptest::collection::vec(
            prop_oneof![
                pieces.prop_map(str::to_owned),
                any::<char>().prop_map(String::from)
            ],
            0..80,
        )
        .prop_map(|pieces| pieces.concat())
    }

    proptest! {
        /// F-X04, F-X06: whatever is put together of such pieces.
        #[test]
        fn nothing_hostile_gets_through(text in hostile()) {
            let shown = escape(&text);
            prop_assert_eq!(bare_control(&shown), None);
            for mention in ["@everyone", "@here", "<@", "<#", "</", "<t:", "<:", "://", "\n", "\r"] {
                prop_assert!(!shown.contains(mention), "{shown:?} has {mention:?}");
            }
            let listed = shown.starts_with(['-', '+', '#', '>', '*']);
            prop_assert!(!listed, "{shown:?}");
            let clean = clean(&text, NAME);
            prop_assert!(clean.graphemes(true).count() <= NAME);
            prop_assert!(clean.chars().count() <= 4 * NAME);
            prop_assert!(clean.chars().all(is_visible));
            let marks = clean.chars().collect::<Vec<_>>();
            prop_assert!(!marks.windows(3).any(|run| run.iter().all(|c| is_combining_mark(*c))));
        }
    }
}
