//! How good are the decisions? Figures of a 2 x 2 table, with intervals.
//!
//! Counts of decisions by truth: `tp`, `fp`, `fn_`, `tn`. Each figure is `None` where its denominator is zero. Shares
//! lie in [0, 1], the Matthews correlation and kappa in [-1, 1]. Intervals are those of shares; that of F1 comes from the
//! share J = tp / (tp + fp + fn), of which F1 = 2J / (1 + J) is a growing function, so its bounds map over.

use super::interval::{Interval, share};
use super::rate::Tally;

/// A table of decisions by truth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Confusion {
    /// Decided yes, true yes.
    pub tp: u64,
    /// Decided yes, true no.
    pub fp: u64,
    /// Decided no, true yes.
    pub fn_: u64,
    /// Decided no, true no.
    pub tn: u64,
}

impl Confusion {
    /// All cases.
    pub fn total(&self) -> u64 {
        self.tp + self.fp + self.fn_ + self.tn
    }

    /// Right decisions among all.
    pub fn accuracy_tally(&self) -> Tally {
        Tally::new(self.tp + self.tn, self.total())
    }

    /// True among those decided yes.
    pub fn precision_tally(&self) -> Tally {
        Tally::new(self.tp, self.tp + self.fp)
    }

    /// Decided yes among the true.
    pub fn recall_tally(&self) -> Tally {
        Tally::new(self.tp, self.tp + self.fn_)
    }

    /// Decided no among the false.
    pub fn specificity_tally(&self) -> Tally {
        Tally::new(self.tn, self.tn + self.fp)
    }

    /// The share behind F1: hits among all cases where either side said yes.
    pub fn jaccard_tally(&self) -> Tally {
        Tally::new(self.tp, self.tp + self.fp + self.fn_)
    }

    /// Right decisions among all.
    pub fn accuracy(&self) -> Option<f64> {
        self.accuracy_tally().share()
    }

    /// True among those decided yes.
    pub fn precision(&self) -> Option<f64> {
        self.precision_tally().share()
    }

    /// Decided yes among the true.
    pub fn recall(&self) -> Option<f64> {
        self.recall_tally().share()
    }

    /// Decided no among the false.
    pub fn specificity(&self) -> Option<f64> {
        self.specificity_tally().share()
    }

    /// Mean of recall and specificity.
    pub fn balanced_accuracy(&self) -> Option<f64> {
        Some(0.5 * (self.recall()? + self.specificity()?))
    }

    /// Harmonic mean of precision and recall.
    pub fn f1(&self) -> Option<f64> {
        self.jaccard_tally().share().map(f1_of_jaccard)
    }

    /// Matthews' correlation of decision and truth; `None` if either is constant.
    pub fn mcc(&self) -> Option<f64> {
        let [tp, fp, fn_, tn] = [self.tp, self.fp, self.fn_, self.tn].map(|count| count as f64);
        // One root a factor: the product of four large counts would lose range.
        let scale = (tp + fp).sqrt() * (tp + fn_).sqrt() * (tn + fp).sqrt() * (tn + fn_).sqrt();
        (scale > 0.0).then(|| ((tp * tn - fp * fn_) / scale).clamp(-1.0, 1.0))
    }

    /// Cohen's kappa: agreement beyond chance; `None` if chance alone would agree always.
    pub fn kappa(&self) -> Option<f64> {
        let n = self.total() as f64;
        let [tp, fp, fn_, tn] = [self.tp, self.fp, self.fn_, self.tn].map(|count| count as f64);
        let by_chance = ((tp + fp) / n) * ((tp + fn_) / n) + ((tn + fn_) / n) * ((tn + fp) / n);
        (n > 0.0 && by_chance < 1.0).then(|| ((tp + tn) / n - by_chance) / (1.0 - by_chance))
    }

    /// Mean cost of a case.
    pub fn cost(&self, false_positive: f64, false_negative: f64) -> Option<f64> {
        let n = self.total();
        let cost = (self.fp as f64 * false_positive + self.fn_ as f64 * false_negative) / n as f64;
        (n > 0 && cost.is_finite()).then_some(cost)
    }

    /// The interval of F1, through the share behind it; `phi` as in [`share`].
    pub fn f1_interval(&self, phi: f64, error: f64) -> Option<Interval> {
        let jaccard = share_interval(self.jaccard_tally(), phi, error)?;
        Some(Interval { low: f1_of_jaccard(jaccard.low), high: f1_of_jaccard(jaccard.high) })
    }
}

