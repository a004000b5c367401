//! Learning curves from rows: boosted steps on single inputs, so that the sum stays a sum.
//!
//! In each round the step on one input that explains most of what is still wrong is added, a twentieth
//! of it. Half of the inputs and some six in ten pools take part in a round, dealt by a fixed hash, so
//! that the same rows give the same curves. Rows of pools with many days weigh less, or some pools would be
//! learnt by heart. The sum is set right at last against scores of pools that were held back.

use super::rows::Row;
use crate::domain::{
    ids::PoolId,
    verdict::{
        durability::{Additive, Curve},
        input::{Input, Inputs},
    },
};

/// What is learnt: whose inputs, and what counts as lost.
#[derive(Clone, Copy)]
pub struct Lesson<'a> {
    pub inputs: &'static [Input],
    pub of: fn(&Row) -> &Inputs,
    /// What is left of the rate, as a share: below a half it is lost.
    pub left: fn(&Row) -> f64,
    /// The pool of each row, by which pools are dealt into rounds and parts.
    pub pools: &'a [PoolId],
}

const ROUNDS: u64 = 600;
/// The part of a step that is taken.
const PACE: f64 = 0.05;
/// Pulls a step towards nothing where few rows speak for it, and the least that has to.
const CAUTION: f64 = 50.0;
const LEAST_WEIGHT: f64 = 10.0;
/// The chance that a pool, or an input, takes part in a round.
const POOLS: f64 = 0.6;
const INPUTS: f64 = 0.5;
/// Stretches of an input's values, with as many rows each.
const STRETCHES: usize = 64;
/// How far from a half a rate is clearly lost or kept, as a logarithm: what is left decides between.
const SOFTNESS: f64 = 0.12;
/// Rows that the benchmark does not count teach half as much.
const SMALL_WEIGHT: f64 = 0.5;
/// A pool of this many rows weighs like this many; one of four times as many like twice as many.
const USUAL_ROWS: f64 = 100.0;
/// Parts that are held back in turn to set the sum right.
pub const PARTS: u64 = 5;

/// Learns from these rows.
pub fn fit(rows: &[&Row], lesson: &Lesson<'_>) -> Additive {
    let mut held_back: Vec<(f64, bool)> = Vec::new();
    for part in 0..PARTS {
        let is_held = |row: &&&Row| part_of(row, lesson) == part;
        let taught: Vec<&Row> = rows.iter().filter(|row| !is_held(row)).copied().collect();
        let model = boost(&taught, lesson);
        held_back.extend(
            rows.iter()
                .filter(is_held)
                .filter(|row| row.counts)
                .map(|row| (model.log_odds((lesson.of)(row)), (lesson.left)(row) < 0.5)),
        );
    }
    let (offset, scale) = straighten(&held_back);
    rounded(boost(rows, lesson), offset, scale)
}

/// Which of [`PARTS`] a row's pool is in.
pub fn part_of(row: &Row, lesson: &Lesson<'_>) -> u64 {
    lesson
        .pools
        .get(row.chart)
        .map_or(0, |pool| part_of_pool(*pool))
}

/// Which of [`PARTS`] a pool is in: by its id alone, so that nobody chooses.
pub fn part_of_pool(pool: PoolId) -> u64 {
    hash(&[pool_number(pool)]) % PARTS
}

fn pool_number(pool: PoolId) -> u64 {
    let bytes = *pool.as_bytes();
    let (high, low) = bytes.split_at(8);
    let number = |half: &[u8]| half.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
    hash(&[number(high), number(low)])
}

/// `SplitMix64` over numbers: the same on every machine and with every release.
fn hash(numbers: &[u64]) -> u64 {
    numbers.iter().fold(0, |state: u64, number| {
        let mut mixed = (state ^ number).wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    })
}

/// Whether these numbers are dealt in, with a chance.
fn takes_part(numbers: &[u64], chance: f64) -> bool {
    #[expect(clippy::cast_precision_loss, reason = "53 bits of chance are enough")]
    let drawn = (hash(numbers) >> 11) as f64 / (1_u64 << 53) as f64;
    drawn < chance
}

/// A row of a lesson as numbers.
struct Pupil {
    pool: u64,
    weight: f64,
    /// How much the rate was lost, 0–1.
    lost: f64,
    log_odds: f64,
}

/// The values of one input, cut into stretches: 0 is not known, 1 lies below the first edge.
struct Column {
    edges: Vec<f64>,
    stretch: Vec<u8>,
    adds: Vec<f64>,
}

/// A step on one input.
#[derive(Clone, Copy)]
struct Step {
    gain: f64,
    column: usize,
    /// The last stretch on the left side.
    last: usize,
    unknown_is_left: bool,
    left: f64,
    right: f64,
}

