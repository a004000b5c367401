//! The demonstration runs without a terminal and shows several kinds of notices.

use std::process::Command;

use crate::support::ended;

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
