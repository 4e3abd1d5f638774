//! What would the truth be, if scores still meant what they meant on the baseline? No label is needed to ask.
//!
//! Two estimates, each with its own assumption.
//!
//! - **Metrics** from the recalibrated score of each bin in place of labels: right if the scores are still calibrated, that
//!   is, if only the inputs moved. A changed relation of inputs and labels shows in the gap to the realised metric.
//! - **The share of positives** from the share of scores above a cut: right if scores of each class are spread as on the
//!   baseline, that is, if only the mix of classes moved. The cut is one of the baseline's score groups, that which
//!   parts its classes best.
//!
//! The log loss and the Brier score are means of one function of the score, given the baseline's map; so a test of their
//! rise has the error of both samples inside. So has the test of the share above the cut, with the baseline's hit rates at
//! their bounds. The other metrics are shown and not judged.

use std::collections::BTreeMap;

use super::budget::Family;
use super::performance::speaks;
use super::predictions::difference;
use super::reading::{Context, Reading, count};
use super::words::{amount, many, percent};
use crate::baseline::{Profile, Restless, design_effect};
use crate::finding::Subject;
use crate::indicator::{Indicator, Metric};
use crate::observe::looks::score_groups;
use crate::observe::metrics::{LOG_LOSS_MAX, auc, measure};
use crate::observe::{BINS, Statistic, Sums, bin_center, bin_of, clip, flow, truth};
use crate::stats::discrimination::{self, ScoreBin};
use crate::stats::distribution::Part;
use crate::stats::interval::{Interval, mean};
use crate::stats::loss::{Sample, mean_above, smallest_rise};
use crate::stats::rate::{Floor, Side, Tally, Terms, rate_p_value, smallest_difference};

/// Both losses and the share of positives.
const KEYS: usize = 3;
/// The classes must lie apart by so much at the cut.
const APART_LEAST: f64 = 0.2;

/// An estimate and its standard error, with that of the baseline inside.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Estimated {
    /// The estimate.
    pub value: f64,
    /// Its standard error.
    pub error: f64,
    /// The same on the baseline.
    pub reference: f64,
}

impl Estimated {
    /// 95 % interval; no figure here is below 0.
    pub(super) fn interval(&self) -> Option<Interval> {
        mean(self.value, self.error, 0.05).map(|reach| Interval { low: reach.low.max(0.0), ..reach })
    }
}

/// All readings of estimates of one window.
pub(super) fn readings(context: &Context<'_>) -> Vec<Reading> {
    let Some(profile) = context.profile.filter(|profile| speaks(&profile.sums)) else { return Vec::new() };
    let losses = [Metric::LogLoss, Metric::Brier].into_iter().filter_map(|metric| loss(context, profile, metric));
    losses.chain(prior(context, profile)).collect()
}

fn scores(sums: &Sums) -> impl Iterator<Item = (usize, f64)> {
    sums.get(Statistic::Scores).iter().enumerate().map(|(bin, &rows)| (bin, rows.max(0) as f64))
}

/// What a row of a bin is expected to lose.
fn expected_loss(profile: &Profile, metric: Metric, bin: usize) -> f64 {
    let [negative, positive] = losses(metric, bin);
    let e = profile.map.expected(bin);
    (1.0 - e) * negative + e * positive
}

/// What a bin's score loses to a negative and to a positive label.
fn losses(metric: Metric, bin: usize) -> [f64; 2] {
    let score = clip(bin_center(bin));
    match metric {
        Metric::LogLoss => [-libm::log1p(-score), -libm::log(score)],
        _ => [score * score, (1.0 - score) * (1.0 - score)],
    }
}

fn expected_losses(sums: &Sums, profile: &Profile, metric: Metric) -> Option<Sample> {
    let (mut n, mut sum, mut squares) = (0.0, 0.0, 0.0);
    for (bin, rows) in scores(sums) {
        let loss = expected_loss(profile, metric, bin);
        n += rows;
        sum += rows * loss;
        squares += rows * loss * loss;
    }
    let mean = sum / n;
    let variance = (squares / n - mean * mean).max(0.0) * n / (n - 1.0);
    (n >= 2.0).then_some(Sample { n, mean, variance })
}

