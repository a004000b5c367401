//! What a monitoring system is told, by the running bot and by the files that ship with it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use discord_twin::{Invocation, Twin};
use serde_json::Value;
use stipend::ops::{config::Config, metrics};

use crate::support::{
    LONG, TestBot, USDC, Upstream, answer, below_three, call, manage, market, one_server, server,
    show, until,
};

/// The endpoint's address, as the bot logs it.
fn address(bot: &TestBot) -> String {
    let log = bot.log();
    let line = log
        .lines()
        .find(|line| line.contains("ops endpoint is open"));
    let line: Value = serde_json::from_str(line.expect("the endpoint is open")).unwrap();
    let address = line["fields"]["address"]
        .as_str()
        .or(line["address"].as_str());
    address.expect("an address").to_owned()
}

pub(crate) async fn scraped(bot: &TestBot) -> String {
    let url = format!("http://{}/metrics", address(bot));
    let answer = reqwest::get(url).await.unwrap();
    assert_eq!(answer.status(), 200);
    let kind = answer.headers()["content-type"].to_str().unwrap();
    assert_eq!(kind, "text/plain; version=0.0.4; charset=utf-8");
    answer.text().await.unwrap()
}

/// A line of the text: its name, its labels and its value.
struct Sample<'a> {
    name: &'a str,
    labels: BTreeMap<&'a str, &'a str>,
    value: f64,
}

fn samples(text: &str) -> Vec<Sample<'_>> {
    let lines = text.lines();
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let (series, value) = line.rsplit_once(' ').expect("a value");
            let (name, labels) = series
                .strip_suffix('}')
                .and_then(|series| series.split_once('{'))
                .unwrap_or((series, ""));
            let labels = labels.split_terminator("\",").map(|label| {
                let (name, value) = label.split_once("=\"").expect("a label");
                (name, value.trim_end_matches('"'))
            });
            Sample {
                name,
                labels: labels.collect(),
                value: value.parse().unwrap(),
            }
        })
        .collect()
}

/// The one sample of this name with all of these labels.
#[track_caller]
fn value(text: &str, name: &str, labels: &[(&str, &str)]) -> f64 {
    let samples = samples(text);
    let mut found = samples.iter().filter(|sample| {
        let has = |(name, value): &(&str, &str)| sample.labels.get(name) == Some(value);
        sample.name == name && labels.iter().all(has)
    });
    let one = found
        .next()
        .unwrap_or_else(|| panic!("no {name} {labels:?} in\n{text}"));
    assert!(found.next().is_none(), "more than one {name} {labels:?}");
    one.value
}

/// The metric that a sample belongs to, or that a query names.
fn metric_of(name: &str) -> &str {
    let is_known = |name: &str| metrics::ALL.iter().any(|metric| metric.name == name);
    let parts = ["_bucket", "_sum", "_count"];
    let stems = parts.iter().filter_map(|part| name.strip_suffix(part));
    stems
        .into_iter()
        .find(|stem| is_known(stem))
        .unwrap_or(name)
}

/// A bot that has done a bit of everything: a batch, an alert that fired, a notice, commands that went well,
/// were refused, and typed for.
async fn busy() -> (Twin, Upstream, TestBot) {
    let twin = Twin::start(one_server()).await.unwrap();
    let upstream = Upstream::start(answer(&market(5.0))).await;
    let mut bot = TestBot::new(&twin, &upstream);
    bot.start(&twin, 1).await;
    twin.run(&below_three(USDC)).await.unwrap();
    let muted = manage("alerts add").option("at_once", true);
    let muted = muted.option("when", "apy_above").option("value", 90);
    twin.run(&muted.option("pool", USDC)).await.unwrap();
    let mute = manage("alerts mute").option("alert", "2");
    twin.run(&mute.option("for", "1h")).await.unwrap();
    show(&upstream, market, 2.0).await;
    twin.wait_for_messages(server() + 1, 1, LONG).await.unwrap();
    until("it is settled", || twin.in_flight() == 0).await;
    upstream.taken().await;
    twin.run(&call("help")).await.unwrap();
    let unknown = Invocation::of("alerts show").in_guild(server());
    let unknown = unknown.by(crate::support::admin()).option("alert", "99");
    twin.run(&unknown).await.unwrap();
    (twin, upstream, bot)
}

