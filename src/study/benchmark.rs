//! The benchmark of the durability score: pools and times that it never saw, beside plain baselines.

use crate::domain::{
    ids::PoolId,
    time::Day,
    verdict::{
        Origin,
        durability::{Additive, Durability, LearntFrom, Questions},
        input::Inputs,
        outcome::known_on,
    },
};

use super::{
    fit::{Lesson, PARTS, fit, part_of_pool},
    measure::{Bin, Ranking, Told, calibration, ranking, recall_at, screen},
    rows::{Chart, Plain, Row, rows},
};

/// What is asked of a rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    /// Whether it falls below half of today's.
    Collapse,
    /// Whether it falls below half of the last month's.
    Decay,
}

impl Question {
    pub const ALL: [Self; 2] = [Self::Collapse, Self::Decay];

    pub const fn slug(self) -> &'static str {
        match self {
            Self::Collapse => "collapse",
            Self::Decay => "decay",
        }
    }

    fn is_lost(self, row: &Row) -> bool {
        match self {
            Self::Collapse => row.fate.is_collapse(),
            Self::Decay => row.fate.is_decay(),
        }
    }

    const fn left(self) -> fn(&Row) -> f64 {
        match self {
            Self::Collapse => |row| row.fate.of_today,
            Self::Decay => |row| row.fate.of_month,
        }
    }

    fn lesson(self, origin: Origin, pools: &[PoolId]) -> Lesson<'_> {
        let (collapse, decay) = Questions::inputs(origin);
        Lesson {
            inputs: match self {
                Self::Collapse => collapse,
                Self::Decay => decay,
            },
            of: inputs_of(origin),
            left: self.left(),
            pools,
        }
    }
}

const fn inputs_of(origin: Origin) -> fn(&Row) -> &Inputs {
    match origin {
        Origin::Own => |row| &row.own,
        Origin::Feed => |row| &row.feed,
    }
}

/// Learns the curves from all charts.
pub fn learn(charts: &[Chart]) -> Durability {
    let rows = rows(charts);
    let all: Vec<&Row> = rows.iter().collect();
    let pools: Vec<PoolId> = charts.iter().map(|chart| chart.pool).collect();
    let questions = |origin| Questions {
        collapse: fit(&all, &Question::Collapse.lesson(origin, &pools)),
        decay: fit(&all, &Question::Decay.lesson(origin, &pools)),
    };
    Durability {
        learnt_from: learnt_from(&rows),
        own: questions(Origin::Own),
        feed: questions(Origin::Feed),
    }
}

/// What the charts are that the curves are learnt from.
const DATA: &str = "daily charts of pools as DefiLlama's /chart answers them (MIT-licensed captures of \
     September and October 2025), mostly of decentralised exchanges";

fn learnt_from(rows: &[Row]) -> LearntFrom {
    let mut charts: Vec<usize> = rows.iter().map(|row| row.chart).collect();
    charts.dedup();
    let days = || rows.iter().map(|row| row.day);
    let said = |day: Option<Day>| day.map_or_else(String::new, |day| day.to_string());
    LearntFrom {
        data: DATA.to_owned(),
        pools: charts.len(),
        days: rows.iter().filter(|row| row.counts).count(),
        all_days: rows.len(),
        first: said(days().min()),
        last: said(days().max()),
    }
}

/// What came of judging rows.
#[derive(Debug, Clone)]
pub struct Figures {
    pub name: &'static str,
    pub ranking: Ranking,
}

/// One question, judged on what was held out.
#[derive(Debug, Clone)]
pub struct Answer {
    pub question: Question,
    /// Rows that count, and the share of them that came true.
    pub rows: usize,
    pub base_rate: f64,
    /// Ours, on pools that it did not learn from; the same from the feed's summary alone; ours on a
    /// later time than it learnt from; then the baselines.
    pub rankings: Vec<Figures>,
    /// Smallest and largest of the parts.
    pub parts: [Ranking; 2],
    pub bins: Vec<Bin>,
    /// Precision and recall of the screen for over 100 %.
    pub over_100: (f64, f64),
    /// Our recall at that precision.
    pub recall: f64,
}

/// Judges every pool by curves that were learnt from the others, and the later rows by curves that were
/// learnt from the earlier ones.
pub fn benchmark(charts: &[Chart]) -> Vec<Answer> {
    let rows = rows(charts);
    let pools: Vec<PoolId> = charts.iter().map(|chart| chart.pool).collect();
    Question::ALL
        .into_iter()
        .filter_map(|question| answer(question, &rows, &pools))
        .collect()
}

