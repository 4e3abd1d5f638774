//! How is the allowance of subgroups divided over their questions?
//!
//! Most subgroups are far too small to speak in a window of some thousand rows. If each counted as much as any other,
//! the few that can speak would be judged at levels for thousands. So half of the allowance goes to the questions for
//! which the baseline lets expect enough rows in a window of this size, half to all others: to values that are new, and
//! to those that have grown. Which is which depends on the baseline and on the number of labelled rows alone, never on
//! what they hold, so the levels add up whatever happens.

use std::ops::Range;

use super::budget::Family;
use super::reading::{Context, Scatter};
use super::subgroups::{cell, ranges, sliced_features};
use crate::baseline::{Profile, Restless, of_errors};
use crate::indicator::{Indicator, SLICE_MIN_EXPECTED};
use crate::observe::{CODE_TAIL, CODE_UNDER, Cell, SCORE_SCALE, truth};
use crate::stats::distribution::Part;
use crate::stats::rate::Terms;

/// Questions a subgroup: positives beyond the scores, missed positives, false alarms, errors.
pub(super) const QUESTIONS: usize = 4;
/// Fewest positives, negatives and rows for a share of errors.
pub(super) const LEAST: [u64; 3] = [20, 50, 50];

/// The terms of some questions, and what scatters there: labels, and predictions.
type Share<'a> = (Terms, Scatter<'a>, Scatter<'a>);

/// The terms of questions that can be expected to speak, and of the others.
pub(super) struct Shares<'a> {
    categorical: Vec<bool>,
    expected: Share<'a>,
    others: Share<'a>,
    /// Labelled rows of the window for each of the baseline.
    ratio: f64,
    /// Errors may lie where the weights are, and of these shares only the whole knows: its factors, of the window and of
    /// the baseline.
    errors: [f64; 2],
}

impl<'a> Shares<'a> {
    /// For a window.
    pub(super) fn of(context: &'a Context<'_>, profile: &Profile) -> Self {
        let ratio = context.sums.effective_labels()[0] / profile.sums.truth(truth::N).max(1) as f64;
        let errors = [of_errors(context.sums), of_errors(&profile.sums)];
        let (mut all, mut able) = (0, 0);
        for place in sliced_features(context.config, profile) {
            for codes in ranges(&profile.coding.features()[place]) {
                all += QUESTIONS;
                let then = cell(&profile.sums, place, codes);
                able += speaking(&then, ratio).into_iter().filter(|&speaks| speaks).count();
            }
        }
        let share = |keys: usize| {
            let terms = context.terms(Family::Slices, 2 * keys.max(1));
            (terms, context.scatter(terms, true), context.scatter(terms, false))
        };
        let categorical = profile.coding.features().iter().map(|feature| !feature.is_numeric()).collect();
        Self { categorical, expected: share(able), others: share(all - able), ratio, errors }
    }

    /// The terms of a question about some codes of a feature, which were `then` on the baseline.
    pub(super) fn terms(&self, question: usize, then: &Cell, feature: usize, codes: &Range<usize>) -> Terms {
        let speaks = speaking(then, self.ratio)[question];
        let (terms, labels, predictions) = if speaks { self.expected } else { self.others };
        let (window, reference) = labels.of(Restless::Slice(feature, codes.start, codes.end));
        if question == 0 {
            return terms.with_phis(window, reference);
        }
        // An error is a label and a decision. Positives beyond their scores may be independent where all rows of a busy
        // customer have one score, and are flagged together: so errors scatter at least as the rows and the decisions do.
        let bunches = self.bunches(feature, codes).chain([Restless::Decisions]).map(|figure| predictions.of(figure));
        let (rows, rows_then) = bunches.fold((1.0, 1.0), |(a, b): (f64, f64), (c, d)| (a.max(c), b.max(d)));
        let (here, there) = self.effects(feature, codes);
        terms.with_phis(
            (window / here).max(rows) * here.max(self.errors[0]),
            (reference / there).max(rows_then) * there.max(self.errors[1]),
        )
    }

    /// The shares of rows that are some codes.
    fn bunches(&self, feature: usize, codes: &Range<usize>) -> impl Iterator<Item = Restless> {
        // As `observe::looks::drift_counts` counts them: rare and unseen values are one cell.
        let first = usize::from(if self.categorical[feature] { CODE_TAIL } else { CODE_UNDER });
        codes.clone().map(move |code| match code {
            0 => Restless::Missing(feature),
            code => Restless::Feature(feature, Part::Cell(code.saturating_sub(first))),
        })
    }

    /// What weights add to the variance of the positives of some codes: in the window, and on the baseline.
    pub(super) fn effects(&self, feature: usize, codes: &Range<usize>) -> (f64, f64) {
        self.expected.1.of_weights(Restless::Slice(feature, codes.start, codes.end))
    }

    /// The terms before any scatter.
    pub(super) fn plain(&self, then: &Cell) -> Terms {
        if speaking(then, self.ratio)[0] { self.expected.0 } else { self.others.0 }
    }
}

/// Whether each question can be expected to speak of a subgroup in a window with `ratio` times the baseline's rows.
fn speaking(then: &Cell, ratio: f64) -> [bool; QUESTIONS] {
    let here = |count: i64| count as f64 * ratio;
    let decided = then.decided == then.n;
    let least = LEAST.map(|least| least as f64);
    [
        here(then.n) >= Indicator::SliceErrorRate.min_n() as f64 && here(then.e) / SCORE_SCALE >= SLICE_MIN_EXPECTED,
        decided && here(then.positive) >= least[0],
        decided && here(then.n - then.positive) >= least[1],
        decided && here(then.n) >= least[2],
    ]
}
