//! What did a score mean on the baseline?
//!
//! Models are seldom calibrated on the day of their launch, and that is no news. All residuals are therefore taken
//! against `e`, the score as the baseline's labels correct it: bins are pooled into groups that hold enough of both
//! classes, and each group's log-odds are moved by one offset, so that its expected positives equal the observed.
//! Before a baseline has labels, `e` is the middle of the score's bin.

use super::scores::{BINS, bin_center, logit};

/// What one labelled event of a bin adds, in units of 2^-30.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BinFacts {
    /// `e`
    pub e: i64,
    /// `e (1 - e)`
    pub v: i64,
    /// `e (1 - e) logit e`
    pub vl: i64,
}

/// The recalibrated score of every bin.
#[derive(Clone, Debug, PartialEq)]
pub struct Recalibration {
    e: Vec<f64>,
    facts: Vec<BinFacts>,
}

/// A group has at least this many of each class, so that its offset has a standard error below 0.32.
const GROUP_CLASS_MIN: i64 = 20;
/// More groups would fit noise.
const GROUPS_MAX: i64 = 16;

impl Recalibration {
    /// Scores taken at their word.
    pub fn identity() -> Self {
        Self::from_expected((0..BINS).map(bin_center).collect())
    }

    /// The correction that the baseline's labels ask for; `negative[b]` and `positive[b]` count labels of bin `b`.
    pub fn fit(negative: &[i64], positive: &[i64]) -> Self {
        let mut e: Vec<f64> = (0..BINS).map(bin_center).collect();
        let positives: i64 = positive.iter().sum();
        let negatives: i64 = negative.iter().sum();
        let wanted = (positives.min(negatives) / GROUPS_MAX).max(GROUP_CLASS_MIN);
        if positives < GROUP_CLASS_MIN || negatives < GROUP_CLASS_MIN {
            return Self::from_expected(e);
        }
        let mut starts = vec![0];
        let (mut pos, mut neg) = (0, 0);
        let (mut pos_left, mut neg_left) = (positives, negatives);
        for bin in 0..BINS {
            pos += positive[bin];
            neg += negative[bin];
            pos_left -= positive[bin];
            neg_left -= negative[bin];
            if pos >= wanted && neg >= wanted && pos_left >= wanted && neg_left >= wanted && bin + 1 < BINS {
                starts.push(bin + 1);
                (pos, neg) = (0, 0);
            }
        }
        starts.push(BINS);
        for pair in starts.windows(2) {
            let bins = pair[0]..pair[1];
            let offset = offset(bins.clone(), negative, positive);
            for bin in bins {
                e[bin] = sigmoid(logit(bin_center(bin)) + offset);
            }
        }
        Self::from_expected(e)
    }

    /// A correction from its stored expectations.
    pub fn from_expected(e: Vec<f64>) -> Self {
        assert_eq!(e.len(), BINS, "one expectation a bin");
        let facts = e
            .iter()
            .map(|&e| {
                let (v, l) = (e * (1.0 - e), logit(e));
                BinFacts { e: fixed(e), v: fixed(v), vl: fixed(v * l) }
            })
            .collect();
        Self { e, facts }
    }

    /// The recalibrated score of a bin.
    pub fn expected(&self, bin: usize) -> f64 {
        self.e[bin]
    }

    /// All recalibrated scores.
    pub fn all(&self) -> &[f64] {
        &self.e
    }

    /// What a labelled event of a bin adds.
    #[inline]
    pub fn facts(&self, bin: usize) -> BinFacts {
        self.facts[bin]
    }
}

fn fixed(x: f64) -> i64 {
    libm::rint(x * super::SCORE_SCALE) as i64
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-x))
}

/// The offset at which the expected positives of the bins equal the observed ones: bisection, since the sum rises
/// in the offset; 60 halvings of [-20, 20] reach the last bits.
fn offset(bins: std::ops::Range<usize>, negative: &[i64], positive: &[i64]) -> f64 {
    let observed: i64 = positive[bins.clone()].iter().sum();
    let (mut low, mut high) = (-20.0, 20.0);
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        let expected: f64 = bins
            .clone()
            .map(|bin| (negative[bin] + positive[bin]) as f64 * sigmoid(logit(bin_center(bin)) + middle))
            .sum();
        if expected < observed as f64 { low = middle } else { high = middle }
    }
    f64::midpoint(low, high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expected_positives_equal_observed_ones_on_the_baseline_itself() {
        let positive: Vec<i64> = (0..BINS as i64).map(|b| if b > 40 { b / 8 } else { 0 }).collect();
        let negative: Vec<i64> = (0..BINS as i64).map(|b| (BINS as i64 - b) / 4).collect();
        let map = Recalibration::fit(&negative, &positive);
        let expected: f64 = (0..BINS).map(|b| (negative[b] + positive[b]) as f64 * map.expected(b)).sum();
        let observed: i64 = positive.iter().sum();
        assert!((expected - observed as f64).abs() < 1e-6, "{expected} {observed}");
        assert!(map.all().iter().all(|e| (0.0..=1.0).contains(e)));
    }

    #[test]
    fn too_few_of_a_class_leave_the_score_at_its_word() {
        let mut positive = vec![0; BINS];
        positive[200] = 19;
        let negative = vec![100; BINS];
        assert_eq!(Recalibration::fit(&negative, &positive), Recalibration::identity());
    }
}
