use std::{path::Path, time::Duration};

use secrecy::SecretString;

use super::*;
use crate::{
    delivery::{
        entry::{Hold, Telling},
        outcome::{Outcome, Scope, Unclear},
        post::{Carrier, Post, Waits, effect},
        state::DestinationState,
    },
    domain::{
        episode::EdgeKind,
        ids::{Home, MessageId, PostId, WebhookId},
    },
    store::{
        destinations::{News, Proven},
        posts::{Draft, Intent, OPEN, ORPHANS, Receipt, Subject, Wire},
    },
};
const GUILD: GuildId = GuildId(77);
/// After everything that is held back.
const LATER: Timestamp = Timestamp::from_millis(i64::MAX / 2);
const HOUR: Duration = Duration::from_hours(1);

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000).plus(Duration::from_secs(seconds))
}

fn waits() -> Waits {
    Waits::default()
}

async fn open(folder: &Path) -> Store {
    Store::open(&folder.join("stipend.db"), &[7; 32], at(0))
        .await
        .unwrap()
}

async fn place(store: &Store, channel: u64, webhook: u64, now: Timestamp) -> DestinationId {
    let proven = Proven {
        home: Home::Server(GUILD),
        channel: ChannelId(channel),
        parent: None,
        webhook: Some((
            WebhookId(webhook),
            SecretString::from(format!("token-of-{webhook}")),
        )),
        newest: MessageId(1),
        unasked: false,
        remade: false,
    };
    store
        .save_destination(&proven, now, &waits())
        .await
        .unwrap()
}

