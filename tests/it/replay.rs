//! A replay prints what a channel would have read, and the same bytes each time.

use std::{fs, path::Path, process::Command};

use serde_json::Value;

use crate::support::{USDC, answer, ended, market, shared};

async fn replay(snapshots: &Path, rules: &Path) -> Vec<u8> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stipend"));
    command
        .arg("replay")
        .args(["--format", "ndjson", "--snapshots"])
        .arg(snapshots)
        .arg("--rules")
        .arg(rules);
    let output = ended(command).await;
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

fn lines(bytes: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(bytes).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Snapshots are read in the order of the times in their names, and a fall is told once it held.
#[tokio::test]
async fn a_small_replay_tells_the_fall_of_one_pool() {
    let folder = tempfile::tempdir().unwrap();
    let snapshots = folder.path().join("snapshots");
    fs::create_dir(&snapshots).unwrap();
    for (day, apy) in [(1, 5.0), (2, 4.9), (3, 2.0), (4, 1.9)] {
        fs::write(
            snapshots.join(format!("pools-2026-03-0{day}_1200.json")),
            answer(&market(apy)),
        )
        .unwrap();
    }
    let rules = folder.path().join("rules.toml");
    let rule = format!(
        "[[alert]]\nname = \"low\"\nwhen = \"apy_below\"\nvalue = 3\nscope = {{ pool = \"{USDC}\" }}\n"
    );
    fs::write(&rules, rule).unwrap();
    let told = lines(&replay(&snapshots, &rules).await);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["at"], "2026-03-04T12:00:00Z");
    assert_eq!(told[0]["edge"], "opened");
    assert_eq!(told[0]["pool"], USDC);
    assert_eq!(told[0]["to"], 1.9);
}

/// The rules that come along find what lenders of dollars lost, the same each time.
#[tokio::test]
async fn the_recorded_falls_of_february_are_told() {
    let Some(shared) = shared() else { return };
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/rules.toml");
    let stable = shared.join("data/stable-snapshots");
    let first = replay(&stable, &rules).await;
    assert_eq!(first, replay(&stable, &rules).await);
    let told = lines(&first);
    let opened = |at: &str, alert: &str, pool: &str, from: f64, to: f64| {
        let found = told.iter().any(|line| {
            line["at"] == at
                && line["alert"] == alert
                && line["pool"] == pool
                && line["edge"] == "opened"
                && line["from"] == from
                && line["to"] == to
        });
        let near: Vec<_> = told.iter().filter(|line| line["alert"] == alert).collect();
        assert!(found, "{alert}: {near:?}");
    };
    opened(
        "2026-02-22T10:42:00Z",
        "Euler USDC under 20 %",
        "4059659c-a240-47c3-85a5-69897563d63b",
        57.02006,
        12.77508,
    );
    opened(
        "2026-02-26T11:12:00Z",
        "Silo USDC on Avalanche stops paying",
        "724b2011-c3f7-4179-b154-e5adb155f84f",
        20.02749,
        0.50388,
    );
}

/// What the alerts of a new server say is a tenth of what each move of a fifth says, and no recorded
/// collapse escapes them.
#[tokio::test]
async fn the_first_alerts_are_few_and_miss_no_collapse() {
    let Some(shared) = shared() else { return };
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let data = shared.join("data");
    let mut command = Command::new(env!("CARGO_BIN_EXE_stipend"));
    command
        .args(["replay", "--score", "--snapshots"])
        .arg(data.join("dex-snapshots"))
        .arg("--snapshots")
        .arg(data.join("stable-snapshots"))
        .arg("--charts")
        .arg(data.join("charts/charts.ndjson.zst"))
        .arg("--collapses")
        .arg(examples.join("collapses.toml"))
        .arg("--rules")
        .arg(examples.join("starter.toml"));
    let output = ended(command).await;
    let told = String::from_utf8(output.stdout).unwrap();
    let row = |name: &str| -> Vec<String> {
        let line = told
            .lines()
            .find(|line| line.starts_with(&format!("| {name}")));
        line.unwrap_or_else(|| panic!("{name} is not in {told}"))
            .split('|')
            .map(|cell| cell.trim().to_owned())
            .collect()
    };
    let notices = |name: &str| row(name)[2].parse::<f64>().unwrap();
    assert!(
        notices("these rules") * 10.0 <= notices("each move"),
        "{told}"
    );
    for collapse in ["Silo", "Euler", "SOLVBTC", "WETH-SUPEROETHB", "MSUSD"] {
        let by_rules = &row(collapse)[4];
        assert!(by_rules.starts_with("after"), "{told}");
    }
    // One hold is two readings here, the first of which shows the fall.
    for collapse in ["Silo", "Euler", "SOLVBTC"] {
        assert!(row(collapse)[4].ends_with("(2 readings)"), "{told}");
    }
}

/// Nothing in a replay depends on the order of a hash map or on the clock.
#[tokio::test]
async fn exchanges_replay_to_the_same_bytes() {
    let Some(shared) = shared() else { return };
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/rules.toml");
    let dex = shared.join("data/dex-snapshots");
    let first = replay(&dex, &rules).await;
    assert!(!first.is_empty());
    assert_eq!(first, replay(&dex, &rules).await);
}
