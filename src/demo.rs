//! `stipend demo`: the whole bot on a recorded market, with no account and no network.
//!
//! Nothing here is a shortcut: the market comes over HTTP from a stand-in for the upstream, alerts go
//! through the real database and outbox, and messages are posted by real webhooks to the stand-in
//! for Discord. Only the clock is a made-up one, which moves a day at each step.

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use discord_twin::{Guild, Limits, Twin, World, guild_on_shard};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use secrecy::SecretString;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{
    alerting::rules_file::{self, NamedRule},
    app::App,
    cli::DemoArgs,
    clock::{Clock as _, ManualClock},
    delivery::{http::ApplicationId, state::State},
    discord,
    domain::{
        ids::{ChannelId, GuildId, UserId},
        manner::Manner,
    },
    market::feed::{Feed, FeedError, backfill},
    ops::{
        config::{Config, Raw},
        secrets::MasterKey,
    },
    store::rules::NewAlert,
};

mod market;
mod screen;
mod upstream;

use market::Recording;
use upstream::Upstream;

const RULES: &str = include_str!("../data/demo-rules.toml");
/// The days before are the past that verdicts rest on, read from the charts as for any watched pool.
const FIRST: u32 = 15;
/// Days a second when somebody watches: every kind of notice is seen within a few seconds.
const WATCHED_SPEED: f64 = 4.0;
/// The person who is said to have set the alerts up.
const ADMIN: UserId = UserId(2_000_000_000_000_000_001);

/// Replays the recorded market and shows what each channel would read, until `stop`.
pub async fn demo(args: &DemoArgs, stop: CancellationToken) -> anyhow::Result<()> {
    let folder = Folder::make()?;
    let stage = Stage::set(&folder).await?;
    let sending = tokio::spawn({
        let (delivery, stop) = (stage.app.delivery.clone(), stop.clone());
        let pulse = stage.app.pulses.listen("the delivery");
        async move { delivery.run(pulse, stop).await }
    });
    let commands = tokio::spawn({
        let (app, token, stop) = (Arc::clone(&stage.app), stage.twin.token(), stop.clone());
        async move { discord::client::run(app, &token.into(), Arc::default(), stop).await }
    });
    let shown = tokio::select! {
        () = stop.cancelled() => Ok(()),
        shown = Box::pin(stage.show(args)) => shown,
    };
    if shown.is_ok() && !args.headless && !stop.is_cancelled() {
        screen::say_how_to_go_on(&stage.twin, stage.guild.0, &stage.channels);
        stop.cancelled().await;
    }
    stop.cancel();
    sending.await??;
    commands.await??;
    stage.app.store.close().await;
    stage.twin.stop().await;
    shown
}

/// Everything that plays a part.
struct Stage {
    recording: Arc<Recording>,
    rules: Vec<NamedRule>,
    guild: GuildId,
    /// One for each rule.
    channels: Vec<ChannelId>,
    twin: Twin,
    upstream: Upstream,
    clock: Arc<ManualClock>,
    app: Arc<App>,
}

impl Stage {
    async fn set(folder: &Folder) -> anyhow::Result<Self> {
        let recording = Arc::new(Recording::bundled()?);
        let rules = rules_file::parse(RULES)?;
        let guild = GuildId(guild_on_shard(0, 1, 1));
        let channels: Vec<ChannelId> = (1..)
            .take(rules.len())
            .map(|at| ChannelId(guild.0 + at))
            .collect();
        let twin = Twin::start(world(guild.0, &channels, &rules)).await?;
        let upstream = Upstream::start(Arc::clone(&recording)).await?;
        let clock = Arc::new(ManualClock::at(recording.time_of(FIRST)));
        let app = open(folder, &twin, &upstream, Arc::clone(&clock)).await?;
        Ok(Self {
            recording,
            rules,
            guild,
            channels,
            twin,
            upstream,
            clock,
            app,
        })
    }

    /// Lets one recorded day after the other pass, and prints what is posted on each.
    async fn show(&self, args: &DemoArgs) -> anyhow::Result<()> {
        let mut screen = screen::Screen::new(&self.rules, &self.channels);
        let days = args.days.min(self.recording.days() - FIRST);
        let bar = progress(args, days);
        let mut feed = self
            .app
            .feed()
            .await?
            .context("the demonstration has a source")?;
        for day in FIRST..FIRST + days {
            let begun = Instant::now();
            self.upstream.show(day);
            self.clock.set(self.recording.time_of(day));
            match self.app.ingest(&mut feed).await {
                Ok(_) => {}
                // The recording has such days, and what the bot makes of them is worth seeing.
                Err(FeedError::HalfEmpty(why)) => {
                    bar.suspend(|| screen::print_disbelief(self.clock.now(), &why));
                }
                Err(error) => return Err(error.into()),
            }
            if day == FIRST {
                self.add_alerts().await?;
                self.learn_the_past(&mut feed).await?;
            }
            settle(&self.app).await?;
            bar.suspend(|| screen.print_new(&self.twin, self.clock.now()));
            bar.set_message(self.clock.now().day().to_string());
            bar.inc(1);
            tokio::time::sleep_until(begun + length_of_a_day(args)).await;
        }
        bar.finish_and_clear();
        screen.summarise(days, self.twin.violations());
        Ok(())
    }

