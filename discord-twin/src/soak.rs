//! Kills a bot again and again while Discord loses acknowledgements, or loads it for hours ([`endure`]), and
//! compares what was told with what should have been.
//!
//! Nobody asks the bot what it should have told. The supervisor writes the market itself (`market`), so it
//! knows which edges there are, and it counts them in the ledger (`oracle`). A batch is served until the bot
//! shows that it has kept it: by asking for what is newer (`source`), or by telling of it.

mod bot;
mod build;
mod death;
pub mod endure;
mod lane;
mod market;
mod oracle;
mod source;
mod stand;
pub mod whole;

use std::{
    io,
    path::PathBuf,
    process::ExitStatus,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::task::JoinSet;

pub use self::build::build;
use self::lane::Lane;
use crate::TwinError;

/// How the bot is set, by names after `STIPEND_`: its waits are shortened so that a life of a second holds
/// all that happens in hours.
pub const WAITS: &[(&str, &str)] = &[
    ("SOURCES__DEFILLAMA__INTERVAL", "1s"),
    ("ALERTS__HOLD", "0s"),
    ("ALERTS__CLEAR_HOLD", "0s"),
    ("DELIVERY__MAX_PER_SECOND", "50"),
    ("DELIVERY__TIMEOUT", "400ms"),
    ("DELIVERY__SETTLE", "600ms"),
    ("DELIVERY__GROUP_WAIT", "0s"),
    ("DELIVERY__GROUP_INTERVAL", "0s"),
    ("DELIVERY__HOURLY_CAP", "0"),
    // One admin sets all alerts at once.
    ("DISCORD__COMMANDS_PER_10S", "0"),
    ("DELIVERY__BACK_OFF", "50ms, 100ms, 200ms, 400ms"),
    ("DELIVERY__LATE_DOUBLE_SWEEP", "1s"),
    ("DELIVERY__NONCE_WINDOW", "2s"),
    ("DELIVERY__EDGE_BAN", "1s"),
    ("DELIVERY__BREAKER_PROBE", "100ms"),
    ("DELIVERY__DRAIN", "1s"),
    ("DISCORD__CRASH_LOOP_WAIT", "0s"),
    ("DISCORD__RETRY_WAIT", "1s"),
];

/// How long the bot may take to look for late doubles, and a little more.
const LATE_DOUBLES: Duration = Duration::from_secs(4);

/// The points at which a bot built for it can be made to abort, those that take longest first.
pub const POINTS: [&str; 13] = [
    PARK,
    MIGRATE,
    "eval.commit.before",
    "eval.commit.after",
    "read_back.before",
    "read_back.after",
    "t1.commit.before",
    "t1.commit.after",
    "wire.before",
    "wire.mid",
    "wire.after",
    "t2.commit.before",
    "t2.commit.after",
];
/// Struck only when a channel takes no messages any more.
const PARK: &str = "park.before";
/// Struck only while a database is made or brought up to date.
const MIGRATE: &str = "migrate.mid";
/// How often each point is struck.
pub const HITS: u32 = 5;

/// What is to be done to which bot.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The bot's program.
    pub binary: PathBuf,
    /// How often it is killed, over all lanes together.
    pub kills: u32,
    /// Decides the market, the moments of the kills and the faults.
    pub seed: u64,
    /// In how many of 100 cases the answer to a stored message is lost. Other faults come along; with 0
    /// there are none at all.
    pub lost_acks: u8,
    /// How many bots are killed side by side, each with its own Discord.
    pub lanes: u32,
    /// Batches that each bot has to take in beside what it takes in between kills.
    pub batches: u32,
}

/// How far a run is.
#[derive(Debug, Default)]
pub struct Progress {
    kills: AtomicUsize,
    expected: AtomicUsize,
    found: AtomicUsize,
}

impl Progress {
    /// Kills so far.
    pub fn kills(&self) -> usize {
        self.kills.load(Ordering::Relaxed)
    }

    /// Notices that have to be told so far.
    pub fn expected(&self) -> usize {
        self.expected.load(Ordering::Relaxed)
    }

    /// Notices that were seen so far.
    pub fn found(&self) -> usize {
        self.found.load(Ordering::Relaxed)
    }
}

