//! Local time: zones by their IANA names, and the moments at which a local clock shows a time.
//!
//! A local time that a clock skips in spring counts as the first moment after the gap; one that it
//! shows twice in autumn counts once, the first time. So each local date has each time exactly once.

use std::{fmt, str::FromStr};

use chrono::{
    DateTime, Datelike as _, Days as LocalDays, NaiveDate, NaiveTime, SecondsFormat, TimeZone as _,
    Utc,
};
use chrono_tz::{TZ_VARIANTS, Tz};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::time::{Day, Timestamp};

/// A time zone. UTC where none was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Zone(Tz);

impl Default for Zone {
    fn default() -> Self {
        Self(Tz::UTC)
    }
}

/// Zones that are offered before anything is typed.
const COMMON: [&str; 12] = [
    "UTC",
    "Europe/London",
    "Europe/Berlin",
    "Europe/Istanbul",
    "America/New_York",
    "America/Chicago",
    "America/Los_Angeles",
    "America/Sao_Paulo",
    "Asia/Dubai",
    "Asia/Kolkata",
    "Asia/Singapore",
    "Australia/Sydney",
];

impl Zone {
    /// By its IANA name, whatever the case; `None` for what is no zone.
    pub fn parse(name: &str) -> Option<Self> {
        let name = name.trim();
        name.parse()
            .ok()
            .or_else(|| {
                let known = TZ_VARIANTS.iter().copied();
                known
                    .into_iter()
                    .find(|zone| zone.name().eq_ignore_ascii_case(name))
            })
            .map(Self)
    }

    pub fn name(self) -> &'static str {
        self.0.name()
    }

    /// The date that a local calendar shows at this moment.
    pub fn day(self, at: Timestamp) -> Day {
        Day::of(self.local(at).date_naive())
    }

    /// Noon of a local date: a moment that is on that date in most other zones, too.
    pub fn noon(self, day: Day) -> Timestamp {
        const NOON: TimeOfDay = TimeOfDay { minutes: 12 * 60 };
        self.moment(day.date(), NOON.clock())
    }

    /// Names that contain what was typed, those whose place begins with it first; some well-known ones
    /// before anything is typed. A blank stands for an underscore.
    pub fn matching(typed: &str, limit: usize) -> Vec<&'static str> {
        let typed = typed.trim().to_lowercase().replace(' ', "_");
        if typed.is_empty() {
            return COMMON.into_iter().take(limit).collect();
        }
        let mut found: Vec<(bool, &str)> = TZ_VARIANTS
            .iter()
            .map(|zone| zone.name())
            .filter_map(|name| {
                let lower = name.to_lowercase();
                let place = lower.rsplit('/').next().unwrap_or_default();
                let begins = place.starts_with(&typed);
                (begins || lower.contains(&typed)).then_some((!begins, name))
            })
            .collect();
        found.sort_unstable();
        found
            .into_iter()
            .map(|(_, name)| name)
            .take(limit)
            .collect()
    }

    /// The local date and time of a moment.
    fn local(self, at: Timestamp) -> DateTime<Tz> {
        DateTime::<Utc>::from_timestamp_millis(at.millis())
            .unwrap_or_default()
            .with_timezone(&self.0)
    }

    /// A moment in RFC 3339 with the offset that the clock has then, with milliseconds only where there
    /// are any.
    pub fn rfc3339(self, at: Timestamp) -> String {
        self.local(at).to_rfc3339_opts(SecondsFormat::AutoSi, false)
    }

    /// A moment as the clock shows it, in a form of the calendar's library such as `%Y-%m-%d %H:%M`.
    pub fn format(self, at: Timestamp, form: &str) -> String {
        self.local(at).format(form).to_string()
    }

    /// The moment at which the clock shows `time` on this date.
    pub fn moment(self, date: NaiveDate, time: NaiveTime) -> Timestamp {
        let wanted = date.and_time(time);
        let found = self.0.from_local_datetime(&wanted).earliest();
        let millis = found.map_or_else(
            || self.after_gap(wanted.and_utc().timestamp_millis()),
            |found| found.timestamp_millis(),
        );
        Timestamp::from_millis(millis)
    }

    /// The first moment after the gap in which a local time, given as if it were UTC, would lie: where
    /// the offset changes. No zone is more than a day from UTC, and no gap is longer than a day.
    fn after_gap(self, local: i64) -> i64 {
        const DAY: i64 = 86_400_000;
        let offset = |at: i64| {
            let local = self.local(Timestamp::from_millis(at)).naive_local();
            local.and_utc().timestamp_millis() - at
        };
        let (mut before, mut after) = (local - 2 * DAY, local + 2 * DAY);
        // The last moment whose local time is not past the wanted one, and the first whose is.
        while after - before > 1 {
            let middle = before + (after - before) / 2;
            if middle + offset(middle) <= local {
                before = middle;
            } else {
                after = middle;
            }
        }
        after
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Zone {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// A name that the present table of zones does not know, or no more, is read as UTC: it must not make all else
/// that is kept beside it unreadable.
impl<'de> Deserialize<'de> for Zone {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Ok(Self::parse(&name).unwrap_or_default())
    }
}

/// A time on a local clock, to the minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TimeOfDay {
    /// Minutes since local midnight, under 1440.
    minutes: u16,
}

