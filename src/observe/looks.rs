//! Into which parts are distributions cut, so that two of them can be compared?

use super::coding::{CODE_INVALID, CODE_TAIL, CODE_UNDER, CODE_UNKNOWN, FeatureCoding, Kind};
use super::layout::Statistic;
use super::scores::bin_edges;
use super::sums::{Sums, count};
use crate::stats::pool::equal_mass;

/// The codes that drift compares: values, without missing ones. Values that the baseline never saw are one group with
/// those that it saw too seldom for a code: a rare value is now among these, now among those.
pub fn drift_counts(feature: &FeatureCoding, codes: &[i64]) -> Vec<u64> {
    if feature.is_numeric() {
        return codes[usize::from(CODE_INVALID) + 1..].iter().copied().map(count).collect();
    }
    let rare: i64 = codes[usize::from(CODE_UNKNOWN)..=usize::from(CODE_TAIL)].iter().sum();
    let vocabulary = codes[usize::from(CODE_TAIL) + 1..].iter().copied();
    std::iter::once(rare).chain(vocabulary).map(count).collect()
}

/// Whether the baseline saw values too seldom for a code of their own.
pub fn is_open(feature: &FeatureCoding) -> bool {
    matches!(feature.kind(), Kind::Categorical { tail, .. } if !tail.is_empty())
}

/// The code behind a place in [`drift_counts`].
pub fn drift_code(feature: &FeatureCoding, place: usize) -> usize {
    match (feature.is_numeric(), place) {
        (true, place) => usize::from(CODE_UNDER) + place,
        (false, 0) if is_open(feature) => usize::from(CODE_TAIL),
        (false, 0) => usize::from(CODE_UNKNOWN),
        (false, place) => usize::from(CODE_TAIL) + place,
    }
}

/// Groups of score bins that drift compares: about equal shares of the baseline.
const GROUPS: usize = 20;
/// Counts by group of score bins, now and on the baseline, with each group's highest score.
pub fn score_groups(sums: &Sums, baseline: &Sums) -> (Vec<u64>, Vec<u64>, Vec<f64>) {
    let now: Vec<u64> = sums.get(Statistic::Scores).iter().copied().map(count).collect();
    let then: Vec<u64> = baseline.get(Statistic::Scores).iter().copied().map(count).collect();
    let groups = equal_mass(&then, GROUPS);
    let total = |counts: &[u64], range: &std::ops::Range<usize>| counts[range.clone()].iter().sum();
    (
        groups.iter().map(|range| total(&now, range)).collect(),
        groups.iter().map(|range| total(&then, range)).collect(),
        groups.iter().map(|range| bin_edges(range.end - 1).1).collect(),
    )
}