fn entry(number: u64, destination: DestinationId, created_at: Timestamp) -> Entry {
    use sha2::Digest as _;
    Entry {
        dedup_key: sha2::Sha256::digest(number.to_le_bytes()).into(),
        destination,
        alert: AlertId(3),
        alert_version: 1,
        pool: Some(PoolId::from_bytes([4; 16])),
        occasion: Occasion::Edge(EdgeKind::Opened),
        urgency: Urgency::Normal,
        payload: format!(r#"{{"content":"{number}"}}"#),
        summary: number.to_string(),
        created_at,
        not_after: created_at.plus(HOUR),
        telling: Telling::default(),
    }
}

/// A claimed post, as the worker would hold it.
#[derive(Debug, Clone)]
struct Claimed {
    id: PostId,
    destination: DestinationId,
    post: Post,
}

impl Claimed {
    fn receipt(&self, outcome: &Outcome, now: Timestamp) -> Receipt {
        Receipt {
            id: self.id,
            destination: self.destination,
            before: self.post.clone(),
            after: self.post.clone().settled(outcome, now, 1.0, &waits()),
            effect: effect(outcome),
            at: now,
            error: outcome.error(),
            status: None,
        }
    }
}

/// Makes one post of all that waits for a destination and claims it.
async fn claim_fresh(store: &Store, destination: DestinationId, now: Timestamp) -> Option<Claimed> {
    let waiting = store.waiting(destination, 10, now).await.unwrap();
    let not_after = waiting.iter().map(|one| one.not_after).max()?;
    let place = store.destination(destination).await.unwrap().unwrap();
    let draft = Draft {
        entries: waiting.iter().map(|one| one.id).collect(),
        wire: Wire {
            marker: "#A".to_owned(),
            nonce: "n".to_owned(),
            payload: "{}".to_owned(),
            attachment: None,
        },
        fallback: "plain".to_owned(),
        calls: false,
        reader: place.home.person(),
        created_at: now,
    };
    let post = Post::new(place.carrier(), now, not_after);
    let intent = Intent {
        destination,
        subject: Subject::Fresh(draft),
        after: post.claimed(place.carrier(), store.epoch(), place.floor, now),
    };
    let id = store.claim(std::slice::from_ref(&intent)).await.unwrap()[0]?;
    Some(Claimed {
        id,
        destination,
        post: intent.after,
    })
}

/// Claims the open post of a destination once more.
async fn claim_again(store: &Store, destination: DestinationId, now: Timestamp) -> Option<Claimed> {
    let open = store.open_posts().await.unwrap();
    let kept = open
        .into_iter()
        .find(|kept| kept.destination == destination)?;
    let place = store.destination(destination).await.unwrap().unwrap();
    let claimed = kept
        .post
        .clone()
        .claimed(place.carrier(), store.epoch(), place.floor, now);
    let intent = Intent {
        destination,
        subject: Subject::Known {
            id: kept.id,
            before: kept.post,
        },
        after: claimed.clone(),
    };
    let id = store.claim(&[intent]).await.unwrap()[0]?;
    Some(Claimed {
        id,
        destination,
        post: claimed,
    })
}

const fn accepted(message: u64) -> Outcome {
    Outcome::Accepted {
        message: Some(MessageId(message)),
    }
}

async fn state_of(store: &Store, entry: EntryId) -> State {
    store.told(entry).await.unwrap().unwrap().state
}

#[tokio::test]
async fn one_post_tells_many_notices_and_each_knows_its_message() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let place = place(&store, 1, 2, at(0)).await;
    let first = store.enqueue(&entry(1, place, at(0))).await.unwrap();
    let second = store.enqueue(&entry(2, place, at(0))).await.unwrap();
    assert_eq!(
        store.enqueue(&entry(1, place, at(5))).await.unwrap(),
        first,
        "the same edge is told once"
    );
    let urgency = Urgency::Normal;
    let destination = place;
    let untold = store.untold(LATER).await.unwrap();
    assert_eq!(
        untold,
        [Untold {
            destination,
            urgency,
            is_awaited: false,
        }]
    );
    let claimed = claim_fresh(&store, place, at(1)).await.unwrap();
    for entry in [first, second] {
        assert_eq!(state_of(&store, entry).await, State::Sending);
    }
    assert!(store.untold(LATER).await.unwrap().is_empty());
    assert!(claim_fresh(&store, place, at(1)).await.is_none());

    let done = claimed.receipt(&accepted(9), at(2));
    let recorded = store.record(std::slice::from_ref(&done)).await.unwrap();
    assert_eq!((recorded.written, recorded.stale), (1, 0));
    let again = store.record(&[done]).await.unwrap();
    assert_eq!((again.written, again.stale), (0, 1));
    for entry in [first, second] {
        let told = store.told(entry).await.unwrap().unwrap();
        assert_eq!(told.state, State::Delivered);
        assert_eq!(told.message, Some(MessageId(9)));
        assert_eq!(told.delivered_at, Some(at(2)));
    }
    let counts = store.outbox_counts().await.unwrap();
    assert_eq!(counts, [(State::Delivered, 2)]);
    assert_eq!(store.outbox_counts_of(GUILD).await.unwrap(), counts);
    assert_eq!(store.outbox_counts_of(GuildId(1)).await.unwrap(), []);
    let place = store.destination(place).await.unwrap().unwrap();
    assert_eq!(place.last_message, Some(MessageId(9)));
    assert_eq!(place.floor, Some(MessageId(9)));
}

#[tokio::test]
async fn a_limit_is_waited_out_and_is_no_attempt() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let place = place(&store, 1, 2, at(0)).await;
    store.enqueue(&entry(1, place, at(0))).await.unwrap();
    let claimed = claim_fresh(&store, place, at(1)).await.unwrap();
    let wait = Duration::from_mins(1);
    let scope = Scope::User;
    let limited = claimed.receipt(&Outcome::Limited { scope, wait }, at(3));
    store.record(&[limited]).await.unwrap();
    let open = store.open_posts().await.unwrap();
    let due = open[0].post.due_at.unwrap();
    assert!(due >= at(63) && due < at(64));
    let again = claim_again(&store, place, at(64)).await.unwrap();
    assert_eq!((again.id, again.post.attempt), (claimed.id, 1));
}