/// The text is no time of day.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a time of day; write it like 9, 09:30 or 9pm")]
pub struct TimeOfDayError(String);

impl TimeOfDay {
    /// `None` from 24:00 on.
    pub const fn new(hours: u16, minutes: u16) -> Option<Self> {
        if hours < 24 && minutes < 60 {
            Some(Self {
                minutes: hours * 60 + minutes,
            })
        } else {
            None
        }
    }

    /// As the calendar's library has it.
    pub(super) fn clock(self) -> NaiveTime {
        let seconds = u32::from(self.minutes) * 60;
        NaiveTime::from_num_seconds_from_midnight_opt(seconds, 0).unwrap_or_default()
    }
}

impl FromStr for TimeOfDay {
    type Err = TimeOfDayError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let read = || {
            let lower = text.trim().to_ascii_lowercase();
            let (clock, half) = if let Some(clock) = lower.strip_suffix("am") {
                (clock, Some(0))
            } else if let Some(clock) = lower.strip_suffix("pm") {
                (clock, Some(12))
            } else {
                (lower.as_str(), None)
            };
            let (hours, minutes) = clock.trim().split_once(':').unwrap_or((clock.trim(), "00"));
            let digits = |text: &str| {
                let plain =
                    (1..=2).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
                text.parse::<u16>().ok().filter(|_| plain)
            };
            let hours = digits(hours)?;
            let hours = match half {
                Some(half) if (1..=12).contains(&hours) => hours % 12 + half,
                Some(_) => return None,
                None => hours,
            };
            Self::new(hours, digits(minutes)?)
        };
        read().ok_or_else(|| TimeOfDayError(text.chars().take(40).collect()))
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.minutes / 60, self.minutes % 60)
    }
}

impl Serialize for TimeOfDay {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TimeOfDay {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Weekday {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

impl fmt::Display for Weekday {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Monday => "Monday",
            Self::Tuesday => "Tuesday",
            Self::Wednesday => "Wednesday",
            Self::Thursday => "Thursday",
            Self::Friday => "Friday",
            Self::Saturday => "Saturday",
            Self::Sunday => "Sunday",
        })
    }
}

impl fmt::Display for Cadence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Day { at } => write!(f, "each day at {at}"),
            Self::Week { on, at } => write!(f, "each {on} at {at}"),
        }
    }
}

impl Weekday {
    pub const ALL: [Self; 7] = [
        Self::Monday,
        Self::Tuesday,
        Self::Wednesday,
        Self::Thursday,
        Self::Friday,
        Self::Saturday,
        Self::Sunday,
    ];

