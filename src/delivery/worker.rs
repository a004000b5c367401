//! The one task that empties the outbox: claim, send, record; and read back what stayed unclear.
//!
//! Claims and receipts are committed in groups. While receipts cannot be written nothing new is
//! sent, since nobody could tell afterwards what has been.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use tokio::{
    task::{self, JoinError, JoinSet},
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use super::{
    Shared,
    compose::{self, Composed, NewPost},
    http::Webhook,
    outcome::{DeadEnd, Outcome, Unclear},
    plan::{self, Job, Queue, Turns},
    post::{Effect, Post},
    state::State,
    window::Gathering,
};
use crate::{
    domain::{
        ids::{DestinationId, GuildId, MessageId, PostId},
        manner::ServerSettings,
        time::Timestamp,
    },
    failpoint::failpoint,
    pulse::Pulse,
    store::{
        StoreError,
        destinations::Destination,
        posts::{Edit, Intent, Kept, LIMIT_MEMORY, Receipt, Subject, Wire},
    },
};

mod flight;
#[cfg(test)]
mod tests;

use flight::{Landing, Leave, Order, admit, attempt, look};

/// The most requests under way, so that a slow Discord does not tie up everything.
const CONCURRENCY: usize = 32;
/// The most of them that only ask: each waits at the gate with one call after the other, and a person's
/// command waits behind them.
const ASKING: usize = 8;
/// Receipts are committed at most this often.
const GROUP: Duration = Duration::from_millis(100);
/// When all places were taken, this long is waited for more of them to become free.
const GATHER: Duration = Duration::from_millis(5);
/// Channels whose rest ends within this time are claimed together.
const TOGETHER: Duration = Duration::from_millis(40);
/// Claims are made when the gate has given away moments for less than this.
const AHEAD: Duration = Duration::from_millis(100);
/// After the database failed.
const RETRY: Duration = Duration::from_secs(1);
/// The longest sleep; also notices that the wall clock has jumped.
const LONGEST_SLEEP: Duration = Duration::from_mins(1);
/// A wall clock that differs from the monotonic one by more was set.
const JUMP: Duration = Duration::from_secs(2);
/// Over which the messages of a channel are counted.
const HOUR: Duration = Duration::from_hours(1);
const LAST_COMMITS: u32 = 3;
/// Discord's ids grow with its time, but not all of its machines agree on the last seconds of it.
const SAME_MINUTE: u64 = 60_000 << 22;

pub(super) async fn run(
    shared: Arc<Shared>,
    pulse: Pulse,
    stop: CancellationToken,
) -> Result<(), StoreError> {
    let wall = shared.clock.now();
    let left_over = shared.store.reap(wall, &shared.waits).await?;
    if left_over > 0 {
        tracing::warn!(
            posts = left_over,
            "messages were being sent when the last run ended; the channels are looked into first"
        );
    }
    seed(&shared, wall).await?;
    let now = Instant::now();
    let newest = shared.store.newest_message().await?;
    let mut gathering = Gathering::new(shared.window);
    for (place, at) in shared.store.told_between(wall.minus(HOUR), wall).await? {
        gathering.told(place, at);
    }
    let mut worker = Worker {
        shared,
        gathering,
        pulse,
        stop,
        flights: JoinSet::new(),
        under_way: HashMap::new(),
        receipts: Vec::new(),
        busy: HashSet::new(),
        places: HashMap::new(),
        servers: HashMap::new(),
        newest,
        commit_at: now,
        last_commit: now,
        unwritable: false,
        next_round: now,
        crowded: false,
        next_clearing: now,
        turns: Turns::default(),
        clocks: (wall, now),
    };
    worker.work().await;
    worker.finish().await;
    Ok(())
}

/// A restart forgets no limit: what was sent in the last minute still counts, and a pause goes on.
async fn seed(shared: &Shared, wall: Timestamp) -> Result<(), StoreError> {
    let since = wall.minus(LIMIT_MEMORY);
    let mut ages: HashMap<_, Vec<Duration>> = HashMap::new();
    for (channel, at) in shared.store.recent_requests(since).await? {
        ages.entry(channel).or_default().push(wall.since(at));
    }
    for (channel, ages) in ages {
        shared.pacing.seed(channel, &ages);
    }
    if let Some(until) = shared.store.paused_until().await? {
        // Another clock may have noted it as far away, and a limit that lasts longer says so again.
        let longest = shared.client.edge_ban().max(HOUR);
        let left = until.since(wall).min(longest);
        shared.pacing.resume_pause(left);
    }
    Ok(())
}

