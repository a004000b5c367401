//! Income by month, in its three kinds one above the other, and below it how much each method brings.
//!
//! The kinds are told apart by how strong they are as well as by colour: what was received is full, what is
//! only estimated is faint with a line around it.

use plotters::{
    element::{PathElement, Rectangle},
    style::{
        Color as _, RGBColor,
        text_anchor::{HPos, Pos, VPos},
    },
};
use rust_decimal::{Decimal, prelude::ToPrimitive as _};

use super::{
    BASE, Canvas, GRID, MEDIAN, NotDrawn, QUIET_WORDS, TVL, WIDTH, WORDS, card,
    head::{self, Head, MARGIN, style, width},
    legend::{self, Entry, Swatch},
    letters::{self, Weight},
    panel::{self, Across, Panel, UPPER, area, stroke},
    px,
    scale::Reach,
};
use crate::{
    domain::{
        currency::{Currency, Reckoning},
        flow::{Flow, Parts},
    },
    render::{
        DOT,
        income::month_words,
        numbers::{bare, short, sum},
    },
};

/// Income to be drawn, in what its owner reckons in.
#[derive(Debug, Clone, PartialEq)]
pub struct Chart {
    window: String,
    currency: Currency,
    months: Vec<(String, Parts)>,
    /// By what brings most.
    methods: Vec<(&'static str, Decimal)>,
    whole: Parts,
}

/// Methods that are drawn; the others are told in words alone.
const MOST_METHODS: usize = 4;
/// Words of months that fit beside each other.
const MOST_TICKS: usize = 6;
/// Half of a month's bar, in months.
const HALF_BAR: f64 = 0.36;

const RECEIVED: (RGBColor, f64) = (TVL, 0.95);
const EXPECTED: (RGBColor, f64) = (BASE, 0.75);
const ESTIMATED: (RGBColor, f64) = (MEDIAN, 0.30);

const METHODS_TOP: i32 = 512;
const METHOD_HIGH: i32 = 36;
const METHOD_LETTERS: i32 = 27;
const NAME_WIDE: i32 = 250;
const AMOUNT_WIDE: i32 = 190;

impl Chart {
    /// `None` where there is nothing to be drawn.
    pub fn of(flow: &Flow<'_>, reckoning: &Reckoning, window: &str) -> Option<Self> {
        let shown = |parts: &Parts| Parts {
            received: reckoning.of(parts.received),
            expected: reckoning.of(parts.expected),
            estimated: reckoning.of(parts.estimated),
        };
        let is_something = !flow.parts.total().is_zero();
        is_something.then(|| Self {
            window: window.to_owned(),
            currency: reckoning.currency,
            months: flow
                .months
                .iter()
                .map(|(month, parts)| (month_words(*month), shown(parts)))
                .collect(),
            methods: flow
                .methods
                .iter()
                .map(|(method, parts)| (method.label(), reckoning.of(parts.total())))
                .collect(),
            whole: shown(&flow.parts),
        })
    }

    /// A PNG, like [`chart`](super::chart).
    pub fn draw(&self) -> Result<Vec<u8>, NotDrawn> {
        card(|canvas| {
            head::words(canvas, &self.head())?;
            legend::draw(canvas, &self.legend())?;
            self.draw_months(canvas)?;
            self.draw_methods(canvas)
        })
    }

    fn head(&self) -> Head {
        let money = |amount| sum(amount, self.currency);
        Head {
            title: format!("Income {}", self.window),
            subtitle: format!(
                "{} together{DOT}by month and by method",
                money(self.whole.total())
            ),
            foot: format!("projected at today's rates, not a promise{DOT}not advice"),
        }
    }

    /// Only what is on the picture is named.
    fn legend(&self) -> Vec<Entry> {
        let whole = &self.whole;
        [
            (whole.received, Swatch::Area(RECEIVED.0), "received"),
            (whole.expected, Swatch::Area(EXPECTED.0), "expected"),
            (whole.estimated, Swatch::Dashes(ESTIMATED.0), "estimated"),
        ]
        .into_iter()
        .filter(|(amount, ..)| !amount.is_zero())
        .map(|(amount, swatch, words)| (swatch, format!("{words} {}", sum(amount, self.currency))))
        .collect()
    }

    fn draw_months(&self, canvas: &Canvas<'_>) -> Result<(), NotDrawn> {
        let words = |value: f64| {
            let figure = if value < 100.0 {
                bare(value)
            } else {
                short(value)
            };
            match self.currency {
                Currency::Share => format!("{figure} %"),
                currency => format!("{}{figure}", currency.sign()),
            }
        };
        let reach = Reach::whole(self.months.iter().map(|(_, parts)| number(parts.total())));
        let place = UPPER.labelled();
        let mut panel = panel::framed(canvas, place, &self.across(), reach, &words)?;
        for (place, (_, parts)) in (0_u32..).map(f64::from).zip(&self.months) {
            let received = number(parts.received);
            let expected = received + number(parts.expected);
            let all = expected + number(parts.estimated);
            bar(&mut panel, place, (0.0, received), RECEIVED)?;
            bar(&mut panel, place, (received, expected), EXPECTED)?;
            bar(&mut panel, place, (expected, all), ESTIMATED)?;
            if all > expected {
                let (left, right) = (place - HALF_BAR, place + HALF_BAR);
                let edge = vec![
                    (left, expected),
                    (left, all),
                    (right, all),
                    (right, expected),
                ];
                panel.draw_series([PathElement::new(edge, stroke(ESTIMATED.0, 2))])?;
            }
        }
        Ok(())
    }

