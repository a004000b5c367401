//! Finds what must not be read in a text, by its shape alone.

use std::{borrow::Cow, ops::Range};

const MASK: &str = "[redacted]";

/// The start of every interaction token: `interaction:` in base 64.
const INTERACTION: &[u8] = b"aW50ZXJhY3Rpb246";

/// The text with webhook tokens, interaction tokens and bot tokens masked.
///
/// Masked are `T` in `webhooks/<digits>/T` and `interactions/<digits>/T`, interaction tokens
/// wherever they stand, and three words joined by dots that are as long as the parts of a bot token:
/// at least 23, 6 or 7, and at least 27 characters. JSON stays JSON.
pub fn redact(text: &str) -> Cow<'_, str> {
    let secrets = secrets_in(text.as_bytes());
    if secrets.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut redacted = String::with_capacity(text.len());
    let mut kept = 0;
    for secret in secrets {
        redacted.push_str(text.get(kept..secret.start).unwrap_or_default());
        redacted.push_str(MASK);
        kept = secret.end;
    }
    redacted.push_str(text.get(kept..).unwrap_or_default());
    Cow::Owned(redacted)
}

/// Whether the whole text has the shape of a bot token.
pub(in crate::ops) fn is_token(text: &str) -> bool {
    let words = words_in(text.as_bytes());
    bot_token(text.as_bytes(), &words) == Some(0..text.len())
}

/// Where the secrets stand: in order, and none overlaps another.
fn secrets_in(text: &[u8]) -> Vec<Range<usize>> {
    let words = words_in(text);
    let mut secrets: Vec<Range<usize>> = Vec::new();
    for (index, word) in words.iter().enumerate() {
        let ahead = &words[index..];
        let secret = after_route(text, ahead)
            .or_else(|| bot_token(text, ahead))
            .or_else(|| {
                text[word.clone()]
                    .starts_with(INTERACTION)
                    .then(|| word.clone())
            });
        if let Some(mut secret) = secret {
            secret.start = secret.start.max(secrets.last().map_or(0, |last| last.end));
            if !secret.is_empty() {
                secrets.push(secret);
            }
        }
    }
    secrets.sort_by_key(|secret| secret.start);
    secrets
}

/// The longest stretches of letters, digits, `_` and `-`. The letters of a backslash escape are
/// left out of the word that follows them, which keeps the escape whole.
fn words_in(text: &[u8]) -> Vec<Range<usize>> {
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let mut words = Vec::new();
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        if *byte == b'\\' {
            at += escape_at(&text[at..]);
        } else if is_word(byte) {
            let length = text[at..].iter().take_while(|byte| is_word(byte)).count();
            words.push(at..at + length);
            at += length;
        } else {
            at += 1;
        }
    }
    words
}

/// The length of the escape that a text begins with; 1 where a backslash is just a backslash.
fn escape_at(text: &[u8]) -> usize {
    match text {
        [_, b'u', a, b, c, d, ..] if [a, b, c, d].iter().all(|byte| byte.is_ascii_hexdigit()) => 6,
        [
            _,
            b'b' | b'f' | b'n' | b'r' | b't' | b'u' | b'"' | b'\\' | b'/',
            ..,
        ] => 2,
        _ => 1,
    }
}

/// Whether exactly this byte stands between two words.
fn joined(text: &[u8], one: &Range<usize>, other: &Range<usize>, by: u8) -> bool {
    one.end + 1 == other.start && text.get(one.end) == Some(&by)
}

fn after_route(text: &[u8], words: &[Range<usize>]) -> Option<Range<usize>> {
    let [route, id, token, ..] = words else {
        return None;
    };
    let name = &text[route.clone()];
    let is_route = name.ends_with(b"webhooks") || name.ends_with(b"interactions");
    let has_id = text[id.clone()].iter().all(u8::is_ascii_digit);
    (is_route && has_id && joined(text, route, id, b'/') && joined(text, id, token, b'/'))
        .then(|| token.clone())
}

