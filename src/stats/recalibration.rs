//! Which straight line on the logit scale makes the scores right? Cox's recalibration (1958) over weighted bins.
//!
//! P(label = 1) = sigmoid(a + b logit score). Slope b = 1 and intercept a = 0 mean calibrated; b < 1 overconfident. With
//! the slope fixed at 1 the intercept is the offset, calibration in the large. Fitted by Newton steps on the log
//! likelihood, each halved until the likelihood rises enough (at most [`MAX_STEPS`] steps of [`MAX_HALVINGS`]
//! halvings); the likelihood is concave, so where a maximum exists the fit finds it. It exists exactly if the two classes
//! overlap: some positive scores below some negative and the other way round. Otherwise the answer is `None`.

use super::forecast::{ForecastBin, logit, sigmoid, totals};

/// Newton steps allowed; eight are usual.
pub const MAX_STEPS: usize = 60;

/// Halvings of a step allowed.
pub const MAX_HALVINGS: usize = 40;

/// A fitted line with its covariance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Recalibration {
    /// a.
    pub intercept: f64,
    /// b.
    pub slope: f64,
    /// Variance of a.
    pub intercept_variance: f64,
    /// Variance of b.
    pub slope_variance: f64,
    /// Covariance of a and b.
    pub covariance: f64,
}

impl Recalibration {
    /// The line that changes nothing, known without error.
    pub const IDENTITY: Self =
        Self { intercept: 0.0, slope: 1.0, intercept_variance: 0.0, slope_variance: 0.0, covariance: 0.0 };

    /// The recalibrated chance of a case with the given logit.
    pub fn chance(&self, logit: f64) -> f64 {
        sigmoid(self.intercept + self.slope * logit)
    }
}

/// A fitted offset with its variance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Offset {
    /// What must be added to every logit.
    pub offset: f64,
    /// Its variance.
    pub variance: f64,
}

/// Log likelihood, score and information of a line on bins.
#[derive(Clone, Copy)]
struct Slopes {
    likelihood: f64,
    /// Derivatives by intercept and slope.
    score: [f64; 2],
    /// Information: intercept, both, slope.
    information: [f64; 3],
    /// Determinant of the information, from squares around the mean logit: no cancellation.
    determinant: f64,
}

impl Slopes {
    fn at(points: &[(f64, f64, f64)], intercept: f64, slope: f64) -> Self {
        let mut sums = Self { likelihood: 0.0, score: [0.0; 2], information: [0.0; 3], determinant: 0.0 };
        for &(n, positives, logit) in points {
            let eta = intercept + slope * logit;
            let chance = sigmoid(eta);
            // ln(1 + e^eta) without overflow
            let soft = if eta > 0.0 { eta + libm::log1p(libm::exp(-eta)) } else { libm::log1p(libm::exp(eta)) };
            sums.likelihood += positives * eta - n * soft;
            let (gap, weight) = (positives - n * chance, n * chance * sigmoid(-eta));
            sums.score[0] += gap;
            sums.score[1] += gap * logit;
            sums.information[0] += weight;
            sums.information[1] += weight * logit;
            sums.information[2] += weight * logit * logit;
        }
        let [total, first, _] = sums.information;
        let around: f64 = points
            .iter()
            .map(|&(n, _, logit)| {
                let eta = intercept + slope * logit;
                let away = logit - first / total;
                n * sigmoid(eta) * sigmoid(-eta) * away * away
            })
            .sum();
        sums.determinant = total * around;
        sums
    }
}

/// Cases, positives and logit of the bins in use.
fn points(bins: &[ForecastBin]) -> Vec<(f64, f64, f64)> {
    bins.iter().filter(|bin| bin.cases > 0).map(|bin| (bin.cases as f64, bin.positives as f64, bin.logit())).collect()
}

/// Whether some positive lies strictly below some negative and the other way round.
fn classes_overlap(points: &[(f64, f64, f64)]) -> bool {
    let (mut low_pos, mut high_pos) = (f64::INFINITY, f64::NEG_INFINITY);
    let (mut low_neg, mut high_neg) = (f64::INFINITY, f64::NEG_INFINITY);
    for &(n, positives, logit) in points {
        if positives > 0.0 {
            (low_pos, high_pos) = (low_pos.min(logit), high_pos.max(logit));
        }
        if positives < n {
            (low_neg, high_neg) = (low_neg.min(logit), high_neg.max(logit));
        }
    }
    low_pos < high_neg && low_neg < high_pos
}

/// Fits intercept and slope; `None` if the classes do not overlap or the fit does not settle.
pub fn recalibrate(bins: &[ForecastBin]) -> Option<Recalibration> {
    let points = points(bins);
    if !classes_overlap(&points) {
        return None;
    }
    // From the scores as stated or from the overall share alone, whichever is likelier.
    let (cases, positives) = totals(bins);
    let flat = logit(positives as f64 / cases as f64);
    let (stated, constant) = (Slopes::at(&points, 0.0, 1.0), Slopes::at(&points, flat, 0.0));
    let (mut a, mut b, mut here) =
        if stated.likelihood >= constant.likelihood { (0.0, 1.0, stated) } else { (flat, 0.0, constant) };
    for _ in 0..MAX_STEPS {
        let [score_a, score_b] = here.score;
        let [aa, ab, bb] = here.information;
        let determinant = here.determinant;
        if determinant.is_nan() || determinant <= 0.0 {
            return None;
        }
        let step = [(bb * score_a - ab * score_b) / determinant, (aa * score_b - ab * score_a) / determinant];
        let (na, nb, next) = halved(&points, [a, b], step, here)?;
        // The decrement is twice the likelihood still to gain.
        let decrement = step[0] * score_a + step[1] * score_b;
        (a, b, here) = (na, nb, next);
        if decrement.abs() < 1e-18 * (1.0 + here.likelihood.abs()) || decrement < 1e-22 {
            break;
        }
    }
    let [aa, ab, bb] = here.information;
    let determinant = here.determinant;
    let settled = here.score[0].abs() < 1e-6 * aa.max(1.0) && here.score[1].abs() < 1e-6 * bb.max(1.0);
    let found = Recalibration {
        intercept: a,
        slope: b,
        intercept_variance: bb / determinant,
        slope_variance: aa / determinant,
        covariance: -ab / determinant,
    };
    let finite = [a, b, found.intercept_variance, found.slope_variance, found.covariance].iter().all(|v| v.is_finite());
    (settled && finite && determinant > 0.0).then_some(found)
}