/// F-X18, F-X11: labels say what kind a thing is and never which one it is, so that whoever sees the figures
/// learns of nobody. The endpoint listens on this machine alone unless it is told otherwise.
#[tokio::test(flavor = "multi_thread")]
async fn figures_name_nobody_and_stay_on_this_machine() {
    let (twin, _upstream, bot) = busy().await;
    let text = scraped(&bot).await;
    let allowed = [
        "brake", "cause", "command", "fault", "le", "outcome", "source", "state", "status",
        "version", "why",
    ];
    let ids: Vec<String> = (0..8)
        .map(|offset| (server() + offset).to_string())
        .chain([crate::support::admin().id, crate::support::member().id].map(|id| id.to_string()))
        .chain([USDC.to_owned(), "USDC".to_owned(), "yields".to_owned()])
        .collect();
    for sample in samples(&text) {
        for (label, value) in &sample.labels {
            assert!(
                allowed.contains(label),
                "{}: the label {label}",
                sample.name
            );
            let digits = value.chars().filter(char::is_ascii_digit).count();
            assert!(digits <= 6, "{}: {label}={value}", sample.name);
            for id in &ids {
                assert!(!value.contains(id), "{}: {label}={value}", sample.name);
            }
        }
    }
    assert!(Config::default().ops.listen.ip().is_loopback());
    let port: u16 = address(&bot).rsplit_once(':').unwrap().1.parse().unwrap();
    assert_eq!(listening_at(port), ["127.0.0.1"]);
    bot.end(&twin);
}

/// The addresses on which this machine listens at a port.
fn listening_at(port: u16) -> Vec<String> {
    const LISTENS: &str = "0A";
    let mut found = Vec::new();
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
        for line in fs::read_to_string(table)
            .unwrap_or_default()
            .lines()
            .skip(1)
        {
            let words: Vec<&str> = line.split_whitespace().collect();
            let (address, at) = words[1].split_once(':').unwrap();
            if words[3] == LISTENS && u16::from_str_radix(at, 16) == Ok(port) {
                let v4 = u32::from_str_radix(address, 16).ok();
                let v4 = v4.map(|bits| std::net::Ipv4Addr::from(bits.to_le_bytes()));
                found.push(v4.map_or(address.to_owned(), |address| address.to_string()));
            }
        }
    }
    found
}

