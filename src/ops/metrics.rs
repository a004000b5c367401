//! What a monitoring system reads at `/metrics`. Every name, its unit and its words are in this file.
//!
//! There is no global recorder: [`App`](crate::app::App) holds one [`Metrics`], and whoever has something to
//! count is given it. So two bots of one process do not mix their figures, and nothing has to be installed
//! before the library can be used. The macros of the crate `metrics` want a recorder that is global or belongs
//! to a thread, and tasks wander between threads; it is used by its handles instead.
//!
//! Events are counted where they happen. What stands anyway is read when somebody asks for it, in
//! `metrics/present.rs`.
//!
//! The value of a label is a text of the program's own: nothing that is made while it runs, such as an id or a
//! name, can become one.

use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, Key, Label, Level, Metadata, Recorder as _, Unit};
use metrics_exporter_prometheus::{
    Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};

use crate::{alerting::tick::Ticked, delivery::state::State, market::feed::Came};

mod present;

/// One metric, by its whole name.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    pub name: &'static str,
    kind: Kind,
    unit: Option<Unit>,
    /// One line for whoever reads it.
    pub says: &'static str,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    /// Only grows, from each start anew.
    Counter,
    Gauge,
    /// With the upper ends of its buckets, in its unit.
    Histogram(&'static [f64]),
}

impl Metric {
    const fn counter(name: &'static str, says: &'static str) -> Self {
        let (kind, unit) = (Kind::Counter, Some(Unit::Count));
        Self {
            name,
            kind,
            unit,
            says,
        }
    }

    const fn gauge(name: &'static str, unit: Unit, says: &'static str) -> Self {
        let (kind, unit) = (Kind::Gauge, Some(unit));
        Self {
            name,
            kind,
            unit,
            says,
        }
    }

    const fn seconds(name: &'static str, buckets: &'static [f64], says: &'static str) -> Self {
        let (kind, unit) = (Kind::Histogram(buckets), Some(Unit::Seconds));
        Self {
            name,
            kind,
            unit,
            says,
        }
    }
}

// The market.
const BATCHES: Metric = Metric::counter(
    "stipend_batches_total",
    "Times that the source of the market was asked, by what came: news, unchanged, suspect (far fewer pools than usual; refused) or failed",
);
const MARKET_AGE: Metric = Metric::gauge(
    "stipend_market_age_seconds",
    Unit::Seconds,
    "Since the last batch that was taken in; the list of pools changes about once an hour",
);
const POOLS: Metric = Metric::gauge(
    "stipend_pools",
    Unit::Count,
    "Pools of the present market by the state of their data: good, suspect, stale or missing",
);
const CHANGED_POOLS: Metric = Metric::counter(
    "stipend_changed_pools_total",
    "Pools with new readings in the batches that were taken in",
);
const LEFT_OUT_ROWS: Metric = Metric::gauge(
    "stipend_batch_left_out_rows",
    Unit::Count,
    "Rows that the last batch brought and that were left out, by why: unusable or conflicting",
);
const SOURCE_AGE: Metric = Metric::gauge(
    "stipend_source_age_seconds",
    Unit::Seconds,
    "Since a source that is asked in a rhythm last gave an answer, with news or without; since the start, where it has given none yet",
);
const SOURCE_SHELF_LIFE: Metric = Metric::gauge(
    "stipend_source_shelf_life_seconds",
    Unit::Seconds,
    "Age from which on what a source said is stale, or no longer known",
);
const SOURCE_FAILURES: Metric = Metric::gauge(
    "stipend_source_failures",
    Unit::Count,
    "Failures in a row of a source since its last answer",
);
const TICK: Metric = Metric::seconds(
    "stipend_tick_seconds",
    &[0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0],
    "From a batch that was read to a market that all see: rules evaluated, notices worded, all committed",
);

