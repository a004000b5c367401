//! A panel of a picture: axes, grid, and what is drawn on it. Two of them stand one below the other over the
//! same axis.

use std::ops::Range;

use plotters::{
    chart::{ChartBuilder, ChartContext},
    coord::cartesian::Cartesian2d,
    element::{Circle, PathElement, Polygon},
    prelude::BitMapBackend,
    series::DashedLineSeries,
    style::{Color as _, RGBColor, ShapeStyle},
};

use super::{
    Canvas, GRID, NotDrawn, QUIET_WORDS, WIDTH,
    axis::Axis,
    head::{MARGIN, style},
    letters::Weight,
    px,
    scale::Reach,
};

/// Where a panel is, in pixels of the picture.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    top: i32,
    high: i32,
    /// Of the labels below it; those of the upper panel stand below the lower one.
    labels_high: i32,
    /// About so many values are labelled.
    value_ticks: u32,
}

pub(super) const UPPER: Place = Place {
    top: 156,
    high: 326,
    labels_high: 0,
    value_ticks: 5,
};
pub(super) const LOWER: Place = Place {
    top: 496,
    high: 158,
    labels_high: 44,
    value_ticks: 3,
};

pub(super) const VALUES_WIDE: i32 = 140;
const LABEL: i32 = 29;
/// The library sets labels of values a little too high.
const LABEL_DROP: i32 = 4;

/// How strong areas are, so that the grid and what overlaps still show.
pub(super) const AREA: f64 = 0.75;
const LINE: i32 = 4;
pub(super) const MARK: i32 = 9;
/// Above and beside a panel, so that marks at its edge are whole.
pub(super) const MARK_ROOM: i32 = MARK + 3;

pub(super) type Panel<'a> = ChartContext<'a, BitMapBackend<'a>, Cartesian2d<Axis, Axis>>;
/// A place on the axis below, and a value.
pub(super) type Point = (f64, f64);

/// The axis below both panels.
pub(super) struct Across {
    pub range: Range<f64>,
    /// Places that are labelled, with their words.
    pub ticks: Vec<(f64, String)>,
}

/// A panel with its grid and labels; `words` are those of a value.
pub(super) fn framed<'a>(
    canvas: &Canvas<'a>,
    place: Place,
    across: &Across,
    reach: Reach,
    words: &dyn Fn(f64) -> String,
) -> Result<Panel<'a>, NotDrawn> {
    let wide = WIDTH.cast_signed() - 2 * MARGIN;
    let ground = canvas
        .clone()
        .shrink((px(MARGIN), px(place.top)), (px(wide), px(place.high)));
    let ticks = across.ticks.iter().map(|(at, _)| *at).collect();
    let mut panel = ChartBuilder::on(&ground)
        .y_label_area_size(px(VALUES_WIDE))
        .x_label_area_size(px(place.labels_high))
        .margin_top(px(MARK_ROOM))
        .margin_right(px(MARK_ROOM))
        .build_cartesian_2d(
            Axis::new(across.range.clone(), ticks),
            Axis::new(reach.low..reach.high, reach.ticks(place.value_ticks)),
        )?;
    mesh(&mut panel, across, words)?;
    Ok(panel)
}

fn mesh(
    panel: &mut Panel<'_>,
    across: &Across,
    words: &dyn Fn(f64) -> String,
) -> Result<(), NotDrawn> {
    let labels = style(Weight::Regular, LABEL)?.color(&QUIET_WORDS);
    let tick_words = |at: &f64| {
        let ticks = across.ticks.iter();
        let mut same = ticks.filter(|(place, _)| place.to_bits() == at.to_bits());
        same.next()
            .map_or_else(String::new, |(_, words)| words.clone())
    };
    panel
        .configure_mesh()
        .bold_line_style(stroke(GRID, 1))
        .light_line_style(GRID.mix(0.0))
        .axis_style(stroke(GRID, 2))
        .label_style(labels)
        .y_label_offset(px(LABEL_DROP))
        .x_label_formatter(&tick_words)
        .y_label_formatter(&|value| words(*value))
        .draw()?;
    Ok(())
}

pub(super) fn stroke(colour: RGBColor, width: i32) -> ShapeStyle {
    colour.stroke_width(px(width).cast_unsigned())
}

/// The area between two lines over the same places; a bar for a place that stands alone.
pub(super) fn area(
    panel: &mut Panel<'_>,
    lower: &[Point],
    upper: &[Point],
    colour: RGBColor,
    strength: f64,
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
        panel.draw_series([Polygon::new(corners, colour.mix(strength))])?;
    }
    Ok(())
}

/// A line through places that follow each other; a dot for one that stands alone.
pub(super) fn line(
    panel: &mut Panel<'_>,
    points: Vec<Point>,
    colour: RGBColor,
) -> Result<(), NotDrawn> {
    if let [alone] = points.as_slice() {
        panel.draw_series([Circle::new(*alone, px(LINE), colour.filled())])?;
    } else {
        panel.draw_series([PathElement::new(points, stroke(colour, LINE))])?;
    }
    Ok(())
}

/// A line of dashes.
pub(super) fn dashes(
    panel: &mut Panel<'_>,
    points: Vec<Point>,
    colour: RGBColor,
) -> Result<(), NotDrawn> {
    let (dash, gap) = (px(14).cast_unsigned(), px(9).cast_unsigned());
    panel.draw_series(DashedLineSeries::new(points, dash, gap, stroke(colour, 3)))?;
    Ok(())
}
