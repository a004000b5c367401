//! The track record over two months of a made-up market: what was told is judged 30 days later.

use std::{
    fs,
    sync::Arc,
    time::{Duration, Instant},
};

use discord_twin::Twin;
use secrecy::SecretString;
use serde_json::{Value, json};
use stipend::{
    alerting::{reports, track},
    app::{App, RunError},
    clock::{Clock as _, ManualClock},
    delivery::{http::ApplicationId, post::Waits},
    domain::{
        alert::Rule,
        episode::Timing,
        ids::{ChannelId, DestinationId, GuildId, Home, MessageId, UserId, WebhookId},
        manner::{Digest, MORNING, Manner},
        rule::{Condition, Kind, Terms},
        scope::Scope,
        time::{Day, Span, Timestamp},
        track::Tally,
    },
    market::feed::Feed,
    ops::config::Config,
    render,
    store::{OpenError, destinations::Proven, rules::NewAlert},
};

use crate::support::{LONG, TestBot, USDC, USDT, Upstream, WETH, answer, one_server, row};

const GUILD: GuildId = GuildId(1);
const CHANNEL: ChannelId = ChannelId(10);
/// 2026-02-16.
const FIRST: Day = Day(20_500);
/// When two pools rise to four and a half times of what they paid.
const RISE: i32 = 20;
/// When one of them pays as before, and a third pool falls.
const FALL: i32 = 22;

/// The day that is so many after the first, at this hour.
fn at(day: i32, hour: u64) -> Timestamp {
    Day(FIRST.0 + day).start().plus(Span::hours(hour).0)
}

/// What pools pay on a day. Their TVL moves each time: figures that stand still are stale.
fn market(day: i32, hour: u64) -> Vec<Value> {
    let spike = if (RISE..FALL).contains(&day) {
        45.0
    } else {
        10.0
    };
    let raised = if day >= RISE { 45.0 } else { 10.0 };
    let falling = if day >= FALL { 2.6 } else { 10.0 };
    let pools = [
        (USDC, "USDC", spike),
        (USDT, "USDT", raised),
        (WETH, "WETH", falling),
    ];
    pools
        .map(|(id, symbol, apy)| {
            let mut row = row(id, symbol, "aave-v3", apy);
            row["tvlUsd"] = json!(250_000_000 + u64::from(day.unsigned_abs()) * 1_000 + hour);
            row
        })
        .to_vec()
}

/// The whole bot without its connection to Discord, on a clock that is moved by hand.
struct Bot {
    files: TestBot,
    token: SecretString,
    clock: Arc<ManualClock>,
    app: App,
    feed: Feed,
}

async fn opened(files: &TestBot, token: &SecretString, clock: &Arc<ManualClock>) -> (App, Feed) {
    let begun = Instant::now();
    let app = loop {
        let config = Config::load(None, files.environment()).unwrap();
        let on: Arc<dyn stipend::clock::Clock> = Arc::clone(clock) as _;
        match App::open(config, &[7; 32], token, ApplicationId(1), on).await {
            Ok(app) => break app,
            // A process that another story is just starting shares our lock until it runs.
            Err(RunError::Open(OpenError::Lock(_))) if begun.elapsed() < LONG => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Err(error) => panic!("{error:?}"),
        }
    };
    let feed = app.feed().await.unwrap().unwrap();
    (app, feed)
}

impl Bot {
    async fn new() -> Self {
        let twin = Twin::start(one_server()).await.unwrap();
        let upstream = Upstream::start(answer(&[])).await;
        let mut files = TestBot::new(&twin, &upstream);
        let path = files.path("pools.json").display().to_string();
        files.set("SOURCES__FILE__PATH", path);
        let token: SecretString = twin.token().into();
        let clock = Arc::new(ManualClock::at(at(0, 0)));
        let (app, feed) = opened(&files, &token, &clock).await;
        Self {
            files,
            token,
            clock,
            app,
            feed,
        }
    }

    async fn restarted(self) -> Self {
        self.app.store.close().await;
        drop(self.app);
        let (app, feed) = opened(&self.files, &self.token, &self.clock).await;
        Self { app, feed, ..self }
    }

    /// Reads the market in the morning and in the evening of these days.
    async fn live(&mut self, days: std::ops::Range<i32>) {
        for day in days {
            for hour in [8, 20] {
                self.clock.set(at(day, hour));
                let saved = self.files.path("pools.json");
                fs::write(saved, answer(&market(day, hour))).unwrap();
                self.app.ingest(&mut self.feed).await.unwrap();
            }
        }
    }

