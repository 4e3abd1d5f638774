//! How many rows stand behind each figure of labels, and how many rows of weight 1 would say as much?
//!
//! Where no row has a weight both are the number of labels, and nothing here changes anything.

use std::collections::BTreeMap;

use super::reading::{Context, count};
use crate::baseline::{Restless, of_specificity};
use crate::finding::Figure;
use crate::indicator::Metric;
use crate::observe::truth;

/// A share of rows with a clipped weight beyond this is worth a word.
const CLIPPED: f64 = 0.01;
/// Fewer rows of weight 1 say next to nothing.
const FEW: f64 = 50.0;

/// Sets rows and effective rows of the figures that weigh their labels. What is surer already stays.
pub(super) fn tell(
    context: &Context<'_>,
    figures: &mut BTreeMap<String, Figure>,
    metrics: &mut BTreeMap<String, Figure>,
) {
    let sums = context.sums;
    if !sums.is_weighted() {
        return;
    }
    let set = |figure: Option<&mut Figure>, rows: i64, effect: f64| {
        let Some(figure) = figure else { return };
        figure.effective_n = figure.effective_n.min(figure.n as f64 / effect);
        figure.n = count(rows);
    };
    let labelled = sums.labelled_rows();
    for (name, figure) in [
        ("label_rate", Restless::Labels),
        ("calibration_intercept", Restless::Offset),
        ("calibration_slope", Restless::Slope),
    ] {
        set(figures.get_mut(name), labelled, context.effect(figure));
    }
    for metric in Metric::ALL {
        set(metrics.get_mut(metric.name()), sums.rows_of(metric), context.effect(Restless::Metric(metric)));
    }
    let positives = sums.rows(truth::TP) + sums.rows(truth::FN);
    let negatives = sums.rows(truth::DECIDED) - positives;
    set(metrics.get_mut("specificity"), negatives, of_specificity(sums));
    set(metrics.get_mut("mcc"), sums.rows(truth::DECIDED), context.effect(Restless::Metric(Metric::Accuracy)));
}

/// What weights leave unknown of a window, by name and with a sentence.
pub(super) fn blind_spots(context: &Context<'_>, mut spot: impl FnMut(&str, String)) {
    let sums = context.sums;
    if !sums.is_weighted() {
        return;
    }
    let (labelled, clipped) = (count(sums.labelled_rows()), count(sums.truth(truth::CLIPPED)));
    if clipped as f64 > CLIPPED * labelled as f64 {
        spot(
            "weights_clipped",
            format!(
                "{clipped} of {labelled} labelled predictions should have a weight above {}, and were cut to it: figures lean \
                 towards predictions that are often labelled.",
                context.config.weights.largest
            ),
        );
    }
    let [effective, ..] = sums.effective_labels();
    if effective < FEW {
        spot(
            "few_effective_labels",
            format!(
                "The {labelled} labelled predictions have so different weights that they say as much as {effective:.0} of \
                 one weight: next to nothing can be told apart from chance."
            ),
        );
    }
}
