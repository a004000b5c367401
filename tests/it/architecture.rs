//! Who may know whom, read from the sources themselves.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// What each module may use of this crate besides itself. What is not listed here (`app`, `cli`,
/// `demo`, `ops`, `main`) puts everything together: it may use all of it, and nobody uses it but as
/// a row says.
const MAY_USE: [(&str, &[&str]); 11] = [
    ("causes", &[]),
    ("clock", &["domain"]),
    ("domain", &[]),
    ("render", &["domain"]),
    (
        "store",
        &[
            "failpoint",
            "domain",
            "delivery::entry",
            "delivery::post",
            "delivery::state",
            "delivery::urgency",
        ],
    ),
    ("sources", &["domain"]),
    ("study", &["domain"]),
    ("market", &["causes", "domain", "store", "sources"]),
    (
        "alerting",
        &[
            "causes",
            "failpoint",
            "domain",
            "store",
            "market",
            "render",
            "delivery::entry",
            "delivery::urgency",
        ],
    ),
    (
        "delivery",
        &[
            "failpoint",
            "domain",
            "store",
            "render::message",
            "render::bundle",
            "render::alerts",
            "clock",
            "pulse",
            "ops::metrics",
        ],
    ),
    (
        "discord",
        &[
            "causes",
            "failpoint",
            "domain",
            "render",
            "market",
            "store",
            "alerting",
            "delivery::entry",
            "delivery::state",
            "app::App",
            "ops::metrics",
        ],
    ),
];

/// Where one file may use more than its module, and why.
const EXCEPTIONS: [(&str, &str, &str); 13] = [
    (
        "store/outbox.rs",
        "delivery::outcome",
        "why a channel is parked, or a notice uncertain, is kept as the outcome names it",
    ),
    (
        "store/outbox/rows.rs",
        "delivery::outcome",
        "and read back by that name",
    ),
    (
        "store/destinations.rs",
        "delivery::outcome",
        "so does the destination itself",
    ),
    (
        "store/posts.rs",
        "delivery::outcome",
        "and so does the post that tells a notice",
    ),
    (
        "alerting/replay.rs",
        "sources::Batch",
        "a replay is given recorded batches as the live loop is given fetched ones",
    ),
    (
        "alerting/preview.rs",
        "sources::Batch",
        "a preview replays batches made of what the store keeps",
    ),
    (
        "alerting/score.rs",
        "sources::Batch",
        "and so is a score, which replays them",
    ),
    (
        "discord/client.rs",
        "ops::config::Way",
        "whether to connect or to listen is the operator's choice",
    ),
    (
        "discord/commands/operator.rs",
        "delivery::pacing",
        "what holds all requests up is told in words",
    ),
    (
        "discord/commands/alerts.rs",
        "delivery::outcome::DeadEnd",
        "why a channel is parked is told in words",
    ),
    (
        "discord/commands/alerts/add.rs",
        "delivery::channel::ChannelRefused",
        "so is why a channel cannot be made a destination",
    ),
    (
        "discord/commands/alerts/test.rs",
        "delivery",
        "a test notice is written into the outbox like any other, and its fate told",
    ),
    (
        "discord/commands/watch.rs",
        "delivery",
        "so is a message by which a member sees that they can be written to",
    ),
];

/// Where a foreign crate may be used; a file that only borrows a part of it is named with its reason.
const CRATES: &[(&str, &[&str])] = &[
    ("sqlx", &["store"]),
    ("serenity", &["discord"]),
    ("serenity_prelude", &["discord"]),
    ("poise", &["discord"]),
    (
        "reqwest",
        &[
            "sources",
            "delivery",
            // The gateway library is given a client with our time-outs and no redirects.
            "discord/client",
            // A file that somebody uploaded is fetched from where Discord keeps it.
            "discord/attached",
            // An address is read, and nobody is asked.
            "ops/config/value",
        ],
    ),
    ("metrics_exporter_prometheus", &["ops/metrics"]),
    // Who listens: the operator's endpoint, the one for interactions, what a shard connects to where there
    // is no gateway, and the demonstration's stand-in for a source.
    (
        "axum",
        &[
            "ops/endpoint",
            "discord/endpoint",
            "discord/detached",
            "demo/upstream",
        ],
    ),
];

