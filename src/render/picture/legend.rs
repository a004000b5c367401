//! What the lines, areas and marks of the picture mean. Only what is on it is named.

use plotters::{
    element::{Cross, PathElement, Rectangle, TriangleMarker},
    style::{Color as _, RGBColor},
};

use super::{
    BASE, Canvas, MEDIAN, NotDrawn, QUIET_WORDS, REWARD, SUSPECT, TOTAL, TVL, WORDS,
    head::{MARGIN, style, width},
    letters::Weight,
    panel::AREA,
    panels, px,
};
use crate::{
    domain::past::Past,
    render::numbers::{grouped, percent},
};

const TOP: i32 = 118;
const SIZE: i32 = 28;
/// Where swatches have their middle.
const MIDDLE: i32 = TOP + 7;
const SWATCH: i32 = 26;
const AFTER_SWATCH: i32 = 8;
const BETWEEN: i32 = 20;

/// How a thing looks on the picture.
#[derive(Debug, Clone, Copy)]
pub(super) enum Swatch {
    Line(RGBColor),
    Dashes(RGBColor),
    Area(RGBColor),
    Cross(RGBColor),
    Triangle(RGBColor),
    /// Said in words alone.
    Nothing,
}

/// A thing on the picture, and what it is.
pub(super) type Entry = (Swatch, String);

pub(super) fn draw(canvas: &Canvas<'_>, entries: &[Entry]) -> Result<(), NotDrawn> {
    let mut left = MARGIN;
    for (swatch, words) in entries {
        let colour = match swatch {
            Swatch::Nothing => QUIET_WORDS,
            _ => WORDS,
        };
        if !matches!(swatch, Swatch::Nothing) {
            draw_swatch(canvas, *swatch, left)?;
            left += SWATCH + AFTER_SWATCH;
        }
        let style = style(Weight::Regular, SIZE)?.color(&colour);
        canvas.draw_text(words, &style, (px(left), px(TOP)))?;
        left += width(canvas, words, &style)? / px(1) + BETWEEN;
    }
    Ok(())
}

pub(super) fn of_past(past: &Past) -> Vec<Entry> {
    let Some(figures) = past.figures() else {
        return Vec::new();
    };
    let mut entries = vec![(Swatch::Line(TOTAL), "APY".to_owned())];
    if past.believed().any(|paid| paid.base.is_some()) {
        entries.push((Swatch::Area(BASE), "base".to_owned()));
    }
    if past.believed().any(|paid| paid.reward.is_some()) {
        entries.push((Swatch::Area(REWARD), "rewards".to_owned()));
    }
    if figures.unsplit == figures.believed {
        entries.push((Swatch::Nothing, "(split not stated)".to_owned()));
    }
    let median = format!("median {}", percent(figures.median));
    entries.push((Swatch::Dashes(MEDIAN), median));
    let reach = panels::rates_reach(past);
    let far = past
        .believed()
        .filter(|paid| reach.leaves_out(paid.apy.get()));
    let far = far.count();
    if far > 0 {
        entries.push((
            Swatch::Triangle(TOTAL),
            format!("{} off scale", grouped(far)),
        ));
    }
    if figures.suspect > 0 {
        let words = format!("{} suspect", grouped(figures.suspect));
        entries.push((Swatch::Cross(SUSPECT), words));
    }
    entries.push((Swatch::Area(TVL), "TVL".to_owned()));
    entries
}

fn draw_swatch(canvas: &Canvas<'_>, swatch: Swatch, left: i32) -> Result<(), NotDrawn> {
    let (start, end) = (px(left), px(left + SWATCH));
    let (middle, centre) = (px(MIDDLE), px(left + SWATCH / 2));
    let line = |from, to, colour: RGBColor| {
        PathElement::new(
            vec![(from, middle), (to, middle)],
            colour.stroke_width(px(4).cast_unsigned()),
        )
    };
    match swatch {
        Swatch::Line(colour) => canvas.draw(&line(start, end, colour))?,
        Swatch::Dashes(colour) => {
            canvas.draw(&line(start, start + px(11), colour))?;
            canvas.draw(&line(end - px(11), end, colour))?;
        }
        Swatch::Area(colour) => {
            let corners = [(start, middle - px(10)), (end, middle + px(10))];
            canvas.draw(&Rectangle::new(corners, colour.mix(AREA).filled()))?;
        }
        Swatch::Cross(colour) => {
            let stroke = colour.stroke_width(px(4).cast_unsigned());
            canvas.draw(&Cross::new((centre, middle), px(9), stroke))?;
        }
        Swatch::Triangle(colour) => {
            let triangle = TriangleMarker::new((centre, middle + px(2)), px(9), colour.filled());
            canvas.draw(&triangle)?;
        }
        Swatch::Nothing => {}
    }
    Ok(())
}