struct Worker {
    shared: Arc<Shared>,
    gathering: Gathering,
    pulse: Pulse,
    stop: CancellationToken,
    flights: JoinSet<Landing>,
    under_way: HashMap<task::Id, Flight>,
    /// Ended attempts that are not committed yet.
    receipts: Vec<Receipt>,
    /// Destinations with something under way or not committed yet.
    busy: HashSet<DestinationId>,
    /// The destinations that take notices.
    places: HashMap<DestinationId, Destination>,
    /// What their servers have chosen.
    servers: HashMap<GuildId, ServerSettings>,
    /// The newest message of ours anywhere.
    newest: Option<MessageId>,
    commit_at: Instant,
    last_commit: Instant,
    /// The last receipts could not be committed.
    unwritable: bool,
    next_round: Instant,
    /// The last round left something behind for want of a free place.
    crowded: bool,
    next_clearing: Instant,
    /// Who was served when; the next round begins with whoever has waited longest.
    turns: Turns,
    /// The wall clock and the monotonic one when they were last compared.
    clocks: (Timestamp, Instant),
}

/// Enough of what is under way to settle it when its task is lost.
#[derive(Debug, Clone)]
struct Flight {
    destination: DestinationId,
    /// The post as it was claimed; `None` for what claims none.
    claimed: Option<(PostId, Post)>,
}

impl Worker {
    async fn work(&mut self) {
        let shared = Arc::clone(&self.shared);
        let stop = self.stop.clone();
        let mut give_up = None;
        loop {
            self.pulse.beat(LONGEST_SLEEP);
            if !self.receipts.is_empty() && Instant::now() >= self.commit_at {
                self.commit().await;
            }
            match give_up {
                Some(_) if self.flights.is_empty() && self.receipts.is_empty() => return,
                Some(moment) if Instant::now() >= moment => return,
                None if !self.unwritable && Instant::now() >= self.next_round => {
                    self.next_round = self.round().await;
                }
                _ => {}
            }
            let mut wake = give_up.unwrap_or(self.next_round);
            if self.unwritable || !self.receipts.is_empty() && self.commit_at < wake {
                wake = self.commit_at;
            }
            tokio::select! {
                () = stop.cancelled(), if give_up.is_none() => {
                    give_up = Some(Instant::now() + shared.drain);
                }
                Some(done) = self.flights.join_next_with_id() => self.landed(done),
                () = shared.poke.notified(), if give_up.is_none() => {
                    self.places.clear();
                    self.next_round = Instant::now();
                }
                () = sleep_until(wake) => {}
            }
        }
    }

    /// Gives up what has not ended, and writes down what has.
    async fn finish(&mut self) {
        self.flights.abort_all();
        while let Some(done) = self.flights.join_next_with_id().await {
            self.landed(done);
        }
        for _ in 0..LAST_COMMITS {
            if self.receipts.is_empty() {
                return;
            }
            self.commit().await;
            if self.unwritable {
                tokio::time::sleep(RETRY).await;
            }
        }
        if !self.receipts.is_empty() {
            tracing::error!(
                posts = self.receipts.len(),
                "the outcome of messages could not be written; they will count as uncertain"
            );
        }
    }

    /// Starts what may be sent now, and returns when to look again.
    async fn round(&mut self) -> Instant {
        self.compare_clocks().await;
        let now = Instant::now();
        let shared = Arc::clone(&self.shared);
        let gate = &shared.pacing.gate;
        if now >= self.next_clearing {
            self.next_clearing = now + LONGEST_SLEEP;
            shared.pacing.forget_silent();
            self.expire().await;
        }
        let pause = gate.pause_left();
        if !pause.is_zero() {
            return now + pause.min(LONGEST_SLEEP);
        }
        let ahead = gate.backlog();
        if ahead > AHEAD {
            return now + ahead.saturating_sub(AHEAD);
        }
        let mut free = CONCURRENCY - self.flights.len().min(CONCURRENCY);
        if gate.is_probing() {
            free = usize::from(self.flights.is_empty());
        }
        self.crowded = free == 0;
        if self.crowded {
            return now + LONGEST_SLEEP;
        }
        match self.start_due(free.min(gate.per_round())).await {
            Ok(look_again) => look_again,
            Err(error) => {
                shared.report("the outbox cannot be read or claimed from", error);
                Instant::now() + RETRY
            }
        }
    }

