//! What is a metric of a window's labels, how sure is it, and how far may bins have moved it?
//!
//! Pure readings of sums: they know no reference and no limit. What makes a metric worse is the judge's matter.

use super::layout::{Statistic, truth};
use super::recalibration::Recalibration;
use super::sums::{Sums, count};
use crate::indicator::Metric;
use crate::stats::confusion::Confusion;
use crate::stats::discrimination::{self, Auc, ScoreBin};
use crate::stats::forecast::ForecastBin;
use crate::stats::interval::Interval;
use crate::stats::loss::Sample;
use crate::stats::rate::Tally;

/// The largest log loss of a clipped score, -ln 1e-6.
pub const LOG_LOSS_MAX: f64 = 13.815_510_557_964_274;

/// The largest loss that a row can have, by the log loss or the Brier score.
pub const fn loss_most(metric: Metric) -> f64 {
    if matches!(metric, Metric::LogLoss) { LOG_LOSS_MAX } else { 1.0 }
}

/// A metric with what surrounds it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured {
    /// The figure.
    pub value: f64,
    /// 95 % interval.
    pub interval: Option<Interval>,
    /// Events behind it.
    pub n: u64,
    /// How far bins can have moved it.
    pub error_bound: f64,
}

/// Decisions against labels.
pub fn confusion(sums: &Sums) -> Confusion {
    let [tp, fp, fn_] = [truth::TP, truth::FP, truth::FN].map(|place| count(sums.truth(place)));
    let decided = count(sums.truth(truth::DECIDED));
    Confusion { tp, fp, fn_, tn: decided.saturating_sub(tp + fp + fn_) }
}

/// The area under the ROC curve.
pub fn auc(sums: &Sums) -> Option<Auc> {
    let classes = sums.get(Statistic::Negatives).iter().zip(sums.get(Statistic::Positives));
    let bins: Vec<ScoreBin> = classes
        .map(|(&negatives, &positives)| ScoreBin { negatives: count(negatives), positives: count(positives) })
        .collect();
    discrimination::auc(&bins)
}

/// The sample of a loss; `None` without labels.
pub fn loss(sums: &Sums, metric: Metric) -> Option<Sample> {
    let (mean, square) = if metric == Metric::LogLoss { sums.log_loss()? } else { sums.brier()? };
    let n = sums.truth(truth::N) as f64;
    let variance = if n > 1.0 { (square - mean * mean).max(0.0) * n / (n - 1.0) } else { 0.0 };
    Some(Sample { n, mean, variance })
}

/// A metric of labelled sums; `None` where it has no value. `phi`, at least 1, is by how much the metric of windows like
/// this one scatters more than that of independent rows; it widens the interval and changes nothing else.
pub fn measure(sums: &Sums, metric: Metric, phi: f64) -> Option<Measured> {
    let of_tally = |tally: Tally| {
        let interval = crate::stats::confusion::share_interval(tally, phi, 0.05);
        tally.share().map(|value| Measured { value, interval, n: tally.trials, error_bound: 0.0 })
    };
    match metric {
        Metric::Auc => {
            let auc = auc(sums)?;
            let interval = auc.interval(phi, 0.05);
            let n = auc.positives + auc.negatives;
            Some(Measured { value: auc.area, interval, n, error_bound: auc.bin_error })
        }
        Metric::LogLoss | Metric::Brier => {
            let sample = loss(sums, metric)?;
            let interval = sample.deflated(phi).interval(loss_most(metric), 0.05);
            Some(Measured { value: sample.mean, interval, n: sample.n as u64, error_bound: 0.0 })
        }
        Metric::Accuracy => of_tally(confusion(sums).accuracy_tally()),
        Metric::Precision => of_tally(confusion(sums).precision_tally()),
        Metric::Recall => of_tally(confusion(sums).recall_tally()),
        Metric::F1 => {
            let table = confusion(sums);
            let n = table.total();
            Some(Measured { value: table.f1()?, interval: table.f1_interval(phi, 0.05), n, error_bound: 0.0 })
        }
    }
}

/// Labelled rows by score bin, with the recalibrated score of the bin.
pub fn forecasts(sums: &Sums, map: &Recalibration) -> Vec<ForecastBin> {
    let classes = sums.get(Statistic::Negatives).iter().zip(sums.get(Statistic::Positives));
    classes
        .enumerate()
        .filter(|(_, (negative, positive))| *negative + *positive > 0)
        .filter_map(|(bin, (&negative, &positive))| {
            ForecastBin::new(count(negative + positive), count(positive), map.expected(bin))
        })
        .collect()
}