fn answer(question: Question, rows: &[Row], pools: &[PoolId]) -> Option<Answer> {
    let counted: Vec<&Row> = rows.iter().filter(|row| row.counts).collect();
    let plainly = |value: fn(&Plain) -> f64| -> Vec<Told> {
        let told = counted.iter();
        told.map(|row| (value(&row.plain), question.is_lost(row)))
            .collect()
    };
    let own = held_out(question, Origin::Own, rows, pools);
    let told: Vec<Told> = own.iter().flatten().copied().collect();
    let parts: Vec<Ranking> = own.iter().filter_map(|part| ranking(part)).collect();
    let feed = held_out(question, Origin::Feed, rows, pools).concat();
    let logistic = plain_logistic(question, rows, pools);
    let over_100 = screen(plainly(|plain| f64::from(plain.apy > 100.0)));
    let rankings = [
        ("stipend, pools it never saw", told.clone()),
        ("stipend, by the feed's summary alone", feed),
        ("stipend, a time it never saw", later(question, rows, pools)),
        ("plain logistic regression, the same pools", logistic),
        (
            "APY over its 30-day median",
            plainly(|plain| plain.over_median),
        ),
        ("APY level", plainly(|plain| plain.apy)),
        (
            "reward share",
            plainly(|plain| plain.reward_share.unwrap_or(0.0)),
        ),
    ];
    let extreme = |pick: fn(f64, f64) -> f64| {
        let of = |value: fn(&Ranking) -> f64| parts.iter().map(value).reduce(pick);
        Some(Ranking {
            auc: of(|part| part.auc)?,
            average_precision: of(|part| part.average_precision)?,
        })
    };
    Some(Answer {
        question,
        rows: counted.len(),
        base_rate: share(counted.iter().map(|row| question.is_lost(row))),
        rankings: rankings
            .into_iter()
            .filter_map(|(name, told)| {
                let ranking = ranking(&told)?;
                Some(Figures { name, ranking })
            })
            .collect(),
        parts: [extreme(f64::min)?, extreme(f64::max)?],
        bins: calibration(&told),
        over_100,
        recall: recall_at(&told, over_100.0),
    })
}

/// The chance of losing the rate as told for each part of the pools by curves that were learnt from the
/// other parts.
fn held_out(question: Question, origin: Origin, rows: &[Row], pools: &[PoolId]) -> Vec<Vec<Told>> {
    let lesson = question.lesson(origin, pools);
    parts(rows, pools)
        .into_iter()
        .map(|(taught, held)| {
            let model = fit(&taught, &lesson);
            judge(question, &model, lesson.of, held)
        })
        .collect()
}

/// For each part: the rows of the others, and its own rows that count.
fn parts<'a>(rows: &'a [Row], pools: &[PoolId]) -> Vec<(Vec<&'a Row>, Vec<&'a Row>)> {
    (0..PARTS)
        .map(|part| {
            let is_held = |row: &&Row| {
                pools
                    .get(row.chart)
                    .is_some_and(|pool| part_of_pool(*pool) == part)
            };
            let (held, taught): (Vec<&Row>, Vec<&Row>) = rows.iter().partition(is_held);
            (taught, held.into_iter().filter(|row| row.counts).collect())
        })
        .collect()
}

fn judge(
    question: Question,
    model: &Additive,
    inputs: fn(&Row) -> &Inputs,
    rows: Vec<&Row>,
) -> Vec<Told> {
    rows.into_iter()
        .map(|row| {
            let chance = 1.0 - model.chance_to_last(inputs(row));
            (chance, question.is_lost(row))
        })
        .collect()
}

/// The last three tenths of the days, judged by curves learnt from what was known before them.
fn later(question: Question, rows: &[Row], pools: &[PoolId]) -> Vec<Told> {
    let mut days: Vec<Day> = rows.iter().map(|row| row.day).collect();
    days.sort_unstable();
    let Some(border) = days.get(days.len() * 7 / 10).copied() else {
        return Vec::new();
    };
    let lesson = question.lesson(Origin::Own, pools);
    let taught: Vec<&Row> = rows
        .iter()
        .filter(|row| known_on(row.day) < border)
        .collect();
    let held = rows.iter().filter(|row| row.counts && row.day >= border);
    judge(question, &fit(&taught, &lesson), lesson.of, held.collect())
}

/// The baseline: a logistic regression of level, reward share, ratio to mean and median, variation,
/// 7-day trend, TVL and its changes, learnt and judged like ours.
fn plain_logistic(question: Question, rows: &[Row], pools: &[PoolId]) -> Vec<Told> {
    parts(rows, pools)
        .into_iter()
        .flat_map(|(taught, held)| {
            let taught: Vec<&Row> = taught.into_iter().filter(|row| row.counts).collect();
            let model = Logistic::fit(&taught, question);
            held.into_iter()
                .map(move |row| (model.log_odds(&row.plain), question.is_lost(row)))
                .collect::<Vec<_>>()
        })
        .collect()
}

const PLAIN: usize = 9;

