//! The two panels, one below the other over the same days: what was paid, and what lay in the pool.

use plotters::{
    chart::{ChartBuilder, ChartContext},
    coord::cartesian::Cartesian2d,
    element::{Circle, Cross, PathElement, Polygon, TriangleMarker},
    prelude::BitMapBackend,
    series::DashedLineSeries,
    style::{Color as _, RGBColor, ShapeStyle},
};

use super::{
    BASE, Canvas, GRID, MEDIAN, NotDrawn, QUIET_WORDS, REWARD, SUSPECT, TOTAL, TVL, WIDTH,
    axis::Axis,
    head::{MARGIN, style},
    letters::Weight,
    px,
    scale::{self, Reach},
};
use crate::{
    domain::{past::Past, rate::Percent, reading::DayReading},
    render::numbers,
};

const RATES_TOP: i32 = 156;
const RATES_HIGH: i32 = 326;
const TVL_TOP: i32 = 496;
const TVL_HIGH: i32 = 158;
/// Of the days, below the lower panel.
const DAYS_HIGH: i32 = 44;
pub(super) const VALUES_WIDE: i32 = 140;
const LABEL: i32 = 29;
/// The library sets labels of values a little too high.
const LABEL_DROP: i32 = 4;
const RATE_TICKS: u32 = 5;
const TVL_TICKS: u32 = 3;

/// How strong areas are, so that the grid and what overlaps still show.
pub(super) const AREA: f64 = 0.75;
const LINE: i32 = 4;
const MARK: i32 = 9;
/// Above and beside a panel, so that marks at its edge are whole.
pub(super) const MARK_ROOM: i32 = MARK + 3;

type Panel<'a> = ChartContext<'a, BitMapBackend<'a>, Cartesian2d<Axis, Axis>>;
/// A day and a value.
type Point = (f64, f64);

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
    let place = (RATES_TOP, RATES_HIGH);
    let mut panel = panel(canvas, past, reach, place, 0)?;
    mesh(&mut panel, past, &numbers::limit)?;
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
        let style = stroke(MEDIAN, 3);
        let ends = [(first, median), (last, median)];
        let dashes =
            DashedLineSeries::new(ends, px(14).cast_unsigned(), px(9).cast_unsigned(), style);
        panel.draw_series(dashes)?;
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
    area(panel, &ground, &base, BASE)?;
    area(panel, &base, &both, REWARD)
}

fn tvl(canvas: &Canvas<'_>, past: &Past, reach: Reach) -> Result<(), NotDrawn> {
    let place = (TVL_TOP, TVL_HIGH);
    let mut panel = panel(canvas, past, reach, place, DAYS_HIGH)?;
    mesh(&mut panel, past, &numbers::dollars)?;
    for run in past.runs() {
        let ground = points(&run, |_| reach.hold(0.0));
        let held = points(&run, |paid| reach.hold(paid.tvl_usd));
        area(&mut panel, &ground, &held, TVL)?;
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

fn day(paid: &DayReading) -> f64 {
    f64::from(paid.day.0)
}

fn points(days: &[DayReading], value: impl Fn(&DayReading) -> f64) -> Vec<Point> {
    days.iter().map(|paid| (day(paid), value(paid))).collect()
}

fn stroke(colour: RGBColor, width: i32) -> ShapeStyle {
    colour.stroke_width(px(width).cast_unsigned())
}

/// A panel at `place`, which is where its top is and how high it is with `days_high` for the days.
fn panel<'a>(
    canvas: &Canvas<'a>,
    past: &Past,
    reach: Reach,
    (top, high): (i32, i32),
    days_high: i32,
) -> Result<Panel<'a>, NotDrawn> {
    let wide = WIDTH.cast_signed() - 2 * MARGIN;
    let ground = canvas
        .clone()
        .shrink((px(MARGIN), px(top)), (px(wide), px(high)));
    let (first, last) = span(past);
    let days: Vec<f64> = scale::day_ticks(&scale::shown(past))
        .into_iter()
        .map(|(day, _)| f64::from(day.0))
        .collect();
    let ticks = if days_high == 0 {
        RATE_TICKS
    } else {
        TVL_TICKS
    };
    Ok(ChartBuilder::on(&ground)
        .y_label_area_size(px(VALUES_WIDE))
        .x_label_area_size(px(days_high))
        .margin_top(px(MARK_ROOM))
        .margin_right(px(MARK_ROOM))
        .build_cartesian_2d(
            Axis::new(first - 0.5..last + 0.5, days),
            Axis::new(reach.low..reach.high, reach.ticks(ticks)),
        )?)
}

fn mesh(panel: &mut Panel<'_>, past: &Past, words: &dyn Fn(f64) -> String) -> Result<(), NotDrawn> {
    let labels = style(Weight::Regular, LABEL)?.color(&QUIET_WORDS);
    let ticks = scale::day_ticks(&scale::shown(past));
    let day_words = |at: &f64| {
        let tick = ticks
            .iter()
            .find(|(day, _)| f64::from(day.0).to_bits() == at.to_bits());
        tick.map_or_else(String::new, |(_, words)| words.clone())
    };
    panel
        .configure_mesh()
        .bold_line_style(stroke(GRID, 1))
        .light_line_style(GRID.mix(0.0))
        .axis_style(stroke(GRID, 2))
        .label_style(labels)
        .y_label_offset(px(LABEL_DROP))
        .x_label_formatter(&day_words)
        .y_label_formatter(&|value| words(*value))
        .draw()?;
    Ok(())
}

/// The area between two lines over the same days; a bar for a day that stands alone.
fn area(
    panel: &mut Panel<'_>,
    lower: &[Point],
    upper: &[Point],
    colour: RGBColor,
) -> Result<(), NotDrawn> {
    let corners: Vec<Point> = match (lower, upper) {
        ([(at, low)], [(_, high)]) => {
            let (left, right) = (at - 0.4, at + 0.4);
            vec![(left, *low), (left, *high), (right, *high), (right, *low)]
        }
        _ => upper.iter().chain(lower.iter().rev()).copied().collect(),
    };
    if lower
        .iter()
        .zip(upper)
        .any(|(lower, upper)| upper.1 > lower.1)
    {
        panel.draw_series([Polygon::new(corners, colour.mix(AREA))])?;
    }
    Ok(())
}

/// A line through days that follow each other; a dot for a day that stands alone.
fn line(panel: &mut Panel<'_>, points: Vec<Point>, colour: RGBColor) -> Result<(), NotDrawn> {
    if let [alone] = points.as_slice() {
        panel.draw_series([Circle::new(*alone, px(LINE), colour.filled())])?;
    } else {
        panel.draw_series([PathElement::new(points, stroke(colour, LINE))])?;
    }
    Ok(())
}
