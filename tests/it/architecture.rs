//! Who may know whom, read from the sources themselves.

use std::{
    fs,
    path::{Path, PathBuf},
};

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
        let name = path
            .strip_prefix(&root)
            .unwrap()
            .to_string_lossy()
            .into_owned();
        let text = fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        let code: Vec<&str> = code
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .collect();
        (name, code.join("\n"))
    };
    paths
        .into_iter()
        .map(read)
        .filter(|(name, _)| !name.ends_with("tests.rs"))
        .collect()
}

/// A module is a file or a folder of that name.
fn within(file: &str, modules: &[&str]) -> bool {
    modules
        .iter()
        .any(|module| file == format!("{module}.rs") || file.starts_with(&format!("{module}/")))
}

#[track_caller]
fn only_in(words: &[&str], modules: &[&str]) {
    let found: Vec<String> = files()
        .into_iter()
        .filter(|(file, _)| !within(file, modules))
        .flat_map(|(file, code)| {
            words
                .iter()
                .filter(|word| code.contains(**word))
                .map(|word| format!("{file}: {word}"))
                .collect::<Vec<_>>()
        })
        .collect();
    assert!(found.is_empty(), "only in {modules:?}: {found:#?}");
}

#[track_caller]
fn never_in(words: &[&str], modules: &[&str]) {
    let found: Vec<String> = files()
        .into_iter()
        .filter(|(file, _)| within(file, modules))
        .flat_map(|(file, code)| {
            words
                .iter()
                .filter(|word| code.contains(**word))
                .map(|word| format!("{file}: {word}"))
                .collect::<Vec<_>>()
        })
        .collect();
    assert!(found.is_empty(), "never in {modules:?}: {found:#?}");
}

#[test]
fn sql_is_in_the_store_alone() {
    only_in(&["sqlx::"], &["store"]);
}

#[test]
fn discord_libraries_are_in_discord_alone() {
    only_in(&["serenity::", "poise::"], &["discord"]);
}

#[test]
fn the_pure_two_touch_nothing_outside() {
    let outside = [
        "async fn",
        ".await",
        "tokio",
        "reqwest",
        "std::fs",
        "fs::",
        "std::env",
        "env::var",
        "::now()",
        "SystemTime",
        "OsRng",
    ];
    never_in(&outside, &["domain", "render"]);
    let others = [
        "store", "sources", "market", "alerting", "delivery", "discord", "ops", "app",
    ];
    let uses: Vec<String> = others
        .iter()
        .map(|module| format!("crate::{module}::"))
        .collect();
    let uses: Vec<&str> = uses.iter().map(String::as_str).collect();
    never_in(&uses, &["domain", "render"]);
}

#[test]
fn the_environment_is_read_in_the_configuration_alone() {
    only_in(&["env::var", "env::vars"], &["ops/config"]);
}

#[test]
fn http_is_spoken_by_sources_and_delivery_alone() {
    // The gateway's address is asked for by its client, and configuration only reads addresses.
    only_in(
        &["reqwest::"],
        &["sources", "delivery", "discord/client", "ops/config/value"],
    );
}

#[test]
fn time_comes_from_the_clock_alone() {
    only_in(&["SystemTime::now", "Utc::now", "Local::now"], &["clock"]);
}
