//! How large is the loss, and has its mean risen? Means of bounded values from integer sums.
//!
//! A loss comes as fixed-point sums (n, sum, sum of squares) with one scale; values lie in [0, range]: 1 for the Brier
//! score, -ln(1e-6) for a log loss of scores clipped at 1e-6.
//!
//! A log loss is skewed: one confident error weighs fifty ordinary cases, so a normal tail at 1e-7 is wrong by orders of
//! magnitude. [`mean_above`] uses Bennett's inequality instead (1962): for independent values with deviation at most R
//! and variance at most V, P(mean - truth >= t) <= exp(-n V / R^2 h(t R / V)), h(u) = (1 + u) ln(1 + u) - u. The variance
//! is the largest of three figures that err upwards:
//!
//! - the window's own sample variance;
//! - an upper bound on the reference's (Maurer and Pontil 2009, theorem 10: the deviation exceeds its estimate by more
//!   than R sqrt(2 ln(1/delta) / (n - 1)) with chance at most delta);
//!
//! cut at mean times (range - mean), which no value in [0, range] can exceed (Bhatia and Davis 2000). The assumption that
//! remains: where the mean has not risen, the variance is not above both figures. The reference's mean gets a Bennett
//! bound of its own; what both bounds may miss is added to the p-value.

use super::interval::{Interval, mean as mean_interval};
use super::rate::Terms;

/// Fixed-point sums of a bounded value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// How many values.
    pub n: u64,
    /// Their sum, in units of 1 / scale.
    pub sum: i128,
    /// The sum of their squares, in units of 1 / scale squared.
    pub squares: i128,
}

/// Mean and variance of a sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// How many values; divided by the overdispersion where there is one.
    pub n: f64,
    /// Their mean.
    pub mean: f64,
    /// Their variance, divisor n - 1; 0 for a single value.
    pub variance: f64,
}

impl Sums {
    /// Mean and variance in the unit of the values; `None` without values or scale.
    pub fn sample(&self, scale: f64) -> Option<Sample> {
        if self.n == 0 || !(scale > 0.0 && scale.is_finite()) {
            return None;
        }
        let n = i128::from(self.n);
        // n sum(x^2) - sum(x)^2 in integers where it fits: no cancellation.
        let spread = match (n.checked_mul(self.squares), self.sum.checked_mul(self.sum)) {
            (Some(all), Some(square)) => (all - square) as f64 / n as f64,
            _ => self.squares as f64 - self.sum as f64 * (self.sum as f64 / n as f64),
        };
        let degrees = (n - 1).max(1) as f64;
        Some(Sample {
            n: n as f64,
            mean: self.sum as f64 / n as f64 / scale,
            variance: (spread / degrees / scale / scale).max(0.0),
        })
    }
}

impl Sample {
    /// The standard error of the mean.
    pub fn standard_error(&self) -> f64 {
        (self.variance / self.n).sqrt()
    }

    /// The interval of the mean of values of at least 0 and at most `most`; for display. `None` below two values.
    ///
    /// It is normal on the logarithm. Losses are skewed: a window that happens to have few of the rare cases, which weigh
    /// much, has a small mean and a small variance, so that an interval of equal reach on both sides ends too low.
    pub fn interval(&self, most: f64, error: f64) -> Option<Interval> {
        let spread = if self.mean > 0.0 { self.standard_error() / self.mean } else { 0.0 };
        let reach = mean_interval(0.0, spread, error).filter(|_| self.n > 1.0)?;
        let at = |reach: f64| self.mean * libm::exp(reach);
        Some(Interval { low: at(reach.low), high: at(reach.high).min(most.max(self.mean)) })
    }

    /// The same with the count divided by an overdispersion factor.
    #[must_use]
    pub fn deflated(&self, phi: f64) -> Self {
        Self { n: self.n / phi.max(1.0), ..*self }
    }
}

/// The test of H0: mean of the window <= mean of the reference + `floor`, for values in [0, range]. A p-value in (0, 1];
/// `gamma` is the chance given to the reference's two bounds. `None` with fewer than two values on a side, or a mean
/// outside the range.
pub fn mean_above(window: &Sample, reference: &Sample, floor: f64, range: f64, gamma: f64) -> Option<f64> {
    let usable = |side: &Sample| side.n >= 2.0 && (0.0..=range).contains(&side.mean) && side.variance.is_finite();
    let terms = floor >= 0.0 && range > 0.0 && range.is_finite() && gamma > 0.0 && gamma < 1.0;
    if !(terms && usable(window) && usable(reference)) {
        return None;
    }
    let cut = |variance: f64, mean: f64| variance.min(mean * (range - mean)).max(0.0);
    // Half of gamma for the variance, half for the mean.
    let share = -libm::log(0.5 * gamma);
    let deviation = reference.variance.sqrt() + range * (2.0 * share / (reference.n - 1.0)).sqrt();
    let bounded = (deviation * deviation).min(0.25 * range * range);
    let edge = reference.mean + bennett_reach(reference.n, bounded, range, share) + floor;
    if window.mean <= edge {
        return Some(1.0);
    }
    // Between one half of the range and the top the product falls, so the cut is taken at its largest below the edge.
    let variance = cut(window.variance.max(bounded), edge.min(0.5 * range));
    let exponent = bennett_exponent(window.n, variance, range, window.mean - edge);
    Some((libm::exp(-exponent) + gamma).min(1.0))
}

