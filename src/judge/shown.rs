//! Are there labels enough to show a figure of them?
//!
//! A figure that is shown only where a window happened to have many cases of the rarer class is shown where that class
//! came out high: its intervals then hold the truth less often than they state. So what counts is how many such cases
//! were to be expected, by the scores as the baseline reads them. Tests have a rule of their own: they may go by what is
//! there, since few cases only make them slow.

use super::provisional::Provisional;
use super::reading::{Context, count};
use crate::baseline::{Profile, Restless};
use crate::indicator::Indicator;
use crate::join::Regime;
use crate::observe::metrics::forecasts;
use crate::observe::{BINS, Statistic, Sums, truth};
use crate::stats::forecast::{logit, sigmoid};

/// So many times the cases asked for show that the scores are wrong about how many there are.
const PLAINLY: f64 = 2.0;

/// Whether the figures of the labels of a window are shown. `moved` is what the log-odds of the labels that are there must
/// be moved by, where classes come at another pace; 0 once they are complete.
pub(super) fn shows(context: &Context<'_>, moved: f64) -> bool {
    let n = count(context.sums.truth(truth::N));
    let positives = count(context.sums.truth(truth::POSITIVE));
    let rarer = |positives: f64| positives.min(n as f64 - positives);
    let expected = telling(context).map(|profile| rarer(expected(context.sums, profile, moved)));
    n >= Indicator::PerformanceDegradation.min_n() && enough(context, rarer(positives as f64), expected)
}

/// Whether they are shown before their time. Where silence means negative there are few labels but positives yet.
pub(super) fn shows_early(context: &Context<'_>, provisional: &Provisional) -> bool {
    if context.config.labels == Regime::Explicit {
        return shows(context, provisional.offset().unwrap_or(0.0));
    }
    let positives = count(context.sums.truth(truth::POSITIVE)) as f64;
    let rows = context.sums.get(Statistic::Scores);
    let of = |profile: &Profile| (0..BINS).map(|bin| rows[bin] as f64 * profile.map.expected(bin)).sum();
    enough(context, positives, telling(context).map(|profile| provisional.in_by_now(of(profile))))
}

/// Rows that are alike count as one. The factor is the baseline's: that of a larger window tells how sure a figure is.
fn enough(context: &Context<'_>, observed: f64, expected: Option<f64>) -> bool {
    let (_, phi) = context.spread(true).of(Restless::Labels);
    let least = phi * Indicator::PerformanceDegradation.min_positives() as f64;
    match expected {
        Some(expected) => expected >= least || observed >= PLAINLY * least,
        None => observed >= least,
    }
}

/// The baseline, if it has labels enough to say what scores mean.
fn telling<'a>(context: &Context<'a>) -> Option<&'a Profile> {
    let (positive, negative) = context.profile?.classes();
    let least = Indicator::PerformanceDegradation.min_positives();
    (count(positive.min(negative)) >= least).then_some(context.profile?)
}

/// Positives that the scores of the labelled rows let expect.
fn expected(sums: &Sums, profile: &Profile, moved: f64) -> f64 {
    let bins = forecasts(sums, &profile.map);
    bins.iter().map(|bin| bin.cases as f64 * sigmoid(logit(bin.score) - moved)).sum()
}
