//! For how many rows does a labelled row stand, and how much surer would as many rows of weight 1 be?
//!
//! A row's weight is what it was sampled with, over the probability of the action that brought its label. It is clipped,
//! and then rounded to a whole number at random, up with the fractional part as its chance: sums stay integers that
//! subtract to the last bit, and their mean is right. The chance comes from the row's own key, so a weight is the same in
//! every run, in any order, and when a label is taken back. A weight below 1 keeps a row with that chance. What rounding
//! adds to the variance is in the squares of the whole weights like all the rest.
//!
//! A count of weighted labels varies as if it were `sum w^2 / sum w` times smaller (Kish 1965, section 11.7): the design
//! effect. It is taken over the rows that a figure's error comes from; see `baseline::dispersion`.

use super::delays::{DELAY_KINDS, delay_kind};
use super::layout::{Statistic, truth};
use super::recalibration::Recalibration;
use super::scores::{BINS, bin_of};
use super::sums::{Facts, Sums};
use crate::event::{LARGEST_WEIGHT, RequestKey};
use crate::indicator::Metric;

/// Cells keep their squares in units of 2^-20, 1,024 times those of [`super::Cell::v`].
const SQUARE_SHIFT: u32 = 10;
/// The unit of [`Statistic::CellSquares`].
pub const CELL_SQUARE: f64 = 1.0 / (1_u64 << 20) as f64;

/// How many rows a row counts as once it has a label, and whether that was clipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weight(u32);

impl Default for Weight {
    fn default() -> Self {
        Self::ONE
    }
}

impl Weight {
    /// That of a row of which nothing is said.
    pub const ONE: Self = Self(1 << 1);

    /// The weight of a row: `weight` over `action_prob`, where one is to count, but at most `largest`.
    ///
    /// Numbers below 0 or that are none count as 0; decoding has refused them.
    #[must_use]
    pub fn of(key: RequestKey, weight: f64, action_prob: f64, largest: f64) -> Self {
        let asked = weight / action_prob;
        let largest = largest.clamp(1.0, LARGEST_WEIGHT);
        let kept = if asked > largest {
            largest
        } else if asked > 0.0 {
            asked
        } else {
            0.0
        };
        let whole = kept as u32;
        let more = key.chance() < kept - f64::from(whole);
        Self((whole + u32::from(more)) << 1 | u32::from(asked > largest))
    }

    /// How many rows it counts as.
    #[inline]
    pub const fn whole(self) -> i64 {
        (self.0 >> 1) as i64
    }

    /// Whether more was asked for than is allowed.
    pub const fn is_clipped(self) -> bool {
        self.0 & 1 != 0
    }

    /// As one number, for rows and bytes.
    #[inline]
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// From such a number; what no weight has is the largest there is.
    #[inline]
    pub const fn from_bits(bits: u32) -> Self {
        let most = (LARGEST_WEIGHT as u32) << 1 | 1;
        Self(if bits > most { most } else { bits })
    }
}

impl Sums {
    /// What a weight other than 1 adds beside the counts: see [`truth::EXTRA`] and the places behind it.
    #[cold]
    pub(super) fn weighed(&mut self, facts: &Facts, codes: &[u8], map: &Recalibration, positive: bool, sign: i64) {
        let weight = facts.weight.whole();
        let (extra, squares) = (sign * (weight - 1), sign * (weight * weight - weight));
        let flagged = facts.decision == Some(true);
        let decided = facts.decision.is_some();
        // In the order of the counts: all, positive, decided, hits, false alarms, misses.
        let counted =
            [true, positive, decided, positive && flagged, !positive && flagged, positive && decided && !flagged];
        for (place, _) in counted.into_iter().enumerate().filter(|(_, counted)| *counted) {
            self.add_truth(truth::EXTRA + place, extra);
        }
        self.add_truth(truth::SQUARES + delay_kind(positive, flagged), squares);
        self.add_truth(truth::CLIPPED, sign * i64::from(facts.weight.is_clipped()));
        let bin = bin_of(facts.score);
        let layout = self.layout().clone();
        let data = &mut *self.parts_mut().0;
        data[layout.block(Statistic::Squares).start + usize::from(positive) * BINS + bin] += squares;
        if codes.len() != layout.features() {
            return;
        }
        let start = layout.block(Statistic::CellSquares).start;
        let varies = squares * (map.facts(bin).v >> SQUARE_SHIFT);
        for (feature, &code) in codes.iter().enumerate() {
            data[start + layout.first_cells()[feature] + usize::from(code)] += varies;
        }
    }

    /// The rows behind one of the first six counts of [`Statistic::Truth`].
    pub fn rows(&self, place: usize) -> i64 {
        debug_assert!(place <= truth::FN, "only counts of labels have rows behind them");
        self.truth(place) - self.truth(truth::EXTRA + place)
    }

    /// Labelled rows.
    pub fn labelled_rows(&self) -> i64 {
        self.rows(truth::N)
    }

    /// The rows that a metric stands on.
    pub fn rows_of(&self, metric: Metric) -> i64 {
        match metric {
            Metric::Auc | Metric::LogLoss | Metric::Brier => self.rows(truth::N),
            Metric::Accuracy | Metric::F1 => self.rows(truth::DECIDED),
            Metric::Precision => self.rows(truth::TP) + self.rows(truth::FP),
            Metric::Recall => self.rows(truth::TP) + self.rows(truth::FN),
        }
    }