// What alerts say.
const ALERTS: Metric = Metric::gauge(
    "stipend_alerts",
    Unit::Count,
    "Alerts that servers have set, by whether they speak: speaking or muted",
);
const EPISODES: Metric = Metric::gauge(
    "stipend_episodes",
    Unit::Count,
    "Pairs of an alert and a pool, by how they stand: open (the alert has fired and is not over) or waiting (met, and not held for long enough)",
);
const NOTICES: Metric = Metric::counter(
    "stipend_notices_total",
    "Notices that batches of the market wrote into the outbox",
);

// The delivery.
const OUTBOX: Metric = Metric::gauge(
    "stipend_outbox_notices",
    Unit::Count,
    "Notices that have not come to an end, by where they stand: pending, held (by a mute, quiet hours or a digest), sending, waiting (to be sent again), uncertain or parked",
);
const OUTBOX_AGE: Metric = Metric::gauge(
    "stipend_outbox_oldest_seconds",
    Unit::Seconds,
    "Since the oldest notice that stands there was written, or came free of what held it; 0 where there is none",
);
const DELIVERIES: Metric = Metric::counter(
    "stipend_deliveries_total",
    "Attempts to tell something, and looks for what is uncertain, by the state that they ended with; expired and superseded count notices that were never sent",
);
const ANSWERS: Metric = Metric::counter(
    "stipend_discord_answers_total",
    "Requests of the delivery by the status of Discord's answer, none where no answer came; answers to commands go another way and are not among them",
);
const DESTINATIONS: Metric = Metric::gauge(
    "stipend_destinations",
    Unit::Count,
    "Channels and people that notices go to: new, ready, or parked (takes nothing until it is put right)",
);
const INVALID: Metric = Metric::gauge(
    "stipend_invalid_requests",
    Unit::Count,
    "Answers 401, 403 and 429 in the last ten minutes; Discord bans an address with 10,000 of them",
);
const INVALID_LIMIT: Metric = Metric::gauge(
    "stipend_invalid_requests_limit",
    Unit::Count,
    "Invalid requests in ten minutes with which a brake begins: soft (what can wait is held back) or hard (only channels that took messages before are written to)",
);
const BRAKE: Metric = Metric::gauge(
    "stipend_brake",
    Unit::Count,
    "Whether a brake is on: 0 none, 1 soft, 2 hard",
);
const PAUSED: Metric = Metric::gauge(
    "stipend_paused_seconds",
    Unit::Seconds,
    "How long all sending still rests because Discord said so; 0 where it does not",
);
const PROBING: Metric = Metric::gauge(
    "stipend_probing",
    Unit::Count,
    "1 while requests go one by one to try whether Discord is back, by why: outage or ban",
);

// Discord.
const SHARDS: Metric = Metric::gauge(
    "stipend_shards",
    Unit::Count,
    "Connections to Discord's gateway: connected or disconnected",
);
const SESSIONS_LOST: Metric = Metric::counter(
    "stipend_sessions_lost_total",
    "Sessions at Discord's gateway that ended and could not be resumed, of all shards",
);
const COMMANDS: Metric = Metric::seconds(
    "stipend_command_seconds",
    &[
        0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
    ],
    "From Discord's event to the end of the work on it, the answer included; other than commands: autocomplete, button and modal",
);
const COMMAND_ERRORS: Metric = Metric::counter(
    "stipend_command_errors_total",
    "Commands that did not do what was asked, by whose fault it was: user (who was told what to do) or internal (which is in the log); the others went well",
);
const REPEATED: Metric = Metric::counter(
    "stipend_interactions_repeated_total",
    "Interactions that Discord sent twice; the second is not taken up",
);