/// F-S01: never from being sent to be sent again.
#[tokio::test]
async fn what_a_dead_process_was_sending_is_uncertain() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let place = place(&store, 1, 2, at(0)).await;
    let first = store.enqueue(&entry(1, place, at(0))).await.unwrap();
    let claimed = claim_fresh(&store, place, at(10)).await.unwrap();
    let second = store.enqueue(&entry(2, place, at(0))).await.unwrap();
    store.close().await;
    drop(store);

    let store = open(folder.path()).await;
    assert_eq!(store.epoch(), 2);
    assert_eq!(store.reap(at(20), &waits()).await.unwrap(), 1);
    assert_eq!(store.reap(at(20), &waits()).await.unwrap(), 0);
    assert_eq!(state_of(&store, first).await, State::Uncertain);
    let open = store.open_posts().await.unwrap();
    assert_eq!(open[0].post.due_at, Some(at(50)), "Discord may not be done");
    let late = store.record(&[claimed.receipt(&accepted(9), at(12))]).await;
    assert_eq!(late.unwrap().stale, 1);
    assert_eq!(state_of(&store, first).await, State::Uncertain);
    let unsettled = store.unsettled(GUILD).await.unwrap();
    assert_eq!(unsettled.len(), 1);
    assert_eq!(unsettled[0].entry, first);
    assert!(store.unsettled(GuildId(1)).await.unwrap().is_empty());
    let mut counts = store.outbox_counts().await.unwrap();
    counts.sort_by_key(|(state, _)| state.slug());
    assert_eq!(counts, [(State::Pending, 1), (State::Uncertain, 1)]);
    store.expire(at(1_000_000)).await.unwrap();
    assert_eq!(state_of(&store, first).await, State::Uncertain);
    assert_eq!(state_of(&store, second).await, State::Expired);
}

/// A notice becomes too old in spite of attempts and nothing got through for a day: the admin is told.
/// Where something did, it says nothing of the channel.
#[tokio::test]
async fn attempts_in_vain_until_a_notice_is_too_old_park_a_channel() {
    const HALF: u64 = 1_800;
    for something_arrives in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path()).await;
        let place = place(&store, 1, 2, at(0)).await;
        let old = store.enqueue(&entry(1, place, at(0))).await.unwrap();
        let claimed = claim_fresh(&store, place, at(0)).await.unwrap();
        let receipt = claimed.receipt(&Outcome::Unreached, at(1));
        store.record(&[receipt]).await.unwrap();
        let young = store.enqueue(&entry(2, place, at(HALF))).await.unwrap();
        if something_arrives {
            let claimed = claim_fresh(&store, place, at(HALF)).await.unwrap();
            let message = Some(MessageId(9));
            let receipt = claimed.receipt(&Outcome::Accepted { message }, at(HALF));
            store.record(&[receipt]).await.unwrap();
        }
        store.expire(at(2 * HALF + 1)).await.unwrap();
        assert_eq!(state_of(&store, old).await, State::Expired);
        let known = store.destination(place).await.unwrap().unwrap();
        if something_arrives {
            assert_eq!(known.state, DestinationState::Ready);
            continue;
        }
        assert_eq!(known.reason, Some(DeadEnd::Failing));
        assert_eq!(state_of(&store, young).await, State::Parked);
        let news = store.take_news(Home::Server(GUILD)).await.unwrap();
        assert_eq!(news, [(known.clone(), News::Parked)]);
        assert!(store.to_revive(at(4 * HALF)).await.unwrap().is_empty());
        let tried = store.to_revive(at(4 * HALF + 1)).await.unwrap();
        assert_eq!(tried, [known]);
    }
}

/// An attempt that ends past the time of its notice parks in the same way.
#[tokio::test]
async fn a_last_attempt_in_vain_parks_a_channel() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let place = place(&store, 1, 2, at(0)).await;
    store.enqueue(&entry(1, place, at(0))).await.unwrap();
    let claimed = claim_fresh(&store, place, at(3_599)).await.unwrap();
    let late = claimed.receipt(&Outcome::Unreached, at(3_600));
    assert_eq!(store.record(&[late]).await.unwrap().parked, 1);
    let known = store.destination(place).await.unwrap().unwrap();
    assert_eq!(known.reason, Some(DeadEnd::Failing));
}

