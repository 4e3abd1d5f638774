//! What do the labels that are there say of all those that will come?
//!
//! Positives seldom take as long as negatives, so the labels of a young window are no fair sample of it. Where every class
//! arrives (`explicit`), a label of a kind stands for one over the share of its kind that should be in by now. Weights by
//! class: one weight for all, by the age of the window alone, would not mend the mix. Where silence means negative, the
//! positives that are there are laid against the exposure of all rows: the sum of the shares of their positives that
//! should be in (Chapelle 2014, without his model of the delay). What no positive is expected of is negative.
//!
//! Weights multiply counts when a summary is made, and never a final figure. They rest on delays that do not depend on the
//! score, given class and decision.

use std::collections::BTreeMap;

use super::curve::Arrived;
use crate::baseline::Restless;
use crate::finding::Figure;
use crate::indicator::Metric;
use crate::join::Regime;
use crate::observe::metrics::loss_most;
use crate::observe::{BINS, LOSS_SCALE, Statistic, Sums, bin_center, delay_kind, flow, truth};
use crate::stats::discrimination::{self, ScoreBin};
use crate::stats::interval::{self, Interval, mean};
use crate::stats::loss::Sample;

/// Half the width of a score bin in the logit bounds how far a loss of its middle can be off.
const LOG_LOSS_BOUND: f64 = 12.0 / BINS as f64;
const BRIER_BOUND: f64 = LOG_LOSS_BOUND * 8.0 / 27.0;

/// Labels of a kind and what each stands for.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Weighted {
    labels: f64,
    weight: f64,
}

/// A figure that was weighted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Estimate {
    pub value: f64,
    pub interval: Option<Interval>,
    pub effective_n: f64,
    pub error_bound: f64,
}

/// The labels of a young window, weighted.
#[derive(Clone, Debug)]
pub(super) struct Provisional {
    regime: Regime,
    /// By kind, rows without a decision among those without a positive one.
    kinds: [Weighted; 4],
    /// Variance of the logarithm of the weights of negatives and of positives, from the labels they were learnt from.
    of_weights: [f64; 2],
    /// Hits, false alarms, misses and quiet negatives among rows with a decision.
    table: [Weighted; 4],
    /// Rows that positives are expected of, as if all their positives were in; `implicit_negative` only.
    exposure: f64,
    depends_on_decision: bool,
    /// The mean weight of negatives and of positives.
    classes: [f64; 2],
}

impl Provisional {
    /// The weighted labels of a window.
    pub(super) fn new(sums: &Sums, arrived: &Arrived, regime: Regime) -> Self {
        let of = |place| sums.truth(place) as f64;
        let [n, positive, tp, fp] = [truth::N, truth::POSITIVE, truth::TP, truth::FP].map(of);
        let share = |positive, flagged| arrived.shares[delay_kind(positive, flagged)].0;
        let weighted = |labels: f64, share: f64| Weighted { labels: labels.max(0.0), weight: 1.0 / share };
        let positives = [weighted(positive - tp, share(true, false)), weighted(tp, share(true, true))];
        let (rows, flagged) = (sums.flow(flow::N) as f64, sums.flow(flow::POSITIVE) as f64);
        let decided = sums.flow(flow::DECIDED) as f64;
        let hits = positives[1];
        let misses = Weighted { labels: of(truth::FN), ..positives[0] };
        let rest =
            |rows: f64, positives: Weighted| Weighted { labels: (rows - positives.total()).max(0.0), weight: 1.0 };
        let (negatives, table, exposure) = match regime {
            Regime::Explicit => {
                let negatives = [weighted(n - positive - fp, share(false, false)), weighted(fp, share(false, true))];
                let quiet = of(truth::DECIDED) - tp - fp - of(truth::FN);
                let table = [hits, negatives[1], misses, weighted(quiet, share(false, false))];
                (negatives, table, 0.0)
            }
            Regime::ImplicitNegative => {
                let negatives = [rest(rows - flagged, positives[0]), rest(flagged, hits)];
                let table = [hits, rest(flagged, hits), misses, rest(decided - flagged, misses)];
                (negatives, table, flagged * share(true, true) + (rows - flagged) * share(true, false))
            }
        };
        let mean = |[one, other]: [Weighted; 2]| {
            let labels = one.labels + other.labels;
            if labels > 0.0 { (one.total() + other.total()) / labels } else { 0.5 * (one.weight + other.weight) }
        };
        let kinds = [negatives[0], negatives[1], positives[0], positives[1]];
        let of_weights = [false, true].map(|positive| {
            // The kind that has more labels speaks louder; its error stands for both.
            let flagged = kinds[delay_kind(positive, true)].labels > kinds[delay_kind(positive, false)].labels;
            let (share, learnt) = arrived.shares[delay_kind(positive, flagged)];
            if learnt > 0 { (1.0 - share) / share / learnt as f64 } else { 0.0 }
        });
        Self {
            regime,
            kinds,
            of_weights,
            table,
            exposure,
            depends_on_decision: arrived.depends_on_decision,
            classes: [mean(negatives), mean(positives)],
        }
    }