impl Step {
    fn adds(&self, stretch: usize) -> f64 {
        let is_left = if stretch == 0 {
            self.unknown_is_left
        } else {
            stretch <= self.last
        };
        if is_left { self.left } else { self.right }
    }
}

fn boost(rows: &[&Row], lesson: &Lesson<'_>) -> Additive {
    let mut pupils = pupils(rows, lesson);
    let mut columns: Vec<Column> = lesson
        .inputs
        .iter()
        .map(|input| {
            Column::of(
                rows.iter()
                    .map(|row| (lesson.of)(row).get(*input))
                    .collect(),
            )
        })
        .collect();
    let (lost, weight) = pupils.iter().fold((0.0, 0.0), |(lost, weight), pupil| {
        (lost + pupil.lost * pupil.weight, weight + pupil.weight)
    });
    let share = (lost / weight.max(1e-6)).clamp(1e-6, 1.0 - 1e-6);
    let offset = (share / (1.0 - share)).ln();
    for pupil in &mut pupils {
        pupil.log_odds = offset;
    }
    for round in 0..ROUNDS {
        let errors = errors(&pupils, round);
        let dealt = (0_u64..).zip(&columns).enumerate();
        let best = dealt
            .filter(|(_, (number, _))| takes_part(&[round, *number, 7], INPUTS))
            .filter_map(|(at, (_, column))| column.best(at, &errors))
            .reduce(|one, other| if other.gain > one.gain { other } else { one });
        let Some(best) = best else { continue };
        if let Some(column) = columns.get_mut(best.column) {
            for (pupil, stretch) in pupils.iter_mut().zip(&column.stretch) {
                pupil.log_odds += PACE * best.adds(usize::from(*stretch));
            }
            for (stretch, adds) in column.adds.iter_mut().enumerate() {
                *adds += PACE * best.adds(stretch);
            }
        }
    }
    let curves = lesson.inputs.iter().zip(columns);
    Additive {
        offset,
        curves: curves.map(|(input, column)| column.curve(*input)).collect(),
    }
}

fn pupils(rows: &[&Row], lesson: &Lesson<'_>) -> Vec<Pupil> {
    let mut of_pool = vec![0.0_f64; lesson.pools.len()];
    for row in rows {
        if let Some(count) = of_pool.get_mut(row.chart) {
            *count += 1.0;
        }
    }
    rows.iter()
        .map(|row| {
            let count = of_pool.get(row.chart).copied().unwrap_or(1.0);
            let own = if row.counts { 1.0 } else { SMALL_WEIGHT };
            let left = (lesson.left)(row).max(1e-6).ln();
            Pupil {
                pool: lesson
                    .pools
                    .get(row.chart)
                    .map_or(0, |pool| pool_number(*pool)),
                weight: own * (USUAL_ROWS / count).sqrt(),
                lost: 1.0 / (1.0 + ((left - 0.5_f64.ln()) / SOFTNESS).exp()),
                log_odds: 0.0,
            }
        })
        .collect()
}

/// What is still wrong with each row, and how much a change would tell: the first two derivatives of
/// the logarithmic loss. Nothing for pools that sit the round out.
fn errors(pupils: &[Pupil], round: u64) -> Vec<(f64, f64)> {
    pupils
        .iter()
        .map(|pupil| {
            if !takes_part(&[round, pupil.pool], POOLS) {
                return (0.0, 0.0);
            }
            let chance = 1.0 / (1.0 + (-pupil.log_odds).exp());
            let error = (pupil.lost - chance) * pupil.weight;
            (error, chance * (1.0 - chance) * pupil.weight)
        })
        .collect()
}

impl Column {
    fn of(values: Vec<f64>) -> Self {
        let mut known: Vec<f64> = values
            .iter()
            .copied()
            .filter(|value| !value.is_nan())
            .collect();
        known.sort_unstable_by(f64::total_cmp);
        let mut edges: Vec<f64> = (1..STRETCHES)
            .filter_map(|stretch| known.get(stretch * known.len() / STRETCHES).copied())
            .map(rounded_to_six)
            .collect();
        edges.dedup();
        let stretch_of = |value: f64| {
            if value.is_nan() {
                return 0;
            }
            let below = edges.partition_point(|edge| *edge <= value);
            u8::try_from(below + 1).unwrap_or(u8::MAX)
        };
        Self {
            stretch: values.into_iter().map(stretch_of).collect(),
            adds: vec![0.0; edges.len() + 2],
            edges,
        }
    }

