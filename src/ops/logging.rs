//! Logs: one line an event on standard error, for people or as JSON, and no secret in any of them.
//!
//! Three things keep secrets out. Types hide them (`SecretString`). Libraries that write tokens into
//! their spans are capped at warnings, whatever the level. And as the last line of defence every
//! line goes through [`redact`] on its way out.

mod redaction;
mod writer;

use std::{
    io::{self, IsTerminal, Write as _},
    panic,
};

use anstream::ColorChoice;
use tracing::{
    Subscriber, dispatcher, level_filters::LevelFilter, subscriber::SetGlobalDefaultError,
};
use tracing_subscriber::{
    Layer,
    filter::Targets,
    fmt::{self, MakeWriter},
    layer::SubscriberExt,
};

pub(super) use redaction::is_token;
pub use redaction::redact;
use writer::{Style, Writers};

use super::config::{LogFormat, Ops};

/// Targets of libraries, by how they begin. Below warnings they tell of every frame and request, and
/// some put tokens into it.
const CAPPED: [&str; 10] = [
    "h2",
    "hyper",
    "poise",
    "reqwest",
    "rustls",
    "serenity",
    "sqlx",
    "tokio_tungstenite",
    "tungstenite",
    "twilight",
];

const GATEWAY_LIBRARY: &str = "serenity";

/// Modules of the gateway library that warn of what they cannot read by repeating it, with all that somebody
/// typed. Only their errors are let through.
const INDISCREET: [&str; 3] = ["gateway::ws", "gateway::shard", "model"];

/// A module of it that warns at each orderly stop that nobody said goodbye. What becomes of a shard is logged by
/// `discord/fleet.rs`.
const TALKATIVE: &str = "gateway::bridge::shard_runner";

/// Starts logging for the whole process. It can be done once.
///
/// What libraries write by the `log` crate is not taken up: it comes under one target for all of them, so that
/// the caps on theirs would not hold, and the websocket's tells of each frame with what people typed.
pub fn init(settings: &Ops) -> Result<(), SetGlobalDefaultError> {
    let terminal = io::stderr().is_terminal();
    let style = match settings.log_format {
        LogFormat::Json => Style::Json,
        LogFormat::Auto if !terminal => Style::Json,
        LogFormat::Human | LogFormat::Auto => match anstream::AutoStream::choice(&io::stderr()) {
            ColorChoice::Never => Style::Plain,
            _ => Style::Coloured,
        },
    };
    let subscriber = subscriber(settings.log_level.into(), style, io::stderr);
    tracing::subscriber::set_global_default(subscriber)
}

/// Sees that a panic anywhere in the process is told without its words, whether or not it is logged.
pub fn guard_panics() {
    panic::set_hook(Box::new(report_panic));
}

fn subscriber<W>(level: LevelFilter, style: Style, output: W) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let writers = Writers { style, output };
    let lines = match style {
        Style::Json => fmt::layer()
            .json()
            .with_current_span(false)
            .with_writer(writers)
            .boxed(),
        // Colours are added by the writer, after everything that could pass for one is escaped.
        Style::Plain | Style::Coloured => {
            fmt::layer().with_ansi(false).with_writer(writers).boxed()
        }
    };
    tracing_subscriber::registry().with(lines.with_filter(filter(level)))
}

/// In `LevelFilter`'s order less is more important, so the smaller of two lets less through.
fn filter(level: LevelFilter) -> Targets {
    let capped = CAPPED
        .into_iter()
        .fold(Targets::new().with_default(level), |targets, target| {
            targets.with_target(target, level.min(LevelFilter::WARN))
        });
    let modules = INDISCREET.into_iter().chain([TALKATIVE]);
    modules.fold(capped, |targets, module| {
        let target = format!("{GATEWAY_LIBRARY}::{module}");
        targets.with_target(target, level.min(LevelFilter::ERROR))
    })
}

/// Tells where, and not what: the words of a panic may quote any value, a secret one too.
fn report_panic(panic: &panic::PanicHookInfo<'_>) {
    let place = panic
        .location()
        .map(ToString::to_string)
        .unwrap_or_default();
    if !dispatcher::has_been_set() {
        // Nobody is left to tell where this cannot be written.
        drop(writeln!(
            io::stderr(),
            "stipend: a fault of its own, at {place}; please report it with this line"
        ));
        return;
    }
    let thread = std::thread::current();
    tracing::error!(
        place,
        thread = thread.name().unwrap_or("unnamed"),
        "panicked"
    );
}

#[cfg(test)]
mod tests;