    /// How missing labels were weighted for.
    pub(super) const fn estimator(&self) -> &'static str {
        match self.regime {
            Regime::Explicit => "ipw",
            Regime::ImplicitNegative => "exposure",
        }
    }

    /// The share of positives among all labels that will come. `phi` is by how much it scatters more than that of
    /// independent rows.
    pub(super) fn label_rate(&self, phi: f64) -> Option<Estimate> {
        let estimate = share(&self.kinds[2..], &self.kinds, phi)?;
        if self.regime == Regime::ImplicitNegative {
            let interval = interval::share(estimate.value.min(1.0) * self.exposure, self.exposure, phi, 0.05);
            return Some(Estimate { interval, effective_n: self.exposure / phi, ..estimate });
        }
        // Weights cancel out of the error of the odds.
        let [negatives, positives] =
            [[0, 1], [2, 3]].map(|[one, other]| self.kinds[one].labels + self.kinds[other].labels);
        if negatives < 1.0 || positives < 1.0 {
            return Some(estimate);
        }
        let variance = phi * (1.0 / negatives + 1.0 / positives) + self.of_weights[0] + self.of_weights[1];
        let log_odds = libm::log(estimate.value) - libm::log1p(-estimate.value);
        let interval = mean(log_odds, variance.sqrt(), 0.05).map(|reach| {
            let share = |log_odds: f64| 1.0 / (1.0 + libm::exp(-log_odds));
            Interval { low: share(reach.low), high: share(reach.high) }
        });
        Some(Estimate { interval, ..estimate })
    }

    /// By how much the log-odds of the labels that are there must be moved.
    pub(super) fn offset(&self) -> Option<f64> {
        let usable = self.regime == Regime::Explicit && !self.depends_on_decision;
        usable.then(|| libm::log(self.classes[1]) - libm::log(self.classes[0]))
    }

    /// How many of so many positives should have their label by now.
    pub(super) fn in_by_now(&self, positives: f64) -> f64 {
        positives / self.classes[1]
    }

    /// The metrics of the window. `phi` tells by how much a figure scatters more than that of independent rows.
    pub(super) fn metrics(&self, sums: &Sums, phi: &dyn Fn(Restless) -> f64) -> BTreeMap<&'static str, Estimate> {
        let [tp, fp, fn_, tn] = self.table;
        let of = |metric: Metric| phi(Restless::Metric(metric));
        let shares = [
            ("accuracy", share(&[tp, tn], &self.table, of(Metric::Accuracy))),
            ("precision", share(&[tp], &[tp, fp], of(Metric::Precision))),
            ("recall", share(&[tp], &[tp, fn_], of(Metric::Recall))),
            // Nothing has measured it; the accuracy's is next to it.
            ("specificity", share(&[tn], &[tn, fp], of(Metric::Accuracy))),
            ("f1", self.f1(of(Metric::F1))),
            ("mcc", self.mcc(of(Metric::Accuracy))),
        ];
        let losses = if self.depends_on_decision { Vec::new() } else { self.of_scores(sums, &of) };
        let shares = shares.into_iter().filter_map(|(name, estimate)| Some((name, estimate?)));
        shares.chain(losses).collect()
    }

    fn f1(&self, phi: f64) -> Option<Estimate> {
        let [tp, fp, fn_, _] = self.table;
        let jaccard = share(&[tp], &[tp, fp, fn_], phi)?;
        let f1 = |jaccard: f64| 2.0 * jaccard / (1.0 + jaccard);
        let interval = jaccard.interval.map(|within| Interval { low: f1(within.low), high: f1(within.high) });
        Some(Estimate { value: f1(jaccard.value), interval, ..jaccard })
    }

    fn mcc(&self, phi: f64) -> Option<Estimate> {
        let [tp, fp, fn_, tn] = self.table.map(Weighted::total);
        let product = (tp + fp) * (tp + fn_) * (tn + fp) * (tn + fn_);
        let effective_n = effective(&self.table) / phi;
        let value = (tp * tn - fp * fn_) / product.sqrt();
        (product > 0.0).then_some(Estimate { value, interval: None, effective_n, error_bound: 0.0 })
    }

    /// Negatives and positives of a score bin, as they are there and as they are expected.
    fn bin(&self, sums: &Sums, bin: usize) -> ([f64; 2], [f64; 2]) {
        let of = |statistic| sums.get(statistic)[bin] as f64;
        let positives = of(Statistic::Positives);
        let expected = positives * self.classes[1];
        let negatives = of(Statistic::Negatives);
        match self.regime {
            Regime::Explicit => ([negatives, positives], [negatives * self.classes[0], expected]),
            Regime::ImplicitNegative => {
                let negatives = (of(Statistic::Scores) - expected).max(0.0);
                ([negatives, positives], [negatives, expected])
            }
        }
    }

    /// The metrics that stand on score bins.
    fn of_scores(&self, sums: &Sums, phi: &dyn Fn(Metric) -> f64) -> Vec<(&'static str, Estimate)> {
        let whole = |x: f64| libm::rint(x).max(0.0) as u64;
        let bins: Vec<ScoreBin> = (0..BINS)
            .map(|bin| {
                let ([negatives, positives], _) = self.bin(sums, bin);
                ScoreBin { negatives: whole(negatives), positives: whole(positives) }
            })
            .collect();
        let mut found = Vec::new();
        let effective_n = effective(&self.kinds);
        // Weights by class cancel out of the order of two cases.
        if let Some(auc) = discrimination::auc(&bins) {
            let phi = phi(Metric::Auc);
            let (interval, effective_n) = (auc.interval(phi, 0.05), effective_n / phi);
            found.push(("auc", Estimate { value: auc.area, interval, effective_n, error_bound: auc.bin_error }));
        }
        let log_loss = |score: f64| [-libm::log1p(-score), -libm::log(score)];
        let brier = |score: f64| [score * score, (1.0 - score) * (1.0 - score)];
        let losses: [(_, &dyn Fn(f64) -> [f64; 2], _, _); 2] = [
            (Metric::LogLoss, &log_loss, truth::LOG_LOSS, LOG_LOSS_BOUND),
            (Metric::Brier, &brier, truth::BRIER, BRIER_BOUND),
        ];
        for (metric, loss, place, error_bound) in losses {
            let exact = sums.truth(place) as f64 / LOSS_SCALE;
            let effective_n = effective_n / phi(metric);
            if let Some((value, variance)) = self.loss(sums, loss, exact) {
                let sample = Sample { n: effective_n, mean: value, variance };
                let interval = sample.interval(loss_most(metric), 0.05);
                found.push((metric.name(), Estimate { value, interval, effective_n, error_bound }));
            }
        }
        found
    }

    /// Mean and variance of a loss over what is expected. What bins leave out is taken from the exact sum over the labels there.
    fn loss(&self, sums: &Sums, loss: &dyn Fn(f64) -> [f64; 2], exact: f64) -> Option<(f64, f64)> {
        let (mut there, mut cases, mut sum, mut squares) = (0.0, 0.0, 0.0, 0.0);
        for bin in 0..BINS {
            let (labels, expected) = self.bin(sums, bin);
            let losses = loss(bin_center(bin));
            for class in 0..2 {
                there += labels[class] * losses[class];
                cases += expected[class];
                sum += expected[class] * losses[class];
                squares += expected[class] * losses[class] * losses[class];
            }
        }
        if !(cases > 0.0 && there > 0.0) {
            return None;
        }
        let scale = if self.regime == Regime::Explicit { exact / there } else { 1.0 };
        let value = sum / cases * scale;
        Some((value, (squares / cases * scale * scale - value * value).max(0.0)))
    }
}

