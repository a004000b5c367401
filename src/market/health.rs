//! How sources do: when they answered, and what went wrong since.

use std::{
    error::Error,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crate::{
    domain::time::{Span, Timestamp},
    sources::SourceError,
};

/// How a source does, for people.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Health {
    /// When it last answered, with news or without.
    pub answered_at: Option<Timestamp>,
    /// What went wrong since then, in words.
    pub trouble: Option<Trouble>,
    /// Rows left out of the last answer: unusable ones, and those that contradicted each other.
    pub skipped: u32,
    pub conflicting: u32,
}

impl Health {
    pub fn answered(&mut self, now: Timestamp) {
        self.answered_at = Some(now);
        self.trouble = None;
    }

    pub fn failed(&mut self, now: Timestamp, what: String) {
        let before = self.trouble.as_ref().map_or(0, |trouble| trouble.in_a_row);
        self.trouble = Some(Trouble {
            at: now,
            what,
            in_a_row: before.saturating_add(1),
        });
    }
}

/// The last failure, and how many there were in a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    pub at: Timestamp,
    pub what: String,
    pub in_a_row: u32,
}

/// Without an answer for so long, a source that is asked at this interval is stale: three in a row are
/// missing by then, and one that is asked each second may still take its time.
pub fn stale_after(interval: Span) -> Span {
    Span(interval.0.saturating_mul(3)).max(Span::minutes(10))
}

/// What is wrong, with why; what lies deeper is for the log.
pub fn words_of(error: &dyn Error) -> String {
    match error.source() {
        Some(why) => format!("{error}: {why}"),
        None => error.to_string(),
    }
}

/// How a source does that is asked when somebody needs it and not in a rhythm.
#[derive(Debug, Default)]
pub(super) struct OnDemand(Mutex<Health>);

impl OnDemand {
    /// What the source answers within `patience`. A failure is noted, and nothing is known then.
    pub(super) async fn wait<T, E: Error + 'static>(
        &self,
        name: &'static str,
        patience: Duration,
        now: Timestamp,
        answer: impl Future<Output = Result<T, E>>,
    ) -> Option<T> {
        let Ok(answer) = tokio::time::timeout(patience, answer).await else {
            let what = format!("no answer within {} s", patience.as_secs());
            tracing::warn!(source = name, "{what}");
            self.change(|health| health.failed(now, what));
            return None;
        };
        if let Err(error) = &answer {
            let error: &dyn Error = error;
            tracing::warn!(source = name, error, "no answer");
        }
        self.note(now, answer.as_ref().map(|_| ()));
        answer.ok()
    }

    /// Notes how asking went. What the source does not know is an answer too.
    pub(super) fn note<E: Error + 'static>(&self, now: Timestamp, answer: Result<(), &E>) {
        let is_unknown = |error: &(dyn Error + 'static)| {
            matches!(error.downcast_ref(), Some(SourceError::UnknownPool))
        };
        self.change(|health| match answer {
            Err(error) if !is_unknown(error) => health.failed(now, words_of(error)),
            Ok(()) | Err(_) => health.answered(now),
        });
    }

    pub(super) fn health(&self) -> Health {
        self.change(|health| health.clone())
    }

    fn change<T>(&self, change: impl FnOnce(&mut Health) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;
    use crate::{market::fixture::hour, sources::Outage};

    const PATIENCE: Duration = Duration::from_secs(1);

    fn trouble(source: &OnDemand) -> Option<(String, u32)> {
        let trouble = source.health().trouble;
        trouble.map(|trouble| (trouble.what, trouble.in_a_row))
    }

    #[tokio::test]
    async fn failures_are_counted_until_the_next_answer() {
        let source = OnDemand::default();
        assert_eq!(source.health(), Health::default());
        let late = pending::<Result<u8, SourceError>>();
        assert_eq!(source.wait("A source", PATIENCE, hour(0), late).await, None);
        assert_eq!(trouble(&source), Some(("no answer within 1 s".into(), 1)));
        let down = Outage::Status {
            status: 503,
            retry_after: None,
        };
        let failed = ready(Err::<u8, _>(SourceError::Unavailable(down)));
        assert_eq!(
            source.wait("A source", PATIENCE, hour(1), failed).await,
            None
        );
        let words = "the source cannot be reached: status 503";
        assert_eq!(trouble(&source), Some((words.into(), 2)));
        assert_eq!(source.health().answered_at, None);
        let good = source
            .wait(
                "A source",
                PATIENCE,
                hour(2),
                ready(Ok::<_, SourceError>(7)),
            )
            .await;
        assert_eq!(good, Some(7));
        assert_eq!(source.health().answered_at, Some(hour(2)));
        assert_eq!(trouble(&source), None);
    }

    #[test]
    fn that_a_pool_is_not_known_is_an_answer() {
        let source = OnDemand::default();
        source.note(hour(0), Err(&SourceError::UnknownPool));
        assert_eq!(source.health().answered_at, Some(hour(0)));
    }
}
