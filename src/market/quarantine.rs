//! Whether a reading can be believed, by what stood before it and beside it.

use std::{sync::Arc, time::Duration};

use foldhash::{HashMap, HashSet};

use super::snapshot::Snapshot;
use crate::domain::{
    listing::{Doubted, Listing},
    reading::{Doubt, Observed, Reading},
    time::{Span, Timestamp},
};

/// A single reading further away than this factor is not believed until the next batch confirms it.
const JUMP: f64 = 5.0;
/// Below this rate in percent a factor says little: 0.01 to 0.06 is no event.
const NOTABLE_APY: f64 = 1.0;
/// Below this TVL in US dollars a single withdrawal is a fall.
const NOTABLE_TVL: f64 = 100_000.0;
/// Rates that move by a factor between these, up or down, moved by about a hundred.
const ABOUT_A_HUNDRED: (f64, f64) = (80.0, 125.0);
/// So many pools of a protocol, and this share of them, have to move alike to show that a unit changed. It is
/// often that of one chain alone. In seven recorded days of some 6,000 pools no protocol has moved so.
const UNIT_POOLS: (usize, f64) = (3, 0.05);
/// What has been told in another unit for so long is meant so.
const UNIT_BELIEVED_AFTER: Span = Span::hours(24);

/// What `reading` contradicts of `before`, if anything.
pub fn doubt(before: &Reading, reading: &Reading) -> Option<Doubt> {
    let (was, is) = (before.apy.get(), reading.apy.get());
    if was >= NOTABLE_APY && is <= 0.0 {
        Some(Doubt::Zero)
    } else if is >= NOTABLE_APY && was > 0.0 && is > was * JUMP {
        Some(Doubt::Jump)
    } else if was >= NOTABLE_APY && is * JUMP < was {
        Some(Doubt::Fall)
    } else if before.tvl_usd >= NOTABLE_TVL && reading.tvl_usd * JUMP < before.tvl_usd {
        Some(Doubt::Drain)
    } else {
        None
    }
}

/// Whether a doubt of before is put aside, since the source says about the same again.
pub fn is_confirmed(earlier: &Listing, reading: &Reading, at: Timestamp) -> bool {
    let Some(Doubted { doubt: was, since }) = earlier.doubt else {
        return false;
    };
    let patience = match was {
        // A wrong unit is repeated with every answer until somebody mends it.
        Doubt::UnitChange => UNIT_BELIEVED_AFTER.0,
        Doubt::Zero | Doubt::Jump | Doubt::Fall | Doubt::Drain => Duration::ZERO,
    };
    at.since(since) >= patience && doubt(&earlier.reading, reading).is_none()
}

/// The protocols of which some pools have moved by about a hundred together since the last usable reading.
pub fn unit_changes(old: &Snapshot, rows: &[Observed]) -> HashSet<Arc<str>> {
    let mut moved: HashMap<&str, (usize, usize)> = HashMap::default();
    for row in rows {
        let Some(before) = old.get(row.pool.id).and_then(Listing::usable) else {
            continue;
        };
        let (was, is) = (before.apy.get(), row.reading.apy.get());
        if was > 0.0 && is > 0.0 {
            let (alike, all) = moved.entry(&row.pool.protocol).or_default();
            *alike += usize::from(is_about_a_hundred(was, is));
            *all += 1;
        }
    }
    moved
        .into_iter()
        .filter(|(_, (alike, all))| is_unit_change(*alike, *all))
        .map(|(protocol, _)| Arc::from(protocol))
        .collect()
}

/// Whether two rates are about a hundred times each other.
pub fn is_about_a_hundred(was: f64, is: f64) -> bool {
    let (low, high) = ABOUT_A_HUNDRED;
    let factor = if is > was { is / was } else { was / is };
    (low..=high).contains(&factor)
}

#[expect(clippy::cast_precision_loss, reason = "pools are some thousands")]
fn is_unit_change(alike: usize, all: usize) -> bool {
    let (pools, share) = UNIT_POOLS;
    alike >= pools && alike as f64 >= share * all as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::rate::Percent;

    fn reading(apy: f64, tvl_usd: f64) -> Reading {
        Reading {
            at: Timestamp::default(),
            apy: Percent::new(apy).unwrap(),
            base: None,
            reward: None,
            tvl_usd,
        }
    }

    fn between(was: f64, is: f64) -> Option<Doubt> {
        doubt(&reading(was, 1e6), &reading(is, 1e6))
    }

    #[test]
    fn zeros_and_moves_by_five_wait_for_the_next_batch() {
        assert_eq!(between(4.0, 0.0), Some(Doubt::Zero));
        assert_eq!(between(4.0, 20.1), Some(Doubt::Jump));
        assert_eq!(between(4.0, 20.0), None);
        assert_eq!(between(20.0, 0.001), Some(Doubt::Fall));
        assert_eq!(between(20.0, 4.0), None);
        assert_eq!(between(0.0, 50.0), None);
        assert_eq!(between(0.01, 0.9), None);
        assert_eq!(between(0.9, 0.01), None);
    }

    #[test]
    fn a_large_pool_is_not_empty_at_once() {
        let tvl = |was, is| doubt(&reading(4.0, was), &reading(4.0, is));
        assert_eq!(tvl(710e6, 22e6), Some(Doubt::Drain));
        assert_eq!(tvl(1e6, 200_000.0), None);
        assert_eq!(tvl(90_000.0, 1.0), None);
        assert_eq!(tvl(1e6, 1e9), None);
    }

    /// F-U12: factors from 80 to 125, up or down.
    #[test]
    fn a_unit_changes_where_some_move_by_a_hundred_together() {
        assert!(is_about_a_hundred(4.0, 410.0) && is_about_a_hundred(410.0, 4.0));
        assert!(!is_about_a_hundred(4.0, 40.0) && !is_about_a_hundred(4.0, 600.0));
        assert!(is_unit_change(3, 3) && is_unit_change(3, 60));
        assert!(!is_unit_change(3, 61) && !is_unit_change(2, 2));
    }
}
