//! What the client library tells nobody but its log.
//!
//! When Discord ends a connection with 4003, 4010 or 4011, or a resume finds no network, the library
//! writes a line and falls silent: it reads a stream that has ended as fast as it can until the next
//! heartbeat fails, and then presents itself again, every 41 seconds without end. 4012 it does not
//! know at all. Nothing of this can be had from its interface, so its log is listened to: each
//! connection runs on a thread of its own, and this subscriber is the thread's, which passes everything on.

use std::sync::{Arc, OnceLock};

use tracing::{
    Dispatch, Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    level_filters::LevelFilter,
    span,
    subscriber::Interest,
};

/// What was heard. The connection it was heard on is of no more use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overheard {
    /// 4010 or 4011: there are too few shards, or a number that does not fit.
    WrongShards,
    /// 4012: this version of the API is no more.
    VersionRefused,
    /// The connection is over and the library does not notice.
    FellSilent,
}

/// The words of the library, release 0.12, and what they mean.
const WORDS: [(&str, Overheard); 5] = [
    (
        "received err: Gateway(InvalidShardData)",
        Overheard::WrongShards,
    ),
    (
        "received err: Gateway(OverloadedShard)",
        Overheard::WrongShards,
    ),
    ("Unknown unclean close 4012", Overheard::VersionRefused),
    (
        "received err: Gateway(NoAuthentication)",
        Overheard::FellSilent,
    ),
    ("Failed to resume", Overheard::FellSilent),
];

/// Where the library writes them.
const TARGET: &str = "serenity::gateway";

/// The first thing that was heard.
pub type Ear = Arc<OnceLock<Overheard>>;

/// Listens to the log of one thread and passes it on to whoever listened before.
#[derive(Debug)]
pub struct Listener {
    ear: Ear,
    rest: Dispatch,
    highest: LevelFilter,
}

impl Listener {
    /// Runs `work` and listens to the log that it writes on this thread.
    pub fn around<T>(ear: Ear, work: impl FnOnce() -> T) -> T {
        let listener = Self {
            ear,
            rest: tracing::dispatcher::get_default(Clone::clone),
            highest: LevelFilter::current().max(LevelFilter::WARN),
        };
        tracing::subscriber::with_default(listener, work)
    }
}

fn is_of_interest(metadata: &Metadata<'_>) -> bool {
    metadata.is_event() && *metadata.level() <= Level::WARN && metadata.target().starts_with(TARGET)
}

impl Subscriber for Listener {
    // Never decided for good, because the answer of whoever listened before may change.
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        Interest::sometimes()
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.highest)
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        is_of_interest(metadata) || self.rest.enabled(metadata)
    }

    fn event(&self, event: &Event<'_>) {
        if is_of_interest(event.metadata()) {
            let mut message = Message::default();
            event.record(&mut message);
            let heard = WORDS.iter().find(|(words, _)| message.0.contains(words));
            if let Some((_, meaning)) = heard {
                self.ear.get_or_init(|| *meaning);
            }
        }
        if self.rest.enabled(event.metadata()) {
            self.rest.event(event);
        }
    }

    fn new_span(&self, span: &span::Attributes<'_>) -> span::Id {
        self.rest.new_span(span)
    }

    fn record(&self, span: &span::Id, values: &span::Record<'_>) {
        self.rest.record(span, values);
    }

    fn record_follows_from(&self, span: &span::Id, follows: &span::Id) {
        self.rest.record_follows_from(span, follows);
    }

    fn enter(&self, span: &span::Id) {
        self.rest.enter(span);
    }

    fn exit(&self, span: &span::Id) {
        self.rest.exit(span);
    }

    fn clone_span(&self, span: &span::Id) -> span::Id {
        self.rest.clone_span(span)
    }

    fn try_close(&self, span: span::Id) -> bool {
        self.rest.try_close(span)
    }
}

/// The sentence of a log line.
#[derive(Default)]
struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(write: impl FnOnce()) -> Option<Overheard> {
        let ear = Ear::default();
        Listener::around(Arc::clone(&ear), write);
        ear.get().copied()
    }

    #[test]
    fn the_library_is_heard_and_nobody_else() {
        use poise::serenity_prelude::{Error, GatewayError};
        let of = |error| Error::Gateway(error);
        let said = |error: Error| {
            heard(
                || tracing::error!(target: "serenity::gateway::bridge::shard_runner", "Shard handler received err: {error:?}"),
            )
        };
        assert_eq!(
            said(of(GatewayError::OverloadedShard)),
            Some(Overheard::WrongShards)
        );
        assert_eq!(
            said(of(GatewayError::InvalidShardData)),
            Some(Overheard::WrongShards)
        );
        assert_eq!(
            said(of(GatewayError::NoAuthentication)),
            Some(Overheard::FellSilent)
        );
        assert_eq!(said(of(GatewayError::HeartbeatFailed)), None);
        let elsewhere = || tracing::error!("Shard handler received err: Gateway(OverloadedShard)");
        assert_eq!(heard(elsewhere), None);
    }
}
