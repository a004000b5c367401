//! What the bot is built of, and who could slip something in.

use std::{collections::BTreeMap, fs, path::Path};

use toml::{Table, Value};

use crate::packaging::file;

fn toml(path: &str) -> Table {
    file(path).parse().unwrap()
}

/// The manifests of our crates, each with its folder.
const CRATES: [(&str, &str); 2] = [
    ("Cargo.toml", "."),
    ("discord-twin/Cargo.toml", "discord-twin"),
];

/// F-X19: a known weakness, a crate that was taken back, another origin or a licence that was not looked at
/// fails the check, and what is let through is named with its reason. Whether the list is right today only the
/// live database can tell: CI asks it with each change and each day.
#[test]
fn what_is_known_against_a_crate_fails_the_check() {
    let deny = toml("deny.toml");
    let at = |section: &str, key: &str| deny[section][key].clone();
    for (section, key) in [
        ("advisories", "yanked"),
        ("advisories", "unused-ignored-advisory"),
        ("licenses", "unused-allowed-license"),
        ("licenses", "unused-license-exception"),
        ("sources", "unknown-registry"),
        ("sources", "unknown-git"),
        ("bans", "wildcards"),
    ] {
        assert_eq!(at(section, key), Value::from("deny"), "{section}.{key}");
    }
    for key in ["unmaintained", "unsound"] {
        assert_eq!(at("advisories", key), Value::from("all"), "{key}");
    }
    let index = "https://github.com/rust-lang/crates.io-index";
    assert_eq!(at("sources", "allow-registry"), Value::from(vec![index]));
    assert_eq!(at("sources", "allow-git"), Value::Array(Vec::new()));
    let told = file("SECURITY.md");
    for ignored in deny["advisories"]["ignore"].as_array().unwrap() {
        let id = ignored["id"].as_str().unwrap();
        assert!(ignored["reason"].as_str().unwrap().len() > 20, "{id}");
        assert!(told.contains(&format!("| {id} |")), "{id}: SECURITY.md");
    }
    let ask = "cargo deny check advisories";
    for (workflow, when) in [
        ("ci", "push:"),
        ("release", "tags:"),
        ("advisories", "cron:"),
    ] {
        let text = file(&format!(".github/workflows/{workflow}.yml"));
        assert!(text.contains(ask) && text.contains(when), "{workflow}");
    }
    assert!(file(".ci/run").contains("cargo deny check bans licenses sources"));
}

/// An exception from a rule about licences says above itself why.
#[test]
fn each_exception_has_a_reason() {
    let text = file("deny.toml");
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let mut seen = 0;
    for pair in lines.windows(2) {
        if pair[1].starts_with("{ crate") && !pair[1].contains("reason = ") {
            seen += 1;
            assert!(pair[0].starts_with("# "), "{}", pair[1]);
        }
    }
    assert!(seen >= 4, "{seen}");
}

/// F-X19: what is built is what `Cargo.lock` says, byte for byte.
#[test]
fn every_crate_comes_from_the_registry_with_a_checksum() {
    let lock = toml("Cargo.lock");
    let packages = lock["package"].as_array().unwrap();
    let mut ours = Vec::new();
    for package in packages {
        let name = package["name"].as_str().unwrap();
        match package.get("source").and_then(Value::as_str) {
            None => ours.push(name),
            Some(source) => {
                let registry = "registry+https://github.com/rust-lang/crates.io-index";
                assert_eq!(source, registry, "{name}");
                let sum = package["checksum"].as_str().unwrap();
                assert_eq!(sum.len(), 64, "{name}");
            }
        }
    }
    assert_eq!(ours, ["discord-twin", "stipend"]);
    for built in [".ci/run", "Dockerfile", ".github/workflows/release.yml"] {
        let text = file(built);
        let builds = text.lines().filter(|line| {
            line.contains("cargo build ")
                || line.contains("auditable build ")
                || line.contains("cargo test ")
        });
        for line in builds {
            assert!(line.contains("--locked"), "{built}: {line}");
        }
    }
}

/// No code of ours runs while it is built, and none of it can do what the compiler does not check.
#[test]
fn our_crates_have_no_build_script_and_nothing_unsafe() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let workspace = toml("Cargo.toml");
    let unsafe_code = &workspace["workspace"]["lints"]["rust"]["unsafe_code"];
    assert_eq!(unsafe_code.as_str(), Some("forbid"));
    for (manifest, folder) in CRATES {
        let manifest = toml(manifest);
        let package = manifest["package"].as_table().unwrap();
        assert!(!package.contains_key("build") && !package.contains_key("links"));
        assert_eq!(manifest["lints"]["workspace"].as_bool(), Some(true));
        let folder = root.join(folder);
        assert!(!folder.join("build.rs").exists(), "{}", folder.display());
        let mut roots = vec![folder.join("src/lib.rs"), folder.join("src/main.rs")];
        if let Ok(more) = fs::read_dir(folder.join("src/bin")) {
            roots.extend(more.map(|entry| entry.unwrap().path()));
        }
        for root in roots {
            let text = fs::read_to_string(&root).unwrap();
            assert!(
                text.contains("#![forbid(unsafe_code)]"),
                "{}",
                root.display()
            );
        }
    }
}

/// A crate brings what is asked of it. What has many defaults has them switched off, and nothing is asked for
/// as a whole.
#[test]
fn features_are_named_and_never_all() {
    let manifest = toml("Cargo.toml");
    let mut asked: BTreeMap<&str, &Value> = BTreeMap::new();
    for list in [
        &manifest["dependencies"],
        &manifest["workspace"]["dependencies"],
    ] {
        asked.extend(
            list.as_table()
                .unwrap()
                .iter()
                .map(|(name, asks)| (name.as_str(), asks)),
        );
    }
    for (name, asks) in &asked {
        let features = asks.get("features").and_then(Value::as_array);
        let all = features.is_some_and(|named| named.iter().any(|it| it.as_str() == Some("full")));
        assert!(!all, "{name}");
    }
    for name in [
        "axum", "chrono", "poise", "reqwest", "serenity", "sqlx", "plotters",
    ] {
        let asks = asked.get(name).unwrap_or_else(|| panic!("{name}"));
        let defaults = asks.get("default-features").and_then(Value::as_bool);
        let shared = asks.get("workspace").and_then(Value::as_bool) == Some(true);
        assert!(defaults == Some(false) || shared, "{name}");
    }
}

/// A tag of somebody else's action can be moved; a commit cannot.
#[test]
fn workflows_pin_their_actions_and_may_little() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(".github/workflows");
    let mut seen = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let name = path.display();
        assert!(
            text.contains("\npermissions:\n  contents: read\n"),
            "{name}"
        );
        assert!(!text.contains("pull_request_target"), "{name}");
        for line in text.lines().filter(|line| line.contains("uses: ")) {
            seen += 1;
            let (_, commit) = line.split_once('@').expect(line);
            let (commit, version) = commit.split_once(" # v").expect(line);
            let is_commit = commit.len() == 40 && commit.chars().all(|c| c.is_ascii_hexdigit());
            assert!(is_commit && !version.is_empty(), "{name}: {line}");
        }
    }
    assert!(seen >= 4, "{seen}");
}
