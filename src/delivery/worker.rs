//! The one task that empties the outbox: claim, send, record.
//!
//! Claims and receipts are committed in groups. While receipts cannot be written nothing new is
//! sent, since nobody could tell afterwards what has been.

use std::{collections::HashMap, sync::Arc, time::Duration};

use chacha20poly1305::aead::{OsRng, rand_core::RngCore as _};
use tokio::{
    task::{self, JoinError, JoinSet},
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use super::{
    Shared,
    outcome::{Outcome, Unclear},
    pacing::Admission,
    state::{self, Receipt, State},
    urgency::Urgency,
};
use crate::{
    domain::{
        ids::{DestinationId, EntryId, WebhookId},
        time::Timestamp,
    },
    store::{
        StoreError,
        outbox::{Claimed, Due},
    },
};

/// The most requests under way, so that a slow Discord does not tie up everything.
const CONCURRENCY: usize = 32;
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
/// What is under way at the end gets this long.
const LAST_CALLS: Duration = Duration::from_secs(10);
const LAST_COMMITS: u32 = 3;

pub(super) async fn run(shared: Arc<Shared>, stop: CancellationToken) -> Result<(), StoreError> {
    let left_over = shared.store.reap().await?;
    if left_over > 0 {
        tracing::warn!(
            entries = left_over,
            "messages were being sent when the last run ended; they are not sent again"
        );
    }
    let now = Instant::now();
    let mut worker = Worker {
        shared,
        stop,
        flights: JoinSet::new(),
        under_way: HashMap::new(),
        receipts: Vec::new(),
        commit_at: now,
        last_commit: now,
        unwritable: false,
        next_round: now,
        crowded: false,
        next_clearing: now,
        cursor: DestinationId(0),
    };
    worker.work().await;
    worker.finish().await;
    Ok(())
}

struct Worker {
    shared: Arc<Shared>,
    stop: CancellationToken,
    flights: JoinSet<Receipt>,
    under_way: HashMap<task::Id, Flight>,
    /// Ended attempts that are not committed yet.
    receipts: Vec<Receipt>,
    commit_at: Instant,
    last_commit: Instant,
    /// The last receipts could not be committed.
    unwritable: bool,
    next_round: Instant,
    /// The last round left something behind for want of a free place.
    crowded: bool,
    next_clearing: Instant,
    /// The destination that was served last; the next round begins after it.
    cursor: DestinationId,
}

/// Enough of an attempt to settle it when its task is lost.
#[derive(Debug, Clone, Copy)]
struct Flight {
    entry: EntryId,
    destination: DestinationId,
    webhook: WebhookId,
    attempt: u32,
    not_after: Timestamp,
}

impl Worker {
    async fn work(&mut self) {
        let shared = Arc::clone(&self.shared);
        let stop = self.stop.clone();
        let mut give_up = None;
        loop {
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
                    give_up = Some(Instant::now() + LAST_CALLS);
                }
                Some(done) = self.flights.join_next_with_id() => self.landed(done),
                () = shared.poke.notified(), if give_up.is_none() => {
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
                entries = self.receipts.len(),
                "the outcome of messages could not be written; they will count as uncertain"
            );
        }
    }

    /// Starts what may be sent now, and returns when to look again.
    async fn round(&mut self) -> Instant {
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
        let mut free = CONCURRENCY - self.flights.len();
        if gate.is_probing() {
            free = usize::from(self.flights.is_empty());
        }
        self.crowded = free == 0;
        if self.crowded {
            return now + LONGEST_SLEEP;
        }
        match self
            .start_due(free.min(shared.pacing.gate.per_round()))
            .await
        {
            Ok(look_again) => look_again,
            Err(error) => {
                report("the outbox cannot be read or claimed from", error);
                Instant::now() + RETRY
            }
        }
    }

    async fn start_due(&mut self, places: usize) -> Result<Instant, StoreError> {
        let shared = Arc::clone(&self.shared);
        let wall = shared.clock.now();
        let due = shared.store.due(wall).await?;
        if due.iter().any(|due| due.not_after <= wall) {
            self.expire().await;
        }
        let mut look_again = Instant::now() + LONGEST_SLEEP;
        let not_before = Instant::now() + TOGETHER;
        let mut admitted: HashMap<DestinationId, Admission> = HashMap::new();
        let mut chosen = Vec::new();
        for due in from_cursor(&due, self.cursor) {
            if due.due_at > wall {
                look_again = look_again.min(Instant::now() + due.due_at.since(wall));
                continue;
            }
            if chosen.len() == places {
                look_again = Instant::now();
                break;
            }
            match shared
                .pacing
                .admit(due.channel, due.webhook, Urgency::Normal, true)
                .await
            {
                Ok(admission) => {
                    admitted.insert(due.destination, admission);
                    chosen.push(due.destination);
                }
                Err(ready_at) => look_again = look_again.min(ready_at.max(not_before)),
            }
        }
        let Some(last) = chosen.last() else {
            return Ok(look_again);
        };
        self.cursor = *last;
        let claimed = shared.store.claim(wall, &chosen).await?;
        if claimed.len() < chosen.len() {
            // Something has changed since it was looked at, and there may be something behind it.
            look_again = look_again.min(Instant::now() + GROUP);
        }
        for claimed in claimed {
            if let Some(admission) = admitted.remove(&claimed.destination) {
                self.start(claimed, admission);
            }
        }
        Ok(look_again)
    }

    fn start(&mut self, claimed: Claimed, admission: Admission) {
        let flight = Flight {
            entry: claimed.entry,
            destination: claimed.destination,
            webhook: claimed.webhook,
            attempt: claimed.attempt,
            not_after: claimed.not_after,
        };
        let attempt = attempt(
            Arc::clone(&self.shared),
            self.stop.clone(),
            claimed,
            flight,
            admission,
        );
        let id = self.flights.spawn(attempt).id();
        self.under_way.insert(id, flight);
    }

    fn landed(&mut self, done: Result<(task::Id, Receipt), JoinError>) {
        let now = Instant::now();
        let receipt = match done {
            Ok((id, receipt)) => {
                self.under_way.remove(&id);
                receipt
            }
            Err(error) => {
                let Some(flight) = self.under_way.remove(&error.id()) else {
                    return;
                };
                tracing::error!(entry = %flight.entry, %error, "an attempt was lost");
                let outcome = Outcome::Unclear(Unclear::Interrupted);
                flight.receipt(&outcome, None, self.shared.clock.now())
            }
        };
        if self.receipts.is_empty() {
            self.commit_at = now.max(self.last_commit + GROUP);
        }
        self.receipts.push(receipt);
        if self.crowded {
            self.next_round = self.next_round.min(now + GATHER);
        }
    }

    async fn commit(&mut self) {
        match self.shared.store.record(&self.receipts).await {
            Ok(recorded) => {
                if recorded.stale > 0 {
                    tracing::warn!(receipts = recorded.stale, "receipts came too late to count");
                }
                if recorded.parked > 0 {
                    tracing::warn!(destinations = recorded.parked, "destinations were parked");
                }
                self.receipts.clear();
                self.unwritable = false;
                self.last_commit = Instant::now();
                // Their destinations are free again.
                self.next_round = self.last_commit;
                self.shared.recorded.send_replace(());
            }
            Err(error) => {
                report("receipts cannot be written; nothing new is sent", error);
                self.unwritable = true;
                self.commit_at = Instant::now() + RETRY;
            }
        }
    }

    async fn expire(&self) {
        match self.shared.store.expire(self.shared.clock.now()).await {
            Ok(0) => {}
            Ok(entries) => {
                tracing::info!(entries, "notices became too old to be sent");
                self.shared.recorded.send_replace(());
            }
            Err(error) => report("old notices cannot be ended", error),
        }
    }
}

