//! Is the model still as good as it was?
//!
//! Seven metrics of a binary model, each with the test that its form allows: proportions by exact counts (F1 through
//! the share of hits among all cases where decision or truth said yes, of which it is a monotone function), the AUC by
//! `DeLong`'s variance on the score bins, the losses by a Bernstein bound that holds far out in the tail.

use super::budget::Family;
use super::labels::selective;
use super::reading::{Context, Reading, count};
use super::words::{amount, many};
use crate::baseline::{Profile, Restless};
use crate::finding::Subject;
use crate::indicator::{FloorUnit, Indicator, Metric};
use crate::observe::metrics::{auc, confusion, loss, loss_most, measure};
use crate::observe::{Statistic, Sums};
use crate::stats::discrimination;
use crate::stats::loss::{mean_above, smallest_rise};
use crate::stats::rate::{Floor, Side, Tally, Terms, rate_p_value, smallest_difference};

/// With how many cases the smooth recalibration counts beside those of a score bin.
const SMOOTH_CASES: f64 = 10.0;

/// All readings of the metrics of one mature window.
pub(super) fn readings(context: &Context<'_>) -> Vec<Reading> {
    if selective(context).is_some() {
        return Vec::new();
    }
    Metric::ALL.into_iter().filter_map(|metric| reading(context, metric)).collect()
}

/// Enough labels, and enough of both classes, to speak of a metric; rows of weight 1 that would say as much.
pub(super) fn speaks(sums: &Sums) -> bool {
    let indicator = Indicator::PerformanceDegradation;
    let [all, negatives, positives] = sums.effective_labels();
    all >= indicator.min_n() as f64 && negatives.min(positives) >= indicator.min_positives() as f64
}

fn reading(context: &Context<'_>, metric: Metric) -> Option<Reading> {
    let profile = context.profile?;
    if !speaks(&profile.sums) {
        return None;
    }
    let speaks = speaks(context.sums);
    let phi = context.phi(Restless::Metric(metric));
    let now = measure(context.sums, metric, phi)?;
    let then = measure(&profile.sums, metric, 1.0)?;
    let floor = match metric.floor_unit() {
        FloorUnit::Relative => metric.floor() * then.value,
        FloorUnit::Points | FloorUnit::Absolute => metric.floor(),
    };
    let terms = context.allowing(context.terms(Family::Performance, Metric::ALL.len()), Restless::Metric(metric));
    let share = (Family::Performance, Metric::ALL.len());
    // Figures of few cases are not judged one by one; shares bet in any case.
    let lower = |now: Tally, then: Tally, floor: f64| {
        let floor = Floor::Difference(floor.clamp(0.0, 1.0));
        let p_value = if speaks { rate_p_value(now, then, Side::Lower, floor, terms)? } else { 1.0 };
        let Floor::Difference(least) = floor else { return None };
        let detectable = smallest_difference(now, then, Side::Lower, least, terms);
        Some((p_value, context.bet(share, now, then, Side::Lower, floor, terms), detectable))
    };
    let of_p = |p_of: &dyn Fn(Terms) -> Option<f64>, detectable: Option<f64>| {
        let p_value = p_of(terms)?;
        Some((p_value, context.bet_on(share, p_value, || p_of(terms.lasting())), detectable))
    };
    let (table, reference) = (confusion(context.sums), confusion(&profile.sums));
    let (p_value, bet, smallest_detectable) = match metric {
        Metric::Auc | Metric::LogLoss | Metric::Brier if !speaks => None,
        Metric::Auc => {
            let (window, reference) = (auc(context.sums)?, auc(&profile.sums)?);
            let fall = discrimination::smallest_fall(&window, &reference, floor, terms).map(|fall| -fall);
            of_p(&|terms| discrimination::auc_worse(&window, &reference, floor, terms), fall)
        }
        Metric::LogLoss | Metric::Brier => {
            let range = loss_most(metric);
            let window = loss(context.sums, metric)?.deflated(terms.phi);
            let reference = loss(&profile.sums, metric)?.deflated(terms.reference_phi);
            let rise = smallest_rise(&window, &reference, floor, range, terms);
            of_p(&|terms| mean_above(&window, &reference, floor, range, terms.gamma), rise)
        }
        Metric::Accuracy => lower(table.accuracy_tally(), reference.accuracy_tally(), floor),
        Metric::Precision => lower(table.precision_tally(), reference.precision_tally(), floor),
        Metric::Recall => lower(table.recall_tally(), reference.recall_tally(), floor),
        Metric::F1 => {
            let jaccard = |f1: f64| f1 / (2.0 - f1);
            let floor = jaccard(then.value) - jaccard((then.value - floor).max(0.0));
            // F1 = 2 J / (1 + J), so a fall of J is about twice as much of F1 where J is small.
            let of_f1 = |fall: f64| {
                let low = (jaccard(then.value) + fall).max(0.0);
                2.0 * low / (1.0 + low) - then.value
            };
            let (p_value, bet, fall) = lower(table.jaccard_tally(), reference.jaccard_tally(), floor)?;
            Some((p_value, bet, fall.map(of_f1)))
        }
    }?;
    let n = count(context.sums.rows_of(metric));
    let interval = now.interval.map(|interval| [interval.low, interval.high]);
    let effect = now.value - then.value;
    let worse = if metric.higher_is_better() { -effect } else { effect };
    let text = format!(
        "{} is {} over {} {}; {} it was {}.",
        title(metric),
        amount(now.value),
        many(n),
        base(metric),
        context.place(),
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
        interval,
        n: now.n,
        phi,
        is_share: false,
        p_value,
        level: terms.level,
        smallest_detectable,
        evidence: std::collections::BTreeMap::new(),
        text,
        examples: Vec::new(),
        bet,
        speaks,
    };
    let reading = reading.of_rows(n);
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

pub(super) fn title(metric: Metric) -> &'static str {
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
