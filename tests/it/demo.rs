//! The demonstration runs without a terminal and shows several kinds of notices.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use stipend::alerting::rules_file;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};

use crate::support::{LONG, ended, until};

/// The kind of the alert behind each channel, by the channel's name.
fn kinds() -> BTreeMap<String, &'static str> {
    let rules = rules_file::parse(include_str!("../../data/demo-rules.toml")).unwrap();
    let named = rules.iter().map(|rule| {
        let words = rule.name.split(|c: char| !c.is_ascii_alphanumeric());
        let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
        let kind = rule.rule.condition.kind().slug();
        (words.join("-").to_lowercase(), kind)
    });
    named.collect()
}

/// Whoever only tries it need not wait: at the speed for watching, as it is without options.
#[tokio::test]
async fn a_fourth_kind_is_shown_within_ten_seconds() {
    let kinds = kinds();
    let begun = Instant::now();
    let mut demo = tokio::process::Command::new(env!("CARGO_BIN_EXE_stipend"))
        .arg("demo")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(demo.stdout.take().unwrap()).lines();
    let mut seen = BTreeSet::<&str>::new();
    while seen.len() < 4 {
        let line = lines.next_line().await.unwrap().expect("more notices");
        let channel = line.strip_prefix('#').and_then(|line| line.split_once(' '));
        seen.extend(channel.and_then(|(channel, _)| kinds.get(channel)).copied());
    }
    let after = begun.elapsed();
    assert!(after < Duration::from_secs(10), "{seen:?} after {after:?}");
    demo.kill().await.unwrap();
}

/// What a newcomer sees first is varied, and keeps Discord's rules.
#[tokio::test]
async fn twenty_days_show_four_kinds_and_break_no_rule() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stipend"));
    command.args(["demo", "--headless", "--days", "20"]);
    let output = ended(command).await;
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{told}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let last = told.lines().last().unwrap();
    let kinds = [
        "apy_above",
        "apy_below",
        "apy_change",
        "verdict_worsens",
        "tvl_drop",
    ];
    let seen = kinds.iter().filter(|kind| last.contains(**kind)).count();
    assert!(seen >= 4, "{last}");
    assert!(!told.contains("broken rule"), "{told}");
}

/// A demonstration that is ended while it runs leaves nothing behind.
#[tokio::test]
async fn a_signal_ends_it_in_order() {
    for signal in ["-TERM", "-INT"] {
        let folder = TempDir::new().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_stipend"));
        command
            .args(["demo", "--headless", "--speed", "1"])
            .env("TMPDIR", folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let demo = tokio::process::Command::from(command)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let left = || fs::read_dir(folder.path()).unwrap().count();
        until("the demonstration has its folder", || left() > 0).await;
        let process = demo.id().unwrap().to_string();
        let sent = Command::new("kill").args([signal, &process]).status();
        assert!(sent.unwrap().success());
        let ended = tokio::time::timeout(LONG, demo.wait_with_output()).await;
        let output = ended.expect("ends by itself").unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{signal}: {told}");
        assert_eq!(left(), 0, "{signal}: {told}");
    }
}
