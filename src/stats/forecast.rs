//! What is a bin of scored cases? Cases, positives, and the score they were given: the table all calibration figures use.
//!
//! Scores are chances in [0, 1]; a logit is the log odds of a score, finite because scores are kept 1e-12 away from the
//! ends, far outside any score that is clipped at 1e-6.

use std::ops::Range;

use super::pool::equal_mass;

/// Cases that were given about the same score.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ForecastBin {
    /// How many cases with a label.
    pub cases: u64,
    /// How many of them positive.
    pub positives: u64,
    /// Their mean score.
    pub score: f64,
}

impl ForecastBin {
    /// A bin; `None` with more positives than cases, or a score outside [0, 1].
    pub fn new(cases: u64, positives: u64, score: f64) -> Option<Self> {
        (positives <= cases && (0.0..=1.0).contains(&score)).then_some(Self { cases, positives, score })
    }

    /// Log odds of the score.
    pub fn logit(&self) -> f64 {
        logit(self.score)
    }
}

/// Log odds of a chance.
pub fn logit(chance: f64) -> f64 {
    let inside = chance.clamp(1e-12, 1.0 - 1e-12);
    libm::log(inside / (1.0 - inside))
}

/// The chance with the given log odds.
pub fn sigmoid(logit: f64) -> f64 {
    // Both forms keep the small side's digits.
    if logit >= 0.0 {
        1.0 / (1.0 + libm::exp(-logit))
    } else {
        let odds = libm::exp(logit);
        odds / (1.0 + odds)
    }
}

/// Cases and positives of all bins.
pub fn totals(bins: &[ForecastBin]) -> (u64, u64) {
    bins.iter().fold((0, 0), |(cases, positives), bin| (cases + bin.cases, positives + bin.positives))
}

/// At most `groups` groups of neighbouring bins with about equal numbers of cases.
pub fn grouped(bins: &[ForecastBin], groups: usize) -> Vec<ForecastBin> {
    let counts: Vec<u64> = bins.iter().map(|bin| bin.cases).collect();
    equal_mass(&counts, groups).into_iter().filter_map(|range| fused(bins, range)).collect()
}

/// One bin of several, with the mean of their scores.
fn fused(bins: &[ForecastBin], range: Range<usize>) -> Option<ForecastBin> {
    let part = bins.get(range)?;
    let (cases, positives) = totals(part);
    let score = part.iter().map(|bin| bin.cases as f64 * bin.score).sum::<f64>() / cases as f64;
    (cases > 0).then_some(ForecastBin { cases, positives, score: score.clamp(0.0, 1.0) })
}
