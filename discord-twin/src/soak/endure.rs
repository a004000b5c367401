//! Loads a bot for hours as a large instance is: many servers with alerts, people who ask all the time and
//! now and then all at once, a market of full size that goes on by an hour every few seconds, and a world in
//! which something goes wrong all the time. It is never killed: what is looked for is what grows, gets slower,
//! or is lost.

mod crowd;
mod gauge;

use std::{fmt, path::PathBuf, time::Duration};

use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use self::{
    crowd::{Asked, Crowd},
    gauge::{Gauge, Reading},
};
use super::{
    Report, SoakError,
    market::{Market, Pace, THRESHOLD, protocol},
    stand::{LONG, Stand},
    whole::Upstream,
};
use crate::{Fault, Invocation, PATIENCE, ShardEvent, What, World};

/// How the bot is set, by names after `STIPEND_`: an hour of the market is over in [`Plan::hour`], so what
/// waits for hours or minutes of it waits less. All else is as it comes.
pub const SETTINGS: &[(&str, &str)] = &[
    ("SOURCES__DEFILLAMA__INTERVAL", "4s"),
    ("ALERTS__HOLD", "0s"),
    ("ALERTS__CLEAR_HOLD", "0s"),
    ("DELIVERY__GROUP_WAIT", "2s"),
    ("DELIVERY__GROUP_INTERVAL", "5s"),
    ("DELIVERY__HOURLY_CAP", "0"),
    ("DELIVERY__BACK_OFF", "1s, 5s, 15s, 30s"),
    ("DELIVERY__LATE_DOUBLE_SWEEP", "1m"),
];
const POOLS_PER_SERVER: u32 = 3;
const SELDOM: Pace = Pace {
    turns: 2,
    burst: 90,
};
/// Everything that is not told so long after the last news will not be.
const SILENCE: Duration = Duration::from_mins(3);
/// How long the bot may take to look for late doubles, and a little more.
const LATE_DOUBLES: Duration = Duration::from_secs(100);
/// Whoever has asked a lot may ask again after so long.
const PACE: Duration = Duration::from_secs(11);
const STEP: Duration = Duration::from_millis(200);
/// From one reading of the gauge to the next: so short beside an hour of the market that what a batch takes
/// for a moment counts for as long as it is taken, and not by where in the hour the readings happen to fall.
const READINGS: Duration = Duration::from_secs(1);
/// From one fault of the gateway, and one webhook that is deleted, to the next.
const MISHAPS: Duration = Duration::from_mins(4);
/// Each so many seconds of commands end with so many of a burst.
const BURSTS: u64 = 600;
const BURST: u64 = 10;
/// How many times as many commands come in a burst.
const TENFOLD: u32 = 10;
/// What counts as flat: the mean of the last quarter against that of the second, in a run that is long enough
/// for caches to be full in its first quarter.
const FLAT: f64 = 1.05;
const LONG_ENOUGH: Duration = Duration::from_hours(1);

/// What is to be done to which bot.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The bot's program.
    pub binary: PathBuf,
    /// How long people ask and the market goes on.
    pub length: Duration,
    /// How many servers there are, each with a channel, an alert and an admin who holds something.
    pub servers: u32,
    /// How many commands people give in a second, outside of bursts.
    pub per_second: u32,
    /// How long an hour of the market takes.
    pub hour: Duration,
    /// Whether there are thousands of other pools.
    pub whole_market: bool,
    /// Whether anything goes wrong.
    pub faults: bool,
    /// Decides the market, the faults, and what people ask for.
    pub seed: u64,
}

/// What came of a run.
#[derive(Debug)]
pub struct Endured {
    plan: Plan,
    /// What was told of what had to be told; all that is wrong stands in its complaints.
    pub report: Report,
    hours: u32,
    asked: Asked,
    /// Positions that were confirmed, and how many of them were found at the end.
    positions: (usize, usize),
    source_failures: u32,
    mishaps: u32,
    resumes: u32,
    refused: usize,
    cut: usize,
    readings: Vec<Reading>,
}

