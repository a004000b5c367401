//! How things stand at the moment at which somebody asks.

use super::{
    ALERTS, BACKUP_AGE, BACKUP_ALARM, BRAKE, BUILD, DATABASE, DESTINATIONS, EPISODES, INVALID,
    INVALID_LIMIT, LEFT_OUT_ROWS, LOG, MARKET_AGE, MEMORY, Metrics, OUTBOX, OUTBOX_AGE, PAUSED,
    POOLS, PROBING, SHARDS, SOURCE_AGE, SOURCE_FAILURES, SOURCE_SHELF_LIFE, START, STARTS,
    WRITABLE,
};
use crate::{
    app::App,
    causes::Causes,
    delivery::{
        pacing::{Brake, Cause},
        state::{DestinationState, State},
    },
    discord::shards::Shards,
    domain::{
        reading::{DEFILLAMA, DataState},
        time::{Span, Timestamp},
    },
    market::health::{Health, stale_after},
    ops::config::Way,
    store::{StoreError, outbox::Queued},
};

impl Metrics {
    /// All figures, with how things stand now, in Prometheus' text format. It reads no table as a whole.
    pub async fn present(&self, app: &App, shards: &Shards) -> String {
        let now = app.clock.now();
        self.read_market(app, now);
        self.read_alerts(app, now).await;
        if let Err(error) = self.read_outbox(app, now).await {
            self.unknown_outbox(app, &error);
        }
        self.read_pacing(app);
        if app.config.discord.interactions == Way::Gateway {
            self.read_shards(shards);
        }
        self.read_process(app);
        self.read_backup(app, now).await;
        self.text()
    }

    fn read_market(&self, app: &App, now: Timestamp) {
        let market = &app.market;
        let snapshot = market.snapshot();
        if !snapshot.is_empty() {
            let age = now.since(snapshot.origin.fetched_at);
            self.gauge(MARKET_AGE, []).set(age);
        }
        for (state, slug) in [
            (DataState::Good, "good"),
            (DataState::Suspect, "suspect"),
            (DataState::Stale, "stale"),
            (DataState::Missing, "missing"),
        ] {
            self.set(POOLS, [("state", slug)], snapshot.in_state(state));
        }
        let health = market.health();
        for (why, rows) in [
            ("unusable", health.skipped),
            ("conflicting", health.conflicting),
        ] {
            self.gauge(LEFT_OUT_ROWS, [("why", why)]).set(rows);
        }
        let sources = &app.config.sources;
        if sources.file.path.is_some() || sources.defillama.enabled {
            let shelf_life = stale_after(sources.defillama.interval);
            self.read_source(app, (DEFILLAMA, &health), shelf_life, now);
        }
        for line in market.lines() {
            let source = (line.topic.name(), &line.health);
            self.read_source(app, source, line.shelf_life, now);
        }
        for (origin, followed) in market.networks().followed() {
            let source = (origin.name(), &followed.health);
            self.read_source(app, source, stale_after(followed.interval), now);
        }
        // Asked when somebody needs them, so their age says nothing.
        let on_demand = (app.charts.health().into_iter())
            .chain(market.prices_health())
            .chain(app.indices.health());
        for (name, health) in on_demand {
            self.read_failures(name, &health);
        }
    }

