//! A pool's past and a plan's years as pictures: values in, the bytes of a PNG out, the same for the same
//! values.
//!
//! Discord shows a picture 550 px wide and 350 px high at most, and 350 px wide on a telephone. It is
//! made twice as large, on a card of its own that stands on the dark and on the light theme. The
//! colours are those of Okabe and Ito, which people tell apart whatever colours they see, and nothing
//! is told by colour alone.

use plotters::{
    coord::Shift,
    drawing::{DrawingArea, DrawingAreaErrorKind, IntoDrawingArea as _},
    prelude::BitMapBackend,
    style::RGBColor,
};

use crate::domain::{
    currency::Currency,
    past::Past,
    plan::projection::{Plan, Projection, range::Range},
    pool::Pool,
};

mod axis;
mod growth;
mod head;
mod legend;
mod letters;
mod panel;
mod panels;
mod scale;

/// A pool's past to be drawn.
#[derive(Debug, Clone, Copy)]
pub struct Chart<'a> {
    pub pool: &'a Pool,
    pub past: &'a Past,
    /// The source as people know it.
    pub source: &'a str,
}

/// A capital's years to be drawn.
#[derive(Debug, Clone, Copy)]
pub struct Growth<'a> {
    pub plan: &'a Plan,
    pub currency: Currency,
    pub projection: &'a Projection,
    /// `None` where nobody knows how yields vary.
    pub range: Option<&'a Range>,
}

/// The drawing library gave up, which it does not for values that are finite.
#[derive(Debug, thiserror::Error)]
#[error("no picture could be drawn: {0}")]
pub struct NotDrawn(String);

impl<E: std::error::Error + Send + Sync> From<DrawingAreaErrorKind<E>> for NotDrawn {
    fn from(error: DrawingAreaErrorKind<E>) -> Self {
        Self(error.to_string())
    }
}

impl From<png::EncodingError> for NotDrawn {
    fn from(error: png::EncodingError) -> Self {
        Self(error.to_string())
    }
}

/// Pixels of the picture.
const WIDTH: u32 = 1_100;
const HEIGHT: u32 = 700;
/// Drawn so many times as large and then shrunk, since the library places everything on whole pixels.
const FINE: u32 = 2;
const CHANNELS: usize = 3;

const CARD: RGBColor = RGBColor(0x1B, 0x1D, 0x22);
const EDGE: RGBColor = RGBColor(0x4E, 0x51, 0x5A);
const GRID: RGBColor = RGBColor(0x3A, 0x3D, 0x45);
const WORDS: RGBColor = RGBColor(0xF2, 0xF3, 0xF5);
const QUIET_WORDS: RGBColor = RGBColor(0xB8, 0xBD, 0xC6);
const TOTAL: RGBColor = RGBColor(0xFF, 0xFF, 0xFF);
const BASE: RGBColor = RGBColor(0x56, 0xB4, 0xE9);
const REWARD: RGBColor = RGBColor(0xE6, 0x9F, 0x00);
const MEDIAN: RGBColor = RGBColor(0xF0, 0xE4, 0x42);
const SUSPECT: RGBColor = RGBColor(0xFF, 0x7A, 0x45);
const TVL: RGBColor = RGBColor(0x1F, 0xB8, 0x8A);

type Canvas<'a> = DrawingArea<BitMapBackend<'a>, Shift>;

/// A length on the picture, in pixels of what is drawn.
const fn px(length: i32) -> i32 {
    length * FINE.cast_signed()
}

/// Draws a pool's past, and answers with a PNG of at most some 100 kB. It takes some hundredths of a
/// second, so a caller that keeps others waiting draws elsewhere.
pub fn chart(chart: &Chart<'_>) -> Result<Vec<u8>, NotDrawn> {
    card(|canvas| {
        head::words(canvas, &head::of_past(chart))?;
        legend::draw(canvas, &legend::of_past(chart.past))?;
        panels::draw(canvas, chart.past)
    })
}

/// Draws a capital's years, like [`chart`].
pub fn growth(growth: &Growth<'_>) -> Result<Vec<u8>, NotDrawn> {
    card(|canvas| {
        head::words(canvas, &growth::head(growth))?;
        legend::draw(canvas, &growth::legend(growth))?;
        growth::draw(canvas, growth)
    })
}

/// A card with its edge, and on it whatever `draw` does.
fn card(draw: impl FnOnce(&Canvas<'_>) -> Result<(), NotDrawn>) -> Result<Vec<u8>, NotDrawn> {
    let (width, height) = (WIDTH * FINE, HEIGHT * FINE);
    let mut pixels = vec![0; width as usize * height as usize * CHANNELS];
    {
        let canvas = BitMapBackend::with_buffer(&mut pixels, (width, height)).into_drawing_area();
        canvas.fill(&CARD)?;
        head::edge(&canvas)?;
        draw(&canvas)?;
        canvas.present()?;
    }
    encode(&shrink(&pixels))
}

/// Each pixel from the mean of those that were drawn for it.
fn shrink(drawn: &[u8]) -> Vec<u8> {
    let fine = FINE as usize;
    let row = WIDTH as usize * fine * CHANNELS;
    let mean = |pixels: [u8; 4]| {
        let sum: u16 = pixels.into_iter().map(u16::from).sum();
        u8::try_from((sum + 2) / 4).unwrap_or(u8::MAX)
    };
    let mut shrunk = Vec::with_capacity(drawn.len() / (fine * fine));
    for rows in drawn.chunks_exact(row * fine) {
        let (upper, lower) = rows.split_at(row);
        let pairs = upper
            .chunks_exact(CHANNELS * fine)
            .zip(lower.chunks_exact(CHANNELS * fine));
        for (upper, lower) in pairs {
            shrunk.extend((0..CHANNELS).map(|channel| {
                mean([
                    upper[channel],
                    upper[channel + CHANNELS],
                    lower[channel],
                    lower[channel + CHANNELS],
                ])
            }));
        }
    }
    shrunk
}

fn encode(pixels: &[u8]) -> Result<Vec<u8>, NotDrawn> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, WIDTH, HEIGHT);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Balanced);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(pixels)?;
    writer.finish()?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;