fn loss(context: &Context<'_>, profile: &Profile, metric: Metric) -> Option<Reading> {
    let indicator = Indicator::PerformanceEstimated;
    let now = expected_losses(context.sums, profile, metric)?;
    let then = expected_losses(&profile.sums, profile, metric)?;
    let speaks = now.n >= indicator.min_n() as f64;
    let terms = context.terms(Family::Estimates, KEYS);
    // How restless scores are is known of cuts; what stands on all of them is at most as restless as the worst one.
    let scatter = context.scatter(terms, false);
    let groups = score_groups(&profile.sums, &profile.sums).0.len();
    let phis = (0..groups).map(|group| scatter.of(Restless::Scores(Part::UpTo(group))));
    let (window, reference) =
        phis.fold((1.0, 1.0), |(window, reference): (f64, f64), (one, other)| (window.max(one), reference.max(other)));
    let terms = terms.with_phis(window, reference);
    let range = (0..BINS).map(|bin| expected_loss(profile, metric, bin)).fold(0.0, f64::max).min(LOG_LOSS_MAX);
    let floor = metric.floor() * then.mean;
    let (window, reference) = (now.deflated(terms.phi), then.deflated(terms.reference_phi));
    let p_of = |gamma: f64| mean_above(&window, &reference, floor, range, gamma);
    let p_value = if speaks { p_of(terms.gamma)? } else { 1.0 };
    let effect = now.mean - then.mean;
    let phis = context.spread(false).of(Restless::Metric(metric));
    let interval = estimate(context.sums, profile, metric, phis).and_then(|estimate| estimate.interval());
    let n = count(context.sums.flow(flow::N));
    let text = format!(
        "If scores still mean what they did, the {} of {} predictions is {}; on the baseline it was {}.",
        name(metric),
        many(n),
        amount(now.mean),
        amount(then.mean)
    );
    Some(Reading {
        indicator,
        subject: Subject { metric: Some(metric.name().to_owned()), ..Subject::default() },
        value: now.mean,
        reference: then.mean,
        effect,
        floor,
        strength: if effect > 0.0 && floor > 0.0 { (effect / floor).min(1e6) } else { 0.0 },
        interval: interval.map(|interval| [interval.low, interval.high]),
        n,
        phi: phis.0,
        is_share: false,
        p_value,
        level: terms.level,
        smallest_detectable: smallest_rise(&window, &reference, floor, range, terms),
        evidence: BTreeMap::new(),
        text,
        examples: Vec::new(),
        bet: context.bet_on((Family::Estimates, KEYS), p_value, || p_of(terms.gamma)),
        speaks,
    })
}

const fn name(metric: Metric) -> &'static str {
    match metric {
        Metric::LogLoss => "log loss",
        _ => "Brier score",
    }
}

/// The estimate of a metric, where the baseline has enough labels to say what scores mean. `phis` are by how much it
/// scatters more than that of independent rows: in windows like this one, and on the baseline.
pub(super) fn estimate(sums: &Sums, profile: &Profile, metric: Metric, phis: (f64, f64)) -> Option<Estimated> {
    if !speaks(&profile.sums) {
        return None;
    }
    // The baseline's labels are as sure of the map as they are of the metric.
    let effect = |figure| design_effect(&profile.sums, Some(&profile.map), figure);
    let own = if metric == Metric::Auc {
        auc(&profile.sums)?.variance?
    } else {
        let interval = measure(&profile.sums, metric, 1.0)?.interval?;
        let error = 0.5 * (interval.high - interval.low) / 1.959_963_984_540_054;
        error * error
    };
    let (value, variance) = of(sums, profile, metric)?;
    let (reference, _) = of(&profile.sums, profile, metric)?;
    let own = own * effect(Restless::Metric(metric));
    Some(Estimated { value, error: (phis.0 * variance + phis.1 * own).sqrt(), reference })
}