/// Something that is not Discord answers for all channels at once, until somebody has signed in to the
/// network; nobody should have to set each of them up again.
#[tokio::test]
async fn what_was_parked_by_a_stranger_s_answer_is_tried_again_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let minute = 60;
    let ends = [DeadEnd::NotDiscord, DeadEnd::NoPermission];
    for (channel, end) in (1..).zip(ends) {
        let place = place(&store, channel, channel + 10, at(0)).await;
        store.park_destination(place, end, at(0)).await.unwrap();
    }
    assert!(store.to_revive(at(minute - 1)).await.unwrap().is_empty());
    let tried = store.to_revive(at(minute)).await.unwrap();
    let channels: Vec<_> = tried.iter().map(|one| one.channel).collect();
    assert_eq!(channels, [ChannelId(1)]);
}

/// F-D06: parked at the first answer, told once, and let go when the channel is prepared again.
#[tokio::test]
async fn a_dead_end_parks_everything_until_the_channel_is_prepared_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let place = place(&store, 1, 2, at(0)).await;
    let first = store.enqueue(&entry(1, place, at(2000))).await.unwrap();
    let claimed = claim_fresh(&store, place, at(2000)).await.unwrap();
    let old = store.enqueue(&entry(2, place, at(0))).await.unwrap();
    let gone = Outcome::DeadEnd(DeadEnd::WebhookGone);
    let recorded = store.record(&[claimed.receipt(&gone, at(2001))]).await;
    assert_eq!(recorded.unwrap().parked, 1);
    let young = store.enqueue(&entry(3, place, at(2002))).await.unwrap();
    for entry in [first, old, young] {
        let told = store.told(entry).await.unwrap().unwrap();
        assert_eq!(told.state, State::Parked);
        assert_eq!(told.reason, Some(DeadEnd::WebhookGone));
    }
    assert!(store.untold(LATER).await.unwrap().is_empty());
    let known = store.destination_for(ChannelId(1)).await.unwrap().unwrap();
    assert_eq!(known.state, DestinationState::Parked);
    let all = store.destinations(GUILD).await.unwrap();
    assert_eq!(all, std::slice::from_ref(&known));
    let news = store.take_news(Home::Server(GUILD)).await.unwrap();
    assert_eq!(news, [(known.clone(), News::Parked)]);
    assert!(
        store
            .take_news(Home::Server(GUILD))
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        store.to_revive(at(2001)).await.unwrap(),
        [known],
        "made again once"
    );

    assert_eq!(self::place(&store, 1, 5, at(4000)).await, place);
    store.expire(at(4000)).await.unwrap();
    assert_eq!(state_of(&store, first).await, State::Pending);
    assert_eq!(state_of(&store, old).await, State::Expired);
    assert_eq!(state_of(&store, young).await, State::Pending);
    let claimed = claim_again(&store, place, at(4000)).await.unwrap();
    assert_eq!(claimed.post.carrier, Carrier::Webhook(WebhookId(5)));
}

#[tokio::test]
async fn an_answer_about_an_old_webhook_does_not_park_the_new_one() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let place = place(&store, 1, 2, at(0)).await;
    let first = store.enqueue(&entry(1, place, at(0))).await.unwrap();
    let claimed = claim_fresh(&store, place, at(1)).await.unwrap();
    self::place(&store, 1, 5, at(2)).await;
    let gone = Outcome::DeadEnd(DeadEnd::WebhookGone);
    let recorded = store
        .record(&[claimed.receipt(&gone, at(3))])
        .await
        .unwrap();
    assert_eq!(recorded.parked, 0);
    assert_eq!(state_of(&store, first).await, State::Pending);
    assert!(claim_again(&store, place, at(4)).await.is_some());
}

/// What came late to be claimed is not sent with the others, and the others are not lost.
#[tokio::test]
async fn a_notice_that_has_ended_meanwhile_is_not_claimed() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let place = place(&store, 1, 2, at(0)).await;
    let first = store.enqueue(&entry(1, place, at(0))).await.unwrap();
    let waiting = store.waiting(place, 10, at(1)).await.unwrap();
    store.expire(at(3600)).await.unwrap();
    assert_eq!(state_of(&store, first).await, State::Expired);
    let post = Post::new(Carrier::Bot, at(1), at(9000));
    let intent = Intent {
        destination: place,
        subject: Subject::Fresh(Draft {
            entries: waiting.iter().map(|one| one.id).collect(),
            wire: Wire {
                marker: String::new(),
                nonce: String::new(),
                payload: String::new(),
                attachment: None,
            },
            fallback: String::new(),
            calls: false,
            reader: None,
            created_at: at(1),
        }),
        after: post.claimed(Carrier::Bot, 1, None, at(1)),
    };
    assert_eq!(store.claim(&[intent]).await.unwrap(), [None]);
    assert!(store.open_posts().await.unwrap().is_empty());
    assert_eq!(state_of(&store, first).await, State::Expired);
}