    /// Whether a labelled row has a weight other than 1.
    pub fn is_weighted(&self) -> bool {
        self.get(Statistic::Truth)[truth::EXTRA..=truth::CLIPPED].iter().any(|&sum| sum != 0)
    }

    /// Sum of weights and of their squares, by class and decision: see [`delay_kind`]. Rows without a decision are among
    /// those without a positive one.
    pub fn weights(&self) -> [(f64, f64); DELAY_KINDS] {
        let [n, positive, tp, fp] = [truth::N, truth::POSITIVE, truth::TP, truth::FP].map(|place| self.truth(place));
        let mut sums = [(0.0, 0.0); DELAY_KINDS];
        for (kind, count) in [n - positive - fp, fp, positive - tp, tp].into_iter().enumerate() {
            sums[kind] = (count as f64, (count + self.truth(truth::SQUARES + kind)) as f64);
        }
        sums
    }

    /// Sum of weights and of their squares of the labels of a class in a score bin.
    pub fn bin_weights(&self, positive: bool, bin: usize) -> (f64, f64) {
        let class = if positive { Statistic::Positives } else { Statistic::Negatives };
        let count = self.get(class)[bin];
        let squares = self.get(Statistic::Squares)[usize::from(positive) * BINS + bin];
        (count as f64, (count + squares) as f64)
    }

    /// How many rows of weight 1 would say as much as all labels, as the negative ones, and as the positive ones.
    pub fn effective_labels(&self) -> [f64; 3] {
        let of = |kinds: &[(f64, f64)]| {
            let (sum, squares) = kinds.iter().fold((0.0, 0.0), |(sum, squares), one| (sum + one.0, squares + one.1));
            if squares > 0.0 { sum / (squares / sum) } else { 0.0 }
        };
        let kinds = self.weights();
        [of(&kinds), of(&kinds[..2]), of(&kinds[2..])]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn rounding_is_right_on_average_and_the_same_for_one_row() {
        let keys: Vec<RequestKey> =
            (0..40_000).map(|id| RequestKey::new(&format!("request {}", id / 4), id % 4)).collect();
        for (weight, probability) in
            [(1.0, 1.0), (0.3, 1.0), (1.0, 0.3), (2.5, 0.9), (1.0, 1.0 / 7.0), (0.01, 0.5), (12.0, 0.37)]
        {
            let asked = weight / probability;
            let drawn: Vec<f64> =
                keys.iter().map(|&key| Weight::of(key, weight, probability, 50.0).whole() as f64).collect();
            let n = drawn.len() as f64;
            let mean = drawn.iter().sum::<f64>() / n;
            let up = asked - libm::floor(asked);
            let error = (up * (1.0 - up) / n).sqrt();
            assert!((mean - asked).abs() <= 4.0 * error + 1e-9, "{asked}: {mean} +- {error}");
            assert!(drawn.iter().all(|&one| (one - asked).abs() < 1.0));
            // Rows of one request round as if each stood alone.
            let both = drawn.chunks(4).filter(|rows| rows[0] > asked && rows[1] > asked).count() as f64;
            let (pairs, share) = (n / 4.0, up * up);
            assert!((both / pairs - share).abs() <= 4.0 * (share * (1.0 - share) / pairs).sqrt() + 1e-9, "{asked}");
        }
    }

    #[test]
    fn rounding_has_nothing_to_do_with_the_place_in_a_sample() {
        // The rows that a sample keeps have the smallest hashes; their weights are like those of the others.
        let mut keys: Vec<RequestKey> = (0..40_000).map(|id| RequestKey::new(&id.to_string(), 0)).collect();
        keys.sort_by_key(|key| key.hash64());
        let kept = &keys[..4_000];
        let mean = kept.iter().map(|&key| Weight::of(key, 1.5, 1.0, 50.0).whole() as f64).sum::<f64>() / 4_000.0;
        assert!((mean - 1.5).abs() < 4.0 * (0.25 / 4_000.0_f64).sqrt(), "{mean}");
    }

    #[test]
    fn what_is_too_much_is_clipped_and_says_so() {
        let key = RequestKey::new("r", 0);
        for (weight, probability, largest, whole, clipped) in [
            (1.0, 0.01, 50.0, 50, true),
            (1.0, 0.02, 50.0, 50, false),
            (60.0, 1.0, 50.0, 50, true),
            (1e300, 1e-300, 50.0, 50, true),
            (1.0, 0.001, 1e9, 100, true),
            (3.0, 1.0, 1.0, 1, true),
            (f64::NAN, 1.0, 50.0, 0, false),
            (-3.0, 1.0, 50.0, 0, false),
        ] {
            let found = Weight::of(key, weight, probability, largest);
            assert_eq!((found.whole(), found.is_clipped()), (whole, clipped), "{weight} {probability}");
        }
    }

    proptest! {
        #[test]
        fn a_weight_reads_back_and_a_damaged_one_stays_within_bounds(id: u32, asked in 0.0..200.0_f64, bits: u32) {
            let weight = Weight::of(RequestKey::new(&id.to_string(), 0), asked, 1.0, 50.0);
            prop_assert_eq!(Weight::from_bits(weight.bits()), weight);
            prop_assert!((0..=100).contains(&Weight::from_bits(bits).whole()));
        }
    }
}
