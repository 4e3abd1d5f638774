//! Are there labels enough to show a figure of them?
//!
//! A figure that is shown only where a window happened to have many cases of the rarer class is shown where that class
//! came out high: its intervals then hold the truth less often than they state. So what counts is how many such cases
//! were to be expected. Chance is kept out of it in three steps: as many as are asked for by the baseline's share; or half
//! as many more by the scores, as the baseline reads them; or twice as many in truth. Only a changed world takes the second
//! and the third, and it must not go dark. Tests have a rule of their own: few cases only make them slow.

use super::provisional::Provisional;
use super::reading::{Context, count};
use crate::baseline::Profile;
use crate::indicator::Indicator;
use crate::join::Regime;
use crate::observe::metrics::forecasts;
use crate::observe::{BINS, Statistic, truth};
use crate::stats::forecast::{logit, sigmoid};

/// So many times the cases asked for must be expected by the scores of a window, or be there.
const BY_SCORES: f64 = 1.5;
const BY_LABELS: f64 = 2.0;

/// Whether the figures of the labels of a window are shown. `moved` is what the log-odds of the labels that are there must
/// be moved by, where classes come at another pace; 0 once they are complete.
pub(super) fn shows(context: &Context<'_>, moved: f64) -> bool {
    // Rows with weights count as as many as they are worth.
    let [all, _, positive] = context.sums.effective_labels();
    let worth = all / context.sums.truth(truth::N).max(1) as f64;
    let n = all;
    let rarer = |positives: f64| positives.min(n - positives);
    let positives = |chance: f64| sigmoid(logit(chance) - moved);
    let expected = telling(context).map(|profile| {
        let bins = forecasts(context.sums, &profile.map);
        let by_scores: f64 = bins.iter().map(|bin| worth * bin.cases as f64 * positives(bin.score)).sum();
        [n * positives(share(profile)), by_scores].map(rarer)
    });
    let observed = rarer(positive);
    n >= Indicator::PerformanceDegradation.min_n() as f64 && enough(observed, expected)
}

/// Whether they are shown before their time. Where silence means negative there are few labels but positives yet.
pub(super) fn shows_early(context: &Context<'_>, provisional: &Provisional) -> bool {
    if context.config.labels == Regime::Explicit {
        return shows(context, provisional.offset().unwrap_or(0.0));
    }
    let rows = context.sums.get(Statistic::Scores);
    let expected = telling(context).map(|profile| {
        let by_scores = (0..BINS).map(|bin| rows[bin] as f64 * profile.map.expected(bin)).sum();
        let by_share = rows.iter().sum::<i64>() as f64 * share(profile);
        [by_share, by_scores].map(|positives| provisional.in_by_now(positives))
    });
    let [_, _, positives] = context.sums.effective_labels();
    enough(positives, expected)
}

/// Whether there are cases enough: expected by share and by scores, or observed where no baseline tells.
fn enough(observed: f64, expected: Option<[f64; 2]>) -> bool {
    let least = Indicator::PerformanceDegradation.min_positives() as f64;
    match expected {
        Some([by_share, by_scores]) => {
            by_share >= least || by_scores >= BY_SCORES * least || observed >= BY_LABELS * least
        }
        None => observed >= least,
    }
}

/// The baseline, if it has labels enough to say what scores mean.
fn telling<'a>(context: &Context<'a>) -> Option<&'a Profile> {
    let profile = context.profile?;
    let (positive, negative) = profile.classes();
    (count(positive.min(negative)) >= Indicator::PerformanceDegradation.min_positives()).then_some(profile)
}

/// The baseline's share of positives.
fn share(profile: &Profile) -> f64 {
    let (positive, negative) = profile.classes();
    positive as f64 / (positive + negative).max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases_are_expected_by_design_and_a_changed_world_does_not_go_dark() {
        let least = Indicator::PerformanceDegradation.min_positives() as f64;
        // What a window happened to have does not count where the baseline tells.
        for observed in [0.0, least, 2.0 * least - 1.0] {
            assert!(enough(observed, Some([least, 0.0])) && !enough(observed, Some([least - 1.0, least])));
        }
        assert!(enough(2.0 * least, Some([0.0, 0.0])), "far more positives than anything let expect");
        assert!(enough(0.0, Some([0.0, 1.5 * least])), "far higher scores than the baseline's");
        assert!(enough(least, None) && !enough(least - 1.0, None));
    }
}