/// The longest of step, step / 2, step / 4, ... that gains at least a tenth of what the slope promises.
fn halved(points: &[(f64, f64, f64)], from: [f64; 2], step: [f64; 2], here: Slopes) -> Option<(f64, f64, Slopes)> {
    let promise = step[0] * here.score[0] + step[1] * here.score[1];
    let mut length = 1.0;
    for _ in 0..MAX_HALVINGS {
        let (a, b) = (from[0] + length * step[0], from[1] + length * step[1]);
        let next = Slopes::at(points, a, b);
        // Rounding of the likelihood must not stop the last, tiny step.
        let wanted = here.likelihood + 0.1 * length * promise - 1e-12 * here.likelihood.abs();
        if next.likelihood.is_finite() && next.likelihood >= wanted {
            return Some((a, b, next));
        }
        length *= 0.5;
    }
    None
}

/// Fits the offset with the slope fixed at 1; `None` without both classes.
pub fn recalibrate_offset(bins: &[ForecastBin]) -> Option<Offset> {
    let (cases, positives) = totals(bins);
    if positives == 0 || positives == cases {
        return None;
    }
    let points = points(bins);
    let mut offset = 0.0;
    let mut here = Slopes::at(&points, offset, 1.0);
    for _ in 0..MAX_STEPS {
        if here.information[0] <= 0.0 {
            return None;
        }
        let step = here.score[0] / here.information[0];
        let (next_offset, _, next) = halved(&points, [offset, 1.0], [step, 0.0], here)?;
        (offset, here) = (next_offset, next);
        if step.abs() < 1e-14 * (1.0 + offset.abs()) {
            break;
        }
    }
    let settled = here.score[0].abs() < 1e-6 * here.information[0].max(1.0) && here.information[0] > 0.0;
    (settled && offset.is_finite()).then(|| Offset { offset, variance: 1.0 / here.information[0] })
}

/// Variance of a fitted slope if `line` were true on these bins; `None` if they hold no information on it.
pub fn slope_variance_under(bins: &[ForecastBin], line: &Recalibration) -> Option<f64> {
    let sums = Slopes::at(&points(bins), line.intercept, line.slope);
    let variance = sums.information[0] / sums.determinant;
    (variance.is_finite() && variance > 0.0).then_some(variance)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn separated_classes_and_single_classes_have_no_line() {
        let bin = |cases, positives, score| ForecastBin { cases, positives, score };
        assert!(recalibrate(&[bin(5, 0, 0.2), bin(5, 5, 0.7)]).is_none());
        assert!(recalibrate(&[bin(5, 5, 0.2), bin(5, 0, 0.7)]).is_none());
        assert!(recalibrate(&[bin(5, 0, 0.2), bin(5, 2, 0.5), bin(5, 5, 0.7)]).is_none());
        assert!(recalibrate(&[bin(9, 4, 0.5)]).is_none());
        assert!(recalibrate(&[bin(9, 0, 0.5), bin(9, 0, 0.7)]).is_none());
        assert!(recalibrate_offset(&[bin(9, 0, 0.5)]).is_none() && recalibrate_offset(&[]).is_none());
    }

    #[test]
    fn a_true_line_is_recovered_from_its_own_shares() {
        // Two bins and two parameters: the fit must meet both shares exactly.
        let (a, b) = (-0.4, 0.7);
        let n = 1_000_000_000;
        let bins: Vec<_> = [0.1, 0.6]
            .iter()
            .map(|&score| {
                let share = sigmoid(a + b * logit(score));
                ForecastBin { cases: n, positives: (n as f64 * share).round() as u64, score }
            })
            .collect();
        let found = recalibrate(&bins).unwrap();
        assert!((found.intercept - a).abs() < 1e-7 && (found.slope - b).abs() < 1e-7);
    }

    proptest! {
        #[test]
        fn the_fit_is_a_stationary_point_or_absent(
            counts in prop::collection::vec((0_u64..40, 0_u64..40, 0.001_f64..0.999), 0..20),
        ) {
            let bins: Vec<_> = counts.iter().map(|&(neg, pos, s)| ForecastBin::new(neg + pos, pos, s).unwrap()).collect();
            let gaps = |a: f64, b: f64| bins.iter().fold((0.0, 0.0), |(x, y), bin| {
                let gap = bin.positives as f64 - bin.cases as f64 * sigmoid(a + b * bin.logit());
                (x + gap, y + gap * bin.logit())
            });
            let found = recalibrate(&bins);
            prop_assert_eq!(found.is_some(), classes_overlap(&points(&bins)));
            if let Some(found) = found {
                let (x, y) = gaps(found.intercept, found.slope);
                prop_assert!(x.abs() < 1e-6 && y.abs() < 1e-6, "{} {}", x, y);
                prop_assert!(found.slope_variance > 0.0 && found.intercept_variance > 0.0);
            }
            if let Some(found) = recalibrate_offset(&bins) {
                prop_assert!(gaps(found.offset, 1.0).0.abs() < 1e-7);
            }
        }
    }
}