/// F-T01: a clock that is set takes nothing forward and nothing back.
#[tokio::test]
async fn what_waits_stays_as_far_away_when_the_clock_is_set() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let place = place(&store, 1, 2, at(0)).await;
    store.enqueue(&entry(1, place, at(0))).await.unwrap();
    let claimed = claim_fresh(&store, place, at(1)).await.unwrap();
    let unclear = claimed.receipt(&Outcome::Unclear(Unclear::TimedOut), at(3));
    store.record(&[unclear]).await.unwrap();
    let second = store.enqueue(&entry(2, place, at(3))).await.unwrap();
    store.pause_until(at(40)).await.unwrap();
    store.shift_times(86_400_000).await.unwrap();
    assert_eq!(store.paused_until().await.unwrap(), Some(at(40 + 86_400)));
    let open = store.open_posts().await.unwrap();
    assert_eq!(open[0].post.due_at, Some(at(33 + 86_400)));
    store.expire(at(86_400 + 10)).await.unwrap();
    assert_eq!(state_of(&store, second).await, State::Pending);
    store.shift_times(-86_400_000).await.unwrap();
    assert_eq!(
        store.open_posts().await.unwrap()[0].post.due_at,
        Some(at(33))
    );
    assert_eq!(store.paused_until().await.unwrap(), Some(at(40)));
    // What a clock that was ahead has noted silences no channel until then.
    let told = async |now| store.told_between(at(0), now).await.unwrap();
    assert_eq!(told(at(1)).await, [(place, at(1))]);
    assert_eq!(told(at(0)).await, []);
}

#[tokio::test]
async fn tokens_are_sealed_and_open_only_in_their_place() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let broken = place(&store, 1, 2, at(0)).await;
    let whole = place(&store, 3, 4, at(0)).await;
    sqlx::query("UPDATE destination SET token = (SELECT token FROM destination WHERE id = $1) WHERE id = $2")
        .bind(whole.0)
        .bind(broken.0)
        .execute(&store.writer)
        .await
        .unwrap();
    let broken = store.destination(broken).await.unwrap().unwrap();
    assert!(store.webhook_token(&broken).await.unwrap().is_none());
    let whole = store.destination(whole).await.unwrap().unwrap();
    assert!(store.webhook_token(&whole).await.unwrap().is_some());
    store.close().await;
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(9).any(|part| part == b"token-of-"));
    }
}

/// The length of a queue costs nothing, nor does what was delivered long ago.
#[tokio::test]
async fn the_queue_is_walked_along_its_index() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    for sql in [UNTOLD, ANY_EXPIRED, OPEN, ORPHANS] {
        let explain = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"));
        let mut query = sqlx::query_as::<_, (i64, i64, i64, String)>(explain);
        if sql.contains("$1") {
            query = query.bind(1_i64);
        }
        let plan = query.fetch_all(&store.writer).await.unwrap();
        let plan: Vec<String> = plan.into_iter().map(|(.., step)| step).collect();
        for step in &plan {
            let scan = ["SCAN outbox", "SCAN post"]
                .iter()
                .any(|scan| step.contains(scan));
            assert!(!scan || step.contains("INDEX"), "{plan:#?}");
            assert!(!step.contains("SCAN d"), "{plan:#?}");
        }
    }
}

