//! `stipend verdict`: the durability score over recorded charts, its benchmark, and its learning.

use std::{
    fs,
    io::{self, Write},
    path::Path,
};

use anyhow::{Context as _, bail};

use super::VerdictArgs;
use crate::{
    domain::{
        reading::DataState,
        verdict::{Evidence, Screen, assess, durability::Durability, record::Record},
    },
    sources::file,
    study::{
        benchmark::{Answer, benchmark, learn},
        measure::largest_gap,
        rows::{Chart, feed_of, reading_of},
    },
};

/// Does what was asked of the charts.
pub(super) fn execute(args: &VerdictArgs) -> anyhow::Result<()> {
    let charts = charts(&args.charts)?;
    if let Some(file) = &args.train {
        return train(&charts, file);
    }
    if args.benchmark {
        return write_benchmark(&mut anstream::stdout().lock(), &benchmark(&charts));
    }
    match &args.out {
        Some(file) => {
            let out =
                fs::File::create(file).with_context(|| format!("writing {}", file.display()))?;
            write_scores(io::BufWriter::new(out), &charts)
        }
        None => write_scores(anstream::stdout().lock(), &charts),
    }
}

fn charts(path: &Path) -> anyhow::Result<Vec<Chart>> {
    let recorded = file::recorded_charts(path).with_context(|| path.display().to_string())?;
    if recorded.is_empty() {
        bail!("{} holds no chart", path.display());
    }
    let chart = |(pool, days): (_, Vec<_>)| Chart {
        pool,
        days: days
            .iter()
            .map(crate::sources::defillama::chart::ChartDay::day_reading)
            .collect(),
    };
    Ok(recorded.into_iter().map(chart).collect())
}

/// Every pool's every day with the scores and the verdict of that day, by what was known then. A score
/// that cannot be given is left empty.
fn write_scores(mut out: impl Write, charts: &[Chart]) -> anyhow::Result<()> {
    writeln!(out, "pool,day,score,paid_score,verdict")?;
    let screen = Screen::default();
    let said = |score: Option<f64>| score.map_or_else(String::new, |score| format!("{score:.6}"));
    for chart in charts {
        for (at, day) in chart.days.iter().enumerate() {
            let past = chart.days.get(..at).unwrap_or_default();
            let record = Record::of(past, day.day);
            let assessment = assess(
                &Evidence {
                    reading: &reading_of(day),
                    data: DataState::Good,
                    record: record.as_ref(),
                    feed: &feed_of(past, day),
                },
                &screen,
            );
            writeln!(
                out,
                "{},{},{},{},{}",
                chart.pool,
                day.day,
                said(assessment.score),
                said(assessment.paid_score),
                assessment.verdict.slug()
            )?;
        }
    }
    out.flush()?;
    Ok(())
}

/// Learns the curves and writes them as the program keeps them.
fn train(charts: &[Chart], file: &Path) -> anyhow::Result<()> {
    let learnt = learn(charts);
    fs::write(file, curves_file(&learnt)?)
        .with_context(|| format!("writing {}", file.display()))?;
    let from = &learnt.learnt_from;
    writeln!(
        anstream::stdout().lock(),
        "{} days of {} pools, {} to {}: {}",
        from.all_days,
        from.pools,
        from.first,
        from.last,
        file.display()
    )?;
    Ok(())
}

/// The file of curves, with what it says of itself.
fn curves_file(learnt: &Durability) -> anyhow::Result<String> {
    Ok(format!("{HEADING}\n{}", toml::to_string(learnt)?))
}

const HEADING: &str = "\
# What each input adds to the logarithm of the odds that a rate is lost. Made by `stipend verdict --train`;
# README.md says how good it is. `adds` has one number more than `edges`: what lies below the first edge, then
# a number for each step. The charts are mostly those of pools on decentralised exchanges.
";

fn write_benchmark(out: &mut impl Write, answers: &[Answer]) -> anyhow::Result<()> {
    if answers.is_empty() {
        bail!("the charts hold too few days to judge by");
    }
    writeln!(
        out,
        "The charts are mostly of pools on decentralised exchanges: of others the figures say less.\n"
    )?;
    for answer in answers {
        writeln!(
            out,
            "{}: {} days count, {:.1} % came true",
            answer.question.slug(),
            answer.rows,
            answer.base_rate * 100.0
        )?;
        writeln!(out, "| judged by | ROC AUC | average precision |")?;
        writeln!(out, "| --- | ---: | ---: |")?;
        for figures in &answer.rankings {
            let (name, ranking) = (figures.name, figures.ranking);
            writeln!(
                out,
                "| {name} | {:.3} | {:.3} |",
                ranking.auc, ranking.average_precision
            )?;
        }
        let [least, most] = answer.parts;
        writeln!(
            out,
            "\nfive parts of the pools: ROC AUC {:.3} to {:.3}, average precision {:.3} to {:.3}",
            least.auc, most.auc, least.average_precision, most.average_precision
        )?;
        let (precision, recall) = answer.over_100;
        writeln!(
            out,
            "APY above 100 %: precision {:.1} %, recall {:.1} %; stipend at that precision: recall {:.1} %\n",
            precision * 100.0,
            recall * 100.0,
            answer.recall * 100.0
        )?;
        writeln!(out, "| told | days | mean told | came true | gap |")?;
        writeln!(out, "| --- | ---: | ---: | ---: | ---: |")?;
        for bin in &answer.bins {
            writeln!(
                out,
                "| {:.0}–{:.0} % | {} | {:.3} | {:.3} | {:.3} |",
                bin.from * 100.0,
                bin.from * 100.0 + 10.0,
                bin.rows,
                bin.told,
                bin.came_true,
                bin.gap()
            )?;
        }
        writeln!(
            out,
            "\nlargest gap of a bin with 100 days or more: {:.3}\n",
            largest_gap(&answer.bins, 100)
        )?;
    }
    Ok(())
}