    /// Keeps the alerts of the rules file, each in a channel of its own, as `/alerts add` does.
    async fn add_alerts(&self) -> anyhow::Result<()> {
        let app = &self.app;
        for (channel, named) in self.channels.iter().zip(&self.rules) {
            let prepared = app.delivery.prepare(*channel, self.guild).await?;
            let new = NewAlert {
                guild: self.guild,
                channel: *channel,
                rule: named.rule.clone(),
                manner: Manner::default(),
                created_by: ADMIN,
            };
            let now = self.clock.now();
            app.alerting
                .add(&app.store, &app.market, new, prepared.destination, now)
                .await?;
        }
        Ok(())
    }

    /// Reads the charts of all pools up to the first day, so that verdicts rest on the pools' own past.
    async fn learn_the_past(&self, feed: &mut Feed) -> anyhow::Result<()> {
        let charts = self.upstream.client()?;
        let (store, market) = (&self.app.store, &self.app.market);
        for listing in market.snapshot().listings() {
            backfill(&charts, store, market, listing.pool.id, self.clock.now()).await?;
        }
        feed.forget_records();
        Ok(())
    }
}

fn world(guild: u64, channels: &[ChannelId], rules: &[NamedRule]) -> World {
    let mut server = Guild::new(guild, "Demonstration");
    for (channel, named) in channels.iter().zip(rules) {
        server = server.channel(channel.0, screen::channel_name(&named.name));
    }
    World::default().guild(server).limits(Limits::off())
}

/// A folder of its own for database and key, gone with the demonstration.
struct Folder(std::path::PathBuf);

impl Folder {
    fn make() -> anyhow::Result<Self> {
        let path = std::env::temp_dir().join(format!("stipend-demo-{}", std::process::id()));
        std::fs::create_dir(&path).with_context(|| format!("making {}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed is left to the system's own cleaning of this folder.
        drop(std::fs::remove_dir_all(&self.0));
    }
}

async fn open(
    folder: &Folder,
    twin: &Twin,
    upstream: &Upstream,
    clock: Arc<ManualClock>,
) -> anyhow::Result<Arc<App>> {
    let path = |name: &str| folder.0.join(name).display().to_string();
    let settings = [
        ("STIPEND_DISCORD__API_URL", twin.base_url().to_owned()),
        (
            "STIPEND_DATABASE__URL",
            format!("sqlite://{}", path("demo.db")),
        ),
        ("STIPEND_SECRETS__MASTER_KEY_FILE", path("demo.key")),
        // The recording holds nothing beside the pools, and their charts are read at once.
        ("STIPEND_SOURCES__FACTS__ENABLED", "false".to_owned()),
        (
            "STIPEND_SOURCES__DEFILLAMA__BACKFILL_PER_HOUR",
            "0".to_owned(),
        ),
        ("STIPEND_DELIVERY__MAX_PER_SECOND", "50".to_owned()),
        // The stand-in takes what comes, and nobody wants to wait.
        ("STIPEND_DELIVERY__CHANNEL_PER_MINUTE", "0".to_owned()),
        // Each notice is shown and counted by itself.
        ("STIPEND_DELIVERY__MERGE", "false".to_owned()),
    ];
    let settings = settings
        .map(|(name, value)| (name.to_owned(), value))
        .into_iter()
        .chain(upstream.addresses())
        .collect();
    let config = Config::check(Raw::read(None, settings)).map_err(|faults| {
        anyhow::anyhow!(
            "{}",
            faults.iter().map(ToString::to_string).collect::<String>()
        )
    })?;
    let key = MasterKey::load_or_create(&config.secrets.master_key_file)?;
    let application = ApplicationId(twin.application());
    let token = SecretString::from(twin.token());
    let app = App::open(config, key.bytes(), &token, application, clock).await?;
    Ok(Arc::new(app))
}

/// Waits until everything that was said has been posted.
async fn settle(app: &App) -> anyhow::Result<()> {
    const MOST: u32 = 2_000;
    for _ in 0..MOST {
        let moving = app
            .store
            .outbox_counts()
            .await?
            .into_iter()
            .any(|(state, count)| {
                count > 0 && matches!(state, State::Pending | State::Sending | State::Waiting)
            });
        if !moving {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    anyhow::bail!("messages are still on their way after {} s", MOST / 100)
}

/// How long a day lasts, the work in it included: as long as the work where nobody watches.
fn length_of_a_day(args: &DemoArgs) -> Duration {
    let speed = match (args.speed, args.headless) {
        (Some(speed), _) => speed,
        (None, true) => return Duration::ZERO,
        (None, false) => WATCHED_SPEED,
    };
    Duration::from_secs_f64((1.0 / speed).min(60.0))
}

fn progress(args: &DemoArgs, days: u32) -> ProgressBar {
    let target = if args.headless {
        ProgressDrawTarget::hidden()
    } else {
        ProgressDrawTarget::stderr()
    };
    let style = ProgressStyle::with_template("{msg} [{bar:40.cyan}] day {pos} of {len}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::with_draw_target(Some(u64::from(days)), target).with_style(style)
}
