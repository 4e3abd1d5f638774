//! How do two baselines of one model differ?

use super::Profile;
use crate::observe::{CODE_MISSING, CODE_UNDER, CODE_VOCABULARY, FeatureCoding, Kind};
use crate::stats::distribution;

/// How a feature of two baselines differs.
#[derive(Clone, Debug, PartialEq)]
pub enum FeatureDiff {
    /// Only the first has it.
    Gone,
    /// Only the second has it.
    New,
    /// Both have it with other bins or values: the largest difference of the two distributions, from 0 to 1. Numbers
    /// are compared by their cumulative shares, straight within bins; categories by the shares of their values.
    Recoded {
        /// That difference.
        distance: f64,
    },
    /// Both have it with the same coding.
    Same {
        /// Population stability index of the second against the first.
        psi: f64,
        /// Shares of missing values.
        missing: [f64; 2],
    },
}

/// Features of both profiles by name, sorted.
pub fn diff(one: &Profile, other: &Profile) -> Vec<(String, FeatureDiff)> {
    let names = |profile: &Profile| -> Vec<String> {
        profile.coding.features().iter().map(|feature| feature.name().to_owned()).collect()
    };
    let mut all = names(one);
    all.extend(names(other));
    all.sort();
    all.dedup();
    all.into_iter()
        .map(|name| {
            let found = match (place(one, &name), place(other, &name)) {
                (Some(a), Some(b)) => compared(one, a, other, b),
                (Some(_), None) => FeatureDiff::Gone,
                (None, _) => FeatureDiff::New,
            };
            (name, found)
        })
        .collect()
}

fn place(profile: &Profile, name: &str) -> Option<usize> {
    profile.coding.features().iter().position(|feature: &FeatureCoding| feature.name() == name)
}

fn compared(one: &Profile, a: usize, other: &Profile, b: usize) -> FeatureDiff {
    if one.coding.features()[a] != other.coding.features()[b] {
        return FeatureDiff::Recoded { distance: distance(one, a, other, b) };
    }
    let counts = |profile: &Profile, place: usize| -> Vec<u64> {
        profile.sums.codes(place).iter().map(|&count| u64::try_from(count).unwrap_or(0)).collect()
    };
    let (first, second) = (counts(one, a), counts(other, b));
    let missing = |counts: &[u64]| {
        let n: u64 = counts.iter().sum();
        if n == 0 { 0.0 } else { counts[usize::from(CODE_MISSING)] as f64 / n as f64 }
    };
    let psi = distribution::psi(&second, &first).unwrap_or(0.0);
    FeatureDiff::Same { psi, missing: [missing(&first), missing(&second)] }
}

fn distance(one: &Profile, a: usize, other: &Profile, b: usize) -> f64 {
    let (first, second) = (&one.coding.features()[a], &other.coding.features()[b]);
    let gap = match (first.kind(), second.kind()) {
        (Kind::Numeric { edges, .. }, Kind::Numeric { edges: theirs, .. }) => {
            let points = edges.iter().chain(theirs);
            points.map(|&x| (below(one, a, edges, x) - below(other, b, theirs, x)).abs()).fold(0.0, f64::max)
        }
        (Kind::Categorical { values, .. }, Kind::Categorical { values: theirs, .. }) => {
            let names = values.iter().chain(theirs);
            names.map(|name| (share(one, a, values, name) - share(other, b, theirs, name)).abs()).fold(0.0, f64::max)
        }
        // A number that became a name has nothing in common with what it was.
        _ => 1.0,
    };
    gap.min(1.0)
}

/// The share of numbers below `x`.
fn below(profile: &Profile, place: usize, edges: &[f64], x: f64) -> f64 {
    let counts = &profile.sums.codes(place)[usize::from(CODE_UNDER)..];
    let total: i64 = counts.iter().sum();
    let mut sum = 0.0;
    for (bin, pair) in edges.windows(2).enumerate() {
        let part = ((x - pair[0]) / (pair[1] - pair[0])).clamp(0.0, 1.0);
        sum += counts[bin + 1] as f64 * part;
    }
    if total > 0 { sum / total as f64 } else { 0.0 }
}

/// The share of a value of the vocabulary among values that are there.
fn share(profile: &Profile, place: usize, values: &[String], name: &str) -> f64 {
    let counts = profile.sums.codes(place);
    let total: i64 = counts.iter().sum::<i64>() - counts[usize::from(CODE_MISSING)];
    let code = values.iter().position(|value| value == name).map(|at| usize::from(CODE_VOCABULARY) + at);
    let count = code.map_or(0, |code| counts[code]);
    if total > 0 { count as f64 / total as f64 } else { 0.0 }
}