    async fn start_due(&mut self, free: usize) -> Result<Instant, StoreError> {
        let shared = Arc::clone(&self.shared);
        let wall = shared.clock.now();
        if self.places.is_empty() {
            let ready = shared.store.ready_destinations(wall).await?;
            self.places = ready.into_iter().map(|place| (place.id, place)).collect();
            self.servers = shared.store.servers().await?;
        }
        self.revive(wall).await?;
        let open = shared.store.open_posts().await?;
        let edits = shared.store.edits().await?;
        let untold = shared.store.untold(wall).await?;
        let (places, servers) = (&self.places, &self.servers);
        let server = |place| servers.get(&places.get(&place)?.home.server()?);
        let cap = |place| Some(server(place)?.hourly_cap? as usize);
        let gathering = self.gathering.until(&untold, cap, wall);
        let queue = Queue {
            open,
            edits: &edits,
            untold: &untold,
            gathering: &gathering,
            homes: &|place| places.get(&place).map(|place| place.home),
        };
        let plan = plan::plan(queue, &self.busy, &self.turns, wall, &shared.waits);
        let mut look_again = Instant::now() + LONGEST_SLEEP;
        let released = shared.store.next_release(wall).await?;
        for next in plan.next.into_iter().chain(released) {
            look_again = look_again.min(Instant::now() + next.since(wall));
        }
        let not_before = Instant::now() + TOGETHER;
        let mut chosen = Vec::new();
        for (destination, urgency, job) in plan.jobs {
            if chosen.len() == free {
                look_again = Instant::now();
                break;
            }
            if let Job::Look(kept) = job {
                // The next one starts when one of those under way has ended.
                if self.may_ask() {
                    self.start_look(kept).await?;
                }
                continue;
            }
            let Some(place) = self.places.get(&destination) else {
                continue;
            };
            if let Job::Edit(edit) = job {
                if edit.carrier != place.carrier() {
                    // What an older webhook wrote is beyond the reach of the newer one.
                    shared.store.settle_edit(&edit, None, None).await?;
                } else if self.may_ask() {
                    let place = place.clone();
                    self.start_edit(edit, place).await?;
                }
                continue;
            }
            match admit(&shared, place, urgency).await {
                Ok(leave) => chosen.push((place.clone(), job, leave)),
                Err(ready_at) => look_again = look_again.min(ready_at.max(not_before)),
            }
        }
        if !chosen.is_empty() {
            for (place, ..) in &chosen {
                self.turns.serve(place.id, Some(place.home));
            }
            let asked = chosen.len();
            if self.claim_and_start(chosen, wall).await? < asked {
                // Something has changed since it was looked at, and there may be something behind it.
                look_again = look_again.min(Instant::now() + GROUP);
            }
        }
        Ok(look_again)
    }

    /// Commits the intents together and lets their requests go; returns how many.
    async fn claim_and_start(
        &mut self,
        chosen: Vec<(Destination, Job, Leave)>,
        wall: Timestamp,
    ) -> Result<usize, StoreError> {
        let shared = Arc::clone(&self.shared);
        let mut intents = Vec::with_capacity(chosen.len());
        let mut orders = Vec::with_capacity(chosen.len());
        for (place, job, leave) in chosen {
            let token = shared.store.webhook_token(&place).await?;
            if place.webhook.is_some() && token.is_none() {
                self.park_unreadable(&place, wall).await?;
                continue;
            }
            let found = match self.subject(&place, job, wall).await {
                Ok(found) => found,
                Err(StoreError::Sealed(_)) => {
                    self.park_unreadable(&place, wall).await?;
                    continue;
                }
                Err(error) => return Err(error),
            };
            let Some((subject, before, wire)) = found else {
                continue;
            };
            if matches!(subject, Subject::Fresh(_)) {
                self.gathering.told(place.id, wall);
            }
            let floor = self.floor(&place);
            let after = before.claimed(place.carrier(), shared.store.epoch(), floor, wall);
            intents.push(Intent {
                destination: place.id,
                subject,
                after: after.clone(),
            });
            orders.push((place, after, wire, token, leave));
        }
        failpoint!("t1.commit.before");
        let claimed = shared.store.claim(&intents).await?;
        failpoint!("t1.commit.after");
        let mut started = 0;
        for (id, (place, claimed, wire, token, leave)) in claimed.into_iter().zip(orders) {
            let Some(id) = id else { continue };
            started += 1;
            let order = Order {
                id,
                claimed,
                webhook: Webhook::of(&place, token),
                place,
                wire,
                leave,
            };
            self.start(order);
        }
        Ok(started)
    }