/// Runs it; `news` is called with a line a minute on how far it is.
pub async fn run(plan: Plan, mut news: impl FnMut(String)) -> Result<Endured, SoakError> {
    let mut dice = fastrand::Rng::with_seed(plan.seed);
    let world = World::default().guilds(plan.servers);
    let servers: Vec<u64> = world.guilds.iter().map(|guild| guild.id).collect();
    let channels: Vec<u64> = servers.iter().map(|server| server + 1).collect();
    let mut market = Market::new(&channels, POOLS_PER_SERVER, SELDOM, dice.u64(..));
    if plan.whole_market {
        market = market.amid(Upstream::full());
    }
    let mut crowd = Crowd::new(&servers, market.keys(), dice.fork());
    let mut stand = Stand::open(&plan.binary, SETTINGS, world, market).await?;
    stand.bot.spawn(None)?;
    stand.twin.wait_ready(1, LONG).await?;
    stand.twin.wait_for_commands(PATIENCE).await?;
    stand.has_market().await?;
    set_up(&stand, &servers, &mut crowd).await?;
    news(format!("{} servers have an alert", servers.len()));
    if plan.faults {
        stand.twin.seed_faults(dice.u64(..));
        let_go_wrong(&stand);
        stand.source.let_go_wrong(dice.u64(..));
    }
    let mut course = Course {
        gauge: Gauge::of(&stand.bot)?,
        mishaps: 0,
        readings: Vec::new(),
        webhooks_left: channels,
        dice,
    };
    course
        .follow(&plan, &mut stand, &mut crowd, &mut news)
        .await?;
    stand.twin.clear_faults();
    stand.source.behave();
    settle(&mut stand).await?;
    if plan.faults {
        sleep(LATE_DOUBLES).await;
        stand.must_live()?;
    }
    sleep(PACE).await;
    let held = crowd.look_up(&stand.twin).await;
    let tally = stand.compare();
    let mut complaints = crowd.complaints();
    if plan.length >= LONG_ENOUGH
        && let Some(quarters) = quarters(&course.readings)
        && growth(&quarters) > FLAT
    {
        complaints.push(format!("memory grew {:.2}-fold", growth(&quarters)));
    }
    let requests = stand.twin.requests();
    let count = |status: u16| requests.iter().filter(|made| made.status == status).count();
    let (refused, cut) = (count(429), count(0));
    stand.bot.kill().await?;
    Ok(Endured {
        hours: stand.market.batch(),
        asked: crowd.asked(),
        positions: held,
        source_failures: stand.source.failed(),
        mishaps: course.mishaps,
        resumes: stand.twin.resumes(0),
        refused,
        cut,
        readings: course.readings,
        report: stand.judge(&tally, complaints),
        plan,
    })
}

/// Gives each server its alert, and each admin a position.
async fn set_up(stand: &Stand, servers: &[u64], crowd: &mut Crowd) -> Result<(), SoakError> {
    for server in servers {
        let channel = server + 1;
        let add = Invocation::of("alerts add")
            .in_guild(*server)
            .in_channel(channel)
            .by(crowd.admin(*server))
            .option("when", "apy_below")
            .option("value", THRESHOLD)
            .option("at_once", true)
            .option("protocol", protocol(channel));
        stand.twin.run(&add).await?;
    }
    Ok(crowd.agree(&stand.twin).await?)
}

/// What goes wrong with notices from then on, by the hundred.
fn let_go_wrong(stand: &Stand) {
    let notices = ["/webhooks/{id}/{token}", "/channels/{id}/messages"];
    let moment = Duration::from_millis(500);
    for template in notices {
        let post = |what, chance| Fault::on("POST", template, what).chance(chance);
        let faults = [
            post(What::ResetThenApply(1000), 1),
            post(What::Reset, 1),
            post(What::error(502, 0, "Bad Gateway"), 2),
            post(What::too_many("user", moment), 1),
            post(What::error(503, 0, "Service Unavailable"), 1).after(),
            post(What::Reset, 5).after(),
        ];
        for fault in faults {
            stand.twin.fault(fault);
        }
    }
    stand
        .twin
        .fault(Fault::on("GET", "/channels/{id}/messages", What::Reset).chance(5));
}

/// What happens on the way.
struct Course {
    gauge: Gauge,
    mishaps: u32,
    readings: Vec<Reading>,
    /// Channels whose webhook was not deleted yet: a second time would be an admin's clear word.
    webhooks_left: Vec<u64>,
    dice: fastrand::Rng,
}

impl Course {
    async fn follow(
        &mut self,
        plan: &Plan,
        stand: &mut Stand,
        crowd: &mut Crowd,
        news: &mut impl FnMut(String),
    ) -> Result<(), SoakError> {
        let begun = Instant::now();
        let mut beat = interval(Duration::from_secs(1) / plan.per_second.max(1));
        beat.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut steps = interval(STEP);
        steps.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut hour = begun + plan.hour;
        let mut reading = begun;
        let mut mishap = begun + MISHAPS / 2;
        let mut minute = begun + Duration::from_mins(1);
        while begun.elapsed() < plan.length {
            tokio::select! {
                _ = beat.tick() => {
                    let is_burst = begun.elapsed().as_secs() % BURSTS >= BURSTS - BURST;
                    for _ in 0..if is_burst { TENFOLD } else { 1 } {
                        crowd.ask(&stand.twin, is_burst);
                    }
                }
                _ = steps.tick() => {
                    stand.must_live()?;
                    stand.see();
                    crowd.hear();
                }
            }
            let now = Instant::now();
            if now >= hour && stand.is_kept() {
                hour = now + plan.hour;
                stand.go_on();
            }
            if now >= reading {
                reading += READINGS;
                self.readings.push(self.gauge.read(begun.elapsed())?);
            }
            if plan.faults && now >= mishap {
                mishap += MISHAPS;
                self.befall(stand)?;
            }
            if now >= minute {
                minute += Duration::from_mins(1);
                news(self.line(begun.elapsed(), stand, crowd));
            }
        }
        crowd.hear_all().await;
        Ok(())
    }

