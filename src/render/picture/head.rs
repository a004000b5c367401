//! What stands around the panels: the name, the range, the foot.

use plotters::{
    element::Rectangle,
    style::{
        TextStyle,
        text_anchor::{HPos, Pos, VPos},
    },
};

use super::{
    CARD, Canvas, Chart, EDGE, HEIGHT, NotDrawn, QUIET_WORDS, WIDTH, WORDS,
    letters::{self, Weight},
    px, scale,
};
use crate::render::{DOT, count, text};

/// From the left and the right edge to what stands on the card.
pub(super) const MARGIN: i32 = 32;
const TITLE_Y: i32 = 24;
const TITLE: i32 = 42;
const SUBTITLE_Y: i32 = 73;
const SUBTITLE: i32 = 30;
const FOOT_Y: i32 = 662;
const FOOT: i32 = 27;

/// A line around the card, so that it ends somewhere on any background.
pub(super) fn edge(canvas: &Canvas<'_>) -> Result<(), NotDrawn> {
    let (right, bottom) = (px(WIDTH.cast_signed()) - 1, px(HEIGHT.cast_signed()) - 1);
    for inset in 0..px(2) {
        let corners = [(inset, inset), (right - inset, bottom - inset)];
        canvas.draw(&Rectangle::new(corners, EDGE))?;
    }
    Ok(())
}

/// The words around the panels, each on one line.
pub(super) struct Head {
    pub title: String,
    pub subtitle: String,
    pub foot: String,
}

pub(super) fn of_past(chart: &Chart<'_>) -> Head {
    let pool = chart.pool;
    let place = [&pool.protocol, &pool.chain].map(|name| text::plain_name(name));
    let range = scale::range_words(&scale::shown(chart.past));
    Head {
        title: text::plain_name(&pool.symbol),
        subtitle: format!("{}{DOT}{range}", place.join(DOT)),
        foot: foot(chart),
    }
}

pub(super) fn words(canvas: &Canvas<'_>, head: &Head) -> Result<(), NotDrawn> {
    let title = style(Weight::Bold, TITLE)?.color(&WORDS);
    line(canvas, &head.title, &title, TITLE_Y)?;
    let quiet = style(Weight::Regular, SUBTITLE)?.color(&QUIET_WORDS);
    line(canvas, &head.subtitle, &quiet, SUBTITLE_Y)?;
    let quiet = style(Weight::Regular, FOOT)?.color(&QUIET_WORDS);
    line(canvas, &head.foot, &quiet, FOOT_Y)
}

fn foot(chart: &Chart<'_>) -> String {
    let range = chart.past.range();
    let asked = usize::try_from(range.end().0 - range.start().0 + 1).unwrap_or(0);
    let known = chart.past.days().len();
    let source = text::clean(chart.source, text::NAME);
    let days = count(asked, "day", "days");
    format!("{source}{DOT}{known} of {days} known{DOT}not advice")
}

/// Letters of a size in pixels of the picture.
pub(super) fn style(weight: Weight, size: i32) -> Result<TextStyle<'static>, NotDrawn> {
    let font = letters::font(weight, px(size))?;
    Ok(font.color(&CARD).pos(Pos::new(HPos::Left, VPos::Top)))
}

/// One line from the left margin, cut where the card ends.
fn line(canvas: &Canvas<'_>, text: &str, style: &TextStyle<'_>, y: i32) -> Result<(), NotDrawn> {
    let room = px(WIDTH.cast_signed() - 2 * MARGIN);
    let mut shown = letters::writable(text);
    while width(canvas, &shown, style)? > room {
        let most = shown.chars().count().saturating_sub(2);
        shown = crate::render::message::cut(&shown, most);
    }
    canvas.draw_text(&shown, style, (px(MARGIN), px(y)))?;
    Ok(())
}

/// Of a text, in pixels of what is drawn.
pub(super) fn width(
    canvas: &Canvas<'_>,
    text: &str,
    style: &TextStyle<'_>,
) -> Result<i32, NotDrawn> {
    let (width, _) = canvas.estimate_text_size(text, style)?;
    Ok(i32::try_from(width).unwrap_or(i32::MAX))
}