/// What was told of what had to be told.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Notices that had to be told.
    pub expected: usize,
    /// Notices that were told at least once.
    pub found: usize,
    /// Notices that were not told.
    pub lost: usize,
    /// Notices that stand in their channel more than once.
    pub doubled: usize,
    /// Kills and aborts.
    pub kills: u32,
    /// Everything that is wrong, in words: what was lost or doubled, rules of Discord's that were broken,
    /// points that were never struck.
    pub complaints: Vec<String>,
}

impl Report {
    fn and(mut self, other: Self) -> Self {
        self.expected += other.expected;
        self.found += other.found;
        self.lost += other.lost;
        self.doubled += other.doubled;
        self.kills += other.kills;
        self.complaints.extend(other.complaints);
        self
    }

    /// The last line of a run.
    pub fn line(&self, seed: u64) -> String {
        let Self {
            lost,
            doubled,
            kills,
            ..
        } = self;
        format!("lost {lost} doubled {doubled} kills {kills} seed {seed}")
    }
}

/// Why a run could not be brought to its end.
#[derive(Debug, thiserror::Error)]
pub enum SoakError {
    /// The stand-in for Discord did not do its part, or the bot did not do its part in time.
    #[error(transparent)]
    Twin(#[from] TwinError),
    /// The machine did not give what was asked for.
    #[error("a file, a socket or a process is not to be had")]
    Io(#[from] io::Error),
    /// The bot ended although nobody had killed it.
    #[error("the bot ended by itself with {status}; its log lies in {}", folder.display())]
    Ended {
        /// How it ended.
        status: ExitStatus,
        /// What it left.
        folder: PathBuf,
    },
    /// The bot did not do what everything else depends on.
    #[error("after {waited:?} the bot has not {what}; its log lies in {}", folder.display())]
    Late {
        /// What it should have done.
        what: &'static str,
        /// How long was waited.
        waited: Duration,
        /// What it left.
        folder: PathBuf,
    },
    /// A task of the supervisor broke down.
    #[error("a lane broke down")]
    Lane(#[from] tokio::task::JoinError),
}

/// Kills at random moments.
pub async fn run(plan: &Plan, progress: &Arc<Progress>) -> Result<Report, SoakError> {
    let lanes = plan.lanes.max(1);
    let mut running = JoinSet::new();
    for nth in 0..lanes {
        let kills = plan.kills / lanes + u32::from(nth < plan.kills % lanes);
        let (plan, progress) = (plan.clone(), Arc::clone(progress));
        running.spawn(async move {
            let mut lane = Lane::open(&plan, nth, progress).await?;
            lane.begin().await?;
            for _ in 0..kills {
                lane.live().await?;
            }
            lane.take_in(plan.batches).await?;
            lane.finish().await
        });
    }
    let mut report = Report::default();
    while let Some(lane) = running.join_next().await {
        report = report.and(lane??);
    }
    Ok(report)
}

/// Lets the bot abort when it comes to a point of [`POINTS`]: for the first time, and in later lives for the
/// second up to time number [`HITS`].
pub async fn strike(plan: &Plan, point: &str) -> Result<Report, SoakError> {
    let hits: Vec<u32> = (1..=HITS).collect();
    // A database is made once and a webhook made again once, so there each time takes a bot of its own.
    let of_one_bot = match point {
        PARK | MIGRATE => 1,
        _ => hits.len(),
    };
    let mut report = Report::default();
    for hits in hits.chunks(of_one_bot) {
        report = report.and(strike_one_bot(plan, point, hits).await?);
    }
    Ok(report)
}

async fn strike_one_bot(plan: &Plan, point: &str, hits: &[u32]) -> Result<Report, SoakError> {
    let mut lane = Lane::open(plan, 0, Arc::default()).await?;
    if point == MIGRATE {
        lane.strike(point, hits).await?;
        lane.begin().await?;
    } else {
        lane.begin().await?;
        if point == PARK {
            lane.delete_webhooks(hits).await?;
        }
        lane.strike(point, hits).await?;
    }
    lane.take_in(plan.batches).await?;
    lane.finish().await
}
