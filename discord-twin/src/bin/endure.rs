//! Builds stipend and loads it for hours; see [`discord_twin::soak::endure`].
#![forbid(unsafe_code)]

use std::{
    error::Error,
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use discord_twin::soak::{
    build,
    endure::{self, Plan, SETTINGS},
};

const USAGE: &str = "usage: endure [--minutes 120] [--servers 1000] [--per-second 20] [--seed S] [--binary PATH]
--per-second is how many commands people give, and ten times as many for ten seconds in each ten minutes;
--binary is tested instead of a fresh release build";

/// The plan that the words ask for; its program is still to be built when none is named.
fn plan(mut words: impl Iterator<Item = String>) -> Result<Plan, Box<dyn Error>> {
    let mut plan = Plan {
        binary: PathBuf::new(),
        length: Duration::from_hours(2),
        servers: 1000,
        per_second: 20,
        hour: Duration::from_secs(10),
        whole_market: true,
        faults: true,
        seed: fastrand::u64(..1_000_000),
    };
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(USAGE);
        match word.as_str() {
            "--minutes" => plan.length = Duration::from_mins(value()?.parse()?),
            "--servers" => plan.servers = value()?.parse()?,
            "--per-second" => plan.per_second = value()?.parse()?,
            "--seed" => plan.seed = value()?.parse()?,
            "--binary" => plan.binary = Path::new(&value()?).canonicalize()?,
            _ => return Err(USAGE.into()),
        }
    }
    Ok(plan)
}

#[tokio::main]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mut plan = plan(std::env::args().skip(1))?;
    if plan.binary.as_os_str().is_empty() {
        plan.binary = build()?;
    }
    let mut out = io::stdout();
    for (name, value) in SETTINGS {
        writeln!(out, "STIPEND_{name}={value}")?;
    }
    let endured = endure::run(plan, |news| eprintln!("{news}")).await?;
    write!(out, "{endured}")?;
    Ok(if endured.report.complaints.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