/// The due ones in a circle that begins after the one that was served last.
fn from_cursor(due: &[Due], cursor: DestinationId) -> impl Iterator<Item = &Due> {
    let start = due.partition_point(|due| due.destination <= cursor);
    let (before, after) = due.split_at(start);
    after.iter().chain(before)
}

impl Flight {
    fn receipt(self, outcome: &Outcome, status: Option<u16>, now: Timestamp) -> Receipt {
        let next = state::next(self.attempt, outcome, now, self.not_after, random());
        Receipt {
            entry: self.entry,
            destination: self.destination,
            webhook: self.webhook,
            at: now,
            next,
            error: outcome.error(),
            status,
        }
    }
}

/// Sends one claimed entry when its moment comes.
async fn attempt(
    shared: Arc<Shared>,
    stop: CancellationToken,
    claimed: Claimed,
    flight: Flight,
    admission: Admission,
) -> Receipt {
    let held = tokio::select! {
        biased;
        () = stop.cancelled() => Some(Duration::ZERO),
        passed = shared.pacing.gate.pass() => passed.err().map(|paused| paused.wait),
    };
    if let Some(wait) = held {
        return flight.receipt(&Outcome::HeldBack { wait }, None, shared.clock.now());
    }
    let exchange = shared
        .client
        .execute_webhook(claimed.webhook, &claimed.token, claimed.payload)
        .await;
    shared.pacing.settle(admission, &exchange);
    let receipt = flight.receipt(&exchange.outcome, exchange.status, shared.clock.now());
    if receipt.next.state == State::Delivered {
        tracing::debug!(entry = %flight.entry, "delivered");
    } else {
        tracing::info!(
            entry = %flight.entry,
            destination = %flight.destination,
            status = exchange.status,
            outcome = receipt.error.as_deref(),
            next = receipt.next.state.slug(),
            "not delivered"
        );
    }
    receipt
}

fn report(what: &'static str, error: StoreError) {
    let error = anyhow::Error::from(error);
    tracing::error!(error = format!("{error:#}"), "{what}");
}

/// A fresh number from 0 to 1.
fn random() -> f64 {
    f64::from(OsRng.next_u32()) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests;
