//! The whole bot in this process, on a clock that can be put forward: what takes hours is told at once.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use discord_twin::{PATIENCE, Twin};
use stipend::{
    app::{self, App, RunError},
    clock::{Clock, SystemClock},
    delivery::http::ApplicationId,
    domain::time::Timestamp,
    ops::config::Config,
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::support::{LONG, TestBot, Upstream, one_server, server};

/// The machine's clock, put forward or back by so many milliseconds.
#[derive(Debug, Default)]
pub(crate) struct Jumping(AtomicI64);

impl Jumping {
    pub(crate) fn jump(&self, millis: i64) {
        self.0.fetch_add(millis, Ordering::SeqCst);
    }
}

impl Clock for Jumping {
    fn now(&self) -> Timestamp {
        let now = SystemClock.now().millis();
        Timestamp::from_millis(now + self.0.load(Ordering::SeqCst))
    }
}

pub(crate) const HOUR: i64 = 3_600_000;
pub(crate) const DAY: i64 = 24 * HOUR;

/// The whole bot on a clock that jumps. It runs in this process: a child has the machine's clock.
pub(crate) struct Stage {
    pub(crate) twin: Twin,
    pub(crate) upstream: Upstream,
    pub(crate) bot: TestBot,
    pub(crate) clock: Arc<Jumping>,
    stop: CancellationToken,
    running: JoinHandle<Result<(), RunError>>,
}

impl Stage {
    /// The bot has read this market.
    pub(crate) async fn set(pools: String) -> Self {
        Self::set_with(pools, &[]).await
    }

    /// With these settings, by their names after `STIPEND_`.
    pub(crate) async fn set_with(pools: String, settings: &[(&str, &str)]) -> Self {
        let twin = Twin::start(one_server()).await.unwrap();
        let upstream = Upstream::start(pools).await;
        let mut bot = TestBot::new(&twin, &upstream);
        for (name, value) in settings {
            bot.set(name, *value);
        }
        let config = Config::load(None, bot.environment()).unwrap();
        let clock = Arc::new(Jumping::default());
        let application = ApplicationId(twin.application());
        let token = twin.token().into();
        let on: Arc<dyn Clock> = Arc::clone(&clock) as _;
        let app = App::open(config, &[7; 32], &token, application, on)
            .await
            .unwrap();
        let stop = CancellationToken::new();
        let running = tokio::spawn({
            let stop = stop.clone();
            async move { app::run(Arc::new(app), &token, stop).await }
        });
        twin.wait_ready(1, LONG).await.unwrap();
        twin.wait_for_commands(PATIENCE).await.unwrap();
        upstream.taken().await;
        Self {
            twin,
            upstream,
            bot,
            clock,
            stop,
            running,
        }
    }

    pub(crate) async fn told(&self, messages: usize) {
        self.twin
            .wait_for_messages(server() + 1, messages, LONG)
            .await
            .unwrap();
    }

    pub(crate) async fn end(self) {
        self.stop.cancel();
        self.running.await.unwrap().unwrap();
        self.bot.end(&self.twin);
    }
}