    fn across(&self) -> Across {
        let months = self.months.len();
        let step = months.div_ceil(MOST_TICKS).max(1);
        let last = u32::try_from(months).map_or(0.0, f64::from);
        Across {
            range: -0.6..(last - 0.4).max(0.6),
            ticks: (0_u32..)
                .map(f64::from)
                .zip(&self.months)
                .step_by(step)
                .map(|(at, (words, _))| (at, words.clone()))
                .collect(),
        }
    }

    /// A bar for each method, as long as its share of the largest.
    fn draw_methods(&self, canvas: &Canvas<'_>) -> Result<(), NotDrawn> {
        let largest = self
            .methods
            .first()
            .map_or(0.0, |(_, amount)| number(*amount));
        let left = MARGIN + NAME_WIDE;
        let room = f64::from(WIDTH.cast_signed() - MARGIN - AMOUNT_WIDE - left);
        let words = style(Weight::Regular, METHOD_LETTERS)?;
        let rows = (0_i32..).zip(self.methods.iter().take(MOST_METHODS));
        for (row, (name, amount)) in rows {
            let top = METHODS_TOP + row * METHOD_HIGH;
            let share = if largest > 0.0 {
                number(*amount) / largest
            } else {
                0.0
            };
            let long = whole_pixels(share * room).max(2);
            canvas.draw_text(
                &letters::writable(name),
                &words.color(&WORDS),
                (px(MARGIN), px(top)),
            )?;
            let corners = |right: i32| [(px(left), px(top)), (px(right), px(top + 22))];
            let end = left + whole_pixels(room);
            canvas.draw(&Rectangle::new(corners(end), GRID.mix(0.35).filled()))?;
            canvas.draw(&Rectangle::new(
                corners(left + long),
                BASE.mix(0.85).filled(),
            ))?;
            let amount = sum(*amount, self.currency);
            let right = words
                .color(&QUIET_WORDS)
                .pos(Pos::new(HPos::Left, VPos::Top));
            let wide = width(canvas, &amount, &right)?;
            let at = px(WIDTH.cast_signed() - MARGIN) - wide;
            canvas.draw_text(&amount, &right, (at, px(top)))?;
        }
        Ok(())
    }
}

fn whole_pixels(length: f64) -> i32 {
    Decimal::try_from(length)
        .ok()
        .and_then(|length| length.round().to_i32())
        .unwrap_or_default()
}

fn bar(
    panel: &mut Panel<'_>,
    place: f64,
    (low, high): (f64, f64),
    (colour, strength): (RGBColor, f64),
) -> Result<(), NotDrawn> {
    let (left, right) = (place - HALF_BAR, place + HALF_BAR);
    let lower = [(left, low), (right, low)];
    let upper = [(left, high), (right, high)];
    area(panel, &lower, &upper, colour, strength)
}

fn number(amount: Decimal) -> f64 {
    amount.to_f64().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(received: i64, expected: i64, estimated: i64) -> Parts {
        Parts {
            received: received.into(),
            expected: expected.into(),
            estimated: estimated.into(),
        }
    }

    fn chart(months: usize) -> Chart {
        let month = |at: usize| {
            let at = i64::try_from(at).unwrap();
            let words = format!("M{at}");
            match at {
                0..=4 => (words, parts(40 + 7 * at, 0, 12)),
                5 => (words, parts(20, 30, 15)),
                _ => (words, parts(0, 55 + 3 * at, 15 + at)),
            }
        };
        let months: Vec<(String, Parts)> = (0..months).map(month).collect();
        let whole = months.iter().fold(parts(0, 0, 0), |sum, (_, part)| Parts {
            received: sum.received + part.received,
            expected: sum.expected + part.expected,
            estimated: sum.estimated + part.estimated,
        });
        Chart {
            window: "this year".to_owned(),
            currency: Currency::Eur,
            months,
            methods: vec![
                ("lending", 420.into()),
                ("delegated staking", 300.into()),
                ("liquidity pool", 120.into()),
                ("farming", 4.into()),
                ("vault", 1.into()),
            ],
            whole,
        }
    }

    #[test]
    fn the_same_income_makes_the_same_picture() {
        let picture = chart(12).draw().unwrap();
        assert!(picture == chart(12).draw().unwrap());
        assert!(picture != chart(11).draw().unwrap());
        assert!(picture.len() < 200_000);
    }

    #[test]
    fn every_length_is_drawn() {
        for months in [1, 2, 6, 7, 13, 25] {
            chart(months).draw().unwrap();
        }
    }

    #[test]
    fn only_what_there_is_stands_in_the_legend() {
        let named = |whole| {
            let chart = Chart { whole, ..chart(3) };
            chart
                .legend()
                .into_iter()
                .map(|(_, words)| words)
                .collect::<Vec<_>>()
        };
        assert_eq!(named(parts(59, 0, 0)), ["received €59.00"]);
        assert_eq!(named(parts(0, 3, 2)), ["expected €3.00", "estimated €2.00"]);
    }
}
