use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::{
    delivery::{
        entry::Occasion,
        outcome::{Outcome, Scope},
        state,
    },
    domain::episode::EdgeKind,
};

/// The steps of the worker, taken one by one.
impl Store {
    /// When the next entry is to be sent; `None` when there is none.
    pub(crate) async fn next_due(&self, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.due(now).await?.iter().map(|due| due.due_at).min())
    }

    /// Claims up to `limit` entries whose turn has come, one a destination.
    pub(crate) async fn claim_due(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Claimed>, StoreError> {
        let ready: Vec<DestinationId> = self
            .due(now)
            .await?
            .into_iter()
            .filter(|due| due.due_at <= now)
            .map(|due| due.destination)
            .take(limit)
            .collect();
        self.claim(now, &ready).await
    }

    /// Stops a destination, with what waits for it, until it is prepared again.
    ///
    /// Returns whether it was in use.
    pub(crate) async fn park_destination(
        &self,
        destination: DestinationId,
        reason: DeadEnd,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        let parked = park(&mut tx, destination, None, reason, now).await?;
        tx.commit().await?;
        Ok(parked)
    }
}

const GUILD: GuildId = GuildId(77);
const HOUR: Duration = Duration::from_hours(1);

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000).plus(Duration::from_secs(seconds))
}

async fn open(folder: &Path) -> Store {
    Store::open(&folder.join("stipend.db"), &[7; 32], at(0))
        .await
        .unwrap()
}

fn proven(channel: u64, webhook: u64) -> Proven {
    Proven {
        guild: GUILD,
        channel: ChannelId(channel),
        webhook: WebhookId(webhook),
        token: SecretString::from(format!("token-of-{webhook}")),
    }
}

fn entry(number: u64, destination: DestinationId, created_at: Timestamp) -> Entry {
    Entry {
        dedup_key: Sha256::digest(number.to_le_bytes()).into(),
        destination,
        alert: AlertId(3),
        alert_version: 1,
        pool: Some(PoolId::from_bytes([4; 16])),
        occasion: Occasion::Edge(EdgeKind::Opened),
        payload: format!(r#"{{"content":"{number}"}}"#),
        created_at,
        not_after: created_at.plus(HOUR),
    }
}

fn receipt(claimed: &Claimed, outcome: &Outcome, now: Timestamp) -> Receipt {
    Receipt {
        entry: claimed.entry,
        destination: claimed.destination,
        webhook: claimed.webhook,
        at: now,
        next: state::next(claimed.attempt, outcome, now, claimed.not_after, 1.0),
        error: outcome.error(),
        status: None,
    }
}

const fn accepted(message: u64) -> Outcome {
    Outcome::Accepted {
        message: Some(MessageId(message)),
    }
}

async fn state_of(store: &Store, entry: EntryId) -> State {
    store.entry_outcome(entry).await.unwrap().unwrap().state
}

#[tokio::test]
async fn the_oldest_goes_first_and_alone() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let place = store.save_destination(&proven(1, 2), at(0)).await.unwrap();
    let first = store.enqueue(&entry(1, place, at(0))).await.unwrap();
    let second = store.enqueue(&entry(2, place, at(0))).await.unwrap();
    assert_eq!(
        store.enqueue(&entry(1, place, at(5))).await.unwrap(),
        first,
        "the same edge is told once"
    );
    let claimed = store.claim_due(at(1), 10).await.unwrap();
    assert_eq!(claimed.len(), 1);
    assert_eq!(claimed[0].entry, first);
    assert_eq!(claimed[0].attempt, 1);
    assert_eq!(claimed[0].payload, r#"{"content":"1"}"#);
    assert_eq!(claimed[0].token.expose_secret(), "token-of-2");
    assert!(store.claim_due(at(1), 10).await.unwrap().is_empty());
    assert!(store.claim(at(1), &[place]).await.unwrap().is_empty());

    let done = receipt(&claimed[0], &accepted(9), at(2));
    let recorded = store.record(std::slice::from_ref(&done)).await.unwrap();
    assert_eq!((recorded.written, recorded.stale), (1, 0));
    let again = store.record(&[done]).await.unwrap();
    assert_eq!((again.written, again.stale), (0, 1));
    let outcome = store.entry_outcome(first).await.unwrap().unwrap();
    assert_eq!(outcome.state, State::Delivered);
    assert_eq!(outcome.message, Some(MessageId(9)));

    let claimed = store.claim_due(at(3), 10).await.unwrap();
    assert_eq!(claimed[0].entry, second);
    let wait = Duration::from_mins(1);
    let limited = Outcome::Limited {
        scope: Scope::User,
        wait,
    };
    store
        .record(&[receipt(&claimed[0], &limited, at(3))])
        .await
        .unwrap();
    assert!(store.claim_due(at(60), 10).await.unwrap().is_empty());
    let next = store.next_due(at(60)).await.unwrap().unwrap();
    assert!(next >= at(63) && next < at(64));
    let claimed = store.claim_due(at(64), 10).await.unwrap();
    assert_eq!(claimed[0].attempt, 1, "a limit is no attempt");
}

#[tokio::test]
async fn what_a_dead_process_was_sending_is_uncertain_and_not_sent_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let place = store.save_destination(&proven(1, 2), at(0)).await.unwrap();
    let first = store.enqueue(&entry(1, place, at(0))).await.unwrap();
    let second = store.enqueue(&entry(2, place, at(0))).await.unwrap();
    let claimed = store.claim_due(at(10), 10).await.unwrap();
    store.close().await;
    drop(store);

    let store = open(folder.path()).await;
    assert_eq!(store.epoch(), 2);
    assert_eq!(store.reap().await.unwrap(), 1);
    assert_eq!(store.reap().await.unwrap(), 0);
    assert_eq!(state_of(&store, first).await, State::Uncertain);
    let late = store
        .record(&[receipt(&claimed[0], &accepted(9), at(12))])
        .await
        .unwrap();
    assert_eq!((late.written, late.stale), (0, 1));
    assert_eq!(state_of(&store, first).await, State::Uncertain);

    let unsettled = store.unsettled(GUILD).await.unwrap();
    let want = Unsettled {
        entry: first,
        alert: AlertId(3),
        channel: ChannelId(1),
        since: at(10),
    };
    assert_eq!(unsettled, [want]);
    assert!(store.unsettled(GuildId(1)).await.unwrap().is_empty());
    let counts = store.outbox_counts().await.unwrap();
    assert_eq!(counts, [(State::Pending, 1), (State::Uncertain, 1)]);
    assert_eq!(store.outbox_counts_of(GUILD).await.unwrap(), counts);
    assert_eq!(store.outbox_counts_of(GuildId(1)).await.unwrap(), []);

    assert!(store.claim_due(at(20), 10).await.unwrap().is_empty());
    assert_eq!(store.next_due(at(20)).await.unwrap(), Some(at(40)));
    let claimed = store.claim_due(at(40), 10).await.unwrap();
    assert_eq!(claimed[0].entry, second);
    store.expire(at(1_000_000)).await.unwrap();
    assert_eq!(state_of(&store, first).await, State::Uncertain);
}

