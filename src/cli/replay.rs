//! `stipend replay`: rules over recorded snapshots, to standard output.

use std::{fs, io::Write as _, path::Path};

use anyhow::{Context as _, bail};
use serde::Deserialize;

use super::{Format, ReplayArgs};
use crate::{
    alerting::{
        replay::{Line, Replay},
        rules_file::{self, NamedRule},
        score::{Caught, Collapse, Score, Way},
    },
    domain::{
        ids::PoolId,
        time::{Span, Timestamp},
        verdict::Screen,
    },
    render::count,
    sources::{
        Answer, Batch, Outage, SourceError,
        defillama::{categories::Categories, pools},
        file::{self, SnapshotFile},
    },
};

/// Replays, or scores.
pub(super) fn execute(args: &ReplayArgs) -> anyhow::Result<()> {
    let rules = text_of(&args.rules)?;
    let rules = rules_file::parse(&rules).with_context(|| args.rules.display().to_string())?;
    if args.score {
        return score(args, &rules);
    }
    match &args.snapshots[..] {
        [folder] => replay(folder, rules, args.format),
        _ => bail!("a replay reads one --snapshots folder; --score takes several"),
    }
}

/// Prints each notice with its time, rule, pool and reason. The same input gives the same bytes.
fn replay(folder: &Path, rules: Vec<NamedRule>, format: Format) -> anyhow::Result<()> {
    let mut replay = Replay::new(rules, Screen::default());
    let mut out = anstream::stdout().lock();
    let (mut batches, mut notices) = (0_u32, 0_u32);
    for recorded in recorded(folder)? {
        let Recorded { name, at, batch } = recorded?;
        let batch = match batch {
            Ok(batch) => batch,
            Err(error) => {
                notice_of_skipping(&name, at, &error);
                continue;
            }
        };
        batches += 1;
        match replay.feed(batch) {
            Ok(lines) => {
                for line in lines {
                    notices += u32::from(matches!(line, Line::Edge(_)));
                    print(&mut out, format, &line)?;
                }
            }
            Err(half_empty) => notice_of_skipping(&name, at, &half_empty),
        }
    }
    if batches == 0 {
        bail!("{} holds no snapshot that can be used", folder.display());
    }
    if format == Format::Text {
        writeln!(
            out,
            "{} from {}",
            count(notices as usize, "notice", "notices"),
            count(batches as usize, "snapshot", "snapshots")
        )?;
    }
    Ok(())
}

fn text_of(file: &Path) -> anyhow::Result<String> {
    fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))
}

/// A fault of reading, with what was read.
fn named(path: &Path, error: SourceError) -> anyhow::Error {
    match error {
        SourceError::Unavailable(Outage::File(error)) => {
            anyhow::Error::new(error).context(format!("{} cannot be read", path.display()))
        }
        error => anyhow::Error::new(error).context(path.display().to_string()),
    }
}

/// A recorded answer.
struct Recorded {
    name: String,
    at: Timestamp,
    batch: Result<Batch, SourceError>,
}

/// The answers of a folder in their order, without those that say what the one before said.
fn recorded(
    folder: &Path,
) -> anyhow::Result<impl Iterator<Item = anyhow::Result<Recorded>> + use<>> {
    let snapshots = file::snapshots(folder).map_err(|error| named(folder, error))?;
    if snapshots.is_empty() {
        bail!("{} holds no .json or .json.zst", folder.display());
    }
    let categories = Categories::bundled();
    let mut last = None;
    let read = move |snapshot: SnapshotFile| {
        let name = snapshot.path.display().to_string();
        let Some(at) = snapshot.stated else {
            return Some(Err(anyhow::anyhow!(
                "{name} tells no time: neither its pools nor its name hold one"
            )));
        };
        let answer = file::read_pools(&snapshot.path)
            .and_then(|body| pools::answer(&body, last, at, &categories));
        let batch = match answer {
            Ok(Answer::Unchanged) => return None,
            Ok(Answer::Batch(batch)) => {
                last = Some(batch.digest);
                Ok(batch)
            }
            Err(error) => Err(error),
        };
        Some(Ok(Recorded { name, at, batch }))
    };
    Ok(snapshots.into_iter().filter_map(read))
}