impl Weighted {
    fn total(self) -> f64 {
        self.labels * self.weight
    }
}

impl Estimate {
    /// Puts the estimate in the place of a figure's own value.
    pub(super) fn in_place_of(self, figure: &mut Figure) {
        figure.value = Some(self.value);
        figure.interval = self.interval.map(|interval| [interval.low, interval.high]);
        figure.effective_n = self.effective_n;
        figure.error_bound = self.error_bound;
    }
}

/// How many equally weighted labels would say as much (Kish 1965).
fn effective(kinds: &[Weighted]) -> f64 {
    let squares: f64 = kinds.iter().map(|kind| kind.total() * kind.weight).sum();
    let sum: f64 = kinds.iter().map(|kind| kind.total()).sum();
    if squares > 0.0 { sum * sum / squares } else { 0.0 }
}

/// The share of some kinds among others that hold them.
fn share(hits: &[Weighted], all: &[Weighted], phi: f64) -> Option<Estimate> {
    let total = |kinds: &[Weighted]| kinds.iter().map(|kind| kind.total()).sum::<f64>();
    let (part, whole) = (total(hits), total(all));
    if whole <= 0.0 {
        return None;
    }
    let value = (part / whole).min(1.0);
    let effective_n = effective(all);
    let interval = interval::share(value * effective_n, effective_n, phi, 0.05);
    Some(Estimate { value, interval, effective_n: effective_n / phi, error_bound: 0.0 })
}
