//! By how much does the variance of a figure grow because its rows have different weights?
//!
//! The design effect: the variance with the weights there are, over that of as many rows of weight 1. Each figure is a
//! weighted mean, or near the truth as good as one, so its variance is the sum of squared weights times squared deviations
//! (linearisation; Särndal, Swensson and Wretman 1992, section 5.5). Sums of squared weights by class, decision, score bin
//! and code are kept for that.
//!
//! Kish's ratio `sum w^2 / sum w` over the rows of a figure is the same where weights have nothing to do with deviations. Weights
//! by the probability of a decision do: of a recall whose hits are seen one time in ten and whose misses always, the error
//! is that of the hits. For shares the larger of the two is taken.

use super::Restless;
use crate::indicator::Metric;
use crate::observe::{BINS, CELL_SQUARE, Recalibration, SCORE_SCALE, Statistic, Sums, bin_center, clip, logit};

/// Sum of weights, and of their squares.
type Weighed = (f64, f64);

/// The factor of a figure of `sums`, at least 1; 1 for figures that stand on no labels. `map` is what a score means; without
/// one it means itself.
pub fn design_effect(sums: &Sums, map: Option<&Recalibration>, figure: Restless) -> f64 {
    if !figure.is_labelled() || !sums.is_weighted() {
        return 1.0;
    }
    // Rows without a decision are among those without a positive one.
    let [quiet, alarms, misses, hits] = sums.weights();
    let factor = match figure {
        Restless::Labels => of_share(&[misses, hits], &[quiet, alarms]),
        Restless::Metric(Metric::Accuracy) => of_share(&[quiet, hits], &[alarms, misses]),
        Restless::Metric(Metric::Precision) => of_share(&[hits], &[alarms]),
        Restless::Metric(Metric::Recall) => of_share(&[hits], &[misses]),
        Restless::Metric(Metric::F1) => of_share(&[hits], &[alarms, misses]),
        Restless::Metric(Metric::Auc) => of_area(sums),
        Restless::Metric(metric @ (Metric::LogLoss | Metric::Brier)) => of_loss(sums, metric),
        Restless::Offset => of_line(sums, map)[0],
        Restless::Slope => of_line(sums, map)[1],
        Restless::Slice(feature, from, to) => of_codes(sums, feature, from..to),
        _ => 1.0,
    };
    // No ratio, no rows.
    if factor > 1.0 && factor.is_finite() { factor } else { 1.0 }
}

/// The factor of the share of right negatives among negatives.
pub fn of_specificity(sums: &Sums) -> f64 {
    let [quiet, alarms, ..] = sums.weights();
    if sums.is_weighted() { of_share(&[quiet], &[alarms]).max(1.0) } else { 1.0 }
}

/// The largest factor of the shares of errors: of misses, of false alarms, and of both.
pub fn of_errors(sums: &Sums) -> f64 {
    let of = |metric| design_effect(sums, None, Restless::Metric(metric));
    of(Metric::Recall).max(of(Metric::Accuracy)).max(of_specificity(sums))
}