    fn of(date: NaiveDate) -> Self {
        let at = date.weekday().num_days_from_monday() as usize;
        Self::ALL.get(at).copied().unwrap_or(Self::Monday)
    }
}

/// How often a digest comes, by the local clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "every")]
pub enum Cadence {
    Day { at: TimeOfDay },
    Week { on: Weekday, at: TimeOfDay },
}

impl Cadence {
    /// The first moment after `after` at which it is due.
    pub fn next_after(self, zone: Zone, after: Timestamp) -> Timestamp {
        // A date of before may be due only now where its time lay in a gap over midnight.
        let first = zone.local(after).date_naive() - LocalDays::new(1);
        first
            .iter_days()
            .filter(|date| self.falls_on(*date))
            .map(|date| zone.moment(date, self.at().clock()))
            .find(|moment| *moment > after)
            .unwrap_or(after)
    }

    const fn at(self) -> TimeOfDay {
        match self {
            Self::Day { at } | Self::Week { at, .. } => at,
        }
    }

    fn falls_on(self, date: NaiveDate) -> bool {
        match self {
            Self::Day { .. } => true,
            Self::Week { on, .. } => Weekday::of(date) == on,
        }
    }
}

/// The days on which quiet hours begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Days {
    #[default]
    All,
    /// From Monday to Friday.
    Weekdays,
    /// Saturday and Sunday.
    Weekends,
}

impl Days {
    fn has(self, date: NaiveDate) -> bool {
        let is_weekend = matches!(Weekday::of(date), Weekday::Saturday | Weekday::Sunday);
        match self {
            Self::All => true,
            Self::Weekdays => !is_weekend,
            Self::Weekends => is_weekend,
        }
    }
}

/// Hours of days in which nothing is told that can wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Hours", into = "Hours")]
pub struct QuietHours(Hours);

/// Quiet hours as they are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Hours {
    from: TimeOfDay,
    to: TimeOfDay,
    #[serde(default)]
    days: Days,
}

/// Quiet hours that begin and end at the same time are none, or last all day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("quiet hours have to end at another time than they begin")]
pub struct NoHours;

impl TryFrom<Hours> for QuietHours {
    type Error = NoHours;

    fn try_from(hours: Hours) -> Result<Self, NoHours> {
        if hours.from == hours.to {
            return Err(NoHours);
        }
        Ok(Self(hours))
    }
}

impl From<QuietHours> for Hours {
    fn from(quiet: QuietHours) -> Self {
        quiet.0
    }
}

impl fmt::Display for QuietHours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Hours { from, to, days } = self.0;
        let days = match days {
            Days::All => "",
            Days::Weekdays => " on weekdays",
            Days::Weekends => " at weekends",
        };
        write!(f, "{from} to {to}{days}")
    }
}

impl QuietHours {
    /// From one local time to another, over midnight where the second is earlier.
    pub fn new(from: TimeOfDay, to: TimeOfDay, days: Days) -> Result<Self, NoHours> {
        Self::try_from(Hours { from, to, days })
    }

    /// When the quiet hours end in which a moment lies; `None` when it lies in none.
    pub fn end(self, zone: Zone, at: Timestamp) -> Option<Timestamp> {
        let today = zone.local(at).date_naive();
        // Those of the day before may run over midnight, and a gap may push them further.
        [today - LocalDays::new(2), today - LocalDays::new(1), today]
            .into_iter()
            .filter(|date| self.0.days.has(*date))
            .map(|date| self.of_date(zone, date))
            .find(|(from, to)| *from <= at && at < *to)
            .map(|(_, to)| to)
    }

    fn of_date(self, zone: Zone, date: NaiveDate) -> (Timestamp, Timestamp) {
        let Hours { from, to, .. } = self.0;
        let until = if to > from {
            date
        } else {
            date + LocalDays::new(1)
        };
        (
            zone.moment(date, from.clock()),
            zone.moment(until, to.clock()),
        )
    }
}

#[cfg(test)]
mod tests;