// The process.
const DATABASE: Metric = Metric::gauge(
    "stipend_database_bytes",
    Unit::Bytes,
    "Length of the database's file",
);
const LOG: Metric = Metric::gauge(
    "stipend_database_log_bytes",
    Unit::Bytes,
    "Length of the write-ahead log beside it; over 64 MiB somebody reads for too long, and it cannot be brought home",
);
const WRITABLE: Metric = Metric::gauge(
    "stipend_database_writable",
    Unit::Count,
    "1 when the last transaction was kept, else 0",
);
const BACKUP_AGE: Metric = Metric::gauge(
    "stipend_backup_age_seconds",
    Unit::Seconds,
    "Time since the last `stipend backup` of this database, or since the first start where there was none; not there with ops.backup_alarm = 0s",
);
const BACKUP_ALARM: Metric = Metric::gauge(
    "stipend_backup_alarm_seconds",
    Unit::Seconds,
    "The age of a backup from which on it is too old (ops.backup_alarm); not there with 0s",
);
const MEMORY: Metric = Metric::gauge(
    "stipend_memory_bytes",
    Unit::Bytes,
    "Memory that the process takes up (resident set); told on Linux",
);
const START: Metric = Metric::gauge(
    "stipend_start_time_seconds",
    Unit::Seconds,
    "When the process was started, in seconds since 1970",
);
const STARTS: Metric = Metric::counter(
    "stipend_starts_total",
    "Starts on this database, this one included; kept in it",
);
const BUILD: Metric = Metric::gauge(
    "stipend_build_info",
    Unit::Count,
    "Always 1; the label is the version",
);

/// Every metric that there is, in the order of this file.
pub const ALL: [Metric; 36] = [
    BATCHES,
    MARKET_AGE,
    POOLS,
    CHANGED_POOLS,
    LEFT_OUT_ROWS,
    SOURCE_AGE,
    SOURCE_SHELF_LIFE,
    SOURCE_FAILURES,
    TICK,
    ALERTS,
    EPISODES,
    NOTICES,
    OUTBOX,
    OUTBOX_AGE,
    DELIVERIES,
    ANSWERS,
    DESTINATIONS,
    INVALID,
    INVALID_LIMIT,
    BRAKE,
    PAUSED,
    PROBING,
    SHARDS,
    SESSIONS_LOST,
    COMMANDS,
    COMMAND_ERRORS,
    REPEATED,
    DATABASE,
    LOG,
    WRITABLE,
    BACKUP_AGE,
    BACKUP_ALARM,
    MEMORY,
    START,
    STARTS,
    BUILD,
];

/// Whose fault it was that a command did not do what was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Something that the person can put right.
    User,
    Internal,
}

impl Fault {
    const fn slug(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Internal => "internal",
        }
    }
}

/// A label and its value.
type Labels<const N: usize> = [(&'static str, &'static str); N];

/// The figures of one bot.
#[derive(Debug)]
pub struct Metrics {
    recorder: PrometheusRecorder,
    handle: PrometheusHandle,
}

impl Default for Metrics {
    /// All counters at zero, so that the first event is seen as a rise.
    fn default() -> Self {
        let mut builder = PrometheusBuilder::new();
        for metric in ALL {
            if let Kind::Histogram(buckets) = metric.kind {
                let name = Matcher::Full(metric.name.to_owned());
                builder = builder
                    .set_buckets_for_metric(name, buckets)
                    .expect("a histogram has buckets");
            }
        }
        let recorder = builder.build_recorder();
        let metrics = Self {
            handle: recorder.handle(),
            recorder,
        };
        metrics.describe();
        metrics.begin_at_zero();
        metrics
    }
}

impl Metrics {
    fn describe(&self) {
        for metric in ALL {
            let (name, unit, says) = (metric.name.into(), metric.unit, metric.says.into());
            match metric.kind {
                Kind::Counter => self.recorder.describe_counter(name, unit, says),
                Kind::Gauge => self.recorder.describe_gauge(name, unit, says),
                Kind::Histogram(_) => self.recorder.describe_histogram(name, unit, says),
            }
        }
    }

