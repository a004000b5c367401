use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use tracing::subscriber::with_default;

use super::*;

/// Collects what would go to standard error.
#[derive(Clone, Default)]
struct Collected(Arc<Mutex<Vec<u8>>>);

impl io::Write for Collected {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn logged(level: LevelFilter, style: Style, log: impl FnOnce()) -> String {
    let collected = Collected::default();
    let output = collected.clone();
    with_default(subscriber(level, style, move || output.clone()), log);
    let bytes = collected.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn a_line_for_people_names_level_message_and_fields() {
    let line = logged(LevelFilter::INFO, Style::Plain, || {
        tracing::info!(pools = 19, "read the market");
        tracing::debug!("not this");
    });
    assert!(line.contains("INFO"), "{line}");
    assert!(line.ends_with("read the market pools=19\n"), "{line}");
    assert_eq!(line.lines().count(), 1, "{line}");
}

/// F-X15: as JSON.
#[test]
fn a_json_line_is_an_object_with_the_same() {
    let line = logged(LevelFilter::INFO, Style::Json, || {
        tracing::warn!(pools = 19, "read the \u{1b}[31mmarket\n \u{9b}31m \u{202e}");
    });
    let object: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(object["level"], "WARN");
    assert_eq!(object["fields"]["pools"], 19);
    assert_eq!(
        object["fields"]["message"],
        "read the \u{1b}[31mmarket\n \u{9b}31m \u{202e}"
    );
    assert!(line.contains("\\u009b31m \\u202e"), "{line}");
    assert_eq!(line.lines().count(), 1, "{line}");
}

#[test]
fn libraries_are_capped_at_warnings_and_their_spans_are_not_shown() {
    let lines = logged(LevelFilter::TRACE, Style::Plain, || {
        let span = tracing::info_span!(target: "serenity::http", "perform", token = "canary");
        let _inside = span.enter();
        tracing::info!(target: "serenity::http::client", "canary");
        tracing::trace!(target: "hyper_util::client", "canary");
        tracing::debug!(target: "sqlx::query", "canary");
        tracing::warn!(target: "serenity::gateway", "heartbeat late");
        // What it warns of there are whole events.
        tracing::warn!(target: "serenity::gateway::ws", "canary");
        tracing::warn!(target: "serenity::gateway::shard", "canary");
        tracing::trace!("our own");
    });
    assert!(!lines.contains("canary"), "{lines}");
    assert!(lines.contains("heartbeat late"), "{lines}");
    assert!(lines.contains("our own"), "{lines}");
}

#[test]
fn the_cap_never_raises_a_level() {
    let lines = logged(LevelFilter::ERROR, Style::Plain, || {
        tracing::warn!(target: "serenity::gateway", "heartbeat late");
    });
    assert_eq!(lines, "");
}

#[test]
fn secrets_are_masked_in_every_style() {
    for style in [Style::Json, Style::Plain, Style::Coloured] {
        let lines = logged(LevelFilter::INFO, style, || {
            tracing::warn!(
                url = "https://discord.com/api/webhooks/42/canary",
                error = ?"/interactions/42/canary/callback",
                "cannot post to webhooks/42/canary"
            );
        });
        assert!(!lines.contains("canary"), "{lines}");
        assert_eq!(lines.matches("[redacted]").count(), 3, "{lines}");
    }
}

#[test]
fn warnings_have_a_colour_on_a_terminal_and_news_has_none() {
    let lines = logged(LevelFilter::INFO, Style::Coloured, || {
        tracing::warn!("late");
    });
    assert!(
        lines.starts_with('\u{1b}') && lines.ends_with("\u{1b}[0m\n"),
        "{lines:?}"
    );
    let lines = logged(LevelFilter::INFO, Style::Coloured, || {
        tracing::info!("fine");
    });
    assert!(!lines.contains('\u{1b}'), "{lines:?}");
}

#[test]
fn a_panic_tells_its_place_and_not_its_words() {
    let lines = logged(LevelFilter::INFO, Style::Plain, || {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(report_panic));
        let panicked = panic::catch_unwind(|| panic!("canary"));
        panic::set_hook(usual);
        assert!(panicked.is_err());
    });
    assert!(lines.contains("logging/tests.rs:"), "{lines}");
    assert!(!lines.contains("canary"), "{lines}");
}

proptest! {
    /// F-X15: for people.
    #[test]
    fn nothing_that_is_logged_breaks_the_line_or_reaches_the_terminal(text in any::<String>()) {
        let line = logged(LevelFilter::INFO, Style::Plain, || tracing::info!(text, "{text}"));
        prop_assert_eq!(line.matches('\n').count(), 1);
        prop_assert!(line.ends_with('\n'));
        prop_assert!(!line.trim_end_matches('\n').chars().any(char::is_control), "{:?}", line);
    }

    /// F-X15: as JSON, where a line is one object that says what was told and nothing that it was made to say.
    #[test]
    fn nothing_that_is_logged_breaks_out_of_its_object(text in any::<String>()) {
        let line = logged(LevelFilter::INFO, Style::Json, || tracing::info!(text, "told"));
        prop_assert_eq!(line.matches('\n').count(), 1);
        prop_assert!(!line.trim_end_matches('\n').chars().any(char::is_control), "{:?}", line);
        let object: serde_json::Value = serde_json::from_str(&line).unwrap();
        prop_assert_eq!(&object["fields"]["message"], "told");
        prop_assert_eq!(&object["level"], "INFO");
        let keys: Vec<&String> = object.as_object().unwrap().keys().collect();
        prop_assert_eq!(keys, ["fields", "level", "target", "timestamp"]);
    }
}
