//! Gate, lanes, buckets and budget together, as the worker uses them.

use std::sync::Arc;

use bytes::Bytes;

use super::*;
use crate::delivery::outcome::{DeadEnd, Unclear};

const CHANNEL: ChannelId = ChannelId(1);
const WEBHOOK: WebhookId = WebhookId(2);
const ACCEPTED: Outcome = Outcome::Accepted { message: None };
const BUCKET: (&str, &str) = ("x-ratelimit-bucket", "abc");
const LIMIT: (&str, &str) = ("x-ratelimit-limit", "5");

fn pacing_with(settings: &Settings) -> Pacing {
    Pacing::new(settings, Arc::default())
}

fn pacing() -> Pacing {
    pacing_with(&Settings::default())
}

fn exchange(status: u16, outcome: Outcome, headers: &[(&'static str, &str)]) -> Exchange {
    let header =
        |(name, value): &(&'static str, &str)| (name.parse().unwrap(), value.parse().unwrap());
    Exchange {
        outcome,
        status: Some(status),
        headers: Some(headers.iter().map(header).collect()),
        body: Bytes::new(),
    }
}

fn limited(scope: Scope, wait: Duration) -> Exchange {
    exchange(429, Outcome::Limited { scope, wait }, &[])
}

async fn asked(pacing: &Pacing) -> Result<Admission, Instant> {
    pacing.admit(CHANNEL, WEBHOOK, Urgency::Normal, true).await
}

async fn admitted(pacing: &Pacing) -> Admission {
    loop {
        match asked(pacing).await {
            Ok(admission) => return admission,
            Err(ready_at) => tokio::time::sleep_until(ready_at).await,
        }
    }
}

/// F-D01, user: the webhook rests as long as it was told, to the end, and nobody else does.
#[tokio::test]
async fn a_limited_webhook_rests_as_long_as_it_was_told() {
    let pacing = pacing();
    let admission = asked(&pacing).await.unwrap();
    let told = Instant::now();
    let wait = Duration::from_millis(300);
    pacing.settle(admission, &limited(Scope::User, wait));
    let ready_at = asked(&pacing).await.unwrap_err();
    assert!(ready_at >= told + wait);
    let elsewhere = pacing.admit(ChannelId(9), WebhookId(9), Urgency::Normal, true);
    assert!(elsewhere.await.is_ok());
    assert_eq!(pacing.pause_left(), Duration::ZERO);
    drop(admitted(&pacing).await);
    assert!(Instant::now() >= ready_at);
}

/// F-D01, shared: `Retry-After` overrides headers that show calls left, the channel then gets what it
/// had really taken, and Discord does not count it as invalid.
#[tokio::test]
async fn a_shared_limit_overrides_the_headers_and_is_remembered() {
    let pacing = pacing();
    let rich = [
        BUCKET,
        LIMIT,
        ("x-ratelimit-remaining", "4"),
        ("x-ratelimit-reset-after", "0.1"),
    ];
    for _ in 0..2 {
        let admission = admitted(&pacing).await;
        pacing.settle(admission, &exchange(200, ACCEPTED, &rich));
    }
    let last_taken = Instant::now();
    let shared = Outcome::Limited {
        scope: Scope::Shared,
        wait: Duration::from_millis(200),
    };
    let admission = admitted(&pacing).await;
    pacing.settle(admission, &exchange(429, shared, &rich));
    let rested = asked(&pacing).await.unwrap_err();
    assert!(
        rested >= last_taken + Duration::from_secs(59),
        "two a minute"
    );
    assert_eq!(pacing.condition().invalid, 0);
}

/// F-D01, global: everything rests, calls with the bot's token as well; over a restart too.
#[tokio::test]
async fn a_global_limit_stops_everything_and_outlives_a_restart() {
    let wait = Duration::from_millis(300);
    let before = pacing();
    let path = "channels/1/webhooks".to_owned();
    let permit = before.admit_bot(Method::Get, path, Purpose::Person);
    let permit = permit.await.unwrap();
    let told = Instant::now();
    before.settle_bot(permit, &limited(Scope::Global, wait));
    assert!(before.gate.pass().await.is_err());
    let left = before.pause_left();
    assert!(left > wait / 2 && left <= wait, "{left:?}");

    let after = pacing();
    after.resume_pause(Duration::ZERO);
    assert_eq!(after.condition().probing, None, "there was no pause");
    after.resume_pause(left);
    let Paused { wait: rest } = after.gate.pass().await.unwrap_err();
    tokio::time::sleep(rest).await;
    let admission = admitted(&after).await;
    after.gate.pass().await.unwrap();
    assert!(told.elapsed() >= wait);
    assert!(after.gate.pass().await.is_err(), "one tries first");
    after.settle(admission, &exchange(200, ACCEPTED, &[]));
    assert!(after.gate.pass().await.is_ok());
}

/// F-D02: an empty bucket is believed even when the answer is a 200, and a new name of the bucket
/// does not open it.
#[tokio::test]
async fn an_empty_bucket_is_waited_for_whatever_its_name() {
    let pacing = pacing();
    for name in ["abc", "def", "abc"] {
        let empty = [
            ("x-ratelimit-bucket", name),
            LIMIT,
            ("x-ratelimit-remaining", "0"),
            ("x-ratelimit-reset-after", "0.2"),
        ];
        let admission = admitted(&pacing).await;
        let told = Instant::now();
        pacing.settle(admission, &exchange(200, ACCEPTED, &empty));
        let ready_at = asked(&pacing).await.unwrap_err();
        assert!(ready_at >= told + Duration::from_millis(200), "{name}");
        assert!(ready_at < told + Duration::from_millis(900), "{name}");
    }
}

/// F-D02: without headers a webhook gets five in two seconds; also when they spoke before.
#[tokio::test]
async fn answers_without_headers_keep_to_the_start_value() {
    let full = [
        BUCKET,
        LIMIT,
        ("x-ratelimit-remaining", "5"),
        ("x-ratelimit-reset-after", "0.05"),
    ];
    let silent = pacing();
    let start = Instant::now();
    for _ in 0..5 {
        let admission = asked(&silent).await.unwrap();
        silent.settle(admission, &exchange(200, ACCEPTED, &[]));
    }
    let sixth = asked(&silent).await.unwrap_err();
    assert!(sixth >= start + Duration::from_secs(2));

    let talking = pacing();
    for _ in 0..6 {
        let admission = asked(&talking).await.unwrap();
        talking.settle(admission, &exchange(200, ACCEPTED, &full));
    }
    let admission = asked(&talking).await.unwrap();
    talking.settle(admission, &exchange(200, ACCEPTED, &[]));
    assert!(asked(&talking).await.is_err(), "seven at once");
}

/// F-D03: a clock of Discord's that is an hour off changes nothing, since only lengths are read.
#[tokio::test]
async fn moments_by_the_clock_are_not_read() {
    for reset in ["1", "99999999999", "never"] {
        let pacing = pacing();
        let skewed = [
            BUCKET,
            LIMIT,
            ("x-ratelimit-remaining", "0"),
            ("x-ratelimit-reset", reset),
            ("x-ratelimit-reset-after", "0.25"),
        ];
        let told = Instant::now();
        let admission = asked(&pacing).await.unwrap();
        pacing.settle(admission, &exchange(200, ACCEPTED, &skewed));
        let rest = asked(&pacing).await.unwrap_err() - told;
        assert!(rest >= Duration::from_millis(250), "{rest:?}");
        assert!(rest < Duration::from_millis(900), "{rest:?}");
        // A moment alone tells nothing, so the start value holds.
        let learned = learn(
            &exchange(
                200,
                ACCEPTED,
                &[BUCKET, LIMIT, ("x-ratelimit-reset", reset)],
            )
            .headers
            .unwrap(),
            told,
        );
        assert!(learned.is_none());
    }
}

/// F-D04: a page of the edge stops everything for its time, and then one request tries.
#[tokio::test]
async fn a_ban_stops_everything_and_ends_with_one_request() {
    let pacing = pacing();
    let wait = Duration::from_millis(200);
    let admission = asked(&pacing).await.unwrap();
    pacing.settle(admission, &exchange(403, Outcome::Banned { wait }, &[]));
    assert_eq!(pacing.condition().probing, Some(Cause::Ban));
    assert_eq!(pacing.condition().invalid, 1);
    let Paused { wait: rest } = pacing.gate.pass().await.unwrap_err();
    tokio::time::sleep(rest).await;
    let probe = admitted(&pacing).await;
    pacing.gate.pass().await.unwrap();
    assert!(pacing.gate.pass().await.is_err());
    pacing.settle(probe, &exchange(200, ACCEPTED, &[]));
    assert!(pacing.gate.pass().await.is_ok());
    assert_eq!(pacing.condition().probing, None);
}

/// F-D05: half of the webhooks answer 403. What can wait is held first, then all but proven places.
#[tokio::test]
async fn refused_requests_hold_back_what_matters_least() {
    let pacing = pacing_with(&Settings {
        invalid_soft: 4,
        invalid_hard: 8,
        ..Settings::default()
    });
    let mut held = Vec::new();
    for number in 0..16 {
        let (channel, webhook) = (ChannelId(number), WebhookId(number));
        let admit = pacing.admit(channel, webhook, Urgency::Normal, true);
        let admission = admit.await.unwrap();
        let refused = Outcome::DeadEnd(DeadEnd::NoPermission);
        let answer = match number % 2 {
            0 => exchange(403, refused, &[]),
            _ => exchange(200, ACCEPTED, &[]),
        };
        pacing.settle(admission, &answer);
        let ask = async |urgency, proven| {
            let asked = pacing.admit(ChannelId(99), WebhookId(99), urgency, proven);
            asked.await.is_err()
        };
        let call = async |purpose| {
            let asked = pacing.admit_bot(Method::Get, "channels/99/x".to_owned(), purpose);
            asked.await.is_err()
        };
        held.push([
            ask(Urgency::Digest, true).await,
            call(Purpose::Upkeep).await,
            ask(Urgency::Critical, false).await,
            call(Purpose::Person).await,
            ask(Urgency::Normal, true).await,
        ]);
    }
    let from = |kind: usize| held.iter().position(|held| held[kind]);
    let begins = [0, 1, 2, 3, 4].map(from);
    assert_eq!(begins, [Some(6), Some(6), Some(14), Some(14), None]);
    let condition = pacing.condition();
    assert_eq!((condition.invalid, condition.brake), (8, Brake::Hard));
}

/// F-D08: failures in many channels stop everything but single requests. Refusals and limits do not:
/// they are answers.
#[tokio::test]
async fn an_outage_leaves_single_requests_and_refusals_do_not() {
    let refused = (403, Outcome::DeadEnd(DeadEnd::Forbidden));
    let limited = Outcome::Limited {
        scope: Scope::User,
        wait: Duration::from_secs(1),
    };
    let rows = [
        (refused, None),
        ((429, limited), None),
        ((404, Outcome::DeadEnd(DeadEnd::WebhookGone)), None),
        (
            (500, Outcome::Unclear(Unclear::Server)),
            Some(Cause::Outage),
        ),
        (
            (503, Outcome::Unclear(Unclear::Gateway)),
            Some(Cause::Outage),
        ),
        (
            (200, Outcome::Unclear(Unclear::Broken)),
            Some(Cause::Outage),
        ),
    ];
    for ((status, outcome), probing) in rows {
        let pacing = pacing();
        for number in 0..12 {
            let admit = pacing.admit(ChannelId(number), WebhookId(number), Urgency::Normal, true);
            let admission = admit.await.unwrap();
            pacing.settle(admission, &exchange(status, outcome.clone(), &[]));
        }
        assert_eq!(pacing.condition().probing, probing, "{outcome:?}");
        let stopped = pacing.gate.pass().await.is_err();
        assert_eq!(stopped, probing.is_some(), "{outcome:?}");
    }
}

/// F-D04, F-D05: whoever runs the bot is told of each brake once, and of a rest of more than an hour.
#[tokio::test]
async fn brakes_and_long_rests_are_logged_once() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(Arc::new(file.reopen().unwrap()))
        .finish();
    let _logging = tracing::subscriber::set_default(subscriber);
    let pacing = pacing_with(&Settings {
        invalid_soft: 2,
        invalid_hard: 4,
        ..Settings::default()
    });
    let hour = Duration::from_hours(1);
    let banned = |wait| exchange(403, Outcome::Banned { wait }, &[]);
    for answer in [banned(hour), banned(hour * 2)]
        .into_iter()
        .chain(std::iter::repeat_with(|| banned(hour)).take(4))
    {
        let admission = admitted(&pacing).await;
        pacing.settle(admission, &answer);
    }
    let logged = std::fs::read_to_string(file.path()).unwrap();
    for (words, times) in [
        ("many requests are refused; what can wait", 1),
        ("very many requests are refused; only channels", 1),
        ("unusually long", 1),
    ] {
        assert_eq!(logged.matches(words).count(), times, "{words}: {logged}");
    }
}

/// A restart is no reason for a channel to get twice what it takes.
#[tokio::test]
async fn what_was_sent_before_a_restart_still_counts() {
    let pacing = pacing();
    let now = Instant::now();
    let ages: Vec<Duration> = (1..=30).map(Duration::from_secs).collect();
    pacing.seed(CHANNEL, &ages);
    let ready_at = asked(&pacing).await.unwrap_err();
    let wait = ready_at - now;
    assert!(
        wait > Duration::from_secs(29) && wait < Duration::from_secs(31),
        "{wait:?}"
    );
    pacing.seed(ChannelId(9), &ages[10..]);
    let free = pacing.admit(ChannelId(9), WebhookId(9), Urgency::Normal, true);
    assert!(free.await.is_ok(), "twenty leave room for ten");
}

#[tokio::test]
async fn an_admission_that_is_not_used_blocks_nobody() {
    let pacing = pacing();
    drop(asked(&pacing).await.unwrap());
    assert!(asked(&pacing).await.is_ok());
}
