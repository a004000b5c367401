//! Pictures, by their pixels. How they look was judged by eye, over the charts of some hundred pools.

use std::ops::RangeInclusive;

use proptest::prelude::*;

use super::*;
use crate::{
    domain::{rate::Percent, reading::DayReading, time::Day},
    render::samples,
};

const FIRST: i32 = 20_600;
const RANGE: RangeInclusive<Day> = Day(FIRST)..=Day(FIRST + 89);

/// Discord takes more, but a telephone on the road has to load it.
const MOST_BYTES: usize = 200_000;

fn paid(day: i32, apy: f64) -> DayReading {
    DayReading {
        day: Day(day),
        apy: Percent::new(apy).unwrap(),
        base: Percent::new(apy * 0.7),
        reward: Percent::new(apy * 0.3),
        tvl_usd: 1e6 + f64::from(day % 17) * 5e4,
    }
}

/// A calm rate on each of these days of the range.
fn calm(days: impl IntoIterator<Item = i32>) -> Vec<DayReading> {
    let apy = |day| 4.0 + f64::from(day % 7) / 10.0;
    days.into_iter()
        .map(|day| paid(FIRST + day, apy(day)))
        .collect()
}

fn drawn(days: impl IntoIterator<Item = DayReading>) -> Vec<u8> {
    let past = Past::new(days, RANGE);
    let pool = samples::pool();
    let of = Chart {
        pool: &pool,
        past: &past,
        source: "DefiLlama",
    };
    chart(&of).unwrap()
}

/// The colours of a picture, row by row.
struct Pixels(Vec<u8>);

impl Pixels {
    fn of(bytes: &[u8]) -> Self {
        let mut reader = png::Decoder::new(std::io::Cursor::new(bytes))
            .read_info()
            .unwrap();
        let info = reader.info();
        assert_eq!((info.width, info.height), (WIDTH, HEIGHT));
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut pixels).unwrap();
        Self(pixels)
    }

    fn at(&self, x: usize, y: usize) -> [u8; 3] {
        let at = (y * WIDTH as usize + x) * CHANNELS;
        self.0[at..at + CHANNELS].try_into().unwrap()
    }

    /// How many pixels of a part of the picture have just this colour.
    fn count(
        &self,
        colour: RGBColor,
        x: std::ops::Range<usize>,
        y: std::ops::Range<usize>,
    ) -> usize {
        let wanted = [colour.0, colour.1, colour.2];
        let all = y.flat_map(|y| x.clone().map(move |x| (x, y)));
        all.filter(|(x, y)| self.at(*x, *y) == wanted).count()
    }
}

/// Where the panel of rates is.
const RATES: std::ops::Range<usize> = 158..480;
const ACROSS: std::ops::Range<usize> = 180..1_050;

/// Where the days from one of the range to another are.
fn columns(days: RangeInclusive<usize>) -> std::ops::Range<usize> {
    let left = head::MARGIN + panel::VALUES_WIDE;
    let across = WIDTH.cast_signed() - head::MARGIN - panel::MARK_ROOM - left;
    let day = |day: usize| {
        let place = left + i32::try_from(day).unwrap() * across / 90;
        usize::try_from(place).unwrap()
    };
    day(*days.start())..day(days.end() + 1)
}

#[test]
fn the_same_values_make_the_same_bytes() {
    let picture = drawn(calm(0..90));
    assert!(picture == drawn(calm(0..90)));
    assert!(picture != drawn(calm(0..89)));
}

#[test]
fn a_spike_that_nobody_believes_changes_nothing_but_its_mark() {
    let mut with = calm(0..90);
    with[45] = paid(FIRST + 45, 355_083.0);
    let without: Vec<i32> = (0..90).filter(|day| *day != 45).collect();
    let (with, without) = (drawn(with), drawn(calm(without)));
    let (with, without) = (Pixels::of(&with), Pixels::of(&without));
    for x in columns(0..=43).chain(columns(47..=89)) {
        for y in RATES {
            assert_eq!(with.at(x, y), without.at(x, y), "{x}, {y}");
        }
    }
    assert!(with.count(SUSPECT, columns(44..=46), RATES) > 20);
    assert_eq!(without.count(SUSPECT, columns(0..=89), RATES), 0);
}

#[test]
fn a_gap_is_left_open() {
    let days: Vec<i32> = (0..30).chain(60..90).collect();
    let picture = Pixels::of(&drawn(calm(days)));
    assert!(picture.count(TOTAL, columns(0..=29), RATES) > 500);
    assert!(picture.count(TOTAL, columns(60..=89), RATES) > 500);
    assert_eq!(picture.count(TOTAL, columns(31..=58), RATES), 0);
    assert_eq!(picture.count(TVL, columns(31..=58), 496..610), 0);
}