    fn begin_at_zero(&self) {
        for came in [Came::News, Came::Unchanged, Came::HalfEmpty, Came::Nothing] {
            self.counter(BATCHES, [("outcome", batch(came))])
                .increment(0);
        }
        for state in State::ALL {
            self.counter(DELIVERIES, [("outcome", state.slug())])
                .increment(0);
        }
        for status in ANSWER_CLASSES {
            self.counter(ANSWERS, [("status", status)]).increment(0);
        }
        for metric in [CHANGED_POOLS, NOTICES, SESSIONS_LOST, REPEATED] {
            self.counter(metric, []).increment(0);
        }
    }

    /// The source of the market was asked.
    pub fn asked(&self, came: Came) {
        self.counter(BATCHES, [("outcome", batch(came))])
            .increment(1);
    }

    /// A batch was taken in.
    pub fn ticked(&self, took: Duration, ticked: Ticked) {
        self.histogram(TICK, []).record(took);
        self.counter(CHANGED_POOLS, [])
            .increment(ticked.changed as u64);
        self.counter(NOTICES, []).increment(ticked.notices as u64);
    }

    /// So many attempts, looks or notices came to stand there.
    pub fn delivered(&self, to: State, how_many: u64) {
        self.counter(DELIVERIES, [("outcome", to.slug())])
            .increment(how_many);
    }

    /// Discord answered a request of the delivery, or did not.
    pub fn answered(&self, status: Option<u16>) {
        self.counter(ANSWERS, [("status", answer_class(status))])
            .increment(1);
    }

    /// A session at the gateway is over.
    pub fn lost_session(&self) {
        self.counter(SESSIONS_LOST, []).increment(1);
    }

    /// A command or what else came from a person was worked on; `what` is its name in the table of commands.
    pub fn worked(&self, what: &'static str, took: Duration) {
        self.histogram(COMMANDS, [("command", what)]).record(took);
    }

    /// A command did not do what was asked.
    pub fn erred(&self, what: &'static str, fault: Fault) {
        self.counter(COMMAND_ERRORS, [("command", what), ("fault", fault.slug())])
            .increment(1);
    }

    /// An interaction came twice.
    pub fn came_twice(&self) {
        self.counter(REPEATED, []).increment(1);
    }

    /// Adds up what was measured since the last time. Until then each measurement is kept by itself, so it has
    /// to be done now and then, though nobody may ever ask.
    pub fn add_up(&self) {
        self.handle.run_upkeep();
    }

    fn counter<const N: usize>(&self, of: Metric, labels: Labels<N>) -> Counter {
        self.recorder.register_counter(&key(of, labels), &META)
    }

    fn gauge<const N: usize>(&self, of: Metric, labels: Labels<N>) -> Gauge {
        self.recorder.register_gauge(&key(of, labels), &META)
    }

    /// Sets a gauge to a whole number.
    #[expect(
        clippy::cast_precision_loss,
        reason = "nothing that is counted here comes near 2⁵³"
    )]
    fn set<const N: usize>(&self, of: Metric, labels: Labels<N>, value: impl TryInto<u64>) {
        let value = value.try_into().unwrap_or(u64::MAX);
        self.gauge(of, labels).set(value as f64);
    }

    fn histogram<const N: usize>(&self, of: Metric, labels: Labels<N>) -> Histogram {
        self.recorder.register_histogram(&key(of, labels), &META)
    }

    /// All as text, in the order of names.
    fn text(&self) -> String {
        let text = self.handle.render();
        let mut blocks: Vec<&str> = text.trim_end().split("\n\n").collect();
        blocks.sort_unstable();
        blocks.join("\n\n") + "\n"
    }
}

const META: Metadata<'static> = Metadata::new("stipend", Level::INFO, None);

fn key<const N: usize>(of: Metric, labels: Labels<N>) -> Key {
    let labels = labels.map(|(name, value)| Label::from_static_parts(name, value));
    Key::from_parts(of.name, labels.to_vec())
}

const fn batch(came: Came) -> &'static str {
    match came {
        Came::News => "news",
        Came::Unchanged => "unchanged",
        Came::HalfEmpty => "suspect",
        Came::Nothing => "failed",
    }
}

