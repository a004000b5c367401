//! The kinds of values: each turns what was written into a type, or says what is allowed.
//!
//! The environment knows only text, so numbers and flags are read from it as well; in the file a
//! quoted number is a mistake.

use std::{net::SocketAddr, ops::RangeInclusive, path::PathBuf, time::Duration};

use reqwest::Url;
use secrecy::SecretString;

use super::raw::{Given, Written};
use crate::domain::{ids::UserId, time::Span};

/// What is wrong and what is allowed, to follow the value: "is out of range; 1 to 50 is allowed".
pub(super) struct Expectation(pub(super) String);

impl From<&str> for Expectation {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl From<String> for Expectation {
    fn from(text: String) -> Self {
        Self(text)
    }
}

/// The shortest time that a wait or an interval may last.
pub(super) const SECOND: Span = seconds(1);

pub(super) const fn seconds(count: u64) -> Span {
    Span(Duration::from_secs(count))
}

/// Nobody means more; it also keeps sums of times far from overflow.
const LONGEST: Span = Span::days(365);

fn raw_text(given: &Given) -> Option<&str> {
    match &given.written {
        Written::Text(text) => Some(text),
        _ => None,
    }
}

fn variable_text(given: &Given) -> Option<&str> {
    raw_text(given).filter(|_| given.is_from_environment())
}

pub(super) fn flag(given: &Given) -> Result<bool, Expectation> {
    match &given.written {
        Written::Flag(flag) => Some(*flag),
        _ => variable_text(given).and_then(|text| text.parse().ok()),
    }
    .ok_or_else(|| "is neither true nor false".into())
}

/// A whole number within bounds, in whatever type holds them.
pub(super) fn whole<T>(
    given: &Given,
    allowed: RangeInclusive<u64>,
    convert: impl FnOnce(u64) -> Option<T>,
) -> Result<T, Expectation> {
    let (low, high) = (allowed.start(), allowed.end());
    let number = match &given.written {
        Written::Whole(number) => Some(*number),
        _ => variable_text(given).and_then(|text| text.parse().ok()),
    }
    .ok_or_else(|| format!("is not a whole number; {low} to {high} is allowed"))?;
    u64::try_from(number)
        .ok()
        .filter(|number| allowed.contains(number))
        .and_then(convert)
        .ok_or_else(|| format!("is out of range; {low} to {high} is allowed").into())
}

/// A number within bounds, with or without a fraction.
pub(super) fn number(given: &Given, allowed: RangeInclusive<f64>) -> Result<f64, Expectation> {
    let (low, high) = (allowed.start(), allowed.end());
    let number = match &given.written {
        Written::Decimal(number) => Some(*number),
        // Text carries both kinds of number to the same nearest double.
        Written::Whole(number) => number.to_string().parse().ok(),
        _ => variable_text(given).and_then(|text| text.parse().ok()),
    }
    .ok_or_else(|| format!("is not a number; {low} to {high} is allowed"))?;
    if allowed.contains(&number) {
        Ok(number)
    } else {
        Err(format!("is out of range; {low} to {high} is allowed").into())
    }
}

/// A line of text for people.
pub(super) fn line(given: &Given, longest: usize) -> Result<String, Expectation> {
    raw_text(given)
        .filter(|text| text.chars().count() <= longest && !text.chars().any(char::is_control))
        .map(ToOwned::to_owned)
        .ok_or_else(|| format!("is not a line of text of at most {longest} characters").into())
}

/// Ids of people on Discord, with commas between them.
pub(super) fn users(given: &Given) -> Result<Vec<UserId>, Expectation> {
    raw_text(given)
        .map(str::trim)
        .and_then(|text| {
            text.split_terminator(',')
                .map(|id| id.trim().parse().ok().map(UserId))
                .collect()
        })
        .ok_or_else(|| "is not a text of user ids with commas between them".into())
}

pub(super) fn secret(given: &Given) -> Result<SecretString, Expectation> {
    raw_text(given)
        .map(SecretString::from)
        .ok_or_else(|| "is not text; put it in quotes".into())
}

pub(super) fn path(given: &Given) -> Result<PathBuf, Expectation> {
    raw_text(given)
        .filter(|text| !text.is_empty() && !text.contains('\0'))
        .map(PathBuf::from)
        .ok_or_else(|| "is not the path of a file".into())
}

pub(super) fn span(
    given: &Given,
    shortest: Span,
    longest: Option<Span>,
) -> Result<Span, Expectation> {
    let allowed = longest.map_or_else(
        || format!("{shortest} or more"),
        |longest| format!("{shortest} to {longest}"),
    );
    let usual = Span::minutes(15);
    let example = if usual < shortest {
        shortest
    } else {
        longest.map_or(usual, |longest| longest.min(usual))
    };
    let span: Span = raw_text(given)
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| format!("is not a length of time; write it like {example} ({allowed})"))?;
    if span > LONGEST {
        Err(format!(
            "is too long; at most {} is allowed",
            longest.unwrap_or(LONGEST)
        )
        .into())
    } else if span < shortest || longest.is_some_and(|longest| span > longest) {
        Err(format!("is out of range; {allowed} is allowed").into())
    } else {
        Ok(span)
    }
}

/// Lengths of time with commas between them, each longer than the one before.
pub(super) fn ascending_spans(
    given: &Given,
    shortest: Span,
    longest: Span,
    most: usize,
) -> Result<Vec<Span>, Expectation> {
    let spans: Option<Vec<Span>> =
        raw_text(given).and_then(|text| text.split(',').map(|part| part.parse().ok()).collect());
    spans
        .filter(|spans| {
            spans.len() <= most
                && spans.iter().all(|span| (shortest..=longest).contains(span))
                && spans.is_sorted_by(|one, next| one < next)
        })
        .ok_or_else(|| {
            format!(
                "is not a row of 1 to {most} ascending lengths of time from {shortest} to {longest}; \
                 write it like \"1s, 5s, 30s\""
            )
            .into()
        })
}

/// What stands before the paths of a service, without a slash at the end.
pub(super) fn base_url(given: &Given) -> Result<String, Expectation> {
    let url = raw_text(given)
        .and_then(|text| Url::parse(text.trim()).ok())
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        .ok_or("is not an address; write it like https://example.org/path (http or https)")?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("holds a user name or a password; an address without them is allowed".into());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("holds a ? or a #; an address without them is allowed".into());
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

pub(super) fn socket(given: &Given) -> Result<SocketAddr, Expectation> {
    raw_text(given)
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| {
            "is not an address and port; write it like 127.0.0.1:9464 or [::1]:9464".into()
        })
}

/// One of a few words.
pub(super) fn choice<T: Copy>(given: &Given, choices: &[(&str, T)]) -> Result<T, Expectation> {
    raw_text(given)
        .and_then(|text| choices.iter().find(|(name, _)| *name == text))
        .map(|(_, choice)| *choice)
        .ok_or_else(|| {
            let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
            format!("is none of {}", names.join(", ")).into()
        })
}