    /// The step on this input that explains most.
    fn best(&self, column: usize, errors: &[(f64, f64)]) -> Option<Step> {
        let mut sums = vec![(0.0, 0.0); self.adds.len()];
        for ((error, weight), stretch) in errors.iter().zip(&self.stretch) {
            if let Some(sum) = sums.get_mut(usize::from(*stretch)) {
                sum.0 += error;
                sum.1 += weight;
            }
        }
        let all = sums
            .iter()
            .fold((0.0, 0.0), |all, sum| (all.0 + sum.0, all.1 + sum.1));
        let unknown = sums.first().copied().unwrap_or_default();
        let mut best: Option<Step> = None;
        for unknown_is_left in [false, true] {
            if unknown_is_left && unknown.1 <= 0.0 {
                continue;
            }
            let mut left = if unknown_is_left { unknown } else { (0.0, 0.0) };
            for (last, sum) in sums.iter().enumerate().skip(1).take(self.edges.len()) {
                left = (left.0 + sum.0, left.1 + sum.1);
                let right = (all.0 - left.0, all.1 - left.1);
                if left.1 < LEAST_WEIGHT || right.1 < LEAST_WEIGHT {
                    continue;
                }
                let gain = |side: (f64, f64)| side.0 * side.0 / (side.1 + CAUTION);
                let gain = gain(left) + gain(right);
                if best.is_none_or(|best| gain > best.gain) {
                    best = Some(Step {
                        gain,
                        column,
                        last,
                        unknown_is_left,
                        left: left.0 / (left.1 + CAUTION),
                        right: right.0 / (right.1 + CAUTION),
                    });
                }
            }
        }
        best
    }

    fn curve(self, input: Input) -> Curve {
        let of_known = self.stretch.iter().filter(|stretch| **stretch > 0);
        let known: Vec<f64> = of_known
            .filter_map(|stretch| self.adds.get(usize::from(*stretch)).copied())
            .collect();
        let mut adds = self.adds.into_iter();
        let missing = adds.next().unwrap_or_default();
        Curve {
            input,
            edges: self.edges,
            // What is missing never counts as good: it adds at least what the typical known value adds.
            missing: mean(&known).map_or(missing, |typical| missing.max(typical)),
            adds: adds.collect(),
        }
    }
}

fn mean(values: &[f64]) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "counts of rows")]
    let count = values.len() as f64;
    (count > 0.0).then(|| values.iter().sum::<f64>() / count)
}

/// Offset and scale that set log-odds right against what came true: a logistic regression on one number,
/// by Newton's method. It holds on to what was learnt as if one row more spoke for that, and steps with
/// care, since rows that a number parts completely would take it to infinity.
fn straighten(told: &[(f64, bool)]) -> (f64, f64) {
    let (mut offset, mut scale) = (0.0_f64, 1.0_f64);
    for _ in 0..50 {
        let (mut g0, mut g1) = (-offset, 1.0 - scale);
        let (mut h00, mut h01, mut h11) = (1.0, 0.0, 1.0);
        for (log_odds, lost) in told {
            let chance = 1.0 / (1.0 + (-(offset + scale * log_odds)).exp());
            let error = f64::from(*lost) - chance;
            let weight = chance * (1.0 - chance);
            g0 += error;
            g1 += error * log_odds;
            h00 += weight;
            h01 += weight * log_odds;
            h11 += weight * log_odds * log_odds;
        }
        let determinant = h00 * h11 - h01 * h01;
        if determinant <= 0.0 {
            break;
        }
        offset += ((h11 * g0 - h01 * g1) / determinant).clamp(-0.5, 0.5);
        scale += ((h00 * g1 - h01 * g0) / determinant).clamp(-0.5, 0.5);
    }
    (offset, scale)
}

/// The sum set right, its numbers to three places, and steps of the same height joined.
fn rounded(model: Additive, offset: f64, scale: f64) -> Additive {
    let short = |value: f64| (value * 1e3).round() / 1e3 + 0.0;
    let curves = model.curves.into_iter().map(|curve| {
        let mut adds = curve.adds.iter().map(|adds| short(adds * scale));
        let (mut edges, mut steps) = (Vec::new(), Vec::from_iter(adds.next()));
        for (edge, adds) in curve.edges.iter().zip(adds) {
            if steps.last() != Some(&adds) {
                edges.push(*edge);
                steps.push(adds);
            }
        }
        Curve {
            input: curve.input,
            edges,
            adds: steps,
            missing: short(curve.missing * scale),
        }
    });
    Additive {
        curves: curves.collect(),
        offset: short(offset + scale * model.offset),
    }
}

fn rounded_to_six(value: f64) -> f64 {
    (value * 1e6).round() / 1e6 + 0.0
}