/// A metric with expected labels, and the variance that rows and their labels give it.
fn of(sums: &Sums, profile: &Profile, metric: Metric) -> Option<(f64, f64)> {
    match metric {
        Metric::LogLoss | Metric::Brier => {
            let expected = expected_losses(sums, profile, metric)?;
            let squares: f64 = scores(sums)
                .map(|(bin, rows)| {
                    let ([negative, positive], e) = (losses(metric, bin), profile.map.expected(bin));
                    rows * ((1.0 - e) * negative * negative + e * positive * positive)
                })
                .sum();
            let variance = (squares / expected.n - expected.mean * expected.mean).max(0.0);
            Some((expected.mean, variance / expected.n))
        }
        Metric::Auc => {
            // In hundredths of a case, so that little is lost by rounding.
            let whole = |x: f64| libm::rint(100.0 * x) as u64;
            let bins: Vec<ScoreBin> = scores(sums)
                .map(|(bin, rows)| {
                    let e = profile.map.expected(bin);
                    ScoreBin { negatives: whole(rows * (1.0 - e)), positives: whole(rows * e) }
                })
                .collect();
            let auc = discrimination::auc(&bins)?;
            Some((auc.area, 100.0 * auc.variance?))
        }
        Metric::Accuracy | Metric::Precision | Metric::Recall | Metric::F1 => {
            let [tp, fp, fn_, tn] = table(sums, profile)?;
            let share = |part: f64, whole: f64| {
                let share = part / whole;
                (whole > 0.0).then_some((share, share * (1.0 - share) / whole))
            };
            match metric {
                Metric::Accuracy => share(tp + tn, tp + fp + fn_ + tn),
                Metric::Precision => share(tp, tp + fp),
                Metric::Recall => share(tp, tp + fn_),
                _ => {
                    let (jaccard, variance) = share(tp, tp + fp + fn_)?;
                    let slope = 2.0 / ((1.0 + jaccard) * (1.0 + jaccard));
                    Some((2.0 * jaccard / (1.0 + jaccard), slope * slope * variance))
                }
            }
        }
    }
}

/// Expected hits, false alarms, misses and quiet negatives, where the highest scores are those that were decided positive.
fn table(sums: &Sums, profile: &Profile) -> Option<[f64; 4]> {
    let (decided, positive) = (sums.flow(flow::DECIDED) as f64, sums.flow(flow::POSITIVE) as f64);
    let rows: f64 = scores(sums).map(|(_, rows)| rows).sum();
    if !(decided > 0.0 && rows > 0.0) {
        return None;
    }
    let mut left = positive / decided * rows;
    let [mut tp, mut fp, mut fn_, mut tn] = [0.0; 4];
    let bins: Vec<(usize, f64)> = scores(sums).collect();
    for (bin, rows) in bins.into_iter().rev() {
        let e = profile.map.expected(bin);
        let flagged = rows.min(left);
        left -= flagged;
        tp += flagged * e;
        fp += flagged * (1.0 - e);
        fn_ += (rows - flagged) * e;
        tn += (rows - flagged) * (1.0 - e);
    }
    Some([tp, fp, fn_, tn])
}

/// A cut that parts the baseline's classes.
struct Cut {
    /// Scores from this bin on lie above.
    bin: usize,
    /// The group of scores that ends there.
    group: usize,
    /// Positives above among positives, negatives above among negatives.
    hits: [Tally; 2],
}

/// Rows above a bin among all.
fn above(sums: &Sums, statistic: Statistic, bin: usize) -> Tally {
    let bins = sums.get(statistic);
    Tally::new(count(bins[bin..].iter().sum()), count(bins.iter().sum()))
}

impl Cut {
    /// The cut between groups of about equal mass at which hit rate and false alarm rate lie farthest apart.
    fn best(profile: &Profile) -> Option<Self> {
        let (_, _, tops) = score_groups(&profile.sums, &profile.sums);
        let mut best: Option<Self> = None;
        for (group, &top) in tops.iter().enumerate().take(tops.len().saturating_sub(1)) {
            let bin = bin_of(top);
            let hits = [Statistic::Positives, Statistic::Negatives].map(|class| above(&profile.sums, class, bin));
            let cut = Self { bin, group, hits };
            if best.as_ref().is_none_or(|best| cut.apart() > best.apart()) {
                best = Some(cut);
            }
        }
        best.filter(|cut| cut.apart() >= APART_LEAST)
    }

    fn rates(&self) -> [f64; 2] {
        self.hits.map(|tally| tally.share().unwrap_or(0.0))
    }

    fn apart(&self) -> f64 {
        let [hits, alarms] = self.rates();
        hits - alarms
    }
}

