//! Points in time and lengths of time, as values. Reading the present is the caller's business.

use std::{fmt, time::Duration};

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

const DAY_MS: i64 = 86_400_000;

/// Milliseconds since 1970-01-01 00:00 UTC.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Whole seconds, as Discord's `<t:…>` marks want them.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// The UTC day that this moment falls on.
    pub fn day(self) -> Day {
        Day(i32::try_from(self.0.div_euclid(DAY_MS)).unwrap_or(i32::MAX))
    }

    /// How long after `earlier` this is; zero when it is not after it.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    #[must_use]
    pub fn plus(self, length: Duration) -> Self {
        Self(self.0.saturating_add(millis_of(length)))
    }

    #[must_use]
    pub fn minus(self, length: Duration) -> Self {
        Self(self.0.saturating_sub(millis_of(length)))
    }

    /// RFC 3339 with milliseconds only where there are any.
    pub fn rfc3339(self) -> String {
        DateTime::<Utc>::from_timestamp_millis(self.0)
            .unwrap_or_default()
            .to_rfc3339_opts(SecondsFormat::AutoSi, true)
    }

    /// Reads RFC 3339, or a date without an offset as UTC.
    pub fn parse(text: &str) -> Option<Self> {
        DateTime::parse_from_rfc3339(text)
            .ok()
            .map(|time| Self(time.timestamp_millis()))
            .or_else(|| {
                ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f"]
                    .iter()
                    .find_map(|form| chrono::NaiveDateTime::parse_from_str(text, form).ok())
                    .map(|time| Self(time.and_utc().timestamp_millis()))
            })
            .or_else(|| Day::parse(text).map(Day::start))
    }
}

fn millis_of(length: Duration) -> i64 {
    i64::try_from(length.as_millis()).unwrap_or(i64::MAX)
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.rfc3339())
    }
}

/// A UTC day, counted from 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Day(pub i32);

impl Day {
    /// Midnight UTC at which the day begins.
    pub const fn start(self) -> Timestamp {
        Timestamp(self.0 as i64 * DAY_MS)
    }

    /// The day of a calendar date.
    pub fn of(date: NaiveDate) -> Self {
        Timestamp(
            date.and_time(chrono::NaiveTime::MIN)
                .and_utc()
                .timestamp_millis(),
        )
        .day()
    }

    /// Where the day stands in the calendar.
    pub fn date(self) -> NaiveDate {
        DateTime::<Utc>::from_timestamp_millis(self.start().millis())
            .unwrap_or_default()
            .date_naive()
    }

    /// Reads `YYYY-MM-DD`.
    pub fn parse(text: &str) -> Option<Self> {
        NaiveDate::parse_from_str(text, "%Y-%m-%d")
            .ok()
            .map(Self::of)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.date().format("%Y-%m-%d"))
    }
}

/// A date as people write it: `2026-05-01`, `today`, or how far away it is, such as `90d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Date {
    On(Day),
    /// So far away from today; in which direction is said by what is asked for.
    Away(Span),
}

impl Date {
    /// The day, where a distance is one into the past.
    pub fn ago(self, today: Day) -> Day {
        match self {
            Self::On(day) => day,
            Self::Away(span) => today.start().minus(span.0).day(),
        }
    }

    /// The day, where a distance is one into the future.
    pub fn ahead(self, today: Day) -> Day {
        match self {
            Self::On(day) => day,
            Self::Away(span) => today.start().plus(span.0).day(),
        }
    }
}

/// The text is no date.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no date; write it like 2026-05-01, today or 90d")]
pub struct DateError(String);

impl std::str::FromStr for Date {
    type Err = DateError;

    fn from_str(text: &str) -> Result<Self, DateError> {
        let text = text.trim();
        if text.eq_ignore_ascii_case("today") {
            return Ok(Self::Away(Span(Duration::ZERO)));
        }
        let day = Day::parse(text).map(Self::On);
        day.or_else(|| text.parse().ok().map(Self::Away))
            .ok_or_else(|| DateError(text.chars().filter(|c| *c != '`').take(40).collect()))
    }
}

/// Something with the time at which it was read, so that its age can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dated<T> {
    pub value: T,
    pub read_at: Timestamp,
}

/// A length of time as configuration, rules and options write it: `90s`, `15m`, `2h`, `7d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span(pub Duration);

impl Span {
    pub const fn minutes(count: u64) -> Self {
        Self(Duration::from_secs(count * 60))
    }

    pub const fn hours(count: u64) -> Self {
        Self(Duration::from_secs(count * 3600))
    }

    pub const fn days(count: u64) -> Self {
        Self(Duration::from_secs(count * 86_400))
    }
}

impl std::str::FromStr for Span {
    type Err = SpanError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || SpanError(text.chars().take(40).collect());
        let length = humantime::parse_duration(text.trim()).map_err(|_| error())?;
        // Nothing finer than a millisecond is told apart, and nothing finer is printed.
        let millis = u64::try_from(length.as_millis()).map_err(|_| error())?;
        Ok(Self(Duration::from_millis(millis)))
    }
}

/// The text is no length of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a length of time; write it like 90s, 15m, 2h or 7d")]
pub struct SpanError(String);

impl fmt::Display for Span {
    /// The shortest exact form: `2h`, `7d`, `1d 12h`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0.as_millis();
        if rest == 0 {
            return f.write_str("0s");
        }
        let mut first = true;
        for (unit, millis) in [
            ("d", 86_400_000),
            ("h", 3_600_000),
            ("m", 60_000),
            ("s", 1_000),
            ("ms", 1),
        ] {
            let count = rest / millis;
            rest %= millis;
            if count > 0 {
                let gap = if first { "" } else { " " };
                write!(f, "{gap}{count}{unit}")?;
                first = false;
            }
        }
        Ok(())
    }
}

impl Serialize for Span {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_and_print_alike() {
        for text in [
            "90s",
            "15m",
            "2h",
            "7d",
            "1d 12h",
            "250ms",
            "1.008066215m",
            "9us",
        ] {
            let span: Span = text.parse().unwrap();
            let again: Span = span.to_string().parse().unwrap();
            assert_eq!(span, again, "{text}");
        }
        assert_eq!("90s".parse::<Span>().unwrap().to_string(), "1m 30s");
        assert!("soon".parse::<Span>().is_err());
    }

    #[test]
    fn moments_are_read_in_every_form_that_the_captures_hold() {
        let want = Timestamp::parse("2025-09-27T14:07:00.000Z").unwrap();
        assert_eq!(Timestamp::parse("2025-09-27T14:07:00"), Some(want));
        assert_eq!(Timestamp::parse("2025-09-27 14:07:00"), Some(want));
        assert_eq!(want.day(), Day::parse("2025-09-27").unwrap());
        assert_eq!(want.day().to_string(), "2025-09-27");
        assert_eq!(Timestamp::parse("yesterday"), None);
    }

    #[test]
    fn days_before_the_epoch_begin_at_midnight_too() {
        assert_eq!(Timestamp::from_millis(-1).day(), Day(-1));
    }
}