fn sources(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|ext| ext == "rs") {
            into.push(path);
        }
    }
}

/// Each file below `src` with its code: no comments, and nothing of its tests.
fn files() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    sources(&root, &mut paths);
    paths.sort();
    let read = |path: PathBuf| {
        let name = path.strip_prefix(&root).unwrap().to_string_lossy();
        (name.into_owned(), code(&fs::read_to_string(&path).unwrap()))
    };
    paths
        .into_iter()
        .map(read)
        .filter(|(name, _)| !name.ends_with("tests.rs") && !name.contains("/tests/"))
        .collect()
}

/// The text without comments, up to the tests at its end. A test module in a file of its own is only
/// a line in the middle.
fn code(text: &str) -> String {
    let mut parts = text.split("#[cfg(test)]");
    let first = parts.next().unwrap_or_default();
    let declared = |part: &&str| {
        part.trim_start()
            .lines()
            .next()
            .is_some_and(|line| line.ends_with(';'))
    };
    let rest = parts.take_while(declared);
    std::iter::once(first)
        .chain(rest)
        .flat_map(str::lines)
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// A module is a file or a folder of that name.
fn within(file: &str, modules: &[&str]) -> bool {
    modules
        .iter()
        .any(|module| file == format!("{module}.rs") || file.starts_with(&format!("{module}/")))
}

/// What a file uses of this crate, as paths such as `market::snapshot::Snapshot`.
fn uses(code: &str) -> Vec<String> {
    code.split("crate::")
        .skip(1)
        .flat_map(|tree| branches(tree, ""))
        .collect()
}

/// The paths of the use tree with which a text begins: `a::{b, c::D}` is `a::b` and `a::c::D`.
fn branches(tree: &str, before: &str) -> Vec<String> {
    let in_path = |c: char| c.is_alphanumeric() || matches!(c, '_' | ':');
    let end = tree.find(|c| !in_path(c)).unwrap_or(tree.len());
    let (path, rest) = tree.split_at(end);
    let path = format!("{before}{path}");
    let Some(group) = rest.strip_prefix('{') else {
        return vec![path];
    };
    let mut depth = 1;
    let closes = |c| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        depth == 0
    };
    let end = group.find(closes).expect("braces are in pairs");
    let mut depth = 0;
    let at_comma = |c| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        depth == 0 && c == ','
    };
    group
        .split_at(end)
        .0
        .split(at_comma)
        .map(str::trim)
        .filter(|branch| !branch.is_empty())
        .flat_map(|branch| branches(branch, &path))
        .collect()
}

