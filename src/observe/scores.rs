//! In which of the 256 score bins does a score lie?
//!
//! The bins are uniform in the logit on [-12, 12], because rare classes crowd their scores near 0, where bins that
//! are uniform in probability see nothing. Scores beyond the ends lie in the first and last bin.

use std::sync::LazyLock;

/// Number of score bins.
pub const BINS: usize = 256;

const SPAN: f64 = 24.0;

/// `thresholds[i]` is the lowest score of bin `i + 1`.
static THRESHOLDS: LazyLock<[f64; BINS - 1]> = LazyLock::new(|| std::array::from_fn(|i| sigmoid(edge_logit(i + 1))));

fn edge_logit(edge: usize) -> f64 {
    SPAN * edge as f64 / BINS as f64 - SPAN / 2.0
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-x))
}

/// The bin of a score in [0, 1].
#[inline]
pub fn bin_of(score: f64) -> usize {
    THRESHOLDS.partition_point(|&threshold| threshold <= score)
}

/// Lowest and highest score of a bin.
pub fn bin_edges(bin: usize) -> (f64, f64) {
    let low = if bin == 0 { 0.0 } else { THRESHOLDS[bin - 1] };
    let high = if bin + 1 >= BINS { 1.0 } else { THRESHOLDS[bin] };
    (low, high)
}

/// The score in the middle of a bin, in the logit.
pub fn bin_center(bin: usize) -> f64 {
    sigmoid(f64::midpoint(edge_logit(bin), edge_logit(bin + 1)))
}

/// A score as log loss takes it: at least 1e-6 away from 0 and 1.
#[inline]
pub fn clip(score: f64) -> f64 {
    score.clamp(1e-6, 1.0 - 1e-6)
}

/// The log-odds of a clipped score.
pub fn logit(score: f64) -> f64 {
    let s = clip(score);
    libm::log(s) - libm::log1p(-s)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_tile_the_scores_in_order() {
        assert_eq!(bin_of(0.0), 0);
        assert_eq!(bin_of(1.0), BINS - 1);
        assert_eq!(bin_of(0.5), BINS / 2);
        for bin in 0..BINS {
            let (low, high) = bin_edges(bin);
            assert!(low < high);
            assert_eq!(bin_of(low), bin);
            assert_eq!(bin_of(bin_center(bin)), bin);
            assert_eq!(bin_of(high.next_down()), bin);
        }
    }
}
