//! A whole tick against a `SQLite` file: an answer parsed, compared and judged, the rules evaluated,
//! and all of it committed. For one core: `taskset -c 0 cargo bench --bench tick`.
#![expect(clippy::print_stdout, reason = "the table is what it is for")]

use std::{
    sync::Mutex,
    time::{Duration, Instant},
};

use discord_twin::soak::whole::Upstream;
use secrecy::SecretString;
use stipend::{
    alerting::{
        evaluator::{Evaluator, Watched},
        tick::Alerting,
    },
    delivery::post::Waits,
    domain::{
        episode::Timing,
        ids::{AlertId, ChannelId, GuildId, Home, MessageId, WebhookId},
        rule::LONGEST_WINDOW,
        time::{Span, Timestamp},
        verdict::Screen,
    },
    market::{Market, ingest::advance, snapshot::Snapshot},
    sources::defillama::categories::Categories,
    store::{Store, destinations::Proven},
};

#[path = "support/alerts.rs"]
mod alerts;
#[path = "support/figures.rs"]
mod figures;
#[path = "support/past.rs"]
mod past;
#[path = "support/pools.rs"]
mod pools;
#[path = "support/start.rs"]
mod start;

use figures::Times;
use pools::batch;
use start::START;

const CHANNELS: u64 = 100;
const HOUR: Duration = Span::hours(1).0;
const TICKS: usize = 9;

#[derive(Default)]
struct Parts {
    /// Until the notices are committed, which is when they are on their way.
    committed: Times,
    /// Until readers see the new market, too.
    whole: Times,
    parse: Times,
    advance: Times,
    evaluate: Times,
    /// What follows the comparison, the evaluation included.
    rest: Times,
    sweep: Times,
    changed: usize,
    notices: usize,
    steps: usize,
    ticks: usize,
}

/// When the last batch was committed; a named point of the tick tells it.
static COMMITTED: Mutex<Option<Instant>> = Mutex::new(None);

struct Bench {
    store: Store,
    market: Market,
    alerting: Alerting,
    /// Does what the one inside of `alerting` does, to see its part of the time. It takes room in the
    /// caches, so that whole ticks are timed without it.
    shadow: Option<Evaluator>,
    categories: Categories,
    upstream: Upstream,
    now: Timestamp,
    _folder: tempfile::TempDir,
}