    fn read_source(
        &self,
        app: &App,
        (name, health): (&'static str, &Health),
        shelf_life: Span,
        now: Timestamp,
    ) {
        let since = health.answered_at.unwrap_or(app.started_at);
        let label = [("source", name)];
        self.gauge(SOURCE_AGE, label).set(now.since(since));
        self.gauge(SOURCE_SHELF_LIFE, label).set(shelf_life.0);
        self.read_failures(name, health);
    }

    fn read_failures(&self, name: &'static str, health: &Health) {
        let trouble = health.trouble.as_ref();
        let failures = trouble.map_or(0, |trouble| trouble.in_a_row);
        self.gauge(SOURCE_FAILURES, [("source", name)])
            .set(failures);
    }

    async fn read_alerts(&self, app: &App, now: Timestamp) {
        let census = app.alerting.census(now).await;
        let speaking = census.alerts - census.muted;
        for (state, alerts) in [("speaking", speaking), ("muted", census.muted)] {
            self.set(ALERTS, [("state", state)], alerts);
        }
        for (state, episodes) in [("open", census.open), ("waiting", census.waiting)] {
            self.set(EPISODES, [("state", state)], episodes);
        }
    }

    async fn read_outbox(&self, app: &App, now: Timestamp) -> Result<(), StoreError> {
        let queued = app.store.queued(now).await?;
        for place in QUEUE {
            let there = queued.iter().find(|queued| place_of(queued) == place);
            let (notices, age) = there.map_or((0, 0.0), |queued| {
                (queued.notices, now.since(queued.since).as_secs_f64())
            });
            self.set(OUTBOX, [("state", place)], notices);
            self.gauge(OUTBOX_AGE, [("state", place)]).set(age);
        }
        let destinations = app.store.destination_counts().await?;
        for state in DestinationState::ALL {
            let counted = destinations.iter().find(|(of, _)| *of == state);
            let count = counted.map_or(0, |(_, count)| *count);
            self.set(DESTINATIONS, [("state", state.slug())], count);
        }
        Ok(())
    }

    /// An old figure would say that all is well.
    fn unknown_outbox(&self, app: &App, error: &StoreError) {
        if matches!(error, StoreError::Corrupt(_)) {
            app.store.doubt();
        }
        tracing::warn!(
            error = %Causes(error),
            "the outbox cannot be counted"
        );
        for place in QUEUE {
            for metric in [OUTBOX, OUTBOX_AGE] {
                self.gauge(metric, [("state", place)]).set(f64::NAN);
            }
        }
        for state in DestinationState::ALL {
            self.gauge(DESTINATIONS, [("state", state.slug())])
                .set(f64::NAN);
        }
    }

    fn read_pacing(&self, app: &App) {
        let condition = app.delivery.condition();
        let limits = &app.config.delivery;
        self.set(INVALID, [], condition.invalid);
        self.set(INVALID_LIMIT, [("brake", "soft")], limits.invalid_soft);
        self.set(INVALID_LIMIT, [("brake", "hard")], limits.invalid_hard);
        self.gauge(BRAKE, []).set(match condition.brake {
            Brake::Off => 0.0,
            Brake::Soft => 1.0,
            Brake::Hard => 2.0,
        });
        self.gauge(PAUSED, []).set(condition.paused);
        for (cause, slug) in [(Cause::Outage, "outage"), (Cause::Ban, "ban")] {
            let probes = condition.probing == Some(cause);
            self.set(PROBING, [("cause", slug)], u8::from(probes));
        }
    }

    fn read_shards(&self, shards: &Shards) {
        let shards = shards.readiness();
        let disconnected = shards.total.saturating_sub(shards.connected);
        for (state, count) in [
            ("connected", shards.connected),
            ("disconnected", disconnected),
        ] {
            self.gauge(SHARDS, [("state", state)]).set(count);
        }
    }

    async fn read_backup(&self, app: &App, now: Timestamp) {
        let alarm = app.config.ops.backup_alarm.0;
        if alarm.is_zero() {
            return;
        }
        self.gauge(BACKUP_ALARM, []).set(alarm);
        match app.backed_up_at(now).await {
            Ok(at) => self.gauge(BACKUP_AGE, []).set(now.since(at)),
            Err(error) => {
                tracing::warn!(
                    error = %Causes(&error),
                    "how old the last backup is cannot be read"
                );
                self.gauge(BACKUP_AGE, []).set(f64::NAN);
            }
        }
    }

    fn read_process(&self, app: &App) {
        let lengths = app.store.lengths();
        self.set(DATABASE, [], lengths.database);
        self.set(LOG, [], lengths.log);
        let is_writable = *app.store.kept().borrow();
        self.set(WRITABLE, [], u8::from(is_writable));
        if let Some(bytes) = memory() {
            self.set(MEMORY, [], bytes);
        }
        self.set(START, [], app.started_at.seconds());
        self.counter(STARTS, [])
            .absolute(app.store.epoch().cast_unsigned());
        let version = [("version", env!("CARGO_PKG_VERSION"))];
        self.gauge(BUILD, version).set(1.0);
    }
}

/// Where a notice can stand that has not come to an end.
const QUEUE: [&str; 6] = [
    State::Pending.slug(),
    HELD,
    State::Sending.slug(),
    State::Waiting.slug(),
    State::Uncertain.slug(),
    State::Parked.slug(),
];
const HELD: &str = "held";

const fn place_of(queued: &Queued) -> &'static str {
    if queued.is_held {
        HELD
    } else {
        queued.state.slug()
    }
}

/// The memory that this process takes up, in bytes; `None` where the system does not say it as Linux does.
fn memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}
