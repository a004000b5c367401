//! Moments as people write them.

use chrono::{NaiveDate, NaiveTime};

use super::FIRST_DAY;
use crate::domain::{
    time::Timestamp,
    zone::{TimeOfDay, Zone},
};

/// Why a text is no moment of the past.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WhenError {
    #[error(
        "`{0}` is no time; write it like now, 2026-03-01, 2026-03-01 14:30 or 2026-03-01T14:30:00+01:00"
    )]
    Unreadable(String),
    #[error("`{0}` is still to come; what is logged has been received")]
    ToCome(String),
    #[error("`{0}` is before there was any chain; look at the year")]
    TooEarly(String),
}

/// Reads `now`, `2026-03-01`, `2026-03-01 14:30` and RFC 3339. A time without an offset is one of `zone`,
/// and a date without a time is its midnight, with which the day begins.
pub fn moment(text: &str, zone: Zone, now: Timestamp) -> Result<Timestamp, WhenError> {
    let text = text.trim();
    let shown = || text.chars().filter(|c| *c != '`').take(40).collect();
    let at = read(text, zone, now).ok_or_else(|| WhenError::Unreadable(shown()))?;
    if at > now {
        return Err(WhenError::ToCome(shown()));
    }
    if zone.day(at).date() < FIRST_DAY {
        return Err(WhenError::TooEarly(shown()));
    }
    Ok(at)
}

/// Reads when something that was received at a moment was withdrawn. The very day is written without a time as
/// a rule, and is not before it was received.
pub fn withdrawal(
    text: &str,
    received: Timestamp,
    zone: Zone,
    now: Timestamp,
) -> Result<Timestamp, WhenError> {
    let at = moment(text, zone, now)?;
    let is_that_day = zone.day(at) == zone.day(received);
    Ok(if is_that_day { at.max(received) } else { at })
}

fn read(text: &str, zone: Zone, now: Timestamp) -> Option<Timestamp> {
    if text.eq_ignore_ascii_case("now") {
        return Some(now);
    }
    if let Ok(exact) = chrono::DateTime::parse_from_rfc3339(text) {
        return Some(Timestamp::from_millis(exact.timestamp_millis()));
    }
    let (date, rest) = match text.split_once([' ', 'T']) {
        Some((date, time)) => (date, Some(time.trim())),
        None => (text, None),
    };
    let date = NaiveDate::parse_from_str(date, "%Y-%m-%d").ok()?;
    // The calendar has years that no clock of ours reaches.
    let date = Some(date).filter(|date| (1970..=9999).contains(&chrono::Datelike::year(date)))?;
    let Some(rest) = rest else {
        return Some(zone.moment(date, NaiveTime::MIN));
    };
    let to_the_second = NaiveTime::parse_from_str(rest, "%H:%M:%S%.f").ok();
    let time = to_the_second.or_else(|| Some(rest.parse::<TimeOfDay>().ok()?.clock()))?;
    Some(zone.moment(date, time))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn now() -> Timestamp {
        Timestamp::parse("2026-06-01T12:00:00Z").unwrap()
    }

    fn berlin() -> Zone {
        Zone::parse("Europe/Berlin").unwrap()
    }

    #[test]
    fn moments_are_read_in_the_zone_of_who_writes_them() {
        for (text, utc) in [
            ("now", "2026-06-01T12:00:00Z"),
            ("2026-03-01", "2026-02-28T23:00:00Z"),
            ("2026-03-01 14:30", "2026-03-01T13:30:00Z"),
            ("2026-05-01 9pm", "2026-05-01T19:00:00Z"),
            ("2026-05-01 14:30:05", "2026-05-01T12:30:05Z"),
            ("2026-03-01T14:30:00-05:00", "2026-03-01T19:30:00Z"),
            // A time that the clock skips is the first moment after the gap, one that it shows twice the first.
            ("2026-03-29 02:30", "2026-03-29T01:00:00Z"),
            ("2025-10-26 02:30", "2025-10-26T00:30:00Z"),
        ] {
            let read = moment(text, berlin(), now());
            assert_eq!(read, Ok(Timestamp::parse(utc).unwrap()), "{text}");
        }
    }

    #[test]
    fn what_is_withdrawn_on_the_day_that_it_came_is_not_withdrawn_before() {
        let received = Timestamp::parse("2026-03-01T13:30:00Z").unwrap();
        let read = |text| withdrawal(text, received, berlin(), now()).unwrap();
        assert_eq!(read("2026-03-01"), received);
        assert_eq!(read("2026-03-01 15:00").rfc3339(), "2026-03-01T14:00:00Z");
        assert!(read("2026-02-28") < received, "said to be refused");
    }

    #[test]
    fn what_is_no_moment_of_the_past_is_refused_by_its_reason() {
        for text in [
            "",
            "soon",
            "1.3.2026",
            "2026-13-01",
            "2026-03-01 25:00",
            "20260301",
        ] {
            let refused = moment(text, berlin(), now());
            assert!(matches!(refused, Err(WhenError::Unreadable(_))), "{text}");
        }
        for text in [
            "2026-06-02",
            "2026-06-01 14:01",
            "9999-12-31",
            "2026-06-01T12:00:00.001Z",
        ] {
            let refused = moment(text, berlin(), now());
            assert!(matches!(refused, Err(WhenError::ToCome(_))), "{text}");
        }
        for text in ["2009-01-02", "1970-01-01"] {
            let refused = moment(text, berlin(), now());
            assert!(matches!(refused, Err(WhenError::TooEarly(_))), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,40}", digits in "[0-9:T Zz+.-]{0,30}") {
            drop(moment(&text, berlin(), now()));
            drop(moment(&digits, berlin(), now()));
        }
    }
}