/// Whether a path is this one or lies below it.
fn below(path: &str, allowed: &str) -> bool {
    path.strip_prefix(allowed)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

fn excepted(file: &str, path: &str) -> bool {
    EXCEPTIONS
        .iter()
        .any(|(at, allowed, _)| *at == file && below(path, allowed))
}

/// Each `file: word` that a check has found.
fn found(words: &[&str], at: impl Fn(&str) -> bool) -> Vec<String> {
    files()
        .into_iter()
        .filter(|(file, _)| at(file))
        .flat_map(|(file, code)| {
            let found = words.iter().filter(|word| code.contains(**word));
            found
                .map(|word| format!("{file}: {word}"))
                .collect::<Vec<_>>()
        })
        .collect()
}

#[track_caller]
fn only_in(words: &[&str], modules: &[&str]) {
    let found = found(words, |file| !within(file, modules));
    assert!(found.is_empty(), "only in {modules:?}: {found:#?}");
}

#[track_caller]
fn never_in(words: &[&str], modules: &[&str]) {
    let found = found(words, |file| within(file, modules));
    assert!(found.is_empty(), "never in {modules:?}: {found:#?}");
}

/// The checks below are worth what their reading of the sources is worth.
#[test]
fn use_trees_and_tests_are_read_as_the_compiler_does() {
    let text = "use crate::{\n    a::{self, b::{C, D}},\n    e,\n};\nlet x = crate::f::g();\n\
         #[cfg(test)]\nmod h;\n// crate::comment\nuse crate::i::J;\n\
         #[cfg(test)]\nmod tests {\n use crate::k; }";
    let expected = ["a::self", "a::b::C", "a::b::D", "e", "f::g", "i::J"];
    assert_eq!(uses(&code(text)), expected);
    assert!(below("a::b", "a") && below("a", "a") && !below("ab", "a"));
}

/// Each module knows only those that it builds upon.
#[test]
fn modules_use_whom_they_may() {
    let mut breaches = Vec::new();
    for (file, code) in files() {
        let Some((module, allowed)) = MAY_USE.iter().find(|(module, _)| within(&file, &[module]))
        else {
            continue;
        };
        let fits = |path: &str| {
            below(path, module)
                || allowed.iter().any(|allowed| below(path, allowed))
                || excepted(&file, path)
        };
        let wrong = uses(&code).into_iter().filter(|path| !fits(path));
        breaches.extend(wrong.map(|path| format!("{file}: {path}")));
        // There, `super` would be the whole crate.
        if !file.contains('/') && code.contains("super::") {
            breaches.push(format!("{file}: super"));
        }
    }
    assert!(breaches.is_empty(), "{breaches:#?}");
}

/// An exception that nobody needs any more is a door left open.
#[test]
fn every_exception_is_needed() {
    let files = files();
    for (file, allowed, why) in EXCEPTIONS {
        let needed = files
            .iter()
            .any(|(name, code)| name == file && uses(code).iter().any(|path| below(path, allowed)));
        assert!(needed, "{file} does not use {allowed} any more: {why}");
    }
}

/// SQL, Discord's libraries and HTTP each have their place.
#[test]
fn foreign_crates_stay_where_they_belong() {
    for (name, modules) in CRATES.iter().copied() {
        only_in(&[&format!("{name}::")], modules);
    }
}

/// F-X02: the driver takes a text of the program itself as SQL, or one for which somebody vouches. Nobody does;
/// a statement of varying length is built of such texts alone, and what changes from call to call is bound.
#[test]
fn no_sql_is_put_together() {
    only_in(&["AssertSqlSafe", "SqlSafeStr"], &[]);
    let is_ours = |text: &str| {
        let text = text.trim_start();
        text.starts_with('"') || text.starts_with(|c: char| c.is_ascii_uppercase())
    };
    let mut foreign = Vec::new();
    let mut seen = 0;
    for (file, code) in files() {
        for verb in [
            "SELECT ", "INSERT ", "UPDATE ", "DELETE ", " WHERE ", " VALUES ",
        ] {
            let made = code.split("format!(").skip(1);
            let made = made.filter_map(|call| call.split('"').nth(1));
            foreign.extend(made.filter(|text| text.contains(verb)).map(str::to_owned));
        }
        let builders = code.split("QueryBuilder").skip(1);
        let names = code.lines().filter_map(|line| {
            let (name, made) = line
                .trim_start()
                .strip_prefix("let mut ")?
                .split_once(" = ")?;
            made.starts_with("QueryBuilder").then_some(name)
        });
        for made in builders.filter_map(|made| made.split_once("::new(")) {
            // What is written for each drawer of a person stands in constants of that module.
            let of_a_drawer = made.1.starts_with("drawer.");
            if made.0.len() < 12 && !is_ours(made.1) && !of_a_drawer {
                foreign.push(format!(
                    "{file}: {}",
                    made.1.lines().next().unwrap_or_default()
                ));
            }
        }
        for name in names {
            for pushed in code.split(&format!("{name}.push(")).skip(1) {
                seen += 1;
                if !is_ours(pushed) {
                    let pushed = pushed.lines().next().unwrap_or_default();
                    foreign.push(format!("{file}: {pushed}"));
                }
            }
        }
    }
    assert!(foreign.is_empty(), "{foreign:#?}");
    assert!(seen > 5, "the check reads what there is: {seen}");
}

/// F-X14: nobody can write a pattern that takes for ever to match, since none is read from anybody.
#[test]
fn no_pattern_is_read_from_people() {
    only_in(&["regex", "Regex", "glob::", "fancy_"], &[]);
}

/// F-X04: an address in what is rendered is one of these, and what stands in it are our own ids.
#[test]
fn only_our_own_addresses_are_worded() {
    let known = [
        "https://defillama.com/yields/pool/{id}",
        "https://discord.com/channels/{guild}/{channel}/{message}",
        "https://discord.com/channels/@me/{channel}/{message}",
    ];
    let mut unknown = Vec::new();
    for (file, code) in files() {
        // What tries to lead away stands among the samples of the tests.
        if !within(&file, &["render", "domain"]) || within(&file, &["render/samples"]) {
            continue;
        }
        let words = code.split(['"', '`', '(', ')', ' ', '\n']);
        for address in words.filter(|word| word.contains("://")) {
            // The scheme alone is looked for, and not worded.
            if !known.contains(&address) && !matches!(address, "https://" | "http://") {
                unknown.push(format!("{file}: {address}"));
            }
        }
    }
    assert!(unknown.is_empty(), "{unknown:#?}");
}

/// What is decided and worded can be tested without a machine around it, and comes out the same.
#[test]
fn the_pure_two_touch_nothing_outside() {
    let outside = [
        "async fn",
        ".await",
        "tokio",
        "std::fs",
        "fs::",
        "std::env",
        "env::var",
        "std::net",
        "::now()",
        "SystemTime",
        "Instant",
        "OsRng",
        "rand::",
    ];
    never_in(&outside, &["domain", "render"]);
}

/// A channel is posted to by the delivery alone, which writes down first; a command only replies.
#[test]
fn commands_post_nothing_but_replies() {
    let posting = [
        ".say(",
        ".send_message(",
        ".send_files(",
        ".send_dm(",
        ".direct_message(",
        "ExecuteWebhook",
        "CreateMessage",
    ];
    never_in(&posting, &["discord"]);
}

/// Every setting has its key in one place, and is checked there.
#[test]
fn the_environment_is_read_in_the_configuration_alone() {
    only_in(&["env::var", "env::vars"], &["ops/config"]);
}

/// A run can be replayed and a test can move time.
#[test]
fn time_comes_from_the_clock_alone() {
    only_in(&["SystemTime::now", "Utc::now", "Local::now"], &["clock"]);
}

/// Whoever runs the bot against a stand-in has to lead each address of a source there: what is left out
/// would be the real one. Where that is done by the list of keys, none can be left out.
#[test]
fn no_stand_in_forgets_an_address() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let soak = fs::read_to_string(root.join("discord-twin/src/soak/bot.rs")).unwrap();
    for key in stipend::ops::config::Config::keys() {
        if key.starts_with("sources.") && key.ends_with("_url") {
            let variable = format!("\"{}\"", key.replace('.', "__").to_uppercase());
            assert!(soak.contains(&variable), "{variable}");
        }
    }
    let mut paths = Vec::new();
    for folder in ["benches", "src", "tests", "discord-twin/src"] {
        sources(&root.join(folder), &mut paths);
    }
    let by_hand = ["SOURCES__DEFILLAMA__POOLS_", "URL"].concat();
    let by_hand: Vec<String> = paths
        .iter()
        .filter(|path| fs::read_to_string(path).unwrap().contains(&by_hand))
        .map(|path| path.strip_prefix(root).unwrap().display().to_string())
        .collect();
    // The other two replace or take away what the list has set.
    let known = [
        "discord-twin/src/soak/bot.rs",
        "tests/it/doctor.rs",
        "tests/it/stop.rs",
    ];
    let unknown: Vec<&String> = by_hand
        .iter()
        .filter(|path| !known.contains(&path.as_str()))
        .collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}
