//! How fast notices go out, and what makes them wait.

use super::*;

/// F-D01, user: the webhook rests to the end of its limit, and others go on.
#[tokio::test]
async fn nothing_is_sent_inside_a_limit() {
    let mut bench = Bench::start().await;
    let (place, other) = (bench.place(1).await, bench.place(2).await);
    let limited = Reply::Limited {
        seconds: 1.2,
        global: false,
    };
    bench.twin.script(1001, &[limited]);
    let first = bench.say(place, "a").await;
    let second = bench.say(place, "b").await;
    let elsewhere = bench.say(other, "c").await;
    let free = bench.outcome(elsewhere).await;
    assert_eq!(free.state, State::Delivered);
    assert_eq!(bench.outcome(first).await.state, State::Delivered);
    let outcome = bench.outcome(second).await;
    assert_eq!(outcome.attempt, 1);
    bench.end().await;
    assert_eq!(bench.twin.contents(1001), ["a", "a", "b"]);
    let times: Vec<Instant> = {
        let hits = bench.twin.hits.lock().unwrap();
        let of_place = hits.iter().filter(|hit| hit.webhook == 1001);
        of_place.map(|hit| hit.at).collect()
    };
    let rest = times[1] - times[0];
    assert!(rest >= Duration::from_secs(2), "{rest:?}");
    assert!(rest < Duration::from_secs(10), "{rest:?}");
}

/// F-D01, global, and F-D04: twenty places are due, and nothing leaves during the pause but what was on
/// its way.
#[tokio::test]
async fn a_global_limit_and_a_ban_stop_everybody() {
    for (reply, wait) in [
        (
            Reply::Limited {
                seconds: 1.0,
                global: true,
            },
            Duration::from_secs(1),
        ),
        (Reply::Edge, Duration::from_secs(1)),
    ] {
        let mut bench = Bench::start_with(|settings| Settings {
            max_per_second: NonZeroU32::new(20).unwrap(),
            ..settings
        })
        .await;
        let mut entries = Vec::new();
        bench.twin.script(1001, &[reply]);
        for channel in 1..=20 {
            let place = bench.place(channel).await;
            entries.push(bench.store.enqueue(&entry(place, "x")).await.unwrap());
        }
        bench.delivery.poke();
        for entry in entries {
            assert_eq!(bench.outcome(entry).await.state, State::Delivered);
        }
        bench.end().await;
        let times = bench.twin.times();
        assert_eq!(times.len(), 21);
        let inside = times[1..]
            .iter()
            .filter(|time| **time - times[0] < wait)
            .count();
        assert!(inside <= 1, "{reply:?}: {inside} inside the pause");
    }
}

#[tokio::test]
async fn a_backlog_goes_out_at_the_full_pace_and_no_faster() {
    let mut bench = Bench::start_with(|settings| Settings {
        max_per_second: NonZeroU32::new(50).unwrap(),
        ..settings
    })
    .await;
    let entries = bench.fill(20, 8).await;
    bench.delivery.poke();
    bench.all_delivered(&entries).await;
    bench.end().await;
    let times = bench.twin.times();
    assert_eq!(times.len(), 160);
    for (first, later) in times.iter().zip(&times[50..]) {
        let second = *later - *first;
        assert!(second >= Duration::from_millis(950), "50 in {second:?}");
    }
    // From the moment at which all places are known; a busy machine gets some grace.
    let took = times[159] - times[60];
    println!("99 messages in {took:?}; the pace allows {:?}", 99.0 / 50.0);
    assert!(took < Duration::from_millis(2600), "{took:?}");
}

#[tokio::test]
async fn buckets_are_used_up_and_never_overdrawn() {
    let mut bench = Bench::start().await;
    *bench.twin.windows.lock().unwrap() = Some(HashMap::new());
    let entries = bench.fill(10, 15).await;
    bench.delivery.poke();
    bench.all_delivered(&entries).await;
    bench.end().await;
    let times = bench.twin.times();
    assert_eq!(times.len(), 150, "no call was refused");
    let took = times[149] - times[0];
    println!("15 messages to each of 10 webhooks in {took:?}; the buckets allow 4 s and a burst");
    assert!(took < Duration::from_secs(6), "{took:?}");
}

/// Prints the rate when asked to: `STIPEND_MEASURE=1 cargo test --lib worker -- --nocapture`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_places_are_served_in_turn() {
    let measure = std::env::var_os("STIPEND_MEASURE").is_some();
    let (places, each) = if measure { (1000, 20) } else { (20, 3) };
    let mut bench = Bench::start_with(|settings| Settings {
        max_per_second: NonZeroU32::new(1_000_000).unwrap(),
        ..settings
    })
    .await;
    bench.end().await;
    let entries = bench.fill(places, each).await;
    let start = std::time::Instant::now();
    bench.run();
    bench.all_delivered(&entries).await;
    let took = start.elapsed();
    bench.end().await;
    let total = places * each;
    assert_eq!(bench.twin.times().len() as u64, total);
    let order: Vec<String> = (0..each).map(|number| number.to_string()).collect();
    for channel in 1..=places {
        assert_eq!(bench.twin.contents(channel + 1000), order);
    }
    if measure {
        println!(
            "{total} messages to {places} webhooks in {took:?}: {:.0}/s",
            f64::from(u32::try_from(total).unwrap()) / took.as_secs_f64()
        );
    }
    assert!(bench.folder.path().exists());
}

/// F-L02: a backlog over more channels than there are places. Each channel is told the oldest first, and no channel
/// is two notices ahead of another, whoever was handed over first.
#[tokio::test]
async fn a_backlog_is_told_oldest_first_and_in_turn() {
    const PLACES: usize = 2 * CONCURRENCY;
    const EACH: usize = 16;
    let mut bench = Bench::start_with(|settings| Settings {
        max_per_second: NonZeroU32::new(1_000_000).unwrap(),
        merge: false,
        ..settings
    })
    .await;
    bench.end().await;
    let entries = bench.fill(PLACES as u64, EACH as u64).await;
    bench.run();
    bench.all_delivered(&entries).await;
    bench.end().await;
    let mut told = [0_usize; PLACES];
    let hits = bench.twin.hits.lock().unwrap();
    assert_eq!(hits.len(), PLACES * EACH);
    for hit in hits.iter() {
        let place = usize::try_from(hit.webhook - 1001).unwrap();
        assert_eq!(hit.content, told[place].to_string(), "the oldest first");
        told[place] += 1;
        let (least, most) = (told.iter().min().unwrap(), told.iter().max().unwrap());
        assert!(most - least <= 2, "{told:?}");
    }
}