    /// What is sealed for a destination does not open: it waits for a person, and holds up nobody else.
    async fn park_unreadable(
        &mut self,
        place: &Destination,
        wall: Timestamp,
    ) -> Result<(), StoreError> {
        tracing::error!(destination = %place.id, "what is sealed for a destination does not open");
        let reason = DeadEnd::TokenUnreadable;
        let store = &self.shared.store;
        store.park_destination(place.id, reason, wall).await?;
        self.places.remove(&place.id);
        Ok(())
    }

    /// What is to be claimed for a job, as it stands before, and its bytes.
    async fn subject(
        &self,
        place: &Destination,
        job: Job,
        wall: Timestamp,
    ) -> Result<Option<(Subject, Post, Wire)>, StoreError> {
        let shared = &self.shared;
        Ok(match job {
            Job::Send(Kept { id, post, .. }) => {
                let wire = shared.store.wire(id).await?;
                let before = post.clone();
                Some((Subject::Known { id, before }, post, wire))
            }
            Job::Compose => {
                let most = if shared.merge { usize::MAX } else { 1 };
                let waiting = shared.store.waiting(place.id, compose::MOST, wall).await?;
                let Composed { post, superseded } = compose::compose(waiting, place, most, wall);
                if !superseded.is_empty() {
                    shared.store.supersede(&superseded).await?;
                    let ended = superseded.len() as u64;
                    shared.metrics.delivered(State::Superseded, ended);
                }
                post.map(|NewPost { draft, not_after }| {
                    let wire = draft.wire.clone();
                    let post = Post::new(place.carrier(), wall, not_after);
                    (Subject::Fresh(draft), post, wire)
                })
            }
            Job::Look(_) | Job::Edit(_) => None,
        })
    }

    /// The newest message that is known to be older than a request that leaves now.
    fn floor(&self, place: &Destination) -> Option<MessageId> {
        let elsewhere = self
            .newest
            .map(|newest| MessageId(newest.0.saturating_sub(SAME_MINUTE)));
        place.floor.max(elsewhere)
    }

    fn start(&mut self, order: Order) {
        let flight = Flight {
            destination: order.place.id,
            claimed: Some((order.id, order.claimed.clone())),
        };
        let (shared, stop) = (Arc::clone(&self.shared), self.stop.clone());
        self.spawn(flight, async move { attempt(shared, stop, order).await });
    }

    async fn start_look(&mut self, kept: Kept) -> Result<(), StoreError> {
        let shared = Arc::clone(&self.shared);
        let Some(place) = shared.store.destination(kept.destination).await? else {
            return Ok(());
        };
        let flight = Flight {
            destination: kept.destination,
            claimed: None,
        };
        self.spawn(flight, async move { look(shared, kept, place).await });
        Ok(())
    }

    async fn start_edit(&mut self, edit: Edit, place: Destination) -> Result<(), StoreError> {
        let shared = Arc::clone(&self.shared);
        let token = shared.store.webhook_token(&place).await?;
        let webhook = Webhook::of(&place, token);
        let flight = Flight {
            destination: place.id,
            claimed: None,
        };
        let edit = flight::edit(shared, edit, place, webhook);
        self.spawn(flight, edit);
        Ok(())
    }

    /// Tries parked destinations whose time for it has come.
    async fn revive(&mut self, wall: Timestamp) -> Result<(), StoreError> {
        let shared = Arc::clone(&self.shared);
        for parked in shared.store.to_revive(wall).await? {
            if self.busy.contains(&parked.id) || !self.may_ask() {
                continue;
            }
            let flight = Flight {
                destination: parked.id,
                claimed: None,
            };
            let shared = Arc::clone(&shared);
            self.spawn(flight, async move {
                if let Err(error) = shared.revive(&parked).await {
                    shared.report("a parked channel cannot be tried", error);
                }
                Landing::Revived(parked.id)
            });
        }
        Ok(())
    }

    fn may_ask(&self) -> bool {
        let asking = self.under_way.values().filter(|one| one.claimed.is_none());
        asking.count() < ASKING
    }

