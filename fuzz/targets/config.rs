//! A configuration file: what is wrong with it is told in lines, and never what may be a secret.
#![no_main]

use std::{cell::RefCell, fs, io::Write as _, iter, path::PathBuf};

use libfuzzer_sys::fuzz_target;
use stipend::ops::config::Config;

/// The keys whose values are nobody's business.
const SECRETS: [&str; 3] = [
    "discord.token",
    "sources.coingecko.key",
    "sources.token_metrics.key",
];

thread_local! {
    static FILE: RefCell<(PathBuf, fs::File)> = RefCell::new(file());
}

/// A file in memory where there is such a place, which goes once the run is over.
fn file() -> (PathBuf, fs::File) {
    let memory = PathBuf::from("/dev/shm");
    let folder = if memory.is_dir() {
        memory
    } else {
        std::env::temp_dir()
    };
    let path = folder.join(format!("stipend-fuzz-{}.toml", std::process::id()));
    let file = fs::File::create(&path).expect("a place for files");
    (path, file)
}

fuzz_target!(|text: &str| {
    FILE.with_borrow_mut(|(path, file)| {
        *file = fs::File::create(&*path).expect("a place for files");
        file.write_all(text.as_bytes()).expect("a place for files");
        let Err(faults) = Config::load(Some(path), iter::empty()) else {
            return;
        };
        assert!(faults.iter().next().is_some());
        for fault in faults.iter() {
            let line = fault.to_string();
            assert!(!line.chars().any(|c| c.is_control()), "{line:?}");
            assert!(line.chars().count() < 2_000, "{line}");
            let may_be_secret = fault
                .key
                .as_deref()
                .is_some_and(|key| SECRETS.contains(&key));
            assert!(!may_be_secret || !line.contains("canary"), "{line}");
        }
    });
});
