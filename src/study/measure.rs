//! How well scores tell what came true.

/// How well a ranking does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ranking {
    /// The chance that one that came true stands above one that did not: area under the ROC curve.
    pub auc: f64,
    /// Mean precision over all that came true.
    pub average_precision: f64,
}

/// One bin of a calibration.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bin {
    /// Where the bin begins, 0–0.9.
    pub from: f64,
    pub rows: usize,
    /// The mean chance that was told in it, and the share that came true.
    pub told: f64,
    pub came_true: f64,
}

impl Bin {
    pub fn gap(&self) -> f64 {
        (self.told - self.came_true).abs()
    }
}

/// What was told of a row, higher for likelier, and whether it came true.
pub type Told = (f64, bool);

/// `None` unless some came true and some did not.
pub fn ranking(told: &[Told]) -> Option<Ranking> {
    let mut order: Vec<Told> = told.to_vec();
    order.sort_by(|one, other| other.0.total_cmp(&one.0));
    let positives = count(told.iter().filter(|(_, came_true)| *came_true).count());
    let negatives = count(told.len()) - positives;
    if positives == 0.0 || negatives == 0.0 {
        return None;
    }
    let (mut hits, mut misses, mut area, mut precision) = (0.0, 0.0, 0.0, 0.0);
    // Those that are told alike are one step.
    for tied in order.chunk_by(|one, other| one.0.total_cmp(&other.0).is_eq()) {
        let more = count(tied.iter().filter(|(_, came_true)| *came_true).count());
        let others = count(tied.len()) - more;
        area += others * (hits + more / 2.0);
        hits += more;
        misses += others;
        precision += more / positives * hits / (hits + misses);
    }
    Some(Ranking {
        auc: area / positives / negatives,
        average_precision: precision,
    })
}

/// Chances in ten bins of the same width. Empty ones are left out.
pub fn calibration(told: &[Told]) -> Vec<Bin> {
    (0..10)
        .filter_map(|bin| {
            let (from, to) = (f64::from(bin) / 10.0, f64::from(bin + 1) / 10.0);
            let within: Vec<&Told> = told
                .iter()
                .filter(|(chance, _)| *chance >= from && (*chance < to || bin == 9))
                .collect();
            let rows = within.len();
            let sum: f64 = within.iter().map(|(chance, _)| chance).sum();
            let hits = within.iter().filter(|(_, came_true)| *came_true).count();
            (rows > 0).then(|| Bin {
                from,
                rows,
                told: sum / count(rows),
                came_true: count(hits) / count(rows),
            })
        })
        .collect()
}

/// The largest gap of a bin with this many rows or more.
pub fn largest_gap(bins: &[Bin], rows: usize) -> f64 {
    bins.iter()
        .filter(|bin| bin.rows >= rows)
        .map(Bin::gap)
        .fold(0.0, f64::max)
}

/// The precision and the recall of a screen that is on or off.
pub fn screen(on: impl IntoIterator<Item = Told>) -> (f64, f64) {
    let (mut caught, mut flagged, mut positives) = (0_usize, 0_usize, 0_usize);
    for (flag, came_true) in on {
        let flag = flag > 0.5;
        flagged += usize::from(flag);
        positives += usize::from(came_true);
        caught += usize::from(flag && came_true);
    }
    let share = |whole: usize| {
        if whole == 0 {
            0.0
        } else {
            count(caught) / count(whole)
        }
    };
    (share(flagged), share(positives))
}

/// The largest recall at which the precision is still this.
pub fn recall_at(told: &[Told], precision: f64) -> f64 {
    let mut order: Vec<Told> = told.to_vec();
    order.sort_by(|one, other| other.0.total_cmp(&one.0));
    let positives = count(told.iter().filter(|(_, came_true)| *came_true).count());
    let (mut hits, mut all, mut best) = (0.0, 0.0, 0.0);
    for tied in order.chunk_by(|one, other| one.0.total_cmp(&other.0).is_eq()) {
        hits += count(tied.iter().filter(|(_, came_true)| *came_true).count());
        all += count(tied.len());
        if hits / all >= precision && positives > 0.0 {
            best = hits / positives;
        }
    }
    best
}

#[expect(clippy::cast_precision_loss, reason = "counts of rows")]
fn count(rows: usize) -> f64 {
    rows as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_perfect_order_and_a_reversed_one() {
        let told = [(0.9, true), (0.8, true), (0.2, false), (0.1, false)];
        let perfect = ranking(&told).unwrap();
        assert_eq!((perfect.auc, perfect.average_precision), (1.0, 1.0));
        let reversed = told.map(|(chance, came_true)| (1.0 - chance, came_true));
        let reversed = ranking(&reversed).unwrap();
        assert!(reversed.auc.abs() < 1e-12);
        // The two that came true stand third and fourth: (1/3 + 2/4) / 2.
        assert!((reversed.average_precision - 5.0 / 12.0).abs() < 1e-12);
    }

    #[test]
    fn those_told_alike_count_by_half() {
        let told = [(0.5, true), (0.5, false), (0.5, false), (0.5, true)];
        let alike = ranking(&told).unwrap();
        assert_eq!((alike.auc, alike.average_precision), (0.5, 0.5));
        assert_eq!(ranking(&[(0.5, true)]), None);
    }

    #[test]
    fn bins_say_what_was_told_and_what_came() {
        let told = [(0.05, false), (0.15, true), (0.15, false), (1.0, true)];
        let bins = calibration(&told);
        assert_eq!(
            bins.iter().map(|bin| bin.rows).collect::<Vec<_>>(),
            [1, 2, 1]
        );
        assert!((bins[1].told - 0.15).abs() < 1e-12);
        assert!((bins[1].came_true - 0.5).abs() < 1e-12);
        assert!((largest_gap(&bins, 2) - 0.35).abs() < 1e-12);
        assert!((largest_gap(&bins, 3)).abs() < 1e-12);
    }

    #[test]
    fn recall_is_taken_at_a_precision() {
        let told = [
            (0.9, true),
            (0.8, false),
            (0.7, true),
            (0.6, false),
            (0.5, false),
        ];
        assert!((recall_at(&told, 1.0) - 0.5).abs() < 1e-12);
        assert!((recall_at(&told, 0.6) - 1.0).abs() < 1e-12);
        let flags = told.map(|(chance, came_true)| (f64::from(chance > 0.75), came_true));
        assert_eq!(screen(flags), (0.5, 0.5));
    }

    proptest! {
        #[test]
        fn an_order_is_all_that_counts(told in prop::collection::vec((0.0..1.0_f64, any::<bool>()), 2..60)) {
            let stretched: Vec<Told> = told.iter().map(|(chance, came_true)| (chance.exp() * 3.0, *came_true)).collect();
            prop_assert_eq!(ranking(&told), ranking(&stretched));
        }
    }
}