struct Logistic {
    means: [f64; PLAIN],
    deviations: [f64; PLAIN],
    weights: [f64; PLAIN],
    offset: f64,
}

fn plain_inputs(plain: &Plain) -> [Option<f64>; PLAIN] {
    [
        Some(plain.apy.max(0.01).ln()),
        plain.reward_share,
        Some(plain.over_mean.max(1e-4).ln()),
        Some(plain.over_median.max(1e-4).ln()),
        Some(plain.variation),
        plain.week_trend,
        Some(plain.tvl_usd.max(1.0).ln()),
        plain.tvl_week,
        plain.tvl_month,
    ]
}

impl Logistic {
    fn fit(rows: &[&Row], question: Question) -> Self {
        const STEPS: usize = 600;
        let inputs: Vec<[Option<f64>; PLAIN]> =
            rows.iter().map(|row| plain_inputs(&row.plain)).collect();
        let lost: Vec<f64> = rows
            .iter()
            .map(|row| f64::from(question.is_lost(row)))
            .collect();
        let (means, deviations) = moments(&inputs);
        let mut model = Self {
            means,
            deviations,
            weights: [0.0; PLAIN],
            offset: 0.0,
        };
        let standard: Vec<[f64; PLAIN]> = inputs.iter().map(|row| model.standard(row)).collect();
        #[expect(clippy::cast_precision_loss, reason = "counts of rows")]
        let count = rows.len().max(1) as f64;
        for _ in 0..STEPS {
            let mut slope = [0.0; PLAIN];
            let mut level = 0.0;
            for (row, lost) in standard.iter().zip(&lost) {
                let error = lost - 1.0 / (1.0 + (-model.sum(row)).exp());
                level += error;
                for (slope, value) in slope.iter_mut().zip(row) {
                    *slope += error * value;
                }
            }
            model.offset += 2.0 * level / count;
            for (weight, slope) in model.weights.iter_mut().zip(slope) {
                *weight += 2.0 * slope / count;
            }
        }
        model
    }

    fn log_odds(&self, plain: &Plain) -> f64 {
        self.sum(&self.standard(&plain_inputs(plain)))
    }

    fn sum(&self, row: &[f64; PLAIN]) -> f64 {
        let terms = row.iter().zip(&self.weights);
        self.offset + terms.map(|(value, weight)| value * weight).sum::<f64>()
    }

    /// In deviations from the mean, five at most; the mean stands in for what is not known.
    fn standard(&self, row: &[Option<f64>; PLAIN]) -> [f64; PLAIN] {
        let mut standard = [0.0; PLAIN];
        let scales = self.means.iter().zip(&self.deviations);
        for ((place, value), (mean, deviation)) in standard.iter_mut().zip(row).zip(scales) {
            if let Some(value) = value {
                *place = ((value - mean) / deviation.max(1e-9)).clamp(-5.0, 5.0);
            }
        }
        standard
    }
}

fn moments(rows: &[[Option<f64>; PLAIN]]) -> ([f64; PLAIN], [f64; PLAIN]) {
    let (mut means, mut deviations) = ([0.0; PLAIN], [1.0; PLAIN]);
    for (at, (mean, deviation)) in means.iter_mut().zip(&mut deviations).enumerate() {
        let known = || rows.iter().filter_map(|row| row.get(at).copied().flatten());
        #[expect(clippy::cast_precision_loss, reason = "counts of rows")]
        let count = known().count().max(1) as f64;
        *mean = known().sum::<f64>() / count;
        let middle = *mean;
        let squares: f64 = known().map(|value| (value - middle).powi(2)).sum();
        *deviation = (squares / count).sqrt();
    }
    (means, deviations)
}