fn print(out: &mut impl std::io::Write, format: Format, line: &Line) -> anyhow::Result<()> {
    match format {
        Format::Text => writeln!(out, "{line}")?,
        Format::Ndjson => writeln!(out, "{}", serde_json::to_string(line)?)?,
    }
    Ok(())
}

#[expect(clippy::print_stderr, reason = "a word to the person at the terminal")]
fn notice_of_skipping(name: &str, at: Timestamp, why: &dyn std::error::Error) {
    eprintln!("{name} ({at}) is left out: {why}");
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CollapsesFile {
    #[serde(default)]
    collapse: Vec<CollapseEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CollapseEntry {
    pool: PoolId,
    at: String,
    what: String,
}

fn collapses(file: &Path) -> anyhow::Result<Vec<Collapse>> {
    let text = text_of(file)?;
    let file: CollapsesFile = toml::from_str(&text).with_context(|| file.display().to_string())?;
    file.collapse
        .into_iter()
        .map(|entry| {
            let at = Timestamp::parse(&entry.at)
                .with_context(|| format!("`{}` is no time", entry.at))?;
            Ok(Collapse {
                pool: entry.pool,
                at,
                what: entry.what,
            })
        })
        .collect()
}

/// Prints the table of `--score`.
fn score(args: &ReplayArgs, rules: &[NamedRule]) -> anyhow::Result<()> {
    let collapses = args
        .collapses
        .as_deref()
        .map_or(Ok(Vec::new()), collapses)?;
    let mut score = Score::new(collapses);
    for folder in &args.snapshots {
        score.walk(rules, batches(folder)?);
    }
    if let Some(charts) = &args.charts {
        let days = file::charts(charts).map_err(|error| named(charts, error))?;
        score.walk(rules, days);
    }
    let mut out = anstream::stdout().lock();
    let named = [
        (Way::Bare, "each move of 20 %"),
        (Way::Cooled, "the same, once a day for a pool"),
        (Way::Rules, "these rules"),
    ];
    writeln!(out, "{} days with readings", score.days())?;
    writeln!(out, "| way | notices | a day |")?;
    writeln!(out, "| --- | ---: | ---: |")?;
    for (way, name) in named {
        let notices = score.spoken(way).notices();
        writeln!(
            out,
            "| {name} | {notices} | {:.1} |",
            per_day(notices, score.days())
        )?;
    }
    if !score.collapses().is_empty() {
        write_caught(&mut out, &score)?;
    }
    Ok(())
}

fn batches(folder: &Path) -> anyhow::Result<Vec<Batch>> {
    let mut batches = Vec::new();
    for recorded in recorded(folder)? {
        let Recorded { name, at, batch } = recorded?;
        match batch {
            Ok(batch) => batches.push(batch),
            Err(error) => notice_of_skipping(&name, at, &error),
        }
    }
    Ok(batches)
}

#[expect(clippy::cast_precision_loss, reason = "notices and days are few")]
fn per_day(notices: usize, days: usize) -> f64 {
    notices as f64 / days.max(1) as f64
}

fn write_caught(out: &mut impl std::io::Write, score: &Score) -> anyhow::Result<()> {
    writeln!(out, "\n| collapse | each move | once a day | these rules |")?;
    writeln!(out, "| --- | --- | --- | --- |")?;
    for collapse in score.collapses() {
        let cells = Way::ALL.map(|way| match score.caught(way, collapse) {
            None => "not told".to_owned(),
            Some(Caught { after, readings }) => {
                let minutes = Span::minutes(after.0.as_secs() / 60);
                let plural = if readings == 1 { "" } else { "s" };
                format!("after {minutes} ({readings} reading{plural})")
            }
        });
        writeln!(out, "| {} | {} |", collapse.what, cells.join(" | "))?;
    }
    Ok(())
}
