//! What becomes of a notice: by the answer, without one, and when the worker ends.

use sqlx::Connection as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;
use crate::delivery::outcome::DeadEnd;

/// F-D06: one call tells that a webhook is gone; it is made again once, and not against somebody's will.
#[tokio::test]
async fn a_webhook_that_is_gone_is_made_again_once() {
    let mut bench = Bench::start().await;
    let place = bench.place(1).await;
    let gone = Reply::Status(404, r#"{"code":10015}"#);
    bench.twin.script(1001, &[gone, gone]);
    let first = bench.store.enqueue(&entry(place, "a")).await.unwrap();
    let second = bench.store.enqueue(&entry(place, "b")).await.unwrap();
    bench.delivery.poke();
    while *bench.twin.created.lock().unwrap() == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    while bench.twin.contents(1001).len() < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let outcome = bench.outcome(first).await;
    assert_eq!(outcome.state, State::Parked);
    assert_eq!(outcome.status, Some(404));
    assert_eq!(bench.outcome(second).await.state, State::Parked);
    let third = bench.say(place, "c").await;
    assert_eq!(bench.outcome(third).await.state, State::Parked);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(bench.twin.contents(1001), ["a", "a"]);
    assert_eq!(*bench.twin.created.lock().unwrap(), 1);
    let known = bench.store.destination_for(ChannelId(1)).await.unwrap();
    assert_eq!(known.unwrap().reason, Some(DeadEnd::WebhookGone));

    let again = bench.delivery.prepare(ChannelId(1), GUILD).await.unwrap();
    assert_eq!(again.destination, place);
    assert_eq!(bench.outcome(third).await.state, State::Delivered);
    assert_eq!(bench.twin.contents(1001), ["a", "a", "a", "b", "c"]);
    bench.end().await;
}

#[tokio::test]
async fn a_broken_connection_is_uncertain_and_never_sent_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let requests = Arc::new(std::sync::atomic::AtomicU32::new(0));
    let seen = Arc::clone(&requests);
    tokio::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 4096];
            if socket.read(&mut request).await.unwrap() > 0 {
                seen.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            }
            // Half an answer, and then nothing.
            socket
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{\"id\"")
                .await
                .unwrap();
        }
    });
    let mut bench = Bench::at(Arc::new(Twin::default()), settings(address)).await;
    let place = bench.place(1).await;
    let first = bench.say(place, "a").await;
    assert_eq!(bench.outcome(first).await.state, State::Uncertain);
    let second = bench.say(place, "b").await;
    bench.end().await;
    bench.run();
    tokio::time::sleep(Duration::from_millis(300)).await;
    bench.end().await;
    assert_eq!(requests.load(std::sync::atomic::Ordering::SeqCst), 1);
    let unsettled = bench.store.unsettled(GUILD).await.unwrap();
    assert_eq!(unsettled.len(), 1);
    assert_eq!(unsettled[0].entry, first);
    let waiting = bench.store.told(second).await.unwrap().unwrap();
    assert_eq!(waiting.state, State::Pending);
}

/// F-D12: Discord answers later than it is waited for; 20 s unless it is set otherwise.
#[tokio::test]
async fn no_answer_in_time_is_uncertain() {
    assert_eq!(Settings::default().timeout, Duration::from_secs(20));
    let mut bench = Bench::start_with(|settings| Settings {
        timeout: Duration::from_millis(200),
        ..settings
    })
    .await;
    let place = bench.place(1).await;
    bench
        .twin
        .script(1001, &[Reply::Slow(Duration::from_secs(1))]);
    let slow = bench.say(place, "a").await;
    let outcome = bench.outcome(slow).await;
    assert_eq!(outcome.state, State::Uncertain);
    assert_eq!(outcome.error.as_deref(), Some("timed_out"));
    bench.end().await;
    assert_eq!(bench.twin.contents(1001), ["a"]);
}