impl Bench {
    async fn with(count: usize, shadowed: bool) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("tick.db");
        let store = Store::open(&path, &[7; 32], START)
            .await
            .expect("a database");
        let categories = Categories::bundled();
        let market = Market::new(Screen::default(), None);
        let upstream = Upstream::full();
        let first = batch(&upstream.body(), START, &categories);
        let change = advance(&Snapshot::default(), first, market.screen());
        Alerting::default()
            .tick(&store, &market, change)
            .await
            .expect("the first batch");
        past::write(&path, START).await.expect("the past");
        let mut channels = Vec::new();
        for at in 1..=CHANNELS {
            let proven = Proven {
                home: Home::Server(GuildId(at)),
                channel: ChannelId(1000 + at),
                parent: None,
                webhook: Some((WebhookId(2000 + at), SecretString::from("token"))),
                newest: MessageId(0),
                unasked: false,
                remade: false,
            };
            store
                .save_destination(&proven, START, &Waits::default())
                .await
                .expect("a channel");
            let at = i64::try_from(at).expect("small");
            channels.push((at, 1000 + at));
        }
        let snapshot = market.snapshot();
        let timing = Timing {
            hold: Span::hours(1),
            clear_hold: Span::hours(1),
            remind: None,
        };
        let rules = alerts::rules(&snapshot, count, timing);
        let mut shadow = Evaluator::default();
        let baselines: Vec<_> = rules
            .iter()
            .map(|rule| alerts::baseline(&shadow, &snapshot, rule))
            .collect();
        alerts::write(&path, &rules, &baselines, &channels, START)
            .await
            .expect("the alerts");
        for ((id, rule), baseline) in (1..).zip(rules).zip(baselines) {
            let id = AlertId(id);
            shadow.watch(
                Watched {
                    id,
                    version: 1,
                    rule,
                },
                baseline,
            );
        }
        let numbers: Vec<i64> = snapshot.listings().iter().map(|one| one.no).collect();
        let since = START.minus(LONGEST_WINDOW.0);
        let mut known = store.stretches(&numbers, since).await.expect("the past");
        for listing in snapshot.listings() {
            if shadow.looks_back_at(&listing.pool) {
                let past = known.remove(&listing.no).unwrap_or_default();
                shadow.remember(listing.pool.id, past);
            }
        }
        // Nothing of it may lie between what is timed.
        let shadow = shadowed.then_some(shadow);
        let alerting = Alerting::load(&store).await.expect("the alerts");
        let recalled = Instant::now();
        alerting
            .recall(&store, &snapshot, START)
            .await
            .expect("the past");
        println!(
            "<!-- {count} alerts: the past recalled in {:?} -->",
            recalled.elapsed()
        );
        assert_eq!(alerting.count().await, count);
        Self {
            store,
            market,
            alerting,
            shadow,
            categories,
            upstream,
            now: START,
            _folder: folder,
        }
    }

    async fn tick(&mut self, share: f64, parts: &mut Parts) {
        self.upstream.step(share);
        let body = self.upstream.body();
        self.now = self.now.plus(HOUR);
        let old = self.market.snapshot();

        let begun = Instant::now();
        let batch = batch(&body, self.now, &self.categories);
        let parsed = begun.elapsed();
        let begun = Instant::now();
        let change = advance(&old, batch, self.market.screen());
        let advanced = begun.elapsed();
        drop(old);

        if let Some(shadow) = &mut self.shadow {
            let begun = Instant::now();
            let steps = shadow.evaluate(&change);
            parts.evaluate.add(begun.elapsed());
            parts.steps += steps.len();
            shadow.apply(&change, steps);
        }

        let begun = Instant::now();
        let ticked = self
            .alerting
            .tick(&self.store, &self.market, change)
            .await
            .expect("the tick");
        let done = begun.elapsed();
        let committed = COMMITTED.lock().expect("no panic").expect("a commit");
        let committed = committed.duration_since(begun);
        self.store.sweep_changes(self.now).await.expect("the sweep");
        self.store.checkpoint().await.expect("the checkpoint");
        parts.sweep.add(begun.elapsed().saturating_sub(done));
        parts.committed.add(parsed + advanced + committed);
        parts.whole.add(parsed + advanced + done);
        parts.parse.add(parsed);
        parts.advance.add(advanced);
        parts.rest.add(done);
        parts.changed += ticked.changed;
        parts.notices += ticked.notices;
        parts.ticks += 1;
    }
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    fail::cfg_callback("eval.commit.after", || {
        *COMMITTED.lock().expect("no panic") = Some(Instant::now());
    })
    .expect("a point of that name");
    println!(
        "| alerts | of the pools changed | until committed, median (range) | whole tick | parse | \
         compare and judge | evaluate | render, commit, take over | sweep and checkpoint after it | \
         steps | notices |"
    );
    println!("| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    for count in [1_000, 10_000, 100_000] {
        let whole = runtime.block_on(ticks(count, false));
        let shadowed = runtime.block_on(ticks(count, true));
        for ((name, whole), (_, shadowed)) in whole.iter().zip(&shadowed) {
            row(name, whole, shadowed);
        }
    }
}

/// Ticks in which half of the pools change, in which few do, and the first of a day.
async fn ticks(count: usize, shadowed: bool) -> Vec<(String, Parts)> {
    let mut bench = Bench::with(count, shadowed).await;
    let mut warm = Parts::default();
    for _ in 0..4 {
        bench.tick(0.5, &mut warm).await;
    }
    let mut rows = Vec::new();
    for share in [0.5, 0.01] {
        let mut parts = Parts::default();
        for _ in 0..TICKS {
            bench.tick(share, &mut parts).await;
        }
        rows.push((count.to_string(), parts));
    }
    // The day has ended by now: its first batch writes a row for every pool.
    let mut parts = Parts::default();
    while bench.now.plus(HOUR).day() == bench.now.day() {
        bench.tick(0.01, &mut Parts::default()).await;
    }
    bench.tick(0.5, &mut parts).await;
    rows.push((format!("{count}, first of a day"), parts));
    bench.store.close().await;
    rows
}

fn row(name: &str, parts: &Parts, shadowed: &Parts) {
    // Of another run of the same ticks.
    let evaluate = shadowed.evaluate.within(0.5);
    println!(
        "| {name} | {} | {} | {:.1} | {:.1} | {:.1} | {evaluate:.1} | {:.1} | {:.1} | {} | {} |",
        parts.changed / parts.ticks,
        parts.committed.line(),
        parts.whole.within(0.5),
        parts.parse.within(0.5),
        parts.advance.within(0.5),
        parts.rest.within(0.5) - evaluate,
        parts.sweep.within(0.5),
        shadowed.steps / shadowed.ticks,
        parts.notices / parts.ticks,
    );
}