#[tokio::test]
async fn a_dead_end_parks_everything_until_the_channel_is_prepared_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let place = store.save_destination(&proven(1, 2), at(0)).await.unwrap();
    let mut entries = Vec::new();
    for number in 0..3 {
        let created_at = at(number * 1000);
        let entry = entry(number, place, created_at);
        entries.push(store.enqueue(&entry).await.unwrap());
    }
    let claimed = store.claim_due(at(2000), 10).await.unwrap();
    let gone = Outcome::DeadEnd(DeadEnd::WebhookGone);
    let recorded = store
        .record(&[receipt(&claimed[0], &gone, at(2001))])
        .await
        .unwrap();
    assert_eq!(recorded.parked, 1);
    entries.push(store.enqueue(&entry(3, place, at(2002))).await.unwrap());
    for entry in &entries {
        assert_eq!(state_of(&store, *entry).await, State::Parked);
    }
    assert!(store.claim_due(at(2003), 10).await.unwrap().is_empty());
    let known = store.destination_for(ChannelId(1)).await.unwrap().unwrap();
    assert_eq!(known.state, DestinationState::Parked);
    assert_eq!(known.reason, Some(DeadEnd::WebhookGone));
    assert_eq!(store.destinations(GUILD).await.unwrap(), [known]);

    let again = store
        .save_destination(&proven(1, 5), at(4000))
        .await
        .unwrap();
    assert_eq!(again, place);
    let mut states = Vec::new();
    for entry in &entries {
        states.push(state_of(&store, *entry).await);
    }
    assert_eq!(
        states,
        [
            State::Expired,
            State::Pending,
            State::Pending,
            State::Pending
        ]
    );
    let claimed = store.claim_due(at(4000), 10).await.unwrap();
    assert_eq!(claimed[0].entry, entries[1]);
    assert_eq!(claimed[0].webhook, WebhookId(5));
}