#[test]
fn what_is_off_the_scale_is_marked() {
    let mut days = calm(0..90);
    days[44] = paid(FIRST + 44, 900.0);
    days[45] = paid(FIRST + 45, 800.0);
    let picture = Pixels::of(&drawn(days));
    let top = RATES.start..RATES.start + 18;
    assert!(picture.count(TOTAL, columns(43..=46), top.clone()) > 100);
    assert_eq!(picture.count(TOTAL, columns(0..=41), top), 0);
}

#[test]
fn no_part_is_drawn_where_the_split_is_not_known() {
    // What an area is mixed to on the card, to within what rounding makes of it.
    let is_mixed = |[r, g, b]: [u8; 3], over: RGBColor| {
        let mixed = |over: u8, under: u8| {
            f64::from(over) * panel::AREA + f64::from(under) * (1.0 - panel::AREA)
        };
        [
            (r, over.0, CARD.0),
            (g, over.1, CARD.1),
            (b, over.2, CARD.2),
        ]
        .into_iter()
        .all(|(is, over, under)| (f64::from(is) - mixed(over, under)).abs() <= 2.0)
    };
    let count = |picture: &Pixels, colour: RGBColor| {
        RATES
            .flat_map(|y| ACROSS.map(move |x| (x, y)))
            .filter(|(x, y)| is_mixed(picture.at(*x, *y), colour))
            .count()
    };
    let split = Pixels::of(&drawn(calm(0..90)));
    let unsplit = calm(0..90).into_iter().map(|paid| DayReading {
        base: None,
        reward: None,
        ..paid
    });
    let unsplit = Pixels::of(&drawn(unsplit));
    for colour in [BASE, REWARD] {
        assert!(count(&split, colour) > 10_000, "{colour:?}");
        assert_eq!(count(&unsplit, colour), 0, "{colour:?}");
    }
}

#[test]
fn the_longest_legend_stays_on_the_card() {
    let mut days: Vec<DayReading> = (0..90).map(|day| paid(FIRST + day, 288_888.0)).collect();
    for day in (0..84).step_by(4) {
        days[day + 2] = paid(FIRST + i32::try_from(day).unwrap() + 2, 0.0);
    }
    days[86] = paid(FIRST + 86, 999_999.0);
    days[87] = paid(FIRST + 87, 999_999.0);
    let picture = Pixels::of(&drawn(days));
    let right = (WIDTH.cast_signed() - head::MARGIN).cast_unsigned() as usize;
    let legend = 112..150;
    assert!(picture.count(WORDS, 900..right, legend.clone()) > 20);
    assert_eq!(picture.count(WORDS, right..WIDTH as usize, legend), 0);
}

#[test]
fn the_demonstration_s_pools_are_drawn() {
    /// Day, TVL, APY, base, rewards.
    type Row = (String, f64, f64, Option<f64>, Option<f64>);
    #[derive(serde::Deserialize)]
    struct Line {
        days: Vec<Row>,
    }
    let market = include_bytes!("../../../data/demo-market.ndjson.zst");
    let market = zstd::decode_all(market.as_slice()).unwrap();
    let lines = std::str::from_utf8(&market).unwrap().lines().skip(1);
    let range = Day::parse("2025-07-02").unwrap()..=Day::parse("2025-09-29").unwrap();
    let pool = samples::hostile_pool();
    for line in lines.step_by(11) {
        let line: Line = serde_json::from_str(line).unwrap();
        let days = line
            .days
            .into_iter()
            .map(|(day, tvl_usd, apy, base, reward)| DayReading {
                day: Day::parse(&day).unwrap(),
                apy: Percent::new(apy).unwrap(),
                base: base.and_then(Percent::new),
                reward: reward.and_then(Percent::new),
                tvl_usd,
            });
        let past = Past::new(days, range.clone());
        let of = Chart {
            pool: &pool,
            past: &past,
            source: "DefiLlama",
        };
        let picture = chart(&of).unwrap();
        assert!(picture.len() < MOST_BYTES, "{}", picture.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Whatever a source states, there is a picture, and it is small.
    #[test]
    fn nothing_that_is_finite_breaks_it(
        days in proptest::collection::vec(
            (0..365_i32, rates(), proptest::option::of(rates()), proptest::option::of(rates()), rates()),
            0..365,
        ),
    ) {
        let days = days.into_iter().map(|(day, apy, base, reward, tvl_usd)| DayReading {
            day: Day(FIRST + day),
            apy: Percent::new(apy).unwrap(),
            base: base.and_then(Percent::new),
            reward: reward.and_then(Percent::new),
            tvl_usd,
        });
        let past = Past::new(days, Day(FIRST)..=Day(FIRST + 364));
        let pool = samples::hostile_pool();
        let of = Chart { pool: &pool, past: &past, source: "\u{1F436}\u{1F436}" };
        let picture = chart(&of).unwrap();
        prop_assert!(picture.len() < MOST_BYTES, "{}", picture.len());
    }
}

fn rates() -> impl Strategy<Value = f64> {
    prop_oneof![
        6 => 0.0..30.0_f64,
        2 => -1e3..1e6_f64,
        1 => prop::num::f64::NORMAL,
        1 => Just(0.0),
    ]
}