/// Who looks how long the queue is every few seconds reads what is queued, and nothing of what was told.
#[tokio::test]
async fn the_queue_is_counted_along_its_indices() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let explain = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {QUEUED}"));
    let query = sqlx::query_as::<_, (i64, i64, i64, String)>(explain).bind(1_i64);
    let plan = query.fetch_all(&store.writer).await.unwrap();
    let plan: Vec<String> = plan.into_iter().map(|(.., step)| step).collect();
    for (table, index) in [("p", "post_by_state"), ("o", "outbox_untold")] {
        let read = plan.iter().find(|step| {
            let words: Vec<&str> = step.split(' ').collect();
            words[1] == table
        });
        assert!(read.is_some_and(|step| step.contains(index)), "{plan:#?}");
    }
}

/// Who asks how a server's notices do reads what its channels have, and nothing of other servers.
#[tokio::test]
async fn the_notices_of_a_server_are_counted_along_its_channels() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let explain = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {COUNTS_OF_GUILD}"));
    let query = sqlx::query_as::<_, (i64, i64, i64, String)>(explain).bind(1_i64);
    let plan = query.fetch_all(&store.writer).await.unwrap();
    let plan: Vec<String> = plan.into_iter().map(|(.., step)| step).collect();
    for index in ["post_by_state", "outbox_untold", "outbox_ended"] {
        let along = format!("INDEX {index} (destination_id=?)");
        assert!(plan.iter().any(|step| step.contains(&along)), "{plan:#?}");
    }
    let scans = ["SCAN o", "SCAN p"];
    let reads_all = |step: &String| scans.iter().any(|scan| step.starts_with(scan));
    assert!(!plan.iter().any(reads_all), "{plan:#?}");
}

/// Each notice counts where it stands, and is as old as it could have been told.
#[tokio::test]
async fn what_is_queued_is_told_by_state_and_age() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let (ready, shut) = (
        place(&store, 1, 2, at(0)).await,
        place(&store, 3, 4, at(0)).await,
    );
    let held = |number, until| {
        let mut entry = entry(number, ready, at(0));
        entry.telling.hold = Some(Hold {
            until,
            why: Held::Quiet,
        });
        entry
    };
    store.enqueue(&entry(1, ready, at(10))).await.unwrap();
    let claimed = claim_fresh(&store, ready, at(20)).await.unwrap();
    for entry in [
        entry(2, ready, at(30)),
        entry(3, ready, at(40)),
        held(4, at(100)),
        held(5, at(25)),
        entry(6, shut, at(5)),
    ] {
        store.enqueue(&entry).await.unwrap();
    }
    let reason = DeadEnd::NoPermission;
    store.park_destination(shut, reason, at(6)).await.unwrap();
    let stands = async |now| {
        let queued = store.queued(now).await.unwrap();
        let line = |one: Queued| (one.state, one.is_held, one.notices, one.since);
        queued.into_iter().map(line).collect::<Vec<_>>()
    };
    let (parked, sending) = (
        (State::Parked, false, 1, at(5)),
        (State::Sending, false, 1, at(20)),
    );
    assert_eq!(
        stands(at(50)).await,
        [
            parked,
            (State::Pending, false, 3, at(25)),
            (State::Pending, true, 1, at(0)),
            sending
        ]
    );
    assert_eq!(
        stands(at(100)).await,
        [parked, (State::Pending, false, 4, at(25)), sending]
    );
    let told = claimed.receipt(&accepted(9), at(101));
    store.record(&[told]).await.unwrap();
    assert!(!stands(at(101)).await.contains(&sending));
    assert_eq!(
        store.destination_counts().await.unwrap(),
        [(DestinationState::Parked, 1), (DestinationState::Ready, 1)]
    );
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
        places.push(place(&store, channel, channel + 1000, at(0)).await);
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
    let added = store.insert_entries(&mut tx, &entries).await.unwrap();
    tx.commit().await.unwrap();
    let took = start.elapsed();
    assert_eq!(added, count);
    let start = std::time::Instant::now();
    assert_eq!(store.untold(LATER).await.unwrap().len(), 100);
    let walked = start.elapsed();
    let start = std::time::Instant::now();
    store.expire(at(0)).await.unwrap();
    let expired = start.elapsed();
    let start = std::time::Instant::now();
    store.outbox_counts().await.unwrap();
    let counted = start.elapsed();
    if measure {
        println!(
            "{count} entries in {took:?}; untold {walked:?}; expire {expired:?}; counts {counted:?}"
        );
    }
}
