//! Whether a reading can be believed, by what stood before it.

use crate::domain::reading::Reading;

/// A single reading further away than this factor is not believed until the next batch confirms it.
const JUMP: f64 = 5.0;
/// Below this rate in percent a factor says little: 0.01 to 0.06 is no event.
const NOTABLE_APY: f64 = 1.0;

/// Whether `reading` contradicts `before`: zero after a positive history, or a five-fold jump.
pub fn is_suspect(before: &Reading, reading: &Reading) -> bool {
    let (was, is) = (before.apy.get(), reading.apy.get());
    if was >= NOTABLE_APY && is <= 0.0 {
        return true;
    }
    is >= NOTABLE_APY && was > 0.0 && is > was * JUMP
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{rate::Percent, time::Timestamp};

    fn suspect(was: f64, is: f64) -> bool {
        let reading = |apy| Reading {
            at: Timestamp::default(),
            apy: Percent::new(apy).unwrap(),
            base: None,
            reward: None,
            tvl_usd: 1e6,
        };
        is_suspect(&reading(was), &reading(is))
    }

    #[test]
    fn zero_after_a_positive_history_and_five_fold_jumps_wait_for_the_next_batch() {
        assert!(suspect(4.0, 0.0));
        assert!(suspect(4.0, 20.1));
        assert!(!suspect(4.0, 20.0));
        assert!(!suspect(20.0, 0.001));
        assert!(!suspect(0.0, 50.0));
        assert!(!suspect(0.01, 0.9));
    }
}