/// The interval of a tally; `phi` as in [`share`].
pub fn share_interval(tally: Tally, phi: f64, error: f64) -> Option<Interval> {
    share(tally.hits as f64, tally.trials as f64, phi, error)
}

/// F1 as a function of the share of hits where either side said yes.
fn f1_of_jaccard(jaccard: f64) -> f64 {
    2.0 * jaccard / (1.0 + jaccard)
}

/// Matthews' correlation of a K x K table (row = truth, column = decision); `None` if it is not square or either side
/// is constant (Gorodkin 2004).
pub fn multiclass_mcc(table: &[Vec<u64>]) -> Option<f64> {
    let Margins { rows, columns, right, total } = Margins::new(table)?;
    // In integers, so that a constant side gives exactly zero.
    let dot = |a: &[u64], b: &[u64]| a.iter().zip(b).map(|(&x, &y)| i128::from(x) * i128::from(y)).sum::<i128>();
    let n = i128::from(total);
    let (of_columns, of_rows) = (n * n - dot(&columns, &columns), n * n - dot(&rows, &rows));
    (of_columns > 0 && of_rows > 0).then(|| {
        let covariance = i128::from(right) * n - dot(&rows, &columns);
        (covariance as f64 / ((of_columns as f64).sqrt() * (of_rows as f64).sqrt())).clamp(-1.0, 1.0)
    })
}

/// Unweighted mean of the classes' F1; classes that appear on neither side are left out.
pub fn macro_f1(table: &[Vec<u64>]) -> Option<f64> {
    let Margins { rows, columns, .. } = Margins::new(table)?;
    let scores: Vec<f64> = (0..table.len())
        .filter(|&k| rows[k] + columns[k] > 0)
        .map(|k| 2.0 * table[k][k] as f64 / (rows[k] + columns[k]) as f64)
        .collect();
    Some(scores.iter().sum::<f64>() / scores.len() as f64)
}

/// Sums of a square table of less than 2^62 cases.
struct Margins {
    rows: Vec<u64>,
    columns: Vec<u64>,
    right: u64,
    total: u64,
}

impl Margins {
    fn new(table: &[Vec<u64>]) -> Option<Self> {
        let k = table.len();
        let all = table.iter().flatten().try_fold(0_u64, |sum, &count| sum.checked_add(count))?;
        if table.iter().any(|row| row.len() != k) || all == 0 || all >= 1 << 62 {
            return None;
        }
        Some(Self {
            rows: table.iter().map(|row| row.iter().sum()).collect(),
            columns: (0..k).map(|at| table.iter().map(|row| row[at]).sum()).collect(),
            right: (0..k).map(|at| table[at][at]).sum(),
            total: all,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn figures_are_in_range_or_absent(tp in 0_u64..50, fp in 0_u64..50, fn_ in 0_u64..50, tn in 0_u64..50) {
            let table = Confusion { tp: tp / 2, fp: fp / 2, fn_: fn_ / 2, tn: tn / 2 };
            for share in [table.accuracy(), table.precision(), table.recall(), table.specificity(), table.f1(),
                table.balanced_accuracy()] {
                prop_assert!(share.is_none_or(|share| (0.0..=1.0).contains(&share)));
            }
            for correlation in [table.mcc(), table.kappa()] {
                prop_assert!(correlation.is_none_or(|c| (-1.0 - 1e-12..=1.0 + 1e-12).contains(&c)));
            }
            if let (Some(precision), Some(recall), Some(f1)) = (table.precision(), table.recall(), table.f1())
                && precision + recall > 0.0
            {
                prop_assert!((f1 - 2.0 * precision * recall / (precision + recall)).abs() < 1e-12);
            }
            if let (Some(f1), Some(around)) = (table.f1(), table.f1_interval(1.0, 0.05)) {
                prop_assert!(around.low <= f1 && f1 <= around.high);
            }
            // Two classes are a special case of many.
            let square = vec![vec![table.tn, table.fp], vec![table.fn_, table.tp]];
            let (two, many) = (table.mcc(), multiclass_mcc(&square));
            prop_assert_eq!(two.is_some(), many.is_some());
            prop_assert!((two.unwrap_or(0.0) - many.unwrap_or(0.0)).abs() < 1e-12);
            prop_assert!(macro_f1(&square).is_none_or(|f1| (0.0..=1.0).contains(&f1)));
        }
    }
}
