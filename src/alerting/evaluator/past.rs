//! What pools showed before: the memory that windows look into.

use std::{collections::BTreeSet, time::Duration};

use crate::domain::{
    reading::{Reading, Stretch, oldest_since},
    time::{Span, Timestamp},
    verdict::Assessment,
};

/// How many stretches more a pool's past makes room for when it is full.
const ROOM: usize = 8;

/// What a pool showed, as far back as any rule looks.
#[derive(Debug, Default)]
pub(super) struct Past {
    /// The last one is the present.
    pub(super) stretches: Vec<Stretch>,
    /// Until then every window begins with the same stretch as at the last look.
    pub(super) settled_until: Timestamp,
}

impl Past {
    /// Takes in one more usable reading, and forgets what no window reaches from there.
    pub(super) fn add(&mut self, reading: &Reading, assessment: &Assessment, longest: Duration) {
        // Thousands of these are kept, and each would grow to twice what it needs.
        if self.stretches.len() == self.stretches.capacity() {
            self.stretches.reserve_exact(ROOM);
        }
        add(&mut self.stretches, reading, assessment);
        let start = reading.at.minus(longest);
        // Most often there is nothing, and looking for its end would visit much of the memory.
        if self
            .stretches
            .first()
            .is_some_and(|first| first.until < start)
        {
            let gone = self
                .stretches
                .partition_point(|stretch| stretch.until < start);
            self.stretches.drain(..gone.min(self.stretches.len() - 1));
        }
    }

    /// The present was looked at: finds out when a window begins with another stretch, where that is due.
    pub(super) fn look(&mut self, windows: &BTreeSet<Span>) {
        let present = self.stretches.last();
        if present.is_some_and(|present| self.settled_until < present.until) {
            self.settle(windows);
        }
    }

    /// To be called for windows that were not there before, too.
    pub(super) fn settle(&mut self, windows: &BTreeSet<Span>) {
        let Some(looked_at) = self.stretches.last().map(|present| present.until) else {
            return;
        };
        let leaves = |window: &Span| {
            let oldest = oldest_since(&self.stretches, looked_at.minus(window.0))?;
            Some(oldest.until.plus(window.0))
        };
        let first = windows.iter().filter_map(leaves).min();
        self.settled_until = first.unwrap_or(looked_at);
    }
}

/// Whether what a window of this length begins with is another at `now` than at the last look, which
/// is when the present stretch was last read. What people were told is a figure of some stretch, so
/// that it leaves the window together with it.
pub(super) fn slides(past: &[Stretch], now: Timestamp, window: Span) -> bool {
    let [.., looked_at] = past else { return false };
    let begins = |at: Timestamp| {
        let start = at.minus(window.0);
        past.partition_point(|stretch| stretch.until < start)
    };
    begins(now) != begins(looked_at.until)
}

/// The stretches before the one that a reading belongs to.
pub(super) fn before_present<'a>(
    stretches: &'a [Stretch],
    reading: &Reading,
    assessment: &Assessment,
) -> &'a [Stretch] {
    match stretches {
        [earlier @ .., last] if belongs(last, reading, assessment) => earlier,
        _ => stretches,
    }
}

/// One more reading: the present stretch grows, or another begins.
pub(super) fn add(stretches: &mut Vec<Stretch>, reading: &Reading, assessment: &Assessment) {
    match stretches.last_mut() {
        Some(last) if belongs(last, reading, assessment) => {
            last.until = last.until.max(reading.at);
        }
        _ => stretches.push(Stretch {
            until: reading.at,
            apy: reading.apy,
            tvl_usd: reading.tvl_usd,
            verdict: assessment.verdict,
        }),
    }
}

fn belongs(stretch: &Stretch, reading: &Reading, assessment: &Assessment) -> bool {
    stretch.apy == reading.apy
        && stretch.tvl_usd.to_bits() == reading.tvl_usd.to_bits()
        && stretch.verdict == assessment.verdict
}