/// The share of positives that the scores of a window let expect, where only the mix of classes has moved; and by how much
/// the share above the cut scatters in windows like this one.
pub(super) fn label_rate(context: &Context<'_>, profile: &Profile) -> Option<(Estimated, f64)> {
    let sums = context.sums;
    if !speaks(&profile.sums) {
        return None;
    }
    let cut = Cut::best(profile)?;
    let (now, apart, [hits, alarms]) = (above(sums, Statistic::Scores, cut.bin), cut.apart(), cut.rates());
    let share = now.share()?;
    let value = ((share - alarms) / apart).clamp(0.0, 1.0);
    let variance = |share: f64, trials: u64| share * (1.0 - share) / trials.max(1) as f64;
    let effect = design_effect(&profile.sums, Some(&profile.map), Restless::Metric(Metric::Auc));
    let [of_hits, of_alarms] =
        [variance(hits, cut.hits[0].trials) * effect, variance(alarms, cut.hits[1].trials) * effect];
    let (phi, phi_then) = context.spread(false).of(Restless::Scores(Part::UpTo(cut.group)));
    let then = value * value * of_hits + (1.0 - value) * (1.0 - value) * of_alarms;
    let all = phi * variance(share, now.trials) + phi_then * then;
    let (positive, negative) = profile.classes();
    let reference = positive as f64 / (positive + negative) as f64;
    Some((Estimated { value, error: all.sqrt() / apart, reference }, phi))
}

fn prior(context: &Context<'_>, profile: &Profile) -> Option<Reading> {
    let indicator = Indicator::LabelPriorEstimate;
    let cut = Cut::best(profile)?;
    let (estimate, phi) = label_rate(context, profile)?;
    let (now, then) =
        (above(context.sums, Statistic::Scores, cut.bin), above(&profile.sums, Statistic::Scores, cut.bin));
    let n = now.trials;
    let speaks = n >= indicator.min_n();
    let terms = context.terms(Family::Estimates, KEYS);
    let (window, reference) = context.scatter(terms, false).of(Restless::Scores(Part::UpTo(cut.group)));
    let terms = terms.with_phis(window, reference);
    let factor = 1.0 + indicator.floor();
    // How far the share above the cut moves while the share of positives moves by no more than the floor: at most.
    let [of_positives, of_negatives] = cut.hits;
    let effect = [Restless::Labels, Restless::Metric(Metric::Auc)]
        .map(|figure| design_effect(&profile.sums, Some(&profile.map), figure))
        .into_iter()
        .fold(1.0, f64::max);
    let bound = |tally: Tally| context.bounds.of(tally.hits, tally.trials, Terms { reference_phi: effect, ..terms });
    let quiet = Tally::new(of_negatives.trials - of_negatives.hits, of_negatives.trials);
    let apart = (bound(of_positives)? + bound(quiet)? - 1.0).clamp(0.0, 1.0);
    let labelled = profile.sums.truth(truth::N);
    let most = bound(Tally::new(of_positives.trials, count(labelled)))?;
    let down = estimate.value < estimate.reference;
    let part = if down { 1.0 - 1.0 / factor } else { factor - 1.0 };
    // Each side has room of its own, and half of the chance.
    let room = (apart * most * part).clamp(0.0, 1.0);
    // Three bounds may fail, each with the chance of gamma.
    let p_of = |terms: Terms| {
        Some((rate_p_value(now, then, Side::Either, Floor::Difference(room), terms)? + 3.0 * terms.gamma).min(1.0))
    };
    let p_value = if speaks { p_of(terms)? } else { 1.0 };
    let smallest = smallest_difference(now, then, Side::Either, room, terms);
    let reference = estimate.reference;
    let floor = difference(reference, factor, down);
    let least = 0.5 / n.max(1) as f64;
    let strength = libm::fabs(libm::log(estimate.value.max(least) / reference.max(least))) / libm::log(factor);
    let text = format!(
        "By their scores about {} of {} predictions are positive, if scores of each class are spread as they were; on the \
         baseline {} were.",
        percent(estimate.value),
        many(n),
        percent(reference)
    );
    let reading = Reading {
        indicator,
        subject: Subject::default(),
        value: estimate.value,
        reference,
        effect: estimate.value - reference,
        floor,
        strength: strength.min(1e6),
        interval: estimate
            .interval()
            .map(|i| [i.low.max(0.0).min(estimate.value), i.high.min(1.0).max(estimate.value)]),
        n,
        phi,
        is_share: false,
        p_value,
        level: terms.level,
        smallest_detectable: smallest.map(|moved| moved / cut.apart()),
        evidence: BTreeMap::new(),
        text,
        examples: Vec::new(),
        bet: context.bet_on((Family::Estimates, KEYS), p_value, || p_of(terms.lasting())),
        speaks,
    };
    Some(reading.with("cut", crate::observe::bin_edges(cut.bin).0).with("above_cut", now.share()?))
}