    fn spawn(&mut self, flight: Flight, work: impl Future<Output = Landing> + Send + 'static) {
        self.busy.insert(flight.destination);
        let id = self.flights.spawn(work).id();
        self.under_way.insert(id, flight);
    }

    fn landed(&mut self, done: Result<(task::Id, Landing), JoinError>) {
        let now = Instant::now();
        let landing = match done {
            Ok((id, landing)) => {
                self.under_way.remove(&id);
                landing
            }
            Err(error) => match self.under_way.remove(&error.id()) {
                Some(flight) => self.lost(flight, &error),
                None => return,
            },
        };
        if self.crowded {
            self.next_round = self.next_round.min(now + GATHER);
        }
        match landing {
            Landing::Revived(destination) => {
                self.busy.remove(&destination);
                self.places.clear();
                self.next_round = now;
            }
            Landing::Edited(destination) => {
                self.busy.remove(&destination);
                self.next_round = now;
            }
            Landing::Receipt(receipt) => {
                if self.receipts.is_empty() {
                    self.commit_at = now.max(self.last_commit + GROUP);
                }
                if matches!(receipt.effect, Effect::Park(_)) {
                    failpoint!("park.before");
                }
                self.receipts.push(*receipt);
            }
        }
    }

    /// A task came to no end of its own: it was cut off by a stop, or broke.
    fn lost(&self, flight: Flight, error: &JoinError) -> Landing {
        // The error itself would quote the words of a panic, which may be any value.
        let panicked = error.is_panic();
        tracing::error!(destination = %flight.destination, panicked, "an attempt was lost");
        match flight.claimed {
            None => Landing::Revived(flight.destination),
            Some((id, claimed)) => {
                let outcome = Outcome::Unclear(Unclear::Interrupted);
                let receipt = self
                    .shared
                    .receipt(id, flight.destination, &claimed, &outcome, None);
                Landing::Receipt(Box::new(receipt))
            }
        }
    }

    async fn commit(&mut self) {
        failpoint!("t2.commit.before");
        match self.shared.store.record(&self.receipts).await {
            Ok(recorded) => {
                failpoint!("t2.commit.after");
                if recorded.stale > 0 {
                    tracing::warn!(receipts = recorded.stale, "receipts came too late to count");
                }
                if recorded.parked > 0 {
                    tracing::warn!(destinations = recorded.parked, "destinations were parked");
                    self.places.clear();
                }
                for receipt in self.receipts.drain(..) {
                    self.shared.metrics.delivered(receipt.after.state, 1);
                    self.busy.remove(&receipt.destination);
                    let message = receipt.after.message;
                    self.newest = self.newest.max(message);
                    if let Some(place) = self.places.get_mut(&receipt.destination) {
                        place.floor = place.floor.max(message);
                        place.last_message = place.last_message.max(message);
                    }
                }
                self.unwritable = false;
                self.last_commit = Instant::now();
                // Their destinations are free again.
                self.next_round = self.last_commit;
                self.shared.recorded.send_replace(());
            }
            Err(error) => {
                self.shared
                    .report("receipts cannot be written; nothing new is sent", error);
                self.unwritable = true;
                self.commit_at = Instant::now() + RETRY;
            }
        }
    }

    async fn expire(&mut self) {
        match self.shared.store.expire(self.shared.clock.now()).await {
            Ok(0) => {}
            Ok(ended) => {
                self.shared.metrics.delivered(State::Expired, ended);
                tracing::info!(ended, "notices became too old to be sent");
                // A destination may have been parked with them.
                self.places.clear();
                self.shared.recorded.send_replace(());
            }
            Err(error) => self.shared.report("old notices cannot be ended", error),
        }
    }

    /// All waits are as long as they were, whatever the wall clock is set to.
    async fn compare_clocks(&mut self) {
        let (wall, now) = (self.shared.clock.now(), Instant::now());
        let (old_wall, old_now) = self.clocks;
        let should = old_wall.plus(now - old_now);
        let jump = wall.since(should).max(should.since(wall));
        if jump < JUMP {
            self.clocks = (wall, now);
            return;
        }
        let by = wall.millis() - should.millis();
        self.gathering.shift(by);
        match self.shared.store.shift_times(by).await {
            Ok(()) => {
                tracing::warn!(by_ms = by, "the clock was set; what waits goes on waiting");
                self.clocks = (wall, now);
            }
            Err(error) => self
                .shared
                .report("the clock was set, and what waits cannot follow", error),
        }
    }
}
