//! The program that operators run, built afresh.

use std::{
    error::Error,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;

/// Builds the bot in release and returns its program.
pub fn build() -> Result<PathBuf, Box<dyn Error>> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args([
            "build",
            "--release",
            "--package",
            "stipend",
            "--bin",
            "stipend",
        ])
        .arg("--message-format=json-render-diagnostics")
        .current_dir(workspace)
        .stderr(Stdio::inherit())
        .output()?;
    if !built.status.success() {
        return Err("stipend cannot be built".into());
    }
    let told = String::from_utf8(built.stdout)?;
    told.lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .find_map(|told| told["executable"].as_str().map(PathBuf::from))
        .ok_or_else(|| "cargo did not say where it put stipend".into())
}
