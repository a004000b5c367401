//! Builds stipend and kills it again and again; see [`discord_twin::soak`].
#![forbid(unsafe_code)]

use std::{
    error::Error,
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

use discord_twin::soak::{self, Plan, Progress, WAITS, build};
use indicatif::{ProgressBar, ProgressStyle};

const USAGE: &str = "usage: soak [--kills 10000] [--seed S] [--lost-acks 20] [--lanes L] [--binary PATH]
--lost-acks is in percent of the messages and brings other faults along, 0 switches all of them off;
--lanes is how many bots are killed side by side; --binary is tested instead of a fresh release build";
/// From one line to the next where there is no terminal.
const LINES: Duration = Duration::from_secs(10);

/// The plan that the words ask for; its program is still to be built when none is named.
fn plan(mut words: impl Iterator<Item = String>) -> Result<Plan, Box<dyn Error>> {
    let processors = std::thread::available_parallelism().map_or(2, usize::from);
    let mut plan = Plan {
        binary: PathBuf::new(),
        kills: 10_000,
        seed: fastrand::u64(..1_000_000),
        lost_acks: 20,
        lanes: u32::try_from(4 * processors)?,
        batches: 3,
    };
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(USAGE);
        match word.as_str() {
            "--kills" => plan.kills = value()?.parse()?,
            "--seed" => plan.seed = value()?.parse()?,
            "--lost-acks" => plan.lost_acks = value()?.parse()?,
            "--lanes" => plan.lanes = value()?.parse()?,
            "--binary" => plan.binary = Path::new(&value()?).canonicalize()?,
            _ => return Err(USAGE.into()),
        }
    }
    Ok(plan)
}

/// Shows how far the run is until it is dropped: a bar on a terminal, else a line now and then.
async fn show(progress: Arc<Progress>, kills: u32) {
    let bar = ProgressBar::new(kills.into());
    if let Ok(style) =
        ProgressStyle::with_template("{bar:40} {pos} of {len} kills, {msg}, {eta} left")
    {
        bar.set_style(style);
    }
    let mut next_line = Instant::now() + LINES;
    loop {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let done = progress.kills();
        let told = format!("told {} of {}", progress.found(), progress.expected());
        if !bar.is_hidden() {
            bar.set_position(done as u64);
            bar.set_message(told);
        } else if Instant::now() >= next_line {
            next_line += LINES;
            eprintln!("{done} of {kills} kills, {told}");
        }
    }
}

#[tokio::main]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mut plan = plan(std::env::args().skip(1))?;
    if plan.binary.as_os_str().is_empty() {
        plan.binary = build()?;
    }
    let mut out = io::stdout();
    writeln!(
        out,
        "{} kills of {} in {} lanes, {} % of the acknowledgements lost, seed {}",
        plan.kills,
        plan.binary.display(),
        plan.lanes,
        plan.lost_acks,
        plan.seed
    )?;
    for (name, value) in WAITS {
        writeln!(out, "STIPEND_{name}={value}")?;
    }
    let progress = Arc::new(Progress::default());
    let shown = tokio::spawn(show(Arc::clone(&progress), plan.kills));
    let report = soak::run(&plan, &progress).await;
    shown.abort();
    let report = report?;
    for complaint in &report.complaints {
        writeln!(out, "{complaint}")?;
    }
    writeln!(out, "{} of {} notices told", report.found, report.expected)?;
    writeln!(out, "{}", report.line(plan.seed))?;
    Ok(if report.complaints.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
