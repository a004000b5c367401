//! The text by which a component of an answer is known: what it means, until when it may be used, and a
//! mark over both and over its reader, which nobody can make who lacks the key.
//!
//! A notice carries buttons without a mark: it is for everybody in its channel, for as long as it stands
//! there, and what they say names nothing.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::zeroize::Zeroizing;
use sha2::Sha256;

use crate::domain::{
    ids::UserId,
    time::{Span, Timestamp},
};

/// How long a component may be used: as long as the interaction that brought it may be answered.
const USABLE_FOR: Span = Span::minutes(15);
/// Bytes of the mark. By guessing, one in 2⁷² is right.
const MARK: usize = 9;
const SEPARATOR: char = '~';

/// The longest text that can be stamped, in characters: Discord takes 100 of them.
pub const LONGEST: usize = 80;

/// Puts marks on what goes out and looks at what comes back.
pub struct Stamp(Zeroizing<[u8; 32]>);

/// Why what comes back is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// It never had a mark.
    Unmarked,
    /// The mark is not ours, or it is not for this reader.
    Forged,
    Over,
}

impl Stamp {
    pub const fn new(key: Zeroizing<[u8; 32]>) -> Self {
        Self(key)
    }

    /// What `reader` may send back in the next quarter of an hour.
    pub fn put(&self, reader: UserId, meaning: &str, now: Timestamp) -> String {
        let until = letters(now.plus(USABLE_FOR.0).seconds().unsigned_abs());
        let mark = URL_SAFE_NO_PAD.encode(self.hash(reader, meaning, &until).as_slice());
        format!("{meaning}{SEPARATOR}{until}{SEPARATOR}{mark}")
    }

    /// What a text means that `reader` sent back.
    pub fn read<'t>(
        &self,
        reader: UserId,
        text: &'t str,
        now: Timestamp,
    ) -> Result<&'t str, Refused> {
        let (meaning, until, mark) = parts(text).ok_or(Refused::Unmarked)?;
        let mark = URL_SAFE_NO_PAD.decode(mark).map_err(|_| Refused::Forged)?;
        if mark.len() != MARK {
            return Err(Refused::Forged);
        }
        self.begun(reader, meaning, until)
            .verify_truncated_left(&mark)
            .map_err(|_| Refused::Forged)?;
        let until = u64::from_str_radix(until, 36).map_err(|_| Refused::Forged)?;
        if now.seconds().unsigned_abs() > until {
            return Err(Refused::Over);
        }
        Ok(meaning)
    }

    fn hash(&self, reader: UserId, meaning: &str, until: &str) -> [u8; MARK] {
        let hash = self.begun(reader, meaning, until).finalize().into_bytes();
        let mut mark = [0; MARK];
        mark.copy_from_slice(&hash[..MARK]);
        mark
    }

    fn begun(&self, reader: UserId, meaning: &str, until: &str) -> Hmac<Sha256> {
        let mut hash =
            Hmac::<Sha256>::new_from_slice(&*self.0).expect("HMAC takes keys of any length");
        hash.update(&reader.0.to_le_bytes());
        // The length keeps ("a", "bc") and ("ab", "c") apart.
        hash.update(&(meaning.len() as u64).to_le_bytes());
        hash.update(meaning.as_bytes());
        hash.update(until.as_bytes());
        hash
    }
}

/// What a text says that it means, which nobody should believe who has not [read](Stamp::read) it.
pub fn alleged(text: &str) -> Option<&str> {
    parts(text).map(|(meaning, ..)| meaning)
}

fn parts(text: &str) -> Option<(&str, &str, &str)> {
    let mut parts = text.rsplitn(3, SEPARATOR);
    let (mark, until) = (parts.next()?, parts.next()?);
    Some((parts.next()?, until, mark))
}

impl std::fmt::Debug for Stamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Stamp(..)")
    }
}

/// A number in base 36, which is shorter: seven letters until the year 4453.
fn letters(mut number: u64) -> String {
    let mut digits = Vec::new();
    loop {
        let digit = u32::try_from(number % 36).unwrap_or_default();
        digits.extend(char::from_digit(digit, 36));
        number /= 36;
        if number == 0 {
            return digits.into_iter().rev().collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::{prelude::*, sample::select};

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_780_000_000_000);

    fn stamp(key: u8) -> Stamp {
        Stamp::new(Zeroizing::new([key; 32]))
    }

    /// F-X13: what a button says is read back from the one whom it was made for, in time, and in no other
    /// wording.
    #[test]
    fn a_component_is_for_its_reader_and_its_time() {
        let (ours, reader) = (stamp(1), UserId(u64::MAX));
        let text = ours.put(reader, "1|e|5", NOW);
        assert_eq!(ours.read(reader, &text, NOW), Ok("1|e|5"));
        let last = NOW.plus(USABLE_FOR.0);
        assert_eq!(ours.read(reader, &text, last), Ok("1|e|5"));
        let later = last.plus(Span::minutes(1).0);
        assert_eq!(ours.read(reader, &text, later), Err(Refused::Over));
        assert_eq!(ours.read(UserId(5), &text, NOW), Err(Refused::Forged));
        assert_eq!(stamp(2).read(reader, &text, NOW), Err(Refused::Forged));
        for made_up in ["1|e|5", "", "~", "1|n|why"] {
            assert_eq!(ours.read(reader, made_up, NOW), Err(Refused::Unmarked));
        }
        let longer = text.replace("1|e|5~", "1|e|5~z");
        assert_eq!(ours.read(reader, &longer, NOW), Err(Refused::Forged));
    }

    #[test]
    fn the_longest_text_fits() {
        let text = stamp(1).put(UserId(1), &"x".repeat(LONGEST), NOW);
        assert!(text.len() <= 100, "{}", text.len());
    }

    proptest! {
        #[test]
        fn one_changed_letter_is_one_too_many(
            meaning in "[0-9a-z|~₮]{1,40}",
            at in any::<prop::sample::Index>(),
            letter in select("09AZaz|~_-".chars().collect::<Vec<_>>()),
        ) {
            let (ours, reader) = (stamp(1), UserId(7));
            let text = ours.put(reader, &meaning, NOW);
            prop_assert_eq!(ours.read(reader, &text, NOW), Ok(&*meaning));
            let mut letters: Vec<char> = text.chars().collect();
            let place = at.index(letters.len());
            letters[place] = letter;
            let changed: String = letters.into_iter().collect();
            prop_assume!(changed != text);
            prop_assert!(ours.read(reader, &changed, NOW).is_err(), "{}", changed);
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,120}") {
            prop_assert!(stamp(1).read(UserId(7), &text, NOW).is_err());
        }
    }
}
