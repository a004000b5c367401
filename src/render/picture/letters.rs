//! The letters of pictures. The font goes along with the program (`data/fonts/`): a machine that runs
//! a bot often has none.

use ab_glyph::{Font as _, FontRef};
use plotters::style::{FontDesc, FontFamily, FontStyle, register_font};
use unicode_normalization::UnicodeNormalization as _;

use super::NotDrawn;

const FAMILY: &str = "IBM Plex Sans";
const REGULAR: &[u8] = include_bytes!("../../../data/fonts/IBMPlexSans-Regular.ttf");
const BOLD: &[u8] = include_bytes!("../../../data/fonts/IBMPlexSans-SemiBold.ttf");

/// Stands for what has no shape in the font: a missing letter would be drawn as a box.
const MISSING: char = '?';

/// How heavy letters are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weight {
    Regular,
    Bold,
}

/// The letters at a size in pixels. They are handed to the drawing library by name, which doing twice
/// does not harm.
pub(super) fn font(weight: Weight, size: i32) -> Result<FontDesc<'static>, NotDrawn> {
    let (style, bytes) = match weight {
        Weight::Regular => (FontStyle::Normal, REGULAR),
        Weight::Bold => (FontStyle::Bold, BOLD),
    };
    register_font(FAMILY, style, bytes)
        .map_err(|_| NotDrawn("the font cannot be read".to_owned()))?;
    Ok(FontDesc::new(
        FontFamily::Name(FAMILY),
        f64::from(size),
        style,
    ))
}

/// `text` in letters that can be drawn: others by what they stand for (`①` is `1`, `Ｕ` is `U`), and
/// `?` for a run of those that stand for nothing else.
pub(super) fn writable(text: &str) -> String {
    let Ok(font) = FontRef::try_from_slice(REGULAR) else {
        return String::new();
    };
    let has = |letter: char| letter == ' ' || font.glyph_id(letter).0 != 0;
    let mut written = String::with_capacity(text.len());
    let mut is_missing = false;
    for letter in text.chars() {
        let mut plain: String = std::iter::once(letter).nfkc().collect();
        if has(letter) {
            plain = letter.to_string();
        }
        let was_missing = std::mem::replace(&mut is_missing, !plain.chars().all(has));
        if !is_missing {
            written.push_str(&plain);
        } else if !was_missing {
            written.push(MISSING);
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_font_has_stays_as_it_is() {
        for text in ["USD₮0-WETH", "éÖßŁ", "Ωμ – − … · %$€", "Ethereum aave-v3"] {
            assert_eq!(writable(text), text);
        }
    }

    #[test]
    fn what_the_font_lacks_is_no_box() {
        for (text, written) in [
            ("🐶DOGE", "?DOGE"),
            ("蜜蜂-USDC", "?-USDC"),
            ("ＵＳＤＣ①", "USDC1"),
            ("كلمة", "?"),
        ] {
            assert_eq!(writable(text), written, "{text}");
        }
    }

    #[test]
    fn both_weights_have_the_same_letters() {
        let [regular, bold] = [REGULAR, BOLD].map(|bytes| FontRef::try_from_slice(bytes).unwrap());
        for letter in (' '..'\u{2FFF}').filter(|letter| regular.glyph_id(*letter).0 != 0) {
            assert_ne!(bold.glyph_id(letter).0, 0, "{letter:?}");
        }
    }
}
