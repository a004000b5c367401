//! The two panels, one below the other over the same days: what was paid, and what lay in the pool.

use plotters::{
    element::{Cross, TriangleMarker},
    style::Color as _,
};

use super::{
    BASE, Canvas, MEDIAN, NotDrawn, REWARD, SUSPECT, TOTAL, TVL,
    panel::{self, AREA, Across, LOWER, MARK, Panel, Point, UPPER, area, dashes, line, stroke},
    px,
    scale::{self, Reach},
};
use crate::{
    domain::{past::Past, rate::Percent, reading::DayReading},
    render::numbers,
};

pub(super) fn draw(canvas: &Canvas<'_>, past: &Past) -> Result<(), NotDrawn> {
    let reach = rates_reach(past);
    rates(canvas, past, reach)?;
    let tvl_reach = Reach::of(past.days().iter().map(|day| day.paid.tvl_usd));
    tvl(canvas, past, tvl_reach)
}

/// How far the axis of rates goes: to what is believed.
pub(super) fn rates_reach(past: &Past) -> Reach {
    Reach::of(past.believed().map(|paid| paid.apy.get()))
}

fn rates(canvas: &Canvas<'_>, past: &Past, reach: Reach) -> Result<(), NotDrawn> {
    let mut panel = panel::framed(canvas, UPPER, &across(past), reach, &numbers::limit)?;
    for run in past.believed_runs() {
        for split in run.chunk_by(|a, b| a.is_split() == b.is_split()) {
            parts(&mut panel, split, reach)?;
        }
        let total: Vec<Point> = points(&run, |paid| reach.hold(paid.apy.get()));
        line(&mut panel, total, TOTAL)?;
    }
    if let Some(figures) = past.figures() {
        let (first, last) = span(past);
        let median = reach.hold(figures.median.get());
        dashes(&mut panel, vec![(first, median), (last, median)], MEDIAN)?;
    }
    let far = past
        .believed()
        .filter(|paid| reach.leaves_out(paid.apy.get()));
    let far =
        far.map(|paid| TriangleMarker::new((day(paid), reach.high), px(MARK), TOTAL.filled()));
    panel.draw_series(far)?;
    let suspect = past.suspect().map(|paid| {
        let at = (day(paid), reach.hold(paid.apy.get()));
        Cross::new(at, px(MARK), stroke(SUSPECT, 4))
    });
    panel.draw_series(suspect)?;
    Ok(())
}

/// What fees pay with what rewards pay on top of it, for days whose split is known.
fn parts(panel: &mut Panel<'_>, days: &[DayReading], reach: Reach) -> Result<(), NotDrawn> {
    if !days.iter().all(DayReading::is_split) {
        return Ok(());
    }
    let part = |rate: Option<Percent>| rate.map_or(0.0, Percent::get).max(0.0);
    let ground = points(days, |_| reach.hold(0.0));
    let base = points(days, |paid| reach.hold(part(paid.base)));
    let both = points(days, |paid| reach.hold(part(paid.base) + part(paid.reward)));
    area(panel, &ground, &base, BASE, AREA)?;
    area(panel, &base, &both, REWARD, AREA)
}

fn tvl(canvas: &Canvas<'_>, past: &Past, reach: Reach) -> Result<(), NotDrawn> {
    let mut panel = panel::framed(canvas, LOWER, &across(past), reach, &numbers::dollars)?;
    for run in past.runs() {
        let ground = points(&run, |_| reach.hold(0.0));
        let held = points(&run, |paid| reach.hold(paid.tvl_usd));
        area(&mut panel, &ground, &held, TVL, AREA)?;
        line(&mut panel, held, TVL)?;
    }
    let known = past.days().iter().map(|day| &day.paid);
    let far = known.filter(|paid| reach.leaves_out(paid.tvl_usd));
    let far = far.map(|paid| TriangleMarker::new((day(paid), reach.high), px(MARK), TVL.filled()));
    panel.draw_series(far)?;
    Ok(())
}

/// The first and the last day to be shown, as places on the axis.
fn span(past: &Past) -> (f64, f64) {
    let shown = scale::shown(past);
    (f64::from(shown.start().0), f64::from(shown.end().0))
}

/// The days below both panels.
fn across(past: &Past) -> Across {
    let (first, last) = span(past);
    let ticks = scale::day_ticks(&scale::shown(past)).into_iter();
    Across {
        range: first - 0.5..last + 0.5,
        ticks: ticks
            .map(|(day, words)| (f64::from(day.0), words))
            .collect(),
    }
}

fn day(paid: &DayReading) -> f64 {
    f64::from(paid.day.0)
}

fn points(days: &[DayReading], value: impl Fn(&DayReading) -> f64) -> Vec<Point> {
    days.iter().map(|paid| (day(paid), value(paid))).collect()
}