/// The factor of a share: hits deviate by what is missing to 1, misses by the share itself.
fn of_share(hits: &[Weighed], misses: &[Weighed]) -> f64 {
    let sum = |kinds: &[Weighed]| kinds.iter().fold((0.0, 0.0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    let kish = |(weight, squares): Weighed| if weight > 0.0 { squares / weight } else { 1.0 };
    let (hits, misses) = (sum(hits), sum(misses));
    let all = (hits.0 + misses.0, hits.1 + misses.1);
    let share = if all.0 > 0.0 { hits.0 / all.0 } else { 0.0 };
    ((1.0 - share) * kish(hits) + share * kish(misses)).max(kish(all))
}

/// A ratio of two sums over classes and bins of `deviation` squared.
fn of_bins(sums: &Sums, deviation: impl Fn(bool, usize) -> f64) -> f64 {
    let (mut weights, mut squares) = (0.0, 0.0);
    for positive in [false, true] {
        for bin in 0..BINS {
            let (weight, square) = sums.bin_weights(positive, bin);
            if square > 0.0 {
                let deviation = deviation(positive, bin);
                weights += weight * deviation * deviation;
                squares += square * deviation * deviation;
            }
        }
    }
    squares / weights
}

/// The factor of the area under the ROC curve, from what each case adds to `DeLong`'s variance.
fn of_area(sums: &Sums) -> f64 {
    let of = |positive, bin| sums.bin_weights(positive, bin).0;
    let total = |positive| (0..BINS).map(|bin| of(positive, bin)).sum::<f64>();
    let (negatives, positives) = (total(false), total(true));
    // Of each bin: by how many positives a negative of it is beaten, and how many negatives a positive of it beats.
    let mut beats = [[0.0; 2]; BINS];
    let (mut below, mut above) = (0.0, positives);
    let mut area = 0.0;
    for (bin, beats) in beats.iter_mut().enumerate() {
        let (negative, positive) = (of(false, bin), of(true, bin));
        *beats = [(above - 0.5 * positive) / positives, (below + 0.5 * negative) / negatives];
        area += positive / positives * beats[1];
        below += negative;
        above -= positive;
    }
    let classes = [negatives, positives];
    of_bins(sums, |positive, bin| (beats[bin][usize::from(positive)] - area) / classes[usize::from(positive)])
}

/// The factor of a mean loss, with the loss of a bin's middle for all of it.
fn of_loss(sums: &Sums, metric: Metric) -> f64 {
    let loss = |positive: bool, bin: usize| {
        let score = clip(bin_center(bin));
        let missed = if positive { 1.0 - score } else { score };
        if metric == Metric::Brier { missed * missed } else { -libm::log1p(-missed) }
    };
    let (mut cases, mut total) = (0.0, 0.0);
    for positive in [false, true] {
        for bin in 0..BINS {
            let weight = sums.bin_weights(positive, bin).0;
            cases += weight;
            total += weight * loss(positive, bin);
        }
    }
    let mean = total / cases;
    of_bins(sums, |positive, bin| loss(positive, bin) - mean)
}

/// The factors of the offset and of the slope of the calibration, where the scores are right.
fn of_line(sums: &Sums, map: Option<&Recalibration>) -> [f64; 2] {
    let chance = |bin| map.map_or_else(|| bin_center(bin), |map| map.expected(bin));
    let room = |bin| {
        let chance = chance(bin);
        chance * (1.0 - chance)
    };
    let (mut total, mut first) = (0.0, 0.0);
    for bin in 0..BINS {
        let weight = room(bin) * (sums.bin_weights(false, bin).0 + sums.bin_weights(true, bin).0);
        total += weight;
        first += weight * logit(chance(bin));
    }
    let centre = first / total;
    [of_bins(sums, |_, bin| room(bin).sqrt()), of_bins(sums, |_, bin| room(bin).sqrt() * (logit(chance(bin)) - centre))]
}

/// The factor of the positives of some codes of a feature, beyond what their scores say.
fn of_codes(sums: &Sums, feature: usize, codes: std::ops::Range<usize>) -> f64 {
    let first = sums.layout().cells_of(feature).start;
    let squares: i64 = sums.get(Statistic::CellSquares)[first + codes.start..first + codes.end].iter().sum();
    let room: i64 = codes.map(|code| sums.cell(feature, code).v).sum();
    1.0 + squares as f64 * CELL_SQUARE / (room as f64 / SCORE_SCALE)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::event::{Arm, RequestKey};
    use crate::observe::metrics::{auc, confusion, loss};
    use crate::observe::{Coding, Facts, Layout, Weight};

    /// A uniform number that depends on its arguments alone.
    fn uniform(world: u32, row: u32, what: u32) -> f64 {
        RequestKey::new(&format!("{world} {row} {what}"), 0).chance()
    }

    /// A world of rows that are labelled always where the decision is no, and with a chance of 0.1 where it is yes.
    fn explored(world: u32, rows: u32) -> Sums {
        let mut sums = Sums::new(Arc::new(Layout::new(&Coding::default())));
        let map = Recalibration::identity();
        for row in 0..rows {
            let drawn = uniform(world, row, 0);
            let score = 0.02 + 0.6 * drawn * drawn;
            let (positive, flagged) = (uniform(world, row, 1) < score, score >= 0.45);
            let seen = if flagged { 0.1 } else { 1.0 };
            if uniform(world, row, 2) < seen {
                let weight = Weight::of(RequestKey::new(&format!("{world} {row}"), 0), 1.0, seen, 50.0);
                let facts = Facts { score, decision: Some(flagged), arm: Arm::Policy, action: None, weight };
                sums.labelled(&facts, &[], &map, positive, 1);
            }
        }
        sums
    }

    /// The oracle: over many worlds, the variance of each figure is what its own formula says times the factor. Kish's
    /// ratio over the class falls short where weights go with the decision.
    #[test]
    fn figures_vary_by_as_much_more_as_the_factor_says() {
        const WORLDS: u32 = 600;
        type Figure = (&'static str, Restless, fn(&Sums) -> (f64, f64));
        fn of_tally(tally: crate::stats::rate::Tally) -> (f64, f64) {
            let share = tally.share().unwrap();
            (share, share * (1.0 - share) / tally.trials as f64)
        }
        fn of_sample(sample: crate::stats::loss::Sample) -> (f64, f64) {
            (sample.mean, sample.variance / sample.n)
        }
        let figures: [Figure; 7] = [
            ("label rate", Restless::Labels, |sums| {
                let kinds = sums.weights();
                let (positive, all) = (kinds[2].0 + kinds[3].0, kinds.iter().map(|kind| kind.0).sum::<f64>());
                let share = positive / all;
                (share, share * (1.0 - share) / all)
            }),
            ("accuracy", Restless::Metric(Metric::Accuracy), |sums| of_tally(confusion(sums).accuracy_tally())),
            ("precision", Restless::Metric(Metric::Precision), |sums| of_tally(confusion(sums).precision_tally())),
            ("recall", Restless::Metric(Metric::Recall), |sums| of_tally(confusion(sums).recall_tally())),
            ("auc", Restless::Metric(Metric::Auc), |sums| {
                let auc = auc(sums).unwrap();
                (auc.area, auc.variance.unwrap())
            }),
            ("log loss", Restless::Metric(Metric::LogLoss), |sums| of_sample(loss(sums, Metric::LogLoss).unwrap())),
            ("brier", Restless::Metric(Metric::Brier), |sums| of_sample(loss(sums, Metric::Brier).unwrap())),
        ];
        let worlds: Vec<Sums> = (0..WORLDS).map(|world| explored(world, 3_000)).collect();
        let mut kish_of_recall = 0.0;
        for (name, figure, read) in figures {
            let told: Vec<(f64, f64, f64)> = worlds
                .iter()
                .map(|sums| {
                    let (value, variance) = read(sums);
                    (value, variance, design_effect(sums, None, figure))
                })
                .collect();
            let n = f64::from(WORLDS);
            let mean = told.iter().map(|one| one.0).sum::<f64>() / n;
            let variance = told.iter().map(|one| (one.0 - mean).powi(2)).sum::<f64>() / (n - 1.0);
            let plain = told.iter().map(|one| one.1).sum::<f64>() / n;
            let factor = told.iter().map(|one| one.1 * one.2).sum::<f64>() / n / plain;
            let needed = variance / plain;
            // The variance of 600 worlds is known to 6 %; four of its errors. What is larger than needed is Kish's.
            assert!(factor > 0.77 * needed, "{name}: {factor} of {needed}");
            assert!(factor < 1.6 * needed, "{name}: {factor} of {needed}");
            assert!(needed > 1.2, "{name}: weights matter here, {needed}");
            if name == "recall" {
                let kish = worlds.iter().map(|sums| {
                    let kinds = sums.weights();
                    (kinds[2].1 + kinds[3].1) / (kinds[2].0 + kinds[3].0)
                });
                kish_of_recall = kish.sum::<f64>() / n / needed;
            }
        }
        assert!(kish_of_recall < 0.8, "{kish_of_recall}");
    }

    #[test]
    fn rows_of_one_weight_are_as_good_as_rows_of_weight_one() {
        for weight in [1.0, 7.0] {
            let mut sums = Sums::new(Arc::new(Layout::new(&Coding::default())));
            let map = Recalibration::identity();
            for row in 0..500 {
                let weight = Weight::of(RequestKey::new(&row.to_string(), 0), weight, 1.0, 50.0);
                let score = uniform(0, row, 0);
                let facts = Facts { score, decision: Some(score > 0.5), arm: Arm::Policy, action: None, weight };
                sums.labelled(&facts, &[], &map, uniform(0, row, 1) < score, 1);
            }
            for figure in [
                Restless::Labels,
                Restless::Metric(Metric::Recall),
                Restless::Metric(Metric::Auc),
                Restless::Metric(Metric::Brier),
                Restless::Offset,
                Restless::Slope,
            ] {
                let factor = design_effect(&sums, Some(&map), figure);
                assert!((factor - weight).abs() < 1e-9, "{figure:?} {factor}");
            }
            let [labels, negatives, positives] = sums.effective_labels();
            assert!((labels - 500.0).abs() < 1e-9 && (negatives + positives - 500.0).abs() < 1e-9);
        }
    }
}
