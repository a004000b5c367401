//! `stipend replay`: rules over recorded snapshots, to standard output.

use std::{fs, io::Write as _};

use anyhow::{Context as _, bail};

use super::{Format, ReplayArgs};
use crate::{
    alerting::{
        replay::{Line, Replay},
        rules_file,
    },
    domain::{time::Timestamp, verdict::Screen},
    sources::{
        Answer,
        defillama::{categories::Categories, pools},
        file,
    },
};

/// Prints each notice with its time, rule, pool and reason. The same input gives the same bytes.
pub(super) fn replay(args: &ReplayArgs) -> anyhow::Result<()> {
    let rules = fs::read_to_string(&args.rules)
        .with_context(|| format!("reading {}", args.rules.display()))?;
    let rules = rules_file::parse(&rules).with_context(|| args.rules.display().to_string())?;
    let snapshots = file::snapshots(&args.snapshots)
        .with_context(|| format!("listing {}", args.snapshots.display()))?;
    if snapshots.is_empty() {
        bail!("{} holds no .json or .json.zst", args.snapshots.display());
    }
    let categories = Categories::bundled();
    let mut replay = Replay::new(rules, Screen::default());
    let mut out = anstream::stdout().lock();
    let mut last = None;
    let (mut batches, mut notices) = (0_u32, 0_u32);
    for snapshot in snapshots {
        let name = snapshot.path.display();
        let Some(at) = snapshot.stated else {
            bail!("{name} tells no time: neither its pools nor its name hold one");
        };
        let read = file::read_pools(&snapshot.path)
            .and_then(|body| pools::answer(&body, last, at, &categories));
        let batch = match read {
            Ok(Answer::Batch(batch)) => batch,
            Ok(Answer::Unchanged) => continue,
            Err(error) => {
                notice_of_skipping(&name.to_string(), at, &error);
                continue;
            }
        };
        last = Some(batch.digest);
        batches += 1;
        match replay.feed(batch) {
            Ok(lines) => {
                for line in lines {
                    notices += u32::from(matches!(line, Line::Edge(_)));
                    print(&mut out, args.format, &line)?;
                }
            }
            Err(half_empty) => notice_of_skipping(&name.to_string(), at, &half_empty),
        }
    }
    if args.format == Format::Text {
        writeln!(out, "{notices} notices from {batches} snapshots")?;
    }
    Ok(())
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
