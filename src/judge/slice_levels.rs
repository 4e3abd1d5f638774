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
use crate::observe::{Cell, SCORE_SCALE, truth};
use crate::stats::rate::Terms;

/// Questions a subgroup: positives beyond the scores, missed positives, false alarms, errors.
pub(super) const QUESTIONS: usize = 4;
/// Fewest positives, negatives and rows for a share of errors.
pub(super) const LEAST: [u64; 3] = [20, 50, 50];

/// The terms of questions that can be expected to speak, and of the others, each with what scatters there.
pub(super) struct Shares<'a> {
    expected: (Terms, Scatter<'a>),
    others: (Terms, Scatter<'a>),
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
            (terms, context.scatter(terms, true))
        };
        Self { expected: share(able), others: share(all - able), ratio, errors }
    }

    /// The terms of a question about some codes of a feature, which were `then` on the baseline.
    pub(super) fn terms(&self, question: usize, then: &Cell, feature: usize, codes: &Range<usize>) -> Terms {
        let speaks = speaking(then, self.ratio)[question];
        let (terms, scatter) = if speaks { self.expected } else { self.others };
        // What scatters the positives of a slice scatters its errors as well.
        let (window, reference) = scatter.of(Restless::Slice(feature, codes.start, codes.end));
        let (here, there) = self.effects(feature, codes);
        let more = if question == 0 { [1.0; 2] } else { [self.errors[0] / here, self.errors[1] / there] };
        terms.with_phis(window * more[0].max(1.0), reference * more[1].max(1.0))
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
