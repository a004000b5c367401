//! The demonstration runs without a terminal and shows several kinds of notices.

use std::{
    fs,
    process::{Command, Stdio},
};

use tempfile::TempDir;

use crate::support::{LONG, ended, until};

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