const ANSWER_CLASSES: [&str; 10] = [
    "2xx", "400", "401", "403", "404", "429", "4xx", "5xx", "other", "none",
];

/// What is told apart of a status: those by themselves that mean something of their own.
const fn answer_class(status: Option<u16>) -> &'static str {
    match status {
        None => "none",
        Some(200..=299) => "2xx",
        Some(400) => "400",
        Some(401) => "401",
        Some(403) => "403",
        Some(404) => "404",
        Some(429) => "429",
        Some(402..=499) => "4xx",
        Some(500..=599) => "5xx",
        Some(_) => "other",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Each constant of this file is in the list that files and tests are compared with, once.
    #[test]
    fn the_list_holds_every_metric() {
        let declared = include_str!("metrics.rs")
            .lines()
            .filter(|line| line.starts_with("const ") && line.contains(": Metric = "))
            .count();
        let names: BTreeSet<&str> = ALL.iter().map(|metric| metric.name).collect();
        assert_eq!((names.len(), declared), (ALL.len(), ALL.len()));
    }

    /// What Prometheus' own guide asks of a name: its application first, its unit last.
    #[test]
    fn names_follow_the_custom() {
        for metric in ALL {
            let name = metric.name;
            assert!(name.starts_with("stipend_"), "{name}");
            let is_total = name.ends_with("_total");
            assert_eq!(is_total, matches!(metric.kind, Kind::Counter), "{name}");
            for (unit, ending) in [(Unit::Seconds, "_seconds"), (Unit::Bytes, "_bytes")] {
                assert_eq!(metric.unit == Some(unit), name.ends_with(ending), "{name}");
            }
        }
    }

    /// What happens is counted under its label, and what was not asked for yet stands at zero.
    #[test]
    fn events_are_counted() {
        let metrics = Metrics::default();
        metrics.asked(Came::HalfEmpty);
        metrics.ticked(
            Duration::from_millis(40),
            Ticked {
                changed: 7,
                notices: 2,
            },
        );
        metrics.delivered(State::Uncertain, 3);
        for status in [Some(204), Some(429), Some(418), Some(302), None] {
            metrics.answered(status);
        }
        metrics.worked("yield pool", Duration::from_millis(2));
        metrics.erred("yield pool", Fault::User);
        metrics.add_up();
        let text = metrics.text();
        for line in [
            "stipend_batches_total{outcome=\"suspect\"} 1",
            "stipend_batches_total{outcome=\"news\"} 0",
            "stipend_tick_seconds_bucket{le=\"0.025\"} 0",
            "stipend_tick_seconds_bucket{le=\"0.05\"} 1",
            "stipend_changed_pools_total 7",
            "stipend_notices_total 2",
            "stipend_deliveries_total{outcome=\"uncertain\"} 3",
            "stipend_deliveries_total{outcome=\"dead\"} 0",
            "stipend_discord_answers_total{status=\"2xx\"} 1",
            "stipend_discord_answers_total{status=\"429\"} 1",
            "stipend_discord_answers_total{status=\"4xx\"} 1",
            "stipend_discord_answers_total{status=\"other\"} 1",
            "stipend_discord_answers_total{status=\"none\"} 1",
            "stipend_command_seconds_count{command=\"yield pool\"} 1",
            "stipend_command_errors_total{command=\"yield pool\",fault=\"user\"} 1",
            "stipend_interactions_repeated_total 0",
        ] {
            assert!(
                text.lines().any(|it| it == line),
                "{line} is not in\n{text}"
            );
        }
    }

    /// Two bots of one process count apart.
    #[test]
    fn nothing_is_global() {
        let (one, other) = (Metrics::default(), Metrics::default());
        one.came_twice();
        assert!(one.text().contains("stipend_interactions_repeated_total 1"));
        assert!(
            other
                .text()
                .contains("stipend_interactions_repeated_total 0")
        );
    }
}
