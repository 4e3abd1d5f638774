//! Is the model still as good as it was?
//!
//! Seven metrics of a binary model, each with the test that its form allows: proportions by exact counts (F1 through
//! the share of hits among all cases where decision or truth said yes, of which it is a monotone function), the AUC by
//! `DeLong`'s variance on the score bins, the losses by a Bernstein bound that holds far out in the tail.

use super::budget::Family;
use super::reading::{Context, Reading, count};
use super::words::{amount, many};
use crate::baseline::Profile;
use crate::finding::Subject;
use crate::indicator::{FloorUnit, Indicator, Metric};
use crate::observe::{Statistic, Sums, truth};
use crate::stats::confusion::Confusion;
use crate::stats::discrimination::{self, Auc, ScoreBin};
use crate::stats::interval::Interval;
use crate::stats::loss::{Sample, mean_above};
use crate::stats::rate::{Floor, Side, Tally, rate_p_value};

/// The largest log loss of a clipped score, -ln 1e-6.
const LOG_LOSS_MAX: f64 = 13.815_510_557_964_274;

/// With how many cases the smooth recalibration counts beside those of a score bin.
const SMOOTH_CASES: f64 = 10.0;

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
pub(super) fn confusion(sums: &Sums) -> Confusion {
    let [tp, fp, fn_] = [truth::TP, truth::FP, truth::FN].map(|place| count(sums.truth(place)));
    let decided = count(sums.truth(truth::DECIDED));
    Confusion { tp, fp, fn_, tn: decided.saturating_sub(tp + fp + fn_) }
}

/// The area under the ROC curve.
pub(super) fn auc(sums: &Sums) -> Option<Auc> {
    let classes = sums.get(Statistic::Negatives).iter().zip(sums.get(Statistic::Positives));
    let bins: Vec<ScoreBin> = classes
        .map(|(&negatives, &positives)| ScoreBin { negatives: count(negatives), positives: count(positives) })
        .collect();
    discrimination::auc(&bins)
}

fn loss(sums: &Sums, metric: Metric) -> Option<Sample> {
    let (mean, square) = if metric == Metric::LogLoss { sums.log_loss()? } else { sums.brier()? };
    let n = sums.truth(truth::N) as f64;
    let variance = if n > 1.0 { (square - mean * mean).max(0.0) * n / (n - 1.0) } else { 0.0 };
    Some(Sample { n, mean, variance })
}

/// A metric of labelled sums; `None` where it has no value.
pub fn measure(sums: &Sums, metric: Metric) -> Option<Measured> {
    let of_tally = |tally: Tally| {
        let interval = crate::stats::confusion::share_interval(tally, 0.05);
        tally.share().map(|value| Measured { value, interval, n: tally.trials, error_bound: 0.0 })
    };
    match metric {
        Metric::Auc => {
            let auc = auc(sums)?;
            let spread = auc.variance.map(f64::sqrt);
            let interval = spread.and_then(|spread| crate::stats::interval::mean(auc.area, spread, 0.05));
            let interval = interval.map(|i| Interval { low: i.low.max(0.0), high: i.high.min(1.0) });
            let n = auc.positives + auc.negatives;
            Some(Measured { value: auc.area, interval, n, error_bound: auc.bin_error })
        }
        Metric::LogLoss | Metric::Brier => {
            let sample = loss(sums, metric)?;
            let interval = sample.interval(0.05).map(|i| Interval { low: i.low.max(0.0), high: i.high });
            Some(Measured { value: sample.mean, interval, n: sample.n as u64, error_bound: 0.0 })
        }
        Metric::Accuracy => of_tally(confusion(sums).accuracy_tally()),
        Metric::Precision => of_tally(confusion(sums).precision_tally()),
        Metric::Recall => of_tally(confusion(sums).recall_tally()),
        Metric::F1 => {
            let table = confusion(sums);
            let n = table.total();
            Some(Measured { value: table.f1()?, interval: table.f1_interval(0.05), n, error_bound: 0.0 })
        }
    }
}

/// All readings of the metrics of one mature window.
pub(super) fn readings(context: &Context<'_>) -> Vec<Reading> {
    Metric::ALL.into_iter().filter_map(|metric| reading(context, metric)).collect()
}

/// Enough labels, and enough of both classes, to speak of a metric.
pub(super) fn speaks(sums: &Sums) -> bool {
    let indicator = Indicator::PerformanceDegradation;
    let n = count(sums.truth(truth::N));
    let positive = count(sums.truth(truth::POSITIVE));
    let rarer = positive.min(n.saturating_sub(positive));
    n >= indicator.min_n() && rarer >= indicator.min_positives()
}