fn bot_token(text: &[u8], words: &[Range<usize>]) -> Option<Range<usize>> {
    let [user, time, mac, ..] = words else {
        return None;
    };
    let long_enough = user.len() >= 23 && (6..=7).contains(&time.len()) && mac.len() >= 27;
    (long_enough && joined(text, user, time, b'.') && joined(text, time, mac, b'.'))
        .then_some(user.start..mac.end)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, want: &str) {
        assert_eq!(redact(text), want, "{text}");
    }

    // Assembled here, so that no scanner takes the source for a leak.
    fn bot_token_of(user: usize, time: usize, mac: usize) -> String {
        format!(
            "{}.{}.{}",
            "M".repeat(user),
            "G".repeat(time),
            "_".repeat(mac)
        )
    }

    #[test]
    fn tokens_in_addresses_are_masked_and_the_rest_is_kept() {
        check(
            "POST https://discord.com/api/v10/webhooks/123/aB-c_d?wait=true failed",
            "POST https://discord.com/api/v10/webhooks/123/[redacted]?wait=true failed",
        );
        check(
            "/interactions/42/tok/callback and /webhooks/42/tok/messages/@original",
            "/interactions/42/[redacted]/callback and /webhooks/42/[redacted]/messages/@original",
        );
        check(
            "webhooks/1/a webhooks/2/b",
            "webhooks/1/[redacted] webhooks/2/[redacted]",
        );
    }

    #[test]
    fn what_is_no_secret_is_left_alone() {
        for text in [
            "",
            "channels/123/webhooks",
            "webhooks/123",
            "webhooks/abc/def",
            "webhooks/123//def",
            "version 1.2.3 of stipend.toml at 2026-01-01T00:00:00.123456Z",
            "pool 747c1d2a-c668-4682-b9f9-296708a3dd90 pays 2.5 %",
        ] {
            check(text, text);
        }
    }

    #[test]
    fn bot_tokens_are_known_by_the_lengths_of_their_parts() {
        for (user, time, mac) in [
            (24, 6, 27),
            (26, 6, 38),
            (23, 7, 27),
            (28, 6, 40),
            (29, 6, 27),
        ] {
            let token = bot_token_of(user, time, mac);
            check(&format!("Bot {token}, again"), "Bot [redacted], again");
            assert!(is_token(&token));
            assert!(!is_token(&format!("Bot {token}")));
        }
        for (user, time, mac) in [(22, 6, 27), (24, 5, 27), (24, 8, 27), (24, 6, 26)] {
            let token = bot_token_of(user, time, mac);
            check(&token, &token);
            assert!(!is_token(&token));
        }
    }

    #[test]
    fn interaction_tokens_are_masked_wherever_they_stand() {
        check(
            "token: \"aW50ZXJhY3Rpb246MTIzNDU2Nzg5\"",
            "token: \"[redacted]\"",
        );
    }

    proptest! {
        #[test]
        fn no_secret_survives_whatever_surrounds_it(
            before in "\\PC{0,40}",
            after in "([^A-Za-z0-9_-]\\PC{0,40})?",
            id in "[0-9]{1,20}",
            secret in "[A-Za-z0-9_-]{20,68}",
        ) {
            let text = format!("{before} webhooks/{id}/{secret}{after}");
            let redacted = redact(&text).into_owned();
            prop_assert!(redacted.len() < text.len() || !redacted.contains(&secret), "{redacted}");
            let masked = format!("webhooks/{id}/[redacted]");
            prop_assert!(redacted.contains(&masked), "{redacted}");
        }

        #[test]
        fn json_stays_json_and_loses_its_secrets(
            before in any::<String>(),
            control in "[\\x00-\\x1f\"\\\\]",
            user in "[A-Za-z0-9_-]{23,28}",
            time in "[A-Za-z0-9_-]{6,7}",
            mac in "[A-Za-z0-9_-]{27,40}",
        ) {
            let token = format!("{user}.{time}.{mac}");
            let json = serde_json::to_string(&format!("{before}{control}{token}")).unwrap();
            let redacted = redact(&json);
            let value: String = serde_json::from_str(&redacted).unwrap();
            prop_assert!(!value.contains(&token));
            prop_assert!(!value.contains(&mac));
        }

        #[test]
        fn redacting_twice_changes_nothing(text in "([A-Za-z0-9_./\\\\-]|webhooks/|interactions/){0,60}") {
            let once = redact(&text).into_owned();
            prop_assert_eq!(redact(&once), once.as_str());
        }
    }
}
