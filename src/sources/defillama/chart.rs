//! The past of one pool, as `/chart/{pool}` answers it: one row a day.

use super::wire::{cells, each_row, moment_in, rate_in, usd_in};
use crate::{
    domain::{rate::Percent, reading::DayReading, time::Timestamp},
    sources::SourceError,
};

/// What the source says to an id that it cannot read.
pub(super) const UNKNOWN: &str = "invalid configID!";

/// What a pool showed on one UTC day: the last reading of that day, or for today the latest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ChartDay {
    /// When the reading was taken; rarely midnight.
    pub at: Timestamp,
    pub apy: Percent,
    /// `None` is unknown, never zero.
    pub base: Option<Percent>,
    /// `None` is unknown, never zero.
    pub reward: Option<Percent>,
    /// US dollars in the pool.
    pub tvl_usd: f64,
}

impl ChartDay {
    /// The day without the hour at which it was read.
    pub fn day_reading(&self) -> DayReading {
        DayReading {
            day: self.at.day(),
            apy: self.apy,
            base: self.base,
            reward: self.reward,
            tvl_usd: self.tvl_usd,
        }
    }
}

cells! {
    /// What is used of a day.
    DayCells {
        timestamp: "timestamp",
        apy: "apy",
        base: "apyBase",
        reward: "apyReward",
        tvl_usd: "tvlUsd",
    }
}

/// Reads a whole body into days in ascending order, each day once: of several readings of one day
/// the latest counts. Days may be missing. A row without a time, an APY or a TVL is left out.
///
/// A well-formed id that the source does not know gives no days.
///
/// # Errors
///
/// [`SourceError::UnknownPool`] when the body says that the id is none; [`SourceError::Malformed`]
/// when it is cut off, is no such document, or holds rows of which none can be used.
pub fn parse(body: &[u8]) -> Result<Vec<ChartDay>, SourceError> {
    if says_unknown(body) {
        return Err(SourceError::UnknownPool);
    }
    let mut days = Vec::new();
    let rows = each_row(body, |cells: DayCells<'_>| days.extend(day(&cells)))?;
    if days.is_empty() && rows > 0 {
        return Err(SourceError::Malformed("it holds no usable row".to_owned()));
    }
    // Stable, so that of two readings of one moment the later row stays the later one.
    days.sort_by_key(|day: &ChartDay| day.at);
    days.dedup_by(|later, kept| {
        let same = later.at.day() == kept.at.day();
        if same {
            *kept = *later;
        }
        same
    });
    Ok(days)
}

fn says_unknown(body: &[u8]) -> bool {
    serde_json::from_slice::<&str>(body).is_ok_and(|said| said.trim() == UNKNOWN)
}

fn day(cells: &DayCells<'_>) -> Option<ChartDay> {
    Some(ChartDay {
        at: moment_in(cells.timestamp)?,
        apy: rate_in(cells.apy)?,
        base: rate_in(cells.base),
        reward: rate_in(cells.reward),
        tvl_usd: usd_in(cells.tvl_usd)?,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sources::shared;

    const BODY: &str = r#"{"status":"success","data":[
        {"timestamp":"2025-01-02T23:29:18.342Z","tvlUsd":100,"apy":2.5,"apyBase":2.5,"apyReward":null},
        {"timestamp":"2025-01-01T00:00:00.000Z","tvlUsd":"90","apy":"2.4"},
        {"timestamp":"2025-01-02T08:00:00.000Z","tvlUsd":1,"apy":9},
        {"timestamp":"2025-01-03T10:00:00.000Z","tvlUsd":100,"apy":null},
        {"timestamp":null,"tvlUsd":100,"apy":2},
        {"timestamp":"2025-01-05T10:00:00.000Z","tvlUsd":0,"apy":0,"apyBase":"NaN","il7d":{}}
    ]}"#;

    #[test]
    fn days_ascend_and_the_last_reading_of_a_day_counts() {
        let days = parse(BODY.as_bytes()).unwrap();
        let seen: Vec<_> = days
            .iter()
            .map(|day| (day.at.day().to_string(), day.apy.get(), day.tvl_usd))
            .collect();
        assert_eq!(
            seen,
            [
                ("2025-01-01".to_owned(), 2.4, 90.0),
                ("2025-01-02".to_owned(), 2.5, 100.0),
                ("2025-01-05".to_owned(), 0.0, 0.0),
            ]
        );
        assert_eq!(days.last().unwrap().base, None);
    }

    #[test]
    fn a_pool_that_is_none_is_told_from_one_without_a_past() {
        assert!(matches!(
            parse(b"\"invalid configID!\""),
            Err(SourceError::UnknownPool)
        ));
        assert_eq!(parse(br#"{"status":"success","data":[]}"#).unwrap(), []);
        assert!(matches!(
            parse(br#"{"status":"success","data":[{"apy":1}]}"#),
            Err(SourceError::Malformed(_))
        ));
        assert!(matches!(
            parse(b"\"hello\""),
            Err(SourceError::Malformed(_))
        ));
    }

    #[test]
    fn a_body_that_is_cut_off_gives_no_days() {
        for end in 0..BODY.len() {
            assert!(parse(&BODY.as_bytes()[..end]).is_err(), "cut at {end}");
        }
    }

    #[test]
    fn the_captured_charts_are_read_whole() {
        let Some(folder) = shared::data("charts") else {
            return;
        };
        let packed = std::fs::read(folder.join("charts.ndjson.zst")).unwrap();
        let text = String::from_utf8(zstd::decode_all(packed.as_slice()).unwrap()).unwrap();
        let mut days = 0;
        let mut charts = 0;
        for line in text.lines() {
            let chart = parse(line.as_bytes()).unwrap();
            assert!(chart.is_sorted_by(|before, after| before.at.day() < after.at.day()));
            days += chart.len();
            charts += 1;
        }
        assert_eq!((charts, days), (314, 51_864));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
            drop(parse(&body));
        }
    }
}
