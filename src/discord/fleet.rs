//! Keeps every shard connected, each by itself: one that is not let in leaves the others alone.

use std::{
    num::NonZero,
    sync::Arc,
    time::{Duration, Instant},
};

use poise::serenity_prelude as serenity;
use serenity::{EventHandler, Http, ShardId, ShardInfo};
use tokio::{task::JoinSet, time::MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::{
    budget::{self, Budget, Turn},
    client::{ClientError, Gateway, refusal},
    connection::{self, Connection, End, Socket},
    handler::Handler,
    shards::Shards,
};
use crate::{app::App, domain::alarm::SESSIONS_LOST};

/// So often a connection is looked at for signs of life.
const LOOK: Duration = Duration::from_millis(500);

/// The longest wait between attempts to open a connection, on which nothing was sent yet.
const LONGEST_OUTAGE: Duration = Duration::from_secs(30);

/// Others may present themselves after this time, whether the shard was let in or not.
const PRESENTING: Duration = Duration::from_secs(10);

/// Why the shards are no longer served.
#[derive(Debug)]
pub enum Over {
    Stopped,
    /// Discord wants another number of shards by now.
    Outgrown,
}

/// All shards of this process.
pub struct Fleet {
    pub app: Arc<App>,
    pub http: Arc<Http>,
    pub handler: Arc<Handler>,
    pub shards: Arc<Shards>,
    pub stop: CancellationToken,
}

impl Fleet {
    /// Serves all shards until `stop`, or until Discord refuses what no further attempt could mend.
    pub async fn run(self, gateway: Gateway) -> Result<Over, ClientError> {
        let fleet = Arc::new(self);
        let budget = Arc::new(Budget::new(
            Arc::clone(&fleet.app),
            gateway.starts_a_day,
            gateway.max_concurrency,
        ));
        fleet.shards.expect(gateway.shards);
        info!(shards = gateway.shards, "connecting to Discord");
        // The first shard to end ends the others in order.
        let over = fleet.stop.child_token();
        let mut running = JoinSet::new();
        for id in 0..gateway.shards {
            let info = ShardInfo {
                id: ShardId(id),
                total: gateway.shards,
            };
            let keeper = Keeper {
                socket: fleet.socket(info, &gateway).await,
                fleet: Arc::clone(&fleet),
                budget: Arc::clone(&budget),
                over: over.clone(),
            };
            running.spawn(async move { keeper.keep().await });
        }
        let mut ended = Ok(Over::Stopped);
        while let Some(shard) = running.join_next().await {
            let shard = shard.unwrap_or(Err(ClientError::Task));
            if matches!(ended, Ok(Over::Stopped)) {
                ended = shard;
            }
            over.cancel();
        }
        fleet.shards.expect(0);
        ended
    }

    async fn socket(&self, info: ShardInfo, gateway: &Gateway) -> Socket {
        let handler = Arc::clone(&self.handler) as Arc<dyn EventHandler>;
        let manager = connection::manager(info, &self.http, &handler).await;
        self.handler.manage(&manager);
        Socket {
            info,
            url: gateway.url.clone(),
            http: Arc::clone(&self.http),
            handler,
            shards: Arc::clone(&self.shards),
            manager,
            silence: self.app.config.discord.watchdog.0,
        }
    }

    /// What to make of a refused number of shards, by the number that Discord recommends now.
    async fn judge_number(&self, shards: u32) -> Result<Over, ClientError> {
        let configured = self.app.config.discord.shards.map(NonZero::get);
        let advised = match self.http.get_bot_gateway().await {
            Ok(gateway) => Some(gateway.shards),
            Err(error) => {
                warn!(%error, "Discord cannot be asked for the number of shards");
                None
            }
        };
        if configured.is_none() && advised.is_some_and(|advised| advised != shards) {
            return Ok(Over::Outgrown);
        }
        Err(ClientError::ShardsRefused { shards, advised })
    }
}

/// Keeps one shard connected.
struct Keeper {
    fleet: Arc<Fleet>,
    budget: Arc<Budget>,
    socket: Socket,
    over: CancellationToken,
}

/// How it goes on after a connection.
enum Next {
    Again { let_in: bool },
    Over(Result<Over, ClientError>),
}

impl Keeper {
    async fn keep(self) -> Result<Over, ClientError> {
        let shard = self.socket.info.id.0;
        let mut in_vain = self.budget.in_vain(shard).await;
        let mut wait = self.budget.head_start(shard);
        if budget::is_stopped(in_vain) {
            wait = self.retry_wait(in_vain);
        }
        loop {
            let ready = self.over.run_until_cancelled(async {
                tokio::time::sleep(wait).await;
                self.budget.turn(shard).await
            });
            let Some(turn) = ready.await else {
                return Ok(Over::Stopped);
            };
            let Some(opened) = self.over.run_until_cancelled(self.open()).await else {
                return Ok(Over::Stopped);
            };
            in_vain += 1;
            match self.serve(opened, turn).await {
                Next::Again { let_in } => {
                    if let_in {
                        in_vain = 0;
                    }
                }
                Next::Over(over) => return over,
            }
            wait = self.retry_wait(in_vain);
        }
    }

    /// A session that was let in has ended for good. Discord ends one now and then; who presents the same shard
    /// from elsewhere has it ended again and again.
    fn session_lost(&self) {
        let shard = self.socket.info.id.0;
        self.fleet.app.metrics.lost_session();
        let lost = self.fleet.shards.lost(shard, Instant::now());
        if lost >= SESSIONS_LOST {
            warn!(
                shard,
                lost,
                "sessions of this shard were ended again and again within an hour; is another process running \
                 with this token?"
            );
        }
    }

    /// Says why it waits, when it waits long.
    fn retry_wait(&self, in_vain: u32) -> Duration {
        let shard = self.socket.info.id.0;
        let longest = self.fleet.app.config.discord.retry_wait.0;
        let wait = budget::retry_wait(in_vain, longest, budget::random());
        if budget::is_stopped(in_vain) {
            error!(
                shard,
                in_vain,
                ?wait,
                "shard presents itself again and again and is never let in; it waits"
            );
        } else {
            info!(shard, ?wait, "shard has lost its session; it connects anew");
        }
        wait
    }

    /// Connects, however long the network is away.
    async fn open(&self) -> connection::Opened {
        let mut wait = Duration::from_secs(1);
        loop {
            match Connection::open(&self.socket).await {
                Ok(opened) => return opened,
                Err(error) => {
                    let shard = self.socket.info.id.0;
                    warn!(shard, %error, again_in = ?wait, "the gateway cannot be reached");
                }
            }
            tokio::time::sleep(wait.mul_f64(0.5 + budget::random() / 2.0)).await;
            wait = (wait * 2).min(LONGEST_OUTAGE);
        }
    }

    /// Presents the shard and serves it as long as its session lives.
    async fn serve(&self, opened: connection::Opened, turn: Turn<'_>) -> Next {
        let shard = self.socket.info.id.0;
        let mut identify = self.budget.note_identify(shard).await;
        let mut connection = match Connection::run(&self.socket, opened).await {
            Ok(connection) => connection,
            Err(error) => return Next::Over(Err(ClientError::Broken(Box::new(error)))),
        };
        let mut looks = tokio::time::interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (began, signs) = (Instant::now(), connection.signs());
        let pulse = self.fleet.app.pulses.listen("a shard of the gateway");
        let mut turn = Some(turn);
        let end = loop {
            pulse.beat(LOOK);
            let end = tokio::select! {
                end = connection.ended() => Some(end),
                () = signs.news() => None,
                () = self.over.cancelled() => {
                    connection.close().await;
                    return Next::Over(Ok(Over::Stopped));
                }
                _ = looks.tick() => (!connection.look().await).then_some(End::Lost),
            };
            let let_in = connection.let_in();
            if (let_in || end.is_some() || began.elapsed() > PRESENTING)
                && let Some(turn) = turn.take()
            {
                turn.over();
            }
            if let_in && let Some(identify) = identify.take() {
                self.budget.note_ready(identify).await;
            }
            if let Some(end) = end {
                break end;
            }
        };
        self.fleet.shards.disconnected(shard);
        let let_in = connection.let_in();
        match end {
            End::Lost => {
                if let_in {
                    self.session_lost();
                }
                Next::Again { let_in }
            }
            End::Refused(error) => Next::Over(Err(refusal(error))),
            End::VersionRefused => Next::Over(Err(ClientError::VersionRefused)),
            End::WrongShards => Next::Over(self.fleet.judge_number(self.socket.info.total).await),
        }
    }
}
