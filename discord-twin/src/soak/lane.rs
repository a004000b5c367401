//! One bot with a Discord and a source of its own: it lives, is killed, lives again, and is judged at the end.

use std::{
    collections::HashMap,
    process::ExitStatus,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::time::{Instant, sleep};

use super::{
    LATE_DOUBLES, Plan, Progress, Report, SoakError,
    bot::{Bot, aborted},
    death::{Cue, Death},
    market::{Market, THRESHOLD, protocol},
    oracle::{Mark, Oracle, Tally, marks},
    source::Source,
};
use crate::{
    Fault, Guild, Invocation, Limits, PATIENCE, Person, Twin, Via, What, World, guild_on_shard,
    permission,
};

const CHANNELS: usize = 10;
/// In so many of them the bot may have no webhook, and posts itself.
const WITHOUT_WEBHOOK: usize = 4;
/// How long a message by the bot itself is known by its nonce: as long as the bot counts on it
/// (`DELIVERY__NONCE_WINDOW`), and a second for requests that are applied late.
const NONCE_WINDOW_MS: u64 = 3_000;
const POOLS_PER_CHANNEL: u32 = 3;
/// The routes by which notices are posted, by a webhook and by the bot itself.
const POSTS: [&str; 2] = ["/webhooks/{id}/{token}", "/channels/{id}/messages"];
/// The routes by which they are looked for.
const LOOKS: [&str; 2] = [
    "/channels/{id}/messages",
    "/webhooks/{id}/{token}/messages/{message}",
];
const STEP: Duration = Duration::from_millis(2);
/// Longer than anything that a healthy bot needs on a busy machine.
const LONG: Duration = Duration::from_mins(1);
/// With nothing new for this long, what has not come will not come.
const SILENCE: Duration = Duration::from_secs(20);
/// While so many of the latest edges are not told, the market stands still: a queue that only grows would say
/// nothing of single kills.
const MOST_OUTSTANDING: usize = 40;
const LATEST: usize = 200;
/// Complaints of one kind that are told in full.
const IN_FULL: usize = 5;

pub(super) struct Lane {
    bot: Bot,
    twin: Twin,
    source: Source,
    market: Market,
    oracle: Oracle,
    dice: fastrand::Rng,
    progress: Arc<Progress>,
    server: u64,
    channels: Vec<u64>,
    lost_acks: u8,
    kills: u32,
    /// How much of the ledger and of the list of requests was read.
    messages_read: usize,
    /// How often each message was edited when it was last read.
    edits_read: HashMap<u64, u32>,
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
        let twin = Twin::start(world.guild(guild)).await?;
        for channel in channels.iter().rev().take(WITHOUT_WEBHOOK) {
            let rights = permission::RECOMMENDED & !permission::MANAGE_WEBHOOKS;
            twin.set_channel_permissions(*channel, Some(rights))?;
        }
        let mut dice = fastrand::Rng::with_seed(plan.seed ^ (u64::from(nth) << 32));
        twin.seed_faults(dice.u64(..));
        let source = Source::start().await?;
        let market = Market::new(&channels, POOLS_PER_CHANNEL, dice.u64(..));
        source.offer(market.batch(), market.answer());
        Ok(Self {
            bot: Bot::new(&plan.binary, twin.base_url(), &twin.token(), &source.base)?,
            twin,
            source,
            market,
            oracle: Oracle::default(),
            dice,
            progress,
            server,
            channels,
            lost_acks: plan.lost_acks,
            kills: 0,
            messages_read: 0,
            edits_read: HashMap::new(),
            requests_read: 0,
            posts: 0,
            reported: (0, 0),
            complaints: Vec::new(),
        })
    }

    /// Starts the bot, gives each channel its alert, and lets Discord go wrong from then on.
    pub(super) async fn begin(&mut self) -> Result<(), SoakError> {
        self.bot.spawn(None)?;
        self.twin.wait_ready(1, LONG).await?;
        self.twin.wait_for_commands(PATIENCE).await?;
        self.until("read the market", |lane| lane.source.is_kept())
            .await?;
        for channel in &self.channels {
            let add = Invocation::of("alerts add")
                .in_guild(self.server)
                .in_channel(*channel)
                .by(Person::default().manager())
                .option("when", "apy_below")
                .option("value", THRESHOLD)
                .option("at_once", true)
                .option("protocol", protocol(*channel));
            self.twin.run(&add).await?;
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
                self.twin.fault(fault);
            }
        }
        for template in LOOKS {
            self.twin
                .fault(Fault::on("GET", template, What::Reset).chance(5));
        }
    }

    /// One life, from the start of the process or from where it stands, to its kill.
    pub(super) async fn live(&mut self) -> Result<(), SoakError> {
        let death = Death::draw(&mut self.dice);
        if !self.bot.is_running() {
            self.bot.spawn(None)?;
        }
        let born = Instant::now();
        let (posts, asked) = (self.posts, self.source.asked());
        let mut dies_at = None;
        while dies_at.is_none_or(|at| Instant::now() < at) {
            self.tend(true);
            self.must_live()?;
            let has_cue = match death.cue {
                Cue::Birth => true,
                Cue::Post(nth) => self.posts >= posts + nth,
                Cue::Batch => self.source.asked() > asked,
            };
            if has_cue && dies_at.is_none() {
                dies_at = Some(Instant::now() + death.then);
            }
            if born.elapsed() > Death::LATEST {
                break;
            }
            sleep(STEP).await;
        }
        self.bot.kill().await?;
        self.killed();
        Ok(())
    }

    /// Lets the bot abort at its nth coming to a point, for each of `hits`.
    pub(super) async fn strike(&mut self, point: &str, hits: &[u32]) -> Result<(), SoakError> {
        for hit in hits {
            self.bot.kill().await?;
            let first = match hit - 1 {
                0 => String::new(),
                passed => format!("{passed}*off->"),
            };
            self.bot.spawn(Some(&format!("{point}={first}1*return")))?;
            match self.end_of_life().await? {
                Some(status) if aborted(status) => self.killed(),
                Some(status) => return Err(self.ended(status)),
                None => {
                    let complaint =
                        format!("{point} was not come to {hit} times within {SILENCE:?}");
                    self.complaints.push(complaint);
                    self.bot.kill().await?;
                }
            }
        }
        Ok(())
    }

    async fn end_of_life(&mut self) -> Result<Option<ExitStatus>, SoakError> {
        let started = Instant::now();
        while started.elapsed() < SILENCE {
            self.tend(true);
            if let Some(status) = self.bot.ended()? {
                return Ok(Some(status));
            }
            sleep(STEP).await;
        }
        Ok(None)
    }

    /// Deletes the webhooks of as many channels as the highest of `hits` while the bot is dead, so that it
    /// has to park them, and to make each webhook again.
    pub(super) async fn delete_webhooks(&mut self, hits: &[u32]) -> Result<(), SoakError> {
        self.bot.kill().await?;
        let most = hits.iter().max().copied().unwrap_or_default();
        for channel in self.channels.iter().take(most as usize) {
            for webhook in self.twin.webhooks(*channel) {
                self.twin.delete_webhook(webhook)?;
            }
        }
        Ok(())
    }

    /// Lets the bot live until it has taken in so many batches more.
    pub(super) async fn take_in(&mut self, batches: u32) -> Result<(), SoakError> {
        let last = self.market.batch() + batches;
        if !self.bot.is_running() {
            self.bot.spawn(None)?;
        }
        self.until("taken in the batches", |lane| {
            lane.tend(lane.market.batch() < last);
            lane.market.batch() >= last
        })
        .await
    }

    /// Nothing goes wrong any more; waits until all is told, or nothing more is, and judges.
    pub(super) async fn finish(mut self) -> Result<Report, SoakError> {
        self.twin.clear_faults();
        if !self.bot.is_running() {
            self.bot.spawn(None)?;
        }
        let (mut found, mut news) = (self.oracle.found(), Instant::now());
        while self.oracle.outstanding(usize::MAX) > 0 && news.elapsed() < SILENCE {
            self.tend(false);
            self.must_live()?;
            if self.oracle.found() > found {
                (found, news) = (self.oracle.found(), Instant::now());
            }
            sleep(10 * STEP).await;
        }
        let all_told = Instant::now();
        let mut tally = self.compare();
        while all_told.elapsed() < LATE_DOUBLES
            || (!tally.doubled.is_empty() && all_told.elapsed() < SILENCE)
        {
            sleep(Duration::from_millis(500)).await;
            self.must_live()?;
            tally = self.compare();
        }
        self.bot.kill().await?;
        Ok(self.judge(&tally))
    }

    fn compare(&self) -> Tally {
        let state = self.twin.shared.state();
        let posted = |via| matches!(via, Via::Webhook(_) | Via::Bot);
        let messages = state.ledger.all().iter();
        self.oracle
            .compare(messages.filter(|message| message.is_visible() && posted(message.via)))
    }

    /// Reads what has come, and goes on with the market when the bot has kept the present batch.
    fn tend(&mut self, go_on: bool) {
        {
            let state = self.twin.shared.state();
            let messages = state.ledger.all();
            for message in messages.iter().skip(self.messages_read) {
                self.oracle.saw(message);
            }
            self.messages_read = messages.len();
            for message in messages.iter().filter(|message| message.edits > 0) {
                if self.edits_read.insert(message.id, message.edits) != Some(message.edits) {
                    self.oracle.saw(message);
                }
            }
            for request in state.requests.iter().skip(self.requests_read) {
                let is_post = request.method == "POST" && POSTS.contains(&request.template);
                self.posts += u32::from(is_post);
            }
            self.requests_read = state.requests.len();
        }
        let is_kept = self.source.is_kept() || self.oracle.told_of(self.market.batch());
        if go_on && is_kept && self.oracle.outstanding(LATEST) < MOST_OUTSTANDING {
            self.oracle.expect(self.market.step());
            self.source.offer(self.market.batch(), self.market.answer());
        }
        let (expected, found) = (self.oracle.expected(), self.oracle.found());
        self.progress
            .expected
            .fetch_add(expected - self.reported.0, Ordering::Relaxed);
        self.progress
            .found
            .fetch_add(found - self.reported.1, Ordering::Relaxed);
        self.reported = (expected, found);
    }

    fn killed(&mut self) {
        self.kills += 1;
        self.progress.kills.fetch_add(1, Ordering::Relaxed);
    }

    fn must_live(&mut self) -> Result<(), SoakError> {
        match self.bot.ended()? {
            Some(status) => Err(self.ended(status)),
            None => Ok(()),
        }
    }

    fn ended(&mut self, status: ExitStatus) -> SoakError {
        self.bot.keep_folder();
        let folder = self.bot.folder().to_owned();
        SoakError::Ended { status, folder }
    }

    async fn until(
        &mut self,
        what: &'static str,
        mut done: impl FnMut(&mut Self) -> bool,
    ) -> Result<(), SoakError> {
        let started = Instant::now();
        while !done(self) {
            self.must_live()?;
            if started.elapsed() > LONG {
                self.bot.keep_folder();
                let folder = self.bot.folder().to_owned();
                let waited = LONG;
                return Err(SoakError::Late {
                    what,
                    waited,
                    folder,
                });
            }
            sleep(STEP).await;
        }
        Ok(())
    }

    fn judge(mut self, tally: &Tally) -> Report {
        let mut complaints = std::mem::take(&mut self.complaints);
        let lost = tally.lost.iter().map(|edge| {
            (
                edge.channel,
                edge.mark,
                format!("lost, of batch {}", edge.batch),
            )
        });
        complaints.extend(self.in_full(lost));
        let doubled = tally
            .doubled
            .iter()
            .map(|(edge, times)| (edge.channel, edge.mark, format!("told {times} times")));
        complaints.extend(self.in_full(doubled));
        let unexpected = tally.unexpected.iter().map(|(channel, mark)| {
            (
                *channel,
                *mark,
                "told, and no part of the script".to_owned(),
            )
        });
        complaints.extend(self.in_full(unexpected));
        let broken = self.twin.violations().into_iter();
        complaints.extend(broken.map(|rule| format!("against Discord's rules: {rule}")));
        if self.bot.has_panicked() {
            complaints.push("the bot's log tells of a panic".to_owned());
        }
        if !complaints.is_empty() {
            self.bot.keep_folder();
            complaints.push(format!(
                "the bot's folder is {}",
                self.bot.folder().display()
            ));
        }
        Report {
            expected: self.oracle.expected(),
            found: tally.found,
            lost: tally.lost.len(),
            doubled: tally.doubled.len(),
            kills: self.kills,
            complaints,
        }
    }

    /// The first few with all that their channel holds about the pool.
    fn in_full(&self, wrong: impl Iterator<Item = (u64, Mark, String)>) -> Vec<String> {
        let mut left_out = 0;
        let mut told = Vec::new();
        for (channel, mark, what) in wrong {
            if told.len() == IN_FULL {
                left_out += 1;
                continue;
            }
            told.push(format!(
                "{mark} in channel {channel}: {what}{}",
                self.about(channel, mark.pool)
            ));
        }
        if left_out > 0 {
            told.push(format!("… and {left_out} more like these"));
        }
        told
    }

    fn about(&self, channel: u64, pool: u32) -> String {
        let state = self.twin.shared.state();
        let told = state.ledger.of_channel(channel).flat_map(|message| {
            let gone = if message.is_visible() {
                ""
            } else {
                ", deleted"
            };
            let own = marks(message)
                .into_iter()
                .filter(|(mark, _)| mark.pool == pool);
            own.map(move |(mark, _)| format!("\n    message {}{gone}: {mark}", message.id))
        });
        told.collect()
    }
}
