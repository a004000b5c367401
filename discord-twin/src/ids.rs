//! Snowflakes, the twin's clock and the way both are written.
//!
//! All ids come from one clock that starts at the machine's time and then runs on the monotonic one, so
//! that ids are in order even when somebody sets the machine's clock back during a run.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The first millisecond of Discord's time, counted from 1970.
pub const EPOCH_MS: u64 = 1_420_070_400_000;

/// The id of the `nth` guild that falls on `shard` of `of` shards, counted from 0.
///
/// ```
/// let guild = discord_twin::guild_on_shard(3, 4, 0);
/// assert_eq!((guild >> 22) % 4, 3);
/// ```
pub fn guild_on_shard(shard: u32, of: u32, nth: u32) -> u64 {
    // A moment in 2021, so that every such guild is older than whatever the twin creates.
    const BASE: u64 = 200_000_000_000;
    let of = u64::from(of.max(1));
    let time = (BASE / of) * of + u64::from(nth) * of + u64::from(shard) % of;
    time << 22
}

/// Milliseconds since 1970 at which the thing with this id was made.
pub fn created_ms(id: u64) -> u64 {
    (id >> 22) + EPOCH_MS
}

/// Source of ids and of the time that stands in messages.
#[derive(Debug)]
pub(crate) struct Clock {
    started: Instant,
    started_ms: u64,
    last: u64,
}

impl Clock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the twin plays the outside world, whose time nobody passes in"
    )]
    pub(crate) fn start() -> Self {
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or(Duration::ZERO);
        Self {
            started: Instant::now(),
            started_ms: millis(since_epoch).max(EPOCH_MS),
            last: 0,
        }
    }

    /// Milliseconds since 1970.
    pub(crate) fn now_ms(&self) -> u64 {
        self.started_ms + millis(self.started.elapsed())
    }

    /// A new id, greater than every earlier one.
    pub(crate) fn next_id(&mut self) -> u64 {
        self.last = (self.last + 1).max((self.now_ms() - EPOCH_MS) << 22);
        self.last
    }
}

/// Whole milliseconds of a duration.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The ISO form of a moment, as Discord writes it.
pub(crate) fn iso(ms: u64) -> String {
    let (days, of_day) = (ms / 86_400_000, ms % 86_400_000);
    let (year, month, day) = civil(days);
    let (hour, minute) = (of_day / 3_600_000, of_day / 60_000 % 60);
    let (second, milli) = (of_day / 1000 % 60, of_day % 1000);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}000+00:00")
}

/// The calendar date of a day counted from 1970-01-01, with years that begin in March so that the leap day is last.
fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 {
        march_month + 3
    } else {
        march_month - 9
    };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    (year, month, day)
}

/// Letters that nobody can guess from outside, `length` of them: tokens and session ids.
pub(crate) fn random_text(length: usize) -> String {
    use std::hash::{BuildHasher, Hasher, RandomState};
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::with_capacity(length);
    while text.len() < length {
        let mut bits = RandomState::new().build_hasher().finish();
        for _ in 0..10 {
            if text.len() < length {
                let index = usize::try_from(bits & 63).unwrap_or_default();
                text.push(char::from(LETTERS[index]));
                bits >>= 6;
            }
        }
    }
    text
}

/// An id out of JSON, where it stands as a string or as a number.
pub(crate) fn id_of(value: &serde_json::Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

/// Ids and permission bits in JSON: written as strings, read as strings or numbers.
pub(crate) mod text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Number(u64),
        Text(String),
    }

    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde's `with` hands over a reference to the field"
    )]
    pub(crate) fn serialize<S: Serializer>(id: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(id)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        match Written::deserialize(deserializer)? {
            Written::Number(id) => Ok(id),
            Written::Text(text) => text.parse().map_err(D::Error::custom),
        }
    }

    /// The same for an id that may be missing.
    pub(crate) mod maybe {
        use serde::{Deserialize, Deserializer, Serializer, de::Error};

        use super::Written;

        #[expect(
            clippy::ref_option,
            reason = "serde's `with` hands over a reference to the field"
        )]
        pub(crate) fn serialize<S: Serializer>(
            id: &Option<u64>,
            serializer: S,
        ) -> Result<S::Ok, S::Error> {
            match id {
                Some(id) => serializer.collect_str(id),
                None => serializer.serialize_none(),
            }
        }

        pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
            deserializer: D,
        ) -> Result<Option<u64>, D::Error> {
            match Option::<Written>::deserialize(deserializer)? {
                None => Ok(None),
                Some(Written::Number(id)) => Ok(Some(id)),
                Some(Written::Text(text)) => text.parse().map(Some).map_err(D::Error::custom),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_moments_as_discord_does() {
        assert_eq!(iso(0), "1970-01-01T00:00:00.000000+00:00");
        assert_eq!(iso(EPOCH_MS), "2015-01-01T00:00:00.000000+00:00");
        assert_eq!(iso(1_709_210_096_789), "2024-02-29T12:34:56.789000+00:00");
    }

    #[test]
    fn ids_rise_and_carry_their_time() {
        let mut clock = Clock::start();
        let ids: Vec<u64> = (0..10_000).map(|_| clock.next_id()).collect();
        assert!(ids.is_sorted_by(|a, b| a < b));
        assert!(created_ms(ids[0]).abs_diff(clock.now_ms()) < 5000);
    }

    #[test]
    fn guilds_fall_on_the_wanted_shard() {
        for shard in 0..5 {
            for nth in 0..20 {
                assert_eq!((guild_on_shard(shard, 5, nth) >> 22) % 5, u64::from(shard));
            }
        }
        assert_ne!(guild_on_shard(1, 4, 0), guild_on_shard(1, 4, 1));
    }

    #[test]
    fn random_text_has_its_length_and_differs() {
        assert_eq!(random_text(68).len(), 68);
        assert_ne!(random_text(68), random_text(68));
    }
}