#[tokio::test]
async fn an_answer_about_an_old_webhook_does_not_park_the_new_one() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let place = store.save_destination(&proven(1, 2), at(0)).await.unwrap();
    let first = store.enqueue(&entry(1, place, at(0))).await.unwrap();
    let claimed = store.claim_due(at(1), 10).await.unwrap();
    store.save_destination(&proven(1, 5), at(2)).await.unwrap();
    let gone = Outcome::DeadEnd(DeadEnd::WebhookGone);
    let recorded = store
        .record(&[receipt(&claimed[0], &gone, at(3))])
        .await
        .unwrap();
    assert_eq!(recorded.parked, 0);
    assert_eq!(state_of(&store, first).await, State::Pending);
    assert_eq!(store.claim_due(at(4), 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn old_notices_expire() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let place = store.save_destination(&proven(1, 2), at(0)).await.unwrap();
    let old = store.enqueue(&entry(1, place, at(0))).await.unwrap();
    let young = store.enqueue(&entry(2, place, at(100))).await.unwrap();
    assert!(store.claim(at(3600), &[place]).await.unwrap().is_empty());
    assert_eq!(store.expire(at(3600)).await.unwrap(), 1);
    assert_eq!(state_of(&store, old).await, State::Expired);
    let claimed = store.claim_due(at(3600), 10).await.unwrap();
    assert_eq!(claimed[0].entry, young);
}

#[tokio::test]
async fn tokens_are_sealed_and_one_that_does_not_open_stops_only_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let broken = store.save_destination(&proven(1, 2), at(0)).await.unwrap();
    let whole = store.save_destination(&proven(3, 4), at(0)).await.unwrap();
    for (number, place) in [(1, broken), (2, whole)] {
        store.enqueue(&entry(number, place, at(0))).await.unwrap();
    }
    sqlx::query("UPDATE destination SET token = (SELECT token FROM destination WHERE id = $1) WHERE id = $2")
        .bind(whole.0)
        .bind(broken.0)
        .execute(&store.writer)
        .await
        .unwrap();
    let claimed = store.claim_due(at(1), 10).await.unwrap();
    assert_eq!(claimed.len(), 1);
    assert_eq!(claimed[0].destination, whole);
    let parked = store.destination_for(ChannelId(1)).await.unwrap().unwrap();
    assert_eq!(parked.reason, Some(DeadEnd::TokenUnreadable));
    store.close().await;
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(9).any(|part| part == b"token-of-"));
    }
}

#[tokio::test]
async fn the_queue_is_walked_along_its_index() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    for sql in [DUE, HEAD, REAP, EXPIRE, ANY_EXPIRED] {
        let explain = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"));
        let mut query = sqlx::query_as::<_, (i64, i64, i64, String)>(explain);
        for _ in 0..sql.matches('$').count().min(3) {
            query = query.bind(1_i64);
        }
        let plan = query.fetch_all(&store.writer).await.unwrap();
        let plan: Vec<String> = plan.into_iter().map(|(.., step)| step).collect();
        for step in &plan {
            let scan = step.contains("SCAN outbox") || step.contains("SCAN o");
            assert!(!scan || step.contains("outbox_due"), "{plan:#?}");
            assert!(!step.contains("SCAN d"), "{plan:#?}");
        }
        assert!(
            plan.iter().any(|step| step.contains("outbox_due")),
            "{plan:#?}"
        );
    }
}

