//! Killed at every point that matters and at moments that nobody chose, while Discord loses
//! acknowledgements: nothing is lost and nothing stands twice.

use std::{path::Path, sync::Arc, time::Duration};

use discord_twin::soak::{self, POINTS, Plan, Report, WAITS, endure};
use tokio::{sync::Semaphore, task::JoinSet};

const SEED: u64 = 20_251_115;
/// Bots that are killed side by side.
const LANES: usize = 4;

fn plan() -> Plan {
    Plan {
        binary: Path::new(env!("CARGO_BIN_EXE_stipend")).to_owned(),
        kills: 0,
        seed: SEED,
        lost_acks: 20,
        lanes: 4,
        batches: 3,
    }
}

#[track_caller]
#[expect(
    clippy::print_stdout,
    reason = "a result is worth what it was run with"
)]
fn is_clean(report: &Report) {
    println!("{} with {WAITS:?}", report.line(SEED));
    let complaints = report.complaints.join("\n");
    assert!(complaints.is_empty(), "{complaints}\n{}", report.line(SEED));
    assert_eq!((report.lost, report.doubled), (0, 0));
    assert_eq!(report.found, report.expected);
}

/// Without a kill and without a fault the script, the bot and the comparison agree; whatever the
/// stories below find is then the work of kills and faults.
#[tokio::test(flavor = "multi_thread")]
async fn undisturbed_the_ledger_is_what_the_script_says() {
    let undisturbed = Plan {
        lost_acks: 0,
        lanes: 1,
        batches: 8,
        ..plan()
    };
    let report = soak::run(&undisturbed, &Arc::default()).await.unwrap();
    is_clean(&report);
    assert!(report.expected >= 40, "{report:?}");
}

/// F-S01, F-S02: `kill -9` at random moments, with one acknowledgement in five lost and other faults beside it.
#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_kills_at_random_lose_and_double_nothing() {
    let random = Plan {
        kills: 200,
        ..plan()
    };
    let report = soak::run(&random, &Arc::default()).await.unwrap();
    is_clean(&report);
    assert_eq!(report.kills, 200);
    assert!(report.expected >= 200, "{report:?}");
}

/// F-S01: an abort before and after each commit, around the wire, around reading back, before a channel is
/// parked and within a migration, when it is come to for the first up to the fifth time.
#[tokio::test(flavor = "multi_thread")]
async fn an_abort_at_each_point_loses_and_doubles_nothing() {
    let side_by_side = Arc::new(Semaphore::new(LANES));
    let mut lanes = JoinSet::new();
    for point in POINTS {
        let side_by_side = Arc::clone(&side_by_side);
        lanes.spawn(async move {
            let _lane = side_by_side.acquire().await.unwrap();
            (point, soak::strike(&plan(), point).await)
        });
    }
    while let Some(lane) = lanes.join_next().await {
        let (point, report) = lane.unwrap();
        let report = report.unwrap_or_else(|error| panic!("{point}: {error}"));
        is_clean(&report);
        assert_eq!(report.kills, soak::HITS, "{point}");
    }
}

/// The harness of the long run, for a moment: all that people ask is answered, what they keep is kept, and what
/// has to be told is told.
#[tokio::test(flavor = "multi_thread")]
async fn a_short_run_under_load_answers_keeps_and_tells_everything() {
    let short = endure::Plan {
        binary: plan().binary,
        length: Duration::from_secs(24),
        servers: 20,
        per_second: 10,
        hour: Duration::from_secs(2),
        whole_market: false,
        faults: false,
        seed: SEED,
    };
    let endured = endure::run(short, |_| {}).await.unwrap();
    is_clean(&endured.report);
    assert!(endured.report.expected > 0, "{endured}");
    assert!(endured.is_well_answered(), "{endured}");
}