/// F-D12: while Discord is slow, no more requests are under way than there are places, and one that ends lets the
/// next one go.
#[tokio::test]
async fn a_slow_discord_takes_up_no_more_than_its_places() {
    const SLOW: Duration = Duration::from_millis(1200);
    let mut bench = Bench::start_with(|settings| Settings {
        timeout: SLOW * 5,
        ..settings
    })
    .await;
    bench.end().await;
    let channels = CONCURRENCY as u64 + 8;
    for channel in 1..=channels {
        bench.twin.script(channel + 1000, &[Reply::Slow(SLOW)]);
    }
    let entries = bench.fill(channels, 1).await;
    bench.run();
    bench.all_delivered(&entries).await;
    bench.end().await;
    let times = bench.twin.times();
    assert_eq!(times.len() as u64, channels, "nobody is asked twice");
    assert!(
        times[CONCURRENCY - 1] - times[0] < SLOW,
        "all places are used"
    );
    for (first, later) in times.iter().zip(&times[CONCURRENCY..]) {
        let apart = *later - *first;
        assert!(apart + Duration::from_millis(50) >= SLOW, "{apart:?}");
    }
}

#[tokio::test]
async fn what_is_under_way_at_the_end_is_finished_and_written_down() {
    let mut bench = Bench::start().await;
    let place = bench.place(1).await;
    bench
        .twin
        .script(1001, &[Reply::Slow(Duration::from_millis(400))]);
    let slow = bench.say(place, "a").await;
    let next = bench.say(place, "b").await;
    bench.called(1001).await;
    bench.end().await;
    let outcome = bench.store.told(slow).await.unwrap().unwrap();
    assert_eq!(outcome.state, State::Delivered);
    let outcome = bench.store.told(next).await.unwrap().unwrap();
    assert_eq!(outcome.state, State::Pending);
}

#[tokio::test]
async fn what_a_lost_worker_was_sending_is_uncertain() {
    let mut bench = Bench::start().await;
    let place = bench.place(1).await;
    let slow = Reply::Slow(Duration::from_millis(500));
    bench.twin.script(1001, &[slow]);
    let entry = bench.say(place, "a").await;
    bench.called(1001).await;
    bench.worker.take().unwrap().abort();
    bench.run();
    assert_eq!(bench.outcome(entry).await.state, State::Uncertain);
    tokio::time::sleep(Duration::from_millis(700)).await;
    bench.end().await;
    assert_eq!(bench.twin.contents(1001), ["a"]);
}