#[expect(clippy::cast_precision_loss, reason = "counts of rows")]
fn share(came_true: impl Iterator<Item = bool>) -> f64 {
    let (mut hits, mut all) = (0_usize, 0_usize);
    for hit in came_true {
        hits += usize::from(hit);
        all += 1;
    }
    hits as f64 / all.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{rate::Percent, reading::DayReading, verdict::input::Input},
        study::rows::known,
    };

    /// Made-up pools: even ones pay about the same each day, odd ones leap to five times that for a day
    /// now and then. Enough of them to be dealt into parts.
    fn charts(count: u8) -> Vec<Chart> {
        (0..count)
            .map(|number| Chart {
                pool: PoolId::from_bytes([number; 16]),
                days: (0..130).map(|day| made_up(number, day)).collect(),
            })
            .collect()
    }

    fn made_up(number: u8, day: i32) -> DayReading {
        let wave = 1.0 + 0.1 * f64::from((day + i32::from(number)) % 5);
        let leaps = number % 2 == 1 && (day * 7 + i32::from(number)) % 6 == 0;
        let apy = if leaps { 30.0 * wave } else { 6.0 * wave };
        DayReading {
            day: Day(19_000 + day),
            apy: Percent::new(apy).unwrap(),
            base: Percent::new(apy),
            reward: None,
            tvl_usd: 1e6 * wave,
        }
    }

    #[test]
    fn what_is_learnt_tells_spikes_on_pools_that_it_never_saw() {
        let charts = charts(36);
        let rows = rows(&charts);
        let pools: Vec<PoolId> = charts.iter().map(|chart| chart.pool).collect();
        let lesson = Question::Collapse.lesson(Origin::Own, &pools);
        let (taught, held): (Vec<&Row>, Vec<&Row>) = rows.iter().partition(|row| row.chart < 28);
        let told = judge(Question::Collapse, &fit(&taught, &lesson), lesson.of, held);
        let found = ranking(&told).unwrap();
        assert!(found.auc > 0.99, "{found:?}");
        let bins = calibration(&told);
        assert!(bins.first().unwrap().came_true < 0.01, "{bins:?}");
        assert!(bins.last().unwrap().came_true > 0.99, "{bins:?}");
    }

    #[test]
    fn pools_are_dealt_into_parts_whole() {
        let charts = charts(30);
        let rows = rows(&charts);
        let pools: Vec<PoolId> = charts.iter().map(|chart| chart.pool).collect();
        let mut judged = 0;
        for (taught, held) in parts(&rows, &pools) {
            let of = |rows: &[&Row]| -> std::collections::HashSet<usize> {
                rows.iter().map(|row| row.chart).collect()
            };
            assert!(of(&taught).is_disjoint(&of(&held)));
            judged += held.len();
        }
        assert_eq!(judged, rows.iter().filter(|row| row.counts).count());
    }

    #[test]
    fn the_same_charts_give_the_same_curves() {
        let charts = charts(16);
        let learnt = learn(&charts);
        let lesson = Question::Collapse.lesson(Origin::Own, &[]);
        let rows = rows(&charts);
        let all: Vec<&Row> = rows.iter().collect();
        let lesson = Lesson {
            pools: &charts.iter().map(|chart| chart.pool).collect::<Vec<_>>(),
            ..lesson
        };
        assert_eq!(learnt.own.collapse, fit(&all, &lesson));
        assert_eq!(
            (learnt.learnt_from.pools, learnt.learnt_from.first.as_str()),
            (16, "2022-01-22")
        );
        let text = toml::to_string(&learnt).unwrap();
        assert_eq!(toml::from_str::<Durability>(&text).unwrap(), learnt);
    }

    #[test]
    fn the_curves_that_are_shipped_are_whole() {
        let shipped = Durability::shipped();
        assert!(shipped.learnt_from.days > 10_000);
        for origin in [Origin::Own, Origin::Feed] {
            let (collapse, decay) = Questions::inputs(origin);
            let questions = shipped.for_record(origin);
            for (model, inputs) in [(&questions.collapse, collapse), (&questions.decay, decay)] {
                let of: Vec<Input> = model.curves.iter().map(|curve| curve.input).collect();
                assert_eq!(of, inputs);
                for curve in &model.curves {
                    assert_eq!(curve.adds.len(), curve.edges.len() + 1, "{:?}", curve.input);
                    assert!(curve.edges.is_sorted(), "{:?}", curve.input);
                    let all = curve
                        .adds
                        .iter()
                        .chain(&curve.edges)
                        .chain([&curve.missing]);
                    assert!(all.copied().all(f64::is_finite), "{:?}", curve.input);
                }
            }
        }
    }

    #[test]
    fn a_score_is_the_sum_of_what_its_inputs_add() {
        let charts = charts(16);
        let known = charts.get(1).and_then(|chart| known(chart, 80)).unwrap();
        let model = &Durability::shipped().own.collapse;
        let sum: f64 = model.contributions(&known.own).map(|(_, adds)| adds).sum();
        assert!((model.offset + sum - model.log_odds(&known.own)).abs() < 1e-9);
        assert_eq!(model.contributions(&known.own).count(), model.curves.len());
    }

    #[test]
    fn a_day_is_known_by_nothing_after_it() {
        let charts = charts(16);
        let chart = charts.get(3).unwrap();
        for at in [20, 50, 70] {
            let mut shuffled = chart.clone();
            for (ahead, day) in shuffled.days.iter_mut().skip(at + 1).enumerate() {
                *day = made_up(7, 900 - i32::try_from(ahead).unwrap());
            }
            let bits = |chart: &Chart| {
                let known = known(chart, at).unwrap();
                [known.own, known.feed]
                    .map(|inputs| Input::ALL.map(|input| inputs.get(input).to_bits()))
            };
            assert_eq!(bits(chart), bits(&shuffled));
        }
    }
}