/// About the smallest rise of a mean that [`mean_above`] would find at a level: the bounds of both sides and the floor.
/// For display; `None` with fewer than two values on a side.
pub fn smallest_rise(window: &Sample, reference: &Sample, floor: f64, range: f64, terms: Terms) -> Option<f64> {
    let Terms { level, gamma, .. } = terms;
    if window.n < 2.0 || reference.n < 2.0 {
        return None;
    }
    let share = -libm::log(0.5 * gamma);
    let deviation = reference.variance.sqrt() + range * (2.0 * share / (reference.n - 1.0)).sqrt();
    let bounded = (deviation * deviation).min(0.25 * range * range);
    let here = bennett_reach(window.n, window.variance.max(bounded), range, -libm::log((level - gamma).max(1e-300)));
    Some(floor + bennett_reach(reference.n, bounded, range, share) + here).filter(|rise| rise.is_finite())
}

/// The exponent of Bennett's bound for a mean that lies `t` too high.
fn bennett_exponent(n: f64, variance: f64, range: f64, t: f64) -> f64 {
    if variance <= 0.0 {
        return f64::INFINITY;
    }
    let u = t * range / variance;
    // For small u the two parts cancel; u^2 / (2 + 2u/3) is Bernstein's smaller exponent.
    let h = if u < 1e-3 { u * u / (2.0 + 2.0 * u / 3.0) } else { (1.0 + u) * libm::log1p(u) - u };
    n * variance / (range * range) * h
}

/// How far a mean may lie from the truth with chance exp(-share): Bernstein's inversion, which reaches farther than
/// Bennett's.
fn bennett_reach(n: f64, variance: f64, range: f64, share: f64) -> f64 {
    let linear = range * share / (3.0 * n);
    linear + (linear * linear + 2.0 * variance * share / n).sqrt()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sums(values: &[u32]) -> Sums {
        Sums {
            n: values.len() as u64,
            sum: values.iter().map(|&v| i128::from(v)).sum(),
            squares: values.iter().map(|&v| i128::from(v) * i128::from(v)).sum(),
        }
    }

    #[test]
    fn the_level_of_a_two_valued_loss_holds_by_enumeration() {
        // A loss of 0.1 or 5 (range 5) with a rare large value: the worst shape for a normal tail.
        let (small, large, range) = (0.1, 5.0, 5.0);
        let sample = |k: u64, n: u64| {
            let (k, n) = (k as f64, n as f64);
            let spread = large - small;
            let share = k / n;
            Sample {
                n,
                mean: small + share * spread,
                variance: spread * spread * share * (1.0 - share) * n / (n - 1.0),
            }
        };
        let chance = |k: u64, n: u64, p: f64| {
            let choose: f64 = (0..k).map(|i| libm::log((n - i) as f64 / (i + 1) as f64)).sum();
            libm::exp(choose + k as f64 * libm::log(p) + (n - k) as f64 * libm::log1p(-p))
        };
        for p in [0.002, 0.02, 0.2] {
            for level in [0.05, 1e-4, 1e-7] {
                let mut true_level = 0.0;
                for a in 0..=60 {
                    for b in 0..=120 {
                        let found = mean_above(&sample(a, 60), &sample(b, 120), 0.0, range, 0.1 * level).unwrap();
                        if found <= level {
                            true_level += chance(a, 60, p) * chance(b, 120, p);
                        }
                    }
                }
                assert!(true_level <= level, "{p} {level}: {true_level:e}");
            }
        }
    }

    #[test]
    fn a_clear_rise_is_found() {
        let reference = Sample { n: 20_000.0, mean: 0.06, variance: 0.02 };
        let window = Sample { n: 2_000.0, mean: 0.12, variance: 0.03 };
        assert!(mean_above(&window, &reference, 0.005, 1.0, 1e-8).unwrap() < 1e-7);
        let quiet = Sample { mean: 0.064, ..window };
        assert!(mean_above(&quiet, &reference, 0.005, 1.0, 1e-8).unwrap() >= 1.0);
    }

    proptest! {
        #[test]
        fn mean_and_variance_equal_the_naive_ones(values in prop::collection::vec(0_u32..2_000_000, 1..60)) {
            let found = sums(&values).sample(1e6).unwrap();
            let n = values.len() as f64;
            let mean = values.iter().map(|&v| f64::from(v) / 1e6).sum::<f64>() / n;
            let variance = values.iter().map(|&v| (f64::from(v) / 1e6 - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
            prop_assert!((found.mean - mean).abs() < 1e-12 && (found.variance - variance).abs() < 1e-12);
        }

        #[test]
        fn p_is_a_probability_and_grows_with_the_floor(
            a in prop::collection::vec(0_u32..=1_000_000, 0..40), b in prop::collection::vec(0_u32..=1_000_000, 0..40),
            floor in 0.0_f64..0.3,
        ) {
            let (a, b) = (sums(&a).sample(1e6), sums(&b).sample(1e6));
            prop_assert!(sums(&[]).sample(1e6).is_none());
            if let (Some(a), Some(b)) = (a, b) {
                let p = mean_above(&a, &b, floor, 1.0, 1e-6);
                prop_assert_eq!(p.is_none(), a.n < 2.0 || b.n < 2.0);
                if let Some(p) = p {
                    prop_assert!(p > 0.0 && p <= 1.0);
                    prop_assert!(mean_above(&a, &b, 0.5 * floor, 1.0, 1e-6).unwrap() <= p);
                    let weaker = mean_above(&a.deflated(2.0), &b, floor, 1.0, 1e-6);
                    prop_assert!(weaker.is_none_or(|weaker| weaker >= p * (1.0 - 1e-12)));
                }
            }
        }
    }
}
