//! Does the truth still come as often, and say yes as often, as it did?

use super::budget::Family;
use super::predictions::relative;
use super::reading::{Context, Reading, count, tested};
use super::words::{before, capital, out_of, percent};
use crate::baseline::Restless;
use crate::finding::Subject;
use crate::indicator::Indicator;
use crate::join::Regime;
use crate::observe::{Sums, flow, truth};
use crate::stats::rate::{Floor, Side, Tally};

/// Rate, coverage, coverage of young windows and delay share one allowance.
pub(super) const KEYS: usize = 4;

/// All readings of the labels of one mature window. `coverage` is the tally of labelled among closed rows in the first
/// mature windows of the stream, once they span the time that a baseline is learnt in.
pub(super) fn readings(context: &Context<'_>, coverage: Option<Tally>) -> Vec<Reading> {
    rate(context).into_iter().chain(coverage.and_then(|first| covered(context, first))).collect()
}

fn rate(context: &Context<'_>) -> Option<Reading> {
    let indicator = Indicator::LabelRate;
    let profile = context.profile?;
    if selective(context).is_some() {
        return None;
    }
    let (positive, negative) = profile.classes();
    let then = Tally::new(count(positive), count(positive + negative));
    let now = Tally::new(count(context.sums.truth(truth::POSITIVE)), count(context.sums.truth(truth::N)));
    let enough = |sums: &Sums| sums.effective_labels()[0] >= indicator.min_n() as f64;
    if !enough(&profile.sums) {
        return None;
    }
    let speaks = enough(context.sums);
    let terms = context.allowing(context.terms(Family::Labels, KEYS), Restless::Labels);
    let floor = Floor::Ratio(1.0 + indicator.floor());
    let test = tested(now, then, Side::Either, floor, terms, speaks)?;
    let bet = context.bet((Family::Labels, KEYS), now, then, Side::Either, floor, terms);
    let n = count(context.sums.labelled_rows());
    let text = format!(
        "{} labels are positive; {}.",
        capital(&out_of(test.value, n)),
        before(context.place(), test.reference, "were")
    );
    let counted = (now.trials, context.phi(Restless::Labels));
    let reading = relative(indicator, &test, counted, then, terms).saying(text).betting(bet, speaks);
    Some(reading.of_rows(n))
}

/// By how much the share of labelled rows among positive and among negative decisions may come to differ.
const SELECTIVE: f64 = 0.2;

/// The shares of labelled rows among positive and among negative decisions, where they differ otherwise than on the
/// baseline. Then rates and metrics are those of another population than the baseline's: no news, but a blind spot
/// (Lakkaraju et al. 2017). What is judged given the score (calibration, residuals of slices) stands. Labels count with
/// their weights: a few labels of one decision that stand for all of its rows are no selection.
pub(super) fn selective(context: &Context<'_>) -> Option<[f64; 2]> {
    let now = by_decision(context.sums)?;
    let then = by_decision(&context.profile?.sums)?;
    let share = |tally: &Tally| tally.hits as f64 / tally.trials as f64;
    // Weights of samples stand for rows that are not in the stream: then the fuller of both decisions has all its labels.
    let gap = |[yes, no]: &[Tally; 2]| (share(yes) - share(no)) / share(yes).max(share(no)).max(1.0);
    // One more of each kind, so that a share of 0 or 1 is not taken for certain.
    let variance = |tally: &Tally| {
        let smooth = ((tally.hits as f64 + 1.0) / (tally.trials as f64 + 2.0)).min(1.0);
        smooth * (1.0 - smooth) / tally.trials as f64
    };
    let of = |sums: &Sums, tallies: &[Tally; 2]| {
        let effect = if sums.is_weighted() { of_selection(sums) } else { 1.0 };
        effect * tallies.iter().map(variance).sum::<f64>()
    };
    let error = (of(context.sums, &now) + of(&context.profile?.sums, &then)).sqrt();
    let apart = libm::fabs(gap(&now) - gap(&then));
    let rows = by_rows(context.sums)?;
    (apart > SELECTIVE && apart > 3.0 * error).then(|| rows.map(|tally| share(&tally)))
}

/// The largest mean weight of the labels of a decision, weighted by itself: by so much the variance of their number grows.
fn of_selection(sums: &Sums) -> f64 {
    let kinds = sums.weights();
    let kish = |[one, other]: [usize; 2]| (kinds[one].1 + kinds[other].1) / (kinds[one].0 + kinds[other].0);
    [[0, 2], [1, 3]].map(kish).into_iter().filter(|one| one.is_finite()).fold(1.0, f64::max)
}

/// Labels, with their weights, among positive and among negative decisions; `None` without both.
fn by_decision(sums: &Sums) -> Option<[Tally; 2]> {
    by_rows(sums)?;
    labels_of(sums, |place| sums.truth(place))
}

/// The same of labelled rows: there are no more of them than decisions, or something is amiss.
fn by_rows(sums: &Sums) -> Option<[Tally; 2]> {
    labels_of(sums, |place| sums.rows(place)).filter(|both| both.iter().all(|tally| tally.hits <= tally.trials))
}

fn labels_of(sums: &Sums, labels: impl Fn(usize) -> i64) -> Option<[Tally; 2]> {
    let (decided, positive) = (count(sums.flow(flow::DECIDED)), count(sums.flow(flow::POSITIVE)));
    let flagged = count(labels(truth::TP) + labels(truth::FP));
    let labelled = count(labels(truth::DECIDED));
    let negative = decided.checked_sub(positive)?;
    let passed = labelled.checked_sub(flagged)?;
    (positive > 0 && negative > 0).then(|| [Tally::new(flagged, positive), Tally::new(passed, negative)])
}

/// The tally of labelled among closed rows.
pub(super) fn coverage(context: &Context<'_>) -> Tally {
    let closed = count(context.sums.truth(truth::CLOSED));
    Tally::new(closed.saturating_sub(count(context.sums.truth(truth::NEVER))), closed)
}

fn covered(context: &Context<'_>, first: Tally) -> Option<Reading> {
    let indicator = Indicator::LabelCoverage;
    let now = coverage(context);
    // Where silence means no, nothing is ever missing.
    let speaks = now.trials >= indicator.min_n();
    if context.config.labels == Regime::ImplicitNegative || now.trials == 0 {
        return None;
    }
    let floor = indicator.floor();
    // Customers whose requests come in bunches have labels in bunches.
    let terms = context.allowing_rows(context.terms(Family::Labels, KEYS), Restless::Labels);
    let test = tested(now, first, Side::Lower, Floor::Difference(floor), terms, speaks)?;
    let bet = context.bet((Family::Labels, KEYS), now, first, Side::Lower, Floor::Difference(floor), terms);
    let text = format!(
        "{} predictions have a label although their label window has passed; in the first windows {} had one.",
        capital(&out_of(test.value, now.trials)),
        percent(test.reference)
    );
    let counted = (now.trials, context.phi(Restless::Labels));
    let reading = Reading::of_rate(indicator, Subject::default(), &test, floor, counted, terms);
    Some(reading.saying(text).betting(bet, speaks))
}