/// F-L05: a notice that Discord always refuses is given up after its second try, the one in plain text, and
/// F-D13: what a filter does not want after its first. Those behind it are told.
#[tokio::test]
async fn refused_bodies_end_and_do_not_stop_the_next() {
    let mut bench = Bench::start().await;
    let place = bench.place(1).await;
    bench.twin.script(
        1001,
        &[
            Reply::Status(400, r#"{"code":50035}"#),
            // The plain text as well.
            Reply::Status(400, r#"{"code":50035}"#),
            Reply::Status(400, r#"{"code":200000}"#),
        ],
    );
    let bad = bench.say(place, "a").await;
    let filtered = bench.say(place, "b").await;
    let good = bench.say(place, "c").await;
    let outcome = bench.outcome(bad).await;
    assert_eq!((outcome.state, outcome.attempt), (State::Dead, 2));
    assert_eq!(outcome.error.as_deref(), Some("malformed 50035"));
    let outcome = bench.outcome(filtered).await;
    assert_eq!((outcome.state, outcome.attempt), (State::Dead, 1));
    assert_eq!(outcome.error.as_deref(), Some("filtered 200000"));
    assert_eq!(bench.outcome(good).await.state, State::Delivered);
    bench.end().await;
    assert_eq!(bench.twin.contents(1001), ["a", "a", "b", "c"]);
}

/// F-L05: what was kept of a notice cannot be read any more. It is told in its few words, and holds up nobody.
#[tokio::test]
async fn a_notice_that_cannot_be_made_out_is_told_in_its_few_words() {
    let mut bench = Bench::start().await;
    let place = bench.place(1).await;
    let broken = Entry {
        payload: "{\"embeds\": 7".to_owned(),
        ..entry(place, "few words")
    };
    let broken = bench.store.enqueue(&broken).await.unwrap();
    let next = bench.say(place, "b").await;
    for one in [broken, next] {
        assert_eq!(bench.outcome(one).await.state, State::Delivered);
    }
    bench.end().await;
    assert_eq!(bench.twin.contents(1001), ["few words", "b"]);
}

/// F-L06: a channel that is limited for an hour keeps its own queue waiting, and nobody else's.
#[tokio::test]
async fn a_channel_that_rests_for_an_hour_holds_up_nobody_else() {
    let mut bench = Bench::start().await;
    let slow = bench.place(1).await;
    let limited = Reply::Limited {
        seconds: 3600.0,
        global: false,
    };
    bench.twin.script(1001, &[limited]);
    let mut late = Vec::new();
    for text in ["a", "b"] {
        let long = Entry {
            not_after: SystemClock.now().plus(Duration::from_hours(3)),
            ..entry(slow, text)
        };
        late.push(bench.store.enqueue(&long).await.unwrap());
    }
    bench.delivery.poke();
    bench.called(1001).await;
    let mut others = Vec::new();
    for channel in 2..=6 {
        others.push(bench.place(channel).await);
    }
    let begun = Instant::now();
    for number in 0..5 {
        for other in &others {
            let told = bench.say(*other, &number.to_string()).await;
            assert_eq!(bench.outcome(told).await.state, State::Delivered);
        }
    }
    assert!(begun.elapsed() < PATIENCE, "{:?}", begun.elapsed());
    bench.end().await;
    assert_eq!(bench.twin.contents(1001), ["a"], "it is left alone");
    let first = bench.store.told(late[0]).await.unwrap().unwrap();
    assert_eq!((first.state, first.attempt), (State::Waiting, 0));
    let second = bench.store.told(late[1]).await.unwrap().unwrap();
    assert_eq!(second.state, State::Pending);
    for channel in 2..=6 {
        assert_eq!(
            bench.twin.contents(1000 + channel),
            ["0", "1", "2", "3", "4"]
        );
    }
}

#[tokio::test]
async fn receipts_that_cannot_be_written_stop_new_sends_until_they_can() {
    let mut bench = Bench::start().await;
    let place = bench.place(1).await;
    let other = bench.place(2).await;
    bench
        .twin
        .script(1001, &[Reply::Slow(Duration::from_millis(300))]);
    let first = bench.say(place, "a").await;
    bench.called(1001).await;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(bench.store.path());
    let mut disk = sqlx::SqliteConnection::connect_with(&options)
        .await
        .unwrap();
    sqlx::query("CREATE TRIGGER full BEFORE UPDATE ON post BEGIN SELECT RAISE(ABORT, 'full'); END")
        .execute(&mut disk)
        .await
        .unwrap();
    let kept_back = bench.say(other, "b").await;
    tokio::time::sleep(Duration::from_millis(600)).await;
    let moving = bench.store.told(first).await.unwrap().unwrap();
    assert_eq!(moving.state, State::Sending);
    assert!(bench.twin.contents(1002).is_empty());
    sqlx::query("DROP TRIGGER full")
        .execute(&mut disk)
        .await
        .unwrap();
    assert_eq!(bench.outcome(first).await.state, State::Delivered);
    assert_eq!(bench.outcome(kept_back).await.state, State::Delivered);
    bench.end().await;
    assert_eq!(bench.twin.contents(1001), ["a"]);
    assert_eq!(bench.twin.contents(1002), ["b"]);
}