fn reading(context: &Context<'_>, metric: Metric) -> Option<Reading> {
    let profile = context.profile?;
    if !speaks(context.sums) || !speaks(&profile.sums) {
        return None;
    }
    let now = measure(context.sums, metric)?;
    let then = measure(&profile.sums, metric)?;
    let floor = match metric.floor_unit() {
        FloorUnit::Relative => metric.floor() * then.value,
        FloorUnit::Points | FloorUnit::Absolute => metric.floor(),
    };
    let terms = context.terms(Family::Performance, Metric::ALL.len());
    let lower = |now: Tally, then: Tally, floor: f64| {
        rate_p_value(now, then, Side::Lower, Floor::Difference(floor.clamp(0.0, 1.0)), terms)
    };
    let (table, reference) = (confusion(context.sums), confusion(&profile.sums));
    let p_value = match metric {
        Metric::Auc => discrimination::auc_worse(&auc(context.sums)?, &auc(&profile.sums)?, floor, terms.gamma),
        Metric::LogLoss | Metric::Brier => {
            let range = if metric == Metric::LogLoss { LOG_LOSS_MAX } else { 1.0 };
            mean_above(&loss(context.sums, metric)?, &loss(&profile.sums, metric)?, floor, range, terms.gamma)
        }
        Metric::Accuracy => lower(table.accuracy_tally(), reference.accuracy_tally(), floor),
        Metric::Precision => lower(table.precision_tally(), reference.precision_tally(), floor),
        Metric::Recall => lower(table.recall_tally(), reference.recall_tally(), floor),
        Metric::F1 => {
            let jaccard = |f1: f64| f1 / (2.0 - f1);
            let floor = jaccard(then.value) - jaccard((then.value - floor).max(0.0));
            lower(table.jaccard_tally(), reference.jaccard_tally(), floor)
        }
    }?;
    let effect = now.value - then.value;
    let worse = if metric.higher_is_better() { -effect } else { effect };
    let text = format!(
        "{} is {} over {} {}; on the baseline it was {}.",
        title(metric),
        amount(now.value),
        many(now.n),
        base(metric),
        amount(then.value)
    );
    let reading = Reading {
        indicator: Indicator::PerformanceDegradation,
        subject: Subject { metric: Some(metric.name().to_owned()), ..Subject::default() },
        value: now.value,
        reference: then.value,
        effect,
        floor,
        // A change for the better is no effect.
        strength: if worse > 0.0 { (worse / floor).min(1e6) } else { 0.0 },
        interval: now.interval.map(|interval| [interval.low, interval.high]),
        n: now.n,
        p_value,
        level: terms.level,
        smallest_detectable: None,
        evidence: std::collections::BTreeMap::new(),
        text,
        examples: Vec::new(),
    };
    Some(match harder(context.sums, profile, metric) {
        Some(harder) => reading.with("expected", then.value + harder),
        None => reading,
    })
}

/// What a metric is counted over.
const fn base(metric: Metric) -> &'static str {
    match metric {
        Metric::Recall => "positives",
        Metric::Precision => "positive decisions",
        _ => "labelled predictions",
    }
}

/// By how much the scores of the window alone let the metric differ from the baseline: what it would be if positives
/// were as frequent in every score bin as on the baseline, less the same on the baseline. `None` for metrics that the
/// scores alone do not foretell.
fn harder(sums: &Sums, profile: &Profile, metric: Metric) -> Option<f64> {
    let of_chance = |e: f64| match metric {
        Metric::Brier => Some(e * (1.0 - e)),
        Metric::LogLoss => Some(-[e, 1.0 - e].into_iter().filter(|&p| p > 0.0).map(|p| p * libm::log(p)).sum::<f64>()),
        Metric::Accuracy => Some(e.max(1.0 - e)),
        Metric::Auc | Metric::Precision | Metric::Recall | Metric::F1 => None,
    };
    let classes = |sums: &Sums, bin: usize| {
        [Statistic::Negatives, Statistic::Positives].map(|class| count(sums.get(class)[bin]) as f64)
    };
    let mean = |sums: &Sums| {
        let (mut cases, mut total) = (0.0, 0.0);
        for bin in 0..sums.get(Statistic::Positives).len() {
            let [negative, positive] = classes(&profile.sums, bin);
            // Bins with few cases on the baseline lean on the smooth map.
            let smooth = profile.map.expected(bin);
            let chance = (positive + SMOOTH_CASES * smooth) / (negative + positive + SMOOTH_CASES);
            let here: f64 = classes(sums, bin).iter().sum();
            cases += here;
            total += here * of_chance(chance)?;
        }
        (cases > 0.0).then(|| total / cases)
    };
    Some(mean(sums)? - mean(&profile.sums)?)
}

fn title(metric: Metric) -> &'static str {
    match metric {
        Metric::Auc => "The AUC",
        Metric::LogLoss => "The log loss",
        Metric::Brier => "The Brier score",
        Metric::Accuracy => "The accuracy",
        Metric::Precision => "The precision",
        Metric::Recall => "The recall",
        Metric::F1 => "The F1 score",
    }
}
