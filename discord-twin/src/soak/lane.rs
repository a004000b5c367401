//! One bot with a Discord and a source of its own: it lives, is killed, lives again, and is judged at the end.

use std::{
    process::ExitStatus,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::time::{Instant, sleep};

use super::{
    LATE_DOUBLES, Plan, Progress, Report, SoakError, WAITS,
    bot::aborted,
    death::{Cue, Death},
    market::{Market, Pace, THRESHOLD, protocol},
    stand::{LONG, STEP, Stand},
};
use crate::{
    Fault, Guild, Invocation, Limits, PATIENCE, Person, What, World, guild_on_shard, permission,
};

const CHANNELS: usize = 10;
/// In so many of them the bot may have no webhook, and posts itself.
const WITHOUT_WEBHOOK: usize = 4;
/// How long a message by the bot itself is known by its nonce: as long as the bot counts on it
/// (`DELIVERY__NONCE_WINDOW`), and a second for requests that are applied late.
const NONCE_WINDOW_MS: u64 = 3_000;
const POOLS_PER_CHANNEL: u32 = 3;
const OFTEN: Pace = Pace {
    turns: 30,
    burst: 8,
};
/// The routes by which notices are posted, by a webhook and by the bot itself.
const POSTS: [&str; 2] = ["/webhooks/{id}/{token}", "/channels/{id}/messages"];
/// The routes by which they are looked for.
const LOOKS: [&str; 2] = [
    "/channels/{id}/messages",
    "/webhooks/{id}/{token}/messages/{message}",
];
/// With nothing new for this long, what has not come will not come.
const SILENCE: Duration = Duration::from_secs(20);
/// While so many of the latest edges are not told, the market stands still: a queue that only grows would say
/// nothing of single kills.
const MOST_OUTSTANDING: usize = 40;
const LATEST: usize = 200;

pub(super) struct Lane {
    stand: Stand,
    dice: fastrand::Rng,
    progress: Arc<Progress>,
    server: u64,
    channels: Vec<u64>,
    lost_acks: u8,
    kills: u32,
    /// How much of the list of requests was read.
    requests_read: usize,
    posts: u32,
    /// Expected and found, as the progress knows them.
    reported: (usize, usize),
    complaints: Vec<String>,
}

impl Lane {
    /// Everything but the bot is started.
    pub(super) async fn open(
        plan: &Plan,
        nth: u32,
        progress: Arc<Progress>,
    ) -> Result<Self, SoakError> {
        let server = guild_on_shard(0, 1, nth);
        let channels: Vec<u64> = (server + 1..).take(CHANNELS).collect();
        let guild = channels
            .iter()
            .fold(Guild::new(server, "Soak"), |guild, channel| {
                guild.channel(*channel, protocol(*channel))
            });
        // A bot that is killed forgets the pauses of ordinary limits; those that matter come as faults.
        let world = World {
            nonce_window_ms: NONCE_WINDOW_MS,
            ..World::default().free_identifies().limits(Limits::off())
        };
        let mut dice = fastrand::Rng::with_seed(plan.seed ^ (u64::from(nth) << 32));
        let faults = dice.u64(..);
        let market = Market::new(&channels, POOLS_PER_CHANNEL, OFTEN, dice.u64(..));
        let stand = Stand::open(&plan.binary, WAITS, world.guild(guild), market).await?;
        let twin = &stand.twin;
        for channel in channels.iter().rev().take(WITHOUT_WEBHOOK) {
            let rights = permission::RECOMMENDED & !permission::MANAGE_WEBHOOKS;
            twin.set_channel_permissions(*channel, Some(rights))?;
        }
        twin.seed_faults(faults);
        Ok(Self {
            stand,
            dice,
            progress,
            server,
            channels,
            lost_acks: plan.lost_acks,
            kills: 0,
            requests_read: 0,
            posts: 0,
            reported: (0, 0),
            complaints: Vec::new(),
        })
    }

    /// Starts the bot, gives each channel its alert, and lets Discord go wrong from then on.
    pub(super) async fn begin(&mut self) -> Result<(), SoakError> {
        self.stand.bot.spawn(None)?;
        self.stand.twin.wait_ready(1, LONG).await?;
        self.stand.twin.wait_for_commands(PATIENCE).await?;
        self.stand.has_market().await?;
        for channel in &self.channels {
            let add = Invocation::of("alerts add")
                .in_guild(self.server)
                .in_channel(*channel)
                .by(Person::default().manager())
                .option("when", "apy_below")
                .option("value", THRESHOLD)
                .option("at_once", true)
                .option("protocol", protocol(*channel));
            self.stand.twin.run(&add).await?;
        }
        if self.lost_acks > 0 {
            self.let_go_wrong();
        }
        Ok(())
    }

    fn let_go_wrong(&self) {
        let moment = Duration::from_millis(200);
        for template in POSTS {
            let post = |what, chance| Fault::on("POST", template, what).chance(chance);
            let faults = [
                post(What::ResetThenApply(300), 3),
                post(What::Reset, 2),
                post(What::error(500, 0, "Internal Server Error"), 2),
                post(What::error(502, 0, "Bad Gateway"), 2),
                post(What::too_many("user", moment), 2),
                post(What::error(500, 0, "Internal Server Error"), 2).after(),
                post(What::error(503, 0, "Service Unavailable"), 1).after(),
                post(What::Reset, self.lost_acks).after(),
            ];
            for fault in faults {
                self.stand.twin.fault(fault);
            }
        }
        for template in LOOKS {
            self.stand
                .twin
                .fault(Fault::on("GET", template, What::Reset).chance(5));
        }
    }

    /// One life, from the start of the process or from where it stands, to its kill.
    pub(super) async fn live(&mut self) -> Result<(), SoakError> {
        let death = Death::draw(&mut self.dice);
        if !self.stand.bot.is_running() {
            self.stand.bot.spawn(None)?;
        }
        let born = Instant::now();
        let (posts, asked) = (self.posts, self.stand.source.asked());
        let mut dies_at = None;
        while dies_at.is_none_or(|at| Instant::now() < at) {
            self.tend(true);
            self.stand.must_live()?;
            let has_cue = match death.cue {
                Cue::Birth => true,
                Cue::Post(nth) => self.posts >= posts + nth,
                Cue::Batch => self.stand.source.asked() > asked,
            };
            if has_cue && dies_at.is_none() {
                dies_at = Some(Instant::now() + death.then);
            }
            if born.elapsed() > Death::LATEST {
                break;
            }
            sleep(STEP).await;
        }
        self.stand.bot.kill().await?;
        self.killed();
        Ok(())
    }

    /// Lets the bot abort at its nth coming to a point, for each of `hits`.
    pub(super) async fn strike(&mut self, point: &str, hits: &[u32]) -> Result<(), SoakError> {
        for hit in hits {
            self.stand.bot.kill().await?;
            let first = match hit - 1 {
                0 => String::new(),
                passed => format!("{passed}*off->"),
            };
            self.stand
                .bot
                .spawn(Some(&format!("{point}={first}1*return")))?;
            match self.end_of_life().await? {
                Some(status) if aborted(status) => self.killed(),
                Some(status) => return Err(self.stand.ended(status)),
                None => {
                    let complaint =
                        format!("{point} was not come to {hit} times within {SILENCE:?}");
                    self.complaints.push(complaint);
                    self.stand.bot.kill().await?;
                }
            }
        }
        Ok(())
    }

    async fn end_of_life(&mut self) -> Result<Option<ExitStatus>, SoakError> {
        let started = Instant::now();
        while started.elapsed() < SILENCE {
            self.tend(true);
            if let Some(status) = self.stand.bot.ended()? {
                return Ok(Some(status));
            }
            sleep(STEP).await;
        }
        Ok(None)
    }

    /// Deletes the webhooks of as many channels as the highest of `hits` while the bot is dead, so that it
    /// has to park them, and to make each webhook again.
    pub(super) async fn delete_webhooks(&mut self, hits: &[u32]) -> Result<(), SoakError> {
        self.stand.bot.kill().await?;
        let most = hits.iter().max().copied().unwrap_or_default();
        for channel in self.channels.iter().take(most as usize) {
            for webhook in self.stand.twin.webhooks(*channel) {
                self.stand.twin.delete_webhook(webhook)?;
            }
        }
        Ok(())
    }

    /// Lets the bot live until it has taken in so many batches more.
    pub(super) async fn take_in(&mut self, batches: u32) -> Result<(), SoakError> {
        let last = self.stand.market.batch() + batches;
        if !self.stand.bot.is_running() {
            self.stand.bot.spawn(None)?;
        }
        let since = Instant::now();
        while self.stand.market.batch() < last {
            self.stand.in_time("taken in the batches", since)?;
            self.tend(true);
            sleep(STEP).await;
        }
        Ok(())
    }

    /// Nothing goes wrong any more; waits until all is told, or nothing more is, and judges.
    pub(super) async fn finish(mut self) -> Result<Report, SoakError> {
        self.stand.twin.clear_faults();
        if !self.stand.bot.is_running() {
            self.stand.bot.spawn(None)?;
        }
        let (mut found, mut news) = (self.stand.oracle.found(), Instant::now());
        while self.stand.oracle.outstanding(usize::MAX) > 0 && news.elapsed() < SILENCE {
            self.tend(false);
            self.stand.must_live()?;
            if self.stand.oracle.found() > found {
                (found, news) = (self.stand.oracle.found(), Instant::now());
            }
            sleep(10 * STEP).await;
        }
        let all_told = Instant::now();
        let mut tally = self.stand.compare();
        while all_told.elapsed() < LATE_DOUBLES
            || (!tally.doubled.is_empty() && all_told.elapsed() < SILENCE)
        {
            sleep(Duration::from_millis(500)).await;
            self.stand.must_live()?;
            tally = self.stand.compare();
        }
        self.stand.bot.kill().await?;
        Ok(Report {
            kills: self.kills,
            ..self.stand.judge(&tally, self.complaints)
        })
    }

    /// Reads what has come, and goes on with the market when the bot has kept the present batch.
    fn tend(&mut self, go_on: bool) {
        self.stand.see();
        self.count_posts();
        let oracle = &self.stand.oracle;
        if go_on && self.stand.is_kept() && oracle.outstanding(LATEST) < MOST_OUTSTANDING {
            self.stand.go_on();
        }
        let (expected, found) = (self.stand.oracle.expected(), self.stand.oracle.found());
        self.progress
            .expected
            .fetch_add(expected - self.reported.0, Ordering::Relaxed);
        self.progress
            .found
            .fetch_add(found - self.reported.1, Ordering::Relaxed);
        self.reported = (expected, found);
    }

    fn count_posts(&mut self) {
        let state = self.stand.twin.shared.state();
        for request in state.requests.iter().skip(self.requests_read) {
            let is_post = request.method == "POST" && POSTS.contains(&request.template);
            self.posts += u32::from(is_post);
        }
        self.requests_read = state.requests.len();
    }

    fn killed(&mut self) {
        self.kills += 1;
        self.progress.kills.fetch_add(1, Ordering::Relaxed);
    }
}
