//! When the market of a bench begins.

use stipend::domain::time::Timestamp;

/// 2025-11-03 00:30 UTC.
pub(crate) const START: Timestamp = Timestamp::from_millis(1_762_129_800_000);