    /// Something happens to the gateway, and an admin deletes a webhook.
    fn befall(&mut self, stand: &Stand) -> Result<(), SoakError> {
        let events = [
            ShardEvent::Reconnect,
            ShardEvent::Cut,
            ShardEvent::InvalidSession(true),
            ShardEvent::Close(4000),
            ShardEvent::Repeat,
            ShardEvent::InvalidSession(false),
            ShardEvent::WantHeartbeat,
        ];
        let event = events[self.mishaps as usize % events.len()];
        self.mishaps += 1;
        stand.twin.shard(0, event);
        if !self.webhooks_left.is_empty() {
            let nth = self.dice.usize(..self.webhooks_left.len());
            let channel = self.webhooks_left.swap_remove(nth);
            for webhook in stand.twin.webhooks(channel) {
                stand.twin.delete_webhook(webhook)?;
            }
        }
        Ok(())
    }

    fn line(&self, past: Duration, stand: &Stand, crowd: &Crowd) -> String {
        let memory = self.readings.last().map_or(0.0, |reading| reading.memory);
        format!(
            "{:>3} min: {} commands, {} unanswered; told {} of {}; {} hours of market; {memory:.0} MB",
            past.as_secs() / 60,
            crowd.count(),
            crowd.unanswered(),
            stand.oracle.found(),
            stand.oracle.expected(),
            stand.market.batch(),
        )
    }
}

/// Waits until all is told, or nothing more is.
async fn settle(stand: &mut Stand) -> Result<(), SoakError> {
    let (mut found, mut news) = (stand.oracle.found(), Instant::now());
    while stand.oracle.outstanding(usize::MAX) > 0 && news.elapsed() < SILENCE {
        stand.see();
        stand.must_live()?;
        if stand.oracle.found() > found {
            (found, news) = (stand.oracle.found(), Instant::now());
        }
        sleep(STEP).await;
    }
    Ok(())
}

/// What was resident in a part of the run, in megabytes.
struct Held {
    least: f64,
    mean: f64,
}

impl Held {
    fn of(part: &[Reading]) -> Self {
        let memory = part.iter().map(|reading| reading.memory);
        let count = u32::try_from(part.len()).unwrap_or(u32::MAX);
        Self {
            least: memory.clone().fold(f64::INFINITY, f64::min),
            mean: memory.sum::<f64>() / f64::from(count),
        }
    }
}

/// The quarters of a run, in order; none of one that is too short for them.
fn quarters(readings: &[Reading]) -> Option<[Held; 4]> {
    let length = readings.len() / 4;
    let quarter = |nth| Held::of(&readings[nth * length..(nth + 1) * length]);
    (length > 0).then(|| [0, 1, 2, 3].map(quarter))
}

/// The mean memory of the last quarter by that of the second; the first is for filling up.
fn growth([_, second, _, last]: &[Held; 4]) -> f64 {
    last.mean / second.mean
}

impl Endured {
    /// Whether every command was answered, and all that was confirmed is still there.
    pub fn is_well_answered(&self) -> bool {
        let (kept, found) = self.positions;
        self.asked.commands > 0 && self.asked.unanswered == 0 && kept > 0 && kept == found
    }
}

impl fmt::Display for Endured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { plan, report, .. } = self;
        let minutes = plan.length.as_secs() / 60;
        writeln!(
            f,
            "{minutes} min, {} servers, {} commands a second, {} hours of the market, seed {}",
            plan.servers, plan.per_second, self.hours, plan.seed
        )?;
        let Asked {
            commands,
            unanswered,
            ..
        } = self.asked;
        writeln!(f, "commands   {commands}, {unanswered} not answered")?;
        writeln!(f, "steady     {}", self.asked.steady)?;
        writeln!(f, "ten-fold   {}", self.asked.burst)?;
        writeln!(
            f,
            "notices    {} of {} told, lost {} doubled {}",
            report.found, report.expected, report.lost, report.doubled
        )?;
        let (kept, found) = self.positions;
        writeln!(f, "positions  {found} of {kept} confirmed ones found")?;
        writeln!(
            f,
            "faults     {} connections cut, {} requests refused, {} answers of the source spoilt, {} mishaps of the gateway, {} resumes",
            self.cut, self.refused, self.source_failures, self.mishaps, self.resumes
        )?;
        let last = self.readings.len().saturating_sub(1);
        for quarter in 0..=4 {
            if let Some(reading) = self.readings.get(last * quarter / 4) {
                writeln!(f, "{reading}")?;
            }
        }
        if let Some(quarters) = quarters(&self.readings) {
            let row = |figure: fn(&Held) -> f64| {
                let words = quarters
                    .each_ref()
                    .map(|held| format!("{:.0}", figure(held)));
                words.join(" ")
            };
            writeln!(
                f,
                "memory     by quarters: least {}, mean {} MB; last mean to second {:.3}",
                row(|held| held.least),
                row(|held| held.mean),
                growth(&quarters)
            )?;
        }
        for complaint in &report.complaints {
            writeln!(f, "WRONG      {complaint}")?;
        }
        Ok(())
    }
}
