//! How domain values stand in columns, and how they come back.

use crate::domain::{
    ids::PoolId,
    rate::Percent,
    time::{Day, Timestamp},
    verdict::Verdict,
};

/// A row holds what this program would not have written.
#[derive(Debug, thiserror::Error)]
#[error("column `{column}` holds a value that does not belong there")]
pub struct BadColumn {
    pub column: &'static str,
}

pub(crate) const fn bad(column: &'static str) -> BadColumn {
    BadColumn { column }
}

/// Discord's ids stay below 2⁶³ until the year 2084.
pub(crate) const fn snowflake(id: u64) -> i64 {
    id.cast_signed()
}

pub(crate) const fn from_snowflake(id: i64) -> u64 {
    id.cast_unsigned()
}

pub(crate) const fn time(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

pub(crate) fn day(day: i64) -> Result<Day, BadColumn> {
    i32::try_from(day).map(Day).map_err(|_| bad("day"))
}

pub(crate) fn pool_id(bytes: &[u8]) -> Result<PoolId, BadColumn> {
    <[u8; 16]>::try_from(bytes)
        .map(PoolId::from_bytes)
        .map_err(|_| bad("pool"))
}

pub(crate) fn percent(value: f64, column: &'static str) -> Result<Percent, BadColumn> {
    Percent::new(value).ok_or(bad(column))
}

pub(crate) fn verdict(slug: &str) -> Result<Verdict, BadColumn> {
    Verdict::parse(slug).ok_or(bad("verdict"))
}
