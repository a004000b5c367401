use super::*;
use crate::{
    alerting::rules_file,
    market::fixture::{batch, holding, hour, row},
};

const RULES: &str = r#"
[[alert]]
name = "high"
when = "apy_above"
value = 5

[[alert]]
name = "drain"
when = "tvl_drop"
value = 30
window = "1d"
hold = "1h"
"#;

fn replayed() -> String {
    let mut replay = Replay::new(rules_file::parse(RULES).unwrap(), Screen::default());
    let mut lines = String::new();
    for (hours, apy, tvl) in [
        (0, 4.0, 1e7),
        (1, 6.0, 1e7),
        (2, 6.0, 1e7),
        (3, 6.5, 6e6),
        (4, 0.0, 6e6),
        (5, 3.0, 6e6),
        (6, 3.0, 6e6),
        (10, 3.0, 6e6),
    ] {
        let rows = vec![holding(row(1, apy), tvl), row(2, 3.0)];
        for line in replay.feed(batch(hour(hours), rows)).unwrap() {
            lines.push_str(&serde_json::to_string(&line).unwrap());
            lines.push('\n');
        }
    }
    lines
}

#[test]
fn it_prints_an_edge_a_line_with_its_figures_and_times() {
    insta::assert_snapshot!(replayed(), @r#"
    {"at":"2026-02-16T03:00:00Z","alert":"high","pool":"01010101-0101-0101-0101-010101010101","edge":"opened","kind":"apy_above","from":4.0,"to":6.5,"since":"2026-02-16T01:00:00Z","reason":"APY 4.00 % → 6.50 %, at or over 5 % since 2026-02-16T01:00:00Z"}
    {"at":"2026-02-16T04:00:00Z","pool":"01010101-0101-0101-0101-010101010101","edge":"data","state":"suspect"}
    {"at":"2026-02-16T05:00:00Z","pool":"01010101-0101-0101-0101-010101010101","edge":"data","state":"good"}
    {"at":"2026-02-16T05:00:00Z","alert":"drain","pool":"01010101-0101-0101-0101-010101010101","edge":"opened","kind":"tvl_drop","from":10000000.0,"to":6000000.0,"since":"2026-02-16T03:00:00Z","reason":"TVL $10M → $6M, a fall of 30 % or more within 1 d, held since 2026-02-16T03:00:00Z"}
    {"at":"2026-02-16T10:00:00Z","alert":"high","pool":"01010101-0101-0101-0101-010101010101","edge":"closed","kind":"apy_above","from":6.5,"to":3.0,"since":"2026-02-16T05:00:00Z","reason":"APY 6.50 % → 3.00 %, back under 4 % since 2026-02-16T05:00:00Z, after 2 h"}
    "#);
}

#[test]
fn the_same_batches_give_the_same_bytes() {
    assert_eq!(replayed(), replayed());
}

#[test]
fn a_half_empty_batch_says_nothing_and_is_forgotten() {
    let mut replay = Replay::new(rules_file::parse(RULES).unwrap(), Screen::default());
    let all = || (1..=10).map(|number| row(number, 4.0)).collect::<Vec<_>>();
    assert!(replay.feed(batch(hour(0), all())).unwrap().is_empty());
    assert_eq!(
        replay.feed(batch(hour(1), vec![row(1, 6.0)])),
        Err(HalfEmpty {
            pools: 1,
            usual: 10
        })
    );
    assert!(replay.feed(batch(hour(2), all())).unwrap().is_empty());
}
