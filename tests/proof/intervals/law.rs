//! What are the figures in truth? A law of scores and labels that can be integrated.
//!
//! The logit of a score is normal, and the score is the chance of a positive label. So every metric is an integral over
//! one number.

use std::collections::BTreeMap;

use truthline::observe::{BINS, Recalibration as Map, bin_of, clip};
use truthline::stats::forecast::{ForecastBin, sigmoid};
use truthline::stats::recalibration::{recalibrate, recalibrate_offset};
use truthline::story::Chance;

/// Share of rows with a label, without a value, and with a value that the baseline does not have.
pub(crate) const LABELLED: f64 = 0.95;
pub(crate) const MISSING: f64 = 0.02;
pub(crate) const STRANGE: f64 = 0.01;
/// Points of the integral, and standard deviations that they span.
const POINTS: i32 = 20_000;
const SPAN: f64 = 8.0;

/// How rows come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Law {
    pub name: &'static str,
    pub what: &'static str,
    /// Standard deviation of the logits: how much the model knows.
    pub spread: f64,
    /// Rows of a customer, who has one score and one truth.
    pub bunch: u64,
}

/// All laws.
pub(crate) const LAWS: [Law; 3] = [
    Law { name: "usual", what: "independent rows, an AUC of about 0.79", spread: 1.2, bunch: 1 },
    Law { name: "sharp", what: "independent rows, an AUC of about 0.95", spread: 3.0, bunch: 1 },
    Law { name: "bunches", what: "as `usual`, but each customer asks five times", spread: 1.2, bunch: 5 },
];

/// One row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Drawn {
    pub score: f64,
    pub decision: bool,
    pub label: Option<bool>,
    /// A uniform number, for the feature.
    pub own: f64,
}

/// A law at a share of positives.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Made {
    law: Law,
    centre: f64,
    pub threshold: f64,
}

/// Chance and logit of the points of the integral.
fn points(centre: f64, spread: f64) -> impl Iterator<Item = (f64, f64)> {
    let step = 2.0 * SPAN / f64::from(POINTS);
    let density = move |x: f64| libm::exp(-0.5 * x * x) / std::f64::consts::TAU.sqrt() * step;
    (0..POINTS).map(move |point| {
        let x = (f64::from(point) + 0.5) * step - SPAN;
        (density(x), centre + spread * x)
    })
}

impl Made {
    pub(crate) fn new(law: Law, prevalence: f64) -> Self {
        let rate = |centre: f64| points(centre, law.spread).map(|(mass, x)| mass * sigmoid(x)).sum::<f64>();
        let (mut low, mut high) = (-40.0, 40.0);
        for _ in 0..50 {
            let middle = f64::midpoint(low, high);
            if rate(middle) < prevalence { low = middle } else { high = middle }
        }
        Self { law, centre: low, threshold: (4.0 * prevalence).min(0.5) }
    }

    /// Draws rows.
    pub(crate) fn draw(&self, n: u64, chance: &mut Chance, mut each: impl FnMut(Drawn)) {
        let mut left = n;
        while left > 0 {
            let score = sigmoid(self.centre + self.law.spread * chance.normal());
            let positive = chance.happens(score);
            let labelled = chance.happens(LABELLED);
            let own = chance.uniform();
            let of_customer = self.law.bunch.min(left);
            for _ in 0..of_customer {
                each(Drawn { score, decision: score >= self.threshold, label: labelled.then_some(positive), own });
            }
            left -= of_customer;
        }
    }

    /// Every figure by name, as it is in truth, where scores mean what `map` says.
    pub(crate) fn truth(&self, map: &Map) -> BTreeMap<String, f64> {
        let mut sums = [0.0; 7];
        let mut bins = vec![(0.0, 0.0); BINS];
        let (mut below, mut pairs) = (0.0, 0.0);
        for (mass, x) in points(self.centre, self.law.spread) {
            let score = sigmoid(x);
            let (yes, no) = (mass * score, mass * (1.0 - score));
            let decided = if score >= self.threshold { 1.0 } else { 0.0 };
            let clipped = clip(score);
            let log_loss = -yes * libm::log(clipped) - no * libm::log1p(-clipped);
            let brier = yes * (1.0 - score) * (1.0 - score) + no * score * score;
            let terms = [mass, yes, decided * mass, decided * yes, log_loss, brier, no];
            sums.iter_mut().zip(terms).for_each(|(sum, term)| *sum += term);
            pairs += yes * (below + 0.5 * no);
            below += no;
            bins[bin_of(score)].0 += mass;
            bins[bin_of(score)].1 += yes;
        }
        let [all, yes, flagged, hits, log_loss, brier, no] = sums.map(|sum| sum / sums[0]);
        let wrong = flagged - hits;
        let mut truth = BTreeMap::from(
            [
                ("missing", MISSING),
                ("unfamiliar", STRANGE / (1.0 - MISSING)),
                ("decision_rate", flagged),
                ("label_rate", yes),
                ("coverage", LABELLED),
                ("auc", pairs / (yes * no) / (sums[0] * sums[0])),
                ("log_loss", log_loss),
                ("brier", brier),
                ("accuracy", all - wrong - (yes - hits)),
                ("precision", hits / flagged),
                ("recall", hits / yes),
                ("specificity", 1.0 - wrong / no),
                ("f1", 2.0 * hits / (flagged + yes)),
            ]
            .map(|(name, x)| (name.to_owned(), x)),
        );
        let many = |share: f64| libm::rint(share * 1e13) as u64;
        let bins = bins.iter().enumerate();
        let bins = bins.filter(|(_, (mass, _))| *mass > 1e-13).filter_map(|(bin, &(mass, yes))| {
            ForecastBin::new(many(mass), many(yes).min(many(mass)), map.expected(bin))
        });
        let bins: Vec<ForecastBin> = bins.collect();
        if let (Some(offset), Some(line)) = (recalibrate_offset(&bins), recalibrate(&bins)) {
            truth.insert("calibration_intercept".to_owned(), offset.offset);
            truth.insert("calibration_slope".to_owned(), line.slope);
        }
        truth
    }
}
