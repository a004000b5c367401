//! When a bot is killed: at moments that nobody chose, close to where a kill could tear something apart.

use std::time::Duration;

/// The moment of a kill.
#[derive(Debug)]
pub(super) struct Death {
    pub(super) cue: Cue,
    /// How long after its cue.
    pub(super) then: Duration,
}

#[derive(Debug)]
pub(super) enum Cue {
    /// The process was started, or goes on.
    Birth,
    /// The nth message of this life is on its way.
    Post(u32),
    /// A batch was handed out.
    Batch,
}

impl Death {
    /// Most die soon after something has begun that a kill could tear apart.
    pub(super) fn draw(dice: &mut fastrand::Rng) -> Self {
        let (cue, latest_ms) = match dice.u8(..100) {
            0..20 => (Cue::Birth, 500),
            20..35 => (Cue::Birth, 2000),
            35..60 => (Cue::Post(dice.u32(1..5)), 30),
            60..75 => (Cue::Post(dice.u32(1..5)), 150),
            75..90 => (Cue::Batch, 30),
            _ => (Cue::Batch, 300),
        };
        Self {
            cue,
            then: Duration::from_micros(dice.u64(..latest_ms * 1000)),
        }
    }

    /// What never gets its cue dies all the same.
    pub(super) const LATEST: Duration = Duration::from_secs(2);
}