    async fn channel(&self) -> DestinationId {
        let proven = Proven {
            home: Home::Server(GUILD),
            channel: CHANNEL,
            parent: None,
            webhook: Some((WebhookId(11), SecretString::from("token"))),
            newest: MessageId(0),
            unasked: false,
            remade: false,
        };
        let now = self.clock.now();
        let waits = Waits::default();
        let saved = self.app.store.save_destination(&proven, now, &waits);
        saved.await.unwrap()
    }

    async fn watch(&self, channel: DestinationId, pool: &str, kind: Kind, value: Option<f64>) {
        let terms = Terms {
            value,
            ..Terms::default()
        };
        let new = NewAlert {
            guild: GUILD,
            channel: CHANNEL,
            rule: Rule {
                scope: Scope::of_pool(pool.parse().unwrap()),
                condition: Condition::new(kind, terms).unwrap(),
                timing: Timing::AT_ONCE,
            },
            manner: Manner::default(),
            created_by: UserId(5),
        };
        let App {
            alerting,
            store,
            market,
            ..
        } = &self.app;
        let added = alerting.add(store, market, new, channel, self.clock.now());
        assert_eq!(added.await.unwrap().pools, 1);
    }

    async fn tally(&self) -> Tally {
        let today = self.clock.now().day();
        self.app.store.tally(today).await.unwrap()
    }

    /// The last line of the report that is due now.
    async fn digest(&self, channel: DestinationId) -> String {
        let now = self.clock.now();
        let App {
            alerting,
            store,
            market,
            ..
        } = &self.app;
        let due = Some((Digest::Daily.cadence(MORNING), now));
        store.set_report(channel, due).await.unwrap();
        assert!(
            reports::speak(alerting, store, market, (now, now))
                .await
                .unwrap()
        );
        let waiting = store.waiting(channel, 999, now).await.unwrap();
        let report = waiting.last().expect("a report waits").summary.clone();
        report.lines().last().unwrap_or_default().to_owned()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_warning_comes_true_and_one_does_not_and_a_fall_is_missed() {
    let mut bot = Bot::new().await;
    bot.live(0..2).await;
    let channel = bot.channel().await;
    for pool in [USDC, USDT] {
        bot.watch(channel, pool, Kind::VerdictBecomes, None).await;
    }
    // What it holds does not fall, so it tells nothing; its pool is watched all the same.
    bot.watch(channel, WETH, Kind::TvlDrop, Some(50.0)).await;
    bot.live(2..RISE).await;
    assert_eq!(bot.tally().await, Tally::default());
    let quiet = bot.digest(channel).await;
    assert!(!quiet.contains("Verdicts"), "{quiet}");

    bot.live(RISE..FALL).await;
    let told = bot.tally().await;
    assert_eq!((told.warnings.open, told.told()), (2, 2));
    let first = Day(FIRST.0 + RISE + 31);
    assert_eq!(told.next, Some(first));
    let pending = bot.digest(channel).await;
    let when = render::numbers::day(first.start());
    assert!(
        pending.ends_with(&format!(
            "2 warnings: 2 are still open. The first can be judged on {when}"
        )),
        "{pending}"
    );

    let mut bot = Box::pin(bot.restarted()).await;
    bot.live(FALL..RISE + 31).await;
    let day_before = bot.tally().await;
    assert_eq!((day_before.warnings.open, day_before.known()), (2, 0));

    // Judged a day at a time, and no more when the same day is looked at again.
    bot.live(RISE + 31..RISE + 33).await;
    let judged = bot.tally().await;
    let mut bot = Box::pin(bot.restarted()).await;
    track::judge(&bot.app.store, bot.clock.now()).await.unwrap();
    assert_eq!(bot.tally().await, judged);
    let warnings = judged.warnings;
    assert_eq!((warnings.fell, warnings.lasted, warnings.all()), (1, 1, 2));
    bot.live(RISE + 33..RISE + 36).await;
    let tally = bot.tally().await;
    assert_eq!((tally.warnings, tally.missed), (warnings, 1));
    let digest = bot.digest(channel).await;
    assert!(
        digest.contains("2 warnings: 1 came true, 1 did not; 1 collapse was missed"),
        "{digest}"
    );
}