/// Each metric is there once the bot has done a bit of everything, with its words, and says what was done.
#[tokio::test(flavor = "multi_thread")]
async fn figures_tell_what_was_done() {
    let (twin, upstream, bot) = busy().await;
    let text = scraped(&bot).await;
    let there: BTreeSet<&str> = samples(&text).iter().map(|it| metric_of(it.name)).collect();
    let all: BTreeSet<&str> = metrics::ALL.iter().map(|metric| metric.name).collect();
    assert_eq!(there, all);
    for metric in metrics::ALL {
        let help = format!("# HELP {} {}\n", metric.name, metric.says);
        assert!(text.contains(&help), "{help}");
    }
    for (name, labels, expected) in [
        ("stipend_pools", &[("state", "good")][..], 3.0),
        ("stipend_alerts", &[("state", "speaking")], 1.0),
        ("stipend_alerts", &[("state", "muted")], 1.0),
        ("stipend_episodes", &[("state", "open")], 1.0),
        ("stipend_notices_total", &[], 1.0),
        ("stipend_deliveries_total", &[("outcome", "delivered")], 1.0),
        ("stipend_outbox_notices", &[("state", "pending")], 0.0),
        ("stipend_destinations", &[("state", "ready")], 1.0),
        ("stipend_discord_answers_total", &[("status", "429")], 0.0),
        ("stipend_shards", &[("state", "connected")], 1.0),
        ("stipend_shards", &[("state", "disconnected")], 0.0),
        (
            "stipend_command_seconds_count",
            &[("command", "alerts add")],
            2.0,
        ),
        ("stipend_command_seconds_count", &[("command", "help")], 1.0),
        (
            "stipend_command_errors_total",
            &[("command", "alerts show"), ("fault", "user")],
            1.0,
        ),
        ("stipend_database_writable", &[], 1.0),
        ("stipend_starts_total", &[], 1.0),
        ("stipend_source_failures", &[("source", "DefiLlama")], 0.0),
    ] {
        assert_eq!(
            value(&text, name, labels).to_bits(),
            f64::to_bits(expected),
            "{name} {labels:?}"
        );
    }
    let at_least = |name, labels, least| {
        let value = value(&text, name, labels);
        assert!(value >= least, "{name} {labels:?} is {value}");
    };
    at_least("stipend_batches_total", &[("outcome", "news")], 3.0);
    at_least("stipend_tick_seconds_count", &[], 3.0);
    at_least("stipend_discord_answers_total", &[("status", "2xx")], 1.0);
    at_least("stipend_memory_bytes", &[], 1e6);
    at_least("stipend_database_bytes", &[], 4096.0);

    // A source that fails is told by its age and its failures.
    upstream.set_raw("text/html", "gone".to_owned());
    upstream.taken().await;
    let text = scraped(&bot).await;
    assert!(value(&text, "stipend_batches_total", &[("outcome", "failed")]) >= 1.0);
    assert!(value(&text, "stipend_source_failures", &[("source", "DefiLlama")]) >= 1.0);
    bot.end(&twin);
}

/// The names of metrics in a text, as somebody else's program would read them.
fn named(text: &str) -> BTreeSet<&str> {
    let is_in_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.split(|c| !is_in_name(c))
        .filter(|word| word.starts_with("stipend_"))
        .map(metric_of)
        .collect()
}

/// The expressions of the alert rules, with what may stand on the lines below.
fn rules() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(root.join("deploy/prometheus/alerts.yml")).unwrap()
}

fn expressions(of: &Value, into: &mut Vec<String>) {
    match of {
        Value::Object(fields) => {
            if let Some(expression) = fields.get("expr") {
                into.push(expression.as_str().unwrap().to_owned());
            }
            fields.values().for_each(|field| expressions(field, into));
        }
        Value::Array(parts) => parts.iter().for_each(|part| expressions(part, into)),
        _ => {}
    }
}

/// A query for a metric that is not there finds nothing and warns of nothing; a metric that nobody looks at
/// need not be kept. So files and program name the same ones.
#[test]
fn the_rules_and_the_dashboard_name_what_there_is() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let board = fs::read_to_string(root.join("deploy/grafana/stipend.json")).unwrap();
    let board: Value = serde_json::from_str(&board).unwrap();
    let mut queries = Vec::new();
    expressions(&board, &mut queries);
    assert!(queries.len() > 20, "{queries:?}");
    let (rules, queries) = (rules(), queries.join("\n"));
    let readme = fs::read_to_string(root.join("deploy/README.md")).unwrap();
    let all: BTreeSet<&str> = metrics::ALL.iter().map(|metric| metric.name).collect();
    let used: BTreeSet<&str> = named(&rules).union(&named(&queries)).copied().collect();
    assert_eq!(used, all, "rules and dashboard");
    assert_eq!(named(&readme), all, "deploy/README.md");
}

/// Whoever is woken is told what it is and what to do.
#[test]
fn every_rule_says_what_to_do() {
    let rules = rules();
    let each: Vec<&str> = rules.split("- alert: ").skip(1).collect();
    assert!(each.len() >= 10, "{}", each.len());
    for rule in each {
        for key in ["expr:", "severity:", "summary:", "description:"] {
            assert_eq!(rule.matches(key).count(), 1, "{key} of {rule}");
        }
    }
}
