//! How far are stated chances from realised shares? Figures of calibration from bins or groups of cases.
//!
//! - expected calibration error: mean over cases of |mean score - share of positives| of their group; 0 to 1. Its
//!   expectation under perfect calibration is not 0 (0.037 at 1,000 cases in 15 groups), so it is shown, not judged;
//! - debiased squared error: the squared gaps less their sampling variance (Kumar, Liang and Ma 2019); may be negative;
//! - Spiegelhalter's z (1986): is the Brier score what calibrated scores would give;
//! - Murphy's parts of the Brier score (1973): reliability - resolution + uncertainty;
//! - Hosmer and Lemeshow's statistic, with as many degrees as groups, because nothing was fitted on these cases;
//! - the largest cumulated gap in score order (Gupta and others 2021).
//!
//! Empty bins count for nothing. Within a bin all cases are taken at the bin's mean score.

use super::forecast::{ForecastBin, totals};
use super::tails::{chi_square_sf, normal_sf};

/// Bins with cases, and the number of cases; `None` without cases.
fn filled(bins: &[ForecastBin]) -> Option<(impl Iterator<Item = (f64, f64, f64)> + '_, f64)> {
    let (cases, _) = totals(bins);
    let each = bins.iter().filter(|bin| bin.cases > 0).map(|bin| {
        let n = bin.cases as f64;
        (n, bin.positives as f64 / n, bin.score)
    });
    (cases > 0).then_some((each, cases as f64))
}

/// Expected calibration error over the given groups.
pub fn expected_calibration_error(groups: &[ForecastBin]) -> Option<f64> {
    let (each, total) = filled(groups)?;
    Some(each.map(|(n, share, score)| n / total * (score - share).abs()).sum())
}

/// The largest gap of a group with at least `least` cases; `None` if no group has.
pub fn largest_calibration_error(groups: &[ForecastBin], least: u64) -> Option<f64> {
    let (each, _) = filled(groups)?;
    each.filter(|&(n, _, _)| n >= least as f64).map(|(_, share, score)| (score - share).abs()).reduce(f64::max)
}

/// Mean squared gap less its sampling variance; groups of one case are left out. May be negative.
pub fn debiased_squared_error(groups: &[ForecastBin]) -> Option<f64> {
    let (each, total) = filled(groups)?;
    let (sum, used) = each.filter(|&(n, _, _)| n > 1.0).fold((0.0, 0.0), |(sum, used), (n, share, score)| {
        let gap = score - share;
        (sum + n / total * (gap * gap - share * (1.0 - share) / (n - 1.0)), used + n)
    });
    (used > 0.0).then_some(sum)
}

/// Spiegelhalter's z, about standard normal for calibrated scores; `None` if every score is 0, 1/2 or 1.
pub fn spiegelhalter_z(bins: &[ForecastBin]) -> Option<f64> {
    let (each, _) = filled(bins)?;
    let (sum, variance) = each.fold((0.0, 0.0), |(sum, variance), (n, share, score)| {
        let lean = 1.0 - 2.0 * score;
        (sum + n * (share - score) * lean, variance + n * lean * lean * score * (1.0 - score))
    });
    let z = sum / variance.sqrt();
    (variance > 0.0 && z.is_finite()).then_some(z)
}

/// The two-sided normal tail of a z; for display.
pub fn two_sided_p(z: f64) -> f64 {
    (2.0 * normal_sf(z.abs())).min(1.0)
}

/// Parts of the Brier score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BrierParts {
    /// Mean squared gap between score and share of positives; smaller is better.
    pub reliability: f64,
    /// Mean squared distance of the shares from the overall share; larger is better.
    pub resolution: f64,
    /// Variance of the label.
    pub uncertainty: f64,
}

impl BrierParts {
    /// The Brier score they add up to, all cases taken at the mean score of their bin.
    pub fn brier(&self) -> f64 {
        self.reliability - self.resolution + self.uncertainty
    }
}

/// Murphy's parts.
pub fn brier_parts(bins: &[ForecastBin]) -> Option<BrierParts> {
    let (cases, positives) = totals(bins);
    let (each, total) = filled(bins)?;
    let overall = positives as f64 / cases as f64;
    let (reliability, resolution) = each.fold((0.0, 0.0), |(reliability, resolution), (n, share, score)| {
        let weight = n / total;
        (
            reliability + weight * (score - share) * (score - share),
            resolution + weight * (share - overall) * (share - overall),
        )
    });
    Some(BrierParts { reliability, resolution, uncertainty: overall * (1.0 - overall) })
}

/// Hosmer and Lemeshow's statistic and its asymptotic tail; groups whose mean score is 0 or 1 are left out.
pub fn hosmer_lemeshow(groups: &[ForecastBin]) -> Option<(f64, f64)> {
    let (each, _) = filled(groups)?;
    let (sum, used) =
        each.filter(|&(_, _, score)| score > 0.0 && score < 1.0).fold((0.0, 0_u32), |(sum, used), part| {
            let (n, share, score) = part;
            (sum + n * (share - score) * (share - score) / (score * (1.0 - score)), used + 1)
        });
    (used > 0).then(|| (sum, chi_square_sf(sum, f64::from(used))))
}

/// The largest absolute cumulated gap (score - label) / cases in score order, at the ends of bins.
pub fn cumulated_calibration_error(bins: &[ForecastBin]) -> Option<f64> {
    let (each, total) = filled(bins)?;
    let (_, largest) = each.fold((0.0, 0.0_f64), |(sum, largest), (n, share, score)| {
        let sum: f64 = sum + n * (score - share) / total;
        (sum, largest.max(sum.abs()))
    });
    Some(largest)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn figures_are_finite_or_absent_and_brier_adds_up(
            counts in prop::collection::vec((0_u64..30, 0_u64..30, 0.0_f64..=1.0), 0..15),
        ) {
            let bins: Vec<_> = counts.iter().map(|&(neg, pos, s)| ForecastBin::new(neg + pos, pos, s).unwrap()).collect();
            let cases: u64 = bins.iter().map(|bin| bin.cases).sum();
            prop_assert_eq!(expected_calibration_error(&bins).is_none(), cases == 0);
            for figure in [
                expected_calibration_error(&bins), largest_calibration_error(&bins, 5), debiased_squared_error(&bins),
                spiegelhalter_z(&bins), cumulated_calibration_error(&bins), hosmer_lemeshow(&bins).map(|(h, _)| h),
            ] {
                prop_assert!(figure.is_none_or(f64::is_finite));
            }
            if let Some(parts) = brier_parts(&bins) {
                let naive: f64 = bins.iter().map(|bin| {
                    let (pos, neg) = (bin.positives as f64, (bin.cases - bin.positives) as f64);
                    pos * (1.0 - bin.score).powi(2) + neg * bin.score.powi(2)
                }).sum::<f64>() / cases as f64;
                prop_assert!((parts.brier() - naive).abs() < 1e-12);
            }
        }
    }
}
