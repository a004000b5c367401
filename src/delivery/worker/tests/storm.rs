//! When Discord fails, bans us, or refuses too much.

use super::*;
use crate::delivery::pacing::{Brake, Cause};

/// F-D08: while Discord fails, single requests try; afterwards the backlog leaves at the pace, and
/// without a burst.
#[tokio::test]
async fn an_outage_is_probed_and_the_backlog_then_drains_at_the_pace() {
    const PROBE: Duration = Duration::from_millis(300);
    const OUTAGE: Duration = Duration::from_millis(1600);
    let mut bench = Bench::start_with(|settings| Settings {
        max_per_second: NonZeroU32::new(50).unwrap(),
        breaker_probe: PROBE,
        ..settings
    })
    .await;
    *bench.twin.down.lock().unwrap() = Some(503);
    bench.end().await;
    bench.fill(150, 1).await;
    bench.run();
    tokio::time::sleep(OUTAGE).await;
    let probing = bench.delivery.condition().probing;
    assert_eq!(probing, Some(Cause::Outage));
    let during = bench.twin.times();
    // Ten show that something is wrong; one more may have been on its way.
    let probes = &during[10..];
    assert!((3..=6).contains(&probes.len()), "{} probes", probes.len());
    for (one, next) in probes[1..].iter().zip(&probes[2..]) {
        assert!(*next - *one + Duration::from_millis(20) >= PROBE);
    }

    *bench.twin.down.lock().unwrap() = None;
    let back = Instant::now();
    while bench.twin.times().len() < 150 {
        assert!(back.elapsed() < PATIENCE, "the backlog does not drain");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let took = back.elapsed();
    assert_eq!(bench.delivery.condition().probing, None);
    bench.end().await;
    let after = &bench.twin.times()[during.len()..];
    // 50 a second; when one of them is read here is a matter of the machine's load.
    for (first, later) in after.iter().zip(&after[40..]) {
        let forty = *later - *first;
        assert!(forty >= Duration::from_millis(720), "40 in {forty:?}");
    }
    println!("{} messages in {took:?} after the outage", after.len());
    assert!(took < Duration::from_secs(5), "{took:?}");
}

/// F-D04: a ban that does not say for how long lasts as long as it is set to.
#[tokio::test]
async fn a_ban_without_a_length_lasts_as_long_as_it_is_set_to() {
    const BAN: Duration = Duration::from_millis(700);
    let mut bench = Bench::start_with(|settings| Settings {
        max_per_second: NonZeroU32::new(20).unwrap(),
        edge_ban: BAN,
        ..settings
    })
    .await;
    let ban = Reply::Status(403, "error code: 1015");
    for channel in 1..=10 {
        bench.twin.script(channel + 1000, &[ban]);
    }
    bench.end().await;
    let entries = bench.fill(10, 1).await;
    bench.run();
    while bench.twin.times().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    for channel in 1..=10 {
        bench.twin.script(channel + 1000, &[]);
    }
    bench.all_delivered(&entries).await;
    bench.end().await;
    let times = bench.twin.times();
    let inside = times[1..].iter().filter(|time| **time - times[0] < BAN);
    assert!(inside.count() <= 1, "one may have been on its way");
}

/// F-D05: many refused requests, and no new channel is asked about; those that took messages before
/// still get theirs.
#[tokio::test]
async fn too_many_refusals_leave_only_the_channels_that_are_known() {
    let mut bench = Bench::start_with(|settings| Settings {
        invalid_soft: 2,
        invalid_hard: 4,
        ..settings
    })
    .await;
    let refused = Reply::Status(403, r#"{"code":50013}"#);
    let mut entries = Vec::new();
    for channel in 1..=8 {
        if channel % 2 == 0 {
            bench.twin.script(channel + 1000, &[refused]);
        }
        let place = bench.place(channel).await;
        entries.push(bench.say(place, "a").await);
    }
    for (entry, state) in entries
        .iter()
        .zip([State::Delivered, State::Parked].iter().cycle())
    {
        assert_eq!(bench.outcome(*entry).await.state, *state);
    }
    assert_eq!(bench.delivery.condition().brake, Brake::Hard);
    // The endpoint has nothing to answer: it would fail if it were asked.
    let limited = bench.delivery.prepare(ChannelId(99), GUILD).await;
    let Err(ChannelRefused::RateLimited { wait }) = limited else {
        panic!("{limited:?}");
    };
    assert!(wait > Duration::from_secs(590), "{wait:?}");
    let place = bench.place(1).await;
    let entry = bench.say(place, "b").await;
    assert_eq!(bench.outcome(entry).await.state, State::Delivered);
    bench.end().await;
}

/// When very many channels are to be asked about, a person's command does not wait behind all of them.
#[tokio::test]
async fn what_is_asked_in_the_background_leaves_room_at_the_gate() {
    let mut bench = Bench::start_with(|settings| Settings {
        max_per_second: NonZeroU32::new(20).unwrap(),
        ..settings
    })
    .await;
    bench.end().await;
    let long_ago = Timestamp::from_millis(0);
    for channel in 1..=40 {
        // Those whose ids begin alike are prepared one after the other.
        let place = bench.place(channel << 22).await;
        let parked = bench
            .store
            .park_destination(place, DeadEnd::NotDiscord, long_ago);
        assert!(parked.await.unwrap());
    }
    bench.run();
    let mut longest = Duration::ZERO;
    for _ in 0..60 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        longest = longest.max(bench.delivery.condition().ahead);
    }
    bench.end().await;
    let one = Duration::from_millis(51);
    let asking = u32::try_from(ASKING).unwrap();
    assert!(
        longest > one && longest <= one * (asking + 1),
        "{longest:?}"
    );
}
