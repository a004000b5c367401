//! Times, put in order.

use std::time::Duration;

/// Measured times of one piece of work.
#[derive(Default)]
pub(crate) struct Times(Vec<Duration>);

impl Times {
    pub(crate) fn add(&mut self, time: Duration) {
        self.0.push(time);
    }

    /// The time, in milliseconds, that this share (0–1) of the runs stayed within.
    pub(crate) fn within(&self, share: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort();
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rank among some hundred runs"
        )]
        let rank = ((sorted.len().saturating_sub(1)) as f64 * share).round() as usize;
        sorted.get(rank).copied().unwrap_or_default().as_secs_f64() * 1e3
    }

    /// `median (least – most)` in milliseconds.
    pub(crate) fn line(&self) -> String {
        format!(
            "{:.2} ms ({:.2} – {:.2})",
            self.within(0.5),
            self.within(0.0),
            self.within(1.0)
        )
    }
}