#[derive(Debug, Clone)]
enum Step {
    Enqueue(u64, usize),
    Claim,
    Answer(usize, Outcome),
    Reap,
    Park(usize),
    Prepare(usize),
    Expire,
    Pass(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let outcome = proptest::sample::select(vec![
        accepted(5),
        Outcome::Accepted { message: None },
        Outcome::Unreached,
        Outcome::HeldBack {
            wait: Duration::ZERO,
        },
        Outcome::Limited {
            scope: Scope::User,
            wait: Duration::from_secs(3),
        },
        Outcome::Unclear(Unclear::TimedOut),
        Outcome::Malformed { code: None },
        Outcome::DeadEnd(DeadEnd::WebhookGone),
    ]);
    let step = prop_oneof![
        3 => (0u64..12, 0usize..2).prop_map(|(number, place)| Step::Enqueue(number, place)),
        4 => Just(Step::Claim),
        4 => (0usize..4, outcome).prop_map(|(index, outcome)| Step::Answer(index, outcome)),
        1 => Just(Step::Reap),
        1 => (0usize..2).prop_map(Step::Park),
        2 => (0usize..2).prop_map(Step::Prepare),
        1 => Just(Step::Expire),
        2 => (1u64..2000).prop_map(Step::Pass),
    ];
    proptest::collection::vec(step, 1..60)
}

async fn check_steps(steps: Vec<Step>) {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let mut places = Vec::new();
    for channel in 0..2 {
        let proven = proven(channel, channel + 10);
        places.push(store.save_destination(&proven, at(0)).await.unwrap());
    }
    let mut now = at(0);
    let mut under_way: Vec<Claimed> = Vec::new();
    let mut known: std::collections::HashMap<EntryId, State> = std::collections::HashMap::new();
    for step in steps {
        let mut receipted = None;
        let mut claimed_now = Vec::new();
        match step.clone() {
            Step::Enqueue(number, place) => {
                let id = store
                    .enqueue(&entry(number, places[place], now))
                    .await
                    .unwrap();
                known.entry(id).or_insert(State::Pending);
            }
            Step::Claim => {
                for claimed in store.claim_due(now, 10).await.unwrap() {
                    assert!(
                        under_way
                            .iter()
                            .all(|other| other.destination != claimed.destination),
                        "two under way for one place"
                    );
                    claimed_now.push(claimed.entry);
                    under_way.push(claimed);
                }
            }
            Step::Answer(index, outcome) if index < under_way.len() => {
                let claimed = under_way.remove(index);
                let receipt = receipt(&claimed, &outcome, now);
                store.record(&[receipt]).await.unwrap();
                receipted = Some((claimed.entry, outcome));
            }
            Step::Answer(..) => {}
            Step::Reap => {
                store.reap().await.unwrap();
                under_way.clear();
            }
            Step::Park(place) => {
                let end = DeadEnd::ChannelGone;
                store
                    .park_destination(places[place], end, now)
                    .await
                    .unwrap();
            }
            Step::Prepare(place) => {
                let channel = u64::from(place == 1);
                let webhook = channel + 20;
                store
                    .save_destination(&proven(channel, webhook), now)
                    .await
                    .unwrap();
            }
            Step::Expire => {
                store.expire(now).await.unwrap();
            }
            Step::Pass(seconds) => now = now.plus(Duration::from_secs(seconds)),
        }
        for (id, before) in &mut known {
            let after = state_of(&store, *id).await;
            if before.is_final() || *before == State::Uncertain {
                assert_eq!(after, *before, "{step:?} changed what had ended");
            }
            if after == State::Sending && *before != State::Sending {
                assert!(claimed_now.contains(id), "{step:?} claimed in secret");
            }
            if after == State::Delivered && *before != State::Delivered {
                let told = receipted.as_ref().filter(|(entry, _)| entry == id);
                assert!(
                    matches!(told, Some((_, Outcome::Accepted { .. }))),
                    "{step:?} delivered without a receipt"
                );
            }
            if *before == State::Sending && after != State::Sending {
                let reaped = matches!(step, Step::Reap);
                assert!(reaped || receipted.as_ref().is_some_and(|(entry, _)| entry == id));
                assert!(!reaped || after == State::Uncertain);
            }
            *before = after;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn whatever_happens_nothing_ended_moves_and_delivered_has_a_receipt(steps in steps()) {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
            .block_on(check_steps(steps));
    }
}

/// Prints the rate when asked to: `STIPEND_MEASURE=1 cargo test --lib outbox -- --nocapture`.
#[tokio::test]
async fn many_entries_go_in_together() {
    let measure = std::env::var_os("STIPEND_MEASURE").is_some();
    let count: u64 = if measure { 100_000 } else { 2_000 };
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let mut places = Vec::new();
    for channel in 0..100 {
        let proven = proven(channel, channel + 1000);
        places.push(store.save_destination(&proven, at(0)).await.unwrap());
    }
    let text = "x".repeat(580);
    let entries: Vec<Entry> = (0..count)
        .map(|number| {
            let place = places[usize::try_from(number % 100).unwrap()];
            let payload = format!(r#"{{"content":"{text}"}}"#);
            Entry {
                payload,
                ..entry(number, place, at(0))
            }
        })
        .collect();
    let start = std::time::Instant::now();
    let mut tx = store.begin().await.unwrap();
    let added = insert_entries(&mut tx, &entries).await.unwrap();
    tx.commit().await.unwrap();
    let took = start.elapsed();
    assert_eq!(added, count);
    let start = std::time::Instant::now();
    assert_eq!(store.due(at(0)).await.unwrap().len(), 100);
    let walked = start.elapsed();
    let start = std::time::Instant::now();
    let claimed = store.claim_due(at(0), 100).await.unwrap();
    let claims = start.elapsed();
    assert_eq!(claimed.len(), 100);
    let start = std::time::Instant::now();
    store.expire(at(0)).await.unwrap();
    let expired = start.elapsed();
    let start = std::time::Instant::now();
    store.outbox_counts().await.unwrap();
    let counted = start.elapsed();
    if measure {
        println!(
            "{count} entries in {took:?}; due {walked:?}; 100 claims {claims:?}; \
             expire {expired:?}; counts {counted:?}"
        );
    }
}
